"""The line of column names: told from rows of data and from comments, or found missing."""

from __future__ import annotations

import itertools
import re
import warnings

from .._printing import listed, quoted
from ..gate.errors import InvalidInput
from .cells import is_missing, is_number
from .columns import Select, check_names
from .doubts import TableWarning
from .lines import Top
from .separators import Row, cells_of

_COMMENT_SIGNS = ("//", ";", "@", "#", "%")


def lines_above(top: Top, separator: str, *, header: bool) -> int:
    """Return how many lines stand above the header line, or above the rows where there is none.

    A line that begins with # or % is a comment, unless it has as many cells as the table and can be the
    header that the table lacks.

    Raises
    ------
    InvalidInput
        If a comment may be a row or the header.
    """
    if not top.table:
        return 0
    first_line = top.table[0][0]
    above = first_line - 1
    if not top.comments:
        return above
    rows = list(itertools.islice(cells_of((line for _, line in top.table), separator, first_line), 2))
    width = len(rows[0].cells)
    cut = [Row(line, _cells_of_comment(text, separator)) for line, text in top.comments]
    alike = [row for row in cut if len(row.cells) == width > 1]
    for line, cells in alike:
        if any(map(is_number, cells)):
            raise InvalidInput(_unclear(line, cells, "a row"))
    if not alike or not header:
        return above
    has_numbers = [any(map(is_number, row.cells)) for row in rows]
    if has_numbers == [False, True]:  # a header of words, and a first row
        return above
    line, cells = alike[-1]
    if len(alike) == 1 and line == top.comments[-1][0] and has_numbers[0]:
        return line - 1
    raise InvalidInput(_unclear(line, cells, "the header"))


def names_in(cells: list[str], *, encode: bool) -> list[str]:
    """Return the names in a header line.

    With ``encode`` a first column without a name, as pandas writes its index, gets the name that pandas gives
    it.
    """
    names = [cell.strip() for cell in cells]
    if encode and len(names) > 1 and not names[0]:
        names[0] = "Unnamed: 0"
    return names


def _cells_of_comment(text: str, separator: str) -> list[str]:
    try:
        return next(iter(cells_of([text], separator)), Row(0, [])).cells
    except InvalidInput:  # quotes in a sentence need not come in pairs
        return []


def _unclear(line: int, cells: list[str], what: str) -> str:
    return (
        f"line {line} starts with {cells[0][:1]!r}, as comments do, and has as many cells as the table: it "
        f"may be {what}; remove the line, or the sign in front of it"
    )


def choose_columns(names: list[str], select: Select) -> tuple[list[int], int | None]:
    """Choose from the names in the header line, unless it looks like a row of data."""
    is_data = _looks_like_data(names)
    try:
        check_names(names)
        features, label = select(names)
    except InvalidInput:
        if is_data:
            raise InvalidInput(_no_header(names)) from None
        raise
    # Queries without labels were found by their names, whatever these are.
    if is_data and label is not None:
        raise InvalidInput(_no_header(names))
    decimals = [name for name in names if is_number(name) and not re.fullmatch("[0-9]+", name)]
    if decimals and label is not None:
        warnings.warn(
            f"the first line was taken for column names, and some of these are decimal numbers "
            f"({listed(map(quoted, decimals), 3)}): if it holds data say --no-header (header=False)",
            TableWarning,
            stacklevel=2,
        )
    return features, label


def check_label_name(label_name: str, feature_names: list[str], labels: list[str]) -> None:
    """Raise InvalidInput where the name of the label is a label, among columns numbered 0, 1, 2."""
    if not is_number(label_name) and label_name in labels and all(map(is_number, feature_names)):
        raise InvalidInput(_no_header([*feature_names, label_name]))


def _looks_like_data(names: list[str]) -> bool:
    """Whether all names but perhaps one (the label) are numbers or missing, and do not count the columns."""
    numbers = [name for name in names if is_number(name)]
    missing = [name for name in names if is_missing(name)]
    if not numbers or len(numbers) + len(missing) < len(names) - 1:
        return False
    if len(numbers) == len(names):
        # Two numbers from 0 are a feature and its label more often than names.
        return len(names) <= 2 or names != [str(j) for j in range(len(names))]
    return bool(missing) or not _is_numbering(numbers)


def _is_numbering(names: list[str]) -> bool:
    """Whether the names count the columns, from 0 or 1, as those of a table without names do."""
    if not all(re.fullmatch("[0-9]{1,9}", name) for name in names):
        return False
    numbers = list(map(int, names))
    # One number may be left out: that of the label.
    return numbers[:1] in ([0], [1]) and all(b - a in (1, 2) for a, b in itertools.pairwise(numbers))


def _no_header(names: list[str]) -> str:
    return (
        f"expected a header line with column names, got numbers ({listed(names, 3)}): the first line seems "
        "to hold data; add a header line or say --no-header (header=False); if these are names, put a letter "
        "in front"
    )


def check_length(names: list[str], line: int, second: Row) -> None:
    """Raise InvalidInput where the second line shows that the first is no header, or lacks a name."""
    n_cells = len(second.cells)
    if n_cells == len(names):
        return
    got = f"line {second.line}: expected {len(names)} cells as in the header, got {n_cells}; "
    sign = next((sign for sign in _COMMENT_SIGNS if names[0].startswith(sign)), None)
    if sign is not None:
        got += f"line {line} starts with {sign!r}, as comments do: remove it, the header has to come first"
    elif n_cells < len(names):
        return  # said when the line is read
    elif len(names) == 1:
        got += (
            f"line {line}, {quoted(names[0])}, seems to be a title: remove it, the header has to come first"
        )
    else:
        got += (
            f"correct the line or, if every line has {n_cells} cells, name every column in the header, also "
            "the last one (the label?) and one of row numbers"
        )
    raise InvalidInput(got)
