"""`knn-cert certify`: from a table to certificates, a summary on stdout and a progress bar on a terminal.

What can be wrong is looked for before the work starts; the result file is written whole or not at all.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
import warnings
from typing import TYPE_CHECKING, Any

from knn_cert.progress import ProgressBar

from . import certify_data, certify_in_parts, certify_resume, shared_checks
from .certify_options import ROW_THREATS, add_arguments
from .certify_report import Facts, price, report
from .errors import InputError, gate_errors, input_errors
from .report_parts import deliver, summary_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knn_cert.threats import Threat

__all__ = ["DESCRIPTION", "EPILOG", "SUMMARY", "USAGE", "add_arguments", "run"]

SUMMARY = "certify the predictions for a table"
USAGE = """\
knn-cert certify TRAIN [TEST] --label COLUMN [options]
       knn-cert certify --dataset NAME [options]"""
DESCRIPTION = """\
Predict the rows of TEST from those of TRAIN with a K-NN classifier, smoothed
with noise or plain (--sigma 0), and certify how much tampering with the training table each prediction
provably survives. Exact: no sampling."""
EPILOG = """\
scaling:
  Features are used as they are, and sigma is in their units. Scale them
  beforehand with constants that do not come from the training table: a scaler
  fitted on a table that may be tampered with voids every certificate. So does
  a choice of features, of K or of sigma that looked at that table.

encoding:
  --encode works out on TRAIN what becomes of each column (which words are
  categories, which columns are left out), and this is a part of the classifier
  that is certified. The code of a row depends on its own cells alone.

hold-out:
  Without TEST some rows of TRAIN are held out, shuffled and stratified by
  class, and certified. Column "query" of the result is the row of TRAIN that
  was held out, or the row of TEST where there is one. Both count from 0.

threats:
  What is compared is the observed table, which may be tampered with, and every
  table that can be made of it within the budget. So --threat deletions answers
  an attacker who added rows, insertions one who removed some. Without a budget
  the largest one that each prediction survives is computed; with one (--rows,
  --radius) whether it survives that. Column "rows" or "radius" of the result
  is the budget, and a query that is not certified has abstained = True.

long runs:
  With --memory the process stays about below so much memory: queries are read
  and certified in parts, and so is the training table where it does not fit
  (text or Parquet, TEST in a file of its own, no --encode; docs/scaling.md says
  which threats are then offered). Other kinds of files are read whole and have
  to fit. Parts are kept in OUT.parts until all are there. Killed or
  interrupted, the same command with --resume goes on, and the result is the
  same to the last byte. Where OUT is written already, --resume is refused.

examples:
  knn-cert certify train.csv test.csv --label kind --sigma 0.5 --out cert.csv
  knn-cert certify table.parquet --label y --rows 10 --out cert.json
  knn-cert certify table.csv --label y --threat label-flips
  knn-cert certify table.csv --label y --threat row-shift --rows 0.1 --radius 0.5
  knn-cert certify table.csv --label y --sigma 0 --k 501 --threat replacements
  knn-cert certify --dataset spambase --levels 200
  knn-cert certify big.parquet new.csv --label y --threat label-flips \\
      --memory 2GB --resume --out cert.csv
