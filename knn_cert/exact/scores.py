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

import numpy as np

from .._types import FloatArray, WholeArray
from ..threats.racing import RaceThreat
from .measured import Measured, change_by_shift
from .settings import VoteSettings

__all__ = ["RivalScores"]

# Beyond so many products for eight nodes a pass takes more than about half a second: for K = 5 with more than
# 20 classes for flips, 15 for deletions.
_MOST_PRODUCTS = 2e7
# Polynomials without one row take K^2 steps for each of some hundred rows.
_MOST_NEIGHBORS = 64
# Tallies and their winners are kept in bytes.
_MOST_LISTS = 127

# No row costs more than this.
_DEAREST = 2.0


class RivalScores:
    """Numbers of flipped or deleted rows that some queries survive, by what single rows cost.

    Parameters
    ----------
    settings : VoteSettings
    measured : Measured
    """

    def __init__(self, settings: VoteSettings, measured: Measured):
        self._settings, self._measured = settings, measured
        self._found: dict[tuple[int, int, str, bool], int] = {}

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
        assert threat.scored_as is not None, "`know` tells"
        key = (query, target, threat.scored_as, new_labels)
        if key not in self._found:
            self._found[key] = self._search(
                query, target, threat.scored_as == "deleted", untampered, new_labels
            )
        return self._found[key]

    def _search(
        self,
        query: int,
        target: int,
        deletions: bool,
        untampered: tuple[FloatArray, FloatArray],
        new_labels: bool,
    ) -> int:
        n_neighbors = self._settings.n_neighbors
        order = np.argsort(self._measured.distances[query], kind="stable")
        distances, labels = self._measured.distances[query][order], self._measured.labels[order]
        p, error = untampered
        if new_labels:
            labels, target = labels + 1, target + 1
            p, error = np.insert(p, 0, 0.0), np.insert(error, 0, 0.0)
        lead = (p[target] - error[target]) - (p + error) - self._slack(distances)
        lead[target] = np.inf
        if not lead.min() > 0.0:
            return -1
        # the largest gap takes so many rows
        unlimited = (n_neighbors + (4 if deletions else 2)) // 2
        cap = np.array([unlimited], dtype=np.int64)
        (sums,) = self._sums(distances, labels, target, deletions, cap, len(lead))
        survives = np.all(sums < lead[:, None], axis=0)
        largest = len(survives) if survives.all() else int(survives.argmin())
        caps = np.arange(largest + 1, unlimited)
        if len(caps):
            every = self._sums(distances, labels, target, deletions, caps, len(lead))
            for rows, sums in zip(caps.tolist(), every, strict=True):
                if rows <= sums.shape[1] and np.all(sums[:, rows - 1] < lead):
                    largest = max(largest, rows)
        return largest

    def _slack(self, distances: FloatArray) -> float:
        """Return what rounded distances may change in two probabilities and in a sum of scores.

        A sum of scores is the mean of what K + 1 rows cost, between 0 and 2 (K + 1); a mean changes by that
        range times the largest change of a probability at most.
        """
        change = change_by_shift(distances, self._measured.widening, self._settings.sigma)
        return (2.0 + _DEAREST * (self._settings.n_neighbors + 1)) * change

    def _sums(
        self,
        distances: FloatArray,
        labels: WholeArray,
        target: int,
        deletions: bool,
        caps: WholeArray,
        n_classes: int,
    ) -> list[FloatArray]:
        """Return (n_classes, n) upper bounds on the sum of the 1, 2, ... largest scores, for each cap."""
        rival_scores = self._settings.kernel.rival_scores
        assert rival_scores is not None, "`know` tells"
        scores = rival_scores(
            distances,
            labels,
            caps,
            n_classes=n_classes,
            n_neighbors=self._settings.n_neighbors,
            target=target,
            deletions=deletions,
            sigma=self._settings.sigma,
            dof=self._settings.dof,
        )
        rounded = 1.0 + len(labels) * float(np.finfo(np.float64).eps)
        return [np.cumsum(-np.sort(-of_cap, axis=1), axis=1) * rounded for of_cap in scores]
