"""Concrete tampering that changes a smoothed prediction, checked by exact evaluation: the other side of
certificates.

A certificate says up to which budget no tampering changes a prediction; a counterexample is one beyond it
that does. Between the two nothing is known. The attacks follow the worst cases of `knn_cert.threats`: the
nearest rows of the predicted class lose their label, or go, or move straight away from the query, and rows
of the runner-up come closer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .threats import (
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
    StructuredThreat,
    asked_budget,
    is_open,
    tampered_rows,
)

# Splits of a budget of moved rows that are tried at a time; the next ones lie around the best.
_SPLITS = 9

# The smallest radius that breaks a prediction is closed in on to this relative accuracy.
_RADIUS_ACCURACY = 0.01

# Rows that moved past all others by so many sigma are as good as gone.
_GONE = 10.0

# Moves are at first by this share shorter than allowed, so that rounding does not make them longer.
_SHORTER = 1e-12

_NOBODY = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Counterexample:
    """What was done to a table, and to a query, to change a prediction.

    Attributes
    ----------
    rows : ndarray of int, shape (r,)
        Training rows that are changed or deleted.
    X : ndarray of shape (r, d) or None
        Their new features; None where they are deleted.
    y : ndarray of shape (r,) or None
        Their new labels; None where they are deleted.
    inserted_X, inserted_y : ndarray of shape (s, d), (s,)
        Rows that are added at the end.
    query : ndarray of shape (d,)
        The query, moved or not.
    label
        What the classifier predicts now.
    probability : float
        Of the class that was predicted before.
    """

    rows: np.ndarray
    X: np.ndarray | None
    y: np.ndarray | None
    inserted_X: np.ndarray
    inserted_y: np.ndarray
    query: np.ndarray
    label: object
    probability: float

    def apply(self, X, y) -> tuple[np.ndarray, np.ndarray]:
        """The tampered table made of a training table, copied.

        Parameters
        ----------
        X : array_like of shape (n, d)
        y : array_like of shape (n,)

        Returns
        -------
        ndarray of shape (m, d), ndarray of shape (m,)
        """
        X, y = np.array(X, dtype=np.float64), np.array(y)
        if self.X is None:
            X, y = np.delete(X, self.rows, axis=0), np.delete(y, self.rows)
        else:
            # together first: new labels may need another type
            y = np.concatenate([y, self.y])[: len(y)]
            X[self.rows], y[self.rows] = self.X, self.y
        return np.concatenate([X, self.inserted_X]), np.concatenate([y, self.inserted_y])


@dataclass(frozen=True, eq=False)
class Falsification:
    """What was found against the predictions of some queries; `SmoothedKNNClassifier.falsify` makes these.

    Attributes
    ----------
    threat : threat
        What the attacker may do.
    label : ndarray of shape (n_queries,)
        The predictions under attack.
    certified : ndarray of shape (n_queries,)
        Budget up to which no tampering changes them, NaN where there is no certificate.
    budget : ndarray of float, shape (n_queries,)
        Budget with which a tampering was found that does: the one asked for or, if it was left open, the
        smallest; NaN where none was found.
    counterexamples : tuple of (Counterexample or None), one for each query
    """

    threat: StructuredThreat
    label: np.ndarray
    certified: np.ndarray
    budget: np.ndarray
    counterexamples: tuple[Counterexample | None, ...]

    @property
    def found(self) -> np.ndarray:
        """Whether a tampering was found, for each query."""
        return np.array([example is not None for example in self.counterexamples], dtype=bool)


class Victim(NamedTuple):
    """A fitted classifier as the attacker sees it: all of it."""

    rows: Callable[[np.ndarray], np.ndarray]  # indices -> their features
    labels: np.ndarray
    # (query, their features) -> distances to some rows; None: to all training rows
    distances: Callable[[np.ndarray, np.ndarray | None], np.ndarray]
    vote: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]  # (m, n), labels -> p, errors
    n_neighbors: int
    sigma: float


class _Tampering(NamedTuple):
    """What is done with a budget; labels are positions in the classes, features come at the end."""

    moved: np.ndarray  # rows whose distance or label changes
    away: np.ndarray  # by how much each moves away from the query, negative: towards it
    labels: np.ndarray  # of all rows
    deleted: np.ndarray
    inserted: int  # rows of the rival at the query


def attack(
    victim: Victim, query: np.ndarray, label: int, threat: StructuredThreat, certified: float
) -> tuple[float, Counterexample | None]:
    """Try to change one prediction; returns the budget used, NaN without success, and how.

    Parameters
    ----------
    victim : Victim
    query : ndarray of shape (d,)
    label : int
        The prediction, as a position in the classes.
    threat : threat
    certified : float
        The largest budget that is certified, NaN if none; only searched beyond it.
    """
    attacker = _Attacker(victim, query, label)
    if not is_open(threat):
        example = attacker.best(threat)
        return (np.nan if example is None else asked_budget(threat, len(victim.labels))), example
    if np.isinf(certified):
        return np.nan, None
    if threat.budget_name == "rows":
        return _smallest_count(attacker, threat, -1 if np.isnan(certified) else int(certified))
    if np.isnan(certified):
        at_once = attacker.best(replace(threat, radius=0.0))
        if at_once is not None:
            return 0.0, at_once
    return _smallest_radius(attacker, threat, 0.0 if np.isnan(certified) else float(certified))


def _smallest_count(attacker: _Attacker, threat, low: int) -> tuple[float, Counterexample | None]:
    n_rows, step, found = len(attacker.victim.labels), 1, None
    high = low
    while found is None and high < 4 * n_rows:
        high, step = low + step, 2 * step
        found = attacker.best(replace(threat, rows=high))
        low = high if found is None else low
    while found is not None and high - low > 1:
        middle = (low + high) // 2
        example = attacker.best(replace(threat, rows=middle))
        low, high, found = (middle, high, found) if example is None else (low, middle, example)
    return (np.nan if found is None else float(high)), found


def _smallest_radius(attacker: _Attacker, threat, low: float) -> tuple[float, Counterexample | None]:
    high = max(attacker.reach, 2.0 * low)
    found = attacker.best(replace(threat, radius=high))
    step = max(0.02 * low, 1e-2 * attacker.victim.sigma)
    while found is not None and low + step < high:  # the end is mostly near
        example = attacker.best(replace(threat, radius=low + step))
        if example is not None:
            high, found = low + step, example
            break
        low, step = low + step, 2.0 * step
    while found is not None and high - low > _RADIUS_ACCURACY * max(high, 1e-3 * attacker.victim.sigma):
        middle = 0.5 * (low + high)
        example = attacker.best(replace(threat, radius=middle))
        low, high, found = (middle, high, found) if example is None else (low, middle, example)
    return (np.nan if found is None else high), found


class _Attacker:
    """Tries tamperings of one query within a given budget."""

    def __init__(self, victim: Victim, query: np.ndarray, label: int):
        self.victim, self._query, self._label = victim, query, label
        self._distances = victim.distances(query, None)
        self.reach = float(self._distances.max()) + _GONE * victim.sigma
        p, _ = victim.vote(self._distances[None], victim.labels)
        others = p[0].copy()
        others[label] = -1.0
        self._rival = int(np.argmax(others))
        order = np.argsort(self._distances, kind="stable")
        self._own = order[victim.labels[order] == label]  # nearest first
        self._rivals = order[victim.labels[order] == self._rival]

    def best(self, threat: StructuredThreat) -> Counterexample | None:
        """A tampering within the budget that changes the prediction, or None."""
        if isinstance(threat, QueryShift):
            return self._with_moved_query(threat)
        for tampering in self._tamperings(threat):
            example = self._checked(tampering, self._query)
            if example is not None:
                return example
        return None

    def _tamperings(self, threat) -> Iterator[_Tampering]:
        labels = self.victim.labels
        count = tampered_rows(threat, len(labels))
        if not isinstance(threat, RowShift):  # what goes beyond is never better
            count = min(count, threat.most_rows(len(labels), self.victim.n_neighbors))
        own = self._own[:count]
        if isinstance(threat, (LabelFlips, Replacements)):
            changed = labels.copy()
            changed[own] = self._rival
            to_query = -self._distances[own] if isinstance(threat, Replacements) else np.zeros(len(own))
            yield _Tampering(own, to_query, changed, _NOBODY, 0)
        elif isinstance(threat, Deletions):
            yield _Tampering(_NOBODY, np.empty(0), labels, own, 0)
        elif isinstance(threat, Insertions):
            yield _Tampering(_NOBODY, np.empty(0), labels, _NOBODY, count)
        elif isinstance(threat, RowShift):
            yield from self._shifts(threat)

    def _shifts(self, threat: RowShift) -> Iterator[_Tampering]:
        """Splits of the rows between the predicted class and the runner-up, the most harmful ones last."""
        r = tampered_rows(threat, len(self.victim.labels))
        last = min(r, len(self._own))
        first = min(max(0, r - len(self._rivals)), last)  # rows of third classes stay where they are
        while True:
            splits = np.unique(np.linspace(first, last, _SPLITS).astype(int))
            tried = [self._shift(threat, int(p), min(r - int(p), len(self._rivals))) for p in splits]
            left = [self._probability(tampering) for tampering in tried]
            best = int(np.argmin(left))
            yield tried[best]
            if last - first < _SPLITS:
                return
            first, last = splits[max(best - 1, 0)], splits[min(best + 1, len(splits) - 1)]

    def _shift(self, threat: RowShift, p: int, q: int) -> _Tampering:
        own, rivals = self._own[:p], self._rivals[:q]
        labels = self.victim.labels
        if threat.relabel:
            labels = labels.copy()
            labels[own] = self._rival
        towards = -np.minimum(threat.radius, self._distances)
        away = np.concatenate(
            [towards[own] if threat.relabel else np.full(p, threat.radius), towards[rivals]]
        )
        return _Tampering(np.concatenate([own, rivals]), away, labels, _NOBODY, 0)

    def _probability(self, tampering: _Tampering) -> float:
        """Of the attacked class, from the distances that the moves aim at."""
        distances = self._distances.copy()
        distances[tampering.moved] += tampering.away
        p, _ = self.victim.vote(np.maximum(distances, 0.0)[None], tampering.labels)
        return float(p[0, self._label])

    def _with_moved_query(self, threat: QueryShift) -> Counterexample | None:
        """Move the query towards the nearest rows of the runner-up, or away from those of its class."""
        if threat.training is None:
            tamperings = [_Tampering(_NOBODY, np.empty(0), self.victim.labels, _NOBODY, 0)]
        else:
            tamperings = list(self._tamperings(threat.training))
        k = self.victim.n_neighbors
        near_own = self.victim.rows(self._own[:k]).mean(axis=0) if len(self._own) else self._query
        near_rival = self.victim.rows(self._rivals[:k]).mean(axis=0) if len(self._rivals) else self._query
        for direction in (near_rival - self._query, near_rival - near_own, self._query - near_own):
            length = np.linalg.norm(direction)
            if length == 0.0:
                continue
            reach = min(threat.radius, 2.0 * length)  # farther, both classes are far
            moved = _moved(self._query[None], direction[None] / length, np.array([reach]))[0]
            for tampering in tamperings:
                example = self._checked(tampering, moved)
                if example is not None:
                    return example
        return None

    def _checked(self, tampering: _Tampering, query: np.ndarray) -> Counterexample | None:
        """Write the tampering down in features, and return it if the exact prediction has changed."""
        victim = self.victim
        moved = victim.rows(tampering.moved)
        gaps = moved - self._query
        lengths = np.linalg.norm(gaps, axis=1, keepdims=True)
        ahead = np.zeros_like(gaps)
        ahead[:, :1] = 1.0  # a row at the query goes anywhere
        directions = np.divide(gaps, lengths, out=ahead, where=lengths > 0.0)
        moved = _moved(moved, directions, tampering.away)
        inserted = np.repeat(self._query[None], tampering.inserted, axis=0)
        here = query is self._query
        distances = self._distances.copy() if here else victim.distances(query, None)
        distances[tampering.moved] = victim.distances(query, moved)
        distances = np.concatenate(
            [np.delete(distances, tampering.deleted), victim.distances(query, inserted)]
        )
        labels = np.concatenate(
            [np.delete(tampering.labels, tampering.deleted), np.full(tampering.inserted, self._rival)]
        )
        if len(labels) < victim.n_neighbors:
            return None
        p, error = victim.vote(distances[None], labels)
        winner = int(np.argmax(p[0]))
        if (
            winner == self._label
            or p[0, winner] - error[0, winner] <= p[0, self._label] + error[0, self._label]
        ):
            return None
        deletes = len(tampering.deleted) > 0
        rows = tampering.deleted if deletes else tampering.moved
        return Counterexample(
            rows=rows,
            X=None if deletes else moved,
            y=None if deletes else tampering.labels[rows],
            inserted_X=inserted,
            inserted_y=np.full(tampering.inserted, self._rival),
            query=query,
            label=winner,
            probability=float(p[0, self._label]),
        )


def _moved(rows: np.ndarray, directions: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Rows moved by at most these lengths along directions of norm 1, in the numbers that hold features.

    Far from the origin these are coarse, and a sum is rounded by more than moves may be longer: such rows
    move less far, at last not at all.
    """
    shorter = np.full(len(rows), _SHORTER)
    while True:
        moved = rows + directions * ((1.0 - shorter) * lengths)[:, None]
        made = np.linalg.norm(moved - rows, axis=1) * (1.0 + (rows.shape[1] + 2) * np.finfo(np.float64).eps)
        too_far = made > np.abs(lengths)
        if not too_far.any():
            return moved
        shorter[too_far] = np.minimum(8.0 * shorter[too_far], 1.0)
