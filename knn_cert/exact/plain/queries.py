"""PlainQueries: queries of K-NN without noise, and what every threat leaves of their predictions."""

from __future__ import annotations

import numpy as np

from ..._types import BoolArray, FloatArray, WholeArray
from ...threats import BlackBoxBall, LabelFlips, QueryShift, RowShift, Threat
from ...threats.rows import RowBudget
from ..measured import Measured
from ..threatened import CertainQueries
from .settings import PlainSettings
from .standings import standing_of

__all__ = ["PlainQueries"]


class PlainQueries(CertainQueries):
    """Queries of K-NN without noise; what is certified holds in every order of rows at equal distances.

    Parameters
    ----------
    settings : PlainSettings
    measured : Measured
    targets : ndarray of int, shape (n_queries,)
        The class of each query that is to win.
    """

    def __init__(self, settings: PlainSettings, measured: Measured, targets: WholeArray):
        super().__init__(settings, measured, targets)
        self._settings = settings
        self._standing = standing_of(measured, targets, settings.n_neighbors, settings.n_classes)

    def withstands(self, threat: Threat) -> BoolArray:
        """Whether the target provably stays the prediction, for everything within the budget."""
        asked = threat.asked_budget(self.n_rows)
        return threat.withstands(self.largest_budget(threat), asked)

    def largest_budget(self, threat: Threat) -> FloatArray | WholeArray:
        """Return the budget that the threat leaves open, or leaves open without a number of its own.

        Rows, -1 where not even 0 is certified; or a radius, NaN likewise, and inf where any is survived.
        """
        if isinstance(threat, RowBudget):
            return self._most_rows(type(threat), self._brings_new_labels(threat))
        if isinstance(threat, BlackBoxBall):
            threat.check_noise(self._settings.noise.kind)
            if threat.rows is None:
                return _below(self._limit_of_ball())
            return _below(self._limit_of_moves(threat.tampered_rows(self.n_rows)))
        if isinstance(threat, QueryShift):
            return self._query_radius(threat)
        return self._row_radius(threat)

    def _row_radius(self, threat: RowShift) -> FloatArray:
        rows = threat.tampered_rows(self.n_rows)
        if threat.relabel:
            # Among flips, which need no moves, and replacements, which may move anywhere: both survive alike.
            survived = self._most_rows(LabelFlips, self._brings_new_labels(threat)) >= rows
            return np.where(survived, np.inf, np.nan)
        return _below(self._limit_of_moves(rows))

    def _most_rows(self, kind: type[RowBudget], new_labels: bool) -> WholeArray:
        """Return the largest numbers of tampered rows that change nothing, -1 where 0 are too many."""
        return self._standing.most_rows(kind, new_labels)

    def _limit_of_moves(self, rows: int) -> FloatArray:
        """Return how far so many rows can be moved each."""
        return self._standing.shift_limit(rows)

    def _limit_of_ball(self) -> FloatArray:
        """Return how far the table can be moved, in L2 norm over all rows."""
        return self._standing.ball_limit()

    def _query_radius(self, threat: QueryShift) -> FloatArray:
        if threat.is_beyond(self.n_rows, self._settings.n_neighbors):
            return np.full(len(self), np.nan)
        return _below(self._standing.query_limit(threat.training, self._brings_new_labels(threat)))


def _below(limit: FloatArray) -> FloatArray:
    """Return radii less than limits that are rounded to the nearest: NaN where no limit is above zero."""
    below = np.where(np.isposinf(limit), np.inf, np.nextafter(limit, -np.inf))
    return np.where(limit > 0.0, below, np.nan)
