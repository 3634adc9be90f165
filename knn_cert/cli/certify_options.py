"""The options of `knn-cert certify`: what they are called, what they take, and what --help says of them."""

from __future__ import annotations

import argparse
import math

from knn_cert._printing import quoted

from .table_options import TABLE_HELP, add_reading_options

ROW_THREATS = {
    "label-flips": "LabelFlips",
    "deletions": "Deletions",
    "insertions": "Insertions",
    "replacements": "Replacements",
}
THREATS = ("black-box", *ROW_THREATS, "row-shift", "query-shift")

# More digits than any number of rows, threads or levels has.
_MOST_DIGITS = 18


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command, in groups."""
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
    data.add_argument(
        "--classes",
        metavar="LABELS",
        help="all labels that there can be, also in a tampered table, between commas: certificates are then "
        "stronger, and other labels are refused",
    )
    add_reading_options(data)
    data.add_argument("--dataset", metavar="NAME", help="in place of tables: " + _dataset_names())
    data.add_argument("--feature-map", metavar="MAP", help="for --dataset spambase: rab (default) or plain")
    data.add_argument(
        "--data-dir", metavar="DIR", help="for --dataset: where files lie (default: $KNN_CERT_DATA)"
    )
    data.add_argument("--no-download", action="store_true", help="for --dataset: never use the network")
    data.add_argument(
        "--test-size",
        type=_test_size,
        metavar="SIZE",
        help="for the hold-out: fraction of the rows, or a whole number of rows (default: 0.2)",
    )
    data.add_argument("--seed", type=_seed, default=0, help="for the hold-out (default: %(default)s)")
    data.add_argument("--limit", type=_count, metavar="N", help="certify only the first N queries")

    classifier = parser.add_argument_group("classifier")
    classifier.add_argument(
        "--k",
        "--n-neighbors",
        dest="k",
        type=_whole,
        help="neighbours that vote (default: 5)",
    )
    classifier.add_argument(
        "--vote-radius",
        type=_radius,
        metavar="R",
        help="in the place of --k: all rows within this distance vote",
    )
    classifier.add_argument(
        "--sigma",
        type=_sigma,
        default=1.0,
        help="noise on every feature (standard deviation, default: %(default)s); 0 is plain K-NN",
    )
    classifier.add_argument(
        "--levels",
        type=_whole,
        metavar="B",
        help="compare distances in B buckets, as RAB does (200 there); without it they are compared exactly",
    )
    classifier.add_argument(
        "--shrink",
        type=float,
        metavar="S",
        help="for --levels: factor on the degrees of freedom (default: 1)",
    )

    certificate = parser.add_argument_group("certificates")
    certificate.add_argument(
        "--threat",
        choices=THREATS,
        default="black-box",
        metavar="THREAT",
        help=f"what the attacker may have done: {', '.join(THREATS)} (default: %(default)s, rows changed "
        "within the radius of Eq. (14) of RAB, or with --rows of Eq. (15))",
    )
    certificate.add_argument(
        "--rows",
        type=_rows,
        metavar="R",
        help="at most so many training rows are tampered with: a whole number, or a share like 0.1 (1.0 is "
        "all of them); row-shift needs it",
    )
    certificate.add_argument(
        "--radius",
        type=_radius,
        metavar="E",
        help="for row-shift and query-shift: moved by at most E in L2 norm, in the units of the features",
    )
    certificate.add_argument(
        "--relabel", action="store_true", help="for row-shift: the moved rows may carry any labels"
    )
    certificate.add_argument(
        "--query-shift",
        type=lambda text: (_radius(text),),
        nargs="?",
        const=(None,),
        metavar="E",
        help="besides a threat to the training rows, whose budget is given, the query is moved by at most E; "
        "without E the largest radius is computed",
    )
    certificate.add_argument(
        "--budgets",
        type=_budgets,
        metavar="B1,B2,...",
        help="budgets of the summary: radii or numbers of rows (default: the one that was asked for; "
        "0.1,0.5,1; 1,10,100)",
    )
    certificate.add_argument("--out", metavar="FILE", help="where to write them: .csv, .json or .npz")

    running = parser.add_argument_group("running")
    running.add_argument(
        "--backend",
        choices=("auto", "native", "numba", "reference"),
        default="auto",
        help="default: %(default)s",
    )
    running.add_argument("--threads", type=_whole, metavar="N", help="default: every core")
    running.add_argument(
        "--quiet", action="store_true", help="print nothing but warnings and errors; needs --out"
    )


def _dataset_names() -> str:
    from knn_cert.datasets import list_datasets

    return ", ".join(list_datasets())


def _whole(text: str) -> int:
    try:
        value = int(text) if len(text) <= _MOST_DIGITS else None
    except ValueError:
        value = None
    if value is None:
        raise argparse.ArgumentTypeError(
            f"expected a whole number of at most {_MOST_DIGITS} digits, got {quoted(text)}"
        )
    return value


def _count(text: str) -> int:
    value = _whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number >= 1, got {quoted(text)}")
    return value


def _seed(text: str) -> int:
    value = _whole(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to 2**32 - 1, got {quoted(text)}")
    return value


def _float(text: str) -> float:
    """Return a number, or NaN for what is none; Python's 1_000 is none here."""
    try:
        return float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan


def _sigma(text: str) -> float:
    sigma = _float(text)
    if not 0.0 <= sigma < math.inf:
        raise argparse.ArgumentTypeError(f"expected a finite number >= 0, got {quoted(text)}")
    return sigma


def _number_or_share(text: str, what: str) -> float | int:
    """Return a whole number, or a share above 0 and at most 1."""
    try:
        return _whole(text)
    except argparse.ArgumentTypeError:
        share = _float(text)
    if not 0.0 < share <= 1.0:
        raise argparse.ArgumentTypeError(f"expected {what}, got {quoted(text)}")
    return share


def _test_size(text: str) -> float | int:
    expected = "a fraction in (0, 1) or a number of rows"
    size = _number_or_share(text, expected)
    if isinstance(size, float) and size == 1.0:
        raise argparse.ArgumentTypeError(f"expected {expected}, got {quoted(text)}")
    return size


def _rows(text: str) -> float | int:
    return _number_or_share(text, "a number of rows, or a share like 0.1")


def _radius(text: str) -> float:
    radius = _float(text)
    if not radius >= 0.0:
        raise argparse.ArgumentTypeError(f"expected a radius >= 0, got {quoted(text)}")
    return radius


def _budgets(text: str) -> tuple[float, ...]:
    budgets = tuple(map(_float, text.split(",")))
    if not all(0.0 <= budget < math.inf for budget in budgets):
        raise argparse.ArgumentTypeError(f"expected numbers >= 0 such as 0.1,0.5,1.0, got {quoted(text)}")
    return budgets
