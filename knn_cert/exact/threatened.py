"""ThreatenedQueries: what every classifier can say of its predictions under a threat."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import numpy as np

from .._types import BoolArray, FloatArray, WholeArray
from ..certificates.issue import Bounds, Claims, claim_asked, claim_largest, enclose, issue_ball
from ..threats import BlackBoxBall, StructuredThreat, Threat
from ..threats.base import ThreatModel
from .measured import Measured
from .vote import Vote

__all__ = ["CertainQueries", "ThreatenedQueries", "UncertainQueries"]

_Threat = TypeVar("_Threat", StructuredThreat, Threat)


class ThreatenedQueries(ABC, Generic[_Threat]):
    """Some queries, each with a class that is to win, and what tampering can leave to it.

    Parameters
    ----------
    vote : Vote
    measured : Measured
    targets : ndarray of int, shape (n_queries,)
        The class of each query that is to win.
    """

    def __init__(self, vote: Vote, measured: Measured, targets: WholeArray):
        self._labels_are_classes = vote.labels_are_classes
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

    def _brings_new_labels(self, threat: ThreatModel) -> bool:
        """Whether tampered rows may carry labels that are none of the classes."""
        return threat.relabels and not self._labels_are_classes


class UncertainQueries(ThreatenedQueries[StructuredThreat]):
    """Queries of a smoothed classifier: what their votes without tampering say of them.

    Parameters
    ----------
    vote : Vote
    measured : Measured
    targets : ndarray of int, shape (n_queries,)
        The class of each query that is to win.
    found : tuple of two ndarrays of shape (n_queries, C), optional
        Probabilities without tampering, and their errors; worked out where needed if not known.
    """

    def __init__(
        self,
        vote: Vote,
        measured: Measured,
        targets: WholeArray,
        *,
        found: tuple[FloatArray, FloatArray] | None = None,
    ):
        super().__init__(vote, measured, targets)
        self._vote, self._found = vote, found

    def _bounds_untampered(self, i: int, more_error: float = 0.0) -> Bounds:
        """Return bounds on the target of a query, its runner-up and all others, with so much more error."""
        p, error = self._probabilities_untampered(i)
        return enclose(p, error + more_error, self._targets[i : i + 1])[1]

    def _probabilities_untampered(self, i: int) -> tuple[FloatArray, FloatArray]:
        """Return (1, C) probabilities of the classes of a query, and bounds on their errors."""
        one = slice(i, i + 1)
        if self._found is not None:
            return self._found[0][one], self._found[1][one]
        return self._vote.vote(self._measured.of(one))

    def _radius_of_ball(self, bounds: Bounds, table_shift: float, dof: float) -> float:
        """Return the radius of Eq. (14) for one query, -1 where there is none."""
        ball = issue_ball(
            bounds,
            noise=self._vote.noise,
            threat=BlackBoxBall(),
            n_train=self.n_rows,
            n_features=int(dof),
            distance_error=table_shift,
        )
        return -1.0 if ball.abstained[0] else float(ball.budget[0])


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
