"""Section 5 of the figures of the threat models: times of open budgets on one thread."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from knn_cert import SmoothedKNNClassifier, kernels
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

from ..common import fresh
from ..common.fresh import Answer
from ..common.report import Report, duration, load_average, require, spread
from ..common.source import Source
from .study import N_NEIGHBORS, SIGMA, Study

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


def times(report: Report, data: Dataset | None, source: Source, study: Study, *, judge: bool) -> None:
    """Time Spambase; ``judge`` says whether this run is one that goals are for."""
    report.heading("5. Times on one thread")
    if data is None:
        report.text("Skipped: Spambase is not here.")
        return
    report.text(f"Load average of the machine when the timing began: {load_average()}.")
    queries = data.X_test[: study.timed_queries]
    classifier = _fitted(data)
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
            first = (
                []
                if goal is None
                else [
                    fresh.measure(_first_call, source, threat, study.timed_queries) for _ in range(study.runs)
                ]
            )
            rows.append(
                [
                    repr(threat),
                    spread(first, duration) if first else "",
                    spread(taken, duration),
                    duration(statistics.median(taken) / len(queries)),
                    spread([t / s for t, s in zip(taken, scans, strict=True)], lambda ratio: f"{ratio:.1f}"),
                    _verdict(first, goal, judge),
                ]
            )
    report.table(["threat", "fresh process", "again", "again, a query", "ratio to kneighbors", "goal"], rows)
    report.text(
        f"Spambase, n = {len(data.X_train):,}, d = {data.X_train.shape[1]}, K = {N_NEIGHBORS}, sigma = "
        f"{SIGMA:g}: `certify` of {len(queries)} test rows by a fitted classifier with an open budget, "
        f"distances included; median (smallest to largest) of {study.runs} run(s). Fresh process: the first "
        "call in one, which builds the tables of the distance law; goals are judged by it, and are for all "
        "921 test rows. Again: in this process, where the tables are there. Ratio: of that to `kneighbors` "
        "of scikit-learn's `NearestNeighbors(algorithm='brute')` on the same queries, just before."
    )


def _fitted(data: Dataset) -> SmoothedKNNClassifier:
    return SmoothedKNNClassifier(N_NEIGHBORS, SIGMA, n_threads=1).fit(data.X_train, data.y_train)


def _first_call(source: Source, threat, n_queries: int | None) -> float:
    """Seconds of the first call in a process of its own: tables of the distance law are built in it."""
    data = source.read("spambase")
    classifier, queries = _fitted(data), data.X_test[:n_queries]
    kernels.get_backend("auto")  # loading the library is no part of answering a query
    return _seconds(lambda: classifier.certify(queries, threat))[0]


def _verdict(first: list[float], goal: float | None, judge: bool) -> str:
    if goal is None:
        return "none"
    taken = statistics.median(first)
    return f"{duration(goal)}: {'met' if taken <= goal else 'MISSED'}" if judge else duration(goal)


def _seconds(call: Callable[[], Answer]) -> tuple[float, Answer]:
    """Wall time of a call on one thread, and what it returned."""
    wall, cpu, answer = fresh.seconds(call)
    require(fresh.is_one_thread(wall, cpu), f"{cpu:.2f} CPU seconds in {wall:.2f} on one thread")
    return wall, answer
