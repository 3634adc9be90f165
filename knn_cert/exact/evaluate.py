"""Many queries under several settings and threats, from one measurement of the distances."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from .._types import FloatArray
from .._version import __version__
from ..certificates import Certificates
from ..certificates.issue import Claims
from ..gate.errors import InvalidInput
from ..kernels.scans import distance_shift
from ..progress import paced
from ..threats import Threat
from ..threats.base import check_threat
from .classifiers import threatened
from .measured import Measured
from .settings import VoteSettings
from .table import Table
from .threatened import ThreatenedQueries
from .vote import Vote, VoteKey

__all__ = ["Evaluation", "Question", "certificates_of", "evaluate"]

# Distances of as many queries as fit in here are in memory at a time; the answers do not depend on it.
_CHUNK_BYTES = 32 * 2**20

# Progress is reported at least every so many queries a thread; the answers do not depend on it either.
_QUERIES_PER_REPORT = 128


# Probabilities and errors (m, C), and table shifts (m,).
_Votes = dict[VoteKey, tuple[FloatArray, FloatArray, FloatArray]]


class Question(NamedTuple):
    """What is asked about the queries: their certificates against a threat.

    Where nothing is to be certified, the threat is the ball, and `certified` False.
    """

    settings: Vote
    threat: Threat
    certified: bool = True

    @classmethod
    def of(cls, settings: Vote, threat: Threat) -> Question:
        """Return the question after a check of the threat.

        Raises
        ------
        TypeError
            If it is no threat to tables.
        ValueError
            If the classifier has buckets and the threat needs the order of the distances.
        """
        check_threat(threat, get_args(Threat))
        if isinstance(settings, VoteSettings) and settings.edges is not None and not threat.is_ball:
            raise InvalidInput(
                f"{threat!r} is certified for the continuous classifier only, where the order of the "
                "distances decides; leave out edges, or ask for BlackBoxBall()"
            )
        return cls(settings, threat)

    @property
    def probabilities_decide(self) -> bool:
        """Whether the probabilities are all that is needed: the ball, for any smoothed classifier."""
        return not self.certified or (self.threat.is_ball and self.settings.noise.sigma > 0.0)


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

    def of(self, part: slice) -> Evaluation:
        """Return what was found of some of the queries."""
        budget, worst_probability, abstained = self.claims
        claims = Claims(budget[part], worst_probability[part], abstained[part])
        return Evaluation(self.probabilities[part], self.errors[part], self.table_shift[part], claims)


def evaluate(
    table: Table,
    X: Any,
    questions: list[Question],
    progress: Callable[[int, int], None] | None = None,
    gather: Callable[[Measured, list[Evaluation]], None] | None = None,
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
    gather : callable(measured, evaluations), optional
        Called with the distances of each chunk of queries in turn, and with what was found of these alone.
        Not for questions that the kernel answers as it measures.
    """
    n_queries = X.shape[0]
    evaluations = [Evaluation.to_fill(n_queries, question) for question in questions]
    settings = questions[0].settings
    sigmas = [question.settings.noise.sigma for question in questions]
    scan = _scan(questions) if table.can_be_scanned(X, sigmas) else None
    keys = [question.settings.key for question in questions]
    chunk = n_queries if scan is not None else _chunk_size(table, settings.n_threads)
    parts: Iterable[slice] = _chunks(n_queries, chunk)
    if progress is not None:
        most = min(chunk, _QUERIES_PER_REPORT * settings.n_threads)
        parts = paced(n_queries, least=settings.n_threads, most=most)
        progress(0, n_queries)
    for part in parts:
        measured = None
        if scan is not None:
            votes = scan(np.ascontiguousarray(X[part]), table.dense_rows, table.labels, keys)
        else:
            measured = table.measured(X[part], settings.kernel, settings.n_threads)
            votes = _votes(measured, table.shape[1], questions)
            queries = _threatened(measured, votes, questions)
        for question, found in zip(questions, evaluations, strict=True):
            key = question.settings.key
            found.probabilities[part], found.errors[part], found.table_shift[part] = votes[key]
            if not question.probabilities_decide:
                claims = queries[key].claims(question.threat)
                for to, values in zip(found.claims, claims, strict=True):
                    to[part] = values
        if gather is not None and measured is not None:
            gather(measured, [found.of(part) for found in evaluations])
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
        claims=None if question.probabilities_decide else found.claims,
        classifier=settings.classifier,
        n_features=n_features,
        n_train=n_train,
        version=__version__,
    )


def _scan(questions: list[Question]) -> Callable[..., _Votes] | None:
    """Return how the kernel measures distances as it votes, if nobody else looks at them."""
    settings = questions[0].settings
    if not isinstance(settings, VoteSettings) or settings.edges is not None:
        return None
    return settings.scan if all(question.probabilities_decide for question in questions) else None


def _votes(measured: Measured, n_features: int, questions: list[Question]) -> _Votes:
    """Return the votes of all settings by the distances."""
    smoothed = any(question.settings.noise.sigma > 0.0 for question in questions)
    none = np.zeros(len(measured))
    shifts = distance_shift(measured.distances, n_features) if smoothed else none
    votes: _Votes = {}
    for settings in (question.settings for question in questions):
        if settings.key not in votes:
            settings.check_distances(measured.distances)
            votes[settings.key] = *settings.vote(measured), shifts if settings.noise.sigma > 0.0 else none
    return votes


def _threatened(
    measured: Measured, votes: _Votes, questions: list[Question]
) -> dict[VoteKey, ThreatenedQueries[Any]]:
    """Return the queries with their predictions as targets, for each vote that some threat has to do with."""
    queries: dict[VoteKey, ThreatenedQueries[Any]] = {}
    for question in questions:
        key = question.settings.key
        if not question.probabilities_decide and key not in queries:
            probabilities, errors, _ = votes[key]
            targets = np.argmax(probabilities, axis=1)
            queries[key] = threatened(question.settings, measured, targets, (probabilities, errors))
    return queries


def _chunk_size(table: Table, n_threads: int) -> int:
    """Return how many queries to take at a time: at least one for every thread."""
    # Sparse queries to dense training rows are made dense chunk by chunk, so d counts as well as n.
    return max(n_threads, _CHUNK_BYTES // (8 * max(table.shape)))


def _chunks(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))
