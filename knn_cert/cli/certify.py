"""`knn-cert certify`: from a table to certificates, a summary on stdout and a progress bar on a terminal.

What can be wrong is looked for before the work starts; the result file is written whole or not at all.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from knn_cert.progress import ProgressBar

from .errors import InputError, gate_errors, input_errors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knn_cert.certificates import Certificates
    from knn_cert.threats import Threat

SUMMARY = "certify the predictions for a table"
USAGE = """\
knn-cert certify TRAIN [TEST] --label COLUMN [options]
       knn-cert certify --dataset NAME [options]"""
DESCRIPTION = """\
Predict the rows of TEST from those of TRAIN with a smoothed K-NN classifier,
and certify how much tampering with the training table each prediction
provably survives. Exact: no sampling."""
EPILOG = """\
scaling:
  Features are used as they are, and sigma is in their units. Scale them
  beforehand with constants that do not come from the training table: a scaler
  fitted on a table that may be tampered with voids every certificate. So does
  a choice of features, of K or of sigma that looked at that table.

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

examples:
  knn-cert certify train.csv test.csv --label kind --sigma 0.5 --out cert.csv
  knn-cert certify table.parquet --label y --rows 10 --out cert.json
  knn-cert certify table.csv --label y --threat label-flips
  knn-cert certify table.csv --label y --threat row-shift --rows 0.1 --radius 0.5
  knn-cert certify --dataset spambase --levels 200
