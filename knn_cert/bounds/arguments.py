"""What callers of this room hand over, checked: rationals, probabilities, counts.

A rational is an int or a fractions.Fraction. A float stands for the rational number that it is.
"""

from __future__ import annotations

from fractions import Fraction
from numbers import Rational

import numpy as np

from .rounding import float_above, float_below

__all__ = ["chance", "count", "probability", "rationals"]


def rationals(*values):
    """The values as Fractions, and whether all of them were rational: results of others become floats.

    Raises
    ------
    TypeError
        If a value is not a real number.
    ValueError
        If a value is NaN or infinite.
    """
    numbers = [_number(value) for value in values]
    return [Fraction(number) for number in numbers], all(isinstance(number, Fraction) for number in numbers)


def probability(name, value, *, exact, side):
    """``value`` as an array of probabilities: Fractions if ``exact``, else floats rounded by ``side``.

    Parameters
    ----------
    name : str
        What the caller calls the value, for messages.
    value : int, float, Fraction or array of them
    exact : bool
        True: an array of dtype object; a float counts as the rational number that it is.
    side : {"below", "above"}
        Which way a Fraction goes where it must become a float.

    Raises
    ------
    TypeError
        If ``value`` is not numeric.
    ValueError
        If a value is NaN or outside [0, 1].
    """
    array = np.asarray(value)
    if array.dtype.kind not in "iufO":
        raise TypeError(
            f"{name} must be a real number, a Fraction or an array of them; got {type(value).__name__}."
        )
    if exact or array.dtype == object:
        exactly = np.empty(array.shape, dtype=object)
        exactly.flat = [Fraction(_number(one, name)) for one in array.ravel().tolist()]
        wrong = [one for one in exactly.flat if not 0 <= one <= 1]
        if wrong:
            raise ValueError(f"{name} must lie in [0, 1]; got {wrong[0]}.")
        if exact:
            return exactly
        rounded = float_below if side == "below" else float_above
        array = np.reshape([rounded(one) for one in exactly.flat], array.shape)
    array = np.asarray(array, dtype=np.float64)
    wrong = ~((array >= 0.0) & (array <= 1.0))
    if np.any(wrong):
        raise ValueError(f"{name} must lie in [0, 1]; got {array[wrong].flat[0]!r}.")
    return array


def chance(name, value):
    """A probability as a Fraction, and whether it was given as a rational; TypeError or ValueError."""
    (p,), exact = rationals(value)
    if not 0 <= p <= 1:
        raise ValueError(f"{name} must lie in [0, 1]; got {float(p)!r}.")
    return p, exact


def count(name, value, *, least=0):
    """``value`` as an int that is at least ``least``; TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer; got {type(value).__name__}.")
    if value < least:
        raise ValueError(f"{name} must be at least {least}; got {value}.")
    return int(value)


def _number(value, name="every value"):
    """A Fraction for a rational, a finite Python float otherwise."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Rational | float):
        raise TypeError(f"{name} must be an int, a float or a Fraction; got {type(value).__name__}.")
    if isinstance(value, float):
        if not np.isfinite(value):
            raise ValueError(f"{name} must be finite; got {value!r}.")
        return value
    return Fraction(value)
