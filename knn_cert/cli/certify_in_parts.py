"""`knn-cert certify --memory`: queries in parts, and the training table too where it does not fit."""

from __future__ import annotations

import argparse
import contextlib
import os
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from knn_cert._printing import printable
from knn_cert.progress import ProgressBar

from . import certify_data, report_parts, table_options
from .certify_report import Facts, price, report
from .errors import InputError, input_errors, work_errors
from .report_parts import plural, print_report

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knn_cert.exact.estimator import SmoothedKNNClassifier
    from knn_cert.streaming import Asked, Counted, Journal
    from knn_cert.threats import Threat

    Fit = Callable[[NDArray[np.floating[Any]], NDArray[Any]], SmoothedKNNClassifier]

# Where nobody says how much.
_MEMORY = 4 * 10**9

# On these no number in the result depends, or what they name is looked at by its content.
_NOT_IN_HEAD = (
    "command",
    "data_dir",
    "memory",
    "no_download",
    "out",
    "quiet",
    "resume",
    "tables",
    "threads",
)


class _Work(NamedTuple):
    """What is to be done, and how it is called."""

    facts: Facts
    journal: Journal
    certify: Callable[[Asked], None]
    numbers: NDArray[np.int64] | None = None  # what queries are called, where not by their rows


def run(args: argparse.Namespace, threat: Threat, n_threads: int, fit: Fit) -> int:
    """Certify as `knn-cert certify` does, in parts that are kept until all are there.

    Raises
    ------
    InputError
        If anything that was passed in is wrong; what is certified already is not lost.
    """
    from knn_cert import streaming

    memory = _MEMORY if args.memory is None else args.memory
    with contextlib.ExitStack() as stack:
        with input_errors():
            # Found in a moment, and reading a large table takes longer.
            streaming.Journal.check_may_begin(_folder(args), resume=args.resume)
            states = _states(args)
            if _is_streamed(args, memory):
                work = stack.enter_context(_with_passes(args, threat, memory, n_threads))
            else:
                work = stack.enter_context(_with_table(args, memory, fit))
        began, n_before = time.perf_counter(), work.journal.n_queries
        try:
            with ProgressBar("certifying", enabled=not args.quiet) as progress, work_errors():
                work.certify(streaming.Asked(threat, progress, args.budgets, args.limit, work.numbers))
        except KeyboardInterrupt as stopped:
            kept = plural(work.journal.n_queries, "certificate")
            raise KeyboardInterrupt(f"{kept} kept in {_folder(args)}; --resume goes on") from stopped
        seconds, n_done = time.perf_counter() - began, work.journal.n_queries - n_before
        with input_errors():
            if _states(args) != states:
                raise InputError(
                    "expected tables that stay as they are while they are read, got one that was written to; "
                    f"certificates may be of two tables: delete {printable(_folder(args))} and start anew"
                )
            counted = streaming.finish(work.journal, Path(args.out))
        _warn(counted, work.journal.stop)
        work.journal.remove()
    title, said = "time", "nothing was left to certify"
    if n_done:
        title, said = price(seconds, n_done, counted.example, n_threads)
    if n_before:
        said += f"; {plural(n_before, 'certificate')} from an earlier run"
    if not args.quiet:
        print_report(report(args, work.facts, counted.example, counted.summary, (title, said)))
    return 0


def _is_streamed(args: argparse.Namespace, memory: int) -> bool:
    """Whether the training table is read in parts: it does not fit, or was read so when the run began.

    Raises
    ------
    InputError
        If it would have to be, and cannot.
    """
    from knn_cert import streaming, tables

    kept = streaming.Journal.kept_plan(_folder(args))
    if kept is not None and args.resume:
        return bool(kept["streamed"])
    if args.dataset is not None:
        return False
    size = tables.size_of_table(args.tables[0], args.label, **table_options.for_queries(args))
    if size is None or streaming.whole_table_fits(*size, memory):
        return False
    n, d = size
    cannot = {
        "without TEST: rows to hold out are drawn from the whole table": len(args.tables) < 2,
        "with --encode, --fill or --drop-missing": args.encode or args.fill or args.drop_missing,
        "with --vote-radius or --levels": args.vote_radius is not None or args.levels is not None,
        f"with --backend {args.backend}": args.backend not in ("auto", "native"),
    }
    reason = next((what for what, is_so in cannot.items() if is_so), None)
    if reason is not None:
        raise InputError(
            f"the training table ({n} rows, {d} features) does not fit into --memory, and it cannot be read "
            f"in parts {reason}; allow more memory, or leave that out"
        )
    return True


