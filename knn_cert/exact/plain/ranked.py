"""Ranked: increasing distances of some rows, asked by rank or by distance for all queries at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..._types import BoolArray, FloatArray, WholeArray
from ..measured import Measured, lengthened, shortened

__all__ = ["Ranked", "everything", "largest_where", "of_classes"]


@dataclass(frozen=True, eq=False)
class Ranked:
    """Increasing distances of some rows: stretches of the lines of an array, which is shared, not copied.

    Ranks and distances that are asked for have shape (n_queries, k); there are k stretches a query, or one.

    Attributes
    ----------
    lines : ndarray of shape (n_queries, any)
    start, size : ndarray of int, shape (n_queries, k)
        Where in its line each stretch begins, and how many rows it has.
    widening : float
        How far a distance may be from the true one, relative to it.
    """

    lines: FloatArray
    start: WholeArray
    size: WholeArray
    widening: float

    def at(self, rank: WholeArray) -> FloatArray:
        """Return the distances of rows by rank, from 1: -inf before the first row, inf beyond the last."""
        index = np.clip(self.start + rank - 1, 0, self.lines.shape[1] - 1)
        found = np.take_along_axis(self.lines, index, axis=1)
        if np.any(beyond := rank > self.size):
            found = np.where(beyond, np.inf, found)
        if np.any(before := rank < 1):
            found = np.where(before, -np.inf, found)
        return found

    def longest(self, rank: WholeArray) -> FloatArray:
        """Return upper bounds on the true distances by rank."""
        return self.lengthened(self.at(rank))

    def shortest(self, rank: WholeArray) -> FloatArray:
        """Return lower bounds on the true distances by rank."""
        return self.shortened(self.at(rank))

    def lengthened(self, distances: FloatArray) -> FloatArray:
        """Return upper bounds on the true distances."""
        return lengthened(distances, self.widening)

    def shortened(self, distances: FloatArray) -> FloatArray:
        """Return lower bounds on the true distances."""
        return shortened(distances, self.widening)

    def nearer(self, distance: FloatArray) -> WholeArray:
        """Return how many rows are nearer than a distance."""
        return largest_where(lambda rank: self.at(rank) < distance, np.zeros_like(self.size), self.size)

    def within(self, distance: FloatArray) -> WholeArray:
        """Return how many rows are as near as a distance, or nearer."""
        return largest_where(lambda rank: self.at(rank) <= distance, np.zeros_like(self.size), self.size)

    def some(self, query: int, which: int, rank: WholeArray) -> FloatArray:
        """Return distances of one stretch, as `at`."""
        one, stretch = slice(query, query + 1), slice(which, which + 1)
        alone = Ranked(self.lines[one], self.start[one, stretch], self.size[one, stretch], self.widening)
        distances: FloatArray = alone.at(rank[None])[0]
        return distances

    def line(self, query: int, which: int = 0) -> FloatArray:
        """Return one stretch."""
        start = int(self.start[query, which])
        return self.lines[query, start : start + int(self.size[query, which])]


def of_classes(measured: Measured, classes: WholeArray) -> Ranked:
    """Return the rows of some classes, (n_queries, k); a class that is none of the table's has no rows."""
    distances, starts = measured.by_class
    known = (classes >= 0) & (classes < len(starts) - 1)
    of = np.where(known, classes, 0)
    return Ranked(distances, starts[of], np.where(known, starts[of + 1] - starts[of], 0), measured.widening)


def everything(measured: Measured) -> Ranked:
    """Return all rows."""
    size = np.full((len(measured), 1), len(measured.labels))
    return Ranked(measured.increasing, np.zeros_like(size), size, measured.widening)


def largest_where(
    holds: Callable[[WholeArray], BoolArray], least: WholeArray, most: WholeArray
) -> WholeArray:
    """Return the largest number from ``least`` to ``most`` at which something holds, for many at once.

    It holds up to some number and not beyond. Where it does not even at ``least`` + 1, the answer is
    ``least``, at which nobody asks.
    """
    low: WholeArray = least
    high: WholeArray = most + 1
    for _ in range(int((high - low).max(initial=1)).bit_length()):
        middle = (low + high) // 2
        yes = holds(middle) | (middle == low)
        low, high = np.where(yes, middle, low), np.where(yes, high, middle)
    return low
