"""Moved rows of K-NN without noise: which rows an attacker moves so that a rival beats the target.

The letters are those of `few_rows`. Let i rows be within t: n_A of the target, n_b of the rival. The rival
lacks D = lead + n_A - n_b votes, and E = K - i rows too few are within t. The attacker moves x rows of the
target beyond t and y of the rival within, x + y >= D, and as many third rows as are left of E - (y - x) in
or, if that is negative, out. Rows at most eps away from t can be moved across it. What is found is a choice
of rows, not a proof: it is tried by an exact vote.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..._types import FloatArray, WholeArray

__all__ = ["RankedMoves", "moves_to_beat"]

# The rival may get votes beyond those that it lacks, up to so many, where rows to make up the K are missing.
_MORE_VOTES = 8
# So many choices are enough to try.
_MOST = 6


class RankedMoves(NamedTuple):
    """Rows that go away, and rows that come closer, and how far each has to move at least."""

    radius: float
    away: WholeArray
    closer: WholeArray


class _Choice(NamedTuple):
    """How many rows of each kind are moved across t, and how far they have to move."""

    radius: float
    i: int
    x: int
    y: int
    fill: int  # third rows, in or, negative, out


class _Class(NamedTuple):
    """Rows of some classes from the nearest on, and their distances between 0 and infinity."""

    rows: WholeArray
    ends: FloatArray

    @classmethod
    def of(cls, rows: WholeArray, distances: FloatArray) -> _Class:
        return cls(rows, np.concatenate([[0.0], distances[rows], [np.inf]]))

    def within(self, t: float) -> int:
        """Return how many are at most t away."""
        return int(np.searchsorted(self.ends[1:-1], t, side="right"))

    def at(self, rank: WholeArray) -> FloatArray:
        """Return distances by rank from 1, infinite beyond the last one."""
        return self.ends[np.clip(rank, 0, len(self.ends) - 1)]


def moves_to_beat(
    distances: FloatArray,
    labels: WholeArray,
    classes: tuple[int, int],
    n_neighbors: int,
    rows: int,
) -> list[RankedMoves]:
    """Return choices of rows to move, those that have to move least first.

    Parameters
    ----------
    distances, labels : ndarray of shape (n,)
        Of one query, and the classes of its rows.
    classes : (int, int)
        The class that is predicted, and one that is to beat it.
    n_neighbors : int
    rows : int
        How many rows may be moved.
    """
    order = np.argsort(distances, kind="stable")
    is_own, is_rival = labels[order] == classes[0], labels[order] == classes[1]
    kinds = (is_own, is_rival, ~(is_own | is_rival))
    own, rival, third = (_Class.of(order[which], distances) for which in kinds)
    ends = np.concatenate([[0.0], distances[order], [np.inf]])
    lead = 0 if classes[1] < classes[0] else 1
    found: list[_Choice] = []
    for i in range(max(0, n_neighbors - rows), min(len(order), n_neighbors + rows) + 1):
        if ends[i] < ends[i + 1]:
            between = float(ends[i]), float(ends[i + 1])
            found += _choices((own, rival, third), between, i, n_neighbors - i, lead, rows)
    found.sort()
    return [_rows_of(one, own, rival, third, float(ends[one.i])) for one in found[:_MOST]]


def _rows_of(one: _Choice, own: _Class, rival: _Class, third: _Class, t: float) -> RankedMoves:
    n_own, n_rival, n_third = own.within(t), rival.within(t), third.within(t)
    out, into = max(-one.fill, 0), max(one.fill, 0)
    return RankedMoves(
        one.radius,
        np.concatenate([own.rows[n_own - one.x : n_own], third.rows[n_third - out : n_third]]),
        np.concatenate([rival.rows[n_rival : n_rival + one.y], third.rows[n_third : n_third + into]]),
    )


def _choices(
    kinds: tuple[_Class, _Class, _Class],
    between: tuple[float, float],
    i: int,
    missing: int,
    lead: int,
    rows: int,
) -> list[_Choice]:
    """Return the choice for each number of votes that takes the shortest moves, t between two distances."""
    own, rival, third = kinds
    low, high = between
    n_own, n_rival, n_third = (each.within(low) for each in kinds)
    lacking = max(lead + n_own - n_rival, 0)
    found = []
    for votes in range(lacking, min(rows, lacking + _MORE_VOTES) + 1):
        y = np.arange(max(0, votes - n_own), min(votes, len(rival.rows) - n_rival) + 1)
        fill = missing - (2 * y - votes)
        possible = votes + np.abs(fill) <= rows
        possible &= (fill <= len(third.rows) - n_third) & (-fill <= n_third)
        y, fill = y[possible], fill[possible]
        if not len(y):
            continue
        x = votes - y
        come = np.maximum(
            np.where(y > 0, rival.at(n_rival + y), 0.0), np.where(fill > 0, third.at(n_third + fill), 0.0)
        )
        go = np.minimum(
            np.where(x > 0, own.at(n_own - x + 1), np.inf),
            np.where(fill < 0, third.at(n_third + fill + 1), np.inf),
        )
        radius = np.maximum(np.maximum(come - high, low - go), (come - go) / 2.0)
        best = int(np.argmin(radius))
        found.append(_Choice(float(radius[best]), i, int(x[best]), int(y[best]), int(fill[best])))
    return found
