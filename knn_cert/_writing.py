"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # no locks of this kind on Windows
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def whole_or_nothing(path: Path) -> Iterator[Path]:
    """Give a temporary file beside ``path`` that takes its place, and its permissions, if the body succeeds.

    After a crash of the machine the file is the old one or the new one. A process that is killed leaves its
    temporary file behind; the next one that writes to the same path removes it.
    """
    with errors_name(path), _temporary_file(path) as temporary:
        _remove_abandoned(path)
        yield temporary
        mode = _permissions(path)
        if mode is not None:
            temporary.chmod(mode)
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)


def lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; return whether no other process has it, True without locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks
    return True


@contextlib.contextmanager
def errors_name(path: Path) -> Iterator[None]:
    """Name the file in errors of the operating system."""
    try:
        yield
    except OSError as error:
        # OSError picks the subclass from the number.
        raise OSError(error.errno, f"cannot write {path}: {error.strerror or error}") from error


def temporary_sibling(path: Path) -> Path:
    """Return the path of a temporary file in the same folder."""
    # Not tempfile: its files are for their owner alone, and a result should have the user's usual mode.
    return path.with_name(f"{_prefix(path)}{uuid.uuid4().hex}.part")


def _prefix(path: Path) -> str:
    return f".{path.stem[:64]}-"


@contextlib.contextmanager
def _temporary_file(path: Path) -> Iterator[Path]:
    """Give an empty locked file, which nobody takes for abandoned; in the end it is gone or renamed."""
    temporary, descriptor = _create(path)
    try:
        if fcntl is None:
            os.close(descriptor)  # Windows does not rename open files
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        if fcntl is not None:
            os.close(descriptor)


def _create(path: Path) -> tuple[Path, int]:
    # What is written into a file that nobody else may read is not for others to read before either.
    mode = _permissions(path)
    mode = 0o666 if mode is None else mode | stat.S_IRUSR | stat.S_IWUSR
    while True:
        temporary = temporary_sibling(path)
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        if fcntl is None:
            return temporary, descriptor
        # Between its creation and the lock another process may take it for abandoned and remove it. On a file
        # system without locks nobody removes anything.
        if lock(descriptor) and temporary.exists():
            return temporary, descriptor
        os.close(descriptor)


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of this path whose process is gone: a lock lasts as long as its process."""
    if fcntl is None:
        return
    pattern = re.compile(re.escape(_prefix(path)) + r"[0-9a-f]{32}\.part")
    with os.scandir(path.parent) as entries:
        candidates = [Path(entry.path) for entry in entries if pattern.fullmatch(entry.name)]
    for candidate in candidates:
        # Not ours to remove, on a file system without locks, locked, or removed by another: it stays.
        with contextlib.suppress(OSError):
            descriptor = os.open(candidate, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                candidate.unlink()
            finally:
                os.close(descriptor)


def _permissions(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode) & 0o777
    except FileNotFoundError:
        return None


def _sync_folder(folder: Path) -> None:
    """Make sure that a renamed file keeps its new name; where that cannot be, the file is whole anyway."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
