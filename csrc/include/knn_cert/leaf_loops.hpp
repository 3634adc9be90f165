// leaf_loops.hpp: the source of the leaf loops (simd.hpp). Each including file compiles it for its own instruction set.
#pragma once

#include "winner.hpp"

namespace knn_cert {
namespace {

// ---------------------------------------------------------------------------------------------------- distance law

// Both directions from j0, in steps of 16 terms, until the last term is negligible in every sum. The terms are log-concave
// in j: once one is below the sum of those before it, the later ones fall faster than a geometric series.
void law_sums(double mu, std::int64_t j0, double p_j0, const double* terms, std::int64_t first, std::int64_t end, double* sums) {
    constexpr double kNegligibleTerm = 1e-19;
    constexpr std::int64_t kTerm = 3 * kLanes;
    const double per_mu = mu > 0.0 ? 1.0 / mu : 0.0;
    Lanes F = Lanes::all(0.0), U = F, f = F;
    for (int direction = 0; direction < 2; ++direction) {
        double p = direction == 0 ? p_j0 : p_j0 * (static_cast<double>(j0) * per_mu);
        std::int64_t j = direction == 0 ? j0 : j0 - 1;
        bool more = true;
        while (more) {
            Lanes dF = Lanes::all(0.0), dU = dF, df = dF;
            for (int step = 0; step < 16; ++step) {
                if (j < first || j >= end) {
                    more = false;
                    break;
                }
                const double* const term = terms + (j - first) * kTerm;
                const Lanes weight = Lanes::all(p);
                dF = weight * Lanes::load(term);
                dU = weight * Lanes::load(term + kLanes);
                df = weight * Lanes::load(term + 2 * kLanes);
                F += dF;
                U += dU;
                f += df;
                if (direction == 0) {
                    ++j;
                    p *= mu / static_cast<double>(j);
                } else {
                    p *= static_cast<double>(j) * per_mu;
                    --j;
                }
            }
            if (more) {
                double last[3 * kLanes], sum[3 * kLanes];
                dF.store(last), dU.store(last + kLanes), df.store(last + 2 * kLanes);
                F.store(sum), U.store(sum + kLanes), f.store(sum + 2 * kLanes);
                more = false;
                for (int i = 0; i < 3 * kLanes; ++i) more = more || last[i] > kNegligibleTerm * sum[i];
            }
        }
    }
    F.store(sums), U.store(sums + kLanes), f.store(sums + 2 * kLanes);
}

// ---------------------------------------------------------------------------------------------------------- tallies

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
        case CellKind::inside:
            F = one, U = Lanes::all(0.0), f = U;
            return;
        case CellKind::outside:
            return;
    }
}

// One row: A[k] <- U A[k] + F A[k-1] + f G[k],  G[k] <- U G[k] + F G[k-1]; all terms positive (DESIGN section 2).
// kDegree > 0: the polynomials stay in registers; 0: any degree, in memory.
template <int kDegree, bool kDensity>
void tally_rows(const TallyTask& task) {
    const int degree = kDegree > 0 ? kDegree : task.degree;
    Lanes held_G[kDegree > 0 ? kDegree : 1], held_A[kDegree > 0 ? kDegree : 1];
    Lanes absorbed = Lanes::all(0.0), mean = absorbed;
    if (kDegree > 0)
        for (int k = 0; k < kDegree; ++k) {
            held_G[k] = Lanes::load(task.G + k * kLanes);
            if (kDensity) held_A[k] = Lanes::load(task.A + k * kLanes);
        }
    if (task.T) absorbed = Lanes::load(task.T);
    for (std::int64_t i = 0; i < task.n_rows; ++i) {
        Lanes F, U, f;
        row_law(task, i, F, U, f);
        if (!kDensity) {
            mean += F;
            absorbed += F * (kDegree > 0 ? held_G[kDegree - 1] : Lanes::load(task.G + (degree - 1) * kLanes));
        }
        if (kDegree > 0) {
            for (int k = kDegree - 1; k >= 1; --k) {
                if (kDensity) held_A[k] = U * held_A[k] + (F * held_A[k - 1] + f * held_G[k]);
                held_G[k] = U * held_G[k] + F * held_G[k - 1];
            }
            if (kDensity) held_A[0] = U * held_A[0] + f * held_G[0];
            held_G[0] = U * held_G[0];
        } else {
            for (int k = degree - 1; k >= 0; --k) {
                const Lanes g = Lanes::load(task.G + k * kLanes);
                const Lanes g_less = k > 0 ? Lanes::load(task.G + (k - 1) * kLanes) : Lanes::all(0.0);
                if (kDensity) {
                    const Lanes a = Lanes::load(task.A + k * kLanes);
                    const Lanes a_less = k > 0 ? Lanes::load(task.A + (k - 1) * kLanes) : Lanes::all(0.0);
                    (U * a + (F * a_less + f * g)).store(task.A + k * kLanes);
                }
                (U * g + F * g_less).store(task.G + k * kLanes);
            }
        }
    }
    if (kDegree > 0)
        for (int k = 0; k < kDegree; ++k) {
            held_G[k].store(task.G + k * kLanes);
            if (kDensity) held_A[k].store(task.A + k * kLanes);
        }
    if (!kDensity && task.T) absorbed.store(task.T);
    if (!kDensity && task.mean) (Lanes::load(task.mean) + mean).store(task.mean);
}

