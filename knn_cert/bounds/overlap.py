"""Pairs of laws whose likelihood ratio is constant on the common support: closed forms, largest budgets.

Laws with several finite ratios are no such pairs, whatever their supports share: they belong into `Atoms`,
and nothing here makes an `Overlap` of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import overload

import numpy as np

from .arguments import Numbers, as_whole_number, chance, probability
from .atoms import Atoms
from .rounding import Array, Either, Number, down, float_below, plain, power_below, product_below, up
from .tradeoff import TradeOff, largest_certified

__all__ = ["Overlap"]


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

    o0: Number
    o1: Number

    def __post_init__(self) -> None:
        (o0, exact0), (o1, exact1) = chance(self.o0, "o0"), chance(self.o1, "o1")
        exact = exact0 and exact1
        if o0 == 0 or o1 == 0:
            # One law has nothing in common with the other, or what it has underflowed.
            o0 = o1 = Fraction(0)
        # frozen: the fields are set once more, as Fractions or as floats
        for name, value in (("o0", o0), ("o1", o1)):
            object.__setattr__(self, name, value if exact else float_below(value))

    @property
    def exact(self) -> bool:
        """Whether the overlaps are Fractions."""
        return isinstance(self.o0, Fraction)

    @overload
    def lower(self, p: Number) -> Number: ...
    @overload
    def lower(self, p: Numbers) -> Array: ...
    def lower(self, p: Number | Numbers) -> Number | Array:
        """Return L(p); see `TradeOff.lower`."""
        p_lower = probability(p, "p", exact=self.exact, side="below")
        o0: Either = self.o0
        zero = 0 * o0
        value: Array = np.full(p_lower.shape, zero)
        if o0 != 0:
            rest = np.maximum(down(o0 - self._missing(p_lower)), zero)
            value = np.asarray(np.maximum(down(product_below(rest, self.o1) / o0), zero))
        return plain(value)

    @property
    def threshold(self) -> Number:
        """``T = 1 + o0 / o1 - 2 o0``, rounded up: ``p_a - p_b`` above it certifies. Infinite if disjoint."""
        if self.o0 == 0:
            return math.inf
        return up(up(1 + up(self.o0 / self.o1)) - 2 * self.o0)

    @property
    def least_p_a(self) -> Number:
        """p* with L(p*) = 1/2; see `TradeOff.least_p_a`."""
        # 1 - p_a is p_b for two classes, so p_a - p_b is 2 p_a - 1.
        one = 0 * self.o0 + 1
        if self.o0 == 0:
            return one
        return min(up(up(1 + self.threshold) / 2), one)

    @property
    def total_variation(self) -> Number:
        """The largest P0(S) - P1(S) of any set S, rounded up."""
        distance = up(1 - min(self.o0, self.o1))
        return min(distance, 0 * distance + 1)

    @overload
    def __mul__(self, other: Overlap) -> Overlap: ...
    @overload
    def __mul__(self, other: TradeOff) -> Overlap | Atoms: ...
    def __mul__(self, other: TradeOff) -> Overlap | Atoms:
        """Return the pair of independent laws: overlaps multiply. With a pair of several ratios, `Atoms`."""
        if not isinstance(other, Overlap):
            return self.atoms() * other if isinstance(other, TradeOff) else NotImplemented
        if self.exact and other.exact:
            return Overlap(self.o0 * other.o0, self.o1 * other.o1)
        one, two = self.rounded(), other.rounded()
        return Overlap(float(product_below(one.o0, two.o0)), float(product_below(one.o1, two.o1)))

    def __pow__(self, n: int) -> Overlap:
        """Return the pair of ``n`` independent draws of each law."""
        n = as_whole_number(n, "the power of a pair", least=0)
        return Overlap(power_below(self.o0, n), power_below(self.o1, n))

    def atoms(self) -> Atoms:
        """Return the pair as `Atoms`."""
        if self.o0 == 0:
            empty = Atoms([], [])
            return empty if self.exact else empty.rounded()
        return Atoms([down(self.o1 / self.o0)], [self.o0])

    def rounded(self) -> Overlap:
        """Return the pair in floats, rounded down."""
        return Overlap(float_below(self.o0), float_below(self.o1)) if self.exact else self

    def largest_budget(self, p_a: Number, p_b: Number | None = None) -> int | float:
        """Return the largest R with ``self**R`` certified: how many units like this one may change.

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
