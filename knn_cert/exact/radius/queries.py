"""What tampering leaves to the predictions of the radius classifier, with and without noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..._types import BoolArray, FloatArray, WholeArray
from ...gate.errors import InvalidInput
from ...threats import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
    Threat,
)
from ..measured import Measured
from ..threatened import CertainQueries
from .rivals import Rival, radius_against, rounded_down, taken_by_a_row
from .settings import RadiusSettings
from .within import certain_leads, count_within, farthest_and_nearest

__all__ = ["PlainRadiusQueries"]


class PlainRadiusQueries(CertainQueries):
    """Queries of the radius classifier without noise; rounded distances are taken against the target.

    Budgets of flips, deletions, insertions, replacements, moved rows and the ball are exact, but for
    distances too near to the radius to be told from it. Of moved queries nothing but the distances is known:
    their radii are sound.

    Parameters
    ----------
    settings : RadiusSettings
        Without noise: sigma is 0.
    measured : Measured
    targets : ndarray of int, shape (n_queries,)
        The class of each query that is to win.
    """

    def __init__(self, settings: RadiusSettings, measured: Measured, targets: WholeArray):
        super().__init__(measured, targets)
        self._settings = settings
        self._leads = certain_leads(count_within(measured, settings.radius, settings.n_classes), targets)
        self._farthest, self._nearest = farthest_and_nearest(measured)

    def withstands(self, threat: Threat) -> BoolArray:
        """Whether the target provably stays the prediction, for everything within the budget."""
        if threat.is_open:
            raise InvalidInput(f"{threat!r} leaves its budget open; give it, or ask for the largest")
        return np.asarray(self.largest_budget(threat) >= threat.asked_budget(self.n_rows))

    def largest_budget(self, threat: Threat) -> FloatArray | WholeArray:
        """Return the largest budget of the kind: rows, -1 without any; or a radius, NaN likewise.

        What the threat gives for it is not looked at.
        """
        if isinstance(threat, LabelFlips | Deletions | Insertions | Replacements):
            return self._most_rows(threat)
        if isinstance(threat, BlackBoxBall):
            threat.check_noise(self._settings.noise.kind)
        radii = [self._largest_radius(i, threat) for i in range(len(self))]
        return np.array(radii, dtype=np.float64)

    def _most_rows(self, threat: LabelFlips | Deletions | Insertions | Replacements) -> WholeArray:
        """Return the largest number of rows that takes the lead over no rival."""
        query = np.arange(len(self))
        of_rival, of_nobody = taken_by_a_row(threat)
        most: WholeArray = (self._leads - 1) // of_rival
        over_nobody = self._leads[query, self._targets]
        most[query, self._targets] = (over_nobody - 1) // of_nobody if of_nobody else self.n_rows
        if self._brings_new_labels(threat):
            most[query, self._targets] = (over_nobody - 1) // of_rival
        wins = self._leads.min(axis=1) >= 1
        return np.where(wins, np.minimum(most.min(axis=1), self.n_rows), -1)

    def _largest_radius(self, i: int, threat: BlackBoxBall | RowShift | QueryShift) -> float:
        if self._leads[i].min() < 1:
            return np.nan
        radius = min(radius_against(rival, threat, self.n_rows) for rival in self._rivals(i, threat))
        return radius if radius >= 0.0 else np.nan

    def _rivals(self, i: int, threat: Threat) -> Iterator[Rival]:
        """Yield the rivals of a target: all other classes, the empty vote, a class that nobody has seen."""
        radius, labels, target = self._settings.radius, self._measured.labels, self._targets[i]
        own, nobody = self._farthest[i][labels == target], np.empty(0)
        leaving = rounded_down(radius - own[own <= radius])
        for label, lead in enumerate(self._leads[i].tolist()):
            theirs = self._nearest[i][labels == label] if label != target else nobody
            entering = rounded_down(theirs[theirs > radius] - radius)
            yield Rival(lead, gains=label != target, leaving=leaving, entering=entering)
        if self._brings_new_labels(threat):
            yield Rival(int(self._leads[i, target]), gains=True, leaving=leaving, entering=nobody)

    def _brings_new_labels(self, threat: Threat) -> bool:
        """Whether tampered rows may carry labels that are none of the classes."""
        return threat.relabels and not self._settings.labels_are_classes
