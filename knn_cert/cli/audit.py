"""`knn-cert audit`: from a table to a decision, in one command: ten lines, a report, an exit code."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

from knn_cert.progress import ProgressBar

from . import option_values, table_options
from .errors import InputError, gate_errors, input_errors
from .report_parts import print_report
from .shared_checks import check_place, check_tables

if TYPE_CHECKING:
    from knn_cert.auditing import Audit

__all__ = ["DESCRIPTION", "EPILOG", "SUMMARY", "USAGE", "add_arguments", "run"]

SUMMARY = "look at a table, choose a classifier, say which attacks it survives"
USAGE = "knn-cert audit TABLE [TEST] --label COLUMN [options]"
DESCRIPTION = """\
Look at a table, choose a K-NN classifier for it (how many neighbours, how much
noise, or none), and say which share of its predictions is right and provably
stays right whatever an attacker did to the training rows within his budget."""
EPILOG = """\
attackers (budgets as ROWS, a number or a share, and RADIUS, in scaled units):
  mislabelled:ROWS        wrong labels, measurements right
  planted:ROWS            rows that somebody added
  removed:ROWS            rows that somebody took away
  replaced:ROWS           other rows in the place of some
  backdoor:ROWS:RADIUS    rows moved by at most RADIUS, with any labels
  moved:ROWS:RADIUS       rows moved by at most RADIUS, labels right
  query:RADIUS            the row that is to be predicted, moved

what it does:
  The table is read, and columns of text become numbers (yes and no, dates,
  percentages, one-hot codes of a few words); ids are left out. A fifth of the
  rows, at most 300, is held out to choose the settings on, and another fifth,
  at most 500, to report on; a TEST table takes the place of the latter. Columns
  are scaled by constants that are worked out from the training rows and are
  part of what is certified; --constants FILE brings others.

exit code:
  0: done. 1: done, and a bar of --fail-under was not cleared. 2: something that
  was passed in is wrong.

