"""How large a compressed table may become: a file of a few kB can unpack to more than the memory holds."""

from __future__ import annotations

import gzip
from pathlib import Path

from ..gate.errors import InvalidInput

# Tables of measurements shrink to a third or a tenth; very regular ones to a fiftieth.
_ALWAYS_ALLOWED = 1 << 28  # bytes: 256 MiB
_LARGEST_RATIO = 100
_CHUNK = 1 << 20


def check_unpacked_size(n_bytes: int, file: Path) -> None:
    """Raise InvalidInput where a file unpacks to more than 256 MiB and more than 100 times its own size."""
    check_unpacked_bytes(n_bytes, file.stat().st_size)


def check_unpacked_bytes(n_bytes: int, packed: int) -> None:
    """Raise as `check_unpacked_size` does, for ``packed`` bytes."""
    limit = max(_ALWAYS_ALLOWED, _LARGEST_RATIO * packed)
    if n_bytes > limit:
        raise InvalidInput(
            f"expected a table of at most {limit >> 20} MiB once unpacked (256 MiB, or 100 times the "
            f"{packed} bytes of the file), got more; if this is what you want, give it unpacked, as CSV"
        )


def check_gzip(file: Path) -> None:
    """Unpack a gzip file into nothing, and raise as `check_unpacked_size` as soon as there is too much.

    Raises
    ------
    EOFError, gzip.BadGzipFile, zlib.error
        If the file is cut off or damaged.
    """
    n_bytes = 0
    with gzip.open(file) as stream:
        while chunk := stream.read(_CHUNK):
            n_bytes += len(chunk)
            check_unpacked_size(n_bytes, file)
