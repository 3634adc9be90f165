"""Options that several commands have: the hold-out, sampled votes, results, how much is said."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from . import option_values

if TYPE_CHECKING:
    from argparse import _ArgumentGroup as Group

# A certificate may be wrong once in a thousand times: what the papers on sampled votes use.
_ALPHA = 0.001


def add_hold_out(group: Group) -> None:
    """Add which rows become queries: --test-size, --seed, --limit."""
    group.add_argument(
        "--test-size",
        type=option_values.test_size,
        metavar="SIZE",
        help="for the hold-out: fraction of the rows, or a whole number of rows (default: 0.2)",
    )
    group.add_argument(
        "--seed", type=option_values.seed, default=0, help="for the hold-out (default: %(default)s)"
    )
    group.add_argument(
        "--limit", type=option_values.count, metavar="N", help="certify only the first N queries"
    )


def add_votes(parser: argparse.ArgumentParser, n_models: int) -> None:
    """Add what certificates from votes of models rest on, and how the models are trained."""
    votes = parser.add_argument_group("votes")
    votes.add_argument(
        "--n-models",
        type=option_values.count,
        default=n_models,
        metavar="N",
        help="models that vote, each trained with noise of its own; more of them certify more, and take "
        "longer (default: %(default)s)",
    )
    votes.add_argument(
        "--n-pilot",
        type=option_values.whole,
        default=0,
        metavar="N",
        help="further models that choose the label to certify (default: 0, the models that vote choose it)",
    )
    votes.add_argument(
        "--alpha",
        type=option_values.chance,
        default=_ALPHA,
        help="probability that a certificate is wrong, over the noise (default: %(default)s)",
    )
    votes.add_argument(
        "--simultaneous",
        action="store_true",
        help="alpha is for all queries together; without it for each of them",
    )
    votes.add_argument(
        "--noise-seed",
        type=option_values.seed,
        metavar="SEED",
        help="seed of the noise, to repeat a run (default: a new one, which the summary names); whoever "
        "knew it when he tampered with the data is not covered",
    )
    votes.add_argument(
        "--jobs",
        type=option_values.count,
        metavar="N",
        help="processes that train models; their number changes no certificate (default: every core)",
    )


def add_results(group: Group, *, budgets: str) -> None:
    """Add what is shown and where certificates go: --budgets, --out."""
    group.add_argument(
        "--budgets",
        type=option_values.budgets,
        metavar="B1,B2,...",
        help=f"budgets of the summary: {budgets}",
    )
    group.add_argument("--out", metavar="FILE", help="where to write them: .csv, .json or .npz")


def add_quiet(group: Group) -> None:
    """Add --quiet."""
    group.add_argument(
        "--quiet", action="store_true", help="print nothing but warnings and errors; needs --out"
    )
