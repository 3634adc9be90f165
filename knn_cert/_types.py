"""Types of numbers and arrays that public functions take and return: names for type checkers, nothing else.

With them overloads can say that a number in gives a number out, and an array an array. An array without axes
counts as a number when a program runs; to a type checker it is an array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["BoolArray", "FloatArray", "Real", "Reals", "Whole", "WholeArray", "Wholes"]

FloatArray: TypeAlias = NDArray[np.float64]
WholeArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]

# One real or whole number, several of them.
Real: TypeAlias = float | np.floating[Any] | np.integer[Any]
Reals: TypeAlias = NDArray[np.floating[Any] | np.integer[Any]] | Sequence[float | Sequence[float]]
Whole: TypeAlias = int | np.integer[Any]
Wholes: TypeAlias = NDArray[np.integer[Any]] | Sequence[int | Sequence[int]]
