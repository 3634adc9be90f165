"""The bucketed classifier of Theorem 3 of RAB for one query: any K, any number of classes.

The twin of csrc/include/knn_cert/bucketed.hpp. Distances are known only by their bucket [b_{l-1}, b_l); ties
in a bucket go to the lower row index. For a row i in bucket l that is the K-th nearest, rows before i count
if their bucket is <= l, rows behind it if it is < l (eqs (74)-(80)): one pass backwards and one forwards over
the rows give all boundary events of eight buckets. Blocks of buckets are worked out from the likely ones
outwards; what lies beyond is bounded.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .accuracy import (
    FEW_ROWS,
    FLOOR,
    LARGEST_DEFECT,
    LAW_ERROR,
    NOT_ONE,
    RELATIVE_TARGET,
    SOLVED,
    UNIT,
    by_law,
)
from .jit import inner, kernel, merged, variable
from .lanes import LANES, add, clear, fused, load, mul, spread, store, sub, where_le
from .law_block import NodeLaw, evaluate, forget_terms, new_node_law
from .law_table import (
    ABSENT,
    CELLS_PER_UNIT,
    INSIDE,
    LOWER,
    OUTSIDE,
    UPPER,
    LawTable,
    build_bucket_cell,
    find_block,
    has_room,
    n_places,
    polynomial,
    start_afresh,
)
from .winner import Contest, add_row, coefficient, multiply, standings, winner_weights

_SHORTEST_RUN = 64  # rows between checkpoints of the backward pass; of n rows, sqrt(n) if that is more

_NO_CELL = -1
_WANTED = -2  # in a table's place: a cell that is to be built
# Doubles of the law of a row: F_low, U_low, F_high, U_high, p (to fall between them), and the larger of the
# tails whose difference p is, by whose rounding it errs.
_LAW = 6 * LANES


class BucketRows(NamedTuple):
    """The rows of one query in the order of their index."""

    s: np.ndarray  # distance / sigma
    lists: np.ndarray  # list of each row
    counts: np.ndarray  # per list: its rows


class BucketWork(NamedTuple):
    """What a worker keeps between queries: the table of the law; the rest is scratch."""

    table: LawTable
    low: NodeLaw
    high: NodeLaw
    law_block: np.ndarray  # [1]: the block whose nodes the laws have
    law: np.ndarray  # F, U, f at the two ends
    chosen_cell: np.ndarray  # the rows that matter in the block, in their order: cell, or _NO_CELL
    chosen_row: np.ndarray
    chosen_x: np.ndarray  # place in the cell
    laws: np.ndarray  # [row of the run][5][lane]
    saved: np.ndarray  # [row of the run][power][lane]
    checkpoints: np.ndarray  # [run]: `after` behind the run
    before: np.ndarray  # [list][power][lane]: rows with a lower index, at their bucket's high end
    after: np.ndarray  # rows with a higher index, at the low end
    winner: np.ndarray
    standings: np.ndarray  # [list + 2][lane]
    lanes: np.ndarray  # [list][lane], q so far
    tail_lanes: np.ndarray  # the same sums with the larger tail in place of p
    lanes_before: np.ndarray  # q before the block
    within: np.ndarray  # [2][lane], expected rows below the two ends of each bucket
    by_law: np.ndarray  # per list: what q so far may err by the law
    mean: np.ndarray  # per list: expected rows below the block
    above: np.ndarray  # per list: bound of what lies above the blocks worked out
    below: np.ndarray


class BucketQuery(NamedTuple):
    """One query with all that it needs."""

    rows: BucketRows
    contest: Contest
    dof: float
    nodes: np.ndarray  # 0, sqrt(b_l) / sigma, infinity, the last one repeated to fill a block
    work: BucketWork


def bucket_nodes(edges: np.ndarray, sigma: float) -> np.ndarray:
    """The ends of all buckets in units of sigma, filled up with infinity to whole blocks of eight buckets."""
    ends = np.concatenate([[0.0], np.sqrt(edges) / sigma])
    return np.concatenate([ends, np.full(1 + -ends.size % LANES, np.inf)])


def new_bucket_work(contest: Contest, n_rows: int, table: LawTable) -> BucketWork:
    stride = contest.max_degree() * LANES
    state, lists = contest.n_lists * stride, contest.n_lists * LANES
    run = max(_SHORTEST_RUN, math.isqrt(n_rows))  # of the rows that are chosen: at most so long,
    n_runs = run + 3  # and at most so many, as n / isqrt(n) <= isqrt(n) + 2
    return BucketWork(
        table,
        new_node_law(),
        new_node_law(),
        np.zeros(1, dtype=np.int64),
        np.empty(6 * LANES),
        np.empty(n_rows, dtype=np.int64),
        np.empty(n_rows, dtype=np.int64),
        np.empty(n_rows),
        np.empty(run * _LAW),
        np.empty(run * stride),
        np.empty(n_runs * state),
        np.empty(state),
        np.empty(state),
        np.empty(contest.winner_work_size()),
        np.empty(lists + 2 * LANES),
        np.empty(lists),
        np.empty(lists),
        np.empty(lists),
        np.empty(2 * LANES),
        np.empty(contest.n_lists),
        np.empty(contest.n_lists),
        np.empty(contest.n_lists),
        np.empty(contest.n_lists),
    )


# ------------------------------------------------------------------------------------------------------------
# The law of the rows in a block


@inner
def _last_finite(nodes, block):
    """The largest finite node of the block (0 if there is none)."""
    t = 0.0
    for lane in range(LANES + 1):
        if nodes[block * LANES + lane] < math.inf:
            t = nodes[block * LANES + lane]
    return t


@inner
def _use_nodes(nodes, block, low, high, law_block):
    if law_block[0] == block:
        return
    for lane in range(LANES):
        low.t[lane] = nodes[block * LANES + lane]
        high.t[lane] = nodes[block * LANES + lane + 1]
    forget_terms(low)
    forget_terms(high)
    law_block[0] = block


@merged
def _find_cells(query, block, size):
    """The first place of the block, all cells of the rows made, by increasing s: neighbours share terms."""
    work, rows, table = query.work, query.rows, query.work.table
    cell_at = table.cell_at
    start, first, end = 0, 0, 0
    for attempt in range(2):
        start = find_block(table, variable(0), block, size)
        first, end, n_wanted = size, 0, 0
        for i in range(rows.s.size):
            place = rows.s[i] * CELLS_PER_UNIT
            if place + 1.0 < size and cell_at[start + int(place)] == ABSENT:
                cell_at[start + int(place)] = _WANTED
                n_wanted += 1
                first, end = min(first, int(place)), max(end, int(place) + 1)
        if attempt == 1 or has_room(table, n_wanted):
            break
        start_afresh(table)
    for place in range(first, end):
        if cell_at[start + place] == _WANTED:
            build_bucket_cell(table, work.low, work.high, query.dof, start + place, place)
    return start


@merged
def _choose_rows(query, block):
    """The rows that can be in or below the block, in their order; returns how many.

    Far rows with a low index cannot be dropped for being far: they win ties that near rows with a high index
    lose.
    """
    work, rows, table = query.work, query.rows, query.work.table
    one_by_one = rows.s.size <= FEW_ROWS
    open_ended = query.nodes[(block + 1) * LANES] == math.inf
    finite = _last_finite(query.nodes, block)
    size, start = 0, 0
    if not one_by_one:
        size = n_places(finite)
        _use_nodes(query.nodes, block, work.low, work.high, work.law_block)
        start = _find_cells(query, block, size)
    n = 0
    for i in range(rows.s.size):
        place = rows.s[i] * CELLS_PER_UNIT
        cell = _NO_CELL
        if place + 1.0 < size:
            cell = table.cell_at[start + int(place)]
            if not open_ended and table.kind[cell] == OUTSIDE:
                continue
        elif not open_ended and rows.s[i] > finite + 40.0:
            continue  # F < Phi(-40), zero in binary64
        work.chosen_cell[n] = cell
        work.chosen_row[n] = i
        work.chosen_x[n] = 2.0 * (place - math.floor(place)) - 1.0
        n += 1
    return n


@inner
def _store_law(laws, at, F_low, U_low, F_high, U_high):
    store(laws, at, F_low)
    store(laws, at + LANES, U_low)
    store(laws, at + 2 * LANES, F_high)
    store(laws, at + 3 * LANES, U_high)
    # the difference of the smaller tails; never negative, whatever the last digit
    zero = spread(0.0)
    p = where_le(F_high, U_low, sub(F_high, F_low), sub(U_low, U_high))
    store(laws, at + 4 * LANES, where_le(p, zero, zero, p))
    store(laws, at + 5 * LANES, where_le(F_high, U_low, F_high, U_low))


@merged
def _law_by_cell(coefficients, kind, terms, start, x, laws, at):
    """The law of a row at place x of a cell, to laws[at:]."""
    zero, one, x = spread(0.0), spread(1.0), spread(x)
    F_low, U_low, F_high, U_high = zero, one, zero, one
    if kind == INSIDE:
        F_low, U_low, F_high, U_high = one, zero, one, zero
    elif kind != OUTSIDE:
        first = polynomial(coefficients, start, terms, variable(0), x)
        second = polynomial(coefficients, start, terms, variable(1), x)
        if kind == LOWER:
            F_low, U_low, F_high, U_high = first, sub(one, first), second, sub(one, second)
        elif kind == UPPER:
            F_low, U_low, F_high, U_high = sub(one, first), first, sub(one, second), second
        else:
            F_low, U_low = first, second
            F_high = polynomial(coefficients, start, terms, variable(2), x)
            U_high = polynomial(coefficients, start, terms, variable(3), x)
    _store_law(laws, at, F_low, U_low, F_high, U_high)


@merged
def _law_directly(nodes, block, dof, s, low, high, law, laws, at):
    """The law of a row that has no cell; `law` is scratch."""
    if s > _last_finite(nodes, block) + 40.0:
        for lane in range(LANES):  # exactly 0 and 1
            for end in range(2):
                inside = nodes[block * LANES + lane + end] == math.inf
                law[3 * LANES * end + lane] = 1.0 if inside else 0.0
                law[3 * LANES * end + LANES + lane] = 0.0 if inside else 1.0
    else:
        evaluate(low, dof, s, 0.0, law, variable(0))
        evaluate(high, dof, s, 0.0, law, variable(3 * LANES))
    _store_law(laws, at, load(law, 0), load(law, LANES), load(law, 3 * LANES), load(law, 4 * LANES))


@inner
def _make_laws(query, block, begin, end):
    """The laws of the chosen rows begin .. end - 1."""
    work, table = query.work, query.work.table
    low, high, laws = work.low, work.high, work.laws
    for i in range(begin, end):
        at = (i - begin) * _LAW
        cell = work.chosen_cell[i]
        if cell == _NO_CELL:
            s = query.rows.s[work.chosen_row[i]]
            _use_nodes(query.nodes, block, low, high, work.law_block)
            _law_directly(query.nodes, block, query.dof, s, low, high, work.law, laws, at)
        else:
            kind, terms, start = table.kind[cell], table.terms[cell], table.start[cell]
            _law_by_cell(table.coefficients, kind, terms, start, work.chosen_x[i], laws, at)


# ------------------------------------------------------------------------------------------------------------
# Boundary events of a run of rows


@inner
def _add_behind(query, begin, end, stride, save):
    """The run's rows added to `after`, last one first; what was behind each row is saved."""
    work, lists, degrees = query.work, query.rows.lists, query.contest.degree
    after, laws, saved = work.after, work.laws, work.saved
    for i in range(end - 1, begin - 1, -1):
        c = lists[work.chosen_row[i]]
        at, degree = c * stride, degrees[c]
        if save == 1:
            for k in range(0, degree * LANES, LANES):
                store(saved, (i - begin) * stride + k, load(after, at + k))
        law = (i - begin) * _LAW
        add_row(after, at, degree, load(laws, law), load(laws, law + LANES))


