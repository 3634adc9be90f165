"""Piecewise polynomials in s of the distance law at eight nodes: cells, built on first use.

The twin of csrc/include/knn_cert/law_table.hpp and of the cells of law_block.hpp. For a fixed node t the
functions s -> F, U, f are entire, so that on a cell of width 1/8 in s a polynomial of 12 terms does, or one
of 18 where they change a lot: measured, f and the smaller tail are within a relative 3e-13 of single
evaluation up to 15 standard deviations, and within 8e-13 up to 37, where they leave the range of doubles.
What a cell holds depends only on (dof, nodes, cell index), never on who asked first: results do not depend on
threads.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .distance_law import split_sum
from .jit import inner, variable
from .lanes import LANES, fused, load, spread, store
from .law_block import evaluate

# Coefficients of a cell's polynomials: long ones where F or U changes by more than a factor e over the cell.
SHORT, LONG = 12, 18
CELLS_PER_UNIT = 8.0  # cells have width 1/8 in s

# Which functions a cell holds: f and the smaller tail, where the other is its harmless complement (F or U <=
# 0.75 at all nodes), else f, F and U; nothing where F = 1, U = f = 0 or F = f = 0, U = 1 in binary64. Cells
# of buckets hold (F_low, F_high), (U_low, U_high) or (F_low, U_low, F_high, U_high), low and high being the
# ends of each bucket.
LOWER, UPPER, BOTH, INSIDE, OUTSIDE = range(5)
_COMPLEMENT_LIMIT = 0.75

LAST_TABLED_RADIUS = 2000.0  # beyond, rows are few: evaluated one by one
_MOST_FUNCTIONS = 4
# Room for all cells that one block can have, (LAST_TABLED_RADIUS + 40) CELLS_PER_UNIT of four long functions.
_TABLE_BYTES = 80 << 20
_MAX_CELLS = 1 << 17  # cells of which most hold nothing
_MAX_BLOCKS = 1 << 12
_MAX_PLACES = 1 << 22


class LawTable(NamedTuple):
    """The cells of the blocks of eight nodes of one law; a block has a place for each cell it can need."""

    coefficients: np.ndarray  # [cell][function][power][lane], one after the other
    kind: np.ndarray  # per cell
    terms: np.ndarray  # per cell: SHORT or LONG
    start: np.ndarray  # per cell: of its coefficients
    ends: np.ndarray  # per cell: F at the last node at the cell's left and right end (F falls in s), and f
    cell_at: np.ndarray  # per place: the cell, or ABSENT
    block_key: np.ndarray  # per block: level and index
    block_start: np.ndarray  # per block: its first place
    used: np.ndarray  # doubles of coefficients, cells, places, blocks
    values: np.ndarray  # scratch: [point][function][lane] for two node laws
    chebyshev: np.ndarray  # scratch: [18][8]


ABSENT = -1


def new_table() -> LawTable:
    """An empty table. Memory that is not touched is not taken."""
    return LawTable(
        np.empty(_TABLE_BYTES // 8),
        np.empty(_MAX_CELLS, dtype=np.int64),
        np.empty(_MAX_CELLS, dtype=np.int64),
        np.empty(_MAX_CELLS, dtype=np.int64),
        np.empty(4 * _MAX_CELLS),
        np.empty(_MAX_PLACES, dtype=np.int32),
        np.empty(2 * _MAX_BLOCKS, dtype=np.int64),
        np.empty(_MAX_BLOCKS, dtype=np.int64),
        np.zeros(4, dtype=np.int64),
        np.empty(2 * 3 * LONG * LANES),
        np.empty(LONG * LANES),
    )


@inner
def n_places(t_max):
    """Cells of a block whose last finite node is t_max: rows beyond t_max + 40 have F < Phi(-40) = 0."""
    return int((min(t_max, LAST_TABLED_RADIUS) + 40.0) * CELLS_PER_UNIT) + 2


@inner
def has_room(table, n_cells):
    """Whether so many cells more fit in, whatever they hold."""
    functions = n_cells * _MOST_FUNCTIONS * LONG * LANES
    return table.used[0] + functions <= table.coefficients.size and table.used[1] + n_cells <= table.kind.size


@inner
def start_afresh(table):
    """Forget all cells and blocks."""
    for i in range(table.used.size):
        table.used[i] = 0


@inner
def find_block(table, level, index, size):
    """The first place of a block of that size; where there are no places left the table starts afresh."""
    used = table.used
    for b in range(used[3] - 1, -1, -1):
        if table.block_key[2 * b] == level and table.block_key[2 * b + 1] == index:
            return table.block_start[b]
    if used[2] + size > table.cell_at.size or used[3] == table.block_start.size:
        start_afresh(table)
    b, start = used[3], used[2]
    table.block_key[2 * b], table.block_key[2 * b + 1] = level, index
    table.block_start[b] = start
    for place in range(start, start + size):
        table.cell_at[place] = ABSENT
    used[2] += size
    used[3] += 1
    return start


def _points(n):
    """The Chebyshev points of [-1, 1]."""
    return np.cos(np.pi * (np.arange(n) + 0.5) / n)


def _chebyshev_transform(n):
    """Values at the Chebyshev points -> Chebyshev coefficients, flat [coefficient][point]."""
    k = np.arange(n)[:, None]
    scale = np.where(k == 0, 1.0, 2.0) / n
    return (scale * np.cos(np.pi * k * (np.arange(n) + 0.5) / n)).ravel()


def _chebyshev_powers():
    """[m][k]: the coefficient of x^k in T_m."""
    powers = np.zeros((LONG, LONG))
    powers[0, 0] = powers[1, 1] = 1.0
    for m in range(2, LONG):  # T_m = 2 x T_{m-1} - T_{m-2}
        powers[m, 1:] = 2.0 * powers[m - 1, :-1]
        powers[m] -= powers[m - 2]
    return powers


# of SHORT cells, then of LONG ones
_POINTS = np.concatenate([_points(SHORT), _points(LONG)])
_TRANSFORM = np.concatenate([_chebyshev_transform(SHORT), _chebyshev_transform(LONG)])
_POWERS = _chebyshev_powers()


@inner
def _fit(terms, values, at, stride, chebyshev, coefficients, start):
    """values[at + i stride + lane] at point i -> coefficients[start + k 8 + lane] of x^k, x in [-1, 1].

    Chebyshev coefficients first, then powers: rounding in a small high coefficient then moves all its powers
    together and costs nothing in the value.
    """
    transform = 0 if terms == SHORT else SHORT * SHORT
    for k in range(terms):
        total = spread(0.0)
        for i in range(terms):
            total = fused(spread(_TRANSFORM[transform + k * terms + i]), load(values, at + i * stride), total)
        store(chebyshev, k * LANES, total)
    for k in range(terms):
        total = spread(0.0)
        for m in range(terms - 1, k - 1, -1):
            total = fused(spread(_POWERS[m, k]), load(chebyshev, m * LANES), total)
        store(coefficients, start + k * LANES, total)


@inner
def _evaluate_ends(law, dof, index, values):
    """F and f of the last node at the cell's two ends, and the number of terms the cell needs."""
    evaluate(law, dof, index / CELLS_PER_UNIT, 0.0, values, variable(0))
    evaluate(law, dof, (index + 1) / CELLS_PER_UNIT, 0.0, values, variable(3 * LANES))
    terms = SHORT
    for i in range(2 * LANES):  # F and U at the nodes
        left, right = values[i], values[i + 3 * LANES]
        if left > 0.0 and right > 0.0:
            if abs(math.log(left / right)) > 1.0:
                terms = LONG
        elif left != right:
            terms = LONG
    F_left, F_right = values[LANES - 1], values[4 * LANES - 1]
    return (F_left, F_right, values[3 * LANES - 1], values[6 * LANES - 1]), terms


