// distance.hpp: distances of queries to rows by direct differences, dense and sparse. No Python.
//
// Every term of the sum under the root is a square: nothing cancels, the relative error of the sum is below (dim + 2) 2^-53, and
// that of its root below (dim / 2 + 2) 2^-53. The usual |x|^2 + |y|^2 - 2 x.y loses all digits where the data sit far from the origin.
#pragma once

#include <cmath>
#include <cstdint>

#include "leaf_interface.hpp"
#include "parallel.hpp"

namespace knn_cert {

// out[q][i], queries [n_queries][dim], rows [n_rows][dim]
inline void distances(const double* queries, std::int64_t n_queries, const double* rows, std::int64_t n_rows, std::int64_t dim, double* out,
                      int n_threads, Checkpoint checkpoint) {
    const LeafLoops& leaf = leaf_loops();
    // A tile of queries stays in the cache while a tile of rows passes by; tiles are the items that threads share.
    const std::int64_t kQueries = kDistanceQueries;
    const std::int64_t bytes = 8 * (dim > 0 ? dim : 1);
    const std::int64_t kRows = 2 * std::max<std::int64_t>(1, (std::int64_t{1} << 18) / (2 * bytes));
    const std::int64_t query_tiles = (n_queries + kQueries - 1) / kQueries;
    const std::int64_t row_tiles = (n_rows + kRows - 1) / kRows;
    for_each_item(query_tiles * row_tiles, n_threads, checkpoint, [&](int, std::int64_t item) {
        const std::int64_t q = (item / row_tiles) * kQueries;
        const std::int64_t r = (item % row_tiles) * kRows;
        const std::int64_t n_queries_now = std::min(kQueries, n_queries - q);
        const std::int64_t n_rows_now = std::min(kRows, n_rows - r);
        double* const tile = out + q * n_rows + r;
        leaf.sq_distances(queries + q * dim, n_queries_now, rows + r * dim, n_rows_now, dim, tile, n_rows);
        for (std::int64_t i = 0; i < n_queries_now; ++i)
            for (std::int64_t j = 0; j < n_rows_now; ++j) tile[i * n_rows + j] = std::sqrt(tile[i * n_rows + j]);
    });
}

// Compressed rows with sorted column indices, none twice.
struct SparseRows {
    const std::int64_t* indptr;
    const std::int64_t* indices;
    const double* data;
    std::int64_t n;
};

inline double distance_sparse(const SparseRows& a, std::int64_t i, const SparseRows& b, std::int64_t j) {
    std::int64_t p = a.indptr[i];
    std::int64_t q = b.indptr[j];
    const std::int64_t p_end = a.indptr[i + 1];
    const std::int64_t q_end = b.indptr[j + 1];
    double sum = 0.0;
    while (p < p_end && q < q_end) {
        const std::int64_t column_a = a.indices[p];
        const std::int64_t column_b = b.indices[q];
        const double gap = (column_a <= column_b ? a.data[p] : 0.0) - (column_b <= column_a ? b.data[q] : 0.0);
        sum += gap * gap;
        p += column_a <= column_b;
        q += column_b <= column_a;
    }
    for (; p < p_end; ++p) sum += a.data[p] * a.data[p];
    for (; q < q_end; ++q) sum += b.data[q] * b.data[q];
    return std::sqrt(sum);
}

inline void distances_sparse(const SparseRows& queries, const SparseRows& rows, double* out, int n_threads, Checkpoint checkpoint) {
    for_each_item(queries.n, n_threads, checkpoint, [&](int, std::int64_t q) {
        for (std::int64_t i = 0; i < rows.n; ++i) out[q * rows.n + i] = distance_sparse(queries, q, rows, i);
    });
}

}  // namespace knn_cert
