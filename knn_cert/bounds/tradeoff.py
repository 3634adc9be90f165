"""Theorem 1 of RAB for any pair of laws: what L, the trade-off function of the pair, certifies.

P0 is the law of the smoothed object at the observed input, P1 its law at the other input, the one the
guarantee is about. Tests phi take values in [0, 1]; a base classifier's votes for one class are such a test.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from .arguments import Numbers, as_whole_number, probability
from .rounding import Array, Either, Number, down, float_above, plain, up

if TYPE_CHECKING:
    from .atoms import Atoms

__all__ = ["TradeOff", "largest_certified", "power_by_squaring"]

_Factor = TypeVar("_Factor", bound="_HasProducts")


class _HasProducts(Protocol):
    """What multiplies with its kind, and stays of it."""

    def __mul__(self: _Factor, other: _Factor, /) -> _Factor: ...


class TradeOff:
    """A pair of laws (P0, P1), known by ``L(p) = min {E1 phi : E0 phi >= p}``; RAB writes ``beta*(1 - p)``.

    A subclass gives ``exact``, ``lower``, ``least_p_a``, ``total_variation``, ``atoms`` and products. Where
    ``exact`` is True, numbers are Fractions and nothing is rounded. Otherwise they are floats, rounded so
    that the pair looks easier to tell apart than it is: L is never above the true one, U never below, and a
    certificate remains true.
    """

    @property
    def exact(self) -> bool:
        """Whether numbers are Fractions, which nothing rounds."""
        return False

    @overload
    def lower(self, p: Number) -> Number: ...
    @overload
    def lower(self, p: Numbers) -> Array: ...
    def lower(self, p: Number | Numbers) -> Number | Array:
        """Return L(p), a lower bound on P1 of everything whose P0 is at least ``p``.

        Parameters
        ----------
        p : number or array, in [0, 1]

        Returns
        -------
        Fraction, float or array
            L(p), of the shape of ``p``: convex, non-decreasing, at most p.

        Raises
        ------
        TypeError
            If ``p`` is not numeric.
        ValueError
            If a value is NaN or outside [0, 1].
        """
        raise NotImplementedError

    @property
    def least_p_a(self) -> Number:
        """p* with L(p*) = 1/2, for two classes: p_A above it certifies. At most 1, which no p_A exceeds."""
        raise NotImplementedError

    @property
    def total_variation(self) -> Number:
        """The largest P0(S) - P1(S) of any set S, rounded up."""
        raise NotImplementedError

    def atoms(self) -> Atoms:
        """Return the pair, or one that dominates it, as `Atoms`; products of unlike pairs start from them."""
        raise NotImplementedError

    def __mul__(self, other: TradeOff) -> TradeOff:
        """Return the pair of independent laws."""
        return NotImplemented

    @overload
    def upper(self, p: Number) -> Number: ...
    @overload
    def upper(self, p: Numbers) -> Array: ...
    def upper(self, p: Number | Numbers) -> Number | Array:
        """Return ``U(p) = max {E1 phi : E0 phi <= p} = 1 - L(1 - p)``; RAB writes ``1 - beta*(p)``.

        Parameters
        ----------
        p : number or array, in [0, 1]

        Returns
        -------
        Fraction, float or array
            U(p), of the shape of ``p``, at least p.

        Raises
        ------
        TypeError, ValueError
            As `lower`.
        """
        value = 1 - self.lower(self._complement(probability(p, "p", exact=self.exact, side="above")))
        if self.exact:
            return plain(value)
        bound: Number | Array = np.minimum(up(value), 1.0)
        # The worst of a pair in Fractions and one in floats may be the former.
        return float_above(bound) if isinstance(bound, Fraction) else plain(bound)

    @overload
    def margin(self, p_a: Number, p_b: Number | None = None) -> Number: ...
    @overload
    def margin(self, p_a: Numbers, p_b: Number | Numbers | None = None) -> Array: ...
    @overload
    def margin(self, p_a: Number | Numbers, p_b: Numbers) -> Array: ...
    def margin(self, p_a: Number | Numbers, p_b: Number | Numbers | None = None) -> Number | Array:
        """Return ``L(p_a) - U(p_b)``, with ``1 - p_a`` for ``p_b`` where that is less: positive certifies.

        With the smaller p_b this is the least lead of class A, at the other input, over every base classifier
        that has these probabilities at the observed one; without it, it would be less than that.

        Parameters
        ----------
        p_a : number or array, in [0, 1]
            Lower bound on the probability of the predicted class at the observed input.
        p_b : number or array, in [0, 1], optional
            Upper bound on that of every other class. None: ``1 - p_a``, as for two classes.

        Returns
        -------
        Fraction, float or array
            The margin, of the broadcast shape, rounded down.

        Raises
        ------
        TypeError, ValueError
            As `lower`.
        """
        sure = probability(p_a, "p_a", exact=self.exact, side="below")
        # U(p_b) = 1 - L(1 - p_b), and 1 - min(p_b, 1 - p_a) = max(1 - p_b, p_a): p_a itself needs no
        # difference.
        spared = sure
        if p_b is not None:
            others = probability(p_b, "p_b", exact=self.exact, side="above")
            spared = np.maximum(sure, self._complement(others))
        return plain(down(down(self.lower(sure) + self.lower(spared)) - 1))

    @overload
    def certified(self, p_a: Number, p_b: Number | None = None) -> bool: ...
    @overload
    def certified(self, p_a: Numbers, p_b: Number | Numbers | None = None) -> NDArray[np.bool_]: ...
    @overload
    def certified(self, p_a: Number | Numbers, p_b: Numbers) -> NDArray[np.bool_]: ...
    def certified(
        self, p_a: Number | Numbers, p_b: Number | Numbers | None = None
    ) -> bool | NDArray[np.bool_]:
        """Eq. (11) of RAB, ``beta*(1 - p_a) + beta*(p_b) > 1``: whether the prediction is the same under P1.

        Parameters
        ----------
        p_a, p_b : number or array, in [0, 1]
            As in `margin`.

        Returns
        -------
        bool or array of bool
            True only if the strict inequality holds whatever was rounded.

        Raises
        ------
        TypeError, ValueError
            As `lower`.
        """
        margin: Either = self.margin(p_a, p_b)
        positive: NDArray[np.bool_] = np.asarray(margin > 0, dtype=bool)
        return plain(positive)

    def _complement(self, p: Either) -> Either:
        """Return 1 - p rounded down; exact for floats in [1/2, 1]."""
        return 1 - p if self.exact else np.where(p >= 0.5, 1.0 - p, down(1.0 - p))

    def _missing(self, p: Either) -> Either:
        """Return 1 - p rounded up; exact for floats in [1/2, 1]."""
        return 1 - p if self.exact else np.where(p >= 0.5, 1.0 - p, up(1.0 - p))


def largest_certified(
    pair_of: Callable[[int], TradeOff], p_a: Number, p_b: Number | None = None, *, most: int | None = None
) -> int:
    """Return the largest budget R with ``pair_of(R)`` certified, where certificates are only lost as R grows.

    Parameters
    ----------
    pair_of : callable
        ``pair_of(R)`` is the `TradeOff` against an attacker with a budget of R, for integers R >= 0.
    p_a, p_b : number, in [0, 1]
        As in `TradeOff.margin`.
    most : int >= 0, optional
        The largest budget that makes sense. None: there must be a budget that is not certified.

    Returns
    -------
    int
        -1 if not even R = 0 is certified, that is if ``p_a <= p_b``.

    Raises
    ------
    TypeError, ValueError
        As `TradeOff.lower`; ValueError also for a negative ``most``.
    """
    if most is not None:
        most = as_whole_number(most, "most", least=0)
    if not pair_of(0).certified(p_a, p_b):
        return -1
    largest, beyond = 0, 1
    while (most is None or beyond <= most) and pair_of(beyond).certified(p_a, p_b):
        largest, beyond = beyond, 2 * beyond
    if most is not None:
        beyond = min(beyond, most + 1)
    while beyond - largest > 1:
        middle = (largest + beyond) // 2
        largest, beyond = (middle, beyond) if pair_of(middle).certified(p_a, p_b) else (largest, middle)
    return largest


def power_by_squaring(pair: _Factor, n: int) -> _Factor:
    """Return the pair of ``n >= 1`` independent draws of each law, by at most ``2 log2(n)`` products."""
    while not n & 1:
        pair, n = pair * pair, n >> 1
    power = pair
    while n > 1:
        pair, n = pair * pair, n >> 1
        if n & 1:
            power = power * pair
    return power
