"""Which training rows a smoothed prediction hinges on: what its probability loses when they are removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._types import FloatArray, WholeArray
from .measured import Measured
from .settings import VoteSettings
from .table import Table

__all__ = ["Influence", "influence_of"]

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
        Probability of the predicted class, with all rows.
    rows : ndarray of int, shape (n_queries, top)
        Training rows, the most influential first.
    change : ndarray of shape (n_queries, top)
        Probability of the predicted class without that row, less that with all rows. Negative where the
        prediction leans on the row.
    """

    label: NDArray[Any]
    probability: FloatArray
    rows: WholeArray
    change: FloatArray


def influence_of(
    table: Table, X: Any, settings: VoteSettings, top: int
) -> tuple[WholeArray, FloatArray, WholeArray, FloatArray]:
    """Return prediction (as position), its probability, rows and changes of each query, see `Influence`.

    Parameters
    ----------
    table : Table
    X : {ndarray, CSR matrix} of shape (m, d)
        Checked queries.
    settings : VoteSettings
        Of the continuous classifier, with K < n.
    top : int
        How many rows; fewer if the table has no more.
    """
    p = np.empty((X.shape[0], settings.n_classes))
    found = []
    for i in range(len(p)):
        distances = table.distances(X[i : i + 1], settings.kernel, settings.n_threads)
        settings.check_distances(distances)
        p[i] = settings.vote(Measured(distances, table.labels, 0.0))[0][0]
        found.append(_removal_effects(distances[0], table.labels, p[i], top, settings))
    rows, change = np.array([rows for rows, _ in found]), np.array([change for _, change in found])
    return np.argmax(p, axis=1), p.max(axis=1), rows, change


def _removal_effects(
    distances: FloatArray, labels: WholeArray, probabilities: FloatArray, top: int, settings: VoteSettings
) -> tuple[WholeArray, FloatArray]:
    """Return rows, and what the winning probability of one query changes by without each of them.

    Of the winner's own rows nearer ones weigh more (the vote is monotone in their distances), and with two
    classes the removal of any other row never lowers its probability. With more, another class can profit
    from the loss of a third. Such rows are tried from the nearest on, up to where none can change more than
    those found: without a row the vote is the same unless that row is among the K nearest.
    """
    winner = int(np.argmax(probabilities))
    order = np.argsort(distances, kind="stable")
    own, others = order[labels[order] == winner], order[labels[order] != winner]

    def change_without(row: int) -> float:
        without, _ = settings.vote(Measured(np.delete(distances, row)[None], np.delete(labels, row), 0.0))
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
            if settings.reach(distances, row) <= max(-np.sort(change)[top - 1], _NO_CHANGE):
                break
        rows.append(row)
        change.append(change_without(row))
    best = np.argsort(change, kind="stable")[:top]
    return np.array(rows)[best], np.array(change)[best]
