"""A table of text in a zip archive: unpacked into a folder of its own for as long as it is read."""

from __future__ import annotations

import contextlib
import errno
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from .._printing import listed, one_line
from ..gate.errors import InvalidInput
from .size import check_unpacked_size

# What a damaged archive raises, beside a position that is none (EINVAL).
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError)

# A text may be a table or say what is in the others: it counts where there is nothing else.
_TABLES, _TEXTS = (".csv", ".tsv", ".data"), (".txt",)


@contextlib.contextmanager
def table_in(archive: Path) -> Iterator[Path]:
    """Give the only table of text of an archive, as a file."""
    with tempfile.TemporaryDirectory(prefix="knn_cert-") as folder:
        try:
            with zipfile.ZipFile(archive) as opened:
                member = _only_table(opened)
                # Under a name of ours: what is written in an archive leads to no other folder.
                file = Path(folder) / ("table" + PurePosixPath(member.filename).suffix.lower())
                _unpack(opened, member, file, archive)
        except InvalidInput:
            raise
        except (*_DAMAGED, OSError) as error:
            if isinstance(error, OSError) and error.errno != errno.EINVAL:
                raise  # a full disk, say
            raise InvalidInput(
                "expected a whole zip archive without a password, got one that cannot be read: "
                f"{one_line(error)}"
            ) from error
        try:
            yield file
        except InvalidInput as error:
            raise InvalidInput(f"{listed([member.filename])}: {error}") from error.__cause__


def _only_table(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir()
        and not PurePosixPath(member.filename).name.startswith(".")
        and "__MACOSX" not in PurePosixPath(member.filename).parts
    ]
    for suffixes in (_TABLES, _TEXTS):
        tables = [m for m in members if PurePosixPath(m.filename).suffix.lower() in suffixes]
        if len(tables) == 1:
            return tables[0]
        if tables:
            break
    names = listed(member.filename for member in tables or members) or "nothing"
    raise InvalidInput(
        f"expected one table ({', '.join((*_TABLES, *_TEXTS))}) in the archive, got {names}; unpack it and "
        "give the table that is meant"
    )


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file: Path, packed: Path) -> None:
    check_unpacked_size(member.file_size, packed)
    # No more than that is unpacked; where it is wrong, the checksum is wrong as well.
    with archive.open(member) as source, open(file, "wb") as target:
        shutil.copyfileobj(source, target)
