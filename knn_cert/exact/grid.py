"""Several K, several sigma and several threats at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..gate.errors import InvalidInput
from ..threats import Threat

__all__ = ["GridPoint", "as_axis"]

_Value = TypeVar("_Value")


class GridPoint(NamedTuple):
    """One setting of `SmoothedKNNClassifier.certify_grid`."""

    n_neighbors: int
    sigma: float
    threat: Threat


def as_axis(values: Sequence[_Value] | None, name: str, default: Any) -> list[_Value]:
    """Return the values of one axis of the grid, or the default alone.

    Raises
    ------
    TypeError
        If it is no sequence.
    ValueError
        If it is empty.
    """
    if values is None:
        return [default]
    if not np.iterable(values):
        raise TypeError(f"{name} must be a sequence, such as [{values!r}], got {values!r}")
    chosen = list(values)
    if not chosen:
        raise InvalidInput(f"{name} is empty; give at least one, or leave it out")
    return chosen
