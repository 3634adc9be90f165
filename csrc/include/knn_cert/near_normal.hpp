// near_normal.hpp: the distance law of one row far from the query, where it is nearly normal, in some tens of operations.
// No Python, no threads, no allocation.
//
// With p = (d - 1) / 2 and Hankel's expansion of the Bessel function, I_{p-1/2}(z) = e^z / sqrt(2 pi z) sum_k h_k z^-k, the
// density of R at radius r for a row at s is
//     f(r) = phi(r - s) (r / s)^p sum_k h_k (s r)^-k,    h_k = h_{k-1} ((2k - 1)^2 - 4 (p - 1/2)^2) / (8 k),  h_0 = 1.
// At r = t + x, with w = t - s, it is phi(w) (t / s)^p e^{-w x - x^2 / 2} sum_k h_k (s t)^-k (1 + x / t)^{p - k}. So, by binomial
// series, the upper tail is
//     U = phi(w) (t / s)^p sum_j c_j t^-j M_j(w),   c_j = sum_k h_k (s t)^-k binom(p - k, j),   M_j(w) = int_0^inf x^j e^{-wx-x^2/2} dx,
// and the lower one the same with (-t)^-j M_j(-w); f(t) = phi(w) (t / s)^p c_0. The moments are a recurrence,
//     M_0 = Mills' ratio,  M_1 = 1 - w M_0,  M_{j+1} = j M_{j-1} - w M_j.
// What it multiplies rounding by in the sum is (1 - w / t)^p or so, p >= 0 or not: a few units where w <= t / 2 and w p <= 1.5 t.
// Elsewhere w is large, and the ratios r_j = M_j / M_{j-1} = j / (w + r_{j+1}) are taken from far above downwards.
//
// What is dropped: the series end where the bound of a term with M_j / M_0 at w = 0, its largest value for w >= 0, is below 1e-18;
// the other exponential of the Bessel function, e^{-2 s t}; and that binomial series end at x = t, beyond which lies e^{-t^2/2}.
#pragma once

#include <algorithm>
#include <cmath>

namespace knn_cert {

// Both tails and the density of R, the law of the distance in units of sigma.
struct DistanceTails {
    double F, U, f;
};

// P(N > v) / phi(v), v >= -1 or so
inline double mills_ratio(double v) {
    if (v < 4.0) return 1.2533141373155002512 * std::exp(0.5 * v * v) * std::erfc(v * 0.70710678118654752440);
    // 1 / (v + 1 / (v + 2 / (v + ...))); the error of n divisions falls like exp(-2 v sqrt(2 n))
    const int n = v < 8.0 ? 28 : v < 16.0 ? 10 : 6;
    double r = 0.0;
    for (int k = n; k >= 1; --k) r = k / (v + r);
    return 1.0 / (v + r);
}

// The ratios r_j = M_j / M_{j-1}, 1 <= j < n, of the moments M_j = int_0^inf x^j e^{-v x - x^2 / 2} dx, for v >= 3 and n <= 41.
inline void moment_ratios(double v, int n, double* ratio) {
    constexpr int kFrom = 64;
    double r = 0.5 * (std::sqrt(v * v + 4.0 * kFrom) - v);
    for (int j = kFrom; j >= 1; --j) {
        r = j / (v + r);
        if (j < n) ratio[j] = r;
    }
}

// M_0 .. M_{n-1}, n <= 40: upwards where the recurrence M_{j+1} = j M_{j-1} - v M_j bears it.
inline void normal_moments(double v, int n, double* moments) {
    if (v <= 3.0) {
        moments[0] = mills_ratio(v);
        moments[1] = 1.0 - v * moments[0];
        for (int j = 1; j + 1 < n; ++j) moments[j + 1] = j * moments[j - 1] - v * moments[j];
        return;
    }
    double ratio[41];
    moment_ratios(v, n, ratio);
    moments[0] = 1.0 / (v + ratio[1]);
    for (int j = 1; j < n; ++j) moments[j] = ratio[j] * moments[j - 1];
}

class NearNormal {
public:
    // Farther than this from where it is expected a row is not, in binary64.
    static constexpr double kOutOfReach = 38.7;

    void set_dof(double dof) {
        if (dof == dof_) return;
        dof_ = dof;
        p_ = 0.5 * (dof - 1.0);
        const double order = p_ - 0.5;
        h_[0] = 1.0;
        for (int k = 1; k < kHankel; ++k) {
            const double odd = 2.0 * k - 1.0;
            h_[k] = h_[k - 1] * (odd * odd - 4.0 * order * order) / (8.0 * k);
        }
        for (int k = 0; k < kHankel; ++k) {
            binomial_[k][0] = 1.0;
            for (int j = 1; j < kTerms; ++j) binomial_[k][j] = binomial_[k][j - 1] * (p_ - k - (j - 1)) / j;
        }
        // From here on the last terms that are kept are negligible.
        nearest_ = std::max(kNearest, 2.0 * std::fabs(p_));
        while (!converges(nearest_)) nearest_ *= 1.25;
    }

