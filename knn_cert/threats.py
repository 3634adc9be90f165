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

The first four are attained by an attack, so they are exact for two classes; the others are sound. For moved
rows the attacker splits his budget, p rows of A and q of the others, and the smallest probability over the
splits counts. All distances are in the units of the features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = ["Deletions", "Insertions", "LabelFlips", "QueryShift", "Replacements", "RowShift", "Threat"]

# Up to so many splits of a budget are looked at one by one; more are covered by so many ranges of splits.
_SPLITS = 16
MOST_ENTRIES = _SPLITS  # that worst_lists of any threat returns

_WHOLE = (int, np.integer)


class RaceLists(NamedTuple):
    """Distances of the rows of A and of all others, in no particular order."""

    a: np.ndarray
    b: np.ndarray


@dataclass(frozen=True)
class _RowBudget:
    """What threats with a number of rows, and nothing else, share."""

    rows: int | float | None = None

    def __post_init__(self):
        _check_rows(self.rows)


class LabelFlips(_RowBudget):
    """At most `rows` training rows carry a wrong label; features are as they were.

    Parameters
    ----------
    rows : int, or float in (0, 1), optional
        A number of rows, or a share of the training table (rounded up). None leaves it open, for
        `largest_budget`.
    """

    def worst_lists(self, a: np.ndarray, b: np.ndarray) -> list[RaceLists]:
        """Lists of the worst case, one entry; `a` and `b` increase."""
        r = _count(self.rows, a, b)
        return [RaceLists(a[r:], np.concatenate([b, a[:r]]))]

    def describe(self) -> str:
        return f"the labels of at most {_share(self.rows)} changed"


class Deletions(_RowBudget):
    """At most `rows` training rows are missing; parameters as in `LabelFlips`."""

    def worst_lists(self, a: np.ndarray, b: np.ndarray) -> list[RaceLists]:
        """Lists of the worst case, one entry; `a` and `b` increase."""
        return [RaceLists(a[_count(self.rows, a, b) :], b)]

    def describe(self) -> str:
        return f"at most {_share(self.rows)} deleted"


class Insertions(_RowBudget):
    """At most `rows` rows, with any features and labels, are added; parameters as in `LabelFlips`.

    There may be more of them than the table has rows.
    """

    def worst_lists(self, a: np.ndarray, b: np.ndarray) -> list[RaceLists]:
        """Lists of the worst case, one entry; `a` and `b` increase."""
        return [RaceLists(a, np.concatenate([b, np.zeros(_count(self.rows, a, b))]))]

    def describe(self) -> str:
        return f"at most {_share(self.rows)} inserted, with any features and labels"


class Replacements(_RowBudget):
    """At most `rows` training rows have any features and labels; parameters as in `LabelFlips`."""

    def worst_lists(self, a: np.ndarray, b: np.ndarray) -> list[RaceLists]:
        """Lists of the worst case, one entry; `a` and `b` increase."""
        r = min(_count(self.rows, a, b), len(a) + len(b))
        return [RaceLists(a[r:], np.concatenate([b, np.zeros(r)]))]

    def describe(self) -> str:
        return f"at most {_share(self.rows)} replaced, features and labels"


@dataclass(frozen=True)
class RowShift:
    """At most `rows` training rows are moved, each by at most `radius`; with `relabel` also their labels.

    Parameters
    ----------
    rows : int, or float in (0, 1)
        A number of rows, or a share of the training table (rounded up).
    radius : float >= 0, optional
        L2 norm of the change of each row, in the units of the features; infinite means anywhere. None leaves
        it open, for `largest_budget`.
    relabel : bool, default=False
        The attacker also chose the labels of the rows that he moved.
    """

    rows: int | float
    radius: float | None = None
    relabel: bool = False

    def __post_init__(self):
        if self.rows is None:
            raise TypeError(
                "RowShift needs a number of rows, or a share of the table; only its radius may be open"
            )
        _check_rows(self.rows)
        _check_radius(self.radius)

    def worst_lists(self, a: np.ndarray, b: np.ndarray) -> list[RaceLists]:
        """Lists whose smallest race bounds every attack, one entry for each split (or range of splits)."""
        r = min(_count(self.rows, a, b), len(a) + len(b))
        lists = []
        for p, q in _splits(r, len(a), len(b)):
            others = _moved_in(b, q, self.radius)
            if self.relabel:
                defectors = np.maximum(a[:p] - self.radius, 0.0)
                lists.append(RaceLists(a[p:], np.concatenate([others, defectors])))
            else:
                lists.append(RaceLists(_moved_out(a, p, self.radius), others))
        return lists

    def describe(self) -> str:
        also = " and relabelled at will" if self.relabel else ""
        return f"at most {_share(self.rows)} moved, each by at most {self.radius:g} in L2 norm{also}"


