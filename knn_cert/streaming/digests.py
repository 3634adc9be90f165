"""Files by their content and by their state: whether a table is the one that it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["State", "bytes_of_files", "digest_of_files", "state_of_files"]

_CHUNK = 1 << 22


class State(NamedTuple):
    """What the file system says of a file.

    Attributes
    ----------
    name : str
        Below the folder, where it is one of a folder of files.
    inode, n_bytes, modified_ns : int
    changed_ns : int
        When its content, its name or its rights were last changed. No program sets this time.
    """

    name: str
    inode: int
    n_bytes: int
    modified_ns: int
    changed_ns: int


def state_of_files(path: Path) -> list[State]:
    """Return what changes when somebody writes to a file, or to a folder of files, without reading them.

    What is left unnoticed: two changes within one tick of the clock of the file system (some milliseconds; on
    old ones two seconds), what was written through a mapping of the file and not seen by the system yet, and
    on Windows, which has no such time of change, a file of the same size whose time of writing was set back.
    Where `State.changed_ns` alone differs, a digest tells whether the content is the same again; between two
    processes nothing but digests is compared.
    """
    found = []
    for one in _files(path):
        if one.exists():  # what is missing is said by who reads it
            state = one.stat()
            name = "" if one == path else one.relative_to(path).as_posix()
            found.append(State(name, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns))
    return found


def bytes_of_files(path: Path) -> int:
    """Return how many bytes a file has, or all files of a folder."""
    return sum(one.stat().st_size for one in _files(path))


def digest_of_files(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """Return the SHA-256 of a file, or of all files in a folder and their names.

    ``progress`` is told how many bytes are read, again and again.
    """
    digest, done = hashlib.sha256(), 0
    for one in _files(path):
        if one != path:
            digest.update(f"{one.relative_to(path).as_posix()}\0{one.stat().st_size}\0".encode())
        with one.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(done)
    return digest.hexdigest()


def _files(path: Path) -> Sequence[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
