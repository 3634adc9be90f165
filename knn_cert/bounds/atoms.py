"""Pairs of discrete laws as atoms of their likelihood ratio: Theorem 1, products, mixtures, envelopes.

What is rounded, and how that stays sound. An atom is a ratio r and a P0 mass m; its P1 mass is r m. With
floats, every ratio and every mass is rounded down. The mass that P0 loses counts as mass at ratio 0, the mass
that P1 loses as mass at ratio infinity. That splits an atom into several that add up to it, which makes the
laws easier to tell apart, so L can only decrease. The reverse, merging atoms of different ratios, would be
unsound: atoms are merged only where their ratios are equal, with floats after all of them were lowered to the
least.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from .arguments import count, probability, rationals
from .rounding import down, float_below, group_sums_below, is_exact, product_below, running_sum_below, up
from .tradeoff import TradeOff

__all__ = ["IDENTICAL", "Atoms", "envelope", "mixture"]

# Float ratios within this factor of one another are lowered to the least and merged. Products of the same
# ratios in another order differ by 2^-52 a factor, which this covers for thousands of factors. What merging
# gives away is the spread of the merged ratios: nothing to speak of for those, at most this for others.
_MERGED_WITHIN = 1.0 + 2.0**-40

# Atoms before merging that a product may have: seconds and hundreds of MB with floats, a minute with
# Fractions.
_MOST_ATOMS = 1 << 22

# Float products of more atoms than this lose their tails: of the ratios below 1 the lowest, up to TAIL of P0
# mass, of those above 1 the highest, up to TAIL of P1 mass. Lost mass is sound to lose; so much is far below
# the resolution of a probability next to 1, and an n-th power keeps in the order of sqrt(n) atoms.
_MANY_ATOMS = 256
TAIL = 2.0**-64

# Probabilities given as floats add up to 1 within this; what is further off is a slip.
_SUM_TOLERANCE = Fraction(1, 10**9)


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

    def __init__(self, ratios, masses):
        ratios, masses = list(ratios), list(masses)
        if len(ratios) != len(masses):
            raise ValueError(
                f"ratios and masses must have one length; got {len(ratios)} ratios and {len(masses)} masses."
            )
        numbers, exact = rationals(*ratios, *masses)
        ratios, masses = numbers[: len(ratios)], numbers[len(ratios) :]
        if any(ratio <= 0 for ratio in ratios):
            raise ValueError(
                f"ratios must be positive and finite; got {min(ratios)}. "
                "Leave atoms of ratio 0 or infinity out: they are what the masses lack."
            )
        if any(mass < 0 for mass in masses):
            raise ValueError(f"masses must not be negative; got {min(masses)}.")
        largest = max(sum(masses), sum(r * m for r, m in zip(ratios, masses, strict=True)))
        if largest > (1 if exact else 1 + _SUM_TOLERANCE):
            raise ValueError(
                f"masses must add up to at most 1 under P0 and under P1; got {float(largest)!r}."
            )
        if largest > 1:
            masses = [mass / largest for mass in masses]
        self._store(*_merged_exactly(ratios, masses))
        if not exact:
            self._store(*_floats_below(self.ratios, self.masses))

    @classmethod
    def from_laws(cls, p0, p1):
        """The pair of two laws on one finite space.

        Parameters
        ----------
        p0, p1 : sequence of numbers >= 0, or mapping of outcomes to them
            Probabilities of the same outcomes in the same order; of mappings, an outcome that is absent has
            probability 0. Each adds up to 1, exactly if rational. Floats may miss 1 by rounding, and then
            stand for the law that is proportional to them.

        Returns
        -------
        Atoms
            Exact if all probabilities are rational.

        Raises
        ------
        TypeError
            If a value is not an int, a float or a Fraction.
        ValueError
            If lengths differ, a value is negative or not finite, or a law does not add up to 1.
        """
        if isinstance(p0, Mapping) != isinstance(p1, Mapping):
            raise TypeError(
                "p0 and p1 must both be sequences or both be mappings; got "
                f"{type(p0).__name__} and {type(p1).__name__}."
            )
        if isinstance(p0, Mapping):
            outcomes = dict.fromkeys([*p0, *p1])
            p0, p1 = [p0.get(z, 0) for z in outcomes], [p1.get(z, 0) for z in outcomes]
        law0, exact0 = _law("p0", p0)
        law1, exact1 = _law("p1", p1)
        if len(law0) != len(law1):
            raise ValueError(
                f"p0 and p1 must be laws on the same outcomes; got {len(law0)} and {len(law1)} of them."
            )
        common = [(m1 / m0, m0) for m0, m1 in zip(law0, law1, strict=True) if m0 and m1]
        pair = cls([r for r, _ in common], [m for _, m in common])
        return pair if exact0 and exact1 else pair.rounded()

    @classmethod
    def _of(cls, ratios, masses):
        """Atoms of arrays that are sorted, merged and within their sums."""
        pair = cls.__new__(cls)
        pair._store(ratios, masses)
        return pair

    def _store(self, ratios, masses):
        self.ratios, self.masses = ratios, masses
        self.exact = is_exact(ratios)
        # Suffix sums S_k of the P0 masses and prefix sums T_k of the P1 masses: the line of slope r_k that L
        # follows from p = 1 - S_k on is T_k + r_k (p - 1 + S_k).
        first = np.zeros(1, dtype=masses.dtype)
        self._null = running_sum_below(masses[::-1])[::-1]
        self._alternative = np.concatenate([first, running_sum_below(product_below(ratios, masses))])
        for array in (self.ratios, self.masses, self._null, self._alternative):
            array.setflags(write=False)

    def __repr__(self):
        return f"Atoms({self.ratios.tolist()}, {self.masses.tolist()})"

    def __len__(self):
        return len(self.ratios)

    @property
    def mass_at_zero(self):
        """The P0 mass at ratio 0, where P1 has none: what the masses lack, rounded up."""
        return self._lacking(self._null[0] if len(self) else 0)

    @property
    def mass_at_infinity(self):
        """The P1 mass at ratio infinity, where P0 has none: what ``ratios * masses`` lack, rounded up."""
        return self._lacking(self._alternative[-1])

    def _lacking(self, present):
        if self.exact:
            return Fraction(1 - present)
        return min(float(up(1.0 - present)), 1.0)

    # --- Theorem 1 ---

    def lower(self, p):
        p = probability("p", p, exact=self.exact, side="below")
        zero = Fraction(0) if self.exact else 0.0
        if not len(self):
            return np.full(p.shape, zero) if p.ndim else zero
        missing = self._missing(p)
        # The segment that holds p: the last k with S_k >= 1 - p. None: p is within the mass at ratio 0. The
        # line of any k would be a lower bound (the dual of the linear programme), so rounding in the choice
        # is safe.
        k = np.searchsorted(-self._null, -missing, side="right") - 1
        within, k = k >= 0, np.maximum(k, 0)
        rest = np.maximum(down(self._null[k] - missing), zero)
        value = np.maximum(down(self._alternative[k] + product_below(self.ratios[k], rest)), zero)
        value = np.where(within, value, zero)
        return value if value.ndim else value.item()

    @property
    def least_p_a(self):
        # L is the largest of its lines, so L(p) > 1/2 exactly where one of them exceeds 1/2.
        half, one = (Fraction(1, 2), Fraction(1)) if self.exact else (0.5, 1.0)
        with np.errstate(over="ignore"):
            steps = up(up(half - self._alternative[:-1]) / self.ratios)
            return min([one, *up(up(one - self._null) + steps).tolist()])

    @property
    def total_variation(self):
        # 1 - sum min(m0, m1)
        below_one = int(np.searchsorted(self.ratios, 1))
        common = self._alternative[below_one] + (self._null[below_one] if below_one < len(self) else 0)
        return self._lacking(down(common))

    def dominates(self, other):
        """Whether L of this pair is at most L of ``other`` everywhere; products keep that order (Blackwell).

        Parameters
        ----------
        other : TradeOff
            A pair with atoms.

        Returns
        -------
        bool
            Decided in rational arithmetic, also for floats.
        """
        one, two = self.exactly(), other.atoms().exactly()
        # The difference of two piecewise linear functions is largest at a vertex of one of them.
        return all(one.lower(p) <= two.lower(p) for p, _ in [*one.vertices(), *two.vertices()])

    def vertices(self):
        """The vertices ``(p, L(p))`` of L, from the end of the mass at ratio 0 to p = 1, as Fractions."""
        pair = self.exactly()
        return [
            (1 - null, alternative)
            for null, alternative in zip([*pair._null, Fraction(0)], pair._alternative, strict=True)
        ]

    # --- new pairs from old ---

    def __mul__(self, other):
        """The pair of independent laws: ratios multiply, masses multiply."""
        if not isinstance(other, TradeOff):
            return NotImplemented
        other = other.atoms()
        if len(self) * len(other) > _MOST_ATOMS:
            raise ValueError(
                f"the product would have {len(self)} x {len(other)} atoms before equal ratios are merged; at "
                f"most {_MOST_ATOMS} are expanded. Use a Grid, whose number of atoms does not grow so."
            )
        if self.exact and other.exact:
            merged = {}
            for r, m in zip(self.ratios.tolist(), self.masses.tolist(), strict=True):
                for q, n in zip(other.ratios.tolist(), other.masses.tolist(), strict=True):
                    merged[r * q] = merged.get(r * q, 0) + m * n
            return Atoms._of(*_arrays(merged))
        one, two = self.rounded(), other.rounded()
        ratios = product_below(one.ratios[:, None], two.ratios).ravel()
        masses = product_below(one.masses[:, None], two.masses).ravel()
        return Atoms._of(*_without_tails(*_merged_floats(ratios, masses)))

    def __pow__(self, n):
        """The pair of ``n`` independent draws of each law, by squaring."""
        n = count("the power of a pair", n)
        if n == 0:
            return IDENTICAL if self.exact else IDENTICAL.rounded()
        return power_by_squaring(self, n)

    def atoms(self):
        """The pair itself."""
        return self

    def rounded(self):
        """The pair in floats, each ratio and mass rounded down."""
        return Atoms._of(*_floats_below(self.ratios, self.masses)) if self.exact else self

    def exactly(self):
        """The pair in Fractions: the same numbers, which no operation rounds from here on."""
        if self.exact:
            return self
        return Atoms._of(*_merged_exactly(map(Fraction, self.ratios), map(Fraction, self.masses)))


def mixture(weights, pairs):
    """The pair of a draw whose experiment is drawn first, with the same chances under both laws, and is seen.

    Where the outcome does not tell which experiment it came from, this pair is easier to tell apart than the
    true one, so it is a sound bound.

    Parameters
    ----------
    weights : sequence of n numbers >= 0
        The chances of the experiments; they add up to 1 as the laws of `Atoms.from_laws` do.
    pairs : sequence of n TradeOff
        Pairs with atoms.

    Returns
    -------
    Atoms
        Exact if the weights are rational and every pair is exact.

    Raises
    ------
    TypeError
        If a weight is not a number.
    ValueError
        If lengths differ or the weights are no law.
    """
    weights, exact = _law("weights", weights)
    pairs = [pair.atoms() for pair in pairs]
    if len(weights) != len(pairs):
        raise ValueError(f"weights must be one for each pair; got {len(weights)} for {len(pairs)} pairs.")
    exact = exact and all(pair.exact for pair in pairs)
    if exact:
        ratios = [r for pair in pairs for r in pair.ratios]
        masses = [w * m for w, pair in zip(weights, pairs, strict=True) for m in pair.masses]
        return Atoms._of(*_merged_exactly(ratios, masses))
    pairs = [pair.rounded() for pair in pairs]
    ratios = np.concatenate([pair.ratios for pair in pairs])
    masses = [product_below(float_below(w), pair.masses) for w, pair in zip(weights, pairs, strict=True)]
    return Atoms._of(*_merged_floats(ratios, np.concatenate(masses)))


def envelope(pairs):
    """A pair that dominates every one of ``pairs``: L is the lower convex hull of theirs.

    In a product it may stand for whichever of them an attacker chooses.

    Parameters
    ----------
    pairs : sequence of TradeOff, at least one
        Pairs with atoms.

    Returns
    -------
    Atoms
        Computed in rational arithmetic: exact if every pair is, else rounded down at the end.

    Raises
    ------
    ValueError
        If there is no pair.
    """
    pairs = [pair.atoms() for pair in pairs]
    if not pairs:
        raise ValueError("pairs must hold at least one pair; got none.")
    lowest = {Fraction(0): Fraction(0)}
    for p, value in (vertex for pair in pairs for vertex in pair.vertices()):
        lowest[p] = min(value, lowest.get(p, value))
    hull = []
    for p, value in sorted(lowest.items()):
        while len(hull) > 1 and _bends_down(hull[-2], hull[-1], (p, value)):
            hull.pop()
        hull.append((p, value))
    # Read back: a segment is an atom, its length the P0 mass, its slope the ratio.
    steps = [(p1 - p0, v1 - v0) for (p0, v0), (p1, v1) in zip(hull[:-1], hull[1:], strict=True)]
    slopes = [(rise / run, run) for run, rise in steps if rise > 0]
    result = Atoms._of(*_merged_exactly([r for r, _ in slopes], [m for _, m in slopes]))
    return result if all(pair.exact for pair in pairs) else result.rounded()


def power_by_squaring(x, n):
    """The product of ``n >= 1`` copies of ``x``."""
    power = None
    while True:
        if n & 1:
            power = x if power is None else power * x
        n >>= 1
        if not n:
            return power
        x = x * x


def _bends_down(a, b, c):
    """Whether the point b lies on or above the line from a to c."""
    return (b[1] - a[1]) * (c[0] - a[0]) >= (c[1] - a[1]) * (b[0] - a[0])


def _law(name, values):
    """Probabilities as Fractions that add up to 1, and whether they were given as such."""
    values, exact = rationals(*values)
    if any(value < 0 for value in values):
        raise ValueError(f"{name} must not be negative; got {float(min(values))!r}.")
    total = sum(values)
    if total != 1 and (exact or abs(total - 1) > _SUM_TOLERANCE):
        raise ValueError(f"{name} must add up to 1; got {total if exact else float(total)}.")
    return [value / total for value in values], exact


def _merged_exactly(ratios, masses):
    merged = {}
    for ratio, mass in zip(ratios, masses, strict=True):
        if mass:
            merged[ratio] = merged.get(ratio, 0) + mass
    return _arrays(merged)


def _arrays(merged):
    """Increasing ratios and their masses, from a dictionary, as arrays of Fractions."""
    ratios, masses = np.empty(len(merged), dtype=object), np.empty(len(merged), dtype=object)
    ratios[:] = sorted(merged)
    masses[:] = [merged[ratio] for ratio in ratios]
    return ratios, masses


def _floats_below(ratios, masses):
    return _merged_floats(np.array([*map(float_below, ratios)]), np.array([*map(float_below, masses)]))


def _merged_floats(ratios, masses):
    """Increasing ratios and their masses; ratios next to one another are lowered to the least of them."""
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


def _without_tails(ratios, masses):
    if len(ratios) <= _MANY_ATOMS:
        return ratios, masses
    # Sums are needed to a few digits only; what overflows is no tail.
    with np.errstate(over="ignore"):
        alternative = ratios * masses
    low = (np.cumsum(masses) <= TAIL) & (ratios < 1.0)
    high = (np.cumsum(alternative[::-1])[::-1] <= TAIL) & (ratios > 1.0)
    kept = ~(low | high)
    return ratios[kept], masses[kept]


IDENTICAL = Atoms([1], [1])
