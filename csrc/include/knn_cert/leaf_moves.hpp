// leaf_moves.hpp: counts of a list of which some rows are moved, for every number of them. No Python, no threads, no allocation.
//
// For the statements see moved_list.hpp.
#pragma once

#include "lanes_math.hpp"
#include "leaf_tallies.hpp"

namespace knn_cert {
namespace {

// The records of more and more rows in some order, kept where they are asked for.
template <int kDegree, bool kDensity>
void running_of(const RunningTask& task) {
    constexpr int kRow = 3 * kLanes;
    const int degree = kDegree > 0 ? kDegree : task.degree;
    const std::int64_t record = (kDensity ? 2 : 1) * degree * kLanes;
    TallyTask tally{};
    tally.degree = degree;
    const auto at = [&](double* to) {
        tally.G = to;
        tally.A = kDensity ? to + degree * kLanes : nullptr;
    };
    at(task.scratch);
    for (std::int64_t i = 0; i < record; ++i) task.scratch[i] = i < kLanes ? 1.0 : 0.0;
    TalliedPolynomials<kDegree, kDensity> polynomials(tally);
    for (std::int64_t done = 0; done <= task.n_rows; ++done) {
        const std::int64_t here = task.backwards ? task.n_rows - done : done;
        if (task.first <= here && here <= task.last) {
            double* const to = task.out + (here - task.first) * record;
            if (kDegree > 0) {
                at(to);
                polynomials.write(tally);
            } else {
                for (std::int64_t i = 0; i < record; ++i) to[i] = task.scratch[i];
            }
        }
        if (done == task.n_rows || (task.backwards ? here <= task.first : here >= task.last)) return;
        if (done % kRowsPerDrop == 0) polynomials.drop_tiny();
        const std::int64_t next = task.backwards ? here - 1 : here;
        const double* const row = task.values + (task.order ? task.order[next] : next) * kRow;
        polynomials.add(Lanes::load(row), Lanes::load(row + kLanes), kDensity ? Lanes::load(row + 2 * kLanes) : Lanes::all(0.0));
    }
}

template <bool kDensity>
void running_of_degree(const RunningTask& task) {
    switch (task.degree) {
        case 1: return running_of<1, kDensity>(task);
        case 2: return running_of<2, kDensity>(task);
        case 3: return running_of<3, kDensity>(task);
        case 4: return running_of<4, kDensity>(task);
        default: return running_of<0, kDensity>(task);
    }
}

void running(const RunningTask& task) { task.density ? running_of_degree<true>(task) : running_of_degree<false>(task); }

struct Law {
    Lanes F, U;
};

KNN_CERT_INLINE Law law_at(const double* values, std::int64_t i) {
    const double* const row = values + i * 3 * kLanes;
    return {Lanes::load(row), Lanes::load(row + kLanes)};
}

// Row i of a hull's list of ranks: no tampered list has a smaller i-th largest probability (outward), or a larger one (inward).
KNN_CERT_INLINE Law rank_law(const HullTask& task, std::int64_t i) {
    Law out = law_at(task.moved, i);
    const std::int64_t other = task.outward ? i + task.n_moved : i - task.n_moved;
    if (other < 0 || other >= task.n_rows) return out;
    const Law still = law_at(task.still, other);
    const Lanes here = Lanes::all(static_cast<double>(other));
    Lanes wins = task.outward ? where_lt(out.F, still.F, Lanes::all(1.0), Lanes::all(0.0))
                              : where_lt(still.F, out.F, Lanes::all(1.0), Lanes::all(0.0));
    // the other row has to be in the hull
    wins = task.outward ? where_lt(here, Lanes::load(task.to), wins, Lanes::all(0.0))
                        : where_le(Lanes::load(task.from), here, wins, Lanes::all(0.0));
    const Lanes half = Lanes::all(0.5);
    out.F = where_lt(half, wins, still.F, out.F);
    out.U = where_lt(half, wins, still.U, out.U);
    return out;
}

template <int kDegree>
void hull_counts_of(const HullTask& task) {
    TallyTask tally{};
    tally.degree = kDegree > 0 ? kDegree : task.degree;
    tally.G = task.G;
    TalliedPolynomials<kDegree, false> polynomials(tally);
    const Lanes from = Lanes::load(task.from);
    const Lanes to = Lanes::load(task.to);
    const Lanes first_kept = from + Lanes::all(task.without_two ? 2.0 : 0.0);
    const Lanes zero = Lanes::all(0.0);
    const Lanes one = Lanes::all(1.0);
    Lanes at_least = zero;
    for (std::int64_t i = 0; i < task.n_rows; ++i) {
        const Lanes here = Lanes::all(static_cast<double>(i));
        Law law = law_at(task.still, i);
        const Lanes inside = where_le(from, here, where_lt(here, to, one, zero), zero);
        if (task.ranks) {
            const Law ranked = rank_law(task, i);
            law.F = where_lt(zero, inside, ranked.F, law.F);
            law.U = where_lt(zero, inside, ranked.U, law.U);
        }
        const Lanes left_out = where_lt(here, first_kept, inside, zero);
        law.F = where_lt(zero, left_out, zero, law.F);
        law.U = where_lt(zero, left_out, one, law.U);
        if (i % kRowsPerDrop == 0) polynomials.drop_tiny();
        at_least += law.F * polynomials.last();
        polynomials.add(law.F, law.U, zero);
    }
    polynomials.write(tally);
    at_least.store(task.at_least);
}

void hull_counts(const HullTask& task) {
    switch (task.degree) {
        case 1: return hull_counts_of<1>(task);
        case 2: return hull_counts_of<2>(task);
        case 3: return hull_counts_of<3>(task);
        case 4: return hull_counts_of<4>(task);
        default: return hull_counts_of<0>(task);
    }
}

// x = |log kappa - log kappa'| / |alpha - beta|, kappa = beta U + alpha F: as |F - F'| / kappa' times log(q) / (q - 1), q = kappa / kappa'.
KNN_CERT_INLINE Lanes score(const Law& still, const Law& moved, const Lanes& alpha, const Lanes& beta) {
    constexpr double kLeast = 1e-300;
    constexpr double kSeries = 0.01;
    const Lanes zero = Lanes::all(0.0);
    const Lanes one = Lanes::all(1.0);
    const Lanes half = Lanes::all(0.5);
    const Lanes change = where_le(larger(still.F, moved.F), half, still.F - moved.F, moved.U - still.U);  // by the accurate tails
    const Lanes kappa = larger(beta * still.U + alpha * still.F, Lanes::all(kLeast));
    const Lanes kappa_moved = larger(beta * moved.U + alpha * moved.F, Lanes::all(kLeast));
    const Lanes quotient = change / kappa_moved;
    const Lanes little = (alpha - beta) * quotient;  // q - 1
    const Lanes size = larger(little, zero - little);
    if (!any_lt(Lanes::all(kSeries), size)) {  // most rows: log(1 + z) / z by its series, whose next term is z^6 / 7
        Lanes sum = Lanes::all(-1.0 / 6.0);
        for (int k = 5; k >= 1; --k) sum = Lanes::all((k % 2 ? 1.0 : -1.0) / k) + little * sum;
        const Lanes x = quotient * sum;
        return larger(x, zero - x);
    }
    const Lanes q = where_le(size, Lanes::all(0.25), one + little, kappa / kappa_moved);
    const Lanes less = q - one;  // what 1 + little has really got: its rounding cancels in log(q) / (q - 1)
    const Lanes gap = larger(less, zero - less);
    const Lanes safe = where_lt(zero, gap, less, one);
    const Lanes factor = where_lt(zero, gap, log_of(larger(q, Lanes::all(kLeast))) / safe, one);
    const Lanes x = quotient * factor;
    return larger(x, zero - x);
}

void move_scores(const MoveScoreTask& task) {
    const Lanes alpha = Lanes::load(task.alpha);
    const Lanes beta = Lanes::load(task.beta);
    const Lanes from = Lanes::load(task.from);
    const Lanes to = Lanes::load(task.to);
    const Lanes none = Lanes::all(-1.0);
    Lanes most = none;
    Lanes peak = from;
    for (std::int64_t i = 0; i < task.n_rows; ++i) {
        const Lanes here = Lanes::all(static_cast<double>(i));
        Lanes x = score(law_at(task.still, i), law_at(task.moved, i), alpha, beta);
        x = where_le(from, here, where_lt(here, to, x, none), none);
        x.store(task.x + i * kLanes);
        peak = where_lt(most, x, here, peak);
        most = larger(most, x);
        most.store(task.envelope + i * kLanes);
    }
    peak.store(task.peak);
    // the smallest unimodal curve above: of the largest so far from either side, the smaller one
    most = none;
    Lanes above = none;
    for (std::int64_t i = task.n_rows - 1; i >= 0; --i) {
        const Lanes x = Lanes::load(task.x + i * kLanes);
        most = larger(most, x);
        const Lanes envelope = smaller(most, Lanes::load(task.envelope + i * kLanes));
        envelope.store(task.envelope + i * kLanes);
        above = larger(above, (envelope - x) / (Lanes::all(1.0) + larger(x, Lanes::all(0.0))));
    }
    above.store(task.above);
}

// Rows that each lane has reached one after the other go into the polynomial of those that are moved.
KNN_CERT_INLINE void add_moved(const SplitTask& task, const bool* goes, const std::int32_t* row, double* mid) {
    double F[kLanes];
    double U[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
        const double* const at = task.moved + static_cast<std::int64_t>(row[lane]) * 3 * kLanes + lane;
        F[lane] = goes[lane] ? at[0] : 0.0;
        U[lane] = goes[lane] ? at[kLanes] : 1.0;
    }
    const Lanes f = Lanes::load(F);
    const Lanes u = Lanes::load(U);
    for (int k = task.degree - 1; k >= 1; --k)
        (u * Lanes::load(mid + k * kLanes) + f * Lanes::load(mid + (k - 1) * kLanes)).store(mid + k * kLanes);
    (u * Lanes::load(mid)).store(mid);
}

// The records in which each lane stands, side by side.
KNN_CERT_INLINE void gather(const double* records, std::int64_t first, const std::int32_t* row, int degree, double* to) {
    for (int lane = 0; lane < kLanes; ++lane) {
        const double* const from = records + (row[lane] - first) * degree * kLanes + lane;
        for (int k = 0; k < degree; ++k) to[k * kLanes + lane] = from[k * kLanes];
    }
}

// P(the three counts together are below the degree)
KNN_CERT_INLINE Lanes sum_below(const double* a, const double* b, const double* c, int degree, double* product) {
    multiply(a, degree, b, degree, product, degree);
    Lanes total = Lanes::all(0.0);
    Lanes few = total;
    for (int k = degree - 1; k >= 0; --k) {
        few += Lanes::load(c + (degree - 1 - k) * kLanes);
        total += Lanes::load(product + k * kLanes) * few;
    }
    return total;
}

void split_counts(const SplitTask& task) {
    const int degree = task.degree;
    const std::int64_t record = static_cast<std::int64_t>(degree) * kLanes;
    double* const mid = task.scratch;
    double* const before = mid + record;
    double* const after = before + record;
    double* const product = after + record;
    set_one(mid, degree);
    std::int32_t left[kLanes];
    std::int32_t right[kLanes];
    bool goes[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) left[lane] = right[lane] = task.left[lane];
    for (std::int64_t p = 0; p < task.n_splits; ++p) {
        const std::int32_t* const to_left = task.left + p * kLanes;
        const std::int32_t* const to_right = task.right + p * kLanes;
        for (bool more = true; more;) {
            more = false;
            for (int lane = 0; lane < kLanes; ++lane) {
                goes[lane] = left[lane] > to_left[lane];
                if (goes[lane]) --left[lane], more = true;
            }
            if (more) add_moved(task, goes, left, mid);
        }
        for (bool more = true; more;) {
            more = false;
            std::int32_t row[kLanes];
            for (int lane = 0; lane < kLanes; ++lane) {
                goes[lane] = right[lane] < to_right[lane];
                row[lane] = goes[lane] ? right[lane] : 0;
                if (goes[lane]) ++right[lane], more = true;
            }
            if (more) add_moved(task, goes, row, mid);
        }
        gather(task.before, task.first_before, left, degree, before);
        gather(task.after, task.first_after, right, degree, after);
        sum_below(before, mid, after, degree, product).store(task.less + p * kLanes);
    }
}

// The records of moved and of all other rows put together.
void join_counts(const JoinTask& task) {
    const int degree = task.degree;
    const std::int64_t record = 2 * static_cast<std::int64_t>(degree) * kLanes;
    for (std::int64_t p = 0; p < task.n_splits; ++p) {
        const double* const a = task.moved + p * record;
        const double* const b = task.still + p * record;
        const double* const a_density = a + degree * kLanes;
        const double* const b_density = b + degree * kLanes;
        (coefficient(a_density, degree, b, degree, degree - 1) + coefficient(a, degree, b_density, degree, degree - 1))
            .store(task.density + p * kLanes);
        coefficient(a, degree, b, degree, degree - 1).store(task.last + p * kLanes);
        Lanes total = Lanes::all(0.0);
        Lanes few = total;
        for (int k = degree - 1; k >= 0; --k) {
            few += Lanes::load(b + (degree - 1 - k) * kLanes);
            total += Lanes::load(a + k * kLanes) * few;
        }
        total.store(task.less + p * kLanes);
    }
}

// What moving each row does to the race, to first order: added to effect.
void move_effects(const double* still, const double* moved, std::int64_t n_rows, const double* weight, double* effect) {
    const Lanes w = Lanes::load(weight);
    const Lanes half = Lanes::all(0.5);
    for (std::int64_t i = 0; i < n_rows; ++i) {
        const Law a = law_at(still, i);
        const Law b = law_at(moved, i);
        const Lanes change = where_le(larger(a.F, b.F), half, a.F - b.F, b.U - a.U);
        effect[i] += (w * larger(change, Lanes::all(0.0) - change)).sum();
    }
}

}  // namespace
}  // namespace knn_cert
