"""SmoothedKNNClassifier: the smoothed K-NN classifier as a scikit-learn estimator, exact and certified."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from . import __version__, kernels
from ._validation import (
    check_edges,
    check_kind_of_labels,
    check_n_neighbors,
    check_n_threads,
    check_resolution,
    check_scale,
    check_sigma,
    is_resolved,
    number_classes,
    reject_text_columns,
)
from .certificates import Certificates
from .falsify import Counterexample, Falsification, Victim, attack
from .influence import Influence, removal_effects
from .kernels.scans import distance_shift, relative_distance_error
from .progress import paced
from .smoothing import Noise, SmoothedKNN
from .threats import BlackBoxBall, StructuredThreat, Threat, asked_budget, is_open
from .worst_case import Law, WorstCases, check_threat

# Distances of as many queries as fit in here are in memory at a time; the answers do not depend on it.
_CHUNK_BYTES = 32 * 2**20

# Someone who watches gets a report at least so often; the answers do not depend on it either.
_QUERIES_PER_REPORT = 128


class GridPoint(NamedTuple):
    """One setting of `SmoothedKNNClassifier.certify_grid`."""

    n_neighbors: int
    sigma: float
    threat: Threat


class SmoothedKNNClassifier(ClassifierMixin, BaseEstimator):
    """K-nearest-neighbours vote under Gaussian noise on every training row, computed exactly and certified.

    The probability of class y is that of the K nearest rows of the noisy training table to vote for y, Eq.
    (21) of RAB. The prediction is the most probable class; ties of probabilities and of votes go to the class
    that comes first in ``classes_``. Fitting stores the table; parameters may be changed afterwards and take
    effect at once.

    Parameters
    ----------
    n_neighbors : int, default=5
        K, odd or even, at most the number of training rows.
    sigma : float > 0, default=1.0
        Standard deviation of the noise on each feature, in the units of the features. Scale features
        beforehand with constants that do not come from the training table, or the certificates do not hold.
    edges : array_like of shape (L - 1,), optional
        Increasing edges on the squared distance: rows whose noisy distances fall into one bucket are ordered
        by their index, the quantised classifier of Theorem 3 of RAB; see `rab_edges`. Edges must not be
        chosen from the training table. None compares distances exactly.
    classes : array_like of shape (C,), optional
        All labels that a training table can have; `fit` refuses any other. Certificates against tampered
        labels then reckon with these alone. None takes those of y, and an attacker may bring new ones: ties
        of the vote go to the class that comes first, and one that he adds may come before all others.
    backend : {"auto", "native", "numba", "reference"}, default="auto"
        Which kernel computes; see `knn_cert.show_config`.
    n_threads : int, optional
        Threads over queries; None takes every core of this process. The answers do not depend on it.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        ``classes`` or, without them, the labels of y, sorted.
    n_features_in_ : int
        d.
    n_samples_fit_ : int
        n.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if X had any.

    Examples
    --------
    >>> from knn_cert import SmoothedKNNClassifier
    >>> X, y = [[0.0], [0.5], [4.0], [4.5]], ["no", "no", "yes", "yes"]
    >>> cert = SmoothedKNNClassifier(n_neighbors=1, sigma=0.5).fit(X, y).certify([[0.2]])
    >>> print(cert.label[0], cert.abstained[0])
    no False
    """

    def __init__(self, n_neighbors=5, sigma=1.0, *, edges=None, classes=None, backend="auto", n_threads=None):
        self.n_neighbors = n_neighbors
        self.sigma = sigma
        self.edges = edges
        self.classes = classes
        self.backend = backend
        self.n_threads = n_threads

    def fit(self, X, y):
        """Store the training table.

        Parameters
        ----------
        X : {array_like, CSR matrix} of shape (n, d)
            Feature rows. Computed in float64 whatever comes in; kept without a copy where it is float64
            already.
        y : array_like of shape (n,)
            Labels of any type that can be sorted, at least two different ones unless `classes` are given.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X holds NaN, infinity or text, or is empty, has squares that overflow, has another number of
            rows than y, if y has one class, numbers and words as labels, or a label outside `classes`, or if
            a parameter is out of its range (n_neighbors > n, sigma <= 0, ...).
        """
        # A fit that fails must not leave the old table under a new number of features.
        vars(self).pop("classes_", None)
        reject_text_columns(X)
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=np.float64, order="C")
        classes, labels = number_classes(y, self.classes)
        if self.classes is None:
            check_kind_of_labels(classes)
        check_classification_targets(y)
        self._settings(X.shape[0])
        # Made before anything looks at the values: SciPy tidies a sparse matrix in place when asked for its
        # maximum.
        table = _csr_arrays(X) if sp.issparse(X) else X
        values = table.data if isinstance(table, _CsrArrays) else table
        # The farthest that two rows of this magnitude can be apart: overflow shows up before any work.
        largest = max(values.max(initial=0.0), -values.min(initial=0.0))
        with np.errstate(over="ignore"):
            farthest = X.shape[1] * (2.0 * largest) ** 2
        check_scale(farthest, self.sigma, "squared distances between training rows")

        self.classes_ = classes
        self._labels_are_classes = self.classes is not None
        self.n_samples_fit_ = X.shape[0]
        self._rows = table
        self._largest = largest
        self._labels = labels
        return self

    def predict(self, X) -> np.ndarray:
        """Return the most probable class of each query, the first in ``classes_`` among equals.

        Parameters
        ----------
        X : {array_like, CSR matrix} of shape (n_queries, d)

        Returns
        -------
        ndarray of shape (n_queries,)
        """
        check_is_fitted(self, "classes_")
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]

    def predict_proba(self, X) -> np.ndarray:
        """Return the probability of each class under the noise, Eq. (21) of RAB.

        Parameters
        ----------
        X : {array_like, CSR matrix} of shape (n_queries, d)
            Queries, in the units of the training rows; they carry no noise.

        Returns
        -------
        ndarray of float64, shape (n_queries, C)
            Columns as in ``classes_``; none above 1. Not renormalised: how far a row adds up to 1 is a free
            check.
        """
        check_is_fitted(self, "classes_")
        settings = self._settings(self.n_samples_fit_)
        return self._evaluate(X, [_Question(settings, None)])[0].probabilities

    def certify(
        self,
        X,
        threat: Threat | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> Certificates:
        """Predict, and say how much tampering each prediction provably survives.

        Parameters
        ----------
        X : {array_like, CSR matrix} of shape (n_queries, d)
            Queries, as the classifier will see them.
        threat : threat, optional
            What the attacker may have done, from `knn_cert.threats`: ``BlackBoxBall()`` (Eq. (14) of RAB, the
            default), ``LabelFlips()``, ``Deletions()``, ``Insertions()``, ``Replacements()``,
            ``RowShift(rows=0.1)``, ``QueryShift()``. Where it leaves its budget open, the largest that each
            prediction survives is computed; where it gives one, whether each prediction survives that.
        progress : callable(done, total), optional
            Called after each chunk of queries, and once before the first with done = 0.

        Returns
        -------
        Certificates
            ``certificates.guarantee`` says in words what is guaranteed and what is not.

        Raises
        ------
        TypeError
            If threat is no threat.
        ValueError
            If X has the wrong shape or values, or if the classifier has edges and the threat is not
            `BlackBoxBall`.
        """
        check_is_fitted(self, "classes_")
        question = self._question(self.n_neighbors, self.sigma, BlackBoxBall() if threat is None else threat)
        return self._certificates(question, self._evaluate(X, [question], progress)[0])

    def certify_grid(
        self,
        X,
        *,
        n_neighbors=None,
        sigma=None,
        threats=None,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[GridPoint, Certificates]:
        """Certify with several K, several sigma and several threats, and measure the distances only once.

        Many values of K cost about as much as the largest of them.

        Parameters
        ----------
        X : {array_like, CSR matrix} of shape (n_queries, d)
            Queries, as the classifier will see them.
        n_neighbors : sequence of int, optional
            Values of K; the classifier's own if left out.
        sigma : sequence of float, optional
            Standard deviations of the noise; the classifier's own if left out.
        threats : sequence of threats, optional
            As in `certify`; ``BlackBoxBall()`` if left out.
        progress : callable(done, total), optional
            As in `certify`.

        Returns
        -------
        dict of GridPoint to Certificates
            One for every K, sigma and threat, in this order; a key is also the tuple
            ``(n_neighbors, sigma, threat)``.

        Raises
        ------
        TypeError, ValueError
            As `certify`; ValueError also if a sequence is empty.

        Examples
        --------
        >>> from knn_cert import SmoothedKNNClassifier
        >>> X, y = [[0.0], [0.5], [4.0], [4.5]], ["no", "no", "yes", "yes"]
        >>> grid = SmoothedKNNClassifier().set_params(n_neighbors=1).fit(X, y).certify_grid(
        ...     [[0.2]], n_neighbors=[1, 3], sigma=[0.25, 0.5])
        >>> [(point.n_neighbors, point.sigma, str(cert.label[0])) for point, cert in grid.items()]
        [(1, 0.25, 'no'), (1, 0.5, 'no'), (3, 0.25, 'no'), (3, 0.5, 'no')]
        """
        check_is_fitted(self, "classes_")
        for name, values in (("n_neighbors", n_neighbors), ("sigma", sigma), ("threats", threats)):
            if values is not None and not np.iterable(values):
                raise TypeError(f"{name} must be a sequence, such as [{values!r}], got {values!r}")
        chosen = {
            "n_neighbors": [self.n_neighbors] if n_neighbors is None else list(n_neighbors),
            "sigma": [self.sigma] if sigma is None else list(sigma),
            "threats": [BlackBoxBall()] if threats is None else list(threats),
        }
        for name, values in chosen.items():
            if not values:
                raise ValueError(f"{name} is empty; give at least one, or leave it out")
        questions = [
            self._question(one_k, one_sigma, threat)
            for one_k in chosen["n_neighbors"]
            for one_sigma in chosen["sigma"]
            for threat in chosen["threats"]
        ]
        evaluations = self._evaluate(X, questions, progress)
        return {
            GridPoint(question.settings.n_neighbors, question.settings.sigma, question.threat): (
                self._certificates(question, evaluation)
            )
            for question, evaluation in zip(questions, evaluations, strict=True)
        }

    def falsify(
        self,
        X,
        threat: StructuredThreat,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> Falsification:
        """Look for concrete tampering that changes the predictions, checked by exact evaluation.

        The certificate says that none exists up to its budget; what is found here says that some does at a
        larger one. Where nothing is found, nothing is shown.

        Parameters
        ----------
        X : {array_like, CSR matrix} of shape (n_queries, d)
        threat : threat
            With its budget: is there such a tampering? Left open: the smallest budget at which one is found.
            Not for `BlackBoxBall`.
        progress : callable(done, total), optional
            Called after each query, and once before the first with done = 0.

        Returns
        -------
        Falsification

        Raises
        ------
        TypeError, ValueError
            As `certify`; TypeError also for `BlackBoxBall`.
        """
        check_is_fitted(self, "classes_")
        check_threat(threat)
        certificates = self.certify(X, threat)
        settings = self._settings(self.n_samples_fit_)
        queries = _dense(self._checked_queries(X))
        victim = Victim(
            rows=self._rows_at,
            labels=self._labels,
            distances=lambda query, rows: self._distances_to(query, rows, settings),
            vote=lambda distances, labels: self._vote(
                np.ascontiguousarray(distances), settings, np.ascontiguousarray(labels)
            ),
            n_neighbors=settings.n_neighbors,
            sigma=settings.sigma,
        )
        certified = np.where(certificates.abstained, np.nan, certificates.budget.astype(np.float64))
        labels = np.searchsorted(self.classes_, certificates.label)
        budgets, examples = np.full(len(queries), np.nan), []
        if progress is not None:
            progress(0, len(queries))
        for i, query in enumerate(queries):
            budgets[i], example = attack(victim, query, int(labels[i]), threat, certified[i])
            examples.append(None if example is None else self._with_labels(example))
            if progress is not None:
                progress(i + 1, len(queries))
        return Falsification(threat, certificates.label, certified, budgets, tuple(examples))

    def influence(self, X, *, top: int = 10) -> Influence:
        """Which training rows the predictions hinge on: those whose removal lowers their probability most.

        Parameters
        ----------
        X : {array_like, CSR matrix} of shape (n_queries, d)
        top : int, default=10
            How many rows of each query.

        Returns
        -------
        Influence

        Raises
        ------
        ValueError
            As `predict`, and if top is not at least 1, or the classifier has edges, or n_neighbors is n.
        """
        check_is_fitted(self, "classes_")
        settings = self._settings(self.n_samples_fit_)
        if settings.edges is not None:
            raise ValueError("influence is for the continuous classifier; leave out edges")
        if not isinstance(top, (int, np.integer)) or not 1 <= top:
            raise ValueError(f"top must be a whole number of rows, at least 1, got {top!r}")
        if settings.n_neighbors == self.n_samples_fit_:
            raise ValueError(
                f"n_neighbors = {settings.n_neighbors} is the number of training rows: none can be removed"
            )
        X = self._checked_queries(X)
        p, found = np.empty((X.shape[0], len(self.classes_))), []
        for i in range(len(p)):
            distances = self._distances(X[i : i + 1], settings)
            self._check_distances(distances, settings)
            p[i] = self._vote(distances, settings)[0][0]
            found.append(
                removal_effects(
                    distances[0],
                    self._labels,
                    p[i],
                    top,
                    lambda distances, labels: self._vote(distances, settings, labels)[0],
                    partial(self._reach, distances[0], settings),
                )
            )
        return Influence(
            label=self.classes_[np.argmax(p, axis=1)],
            probability=p.max(axis=1),
            rows=np.array([rows for rows, _ in found]),
            change=np.array([change for _, change in found]),
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _settings(self, n_rows: int, n_neighbors=None, sigma=None) -> _Settings:
        """Check the parameters as they are now (scikit-learn lets users set them at any time), or others."""
        sigma = check_sigma(self.sigma if sigma is None else sigma)
        edges = None
        if self.edges is not None:
            edges = check_edges(self.edges)
            check_scale(edges[-1], sigma, "edges")
        return _Settings(
            n_neighbors=check_n_neighbors(self.n_neighbors if n_neighbors is None else n_neighbors, n_rows),
            sigma=sigma,
            edges=edges,
            n_threads=check_n_threads(self.n_threads),
            kernel=kernels.get_backend(self.backend),
        )

    def _question(self, n_neighbors, sigma, threat: Threat) -> _Question:
        settings = self._settings(self.n_samples_fit_, n_neighbors, sigma)
        check_threat(threat, Threat)
        if not isinstance(threat, BlackBoxBall):
            if settings.edges is not None:
                raise ValueError(
                    f"{threat!r} is certified for the continuous classifier only, where the order of the "
                    "distances decides; leave out edges, or ask for BlackBoxBall()"
                )
        return _Question(settings, threat)

    def _certificates(self, question: _Question, evaluation: _Evaluation) -> Certificates:
        settings = question.settings
        certificates = Certificates.from_probabilities(
            evaluation.probabilities,
            evaluation.errors,
            classes=self.classes_,
            noise=Noise(settings.sigma),
            distance_error=evaluation.distance_error,
            threat=None if question.structured else question.threat,
            classifier=SmoothedKNN(
                settings.n_neighbors,
                settings.edges,
                kernels.backend_name(settings.kernel),
                self._labels_are_classes,
            ),
            n_features=self.n_features_in_,
            n_train=self.n_samples_fit_,
            version=__version__,
        )
        if not question.structured:
            return certificates
        return replace(
            certificates,
            threat=question.threat,
            budget=evaluation.budget,
            worst_probability=evaluation.worst_probability,
            abstained=evaluation.abstained,
        )

    def _evaluate(
        self,
        X,
        questions: list[_Question],
        progress: Callable[[int, int], None] | None = None,
    ) -> list[_Evaluation]:
        """Answer all questions, which differ in K, sigma and threat, from the same distances."""
        X = self._checked_queries(X)
        n_queries = X.shape[0]
        evaluations = [_Evaluation.to_fill(n_queries, len(self.classes_), one) for one in questions]
        n_threads = questions[0].settings.n_threads
        scanned = self._can_be_scanned(X, questions)
        chunk = n_queries if scanned else self._chunk_size(n_threads)
        parts = _chunks(n_queries, chunk)
        if progress is not None:
            parts = paced(n_queries, least=n_threads, most=min(chunk, _QUERIES_PER_REPORT * n_threads))
            progress(0, n_queries)
        for part in parts:
            distances = None if scanned else self._distances(X[part], questions[0].settings)
            votes = self._scan(X[part], questions) if scanned else self._votes(distances, questions)
            for question, found in zip(questions, evaluations, strict=True):
                probabilities, found.errors[part], found.distance_error[part] = votes[question.law]
                # a little above 1 by rounding: 1 is nearer to the truth
                found.probabilities[part] = np.minimum(probabilities, 1.0)
                if question.structured:
                    vote = found.probabilities[part], found.errors[part]
                    found.budget[part], found.worst_probability[part], found.abstained[part] = (
                        self._worst_cases(question.threat, distances, vote, question.settings)
                    )
            if progress is not None:
                progress(part.stop, n_queries)
        return evaluations

    def _can_be_scanned(self, X, questions: list[_Question]) -> bool:
        """Whether the kernel can measure the distances as it goes: nobody else looks at them."""
        if isinstance(self._rows, _CsrArrays) or sp.issparse(X) or X.shape[0] == 0:
            return False
        if any(question.structured or question.settings.edges is not None for question in questions):
            return False
        # No two rows are farther apart than this: then no distance has to be checked.
        with np.errstate(over="ignore"):
            farthest = np.sqrt(X.shape[1] * (np.abs(X).max(initial=0.0) + np.float64(self._largest)) ** 2)
        return all(is_resolved(farthest, question.settings.sigma) for question in questions)

    def _scan(self, queries, questions: list[_Question]) -> dict:
        """Votes of all laws by one scan of the rows."""
        settings = questions[0].settings
        numbers = sorted({question.settings.n_neighbors for question in questions})
        sigmas = sorted({question.settings.sigma for question in questions})
        probabilities, errors, shifts = settings.kernel.vote_scan(
            np.ascontiguousarray(queries),
            self._rows,
            self._labels,
            n_classes=len(self.classes_),
            n_neighbors=np.array(numbers, dtype=np.int64),
            sigma=np.array(sigmas),
            dof=self.n_features_in_,
            n_threads=settings.n_threads,
        )
        return {
            (number, sigma): (probabilities[:, i, k], errors[:, i, k], shifts)
            for i, sigma in enumerate(sigmas)
            for k, number in enumerate(numbers)
        }

    def _votes(self, distances: np.ndarray, questions: list[_Question]) -> dict:
        """Votes of all laws by the distances."""
        shifts = distance_shift(distances, self.n_features_in_)
        votes = {}
        for question in questions:
            if question.law not in votes:
                self._check_distances(distances, question.settings)
                votes[question.law] = *self._vote(distances, question.settings), shifts
        return votes

    def _checked_queries(self, X):
        check_is_fitted(self, "classes_")
        reject_text_columns(X)
        return validate_data(self, X, accept_sparse="csr", dtype=np.float64, order="C", reset=False)

    def _worst_cases(self, threat: StructuredThreat, distances, vote, settings: _Settings):
        """Budget, worst probability and abstention of each query, as `Certificates` has them."""
        law = Law(
            settings.n_neighbors,
            settings.sigma,
            self.n_features_in_,
            len(self.classes_),
            settings.kernel,
            settings.n_threads,
            self._labels_are_classes,
        )
        queries = WorstCases(
            distances,
            self._labels,
            np.argmax(vote[0], axis=1),
            law,
            distance_error=relative_distance_error(self.n_features_in_),
            vote=vote,
        )
        if is_open(threat):
            found = queries.largest_budget(threat)
            abstained = ~(found >= 0)  # NaN, or -1 rows
            return np.where(abstained, 0, found), np.nan, abstained
        worst_probability, certified = queries.at_budget(threat)
        budget = asked_budget(threat, self.n_samples_fit_) if certified.any() else 0
        return np.where(certified, budget, 0), worst_probability, ~certified

    def _chunk_size(self, n_threads: int) -> int:
        """Return how many queries to take at a time: at least one for every thread."""
        # Sparse queries to dense training rows are made dense chunk by chunk, so d counts as well as n.
        return max(n_threads, _CHUNK_BYTES // (8 * max(self.n_samples_fit_, self.n_features_in_)))

    @staticmethod
    def _check_distances(distances: np.ndarray, settings: _Settings) -> None:
        """Finite rows can be infinitely far apart in double precision."""
        farthest = float(distances.max())
        check_scale(farthest * farthest, settings.sigma)
        check_resolution(distances, settings.n_neighbors, settings.sigma)

    def _distances(self, queries, settings: _Settings) -> np.ndarray:
        """Distances by direct differences; queries take the storage of the training rows."""
        kernel, n_threads = settings.kernel, settings.n_threads
        if isinstance(self._rows, _CsrArrays):
            queries = _csr_arrays(sp.csr_array(queries))
            return kernel.distances_csr(*queries, *self._rows, n_threads=n_threads)
        return kernel.distances(np.ascontiguousarray(_dense(queries)), self._rows, n_threads=n_threads)

    def _rows_at(self, indices: np.ndarray) -> np.ndarray:
        """Features of some training rows, dense."""
        if not isinstance(self._rows, _CsrArrays):
            return self._rows[indices]
        shape = (self.n_samples_fit_, self.n_features_in_)
        return sp.csr_array((self._rows.data, self._rows.indices, self._rows.indptr), shape=shape)[
            indices
        ].toarray()

    def _distances_to(self, query: np.ndarray, rows: np.ndarray | None, settings: _Settings) -> np.ndarray:
        """From one query to some rows, or to all training rows."""
        if rows is None:
            return self._distances(query[None], settings)[0]
        return settings.kernel.distances(query[None], np.ascontiguousarray(rows), n_threads=1)[0]

    def _with_labels(self, example: Counterexample) -> Counterexample:
        """Labels in the place of positions in classes_."""
        return replace(
            example,
            y=None if example.y is None else self.classes_[example.y],
            inserted_y=self.classes_[example.inserted_y],
            label=self.classes_[example.label],
        )

    def _reach(self, distances: np.ndarray, settings: _Settings, row: int) -> float:
        """Upper bound on the probability that a training row is among the K nearest of a query."""
        p, _, error = settings.kernel.race(
            distances[row : row + 1],
            1,
            np.delete(distances, row),
            settings.n_neighbors,
            sigma=settings.sigma,
            dof=self.n_features_in_,
        )
        return p + error

    def _vote(
        self, distances: np.ndarray, settings: _Settings, labels: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        labels = self._labels if labels is None else labels
        arguments = {
            "n_classes": len(self.classes_),
            "n_neighbors": settings.n_neighbors,
            "sigma": settings.sigma,
            "dof": self.n_features_in_,
            "n_threads": settings.n_threads,
        }
        if settings.edges is None:
            return settings.kernel.vote(distances, labels, **arguments)
        return settings.kernel.vote_bucketed(distances, labels, edges=settings.edges, **arguments)


class _CsrArrays(NamedTuple):
    """A CSR matrix in the order in which the kernel takes it."""

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray


class _Settings(NamedTuple):
    """Checked parameters of one call."""

    n_neighbors: int
    sigma: float
    edges: np.ndarray | None
    n_threads: int
    kernel: object


class _Question(NamedTuple):
    """What is asked about the queries; without a threat, for probabilities only."""

    settings: _Settings
    threat: Threat | None

    @property
    def structured(self) -> bool:
        return self.threat is not None and not isinstance(self.threat, BlackBoxBall)

    @property
    def law(self) -> tuple[int, float]:
        return self.settings.n_neighbors, self.settings.sigma


class _Evaluation(NamedTuple):
    """What one question found: (m, C) probabilities and errors, (m,) all others."""

    probabilities: np.ndarray
    errors: np.ndarray
    distance_error: np.ndarray
    budget: np.ndarray
    worst_probability: np.ndarray
    abstained: np.ndarray

    @classmethod
    def to_fill(cls, n_queries: int, n_classes: int, question: _Question) -> _Evaluation:
        in_rows = question.structured and question.threat.budget_name == "rows"
        return cls(
            probabilities=np.empty((n_queries, n_classes)),
            errors=np.empty((n_queries, n_classes)),
            distance_error=np.empty(n_queries),
            budget=np.zeros(n_queries, dtype=np.int64 if in_rows else np.float64),
            worst_probability=np.full(n_queries, np.nan),
            abstained=np.ones(n_queries, dtype=bool),
        )


def _chunks(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def _dense(X) -> np.ndarray:
    return X.toarray() if sp.issparse(X) else X


def _csr_arrays(matrix) -> _CsrArrays:
    """Return what the kernel takes: sorted indices without duplicates. The caller's matrix stays as it is."""
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    return _CsrArrays(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data)
