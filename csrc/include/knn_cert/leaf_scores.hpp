// leaf_scores.hpp: what single rows may cost a vote: leave-one-out polynomials and sums over tallies. No Python, no threads, no allocation.
//
// The polynomials without a row are products of those of the rows before it and after it: all terms positive, no division.
#pragma once

#include "leaf_law.hpp"
#include "winner.hpp"

namespace knn_cert {
namespace {

void laws(const TallyTask& task, double* values) {
    for (std::int64_t i = 0; i < task.n_rows; ++i) {
        Lanes F;
        Lanes U;
        Lanes f;
        row_law(task, i, F, U, f);
        double* const at = values + i * 3 * kLanes;
        F.store(at), U.store(at + kLanes), f.store(at + 2 * kLanes);
    }
}

// G and A with one row more (leaf_tallies.hpp).
KNN_CERT_INLINE void add_row(const double* law, int degree, double* G, double* A) {
    const Lanes F = Lanes::load(law);
    const Lanes U = Lanes::load(law + kLanes);
    const Lanes f = Lanes::load(law + 2 * kLanes);
    for (int k = degree - 1; k >= 0; --k) {
        const Lanes g = Lanes::load(G + k * kLanes);
        Lanes a_new = U * Lanes::load(A + k * kLanes) + f * g;
        Lanes g_new = U * g;
        if (k > 0) {
            a_new += F * Lanes::load(A + (k - 1) * kLanes);
            g_new += F * Lanes::load(G + (k - 1) * kLanes);
        }
        a_new.store(A + k * kLanes);
        g_new.store(G + k * kLanes);
    }
}

KNN_CERT_INLINE void set_none(double* G, double* A, int degree) {
    set_one(G, degree);
    for (int k = 0; k < degree * kLanes; ++k) A[k] = 0.0;
}

void score_prefixes(const ScoredRows& rows) {
    const std::int64_t size = static_cast<std::int64_t>(rows.degree) * kLanes;
    set_none(rows.G, rows.A, rows.degree);
    std::int64_t next = 0;
    for (std::int64_t i = 0; i < rows.n_rows; ++i) {
        if (next < rows.n_ranks && rows.ranks[next] == i) {
            double* const to = rows.prefixes + next * 2 * size;
            for (std::int64_t k = 0; k < size; ++k) to[k] = rows.G[k], to[size + k] = rows.A[k];
            ++next;
        }
        add_row(rows.values + i * 3 * kLanes, rows.degree, rows.G, rows.A);
    }
}

// Products of the lists' G at a tally, and the lists' A, in the scratch of a CostTask.
struct TallyProducts {
    int n;
    double* left;   // left[c]: over lists < c, without the one that is left out
    double* next;   // next[z]: all of them, with A of list z in the place of its G
    double *G, *A;  // of each list, at the tally

    KNN_CERT_INLINE explicit TallyProducts(const CostTask& task)
        : n(task.n_lists), left(task.work), next(left + (n + 1) * kLanes), G(next + n * kLanes), A(G + n * kLanes) {
        Lanes::all(1.0).store(left);
    }

    KNN_CERT_INLINE void take(const CostTask& task, const std::uint8_t* tally) {
        for (int c = 0; c < n; ++c) {
            Lanes::load(task.lists[c].G + tally[c] * kLanes).store(G + c * kLanes);
            Lanes::load(task.lists[c].A + tally[c] * kLanes).store(A + c * kLanes);
        }
    }

    // Leaves out list y, none if that is negative; returns the product of all others.
    KNN_CERT_INLINE Lanes leave_out(int y) {
        Lanes product = Lanes::all(1.0);
        for (int c = 0; c < n; ++c) {
            if (c != y) product = product * Lanes::load(G + c * kLanes);
            product.store(left + (c + 1) * kLanes);
        }
        return product;
    }

