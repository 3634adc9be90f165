// many_features.hpp: the distance law of one row where all distances are large because there are many features. No Python, no threads,
// no allocation.
//
// With n = d / 2 - 1, z = s r and S = sqrt(n^2 + z^2), Debye's expansion
// I_n(z) = e^{S - n asinh(n / z)} / sqrt(2 pi S) (1 + u_1 + u_2 + ...),
// u_k of order S^-k, gives the density of R at r for a row at s
//     f(r) = r / sqrt(2 pi S) e^{D(r)} (1 + u_1 + ...),   D = -(s^2 + r^2) / 2 + S + n log(r^2 / (n + S)).
// D vanishes at r^2 = m^2 = s^2 + 2 n, where S = s^2 + n. With delta = r^2 - m^2, e = S - (s^2 + n) = s^2 delta / (S + s^2 + n) and
// h = (delta - e) / (m^2 + e) it is, without cancellation,
//     D = -e h / 2 - n (h - log(1 + h)).
// The tails are integrals of f from t on. log f(t + x) is a power series in x / t: its derivative is L'(r) = (n + 1) / r - r + S / r
// - S' / (2 S) + (u_1 + ...)', and S as the root of a quadratic of r has a series by recurrence. With T^2 = s^2 + d its terms fall
// like T^{2-k} from
// k = 3 on: e to the power of them, as a power series, times the moments of the normal law with the terms k = 1, 2, is the tail.
#pragma once

#include "near_normal.hpp"
#include "poisson_gamma.hpp"

namespace knn_cert {

class ManyFeatures {
public:
    void set_dof(double dof) {
        dof_ = dof;
        n_ = 0.5 * dof - 1.0;
    }

    [[nodiscard]] bool applies(double s, double t) const {
        const double middle = std::sqrt(s * s + dof_);
        return n_ >= 0.0 && middle >= kNearest && std::fabs(t - middle) <= kReach;
    }

    // rest: what s lacks of the distance that is meant, less than its rounding
    DistanceTails operator()(double s, double t, double rest = 0.0) const {
        const double gap = (t - s) * (t + s);
        const double S = std::sqrt(n_ * n_ + s * s * t * t);
        // a difference of squares of which the tails keep every digit
        const Split t2 = split_square(t);
        const Split s2 = split_square(s);
        const Split gap2 = split_sum(t2.value, -s2.value);
        const Split off = split_sum(gap2.value, -2.0 * n_);
        const double delta = off.value + (off.rest + gap2.rest + (t2.rest - s2.rest) - 2.0 * s * rest);
        const double e = s * s * delta / (S + s * s + n_);
        const double h = (delta - e) / (s * s + 2.0 * n_ + e);
        const double D = -0.5 * e * h - n_ * excess(h);
        const double q = (n_ / S) * (n_ / S);
        const double c = (s * t / S) * (s * t / S);
        const double density = t / std::sqrt(6.28318530717958647692 * S) * std::exp(D) * debye(q, S);

        const bool lower = gap < dof_;
        double a[kTerms];  // of x^k in log f(t + x), or in log f(t - x)
        const int n_terms = needed(std::sqrt(s * s + dof_));
        series(n_terms, t, delta, S, q, c, lower, a);
        const double scale = 1.0 / std::sqrt(-2.0 * a[2]);
        double power = scale * scale;
        for (int k = 3; k < n_terms; ++k) {
            power *= scale;
            a[k] *= k * power;
        }
        double G[kTerms] = {1.0};  // G' = (sum of a_k z^k)' G
        for (int j = 3; j < n_terms; ++j) {
            double sum = 0.0;
            for (int k = 3; k <= j; ++k) sum += a[k] * G[j - k];
            G[j] = sum / j;
        }
        double moments[kTerms];
        normal_moments(-a[1] * scale, n_terms, moments);
        double tail = 0.0;
        for (int k = n_terms; k-- > 0;) tail += G[k] * moments[k];
        const double own = std::min(1.0, density * scale * tail);
        return {lower ? own : 1.0 - own, lower ? 1.0 - own : own, density};
    }

private:
    static constexpr int kTerms = 34;
    static constexpr double kNearest = 150.0, kReach = 45.0;