template <bool kDensity>
void tally_of_degree(const TallyTask& task) {
    switch (task.degree) {
        case 1: return tally_rows<1, kDensity>(task);
        case 2: return tally_rows<2, kDensity>(task);
        case 3: return tally_rows<3, kDensity>(task);
        case 4: return tally_rows<4, kDensity>(task);
        case 5: return tally_rows<5, kDensity>(task);
        case 6: return tally_rows<6, kDensity>(task);
        default: return tally_rows<0, kDensity>(task);
    }
}

void tally(const TallyTask& task) { task.A ? tally_of_degree<true>(task) : tally_of_degree<false>(task); }

// As tally_rows, into the records in memory. kDegree > 0: known to the compiler.
template <int kDegree, bool kDensity>
void scatter_rows(const ScatterTask& task) {
    const int degree = kDegree > 0 ? kDegree : task.rows.degree;
    for (std::int64_t i = 0; i < task.rows.n_rows; ++i) {
        Lanes F, U, f;
        row_law(task.rows, i, F, U, f);
        double* const G = task.records + task.record_of[i] * task.record;
        double* const second = G + task.record / 2;
        Lanes g = Lanes::load(G + (degree - 1) * kLanes), a = g;
        if (kDensity) {
            a = Lanes::load(second + (degree - 1) * kLanes);
        } else {
            (Lanes::load(second) + F * g).store(second);
            (Lanes::load(second + kLanes) + F).store(second + kLanes);
        }
        for (int k = degree - 1; k >= 1; --k) {
            const Lanes g_less = Lanes::load(G + (k - 1) * kLanes);
            if (kDensity) {
                const Lanes a_less = Lanes::load(second + (k - 1) * kLanes);
                (U * a + (F * a_less + f * g)).store(second + k * kLanes);
                a = a_less;
            }
            (U * g + F * g_less).store(G + k * kLanes);
            g = g_less;
        }
        if (kDensity) (U * a + f * g).store(second);
        (U * g).store(G);
    }
}

template <bool kDensity>
void scatter_of_degree(const ScatterTask& task) {
    switch (task.rows.degree) {
        case 1: return scatter_rows<1, kDensity>(task);
        case 2: return scatter_rows<2, kDensity>(task);
        case 3: return scatter_rows<3, kDensity>(task);
        case 4: return scatter_rows<4, kDensity>(task);
        default: return scatter_rows<0, kDensity>(task);
    }
}

void scatter(const ScatterTask& task) { task.density ? scatter_of_degree<true>(task) : scatter_of_degree<false>(task); }

// G = G1 G2, A = A1 G2 + G1 A2; P(count >= D) = T1 + sum_k G1[k] P(count2 >= D - k). All terms positive.
void merge(int degree, bool density, std::int64_t second, const double* a, const double* b, double* out) {
    multiply(a, degree, b, degree, out, degree);
    const double* const a2 = a + second;
    const double* const b2 = b + second;
    double* const out2 = out + second;
    if (density) {
        for (int r = 0; r < degree; ++r) {
            Lanes sum = Lanes::all(0.0);
            for (int i = 0; i <= r; ++i)
                sum += Lanes::load(a2 + i * kLanes) * Lanes::load(b + (r - i) * kLanes) +
                       Lanes::load(a + i * kLanes) * Lanes::load(b2 + (r - i) * kLanes);
            sum.store(out2 + r * kLanes);
        }
        return;
    }
    Lanes at_least = Lanes::load(b2), beyond = Lanes::load(a2);
    for (int k = 0; k < degree; ++k) {
        beyond += Lanes::load(a + k * kLanes) * at_least;
        at_least += Lanes::load(b + (degree - 1 - k) * kLanes);
    }
    beyond.store(out2);
    (Lanes::load(a2 + kLanes) + Lanes::load(b2 + kLanes)).store(out2 + kLanes);
}

