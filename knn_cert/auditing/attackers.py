"""Who may have tampered: attackers in plain words and in those of NIST AI 100-2, as threats with budgets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from .._printing import quoted
from ..gate.errors import InvalidInput
from ..threats import Deletions, Insertions, LabelFlips, QueryShift, Replacements, RowShift
from ..threats.shifts import StructuredThreat

__all__ = ["ATTACKERS", "DEFAULT_ATTACKERS", "Asked", "Attacker", "parse_asked"]


@dataclass(frozen=True)
class Attacker:
    """Somebody who tampers, and which threat answers him.

    Attributes
    ----------
    name : str
        What options call him.
    title : str
        What reports call him.
    nist : str
        The same in the words of NIST AI 100-2: the attack, and what the attacker controls.
    story : str
        What he did, in a sentence.
    threat_name : str
        The name that `knn-cert certify --threat` has for the threat, which is accepted as well.
    counts_rows : bool
        Whether his budget is a number of rows; otherwise it is a radius.
    some_rows : bool
        Whether he tampers with some rows of the table.
    """

    name: str
    title: str
    nist: str
    story: str
    threat_name: str
    counts_rows: bool = True
    some_rows: bool = True

    def threat(self, rows: int | float | None = None, radius: float | None = None) -> StructuredThreat:
        """Return the threat with this budget, or with an open one."""
        if self.name == "backdoor":
            return RowShift(_given(rows), radius, relabel=True)
        if self.name == "moved":
            return RowShift(_given(rows), radius)
        if self.name == "query":
            return QueryShift(radius)
        return _OF_ROWS[self.name](rows)


_OF_ROWS: dict[str, type[LabelFlips | Deletions | Insertions | Replacements]] = {
    "mislabelled": LabelFlips,
    "planted": Deletions,
    "removed": Insertions,
    "replaced": Replacements,
}

ATTACKERS = {
    one.name: one
    for one in (
        Attacker(
            "mislabelled",
            "Mislabelled rows",
            "data poisoning by label manipulation (targeted or availability poisoning; label control)",
            "Somebody, careless or bribed, wrote wrong labels; the measurements are right.",
            "label-flips",
        ),
        Attacker(
            "planted",
            "Planted rows",
            "data poisoning by added samples (targeted or availability poisoning; training data control)",
            "Somebody added rows of his own making, with any measurements and labels.",
            "deletions",
        ),
        Attacker(
            "removed",
            "Removed rows",
            "data poisoning by removed samples (training data control)",
            "Somebody took rows away.",
            "insertions",
        ),
        Attacker(
            "replaced",
            "Replaced rows",
            "data poisoning, targeted or with a backdoor of any form (training data and label control)",
            "Somebody wrote other rows in the place of some, with any measurements and labels.",
            "replacements",
        ),
        Attacker(
            "backdoor",
            "Backdoor: rows moved and relabelled",
            "backdoor poisoning with a trigger of limited size (training data and label control)",
            "Somebody put a trigger on some rows, which moved each of them by no more than the radius, and "
            "gave them the label that he wants.",
            "row-shift",
            counts_rows=False,
        ),
        Attacker(
            "moved",
            "Disturbed rows",
            "clean-label poisoning (training data control, no label control)",
            "Somebody disturbed the measurements of some rows, each by no more than the radius; labels are "
            "right.",
            "moved",
            counts_rows=False,
        ),
        Attacker(
            "query",
            "Tampered query",
            "evasion (query access at deployment)",
            "Somebody changed the row that is to be predicted, by no more than the radius; the table is "
            "right.",
            "query-shift",
            counts_rows=False,
            some_rows=False,
        ),
    )
}
DEFAULT_ATTACKERS = ("mislabelled", "planted", "removed", "replaced", "backdoor", "query")
_BY_THREAT = {one.threat_name: one.name for one in ATTACKERS.values()}

# What is asked for where nothing is said: a hundredth of the table, and half of the spread of one column.
DEFAULT_SHARE, DEFAULT_RADIUS = 0.01, 0.5


class Asked(NamedTuple):
    """A budget that somebody asked about: rows as a number or a share of the table, and a radius."""

    attacker: Attacker
    rows: int | float | None
    radius: float | None

    def __str__(self) -> str:
        parts = [self.attacker.name]
        if self.rows is not None:
            parts.append(str(self.rows) if isinstance(self.rows, int) else f"{100.0 * self.rows:.6g}%")
        if self.radius is not None:
            parts.append(f"{self.radius:g}")
        return ":".join(parts)

    @property
    def threat(self) -> StructuredThreat:
        """The threat with this budget."""
        return self.attacker.threat(self.rows, self.radius)

    @property
    def open_threat(self) -> StructuredThreat:
        """The threat with the budget that is to be computed left open: the radius, else the rows."""
        return self.attacker.threat() if self.attacker.counts_rows else self.attacker.threat(self.rows)

    def budget(self, n_train: int) -> float | int:
        """Return what certificates are compared with: rows of a table with n_train, or the radius."""
        return self.threat.asked_budget(n_train)


def parse_asked(text: str, default_share: float = DEFAULT_SHARE) -> Asked:
    """Return what ``NAME[:BUDGET[:RADIUS]]`` asks about, such as ``mislabelled:1%`` or ``backdoor:1%:0.5``.

    Parameters
    ----------
    text : str
        The name of an attacker, or of a threat of `knn-cert certify`; rows as a number (37) or as a share of
        the training table (1% or 0.01); for ``query`` the radius alone.
    default_share : float, default=0.01
        The share of rows where none is given.

    Raises
    ------
    InvalidInput
        If there is no such attacker, or the budget is none.
    """
    name, *budgets = (part.strip() for part in text.split(":"))
    attacker = ATTACKERS.get(_BY_THREAT.get(name, name))
    if attacker is None:
        raise InvalidInput(
            f"expected an attacker, one of {', '.join(ATTACKERS)}, got {quoted(name)} in {quoted(text)}"
        )
    most = attacker.some_rows + (not attacker.counts_rows)
    if len(budgets) > most:
        form = ":".join(
            [attacker.name, *["ROWS"] * attacker.some_rows, *["RADIUS"] * (not attacker.counts_rows)]
        )
        raise InvalidInput(f"expected {form}, such as {_example(attacker)}, got {quoted(text)}")
    rows = radius = None
    if attacker.some_rows:
        rows = _rows(budgets.pop(0), text) if budgets else default_share
    if not attacker.counts_rows:
        radius = _radius(budgets.pop(0), text) if budgets else DEFAULT_RADIUS
    return Asked(attacker, rows, radius)


def _given(rows: int | float | None) -> int | float:
    return DEFAULT_SHARE if rows is None else rows


def _example(attacker: Attacker) -> str:
    if attacker.counts_rows:
        return f"{attacker.name}:1%"
    return f"{attacker.name}:1%:0.5" if attacker.some_rows else f"{attacker.name}:0.5"


def _rows(word: str, text: str) -> int | float:
    """Return a number of rows, or a share: 1% and 0.01 are the same, 1 is one row."""
    try:
        if word.endswith("%"):
            share = float(word[:-1]) / 100.0
        elif word.isascii() and word.isdigit() and len(word) <= 18:
            return int(word)
        else:
            share = float(word)
        if "_" not in word and 0.0 < share <= 1.0:
            return share
    except ValueError:
        pass
    raise InvalidInput(
        f"expected a number of rows (37) or a share of the table (1% or 0.01), got {quoted(word)} in "
        f"{quoted(text)}"
    )


def _radius(word: str, text: str) -> float:
    try:
        radius = float(word)
    except ValueError:
        radius = -1.0
    if not 0.0 <= radius < math.inf or "_" in word:
        raise InvalidInput(f"expected a finite radius >= 0, got {quoted(word)} in {quoted(text)}")
    return radius
