"""One attack on all queries: how many predictions it changes at most, beside attacks one by one.

Run ``python -m benchmarks.threats.together [--save]`` in a source checkout; see benchmarks/README.md.
Bounds are checked before they are reported: they are never below what an attack that was carried out changes,
and never claim less than the certificates one by one.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from knn_cert import Deletions, LabelFlips, SmoothedKNNClassifier
from knn_cert.datasets import Dataset

from ..common.command import study
from ..common.report import SEED, Report, duration, require

# Data set, its features as they are or log(1 + x), K, and shares of the rows.
_CASES = (
    ("mnist-68", False, 501, (0.03, 0.05)),
    ("mnist-01", False, 501, (0.03,)),
    ("mnist-01", False, 2001, (0.1,)),
    ("spambase", True, 201, (0.03,)),
)
_COLUMNS = ("table", "K", "attack", "accuracy", "one by one", "together", "exact", "one program", "search")


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if a bound is wrong."""
    return study("threats.together", __doc__, _run, argv, saved_as="together")


def _run(report: Report, options: argparse.Namespace) -> None:
    n_queries = 20 if options.quick else 200
    report.opening("One attack on all queries", SEED)
    report.text(
        f"Plain K-NN, {n_queries} test rows drawn at random. Share right and certified; *together* after one "
        "linear program, and after a search of about 5 s; *exact*: "
        "whether an attack that was carried out changes as many predictions as the bound allows."
    )
    rows = []
    for name, log, k, shares in _CASES:
        dataset = options.source.table(report, name)
        if dataset is None:
            continue
        if options.quick:
            k = 15
        for share in shares:
            for threat in (LabelFlips(share), Deletions(share)):
                rows.append(_row(dataset, threat, k, n_queries, log=log))
    report.table(_COLUMNS, rows)


def _row(
    dataset: Dataset, threat: LabelFlips | Deletions, n_neighbors: int, n_queries: int, *, log: bool
) -> list[str]:
    chosen = np.random.default_rng(SEED).permutation(len(dataset.X_test))[:n_queries]
    train, queries, y = dataset.X_train, dataset.X_test[chosen], dataset.y_test[chosen]
    if log:
        train, queries = np.log1p(np.abs(train)), np.log1p(np.abs(queries))
    clf = SmoothedKNNClassifier(n_neighbors, sigma=0).fit(train, dataset.y_train)
    start = time.perf_counter()
    program = clf.certify_together(queries, threat, y, seconds=0.0)
    middle = time.perf_counter()
    searched = clf.certify_together(queries, threat, y)
    end = time.perf_counter()
    right = searched.alone.label == y
    one_by_one = float(np.mean(right & searched.alone.certified(threat.tampered_rows(len(train)))))
    for found in (program, searched):
        require(found.changed_at_least <= found.changed_at_most, f"{dataset.name}: an attack beats the bound")
        require(found.accuracy_at_least >= one_by_one, f"{dataset.name}: below certificates one by one")
    return [
        dataset.name + (", log(1+x)" if log else ""),
        str(n_neighbors),
        repr(threat),
        f"{np.mean(right):.3f}",
        f"{one_by_one:.3f}",
        f"{program.accuracy_at_least:.3f}, {searched.accuracy_at_least:.3f}",
        "yes" if searched.is_exact else "no",
        duration(middle - start),
        duration(end - middle),
    ]


if __name__ == "__main__":
    sys.exit(main())
