"""Tables from files of text: cells between separators, with a header line or without one."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..gate.errors import InvalidInput
from . import quick
from .cells import is_missing, number
from .columns import Select
from .headers import check_label_name
from .layout import Layout, Manner, layout_of
from .lines import Progress, open_text
from .raw import Raw, Words, as_numbers, words_of
from .separators import BLANKS, Row, cells_of

_CELLS_AT_ONCE = 1 << 13  # held as text at one time: what the cache of a core takes
_ROWS_THAT_TELL = 1 << 12  # the sign in front of decimals, where a file is read in parts
_FEWEST_ROWS_AT_ONCE = 16  # so that what is done once a column counts little

# Which reader parses: "auto", "own" or "pandas" (each file for which there is no doubt). For the tests.
_reader = "auto"


def read_delimited(file: Path, select: Select, manner: Manner) -> Raw:
    """Read the columns that ``select`` chooses; without a header they are called 0, 1, 2, ..."""
    layout = layout_of(file, select, manner)
    raw, decimal = _read(file, layout), manner.decimal or manner.likely_decimal
    if decimal is None and layout.separator != "," and _has_decimal_commas(raw):
        decimal = ","
        raw = _read(file, layout._replace(decimal=decimal))
    raw = replace(raw, decimal=decimal)
    if manner.header and layout.label is not None:
        check_label_name(layout.names[layout.label], raw.names, raw.labels)
    return raw


def _read(file: Path, layout: Layout) -> Raw:
    raw = None
    # Runs of blanks are for our own reader.
    if (
        _reader != "own"
        and layout.separator != BLANKS
        and (_reader == "pandas" or quick.pays(file, len(layout.names)))
    ):
        raw = quick.read_quickly(file, layout)
    if raw is None:
        return _read_ourselves(file, layout)
    return raw


def _has_decimal_commas(raw: Raw) -> bool:
    """Whether every cell with a comma is a number with one, some cell cannot be a number of thousands, and no
    cell is a number with a decimal point.
    """
    commas = [
        cell for column in raw.columns if isinstance(column, Words) for cell in column.distinct if "," in cell
    ]
    if not commas or any(number(cell, ",") is None for cell in commas):
        return False
    points = any(
        number(cell) is not None and "." in cell
        for column in raw.columns
        if isinstance(column, Words)
        for cell in column.distinct
    )
    points = points or any(
        bool((column != np.floor(column))[np.isfinite(column)].any())
        for column in raw.columns
        if not isinstance(column, Words)
    )
    return not points and not all(_may_be_thousands(cell) for cell in commas)


def _may_be_thousands(cell: str) -> bool:
    whole, _, rest = cell.lstrip("+-").partition(",")
    return 1 <= len(whole) <= 3 and whole.isdigit() and whole[0] != "0" and len(rest) == 3 and rest.isdigit()


class TextParts:
    """A file of text, read some rows at a time.

    Where nobody says which sign stands in front of decimals, the first rows tell, and a later row that has
    another one is refused.
    """

    def __init__(self, file: Path, select: Select, manner: Manner) -> None:
        self._file = file
        self._n_rows: int | None = None
        self._is_plain = False
        layout = layout_of(file, select, manner)
        if (manner.decimal or manner.likely_decimal) is None and layout.separator != ",":
            first = next(_own_parts(file, layout, _ROWS_THAT_TELL, 0))
            if _has_decimal_commas(first):
                layout = layout._replace(decimal=",")
        self._layout, self._has_header = layout, manner.header

    def first(self) -> Raw:
        """Return the first row."""
        return next(_own_parts(self._file, self._layout, 1, 0))

    def check_labels(self, labels: list[str]) -> None:
        """Refuse a header that is one of the rows: ``labels`` are the different ones."""
        if self._has_header and self._layout.label is not None:
            names = [self._layout.names[j] for j in self._layout.features]
            check_label_name(self._layout.names[self._layout.label], names, labels)

    def count(self, progress: Progress | None = None) -> int:
        """Return the number of rows, for which the file is read once."""
        if self._n_rows is None:
            plain = None
            if _reader != "own" and self._layout.separator != BLANKS and find_spec("pandas") is not None:
                with contextlib.suppress(InvalidInput, EOFError, OSError):  # said by our own reader
                    plain = quick.count_plain_rows(self._file, self._layout, progress)
            if plain is None:
                self._n_rows = sum(map(len, _blocks(self._file, self._layout, progress)))
            else:
                self._n_rows, self._is_plain = plain, True
        return self._n_rows

    def parts(self, size: int, start: int = 0) -> Iterator[Raw]:
        """Yield rows from ``start`` on, ``size`` at a time, the last ones perhaps fewer."""
        n_rows = self.count()
        if self._is_plain:
            for raw in quick.read_quickly_in_parts(self._file, self._layout, size, start):
                yield replace(raw, decimal=self._layout.decimal)
                start += len(raw.places)
        if start < n_rows:
            yield from _own_parts(self._file, self._layout, size, start)

    def labels(self, size: int, name: str, start: int = 0) -> Iterator[Raw]:
        """Yield rows for their labels."""
        return self.parts(size, start)


# --- our own reader -----------------------------------------------------------------------------------------


def _read_ourselves(file: Path, layout: Layout) -> Raw:
    """Read numbers in one pass, and columns of text in a second one."""
    numbers = _Numbers(layout)
    labels: list[str] = []
    lines = array("q")
    for block in _blocks(file, layout):
        numbers.add(block)
        lines.extend(row.line for row in block)
        if layout.label is not None:
            labels.extend(row.cells[layout.label].strip() for row in block)
    columns = numbers.columns()
    text = [j for j, column in zip(layout.features, columns, strict=True) if column is None]
    words: dict[int, NDArray[np.float64] | Words] = {}
    if text:
        words.update(zip(text, _read_words(file, layout, text), strict=True))
    return Raw(
        names=[layout.names[j] for j in layout.features],
        columns=[words[j] if c is None else c for j, c in zip(layout.features, columns, strict=True)],
        labels=labels if layout.label is not None else None,
        label_name=None if layout.label is None else layout.names[layout.label],
        unit="line",
        places=lines,
        matrix=numbers.all_rows(),
    )


def _own_parts(file: Path, layout: Layout, size: int, start: int) -> Iterator[Raw]:
    rows: list[Row] = []
    for block in _blocks(file, layout):
        skipped = min(start, len(block))
        start -= skipped
        rows += block[skipped:]
        while len(rows) >= size:
            yield _raw_of(rows[:size], layout)
            rows = rows[size:]
    if rows:
        yield _raw_of(rows, layout)


def _raw_of(rows: list[Row], layout: Layout) -> Raw:
    numbers = _Numbers(layout)
    numbers.add(rows)
    columns: list[NDArray[np.float64] | Words] = []
    for j, column in zip(layout.features, numbers.columns(), strict=True):
        if column is None:
            words = words_of(row.cells[j] for row in rows)
            columns.append(words if j in layout.words else as_numbers(words, layout.decimal))
        else:
            columns.append(column)
    label = layout.label
    return Raw(
        names=[layout.names[j] for j in layout.features],
        columns=columns,
        labels=None if label is None else [row.cells[label].strip() for row in rows],
        label_name=None if label is None else layout.names[label],
        unit="line",
        places=[row.line for row in rows],
        decimal=layout.decimal,
        matrix=numbers.all_rows(),
    )


class _Numbers:
    """The numbers of a table: row by row while every cell is one, which is fast, then column by column."""

    def __init__(self, layout: Layout) -> None:
        self._features, self._decimal = layout.features, layout.decimal
        self._rows = array("d")
        self._columns: list[array[float] | None] | None = None
        if layout.words or layout.decimal != ".":
            self._columns = [None if j in layout.words else array("d") for j in layout.features]

    def add(self, block: list[Row]) -> None:
        """Append some rows."""
        if self._columns is None and self._add_rows(block):
            return
        if self._columns is None:
            self._columns = [array("d", column.tobytes()) for column in self._by_rows().T]
        cells = list(zip(*(row.cells for row in block), strict=True))
        for k, j in enumerate(self._features):
            column = self._columns[k]
            if column is not None and not _extend(column, cells[j], self._decimal):
                self._columns[k] = None

    def _add_rows(self, block: list[Row]) -> bool:
        start = len(self._rows)
        # One position alone gives a cell, and not a tuple of it.
        pick = itemgetter(*self._features, self._features[0])
        try:
            for row in block:
                cells = pick(row.cells)[:-1]
                # Python's float() takes 1_000 for 1000; a table that says so means text
                if "_" in "".join(cells):
                    raise ValueError
                self._rows.extend(map(float, cells))
        except ValueError:
            del self._rows[start:]
            return False
        return True

    def _by_rows(self) -> NDArray[np.float64]:
        return np.frombuffer(self._rows, dtype=np.float64).reshape(-1, len(self._features))

    def all_rows(self) -> NDArray[np.float64] | None:
        """Return the table row by row, or None if some cell is no number."""
        return self._by_rows() if self._columns is None else None

    def columns(self) -> list[NDArray[np.float64] | None]:
        """Return each column, with NaN for missing values; None if it has a cell that is no number."""
        if self._columns is None:
            return list(self._by_rows().T)
        return [None if column is None else np.frombuffer(column) for column in self._columns]


def _extend(column: array[float], cells: tuple[str, ...], decimal: str) -> bool:
    """Append numbers, NaN for missing ones, and return whether all cells are such."""
    start = len(column)
    if decimal == ".":
        try:
            column.extend(map(float, cells))
            if "_" not in "".join(cells):
                return True
        except ValueError:
            pass
        del column[start:]
    for cell in cells:
        value = np.nan if is_missing(cell) else number(cell, decimal)
        if value is None:
            return False
        column.append(value)
    return True


def _read_words(file: Path, layout: Layout, columns: list[int]) -> Iterator[NDArray[np.float64] | Words]:
    places: list[dict[str, int]] = [{} for _ in columns]
    codes = [array("q") for _ in columns]
    for block in _blocks(file, layout):
        for k, j in enumerate(columns):
            place = places[k]
            codes[k].extend(place.setdefault(row.cells[j].strip(), len(place)) for row in block)
    for j, place, code in zip(columns, places, codes, strict=True):
        words = Words(np.frombuffer(code, dtype=np.int64), list(place))
        yield words if j in layout.words else as_numbers(words, layout.decimal)


def _blocks(file: Path, layout: Layout, progress: Progress | None = None) -> Iterator[list[Row]]:
    """Give the rows, some at a time; the length of each is checked."""
    n_columns = len(layout.names)
    n_rows = max(_FEWEST_ROWS_AT_ONCE, _CELLS_AT_ONCE // n_columns)
    with open_text(file, skip=layout.first_line - 1, progress=progress) as lines:
        rows = cells_of(lines, layout.separator, layout.first_line)
        block: list[Row] = []
        for row in rows:
            if len(row.cells) != n_columns:
                raise InvalidInput(_other_length(row, layout, is_last=next(rows, None) is None))
            block.append(row)
            if len(block) == n_rows:
                yield block
                block = []
        if block:
            yield block


def _other_length(row: Row, layout: Layout, *, is_last: bool) -> str:
    n_columns = len(layout.names)
    cut_off = is_last and len(row.cells) < n_columns
    remedy = "the file seems to be cut off here" if cut_off else "correct the line"
    return (
        f"line {row.line}: expected {n_columns} cells as in the {layout.names_from}, got {len(row.cells)}; "
        f"{remedy}"
    )
