"""Figures of the exact engine: accuracy, sums, agreement, memory and baselines first, and only then times.

Run ``python -m benchmarks.exact_engine [--save]`` in a source checkout; see benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from dataclasses import replace
from pathlib import Path

from knn_cert import load_dataset
from knn_cert.datasets import Dataset

from . import exact_checks, exact_times
from .baselines import Baselines
from .data import SHARED, data_dir, load
from .exact_study import FULL, QUICK
from .fresh import SEED
from .report import Disagreement, Report, machine, versions

_RESULTS = Path(__file__).resolve().parent / "results" / "exact_engine.md"

# As many rows of MNIST with all its ten classes as the other tables have.
_TEN_CLASS_ROWS = 10_000


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if a figure that must hold does not."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.exact_engine", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help="few queries: does it run, not how fast")
    parser.add_argument("--save", action="store_true", help="also write benchmarks/results/exact_engine.md")
    parser.add_argument("--data-dir", help="folder of the data sets (default: $KNN_CERT_DATA)")
    parser.add_argument(
        "--oracle-dir",
        type=Path,
        default=SHARED / "oracle",
        help="folder of the reference values (default: shared/oracle beside the checkout)",
    )
    options = parser.parse_args(argv)
    if options.quick and options.save:
        parser.error("--save keeps the figures of a full run; leave out --quick")
    report = Report()
    try:
        _run(report, options.oracle_dir, data_dir(options.data_dir), quick=options.quick)
    except Disagreement as error:
        print(f"STOPPED, nothing is saved: {error}", file=sys.stderr)
        return 1
    if options.save:
        report.save(_RESULTS)
    return 0


def _run(report: Report, oracle_dir: Path, folder: str | None, *, quick: bool) -> None:
    study = QUICK if quick else FULL
    began = time.perf_counter()
    report.heading("Figures of the exact engine", level=1)
    report.text(f"Machine: {machine()}.")
    report.text(f"Versions: {versions()}.")
    report.text(f"Date: {datetime.date.today().isoformat()}. Seed: {SEED}.")
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
