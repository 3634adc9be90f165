"""Theorem 1 of RAB for any pair of laws: what L, the trade-off function of the pair, certifies.

P0 is the law of the smoothed object at the observed input, P1 its law at the other input, the one the
guarantee is about. Tests phi take values in [0, 1]; a base classifier's votes for one class are such a test.
"""

from __future__ import annotations

import numpy as np

from .arguments import count, probability
from .rounding import down, up

__all__ = ["TradeOff", "largest_certified"]


class TradeOff:
    """A pair of laws (P0, P1), known by ``L(p) = min {E1 phi : E0 phi >= p}``; RAB writes ``beta*(1 - p)``.

    A subclass gives ``exact``, ``lower``, ``least_p_a``, ``total_variation`` and ``atoms``. Where ``exact``
    is True, numbers are Fractions and nothing is rounded. Otherwise they are floats, rounded so that the pair
    looks easier to tell apart than it is: L is never above the true one, U never below, and a certificate
    remains true.
    """

    exact = False

    def lower(self, p):
        """L(p), a lower bound on P1 of everything whose P0 is at least ``p``.

        Parameters
        ----------
        p : number or array, in [0, 1]

        Returns
        -------
        Fraction, float or array
            Of the shape of ``p``: convex, non-decreasing, at most p.

        Raises
        ------
        TypeError
            If ``p`` is not numeric.
        ValueError
            If a value is NaN or outside [0, 1].
        """
        raise NotImplementedError

    @property
    def least_p_a(self):
        """p* with L(p*) = 1/2, for two classes: p_A above it certifies. At most 1, which no p_A exceeds."""
        raise NotImplementedError

    @property
    def total_variation(self):
        """The largest P0(S) - P1(S) of any set S, rounded up."""
        raise NotImplementedError

    def atoms(self):
        """The pair, or one that dominates it, as `Atoms`: what products and envelopes of unlike pairs use."""
        raise NotImplementedError

    def upper(self, p):
        """``U(p) = max {E1 phi : E0 phi <= p} = 1 - L(1 - p)``; RAB writes ``1 - beta*(p)``.

        Parameters
        ----------
        p : number or array, in [0, 1]

        Returns
        -------
        Fraction, float or array
            Of the shape of ``p``, at least p.

        Raises
        ------
        TypeError, ValueError
            As `lower`.
        """
        p = probability("p", p, exact=self.exact, side="above")
        value = 1 - self.lower(self._complement(p))
        return value if self.exact else _plain(np.minimum(up(value), 1.0))

    def margin(self, p_a, p_b=None):
        """``L(p_a) - U(p_b)``, with ``p_b`` replaced by ``1 - p_a`` where that is less: positive certifies.

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
            Of the broadcast shape, rounded down.

        Raises
        ------
        TypeError, ValueError
            As `lower`.
        """
        p_a = probability("p_a", p_a, exact=self.exact, side="below")
        # U(p_b) = 1 - L(1 - p_b), and 1 - min(p_b, 1 - p_a) = max(1 - p_b, p_a): p_a itself needs no
        # difference.
        spared = p_a
        if p_b is not None:
            p_b = probability("p_b", p_b, exact=self.exact, side="above")
            spared = np.maximum(p_a, self._complement(p_b))
        margin = down(down(self.lower(p_a) + self.lower(spared)) - 1)
        return margin if self.exact else _plain(margin)

    def certified(self, p_a, p_b=None):
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
        certified = np.asarray(self.margin(p_a, p_b) > 0, dtype=bool)
        return certified if certified.ndim else bool(certified)

    def _complement(self, p):
        """1 - p rounded down; exact for floats in [1/2, 1]."""
        return 1 - p if self.exact else np.where(p >= 0.5, 1.0 - p, down(1.0 - p))

    def _missing(self, p):
        """1 - p rounded up; exact for floats in [1/2, 1]."""
        return 1 - p if self.exact else np.where(p >= 0.5, 1.0 - p, up(1.0 - p))


def largest_certified(pair_of, p_a, p_b=None, *, most=None):
    """Largest budget R for which ``pair_of(R)`` is certified, where certificates can only be lost as R grows.

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
        most = count("most", most)
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


def _plain(value):
    """A float for one number, an array for several."""
    return value if np.ndim(value) else float(value)
