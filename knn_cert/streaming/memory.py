"""How much of a table and of its queries is in memory at a time, so that a process stays below a bound."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from ..gate.errors import InvalidInput
from ..shards.needs import bytes_of_summary

__all__ = [
    "Plan",
    "as_option",
    "check_memory",
    "check_unpacked_fits",
    "memory_for_whole",
    "most_of_plan",
    "plan_of",
    "whole_table_fits",
]

# A table that is read, checked and fitted is in memory about so often at the worst moment; a label is an
# object of Python for a while.
_COPIES_OF_TABLE, _BYTES_OF_LABEL = 4, 128
# Of rows that are read and summarised, and of queries that are read and certified.
_COPIES_OF_ROWS = 6
# Summaries: of what was read before, of the next rows, and of both together.
_COPIES_OF_SUMMARIES = 4
_RESULT_BYTES = 128  # of a certificate, and 16 more for each class

# Tables of the kernel, readers of files, and what an allocator keeps.
_OVERHEAD = 64 << 20
_LEAST_ROOM = 48 << 20
_MB = 10**6
# By so much the same program takes more in another process: who is told how much is enough is not told more.
_SLACK = 8 << 20
_MOST_ROWS, _MOST_QUERIES = 1 << 18, 1 << 14


class Plan(NamedTuple):
    """What is in memory at a time.

    Attributes
    ----------
    rows_at_once : int
        Of the training table, where it is read in parts.
    queries_at_once : int
    summary_bytes : int
        Of summaries that are asked for again.
    """

    rows_at_once: int
    queries_at_once: int
    summary_bytes: int


def _resident_bytes() -> int:
    """Return how much memory this process uses now."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return 0  # of Windows nothing is known: the bound is then for what comes on top
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def most_of_plan() -> Plan:
    """Return the largest plan that there is."""
    return Plan(_MOST_ROWS, _MOST_QUERIES, 1 << 50)


def check_memory(memory: int) -> None:
    """Refuse so little memory that nothing can be done; to be asked before anything is read.

    Raises
    ------
    InvalidInput
        That says how much is enough.
    """
    if memory - _resident_bytes() - _OVERHEAD < _LEAST_ROOM:
        least = _enough_for(0)
        raise InvalidInput(
            f"expected at least {as_option(least)} of memory, most of it for the program itself, got "
            f"{memory // _MB}MB; allow --memory {as_option(least)}"
        )


def _room_in(memory: int) -> int:
    """Return how much of the memory is left; never less than what `check_memory` has asked for."""
    return max(_LEAST_ROOM, memory - _resident_bytes() - _OVERHEAD)


def whole_table_fits(n_rows: int, n_features: int, memory: int) -> bool:
    """Whether a table can be read whole within a bound, and there is room for queries beside it."""
    return _fit(_bytes_of_whole(n_rows, n_features), _room_in(memory))


def memory_for_whole(n_rows: int, n_features: int) -> int:
    """Return how much memory is enough to read a table whole."""
    return _enough_for(_bytes_of_whole(n_rows, n_features))


def check_unpacked_fits(name: str, n_bytes: int, memory: int) -> None:
    """Refuse a table that is read whole because of its kind, and unpacks to so many bytes.

    Raises
    ------
    InvalidInput
        If there is no room for it.
    """
    taken = _COPIES_OF_TABLE * n_bytes
    if not _fit(taken, _room_in(memory)):
        raise InvalidInput(
            f"{name}: expected a table that fits into --memory, because files of this kind are read whole, "
            f"got one of {-(-n_bytes // _MB)}MB; save it as CSV or Parquet, or allow --memory "
            f"{as_option(_enough_for(taken))}"
        )


def _bytes_of_whole(n_rows: int, n_features: int) -> int:
    return n_rows * (_COPIES_OF_TABLE * 8 * n_features + _BYTES_OF_LABEL)


def _fit(n_bytes: int, room: int) -> bool:
    return n_bytes <= min(room // 2, room - _LEAST_ROOM)


def _enough_for(n_bytes: int) -> int:
    room = max(2 * n_bytes, n_bytes + _LEAST_ROOM)
    return _resident_bytes() + _OVERHEAD + room + _SLACK


def as_option(n_bytes: int) -> str:
    """Return a size as --memory takes it, in tens of megabytes, rounded up."""
    return f"{-(-n_bytes // (10 * _MB)) * 10}MB"


def plan_of(memory: int, *, n_features: int, n_classes: int, n_near: int | None) -> Plan:
    """Return how much is in memory at a time, from what is left of the bound now.

    Parameters
    ----------
    memory : int
        Bytes of the whole process.
    n_features, n_classes : int
    n_near : int or None
        Nearest rows of each class that are kept for every query, where the training table is read in parts.
    """
    room = _room_in(memory)
    row = 8 * n_features * _COPIES_OF_ROWS
    query = row + _RESULT_BYTES + 16 * n_classes
    rows_at_once = min(_MOST_ROWS, max(1, room // 3 // row))
    if n_near is not None:
        query += bytes_of_summary(n_near, n_classes, with_far=True) * _COPIES_OF_SUMMARIES
    return Plan(rows_at_once, min(_MOST_QUERIES, max(1, room // 3 // query)), room // 3)
