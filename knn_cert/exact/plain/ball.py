"""The ball of all tables within an L2 norm: how far the whole table can be moved, for two classes.

For the target to lose, fewer than m of its rows may be nearer than some t, and m' of the others within t. The
cheapest table with that t moves a_m, a_{m+1}, ... out to t and b_{m'}, b_{m'-1}, ... in to it, so an attack
within rho exists if and only if rho^2 >= the least value of

    f(t) = sum_{i >= m} max(t - a_i, 0)^2 + sum_{j <= m'} max(b_j - t, 0)^2,

which is convex, and quadratic between neighbouring distances.
"""

from __future__ import annotations

import numpy as np

from ..._types import FloatArray, WholeArray
from .ranked import Ranked

__all__ = ["ball_limits", "least_square"]

_EPS = float(np.finfo(np.float64).eps)

# Newton's method ends as soon as the same rows are moved twice, mostly after five or six steps. The bound
# holds wherever it ends.
_MOST_STEPS = 60


def ball_limits(a: Ranked, b: Ranked, m: WholeArray, m_rest: WholeArray) -> FloatArray:
    """Return lower bounds on the norms that change the prediction, -inf where nothing needs to move.

    Parameters
    ----------
    a, b : Ranked
        Rows of the target and all others, one stretch a query.
    m, m_rest : ndarray of int, shape (n_queries, 1)
    """
    limits = np.full(len(m), -np.inf)
    nearest, last = a.longest(m)[:, 0], b.shortest(m_rest)[:, 0]
    limits[np.isposinf(last)] = np.inf  # too few others to win anywhere
    for i in map(int, np.flatnonzero((nearest < last) & np.isfinite(last))):
        out, into = a.line(i)[int(m[i, 0]) - 1 :], b.line(i)[: int(m_rest[i, 0])]
        # rows beyond `last` stay where they are, and so do others nearer than `nearest`
        out = a.lengthened(out[: np.searchsorted(out, last[i])])
        into = b.shortened(into[np.searchsorted(into, nearest[i]) :])
        # by a power of two, which rounds nothing: no square is too large
        exponent = -int(np.frexp(last[i])[1])
        least = least_square(np.ldexp(out, exponent), np.ldexp(into, exponent))
        limits[i] = np.ldexp(np.sqrt(least) * (1.0 - 2.0 * _EPS), -exponent)
    return limits


def least_square(out: FloatArray, into: FloatArray) -> float:
    """Lower bound on the least f(t), where ``out`` are moved out to t and ``into`` in; both increase.

    At any t, f is at least f(t) - |f'(t)| w, with w an interval that holds t and the minimum: f is convex.
    """
    low, high = float(out[0]), float(into[-1])
    t, moved = (low + high) / 2.0, (-1, -1)
    for _ in range(_MOST_STEPS):
        i, j = int(np.searchsorted(out, t)), int(np.searchsorted(into, t, side="right"))
        if (i, j) == moved:
            break
        moved = (i, j)
        # where f' would vanish if no other rows had to move
        n = i + len(into) - j
        zero = (float(out[:i].sum()) + float(into[j:].sum())) / n if n else t
        low, high = (t, high) if zero > t else (low, t)
        t = zero if low <= zero <= high else (low + high) / 2.0
    outwards, inwards = np.maximum(t - out, 0.0), np.maximum(into - t, 0.0)
    away, nearer = float(outwards.sum()), float(inwards.sum())
    n_rows = len(out) + len(into)
    width = float(into[-1]) - float(out[0])
    # each sum of n terms above zero is wrong by at most n eps of it
    slope = 2.0 * (abs(away - nearer) + 2.0 * n_rows * _EPS * (away + nearer))
    value = float(outwards @ outwards) + float(inwards @ inwards)
    return max(0.0, value * (1.0 - 2.0 * n_rows * _EPS) - slope * width)
