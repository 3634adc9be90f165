// leaf_distances.hpp: distances of a tile of queries and rows: direct differences, and products. No Python, no threads, no allocation.
#pragma once

#include <cmath>

#include "lanes.hpp"

namespace knn_cert {
namespace {

// Differences, squared and added in one fixed order: lane l adds the features l, l + 8, ...; then the lanes. The order does
// not depend on how queries and rows are grouped. Relative error of each result: below (dim / 8 + 6) 2^-53. A difference is rounded, which
// counts twice in its square, and so is the square; its lane rounds ceil(dim / 8) - 1 sums, as the first is exact, and the lanes three.
//
// Features first .. last (whole groups of eight) of kRows rows and kQueries queries, added to sums[row][query][lane].
template <int kRows, int kQueries>
KNN_CERT_INLINE void add_features(const double* queries, const double* rows, std::int64_t dim, std::int64_t first, std::int64_t last,
                                  double* sums, std::int64_t row_stride) {
    Lanes sum[kRows][kQueries];
    for (int r = 0; r < kRows; ++r)
        for (int q = 0; q < kQueries; ++q) sum[r][q] = Lanes::load(sums + r * row_stride + q * kLanes);
    for (std::int64_t j = first; j < last; j += kLanes) {
        Lanes row[kRows];
        for (int r = 0; r < kRows; ++r) row[r] = Lanes::load(rows + r * dim + j);
        for (int q = 0; q < kQueries; ++q) {
            const Lanes query = Lanes::load(queries + q * dim + j);
            for (int r = 0; r < kRows; ++r) {
                const Lanes gap = row[r] - query;
                sum[r][q] += gap * gap;
            }
        }
    }
    for (int r = 0; r < kRows; ++r)
        for (int q = 0; q < kQueries; ++q) sum[r][q].store(sums + r * row_stride + q * kLanes);
}

template <int kRows>
void add_features_of_rows(const double* queries, std::int64_t n_queries, const double* rows, std::int64_t dim, std::int64_t first,
                          std::int64_t last, double* sums, std::int64_t row_stride) {
    std::int64_t q = 0;
    for (; q + 4 <= n_queries; q += 4) add_features<kRows, 4>(queries + q * dim, rows, dim, first, last, sums + q * kLanes, row_stride);
    for (; q < n_queries; ++q) add_features<kRows, 1>(queries + q * dim, rows, dim, first, last, sums + q * kLanes, row_stride);
}

// At most kDistanceQueries queries. Features in pieces, so that four queries and two rows of a piece stay in the first cache.
void sq_distances(const double* queries, std::int64_t n_queries, const double* rows, std::int64_t n_rows, std::int64_t dim, double* out,
                  std::int64_t out_stride) {
    constexpr std::int64_t kPiece = 512;
    constexpr std::int64_t kRowsAtATime = 16;
    const std::int64_t whole = dim - dim % kLanes;
    const std::int64_t row_stride = n_queries * kLanes;
    double sums[kRowsAtATime * kDistanceQueries * kLanes];
    for (std::int64_t start = 0; start < n_rows; start += kRowsAtATime) {
        const std::int64_t n = n_rows - start < kRowsAtATime ? n_rows - start : kRowsAtATime;
        for (std::int64_t k = 0; k < n * row_stride; ++k) sums[k] = 0.0;
        for (std::int64_t first = 0; first < whole; first += kPiece) {
            const std::int64_t last = first + kPiece < whole ? first + kPiece : whole;
            std::int64_t i = 0;
            for (; i + 2 <= n; i += 2)
                add_features_of_rows<2>(queries, n_queries, rows + (start + i) * dim, dim, first, last, sums + i * row_stride, row_stride);
            if (i < n)
                add_features_of_rows<1>(queries, n_queries, rows + (start + i) * dim, dim, first, last, sums + i * row_stride, row_stride);
        }
        for (std::int64_t q = 0; q < n_queries; ++q)
            for (std::int64_t i = 0; i < n; ++i) {
                double* const lanes = sums + i * row_stride + q * kLanes;
                const double* const row = rows + (start + i) * dim;
                for (std::int64_t j = whole; j < dim; ++j) {
                    const double gap = row[j] - queries[q * dim + j];
                    lanes[j - whole] += gap * gap;
                }
                out[q * out_stride + start + i] = Lanes::load(lanes).sum();
            }
    }
}

// ---- products

// How many rows stay in the registers of the instruction set, with two sums each.
constexpr int kProductRows = kLanesPerRegister == 8 ? 8 : kLanesPerRegister == 4 ? 2 : 1;

// kProductRows rows and a group of eight queries. Each product is added up in the order of the features, kProductTerms at a time.
KNN_CERT_INLINE void products_of_rows(const double* queries, const double* rows, std::int64_t n_features, Lanes* total) {
    for (int r = 0; r < kProductRows; ++r) total[r] = Lanes::all(0.0);
    for (std::int64_t from = 0; from < n_features; from += kProductTerms) {
        const std::int64_t to = from + kProductTerms < n_features ? from + kProductTerms : n_features;
        Lanes sum[kProductRows];
        for (int r = 0; r < kProductRows; ++r) sum[r] = Lanes::all(0.0);
        for (std::int64_t k = from; k < to; ++k) {
            const Lanes query = Lanes::load(queries + k * kLanes);
            for (int r = 0; r < kProductRows; ++r) sum[r] += Lanes::all(rows[r * n_features + k]) * query;
        }
        for (int r = 0; r < kProductRows; ++r) total[r] += sum[r];
    }
}

// Eight rows and a group of eight queries.
KNN_CERT_INLINE void add_products(const double* queries, const double* rows, std::int64_t n_features, bool first, double* out,
                                  std::int64_t out_stride) {
    Lanes turned[kLanes];
    for (int r0 = 0; r0 < kLanes; r0 += kProductRows) {
        Lanes total[kProductRows];
        products_of_rows(queries, rows + r0 * n_features, n_features, total);
        for (int r = 0; r < kProductRows; ++r) turned[r0 + r] = total[r];
    }
    transpose(turned);
    for (int q = 0; q < kLanes; ++q) {
        double* const to = out + q * out_stride;
        (first ? turned[q] : Lanes::load(to) + turned[q]).store(to);
    }
}

void products(const double* queries, std::int64_t n_groups, const double* rows, std::int64_t n_rows, std::int64_t n_features, bool first,
              double* out, std::int64_t out_stride) {
    for (std::int64_t g = 0; g < n_groups; ++g)
        for (std::int64_t r = 0; r < n_rows; r += kLanes)
            add_products(queries + g * n_features * kLanes, rows + r * n_features, n_features, first, out + g * kLanes * out_stride + r,
                         out_stride);
}

// Rows at rows + order[i] * stride, less the centre.
void centred(const double* rows, std::int64_t stride, const std::int32_t* order, std::int64_t n_rows, const double* centre,
             std::int64_t n_features, double* out) {
    constexpr std::int64_t kAhead = 8;  // rows that the memory is asked for in advance
    for (std::int64_t i = 0; i < n_rows; ++i) {
        const double* const row = rows + order[i] * stride;
#if defined(__GNUC__) || defined(__clang__)
        if (i + kAhead < n_rows)
            for (std::int64_t k = 0; k < n_features; k += kLanes) __builtin_prefetch(rows + order[i + kAhead] * stride + k);
#endif
        for (std::int64_t k = 0; k < n_features; ++k) out[i * n_features + k] = row[k] - centre[k];
    }
}

// Sums of eight partial sums of at most eight squares each, added up pairwise: the relative error is at most (log2(n) + 9) 2^-53.
double sq_norm(const double* a, const double* centre, std::int64_t n) {
    if (n > 64) {
        const std::int64_t half = (n / 2 + 7) / 8 * 8;
        return sq_norm(a, centre, half) + sq_norm(a + half, centre + half, n - half);
    }
    Lanes sum = Lanes::all(0.0);
    std::int64_t k = 0;
    for (; k + kLanes <= n; k += kLanes) {
        const Lanes gap = Lanes::load(a + k) - Lanes::load(centre + k);
        sum += gap * gap;
    }
    double lanes[kLanes];
    sum.store(lanes);
    for (std::int64_t rest = k; rest < n; ++rest) lanes[rest - k] += (a[rest] - centre[rest]) * (a[rest] - centre[rest]);
    return Lanes::load(lanes).sum();
}

void from_products(double sq_norm, const double* sq_norms, std::int64_t n, double* distances) {
    for (std::int64_t i = 0; i < n; ++i) {
        const double square = (sq_norm + sq_norms[i]) - 2.0 * distances[i];
        distances[i] = std::sqrt(square > 0.0 ? square : 0.0);
    }
}

}  // namespace
}  // namespace knn_cert