@inner
def _open_race(contest, before, after, c, stride):
    """P(list c of the race is not complete), rows before at the high end and rows behind at the low end."""
    degree = contest.degree[c]
    total, cumulative = spread(0.0), spread(0.0)
    for k in range(degree):
        cumulative = add(cumulative, load(after, c * stride + k * LANES))
        total = fused(cumulative, load(before, c * stride + (degree - 1 - k) * LANES), total)
    return total


@merged
def _race_events(query, begin, end, stride):
    work, lists = query.work, query.rows.lists
    laws, saved, before, after = work.laws, work.saved, work.before, work.after
    q, q_of_tails = work.lanes, work.tail_lanes
    stale_0, stale_1 = True, True
    open_0, open_1 = spread(0.0), spread(0.0)  # P(list c not yet complete), formed anew where stale
    for i in range(begin, end):
        c = lists[work.chosen_row[i]]
        at, degree, law = c * stride, query.contest.degree[c], (i - begin) * _LAW
        for k in range(0, degree * LANES, LANES):
            store(after, at + k, load(saved, (i - begin) * stride + k))
        if c == 0:
            if stale_1:
                open_1 = _open_race(query.contest, work.before, work.after, variable(1), stride)
            stale_0, stale_1 = True, False
            other = open_1
        else:
            if stale_0:
                open_0 = _open_race(query.contest, work.before, work.after, variable(0), stride)
            stale_0, stale_1 = False, True
            other = open_0
        rest = mul(coefficient(before, at, degree, after, at, degree, degree - 1), other)
        store(q, c * LANES, fused(load(laws, law + 4 * LANES), rest, load(q, c * LANES)))
        store(q_of_tails, c * LANES, fused(load(laws, law + 5 * LANES), rest, load(q_of_tails, c * LANES)))
        add_row(before, at, degree, load(laws, law + 2 * LANES), load(laws, law + 3 * LANES))


