"""Refusals that several commands share: of data, and of places for results. All before the work starts."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from knn_cert._printing import printable

from .errors import InputError, input_errors
from .table_options import given_reading_options


def check_data(args: argparse.Namespace) -> None:
    """Refuse options on tables and data sets that contradict each other, or that would silently do nothing.

    Raises
    ------
    InputError
    """
    if args.dataset is not None:
        _check_dataset(args)
        return
    check_tables(args)
    for option, given in (
        ("--feature-map", args.feature_map is not None),
        ("--data-dir", args.data_dir is not None),
        ("--no-download", args.no_download),
    ):
        if given:
            raise InputError(f"{option} goes with --dataset, not with a table; leave it out")


def check_results(args: argparse.Namespace) -> None:
    """Find out now, not after the work, whether there will be a result and can be written.

    Raises
    ------
    InputError
    """
    if args.quiet and args.out is None:
        raise InputError("--quiet without --out would give no result at all; add --out FILE")
    with input_errors():
        _check_out(args)


def check_tables(args: argparse.Namespace) -> None:
    """Refuse a number of tables that is neither one nor two, and a hold-out beside TEST.

    Raises
    ------
    InputError
    """
    help_ = f"; see knn-cert {args.command} --help"
    if not args.tables:
        other = " or --dataset NAME, got neither" if hasattr(args, "dataset") else ", got none"
        raise InputError(f"expected a table (TRAIN.csv [TEST.csv]){other}{help_}")
    if len(args.tables) > 2:
        raise InputError(f"expected at most two tables, TRAIN and TEST, got {len(args.tables)}{help_}")
    if len(args.tables) == 2 and args.test_size is not None:
        raise InputError(
            "--test-size is for the hold-out, and with TEST there is none; leave one of them out"
        )


def _check_dataset(args: argparse.Namespace) -> None:
    if args.tables:
        raise InputError(
            f"expected a table or --dataset, got both; leave out {printable(args.tables[0])} or --dataset"
        )
    for option in (*(["--label"] if args.label is not None else []), *given_reading_options(args)):
        raise InputError(f"{option} goes with a table, not with --dataset; leave it out")


def check_place(
    option: str, path: str | os.PathLike[str], inputs: list[str | None], written: Sequence[str] = ()
) -> None:
    """Refuse a place for a result that cannot be written to, or that is a file that is read, or written too.

    Raises
    ------
    InputError
    """
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise InputError(f"{option} {printable(path)}: there is no folder {printable(folder)}; make it")
    if not os.access(folder, os.W_OK) or (os.path.exists(path) and not os.access(path, os.W_OK)):
        raise InputError(f"{option} {printable(path)} cannot be written to; choose another place")
    if any(os.path.realpath(path) == os.path.realpath(other) for other in written):
        raise InputError(f"{option} {printable(path)} would overwrite another result; choose another name")
    read = [one for one in inputs if one is not None and os.path.exists(one)]
    if os.path.exists(path) and any(os.path.samefile(path, one) for one in read):
        raise InputError(
            f"{option} {printable(path)} would overwrite a file that is read; choose another name"
        )


def _check_out(args: argparse.Namespace) -> None:
    if args.out is None:
        return
    from knn_cert.certificates import check_writable

    check_writable(args.out)
    check_place("--out", args.out, args.tables)
