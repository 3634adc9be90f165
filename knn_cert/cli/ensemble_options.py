"""The options of `knn-cert ensemble`: what they are called, what they take, and what --help says of them."""

from __future__ import annotations

import argparse

from . import option_values, shared_options
from .data_options import add_table_arguments
from .ensemble_models import DESCRIPTIONS

# Unanimous votes of 1000 models certify 2.4 sigma, of 200 models 1.8 sigma.
_N_MODELS = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command, in groups."""
    add_table_arguments(parser)

    classifier = parser.add_argument_group("classifier")
    classifier.add_argument(
        "--model",
        choices=tuple(DESCRIPTIONS),
        default=next(iter(DESCRIPTIONS)),
        metavar="MODEL",
        help=f"what is trained: {', '.join(DESCRIPTIONS)} (default: %(default)s)",
    )
    classifier.add_argument(
        "--sigma",
        type=option_values.sigma,
        default=1.0,
        help="noise on every feature of every training row (standard deviation, in the units of the "
        "features, default: %(default)s); more of it certifies larger changes, and costs accuracy",
    )
    classifier.add_argument(
        "--noise",
        choices=("gaussian", "uniform"),
        default="gaussian",
        metavar="LAW",
        help="its law, gaussian or uniform (default: %(default)s)",
    )

    shared_options.add_votes(parser, _N_MODELS)

    certificate = parser.add_argument_group("certificates")
    certificate.add_argument(
        "--rows",
        type=option_values.rows,
        metavar="R",
        help="at most so many training rows are changed, each within the radius: a whole number, or a share "
        "like 0.1 (default: any number of rows, whose changes add up to the radius)",
    )
    certificate.add_argument(
        "--norm",
        choices=("l1", "l2", "linf"),
        metavar="NORM",
        help="norm of the radius: l2 for gaussian noise; for uniform noise l1, or with --rows any of them "
        "(default: l2, and l1 for uniform noise)",
    )
    shared_options.add_results(certificate, budgets="radii (default: 0.1,0.5,1)")

    running = parser.add_argument_group("running")
    shared_options.add_quiet(running)
