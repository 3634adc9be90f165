"""Queries: tables whose columns have the names of a training table's, read by the coding of that table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._printing import listed
from ..gate.errors import InvalidInput
from .coding import Coding
from .columns import as_names, select_queries
from .labels import as_labels
from .layout import Manner
from .missing import complete, incomplete
from .npz import read_npz
from .plain import plain_numbers
from .raw import Raw
from .source import read_raw, source

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Queries(NamedTuple):
    """Rows to certify.

    Attributes
    ----------
    X : ndarray of shape (m, d), float64
        Finite numbers, columns in the order of the training table's features.
    y : ndarray of shape (m,), or None
        Labels, if the file has any.
    row_numbers : ndarray of shape (m,)
        Which rows of the file these are, from 0.
    """

    X: NDArray[np.float64]
    y: NDArray[Any] | None
    row_numbers: NDArray[np.int64]


class Wanted(NamedTuple):
    """What is read of a table of queries, and how."""

    columns: list[str]
    in_order: list[str]  # the columns of a file without names
    label: str | None
    drop: list[str]
    coding: Coding | None
    manner: Manner

    @classmethod
    def of(
        cls,
        feature_names: Sequence[str],
        label: str | None,
        drop: list[str],
        coding: Coding | None,
        manner: Manner,
    ) -> Wanted:
        """Return what has to be read, so that a coding makes these features of it."""
        if coding is None:
            return cls(list(feature_names), list(feature_names), label, drop, None, manner)
        if coding.feature_names != list(feature_names):
            raise InvalidInput(
                f"expected the features of the coding ({listed(coding.feature_names)}), got "
                f"{listed(feature_names)}"
            )
        in_order = [column.name for column in coding.columns]
        left_out, manner = [*drop, *coding.left_out], _as_coded(coding, manner)
        return cls(coding.column_names, in_order, label, left_out, coding, manner)

    def select(self, names: list[str]) -> tuple[list[int], int | None]:
        """Return the positions of the columns that are read, and of the label if there is one."""
        if not self.manner.header and len(names) == len(self.in_order):
            position = {name: j for j, name in enumerate(self.in_order)}
            return [position[name] for name in self.columns], None
        return select_queries(names, self.columns, self.label, self.drop)

    def read(self, file: Any, kind: str) -> Raw:
        """Read what `source` gave."""
        if kind != ".npz":
            return read_raw(file, kind, self.select, self.manner)
        arrays = read_npz(file, self.label or "y", required=False, complete=self.coding is None)
        return arrays.wanted(self.columns, self.drop).as_raw()

    def queries_of(self, raw: Raw, y_train: NDArray[Any] | None) -> Queries:
        """Return a table as queries."""
        row_numbers = np.arange(len(raw.places))
        if self.coding is not None and self.coding.drop_missing:
            raw, row_numbers = complete(raw)
        return self._coded(raw, y_train, row_numbers)

    def part_of(self, raw: Raw, y_train: NDArray[Any] | None, start: int) -> Queries:
        """Return some rows of a table, the first of which is number ``start``; perhaps none is left."""
        row_numbers = start + np.arange(len(raw.places))
        if self.coding is not None and self.coding.drop_missing:
            left = ~incomplete(raw)
            if not left.any():
                return Queries(np.empty((0, len(self.coding.feature_names))), None, row_numbers[:0])
            if not left.all():
                raw, row_numbers = raw.only(left), row_numbers[left]
        return self._coded(raw, y_train, row_numbers)

    def _coded(self, raw: Raw, y_train: NDArray[Any] | None, row_numbers: NDArray[np.int64]) -> Queries:
        X = plain_numbers(raw) if self.coding is None else self.coding.apply(raw)
        y = None if raw.labels is None else as_labels(raw.labels, y_train)
        return Queries(X, y, row_numbers)


def read_queries(
    path: Any,
    feature_names: Sequence[str],
    label: str | None = None,
    *,
    y_train: NDArray[Any] | None = None,
    header: bool = True,
    drop: Collection[str] = (),
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    coding: Coding | None = None,
) -> Queries:
    """Read a table of queries whose columns have the names of a training table's.

    Parameters
    ----------
    path : path-like or data frame
        As in `read_table`.
    feature_names : sequence of str
        The training table's features. Columns may come in any order; an NPZ file without ``feature_names``,
        and a file without a header line and without labels, is taken in its own order.
    label : str, optional
        The training table's label name. The column may be absent. (An NPZ file without an array of this name
        gives its ``y``, if it has one.)
    y_train : ndarray, optional
        The training labels: labels are then given in their type, so that the two can be compared.
    header, drop, separator, decimal, encoding
        As in `read_table`; a column that is left out may be absent.
    coding : Coding, optional
        The training table's coding: columns become features in the same way, missing values are filled or
        their rows left out as there, and columns that it leaves out may be absent.

    Returns
    -------
    Queries

    Raises
    ------
    ValueError
        If columns are missing or superfluous, if the coding makes other features, or for the reasons of
        `read_table`.
    FileNotFoundError, OSError, ImportError
        As in `read_table`.

    Warns
    -----
    TableWarning
        If words are no category of the coding (their features are all 0), or rows are left out.
    """
    manner = Manner(header, separator, decimal, encoding=encoding)
    wanted = Wanted.of(feature_names, label, as_names(drop), coding, manner)
    with source(path, wanted.manner) as (file, kind):
        return wanted.queries_of(wanted.read(file, kind), y_train)


def _as_coded(coding: Coding, manner: Manner) -> Manner:
    """Add how the file of the training table was read."""
    # What a point in front of three digits means has been settled there.
    signs = {column.decimal for column in coding.columns if column.encoded and column.features}
    return manner._replace(
        encode=any(column.encoded for column in coding.columns),
        likely_decimal="," if signs == {","} else None,
        words=frozenset(column.name for column in coding.columns if column.is_written),
    )
