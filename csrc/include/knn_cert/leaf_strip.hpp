// leaf_strip.hpp: how large the counts of a list can be beside the real axis, whichever of its rows are moved. No Python, no threads.
//
// Letters of docs/moved-rows.md, "Sums for integrals". A node x stands for the box of all t = x + tau + iw with |tau| <= delta and
// 0 <= w <= y. Of one row with F, U, f at x: U(t) = U - f (tau + iw) + r and F(t) = F + f (tau + iw) - r, |r| <= R. So
//     |U(t)| <= sqrt(U^2 + y^2 f^2) + delta f + R     and <= B U(x - delta);
//     |F(t)| <= sqrt(F^2 + y^2 f^2) + delta f + R     and <= C F(x + delta);
//     |U(t)| + rho |F(t)| <= sqrt(U^2 + y^2 f^2) + rho sqrt(F^2 + y^2 f^2) + max(1, rho) delta f + (1 + rho) R
// where U, F >= delta f: tau makes one of them smaller as it makes the other one larger.
#pragma once

#include <math.h>

#include "lanes_math.hpp"
#include "move_tasks.hpp"

namespace knn_cert {
namespace {

// Beyond any bound: those by U and F, at most exp(300), count then.
constexpr double kNoBound = 1e250;

struct StripRow {
    Lanes U, F;            // bounds of |U(t)|, |F(t)|
    Lanes root_U, root_F;  // at tau = 0, without R
    Lanes shift, turned;   // delta f, and 1 where tau may make both larger
    Lanes R, f;            // f: a bound of |f(t)|
};

KNN_CERT_INLINE Lanes root_of(const Lanes& x) {
    double values[kLanes];
    x.store(values);
    for (int lane = 0; lane < kLanes; ++lane) values[lane] = ::sqrt(values[lane]);
    return Lanes::load(values);
}

// What bounds f and f' in the boxes, from f at their nodes, for rows at distances from s to s + 1/8. phi = f'/f = (d - 1)/x - x + s rho(sx)
// grows in s, rho the quotient of Bessel functions: z / (c + sqrt((c+1)^2 + z^2)) <= rho(z) <= z / (c + sqrt(c^2 + z^2)), c = (d - 1)/2; and
// |f'(t)| <= B f(x) D, D^2 = (|phi| + y (1 + (d-1)/x^2))^2 + s^2 (1 - 2 c rho(z)/z - rho(z)^2).
struct StripCell {
    static constexpr double kPerUnit = 8.0;
    double from = 0.0, to = 0.0;
    Lanes grow = Lanes::all(0.0), R = Lanes::all(0.0);  // sup of f, and R, over f

    [[nodiscard]] KNN_CERT_INLINE bool holds(double s) const { return from <= s && s < to; }
    KNN_CERT_INLINE void move_to(const StripNodes& nodes, double s, double dof) {
        constexpr double kLargestExponent = 500.0;
        if (holds(s)) return;
        from = static_cast<double>(static_cast<std::int64_t>(s * kPerUnit)) / kPerUnit;
        to = from + 1.0 / kPerUnit;
        if (!holds(s)) from = to = s;  // too far for cells
        const Lanes zero = Lanes::all(0.0);
        const Lanes one = Lanes::all(1.0);
        const Lanes c = Lanes::all(0.5 * (dof - 1.0));
        const Lanes c1 = Lanes::all(0.5 * (dof + 1.0));
        const Lanes y = Lanes::load(nodes.y);
        const Lanes delta = Lanes::load(nodes.delta);
        const Lanes near = Lanes::all(from) * Lanes::load(nodes.left);
        const Lanes far = Lanes::all(to) * Lanes::load(nodes.right);
        const Lanes low = near / (c + root_of(c1 * c1 + near * near));
        const Lanes high = smaller(one, far / larger(c + root_of(c * c + far * far), Lanes::all(1e-300)));
        const Lanes most = Lanes::load(nodes.slope_left) + Lanes::all(to) * high;
        const Lanes least = Lanes::load(nodes.slope_right) + Lanes::all(from) * low;
        const Lanes phi = larger(larger(most, zero - most), larger(least, zero - least));
        const Lanes variance = larger(zero, one - Lanes::all(2.0) * c / (c + root_of(c1 * c1 + far * far)) - low * low);
        const Lanes turn = phi + y * Lanes::load(nodes.bend);
        const Lanes D = root_of(turn * turn + Lanes::all(to * to) * variance);
        const Lanes exponent = delta * phi;
        const Lanes bounded = Lanes::all(kLargestExponent);
        grow = where_lt(exponent, bounded, exp_of(exponent), Lanes::all(kNoBound));
        R = Lanes::all(0.5) * (delta * delta + y * y) * Lanes::load(nodes.B) * grow * D;
    }
};

// At least F, U and f of some neighbouring rows; tail: at most the smaller one of F and U.
struct StripLaws {
    Lanes F, U, f, tail;

