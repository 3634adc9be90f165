"""Euclidean distances of a query to rows by direct differences, dense and sparse: every term is a square.

The order of each sum does not depend on how queries and rows are grouped; the root is correctly rounded.
"""

from __future__ import annotations

import math

from .jit import inner, kernel

QUERIES = 16  # at most so many queries in one call: Ctrl-C is heard between calls


@kernel
def distances_njit(queries, rows, out):
    """out[q, i] = ||queries[q] - rows[i]||."""
    dim = rows.shape[1]
    whole = dim - dim % 4
    for q in range(queries.shape[0]):
        for i in range(rows.shape[0]):
            a = b = c = d = 0.0  # four sums, as one would wait for itself
            for j in range(0, whole, 4):
                gap_a, gap_b = rows[i, j] - queries[q, j], rows[i, j + 1] - queries[q, j + 1]
                gap_c, gap_d = rows[i, j + 2] - queries[q, j + 2], rows[i, j + 3] - queries[q, j + 3]
                a += gap_a * gap_a
                b += gap_b * gap_b
                c += gap_c * gap_c
                d += gap_d * gap_d
            for j in range(whole, dim):
                gap_a = rows[i, j] - queries[q, j]
                a += gap_a * gap_a
            out[q, i] = math.sqrt((a + b) + (c + d))


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
    return math.sqrt(sum_of_squares)


@kernel
def distances_csr_njit(query, q_indptr, q_indices, q_data, r_indptr, r_indices, r_data, out):
    """out[i] = distance of the query of that number to row i."""
    p, p_end = q_indptr[query], q_indptr[query + 1]
    for i in range(out.size):
        out[i] = _sparse_distance(
            p, p_end, r_indptr[i], r_indptr[i + 1], q_indices, q_data, r_indices, r_data
        )
