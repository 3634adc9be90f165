"""The options that say how a table is read: what they are called, what they take, what reaches the reader."""

from __future__ import annotations

import argparse
import math
from typing import Any

from knn_cert._printing import quoted

from . import option_values

TABLE_HELP = (
    ".csv, .tsv, .txt, .data (also .gz), .zip with one of them, .xlsx, .parquet or a folder of them, "
    ".feather, .arrow, .npz (arrays X and y); numbers in every column but the label, or --encode. A "
    "compressed table may unpack to 256 MiB, or to 100 times its size"
)


def add_reading_options(group: argparse._ArgumentGroup, *, encode: bool = True) -> None:
    """Add the options of reading a table; `encode` False where words are encoded without being asked."""
    group.add_argument(
        "--drop",
        metavar="COLUMN",
        action="append",
        default=[],
        help="leave a column out, by name (an id, a date); once for each column",
    )
    group.add_argument(
        "--no-header",
        action="store_true",
        help="the first line of the tables holds data; columns are then called 0, 1, 2, ...",
    )
    group.add_argument(
        "--separator",
        metavar="SIGN",
        help="what stands between the cells of a text: a character such as ';', tab, or blanks (default: "
        "found out)",
    )
    group.add_argument(
        "--decimal",
        choices=(".", ","),
        metavar="SIGN",
        help="the sign in front of decimals in a text, a point or a comma (default: found out)",
    )
    add_encoding(group)
    if encode:
        group.add_argument(
            "--encode",
            action="store_true",
            help="make numbers of text: yes and no, 5 %%, 1,234.5, $7, dates (days), one-hot codes of a few "
            "words; what cannot be encoded, ids and columns with one value are left out, with a warning",
        )
    group.add_argument(
        "--fill",
        metavar="[COLUMN=]VALUE",
        type=_fill,
        action="append",
        default=[],
        help="a constant for missing values: a number for all columns, or a value for one, as often as "
        "needed; missing text becomes a category of its own",
    )
    group.add_argument(
        "--drop-missing", action="store_true", help="leave out rows in which a value or the label is missing"
    )


def add_encoding(group: argparse._ArgumentGroup) -> None:
    """Add the option that names the encoding of texts."""
    group.add_argument(
        "--encoding",
        metavar="NAME",
        help="the encoding of a text, such as cp1252 (default: UTF-8, or UTF-16 where the file says so)",
    )


def given_reading_options(args: argparse.Namespace) -> list[str]:
    """Return the options of reading a table that were given."""
    given = {
        "--drop": args.drop,
        "--no-header": args.no_header,
        "--separator": args.separator is not None,
        "--decimal": args.decimal is not None,
        "--encoding": args.encoding is not None,
        "--encode": args.encode,
        "--fill": args.fill,
        "--drop-missing": args.drop_missing,
    }
    return [option for option, is_given in given.items() if is_given]


def for_queries(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options as keywords of `read_queries`, which takes the others from the coding."""
    return {
        "header": not args.no_header,
        "drop": args.drop,
        "separator": args.separator,
        "decimal": args.decimal,
        "encoding": args.encoding,
    }


def for_table(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options as keywords of `read_table`."""
    return {
        **for_queries(args),
        "encode": args.encode,
        "fill": dict(args.fill) or None,
        "missing": "drop-rows" if args.drop_missing else "refuse",
    }


def _fill(text: str) -> tuple[str | None, float | str]:
    """Return the column, None for all, and its value: a number where it is one."""
    column, equals, value = text.rpartition("=")
    number = option_values.number(value)
    if math.isfinite(number):
        return (column if equals else None), number
    if not equals or not value.strip():
        raise argparse.ArgumentTypeError(
            f"expected a number, or COLUMN=VALUE, got {quoted(text)}; medians and the like come from the "
            "table, so that one tampered row would change the others"
        )
    return column, value
