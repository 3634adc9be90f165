"""A cluster, simulated from measured constants: which task runs where and when, and what travels.

Tasks are handed to the worker that is free first, as a scheduler with one queue does: for each block of
queries a summary of each part, a tree of merges by eight, and certificates of slices of the queries, for
which each worker fetches the summary of all parts once. Nobody is in doubt and asked again. A task whose
input lies on another worker waits for it to travel; that costs its size over the bandwidth, and every task
what the scheduler takes.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

_FAN_IN = 8
_BLOCK_BYTES = 32 << 20  # of a summary, from which the queries of a block follow
_SLICES_A_WORKER, _LEAST_QUERIES = 4, 16  # of what is certified by one task


class Constants(NamedTuple):
    """What one thread was measured to take, in seconds, and what a summary weighs."""

    read_row: float
    row_and_query: float
    merge_query: float
    certify_query: float
    bytes_a_query: float
    bandwidth: float = 1e9  # bytes a second: a network of 10 Gbit/s
    task: float = 2e-3  # the scheduler, for each task

    def at_size(self, bytes_a_query: float) -> Constants:
        """Return what it takes where more near rows are kept: merging and certifying look at all of them."""
        times = bytes_a_query / self.bytes_a_query
        return self._replace(
            merge_query=times * self.merge_query,
            certify_query=times * self.certify_query,
            bytes_a_query=bytes_a_query,
        )


class Simulated(NamedTuple):
    """How long it takes, and how much travels between workers."""

    seconds: float
    bytes_moved: float


def simulate(
    constants: Constants, *, n_rows: int, n_queries: int, n_workers: int, rows_a_part: int
) -> Simulated:
    """Return the time of all blocks of queries, one after the other.

    Blocks of one size take one time, so that one is simulated and counted as often as it comes.
    """
    most = max(1, int(_BLOCK_BYTES / constants.bytes_a_query))
    n_blocks, rest = divmod(n_queries, most)
    found = [(n_blocks, _block(constants, n_rows, most, n_workers, rows_a_part))] if n_blocks else []
    if rest:
        found.append((1, _block(constants, n_rows, rest, n_workers, rows_a_part)))
    return Simulated(
        sum(times * one.seconds for times, one in found), sum(times * one.bytes_moved for times, one in found)
    )


def _block(c: Constants, n_rows: int, m: int, n_workers: int, rows_a_part: int) -> Simulated:
    free = [(0.0, worker) for worker in range(n_workers)]
    heapq.heapify(free)
    size, moved = c.bytes_a_query * m, 0.0

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

    n_parts, last = divmod(n_rows, rows_a_part)
    rows = [rows_a_part] * n_parts + ([last] if last else [])
    level = [run([], n * (c.read_row + m * c.row_and_query)) for n in rows]
    while len(level) > 1:
        groups = [level[k : k + _FAN_IN] for k in range(0, len(level), _FAN_IN)]
        level = [run(group, (len(group) - 1) * m * c.merge_query) for group in groups]
    (root,) = level
    n_slices = max(1, min(_SLICES_A_WORKER * n_workers, m // _LEAST_QUERIES))
    held, done = {root[1]}, root[0]
    for _ in range(n_slices):
        start, worker = heapq.heappop(free)
        fetched = 0.0 if worker in held else size
        held.add(worker)
        moved += fetched
        end = max(start, root[0]) + fetched / c.bandwidth + m / n_slices * c.certify_query + c.task
        heapq.heappush(free, (end, worker))
        done = max(done, end)
    return Simulated(done, moved)
