"""Contest: more than two classes, where the target must beat each of its rivals in the count of votes."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ..._types import BoolArray, FloatArray, WholeArray
from ...threats import Deletions, Insertions, RowShift
from ...threats.rows import RowBudget
from ...threats.shifts import given
from ..measured import Measured
from . import plurality
from .every_row import inner_and_outer, limits_of_all_moved
from .few_rows import Attacked, limit_of_some_moved
from .pairs import limits_by_pairs
from .rival_ball import BallRows, least_square_of_rival
from .rivals import Rivals
from .standing import Standing, Training

__all__ = ["Contest"]

_EPS = float(np.finfo(np.float64).eps)


class Contest(Standing):
    """How firmly predictions among many classes stand; all exact, but for a query that moves: sound."""

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
            # A majority wins whatever the others are: its race against all of them together is a bound too.
            m = np.full(len(self._targets), self._n_neighbors // 2 + 1)
            limits = _least(self._limits_of_all_moved)
            return limits_by_pairs(self._measured, self._targets, m, self._n_neighbors + 1 - m, limits)
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
        """Return how far the table can be moved, in L2 norm over all rows: exact but for a ten-thousandth."""
        rivals = self._rivals
        inner, outer = inner_and_outer(rivals, self._n_neighbors, rivals.lead)
        inner, outer = rivals.own.lengthened(inner), rivals.others.shortened(outer)
        lines = zip(self._limits_of_all_moved, inner, outer, strict=True)
        return np.array([self._ball(i, *line) for i, line in enumerate(lines)])

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
        known = np.isfinite(order)  # rows at infinity are there to be as many as others have
        width = float((order[groups.last[i][known]] - order[groups.first[i][known]]).max())
        slack = 2.0 * (width + 2.0 * self._measured.widening * float(order[known][-1]))
        labels = self._labels_in_order(i)
        for c in np.argsort(limits):
            if limits[c] <= 0.0 or np.isposinf(limits[c]) or limits[c] > limits.min():
                continue
            one = self._attacked(i, int(c), labels, width > 0.0)
            found = limit_of_some_moved(one, self._n_neighbors, rows)
            limits[c] = max(limits[c], found - slack)

    def _ball(self, i: int, limits: FloatArray, inner: FloatArray, outer: FloatArray) -> float:
        """Return the least of the limits of a query, each raised to what its rival needs to move.

        A limit for all rows is one for the ball: no row moves farther than the table.
        """
        rivals, least = self._rivals, np.inf
        if not np.all(limits > 0.0):
            return -np.inf
        labels = self._labels_in_order(i)
        for c in map(int, np.argsort(limits)):
            if limits[c] >= least:
                break
            own, rival, third = self._lines(i, c, labels)
            near, far = rivals.own.shortened(third), rivals.own.lengthened(third)
            rows = BallRows(rivals.own.lengthened(own), rivals.others.shortened(rival), near, far)
            lead, low, high = int(rivals.lead[i, c]), float(inner[c]), float(outer[c])
            square = least_square_of_rival(rows, self._n_neighbors, lead, low, high, least**2)
            least = min(least, max(float(limits[c]), float(np.sqrt(square)) * (1.0 - 2.0 * _EPS)))
        return least

    def _attacked(self, i: int, c: int, labels: WholeArray, ties: bool) -> Attacked:
        """Return a query and one of its rivals; rows that cannot be told apart get the same distance."""
        rivals = self._rivals
        own, rival, third = self._lines(i, c, labels)
        if ties:
            order = rivals.everything.lines[i]
            first = order[rivals.groups.first[i]]
            own, rival, third = (first[np.searchsorted(order, line)] for line in (own, rival, third))
        return Attacked(own, rival, third, int(rivals.lead[i, c]))

    def _labels_in_order(self, i: int) -> WholeArray:
        """Return the classes of all rows from the nearest on."""
        labels: WholeArray = self._measured.labels[np.argsort(self._measured.distances[i])]
        return labels

    def _lines(self, i: int, c: int, labels: WholeArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the increasing distances of the target's rows, of a rival's, and of all others."""
        rivals = self._rivals
        third = (labels != self._targets[i]) & (labels != rivals.classes[i, c])
        return rivals.own.line(i), rivals.others.line(i, c), rivals.everything.lines[i][third]


def _least(limits: FloatArray) -> FloatArray:
    """Return the least of the limits of each query."""
    least: FloatArray = limits.min(axis=1)
    return least