// ----------------------------------------------------------------------------------------------------------- winner

KNN_CERT_INLINE Lanes sum_of(const double* G, int n) {
    Lanes sum = Lanes::all(0.0);
    for (int k = 0; k < n; ++k) sum += Lanes::load(G + k * kLanes);
    return sum;
}

void combine(const Contest& contest, const double* G, const double* A, std::int64_t stride, const double* weight,
             double* work, double* q) {
    const Lanes w = Lanes::load(weight);
    if (contest.race) {  // A_A[m-1] H_B, H_B = sum_{k < m'} G_B[k], and the other way round
        for (int c = 0; c < 2; ++c) {
            const int m = contest.degree[c], other = contest.degree[1 - c];
            const Lanes density = Lanes::load(A + c * stride + (m - 1) * kLanes) * sum_of(G + (1 - c) * stride, other);
            (Lanes::load(q + c * kLanes) + w * density).store(q + c * kLanes);
        }
        return;
    }
    const int n = contest.n_lists, K = contest.n_neighbors;
    double* const W = work;
    for (int b = 0; b < n; ++b) {
        winner_weights(n, K, b, G, stride, work + n * K * kLanes, W);
        for (int y = 0; y < n; ++y) {
            Lanes sum = Lanes::all(0.0);
            for (int k = 0; k < K; ++k) sum += Lanes::load(A + b * stride + k * kLanes) * Lanes::load(W + (y * K + k) * kLanes);
            (Lanes::load(q + y * kLanes) + w * sum).store(q + y * kLanes);
        }
    }
}

void standings(const Contest& contest, const double* G, const double* T, std::int64_t stride, const int* limit, double* work,
               double* out) {
    if (contest.race) {
        for (int c = 0; c < 2; ++c) sum_of(G + (1 - c) * stride, limit[c] + 1).store(out + c * kLanes);
        (Lanes::load(out) * Lanes::load(out + kLanes)).store(out + 2 * kLanes);
        (Lanes::load(T) + Lanes::load(T + kLanes)).store(out + 3 * kLanes);
        return;
    }
    const int n = contest.n_lists, K = contest.n_neighbors, span = K * kLanes;
    double* const left = work;
    double* const right = work + (n + 1) * span;
    double* const product = right + (n + 1) * span;
    for (int k = 0; k < K; ++k) {
        Lanes::all(k == 0 ? 1.0 : 0.0).store(left + k * kLanes);
        Lanes::all(k == 0 ? 1.0 : 0.0).store(right + n * span + k * kLanes);
    }
    for (int c = 0; c < n; ++c) multiply(left + c * span, K, G + c * stride, K, left + (c + 1) * span, K);
    for (int c = n - 1; c >= 0; --c) multiply(right + (c + 1) * span, K, G + c * stride, K, right + c * span, K);
    for (int y = 0; y < n; ++y) {
        multiply(left + y * span, K, right + (y + 1) * span, K, product, limit[y] + 1);
        sum_of(product, limit[y] + 1).store(out + y * kLanes);
    }
    sum_of(left + n * span, K).store(out + n * kLanes);
    // K rows are reached with list c: i rows in the lists before it, at least K - i in it
    Lanes closed = Lanes::all(0.0);
    for (int c = 0; c < n; ++c) {
        Lanes at_least = Lanes::load(T + c * kLanes);
        for (int i = 0; i < K; ++i) {
            closed += Lanes::load(left + c * span + i * kLanes) * at_least;
            at_least += Lanes::load(G + c * stride + (K - 1 - i) * kLanes);
        }
    }
    closed.store(out + (n + 1) * kLanes);
}

// --------------------------------------------------------------------------------------------------------- bucketed

KNN_CERT_INLINE void bucket_law(const BucketTask& task, std::int64_t i) {
    const Cell* const cell = task.cells[i];
    if (!cell) return;
    BucketLaw& law = task.laws[i];
    const Lanes one = Lanes::all(1.0), zero = Lanes::all(0.0);
    Lanes F_low = zero, U_low = one, F_high = zero, U_high = one;
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
        case CellKind::inside:
            F_low = F_high = one, U_low = U_high = zero;
            break;
        case CellKind::outside:
            break;
    }
    F_low.store(law.F_low), U_low.store(law.U_low), F_high.store(law.F_high), U_high.store(law.U_high);
    // the difference of the smaller tails; never negative, whatever the last digit
    const Lanes p = where_le(F_high, U_low, F_high - F_low, U_low - U_high);
    where_le(p, zero, zero, p).store(law.p);
    smaller(F_high, U_low).store(law.tail);
}

