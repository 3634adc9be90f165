"""Worst cases over an attacker who chooses where to spend a budget and what to put there.

Options are a sequence over positions, each a sequence of the pairs that he may choose from there; an empty
one cannot be changed. Where the observed data are the poisoned ones (RAB), they are the options of the
reverse relation: the words that the observed one may have been made from. Every factor makes laws easier to
tell apart, so the worst attack spends the whole budget.

What the positions of one row may come to is again a sequence of pairs, so rows are the positions of a second
round: ``worst_overlaps([worst_overlaps(row, R).pairs for row in rows], r)`` is the attacker with r rows and R
positions in each.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from .accountant import Grid
from .arguments import count
from .atoms import IDENTICAL, envelope
from .overlap import Overlap
from .rounding import product_below
from .tradeoff import TradeOff

__all__ = [
    "WorstCase",
    "worst_by_enumeration",
    "worst_by_envelopes",
    "worst_by_hull",
    "worst_by_total_variation",
    "worst_case",
    "worst_overlaps",
]

# Attacks that are looked at one by one: seconds for pairs of a few atoms.
_MOST_ATTACKS = 10_000

# Pareto-minimal overlaps that are kept for one number of changes.
_MOST_OVERLAPS = 512


@dataclass(frozen=True)
class WorstCase(TradeOff):
    """What an attacker can achieve: the worst of several pairs, for every question the one worst for it.

    Parameters
    ----------
    pairs : tuple of TradeOff
        One for each attack that may be the worst.
    tight : bool
        True: the attacker has each of these pairs, so the worst case is exact (up to rounding, with floats).
        False: a sound bound on it.
    method : str
        How it was found, for reports.
    """

    pairs: tuple[TradeOff, ...]
    tight: bool
    method: str

    @property
    def exact(self):
        """Whether every pair has Fractions."""
        return all(pair.exact for pair in self.pairs)

    def lower(self, p):
        return _least([pair.lower(p) for pair in self.pairs])

    def margin(self, p_a, p_b=None):
        # not from L and U, which may be least for different attacks
        return _least([pair.margin(p_a, p_b) for pair in self.pairs])

    @property
    def least_p_a(self):
        return max(pair.least_p_a for pair in self.pairs)

    @property
    def total_variation(self):
        return max(pair.total_variation for pair in self.pairs)

    def __mul__(self, other):
        """The worst case where the attacked data and other, independent data make up the smoothed object."""
        if not isinstance(other, TradeOff):
            return NotImplemented
        others = other if isinstance(other, WorstCase) else WorstCase((other,), True, "")
        pairs = tuple(one * two for one in self.pairs for two in others.pairs)
        method = " and ".join(filter(None, [self.method, others.method]))
        return WorstCase(pairs, self.tight and others.tight, method)

    def atoms(self):
        """One pair that dominates all of them."""
        return envelope(self.pairs)


def worst_case(options, budget, *, most=_MOST_ATTACKS, step=None):
    """The worst case by the tightest of the methods below that is affordable.

    Parameters
    ----------
    options : sequence over positions of sequences of TradeOff
        What the attacker may choose from at each position.
    budget : int >= 0
        Number of positions R that he may change.
    most : int >= 1
        Attacks that may be looked at one by one.
    step : float, optional
        Step of a `Grid` for the powers of `worst_by_hull`; None: no grid.

    Returns
    -------
    WorstCase

    Raises
    ------
    TypeError, ValueError
        If an argument is not of its kind or out of range, or a product has too many atoms without ``step``.
    """
    options, budget = _spendable(options, budget)
    if all(isinstance(pair, Overlap) for choices in options for pair in choices):
        return worst_overlaps(options, budget)
    by_position = _hulls(options)
    nested = _nested([hull for hull, _ in by_position])
    if nested is not None and all(attained for _, attained in by_position):
        return _by_envelopes(by_position, nested, budget)
    if _number_of_attacks(options, budget) <= most:
        return worst_by_enumeration(options, budget, most=most)
    if nested is not None or math.comb(len(options), budget) <= most:
        return _by_envelopes(by_position, nested, budget)
    return worst_by_hull(itertools.chain(*options), budget, step=step)


def worst_overlaps(options, budget, *, most=_MOST_OVERLAPS):
    """The worst case among overlap pairs: sorted where one order serves both overlaps, else a Pareto front.

    L decreases as either overlap does, so only Pareto-minimal products can be worst. They are built position
    by position, for each number of changes.

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
    options, budget = _spendable(options, budget)
    most = count("most", most, least=2)
    for pair in itertools.chain(*options):
        if not isinstance(pair, Overlap):
            raise TypeError(
                f"options must hold Overlap pairs; got {type(pair).__name__}. For laws with several ratios "
                "use worst_case."
            )
    if not all(pair.exact for pair in itertools.chain(*options)):
        options = [[pair.rounded() for pair in choices] for choices in options]
    fronts = [_pareto([(pair.o0, pair.o1) for pair in choices]) for choices in options]
    if all(len(front) == 1 for front in fronts):
        firsts = sorted(front[0] for front in fronts)
        if all(one[1] <= two[1] for one, two in itertools.pairwise(firsts)):
            worst = math.prod(itertools.starmap(Overlap, firsts[:budget]), start=Overlap(1, 1))
            return WorstCase((worst,), True, "sorted overlaps")

    tight = True
    # More positions of one kind than the budget pays for are as good as none.
    kinds = Counter(map(tuple, fronts))
    one = type(fronts[0][0][0])(1)
    reached = [[(one, one)], *([] for _ in range(budget))]
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


