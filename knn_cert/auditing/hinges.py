"""Which training rows the certificates hinge on: those that vote for many predictions, weak ones first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._types import BoolArray, FloatArray
from ..exact.estimator import SmoothedKNNClassifier
from ..kernels import get_backend

__all__ = ["WORDS", "Hinge", "hinges"]

_SHOWN = 50

# With noise: the rows whose loss costs most, of so many of the weakest predictions, so many each.
_NOISY_QUERIES, _NOISY_ROWS = 40, 10

WORDS = (
    "Queries: how many of the reported predictions this training row votes for (with noise: of how many of "
    "the weakest ones it is among the ten rows whose loss costs most). Weak: how many of them survive no "
    "more than the asked budget, so that they depend on every such row. Look at these rows first."
)


@dataclass(frozen=True)
class Hinge:
    """A training row, by its position among them, and how many predictions, and weak ones, hinge on it."""

    row: int
    label: Any
    queries: int
    weak: int


def hinges(
    classifier: SmoothedKNNClassifier,
    train: tuple[FloatArray, NDArray[Any]],
    X: FloatArray,
    budgets: NDArray[Any],
    abstained: BoolArray,
    asked: float,
) -> list[Hinge]:
    """Return the training rows that most predictions hinge on, the weak ones first.

    Parameters
    ----------
    classifier : SmoothedKNNClassifier
        Fitted on `train`.
    train : (ndarray of shape (n, d), ndarray of shape (n,))
    X : ndarray of shape (m, d)
        Reported rows.
    budgets, abstained : ndarray of shape (m,)
        What their predictions survive.
    asked : float
        The budget that was asked about.
    """
    rows, y = train
    weak = abstained | (budgets <= asked)
    votes = np.zeros((2, len(y)), dtype=np.int64)
    if float(classifier.sigma) > 0.0:
        chosen = np.argsort(np.where(abstained, -1.0, budgets), kind="stable")[:_NOISY_QUERIES]
        if int(classifier.n_neighbors) >= len(y):
            return []
        found = classifier.influence(X[chosen], top=min(_NOISY_ROWS, len(y)))
        for i, own in zip(chosen, found.rows, strict=True):
            votes[:, own] += np.array([[1], [int(weak[i])]])
    else:
        kernel, k = get_backend("auto"), int(classifier.n_neighbors)
        labels = classifier.predict(X)
        for i in range(len(X)):
            distances = kernel.distances(X[i : i + 1], rows, n_threads=1)[0]
            own = np.argpartition(distances, k - 1)[:k]
            own = own[y[own] == labels[i]]
            votes[:, own] += np.array([[1], [int(weak[i])]])
    order = np.lexsort([-votes[0], -votes[1]])[:_SHOWN]
    return [
        Hinge(int(row), y[row], int(votes[0, row]), int(votes[1, row])) for row in order if votes[0, row] > 0
    ]
