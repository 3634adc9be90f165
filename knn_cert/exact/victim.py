"""A fitted classifier as an attacker sees it: all of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._types import FloatArray, WholeArray
from ..kernels.scans import relative_distance_error
from .measured import Measured
from .table import Table
from .vote import Vote

__all__ = ["Victim"]


class Victim(NamedTuple):
    """The training rows and how they vote."""

    table: Table
    settings: Vote

    @property
    def labels(self) -> WholeArray:
        """Classes of the training rows."""
        return self.table.labels

    def distances(self, query: FloatArray) -> FloatArray:
        """Return distances from a query to all training rows."""
        distances: FloatArray = self.table.distances(
            query[None], self.settings.kernel, self.settings.n_threads
        )[0]
        return distances

    def distances_to(self, query: FloatArray, rows: FloatArray) -> FloatArray:
        """Return distances from a query to any rows."""
        kernel, rows = self.settings.kernel, np.ascontiguousarray(rows)
        distances: FloatArray = kernel.distances(query[None], rows, n_threads=1)[0]
        return distances

    def measured(self, distances: FloatArray, labels: WholeArray) -> Measured:
        """Return one query as a vote takes it, its distances as wrong as measured ones are."""
        error = relative_distance_error(self.table.shape[1])
        return Measured(np.ascontiguousarray(distances[None]), np.ascontiguousarray(labels), error)

    def vote(self, distances: FloatArray, labels: WholeArray) -> tuple[FloatArray, FloatArray]:
        """Return (C,) probabilities for one query, and their errors."""
        p, error = self.settings.vote(self.measured(distances, labels))
        return p[0], error[0]

    def support(self, distances: FloatArray, labels: WholeArray) -> FloatArray:
        """Return (C,) how near each class is to winning."""
        support: FloatArray = self.settings.support(self.measured(distances, labels))[0]
        return support
