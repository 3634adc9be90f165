// leaf_far.hpp: far rows as moments, and their power sums at eight nodes. No Python, no threads, no allocation.
#pragma once

#include <math.h>

#include "lanes.hpp"

namespace knn_cert {
namespace {

// The error of interpolation by a polynomial of degree 15 is at most kEllipseError[e] times the supremum on the ellipse e.
KNN_CERT_INLINE Lanes interpolation_error(const Lanes& sup_0, const Lanes& sup_1) {
    return smaller(Lanes::all(kEllipseError[0]) * sup_0, Lanes::all(kEllipseError[1]) * sup_1);
}

// Adds the error bounds of one piece; far fewer operations than its sums.
KNN_CERT_INLINE void add_far_errors(const FarTask& task, std::int64_t p, int n_powers) {
    const Piece& piece = *task.pieces[p];
    const Lanes n = Lanes::all(task.count[p]);
    const Lanes rounding = Lanes::all(task.rounding);
    const Lanes odds = Lanes::load(piece.odds_left);
    const Lanes first = Lanes::load(piece.sup_odds[0]);
    const Lanes second = Lanes::load(piece.sup_odds[1]);
    const auto add = [](double* to, const Lanes& value) { (Lanes::load(to) + value).store(to); };
    Lanes power = odds;
    Lanes power_0 = first;
    Lanes power_1 = second;
    add(task.S_error, n * (interpolation_error(first, second) + rounding * odds));
    for (int m = 1; m <= n_powers; ++m) {
        add(task.S_error + m * kLanes, n * (interpolation_error(power_0, power_1) + rounding * power));
        power = power * odds, power_0 = power_0 * first, power_1 = power_1 * second;
    }
    if (!task.density) return;
    power = Lanes::load(piece.hazard_left), power_0 = Lanes::load(piece.sup_hazard[0]), power_1 = Lanes::load(piece.sup_hazard[1]);
    for (int m = 0; m <= n_powers; ++m) {
        add(task.T_error + m * kLanes, n * (interpolation_error(power_0, power_1) + rounding * power));
        power = power * odds, power_0 = power_0 * first, power_1 = power_1 * second;
    }
}

// Few powers: the sums stay in registers.
template <int kPowers, bool kDensity>
void far_sums_of_powers(const FarTask& task) {
    Lanes S[kPowers + 1];
    Lanes T[kPowers + 1];
    for (int m = 0; m <= kPowers; ++m) S[m] = T[m] = Lanes::all(0.0);
    for (std::int64_t p = 0; p < task.n_pieces; ++p) {
        const Piece& piece = *task.pieces[p];
        const double* const weights = task.weights + p * kMoments;
        for (int i = 0; i < kMoments; ++i) {
            Lanes value = Lanes::all(weights[i]);
            const Lanes odds = Lanes::load(piece.odds[i]);
            const Lanes hazard = kDensity ? Lanes::load(piece.hazard[i]) : odds;
            S[0] += value * Lanes::load(piece.log_sf[i]);
            if (kDensity) T[0] += value * hazard;
            for (int m = 1; m <= kPowers; ++m) {
                value = value * odds;
                S[m] += value;
                if (kDensity) T[m] += value * hazard;
            }
        }
        add_far_errors(task, p, kPowers);
    }
    for (int m = 0; m <= kPowers; ++m) {
        S[m].store(task.S + m * kLanes);
        if (kDensity) T[m].store(task.T + m * kLanes);
    }
}

template <bool kDensity>
void far_sums_of_any_power(const FarTask& task) {
    const auto add = [](double* to, const Lanes& value) { (Lanes::load(to) + value).store(to); };
    for (int i = 0; i < (task.n_powers + 1) * kLanes; ++i) {
        task.S[i] = 0.0;
        if (kDensity) task.T[i] = 0.0;
    }
    for (std::int64_t p = 0; p < task.n_pieces; ++p) {
        const Piece& piece = *task.pieces[p];
        Lanes value[kMoments];
        Lanes log_sf = Lanes::all(0.0);
        Lanes hazard = log_sf;
        for (int i = 0; i < kMoments; ++i) {
            value[i] = Lanes::all(task.weights[p * kMoments + i]);
            log_sf += value[i] * Lanes::load(piece.log_sf[i]);
            if (kDensity) hazard += value[i] * Lanes::load(piece.hazard[i]);
        }
        add(task.S, log_sf);
        if (kDensity) add(task.T, hazard);
        for (int m = 1; m <= task.powers[p]; ++m) {
            Lanes sum = Lanes::all(0.0);
            Lanes with_hazard = sum;
            for (int i = 0; i < kMoments; ++i) {
                value[i] = value[i] * Lanes::load(piece.odds[i]);
                sum += value[i];
                if (kDensity) with_hazard += value[i] * Lanes::load(piece.hazard[i]);
            }
            add(task.S + m * kLanes, sum);
            if (kDensity) add(task.T + m * kLanes, with_hazard);
        }
        add_far_errors(task, p, task.powers[p]);
    }
}

template <bool kDensity>
void far_sums_with(const FarTask& task) {
    switch (task.n_powers) {
        case 0: return far_sums_of_powers<0, kDensity>(task);
        case 1: return far_sums_of_powers<1, kDensity>(task);
        case 2: return far_sums_of_powers<2, kDensity>(task);
        case 3: return far_sums_of_powers<3, kDensity>(task);
        case 4: return far_sums_of_powers<4, kDensity>(task);
        default: return far_sums_of_any_power<kDensity>(task);
    }
}

void far_sums(const FarTask& task) {
    for (int i = 0; i < (task.n_powers + 1) * kLanes; ++i) {
        task.S_error[i] = 0.0;
        if (task.density) task.T_error[i] = 0.0;
    }
    task.density ? far_sums_with<true>(task) : far_sums_with<false>(task);
}

// Coefficient k of the polynomial times sum_m (-1)^m z^m sums[m], m from `from` on, or of its negative; never negative itself.
KNN_CERT_INLINE Lanes alternating(const FarTask& task, const double* polynomial, const double* sums, int from, int k, double scale) {
    const Lanes zero = Lanes::all(0.0);
    Lanes sum = zero;
    for (int m = from; m <= k && m <= task.n_powers; ++m) {
        const Lanes term = Lanes::load(polynomial + (k - m) * kLanes) * Lanes::load(sums + m * kLanes);
        sum = (m - from) % 2 == 0 ? sum + term : sum - term;
    }
    sum = sum * Lanes::all(scale);
    return where_lt(sum, zero, zero, sum);
}

// P(count >= degree) is bounded by that of a Poisson number of the same mean (Hoeffding 1956, Anderson & Samuels 1967: where degree >=
// mean + 1), and the mean by S_1.
KNN_CERT_INLINE void far_bounds(const FarTask& task, int degree, const Record& out) {
    for (int lane = 0; lane < kLanes; ++lane) {
        const double mean = task.S[kLanes + lane] + task.S_error[kLanes + lane];
        double beyond = 1.0;
        if (mean + 1.0 <= degree) {
            beyond = exp(-mean) / (1.0 - mean / (degree + 1.0));
            for (int k = 1; k <= degree; ++k) beyond *= mean / k;
        }
        out.at_least()[lane] = beyond < 1.0 ? beyond : 1.0;
        out.mean()[lane] = mean;
    }
}

// G = exp(sum log U + sum_m (-1)^(m+1) z^m S_m / m) by Newton's identities, k e_k = sum_m (-1)^(m-1) e_{k-m} S_m, and with density
// A = G times sum_m (-z)^m T_m (far_rows.hpp).
void far_polynomials(const FarTask& task, int degree, const Record& out) {
    for (int lane = 0; lane < kLanes; ++lane) out.G[lane] = exp(task.S[lane]);
    for (int k = 1; k < degree; ++k) alternating(task, out.G, task.S, 1, k, 1.0 / static_cast<double>(k)).store(out.G + k * kLanes);
    if (!task.density) return far_bounds(task, degree, out);
    for (int k = 0; k < degree; ++k) alternating(task, out.G, task.T, 0, k, 1.0).store(out.A + k * kLanes);
}

// ---- what the errors of the far sums do to the record of all rows
//
// G is multiplied by exp(sum of z^m d_m), |d_m| at most the error p_m of S_m / m. With p the polynomial of these and r the largest
// quotient (p G)[k] / G[k], p^j G <= r^(j-1) p G in every coefficient, so that exp(p) G - G <= p G (e^r - 1) / r. A errs likewise, and by
// exp(p) e G <= e^r e G, with e the errors of T, as p (e G) = e (p G).

// Added to denominators that may be zero; a relative error that says nothing; and r from which on e^r says nothing.
constexpr double kNothing = 1e-290, kNoIdea = 1e30, kLargestRatio = 60.0;

// Coefficient k of the polynomial times sum_m z^m errors[m], or sum_m z^m errors[m] / m, errors[0] as it is.
KNN_CERT_INLINE Lanes times_errors(const FarTask& task, const double* polynomial, const double* errors, int k, bool over_m) {
    Lanes sum = Lanes::all(0.0);
    for (int m = 0; m <= k && m <= task.n_powers; ++m) {
        const double share = over_m && m > 1 ? 1.0 / static_cast<double>(m) : 1.0;
        sum += Lanes::load(polynomial + (k - m) * kLanes) * Lanes::load(errors + m * kLanes) * Lanes::all(share);
    }
    return sum;
}

// r at each node, and (e^r - 1) / r.
struct Growth {
    double r[kLanes] = {}, factor[kLanes];

