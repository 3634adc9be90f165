"""Section 6 of the exact engine's figures: times on one thread, with ratios to scikit-learn and baselines."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ..common import fresh
from ..common.fresh import LEVELS
from ..common.report import Report, duration, load_average, require, spread
from ..common.source import Source
from .baselines import N_NEIGHBORS, SIGMA, Baselines
from .checks import SUM
from .study import Study


class _Setting(NamedTuple):
    """One line of the table; the target, in seconds, is for all queries or for each."""

    dataset: str
    n_neighbors: int
    bucketed: bool
    n_queries: int
    target: float | None = None
    target_each: bool = False


def times(
    report: Report,
    names: set[str],
    baselines: Baselines | None,
    source: Source,
    study: Study,
    *,
    judge: bool,
) -> None:
    """Time the data sets named; ``judge`` says whether this run is one that targets are for."""
    report.heading("6. Times on one thread")
    report.text(f"Load average of the machine when the timing began: {load_average()}.")
    spambase, cifar = ("spambase", study.spambase_queries), ("cifar-airplane-bird", study.cifar_queries)
    settings = [
        _Setting(spambase[0], 5, False, spambase[1], target=2.0),
        _Setting(spambase[0], 5, True, spambase[1], target=5.0),
        _Setting(cifar[0], 5, False, cifar[1], target=8e-3, target_each=True),
        _Setting(cifar[0], 51, False, cifar[1]),
        _Setting(cifar[0], 5, True, cifar[1]),
        _Setting(cifar[0], 51, True, cifar[1]),
    ]
    if not judge:
        settings = settings[:3]  # starting a process for each is most of the time of a quick run
    rows, continuous_spambase = [], None
    for setting in settings:
        if setting.dataset not in names:
            continue
        runs = [_measured(setting, source) for _ in range(study.runs)]
        a_query = statistics.median(run["certify"] for run in runs) / runs[0]["n_queries"]
        if (setting.dataset, setting.bucketed) == ("spambase", False):
            continuous_spambase = a_query
        rows.append(
            [
                setting.dataset,
                str(setting.n_neighbors),
                f"{LEVELS} levels" if setting.bucketed else "continuous",
                str(runs[0]["n_queries"]),
                spread([run["certify"] for run in runs], duration),
                duration(a_query),
                duration(statistics.median(run["distances"] for run in runs) / runs[0]["n_queries"]),
                spread([run["certify"] / run["kneighbors"] for run in runs], lambda ratio: f"{ratio:.1f}"),
                _verdict(setting, a_query, judge),
            ]
        )
    if not rows:
        report.text("Skipped: none of the data sets is here.")
        return
    header = ["data", "K", "classifier", "queries", "certify, all queries", "a query", "of it distances"]
    report.table([*header, "ratio to kneighbors", "target"], rows)
    report.text(
        f"Median (smallest to largest) of {study.runs} run(s), each in a fresh process: `certify` of a "
        "fitted `SmoothedKNNClassifier`, sigma = 1, so distances, tables of the distance law and "
        "certificates are in the time. Ratio: to `kneighbors` of scikit-learn's "
        "`NearestNeighbors(algorithm='brute')`, same queries, same process, one thread, after a warm-up that "
        "`certify` does not get. spambase: n = 3,680, d = 56; cifar-airplane-bird: n = 10,000, d = 3,072."
    )
    if baselines is not None and continuous_spambase is not None:
        _baseline_times(report, baselines, study, continuous_spambase)


def _measured(setting: _Setting, source: Source) -> dict:
    run = fresh.measure(
        fresh.time_certify,
        source,
        setting.dataset,
        n_neighbors=setting.n_neighbors,
        sigma=1.0,
        bucketed=setting.bucketed,
        n_queries=setting.n_queries,
    )
    what = f"{setting.dataset}, K = {setting.n_neighbors}"
    require(run["worst_sum"] <= SUM, f"{what}: |sum - 1| = {run['worst_sum']:.2e}, limit {SUM:.0e}")
    require(run["one_thread"], f"{what}: more CPU seconds than one thread has")
    return run


def _verdict(setting: _Setting, a_query: float, judge: bool) -> str:
    if setting.target is None:
        return "none"
    target = f"{duration(setting.target)} {'a query' if setting.target_each else 'in all'}"
    if not judge:
        return target
    taken = a_query if setting.target_each else a_query * setting.n_queries
    return f"{target}: {'met' if taken <= setting.target else 'MISSED'}"


def _baseline_times(report: Report, baselines: Baselines, study: Study, continuous: float) -> None:
    n, n_literal, n_engine = study.baseline_queries, 2, len(baselines)
    engine = statistics.median(_seconds(partial(baselines.nearest_bucketed, n_engine), study.runs)) / n_engine
    rows = []
    for method, call, n_queries, exact in (
        ("Monte Carlo, 1,000 draws", partial(baselines.sampled, n, 1_000), n, continuous),
        ("Monte Carlo, 10,000 draws", partial(baselines.sampled, n, 10_000), n, continuous),
        ("Theorem 3 as printed, K = 1", partial(baselines.nearest_literal, n_literal), n_literal, engine),
    ):
        seconds = [taken / n_queries for taken in _seconds(call, study.runs)]
        ratio = f"{statistics.median(seconds) / exact:.0f}"
        rows.append([method, spread(seconds, duration), duration(exact), ratio])
    report.table(["baseline, Spambase", "a query", "exact engine, a query", "ratio"], rows)
    report.text(
        f"Median (smallest to largest) of {study.runs} run(s). Monte Carlo, K = {N_NEIGHBORS}, sigma = "
        f"{SIGMA:g}: {n} query(s), distances given, against the first line of the table above, where "
        f"distances and tables are in the time. Theorem 3, {LEVELS} levels: {n_literal} queries, distances "
        f"given, against the bucketed engine with K = 1 on {n_engine} queries, distances given."
    )


def _seconds(call: Callable[[], object], runs: int) -> list[float]:
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds
