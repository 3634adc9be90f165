"""Pairs of draws whose experiment is itself drawn first, with the same chances under both laws, and is seen.

Where the outcome does not tell which experiment it came from, such a pair is easier to tell apart than the
true one, so it is a sound bound.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from .arguments import InvalidInput, chance, law
from .atoms import IDENTICAL, Atoms
from .merging import exact_atoms, float_atoms
from .overlap import Overlap
from .rounding import Number, float_below, product_below
from .tradeoff import TradeOff

__all__ = ["mixture", "unless_lost"]


def mixture(weights: Iterable[Number], pairs: Iterable[TradeOff]) -> Atoms:
    """Return the pair of a draw from one of several experiments, which is drawn first and seen.

    Parameters
    ----------
    weights : sequence of n numbers >= 0
        The chances of the experiments; they add up to 1 as the laws of `Atoms.from_laws` do.
    pairs : sequence of n TradeOff
        Pairs with atoms.

    Returns
    -------
    Atoms
        The pair, exact if the weights are rational and every pair is exact.

    Raises
    ------
    TypeError
        If a weight is not a number.
    ValueError
        If lengths differ or the weights are no law.
    """
    chances, exact = law(weights, "weights")
    parts = [pair.atoms() for pair in pairs]
    if len(chances) != len(parts):
        raise InvalidInput(f"weights must be one for each pair, got {len(chances)} for {len(parts)} pairs")
    if exact and all(part.exact for part in parts):
        return Atoms._of(
            *exact_atoms(
                (ratio, chance * mass)
                for chance, part in zip(chances, parts, strict=True)
                for ratio, mass in zip(part.ratios, part.masses, strict=True)
            )
        )
    floats = [part.in_floats() for part in parts]
    ratios = np.concatenate([ratios for ratios, _ in floats])
    masses = [product_below(float_below(w), masses) for w, (_, masses) in zip(chances, floats, strict=True)]
    return Atoms._of(*float_atoms(ratios, np.concatenate(masses)))


def unless_lost(loss: Number, pair: TradeOff) -> Overlap | Atoms:
    """Return the laws of a unit that is lost with probability ``loss`` under both, else drawn as ``pair``.

    The unit is a word that is masked after another law, or a training row that is dropped.

    Parameters
    ----------
    loss : number, in [0, 1]
    pair : TradeOff

    Returns
    -------
    Overlap or Atoms
        An `Overlap` where ``pair`` is one with ``o0 = o1``: its ratio is 1, as that of what is lost.

    Raises
    ------
    TypeError, ValueError
        If ``loss`` is not such a number.
    """
    lost, exact = chance(loss, "loss")
    mixed: Overlap | Atoms
    if isinstance(pair, Overlap) and pair.o0 == pair.o1:
        overlap = lost + (1 - lost) * Fraction(pair.o0)
        mixed = Overlap(overlap, overlap)
    else:
        mixed = mixture([lost, 1 - lost], [IDENTICAL, pair])
    return mixed if exact and pair.exact else mixed.rounded()
