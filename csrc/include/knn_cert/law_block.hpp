// law_block.hpp: the distance law at eight nodes at once, for any row, and its piecewise polynomials in s.
// No Python, no threads.
//
// For a fixed node t the functions s -> F, U, f are entire, with |f(s + iy)| <= exp(y^2/2) f(s): they vary on a scale of 1
// in the middle and like exp(|z| s) at z standard deviations. On a cell of width 1/8 a polynomial of degree 11 is
// therefore good to a relative error of about (|z|/16)^12 / (2^11 12!): below 1e-15 for |z| <= 9, 1e-10 at |z| = 25.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "ncx2.hpp"
#include "simd.hpp"

namespace knn_cert {

// Sums of F, U and f at eight nodes share the Poisson weights of the row and the gamma tails of the nodes:
//     F = sum_j p_j P_j,   U = sum_j p_j Q_j,   f = t sum_j p_j g_{j-1}     (ncx2.hpp, here both tails as sums).
class NodeLaw {
public:
    // nodes: eight increasing radii in units of sigma; 0 and infinity are allowed.
    void set_nodes(double dof, const double* nodes, const LeafLoops& leaf) {
        dof_ = dof;
        leaf_ = &leaf;
        n_terms_ = 0;
        for (int l = 0; l < kLanes; ++l) t_[l] = nodes[l];
    }

    // F, U, f: eight values each.
    void evaluate(double s, double* F, double* U, double* f) {
        // the node nearest to the middle of the law: its largest term is the largest of all
        const double middle = std::sqrt(s * s + dof_);
        int nearest = 0;
        for (int l = 1; l < kLanes; ++l)
            if (std::fabs(t_[l] - middle) < std::fabs(t_[nearest] - middle)) nearest = l;
        double top = 0.0;
        for (int l = 0; l < kLanes; ++l)
            if (t_[l] < kInfinity) top = t_[l] > top ? t_[l] : top;
        const double t = t_[nearest];
        if (t == 0.0 || t == kInfinity || s * top > kLongSum) return one_by_one(s, F, U, f);
        const double mu = 0.5 * s * s, y = 0.5 * t * t, a = 0.5 * dof_;
        const double j0 = std::floor(mu * y / (0.5 * a + std::sqrt(0.25 * a * a + mu * y)));
        const double log_p = log_poisson_weight(j0, mu);
        if (log_p + log_poisson_weight(a + j0, y) < -690.0) return one_by_one(s, F, U, f);
        // all of F's and U's terms above 1e-19 of their sums lie within ten deviations of [j0, mu]
        const double far = std::max({mu, j0, 0.5 * s * top});
        const std::int64_t need = static_cast<std::int64_t>(far + 11.0 * std::sqrt(far + 20.0) + 40.0);
        prepare(need);
        double sums[3 * kLanes];
        leaf_->law_sums(mu, static_cast<std::int64_t>(j0), std::exp(log_p), reciprocal_.data(), terms_.data(), n_terms_, sums);
        for (int l = 0; l < kLanes; ++l) {
            F[l] = std::min(1.0, sums[l]);
            U[l] = std::min(1.0, sums[kLanes + l]);
            f[l] = t_[l] < kInfinity ? t_[l] * sums[2 * kLanes + l] : 0.0;
        }
    }

private:
    static constexpr double kLongSum = 3e4;  // beyond this s t the integral is faster than the sum

    void one_by_one(double s, double* F, double* U, double* f) const {
        for (int l = 0; l < kLanes; ++l) {
            const double s2 = s * s, t2 = t_[l] * t_[l];
            const ScaledLaw law = s * t_[l] > kLongSum && t2 < kInfinity
                                      ? detail::large_law(dof_, s, t_[l], (t_[l] - s) * (t_[l] + s), t2 < s2 + dof_)
                                      : distance_law(dof_, s2, t2);
            F[l] = law.cdf();
            U[l] = law.sf();
            f[l] = law.pdf();
        }
    }