@contextlib.contextmanager
def _with_table(args: argparse.Namespace, memory: int, fit: Fit) -> Iterator[_Work]:
    """Read the training table whole; queries in a file of their own in parts."""
    import numpy as np

    from knn_cert import streaming, tables

    with contextlib.ExitStack() as stack:
        head = _head(args)
        queries: Any
        if args.dataset is None and len(args.tables) == 2:
            train = tables.read_table(args.tables[0], args.label, **table_options.for_table(args))
            classifier = fit(train.X, train.y)
            facts = Facts(
                args.tables[0],
                f"rows of {args.tables[1]}",
                train.X.shape[0],
                train.X.shape[1],
                report_parts.classes(train.y, "row", {}),
            )
            queries = stack.enter_context(
                tables.stream_queries(
                    args.tables[1],
                    train.feature_names,
                    train.label_name,
                    y_train=train.y,
                    coding=train.decided,
                    **table_options.for_queries(args),
                )
            )
            numbers = None
        else:
            data = certify_data.read(args)
            classifier, facts = fit(data.X_train, data.y_train), Facts.of(data)
            queries, numbers = (
                streaming.InMemory(np.asarray(data.X_test, dtype=np.float64), data.y_test),
                data.row_numbers,
            )
            head |= {"data": _digest_of(data.X_train, data.y_train, data.X_test)}
        n_classes = len(classifier.classes_)
        at_once = streaming.plan_of(
            memory, n_features=facts.n_features, n_classes=n_classes, n_near=None
        ).queries_at_once
        opened = streaming.Journal.open(_folder(args), head, {"streamed": False}, resume=args.resume)
        journal = stack.enter_context(opened)

        def certify(asked: Asked) -> None:
            streaming.certify_with_table(classifier, queries, asked, journal, at_once)

        yield _Work(facts, journal, certify, numbers)


@contextlib.contextmanager
def _with_passes(args: argparse.Namespace, threat: Threat, memory: int, n_threads: int) -> Iterator[_Work]:
    """Read the training table in parts, once for each block of queries."""
    from knn_cert import streaming, tables
    from knn_cert.shards import needs

    manner = table_options.for_queries(args)
    n_neighbors = 5 if args.k is None else args.k
    with tables.stream_table(args.tables[0], args.label, **manner) as train, contextlib.ExitStack() as stack:
        n_features = len(train.feature_names)
        head = _head(args)
        first = streaming.plan_of(memory, n_features=n_features, n_classes=2, n_near=None)
        labels = train.labels(first.rows_at_once)
        given = certify_data.classes(args.classes, labels.classes)
        n_classes = len(labels.classes if given is None else given)
        needs.check_offered(threat, sigma=args.sigma, n_classes=n_classes)
        kept = needs.needs_of(
            needs.summary_kernel(),
            n_neighbors=n_neighbors,
            n_classes=n_classes,
            sigma=args.sigma,
            threat=threat,
        )
        n_near = max(kept.n_near, streaming.first_near(threat, args.sigma, train.n_rows) or 0)
        plan = streaming.plan_of(memory, n_features=n_features, n_classes=n_classes, n_near=n_near)
        opened = streaming.Journal.open(
            _folder(args), head, {"streamed": True, **plan._asdict()}, resume=args.resume
        )
        journal = stack.enter_context(opened)
        sizes = {name: journal.plan[name] for name in plan._fields}
        queries = stack.enter_context(
            tables.stream_queries(
                args.tables[1], train.feature_names, train.label_name, y_train=labels.classes, **manner
            )
        )
        passes = streaming.Passes(
            train,
            labels,
            journal,
            rows_at_once=sizes["rows_at_once"],
            threat=threat,
            n_neighbors=n_neighbors,
            sigma=args.sigma,
            classes=given,
            n_threads=n_threads,
        )
        facts = Facts(
            args.tables[0],
            f"rows of {args.tables[1]}",
            train.n_rows,
            n_features,
            report_parts.counted_classes(labels.classes, labels.counts, "row", {}),
        )

        def certify(asked: Asked) -> None:
            streaming.certify_with_passes(passes, queries, asked, journal, streaming.Plan(**sizes))

        yield _Work(facts, journal, certify)


def _folder(args: argparse.Namespace) -> Path:
    return Path(f"{os.path.realpath(args.out)}.parts")


def _head(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the result depends on."""
    from knn_cert import streaming

    options = {name: repr(value) for name, value in vars(args).items() if name not in _NOT_IN_HEAD}
    if args.dataset is not None:
        return {"options": options}
    names = ("training table", "table of queries")
    digests = {
        name: streaming.digest_of_files(Path(path).expanduser())
        for name, path in zip(names, args.tables, strict=False)
    }
    return {"options": options, "sha256": digests}


def _states(args: argparse.Namespace) -> list[Any]:
    """Return what tells whether somebody wrote to the tables."""
    from knn_cert import streaming

    return [streaming.state_of_files(Path(path).expanduser()) for path in args.tables]


def _digest_of(*arrays: NDArray[Any]) -> str:
    from knn_cert.fingerprint import parameters_digest

    return parameters_digest(list(arrays)).hex()


def _warn(counted: Counted, n_rows: int) -> None:
    """Say what is odd about all queries together."""
    from knn_cert.shards import asking
    from knn_cert.tables import TableWarning, warn_of_unknown_counts

    n_left_out = n_rows - counted.summary.n_queries
    if n_left_out:
        warnings.warn(
            f"{n_left_out} of {n_rows} rows of TEST have missing values and are left out",
            TableWarning,
            stacklevel=2,
        )

    asking.warn_of_doubt(counted.n_in_doubt, counted.summary.n_queries, asking.MOST_NEAR)
    if counted.labels:
        warn_of_unknown_counts(counted.example.classes.tolist(), counted.labels)