"""

_ROW_THREATS = {
    "label-flips": "LabelFlips",
    "deletions": "Deletions",
    "insertions": "Insertions",
    "replacements": "Replacements",
}
_THREATS = ("black-box", *_ROW_THREATS, "row-shift", "query-shift")


_CLASSES_SHOWN = 5
_CLASS_WIDTH = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command, in groups."""
    parser.add_argument(
        "tables",
        nargs="*",
        metavar="TRAIN, TEST",
        help="tables: .csv, .tsv (also .gz), .parquet, .npz (arrays X and y); numbers in every column but "
        "the label. TEST has the same columns; its label column may be absent",
    )

    data = parser.add_argument_group("data")
    data.add_argument(
        "--label", metavar="COLUMN", help="label column of TRAIN (and TEST), by name or position"
    )
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
        type=int,
        default=5,
        help="neighbours that vote (default: %(default)s)",
    )
    classifier.add_argument(
        "--sigma",
        type=float,
        default=1.0,
        help="noise on every feature (standard deviation, default: %(default)s)",
    )
    classifier.add_argument(
        "--levels",
        type=int,
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
        choices=_THREATS,
        default="black-box",
        metavar="THREAT",
        help=f"what the attacker may have done: {', '.join(_THREATS)} (default: %(default)s, rows changed "
        "within the radius of Eq. (14) of RAB, or with --rows of Eq. (15))",
    )
    certificate.add_argument(
        "--rows",
        type=_rows,
        metavar="R",
        help="at most so many training rows are tampered with: a whole number or, but for black-box, a share "
        "like 0.1; row-shift needs it",
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
        type=_radius,
        nargs="?",
        const=math.nan,
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
    running.add_argument("--threads", type=int, metavar="N", help="default: every core")
    running.add_argument("--quiet", action="store_true", help="print nothing but errors; needs --out")


def run(args: argparse.Namespace) -> int:
    """Certify what `args` asks for and return the exit code.

    Raises
    ------
    InputError
        If anything that was passed in is wrong. Nothing has been written then.
    """
    _check_combination(args)
    with input_errors():
        _check_out(args)
    from knn_cert import kernels
    from knn_cert._validation import check_n_threads, check_sigma

    with input_errors():  # found in a moment, and reading a large table takes longer
        check_sigma(args.sigma)
        kernels.get_backend(args.backend)
        n_threads = check_n_threads(args.threads)

    from knn_cert.estimator import SmoothedKNNClassifier

    with input_errors():
        threat = _threat(args)
        data = _read_dataset(args) if args.dataset is not None else _read_tables(args)
        classifier = SmoothedKNNClassifier(
            n_neighbors=args.k,
            sigma=args.sigma,
            edges=_edges(args, data.X_train.shape[1]),
            backend=args.backend,
            n_threads=n_threads,
        ).fit(data.X_train, data.y_train)

    with gate_errors(), ProgressBar("certifying", enabled=not args.quiet) as progress:
        start = time.perf_counter()
        certificates = classifier.certify(data.X_test, threat, progress=progress)
        seconds = time.perf_counter() - start
    if data.row_numbers is not None:
        certificates = dataclasses.replace(certificates, query=data.row_numbers)

    report = _report(args, data, certificates, seconds, n_threads)
    if args.out is not None:
        with input_errors():  # a full disk
            certificates.save(args.out)
    if not args.quiet:
        _print(report)
    return 0


class _Data(NamedTuple):
    """A training table, queries, their labels if known, and where the queries come from."""

    title: str
    source: str
    X_train: NDArray[np.float64]
    y_train: NDArray[Any]
    X_test: NDArray[np.float64]
    y_test: NDArray[Any] | None
    class_names: dict[int, str]
    row_numbers: NDArray[np.int64] | None = None  # of the queries in their table; None: 0, 1, 2, ...


def _check_combination(args: argparse.Namespace) -> None:
    """Options that contradict each other, or that would silently do nothing, are mistakes."""
    help_ = "; see knn-cert certify --help"
    if args.dataset is None:
        if not args.tables:
            raise InputError(f"expected a table (TRAIN.csv [TEST.csv]) or --dataset NAME, got neither{help_}")
        if len(args.tables) > 2:
            raise InputError(f"expected at most two tables, TRAIN and TEST, got {len(args.tables)}{help_}")
        for option, given in (
            ("--feature-map", args.feature_map is not None),
            ("--data-dir", args.data_dir is not None),
            ("--no-download", args.no_download),
        ):
            if given:
                raise InputError(f"{option} goes with --dataset, not with a table; leave it out")
        if len(args.tables) == 2 and args.test_size is not None:
            raise InputError(
                "--test-size is for the hold-out, and with TEST there is none; leave one of them out"
            )
    else:
        if args.tables:
            raise InputError(
                f"expected a table or --dataset, got both; leave out {args.tables[0]} or --dataset"
            )
        if args.label is not None:
            raise InputError("--label goes with a table, not with --dataset; leave it out")
    if args.shrink is not None and args.levels is None:
        raise InputError("--shrink goes with --levels; add --levels 200 or leave --shrink out")
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
    if args.threat == "black-box" and isinstance(args.rows, float):
        raise InputError(f"--threat black-box needs a whole number of --rows, got {args.rows}")
    if args.threat == "query-shift" and args.rows is not None:
        raise InputError("--rows goes with a threat to the training rows, not with query-shift; leave it out")
    if args.query_shift is not None and args.threat in ("black-box", "query-shift"):
        raise InputError(
            "--query-shift goes with a threat to the training rows; for the query alone use "
            "--threat query-shift --radius E"
        )
    if args.levels is not None and args.threat != "black-box":
        raise InputError(f"--threat {args.threat} is for distances compared exactly; leave --levels out")
    if args.quiet and args.out is None:
        raise InputError("--quiet without --out would give no result at all; add --out FILE")


def _check_out(args: argparse.Namespace) -> None:
    """Find out now, not after the work, whether the result can be written."""
    if args.out is None:
        return
    from knn_cert.certificates import check_writable

    out = check_writable(args.out)
    for table in args.tables:
        if os.path.exists(table) and os.path.exists(out) and os.path.samefile(table, out):
            raise InputError(f"--out {args.out} would overwrite the table {table}; choose another name")


def _read_dataset(args: argparse.Namespace) -> _Data:
    from knn_cert.datasets import load_dataset

    dataset = load_dataset(
        args.dataset,
        feature_map=args.feature_map,
        test_size=_default_test_size(args),
        random_state=args.seed,
        data_dir=args.data_dir,
        download=not args.no_download,
    )
    return _Data(
        title=dataset.name,
        source="test rows of the data set",
        X_train=dataset.X_train,
        y_train=dataset.y_train,
        X_test=dataset.X_test[: args.limit],
        y_test=dataset.y_test[: args.limit],
        class_names=dataset.class_names,
    )


def _read_tables(args: argparse.Namespace) -> _Data:
    from knn_cert import tables

    train = tables.read_table(args.tables[0], args.label)
    if len(args.tables) == 2:
        X_test, y_test = tables.read_queries(
            args.tables[1], train.feature_names, train.label_name, y_train=train.y
        )
        return _Data(
            title=args.tables[0],
            source=f"rows of {args.tables[1]}",
            X_train=train.X,
            y_train=train.y,
            X_test=X_test[: args.limit],
            y_test=None if y_test is None else y_test[: args.limit],
            class_names={},
        )
    kept, held_out = tables.holdout_rows(train.y, _default_test_size(args), args.seed)
    held_out = held_out[: args.limit]
    return _Data(
        title=args.tables[0],
        source=f"held-out rows, seed {args.seed}",
        X_train=train.X[kept],
        y_train=train.y[kept],
        X_test=train.X[held_out],
        y_test=train.y[held_out],
        class_names={},
        row_numbers=held_out,
    )


def _default_test_size(args: argparse.Namespace) -> float | int:
    return 0.2 if args.test_size is None else args.test_size


def _threat(args: argparse.Namespace) -> Threat:
    from knn_cert import threats

    if args.threat == "query-shift":
        return threats.QueryShift(args.radius)
    if args.threat == "black-box":
        return threats.BlackBoxBall(args.rows)
    if args.threat == "row-shift":
        threat = threats.RowShift(args.rows, args.radius, relabel=args.relabel)
    else:
        threat = getattr(threats, _ROW_THREATS[args.threat])(args.rows)
    if args.query_shift is None:
        return threat
    return threats.QueryShift(None if math.isnan(args.query_shift) else args.query_shift, threat)


def _edges(args: argparse.Namespace, n_features: int) -> NDArray[np.float64] | None:
    if args.levels is None:
        return None
    from knn_cert.edges import rab_edges

    shrink = 1.0 if args.shrink is None else args.shrink
    return rab_edges(n_features, args.sigma, levels=args.levels, shrink=shrink)


def _report(
    args: argparse.Namespace, data: _Data, certificates: Certificates, seconds: float, n_threads: int
) -> str:
    """Return what the user reads: the setting, Table 1 of RAB, the price, and where the certificates are."""
    n, d = data.X_train.shape
    m = len(certificates)
    classifier = certificates.classifier
    kind = "continuous" if classifier.edges is None else f"{len(classifier.edges) + 1} distance buckets"
    vote = f"smoothed K-NN, K = {classifier.n_neighbors}, sigma = {certificates.noise.sigma:g}, {kind}"
    price = f"{_duration(seconds)} in all; {classifier.backend}, {_plural(n_threads, 'thread')}"
    lines = [
        ("data set", f"{data.title}; queries: {data.source}"),
        ("training table", f"n = {_plural(n, 'row')}, d = {_plural(d, 'feature')}"),
        ("classes", _classes(data)),
        ("classifier", vote),
        ("threat", certificates.threat.describe()),
        None,
        ("time per query", f"{_duration(seconds / m)} ({price})"),
        ("certificates", "not written (--out FILE)" if args.out is None else f"written to {args.out}"),
    ]
    table = str(certificates.summary(data.y_test, args.budgets))
    return "\n".join(table if line is None else f"{line[0]:<24}  {line[1]}" for line in lines)


def _classes(data: _Data) -> str:
    import numpy as np

    classes, counts = np.unique(data.y_train, return_counts=True)
    if len(classes) > _CLASSES_SHOWN:
        return f"{len(classes)}, of {counts.min()} to {counts.max()} rows"
    shown = []
    for label, count in zip(classes.tolist(), counts.tolist(), strict=True):
        name = str(label) if label not in data.class_names else f"{label} {data.class_names[label]}"
        if len(name) > _CLASS_WIDTH:
            name = name[: _CLASS_WIDTH - 3] + "..."
        shown.append(f"{name} ({_plural(count, 'row')})")
    return f"{len(classes)}: {', '.join(shown)}"


def _plural(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _duration(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{1e6 * seconds:.3g} us"
    return f"{1e3 * seconds:.3g} ms" if seconds < 1.0 else f"{seconds:.3g} s"


def _print(text: str) -> None:
    # Labels and file names may hold characters that the terminal cannot show; the result is written already.
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def _dataset_names() -> str:
    from knn_cert.datasets import list_datasets

    return ", ".join(list_datasets())


def _count(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number >= 1, got {text!r}")
    return value


def _seed(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to 2**32 - 1, got {text!r}")
    return value


def _test_size(text: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        message = f"expected a fraction in (0, 1) or a number of rows, got {text!r}"
        raise argparse.ArgumentTypeError(message) from None


def _rows(text: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0.0 < share < 1.0:
        raise argparse.ArgumentTypeError(f"expected a number of rows, or a share like 0.1, got {text!r}")
    return share


def _radius(text: str) -> float:
    try:
        radius = float(text)
    except ValueError:
        radius = math.nan
    if not radius >= 0.0:
        raise argparse.ArgumentTypeError(f"expected a radius >= 0, got {text!r}")
    return radius


def _budgets(text: str) -> tuple[float, ...]:
    try:
        budgets = tuple(float(word) for word in text.split(","))
    except ValueError:
        budgets = (math.nan,)
    if not all(0.0 <= budget < math.inf for budget in budgets):
        raise argparse.ArgumentTypeError(f"expected numbers >= 0 such as 0.1,0.5,1.0, got {text!r}")
    return budgets