KNN_CERT_INLINE void add_row(double* G, int degree, const Lanes& F, const Lanes& U) {
    for (int k = degree - 1; k >= 1; --k)
        (U * Lanes::load(G + k * kLanes) + F * Lanes::load(G + (k - 1) * kLanes)).store(G + k * kLanes);
    (U * Lanes::load(G)).store(G);
}

void bucket_suffix(const BucketTask& task) {
    for (std::int64_t i = task.n_rows - 1; i >= 0; --i) {
        bucket_law(task, i);
        const int c = task.list[i];
        add_row(task.after + c * task.stride, task.contest->degree_of(c), Lanes::load(task.laws[i].F_low),
                Lanes::load(task.laws[i].U_low));
    }
}

// Row i is the K-th: it lies in the bucket, rows before it count if at or below the bucket's high end, rows behind it if
// below its low end (RAB, eqs (74)-(80)).
void bucket_rows(const BucketTask& task) {
    const Contest& contest = *task.contest;
    const std::int64_t stride = task.stride;
    for (std::int64_t i = task.n_rows - 1; i >= 0; --i) {
        bucket_law(task, i);
        const int c = task.list[i], degree = contest.degree_of(c);
        double* const after = task.after + c * stride;
        for (int k = 0; k < degree * kLanes; ++k) task.saved[i * stride + k] = after[k];
        add_row(after, degree, Lanes::load(task.laws[i].F_low), Lanes::load(task.laws[i].U_low));
    }
    // `after` walks forwards again below, through the saved states; the caller wants it at the run's start
    double* const walking = task.work;
    const std::int64_t all = contest.n_lists * stride;
    for (std::int64_t k = 0; k < all; ++k) walking[k] = task.after[k];
    double* const G = walking + all;
    double* const W = G + all;
    double* const scratch = W + static_cast<std::int64_t>(contest.n_lists) * (contest.race ? 1 : contest.n_neighbors) * kLanes;
    int weights_of = -1;             // vote: the boundary class that W is valid for
    bool stale[2] = {true, true};    // race: P(list c not yet complete) must be formed anew
    Lanes open[2] = {Lanes::all(0.0), Lanes::all(0.0)};
    const auto product = [&](int c) {
        const int degree = contest.degree_of(c);
        multiply(task.before + c * stride, degree, walking + c * stride, degree, G + c * stride, degree);
    };
    if (!contest.race)
        for (int c = 0; c < contest.n_lists; ++c) product(c);
    for (std::int64_t i = 0; i < task.n_rows; ++i) {
        const int c = task.list[i], degree = contest.degree_of(c);
        double* const before = task.before + c * stride;
        double* const behind = walking + c * stride;
        for (int k = 0; k < degree * kLanes; ++k) behind[k] = task.saved[i * stride + k];
        const Lanes p = Lanes::load(task.laws[i].p), tail = Lanes::load(task.laws[i].tail);
        if (contest.race) {
            const int other = 1 - c, n_other = contest.degree[other];
            if (stale[other]) {
                Lanes sum = Lanes::all(0.0), cumulative = Lanes::all(0.0);
                for (int k = 0; k < n_other; ++k) {
                    cumulative += Lanes::load(walking + other * stride + k * kLanes);
                    sum += cumulative * Lanes::load(task.before + other * stride + (n_other - 1 - k) * kLanes);
                }
                open[other] = sum;
                stale[other] = false;
            }
            stale[c] = true;
            const Lanes last = coefficient(before, degree, behind, degree, degree - 1);
            const Lanes rest = last * open[other];
            (Lanes::load(task.q + c * kLanes) + p * rest).store(task.q + c * kLanes);
            (Lanes::load(task.q_of_tails + c * kLanes) + tail * rest).store(task.q_of_tails + c * kLanes);
        } else {
            const int K = contest.n_neighbors;
            if (weights_of != c) {
                if (weights_of >= 0) product(weights_of);
                winner_weights(contest.n_lists, K, c, G, stride, scratch, W);
                weights_of = c;
            }
            multiply(before, K, behind, K, G + c * stride, K);  // without row i
            for (int y = 0; y < contest.n_lists; ++y) {
                Lanes sum = Lanes::all(0.0);
                for (int k = 0; k < K; ++k)
                    sum += Lanes::load(G + c * stride + k * kLanes) * Lanes::load(W + (y * K + k) * kLanes);
                (Lanes::load(task.q + y * kLanes) + p * sum).store(task.q + y * kLanes);
                (Lanes::load(task.q_of_tails + y * kLanes) + tail * sum).store(task.q_of_tails + y * kLanes);
            }
        }
        add_row(before, degree, Lanes::load(task.laws[i].F_high), Lanes::load(task.laws[i].U_high));
    }
}

