"""The worst of several pairs of laws, as one pair: what an attacker with several attacks can achieve."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from .arguments import Numbers
from .atoms import Atoms
from .hulls import envelope
from .rounding import Array, Either, Number
from .tradeoff import TradeOff

__all__ = ["WorstCase"]


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
    def exact(self) -> bool:
        """Whether every pair has Fractions."""
        return all(pair.exact for pair in self.pairs)

    @overload
    def lower(self, p: Number) -> Number: ...
    @overload
    def lower(self, p: Numbers) -> Array: ...
    def lower(self, p: Number | Numbers) -> Number | Array:
        """Return L(p); see `TradeOff.lower`."""
        return _least([pair.lower(p) for pair in self.pairs])

    @overload
    def margin(self, p_a: Number, p_b: Number | None = None) -> Number: ...
    @overload
    def margin(self, p_a: Numbers, p_b: Number | Numbers | None = None) -> Array: ...
    @overload
    def margin(self, p_a: Number | Numbers, p_b: Numbers) -> Array: ...
    def margin(self, p_a: Number | Numbers, p_b: Number | Numbers | None = None) -> Number | Array:
        """Return the margin; see `TradeOff.margin`."""
        # not from L and U, which may be least for different attacks
        return _least([pair.margin(p_a, p_b) for pair in self.pairs])

    @property
    def least_p_a(self) -> Number:
        """p* with L(p*) = 1/2; see `TradeOff.least_p_a`."""
        return max(pair.least_p_a for pair in self.pairs)

    @property
    def total_variation(self) -> Number:
        """The largest P0(S) - P1(S) of any set S under any of the pairs, rounded up."""
        return max(pair.total_variation for pair in self.pairs)

    def __mul__(self, other: TradeOff) -> WorstCase:
        """Return the worst case where attacked data and other, independent data make up what is smoothed."""
        if not isinstance(other, TradeOff):
            return NotImplemented
        others = other if isinstance(other, WorstCase) else WorstCase((other,), True, "")
        pairs = tuple(one * two for one in self.pairs for two in others.pairs)
        method = " and ".join(filter(None, [self.method, others.method]))
        return WorstCase(pairs, self.tight and others.tight, method)

    def atoms(self) -> Atoms:
        """Return one pair that dominates all of them."""
        return envelope(self.pairs)


def _least(values: Sequence[Either]) -> Number | Array:
    least: Number | Array = functools.reduce(np.minimum, values)
    return least
