"""ThreatenedQueries: what every classifier can say of its predictions under a threat."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import numpy as np

from .._types import BoolArray, FloatArray, WholeArray
from ..certificates.issue import Claims, claim_asked, claim_largest
from ..threats import StructuredThreat, Threat
from .measured import Measured

__all__ = ["CertainQueries", "ThreatenedQueries"]

_Threat = TypeVar("_Threat", StructuredThreat, Threat)


class ThreatenedQueries(ABC, Generic[_Threat]):
    """Some queries, each with a class that is to win, and what tampering can leave to it.

    Parameters
    ----------
    measured : Measured
    targets : ndarray of int, shape (n_queries,)
        The class of each query that is to win.
    """

    def __init__(self, measured: Measured, targets: WholeArray):
        self._measured, self._targets = measured, targets

    def __len__(self) -> int:
        return len(self._targets)

    @property
    def n_rows(self) -> int:
        """Number of training rows."""
        return self._measured.n_rows

    def claims(self, threat: _Threat) -> Claims:
        """Return what is claimed of the targets: the largest budget, or whether the given one is survived."""
        if threat.is_open:
            return claim_largest(self.largest_budget(threat))
        worst, certified = self.at_budget(threat)
        return claim_asked(threat.asked_budget(self.n_rows), certified, worst)

    @abstractmethod
    def smallest_probability(self, threat: _Threat) -> FloatArray:
        """Return a lower bound on each query's target probability over everything within the budget."""

    @abstractmethod
    def at_budget(self, threat: _Threat) -> tuple[FloatArray, BoolArray]:
        """Return `smallest_probability`, and whether the target provably stays the prediction."""

    @abstractmethod
    def largest_budget(self, threat: _Threat) -> FloatArray | WholeArray:
        """Return the budget that the threat leaves open: rows, -1 without any; or a radius, NaN likewise."""


class CertainQueries(ThreatenedQueries[Threat]):
    """Queries of a classifier without noise: its vote is certain, and so is what tampering does to it."""

    def smallest_probability(self, threat: Threat) -> FloatArray:
        """Return 1 where the target provably stays the prediction, else 0."""
        return self.withstands(threat).astype(np.float64)

    def at_budget(self, threat: Threat) -> tuple[FloatArray, BoolArray]:
        """Return `smallest_probability`, and whether it is 1."""
        certified = self.withstands(threat)
        return certified.astype(np.float64), certified

    @abstractmethod
    def withstands(self, threat: Threat) -> BoolArray:
        """Whether the target provably stays the prediction, for everything within the budget."""
