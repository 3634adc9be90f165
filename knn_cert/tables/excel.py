"""Tables from workbooks of Excel (.xlsx), by openpyxl."""

from __future__ import annotations

import datetime
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from .._printing import listed, one_line, quoted
from ..gate.errors import InvalidInput
from .cells import is_missing
from .columns import Select
from .frames import DATES
from .headers import choose_columns, names_in
from .raw import Raw, Words, as_numbers, words_of
from .size import check_unpacked_size

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# What one cell takes in the memory, as an object of Python and its place in a row.
_BYTES_A_CELL = 40
_Rows = list[tuple[int, tuple[Any, ...]]]


def read_excel(file: Path, select: Select, *, header: bool, encode: bool) -> Raw:
    """Read the columns that ``select`` chooses from the only sheet that is not empty."""
    try:
        import openpyxl
    except ImportError as error:
        raise ImportError(
            f"reading workbooks of Excel needs openpyxl ({error}); install it with pip install "
            "'knn-cert[excel]', or save the sheet as CSV (in Excel: Save As, CSV UTF-8)"
        ) from error
    try:
        with zipfile.ZipFile(file) as archive:
            check_unpacked_size(sum(member.file_size for member in archive.infolist()), file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and print areas, which are no cells
            # Values in the place of formulas; rows come one at a time.
            workbook = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            try:
                sheets = {sheet.title: _rows_of(sheet, file) for sheet in workbook.worksheets}
            finally:
                workbook.close()
    except InvalidInput:
        raise
    except Exception as error:  # openpyxl names no closed set of errors for a damaged file
        raise InvalidInput(
            f"expected a whole workbook of Excel, got one that cannot be read: {one_line(error)}"
        ) from error
    filled = {title: rows for title, rows in sheets.items() if rows}
    if not filled:
        raise InvalidInput("expected a header line and rows, got an empty workbook")
    if len(filled) > 1:
        raise InvalidInput(
            f"expected one sheet with a table, got {len(filled)}: {listed(map(quoted, filled))}; save the "
            "one that is meant as a workbook of its own, or as CSV"
        )
    return _read_rows(next(iter(filled.values())), select, header=header, encode=encode)


def _rows_of(sheet: Any, file: Path) -> _Rows:
    """Return the rows that hold something, with their numbers and without empty cells at their end."""
    sheet.reset_dimensions()  # what a workbook says of its size is often wrong
    rows: _Rows = []
    n_cells = width = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        n_cells += len(row)
        cells = row
        while cells and (cells[-1] is None or cells[-1] == ""):
            cells = cells[:-1]
        width = max(width, len(cells))
        check_unpacked_size(_BYTES_A_CELL * max(n_cells, width * len(rows)), file)
        if cells:
            rows.append((number, cells))
    return rows


def _read_rows(rows: _Rows, select: Select, *, header: bool, encode: bool) -> Raw:
    first_row, first = rows[0]
    n_columns = len(first) if header else max(len(cells) for _, cells in rows)
    for number, cells in rows:
        if len(cells) > n_columns:
            raise InvalidInput(
                f"row {number}: expected {n_columns} cells as in row {first_row}, got {len(cells)}; name "
                "every column in the header, and remove what stands above the table or beside it"
            )
    if header:
        names = names_in([_text(cell) for cell in first], encode=encode)
        features, label = choose_columns(names, select)
        rows = rows[1:]
        if not rows:
            raise InvalidInput("expected rows below the header line, got none")
    else:
        names = [str(j) for j in range(n_columns)]
        features, label = select(names)
    columns = list(zip(*(_filled(cells, n_columns) for _, cells in rows), strict=True))
    return Raw(
        names=[names[j] for j in features],
        columns=[_column(columns[j]) for j in features],
        labels=None if label is None else [_text(cell) for cell in columns[label]],
        label_name=None if label is None else names[label],
        unit="row",
        places=[number for number, _ in rows],
    )


def _filled(cells: tuple[Any, ...], n_columns: int) -> tuple[Any, ...]:
    return cells + (None,) * (n_columns - len(cells))


def _column(cells: tuple[Any, ...]) -> NDArray[np.float64] | Words:
    if all(cell is None or isinstance(cell, (int, float)) for cell in cells):
        return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
    dates = (datetime.date, datetime.time, datetime.timedelta)
    texts = list(map(_text, cells))
    if all(isinstance(cell, dates) or is_missing(text) for cell, text in zip(cells, texts, strict=True)):
        return words_of(texts, kind=DATES, typed=True)
    return as_numbers(words_of(texts))


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
