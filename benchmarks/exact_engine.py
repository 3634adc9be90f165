"""Figures of the exact engine: accuracy, sums, agreement, memory, Monte Carlo; and only then times.

Run ``python -m benchmarks.exact_engine [--save]`` in a source checkout; see benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import binom

from knn_cert import SmoothedKNNClassifier, gaussian_radius, kernels, load_dataset, rab_edges, vote_probabilities
from knn_cert.bounds import clopper_pearson_lower, clopper_pearson_upper
from knn_cert.datasets import Dataset
from knn_cert.montecarlo import monte_carlo_vote

from . import agreement, fresh, oracles
from .fresh import LEVELS, SEED
from .literal_theorem3 import nearest_row_vote
from .report import Report, load_average, machine, versions

_CHECKOUT = Path(__file__).resolve().parents[1]
_RESULTS = _CHECKOUT / "benchmarks" / "results" / "exact_engine.md"
_SHARED = _CHECKOUT.parent / "shared"

# What must hold. A figure beyond one of these ends the run: no time is taken of wrong answers.
_LAW_RELATIVE = 1e-12
_BUCKETED_ABSOLUTE, _BUCKETED_RELATIVE = 1e-13, 1e-10
_CONTINUOUS_RELATIVE = 1e-10
_SUM = 1e-11
_AGREEMENT = 1e-12
_MEMORY_MB = 200.0
# The literal evaluation takes tails as complements and multiplies thousands of them: 1e-16 each.
_LITERAL = 1e-11
# Certainty that an interval was missed too often to be bad luck.
_BAD_LUCK = 1e-6
# CPU seconds a second on what is said to be one thread.
_ONE_THREAD = 1.1

# Where a printed logarithm of the reference values may contradict the tail printed beside it.
_CONTRADICTIONS_BELOW = 1e-100


class Disagreement(Exception):
    """A figure that must hold does not."""


class _Study(NamedTuple):
    """What one run looks at; ``--quick`` looks at less."""

    neighbors: tuple[int, ...] = (1, 2, 5, 20, 51)
    sigmas: tuple[float, ...] = (0.25, 1.0, 2.0)
    sum_queries: int = 20
    bucketed_neighbors: tuple[int, ...] = (1, 5, 20)
    bucketed_queries: int = 20
    bucketed_queries_ten: int = 2
    random_problems: int = 40
    real_problems: int = 20
    memory_queries: int = 200
    coverage_queries: int = 100
    radius_queries: int = 20
    baseline_queries: int = 5
    spambase_queries: int = 921
    cifar_queries: int = 200
    runs: int = 3


_FULL = _Study()
_QUICK = _Study(
    neighbors=(1, 5),
    sigmas=(1.0,),
    sum_queries=3,
    bucketed_neighbors=(5,),
    bucketed_queries=3,
    bucketed_queries_ten=1,
    random_problems=10,
    real_problems=2,
    memory_queries=50,
    coverage_queries=10,
    radius_queries=3,
    baseline_queries=1,
    spambase_queries=60,
    cifar_queries=20,
    runs=1,
)


@dataclass(frozen=True)
class _Problem:
    """Squared distances of a few queries to a training table, and the numbers of its classes."""

    name: str
    sq_distances: np.ndarray
    labels: np.ndarray
    dof: int
    ten_labels: np.ndarray
    ten_sq_distances: np.ndarray
    ten_classes: str


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise Disagreement(message)


# ------------------------------------------------------------------------------------------------------------
# 1. Accuracy


def accuracy(report: Report, folder: Path) -> None:
    report.heading("1. Accuracy against reference values")
    missing = [name for name in oracles.FILES if not (folder / name).is_file()]
    if missing:
        report.text(f"Skipped: no {', '.join(missing)} here; name their folder with `--oracle-dir`.")
        return
    rows = []
    for name in kernels.available_backends():
        kernel = kernels.get_backend(name)
        law = oracles.law_errors(folder, kernel)
        _require(
            law.largest_contradiction < _CONTRADICTIONS_BELOW,
            f"a printed logarithm of magnitude {law.largest_contradiction:.1e} contradicts its other tail",
        )
        for function, error in law.worst.items():
            rows.append(_row(name, f"ncx2_{function}", law.n_cases, "relative", error, _LAW_RELATIVE))
        bucketed = oracles.vote_errors(folder, kernel, bucketed=True)
        continuous = oracles.vote_errors(folder, kernel, bucketed=False)
        rows += [
            _row(name, "bucketed", bucketed.n_cases, "absolute", bucketed.absolute, _BUCKETED_ABSOLUTE),
            _row(name, "bucketed", bucketed.n_cases, "relative", bucketed.relative, _BUCKETED_RELATIVE),
            _row(name, "continuous", continuous.n_cases, "relative", continuous.relative, _CONTINUOUS_RELATIVE),
        ]
    report.table(["backend", "what", "cases", "error", "worst", "limit"], rows)
    report.text(
        "Reference values from ball arithmetic and exact enumeration, compared in 60 digits; relative errors "
        "where the truth is above 1e-300 (distance law) or 1e-250 (probabilities)."
    )
    report.text(
        f"{law.n_contradictions} printed logarithms, all below {law.largest_contradiction:.1e} in magnitude, "
        "contradict the other tail printed beside them; there the truth is log1p(-tail)."
    )


def _row(backend: str, what: str, n_cases: int, kind: str, error: float, limit: float) -> list[str]:
    _require(error <= limit, f"{backend}, {what}: worst {kind} error {error:.2e}, limit {limit:.0e}")
    return [backend, what, str(n_cases), kind, f"{error:.1e}", f"{limit:.0e}"]


# ------------------------------------------------------------------------------------------------------------
# 2. Sums


def load_problems(data: dict[str, Dataset], ten_digits: Dataset | None, n_queries: int) -> list[_Problem]:
    """Distances of the first queries of each data set, with two classes and with ten."""
    kernel = kernels.get_backend()
    problems = []
    for name, dataset in data.items():
        sq_distances = _sq_distances(kernel, dataset, n_queries)
        labels = np.searchsorted(np.unique(dataset.y_train), dataset.y_train)
        if name == "mnist-01" and ten_digits is not None:
            ten_labels, ten_sq_distances = ten_digits.y_train, _sq_distances(kernel, ten_digits, n_queries)
            ten_classes = f"all ten digits, first {len(ten_labels):,} training rows"
        else:
            # Labels by a generator: the features of a table with two classes, votes of ten.
            ten_labels = np.random.default_rng(SEED).integers(0, 10, len(labels))
            ten_sq_distances, ten_classes = sq_distances, f"random labels, seed {SEED}"
        problems.append(
            _Problem(
                name=name,
                sq_distances=sq_distances,
                labels=labels,
                dof=dataset.X_train.shape[1],
                ten_labels=ten_labels,
                ten_sq_distances=ten_sq_distances,
                ten_classes=ten_classes,
            )
        )
    return problems


def _sq_distances(kernel, dataset: Dataset, n_queries: int) -> np.ndarray:
    return kernel.sq_distances(dataset.X_test[:n_queries], dataset.X_train, n_threads=1)


def sums(report: Report, problems: list[_Problem], study: _Study) -> None:
    report.heading("2. Sums of the probabilities, not renormalised")
    rows = []
    for problem in problems:
        for n_classes in (2, 10):
            worst = {"continuous": (0.0, ""), "bucketed": (0.0, "")}
            for sigma in study.sigmas:
                for k in study.neighbors:
                    found = _worst_sum(problem, n_classes, k, sigma, study.sum_queries, None)
                    worst["continuous"] = max(worst["continuous"], (found, f"K = {k}, sigma = {sigma:g}"))
                for k in study.bucketed_neighbors:
                    if n_classes == 10 and sigma != 1.0:
                        continue
                    queries = study.bucketed_queries if n_classes == 2 else study.bucketed_queries_ten
                    edges = rab_edges(problem.dof, sigma, LEVELS)
                    found = _worst_sum(problem, n_classes, k, sigma, queries, edges)
                    worst["bucketed"] = max(worst["bucketed"], (found, f"K = {k}, sigma = {sigma:g}"))
            n_rows = len(problem.labels if n_classes == 2 else problem.ten_labels)
            for classifier, (found, where) in worst.items():
                what = f"{problem.name}, C = {n_classes}, {classifier}"
                _require(found <= _SUM, f"{what}: |sum - 1| = {found:.2e} at {where}, limit {_SUM:.0e}")
                rows.append(
                    [problem.name, f"{n_rows:,}", str(problem.dof), str(n_classes), classifier, f"{found:.1e}", where]
                )
    report.table(["data", "n", "d", "C", "classifier", "worst abs(sum - 1)", "at"], rows)
    report.text(
        f"Limit {_SUM:.0e}. Continuous: K in {{{_list(study.neighbors)}}}, sigma in {{{_list(study.sigmas)}}}, the "
        f"first {study.sum_queries} test rows. Bucketed: edges of `rab_edges` with {LEVELS} levels, K in "
        f"{{{_list(study.bucketed_neighbors)}}}; C = 2: the same sigma, {study.bucketed_queries} test rows; C = 10: "
        f"sigma = 1, {study.bucketed_queries_ten} test row(s)."
    )
    report.text("C = 10: " + "; ".join(f"{p.name}: {p.ten_classes}" for p in problems) + ".")


def _worst_sum(problem: _Problem, n_classes: int, k: int, sigma: float, n_queries: int, edges) -> float:
    sq_distances, labels = problem.sq_distances, problem.labels
    if n_classes == 10:
        sq_distances, labels = problem.ten_sq_distances, problem.ten_labels
    probabilities = vote_probabilities(
        sq_distances[:n_queries],
        labels,
        n_neighbors=k,
        sigma=sigma,
        dof=problem.dof,
        n_classes=n_classes,
        edges=edges,
    )
    _require(bool(np.isfinite(probabilities).all()), f"{problem.name}: a probability is not a finite number")
    return float(np.abs(probabilities.sum(axis=1) - 1.0).max())


# ------------------------------------------------------------------------------------------------------------
# 3. Agreement


def backends(report: Report, spambase: Dataset | None, study: _Study) -> None:
    report.heading("3. Agreement of the backends")
    names = kernels.available_backends()
    rows, notes = [], []
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            rng = np.random.default_rng(SEED)
            small = agreement.random_problems(rng, study.random_problems, 8)
            # Above 48 rows the fast backends take tables of the distance law instead of the law itself.
            small += agreement.random_problems(rng, max(2, study.random_problems // 10), 80)
            groups = {"small": small}
            if spambase is not None:
                # The reference is plain Python: a part of the table is all it can do in seconds.
                slow = "reference" in (first, second)
                n_rows = 100 if slow else len(spambase.X_train)
                groups[f"Spambase, {n_rows:,} rows"] = _real_problems(
                    spambase, n_rows, 2 if slow else study.real_problems
                )
            for group, problems in groups.items():
                modules = kernels.get_backend(first), kernels.get_backend(second)
                apart = agreement.worst_differences(*modules, problems, rng)
                for function in ("vote", "vote_bucketed", "race"):
                    rows.append([f"{first}, {second}", group, function, *_apart(apart, [function])])
                if group == "small":
                    law = [name for name in apart if name.startswith("ncx2")]
                    rows.append([f"{first}, {second}", "300 points", "ncx2_*", *_apart(apart, law)])
                    rows.append([f"{first}, {second}", "small", "sq_distances", *_apart(apart, ["sq_distances"])])
    for name in ("native", "numba", "reference"):
        if name not in names:
            notes.append(f"The {name} backend is not installed here and was not compared.")
    if rows:
        report.table(["backends", "problems", "function", "worst absolute", "worst relative"], rows)
    report.text(
        f"Limit {_AGREEMENT:.0e}, relative, where a value is above 1e-250. Small: {study.random_problems} random "
        f"problems of 2 to 8 rows and {max(2, study.random_problems // 10)} of 40 to 80, C from 2 to 4, K from 1 to "
        f"7, d from 1 to 784, seed {SEED}. Spambase: K = 5, sigma = 1."
    )
    for note in notes:
        report.text(note)


def _apart(differences: dict, functions: list[str]) -> list[str]:
    absolute, relative = np.max([differences[name] for name in functions], axis=0)
    _require(relative <= _AGREEMENT, f"{functions}: backends differ by {relative:.2e}, limit {_AGREEMENT:.0e}")
    return [f"{absolute:.1e}", f"{relative:.1e}"]


def _real_problems(spambase: Dataset, n_rows: int, n_queries: int) -> list[dict]:
    sq_distances = kernels.get_backend().sq_distances(
        spambase.X_test[:n_queries], spambase.X_train[:n_rows], n_threads=1
    )
    common = {"labels": spambase.y_train[:n_rows], "n_classes": 2, "n_neighbors": 5, "sigma": 1.0, "dof": 56.0}
    return [{"sq_distances": row[None, :], **common} for row in sq_distances]


# ------------------------------------------------------------------------------------------------------------
# 4. Memory


def memory(report: Report, data_dir: str | None, study: _Study) -> None:
    report.heading("4. Memory beyond the data")
    n_rows, rows = 100_000, []
    for bucketed in (False, True):
        got = fresh.measure(
            "peak_memory", data_dir=data_dir, n_rows=n_rows, n_queries=study.memory_queries, bucketed=bucketed
        )
        _require(got["beyond"] < _MEMORY_MB, f"{got['beyond']:.0f} MB beyond the data, limit {_MEMORY_MB:.0f} MB")
        _require(got["worst_sum"] <= _SUM, f"|sum - 1| = {got['worst_sum']:.2e} at n = {n_rows:,}")
        classifier = f"bucketed, {LEVELS} levels" if bucketed else "continuous"
        rows.append(
            [classifier, f"{got['n_queries']}", f"{got['data']:.0f} MB", f"{got['beyond']:.0f} MB", f"{got['worst_sum']:.1e}"]
        )
    report.table(["classifier", "queries", "data", "peak beyond the data", "worst abs(sum - 1)"], rows)
    report.text(
        f"Limit {_MEMORY_MB:.0f} MB. n = {n_rows:,}, d = 56 (the Spambase training rows repeated, each feature moved "
        f"by N(0, 0.01^2), seed {SEED}), K = 5, sigma = 1, all cores, fit and certify in a fresh process: largest "
        "resident size minus that with libraries and data loaded."
    )


# ------------------------------------------------------------------------------------------------------------
# 5. Baselines agree


class _Baseline(NamedTuple):
    """Spambase distances for the baselines: the first test rows."""

    sq_distances: np.ndarray
    labels: np.ndarray
    dof: int

    def exact(self, n_queries: int) -> np.ndarray:
        return vote_probabilities(
            self.sq_distances[:n_queries], self.labels, n_neighbors=5, sigma=1.0, dof=self.dof, n_classes=2
        )

    def sampled(self, n_queries: int, n_samples: int):
        return monte_carlo_vote(
            self.sq_distances[:n_queries],
            self.labels,
            n_neighbors=5,
            sigma=1.0,
            dof=self.dof,
            n_samples=n_samples,
            random_state=SEED,
            n_classes=2,
        )

    def literal(self, query: int, edges: np.ndarray) -> np.ndarray:
        return nearest_row_vote(
            self.sq_distances[query], self.labels, n_classes=2, sigma=1.0, dof=self.dof, edges=edges
        )

    def bucketed(self, n_queries: int, edges: np.ndarray) -> np.ndarray:
        return vote_probabilities(
            self.sq_distances[:n_queries],
            self.labels,
            n_neighbors=1,
            sigma=1.0,
            dof=self.dof,
            n_classes=2,
            edges=edges,
        )


def baselines(report: Report, baseline: _Baseline, study: _Study) -> None:
    report.heading("5. Baselines agree with the exact probabilities")
    exact = baseline.exact(study.coverage_queries)
    undecided = int(((exact[:, 0] > 0.01) & (exact[:, 0] < 0.99)).sum())
    rows = []
    for n_samples, n_queries in ((1_000, study.coverage_queries), (10_000, study.radius_queries)):
        sampled = baseline.sampled(n_queries, n_samples)
        truth = exact[:n_queries]
        own = (truth < sampled.interval_lower) | (truth > sampled.interval_upper)
        _require(
            not own.any(),
            f"Monte Carlo, {n_samples} draws: {own.sum()} exact probabilities outside intervals of level "
            f"{1 - sampled.alpha}",
        )
        width = np.take_along_axis(
            sampled.interval_upper - sampled.interval_lower, sampled.label[:, None], axis=1
        )
        # The same counts at 95 %, where some exact values ought to be outside. With two classes the intervals
        # mirror each other: one class a query counts.
        wide = 0.05
        counts = sampled.counts[:, 0]
        outside = int(
            np.sum(
                (truth[:, 0] < clopper_pearson_lower(counts, n_samples, wide / 2))
                | (truth[:, 0] > clopper_pearson_upper(counts, n_samples, wide / 2))
            )
        )
        _require(
            binom.sf(outside - 1, n_queries, wide) > _BAD_LUCK,
            f"Monte Carlo, {n_samples} draws: {outside} of {n_queries} outside 95 % intervals",
        )
        rows.append(
            [
                f"{n_samples:,}",
                str(n_queries),
                f"{own.any(axis=1).sum()} (at most {n_queries * sampled.alpha:.2g})",
                f"{outside} (at most {n_queries * wide:.2g})",
                f"{np.median(width):.4f}",
                f"{width.max():.4f}",
            ]
        )
    report.table(
        [
            "draws",
            "queries",
            "outside at 99.9 % (expected)",
            "outside at 95 % (expected)",
            "median width at 99.9 %",
            "largest width",
        ],
        rows,
    )
    report.text(
        f"Monte Carlo K-NN (`knn_cert.montecarlo`) on Spambase, K = 5, sigma = 1, the first test rows, seed {SEED}; "
        f"{undecided} of the {study.coverage_queries} have class probabilities between 0.01 and 0.99. Two-sided "
        "Clopper-Pearson intervals; widths are those of the predicted class."
    )
    _radii(report, baseline, study)
    edges = rab_edges(baseline.dof, 1.0, LEVELS)
    bucketed = baseline.bucketed(2, edges)
    apart = max(float(np.abs(baseline.literal(query, edges) - bucketed[query]).max()) for query in (0, 1))
    _require(apart <= _LITERAL, f"literal Theorem 3 differs by {apart:.2e}, limit {_LITERAL:.0e}")
    report.text(
        f"Theorem 3 of RAB with K = 1 and {LEVELS} levels, Eqs. (70)-(80) written down literally in NumPy and SciPy, "
        f"on 2 Spambase queries: differs from `vote_probabilities(..., edges=...)` by at most {apart:.1e} (limit "
        f"{_LITERAL:.0e})."
    )


def _radii(report: Report, baseline: _Baseline, study: _Study) -> None:
    """What the width of the intervals costs: radii of the same queries, by each method."""
    exact = baseline.exact(study.radius_queries)
    smaller = exact.min(axis=1)
    with np.errstate(divide="ignore"):
        log_tail = np.log(smaller)
    radii = {"exact": gaussian_radius(exact.max(axis=1), smaller, 1.0, log_p_b=log_tail, log_tail_a=log_tail)}
    for n_samples in (1_000, 10_000):
        sampled = baseline.sampled(study.radius_queries, n_samples)
        decided = sampled.p_lower > sampled.p_upper
        radius = np.zeros(study.radius_queries)
        radius[decided] = gaussian_radius(sampled.p_lower[decided], sampled.p_upper[decided], 1.0)
        radii[f"Monte Carlo, {n_samples:,} draws"] = radius
    report.table(
        ["method", "abstained", "median radius", "largest radius"],
        [
            [method, str(int((radius == 0).sum())), f"{np.median(radius):.3f}", f"{radius.max():.3f}"]
            for method, radius in radii.items()
        ],
    )
    report.text(
        f"Radii of Eq. (14) of RAB for {study.radius_queries} of these queries, from the probabilities and from the "
        "bounds (99.9 % a query)."
    )


# ------------------------------------------------------------------------------------------------------------
# 6. Times


def times(
    report: Report, names: set[str], baseline: _Baseline | None, data_dir: str | None, study: _Study, judge: bool
) -> None:
    report.heading("6. Times on one thread")
    report.text(f"Load average of the machine when the timing began: {load_average()}.")
    # data, K, bucketed, queries, limit in seconds, of which unit
    settings = [
        ("spambase", 5, False, study.spambase_queries, 2.0, "all"),
        ("spambase", 5, True, study.spambase_queries, 5.0, "all"),
        ("cifar-airplane-bird", 5, False, study.cifar_queries, 8e-3, "query"),
        ("cifar-airplane-bird", 51, False, study.cifar_queries, None, "query"),
        ("cifar-airplane-bird", 5, True, study.cifar_queries, None, "query"),
        ("cifar-airplane-bird", 51, True, study.cifar_queries, None, "query"),
    ]
    rows, exact_query = [], None
    for name, k, bucketed, n_queries, limit, unit in settings:
        if name not in names:
            continue
        runs = [
            fresh.measure(
                "time_certify",
                dataset=name,
                data_dir=data_dir,
                n_neighbors=k,
                sigma=1.0,
                bucketed=bucketed,
                n_queries=n_queries,
            )
            for _ in range(study.runs)
        ]
        for run in runs:
            _require(run["worst_sum"] <= _SUM, f"{name}, K = {k}: |sum - 1| = {run['worst_sum']:.2e}")
            _require(
                run["cpu_per_second"] <= _ONE_THREAD,
                f"{name}, K = {k}: {run['cpu_per_second']:.2f} CPU seconds a second on one thread",
            )
        certify = [run["certify"] for run in runs]
        verdict = "-"
        if limit is not None:
            per_unit = statistics.median(certify) / (1 if unit == "all" else runs[0]["n_queries"])
            verdict = f"{_time(limit)} a query" if unit == "query" else f"{_time(limit)} in all"
            if judge:
                verdict += ": met" if per_unit <= limit else ": MISSED"
        if name == "spambase" and not bucketed:
            exact_query = statistics.median(certify) / runs[0]["n_queries"]
        rows.append(
            [
                name,
                str(k),
                f"{LEVELS} levels" if bucketed else "continuous",
                str(runs[0]["n_queries"]),
                _spread(certify, _time),
                _time(statistics.median(certify) / runs[0]["n_queries"]),
                _time(statistics.median(run["distances"] for run in runs) / runs[0]["n_queries"]),
                _spread([run["certify"] / run["kneighbors"] for run in runs], lambda ratio: f"{ratio:.1f}"),
                verdict,
            ]
        )
    if rows:
        report.table(
            [
                "data",
                "K",
                "classifier",
                "queries",
                "certify, all queries",
                "a query",
                "of it distances",
                "ratio to kneighbors",
                "target",
            ],
            rows,
        )
    report.text(
        f"Median (smallest to largest) of {study.runs} run(s), each in a fresh process: `certify` of a fitted "
        "`SmoothedKNNClassifier`, so distances, tables of the distance law and certificates are in the time; sigma = "
        "1. Ratio: to `kneighbors` of scikit-learn's `NearestNeighbors(algorithm=\"brute\")` for the same queries in the "
        "same process on one thread, after a warm-up. spambase: n = 3,680, d = 56. cifar-airplane-bird: n = 10,000, "
        "d = 3,072."
    )
    if baseline is not None and exact_query is not None:
        _baseline_times(report, baseline, study, exact_query)


def _baseline_times(report: Report, baseline: _Baseline, study: _Study, exact_query: float) -> None:
    n = study.baseline_queries
    edges = rab_edges(baseline.dof, 1.0, LEVELS)
    methods: list[tuple[str, Callable[[], object], int, float]] = [
        (f"Monte Carlo, K = 5, {draws:,} draws", lambda draws=draws: baseline.sampled(n, draws), n, exact_query)
        for draws in (1_000, 10_000)
    ]
    # The bucketed engine through the same door, on one thread: the kernel itself takes the number of threads.
    kernel = kernels.get_backend()
    m = min(50, len(baseline.sq_distances))
    engine = _median_time(
        lambda: kernel.vote_bucketed(
            baseline.sq_distances[:m],
            baseline.labels,
            n_classes=2,
            n_neighbors=1,
            sigma=1.0,
            dof=baseline.dof,
            edges=edges,
            n_threads=1,
        ),
        study.runs,
    )[0] / m
    methods.append(
        (
            f"Theorem 3 literally, K = 1, {LEVELS} levels",
            lambda: [baseline.literal(query, edges) for query in (0, 1)],
            2,
            engine,
        )
    )
    rows = []
    for method, call, n_queries, exact in methods:
        _, seconds = _median_time(call, study.runs)
        rows.append(
            [
                method,
                _spread([second / n_queries for second in seconds], _time),
                _time(exact),
                f"{statistics.median(seconds) / n_queries / exact:.0f}",
            ]
        )
    report.table(["baseline, Spambase", "a query", "exact engine, a query", "ratio"], rows)
    report.text(
        f"Monte Carlo: {n} queries, distances given, against the continuous engine of the first line above, distances "
        f"and tables included. Theorem 3: 2 queries, distances given, against the bucketed engine with K = 1 on {m} "
        "queries, distances given. Median (smallest to largest) of "
        f"{study.runs} run(s)."
    )


def _median_time(call: Callable[[], object], runs: int) -> tuple[float, list[float]]:
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), seconds


def _time(seconds: float) -> str:
    if seconds >= 1.0:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.3g} ms"


def _spread(values: list[float], show: Callable[[float], str]) -> str:
    median = show(statistics.median(values))
    if len(values) == 1:
        return median
    return f"{median} ({show(min(values))} to {show(max(values))})"


def _list(values) -> str:
    return ", ".join(f"{value:g}" for value in values)


# ------------------------------------------------------------------------------------------------------------


def _find_data(data_dir: str | None) -> str | None:
    """Return the folder to look in, None for the loaders' own search."""
    beside = _SHARED / "data"
    if data_dir is None and not os.environ.get("KNN_CERT_DATA") and beside.is_dir():
        return str(beside)
    return data_dir


