"""Figures of the threat models: correctness, certified accuracy, gaps to attacks found, and only then times.

Run ``python -m benchmarks.threats [--save]`` in a source checkout; see benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from pathlib import Path

from .data import SHARED, data_dir, load
from .fresh import SEED
from .report import Disagreement, Report, machine, versions
from .threats_accuracy import accuracy
from .threats_gap import gaps
from .threats_oracle import oracle
from .threats_plurality import ten_classes, tiny_tables
from .threats_study import FULL, QUICK
from .threats_times import times

_RESULTS = Path(__file__).resolve().parent / "results" / "threats.md"

_TWO_CLASSES = ("spambase", "mnist-01", "breast-cancer")


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if a figure that must hold does not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.threats", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few queries: does it run, not how fast")
    parser.add_argument("--save", action="store_true", help="also write benchmarks/results/threats.md")
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
    report.heading("Figures of the threat models", level=1)
    report.text(f"Machine: {machine()}.")
    report.text(f"Versions: {versions()}.")
    report.text(f"Date: {datetime.date.today().isoformat()}. Seed: {SEED}.")
    if quick:
        report.text("QUICK RUN: few queries, one run each; its times are no measurement.")
    report.text("Sections 1 to 4 are asserted: a run in which a check fails stops before any time.")

    oracle(report, oracle_dir)
    data = {name: dataset for name in _TWO_CLASSES if (dataset := load(report, name, folder)) is not None}
    accuracy(report, data, study)
    gaps(report, data, study)
    tiny_tables(report, study)
    ten_classes(report, load(report, "mnist", folder), study)
    times(report, data.get("spambase"), study, judge=not quick)
    report.heading("What the figures show")
    for sentence in _FINDINGS:
        report.text(f"- {sentence}")
    report.text(f"The whole run took {time.perf_counter() - began:.0f} s.")


_FINDINGS = ("TODO",)


if __name__ == "__main__":
    sys.exit(main())
