"""DistributedKNNClassifier: the smoothed K-NN classifier for tables that lie on many machines."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar, get_args

import numpy as np
from distributed import Client
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from .._types import FloatArray
from ..certificates import Certificates, joined
from ..exact.classifiers import checked_vote
from ..gate.errors import InvalidInput
from ..gate.numbers import as_whole_number, check_n_threads
from ..shards.asking import MOST_NEAR, certify_asking, warn_of_doubt
from ..shards.needs import check_offered, needs_of, summary_kernel
from ..threats import BlackBoxBall, Threat
from ..threats.base import check_threat
from .parts import Parts, checked_array, connected
from .tree import Tree

__all__ = ["DistributedKNNClassifier"]

_Self = TypeVar("_Self", bound="DistributedKNNClassifier")
_Answer = TypeVar("_Answer")

# What one summary may weigh, from which the number of queries follows that are asked at a time.
_SUMMARY_BYTES = 32 << 20
_FAR_BYTES = 6 << 10
_MOST_QUERIES = 1 << 14
_MOST_BLOCKS = 8  # in flight


class _Block(NamedTuple):
    """Some queries: how many there are, and how the cluster gets them."""

    size: int
    queries: Callable[[], Any]


class _Told:
    """Counts parts that are summarised, and says to how many queries that amounts."""

    def __init__(self, n_queries: int, n_parts: int, progress: Callable[[int, int], None] | None) -> None:
        self._n_queries, self._n_parts, self._progress = n_queries, n_parts, progress
        self._done, self._lock = 0, threading.Lock()
        if progress is not None:
            progress(0, n_queries)

    def add(self, block: _Block) -> None:
        """Count one part for some queries."""
        if self._progress is None:
            return
        with self._lock:
            self._done += block.size
            self._progress(self._done // self._n_parts, self._n_queries)


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
        make summaries of 32 MB.
    most_near : int
        No more near rows of each class are asked for where queries are in doubt (a `DoubtWarning` says so).

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
    n_features_in_ : int
    n_samples_fit_ : int

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
        X : dask.array.Array of shape (n, d)
            Feature rows; each chunk of rows is a part. Persist it (``X.persist()``) where the cluster can
            hold it, or its parts are read again for each block of queries.
        y : dask.array.Array of shape (n,)
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
        client, parts = connected(self.client), Parts.of(X, y)
        check_n_threads(self.n_threads)
        as_whole_number(self.most_near, "most_near", least=1)
        classes = parts.classes(client, self.classes)
        n_rows = sum(parts.rows)
        self._check_parameters(len(classes), n_rows, parts.n_features)
        self.classes_ = classes
        self.n_features_in_, self.n_samples_fit_ = parts.n_features, n_rows
        self._parts = parts
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
        Q : array_like or dask.array.Array of shape (m, d)
            Queries; those of Dask go from worker to worker, and not to the client.
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
        asked = BlackBoxBall() if threat is None else check_threat(threat, get_args(Threat))
        check_offered(asked, sigma=float(self.sigma), n_classes=len(self.classes_))

        def certified(tree: Tree, queries: Any, told: Callable[[], None]) -> tuple[Certificates, int]:
            ask = functools.partial(tree.answer, queries, told)
            certificates, in_doubt = certify_asking(ask, most_near=self.most_near)
            return certificates, int(in_doubt.sum())

        found = self._of_all_blocks(Q, asked, certified, progress)
        certificates = joined([one for one, _ in found], np.arange(sum(len(one) for one, _ in found)))
        warn_of_doubt(sum(n for _, n in found), len(certificates), self.most_near)
        return certificates

    def predict_proba(self, Q: ArrayLike) -> FloatArray:
        """Return the probability of each class under the noise; without noise 0 or 1.

        Parameters
        ----------
        Q : array_like or dask.array.Array of shape (m, d)

        Returns
        -------
        ndarray of shape (m, C)
        """
        check_is_fitted(self, "classes_")
        votes = self._of_all_blocks(Q, None, Tree.vote, None)
        return np.concatenate([vote.probabilities for vote in votes])

    def predict(self, Q: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each query.

        Parameters
        ----------
        Q : array_like or dask.array.Array of shape (m, d)

        Returns
        -------
        ndarray of shape (m,)
        """
        probabilities = self.predict_proba(Q)
        labels: NDArray[Any] = self.classes_[np.argmax(probabilities, axis=1)]
        return labels

    def _of_all_blocks(
        self,
        Q: Any,
        threat: Threat | None,
        answer: Callable[[Tree, Any, Callable[[], None]], _Answer],
        progress: Callable[[int, int], None] | None,
    ) -> list[_Answer]:
        """Return the answers for all blocks of queries, some of which are under way at a time."""
        client = connected(self.client)
        n_classes, parts = len(self.classes_), self._parts
        self._check_parameters(n_classes, self.n_samples_fit_, self.n_features_in_)
        blocks = list(self._blocks(client, Q, threat))
        told = _Told(sum(block.size for block in blocks), len(parts.X), progress)
        tree = Tree(
            client,
            parts,
            {
                "n_neighbors": self.n_neighbors,
                "sigma": self.sigma,
                "classes": self.classes,
                "n_classes": n_classes,
                "threat": threat,
                "n_threads": self.n_threads,
            },
        )
        slots = sum(client.nthreads().values())
        at_once = min(_MOST_BLOCKS, 1 + -(-slots // len(parts.X)), len(blocks))
        with ThreadPoolExecutor(at_once, thread_name_prefix="knn-cert-block") as pool:

            def work(block: _Block) -> _Answer:
                queries = block.queries()
                try:
                    return answer(tree, queries, functools.partial(told.add, block))
                finally:
                    queries.release()

            waiting = [pool.submit(work, block) for block in blocks]
            try:
                return [one.result() for one in waiting]
            except BaseException:
                for one in waiting:
                    one.cancel()
                tree.stop()
                raise

    def _blocks(self, client: Client, Q: Any, threat: Threat | None) -> Iterator[_Block]:
        size = self._queries_at_once(threat)
        if hasattr(Q, "dask"):
            Q = checked_array(Q, "Q", 2)
            self._check_queries(Q.shape)
            sizes = [min(size, int(n) - first) for n in Q.chunks[0] for first in range(0, int(n), size)]
            Q = Q.rechunk({0: tuple(sizes), 1: -1})
            delayed = Q.to_delayed().ravel()
            for size_of_block, queries_of_block in zip(sizes, delayed, strict=True):
                yield _Block(size_of_block, functools.partial(client.compute, queries_of_block))
            return
        queries = np.asarray(Q)
        if queries.ndim != 2:
            raise InvalidInput(f"Q must have shape (m, d), got {queries.shape}")
        self._check_queries(queries.shape)
        for start in range(0, len(queries), size):
            some = queries[start : start + size]
            yield _Block(len(some), functools.partial(client.scatter, some, hash=False))

    def _check_queries(self, shape: tuple[int, ...]) -> None:
        if shape[1] != self.n_features_in_:
            raise InvalidInput(
                f"Q must have {self.n_features_in_} features, as the training table has, got {shape[1]}"
            )
        if not shape[0]:
            raise InvalidInput("Q must hold at least one query, got none")

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
        far = _FAR_BYTES if self.sigma else 0
        bytes_a_query = n_classes * (8 * needs.n_near + far) + 8 * self.n_features_in_
        return max(1, min(_MOST_QUERIES, _SUMMARY_BYTES // bytes_a_query))

    def _check_parameters(self, n_classes: int, n_rows: int, n_features: int) -> None:
        checked_vote(
            n_neighbors=self.n_neighbors,
            sigma=self.sigma,
            dof=n_features,
            n_classes=n_classes,
            labels_are_classes=self.classes is not None,
            n_rows=n_rows,
            backend="native",
            n_threads=self.n_threads,
        )
