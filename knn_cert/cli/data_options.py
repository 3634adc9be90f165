"""The options on what is certified: tables of numbers, or a data set by its name, and the hold-out."""

from __future__ import annotations

import argparse

from .shared_options import add_hold_out
from .table_options import TABLE_HELP, add_reading_options


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that reads a table of numbers, or a data set by its name."""
    parser.add_argument(
        "tables",
        nargs="*",
        metavar="TRAIN, TEST",
        help=f"tables: {TABLE_HELP}. TEST has the same columns; its label column may be absent",
    )

    data = parser.add_argument_group("data")
    data.add_argument(
        "--label", metavar="COLUMN", help="label column of TRAIN (and TEST), by name or position"
    )
    add_reading_options(data)
    data.add_argument("--dataset", metavar="NAME", help="in place of tables: " + _dataset_names())
    data.add_argument("--feature-map", metavar="MAP", help="for --dataset spambase: rab (default) or plain")
    data.add_argument(
        "--data-dir", metavar="DIR", help="for --dataset: where files lie (default: $KNN_CERT_DATA)"
    )
    data.add_argument("--no-download", action="store_true", help="for --dataset: never use the network")
    add_hold_out(data)


def _dataset_names() -> str:
    from knn_cert.datasets import list_datasets

    return ", ".join(list_datasets())
