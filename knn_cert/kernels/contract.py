"""The kernel's contract: the functions that every backend has, as types.

Arrays are C-contiguous and already checked by `knn_cert.gate`; ``n_threads >= 1``. Backends check nothing but
what would corrupt memory. Distances are Euclidean, in the units of the features. ``errors`` bounds the
distance of each number to the truth: truncation and rounding (proven), also of the distances that were given,
the law (measured), far rows and scanned distances, the trapezoid rule (estimated from sums over parts of its
nodes) and, for many votes in the native kernel, sums over rows by moments (estimated).
"""

from __future__ import annotations

from typing import Protocol

from .._types import FloatArray, WholeArray
from .summaries import SummaryKernel

__all__ = ["Kernel", "MovedRaces", "PairFamilies", "RivalScores"]


class MovedRaces(Protocol):
    """Races of moved rows as `moves.pack_moves` packs them, for kernels that have them."""

    def __call__(
        self,
        distances: FloatArray,
        start: WholeArray,
        m_a: WholeArray,
        m_b: WholeArray,
        rows: WholeArray,
        radius: FloatArray,
        *,
        sigma: float,
        dof: float,
        above: float,
        n_threads: int,
    ) -> tuple[FloatArray, FloatArray, FloatArray, WholeArray]:
        """-> lower bounds on P(A first); of the best attack found P(A first), its error, the rows it moves.

        Errors are taken off the lower bounds, which are 0 where the attack leaves no more than ``above``;
        its error is an estimate there. Rows that are moved are 1, in the order of ``distances``.
        """


class PairFamilies(Protocol):
    """The function `Kernel.pair_families`."""

    def __call__(
        self,
        distances: FloatArray,
        first: WholeArray,
        end: WholeArray,
        start: WholeArray,
        n_members: WholeArray,
        lead: WholeArray,
        *,
        n_neighbors: int,
        sigma: float,
        dof: float,
        tolerance: float,
        n_threads: int,
    ) -> tuple[FloatArray, FloatArray]:
        """Families of pairs as `families.pack_pairs` packs them -> probabilities, errors (members, 2).

        First that A stays ahead, then that the rival beats it: of the K nearest rows, A has no more than the
        rival less ``lead``. A member with fewer than K rows is the rival's.
        """


class RivalScores(Protocol):
    """The function `Kernel.rival_scores`."""

    def __call__(
        self,
        distances: FloatArray,
        labels: WholeArray,
        caps: WholeArray,
        *,
        n_classes: int,
        n_neighbors: int,
        target: int,
        deletions: bool,
        sigma: float,
        dof: float,
    ) -> FloatArray:
        """(n,) increasing, (n,), (r,) -> (r, C, n): upper bounds on what each row may cost, of one query.

        A row that is flipped or deleted, with no more than so many others (``caps``), costs the target this
        much of its lead over each rival at most, on average; K is below n. Classes may have no rows.
        """


class Kernel(Protocol):
    """A module with these functions. `m` queries, `n` rows, `d` features, C classes.

    What a backend may lack is None there, and whoever wants it asks first.
    """

    __name__: str
    moved_races: MovedRaces | None
    pair_families: PairFamilies | None
    rival_scores: RivalScores | None
    summaries: SummaryKernel | None

    def ncx2_cdf(self, x: FloatArray, dof: FloatArray, nonc: FloatArray) -> FloatArray:
        """Lower tail of the law of one squared distance over sigma^2; arrays of one length."""

    def ncx2_sf(self, x: FloatArray, dof: FloatArray, nonc: FloatArray) -> FloatArray:
        """Upper tail."""

    def ncx2_logcdf(self, x: FloatArray, dof: FloatArray, nonc: FloatArray) -> FloatArray:
        """Logarithm of the lower tail."""

    def ncx2_logsf(self, x: FloatArray, dof: FloatArray, nonc: FloatArray) -> FloatArray:
        """Logarithm of the upper tail."""

    def distances(self, queries: FloatArray, rows: FloatArray, *, n_threads: int) -> FloatArray:
        """(m, d), (n, d) -> (m, n), by direct differences."""

    def distances_csr(
        self,
        q_indptr: WholeArray,
        q_indices: WholeArray,
        q_data: FloatArray,
        r_indptr: WholeArray,
        r_indices: WholeArray,
        r_data: FloatArray,
        *,
        n_threads: int,
    ) -> FloatArray:
        """The same for two CSR matrices with sorted indices and no duplicates."""

    def vote(
        self,
        distances: FloatArray,
        labels: WholeArray,
        *,
        n_classes: int,
        n_neighbors: int,
        sigma: float,
        dof: float,
        n_threads: int,
    ) -> tuple[FloatArray, FloatArray]:
        """(m, n), (n,) -> probabilities (m, C), errors (m, C)."""

    def vote_scan(
        self,
        queries: FloatArray,
        rows: FloatArray,
        labels: WholeArray,
        *,
        n_classes: int,
        n_neighbors: WholeArray,
        sigma: FloatArray,
        dof: float,
        n_threads: int,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(m, d), (n, d), (n,) -> probabilities (m, s, k, C), errors (m, s, k, C), table shifts (m,).

        For every one of s values of sigma and k of n_neighbors. The shift is how far the table must be moved,
        in L2 norm, to have the distances that were used; 0 where the errors have that in them.
        """

    def vote_bucketed(
        self,
        distances: FloatArray,
        labels: WholeArray,
        *,
        n_classes: int,
        n_neighbors: int,
        sigma: float,
        dof: float,
        edges: FloatArray,
        n_threads: int,
    ) -> tuple[FloatArray, FloatArray]:
        """As `vote`; edges increase and are on the squared distance, as they define the classifier."""

    def race(
        self,
        distances_a: FloatArray,
        m_a: int,
        distances_b: FloatArray,
        m_b: int,
        *,
        sigma: float,
        dof: float,
    ) -> tuple[float, float, float]:
        """Probabilities that the m_a-th nearest of A, or the m_b-th of B, comes first, and their error."""

    def race_families(
        self,
        distances: FloatArray,
        first: WholeArray,
        end: WholeArray,
        start: WholeArray,
        n_members: WholeArray,
        m_a: WholeArray,
        m_b: WholeArray,
        *,
        sigma: float,
        dof: float,
        tolerance: float,
        n_threads: int,
    ) -> tuple[FloatArray, FloatArray]:
        """Races of families as `families.pack` packs them -> probabilities (members, 2), errors (members, 2).

        ``tolerance`` is the absolute error that is enough, 0 for full relative accuracy.
        """
