"""The lower convex hull of several L: one pair that dominates them all."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TypeAlias

from .arguments import InvalidInput
from .atoms import Atoms
from .merging import exact_atoms
from .tradeoff import TradeOff

__all__ = ["envelope"]

_Point: TypeAlias = tuple[Fraction, Fraction]


def envelope(pairs: Iterable[TradeOff]) -> Atoms:
    """Return a pair that dominates every one of ``pairs``: L is the lower convex hull of theirs.

    In a product it may stand for whichever of them an attacker chooses.

    Parameters
    ----------
    pairs : sequence of TradeOff, at least one
        Pairs with atoms.

    Returns
    -------
    Atoms
        The pair, computed in rational arithmetic: exact if every pair is, else rounded down at the end.

    Raises
    ------
    ValueError
        If there is no pair.
    """
    parts = [pair.atoms() for pair in pairs]
    if not parts:
        raise InvalidInput("pairs must hold at least one pair, got none")
    lowest = {Fraction(0): Fraction(0)}
    for p, value in (vertex for part in parts for vertex in part.vertices()):
        lowest[p] = min(value, lowest.get(p, value))
    hull: list[_Point] = []
    for p, value in sorted(lowest.items()):
        while len(hull) > 1 and _bends_down(hull[-2], hull[-1], (p, value)):
            hull.pop()
        hull.append((p, value))
    # Read back: a segment is an atom, its length the P0 mass, its slope the ratio.
    steps = [(p1 - p0, v1 - v0) for (p0, v0), (p1, v1) in zip(hull[:-1], hull[1:], strict=True)]
    result = Atoms._of(*exact_atoms((rise / run, run) for run, rise in steps if rise > 0))
    return result if all(part.exact for part in parts) else result.rounded()


def _bends_down(a: _Point, b: _Point, c: _Point) -> bool:
    """Whether the point b lies on or above the line from a to c."""
    return (b[1] - a[1]) * (c[0] - a[0]) >= (c[1] - a[1]) * (b[0] - a[0])
