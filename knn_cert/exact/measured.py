"""Measured: the distances of some queries to all training rows, and how far they may be wrong."""

from __future__ import annotations

from dataclasses import dataclass

from .._types import FloatArray, WholeArray

__all__ = ["Measured"]


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
    """

    distances: FloatArray
    labels: WholeArray
    relative_error: float

    @property
    def n_rows(self) -> int:
        """Number of training rows."""
        return len(self.labels)

    def of(self, queries: slice) -> Measured:
        """Return some of the queries."""
        return Measured(self.distances[queries], self.labels, self.relative_error)

    def __len__(self) -> int:
        return len(self.distances)
