"""K-NN without noise: certificates for all threats together against scikit-learn's K-NN query.

Run ``python -m benchmarks.speed.plain_knn [--save]`` in a source checkout; see benchmarks/README.md.
Before anything is timed, predictions are compared with those of scikit-learn, and numbers of flipped labels
with a count of the votes. Both sides use one thread, the same rows and the same K, and take turns.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from knn_cert import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
    SmoothedKNNClassifier,
)
from knn_cert.datasets import Dataset

from ..common.command import study
from ..common.report import SEED, Report, duration, require, spread

_THREATS = (
    LabelFlips(),
    Deletions(),
    Insertions(),
    Replacements(),
    RowShift(rows=0.1),
    RowShift(rows=0.1, relabel=True),
    QueryShift(),
    BlackBoxBall(),
)
_GOAL = 1.5  # certificates for all threats, over scikit-learn's query


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if an answer is wrong."""
    return study("speed.plain_knn", __doc__, _run, argv, saved_as="plain_knn")


def _run(report: Report, options: argparse.Namespace) -> None:
    n_queries, runs = (20, 1) if options.quick else (1000, 3)
    report.opening("K-NN without noise: the price of certificates", SEED, " One thread.")
    report.text(
        f"{len(_THREATS)} threats at once by `certify_grid`: {', '.join(map(repr, _THREATS))}. Ratios are of "
        f"times taken in turns, {runs} of each; goal: at most {_GOAL:g}."
    )
    rows = []
    for name, sizes in (("mnist-01", (101, 1001, 3001)), ("spambase", (101, 1501)), ("mnist", (101, 1001))):
        dataset = options.source.table(report, name)
        if dataset is not None:
            # rows of ten classes take ten times as long
            n_asked = n_queries // 10 if name == "mnist" else n_queries
            for k in (11,) if options.quick else sizes:
                rows.append(_row(dataset, k, min(n_asked, len(dataset.X_test)), runs))
    report.table(
        (
            "table",
            "n",
            "d",
            "classes",
            "K",
            "queries",
            "scikit-learn, a query",
            "certificates, a query",
            "ratio",
        ),
        rows,
    )


def _row(dataset: Dataset, n_neighbors: int, n_queries: int, runs: int) -> list[str]:
    queries = np.ascontiguousarray(dataset.X_test[:n_queries])
    theirs = KNeighborsClassifier(n_neighbors, algorithm="brute").fit(dataset.X_train, dataset.y_train)
    ours = SmoothedKNNClassifier(n_neighbors, sigma=0, n_threads=1).fit(dataset.X_train, dataset.y_train)
    _check(theirs, ours, queries, dataset)
    times: list[tuple[float, float]] = []
    with threadpool_limits(1):
        for _ in range(runs):
            start = time.perf_counter()
            theirs.kneighbors(queries)
            middle = time.perf_counter()
            ours.certify_grid(queries, threats=_THREATS)
            times.append((middle - start, time.perf_counter() - middle))
    ratios = [certificates / query for query, certificates in times]
    query, certificates = (
        duration(float(np.median([one[i] for one in times])) / n_queries) for i in range(2)
    )
    n, d = dataset.X_train.shape
    n_classes = len(np.unique(dataset.y_train))
    ratio = spread(ratios, "{:.2f}".format)
    return [
        dataset.name,
        f"{n:,}",
        str(d),
        str(n_classes),
        str(n_neighbors),
        str(n_queries),
        query,
        certificates,
        ratio,
    ]


def _check(
    theirs: KNeighborsClassifier, ours: SmoothedKNNClassifier, queries: np.ndarray, dataset: Dataset
) -> None:
    """Stop where predictions differ, or numbers of flips from what the votes say."""
    found = ours.certify(queries[:50], LabelFlips())
    sure = ~found.abstained
    same = theirs.predict(queries[:50]) == found.label
    require(bool(same[sure].all()), f"{dataset.name}: predictions differ from scikit-learn's")
    near = theirs.kneighbors(queries[:50], return_distance=False)
    labels, classes = np.asarray(dataset.y_train), ours.classes_
    for i in np.flatnonzero(sure):
        votes = np.array([np.count_nonzero(labels[near[i]] == one) for one in classes])
        target = int(np.argmax(votes))
        # a class that nobody knows may come first and win ties, see docs/threats.md
        ties = np.append(np.arange(len(classes)) > target, False)
        lead = votes[target] - np.append(votes, 0) + ties
        lead[target] = 2 * len(labels)
        expected = int(((lead + 1) // 2).min()) - 1
        require(
            int(found.budget[i]) == expected, f"{dataset.name}: {found.budget[i]} flips, expected {expected}"
        )


if __name__ == "__main__":
    sys.exit(main())
