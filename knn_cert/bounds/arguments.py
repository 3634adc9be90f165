"""What callers of this room hand over, checked: rationals, probabilities, numbers and arrays of them.

A rational is an int or a fractions.Fraction. A float stands for the rational number that it is. What has the
wrong type is a TypeError, what has a wrong value an InvalidInput, which is a ValueError.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from numbers import Rational
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._types import FloatArray, WholeArray
from ..gate.errors import InvalidInput
from ..gate.numbers import as_real, as_whole_number
from .rounding import Array, Number, float_above, float_below

__all__ = [
    "SUM_TOLERANCE",
    "InvalidInput",
    "Numbers",
    "as_whole_number",
    "broadcast",
    "chance",
    "check_agreement",
    "check_choice",
    "check_level",
    "law",
    "logarithms",
    "positive_reals",
    "probability",
    "rationals",
    "real",
    "real_probabilities",
    "reals",
    "spendable",
    "successes",
    "whole_numbers",
]

# Several numbers, rational or not.
Numbers: TypeAlias = (
    NDArray[np.floating[Any] | np.integer[Any] | np.object_] | Sequence[Number | Sequence[Number]]
)

# Probabilities given as floats add up to 1 within this; what is further off is a slip.
SUM_TOLERANCE = Fraction(1, 10**9)

# A logarithm that tells another story than the probability beside it by more than this is a slip (a wrong
# base, a tail of another class), not the widening by an error bound.
_STORY_TOLERANCE = 1e-6

_Option = TypeVar("_Option")


# --- rationals, and floats as the rationals that they are ---


def rationals(*values: Number) -> tuple[list[Fraction], bool]:
    """Return the values as Fractions, and whether all of them were rational: results of others become floats.

    Raises
    ------
    TypeError
        If a value is not a real number.
    InvalidInput
        If a value is NaN or infinite.
    """
    numbers = [_number(value, "every value") for value in values]
    return [Fraction(number) for number in numbers], all(isinstance(number, Fraction) for number in numbers)


def chance(value: Number, name: str) -> tuple[Fraction, bool]:
    """Return a probability as a Fraction, and whether it was given as a rational."""
    number = _number(value, name)
    if not 0 <= number <= 1:
        raise InvalidInput(f"{name} must lie in [0, 1], got {float(number)!r}")
    return Fraction(number), isinstance(number, Fraction)


def law(values: Iterable[Number], name: str) -> tuple[list[Fraction], bool]:
    """Return probabilities as Fractions that add up to 1, and whether they were given as such."""
    exactly, exact = rationals(*values)
    if any(value < 0 for value in exactly):
        raise InvalidInput(f"{name} must not be negative, got {float(min(exactly))!r}")
    total = sum(exactly, Fraction(0))
    if total != 1 and (exact or abs(total - 1) > SUM_TOLERANCE):
        raise InvalidInput(f"{name} must add up to 1, got {total if exact else float(total)}")
    return [value / total for value in exactly], exact


def probability(value: object, name: str, *, exact: bool, side: Literal["below", "above"]) -> Array:
    """Return probabilities as an array: Fractions if ``exact``, else floats rounded by ``side``.

    Parameters
    ----------
    value : int, float, Fraction or array of them
    name : str
        What the caller calls the value, for messages.
    exact : bool
        True: an array of dtype object; a float counts as the rational number that it is.
    side : {"below", "above"}
        Which way a Fraction goes where it must become a float.

    Raises
    ------
    TypeError
        If ``value`` is not numeric.
    InvalidInput
        If a value is NaN or outside [0, 1].
    """
    array = np.asarray(value)
    if array.dtype.kind not in "iufO":
        raise TypeError(
            f"{name} must be a real number, a Fraction or an array of them, got {_described(value, array)}"
        )
    if exact or array.dtype == object:
        exactly = [Fraction(_number(one, name)) for one in array.ravel().tolist()]
        wrong = [one for one in exactly if not 0 <= one <= 1]
        if wrong:
            raise InvalidInput(f"{name} must lie in [0, 1], got {wrong[0]}")
        if exact:
            fractions = np.empty(len(exactly), dtype=object)
            fractions[:] = exactly
            return fractions.reshape(array.shape)
        rounded = float_below if side == "below" else float_above
        array = np.reshape([rounded(one) for one in exactly], array.shape)
    return _within_0_and_1(np.asarray(array, dtype=np.float64), name)


def _number(value: object, name: str) -> Fraction | float:
    """Return a Fraction for a rational, a finite Python float otherwise."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Rational | float):
        raise TypeError(f"{name} must be an int, a float or a Fraction, got {type(value).__name__}")
    if isinstance(value, float):
        if not np.isfinite(value):
            raise InvalidInput(f"{name} must be finite, got {value!r}")
        return value
    return Fraction(value)


