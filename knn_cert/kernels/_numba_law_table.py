"""The distance law at eight nodes at once, and its piecewise polynomials in s, built on first use.

The twin of csrc/include/knn_cert/law_block.hpp and law_table.hpp. For a fixed node t the functions s -> F, U,
f are entire; on a cell of width 1/8 in s a polynomial of 12 terms gives them to 1e-15 within eight standard
deviations, one of 18 terms within 38, where F and U leave the range of doubles. What a cell holds depends
only on (dof, nodes, cell index), never on who asked first: results do not depend on threads.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ._numba_distance_law import LARGE_PRODUCT, gamma_tails, law_values, log_poisson_weight
from ._numba_jit import inner, merged, variable
from ._numba_lanes import LANES, fused, load, mul, spread, store

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
_MAX_CELLS = 1 << 17
_MAX_BLOCKS = 1 << 12
_MAX_PLACES = 1 << 22


# ------------------------------------------------------------------------------------------------------------
# The law at eight nodes


class NodeLaw(NamedTuple):
    """F = sum_j p_j P_j, U = sum_j p_j Q_j, f = t sum_j p_j g_{j-1}: the nodes' P, Q, g serve all rows."""

    t: np.ndarray  # [8] increasing radii in units of sigma; 0 and infinity are allowed
    has_chunk: np.ndarray  # whether terms 256 i .. 256 i + 255 have been made for these nodes
    terms: np.ndarray  # [j][3][lane]: P(a + j), Q(a + j), g_{j-1}
    sums: np.ndarray  # scratch: [3][8] sums, [3][8] last terms


_CHUNK = 256
_NEGLIGIBLE = 1e-19  # a term's share of its sum

# s t <= LARGE_PRODUCT and |s - t| < 38 (beyond, the law is evaluated one by one) leave j < 2.4e5.
_MAX_CHUNKS = 1024


def new_node_law() -> NodeLaw:
    """Without nodes yet. Memory that is not touched is not taken."""
    return NodeLaw(
        np.empty(LANES),
        np.zeros(_MAX_CHUNKS, dtype=np.bool_),
        np.empty(_MAX_CHUNKS * _CHUNK * 3 * LANES),
        np.empty(6 * LANES),
    )


@inner
def forget_terms(law):
    """To be called when t has changed."""
    for chunk in range(law.has_chunk.size):
        law.has_chunk[chunk] = False


@inner
def _peak(dof, s, t):
    """The j with the largest p_j g_j at node t: j (j + a) = mu y."""
    a, product = 0.5 * dof, 0.25 * s * s * t * t
    return float(math.floor(product / (0.5 * a + math.sqrt(0.25 * a * a + product))))


@merged
def _make_chunk(law, dof, chunk):
    """P_j, Q_j, g_{j-1} of one chunk: they depend on the nodes, not on what was asked for before."""
    terms, step = law.terms, 3 * LANES
    a = 0.5 * dof + chunk * _CHUNK  # the order of the first term
    for lane in range(LANES):
        P = chunk * _CHUNK * step + lane
        Q, g = P + LANES, P + 2 * LANES
        y = 0.5 * law.t[lane] * law.t[lane]
        if y == 0.0 or y == math.inf:
            for j in range(0, _CHUNK * step, step):
                terms[P + j] = 0.0 if y == 0.0 else 1.0
                terms[Q + j] = 1.0 if y == 0.0 else 0.0
                terms[g + j] = 0.0
            continue
        # w(a + j - 1, y) from the largest of 64 both ways: errors do not pile up, and nothing starts from a
        # number that has underflowed
        for start in range(0, _CHUNK, 64):
            top = start + int(min(63.0, max(0.0, float(math.floor(y - (a + start))))))
            order = a + top
            if order >= 1.0:
                terms[g + top * step] = math.exp(log_poisson_weight(order - 1.0, y))
            else:
                terms[g + top * step] = math.exp(log_poisson_weight(order, y)) * (order / y)
            for j in range(top + 1, start + 64):
                terms[g + j * step] = terms[g + (j - 1) * step] * (y / (a + (j - 1)))
            for j in range(top - 1, start - 1, -1):
                terms[g + j * step] = terms[g + (j + 1) * step] * ((a + j) / y)
        terms[P + (_CHUNK - 1) * step] = gamma_tails(a + (_CHUNK - 1), y)[0]
        for j in range((_CHUNK - 2) * step, -step, -step):
            terms[P + j] = terms[P + j + step] + terms[g + j + step]
        terms[Q] = gamma_tails(a, y)[1]
        for j in range(step, _CHUNK * step, step):
            terms[Q + j] = terms[Q + j - step] + terms[g + j]


