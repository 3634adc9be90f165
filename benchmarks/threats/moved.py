"""Moved rows: radii by the theorems of docs/moved-rows.md, by lists, and at which an attack succeeds.

Run ``python -m benchmarks.threats.moved [--save]`` in a source checkout; see benchmarks/README.md. No radius
by the theorems is below the one by lists or above one at which an attack was carried out: that is asserted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from knn_cert import RowShift, SmoothedKNNClassifier, kernels
from knn_cert.datasets import Dataset

from ..common.command import study
from ..common.report import SEED, Report, require

# Data set, share of the rows that are moved, number of evenly spread test rows, K, sigma.
_CASES = (
    ("spambase", 0.1, 38, 5, 1.0),
    ("spambase", 0.02, 38, 5, 1.0),
    ("mnist-68", 0.1, 20, 5, 1.0),
    ("cifar-airplane-bird", 0.1, 20, 5, 1.0),
    ("breast-cancer", 0.1, 20, 5, 1.0),
    ("spambase", 0.1, 16, 1, 1.0),
    ("spambase", 0.1, 16, 15, 1.0),
    ("spambase", 0.1, 16, 51, 1.0),
    ("spambase", 0.1, 16, 5, 2.0),
)
_AT = (0.25, 1.0, 2.0)

# Settings of which one may be chosen: clean accuracy against what is certified and right.
_GRID = (("spambase", 100), ("mnist-68", 40), ("cifar-airplane-bird", 40))
_NEIGHBORS, _SIGMAS, _GRID_AT = (1, 5, 15, 51, 501), (0.5, 1.0, 2.0, 4.0), (0.25, 1.0)
# One in so many of the queries for K of hundreds, which take seconds each.
_SLOW_NEIGHBORS, _FEWER = 100, 4

# Radii are found to a relative 1e-3, from below.
_ACCURACY = 1.0 + 1e-3


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if a radius is wrong."""
    return study("threats.moved", __doc__, _run, argv, saved_as="moved_rows")


def _run(report: Report, options: argparse.Namespace) -> None:
    report.opening("Moved rows", SEED)
    report.text(
        "Radius of each row's move, test rows spread evenly; without a certificate it counts as 0. *By "
        "lists*: as the numba backend and version 0.1.0 bound it. *Found*: the smallest radius at which a "
        "tampering that was written down in features changes the prediction, over the certified one."
    )
    rows = []
    for name, share, n_queries, k, sigma in _CASES:
        dataset = options.source.table(report, name)
        if dataset is not None:
            rows.append(_row(dataset, share, 4 if options.quick else n_queries, k, sigma))
    columns = ("table", "rows", "K, sigma", "by lists", "certified", "over lists", "found over certified")
    report.table((*columns, *(f"at {radius:g}" for radius in _AT)), rows)
    report.text("Columns *at*: share of the queries by lists -> by the theorems (not broken by the attack).")
    report.heading("K and sigma")
    report.text(
        "10 % of the rows moved: clean accuracy / certified and right "
        f"at radius {_GRID_AT[0]:g} / at {_GRID_AT[1]:g}."
    )
    grid = []
    for name, n_queries in _GRID:
        dataset = options.source.table(report, name)
        if dataset is not None:
            some = (5,) if options.quick else _NEIGHBORS
            grid += [_grid_row(dataset, 4 if options.quick else n_queries, k) for k in some]
    report.table(("table", "K", "queries", *(f"sigma {sigma:g}" for sigma in _SIGMAS)), grid)


def _spread(dataset: Dataset, n_queries: int) -> np.ndarray:
    return np.linspace(0, len(dataset.X_test) - 1, n_queries + 2).astype(int)[1:-1]


@contextmanager
def _lists_alone() -> Iterator[None]:
    """Bound moved rows as kernels do that have nothing else."""
    kernel = kernels.get_backend()
    moved_races, kernel.moved_races = kernel.moved_races, None
    try:
        yield
    finally:
        kernel.moved_races = moved_races


def _row(dataset: Dataset, share: float, n_queries: int, k: int, sigma: float) -> list[str]:
    queries, threat = dataset.X_test[_spread(dataset, n_queries)], RowShift(share)
    clf = SmoothedKNNClassifier(k, sigma=sigma, n_threads=1).fit(dataset.X_train, dataset.y_train)
    radii = _radii(clf, queries, threat)
    found = clf.falsify(queries, threat).budget
    with _lists_alone():
        by_lists = _radii(clf, queries, threat)
    require(bool(np.all(by_lists <= radii * _ACCURACY)), f"{dataset.name}: below the lists")
    require(not np.any(found < radii), f"{dataset.name}: an attack beats a certificate")
    both = (radii > 0.0) & np.isfinite(radii)
    gained = radii[both & (by_lists > 0.0)] / by_lists[both & (by_lists > 0.0)]
    attacked = np.where(np.isnan(found), np.inf, found)
    return [
        dataset.name,
        f"{100.0 * share:g} %",
        f"{k}, {sigma:g}",
        f"{np.median(by_lists):.3f}",
        f"{np.median(radii):.3f}",
        _quartiles(gained),
        _quartiles(found[both] / radii[both], digits=4),
        *(
            f"{np.mean(by_lists >= at):.3f} -> {np.mean(radii >= at):.3f} ({np.mean(attacked > at):.3f})"
            for at in _AT
        ),
    ]


def _radii(clf: SmoothedKNNClassifier, queries: np.ndarray, threat: RowShift) -> np.ndarray:
    certificates = clf.certify(queries, threat)
    return np.where(certificates.abstained, 0.0, certificates.budget)


def _quartiles(values: np.ndarray, digits: int = 2) -> str:
    """Return the quartiles and the largest."""
    values = values[np.isfinite(values)]
    if not values.size:
        return ""
    return " ".join(f"{value:.{digits}f}" for value in np.quantile(values, [0.25, 0.5, 0.75, 1.0]))


def _grid_row(dataset: Dataset, n_queries: int, k: int) -> list[str]:
    which = _spread(dataset, n_queries if k < _SLOW_NEIGHBORS else n_queries // _FEWER)
    queries, truth = dataset.X_test[which], dataset.y_test[which]
    cells = []
    for sigma in _SIGMAS:
        clf = SmoothedKNNClassifier(k, sigma=sigma).fit(dataset.X_train, dataset.y_train)
        right = clf.predict(queries) == truth
        held = [~clf.certify(queries, RowShift(0.1, at)).abstained & right for at in _GRID_AT]
        cells.append(" / ".join(f"{np.mean(share):.3f}" for share in (right, *held)))
    return [dataset.name, str(k), str(len(which)), *cells]


if __name__ == "__main__":
    sys.exit(main())
