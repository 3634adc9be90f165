"""More than two classes: the target's majority against each rival that may beat it.

If A provably has a majority with a larger probability than any rival has of beating or equalling A, then A
wins with a larger probability than any rival does. Both worst cases are known: that of the majority is a
race, that of a rival a pair (`knn_cert.threats.worst_pairs`). As A wins unless a rival beats it, 1 - sum of
the rivals' probabilities will do in the place of the majority's, where that is larger.

New labels are one more rival, without rows and first in ties: the attacker gives rows to one of them at best.
In the sum that rival stands for all of them, as together they have no fewer votes than each.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeGuard

import numpy as np

from .._types import BoolArray, FloatArray, WholeArray
from ..certificates.issue import RaceBounds
from ..kernels.families import PairFamily, pack_pairs
from ..threats.racing import PairThreat, RaceThreat
from ..threats.worst_pairs import PairRows, Splits
from .measured import Measured, change_by_shift, lengthened, shortened
from .settings import VoteSettings
from .threatened_races import MOVED

__all__ = ["RivalPairs"]

# Absolute error of the probabilities that is enough.
_TOLERANCE = 1e-4

# A pair takes K^2 steps at each node, and at least 4 K rows of each list one by one: beyond this K only the
# races are asked.
_MOST_NEIGHBORS = 64

# All numbers of third rows are first taken together. Where that leaves the rival too much they are cut at
# these shares, for the first few third rows make most of a difference; then each part into equal ones, and
# so on.
_FIRST_SHARES = (0.0, 0.06, 0.2, 0.5, 1.0)
_SHARES = (0.25, 0.5, 0.75, 1.0)
_MOST_ROUNDS = 7

# Where there is no number to stay below, the bound is this near to what some split reaches.
_NEAR = 1.02

# Rivals with many of so many nearest rows are looked at first.
_NEAREST = 64


class _Rival(NamedTuple):
    """One rival of a query: its three lists, and what rounded distances of third rows may add."""

    rows: PairRows
    error: float


class _Range(NamedTuple):
    """Numbers of third rows in a split, both ends included."""

    first: int
    last: int

    def parts(self, shares: tuple[float, ...]) -> list[_Range]:
        """Return smaller ranges that cover this one; none of a single number."""
        n = self.last - self.first
        if n == 0:
            return []
        ends = sorted({self.first + int(share * n) for share in shares})
        return [_Range(start + 1, end) for start, end in zip([self.first - 1, *ends[:-1]], ends, strict=True)]


class RivalPairs:
    """Margins of some queries over rivals, pair by pair.

    Parameters
    ----------
    settings : VoteSettings
    measured : Measured
    """

    def __init__(self, settings: VoteSettings, measured: Measured):
        self._settings, self._measured = settings, measured

    def know(self, threat: RaceThreat) -> TypeGuard[PairThreat]:
        """Whether the threat, the kernel and K allow for pairs at all."""
        few = self._settings.n_neighbors <= _MOST_NEIGHBORS
        return few and isinstance(threat, PairThreat) and self._settings.kernel.pair_families is not None

    def margins(
        self,
        query: int,
        target: int,
        threat: PairThreat,
        counts: WholeArray | None,
        majority: FloatArray,
        new_labels: bool,
    ) -> FloatArray:
        """Return positive numbers where the target provably wins.

        Parameters
        ----------
        query, target : int
        threat : PairThreat
        counts : ndarray of int or None
            Increasing numbers of tampered rows; None for the threat's own budget.
        majority : ndarray
            Lower bounds on the probability of the target's majority, for each number or each attack.
        new_labels : bool
            Whether tampered rows may carry labels that are none of the classes.
        """
        rivals = self._rivals(query, target, new_labels)
        if counts is None:
            tampered = threat.tampered_rows(self._measured.n_rows)
            return np.full(len(majority), self._margin(rivals, threat, tampered, float(majority.min())))
        margins = np.full(len(counts), -1.0)
        for k, tampered in enumerate(counts.tolist()):
            margins[k] = self._margin(rivals, threat, tampered, float(majority[k]))
            if margins[k] <= 0.0:
                break  # more rows leave less
        return margins

    def _margin(self, rivals: list[_Rival], threat: PairThreat, tampered: int, majority: float) -> float:
        """Return the least that is left over any rival, negative if nothing is."""
        largest = 0.0
        for rival in rivals:
            largest = max(largest, self._largest(rival, threat, tampered, majority))
            if largest >= majority:
                return self._margin_without_majority(rivals, threat, tampered)
        return majority - largest

    def _margin_without_majority(self, rivals: list[_Rival], threat: PairThreat, tampered: int) -> float:
        """Return what is left over any rival where A is only known to win unless a rival beats it."""
        reached: list[float] = []
        for rival in rivals:
            reached.append(self._largest(rival, threat, tampered, 0.0))
            if math.fsum([*reached, max(reached)]) >= 1.0:
                return -1.0
        return math.nextafter(1.0 - math.fsum([*reached, max(reached)]), -math.inf)

    def _largest(self, rival: _Rival, threat: PairThreat, tampered: int, enough: float) -> float:
        """Return an upper bound on the rival's probability to beat the target, over all splits.

        Below `enough`, if the truth is; if `enough` is 0, near the truth. But for ranges that were cut too
        often; and it is 1 where one split alone reaches `enough`, or one half: A is no likelier then.
        """
        rows = rival.rows
        most = threat.most_third_rows(tampered, len(rows.third))
        least = min(most, max(0, tampered - len(rows.a) - len(rows.rival)))
        settled, reached = 0.0, 0.0
        ranges = [_Range(most, most)]  # with third rows alone, which is soon worked out, all may be lost
        for number in range(_MOST_ROUNDS):
            upper, at_first = self._evaluate(rival, threat, tampered, ranges)
            reached = max(reached, float(at_first.max()))
            if reached >= 0.5 or reached >= enough > 0.0:
                return 1.0
            is_done = upper < (enough if enough > 0.0 else _NEAR * reached + _TOLERANCE)
            settled = max(settled, float(upper.max(initial=0.0, where=is_done)))
            failed = [part for part, done in zip(ranges, is_done.tolist(), strict=True) if not done]
            shares = _FIRST_SHARES if number == 1 else _SHARES
            ranges = [smaller for part in failed for smaller in part.parts(shares)]
            if number == 0 and least < most:
                ranges.append(_Range(least, most - 1))
            if not ranges:
                return settled
        return max(settled, float(upper.max()))

    def _evaluate(
        self, rival: _Rival, threat: PairThreat, tampered: int, ranges: list[_Range]
    ) -> tuple[FloatArray, FloatArray]:
        """Return upper bounds over each range, and for the one split with the first number of each.

        Of all splits in a range none takes more rows of A and the rival than the first, nor more third rows
        than the last.
        """
        from_last = ranges[::-1]
        own = np.array([tampered - part.first for part in from_last for _ in range(2)], dtype=np.int64)
        third = np.array([number for part in from_last for number in (part.last, part.first)], dtype=np.int64)
        family = threat.worst_pairs(rival.rows, Splits(own, third))
        upper = np.minimum(self._bounds(_rounded(family)).upper(1) + rival.error, 1.0)[::-1]
        return upper[1::2], upper[::2]

    def _bounds(self, family: PairFamily) -> RaceBounds:
        """Return bounds on both outcomes of every member."""
        settings = self._settings
        pair_families = settings.kernel.pair_families
        assert pair_families is not None, "`know` tells"
        p, error = pair_families(
            *pack_pairs([family]),
            np.array([family.lead], dtype=np.int64),
            n_neighbors=settings.n_neighbors,
            sigma=settings.sigma,
            dof=settings.dof,
            tolerance=_TOLERANCE,
            n_threads=settings.n_threads,
        )
        return RaceBounds(p, error)

    def _rivals(self, query: int, target: int, new_labels: bool) -> list[_Rival]:
        """Return the rivals of a query, those that are likely to win first."""
        order = np.argsort(self._measured.distances[query], kind="stable")
        distances, labels = self._measured.distances[query][order], self._measured.labels[order]
        n_classes = self._settings.n_classes
        near = np.bincount(labels[:_NEAREST], minlength=n_classes)
        rivals = [
            self._rival(distances, labels == target, labels == rival, int(rival > target))
            for rival in np.argsort(-near, kind="stable").tolist()
            if rival != target
        ]
        if new_labels:  # without rows, and first in ties: as hard to beat as any
            rivals.insert(1, self._rival(distances, labels == target, np.zeros(len(labels), dtype=bool), 0))
        return rivals

    def _rival(self, distances: FloatArray, is_a: BoolArray, is_rival: BoolArray, lead: int) -> _Rival:
        widening = self._measured.widening
        third = distances[~(is_a | is_rival)]
        rows = PairRows(
            a=lengthened(distances[is_a], widening),
            rival=shortened(distances[is_rival], widening),
            third=third,
            given=shortened(third, widening),
            crossing=(1.0 - widening) ** 2,
            lead=lead,
        )
        return _Rival(rows, change_by_shift(third, widening, self._settings.sigma))


def _rounded(family: PairFamily) -> PairFamily:
    """Return the family with what moving rows may have rounded taken against A."""
    return family._replace(
        a=family.a._replace(distances=family.a.distances * (1.0 + MOVED)),
        rival=family.rival._replace(distances=family.rival.distances * (1.0 - MOVED)),
    )
