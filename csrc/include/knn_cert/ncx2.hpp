// ncx2.hpp: the distance law. Both tails and the density of the non-central chi-square law, and their logarithms.
// No Python, no threads, no allocation.
//
// X = R^2 is non-central chi-square with d degrees of freedom and non-centrality lambda = s^2: R is the distance from the query to
// a row with its noise, s the one without, both in units of sigma. With a = d/2, mu = lambda/2, y = x/2, Poisson weights
// p_j = w(j, mu) and g_j = w(a + j, y):
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

    [[nodiscard]] double log_tail() const { return log_scale + std::log(tail); }
    [[nodiscard]] double own() const { return std::min(1.0, std::exp(log_scale) * tail); }
    [[nodiscard]] double cdf() const { return lower ? own() : 1.0 - own(); }
    [[nodiscard]] double sf() const { return lower ? 1.0 - own() : own(); }
    [[nodiscard]] double pdf() const { return std::exp(log_scale) * density; }
    [[nodiscard]] double log_of(bool want_lower) const {
        if (want_lower == lower) return std::min(0.0, log_tail());
        return std::log1p(-own());
    }
};

namespace detail {

// F and the density for x below the mean. pi = p_j g_j and c = P(a + j) / g_j: p_j and g_j alone would overflow, their
// product does not.
inline ScaledLaw lower_sum(double a, double mu, double y, double j0, double log_scale) {
    double pi = 1.0;
    double j = j0;
    // Upwards without summing, until all that lies above is negligible: with ratios rho_p, rho_g of the next terms,
    // sum_{i > j} p_i P(a + i) <= pi_{j+1} / ((1 - rho_g)(1 - rho_p rho_g)), and rho_g < 1 from j0 on. (pi itself must not
    // underflow: the way back divides.)
    while (mu > 0.0) {
        const double rho_g = y / (a + j + 1.0);
        const double rho = rho_g * (mu / (j + 1.0));
        if (!(rho >= 1.0) && !(pi * rho > kNegligible * (1.0 - rho_g) * (1.0 - rho))) break;
        pi *= rho;
        j += 1.0;
    }
    double c = 0.0;
    for (double term = 1.0, k = a + j; term > kNegligible * c; term *= y / (k += 1.0)) c += term;
    double tail = 0.0;
    double density = 0.0;
    for (;;) {
        const double term = pi * c;
        tail += term;
        density += pi * ((a + j) / y);
        if (j == 0.0) break;
        const double pi_next = pi * ((j / mu) * ((a + j) / y));
        const double c_next = 1.0 + c * (y / (a + j));
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
    double pi = 1.0;
    double j = j0;
    // Downwards without summing; here (a + j)/y < 1 for j <= j0, and Q(a + j) <= g_{j-1} / (1 - (a + j)/y).
    while (j > 0.0) {
        const double rho_g = (a + j) / y;
        const double rho = rho_g * (j / mu);
        if (!(rho >= 1.0) && !(pi * rho > kNegligible * (1.0 - rho_g) * (1.0 - rho))) break;
        pi *= rho;
        j -= 1.0;
    }
    // Q(a + j) = sum of g_{j-1}, g_{j-2}, ... down to order alpha in (0, 1], and Q(alpha, y)
    double c = 0.0;
    double order = a + j;
    double term = 1.0;
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
    double tail = 0.0;
    double density = 0.0;
    for (;;) {
        const double now = pi * c;
        tail += now;
        density += pi * ((a + j) / y);
        if (mu == 0.0) break;
        const double pi_next = pi * ((mu / (j + 1.0)) * (y / (a + j + 1.0)));
        const double c_next = (1.0 + c) * ((a + j + 1.0) / y);
        const double ratio = (pi_next * c_next) / now;
        if (j >= j0 && !(ratio >= 1.0) && !(now * ratio > kNegligible * tail * (1.0 - ratio))) break;
        pi = pi_next;
        c = c_next;
        j += 1.0;
    }
    return {log_scale, tail, density * std::sqrt(2.0 * y), false};
}

// Many terms: the same by an integral over a circle, in 62 nodes whatever the arguments. Inverting the moment generating function
// at theta = (1 - z) / 2 gives, with the density f_X of X,
//     2 f_X = 1/(2 pi i) contour e^psi(z) dz,   psi(z) = -mu - y + mu / z + y z - a log z,
//     F = 1/(2 pi i) contour e^psi(z) dz / (z - 1) on |z| = r > 1,   U = the same with the other sign on r < 1.
// psi has its saddle at z0 > 0, y z0^2 - a z0 - mu = 0, with psi'' = N / z0^2, N = a + 2 mu / z0; the pole's factor moves it to
// r = 1 + e with (r - z0)(r - 1) = z0^2 / N. There all terms are of the size of the result, so that either tail keeps its relative
// accuracy. On the circle |e^psi| is e^(psi(r) - B (1 - cos angle)), B = mu / r + y r: a bell of width 1 / sqrt(B), and the far
// side of the circle, with the cut of z^-a, has e^-2B. The trapezoid rule of step h errs by e^(-2 pi |e| / h) for the pole.
// excess = y - mu - a, from the numbers before they were rounded: what it loses, the logarithm loses |e| times.
inline ScaledLaw contour(double a, double mu, double y, double excess, bool lower) {
    constexpr int kNodes = 62;
    const double root = std::hypot(a, 2.0 * std::sqrt(mu) * std::sqrt(y));
    const double z0 = (a + root) / (2.0 * y);
    const double N = a + 2.0 * mu / z0;
    // e0 = z0 - 1 is the root of y e^2 + b e + excess = 0
    const double b = 2.0 * y - a;
    const double e0 = b > 0.0 ? -2.0 * excess / (b + root) : (root - b) / (2.0 * y);
    const double side = lower ? 1.0 : -1.0;
    const double reach = std::hypot(e0, 2.0 * z0 / std::sqrt(N));
    double e = side * e0 > 0.0 ? 0.5 * (e0 + side * reach) : 2.0 * z0 * (z0 / N) / (side * reach - e0);
    double r;
    double log_scale;
    double tilt;  // tilt = r psi'(r) = y r - mu / r - a
    if (std::fabs(e) < 0.5) {
        // arranged so that nothing of the size of y or a cancels; any circle near the best one does, but 1 + e must be r itself
        r = 1.0 + e;
        e = r - 1.0;
        log_scale = e * (excess + e * (y - a)) / r + a * deviance(1.0, r);
        tilt = (excess + e * (b + e * y)) / r;
    } else {
        const double moved = z0 / e * (z0 / N);  // r - z0
        r = z0 + moved;
        log_scale = e * (y - mu / r) - a * std::log(r);
        tilt = (y * r + mu / z0) / r * moved;
    }
    const double bell = mu / r + y * r;  // B
    const double step = 0.15 / std::sqrt(bell);
    double tail = 0.0;
    double density = 0.0;
    for (int k = 0; k < kNodes; ++k) {  // conjugate nodes together
        const double angle = k * step;
        const double sine = std::sin(angle);
        const double half_sine = std::sin(0.5 * angle);
        const double dip = 2.0 * half_sine * half_sine;
        const double square = angle * angle;  // angle - sin(angle) by its series, as the difference cancels
        const double bend = angle * square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0 * (1.0 - square / 72.0)));
        const double size = (k == 0 ? 0.5 : 1.0) * std::exp(-bell * dip);
        const double phase = tilt * sine - a * bend;
        const double real = size * std::cos(phase);
        const double imag = size * std::sin(phase);
        const double x = 1.0 - dip;
        const double u = e / r - dip;  // z = r (x + i sine), z - 1 = r (u + i sine)
        const double z_real = real * x - imag * sine;
        const double z_imag = real * sine + imag * x;
        density += z_real;
        tail += (z_real * u + z_imag * sine) / (u * u + sine * sine);
    }
    const double per_node = step / 3.14159265358979323846;
    return {log_scale, side * per_node * tail, std::sqrt(2.0 * y) * r * per_node * density, lower};
}

}  // namespace detail

