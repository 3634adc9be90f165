"""Passes over a training table that is never in memory as a whole; where one was stopped, it goes on."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._types import FloatArray, WholeArray
from ..gate.errors import InvalidInput
from ..shards import Summary, summarise
from ..shards.asking import Answer, Ask
from ..shards.needs import first_near
from ..tables import Labels, TableStream
from ..threats import Threat
from .journal import Journal

__all__ = ["Passes"]

# What a kill costs, at most; keeping a summary takes a fraction of a second.
_SECONDS_BETWEEN = 30.0


class Passes:
    """Asks all rows of a table that is read in parts.

    Parameters
    ----------
    stream : TableStream
    labels : Labels
    journal : Journal
        Where unfinished passes are kept.
    rows_at_once : int
        Sums are rounded part by part, so that the same parts give the same bits.
    threat : threat
    n_neighbors, sigma, classes, n_threads
        As in `knn_cert.summarise`.

    Attributes
    ----------
    progress : callable(share) or None
        Called with the share of a pass that is done.
    """

    def __init__(
        self,
        stream: TableStream,
        labels: Labels,
        journal: Journal,
        *,
        rows_at_once: int,
        threat: Threat,
        n_neighbors: int,
        sigma: float,
        classes: Sequence[Any] | None,
        n_threads: int,
    ) -> None:
        self._stream, self._journal = stream, journal
        self.progress: Callable[[float], None] | None = None
        self.threat, self.n_neighbors, self.n_threads = threat, n_neighbors, n_threads
        self._meaning = labels.meaning
        self._rows_at_once = rows_at_once
        self._settings: dict[str, Any] = {
            "threat": threat,
            "n_neighbors": n_neighbors,
            "sigma": sigma,
            "classes": classes,
            "n_classes": max(2, len(labels.classes)),
            "n_threads": n_threads,
        }
        self.n_rows = int(labels.counts.sum())  # of those that are not left out
        self._n_read = stream.n_rows

    @property
    def first_near(self) -> int | None:
        """How many near rows of each class are asked for first."""
        return first_near(self.threat, self._settings["sigma"], self.n_rows)

    def answers_for(self, queries: FloatArray) -> Ask:
        """Return who asks all rows about these queries."""

        def ask(rows: WholeArray | None, n_near: int | None) -> Answer:
            some = queries if rows is None else np.ascontiguousarray(queries[rows])
            return Answer.of(self.summary(some, n_near), self.threat, self.n_neighbors, self.n_threads)

        return ask

    def summary(self, queries: FloatArray, n_near: int | None) -> Summary:
        """Return the summary of the whole table."""
        name = hashlib.sha256(queries.tobytes() + repr(n_near).encode()).hexdigest()[:16]
        done, whole = self._state(name, len(queries))
        kept = time.monotonic()
        if done < self._n_read or whole is None:
            for X, y in self._stream.parts(self._rows_at_once, self._meaning, done):
                if len(X):
                    whole = summarise(queries, X, y, n_near=n_near, before=whole, **self._settings)
                done = min(done + self._rows_at_once, self._n_read)
                if self.progress is not None:
                    self.progress(done / self._n_read)
                is_time = time.monotonic() - kept > _SECONDS_BETWEEN or done == self._n_read
                if is_time and whole is not None:
                    self._keep(name, done, whole)
                    kept = time.monotonic()
        if whole is None or done != self._n_read or whole.n_rows != self.n_rows:
            n_found = 0 if whole is None else whole.n_rows
            raise InvalidInput(
                f"the training table had {self.n_rows} rows and has {n_found} now; leave it alone until the "
                "work is done, and start anew"
            )
        return whole

    def _state(self, name: str, n_queries: int) -> tuple[int, Summary | None]:
        """Return how many rows of the file are read, and what they leave, as it was kept."""
        arrays = self._journal.remembered(name)
        if arrays is None:
            return 0, None
        try:
            done = int(arrays.pop("rows_done"))
            whole = Summary.from_arrays(arrays)
        except (KeyError, TypeError, ValueError):  # by another hand; the pass begins anew
            return 0, None
        is_ours = whole.n_queries == n_queries and 0 < done <= self._n_read and whole.n_rows <= done
        return (done, whole) if is_ours else (0, None)

    def _keep(self, name: str, done: int, whole: Summary) -> None:
        self._journal.remember(name, {**whole.to_arrays(), "rows_done": np.array(done)})
