"""Searches for the largest number of rows: the worst case only grows with it, so the end can be closed in on.

They know nothing of threats. One looks at many queries at once, by margins: a margin is positive where a
number is certified and falls with it. The other one looks at a single query and only asks whether, not by how
much.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import ndtri

from .._types import FloatArray, WholeArray

__all__ = ["LARGEST_MARGIN", "largest_count", "largest_counts", "margin_to_half"]

# Quantiles of probabilities outside of these are as good as infinite: 37 and 8 standard deviations.
_LEAST_PROBABILITY, _MOST_PROBABILITY = 1e-300, 1.0 - 1e-16

# A margin above this says only that the end is far.
LARGEST_MARGIN = 4.0

# The expected number of rows is first taken to be right within this part of it, and a row at least.
_DOUBT_OF_GUESS = 128
# With one end alone the line through two numbers near it is followed no farther than this, or that part of
# the expected number; farther by this factor each time.
_LEAST_REACH, _SHARE_OF_REACH, _GROWTH_OF_REACH = 16, 8, 4
# After so many rounds the margin is no line: numbers between the ends are cut into so many parts.
_ROUNDS_OF_LINES, _SECTIONS = 4, 5

# Without margins each step from the guess on is so many times as long, until there are two ends.
_LONGER = 4


def margin_to_half(probability: FloatArray | float) -> FloatArray:
    """Return normal quantiles of probabilities: positive above one half, and nearly a line in a budget."""
    quantile: FloatArray = ndtri(np.clip(probability, _LEAST_PROBABILITY, _MOST_PROBABILITY))
    return quantile


def largest_counts(
    margins: Callable[[WholeArray, list[WholeArray]], list[FloatArray]],
    expected: Sequence[float],
    limit: int,
) -> WholeArray:
    """Return the largest certified number of rows of each query, -1 where 0 is not certified.

    By false position: the margin, a normal quantile, is nearly a straight line in the number of rows.

    Parameters
    ----------
    margins : callable
        Queries, and increasing numbers of rows for each of them -> their margins.
    expected : sequence of float
        About where the answer of each query is; only the work depends on it.
    limit : int
        No more rows than these are asked for.
    """
    searches = [_CountSearch(guess, limit) for guess in expected]
    active = list(range(len(searches)))
    while active:
        counts = [searches[i].next_counts() for i in active]
        for i, rows, found in zip(active, counts, margins(np.array(active), counts), strict=True):
            searches[i].learn(rows, found)
        active = [i for i in active if not searches[i].is_over]
    return np.array([search.low for search in searches], dtype=np.int64)


def largest_count(holds: Callable[[int], bool], limit: int, guess: int, least: int = -1) -> int:
    """Return the largest number up to the limit for which it holds, ``least`` if for none above that.

    It ceases to hold once. A guess that is right, or one too many, takes two trials, one where that leaves
    ``least``, which is never tried. The last trial at which it does not hold is one more than the answer.
    """
    low, high = least, limit + 1
    trial, step = min(max(guess, least + 1), limit), 1
    while high - low > 1:
        if holds(trial):
            low = trial
        else:
            high = trial
        if low == least or high == limit + 1:
            trial = min(max(low + step if low > least else high - step, low + 1), high - 1)
            step *= _LONGER
        else:
            trial = (low + high) // 2
    return low


class _CountSearch:
    """The search for the largest certified number of rows of one query: what is known, and what to ask next.

    Attributes
    ----------
    low, high : int
        The largest number that was certified, or -1; the smallest that was not, or one more than the limit.
    """

    def __init__(self, expected: float, limit: int):
        self.low, self.high = -1, limit + 1
        # margins there, if they were asked for, and at a third number, an end before or beyond one
        self._at_low, self._at_high = math.nan, math.nan
        self._other, self._at_other = 0, math.nan
        self._expected = min(max(math.floor(expected), -1), limit)
        self._step = max(1, self._expected // _DOUBT_OF_GUESS)
        self._reach = max(_LEAST_REACH, self._expected // _SHARE_OF_REACH)
        self._n_rounds = 0

    @property
    def is_over(self) -> bool:
        """Whether no number is left between the two ends."""
        return self.high - self.low <= 1

    def next_counts(self) -> WholeArray:
        """Return increasing numbers between the two ends to ask for next."""
        self._n_rounds += 1
        has_both_ends = not math.isnan(self._at_low + self._at_high)
        if self._n_rounds == 1:
            wanted = [self._expected - self._step, self._expected + self._step]
            if self._step == 1:
                wanted.append(self._expected)
        elif has_both_ends and self._n_rounds > _ROUNDS_OF_LINES:
            wanted = [self.low + (self.high - self.low) * k // _SECTIONS for k in range(1, _SECTIONS)]
        else:
            last = math.floor(self._crossing() if has_both_ends else self._onward())
            wanted = [last, last + 1]
        inside = {min(max(count, self.low + 1), self.high - 1) for count in wanted}
        return np.array(sorted(inside), dtype=np.int64)

    def learn(self, counts: WholeArray, margins: FloatArray) -> None:
        """Take the margins of increasing numbers; after the first failure they only help to steer."""
        steering = np.nan_to_num(margins, nan=-np.inf).clip(-LARGEST_MARGIN, LARGEST_MARGIN).tolist()
        failed = False
        for count, margin in zip(counts.tolist(), steering, strict=True):
            if failed:
                self._other, self._at_other = count, margin
                break
            if margin > 0.0:
                self._other, self._at_other = self.low, self._at_low
                self.low, self._at_low = count, margin
            else:
                self._other, self._at_other = self.high, self._at_high
                self.high, self._at_high = count, margin
                failed = True

    def _crossing(self) -> float:
        """Return where the line between both ends crosses zero."""
        return self.low + (self.high - self.low) * self._at_low / (self._at_low - self._at_high)

    def _onward(self) -> float:
        """Return where the answer may be on the far side of the only end: along a line, not too far."""
        all_good = math.isnan(self._at_high)
        end, at_end = (self.low, self._at_low) if all_good else (self.high, self._at_high)
        slope = (self._at_other - at_end) / (self._other - end) if self._other != end else math.nan
        distance = self._reach if not slope < 0.0 else min(abs(at_end / slope), self._reach)
        self._reach *= _GROWTH_OF_REACH
        return end + distance if all_good else end - distance
