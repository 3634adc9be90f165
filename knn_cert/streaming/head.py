"""run.json: what a run is about, how it is cut, and whether it has ended; checked wholly when it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .._printing import printable, quoted
from .._version import __version__
from .._writing import whole_or_nothing
from ..gate.errors import InvalidInput
from .memory import Plan, most_of_plan

__all__ = ["NAME", "Head"]

NAME = "run.json"
_FORMAT, _VERSION = "knn_cert.run", 3
_KEYS = {"format", "version", "knn_cert", "about", "plan", "finished", "sha256"}
_ABOUT = {"options", "sha256", "data"}
_REMEDY = "delete the folder, or give --out another name"


@dataclass(frozen=True)
class Head:
    """What a folder of parts says of the run that they belong to.

    Attributes
    ----------
    about : mapping
        What the results depend on: ``options`` as they were given, by their names; where tables come from
        files, ``sha256``, the digest of each by what it is; where rows are in memory, ``data``, their digest.
    plan : Plan or None
        How much is read at a time, of which roundings depend; None where the training table is in memory.
    finished : bool
        Whether the result is written, so that everything beside it may go.
    knn_cert : str
        The version that began the run.
    """

    about: Mapping[str, Any]
    plan: Plan | None
    finished: bool = False
    knn_cert: str = __version__

    @classmethod
    def read(cls, folder: Path) -> Head | None:
        """Return what a folder says, None if it says nothing.

        Raises
        ------
        InvalidInput
            If that is not what a run of this version writes.
        """
        path = folder / NAME
        if not path.exists():
            return None
        shown = printable(path)
        try:
            found = json.loads(path.read_bytes().decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"{shown} is cut off or none of ours ({error}); {_REMEDY}") from error
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise InvalidInput(f"{shown} is none of ours; {_REMEDY}")
        begun_with = found.get("knn_cert")
        if found.get("version") != _VERSION and isinstance(begun_with, str):
            raise InvalidInput(
                f"{printable(folder)} was begun with knn-cert {printable(begun_with)}, and this is "
                f"{__version__}; go on with that version, or delete the folder"
            )
        wrong = _wrong_in(found)
        if wrong is None and found.pop("sha256") != _digest_of(found):
            wrong = "expected the SHA-256 that it was written with"
        if wrong is not None:
            raise InvalidInput(f"{shown}: {wrong}; somebody has changed it: {_REMEDY}")
        plan = found["plan"]
        return cls(found["about"], None if plan is None else Plan(**plan), found["finished"], str(begun_with))

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all."""
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "knn_cert": self.knn_cert,
            "about": self.about,
            "plan": None if self.plan is None else self.plan._asdict(),
            "finished": self.finished,
        }
        content["sha256"] = _digest_of(content)
        with whole_or_nothing(folder / NAME) as temporary:
            temporary.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")

    def as_finished(self) -> Head:
        """Return the same of a run whose result is written."""
        return replace(self, finished=True)

    @property
    def digest(self) -> str:
        """What parts of this run, cut in this way, carry."""
        plan = None if self.plan is None else self.plan._asdict()
        return _digest_of([self.knn_cert, self.about, plan])

    def check_is_of(self, about: Mapping[str, Any], folder: Path) -> None:
        """Refuse a run that is about something else; of ``about`` parts may be missing.

        Raises
        ------
        InvalidInput
            That says what differs.
        """
        if self.knn_cert != __version__:
            difference: str | None = f"it was begun with knn-cert {self.knn_cert}, and this is {__version__}"
        else:
            difference = _difference(self.about, about)
        if difference is not None:
            raise InvalidInput(
                f"{printable(folder)} belongs to another run: {printable(difference)}; give what it was "
                "begun with, or delete the folder"
            )


def _digest_of(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _wrong_in(found: dict[str, Any]) -> str | None:
    """Return what is not as `Head.write` writes it."""
    if set(found) != _KEYS:
        return f"expected {', '.join(sorted(_KEYS))}, got {', '.join(map(printable, sorted(found)))}"
    if not isinstance(found["knn_cert"], str) or not isinstance(found["finished"], bool):
        return "expected a version and whether the run has ended"
    about = found["about"]
    if not isinstance(about, dict) or "options" not in about or not set(about) <= _ABOUT:
        return "expected what the run is about"
    for key in ("options", "sha256"):
        texts = about.get(key, {})
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            return f"expected texts in {key}"
    if not isinstance(about.get("data", ""), str):
        return "expected a text in data"
    return _wrong_in_plan(found["plan"])


def _wrong_in_plan(plan: Any) -> str | None:
    if plan is None:
        return None
    most = most_of_plan()._asdict()
    if not isinstance(plan, dict) or set(plan) != set(most):
        return f"expected {', '.join(most)} in the plan"
    for name, value in plan.items():
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most[name]:
            return f"expected a whole number from 1 to {most[name]} for {name}, got {quoted(value)}"
    return None


def _difference(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str | None:
    before, now = theirs["options"], ours["options"]
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            return f"{name} {_was(before.get(name))}, and {_is(now.get(name))}"
    # Where tables are not looked at yet, they are no difference.
    if "sha256" in ours:
        before, now = theirs.get("sha256", {}), ours["sha256"]
        for name in sorted({*before, *now}, reverse=True):
            if before.get(name) != now.get(name):
                was, is_now = _start(before.get(name)), _start(now.get(name))
                return f"the {name} was another one (SHA-256 {was}, now {is_now})"
    if "data" in ours and theirs.get("data") != ours["data"]:
        return "the data set was another one"
    return None


def _was(value: str | None) -> str:
    return "was not given" if value is None else "was given" if value == "" else f"was {value}"


def _is(value: str | None) -> str:
    return "is not given" if value is None else "is given" if value == "" else f"is {value}"


def _start(digest: str | None) -> str:
    return "none" if digest is None else f"{digest[:12]}..."