"""


def run(args: argparse.Namespace) -> int:
    """Certify what `args` asks for and return the exit code.

    Raises
    ------
    InputError
        If anything that was passed in is wrong. Nothing has been written then.
    """
    _check_combination(args)
    from knn_cert import kernels
    from knn_cert.gate.numbers import check_n_threads, check_sigma_or_none

    with input_errors():  # found in a moment, and reading a large table takes longer
        check_sigma_or_none(args.sigma)
        kernels.get_backend(args.backend)
        n_threads = check_n_threads(args.threads)

    from knn_cert.exact.estimator import SmoothedKNNClassifier
    from knn_cert.tables import TableWarning

    warnings.simplefilter("always", TableWarning)  # until the command ends, whatever -W says
    with input_errors():
        threat = _threat(args)

    def fit(X: NDArray[np.floating[Any]], y: NDArray[Any]) -> SmoothedKNNClassifier:
        return SmoothedKNNClassifier(
            n_neighbors=5 if args.k is None else args.k,
            sigma=args.sigma,
            radius=args.vote_radius,
            edges=_edges(args, X.shape[1]),
            classes=certify_data.classes(args.classes, y),
            backend=args.backend,
            n_threads=n_threads,
        ).fit(X, y)

    if args.memory is not None or args.resume:
        return certify_in_parts.run(args, threat, n_threads, fit)
    certify_resume.check_nothing_kept(args)
    with input_errors():
        data = certify_data.read(args)
        classifier = fit(data.X_train, data.y_train)

    with gate_errors(), ProgressBar("certifying", enabled=not args.quiet) as progress:
        start = time.perf_counter()
        certificates = classifier.certify(data.X_test, threat, progress=progress)
        seconds = time.perf_counter() - start
    if data.row_numbers is not None:
        certificates = dataclasses.replace(certificates, query=data.row_numbers)

    with gate_errors():  # budgets that are no whole number of rows
        summary = summary_of(args, certificates, data.y_test)
        time_line = price(seconds, len(certificates), certificates, n_threads)
        text = report(args, Facts.of(data), certificates, summary, time_line)
    deliver(args, certificates, text)
    return 0


def _check_combination(args: argparse.Namespace) -> None:
    """Refuse options that contradict each other, or that would silently do nothing."""
    shared_checks.check_data(args)
    if args.shrink is not None and args.levels is None:
        raise InputError("--shrink goes with --levels; add --levels 200 or leave --shrink out")
    if args.k is not None and args.vote_radius is not None:
        raise InputError("--k and --vote-radius say both who votes; leave one of them out")
    if args.levels is not None and (args.sigma == 0.0 or args.vote_radius is not None):
        raise InputError("--levels is for K-NN with noise, --sigma above 0; leave --levels out")
    _check_threat(args)
    if (args.memory is not None or args.resume) and args.out is None:
        option = "--resume" if args.resume else "--memory"
        raise InputError(f"{option} keeps certificates in parts beside the result; add --out FILE")
    shared_checks.check_results(args)


def _check_threat(args: argparse.Namespace) -> None:
    if args.radius is not None and args.threat not in ("row-shift", "query-shift"):
        raise InputError(
            f"--radius goes with --threat row-shift or query-shift, not with {args.threat}; leave it out"
        )
    if args.relabel and args.threat != "row-shift":
        raise InputError(f"--relabel goes with --threat row-shift, not with {args.threat}; leave it out")
    if args.threat == "row-shift" and args.rows is None:
        raise InputError(
            "--threat row-shift needs --rows: how many training rows are moved, or a share like 0.1"
        )
    if args.threat == "query-shift" and args.rows is not None:
        raise InputError("--rows goes with a threat to the training rows, not with query-shift; leave it out")
    if args.query_shift is not None and args.threat in ("black-box", "query-shift"):
        raise InputError(
            "--query-shift goes with a threat to the training rows; for the query alone use "
            "--threat query-shift --radius E"
        )
    if args.levels is not None and args.threat != "black-box":
        raise InputError(f"--threat {args.threat} is for distances compared exactly; leave --levels out")


def _threat(args: argparse.Namespace) -> Threat:
    from knn_cert import threats

    if args.threat == "query-shift":
        return threats.QueryShift(args.radius)
    if args.threat == "black-box":
        return threats.BlackBoxBall(args.rows)
    if args.threat == "row-shift":
        threat = threats.RowShift(args.rows, args.radius, relabel=args.relabel)
    else:
        threat = getattr(threats, ROW_THREATS[args.threat])(args.rows)
    if args.query_shift is None:
        return threat
    (radius,) = args.query_shift
    return threats.QueryShift(radius, threat)


def _edges(args: argparse.Namespace, n_features: int) -> NDArray[np.float64] | None:
    if args.levels is None:
        return None
    from knn_cert.exact.edges import rab_edges

    shrink = 1.0 if args.shrink is None else args.shrink
    return rab_edges(n_features, args.sigma, levels=args.levels, shrink=shrink)
