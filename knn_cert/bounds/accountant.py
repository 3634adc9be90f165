"""A grid of log-ratios for products of many pairs: as many atoms as bins, and L never above the true one.

Bin k holds P0 mass at the ratio ``g_k = exp(k step)``, a real number; its P1 mass is g_k times that. Ratios
of bins multiply exactly, so a product is a convolution of P0 masses and nothing but masses is ever rounded:
down, which is sound for the reason given in merging.py.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import overload

import numpy as np

from .._types import FloatArray
from .arguments import InvalidInput, Numbers, as_whole_number, real
from .atoms import Atoms
from .merging import in_tails
from .rounding import LARGEST, Array, Number
from .tradeoff import TradeOff, power_by_squaring

__all__ = ["Grid"]

# Relative error of one operation.
_UNIT = 2.0**-53

# Bins below this are dropped. Products that underflow err by up to 2^-1075 each; next to this that is nothing
# (a convolution sums fewer than 2^26 of them), so relative bounds hold for every bin that stays.
_LEAST_MASS = 2.0**-900

# Bins that a grid may have: half a GB.
_MOST_BINS = 1 << 26

# Multiplications that one convolution may take: about a minute.
_MOST_WORK = 1 << 34


class Grid(TradeOff):
    """A pair of laws, made easier to tell apart so that its ratios lie on the grid ``exp(k step)``.

    Made by `Grid.of`; products and powers of grids of the same step are grids.

    Attributes
    ----------
    step : float > 0
        Distance of neighbouring log-ratios.
    first : int
        Index k of the first bin.
    masses : array (n,), float64, read-only
        P0 masses of the bins ``first, ..., first + n - 1``. The mass missing to 1 counts as ratio 0 under P0,
        as ratio infinity under P1.
    """

    step: float
    first: int
    masses: FloatArray

    def __init__(self, step: float, first: int, masses: FloatArray) -> None:
        heavy = np.flatnonzero(masses > _LEAST_MASS)
        self.step = step
        self.first = int(first + heavy[0]) if len(heavy) else 0
        self.masses = masses[heavy[0] : heavy[-1] + 1].copy() if len(heavy) else np.zeros(0)
        self.masses[self.masses <= _LEAST_MASS] = 0.0
        self.masses.setflags(write=False)

    @classmethod
    def of(cls, pair: TradeOff, step: float) -> Grid:
        """Return ``pair`` on a grid: each atom split between the two bins next to it, both masses preserved.

        Parameters
        ----------
        pair : TradeOff
            A pair with atoms.
        step : float, 2**-20 <= step <= 1
            Distance of neighbouring log-ratios: a shorter one loses less, half of it takes four times the
            work.

        Returns
        -------
        Grid

        Raises
        ------
        TypeError
            If ``step`` is not a number.
        ValueError
            If ``step`` is out of range.
        """
        step = real(step, "step")
        if not 2.0**-20 <= step <= 1.0:
            raise InvalidInput(f"step must lie in [2**-20, 1], a distance of log-ratios, got {step!r}")
        ratios, atom_masses = pair.atoms().in_floats()
        if not len(ratios):
            return cls(step, 0, np.zeros(0))
        logs = np.log(ratios)
        below = np.floor(logs / step)
        # The share w of the P0 mass that goes up: g_k + w (g_{k+1} - g_k) = r, divided by g_k.
        share = np.clip(np.expm1(logs - below * step) / math.expm1(step), 0.0, 1.0)
        # Errors of log r, k step and their difference, a few units of |log r| + 1 at most, become relative
        # errors of the P1 mass; lowering both parts by more than that keeps it below that of the atom.
        kept = atom_masses * (1.0 - 16.0 * _UNIT * (np.abs(logs) + 2.0))
        k = below.astype(np.int64)
        first, last = int(k.min()), int(k.max()) + 1
        if last - first >= _MOST_BINS:
            raise InvalidInput(
                f"a grid must have at most {_MOST_BINS} bins, got {last - first + 1} of step {step!r} "
                f"between the log-ratios {logs.min():.6g} and {logs.max():.6g}; use a larger step"
            )
        masses = np.zeros(last - first + 1)
        np.add.at(masses, k - first, kept * (1.0 - share))
        np.add.at(masses, k - first + 1, kept * share)
        # A bin is the sum of at most 2 n products.
        return cls(step, first, masses * (1.0 - 4.0 * len(ratios) * _UNIT))

    def __mul__(self, other: TradeOff) -> Grid:
        """Return the pair of independent laws, by direct convolution of the P0 masses."""
        if not isinstance(other, TradeOff):
            return NotImplemented
        if not isinstance(other, Grid):
            other = Grid.of(other, self.step)
        if self.step != other.step:
            raise InvalidInput(
                f"grids must have the same step to multiply, got {self.step!r} and {other.step!r}"
            )
        n, m = len(self.masses), len(other.masses)
        if n * m > _MOST_WORK:
            raise InvalidInput(
                f"grids must have at most {_MOST_WORK} pairs of bins to convolve directly, got {n} x {m}; "
                "use a larger step"
            )
        if not n or not m:
            return Grid(self.step, 0, np.zeros(0))
        # Sums of at most min(n, m) products of non-negative floats, each product and each addition rounded
        # once.
        masses = np.convolve(self.masses, other.masses) * (1.0 - 2.0 * (min(n, m) + 2) * _UNIT)
        return Grid(self.step, self.first + other.first, masses)._trimmed()

    def _trimmed(self) -> Grid:
        """Return the grid without its tails, see merging.py."""
        logs = (self.first + np.arange(len(self))) * self.step
        with np.errstate(divide="ignore"):
            alternative = np.exp(np.minimum(logs + np.log(self.masses), 0.0))
        tails = in_tails(self.masses, alternative, logs < 0.0, logs > 0.0)
        return Grid(self.step, self.first, np.where(tails, 0.0, self.masses))

    def __pow__(self, n: int) -> Grid:
        """Return the pair of ``n`` independent draws of each law, by squaring."""
        n = as_whole_number(n, "the power of a pair", least=0)
        return power_by_squaring(self, n) if n else Grid(self.step, 0, np.ones(1))

    def __len__(self) -> int:
        return len(self.masses)

    def __repr__(self) -> str:
        return f"Grid(step={self.step}, first={self.first}, {len(self)} bins)"

    @overload
    def lower(self, p: Number) -> Number: ...
    @overload
    def lower(self, p: Numbers) -> Array: ...
    def lower(self, p: Number | Numbers) -> Number | Array:
        """Return L(p); see `TradeOff.lower`."""
        return self._atoms.lower(p)

    @property
    def least_p_a(self) -> Number:
        """p* with L(p*) = 1/2; see `TradeOff.least_p_a`."""
        return self._atoms.least_p_a

    @property
    def total_variation(self) -> Number:
        """The largest P0(S) - P1(S) of any set S, rounded up."""
        return self._atoms.total_variation

    def atoms(self) -> Atoms:
        """Return the pair as `Atoms`, of floats."""
        return self._atoms

    @cached_property
    def _atoms(self) -> Atoms:
        logs = (self.first + np.arange(len(self))) * self.step
        # exp() errs by a unit, its argument by a relative one; bins whose ratio underflows are lost, those
        # whose ratio overflows are lowered.
        with np.errstate(over="ignore", under="ignore"):
            ratios = np.exp(logs) * (1.0 - 4.0 * _UNIT * (np.abs(logs) + 2.0))
        ratios = np.minimum(ratios, LARGEST)
        kept = (self.masses > 0.0) & (ratios > np.finfo(np.float64).tiny)
        return Atoms._of(ratios[kept], self.masses[kept])
