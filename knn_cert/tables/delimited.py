"""Tables from files of text: cells between separators, with a header line or without one."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..gate.errors import InvalidInput
from . import quick
from .cells import is_missing, number
from .columns import Select
from .headers import check_label_name
from .layout import Layout, Manner, layout_of
from .lines import open_text
from .raw import Raw, Words, as_numbers
from .separators import BLANKS, Row, cells_of

_CELLS_AT_ONCE = 1 << 13  # held as text at one time: what the cache of a core takes
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


# --- our own reader -----------------------------------------------------------------------------------------


def _read_ourselves(file: Path, layout: Layout) -> Raw:
    """Read numbers in one pass, and columns of text in a second one."""
    numbers, labels, lines = _read_numbers(file, layout)
    text = [j for j, column in zip(layout.features, numbers, strict=True) if column is None]
    words = dict(zip(text, _read_words(file, layout, text), strict=True)) if text else {}
    return Raw(
        names=[layout.names[j] for j in layout.features],
        columns=[
            np.frombuffer(column)
            if column is not None
            else words[j]
            if j in layout.words
            else as_numbers(words[j], layout.decimal)
            for j, column in zip(layout.features, numbers, strict=True)
        ],
        labels=labels if layout.label is not None else None,
        label_name=None if layout.label is None else layout.names[layout.label],
        unit="line",
        places=lines,
    )


def _read_numbers(file: Path, layout: Layout) -> tuple[list[array[float] | None], list[str], array[int]]:
    """Return the numbers of each feature, or None if some cell is neither a number nor missing; the labels;
    and the lines.
    """
    columns: list[array[float] | None] = [None if j in layout.words else array("d") for j in layout.features]
    labels: list[str] = []
    lines = array("q")
    for block in _blocks(file, layout):
        cells = list(zip(*(row.cells for row in block), strict=True))
        lines.extend(row.line for row in block)
        if layout.label is not None:
            labels.extend(map(str.strip, cells[layout.label]))
        for k, j in enumerate(layout.features):
            column = columns[k]
            if column is not None and not _extend(column, cells[j], layout.decimal):
                columns[k] = None
    return columns, labels, lines


def _extend(column: array[float], cells: tuple[str, ...], decimal: str) -> bool:
    """Append numbers, NaN for missing ones, and return whether all cells are such."""
    start = len(column)
    if decimal == ".":
        try:
            column.extend(map(float, cells))
            # Python's float() takes 1_000 for 1000; a table that says so means text
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


def _read_words(file: Path, layout: Layout, columns: list[int]) -> Iterator[Words]:
    places: list[dict[str, int]] = [{} for _ in columns]
    codes = [array("q") for _ in columns]
    for block in _blocks(file, layout):
        for k, j in enumerate(columns):
            place = places[k]
            codes[k].extend(place.setdefault(row.cells[j].strip(), len(place)) for row in block)
    for place, code in zip(places, codes, strict=True):
        yield Words(np.frombuffer(code, dtype=np.int64), list(place))


def _blocks(file: Path, layout: Layout) -> Iterator[list[Row]]:
    """Give the rows, some at a time; the length of each is checked."""
    n_columns = len(layout.names)
    n_rows = max(_FEWEST_ROWS_AT_ONCE, _CELLS_AT_ONCE // n_columns)
    with open_text(file, skip=layout.first_line - 1) as lines:
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