// The circle takes over in single evaluations where the sums have more terms than it has nodes: B is this large at least.
constexpr double kLongSums = 1e4;

// The law of R at t for a row at distance s, both squares in units of sigma^2; d > 0.
inline ScaledLaw distance_law(double d, const Split& s2, const Split& t2) {
    const Split gap = split_sum(t2.value, -s2.value);
    const bool lower = gap.value < d;
    if (t2.value == 0.0) return {0.0, 0.0, d == 1.0 ? std::sqrt(2.0 / 3.14159265358979323846) * std::exp(-0.5 * s2.value) : 0.0, true};
    if (t2.value == kInfinity) return {0.0, 0.0, 0.0, false};
    const double a = 0.5 * d;
    const Split mu = half(s2);
    const Split y = half(t2);
    const double product = mu.value * y.value;
    // With r near z0, y r + mu / r is about sqrt(a^2 + 4 mu y). Where y is next to nothing z0 overflows, and the sums are short.
    if (a * a + 4.0 * product > kLongSums * kLongSums && a < 1e90 * y.value && mu.value < 1e180 * y.value) {
        const Split excess = split_sum(0.5 * gap.value, -a);
        return detail::contour(a, mu.value, y.value, excess.value + (excess.rest + 0.5 * (gap.rest + (t2.rest - s2.rest))), lower);
    }
    const double j0 = std::floor(product / (0.5 * a + std::sqrt(0.25 * a * a + product)));
    const double log_scale = log_poisson_weight({j0}, mu) + log_poisson_weight(split_sum(a, j0), y);
    return lower ? detail::lower_sum(a, mu.value, y.value, j0, log_scale) : detail::upper_sum(a, mu.value, y.value, j0, log_scale);
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
    const ScaledLaw law = distance_law(dof, {nonc}, {x});
    if (want_log) return law.log_of(want_cdf);
    return want_cdf ? law.cdf() : law.sf();
}

}  // namespace knn_cert