    // terms_[j] holds P_j, Q_j and g_{j-1} at the eight nodes, for j < n_terms_.
    void prepare(std::int64_t need) {
        if (need <= n_terms_) return;
        n_terms_ = need + need / 2;
        terms_.resize(static_cast<std::size_t>(n_terms_) * 3 * kLanes);
        while (static_cast<std::int64_t>(reciprocal_.size()) <= n_terms_ + 1)
            reciprocal_.push_back(reciprocal_.empty() ? 0.0 : 1.0 / static_cast<double>(reciprocal_.size()));
        const double a = 0.5 * dof_;
        constexpr std::int64_t kRestart = 64;  // g is restarted from its logarithm, so that errors do not pile up
        for (int l = 0; l < kLanes; ++l) {
            const double y = 0.5 * t_[l] * t_[l];
            double* const P = terms_.data() + l;
            double* const Q = P + kLanes;
            double* const g = Q + kLanes;
            const auto at = [](std::int64_t j) { return static_cast<std::size_t>(j) * 3 * kLanes; };
            if (y == 0.0 || y == kInfinity) {
                for (std::int64_t j = 0; j < n_terms_; ++j) {
                    P[at(j)] = y == 0.0 ? 0.0 : 1.0;
                    Q[at(j)] = y == 0.0 ? 1.0 : 0.0;
                    g[at(j)] = 0.0;
                }
                continue;
            }
            for (std::int64_t block = 0; block < n_terms_; block += kRestart) {
                double weight = a + block - 1.0 >= 0.0 ? std::exp(log_poisson_weight(a + block - 1.0, y))
                                                       : std::exp(log_poisson_weight(a + block, y)) * ((a + block) / y);
                const std::int64_t end = std::min(block + kRestart, n_terms_);
                for (std::int64_t j = block; j < end; ++j) {
                    g[at(j)] = weight;
                    weight *= y / (a + j);
                }
            }
            P[at(n_terms_ - 1)] = gamma_tails(a + (n_terms_ - 1), y).p;
            for (std::int64_t j = n_terms_ - 2; j >= 0; --j) P[at(j)] = P[at(j + 1)] + g[at(j + 1)];
            Q[at(0)] = gamma_tails(a, y).q;
            for (std::int64_t j = 1; j < n_terms_; ++j) Q[at(j)] = Q[at(j - 1)] + g[at(j)];
        }
    }

    double dof_ = 1.0;
    const LeafLoops* leaf_ = nullptr;
    double t_[kLanes] = {};
    std::int64_t n_terms_ = 0;
    std::vector<double> terms_, reciprocal_;
};

// From values at the Chebyshev points of a cell to coefficients in x^k, x in [-1, 1]. Chebyshev coefficients first, then
// powers: rounding in a small high coefficient then moves all its powers together and costs nothing in the value.
class CellFit {
public:
    static const CellFit& instance() {
        static const CellFit fit;
        return fit;
    }
    double point(int i) const { return points_[i]; }

    // values[i * stride], i < kCellTerms -> coef[k * kLanes], for one lane
    void operator()(const double* values, int stride, double* coef) const {
        double chebyshev[kCellTerms];
        for (int k = 0; k < kCellTerms; ++k) {
            double sum = 0.0;
            for (int i = 0; i < kCellTerms; ++i) sum += transform_[k][i] * values[i * stride];
            chebyshev[k] = sum;
        }
        for (int k = 0; k < kCellTerms; ++k) {
            double sum = 0.0;
            for (int m = kCellTerms - 1; m >= k; --m) sum += power_[m][k] * chebyshev[m];
            coef[k * kLanes] = sum;
        }
    }

private:
    CellFit() {
        const double pi = 3.14159265358979323846;
        for (int i = 0; i < kCellTerms; ++i) points_[i] = std::cos(pi * (i + 0.5) / kCellTerms);
        for (int k = 0; k < kCellTerms; ++k)
            for (int i = 0; i < kCellTerms; ++i)
                transform_[k][i] = (k == 0 ? 1.0 : 2.0) / kCellTerms * std::cos(pi * k * (i + 0.5) / kCellTerms);
        for (auto& row : power_)
            for (double& c : row) c = 0.0;
        power_[0][0] = power_[1][1] = 1.0;
        for (int m = 2; m < kCellTerms; ++m)  // T_m = 2 x T_{m-1} - T_{m-2}
            for (int k = 0; k <= m; ++k)
                power_[m][k] = (k > 0 ? 2.0 * power_[m - 1][k - 1] : 0.0) - power_[m - 2][k];
    }
    double points_[kCellTerms], transform_[kCellTerms][kCellTerms], power_[kCellTerms][kCellTerms];
};

}  // namespace knn_cert