def worst_by_enumeration(options, budget, *, most=_MOST_ATTACKS):
    """The worst case by looking at every attack: exact.

    Choices that another one at the same position dominates are left out first; they are never worse.

    Parameters
    ----------
    options : sequence over positions of sequences of TradeOff
    budget : int >= 0
        Number of positions R that the attacker may change.
    most : int >= 1
        Attacks that may be looked at.

    Returns
    -------
    WorstCase

    Raises
    ------
    TypeError
        If ``budget`` is no integer.
    ValueError
        If there are more attacks than ``most``, or a number is out of range.
    """
    options, budget = _spendable(options, budget)
    options = [_undominated(choices) for choices in options]
    attacks = _number_of_attacks(options, budget)
    if attacks > most:
        raise ValueError(
            f"there are {attacks} attacks on {budget} of {len(options)} positions, more than most={most}. "
            "Use worst_by_envelopes or worst_by_hull, or raise most."
        )
    return WorstCase(tuple(_products(options, budget)), True, "enumeration")


def worst_by_envelopes(options, budget, *, most=_MOST_ATTACKS):
    """The worst case with every position's choices replaced by their envelope, which dominates them all.

    Where the envelopes are nested, the lowest are changed; else every set of positions is looked at.

    Parameters
    ----------
    options : sequence over positions of sequences of TradeOff
    budget : int >= 0
        Number of positions R that the attacker may change.
    most : int >= 1
        Sets of positions that may be looked at.

    Returns
    -------
    WorstCase
        Tight where every envelope is one of its choices.

    Raises
    ------
    TypeError
        If ``budget`` is no integer.
    ValueError
        If there are more sets of positions than ``most``, or a number is out of range.
    """
    options, budget = _spendable(options, budget)
    by_position = _hulls(options)
    nested = _nested([hull for hull, _ in by_position])
    sets = math.comb(len(options), budget)
    if nested is None and sets > most:
        raise ValueError(
            f"there are {sets} sets of {budget} of {len(options)} positions, more than most={most}, and "
            "their envelopes are not nested. Use worst_by_hull, or raise most."
        )
    return _by_envelopes(by_position, nested, budget)


def worst_by_hull(pairs, budget, *, step=None):
    """The worst case with every change replaced by one envelope of all pairs: ``hull**budget``, sound.

    For training sets: the envelope over all types of words, to the power r R, bounds every attack on r rows
    and R words in each.

    Parameters
    ----------
    pairs : iterable of TradeOff
        Every pair that one change may cause, wherever it is.
    budget : int >= 0
        Number of changes.
    step : float, optional
        Step of a `Grid` for the power. None: `Atoms`, whose number may grow with every factor.

    Returns
    -------
    WorstCase
        Not tight.

    Raises
    ------
    TypeError, ValueError
        If an argument is not of its kind or out of range, or the power has too many atoms or bins.
    """
    budget = count("budget", budget)
    pairs = _distinct(pairs)
    hull = envelope(pairs) if pairs else IDENTICAL
    if step is None:
        return WorstCase((hull**budget,), False, "envelope of all changes")
    return WorstCase((Grid.of(hull, step) ** budget,), False, f"envelope of all changes, grid of {step:g}")


