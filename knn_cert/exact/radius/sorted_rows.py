"""SortedRows: the rows of a query by their distances, and their chances when an attacker moves them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..._types import FloatArray
from .chances import Ball, Chances, chances_within
from .counting import CountLaw, count_rows

__all__ = ["SortedRows"]

# Moving a distance takes fewer roundings than this, relative to what comes out.
_ROUNDINGS = 4.0 * float(np.finfo(np.float64).eps)

# So many moves, and laws, are kept: a search asks every rival about the same ones.
_KEPT = 4


class SortedRows:
    """Rows that an attacker wants farther away, or nearer: every bound errs to that side.

    Parameters
    ----------
    ball : Ball
    distances : ndarray
        Increasing.
    farther : bool
        Whether rows are moved away from the query, else towards it.
    """

    def __init__(self, ball: Ball, distances: FloatArray, *, farther: bool):
        self._distances = distances
        self._side = 1 if farther else -1
        self._ball = ball.rounded(-self._side)
        self.chances = lru_cache(_KEPT)(self._chances)
        self.count_without_nearest = lru_cache(_KEPT)(self._count_without_nearest)

    def __len__(self) -> int:
        return len(self._distances)

    def _chances(self, moved: float) -> Chances:
        """Return the chances after all rows were moved so far, the nearest first."""
        distances = self._distances
        if moved > 0.0:
            outwards, inwards = 1.0 + _ROUNDINGS, 1.0 - _ROUNDINGS
            with np.errstate(over="ignore"):  # infinitely far is far enough
                if self._side > 0:
                    distances = (distances + moved) * outwards
                else:
                    distances = np.maximum((distances - moved * outwards) * inwards, 0.0)
        return chances_within(self._ball, distances)

    def _count_without_nearest(self, n: int, moved: float) -> CountLaw:
        """Return the law of the number within the radius, of all but the n nearest."""
        return count_rows(self.chances(moved).take(slice(n, None)))

    def at_the_query(self) -> Chances:
        """Return the chance of one row at the query: no row anywhere has a larger one."""
        return chances_within(self._ball, np.zeros(1))
