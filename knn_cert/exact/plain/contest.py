"""Contest: more than two classes, where the target must beat each of its rivals in the count of votes."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ..._types import BoolArray, FloatArray, WholeArray
from ...threats import Deletions, Insertions, RowShift
from ...threats.rows import RowBudget, given
from ..measured import Measured
from . import plurality
from .ball import ball_limits
from .duel import Sides
from .every_row import limits_of_all_moved
from .few_rows import Attacked, limit_of_some_moved
from .ranked import of_classes, of_the_rest
from .rivals import Rivals
from .standing import Standing, Training

__all__ = ["Contest"]


class Contest(Standing):
    """How firmly predictions among many classes stand: exact for numbers of rows and for moved rows.

    For a moved query and the ball the limits are sound.
    """

    def __init__(self, measured: Measured, targets: WholeArray, n_neighbors: int, n_classes: int):
        self._measured, self._targets = measured, targets
        self._n_neighbors, self._n_classes = n_neighbors, n_classes

    @property
    def is_sure(self) -> BoolArray:
        """Whether the target is the prediction for every order of rows that cannot be told apart."""
        sure: BoolArray = np.all(self._margins > 0, axis=1)
        return sure

    def most_rows(self, kind: type[RowBudget], new_labels: bool) -> WholeArray:
        """Return the largest numbers of tampered rows that change nothing, see `Standing.most_rows`."""
        return plurality.most_rows(self._rivals_with(new_labels), self._n_neighbors, kind)

    def shift_limit(self, rows: int) -> FloatArray:
        """Return how far so many rows can be moved each, exactly."""
        # what no flipped labels change no moves do
        limits = np.where(self._margins > 2 * rows, np.inf, self._limits_of_all_moved)
        if rows < self._measured.n_rows:
            for i in range(len(limits)):
                self._refine(i, limits[i], rows)
        return _least(limits)

    def query_limit(self, training: Training, new_labels: bool) -> FloatArray:
        """Return how far the query can be moved, after training rows were tampered with: sound."""
        if training is None:
            return _least(self._limits_of_all_moved)
        rows = training.tampered_rows(self._measured.n_rows)
        rivals = self._rivals_with(new_labels)
        if isinstance(training, (Insertions, Deletions)):
            n_neighbors = self._n_neighbors + (rows if isinstance(training, Deletions) else -rows)
            if n_neighbors <= 0:
                return np.full(len(self._targets), -np.inf)
            limits = limits_of_all_moved(rivals, n_neighbors, rivals.lead - rows)
        else:
            limits = limits_of_all_moved(rivals, self._n_neighbors, rivals.lead - 2 * rows)
            if isinstance(training, RowShift) and not training.relabel:
                both = self._limits_of_all_moved
                with np.errstate(invalid="ignore"):  # inf - inf
                    moved = np.where(np.isposinf(both), np.inf, both - given(training.radius))
                limits = np.maximum(limits, moved)
        return _least(limits)

    def ball_limit(self) -> FloatArray:
        """Return how far the table can be moved, in L2 norm over all rows: sound.

        The larger of what a majority of the target against all others survives, and of the radius within
        which every row can be moved: no row moves farther than the table.
        """
        own = self._targets[:, None]
        own_rows, rest = of_classes(self._measured, own), of_the_rest(self._measured, own)
        majority = ball_limits(*Sides.of(own_rows, rest, self._targets, self._n_neighbors))
        return np.maximum(majority, _least(self._limits_of_all_moved))

    @cached_property
    def _rivals(self) -> Rivals:
        return Rivals.of(self._measured, self._targets, self._n_classes, new_labels=False)

    @cached_property
    def _margins(self) -> WholeArray:
        return plurality.margins(self._rivals, self._n_neighbors)

    @cached_property
    def _limits_of_all_moved(self) -> FloatArray:
        return limits_of_all_moved(self._rivals, self._n_neighbors, self._rivals.lead)

    def _rivals_with(self, new_labels: bool) -> Rivals:
        if not new_labels:
            return self._rivals
        return Rivals.of(self._measured, self._targets, self._n_classes, new_labels=True)

    def _refine(self, i: int, limits: FloatArray, rows: int) -> None:
        """Raise the limits of a query that may be its least from those of all rows to those of so many.

        They are worked out from distances that are the same where they cannot be told apart. So those, and t,
        are wrong by the width of a group and the error of a distance, and a move by twice as much.
        """
        order, groups = self._rivals.everything.lines[i], self._rivals.groups
        width = float((order[groups.last[i]] - order[groups.first[i]]).max())
        slack = 2.0 * (width + 2.0 * self._measured.widening * float(order[-1]))
        for c in np.argsort(limits):
            if limits[c] <= 0.0 or np.isposinf(limits[c]) or limits[c] > limits.min():
                continue
            found = limit_of_some_moved(self._attacked(i, int(c), width > 0.0), self._n_neighbors, rows)
            limits[c] = max(limits[c], found - slack)

    def _attacked(self, i: int, c: int, ties: bool) -> Attacked:
        """Return a query and one of its rivals; rows that cannot be told apart get the same distance."""
        rivals, measured = self._rivals, self._measured
        third = (measured.labels != self._targets[i]) & (measured.labels != rivals.classes[i, c])
        own, rival, others = (
            rivals.own.line(i),
            rivals.others.line(i, c),
            np.sort(measured.distances[i, third]),
        )
        if ties:
            order = rivals.everything.lines[i]
            first = order[rivals.groups.first[i]]
            own, rival, others = (first[np.searchsorted(order, line)] for line in (own, rival, others))
        return Attacked(own, rival, others, int(rivals.lead[i, c]))


def _least(limits: FloatArray) -> FloatArray:
    """Return the least of the limits of each query."""
    least: FloatArray = limits.min(axis=1)
    return least
