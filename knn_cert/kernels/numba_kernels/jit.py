"""How the numba backend compiles: `kernel` for what Python calls, `inner` for what kernels call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

# No fastmath: sums are ordered as written, infinities and NaN mean what they say. Division by zero gives
# infinity, as in C++, instead of a Python exception.
_OPTIONS = {"error_model": "numpy", "nogil": True}


def inner(function: Callable) -> Any:
    """Compile as part of the kernels that call it; not cached by itself."""
    return njit(**_OPTIONS)(function)


def kernel(function: Callable) -> Any:
    """Compile on the first call, without the GIL, and keep the machine code on disk if that is possible."""
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba finds no folder that it may write to: a read-only installation
        return njit(**_OPTIONS)(function)


# numba's cache notices a change of the file that defines a kernel, not of those whose functions it calls:
# what is older than any source here is removed.
_HERE = Path(__file__).parent
_NEWEST = max(path.stat().st_mtime for path in (*_HERE.glob("*.py"), _HERE.with_name("reference_loops.py")))
for _index in _HERE.glob("__pycache__/*.nbi"):
    try:
        if _index.stat().st_mtime < _NEWEST:
            _index.unlink()
    except OSError:  # not ours to write to, or another process was faster
        pass
