"""A table as its file holds it: columns of numbers or of words, and labels that are not converted yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .cells import is_missing, number

if TYPE_CHECKING:
    from numpy.typing import NDArray


_ROWS_AT_ONCE = 1024


class Words(NamedTuple):
    """A column of text, in which each different cell is kept once.

    Attributes
    ----------
    codes : ndarray of shape (n,), int64
        The place of each row's cell in ``distinct``.
    distinct : list of str
        The different cells, in the order in which they come, without blanks around them.
    kind : str or None
        The kind of all cells where the file says it (a column of dates), else None.
    typed : bool
        Whether the file has types: a number among the words is then a number stored as text.
    """

    codes: NDArray[np.int64]
    distinct: list[str]
    kind: str | None = None
    typed: bool = False

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Whether the cell of each row is missing."""
        return np.array([is_missing(cell) for cell in self.distinct], dtype=bool)[self.codes]

    def first_row(self, code: int) -> int:
        """Return the first row that holds a cell."""
        return int(np.argmax(self.codes == code))


@dataclass(frozen=True, eq=False)
class Raw:
    """The columns of a table that were chosen.

    Attributes
    ----------
    names : list of str
        The names of the features.
    columns : list
        For each feature an array of n numbers, in which NaN is a missing value, or `Words`.
    labels : sequence or None
        One label a row; an empty one is missing.
    label_name : str or None
    unit : str
        What a place counts: "line" or "row".
    places : sequence of int
        Where each row stands in the file.
    decimal : str or None
        The sign in front of decimals in this file, where it is known.
    matrix : ndarray or None
        The columns side by side, where all of them are parts of one array.
    can_encode : bool
        Whether --encode may be offered as a remedy: not for a training table that is read in parts.
    """

    names: list[str]
    columns: Sequence[NDArray[np.float64] | Words]
    labels: Any
    label_name: str | None
    unit: str
    places: Sequence[int]
    decimal: str | None = None
    matrix: NDArray[np.float64] | None = None
    can_encode: bool = True

    def with_columns(self, kept: Sequence[bool]) -> Raw:
        """Return the table of some of its columns."""
        names = [name for name, keep in zip(self.names, kept, strict=True) if keep]
        columns = [column for column, keep in zip(self.columns, kept, strict=True) if keep]
        return replace(self, names=names, columns=columns, matrix=None)

    def only(self, kept: NDArray[np.bool_]) -> Raw:
        """Return the table of some of its rows."""
        rows = np.flatnonzero(kept)
        labels = self.labels
        if labels is not None:
            labels = labels[rows] if isinstance(labels, np.ndarray) else [labels[i] for i in rows.tolist()]
        columns = [
            column._replace(codes=column.codes[rows]) if isinstance(column, Words) else column[rows]
            for column in self.columns
        ]
        places = [self.places[i] for i in rows.tolist()]
        return replace(self, columns=columns, labels=labels, places=places, matrix=None)


def missing_in(column: NDArray[np.float64] | Words) -> NDArray[np.bool_]:
    """Whether the value of each row is missing."""
    return column.missing if isinstance(column, Words) else np.isnan(column)


def words_of(cells: Iterable[str], *, kind: str | None = None, typed: bool = False) -> Words:
    """Return a column of text."""
    place: dict[str, int] = {}
    codes = np.fromiter((place.setdefault(cell.strip(), len(place)) for cell in cells), dtype=np.int64)
    return Words(codes, list(place), kind, typed)


def recoded(codes: NDArray[np.int64], distinct: Iterable[str], *, typed: bool = False) -> Words:
    """Return a column whose different cells are known, but for the blanks around them."""
    merged = words_of(distinct)
    return Words(merged.codes[codes], merged.distinct, None, typed)


def as_numbers(column: Words, decimal: str = ".") -> NDArray[np.float64] | Words:
    """Return a column of text as numbers, NaN where one is missing, if all its other cells are numbers."""
    values = np.empty(len(column.distinct))
    for code, cell in enumerate(column.distinct):
        value = np.nan if is_missing(cell) else number(cell, decimal)
        if value is None:
            return column
        values[code] = value
    return values[column.codes]


def side_by_side(parts: Sequence[NDArray[np.float64]], n_rows: int, n_features: int) -> NDArray[np.float64]:
    """Return the features as one array, row by row; some rows at a time, for these stay in the cache."""
    X = np.empty((n_rows, n_features))
    for start in range(0, n_rows, _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        at = 0
        for part in parts:
            if part.ndim == 1:
                X[rows, at] = part[rows]
                at += 1
            else:
                X[rows, at : at + part.shape[1]] = part[rows]
                at += part.shape[1]
    return X
