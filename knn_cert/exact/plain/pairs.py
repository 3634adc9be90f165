"""Pairs: how far a query must move until rows of the others overtake rows of the target.

A row j of the others, at distance b_j, is as near as a row i of the target, at a_i, after the query moved by
delta if and only if 2 <delta, x_j - x_i> >= b_j^2 - a_i^2, which needs a move of at least

    rho_ij = (b_j^2 - a_i^2) / (2 |x_i - x_j|)    >=    (b_j - a_i) / 2.

The target loses the race of its m-th nearest row against the m'-th nearest of the others only if m' of the
others have fewer than m rows of the target strictly nearer. Each of these m' has then overtaken all but m - 1
rows of any subset of the target's rows, so it needs a move of at least r_j, the m-th largest rho_ij over that
subset. Nor does it come to that before (b_j - a_m) / 2, as the m nearest rows of the target stay within
a_m + |delta|. So the target wins while the move is shorter than the m'-th smallest r_j. For the others that
are far away (b_j - a_m) / 2 is enough.

Whoever tampers with rows besides does it after the move, in the worst case: at every place of the query the
ranks of the race are those of the table as it is, which is why this holds for the ranks of any such race.

Rounding: b is shortened and a, |x_i - x_j| lengthened by what they may be wrong. b^2 - a^2 = (b - a) (b + a),
its half and the quotient take fewer than eight roundings. Where b is not longer than a, rho is set to 0. Of
rows so near to each other that squares underflow the distance is taken to be larger.
"""

from __future__ import annotations

import numpy as np

from ..._types import FloatArray, WholeArray
from ..measured import Between, Measured, lengthened, shortened

__all__ = ["limits_by_pairs"]

_ROUNDED = 1.0 - 8.0 * float(np.finfo(np.float64).eps)
# Below, squares of differences lose digits; as an upper bound on shorter distances it is sound.
_LEAST_DISTANCE = 1e-140
# More rows of the target than m, and of the others than m', make the bound better until they are too far
# away to matter: any numbers are sound, and these are a choice between strength and time.
_OWN_BESIDES, _OTHERS_BESIDES = 50, 200
# More pairs than that take seconds a query (K above some 5,000): what distances alone say is left.
_MOST_PAIRS = 1 << 25
# So many distances between rows are held together: 32 MiB.
_AT_ONCE = 1 << 22


def limits_by_pairs(
    measured: Measured, targets: WholeArray, m: WholeArray, m_rest: WholeArray, limits: FloatArray
) -> FloatArray:
    """Return limits of moves of the query, raised to the bound by pairs of rows where that is larger.

    Parameters
    ----------
    measured : Measured
        Where it does not tell distances between rows, the limits stay as they are.
    targets : ndarray of int, shape (n_queries,)
    m, m_rest : ndarray of int, shape (n_queries,)
        Below the limit returned, the m-th nearest row of the target is nearer than the m_rest-th other row.
    limits : ndarray of shape (n_queries,)
        Known limits of the same.
    """
    between = measured.between
    if between is None:
        return limits
    raised: FloatArray = limits.copy()
    for i in np.flatnonzero(np.isfinite(limits)):
        ranks = int(m[i]), int(m_rest[i])
        if (2 * ranks[0] + _OWN_BESIDES) * (2 * ranks[1] + _OTHERS_BESIDES) > _MOST_PAIRS:
            continue
        raised[i] = max(limits[i], _limit(measured, between, int(i), int(targets[i]), ranks))
    return raised


def _limit(measured: Measured, between: Between, query: int, target: int, ranks: tuple[int, int]) -> float:
    """Return the bound by pairs for one query; -inf where the target does not win the race unmoved."""
    m, m_rest = ranks
    distances, is_own = measured.distances[query], measured.labels == target
    own, others = np.flatnonzero(is_own), np.flatnonzero(~is_own)
    if len(others) < m_rest:
        return np.inf
    if len(own) < m or m < 1 or m_rest < 1:
        return -np.inf
    own = _nearest(distances, own, 2 * m + _OWN_BESIDES)
    # one more: how far away those are that are not looked at
    others = _nearest(distances, others, 2 * m_rest + _OTHERS_BESIDES + 1)
    a, b = lengthened(distances[own], measured.widening), shortened(distances[others], measured.widening)
    if b[m_rest - 1] <= a[m - 1]:
        return -np.inf
    radii = np.maximum((b - a[m - 1]) / 2.0, 0.0)
    looked_at = min(len(others), 2 * m_rest + _OTHERS_BESIDES)
    step = max(1, _AT_ONCE // len(own))
    for start in range(0, looked_at, step):
        some = slice(start, min(start + step, looked_at))
        apart = np.maximum(lengthened(between(others[some], own), measured.widening), _LEAST_DISTANCE)
        farther = b[some, None]
        rho = np.maximum(farther - a, 0.0) * (farther + a) / 2.0 / apart * _ROUNDED
        kth = len(own) - m
        radii[some] = np.maximum(radii[some], np.partition(rho, kth, axis=1)[:, kth])
    least = float(np.partition(radii[:looked_at], m_rest - 1)[m_rest - 1])
    return least if looked_at == len(others) else min(least, float(radii[looked_at]))


def _nearest(distances: FloatArray, rows: WholeArray, number: int) -> WholeArray:
    """Return so many of some rows, the nearest ones, in the order of their distances."""
    if number < len(rows):
        rows = rows[np.argpartition(distances[rows], number - 1)[:number]]
    nearest: WholeArray = rows[np.argsort(distances[rows], kind="stable")]
    return nearest
