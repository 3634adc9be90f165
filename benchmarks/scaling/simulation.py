"""A cluster, simulated from measured constants: which task runs where and when, and what travels.

Tasks are handed to the worker that is free first, as a scheduler with one queue does: for each block of
queries a summary of each part, with its share of the near rows, a tree of merges by eight, and certificates
of slices of the queries, for which each worker fetches the summary of all parts once. Nobody is in doubt and
asked again. A task whose input lies on another worker waits for it to travel; that costs its size over the
bandwidth, and every task what the scheduler takes.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

_FAN_IN = 8
_HELD_BYTES, _TIMES_WHOLE = 384 << 20, 3  # of summaries, from which the queries of a block follow
_TIMES_SHARE, _MORE_THAN_SHARE = 2, 64  # of near rows that a part keeps
_SLICES_A_WORKER, _LEAST_QUERIES = 4, 16  # of what is certified by one task
_NEAR_BYTES = 8 * 2  # of one near row of each of two classes


class Constants(NamedTuple):
    """What one thread was measured to take, in seconds, and what a summary weighs without near rows."""

    read_row: float
    row_and_query: float
    merge_byte: float
    certify_byte: float
    far_bytes: float  # of a query
    bandwidth: float = 1e9  # bytes a second: a network of 10 Gbit/s
    task: float = 2e-3  # the scheduler, for each task


class Table(NamedTuple):
    """A training table in parts, queries, and how many near rows of each class are kept of all parts."""

    n_rows: int
    n_queries: int
    rows_a_part: int
    n_near: int

    @property
    def near_of_part(self) -> int:
        """How many near rows of each class a part keeps."""
        share = -(-_TIMES_SHARE * self.n_near * self.rows_a_part // self.n_rows) + _MORE_THAN_SHARE
        return min(self.n_near, share)


class Simulated(NamedTuple):
    """How long it takes, and how much travels between workers."""

    seconds: float
    bytes_moved: float


def simulate(constants: Constants, table: Table, *, n_workers: int) -> Simulated:
    """Return the time of all blocks of queries, one after the other.

    Blocks of one size take one time, so that one is simulated and counted as often as it comes.
    """
    n_parts = -(-table.n_rows // table.rows_a_part)
    part, whole = (constants.far_bytes + _NEAR_BYTES * n for n in (table.near_of_part, table.n_near))
    most = max(1, int(_HELD_BYTES / max(min(_FAN_IN, n_parts) * part, _TIMES_WHOLE * whole)))
    n_blocks, rest = divmod(table.n_queries, most)
    sizes = [(n_blocks, most)] * (n_blocks > 0) + [(1, rest)] * (rest > 0)
    found = [(times, _block(constants, table, m, n_workers, part, whole)) for times, m in sizes]
    return Simulated(
        sum(times * one.seconds for times, one in found), sum(times * one.bytes_moved for times, one in found)
    )


def _block(c: Constants, table: Table, m: int, n_workers: int, part: float, whole: float) -> Simulated:
    free = [(0.0, worker) for worker in range(n_workers)]
    heapq.heapify(free)
    moved, size = 0.0, m * part

    def run(inputs: list[tuple[float, int]], seconds: float) -> tuple[float, int]:
        """Hand a task to the worker that is free first; return when it is done, and where."""
        nonlocal moved
        start, worker = heapq.heappop(free)
        start = max([start, *(when for when, _ in inputs)])
        foreign = sum(where != worker for _, where in inputs)
        moved += foreign * size
        done = start + foreign * size / c.bandwidth + seconds + c.task
        heapq.heappush(free, (done, worker))
        return done, worker

    n_parts, last = divmod(table.n_rows, table.rows_a_part)
    rows = [table.rows_a_part] * n_parts + ([last] if last else [])
    level = [run([], n * (c.read_row + m * c.row_and_query)) for n in rows]
    while len(level) > 1:
        groups = [level[k : k + _FAN_IN] for k in range(0, len(level), _FAN_IN)]
        level = [run(group, len(group) * size * c.merge_byte) for group in groups]
        size = min(m * whole, _FAN_IN * size)
    (root,), size = level, m * whole
    n_slices = max(1, min(_SLICES_A_WORKER * n_workers, m // _LEAST_QUERIES))
    held, done = {root[1]}, root[0]
    for _ in range(n_slices):
        start, worker = heapq.heappop(free)
        fetched = 0.0 if worker in held else size
        held.add(worker)
        moved += fetched
        end = max(start, root[0]) + fetched / c.bandwidth + size / n_slices * c.certify_byte + c.task
        heapq.heappush(free, (end, worker))
        done = max(done, end)
    return Simulated(done, moved)
