"""DistributedKNNClassifier: the smoothed K-NN classifier for tables that lie on many machines."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, get_args

import numpy as np
from distributed import Client
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from .._types import FloatArray
from ..certificates import Certificates, joined
from ..exact.classifiers import checked_vote
from ..exact.fitted_table import checked_queries
from ..gate.arrays import reject_text_columns
from ..gate.numbers import as_whole_number, check_n_threads
from ..shards.asking import certify_asking, warn_of_doubt
from ..shards.needs import (
    MOST_NEAR,
    bytes_of_summary,
    check_offered,
    first_near,
    needs_of,
    summary_kernel,
)
from ..threats import BlackBoxBall, Threat
from ..threats.base import check_threat
from .blocks import blocks_of, work_through
from .frames import as_array, check_names, has_names
from .parts import Parts, connected
from .tree import FAN_IN, Tree

__all__ = ["DistributedKNNClassifier"]

_Self = TypeVar("_Self", bound="DistributedKNNClassifier")
_Answer = TypeVar("_Answer")

# What a worker may hold of summaries, from which the number of queries follows that are asked at a time: the
# summaries of some parts, or what is put together last with what it is made of.
_HELD_BYTES = 384 << 20
_TIMES_WHOLE = 3
_MOST_QUERIES = 1 << 14
_MOST_BLOCKS = 8  # in flight


class DistributedKNNClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """The smoothed K-NN classifier for a table in parts on a cluster of Dask; without noise plain K-NN.

    It answers as `knn_cert.SmoothedKNNClassifier` does on the whole table. Each part is read where it lies,
    and leaves to the queries its nearest rows and sums over the others (`knn_cert.summarise`), which are put
    together in a tree. The table never comes together, on no worker and not at the client.

    Parameters
    ----------
    n_neighbors : int, default=5
        K.
    sigma : float >= 0, default=1.0
        The noise on each feature; 0 is plain K-NN.
    classes : array_like of shape (C,), optional
        All labels that a training table can have, also a tampered one.
    n_threads : int, default=1
        Threads of each task; more where a worker process has one slot for tasks and several cores.
    client : distributed.Client, optional
        Left out, the one that is current.
    queries_at_once : int, optional
        Queries that are asked at a time: the table is read once for each block of them. Left out, as many as
        let a worker hold some 400 MB of summaries.
    most_near : int
        No more near rows of each class are asked for where queries are in doubt (a `DoubtWarning` says so).

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
    n_features_in_ : int
    n_samples_fit_ : int
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if X had any.

    Examples
    --------
    ::

        from dask.distributed import Client
        from knn_cert import LabelFlips
        from knn_cert.distributed import DistributedKNNClassifier, read_parquet

        client = Client(n_workers=2, threads_per_worker=1)
        X, y = read_parquet("train.parquet", "kind")
        certificates = DistributedKNNClassifier(15, sigma=0.5).fit(X, y).certify(queries, LabelFlips())
    """

    classes_: NDArray[Any]
    n_features_in_: int
    n_samples_fit_: int

    def __init__(
        self,
        n_neighbors: int = 5,
        sigma: float = 1.0,
        *,
        classes: ArrayLike | None = None,
        n_threads: int = 1,
        client: Client | None = None,
        queries_at_once: int | None = None,
        most_near: int = MOST_NEAR,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.sigma = sigma
        self.classes = classes
        self.n_threads = n_threads
        self.client = client
        self.queries_at_once = queries_at_once
        self.most_near = most_near

    def fit(self: _Self, X: Any, y: Any) -> _Self:
        """Look at the labels of a training table and keep where its parts are.

        Parameters
        ----------
        X : dask.array.Array or dask.dataframe.DataFrame of shape (n, d)
            Feature rows; each chunk of rows is a part. Names of columns are kept, those of a frame and those
            that `read_parquet` knows: queries with names must have the same. Persist it (``X.persist()``)
            where the cluster can hold it, or its parts are read again for each block of queries.
        y : dask.array.Array or dask.dataframe.Series of shape (n,)
            Labels.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If arrays do not fit together, or are none of Dask; if labels or parameters are refused, as
            `knn_cert.SmoothedKNNClassifier.fit` refuses them; if there is no cluster.
        """
        if hasattr(self, "classes_"):
            del self.classes_
        client = connected(self.client)
        parts = Parts.of(as_array(client, X), as_array(client, y))
        check_names(self, X, reset=True)
        check_n_threads(self.n_threads)
        classes = parts.classes(client, self.classes)
        # The cluster forgets what was persisted when nobody holds the arrays themselves.
        self._parts, self._persisted = parts, (X, y)
        # As they were: another list of classes is for another fit.
        self._given_classes = None if self.classes is None else classes
        self.n_features_in_, self.n_samples_fit_ = parts.n_features, sum(parts.rows)
        self.classes_ = classes
        try:
            self._check_parameters()
        except BaseException:
            del self.classes_
            raise
        return self

    def certify(
        self,
        Q: ArrayLike,
        threat: Threat | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> Certificates:
        """Predict, and say how much tampering each prediction provably survives.

        Parameters
        ----------
        Q : array_like, data frame, or array or frame of Dask, of shape (m, d)
            Queries; those of Dask go from worker to worker, and not to the client. Names of columns must be
            those of the fit, in their order.
        threat : threat, optional
            `knn_cert.LabelFlips`, `Deletions`, `Insertions`, `Replacements`; the ball (the default); without
            noise also `RowShift`. What a table in parts cannot answer for is refused.
        progress : callable(done, total), optional
            Called with queries; a `knn_cert.progress.ProgressBar` is one.

        Returns
        -------
        Certificates
            As `knn_cert.SmoothedKNNClassifier.certify` returns them.

        Raises
        ------
        TypeError, ValueError
            If Q does not fit, or the threat is not offered.

        Warns
        -----
        DoubtWarning
            If the whole table might certify more for some queries than its parts with `most_near` rows do.
        """
        check_is_fitted(self, "classes_")
        self._check_parameters()
        asked = BlackBoxBall() if threat is None else check_threat(threat, get_args(Threat))
        check_offered(asked, sigma=float(self.sigma), n_classes=len(self.classes_))

        first = self._first_near(asked)

        def certified(
            tree: Tree, queries: Any, n_queries: int, told: Callable[[], None]
        ) -> tuple[Certificates, int]:
            ask = functools.partial(tree.answer, queries, n_queries, told)
            certificates, in_doubt = certify_asking(ask, first_near=first, most_near=self.most_near)
            return certificates, int(in_doubt.sum())

        found = self._of_all_blocks(Q, asked, certified, progress)
        certificates = joined([one for one, _ in found], np.arange(sum(len(one) for one, _ in found)))
        warn_of_doubt(sum(n for _, n in found), len(certificates), self.most_near)
        return certificates

    def predict_proba(self, Q: ArrayLike) -> FloatArray:
        """Return the probability of each class under the noise; without noise 0 or 1.

        Parameters
        ----------
        Q : array_like, data frame, or array or frame of Dask, of shape (m, d)

        Returns
        -------
        ndarray of shape (m, C)
        """
        check_is_fitted(self, "classes_")
        self._check_parameters()
        votes = self._of_all_blocks(Q, None, Tree.vote, None)
        return np.concatenate([vote.probabilities for vote in votes])

    def predict(self, Q: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each query.

        Parameters
        ----------
        Q : array_like, data frame, or array or frame of Dask, of shape (m, d)

        Returns
        -------
        ndarray of shape (m,)
        """
        probabilities = self.predict_proba(Q)
        labels: NDArray[Any] = self.classes_[np.argmax(probabilities, axis=1)]
        return labels

    def _of_all_blocks(
        self,
        Q: ArrayLike,
        threat: Threat | None,
        answer: Callable[[Tree, Any, int, Callable[[], None]], _Answer],
        progress: Callable[[int, int], None] | None,
    ) -> list[_Answer]:
        """Return the answers for all blocks of queries, some of which are under way at a time."""
        client, parts = connected(self.client), self._parts
        queries = self._queries(client, Q)
        blocks = blocks_of(client, queries, self.n_features_in_, self._queries_at_once(threat))
        settings = {
            "n_neighbors": self.n_neighbors,
            "sigma": self.sigma,
            "classes": self._given_classes,
            "n_classes": len(self.classes_),
            "threat": threat,
            "n_threads": self.n_threads,
        }
        tree = Tree(client, parts, settings, self.classes_)
        slots = sum(client.nthreads().values())
        return work_through(
            blocks,
            functools.partial(answer, tree),
            at_once=min(_MOST_BLOCKS, 1 + -(-slots // len(parts.X))),
            n_parts=len(parts.X),
            stop=tree.stop,
            progress=progress,
        )

    def _queries(self, client: Client, Q: Any) -> Any:
        """Return queries as an array, of Dask or not, whose columns are those of the training table."""
        if has_names(Q) and not hasattr(Q, "dask"):
            reject_text_columns(Q)
            return checked_queries(self, Q)
        check_names(self, Q, reset=False)
        return as_array(client, Q)

    def _queries_at_once(self, threat: Threat | None) -> int:
        if self.queries_at_once is not None:
            return as_whole_number(self.queries_at_once, "queries_at_once", least=1)
        n_classes = len(self.classes_)
        needs = needs_of(
            summary_kernel(),
            n_neighbors=self.n_neighbors,
            n_classes=n_classes,
            sigma=float(self.sigma),
            threat=threat,
        )
        first = self._first_near(threat)
        of_part, of_whole = (
            bytes_of_summary(max(needs.n_near, n_near or 0), n_classes, with_far=needs.far_kind != "none")
            for n_near in (max(self._parts.near(first), key=lambda near: near or 0), first)
        )
        held = max(min(FAN_IN, len(self._parts.X)) * of_part, _TIMES_WHOLE * of_whole)
        return max(1, min(_MOST_QUERIES, _HELD_BYTES // (held + 8 * self.n_features_in_)))

    def _first_near(self, threat: Threat | None) -> int | None:
        """Return how many near rows of each class are asked for first, None for what the vote needs."""
        if threat is None:
            return None
        found = first_near(threat, float(self.sigma), self.n_samples_fit_)
        return None if found is None else min(found, self.most_near)

    def _check_parameters(self) -> None:
        """Check the parameters as they are now: they may be set at any time."""
        as_whole_number(self.most_near, "most_near", least=1)
        checked_vote(
            n_neighbors=self.n_neighbors,
            sigma=self.sigma,
            dof=self.n_features_in_,
            n_classes=len(self.classes_),
            labels_are_classes=self._given_classes is not None,
            n_rows=self.n_samples_fit_,
            backend="native",
            n_threads=self.n_threads,
        )
