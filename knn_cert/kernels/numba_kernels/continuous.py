"""Race and vote of the continuous smoothed K-NN classifier for one query.

The twin of csrc/include/knn_cert/quadrature.hpp and continuous.hpp, where the bounds are derived: q(y) = int
density of "the K-th nearest row is at t and y wins" dt by the trapezoid rule in u, t = log(1 + e^u), over
cells of width 1/2 in u whose bound from coarse nodes is not negligible; what the nodes left out could add is
part of the error.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .accuracy import (
    FEW_ROWS,
    FLOOR,
    LARGEST_DEFECT,
    NOT_ONE,
    RELATIVE_TARGET,
    SOLVED,
    UNIT,
    WINDOW_TOO_SMALL,
    by_law,
)
from .jit import inner, kernel, merged, variable
from .lanes import LANES, add, clear, fused, load, mul, spread, store, sub
from .law_block import NodeLaw, evaluate, forget_terms, new_node_law
from .law_table import (
    ABSENT,
    CELLS_PER_UNIT,
    INSIDE,
    LAST_TABLED_RADIUS,
    LOWER,
    OUTSIDE,
    SHORT,
    UPPER,
    LawTable,
    build_cell,
    find_block,
    has_room,
    n_places,
    polynomial,
    start_afresh,
)
from .near_normal import OUT_OF_REACH
from .winner import Contest, add_row, combine, standings

_COARSE_LEVEL = 1  # step 1/2: cells whose mass is bounded before they are worked out
_FIRST_LEVEL = 4  # step 1/16
_LAST_LEVEL = 12  # step 1/4096
FEWEST_NODES, MOST_NODES = 32 * LANES, 4096 * LANES  # coarse nodes that there is room for

# Cells that a query can ask for: beyond the last one that any block has, all rows are in one.
_MAX_STARTS = int((LAST_TABLED_RADIUS + 41.0) * CELLS_PER_UNIT) + 2

_FIRST_TARGET = 1e-15  # cells with bounds below this are left out at first, when nothing is known about q
# The largest relative error that the trapezoid rule of four times the step may have; that of the step is its
# fourth power.
_LARGEST_RIPPLE = 1.5e-3
_SKIP = 1e-15  # relative change of each list's polynomials by the rows left out of a tally


class Rows(NamedTuple):
    """The rows of one query: list c holds rows offsets[c] to offsets[c + 1] - 1."""

    s: np.ndarray  # distance / sigma; sorted within each list where rows are evaluated one by one
    offsets: np.ndarray
    cell: np.ndarray  # written by the kernel: rows by increasing cell, and the place x in the cell
    x: np.ndarray
    starts: np.ndarray  # scratch: first row of each cell


class Work(NamedTuple):
    """What a worker keeps between queries: the table of the law; the rest is scratch."""

    table: LawTable
    law: NodeLaw
    law_block: np.ndarray  # level, index of the law's nodes
    row: np.ndarray  # F, U, f of one row
    weight: np.ndarray  # [8]
    G: np.ndarray  # [list][power][lane], counting polynomials
    A: np.ndarray  # likewise, with a row exactly at the node
    absorbed: np.ndarray  # [list][lane], P(count >= degree)
    mean: np.ndarray  # [lane], expected number of rows
    winner: np.ndarray
    standings: np.ndarray  # [list + 2][lane]
    lanes: np.ndarray  # [list][lane], q so far
    nodes: np.ndarray  # per coarse node: T[list], H[list], O[list], S, C, mean, t (see `_coarse_block`)
    done: np.ndarray  # per coarse node: the cell to the next one has been worked out
    target: np.ndarray  # per list: what may be left out
    ripple: np.ndarray  # per list: see `_totals`
    by_law: np.ndarray  # per list: what q so far may err by the law


class Query(NamedTuple):
    """One query with all that it needs."""

    rows: Rows
    contest: Contest
    dof: float
    one_by_one: bool
    closing: float  # where some K rows at most lie that would close the contest
    work: Work


def new_rows(s: np.ndarray, offsets: np.ndarray) -> Rows:
    return Rows(
        s, offsets, np.empty(s.size, dtype=np.int32), np.empty(s.size), np.empty(_MAX_STARTS, dtype=np.int64)
    )


def new_work(contest: Contest, table: LawTable, n_nodes: int = FEWEST_NODES) -> Work:
    state = contest.n_lists * contest.max_degree() * LANES
    lists = contest.n_lists * LANES
    return Work(
        table,
        new_node_law(),
        np.zeros(2, dtype=np.int64),
        np.empty(3 * LANES),
        np.empty(LANES),
        np.empty(state),
        np.empty(state),
        np.empty(lists),
        np.empty(LANES),
        np.empty(contest.winner_work_size()),
        np.empty(lists + 2 * LANES),
        np.empty(lists),
        np.empty((n_nodes, 3 * contest.n_lists + 4)),
        np.empty(n_nodes, dtype=np.bool_),
        np.empty(contest.n_lists),
        np.empty(contest.n_lists),
        np.zeros(contest.n_lists),
    )


def starting_position(distance: float, dof: float) -> float:
    """u of the middle of the law of a row at that distance."""
    t = math.sqrt(distance * distance + dof)
    return t if t > 40.0 else math.log(math.expm1(t))


def goes_one_by_one(n_rows: int, start: float) -> bool:
    """Whether rows are evaluated one by one, without tables."""
    return n_rows <= FEW_ROWS or start > LAST_TABLED_RADIUS - 200.0


# ------------------------------------------------------------------------------------------------------------
# Nodes: u = (8 index + lane) 2^-level; all queries share one global grid and so the tables


@inner
def _position(level, index, lane):
    return (LANES * index + lane) * math.ldexp(1.0, -level)


@inner
def _radius(u):
    return u if u > 40.0 else math.log1p(math.exp(u))


@inner
def _use_nodes(law, law_block, level, index):
    if law_block[0] == level and law_block[1] == index:
        return
    for lane in range(LANES):
        law.t[lane] = _radius(_position(level, index, lane))
    forget_terms(law)
    law_block[0], law_block[1] = level, index


@inner
def _log_trapezoid_error(k, omega):
    """log of |Gamma(k + i omega)| / Gamma(k) within a factor of 2 (quadrature.hpp); chooses the step."""
    return 0.5 * (k - 0.5) * math.log1p(omega * omega / (k * k)) - omega * math.atan(omega / k)


# ------------------------------------------------------------------------------------------------------------
# Tallies


@merged
def _place_rows(rows):
    """Sort each list's rows by cell (counting sort)."""
    for c in range(rows.offsets.size - 1):
        first, end = rows.offsets[c], rows.offsets[c + 1]
        n_cells = 0
        for i in range(first, end):  # beyond the last cell that any block has, all in one
            n_cells = max(n_cells, int(min(rows.s[i], LAST_TABLED_RADIUS + 41.0) * CELLS_PER_UNIT) + 1)
        starts = rows.starts
        for cell in range(n_cells + 1):
            starts[cell] = 0
        for i in range(first, end):
            starts[int(min(rows.s[i], LAST_TABLED_RADIUS + 41.0) * CELLS_PER_UNIT) + 1] += 1
        for cell in range(n_cells):
            starts[cell + 1] += starts[cell]
        for i in range(first, end):
            cell = int(min(rows.s[i], LAST_TABLED_RADIUS + 41.0) * CELLS_PER_UNIT)
            to = first + starts[cell]
            starts[cell] += 1
            rows.cell[to] = cell
            rows.x[to] = 2.0 * (rows.s[i] * CELLS_PER_UNIT - cell) - 1.0


