"""One pair of laws that dominates several: pairs with one ratio each, or laws on the grid of 2**-53."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ...bounds import IDENTICAL, Atoms, Overlap, envelope
from .grid import UNITS

# The pairs of one word or one text: the kinds that have powers and can be rounded.
Pair = Overlap | Atoms


def undominated(pairs: Iterable[Overlap]) -> list[Overlap]:
    """Return the overlaps of which no other is at most as large under both laws."""
    found: list[Overlap] = []
    for pair in sorted(set(pairs), key=lambda pair: (pair.o0, pair.o1)):
        if not found or pair.o1 < found[-1].o1:
            found.append(pair)
    return found


def hull_of_overlaps(pairs: Iterable[Overlap]) -> Pair:
    """Return a pair that dominates all of these, the pair of two equal laws if there are none."""
    front = undominated(pairs)
    if not front:
        return IDENTICAL
    return front[0] if len(front) == 1 else envelope(front)


def hull_of_laws(null: NDArray[np.float64], alternatives: NDArray[np.float64]) -> Atoms:
    """Return the `envelope` of the pairs of one law with several, all on the grid: computed in integers.

    The trade-off function of a pair joins the points (P0, P1) of the sets of outcomes with the smallest
    ratios, and that of the envelope is the lower convex hull of the points of all pairs.

    Parameters
    ----------
    null : ndarray of shape (m,)
    alternatives : ndarray of shape (n, m)
        Probabilities of the same outcomes; those that ``null`` cannot draw may be left out.
    """
    drawn = null > 0.0
    null, alternatives = null[drawn], alternatives[:, drawn]
    lowest = {0: 0}
    for x, y in _points(null, alternatives):
        if y < lowest.get(x, UNITS + 1):
            lowest[x] = y
    hull: list[tuple[int, int]] = []
    for x, y in sorted(lowest.items()):
        while len(hull) > 1:
            (x0, y0), (x1, y1) = hull[-2:]
            if (y1 - y0) * (x - x0) < (y - y0) * (x1 - x0):
                break
            hull.pop()
        hull.append((x, y))
    steps = [(x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in zip(hull[:-1], hull[1:], strict=True) if y1 > y0]
    return Atoms([Fraction(y, x) for x, y in steps], [Fraction(x, UNITS) for x, _ in steps]).rounded()


def _points(null: NDArray[np.float64], alternatives: NDArray[np.float64]) -> list[list[int]]:
    """Return (P0, P1), in units of 2**-53, of the first outcomes by their ratio, one pair after the other."""
    # Rounding keeps the order of quotients, so only equal ones need a second look.
    ratios = alternatives / null
    order = np.argsort(ratios, axis=1, kind="stable")
    ranked = np.take_along_axis(ratios, order, axis=1)
    for row in np.flatnonzero(((ranked[:, 1:] == ranked[:, :-1]) & (ranked[:, 1:] > 0.0)).any(axis=1)):
        order[row] = sorted(
            order[row], key=lambda z: Fraction(float(alternatives[row, z])) / Fraction(float(null[z]))
        )
    # Sums of multiples of 2**-53 up to 1 are exact.
    p0 = np.cumsum(null[order], axis=1) * UNITS
    p1 = np.cumsum(np.take_along_axis(alternatives, order, axis=1), axis=1) * UNITS
    points: list[list[int]] = np.stack([p0, p1], axis=-1).astype(np.int64).reshape(-1, 2).tolist()
    return points
