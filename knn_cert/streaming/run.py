"""The work of a long run: queries in parts, each certified and kept, and one result of all in the end."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..certificates import Certificates, Summary, combine, joined, summarize_correct, write_parts
from ..exact.estimator import SmoothedKNNClassifier
from ..gate.errors import InvalidInput
from ..progress import paced
from ..shards.asking import certify_asking
from ..tables import Queries
from ..threats import Threat
from .journal import Journal
from .memory import Plan
from .passes import Passes

__all__ = ["Asked", "Counted", "InMemory", "certify_with_passes", "certify_with_table", "finish"]

# Certificates are kept about so often.
_SECONDS_A_PART = 20.0
# No piece of them takes long.
_MOST_AT_ONCE = 1024


class QuerySource(Protocol):
    """Where queries come from: a stream, or arrays."""

    @property
    def n_rows(self) -> int:
        """Number of rows, some of which may be no query."""

    def parts(self, size: int, start: int = 0) -> Iterator[Queries]:
        """Yield queries from row ``start`` on, of ``size`` rows at a time."""


class InMemory(NamedTuple):
    """Queries that are in memory already."""

    X: NDArray[np.float64]
    y: NDArray[Any] | None

    @property
    def n_rows(self) -> int:
        """Number of queries."""
        return len(self.X)

    def parts(self, size: int, start: int = 0) -> Iterator[Queries]:
        """Yield queries from row ``start`` on, ``size`` at a time."""
        for first in range(start, self.n_rows, size):
            some = slice(first, min(first + size, self.n_rows))
            y = None if self.y is None else self.y[some]
            yield Queries(self.X[some], y, np.arange(some.start, some.stop))


class Asked(NamedTuple):
    """What is asked of all queries.

    Attributes
    ----------
    threat : threat
    progress : callable(done, total)
    budgets : sequence of float, optional
        Of the summary.
    limit : int, optional
        Rows of the table of queries that are looked at.
    numbers : ndarray of shape (n_rows,), optional
        What the rows are called in the result; left out, 0, 1, 2, ...
    """

    threat: Threat
    progress: Callable[[int, int], None]
    budgets: Sequence[float] | None = None
    limit: int | None = None
    numbers: NDArray[np.int64] | None = None

    def n_rows(self, queries: QuerySource) -> int:
        """How many rows of the table of queries are looked at."""
        return queries.n_rows if self.limit is None else min(self.limit, queries.n_rows)


class Counted(NamedTuple):
    """What is said of all certificates.

    Attributes
    ----------
    example : Certificates
        Some of them.
    summary : Summary
    labels : dict
        How many queries have each label; empty where none is known.
    n_in_doubt : int
    """

    example: Certificates
    summary: Summary
    labels: dict[Any, int]
    n_in_doubt: int


def certify_with_table(
    classifier: SmoothedKNNClassifier, queries: QuerySource, asked: Asked, journal: Journal, at_once: int
) -> None:
    """Certify all queries that are not in the journal by a classifier that has its table in memory."""
    for some, stop in _missing(queries, asked, journal, at_once):
        found: list[Certificates] = []
        began, first, last = time.monotonic(), 0, len(some.X)
        for piece in paced(last, least=1, most=_MOST_AT_ONCE):
            found.append(classifier.certify(some.X[piece], asked.threat))
            if time.monotonic() - began > _SECONDS_A_PART and piece.stop < last:
                _add(journal, int(some.row_numbers[piece.stop]), _of(some, first, piece.stop), found, asked)
                found, began, first = [], time.monotonic(), piece.stop
                asked.progress(journal.stop, asked.n_rows(queries))
        _add(journal, stop, _of(some, first, last), found, asked)


def certify_with_passes(
    passes: Passes, queries: QuerySource, asked: Asked, journal: Journal, plan: Plan
) -> None:
    """Certify all queries that are not in the journal; each part takes a pass over the training table."""
    for some, stop in _missing(queries, asked, journal, plan.queries_at_once):
        found, n_in_doubt = [], 0
        if len(some.X):
            passes.progress = _progress_within(journal.stop, stop, asked, asked.n_rows(queries))
            certificates, in_doubt = certify_asking(
                passes.answers_for(some.X), first_near=passes.first_near, most_bytes=plan.summary_bytes
            )
            found, n_in_doubt = [certificates], int(in_doubt.sum())
        _add(journal, stop, some, found, asked, n_in_doubt)


def _missing(
    queries: QuerySource, asked: Asked, journal: Journal, at_once: int
) -> Iterator[tuple[Queries, int]]:
    """Yield the queries that are not in the journal yet, and the row behind them."""
    total = asked.n_rows(queries)
    asked.progress(journal.stop, total)
    start = journal.stop
    if start >= total:
        return
    for some in queries.parts(at_once, start):
        stop = min(start + at_once, total)
        if start + at_once > total:
            keep = some.row_numbers < total
            y = None if some.y is None else some.y[keep]
            some = Queries(some.X[keep], y, some.row_numbers[keep])
        yield some, stop
        asked.progress(stop, total)
        start = stop
        if stop >= total:
            return


def _progress_within(start: int, stop: int, asked: Asked, total: int) -> Callable[[float], None]:
    """Return what shows the first pass; those for queries in doubt come on top."""
    shown = [0.0]

    def progress(share: float) -> None:
        shown[0] = max(shown[0], share)
        asked.progress(start + int((stop - start) * shown[0]), total)

    return progress


def _of(some: Queries, first: int, last: int) -> Queries:
    y = None if some.y is None else some.y[first:last]
    return Queries(some.X[first:last], y, some.row_numbers[first:last])


def _add(
    journal: Journal,
    stop: int,
    some: Queries,
    found: list[Certificates],
    asked: Asked,
    n_in_doubt: int = 0,
) -> None:
    """Keep certificates of some queries, and what is to be said of them."""
    if not found:
        journal.add(stop, None, {})
        return
    rows = some.row_numbers
    certificates = joined(found, rows if asked.numbers is None else asked.numbers[rows])
    correct, labels = None, []
    if some.y is not None:
        correct = np.asarray(certificates.label == some.y)
        values, counts = np.unique(some.y, return_counts=True)
        labels = list(zip(values.tolist(), counts.tolist(), strict=True))
    summary = summarize_correct(certificates, correct, asked.budgets)
    note = {"summary": _as_json(summary), "labels": labels, "n_in_doubt": n_in_doubt}
    journal.add(stop, certificates, note)


def finish(journal: Journal, out: Path) -> Counted:
    """Write the result of all parts, and say what is in it.

    Raises
    ------
    InvalidInput
        If there is no query.
    """
    parts = journal.certificates
    if not len(parts):
        raise InvalidInput("expected at least one query, got none: all rows were left out")
    write_parts(parts, out)
    notes = [part.note for part in journal.parts if part.n_queries]
    labels: Counter[Any] = Counter()
    for note in notes:
        labels.update(dict(note["labels"]))
    example = parts[0]
    summaries = [_from_json(note["summary"]) for note in notes]
    if not set(labels) & set(example.classes.tolist()):  # nothing is right or wrong
        unknown: dict[str, Any] = {
            "prediction_accuracy": None,
            "answered_accuracy": None,
            "certified_accuracy": None,
        }
        summaries = [dataclasses.replace(one, **unknown) for one in summaries]
    n_in_doubt = sum(note["n_in_doubt"] for note in notes)
    return Counted(example, combine(summaries), dict(labels), n_in_doubt)


def _as_json(summary: Summary) -> dict[str, Any]:
    values = dataclasses.asdict(summary)
    return {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in values.items()}


def _from_json(values: dict[str, Any]) -> Summary:
    as_arrays: dict[str, Any] = {
        name: np.array(v) if isinstance(v, list) else v for name, v in values.items()
    }
    return Summary(**as_arrays)
