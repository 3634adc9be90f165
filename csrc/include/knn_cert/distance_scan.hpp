// distance_scan.hpp: distances of a group of queries to all rows, tile by tile, never the whole matrix. No Python, no threads.
//
// ||x - q||^2 = ||x - c||^2 + ||q - c||^2 - 2 (x - c).(q - c), c a point among the rows: products of matrices, twice as fast as
// direct differences. With unit roundoff u and h levels of sums of so many terms each (16 products, eight of their sums, all of
// those: terms(d) in all), a = ||x - c|| and b = ||q - c||, the square errs by at most
//     u (2 (terms(d) + 3) a b + (log2(d) + 12) (a^2 + b^2)).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "error_of_squares.hpp"
#include "leaf_interface.hpp"
#include "parallel.hpp"

namespace knn_cert {

struct DenseRows {
    const double* data = nullptr;  // [n][dim]
    std::int64_t n = 0, dim = 0;
    [[nodiscard]] const double* row(std::int64_t i) const { return data + i * dim; }
};

constexpr std::int64_t kTileRows = 256, kTileQueries = 128, kTileFeatures = 128;

// What all queries share: the rows in the order in which they are scanned.
class ScanRows {
public:
    // list_of[i] of row i, 0 .. n_lists - 1
    ScanRows(const DenseRows& rows, const std::vector<std::int32_t>& list_of, std::int32_t n_lists, int n_threads, Checkpoint checkpoint)
        : rows_(rows), n_lists_(n_lists), leaf_(leaf_loops()), centre_(static_cast<std::size_t>(rows.dim), 0.0) {
        // the mean of some rows
        const std::int64_t step = (rows.n + kCentreRows - 1) / kCentreRows;
        const std::int64_t n_taken = (rows.n + step - 1) / step;
        for (std::int64_t i = 0; i < rows.n; i += step)
            for (std::int64_t k = 0; k < rows.dim; ++k)
                centre_[static_cast<std::size_t>(k)] += rows.row(i)[k] / static_cast<double>(n_taken);
        order_.resize(static_cast<std::size_t>(rows.n));
        sq_norm_.resize(order_.size());
        starts_.resize(static_cast<std::size_t>(n_tiles()) * (static_cast<std::size_t>(n_lists) + 1));
        for_each_item(n_tiles(), n_threads, checkpoint, [&](int, std::int64_t tile) {
            const std::int64_t first = tile * kTileRows;
            const std::int64_t last = std::min(first + kTileRows, rows.n);
            std::int32_t* const start = starts_.data() + tile * (n_lists + 1);
            std::fill_n(start, n_lists + 1, 0);
            for (std::int64_t i = first; i < last; ++i) ++start[list_of[static_cast<std::size_t>(i)] + 1];
            for (std::int32_t c = 0; c < n_lists; ++c) start[c + 1] += start[c];
            std::vector<std::int32_t> next(start, start + n_lists);
            for (std::int64_t i = first; i < last; ++i) {
                const std::size_t to =
                    static_cast<std::size_t>(first + next[static_cast<std::size_t>(list_of[static_cast<std::size_t>(i)])]++);
                order_[to] = static_cast<std::int32_t>(i - first);
                sq_norm_[to] = leaf_.sq_norm(rows.row(i), centre_.data(), rows.dim);
            }
        });
        largest_norm_ = std::sqrt(*std::max_element(sq_norm_.begin(), sq_norm_.end()));
    }

    [[nodiscard]] const DenseRows& rows() const { return rows_; }
    [[nodiscard]] const double* centre() const { return centre_.data(); }
    [[nodiscard]] std::int64_t n_tiles() const { return (rows_.n + kTileRows - 1) / kTileRows; }
    [[nodiscard]] std::int64_t tile_size(std::int64_t tile) const { return std::min(kTileRows, rows_.n - tile * kTileRows); }
    // Rows of list c in a tile: places start[c] .. start[c + 1] - 1.
    [[nodiscard]] const std::int32_t* starts(std::int64_t tile) const { return starts_.data() + tile * (n_lists_ + 1); }
    [[nodiscard]] const double* sq_norms(std::int64_t tile) const { return sq_norm_.data() + tile * kTileRows; }

    // Rows of a tile less the centre, features first .. first + n - 1, to [rows][n]; rows up to the next multiple of 8 are zero.
    void pack(std::int64_t tile, std::int64_t first, std::int64_t n, double* to) const {
        const std::int64_t size = tile_size(tile);
        leaf_.centred(rows_.row(tile * kTileRows) + first, rows_.dim, order_.data() + tile * kTileRows, size, centre_.data() + first, n,
                      to);
        std::fill_n(to + size * n, (-size & (kLanes - 1)) * n, 0.0);
    }

