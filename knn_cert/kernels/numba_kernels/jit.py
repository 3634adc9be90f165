"""How the numba backend compiles: `kernel` for what Python calls, `inner` and `merged` for what kernels call.

Machine code of kernels is cached on disk where a folder can be written to, else compiled anew in each
process.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from numba import njit
from numba.core import types
from numba.extending import intrinsic

# No fastmath: sums are ordered as written, infinities and NaN mean what they say. Division by zero gives
# infinity, as in C++, instead of a Python exception. Kernels allocate nothing: without numba's reference
# counts ("_nrt") for every array in every tuple they compile in a third of the time.
_OPTIONS = {"error_model": "numpy", "fastmath": False, "nogil": True, "_nrt": False}


def inner(function):
    """Compile as part of the kernels that call it; not cached by itself."""
    return njit(**_OPTIONS)(function)


def merged(function):
    """Compile as part of its caller's text: for functions that are called in one place.

    numba hands an `inner` function, with all that it calls, to LLVM anew for every layer of callers above it.
    """
    return njit(inline="always", **_OPTIONS)(function)


def kernel(function):
    """Compile on the first call, without the GIL."""
    # numba's cache notices a change of the file that defines a kernel, but not of those with the functions it
    # calls, and fails where a class that its files mention is gone: so each state of the sources has its own
    # name, and with it files of its own.
    function.__qualname__ += "_" + _SOURCES
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba finds no folder that it may write to: a read-only installation
        return njit(**_OPTIONS)(function)


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


_SOURCES = _digest_of_sources()


@intrinsic
def variable(typing_context, value):
    """A whole number as an int64; numba compiles an `inner` function anew for every constant it is handed."""

    def generate(context, builder, signature, args):
        return context.cast(builder, args[0], signature.args[0], types.int64)

    return types.int64(value), generate
