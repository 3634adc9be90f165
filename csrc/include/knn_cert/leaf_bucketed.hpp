// leaf_bucketed.hpp: runs of rows of the bucketed classifier. No Python, no threads, no allocation.
#pragma once

#include "leaf_law.hpp"
#include "winner.hpp"

namespace knn_cert {
namespace {

KNN_CERT_INLINE void bucket_law(const BucketTask& task, std::int64_t i) {
    const Cell* const cell = task.cells[i];
    if (!cell) return;
    BucketLaw& law = task.laws[i];
    const Lanes one = Lanes::all(1.0);
    const Lanes zero = Lanes::all(0.0);
    Lanes F_low = zero;
    Lanes U_low = one;
    Lanes F_high = zero;
    Lanes U_high = one;
    switch (cell->kind) {
        case CellKind::lower:
            cell_pair(*cell, 0, 1, task.x[i], F_low, F_high);
            U_low = one - F_low, U_high = one - F_high;
            break;
        case CellKind::upper:
            cell_pair(*cell, 0, 1, task.x[i], U_low, U_high);
            F_low = one - U_low, F_high = one - U_high;
            break;
        case CellKind::both:
            cell_pair(*cell, 0, 1, task.x[i], F_low, U_low);
            cell_pair(*cell, 2, 3, task.x[i], F_high, U_high);
            break;
        case CellKind::inside: F_low = F_high = one, U_low = U_high = zero; break;
        case CellKind::outside: break;
    }
    F_low.store(law.F_low), U_low.store(law.U_low), F_high.store(law.F_high), U_high.store(law.U_high);
}

// The law at the low ends alone.
KNN_CERT_INLINE void low_law(const BucketTask& task, std::int64_t i, Lanes& F, Lanes& U) {
    const Cell* const cell = task.cells[i];
    if (!cell) {
        F = Lanes::load(task.laws[i].F_low), U = Lanes::load(task.laws[i].U_low);
        return;
    }
    const Lanes one = Lanes::all(1.0);
    const Lanes zero = Lanes::all(0.0);
    F = zero, U = one;
    switch (cell->kind) {
        case CellKind::lower:
            F = cell_function(*cell, 0, task.x[i]);
            U = one - F;
            return;
        case CellKind::upper:
            U = cell_function(*cell, 0, task.x[i]);
            F = one - U;
            return;
        case CellKind::both: cell_pair(*cell, 0, 1, task.x[i], F, U); return;
        case CellKind::inside: F = one, U = zero; return;
        case CellKind::outside: return;
    }
}

KNN_CERT_INLINE void add_row(double* G, int degree, const Lanes& F, const Lanes& U) {
    for (int k = degree - 1; k >= 1; --k) (U * Lanes::load(G + k * kLanes) + F * Lanes::load(G + (k - 1) * kLanes)).store(G + k * kLanes);
    (U * Lanes::load(G)).store(G);
}

void bucket_suffix(const BucketTask& task) {
    for (std::int64_t i = task.n_rows - 1; i >= 0; --i) {
        const int c = task.list[i];
        Lanes F;
        Lanes U;
        low_law(task, i, F, U);
        double low[kLanes];
        F.store(low);
        task.below[i] = low[0];
        add_row(task.after + c * task.stride, task.contest->degree_of(c), F, U);
    }
}

// Row i is the K-th: it lies in the bucket, rows before it count if at or below the bucket's high end, rows behind it if
// below its low end (RAB, eqs (74)-(80)). One pass over a run, forwards: `before` grows, `behind` shrinks.
struct BucketPass {
    const BucketTask& task;
    const Contest& contest;
    const std::int64_t stride;
    double *behind, *G, *W, *scratch;
    int weights_of = -1;           // vote: the boundary class that W is valid for
    bool stale[2] = {true, true};  // race: P(list c not yet complete) must be formed anew
    Lanes open[2] = {Lanes::all(0.0), Lanes::all(0.0)};

    explicit BucketPass(const BucketTask& of) : task(of), contest(*of.contest), stride(of.stride) {
        const std::int64_t all = contest.n_lists * stride;
        behind = task.work;
        G = behind + all;
        W = G + all;
        scratch = W + static_cast<std::int64_t>(contest.n_lists) * (contest.race ? 1 : contest.n_neighbors) * kLanes;
        for (std::int64_t k = 0; k < all; ++k) behind[k] = task.after[k];
        if (contest.race) return;
        for (int c = 0; c < contest.n_lists; ++c) all_rows_of(c);
    }

