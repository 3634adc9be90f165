"""Numbers of rows that change a plurality vote of any number of classes: exact.

With v_A(R) and v_b(R) votes of the target and of a rival among the R nearest rows, and t = 1 if the rival
comes after the target, else 0, the fewest tampered rows with which the rival beats the target are

============================  ==============================================================================
tampering                     fewest rows
============================  ==============================================================================
labels flipped, replaced      (v_A(K) - v_b(K) + t) / 2, rounded up
rows inserted                 the first r with v_A(K-r) - v_b(K-r) - r + t <= 0
rows deleted                  the first r with v_A(K+r) - v_b(K+r) - r + t <= 0; K rows must be left
============================  ==============================================================================

The rows that are flipped, deleted or replaced are the target's nearest ones; inserted rows are at the query.
(Where all v_A rows can be deleted and more, the K that are left vote for some rival.)
"""

from __future__ import annotations

import numpy as np

from ..._types import BoolArray, WholeArray
from ...threats import Deletions, Insertions
from ...threats.rows import RowBudget
from .ranked import largest_where
from .rivals import Rivals

__all__ = ["margins", "most_rows"]


def margins(rivals: Rivals, n_neighbors: int) -> WholeArray:
    """Return v_A - v_b + t of each rival, without tampering: not positive where the rival may win."""
    own, others = rivals.votes(np.array(n_neighbors))
    margin: WholeArray = own - others + rivals.lead
    return margin


def most_rows(rivals: Rivals, n_neighbors: int, kind: type[RowBudget]) -> WholeArray:
    """Return the largest numbers of tampered rows that no rival gains from, -1 where 0 are too many."""
    if kind is Insertions:
        found = _most_that_survive(rivals, n_neighbors, n_neighbors, -1)
    elif kind is Deletions:
        n_rows = rivals.everything.lines.shape[1]
        found = _most_that_survive(rivals, n_neighbors, n_rows - n_neighbors, 1)
    else:
        found = np.maximum((margins(rivals, n_neighbors) + 1) // 2 - 1, -1)
    largest: WholeArray = found.min(axis=1)
    return largest


def _most_that_survive(rivals: Rivals, n_neighbors: int, most: int, sign: int) -> WholeArray:
    """Return the largest numbers up to one of rows that are deleted, or inserted with a negative sign."""

    def survives(rows: WholeArray) -> BoolArray:
        own, others = rivals.votes(n_neighbors + sign * rows)
        return own - others - rows + rivals.lead > 0

    least = np.full(rivals.lead.shape, -1)
    return largest_where(survives, least, np.full_like(least, most))
