"""Missing values: what stands in for them, and rows that are left out because of them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._printing import listed, quoted
from ..gate.errors import InvalidInput
from .cells import is_missing, number
from .doubts import TableWarning
from .labels import text_of
from .raw import Raw, missing_in

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Fills(NamedTuple):
    """The constants that stand in for missing values: of all columns, and of some by their names."""

    default: float | None
    columns: dict[str, float | str]

    def check_names(self, names: Collection[str]) -> None:
        """Raise InvalidInput if a column that is filled is none of these."""
        unknown = [name for name in self.columns if name not in names]
        if unknown:
            raise InvalidInput(
                f"there is no feature {quoted(unknown[0])} to fill; the features are {listed(names)}"
            )

    def of_number(self, name: str) -> float | None:
        """Return the constant of a column of numbers; None: missing values are refused."""
        value = self.columns.get(name, self.default)
        if not isinstance(value, str):
            return value
        found = number(value)
        if found is None or not math.isfinite(found):
            raise InvalidInput(
                f"column {quoted(name)}: expected a finite number to fill in, got {quoted(value)}"
            )
        return found


def as_fills(fill: Any) -> Fills:
    """Return what a user asks for: a number for all columns, or a mapping of column names (None: all others).

    Raises
    ------
    TypeError, InvalidInput
        If it is something else, such as "median".
    """
    entries = fill if isinstance(fill, Mapping) else {} if fill is None else {None: fill}
    columns: dict[str, float | str] = {}
    default = None
    for name, value in entries.items():
        if not (name is None or isinstance(name, str)):
            raise TypeError(f"fill must name columns by texts, got {name!r}")
        if isinstance(value, bool) or not isinstance(value, (int, float, str, np.integer, np.floating)):
            raise TypeError(f"fill must be a number, or for one column also a word, got {value!r}")
        if isinstance(value, str) and name is None:
            raise InvalidInput(
                f"fill must be a number that holds for every column, got {quoted(value)}; medians and the "
                "like come from the table, so that one tampered row would change the others"
            )
        if not isinstance(value, str):
            value = float(value)
            if not math.isfinite(value):
                raise InvalidInput(f"fill must be a finite number, got {value}")
        if name is None:
            default = float(value)
        else:
            columns[name] = value
    return Fills(default, columns)


def as_choice(missing: str) -> bool:
    """Return whether rows with missing values are left out."""
    if missing not in ("refuse", "drop-rows"):
        raise InvalidInput(f"missing must be 'refuse' or 'drop-rows', got {missing!r}")
    return missing == "drop-rows"


def incomplete(raw: Raw) -> NDArray[np.bool_]:
    """Return in which rows a feature or the label is missing: a rule about each row alone."""
    missing = np.zeros(len(raw.places), dtype=bool)
    for column in raw.columns:
        missing |= missing_in(column)
    if raw.labels is not None:
        missing |= np.fromiter((is_missing(text_of(label)) for label in _values(raw.labels)), dtype=bool)
    return missing


def drop_incomplete(raw: Raw) -> Raw:
    """Leave out rows in which a feature or the label is missing: a rule about each row alone.

    Raises
    ------
    InvalidInput
        If no row is left.

    Warns
    -----
    TableWarning
        How many rows were left out.
    """
    missing = incomplete(raw)
    n_dropped = int(missing.sum())
    if not n_dropped:
        return raw
    holes = [int(np.count_nonzero(missing_in(column))) for column in raw.columns]
    most = max(holes, default=0)
    worst = raw.names[holes.index(most)] if most else ""
    if n_dropped == len(missing):
        raise InvalidInput(
            f"expected some row without missing values, got {n_dropped} that all have one; leave columns out "
            f"in which most values are missing (--drop COLUMN), as in {quoted(worst)}, or fill them in"
        )
    warnings.warn(
        f"{n_dropped} of {len(missing)} rows have missing values and are left out; row numbers count those "
        f"that are left{_most_in(most, worst, len(missing))}",
        TableWarning,
        stacklevel=3,
    )
    return raw.only(~missing)


# A column with missing values in more than this share of the rows is named.
_MANY = 0.1


def _most_in(most: int, worst: str, n_rows: int) -> str:
    """Return in which column most values are missing, where those are many rows."""
    if most <= _MANY * n_rows:
        return ""
    return f". {most} of them have none in column {quoted(worst)}: --drop that column to keep them"


def _values(labels: Any) -> Any:
    return labels.tolist() if isinstance(labels, np.ndarray) else labels


def complete(raw: Raw) -> tuple[Raw, NDArray[np.int64]]:
    """Leave out rows with missing values, and return the numbers of the others as well."""
    every = np.asarray(raw.places)
    raw = drop_incomplete(raw)
    return raw, np.searchsorted(every, np.asarray(raw.places))
