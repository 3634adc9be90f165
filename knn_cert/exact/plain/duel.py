"""Duel: two classes, or one: the vote is a race between the rows of the target and all others.

The target wins if and only if its m-th nearest row is nearer than the m'-th nearest of the others. With a_1
<= a_2 <= ... the distances of the target's rows and b_1 <= b_2 <= ... those of the others (-inf before the
first, inf beyond the last) it keeps the prediction, in every order of rows at equal distances, if and only if

====================================  ======================================================================
tampering with at most r rows         condition
====================================  ======================================================================
labels flipped, rows replaced         a_{m+r} < b_{m'-r}
rows deleted                          a_{m+r} < b_{m'}, and K rows are left
rows inserted                         a_m < b_{m'-r}
====================================  ======================================================================

A label that is neither class and sorts before both wins its ties, and so with half of the K votes, r = K / 2,
or more. With fewer it does not: the target, which holds against the other class, has m > r votes left (m + r
where rows were flipped or replaced, r of which are gone).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from ..._types import BoolArray, FloatArray, WholeArray
from ...threats import Deletions, Insertions, RowShift
from ...threats.rows import LabelFlips, RowBudget
from ...threats.shifts import given
from ..majority import votes_needed
from ..measured import Measured
from .ball import ball_limits
from .moves import limit_of_moved_query, limit_of_moves
from .pairs import limits_by_pairs
from .ranked import Ranked, largest_where, of_classes
from .standing import Standing, Training

__all__ = ["Duel", "Sides"]


class Sides(NamedTuple):
    """The rows of the target and all others, and the ranks m and m' that decide: arrays (n_queries, 1)."""

    own: Ranked
    others: Ranked
    m: WholeArray
    m_rest: WholeArray

    @classmethod
    def of(cls, own: Ranked, others: Ranked, targets: WholeArray, n_neighbors: int) -> Sides:
        """Return the sides with the ranks that each target needs."""
        first, later = (votes_needed(target, n_neighbors)[0] for target in (0, 1))
        m = np.where(targets == 0, first, later)[:, None]
        return cls(own, others, m, n_neighbors + 1 - m)


class _Race(NamedTuple):
    """The target keeps the prediction iff a at rank own + own_lost r is less than b at others - gained r."""

    own: WholeArray
    others: WholeArray
    own_lost: int
    gained: int

    def ranks(self, rows: int | WholeArray) -> tuple[WholeArray, WholeArray]:
        return self.own + self.own_lost * rows, self.others - self.gained * rows


class Duel(Standing):
    """How firmly predictions of one of two classes stand; all exact, but for a query that moves: sound."""

    def __init__(self, measured: Measured, targets: WholeArray, n_neighbors: int):
        self._measured, self._targets = measured, targets
        self._n_rows, self._n_neighbors = measured.n_rows, n_neighbors
        own, others = (of_classes(measured, one[:, None]) for one in (targets, 1 - targets))
        self._sides = Sides.of(own, others, targets, n_neighbors)

    @property
    def is_sure(self) -> BoolArray:
        """Whether the target is the prediction for every order of rows that cannot be told apart."""
        sure: BoolArray = self._is_won(self._race(Deletions), np.zeros_like(self._sides.m))[:, 0]
        return sure

    def most_rows(self, kind: type[RowBudget], new_labels: bool) -> WholeArray:
        """Return the largest numbers of tampered rows that change nothing, see `Standing.most_rows`."""
        limit = self._n_rows - self._n_neighbors if kind is Deletions else self._n_neighbors
        if new_labels:
            limit = self._most_of_new_label
        least, most = (np.full(self._sides.m.shape, number) for number in (-1, limit))
        largest: WholeArray = largest_where(partial(self._is_won, self._race(kind)), least, most)[:, 0]
        return largest

    def shift_limit(self, rows: int) -> FloatArray:
        """Return how far so many rows can be moved each, exactly."""
        return limit_of_moves(*self._sides, rows)

    def query_limit(self, training: Training, new_labels: bool) -> FloatArray:
        """Return how far the query can be moved, after training rows were tampered with: sound."""
        if isinstance(training, RowShift) and not training.relabel:
            rows = training.tampered_rows(self._n_rows)
            return limit_of_moved_query(*self._sides, rows, given(training.radius))
        rows = 0 if training is None else training.tampered_rows(self._n_rows)
        # moved and relabelled rows are among flips and replacements, which do the same
        kind = type(training) if isinstance(training, RowBudget) else LabelFlips
        if new_labels and rows > self._most_of_new_label:
            return np.full(len(self._sides.m), -np.inf)
        race = self._race(kind)
        own, others = race.ranks(rows)
        limit: FloatArray = self._gap(race, rows)[:, 0] / 2.0
        return limits_by_pairs(self._measured, self._targets, own[:, 0], others[:, 0], limit)

    def ball_limit(self) -> FloatArray:
        """Return how far the table can be moved, in L2 norm over all rows, exactly."""
        return ball_limits(*self._sides)

    @property
    def _most_of_new_label(self) -> int:
        """The most rows of a label that is neither class that do not win by themselves."""
        return (self._n_neighbors - 1) // 2

    def _race(self, kind: type[RowBudget]) -> _Race:
        return _Race(
            self._sides.m, self._sides.m_rest, int(kind is not Insertions), int(kind is not Deletions)
        )

    def _is_won(self, race: _Race, rows: WholeArray) -> BoolArray:
        own, others = race.ranks(rows)
        return self._sides.own.longest(own) < self._sides.others.shortest(others)

    def _gap(self, race: _Race, rows: int) -> FloatArray:
        """Return b - a at the ranks of a race: positive if and only if the target wins."""
        own, others = race.ranks(rows)
        return self._sides.others.shortest(others) - self._sides.own.longest(own)