@inner
def _add_to_both(G, A, at, degree, F, U, f):
    """A[k] <- U A[k] + F A[k-1] + f G[k], G[k] <- U G[k] + F G[k-1]: all terms positive."""
    for k in range(at + (degree - 1) * LANES, at, -LANES):
        g = load(G, k)
        store(A, k, fused(U, load(A, k), fused(F, load(A, k - LANES), mul(f, g))))
        store(G, k, fused(U, g, mul(F, load(G, k - LANES))))
    g = load(G, at)
    store(A, at, fused(U, load(A, at), mul(f, g)))
    store(G, at, mul(U, g))


# Rows beyond the D-th one (D = degree) are left out of a tally where at the last node F <= F_D _SKIP / (n D),
# f <= f_D _SKIP / n and s >= t, from where on both fall in s: placed_rows.hpp shows that G and A change by
# factors between exp(-2 _SKIP) and exp(2 _SKIP) at most.


@merged
def _tally_one_by_one(query, c, level, index, at, degree, with_density):
    work, rows, dof = query.work, query.rows, query.dof
    G, A, row = work.G, work.A, work.row
    first, end = rows.offsets[c], rows.offsets[c + 1]
    absorbed, mean = spread(0.0), spread(0.0)
    _use_nodes(work.law, work.law_block, level, index)
    least_F, least_f = 0.0, 0.0
    for i in range(first, end):
        s = rows.s[i]
        evaluate(work.law, dof, s, 0.0, row, variable(0))
        F_last, f_last = row[LANES - 1], row[3 * LANES - 1]
        if F_last == 0.0:
            break
        if i - first >= degree and F_last <= least_F and f_last <= least_f and s >= work.law.t[LANES - 1]:
            break
        if i - first == degree - 1:
            least_f = f_last * _SKIP / float(end - first)
            least_F = F_last * _SKIP / (float(end - first) * degree)
        F, U = load(row, 0), load(row, LANES)
        if with_density:
            _add_to_both(G, A, at, degree, F, U, load(row, 2 * LANES))
        else:
            mean = add(mean, F)
            absorbed = fused(F, load(G, at + (degree - 1) * LANES), absorbed)
            add_row(G, at, degree, F, U)
    return absorbed, mean


