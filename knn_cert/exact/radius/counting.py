"""How many of some independent rows are within the radius: the whole law of the number, both tails of it.

The law of a sum is the product of the polynomials (outside + inside z) of its rows, taken in pairs, pairs of
pairs and so on: sums of products of positive numbers, so the relative accuracy of the rows survives in the
far tails. Numbers that are less likely than `LEAST` are left out on the way, which keeps the polynomials as
short as the law is wide.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..._types import FloatArray
from .chances import Chances

__all__ = ["LEAST", "CountLaw", "Duel", "add", "count_rows", "duel", "nothing_counted", "repeat"]

# Probabilities below this are left out: their products with one another do not underflow.
LEAST = 1e-150

_UNIT = float(np.finfo(np.float64).eps) / 2.0

# Rows are multiplied in blocks of so many at a time, all blocks at once; from there on pair by pair.
_BLOCK = 64


class CountLaw(NamedTuple):
    """P(number = first + k) = mass[k].

    Attributes
    ----------
    first : int
    mass : ndarray
        Not empty.
    doubt : float
        Bound on the error of the logarithm of every mass.
    lost : float
        Bound on the sum of all that was left out.
    """

    first: int
    mass: FloatArray
    doubt: float
    lost: float


class Duel(NamedTuple):
    """Bounds on who has more votes."""

    win_lower: float
    loss_upper: float


def nothing_counted() -> CountLaw:
    """Return the law of the number of no rows."""
    return CountLaw(0, np.ones(1), 0.0, 0.0)


def count_rows(rows: Chances) -> CountLaw:
    """Return the law of the number of rows that are within the radius.

    Rounding: a coefficient of a product of lengths l <= m is a sum of l products, so it errs by l + 1 units;
    l adds up to less than 2 n over all levels, and l + 1 to less than 3 n.
    """
    surely, never = rows.outside < LEAST, rows.inside < LEAST
    open_rows = np.flatnonzero(~(surely | never))
    first, n = int(np.count_nonzero(surely)), len(open_rows)
    left_out = (len(rows.inside) - n) * LEAST
    if n == 0:
        return CountLaw(first, np.ones(1), 0.0, left_out)
    inside, outside, doubt = rows.take(open_rows)
    # likely rows with likely ones: the law of each block is then narrow
    order = np.argsort(inside)
    factors = np.zeros((-(-n // _BLOCK) * _BLOCK, 2))
    factors[:, 0] = 1.0  # to fill the last block
    factors[:n, 0], factors[:n, 1] = outside[order], inside[order]
    laws = [_trimmed(0, block) for block in _multiplied_blocks(factors)]
    while len(laws) > 1:
        pairs = [
            _trimmed(f + g, np.convolve(one, other))
            for (f, one), (g, other) in zip(laws[::2], laws[1::2], strict=False)
        ]
        laws = pairs + laws[len(pairs) * 2 :]
    offset, mass = laws[0]
    # at each level no more than n + 1 masses of a block's law are left out
    levels = int(n).bit_length() + 1
    rounding = (3.0 * n + 3.0) * _UNIT
    return CountLaw(
        first + offset, mass, float(np.sum(doubt)) * (1.0 + n * 2.0 * _UNIT) + rounding,
        left_out + 2.0 * (n + 1) * levels * LEAST,
    )  # fmt: skip


def add(one: CountLaw, other: CountLaw) -> CountLaw:
    """Return the law of the sum of two independent numbers."""
    first, mass = _trimmed(one.first + other.first, np.convolve(one.mass, other.mass))
    n = min(len(one.mass), len(other.mass))
    return CountLaw(
        first,
        mass,
        one.doubt + other.doubt + (n + 1.0) * _UNIT,
        one.lost + other.lost + (len(one.mass) + len(other.mass)) * LEAST,
    )


def repeat(one: CountLaw, times: int) -> CountLaw:
    """Return the law of the sum of so many independent numbers of one law: by squares of squares."""
    total, square = nothing_counted(), one
    while times:
        if times % 2:
            total = add(total, square)
        times //= 2
        if times:
            square = add(square, square)
    return total


def duel(own: CountLaw, theirs: CountLaw, *, wins_ties: bool) -> Duel:
    """Bound the chance that the own number is larger, or as large if that is enough, and that it is not.

    Both are sums of products of positive numbers, and each bounds the other one too.
    """
    k = own.first + np.arange(len(own.mass)) - (0 if wins_ties else 1)  # beaten: up to so many of theirs
    below = np.concatenate([[0.0], np.cumsum(theirs.mass)])
    above = np.concatenate([np.cumsum(theirs.mass[::-1])[::-1], [0.0]])
    beaten = np.clip(k - theirs.first + 1, 0, len(theirs.mass))
    n = len(own.mass) + len(theirs.mass)
    doubt = own.doubt + theirs.doubt + (n + 3.0) * _UNIT
    lost = own.lost + theirs.lost
    win = float(np.dot(own.mass, below[beaten])) * np.exp(-doubt) - lost
    loss = float(np.dot(own.mass, above[beaten])) * np.exp(doubt) + lost
    rounding = 4.0 * _UNIT  # of the last operations
    win, loss = win * (1.0 - rounding), loss * (1.0 + rounding)
    return Duel(
        win_lower=float(np.clip(max(win, np.nextafter(1.0 - loss, -np.inf)), 0.0, 1.0)),
        loss_upper=float(np.clip(min(loss, np.nextafter(1.0 - win, np.inf)), 0.0, 1.0)),
    )


def _multiplied_blocks(factors: FloatArray) -> FloatArray:
    """Return the products of each `_BLOCK` polynomials of degree 1, one a row."""
    while factors.shape[1] <= _BLOCK:
        one, other = factors[::2], factors[1::2]
        length = one.shape[1]
        factors = np.zeros((len(one), 2 * length - 1))
        for j in range(length):
            factors[:, j : j + length] += one[:, j : j + 1] * other
        factors[factors < LEAST] = 0.0
    return factors


def _trimmed(first: int, mass: FloatArray) -> tuple[int, FloatArray]:
    """Return a law without the numbers at its ends that are too unlikely."""
    if mass[0] >= LEAST and mass[-1] >= LEAST:
        return first, mass
    likely = np.flatnonzero(mass >= LEAST)
    if len(likely) == 0:  # of many numbers that are all that unlikely, none is left out
        return first, mass
    return first + int(likely[0]), mass[likely[0] : likely[-1] + 1]
