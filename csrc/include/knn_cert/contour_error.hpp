// contour_error.hpp: what a sum over N angles of a contour leaves out: aliases, and angles that are not summed. No Python, no threads,
// no allocation.
//
// See contour.hpp. Everything is bounded by the variance of the count under the p_i, V = sum p_i (1 - p_i), and its mean.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace knn_cert {

namespace detail {

// min over lambda in [least, most] of V (e^lambda - 1 - lambda) - lambda x: by Bennett's inequality a sum of centred indicators with
// variance V has log E e^{lambda (sum)} <= V (e^|lambda| - 1 - |lambda|). Also that lambda.
struct BennettExponent {
    double lambda, value;
    BennettExponent(double V, double x, double least, double most) {
        lambda = std::min(std::max(std::log1p(std::max(0.0, x) / V), least), most);
        value = V * (std::expm1(lambda) - lambda) - lambda * x;
    }
    // e^(value + shift) with what follows, terms that fall by e^(-lambda N)
    [[nodiscard]] double sum(double shift, double N) const {
        const double ratio = std::exp(-lambda * N);
        return ratio < 1.0 ? std::exp(value + shift) / (1.0 - ratio) : std::numeric_limits<double>::infinity();
    }
};

}  // namespace detail

// A sum over angles at one node.
struct AngleSum {
    double n_angles, summed;    // N; how many of the N / 2 with a sine are summed
    double last_sine;           // sin(theta / 2) of the last one of them
    double wanted;              // m
    double V, offset;           // variance and mean of the count under the p_i, the latter less m - 1
    double log_rho, log_scale;  // log of G(rho) rho^(1-m)
    double hazard;              // sum of h_i
};

// What to add to the tail, c / (1 + c) or nothing, and bounds of what it and the density lack then.
struct AnglesLeftOut {
    double correction = 0.0, count = 0.0, density = 0.0;

    explicit AnglesLeftOut(const AngleSum& of) {
        using detail::BennettExponent;
        constexpr double kAny = std::numeric_limits<double>::infinity();
        const double N = of.n_angles;
        const double V = of.V;
        const double scale = std::exp(of.log_scale);
        const bool below = of.log_rho < 0.0;
        const double away = std::fabs(of.log_rho);
        const double c = std::exp(-N * away);
        // how far the first alias lies from the mean, above and under it, and what it is multiplied by
        const double above = N + 1.0 - of.offset;
        const double under = N + of.offset;
        const double log_above = of.log_scale - of.log_rho;
        // A larger circle must be 1 at least, and a smaller one 1 at most, for the tails that it bounds. Towards 1 there are two ways: with the
        // correction c / (1 + c), and aliases of the other tail, which c^l bound too; or without it and with aliases of this tail, where
        // that is deep.
        const double outwards =
            below ? BennettExponent(V, under, 0.0, kAny).sum(of.log_scale, N) : BennettExponent(V, above, 0.0, kAny).sum(log_above, N);
        const double corrected =
            below ? BennettExponent(V, above, away, kAny).sum(log_above, N) : BennettExponent(V, under, away, kAny).sum(of.log_scale, N);
        const double plain = below ? BennettExponent(V, above - 1.0, 0.0, away).sum(of.log_scale, N)
                                   : BennettExponent(V, under - 1.0, 0.0, away).sum(log_above, N);
        const double with_correction = std::min(corrected, c < 1.0 ? c / (1.0 - c) : 1.0);
        if (with_correction <= plain) correction = c / (1.0 + c);
        count = std::min(with_correction, plain) + (below && N >= of.wanted ? 0.0 : outwards);  // no counts are below 0
        density = of.hazard * BennettExponent(V, above - 1.0, 0.0, kAny).sum(of.log_scale, N);
        if (N < of.wanted) density += of.hazard * BennettExponent(V, under - 1.0, 0.0, kAny).sum(of.log_scale, N);
        const double missing = 1.0 - 2.0 * of.summed / N;
        if (missing > 0.0) {
            // |1 - p + p e^{i theta}|^2 = 1 - 4 p (1 - p) sin^2(theta / 2) falls on [0, pi]; |1 - z| >= 2 sqrt(rho) sin(theta / 2)
            const double rest = missing * scale * std::exp(-2.0 * V * of.last_sine * of.last_sine);
            count += rest / (2.0 * std::exp(0.5 * of.log_rho) * of.last_sine);
            density += 1.65 * rest * of.hazard;  // one factor less: e^(1/2)
        }
    }
};

}  // namespace knn_cert