    // Terms of the tail: the largest of order z^{3 j} is a_3^j z^{3 j} / j!, |a_3| <= 1 / (3 T), and E z^{3 j} <= (3 j)!! of a normal law.
    static int needed(double middle) {
        double term = 1.0;
        int j = 1;
        for (; 3 * j + 1 < kTerms; ++j) {
            term /= 3.0 * middle * j;
            double moment = term;
            for (int k = 3 * j - 1; k > 1; k -= 2) moment *= k;
            if (moment < 1e-17) break;
        }
        return 3 * j + 1;
    }

    // h - log(1 + h): with v = h / (2 + h), log(1 + h) = 2 atanh(v) and h - 2 v = v h
    static double excess(double h) {
        const double v = h / (2.0 + h);
        const double v2 = v * v;
        if (std::fabs(v) > 0.3) return h - std::log1p(h);
        double sum = 0.0;
        for (int k = 33; k >= 3; k -= 2) sum = sum * v2 + 1.0 / k;
        return v * (h - 2.0 * v2 * sum);
    }

    // 1 + u_1 + u_2 + u_3
    static double debye(double q, double S) {
        const double third = (30375.0 - q * (369603.0 - q * (765765.0 - 425425.0 * q))) / (414720.0 * S);
        const double second_on = ((81.0 - q * (462.0 - 385.0 * q)) / 1152.0 + third) / S;
        return 1.0 + ((3.0 - 5.0 * q) / 24.0 + second_on) / S;
    }

    void series(int n_terms, double t, double delta, double S, double q, double c, bool lower, double* a) const {
        double g[kTerms];
        double root = 1.0;
        double v = 1.0;
        double v_before = 0.0;  // y = x / t: S(t + x) / S = sum g_k y^k; root: of it over 1 + y
        g[0] = 1.0;
        g[1] = c;
        for (int k = 1; k + 1 < std::max(n_terms, 4); ++k) g[k + 1] = c * ((1 - 2 * k) * g[k] + (2 - k) * g[k - 1]) / (k + 1);
        // (u_1 + ...)', to the third order
        const double i2 = c * c - g[2];
        const double i3 = -c * c * c + 2.0 * c * g[2] - g[3];
        const double j2 = 6.0 * c * c - 3.0 * g[2];
        const double j3 = -10.0 * c * c * c + 12.0 * c * g[2] - 3.0 * g[3];
        const double of_u[3] = {(-3.0 * c + 15.0 * q * c) / (24.0 * S) + c * (-2.0 + q * (24.0 - 30.0 * q)) / (16.0 * S * S),
                                2.0 * (3.0 * i2 - 5.0 * q * j2) / (24.0 * S), 3.0 * (3.0 * i3 - 5.0 * q * j3) / (24.0 * S)};
        double sign = 1.0;
        double power = 1.0;
        for (int k = 0; k + 1 < n_terms; ++k) {
            double b;  // of y^k in t L'
            if (k == 0) {
                b = 1.0 - t * t * delta / (t * t - n_ + S) - 0.5 * c;
            } else {
                root = g[k] - root;
                const double next = (k == 1 ? 1.0 : 0.0) - 2.0 * c * v - c * v_before;
                v_before = v;
                v = next;
                b = sign * (n_ + 1.0) + S * root - 0.5 * c * v - (k == 1 ? t * t : 0.0);
            }
            if (k < 3) b += of_u[k];
            power *= lower ? -t : t;
            a[k + 1] = b / ((k + 1) * power);
            sign = -sign;
        }
    }

    double dof_ = 1.0, n_ = -0.5;
};

}  // namespace knn_cert