@inner
def _point(index, terms, i):
    """s at the cell's i-th point, exactly: far out the last bit of s would cost F and U several."""
    s, rest = split_sum(index + 0.5, 0.5 * _POINTS[i if terms == SHORT else SHORT + i])
    return s / CELLS_PER_UNIT, rest / CELLS_PER_UNIT  # a power of 2


@inner
def _kind_of(values, terms, stride):
    """The kind of a cell from its values [point][stride]: F, U, f, and again in cells of buckets."""
    F_max, U_max = 0.0, 0.0
    for i in range(0, terms * stride, 3 * LANES):
        for lane in range(LANES):
            F_max = max(F_max, values[i + lane])
            U_max = max(U_max, values[i + LANES + lane])
    if F_max == 0.0:
        return OUTSIDE
    if U_max == 0.0:
        return INSIDE
    if F_max <= _COMPLEMENT_LIMIT:
        return LOWER
    return UPPER if U_max <= _COMPLEMENT_LIMIT else BOTH


@inner
def _enter_cell(table, place, kind, ends, terms, stride, functions):
    """Put a cell into its place; functions: where its functions, in order, lie in a point's values, or -1."""
    cell = table.used[1]
    table.kind[cell], table.terms[cell] = kind, terms
    table.start[cell] = table.used[0]
    for i in range(4):
        table.ends[4 * cell + i] = ends[i]
    for function in functions:
        if function >= 0:
            _fit(terms, table.values, function, stride, table.chebyshev, table.coefficients, table.used[0])
            table.used[0] += terms * LANES
    table.used[1] += 1
    table.cell_at[place] = cell
    return cell


