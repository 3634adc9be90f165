"""From squared distances to what tampering leaves: the door to threats for any metric or storage."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike

from .._types import FloatArray, WholeArray
from ..gate.errors import InvalidInput
from ..threats import StructuredThreat, Threat
from ..threats.base import check_threat
from .classifiers import threatened
from .door import checked_queries
from .threatened import ThreatenedQueries

__all__ = ["largest_budget", "worst_case_probability"]


def worst_case_probability(
    sq_distances: ArrayLike,
    labels: ArrayLike,
    threat: Threat,
    *,
    target_class: ArrayLike,
    n_neighbors: int | None = None,
    sigma: float,
    dof: float | None = None,
    radius: float | None = None,
    n_classes: int | None = None,
    backend: str = "auto",
) -> float | FloatArray:
    """Lower bound on the probability of a class over everything that an attacker may have done.

    The observed table is compared with every table within the budget of the threat whose labels are all among
    0..C-1. If the answer is above 1/2, the class is the prediction for all of them: the bound on the error of
    the computation has been taken off. See `knn_cert.threats` for the lists behind it.

    Parameters
    ----------
    sq_distances : array_like of shape (n,) or (n_queries, n)
        Squared Euclidean distances from a query to each training row, in squared units of the features.
    labels : array_like of int, shape (n,)
        Class of each row, 0..C-1.
    threat : threat
        One of `LabelFlips`, `Deletions`, `Insertions`, `Replacements`, `RowShift`, `QueryShift`.
    target_class : int, or array_like of int, shape (n_queries,)
        The class whose probability is bounded from below. Vote ties go to the lowest class: if an attacker
        may also bring labels that sort before all of yours, number your classes from 1.
    n_neighbors : int
        K, between 1 and n; even numbers are allowed.
    sigma : float >= 0
        Standard deviation of the noise on each feature, in the units of the features; 0 is plain K-NN, whose
        probabilities are 0 and 1.
    dof : float, from 1 to 1e9
        d, the number of features that carry noise; not needed without noise.
    radius : float, optional
        In the place of n_neighbors: all rows within this distance vote (not its square).
    n_classes : int, optional
        C >= 2; one more than the largest label if left out. Classes without rows count: tampered rows may
        carry their labels.
    backend : {"auto", "native", "numba", "reference"}
        Which kernel computes.

    Returns
    -------
    float for 1-D distances, ndarray of shape (n_queries,) for 2-D
        For two classes and `LabelFlips`, `Deletions`, `Insertions` or `Replacements`, below the smallest
        probability by no more than the error of the computation; else a lower bound that may be lower. For
        more classes the class wins at least where it has a majority of the votes (half of them for class 0,
        to which ties go). 0 where a table within the budget has fewer than n_neighbors rows.

    Raises
    ------
    TypeError
        If labels or target_class are not integers, or threat is no threat.
    ValueError
        As `vote_probabilities`, and if target_class is not 0..C-1 or has the wrong shape.
    """
    _check_threat(threat, sigma)
    if threat.is_open:
        raise InvalidInput(
            f"{threat!r} leaves its budget open; give it, or ask largest_budget for the largest"
        )
    queries, single = _threatened(
        sq_distances,
        labels,
        target_class,
        n_neighbors=n_neighbors,
        sigma=sigma,
        dof=dof,
        radius=radius,
        n_classes=n_classes,
        backend=backend,
    )
    smallest = queries.smallest_probability(threat)
    return float(smallest[0]) if single else smallest


def largest_budget(
    sq_distances: ArrayLike,
    labels: ArrayLike,
    threat: Threat,
    *,
    target_class: ArrayLike,
    n_neighbors: int | None = None,
    sigma: float,
    dof: float | None = None,
    radius: float | None = None,
    n_classes: int | None = None,
    backend: str = "auto",
) -> float | int | FloatArray | WholeArray:
    """Largest budget of a threat at which a class provably stays the prediction.

    The budget that the threat leaves open is searched for, ``rows`` or ``radius``: the worst case only grows
    with it, so the end can be closed in on. A budget counts as certified where the smallest probability, less
    the bound on its error, is above 1/2. With more than two classes it also counts if that is above the
    largest probability that any other class can reach, if what is touched is too rarely among the K nearest
    rows to make up for the margin of the untampered vote, or if what the rows that matter most may cost is
    less than the lead over any rival.

    Parameters
    ----------
    sq_distances, labels, target_class, n_neighbors, sigma, dof, radius, n_classes, backend
        As for `worst_case_probability`.
    threat : threat
        With one budget left open: ``LabelFlips()``, ``RowShift(rows=0.1)``, ``QueryShift()``, ...; without
        noise also ``BlackBoxBall()``.

    Returns
    -------
    int or float for 1-D distances, ndarray of shape (n_queries,) for 2-D
        Rows: the largest certified number, -1 where the class is not certified even without tampering.
        Radius: a certified radius that is at most a relative 1e-3 below the largest, infinite where rows
        moved anywhere change nothing, NaN where the class is not certified even without tampering.

    Raises
    ------
    TypeError, ValueError
        As `worst_case_probability`; ValueError also if the threat leaves no budget open.
    """
    _check_threat(threat, sigma)
    if not threat.is_open:
        raise InvalidInput(f"{threat!r} leaves no budget open; leave out its {threat.budget_name}")
    queries, single = _threatened(
        sq_distances,
        labels,
        target_class,
        n_neighbors=n_neighbors,
        sigma=sigma,
        dof=dof,
        radius=radius,
        n_classes=n_classes,
        backend=backend,
    )
    found = queries.largest_budget(threat)
    if single:
        largest: float | int = found[0].item()
        return largest
    return found


def _threatened(
    sq_distances: ArrayLike,
    labels: ArrayLike,
    target_class: ArrayLike,
    *,
    n_neighbors: int | None = None,
    sigma: float,
    dof: float | None = None,
    radius: float | None = None,
    n_classes: int | None,
    backend: str,
) -> tuple[ThreatenedQueries[Any], bool]:
    """Return the queries with their targets; the flag tells whether there was one, without an axis."""
    settings, measured, single = checked_queries(
        sq_distances,
        labels,
        n_neighbors=n_neighbors,
        sigma=sigma,
        dof=dof,
        radius=radius,
        n_classes=n_classes,
        backend=backend,
    )
    targets = _check_targets(target_class, len(measured), settings.n_classes)
    return threatened(settings, measured, targets), single


def _check_targets(target_class: ArrayLike, n_queries: int, n_classes: int) -> WholeArray:
    targets = np.asarray(target_class)
    if targets.dtype.kind not in "iu":
        raise TypeError(f"target_class must be an integer, or one for each query, got dtype {targets.dtype}")
    if targets.ndim > 1 or (targets.ndim == 1 and len(targets) != n_queries):
        raise InvalidInput(
            f"target_class must be one integer or have shape ({n_queries},), got {targets.shape}"
        )
    if targets.size and not (targets.min() >= 0 and targets.max() < n_classes):
        raise InvalidInput(f"target_class must be 0..{n_classes - 1}, got {targets.min()}..{targets.max()}")
    return np.broadcast_to(targets, (n_queries,)).astype(np.int64)


def _check_threat(threat: Threat, sigma: float) -> None:
    """Refuse what is no threat; with noise also the ball, which the probabilities of the vote decide."""
    check_threat(threat, get_args(Threat) if sigma == 0.0 else get_args(StructuredThreat))