examples:
  knn-cert audit customers.csv --label churned
  knn-cert audit train.csv test.csv --label kind --report audit.html
  knn-cert audit table.csv --label y --against backdoor:1%:0.5 --report audit.md
  knn-cert audit table.csv --label y --fail-under 0.8@mislabelled:1%
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command, in groups."""
    parser.add_argument(
        "tables",
        nargs="*",
        metavar="TABLE, TEST",
        help=f"tables: {table_options.TABLE_HELP}. TEST has the same columns, and labels",
    )
    data = parser.add_argument_group("data")
    data.add_argument("--label", metavar="COLUMN", help="label column, by name or position (-1 is the last)")
    table_options.add_reading_options(data, encode=False)
    data.add_argument(
        "--constants",
        metavar="FILE",
        help="scaling constants that do not come from this table (JSON, see FixedScaler.save)",
    )
    data.add_argument("--no-scaling", action="store_true", help="take the features as they are")
    data.add_argument(
        "--seed",
        type=option_values.seed,
        default=0,
        help="which rows are held out (default: %(default)s)",
    )

    question = parser.add_argument_group("what is asked")
    question.add_argument(
        "--against",
        metavar="ATTACKER:BUDGET",
        action="append",
        help="whom the settings are chosen for, as often as needed (default: mislabelled:1%%)",
    )
    question.add_argument(
        "--fail-under",
        metavar="SHARE@ATTACKER:BUDGET",
        action="append",
        default=[],
        help="exit with 1 unless this share of the rows is predicted right and certified, as often as needed",
    )
    question.add_argument(
        "--k",
        type=option_values.whole,
        action="append",
        help="this K, not one that is chosen; may be given again",
    )
    question.add_argument(
        "--sigma",
        type=option_values.sigma,
        action="append",
        help="this much noise on each scaled feature (0: none); may be given again",
    )

    result = parser.add_argument_group("results")
    result.add_argument(
        "--report",
        metavar="FILE",
        action="append",
        default=[],
        help="write a report: .html (a page), .md (for a pull request), .json (for programs); again for more",
    )
    result.add_argument(
        "--save-constants",
        metavar="FILE",
        help="write the scaling constants that were used (JSON), to read, correct and bring the next time",
    )
    result.add_argument("--threads", type=option_values.whole, metavar="N", help="default: every core")
    result.add_argument(
        "--quiet",
        action="store_true",
        help="print nothing but warnings, errors and bars that were not cleared",
    )


def run(args: argparse.Namespace) -> int:
    """Audit what `args` names and return the exit code.

    Raises
    ------
    InputError
        If anything that was passed in is wrong. Nothing has been written then.
    """
    _check(args)
    from knn_cert.auditing import audit
    from knn_cert.gate.numbers import check_n_threads

    with input_errors():
        n_threads = check_n_threads(args.threads)
    table, test = args.tables[0], args.tables[1] if len(args.tables) == 2 else None
    with gate_errors(), input_errors(), _Stages(enabled=not args.quiet) as progress:
        found = audit(
            table,
            args.label,
            test=test,
            against=args.against or ["mislabelled:1%"],
            bars=args.fail_under,
            constants=args.constants,
            scale=not args.no_scaling,
            n_neighbors=args.k,
            sigma=args.sigma,
            reading=table_options.for_table(args),
            seed=args.seed,
            n_threads=n_threads,
            progress=progress,
            command=_command(args),
        )
    if not args.quiet:
        print_report(str(found))
    with input_errors():  # a full disk
        for path in args.report:
            found.save(path)
        if args.save_constants is not None and found.scaler is not None:
            found.scaler.save(args.save_constants)
    bars = found.document["bars"]
    failed = [one for one in bars if one["share"] < one["needed"]]
    for one in failed:
        print_report(
            f"FAILED: {one['bar']}: {_share_of_rows(one, found)} are right and certified, "
            f"{100 * one['needed']:g} % were asked for"
        )
    no_use = bool(bars) and found.document["classifier"]["useless"]
    if no_use:
        print_report("FAILED: no use of the classifier is shown, so that no bar means anything")
    return 1 if failed or no_use else 0


def _share_of_rows(bar: dict[str, Any], found: Audit) -> str:
    name = bar["bar"].partition("@")[2].partition(":")[0]
    n = next(one["n_queries"] for one in found.document["attackers"] if one["name"] == name)
    return f"{round(bar['share'] * n)} of {n} rows ({100 * bar['share']:.1f} %)"


class _Stages:
    """A progress bar for each stage of the work."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._what: str | None = None
        self._open = contextlib.ExitStack()
        self._bar: ProgressBar | None = None

    def __enter__(self) -> _Stages:
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def __call__(self, what: str, done: int, total: int) -> None:
        if what != self._what or self._bar is None:
            self._open.close()
            self._what, self._bar = what, self._open.enter_context(ProgressBar(what, enabled=self._enabled))
        self._bar(done, total)


def _check(args: argparse.Namespace) -> None:
    """Refuse what is wrong before the work starts."""
    args.test_size, args.encode = None, True  # the one that two tables would contradict; what is always done
    check_tables(args)
    if args.save_constants is not None and args.no_scaling:
        raise InputError("--save-constants and --no-scaling contradict each other; leave one of them out")
    if args.constants is not None and args.no_scaling:
        raise InputError("--constants and --no-scaling contradict each other; leave one of them out")
    from knn_cert.report import check_suffix

    with input_errors():
        for path in args.report:
            check_suffix(path)
        written: list[str] = []
        for option, paths in (("--report", args.report), ("--save-constants", [args.save_constants])):
            for path in paths:
                if path is not None:
                    check_place(option, path, [*args.tables, args.constants], written)
                    written.append(path)
        from knn_cert.auditing import parse_asked, parse_bar

        for text in args.against or ():
            parse_asked(text)
        for text in args.fail_under:
            parse_bar(text)


def _command(args: argparse.Namespace) -> str:
    """Return the command line as it was given, without folders, which are nobody's business."""
    paths = {*args.tables, *args.report, args.constants, args.save_constants} - {None}
    words = []
    for word in sys.argv[1:]:
        option, equals, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
        words.append(option + equals + os.path.basename(value) if value in paths else word)
    return shlex.join(["knn-cert", *words])
