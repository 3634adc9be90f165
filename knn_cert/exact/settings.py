"""VoteSettings: the smoothed K-NN vote, all but its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from .. import kernels
from .._types import FloatArray, WholeArray
from ..gate.distances import check_edges, check_resolution, check_scale
from ..gate.numbers import check_dof, check_n_neighbors, check_n_threads, check_sigma
from ..kernels.contract import Kernel
from ..smoothing import Noise, SmoothedKNN
from .measured import Measured
from .vote import VoteKey

__all__ = ["VoteSettings"]


@dataclass(frozen=True, eq=False)
class VoteSettings:
    """The smoothed K-NN vote: checked parameters, and the kernel that computes it.

    Attributes
    ----------
    n_neighbors : int
        K, at most the number of rows.
    sigma : float
    dof : int or float
        d, the number of features that carry noise.
    n_classes : int
        C; labels are 0..C-1.
    labels_are_classes : bool
        Whether nobody can bring a label that is none of the classes.
    kernel : Kernel
    n_threads : int
    edges : ndarray of shape (L - 1,) or None
        Edges of the buckets on the squared distance; None for the continuous classifier.
    """

    n_neighbors: int
    sigma: float
    dof: int | float
    n_classes: int
    labels_are_classes: bool
    kernel: Kernel
    n_threads: int
    edges: FloatArray | None = None

    @classmethod
    def checked(
        cls,
        *,
        n_neighbors: object,
        sigma: object,
        dof: object,
        n_classes: int,
        labels_are_classes: bool,
        n_rows: int,
        backend: str,
        n_threads: object = None,
        edges: ArrayLike | None = None,
    ) -> VoteSettings:
        """Check parameters from outside; ``n_classes`` and ``n_rows`` are those of a checked table.

        Raises
        ------
        TypeError, ValueError, ImportError
            As the public functions say it.
        """
        checked_sigma = check_sigma(sigma)
        checked_edges = None
        if edges is not None:
            checked_edges = check_edges(edges)
            check_scale(checked_edges[-1], checked_sigma, "edges")
        return cls(
            n_neighbors=check_n_neighbors(n_neighbors, n_rows),
            sigma=checked_sigma,
            dof=check_dof(dof),
            n_classes=n_classes,
            labels_are_classes=labels_are_classes,
            kernel=kernels.get_backend(backend),
            n_threads=check_n_threads(n_threads),
            edges=checked_edges,
        )

    @property
    def fewest_rows(self) -> int:
        """How many rows a table must have: K."""
        return self.n_neighbors

    @property
    def key(self) -> VoteKey:
        """What votes by the same distances can differ in."""
        return VoteKey(self.n_neighbors, self.sigma)

    @property
    def noise(self) -> Noise:
        """The noise on the training rows."""
        return Noise(self.sigma)

    @property
    def classifier(self) -> SmoothedKNN:
        """What certificates call it."""
        name = kernels.backend_name(self.kernel)
        return SmoothedKNN(self.n_neighbors, self.edges, name, self.labels_are_classes)

    def check_distances(self, distances: FloatArray) -> None:
        """Raise InvalidInput where distances are too large: finite rows can be infinitely far apart."""
        farthest = float(distances.max(initial=0.0))
        check_scale(farthest * farthest, self.sigma)
        check_resolution(distances, self.n_neighbors, self.sigma)

    def vote(self, measured: Measured) -> tuple[FloatArray, FloatArray]:
        """Return (m, C) probabilities of the classes to win, none above 1, and bounds on their errors.

        The errors know nothing of those of the distances.
        """
        vote: Callable[..., tuple[FloatArray, FloatArray]] = self.kernel.vote
        if self.edges is not None:
            vote = partial(self.kernel.vote_bucketed, edges=self.edges)
        probabilities, errors = vote(
            measured.distances,
            measured.labels,
            n_classes=self.n_classes,
            n_neighbors=self.n_neighbors,
            sigma=self.sigma,
            dof=self.dof,
            n_threads=self.n_threads,
        )
        # a little above 1 by rounding: 1 is nearer to the truth
        return np.minimum(probabilities, 1.0), errors

    def support(self, measured: Measured) -> FloatArray:
        """Return (m, C) how near each class is to winning: its probability."""
        return self.vote(measured)[0]

    def scan(
        self, queries: FloatArray, rows: FloatArray, labels: WholeArray, keys: list[VoteKey]
    ) -> dict[VoteKey, tuple[FloatArray, FloatArray, FloatArray]]:
        """Return probabilities, errors and table shifts of several votes by one scan of the rows.

        The votes differ from this one in K and sigma alone, and the classifier has no edges.
        """
        numbers = sorted({key.n_neighbors for key in keys})
        sigmas = sorted({key.sigma for key in keys})
        probabilities, errors, shifts = self.kernel.vote_scan(
            queries,
            rows,
            labels,
            n_classes=self.n_classes,
            n_neighbors=np.array(numbers, dtype=np.int64),
            sigma=np.array(sigmas, dtype=np.float64),
            dof=self.dof,
            n_threads=self.n_threads,
        )
        probabilities = np.minimum(probabilities, 1.0)  # as in `vote`
        return {
            VoteKey(number, sigma): (probabilities[:, i, k], errors[:, i, k], shifts)
            for i, sigma in enumerate(sigmas)
            for k, number in enumerate(numbers)
        }

    def reach(self, distances: FloatArray, row: int) -> float:
        """Upper bound on the probability that a row, of one query's, is among the K nearest."""
        p, _, error = self.kernel.race(
            distances[row : row + 1],
            1,
            np.delete(distances, row),
            self.n_neighbors,
            sigma=self.sigma,
            dof=self.dof,
        )
        return p + error
