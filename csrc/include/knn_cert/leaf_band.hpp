// leaf_band.hpp: the law of a count row by row, on a band about its mean. No Python, no threads, no allocation.
#pragma once

#include "lanes_math.hpp"
#include "leaf_law.hpp"

namespace knn_cert {
namespace {

// How far from the mean of a count with variance V its law is below exp(-drop): Bernstein's inequality, x^2 / (2 V + 2 x / 3) = drop.
KNN_CERT_INLINE double half_band(double V, double drop) { return drop / 3.0 + sqrt(drop * drop / 9.0 + 2.0 * drop * V) + 1.0; }

// A row more: A[k] <- (1 - p) A[k] + p A[k-1] + h G[k], G[k] <- (1 - p) G[k] + p G[k-1]: all terms positive. Powers that fall behind the
// band at every node are left as they are, and counted as nothing by the next one.
void band(BandTask& task) {
    const Lanes zero = Lanes::all(0.0);
    const Lanes rho = exp_of(Lanes::load(task.log_rho));
    Lanes mean = zero;
    Lanes variance = zero;
    std::int64_t low = 0;
    std::int64_t high = 0;
    Lanes::all(1.0).store(task.G);
    zero.store(task.A);
    zero.store(task.G + kLanes);
    zero.store(task.A + kLanes);
    for (std::int64_t i = 0; i < task.rows.n_rows; ++i) {
        Lanes F;
        Lanes U;
        Lanes f;
        row_law(task.rows, i, F, U, f);
        const Lanes inside = F * rho;
        const Lanes inverse = Lanes::all(1.0) / (U + inside);
        const Lanes p = inside * inverse;
        const Lanes rest = U * inverse;
        const Lanes h = f * inverse;
        for (std::int64_t k = high + 1; k > low; --k) {
            const Lanes g = Lanes::load(task.G + k * kLanes);
            const Lanes g_less = Lanes::load(task.G + (k - 1) * kLanes);
            const Lanes a = Lanes::load(task.A + k * kLanes);
            const Lanes a_less = Lanes::load(task.A + (k - 1) * kLanes);
            (rest * a + (p * a_less + h * g)).store(task.A + k * kLanes);
            (rest * g + p * g_less).store(task.G + k * kLanes);
        }
        const Lanes g = Lanes::load(task.G + low * kLanes);
        (rest * Lanes::load(task.A + low * kLanes) + h * g).store(task.A + low * kLanes);
        (rest * g).store(task.G + low * kLanes);
        mean += p;
        variance += p * rest;
        double means[kLanes];
        double variances[kLanes];
        mean.store(means);
        variance.store(variances);
        double first = means[0];
        double last = means[0];
        double widest = variances[0];
        for (int lane = 1; lane < kLanes; ++lane) {
            first = means[lane] < first ? means[lane] : first;
            last = means[lane] > last ? means[lane] : last;
            widest = variances[lane] > widest ? variances[lane] : widest;
        }
        const double half = half_band(widest, task.drop);
        const auto from = static_cast<std::int64_t>(first - half);
        const auto to = static_cast<std::int64_t>(last + half) + 1;
        low = from > low ? from : low;
        low = low > high ? high : low;
        if (to > high) {  // it never shrinks: mean and variance grow
            ++high;
            zero.store(task.G + (high + 1) * kLanes);
            zero.store(task.A + (high + 1) * kLanes);
        }
    }
    task.low = low;
    task.high = high;
}

}  // namespace
}  // namespace knn_cert
