"""The options of `knn-cert certify`: what they are called, and what --help says of them."""

from __future__ import annotations

import argparse

from . import option_values, shared_options
from .data_options import add_table_arguments

ROW_THREATS = {
    "label-flips": "LabelFlips",
    "deletions": "Deletions",
    "insertions": "Insertions",
    "replacements": "Replacements",
}
THREATS = ("black-box", *ROW_THREATS, "row-shift", "query-shift")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `knn-cert certify`, in groups."""
    add_table_arguments(parser)

    classifier = parser.add_argument_group("classifier")
    classifier.add_argument(
        "--classes",
        metavar="LABELS",
        help="all labels that there can be, also in a tampered table, between commas: certificates are then "
        "stronger, and other labels are refused",
    )
    classifier.add_argument(
        "--k",
        "--n-neighbors",
        dest="k",
        type=option_values.whole,
        help="neighbours that vote (default: 5)",
    )
    classifier.add_argument(
        "--vote-radius",
        type=option_values.radius,
        metavar="R",
        help="in the place of --k: all rows within this distance vote",
    )
    classifier.add_argument(
        "--sigma",
        type=option_values.sigma,
        default=1.0,
        help="noise on every feature (standard deviation, default: %(default)s); 0 is plain K-NN",
    )
    classifier.add_argument(
        "--levels",
        type=option_values.whole,
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
        type=option_values.rows,
        metavar="R",
        help="at most so many training rows are tampered with: a whole number, or a share like 0.1 (1.0 is "
        "all of them); row-shift needs it",
    )
    certificate.add_argument(
        "--radius",
        type=option_values.radius,
        metavar="E",
        help="for row-shift and query-shift: moved by at most E in L2 norm, in the units of the features",
    )
    certificate.add_argument(
        "--relabel", action="store_true", help="for row-shift: the moved rows may carry any labels"
    )
    certificate.add_argument(
        "--query-shift",
        type=lambda text: (option_values.radius(text),),
        nargs="?",
        const=(None,),
        metavar="E",
        help="besides a threat to the training rows, whose budget is given, the query is moved by at most E; "
        "without E the largest radius is computed",
    )
    shared_options.add_results(
        certificate,
        budgets="radii or numbers of rows (default: the one that was asked for; 0.1,0.5,1; 1,10,100)",
    )

    running = parser.add_argument_group("running")
    running.add_argument(
        "--backend",
        choices=("auto", "native", "numba", "reference"),
        default="auto",
        help="default: %(default)s",
    )
    running.add_argument("--threads", type=option_values.whole, metavar="N", help="default: every core")
    running.add_argument(
        "--memory",
        type=option_values.size,
        metavar="SIZE",
        help="about how much memory may be used, as 2GB: tables are then read, and certificates written, in "
        "parts; needs --out",
    )
    running.add_argument(
        "--resume",
        action="store_true",
        help="go on with a run that was stopped, or begin one that can be (without --memory: 4GB)",
    )
    shared_options.add_quiet(running)
