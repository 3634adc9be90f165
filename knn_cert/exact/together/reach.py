"""Reach: which rows an attack must pick to change each query, as the conditions of a program.

K nearest rows vote; A is the predicted class of a query, b any other, t_b = 1 if b comes after A in the
ties of the vote, else 0; m and m' are the votes that a majority of A needs, and what the others need
against it (`votes_needed`). r is the number of tampered rows, and c - 1 the largest that certainly does not
change the query whoever picks them (its certificate alone), so that every attack that changes it has c rows
which matter to it.

**Labels flipped.** The K nearest stay the same. With v_A and v_b votes, and x_j = 1 for flipped rows,

1. A keeps its majority, and so the prediction, unless v_A - m + 1 of its own rows among the K are flipped.
   With two classes, and no label from outside, this is all there is: nothing else helps.
2. b wins only if v_A' - v_b' + t_b <= 0. A flipped row of A changes the difference by 2 at most, one of a
   third class by 1, one of b by nothing that helps. So 2 X_A + X_third >= D_b = v_A - v_b + t_b for some b.
   What of it is demanded from each row depends on b; the larger of two demands does for both: rows of A
   have 2 / min_b D_b, rows of a class c have the largest 1 / D_b with b other than c. A label from outside
   is a b with v_b = t_b = 0.

**Rows deleted.**

1. S are the rows of A that are nearer than the m'-th nearest of all others. While m of them are left, they
   are nearer than the m'-th nearest other, which deletions only push away, and A has its majority. So |S| -
   m + 1 rows of S must go: with two classes this is all there is.
2. At most r rows are deleted, so the K nearest of those left are among the K + r nearest, and rows beyond
   do not matter: c of these K + r must go. Let R be the rank of the last of the K that are left, so that
   R - K of the first R are deleted, d_A of them rows of A, and v_A, v_b be counts among the first R. b wins
   only if v_A - d_A + t_b <= v_b - d_b. So d_A >= v_A - v_b + t_b; and with d_A + d_b + d_third = R - K and
   d_third at most R - v_A - v_b also 2 d_A >= 2 v_A - K + t_b. Let g be the least d_A for b and R, at most
   R - K. A demand of 1 / c from rows of A and beta <= 1 / c from all others is met for this b and R if
   g / c + beta (R - K - g) >= 1, as more rows of A for fewer others only add to it. So beta is the largest
   (1 - g / c) / (R - K - g), and 1 / c is always enough.

Where rows cannot be told apart by their distances every order counts: v_A and D_b are the smallest of all
orders, the rows that may be picked are those that are among the nearest in any, and S has only rows that are
nearer in all; beta is 1 / c. Condition 2 is left out where the first demands as much from fewer rows.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import scipy.sparse as sp

from ..._types import BoolArray, FloatArray, WholeArray
from ..majority import votes_needed
from ..measured import Measured
from .program import Demands

__all__ = ["Vote", "deletion_demands", "flip_demands"]


class Vote(Protocol):
    """What of a K-NN classifier decides its votes."""

    @property
    def n_neighbors(self) -> int: ...
    @property
    def n_classes(self) -> int: ...
    @property
    def labels_are_classes(self) -> bool: ...


def flip_demands(measured: Measured, targets: WholeArray, budgets: WholeArray, vote: Vote) -> Demands:
    """Return the conditions under which flipped labels change queries.

    Parameters
    ----------
    measured : Measured
    targets, budgets : ndarray of int, shape (n_queries,)
        A, and c - 1 >= 0, of each query.
    vote : Vote
    """
    nearest = _Nearest(measured, vote)
    target_votes, leads = nearest.votes(targets)
    new_labels = not vote.labels_are_classes
    lines = _Lines(len(measured), measured.n_rows)
    for i, target in enumerate(targets):
        m, _ = votes_needed(int(target), vote.n_neighbors, new_labels=new_labels)
        rows = np.flatnonzero(nearest.possible[i])
        labels = measured.labels[rows]
        of_majority = int(target_votes[i]) - m + 1
        if of_majority >= 1:
            own = rows[labels == target]
            lines.add(i, own, np.full(len(own), 1.0 / of_majority))
        if of_majority <= budgets[i]:
            outside = int(target_votes[i]) if new_labels else None
            share = _shares(leads[i], int(target), outside)
            rows = rows[share[labels] > 0.0]
            lines.add(i, rows, share[measured.labels[rows]])
    return lines.demands()


def deletion_demands(
    measured: Measured, targets: WholeArray, budgets: WholeArray, vote: Vote, rows: int
) -> Demands:
    """Return the conditions under which at most so many deletions change queries; else as `flip_demands`."""
    shortest, longest = measured.bounds
    lines = _Lines(len(measured), measured.n_rows)
    reached = min(vote.n_neighbors + rows, measured.n_rows) - 1
    for i, target in enumerate(targets):
        m, m_rest = votes_needed(int(target), vote.n_neighbors)
        is_own = measured.labels == target
        others = shortest[i, ~is_own]
        turn = np.partition(others, m_rest - 1)[m_rest - 1] if len(others) >= m_rest else np.inf
        own = np.flatnonzero(is_own & (longest[i] < turn))
        of_majority = len(own) - m + 1
        if of_majority >= 1:
            lines.add(i, own, np.full(len(own), 1.0 / of_majority))
        if of_majority <= budgets[i]:
            near = np.flatnonzero(shortest[i] <= np.partition(longest[i], reached)[reached])
            near = near[np.argsort(measured.distances[i, near], kind="stable")]
            labels = measured.labels[near]
            share = np.full(len(near), 1.0 / (budgets[i] + 1))
            if len(near) == reached + 1 and np.all(longest[i, near[:-1]] < shortest[i, near[1:]]):
                share[labels != target] = _share_of_others(labels, int(target), int(budgets[i]) + 1, vote)
            lines.add(i, near[share > 0.0], share[share > 0.0])
    return lines.demands()


def _shares(leads: WholeArray, target: int, outside: int | None) -> FloatArray:
    """Return what a flipped row of each class does for the rival that it helps most: see flips, 2.

    Parameters
    ----------
    leads : ndarray of int, shape (C,)
        D_b over each class.
    target : int
    outside : int or None
        D_b over a label that is none of the classes, if there is any.
    """
    needs = leads.astype(np.float64)
    needs[target] = np.inf
    needs = np.append(needs, np.inf if outside is None else outside)
    shares = np.array([1.0 / max(1.0, np.delete(needs, one).min()) for one in range(len(leads))])
    shares[target] = 2.0 / max(1.0, needs.min())
    return shares


def _share_of_others(labels: WholeArray, target: int, cost: int, vote: Vote) -> float:
    """Return what a deleted row of another class does for the rivals at most: see deletions, 2.

    Parameters
    ----------
    labels : ndarray of int
        Of the nearest rows, in their order.
    target, cost : int
        A and c.
    vote : Vote
    """
    last = np.arange(vote.n_neighbors, len(labels) + 1)
    deleted = last - vote.n_neighbors
    own = np.cumsum(labels == target)[last - 1]
    largest = 0.0
    for rival in range(vote.n_classes):
        if rival == target:
            continue
        after = int(rival > target)
        least = own - np.cumsum(labels == rival)[last - 1] + after
        least = np.maximum(least, -((vote.n_neighbors - after - 2 * own) // 2))
        least = np.maximum(least, 0)
        possible = (least <= deleted) & (least < cost)
        share = (1.0 - least / cost) / np.maximum(deleted - least, 1)
        largest = max(largest, float(share[possible].max(initial=0.0)))
    # four roundings
    return min(largest * (1.0 + 4.0 * float(np.finfo(np.float64).eps)), 1.0 / cost)


class _Nearest:
    """The K nearest rows of each query: those in every order of rows that cannot be told apart, or in some.

    Attributes
    ----------
    certain, possible : ndarray of bool, shape (n_queries, n_rows)
    """

    def __init__(self, measured: Measured, vote: Vote):
        shortest, longest = measured.bounds
        k, n_rows = vote.n_neighbors, measured.n_rows
        # K rows are no farther than this: what is surely farther is not among the K nearest
        last = np.partition(longest, k - 1, axis=1)[:, k - 1, None]
        self.possible: BoolArray = shortest <= last
        # all but K rows are as far as this: what is surely nearer is among the K nearest
        next_one = np.full((len(measured), 1), np.inf)
        if k < n_rows:
            next_one = np.partition(shortest, k, axis=1)[:, k, None]
        self.certain: BoolArray = longest < next_one
        self._labels, self._vote = measured.labels, vote

    def votes(self, targets: WholeArray) -> tuple[WholeArray, WholeArray]:
        """Return the fewest votes of the targets, and their smallest leads D_b over every class, (n, C).

        Seats that are not certain go to b first, to third classes then, to the target last.
        """
        n_classes = self._vote.n_classes
        by_class = np.equal(self._labels[:, None], np.arange(n_classes)).astype(np.int64)
        certain = self.certain @ by_class
        doubtful = self.possible @ by_class - certain
        seats = self._vote.n_neighbors - certain.sum(axis=1)
        query = np.arange(len(targets))
        of_others = doubtful.sum(axis=1) - doubtful[query, targets]
        votes = certain[query, targets] + np.maximum(seats - of_others, 0)
        rival = certain + np.minimum(seats[:, None], doubtful)
        after = np.arange(n_classes) > targets[:, None]
        return votes, votes[:, None] - rival + after


class _Lines:
    """Conditions, line by line."""

    def __init__(self, n_queries: int, n_rows: int):
        self._n_queries, self._n_rows = n_queries, n_rows
        self._owner: list[int] = []
        self._rows: list[WholeArray] = []
        self._demands: list[FloatArray] = []

    def add(self, query: int, rows: WholeArray, demands: FloatArray) -> None:
        """Add a condition; a row that does all alone need not do more."""
        self._owner.append(query)
        self._rows.append(rows)
        self._demands.append(np.minimum(np.nextafter(demands, np.inf), 1.0))

    def demands(self) -> Demands:
        sizes = np.array([len(rows) for rows in self._rows], dtype=np.int64)
        start = np.concatenate([[0], np.cumsum(sizes)])
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *self._rows])
        data = np.concatenate([np.zeros(0), *self._demands])
        shape = (len(self._owner), self._n_rows)
        owner = np.array(self._owner, dtype=np.int64)
        return Demands(sp.csr_array((data, rows, start), shape=shape), owner, self._n_queries)
