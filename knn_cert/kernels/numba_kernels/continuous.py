"""Votes and races of the continuous smoothed K-NN classifier by the trapezoid rule, block by block of nodes.

q(y) = int density of "the contest is decided at t, for y" dt in u, t = log(1 + e^u), over a window that grows
from where the contest is decided without noise until what its ends leave out is negligible.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...gate.distances import FARTHEST_NEIGHBOR
from .law import NODES, OUT_OF_REACH
from .law_table import Array, Block, LawTable, lagrange
from .races import ABOVE, BELOW, FAR, LAW, RaceFamily
from .winner import Vote

FEW_ROWS = 48  # up to here the law of each row is worked out by itself, without cells

# What may be left out of the integral, or of the buckets: this share of each q(y), or this much.
RELATIVE_TARGET, FLOOR = 1e-13, 1e-300
_LARGEST_DEFECT = 1e-9  # of the sum of the probabilities; beyond, no answer is given
_LARGEST_DOUBT = 5e-11  # what sums over far rows may err by, a share of each q(y); beyond, all are near
UNIT = 2.0**-53

Contest = RaceFamily | Vote  # what is integrated; both have the same attributes and methods

# The step of a level is 2^(-level / 2).
_FIRST_LEVEL = 6  # step 1/8: shows how fine the step has to be
_LAST_LEVEL = 24  # step 1/4096
_ROUGHLY = 1e-2  # how exactly probabilities are known that only choose the step
_MOST_BLOCKS = 1 << 14  # of a window
# The largest relative error that the trapezoid rule of four times the step may have; that of the step is its
# fourth power.
_LARGEST_RIPPLE = 1.5e-3


def check_resolution(distance: float) -> None:
    """Raise RuntimeError where doubles no longer resolve the noise."""
    if distance > FARTHEST_NEIGHBOR:
        raise RuntimeError(
            f"sigma is too small against the distances: the K-th nearest row lies at {distance:f} sigma, "
            f"expected at most {FARTHEST_NEIGHBOR:g}; use a larger sigma, or rescale the features"
        )


def check_total(total: float, tolerance: float = 0.0) -> None:
    """Raise RuntimeError where the probabilities do not add up to 1."""
    allowed = max(_LARGEST_DEFECT, 100.0 * tolerance)
    if not abs(total - 1.0) <= allowed:
        raise RuntimeError(
            f"the class probabilities add up to {total:f}, not to 1 within {allowed:g}: no certificate is "
            "issued; please report this table"
        )


def rounding(n_rows: int, n_lists: int, n_neighbors: int) -> float:
    """Relative, of sums of products of the law of all rows and of products of the lists' polynomials."""
    return UNIT * (6.0 * n_rows + 2.0 * n_lists * (n_neighbors + 2.0) + 200.0)


class RowLaws:
    """The laws of rows, at any block, as the kernels take them."""

    def __init__(self, law: LawTable, s: Array):
        self._law, self._s = law, s
        self._one_by_one = s.size <= FEW_ROWS
        self._cell, self._weights = (None, np.ones((s.size, 1))) if self._one_by_one else lagrange(s)

    def at(self, block: Block) -> tuple[Array, NDArray[np.int64], Array]:
        """Return cells, the cell of each row, and its weights there."""
        if self._one_by_one:
            return *block.rows_one_by_one(self._s), self._weights
        return *block.rows(self._cell, self._law.lock), self._weights


def _step(level: int) -> float:
    return 2.0 ** (-0.5 * level)


def _radii(level: int, index: int) -> Array:
    """Return the nodes t of a block; all queries share one global grid."""
    u = (NODES * index + np.arange(NODES)) * _step(level)
    return np.where(u > 40.0, u, np.log1p(np.exp(np.minimum(u, 40.0))))


def _position(t: float) -> float:
    """u of the node at t."""
    return t if t > 40.0 else math.log(math.expm1(t))


def _below(contest: Contest, dof: float, t: float) -> float:
    """Bound what the nodes below t add, as a multiple of P(y wins with the deciding row within t).

    The integrand is at most K max(f / F) P, and f / F <= d / t + s for d >= 1; `reference.nodes_below`
    derives it, and in how many units of u P falls.
    """
    u = _position(t)
    units = u - min(u, _position(1.0)) + (2.0 * math.log(contest.n_rows) + 3.0) / dof + 1.0
    return contest.n_neighbors * (dof + t + 40.0) * units


def _above(contest: Contest, dof: float, t: float) -> float:
    """Bound what the nodes above t add, as a multiple of P(the contest is open at t).

    `reference.nodes_above` derives it: f / U <= t + 1, and from a unit beyond where the rows that close the
    contest are expected, it is exponentially less likely to be open still.
    """
    late = max(t, math.sqrt(contest.decided**2 + max(0.0, dof - 1.0)) + 1.0)
    cells = 2.0 * (_position(late) - _position(t)) + 1.0 + 5.0 * contest.n_neighbors
    return 0.5 * contest.n_rows * (late + 2.0) * cells


