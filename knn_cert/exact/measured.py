"""Measured: the distances of some queries to all training rows, and how far they may be wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._types import FloatArray, WholeArray

__all__ = [
    "Between",
    "ByClass",
    "Measured",
    "TieGroups",
    "change_by_norm",
    "change_by_shift",
    "lengthened",
    "shortened",
]

# Training rows and others, by their numbers -> their distances.
Between = Callable[[WholeArray, WholeArray], FloatArray]

# By Corollary 1 of RAB a probability changes by less than shift / (sigma sqrt(2 pi)) when the table moves by
# shift in L2 norm; 0.4 is more than 1 / sqrt(2 pi) = 0.39894...
_STEEPEST = 0.4

# Moving, sorting and scaling a distance takes fewer than eight roundings.
_ROUNDINGS = 8.0


class ByClass(NamedTuple):
    """Distances with the rows of each class side by side.

    Attributes
    ----------
    distances : ndarray of shape (n_queries, n)
        Increasing within each class.
    starts : ndarray of int, shape (classes up to the last that has rows + 1,)
        Where each class begins, and the last ends.
    """

    distances: FloatArray
    starts: WholeArray


class TieGroups(NamedTuple):
    """Which ranks hold rows whose order cannot be told: each with its neighbours, and so with theirs.

    Attributes
    ----------
    first, last : ndarray of int32, shape (n_queries, n)
        The first and the last rank, from 0, of the group of each rank.
    """

    first: NDArray[np.int32]
    last: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Measured:
    """What everything about some queries is worked out from; many settings and threats share one.

    Attributes
    ----------
    distances : ndarray of shape (n_queries, n)
        In the units of the features.
    labels : ndarray of int, shape (n,)
        Classes of the training rows.
    relative_error : float
        How far each distance may be from the true one, relative to it.
    between : callable(rows, others), optional
        Euclidean distances of training rows to others by their numbers, (rows, others), as wrong as those of
        queries; None where only distances of queries are known, or they are no Euclidean distances.
    n_beyond : int, default=0
        Training rows besides these, too far from every query to matter; rows at infinity are none.
    """

    distances: FloatArray
    labels: WholeArray
    relative_error: float
    between: Between | None = None
    n_beyond: int = 0

    @property
    def n_rows(self) -> int:
        """Number of training rows."""
        return len(self.labels) + self.n_beyond

    @property
    def widening(self) -> float:
        """How far a distance may be from the true one after it was worked with, relative to it."""
        return self.relative_error + _ROUNDINGS * float(np.finfo(np.float64).eps)

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds on the true distances."""
        return shortened(self.distances, self.widening), lengthened(self.distances, self.widening)

    @cached_property
    def by_class(self) -> ByClass:
        """The distances of each class, sorted: they depend neither on K nor on what is to win."""
        starts = np.concatenate([[0], np.cumsum(np.bincount(self.labels))])
        order = np.argsort(self.labels, kind="stable")
        distances = np.empty(self.distances.shape)
        # query by query: what is gathered is sorted while it is in the cache
        for unsorted, line in zip(self.distances, distances, strict=True):
            np.take(unsorted, order, out=line, mode="clip")
            for start, stop in zip(starts[:-1], starts[1:], strict=True):
                line[start:stop].sort()
        return ByClass(distances, starts)

    @cached_property
    def increasing(self) -> FloatArray:
        """The distances of all rows, sorted: an array of shape (n_queries, n)."""
        return np.sort(self.distances, axis=1)

    @cached_property
    def tie_groups(self) -> TieGroups:
        """Groups of rows in the order of `increasing` that the errors do not tell apart."""
        n = len(self.labels)
        ranks = np.arange(n, dtype=np.int32)
        first, last = np.empty((2, len(self), n), dtype=np.int32)
        for i, line in enumerate(self.increasing):
            told_apart = lengthened(line[:-1], self.widening) < shortened(line[1:], self.widening)
            first[i], last[i] = ranks, ranks
            if not told_apart.all():
                first[i, 1:] *= told_apart
                np.maximum.accumulate(first[i], out=first[i])
                last[i, :-1][~told_apart] = n - 1
                last[i] = np.minimum.accumulate(last[i, ::-1])[::-1]
        return TieGroups(first, last)

    def of(self, queries: slice) -> Measured:
        """Return some of the queries."""
        return Measured(
            self.distances[queries], self.labels, self.relative_error, self.between, self.n_beyond
        )

    def __len__(self) -> int:
        return len(self.distances)


def lengthened(distances: FloatArray, widening: float) -> FloatArray:
    """Return upper bounds on the true distances; the errors may be relative to these or to those."""
    longer: FloatArray = distances / (1.0 - widening)
    return longer


def shortened(distances: FloatArray, widening: float) -> FloatArray:
    """Return lower bounds on the true distances; the errors may be relative to these or to those."""
    shorter: FloatArray = distances * (1.0 - widening)
    return shorter


def change_by_shift(distances: FloatArray, widening: float, sigma: float) -> float:
    """Return by how much any probability may be off because distances of rows may be, with noise sigma.

    The law of a noisy distance depends on the distance alone, so the true rows may be taken to lie on the
    same rays: the table moves by the widening of every distance.
    """
    return change_by_norm(float(np.linalg.norm(distances)), widening, sigma)


def change_by_norm(norm: float, widening: float, sigma: float) -> float:
    """Return what `change_by_shift` does, by the L2 norm of all distances."""
    return _STEEPEST * widening * norm / sigma
