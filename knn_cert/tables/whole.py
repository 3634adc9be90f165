"""Tables of kinds that are read whole: how much they unpack to, before they are read."""

from __future__ import annotations

import contextlib
import os
import zipfile
from pathlib import Path

from .arrow import bytes_of_arrow
from .files import ARROW, errors_name

_ZIPPED = (".npz", ".xlsx")


def bytes_read_whole(path: str | os.PathLike[str]) -> int | None:
    """Return how many bytes a table unpacks to that is read whole, None for one that is read in parts.

    Of a file that cannot be opened as what its name says, it is the size: its reader says what is wrong.

    Raises
    ------
    FileNotFoundError, OSError, InvalidInput
        If there is no such file, or it is no table by its name.
    """
    with errors_name(path) as (file, kind):
        if kind in _ZIPPED:
            return _bytes_of_archive(file)
        return bytes_of_arrow(file) if kind in ARROW else None


def _bytes_of_archive(file: Path) -> int:
    with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(file) as archive:
        return sum(member.file_size for member in archive.infolist())
    return file.stat().st_size
