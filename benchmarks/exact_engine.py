"""Figures of the exact engine: accuracy, sums, agreement, memory and baselines first, and only then times.

Run ``python -m benchmarks.exact_engine [--save]`` in a source checkout; see benchmarks/README.md.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from knn_cert import load_dataset
from knn_cert.datasets import Dataset

from . import exact_checks, exact_times
from .baselines import Baselines
from .command import study
from .data import load
from .exact_study import FULL, QUICK
from .fresh import SEED
from .report import Report

# As many rows of MNIST with all its ten classes as the other tables have.
_TEN_CLASS_ROWS = 10_000


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if a figure that must hold does not."""
    return study("exact_engine", __doc__, _run, argv)


def _run(report: Report, oracle_dir: Path, folder: str | None, *, quick: bool) -> None:
    study = QUICK if quick else FULL
    began = time.perf_counter()
    report.opening("Figures of the exact engine", SEED)
    if quick:
        report.text("QUICK RUN: few queries, one run each; its times are no measurement.")
    report.text(
        "Sections 1 to 5 are asserted: a run in which one of their figures fails stops before any time."
    )

    exact_checks.accuracy(report, oracle_dir)
    wanted = ("spambase", "mnist-01", "cifar-airplane-bird")
    data = {name: dataset for name in wanted if (dataset := load(report, name, folder)) is not None}
    if data:
        all_votes = []
        for name, dataset in data.items():
            ten = _first_rows("mnist", folder) if name == "mnist-01" else None
            all_votes += exact_checks.votes_of_two_and_ten(dataset, ten, study.sum_queries)
        exact_checks.sums(report, all_votes, study)
    names = set(data)
    spambase = data.get("spambase")
    # Not needed any more, and the processes that are measured load their own.
    data.clear()
    exact_checks.backends_agree(report, spambase, study)
    baselines = None
    if spambase is not None:
        exact_checks.memory(report, folder, study)
        baselines = Baselines(spambase, study.coverage_queries)
        exact_checks.baselines_agree(report, baselines, study)

    exact_times.times(report, names, baselines, folder, study, judge=not quick)
    report.text(f"The whole run took {time.perf_counter() - began:.0f} s.")


def _first_rows(name: str, folder: str | None) -> Dataset:
    """Return a data set with its first training rows, copied so that the others can go."""
    dataset = load_dataset(name, data_dir=folder, download=False)
    return replace(
        dataset,
        X_train=dataset.X_train[:_TEN_CLASS_ROWS].copy(),
        y_train=dataset.y_train[:_TEN_CLASS_ROWS].copy(),
    )


if __name__ == "__main__":
    sys.exit(main())