@inner
def build_cell(table, law, dof, place, index):
    """A cell of the continuous classifier, in its place; returns its number."""
    stride = 3 * LANES
    ends, terms = _evaluate_ends(law, dof, index, table.values)
    for i in range(terms):
        s, rest = _point(index, terms, i)
        evaluate(law, dof, s, rest, table.values, i * stride)
    kind = _kind_of(table.values, terms, stride)
    F, U, f = 0, LANES, 2 * LANES
    functions = (-1, -1, -1, -1)
    if kind == LOWER:
        functions = (f, F, -1, -1)
    elif kind == UPPER:
        functions = (f, U, -1, -1)
    elif kind == BOTH:
        functions = (f, F, U, -1)
    return _enter_cell(table, place, kind, ends, terms, stride, functions)


@inner
def build_bucket_cell(table, low, high, dof, place, index):
    """A cell of the bucketed classifier, both tails at the two ends of eight buckets; returns its number."""
    stride = 6 * LANES
    _, terms_low = _evaluate_ends(low, dof, index, table.values)
    ends, terms = _evaluate_ends(high, dof, index, table.values)
    terms = max(terms, terms_low)
    for i in range(terms):
        s, rest = _point(index, terms, i)
        evaluate(low, dof, s, rest, table.values, i * stride)
        evaluate(high, dof, s, rest, table.values, i * stride + 3 * LANES)
    kind = _kind_of(table.values, terms, stride)
    F_low, U_low, F_high, U_high = 0, LANES, 3 * LANES, 4 * LANES
    functions = (-1, -1, -1, -1)
    if kind == LOWER:
        functions = (F_low, F_high, -1, -1)
    elif kind == UPPER:
        functions = (U_low, U_high, -1, -1)
    elif kind == BOTH:
        functions = (F_low, U_low, F_high, U_high)
    return _enter_cell(table, place, kind, ends, terms, stride, functions)


# ------------------------------------------------------------------------------------------------------------
# Polynomials of a cell at a row's place x in it


@inner
def polynomial(coefficients, start, terms, function, x):
    """The function of that number of the cell whose coefficients begin at start."""
    at = start + function * terms * LANES
    value = load(coefficients, at + (terms - 1) * LANES)
    for k in range(terms - 2, -1, -1):
        value = fused(value, x, load(coefficients, at + k * LANES))
    return value
