"""Squared distances of queries to rows by direct differences, dense and sparse, for a slice of queries.

The twin of csrc/include/knn_cert/distance.hpp: every term is a square, nothing cancels, and the order of the sum does not
depend on how queries and rows are grouped.
"""

from __future__ import annotations

from ._numba_jit import SOURCES, inner, kernel
from ._numba_lanes import LANES, fused, load, spread, store, sub


@inner
def _sum_of_squares(lanes, a, b, j):
    """The eight partial sums, completed by the features from j on, then added."""
    for i in range(j, a.size):
        gap = b[i] - a[i]
        lanes[i - j] += gap * gap
    low = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
    return low + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]))


@inner
def _four_distances(a, rows, i, lanes, out):
    """out[i .. i + 3]: lane l adds the features l, l + 8, ..."""
    r0, r1, r2, r3 = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
    s0, s1, s2, s3 = spread(0.0), spread(0.0), spread(0.0), spread(0.0)
    j = 0
    while j + LANES <= a.size:
        x = load(a, j)
        d0, d1, d2, d3 = sub(load(r0, j), x), sub(load(r1, j), x), sub(load(r2, j), x), sub(load(r3, j), x)
        s0, s1, s2, s3 = fused(d0, d0, s0), fused(d1, d1, s1), fused(d2, d2, s2), fused(d3, d3, s3)
        j += LANES
    store(lanes, 0, s0)
    out[i] = _sum_of_squares(lanes, a, r0, j)
    store(lanes, 0, s1)
    out[i + 1] = _sum_of_squares(lanes, a, r1, j)
    store(lanes, 0, s2)
    out[i + 2] = _sum_of_squares(lanes, a, r2, j)
    store(lanes, 0, s3)
    out[i + 3] = _sum_of_squares(lanes, a, r3, j)


@inner
def _one_distance(a, row, lanes):
    total = spread(0.0)
    j = 0
    while j + LANES <= a.size:
        gap = sub(load(row, j), load(a, j))
        total = fused(gap, gap, total)
        j += LANES
    store(lanes, 0, total)
    return _sum_of_squares(lanes, a, row, j)


@kernel
def sq_distances_njit(queries, rows, lanes, out, sources=SOURCES):
    """out[q, i] = ||queries[q] - rows[i]||^2; lanes: scratch of eight doubles."""
    n_rows, dim = rows.shape
    # a tile of rows stays in the cache (256 KiB) while the queries pass by
    tile = 4 * max(1, (1 << 18) // (4 * 8 * max(1, dim)))
    for begin in range(0, n_rows, tile):
        end = min(n_rows, begin + tile)
        for q in range(queries.shape[0]):
            a, to = queries[q], out[q]
            i = begin
            while i + 4 <= end:
                _four_distances(a, rows, i, lanes, to)
                i += 4
            while i < end:
                to[i] = _one_distance(a, rows[i], lanes)
                i += 1


@inner
def _sparse_distance(p, p_end, q, q_end, a_indices, a_data, b_indices, b_data):
    """Of two rows with sorted column indices, none twice."""
    total = 0.0
    while p < p_end and q < q_end:
        column_a, column_b = a_indices[p], b_indices[q]
        gap = 0.0
        if column_a <= column_b:
            gap = a_data[p]
            p += 1
        if column_b <= column_a:
            gap -= b_data[q]
            q += 1
        total += gap * gap
    for i in range(p, p_end):
        total += a_data[i] * a_data[i]
    for i in range(q, q_end):
        total += b_data[i] * b_data[i]
    return total


@kernel
def sq_distances_csr_njit(
    query, q_indptr, q_indices, q_data, r_indptr, r_indices, r_data, out, sources=SOURCES
):
    """out[i] = squared distance of the query of that number to row i."""
    p, p_end = q_indptr[query], q_indptr[query + 1]
    for i in range(out.size):
        out[i] = _sparse_distance(p, p_end, r_indptr[i], r_indptr[i + 1], q_indices, q_data, r_indices, r_data)
