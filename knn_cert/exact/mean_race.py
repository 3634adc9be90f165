"""Where the mean counts of a race put the largest number of tampered rows: a guess, nothing is claimed by it.

The target survives about as many rows as let it and the others arrive at the same distance when every count
of rows within a distance is taken for its mean. That is the largest certified number to within a few rows,
for a dozen looks at a few hundred groups of rows.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from .._types import FloatArray
from ..kernels.families import FamilyRows, RaceFamily

__all__ = ["expected_count"]

# The distance of both arrivals is closed in on to this much, in units of sigma, by halves; then so many times
# by a line, which counts nearly are over a distance so short.
_SHORT, _LINES = 0.1, 2

# A noisy distance is as good as certain beyond so many units of sigma: its standard deviation is at most one.
_CERTAIN = 6.0
# Rows that decide are nearer than this, in units of sigma; no square of it overflows.
_FARTHEST = 1e12
# Rows are grouped anew where that leaves no more than this share of the distances to group.
_MUCH_LESS = 0.4

# Neighbouring rows are taken together, in so many groups a list; the first and the last groups are the
# smallest, for the nearest rows decide, or those that are left.
_GROUPS = 40
_EVEN = np.linspace(0.0, 1.0, _GROUPS + 1)
_SHARES = _EVEN * _EVEN * (3.0 - 2.0 * _EVEN)
# Of so many rows none of these groups is empty; fewer are in groups of one size.
_MANY_ROWS = 8 * _GROUPS

# The median arrival of the m-th row is where the mean count is about a third of a row less than m: so it is
# for many rows that seldom arrive, and there the median of the gamma law is m - 1/3.
_LESS_THAN_RANK = 1.0 / 3.0

# What a row where there is none would add to a mean count: nothing, but it has to be divided by.
_NO_ROW = 1e-6


def expected_count(family: RaceFamily, ranks: tuple[int, int], *, sigma: float, dof: float) -> float:
    """Return about how many tampered rows the target survives; negative if not even none.

    Parameters
    ----------
    family : RaceFamily
        Two races: of the table as it is, and with the largest number in question. Rows of one of them alone
        go, or come, in the order in which they are listed; all others increase.
    ranks : tuple of int
        m and m' of the race.
    sigma, dof : float
    """
    lists = [part for side in (family.a, family.b) for part in _parts(side, sigma)]
    farthest = min(max(float(rows[-1]) for rows in lists if len(rows)), _FARTHEST)
    low, high = max(math.sqrt(dof) - _CERTAIN, 0.0), math.hypot(farthest, math.sqrt(dof)) + _CERTAIN
    groups = _Groups(lists, low, high, dof)
    at_low, at_high = groups.numbers(low, ranks), groups.numbers(high, ranks)
    lines = 0
    while lines < _LINES:
        share = 0.5
        if high - low <= _SHORT:
            lines += 1
            share = _crossing(at_low, at_high)
        between = low + share * (high - low)
        if not low < between < high:
            break
        numbers = groups.numbers(between, ranks)
        if numbers.lead < 0.0:
            low, at_low = between, numbers
        else:
            high, at_high = between, numbers
        if high - low + 2.0 * _CERTAIN < _MUCH_LESS * groups.reach:
            groups = _Groups(lists, low, high, dof)
    return at_low.may_go + _crossing(at_low, at_high) * (at_high.may_go - at_low.may_go)


class _Numbers(NamedTuple):
    """Rows that may go until the target arrives at a distance; that have to come until the others do."""

    may_go: float
    must_come: float

    @property
    def lead(self) -> float:
        """How many more may go than have to come: it increases with the distance."""
        return self.may_go - self.must_come


def _crossing(at_low: _Numbers, at_high: _Numbers) -> float:
    """Return at which share of the way between two distances the lead is about 0."""
    return min(max(-at_low.lead / max(at_high.lead - at_low.lead, _NO_ROW), 0.0), 1.0)


def _parts(rows: FamilyRows, sigma: float) -> tuple[FloatArray, FloatArray]:
    """Return rows of both races, and rows of one of them alone, in units of sigma."""
    in_both = (rows.first == 0) & (rows.end == 2)
    return rows.distances[in_both] / sigma, rows.distances[~in_both] / sigma


class _Groups:
    """Rows in groups: those that are not certain to be within, or without, all of some distances.

    Parameters
    ----------
    lists : list of four ndarray
        Rows of A that stay, those that go, rows of B that stay, those that come.
    low, high : float
        The distances.
    dof : float

    Attributes
    ----------
    reach : float
        The range of distances whose rows are in groups.
    """

    def __init__(self, lists: list[FloatArray], low: float, high: float, dof: float):
        self.reach = high - low + 2.0 * _CERTAIN
        inside = math.sqrt(max(max(low - _CERTAIN, 0.0) ** 2 - dof, 0.0))
        outside = math.sqrt(max((high + _CERTAIN) ** 2 - dof, 0.0))
        self._edges = []  # of the groups of each list, in rows from the nearest on
        nearest, farthest = [], []
        for rows in lists:
            first, end = int(rows.searchsorted(inside)), int(rows.searchsorted(outside, side="right"))
            n = end - first
            shares = _SHARES if n > _MANY_ROWS else np.linspace(0.0, 1.0, min(n, _GROUPS) + 1)
            edges = first + np.rint(n * shares).astype(np.int64)
            self._edges.append(edges)
            nearest.append(rows.take(edges[:-1], mode="clip"))
            farthest.append(rows.take(edges[1:] - 1, mode="clip"))
        self._n_rows = np.concatenate([edges[1:] - edges[:-1] for edges in self._edges])
        # where the groups of each list start among all
        self._start = np.cumsum([0, *(len(edges) - 1 for edges in self._edges)]).tolist()
        near, far = np.minimum([np.concatenate(nearest), np.concatenate(farthest)], _FARTHEST)
        # Sankaran (1963): a power h of the noisy square of a row is nearly normal; letters as there
        nonc = (0.5 * (near + far)) ** 2
        mean, spread = dof + nonc, dof + 2.0 * nonc
        h = 1.0 - 2.0 / 3.0 * mean * (mean + 2.0 * nonc) / spread**2
        p = spread / mean**2
        m = (h - 1.0) * (1.0 - 3.0 * h)
        deviation = h * np.sqrt(2.0 * p) * (1.0 + 0.5 * m * p)
        # rows spread evenly over the group add their variance to that of a noisy distance
        variance = 0.5 * spread / mean
        width = (far - near) ** 2 / 12.0 * nonc / mean
        self._per_deviation = np.sqrt(variance / (variance + width)) / deviation
        self._middle = 1.0 + h * p * (h - 1.0 - (1.0 - 0.5 * h) * m * p)
        self._h, self._mean = h, mean
        self._counts = np.zeros(len(near) + 1)

    def numbers(self, distance: float, ranks: tuple[int, int]) -> _Numbers:
        """Return the numbers at a distance."""
        z = ((distance * distance / self._mean) ** self._h - self._middle) * self._per_deviation
        np.cumsum(ndtr(z) * self._n_rows, out=self._counts[1:])
        stay_a, go, stay_b, _ = (self._mean_count(k) for k in range(4))
        may_go = self._number_for(1, stay_a + go - (ranks[0] - _LESS_THAN_RANK))
        must_come = self._number_for(3, ranks[1] - _LESS_THAN_RANK - stay_b)
        return _Numbers(may_go, must_come)

    def _mean_count(self, k: int) -> float:
        """Return the mean count of a list."""
        return float(self._edges[k][0] + self._counts[self._start[k + 1]] - self._counts[self._start[k]])

    def _number_for(self, k: int, wanted: float) -> float:
        """Return how many rows of a list have the wanted mean count; beyond its ends, of rows like the last.

        Numbers below 0 and above all rows are no answers, but without them a line through two numbers would
        have a corner where the answer is near an end.
        """
        edges = self._edges[k]
        in_full = int(edges[0])
        if 0.0 <= wanted <= in_full or (wanted < 0.0 and in_full):
            return wanted
        means = self._counts[self._start[k] : self._start[k + 1] + 1]
        if len(means) == 1:
            return in_full + (wanted - in_full) / _NO_ROW
        wanted += float(means[0]) - in_full
        after = min(max(int(means.searchsorted(wanted)), 1), len(means) - 1)
        rows, mean = float(edges[after - 1]), float(means[after - 1])
        probability = (float(means[after]) - mean) / max(float(edges[after]) - rows, 1.0)
        return rows + (wanted - mean) / max(probability, _NO_ROW)
