"""Votes of queries against rows for kernels without a scan of their own: distances first, then the votes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._types import FloatArray, WholeArray

# Size of the arrays of distances that exist at one time.
_CHUNK_BYTES = 32 << 20


def scan_by(
    distances: Callable[..., FloatArray], vote: Callable[..., tuple[FloatArray, FloatArray]]
) -> Callable[..., tuple[FloatArray, FloatArray, FloatArray]]:
    """Return what the contract calls ``vote_scan``, by a kernel's ``distances`` and ``vote``."""

    def vote_scan(
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
        """Return the votes for every sigma and number of neighbours: probabilities, errors, table shifts."""
        shape = len(queries), len(sigma), len(n_neighbors), n_classes
        probabilities, errors, shifts = np.empty(shape), np.empty(shape), np.empty(len(queries))
        chunk = max(1, _CHUNK_BYTES // (8 * max(1, len(rows))))
        for start in range(0, len(queries), chunk):
            part = slice(start, start + chunk)
            of_part = distances(queries[part], rows, n_threads=n_threads)
            shifts[part] = distance_shift(of_part, queries.shape[1])
            for i, one_sigma in enumerate(sigma):
                for k, number in enumerate(n_neighbors):
                    probabilities[part, i, k], errors[part, i, k] = vote(
                        of_part,
                        labels,
                        n_classes=n_classes,
                        n_neighbors=int(number),
                        sigma=float(one_sigma),
                        dof=dof,
                        n_threads=n_threads,
                    )
        return probabilities, errors, shifts

    return vote_scan


def relative_distance_error(n_features: int) -> float:
    """Bound the relative error of a distance by direct differences.

    A sum of d squared differences has relative error at most (d + 2) u to first order; its root half of
    that, and u more for its own rounding: (d / 2 + 2) u. Asking for (d + 2) u pays for all higher orders.
    """
    return (n_features + 2) * float(np.finfo(np.float64).eps) / 2.0


def distance_shift(distances: FloatArray, n_features: int) -> FloatArray:
    """Bound how far the table must be moved, in L2 norm, to have exactly the computed distances.

    A row can be moved along the ray from the query to the computed distance.
    """
    shift: FloatArray = relative_distance_error(n_features) * np.linalg.norm(distances, axis=1)
    return shift
