"""The options of `knn-cert text`: what they are called, what they take, and what --help says of them."""

from __future__ import annotations

import argparse

from . import option_values, shared_options, table_options
from .text_threats import QUERY_EDITS, THREATS

# Many models tell classes apart that few leave undecided: see docs/text.md.
_N_MODELS = 1000

# What is trained, by the name that `knn_cert.text.BagOfWords` has for it.
MODELS = {"logistic-regression": "logistic", "naive-bayes": "naive-bayes"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command, in groups."""
    parser.add_argument(
        "tables",
        nargs="*",
        metavar="TRAIN, TEST",
        help="tables with a column of texts and one of labels: .csv, .tsv, .txt (also .gz); "
        "other columns are not looked at. TEST may do without labels",
    )

    data = parser.add_argument_group("data")
    data.add_argument("--text", metavar="COLUMN", help="column of the texts, by name or position")
    data.add_argument("--label", metavar="COLUMN", help="column of the labels, by name or position")
    data.add_argument(
        "--classes",
        metavar="LABELS",
        help="all labels that there can be, also in tampered texts, between commas; others are refused",
    )
    data.add_argument(
        "--no-header",
        action="store_true",
        help="the first line of the tables holds data; columns are then called 0, 1, 2, ...",
    )
    data.add_argument(
        "--no-quotes",
        action="store_true",
        help="quotes are part of the texts, and cells end at the next tab or comma",
    )
    table_options.add_encoding(data)
    shared_options.add_hold_out(data)

    _add_noise(parser)
    shared_options.add_votes(parser, _N_MODELS)
    _add_certificates(parser)

    running = parser.add_argument_group("running")
    shared_options.add_quiet(running)


def _add_noise(parser: argparse.ArgumentParser) -> None:
    noise = parser.add_argument_group("models and noise")
    noise.add_argument(
        "--model",
        choices=tuple(MODELS),
        default=next(iter(MODELS)),
        metavar="MODEL",
        help=f"what is trained on TF-IDF weights of words: {', '.join(MODELS)} (default: %(default)s)",
    )
    for option, what in (
        ("--delete", "every word is deleted with probability P"),
        ("--mask", "every word is masked with probability P"),
        ("--drop-texts", "every training text is left out with probability P"),
        ("--flip-labels", "every training label is replaced with probability P"),
    ):
        noise.add_argument(option, type=option_values.chance, metavar="P", help=what)


def _add_certificates(parser: argparse.ArgumentParser) -> None:
    certificate = parser.add_argument_group("certificates")
    certificate.add_argument(
        "--threat",
        choices=THREATS,
        default=THREATS[0],
        metavar="THREAT",
        help=f"what the attacker may have done: {', '.join(THREATS)} (default: %(default)s)",
    )
    certificate.add_argument(
        "--words",
        type=option_values.count,
        metavar="N",
        help="at most so many words of each of these training texts (default: 1), or for query-words of the "
        "query (default: the largest number is computed)",
    )
    certificate.add_argument(
        "--trigger", metavar="TEXT", help="in place of --words: the words themselves, which are counted"
    )
    certificate.add_argument(
        "--rows",
        type=option_values.rows,
        metavar="R",
        help="in at most so many training texts: a whole number, or a share like 0.01 (default: the largest "
        "number is computed)",
    )
    certificate.add_argument(
        "--query-words",
        type=lambda text: (option_values.count(text),),
        nargs="?",
        const=(None,),
        metavar="N",
        help="besides the training texts, whose --rows are given, at most N words of the query were edited: "
        "a backdoor and its trigger; without N the largest number is computed",
    )
    certificate.add_argument(
        "--edit",
        choices=QUERY_EDITS,
        metavar="EDIT",
        help=f"what was done to words of the query: {', '.join(QUERY_EDITS)} (default: as in the training "
        "texts, else any)",
    )
    shared_options.add_results(
        certificate,
        budgets="numbers of texts, or of words of the query (default: the one that was asked for; 1,10,100; "
        "1,2,3)",
    )
