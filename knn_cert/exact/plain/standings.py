"""The standing that fits the number of classes."""

from __future__ import annotations

from ..._types import WholeArray
from ..measured import Measured
from .contest import Contest
from .duel import Duel
from .standing import Standing

__all__ = ["standing_of"]


def standing_of(measured: Measured, targets: WholeArray, n_neighbors: int, n_classes: int) -> Standing:
    """Return how firmly targets stand, for two classes or for more."""
    if n_classes <= 2:
        return Duel(measured, targets, n_neighbors)
    return Contest(measured, targets, n_neighbors, n_classes)
