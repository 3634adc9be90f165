"""Votes and races of the continuous smoothed K-NN classifier by the trapezoid rule, block by block of nodes.

q(y) = int density of "the contest is decided at t, for y" dt in u, t = log(1 + e^u), over a window that grows
from where the contest is decided without noise until what its ends leave out is negligible.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .law_table import _MOST_TERMS, CELLS_PER_UNIT, OUT_OF_REACH, LawTable
from .limits import (
    FEW_ROWS,
    FLOOR,
    LARGEST_DEFECT,
    LARGEST_DISTANCE,
    NODES,
    RELATIVE_TARGET,
    UNIT,
)
from .races import ABOVE, BELOW, LAW
from .tallies import SKIP

_FIRST_LEVEL = 4  # step 1/16
_LAST_LEVEL = 12  # step 1/4096
_MOST_BLOCKS = 1 << 14  # of a window
# The largest relative error that the trapezoid rule of four times the step may have; that of the step is its
# fourth power.
_LARGEST_RIPPLE = 1.5e-3


class Contest(Protocol):
    """What is integrated: a family of races, or a vote of more than two classes."""

    s: NDArray[np.float64]  # distance / sigma of the rows
    n_neighbors: int  # the contest is decided at this arrival at the latest
    decided: float  # where it is without noise
    shape: tuple[int, ...]  # of the probabilities
    possible: NDArray[np.bool_]  # which of them are not zero for want of rows
    tally_size: int  # of the largest tally

    def at_block(self, block: tuple, rows: tuple, weight, work: tuple) -> tuple[int, NDArray[np.float64]]:
        """Return the first row whose cell is missing, or -1, and the answers (`races`) of shape `shape`."""


def check_resolution(distance: float) -> None:
    """Raise RuntimeError where doubles no longer resolve the noise."""
    if distance > LARGEST_DISTANCE:
        raise RuntimeError(
            f"sigma is too small against the distances: the K-th nearest row lies at {distance:f} sigma, "
            f"expected at most {LARGEST_DISTANCE:g}; use a larger sigma, or rescale the features"
        )


def check_total(total: float, tolerance: float = 0.0) -> None:
    """Raise RuntimeError where the probabilities do not add up to 1."""
    allowed = max(LARGEST_DEFECT, 100.0 * tolerance)
    if not abs(total - 1.0) <= allowed:
        raise RuntimeError(
            f"the class probabilities add up to {total:f}, not to 1 within {allowed:g}: no certificate is "
            "issued; please report this table"
        )


def place(s: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Return s, the cell of each row and its place x in the cell, -1 <= x <= 1."""
    cells = s * CELLS_PER_UNIT
    number = np.floor(cells)
    return s, number.astype(np.int64), 2.0 * (cells - number) - 1.0


def new_work(tally_size: int) -> tuple[NDArray[np.float64], ...]:
    """Return scratch for `tallies.add_rows`."""
    return np.empty(3 * NODES), np.empty(_MOST_TERMS), np.empty(tally_size)


def _radii(level: int, index: int) -> NDArray[np.float64]:
    """Return the nodes t of a block; all queries share one global grid."""
    u = (NODES * index + np.arange(NODES)) * math.ldexp(1.0, -level)
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
    units = u - min(u, _position(1.0)) + (2.0 * math.log(contest.s.size) + 3.0) / dof + 1.0
    return contest.n_neighbors * (dof + t + 40.0) * units


def _above(contest: Contest, dof: float, t: float) -> float:
    """Bound what the nodes above t add, as a multiple of P(the contest is open at t).

    `reference.nodes_above` derives it: f / U <= t + 1, and from a unit beyond where the rows that close the
    contest are expected, it is exponentially less likely to be open still.
    """
    late = max(t, math.sqrt(contest.decided**2 + max(0.0, dof - 1.0)) + 1.0)
    cells = 2.0 * (_position(late) - _position(t)) + 1.0 + 5.0 * contest.n_neighbors
    return 0.5 * contest.s.size * (late + 2.0) * cells


