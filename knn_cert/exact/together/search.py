"""Search: the smallest bound on changed queries that can be proven in some time; it grows out of one program.

That k queries change at once is refuted in three ways, each by the bound of `Program` and nothing else.

* The bound is below k.
* A query i is of no use: with it the bound is below k. The queries that are left have smaller bounds. What a
  bound says of attacks that change i: give i the weight 1 + t; every such attack then weighs t more, so that
  the bound, less t, is one for it.
* Some query changes or does not change, and either is refuted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..._types import BoolArray, FloatArray
from .program import Program, Relaxed, largest_sum

__all__ = ["Bounds", "most_changed"]

# The first program has time enough in any case: without it bounds are hardly better than one by one.
_FIRST_SECONDS = 60.0

# A small part of the time goes to attacks: they say where to stop, and rarely does the search get there.
_SHARE_OF_ATTACKS = 0.2

# So many decisions on queries, one after the other, are as many as there is ever time for.
_MOST_BRANCHES = 64

# The first extra weight that is tried with a query. The best is of the size of its share of the bound.
_FIRST_EXTRA = 1.0 / 32.0


class Bounds(NamedTuple):
    """How many queries one attack changes at most, and how many it does change."""

    at_most: int
    at_least: int


def most_changed(program: Program, attack: Callable[[FloatArray], int], seconds: float) -> Bounds:
    """Bound how many queries of a program one attack changes.

    Parameters
    ----------
    program : Program
    attack : callable(priority)
        How many queries a real attack is known to change, after a try of one that prefers those with a large
        number in the array; one with a 2 comes first. There is no use in smaller bounds.
    seconds : float
        When to end, about; the bound holds whenever that is, and only gets smaller with time.
    """
    return _Search(program, attack, time.monotonic() + seconds).run()


class _Search:
    def __init__(self, program: Program, attack: Callable[[FloatArray], int], deadline: float):
        self._program, self._attack, self._deadline = program, attack, deadline
        self._known = 0

    def run(self) -> Bounds:
        n_queries = self._program.n_queries
        weights, nothing = np.ones(n_queries), np.zeros(n_queries, dtype=bool)
        first = self._program.relax(weights, max(self._left(), _FIRST_SECONDS))
        most = min(n_queries, int(np.floor(first.bound)))
        self._try_attacks(first.changed, most)
        with_each = self._bounds_with_each(self._program, weights, first)

        # Large steps down as long as they succeed, small ones where they do not; then with branches.
        too_hard, step = self._known, 1
        while too_hard < most and self._left() > 0.0:
            number = max(most - step + 1, too_hard + 1)
            if self._is_refuted(number, with_each >= number, nothing, 0):
                most, step = number - 1, 2 * step
            else:
                too_hard, step = number, max(1, (most - number) // 2)
        while self._known < most and self._is_refuted(most, with_each >= most, nothing, _MOST_BRANCHES):
            most -= 1
        return Bounds(most, self._known)

    def _try_attacks(self, changed: FloatArray, enough: int) -> None:
        """Try attacks that begin with one query each, those first that the program changes most."""
        self._known = max(self._attack(np.zeros(len(changed))), self._attack(changed))
        end = time.monotonic() + _SHARE_OF_ATTACKS * self._left()
        for one in np.argsort(-changed, kind="stable"):
            if time.monotonic() >= end or self._known >= enough:
                return
            priority = changed.copy()
            priority[one] = 2.0
            self._known = max(self._known, self._attack(priority))

    def _is_refuted(self, number: int, members: BoolArray, forced: BoolArray, branches: int) -> bool:
        """Whether no attack changes so many of the members, with the forced ones among them."""
        # More than all other queries together are worth: attacks that change the forced ones come first.
        extra = float(self._program.n_queries)
        while True:
            if np.count_nonzero(members) < number:
                return True
            part = self._program.of(members)
            weights = np.where(forced[members], 1.0 + extra, 1.0)
            target = number + extra * np.count_nonzero(forced)
            relaxed = part.relax(weights, self._left())
            if relaxed.bound < target:
                return True
            priority = np.zeros(len(members))
            priority[members] = relaxed.changed
            self._known = max(self._known, self._attack(priority))
            if self._left() <= 0.0 or number <= self._known:
                return False
            useless = self._bounds_with_each(part, weights, relaxed, target) < target
            if np.any(useless & forced[members]):
                return True
            if not useless.any():
                break
            members = members.copy()
            members[np.flatnonzero(members)[useless]] = False
        return branches > 0 and self._branches_are_refuted(number, members, forced, priority, branches - 1)

    def _branches_are_refuted(
        self, number: int, members: BoolArray, forced: BoolArray, changed: FloatArray, branches: int
    ) -> bool:
        """Whether so many changes are refuted with one of the queries and without it."""
        undecided = np.where(members & ~forced, np.minimum(changed, 1.0 - changed), -1.0)
        one = int(np.argmax(undecided))
        if undecided[one] < 0.0:
            return False
        this = np.zeros(len(members), dtype=bool)
        this[one] = True
        return self._is_refuted(number, members, forced | this, branches) and self._is_refuted(
            number, members & ~this, forced, branches
        )

    def _bounds_with_each(
        self, part: Program, weights: FloatArray, relaxed: Relaxed, target: float = -np.inf
    ) -> FloatArray:
        """Return for each query a bound on attacks that change it; below the target any will do."""
        by_query = np.bincount(part.owner, weights=relaxed.duals, minlength=part.n_queries)
        alone = float(np.maximum(weights - by_query, 0.0).sum())
        columns = part.conditions.tocsc()
        conditions = columns[:, np.flatnonzero(np.diff(columns.indptr))].tocsr()
        worth = conditions.T @ relaxed.duals
        weight, most_extra = float(weights.sum()), float(self._program.n_queries)

        bounds = np.full(part.n_queries, relaxed.bound)
        for k, query in enumerate(part.owner):
            if self._left() <= 0.0:
                break
            line = slice(conditions.indptr[k], conditions.indptr[k + 1])
            rows, demand = conditions.indices[line], conditions.data[line]
            extra, before = _FIRST_EXTRA, np.inf
            while extra <= most_extra and bounds[query] >= target:
                with_it = worth.copy()
                with_it[rows] += extra * demand
                bound = alone + largest_sum(with_it, part.rows)
                bound = part.rounded_up(bound, weight + extra) - extra
                bounds[query] = min(bounds[query], bound)
                if bound >= before:  # convex in the extra weight: it does not fall again
                    break
                extra, before = 2.0 * extra, bound
        return bounds

    def _left(self) -> float:
        return self._deadline - time.monotonic()
