"""Tables from CSV and TSV files, plain or gzipped, with a header line or without one."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import itertools
import re
import zlib
from array import array
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .._printing import listed, one_line, quoted
from ..gate.errors import InvalidInput
from .cells import is_missing, is_number
from .columns import Columns, Select, check_names
from .defects import Defects, check_finite
from .size import check_gzip

_LONGEST_LINE = 1 << 26  # characters: a million columns of 67 characters
_COMMENT_SIGNS = ("#", "%", "@", "//", ";")
_MAGIC = {
    b"PK\x03\x04": "a zip archive (a workbook of Excel is one); save the table in it as CSV",
    b"PAR1": "a Parquet file; rename it to .parquet",
    b"\x93NUMPY": "an array of NumPy; save X and y with numpy.savez as .npz",
    b"\xd0\xcf\x11\xe0": "a workbook of an old Excel; save it as CSV",
    b"%PDF": "a PDF; save the table in it as CSV",
}

# The number of a line (the last one, where a quoted cell has several) and its cells.
_Row = tuple[int, list[str]]


def read_delimited(file: Path, delimiter: str, select: Select, *, header: bool) -> Columns:
    """Read the columns that ``select`` chooses; without a header they are called 0, 1, 2, ..."""
    try:
        with open(file, "rb") as raw:
            # Told by the first bytes: what is called .csv.gz has often been unpacked on the way.
            start = raw.read(8)
            raw.seek(0)
            for magic, what in _MAGIC.items():
                if start.startswith(magic):
                    raise InvalidInput(f"expected text, got {what}")
            packed = start.startswith(b"\x1f\x8b")
            if packed:
                check_gzip(file)
            binary: Any = gzip.GzipFile(fileobj=raw) if packed else raw
            with io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as stream:
                # strict: a quote left open (a file that is cut off) is an error instead of one enormous cell
                reader = csv.reader(_lines(stream), delimiter=delimiter, strict=True)
                try:
                    return _read_rows(reader, delimiter, select, header)
                except csv.Error as error:
                    raise InvalidInput(
                        f"line {reader.line_num}: expected cells separated by {delimiter!r} and quotes in "
                        f"pairs, got: {one_line(error)}; the file may be cut off"
                    ) from error
    except UnicodeDecodeError:
        raise InvalidInput(_where_not_utf8(file)) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InvalidInput(
            f"expected a whole gzip file, got one that is cut off or corrupt: {error}"
        ) from error


def _lines(stream: IO[str]) -> Iterator[str]:
    number = 1
    while line := stream.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and not line.endswith(("\n", "\r")):
            raise InvalidInput(
                f"line {number}: expected lines of less than {_LONGEST_LINE} characters, got a longer one; "
                "this is no table of text"
            )
        yield line
        number += 1


def _read_rows(reader: Any, delimiter: str, select: Select, header: bool) -> Columns:
    rows: Iterator[_Row] = ((reader.line_num, row) for row in reader if row)  # no empty lines
    first_line, first = next(((line, row) for line, row in rows if any(map(str.strip, row))), (0, []))
    if not first:
        raise InvalidInput("expected a header line and rows, got an empty file")
    if header:
        names = [cell.strip() for cell in first]
        _check_delimiter(names, delimiter)
        second = next(rows, None)
        if second is not None:
            _check_length(names, first_line, second)
        features, label = _select(names, select)
        if second is None:
            raise InvalidInput("expected rows below the header line, got none")
        rows = itertools.chain([second], rows)
    else:
        names = [str(j) for j in range(len(first))]
        _check_delimiter(first, delimiter)
        features, label = select(names)
        rows = itertools.chain([(first_line, first)], rows)
    X, labels, lines = _read_cells(rows, names, features, label, "header" if header else "first line")
    feature_names = [names[j] for j in features]
    check_finite(X, feature_names, "line", lines)
    if label is None:
        return Columns(X, None, feature_names, None)
    # Columns numbered 0, 1, 2 make a header; but the name of the label is no label.
    if (
        header
        and not is_number(names[label])
        and names[label] in labels
        and all(map(is_number, feature_names))
    ):
        raise InvalidInput(_no_header(names))
    return Columns(X, labels, feature_names, names[label])


def _read_cells(
    rows: Iterator[_Row], names: list[str], features: list[int], label: int | None, names_from: str
) -> tuple[NDArray[np.float64], list[str], array[int]]:
    """Return the numbers of the features, the labels and the lines they stand in."""
    d, n_columns = len(features), len(names)
    pick = itemgetter(*features) if d > 1 else lambda row: (row[features[0]],)
    values, lines, labels = array("d"), array("q"), []
    defects = Defects("line")
    has_text = False
    for line, row in rows:
        if len(row) != n_columns:
            is_last = next(rows, None) is None
            remedy = (
                "the file seems to be cut off here"
                if is_last and len(row) < n_columns
                else "correct the line"
            )
            raise InvalidInput(
                f"line {line}: expected {n_columns} cells as in the {names_from}, got {len(row)}; {remedy}"
            )
        cells = pick(row)
        lines.append(line)
        if label is not None:
            labels.append(row[label].strip())
            if is_missing(labels[-1]):
                defects.add_label(line, labels[-1])
        if not has_text:
            try:
                # Python's float() takes 1_000 for 1000; a table that says so means text
                if "_" in "".join(cells):
                    raise ValueError
                values.extend(map(float, cells))
                continue
            except ValueError:
                pass
        for j, cell in zip(features, cells, strict=True):
            defects.add_cell(names[j], line, cell)
        has_text = defects.has_text
        if not has_text:
            # Only missing values so far; they will be reported at the end, and the row only keeps its place.
            del values[(len(lines) - 1) * d :]
            values.extend([0.0] * d)
    defects.check()
    return np.frombuffer(values, dtype=np.float64).reshape(-1, d), labels, lines


# --- the header line ----------------------------------------------------------------------------------------


def _select(names: list[str], select: Select) -> tuple[list[int], int | None]:
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
    return features, label


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


def _check_length(names: list[str], line: int, second: _Row) -> None:
    """Raise InvalidInput where the second line shows that the first is no header, or lacks a name."""
    n_cells = len(second[1])
    if n_cells == len(names):
        return
    got = f"line {second[0]}: expected {len(names)} cells as in the header, got {n_cells}; "
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


def _check_delimiter(cells: list[str], delimiter: str) -> None:
    if len(cells) > 1:
        return
    for other in (";", "\t", ",", "|"):
        if other in cells[0]:
            raise InvalidInput(
                f"expected columns separated by {delimiter!r}, got {other!r} in the first line; "
                f"save it with {delimiter!r}, or as .tsv if it is separated by tabs"
            )


def _where_not_utf8(file: Path) -> str:
    """Find the line that is not UTF-8 (the decoder works in blocks and does not know)."""
    where = ""
    # Where the gzip stream breaks off before that line is found, the line stays unnamed.
    with open(file, "rb") as raw, contextlib.suppress(EOFError, OSError, zlib.error):
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        for number, line in enumerate(gzip.GzipFile(fileobj=raw) if packed else raw, start=1):
            try:
                line.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                where = f" in line {number} (byte 0x{line[error.start]:02x})"
                break
    return f"expected UTF-8 text, got something else{where}; save the table with the encoding UTF-8"
