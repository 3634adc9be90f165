// law_reach.hpp: bounds of the distance law of one row, in a few operations. No Python, no threads, no allocation.
//
// R is 1-Lipschitz in the noise, so it is off its mean by x with probability e^{-x^2/2} at most, and its variance is 1 at most: with m <= d <=
// m + 1 whole, E R lies in [sqrt(s^2 + m - 1), sqrt(s^2 + m + 1)], since R grows with d. And F <= Phi(t - s) for d >= 1; below, F = F_{d+2} +
// 2 f_{d+2} (densities in t^2) <= Phi(t - s) + e^{-(t - s)^2 / 2}.
#pragma once

#include <algorithm>
#include <cmath>

namespace knn_cert {

// Farther than this from where it is expected a row is not, in binary64.
constexpr double kOutOfReach = 38.7;

class LawReach {
public:
    LawReach(double dof, double s)
        : s_(s),
          least_mean_(std::sqrt(std::max(0.0, s * s + std::floor(dof) - 1.0))),
          largest_mean_(std::sqrt(s * s + std::floor(dof) + 1.0)) {}

    // Whether U, or F, is zero in binary64.
    [[nodiscard]] bool within(double t) const { return t - kOutOfReach >= largest_mean_; }
    [[nodiscard]] bool outside(double t) const { return t + kOutOfReach <= std::max(s_, least_mean_); }
    // Logarithms of bounds of U and F from above; 0 where they say nothing.
    [[nodiscard]] double log_upper(double t) const { return log_bound(t - largest_mean_); }
    [[nodiscard]] double log_lower(double t) const { return log_bound(least_mean_ - t); }

private:
    static double log_bound(double x) { return x > 0.0 ? -0.5 * x * x : 0.0; }

    double s_, least_mean_, largest_mean_;
};

}  // namespace knn_cert
