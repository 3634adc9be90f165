// leaf_band.hpp: the law of a count row by row, on a band about its mean. No Python, no threads, no allocation.
#pragma once

#include "lanes_math.hpp"
#include "leaf_law.hpp"

namespace knn_cert {
namespace {

// One row under p_i.
struct BandRow {
    Lanes p, rest, h;

    // a row that is outside
    KNN_CERT_INLINE BandRow() : p(Lanes::all(0.0)), rest(Lanes::all(1.0)), h(p) {}
    KNN_CERT_INLINE BandRow(const TallyTask& task, std::int64_t i, const Lanes& rho) {
        Lanes F;
        Lanes U;
        Lanes f;
        row_law(task, i, F, U, f);
        const Lanes inside = F * rho;
        const Lanes inverse = Lanes::all(1.0) / (U + inside);
        p = inside * inverse;
        rest = U * inverse;
        h = f * inverse;
    }
};

// A row more: A[k] <- (1 - p) A[k] + p A[k-1] + h G[k], G[k] <- (1 - p) G[k] + p G[k-1]; two rows at a time. All terms are positive. A power at
// an end of the band is given up where G there is at most exp(-drop), and A at most that times the sum of h so far, at every node: as p and
// 1 - p add up to 1, what is given up never grows, and each row gives up one power at each end at most.
void band(BandTask& task) {
    const Lanes zero = Lanes::all(0.0);
    const Lanes least = Lanes::all(exp(-task.drop));
    const Lanes rho = exp_of(Lanes::load(task.log_rho));
    Lanes hazard = zero;
    std::int64_t low = 0;
    std::int64_t high = 0;
    const auto put = [&task](std::int64_t k, const Lanes& g, const Lanes& a) {
        g.store(task.G + k * kLanes);
        a.store(task.A + k * kLanes);
    };
    put(0, Lanes::all(1.0), zero);
    const auto negligible = [&](std::int64_t k) {
        const Lanes excess = larger(Lanes::load(task.G + k * kLanes) - least, Lanes::load(task.A + k * kLanes) - least * hazard);
        return !any_lt(zero, excess);
    };
    for (std::int64_t i = 0; i < task.rows.n_rows; i += 2) {
        const BandRow one(task.rows, i, rho);
        const BandRow other = i + 1 < task.rows.n_rows ? BandRow(task.rows, i + 1, rho) : BandRow();
        hazard += one.h + other.h;
        const Lanes none = one.rest * other.rest;
        const Lanes single = one.p * other.rest + one.rest * other.p;
        const Lanes both = one.p * other.p;
        const Lanes h_none = one.h * other.rest + one.rest * other.h;  // one row at the node, the other outside or inside
        const Lanes h_single = one.h * other.p + one.p * other.h;
        Lanes g = zero;  // of k, k - 1
        Lanes a = zero;
        Lanes g_less = Lanes::load(task.G + high * kLanes);
        Lanes a_less = Lanes::load(task.A + high * kLanes);
        put(high + 2, both * g_less, both * a_less);
        for (std::int64_t k = high + 1; k > low; --k) {
            const Lanes g_least = k > low + 1 ? Lanes::load(task.G + (k - 2) * kLanes) : zero;
            const Lanes a_least = k > low + 1 ? Lanes::load(task.A + (k - 2) * kLanes) : zero;
            put(k, none * g + (single * g_less + both * g_least),
                none * a + (single * a_less + both * a_least) + (h_none * g + h_single * g_less));
            g = g_less;
            a = a_less;
            g_less = g_least;
            a_less = a_least;
        }
        put(low, none * g, none * a + h_none * g);
        // from the ends inwards
        high += 2;
        for (int ends = 0; ends < 2 && low < high && negligible(high); ++ends) --high;
        for (int ends = 0; ends < 2 && low < high && negligible(low); ++ends) ++low;
    }
    task.low = low;
    task.high = high;
}

}  // namespace
}  // namespace knn_cert
