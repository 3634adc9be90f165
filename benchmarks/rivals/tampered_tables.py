"""The rivals' certificates against every tampering of tiny tables: none unsound, the exact ones exact."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from ..common.report import SEED, require
from .count_certificate import certified_rows, plain_votes, radius_votes, votes_needed
from .grouped import most_changed
from .ridge import RidgeWeights, survived_flips

__all__ = ["check_counts", "check_grouped", "check_rivals", "check_ridge"]

Votes = Callable[[np.ndarray, np.ndarray], np.ndarray]

# Where a tampered row may lie: at the query, among the rows (0.5 to 3.5, and between them), far away.
_PLACES = (0.0, 1.0, 9.0)
_RADIUS = 2.0  # some of these rows are within it

_REACH = 1.0  # radius of queries within 4 of each other: some share rows, some do not

_LEVEL = 1e-9  # of scores of size 1: far above their rounding, far below what random tables differ by


class Checked(NamedTuple):
    """How many tampered tables each certificate held against."""

    counts: int
    grouped: int
    ridge: int


@cache  # the tables are the same for every data set of a run
def check_rivals(n_tables: int = 60) -> Checked:
    """Check all of them; of the slower checks a few tables less.

    Raises
    ------
    Disagreement
        If a certificate does not hold, or an exact one is not.
    """
    return Checked(check_counts(n_tables), check_grouped(n_tables), check_ridge(n_tables))


def check_counts(n_tables: int = 60, seed: int = SEED) -> int:
    """Compare the count certificate of K-NN and of radius neighbours; return how many tables were looked at.

    Raises
    ------
    Disagreement
        If a tampering within the budget changes a prediction, or none of one modified row more does.
    """
    rng = np.random.default_rng(seed)
    looked_at = 0
    for table in range(n_tables):
        n_classes, n_neighbors = int(rng.integers(2, 4)), int(rng.integers(1, 5))
        n = n_neighbors + 3
        distances = rng.integers(0, 4, size=n) + 0.5
        # Mostly one class, at random which: evenly mixed rows would survive nothing.
        others = (rng.random(n) < 0.2) * rng.integers(1, n_classes, size=n)
        labels = (rng.integers(n_classes) + others) % n_classes
        if table % 2:
            votes: Votes = partial(radius_votes, radius=_RADIUS, n_classes=n_classes)
        else:
            votes = partial(plain_votes, n_neighbors=n_neighbors, n_classes=n_classes)
        found, survived = certified_rows(votes(distances[None, :], labels))
        label, rows = int(found[0]), int(survived[0])
        what = f"{votes}, {rows} rows: {distances}, {labels}"
        new = list(itertools.product(_PLACES, range(n_classes)))
        for tampered in _tampered(distances, labels, rows, new):
            looked_at += len(tampered.labels)
            got = votes(tampered.places, tampered.labels).argmax(axis=1)
            require(bool(np.all(got == label)), f"count certificate, {what} changes")
        beyond = _changed(distances, labels, rows + 1, rows + 1, new)
        got = votes(beyond.places, beyond.labels).argmax(axis=1)
        require(bool(np.any(got != label)), f"count certificate, {what}: one row more changes nothing")
    return looked_at


def check_grouped(n_tables: int = 60, seed: int = SEED) -> int:
    """Compare the grouped certificate; return how many tables were looked at.

    Raises
    ------
    Disagreement
        If an attack changes more predictions than it says.
    """
    rng = np.random.default_rng(seed)
    looked_at = saved = 0
    for _ in range(n_tables):
        n_classes, n, rows = int(rng.integers(2, 4)), int(rng.integers(4, 7)), int(rng.integers(1, 3))
        queries = np.sort(rng.uniform(0.0, 4.0, size=4))
        places, labels = rng.uniform(0.0, 4.0, size=n), rng.integers(n_classes, size=n)
        votes = partial(radius_votes, radius=_REACH, n_classes=n_classes)
        own = np.abs(queries[:, None] - places)
        label, needed = votes_needed(votes(own, labels))
        bound = most_changed(label, needed, rows)
        saved += int(np.sum(needed <= 2 * rows)) - bound
        # between two queries, or at one of them
        spots = np.unique([*queries, *(queries[:-1] + queries[1:]) / 2])
        for tampered in _tampered(places, labels, rows, list(itertools.product(spots, range(n_classes)))):
            looked_at += len(tampered.labels)
            got = [votes(np.abs(tampered.places - q), tampered.labels).argmax(axis=1) for q in queries]
            changed = int((np.stack(got, axis=1) != label).sum(axis=1).max())
            where = f"{queries}, {places}, {labels}, {rows} rows"
            require(changed <= bound, f"grouped certificate: {changed} > {bound} predictions change, {where}")
    require(saved > 0, "the grouped certificate was never better than one query at a time")
    return looked_at


def check_ridge(n_tables: int = 60, seed: int = SEED) -> int:
    """Compare the certificate of ridge regression; return how many tables were looked at.

    Raises
    ------
    Disagreement
        If flips within the budget change a prediction, or none of one flip more does.
    """
    rng = np.random.default_rng(seed)
    looked_at = 0
    for table in range(n_tables):
        n, d, n_classes = int(rng.integers(3, 7)), int(rng.integers(1, 3)), int(rng.integers(2, 4))
        X, queries = rng.normal(size=(n, d)), rng.normal(size=(3, d))
        labels = rng.integers(n_classes, size=n)
        penalty, intercept = float(10.0 ** rng.uniform(-1.0, 1.0)), bool(table % 2)
        weights = RidgeWeights(X, standardised=False, intercept=intercept)
        label, survives = survived_flips(
            weights.of(queries, penalty), labels, n_classes=n_classes, rows=range(n + 1)
        )
        every = np.array(list(itertools.product(range(n_classes), repeat=n)))
        scores = _fitted_scores(X, every, queries, penalty, n_classes, intercept=intercept)
        # a class that is level with the predicted one counts as ahead of it, as in the certificate
        scores[:, np.arange(len(queries)), label] -= _LEVEL
        kept = scores.argmax(axis=2) == label
        looked_at += len(every)
        flips = (every != labels).sum(axis=1)
        for r in range(n + 1):
            unchanged = kept[flips <= r].all(axis=0)
            require(
                np.array_equal(unchanged, survives[:, r]),
                f"ridge, {r} flips: {X.tolist()}, {labels}, {queries.tolist()}, {penalty}, {intercept}",
            )
    return looked_at


def _fitted_scores(
    X: np.ndarray, every: np.ndarray, queries: np.ndarray, penalty: float, n_classes: int, *, intercept: bool
) -> np.ndarray:
    """Fit all labellings by least squares on a longer table, not by alpha; scores (labellings, m, C)."""
    d = X.shape[1]
    rows = np.vstack([X, np.sqrt(penalty) * np.eye(d)])
    asked = queries
    if intercept:
        rows = np.column_stack([rows, np.r_[np.ones(len(X)), np.zeros(d)]])
        asked = np.column_stack([queries, np.ones(len(queries))])
    targets = np.concatenate([(every == c).T for c in range(n_classes)], axis=1).astype(float)
    targets = np.vstack([targets, np.zeros((d, targets.shape[1]))])
    scores = asked @ np.linalg.lstsq(rows, targets, rcond=None)[0]
    return scores.reshape(len(queries), n_classes, len(every)).transpose(2, 0, 1)


class _Tables(NamedTuple):
    """Many tables of one size: places or distances and labels, both of shape (tables, rows)."""

    places: np.ndarray
    labels: np.ndarray


def _tampered(places: np.ndarray, labels: np.ndarray, rows: int, new: list) -> Iterator[_Tables]:
    """Every table that lacks at most so many rows and has at most so many others; new: (place, label)."""
    for taken, put in itertools.product(range(rows + 1), repeat=2):
        tables = _changed(places, labels, taken, put, new)
        yield tables
        # rows at one distance count in the order of the table: the others may also stand in front
        yield _Tables(np.roll(tables.places, put, axis=1), np.roll(tables.labels, put, axis=1))


def _changed(places: np.ndarray, labels: np.ndarray, taken: int, put: int, new: list) -> _Tables:
    """Every table that lacks exactly so many rows and has so many others behind the rest."""
    kept = list(itertools.combinations(range(len(labels)), len(labels) - taken))
    added = list(itertools.combinations_with_replacement(new, put))
    rest = np.array(kept, dtype=int).reshape(len(kept), -1)
    others = np.array(added, dtype=float).reshape(len(added), put, 2)
    new_places, new_labels = others[:, :, 0], others[:, :, 1].astype(int)
    return _Tables(
        np.hstack([np.repeat(places[rest], len(added), axis=0), np.tile(new_places, (len(kept), 1))]),
        np.hstack([np.repeat(labels[rest], len(added), axis=0), np.tile(new_labels, (len(kept), 1))]),
    )
