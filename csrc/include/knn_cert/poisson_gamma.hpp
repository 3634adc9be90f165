// poisson_gamma.hpp: Poisson weights by Loader's saddle point and the incomplete gamma function, both tails.
// No Python, no threads, no allocation.
//
// Letters: w(k, m) = e^-m m^k / Gamma(k + 1) for real k >= 0 (a Poisson weight where k is whole).
// The incomplete gamma functions are sums of such weights, all positive:
//     P(a, y) = sum_{k >= 0} w(a + k, y),      Q(a + 1, y) = Q(a, y) + w(a, y).
#pragma once

#include <cmath>
#include <limits>

namespace knn_cert {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kHalfLog2Pi = 0.91893853320467274178;  // log(2 pi) / 2

// Terms below this share of a sum of positive terms are dropped. Every dropped tail is bounded by a geometric
// series of ratio < 1 - 1e-4 wherever it is used, so what is lost is below 1e-15 of the sum.
constexpr double kNegligible = 1e-19;

// Stirling's error: log Gamma(x + 1) - (x + 1/2) log x + x - log(2 pi)/2, for x > 0.
// x >= 16: six terms of the asymptotic series, remainder below 1e-18. Below: shifted there by Gamma(x+1) = x Gamma(x).
inline double stirling_error(double x) {
    if (x < 16.0) {
        double product = 1.0;
        double z = x;
        while (z < 16.0) {
            z += 1.0;
            product *= z;
        }
        const double log_gamma = (z + 0.5) * std::log(z) - z + kHalfLog2Pi + stirling_error(z) - std::log(product);
        return log_gamma - (x + 0.5) * std::log(x) + x - kHalfLog2Pi;
    }
    const double r = 1.0 / x;
    const double r2 = r * r;
    return r * (1.0 / 12 - r2 * (1.0 / 360 - r2 * (1.0 / 1260 - r2 * (1.0 / 1680 - r2 * (1.0 / 1188 - r2 * 691.0 / 360360)))));
}

// A number and what its rounding left over: value + rest. Where x and m are large, the last bit of either moves a Poisson weight
// by far more than a rounding error.
struct Split {
    double value, rest = 0.0;
};

inline Split split_sum(double a, double b) {
    const double sum = a + b;
    const double part = sum - a;
    return {sum, (a - (sum - part)) + (b - part)};
}
inline Split split_square(double x) {
    const double square = x * x;
    return {square, std::fma(x, x, -square)};
}
inline Split half(const Split& x) { return {0.5 * x.value, 0.5 * x.rest}; }

// Deviance x log(x / m) + m - x >= 0, for x, m > 0, without the cancellation near x = m:
// with v = (x - m)/(x + m) it is (x - m) v + 2 x (v^3/3 + v^5/5 + ...). Beyond a factor of 4 between x and m the deviance is of
// the size of its terms, and as accurate as they are.
inline double deviance(double x, double m) {
    if (std::fabs(x - m) < 0.6 * (x + m)) {
        const double v = (x - m) / (x + m);
        const double v2 = v * v;
        double sum = (x - m) * v;
        double power = 2.0 * x * v;
        for (int j = 3;; j += 2) {
            power *= v2;
            const double next = sum + power / j;
            if (next == sum) return sum;
            sum = next;
        }
    }
    return x * std::log(x / m) + m - x;
}

// log w(k, m)
inline double log_poisson_weight(double k, double m) {
    if (m == 0.0) return k == 0.0 ? 0.0 : -kInfinity;
    if (k == 0.0) return -m;
    return -deviance(k, m) - stirling_error(k) - kHalfLog2Pi - 0.5 * std::log(k);
}

// ... of the numbers before they were rounded: its derivatives are -log(k / m) and k / m - 1.
inline double log_poisson_weight(const Split& k, const Split& m) {
    const double weight = log_poisson_weight(k.value, m.value);
    if (m.value == 0.0) return weight;
    const double by_mean = (k.value / m.value - 1.0) * m.rest;
    return weight + (k.rest == 0.0 ? by_mean : by_mean - k.rest * std::log(k.value / m.value));
}

struct GammaTails {
    double p, q;
};

// Q(alpha, y) / w(alpha, y) for 0 < alpha <= 1, y > 0: a quotient, because both underflow where it does not.
inline double gamma_q_over_weight(double alpha, double y) {
    if (y < 1.5) {
        const double weight = std::exp(log_poisson_weight(alpha, y));
        if (alpha == 1.0) return std::exp(-y) / weight;
        if (alpha == 0.5) return std::erfc(std::sqrt(y)) / weight;
        // here P is at most 0.96, and its complement is as good as P
        double term = weight;
        double sum = 0.0;
        for (double k = alpha; term > kNegligible * sum; term *= y / (k += 1.0)) sum += term;
        return (1.0 - sum) / weight;
    }
    // Legendre's continued fraction by Lentz's method: Q(alpha, y) = e^-y y^alpha / Gamma(alpha) h
    double b = y + 1.0 - alpha;
    double c = 1e300;
    double d = 1.0 / b;
    double h = d;
    for (int i = 1; i < 500; ++i) {
        const double an = -i * (i - alpha);
        b += 2.0;
        d = 1.0 / (an * d + b);
        c = b + an / c;
        h *= d * c;
        if (std::fabs(d * c - 1.0) < 1e-16) break;
    }
    return alpha * h;
}

// Both tails of Gamma(a, 1) at y, the smaller one as a sum, the other as its complement.
inline GammaTails gamma_tails(double a, double y, double y_rest = 0.0) {
    if (y == 0.0) return {0.0, 1.0};
    if (y == kInfinity) return {1.0, 0.0};
    if (y < a + 0.5) {
        double term = std::exp(log_poisson_weight({a}, {y, y_rest}));
        double sum = 0.0;
        for (double k = a; term > kNegligible * sum; term *= y / (k += 1.0)) sum += term;
        return {sum, 1.0 - sum};
    }
    double order = a - 1.0;  // Q(a) = sum of w(a-1), w(a-2), ... and Q(alpha)
    double sum = 0.0;
    if (order > 0.0) {
        double term = std::exp(log_poisson_weight({order}, {y, y_rest}));
        for (;;) {
            if (term <= kNegligible * sum) return {1.0 - sum, sum};
            sum += term;
            if (order <= 1.0) break;
            term *= order / y;
            order -= 1.0;
        }
    } else {
        order += 1.0;
    }
    sum += gamma_q_over_weight(order, y) * std::exp(log_poisson_weight({order}, {y, y_rest}));
    return {1.0 - sum, sum};
}

}  // namespace knn_cert
