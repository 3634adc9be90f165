"""The law of many rows at a block of nodes, by interpolation in s: near rows one by one, far ones by sums.

For a fixed node t the functions s -> F, U, f are entire. Rows that are counted one by one are interpolated in
cells of width 1/16 by 14 Chebyshev points: F, U and f then have a relative error below 1e-12 as far out as
doubles go (measured). Of far rows only sums of log U and of powers of F / U are needed, from cells of width
1/4, with an estimate of their error (far.py). What a cell holds depends on (dof, nodes, its number), never on
who asked first: answers depend neither on threads nor on the company of other queries.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .law import CHUNK, LAST_SUMMED, NODES, OUT_OF_REACH, fill_terms, largest_term, laws, reach

Array = NDArray[np.float64]

NEAR_CELLS, FAR_CELLS = 16.0, 4.0  # a unit of s
POINTS = 14
_ANGLES = np.pi * (np.arange(POINTS) + 0.5) / POINTS
# The values at the points -> Chebyshev coefficients.
TRANSFORM = np.cos(np.arange(POINTS)[:, None] * _ANGLES) * (2.0 / POINTS)
TRANSFORM[0] *= 0.5

# The first two cells that rows are told to be in: F = 1, and F = 0 but for nodes at infinity.
_INSIDE, BEYOND = 0, 1

# Odds F / U of far rows beyond this are cut off: where there are any, those of all near rows, 32 or more, are
# larger still, and the integrand is zero. Powers of sums of them do not overflow.
_LARGEST_ODDS = 1e12
# Beyond this distance from the last node the law of far rows is not tabled: F < 1e-32.
_FAR_REACH = 12.0
MOST_FAR_CELLS = 4096  # rows in cells beyond are bounded like those beyond that distance


def lagrange(s: Array) -> tuple[NDArray[np.int64], Array]:
    """Return the cell of each row, and its weights [row][point]."""
    cell = np.floor(s * NEAR_CELLS)
    x = 2.0 * (s * NEAR_CELLS - cell) - 1.0
    powers = np.ones((POINTS, s.size))  # T_k(x)
    powers[1] = x
    for k in range(2, POINTS):
        powers[k] = 2.0 * x * powers[k - 1] - powers[k - 2]
    return cell.astype(np.int64), powers.T @ TRANSFORM


def far_functions(n_powers: int) -> int:
    """Count the functions of a far row: log U, (F / U)^m, 1 <= m <= D, (f / U) (F / U)^m, m < D."""
    return 2 * n_powers + 1


class Block:
    """The law at a block of nodes, increasing radii in units of sigma; 0 and infinity are allowed."""

    def __init__(self, dof: float, t: Array):
        self._dof, self.t = dof, t
        finite = t[np.isfinite(t)]
        nearest, self._last = float(finite[0]), float(finite[-1])
        n_terms = 0
        if nearest <= LAST_SUMMED:
            summed = float(finite[finite <= LAST_SUMMED][-1])
            peak = largest_term.py_func(dof, summed + OUT_OF_REACH, summed)
            n_terms = CHUNK * -(-int(peak + reach.py_func(peak) + 1.0) // CHUNK)
        self._terms = np.empty(3 * NODES * n_terms)
        order = 0.5 * dof - (math.ceil(0.5 * dof) - 1.0)  # 0 < order <= 1
        fill_terms(dof, t, order, special.gammaincc(order, 0.5 * t * t), self._terms)
        # Up to the first of these cells F = 1, from the second one on F = 0, both in binary64.
        far, whole = self._last + OUT_OF_REACH, math.floor(dof)
        low = math.sqrt(max(0.0, max(0.0, nearest - OUT_OF_REACH) ** 2 - whole - 1.0))
        high = min(far, math.sqrt(max(0.0, far**2 - whole + 1.0)))
        self._sure = int(low * NEAR_CELLS) - 1, int(high * NEAR_CELLS) + 1
        sure = np.zeros((2, POINTS, 3, NODES))
        sure[_INSIDE, :, 0] = 1.0
        sure[BEYOND, :, 0] = np.isinf(t)
        sure[:, :, 1] = 1.0 - sure[:, :, 0]
        # Numbers of cells, increasing, where each is, and they: replaced, as other threads may be reading.
        self._near = np.array(self._sure), np.array([_INSIDE, BEYOND]), sure.reshape(2, POINTS, -1)
        self._far: dict[int, tuple[int, Array, Array]] = {}  # by number of powers

    def _laws(self, s: Array, rest: Array) -> Array:
        values = np.empty((s.size, 3 * NODES))
        laws(self._dof, self.t, self._terms, s, rest, values)
        return values

    def rows_one_by_one(self, s: Array) -> tuple[Array, NDArray[np.int64]]:
        """Return laws [row][1][F, U, f] and where each row finds its own, worked out for itself."""
        return self._laws(s, np.zeros(s.size))[:, None], np.arange(s.size)

    def rows(self, cell: NDArray[np.int64], lock: threading.Lock) -> tuple[Array, NDArray[np.int64]]:
        """Return cells [cell][point][F, U, f] and where each row finds its own."""
        number = np.clip(cell, *self._sure)
        known, where, cells = self._near
        if (known[np.searchsorted(known, number)] != number).any():
            with lock:
                known, where, cells = self._near
                wanted = np.setdiff1d(number, known)
                values = self._at_points(wanted, NEAR_CELLS)
                where = np.concatenate([where, np.arange(len(cells), len(cells) + wanted.size)])
                known = np.concatenate([known, wanted])
                order = np.argsort(known)
                known, where, cells = known[order], where[order], np.concatenate([cells, values])
                self._near = known, where, cells
        return cells, where[np.searchsorted(known, number)]

    def _at_points(self, cell: NDArray[np.int64], per_unit: float) -> Array:
        """Return F, U, f at the points of cells, [cell][point][3 NODES]."""
        # s exactly, as a sum: far out its last bit would cost F several
        middle, offset = np.broadcast_arrays(cell[:, None] + 0.5, 0.5 * np.cos(_ANGLES))
        s = middle + offset
        part = s - middle
        rest = (middle - (s - part)) + (offset - part)
        values = self._laws(s.ravel() / per_unit, rest.ravel() / per_unit)
        return values.reshape(cell.size, POINTS, 3 * NODES)

    def far(self, first: int, end: int, n_powers: int, lock: threading.Lock) -> tuple[Array, Array]:
        """Return the functions of far rows in cells first .. end - 1, and their errors; not of very far ones.

        [cell][point][function][node], and [cell][function][node]: the last two Chebyshev coefficients, which
        are larger than what the interpolation leaves out, as long as these at least halve.
        """
        end = max(first + 1, min(end, int((self._last + _FAR_REACH) * FAR_CELLS) + 1))
        with lock:
            if n_powers not in self._far:
                self._far[n_powers] = first, *self._far_cells(first, end, n_powers)
            start, values, errors = self._far[n_powers]
            stop = start + len(values)
            if max(end, stop) - min(first, start) > MOST_FAR_CELLS:  # another query's rows were elsewhere
                if first < start or end > stop:
                    start, values, errors = first, *self._far_cells(first, end, n_powers)
            elif first < start or end > stop:
                before = self._far_cells(first, start, n_powers)
                behind = self._far_cells(stop, end, n_powers)
                values = np.concatenate([before[0], values, behind[0]])
                errors = np.concatenate([before[1], errors, behind[1]])
                start = min(first, start)
            self._far[n_powers] = start, values, errors
        return values[first - start : end - start], errors[first - start : end - start]

    def _far_cells(self, first: int, end: int, n_powers: int) -> tuple[Array, Array]:
        law = self._at_points(np.arange(first, max(first, end)), FAR_CELLS)
        F, U, f = np.moveaxis(law.reshape(*law.shape[:2], 3, NODES), 2, 0)
        least = np.maximum(U, 1.0 / _LARGEST_ODDS)
        odds, hazard = F / least, f / least
        powers = odds[:, :, None] ** np.arange(n_powers + 1)[:, None]
        values = np.concatenate(
            [np.log(least)[:, :, None], powers[:, :, 1:], hazard[:, :, None] * powers[:, :, :-1]], axis=2
        )
        last = np.tensordot(values, TRANSFORM[-2:], axes=(1, 1))  # [cell][function][node][coefficient]
        return values, np.abs(last).sum(axis=-1)

    @property
    def size(self) -> int:
        """Bytes."""
        arrays = [self._terms, *self._near, *(v for far in self._far.values() for v in far[1:])]
        return sum(array.nbytes for array in arrays)


# Bytes of all blocks of a law; a table that has more starts afresh.
_TABLE_SIZE = 256 << 20


class LawTable:
    """The blocks of one law, shared by queries and threads."""

    def __init__(self, dof: float):
        self.dof = dof
        self.lock = threading.Lock()
        self._blocks: dict = {}

    def block(self, key: tuple, radii: Callable[..., Array]) -> Block:
        """Return the block of that key; radii(*key) are its nodes."""
        block = self._blocks.get(key)
        if block is None:
            block = Block(self.dof, radii(*key))
            with self.lock:
                if sum(other.size for other in self._blocks.values()) > _TABLE_SIZE:
                    self._blocks.clear()
                block = self._blocks.setdefault(key, block)
        return block
