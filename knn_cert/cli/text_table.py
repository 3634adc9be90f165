"""Two columns of a table of texts: the texts and their labels. Other columns may hold anything."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from knn_cert._printing import listed, one_line, quoted
from knn_cert.gate.errors import InvalidInput
from knn_cert.tables.cells import is_missing
from knn_cert.tables.columns import column_position
from knn_cert.tables.encodings import check_encoding, in_utf8
from knn_cert.tables.files import errors_name
from knn_cert.tables.lines import open_text
from knn_cert.text.tokens import normalized, tokenize

# What separates the cells in a file of each kind; where the header says otherwise, it counts.
_USUAL = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
_SEPARATORS = (",", "\t", ";", "|")
_LONGEST_CELL = 1 << 26  # characters; by itself csv takes 131,072, which books pass


class Texts(NamedTuple):
    """The rows of a table of texts.

    Attributes
    ----------
    texts : list of n str
        Each of them has a word.
    labels : list of n str, or None
        As they are written; None where the table has no such column, and needs none.
    n_tokens : list of n int
        How many tokens `knn_cert.text.tokenize` makes of each text.
    """

    texts: list[str]
    labels: list[str] | None
    n_tokens: list[int]


def read_texts(
    path: str,
    text: str,
    label: str,
    *,
    header: bool = True,
    quotes: bool = True,
    encoding: str | None = None,
    needs_labels: bool = True,
) -> Texts:
    """Read the texts and the labels of a CSV or TSV file, plain or gzipped.

    Parameters
    ----------
    path : str
    text, label : str
        Columns, by name or position (0 is the first, -1 the last).
    header : bool, default=True
        Whether the first line names the columns; without it they are called 0, 1, 2, ...
    quotes : bool, default=True
        Whether cells may stand in quotes, as CSV has them; otherwise quotes are characters of the texts.
    encoding : str, optional
        By default UTF-8, or UTF-16 where the first bytes say so.
    needs_labels : bool, default=True
        Whether a table without the label column is refused.

    Raises
    ------
    FileNotFoundError, OSError
        If the file cannot be opened.
    InvalidInput
        If a column is missing; a text or a label is; a line has too many or too few cells; the file is empty,
        cut off or in another encoding. The message names the file, and the line.
    """
    with errors_name(path) as (file, kind):
        if kind not in _USUAL:
            raise InvalidInput(
                f"expected a table of texts that ends in one of {', '.join(_USUAL)} (also .gz), got "
                f"{quoted(file.name)}; save it as CSV"
            )
        check_encoding(encoding)
        with in_utf8(file, encoding) as utf8, open_text(utf8, check_size=True) as lines:
            first = next(lines, "")
            if not first.strip():
                raise InvalidInput("expected a header line and rows, got an empty first line")
            separator = _separator(first, (text, label) if header else (), _USUAL[kind])
            rows = _rows(itertools.chain([first], lines), separator, quotes=quotes)
            return _read(rows, text, label, separator, header=header, needs_labels=needs_labels)


_Row = tuple[int, list[str]]
"""The line that a row ends in, and its cells."""


def _rows(lines: Iterator[str], separator: str, *, quotes: bool) -> Iterator[_Row]:
    """Yield the rows that are not empty."""
    # strict: a quote left open is an error instead of one enormous text
    reader = csv.reader(
        lines,
        delimiter=separator,
        quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        strict=True,
    )
    longest = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield from ((reader.line_num, row) for row in reader if row)
    except csv.Error as error:
        remedy = ", or say --no-quotes if quotes are part of the texts" if quotes else ""
        raise InvalidInput(
            f"line {reader.line_num}: expected cells separated by {separator!r} and quotes in pairs, got: "
            f"{one_line(error)}; correct the line{remedy}"
        ) from error
    finally:
        csv.field_size_limit(longest)


def _read(
    rows: Iterator[_Row], text: str, label: str, separator: str, *, header: bool, needs_labels: bool
) -> Texts:
    """Return texts and labels, or say what is wrong with the first row that has something wrong."""
    first = next(rows)
    names = [cell.strip() for cell in first[1]] if header else [str(j) for j in range(len(first[1]))]
    text_at, label_at = _positions(names, text, label, needs_labels=needs_labels)
    labels: list[str] = []
    found = Texts([], None if label_at is None else labels, [])
    for line, cells in rows if header else itertools.chain([first], rows):
        if len(cells) != len(names):
            raise InvalidInput(
                f"line {line}: expected {len(names)} cells as in the first line, got {len(cells)}; put texts "
                f"that hold {separator!r} into quotes, or correct the line"
            )
        n_tokens = _check_text(cells[text_at], names[text_at], line, separator)
        if label_at is not None:
            labels.append(_checked_label(cells[label_at], names[label_at], line))
        found.texts.append(cells[text_at])
        found.n_tokens.append(n_tokens)
    if not found.texts:
        raise InvalidInput("expected rows below the header line, got none")
    by_position = text not in names and label not in names
    if header and by_position and label_at is not None and names[label_at] in labels:
        raise InvalidInput(
            f"expected a header line with column names, got {listed(names, 3)}, whose label is that of "
            "other rows: the first line seems to hold data; say --no-header, or give columns by their names"
        )
    return found


def _check_text(text: str, column: str, line: int, separator: str) -> int:
    """Return the number of tokens of a text, which has at least one."""
    if separator == "\t" and "\t" in text and "\n" in text:
        raise InvalidInput(
            f"line {line}: expected a text, got one between quotes that holds lines and tabs; say "
            "--no-quotes if quotes are part of the texts, or correct the line"
        )
    n_tokens = len(tokenize(normalized(text)))
    if not n_tokens:
        raise InvalidInput(
            f"line {line}: expected a text in column {quoted(column)}, got none; remove rows whose text is "
            "missing"
        )
    return n_tokens


def _checked_label(cell: str, column: str, line: int) -> str:
    label = cell.strip()
    if is_missing(label):
        got = f"the word {quoted(label)}" if label else "none"
        hint = f", or write another word if {quoted(label)} is a class" if label else ""
        raise InvalidInput(
            f"line {line}: expected a label in column {quoted(column)}, got {got}; remove rows whose label "
            f"is missing{hint}"
        )
    return label


def _positions(names: list[str], text: str, label: str, *, needs_labels: bool) -> tuple[int, int | None]:
    for column in (text, label):
        if names.count(column) > 1:
            raise InvalidInput(
                f"expected one column {quoted(column)}, got {names.count(column)}; rename them"
            )
    text_at = column_position(names, text, "text")
    if not needs_labels and label not in names and not label.lstrip("-").isdigit():
        return text_at, None
    label_at = column_position(names, label)
    if text_at == label_at:
        raise InvalidInput(
            f"expected a text and a label in columns of their own, got {quoted(names[text_at])} for both; "
            f"the columns are {listed(names)}"
        )
    return text_at, label_at


def _separator(first: str, columns: Sequence[str], usual: str) -> str:
    """Return what separates the cells of the first line: the usual sign, unless another finds more columns.

    Parameters
    ----------
    first : str
    columns : sequence of str
        Names that should be in it, the one that has to be first; none where the line holds data.
    usual : str
    """
    candidates = (usual, *(sign for sign in _SEPARATORS if sign != usual))
    found = {sign: {cell.strip().strip('"') for cell in first.split(sign)} for sign in candidates}
    for names in (set(columns), set(columns[:1])):
        for sign in candidates:
            if names and names <= found[sign]:
                return sign
    return next((sign for sign in candidates if sign in first), usual)
