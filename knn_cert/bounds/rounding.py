"""Arithmetic that errs to a known side: rationals are exact, floats move to the next one on that side.

A rational is an int or a fractions.Fraction; arrays of rationals have dtype object. Anything else is
binary64. A float stands for the rational number that it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from numbers import Rational
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from .._types import FloatArray

__all__ = [
    "EPS",
    "FORMULA_ERROR",
    "LARGEST",
    "Array",
    "Either",
    "ExactArray",
    "Number",
    "down",
    "float_above",
    "float_below",
    "group_sums_below",
    "is_exact",
    "plain",
    "power_below",
    "product_below",
    "running_sum_below",
    "scaled_below",
    "up",
]

Number: TypeAlias = Fraction | float
ExactArray: TypeAlias = NDArray[np.object_]
Array: TypeAlias = FloatArray | ExactArray

# A number or an array inside a formula that serves rationals and floats alike: rationals meet rationals in it
# and floats meet floats, which no type can say. No public function returns this.
Either: TypeAlias = Any

# Distance of 1.0 to the next float: an operation errs by at most half of it, relatively.
EPS = float(np.finfo(np.float64).eps)
LARGEST = float(np.finfo(np.float64).max)

# Relative error allowed to a formula of a few operations and functions of the library, each of which errs by
# an eps or two.
FORMULA_ERROR = 16.0 * EPS

# A sum of n non-negative floats, in any order, is at most (1 + (n - 1) 2^-53 + ...) times the true one; twice
# that covers the higher powers (n < 2^26) and the rounding of the factor itself.
_SUM_ERROR = 2.0**-52

# pow() of the C library errs by less than one unit in the last place; eight are allowed, for other libraries.
_POW_ERROR = 2.0**-49


def is_exact(x: object) -> bool:
    """Whether ``x`` is a rational or an array of rationals."""
    return isinstance(x, Rational) or getattr(x, "dtype", None) == np.dtype(object)


@overload
def plain(value: NDArray[np.bool_]) -> bool | NDArray[np.bool_]: ...
@overload
def plain(value: FloatArray) -> float | FloatArray: ...
@overload
def plain(value: Number | Array) -> Number | Array: ...
def plain(value: Either) -> Either:
    """Return the one number that an array without axes holds; anything else as it is."""
    return value.item() if isinstance(value, np.ndarray | np.generic) and not value.ndim else value


@overload
def down(x: Fraction) -> Fraction: ...
@overload
def down(x: float) -> float: ...
@overload
def down(x: FloatArray) -> FloatArray: ...
@overload
def down(x: ExactArray) -> ExactArray: ...
def down(x: Either) -> Either:
    """Return a lower bound of every real number that rounds to ``x``: ``x`` itself if exact."""
    return x if is_exact(x) else np.nextafter(x, -np.inf)


@overload
def up(x: Fraction) -> Fraction: ...
@overload
def up(x: float) -> float: ...
@overload
def up(x: FloatArray) -> FloatArray: ...
@overload
def up(x: ExactArray) -> ExactArray: ...
def up(x: Either) -> Either:
    """Return an upper bound of every real number that rounds to ``x``: ``x`` itself if exact."""
    return x if is_exact(x) else np.nextafter(x, np.inf)


def float_below(x: Number) -> float:
    """Return the largest finite float that is at most the rational ``x``."""
    try:
        nearest = float(x)
    except OverflowError:
        return LARGEST if x > 0 else -math.inf
    return nearest if Fraction(nearest) <= x else float(np.nextafter(nearest, -np.inf))


def float_above(x: Number) -> float:
    """Return the smallest float that is at least the rational ``x``."""
    return -float_below(-x)


@overload
def product_below(x: Fraction, y: Fraction) -> Fraction: ...
@overload
def product_below(x: float, y: float) -> float: ...
@overload
def product_below(x: Number, y: Number) -> Number: ...
@overload
def product_below(x: Number | FloatArray, y: FloatArray) -> FloatArray: ...
@overload
def product_below(x: Number | Array, y: Array) -> Array: ...
def product_below(x: Either, y: Either) -> Either:
    """Return ``x * y`` of non-negative factors: not above the true product, not negative and not infinite."""
    if is_exact(x) and is_exact(y):
        return x * y
    if type(x) is float and type(y) is float:
        return x * y if x == 1.0 or y == 1.0 else math.nextafter(x * y, 0.0)
    with np.errstate(over="ignore", under="ignore"):
        product = np.multiply(x, y)
        lowered: Either = down(product)
        # Products with 1 are exact, and what is certain stays certain.
        below = np.where((np.asarray(x) == 1.0) | (np.asarray(y) == 1.0), product, lowered)
    return np.clip(below, 0.0, LARGEST)


def power_below(x: Number, n: int) -> Number:
    """Return ``x**n`` for 0 <= x <= 1 and an integer n >= 0: not above the true power and not negative."""
    if not isinstance(x, float):
        return x**n
    if n == 0 or x in (0.0, 1.0):
        return 1.0 if n == 0 else x
    if n == 1:
        return x
    return max(float(np.nextafter(x**n * (1.0 - _POW_ERROR), 0.0)), 0.0)


@overload
def running_sum_below(x: FloatArray) -> FloatArray: ...
@overload
def running_sum_below(x: ExactArray) -> ExactArray: ...
def running_sum_below(x: Either) -> Either:
    """Return sums of the first 1, ..., n of the non-negative terms ``x`` (n,), not above the true sums."""
    if is_exact(x):
        return np.cumsum(x)
    additions = np.arange(len(x))
    sums = np.where(additions == 0, x, np.cumsum(x) * (1.0 - _SUM_ERROR * additions))
    # A sum is at least the sum of fewer terms; the allowance must not make it less.
    return np.maximum.accumulate(sums)


def group_sums_below(x: FloatArray, starts: Sequence[int]) -> FloatArray:
    """Return the sums of the non-negative floats x[starts[0]:starts[1]], ..., not above the true sums."""
    sums = np.add.reduceat(x, starts)
    additions = np.diff([*starts, len(x)]) - 1
    return np.where(additions == 0, sums, sums * (1.0 - _SUM_ERROR * additions))


def scaled_below(share: FloatArray, scale: FloatArray) -> float | FloatArray:
    """Return ``share * scale``, less what a formula for the share may err, never infinite."""
    with np.errstate(over="ignore", under="ignore"):
        # the share may be subnormal, where its last place is a large part of it
        product = np.minimum(np.nextafter(share * (1.0 - FORMULA_ERROR), 0.0) * scale, LARGEST)
    radius: FloatArray = np.where(product > 0.0, np.nextafter(product, 0.0), 0.0)
    return plain(radius)