    // For a query with this norm about the centre.
    [[nodiscard]] SquareError sq_error(double query_norm, double sigma) const {
        const double unit = 1.01 * std::ldexp(1.0, -53);
        const double d = static_cast<double>(std::max<std::int64_t>(rows_.dim, 1));
        const double features = static_cast<double>(kTileFeatures);
        const double products = static_cast<double>(kProductTerms);
        const double terms = std::min(products, d) + std::min(features, d) / products + 1.0 + d / features;
        SquareError out;
        out.product = 2.0 * (terms + 3.0) * unit;
        out.square = (std::log2(d) + 12.0) * unit;
        out.query_norm = query_norm / sigma;
        out.largest_norm = largest_norm_ / sigma;
        return out;
    }

private:
    static constexpr std::int64_t kCentreRows = 1024;

    DenseRows rows_;
    std::int32_t n_lists_;
    const LeafLoops& leaf_;
    std::vector<double> centre_, sq_norm_;
    std::vector<std::int32_t> order_, starts_;
    double largest_norm_ = 0.0;
};

// The scan of one group of queries after the other, with its buffers.
class DistanceScan {
public:
    DistanceScan(const ScanRows& shared, const LeafLoops& leaf) : shared_(shared), leaf_(leaf) {}

    // Hands out take(query, list, distances, n) for all queries of the group, at most kTileQueries, and portions of all lists.
    // Each distance depends on its query and row alone.
    template <class Take>
    void operator()(const std::vector<const double*>& queries, std::int32_t n_lists, Take&& take) {
        const std::int64_t n_queries = static_cast<std::int64_t>(queries.size());
        const std::int64_t dim = shared_.rows().dim;
        const std::int64_t groups = (n_queries + kLanes - 1) / kLanes;
        pack_queries(queries, groups);
        tile_.resize(static_cast<std::size_t>(kTileRows * std::min(kTileFeatures, std::max<std::int64_t>(dim, 1))));
        out_.resize(static_cast<std::size_t>(groups * kLanes * kTileRows));
        for (std::int64_t tile = 0; tile < shared_.n_tiles(); ++tile) {
            const std::int64_t size = shared_.tile_size(tile);
            const std::int64_t padded = (size + kLanes - 1) / kLanes * kLanes;
            if (dim == 0) std::fill(out_.begin(), out_.end(), 0.0);
            for (std::int64_t first = 0; first < dim; first += kTileFeatures) {
                const std::int64_t n = std::min(kTileFeatures, dim - first);
                shared_.pack(tile, first, n, tile_.data());
                leaf_.products(packed_.data() + first * groups * kLanes, groups, tile_.data(), padded, n, first == 0, out_.data(),
                               kTileRows);
            }
            const std::int32_t* const start = shared_.starts(tile);
            for (std::int64_t q = 0; q < n_queries; ++q) {
                double* const distances = out_.data() + q * kTileRows;
                leaf_.from_products(sq_norm_[static_cast<std::size_t>(q)], shared_.sq_norms(tile), size, distances);
                for (std::int32_t c = 0; c < n_lists; ++c)
                    if (start[c] < start[c + 1]) take(q, c, distances + start[c], start[c + 1] - start[c]);
            }
        }
    }

    [[nodiscard]] double query_norm(std::int64_t query) const { return std::sqrt(sq_norm_[static_cast<std::size_t>(query)]); }

private:
    // Chunk by chunk [chunk][group][feature][8], less the centre; missing queries are zero.
    void pack_queries(const std::vector<const double*>& queries, std::int64_t groups) {
        const std::int64_t dim = shared_.rows().dim;
        packed_.assign(static_cast<std::size_t>(groups * kLanes * dim), 0.0);
        sq_norm_.clear();
        for (std::int64_t q = 0; q < static_cast<std::int64_t>(queries.size()); ++q) {
            const double* const query = queries[static_cast<std::size_t>(q)];
            sq_norm_.push_back(leaf_.sq_norm(query, shared_.centre(), dim));
            for (std::int64_t first = 0; first < dim; first += kTileFeatures) {
                const std::int64_t n = std::min(kTileFeatures, dim - first);
                double* const to = packed_.data() + first * groups * kLanes + q / kLanes * n * kLanes + q % kLanes;
                for (std::int64_t k = 0; k < n; ++k) to[k * kLanes] = query[first + k] - shared_.centre()[first + k];
            }
        }
    }

    const ScanRows& shared_;
    const LeafLoops& leaf_;
    std::vector<double> packed_, tile_, out_, sq_norm_;
};

}  // namespace knn_cert
