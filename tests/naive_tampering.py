"""Oracle, never importing the package: every table that can be made of a small one within a budget, or many.

Labels are 0..n_labels-1 in the order in which the classifier sorts them; the table may lack some of them,
and the attacker may use those too. What can be listed is listed in full if there is room; else the plans that
are likely to hurt come first, and others are drawn at random. Moves cannot be listed: a row moves by the
whole of its radius, by half of it or not at all, towards the query or away from it, and so does the query. A
row that comes from elsewhere is at the query, among the rows, or far away.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from mpmath import mp, mpf
from naive_nearest_sets import (
    DIGITS,
    EQUAL,
    UNDECIDED,
    nearest_sets,
    nearest_sets_in_buckets,
    nearest_sets_in_many_digits,
    votes,
)

# Rounding must not make a move longer than its radius.
SHORTER = 1.0 - 1e-12

# Directions of one whole length, along which every distance is a whole multiple of the step.
_LINES = {
    1: np.array([[1.0], [-1.0]]),
    3: np.array([[3.0, 0.0, 0.0], [0.0, -3.0, 0.0], [2.0, 2.0, 1.0], [-1.0, 2.0, -2.0]]),
}

_FAR = 60.0  # sigma: as good as gone
_TABLES_AT_ONCE = 4096


class Table(NamedTuple):
    """A training table, a query and a smoothed classifier."""

    rows: np.ndarray  # (n, d)
    labels: np.ndarray  # (n,)
    query: np.ndarray  # (d,)
    n_labels: int  # those that the attacker may use
    n_neighbors: int
    sigma: float
    edges: np.ndarray | None = None

    @property
    def distances(self) -> np.ndarray:
        return np.sqrt(np.sum((self.rows - self.query) ** 2, axis=1))


class Tampered(NamedTuple):
    """Tables of one number of rows as the query sees them: (tables, n) distances and labels, in order."""

    distances: np.ndarray
    labels: np.ndarray


class Change(NamedTuple):
    """What may be done to one row: its distance s becomes max(keeps * s + adds, 0); None: the old label."""

    keeps: float
    adds: float
    label: int | None


def random_table(rng, *, n_classes: int, n_neighbors: int | None = None, bucketed: bool = False) -> Table:
    """A small problem: ties, duplicates, rows at the query, mirrored classes, far rows, K = n among them.

    Distances are exact in doubles: steps of 1/16 along axes, diagonals of whole length or a line.
    """
    n = int(rng.integers(max(3, n_classes), 7)) if bucketed else int(rng.choice([4, 5, 6, 7, 7, 8, 8]))
    if n_neighbors is None:
        n_neighbors = n if rng.random() < 0.1 else int(rng.integers(1, min(n, 6)))
    d = int(rng.choice([1, 3]))
    spread = float(rng.choice([1.0, 3.0, 3.0, 6.0, 6.0, 12.0, 12.0, 30.0]))
    units = _LINES[d]
    length = np.linalg.norm(units[0])
    steps = np.round(16.0 * spread / length * rng.random(n) ** rng.choice([0.5, 1.0, 2.0]))
    kind = rng.integers(6)
    if kind == 0:
        steps = 16.0 * np.round(steps / 16.0)  # ties
    elif kind == 1:
        steps[: n // 2] = steps[0]  # duplicates
    elif kind == 2:
        steps[rng.integers(n)] = 0.0
    rows = steps[:, None] / 16.0 * units[rng.integers(len(units), size=n)]
    share = rng.dirichlet(np.full(n_classes, 1.0))
    if rng.random() < 0.6:  # one class prevails, so that something is certified
        share = 0.2 * share + 0.8 * (np.arange(n_classes) == rng.integers(n_classes))
    labels = rng.choice(n_classes, size=n, p=share)
    if kind == 3:  # mirrored: two classes at the same distances
        rows[n // 2 : 2 * (n // 2)] = rows[: n // 2]
        labels[n // 2 :] = (labels[0] + 1) % n_classes
        labels[: n // 2] = labels[0]
    if len(np.unique(labels)) < 2:
        labels[rng.integers(n)] = (labels[0] + 1) % n_classes
    n_labels = min(n_classes + int(rng.integers(0, 4)), 6)
    used = np.sort(rng.choice(n_labels, size=n_classes, replace=False))  # others come before, between, after
    sigma = float(rng.choice([1.0, 1.0, 0.5, 2.0**-20, 2.0**20]))
    query = rng.choice([0.0, 0.0, -8.5], size=d)
    edges = None
    if bucketed:
        top = float(steps.max()) / 16.0 * length + 2.0
        edges = (
            np.unique(np.round(64.0 * (top * rng.random(int(rng.integers(1, 4)))) ** 2) / 64.0 + 0.25)
            * sigma**2
        )
    return Table(rows * sigma + query, used[labels], query, n_labels, n_neighbors, sigma, edges)


# ------------------------------------------------------------------------------------------------------------
# What attackers do


def flipped(table: Table, r: int, limit: int, rng) -> Tampered:
    """At most r labels changed."""
    return _changed(table, r, [Change(1, 0.0, label) for label in _new_labels(table)], limit, rng)


def replaced(table: Table, r: int, limit: int, rng) -> Tampered:
    """At most r rows with any label, at one of a few distances."""
    changes = [Change(0, s, label) for s in _places(table) for label in _new_labels(table)]
    return _changed(table, r, changes, limit, rng)


def moved(table: Table, r: int, radius: float, limit: int, rng, *, relabel: bool = False) -> Tampered:
    """At most r rows moved, each by at most the radius."""
    radius = min(radius, _FAR * table.sigma + 2.0 * table.distances.max()) * SHORTER
    changes = [Change(1, step, None) for step in (-radius, radius, -radius / 2, radius / 2, 0.0)]
    if relabel:
        there = [
            Change(1, step, label) for step in (-radius, -radius / 2, 0.0) for label in _new_labels(table)
        ]
        changes = there[: table.n_labels] + changes + there[table.n_labels :]
    return _changed(table, r, changes, limit, rng)


def inserted(table: Table, r: int, limit: int, rng) -> Tampered:
    """At most r rows more; in the continuous classifier it does not matter where in the table."""
    kinds = [(s, label) for s in _places(table) for label in range(table.n_labels)]
    plans = _multisets(len(kinds), r, limit, rng)
    s, labels = np.array([kind[0] for kind in kinds]), np.array([kind[1] for kind in kinds])
    return Tampered(_beside(table.distances, s[plans]), _beside(table.labels, labels[plans]))


def deleted(table: Table, r: int, limit: int, rng) -> Tampered | None:
    """Exactly r rows gone, as far as K rows are left."""
    n = len(table.labels)
    if n - r < table.n_neighbors:
        return None
    kept = _listed(itertools.combinations(range(n), n - r))
    return Tampered(table.distances[kept], table.labels[kept])


def in_a_ball(table: Table, radius: float, limit: int, rng) -> Tampered:
    """Any number of rows moved, by less than the radius in L2 norm over all rows."""
    n = len(table.labels)
    radius = min(radius, _FAR * table.sigma + 2.0 * table.distances.max()) * SHORTER
    signs = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=n)))
    random = rng.normal(size=(limit, n)) * rng.exponential(size=(limit, n))
    # with one sign for a class and the other for the rest: what hurts most
    side = np.where(table.labels == rng.integers(table.n_labels, size=(limit, 1)), 1.0, -1.0)
    random[::2] = np.abs(random[::2]) * side[::2]
    steps = np.concatenate([signs if len(signs) <= limit else signs[rng.choice(len(signs), limit)], random])
    length = np.linalg.norm(steps, axis=1, keepdims=True)
    steps = steps * np.divide(radius, length, out=np.zeros_like(length), where=length > 0.0)
    distances = np.maximum(table.distances + steps, 0.0)
    return Tampered(distances, np.broadcast_to(table.labels, distances.shape))


def moved_queries(table: Table, radius: float, number: int, rng) -> Iterator[Table]:
    """About so many queries moved by the radius, half of it and not at all: to rows, away, along axes."""
    radius = min(radius, _FAR * table.sigma + 2.0 * table.distances.max()) * SHORTER
    d = len(table.query)
    gaps = table.rows - table.query
    directions = np.unique([gap / np.linalg.norm(gap) for gap in gaps if gap.any()] + list(np.eye(d)), axis=0)
    ends = np.concatenate([directions, -directions])
    ends = ends[rng.permutation(len(ends))[: max(number - 3, 2)]]
    halves = 0.5 * ends[rng.permutation(len(ends))[: number // 3]]
    for step in np.unique(np.concatenate([np.zeros((1, d)), ends, halves]) * radius, axis=0):
        yield table._replace(query=table.query + step)


# ------------------------------------------------------------------------------------------------------------
# Plans


def _new_labels(table: Table) -> list[int]:
    """All labels; first those that rows have, since a changed row then adds to others."""
    seen = set(table.labels.tolist())
    return sorted(range(table.n_labels), key=lambda label: (label not in seen, label))


def _places(table: Table) -> list[float]:
    """Distances of rows that come from elsewhere: at the query, among the rows, and far away."""
    middle = 0.5 * float(np.median(table.distances))
    return sorted({0.0, middle, table.distances.max() + _FAR * table.sigma})


def _changed(table: Table, r: int, changes: Sequence[Change], limit: int, rng) -> Tampered:
    """Some r rows, each changed in one of the given ways."""
    n, r = len(table.labels), min(r, len(table.labels))
    rows = _listed(itertools.combinations(range(n), r))
    plans = _sequences(table, rows, len(changes), limit, rng)
    which, plan = plans
    distances = np.repeat(table.distances[None], len(which), axis=0)
    labels = np.repeat(table.labels[None], len(which), axis=0)
    keeps, adds, new = (
        np.array([-1 if c is None else c for c in column]) for column in zip(*changes, strict=True)
    )
    line = np.arange(len(which))[:, None]
    target = rows[which]
    distances[line, target] = np.maximum(keeps[plan] * distances[line, target] + adds[plan], 0.0)
    labels[line, target] = np.where(new[plan] < 0, labels[line, target], new[plan])
    return Tampered(distances, labels)


def _sequences(
    table: Table, rows: np.ndarray, n_changes: int, limit: int, rng
) -> tuple[np.ndarray, np.ndarray]:
    """(which rows, what to do with each): all plans; or one for all rows of a label, and then random ones."""
    n_plans, r = n_changes ** rows.shape[1], rows.shape[1]
    if n_plans * len(rows) <= limit:
        plans = _listed(itertools.product(range(n_changes), repeat=r))
        return np.repeat(np.arange(len(rows)), len(plans)), np.tile(plans, (len(rows), 1))
    harm = np.argsort(_distance_ranks(table)[:, rows].sum(axis=2).min(axis=0), kind="stable")
    pairs = _listed(itertools.product(range(n_changes), repeat=2))
    pairs = pairs[np.argsort(pairs.max(axis=1), kind="stable")]  # the first changes are the worst
    chosen = harm[: max(1, limit // 4)]
    both = np.arange(1, len(chosen) + 1)[:, None] * np.arange(
        1, len(pairs) + 1
    )  # near rows and bad pairs first
    which, pair = np.unravel_index(np.argsort(both, axis=None, kind="stable")[: limit // 2], both.shape)
    parts = []
    for label in np.unique(table.labels):  # one thing to the rows of this label, another to the others
        own = table.labels[rows[chosen[which]]] == label
        parts.append(np.where(own, pairs[pair, :1], pairs[pair, 1:]))
    at_random = rng.integers(n_changes, size=(limit // 2, r))
    return (
        np.concatenate([np.tile(chosen[which], len(parts)), rng.integers(len(rows), size=len(at_random))]),
        np.concatenate([*parts, at_random]),
    )


def _distance_ranks(table: Table) -> np.ndarray:
    """For every label a rank of all rows: those of that label first, near ones before far ones."""
    labels = np.unique(table.labels)[:, None]
    keys = table.distances + np.where(table.labels == labels, 0.0, 1.0 + table.distances.max())
    return np.argsort(np.argsort(keys, axis=1, kind="stable"), axis=1)


def _multisets(n_kinds: int, r: int, limit: int, rng) -> np.ndarray:
    """Multisets of r of so many kinds: all, or those of one and two kinds, and then at random."""
    if math.comb(n_kinds + r - 1, r) <= limit:
        return _listed(itertools.combinations_with_replacement(range(n_kinds), r))
    pairs = _listed(itertools.combinations_with_replacement(range(n_kinds), 2))
    half = np.where(np.arange(r) < (r + 1) // 2, pairs[:, :1], pairs[:, 1:])
    return np.concatenate([half, rng.integers(n_kinds, size=(limit // 2, r))])


def _listed(choices) -> np.ndarray:
    """Choices of so many things each, also of none, one a line."""
    choices = list(choices)
    return np.array(choices, dtype=np.int64).reshape(len(choices), -1)


def _beside(kept: np.ndarray, new: np.ndarray) -> np.ndarray:
    return np.concatenate([np.broadcast_to(kept, (len(new), len(kept))), new], axis=1)


# ------------------------------------------------------------------------------------------------------------
# What becomes of the prediction


class Outcome(NamedTuple):
    """Of some tampered tables: one with another prediction, if any; the least that the label is left with."""

    n_tables: int
    broken: tuple[tuple[np.ndarray, np.ndarray], ...]  # its distances and labels
    smallest: float
    at_smallest: tuple[np.ndarray, np.ndarray]
    n_undecided: int  # by doubles


def probabilities(table: Table, tampered: Tampered) -> np.ndarray:
    """Of every label, for every tampered table."""
    distances, which = np.unique(tampered.distances, axis=0, return_inverse=True)
    scaled, which = distances / table.sigma, which.ravel()
    n_features = len(table.query)
    if table.edges is None:
        sets = nearest_sets(scaled, table.n_neighbors, n_features)
    else:
        sets = nearest_sets_in_buckets(scaled, table.n_neighbors, n_features, table.edges / table.sigma**2)
    parts = [
        votes(sets, which[i : i + _TABLES_AT_ONCE], tampered.labels[i : i + _TABLES_AT_ONCE], table.n_labels)
        for i in range(0, len(which), _TABLES_AT_ONCE)
    ]
    return np.concatenate(parts)


def exact_probabilities(table: Table, distances, labels) -> list:
    """The same of one table, in many digits."""
    n_features = len(table.query)
    with mp.workdps(DIGITS):
        scaled = np.array([mpf(float(s)) / mpf(table.sigma) for s in distances], dtype=object)
        if table.edges is None:
            sets = nearest_sets_in_many_digits(scaled, table.n_neighbors, n_features)
        else:
            edges = [mpf(float(edge)) / mpf(table.sigma) ** 2 for edge in table.edges]
            sets = nearest_sets_in_buckets(scaled, table.n_neighbors, n_features, edges, precise=True)
        return list(votes(sets, np.zeros(1, dtype=int), np.asarray(labels)[None], table.n_labels)[0])


def predicted(table: Table, distances, labels) -> int:
    """The most probable label; where doubles cannot tell, in many digits, the lowest among equals."""
    p = probabilities(table, Tampered(np.asarray(distances)[None], np.asarray(labels)[None]))[0]
    first, second = np.sort(p)[::-1][:2]
    if first - second > UNDECIDED:
        return int(np.argmax(p))
    p = exact_probabilities(table, distances, labels)
    with mp.workdps(DIGITS):
        return next(label for label in range(table.n_labels) if p[label] >= max(p) - EQUAL)


def outcome(table: Table, tampered: Tampered, label: int, *, to_the_end: bool = True) -> Outcome:
    """Whether the prediction stays the label. Tables that differ in the order of their rows only are one.

    Where nothing is clearly broken, what doubles leave undecided is settled one by one, if to the end.
    """
    tampered = _distinct(table, tampered)
    p = probabilities(table, tampered)
    own = p[:, label].copy()
    p[:, label] = -1.0
    lead = own - p.max(axis=1)
    broken = np.flatnonzero(lead < -UNDECIDED)[:1]
    if not broken.size and to_the_end:
        undecided = np.flatnonzero(lead <= UNDECIDED)
        other = (i for i in undecided if predicted(table, tampered.distances[i], tampered.labels[i]) != label)
        broken = np.array(list(itertools.islice(other, 1)), dtype=np.int64)
    least = int(np.argmin(own))
    return Outcome(
        len(own),
        tuple((tampered.distances[i], tampered.labels[i]) for i in broken),
        float(own[least]),
        (tampered.distances[least], tampered.labels[least]),
        int(np.count_nonzero(np.abs(lead) <= UNDECIDED)),
    )


def _distinct(table: Table, tampered: Tampered) -> Tampered:
    distances, labels = tampered
    if table.edges is None:  # with buckets the order of the rows counts
        order = np.lexsort((labels, distances), axis=1)
        distances, labels = (np.take_along_axis(part, order, axis=1) for part in tampered)
    _, first = np.unique(np.concatenate([distances, labels], axis=1), axis=0, return_index=True)
    return Tampered(distances[first], labels[first])