def worst_by_total_variation(options, budget):
    """The worst case by total variation (SAFER): ``L(p) >= p - 1 + prod (1 - TV_i)``, R largest TV_i.

    Sound for every law, tight for pairs with equal overlaps; other laws lose much, see `worst_case`.

    Parameters
    ----------
    options : sequence over positions of sequences of TradeOff
    budget : int >= 0
        Number of positions R that the attacker may change.

    Returns
    -------
    WorstCase
        Not tight.

    Raises
    ------
    TypeError
        If ``budget`` is no integer.
    ValueError
        If it is negative.
    """
    options, budget = _spendable(options, budget)
    equal = [[_of_total_variation(pair) for pair in choices] for choices in options]
    return WorstCase(worst_overlaps(equal, budget).pairs, False, "total variation")


def _of_total_variation(pair):
    distance = pair.total_variation
    # 1 - distance is exact for floats in [1/2, 1]; below that the allowance covers it.
    common = 1 - distance if pair.exact else max(float(np.nextafter(1.0 - distance, 0.0)), 0.0)
    return Overlap(common, common)


def _spendable(options, budget):
    """The positions that can be changed, and the budget that can be spent on them."""
    options = [list(choices) for choices in options]
    options = [choices for choices in options if choices]
    return options, min(count("budget", budget), len(options))


def _least(values):
    least = values[0]
    for value in values[1:]:
        least = np.minimum(least, value)
    return least


def _number_of_attacks(options, budget):
    """Elementary symmetric polynomial of the numbers of choices: attacks on exactly ``budget`` positions."""
    numbers = [1] + [0] * budget
    for choices in options:
        for changes in range(budget, 0, -1):
            numbers[changes] += numbers[changes - 1] * len(choices)
    return numbers[budget]


def _products(options, budget, product=IDENTICAL):
    """The product of every attack on exactly ``budget`` positions, with shared beginnings multiplied once."""
    if budget == 0:
        yield product
        return
    for position in range(len(options) - budget + 1):
        for pair in options[position]:
            yield from _products(options[position + 1 :], budget - 1, product * pair)


def _undominated(choices):
    kept = []
    for pair in _distinct(choices):
        if not any(other.dominates(pair) for other in kept):
            kept = [other for other in kept if not pair.dominates(other)] + [pair]
    return kept


def _distinct(pairs):
    """The pairs as atoms, equal ones once: words of one type have equal pairs."""
    found = {}
    for pair in pairs:
        pair = pair.atoms()
        found.setdefault((pair.exact, tuple(pair.ratios), tuple(pair.masses)), pair)
    return list(found.values())


def _hulls(options):
    """For each position the envelope of its choices, and whether it is one of them."""
    hulls = []
    for choices in options:
        kept = _undominated(choices)
        hulls.append((kept[0], True) if len(kept) == 1 else (envelope(kept), False))
    return hulls


def _nested(hulls):
    """Positions from the lowest envelope to the highest if all are nested, else None."""
    order = sorted(range(len(hulls)), key=lambda i: (-hulls[i].total_variation, -hulls[i].least_p_a))
    nested = all(hulls[i].dominates(hulls[j]) for i, j in itertools.pairwise(order))
    return order if nested else None


def _by_envelopes(by_position, nested, budget):
    tight = all(attained for _, attained in by_position)
    hulls = [hull for hull, _ in by_position]
    if nested is not None:
        lowest = math.prod((hulls[i] for i in nested[:budget]), start=IDENTICAL)
        return WorstCase((lowest,), tight, "nested envelopes")
    return WorstCase(tuple(_products([[hull] for hull in hulls], budget)), tight, "envelopes of positions")


def _pareto(overlaps):
    """The (o0, o1) with no other ones that are at most as large both, by increasing o0."""
    front = []
    for o0, o1 in sorted(overlaps):
        if not front or o1 < front[-1][1]:
            front.append((o0, o1))
    return front


def _coarser(front, most):
    """At most ``most`` (o0, o1), some of which are at most as large both as any given ones of ``front``."""
    size = math.ceil(len(front) / most)
    groups = [front[i : i + size] for i in range(0, len(front), size)]
    # o0 increases along the front and o1 decreases
    return [(group[0][0], group[-1][1]) for group in groups]
