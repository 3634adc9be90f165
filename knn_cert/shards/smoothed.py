"""SmoothedSharded: queries of smoothed K-NN that know the nearest rows one by one and the others by sums.

The worst case of each number of rows changes the nearest rows alone (`knn_cert.threats.worst_rows`). The far
ones are in every race as they are; how far their distances may be wrong is charged to the probabilities, by
Corollary 1 of RAB.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._types import BoolArray, FloatArray, WholeArray
from ..certificates.issue import RaceBounds, wins
from ..exact.majority import votes_needed
from ..exact.mean_race import expected_count
from ..exact.measured import Measured, lengthened, shortened
from ..exact.races import RaceRequest, bounds_about_half, evaluate_races
from ..exact.search import largest_counts, margin_to_half
from ..exact.settings import VoteSettings
from ..exact.threatened import UncertainQueries
from ..exact.threatened_races import ThreatenedRace
from ..gate.errors import InvalidInput
from ..kernels.summaries import FarRows, SummaryArrays, without_near_rows
from ..threats import Insertions, StructuredThreat
from ..threats.rows import RowBudget

__all__ = ["SmoothedSharded"]


class SmoothedSharded(UncertainQueries):
    """Queries of the smoothed vote of two classes, by near rows and sums over the others.

    Parameters
    ----------
    settings : VoteSettings
    measured : Measured
        Without rows: how many there are, and how far distances may be wrong.
    targets : ndarray of int, shape (n_queries,)
    summaries : SummaryArrays
        Of list 2 i + c of query i and class c.
    far_kind : str
        What is left of far rows.
    n_needed : int
        How many near rows a list needs beside far ones.
    more_errors : sequence of float
        What probabilities of each query are off because distances of far rows were rounded.
    """

    def __init__(
        self,
        settings: VoteSettings,
        measured: Measured,
        targets: WholeArray,
        *,
        summaries: SummaryArrays,
        far_kind: str,
        n_needed: int,
        more_errors: Sequence[float],
    ):
        super().__init__(settings, measured, targets)
        self._settings, self._summaries, self._kind = settings, summaries, far_kind
        self._far = without_near_rows(summaries)
        self._n_needed, self._more_errors = n_needed, more_errors
        self.in_doubt: BoolArray = np.zeros(len(targets), dtype=bool)

    def smallest_probability(self, threat: StructuredThreat) -> FloatArray:
        """Return a lower bound on each query's target probability over everything within the budget."""
        rows = np.array([self._budget(threat).tampered_rows(self.n_rows)])
        worst = np.zeros(len(self))
        known = np.flatnonzero(self._most_known(self._budget(threat)) >= rows[0])
        requests = [self._request(int(i), self._budget(threat), rows) for i in known]
        self.in_doubt = np.ones(len(self), dtype=bool)
        for i, found in zip(known, evaluate_races(self._settings, requests, 0.0), strict=True):
            worst[i] = max(0.0, float(found.lower().min()))
            self.in_doubt[i] = bool(self._is_undecided(int(i), found).any())
        return worst

    def at_budget(self, threat: StructuredThreat) -> tuple[FloatArray, BoolArray]:
        """Return `smallest_probability`, and whether the target provably stays the prediction."""
        if threat.is_beyond(self.n_rows, self._settings.n_neighbors):
            return np.zeros(len(self)), np.zeros(len(self), dtype=bool)
        worst = self.smallest_probability(threat)
        return worst, wins(worst)

    def largest_budget(self, threat: StructuredThreat) -> FloatArray | WholeArray:
        """Return the largest certified number of rows, -1 if 0 is not, for each query."""
        rows = self._budget(threat)
        limit = rows.most_rows(self.n_rows, self._settings.n_neighbors)
        known = self._most_known(rows)
        undecided = np.full(len(self), limit + 1)  # the fewest rows at which more near ones say more

        def margins_at(queries: WholeArray, counts: list[WholeArray]) -> list[FloatArray]:
            within = [some[some <= known[i]] for i, some in zip(queries, counts, strict=True)]
            asked = [k for k, some in enumerate(within) if len(some)]
            requests = [self._request(int(queries[k]), rows, within[k]) for k in asked]
            margins = [np.full(len(some), -1.0) for some in counts]
            found = bounds_about_half(self._settings, requests, members_are_budgets=True)
            for k, bounds in zip(asked, found, strict=True):
                i = int(queries[k])
                margins[k][: len(within[k])] = margin_to_half(bounds.lower())
                more = within[k][self._is_undecided(i, bounds)]
                undecided[i] = min(undecided[i], more.min(initial=limit + 1))
            return margins

        expected = [min(self._expected(i, rows, limit), float(known[i])) for i in range(len(self))]
        found = largest_counts(margins_at, expected, limit)
        self.in_doubt = ((found >= known) | (undecided == found + 1)) & (found < limit)
        return found

    def _is_undecided(self, i: int, bounds: RaceBounds) -> BoolArray:
        """Return where the kernel cannot tell who has more than half, and with more near rows could.

        That distances of far rows were rounded stays as it is.
        """
        if np.array_equal(
            self._summaries.n_near[2 * i : 2 * i + 2], self._summaries.n_rows[2 * i : 2 * i + 2]
        ):
            return np.zeros(len(bounds.p), dtype=bool)
        from_half, rounded = np.abs(bounds.p[:, 0] - 0.5), self._more_errors[i]
        undecided: BoolArray = (from_half <= bounds.error[:, 0]) & (from_half > rounded)
        return undecided

    def _budget(self, threat: StructuredThreat) -> RowBudget:
        if not isinstance(threat, RowBudget):
            raise InvalidInput(f"{threat!r} is not certified for a table in parts with noise")
        return threat

    def _most_known(self, threat: RowBudget) -> WholeArray:
        """Return the largest numbers of rows for which the nearest rows are known, and enough of others."""
        own = 2 * np.arange(len(self)) + self._targets
        near, n_rows = self._summaries.n_near[own], self._summaries.n_rows[own]
        everything = np.full(len(self), np.iinfo(np.int64).max // 4)
        if isinstance(threat, Insertions):
            return everything
        return np.where(near == n_rows, everything, np.maximum(near - self._n_needed, -1))

    def _expected(self, i: int, threat: RowBudget, limit: int) -> float:
        """Return about how many rows the target survives; only the work depends on it."""
        a, b = self._lists(i)
        if not len(a) or not len(b):
            return 0.0
        most = min(limit, len(a) + len(b))
        family = threat.worst_rows(a, b, np.array([0, most]))
        settings = self._settings
        return min(
            expected_count(family, self._ranks(i, threat), sigma=settings.sigma, dof=settings.dof), most
        )

    def _request(self, i: int, threat: RowBudget, rows: WholeArray) -> RaceRequest:
        """Return the races of a query after so many rows were tampered with, far rows among the lists."""
        ranks = self._ranks(i, threat)
        race = ThreatenedRace(threat, rows, *self._lists(i), ranks, self._measured.widening).by_lists()
        target = int(self._targets[i])
        far = FarRows(self._far, self._kind, 2 * i + target, 2 * i + 1 - target)
        return race._replace(family=race.family._replace(far=far), more_error=self._more_errors[i])

    def _ranks(self, i: int, threat: RowBudget) -> tuple[int, int]:
        """Return m and m' of the majority of the target of a query."""
        new_labels = self._brings_new_labels(threat)
        return votes_needed(int(self._targets[i]), self._settings.n_neighbors, new_labels=new_labels)

    def _lists(self, i: int) -> tuple[FloatArray, FloatArray]:
        """Return increasing distances of the near rows of the target, and of the other class.

        Rounding is taken against the target: its distances are lengthened, the others shortened.
        """
        target, sigma = int(self._targets[i]), self._settings.sigma
        own, others = (self._summaries.increasing(2 * i + c) * sigma for c in (target, 1 - target))
        return lengthened(own, self._measured.widening), shortened(others, self._measured.widening)
