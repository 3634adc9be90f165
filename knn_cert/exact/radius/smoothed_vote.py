"""The vote within a radius of noisy rows: the probability of every class to win it."""

from __future__ import annotations

import numpy as np

from ..._types import FloatArray, WholeArray
from ..measured import Measured
from .chances import Ball, chances_within
from .counting import CountLaw, count_rows

__all__ = ["smoothed_vote"]

_UNIT = float(np.finfo(np.float64).eps) / 2.0


def smoothed_vote(ball: Ball, measured: Measured, n_classes: int) -> tuple[FloatArray, FloatArray]:
    """Return (m, C) probabilities of the classes to win, none above 1, and bounds on their errors.

    Of the errors of the distances they know that each was divided and squared, nothing else. Where no row is
    within the radius the lowest class wins: it has as many votes as all others.
    """
    probabilities, errors = np.empty((2, len(measured), n_classes))
    for i, distances in enumerate(measured.distances):
        chances = chances_within(ball, distances)
        laws = [count_rows(chances.take(np.flatnonzero(measured.labels == c))) for c in range(n_classes)]
        p = _wins(laws)
        # a few roundings a class and a number, besides those of the laws; exp - 1, not its first order
        n_numbers = sum(len(law.mass) for law in laws)
        doubt = sum(law.doubt for law in laws) + (2.0 * n_numbers + 4.0 * n_classes) * _UNIT
        probabilities[i] = np.minimum(p, 1.0)  # a little above 1 by rounding: 1 is nearer to the truth
        with np.errstate(over="ignore", invalid="ignore"):
            errors[i] = p * np.expm1(doubt) + sum(law.lost for law in laws)
    # a NaN is 0 times infinity: nothing is known
    return probabilities, np.fmin(errors, 1.0)


def _wins(laws: list[CountLaw]) -> FloatArray:
    """Return sum_k P(N_c = k) prod_(b < c) P(N_b < k) prod_(b > c) P(N_b <= k) for every class c."""
    # with fewer votes than the least of some class nobody wins
    least = max(law.first for law in laws)
    most = max(law.first + len(law.mass) for law in laws)
    votes = np.arange(least, most)
    mass, fewer, as_many = np.zeros((3, len(laws), len(votes)))
    for c, (first, of_class, *_) in enumerate(laws):
        up_to = np.concatenate([[0.0], np.cumsum(of_class)])
        fewer[c] = up_to[np.clip(votes - first, 0, len(of_class))]
        as_many[c] = up_to[np.clip(votes - first + 1, 0, len(of_class))]
        mass[c] = _at(of_class, votes - first)
    ones = np.ones((1, len(votes)))
    before = np.cumprod(np.concatenate([ones, fewer[:-1]]), axis=0)
    after = np.cumprod(np.concatenate([ones, as_many[:0:-1]]), axis=0)[::-1]
    wins: FloatArray = np.sum(mass * before * after, axis=1)
    return wins


def _at(values: FloatArray, places: WholeArray) -> FloatArray:
    """Return the values at these places, 0 beyond the ends."""
    inside = (places >= 0) & (places < len(values))
    return np.where(inside, values[np.clip(places, 0, len(values) - 1)], 0.0)
