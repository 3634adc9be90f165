"""Files from outside, read whole: plain or gzip, never more than fits, as bytes, as text or as a checksum."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import BinaryIO

# Bytes that a file may unpack to: the largest that this package knows has 47 MB, and what is ten times as
# large is something else, or made to fill the memory.
LARGEST_CONTENT = 1 << 29

# Bytes read at once where a file is only looked through.
CHUNK = 1 << 20

_GZIP = b"\x1f\x8b"  # its first two bytes, RFC 1952


def read_bytes(path: Path, *, remedy: str) -> bytes:
    """Return the content of a file, unpacked if it is gzip (told by its first bytes, not by its name).

    Parameters
    ----------
    path : Path
    remedy : str
        What the user can do about a damaged file: the end of the message.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the gzip stream is cut off or corrupt, or unpacks to more than 512 MiB.
    """
    with open(path, "rb") as raw:
        packed = raw.read(len(_GZIP)) == _GZIP
        raw.seek(0)
        if not packed:
            return raw.read()
        content = _unpack(raw, path, remedy)
    if len(content) > LARGEST_CONTENT:
        raise ValueError(
            f"{path}: expected at most {LARGEST_CONTENT >> 20} MiB once unpacked, got more; {remedy}"
        )
    return content


def read_text(path: Path, *, remedy: str, remedy_encoding: str = "") -> str:
    """Return the text of a UTF-8 file, plain or gzip, without a byte order mark.

    Parameters
    ----------
    path : Path
    remedy : str
        As for `read_bytes`.
    remedy_encoding : str, optional
        What to do about a file that is not UTF-8; left out, ``remedy``.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        As `read_bytes`, and if the file is not UTF-8; the message names the line.
    """
    data = read_bytes(path, remedy=remedy)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        read = error.object  # without the mark, from where the place of the error is counted
        line = read.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: expected UTF-8 text, got byte 0x{read[error.start]:02x} ({error.reason}); "
            f"{remedy_encoding or remedy}"
        ) from None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as it lies there, packed or not, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _unpack(raw: BinaryIO, path: Path, remedy: str) -> bytes:
    try:
        # One byte more than is allowed shows that there is too much.
        return gzip.GzipFile(fileobj=raw).read(LARGEST_CONTENT + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(
            f"{path}: expected a whole gzip file, got one that is cut off or corrupt ({error}); {remedy}"
        ) from error
