"""Tables of text by pandas, which parses faster than Python; whatever is odd is left to our own reader."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..gate.errors import InvalidInput
from .cells import is_missing, number
from .lines import open_bytes, open_text
from .raw import Raw, Words, as_numbers, recoded
from .separators import cells_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Importing pandas takes as long as our own reader takes for so many bytes.
_PAYS_FROM = 1 << 20
_PAYS_A_COLUMN = 1 << 9  # the same for what pandas does once a column, some 50 microseconds
_PEEKED_ROWS = 50
_CHUNK = 1 << 24
_BLANK_LINE = re.compile(rb"\n[ \t]*\r?\n")


def pays(file: Path, n_columns: int) -> bool:
    """Whether a file is so large that pandas is worth its import, and what it does once a column."""
    n_bytes = file.stat().st_size
    return ("pandas" in sys.modules or n_bytes >= _PAYS_FROM) and n_bytes >= _PAYS_A_COLUMN * n_columns


def read_quickly(
    file: Path,
    separator: str,
    decimal: str,
    first_line: int,
    n_columns: int,
    features: list[int],
    label: int | None,
    words: list[int],
) -> Raw | None:
    """Read a table by pandas, without the names of its columns; None if there is any doubt about it.

    What our own reader refuses or reads otherwise is a doubt: quotes inside cells, empty lines, lines of
    another length, endings of old Macs, zeros as characters. Numbers are those of our own reader to the last
    bit.
    """
    try:
        import pandas as pd
    except ImportError:
        return None
    try:
        n_rows = _count_plain_rows(file, separator, first_line)
        if n_rows is None:
            return None
        number_columns = _columns_of_numbers(file, separator, decimal, first_line, n_columns)
        number_columns -= {label, *words}
        frame = None
        # Where a cell further down is no number, all columns are read as text.
        for wanted in (number_columns, set()) if number_columns else (set(),):
            try:
                frame = _parse(pd, file, separator, decimal, first_line, n_columns, wanted)
                break
            except (ValueError, OverflowError):
                continue
    except (InvalidInput, EOFError, OSError):
        return None  # said by our own reader
    if frame is None or frame.shape != (n_rows, n_columns):
        return None
    last = frame.iloc[:, -1]
    # pandas fills short lines up with empty cells.
    if last.dtype.kind != "f" and bool((last == "").any()):
        return None
    columns = [_column(pd, frame.iloc[:, j], None if j in words else decimal) for j in features]
    return Raw(
        names=[],
        columns=columns,
        labels=None if label is None else [cell.strip() for cell in frame.iloc[:, label].tolist()],
        label_name=None,
        unit="line",
        places=range(first_line, first_line + n_rows),
    )


def _count_plain_rows(file: Path, separator: str, first_line: int) -> int | None:
    """Return the number of lines below the header, or None if some line needs our own reader."""
    sign = re.escape(separator.encode())
    # A cell in quotes without quotes or line breaks in it.
    quoted = re.compile(rb"(?<=[\n" + sign + rb'])"[^"\r\n]*"(?=[\r\n' + sign + rb"])")
    n_rows = 0
    with open_bytes(file) as binary:
        above = _skip(binary, first_line - 1)
        if separator > "\x7f" or above.count(b"\r") != above.count(b"\r\n"):
            return None
        rest, at_end = b"", False
        while chunk := binary.read(_CHUNK):
            chunk = rest + chunk
            end = chunk.rfind(b"\n") + 1
            lines, rest = chunk[:end], chunk[end:]
            text = lines.rstrip(b"\r\n")
            if len(rest) > _CHUNK or not _is_plain(lines, text, quoted):
                return None
            # Empty lines may stand at the end alone.
            if text and at_end:
                return None
            at_end = at_end or lines.count(b"\n", len(text)) > 1
            n_rows += text.count(b"\n") + bool(text)
        if rest and (at_end or not _is_plain(rest, rest, quoted)):
            return None
        n_rows += bool(rest)
    return n_rows


def _skip(binary: Any, n_lines: int) -> bytes:
    """Go to the first row, and return what stands above it."""
    above = b"".join(binary.readline() for _ in range(n_lines))
    if not n_lines and binary.read(3) != b"\xef\xbb\xbf":
        binary.seek(0)
    return above


def _is_plain(lines: bytes, text: bytes, quoted: re.Pattern[bytes]) -> bool:
    """Whether both readers read every line in the same way; ``text`` has no empty lines at its end."""
    if b"\0" in lines or (b"\r" in lines and lines.count(b"\r") != lines.count(b"\r\n")):
        return False
    text = b"\n" + text + b"\n"
    if _BLANK_LINE.search(text) and text != b"\n\n":
        return False
    return b'"' not in text or b'"' not in quoted.sub(b"", text)


def _columns_of_numbers(
    file: Path, separator: str, decimal: str, first_line: int, n_columns: int
) -> set[int | None]:
    """Return the columns that hold numbers alone in the first rows."""
    found: set[int | None] = set(range(n_columns))
    with open_text(file, skip=first_line - 1) as lines:
        for row, _ in zip(cells_of(lines, separator), range(_PEEKED_ROWS), strict=False):
            if len(row.cells) != n_columns:
                return set()
            found -= {
                j for j, cell in enumerate(row.cells) if number(cell, decimal) is None or is_missing(cell)
            }
    return found


def _parse(
    pd: Any,
    file: Path,
    separator: str,
    decimal: str,
    first_line: int,
    n_columns: int,
    numbers: set[int | None],
) -> Any:
    with open_bytes(file) as binary, warnings.catch_warnings():
        _skip(binary, first_line - 1)
        # float_precision is what reads numbers to the last bit; a later pandas does so without it.
        warnings.filterwarnings("ignore", ".*float_precision", category=Warning)
        return pd.read_csv(
            binary,
            sep=separator,
            decimal=decimal,
            header=None,
            dtype={j: np.float64 if j in numbers else str for j in range(n_columns)},
            na_filter=False,
            float_precision="round_trip",
            encoding="utf-8",
            engine="c",
        )


def _column(pd: Any, column: Any, decimal: str | None) -> NDArray[np.float64] | Words:
    if column.dtype.kind == "f":
        numbers: NDArray[np.float64] = column.to_numpy()
        return numbers
    codes, distinct = pd.factorize(column)
    cells = recoded(codes.astype(np.int64), distinct.tolist())
    return cells if decimal is None else as_numbers(cells, decimal)