@merged
def _tally_by_cells(query, c, level, index, at, degree, with_density):
    work, rows, dof = query.work, query.rows, query.dof
    G, A, table = work.G, work.A, work.table
    coefficients, cell_at = table.coefficients, table.cell_at
    first, end = rows.offsets[c], rows.offsets[c + 1]
    absorbed, mean = spread(0.0), spread(0.0)
    t_last = _radius(_position(level, index, LANES - 1))
    size = n_places(t_last)
    block = find_block(table, level, index, size)
    one, zero = spread(1.0), spread(0.0)
    F, U, f = zero, one, zero
    place, cell, kind, terms, start = -1, 0, OUTSIDE, SHORT, 0
    least_F, least_f = 0.0, 0.0
    for i in range(first, end):
        if rows.cell[i] != place:
            place = rows.cell[i]
            if place >= size:
                break
            cell = cell_at[block + place]
            if cell == ABSENT:
                if not has_room(table, variable(1)):
                    start_afresh(table)
                    block = find_block(table, level, index, size)
                _use_nodes(work.law, work.law_block, level, index)
                cell = build_cell(table, work.law, dof, block + place, place)
            kind, terms, start = table.kind[cell], table.terms[cell], table.start[cell]
            if kind == OUTSIDE:
                break
            far = table.ends[4 * cell] <= least_F and table.ends[4 * cell + 2] <= least_f
            if i - first >= degree and far and place / CELLS_PER_UNIT >= t_last:
                break
        if i - first == degree - 1:  # f, which in s grows first and then falls, is least at an end
            f_end = min(table.ends[4 * cell + 2], table.ends[4 * cell + 3])
            least_f = f_end * _SKIP / float(end - first)
            least_F = table.ends[4 * cell + 1] * _SKIP / (float(end - first) * degree)
        x = spread(rows.x[i])
        if kind == INSIDE:
            F, U, f = one, zero, zero
        else:
            f = polynomial(coefficients, start, terms, 0, x)
            second = polynomial(coefficients, start, terms, 1, x)
            if kind == LOWER:
                F, U = second, sub(one, second)
            elif kind == UPPER:
                F, U = sub(one, second), second
            else:
                F, U = second, polynomial(coefficients, start, terms, 2, x)
        if with_density:
            _add_to_both(G, A, at, degree, F, U, f)
        else:
            mean = add(mean, F)
            absorbed = fused(F, load(G, at + (degree - 1) * LANES), absorbed)
            add_row(G, at, degree, F, U)
    return absorbed, mean


