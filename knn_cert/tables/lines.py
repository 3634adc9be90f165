"""The lines of a text file, plain or gzipped: opened, decoded and bounded; comments on top are set apart."""

from __future__ import annotations

import contextlib
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from ..gate.errors import InvalidInput
from .size import check_gzip

# Called with how many bytes of a file are read, and how many it has.
Progress = Callable[[int, int], None]

_LINES_BETWEEN = 1 << 12

LONGEST_LINE = 1 << 26  # characters: a million columns of 67 characters
_PEEKED_LINES = 100
_PEEKED_CHARACTERS = 1 << 20
_FEWEST_PEEKED = 3  # a header and two rows, however long they are
_COMMENT = ("#", "%")
_ARFF = re.compile(r"@(?:relation|attribute|data)\b", re.IGNORECASE)
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w\s"]|\t)"?\s*', re.IGNORECASE)
_MAGIC = {
    b"PK\x03\x04": "a zip archive; rename it to .zip, or to .xlsx if it is a workbook of Excel",
    b"PAR1": "a Parquet file; rename it to .parquet",
    b"ARROW1": "an Arrow file; rename it to .arrow",
    b"\x93NUMPY": "an array of NumPy; save X and y with numpy.savez as .npz",
    b"\xd0\xcf\x11\xe0": "a workbook of an old Excel; save it as .xlsx or CSV",
    b"%PDF": "a PDF; save the table in it as CSV",
}


class Top(NamedTuple):
    """The first lines of a file: comments above the table, then lines of the table.

    Both are pairs of a line number, from 1, and the text of the line; empty lines are left out. ``separator``
    is what a first line ``sep=;`` says, as Excel reads and writes it.
    """

    comments: list[tuple[int, str]]
    table: list[tuple[int, str]]
    separator: str | None

    @property
    def text(self) -> str:
        """The lines of the table as one text."""
        return "".join(line for _, line in self.table)


def read_top(file: Path) -> Top:
    """Read the comments on top of a file, and so many lines of the table that its manner can be seen."""
    comments: list[tuple[int, str]] = []
    table: list[tuple[int, str]] = []
    n_characters = 0
    separator = None
    with open_text(file, check_size=True) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            said = _SEPARATOR_LINE.fullmatch(line) if not table and not comments else None
            if said is not None:
                separator = said[1]
                continue
            if not table and line.startswith(_COMMENT):
                comments.append((number, line))
                continue
            if not table and _ARFF.match(line):
                raise InvalidInput(
                    "expected a header line or rows, got an ARFF file; save it as CSV: the names behind "
                    "@attribute make the header line, what follows @data the rows"
                )
            table.append((number, line))
            n_characters += len(line)
            enough = len(table) >= _PEEKED_LINES or n_characters >= _PEEKED_CHARACTERS
            if enough and len(table) >= _FEWEST_PEEKED:
                break
    return Top(comments, table, separator)


@contextlib.contextmanager
def open_text(
    file: Path, *, skip: int = 0, check_size: bool = False, progress: Progress | None = None
) -> Iterator[Iterator[str]]:
    """Give the lines of a file, without the first ``skip`` ones.

    With ``check_size`` a gzip file is unpacked once before, to see how large it is: when it is read first.

    Raises
    ------
    InvalidInput
        If the file is not UTF-8, a gzip file that is cut off or unpacks to too much, or no text at all; if a
        line has no end.
    """
    try:
        with (
            errors_of_gzip(),
            open_bytes(file, check_size=check_size) as binary,
            io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as stream,
        ):
            lines = _lines(stream, skip)
            yield lines if progress is None else _told(lines, file, binary, progress)
    except UnicodeDecodeError:
        raise InvalidInput(_where_not_utf8(file)) from None


@contextlib.contextmanager
def errors_of_gzip() -> Iterator[None]:
    """Say of a damaged gzip file what it is, as InvalidInput."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InvalidInput(
            f"expected a whole gzip file, got one that is cut off or corrupt: {error}"
        ) from error


@contextlib.contextmanager
def open_bytes(file: Path, *, check_size: bool = False) -> Iterator[Any]:
    """Give the unpacked bytes of a file of text."""
    with open(file, "rb") as raw:
        # Told by the first bytes: what is called .csv.gz has often been unpacked on the way.
        start = raw.read(8)
        raw.seek(0)
        for magic, what in _MAGIC.items():
            if start.startswith(magic):
                raise InvalidInput(f"expected text, got {what}")
        packed = start.startswith(b"\x1f\x8b")
        if packed and check_size:
            check_gzip(file)
        yield gzip.GzipFile(fileobj=raw) if packed else raw


def tell_place(file: Path, binary: Any, progress: Progress | None) -> None:
    """Say how much of a file is read by who opened it with `open_bytes`; packed bytes of a gzip file."""
    if progress is not None:
        raw: Any = binary.fileobj if isinstance(binary, gzip.GzipFile) else binary
        n_bytes = file.stat().st_size
        progress(min(raw.tell(), n_bytes), n_bytes)


def _told(lines: Iterator[str], file: Path, binary: Any, progress: Progress) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number % _LINES_BETWEEN == 0:
            tell_place(file, binary, progress)
        yield line


def _lines(stream: IO[str], skip: int) -> Iterator[str]:
    number = 1
    while line := stream.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
            raise InvalidInput(
                f"line {number}: expected lines of less than {LONGEST_LINE} characters, got a longer one; "
                "this is no table of text"
            )
        if "\0" in line:
            raise InvalidInput(
                f"line {number}: expected text, got a NUL character; a text in UTF-16 or UTF-32 without a "
                "mark? Name its encoding (--encoding utf-16-le, say), or save it in UTF-8"
            )
        if number > skip:
            yield line
        number += 1


def _where_not_utf8(file: Path) -> str:
    """Find the line that is not UTF-8 (the decoder works in blocks and does not know)."""
    where = ""
    # Where the gzip stream breaks off before that line is found, the line stays unnamed.
    with contextlib.suppress(EOFError, OSError, zlib.error), open_bytes(file) as binary:
        for number, line in enumerate(binary, start=1):
            try:
                line.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                where = f" in line {number} (byte 0x{line[error.start]:02x})"
                break
    return (
        f"expected UTF-8 text, got something else{where}; name its encoding (--encoding cp1252, say), or "
        "save the table with the encoding UTF-8"
    )
