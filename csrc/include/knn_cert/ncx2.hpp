// ncx2.hpp: the distance law. Both tails and the density of the non-central chi-square law, and their logarithms.
// No Python, no threads, no allocation.
//
// X = R^2 is non-central chi-square with d degrees of freedom and non-centrality lambda = s^2 (DESIGN: R = ||x_i +
// D_i - x|| / sigma). With a = d/2, mu = lambda/2, y = x/2, Poisson weights p_j = w(j, mu) and g_j = w(a + j, y):
//     F = sum_j p_j P(a + j, y),   U = sum_j p_j Q(a + j, y),   density of R = t sum_j p_j g_{j-1},  t = sqrt(x).
// P(a + j) = P(a + j + 1) + g_j is summed downwards and Q(a + j + 1) = Q(a + j) + g_j upwards: no subtraction anywhere.
// All sums are taken relative to p_j0 g_j0, j0 (j0 + a) = mu y, the largest product, so that they neither overflow nor
// underflow; its logarithm is known from poisson_gamma.hpp. Below the mean F is summed and U is its complement (F is at
// most 0.7 there), above it U is summed and F is the complement: what is subtracted from 1 is never close to 1.
#pragma once

#include <algorithm>
#include <cmath>

#include "poisson_gamma.hpp"

namespace knn_cert {

// The smaller tail and the density of R, both times exp(log_scale).
struct ScaledLaw {
    double log_scale;
    double tail;     // F if lower, else U
    double density;  // of R = sqrt(X)
    bool lower;