@merged
def _vote_events(query, begin, end, stride):
    work, lists = query.work, query.rows.lists
    laws, saved, before, after = work.laws, work.saved, work.before, work.after
    q, q_of_tails = work.lanes, work.tail_lanes
    n, K = query.contest.n_lists, query.contest.n_neighbors
    winner = work.winner
    G, W = variable(0), n * stride
    scratch = W + n * K * LANES
    for c in range(n):
        multiply(before, c * stride, K, after, c * stride, K, winner, G + c * stride, K)
    weights_of = -1  # the boundary class that W is valid for
    for i in range(begin, end):
        c = lists[work.chosen_row[i]]
        at, law = c * stride, (i - begin) * _LAW
        for k in range(0, K * LANES, LANES):
            store(after, at + k, load(saved, (i - begin) * stride + k))
        if weights_of != c:
            if weights_of >= 0:
                w = weights_of * stride
                multiply(before, w, K, after, w, K, winner, G + w, K)
            winner_weights(n, K, c, winner, G, stride, winner, W, scratch)
            weights_of = c
        multiply(before, at, K, after, at, K, winner, G + at, K)  # without row i
        p, tail = load(laws, law + 4 * LANES), load(laws, law + 5 * LANES)
        for y in range(n):
            total = spread(0.0)
            for k in range(K):
                total = fused(load(winner, G + at + k * LANES), load(winner, W + (y * K + k) * LANES), total)
            store(q, y * LANES, fused(p, total, load(q, y * LANES)))
            store(q_of_tails, y * LANES, fused(tail, total, load(q_of_tails, y * LANES)))
        add_row(before, at, K, load(laws, law + 2 * LANES), load(laws, law + 3 * LANES))


