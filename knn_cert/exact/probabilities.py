"""From squared distances to probabilities: the door for any metric, embedding or storage in front of it."""

from __future__ import annotations

from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from .. import kernels
from .._types import FloatArray
from ..gate.distances import check_resolution, check_scale, check_sq_distances
from ..gate.errors import InvalidInput
from ..gate.numbers import check_dof, check_rank, check_sigma
from ..kernels.families import one_race, pack
from .door import checked_queries

__all__ = ["race_probability", "vote_probabilities"]


@overload
def vote_probabilities(
    sq_distances: ArrayLike,
    labels: ArrayLike,
    *,
    n_neighbors: int | None = None,
    sigma: float,
    dof: float | None = None,
    radius: float | None = None,
    n_classes: int | None = None,
    edges: ArrayLike | None = None,
    backend: str = "auto",
    with_errors: Literal[False] = False,
) -> FloatArray: ...
@overload
def vote_probabilities(
    sq_distances: ArrayLike,
    labels: ArrayLike,
    *,
    n_neighbors: int | None = None,
    sigma: float,
    dof: float | None = None,
    radius: float | None = None,
    n_classes: int | None = None,
    edges: ArrayLike | None = None,
    backend: str = "auto",
    with_errors: Literal[True],
) -> tuple[FloatArray, FloatArray]: ...
@overload
def vote_probabilities(
    sq_distances: ArrayLike,
    labels: ArrayLike,
    *,
    n_neighbors: int | None = None,
    sigma: float,
    dof: float | None = None,
    radius: float | None = None,
    n_classes: int | None = None,
    edges: ArrayLike | None = None,
    backend: str = "auto",
    with_errors: bool,
) -> FloatArray | tuple[FloatArray, FloatArray]: ...
def vote_probabilities(
    sq_distances: ArrayLike,
    labels: ArrayLike,
    *,
    n_neighbors: int | None = None,
    sigma: float,
    dof: float | None = None,
    radius: float | None = None,
    n_classes: int | None = None,
    edges: ArrayLike | None = None,
    backend: str = "auto",
    with_errors: bool = False,
) -> FloatArray | tuple[FloatArray, FloatArray]:
    """Probability of each class to win the vote of the K nearest noisy training rows, Eq. (21) of RAB.

    Row i carries independent noise N(0, sigma^2 I_d) and lies, without it, at squared distance
    ``sq_distances[i]`` from the query. Ties in the vote go to the lowest label.

    Parameters
    ----------
    sq_distances : array_like of shape (n,) or (n_queries, n)
        Squared Euclidean distances from a query to each training row, in squared units of the features.
    labels : array_like of int, shape (n,)
        Class of each row, 0..C-1.
    n_neighbors : int
        K, between 1 and n; even numbers are allowed.
    sigma : float >= 0
        Standard deviation of the noise on each feature, in the units of the features. 0 is plain K-NN, whose
        vote is certain: the probabilities are 0 and 1, with errors of 1 where they depend on the order in
        which rows at equal distances are taken.
    dof : float, from 1 to 1e9
        d, the number of features that carry noise; not needed without noise.
    radius : float, optional
        In the place of n_neighbors: all rows within this distance vote (not its square).
    n_classes : int, optional
        C >= 2; one more than the largest label if left out.
    edges : array_like of shape (L - 1,), optional
        Edges of the buckets on the squared distance, increasing: the quantised classifier of Theorem 3 of
        RAB, where rows of one bucket are ordered by their index. Without edges distances are compared
        exactly.
    backend : {"auto", "native", "numba", "reference"}
        Which kernel computes.
    with_errors : bool, default=False
        Whether to return bounds on the errors as well. Whatever is concluded from a probability should
        hold for everything within its bound.

    Returns
    -------
    ndarray of float64, shape (C,) for 1-D distances, (n_queries, C) for 2-D
        Computed one by one and not renormalised: how far they add up to 1 is a free check of the answer.
        With ``with_errors`` a pair: the probabilities, and how far each of them can be from the truth.

    Raises
    ------
    TypeError
        If labels are not integers, or distances not numbers.
    ValueError
        If an array holds NaN, infinity or negative numbers, has the wrong shape or is empty, if labels are
        not 0..C-1, n_neighbors > n, sigma < 0, edges do not increase, or squares over sigma^2 overflow.
    """
    settings, measured, single = checked_queries(
        sq_distances,
        labels,
        n_neighbors=n_neighbors,
        sigma=sigma,
        dof=dof,
        radius=radius,
        n_classes=n_classes,
        backend=backend,
        edges=edges,
    )
    if measured.distances.size:
        probabilities, errors = settings.vote(measured)
    else:
        probabilities, errors = np.empty((2, 0, settings.n_classes))
    if single:
        probabilities, errors = probabilities[0], errors[0]
    return (probabilities, errors) if with_errors else probabilities


