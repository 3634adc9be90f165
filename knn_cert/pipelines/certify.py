"""certify_sklearn: certificates for a K-NN classifier that a user has fitted, alone or behind a pipeline."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import scipy.sparse as sp
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..certificates import Certificates
from ..exact.estimator import SmoothedKNNClassifier
from ..exact.sklearn_knn import certify_neighbors
from ..gate.errors import InvalidInput
from ..smoothing import AfterSteps, VotingModels
from ..threats import LabelFlips, Threat
from ..threats.base import check_threat
from .steps import FixedSteps, checked_steps

if TYPE_CHECKING:
    from ..exact.fitted_table import Matrix

__all__ = ["certify_sklearn"]

# How far features of a row may be from those of the same row among others, in sums that are done in another
# order; relative to the largest feature of the row.
_ROUNDING = 1e-9

# So many queries are made alone as well where steps are functions of a user.
_MOST_ALONE = 50


def certify_sklearn(
    knn: KNeighborsClassifier | SmoothedKNNClassifier | Pipeline,
    X: Matrix,
    threat: Threat | None = None,
    *,
    trusted_steps: bool | str | Sequence[str] = False,
    n_threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Certificates:
    """Say how much tampering with its training table each prediction of a fitted K-NN classifier survives.

    Parameters
    ----------
    knn : KNeighborsClassifier, SmoothedKNNClassifier, or sklearn.pipeline.Pipeline that ends with one
        Fitted; scikit-learn's with weights="uniform" and any metric. It is not changed. The steps of a
        pipeline must be the same maps whatever the table, or be trusted: the table that is certified is the
        one before the first step. Such are `FixedScaler`, FunctionTransformer of functions of single rows,
        Normalizer, Binarizer, PolynomialFeatures, HashingVectorizer, FeatureHasher, FrozenEstimator,
        OneHotEncoder and OrdinalEncoder with given categories, SimpleImputer that fills in a given number,
        and ColumnTransformer, FeatureUnion and Pipeline of these.
    X : {array_like, CSR matrix, data frame} of shape (n_queries, d)
        Queries, as ``knn.predict`` takes them.
    threat : threat, optional
        As in `SmoothedKNNClassifier.certify`; ``LabelFlips()`` if left out. `RowShift` and `QueryShift`
        measure moves in the metric of the classifier; `BlackBoxBall` is for Euclidean distances. Behind a
        pipeline all three are about the features that its steps make, in their units.
    trusted_steps : names of steps, or True for all, default=False
        You vouch that what these steps have learned does not come from a table that the attacker may have
        reached. The certificates are then about the classifier behind the steps as they are now, and not
        about the pipeline fitted anew; the guarantee names them.
    n_threads : int, optional
        Threads that measure Euclidean distances; None takes every core of this process, or what a
        SmoothedKNNClassifier says.
    progress : callable(done, total), optional
        Called after each chunk of queries, and once before the first with done = 0.

    Returns
    -------
    Certificates
        Of scikit-learn's classifier they hold for K-NN that compares true distances and for the distances
        that it computes, which are rounded: rows that its rounding may exchange are not told apart.
        Distances by a function of yours are taken as it returns them. Where distances are tied, ``label`` may
        be another class than ``knn.predict`` gives, and such a query abstains.

    Raises
    ------
    TypeError
        If knn is none of these, or threat is no threat.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ValueError
        If a step learns from the table and is not trusted, or makes of a row what other rows decide; if the
        classifier weighs votes by distance, has several outputs, a metric whose parameters come from the
        training table, or one in which moved rows mean nothing while the threat moves them; or as
        ``knn.predict``.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from knn_cert import FixedScaler, LabelFlips, certify_sklearn
    >>> X, y = [[0.0], [0.1], [0.2], [0.3], [0.4], [5.0]], [0, 0, 0, 0, 0, 1]
    >>> knn = KNeighborsClassifier(n_neighbors=5).fit(X, y)
    >>> certify_sklearn(knn, [[0.2]], LabelFlips()).budget.tolist()
    [2]
    >>> model = make_pipeline(FixedScaler(scale=0.1), KNeighborsClassifier(n_neighbors=5)).fit(X, y)
    >>> certify_sklearn(model, [[0.2]]).budget.tolist()
    [2]
    """
    threat = LabelFlips() if threat is None else threat
    check_threat(threat, get_args(Threat))
    if type(knn) is not Pipeline:
        return _certify_last(knn, X, threat, n_threads, progress)
    check_is_fitted(knn)
    *before, (_, last) = knn.steps
    found = checked_steps(before, trusted_steps)
    made = knn[:-1].transform(X) if before else X
    if found.from_data or found.by_functions:
        _check_rows_alone(knn[:-1], X, made)
    certificates = _certify_last(last, made, threat, n_threads, progress)
    return _behind(certificates, found) if found.all else certificates


def _certify_last(
    classifier: Any,
    X: Any,
    threat: Threat,
    n_threads: int | None,
    progress: Callable[[int, int], None] | None,
) -> Certificates:
    # Exactly these: a subclass may do anything before it votes.
    if type(classifier) is SmoothedKNNClassifier:
        if n_threads is not None:
            classifier = copy.copy(classifier).set_params(n_threads=n_threads)
        certificates: Certificates = classifier.certify(X, threat, progress=progress)
        return certificates
    if type(classifier) is KNeighborsClassifier:
        return certify_neighbors(classifier, X, threat, n_threads=n_threads, progress=progress)
    raise TypeError(
        "knn must be a sklearn.neighbors.KNeighborsClassifier, a knn_cert.SmoothedKNNClassifier, or a "
        f"sklearn.pipeline.Pipeline that ends with one, got {type(classifier).__name__}; of a grid search "
        "give best_estimator_; for votes within a radius there is SmoothedKNNClassifier(radius=..., sigma=0)"
    )


def _behind(certificates: Certificates, found: FixedSteps) -> Certificates:
    """Return the certificates of a classifier as those of the pipeline that it ends."""
    nearest = certificates.classifier
    assert not isinstance(nearest, (AfterSteps, VotingModels))  # as the two doors above make it
    classifier = AfterSteps(
        nearest,
        steps=", ".join(found.all),
        from_data="; ".join(found.from_data),
        by_functions=", ".join(found.by_functions),
    )
    return replace(certificates, classifier=classifier)


def _check_rows_alone(steps: Pipeline, X: Any, made: Any) -> None:
    """Refuse steps that make something else of a row than of that row among others.

    That is no proof: the queries are tried, some alone and all beside a row far away, and beside rows that
    lack a number.
    """
    n_queries = made.shape[0]
    step = max(1, n_queries // _MOST_ALONE)
    for i in range(0, n_queries, step):
        _check_same(steps.transform(_row(X, i)), made[i : i + 1], i)
    for i, others in _odd_rows(X):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                alone, among = steps.transform(_row(others, i)), steps.transform(others)
            except Exception:  # a step may refuse such rows
                continue
        for k in range(0, n_queries, step):
            if k != i:
                _check_same(among[k : k + 1], made[k : k + 1], k)
        _check_same(among[i : i + 1], alone, i)


def _check_same(row: Any, expected: Any, i: int) -> None:
    alone, among = _numbers(row), _numbers(expected)
    if not np.isfinite(among).all() and not np.isfinite(alone).all():
        return  # which the classifier refuses, and names
    size = float(np.abs(among).max(initial=0.0))
    if alone.shape != among.shape or not np.all(np.abs(alone - among) <= _ROUNDING * size):
        raise InvalidInput(
            f"the steps before the classifier make something else of query {i} than of that query among "
            "others: they look at the whole table, so that one tampered row can move every other; "
            "each row must be made by itself, such as by a function of its own numbers"
        )


def _odd_rows(X: Any) -> Iterator[tuple[int, Any]]:
    """Yield queries in which one, with its position, lies far away, or lacks its numbers."""
    if sp.issparse(X) or not hasattr(X, "shape"):
        return
    i = X.shape[0] // 2
    for value in (1e6, -1e6, np.nan):
        odd: Any = X.copy() if hasattr(X, "iloc") else np.array(X)
        if hasattr(X, "iloc"):
            numbers = [j for j, kind in enumerate(odd.dtypes) if getattr(kind, "kind", "") == "f"]
            odd.iloc[i, numbers] = value
        elif odd.dtype.kind == "f":
            odd[i] = value
        yield i, odd


def _row(X: Any, i: int) -> Any:
    return X.iloc[i : i + 1] if hasattr(X, "iloc") else X[i : i + 1]


def _numbers(rows: Any) -> Any:
    return np.asarray(rows.toarray() if sp.issparse(rows) else rows, dtype=np.float64)
