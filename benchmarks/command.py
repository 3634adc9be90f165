"""The command line of a study and how it ends: what a check stopped is not saved."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from .data import data_dir
from .report import Disagreement, Report

RESULTS = Path(__file__).resolve().parent / "results"
ORACLE = Path(__file__).resolve().parents[1] / "tests" / "oracle"


def study_parser(name: str, doc: str) -> argparse.ArgumentParser:
    """Return a parser with the options that all studies have."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=doc.splitlines()[0])
    parser.add_argument("--save", action="store_true", help=f"also write benchmarks/results/{name}.md")
    parser.add_argument("--data-dir", help="folder of the data sets (default: $KNN_CERT_DATA)")
    return parser


def report_on(run: Callable[[Report], None], save_as: Path | None) -> int:
    """Run a study and return the exit code: 1 if a figure that must hold does not."""
    report = Report()
    try:
        run(report)
    except Disagreement as error:
        print(f"STOPPED, nothing is saved: {error}", file=sys.stderr)
        return 1
    if save_as is not None:
        report.save(save_as)
    return 0


def study(
    name: str, doc: str, run: Callable[..., None], argv: list[str] | None, *, oracle: bool = True
) -> int:
    """Run ``run(report, oracle_dir, data_dir, quick=...)`` as the command line says; some need no oracle."""
    parser = study_parser(name, doc)
    parser.add_argument("--quick", action="store_true", help="few queries: does it run, not how fast")
    if oracle:
        parser.add_argument(
            "--oracle-dir",
            type=Path,
            default=ORACLE,
            help="folder of the reference values (default: tests/oracle)",
        )
    options = parser.parse_args(argv)
    if options.quick and options.save:
        parser.error("--save keeps the figures of a full run; leave out --quick")
    folders = [options.oracle_dir] if oracle else []
    folders.append(data_dir(options.data_dir))
    return report_on(
        lambda report: run(report, *folders, quick=options.quick),
        RESULTS / f"{name}.md" if options.save else None,
    )
