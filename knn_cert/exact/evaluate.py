"""Many queries under several settings and threats, from one measurement of the distances."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from .._types import FloatArray
from .._version import __version__
from ..certificates import Certificates
from ..certificates.issue import Claims
from ..gate.errors import InvalidInput
from ..kernels.scans import distance_shift, relative_distance_error
from ..progress import paced
from ..smoothing import SmoothedKNN
from ..threats import BlackBoxBall, StructuredThreat, Threat
from ..threats.base import check_threat
from .measured import Measured
from .settings import VoteKey, VoteSettings
from .table import Table
from .worst_case import SmoothedQueries

__all__ = ["Evaluation", "Question", "certificates_of", "evaluate"]

# Distances of as many queries as fit in here are in memory at a time; the answers do not depend on it.
_CHUNK_BYTES = 32 * 2**20

# Progress is reported at least every so many queries a thread; the answers do not depend on it either.
_QUERIES_PER_REPORT = 128


class Question(NamedTuple):
    """What is asked about the queries: their certificates with these settings against this threat."""

    settings: VoteSettings
    threat: Threat

    @classmethod
    def of(cls, settings: VoteSettings, threat: Threat) -> Question:
        """Return the question after a check of the threat.

        Raises
        ------
        TypeError
            If it is no threat to tables.
        ValueError
            If the classifier has buckets and the threat needs the order of the distances.
        """
        check_threat(threat, get_args(Threat))
        if settings.edges is not None and not threat.is_ball:
            raise InvalidInput(
                f"{threat!r} is certified for the continuous classifier only, where the order of the "
                "distances decides; leave out edges, or ask for BlackBoxBall()"
            )
        return cls(settings, threat)

    @property
    def races(self) -> StructuredThreat | None:
        """The threat, if its worst cases are races; for the ball the probabilities are enough."""
        return None if isinstance(self.threat, BlackBoxBall) else self.threat


class Evaluation(NamedTuple):
    """What one question found: (m, C) probabilities and errors, (m,) table shifts and claims."""

    probabilities: FloatArray
    errors: FloatArray
    table_shift: FloatArray
    claims: Claims

    @classmethod
    def to_fill(cls, n_queries: int, question: Question) -> Evaluation:
        """Return an evaluation with room for so many queries; nothing is claimed of any."""
        in_rows = question.threat.budget_name == "rows"
        n_classes = question.settings.n_classes
        return cls(
            probabilities=np.empty((n_queries, n_classes)),
            errors=np.empty((n_queries, n_classes)),
            table_shift=np.empty(n_queries),
            claims=Claims(
                budget=np.zeros(n_queries, dtype=np.int64) if in_rows else np.zeros(n_queries),
                worst_probability=np.full(n_queries, np.nan),
                abstained=np.ones(n_queries, dtype=bool),
            ),
        )


def evaluate(
    table: Table,
    X: Any,
    questions: list[Question],
    progress: Callable[[int, int], None] | None = None,
) -> list[Evaluation]:
    """Answer all questions, which differ in K, sigma and threat, from the same distances.

    Parameters
    ----------
    table : Table
    X : {ndarray, CSR matrix} of shape (m, d)
        Checked queries.
    questions : list of Question
    progress : callable(done, total), optional
        Called after each chunk of queries, and once before the first with done = 0.
    """
    n_queries = X.shape[0]
    evaluations = [Evaluation.to_fill(n_queries, question) for question in questions]
    settings = questions[0].settings
    scanned = _is_scan(questions) and table.can_be_scanned(X, [one.settings.sigma for one in questions])
    keys = [question.settings.key for question in questions]
    chunk = n_queries if scanned else _chunk_size(table, settings.n_threads)
    parts: Iterable[slice] = _chunks(n_queries, chunk)
    if progress is not None:
        most = min(chunk, _QUERIES_PER_REPORT * settings.n_threads)
        parts = paced(n_queries, least=settings.n_threads, most=most)
        progress(0, n_queries)
    for part in parts:
        if scanned:
            queries = np.ascontiguousarray(X[part])
            votes = settings.scan(queries, table.dense_rows, table.labels, keys)
        else:
            distances = table.distances(X[part], settings.kernel, settings.n_threads)
            measured = Measured(distances, table.labels, relative_distance_error(table.shape[1]))
            votes = _votes(measured, table.shape[1], questions)
        for question, found in zip(questions, evaluations, strict=True):
            vote = votes[question.settings.key]
            found.probabilities[part], found.errors[part], found.table_shift[part] = vote
            if question.races is not None:
                claims = _claims(measured, question.settings, question.races, vote)
                for to, values in zip(found.claims, claims, strict=True):
                    to[part] = values
        if progress is not None:
            progress(part.stop, n_queries)
    return evaluations


def certificates_of(
    question: Question, found: Evaluation, classes: NDArray[Any], table: Table
) -> Certificates:
    """Return the certificates of all queries, with the labels of the classes."""
    settings = question.settings
    n_train, n_features = table.shape
    return Certificates.from_probabilities(
        found.probabilities,
        found.errors,
        classes=classes,
        noise=settings.noise,
        distance_error=found.table_shift,
        threat=question.threat,
        claims=None if question.races is None else found.claims,
        classifier=SmoothedKNN(
            settings.n_neighbors,
            settings.edges,
            kernels.backend_name(settings.kernel),
            settings.labels_are_classes,
        ),
        n_features=n_features,
        n_train=n_train,
        version=__version__,
    )


def _is_scan(questions: list[Question]) -> bool:
    """Whether nobody but the kernel looks at the distances."""
    return all(question.races is None and question.settings.edges is None for question in questions)


def _votes(
    measured: Measured, n_features: int, questions: list[Question]
) -> dict[VoteKey, tuple[FloatArray, FloatArray, FloatArray]]:
    """Return the votes of all settings by the distances."""
    shifts = distance_shift(measured.distances, n_features)
    votes: dict[VoteKey, tuple[FloatArray, FloatArray, FloatArray]] = {}
    for settings in (question.settings for question in questions):
        if settings.key not in votes:
            settings.check_distances(measured.distances)
            votes[settings.key] = *settings.vote(measured), shifts
    return votes


def _claims(
    measured: Measured,
    settings: VoteSettings,
    threat: StructuredThreat,
    vote: tuple[FloatArray, FloatArray, FloatArray],
) -> Claims:
    probabilities, errors, _ = vote
    targets = np.argmax(probabilities, axis=1)
    return SmoothedQueries(settings, measured, targets, vote=(probabilities, errors)).claims(threat)


def _chunk_size(table: Table, n_threads: int) -> int:
    """Return how many queries to take at a time: at least one for every thread."""
    # Sparse queries to dense training rows are made dense chunk by chunk, so d counts as well as n.
    return max(n_threads, _CHUNK_BYTES // (8 * max(table.shape)))


def _chunks(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))