    KNN_CERT_INLINE StripLaws(const StripTask& task, const double* laws, std::int64_t begin, std::int64_t end) {
        const auto law = [&](std::int64_t i, int which) {
            const double* const at = laws + (i * 3 + which) * kLanes;
            return task.lane < 0 ? Lanes::load(at) : Lanes::all(at[task.lane]);
        };
        F = law(begin, 0);
        U = law(end - 1, 1);
        f = law(begin, 2);
        for (std::int64_t i = begin + 1; i < end; ++i) f = larger(f, law(i, 2));
        tail = smaller(law(end - 1, 0), law(begin, 1));
    }
};

KNN_CERT_INLINE StripRow strip_row(const StripNodes& nodes, const StripCell& cell, const StripLaws& laws) {
    const Lanes& F = laws.F;
    const Lanes& U = laws.U;
    const Lanes& f = laws.f;
    const Lanes one = Lanes::all(1.0);
    const Lanes B = Lanes::load(nodes.B);
    const Lanes delta = Lanes::load(nodes.delta);
    const Lanes no_bound = Lanes::all(kNoBound);
    const Lanes f_box = where_lt(cell.grow, no_bound, f * cell.grow, no_bound);
    const Lanes yf = Lanes::load(nodes.y) * f;
    StripRow out;
    out.f = B * f_box;
    out.R = where_lt(cell.grow, no_bound, f * cell.R, no_bound);
    out.root_U = root_of(U * U + yf * yf);
    out.root_F = root_of(F * F + yf * yf);
    out.shift = delta * f;
    out.turned = where_lt(laws.tail, out.shift, one, Lanes::all(0.0));
    out.U = smaller(out.root_U + out.shift + out.R, B * smaller(one, U + delta * f_box));
    out.F = smaller(out.root_F + out.shift + out.R, Lanes::load(nodes.C) * smaller(one, F + delta * f_box));
    out.F = smaller(out.F, one + out.U);
    out.U = smaller(out.U, one + out.F);
    return out;
}

// At least the logarithm of |U| + rho |F|: log(1 + z) <= z - z^2/2 + z^3/3 for z > -1, and its tangent at z = rho - 1.
KNN_CERT_INLINE Lanes strip_log(const StripRow& row, double rho, double log_rho) {
    const double larger_one = rho > 1.0 ? rho : 1.0;
    const Lanes both = row.root_U + Lanes::all(rho) * row.root_F +
                       row.shift * (Lanes::all(larger_one) + row.turned * Lanes::all(1.0 + rho - larger_one)) +
                       Lanes::all(1.0 + rho) * row.R;
    const Lanes b = smaller(row.U + Lanes::all(rho) * row.F, both);
    const Lanes z = b - Lanes::all(1.0);
    const Lanes cubic = z * (Lanes::all(1.0) + z * (Lanes::all(-0.5) + z * Lanes::all(1.0 / 3.0)));
    const Lanes tangent = Lanes::all(log_rho - 1.0) + b * Lanes::all(1.0 / rho);
    return smaller(smaller(z, where_le(z, Lanes::all(1.0), cubic, z)), tangent);
}

// Bounds of the logarithms of |P(fewer than D rows)| and of |the density of the D-th row|, for any n_moved rows that are moved. Each
// coefficient below rho^D of the product over all rows of |U| + rho |F| is at most rho^(1 - D) times that product, and for
// rho <= 1 so is the sum of the first D. Of the moves the product takes the n_moved that add most: no more than n_moved times any
// tau >= 0 and what all rows add beyond tau.
void strip_counts(const StripTask& task) {
    constexpr double kRho[] = {0.2, 0.5, 0.8, 0.95, 1.0, 1.5, 4.0};
    constexpr int kRhos = 7;
    constexpr int kTaus = 2;
    constexpr double kTogether = 1.0 / 128.0;  // rows that stand so close are bounded as if they stood together
    const Lanes simple = Lanes::all(1e-6);     // rows so unlikely, or so sure, at all nodes are bounded by simpler means
    const StripNodes& nodes = *task.nodes;
    const Lanes zero = Lanes::all(0.0);
    double log_rho[kRhos];
    Lanes sum[kRhos];
    Lanes added[kRhos][kTaus];
    {
        double rho[kLanes] = {};
        double logs[kLanes];
        for (int k = 0; k < kRhos; ++k) rho[k] = kRho[k];
        rho[kRhos] = 1.0;
        log_of(Lanes::load(rho)).store(logs);
        for (int k = 0; k < kRhos; ++k) {
            log_rho[k] = logs[k];
            sum[k] = zero;
            for (int j = 0; j < kTaus; ++j) added[k][j] = zero;
        }
    }
    const auto tau_of = [&](int k, int j) { return j * (log_rho[k] < 0.0 ? -log_rho[k] : log_rho[k]); };
    Lanes unlikely = zero;
    Lanes unsure = zero;
    Lanes density = zero;
    Lanes sure = zero;  // how many
    StripCell cell, cell_moved;
    for (std::int64_t begin = 0; begin < task.n_rows;) {
        cell.move_to(nodes, task.s[begin], task.dof);
        cell_moved.move_to(nodes, task.s_moved[begin], task.dof);
        std::int64_t end = begin + 1;
        while (end < task.n_rows && task.s[end] <= task.s[begin] + kTogether && cell.holds(task.s[end]) &&
               cell_moved.holds(task.s_moved[end]))
            ++end;
        const StripLaws laws(task, task.still, begin, end);
        const StripLaws laws_moved(task, task.moved, begin, end);
        const Lanes n = Lanes::all(static_cast<double>(end - begin));
        begin = end;
        const Lanes F_most = larger(laws.F, laws_moved.F);
        const Lanes U_most = larger(laws.U, laws_moved.U);
        if (!any_lt(simple, F_most)) {
            unlikely += n * F_most;
            continue;
        }
        if (!any_lt(simple, U_most)) {
            unsure += n * U_most;
            sure += n;
            continue;
        }
        const StripRow still = strip_row(nodes, cell, laws);
        const StripRow moved = strip_row(nodes, cell_moved, laws_moved);
        density += n * larger(still.f, moved.f);
        for (int k = 0; k < kRhos; ++k) {
            const Lanes here = strip_log(still, kRho[k], log_rho[k]);
            const Lanes more = strip_log(moved, kRho[k], log_rho[k]) - here;
            sum[k] += n * here;
            for (int j = 0; j < kTaus; ++j) added[k][j] += n * larger(zero, more - Lanes::all(tau_of(k, j)));
        }
    }
    // f / F <= d/t + s and f / U <= t + 1; |F(t)| + rho |U(t)| of either kind
    const Lanes far = unlikely * Lanes::load(nodes.C) * Lanes::load(nodes.grow_F);
    const Lanes doubt = unsure * Lanes::load(nodes.B) * Lanes::load(nodes.grow_U);
    density += far * Lanes::load(nodes.rate_F) + doubt * Lanes::load(nodes.rate_U);
    Lanes best = Lanes::all(1e300);
    Lanes best_density = best;
    const Lanes log_density = log_of(larger(density, Lanes::all(1e-300)));
    for (int k = 0; k < kRhos; ++k) {
        Lanes moves = added[k][0];
        for (int j = 1; j < kTaus; ++j) moves = smaller(moves, added[k][j] + Lanes::all(static_cast<double>(task.n_moved) * tau_of(k, j)));
        const Lanes product = sum[k] + moves + far * Lanes::all(1.0 + kRho[k]) + doubt * Lanes::all(1.0 + 1.0 / kRho[k]) +
                              (sure - Lanes::all(static_cast<double>(task.degree - 1))) * Lanes::all(log_rho[k]);
        if (kRho[k] <= 1.0) best = smaller(best, product);
        // of the row that arrives |U| + rho |F| >= min(1, rho) is left out of the product
        best_density = smaller(best_density, product + log_density - Lanes::all(log_rho[k] < 0.0 ? log_rho[k] : 0.0));
    }
    best.store(task.less);
    best_density.store(task.density);
}

}  // namespace
}  // namespace knn_cert
