"""Figures of the exact engine: accuracy, sums, agreement, memory and baselines first, and only then times.

Run ``python -m benchmarks.exact.engine [--save]`` in a source checkout; see benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace

from knn_cert.datasets import Dataset

from ..common.command import study
from ..common.report import SEED, Report
from ..common.source import Source
from . import checks, times
from .baselines import Baselines
from .study import FULL, QUICK

# As many rows of MNIST with all its ten classes as the other tables have.
_TEN_CLASS_ROWS = 10_000


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if a figure that must hold does not."""
    return study("exact.engine", __doc__, _run, argv, saved_as="exact_engine", oracle=True)


def _run(report: Report, options: argparse.Namespace) -> None:
    study, source = (QUICK if options.quick else FULL), options.source
    began = time.perf_counter()
    report.opening("Figures of the exact engine", SEED)
    report.text(
        "Sections 1 to 5 are asserted: a run in which one of their figures fails stops before any time."
    )

    checks.accuracy(report, options.oracle_dir, study)
    wanted = ("spambase", "mnist-01", "cifar-airplane-bird")
    data = {name: dataset for name in wanted if (dataset := source.table(report, name)) is not None}
    if data:
        all_votes = []
        for name, dataset in data.items():
            ten = _first_rows(source, "mnist") if name == "mnist-01" else None
            all_votes += checks.votes_of_two_and_ten(dataset, ten, study.sum_queries)
        checks.sums(report, all_votes, study)
    names = set(data)
    spambase = data.get("spambase")
    # Not needed any more, and the processes that are measured load their own.
    data.clear()
    checks.backends_agree(report, spambase, study)
    baselines = None
    if spambase is not None:
        checks.memory(report, source, study)
        baselines = Baselines(spambase, study.coverage_queries)
        checks.baselines_agree(report, baselines, study)

    times.times(report, names, baselines, source, study, judge=not options.quick)
    report.text(f"The whole run took {time.perf_counter() - began:.0f} s.")


def _first_rows(source: Source, name: str) -> Dataset:
    """Return a data set with its first training rows, copied so that the others can go."""
    dataset = source.read(name)
    return replace(
        dataset,
        X_train=dataset.X_train[:_TEN_CLASS_ROWS].copy(),
        y_train=dataset.y_train[:_TEN_CLASS_ROWS].copy(),
    )


if __name__ == "__main__":
    sys.exit(main())
