"""Vote: what every classifier of this room is to the code around it, whatever votes and with which noise."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from .._types import BoolArray, FloatArray, WholeArray
from ..kernels.contract import Kernel
from ..smoothing import NearestNeighbors, Noise
from .measured import Measured

__all__ = ["Vote", "VoteKey", "certain_vote"]


class VoteKey(NamedTuple):
    """What votes of one classifier, with the same distances, can differ in."""

    n_neighbors: int
    sigma: float


class Vote(Protocol):
    """A classifier, all but its rows: checked parameters, and what computes its vote.

    Attributes
    ----------
    n_classes : int
        C; labels are 0..C-1.
    labels_are_classes : bool
        Whether nobody can bring a label that is none of the classes.
    kernel : Kernel
        What measures distances.
    n_threads : int
    """

    @property
    def n_classes(self) -> int: ...
    @property
    def labels_are_classes(self) -> bool: ...
    @property
    def kernel(self) -> Kernel: ...
    @property
    def n_threads(self) -> int: ...
    @property
    def fewest_rows(self) -> int:
        """How many rows a table must have: K, or 1 where a radius decides who votes."""

    @property
    def key(self) -> VoteKey:
        """What votes by the same distances can differ in."""

    @property
    def noise(self) -> Noise:
        """The noise on the training rows."""

    @property
    def classifier(self) -> NearestNeighbors:
        """What certificates call it."""

    def check_distances(self, distances: FloatArray) -> None:
        """Raise InvalidInput where distances are too large."""

    def vote(self, measured: Measured) -> tuple[FloatArray, FloatArray]:
        """Return (m, C) probabilities of the classes to win, none above 1, and bounds on their errors."""

    def support(self, measured: Measured) -> FloatArray:
        """Return (m, C) how near each class is to winning: what an attack steers by."""


def certain_vote(predicted: WholeArray, sure: BoolArray, n_classes: int) -> tuple[FloatArray, FloatArray]:
    """Return what a vote without noise says: 1 for the prediction, else 0; errors of 0, or 1 if not sure."""
    probabilities = (predicted[:, None] == np.arange(n_classes)).astype(np.float64)
    errors: FloatArray = np.where(sure, 0.0, 1.0)[:, None] * np.ones(n_classes)
    return probabilities, errors
