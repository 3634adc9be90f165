"""Tables in files that are read some rows at a time: text and Parquet; other kinds are read whole first."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .._printing import printable
from ..gate.errors import InvalidInput
from .cells import is_missing
from .coding import Coding
from .columns import Select, as_names, selecting_training
from .delimited import TextParts
from .files import PARQUET, TEXT, naming
from .labels import as_labels, text_of
from .layout import Manner
from .parquet import ParquetParts
from .plain import plain_numbers
from .queries import Queries, Wanted
from .raw import Raw
from .source import named, source

__all__ = ["Labels", "QueryStream", "TableStream", "size_of_table", "stream_queries", "stream_table"]


_READ_IN_PARTS = (*PARQUET, *TEXT)


class _Parts(Protocol):
    @property
    def n_rows(self) -> int: ...

    def parts(self, size: int, start: int = 0) -> Iterator[Raw]: ...

    def labels(self, size: int, name: str, start: int = 0) -> Iterator[Raw]: ...


class _Whole(NamedTuple):
    """A table that is in memory already."""

    raw: Raw

    @property
    def n_rows(self) -> int:
        return len(self.raw.places)

    def labels(self, size: int, name: str, start: int = 0) -> Iterator[Raw]:
        return self.parts(size, start)

    def parts(self, size: int, start: int = 0) -> Iterator[Raw]:
        row = np.arange(self.n_rows)
        for first in range(start, self.n_rows, size):
            yield self.raw.only((row >= first) & (row < first + size))


class Labels(NamedTuple):
    """The labels of a table.

    Attributes
    ----------
    classes : ndarray of shape (C,)
        The different ones, increasing.
    counts : ndarray of shape (C,)
        How many rows have each of them.
    meaning : dict
        The label that each text stands for.
    """

    classes: NDArray[Any]
    counts: NDArray[np.int64]
    meaning: dict[str, Any]


class TableStream:
    """A labelled table of numbers in a file, which is never in memory as a whole.

    Attributes
    ----------
    n_rows : int
    feature_names : list of str
    label_name : str
    """

    def __init__(self, path: Any, parts: _Parts) -> None:
        self._path, self._parts = path, parts
        first = next(parts.parts(1))
        self.n_rows = parts.n_rows
        self.feature_names, self.label_name = first.names, str(first.label_name)

    def labels(self, size: int) -> Labels:
        """Read all labels, ``size`` rows at a time.

        Raises
        ------
        InvalidInput
            If one is missing, or they are numbers that are not whole.
        """
        counts: dict[str, int] = {}
        for raw in _each(self._path, self._parts.labels(size, self.label_name)):
            for cell, place in zip(map(text_of, raw.labels), raw.places, strict=True):
                if cell not in counts and is_missing(cell):
                    raise InvalidInput(
                        f"{printable(self._path)}: expected a label in every row, got "
                        f"{printable(cell) or 'an empty one'} in {raw.unit} {place}; correct it, or leave "
                        "the row out"
                    )
                counts[cell] = counts.get(cell, 0) + 1
        with naming(self._path):
            meaning = dict(zip(counts, as_labels(list(counts)).tolist(), strict=True))
        classes, place_of = np.unique(np.array(list(meaning.values())), return_inverse=True)
        rows = np.bincount(place_of, weights=list(counts.values())).astype(np.int64)
        return Labels(classes, rows, meaning)

    def parts(
        self, size: int, meaning: dict[str, Any], start: int = 0
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[Any]]]:
        """Yield features and labels of rows from ``start`` on, ``size`` at a time."""
        for raw in _each(self._path, self._parts.parts(size, start)):
            labels = np.array([meaning[text_of(value)] for value in raw.labels])
            with naming(self._path):
                X = plain_numbers(raw)
            yield X, labels


class QueryStream:
    """Queries in a file.

    Attributes
    ----------
    n_rows : int
        Rows of the file; with a coding that leaves rows out there are fewer queries.
    """

    def __init__(self, path: Any, parts: _Parts, wanted: Wanted, y_train: NDArray[Any]) -> None:
        self._path, self._parts, self._wanted, self._y_train = path, parts, wanted, y_train
        self.n_rows = parts.n_rows

    def parts(self, size: int, start: int = 0) -> Iterator[Queries]:
        """Yield queries from row ``start`` on, of ``size`` rows at a time."""
        for raw in _each(self._path, self._parts.parts(size, start)):
            with naming(self._path):
                queries = self._wanted.part_of(raw, self._y_train, start)
            yield queries
            start += len(raw.places)


@contextlib.contextmanager
def stream_table(
    path: Any,
    label: str | int | None,
    *,
    header: bool = True,
    drop: Collection[str] = (),
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
) -> Iterator[TableStream]:
    """Open a labelled table of numbers; parameters and errors as in `read_table`.

    Raises
    ------
    InvalidInput
        Also where the file is neither text nor Parquet.
    """
    manner = Manner(header, separator, decimal, encoding=encoding)
    with _open_table(path, label, as_names(drop), manner) as stream:
        if isinstance(stream, str):
            with naming(path):
                raise InvalidInput(
                    "expected a training table in text or Parquet, which can be read in parts, got "
                    f"{stream}; save it as CSV or Parquet, or allow more memory (--memory)"
                )
        yield stream


def size_of_table(
    path: Any,
    label: str | int | None,
    *,
    header: bool = True,
    drop: Collection[str] = (),
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
) -> tuple[int, int] | None:
    """Return the number of rows and features of a table, or None where its kind is read whole.

    Parameters and errors as in `stream_table`.
    """
    manner = Manner(header, separator, decimal, encoding=encoding)
    with _open_table(path, label, as_names(drop), manner) as stream:
        return None if isinstance(stream, str) else (stream.n_rows, len(stream.feature_names))


@contextlib.contextmanager
def _open_table(
    path: Any, label: str | int | None, drop: list[str], manner: Manner
) -> Iterator[TableStream | str]:
    """Open a labelled table, or give the kind of one that is read whole."""
    with _open(path, manner) as (file, kind):
        stream: TableStream | str = kind
        with naming(path):
            if kind in _READ_IN_PARTS:
                parts = _parts_of(file, kind, selecting_training(label, drop), manner)
                stream = TableStream(path, parts)
        yield stream


@contextlib.contextmanager
def stream_queries(
    path: Any,
    feature_names: Sequence[str],
    label: str | None,
    *,
    y_train: NDArray[Any],
    header: bool = True,
    drop: Collection[str] = (),
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    coding: Coding | None = None,
) -> Iterator[QueryStream]:
    """Open a table of queries; parameters and errors as in `read_queries`."""
    manner = Manner(header, separator, decimal, encoding=encoding)
    wanted = Wanted.of(feature_names, label, as_names(drop), coding, manner)
    with _open(path, wanted.manner) as (file, kind):
        with naming(path):
            if kind in _READ_IN_PARTS:
                parts = _parts_of(file, kind, wanted.select, wanted.manner)
            else:
                parts = _Whole(wanted.read(file, kind))
        yield QueryStream(path, parts, wanted, y_train)


@contextlib.contextmanager
def _open(path: Any, manner: Manner) -> Iterator[tuple[Any, str]]:
    """Give what `source` does, and leave errors of those alone who work with it."""
    opened = source(path, manner)
    found = opened.__enter__()
    try:
        yield found
    finally:
        opened.__exit__(None, None, None)


def _each(path: Any, parts: Iterator[Raw]) -> Iterator[Raw]:
    """Name the file in what is wrong with a part."""
    while True:
        with naming(path):
            raw = next(parts, None)
        if raw is None:
            return
        yield raw


def _parts_of(file: Any, kind: str, select: Select, manner: Manner) -> _Parts:
    """Return how a file of such a kind is read some rows at a time."""
    return ParquetParts(file, select) if kind in PARQUET else TextParts(file, select, named(file, manner))
