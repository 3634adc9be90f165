"""From summaries to votes and certificates: by the same classifiers, threats and claims as a whole table."""

from __future__ import annotations

from typing import get_args

import numpy as np

from .._types import BoolArray, FloatArray, WholeArray
from .._version import __version__
from ..certificates import Certificates
from ..certificates.issue import Claims
from ..exact.classifiers import checked_vote
from ..exact.measured import Measured, change_by_norm
from ..exact.plain.settings import PlainSettings
from ..exact.settings import VoteSettings
from ..exact.vote import Vote
from ..kernels.scans import relative_distance_error
from ..threats import BlackBoxBall, Threat
from ..threats.base import check_threat
from .needs import check_offered, summary_kernel
from .plain import PlainSharded
from .smoothed import SmoothedSharded
from .summary import Summary, SummaryVote

__all__ = ["certificates_of", "vote_of"]

# The roundings of a sum of squares, relative to it.
_SUM = 1.0 + 1e-6


def vote_of(summary: Summary, n_neighbors: int, n_threads: int) -> SummaryVote:
    """Return the vote of all rows behind a summary."""
    settings = _settings(summary, n_neighbors, n_threads)
    if isinstance(settings, PlainSettings):
        return _plain_vote(summary, settings, *_measured(summary))
    return _smoothed_vote(summary, settings)


def certificates_of(
    summary: Summary, threat: Threat, n_neighbors: int, n_threads: int
) -> tuple[Certificates, BoolArray]:
    """Return certificates of all queries, and of which more near rows would leave less in doubt."""
    check_threat(threat, get_args(Threat))
    check_offered(threat, sigma=summary.asked.sigma, n_classes=len(summary.classes))
    settings = _settings(summary, n_neighbors, n_threads)
    claims: Claims | None
    if isinstance(settings, PlainSettings):
        measured, kept = _measured(summary)
        vote = _plain_vote(summary, settings, measured, kept)
        claims, in_doubt = _plain_claims(settings, vote, threat, measured, kept)
    else:
        vote = _smoothed_vote(summary, settings)
        claims, in_doubt = _smoothed_claims(summary, settings, vote, threat)
    certificates = Certificates.from_probabilities(
        vote.probabilities,
        vote.errors,
        classes=summary.classes,
        noise=settings.noise,
        threat=threat,
        claims=claims,
        classifier=settings.classifier,
        n_features=summary.asked.n_features,
        n_train=summary.n_rows,
        version=__version__,
    )
    return certificates, in_doubt


def _settings(summary: Summary, n_neighbors: int, n_threads: int) -> Vote:
    return checked_vote(
        n_neighbors=n_neighbors,
        sigma=summary.asked.sigma,
        dof=summary.asked.dof,
        n_classes=len(summary.classes),
        labels_are_classes=summary.classes_are_given,
        n_rows=summary.n_rows,
        backend="native",
        n_threads=n_threads,
    )


def _plain_vote(
    summary: Summary, settings: PlainSettings, measured: Measured, kept: WholeArray
) -> SummaryVote:
    probabilities, errors = settings.vote(measured)
    few = kept.min(axis=1, initial=summary.n_rows + 1) < settings.n_neighbors
    errors[few] = 1.0  # rows that vote may be missing
    return SummaryVote(probabilities, errors, few)


def _plain_claims(
    settings: PlainSettings, vote: SummaryVote, threat: Threat, measured: Measured, kept: WholeArray
) -> tuple[Claims, BoolArray]:
    """Return what is claimed, and what is in doubt."""
    plain = PlainSharded(settings, measured, np.argmax(vote.probabilities, axis=1), kept)
    claims = plain.claims(threat)
    lost = vote.in_doubt
    claims = Claims(np.where(lost, 0, claims.budget), claims.worst_probability, claims.abstained | lost)
    return claims, plain.in_doubt | lost


def _smoothed_vote(summary: Summary, settings: Vote) -> SummaryVote:
    if not isinstance(settings, VoteSettings):
        raise TypeError(f"nothing is known of summaries for {settings!r}")
    probabilities, errors, in_doubt = summary_kernel().vote_summaries(
        summary.arrays,
        n_classes=len(summary.classes),
        n_neighbors=settings.n_neighbors,
        far_kind=summary.asked.far_kind,
        dof=float(summary.asked.dof),
        dim=summary.asked.n_features,
        n_threads=settings.n_threads,
    )
    return SummaryVote(np.minimum(probabilities, 1.0), errors, in_doubt.astype(bool))


def _smoothed_claims(
    summary: Summary, settings: Vote, vote: SummaryVote, threat: Threat
) -> tuple[Claims | None, BoolArray]:
    """Return what is claimed besides the probabilities, and what is in doubt."""
    if isinstance(threat, BlackBoxBall) or not isinstance(settings, VoteSettings):
        return None, vote.in_doubt
    n_needed, by_contours = summary_kernel().needs_of_vote(len(summary.classes), settings.n_neighbors)
    none, error = np.empty((summary.n_queries, 0)), relative_distance_error(summary.asked.n_features)
    measured = Measured(none, np.empty(0, dtype=np.int64), error, n_beyond=summary.n_rows)
    queries = SmoothedSharded(
        settings,
        measured,
        np.argmax(vote.probabilities, axis=1),
        summaries=summary.arrays,
        far_kind=summary.asked.far_kind,
        n_needed=0 if by_contours and summary.asked.far_kind == "all" else n_needed,
        more_errors=[_rounding_error(summary, measured, i) for i in range(summary.n_queries)],
    )
    return queries.claims(threat), queries.in_doubt | vote.in_doubt


def _rounding_error(summary: Summary, measured: Measured, i: int) -> float:
    """Return what probabilities of a query are off, at most, because distances were rounded."""
    n_classes, sigma = len(summary.classes), summary.asked.sigma
    squares = summary.arrays.squares[i * n_classes : (i + 1) * n_classes]
    return change_by_norm(float(np.sqrt(squares.sum() * _SUM)) * sigma, measured.widening, sigma)


def _measured(summary: Summary) -> tuple[Measured, WholeArray]:
    """Return the near rows of all classes side by side, and how many of each there are.

    Where a query has fewer near rows of a class than others, the rest is at infinity. Of a class whose rows
    are all near, more than n are said to be kept.
    """
    arrays, n_classes = summary.arrays, len(summary.classes)
    n_near = arrays.n_near.reshape(-1, n_classes)
    width = n_near.max(axis=0, initial=0)
    distances: FloatArray = np.full((summary.n_queries, int(width.sum())), np.inf)
    scale = summary.asked.sigma or 1.0
    for c, start in enumerate(np.cumsum(width) - width):
        for i in range(summary.n_queries):
            line = arrays.increasing(i * n_classes + c) * scale
            distances[i, start : start + len(line)] = line
    labels = np.repeat(np.arange(n_classes), width)
    everything = n_near == arrays.n_rows.reshape(-1, n_classes)
    kept = np.where(everything, summary.n_rows + 1, n_near)
    error = relative_distance_error(summary.asked.n_features)
    beyond = summary.n_rows - len(labels)
    return Measured(distances, labels, error, n_beyond=beyond), kept
