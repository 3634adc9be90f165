// quadrature.hpp: the nodes of the integral over t. No Python, no threads, no allocation.
//
// Integrals over t in (0, inf) are trapezoid sums in u with t = log(1 + e^u): t = u up to rounding from u = 37 on, while for
// u -> -inf the nodes crowd towards t = 0, so that the t^(d-1) behaviour of the density there (few features, rows at the
// query) costs no accuracy. The nodes of step 2^-level lie on one global grid: all queries share them and their tables.
#pragma once

#include <cmath>
#include <cstdint>

#include "leaf_interface.hpp"

namespace knn_cert {

constexpr int kCoarseLevel = 1;  // step 1/2: cells whose mass is bounded before they are worked out
constexpr int kFirstLevel = 4;   // step 1/16
constexpr int kLastLevel = 12;   // step 1/4096

inline double radius_of(double u) { return u > 40.0 ? u : std::log1p(std::exp(u)); }
inline double position_of(double t) { return t > 40.0 ? t : std::log(std::expm1(t)); }

// Eight neighbouring nodes of one level: u = (8 index + lane) 2^-level.
struct NodeBlock {
    int level;
    std::int64_t index;

    [[nodiscard]] double step() const { return std::ldexp(1.0, -level); }
    [[nodiscard]] double position(int lane) const { return static_cast<double>(kLanes * index + lane) * step(); }
    void radii(double* t) const {
        for (int lane = 0; lane < kLanes; ++lane) t[lane] = radius_of(position(lane));
    }
    // step times dt/du = 1 - e^-t
    void weights(double* w) const {
        for (int lane = 0; lane < kLanes; ++lane) w[lane] = -std::expm1(-radius_of(position(lane))) * step();
    }
};

// Error of a trapezoid sum relative to q, from its parts over every eighth node. These give the Fourier transform of the integrand at 1/8,
// 2/8, ... of the frequency of the nodes, where the rule errs by its value at 8/8. That of a bell falls ever faster: its logarithm at k/8,
// times (8/k)^1.35, bounds the one at 8/8 (that of a normal density would do with the square, one that falls exponentially with
// the first power: those differ from this estimate to either side). Estimated, not proven.
inline double trapezoid_error(const double* parts, double q) {
    double largest = 0.0;
    for (int k = 2; k <= 3; ++k) {
        double re = 0.0;
        double im = 0.0;
        for (int lane = 0; lane < kLanes; ++lane) {
            const double angle = 0.78539816339744830962 * ((k * lane) % kLanes);
            re += parts[lane] * std::cos(angle);
            im += parts[lane] * std::sin(angle);
        }
        const double share = 2.0 * std::hypot(re, im) / q;
        largest = std::max(largest, share >= 1.0 ? 1.0 : std::pow(share, std::pow(8.0 / k, 1.35)));
    }
    return largest;
}

// log of |Gamma(K + i omega)| / Gamma(K), within a factor of 2: the size of the trapezoid error where the K-th arrival of a
// stream of rate e^(slope t) is integrated, omega = 2 pi / (step slope). It chooses the first step; the error that is
// reported comes from comparing sums over parts of the nodes.
inline double log_trapezoid_error(double k, double omega) {
    return 0.5 * (k - 0.5) * std::log1p(omega * omega / (k * k)) - omega * std::atan(omega / k);
}

}  // namespace knn_cert
