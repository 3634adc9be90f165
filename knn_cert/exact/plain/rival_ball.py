"""The ball of all tables within an L2 norm, more than two classes: how far a table moves for a rival to win.

Let the K nearest rows of the changed table lie within t and all others beyond it: g of the target, j of the
rival, k of third classes, j >= g + lead. Then all but g of the target's rows moved out to t if they were
nearer, j of the rival's moved in if they were not, and third rows moved out or in until there are k. The
squares of these moves are at least

    sum_{i > g} (t - a_i)_+^2 + sum_{i <= j} (b_i - t)_+^2
    + sum_{i > k} (t - d_i)_+^2 + sum_{i <= k} (d_i - t)_+^2,

and a table with so little change exists for the best t. (Rows of the target that come, and of the rival that
go, are not paid for: left where they are, they leave room for rows that serve the rival as well.) For j = g +
lead + s with s given, this is convex in g. The sum is M-convex in g, j and k, and least where the K nearest
rows stay the K nearest, which the target wins, s < 0. So from any other g, j and k a path of exchanges of two
rows leads to that point, along which the sum does not increase, and s falls by at most 2 a step: at the last
point where the rival still wins s is 0 or 1, and no other s need be asked.

Moves out cost more the larger t is, moves in less; so the ends of an interval bound the sum for all t inside.
The best t may lie on either side of h and l of `every_row`. But some row must move as far as from t to h if t
is beyond h, and to l if t is before l: so where the sum is r^2 at one t, no better one is before l - r or
beyond h + r.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..._types import FloatArray, WholeArray

__all__ = ["BallRows", "least_square_of_rival"]

_EPS = float(np.finfo(np.float64).eps)

# The interval of t is cut into so many, and those that may hold the least value are cut again, until the
# bound is within this share of it or so many times.
_PIECES, _CLOSE, _MOST_CUTS = 16, 1e-4, 10

# By how many votes more than it needs the rival may be ahead, as above: one line of arrays each.
_SPARE = np.arange(2)[:, None]


class BallRows(NamedTuple):
    """One query: increasing distances, each as is worse for the target.

    Attributes
    ----------
    own, rival : ndarray
        Upper bounds on the distances of the target's rows, lower bounds on those of the rival's.
    third_near, third_far : ndarray
        Lower and upper bounds on the distances of all other rows.
    """

    own: FloatArray
    rival: FloatArray
    third_near: FloatArray
    third_far: FloatArray


def least_square_of_rival(
    rows: BallRows, n_neighbors: int, lead: int, low: float, high: float, enough: float
) -> float:
    """Lower bound on the sum of squares of the moves that make the rival win.

    Parameters
    ----------
    rows : BallRows
    n_neighbors, lead : int
    low, high : float
        h and l of `every_row`, of the same bounds on distances: low <= high < inf where the rival can win and
        has not won yet.
    enough : float
        A larger bound than this is of no use.
    """
    places, square = np.linspace(low, high, _PIECES + 1), enough
    if np.isposinf(enough):
        square = float(_Bound(rows, n_neighbors, lead, high)(places, places).min())
    reach = max(float(np.sqrt(square)), (high - low) / 2.0)
    nearest, farthest = max(high - reach, 0.0), low + reach
    edges = np.clip(np.concatenate([[nearest], places, [farthest]]), nearest, farthest)
    first, last = edges[:-1], edges[1:]
    before = high - nearest if nearest > 0.0 else np.inf  # no row is nearer than 0
    least, reached = float(min(before, farthest - low) ** 2 * (1.0 - 4.0 * _EPS)), np.inf
    bound = _Bound(rows, n_neighbors, lead, farthest)
    for _ in range(_MOST_CUTS):
        middle = (first + last) / 2.0
        below, at = np.split(bound(np.append(first, middle), np.append(last, middle)), 2)
        reached = min(reached, float(at.min()))
        cut = below < min(reached * (1.0 - _CLOSE), enough)
        least = min(least, float(below[~cut].min(initial=np.inf)))
        if not cut.any():
            return least
        remaining = float(below[cut].min())
        quarters = np.linspace(first[cut], last[cut], 5)
        first, last = quarters[:-1].ravel(), quarters[1:].ravel()
    return min(least, remaining)


class _Bound:
    """The bound for intervals of t up to some highest."""

    def __init__(self, rows: BallRows, n_neighbors: int, lead: int, highest: float):
        self._n_neighbors = n_neighbors
        n_third = len(rows.third_near)
        # votes of the target, with 0 to K third rows and no more rows of any class than there are
        fewest = np.maximum(-((n_third + lead + _SPARE - n_neighbors) // 2), 0)
        most = np.minimum((n_neighbors - lead - _SPARE) // 2, len(rows.rival) - lead - _SPARE)
        most = np.minimum(most, len(rows.own))
        possible = (fewest <= most)[:, 0]
        self._fewest, self._most = fewest[possible], most[possible]
        self._ahead = lead + _SPARE[possible]
        most_come = int((self._most + self._ahead).max(initial=0))
        own, far = (side[: np.searchsorted(side, highest)] for side in (rows.own, rows.third_far))
        sides = own, rows.rival[:most_come], rows.third_near[:n_neighbors], far
        self._own, self._rival, self._near, self._far = (_Squares(side, highest) for side in sides)

    def __call__(self, first: FloatArray, last: FloatArray) -> FloatArray:
        votes = self._votes(first, last)
        third = self._third(votes)
        sums = self._own.beyond(votes, first) + self._rival.before(votes + self._ahead, last)
        sums += self._far.beyond(third, first) + self._near.before(third, last)
        least: FloatArray = sums.min(axis=0, initial=np.inf)
        return least

    def _third(self, votes: WholeArray) -> WholeArray:
        return self._n_neighbors - 2 * votes - self._ahead

    def _votes(self, first: FloatArray, last: FloatArray) -> WholeArray:
        """Return the number of votes of the target with the least sum: the first after which it grows."""
        low = self._fewest + np.zeros(len(first), dtype=np.int64)
        high = self._most + np.zeros(len(first), dtype=np.int64)
        while np.any(low < high):
            votes = (low + high) // 2
            third = self._third(votes)
            growth = self._rival.coming(votes + self._ahead + 1, last)
            growth -= self._own.going(votes + 1, first)
            with np.errstate(
                invalid="ignore"
            ):  # inf - inf, where there are no rows of these ranks: not asked
                for rank in (third, third - 1):
                    growth += self._far.going(rank, first) - self._near.coming(rank, last)
                grows = growth >= 0.0
            low, high = np.where(grows | (low == high), low, votes + 1), np.where(grows, votes, high)
        return low


class _Squares:
    """Increasing distances of some rows, and squares of their moves to many t, by rank from 1."""

    def __init__(self, distances: FloatArray, centre: float):
        self._rows, self._centre = distances, centre
        offsets = distances - centre
        self._first, self._second = (
            np.concatenate([[0.0], np.cumsum(terms)]) for terms in (offsets, offsets * offsets)
        )
        self._padded = np.concatenate([[0.0], distances, [np.inf]])
        self._widest = float(np.abs(offsets).max(initial=0.0))

    def going(self, rank: WholeArray, t: FloatArray) -> FloatArray:
        """Return (t - d)_+^2 of the row of a rank; 0 beyond the last."""
        square: FloatArray = np.maximum(t - self._padded.take(rank, mode="clip"), 0.0) ** 2
        return square

    def coming(self, rank: WholeArray, t: FloatArray) -> FloatArray:
        """Return (d - t)_+^2 of the row of a rank; inf beyond the last."""
        square: FloatArray = np.maximum(self._padded.take(rank, mode="clip") - t, 0.0) ** 2
        return square

    def beyond(self, rank: WholeArray, t: FloatArray) -> FloatArray:
        """Return the sum of (t - d)_+^2 over all rows after a rank."""
        nearer = np.searchsorted(self._rows, t)
        return self._sum(np.minimum(rank, nearer), nearer, t)

    def before(self, rank: WholeArray, t: FloatArray) -> FloatArray:
        """Return the sum of (d - t)_+^2 over all rows up to a rank."""
        rank = np.minimum(rank, len(self._rows))
        return self._sum(np.minimum(np.searchsorted(self._rows, t), rank), rank, t)

    def _sum(self, first: WholeArray, last: WholeArray, t: FloatArray) -> FloatArray:
        """Return a lower bound on the sum of (d - t)^2 over rows after one rank, up to another.

        Sums of powers of d - centre from the first row on are subtracted. With no term above w = max(|d -
        centre|, |t - centre|), each of the n terms is wrong by a few eps w^2, and each sum of them by n^2 eps
        w^2: six such sums, and what is left for the other operations.
        """
        t = t - self._centre
        linear, squares = self._first[last] - self._first[first], self._second[last] - self._second[first]
        total = (last - first) * t**2 - 2.0 * t * linear + squares
        n = len(self._rows)
        error = 8.0 * n * (n + 8.0) * _EPS * np.maximum(np.abs(t), self._widest) ** 2
        return np.where(last > first, np.maximum(total - error, 0.0), 0.0)
