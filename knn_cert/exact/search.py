"""Searches for the largest budget: the worst case only grows with it, so the end can be closed in on.

Both searches look at many queries at once and know nothing of threats. A margin is positive where a budget is
certified and falls with the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .._types import FloatArray, WholeArray

__all__ = ["counts_near", "largest_counts", "largest_radii"]

# Budgets in rows are looked for up to here first: few predictions survive more, and rows that no worst case
# in question touches cost next to nothing.
_FIRST_COUNTS = 256

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


def largest_counts(
    margins: Callable[[WholeArray, list[WholeArray]], list[FloatArray]],
    n_queries: int,
    limit: int,
    at_once: int,
    first: Sequence[WholeArray] | None = None,
) -> WholeArray:
    """Return the largest certified number of rows of each query, -1 where 0 is not certified.

    Parameters
    ----------
    margins : callable
        Queries, and increasing numbers of rows for each of them -> their margins.
    n_queries : int
    limit : int
        No more rows than these are asked for.
    at_once : int
        How many numbers of one query are worth asking for at once.
    first : sequence of ndarray of int, optional
        Numbers to look at first, for each query.
    """
    low, high = np.full(n_queries, -1), np.full(n_queries, limit + 1)
    while (active := np.flatnonzero(high - low > 1)).size:
        counts = first
        if counts is None:
            ends = [(int(low[i]), int(high[i])) for i in active]
            counts = [_counts_between(*both, both[1] > limit, at_once) for both in ends]
        first = None
        for i, rows, found in zip(active, counts, margins(active, list(counts)), strict=True):
            # what follows the first failure is not looked at
            n_good = len(rows) if np.all(found > 0.0) else int(np.argmin(found > 0.0))
            low[i] = rows[n_good - 1] if n_good else low[i]
            high[i] = rows[n_good] if n_good < len(rows) else high[i]
    return low


def counts_near(expected: int, limit: int) -> WholeArray:
    """Return numbers of rows to look at first, increasing, if the answer is expected here."""
    steps = np.array([-1.0, -0.3, -0.1, -0.03, -0.01, 0.0, 0.01, 0.03, 0.1, 0.3])
    near = np.concatenate([expected * (1.0 + steps), [expected - 1, expected + 1]])
    return np.unique(near.round().clip(0, limit).astype(np.int64))


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


def _counts_between(low: int, high: int, open_end: bool, at_once: int) -> WholeArray:
    """Return increasing numbers to look at: over orders of magnitude while none has failed, then evenly."""
    if open_end:
        start, end = max(low + 1, 1), min(high - 1, max(_FIRST_COUNTS, 4 * low))
        n_between = min(at_once, (end // start).bit_length() + 1)
        spread = np.geomspace(start, max(end, start), max(n_between, 2)).round().astype(np.int64)
        return np.unique([low + 1, *spread.clip(low + 1, end), end])
    return np.unique(np.linspace(low + 1, high - 1, min(at_once, high - low - 1)).astype(int))
