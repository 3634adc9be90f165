"""What tampering leaves to the predictions of the radius classifier, with and without noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..._types import BoolArray, FloatArray, WholeArray
from ...certificates.issue import wins
from ...gate.errors import InvalidInput
from ...threats import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
    StructuredThreat,
    Threat,
)
from ...threats.shifts import given
from ..measured import Measured
from ..radius_search import Bracket, largest_radii
from ..search import largest_count, margin_to_half
from ..threatened import CertainQueries, UncertainQueries
from .chances import Ball
from .rivals import Rival, radius_against, rounded_down, taken_by_a_row
from .settings import RadiusSettings
from .sorted_rows import SortedRows
from .within import certain_leads, count_within
from .worst_counts import Sides, WorstCase

__all__ = ["PlainRadiusQueries", "SmoothedRadiusQueries"]

# The margin where the ball certifies is no quantile; the search takes it for a small one.
_MARGIN_OF_THE_BALL = 1e-3

# Moved by so many sigma more than the radius and the farthest distance, rows are at the query or never within
# the radius: whoever survives that survives any move.
_EVERYWHERE = 100.0

# With so many times as many inserted rows as the table has, certificates are not looked for.
_MOST_INSERTED = 64


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
        super().__init__(settings, measured, targets)
        self._settings = settings
        self._leads = certain_leads(count_within(measured, settings.radius, settings.n_classes), targets)
        self._nearest, self._farthest = measured.bounds

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


class SmoothedRadiusQueries(UncertainQueries):
    """Queries of the radius classifier under noise; their distances are rounded against the target.

    The target stays the prediction while it is likelier than not that it has more votes than all others
    together; for two classes that is the vote itself. For more it is enough, too, that the chances of all
    rivals to be ahead of it leave it more than any of them has.

    Parameters
    ----------
    settings : RadiusSettings
        With noise: sigma is above 0.
    measured : Measured
    targets : ndarray of int, shape (n_queries,)
        The class of each query that is to win.
    found : tuple of two ndarrays of shape (n_queries, C), optional
        Probabilities without tampering, and their errors; worked out where needed if not known.
    """

    def __init__(
        self,
        settings: RadiusSettings,
        measured: Measured,
        targets: WholeArray,
        *,
        found: tuple[FloatArray, FloatArray] | None = None,
    ):
        super().__init__(settings, measured, targets, found=found)
        self._settings = settings
        self._nearest, self._farthest = measured.bounds
        self._sides: tuple[int, list[Sides]] = (-1, [])
        self._balls: dict[int, float] = {}

    def smallest_probability(self, threat: StructuredThreat) -> FloatArray:
        """Return a lower bound on each query's target probability over everything within the budget."""
        return self._bounds(threat)[0]

    def at_budget(self, threat: StructuredThreat) -> tuple[FloatArray, BoolArray]:
        """Return `smallest_probability`, and whether the target provably stays the prediction."""
        worst, others_upper = self._bounds(threat)
        certified = wins(worst, others_upper)
        for i in np.flatnonzero(~certified):
            certified[i] = self._is_within_the_ball(int(i), threat)
        return worst, certified

    def largest_budget(self, threat: StructuredThreat) -> FloatArray | WholeArray:
        """Return the budget that the threat leaves open: rows, -1 without any; or a radius, NaN likewise."""
        if isinstance(threat, RowShift | QueryShift):
            return self._largest_radius(threat)
        counts = [self._largest_count(i, threat) for i in range(len(self))]
        return np.array(counts, dtype=np.int64)

    def _largest_count(self, i: int, threat: LabelFlips | Deletions | Insertions | Replacements) -> int:
        limit = self.n_rows * (_MOST_INSERTED if isinstance(threat, Insertions) else 1)
        # of more than two classes the strongest rival alone is nearer to what decides than all together
        rivals = self._all_sides(i)[1:] or self._all_sides(i)
        expected = min(sides.rows_to_expect(threat, limit) for sides in rivals)

        def holds(rows: int) -> bool:
            lower, others_upper = self._bound(i, WorstCase(threat, rows), enough=0.5)
            return bool(wins(np.array(lower), others_upper))

        return largest_count(holds, limit, expected)

    def _largest_radius(self, threat: RowShift | QueryShift) -> FloatArray:
        def margins(queries: WholeArray, radii: FloatArray) -> FloatArray:
            pairs = zip(queries.tolist(), radii.tolist(), strict=True)
            return np.array([self._margin(i, threat, radius) for i, radius in pairs])

        sigma = self._settings.sigma
        everywhere = (
            2.0 * (self._farthest.max(axis=1, initial=0.0) + self._settings.radius) + _EVERYWHERE * sigma
        )
        queries = np.arange(len(self))
        start = Bracket.from_zero(margins(queries, np.zeros(len(self))))
        return largest_radii(margins, start, sigma, everywhere)

    def _margin(self, i: int, threat: RowShift | QueryShift, radius: float) -> float:
        """Return a margin that is positive where the target provably wins, and falls with the radius."""
        threat = replace(threat, radius=radius)
        lower, others_upper = self._bound(i, self._case(threat))
        margin = float(margin_to_half(0.5 + 0.5 * (lower - others_upper)))
        if margin <= 0.0 and self._is_within_the_ball(i, threat):
            return _MARGIN_OF_THE_BALL
        return margin

    def _bounds(self, threat: StructuredThreat) -> tuple[FloatArray, FloatArray]:
        case = self._case(threat)
        if case.rows > _MOST_INSERTED * self.n_rows:
            return np.zeros(len(self)), np.ones(len(self))
        lower, others_upper = np.array([self._bound(i, case) for i in range(len(self))]).reshape(-1, 2).T
        return lower, others_upper

    def _bound(self, i: int, case: WorstCase, enough: float = 1.0) -> tuple[float, float]:
        """Bound the chance of the target from below, and what it has to exceed to be the prediction.

        Another class has at most the chance to be ahead of the target, and less than half if the target has
        more. Bounds above ``enough`` are not improved.
        """
        target, n_classes = int(self._targets[i]), self._settings.n_classes
        new_labels = case.rows > 0 and case.kind is not None and self._brings_new_labels(case.kind)
        all_others, *rivals = self._all_sides(i)
        # where a class may be lost with all its rows, the lowest one may be another
        stays = self._settings.labels_are_classes or not isinstance(case.kind, Deletions)
        stays = stays or case.rows < len(all_others.own)
        lower = all_others.duel(case, wins_ties=target == 0 and stays and not new_labels).win_lower
        if n_classes == 2 or lower > enough:
            return lower, 0.5
        labels = [label for label in range(n_classes) if label != target]
        losses = [
            sides.duel(case, wins_ties=stays and label > target).loss_upper
            for label, sides in zip(labels, rivals, strict=False)
        ]
        if new_labels:
            losses.append(rivals[-1].duel(case, wins_ties=False).loss_upper)
        # one rounding an addition
        together = sum(losses) * (1.0 + n_classes * float(np.finfo(np.float64).eps))
        return max(lower, float(np.nextafter(1.0 - together, -np.inf))), min(max(losses), 0.5)

    def _all_sides(self, i: int) -> list[Sides]:
        """Return the target against all others together, each other class, and a class without rows.

        For two classes the first is all there is to it. They are kept for the next budget of the same query.
        """
        if self._sides[0] != i:
            settings, labels, target = self._settings, self._measured.labels, self._targets[i]
            ball = Ball(settings.radius, settings.sigma, settings.dof, settings.kernel)
            own = SortedRows(ball, np.sort(self._farthest[i][labels == target]), farther=True)
            order = np.argsort(self._nearest[i], kind="stable")
            near = SortedRows(ball, self._nearest[i][order], farther=False)
            rivals = [labels != target]
            if settings.n_classes > 2:
                rivals += [labels == label for label in range(settings.n_classes) if label != target]
                rivals += [np.zeros(self.n_rows, dtype=bool)]
            self._sides = (i, [Sides(own, near, is_theirs[order]) for is_theirs in rivals])
        return self._sides[1]

    def _case(self, threat: StructuredThreat) -> WorstCase:
        """Return what a threat does at worst, with the budget that it gives."""
        if isinstance(threat, QueryShift):
            of_rows = WorstCase(None, 0) if threat.training is None else self._case(threat.training)
            return of_rows._replace(query_moved=given(threat.radius))
        moved = given(threat.radius) if isinstance(threat, RowShift) else 0.0
        return WorstCase(threat, threat.tampered_rows(self.n_rows), moved)

    def _is_within_the_ball(self, i: int, threat: StructuredThreat) -> bool:
        """Whether Eq. (15) of RAB certifies: few rows that move a little stay within the table's radius."""
        needed = threat.ball_of_table(self.n_rows)
        return needed is not None and needed < self._ball(i)

    def _ball(self, i: int) -> float:
        """Return the radius of Eq. (14), -1 where there is none."""
        if i not in self._balls:
            shift = float(np.linalg.norm(self._farthest[i] - self._nearest[i]))
            self._balls[i] = self._radius_of_ball(self._bounds_untampered(i), shift, self._settings.dof)
        return self._balls[i]
