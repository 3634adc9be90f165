"""Searches for the largest budget: the worst case only grows with it, so the end can be closed in on.

They know nothing of threats. Two look at many queries at once, by margins: a margin is positive where a
budget is certified and falls with the budget. One looks at a single query and only asks whether, not by how
much.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import ndtri

from .._types import FloatArray, WholeArray

__all__ = ["largest_count", "largest_counts", "largest_radii", "margin_to_half"]

# Quantiles of probabilities outside of these are as good as infinite: 37 and 8 standard deviations.
_LEAST_PROBABILITY, _MOST_PROBABILITY = 1e-300, 1.0 - 1e-16

# The expected number of rows is first taken to be right within this part of it, and a row at least.
_DOUBT_OF_GUESS = 128
# With one end alone the line through two numbers near it is followed no farther than this, or that part of
# the expected number; farther by this factor each time.
_LEAST_REACH, _SHARE_OF_REACH, _GROWTH_OF_REACH = 16, 8, 4
# After so many rounds the margin is no line: numbers between the ends are cut into so many parts.
_ROUNDS_OF_LINES, _SECTIONS = 4, 5

# Without margins each step from the guess on is so many times as long, until there are two ends.
_LONGER = 4

# Radii are found to this relative accuracy, from below.
_RADIUS_ACCURACY = 1e-3

# Radii below this share of sigma are closed in on to an absolute accuracy, for they may be zero.
_LEAST_RADIUS = 1e-5

# A trial lies beside the crossing by this share of the accuracy, so that the next one, on its other side,
# ends the search.
_BESIDE_CROSSING = 0.3
# No trial is nearer to an end than this share of that distance: it would hardly move the end.
_BESIDE_END = 0.1

# While nothing has failed yet: margins of most queries fall by 3 within one sigma, and one above 4 says only
# that the end is far.
_USUAL_FALL, _LARGEST_MARGIN = 3.0, 4.0
# From two points on: a little beyond where the line through them crosses zero, at least 5 % farther than
# the last certified radius and at most four times as far.
_BEYOND_CROSSING, _LEAST_GROWTH, _MOST_GROWTH = 1.2, 1.05, 4.0
# The first step of a query at 0, in sigma.
_LEAST_STEP = 1e-3

# After four steps without a failure it is asked whether there is an end at all, and after eight the radius at
# least doubles. Each eighth step bisects, for interpolation can be slow on curves with a corner.
_STEPS_TO_INFINITY, _STEPS_TO_DOUBLING, _STEPS_TO_BISECTION = 4, 8, 8


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


def largest_radii(
    margins: Callable[[WholeArray, FloatArray], FloatArray], n_queries: int, sigma: float, everywhere: float
) -> FloatArray:
    """Return the largest certified radius of each query, from below and to a relative 1e-3.

    By false position: the margin, a normal quantile, is nearly a straight line in the radius.

    Parameters
    ----------
    margins : callable
        Queries, and a radius for each of them -> their margins.
    n_queries : int
    sigma : float
    everywhere : float
        Whoever survives this radius survives any.

    Returns
    -------
    ndarray of shape (n_queries,)
        Infinite where every radius is certified, NaN where 0 is not.
    """
    n = n_queries
    low, high = np.zeros(n), np.full(n, np.inf)
    at_low, at_high = margins(np.arange(n), low), np.full(n, -np.inf)
    low[~(at_low > 0.0)] = np.nan
    # where the end stood that was moved last
    previous, at_previous = np.full(n, np.nan), np.full(n, np.nan)
    active = np.flatnonzero(np.isfinite(low))
    step = 0
    while active.size:
        step += 1
        if step == _STEPS_TO_INFINITY:
            open_end = active[np.isinf(high[active])]
            low[open_end[margins(open_end, high[open_end]) > 0.0]] = np.inf
            active = active[np.isfinite(low[active])]
        crossing = _crossing(
            (low[active], at_low[active]),
            (high[active], at_high[active]),
            (previous[active], at_previous[active]),
        )
        radii = _next_radii(low[active], high[active], at_low[active], crossing, sigma, step)
        margin = margins(active, radii)
        for ends, at_ends, moved in ((low, at_low, margin > 0.0), (high, at_high, ~(margin > 0.0))):
            which = active[moved]
            previous[which], at_previous[which] = ends[which], at_ends[which]
            ends[which], at_ends[which] = radii[moved], margin[moved]
        low[low > everywhere] = np.inf
        active = active[np.isfinite(low[active])]
        accuracy = _RADIUS_ACCURACY * np.maximum(low[active], _LEAST_RADIUS * sigma)
        active = active[high[active] - low[active] > accuracy]
    return low


def _next_radii(
    low: FloatArray, high: FloatArray, at_low: FloatArray, crossing: FloatArray, sigma: float, step: int
) -> FloatArray:
    """Return the radius to try next for each query, between its ends or beyond the only one."""
    beside = _BESIDE_CROSSING * _RADIUS_ACCURACY * np.maximum(low, _LEAST_RADIUS * sigma)
    # one end only: along the line through two points, or along one as steep as most are
    first_guess = low + sigma * np.minimum(at_low, _LARGEST_MARGIN) / _USUAL_FALL
    along = np.clip(_BEYOND_CROSSING * crossing, _LEAST_GROWTH * low, _MOST_GROWTH * low)
    onward = np.where(np.isnan(crossing), first_guess, along)
    least = (0.0 if step < _STEPS_TO_DOUBLING else 2.0) * low + _LEAST_STEP * sigma
    onward = np.maximum(onward, least)
    # else just short of the crossing or, where that has been seen, just beyond it
    inner = np.where(crossing - beside > low + beside, crossing - beside, crossing + beside)
    inside = (inner > low + _BESIDE_END * beside) & (inner < high - _BESIDE_END * beside)
    inside &= step % _STEPS_TO_BISECTION > 0
    with np.errstate(invalid="ignore"):
        inner = np.where(inside, inner, low + 0.5 * (high - low))
    return np.where(np.isinf(high), onward, inner)


def _crossing(
    low: tuple[FloatArray, FloatArray],
    high: tuple[FloatArray, FloatArray],
    previous: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """Return where a falling curve through two points crosses zero: by inverse quadratic interpolation.

    `previous` is a third point, or NaN; with an infinite `high` it is the second. By a line where the
    parabola would leave the bracket; NaN where there are not two points.
    """
    (x0, y0), (x1, y1), (x2, y2) = low, high, previous
    with np.errstate(invalid="ignore", divide="ignore"):
        line = np.where(np.isinf(x1), x0 + (x0 - x2) * y0 / (y2 - y0), x0 + (x1 - x0) * y0 / (y0 - y1))
        parabola = (
            x0 * y1 * y2 / ((y0 - y1) * (y0 - y2))
            + x1 * y0 * y2 / ((y1 - y0) * (y1 - y2))
            + x2 * y0 * y1 / ((y2 - y0) * (y2 - y1))
        )
        return np.where((parabola > x0) & (parabola < x1), parabola, line)


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
        steering = np.nan_to_num(margins, nan=-np.inf).clip(-_LARGEST_MARGIN, _LARGEST_MARGIN).tolist()
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
