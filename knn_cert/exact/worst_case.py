"""What a threat leaves to the class of a query: its smallest probability, the budgets that it survives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from .._types import BoolArray, FloatArray, WholeArray
from ..bounds.gaussian import worst_probability
from ..certificates.issue import Bounds, wins
from ..threats import StructuredThreat
from ..threats.rows import RaceThreat, RowBudget
from ..threats.shifts import QueryShift, RowShift
from .majority import votes_needed, votes_that_can_win
from .mean_race import expected_count
from .measured import Measured, change_by_shift, lengthened, shortened
from .moved_races import MovedAttacks, MovedRequest, has_moves
from .pairs import RivalPairs
from .races import RaceRequest, evaluate_races
from .radius_search import Bracket, largest_radii, radii_below_attacks
from .scores import RivalScores
from .search import largest_counts
from .settings import VoteSettings
from .threatened import UncertainQueries
from .threatened_races import MOVED, ThreatenedRace, margins, margins_by_lists, outcomes, outcomes_by_lists

__all__ = ["SmoothedQueries"]

# Tolerance of probabilities that go into bounds whose own slack is much larger.
_ROUGH = 1e-4

# The margin of a fallback is no quantile; where it is positive, the search takes it for a small quantile.
_FALLBACK_MARGIN = 1e-3

# A query that moved farther than this many sigma and twice the farthest distance has the target's rows as
# good as infinitely far away and all others at hand: if the target still wins, the others are too few to win
# anywhere.
_EVERYWHERE = 1e6


class _Case(NamedTuple):
    """A query under a threat: within its budget or, for some numbers of rows, within each of these."""

    query: int
    threat: RaceThreat
    rows: WholeArray | None = None

    @property
    def members_are_budgets(self) -> bool:
        """True: members are different budgets. False: different attacks with the same budget."""
        return self.rows is not None


class _Untampered(NamedTuple):
    """The vote of one query as the table is: bounds, and the table shift that covers rounded distances."""

    bounds: Bounds
    table_shift: float


class SmoothedQueries(UncertainQueries):
    """Queries of the continuous smoothed classifier; their distances are rounded against the target.

    Parameters
    ----------
    settings : VoteSettings
    measured : Measured
    targets : ndarray of int, shape (n_queries,)
        The class of each query that is to win.
    found : tuple of two ndarrays of shape (n_queries, C), optional
        Probabilities without tampering, and their errors; worked out where needed if not known.
    """

    def __init__(
        self,
        settings: VoteSettings,
        measured: Measured,
        targets: WholeArray,
        *,
        found: tuple[FloatArray, FloatArray] | None = None,
    ):
        super().__init__(settings, measured, targets, found=found)
        self._settings = settings
        self._distances, self._labels = measured.distances, measured.labels
        self._widening = measured.widening
        self._farthest = measured.distances.max(axis=1, initial=0.0)
        self._sides: dict[int, tuple[FloatArray, FloatArray]] = {}
        self._balls: dict[int, float] = {}
        self._votes: dict[int, _Untampered] = {}
        self._pairs = RivalPairs(settings, measured)
        self._scores = RivalScores(settings, measured)

    def smallest_probability(self, threat: StructuredThreat) -> FloatArray:
        """Return a lower bound on each query's target probability over everything within the budget."""
        return self._worst(threat)[0]

    def _worst(self, threat: StructuredThreat) -> tuple[FloatArray, BoolArray]:
        """Return the smallest probabilities, and where the target provably loses its majority."""
        if self._is_beyond(threat):
            return np.zeros(len(self)), np.zeros(len(self), dtype=bool)
        races = [self._race(_Case(i, threat)) for i in range(len(self))]
        found = outcomes(self._settings, races, 0.0)
        lowest = np.array([float(each.lower.min()) for each in found], dtype=np.float64)
        refuted = np.array([each.refuted for each in found], dtype=bool)
        return np.maximum(lowest, self._smallest_in_the_ball(threat)), refuted

    def _smallest_in_the_ball(self, threat: RaceThreat) -> FloatArray:
        """Return what the ball of the whole table leaves to each target at least, 0 where there is none."""
        radius = threat.ball_of_table(self.n_rows)
        if radius is None or not np.isfinite(radius):
            return np.zeros(len(self))
        p_lower = np.array([float(self._untampered(i).bounds.p_lower[0]) for i in range(len(self))])
        return worst_probability(p_lower, radius, self._settings.sigma)

    def at_budget(self, threat: StructuredThreat) -> tuple[FloatArray, BoolArray]:
        """Return `smallest_probability`, and whether the target provably stays the prediction."""
        worst, refuted = self._worst(threat)
        certified = wins(worst)
        cases = [_Case(int(i), threat) for i in np.flatnonzero(~certified)]
        hopeful = [case for case in cases if not (refuted[case.query] and self._is_the_vote(case))]
        if hopeful and not self._is_beyond(threat):
            certified[[case.query for case in hopeful]] = self._margins(hopeful) > 0.0
        return worst, certified

    def largest_budget(self, threat: StructuredThreat) -> FloatArray | WholeArray:
        """Return the budget that the threat leaves open: rows, -1 without any; or a radius, NaN likewise."""
        if self._is_beyond(threat):  # whatever was done besides what is open
            return np.full(len(self), np.nan)
        if isinstance(threat, RowBudget):
            return self._largest_count(threat)
        return self._largest_radius(threat)

    def _is_beyond(self, threat: StructuredThreat) -> bool:
        return threat.is_beyond(self.n_rows, self._settings.n_neighbors)

    # ------------------------------------------------------------------------------------------- searches

    def _largest_count(self, threat: RowBudget) -> WholeArray:
        """Return the largest certified number of rows, -1 if 0 is not, for each query."""
        limit = threat.most_rows(self.n_rows, self._settings.n_neighbors)

        def margins_at(queries: WholeArray, counts: list[WholeArray]) -> list[FloatArray]:
            cases = [_Case(int(i), threat, rows) for i, rows in zip(queries, counts, strict=True)]
            return self._member_margins(cases)

        expected = [self._expected_count(i, threat, limit) for i in range(len(self))]
        return largest_counts(margins_at, expected, limit)

    def _expected_count(self, i: int, threat: RowBudget, limit: int) -> float:
        """Return about how many rows the target survives, no more than there are: few survive as many.

        With more than two classes that may be no majority, but what the scores say at least.
        """
        most = min(limit, self.n_rows)
        family = threat.worst_rows(*self._lists(i), np.array([0, most]))
        settings = self._settings
        expected = expected_count(family, self._ranks(i, threat), sigma=settings.sigma, dof=settings.dof)
        if self._settings.n_classes > 2:
            expected = max(expected, self._largest_by_scores(i, threat))
        return min(expected, most)

    def _largest_radius(self, threat: RowShift | QueryShift) -> FloatArray:
        """Return the largest certified radius, inf if any is, NaN if 0 is not, for each query."""

        def cases_at(queries: WholeArray, radii: FloatArray) -> list[_Case]:
            pairs = zip(queries.tolist(), radii.tolist(), strict=True)
            return [_Case(i, replace(threat, radius=radius)) for i, radius in pairs]

        def margins_at(queries: WholeArray, radii: FloatArray) -> FloatArray:
            return self._margins(cases_at(queries, radii))

        n, sigma = len(self), self._settings.sigma
        everywhere = _EVERYWHERE * sigma + 2.0 * self._farthest
        start = Bracket.from_zero(margins_at(np.arange(n), np.zeros(n)))
        if not (isinstance(threat, RowShift) and self._attacks_nearly_meet_bounds(threat)):
            return largest_radii(margins_at, start, sigma, everywhere)

        def request_at(k: int, radius: float) -> MovedRequest:
            request = self._race(_Case(int(standing[k]), replace(threat, radius=radius))).by_moves()
            if request is None:
                raise TypeError(f"{threat!r} does more than move rows")
            return request

        radii = np.full(n, np.nan)
        standing = np.flatnonzero(np.isfinite(start.low))

        def by_other_bounds(queries: WholeArray, tried: FloatArray) -> FloatArray:
            cases = cases_at(standing[queries], tried)
            found = margins_by_lists(self._settings, [self._race(case) for case in cases])
            return np.array([margin.min() for margin in self._or_fallbacks(cases, found)])

        attacks = MovedAttacks(self._settings, request_at, by_other_bounds)
        radii[standing] = largest_radii(
            lambda queries, tried: margins_at(standing[queries], tried),
            radii_below_attacks(attacks, start.of(standing), sigma, everywhere[standing]),
            sigma,
            everywhere[standing],
        )
        return radii

    def _attacks_nearly_meet_bounds(self, threat: RowShift) -> bool:
        """Whether an attack on the majority is one on the prediction, and nearly as strong as any."""
        moves_alone = not threat.relabel and 0 < threat.tampered_rows(self.n_rows) < self.n_rows
        return self._settings.n_classes == 2 and moves_alone and has_moves(self._settings)

    # -------------------------------------------------------------------------------------------- margins

    def _margins(self, cases: list[_Case]) -> FloatArray:
        """Return the smallest margin of each case."""
        return np.array([margins.min() for margins in self._member_margins(cases)])

    def _member_margins(self, cases: list[_Case]) -> list[FloatArray]:
        """Return a margin for each member of each case, positive if the target provably wins.

        The normal quantile of the smallest probability where one half decides, less the bound on its error;
        where that does not certify, whatever else does.
        """
        return self._or_fallbacks(cases, margins(self._settings, [self._race(case) for case in cases]))

    def _or_fallbacks(self, cases: list[_Case], found: list[FloatArray]) -> list[FloatArray]:
        for k, case in enumerate(cases):
            for fallback in self._fallback_margins(case):
                if np.any(found[k] <= 0.0):
                    # where it does not certify either, the margin stays what the search steers by
                    more = np.minimum(fallback(), _FALLBACK_MARGIN)
                    found[k] = np.where((found[k] <= 0.0) & (more > 0.0), more, found[k])
        return found

    def _fallback_margins(self, case: _Case) -> list[Callable[[], FloatArray]]:
        """Return margins that also certify where the majority alone does not."""
        ways: list[Callable[[_Case], FloatArray]] = []
        if case.threat.ball_of_table(self.n_rows) is not None:
            ways.append(self._margins_of_the_ball)
        if not self._is_the_vote(case):
            ways += [self._margins_by_scores, self._margins_untouched, self._margins_over_rivals]
            ways.append(self._margins_over_pairs)
        asked: list[Callable[[], FloatArray]] = [partial(way, case) for way in ways]
        if isinstance(case.threat, QueryShift) and case.threat.training is None:
            moved = _Case(case.query, RowShift(1.0, case.threat.radius))  # all rows, the other way
            asked += self._fallback_margins(moved)
        return asked

    def _is_the_vote(self, case: _Case) -> bool:
        """Whether the majority is the vote itself: of two classes whose ties no new label can take."""
        votes = votes_needed(int(self._targets[case.query]), self._settings.n_neighbors)
        return self._settings.n_classes == 2 and self._ranks(case.query, case.threat) == votes

    def _margins_by_scores(self, case: _Case) -> FloatArray:
        """Return positive numbers where the rows that cost most do not cost the lead over any rival."""
        if case.rows is not None:
            return np.where(case.rows <= self._largest_by_scores(case.query, case.threat), 1.0, -1.0)
        if not isinstance(case.threat, RowBudget) or not self._scores.know(case.threat):
            return np.array([-1.0])
        rows = case.threat.tampered_rows(self.n_rows)
        survives = self._scores.survives(*self._scored(case.query, case.threat), rows)
        return np.array([1.0 if survives else -1.0])

    def _largest_by_scores(self, i: int, threat: RaceThreat) -> int:
        """Return the largest number of rows that the target survives by its scores, -1 without any."""
        if not self._scores.know(threat):
            return -1
        return self._scores.largest(*self._scored(i, threat))

    def _scored(
        self, i: int, threat: RaceThreat
    ) -> tuple[int, int, RaceThreat, tuple[FloatArray, FloatArray], bool]:
        """Return what scores are asked with: query, target, threat, the untampered vote, new labels."""
        (p,), (error,) = self._probabilities_untampered(i)
        return i, int(self._targets[i]), threat, (p, error), self._brings_new_labels(threat)

    def _margins_over_pairs(self, case: _Case) -> FloatArray:
        """Return what the majority of the target leaves against each rival that may beat it."""
        if not self._pairs.know(case.threat):
            return np.array([-1.0])
        (own,) = outcomes_by_lists(self._settings, [self._race(case)], _ROUGH)
        new_labels = self._brings_new_labels(case.threat)
        target = int(self._targets[case.query])
        return self._pairs.margins(case.query, target, case.threat, case.rows, own.lower, new_labels)

    def _margins_over_rivals(self, case: _Case) -> FloatArray:
        """Return the smallest probability of the target's majority less the largest of any other class.

        A class wins at least with a majority, and at most where it has enough votes to win at all; both are
        races. The worst case for the other class is that for all rows that are not of it. Members that are no
        budgets are ways to spend one: any one of the one race with any one of the other.

        Where tampered rows may carry labels that are none of the classes, one more rival stands for all of
        them. Let any class y win, and give it all rows of other new labels, which the attacker might have
        done: with g votes before and G more now, K <= C g - (classes before y) + G, so it has the votes that
        `votes_that_can_win` asks for. What remains is a rival without rows, and the fewest votes are enough
        for one that comes first, among C + 1 classes.
        """
        i, target = case.query, self._targets[case.query]
        n_neighbors, n_classes = self._settings.n_neighbors, self._settings.n_classes
        (own,) = outcomes(self._settings, [self._race(case)], _ROUGH)
        smallest = own.lower
        largest = np.zeros(len(smallest))
        rivals = [
            (self._labels == rival, votes_that_can_win(rival, n_neighbors, n_classes))
            for rival in self._strongest_first(i)
            if rival != target
        ]
        if self._brings_new_labels(case.threat):
            no_rows = np.zeros(self.n_rows, dtype=bool)
            rivals.append((no_rows, votes_that_can_win(0, n_neighbors, n_classes + 1)))
        for is_rival, (m, m_rest) in rivals:
            lists = self._sorted(i, ~is_rival)
            race = ThreatenedRace(case.threat, case.rows, *lists, (m_rest, m), self._widening)
            (other,) = outcomes_by_lists(self._settings, [race], _ROUGH)
            if not case.members_are_budgets and other.upper.max() >= smallest.min():
                (other,) = outcomes(self._settings, [race], _ROUGH)
            largest = np.maximum(largest, other.upper if case.members_are_budgets else other.upper.max())
            if np.all(largest >= smallest.max()):
                break  # one rival is enough
        if case.members_are_budgets:
            return smallest - largest
        return np.full(len(smallest), smallest.min() - largest.max())

    def _strongest_first(self, i: int) -> list[int]:
        """Return the classes by what is known of the untampered vote: one strong rival ends the search."""
        n_classes = self._settings.n_classes
        votes = np.zeros(n_classes) if self._found is None else self._found[0][i]
        order: list[int] = np.argsort(-votes, kind="stable").tolist()
        return order

    def _margins_untouched(self, case: _Case) -> FloatArray:
        """Return the margin of the untampered vote less twice the chance that a touched row is among the K.

        Else the K nearest rows and their labels are the same before and after, and so is the vote. Replacing
        a touched row by a nearer one only makes it likelier to be among them, so the nearest rows decide.
        """
        everything = np.ones(self.n_rows, dtype=bool)
        (far, _), (_, near) = (self._sorted(case.query, which) for which in (everything, ~everything))
        family = case.threat.touched_rows(near * (1.0 - MOVED), far, case.rows)
        if family is None:
            return np.array([-1.0])
        (race,) = evaluate_races(
            self._settings, [RaceRequest(family, (1, self._settings.n_neighbors))], _ROUGH
        )
        bounds = self._untampered(case.query).bounds
        return bounds.p_lower - bounds.p_upper - 2.0 * race.upper(0)

    def _margins_of_the_ball(self, case: _Case) -> FloatArray:
        """Return what Eq. (15) of RAB leaves: few rows that move a little stay within the table's radius."""
        needed = case.threat.ball_of_table(self.n_rows)
        return np.array([-1.0 if needed is None else self._ball(case.query) - needed])

    def _ball(self, i: int) -> float:
        """Return the radius of Eq. (14), -1 where there is none."""
        if i not in self._balls:
            bounds, shift = self._untampered(i)
            self._balls[i] = self._radius_of_ball(bounds, shift, self._settings.dof)
        return self._balls[i]

    def _untampered(self, i: int) -> _Untampered:
        """Return bounds on the target, its runner-up and all others, and the shift of rounded distances."""
        if i not in self._votes:
            shift = self._widening * float(np.linalg.norm(self._distances[i]))
            more_error = change_by_shift(self._distances[i], self._widening, self._settings.sigma)
            self._votes[i] = _Untampered(self._bounds_untampered(i, more_error), shift)
        return self._votes[i]

    # -------------------------------------------------------------------------------------- rows and ranks

    def _race(self, case: _Case) -> ThreatenedRace:
        """Return the race of the target's majority."""
        ranks = self._ranks(case.query, case.threat)
        return ThreatenedRace(case.threat, case.rows, *self._lists(case.query), ranks, self._widening)

    def _ranks(self, i: int, threat: RaceThreat) -> tuple[int, int]:
        """Return m and m' of the majority of the target of a query."""
        return votes_needed(
            int(self._targets[i]),
            self._settings.n_neighbors,
            new_labels=self._brings_new_labels(threat),
        )

    def _lists(self, i: int) -> tuple[FloatArray, FloatArray]:
        """Return increasing distances of the target's rows, and of all others; kept for the next budget."""
        if i not in self._sides:
            self._sides[i] = self._sorted(i, self._labels == self._targets[i])
        return self._sides[i]

    def _sorted(self, i: int, is_to_win: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Return increasing distances of some rows and of all others.

        Rounding is taken against the rows that are to win: theirs are lengthened, all others shortened.
        """
        distances = self._distances[i]
        return (
            lengthened(np.sort(distances[is_to_win]), self._widening),
            shortened(np.sort(distances[~is_to_win]), self._widening),
        )
