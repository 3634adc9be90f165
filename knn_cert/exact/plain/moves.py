"""Moved rows of two classes: how far r rows can be moved, whatever rows an attacker chooses.

With p of the target's rows moved out and q of the others moved in, p + q = r, its m-th nearest row is at
min(a_{m+p}, a_m + eps) and the m'-th nearest of the others at max(b_{m'-q}, b_{m'} - eps), both at once. So
the target wins for every choice if and only if, for every split, the first is less than the second: exact.
A split is survived however far rows move where a_{m+p} < b_{m'-q}, and else while eps is less than one of
b_{m'} - a_{m+p}, b_{m'-q} - a_m and (b_{m'} - a_m) / 2.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..._types import FloatArray, WholeArray
from .ranked import Ranked

__all__ = ["limit_of_moved_query", "limit_of_moves"]

# So many distances of splits are looked at together: they stay in the cache of a core.
_AT_ONCE = 1 << 17


def limit_of_moves(a: Ranked, b: Ranked, m: WholeArray, m_rest: WholeArray, rows: int) -> FloatArray:
    """Return the radius below which no choice of so many rows changes the prediction, of each query.

    Parameters
    ----------
    a, b : Ranked
        Rows of the target and all others, one stretch a query.
    m, m_rest : ndarray of int, shape (n_queries, 1)
    rows : int
    """
    nearest, last = a.longest(m), b.shortest(m_rest)
    half = (last - nearest)[:, 0] / 2.0
    limit = np.full(len(m), np.inf)
    for farther, nearer in _splits(a, b, m, m_rest, rows):
        survived = farther < nearer
        with np.errstate(invalid="ignore"):  # inf - inf, where there are too few others to win: below
            radius = np.maximum(last - farther, nearer - nearest)
        radius[survived] = np.inf
        limit = np.minimum(limit, radius.min(axis=1))
    limit = np.maximum(limit, half)
    return np.where(np.isposinf(last[:, 0]), np.inf, limit)


def limit_of_moved_query(
    a: Ranked, b: Ranked, m: WholeArray, m_rest: WholeArray, rows: int, radius: float
) -> FloatArray:
    """Return how far the query can be moved after so many rows were moved by at most ``radius`` each.

    Moving the query changes every distance by no more than it moves: sound.
    """
    nearest, last = a.longest(m), b.shortest(m_rest)
    limit = np.full(len(m), np.inf)
    for farther, nearer in _splits(a, b, m, m_rest, rows):
        with np.errstate(invalid="ignore", over="ignore"):  # as above; infinitely far is far enough
            gap = np.maximum(nearer, last - radius) - np.minimum(farther, nearest + radius)
        limit = np.minimum(limit, gap.min(axis=1) / 2.0)
    return np.where(np.isposinf(last[:, 0]), np.inf, limit)


def _splits(
    a: Ranked, b: Ranked, m: WholeArray, m_rest: WholeArray, rows: int
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield a_{m+p} and b_{m'-q} of all splits that no other is worse than: arrays (n_queries, splits)."""
    # With p = size - m + 1 rows of the target gone fewer than m are left, and with q = m' others at the
    # query they have all votes that they need: more help nobody.
    last = min(rows, max(0, int((a.size - m).max(initial=0)) + 1))
    first = min(last, max(0, rows - int(m_rest.max(initial=0))))
    at_once = max(1, _AT_ONCE // max(1, len(m)))
    for start in range(first, last + 1, at_once):
        p = np.arange(start, min(start + at_once, last + 1))
        yield a.longest(m + p), b.shortest(m_rest - (rows - p))
