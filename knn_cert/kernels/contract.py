"""The kernel's contract: the functions that every backend has, as types.

Arrays are C-contiguous and already checked by `knn_cert.gate`; ``n_threads >= 1``. Backends check nothing but
what would corrupt memory. Distances are Euclidean, in the units of the features. ``errors`` bounds the
distance of each number to the truth: truncation and rounding (proven), also of the distances that were given,
the law (measured), far rows and scanned distances, and the trapezoid rule (estimated from two step sizes).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "Integers", "Kernel"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Kernel(Protocol):
    """A module with these functions. `m` queries, `n` rows, `d` features, C classes."""

    # Members of a family that are worth asking for at once.
    FAMILY_SIZE: int
    __name__: str

    def ncx2_cdf(self, x: Floats, dof: Floats, nonc: Floats) -> Floats:
        """Lower tail of the law of one squared distance over sigma^2; arrays of one length."""

    def ncx2_sf(self, x: Floats, dof: Floats, nonc: Floats) -> Floats:
        """Upper tail."""

    def ncx2_logcdf(self, x: Floats, dof: Floats, nonc: Floats) -> Floats:
        """Logarithm of the lower tail."""

    def ncx2_logsf(self, x: Floats, dof: Floats, nonc: Floats) -> Floats:
        """Logarithm of the upper tail."""

    def distances(self, queries: Floats, rows: Floats, *, n_threads: int) -> Floats:
        """(m, d), (n, d) -> (m, n), by direct differences."""

    def distances_csr(
        self,
        q_indptr: Integers,
        q_indices: Integers,
        q_data: Floats,
        r_indptr: Integers,
        r_indices: Integers,
        r_data: Floats,
        *,
        n_threads: int,
    ) -> Floats:
        """The same for two CSR matrices with sorted indices and no duplicates."""

    def vote(
        self,
        distances: Floats,
        labels: Integers,
        *,
        n_classes: int,
        n_neighbors: int,
        sigma: float,
        dof: float,
        n_threads: int,
    ) -> tuple[Floats, Floats]:
        """(m, n), (n,) -> probabilities (m, C), errors (m, C)."""

    def vote_scan(
        self,
        queries: Floats,
        rows: Floats,
        labels: Integers,
        *,
        n_classes: int,
        n_neighbors: Integers,
        sigma: Floats,
        dof: float,
        n_threads: int,
    ) -> tuple[Floats, Floats, Floats]:
        """(m, d), (n, d), (n,) -> probabilities (m, s, k, C), errors (m, s, k, C), table shifts (m,).

        For every one of s values of sigma and k of n_neighbors. The shift is how far the table must be moved,
        in L2 norm, to have the distances that were used; 0 where the errors have that in them.
        """

    def vote_bucketed(
        self,
        distances: Floats,
        labels: Integers,
        *,
        n_classes: int,
        n_neighbors: int,
        sigma: float,
        dof: float,
        edges: Floats,
        n_threads: int,
    ) -> tuple[Floats, Floats]:
        """As `vote`; edges increase and are on the squared distance, as they define the classifier."""

    def race(
        self, distances_a: Floats, m_a: int, distances_b: Floats, m_b: int, *, sigma: float, dof: float
    ) -> tuple[float, float, float]:
        """Probabilities that the m_a-th nearest of A, or the m_b-th of B, comes first, and their error."""

    def race_families(
        self,
        distances: Floats,
        first: Integers,
        end: Integers,
        start: Integers,
        n_members: Integers,
        m_a: Integers,
        m_b: Integers,
        *,
        sigma: float,
        dof: float,
        tolerance: float,
        n_threads: int,
    ) -> tuple[Floats, Floats]:
        """Races of families as `families.pack` packs them -> probabilities (members, 2), errors (members, 2).

        ``tolerance`` is the absolute error that is enough, 0 for full relative accuracy.
        """