    // The rows of list c on either side.
    KNN_CERT_INLINE void all_rows_of(int c) {
        const int degree = contest.degree_of(c);
        multiply(task.before + c * stride, degree, behind + c * stride, degree, G + c * stride, degree);
    }

    // List y wins with the probability p of the row's bucket times `rest`; `tail` is of what p is a difference.
    KNN_CERT_INLINE void add(int y, const Lanes& p, const Lanes& tail, const Lanes& rest) {
        double* const q = task.q + y * kLanes;
        double* const q_of_tails = task.q_of_tails + y * kLanes;
        (Lanes::load(q) + p * rest).store(q);
        (Lanes::load(q_of_tails) + tail * rest).store(q_of_tails);
    }

    KNN_CERT_INLINE void race_row(int c, const Lanes& p, const Lanes& tail) {
        const int degree = contest.degree_of(c);
        const int other = 1 - c;
        const int n_other = contest.degree[other];
        if (stale[other]) {
            Lanes sum = Lanes::all(0.0);
            Lanes cumulative = Lanes::all(0.0);
            for (int k = 0; k < n_other; ++k) {
                cumulative += Lanes::load(behind + other * stride + k * kLanes);
                sum += cumulative * Lanes::load(task.before + other * stride + (n_other - 1 - k) * kLanes);
            }
            open[other] = sum;
            stale[other] = false;
        }
        stale[c] = true;
        const Lanes last = coefficient(task.before + c * stride, degree, behind + c * stride, degree, degree - 1);
        add(c, p, tail, last * open[other]);
    }

    KNN_CERT_INLINE void vote_row(int c, const Lanes& p, const Lanes& tail) {
        const int K = contest.n_neighbors;
        if (weights_of != c) {
            if (weights_of >= 0) all_rows_of(weights_of);
            winner_weights(contest.n_lists, K, c, G, stride, scratch, W);
            weights_of = c;
        }
        all_rows_of(c);  // without row i
        for (int y = 0; y < contest.n_lists; ++y) {
            Lanes sum = Lanes::all(0.0);
            const double* const weights = W + static_cast<std::int64_t>(y) * K * kLanes;
            for (int k = 0; k < K; ++k) sum += Lanes::load(G + c * stride + k * kLanes) * Lanes::load(weights + k * kLanes);
            add(y, p, tail, sum);
        }
    }

    // Row i, the rows behind it as they were saved.
    KNN_CERT_INLINE void row(std::int64_t i) {
        const int c = task.list[i];
        const int degree = contest.degree_of(c);
        const double* const saved = task.saved + i * stride;
        double* const before = task.before + c * stride;
        double* const to = behind + c * stride;
        for (int k = 0; k < degree * kLanes; ++k) to[k] = saved[k];
        const BucketLaw& law = task.laws[i];
        const Lanes F_high = Lanes::load(law.F_high);
        const Lanes U_low = Lanes::load(law.U_low);
        const Lanes zero = Lanes::all(0.0);
        // the difference of the smaller tails; never negative, whatever the last digit
        const Lanes between = where_le(F_high, U_low, F_high - Lanes::load(law.F_low), U_low - Lanes::load(law.U_high));
        const Lanes p = where_le(between, zero, zero, between);
        const Lanes tail = smaller(F_high, U_low);
        contest.race ? race_row(c, p, tail) : vote_row(c, p, tail);
        add_row(before, degree, Lanes::load(law.F_high), Lanes::load(law.U_high));
    }
};

// `after` walks backwards to the run's start, where the caller wants it; the pass forwards takes the states that it saves.
void bucket_rows(const BucketTask& task) {
    const std::int64_t stride = task.stride;
    for (std::int64_t i = task.n_rows - 1; i >= 0; --i) {
        bucket_law(task, i);
        const int c = task.list[i];
        const int degree = task.contest->degree_of(c);
        double* const after = task.after + c * stride;
        for (int k = 0; k < degree * kLanes; ++k) task.saved[i * stride + k] = after[k];
        add_row(after, degree, Lanes::load(task.laws[i].F_low), Lanes::load(task.laws[i].U_low));
    }
    BucketPass pass(task);
    for (std::int64_t i = 0; i < task.n_rows; ++i) pass.row(i);
}

}  // namespace
}  // namespace knn_cert