@merged
def _law_sums(law, mu, j0, p_j0, first, end):
    """Both directions from j0 in steps of 16 terms, until the last term is negligible in every sum.

    The terms are log-concave in j: once one is below the sum of those before it, the later ones fall faster
    than a geometric series.
    """
    terms, sums = law.terms, law.sums
    per_mu = 1.0 / mu if mu > 0.0 else 0.0
    F = spread(0.0)
    U = spread(0.0)
    f = spread(0.0)
    for upwards in (True, False):
        p = p_j0 if upwards else p_j0 * (j0 * per_mu)
        j = j0 if upwards else j0 - 1
        more = True
        while more:
            stop = min(j + 16, end) if upwards else max(j - 16, first - 1)
            if j < first or j >= end:
                break
            more = abs(stop - j) == 16
            weight = spread(p)
            at = 0
            while j != stop:
                weight = spread(p)
                at = j * 3 * LANES
                F = fused(weight, load(terms, at), F)
                U = fused(weight, load(terms, at + LANES), U)
                f = fused(weight, load(terms, at + 2 * LANES), f)
                if upwards:
                    j += 1
                    p *= mu / j
                else:
                    p *= j * per_mu
                    j -= 1
            if more:
                store(sums, 3 * LANES, mul(weight, load(terms, at)))
                store(sums, 4 * LANES, mul(weight, load(terms, at + LANES)))
                store(sums, 5 * LANES, mul(weight, load(terms, at + 2 * LANES)))
                store(sums, 0, F)
                store(sums, LANES, U)
                store(sums, 2 * LANES, f)
                more = False
                for i in range(3 * LANES):
                    if sums[3 * LANES + i] > _NEGLIGIBLE * sums[i]:
                        more = True
                        break
    store(sums, 0, F)
    store(sums, LANES, U)
    store(sums, 2 * LANES, f)