class _Sum:
    """The trapezoid sum of one level over a growing window of blocks."""

    def __init__(self, law: LawTable, contest: Contest, rows: tuple, work: tuple, level: int):
        self._law, self._contest, self._rows, self._work, self._level = law, contest, rows, work, level
        self.phases = np.zeros((*contest.shape, 4))
        self.by_law = np.zeros(contest.shape)
        self.first_t = self.last_t = 0.0

    def add(self, index: int) -> NDArray[np.float64]:
        """Add a block; return bounds of what lies below it and above it, [2][shape]."""
        one_by_one = self._rows[0].size <= FEW_ROWS
        block = self._law.block((self._level, index), _radii, one_by_one)
        t = block.t
        weight = -np.expm1(-t) * math.ldexp(1.0, -self._level)  # the step times dt/du
        while True:
            missing, answers = self._contest.at_block(block.arguments, self._rows, weight, self._work)
            if missing < 0:
                break
            self._law.build(block, self._rows[1][missing:])
        self.phases += answers[..., :4]
        self.by_law += answers[..., LAW]
        dof, last = self._law.dof, float(t[-1])
        self.last_t = max(self.last_t, last)
        bounds = np.stack(
            [
                _below(self._contest, dof, float(t[0])) * answers[..., BELOW],
                _above(self._contest, dof, last) * answers[..., ABOVE],
            ]
        )
        return np.where(self._contest.possible, bounds, 0.0)

    def over_window(self, tolerance: float) -> NDArray[np.float64]:
        """Add blocks until what lies beyond them is negligible; return a bound of that."""
        t = math.sqrt(self._contest.decided**2 + self._law.dof)
        first = last = math.floor(_position(t) * math.ldexp(1.0, self._level) / NODES)
        below, above = self.add(first)
        while True:
            q = self.phases.sum(axis=-1)
            target = np.maximum(np.maximum(RELATIVE_TARGET * q, FLOOR), tolerance / 16.0)
            up, down = bool((above > target).any()), bool((below > target).any())
            if not (up or down):
                return below + above
            if last - first > _MOST_BLOCKS:
                raise RuntimeError("the window of the integral does not close; please report this table")
            if up:
                last += 1
                above = self.add(last)[1]
            if down:
                first -= 1
                below = self.add(first)[0]


def _ripple(phases: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the relative error of the trapezoid rule at four times the step.

    The sum over every fourth node from node r on, times 4, is q + c cos(pi r / 2 + angle) + terms of half the
    period; the differences of opposite sums give both components of c, whatever the angle. The Fourier
    transform of the integrand falls at least exponentially: the error at the step itself is at most c^4.
    """
    c = 2.0 * np.hypot(phases[..., 0] - phases[..., 2], phases[..., 1] - phases[..., 3])
    return np.where(q > 1e-290, c / np.where(q > 1e-290, q, 1.0), 0.0)


def integrate(
    law: LawTable, contest: Contest, tolerance: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return probabilities and bounds on their errors: relatively exact, or to an absolute `tolerance`."""
    check_resolution(contest.decided)
    rows, work = place(contest.s), new_work(contest.tally_size)
    largest = max(_LARGEST_RIPPLE, (tolerance / 16.0) ** 0.25)
    level = _FIRST_LEVEL if tolerance == 0.0 else _FIRST_LEVEL - 1
    while True:
        total = _Sum(law, contest, rows, work, level)
        left_out = total.over_window(tolerance)
        q = total.phases.sum(axis=-1)
        ripple = _ripple(total.phases, q)
        r = float(ripple.max())
        if r <= largest or level == _LAST_LEVEL:
            break
        while r > largest and level < _LAST_LEVEL:  # a bell: its fourth power at half the step
            r, level = min(r, 0.5) ** 4, level + 1
    # Left out and rounding (bounded), the law (measured), the trapezoid rule (estimated). Three roundings a
    # row for each of two factors, those of products of polynomials, and the rows left out: each list's
    # polynomials by SKIP, the one with a row at the node by twice that.
    n, n_lists = contest.s.size, contest.shape[-1]
    rounding = UNIT * (6.0 * n + 2.0 * n_lists * (contest.n_neighbors + 2.0) + 200.0)
    rounding += 2.0 * (n_lists + 1.0) * SKIP
    # Distances are divided by sigma, and each errs by two roundings of its own, so the rows that can be among
    # those within the last node err by `moved` in L2 norm. By Theorem 1 no probability changes by more than
    # one does whose normal quantile moves by that.
    moved = 2.0 * UNIT * math.sqrt(n) * (total.last_t + OUT_OF_REACH)
    quantile = np.sqrt(-2.0 * np.log(np.clip(q, 1e-305, 1.0)))
    relative = rounding + np.expm1(moved * (quantile + 2.0)) + ripple**4
    error = left_out + total.by_law + q * relative + FLOOR
    return q, np.where(contest.possible, error, 0.0)
