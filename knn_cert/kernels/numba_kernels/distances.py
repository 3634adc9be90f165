"""Euclidean distances by direct differences, dense and sparse: every term is a square, nothing cancels.

The order of each sum does not depend on how queries and rows are grouped; the root is correctly rounded.
"""

from __future__ import annotations

import math

from .jit import kernel

QUERIES = 16  # at most so many in one call: Ctrl-C is heard between calls


@kernel
def dense(queries, rows, out):
    """out[q, i] = ||queries[q] - rows[i]||."""
    dim = rows.shape[1]
    whole = dim - dim % 4
    for q in range(queries.shape[0]):
        for i in range(rows.shape[0]):
            a = b = c = d = 0.0  # four sums, as one would wait for itself
            for j in range(0, whole, 4):
                a += (rows[i, j] - queries[q, j]) ** 2
                b += (rows[i, j + 1] - queries[q, j + 1]) ** 2
                c += (rows[i, j + 2] - queries[q, j + 2]) ** 2
                d += (rows[i, j + 3] - queries[q, j + 3]) ** 2
            for j in range(whole, dim):
                a += (rows[i, j] - queries[q, j]) ** 2
            out[q, i] = math.sqrt((a + b) + (c + d))


@kernel
def sparse(first, end, q_indices, q_data, r_indptr, r_indices, r_data, out):
    """out[i] = distance of the query in entries first .. end - 1 to row i; indices are sorted, none twice."""
    for i in range(out.size):
        q, r, r_end = first, r_indptr[i], r_indptr[i + 1]
        total = 0.0
        while q < end or r < r_end:
            in_query = q < end and (r == r_end or q_indices[q] <= r_indices[r])
            in_row = r < r_end and (q == end or r_indices[r] <= q_indices[q])
            gap = 0.0
            if in_query:
                gap = q_data[q]
            if in_row:
                gap -= r_data[r]
            q, r = q + in_query, r + in_row
            total += gap * gap
        out[i] = math.sqrt(total)
