"""`knn-cert certify --memory`: queries in parts, and the training table too where it does not fit.

What can be refused in a moment is refused first, then what a table has to be read for once, then the rest.
"""

from __future__ import annotations

import argparse
import contextlib
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from knn_cert._printing import printable
from knn_cert.progress import ProgressBar

from . import certify_data, certify_offers, certify_resume, report_parts, table_options
from .certify_report import Facts, price, report
from .errors import input_errors, work_errors
from .report_parts import plural, print_report

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knn_cert.exact.estimator import SmoothedKNNClassifier
    from knn_cert.streaming import Asked, Counted, Head, Journal
    from knn_cert.tables import QueryStream, TableStream
    from knn_cert.threats import Threat

    Fit = Callable[[NDArray[np.floating[Any]], NDArray[Any]], SmoothedKNNClassifier]

# Where nobody says how much.
_MEMORY = 4 * 10**9
# Of a training table, in which a column that numbers the rows shows.
_FIRST_ROWS = 1 << 14


class _Work(NamedTuple):
    """What is to be done, and how it is called."""

    facts: Facts
    journal: Journal
    certify: Callable[[Asked], None]
    about: dict[str, Any]
    numbers: NDArray[np.int64] | None = None  # what queries are called, where not by their rows


def run(args: argparse.Namespace, threat: Threat, n_threads: int, fit: Fit) -> int:
    """Certify as `knn-cert certify` does, in parts that are kept until all are there.

    Raises
    ------
    InputError
        If anything that was passed in is wrong; what is certified already is not lost.
    """
    from knn_cert import streaming

    warnings.simplefilter("always", streaming.JournalWarning)  # until the command ends, whatever -W says
    with contextlib.ExitStack() as stack:
        with input_errors():
            kept = certify_resume.look(args)
            states = certify_resume.states(args)
            work = stack.enter_context(_work(args, threat, n_threads, fit, kept))
        _warn_of_same_file(work.about)
        began, n_before = time.perf_counter(), work.journal.n_queries
        try:
            with ProgressBar("certifying", enabled=not args.quiet) as progress, work_errors():
                work.certify(streaming.Asked(threat, progress, args.budgets, args.limit, work.numbers))
        except KeyboardInterrupt as stopped:
            raise KeyboardInterrupt(certify_resume.interrupted(args, work.journal)) from stopped
        seconds, n_done = time.perf_counter() - began, work.journal.n_queries - n_before
        with input_errors():
            certify_resume.check_unchanged(args, states, work.about)
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


@contextlib.contextmanager
def _work(
    args: argparse.Namespace, threat: Threat, n_threads: int, fit: Fit, kept: Head | None
) -> Iterator[_Work]:
    """Open the tables, look at what is in them, and find out how the training table is read."""
    from knn_cert import streaming, tables

    memory = _MEMORY if args.memory is None else args.memory
    streaming.check_memory(memory)
    if args.dataset is not None:
        with _with_arrays(args, memory, fit) as work:
            yield work
        return
    for path in args.tables:
        n_bytes = tables.bytes_read_whole(path)
        if n_bytes is not None:
            streaming.check_unpacked_fits(printable(path), n_bytes, memory)
    with contextlib.ExitStack() as stack:
        opened = tables.stream_or_none(args.tables[0], args.label, **table_options.for_table(args))
        train = stack.enter_context(opened)
        queries = None
        if train is not None and len(args.tables) == 2 and not args.encode:
            queries = stack.enter_context(_queries(args, train.feature_names, train.label_name, train.coding))
        streaming.check_memory(memory)  # again: what reads these tables is loaded now
        if train is not None and _is_streamed(args, threat, train, memory, kept) and queries is not None:
            found = _with_passes(args, threat, memory, n_threads, train, queries, kept)
        elif len(args.tables) == 2:
            found = _with_table(args, memory, fit, queries)
        else:
            found = _with_arrays(args, memory, fit)
        yield stack.enter_context(found)


def _queries(
    args: argparse.Namespace, feature_names: list[str], label_name: str, coding: Any
) -> contextlib.AbstractContextManager[QueryStream]:
    from knn_cert import tables

    return tables.stream_queries(
        args.tables[1], feature_names, label_name, coding=coding, **table_options.for_queries(args)
    )


def _is_streamed(
    args: argparse.Namespace, threat: Threat, train: TableStream, memory: int, kept: Head | None
) -> bool:
    """Whether the training table is read in parts: it does not fit, or was read so when the run began.

    Raises
    ------
    InputError
        If it would have to be, and cannot.
    """
    from knn_cert import streaming

    if kept is not None:
        return kept.plan is not None
    with _bar(args, "bytes of TRAIN counted") as bar:
        size = train.count(bar), len(train.feature_names)
    if streaming.whole_table_fits(*size, memory):
        return False
    certify_offers.check_options(args, *size)
    certify_offers.check_threat(args, threat, *size)
    return True


@contextlib.contextmanager
def _with_arrays(args: argparse.Namespace, memory: int, fit: Fit) -> Iterator[_Work]:
    """Read the training table and the queries whole: of a data set, or rows that are held out."""
    import numpy as np

    from knn_cert import streaming

    data = certify_data.read(args)
    classifier, facts = fit(data.X_train, data.y_train), Facts.of(data)
    queries = streaming.InMemory(np.asarray(data.X_test, dtype=np.float64), data.y_test)
    about = certify_resume.about(args, _digest_of(data.X_train, data.y_train, data.X_test))
    with _certifying(args, memory, classifier, facts, queries, about) as work:
        yield work._replace(numbers=data.row_numbers)


