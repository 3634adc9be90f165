"""Votes of more than two classes: who wins, from the counting polynomials of each class, at a block of nodes.

A polynomial over the dual numbers (eps^2 = 0) for each class c, G_c[k] + eps A_c[k - 1]: k rows of c are
among the K nearest; the eps part has the K-th nearest, the boundary row, among them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .jit import inner, kernel
from .law import NODES
from .law_table import Array, Block, LawTable
from .races import ABOVE, ANSWERS, BELOW, LAW, by_law
from .tallies import add_rows, start_tally, tally_size


@inner
def _multiply(one, two, cap, n, a_has, b_has, out):
    """Write the first n powers of the dual product of `one`, [real, eps][power][node], and a tally to out.

    Of the tally, at most `cap` rows count. a_has, b_has: whether the factors have an eps part at all.
    """
    eps, a = one.size // 2, (two.size // NODES - 2) // 2 * NODES
    for i in range(n * NODES):
        out[i] = out[eps + i] = 0.0
    for i in range(n):
        for k in range(min(cap, n - 1 - i) + 1):
            to, left, right = (i + k) * NODES, i * NODES, k * NODES
            for j in range(NODES):
                out[to + j] += one[left + j] * two[right + j]
            if a_has:
                for j in range(NODES):
                    out[eps + to + j] += one[eps + left + j] * two[right + j]
            if b_has and k > 0:
                for j in range(NODES):
                    out[eps + to + j] += one[left + j] * two[a + right - NODES + j]


@inner
def winner_densities(tallies, n_neighbors, boundary, left, right, out):
    """Set out[y][node] to the eps part of all tallies of K rows for which y wins, ties to the lowest class.

    With g votes of y the classes before it hold at most g - 1, those behind it at most g: one coefficient of
    a product of capped polynomials, and all y share the products from the left and from the right. No
    tally is ever listed. boundary: the only class with an eps part, -1 if all have one.
    """
    n_lists, K = tallies.shape[0], n_neighbors
    eps = left.shape[1] // 2
    a = (tallies.shape[1] // NODES - 2) // 2 * NODES
    for y in range(n_lists):
        for j in range(NODES):
            out[y, j] = 0.0
    for g in range((K + n_lists - 1) // n_lists, K + 1):
        n = K - g + 1  # coefficients that matter
        for ends in range(2):
            one = left[0] if ends == 0 else right[n_lists]
            for i in range(n * NODES):
                one[i] = 1.0 if i < NODES else 0.0
                one[eps + i] = 0.0
        for c in range(n_lists):
            has, own = boundary < 0 or boundary < c, boundary < 0 or boundary == c
            _multiply(left[c], tallies[c], g - 1, n, has, own, left[c + 1])
        for c in range(n_lists - 1, -1, -1):
            has, own = boundary < 0 or boundary > c, boundary < 0 or boundary == c
            _multiply(right[c + 1], tallies[c], g, n, has, own, right[c])
        for y in range(n_lists):
            before, behind = left[y], right[y + 1]
            for i in range(n):
                one, two = i * NODES, (n - 1 - i) * NODES
                if boundary < 0 or boundary == y:  # the boundary row is of y
                    at = a + (g - 1) * NODES
                    for j in range(NODES):
                        out[y, j] += tallies[y, at + j] * (before[one + j] * behind[two + j])
                if boundary != y and g < K:
                    at = g * NODES
                    for j in range(NODES):
                        rest = (
                            before[eps + one + j] * behind[two + j] + before[one + j] * behind[eps + two + j]
                        )
                        out[y, j] += tallies[y, at + j] * rest


@inner
def count_all(tallies, n_neighbors, node, complete):
    """Return P(fewer than K rows of all lists), or, at the first node only, P(at least K), natively."""
    K = n_neighbors
    counts = np.empty(K)
    reached = 0.0
    for k in range(K):
        counts[k] = 1.0 if k == 0 else 0.0
    for c in range(tallies.shape[0]):
        if complete:  # K rows are reached with list c: i rows in the lists before it, at least K - i in it
            at_least = tallies[c, (2 * K + 1) * NODES]
            for i in range(K):
                reached += counts[i] * at_least
                at_least += tallies[c, (K - 1 - i) * NODES]
        for k in range(K - 1, -1, -1):
            total = 0.0
            for i in range(k + 1):
                total += counts[k - i] * tallies[c, i * NODES + node]
            counts[k] = total
    if complete:
        return min(1.0, reached)
    total = 0.0
    for k in range(K):
        total += counts[k]
    return min(1.0, total)


@kernel
def vote_block(rows, offsets, n_neighbors, least, weight, tallies, left, right, density, answers):
    """Work out the vote at one block -> answers[list]."""
    K, n_lists = n_neighbors, tallies.shape[0]
    for c in range(n_lists):
        start_tally(tallies[c], K)
        add_rows(rows, offsets[c], offsets[c + 1], K, tallies[c : c + 1], 1)
    winner_densities(tallies, K, -1, left, right, density)
    is_open, is_closed = count_all(tallies, K, NODES - 1, False), count_all(tallies, K, 0, True)
    for y in range(n_lists):
        own = tallies[y, (2 * K + 1) * NODES]  # P(y holds the votes that it needs at least)
        for k in range(K - 1, least[y] - 1, -1):
            own += tallies[y, k * NODES]
        for i in range(BELOW):
            answers[y, i] = 0.0
        answers[y, BELOW], answers[y, ABOVE] = min(own, is_closed), is_open
        for j in range(NODES):
            mean = 0.0
            for c in range(n_lists):
                mean += tallies[c, 2 * K * NODES + j]
            answers[y, j % 4] += weight[j] * density[y, j]
            answers[y, LAW] += weight[j] * density[y, j] * by_law(float(K), mean)


def votes_to_win(n_lists: int, n_neighbors: int) -> NDArray[np.int64]:
    """Return the fewest votes with which each list can win.

    The smallest g >= 1 such that g votes for y, g - 1 for each list before and g for each behind make K.
    """
    return np.array([max(1, -(-(n_neighbors + y) // n_lists)) for y in range(n_lists)], dtype=np.int64)


def winner_scratch(n_lists: int, n_neighbors: int) -> tuple[Array, Array, Array]:
    """Return products from the left and from the right, and the densities, for `winner_densities`."""
    products = (n_lists + 1, 2 * n_neighbors * NODES)
    return np.empty(products), np.empty(products), np.empty((n_lists, NODES))


class Vote:
    """A vote of more than two lists as `continuous.integrate` asks for it; s by list, sorted within each."""

    def __init__(self, s: Array, offsets: NDArray[np.int64], n_neighbors: int):
        self._s, self._offsets, n_lists = s, offsets, len(offsets) - 1
        self.n_rows, self.n_neighbors, self.shape = s.size, n_neighbors, (n_lists,)
        self.decided = float(np.partition(s, n_neighbors - 1)[n_neighbors - 1])
        self._least = votes_to_win(n_lists, n_neighbors)
        self.possible = np.diff(offsets) >= self._least

    def ways(self) -> Iterator[tuple[Array, None]]:
        """Yield the one way: each row is counted."""
        yield self._s, None

    def use(self, far: None) -> None:
        """Prepare for blocks."""
        n_lists = self.shape[0]
        tallies = np.empty((n_lists, tally_size.py_func(self.n_neighbors)))
        self._scratch = tallies, *winner_scratch(n_lists, self.n_neighbors), np.empty((n_lists, ANSWERS))

    def at_block(self, law: LawTable, block: Block, rows: tuple, weight: Array) -> Array:
        """Return the answers."""
        vote_block(rows, self._offsets, self.n_neighbors, self._least, weight, *self._scratch)
        return self._scratch[-1]
