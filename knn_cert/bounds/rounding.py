"""Arithmetic that errs to a known side: rationals are exact, floats move to the next one on that side.

A rational is an int or a fractions.Fraction; arrays of rationals have dtype object. Anything else is
binary64. A float stands for the rational number that it is.
"""

from __future__ import annotations

import math
from fractions import Fraction
from numbers import Rational

import numpy as np

__all__ = [
    "down",
    "float_above",
    "float_below",
    "group_sums_below",
    "is_exact",
    "power_below",
    "product_below",
    "running_sum_below",
    "up",
]

_LARGEST = float(np.finfo(np.float64).max)

# A sum of n non-negative floats, in any order, is at most (1 + (n - 1) 2^-53 + ...) times the true one; twice
# that covers the higher powers (n < 2^26) and the rounding of the factor itself.
_SUM_ERROR = 2.0**-52

# pow() of the C library errs by less than one unit in the last place; eight are allowed, for other libraries.
_POW_ERROR = 2.0**-49


def is_exact(x):
    """Whether ``x`` is a rational or an array of rationals."""
    return isinstance(x, Rational) or getattr(x, "dtype", None) == np.dtype(object)


def down(x):
    """A lower bound of every real number that rounds to ``x``: ``x`` itself if exact."""
    return x if is_exact(x) else np.nextafter(x, -np.inf)


def up(x):
    """An upper bound of every real number that rounds to ``x``: ``x`` itself if exact."""
    return x if is_exact(x) else np.nextafter(x, np.inf)


def float_below(x):
    """The largest finite float that is at most the rational ``x``."""
    try:
        nearest = float(x)
    except OverflowError:
        return _LARGEST if x > 0 else -np.inf
    return nearest if Fraction(nearest) <= x else float(np.nextafter(nearest, -np.inf))


def float_above(x):
    """The smallest float that is at least the rational ``x``."""
    return -float_below(-x)


def product_below(x, y):
    """``x * y`` of non-negative factors, not above the true product, not negative and not infinite."""
    if is_exact(x) and is_exact(y):
        return x * y
    if type(x) is float and type(y) is float:
        return x * y if x == 1.0 or y == 1.0 else math.nextafter(x * y, 0.0)
    with np.errstate(over="ignore", under="ignore"):
        product = np.multiply(x, y)
        # Products with 1 are exact, and what is certain stays certain.
        lowered = np.where((np.asarray(x) == 1.0) | (np.asarray(y) == 1.0), product, down(product))
    return np.clip(lowered, 0.0, _LARGEST)


def power_below(x, n):
    """``x**n`` for 0 <= x <= 1 and an integer n >= 0, not above the true power and not negative."""
    if is_exact(x):
        return x**n
    if n == 0 or x in (0.0, 1.0):
        return 1.0 if n == 0 else x
    if n == 1:
        return x
    return max(float(np.nextafter(x**n * (1.0 - _POW_ERROR), 0.0)), 0.0)


def running_sum_below(x):
    """Sums of the first 1, ..., n of the non-negative terms ``x`` (n,), not above the true sums."""
    if is_exact(x):
        return np.cumsum(x)
    additions = np.arange(len(x))
    sums = np.where(additions == 0, x, np.cumsum(x) * (1.0 - _SUM_ERROR * additions))
    # A sum is at least the sum of fewer terms; the allowance must not make it less.
    return np.maximum.accumulate(sums)


def group_sums_below(x, starts):
    """Sums of the non-negative floats x[starts[0]:starts[1]], ..., not above the true sums."""
    sums = np.add.reduceat(x, starts)
    additions = np.diff([*starts, len(x)]) - 1
    return np.where(additions == 0, sums, sums * (1.0 - _SUM_ERROR * additions))
