"""Squared distances of queries to rows by direct differences, dense and sparse, for a few queries at a time.

The twin of csrc/include/knn_cert/distance.hpp and of its leaf loop: every term is a square, nothing cancels,
and the order of each sum does not depend on how queries and rows are grouped.
"""

from __future__ import annotations

import numpy as np

from .jit import inner, kernel
from .lanes import LANES, fused, load, spread, store, sub, total

QUERIES = 16  # at most so many queries in one call
_ROWS = 16  # at a time
_PIECE = 512  # features of four queries and two rows at a time: they stay in the first cache


def new_sums() -> np.ndarray:
    """Scratch for one thread: [row][query][lane]."""
    return np.empty(_ROWS * QUERIES * LANES)


@inner
def _add_eight(a, b, row_0, row_1, first, last, sums, at, next_row):
    """Add the features first .. last - 1 of two rows and of queries a[b], ..., a[b + 3] to their sums."""
    q0, q1, q2, q3 = a[b], a[b + 1], a[b + 2], a[b + 3]
    next_at = at + next_row
    s0, s1 = load(sums, at), load(sums, at + LANES)
    s2, s3 = load(sums, at + 2 * LANES), load(sums, at + 3 * LANES)
    t0, t1 = load(sums, next_at), load(sums, next_at + LANES)
    t2, t3 = load(sums, next_at + 2 * LANES), load(sums, next_at + 3 * LANES)
    for j in range(first, last, LANES):
        x, y = load(row_0, j), load(row_1, j)
        query = load(q0, j)
        gap, next_gap = sub(x, query), sub(y, query)
        s0, t0 = fused(gap, gap, s0), fused(next_gap, next_gap, t0)
        query = load(q1, j)
        gap, next_gap = sub(x, query), sub(y, query)
        s1, t1 = fused(gap, gap, s1), fused(next_gap, next_gap, t1)
        query = load(q2, j)
        gap, next_gap = sub(x, query), sub(y, query)
        s2, t2 = fused(gap, gap, s2), fused(next_gap, next_gap, t2)
        query = load(q3, j)
        gap, next_gap = sub(x, query), sub(y, query)
        s3, t3 = fused(gap, gap, s3), fused(next_gap, next_gap, t3)
    store(sums, at, s0)
    store(sums, at + LANES, s1)
    store(sums, at + 2 * LANES, s2)
    store(sums, at + 3 * LANES, s3)
    store(sums, next_at, t0)
    store(sums, next_at + LANES, t1)
    store(sums, next_at + 2 * LANES, t2)
    store(sums, next_at + 3 * LANES, t3)


@inner
def _add_one(query, row, first, last, sums, at):
    s = load(sums, at)
    for j in range(first, last, LANES):
        gap = sub(load(row, j), load(query, j))
        s = fused(gap, gap, s)
    store(sums, at, s)


@kernel
def sq_distances_njit(queries, rows, sums, out):
    """out[q, i] = ||queries[q] - rows[i]||^2, at most QUERIES queries; sums: scratch (`new_sums`).

    Lane l of a sum adds the features l, l + 8, ...; then the lanes are added.
    """
    n_queries = queries.shape[0]
    n_rows, dim = rows.shape
    whole, next_row = dim - dim % LANES, n_queries * LANES
    in_fours = n_queries - n_queries % 4
    for start in range(0, n_rows, _ROWS):
        n = min(_ROWS, n_rows - start)
        in_pairs = n - n % 2
        for k in range(0, n * next_row, LANES):
            store(sums, k, spread(0.0))
        for first in range(0, whole, _PIECE):
            last = min(first + _PIECE, whole)
            for i in range(0, in_pairs, 2):
                row_0, row_1 = rows[start + i], rows[start + i + 1]
                for q in range(0, in_fours, 4):
                    _add_eight(
                        queries, q, row_0, row_1, first, last, sums, i * next_row + q * LANES, next_row
                    )
            for i in range(n):
                for q in range(in_fours if i < in_pairs else 0, n_queries):
                    _add_one(queries[q], rows[start + i], first, last, sums, i * next_row + q * LANES)
        for q in range(n_queries):
            for i in range(n):
                at = i * next_row + q * LANES
                for j in range(whole, dim):
                    gap = rows[start + i, j] - queries[q, j]
                    sums[at + j - whole] += gap * gap
                out[q, start + i] = total(load(sums, at))


@inner
def _sparse_distance(p, p_end, q, q_end, a_indices, a_data, b_indices, b_data):
    """Of two rows with sorted column indices, none twice."""
    sum_of_squares = 0.0
    while p < p_end and q < q_end:
        column_a, column_b = a_indices[p], b_indices[q]
        gap = 0.0
        if column_a <= column_b:
            gap = a_data[p]
            p += 1
        if column_b <= column_a:
            gap -= b_data[q]
            q += 1
        sum_of_squares += gap * gap
    for i in range(p, p_end):
        sum_of_squares += a_data[i] * a_data[i]
    for i in range(q, q_end):
        sum_of_squares += b_data[i] * b_data[i]
    return sum_of_squares


@kernel
def sq_distances_csr_njit(query, q_indptr, q_indices, q_data, r_indptr, r_indices, r_data, out):
    """out[i] = squared distance of the query of that number to row i."""
    p, p_end = q_indptr[query], q_indptr[query + 1]
    for i in range(out.size):
        out[i] = _sparse_distance(
            p, p_end, r_indptr[i], r_indptr[i + 1], q_indices, q_data, r_indices, r_data
        )