    // The next row is of a list that is not left out, each in turn; returns their sum.
    KNN_CERT_INLINE Lanes next_of_others(int y) {
        Lanes product = Lanes::all(1.0);
        Lanes sum = Lanes::all(0.0);
        for (int z = n - 1; z >= 0; --z) {
            Lanes::all(0.0).store(next + z * kLanes);
            if (z == y) continue;
            const Lanes at = Lanes::load(left + z * kLanes) * Lanes::load(A + z * kLanes) * product;
            at.store(next + z * kLanes);
            sum += at;
            product = product * Lanes::load(G + z * kLanes);
        }
        return sum;
    }
};

// Adds what rows of list y cost at a tally, with costs[n_classes][3][n_next].
KNN_CERT_INLINE void add_costs_of(const CostTask& task, const double* costs, int y, int votes, bool wins, const Lanes& others,
                                  const double* next) {
    const std::int64_t of_list = static_cast<std::int64_t>(task.degree) * kLanes;
    for (int b = 0; b < task.n_classes; ++b) {
        const int kind = wins ? 0 : (task.class_of[y] == b ? 2 : 1);
        const double* const cost = costs + (b * 3 + kind) * task.n_next;
        const std::int64_t place = (b * static_cast<std::int64_t>(task.n_lists) + y) * of_list + votes * kLanes;
        const Lanes own = Lanes::all(cost[task.n_next == 1 ? 0 : y]) * others;
        if (task.next_counts) (Lanes::load(task.at_node + place) + own).store(task.at_node + place);
        if (votes == 0) continue;
        (Lanes::load(task.within_own + place) + own).store(task.within_own + place);
        Lanes sum = Lanes::load(task.within_other + place);
        for (int z = 0; z < task.n_next; ++z) sum += Lanes::all(cost[z]) * Lanes::load(next + z * kLanes);
        sum.store(task.within_other + place);
    }
}

void costs(const CostTask& task) {
    const int n = task.n_lists;
    const std::int64_t n_coefficients = static_cast<std::int64_t>(task.n_classes) * n * task.degree * kLanes;
    for (std::int64_t i = 0; i < n_coefficients; ++i) task.within_own[i] = task.within_other[i] = task.at_node[i] = 0.0;
    for (int i = 0; task.density && i < n * kLanes; ++i) task.density[i] = 0.0;
    TallyProducts products(task);
    for (std::int64_t v = 0; v < task.n_tallies; ++v) {
        const std::uint8_t* const tally = task.tallies + v * n;
        const int winner = task.winners[v];
        products.take(task, tally);
        if (task.density) {
            products.leave_out(-1);
            double* const density = task.density + winner * kLanes;
            (Lanes::load(density) + products.next_of_others(-1)).store(density);
        }
        for (int y = 0; y < n; ++y) {
            if (tally[y] == 0 && !task.next_counts) continue;
            const Lanes others = products.leave_out(y);
            if (tally[y] > 0) {
                const Lanes sum = products.next_of_others(y);
                if (task.n_next == 1) sum.store(products.next);
            }
            add_costs_of(task, task.costs + v * task.n_classes * 3 * task.n_next, y, tally[y], y == winner, others, products.next);
        }
    }
}

// What a row costs against one rival, with the coefficients of `task` for it, and g and a of all other rows of its list.
KNN_CERT_INLINE Lanes cost_of_row(const ScoreTask& task, int rival, const double* g, const double* a, const Lanes& F, const Lanes& f) {
    const int degree = task.rows.degree;
    const double* const own = task.within_own + rival * task.rival_stride;
    const double* const other = task.within_other + rival * task.rival_stride;
    const double* const node = task.at_node + rival * task.rival_stride;
    Lanes within = Lanes::all(0.0);
    for (int k = 1; k < degree; ++k)
        within += Lanes::load(g + (k - 1) * kLanes) * Lanes::load(other + k * kLanes) +
                  Lanes::load(a + (k - 1) * kLanes) * Lanes::load(own + k * kLanes);
    if (!task.next_counts) return F * within;
    Lanes at_node = Lanes::all(0.0);
    for (int k = 0; k < degree; ++k) at_node += Lanes::load(g + k * kLanes) * Lanes::load(node + k * kLanes);
    return F * within + f * at_node;
}

void scores(const ScoreTask& task) {
    const ScoredRows& rows = task.rows;
    const int degree = rows.degree;
    const std::int64_t size = static_cast<std::int64_t>(degree) * kLanes;
    double* const G = rows.scratch;  // of the rows after the present one
    double* const A = G + size;
    double* const g = A + size;  // of all rows but the present one
    double* const a = g + size;
    set_none(G, A, degree);
    const Lanes weight = Lanes::load(task.weight);
    std::int64_t rank = rows.n_ranks - 1;
    while (rank >= 0 && rows.ranks[rank] >= rows.n_rows) --rank;
    for (std::int64_t i = rows.n_rows - 1; i >= 0 && rank >= 0; --i) {
        const double* const law = rows.values + i * 3 * kLanes;
        if (rows.ranks[rank] == i) {
            const double* const before = rows.prefixes + rank * 2 * size;
            multiply(before, degree, G, degree, g, degree);
            for (int k = 0; k < degree; ++k)
                (coefficient(before, degree, A, degree, k) + coefficient(before + size, degree, G, degree, k)).store(a + k * kLanes);
            const Lanes F = weight * Lanes::load(law);
            const Lanes f = weight * Lanes::load(law + 2 * kLanes);
            for (int b = 0; b < task.n_classes; ++b) {
                double* const to = task.sums + (b * task.stride + rank) * kLanes;
                (Lanes::load(to) + cost_of_row(task, b, g, a, F, f)).store(to);
            }
            --rank;
        }
        add_row(law, degree, G, A);
    }
}

}  // namespace
}  // namespace knn_cert