@inner
def _tally(query, level, index):
    """G (and A, else `absorbed` and `mean`) of all lists at the block's nodes."""
    work, contest = query.work, query.contest
    G = work.G
    stride = G.size // contest.n_lists
    with_density = level != _COARSE_LEVEL
    clear(G)
    if with_density:
        clear(work.A)
    clear(work.mean)
    for c in range(contest.n_lists):
        at, degree = c * stride, contest.degree[c]
        store(G, at, spread(1.0))
        if query.one_by_one:
            absorbed, mean = _tally_one_by_one(query, c, level, index, at, degree, with_density)
        else:
            absorbed, mean = _tally_by_cells(query, c, level, index, at, degree, with_density)
        store(work.absorbed, c * LANES, absorbed)
        store(work.mean, 0, add(load(work.mean, 0), mean))


# ------------------------------------------------------------------------------------------------------------
# Coarse nodes


@merged
def _coarse_block(query, index, at):
    """Work out the coarse nodes of a block of the global grid, to nodes[at : at + 8].

    For each list y: T_y = P(N_y >= least_y), H_y = P(N_y < degree_y), O_y = P(the others hold at most
    rest_y); then S = P(the contest is open), C = P(it is closed), the expected number of rows within, and t.
    All probabilities as bounds from above, whatever rounding and the law err by.
    """
    work, contest, nodes = query.work, query.contest, query.work.nodes
    n = contest.n_lists
    _tally(query, variable(_COARSE_LEVEL), index)
    G = work.G
    stride = G.size // n
    standings(contest, G, work.absorbed, stride, work.winner, work.standings)
    for lane in range(LANES):
        node = nodes[at + lane]
        work.done[at + lane] = False
        mean = work.mean[lane]
        grow = 1.0 + by_law(float(contest.n_neighbors), mean) + _rounding(query)
        node[3 * n] = min(1.0, grow * work.standings[n * LANES + lane])
        node[3 * n + 1] = min(1.0, grow * work.standings[(n + 1) * LANES + lane])
        node[3 * n + 2] = mean
        node[3 * n + 3] = _radius(_position(_COARSE_LEVEL, index, lane))
        for c in range(n):
            least, below = work.absorbed[c * LANES + lane], 0.0
            for k in range(contest.degree[c] - 1, contest.least[c] - 1, -1):
                least += G[c * stride + k * LANES + lane]
            for k in range(contest.degree[c] - 1, -1, -1):
                below += G[c * stride + k * LANES + lane]
            node[c] = min(1.0, grow * least)
            node[n + c] = min(1.0, grow * below)
            node[2 * n + c] = min(1.0, grow * work.standings[c * LANES + lane])


@inner
def _rounding(query):
    """Relative, of sums of products of the law of all rows: three roundings a row for each of two factors."""
    return UNIT * (6.0 * query.rows.s.size + 200.0)


# What the nodes left out could add: continuous.hpp derives the three bounds.


@inner
def _bound(query, j, y):
    """Of what the nodes between coarse nodes j and j + 1 can add to y."""
    nodes, n = query.work.nodes, query.work.target.size
    start, end = nodes[j, 3 * n + 3], nodes[j + 1, 3 * n + 3]
    inside = query.contest.n_neighbors * (query.dof / max(1.0, start) + min(1.0, end) * (end + 40.0))
    outside = query.rows.s.size * (end + 1.0)
    own = nodes[j, 2 * n + y] * min(inside * nodes[j + 1, y], outside * nodes[j, n + y])
    return 0.5 * min(own, outside * nodes[j, 3 * n], inside * nodes[j + 1, 3 * n + 1])


@inner
def _possible(offsets, least, y):
    """A list with too few rows never wins: probability zero, no error."""
    return offsets[y + 1] - offsets[y] >= least[y]


@inner
def _position_of(t):
    return t if t > 40.0 else math.log(math.expm1(t))


@inner
def _bound_above(query, last, origin, y):
    """Of what the nodes from the last one on can add."""
    nodes, n = query.work.nodes, query.work.target.size
    if not _possible(query.rows.offsets, query.contest.least, y):
        return 0.0
    t = max(nodes[last, 3 * n + 3], math.sqrt(query.closing**2 + max(0.0, query.dof - 1.0)) + 1.0)
    cells = 2.0 * _position_of(t) - float(last + origin) + 1.0 + 5.0 * query.contest.n_neighbors
    still = min(nodes[last, 2 * n + y] * nodes[last, n + y], nodes[last, 3 * n])
    return 0.5 * query.rows.s.size * (t + 2.0) * cells * still


