"""Worst cases over an attacker with a budget where every pair is an `Overlap`, or is replaced by one.

L of an overlap pair decreases as either overlap does, so only products that are minimal in both can be the
worst. Options are as attacker.py says.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np

from .._types import Whole
from .arguments import as_whole_number, spendable
from .overlap import Overlap
from .rounding import Number, product_below
from .tradeoff import TradeOff
from .worst_pair import WorstCase

__all__ = ["worst_by_total_variation", "worst_overlaps"]

# The overlaps (o0, o1) of pairs, increasing in o0 and decreasing in o1: none undercuts another in both.
_Front: TypeAlias = list[tuple[Number, Number]]

# Pareto-minimal products that are kept for one number of changes. Of 30 positions with 10 choices, none of
# them worse than another in both, 10 changed ones then take a second with floats, 6 with Fractions.
_MOST_OVERLAPS = 512


def worst_overlaps(
    options: Iterable[Iterable[TradeOff]], budget: Whole, *, most: Whole = _MOST_OVERLAPS
) -> WorstCase:
    """Return the worst case among overlap pairs: sorted where one order serves both, else a Pareto front.

    Pareto-minimal products are built position by position, for each number of changes.

    Parameters
    ----------
    options : sequence over positions of sequences of Overlap
    budget : int >= 0
        Number of positions R that the attacker may change.
    most : int >= 2
        Products that are kept for one number of changes. Where there are more, neighbours are replaced by the
        smaller of each overlap, which is sound and no longer tight.

    Returns
    -------
    WorstCase

    Raises
    ------
    TypeError
        If an option is no Overlap or ``budget`` no integer.
    ValueError
        If a number is out of range.
    """
    positions, budget = spendable(options, budget)
    most = as_whole_number(most, "most", least=2)
    overlaps = [[_as_overlap(pair) for pair in choices] for choices in positions]
    if not all(pair.exact for pair in itertools.chain(*overlaps)):
        overlaps = [[pair.rounded() for pair in choices] for choices in overlaps]
    fronts = [_pareto((pair.o0, pair.o1) for pair in choices) for choices in overlaps]
    if all(len(front) == 1 for front in fronts):
        firsts = sorted(front[0] for front in fronts)
        if all(one[1] <= two[1] for one, two in itertools.pairwise(firsts)):
            worst = math.prod(itertools.starmap(Overlap, firsts[:budget]), start=Overlap(1, 1))
            return WorstCase((worst,), True, "sorted overlaps")

    tight = True
    # More positions of one kind than the budget pays for are as good as none.
    kinds = Counter(map(tuple, fronts))
    one = type(fronts[0][0][0])(1)
    reached: list[_Front] = [[(one, one)], *([] for _ in range(budget))]
    for front in itertools.chain(*([kind] * min(number, budget) for kind, number in kinds.items())):
        for changes in range(budget, 0, -1):
            spent = [
                (product_below(a0, b0), product_below(a1, b1))
                for a0, a1 in reached[changes - 1]
                for b0, b1 in front
            ]
            reached[changes] = _pareto(reached[changes] + spent)
            if len(reached[changes]) > most:
                reached[changes] = _coarser(reached[changes], most)
                tight = False
    return WorstCase(tuple(itertools.starmap(Overlap, reached[budget])), tight, "Pareto-minimal overlaps")


def worst_by_total_variation(options: Iterable[Iterable[TradeOff]], budget: Whole) -> WorstCase:
    """Return the worst case by total variation (SAFER): ``L(p) >= p - 1 + prod (1 - TV_i)``, R largest TV_i.

    Sound for every law, tight for pairs with equal overlaps; other laws lose much, see `worst_case`.

    Parameters
    ----------
    options : sequence over positions of sequences of TradeOff
    budget : int >= 0
        Number of positions R that the attacker may change.

    Returns
    -------
    WorstCase
        A sound bound, not tight.

    Raises
    ------
    TypeError
        If ``budget`` is no integer.
    ValueError
        If it is negative.
    """
    positions, budget = spendable(options, budget)
    equal = [[_of_total_variation(pair) for pair in choices] for choices in positions]
    return WorstCase(worst_overlaps(equal, budget).pairs, False, "total variation")


def _as_overlap(pair: TradeOff) -> Overlap:
    if not isinstance(pair, Overlap):
        raise TypeError(
            f"options must hold Overlap pairs, got {type(pair).__name__}; for laws with several ratios use "
            "worst_case"
        )
    return pair


def _of_total_variation(pair: TradeOff) -> Overlap:
    """Return the pair of equal overlaps that has the same total variation; it dominates ``pair``."""
    distance = pair.total_variation
    # 1 - distance is exact for floats in [1/2, 1]; below that the allowance covers it.
    common = 1 - distance if pair.exact else max(float(np.nextafter(1.0 - float(distance), 0.0)), 0.0)
    return Overlap(common, common)


def _pareto(overlaps: Iterable[tuple[Number, Number]]) -> _Front:
    """Return the (o0, o1) that no others undercut or equal in both, by increasing o0."""
    front: _Front = []
    for o0, o1 in sorted(overlaps):
        if not front or o1 < front[-1][1]:
            front.append((o0, o1))
    return front


def _coarser(front: _Front, most: int) -> _Front:
    """Return at most ``most`` (o0, o1), of which some are at most as large, in both, as any of ``front``."""
    size = math.ceil(len(front) / most)
    groups = [front[i : i + size] for i in range(0, len(front), size)]
    # o0 increases along the front and o1 decreases
    return [(group[0][0], group[-1][1]) for group in groups]
