"""Words of a query exchanged for synonyms: the worst pair of laws that R of them make; the largest R."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from ..bounds import (
    IDENTICAL,
    Grid,
    Overlap,
    TradeOff,
    envelope,
    largest_certified,
    worst_by_enumeration,
    worst_by_total_variation,
    worst_overlaps,
)
from .substitution import SubstitutionLaw
from .substitution.hull import Pair

__all__ = ["Swaps", "largest_word_budget"]

# Sets of words that are looked at one by one for one query, and atoms of a product there: some 50 ms.
_MOST_SETS = 500
_MOST_ATOMS = 4096

# Log-ratios of products with more atoms than that are put on a grid of this step: each factor then costs less
# than one part in a hundred of its ratio.
_STEP = 2.0**-7

# Margins of products of floats differ from the exact ones by far less.
_UNDECIDED = 1e-9

# A bound on a probability.
Probability = float | Fraction


class Swaps:
    """What exchanged words of a query can do, under a law on words and with tampered training texts besides.

    Parameters
    ----------
    law : SubstitutionLaw
    thinned : callable (pair) -> pair, optional
        What later laws, masking or deletion, make of the pair of one exchanged word. None: there are none.
    training : TradeOff
        The pair of laws of the training texts.
    """

    def __init__(
        self,
        law: SubstitutionLaw,
        thinned: Callable[[Pair], Pair] | None = None,
        training: TradeOff = IDENTICAL,
    ) -> None:
        self._law, self._thinned, self._training = law, thinned, training
        self._hulls: dict[str, Pair] = {}
        # Later laws, and training texts, may give pairs of one ratio a second one.
        self._overlapping = thinned is None and (training is IDENTICAL or isinstance(training, Overlap))

    def pair(self, words: Sequence[str], budget: int) -> TradeOff:
        """Return the worst pair, or one that dominates it, if so many of the words were exchanged.

        Parameters
        ----------
        words : sequence of str
            The observed query.
        budget : int >= 0
        """
        words = self._swappable(words)
        budget = min(budget, len(words))
        options = self._overlaps(words)
        if options is not None:
            return worst_overlaps(options, budget) * self._training
        product = self._training
        for one in _suffix_envelopes([self._hull(word) for word in words])[:budget]:
            product = _bounded(product * one)
        return product

    def lower(self, words: Sequence[str], budget: int, p_a: Probability) -> float:
        """Bound from below the probability that so many exchanged words leave to a class that had ``p_a``.

        By total variation (SAFER), which is quick: a budget may be certified where this is not above 1/2.
        """
        hulls = [[self._hull(word)] for word in self._swappable(words)]
        return float((worst_by_total_variation(hulls, budget) * self._training).lower(p_a))

    def largest(self, words: Sequence[str], p_a: Probability, p_b: Probability | None = None) -> int:
        """Return how many of the words may have been exchanged, as `largest_word_budget`."""
        if not self._training.certified(p_a, p_b):
            return -1
        words = self._swappable(words)
        options = self._overlaps(words)
        # One change first, word by word: where it is too much, most laws need not be known.
        if options is not None:
            singles = {pair for choices in options for pair in choices}
            if not all((pair * self._training).certified(p_a, p_b) for pair in singles):
                return 0
            return _largest_by_overlaps(options, p_a, p_b, self._training)
        for word in dict.fromkeys(words):
            if not (self._hull(word) * self._training).certified(p_a, p_b):
                return 0
        return _largest_by_hulls([self._hull(word) for word in words], p_a, p_b, self._training)

    def n_swappable(self, words: Sequence[str]) -> int:
        """Return how many of the words have neighbours."""
        return len(self._swappable(words))

    def _swappable(self, words: Sequence[str]) -> list[str]:
        return [word for word in words if self._law.network.neighbours(word)]

    def _overlaps(self, words: list[str]) -> list[list[Overlap]] | None:
        """Return the choices at each word where all pairs have one likelihood ratio, else None."""
        if not self._overlapping:
            return None
        options = [overlaps for word in words if (overlaps := self._law.overlaps(word)) is not None]
        return options if len(options) == len(words) else None

    def _hull(self, word: str) -> Pair:
        """Return the hull of a word, thinned by later laws."""
        if word not in self._hulls:
            hull = self._law.hull(word)
            if hull is None:  # no neighbours: it cannot have been exchanged
                hull = IDENTICAL
            self._hulls[word] = hull if self._thinned is None else self._thinned(hull)
        return self._hulls[word]


def largest_word_budget(
    law: SubstitutionLaw, tokens: Sequence[str], p_a: Probability, p_b: Probability | None = None
) -> int:
    """Return how many words of a query may have been exchanged within the network: the certified budget.

    Parameters
    ----------
    law : SubstitutionLaw
        The noise on the query.
    tokens : sequence of str
        The observed query.
    p_a, p_b : number, in [0, 1]
        Bounds on the probabilities of the predicted class and of every other one, as in `TradeOff.margin`.

    Returns
    -------
    int
        The largest number R: whichever R words were exchanged, and for whichever neighbours, the prediction
        is the same. At most the number of words that have neighbours; -1 if ``p_a <= p_b``. Exact for
        uniform laws; for others a sound bound, with every word's choices replaced by their hull.

    Raises
    ------
    TypeError
        If tokens are one string, or an argument is no number.
    ValueError
        If a probability is out of range, or as `SubstitutionLaw.distribution`.
    """
    if isinstance(tokens, (str, bytes)):
        raise TypeError(
            f"tokens must be a sequence of words, got one {type(tokens).__name__}; cut it, for instance "
            "with tokenize(text)"
        )
    tokens = list(tokens)
    for token in tokens:
        if not isinstance(token, str):
            raise TypeError(f"tokens must be words, got {token!r} of type {type(token).__name__}")
    return Swaps(law).largest(tokens, p_a, p_b)


def _largest_by_overlaps(
    options: list[list[Overlap]],
    p_a: Probability,
    p_b: Probability | None,
    training: TradeOff = IDENTICAL,
) -> int:
    """Return the largest certified budget, exactly, where every choice has one likelihood ratio."""
    rounded = [[pair.rounded() for pair in choices] for choices in options]
    largest = largest_certified(
        lambda budget: worst_overlaps(rounded, budget) * training, p_a, p_b, most=len(options)
    )
    # Where rounding might have decided, Fractions do.
    while largest < len(options):
        if (worst_overlaps(rounded, largest + 1) * training).margin(p_a, p_b) < -_UNDECIDED:
            break
        if not (worst_overlaps(options, largest + 1) * training).certified(p_a, p_b):
            break
        largest += 1
    return largest


def _largest_by_hulls(
    hulls: Sequence[TradeOff], p_a: Probability, p_b: Probability | None, training: TradeOff = IDENTICAL
) -> int:
    """Return the largest budget for changes each dominated by the hull of its position, certified alone."""
    if not hulls:
        return 0
    budget = max(1, _certified_factors(_suffix_envelopes(hulls), p_a, p_b, training))
    # One set of words that is not certified: more is out of reach.
    most = _certified_factors(_worst_first(hulls), p_a, p_b, training)
    while budget < most and _few_sets(hulls, budget + 1):
        worst = worst_by_enumeration([[hull] for hull in hulls], budget + 1)
        if not (worst * training).certified(p_a, p_b):
            break
        budget += 1
    return budget


def _worst_first(hulls: Sequence[TradeOff]) -> list[TradeOff]:
    return sorted(hulls, key=lambda hull: hull.least_p_a, reverse=True)


def _suffix_envelopes(hulls: Sequence[TradeOff]) -> list[TradeOff]:
    """Return pairs of which the first R together dominate the hulls of any R positions.

    With the worst positions first, the j-th of any changed ones comes at place j or later. So the envelope of
    all from place j on dominates it, and the product of the first R envelopes any R changes. Where the hulls
    are nested, it is the product of the R lowest.
    """
    hulls = _worst_first(hulls)
    envelopes = hulls[-1:]
    for hull in hulls[-2::-1]:
        envelopes.append(hull if hull is envelopes[-1] else envelope([hull, envelopes[-1]]))
    return envelopes[::-1]


def _few_sets(hulls: Sequence[TradeOff], budget: int) -> bool:
    """Whether all sets of so many positions can be looked at."""
    if math.comb(len(hulls), budget) > _MOST_SETS:
        return False
    sizes = sorted(len(hull.atoms()) for hull in hulls)
    return math.prod(sizes[len(sizes) - budget :]) <= _MOST_ATOMS


def _certified_factors(
    pairs: list[TradeOff], p_a: Probability, p_b: Probability | None, training: TradeOff = IDENTICAL
) -> int:
    """Return how many of the pairs, from the first on, have a product that is certified."""
    product: TradeOff = training.atoms().rounded()
    for number, pair in enumerate(pairs):
        product = _bounded(product * pair)
        if not product.certified(p_a, p_b):
            return number
    return len(pairs)


def _bounded(product: TradeOff) -> TradeOff:
    """Return the pair, on a grid where it has too many atoms."""
    if isinstance(product, Overlap):
        return product
    atoms = product.atoms()
    return atoms if len(atoms) <= _MOST_ATOMS else Grid.of(atoms, _STEP).atoms()
