"""Threat models: what the attacker may have done to the training rows, and the rows in his worst case.

A smoothed K-NN vote of class A against the rest is a race: A wins if and only if its m-th nearest noisy row
comes before the m'-th nearest noisy row of the others, m' = K + 1 - m. The noisy distance of a row grows
stochastically with its distance to the query, and the race is monotone in the distance of every row, so
sorting decides the worst case. With a_1 <= a_2 <= ... the distances of A and b_1 <= b_2 <= ... those of the
others, tampering with at most r rows gives at worst these lists:

==============================  ============================  ============================================
tampering                       list of A                     list of the others
==============================  ============================  ============================================
labels flipped                  drop a_1..a_r                 b and a_1..a_r
rows deleted                    drop a_1..a_r                 b
rows inserted anywhere          a                             b and r zeros
rows replaced                   drop a_1..a_r                 b and r zeros
rows moved by at most eps       min(a_{j+p}, a_j + eps)       max(b_j - eps, b_{j-q}, 0), for p + q = r
... and relabelled at will      drop a_1..a_p                 the same, and max(a_j - eps, 0) for j <= p
query moved by at most eps      a_j + eps                     max(b_j - eps, 0)
==============================  ============================  ============================================

The first four are attained by an attack, so they are exact for two classes; the others are sound. Where rows
may carry labels that the table does not have, m is a strict majority for the first class too, see
`votes_needed` (for an even K the bound is then sound, not exact). Tables keep at least K rows. For moved
rows the attacker splits his budget, p rows of A and q of the others, and the smallest probability over the
splits counts. All distances are in the units of the features.

What is compared is always the observed table, which may be poisoned, with every table within the budget:
where the attacker stayed within it, the clean table is one of them, and has the same prediction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from ..kernels.families import FamilyRows, RaceFamily, join

__all__ = [
    "BlackBoxBall",
    "Deletions",
    "Insertions",
    "LabelFlips",
    "QueryShift",
    "Replacements",
    "RowShift",
    "Threat",
]

# Up to so many splits of a budget of moved rows are looked at one by one; more are covered by so many ranges.
_MOST_SPLITS = 96

_WHOLE = (int, np.integer)

# Of threats under which the clean table can be made of the observed one if this can be made of that.
_SYMMETRIC = "So if the attacker did no more than that, this is the prediction of the clean table."


@dataclass(frozen=True)
class BlackBoxBall:
    """Feature rows changed within a ball: Eqs. (14) and (15) of RAB, which hold for any smoothed classifier.

    The radius is what a certificate computes: it bounds sqrt(sum ||delta_i||^2) over all rows or, with
    `rows`, the norm of the change of each of at most so many rows. Only the probabilities of the classes are
    used, nothing of how K-NN works, so it holds for the bucketed classifier as well.

    Parameters
    ----------
    rows : int >= 1, or float in (0, 1], optional
        How many training rows may have been changed, or which share of the training table (rounded up); None
        for any number.
    norm : {"l2", "l1", "linf"}
        Norm of the radius. Gaussian noise certifies L2 only; uniform noise L1 over all rows, and any of them
        with `rows`.
    """

    rows: int | float | None = None
    norm: str = "l2"
    budget_name: ClassVar[str] = "radius"
    relabels: ClassVar[bool] = False

    def __post_init__(self):
        if self.norm not in ("l1", "l2", "linf"):
            raise ValueError(f'norm of BlackBoxBall must be "l1", "l2" or "linf", got {self.norm!r}')
        check_rows(self.rows)
        if self.rows is not None and self.rows == 0:
            raise ValueError("rows of BlackBoxBall must be at least 1, got 0; leave it out for any number")

    def check_noise(self, kind: str) -> None:
        """Raise ValueError if noise of this kind, "gaussian" or "uniform", has no radius in this norm."""
        if kind == "gaussian" and self.norm != "l2":
            raise ValueError(
                f'Gaussian noise certifies norm="l2", got {self.norm!r}; use uniform noise for it'
            )
        if kind == "uniform" and self.rows is None and self.norm != "l1":
            raise ValueError(
                f'uniform noise certifies the total over all rows in norm="l1", got {self.norm!r}; ask for '
                "that, or give rows, how many of them may have been changed"
            )

    def not_covered(self) -> str:
        return "changed labels, added or deleted rows, a changed query"

    def what_it_means(self) -> str:
        return _SYMMETRIC

    def describe(self) -> str:
        if self.rows is None:
            size, source = "sqrt(sum of ||delta_i||^2)", "Eq. (14) of RAB"
            if self.norm == "l1":
                size, source = "sum of ||delta_i||_1", "Eq. (17) of RAB"
            return (
                f"training feature rows changed by delta_1, ..., delta_n with {size} < radius, over any "
                f"number of rows ({source})"
            )
        name = {"l1": "L1", "l2": "L2", "linf": "L-infinity"}[self.norm]
        return (
            f"at most {share_of_rows(self.rows)} with changed features, each by less than radius in {name} "
            "norm (Eq. (15) of RAB; for uniform noise Eq. (18))"
        )


@dataclass(frozen=True)
class _RowBudget:
    """What threats with a number of rows, and nothing else, share."""

    rows: int | float | None = None
    budget_name: ClassVar[str] = "rows"
    relabels: ClassVar[bool] = True

    def __post_init__(self):
        check_rows(self.rows)

    def not_covered(self) -> str:
        return "any other change of the table, a changed query"

    def what_it_means(self) -> str:
        return _SYMMETRIC

    def most_rows(self, n_rows: int, n_neighbors: int) -> int:
        """The largest number of rows that can be certified at all; more are as many, or never certified."""
        return n_rows

    def family(self, a: np.ndarray, b: np.ndarray, rows: np.ndarray) -> RaceFamily:
        """Worst cases for some increasing numbers of tampered rows, one member each; `a` and `b` increase."""
        raise NotImplementedError

    def touched(self, near: np.ndarray, far: np.ndarray, rows: np.ndarray) -> RaceFamily:
        """What is touched, as near as it gets, against the rows left alone, for some numbers of rows.

        While the first of the former comes after the K-th of the latter, the K nearest rows and their labels
        are those of the untampered table. The increasing distances of all rows lie between `near` and `far`;
        `rows` increase too.
        """
        return RaceFamily(len(rows), _nearest_lost(near, rows)[1], _nearest_lost(far, rows)[0])

    def worst_cases(self, a: np.ndarray, b: np.ndarray) -> RaceFamily:
        """Races the smallest of which bounds every attack; `a` and `b` increase."""
        return self.family(a, b, self._rows(len(a) + len(b)))

    def touches(self, near: np.ndarray, far: np.ndarray) -> RaceFamily:
        """`touched` for the budget that is given."""
        return self.touched(near, far, self._rows(len(near)))

    def _rows(self, n_rows: int) -> np.ndarray:
        return np.array([tampered_rows(self, n_rows)])


class LabelFlips(_RowBudget):
    """At most `rows` training rows carry a wrong label; features are as they were.

    Parameters
    ----------
    rows : int, or float in (0, 1], optional
        A number of rows, or a share of the training table (rounded up; 1.0 is all of it). None leaves it
        open: the largest number is computed.
    """

    def family(self, a: np.ndarray, b: np.ndarray, rows: np.ndarray) -> RaceFamily:
        kept, lost = _nearest_lost(a, rows)
        return RaceFamily(len(rows), kept, join(lost, _in_all(b, rows)))

    def describe(self) -> str:
        return f"the labels of at most {share_of_rows(self.rows)} changed"


class Deletions(_RowBudget):
    """At most `rows` training rows are deleted; parameters as in `LabelFlips`.

    The certificate that answers an attacker who *added* so many rows: the clean table is the observed one
    less these. Tables with fewer than K rows have no K nearest, so no more than n - K rows are certified.
    """

    relabels: ClassVar[bool] = False

    def what_it_means(self) -> str:
        return "So if the attacker added no more rows than that, this is the prediction of the clean table."

    def most_rows(self, n_rows: int, n_neighbors: int) -> int:
        return n_rows - n_neighbors

    def family(self, a: np.ndarray, b: np.ndarray, rows: np.ndarray) -> RaceFamily:
        kept, _ = _nearest_lost(a, rows)
        return RaceFamily(len(rows), kept, _in_all(b, rows))

    def describe(self) -> str:
        return f"at most {share_of_rows(self.rows)} deleted"


class Insertions(_RowBudget):
    """At most `rows` rows, with any features and labels, are added; parameters as in `LabelFlips`.

    The certificate that answers an attacker who *removed* so many rows. There may be more of them than the
    table has rows.
    """

    def what_it_means(self) -> str:
        return "So if the attacker removed no more rows than that, this is the prediction of the clean table."

    def most_rows(self, n_rows: int, n_neighbors: int) -> int:
        # With 64 (n + K) rows of one rival at the query, the n rows of the table are at most K / 65 of the K
        # nearest in the mean, and no class beats the rival unless they are half of them: by Markov's
        # inequality with a probability of at most 2 / 65.
        return 64 * (n_rows + n_neighbors)

    def family(self, a: np.ndarray, b: np.ndarray, rows: np.ndarray) -> RaceFamily:
        return RaceFamily(len(rows), _in_all(a, rows), join(_at_the_query(rows), _in_all(b, rows)))

    def touched(self, near: np.ndarray, far: np.ndarray, rows: np.ndarray) -> RaceFamily:
        return RaceFamily(len(rows), _at_the_query(rows), _in_all(far, rows))

    def describe(self) -> str:
        return f"at most {share_of_rows(self.rows)} inserted, with any features and labels"


class Replacements(_RowBudget):
    """At most `rows` training rows have any features and labels; parameters as in `LabelFlips`."""

    def family(self, a: np.ndarray, b: np.ndarray, rows: np.ndarray) -> RaceFamily:
        replaced = np.minimum(rows, len(a) + len(b))
        kept, _ = _nearest_lost(a, replaced)
        return RaceFamily(len(rows), kept, join(_at_the_query(replaced), _in_all(b, rows)))

    def touched(self, near: np.ndarray, far: np.ndarray, rows: np.ndarray) -> RaceFamily:
        _, lost = _nearest_lost(near, rows)
        kept, _ = _nearest_lost(far, rows)
        return RaceFamily(len(rows), join(lost, _at_the_query(np.minimum(rows, len(near)))), kept)

    def describe(self) -> str:
        return f"at most {share_of_rows(self.rows)} replaced, features and labels"


@dataclass(frozen=True)
class RowShift:
    """At most `rows` training rows are moved, each by at most `radius`; with `relabel` also their labels.

    Parameters
    ----------
    rows : int, or float in (0, 1]
        A number of rows, or a share of the training table (rounded up; 1.0 is all of it).
    radius : float >= 0, optional
        L2 norm of the change of each row, in the units of the features; infinite means anywhere. None leaves
        it open: the largest radius is computed.
    relabel : bool, default=False
        The attacker also chose the labels of the rows that he moved.
    """

    rows: int | float
    radius: float | None = None
    relabel: bool = False
    budget_name: ClassVar[str] = "radius"

    @property
    def relabels(self) -> bool:
        """Whether tampered rows may carry any label."""
        return self.relabel

    def __post_init__(self):
        if self.rows is None:
            raise TypeError(
                "RowShift needs a number of rows, or a share of the table; only its radius may be open"
            )
        check_rows(self.rows)
        _check_radius(self.radius)

    def worst_cases(self, a: np.ndarray, b: np.ndarray) -> RaceFamily:
        """Races the smallest of which bounds every attack; `a` and `b` increase."""
        r = tampered_rows(self, len(a) + len(b))
        if self.radius == 0.0 and not self.relabel:
            r = 0  # nothing moves, however the budget is split
        p, q = _splits(r, len(a), len(b))
        others = _moved_in(b, self.radius, q)
        if self.relabel:
            kept, lost = _nearest_lost(a, p)
            defectors = lost._replace(distances=np.maximum(lost.distances - self.radius, 0.0))
            return RaceFamily(len(p), kept, join(others, defectors))
        return RaceFamily(len(p), _moved_out(a, self.radius, p), others)

    def touches(self, near: np.ndarray, far: np.ndarray) -> RaceFamily:
        """What is moved, as near as it gets, against the rows left alone; see `LabelFlips.touched`."""
        # A moved row is before and after no nearer than one that moved straight to the query.
        nothing = self.radius == 0.0 and not self.relabel
        rows = np.array([0 if nothing else tampered_rows(self, len(near))])
        _, lost = _nearest_lost(near, rows)
        moved = lost._replace(distances=np.maximum(lost.distances - self.radius, 0.0))
        return RaceFamily(1, moved, _nearest_lost(far, rows)[0])

    def not_covered(self) -> str:
        also = "added or deleted rows, a changed query"
        return also if self.relabel else f"changed labels, {also}"

    def what_it_means(self) -> str:
        return _SYMMETRIC

    def describe(self) -> str:
        also = " and relabelled at will" if self.relabel else ""
        moved = f"at most {share_of_rows(self.rows)} moved"
        return f"{moved}, each by at most {_length(self.radius)} in L2 norm{also}"


@dataclass(frozen=True)
class QueryShift:
    """The query is moved by at most `radius` (evasion), alone or together with tampered training rows.

    Parameters
    ----------
    radius : float >= 0, optional
        L2 norm of the change of the query, in the units of the features. None leaves it open: the largest
        radius is computed.
    training : threat, optional
        What was done to the training rows besides; nothing of it may be open.
    """

    radius: float | None = None
    training: LabelFlips | Deletions | Insertions | Replacements | RowShift | None = None
    budget_name: ClassVar[str] = "radius"

    @property
    def relabels(self) -> bool:
        """Whether tampered training rows may carry any label."""
        return self.training is not None and self.training.relabels

    def __post_init__(self):
        _check_radius(self.radius)
        if self.training is None:
            return
        if not isinstance(self.training, (_RowBudget, RowShift)):
            raise TypeError(
                "training of QueryShift must be LabelFlips, Deletions, Insertions, Replacements or RowShift, "
                f"got {self.training!r}"
            )
        if is_open(self.training):
            raise ValueError(
                f"{self!r} leaves a budget of its training threat open; only its own radius may be"
            )

    def worst_cases(self, a: np.ndarray, b: np.ndarray) -> RaceFamily:
        """Races of the training threat, with every distance changed by at most the radius."""
        # Each list of the training threat bounds, rank by rank, the distances of every table within its
        # budget; moving the query changes each of those by at most the radius, and a bound on every rank
        # stays one.
        if self.training is None:
            one = np.zeros(1)
            family = RaceFamily(1, _in_all(a, one), _in_all(b, one))
        else:
            family = self.training.worst_cases(a, b)
        with np.errstate(over="ignore"):  # infinitely far is far enough
            farther = family.a.distances + self.radius
        return family._replace(
            a=family.a._replace(distances=farther),
            b=family.b._replace(distances=np.maximum(family.b.distances - self.radius, 0.0)),
        )

    def touches(self, near: np.ndarray, far: np.ndarray) -> None:
        """A moved query touches every row."""
        return

    def not_covered(self) -> str:
        return "any other change of the table" if self.training else "any change of the training table"

    def what_it_means(self) -> str:
        # the two changes are independent: what was observed of the table may be what the attacker left of it
        training = "" if self.training is None else f"{self.training.what_it_means()} "
        return f"{training}The query may be the observed one or any other within its radius."

    def describe(self) -> str:
        alone = f"the query moved by at most {_length(self.radius)} in L2 norm"
        return alone if self.training is None else f"{self.training.describe()}, and {alone}"


StructuredThreat = LabelFlips | Deletions | Insertions | Replacements | RowShift | QueryShift
Threat = BlackBoxBall | StructuredThreat


def is_open(threat: Threat) -> bool:
    """Whether the threat leaves its budget to be computed; for `BlackBoxBall` it always is."""
    return isinstance(threat, BlackBoxBall) or getattr(threat, threat.budget_name) is None


def asked_budget(threat: StructuredThreat, n_rows: int) -> float | int:
    """The budget of a threat that leaves none open: of rows, those of a table with n_rows."""
    if threat.budget_name == "rows":
        return tampered_rows(threat, n_rows)
    return getattr(threat, threat.budget_name)


def tampered_rows(threat: Threat, n_rows: int) -> int:
    """How many rows of a table with n_rows may be tampered with, where that is given; more than all are all.

    A share is the decimal number that was written, rounded up: 0.07 of 100 rows are 7, though the nearest
    binary number is a little more than 0.07.
    """
    if isinstance(threat.rows, _WHOLE):
        asked = int(threat.rows)
    else:
        asked = math.ceil(Fraction(repr(float(threat.rows))) * n_rows)
    return asked if isinstance(threat, Insertions) else min(asked, n_rows)


def is_beyond(threat: StructuredThreat, n_rows: int, n_neighbors: int) -> bool:
    """Whether the threat tampers with more rows than are ever certified, see `most_rows`."""
    if isinstance(threat, QueryShift):
        return threat.training is not None and is_beyond(threat.training, n_rows, n_neighbors)
    if isinstance(threat, RowShift) or threat.rows is None:
        return False
    return tampered_rows(threat, n_rows) > threat.most_rows(n_rows, n_neighbors)


def votes_needed(target_class: int, n_neighbors: int, *, new_labels: bool = False) -> tuple[int, int]:
    """Return (m, m'): the target wins at least if its m-th nearest row precedes the m'-th of the others.

    Ties of the vote go to the lowest class: class 0 needs half of the votes, any other class more than half.
    For two classes this is the vote itself; for more it is the majority event, which implies it. Where rows
    may carry labels that are none of the classes, one of these may come before class 0, which then needs
    more than half of the votes too.
    """
    wins_ties = target_class == 0 and not new_labels
    m = (n_neighbors + 1) // 2 if wins_ties else n_neighbors // 2 + 1
    return m, n_neighbors + 1 - m


def votes_that_can_win(target_class: int, n_neighbors: int, n_classes: int) -> tuple[int, int]:
    """Return (m, m'): the target wins only if its m-th nearest row precedes the m'-th of the others.

    With g votes it can win if the classes below it, at most g - 1 votes each, and those above, at most g
    each, can have the rest: C g - target_class >= K.
    """
    m = -(-(n_neighbors + target_class) // n_classes)
    return m, n_neighbors + 1 - m


def _in_all(distances: np.ndarray, members: np.ndarray) -> FamilyRows:
    """Rows of every member."""
    n = len(distances)
    return FamilyRows(distances, np.zeros(n, dtype=np.int64), np.full(n, len(members)))


def _nearest_lost(distances: np.ndarray, counts: np.ndarray) -> tuple[FamilyRows, FamilyRows]:
    """The rows that each member keeps when it loses so many of the nearest, and those lost; counts
    increase."""
    n, n_members = len(distances), len(counts)
    loses = np.searchsorted(counts, np.arange(n), side="right")  # the first member that loses row i
    lost = loses < n_members
    kept = FamilyRows(distances, np.zeros(n, dtype=np.int64), loses)
    return kept, FamilyRows(distances[lost], loses[lost], np.full(np.count_nonzero(lost), n_members))


def _at_the_query(counts: np.ndarray) -> FamilyRows:
    """So many rows at distance zero; counts increase."""
    n = int(counts[-1])
    return FamilyRows(
        np.zeros(n), np.searchsorted(counts, np.arange(n), side="right"), np.full(n, len(counts))
    )


def _moved_out(a: np.ndarray, eps: float, ranks: np.ndarray) -> FamilyRows:
    """min(a_{j+p}, a_j + eps) for every j, and for each p of some increasing ranks.

    Of the rows of this list max(N - p, M) lie within t, where N rows of a do, and M of those moved by eps.
    Going outwards, a row of a raises that where p <= N - M (as of before it), and a moved row where p >= N -
    M.
    """
    n = len(a)
    with np.errstate(over="ignore"):
        moved = a + eps
    nearer = np.searchsorted(a, moved, side="right")  # rows of a up to each moved row, N
    gap_at_moved = nearer - np.arange(n)
    passed = np.cumsum(np.bincount(nearer, minlength=n + 1))[:n]  # moved rows before each row of a, M
    gap_at_row = np.arange(n) - passed
    zeros, ends = np.zeros(n, dtype=np.int64), np.full(n, len(ranks))
    return join(
        FamilyRows(a, zeros, np.searchsorted(ranks, gap_at_row, side="right")),
        FamilyRows(moved, np.searchsorted(ranks, gap_at_moved, side="left"), ends),
    )


def _moved_in(b: np.ndarray, eps: float, ranks: np.ndarray) -> FamilyRows:
    """max(b_j - eps, b_{j-q}, 0) for every j, and for each q of some decreasing ranks.

    Of the rows of this list min(N + q, M) lie within t, where N rows of b do, and M of those moved by eps.
    Going outwards, a moved row raises that where q > M - N (as of before it), and a row of b where q < M - N.
    """
    n = len(b)
    moved_before = np.searchsorted(b - eps, b, side="right")  # moved rows up to each row of b, M
    gap_at_row = moved_before - np.arange(n)
    passed = np.cumsum(np.bincount(moved_before, minlength=n + 1))[:n]  # rows of b before each moved row, N
    gap_at_moved = np.arange(n) - passed
    zeros, ends = np.zeros(n, dtype=np.int64), np.full(n, len(ranks))
    return join(
        FamilyRows(b, np.searchsorted(-ranks, -gap_at_row, side="right"), ends),
        FamilyRows(np.maximum(b - eps, 0.0), zeros, np.searchsorted(-ranks, -gap_at_moved, side="left")),
    )


def _splits(r: int, n_a: int, n_b: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (p, q), p increasing, such that every split of r is dominated by one of them.

    More rows never help the target, in either list. So the splits first <= p <= last are all covered by
    (last, r - first).
    """
    first, last = max(0, r - n_b), min(r, n_a)
    if last - first < _MOST_SPLITS:
        p = np.arange(first, last + 1)
        return p, r - p
    ends = np.linspace(first - 1, last, _MOST_SPLITS + 1).astype(int)
    return ends[1:], r - (ends[:-1] + 1)


def share_of_rows(rows: int | float | None) -> str:
    """A number or a share of training rows in words."""
    if rows is None:
        return "the stated number of training rows"
    if isinstance(rows, _WHOLE):
        return f"{rows} training row{'' if rows == 1 else 's'}"
    return f"{100.0 * rows:.6g} % of the training rows"


def _length(radius: float | None) -> str:
    return "the stated radius" if radius is None else f"{radius:g}"


def check_rows(rows) -> None:
    """Raise unless this is a number of rows, a share of them, or None."""
    if rows is None:
        return
    if isinstance(rows, bool) or not isinstance(rows, (*_WHOLE, float)):
        raise TypeError(f"rows must be a whole number or a share of the table between 0 and 1, got {rows!r}")
    if isinstance(rows, _WHOLE) and rows < 0:
        raise ValueError(f"rows must be at least 0, got {rows}")
    if isinstance(rows, float) and not 0.0 < rows <= 1.0:
        raise ValueError(
            f"rows as a share must lie between 0 and 1, got {rows}; pass an int for a number of rows"
        )


def _check_radius(radius) -> None:
    if radius is None:
        return
    if isinstance(radius, bool) or not isinstance(radius, (*_WHOLE, float, np.floating)):
        raise TypeError(f"radius must be a number, got {radius!r}")
    if not radius >= 0.0:
        raise ValueError(f"radius must be at least 0, got {radius!r}")
