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

void costs(const CostTask& task) {
    const int n = task.n_lists;
    double* const left = task.work;                 // left[c]: product over lists < c of their G at the tally
    double* const right = left + (n + 1) * kLanes;  // right[c]: over lists >= c
    double* const next = right + (n + 1) * kLanes;  // next[z]: the next row is of list z, list y left out
    double* const G = next + n * kLanes;            // of each list, at the tally
    double* const A = G + n * kLanes;
    const std::int64_t of_list = static_cast<std::int64_t>(task.degree) * kLanes;
    const std::int64_t of_rival = n * of_list;
    for (std::int64_t i = 0; i < task.n_classes * of_rival; ++i) task.within_own[i] = task.within_other[i] = task.at_node[i] = 0.0;
    if (task.density)
        for (int i = 0; i < n * kLanes; ++i) task.density[i] = 0.0;
    const Lanes one = Lanes::all(1.0);
    for (std::int64_t v = 0; v < task.n_tallies; ++v) {
        const std::int8_t* const tally = task.tallies + v * n;
        const int winner = task.winners[v];
        for (int c = 0; c < n; ++c) {
            Lanes::load(task.lists[c].G + tally[c] * kLanes).store(G + c * kLanes);
            Lanes::load(task.lists[c].A + tally[c] * kLanes).store(A + c * kLanes);
        }
        const double* const costs = task.costs + v * task.n_classes * 3 * task.n_next;
        for (int y = -1; y < n; ++y) {  // y left out; first none
            const int votes = y < 0 ? 0 : tally[y];
            if (y < 0 ? !task.density : votes == 0 && !task.next_counts) continue;
            one.store(left);
            one.store(right + n * kLanes);
            for (int c = 0; c < n; ++c)
                (c == y ? Lanes::load(left + c * kLanes) : Lanes::load(left + c * kLanes) * Lanes::load(G + c * kLanes))
                    .store(left + (c + 1) * kLanes);
            if (y < 0 || votes > 0) {
                for (int c = n - 1; c >= 0; --c)
                    (c == y ? Lanes::load(right + (c + 1) * kLanes) : Lanes::load(right + (c + 1) * kLanes) * Lanes::load(G + c * kLanes))
                        .store(right + c * kLanes);
                Lanes sum = Lanes::all(0.0);
                for (int z = 0; z < n; ++z) {
                    const Lanes at =
                        z == y ? Lanes::all(0.0)
                               : Lanes::load(left + z * kLanes) * Lanes::load(A + z * kLanes) * Lanes::load(right + (z + 1) * kLanes);
                    at.store(next + z * kLanes);
                    sum += at;
                }
                if (y < 0) {
                    (Lanes::load(task.density + winner * kLanes) + sum).store(task.density + winner * kLanes);
                    continue;
                }
                if (task.n_next == 1) sum.store(next);
            }
            const Lanes all_others = Lanes::load(left + n * kLanes);
            for (int b = 0; b < task.n_classes; ++b) {
                const int kind = y == winner ? 0 : (task.class_of[y] == b ? 2 : 1);
                const double* const cost = costs + (b * 3 + kind) * task.n_next;
                const std::int64_t place = b * of_rival + y * of_list + votes * kLanes;
                const Lanes own = Lanes::all(cost[task.n_next == 1 ? 0 : y]) * all_others;
                if (task.next_counts) (Lanes::load(task.at_node + place) + own).store(task.at_node + place);
                if (votes == 0) continue;
                (Lanes::load(task.within_own + place) + own).store(task.within_own + place);
                Lanes sum = Lanes::load(task.within_other + place);
                for (int z = 0; z < task.n_next; ++z) sum += Lanes::all(cost[z]) * Lanes::load(next + z * kLanes);
                sum.store(task.within_other + place);
            }
        }
    }
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
                const double* const own = task.within_own + b * task.rival_stride;
                const double* const other = task.within_other + b * task.rival_stride;
                Lanes within = Lanes::all(0.0);
                for (int k = 1; k < degree; ++k)
                    within += Lanes::load(g + (k - 1) * kLanes) * Lanes::load(other + k * kLanes) +
                              Lanes::load(a + (k - 1) * kLanes) * Lanes::load(own + k * kLanes);
                Lanes cost = F * within;
                if (task.next_counts)
                    cost += f * [&] {
                        const double* const node = task.at_node + b * task.rival_stride;
                        Lanes sum = Lanes::all(0.0);
                        for (int k = 0; k < degree; ++k) sum += Lanes::load(g + k * kLanes) * Lanes::load(node + k * kLanes);
                        return sum;
                    }();
                double* const to = task.sums + (b * task.stride + rank) * kLanes;
                (Lanes::load(to) + cost).store(to);
            }
            --rank;
        }
        add_row(law, degree, G, A);
    }
}

}  // namespace
}  // namespace knn_cert
