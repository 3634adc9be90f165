"""Fixtures of all tests: the shared reference values and the backends, skipped with a reason where absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from knn_cert import kernels

BACKENDS = ("native", "numba", "reference")

# No deadline: the first call of a backend may compile, and the reference backend is slow by design. No
# database: a failing example belongs into the test file, not into a folder of this machine.
settings.register_profile("local", deadline=None, max_examples=20, database=None)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def shared():
    """The folder of reference values and data sets that lies beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: it holds the reference values and data sets")
    return folder


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request):
    """The name of a backend, each that can be imported here."""
    try:
        kernels.get_backend(request.param)
    except ImportError as error:
        pytest.skip(str(error))
    return request.param


@pytest.fixture(scope="session")
def kernel(backend):
    """The module of a backend: the functions of the kernel's contract."""
    return kernels.get_backend(backend)
