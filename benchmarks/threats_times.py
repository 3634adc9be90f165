"""Section 5 of the figures of the threat models: times of open budgets on one thread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from knn_cert import SmoothedKNNClassifier
from knn_cert.datasets import Dataset
from knn_cert.threats import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
)

from .report import Report, duration, load_average, require, spread
from .threats_study import N_NEIGHBORS, SIGMA, Study

# CPU seconds a second; more than this is not one thread.
_ONE_THREAD = 1.1

# What is timed, and the goal in seconds for all queries of Spambase.
_THREATS = (
    (BlackBoxBall(), None),
    (LabelFlips(), 5.0),
    (Deletions(), None),
    (Insertions(), None),
    (Replacements(), None),
    (RowShift(rows=0.1), 10.0),
    (RowShift(rows=0.01, relabel=True), None),
    (QueryShift(), None),
    (QueryShift(training=LabelFlips(10)), None),
)


def times(report: Report, data: Dataset | None, study: Study, *, judge: bool) -> None:
    """Time Spambase; ``judge`` says whether this run is one that goals are for."""
    report.heading("5. Times on one thread")
    if data is None:
        report.text("Skipped: Spambase is not here.")
        return
    report.text(f"Load average of the machine when the timing began: {load_average()}.")
    queries = data.X_test[: study.timed_queries]
    classifier = SmoothedKNNClassifier(N_NEIGHBORS, SIGMA, n_threads=1).fit(data.X_train, data.y_train)
    neighbors = NearestNeighbors(n_neighbors=N_NEIGHBORS, algorithm="brute").fit(data.X_train)
    rows = []
    with threadpool_limits(limits=1):
        neighbors.kneighbors(queries)
        for threat, goal in _THREATS:
            taken, scans, budgets = [], [], None
            for _ in range(study.runs):
                scans.append(_seconds(lambda: neighbors.kneighbors(queries))[0])
                seconds, certificates = _seconds(lambda threat=threat: classifier.certify(queries, threat))
                budgets = certificates.budget if budgets is None else budgets
                require(np.array_equal(certificates.budget, budgets), f"{threat}: another answer this time")
                taken.append(seconds)
            rows.append(
                [
                    repr(threat),
                    spread(taken, duration),
                    duration(statistics.median(taken) / len(queries)),
                    spread([t / s for t, s in zip(taken, scans, strict=True)], lambda ratio: f"{ratio:.1f}"),
                    _verdict(statistics.median(taken), goal, judge),
                ]
            )
    report.table(["threat", f"{len(queries)} queries", "a query", "ratio to kneighbors", "goal"], rows)
    report.text(
        f"Spambase, n = {len(data.X_train):,}, d = {data.X_train.shape[1]}, K = {N_NEIGHBORS}, sigma = "
        f"{SIGMA:g}: `certify` of a fitted classifier with an open budget, distances included; median "
        f"(smallest to largest) of {study.runs} run(s) in one process, in which the sections above have left "
        "the tables of the distance law behind. Goals are for all 921 test rows. Ratio: to `kneighbors` of "
        "scikit-learn's `NearestNeighbors(algorithm='brute')` on the same queries, just before."
    )


def _verdict(taken: float, goal: float | None, judge: bool) -> str:
    if goal is None:
        return "none"
    return f"{duration(goal)}: {'met' if taken <= goal else 'MISSED'}" if judge else duration(goal)


def _seconds(call: Callable[[], object]) -> tuple[float, object]:
    """Wall time of a call on one thread, and what it returned."""
    cpu, wall = time.process_time(), time.perf_counter()
    answer = call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    # a clock tick more in a call that is over at once is no second thread
    require(cpu <= _ONE_THREAD * wall + 0.02, f"{cpu:.2f} CPU seconds in {wall:.2f} on one thread")
    return wall, answer
