"""Concrete tampering that changes a prediction, checked by exact evaluation: the other side of certificates.

A certificate says up to which budget no tampering changes a prediction; a counterexample is one beyond it
that does. Between the two nothing is known. The attacks follow the worst cases of `knn_cert.threats`: the
nearest rows of the predicted class lose their label, or go, or move straight away from the query, and rows
of the runner-up come closer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import singledispatchmethod
from typing import NamedTuple

import numpy as np

from .._types import FloatArray, WholeArray
from ..threats import (
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
    StructuredThreat,
)
from ..threats.rows import RaceThreat, RowBudget
from ..threats.shifts import given
from .counterexample import Counterexample
from .majority import votes_needed, votes_that_can_win
from .moved_races import best_moves, has_moves
from .plain.attack import RankedMoves, moves_to_beat
from .plain.settings import PlainSettings
from .query_attack import harmful_directions
from .search import largest_count
from .settings import VoteSettings
from .victim import Victim

__all__ = ["attack_all"]

# Splits of a budget of moved rows that are tried at a time; the next ones lie around the best.
_SPLITS = 9

# The smallest radius that breaks a prediction is closed in on to this relative accuracy.
_RADIUS_ACCURACY = 0.01

# The search for that radius begins with steps of this share of the certified one, but of so many sigma at
# least, and ends at radii of so many sigma.
_FIRST_STEP, _LEAST_STEP_IN_SIGMA, _LEAST_RADIUS_IN_SIGMA = 1.5e-3, 1e-3, 1e-3

# More rows than this many times the table are not inserted to find a counterexample.
_MOST_TABLES = 4

# Rows that moved past all others by so many sigma are as good as gone.
_FAR_IN_SIGMA = 10.0

# Where there is no noise, this share of the farthest distance stands in for sigma.
_PLAIN_SCALE = 1e-3

# Moves are at first by this share shorter than allowed, so that rounding does not make them longer.
_MOVE_SHRINK = 1e-12

_NO_ROWS = np.empty(0, dtype=np.int64)


class _Tampering(NamedTuple):
    """What is done with a budget; labels are positions in the classes, features come at the end."""

    moved: WholeArray  # rows whose distance or label changes
    away: FloatArray  # by how much each moves away from the query, negative: towards it
    labels: WholeArray  # of all rows
    deleted: WholeArray
    inserted: int  # rows of the rival at the query


def attack_all(
    victim: Victim,
    queries: FloatArray,
    predictions: WholeArray,
    threat: StructuredThreat,
    certified: FloatArray,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[FloatArray, list[Counterexample | None]]:
    """Try to change each prediction; return the budgets used, NaN without success, and how.

    Parameters
    ----------
    victim : Victim
    queries : ndarray of shape (m, d)
    predictions : ndarray of int, shape (m,)
        Positions in the classes, as those of the counterexamples are.
    threat : threat
    certified : ndarray of shape (m,)
        The largest budgets that are certified, NaN if none; only searched beyond them.
    progress : callable(done, total), optional
        Called after each query, and once before the first with done = 0.
    """
    budgets = np.full(len(queries), np.nan)
    examples: list[Counterexample | None] = []
    if progress is not None:
        progress(0, len(queries))
    for i, query in enumerate(queries):
        attacker = _Attacker(victim, query, int(predictions[i]))
        budgets[i], example = _attack(attacker, threat, float(certified[i]))
        examples.append(example)
        if progress is not None:
            progress(i + 1, len(queries))
    return budgets, examples


def _attack(
    attacker: _Attacker, threat: StructuredThreat, certified: float
) -> tuple[float, Counterexample | None]:
    """Return the smallest budget that changes one prediction, or the given one; NaN without success."""
    if not threat.is_open:
        example = attacker.best(threat)
        return (np.nan if example is None else threat.asked_budget(attacker.n_rows)), example
    if np.isinf(certified):
        return np.nan, None
    if isinstance(threat, RowBudget):
        return _smallest_count(attacker, threat, -1 if np.isnan(certified) else int(certified))
    if np.isnan(certified):
        at_once = attacker.best(replace(threat, radius=0.0))
        if at_once is not None:
            return 0.0, at_once
    return _smallest_radius(attacker, threat, 0.0 if np.isnan(certified) else certified)


def _smallest_count(attacker: _Attacker, threat: RowBudget, low: int) -> tuple[float, Counterexample | None]:
    found: Counterexample | None = None

    def survives(rows: int) -> bool:
        nonlocal found
        example = attacker.best(replace(threat, rows=rows))
        found = found if example is None else example
        return example is None

    limit = min(attacker.most_rows(threat), _MOST_TABLES * attacker.n_rows)
    most = largest_count(survives, max(limit, low), low + 1, low)
    return (np.nan if found is None else float(most + 1)), found


def _smallest_radius(
    attacker: _Attacker, threat: RowShift | QueryShift, low: float
) -> tuple[float, Counterexample | None]:
    sigma = attacker.sigma
    high = max(attacker.reach, 2.0 * low)
    found = attacker.best(replace(threat, radius=high))
    step = max(_FIRST_STEP * low, _LEAST_STEP_IN_SIGMA * sigma)
    while found is not None and low + step < high:  # the end is mostly near
        example = attacker.best(replace(threat, radius=low + step))
        if example is not None:
            high, found = low + step, example
            break
        low, step = low + step, 2.0 * step
    while found is not None and high - low > _RADIUS_ACCURACY * max(high, _LEAST_RADIUS_IN_SIGMA * sigma):
        middle = 0.5 * (low + high)
        example = attacker.best(replace(threat, radius=middle))
        low, high, found = (middle, high, found) if example is None else (low, middle, example)
    return (np.nan if found is None else high), found


class _Attacker:
    """Tries tamperings of one query within a given budget."""

    def __init__(self, victim: Victim, query: FloatArray, label: int):
        self._victim, self._query, self._label = victim, query, label
        self.n_rows = len(victim.labels)
        self._distances = victim.distances(query)
        # without noise distances are compared with each other alone
        farthest = float(self._distances.max()) or 1.0
        self.sigma = victim.settings.noise.sigma or _PLAIN_SCALE * farthest
        self.reach = float(self._distances.max()) + _FAR_IN_SIGMA * self.sigma
        others = victim.support(self._distances, victim.labels).copy()
        others[label] = -1.0
        self._rival = int(np.argmax(others))
        order = np.argsort(self._distances, kind="stable")
        self._own = order[victim.labels[order] == label]  # nearest first
        self._rivals = order[victim.labels[order] == self._rival]
        self._ranked: dict[int, list[RankedMoves]] = {}

    def most_rows(self, threat: RowBudget) -> int:
        """Return the largest number of rows that can be certified at all."""
        return threat.most_rows(self.n_rows, self._victim.settings.fewest_rows)

    def best(self, threat: RaceThreat) -> Counterexample | None:
        """Return a tampering within the budget that changes the prediction, or None."""
        if isinstance(threat, QueryShift):
            return self._with_moved_query(threat)
        for tampering in self._tamperings(threat):
            example = self._checked(tampering, self._query)
            if example is not None:
                return example
        return None

    @singledispatchmethod
    def _tamperings(self, threat: RaceThreat) -> Iterator[_Tampering]:
        """Yield what the worst case of a threat to the rows does, the most harmful of several last."""
        raise TypeError(f"nothing is known of how to attack with {threat!r}")

    @_tamperings.register(LabelFlips)
    def _flips(self, threat: LabelFlips) -> Iterator[_Tampering]:
        own = self._nearest_own(threat)
        yield _Tampering(own, np.zeros(len(own)), self._given_to_rival(own), _NO_ROWS, 0)

    @_tamperings.register(Replacements)
    def _replacements(self, threat: Replacements) -> Iterator[_Tampering]:
        own = self._nearest_own(threat)
        yield _Tampering(own, -self._distances[own], self._given_to_rival(own), _NO_ROWS, 0)

    @_tamperings.register(Deletions)
    def _deletions(self, threat: Deletions) -> Iterator[_Tampering]:
        yield _Tampering(_NO_ROWS, np.empty(0), self._victim.labels, self._nearest_own(threat), 0)

    @_tamperings.register(Insertions)
    def _insertions(self, threat: Insertions) -> Iterator[_Tampering]:
        yield _Tampering(_NO_ROWS, np.empty(0), self._victim.labels, _NO_ROWS, self._count(threat))

    @_tamperings.register(RowShift)
    def _shifts(self, threat: RowShift) -> Iterator[_Tampering]:
        """Yield splits of the rows between the predicted class and the runner-up, the worst ones last."""
        yield from self._best_shifts(threat)
        yield from self._ranked_shifts(threat)
        r = threat.tampered_rows(self.n_rows)
        last = min(r, len(self._own))
        first = min(max(0, r - len(self._rivals)), last)  # rows of third classes stay where they are
        while True:
            splits = np.unique(np.linspace(first, last, _SPLITS).astype(int))
            tried = [self._shift(threat, int(p), min(r - int(p), len(self._rivals))) for p in splits]
            left = [self._support(tampering) for tampering in tried]
            best = int(np.argmin(left))
            yield tried[best]
            if last - first < _SPLITS:
                return
            first, last = splits[max(best - 1, 0)], splits[min(best + 1, len(splits) - 1)]

    def _best_shifts(self, threat: RowShift) -> Iterator[_Tampering]:
        """Yield what kernels that have races of moved rows know: against the class, for the runner-up."""
        settings, labels, radius = self._victim.settings, self._victim.labels, given(threat.radius)
        if not isinstance(settings, VoteSettings) or not has_moves(settings) or threat.relabel:
            return
        own, k, n_classes = self._label, settings.n_neighbors, settings.n_classes
        races = [(labels == own, votes_needed(own, k))]
        if n_classes > 2:
            m, m_rest = votes_that_can_win(self._rival, k, n_classes)
            races.append((labels != self._rival, (m_rest, m)))
        for is_a, ranks in races:
            rows = threat.tampered_rows(self.n_rows)
            yield self._apart(
                *best_moves(settings, self._distances, is_a, ranks, rows, min(radius, self.reach)), radius
            )

    def _ranked_shifts(self, threat: RowShift) -> Iterator[_Tampering]:
        """Yield what the ranks of K-NN without noise say, against every class that may pass the target."""
        settings, labels = self._victim.settings, self._victim.labels
        if not isinstance(settings, PlainSettings) or threat.relabel:
            return
        rows, radius = threat.tampered_rows(self.n_rows), given(threat.radius)
        if rows not in self._ranked:
            self._ranked[rows] = [
                moves
                for rival in np.setdiff1d(np.arange(settings.n_classes), [self._label]).tolist()
                for moves in moves_to_beat(
                    self._distances, labels, (self._label, rival), settings.n_neighbors, rows
                )
            ]
        for needed, away, closer in self._ranked[rows]:
            if needed <= radius:
                yield self._apart(away, closer, radius)

    def _apart(self, away: WholeArray, closer: WholeArray, radius: float) -> _Tampering:
        far = np.full(len(away), min(radius, self.reach))
        steps = np.concatenate([far, -np.minimum(radius, self._distances[closer])])
        return _Tampering(np.concatenate([away, closer]), steps, self._victim.labels, _NO_ROWS, 0)

    def _shift(self, threat: RowShift, p: int, q: int) -> _Tampering:
        own, rivals = self._own[:p], self._rivals[:q]
        labels = self._given_to_rival(own) if threat.relabel else self._victim.labels
        radius = given(threat.radius)
        towards = -np.minimum(radius, self._distances)
        away = np.concatenate([towards[own] if threat.relabel else np.full(p, radius), towards[rivals]])
        return _Tampering(np.concatenate([own, rivals]), away, labels, _NO_ROWS, 0)

    def _count(self, threat: RowBudget) -> int:
        """Return how many rows to tamper with: what goes beyond what can be certified is never better."""
        return min(threat.tampered_rows(self.n_rows), self.most_rows(threat))

    def _nearest_own(self, threat: RowBudget) -> WholeArray:
        own: WholeArray = self._own[: self._count(threat)]
        return own

    def _given_to_rival(self, rows: WholeArray) -> WholeArray:
        labels: WholeArray = self._victim.labels.copy()
        labels[rows] = self._rival
        return labels

    def _support(self, tampering: _Tampering) -> float:
        """Return what is left to the attacked class, from the distances that the moves aim at."""
        distances = self._distances.copy()
        distances[tampering.moved] += tampering.away
        support = self._victim.support(np.maximum(distances, 0.0), tampering.labels)
        return float(support[self._label])

    def _with_moved_query(self, threat: QueryShift) -> Counterexample | None:
        """Move the query along the gradient of the vote, away from its class and towards the runner-up."""
        if threat.training is None:
            tamperings = [_Tampering(_NO_ROWS, np.empty(0), self._victim.labels, _NO_ROWS, 0)]
        else:
            tamperings = list(self._tamperings(threat.training))
        reach = min(given(threat.radius), 2.0 * self.reach)  # farther, both classes are far
        directions = harmful_directions(
            self._query,
            (self._own, self._rivals),
            votes_needed(self._label, self._victim.settings.fewest_rows),
            self._victim.distances,
            self._victim.table.rows,
            self._victim.settings.noise.sigma,
            reach,
        )
        for direction in directions:
            moved = _moved(self._query[None], direction[None], np.array([reach]))[0]
            for tampering in tamperings:
                example = self._checked(tampering, moved)
                if example is not None:
                    return example
        return None

    def _checked(self, tampering: _Tampering, query: FloatArray) -> Counterexample | None:
        """Write the tampering down in features, and return it if the exact prediction has changed."""
        victim = self._victim
        moved = victim.table.rows(tampering.moved)
        gaps = moved - self._query
        lengths = np.linalg.norm(gaps, axis=1, keepdims=True)
        ahead = np.zeros_like(gaps)
        ahead[:, :1] = 1.0  # a row at the query goes anywhere
        directions = np.divide(gaps, lengths, out=ahead, where=lengths > 0.0)
        moved = _moved(moved, directions, tampering.away)
        inserted = np.repeat(self._query[None], tampering.inserted, axis=0)
        here = query is self._query
        distances = self._distances.copy() if here else victim.distances(query)
        distances[tampering.moved] = victim.distances_to(query, moved)
        distances = np.concatenate(
            [np.delete(distances, tampering.deleted), victim.distances_to(query, inserted)]
        )
        labels = np.concatenate(
            [np.delete(tampering.labels, tampering.deleted), np.full(tampering.inserted, self._rival)]
        )
        if len(labels) < victim.settings.fewest_rows:
            return None
        p, error = victim.vote(distances, labels)
        winner = int(np.argmax(p))
        if winner == self._label or p[winner] - error[winner] <= p[self._label] + error[self._label]:
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
            probability=float(p[self._label]),
            moves_query=not here,
        )


def _moved(rows: FloatArray, directions: FloatArray, lengths: FloatArray) -> FloatArray:
    """Return rows moved by at most these lengths along directions of norm 1, as features can hold them.

    Far from the origin these are coarse, and a sum is rounded by more than moves may be longer: such rows
    move less far, at last not at all.
    """
    shorter = np.full(len(rows), _MOVE_SHRINK)
    while True:
        moved = rows + directions * ((1.0 - shorter) * lengths)[:, None]
        made = np.linalg.norm(moved - rows, axis=1) * (1.0 + (rows.shape[1] + 2) * np.finfo(np.float64).eps)
        too_far = made > np.abs(lengths)
        if not too_far.any():
            return moved
        shorter[too_far] = np.minimum(8.0 * shorter[too_far], 1.0)
