"""Noise with one likelihood ratio on the common support: one changed unit of each scheme, as `Overlap`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

from .._types import Whole
from .arguments import InvalidInput, as_whole_number, chance, rationals
from .mixing import unless_lost
from .overlap import Overlap
from .rounding import Number, float_below, power_below
from .tradeoff import largest_certified

__all__ = [
    "box_noise",
    "deletion",
    "fixed_keep",
    "largest_fixed_keep_budget",
    "mask_or_synonym",
    "masking",
    "row_dropping",
    "uniform_sets",
]


def uniform_sets(size_observed: Whole, size_other: Whole, common: Whole) -> Overlap:
    """Return the laws of a word drawn uniformly from its set (SAFER), for one word replaced by another.

    Parameters
    ----------
    size_observed, size_other : int >= 1
        Sizes of the sets S of the observed word and S' of the other one.
    common : int >= 0
        Size of their intersection.

    Returns
    -------
    Overlap
        ``(common / size_observed, common / size_other)``, exact.

    Raises
    ------
    TypeError
        If an argument is not an integer.
    ValueError
        If a size is less than 1, or the intersection larger than a set.
    """
    observed = as_whole_number(size_observed, "size_observed", least=1)
    other = as_whole_number(size_other, "size_other", least=1)
    common = as_whole_number(common, "common", least=0)
    if common > min(observed, other):
        raise InvalidInput(
            f"common must be at most the size of either set, got {common} of {observed} and {other}"
        )
    return Overlap(Fraction(common, observed), Fraction(common, other))


def masking(rho: Number, substituted: Whole = 1) -> Overlap:
    """Return the laws of words masked with probability ``rho`` each (RanMASK), for some words replaced.

    Parameters
    ----------
    rho : number, in [0, 1]
        Probability that a word is masked.
    substituted : int >= 0
        Number of words replaced; the number of words stays. Texts of different lengths have nothing in common
        under masking: ``Overlap(0, 0)``.

    Returns
    -------
    Overlap
        ``rho**substituted`` for both laws.

    Raises
    ------
    TypeError, ValueError
        If an argument is not such a number.
    """
    return _thinning(rho, "rho", substituted=substituted)


def fixed_keep(length: Whole, keep: Whole, substituted: Whole) -> Overlap:
    """Return the laws of a text of which exactly ``keep`` words are kept (RanMASK), for some words replaced.

    Parameters
    ----------
    length : int >= 1
        Number of words of the text.
    keep : int >= 0
        Number of words that are not masked, at most ``length``.
    substituted : int >= 0
        Number of words replaced in the whole text, at most ``length``: words are not masked independently, so
        the pairs of single words do not multiply.

    Returns
    -------
    Overlap
        ``C(length - substituted, keep) / C(length, keep)`` for both laws, exact.

    Raises
    ------
    TypeError
        If an argument is not an integer.
    ValueError
        If an argument is out of range.
    """
    length = as_whole_number(length, "length", least=1)
    keep = as_whole_number(keep, "keep", least=0)
    substituted = as_whole_number(substituted, "substituted", least=0)
    if max(keep, substituted) > length:
        raise InvalidInput(
            f"keep and substituted must be at most length, {length}, got {keep} and {substituted}"
        )
    overlap = Fraction(math.comb(length - substituted, keep), math.comb(length, keep))
    return Overlap(overlap, overlap)


def largest_fixed_keep_budget(length: Whole, keep: Whole, p_a: Number, p_b: Number | None = None) -> int:
    """Return the largest number of replaced words that `fixed_keep` certifies.

    Parameters
    ----------
    length, keep : int
        As in `fixed_keep`.
    p_a, p_b : number, in [0, 1]
        As in `TradeOff.margin`.

    Returns
    -------
    int
        At most ``length``; -1 if ``p_a <= p_b``.

    Raises
    ------
    TypeError, ValueError
        As `fixed_keep` and `TradeOff.lower`.
    """
    length = as_whole_number(length, "length", least=1)
    return largest_certified(lambda budget: fixed_keep(length, keep, budget), p_a, p_b, most=length)


def mask_or_synonym(rho: Number, size: Whole, common: Whole) -> Overlap:
    """Return the laws of a word masked with probability ``rho``, else replaced by one of its synonyms.

    Parameters
    ----------
    rho : number, in [0, 1]
        Probability that a word is masked.
    size : int >= 1
        Number of synonyms of the observed word, and of the other one: with different numbers the likelihood
        ratio takes two values, and the pair is the `mixture` of ``Overlap(1, 1)`` and `uniform_sets`.
    common : int >= 0
        Number of synonyms that the observed word and the one in its place have in common; 0 for a word from
        outside its set.

    Returns
    -------
    Overlap
        ``rho + (1 - rho) common / size`` for both laws.

    Raises
    ------
    TypeError, ValueError
        If an argument is not such a number.
    """
    pair = unless_lost(rho, uniform_sets(size, size, common))
    assert isinstance(pair, Overlap)  # for sets of one size o0 = o1
    return pair


def deletion(
    p: Number, *, only_observed: Whole = 0, only_other: Whole = 0, substituted: Whole = 0
) -> Overlap:
    """Return the laws of tokens deleted with probability ``p`` each (RS-Del), for two texts that differ.

    Count against a longest common subsequence of the two texts. An attacker who inserted tokens into the
    observed, poisoned text: ``only_observed`` (the direction of RAB). One who will insert tokens into the
    observed, clean text: ``only_other``.

    Parameters
    ----------
    p : number, in [0, 1]
        Probability that a token is deleted.
    only_observed : int >= 0
        Tokens of the observed text that are missing from the other one.
    only_other : int >= 0
        Tokens of the other text that are missing from the observed one.
    substituted : int >= 0
        Tokens replaced by others: one more of each.

    Returns
    -------
    Overlap
        ``(p**(only_observed + substituted), p**(only_other + substituted))``: the pair itself where all
        tokens differ, else one that dominates it.

    Raises
    ------
    TypeError, ValueError
        If an argument is not such a number.
    """
    return _thinning(p, "p", only_observed=only_observed, only_other=only_other, substituted=substituted)


def row_dropping(
    pi: Number, *, only_observed: Whole = 0, only_other: Whole = 0, modified: Whole = 0
) -> Overlap:
    """Return the laws of training rows dropped with probability ``pi`` each, for two sets that differ.

    Parameters
    ----------
    pi : number, in [0, 1]
        Probability that a row is dropped.
    only_observed : int >= 0
        Rows of the observed set that the other one lacks: poisoned rows, if the guarantee is about the set
        without them.
    only_other : int >= 0
        Rows of the other set that the observed one lacks.
    modified : int >= 0
        Rows changed in any way, labels included: one more of each.

    Returns
    -------
    Overlap
        ``(pi**(only_observed + modified), pi**(only_other + modified))``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not such a number.
    """
    return _thinning(pi, "pi", only_observed=only_observed, only_other=only_other, modified=modified)


def box_noise(deltas: Iterable[Number], width: Number) -> Overlap:
    """Return the laws of uniform noise on a box, for one shift: Corollary 2 of RAB; see `uniform_certified`.

    Parameters
    ----------
    deltas : sequence of numbers
        The shift of each feature.
    width : number > 0
        Length of the noise interval of each feature, in the units of ``deltas``.

    Returns
    -------
    Overlap
        ``prod_j (1 - |delta_j| / width)_+`` for both laws; exact if all arguments are rational.

    Raises
    ------
    TypeError
        If a value is not a number.
    ValueError
        If a value is not finite or ``width`` not positive.
    """
    (length, *shifts), exact = rationals(width, *deltas)
    if length <= 0:
        raise InvalidInput(f"width must be positive, got {float(length)!r}")
    shares = (max(1 - abs(shift) / length, Fraction(0)) for shift in shifts if shift)
    overlap = Overlap(1, 1) if exact else Overlap(1.0, 1.0)
    for share in shares:
        overlap = overlap * (Overlap(share, share) if exact else Overlap(share, share).rounded())
    return overlap


def _thinning(
    loss: Number,
    name: str,
    *,
    only_observed: Whole = 0,
    only_other: Whole = 0,
    **both: Whole,
) -> Overlap:
    """Return the laws of units lost independently: what only one law has must be lost for them to agree.

    Units of ``both`` are replaced by others: each law has one that the other lacks.
    """
    p, exact = chance(loss, name)
    observed = as_whole_number(only_observed, "only_observed", least=0)
    other = as_whole_number(only_other, "only_other", least=0)
    shared = sum(as_whole_number(number, unit, least=0) for unit, number in both.items())
    unit_lost = p if exact else float_below(p)
    return Overlap(power_below(unit_lost, observed + shared), power_below(unit_lost, other + shared))