# ------------------------------------------------------------------------------------------------------------
# Blocks of eight buckets


@inner
def _set_empty(state, stride):
    clear(state)
    for c in range(0, state.size, stride):
        store(state, c, spread(1.0))


@merged
def _bound_above(query, stride):
    """y wins beyond only if at the block's end neither its count is complete nor the others hold too much."""
    work, contest, last = query.work, query.contest, LANES - 1
    # whether the contest is closed is not asked: `after` stands in for T
    standings(contest, work.before, work.after, stride, work.winner, work.standings)
    for c in range(contest.n_lists):
        not_complete = 0.0
        for k in range(contest.degree[c]):
            not_complete += work.before[c * stride + k * LANES + last]
        bound = min(1.0, not_complete) * min(1.0, work.standings[c * LANES + last])
        bound = min(bound, work.standings[contest.n_lists * LANES + last])
        work.above[c] = bound if query.rows.counts[c] >= contest.least[c] else 0.0


@merged
def _bound_below(query):
    """y wins below the block only with g = least rows there: at most e_g(F) <= (sum F)^g / g!."""
    work = query.work
    for c in range(query.contest.n_lists):
        bound = 1.0
        for k in range(1, query.contest.least[c] + 1):
            bound *= work.mean[c] / k
        work.below[c] = min(1.0, bound)