def _load(report: Report, name: str, data_dir: str | None) -> Dataset | None:
    try:
        return load_dataset(name, data_dir=data_dir, download=False)
    except FileNotFoundError:
        report.text(
            f"{name} is left out: its files are not here. Name their folder with `--data-dir` or $KNN_CERT_DATA, or "
            f"load it once with `knn_cert.load_dataset({name!r})`, which downloads it."
        )
        return None


def _run(report: Report, oracle_dir: Path, data_dir: str | None, study: _Study, quick: bool) -> None:
    began = time.perf_counter()
    report.heading("Figures of the exact engine", level=1)
    report.text(f"Machine: {machine()}.")
    report.text(f"Versions: {versions()}.")
    report.text(f"Date: {datetime.date.today().isoformat()}. Seed: {SEED}.")
    if quick:
        report.text("QUICK RUN: few queries, one run each; its times are no measurement.")
    report.text("Every figure of sections 1 to 5 is asserted; a run that fails one stops there, before any time.")

    accuracy(report, oracle_dir)

    loaded = {name: _load(report, name, data_dir) for name in ("spambase", "mnist-01", "cifar-airplane-bird")}
    data = {name: dataset for name, dataset in loaded.items() if dataset is not None}
    spambase = data.get("spambase")
    ten_digits = None
    if "mnist-01" in data:
        ten_digits = _first_rows(load_dataset("mnist", data_dir=data_dir, download=False), 10_000)
    if data:
        sums(report, load_problems(data, ten_digits, study.sum_queries), study)
    del ten_digits
    backends(report, spambase, study)

    baseline = None
    if spambase is not None:
        memory(report, data_dir, study)
        baseline = _Baseline(
            _sq_distances(kernels.get_backend(), spambase, max(study.coverage_queries, 2)),
            spambase.y_train,
            spambase.X_train.shape[1],
        )
        baselines(report, baseline, study)
    names = set(data)
    # The timed processes load their own; this one should not sit on the memory.
    data.clear()
    loaded.clear()
    times(report, names, baseline, data_dir, study, judge=not quick)
    report.text(f"Whole run: {time.perf_counter() - began:.0f} s.")


