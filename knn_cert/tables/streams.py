"""Tables in files that are read some rows at a time: text and Parquet; other kinds are read whole first."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .._printing import printable, quoted
from ..gate.errors import InvalidInput
from .cells import is_missing
from .coding import Coding
from .columns import Select, as_names, selecting_training
from .delimited import TextParts
from .files import PARQUET, TEXT, naming
from .labels import as_labels, cells_of_labels
from .layout import Manner
from .lines import Progress
from .missing import as_choice, as_fills, incomplete
from .parquet import ParquetParts
from .plain import plain_coding, plain_numbers
from .queries import Queries, Wanted
from .raw import Raw
from .source import named, source

__all__ = ["Labels", "QueryStream", "TableStream", "stream_or_none", "stream_queries", "stream_table"]


_READ_IN_PARTS = (*PARQUET, *TEXT)


class _Parts(Protocol):
    def count(self, progress: Progress | None = None) -> int: ...

    def parts(self, size: int, start: int = 0) -> Iterator[Raw]: ...


class _LabelledParts(_Parts, Protocol):
    def first(self) -> Raw: ...

    def labels(self, size: int, name: str, start: int = 0) -> Iterator[Raw]: ...

    def check_labels(self, labels: list[str]) -> None: ...


class _Whole(NamedTuple):
    """A table that is in memory already."""

    raw: Raw

    def count(self, progress: Progress | None = None) -> int:
        return len(self.raw.places)

    def parts(self, size: int, start: int = 0) -> Iterator[Raw]:
        row = np.arange(self.count())
        for first in range(start, len(row), size):
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
    feature_names : list of str
    label_name : str
    coding : Coding or None
        What stands in for missing values, or that rows with one are left out: for `stream_queries`.
    """

    def __init__(
        self, path: Any, parts: _LabelledParts, fill: Any = None, *, drop_missing: bool = False
    ) -> None:
        self._path, self._parts, self._drop_missing = path, parts, drop_missing
        first = parts.first()
        self.feature_names, self.label_name = first.names, str(first.label_name)
        self.coding: Coding | None = None
        if fill is not None or drop_missing:
            fills = as_fills(fill)
            fills.check_names(first.names)
            self.coding = plain_coding(first.names, fills.of_number, drop_missing=drop_missing)

    @property
    def n_rows(self) -> int:
        """Number of rows of the file, also of those that are left out."""
        return self.count()

    def count(self, progress: Progress | None = None) -> int:
        """Return `n_rows`; the first time a file of text is read for it, as ``progress`` is told."""
        with naming(self._path):
            return self._parts.count(progress)

    def labels(self, size: int, progress: Progress | None = None) -> Labels:
        """Read all labels, ``size`` rows at a time.

        Parameters
        ----------
        size : int
        progress : callable(done, total), optional
            Told how many rows are read.

        Raises
        ------
        InvalidInput
            If one is missing, or they are numbers that are not whole; if all rows are left out.
        """
        counts: dict[str, int] = {}
        n_rows, done = self.count(), 0
        for raw in self._for_labels(size):
            done += len(raw.places)
            kept = self._kept(raw)
            for cell, place in zip(cells_of_labels(kept.labels), kept.places, strict=True):
                if cell not in counts and is_missing(cell):
                    raise InvalidInput(
                        f"{printable(self._path)}: expected a label in every row, got "
                        f"{printable(cell) or 'an empty one'} in {raw.unit} {place}; correct it, or leave "
                        "such rows out (--drop-missing)"
                    )
                counts[cell] = counts.get(cell, 0) + 1
            if progress is not None:
                progress(done, n_rows)
        with naming(self._path):
            if not counts:
                raise InvalidInput("expected some row without missing values, got none")
            self._parts.check_labels(list(counts))
            meaning = dict(zip(counts, as_labels(list(counts)).tolist(), strict=True))
        classes, place_of = np.unique(np.array(list(meaning.values())), return_inverse=True)
        rows = np.bincount(place_of, weights=list(counts.values())).astype(np.int64)
        return Labels(classes, rows, meaning)

    def parts(
        self, size: int, meaning: dict[str, Any], start: int = 0
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[Any]]]:
        """Yield features and labels of rows from ``start`` on, ``size`` at a time, without those left out."""
        kind = np.array(list(meaning.values())).dtype
        for whole in _each(self._path, self._parts.parts(size, start)):
            raw = self._kept(whole)
            cells = cells_of_labels(raw.labels)
            with naming(self._path):
                try:
                    labels = np.array([meaning[cell] for cell in cells], dtype=kind)
                except KeyError as error:
                    (unknown,) = error.args
                    raise InvalidInput(
                        "expected the labels that the table had when they were counted, got "
                        f"{quoted(unknown)} in {raw.unit} {raw.places[cells.index(unknown)]}; leave the "
                        "table alone until the work is done, and start anew"
                    ) from None
                X = np.empty((0, len(self.feature_names)))
                if len(raw.places):
                    X = plain_numbers(raw) if self.coding is None else self.coding.apply(raw)
            yield X, labels

    def _for_labels(self, size: int) -> Iterator[Raw]:
        """Yield rows for their labels, or with all that tells which of them are left out."""
        found = self._parts.parts(size) if self._drop_missing else self._parts.labels(size, self.label_name)
        return _each(self._path, found)

    def _kept(self, raw: Raw) -> Raw:
        """Return the rows that are not left out."""
        raw = replace(raw, can_encode=False)
        left = ~incomplete(raw) if self._drop_missing else None
        return raw if left is None or left.all() else raw.only(left)


class QueryStream:
    """Queries in a file."""

    def __init__(
        self, path: Any, parts: _Parts, wanted: Wanted, y_train: NDArray[Any] | None, *, can_encode: bool
    ) -> None:
        self._path, self._parts, self._wanted, self._y_train = path, parts, wanted, y_train
        self._can_encode = can_encode

    @property
    def n_rows(self) -> int:
        """Number of rows of the file; with a coding that leaves rows out there are fewer queries."""
        return self.count()

    def count(self, progress: Progress | None = None) -> int:
        """Return `n_rows`; the first time a file of text is read for it, as ``progress`` is told."""
        with naming(self._path):
            return self._parts.count(progress)

    def knowing(self, y_train: NDArray[Any], *, can_encode: bool) -> QueryStream:
        """Return the same queries, their labels in the type of these; see `stream_queries`."""
        return QueryStream(self._path, self._parts, self._wanted, y_train, can_encode=can_encode)

    def parts(self, size: int, start: int = 0) -> Iterator[Queries]:
        """Yield queries from row ``start`` on, of ``size`` rows at a time."""
        for raw in _each(self._path, self._parts.parts(size, start)):
            raw = replace(raw, can_encode=self._can_encode)
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
    fill: Any = None,
    missing: str = "refuse",
) -> Iterator[TableStream]:
    """Open a labelled table of numbers; parameters and errors as in `read_table`.

    Raises
    ------
    InvalidInput
        Also where the file is neither text nor Parquet.
    """
    opened = stream_or_none(
        path,
        label,
        header=header,
        drop=drop,
        separator=separator,
        decimal=decimal,
        encoding=encoding,
        fill=fill,
        missing=missing,
    )
    with opened as stream:
        if stream is None:
            with naming(path):
                raise InvalidInput(
                    "expected a training table in text or Parquet, which can be read in parts, got another "
                    "kind; save it as CSV or Parquet, or allow more memory (--memory)"
                )
        yield stream


@contextlib.contextmanager
def stream_or_none(
    path: Any,
    label: str | int | None,
    *,
    header: bool = True,
    drop: Collection[str] = (),
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    encode: bool = False,
    fill: Any = None,
    missing: str = "refuse",
) -> Iterator[TableStream | None]:
    """Open a table as `stream_table` does, or give None where its kind is read whole.

    With ``encode`` its rows can be counted alone: what becomes of its columns, the whole table tells.
    """
    manner = Manner(header, separator, decimal, encode=encode, encoding=encoding)
    drop_missing = as_choice(missing)
    with _open(path, manner) as (file, kind):
        stream = None
        with naming(path):
            if kind in _READ_IN_PARTS:
                chosen = selecting_training(label, as_names(drop))
                parts = _parts_of(file, kind, chosen, manner)
                stream = TableStream(path, parts, None if encode else fill, drop_missing=drop_missing)
        yield stream


@contextlib.contextmanager
def stream_queries(
    path: Any,
    feature_names: Sequence[str],
    label: str | None,
    *,
    y_train: NDArray[Any] | None = None,
    header: bool = True,
    drop: Collection[str] = (),
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    coding: Coding | None = None,
    can_encode: bool = True,
) -> Iterator[QueryStream]:
    """Open a table of queries; parameters and errors as in `read_queries`.

    With ``can_encode`` False no error offers --encode, which a training table in parts has not.
    """
    manner = Manner(header, separator, decimal, encoding=encoding)
    wanted = Wanted.of(feature_names, label, as_names(drop), coding, manner)
    with _open(path, wanted.manner) as (file, kind):
        with naming(path):
            if kind in _READ_IN_PARTS:
                parts: _Parts = _parts_of(file, kind, wanted.select, wanted.manner)
            else:
                parts = _Whole(wanted.read(file, kind))
        yield QueryStream(path, parts, wanted, y_train, can_encode=can_encode)


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


def _parts_of(file: Any, kind: str, select: Select, manner: Manner) -> _LabelledParts:
    """Return how a file of such a kind is read some rows at a time."""
    return ParquetParts(file, select) if kind in PARQUET else TextParts(file, select, named(file, manner))
