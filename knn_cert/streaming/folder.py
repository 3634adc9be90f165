"""The folder of a run: whose it is, one process at a time, and removed file by file, ours alone."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from .._printing import printable
from .._writing import lock
from ..gate.errors import InvalidInput
from . import head

__all__ = ["PART", "check_is_ours", "holds_unfinished", "holds_work", "locked", "remove", "remove_work"]

_LOCK = "lock"
PART = re.compile(r"part-([0-9]{15})\.json")
_UNFINISHED = re.compile(r"unfinished-[0-9a-f]{16}\.npz")
_WORK = re.compile(rf"part-[0-9]{{15}}\.(?:json|npz)|{_UNFINISHED.pattern}")
# What a process that was killed left of a file that it was writing.
_TEMPORARY = re.compile(r"\.(?:run|part-[0-9]{15}|unfinished-[0-9a-f]{16})-[0-9a-f]{32}\.part")


def check_is_ours(folder: Path) -> None:
    """Refuse what is in the place of the folder and is none of ours, before anything is written to it.

    Raises
    ------
    InvalidInput
        If it is a link or no folder, or holds something and no run.json, or something in the place of a file.
    """
    if not os.path.lexists(folder):
        return
    shown, remedy = printable(folder), "give --out another name, or move it away"
    if folder.is_symlink():
        raise InvalidInput(f"{shown}: expected a folder of this run, got a link; {remedy}")
    if not folder.is_dir():
        raise InvalidInput(f"{shown}: expected a folder of this run, got something else; {remedy}")
    for name in sorted(os.listdir(folder)):
        is_name_of_ours = name in (head.NAME, _LOCK) or _WORK.fullmatch(name) or _TEMPORARY.fullmatch(name)
        if is_name_of_ours and ((folder / name).is_symlink() or not (folder / name).is_file()):
            raise InvalidInput(
                f"{printable(folder / name)}: expected a file of this run, got something else; {remedy}"
            )
    if (folder / head.NAME).is_file():
        return
    others = [name for name in sorted(os.listdir(folder)) if name != _LOCK and not _TEMPORARY.fullmatch(name)]
    if others:
        raise InvalidInput(
            f"{shown}: expected a folder of this run, got one that holds {printable(others[0])} and no "
            f"{head.NAME}; {remedy}"
        )


def holds_work(folder: Path) -> bool:
    """Whether parts are kept in the folder, or a pass that is not done."""
    return holds_unfinished(folder) or any(map(PART.fullmatch, os.listdir(folder)))


def holds_unfinished(folder: Path) -> bool:
    """Whether a pass is kept that is not done."""
    return folder.is_dir() and any(map(_UNFINISHED.fullmatch, os.listdir(folder)))


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder if it is not there, and keep other processes from it.

    Raises
    ------
    InvalidInput
        If another process works with it.
    """
    while True:
        folder.mkdir(exist_ok=True)
        path = folder / _LOCK
        try:
            file = path.open("a+b")
        except FileNotFoundError:  # removed by a process that has just ended
            continue
        with file:
            if not lock(file.fileno()):
                raise InvalidInput(
                    f"{printable(folder)}: another process works on this run; wait for it, or give --out "
                    "another name"
                )
            # Between opening and locking a process that ends may have removed this very file.
            if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                continue
            yield
            return


def remove_work(folder: Path) -> None:
    """Remove what is kept of a run, and what was being written."""
    for name in os.listdir(folder):
        if _WORK.fullmatch(name) or _TEMPORARY.fullmatch(name):
            (folder / name).unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Remove the files that are ours, and the folder if nothing else is in it.

    run.json goes last: who is killed meanwhile leaves a folder that still says what it is.
    """
    remove_work(folder)
    for name in (_LOCK, head.NAME):
        with contextlib.suppress(PermissionError):  # Windows removes no file that is open
            (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # something of somebody else is in it
        folder.rmdir()
