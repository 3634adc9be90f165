"""Searches for the largest radius, of many queries at once; they know nothing of threats.

A margin is positive where a radius is certified and falls with it: the end is closed in on from both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from .._types import FloatArray, WholeArray
from .search import LARGEST_MARGIN

__all__ = ["Attacks", "Bracket", "largest_radii", "radii_below_attacks"]

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
_USUAL_FALL = 3.0
# From two points on: a little beyond where the line through them crosses zero, at least 5 % farther than
# the last certified radius and at most four times as far.
_BEYOND_CROSSING, _LEAST_GROWTH, _MOST_GROWTH = 1.2, 1.05, 4.0
# The first step of a query at 0, in sigma.
_LEAST_STEP = 1e-3

# After four steps without a failure it is asked whether there is an end at all, and after eight the radius at
# least doubles. Each eighth step bisects, for interpolation can be slow on curves with a corner.
_STEPS_TO_INFINITY, _STEPS_TO_DOUBLING, _STEPS_TO_BISECTION = 4, 8, 8

# Where an attack begins to succeed is found to this relative accuracy, and what is certified is first asked
# this share below, with so many better attacks found there.
_ATTACK_ACCURACY, _BELOW_ATTACK, _MOST_ATTACKS = 1e-4, 8.5e-4, 5
# The first attack, at a guess of the radius, only has to say about where the next one is to be looked for.
_FIRST_ACCURACY = 1e-2

_Margins = Callable[[WholeArray, FloatArray], FloatArray]


class Bracket(NamedTuple):
    """What is known of the largest radius of each query.

    Attributes
    ----------
    low, at_low : ndarray
        The largest radius that is certified, infinite if every one is, NaN if 0 is not; and its margin.
    high, at_high : ndarray
        The smallest one that is not, infinite if none is known; and its margin.
    """

    low: FloatArray
    at_low: FloatArray
    high: FloatArray
    at_high: FloatArray

    @classmethod
    def from_zero(cls, at_zero: FloatArray) -> Bracket:
        """Return what the margins at radius 0 say."""
        n = len(at_zero)
        low = np.where(at_zero > 0.0, 0.0, np.nan)
        return cls(low, at_zero, np.full(n, np.inf), np.full(n, -np.inf))

    def of(self, queries: WholeArray) -> Bracket:
        """Return a copy of some queries."""
        return Bracket(*(values[queries] for values in self))

    def set(self, queries: WholeArray, radii: FloatArray, margins: FloatArray) -> None:
        """Take over what was found of some queries at radii between both ends."""
        good = margins > 0.0
        self.low[queries[good]], self.at_low[queries[good]] = radii[good], margins[good]
        self.high[queries[~good]], self.at_high[queries[~good]] = radii[~good], margins[~good]

    def open(self, sigma: float, relative_accuracy: float = _RADIUS_ACCURACY) -> WholeArray:
        """Return the queries whose ends are not close enough yet."""
        with np.errstate(invalid="ignore"):
            gap = self.high - self.low
            accuracy = relative_accuracy * np.maximum(self.low, _LEAST_RADIUS * sigma)
            return np.flatnonzero(np.isfinite(self.low) & (gap > accuracy))


class Attacks(Protocol):
    """Attacks on some queries, of which the last one on each is remembered."""

    def meet(self, queries: WholeArray, radii: FloatArray, *, bounded: bool) -> tuple[FloatArray, FloatArray]:
        """Find the best attack on each query at a radius -> margins: of the bound, and of the attack.

        That of the attack is not positive where it provably succeeds. That of the bound is the largest of all
        bounds, and only wanted if ``bounded``.
        """

    def follow(self, queries: WholeArray, radii: FloatArray) -> FloatArray:
        """Repeat the attacks at other radii -> their margins."""


def largest_radii(margins: _Margins, start: Bracket, sigma: float, everywhere: FloatArray) -> FloatArray:
    """Return the largest certified radius of each query, from below and to a relative 1e-3.

    By false position: the margin, a normal quantile, is nearly a straight line in the radius.

    Parameters
    ----------
    margins : callable
        Queries, and a radius for each of them -> their margins.
    start : Bracket
    sigma : float
    everywhere : ndarray of shape (n_queries,)
        A query that survives this radius survives any.

    Returns
    -------
    ndarray of shape (n_queries,)
        Infinite where every radius is certified, NaN where 0 is not.
    """
    return _close_in(margins, start, sigma, everywhere, _RADIUS_ACCURACY).low


def radii_below_attacks(attacks: Attacks, start: Bracket, sigma: float, everywhere: FloatArray) -> Bracket:
    """Return the bracket that a search finds which asks for bounds only just below where an attack succeeds.

    Where an attack begins to succeed is cheap to find, and bounds that are nearly met by attacks hold just
    below. Where they do not, the bracket may stay wide. Radius 0 is certified for every query.
    """
    bracket = start.of(np.arange(len(start.low)))
    active = np.arange(len(start.low))
    attacks.meet(active, np.full(len(active), sigma), bounded=False)
    for n_tried in range(_MOST_ATTACKS):
        accuracy = _ATTACK_ACCURACY if n_tried else _FIRST_ACCURACY
        found = _follow(attacks, active, bracket, sigma, everywhere[active], accuracy)
        unlimited = np.isinf(found.high)
        trial = np.where(unlimited, everywhere[active], found.high * (1.0 - _BELOW_ATTACK))
        if n_tried == 0:  # the first guess of a radius: there is mostly a better attack here
            attacks.meet(active, trial, bounded=False)
            continue
        bound, attack = attacks.meet(active, trial, bounded=True)
        bracket.high[active], bracket.at_high[active] = found.high, found.at_high
        bracket.set(active, np.where(unlimited & (bound > 0.0), np.inf, trial), bound)
        # the bound falls behind by less than it falls with the radius, as the attack does
        behind = (bound <= 0.0) & (attack > 0.0) & ~unlimited
        fall = (attack - found.at_high)[behind] / (found.high - trial)[behind]
        lower = trial[behind] + _BEYOND_CROSSING * bound[behind] / fall
        last = active[behind]
        steps = np.flatnonzero(lower > bracket.low[last])
        bracket.set(last[steps], lower[steps], attacks.meet(last[steps], lower[steps], bounded=True)[0])
        active = active[attack <= 0.0]
        if not active.size:
            break
    return bracket


def _follow(
    attacks: Attacks,
    queries: WholeArray,
    known: Bracket,
    sigma: float,
    everywhere: FloatArray,
    relative_accuracy: float,
) -> Bracket:
    """Return where the remembered attacks on some queries begin to succeed."""

    def margins(which: WholeArray, radii: FloatArray) -> FloatArray:
        return attacks.follow(queries[which], radii)

    found = _close_in(margins, known.of(queries), sigma, everywhere, relative_accuracy)
    return found._replace(high=np.where(np.isinf(found.low), np.inf, found.high))


def _close_in(
    margins: _Margins, start: Bracket, sigma: float, everywhere: FloatArray, relative_accuracy: float
) -> Bracket:
    """Return a bracket that is as narrow as that, see `largest_radii`."""
    bracket = start.of(np.arange(len(start.low)))
    low, at_low, high, at_high = bracket
    # where the end stood that was moved last
    previous, at_previous = np.full(len(low), np.nan), np.full(len(low), np.nan)
    active = bracket.open(sigma, relative_accuracy)
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
        bracket.set(active, radii, margin)
        low[low > everywhere] = np.inf
        active = np.intersect1d(active, bracket.open(sigma, relative_accuracy), assume_unique=True)
    return bracket


def _next_radii(
    low: FloatArray, high: FloatArray, at_low: FloatArray, crossing: FloatArray, sigma: float, step: int
) -> FloatArray:
    """Return the radius to try next for each query, between its ends or beyond the only one."""
    beside = _BESIDE_CROSSING * _RADIUS_ACCURACY * np.maximum(low, _LEAST_RADIUS * sigma)
    # one end only: along the line through two points, or along one as steep as most are
    first_guess = low + sigma * np.minimum(at_low, LARGEST_MARGIN) / _USUAL_FALL
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