    [[nodiscard]] bool known(int lane) const { return r[lane] < kLargestRatio; }
};

// p times the polynomial, to `to`.
KNN_CERT_INLINE Growth first_order(const FarTask& task, int degree, const double* polynomial, double* to) {
    Growth growth;
    for (int k = 0; k < degree; ++k) {
        double* const e = to + k * kLanes;
        times_errors(task, polynomial, task.S_error, k, true).store(e);
        for (int lane = 0; lane < kLanes; ++lane) {
            const double ratio = e[lane] / (polynomial[k * kLanes + lane] + kNothing);
            if (!(ratio <= growth.r[lane])) growth.r[lane] = ratio <= kLargestRatio ? ratio : kNoIdea;
        }
    }
    for (int lane = 0; lane < kLanes; ++lane) {
        const double r = growth.r[lane];
        growth.factor[lane] = !growth.known(lane) ? kNoIdea : r > 1e-8 ? expm1(r) / r : 1.0 + r;
    }
    return growth;
}

// The largest relative error so far.
KNN_CERT_INLINE void note_relative(const double* absolute, const double* value, double* largest) {
    for (int lane = 0; lane < kLanes; ++lane) {
        const double ratio = absolute[lane] / (value[lane] + kNothing);
        const double relative = ratio < kNoIdea ? ratio : kNoIdea;
        if (relative > largest[lane]) largest[lane] = relative;
    }
}

KNN_CERT_INLINE void error_of_density(const FarTask& task, int degree, const Record& record, const Growth& of_G, double* error,
                                      FarDoubt* doubt) {
    const Growth of_A = first_order(task, degree, record.A, error);
    for (int k = 0; k < degree; ++k) {
        double by_T[kLanes];
        double* const to = error + k * kLanes;
        times_errors(task, record.G, task.T_error, k, false).store(by_T);
        for (int lane = 0; lane < kLanes; ++lane) {
            const double growth = 1.0 + of_G.r[lane] * of_G.factor[lane];  // e^r
            const double sum = to[lane] * of_A.factor[lane] + by_T[lane] * growth;
            to[lane] = of_G.known(lane) && of_A.known(lane) && sum <= kNoIdea ? sum : kNoIdea;
        }
        note_relative(to, record.A + k * kLanes, doubt->any_coefficient);
    }
}

void far_error(const FarTask& task, int degree, const Record& record, const Record& error, FarDoubt* doubt) {
    *doubt = FarDoubt{};
    const Growth growth = first_order(task, degree, record.G, error.G);
    if (task.density) error_of_density(task, degree, record, growth, error.A, doubt);
    double below[kLanes] = {};
    double below_error[kLanes] = {};  // P(count <= k)
    for (int k = 0; k < degree; ++k) {
        const double* const G = record.G + k * kLanes;
        double* const to = error.G + k * kLanes;
        for (int lane = 0; lane < kLanes; ++lane) {
            to[lane] = growth.known(lane) ? to[lane] * growth.factor[lane] : kNoIdea;
            below[lane] += G[lane];
            below_error[lane] += to[lane];
        }
        note_relative(to, G, doubt->any_coefficient);
        note_relative(below_error, below, doubt->below_degree);
    }
}

// Eight rows: their eight products of x, T_2, T_4 are worked out for all of them together, then turned, and added row by row to
// the moments of the row's piece; near rows and rows beyond `far` go to slot 0, which nobody reads.
KNN_CERT_INLINE void add_moments(const Lanes& s, const Lanes& near, const Lanes& far, double* moments) {
    constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
    const Lanes one = Lanes::all(1.0);
    const Lanes two = Lanes::all(2.0);
    const Lanes nowhere = Lanes::all(0.0);
    const Lanes place = s * Lanes::all(kPiecesPerUnit);
    const Lanes piece = ((place - Lanes::all(0.5)) + Lanes::all(kRound)) - Lanes::all(kRound);
    const Lanes x = two * (place - piece) - one;
    const Lanes x_2 = two * x * x - one;
    const Lanes x_4 = two * x_2 * x_2 - one;
    const Lanes x_8 = two * x_4 * x_4 - one;
    double slot[kLanes];
    double last[kLanes];
    where_lt(s, near, nowhere, where_lt(s, far, piece + one, nowhere)).store(slot);
    x_8.store(last);
    Lanes row[kLanes] = {one, x, x_2, x * x_2, x_4, x * x_4, x_2 * x_4, x * (x_2 * x_4)};
    transpose(row);
    for (int i = 0; i < kLanes; ++i) {
        double* const to = moments + static_cast<std::int64_t>(slot[i]) * kMoments;
        (Lanes::load(to) + row[i]).store(to);
        (Lanes::load(to + kLanes) + row[i] * Lanes::all(last[i])).store(to + kLanes);
    }
}

std::int64_t sort_out(const double* distances, std::int64_t n, double scale, double near, double far, double* near_rows, double* moments) {
    constexpr std::int64_t kPortion = 64;  // rows between two looks for near ones
    const Lanes nearer = Lanes::all(near);
    const Lanes farther = Lanes::all(far);
    const Lanes scaled = Lanes::all(scale);
    std::int64_t n_near = 0;
    for (std::int64_t start = 0; start < n; start += kPortion) {
        const std::int64_t end = start + kPortion < n ? start + kPortion : n;
        Lanes least = farther;
        std::int64_t i = start;
        for (; i + kLanes <= end; i += kLanes) {
            const Lanes s = Lanes::load(distances + i) * scaled;
            least = smaller(least, s);
            add_moments(s, nearer, farther, moments);
        }
        if (i < end) {
            double rest[kLanes];
            for (int k = 0; k < kLanes; ++k) rest[k] = i + k < end ? distances[i + k] * scale : 2.0 * far;
            least = smaller(least, Lanes::load(rest));
            add_moments(Lanes::load(rest), nearer, farther, moments);
        }
        if (any_lt(least, nearer))
            for (std::int64_t k = start; k < end; ++k)
                if (distances[k] * scale < near) near_rows[n_near++] = distances[k] * scale;
    }
    return n_near;
}

}  // namespace
}  // namespace knn_cert
