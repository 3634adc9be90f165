"""Trial: real attacks on several queries at once, which say what bounds leave to be gained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..._types import BoolArray, FloatArray, WholeArray
from ..measured import Measured
from .reach import Vote

__all__ = ["Trial", "nearest_rows"]

# A query with priority 1 may cost twice as many rows as one with 0, and one with 2 any number.
_PREFERENCE = 0.5


@dataclass(frozen=True, eq=False)
class Trial:
    """Queries under a real attack on their rows.

    Attributes
    ----------
    order : ndarray of int, shape (n_queries, depth)
        Rows of each query by increasing distance, as many as can come to vote.
    told_apart : ndarray of bool, shape (n_queries, depth)
        Whether each of them is surely nearer than the next.
    labels : ndarray of int, shape (n_rows,)
    targets : ndarray of int, shape (n_queries,)
    needs : ndarray of int, shape (n_queries,)
        How many rows of its predicted class change a query alone.
    vote : Vote
    rows : int
        How many rows the attack may pick.
    deletes : bool
        Whether it deletes them; else it flips their labels.
    """

    order: WholeArray
    told_apart: BoolArray
    labels: WholeArray
    targets: WholeArray
    needs: WholeArray
    vote: Vote
    rows: int
    deletes: bool

    def of(self, members: BoolArray) -> Trial:
        """Return the same for some of the queries."""
        return replace(
            self,
            order=self.order[members],
            told_apart=self.told_apart[members],
            targets=self.targets[members],
            needs=self.needs[members],
        )

    def __len__(self) -> int:
        return len(self.targets)

    def changed(self, priority: FloatArray) -> int:
        """Return how many queries one attack surely changes; priorities of 2 come first, then those of 1."""
        picked, labels = self._plan(priority)
        return int(np.count_nonzero(self.is_changed(picked, labels)))

    def is_changed(self, picked: BoolArray, labels: WholeArray) -> BoolArray:
        """Return which queries change for every order of rows that cannot be told apart.

        Parameters
        ----------
        picked : ndarray of bool, shape (n_rows,)
        labels : ndarray of int, shape (n_rows,)
            What the picked rows are flipped to, if they are not deleted.
        """
        votes_of = np.where(picked, labels, self.labels) if not self.deletes else self.labels
        stays = ~picked[self.order] if self.deletes else np.ones(self.order.shape, dtype=bool)
        rank = np.cumsum(stays, axis=1)
        inside = stays & (rank <= self.vote.n_neighbors)
        last = np.argmax(rank >= self.vote.n_neighbors, axis=1)
        query = np.arange(len(self.order))
        sure = self.told_apart[query, last] & (rank[:, -1] >= self.vote.n_neighbors)
        label = votes_of[self.order]
        votes = [np.count_nonzero(inside & (label == one), axis=1) for one in range(self.vote.n_classes)]
        changed: BoolArray = sure & (np.argmax(np.stack(votes, axis=1), axis=1) != self.targets)
        return changed

    def _plan(self, priority: FloatArray) -> tuple[BoolArray, WholeArray]:
        """Return an attack: query after query that needs the fewest rows more, and rows that serve many."""
        picked, labels = np.zeros(len(self.labels), dtype=bool), self.labels.copy()
        own = self._own_rows
        left, missing = self.rows, np.where(own.sum(axis=1) >= self.needs, self.needs, len(self.labels) + 1)
        while True:
            is_open = missing > 0
            cost = np.where(is_open, missing * (1.0 - _PREFERENCE * priority), np.inf)
            cost[missing > left] = np.inf
            if not np.isfinite(cost).any():
                return picked, labels
            one = int(np.argmin(cost))
            worth = own.T @ np.where(is_open, 1.0 / np.maximum(missing, 1), 0.0)
            choice = own.indices[own.indptr[one] : own.indptr[one + 1]]
            choice = choice[~picked[choice]]
            choice = choice[np.argsort(-worth[choice], kind="stable")[: missing[one]]]
            picked[choice] = True
            labels[choice] = self._rival(one)
            left -= len(choice)
            missing = np.where(
                missing > len(self.labels), missing, self.needs - own @ picked.astype(np.int64)
            )

    @cached_property
    def _own_rows(self) -> Any:
        """Return which rows of its class change each query when so many as it needs are picked: (m, n)."""
        depth = self.order.shape[1]
        reach = self.vote.n_neighbors + (self.needs if self.deletes else np.zeros_like(self.needs))
        own = (self.labels[self.order] == self.targets[:, None]) & (np.arange(depth) < reach[:, None])
        query, rank = np.nonzero(own)
        shape = (len(self.order), len(self.labels))
        return sp.csr_array(
            (np.ones(len(query), dtype=np.int64), (query, self.order[query, rank])), shape=shape
        )

    def _rival(self, query: int) -> int:
        """Return the class with the most votes but the target, the first of equals."""
        nearest = self.labels[self.order[query, : self.vote.n_neighbors]]
        votes = np.bincount(nearest, minlength=self.vote.n_classes)
        votes[self.targets[query]] = -1
        return int(np.argmax(votes))


def nearest_rows(measured: Measured, depth: int) -> tuple[WholeArray, BoolArray]:
    """Return `order` and `told_apart` of some queries, as `Trial` has them."""
    n_rows = measured.n_rows
    shortest, longest = measured.bounds
    seen = min(depth + 1, n_rows)
    order = np.argpartition(measured.distances, seen - 1, axis=1)[:, :seen]
    near = np.take_along_axis(measured.distances, order, axis=1)
    order = np.take_along_axis(order, np.argsort(near, axis=1, kind="stable"), axis=1)
    low = np.take_along_axis(shortest, order, axis=1)
    high = np.take_along_axis(longest, order, axis=1)
    # nothing comes after the last row of the table
    following = np.concatenate([low[:, 1:], np.full((len(low), 1), np.inf)], axis=1)
    return order[:, :depth], (high < following)[:, :depth]
