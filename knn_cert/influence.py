"""Which training rows a smoothed prediction hinges on: what its probability loses when they are removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


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
    sq_distances: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    top: int,
    vote: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Rows, and what the winning probability of one query changes by without each of them.

    Of the winner's own rows nearer ones weigh more (the vote is monotone in their distances), and with two
    classes the removal of any other row never lowers its probability. With more, a third class can profit, so
    the nearest rows of the others are tried too.

    Parameters
    ----------
    sq_distances : ndarray of shape (n,)
    labels : ndarray of int, shape (n,)
    probabilities : ndarray of shape (C,)
        With all rows.
    top : int
        How many rows; fewer if the winner has no more and there are two classes.
    vote : callable
        (m, n - 1) squared distances and labels -> (m, C) probabilities.
    """
    winner = int(np.argmax(probabilities))
    order = np.argsort(sq_distances, kind="stable")
    own, others = order[labels[order] == winner], order[labels[order] != winner]
    # with two classes others only fill up where the winner has too few
    n_others = top if len(probabilities) > 2 else max(0, top - len(own))
    candidates = np.concatenate([own[:top], others[:n_others]])
    change = np.empty(len(candidates))
    for k, row in enumerate(candidates):
        without = vote(np.delete(sq_distances, row)[None], np.delete(labels, row))
        change[k] = without[0, winner] - probabilities[winner]
    best = np.argsort(change, kind="stable")[:top]
    return candidates[best], change[best]
