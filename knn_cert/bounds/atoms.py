"""Pairs of discrete laws as atoms of their likelihood ratio: Theorem 1, products, order of pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, overload

import numpy as np

from .._types import FloatArray
from .arguments import SUM_TOLERANCE, InvalidInput, Numbers, as_whole_number, law, probability, rationals
from .merging import exact_atoms, float_atoms, floats_below, without_tails
from .rounding import Array, Either, Number, down, plain, product_below, running_sum_below, up
from .tradeoff import TradeOff, power_by_squaring

__all__ = ["IDENTICAL", "Atoms"]

# Atoms before merging that a product may have: seconds and hundreds of MB with floats, a minute with
# Fractions.
_MOST_ATOMS = 1 << 22


class Atoms(TradeOff):
    """A pair of laws as atoms of the likelihood ratio ``Lambda = m1 / m0``: m0 is P0 mass, m1 P1 mass.

    Parameters
    ----------
    ratios : sequence of n numbers > 0
        Finite likelihood ratios; equal ones are merged.
    masses : sequence of n numbers >= 0
        P0 mass of each. The mass that is missing to 1 lies at ratio 0 under P0, at ratio infinity under P1.

    Attributes
    ----------
    ratios, masses : array (n,), read-only
        Increasing ratios and positive masses: Fractions in an array of dtype object if all arguments were
        rational, else float64.
    exact : bool
        Whether they are Fractions.

    Raises
    ------
    TypeError
        If a value is not an int, a float or a Fraction.
    ValueError
        If the lengths differ, a value is out of range, or the masses of P0 or P1 add up to more than 1.
    """

    ratios: Array
    masses: Array

    def __init__(self, ratios: Iterable[Number], masses: Iterable[Number]) -> None:
        ratios, masses = list(ratios), list(masses)
        if len(ratios) != len(masses):
            raise InvalidInput(
                f"ratios and masses must have one length, got {len(ratios)} ratios and {len(masses)} masses"
            )
        numbers, exact = rationals(*ratios, *masses)
        atoms = list(zip(numbers[: len(ratios)], numbers[len(ratios) :], strict=True))
        if any(ratio <= 0 for ratio, _ in atoms):
            raise InvalidInput(
                f"ratios must be positive and finite, got {min(ratios)}; leave atoms of ratio 0 or infinity "
                "out: they are what the masses lack"
            )
        if any(mass < 0 for _, mass in atoms):
            raise InvalidInput(f"masses must not be negative, got {min(masses)}")
        largest = max(sum(m for _, m in atoms), sum(r * m for r, m in atoms))
        if largest > (1 if exact else 1 + SUM_TOLERANCE):
            raise InvalidInput(
                f"masses must add up to at most 1 under P0 and under P1, got {float(largest)!r}"
            )
        if largest > 1:
            atoms = [(ratio, mass / largest) for ratio, mass in atoms]
        exactly = exact_atoms(atoms)
        self._store(*(exactly if exact else floats_below(*exactly)))

    @classmethod
    def from_laws(
        cls, p0: Iterable[Number] | Mapping[Any, Number], p1: Iterable[Number] | Mapping[Any, Number]
    ) -> Atoms:
        """Return the pair of two laws on one finite space.

        Parameters
        ----------
        p0, p1 : sequence of numbers >= 0, or mapping of outcomes to them
            Probabilities of the same outcomes in the same order; of mappings, an outcome that is absent has
            probability 0. Each adds up to 1, exactly if rational. Floats may miss 1 by rounding, and then
            stand for the law that is proportional to them.

        Returns
        -------
        Atoms
            The pair, exact if all probabilities are rational.

        Raises
        ------
        TypeError
            If a value is not an int, a float or a Fraction.
        ValueError
            If lengths differ, a value is negative or not finite, or a law does not add up to 1.
        """
        if isinstance(p0, Mapping) and isinstance(p1, Mapping):
            outcomes = dict.fromkeys([*p0, *p1])
            p0, p1 = [p0.get(z, 0) for z in outcomes], [p1.get(z, 0) for z in outcomes]
        elif isinstance(p0, Mapping) or isinstance(p1, Mapping):
            raise TypeError(
                "p0 and p1 must both be sequences or both be mappings, got "
                f"{type(p0).__name__} and {type(p1).__name__}"
            )
        law0, exact0 = law(p0, "p0")
        law1, exact1 = law(p1, "p1")
        if len(law0) != len(law1):
            raise InvalidInput(
                f"p0 and p1 must be laws on the same outcomes, got {len(law0)} and {len(law1)} of them"
            )
        common = [(m1 / m0, m0) for m0, m1 in zip(law0, law1, strict=True) if m0 and m1]
        pair = cls([r for r, _ in common], [m for _, m in common])
        return pair if exact0 and exact1 else pair.rounded()

    @classmethod
    def _of(cls, ratios: Array, masses: Array) -> Atoms:
        """Return atoms of arrays that are sorted, merged and within their sums."""
        pair = cls.__new__(cls)
        pair._store(ratios, masses)
        return pair

    def _store(self, ratios: Array, masses: Array) -> None:
        self.ratios, self.masses = ratios, masses
        # Suffix sums S_k of the P0 masses and prefix sums T_k of the P1 masses: the line of slope r_k that L
        # follows from p = 1 - S_k on is T_k + r_k (p - 1 + S_k).
        first = np.zeros(1, dtype=masses.dtype)
        self._null: Either = running_sum_below(masses[::-1])[::-1]
        self._alternative: Either = np.concatenate([first, running_sum_below(product_below(ratios, masses))])
        for array in (self.ratios, self.masses, self._null, self._alternative):
            array.setflags(write=False)

    def __repr__(self) -> str:
        return f"Atoms({self.ratios.tolist()}, {self.masses.tolist()})"

    def __len__(self) -> int:
        return len(self.ratios)

    @property
    def exact(self) -> bool:
        """Whether ratios and masses are Fractions."""
        return self.ratios.dtype == np.dtype(object)

    @property
    def mass_at_zero(self) -> Number:
        """The P0 mass at ratio 0, where P1 has none: what the masses lack, rounded up."""
        return self._lacking(self._null[0] if len(self) else 0)

    @property
    def mass_at_infinity(self) -> Number:
        """The P1 mass at ratio infinity, where P0 has none: what ``ratios * masses`` lack, rounded up."""
        return self._lacking(self._alternative[-1])

    def _lacking(self, present: Either) -> Number:
        if self.exact:
            return Fraction(1 - present)
        return min(float(up(1.0 - present)), 1.0)

    # --- Theorem 1 ---

    @overload
    def lower(self, p: Number) -> Number: ...
    @overload
    def lower(self, p: Numbers) -> Array: ...
    def lower(self, p: Number | Numbers) -> Number | Array:
        """Return L(p); see `TradeOff.lower`."""
        p_lower = probability(p, "p", exact=self.exact, side="below")
        zero: Either = Fraction(0) if self.exact else 0.0
        value: Array = np.full(p_lower.shape, zero)
        if not len(self):
            return plain(value)
        missing = self._missing(p_lower)
        # The segment that holds p: the last k with S_k >= 1 - p. None: p is within the mass at ratio 0. The
        # line of any k would be a lower bound (the dual of the linear programme), so rounding in the choice
        # is safe.
        k = np.searchsorted(-self._null, -missing, side="right") - 1
        within, k = k >= 0, np.maximum(k, 0)
        rest = np.maximum(down(self._null[k] - missing), zero)
        line = np.maximum(down(self._alternative[k] + product_below(self.ratios[k], rest)), zero)
        value = np.where(within, line, zero)
        return plain(value)

    @property
    def least_p_a(self) -> Number:
        """p* with L(p*) = 1/2; see `TradeOff.least_p_a`."""
        # L is the largest of its lines, so L(p) > 1/2 exactly where one of them exceeds 1/2.
        half: Either = Fraction(1, 2) if self.exact else 0.5
        one: Either = 2 * half
        with np.errstate(over="ignore"):
            steps = up(up(half - self._alternative[:-1]) / self.ratios)
            least: Number = min([one, *up(up(one - self._null) + steps).tolist()])
        return least

    @property
    def total_variation(self) -> Number:
        """The largest P0(S) - P1(S) of any set S, rounded up."""
        # 1 - sum min(m0, m1)
        below_one = int(np.searchsorted(self.ratios, 1))
        common = self._alternative[below_one] + (self._null[below_one] if below_one < len(self) else 0)
        return self._lacking(down(common))

    def dominates(self, other: TradeOff) -> bool:
        """Whether L of this pair is at most L of ``other`` everywhere; products keep that order (Blackwell).

        Parameters
        ----------
        other : TradeOff
            A pair with atoms.

        Returns
        -------
        bool
            The answer, decided in rational arithmetic, also for floats.
        """
        one, two = self.exactly(), other.atoms().exactly()
        # The difference of two piecewise linear functions is largest at a vertex of one of them.
        return all(one.lower(p) <= two.lower(p) for p, _ in [*one.vertices(), *two.vertices()])

    def vertices(self) -> list[tuple[Fraction, Fraction]]:
        """Return the vertices ``(p, L(p))``, from the end of the mass at ratio 0 to p = 1, in Fractions."""
        pair = self.exactly()
        return [
            (1 - null, alternative)
            for null, alternative in zip([*pair._null, Fraction(0)], pair._alternative, strict=True)
        ]

    # --- new pairs from old ---

    def __mul__(self, other: TradeOff) -> Atoms:
        """Return the pair of independent laws: ratios multiply, masses multiply."""
        if not isinstance(other, TradeOff):
            return NotImplemented
        other = other.atoms()
        if len(self) * len(other) > _MOST_ATOMS:
            raise InvalidInput(
                f"the product must have at most {_MOST_ATOMS} atoms before equal ratios are merged, got "
                f"{len(self)} x {len(other)}; use a Grid, whose number of atoms does not grow so"
            )
        if self.exact and other.exact:
            both = [*zip(other.ratios.tolist(), other.masses.tolist(), strict=True)]
            return Atoms._of(
                *exact_atoms(
                    (r * q, m * n)
                    for r, m in zip(self.ratios.tolist(), self.masses.tolist(), strict=True)
                    for q, n in both
                )
            )
        one, two = self.in_floats(), other.in_floats()
        ratios = product_below(one[0][:, None], two[0]).ravel()
        masses = product_below(one[1][:, None], two[1]).ravel()
        return Atoms._of(*without_tails(*float_atoms(ratios, masses)))

    def __pow__(self, n: int) -> Atoms:
        """Return the pair of ``n`` independent draws of each law, by squaring."""
        n = as_whole_number(n, "the power of a pair", least=0)
        if n == 0:
            return IDENTICAL if self.exact else IDENTICAL.rounded()
        return power_by_squaring(self, n)

    def atoms(self) -> Atoms:
        """Return the pair itself."""
        return self

    def rounded(self) -> Atoms:
        """Return the pair in floats, each ratio and mass rounded down."""
        return Atoms._of(*floats_below(self.ratios, self.masses)) if self.exact else self

    def in_floats(self) -> tuple[FloatArray, FloatArray]:
        """Return the ratios and masses of `rounded`."""
        pair = self.rounded()
        return np.asarray(pair.ratios, dtype=np.float64), np.asarray(pair.masses, dtype=np.float64)

    def exactly(self) -> Atoms:
        """Return the pair in Fractions: the same numbers, which no operation rounds from here on."""
        if self.exact:
            return self
        fractions = zip(map(Fraction, self.ratios), map(Fraction, self.masses), strict=True)
        return Atoms._of(*exact_atoms(fractions))


IDENTICAL = Atoms([1], [1])