@overload
def race_probability(
    sq_distances_a: ArrayLike,
    m_a: int,
    sq_distances_b: ArrayLike,
    m_b: int,
    *,
    sigma: float,
    dof: float,
    backend: str = "auto",
    with_errors: Literal[False] = False,
) -> float: ...
@overload
def race_probability(
    sq_distances_a: ArrayLike,
    m_a: int,
    sq_distances_b: ArrayLike,
    m_b: int,
    *,
    sigma: float,
    dof: float,
    backend: str = "auto",
    with_errors: Literal[True],
) -> tuple[float, float]: ...
@overload
def race_probability(
    sq_distances_a: ArrayLike,
    m_a: int,
    sq_distances_b: ArrayLike,
    m_b: int,
    *,
    sigma: float,
    dof: float,
    backend: str = "auto",
    with_errors: bool,
) -> float | tuple[float, float]: ...
def race_probability(
    sq_distances_a: ArrayLike,
    m_a: int,
    sq_distances_b: ArrayLike,
    m_b: int,
    *,
    sigma: float,
    dof: float,
    backend: str = "auto",
    with_errors: bool = False,
) -> float | tuple[float, float]:
    """Probability that the m_a-th nearest row of list A comes before the m_b-th nearest of list B.

    Binary K-NN is a race: with an odd K, class A wins if and only if its (K+1)/2-th nearest row comes before
    the (K+1)/2-th nearest of the others. The probability of the other outcome is the race with A and B
    exchanged; take it from there rather than as one minus this one when it is small.

    Parameters
    ----------
    sq_distances_a, sq_distances_b : array_like of shape (n_a,), (n_b,)
        Squared distances from the query to the rows of each list, in squared units of the features. A list
        may be shorter than its m, even empty: its m-th nearest row then never comes.
    m_a, m_b : int >= 1
        Which nearest row of each list counts.
    sigma : float > 0
        Standard deviation of the noise on each feature, in the units of the features.
    dof : float, from 1 to 1e9
        d, the number of features that carry noise.
    backend : {"auto", "native", "numba", "reference"}
        Which kernel computes.
    with_errors : bool, default=False
        Whether to return a bound on the error as well.

    Returns
    -------
    float
        With ``with_errors`` a pair: the probability, and how far it can be from the truth.

    Raises
    ------
    TypeError
        If m_a or m_b is not an integer, or distances are not numbers.
    ValueError
        If both lists are too short for their m, so that nobody wins, or a number is out of its range.
    """
    sigma, dof = check_sigma(sigma), check_dof(dof)
    m_a, m_b = check_rank(m_a, "m_a"), check_rank(m_b, "m_b")
    distances_a = _one_list(sq_distances_a, "sq_distances_a", sigma)
    distances_b = _one_list(sq_distances_b, "sq_distances_b", sigma)
    kernel = kernels.get_backend(backend)
    a_never_comes, b_never_comes = distances_a.size < m_a, distances_b.size < m_b
    if a_never_comes and b_never_comes:
        raise InvalidInput(
            f"nobody wins this race: list A has {distances_a.size} rows and m_a = {m_a}, list B has "
            f"{distances_b.size} rows and m_b = {m_b}; one list must be at least as long as its m"
        )
    if a_never_comes or b_never_comes:
        certain = 0.0 if a_never_comes else 1.0
        return (certain, 0.0) if with_errors else certain
    together = np.concatenate([distances_a, distances_b])
    check_resolution(together, min(m_a + m_b - 1, together.size), sigma)
    # a family of one race: each outcome has an error of its own
    probabilities, errors = kernel.race_families(
        *pack([one_race(distances_a, distances_b)]),
        np.array([m_a], dtype=np.int64),
        np.array([m_b], dtype=np.int64),
        sigma=sigma,
        dof=dof,
        tolerance=0.0,
        n_threads=1,
    )
    p_a = min(float(probabilities[0, 0]), 1.0)
    return (p_a, float(errors[0, 0])) if with_errors else p_a


def _one_list(values: ArrayLike, name: str, sigma: float) -> FloatArray:
    """Return the roots of one list of squared distances."""
    squares = check_sq_distances(values, name)
    if squares.ndim != 1:
        raise InvalidInput(f"{name} must have shape (n,), got {squares.shape}; pass one query at a time")
    if squares.size:
        check_scale(squares.max(), sigma, name)
    return np.sqrt(squares)
