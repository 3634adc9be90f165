"""Tables that the scoreboard is played on, and one engine and one search for neighbours on each."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from knn_cert import SmoothedKNNClassifier, kernels
from knn_cert.datasets import Dataset

from ..common.report import SEED, require

# What the continuous engine promises, and what each answer is held to before it is timed.
AGREEMENT = 1e-10


class Table(NamedTuple):
    """Rows, labels 0..C-1 and queries."""

    name: str
    rows: np.ndarray
    labels: np.ndarray
    queries: np.ndarray

    @property
    def n_classes(self) -> int:
        return int(self.labels.max()) + 1

    def with_classes(self, n_classes: int) -> Table:
        """The same rows with labels drawn anew."""
        labels = np.random.default_rng(SEED).integers(0, n_classes, len(self.labels))
        return self._replace(labels=labels)

    def first(self, n_queries: int) -> Table:
        return self._replace(queries=self.queries[:n_queries])


def from_dataset(dataset: Dataset, n_queries: int | None = None) -> Table:
    labels = np.unique(dataset.y_train, return_inverse=True)[1].astype(np.int64)
    queries = np.ascontiguousarray(dataset.X_test[:n_queries], dtype=np.float64)
    return Table(dataset.name, np.ascontiguousarray(dataset.X_train, dtype=np.float64), labels, queries)


def with_jitter(dataset: Dataset, n_rows: int, n_queries: int) -> Table:
    """Rows drawn from a data set, each feature moved by noise of standard deviation 0.1."""
    rng = np.random.default_rng(SEED)
    source = from_dataset(dataset, n_queries)
    chosen = rng.integers(0, len(source.rows), n_rows)
    rows = source.rows[chosen]
    for start in range(0, n_rows, 1 << 16):  # no second array of that size
        part = rows[start : start + (1 << 16)]
        part += rng.normal(scale=0.1, size=part.shape)
    return Table(f"{source.name} with jitter", rows, source.labels[chosen], source.queries)


def gaussian(n_rows: int, dim: int, n_queries: int) -> Table:
    """Standard normal rows about two centres, one apart."""
    rng = np.random.default_rng(SEED)
    labels = rng.integers(0, 2, n_rows)
    rows, queries = rng.normal(size=(n_rows, dim)), rng.normal(size=(n_queries, dim))
    rows[:, 0] += labels
    return Table(f"normal, d = {dim}", rows, labels, queries)


class Engine:
    """Certificates of all queries of a table."""

    def __init__(self, table: Table, n_neighbors: int = 5, n_threads: int = 1):
        self.table, self.n_neighbors, self.n_threads = table, n_neighbors, n_threads
        self._classifier = SmoothedKNNClassifier(n_neighbors, 1.0, n_threads=n_threads)
        self._classifier.fit(table.rows, table.labels)

    def __call__(self):
        return self._classifier.certify(self.table.queries)

    def checked(self, n_queries: int = 4) -> Engine:
        """Itself, after some answers have been held against every row by the recurrence."""
        native = kernels.get_backend("native")
        table = self.table
        step = max(1, len(table.queries) // n_queries)
        queries = np.ascontiguousarray(table.queries[::step][:n_queries])
        law = {"n_classes": table.n_classes, "dof": table.rows.shape[1], "n_threads": self.n_threads}
        wanted, wanted_error = native.vote(
            native.distances(queries, table.rows, n_threads=self.n_threads),
            table.labels,
            n_neighbors=self.n_neighbors,
            sigma=1.0,
            recurrence=True,
            **law,
        )
        got, error, _ = native.vote_scan(
            queries,
            table.rows,
            table.labels,
            n_neighbors=np.array([self.n_neighbors]),
            sigma=np.array([1.0]),
            **law,
        )
        certified = self._classifier.certify(queries).probabilities
        # certificates have no probability above 1, where the kernel's may be by rounding
        said = np.minimum(got[:, 0, 0], 1.0)
        require(bool((certified == said).all()), f"{table.name}: certify is not what the kernel says")
        off = np.abs(certified - wanted)
        require(
            off.max() <= AGREEMENT, f"{table.name}: off by {off.max():.1e}, expected at most {AGREEMENT:g}"
        )
        require(bool((off <= error[:, 0, 0] + wanted_error).all()), f"{table.name}: an error is too small")
        return self


def neighbor_search(table: Table, n_neighbors: int = 5) -> Callable[[], object]:
    """scikit-learn's brute-force ``kneighbors`` of the same queries, fitted already."""
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(table.rows)
    return lambda: search.kneighbors(table.queries)


def paired(calls: Sequence[Callable[[], object]], runs: int, n_threads: int = 1) -> list[list[float]]:
    """Seconds of each call, all in turn: a slow moment hits all of them. The first round is not kept."""
    seconds: list[list[float]] = [[] for _ in calls]
    with threadpool_limits(limits=n_threads):
        for turn in range(runs + 1):
            for call, kept in zip(calls, seconds, strict=True):
                start = time.perf_counter()
                call()
                if turn:
                    kept.append(time.perf_counter() - start)
    return seconds


def median_ratio(first: Sequence[float], second: Sequence[float]) -> float:
    """Median over the turns of first / second."""
    return statistics.median(a / b for a, b in zip(first, second, strict=True))
