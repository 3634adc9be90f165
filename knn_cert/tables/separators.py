"""What separates the cells of a text: found out from its first lines; cells of one line."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .._printing import listed, one_line, quoted
from ..gate.errors import InvalidInput
from .cells import is_missing, number

BLANKS = " "  # runs of blanks and tabs
_SEPARATORS = (",", ";", "\t", "|")
_WORDS = {"tab": "\t", "\\t": "\t", "blanks": BLANKS, "comma": ",", "semicolon": ";", "pipe": "|"}
# Characters that belong to numbers, quotes and lines, so that they can separate no cells.
_NO_SEPARATORS = frozenset("\"'.-+_\r\n\0")
_END = re.compile("\r\n|\r|\n")
# A cell in quotes, where a cell can begin; a quote inside it is written twice.
_QUOTED = re.compile(r'(?:(?<=[,;\t| \r\n])|^)"(?:[^"]|"")*"')
_OPEN_QUOTE = re.compile(r'(?:^|[,;\t| \r\n])"')
_BLANK_CELL = re.compile(r'"(?:[^"]|"")*"(?=[ \t]|$)|[^ \t"][^ \t]*')


class Row(NamedTuple):
    """The cells of one row and the number of its line (the last one, where a quoted cell has several)."""

    line: int
    cells: list[str]


def as_separator(separator: str) -> str:
    """Return the separator that a user names: one character, or a word such as tab or blanks.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    found = _WORDS.get(separator.lower(), separator)
    if len(found) != 1 or found.isalnum() or found in _NO_SEPARATORS:
        raise InvalidInput(
            "separator must be one character such as ',', ';' or '|', or one of the words tab and blanks, "
            f"got {quoted(separator)}"
        )
    return found


def shown(separator: str) -> str:
    """Return a separator as it stands in a message."""
    return "runs of blanks" if separator == BLANKS else repr(separator)


def find_separator(text: str, usual: str, *, blanks: bool) -> str:
    """Return what separates the cells of a text.

    The separator is the one that cuts every line into equally many cells, quotes respected. Where several do,
    it is the one that leaves no other separator inside a cell, but for the decimal comma of a number.

    Parameters
    ----------
    text : str
        Whole lines from the beginning of the table.
    usual : str
        Returned where there is no separator at all, in a table of one column.
    blanks : bool
        Whether runs of blanks may separate cells.

    Raises
    ------
    InvalidInput
        If more than one separator is possible.
    """
    lines = _without_quotes(text)
    candidates = (*_SEPARATORS, BLANKS) if blanks else _SEPARATORS
    rows = {one: [_cut(line, one) for line in lines] for one in candidates}
    found = {one: cut for one, cut in rows.items() if max(map(len, cut), default=0) > 1}
    regular = [one for one, cut in found.items() if len({len(cells) for cells in cut}) == 1]
    if not found:
        return usual
    if len(found) == 1:
        return next(iter(found))
    if not regular:
        return _most_regular(found)
    if BLANKS in regular and len(regular) > 1:
        others = [one for one in regular if one != BLANKS]
        if any(not _holds_numbers_between_blanks(found[one]) for one in others) or not _is_clean(
            found, BLANKS, _SEPARATORS
        ):
            regular = others
        else:
            return BLANKS
    if len(regular) > 1:
        regular = [one for one in regular if _is_clean(found, one, regular)]
    # Where another separator stands in every line, its lines may only seem irregular.
    elif not _is_clean(found, regular[0], [one for one in found if _is_in_every_line(found[one])]):
        regular = []
    if len(regular) != 1:
        raise InvalidInput(_ambiguous(found))
    return regular[0]


def seems_cut_by_blanks(text: str) -> bool:
    """Whether nothing but blanks cuts the lines of a text, all but the first perhaps into as many cells."""
    lines = _without_quotes(text)
    counts = {len(_cut(line, BLANKS)) for line in lines[1:] or lines}
    return (
        len(counts) == 1 and counts != {1} and not any(one in line for one in _SEPARATORS for line in lines)
    )