@inner
def evaluate(law, dof, s, out, at):
    """F, U, f at the nodes to out[at : at + 24]."""
    t = law.t
    # the node nearest to the middle of the law: its largest term is the largest of all
    middle = math.sqrt(s * s + dof)
    nearest = 0
    smallest, largest = math.inf, 0.0  # of the finite nodes
    for lane in range(LANES):
        if abs(t[lane] - middle) < abs(t[nearest] - middle):
            nearest = lane
        if t[lane] < math.inf:
            smallest = min(smallest, t[lane])
            largest = max(largest, t[lane])
    summable = 0.0 < t[nearest] < math.inf and s * largest <= LARGE_PRODUCT
    mu = 0.5 * s * s
    j0, log_p = 0.0, 0.0
    first, end = 0, 0
    if summable:
        j0 = _peak(dof, s, t[nearest])
        log_p = log_poisson_weight(j0, mu)
        summable = log_p + log_poisson_weight(0.5 * dof + j0, 0.5 * t[nearest] * t[nearest]) >= -690.0
    if summable:
        # F's and U's terms peak between mu and s t / 2 - a / 2 or so, and are below 1e-19 of their sums ten
        # deviations off
        low, high = min(mu, j0, _peak(dof, s, smallest)), max(mu, j0, _peak(dof, s, largest))
        first = max(0, int(low - 11.0 * math.sqrt(low + 20.0) - 40.0))
        end = int(high + 11.0 * math.sqrt(high + 20.0) + 40.0) + 1
        summable = end <= _MAX_CHUNKS * _CHUNK
    if not summable:
        for lane in range(LANES):
            F, U, f = law_values(dof, s, t[lane])
            out[at + lane], out[at + LANES + lane], out[at + 2 * LANES + lane] = F, U, f
        return
    for chunk in range(first // _CHUNK, (end + _CHUNK - 1) // _CHUNK):
        if not law.has_chunk[chunk]:
            _make_chunk(law, dof, chunk)
            law.has_chunk[chunk] = True
    _law_sums(law, mu, int(j0), math.exp(log_p), first, end)
    sums = law.sums
    for lane in range(LANES):
        # The larger tail as the complement: its sum errs by about 1e-14, the same way for all rows, and
        # thousands of factors U near 1 would add that up.
        F, U = sums[lane], sums[LANES + lane]
        if F <= U:
            U = 1.0 - F
        else:
            F = 1.0 - U
        out[at + lane], out[at + LANES + lane] = F, U
        out[at + 2 * LANES + lane] = t[lane] * sums[2 * LANES + lane] if t[lane] < math.inf else 0.0


# ------------------------------------------------------------------------------------------------------------
# Cells


class LawTable(NamedTuple):
    """The cells of the blocks of eight nodes of one law; a block has a place for each cell it can need."""

    coefficients: (
        np.ndarray
    )  # [cell][function][power][lane], cells of two to four functions, one after the other
    kind: np.ndarray  # per cell
    terms: np.ndarray  # per cell: SHORT or LONG
    start: np.ndarray  # per cell: of its coefficients
    ends: np.ndarray  # per cell: F at the last node, at the cell's left and right end; F falls in s
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
        np.empty(2 * _MAX_CELLS),
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
    """F of the last node at the cell's two ends, and the number of terms the cell needs. values: scratch."""
    evaluate(law, dof, index / CELLS_PER_UNIT, values, variable(0))
    evaluate(law, dof, (index + 1) / CELLS_PER_UNIT, values, variable(3 * LANES))
    terms = SHORT
    for i in range(2 * LANES):  # F and U at the nodes
        left, right = values[i], values[i + 3 * LANES]
        if left > 0.0 and right > 0.0:
            if abs(math.log(left / right)) > 1.0:
                terms = LONG
        elif left != right:
            terms = LONG
    return values[LANES - 1], values[4 * LANES - 1], terms


@inner
def _point(index, terms, i):
    """s at the cell's i-th point."""
    return (index + 0.5 + 0.5 * _POINTS[i if terms == SHORT else SHORT + i]) / CELLS_PER_UNIT


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
def _enter_cell(table, place, kind, left, right, terms, stride, functions):
    """Put a cell into its place; functions: where its functions, in order, lie in a point's values, or -1."""
    cell = table.used[1]
    table.kind[cell], table.terms[cell] = kind, terms
    table.start[cell] = table.used[0]
    table.ends[2 * cell], table.ends[2 * cell + 1] = left, right
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
    left, right, terms = _evaluate_ends(law, dof, index, table.values)
    for i in range(terms):
        evaluate(law, dof, _point(index, terms, i), table.values, i * stride)
    kind = _kind_of(table.values, terms, stride)
    F, U, f = 0, LANES, 2 * LANES
    functions = (-1, -1, -1, -1)
    if kind == LOWER:
        functions = (f, F, -1, -1)
    elif kind == UPPER:
        functions = (f, U, -1, -1)
    elif kind == BOTH:
        functions = (f, F, U, -1)
    return _enter_cell(table, place, kind, left, right, terms, stride, functions)


@inner
def build_bucket_cell(table, low, high, dof, place, index):
    """A cell of the bucketed classifier, both tails at the two ends of eight buckets; returns its number."""
    stride = 6 * LANES
    _, _, terms_low = _evaluate_ends(low, dof, index, table.values)
    left, right, terms = _evaluate_ends(high, dof, index, table.values)
    terms = max(terms, terms_low)
    for i in range(terms):
        s = _point(index, terms, i)
        evaluate(low, dof, s, table.values, i * stride)
        evaluate(high, dof, s, table.values, i * stride + 3 * LANES)
    kind = _kind_of(table.values, terms, stride)
    F_low, U_low, F_high, U_high = 0, LANES, 3 * LANES, 4 * LANES
    functions = (-1, -1, -1, -1)
    if kind == LOWER:
        functions = (F_low, F_high, -1, -1)
    elif kind == UPPER:
        functions = (U_low, U_high, -1, -1)
    elif kind == BOTH:
        functions = (F_low, U_low, F_high, U_high)
    return _enter_cell(table, place, kind, left, right, terms, stride, functions)


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