@inner
def _bound_below(query, first, origin, y):
    """Of what the nodes before the first one can add."""
    nodes, n = query.work.nodes, query.work.target.size
    u, t = 0.5 * float(first + origin), nodes[first, 3 * n + 3]
    units = u - min(u, _position_of(1.0)) + (2.0 * math.log(query.rows.s.size) + 3.0) / query.dof + 1.0
    rest = min(nodes[first, y], nodes[first, 3 * n + 1])
    return query.contest.n_neighbors * (query.dof + t + 40.0) * units * rest


# ------------------------------------------------------------------------------------------------------------
# Fine nodes


@inner
def _law_share(query, j, y):
    """The relative error by the law in the cell after coarse node j, times the sum of y so far."""
    lanes, n = query.work.lanes, query.work.target.size
    total = 0.0
    for lane in range(LANES):
        total += lanes[y * LANES + lane]
    return total * by_law(float(query.contest.n_neighbors), query.work.nodes[j + 1, 3 * n + 2])


@merged
def _work_out_cell(query, j, coarse_index, level):
    """Add the nodes of the level between coarse node j, coarse_index of the grid, and the next to `lanes`."""
    work = query.work
    n = work.target.size
    for y in range(n):
        work.by_law[y] -= _law_share(query, j, y)
    per_cell = 1 << (level - _FIRST_LEVEL)
    stride = work.G.size // query.contest.n_lists
    for b in range(per_cell):
        index = coarse_index * per_cell + b
        _tally(query, level, index)
        for lane in range(LANES):  # the step times dt/du = 1 - e^-t
            t = _radius(_position(level, index, lane))
            work.weight[lane] = -math.expm1(-t) * math.ldexp(1.0, -level)
        combine(query.contest, work.G, work.A, stride, work.weight, work.winner, work.lanes)
    for y in range(n):
        work.by_law[y] += _law_share(query, j, y)


@inner
def _totals(lanes, q, ripple):
    """q(y), and ripple(y): the relative error at four times the step; returns the largest ripple.

    The sum over every fourth node from node r on, times 4, is q + c cos(pi r / 2 + angle) + terms of half the
    period; the differences of opposite sums give both components of c, whatever the angle. The Fourier
    transform of the integrand falls at least exponentially: the error at the step itself is at most c^4.
    """
    largest = 0.0
    for y in range(q.size):
        v = lanes[y * LANES : (y + 1) * LANES]
        q[y] = ((v[0] + v[2]) + (v[4] + v[6])) + ((v[1] + v[3]) + (v[5] + v[7]))
        even, odd = (v[0] + v[4]) - (v[2] + v[6]), (v[1] + v[5]) - (v[3] + v[7])
        ripple[y] = 2.0 * math.hypot(even, odd) / q[y] if q[y] > 1e-290 else 0.0
        largest = max(largest, ripple[y])
    return largest


@merged
def _first_level(nodes, first, end, k, n):
    """The step at which the K-th arrival, at its rate of growth, should have a ripple small enough."""
    slope = 1.0
    for j in range(first, end - 1):
        mean, next_mean = nodes[j, 3 * n + 2], nodes[j + 1, 3 * n + 2]
        if mean > 0.0 and mean <= 2.0 * k and next_mean >= 0.5 * k:
            slope = max(slope, 2.0 * math.log(min(next_mean, 4.0 * k) / mean))
    level = _FIRST_LEVEL
    while level < _LAST_LEVEL:
        omega = 2.0 * math.pi * math.ldexp(1.0, level - 2) / slope
        if _log_trapezoid_error(k, omega) <= math.log(0.5 * _LARGEST_RIPPLE):
            break
        level += 1
    return level


