# Two commands for everyone: `make demo` and `make test`. Both install into an environment of their own, $(VENV).
PYTHON ?= python3
VENV ?= .venv-make
BIN = $(VENV)/bin
PYTHON_SOURCES := knn_cert tests benchmarks examples setup.py
C_SOURCES := $(shell find csrc -name '*.cpp' -o -name '*.hpp')
SOURCES := pyproject.toml setup.py $(shell find csrc knn_cert -name '*.py' -o -name '*.cpp' -o -name '*.hpp')

.PHONY: demo test bench lint tidy clean

demo: $(VENV)/installed
	$(BIN)/knn-cert certify --dataset breast-cancer --k 5 --sigma 1.0 --out certificates.csv

test: $(VENV)/installed-for-tests
	$(BIN)/pytest -n auto

bench: $(VENV)/installed-for-tests
	$(BIN)/python -m benchmarks.exact.engine
	$(BIN)/python -m benchmarks.threats.figures

lint: $(VENV)/installed-for-lint
	$(BIN)/ruff check $(PYTHON_SOURCES)
	$(BIN)/ruff format --check $(PYTHON_SOURCES)
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $(C_SOURCES)

# Slow, and no part of `lint`: minutes a file.
tidy: $(VENV)/installed-for-lint
	$(BIN)/clang-tidy --quiet csrc/bindings/*.cpp csrc/simd/dispatch.cpp csrc/simd/leaf_baseline.cpp -- \
		-std=c++17 -Icsrc/include $$($(BIN)/python -m pybind11 --includes)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/installed: $(BIN)/python $(SOURCES)
	$(BIN)/python -m pip install --quiet .
	touch $@

$(VENV)/installed-for-tests: $(BIN)/python $(SOURCES)
	KNN_CERT_REQUIRE_NATIVE=1 $(BIN)/python -m pip install --quiet '.[test]'
	touch $@ $(VENV)/installed

# mypy reads the types of the libraries, so they have to be there; they are for the tests.
$(VENV)/installed-for-lint: $(VENV)/installed-for-tests pyproject.toml
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --group lint
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info knn_cert/*.so
