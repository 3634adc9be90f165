"""Tables of text in other encodings than UTF-8: rewritten in UTF-8 for as long as they are read."""

from __future__ import annotations

import codecs
import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .._printing import quoted
from ..gate.errors import InvalidInput
from .lines import errors_of_gzip, open_bytes

# What Excel calls "Unicode text", and what some programs of Windows write, begins with one of these; the
# longer ones first, as one begins like another.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8",
}
_UTF8 = ("utf-8", "utf-8-sig", "ascii")
_CHUNK = 1 << 20  # characters


def check_encoding(encoding: str | None) -> None:
    """Refuse the name of an encoding that Python does not know, or that is no encoding of text.

    Raises
    ------
    InvalidInput
    """
    try:
        "".encode("utf-8" if encoding is None else encoding)
    except (LookupError, ValueError, TypeError):
        raise InvalidInput(
            f"encoding must be one that Python knows, such as utf-8, latin-1, cp1252 or utf-16, got "
            f"{quoted(encoding)}"
        ) from None


@contextlib.contextmanager
def in_utf8(file: Path, encoding: str | None) -> Iterator[Path]:
    """Give a file of text in UTF-8: the file itself where it is, else a copy in a folder of its own.

    Parameters
    ----------
    file : Path
        Plain or gzipped.
    encoding : str or None
        None takes UTF-8, or UTF-16 or UTF-32 where the first bytes say so.

    Raises
    ------
    InvalidInput
        If the file has characters that are none in this encoding, or unpacks to too much.
    """
    with open_bytes(file) as binary, errors_of_gzip():
        start = binary.read(4)
    marked = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
    name = codecs.lookup(encoding or marked or "utf-8").name
    if marked == "utf-8" and name not in _UTF8:
        raise InvalidInput(
            f"expected text in the encoding {name}, got the mark of UTF-8; leave --encoding out"
        )
    if name in _UTF8:
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="knn_cert-") as folder:
        copy = Path(folder) / ("table" + Path(file.name.lower().removesuffix(".gz")).suffix)
        _rewrite(file, copy, name)
        yield copy


def _rewrite(file: Path, copy: Path, encoding: str) -> None:
    n_lines = 0
    try:
        with (
            open_bytes(file, check_size=True) as binary,
            errors_of_gzip(),
            io.TextIOWrapper(binary, encoding=encoding, newline="") as source,
            open(copy, "w", encoding="utf-8", newline="") as target,
        ):
            while text := source.read(_CHUNK):
                target.write(text)
                n_lines += text.count("\n")
    except UnicodeError as error:
        raise InvalidInput(
            f"expected text in the encoding {encoding}, got something else below line {n_lines + 1}; name "
            "the encoding in which the table was saved, or save it in UTF-8"
        ) from error
