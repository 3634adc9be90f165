"""All distances changed at will within a radius: how large it must be for a rival to beat the target.

Let the K nearest rows of the changed table lie within t, and all others beyond. Of the target's rows at least
those with a < t - eps are among the K, of the rival's at most those with b <= t + eps, and of all third rows
at least those nearer than t - eps and at most those within t + eps. The rival can be ``lead`` votes ahead if
and only if there is a t with

    2 #(a < t - eps) + #(third < t - eps) <= K - lead,      that is  t - eps <= h,
    2 #(b <= t + eps) + #(third <= t + eps) >= K + lead,    that is  t + eps >= l,
    #(b <= t + eps) - #(a < t - eps) >= lead,               that is  b_{g+lead} - eps <= t <= a_{g+1} + eps

for some number g of votes of the target; h and l depend on neither t nor eps. So the least radius is half the
least max(l, b_{g+lead}) - min(h, a_{g+1}) over g: exact where rows move, sound where the query does.
"""

from __future__ import annotations

import numpy as np

from ..._types import BoolArray, FloatArray, WholeArray
from .ranked import largest_where
from .rivals import Rivals

__all__ = ["inner_and_outer", "limits_of_all_moved"]


def limits_of_all_moved(rivals: Rivals, n_neighbors: int, lead: WholeArray) -> FloatArray:
    """Return the radius below which no rival is ``lead`` votes ahead; not positive where one may be now.

    Parameters
    ----------
    rivals : Rivals
    n_neighbors : int
        K, at most the number of rows.
    lead : ndarray of int, shape (n_queries, c)
        At most K, and negative where a rival needs fewer votes than the target.
    """
    own, others = rivals.own, rivals.others
    inner, outer = inner_and_outer(rivals, n_neighbors, lead)
    high, low = own.lengthened(inner), others.shortened(outer)
    # Fewer votes of the target than `fewest` gain nothing on l, more than `most` gain nothing on h.
    within = others.within(outer)
    fewest, most = np.maximum(within - lead, 0), own.nearer(inner)
    with np.errstate(invalid="ignore"):  # inf - inf, where no table makes the rival win
        limits = np.where(np.isposinf(low), np.inf, (low - high) / 2.0)
    limits[others.size < lead] = np.inf
    undecided = ((most > fewest) | (within < lead)) & ~np.isposinf(limits)
    most = np.maximum(np.minimum(most, others.size - lead), fewest)
    for i, c in zip(*np.nonzero(undecided), strict=True):
        votes = np.arange(fewest[i, c], most[i, c] + 1)
        b = others.some(int(i), int(c), votes + lead[i, c])
        a = own.some(int(i), 0, votes + 1)
        gaps = np.maximum(low[i, c], others.shortened(b)) - np.minimum(high[i, c], own.lengthened(a))
        limits[i, c] = gaps.min() / 2.0
    return limits


def inner_and_outer(rivals: Rivals, n_neighbors: int, lead: WholeArray) -> tuple[FloatArray, FloatArray]:
    """Return h and l, without regard to errors of the distances.

    At h the target's rows, twice, and third rows get more than K - lead; at l the rival's rows, twice, and
    third rows get K + lead. Where that asks for no rows l is the nearest one, and h is no nearer.
    """
    return _first_beyond(rivals, 1, n_neighbors - lead), _first_beyond(rivals, -1, n_neighbors + lead - 1)


def _first_beyond(rivals: Rivals, sign: int, most: WholeArray) -> FloatArray:
    """Return the distance at which all rows, and the target's less the rival's, exceed a number.

    Or, with a negative sign, all rows and the rival's less the target's.
    """
    rows = rivals.everything

    def is_not_beyond(rank: WholeArray) -> BoolArray:
        distance = rows.at(rank)
        ahead = sign * (rivals.own.within(distance) - rivals.others.within(distance))
        return rows.within(distance) + ahead <= most

    last = largest_where(is_not_beyond, np.zeros_like(most), np.broadcast_to(rows.size, most.shape))
    return rows.at(last + 1)
