"""worst_case_probability: the smallest probability that a threat model leaves to a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np

from . import kernels
from ._validation import (
    check_dof,
    check_labels,
    check_n_classes,
    check_n_neighbors,
    check_n_threads,
    check_resolution,
    check_scale,
    check_sigma,
    check_sq_distances,
)
from .threats import RaceLists, Threat, votes_needed

# Lists of rows that are in memory at a time, in bytes; the answers do not depend on it.
_CHUNK_BYTES = 32 * 2**20


def worst_case_probability(
    sq_distances,
    labels,
    threat: Threat,
    *,
    target_class,
    n_neighbors: int,
    sigma: float,
    dof: float,
    n_classes: int | None = None,
    backend: str = "auto",
) -> float | np.ndarray:
    """Smallest probability of a class over everything that an attacker may have done.

    The observed table is compared with every table within the budget of the threat. If the answer is above
    1/2, the class is the prediction for all of them; see `knn_cert.threats` for the lists behind it.

    Parameters
    ----------
    sq_distances : array_like of shape (n,) or (n_queries, n)
        Squared Euclidean distances from a query to each training row, in squared units of the features.
    labels : array_like of int, shape (n,)
        Class of each row, 0..C-1.
    threat : Threat
        One of `LabelFlips`, `Deletions`, `Insertions`, `Replacements`, `RowShift`, `QueryShift`.
    target_class : int, or array_like of int, shape (n_queries,)
        The class whose probability is bounded from below.
    n_neighbors : int
        K, between 1 and n; even numbers are allowed.
    sigma : float > 0
        Standard deviation of the noise on each feature, in the units of the features.
    dof : float > 0
        d, the number of features that carry noise.
    n_classes : int, optional
        C >= 2; one more than the largest label if left out.
    backend : {"auto", "native", "numba", "reference"}
        Which kernel computes.

    Returns
    -------
    float for 1-D distances, ndarray of shape (n_queries,) for 2-D
        For two classes exact for `LabelFlips`, `Deletions`, `Insertions` and `Replacements`, and a lower
        bound for the others. For more classes a lower bound: the class wins at least where it has a majority
        of the votes (half of them for class 0, to which ties go).

    Raises
    ------
    TypeError
        If labels or target_class are not integers, or threat is no threat.
    ValueError
        As `vote_probabilities`, and if target_class is not 0..C-1 or has the wrong shape.
    """
    if not isinstance(threat, get_args(Threat)):
        names = ", ".join(kind.__name__ for kind in get_args(Threat))
        raise TypeError(f"threat must be one of {names} from knn_cert.threats, got {threat!r}")
    sigma, dof = check_sigma(sigma), check_dof(dof)
    sq_distances = check_sq_distances(sq_distances)
    if sq_distances.ndim not in (1, 2) or sq_distances.shape[-1] == 0:
        raise ValueError(
            f"sq_distances must have shape (n,) or (n_queries, n) with n >= 1, got {sq_distances.shape}; "
            "the last axis runs over the training rows"
        )
    n_rows = sq_distances.shape[-1]
    labels = check_labels(labels, n_rows)
    n_classes = check_n_classes(n_classes, labels)
    n_neighbors = check_n_neighbors(n_neighbors, n_rows)
    table = np.atleast_2d(sq_distances)
    targets = _check_targets(target_class, len(table), n_classes)
    kernel = kernels.get_backend(backend)
    if table.size:
        check_scale(table.max(), sigma)
        check_resolution(table, n_neighbors, sigma)

    n_threads = check_n_threads(None)
    smallest = np.empty(len(table))
    chunk = max(1, _CHUNK_BYTES // (8 * n_rows))
    for first in range(0, len(table), chunk):
        part = slice(first, first + chunk)
        lists = [
            threat.worst_lists(*_sorted_lists(row, labels == target))
            for row, target in zip(table[part], targets[part], strict=True)
        ]
        for target in np.unique(targets[part]):
            m, m_others = votes_needed(int(target), n_neighbors, n_classes)
            members = np.flatnonzero(targets[part] == target)
            p = _smallest_race(
                kernel, [lists[i] for i in members], m, m_others, sigma=sigma, dof=dof, n_threads=n_threads
            )
            smallest[first + members] = p
    return float(smallest[0]) if sq_distances.ndim == 1 else smallest


def _check_targets(target_class, n_queries: int, n_classes: int) -> np.ndarray:
    targets = np.asarray(target_class)
    if targets.dtype.kind not in "iu":
        raise TypeError(f"target_class must be an integer, or one for each query, got dtype {targets.dtype}")
    if targets.ndim > 1 or (targets.ndim == 1 and len(targets) != n_queries):
        raise ValueError(
            f"target_class must be one integer or have shape ({n_queries},), got {targets.shape}"
        )
    if targets.size and not (0 <= targets.min() and targets.max() < n_classes):
        raise ValueError(f"target_class must be 0..{n_classes - 1}, got {targets.min()}..{targets.max()}")
    return np.broadcast_to(targets, (n_queries,)).astype(np.int64)


def _sorted_lists(sq_distances: np.ndarray, is_target: np.ndarray) -> RaceLists:
    return RaceLists(np.sort(np.sqrt(sq_distances[is_target])), np.sort(np.sqrt(sq_distances[~is_target])))


def _smallest_race(
    kernel,
    lists: Sequence[Sequence[RaceLists]],
    m: int,
    m_others: int,
    *,
    sigma: float,
    dof: float,
    n_threads: int,
) -> np.ndarray:
    """Smallest probability of the first list to win over the entries of each query, one number a query."""
    entries = [entry for query in lists for entry in query]
    sq_a, start_a = _concatenated([entry.a for entry in entries])
    sq_b, start_b = _concatenated([entry.b for entry in entries])
    probabilities, _ = kernel.races(
        sq_a, start_a, m, sq_b, start_b, m_others, sigma=sigma, dof=dof, n_threads=n_threads
    )
    starts = np.cumsum([0, *(len(query) for query in lists)])[:-1]
    return np.minimum.reduceat(probabilities[:, 0], starts) if len(starts) else np.empty(0)


def _concatenated(lists: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Squares of all lists in one array, and where each begins; a row at infinity never arrives."""
    squares = [values[np.isfinite(values)] ** 2 for values in lists]
    starts = np.cumsum([0, *(len(values) for values in squares)])
    return np.concatenate([*squares, np.empty(0)]), starts.astype(np.int64)