@dataclass(frozen=True)
class QueryShift:
    """The query is moved by at most `radius` (evasion), alone or together with tampered training rows.

    Parameters
    ----------
    radius : float >= 0, optional
        L2 norm of the change of the query, in the units of the features. None leaves it open, for
        `largest_budget`.
    training : threat, optional
        What was done to the training rows besides; nothing of it may be open.
    """

    radius: float | None = None
    training: LabelFlips | Deletions | Insertions | Replacements | RowShift | None = None

    def __post_init__(self):
        _check_radius(self.radius)

    def worst_lists(self, a: np.ndarray, b: np.ndarray) -> list[RaceLists]:
        """Lists of the training threat, then every distance changed by at most the radius."""
        # Each list of the training threat bounds, rank by rank, the distances of every table within its
        # budget; moving the query changes each of those by at most the radius, and a bound on every rank
        # stays one.
        before = [RaceLists(a, b)] if self.training is None else self.training.worst_lists(a, b)
        return [RaceLists(x + self.radius, np.maximum(y - self.radius, 0.0)) for x, y in before]

    def describe(self) -> str:
        alone = f"the query moved by at most {self.radius:g} in L2 norm"
        return alone if self.training is None else f"{self.training.describe()}, and {alone}"


Threat = LabelFlips | Deletions | Insertions | Replacements | RowShift | QueryShift


def open_budget(threat: Threat) -> str | None:
    """Return which budget was left open, "rows" or "radius", or None."""
    for name in ("rows", "radius"):
        if getattr(threat, name, 0) is None:
            return name
    return None


def votes_needed(target_class: int, n_neighbors: int, n_classes: int) -> tuple[int, int]:
    """Return (m, m'): the target wins at least if its m-th nearest row precedes the m'-th of the others.

    Ties of the vote go to the lowest class: class 0 needs half of the votes, any other class more than half.
    For two classes this is the vote itself; for more it is the majority event, which implies it.
    """
    m = (n_neighbors + 1) // 2 if target_class == 0 else n_neighbors // 2 + 1
    return m, n_neighbors + 1 - m


def _moved_out(a: np.ndarray, p: int, eps: float) -> np.ndarray:
    """min(a_{j+p}, a_j + eps): p of the rows moved away; a_{j+p} is infinite beyond the end."""
    return np.minimum(np.concatenate([a[p:], np.full(p, np.inf)]), a + eps)


def _moved_in(b: np.ndarray, q: int, eps: float) -> np.ndarray:
    """max(b_j - eps, b_{j-q}, 0): q of the rows moved closer."""
    return np.maximum(np.concatenate([np.zeros(q), b[: len(b) - q]]), b - eps)


def _splits(r: int, n_a: int, n_b: int) -> list[tuple[int, int]]:
    """Pairs (p, q) such that every split of r is dominated by one of them.

    More rows never help the target, in either list. So the splits first <= p <= last are all covered by
    (last, r - first).
    """
    first, last = max(0, r - n_b), min(r, n_a)
    if last - first < _SPLITS:
        return [(p, r - p) for p in range(first, last + 1)]
    ends = np.linspace(first, last, _SPLITS + 1).astype(int)
    return [(int(high), int(min(r - low, n_b))) for low, high in zip(ends[:-1], ends[1:], strict=True)]


def _count(rows: int | float, a: np.ndarray, b: np.ndarray) -> int:
    return int(rows) if isinstance(rows, _WHOLE) else math.ceil(rows * (len(a) + len(b)))


def _share(rows: int | float) -> str:
    if isinstance(rows, _WHOLE):
        return f"{rows} training row{'' if rows == 1 else 's'}"
    return f"{rows:.4g} of the training rows"


def _check_rows(rows) -> None:
    if rows is None:
        return
    if isinstance(rows, bool) or not isinstance(rows, (*_WHOLE, float)):
        raise TypeError(f"rows must be a whole number or a share of the table between 0 and 1, got {rows!r}")
    if isinstance(rows, _WHOLE) and rows < 0:
        raise ValueError(f"rows must be at least 0, got {rows}")
    if isinstance(rows, float) and not 0.0 < rows < 1.0:
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
