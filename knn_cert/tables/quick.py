"""Tables of text by pandas, which parses faster than Python; whatever is odd is left to our own reader."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..gate.errors import InvalidInput
from .cells import is_missing, number
from .layout import Layout
from .lines import Progress, open_bytes, open_text, tell_place
from .raw import Raw, Words, as_numbers, recoded
from .separators import cells_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Importing pandas takes as long as our own reader takes for so many bytes.
_PAYS_FROM = 1 << 20
_PAYS_A_COLUMN = 1 << 9  # the same for what pandas does once a column, some 50 microseconds
_PEEKED_ROWS = 50
_CHUNK = 1 << 24


def pays(file: Path, n_columns: int) -> bool:
    """Whether a file is so large that pandas is worth its import, and what it does once a column."""
    n_bytes = file.stat().st_size
    return ("pandas" in sys.modules or n_bytes >= _PAYS_FROM) and n_bytes >= _PAYS_A_COLUMN * n_columns


def read_quickly(file: Path, layout: Layout) -> Raw | None:
    """Read a table by pandas; None if there is any doubt about it.

    What our own reader refuses or reads otherwise is a doubt: quotes inside cells, empty lines, lines of
    another length, endings of old Macs, zeros as characters. Numbers are those of our own reader to the last
    bit.
    """
    try:
        import pandas as pd
    except ImportError:
        return None
    try:
        n_rows = count_plain_rows(file, layout)
        if n_rows is None:
            return None
        numbers = _columns_of_numbers(file, layout)
        frame = _parse(pd, file, layout, numbers)
        if frame is None and numbers:  # a cell further down is no number: all columns are read as text
            frame = _parse(pd, file, layout, set())
    except (InvalidInput, EOFError, OSError):
        return None  # said by our own reader
    if frame is None or frame.shape != (n_rows, len(layout.names)):
        return None
    return _raw_of(pd, frame, layout, 0)


def read_quickly_in_parts(file: Path, layout: Layout, size: int, start: int) -> Iterator[Raw]:
    """Yield the rows of a table from ``start`` on, ``size`` at a time, and stop early where there is doubt.

    Only for a file of which `count_plain_rows` knows the number of rows.
    """
    import pandas as pd

    numbers = _columns_of_numbers(file, layout)
    with open_bytes(file) as binary, warnings.catch_warnings():
        _skip(binary, layout.first_line - 1)
        warnings.filterwarnings("ignore", ".*float_precision", category=Warning)
        try:
            with pd.read_csv(binary, **_options(layout, numbers), skiprows=start, chunksize=size) as frames:
                for frame in frames:
                    is_table = frame.shape[1] == len(layout.names)
                    raw = _raw_of(pd, frame, layout, start) if is_table else None
                    if raw is None:
                        return
                    yield raw
                    start += len(frame)
        except (ValueError, OverflowError):
            return


def _raw_of(pd: Any, frame: Any, layout: Layout, start: int) -> Raw | None:
    """Return what a frame holds of a table, of which it is the rows from ``start`` on."""
    last = frame.iloc[:, -1]
    # pandas fills short lines up with empty cells.
    if last.dtype.kind != "f" and bool((last == "").any()):
        return None
    label, first = layout.label, layout.first_line + start
    return Raw(
        names=[layout.names[j] for j in layout.features],
        columns=[
            _column(pd, frame.iloc[:, j], None if j in layout.words else layout.decimal)
            for j in layout.features
        ],
        labels=None if label is None else [cell.strip() for cell in frame.iloc[:, label].tolist()],
        label_name=None if label is None else layout.names[label],
        unit="line",
        places=range(first, first + len(frame)),
    )


def count_plain_rows(file: Path, layout: Layout, progress: Progress | None = None) -> int | None:
    """Return the number of lines below the header, or None if some line needs our own reader."""
    sign = re.escape(layout.separator.encode())
    # A cell in quotes without quotes or line breaks in it.
    quoted = re.compile(rb"(?<=[\n" + sign + rb'])"[^"\r\n]*"(?=[\r\n' + sign + rb"])")
    n_rows = 0
    with open_bytes(file) as binary:
        above = _skip(binary, layout.first_line - 1)
        if layout.separator > "\x7f" or above.count(b"\r") != above.count(b"\r\n"):
            return None
        rest, at_end = b"", False
        while chunk := binary.read(_CHUNK):
            tell_place(file, binary, progress)
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
    if b"\n\n" in text or b"\n\r\n" in text:
        return False
    text = b"\n" + text + b"\n"
    return b'"' not in text or b'"' not in quoted.sub(b"", text)


def _columns_of_numbers(file: Path, layout: Layout) -> set[int]:
    """Return the columns but the label that hold numbers alone in the first rows."""
    found = set(range(len(layout.names))) - {layout.label, *layout.words}
    with open_text(file, skip=layout.first_line - 1) as lines:
        for row, _ in zip(cells_of(lines, layout.separator), range(_PEEKED_ROWS), strict=False):
            if len(row.cells) != len(layout.names):
                return set()
            found = {j for j in found if _is_value(row.cells[j], layout.decimal)}
    return found


def _is_value(cell: str, decimal: str) -> bool:
    return number(cell, decimal) is not None and not is_missing(cell)


def _parse(pd: Any, file: Path, layout: Layout, numbers: set[int]) -> Any:
    """Return a frame of numbers and texts, or None if some cell of these columns is no number."""
    with open_bytes(file) as binary, warnings.catch_warnings():
        _skip(binary, layout.first_line - 1)
        # float_precision is what reads numbers to the last bit; a later pandas does so without it.
        warnings.filterwarnings("ignore", ".*float_precision", category=Warning)
        try:
            return pd.read_csv(binary, **_options(layout, numbers))
        except (ValueError, OverflowError):
            return None


def _options(layout: Layout, numbers: set[int]) -> dict[str, Any]:
    return {
        "sep": layout.separator,
        "decimal": layout.decimal,
        "header": None,
        "dtype": {j: np.float64 if j in numbers else str for j in range(len(layout.names))},
        "na_filter": False,
        "float_precision": "round_trip",
        "encoding": "utf-8",
        "engine": "c",
    }


def _column(pd: Any, column: Any, decimal: str | None) -> NDArray[np.float64] | Words:
    if column.dtype.kind == "f":
        numbers: NDArray[np.float64] = column.to_numpy()
        return numbers
    codes, distinct = pd.factorize(column)
    cells = recoded(codes.astype(np.int64), distinct.tolist())
    return cells if decimal is None else as_numbers(cells, decimal)