@contextlib.contextmanager
def _with_table(
    args: argparse.Namespace, memory: int, fit: Fit, opened: QueryStream | None
) -> Iterator[_Work]:
    """Read the training table whole, and queries in a file of their own in parts."""
    from knn_cert import tables

    train = tables.read_table(args.tables[0], args.label, **table_options.for_table(args))
    classifier = fit(train.X, train.y)
    classes = report_parts.classes(train.y, "row", {})
    n, d = train.X.shape
    facts = Facts(args.tables[0], f"rows of {args.tables[1]}", n, d, classes)
    with contextlib.ExitStack() as stack:
        queries = opened
        if queries is None:
            decided = _queries(args, train.feature_names, train.label_name, train.decided)
            queries = stack.enter_context(decided)
        queries = queries.knowing(train.y, can_encode=True)
        _count(args, queries)
        about = certify_resume.about(args)
        yield stack.enter_context(_certifying(args, memory, classifier, facts, queries, about))


@contextlib.contextmanager
def _certifying(
    args: argparse.Namespace,
    memory: int,
    classifier: SmoothedKNNClassifier,
    facts: Facts,
    queries: Any,
    about: dict[str, Any],
) -> Iterator[_Work]:
    """Open the journal of a run whose training table is in memory."""
    from knn_cert import streaming

    n_classes = len(classifier.classes_)
    plan = streaming.plan_of(memory, n_features=facts.n_features, n_classes=n_classes, n_near=None)
    opened = streaming.Journal.open(certify_resume.folder_of(args), about, None, resume=args.resume)
    with opened as journal:

        def certify(asked: Asked) -> None:
            streaming.certify_with_table(classifier, queries, asked, journal, plan.queries_at_once)

        yield _Work(facts, journal, certify, about)


@contextlib.contextmanager
def _with_passes(
    args: argparse.Namespace,
    threat: Threat,
    memory: int,
    n_threads: int,
    train: TableStream,
    queries: QueryStream,
    kept: Head | None,
) -> Iterator[_Work]:
    """Read the training table in parts, once for each block of queries."""
    from knn_cert import streaming
    from knn_cert.gate.labels import check_kind_of_labels, number_classes
    from knn_cert.shards import needs

    n_features = len(train.feature_names)
    n_neighbors = 5 if args.k is None else args.k
    first = streaming.plan_of(memory, n_features=n_features, n_classes=2, n_near=None)
    with _bar(args, "bytes of TRAIN counted") as bar:
        train.count(bar)
    _count(args, queries)
    folder, about = certify_resume.folder_of(args), certify_resume.about(args)
    if kept is not None:
        kept.check_is_of(about, folder)
    with _bar(args, "labels read") as bar:
        labels = train.labels(first.rows_at_once, bar)
    n_rows = int(labels.counts.sum())
    given = certify_data.classes(args.classes, labels.classes)
    n_classes = len(number_classes(labels.classes, given)[0])
    if given is None:
        check_kind_of_labels(labels.classes)
    certify_offers.check_rows(args, n_rows)
    certify_offers.check_threat(args, threat, n_rows, n_features, n_classes)
    _warn_of_rows(train, labels, min(_FIRST_ROWS, first.rows_at_once))
    near = needs.needs_of(
        needs.summary_kernel(),
        n_neighbors=n_neighbors,
        n_classes=n_classes,
        sigma=args.sigma,
        threat=threat,
    ).n_near
    near = max(near, needs.first_near(threat, args.sigma, n_rows) or 0)
    plan = streaming.plan_of(memory, n_features=n_features, n_classes=n_classes, n_near=near)
    with streaming.Journal.open(folder, about, plan, resume=args.resume) as journal:
        cut = plan if journal.plan is None else journal.plan
        passes = streaming.Passes(
            train,
            labels,
            journal,
            rows_at_once=cut.rows_at_once,
            threat=threat,
            n_neighbors=n_neighbors,
            sigma=args.sigma,
            classes=given,
            n_threads=n_threads,
        )
        classes = report_parts.counted_classes(labels.classes, labels.counts, "row", {})
        facts = Facts(args.tables[0], f"rows of {args.tables[1]}", n_rows, n_features, classes)
        known = queries.knowing(labels.classes, can_encode=False)

        def certify(asked: Asked) -> None:
            streaming.certify_with_passes(passes, known, asked, journal, cut)

        yield _Work(facts, journal, certify, about)


def _bar(args: argparse.Namespace, label: str) -> ProgressBar:
    return ProgressBar(label, enabled=not args.quiet)


def _count(args: argparse.Namespace, queries: QueryStream) -> None:
    with _bar(args, "bytes of TEST counted") as bar:
        queries.count(bar)


def _digest_of(*arrays: NDArray[Any]) -> str:
    from knn_cert.fingerprint import parameters_digest

    return parameters_digest(list(arrays)).hex()


def _warn_of_same_file(about: dict[str, Any]) -> None:
    from knn_cert.tables import warn_of_same_file

    digests = about.get("sha256", {})
    if certify_resume.TEST in digests and digests[certify_resume.TEST] == digests[certify_resume.TRAIN]:
        warn_of_same_file()


def _warn_of_rows(train: TableStream, labels: Any, n_first: int) -> None:
    """Say what is odd about a training table in parts: rows that are left out, columns that number rows."""
    from knn_cert.tables import TableWarning, warn_of_first_row_numbers

    n_left_out = train.n_rows - int(labels.counts.sum())
    if n_left_out:
        warnings.warn(
            f"{n_left_out} of {train.n_rows} rows of TRAIN have missing values and are left out",
            TableWarning,
            stacklevel=2,
        )
    X, _ = next(train.parts(n_first, labels.meaning))
    if len(X):
        warn_of_first_row_numbers(X, train.feature_names)


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
