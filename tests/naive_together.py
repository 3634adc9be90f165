"""Oracle, never importing the package: every attack on a small table, and how many queries it changes.

Rows and queries are whole numbers on a line, so that distances are exact and ties are ties. A query counts as
changed if, for some order of tied rows, the K nearest do not vote for its label.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

Table = tuple[tuple[int, ...], tuple[int, ...]]  # places of rows, and labels

FAR = 1000


def winner(labels: Sequence[int]) -> int:
    """The label with the most votes, the lowest of equals."""
    return min(set(labels), key=lambda label: (-labels.count(label), label))


def predictions(table: Table, query: int, k: int) -> set[int]:
    """What the K nearest rows can vote for, over all orders of tied rows."""
    places, labels = table
    distances = [abs(place - query) for place in places]
    last = sorted(distances)[k - 1]
    nearer = [label for label, distance in zip(labels, distances, strict=True) if distance < last]
    tied = [label for label, distance in zip(labels, distances, strict=True) if distance == last]
    return {
        winner([*nearer, *chosen]) for chosen in set(itertools.combinations(sorted(tied), k - len(nearer)))
    }


def flipped(table: Table, r: int, k: int, labels: Sequence[int], queries: Sequence[int]) -> Iterator[Table]:
    """All tables with at most r labels changed."""
    places, old = table
    for rows in itertools.combinations(range(len(old)), min(r, len(old))):
        for new in itertools.product(labels, repeat=len(rows)):
            changed = list(old)
            for row, label in zip(rows, new, strict=True):
                changed[row] = label
            yield places, tuple(changed)


def deleted(table: Table, r: int, k: int, labels: Sequence[int], queries: Sequence[int]) -> Iterator[Table]:
    """All tables with at most r rows less, as far as K are left."""
    places, old = table
    for number in range(min(r, len(old) - k) + 1):
        for rows in itertools.combinations(range(len(old)), number):
            kept = [row for row in range(len(old)) if row not in rows]
            yield tuple(places[row] for row in kept), tuple(old[row] for row in kept)


def replaced(table: Table, r: int, k: int, labels: Sequence[int], queries: Sequence[int]) -> Iterator[Table]:
    """Tables with r rows moved to queries, between two of them, far away or not at all, with any labels."""
    places, old = table
    middle = (min(queries) + max(queries)) // 2
    stops = [None, *sorted({*queries, middle, FAR})]
    for rows in itertools.combinations(range(len(old)), min(r, len(old))):
        for new in itertools.product(itertools.product(stops, labels), repeat=len(rows)):
            where, what = list(places), list(old)
            for row, (stop, label) in zip(rows, new, strict=True):
                where[row], what[row] = places[row] if stop is None else stop, label
            yield tuple(where), tuple(what)


Attacks = Callable[[Table, int, int, Sequence[int], Sequence[int]], Iterator[Table]]


def budget(
    attacks: Attacks, table: Table, query: int, target: int, k: int, labels: Sequence[int], most: int
) -> int:
    """The largest number of rows, up to ``most``, whose tampering does not change a query; -1 without any."""
    for r in range(most + 1):
        if any(predictions(one, query, k) != {target} for one in attacks(table, r, k, labels, [query])):
            return r - 1
    return most


def most_changed(
    attacks: Attacks,
    table: Table,
    r: int,
    k: int,
    labels: Sequence[int],
    queries: Sequence[int],
    targets: Sequence[int],
) -> int:
    """The largest number of queries that one attack changes."""
    return max(
        sum(predictions(one, query, k) != {target} for query, target in zip(queries, targets, strict=True))
        for one in attacks(table, r, k, labels, queries)
    )
