// leaf_law.hpp: the distance law at eight nodes: sums over its terms, and the polynomials of the cells. No Python, no threads, no
// allocation.
#pragma once

#include "lanes.hpp"

namespace knn_cert {
namespace {

// Both directions from j0, in steps of 16 terms, until the last term is negligible in every sum. The terms are log-concave
// in j: once one is below the sum of those before it, the later ones fall faster than a geometric series.
// In one piece: compilers that fuse products and sums do so differently where it is cut, and the last bits of every answer move.
template <int kPoints>
// NOLINTNEXTLINE(readability-function-cognitive-complexity)
void law_sums_of_points(const double* mu, std::int64_t j0, const double* p_j0, const double* terms, std::int64_t first, std::int64_t end,
                        double* sums) {
    constexpr double kNegligibleTerm = 1e-19;
    constexpr std::int64_t kTerm = 3 * kLanes;
    Lanes sum[kPoints][3];
    for (auto& of_point : sum)
        for (Lanes& value : of_point) value = Lanes::all(0.0);
    for (int direction = 0; direction < 2; ++direction) {
        const std::int64_t step = direction == 0 ? 1 : -1;
        double p[kPoints];
        double per_mu[kPoints];
        for (int i = 0; i < kPoints; ++i) {
            per_mu[i] = mu[i] > 0.0 ? 1.0 / mu[i] : 0.0;
            p[i] = direction == 0 ? p_j0[i] : p_j0[i] * (static_cast<double>(j0) * per_mu[i]);
        }
        std::int64_t j = direction == 0 ? j0 : j0 - 1;
        for (bool more = true; more;) {
            const std::int64_t left = direction == 0 ? end - j : j - first + 1;
            const std::int64_t now = left < 16 ? left : 16;
            if (now <= 0) break;
            const double* term = terms + (j - first) * kTerm;
            double last[kPoints] = {};
            for (std::int64_t k = 0; k < now; ++k, term += step * kTerm) {
                const Lanes at[3] = {Lanes::load(term), Lanes::load(term + kLanes), Lanes::load(term + 2 * kLanes)};
                const double per_next = 1.0 / static_cast<double>(j + 1);
                for (int i = 0; i < kPoints; ++i) {
                    const Lanes weight = Lanes::all(p[i]);
                    for (int law = 0; law < 3; ++law) sum[i][law] += weight * at[law];
                    last[i] = p[i];
                    p[i] *= direction == 0 ? mu[i] * per_next : static_cast<double>(j) * per_mu[i];
                }
                j += step;
            }
            // the last term of each sum against the sum
            const double* const at = term - step * kTerm;
            const Lanes small = Lanes::all(kNegligibleTerm);
            Lanes slack = Lanes::all(1.0);
            for (int i = 0; i < kPoints; ++i)
                for (int law = 0; law < 3; ++law)
                    slack = smaller(slack, small * sum[i][law] - Lanes::all(last[i]) * Lanes::load(at + law * kLanes));
            more = now == 16 && any_lt(slack, Lanes::all(0.0));
        }
    }
    for (int i = 0; i < kPoints; ++i)
        for (int law = 0; law < 3; ++law) sum[i][law].store(sums + (3 * i + law) * kLanes);
}

void law_sums(int n_points, const double* mu, std::int64_t j0, const double* p_j0, const double* terms, std::int64_t first,
              std::int64_t end, double* sums) {
    n_points == kLawPoints ? law_sums_of_points<kLawPoints>(mu, j0, p_j0, terms, first, end, sums)
                           : law_sums_of_points<1>(mu, j0, p_j0, terms, first, end, sums);
}

template <int kTerms>
KNN_CERT_INLINE void horner_pair(const double* first, const double* second, double x, Lanes& a, Lanes& b) {
    const Lanes at = Lanes::all(x);
    a = Lanes::load(first + (kTerms - 1) * kLanes);
    b = Lanes::load(second + (kTerms - 1) * kLanes);
    for (int k = kTerms - 2; k >= 0; --k) {
        a = a * at + Lanes::load(first + k * kLanes);
        b = b * at + Lanes::load(second + k * kLanes);
    }
}

// functions i and j of the cell at x
KNN_CERT_INLINE void cell_pair(const Cell& cell, int i, int j, double x, Lanes& a, Lanes& b, bool rough = false) {
    const double* const c = cell.coef.data();
    if (cell.terms == kCellTerms && rough)
        horner_pair<kRoughTerms>(c + i * kCellTerms * kLanes, c + j * kCellTerms * kLanes, x, a, b);
    else if (cell.terms == kCellTerms)
        horner_pair<kCellTerms>(c + i * kCellTerms * kLanes, c + j * kCellTerms * kLanes, x, a, b);
    else
        horner_pair<kLongCellTerms>(c + i * kLongCellTerms * kLanes, c + j * kLongCellTerms * kLanes, x, a, b);
}

// one function of the cell at x
KNN_CERT_INLINE Lanes cell_function(const Cell& cell, int i, double x) {
    const double* const c = cell.coef.data() + i * cell.terms * kLanes;
    const Lanes at = Lanes::all(x);
    Lanes value = Lanes::load(c + (cell.terms - 1) * kLanes);
    for (int k = cell.terms - 2; k >= 0; --k) value = value * at + Lanes::load(c + k * kLanes);
    return value;
}

KNN_CERT_INLINE void row_law(const TallyTask& task, std::int64_t i, Lanes& F, Lanes& U, Lanes& f) {
    const Lanes one = Lanes::all(1.0);
    F = Lanes::all(0.0), U = one, f = F;  // a row outside
    if (task.values) {
        const double* const at = task.values + i * 3 * kLanes;
        F = Lanes::load(at), U = Lanes::load(at + kLanes), f = Lanes::load(at + 2 * kLanes);
        return;
    }
    const Cell& cell = *task.cells[i];
    switch (cell.kind) {
        case CellKind::lower:
            cell_pair(cell, 0, 1, task.x[i], f, F, task.rough);
            U = one - F;
            return;
        case CellKind::upper:
            cell_pair(cell, 0, 1, task.x[i], f, U, task.rough);
            F = one - U;
            return;
        case CellKind::both:
            cell_pair(cell, 0, 1, task.x[i], f, F, task.rough);
            cell_pair(cell, 0, 2, task.x[i], f, U, task.rough);
            return;
        case CellKind::inside: F = one, U = Lanes::all(0.0), f = U; return;
        case CellKind::outside: return;
    }
}

}  // namespace
}  // namespace knn_cert
