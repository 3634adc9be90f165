// chebyshev_fit.hpp: polynomials in x in [-1, 1] through values at Chebyshev points. No Python, no threads, no allocation.
#pragma once

#include <cmath>

namespace knn_cert {

// From values at n points to coefficients of x^k. Chebyshev coefficients first, then powers: rounding in a small high coefficient then moves
// all its powers together and costs nothing in the value.
class ChebyshevFit {
public:
    static constexpr int kMostPoints = 26;

    template <int n>
    static const ChebyshevFit& of() {
        static_assert(n <= kMostPoints, "the matrices have room");
        static const ChebyshevFit fit(n);
        return fit;
    }
    [[nodiscard]] double point(int i) const { return points_[i]; }

    // values[i * stride + c], i < n and c < kColumns, -> coef[k * stride + c], which may be the same place
    template <int kColumns>
    void apply(const double* values, double* coef, int stride = kColumns) const {
        double chebyshev[kMostPoints * kColumns];
        for (int k = 0; k < n_; ++k) combine<kColumns>(transform_[k], 0, values, stride, chebyshev + k * kColumns);
        for (int k = 0; k < n_; ++k) combine<kColumns>(power_[k], k, chebyshev, kColumns, coef + k * stride);
    }

private:
    explicit ChebyshevFit(int n) : n_(n) {
        const double pi = 3.14159265358979323846;
        for (int i = 0; i < n; ++i) points_[i] = std::cos(pi * (i + 0.5) / n);
        for (int k = 0; k < n; ++k)
            for (int i = 0; i < n; ++i) transform_[k][i] = (k == 0 ? 1.0 : 2.0) / n * std::cos(pi * k * (i + 0.5) / n);
        for (auto& row : power_)
            for (double& c : row) c = 0.0;
        power_[0][0] = power_[1][1] = 1.0;
        for (int m = 2; m < n; ++m)  // T_m = 2 x T_{m-1} - T_{m-2}
            for (int k = 0; k <= m; ++k) power_[k][m] = (k > 0 ? 2.0 * power_[k - 1][m - 1] : 0.0) - power_[k][m - 2];
    }

    // sum over first <= i < n of factors[i] values[i]; the last ones, small ones, first
    template <int kColumns>
    void combine(const double* factors, int first, const double* values, int stride, double* to) const {
        double sum[kColumns] = {};
        for (int i = n_ - 1; i >= first; --i)
            for (int c = 0; c < kColumns; ++c) sum[c] += factors[i] * values[i * stride + c];
        for (int c = 0; c < kColumns; ++c) to[c] = sum[c];
    }

    int n_;
    // power_[k][m]: coefficient of x^k in T_m
    double points_[kMostPoints], transform_[kMostPoints][kMostPoints], power_[kMostPoints][kMostPoints];
};

}  // namespace knn_cert
