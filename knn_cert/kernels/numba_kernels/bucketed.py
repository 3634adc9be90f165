"""The bucketed classifier of Theorem 3 of RAB: any K, any number of classes.

Distances are known only by their bucket [b_{l-1}, b_l); ties in a bucket go to the lower row index. For a row
i in bucket l that is the K-th nearest, rows before i count if their bucket is <= l, rows behind it if it is <
l (eqs (74)-(80)): one pass backwards and one forwards over the rows give all boundary events of a block of
buckets. Blocks are worked out from the likely ones outwards; what lies beyond is bounded.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .continuous import check_resolution, check_total, new_work, place
from .jit import inner, kernel
from .law_table import MISSING, LawTable, row_law
from .limits import FEW_ROWS, FLOOR, LAW_ERROR, NODES, RELATIVE_TARGET, UNIT, by_law
from .tallies import start_tally, tally_size
from .winner import count_all, votes_to_win, winner_densities

_SHORTEST_RUN = 64  # rows between checkpoints of the backward pass; of n rows, sqrt(n) if that is more

# What is found for each list: its probability by this block's buckets; what that may err by the law; the
# same sum with the larger tail in place of their difference, by whose rounding it errs; bounds of what lies
# below the block, and above.
_Q, _LAW, _TAILS, _BELOW, _ABOVE = range(5)


@inner
def _count_row(tally, degree, law, high):
    """G[k] <- U G[k] + F G[k-1], F and U at the upper ends of the buckets if high is 1, else at the lower ones.

    Bucket j of a block lies between its nodes j and j + 1; the last node begins no bucket.
    """
    for k in range((degree - 1) * NODES, 0, -NODES):
        for j in range(NODES - 1):
            tally[k + j] = law[NODES + high + j] * tally[k + j] + law[high + j] * tally[k - NODES + j]
    for j in range(NODES - 1):
        tally[j] *= law[NODES + high + j]


@inner
def _join(before, after, degree, out):
    """The counts of rows before and behind together."""
    for k in range(degree):
        for j in range(NODES):
            out[k * NODES + j] = 0.0
        for i in range(k + 1):
            for j in range(NODES - 1):
                out[k * NODES + j] += before[i * NODES + j] * after[(k - i) * NODES + j]


@inner
def _run_laws(block, rows, begin, end, work, laws):
    """The laws of a run of rows; -1, or the first whose cell has not been built."""
    dof, t, terms, first, places, cells = block
    s, number, x = rows
    for i in range(begin, end):
        law = laws[i - begin]
        found = row_law(dof, t, terms, first, places, cells, s[i], number[i], x[i], work[1], law, False)
        if found == MISSING:
            return i
    return -1


@kernel
def bucket_block(block, rows, lists, n_neighbors, least, work, laws, state, left, right, density, answers):
    """All boundary events in a block of buckets -> answers[list]; -1, or a row whose cell is missing."""
    K, n_lists, n = n_neighbors, answers.shape[0], rows[0].size
    before, after, both, saved, checkpoints = state
    run = laws.shape[0]
    n_runs = (n + run - 1) // run
    mean = np.zeros(n_lists)  # expected rows below the block
    within = np.zeros((2, NODES))  # ... below the two ends of each bucket
    for c in range(n_lists):
        start_tally(before[c], K)
        start_tally(after[c], K)
        start_tally(both[c], K)
        for i in range(5):
            answers[c, i] = 0.0
    for r in range(n_runs - 1, -1, -1):
        begin, end = r * run, min(n, (r + 1) * run)
        checkpoints[r] = after
        missing = _run_laws(block, rows, begin, end, work, laws)
        if missing >= 0:
            return missing
        for i in range(end - 1, begin - 1, -1):
            _count_row(after[lists[i]], K, laws[i - begin], 0)
            mean[lists[i]] += laws[i - begin, 0]
            for j in range(NODES - 1):
                within[0, j] += laws[i - begin, j]
                within[1, j] += laws[i - begin, j + 1]
    for r in range(n_runs):
        begin, end = r * run, min(n, (r + 1) * run)
        after[:] = checkpoints[r]
        if n_runs > 1 and _run_laws(block, rows, begin, end, work, laws) >= 0:
            return begin
        for i in range(end - 1, begin - 1, -1):
            saved[i - begin] = after[lists[i]]
            _count_row(after[lists[i]], K, laws[i - begin], 0)
        for c in range(n_lists):
            _join(before[c], after[c], K, both[c])
        boundary = -1
        for i in range(begin, end):
            law, c = laws[i - begin], lists[i]
            after[c] = saved[i - begin]
            _join(before[c], after[c], K, both[c])
            if boundary >= 0 and boundary != c:  # the class before has no row at its end any more
                start_tally(both[boundary][K * NODES :], K)
                _join(before[boundary], after[boundary], K, both[boundary])
            boundary = c
            for k in range(K * NODES):
                both[c, K * NODES + k] = both[c, k]
            winner_densities(both, K, c, left, right, density)
            for j in range(NODES - 1):
                # the difference of the smaller tails; never negative, whatever the last digit
                larger = min(law[j + 1], law[NODES + j])
                p = law[j + 1] - law[j] if law[j + 1] <= law[NODES + j] else law[NODES + j] - law[NODES + j + 1]
                # rows within the last bucket of all are within it exactly
                end_mean = within[0, j] if block[1][j + 1] == math.inf else within[1, j]
                for y in range(n_lists):
                    value = max(p, 0.0) * density[y, j]
                    answers[y, _Q] += value
                    answers[y, _LAW] += value * by_law(float(K), end_mean)
                    answers[y, _TAILS] += larger * density[y, j]
            _count_row(before[c], K, law, 1)
    _bounds(before, K, least, mean, work[1], answers)
    return -1


@inner
def _bounds(before, K, least, mean, counts, answers):
    """y wins above the block only if fewer than K rows lie within its end, and below only with g = least rows
    there: at most e_g(F) <= (sum F)^g / g!.
    """
    is_open = count_all(before, K, NODES - 2, False, counts)
    for y in range(answers.shape[0]):
        answers[y, _ABOVE], answers[y, _BELOW] = is_open, 1.0
        for k in range(1, least[y] + 1):
            answers[y, _BELOW] *= mean[y] / k
        answers[y, _BELOW] = min(1.0, answers[y, _BELOW])


class Buckets:
    """The buckets of one vote; `vote` answers queries, one thread at a time."""

    def __init__(self, law: LawTable, edges: NDArray[np.float64], lists, n_lists: int, n_neighbors: int):
        ends = np.concatenate([[0.0], edges])
        self._law, self._lists, self._n_neighbors = law, lists, n_neighbors
        self._ends = np.concatenate([ends, np.full(1 + -ends.size % (NODES - 1), np.inf)])
        self._least = votes_to_win(n_lists, n_neighbors)
        self._counts = np.bincount(lists)
        self._run = max(_SHORTEST_RUN, math.isqrt(lists.size))
        size, K = tally_size.py_func(n_neighbors), n_neighbors
        n_runs = -(-lists.size // self._run)
        self._scratch = (
            np.empty((self._run, 3 * NODES)),
            (
                np.empty((n_lists, size)),
                np.empty((n_lists, size)),
                np.empty((n_lists, size)),
                np.empty((self._run, size)),
                np.empty((n_runs, n_lists, size)),
            ),
            np.empty((n_lists + 1, 2 * K * NODES)),
            np.empty((n_lists + 1, 2 * K * NODES)),
            np.empty((n_lists, NODES)),
            np.empty((n_lists, 5)),
        )
        self._work = new_work(max(size, 8192))

    def _block(self, rows: tuple, index: int) -> NDArray[np.float64]:
        t = self._ends[index * (NODES - 1) : (index + 1) * (NODES - 1) + 1]
        block = self._law.block((index,), lambda _: t, rows[0].size <= FEW_ROWS)
        while True:
            laws, state, left, right, density, answers = self._scratch
            missing = bucket_block(
                block.arguments, rows, self._lists, self._n_neighbors, self._least, self._work,
                laws, state, left, right, density, answers,
            )  # fmt: skip
            if missing < 0:
                return answers
            self._law.build(block, np.sort(rows[1]), rows[1].size)

    def vote(self, s: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the probabilities of the lists and bounds on their errors; s in the order of the rows."""
        decided = float(np.partition(s, self._n_neighbors - 1)[self._n_neighbors - 1])
        check_resolution(decided)
        rows = place(s)
        n_blocks = (self._ends.size - 1) // (NODES - 1)
        t = math.sqrt(decided * decided + self._law.dof)
        first = last = min(n_blocks - 1, max(0, int(np.searchsorted(self._ends, t)) - 1) // (NODES - 1))
        possible = self._counts >= self._least
        answers = self._block(rows, first)
        total = answers[:, :_BELOW].copy()
        below, above = np.where(possible, answers[:, _BELOW], 0.0), np.where(possible, answers[:, _ABOVE], 0.0)
        while True:
            target = np.maximum(RELATIVE_TARGET * total[:, _Q], FLOOR)
            up = last + 1 < n_blocks and bool((above > target).any())
            down = first > 0 and bool((below > target).any())
            if not (up or down):
                break
            if up:
                last += 1
                answers = self._block(rows, last)
                total += answers[:, :_BELOW]
                above = np.where(possible, answers[:, _ABOVE], 0.0)
            if down:
                first -= 1
                answers = self._block(rows, first)
                total += answers[:, :_BELOW]
                below = np.where(possible, answers[:, _BELOW], 0.0)
        q = total[:, _Q]
        check_total(float(q.sum()))
        left_out = (below if first > 0 else 0.0) + (above if last + 1 < n_blocks else 0.0)
        rounding = UNIT * (6.0 * s.size + 2.0 * q.size * (self._n_neighbors + 2.0) + 200.0)
        # left out: with room for the law's error; a bucket's probability errs by its two tails'
        law = total[:, _LAW] + 2.0 * LAW_ERROR * total[:, _TAILS]
        return q, np.where(possible, 1.01 * left_out + q * rounding + law + FLOOR, 0.0)
