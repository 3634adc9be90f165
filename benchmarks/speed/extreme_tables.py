"""Tables at the edges: little noise, unscaled features, many classes, far queries.

Run ``python -m benchmarks.speed.extreme_tables [--save]`` in a source checkout; see benchmarks/README.md.
Answers are checked before anything is timed. The figures of interest are the ratios: about 1, or less.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from knn_cert import SmoothedKNNClassifier
from knn_cert.kernels import get_backend
from knn_cert.threats import RowShift

from ..common.command import study
from ..common.report import SEED, Report, duration, require

_SIGMAS = (1e6, 1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8, 1e-9)
_USUAL = 0.1  # what ratios are taken to


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if an answer is wrong."""
    return study("speed.extreme_tables", __doc__, _run, argv, saved_as="extreme_tables")


def _run(report: Report, options: argparse.Namespace) -> None:
    runs = 1 if options.quick else 15
    report.opening("Tables at the edges", SEED, " One thread, the median of several runs, in one process.")
    _little_noise(report, runs)
    _unscaled(report, runs)
    _many_classes(report, runs)
    # from about 10,000 on a query takes many seconds; tests/test_extreme_tables.py has it at 1e6 and 1e8
    _far_query(report, runs, farthest=2e3 if options.quick else 1e6)


def _little_noise(report: Report, runs: int) -> None:
    report.heading("Noise from much more to much less than the distances")
    report.text(
        "n = 40, K = 5, standard normal rows. "
        f"Ratios are to sigma = {_USUAL} with as many features and classes."
    )
    rows = []
    for dof in (5, 784):
        for n_classes in (2, 5):
            squares, labels = _table(40, dof, n_classes)
            times = {}
            for sigma in _SIGMAS:
                arguments = {"n_classes": n_classes, "n_neighbors": 5, "sigma": sigma, "dof": float(dof)}
                _check(squares, labels, arguments)
                times[sigma] = _median(runs, partial(_vote, squares, labels, **arguments))
            rows += [
                [str(dof), str(n_classes), f"{sigma:g}", duration(t), f"{t / times[_USUAL]:.2f}"]
                for sigma, t in times.items()
            ]
    report.table(("features", "classes", "sigma", "a query", "ratio"), rows)


def _unscaled(report: Report, runs: int) -> None:
    report.heading("Rows ever farther apart")
    report.text("30 rows `factor` apart, two features, K = 3, sigma = 1, the query near one of them.")
    rng = np.random.default_rng(SEED)
    shape = np.c_[rng.normal(size=30), np.arange(30.0)]
    rows = []
    first = None
    for factor in (1.0, 1e2, 1e4, 1e6, 1e8, 1e10):
        squares = ((shape * factor - shape[7] * factor - 0.3) ** 2).sum(axis=1)
        arguments = {"n_classes": 2, "n_neighbors": 3, "sigma": 1.0, "dof": 2.0}
        labels = np.arange(30) % 2
        _check(squares, labels, arguments)
        seconds = _median(runs, partial(_vote, squares, labels, **arguments))
        first = first or seconds
        rows.append([f"{factor:g}", duration(seconds), f"{seconds / first:.2f}"])
    report.table(("factor", "a query", "ratio to factor 1"), rows)


def _many_classes(report: Report, runs: int) -> None:
    report.heading("Many classes of two rows")
    report.text(
        "K = 3, sigma = 1, 8 features. Random: all rows alike. Clustered: the two of a class together."
    )
    rows = []
    for name, spread in (("random", 0.0), ("clustered", 4.0)):
        first = None
        for n_classes in (10, 100, 1000, 3000):
            rng = np.random.default_rng(SEED)
            centres = np.repeat(rng.normal(size=(n_classes, 8)) * spread, 2, axis=0)
            table = centres + rng.normal(size=centres.shape)
            squares = ((table - table[0] - 0.1) ** 2).sum(axis=1)
            labels = np.repeat(np.arange(n_classes), 2)
            arguments = {"n_classes": n_classes, "n_neighbors": 3, "sigma": 1.0, "dof": 8.0}
            _check(squares, labels, arguments)
            seconds = _median(runs, partial(_vote, squares, labels, **arguments))
            first = first or seconds / n_classes
            ratio = f"{seconds / n_classes / first:.2f}"
            rows.append([name, str(n_classes), duration(seconds), ratio])
    report.table(("table", "classes", "a query", "a class, against 10 classes"), rows)


def _far_query(report: Report, runs: int, *, farthest: float) -> None:
    report.heading("A query far from the table")
    report.text(
        "n = 60, 3 features, 5 classes, K = 3, sigma = 1; the largest radius at which one row may be moved."
    )
    rng = np.random.default_rng(SEED)
    table, labels = rng.normal(size=(60, 3)), rng.integers(0, 5, size=60)
    model = SmoothedKNNClassifier(n_neighbors=3, sigma=1.0, backend="native").fit(table, labels)
    found = {}
    rows = []
    for distance in (10.0, 1e3, farthest):
        query = np.array([[distance, 0.0, 0.0]])
        found[distance] = model.certify(query, RowShift(1)).radius[0]
        seconds = _median(max(runs // 3, 1), partial(model.certify, query, RowShift(1)))
        rows.append([f"{distance:g}", duration(seconds), f"{found[distance]:.4f}"])
    # far away only one coordinate counts
    require(abs(found[farthest] / found[1e3] - 1.0) < 0.02, f"radii differ far away: {found}")
    report.table(("distance", "a query", "radius"), rows)


def _table(n: int, dof: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(SEED + n_classes)
    table, query = rng.normal(size=(n, dof)), rng.normal(size=dof)
    return ((table - query) ** 2).sum(axis=1), rng.integers(0, n_classes, size=n)


def _vote(squares: np.ndarray, labels: np.ndarray, **arguments) -> tuple[np.ndarray, np.ndarray]:
    return get_backend("native").vote(np.sqrt(squares)[None], labels, n_threads=1, **arguments)


def _check(squares: np.ndarray, labels: np.ndarray, arguments: dict) -> None:
    """Require that the answer adds up to 1 and is that of the recurrence, each within its errors."""
    p, errors = _vote(squares, labels, **arguments)
    wanted, wanted_errors = _vote(squares, labels, recurrence=True, **arguments)
    require(bool(np.isfinite(p).all()), f"not finite: {arguments}")
    require(abs(p.sum() - 1.0) <= errors.sum(), f"the sum is {p.sum()!r}: {arguments}")
    require(bool(np.all(np.abs(p - wanted) <= errors + wanted_errors)), f"not the recurrence: {arguments}")


def _median(runs: int, call: Callable[[], object]) -> float:
    call()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