@merged
def _extend(query, first, end, origin):
    """Add coarse blocks until what lies beyond them is below target for every list.

    Coarse nodes first .. end - 1 are there; node j is node j + origin of the global grid. Returns the new
    first and end, and whether any was added; first = -1 where there is no room.
    """
    nodes, target = query.work.nodes, query.work.target
    added = False
    while True:
        above, below = first == end, False
        if first < end:
            for y in range(target.size):
                above = above or _bound_above(query, end - 1, origin, y) > target[y]
                below = below or _bound_below(query, first, origin, y) > target[y]
        if not (above or below):
            return first, end, added
        if end + LANES > nodes.shape[0] or first < LANES:
            return -1, end, added
        added = True
        at = end if above else first - LANES
        _coarse_block(query, (at + origin) // LANES, at)
        first, end = min(first, at), max(end, at + LANES)


@merged
def _work_out_cells(query, first, end, origin, level, anew):
    """Work out the cells whose bound is not negligible, or anew those worked out before; any new ones?"""
    done, target = query.work.done, query.work.target
    n = target.size
    any_new = False
    for j in range(first, end - 1):
        wanted = done[j] == anew
        if wanted and not anew:
            wanted = False
            for y in range(n):
                wanted = wanted or _bound(query, j, y) > target[y] / 16.0
        if wanted:
            _work_out_cell(query, j, j + origin, level)
            any_new = any_new or not done[j]
            done[j] = True
    return any_new


@merged
def _errors(query, first, end, origin, q, error):
    """Left out and rounding (bounded), the law (measured), the trapezoid rule (estimated, see `_totals`).

    Distances are roots, divided by sigma: each errs by two roundings of its own, so the rows that can be
    among those within the last node err by `moved` in L2 norm. By Theorem 1 no probability changes by more
    than one does whose normal quantile moves by that.
    """
    done, ripple, n = query.work.done, query.work.ripple, q.size
    offsets, least = query.rows.offsets, query.contest.least
    # each list's polynomials by _SKIP, the one with a row at the node by twice that
    rounding = _rounding(query) + 2.0 * (n + 1.0) * _SKIP
    reach = _radius(_position(_COARSE_LEVEL, 0, end - 1 + origin)) + OUT_OF_REACH
    moved = 2.0 * UNIT * math.sqrt(float(query.rows.s.size)) * reach
    for y in range(n):
        error[y] = 0.0
        if not _possible(offsets, least, y):
            continue
        left_out = _bound_above(query, end - 1, origin, y) + _bound_below(query, first, origin, y)
        for j in range(first, end - 1):
            if not done[j]:
                left_out += _bound(query, j, y)
        quantile = math.sqrt(-2.0 * math.log(max(min(q[y], 1.0), 1e-305)))
        relative = rounding + math.expm1(moved * (quantile + 2.0)) + ripple[y] ** 4
        error[y] = left_out + query.work.by_law[y] + q[y] * relative + 1e-305


@kernel
def solve_njit(query, start, q, error):
    """q and error of one query, per list; returns (SOLVED or what went wrong, the sum of q)."""
    work = query.work
    lanes, target, ripple = work.lanes, work.target, work.ripple
    n = target.size
    clear(lanes)
    for y in range(n):
        work.by_law[y] = 0.0
        target[y] = _FIRST_TARGET
    work.law_block[0] = -1000  # no nodes yet: what the query before asked for must not matter
    if not query.one_by_one:
        _place_rows(query.rows)

    first = work.nodes.shape[0] // (2 * LANES) * LANES
    end = first  # no node yet
    origin = int(math.floor(start / (LANES * 0.5))) * LANES - first
    level, largest_ripple = 0, 0.0
    anew, any_new = False, True
    while True:
        first, end, added = _extend(query, first, end, origin)
        if first < 0:
            return WINDOW_TOO_SMALL, 0.0
        if level == 0:
            level = _first_level(work.nodes, first, end, float(query.contest.n_neighbors), n)
        elif not (added or any_new):
            if largest_ripple <= _LARGEST_RIPPLE or level == _LAST_LEVEL:
                break
            level += 1  # twice the nodes: everything that was worked out is worked out anew
            anew = True
            clear(lanes)
            for y in range(n):
                work.by_law[y] = 0.0
        any_new = _work_out_cells(query, first, end, origin, level, anew)
        largest_ripple = _totals(lanes, q, ripple)
        if not anew:
            for y in range(n):
                target[y] = max(RELATIVE_TARGET * q[y], FLOOR)

    total = 0.0
    for y in range(n):
        total += q[y]
    # a race of lists that are both too short has no winner
    complete = not query.contest.is_race
    for y in range(n):
        complete = complete or _possible(query.rows.offsets, query.contest.least, y)
    if complete and not abs(total - 1.0) <= LARGEST_DEFECT:
        return NOT_ONE, total
    _errors(query, first, end, origin, q, error)
    return SOLVED, total
