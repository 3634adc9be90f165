"""Journal: a folder beside the result, in which certificates are kept in parts until all are there.

Every file in it appears whole or not at all. A part counts once its note is there, which is written after its
certificates; so a process may be killed at any moment, and the next one goes on behind the last note.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from .._npz import open_npz
from .._printing import printable, quoted
from .._version import __version__
from .._writing import lock, whole_or_nothing
from ..certificates import Certificates
from ..gate.errors import InvalidInput

__all__ = ["Journal", "Part", "Parts", "digest_of_files", "state_of_files"]

_HEAD, _LOCK = "run.json", "lock"
_NOTE = re.compile(r"part-([0-9]{15})\.json")
_CHUNK = 1 << 22


class Part(NamedTuple):
    """Certificates of some queries that follow one another.

    Attributes
    ----------
    start, stop : int
        The rows of the table of queries, from 0.
    n_queries : int
        There may be fewer, even none, where rows are left out.
    note : dict
        What is to be remembered of them.
    """

    start: int
    stop: int
    n_queries: int
    note: dict[str, Any]


class Parts(Sequence[Certificates]):
    """Certificates of all parts, each read when it is looked at."""

    def __init__(self, folder: Path, parts: Sequence[Part]) -> None:
        self._folder = folder
        self._parts = [part for part in parts if part.n_queries]

    def __len__(self) -> int:
        return len(self._parts)

    @overload
    def __getitem__(self, index: int) -> Certificates: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Certificates]: ...

    def __getitem__(self, index: int | slice) -> Certificates | Sequence[Certificates]:
        if isinstance(index, slice):
            return Parts(self._folder, self._parts[index])
        part = self._parts[index]
        certificates = Certificates.load(_certificates_of(self._folder, part.start))
        if len(certificates) != part.n_queries:
            raise InvalidInput(
                f"{printable(self._folder)}: expected {part.n_queries} certificates in the part that begins "
                f"with row {part.start}, got {len(certificates)}; delete the folder and start anew"
            )
        return certificates


class Journal:
    """A folder of certificates that are there already; use `open`, which locks it.

    Attributes
    ----------
    parts : list of Part
        In their order, without gaps.
    plan : mapping
        What must stay as it was when the run began.
    """

    def __init__(self, folder: Path, plan: Mapping[str, Any]) -> None:
        self._folder, self.plan = folder, plan
        self.parts = _parts_in(folder)

    @classmethod
    @contextlib.contextmanager
    def open(
        cls, folder: Path, head: Mapping[str, Any], plan: Mapping[str, Any], *, resume: bool
    ) -> Iterator[Journal]:
        """Begin a run, or go on with one.

        Parameters
        ----------
        folder : Path
        head : mapping
            What the results depend on: a run with another head is refused.
        plan : mapping
            What must stay as it was when the run began, such as the size of the parts of a table, of which
            roundings depend: what the folder says is kept.
        resume : bool
            Whether a folder may be there already.

        Raises
        ------
        InvalidInput
            If there is one and nobody said `resume`, or it belongs to another run, or another process works
            with it.
        """
        cls.check_may_begin(folder, resume=resume)
        shown = printable(folder)
        folder.mkdir(exist_ok=True)
        with _locked(folder):
            mine = {"format": "knn_cert.run", "version": 1, "knn_cert": __version__, **head}
            path = folder / _HEAD
            if path.exists():
                theirs = _parsed(path)
                plan = theirs.pop("plan", {})
                differing = sorted(key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key))
                if differing:
                    raise InvalidInput(
                        f"{shown} belongs to another run: {_difference(differing[0], mine, theirs)}; give "
                        "what it was begun with, or delete the folder"
                    )
            else:
                _write(path, {**mine, "plan": plan})
            yield cls(folder, plan)

    @staticmethod
    def check_may_begin(folder: Path, *, resume: bool) -> None:
        """Refuse a folder that is there where nobody said that a run is to be gone on with."""
        if folder.exists() and not resume:
            raise InvalidInput(
                f"{printable(folder)} is there, from a run that was stopped; add --resume to go on with it, "
                "or delete the folder"
            )

    @staticmethod
    def kept_plan(folder: Path) -> dict[str, Any] | None:
        """Return the plan of a run that was begun, None if there is none."""
        path = folder / _HEAD
        return _parsed(path).get("plan") if path.exists() else None

    @property
    def n_queries(self) -> int:
        """How many queries are certified."""
        return sum(part.n_queries for part in self.parts)

    @property
    def stop(self) -> int:
        """The row of the table of queries from which on nothing is there."""
        return self.parts[-1].stop if self.parts else 0

    @property
    def certificates(self) -> Parts:
        """Those of all parts."""
        return Parts(self._folder, self.parts)

    def add(self, stop: int, certificates: Certificates | None, note: dict[str, Any]) -> None:
        """Keep the certificates of the rows up to ``stop``; None where there is no query among them."""
        part = Part(self.stop, stop, 0 if certificates is None else len(certificates), note)
        if certificates is not None:
            certificates.save(_certificates_of(self._folder, part.start))
        _write(self._folder / f"part-{part.start:015d}.json", part._asdict())
        self.parts.append(part)
        self.forget()

    def remember(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays until the next part is added: work on it that is not done."""
        with whole_or_nothing(self._unfinished(name)) as temporary, temporary.open("wb") as file:
            named: dict[str, Any] = dict(arrays)
            np.savez(file, **named)

    def remembered(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return arrays that were kept, None if there are none."""
        path = self._unfinished(name)
        if not path.exists():
            return None
        try:
            with open_npz(path) as archive:
                return {key: archive[key] for key in archive.files}
        except Exception as error:  # zip, zlib and NumPy raise many kinds for a damaged file
            raise InvalidInput(
                f"{printable(path)} is damaged ({error}); delete it, and say --resume"
            ) from error

    def forget(self) -> None:
        """Remove what was kept of unfinished work."""
        for path in self._folder.glob("unfinished-*.npz"):
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder, when the result is written."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _unfinished(self, name: str) -> Path:
        return self._folder / f"unfinished-{name}.npz"


def state_of_files(path: Path) -> list[tuple[int, int, int]]:
    """Return what changes when somebody writes to a file, or to a folder of files, without reading them."""
    states = [one.stat() for one in _files(path) if one.exists()]  # what is missing is said by who reads it
    return [(state.st_ino, state.st_size, state.st_mtime_ns) for state in states]


def digest_of_files(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files in a folder and their names."""
    digest = hashlib.sha256()
    for one in _files(path):
        if one != path:
            digest.update(f"{one.relative_to(path).as_posix()}\0{one.stat().st_size}\0".encode())
        with one.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


def _certificates_of(folder: Path, start: int) -> Path:
    return folder / f"part-{start:015d}.npz"


def _parts_in(folder: Path) -> list[Part]:
    notes = sorted(path for path in folder.iterdir() if _NOTE.fullmatch(path.name))
    parts, stop = [], 0
    for path in notes:
        found = _parsed(path)
        try:
            part = Part(**found)
            is_next = part.start == stop < part.stop and path.name == f"part-{stop:015d}.json"
        except TypeError:
            is_next = False
        if not is_next:
            raise InvalidInput(f"{printable(path)} is no part that follows on row {stop}; delete the folder")
        parts.append(part)
        stop = part.stop
    return parts


def _parsed(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidInput(f"{printable(path)} is cut off or none ({error}); delete the folder") from error
    if not isinstance(found, dict):
        raise InvalidInput(
            f"{printable(path)} is none of ours; delete the folder, or give --out another name"
        )
    return found


def _difference(key: str, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    ours, other = mine.get(key), theirs.get(key)
    if isinstance(ours, dict) and isinstance(other, dict):
        inner = next(name for name in sorted({*ours, *other}) if ours.get(name) != other.get(name))
        return _difference(inner, ours, other)
    return f"{key} was {quoted(other)}, and is {quoted(ours)}"


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with whole_or_nothing(path) as temporary:
        temporary.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / _LOCK).open("a+b") as file:
        if not lock(file.fileno()):
            raise InvalidInput(
                f"{printable(folder)}: another process works on this run; wait for it, or give --out another "
                "name"
            )
        yield
