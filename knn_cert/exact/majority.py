"""How many votes a class needs: the ranks m and m' of the race that decides a vote, or bounds it."""

from __future__ import annotations

__all__ = ["votes_needed", "votes_that_can_win"]


def votes_needed(target_class: int, n_neighbors: int, *, new_labels: bool = False) -> tuple[int, int]:
    """Return (m, m'): the target wins at least if its m-th nearest row precedes the m'-th of the others.

    Ties of the vote go to the lowest class: class 0 needs half of the votes, any other class more than half.
    For two classes this is the vote itself; for more it is the majority event, which implies it. Where rows
    may carry labels that are none of the classes, one of these may come before class 0, which then needs
    more than half of the votes too.
    """
    wins_ties = target_class == 0 and not new_labels
    m = (n_neighbors + 1) // 2 if wins_ties else n_neighbors // 2 + 1
    return m, n_neighbors + 1 - m


def votes_that_can_win(target_class: int, n_neighbors: int, n_classes: int) -> tuple[int, int]:
    """Return (m, m'): the target wins only if its m-th nearest row precedes the m'-th of the others.

    With g votes it can win if the classes below it, at most g - 1 votes each, and those above, at most g
    each, can have the rest: C g - target_class >= K.
    """
    m = -(-(n_neighbors + target_class) // n_classes)
    return m, n_neighbors + 1 - m
