"""Pairs of laws whose likelihood ratio is constant on the common support: closed forms, largest budgets.

Uniform sets, masking, deletion, row dropping and box noise are such pairs. Laws with several finite ratios
are not, whatever their supports share: they belong into `Atoms`, and nothing here makes an `Overlap` of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .arguments import chance, count, probability, rationals
from .atoms import IDENTICAL, Atoms, mixture
from .rounding import down, float_below, power_below, product_below, up
from .tradeoff import TradeOff, largest_certified

__all__ = [
    "Overlap",
    "box_noise",
    "deletion",
    "fixed_keep",
    "largest_fixed_keep_budget",
    "mask_or_synonym",
    "masking",
    "row_dropping",
    "uniform_sets",
    "unless_lost",
]


@dataclass(frozen=True)
class Overlap(TradeOff):
    """A pair of laws with one likelihood ratio, ``o1 / o0``, on the common support.

    Parameters
    ----------
    o0 : number, in [0, 1]
        ``P0(support of P1)``, the mass of the law at the observed input that the other law could have drawn.
    o1 : number, in [0, 1]
        ``P1(support of P0)``. 0 exactly if o0 is.

    Raises
    ------
    TypeError
        If a value is not an int, a float or a Fraction.
    ValueError
        If a value is outside [0, 1].

    Notes
    -----
    ``L(p) = max(0, p - 1 + o0) o1 / o0`` and ``certified`` is ``p_a - p_b > T = 1 + o0 / o1 - 2 o0``; for
    ``o0 = o1`` it is the condition of SAFER, RanMASK and Eq. (17) of RAB. With two rational values everything
    is exact. Floats may be lower bounds: a smaller overlap, of either law, is easier to tell apart.
    """

    o0: Fraction | float
    o1: Fraction | float

    def __post_init__(self):
        (o0, o1), exact = rationals(self.o0, self.o1)
        for name, value in (("o0", o0), ("o1", o1)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must lie in [0, 1]; got {float(value)!r}.")
        if o0 == 0 or o1 == 0:
            # One law has nothing in common with the other, or what it has underflowed.
            o0 = o1 = Fraction(0)
        # frozen: the fields are set once more, as Fractions or as floats
        for name, value in (("o0", o0), ("o1", o1)):
            object.__setattr__(self, name, value if exact else float_below(value))

    @property
    def exact(self):
        """Whether the overlaps are Fractions."""
        return isinstance(self.o0, Fraction)

    def lower(self, p):
        p = probability("p", p, exact=self.exact, side="below")
        zero = 0 * self.o0
        if self.o0 == 0:
            return np.full(p.shape, zero) if p.ndim else zero
        rest = np.maximum(down(self.o0 - self._missing(p)), zero)
        value = np.asarray(np.maximum(down(product_below(rest, self.o1) / self.o0), zero))
        return value if value.ndim else value.item()

    @property
    def threshold(self):
        """``T = 1 + o0 / o1 - 2 o0``, rounded up: ``p_a - p_b`` above it certifies. Infinite if disjoint."""
        if self.o0 == 0:
            return math.inf
        return up(up(1 + up(self.o0 / self.o1)) - 2 * self.o0)

    @property
    def least_p_a(self):
        # 1 - p_a is p_b for two classes, so p_a - p_b is 2 p_a - 1.
        one = 0 * self.o0 + 1
        if self.o0 == 0:
            return one
        return min(up(up(1 + self.threshold) / 2), one)

    @property
    def total_variation(self):
        distance = up(1 - min(self.o0, self.o1))
        return min(distance, 0 * distance + 1)

    def __mul__(self, other):
        """The pair of independent laws: overlaps multiply. With a pair of several ratios, `Atoms`."""
        if not isinstance(other, Overlap):
            return self.atoms() * other if isinstance(other, TradeOff) else NotImplemented
        if self.exact and other.exact:
            return Overlap(self.o0 * other.o0, self.o1 * other.o1)
        one, two = self.rounded(), other.rounded()
        return Overlap(float(product_below(one.o0, two.o0)), float(product_below(one.o1, two.o1)))

    def __pow__(self, n):
        """The pair of ``n`` independent draws of each law."""
        n = count("the power of a pair", n)
        return Overlap(power_below(self.o0, n), power_below(self.o1, n))

    def atoms(self):
        """The pair as `Atoms`."""
        if self.o0 == 0:
            empty = Atoms([], [])
            return empty if self.exact else empty.rounded()
        return Atoms([down(self.o1 / self.o0)], [self.o0])

    def rounded(self):
        """The pair in floats, rounded down."""
        return Overlap(float_below(self.o0), float_below(self.o1)) if self.exact else self

    def largest_budget(self, p_a, p_b=None):
        """Largest R with ``self**R`` certified: how many units like this one an attacker may change.

        For masking it is ``ceil(log(1 - (p_a - p_b)/2) / log(rho)) - 1`` of RanMASK; found by search, so that
        rounding cannot raise it.

        Parameters
        ----------
        p_a, p_b : number, in [0, 1]
            As in `TradeOff.margin`.

        Returns
        -------
        int or math.inf
            -1 if ``p_a <= p_b``; infinite for a pair of identical laws.

        Raises
        ------
        TypeError, ValueError
            As `TradeOff.lower`.
        """
        if self.o0 == self.o1 == 1:
            return math.inf if self.certified(p_a, p_b) else -1
        return largest_certified(self.__pow__, p_a, p_b)


# --- one changed unit of each smoothing scheme ---


def uniform_sets(size_observed, size_other, common):
    """Uniform choice from a set for each word (SAFER), for one word replaced by another.

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
    sizes = count("size_observed", size_observed, least=1), count("size_other", size_other, least=1)
    common = count("common", common)
    if common > min(sizes):
        raise ValueError(
            f"common must be at most the size of either set; got {common} of {sizes[0]}, {sizes[1]}."
        )
    return Overlap(Fraction(common, sizes[0]), Fraction(common, sizes[1]))


