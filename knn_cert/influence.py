"""Which training rows a smoothed prediction hinges on: what its probability loses when they are removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Changes of a probability below this are rounding.
_NO_CHANGE = 1e-12


@dataclass(frozen=True, eq=False)
class Influence:
    """The rows whose removal lowers the probability of each prediction most.

    Attributes
    ----------
    label : ndarray of shape (n_queries,)
        The predictions.
    probability : ndarray of shape (n_queries,)
        Of the predicted class, with all rows.
    rows : ndarray of int, shape (n_queries, top)
        Training rows, the most influential first.
    change : ndarray of shape (n_queries, top)
        Probability of the predicted class without that row, less that with all rows. Negative where the
        prediction leans on the row.
    """

    label: np.ndarray
    probability: np.ndarray
    rows: np.ndarray
    change: np.ndarray


def removal_effects(
    distances: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    top: int,
    vote: Callable[[np.ndarray, np.ndarray], np.ndarray],
    reach: Callable[[int], float],
) -> tuple[np.ndarray, np.ndarray]:
    """Rows, and what the winning probability of one query changes by without each of them.

    Of the winner's own rows nearer ones weigh more (the vote is monotone in their distances), and with two
    classes the removal of any other row never lowers its probability. With more, another class can profit
    from the loss of a third. Such rows are tried from the nearest on, up to where none can change more than
    those found: without a row the vote is the same unless that row is among the K nearest.

    Parameters
    ----------
    distances : ndarray of shape (n,)
    labels : ndarray of int, shape (n,)
    probabilities : ndarray of shape (C,)
        With all rows.
    top : int
        How many rows; fewer if the table has no more.
    vote : callable
        (m, n - 1) distances and labels -> (m, C) probabilities.
    reach : callable
        Row -> upper bound on the probability that it is among the K nearest.
    """
    winner = int(np.argmax(probabilities))
    order = np.argsort(distances, kind="stable")
    own, others = order[labels[order] == winner], order[labels[order] != winner]

    def change_without(row: int) -> float:
        without = vote(np.delete(distances, row)[None], np.delete(labels, row))
        return float(without[0, winner] - probabilities[winner])

    rows = own[:top].tolist()
    change = [change_without(row) for row in rows]
    # with two classes others only fill up where the winner has too few
    n_needed = max(0, top - len(own))
    for k, row in enumerate(others.tolist()):
        if k >= n_needed:
            if len(probabilities) == 2:
                break
            # a row that is farther away is among the K nearest less often
            if reach(row) <= max(-np.sort(change)[top - 1], _NO_CHANGE):
                break
        rows.append(row)
        change.append(change_without(row))
    best = np.argsort(change, kind="stable")[:top]
    return np.array(rows)[best], np.array(change)[best]
