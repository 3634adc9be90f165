"""One attack, many queries: the grouped certificate of radius neighbours (after Jia et al., AAAI 2022).

Jia et al. certify queries jointly by grouping them. Their idea, proved and checked here anew, and not copied
from their program, of which there is none: within a group, no two queries are predicted the same class. A row
that is taken away takes a vote from queries predicted the row's class only, so from one query of the group at
most; a row that is put in may give a vote in all of them. An attack with e rows puts in at most e and takes
away at most e. A query that needs `needed` votes therefore changes only if at least needed - e rows of its
own class are taken away, and over the group those add up to at most e. So an attack changes at most as many
queries as smallest numbers max(needed - e, 0) add up to at most e.

This holds for a fixed radius, where every row votes for itself. It does not for K-NN, where a row that goes
lets the next one in.
"""

from __future__ import annotations

import numpy as np

__all__ = ["most_changed"]


def most_changed(label: np.ndarray, needed: np.ndarray, rows: int) -> int:
    """Bound the number of queries whose prediction one attack on so many rows changes.

    Parameters
    ----------
    label, needed : ndarray of int, shape (m,)
        From `votes_needed` of `radius_votes`.
    rows : int
        How many rows are inserted, deleted or modified.
    """
    changes_anyway = int(np.sum(needed <= rows))  # by rows put in alone
    contested = (needed > rows) & (needed <= 2 * rows)
    by_class = [np.sort(needed[contested & (label == c)] - rows)[::-1] for c in np.unique(label)]
    return changes_anyway + min(_by_rank(by_class, rows), _by_pairs(by_class, rows))


def _by_rank(by_class: list[np.ndarray], rows: int) -> int:
    """Bound with groups of the j-th largest of each class."""
    changed = 0
    for rank in range(max(map(len, by_class))):
        group = np.sort([own[rank] for own in by_class if rank < len(own)])
        changed += int(np.sum(np.cumsum(group) <= rows))
    return changed


def _by_pairs(by_class: list[np.ndarray], rows: int) -> int:
    """Bound with as many pairs of the two largest classes as cannot both change."""
    first, second = sorted(by_class, key=len)[-2:] if len(by_class) > 1 else (by_class[0], by_class[0][:0])
    pairs = next(
        (
            k
            for k in range(min(len(first), len(second)), 0, -1)
            # the k largest of both, the largest of one with the smallest of the other
            if np.all(first[:k] + second[:k][::-1] > rows)
        ),
        0,
    )
    return sum(map(len, by_class)) - pairs
