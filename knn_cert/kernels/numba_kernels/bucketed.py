"""The bucketed classifier of Theorem 3 of RAB: any K, any number of classes.

Distances are known only by their bucket [b_{l-1}, b_l); ties in a bucket go to the lower row index. For a row
i in bucket l that is the K-th nearest, rows before i count if their bucket is <= l, rows behind it if it is <
l (eqs (74)-(80)): one pass backwards and one forwards over the rows give all boundary events of a block of
buckets. Blocks are worked out from the likely ones outwards; what lies beyond is bounded.
"""

from __future__ import annotations

import math

import numpy as np

from .continuous import FLOOR, RELATIVE_TARGET, RowLaws, check_resolution, check_total, rounding
from .jit import inner, kernel
from .law import NODES
from .law_table import Array, LawTable
from .races import LAW_ERROR, by_law
from .tallies import interpolate, start_tally, tally_size
from .winner import count_all, votes_to_win, winner_densities, winner_scratch

_SHORTEST_RUN = 64  # rows between checkpoints of the backward pass; of n rows, sqrt(n) if that is more

# What is found for each list: its probability by this block's buckets; what that may err by the law; the
# same sum with the larger tail in place of their difference, by whose rounding it errs; bounds of what lies
# below the block, and above.
_Q, _LAW, _TAILS, _BELOW, _ABOVE = range(5)


@inner
def _count_row(tally, degree, law, high):
    """G[k] <- U G[k] + F G[k-1], F and U at the upper ends of the buckets if high is 1, else at the lower.

    Bucket j of a block lies between its nodes j and j + 1; the last node begins no bucket.
    """
    for k in range((degree - 1) * NODES, 0, -NODES):
        for j in range(NODES - 1):
            tally[k + j] = law[NODES + high + j] * tally[k + j] + law[high + j] * tally[k - NODES + j]
    for j in range(NODES - 1):
        tally[j] *= law[NODES + high + j]


@inner
def _join(before, after, degree, out):
    """Join the counts of rows before and behind; as G, and as A in case their class is the boundary's."""
    for k in range(degree):
        for j in range(NODES):
            out[k * NODES + j] = 0.0
        for i in range(k + 1):
            for j in range(NODES - 1):
                out[k * NODES + j] += before[i * NODES + j] * after[(k - i) * NODES + j]
        for j in range(NODES):
            out[(degree + k) * NODES + j] = out[k * NODES + j]


@inner
def _densities_of_two(both, n_neighbors, c, out):
    """As `winner_densities` for two classes, the boundary row and k others among the K nearest being of c."""
    K = n_neighbors
    for j in range(NODES):
        out[0, j] = out[1, j] = 0.0
    for k in range(K):
        wins = 2 * (k + 1) > K or (2 * (k + 1) == K and c == 0)
        y, own, rest = c if wins else 1 - c, k * NODES, (K - 1 - k) * NODES
        for j in range(NODES):
            out[y, j] += both[c, own + j] * both[1 - c, rest + j]


@inner
def _copy(values, out):
    for i in range(values.size):
        out[i] = values[i]


@inner
def _laws_behind(rows, lists, begin, end, degree, laws, after, saved):
    """Work out the laws of a run of rows and add it to `after`, last row first; save what is behind each."""
    cells, index, weights = rows
    for i in range(end - 1, begin - 1, -1):
        interpolate(cells[index[i]], weights[i], 2 * NODES, laws[i - begin])
        _copy(after[lists[i]], saved[i - begin])
        _count_row(after[lists[i]], degree, laws[i - begin], 0)


