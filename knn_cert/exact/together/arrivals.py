"""Arrivals: replaced rows, which go from their places and come to others, one place for all queries at once.

A row at one place can be near many queries: rows at the mean of a class are among the nearest of nearly
all of its queries in some tables, and of hardly any in others. Where they can be put is not used here: each
of the r replaced rows counts for every query when it comes. But it comes with one label. Let y_c of the rows
come with label c; a query with prediction A sees r - y_A rows that vote against it, and y_A that do not.

Theorem. With a_1 <= a_2 <= ... the distances of the rows of A and b_1 <= b_2 <= ... those of all others,
the query keeps A for every replacement of at most r rows, at most s of which come with labels other than A,
if a_{m+r} < b_{m'-s}, strictly. Proof: at least m + r rows of A are nearer than b_{m'-s}; m of them are
left, and those that come with label A are only more of them. The m'-th nearest of all others, s more and some
fewer, is no nearer than b_{m'-s}. That is a majority of A.

So each query has a least number s of other labels, and the most that change, over all y with sum r, is a
sum over classes: those predicted A with s <= r - y_A. What is lost by y_A is chosen class by class, the
best first. A label that nobody predicts, or one from outside, serves all queries: nothing is then gained.
"""

from __future__ import annotations

import numpy as np

from ..._types import WholeArray
from ..majority import votes_needed
from ..measured import Measured
from .reach import Vote

__all__ = ["arrivals_needed", "most_changed_by_labels"]


def arrivals_needed(measured: Measured, targets: WholeArray, vote: Vote, rows: int) -> WholeArray:
    """Return the fewest rows with labels other than the target's that must come, s, of each query."""
    shortest, longest = measured.bounds
    needed = np.empty(len(targets), dtype=np.int64)
    for i, target in enumerate(targets):
        m, m_rest = votes_needed(int(target), vote.n_neighbors, new_labels=not vote.labels_are_classes)
        is_own = measured.labels == target
        own = longest[i, is_own]
        last = np.inf
        if len(own) >= m + rows:
            last = np.partition(own, m + rows - 1)[m + rows - 1]
        needed[i] = m_rest - np.count_nonzero(shortest[i, ~is_own] <= last)
    return np.maximum(needed, 0)


def most_changed_by_labels(needed: WholeArray, targets: WholeArray, vote: Vote, rows: int) -> int:
    """Upper bound on how many queries so many replaced rows change.

    Parameters
    ----------
    needed : ndarray of int, shape (n_queries,)
        As `arrivals_needed` has them.
    targets : ndarray of int, shape (n_queries,)
    vote : Vote
    rows : int
        r.
    """
    counted = needed <= rows
    total = int(np.count_nonzero(counted))
    if not vote.labels_are_classes:
        return total
    # the most rows that can come with labels of the classes so far, for every number of queries lost by it
    come = np.zeros(1, dtype=np.int64)
    for target in range(vote.n_classes):
        decreasing = np.sort(needed[counted & (targets == target)])[::-1]
        own = np.append(rows - decreasing, rows)
        together = np.zeros(len(come) + len(own) - 1, dtype=np.int64)
        for lost, more in enumerate(own):
            part = slice(lost, lost + len(come))
            together[part] = np.maximum(together[part], come + more)
        come = together
    return total - int(np.argmax(come >= rows))
