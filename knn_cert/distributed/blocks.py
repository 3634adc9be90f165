"""Queries in blocks: what is asked of all parts at a time, and some blocks under way at a time."""

from __future__ import annotations

import contextlib
import functools
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import numpy as np
from distributed import Client
from numpy.typing import ArrayLike

from ..gate.arrays import reject_text_columns
from ..gate.errors import InvalidInput
from ..shards.rows import features
from .parts import checked_array, cut

__all__ = ["Block", "blocks_of", "work_through"]

_Answer = TypeVar("_Answer")

# Queries that were sent are lost with the last worker that holds them; then they are sent again.
_TIMES_SENT = 3


class Block(NamedTuple):
    """Some queries: how many there are, and how the cluster gets them."""

    size: int
    send: Callable[[], Any]


def blocks_of(client: Client, Q: ArrayLike, n_features: int, most: int) -> list[Block]:
    """Cut queries into blocks.

    Parameters
    ----------
    client : Client
    Q : array_like or dask.array.Array of shape (m, d)
        Those of NumPy are looked at here; those of Dask by the workers, for they never come here.
    n_features : int
        d.
    most : int
        Queries of a block; those of Dask are cut where their chunks end, too.

    Raises
    ------
    TypeError, InvalidInput
        If they do not fit.
    """
    of_kind = _cut_chunks if hasattr(Q, "dask") else _cut_array
    return list(of_kind(client, Q, n_features, most))


def _cut_chunks(client: Client, Q: Any, n_features: int, most: int) -> Iterator[Block]:
    Q = checked_array(Q, "Q", 2)
    _check_shape(Q.shape, n_features)
    sizes = [min(most, int(n) - first) for n in Q.chunks[0] for first in range(0, int(n), most)]
    Q = cut(Q, (tuple(sizes), (n_features,)), "Q")
    for size, delayed in zip(sizes, Q.to_delayed().ravel(), strict=True):
        yield Block(size, functools.partial(client.compute, delayed))


def _cut_array(client: Client, Q: ArrayLike, n_features: int, most: int) -> Iterator[Block]:
    reject_text_columns(Q)
    queries = np.asarray(Q)
    if queries.ndim != 2:
        raise InvalidInput(f"Q must have shape (m, d), got {queries.shape}")
    _check_shape(queries.shape, n_features)
    for start in range(0, len(queries), most):
        some = queries[start : start + most]
        try:
            features(some, "Q")
        except InvalidInput as error:
            if not start:
                raise
            raise InvalidInput(f"in queries from number {start} on, counted from there: {error}") from None
        yield Block(len(some), functools.partial(client.scatter, some, hash=False))


def _check_shape(shape: tuple[int, ...], n_features: int) -> None:
    if shape[1] != n_features:
        raise InvalidInput(f"Q must have {n_features} features, as the training table has, got {shape[1]}")
    if not shape[0]:
        raise InvalidInput("Q must hold at least one query, got none")


def work_through(
    blocks: list[Block],
    answer: Callable[[Any, int, Callable[[], None]], _Answer],
    *,
    at_once: int,
    n_parts: int,
    stop: Callable[[], None],
    progress: Callable[[int, int], None] | None,
) -> list[_Answer]:
    """Return the answers for all blocks.

    Parameters
    ----------
    blocks : list of Block
    answer : callable(queries, n_queries, told)
        Gets a future of the queries and their number, and calls ``told()``, in whatever thread, for each part
        that is done.
    at_once : int
        How many blocks are under way at a time.
    n_parts : int
    stop : callable()
        Called when it is left by an exception: makes all calls of ``answer`` end.
    progress : callable(done, total), optional
        Called with queries in this thread, so that what it raises ends the work.
    """
    news: queue.SimpleQueue[Future[_Answer] | int] = queue.SimpleQueue()
    total = sum(block.size for block in blocks)
    done = finished = 0

    if progress is not None:
        progress(0, total)
    n_threads = min(at_once, len(blocks))
    with ThreadPoolExecutor(n_threads, thread_name_prefix="knn-cert-block") as pool:
        under_way: list[Future[_Answer]] = []

        def begin(some: list[Block]) -> None:
            for block in some:
                told = functools.partial(news.put, block.size)
                under_way.append(pool.submit(_answered, block, answer, told))
                under_way[-1].add_done_callback(news.put)

        try:
            # No more than that are begun: this thread waits, and is there to be interrupted.
            begin(blocks[:n_threads])
            while finished < len(blocks):
                one = news.get()
                if isinstance(one, Future):
                    one.result()  # its error ends the work
                    finished += 1
                    begin(blocks[len(under_way) : len(under_way) + 1])
                    continue
                done += one
                if progress is not None and done // n_parts < total:
                    progress(done // n_parts, total)
            if progress is not None:
                progress(total, total)
            return [one.result() for one in under_way]
        except BaseException:
            for future in under_way:
                future.cancel()
            stop()
            raise


def _answered(
    block: Block, answer: Callable[[Any, int, Callable[[], None]], _Answer], told: Callable[[], None]
) -> _Answer:
    for _ in range(_TIMES_SENT - 1):
        with contextlib.suppress(CancelledError):
            return _answered_once(block, answer, told)
    return _answered_once(block, answer, told)


def _answered_once(
    block: Block, answer: Callable[[Any, int, Callable[[], None]], _Answer], told: Callable[[], None]
) -> _Answer:
    queries = block.send()
    try:
        return answer(queries, block.size, told)
    finally:
        queries.release()