def _first_rows(dataset: Dataset, n_rows: int) -> Dataset:
    """Return the data set with its first training rows only, copied so that the rest can go."""
    return Dataset(
        name=dataset.name,
        X_train=dataset.X_train[:n_rows].copy(),
        y_train=dataset.y_train[:n_rows].copy(),
        X_test=dataset.X_test,
        y_test=dataset.y_test,
        feature_names=dataset.feature_names,
        class_names=dataset.class_names,
        description=dataset.description,
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.exact_engine", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help="few queries: does it run, not how fast")
    parser.add_argument("--save", action="store_true", help="also write benchmarks/results/exact_engine.md")
    parser.add_argument("--data-dir", help="folder with the data sets; default: $KNN_CERT_DATA, ../shared/data")
    parser.add_argument(
        "--oracle-dir",
        type=Path,
        default=_SHARED / "oracle",
        help="folder with the reference values; default: ../shared/oracle",
    )
    options = parser.parse_args(argv)
    if options.quick and options.save:
        parser.error("--save keeps the figures of a full run; leave out --quick")
    data_dir = None if options.data_dir is None else str(Path(options.data_dir).resolve())
    report = Report()
    try:
        _run(report, options.oracle_dir, _find_data(data_dir), _QUICK if options.quick else _FULL, options.quick)
    except Disagreement as error:
        print(f"STOPPED: {error}", file=sys.stderr)
        return 1
    if options.save:
        report.save(_RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
