"""Oracle, never importing the package: the radius classifier, and all that can be made of small tables.

Labels are numbers that sort as they are; an attacker may use any of those he is given. A row is a distance
and a label. What the attacker moves goes anywhere that its distance can go, so a table is as bad as the rows
that he makes cross the radius.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from mpmath import mpf
from naive import ncx2

FAR = 1e6  # never within the radius, with noise or without


class Row(NamedTuple):
    distance: float
    label: int


Table = tuple[Row, ...]


def predict(table: Table, radius: float, crossed: frozenset[int] = frozenset()) -> int | None:
    """The label with the most votes within the radius, the lowest of equals; None where nothing votes.

    Rows that crossed the radius count on the other side of it.
    """
    votes: dict[int, int] = {}
    for i, (distance, label) in enumerate(table):
        if (distance <= radius) != (i in crossed):
            votes[label] = votes.get(label, 0) + 1
    return min(votes, key=lambda label: (-votes[label], label)) if votes else None


def subsets(n: int, most: int) -> Iterator[tuple[int, ...]]:
    for size in range(min(n, most) + 1):
        yield from itertools.combinations(range(n), size)


def _changed(table: Table, rows: Sequence[int], choices: Callable[[Row], list[Row]]) -> Iterator[Table]:
    """Tables with each of these rows exchanged for one of its choices."""
    for new in itertools.product(*(choices(table[i]) for i in rows)):
        changed = list(table)
        for i, row in zip(rows, new, strict=True):
            changed[i] = row
        yield tuple(changed)


def flipped(table: Table, rows: int, labels: Sequence[int]) -> Iterator[Table]:
    for chosen in subsets(len(table), rows):
        yield from _changed(table, chosen, lambda row: [Row(row.distance, y) for y in labels])


def deleted(table: Table, rows: int, labels: Sequence[int]) -> Iterator[Table]:
    for chosen in subsets(len(table), rows):
        yield tuple(row for i, row in enumerate(table) if i not in chosen)


def inserted(table: Table, rows: int, labels: Sequence[int]) -> Iterator[Table]:
    for number in range(rows + 1):
        for new in itertools.combinations_with_replacement(labels, number):
            yield table + tuple(Row(0.0, y) for y in new)  # a row outside the radius changes nothing


def replaced(table: Table, rows: int, labels: Sequence[int]) -> Iterator[Table]:
    anywhere = [Row(d, y) for d in (0.0, FAR) for y in labels]
    for chosen in subsets(len(table), rows):
        yield from _changed(table, chosen, lambda row: anywhere)


def moved(
    table: Table, rows: int, labels: Sequence[int], *, length: float, relabel: bool = False
) -> Iterator[Table]:
    """Rows moved straight away or towards the query, as far as they may, or not at all."""

    def choices(row: Row) -> list[Row]:
        ends = {row.distance, row.distance + length, max(row.distance - length, 0.0)}
        return [Row(d, y) for d in ends for y in (labels if relabel else [row.label])]

    for chosen in subsets(len(table), rows):
        yield from _changed(table, chosen, choices)


def cheapest_crossing(
    table: Table, radius: float, target: int, total: Callable[[list[float]], float], most: int
) -> float:
    """The least that rows crossing the radius can cost so that the target is not predicted."""
    least = math.inf
    for chosen in subsets(len(table), most):
        if predict(table, radius, frozenset(chosen)) != target:
            least = min(least, total([abs(radius - table[i].distance) for i in chosen]))
    return least


def dearest(costs: list[float]) -> float:
    return max(costs, default=0.0)


def norm(costs: list[float]) -> float:
    return math.sqrt(math.fsum(c * c for c in costs))


# ------------------------------------------------------------------------------------------------------------
# With noise: rows are within the radius or not, independently of one another


def chances(distance: float, radius: float, sigma: float, dof: float) -> tuple[mpf, mpf]:
    """P(a noisy row is within the radius), and that it is not, to 40 digits."""
    if distance > FAR / 2:  # or moved a little from there
        return mpf(0), mpf(1)
    cdf, sf, _ = ncx2((mpf(radius) / mpf(sigma)) ** 2, dof, (mpf(distance) / mpf(sigma)) ** 2)
    return cdf, sf


def noisy_vote(
    table: Table, radius: float, sigma: float, dof: float, classes: Sequence[int]
) -> dict[int, mpf]:
    """Probability of each class to win, over all votes that can be; with none the first wins."""
    votes = {(0,) * len(classes): mpf(1)}
    for distance, label in table:
        inside, outside = chances(distance, radius, sigma, dof)
        c = classes.index(label)
        following: dict[tuple[int, ...], mpf] = {}
        for counts, p in votes.items():
            more = (*counts[:c], counts[c] + 1, *counts[c + 1 :])
            following[counts] = following.get(counts, mpf(0)) + p * outside
            following[more] = following.get(more, mpf(0)) + p * inside
        votes = following
    wins = dict.fromkeys(classes, mpf(0))
    for counts, p in votes.items():
        wins[classes[counts.index(max(counts))]] += p
    return wins
