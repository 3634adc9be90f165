"""`knn-cert text`: certificates against poisoned texts, by votes of many models (CROWD, made sound)."""

from __future__ import annotations

import argparse
import warnings
from typing import TYPE_CHECKING

from knn_cert._printing import printable

from . import certify_data, report_parts, shared_checks, text_threats, voting
from .errors import InputError, input_errors
from .report_parts import plural
from .text_options import MODELS, add_arguments

if TYPE_CHECKING:
    from .text_data import TextData

__all__ = ["DESCRIPTION", "EPILOG", "SUMMARY", "USAGE", "add_arguments", "run"]

SUMMARY = "certify a classifier of texts, by votes"
USAGE = "knn-cert text TRAIN [TEST] --text COLUMN --label COLUMN [options]"
DESCRIPTION = """\
Train many classifiers of texts, each on the texts of TRAIN with noise of its
own (words deleted, texts left out), let them vote on the texts of TEST, and
certify from the votes how much tampering with the training texts, or with the
query, each prediction provably survives. Certificates hold with probability
1 - alpha over the noise."""
EPILOG = """\
threats:
  trigger-inserted   words were inserted into some training texts (BadNets,
                     AddSent): a trigger of --words N words, or --trigger TEXT
  words-removed, words-replaced, words-edited
                     ... removed, replaced, or any mix of it
  texts-added, texts-removed, texts-changed, labels-flipped
                     whole training texts; needs --classes
  query-words        words of the query were edited, as --edit says
  The name says what was done to the texts that you have. What is certified is
  that the prediction is the one which the clean texts give. Without a budget
  the largest one that each prediction survives is computed; with one (--rows,
  --words of the query) whether it survives that. Column "rows" or "words" of
  the result is the budget, and abstained = True means no certificate.

words:
  A word is a token: a run of letters and digits, or another sign, in lower
  case. "c.f." is four of them.

noise:
  It hides the tampering from most models, and costs accuracy. Without an
  option it is --delete 0.9 for words of training texts, --drop-texts 0.9 for
  whole texts and labels, --delete 0.8 for words of the query. Options add up,
  one after the other. Choose them, and the model, before you look at texts
  that may have been tampered with, or the choice is one more thing that the
  attacker has influenced.

hold-out:
  Without TEST some rows of TRAIN are held out, shuffled and stratified by
  class, and certified. Column "query" of the result is the row of TRAIN that
  was held out, or the row of TEST where there is one. Both count from 0.

time:
  1000 models of 7,000 sentences take half a minute on one core; --jobs shares
  them among cores, and --n-models 200 takes a fifth of it, and certifies less.

examples:
  knn-cert text train.csv test.csv --text review --label mood --out cert.csv
  knn-cert text mails.tsv --text body --label kind --trigger "click here"
  knn-cert text table.csv --text 0 --label 1 --threat texts-added --classes a,b
  knn-cert text table.csv --text t --label y --threat query-words --edit inserted
  knn-cert text table.csv --text t --label y --rows 5 --query-words
"""


def run(args: argparse.Namespace) -> int:
    """Certify what `args` asks for and return the exit code.

    Raises
    ------
    InputError
        If anything that was passed in is wrong. Nothing has been written then.
    """
    shared_checks.check_tables(args)
    for option, given in (("--text", args.text), ("--label", args.label)):
        if given is None:
            raise InputError(f"expected {option} COLUMN, the name of a column or its position, got none")
    text_threats.check(args)
    shared_checks.check_results(args)
    threat = text_threats.threat(args)
    law = text_threats.law(args, threat)

    from knn_cert.tables import TableWarning
    from knn_cert.text import BagOfWords, SmoothedTextEnsemble

    from . import text_data

    warnings.simplefilter("always", TableWarning)  # until the command ends, whatever -W says
    seed = voting.noise_seed(args)
    with input_errors():
        data = text_data.read(args)
        ensemble = SmoothedTextEnsemble(
            BagOfWords(MODELS[args.model]),
            law,
            query_noise=threat.moves_query,
            classes=certify_data.classes(args.classes, data.y_train),
            **voting.settings(args, seed),
        )

    queries = voting.Queries(data.queries, data.row_numbers)
    votes = voting.run(args, ensemble, (data.texts, data.y_train), queries, threat)
    text = _report(args, data, votes, law.noise(query_noise=threat.moves_query).words, seed)
    report_parts.deliver(args, votes.certificates, text)
    return 0


def _report(args: argparse.Namespace, data: TextData, votes: voting.Votes, noise: str, seed: int) -> str:
    certificates = votes.certificates
    n = plural(len(data.texts), "text")
    return report_parts.report(
        args,
        report_parts.summary_of(args, certificates, data.y_test),
        above=[
            ("data set", f"{printable(data.title)}; queries: {printable(data.source)}"),
            ("training texts", f"n = {n}, {plural(data.n_tokens, 'word')} in the median"),
            ("classes", report_parts.classes(data.y_train, "text", {})),
            ("models", f"{args.n_models} of {voting.trainer(certificates)}"),
            ("noise", noise),
            ("certificates hold", voting.confidence(certificates)),
            ("threat", certificates.threat.describe()),
        ],
        below=[("time", votes.price(seed))],
    )
