"""PlainSharded: queries of K-NN without noise that know the nearest rows of each class alone.

Rows that were not kept are as good as at infinity. That takes rows of the target away, at most, and of others
none that can vote: K of each class are kept. Two classes: a race of ranks asks for no more than K rows of the
others, and where it asks for a row of the target that was not kept, less is certified. More classes: with r
rows tampered with, the K nearest are among the K + r nearest of each class, so that what is certified up to r
= (rows that are kept) - K is what the whole table says, and more is not certified.
"""

from __future__ import annotations

import numpy as np

from .._types import BoolArray, FloatArray, WholeArray
from ..exact.majority import votes_needed
from ..exact.measured import Measured, lengthened, shortened
from ..exact.plain.queries import PlainQueries
from ..exact.plain.settings import PlainSettings
from ..threats.rows import Deletions, LabelFlips, Replacements, RowBudget

__all__ = ["PlainSharded"]


class PlainSharded(PlainQueries):
    """Queries of K-NN without noise, by the nearest rows of each class.

    Parameters
    ----------
    settings : PlainSettings
    measured : Measured
        The rows that were kept; at infinity where others have more.
    targets : ndarray of int, shape (n_queries,)
    kept : ndarray of int, shape (n_queries, C)
        How many rows of each class were kept; more than n where all were.
    """

    def __init__(self, settings: PlainSettings, measured: Measured, targets: WholeArray, kept: WholeArray):
        super().__init__(settings, measured, targets)
        self._kept = kept
        self.in_doubt: BoolArray = np.zeros(len(targets), dtype=bool)

    def _most_rows(self, kind: type[RowBudget], new_labels: bool) -> WholeArray:
        most: WholeArray = super()._most_rows(kind, new_labels)
        if self._settings.n_classes == 2:
            if kind in (LabelFlips, Replacements, Deletions):
                last_rank = self._needed() + most + 1
                self.in_doubt = (last_rank > self._own_kept) & (self._own_kept < self.n_rows)
            return most
        spare = self._kept.min(axis=1) - self._settings.n_neighbors
        self.in_doubt = most > spare
        capped: WholeArray = np.minimum(most, np.maximum(spare, -1))
        return capped

    def _limit_of_moves(self, rows: int) -> FloatArray:
        limits = super()._limit_of_moves(rows)
        beyond = rows > self._kept.min(axis=1) - self._settings.n_neighbors
        if self._settings.n_classes == 2:
            self.in_doubt = beyond & ~self._knows_all_that_matter()
            return limits
        if beyond.any():
            limits = np.where(beyond, super()._limit_of_moves(self.n_rows), limits)
        self.in_doubt = beyond & np.isfinite(limits)
        return limits

    def _limit_of_ball(self) -> FloatArray:
        self.in_doubt = ~self._knows_all_that_matter()
        return super()._limit_of_ball()

    @property
    def _own_kept(self) -> WholeArray:
        """How many rows of the target were kept."""
        kept: WholeArray = self._kept[np.arange(len(self._targets)), self._targets]
        return kept

    def _needed(self) -> WholeArray:
        """Return m of each target: of two classes."""
        by_class = [votes_needed(target, self._settings.n_neighbors)[0] for target in (0, 1)]
        return np.array(by_class)[self._targets]

    def _knows_all_that_matter(self) -> BoolArray:
        """Whether all rows of the target are kept that are nearer than the other row that decides."""
        knows = np.empty(len(self), dtype=bool)
        rest = self._settings.n_neighbors + 1 - self._needed()
        for i, target in enumerate(self._targets):
            own = self._measured.distances[i][self._measured.labels == target]
            others = np.sort(self._measured.distances[i][self._measured.labels != target])
            decides = others[rest[i] - 1 : rest[i]]
            last = np.max(own[np.isfinite(own)], initial=0.0, keepdims=True)
            widening = self._measured.widening
            beyond = np.any(shortened(last, widening) > lengthened(decides, widening))
            knows[i] = self._own_kept[i] > self.n_rows or bool(beyond)
        return knows