    double log_tail() const { return log_scale + std::log(tail); }
    double own() const { return std::min(1.0, std::exp(log_scale) * tail); }
    double cdf() const { return lower ? own() : 1.0 - own(); }
    double sf() const { return lower ? 1.0 - own() : own(); }
    double pdf() const { return std::exp(log_scale) * density; }
    double log_of(bool want_lower) const {
        if (want_lower == lower) return std::min(0.0, log_tail());
        return std::log1p(-own());
    }
};

namespace detail {

// F and the density for x below the mean. pi = p_j g_j and c = P(a + j) / g_j: p_j and g_j alone would overflow, their
// product does not.
inline ScaledLaw lower_sum(double a, double mu, double y, double j0, double log_scale) {
    double pi = 1.0, j = j0;
    // Upwards without summing, until all that lies above is negligible: with ratios rho_p, rho_g of the next terms,
    // sum_{i > j} p_i P(a + i) <= pi_{j+1} / ((1 - rho_g)(1 - rho_p rho_g)), and rho_g < 1 from j0 on. (pi itself must not
    // underflow: the way back divides.)
    while (mu > 0.0) {
        const double rho_g = y / (a + j + 1.0), rho = rho_g * (mu / (j + 1.0));
        if (!(rho >= 1.0) && !(pi * rho > kNegligible * (1.0 - rho_g) * (1.0 - rho))) break;
        pi *= rho;
        j += 1.0;
    }
    double c = 0.0;
    for (double term = 1.0, k = a + j; term > kNegligible * c; term *= y / (k += 1.0)) c += term;
    double tail = 0.0, density = 0.0;
    for (;;) {
        const double term = pi * c;
        tail += term;
        density += pi * ((a + j) / y);
        if (j == 0.0) break;
        const double pi_next = pi * ((j / mu) * ((a + j) / y)), c_next = 1.0 + c * (y / (a + j));
        const double ratio = (pi_next * c_next) / term;
        if (j <= j0 && !(ratio >= 1.0) && !(term * ratio > kNegligible * tail * (1.0 - ratio))) break;
        pi = pi_next;
        c = c_next;
        j -= 1.0;
    }
    return {log_scale, tail, density * std::sqrt(2.0 * y), true};
}

// U and the density for x above the mean; c = Q(a + j) / g_j.
inline ScaledLaw upper_sum(double a, double mu, double y, double j0, double log_scale) {
    double pi = 1.0, j = j0;
    // Downwards without summing; here (a + j)/y < 1 for j <= j0, and Q(a + j) <= g_{j-1} / (1 - (a + j)/y).
    while (j > 0.0) {
        const double rho_g = (a + j) / y, rho = rho_g * (j / mu);
        if (!(rho >= 1.0) && !(pi * rho > kNegligible * (1.0 - rho_g) * (1.0 - rho))) break;
        pi *= rho;
        j -= 1.0;
    }
    // Q(a + j) = sum of g_{j-1}, g_{j-2}, ... down to order alpha in (0, 1], and Q(alpha, y)
    double c = 0.0, order = a + j, term = 1.0;
    bool reached_bottom = true;
    while (order > 1.0) {
        term *= order / y;
        order -= 1.0;
        if (term <= kNegligible * c) {
            reached_bottom = false;
            break;
        }
        c += term;
    }
    if (reached_bottom) c += term * gamma_q_over_weight(order, y);
    double tail = 0.0, density = 0.0;
    for (;;) {
        const double now = pi * c;
        tail += now;
        density += pi * ((a + j) / y);
        if (mu == 0.0) break;
        const double pi_next = pi * ((mu / (j + 1.0)) * (y / (a + j + 1.0))), c_next = (1.0 + c) * ((a + j + 1.0) / y);
        const double ratio = (pi_next * c_next) / now;
        if (j >= j0 && !(ratio >= 1.0) && !(now * ratio > kNegligible * tail * (1.0 - ratio))) break;
        pi = pi_next;
        c = c_next;
        j += 1.0;
    }
    return {log_scale, tail, density * std::sqrt(2.0 * y), false};
}

// Large s t: the sums above have sqrt(s t) terms. Instead split the noise into its part along the direction of the row,
// standard normal, and the rest V, chi with d - 1 degrees of freedom:
//     R^2 = (s + N)^2 + V^2,    F = int chi_{d-1}(v) Phi(tau(v) - s) dv,    tau = sqrt(t^2 - v^2),
// and U with the other tail of Phi, continued by 1 for v > t. (The branch s + N < -tau has probability below
// exp(-2 s tau) of the other and is dropped: this form is used for s t > 1e4 only.) The integrand is analytic and log-concave;
// the trapezoid rule in u, v = log(1 + e^u), has error exp(-(2 pi / h) pi / 2) or less.
// gap = t^2 - s^2, from the squares where they are at hand: z loses what gap loses.
inline ScaledLaw large_law(double d, double s, double t, double gap, bool lower) {
    const double h = 0.125;
    const bool has_rest = d > 1.0;
    // log of chi's density at v: v w(a - 1, v^2/2) with a = (d - 1)/2
    const auto log_chi = [d](double v) {
        const double half = 0.5 * (d - 1.0), y = 0.5 * v * v;
        if (half >= 1.0) return std::log(v) + log_poisson_weight(half - 1.0, y);
        return std::log(v) + log_poisson_weight(half, y) + std::log(half / y);
    };
    double log_scale = -kInfinity;  // largest logarithm of a term so far; the sums are relative to it
    double tail = 0.0, density = 0.0;
    const auto add = [&](double log_weight, double v) {
        const double tau2 = (t - v) * (t + v);
        double log_phi_tail, log_phi_density = -kInfinity;
        if (tau2 <= 0.0) {
            if (lower) return -kInfinity;
            log_phi_tail = 0.0;
        } else {
            const double tau = std::sqrt(tau2);
            const double z = (gap - v * v) / (tau + s);  // tau - s
            const double own = lower ? -z : z;           // the tail is P(N > own)
            log_phi_density = -0.5 * z * z - kHalfLog2Pi + std::log(t / tau);
            if (own < 36.0) {
                log_phi_tail = std::log(0.5 * std::erfc(own * 0.70710678118654752440));
            } else {  // Mills' ratio; what is left out is below 10395 / own^12 < 3e-15
                const double r = 1.0 / (own * own);
                log_phi_tail = -0.5 * own * own - kHalfLog2Pi - std::log(own) +
                               std::log1p(-r * (1.0 - r * (3.0 - r * (15.0 - r * (105.0 - r * 945.0)))));
            }
        }
        const double log_term = log_weight + log_phi_tail;
        if (log_term > log_scale) {
            const double shrink = log_scale == -kInfinity ? 0.0 : std::exp(log_scale - log_term);
            tail *= shrink;
            density *= shrink;
            log_scale = log_term;
        }
        if (log_term > -kInfinity) tail += std::exp(log_term - log_scale);
        if (log_phi_density > -kInfinity) density += std::exp(log_weight + log_phi_density - log_scale);
        return log_term;
    };
    if (!has_rest) {
        add(0.0, 0.0);
        return {log_scale, tail, density, lower};
    }
    const auto add_node = [&](double u) {
        const double v = u > 36.0 ? u : std::log1p(std::exp(u));
        return add(log_chi(v) + std::log(h) + std::log(-std::expm1(-v)), v);
    };
    // start inside (0, t), near the peak: chi's own peak, drawn in when R is forced to be small
    const double centre = std::sqrt(std::max(d - 1.5, 0.25)) * std::min(1.0, t / std::sqrt(s * s + d));
    const double u0 = centre > 36.0 ? centre : std::log(std::expm1(centre));
    double last = add_node(u0);
    for (int sign = -1; sign <= 1; sign += 2) {
        double previous = last;
        for (int k = 1; k < 100000; ++k) {
            const double u = u0 + sign * h * k;
            const double now = add_node(u);
            if (now <= previous && (now < log_scale - 44.0 || now == -kInfinity)) break;
            previous = now;
        }
    }
    return {log_scale, tail, density, lower};
}

}  // namespace detail

// Above this product s t the integral takes over in single evaluations: the sums then need more than a few thousand terms.
constexpr double kLargeProduct = 4e5;

namespace detail {

// Large s t for any d: the split of large_law needs d >= 1. Below, with densities in x = t^2,
//     F_d = F_{d+2} + 2 f_{d+2},   U_d = U_{d+2} - 2 f_{d+2} (a small share of it here),   f_d = (s^2 f_{d+4} + d f_{d+2}) / t^2
// (derivative in the non-centrality; I_{v-1} = I_{v+1} + (2v/z) I_v).
inline ScaledLaw large_law_any(double d, double s, double t, double gap, bool lower) {
    if (d >= 1.0) return large_law(d, s, t, gap, lower);
    const ScaledLaw two = large_law(d + 2.0, s, t, gap, lower), four = large_law(d + 4.0, s, t, gap, lower);
    const double to_two = std::exp(four.log_scale - two.log_scale);
    return {two.log_scale, two.tail + (lower ? 1.0 : -1.0) * two.density / t,
            (s * s * four.density * to_two + d * two.density) / (t * t), lower};
}

}  // namespace detail

// The law of R at t for a row at distance s, both in units of sigma; d > 0. gap = t^2 - s^2, which the caller knows best: from
// the squares if he has them, as (t - s)(t + s) if not.
inline ScaledLaw distance_law(double d, double s2, double t2, double gap) {
    const bool lower = gap < d;
    if (t2 == 0.0) return {0.0, 0.0, d == 1.0 ? std::sqrt(2.0 / 3.14159265358979323846) * std::exp(-0.5 * s2) : 0.0, true};
    if (t2 == kInfinity) return {0.0, 0.0, 0.0, false};
    const double s = std::sqrt(s2), t = std::sqrt(t2);
    if (s * t > kLargeProduct) return detail::large_law_any(d, s, t, gap, lower);
    const double a = 0.5 * d, mu = 0.5 * s2, y = 0.5 * t2;
    const double j0 = std::floor(mu * y / (0.5 * a + std::sqrt(0.25 * a * a + mu * y)));
    const double log_scale = log_poisson_weight(j0, mu) + log_poisson_weight(a + j0, y);
    return lower ? detail::lower_sum(a, mu, y, j0, log_scale) : detail::upper_sum(a, mu, y, j0, log_scale);
}

enum class Ncx2 { cdf, sf, logcdf, logsf };

// Special values first, in one order: NaN, domain, zero, infinity, regimes.
inline double ncx2(Ncx2 what, double x, double dof, double nonc) {
    if (std::isnan(x) || std::isnan(dof) || std::isnan(nonc)) return std::nan("");
    if (!(dof > 0.0) || dof == kInfinity || nonc < 0.0 || nonc == kInfinity) return std::nan("");
    const bool want_cdf = what == Ncx2::cdf || what == Ncx2::logcdf;
    const bool want_log = what == Ncx2::logcdf || what == Ncx2::logsf;
    if (x <= 0.0 || x == kInfinity) {
        const bool one = (x == kInfinity) == want_cdf;
        return want_log ? (one ? 0.0 : -kInfinity) : (one ? 1.0 : 0.0);
    }
    const ScaledLaw law = distance_law(dof, nonc, x, x - nonc);
    if (want_log) return law.log_of(want_cdf);
    return want_cdf ? law.cdf() : law.sf();
}

}  // namespace knn_cert
