"""PlainSettings: the vote of the K nearest rows, all but the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..._types import FloatArray, WholeArray
from ...gate.errors import InvalidInput
from ...kernels.contract import Kernel
from ...smoothing import Noise, PlainKNN
from ..measured import Measured
from ..vote import VoteKey, certain_vote
from .ranked import largest_where, of_classes
from .standings import standing_of

__all__ = ["PlainSettings"]

# Squares of shorter distances come near to the least numbers that doubles hold in full.
_LEAST_DISTANCE = 1e-140


@dataclass(frozen=True, eq=False)
class PlainSettings:
    """The vote of K-NN without noise: checked parameters.

    Attributes
    ----------
    n_neighbors : int
        K, at most the number of rows.
    n_classes : int
        C; labels are 0..C-1.
    labels_are_classes : bool
        Whether nobody can bring a label that is none of the classes.
    kernel : Kernel
        What measures distances.
    n_threads : int
    metric : str
        What distances are.
    """

    n_neighbors: int
    n_classes: int
    labels_are_classes: bool
    kernel: Kernel
    n_threads: int
    metric: str = "euclidean"

    @property
    def fewest_rows(self) -> int:
        """How many rows a table must have: K."""
        return self.n_neighbors

    @property
    def key(self) -> VoteKey:
        """What votes by the same distances can differ in."""
        return VoteKey(self.n_neighbors, 0.0)

    @property
    def noise(self) -> Noise:
        """The noise on the training rows: none."""
        return Noise(0.0)

    @property
    def classifier(self) -> PlainKNN:
        """What certificates call it."""
        return PlainKNN(self.n_neighbors, self.metric, self.labels_are_classes)

    def check_distances(self, distances: FloatArray) -> None:
        """Raise InvalidInput where distances are infinite, or their squares below what doubles tell apart."""
        if not np.isfinite(distances).all():
            raise InvalidInput(
                "distances between queries and training rows must be finite, got infinity; divide the "
                "features by a number, which changes no prediction"
            )
        least = float(distances.min(initial=1.0))
        if least < _LEAST_DISTANCE:
            least = float(distances.min(initial=1.0, where=distances > 0.0))
            if least < _LEAST_DISTANCE:
                raise InvalidInput(
                    f"distances of queries and training rows are too small: the least above 0 is {least:g}, "
                    f"expected at least {_LEAST_DISTANCE:g}; multiply the features by a number, which "
                    "changes no prediction"
                )

    def vote(self, measured: Measured) -> tuple[FloatArray, FloatArray]:
        """Return (m, C) probabilities, 1 for the prediction and else 0, and bounds on their errors.

        Ties of distance go to the lower row, ties of the vote to the lowest class. The errors are 0 where the
        prediction is the same for every order of rows whose distances cannot be told apart, else 1.
        """
        votes = _votes_of_nearest(measured, self.n_neighbors, self.n_classes)
        predicted = np.argmax(votes, axis=1)  # the first of equals
        sure = standing_of(measured, predicted, self.n_neighbors, self.n_classes).is_sure
        return certain_vote(predicted, sure, self.n_classes)

    def support(self, measured: Measured) -> FloatArray:
        """Return (m, C) how near each class is to winning: its share of the votes."""
        return _votes_of_nearest(measured, self.n_neighbors, self.n_classes) / self.n_neighbors


def _votes_of_nearest(measured: Measured, n_neighbors: int, n_classes: int) -> WholeArray:
    """Return how many of the K nearest rows each class has, ties of distance to the lower row: (m, C)."""
    last = _last_of_nearest(measured, n_neighbors, n_classes)
    classes = of_classes(measured, np.tile(np.arange(n_classes), (len(measured), 1)))
    votes, most = classes.nearer(last), classes.within(last)
    seats = n_neighbors - votes.sum(axis=1)
    votes = np.where((most.sum(axis=1) == n_neighbors)[:, None], most, votes)
    for i in np.flatnonzero(most.sum(axis=1) > n_neighbors):
        tied = np.flatnonzero(measured.distances[i] == last[i])[: seats[i]]
        votes[i] += np.bincount(measured.labels[tied], minlength=n_classes)
    return votes


def _last_of_nearest(measured: Measured, n_neighbors: int, n_classes: int) -> FloatArray:
    """Return the distance of the K-th nearest row of each query: (m, 1)."""
    if n_classes > 2:
        return measured.increasing[:, n_neighbors - 1, None]
    # Without a sort of all rows: j of class 0 and K - j of class 1 are the nearest, with the largest such j.
    first, second = (of_classes(measured, np.full((len(measured), 1), one)) for one in (0, 1))
    among = largest_where(
        lambda rank: first.at(rank) <= second.at(n_neighbors + 1 - rank),
        np.zeros_like(first.size),
        np.minimum(first.size, n_neighbors),
    )
    return np.maximum(first.at(among), second.at(n_neighbors - among))