// -------------------------------------------------------------------------------------------------------- distances

// Differences, squared and added in one fixed order: lane l adds the features l, l + 8, ...; then the lanes. The order does
// not depend on how queries and rows are grouped. Relative error of each result: below (dim / 8 + 5) 2^-53.
//
// Features first .. last (whole groups of eight) of kRows rows and kQueries queries, added to sums[row][query][lane].
template <int kRows, int kQueries>
KNN_CERT_INLINE void add_features(const double* queries, const double* rows, std::int64_t dim, std::int64_t first,
                                  std::int64_t last, double* sums, std::int64_t row_stride) {
    Lanes sum[kRows][kQueries];
    for (int r = 0; r < kRows; ++r)
        for (int q = 0; q < kQueries; ++q) sum[r][q] = Lanes::load(sums + r * row_stride + q * kLanes);
    for (std::int64_t j = first; j < last; j += kLanes) {
        Lanes row[kRows];
        for (int r = 0; r < kRows; ++r) row[r] = Lanes::load(rows + r * dim + j);
        for (int q = 0; q < kQueries; ++q) {
            const Lanes query = Lanes::load(queries + q * dim + j);
            for (int r = 0; r < kRows; ++r) {
                const Lanes gap = row[r] - query;
                sum[r][q] += gap * gap;
            }
        }
    }
    for (int r = 0; r < kRows; ++r)
        for (int q = 0; q < kQueries; ++q) sum[r][q].store(sums + r * row_stride + q * kLanes);
}

template <int kRows>
void add_features_of_rows(const double* queries, std::int64_t n_queries, const double* rows, std::int64_t dim,
                          std::int64_t first, std::int64_t last, double* sums, std::int64_t row_stride) {
    std::int64_t q = 0;
    for (; q + 4 <= n_queries; q += 4)
        add_features<kRows, 4>(queries + q * dim, rows, dim, first, last, sums + q * kLanes, row_stride);
    for (; q < n_queries; ++q)
        add_features<kRows, 1>(queries + q * dim, rows, dim, first, last, sums + q * kLanes, row_stride);
}

// At most kDistanceQueries queries. Features in pieces, so that four queries and two rows of a piece stay in the first cache.
void sq_distances(const double* queries, std::int64_t n_queries, const double* rows, std::int64_t n_rows, std::int64_t dim,
                  double* out, std::int64_t out_stride) {
    constexpr std::int64_t kPiece = 512, kRowsAtATime = 16;
    const std::int64_t whole = dim - dim % kLanes, row_stride = n_queries * kLanes;
    double sums[kRowsAtATime * kDistanceQueries * kLanes];
    for (std::int64_t start = 0; start < n_rows; start += kRowsAtATime) {
        const std::int64_t n = n_rows - start < kRowsAtATime ? n_rows - start : kRowsAtATime;
        for (std::int64_t k = 0; k < n * row_stride; ++k) sums[k] = 0.0;
        for (std::int64_t first = 0; first < whole; first += kPiece) {
            const std::int64_t last = first + kPiece < whole ? first + kPiece : whole;
            std::int64_t i = 0;
            for (; i + 2 <= n; i += 2)
                add_features_of_rows<2>(queries, n_queries, rows + (start + i) * dim, dim, first, last, sums + i * row_stride,
                                        row_stride);
            if (i < n)
                add_features_of_rows<1>(queries, n_queries, rows + (start + i) * dim, dim, first, last, sums + i * row_stride,
                                        row_stride);
        }
        for (std::int64_t q = 0; q < n_queries; ++q)
            for (std::int64_t i = 0; i < n; ++i) {
                double* const lanes = sums + i * row_stride + q * kLanes;
                const double* const row = rows + (start + i) * dim;
                for (std::int64_t j = whole; j < dim; ++j) {
                    const double gap = row[j] - queries[q * dim + j];
                    lanes[j - whole] += gap * gap;
                }
                out[q * out_stride + start + i] = Lanes::load(lanes).sum();
            }
    }
}

constexpr LeafLoops make_leaf_loops(const char* name) {
    return {name, law_sums, tally, scatter, merge, combine, standings, bucket_suffix, bucket_rows, sq_distances};
}

}  // namespace

#ifdef KNN_CERT_HEADER_ONLY
// For programs that include the headers and link nothing: the instruction set is that of the including file.
inline const LeafLoops& leaf_loops() {
    static const LeafLoops loops = make_leaf_loops("header-only");
    return loops;
}
#endif

}  // namespace knn_cert
