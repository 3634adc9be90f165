# Two commands for everyone: `make demo` and `make test`. Both install into an environment of their own, $(VENV).
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
SOURCES := pyproject.toml setup.py $(shell find csrc knn_cert -name '*.py' -o -name '*.cpp' -o -name '*.hpp')

.PHONY: demo test bench lint clean

demo: $(VENV)/installed
	$(BIN)/knn-cert certify --dataset breast-cancer --k 5 --sigma 1.0 --out certificates.csv

test: $(VENV)/installed-for-tests
	$(BIN)/pytest -n auto

bench: $(VENV)/installed-for-tests
	$(BIN)/python -m benchmarks.exact.engine
	$(BIN)/python -m benchmarks.threats.figures

lint: $(VENV)/installed-for-tests
	$(BIN)/ruff check knn_cert tests benchmarks examples setup.py

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/installed: $(BIN)/python $(SOURCES)
	$(BIN)/python -m pip install --quiet .
	touch $@

$(VENV)/installed-for-tests: $(BIN)/python $(SOURCES)
	KNN_CERT_REQUIRE_NATIVE=1 $(BIN)/python -m pip install --quiet '.[test]'
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) build dist *.egg-info knn_cert/*.so
