// contour_counts.hpp: what is known about the count of a list at eight nodes, roughly and in full. No Python, no threads, no allocation.
#pragma once

#include <algorithm>
#include <cmath>

#include "leaf_interface.hpp"

namespace knn_cert {

// How much is left out: angles and terms below exp(-drop) of the largest; pieces whose rows are within, or outside, but for this.
struct ContourSettings {
    double drop = 31.0, negligible = 1e-20;

    static ContourSettings of(double tolerance) {
        ContourSettings out;
        if (tolerance > 0.0) {
            out.drop = std::clamp(3.0 - std::log(1e-2 * tolerance), 8.0, out.drop);
            out.negligible = std::clamp(1e-4 * tolerance, 1e-20, 1e-8);
        }
        return out;
    }
};

// The circle of a list at eight nodes, by two points a piece.
struct ListCircle {
    double log_rho[kLanes] = {}, deviation[kLanes], log_g[kLanes], hazard[kLanes], mean[kLanes];
    double wanted = 1.0;  // m

    // log of G(rho) rho^(1-m), which bounds P(count < m) for rho <= 1, P(count >= m) for rho >= 1
    [[nodiscard]] double log_scale(int lane) const { return log_g[lane] - (wanted - 1.0) * log_rho[lane]; }
    // about the logarithm of the density of the m-th row, and of P(count < m)
    [[nodiscard]] double log_density(int lane) const {
        return log_scale(lane) + std::log(std::max(hazard[lane], 1e-300)) - std::log(2.5 * deviation[lane] + 1.0);
    }
    [[nodiscard]] double log_few(int lane) const {
        if (log_rho[lane] >= 0.0) return 0.0;
        return std::min(0.0, log_scale(lane) - std::log1p(-2.5 * std::expm1(log_rho[lane]) * deviation[lane]));
    }
    [[nodiscard]] double log_many(int lane) const { return log_rho[lane] <= 0.0 ? 0.0 : std::min(0.0, log_scale(lane) - log_rho[lane]); }
};

// The count of a list at eight nodes: the density of its m-th row, P(count < m), P(count >= m), with bounds of their errors but those of
// the law; sums of F and of h; by what factor weights of both signs may enlarge errors of the law.
struct ListCount {
    double density[kLanes], few[kLanes], many[kLanes];
    double density_error[kLanes], count_error[kLanes];
    double mean[kLanes], hazard[kLanes];
    double spread = 1.0;
};

}  // namespace knn_cert
