"""More than two classes: what flipped or deleted rows may cost the target against each rival, added up.

    q'(A) - q'(b) >= q(A) - q(b) - sum of the r largest s_i,    s_i = E[what row i costs where it is near]

for every rival b. Flips leave the K nearest rows the same, deletions let in as many as went, so the change of
the vote is bounded outcome by outcome by the tampered rows among the K nearest (among the K + 1 nearest, for
deletions) and the gaps between votes: csrc/include/knn_cert/vote_costs.hpp has the lemma. What a row costs
depends on the number of tampered rows only up to about K / 2, so one pass over the rows serves all larger
ones.

Where the vote is certain no row costs anything below the exact number of flips.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._types import BoolArray, FloatArray
from ..threats.racing import RaceThreat
from .measured import Measured, change_by_shift
from .settings import VoteSettings

__all__ = ["RivalScores"]

# Beyond so many products for eight nodes a pass takes more than about half a second: for K = 5 with more than
# 20 classes for flips, 15 for deletions.
_MOST_PRODUCTS = 2e7
# Polynomials without one row take K^2 steps for each of some hundred rows.
_MOST_NEIGHBORS = 64
# What rows cost is kept for each tally, class and class of the next row: 72 MB at most.
_MOST_COSTS = 9e6
# Tallies and their winners are kept in bytes.
_MOST_LISTS = 127

# No row costs more than this.
_DEAREST = 2.0


class _Lead(NamedTuple):
    """Lower bounds on how far a target is ahead of each class, infinite over itself."""

    target: int
    over: FloatArray

    @property
    def least(self) -> float:
        """How far it is ahead of every rival."""
        return float(self.over.min())


class RivalScores:
    """Numbers of flipped or deleted rows that some queries survive, by what single rows cost.

    Parameters
    ----------
    settings : VoteSettings
    measured : Measured
    """

    def __init__(self, settings: VoteSettings, measured: Measured):
        self._settings, self._measured = settings, measured
        self._leads: dict[tuple[int, int, bool], _Lead] = {}
        self._survived: dict[tuple[int, int, bool, str, int], BoolArray] = {}

    def know(self, threat: RaceThreat) -> bool:
        """Whether the threat, the kernel, K and the number of classes allow for scores."""
        n_neighbors = self._settings.n_neighbors
        n_lists = int(np.count_nonzero(np.bincount(self._measured.labels)))
        if threat.scored_as is None or self._settings.kernel.rival_scores is None:
            return False
        if n_neighbors >= self._measured.n_rows or n_neighbors > _MOST_NEIGHBORS or n_lists > _MOST_LISTS:
            return False
        tallies = math.comb(n_neighbors + n_lists - 1, n_lists - 1)
        told_apart = n_lists if threat.scored_as == "deleted" else 1  # classes of the next row
        n_classes = self._settings.n_classes + 1  # one for new labels
        if tallies * 3 * n_classes * told_apart > _MOST_COSTS:
            return False
        of_tally = min(n_neighbors, n_lists) * (3 * n_lists + self._settings.n_classes * told_apart)
        return tallies * of_tally <= _MOST_PRODUCTS

    def largest(
        self,
        query: int,
        target: int,
        threat: RaceThreat,
        untampered: tuple[FloatArray, FloatArray],
        new_labels: bool,
    ) -> int:
        """Return the largest number of rows that the target survives by its scores, -1 if not even none.

        Parameters
        ----------
        query, target : int
        threat : RaceThreat
            One that `know` accepts.
        untampered : tuple of two ndarrays of shape (C,)
            Probabilities of the classes, and their errors.
        new_labels : bool
            Whether tampered rows may carry labels that are none of the classes: one more class without rows,
            first in ties, stands for them, for what rows cost depends on the largest votes and ties alone.
        """
        lead = self._lead(query, target, untampered, new_labels)
        if not lead.least > 0.0:
            return -1
        unlimited = self._unlimited(threat)
        every = self._survives(query, lead, threat, unlimited, new_labels)
        largest = len(every) if every.all() else int(every.argmin())
        # With more rows none costs less and more are added up: who survives them survives fewer.
        fails = unlimited
        while fails - largest > 1:
            rows = (largest + fails) // 2
            if self._survives(query, lead, threat, rows, new_labels)[rows - 1]:
                largest = rows
            else:
                fails = rows
        return largest

    def survives(
        self,
        query: int,
        target: int,
        threat: RaceThreat,
        untampered: tuple[FloatArray, FloatArray],
        new_labels: bool,
        rows: int,
    ) -> bool:
        """Whether the target survives so many rows by its scores; parameters as `largest` has them."""
        lead = self._lead(query, target, untampered, new_labels)
        if rows == 0 or not lead.least > 0.0:
            return lead.least > 0.0
        cap = min(rows, self._unlimited(threat))
        return bool(
            self._survives(query, lead, threat, cap, new_labels)[min(rows, self._measured.n_rows) - 1]
        )

    def _unlimited(self, threat: RaceThreat) -> int:
        """Return the number of rows from which on none costs any more: the largest gap takes so many."""
        return (self._settings.n_neighbors + (4 if threat.scored_as == "deleted" else 2)) // 2

    def _lead(
        self, query: int, target: int, untampered: tuple[FloatArray, FloatArray], new_labels: bool
    ) -> _Lead:
        key = (query, target, new_labels)
        if key not in self._leads:
            p, error = untampered
            if new_labels:
                target = target + 1
                p, error = np.insert(p, 0, 0.0), np.insert(error, 0, 0.0)
            slack = self._slack(self._measured.distances[query])
            lead = (p[target] - error[target]) - (p + error) - slack
            lead[target] = np.inf
            self._leads[key] = _Lead(target, lead)
        return self._leads[key]

    def _survives(self, query: int, lead: _Lead, threat: RaceThreat, cap: int, new_labels: bool) -> BoolArray:
        """Return whether the target survives 1, 2, ... rows, by what rows cost where `cap` are tampered with.

        Numbers above the cap are only true of a cap that limits nothing.
        """
        assert threat.scored_as is not None, "`know` tells"
        key = (query, lead.target, new_labels, threat.scored_as, cap)
        if key not in self._survived:
            sums = self._sums(query, lead, threat.scored_as == "deleted", cap, new_labels)
            self._survived[key] = np.all(sums < lead.over[:, None], axis=0)
        return self._survived[key]

    def _slack(self, distances: FloatArray) -> float:
        """Return what rounded distances may change in two probabilities and in a sum of scores.

        A sum of scores is the mean of what K + 1 rows cost, between 0 and 2 (K + 1); a mean changes by that
        range times the largest change of a probability at most.
        """
        change = change_by_shift(distances, self._measured.widening, self._settings.sigma)
        return (2.0 + _DEAREST * (self._settings.n_neighbors + 1)) * change

    def _sums(self, query: int, lead: _Lead, deletions: bool, cap: int, new_labels: bool) -> FloatArray:
        """Return (C, n) upper bounds on the sum of the 1, 2, ... largest scores against each rival."""
        rival_scores = self._settings.kernel.rival_scores
        assert rival_scores is not None, "`know` tells"
        order = np.argsort(self._measured.distances[query], kind="stable")
        (scores,) = rival_scores(
            self._measured.distances[query][order],
            self._measured.labels[order] + int(new_labels),
            np.array([cap], dtype=np.int64),
            n_classes=len(lead.over),
            n_neighbors=self._settings.n_neighbors,
            target=lead.target,
            deletions=deletions,
            sigma=self._settings.sigma,
            dof=self._settings.dof,
        )
        rounded = 1.0 + len(order) * float(np.finfo(np.float64).eps)
        sums: FloatArray = np.cumsum(-np.sort(-scores, axis=1), axis=1) * rounded
        return sums