    // The law where F or U is zero in binary64. R is 1-Lipschitz in the noise, so it is off its mean by x with probability e^{-x^2/2} at
    // most, and its variance is 1 at most: with m <= d <= m + 1 whole, E R lies in [sqrt(s^2 + m - 1), sqrt(s^2 + m + 1)], since R grows
    // with d. And F <= Phi(t - s) for d >= 1; below, F = F_{d+2} + 2 f_{d+2} (densities in t^2) <= Phi(t - s) + e^{-(t - s)^2 / 2}.
    bool certain(double s, double t, DistanceTails& tails) const {
        const double whole = std::floor(dof_);
        const double below = t + kOutOfReach;
        const double above = t - kOutOfReach;
        if (below <= s || below * below <= s * s + whole - 1.0) {
            tails = {0.0, 1.0, 0.0};
            return true;
        }
        if (above > s && above * above >= s * s + whole + 1.0) {
            tails = {1.0, 0.0, 0.0};
            return true;
        }
        return false;
    }

    // Whether the law of a row at s is had at t in this way.
    [[nodiscard]] bool applies(double s, double t) const { return std::min(s, t) >= nearest_ && std::fabs(t - s) <= kReach; }

    // rest: what s lacks of the distance that is meant, less than its rounding
    DistanceTails operator()(double s, double t, double rest = 0.0) const {
        const double w = (t - s) - rest;
        const double inverse = 1.0 / (s * t);
        const bool lower = (t - s) * (t + s) < dof_;
        const double v = lower ? -w : w;
        const double x = (lower ? -1.0 : 1.0) / t;
        double z[kHankel];
        int n_hankel = 0;
        for (double power = 1.0; n_hankel < kHankel; ++n_hankel, power *= inverse) {
            z[n_hankel] = h_[n_hankel] * power;
            if (std::fabs(z[n_hankel]) < 1e-18) break;
        }
        double c0 = 0.0;
        for (int k = n_hankel; k-- > 0;) c0 += z[k];
        const bool upwards = v <= 0.5 * t && v * std::fabs(p_) <= 1.5 * t;
        double ratio[kTerms + 1];
        if (!upwards) moment_ratios(v, kTerms + 1, ratio);
        double before = upwards ? mills_ratio(v) : 1.0 / (v + ratio[1]);
        double moment = upwards ? 1.0 - v * before : ratio[1] * before;
        double power = 1.0;
        double tail = c0 * before;
        // |binom| t^-j M_j(0) / M_0(0): what a term is at most, relative to the sum
        double bound = 1.0;
        double even = 1.0;
        double odd = 0.79788456080286535588;
        for (int j = 1; j < kTerms; ++j) {
            power *= x;
            bound = std::fabs(binomial_[0][j] * power);
            double c = 0.0;
            for (int k = n_hankel; k-- > 0;) c += z[k] * binomial_[k][j];
            tail += c * power * moment;
            if (bound * (j % 2 ? odd : even) < 1e-18 && std::fabs(c * power) * even < 1e-18) break;
            (j % 2 ? odd : even) *= j + 1;  // M_{j+2}(0) = (j + 1) M_j(0)
            const double next = upwards ? j * before - v * moment : ratio[j + 1] * moment;
            before = moment;
            moment = next;
        }
        const double scale = std::exp(p_ * std::log1p(w / s) - 0.5 * w * w) * 0.39894228040143267794;
        const double own = std::min(1.0, scale * tail);
        return {lower ? own : 1.0 - own, lower ? 1.0 - own : own, scale * c0};
    }

private:
    static constexpr int kHankel = 12, kTerms = 40;
    static constexpr double kNearest = 12.0, kReach = 45.0;

    [[nodiscard]] bool converges(double t) const {
        double power = 1.0;
        double even = 1.0;
        double odd = 0.8;
        double last = 1.0;
        for (int j = 1; j < kTerms; ++j) {
            power /= t;
            last = std::fabs(binomial_[0][j]) * power * (j % 2 ? odd : even);
            (j % 2 ? odd : even) *= j + 1;
            if (last < 1e-18) break;
        }
        double hankel = 1.0;
        for (int k = 0; k < kHankel && hankel >= 1e-18; ++k) hankel = std::fabs(h_[k]) * std::pow(t * t, -k);
        return last < 1e-18 && hankel < 1e-18;
    }

    double dof_ = -1.0, p_ = 0.0, nearest_ = 1e300;
    double h_[kHankel] = {}, binomial_[kHankel][kTerms] = {};
};

}  // namespace knn_cert