def cells_of(lines: Iterable[str], separator: str, first_line: int = 1) -> Iterator[Row]:
    """Cut lines into cells; empty lines are left out.

    Raises
    ------
    InvalidInput
        If quotes do not come in pairs.
    """
    if separator == BLANKS:
        for number_of_line, line in enumerate(lines, start=first_line):
            if line.strip():
                yield Row(number_of_line, _cells_between_blanks(line, number_of_line))
        return
    # strict: a quote left open (a file that is cut off) is an error instead of one enormous cell
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        for cells in reader:
            if cells:
                yield Row(reader.line_num + first_line - 1, cells)
    except csv.Error as error:
        raise InvalidInput(
            f"line {reader.line_num + first_line - 1}: expected cells separated by {shown(separator)} and "
            f"quotes in pairs, got: {one_line(error)}; the file may be cut off"
        ) from error


def _cells_between_blanks(line: str, number_of_line: int) -> list[str]:
    if '"' not in line:
        return line.split()
    if _BLANK_CELL.sub("", line).strip():
        raise InvalidInput(
            f"line {number_of_line}: expected cells separated by runs of blanks and quotes in pairs, got "
            "a quote alone or inside a cell; the file may be cut off"
        )
    cells = _BLANK_CELL.findall(line.strip())
    return [cell[1:-1].replace('""', '"') if cell.startswith('"') else cell for cell in cells]


# --- finding out --------------------------------------------------------------------------------------------


def _without_quotes(text: str) -> list[str]:
    """Return the lines with a letter in the place of each quoted cell; a quote left open ends the text."""
    masked = _QUOTED.sub("Q", text)
    open_quote = _OPEN_QUOTE.search(masked)
    if open_quote is not None:
        whole = masked[: open_quote.start() + 1].rpartition("\n")[0]
        masked = whole or masked
    return [line for line in _END.split(masked) if line.strip()]


def _cut(line: str, separator: str) -> list[str]:
    return line.split() if separator == BLANKS else line.split(separator)


def _is_clean(found: dict[str, list[list[str]]], separator: str, others: Iterable[str]) -> bool:
    """Whether no cell holds another separator, but for the comma of a number."""
    signs = [one for one in others if one not in (separator, BLANKS)]
    if separator == BLANKS:
        signs = [one for one in signs if one != "\t"]
    return not any(
        sign in cell and not (sign == "," and number(cell, ",") is not None)
        for cells in found[separator]
        for cell in cells
        for sign in signs
    )


def _is_in_every_line(cut: list[list[str]]) -> bool:
    return all(len(cells) > 1 for cells in cut)


def _holds_numbers_between_blanks(cut: list[list[str]]) -> bool:
    """Whether some cell holds several numbers, which nobody means as one cell."""
    parts = (cell.split() for cells in cut for cell in cells)
    return any(
        len(some) > 1
        and all(is_missing(one) or number(one) is not None or number(one, ",") is not None for one in some)
        for some in parts
    )


def _most_regular(found: dict[str, list[list[str]]]) -> str:
    """Return the separator that cuts most lines in the same way; what is wrong with the others is told."""
    scores = {}
    for one, cut in found.items():
        counts = Counter(len(cells) for cells in cut if len(cells) > 1)
        scores[one] = (max(counts.values()), len(cut[0]) > 1)
    best = max(scores.values())
    winners = [one for one, score in scores.items() if score == best]
    if len(winners) > 1 and BLANKS in winners:
        winners.remove(BLANKS)
    if len(winners) > 1:
        raise InvalidInput(_ambiguous(found))
    return winners[0]


def _ambiguous(found: Iterable[str]) -> str:
    return (
        "expected one separator between cells, got lines that may be cut at "
        f"{listed(sorted(shown(one) for one in found))}; say which one it is, for example --separator ';' "
        "(separator=';')"
    )