def masking(rho, substituted=1):
    """Each word masked with probability ``rho`` (RanMASK), for ``substituted`` words replaced by any others.

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
    return _thinning(chance("rho", rho), 0, 0, count("substituted", substituted))


def fixed_keep(length, keep, substituted):
    """Exactly ``keep`` of ``length`` words kept (RanMASK), for ``substituted`` words replaced by any others.

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
    length, keep = count("length", length, least=1), count("keep", keep)
    substituted = count("substituted", substituted)
    if max(keep, substituted) > length:
        raise ValueError(
            f"keep and substituted must be at most length, {length}; got {keep} and {substituted}."
        )
    overlap = Fraction(math.comb(length - substituted, keep), math.comb(length, keep))
    return Overlap(overlap, overlap)


def largest_fixed_keep_budget(length, keep, p_a, p_b=None):
    """Largest number of replaced words that `fixed_keep` certifies.

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
    return largest_certified(lambda budget: fixed_keep(length, keep, budget), p_a, p_b, most=length)


def mask_or_synonym(rho, size, common):
    """A word masked with probability ``rho``, else drawn from its synonyms, for a word replaced by another.

    Parameters
    ----------
    rho : number, in [0, 1]
        Probability that a word is masked.
    size : int >= 1
        Number of synonyms of the observed word, and of the other one: with different numbers the likelihood
        ratio takes two values, and the pair is the `mixture` of ``Overlap(1, 1)`` and `uniform_sets`.
    common : int >= 0
        Number of synonyms in common; 0 for a word that replaces it from outside its set.

    Returns
    -------
    Overlap
        ``rho + (1 - rho) common / size`` for both laws.

    Raises
    ------
    TypeError, ValueError
        If an argument is not such a number.
    """
    return unless_lost(rho, uniform_sets(size, size, common))


def unless_lost(loss, pair):
    """A unit that is lost with probability ``loss`` under both laws, and else drawn as ``pair`` says.

    A word that is masked after another law, or a training row that is dropped. Where the outcome does not
    tell whether the unit was lost, this pair is easier to tell apart than the true one, so it is sound.

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
    loss, exact = chance("loss", loss)
    if isinstance(pair, Overlap) and pair.o0 == pair.o1:
        overlap = loss + (1 - loss) * Fraction(pair.o0)
        mixed = Overlap(overlap, overlap)
    else:
        mixed = mixture([loss, 1 - loss], [IDENTICAL, pair])
    return mixed if exact and pair.exact else mixed.rounded()


def deletion(p, *, only_observed=0, only_other=0, substituted=0):
    """Each token deleted with probability ``p`` (RS-Del), for texts that differ in the tokens counted.

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
    counts = {"only_observed": only_observed, "only_other": only_other, "substituted": substituted}
    return _thinning(chance("p", p), *(count(name, n) for name, n in counts.items()))


def row_dropping(pi, *, only_observed=0, only_other=0, modified=0):
    """Each training row dropped with probability ``pi``, for training sets that differ in the rows counted.

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
    counts = {"only_observed": only_observed, "only_other": only_other, "modified": modified}
    return _thinning(chance("pi", pi), *(count(name, n) for name, n in counts.items()))


def box_noise(deltas, width):
    """Uniform noise on a box, for one shift: Corollary 2 of RAB as a pair; see also `uniform_certified`.

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
    (width, *shifts), exact = rationals(width, *deltas)
    if width <= 0:
        raise ValueError(f"width must be positive; got {float(width)!r}.")
    shares = (max(1 - abs(shift) / width, Fraction(0)) for shift in shifts if shift)
    overlap = Overlap(1, 1) if exact else Overlap(1.0, 1.0)
    for share in shares:
        overlap = overlap * (Overlap(share, share) if exact else Overlap(share, share).rounded())
    return overlap


def _thinning(loss, only_observed, only_other, both):
    """Units lost independently: what only one law has must all be lost for the laws to agree."""
    p, exact = loss
    unit = p if exact else float_below(p)
    return Overlap(power_below(unit, only_observed + both), power_below(unit, only_other + both))
