"""Journal: a folder beside the result, in which certificates are kept in parts until all are there.

Every file in it appears whole or not at all. A part counts once its note is there, which is written after its
certificates; so a process may be killed at any moment, and the next one goes on behind the last note.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from .._npz import open_npz
from .._printing import one_line, printable
from .._writing import whole_or_nothing
from ..certificates import Certificates
from ..gate.errors import InvalidInput
from . import folder as folders
from .digests import digest_of_files
from .head import Head
from .memory import Plan

__all__ = ["Journal", "JournalWarning", "Part", "Parts"]


class JournalWarning(UserWarning):
    """Something that was kept cannot be used, and is worked out again."""


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
                f"with row {part.start}, got {len(certificates)}; leave the folder alone, and say --resume"
            )
        return certificates


class Journal:
    """A folder of certificates that are there already; use `open`, which locks it.

    Attributes
    ----------
    parts : list of Part
        In their order, without gaps.
    plan : Plan or None
        How much is read at a time: as it was when the run began.
    """

    def __init__(self, folder: Path, head: Head) -> None:
        self._folder, self._head = folder, head
        self.plan, self.parts = head.plan, _sound_parts(folder, head.digest)

    @classmethod
    @contextlib.contextmanager
    def open(
        cls, folder: Path, about: Mapping[str, Any], plan: Plan | None, *, resume: bool
    ) -> Iterator[Journal]:
        """Begin a run, or go on with one; where it fails with nothing kept, the folder is removed.

        Parameters
        ----------
        folder : Path
        about : mapping
            What the results depend on, as in `Head`: a run about something else is refused.
        plan : Plan or None
            How much is read at a time. Where a run is gone on with, its own plan is kept.
        resume : bool
            Whether certificates may be there already.

        Raises
        ------
        InvalidInput
            If there are some and nobody said `resume`, or they belong to another run, or another process
            works with it, or the folder is none of ours.
        """
        folders.check_is_ours(folder)
        with folders.locked(folder):
            kept = cls._kept(folder, resume=resume)
            if kept is None:
                folders.remove_work(folder)
                kept = Head(about, plan)
                kept.write(folder)
            kept.check_is_of(about, folder)
            journal = cls(folder, kept)
            try:
                yield journal
            except (Exception, KeyboardInterrupt):
                with contextlib.suppress(OSError):  # what went wrong is said, not what is left of it
                    if not journal.holds_work:
                        folders.remove(folder)
                raise

    @classmethod
    def look(cls, folder: Path, *, resume: bool) -> Head | None:
        """Return what a run is about that can be gone on with, None if there is none.

        What a run left that has ended is removed.

        Raises
        ------
        InvalidInput
            As in `open`; nothing is written.
        """
        folders.check_is_ours(folder)
        head = Head.read(folder) if folder.is_dir() else None
        if head is not None and head.finished:
            with folders.locked(folder):
                folders.remove(folder)
            return None
        return None if head is None else cls._kept(folder, resume=resume)

    @staticmethod
    def _kept(folder: Path, *, resume: bool) -> Head | None:
        head = Head.read(folder)
        if head is None or head.finished or not folders.holds_work(folder):
            return None
        if not resume:
            raise InvalidInput(
                f"{printable(folder)} is there, from a run that was stopped; add --resume to go on with it, "
                "or delete the folder"
            )
        return head

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

    @property
    def holds_work(self) -> bool:
        """Whether a certificate is kept, or a pass that is not done."""
        return bool(self.n_queries) or folders.holds_unfinished(self._folder)

    def add(self, stop: int, certificates: Certificates | None, note: dict[str, Any]) -> None:
        """Keep the certificates of the rows up to ``stop``; None where there is no query among them."""
        part = Part(self.stop, stop, 0 if certificates is None else len(certificates), note)
        digest = None
        if certificates is not None:
            path = _certificates_of(self._folder, part.start)
            certificates.save(path)
            digest = digest_of_files(path)
        content = {**part._asdict(), "certificates": digest, "run": self._head.digest}
        with whole_or_nothing(_note_of(self._folder, part.start)) as temporary:
            text = json.dumps({**content, "sha256": _digest_of_note(content)}, allow_nan=False)
            temporary.write_text(text, encoding="utf-8")
        self.parts.append(part)
        self.forget()

    def remember(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays until the next part is added: work on it that is not done."""
        with whole_or_nothing(self._unfinished(name)) as temporary, temporary.open("wb") as file:
            named: dict[str, Any] = {**arrays, "run": np.array(self._head.digest)}
            np.savez(file, **named)

    def remembered(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return arrays that were kept, None if there are none, or none of this run."""
        path = self._unfinished(name)
        if not path.exists():
            return None
        try:
            with open_npz(path) as archive:
                arrays = {key: archive[key] for key in archive.files}
            if str(arrays.pop("run")) == self._head.digest:
                return arrays
            reason = "it is of another run"
        except Exception as error:  # zip, zlib and NumPy raise many kinds for a damaged file
            reason = one_line(error)
        warnings.warn(
            f"{printable(path)} cannot be used ({reason}); this pass over the training table begins anew",
            JournalWarning,
            stacklevel=2,
        )
        return None

    def forget(self) -> None:
        """Remove what was kept of unfinished work."""
        for path in self._folder.glob("unfinished-*.npz"):
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove what is ours, when the result is written."""
        self._head.as_finished().write(self._folder)
        folders.remove(self._folder)

    def _unfinished(self, name: str) -> Path:
        return self._folder / f"unfinished-{name}.npz"


def _certificates_of(folder: Path, start: int) -> Path:
    return folder / f"part-{start:015d}.npz"


def _note_of(folder: Path, start: int) -> Path:
    return folder / f"part-{start:015d}.json"


def _digest_of_note(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sound_parts(folder: Path, run: str) -> list[Part]:
    """Return the parts of a run up to the first that is not there as it was written; drop all behind it."""
    starts = sorted(int(found[1]) for found in map(folders.PART.fullmatch, os.listdir(folder)) if found)
    parts: list[Part] = []
    stop = 0
    while stop in starts:
        part = _sound_part(folder, stop, run)
        if part is None:
            break
        parts.append(part)
        stop = part.stop
    dropped = sorted({*starts} - {part.start for part in parts})
    for start in reversed(dropped):
        _note_of(folder, start).unlink(missing_ok=True)
        _certificates_of(folder, start).unlink(missing_ok=True)
    if dropped:
        warnings.warn(
            f"{printable(folder)}: the part that begins with row {stop} of TEST is missing, damaged or of "
            f"another run; from there on all is certified again ({len(dropped)} of {len(starts)} parts)",
            JournalWarning,
            stacklevel=4,
        )
    return parts


def _sound_part(folder: Path, start: int, run: str) -> Part | None:
    """Return a part if its note and its certificates are those that were written, None otherwise."""
    try:
        content = json.loads(_note_of(folder, start).read_bytes().decode("utf-8"))
        digest = content.pop("sha256")
        certificates, of_run = content.pop("certificates"), content.pop("run")
        part = Part(**content)
        whole = {**content, "certificates": certificates, "run": of_run}
        is_sound = digest == _digest_of_note(whole) and of_run == run and part.start == start < part.stop
        is_sound = is_sound and {type(one) for one in part[:3]} == {int} and isinstance(part.note, dict)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
    if not is_sound:
        return None
    path = _certificates_of(folder, start)
    if certificates is not None and not (path.is_file() and digest_of_files(path) == certificates):
        return None
    return part
