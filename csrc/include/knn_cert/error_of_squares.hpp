// error_of_squares.hpp: how far the squares of distances may be wrong, by the way in which they were had.
// No Python, no threads, no allocation.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace knn_cert {

// By how much the square of a distance may err, from norms of query and row about the centre; all in units of sigma.
struct SquareError {
    double product = 0.0, square = 0.0;  // factors of a b and of a^2 + b^2
    double query_norm = 0.0, largest_norm = 0.0;
    double relative = 0.0;  // factor of the squared distance itself
    double from = 0.0;      // nothing at radii below

    // Of direct differences: (d / 8 + 6) u, see leaf_distances.hpp, and 4 u for the root and its quotient by sigma, as below.
    static SquareError of_differences(std::int64_t dim) {
        SquareError out;
        out.relative = 1.01 * std::ldexp(1.0, -53) * (static_cast<double>(dim) / 8.0 + 10.0);
        return out;
    }
    // Of distances that are given, roots of squares that somebody else has given: the root is rounded, and its quotient by sigma, each
    // by a relative 2^-53 at most; the square by four times that. Within 50 sigma that moves F, U and f by less than a relative 5e-13 at
    // 39 standard deviations, which the law's own error (tallies.hpp) has room for.
    static SquareError of_roots() {
        SquareError out;
        out.relative = std::ldexp(4.01, -53);
        out.from = 50.0;
        return out;
    }
    // Whether direct differences would do no better.
    [[nodiscard]] bool is_least() const { return product == 0.0 && square == 0.0; }
    [[nodiscard]] bool any() const { return product > 0.0 || relative > 0.0; }
    // of rows not farther than `reach` from the query
    [[nodiscard]] double within(double reach) const {
        const double row_norm = std::min(largest_norm, query_norm + reach);
        return product * row_norm * query_norm + square * (row_norm * row_norm + query_norm * query_norm) + relative * reach * reach;
    }
};

}  // namespace knn_cert