class _Sum:
    """The trapezoid sum of one level over a growing window of blocks."""

    def __init__(self, law: LawTable, contest: Contest, rows: RowLaws, level: int):
        self._law, self._contest, self._rows, self._level = law, contest, rows, level
        self.phases = np.zeros((*contest.shape, 4))
        self.by_law, self.by_far = np.zeros((2, *contest.shape))
        self.last_t = 0.0
        t = math.sqrt(contest.decided**2 + law.dof)
        self._first = self._last = math.floor(_position(t) / (NODES * _step(level)))
        self._below, self._above = self._add(self._first)

    @property
    def q(self) -> Array:
        return self.phases.sum(axis=-1)

    def _add(self, index: int) -> Array:
        """Add a block; return bounds of what lies below it and above it, [2][shape]."""
        block = self._law.block((self._level, index), _radii)
        weight = -np.expm1(-block.t) * _step(self._level)  # times dt/du
        answers = self._contest.at_block(self._law, block, self._rows.at(block), weight)
        if not np.isfinite(answers).all():
            raise RuntimeError("the integrand is not a number; please report this table")
        self.phases += answers[..., :4]
        self.by_law += answers[..., LAW]
        self.by_far += answers[..., FAR]
        dof, first, last = self._law.dof, float(block.t[0]), float(block.t[-1])
        self.last_t = max(self.last_t, last)
        below = _below(self._contest, dof, first) * answers[..., BELOW]
        above = _above(self._contest, dof, last) * answers[..., ABOVE]
        return np.where(self._contest.possible, np.stack([below, above]), 0.0)

    def extend(self, relative: float, absolute: float) -> Array:
        """Add blocks until what lies beyond them is at most a share of each probability, or an amount.

        Returns a bound of what lies beyond.
        """
        while True:
            target = np.maximum(relative * self.q, absolute)
            up, down = bool((self._above > target).any()), bool((self._below > target).any())
            if not (up or down):
                return self._below + self._above
            if self._last - self._first > _MOST_BLOCKS:
                raise RuntimeError("the window of the integral does not close; please report this table")
            if up:
                self._last += 1
                self._above = self._add(self._last)[1]
            if down:
                self._first -= 1
                self._below = self._add(self._first)[0]

    def ripple(self) -> Array:
        """Return the relative error of the trapezoid rule at four times the step.

        The sum over every fourth node from node r on, times 4, is q + c cos(pi r / 2 + angle) + terms of half
        the period; the differences of opposite sums give both components of c, whatever the angle. The
        Fourier transform of the integrand falls at least exponentially: the error at the step itself is at
        most c^4.
        """
        q, (a, b, c, d) = self.q, np.moveaxis(self.phases, -1, 0)
        return np.where(q > 1e-290, 2.0 * np.hypot(a - c, b - d) / np.where(q > 1e-290, q, 1.0), 0.0)


def _finer_level(level: int, total: _Sum, tolerance: float, least: float) -> int:
    """Return the level, or the first one at which ripples of probabilities >= `least` should be small enough.

    Halving the step takes a ripple's half to its square (an exponential spectrum) or its fourth power (a
    bell's); the logarithm of an arrival has something between.
    """
    q, ripple = total.q, total.ripple()
    allowed = np.maximum(_LARGEST_RIPPLE, (tolerance / 16.0 / np.maximum(q, FLOOR)) ** 0.25)
    excess = np.where(q >= least, ripple / allowed, 0.0)
    worst = np.unravel_index(np.argmax(excess), excess.shape)
    if not excess[worst] > 1.0:
        return level
    half = min(0.5 * ripple[worst], 0.4)
    while level < _LAST_LEVEL:
        level, half = level + 1, half ** math.sqrt(2.8)
        if half <= 0.5 * allowed[worst]:
            break
    return level


def integrate(law: LawTable, contest: Contest, tolerance: float = 0.0) -> tuple[Array, Array]:
    """Return probabilities and bounds on their errors: relatively exact, or to an absolute `tolerance`."""
    check_resolution(contest.decided)
    for s, far in contest.ways():
        contest.use(far)
        total, left_out = _sum_of(law, contest, RowLaws(law, s), tolerance)
        if far is None or bool((total.by_far <= np.maximum(_LARGEST_DOUBT * total.q, tolerance / 8.0)).all()):
            break
    # Left out and rounding (bounded), the law (measured), the trapezoid rule (estimated).
    # Distances are divided by sigma, and each errs by two roundings of its own, so the rows that can be among
    # those within the last node err by `moved` in L2 norm. By Theorem 1 no probability changes by more than
    # one does whose normal quantile moves by that.
    q, n = total.q, contest.n_rows
    moved = 2.0 * UNIT * math.sqrt(n) * (total.last_t + OUT_OF_REACH)
    quantile = np.sqrt(-2.0 * np.log(np.clip(q, 1e-305, 1.0)))
    relative = rounding(n, contest.shape[-1], contest.n_neighbors) + np.expm1(moved * (quantile + 2.0))
    error = left_out + total.by_law + total.by_far + q * (relative + total.ripple() ** 4) + FLOOR
    return np.maximum(q, 0.0), np.where(contest.possible, error, 0.0)


def _sum_of(law: LawTable, contest: Contest, rows: RowLaws, tolerance: float) -> tuple[_Sum, Array]:
    """Return the sum at a level that is fine enough, and a bound of what it left out."""
    level = _FIRST_LEVEL
    while True:
        total = _Sum(law, contest, rows, level)
        if level == _FIRST_LEVEL:  # does its step do at all?
            total.extend(_ROUGHLY, _ROUGHLY)
            finer = _finer_level(level, total, tolerance, 10.0 * _ROUGHLY)
            if finer > level:
                level = finer
                continue
        left_out = total.extend(RELATIVE_TARGET, max(FLOOR, tolerance / 16.0))
        finer = _finer_level(level, total, tolerance, 0.0)
        if finer == level:
            return total, left_out
        level = finer
