"""Where the table lies in a file of text and what its columns are, before any row is read."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .._printing import quoted
from ..gate.errors import InvalidInput
from .columns import Select
from .headers import check_length, choose_columns, lines_above, names_in
from .lines import Top, open_text, read_top
from .separators import as_separator, cells_of, find_separator, seems_cut_by_blanks


class Manner(NamedTuple):
    """How a file of text is written, as far as the user says; None is found out."""

    header: bool = True
    separator: str | None = None
    decimal: str | None = None
    blanks: bool = False  # whether runs of blanks may separate cells
    usual: str = ","  # what the name of the file says of the separator
    encode: bool = False  # whether text is read too, and a first column without a name
    likely_decimal: str | None = None  # taken where nothing is said: that of the training table
    words: frozenset[str] = frozenset()  # columns whose cells stay as they are written, numbers too
    encoding: str | None = None


class Layout(NamedTuple):
    """Where the table of a file lies, and what its columns are."""

    separator: str
    decimal: str
    first_line: int  # of the rows
    names: list[str]
    features: list[int]
    label: int | None
    words: list[int]  # features whose cells stay as they are written
    names_from: str  # what a row of another length is compared with


def layout_of(file: Path, select: Select, manner: Manner) -> Layout:
    """Return the layout of a file, with the columns that ``select`` chooses.

    Raises
    ------
    InvalidInput
        If there is no table, a header is missing, or what separates the cells is not clear.
    """
    if manner.decimal not in (None, ".", ","):
        raise InvalidInput(f"decimal must be '.' or ',', got {quoted(manner.decimal)}")
    top = read_top(file)
    try:
        return _layout_below(file, top, select, manner)
    except InvalidInput as error:
        if manner.separator is None and top.table and seems_cut_by_blanks(top.text):
            raise InvalidInput(
                f"{error}; cells seem to be separated by blanks: say --separator blanks"
            ) from None
        raise


def _layout_below(file: Path, top: Top, select: Select, manner: Manner) -> Layout:
    if not top.table:
        got = "comments alone" if top.comments else "an empty file"
        raise InvalidInput(f"expected a header line and rows, got {got}")
    if manner.separator is not None:
        separator = as_separator(manner.separator)
    elif top.separator is not None:
        separator = top.separator
    else:
        separator = find_separator(top.text, manner.usual, blanks=manner.blanks)
    above = lines_above(top, separator, header=manner.header)
    with open_text(file, skip=above) as lines:
        rows = cells_of(lines, separator, above + 1)
        first = next((row for row in rows if any(map(str.strip, row.cells))), None)
        if first is None:
            raise InvalidInput("expected a header line and rows, got an empty file")
        if manner.header:
            names = names_in(first.cells, encode=manner.encode)
            second = next(rows, None)
            if second is not None:
                check_length(names, first.line, second)
            features, label = choose_columns(names, select)
            if second is None:
                raise InvalidInput("expected rows below the header line, got none")
            first_line, names_from = first.line + 1, "header"
        else:
            names = [str(j) for j in range(len(first.cells))]
            features, label = select(names)
            first_line, names_from = above + 1, "first line"
    decimal = manner.decimal or manner.likely_decimal or "."
    words = [j for j in features if names[j] in manner.words]
    return Layout(separator, decimal, first_line, names, features, label, words, names_from)
