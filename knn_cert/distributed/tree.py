"""Tree: one question to all parts; summaries are put together on their way up, and certified where they meet.

Only queries, summaries and certificates travel: 0.3 to 9 kB a query and part, whatever the number of rows.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

import dask
import numpy as np
from distributed import Client, Future
from numpy.typing import NDArray

from .._printing import listed
from .._types import FloatArray, WholeArray
from ..gate.errors import InvalidInput
from ..shards import Summary, summarise
from ..shards.asking import Answer
from ..shards.rows import features
from ..shards.summary import SummaryVote
from ..threats import Threat
from .parts import Parts, labels_of_part
from .slices import joined_answers, joined_votes, sliced, slices_of

__all__ = ["FAN_IN", "Tree"]

# So many summaries are put together by one task.
FAN_IN = 8


class Tree:
    """Asks all parts of a table on a cluster.

    Parameters
    ----------
    client : Client
    parts : Parts
    settings : mapping
        Of `knn_cert.summarise`.
    classes : ndarray of shape (C,)
        Those of the whole table.
    """

    def __init__(
        self, client: Client, parts: Parts, settings: Mapping[str, Any], classes: NDArray[Any]
    ) -> None:
        self._client, self._parts, self._settings = client, parts, dict(settings)
        self._known = _Known(sum(parts.rows), classes)
        self._waiting: set[threading.Event] = set()
        self._lock, self._stopped = threading.Lock(), False

    def answer(
        self,
        queries: Any,
        n_queries: int,
        told: Callable[[], None],
        rows: WholeArray | None,
        n_near: int | None,
    ) -> Answer:
        """Return the certificates of some queries.

        Parameters
        ----------
        queries : Future
            (m, d).
        n_queries : int
            m.
        told : callable()
            Called whenever a part has been summarised, but not where parts are asked again.
        rows : ndarray of int, optional
            Some of the queries.
        n_near : int, optional
        """
        m = n_queries if rows is None else len(rows)
        with self._root(queries, rows, n_near, told if rows is None else None) as root:
            return joined_answers(cast("list[Answer]", self._results(_answer, root, m, "certify")))

    def vote(self, queries: Any, n_queries: int, told: Callable[[], None]) -> SummaryVote:
        """Return the vote for queries."""
        with self._root(queries, None, None, told) as root:
            return joined_votes(cast("list[SummaryVote]", self._results(_vote, root, n_queries, "vote")))

    def stop(self) -> None:
        """End all calls, which then let go of what they asked for, so that the cluster forgets it.

        Nothing is cancelled: a scheduler that is told to cancel what was let go of closes the connection.
        """
        with self._lock:
            self._stopped = True
            for done in self._waiting:
                done.set()

    @contextlib.contextmanager
    def _root(
        self, queries: Any, rows: WholeArray | None, n_near: int | None, told: Callable[[], None] | None
    ) -> Iterator[Future]:
        """Give the summary of the whole table, as a future."""
        name = uuid.uuid4().hex[:12]
        if rows is not None:
            queries = dask.delayed(_some, pure=False)(queries, rows, dask_key_name=f"take-{name}")
        near = self._parts.near(n_near) if rows is None else [n_near] * len(self._parts.X)
        tasks = [
            dask.delayed(_summarise, pure=False)(
                X, y, queries, n, place, self._settings, dask_key_name=f"summarise-{name}-{k}"
            )
            for k, (X, y, n, place) in enumerate(
                zip(self._parts.X, self._parts.y, near, self._parts.places, strict=True)
            )
        ]
        self._check()
        level = self._client.compute(tasks)
        leaves, inner, height = level, list[Future](), 0
        try:
            while len(level) > 1:
                stem = f"merge-{name}-{height}"
                groups = [level[k : k + FAN_IN] for k in range(0, len(level), FAN_IN)]
                level = [
                    self._submit(_merged, group, f"{stem}-{k}", n_near) for k, group in enumerate(groups)
                ]
                inner += level
                height += 1
            # Not before all tasks are there: what nobody waits for is forgotten.
            for future in leaves:
                future.add_done_callback(functools.partial(self._used, told, future is level[0]))
            for future in inner:
                future.add_done_callback(functools.partial(self._used, None, future is level[0]))
            yield level[0]
        finally:
            for future in (*leaves, *inner):
                future.release()

    def _results(self, function: Callable[..., Any], root: Future, m: int, kind: str) -> list[Any]:
        """Return what a function makes of the summary of m queries, slice by slice, on several workers."""
        slots = sum(self._client.nthreads().values())
        name = f"{kind}-{uuid.uuid4().hex[:12]}"
        done = threading.Event()
        with self._lock:
            self._waiting.add(done)
        futures: list[Future] = []
        try:
            some, ended = slices_of(m, slots), itertools.count(1)

            def told(future: Future) -> None:
                if future.status != "finished" or next(ended) == len(some):
                    done.set()

            # One name and numbers: the scheduler takes them for one group, which goes where there is room.
            for k, queries in enumerate(some):
                key = (name, k)
                futures.append(self._submit(function, root, key, queries, self._known, self._settings))
            for future in futures:
                future.add_done_callback(told)
            self._check()
            done.wait()
            self._check()
            for future in futures:
                if future.done() and future.status != "finished":
                    future.result()  # its error; others may not be there yet
            return [future.result() for future in futures]
        finally:
            with self._lock:
                self._waiting.discard(done)
            for future in futures:
                future.release()

    def _submit(self, function: Callable[..., Any], argument: Any, key: Any, *more: Any) -> Future:
        self._check()
        return self._client.submit(function, argument, *more, key=key, pure=False)

    def _check(self) -> None:
        if self._stopped:
            raise RuntimeError("the work was stopped")

    @staticmethod
    def _used(told: Callable[[], None] | None, is_root: bool, future: Future) -> None:
        """Let go of a summary that is there: the cluster keeps it until it was put together with others."""
        if future.status == "finished":
            if told is not None:
                told()
            if not is_root:
                future.release()


class _Known(NamedTuple):
    """What was known of the training table when it was fitted."""

    n_rows: int
    classes: NDArray[Any]

    def check(self, summary: Summary) -> None:
        """Refuse a table that is another now: what was certified would be none of either."""
        found = summary.classes
        if summary.n_rows != self.n_rows or found.tolist() != self.classes.tolist():
            raise InvalidInput(
                f"the training table had {self.n_rows} rows and the classes {listed(self.classes.tolist())} "
                f"when it was fitted, and has {summary.n_rows} rows and {listed(found.tolist())} now; leave "
                "it alone, and fit again"
            )


def _summarise(
    X: Any, y: Any, queries: Any, n_near: int | None, place: str, settings: Mapping[str, Any]
) -> Summary:
    rows, asked = np.asarray(X), features(queries, "Q")
    try:
        return summarise(asked, rows, labels_of_part(y), n_near=n_near, **settings)
    except InvalidInput as error:
        raise InvalidInput(f"in {place}, counted from their first: {error}") from None


def _some(queries: FloatArray, rows: WholeArray) -> FloatArray:
    return np.ascontiguousarray(queries[rows])


def _merged(summaries: list[Summary], n_near: int | None) -> Summary:
    return summaries[0].merge(*summaries[1:], n_near=n_near, n_threads=1)


def _answer(summary: Summary, queries: slice, known: _Known, settings: Mapping[str, Any]) -> Answer:
    known.check(summary)
    threat: Threat = settings["threat"]
    return Answer.of(sliced(summary, queries), threat, settings["n_neighbors"], settings["n_threads"])


def _vote(summary: Summary, queries: slice, known: _Known, settings: Mapping[str, Any]) -> SummaryVote:
    known.check(summary)
    return sliced(summary, queries).vote(settings["n_neighbors"], n_threads=settings["n_threads"])
