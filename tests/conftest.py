"""Fixtures of all tests: reference values, and data sets and backends, skipped with a reason where absent."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pytest
from hypothesis import settings
from two_readers import both_readers

from knn_cert import kernels
from knn_cert.kernels import reference_loops, reference_moves

BACKENDS = ("native", "numba", "reference")

# No deadline: the first call of a backend may compile, and the reference backend is slow by design. No
# database: a failing example belongs into the test file, not into a folder of this machine.
settings.register_profile("local", deadline=None, max_examples=20, database=None)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def oracle_folder():
    """The folder of reference values; they are part of the tests and never absent."""
    return Path(__file__).resolve().parent / "oracle"


@pytest.fixture(scope="session")
def shared():
    """The folder that holds the data sets and may lie beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip(f"{folder} is absent: it holds the data sets")
    return folder


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request):
    """The name of a backend, each that can be imported here; with CI set, each has to be."""
    try:
        kernels.get_backend(request.param)
    except ImportError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    return request.param


@pytest.fixture(scope="session")
def kernel(backend):
    """The module of a backend: the functions of the kernel's contract."""
    return kernels.get_backend(backend)


@pytest.fixture(scope="session", autouse=True)
def _laws_of_the_reference_are_kept():
    """Compute no distance law of the reference backend twice: most of its time is in them.

    A law is a function of three numbers alone, and tests ask for the same ones over and over: by another
    door, for another number of neighbours, a threat or a radius more. What is kept is some 30 MB.
    """
    kept = functools.lru_cache(2**17)(reference_loops.distance_law)
    with pytest.MonkeyPatch.context() as patch:
        for module in (reference_loops, reference_moves):
            patch.setattr(module, "distance_law", kept)
        patch.setattr(reference_loops, "ncx2_tails", functools.lru_cache(2**14)(reference_loops.ncx2_tails))
        yield


@pytest.fixture(scope="session")
def folder_of_benchmarks(tmp_path_factory):
    """A folder with benchmarks/ alone."""
    folder = tmp_path_factory.mktemp("path")
    benchmarks = Path(__file__).resolve().parents[1] / "benchmarks"
    (folder / "benchmarks").symlink_to(benchmarks, target_is_directory=True)
    return folder


@pytest.fixture
def benchmarks_can_be_imported(folder_of_benchmarks, monkeypatch):
    """Put benchmarks/ on the path, in front, for others install a package of this name."""
    # alone, so that knn_cert stays what is installed
    monkeypatch.syspath_prepend(folder_of_benchmarks)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file and returns its path."""

    def _write(content: str | bytes, name: str = "t.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


@pytest.fixture(scope="module", autouse=True)
def _both_readers_of_texts(request):
    """Let pandas and our own reader read every text of the tests of tables, and compare."""
    if not request.module.__name__.rpartition(".")[2].startswith("test_table"):
        yield
        return
    with both_readers():
        yield
