"""From the votes of independently smoothed models to certificates: Corollaries 1 and 2 of RAB."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._version import __version__
from ..bounds import fewest_votes, vote_bounds
from ..bounds.arguments import check_level
from ..certificates import Certificates
from ..certificates.issue import Bounds, default_ball
from ..gate.errors import InvalidInput
from ..smoothing import Noise, VotingModels
from ..threats import BlackBoxBall

__all__ = [
    "BoundedVotes",
    "bounds_of_votes",
    "certify_votes",
    "check_enough",
    "check_question",
    "level_of_one",
]


def certify_votes(
    counts: ArrayLike,
    *,
    noise: Noise,
    n_features: int,
    n_train: int,
    classes: ArrayLike | None = None,
    alpha: float = 0.001,
    pilot: ArrayLike | None = None,
    simultaneous: bool = False,
    threat: BlackBoxBall | None = None,
    method: str = "clopper-pearson",
    runner_up: str | None = None,
    trainer: str = "",
    test_noise: bool = False,
) -> Certificates:
    """Certify the most voted class of each query against training tables within a ball.

    Each of N models was trained on the training rows with noise of its own and has one vote a query. With
    probability at least 1 - alpha over that noise, what is certified of a query is true.

    Parameters
    ----------
    counts : array of int, shape (n_queries, C)
        Votes by class; every query has the votes of the same N models.
    noise : Noise
        What every feature of every training row got, drawn once for each model.
    n_features, n_train : int
        Number of features, and of training rows.
    classes : array of shape (C,), optional
        Labels of the columns; 0..C-1 if left out.
    alpha : float, 0 < alpha < 1
        Probability of error of one certificate, or of any of them where ``simultaneous``.
    pilot : array of int, shape (n_queries, C), optional
        Votes of other models than those of ``counts``. Their most voted class is what is certified, and
        alpha is not spent on choosing it. Left out, ``counts`` chooses.
    simultaneous : bool, default=False
        Whether alpha is for all queries together: each of m queries then has alpha / m. The same models
        answer all queries, so errors come together; without it alpha is for each query alone.
    threat : BlackBoxBall, optional
        Any number of rows or at most some, and the norm. Left out: the total over all rows, in L2 for
        Gaussian noise (Eq. (14)), in L1 for uniform noise (Eq. (17)).
    method : {"clopper-pearson", "hoeffding"}
        The one-sided bound; RAB uses Hoeffding's, which is never better.
    runner_up : {"complement", "votes"}, optional
        See `knn_cert.bounds.vote_bounds`.
    trainer : str
        What trained the models, for the guarantee in words.
    test_noise : bool
        Whether models classify a query with noise drawn from their parameters, likewise.

    Returns
    -------
    Certificates
        ``probabilities`` are shares of the votes. Abstained where the bounds do not separate the classes.

    Raises
    ------
    TypeError
        If counts are no integers, or threat is no `BlackBoxBall`.
    ValueError
        If shapes do not agree, queries have different numbers of votes, N is so small that not even unanimous
        votes certify anything, the noise has no radius in the norm of the threat, or an option is unknown.
    """
    threat = default_ball(noise) if threat is None else threat
    check_question(noise, threat)
    votes = bounds_of_votes(
        counts,
        classes=classes,
        alpha=alpha,
        pilot=pilot,
        simultaneous=simultaneous,
        method=method,
        runner_up=runner_up,
    )
    return Certificates.from_bounds(
        votes.label,
        *votes.bounds,
        probabilities=votes.shares,
        classes=votes.classes,
        noise=noise,
        threat=threat,
        classifier=replace(votes.voters, trainer=trainer, test_noise=test_noise),
        n_features=int(n_features),
        n_train=int(n_train),
        version=__version__,
    )


def check_question(noise: Noise, threat: BlackBoxBall) -> None:
    """Raise where no votes can answer: noise on features says nothing about the threat.

    Raises
    ------
    TypeError
        If threat is no `BlackBoxBall`.
    ValueError
        If the noise has no radius in the norm of the threat.
    """
    if not isinstance(threat, BlackBoxBall):
        raise TypeError(
            f"threat must be a BlackBoxBall, got {threat!r}: votes know of no rows, only of noise on their "
            "features; structured threats need SmoothedKNNClassifier"
        )
    threat.check_noise(noise.kind)


class BoundedVotes(NamedTuple):
    """What the votes of queries say of the probabilities of their labels.

    Attributes
    ----------
    label : array of shape (n_queries,)
    bounds : Bounds
        On the probability of the label, and on the others'.
    shares : array of shape (n_queries, C)
        Shares of the votes, columns as in ``classes``.
    classes : array of shape (C,)
    voters : VotingModels
        Whose votes these are, as far as votes tell: who trained them is for the caller to add.
    """

    label: NDArray[Any]
    bounds: Bounds
    shares: NDArray[np.float64]
    classes: NDArray[Any]
    voters: VotingModels


def bounds_of_votes(
    counts: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    alpha: float,
    pilot: ArrayLike | None = None,
    simultaneous: bool = False,
    method: str = "clopper-pearson",
    runner_up: str | None = None,
) -> BoundedVotes:
    """Bounds on the probabilities of the most voted classes; parameters and errors as in `certify_votes`."""
    counts = _checked_counts(counts, "counts")
    n_queries, n_classes = counts.shape
    classes = np.arange(n_classes) if classes is None else np.asarray(classes)
    if classes.shape != (n_classes,):
        raise InvalidInput(
            f"classes must name the {n_classes} columns of counts, got an array of shape {classes.shape}"
        )
    alpha_of_one = level_of_one(alpha, n_queries, simultaneous=simultaneous)
    n_models = int(counts[0].sum()) if n_queries else 0
    selection = "none" if pilot is None else "pilot"
    if n_queries:
        check_enough(
            n_models, n_classes, alpha_of_one, selection=selection, method=method, runner_up=runner_up
        )
    label = None
    n_pilot = 0
    if pilot is not None:
        pilot = _checked_counts(pilot, "pilot")
        if pilot.shape != counts.shape:
            raise InvalidInput(f"pilot must have the shape {counts.shape} of counts, got {pilot.shape}")
        label = np.argmax(pilot, axis=1)
        n_pilot = int(pilot[0].sum()) if n_queries else 0
    chosen, p_lower, p_upper = np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0)
    if n_queries:
        found = vote_bounds(
            counts, alpha_of_one, label=label, selection=selection, method=method, runner_up=runner_up
        )
        chosen, p_lower, p_upper = map(np.asarray, found)
    tail_upper = np.minimum(np.nextafter(1.0 - p_lower, 2.0), 1.0)
    return BoundedVotes(
        label=classes[chosen],
        bounds=Bounds(p_lower, p_upper, tail_upper),
        shares=counts / max(n_models, 1),
        classes=classes,
        voters=VotingModels(
            n_models=n_models,
            alpha=check_level(alpha),
            n_pilot=n_pilot,
            method=method,
            simultaneous=bool(simultaneous),
        ),
    )


def level_of_one(alpha: float, n_queries: int, *, simultaneous: bool) -> float:
    """Return the probability of error that the certificate of one query may have.

    Parameters
    ----------
    alpha : float, 0 < alpha < 1
    n_queries : int >= 0
    simultaneous : bool
        Whether alpha is for all queries together: then each has the same share of it.
    """
    level: float = check_level(alpha)
    return level / n_queries if simultaneous and n_queries else level


def check_enough(
    n_models: int,
    n_classes: int,
    alpha: float,
    *,
    selection: str,
    method: str = "clopper-pearson",
    runner_up: str | None = None,
) -> None:
    """Raise ValueError where so few models cannot certify anything, whatever they say.

    Parameters
    ----------
    n_models, n_classes : int
    alpha : float
        Probability of error for one query.
    selection, method, runner_up
        As in `knn_cert.bounds.vote_bounds`.
    """
    needed = fewest_votes(n_classes, alpha, selection=selection, method=method, runner_up=runner_up)
    if n_models < needed:
        raise InvalidInput(
            f"{n_models} models cannot certify anything at alpha = {alpha:g} for one query with {n_classes} "
            f"classes, not even if all agree; train at least {needed}, or raise alpha"
        )


def _checked_counts(counts: ArrayLike, name: str) -> NDArray[np.int64]:
    counts = np.asarray(counts)
    if counts.dtype.kind not in "iu":
        raise TypeError(f"{name} must be whole numbers of votes, got an array of dtype {counts.dtype}")
    if counts.ndim != 2 or counts.shape[1] < 2:
        raise InvalidInput(f"{name} must have shape (n_queries, C) with C >= 2 classes, got {counts.shape}")
    if np.any(counts < 0):
        raise InvalidInput(f"{name} must not be negative, got {counts.min()}")
    totals = counts.sum(axis=1)
    if np.any(totals != totals[:1]):
        raise InvalidInput(
            f"every query must have the votes of the same models, got {totals.min()} to {totals.max()} votes "
            f"in {name}"
        )
    if len(totals) and totals[0] == 0:
        raise InvalidInput(f"{name} must hold at least one vote for each query")
    return counts.astype(np.int64)
