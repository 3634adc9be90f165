"""certify_sklearn: certificates for the K-NN classifier of scikit-learn that a user has fitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.validation import check_is_fitted, validate_data

from .._types import WholeArray
from ..certificates import Certificates
from ..gate.errors import InvalidInput
from ..kernels.contract import Kernel
from ..threats import LabelFlips, QueryShift, RowShift, Threat
from ..threats.base import check_threat
from .classifiers import checked_vote
from .evaluate import Question, certificates_of, evaluate
from .measured import Measured
from .table import Table

if TYPE_CHECKING:
    from .fitted_table import Matrix

__all__ = ["certify_sklearn"]

# Metrics with a triangle inequality, in which a row that moved by eps is nearer or farther by eps at most.
# Names as `KNeighborsClassifier.effective_metric_` has them; "minkowski" only with p >= 1.
_MOVABLE = frozenset(
    ("euclidean", "l2", "manhattan", "cityblock", "l1", "chebyshev", "infinity", "minkowski", "canberra")
    + ("hamming", "haversine", "seuclidean", "mahalanobis")
)

# Metrics with parameters that scikit-learn may take from the table, so that tampering changes the metric.
_FITTED_METRICS = {"seuclidean": "V", "mahalanobis": "VI"}

# Distances in other metrics are sums of d terms, or a little more, of a few roundings each.
_ROUNDINGS_OF_METRICS = 64


class _MetricTable:
    """Training rows whose distances scikit-learn measures."""

    def __init__(self, knn: Any):
        self.labels: WholeArray = np.ascontiguousarray(knn._y, dtype=np.int64)
        self.shape = (int(knn.n_samples_fit_), int(knn.n_features_in_))
        self._rows, self._metric = knn._fit_X, knn.effective_metric_
        self._parameters = dict(knn.effective_metric_params_ or {})

    def can_be_scanned(self, X: Any, sigmas: list[float]) -> bool:
        """Return False: the kernel does not know the metric."""
        return False

    def measured(self, queries: Any, kernel: Kernel, n_threads: int) -> Measured:
        """Return distances that are all made longer by the longest, with their error relative to that.

        Only the order of distances and their differences are asked for, and these stay as they are. The error
        of a distance near 0 may be larger than any share of it, but not than that of the longest.
        """
        if self._metric == "precomputed":
            distances = np.array(queries, dtype=np.float64)
        else:
            distances = pairwise_distances(
                queries, self._rows, metric=self._metric, n_jobs=None, **self._parameters
            ).astype(np.float64)
        if not np.isfinite(distances).all():
            raise InvalidInput(f"distances by metric {self._metric!r} must be finite, got NaN or infinity")
        eps = float(np.finfo(np.float64).eps)
        error = (self.shape[1] + _ROUNDINGS_OF_METRICS) * eps
        return Measured(
            np.ascontiguousarray(distances + np.abs(distances).max(initial=0.0)), self.labels, error
        )


def certify_sklearn(
    knn: KNeighborsClassifier,
    X: Matrix,
    threat: Threat | None = None,
    *,
    n_threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Certificates:
    """Say how much tampering with its training table each prediction of a fitted K-NN classifier survives.

    Parameters
    ----------
    knn : sklearn.neighbors.KNeighborsClassifier
        Fitted, with weights="uniform"; any metric. It is asked for its predictions and not changed.
    X : {array_like, CSR matrix} of shape (n_queries, d)
        Queries, as ``knn.predict`` takes them.
    threat : threat, optional
        As in `SmoothedKNNClassifier.certify`; ``LabelFlips()`` if left out. `RowShift` and `QueryShift`
        measure moves in the metric of the classifier; `BlackBoxBall` is for Euclidean distances.
    n_threads : int, optional
        Threads that measure Euclidean distances; None takes every core of this process.
    progress : callable(done, total), optional
        Called after each chunk of queries, and once before the first with done = 0.

    Returns
    -------
    Certificates
        Exact, of K-NN that compares true distances; where ``knn.predict`` differs from it by its own
        rounding, the query abstains.

    Raises
    ------
    TypeError
        If knn is no KNeighborsClassifier, or threat is no threat.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ValueError
        If it weighs votes by distance, has several outputs, a metric whose parameters come from the training
        table, or one in which moved rows mean nothing while the threat moves them; or as ``knn.predict``.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from knn_cert import LabelFlips, certify_sklearn
    >>> X, y = [[0.0], [0.1], [0.2], [0.3], [0.4], [5.0]], [0, 0, 0, 0, 0, 1]
    >>> knn = KNeighborsClassifier(n_neighbors=5).fit(X, y)
    >>> certify_sklearn(knn, [[0.2]], LabelFlips()).budget.tolist()
    [2]
    """
    metric = _checked_metric(knn)
    threat = LabelFlips() if threat is None else threat
    check_threat(threat, get_args(Threat))
    if metric != "euclidean":
        _check_moves(knn, threat, metric)
    X = validate_data(knn, X, accept_sparse="csr", dtype=np.float64, order="C", reset=False)
    table: Any = _MetricTable(knn)
    if metric == "euclidean":
        rows = knn._fit_X
        rows = rows.astype(np.float64) if rows.dtype != np.float64 else rows
        table = Table.of(rows if hasattr(rows, "indptr") else np.ascontiguousarray(rows), table.labels)
    vote = checked_vote(
        n_neighbors=knn.n_neighbors,
        sigma=0.0,
        dof=None,
        n_classes=len(knn.classes_),
        labels_are_classes=False,
        n_rows=table.shape[0],
        backend="auto",
        n_threads=n_threads,
        metric=metric,
    )
    question = Question.of(vote, threat)
    (found,) = evaluate(table, X, [question], progress)
    _abstain(found, knn.predict(X) != knn.classes_[np.argmax(found.probabilities, axis=1)])
    return certificates_of(question, found, knn.classes_, table)


def _abstain(found: Any, unsure: Any) -> None:
    """Claim nothing of some queries."""
    found.errors[unsure] = 1.0
    found.claims.budget[unsure] = 0
    found.claims.worst_probability[unsure & ~np.isnan(found.claims.worst_probability)] = 0.0
    found.claims.abstained[unsure] = True


def _checked_metric(knn: Any) -> str:
    """Return the name of the metric of a classifier that can be certified, or raise."""
    if not isinstance(knn, KNeighborsClassifier):
        raise TypeError(
            f"knn must be a sklearn.neighbors.KNeighborsClassifier, got {type(knn).__name__}; of a pipeline "
            "give the last step, and queries as the steps before it make them: these steps must not have "
            "been fitted on the table, or the certificates do not hold"
        )
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
        return getattr(metric, "__name__", "of the user")
    needed = _FITTED_METRICS.get(metric)
    if needed is not None and parameters.get(needed) is None:
        raise InvalidInput(
            f"metric {metric!r} takes {needed} from the training table, which tampering changes; give "
            f"metric_params={{{needed!r}: ...}} that do not come from the table"
        )
    return str(metric)


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
            "row changes a distance (it needs the triangle inequality); flips, deletions, insertions and "
            "replacements are certified for any metric"
        )
