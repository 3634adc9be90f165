"""What a vote, or a race of two lists, asks of the counts of each list of rows, at eight nodes at once.

The twin of csrc/include/knn_cert/contest.hpp and winner.hpp. Polynomials are [power][lane] in flat arrays;
`at` is where one starts, list c of G starts at c stride.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .jit import inner, variable
from .lanes import LANES, add, fused, load, mul, spread, store


class Contest(NamedTuple):
    """List y wins with at least least[y] rows and at most rest[y] rows of the others among the K nearest.

    A race: list 0 wins iff its degree[0]-th row comes before the degree[1]-th row of list 1.
    """

    n_lists: int
    is_race: bool
    n_neighbors: int  # K of the vote; of a race, the arrival at which it is decided at the latest
    degree: np.ndarray  # per list: powers kept
    least: np.ndarray
    rest: np.ndarray

    def max_degree(self) -> int:
        return int(self.degree.max())

    def winner_work_size(self) -> int:
        """Doubles of scratch that combine, standings and the bucketed passes need."""
        n = self.n_lists
        k = 1 + (self.max_degree() if self.is_race else self.n_neighbors)
        return LANES * (6 * n * k + 8 * k + 8 * n + 64)


def race_contest(m_a: int, m_b: int) -> Contest:
    """The m_a-th row of list 0 against the m_b-th row of list 1."""
    return Contest(
        2, True, m_a + m_b - 1, _integers([m_a, m_b]), _integers([m_a, m_b]), _integers([m_b - 1, m_a - 1])
    )


def vote_contest(n_lists: int, n_neighbors: int) -> Contest:
    """The vote of the K nearest rows among n_lists classes, ties to the lowest.

    Two classes are a race: the lower one wins with K/2 votes if K is even, both need (K + 1)/2 if it is odd.
    """
    if n_lists == 2:
        return race_contest((n_neighbors + 1) // 2, n_neighbors // 2 + 1)
    # the smallest g >= 1 such that g votes for y, g - 1 for each class below and g for each above make K
    least = [max(1, -(-(n_neighbors + y) // n_lists)) for y in range(n_lists)]
    degree = [n_neighbors] * n_lists
    return Contest(
        n_lists, False, n_neighbors, _integers(degree), _integers(least), n_neighbors - _integers(least)
    )


def _integers(values):
    return np.array(values, dtype=np.int64)


@inner
def add_row(G, at, degree, F, U):
    """G[k] <- U G[k] + F G[k-1]: one row more."""
    for k in range(at + (degree - 1) * LANES, at, -LANES):
        store(G, k, fused(U, load(G, k), mul(F, load(G, k - LANES))))
    store(G, at, mul(U, load(G, at)))


@inner
def multiply(a, a_at, n_a, b, b_at, n_b, out, out_at, n_out):
    """The first n_out coefficients of the product of polynomials with n_a and n_b ones; out is neither."""
    for r in range(n_out):
        store(out, out_at + r * LANES, coefficient(a, a_at, n_a, b, b_at, n_b, r))


@inner
def coefficient(a, a_at, n_a, b, b_at, n_b, r):
    """The coefficient of z^r in the product."""
    total = spread(0.0)
    for i in range(max(0, r - n_b + 1), min(r, n_a - 1) + 1):
        total = fused(load(a, a_at + i * LANES), load(b, b_at + (r - i) * LANES), total)
    return total


@inner
def sum_of(G, at, n):
    """G[0] + ... + G[n - 1], summed from the constant term."""
    total = spread(0.0)
    for k in range(n):
        total = add(total, load(G, at + k * LANES))
    return total


@inner
def set_one(G, at, n):
    """The polynomial 1 with n coefficients."""
    store(G, at, spread(1.0))
    for k in range(1, n):
        store(G, at + k * LANES, spread(0.0))


@inner
def _copy(values, from_at, to_at, n):
    for k in range(0, n * LANES, LANES):
        store(values, to_at + k, load(values, from_at + k))


@inner
def winner_weights(n_lists, K, boundary, G, G_at, stride, work, W_at, work_at):
    """work[W_at + (y K + k) 8 ...] = P(the lists but `boundary` hold K - 1 - k rows, and y wins).

    A sum over tallies that is never listed: for a winner y with g votes the classes below y hold at most g -
    1, those above at most g, so it is one coefficient of a product of capped polynomials, and all y share the
    products from the left (cap g - 1) and from the right (cap g).
    """
    span = (K + 1) * LANES
    left = work_at  # left + c span: product over lists < c
    right = work_at + (n_lists + 1) * span  # right + c span: product over lists >= c
    others = right + (n_lists + 1) * span
    for i in range(W_at, W_at + n_lists * K * LANES, LANES):
        store(work, i, spread(0.0))
    for g in range((K + n_lists - 1) // n_lists, K + 1):
        n = K - g + 1  # coefficients that matter
        set_one(work, left, n)
        for c in range(n_lists):
            if c == boundary:
                _copy(work, left + c * span, left + (c + 1) * span, n)
            else:
                multiply(
                    work, left + c * span, n, G, G_at + c * stride, min(g, K), work, left + (c + 1) * span, n
                )
        set_one(work, right + n_lists * span, n)
        for c in range(n_lists - 1, -1, -1):
            if c == boundary:
                _copy(work, right + (c + 1) * span, right + c * span, n)
            else:
                multiply(
                    work,
                    right + (c + 1) * span,
                    n,
                    G,
                    G_at + c * stride,
                    min(g + 1, K),
                    work,
                    right + c * span,
                    n,
                )
        for y in range(n_lists):
            below, above = left + y * span, right + (y + 1) * span
            if y == boundary:
                store(
                    work, W_at + (y * K + g - 1) * LANES, coefficient(work, below, n, work, above, n, K - g)
                )
            elif g < K:
                multiply(work, below, n, work, above, n, work, others, n - 1)
                votes = load(G, G_at + y * stride + g * LANES)
                cap = g - 1 if boundary < y else g  # the boundary class holds k + 1 rows
                for k in range(min(cap, K - g)):
                    to = W_at + (y * K + k) * LANES
                    store(
                        work, to, fused(votes, load(work, others + (K - g - k - 1) * LANES), load(work, to))
                    )


@inner
def combine(contest, G, A, stride, weight, work, q):
    """Add to q[list][lane] weight[lane] times the density of "this list wins, the K-th row at the node"."""
    w = load(weight, 0)
    if contest.is_race:  # A_A[m-1] H_B, H_B = sum_{k < m'} G_B[k], and the other way round
        for c in range(2):
            m, other = contest.degree[c], contest.degree[1 - c]
            density = mul(load(A, c * stride + (m - 1) * LANES), sum_of(G, (1 - c) * stride, other))
            store(q, c * LANES, fused(w, density, load(q, c * LANES)))
        return
    n, K = contest.n_lists, contest.n_neighbors
    for b in range(n):
        winner_weights(n, K, b, G, variable(0), stride, work, variable(0), n * K * LANES)
        for y in range(n):
            total = spread(0.0)
            for k in range(K):
                total = fused(load(A, b * stride + k * LANES), load(work, (y * K + k) * LANES), total)
            store(q, y * LANES, fused(w, total, load(q, y * LANES)))


@inner
def standings(contest, G, T, stride, work, out):
    """Three kinds of probabilities, from G and T[list][lane] = P(the list holds at least its degree).

    out[y][lane] = P(the lists other than y hold at most rest[y] rows); out[n_lists] = P(the contest is open):
    fewer than K rows within, or neither list of a race complete; out[n_lists + 1] >= P(it is closed), as a
    sum of its own.
    """
    rest = contest.rest
    if contest.is_race:
        for c in range(2):
            store(out, c * LANES, sum_of(G, (1 - c) * stride, rest[c] + 1))
        store(out, 2 * LANES, mul(load(out, 0), load(out, LANES)))
        store(out, 3 * LANES, add(load(T, 0), load(T, LANES)))
        return
    n, K = contest.n_lists, contest.n_neighbors
    span = K * LANES
    left, right = variable(0), (n + 1) * span
    product = right + (n + 1) * span
    set_one(work, left, K)
    set_one(work, right + n * span, K)
    for c in range(n):
        multiply(work, left + c * span, K, G, c * stride, K, work, left + (c + 1) * span, K)
    for c in range(n - 1, -1, -1):
        multiply(work, right + (c + 1) * span, K, G, c * stride, K, work, right + c * span, K)
    for y in range(n):
        multiply(work, left + y * span, K, work, right + (y + 1) * span, K, work, product, rest[y] + 1)
        store(out, y * LANES, sum_of(work, product, rest[y] + 1))
    store(out, n * LANES, sum_of(work, left + n * span, K))
    # K rows are reached with list c: i rows in the lists before it, at least K - i in it
    closed = spread(0.0)
    for c in range(n):
        at_least = load(T, c * LANES)
        for i in range(K):
            closed = fused(load(work, left + c * span + i * LANES), at_least, closed)
            at_least = add(at_least, load(G, c * stride + (K - 1 - i) * LANES))
    store(out, (n + 1) * LANES, closed)
