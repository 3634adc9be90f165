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
from collections.abc import Iterable, Iterator, Sequence

from .._types import Whole
from .accountant import Grid
from .arguments import InvalidInput, as_whole_number, spendable
from .atoms import IDENTICAL, Atoms
from .hulls import envelope
from .overlap import Overlap
from .overlap_attacks import worst_overlaps
from .tradeoff import TradeOff
from .worst_pair import WorstCase

__all__ = ["worst_by_enumeration", "worst_by_envelopes", "worst_by_hull", "worst_case"]

# Attacks that are looked at one by one: seconds for pairs of a few atoms.
_MOST_ATTACKS = 10_000


def worst_case(
    options: Iterable[Iterable[TradeOff]],
    budget: Whole,
    *,
    most: Whole = _MOST_ATTACKS,
    step: float | None = None,
) -> WorstCase:
    """Return the worst case by the tightest of the methods below that is affordable.

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
    positions, budget = spendable(options, budget)
    most = as_whole_number(most, "most", least=1)
    if all(isinstance(pair, Overlap) for choices in positions for pair in choices):
        return worst_overlaps(positions, budget)
    by_position = _hulls(positions)
    nested = _nested([hull for hull, _ in by_position])
    if nested is not None and all(attained for _, attained in by_position):
        return _by_envelopes(by_position, nested, budget)
    if _number_of_attacks(positions, budget) <= most:
        return worst_by_enumeration(positions, budget, most=most)
    if nested is not None or math.comb(len(positions), budget) <= most:
        return _by_envelopes(by_position, nested, budget)
    return worst_by_hull(itertools.chain(*positions), budget, step=step)


def worst_by_enumeration(
    options: Iterable[Iterable[TradeOff]], budget: Whole, *, most: Whole = _MOST_ATTACKS
) -> WorstCase:
    """Return the worst case by looking at every attack: exact.

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
    positions, budget = spendable(options, budget)
    most = as_whole_number(most, "most", least=1)
    undominated = [_undominated(choices) for choices in positions]
    attacks = _number_of_attacks(undominated, budget)
    if attacks > most:
        raise InvalidInput(
            f"the number of attacks must be at most {most}, got {attacks} on {budget} of {len(positions)} "
            "positions; use worst_by_envelopes or worst_by_hull, or raise most"
        )
    return WorstCase(tuple(_products(undominated, budget)), True, "enumeration")


def worst_by_envelopes(
    options: Iterable[Iterable[TradeOff]], budget: Whole, *, most: Whole = _MOST_ATTACKS
) -> WorstCase:
    """Return the worst case with the choices of every position replaced by their envelope, which dominates.

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
        The worst case: tight where every envelope is one of its choices.

    Raises
    ------
    TypeError
        If ``budget`` is no integer.
    ValueError
        If there are more sets of positions than ``most``, or a number is out of range.
    """
    positions, budget = spendable(options, budget)
    most = as_whole_number(most, "most", least=1)
    by_position = _hulls(positions)
    nested = _nested([hull for hull, _ in by_position])
    sets = math.comb(len(positions), budget)
    if nested is None and sets > most:
        raise InvalidInput(
            f"the number of sets of positions must be at most {most} where envelopes are not nested, got "
            f"{sets} of {budget} of {len(positions)} positions; use worst_by_hull, or raise most"
        )
    return _by_envelopes(by_position, nested, budget)


def worst_by_hull(pairs: Iterable[TradeOff], budget: Whole, *, step: float | None = None) -> WorstCase:
    """Return the worst case with every change replaced by one envelope of all pairs: ``hull**budget``, sound.

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
        A sound bound, not tight.

    Raises
    ------
    TypeError, ValueError
        If an argument is not of its kind or out of range, or the power has too many atoms or bins.
    """
    budget = as_whole_number(budget, "budget", least=0)
    distinct = _distinct(pairs)
    hull = envelope(distinct) if distinct else IDENTICAL
    if step is None:
        return WorstCase((hull**budget,), False, "envelope of all changes")
    return WorstCase((Grid.of(hull, step) ** budget,), False, f"envelope of all changes, grid of {step:g}")


def _number_of_attacks(options: Sequence[Sequence[TradeOff]], budget: int) -> int:
    """Return the number of attacks on exactly ``budget`` positions: an elementary symmetric polynomial."""
    numbers = [1] + [0] * budget
    for choices in options:
        for changes in range(budget, 0, -1):
            numbers[changes] += numbers[changes - 1] * len(choices)
    return numbers[budget]


def _products(options: Sequence[Sequence[Atoms]], budget: int, product: Atoms = IDENTICAL) -> Iterator[Atoms]:
    """Yield the product of every attack on exactly ``budget`` positions; beginnings are shared."""
    if budget == 0:
        yield product
        return
    for position in range(len(options) - budget + 1):
        for pair in options[position]:
            yield from _products(options[position + 1 :], budget - 1, product * pair)


def _undominated(choices: Iterable[TradeOff]) -> list[Atoms]:
    """Return the choices as atoms, without those that another one dominates."""
    kept: list[Atoms] = []
    for pair in _distinct(choices):
        if not any(other.dominates(pair) for other in kept):
            kept = [other for other in kept if not pair.dominates(other)] + [pair]
    return kept


def _distinct(pairs: Iterable[TradeOff]) -> list[Atoms]:
    """Return the pairs as atoms, equal ones once: words of one type have equal pairs."""
    found: dict[tuple[object, ...], Atoms] = {}
    for pair in (pair.atoms() for pair in pairs):
        found.setdefault((pair.exact, tuple(pair.ratios), tuple(pair.masses)), pair)
    return list(found.values())


def _hulls(options: Iterable[Iterable[TradeOff]]) -> list[tuple[Atoms, bool]]:
    """Return the envelope of the choices of each position, and whether it is one of them."""
    hulls = []
    for choices in options:
        kept = _undominated(choices)
        hulls.append((kept[0], True) if len(kept) == 1 else (envelope(kept), False))
    return hulls


def _nested(hulls: Sequence[Atoms]) -> list[int] | None:
    """Return the positions from the lowest envelope to the highest if all are nested, else None."""
    order = sorted(range(len(hulls)), key=lambda i: (-hulls[i].total_variation, -hulls[i].least_p_a))
    nested = all(hulls[i].dominates(hulls[j]) for i, j in itertools.pairwise(order))
    return order if nested else None


def _by_envelopes(
    by_position: Sequence[tuple[Atoms, bool]], nested: Sequence[int] | None, budget: int
) -> WorstCase:
    """Return the worst case over envelopes by position, ``nested`` as `_nested` orders them."""
    tight = all(attained for _, attained in by_position)
    hulls = [hull for hull, _ in by_position]
    if nested is not None:
        lowest = math.prod((hulls[i] for i in nested[:budget]), start=IDENTICAL)
        return WorstCase((lowest,), tight, "nested envelopes")
    return WorstCase(tuple(_products([[hull] for hull in hulls], budget)), tight, "envelopes of positions")
