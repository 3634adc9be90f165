"""Some rows moved, more than two classes: how far r rows must be moved for a rival to beat the target.

Let the K nearest rows of the attacked table lie within t and all others beyond it, where i rows of the table
were within t: n_A of the target, n_b of the rival, n_3 third ones. The rival lacks D = lead + n_A - n_b votes
and there are E = K - i rows too few (or too many). An attack moves x rows of the target out, y of the rival
in, and third rows out or in: x + y >= D, and y - x and the third rows add up to E. (Moving a row of the
target in or one of the rival out gains nothing: undone, it leaves the rival no worse off.) By linear
programming duality, x + y and the third rows together are at most r if and only if

    |E| <= r,    D <= r,    2 D + E - 2 y_max <= r,    2 D - E - 2 x_max <= r,

and rows enough are within reach, x_max of the target's to go, y_max of the rival's to come and so on, if and
only if the distances of the table satisfy the conditions of `every_row` and

    -E <= rows of the target and third rows that can go.

(That E <= rows of the rival and third rows that can come need not be asked: where too few can, rows of the
target make up the K without being moved, and whatever is nearer serves the rival as well or better.)
The number of rows that are moved is even where E is, so r may be lowered to a number like that, and then
whole numbers of rows satisfy what fractions do. With t given every condition but |E| <= r and D <= r bounds
eps from below, by P - t or t - Q with distances P and Q of the table. Between neighbouring rows P and Q stay,
and the least eps is max(P - s_{i+1}, s_i - Q, (P - Q) / 2).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..._types import BoolArray, FloatArray, WholeArray

__all__ = ["Attacked", "limit_of_some_moved"]


class Attacked(NamedTuple):
    """One query: increasing distances of the rows of the target, of a rival and of all third classes.

    Equal distances stand for rows that cannot be told apart. A rival wins with ``lead`` votes more than the
    target.
    """

    own: FloatArray
    rival: FloatArray
    third: FloatArray
    lead: int


class _Table(NamedTuple):
    """All rows in order, the rival's first where they tie, the target's last; ``ends`` are with 0 and inf."""

    ends: FloatArray
    is_own: BoolArray
    is_rival: BoolArray

    @classmethod
    def of(cls, one: Attacked) -> _Table:
        rows = np.concatenate([one.rival, one.third, one.own])
        order = np.argsort(rows, kind="stable")
        ends = np.concatenate([[0.0], rows[order], [np.inf]])
        return cls(ends, order >= len(rows) - len(one.own), order < len(one.rival))


def limit_of_some_moved(one: Attacked, n_neighbors: int, rows: int) -> float:
    """Return the radius below which moving so many rows does not make the rival win; inf if nothing does."""
    table = _Table.of(one)
    nearest = table.ends[1:-1]
    i = np.arange(len(nearest) + 1)
    own, rival = (np.concatenate([[0], np.cumsum(which)]) for which in (table.is_own, table.is_rival))
    lacking, missing = one.lead + own - rival, n_neighbors - i
    even_rows = rows - ((rows - missing) & 1)  # as even as `missing`
    inner = _first(i + own - rival > n_neighbors - one.lead, table.ends)
    outer = _first(i + rival - own >= n_neighbors + one.lead, table.ends)
    possible = np.flatnonzero((np.abs(missing) <= rows) & (lacking <= even_rows))
    most_votes = min(len(one.own), len(one.rival) - one.lead)
    if not len(possible) or most_votes < 0 or np.isposinf(outer):
        return np.inf
    i, own, rival, missing, even_rows = (which[possible] for which in (i, own, rival, missing, even_rows))
    come = one.lead + own + (missing - even_rows) // 2  # of the rival's rows so many are within t + eps
    stay = rival - one.lead + (missing + even_rows) // 2  # of the target's no more are nearer than t - eps
    p = np.maximum(_ranked(one.rival, come), outer)
    q = np.minimum(_ranked(one.own, stay + 1), _ranked(nearest[~table.is_rival], n_neighbors - rival + 1))
    q = np.minimum(q, inner)
    q[stay < 0] = -np.inf
    return _least_radius(one, most_votes, p, q, table.ends[possible], table.ends[possible + 1])


def _least_radius(
    one: Attacked, most_votes: int, p: FloatArray, q: FloatArray, low: FloatArray, high: FloatArray
) -> float:
    """Return the least eps over t in any of some intervals, and over the votes g that the target is left.

    The rival's g + lead nearest rows must be within t + eps, and no more than g of the target's nearer than t
    - eps. For one t the best g is where the sum of both distances passes 2 t, or the one before; for an
    interval, it is one of those from its lower to its upper end, of which all intervals together have no
    more than rows.
    """
    votes = np.arange(most_votes + 1)
    b, a = _ranked(one.rival, votes + one.lead), _ranked(one.own, votes + 1)
    first = np.maximum(np.searchsorted(b + a, 2.0 * low) - 1, 0)
    last = np.minimum(np.searchsorted(b + a, 2.0 * high), most_votes)
    n_votes = np.maximum(last - first + 1, 1)
    which = np.repeat(np.arange(len(low)), n_votes)
    skipped = np.repeat(np.cumsum(n_votes) - n_votes, n_votes)
    g = first[which] + np.arange(len(which)) - skipped
    p, q = np.maximum(p[which], b[g]), np.minimum(q[which], a[g])
    reached = np.isfinite(p) & ~np.isneginf(q)
    p, q, low, high = p[reached], q[reached], low[which][reached], high[which][reached]
    radius = np.maximum(np.maximum(p - high, low - q), (p - q) / 2.0)
    return float(radius.min(initial=np.inf))


def _first(holds: BoolArray, ends: FloatArray) -> float:
    """Return the distance of the row with which something begins to hold, inf if it never does."""
    i = int(np.argmax(holds)) if holds.any() else len(ends) - 1
    return float(ends[i])


def _ranked(distances: FloatArray, rank: WholeArray) -> FloatArray:
    """Return distances by rank from 1, 0 before the first: no row is needed; and inf beyond the last."""
    padded = np.concatenate([[0.0], distances, [np.inf]])
    return padded[np.clip(rank, 0, len(distances) + 1)]
