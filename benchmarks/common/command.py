"""The command line of a study and how it ends: what a check stopped is not saved."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .report import Disagreement, Report
from .source import Source, data_dir

RESULTS = Path(__file__).resolve().parents[1] / "results"
ORACLE = Path(__file__).resolve().parents[2] / "tests" / "oracle"


def study_parser(name: str, doc: str) -> argparse.ArgumentParser:
    """Return a parser with the options that all studies have; ``name`` is FOLDER.FILE below benchmarks."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=doc.splitlines()[0])
    parser.add_argument("--save", action="store_true", help="also write the report to benchmarks/results")
    parser.add_argument("--data-dir", help="folder of the data sets (default: $KNN_CERT_DATA)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="seconds on small stand-ins for the data: do all parts run and agree; no measurement",
    )
    return parser


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; ``source`` of the answer is where the study gets its data."""
    options = parser.parse_args(argv)
    if options.quick and options.save:
        parser.error("--save keeps the figures of a full run; leave out --quick")
    options.source = Source(data_dir(options.data_dir), options.quick)
    return options


def add_choice(
    parser: argparse.ArgumentParser, option: str, known: Sequence[str], default: Sequence[str] | None = None
) -> None:
    """Add an option that takes some of the known names, separated by commas."""

    def names(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"unknown {name!r}; expected some of {', '.join(known)}")
        return chosen

    chosen = list(known if default is None else default)
    parser.add_argument(
        option, type=names, default=chosen, help=f"which, separated by commas (default: {','.join(chosen)})"
    )


def positive(text: str) -> int:
    """Read a whole number of at least 1: the type of an option that counts something."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def report_on(run: Callable[[Report], None], options: argparse.Namespace, saved_as: str) -> int:
    """Run a study and return the exit code: 1 if a figure that must hold does not."""
    report = Report(quick=options.quick)
    try:
        run(report)
    except Disagreement as error:
        print(f"STOPPED, nothing is saved: {error}", file=sys.stderr)
        return 1
    if options.save:
        report.save(RESULTS / f"{saved_as}.md")
    return 0


def study(
    name: str,
    doc: str,
    run: Callable[[Report, argparse.Namespace], None],
    argv: Sequence[str] | None,
    *,
    saved_as: str,
    oracle: bool = False,
) -> int:
    """Run ``run(report, options)`` for a study without options of its own, but for ``--oracle-dir``."""
    parser = study_parser(name, doc)
    if oracle:
        parser.add_argument(
            "--oracle-dir",
            type=Path,
            default=ORACLE,
            help="folder of the reference values (default: tests/oracle)",
        )
    options = parse(parser, argv)
    return report_on(lambda report: run(report, options), options, saved_as)