@merged
def _work_out_block(query, block, is_last, is_first):
    """Add the block's eight buckets to `lanes`; bound what lies beyond where it is the last or the first."""
    work, rows = query.work, query.rows
    n = _choose_rows(query, block)
    run = max(_SHORTEST_RUN, int(math.sqrt(n)))
    n_runs = (n + run - 1) // run
    state = work.after.size
    stride = state // query.contest.n_lists
    for c in range(query.contest.n_lists):
        work.mean[c] = 0.0
    _set_empty(work.after, stride)
    for r in range(n_runs - 1, -1, -1):
        begin, end = r * run, min(n, (r + 1) * run)
        for k in range(0, state, LANES):
            store(work.checkpoints, r * state + k, load(work.after, k))
        _make_laws(query, block, begin, end)
        _add_behind(query, begin, end, stride, variable(0))
        for i in range(begin, end):
            work.mean[rows.lists[work.chosen_row[i]]] += work.laws[(i - begin) * _LAW]
    _set_empty(work.before, stride)
    clear(work.within)
    for k in range(0, work.lanes.size, LANES):
        store(work.lanes_before, k, load(work.lanes, k))
    for r in range(n_runs):
        begin, end = r * run, min(n, (r + 1) * run)
        for k in range(0, state, LANES):
            store(work.after, k, load(work.checkpoints, r * state + k))
        _make_laws(query, block, begin, end)
        _add_behind(query, begin, end, stride, variable(1))
        if query.contest.is_race:
            _race_events(query, begin, end, stride)
        else:
            _vote_events(query, begin, end, stride)
        for i in range(end - begin):
            for part in range(2):
                F = load(work.laws, i * _LAW + 2 * part * LANES)
                store(work.within, part * LANES, add(load(work.within, part * LANES), F))
    for lane in range(LANES):
        # rows within the last bucket of all are within it exactly
        is_open = query.nodes[block * LANES + lane + 1] == math.inf
        share = by_law(float(query.contest.n_neighbors), work.within[lane if is_open else LANES + lane])
        for c in range(query.contest.n_lists):
            at = c * LANES + lane
            work.by_law[c] += share * (work.lanes[at] - work.lanes_before[at])
    if is_last:
        _bound_above(query, stride)
    if is_first:
        _bound_below(query)


@inner
def _totals(lanes, q):
    for y in range(q.size):
        v = y * LANES
        low = (lanes[v] + lanes[v + 1]) + (lanes[v + 2] + lanes[v + 3])
        q[y] = low + ((lanes[v + 4] + lanes[v + 5]) + (lanes[v + 6] + lanes[v + 7]))


@kernel
def solve_bucketed_njit(query, start, q, q_of_tails, error):
    """q and error of one query, per list, from the blocks near distance `start` outwards.

    q_of_tails is scratch, one entry a list. Returns (SOLVED or what went wrong, the sum of q).
    """
    work, rows, nodes = query.work, query.rows, query.nodes
    clear(work.lanes)
    clear(work.tail_lanes)
    for y in range(q.size):
        work.by_law[y] = 0.0
    work.law_block[0] = -1  # no nodes yet: what the query before asked for must not matter
    n_blocks = (nodes.size - 1) // LANES
    t = math.sqrt(start * start + query.dof)
    first = 0
    while first + 1 < n_blocks and nodes[(first + 1) * LANES] < t:
        first += 1
    last = first - 1  # no block yet
    up, down = True, False
    while up or down:
        for below in (False, True):
            if not (down if below else up):
                continue
            if below:
                first -= 1
            else:
                last += 1
            _work_out_block(query, first if below else last, not below, below or first == last)
        _totals(work.lanes, q)
        up, down = False, False
        for y in range(q.size):
            target = max(RELATIVE_TARGET * q[y], FLOOR)
            up = up or (last + 1 < n_blocks and work.above[y] > target)
            down = down or (first > 0 and work.below[y] > target)

    total = 0.0
    for y in range(q.size):
        total += q[y]
    if not abs(total - 1.0) <= LARGEST_DEFECT:
        return NOT_ONE, total
    _totals(work.tail_lanes, q_of_tails)
    rounding = UNIT * (6.0 * rows.s.size + 200.0)
    for y in range(q.size):
        left_out = (work.below[y] if first > 0 else 0.0) + (work.above[y] if last + 1 < n_blocks else 0.0)
        # left out: with room for the law's error; a bucket's probability errs by its two tails'
        law = work.by_law[y] + 2.0 * LAW_ERROR * q_of_tails[y]
        error[y] = 1.01 * left_out + q[y] * rounding + law + (1e-305 if q[y] > 0.0 else 0.0)
    return SOLVED, total
