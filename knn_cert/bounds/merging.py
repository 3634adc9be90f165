"""Ratios and masses of atoms as two arrays: sorted, equal ratios merged, floats rounded down, tails cut.

What is rounded, and how that stays sound. An atom is a ratio r and a P0 mass m; its P1 mass is r m. With
floats, every ratio and every mass is rounded down. The mass that P0 loses counts as mass at ratio 0, the mass
that P1 loses as mass at ratio infinity. That splits an atom into several that add up to it, which makes the
laws easier to tell apart, so L can only decrease. The reverse, merging atoms of different ratios, would be
unsound: atoms are merged only where their ratios are equal, with floats after all of them were lowered to the
least.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .._types import FloatArray
from .rounding import Array, ExactArray, float_below, group_sums_below

__all__ = ["exact_atoms", "float_atoms", "floats_below", "in_tails", "without_tails"]

# Float ratios within this factor of one another are lowered to the least and merged. Products of the same
# ratios in another order differ by 2^-52 a factor, which this covers for thousands of factors. What merging
# gives away is the spread of the merged ratios: nothing to speak of for those, at most this for others.
_MERGED_WITHIN = 1.0 + 2.0**-40

# Float products of more atoms than this lose their tails: of the ratios below 1 the lowest, up to _TAIL of P0
# mass, of those above 1 the highest, up to _TAIL of P1 mass. Lost mass is sound to lose; so much is far below
# the resolution of a probability next to 1, and an n-th power keeps in the order of sqrt(n) atoms.
_MANY_ATOMS = 256
_TAIL = 2.0**-64


def exact_atoms(atoms: Iterable[tuple[Fraction, Fraction]]) -> tuple[ExactArray, ExactArray]:
    """Return the increasing ratios and the masses of atoms in Fractions; those without mass are left out."""
    merged: dict[Fraction, Fraction] = {}
    for ratio, mass in atoms:
        if mass:
            merged[ratio] = merged.get(ratio, 0) + mass
    ratios, masses = np.empty(len(merged), dtype=object), np.empty(len(merged), dtype=object)
    ratios[:] = sorted(merged)
    masses[:] = [merged[ratio] for ratio in ratios]
    return ratios, masses


def float_atoms(ratios: FloatArray, masses: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return increasing ratios and their masses; neighbouring ratios are lowered to the least of them."""
    # What underflowed is lost: to ratio 0 under P0, to ratio infinity under P1.
    kept = (ratios > 0.0) & (masses > 0.0)
    ratios, masses = ratios[kept], masses[kept]
    order = np.argsort(ratios, kind="stable")
    ratios, masses = ratios[order], masses[order]
    if not len(ratios):
        return ratios.astype(np.float64), masses.astype(np.float64)
    starts, values, start = [], ratios.tolist(), 0
    while start < len(values):
        starts.append(start)
        start = bisect_right(values, values[start] * _MERGED_WITHIN, lo=start)
    return ratios[starts], group_sums_below(masses, starts)


def floats_below(ratios: Array, masses: Array) -> tuple[FloatArray, FloatArray]:
    """Return atoms in Fractions as atoms in floats: each ratio and each mass rounded down."""
    return float_atoms(np.array([*map(float_below, ratios)]), np.array([*map(float_below, masses)]))


def in_tails(
    masses: FloatArray, alternative: FloatArray, below_one: NDArray[np.bool_], above_one: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether each atom, by increasing ratio, lies in the tails that a product loses.

    Parameters
    ----------
    masses, alternative : array (n,)
        P0 masses and P1 masses.
    below_one, above_one : array of bool (n,)
        Where the ratio is below 1, and where it is above.
    """
    low = (np.cumsum(masses) <= _TAIL) & below_one
    high = (np.cumsum(alternative[::-1])[::-1] <= _TAIL) & above_one
    return low | high


def without_tails(ratios: FloatArray, masses: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the atoms without their tails if there are many."""
    if len(ratios) <= _MANY_ATOMS:
        return ratios, masses
    # Sums are needed to a few digits only; what overflows is no tail.
    with np.errstate(over="ignore"):
        alternative = ratios * masses
    kept = ~in_tails(masses, alternative, ratios < 1.0, ratios > 1.0)
    return ratios[kept], masses[kept]
