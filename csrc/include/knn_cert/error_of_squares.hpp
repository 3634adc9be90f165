// error_of_squares.hpp: how far the squares of distances may be wrong, by the way in which they were had.
// No Python, no threads, no allocation.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "law_reach.hpp"

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

// The relative error, to first order, that errors e of the squared distances lambda leave in a density at radius t. With f' for two
// features more, dF/dlambda = -f' / (2 t), where f' / f = (t / s) I_{d/2}(st) / I_{d/2-1}(st) is at most t^2 / d, and t / s: each F and U
// errs by e a f at most, a = min(t / (2 d), 1 / (2 s)). And dlog f / dlambda = (f' / f - 1) / 2, of which |(t - s) / s| + d / (2 s^2)
// bounds f' / f - 1: f errs by e b at most, b = min(max(1, t^2 / d), (|t - s| + d / (2 s)) / s) / 2. Rows with f > 0 at t have s at least
// as in law_reach.hpp. Rows whose expected radius is ten beyond t do not count: their F is below exp(-50).
// rates: the sum over lists of how often e a f counts, relative to the density.
inline double effect_of_squares(const SquareError& error, double d, double t, double rates) {
    const double reach = std::sqrt(std::max(1.0, (t + 10.0) * (t + 10.0) - (d - 1.0)));
    const double least = std::sqrt(std::max(0.0, std::pow(std::max(0.0, t - kOutOfReach), 2) - d - 1.0));
    double a = t / (2.0 * d);
    double b = std::max(1.0, t * t / d);
    if (least > 0.0) {
        a = std::min(a, 0.5 / least);
        b = std::min(b, (std::max(t - least, reach - t) + d / (2.0 * least)) / least);
    }
    return error.within(reach) * (2.0 * a * rates + 0.5 * b);
}

}  // namespace knn_cert