@kernel
def bucket_block(t, rows, lists, n_neighbors, least, laws, state, left, right, density, answers):
    """Sum all boundary events in a block of buckets -> answers[list]."""
    K, n_lists, n = n_neighbors, answers.shape[0], lists.size
    before, after, both, saved, checkpoints = state
    run = laws.shape[0]
    n_runs = (n + run - 1) // run
    mean = np.zeros(n_lists)  # expected rows below the block
    within = np.zeros(NODES)  # ... below each node
    for c in range(n_lists):
        start_tally(before[c], K)
        start_tally(after[c], K)
        for i in range(5):
            answers[c, i] = 0.0
    for r in range(n_runs - 1, -1, -1):
        begin, end = r * run, min(n, (r + 1) * run)
        for c in range(n_lists):
            _copy(after[c], checkpoints[r, c])
        _laws_behind(rows, lists, begin, end, K, laws, after, saved)
        for i in range(begin, end):
            mean[lists[i]] += laws[i - begin, 0]
            for j in range(NODES):
                within[j] += laws[i - begin, j]
    for r in range(n_runs):
        begin, end = r * run, min(n, (r + 1) * run)
        for c in range(n_lists):
            _copy(checkpoints[r, c], after[c])
        _laws_behind(rows, lists, begin, end, K, laws, after, saved)
        for c in range(n_lists):
            _join(before[c], after[c], K, both[c])
        for i in range(begin, end):
            law, c = laws[i - begin], lists[i]
            if i > begin and lists[i - 1] != c:
                _join(before[lists[i - 1]], after[lists[i - 1]], K, both[lists[i - 1]])
            _copy(saved[i - begin], after[c])
            _join(before[c], after[c], K, both[c])
            if n_lists == 2:
                _densities_of_two(both, K, c, density)
            else:
                winner_densities(both, K, c, left, right, density)
            for j in range(NODES - 1):
                # the difference of the smaller tails; never negative, whatever the last digit
                larger = min(law[j + 1], law[NODES + j])
                p = (
                    law[j + 1] - law[j]
                    if law[j + 1] <= law[NODES + j]
                    else law[NODES + j] - law[NODES + j + 1]
                )
                # rows within the last bucket of all are within it exactly
                end_mean = within[j] if t[j + 1] == math.inf else within[j + 1]
                for y in range(n_lists):
                    value = max(p, 0.0) * density[y, j]
                    answers[y, _Q] += value
                    answers[y, _LAW] += value * by_law(float(K), end_mean)
                    answers[y, _TAILS] += larger * density[y, j]
            _count_row(before[c], K, law, 1)
    # y wins above the block only if fewer than K rows lie within its end, and below only with g = least rows
    # there: at most e_g(F) <= (sum F)^g / g!
    is_open = count_all(before, K, NODES - 2, False)
    for y in range(n_lists):
        answers[y, _ABOVE], answers[y, _BELOW] = is_open, 1.0
        for k in range(1, least[y] + 1):
            answers[y, _BELOW] *= mean[y] / k
        answers[y, _BELOW] = min(1.0, answers[y, _BELOW])


class Buckets:
    """The buckets of a vote; it answers queries, one at a time."""

    def __init__(self, law: LawTable, edges: Array, lists, n_lists: int, n_neighbors: int):
        ends = np.concatenate([[0.0], edges])
        self._law, self._lists, self._n_neighbors = law, lists, n_neighbors
        self._ends = np.concatenate([ends, np.full(1 + -ends.size % (NODES - 1), np.inf)])
        self._least = votes_to_win(n_lists, n_neighbors)
        self._possible = np.bincount(lists) >= self._least
        run, size = max(_SHORTEST_RUN, math.isqrt(lists.size)), tally_size.py_func(n_neighbors)
        before, after, both = np.empty((3, n_lists, size))
        checkpoints = np.empty((-(-lists.size // run), n_lists, size))
        self._scratch = (
            np.empty((run, 3 * NODES)),
            (before, after, both, np.empty((run, size)), checkpoints),
            *winner_scratch(n_lists, n_neighbors),
            np.empty((n_lists, 5)),
        )

    def _add(self, rows: RowLaws, index: int, total: Array) -> Array:
        """Add a block to the total; return bounds of what lies below it and above it."""
        t = self._ends[index * (NODES - 1) : (index + 1) * (NODES - 1) + 1]
        block = self._law.block((index,), lambda _: t)
        bucket_block(t, rows.at(block), self._lists, self._n_neighbors, self._least, *self._scratch)
        answers = self._scratch[-1]
        total += answers[:, :_BELOW]
        return np.where(self._possible[:, None], answers[:, _BELOW:], 0.0).T

    def vote(self, s: Array) -> tuple[Array, Array]:
        """Return the probabilities of the lists and bounds on their errors; s in the order of the rows."""
        decided = float(np.partition(s, self._n_neighbors - 1)[self._n_neighbors - 1])
        check_resolution(decided)
        rows, total = RowLaws(self._law, s), np.zeros((self._possible.size, _BELOW))
        n_blocks = (self._ends.size - 1) // (NODES - 1)
        t = math.sqrt(decided * decided + self._law.dof)
        first = last = min(n_blocks - 1, max(0, int(np.searchsorted(self._ends, t)) - 1) // (NODES - 1))
        below, above = self._add(rows, first, total)
        while True:
            target = np.maximum(RELATIVE_TARGET * total[:, _Q], FLOOR)
            up = last + 1 < n_blocks and bool((above > target).any())
            down = first > 0 and bool((below > target).any())
            if not (up or down):
                break
            if up:
                last += 1
                above = self._add(rows, last, total)[1]
            if down:
                first -= 1
                below = self._add(rows, first, total)[0]
        q = total[:, _Q]
        check_total(float(q.sum()))
        left_out = (below if first > 0 else 0.0) + (above if last + 1 < n_blocks else 0.0)
        # left out: with room for the law's error; a bucket's probability errs by its two tails'
        law = total[:, _LAW] + 2.0 * LAW_ERROR * total[:, _TAILS]
        error = 1.01 * left_out + q * rounding(s.size, q.size, self._n_neighbors) + law + FLOOR
        return q, np.where(self._possible, error, 0.0)
