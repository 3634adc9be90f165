"""Certificates for the K-NN classifier of scikit-learn that a user has fitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from sklearn.metrics import DistanceMetric, pairwise_distances
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.validation import check_is_fitted

from .._types import FloatArray, WholeArray
from ..certificates import Certificates
from ..certificates.issue import withdraw
from ..gate.errors import InvalidInput
from ..kernels.contract import Kernel
from ..threats import QueryShift, RowShift, Threat
from .classifiers import checked_vote
from .evaluate import Question, certificates_of, evaluate
from .fitted_table import checked_queries
from .measured import Measured
from .table import Table

if TYPE_CHECKING:
    from .fitted_table import Matrix

__all__ = ["certify_neighbors"]

# Other names of one metric, as scikit-learn has them. Squares are in the order of the distances themselves.
_ALIASES = {
    "l2": "euclidean",
    "nan_euclidean": "euclidean",
    "l1": "manhattan",
    "cityblock": "manhattan",
    "infinity": "chebyshev",
    "p": "minkowski",
}

# What is in the order of Euclidean distances, which our kernel measures.
_OF_SQUARES = ("euclidean", "sqeuclidean")

# Metrics with a triangle inequality, in which a row that moved by eps is nearer or farther by eps at most.
_MOVABLE = frozenset(
    "euclidean manhattan chebyshev minkowski canberra hamming haversine seuclidean mahalanobis".split()
)

# Metrics that scikit-learn computes for one pair of rows after the other, by differences of features.
_ONE_BY_ONE = frozenset(
    "manhattan chebyshev minkowski seuclidean mahalanobis hamming canberra braycurtis haversine".split()
)

# Metrics with parameters that scikit-learn may take from the table, so that tampering changes the metric.
_FITTED_METRICS = {"seuclidean": "V", "mahalanobis": "VI"}

_EPS = float(np.finfo(np.float64).eps)
# Distances are sums of d terms, or a little more, of so few roundings each.
_ROUNDINGS = 64
# The distance of opposite points of a globe, where an arc sine has lost half of its digits.
_HALF_TURN, _ERROR_OF_ARCS = np.pi, 1e-7


class _MetricTable:
    """Training rows of a classifier of scikit-learn, and their distances in its metric.

    What is certified holds for the true distances and for those that the classifier itself computes: the
    error of a distance covers both, so that rows which its rounding may exchange are not told apart.
    """

    def __init__(self, knn: Any, metric: str):
        self.labels: WholeArray = np.ascontiguousarray(knn._y, dtype=np.int64)
        self.shape = (int(knn.n_samples_fit_), int(knn.n_features_in_))
        self._metric, self._measure, self._rows = metric, knn.effective_metric_, knn._fit_X
        self._parameters = dict(knn.effective_metric_params_ or {})
        # |x|^2 - 2 x.q + |q|^2 in the place of |x - q|^2: fast, and wrong where x and q are long and near
        self._expands_squares = knn._fit_method == "brute"
        self._longest = _longest(self._rows) if self._expands_squares and metric in _OF_SQUARES else 0.0
        self._euclidean: Table | None = None
        if metric in _OF_SQUARES:
            rows = self._rows if self._rows.dtype == np.float64 else self._rows.astype(np.float64)
            rows = rows if sp.issparse(rows) else np.ascontiguousarray(rows)
            self._euclidean = Table.of(rows, self.labels)

    def can_be_scanned(self, X: Any, sigmas: list[float]) -> bool:
        """Return False: what the classifier computes has errors of its own."""
        return False

    def measured(self, queries: Any, kernel: Kernel, n_threads: int) -> Measured:
        """Return distances that are all longer by the same, with their error relative to that.

        Only the order of distances and their differences are asked for, and these stay as they are. The error
        of a distance near 0 may be larger than any share of it, but not than that of a distance so long.
        """
        if self._euclidean is not None:
            distances = self._euclidean.distances(queries, kernel, n_threads)
            farthest, error = self._far_and_wrong(distances, queries)
        else:
            distances = self._others(queries)
            farthest, error = self._far_and_wrong_otherwise(distances)
        if not np.isfinite(distances).all():
            name = getattr(self._measure, "__name__", self._measure)
            raise InvalidInput(
                f"distances by metric {name!r} must be finite, got NaN or infinity; certificates need tables "
                "and queries without missing values: fill them by a rule that was fixed beforehand"
            )
        return Measured(distances + farthest, self.labels, error)

    def _far_and_wrong(self, distances: FloatArray, queries: Any) -> tuple[float, float]:
        """Return a length of Euclidean distances, and their error relative to it."""
        error = (self.shape[1] + _ROUNDINGS) * _EPS
        farthest = float(distances.max(initial=0.0))
        if not self._expands_squares or distances.size == 0:
            return farthest, error
        farthest = max(farthest, self._longest + _longest(queries))
        # of the square; its root is off by the root of that, or by that over a distance that is not shorter
        wrong, nearest = error * farthest**2, float(distances.min())
        off = min(np.sqrt(wrong), wrong / nearest if nearest > 0.0 else np.inf)
        return farthest, error + (float(off) / farthest if farthest > 0.0 else 0.0)

    def _far_and_wrong_otherwise(self, distances: FloatArray) -> tuple[float, float]:
        """Return a length of distances in another metric, and their error relative to it."""
        d, farthest = self.shape[1], float(np.abs(distances).max(initial=0.0))
        error = (d + _ROUNDINGS) * _EPS
        if self._metric in ("cosine", "correlation"):
            return max(farthest, 2.0), error  # one less a number of up to 1: that is what is rounded
        if self._metric == "haversine":
            return _HALF_TURN, _ERROR_OF_ARCS
        if self._metric == "mahalanobis":
            return farthest, error + (d * d + _ROUNDINGS) * _EPS * _condition(self._parameters["VI"])
        return farthest, error

    def _others(self, queries: Any) -> FloatArray:
        """Return distances as scikit-learn computes them, one pair after the other where it can."""
        if self._metric == "precomputed":
            return np.array(queries, dtype=np.float64)
        distances: FloatArray
        if self._metric in _ONE_BY_ONE and not (sp.issparse(queries) or sp.issparse(self._rows)):
            metric = DistanceMetric.get_metric(self._metric, **self._parameters)
            distances = metric.pairwise(queries, np.asarray(self._rows, dtype=np.float64))
        else:
            distances = pairwise_distances(queries, self._rows, metric=self._measure, **self._parameters)
        return np.ascontiguousarray(distances, dtype=np.float64)


def certify_neighbors(
    knn: KNeighborsClassifier,
    X: Matrix,
    threat: Threat,
    *,
    n_threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Certificates:
    """Say how much tampering with its training table each prediction of this classifier survives.

    Parameters and what is returned are those of `knn_cert.certify_sklearn`, which also takes pipelines.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ValueError
        If it cannot be certified, or X is not what ``knn.predict`` takes.
    """
    metric = _checked_metric(knn)
    if metric != "euclidean":
        _check_moves(knn, threat, metric)
    asked, X = X, checked_queries(knn, X)
    table: Any = _MetricTable(knn, metric)
    vote = checked_vote(
        n_neighbors=knn.n_neighbors,
        sigma=0.0,
        dof=None,
        n_classes=len(knn.classes_),
        labels_are_classes=False,
        n_rows=table.shape[0],
        backend="auto",
        n_threads=n_threads,
        metric=_in_words(knn, metric),
    )
    question = Question.of(vote, threat)
    (found,) = evaluate(table, X, [question], progress)
    # Rounding is covered. But a subclass may predict in another way, or a function of the user measure other
    # distances each time: where knn itself says something else, nothing is certified.
    # A data frame is handed on as it is: knn warns where the names of its features are missing.
    said = knn.predict(asked if hasattr(asked, "columns") else X)
    unsure = said != knn.classes_[np.argmax(found.probabilities, axis=1)]
    found.errors[unsure] = 1.0
    withdraw(found.claims, unsure)
    return certificates_of(question, found, knn.classes_, table)


def _checked_metric(knn: Any) -> str:
    """Return the name of the metric of a classifier that can be certified, or raise."""
    check_is_fitted(knn)
    if knn.weights not in (None, "uniform"):
        raise InvalidInput(
            f'knn has weights={knn.weights!r}, expected "uniform": with votes weighed by distance one row '
            "next to the query outweighs all others, so that hardly anything can be certified; fit it with "
            'weights="uniform"'
        )
    if knn.outputs_2d_:
        raise InvalidInput("knn has several outputs; fit and certify one classifier for each of them")
    if len(knn.classes_) < 2:
        raise InvalidInput(f"knn knows one class, {knn.classes_[0]!r}; a certificate needs at least two")
    metric, parameters = knn.effective_metric_, knn.effective_metric_params_ or {}
    if callable(metric):
        return str(getattr(metric, "__name__", "of the user"))
    metric = _ALIASES.get(metric, metric)
    needed = _FITTED_METRICS.get(metric)
    if needed is not None and parameters.get(needed) is None:
        raise InvalidInput(
            f"metric {metric!r} takes {needed} from the training table, which tampering changes; give "
            f"metric_params={{{needed!r}: ...}} that do not come from the table"
        )
    return str(metric)


def _in_words(knn: Any, metric: str) -> str:
    """Return the metric with those of its parameters that are numbers."""
    parameters = {} if metric == "euclidean" else knn.effective_metric_params_ or {}
    said = [
        f"{name} = {value:g}" if isinstance(value, (int, float)) else f"{name} given"
        for name, value in parameters.items()
    ]
    return ", ".join([metric, *said])


def _longest(rows: Any) -> float:
    """Return the largest norm of some rows."""
    squares = rows.multiply(rows) if sp.issparse(rows) else np.square(rows, dtype=np.float64)
    return float(np.sqrt(squares.sum(axis=1).max()))


def _condition(inverse_covariance: Any) -> float:
    """Bound how much larger the terms of a Mahalanobis distance are than the distance."""
    matrix = np.asarray(inverse_covariance, dtype=np.float64)
    least = float(np.linalg.eigvalsh(0.5 * (matrix + matrix.T)).min())
    if not least > 0.0:
        raise InvalidInput("VI of metric 'mahalanobis' must be positive definite: else it is no distance")
    return float(np.linalg.norm(matrix)) / least


def _check_moves(knn: Any, threat: Threat, metric: str) -> None:
    """Refuse moves of rows where the metric does not say by how much a distance then changes."""
    if threat.is_ball:
        raise InvalidInput(f"BlackBoxBall is for Euclidean distances, knn has the metric {metric!r}")
    if not isinstance(threat, (RowShift, QueryShift)):
        return
    p = (knn.effective_metric_params_ or {}).get("p", 2)
    if callable(knn.effective_metric_) or metric not in _MOVABLE or (metric == "minkowski" and p < 1):
        raise InvalidInput(
            f"{threat!r} moves rows or the query, and in the metric {metric!r} it is not known how a moved "
            "row changes a distance (it needs the triangle inequality); fit with a metric such as euclidean, "
            "or ask for flips, deletions, insertions or replacements, which are certified for any metric"
        )
