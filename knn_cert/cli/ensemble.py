"""`knn-cert ensemble`: certificates for other models than K-NN, by the votes of many (Algorithm 1 of RAB)."""

from __future__ import annotations

import argparse
import warnings
from typing import TYPE_CHECKING

from knn_cert._printing import printable

from . import certify_data, report_parts, shared_checks, voting
from .ensemble_models import DESCRIPTIONS, NamedTrainer
from .ensemble_options import add_arguments
from .errors import InputError, input_errors
from .report_parts import plural

if TYPE_CHECKING:
    from knn_cert.threats import BlackBoxBall

    from .certify_data import Data

__all__ = ["DESCRIPTION", "EPILOG", "SUMMARY", "USAGE", "add_arguments", "run"]

_MOST_SIGMAS = 40.0  # no number of double precision that is drawn from a normal law is farther out

SUMMARY = "certify other models for a table, by votes"
USAGE = """\
knn-cert ensemble TRAIN [TEST] --label COLUMN [--model MODEL] [options]
       knn-cert ensemble --dataset NAME [--model MODEL] [options]"""
DESCRIPTION = """\
Train many models of one kind, each on the rows of TRAIN with noise of its own,
let them vote on the rows of TEST, and certify from the votes how far training
rows may be changed before the prediction could be another one. Certificates
hold with probability 1 - alpha over the noise."""
EPILOG = f"""\
models:
{chr(10).join(f"  {name:<21}{words}" for name, words in DESCRIPTIONS.items())}
  Other trainers, nets among them: knn_cert.montecarlo.SmoothedEnsemble.

scaling:
  sigma and the radius are in the units of the features, so columns of very
  different sizes share one noise. Scale the table beforehand, with constants
  that do not come from it. What a model fits on its own noised rows is part of
  the model and needs no such care.

encoding:
  What --encode makes of each column is worked out on TRAIN, and is a part of
  the models that are certified. Noise is on the codes; a changed word moves a
  row by 1.

threat:
  Changed features of training rows: by less than the radius in total over all
  rows or, with --rows, by less than the radius in each of so many. Changed
  labels, added and deleted rows are not covered; knn-cert certify has K-NN for
  these.

hold-out:
  Without TEST some rows of TRAIN are held out, as by knn-cert certify.

time:
  1000 models of 3,680 rows and 56 features, on one core: naive-bayes 6 s,
  logistic-regression 15 s, linear-svm 30 s, decision-tree 2 minutes,
  random-forest 5 minutes and 1 GB of memory. --jobs shares the work among
  cores, and --n-models 200 takes a fifth of it.

examples:
  knn-cert ensemble train.csv test.csv --label kind --sigma 0.25 --out cert.csv
  knn-cert ensemble table.csv --label y --model decision-tree --n-models 200
  knn-cert ensemble table.csv --label y --sigma 0.5 --rows 0.01 --budgets 0.05,0.1
  knn-cert ensemble --dataset spambase --sigma 0.25
"""


def run(args: argparse.Namespace) -> int:
    """Certify what `args` asks for and return the exit code.

    Raises
    ------
    InputError
        If anything that was passed in is wrong. Nothing has been written then.
    """
    shared_checks.check_data(args)
    _check_noise(args)
    shared_checks.check_results(args)
    from knn_cert.gate.numbers import check_sigma
    from knn_cert.montecarlo import SmoothedEnsemble
    from knn_cert.tables import TableWarning

    warnings.simplefilter("always", TableWarning)  # until the command ends, whatever -W says
    seed = voting.noise_seed(args)
    with input_errors():  # found in a moment, and reading a large table takes longer
        check_sigma(args.sigma)
        threat = _threat(args)
        ensemble = SmoothedEnsemble(
            NamedTrainer(args.model), sigma=args.sigma, noise=args.noise, **voting.settings(args, seed)
        )
        data = certify_data.read(args)
    _check_size(args, data)

    queries = voting.Queries(data.X_test, data.row_numbers)
    votes = voting.run(args, ensemble, (data.X_train, data.y_train), queries, threat)
    text = _report(args, data, votes, seed)
    report_parts.deliver(args, votes.certificates, text)
    return 0


def _check_noise(args: argparse.Namespace) -> None:
    if args.sigma == 0.0:
        raise InputError(
            "--sigma must be above 0: without noise every model is the same and the votes say nothing; for a "
            "classifier without noise there is knn-cert certify --sigma 0"
        )
    if args.noise == "gaussian" and args.norm not in (None, "l2"):
        raise InputError(
            f"--norm {args.norm} goes with --noise uniform, Gaussian noise certifies l2; leave it out or add "
            "--noise uniform"
        )
    if args.noise == "uniform" and args.rows is None and args.norm not in (None, "l1"):
        raise InputError(
            f"--norm {args.norm} goes with --rows: changes of all rows together are certified in l1; add "
            "--rows R or leave --norm out"
        )


def _check_size(args: argparse.Namespace, data: Data) -> None:
    """Refuse features that, with their noise, are no numbers of single precision, which trees compare."""
    import numpy as np

    largest = max(float(np.abs(X).max(initial=0.0)) for X in (data.X_train, data.X_test))
    if largest + _MOST_SIGMAS * args.sigma > float(np.finfo(np.float32).max):
        raise InputError(
            f"features and --sigma must be numbers below 3e38 in size, got {largest:g} and {args.sigma:g}; "
            "divide both by the same constant, which changes no certificate but its unit"
        )


def _threat(args: argparse.Namespace) -> BlackBoxBall:
    from knn_cert.threats import BlackBoxBall

    usual = "l2" if args.noise == "gaussian" else "l1"
    return BlackBoxBall(args.rows, usual if args.norm is None else args.norm)


def _report(args: argparse.Namespace, data: Data, votes: voting.Votes, seed: int) -> str:
    certificates = votes.certificates
    n, d = data.X_train.shape
    return report_parts.report(
        args,
        report_parts.summary_of(args, certificates, data.y_test),
        above=[
            ("data set", f"{printable(data.title)}; queries: {printable(data.source)}"),
            ("training table", f"n = {plural(n, 'row')}, d = {plural(d, 'feature')}"),
            ("classes", report_parts.classes(data.y_train, "row", data.class_names)),
            ("models", f"{args.n_models} of {voting.trainer(certificates)}"),
            ("noise", f"{args.noise}, sigma = {args.sigma:g}, on every feature of every training row"),
            ("certificates hold", voting.confidence(certificates)),
            ("threat", certificates.threat.describe(certificates.classifier.norm)),
        ],
        below=[("time", votes.price(seed))],
    )
