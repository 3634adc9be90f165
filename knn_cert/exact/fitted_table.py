"""FittedTable: what a K-NN classifier is as a scikit-learn estimator: parameters, fit, predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from .._types import FloatArray
from ..gate.arrays import reject_missing_values, reject_text_columns
from ..gate.distances import check_scale
from ..gate.errors import InvalidInput
from ..gate.labels import check_kind_of_labels, number_classes
from ..threats import BlackBoxBall
from .classifiers import checked_vote
from .evaluate import Question, evaluate
from .table import Table
from .vote import Vote

if TYPE_CHECKING:
    from typing import TypeAlias

    import scipy.sparse as sp

    Matrix: TypeAlias = ArrayLike | sp.csr_array | sp.csr_matrix

__all__ = ["DEFAULT_NEIGHBORS", "FittedTable", "checked_queries"]

_Self = TypeVar("_Self", bound="FittedTable")

# What n_neighbors is where a user says nothing; beside radius anything else is a contradiction.
DEFAULT_NEIGHBORS = 5


def checked_queries(estimator: Any, X: Matrix) -> Any:
    """Return queries as float64, dense or CSR, with the features that an estimator was fitted on."""
    X = validate_data(
        estimator,
        X,
        accept_sparse="csr",
        dtype=np.float64,
        order="C",
        reset=False,
        ensure_all_finite="allow-nan",
    )
    reject_missing_values(X, getattr(estimator, "feature_names_in_", None), "queries")
    return X


class FittedTable(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """A training table that is kept, and the K-NN classifier on it; `SmoothedKNNClassifier` says all else."""

    classes_: NDArray[Any]
    n_features_in_: int
    n_samples_fit_: int

    n_neighbors: int
    sigma: float
    radius: float | None
    edges: ArrayLike | None
    classes: ArrayLike | None
    backend: str
    n_threads: int | None

    def fit(self: _Self, X: Matrix, y: ArrayLike) -> _Self:
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
            a parameter is out of its range (n_neighbors > n, sigma < 0, ...), or both n_neighbors and radius
            are given.
        """
        # A fit that fails must not leave the old table under a new number of features.
        if hasattr(self, "classes_"):
            del self.classes_
        reject_text_columns(X)
        X, y = validate_data(
            self, X, y, accept_sparse="csr", dtype=np.float64, order="C", ensure_all_finite="allow-nan"
        )
        reject_missing_values(X, getattr(self, "feature_names_in_", None), "rows")
        classes, labels = number_classes(y, self.classes)
        if self.classes is None:
            check_kind_of_labels(classes)
        check_classification_targets(y)
        table = Table.of(X, labels)
        vote = self._checked_settings(
            self.n_neighbors, self.sigma, table, len(classes), self.classes is not None
        )
        sigma = vote.noise.sigma or 1.0
        check_scale(table.farthest_square, sigma, "squared distances between training rows")

        self.classes_ = classes
        self._labels_are_classes = self.classes is not None
        self.n_samples_fit_ = table.shape[0]
        self._table = table
        return self

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the most probable class of each query, the first in ``classes_`` among equals.

        Parameters
        ----------
        X : {array_like, CSR matrix} of shape (n_queries, d)

        Returns
        -------
        ndarray of shape (n_queries,)
        """
        check_is_fitted(self, "classes_")
        labels: NDArray[Any] = self.classes_[np.argmax(self.predict_proba(X), axis=1)]
        return labels

    def predict_proba(self, X: Matrix) -> FloatArray:
        """Return the probability of each class under the noise, Eq. (21) of RAB; without noise 0 or 1.

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
        question = Question(self._settings(), BlackBoxBall(), certified=False)
        return evaluate(self._table, self._checked_queries(X), [question])[0].probabilities

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _settings(self, n_neighbors: object = None, sigma: object = None) -> Vote:
        """Check the parameters as they are now (scikit-learn lets users set them at any time), or others."""
        check_is_fitted(self, "classes_")
        return self._checked_settings(
            self.n_neighbors if n_neighbors is None else n_neighbors,
            self.sigma if sigma is None else sigma,
            self._table,
            len(self.classes_),
            self._labels_are_classes,
        )

    def _checked_settings(
        self, n_neighbors: object, sigma: object, table: Table, n_classes: int, labels_are_classes: bool
    ) -> Vote:
        if self.radius is not None and n_neighbors not in (None, DEFAULT_NEIGHBORS):
            raise InvalidInput(
                f"n_neighbors and radius say both who votes, got n_neighbors = {n_neighbors!r} and radius = "
                f"{self.radius!r}; leave one of them out"
            )
        return checked_vote(
            n_neighbors=n_neighbors,
            sigma=sigma,
            dof=table.shape[1],
            n_classes=n_classes,
            labels_are_classes=labels_are_classes,
            n_rows=table.shape[0],
            backend=self.backend,
            n_threads=self.n_threads,
            edges=self.edges,
            radius=self.radius,
        )

    def _checked_queries(self, X: Matrix) -> Any:
        check_is_fitted(self, "classes_")
        reject_text_columns(X)
        return checked_queries(self, X)