# --- single numbers ---


def real(value: object, name: str) -> float:
    """Return one real number as a float."""
    return as_real(value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value, name)


def check_level(alpha: object) -> float:
    """Return alpha as a float strictly between 0 and 1."""
    level = real(alpha, "alpha")
    if not 0.0 < level < 1.0:
        raise InvalidInput(f"alpha must lie strictly between 0 and 1, got {level!r}")
    return level


def check_choice(value: object, name: str, choices: Sequence[str]) -> None:
    """Raise InvalidInput unless the value is one of the choices, at least two."""
    if not isinstance(value, str) or value not in choices:
        named = [f'"{choice}"' for choice in choices]
        raise InvalidInput(f"{name} must be {', '.join(named[:-1])} or {named[-1]}, got {value!r}")


# --- arrays ---


def reals(value: object, name: str) -> FloatArray:
    """Return real numbers as an array of floats."""
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise TypeError(
            f"{name} must be a real number or an array of real numbers, got {_described(value, array)}"
        )
    return array.astype(np.float64)


def real_probabilities(value: object, name: str) -> FloatArray:
    """Return probabilities that are floats as an array."""
    return _within_0_and_1(reals(value, name), name)


def positive_reals(value: object, name: str) -> FloatArray:
    """Return positive, finite numbers as an array of floats."""
    array = reals(value, name)
    wrong = ~((array > 0.0) & np.isfinite(array))
    if np.any(wrong):
        raise InvalidInput(f"{name} must be positive and finite, got {float(array[wrong][0])!r}")
    return array


def logarithms(value: object, name: str) -> FloatArray:
    """Return logarithms of probabilities as an array; -inf (nothing known) where ``value`` is None."""
    if value is None:
        return np.asarray(-np.inf)
    array = reals(value, name)
    wrong = ~(array <= 0.0)
    if np.any(wrong):
        raise InvalidInput(
            f"{name} must be the natural logarithm of a probability, at most 0, got "
            f"{float(array[wrong][0])!r}"
        )
    return array


def check_agreement(log_p: FloatArray, log_name: str, p: FloatArray, name: str) -> None:
    """Raise InvalidInput where a finite logarithm is not that of the probability beside it."""
    differs = np.isfinite(log_p) & (np.abs(np.exp(log_p) - p) > _STORY_TOLERANCE)
    if np.any(differs):
        raise InvalidInput(
            f"{log_name} must be the natural logarithm of {name}, got exp({float(log_p[differs][0])!r}) "
            f"beside {float(p[differs][0])!r}"
        )


def whole_numbers(value: object, name: str, *, least: int | None = None) -> WholeArray:
    """Return whole numbers as an array of int64, none of them below ``least``.

    Narrower integers are widened: the square root of an int8 would be a float of 16 bits.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"{name} must be a whole number or an array of whole numbers, got {_described(value, array)}"
        )
    # Compared as Python's integers: NumPy may make floats of unsigned and signed ones.
    if least is not None and array.size and int(array.min()) < least:
        raise InvalidInput(f"{name} must be at least {least}, got {array.min()}")
    if array.size and int(array.max()) >= 2**63:
        raise InvalidInput(f"{name} must be below 2**63, got {array.max()}")
    return array.astype(np.int64)


def broadcast(**arrays: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Return the arrays, in their order, with the shape that they have together."""
    try:
        return np.broadcast_arrays(*arrays.values())
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items() if array.ndim)
        raise InvalidInput(f"shapes must broadcast to one another, got {shapes}") from None


def successes(k: object, n: object) -> tuple[WholeArray, WholeArray]:
    """Return numbers of successes, each from 0 to n, and of trials, each at least 1, with one shape."""
    k, n = broadcast(k=whole_numbers(k, "k"), n=whole_numbers(n, "n", least=1))
    outside = (k < 0) | (k > n)
    if np.any(outside):
        raise InvalidInput(f"k must lie between 0 and n, got {k[outside][0]} of {n[outside][0]}")
    return k, n


def _within_0_and_1(array: FloatArray, name: str) -> FloatArray:
    wrong = ~((array >= 0.0) & (array <= 1.0))
    if np.any(wrong):
        raise InvalidInput(f"{name} must lie in [0, 1], got {float(array[wrong][0])!r}")
    return array


def _described(value: object, array: NDArray[Any]) -> str:
    return type(value).__name__ if array.ndim == 0 else f"an array of dtype {array.dtype}"


# --- attackers ---


def spendable(options: Iterable[Iterable[_Option]], budget: object) -> tuple[list[list[_Option]], int]:
    """Return the positions that can be changed, and the budget that can be spent on them."""
    positions = [list(choices) for choices in options]
    positions = [choices for choices in positions if choices]
    return positions, min(as_whole_number(budget, "budget", least=0), len(positions))
