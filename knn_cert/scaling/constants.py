"""Constants of a fixed scaling, as a user writes them and as arrays with one number for each feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .._printing import listed, quoted
from .._types import BoolArray, FloatArray
from ..gate.arrays import as_float_array
from ..gate.errors import InvalidInput
from ..gate.numbers import is_whole_number

__all__ = ["Constants", "Numbers", "constants_for", "n_features_of", "position_of"]

# One number for all features, one for each of them, or some by the names or the positions of their columns.
Numbers: TypeAlias = "ArrayLike | Mapping[Any, float]"


class Constants(NamedTuple):
    """Checked constants: each array has shape (d,); a unit is NaN where no logarithm is taken."""

    center: FloatArray
    scale: FloatArray
    unit: FloatArray


def constants_for(
    n_features: int,
    names: Sequence[str] | None,
    *,
    center: Numbers,
    scale: Numbers,
    log: Numbers | None,
) -> Constants:
    """Return the constants of so many features, or say what is wrong with them.

    Raises
    ------
    TypeError
        If they are no numbers.
    InvalidInput
        If there are more or fewer of them than features, a name is unknown, a center is not finite, or a
        scale or a unit is not finite and above 0.
    """
    found = Constants(
        _one_each(center, "center", n_features, names, default=0.0),
        _one_each(scale, "scale", n_features, names, default=1.0),
        _one_each(np.nan if log is None else log, "log", n_features, names, default=np.nan),
    )
    _check(np.isfinite(found.center), found.center, "center", "finite", names)
    _check(np.isfinite(found.scale) & (found.scale > 0.0), found.scale, "scale", _POSITIVE, names)
    meant = np.isnan(found.unit) | (np.isfinite(found.unit) & (found.unit > 0.0))
    _check(meant, found.unit, "log", f"{_POSITIVE}, or NaN for no logarithm", names)
    return found


_POSITIVE = "finite and above 0"


def n_features_of(*constants: Numbers | None) -> int | None:
    """Return for how many features constants were written, or None where they do not say."""
    for one in constants:
        if one is not None and not isinstance(one, Mapping) and np.ndim(one) == 1:
            return len(np.asarray(one))
    return None


def position_of(column: object, n_features: int, names: Sequence[str] | None, what: str) -> int:
    """Return the position of a column that is named or counted from 0.

    Raises
    ------
    InvalidInput
        If there is no such column.
    """
    if isinstance(column, str) and names is not None:
        where = [j for j, name in enumerate(names) if name == column]
        if len(where) == 1:
            return where[0]
        if where:
            raise InvalidInput(f"{what} names {quoted(column)}, which {len(where)} columns are called")
    elif is_whole_number(column) and 0 <= column < n_features:
        return int(column)
    known = "they have no names" if names is None else f"they are {listed(names, 8)}"
    raise InvalidInput(
        f"{what} names the column {quoted(column)}, expected one of the {n_features} columns: {known}; "
        f"positions are 0 to {n_features - 1}"
    )


def _one_each(
    numbers: Numbers, what: str, n_features: int, names: Sequence[str] | None, *, default: float
) -> FloatArray:
    if isinstance(numbers, Mapping):
        array = np.full(n_features, default)
        for column, value in numbers.items():
            one = as_float_array(value, f"{what} of column {quoted(column)}")
            if one.shape:
                raise InvalidInput(f"{what} of column {quoted(column)} must be one number, got {len(one)}")
            array[position_of(column, n_features, names, what)] = one
        return array
    given = as_float_array(numbers, what)
    if given.shape not in ((), (n_features,)):
        raise InvalidInput(
            f"{what} must be one number or {n_features}, one for each feature, got an array of shape "
            f"{given.shape}"
        )
    array = np.empty(n_features)
    array[:] = given
    return array


def _check(
    good: BoolArray, values: FloatArray, what: str, expected: str, names: Sequence[str] | None
) -> None:
    if not good.all():
        j = int(np.argmin(good))
        column = j if names is None else names[j]
        raise InvalidInput(f"{what} must be {expected}, got {values[j]:g} for column {quoted(column)}")
