// winner.hpp: from the counting polynomials of the classes to the winner of the vote. No Python, no threads, no allocation.
//
// Let the K-th nearest row be a row of class b with k other rows of b before it. Then the other classes hold K - 1 - k rows,
// and the vote is decided by their counts. W[y][k] is the probability of "K - 1 - k rows in the other classes, and class y
// wins" (ties go to the lowest class): a sum over tallies that is never listed. For a winner y with g votes the classes
// below y hold at most g - 1, those above at most g, so the sum is one coefficient of a product of capped polynomials,
// and all y share the products from the left (cap g - 1) and from the right (cap g).
#pragma once

#include "lanes.hpp"

namespace knn_cert {
namespace {

// out[0 .. n_out-1] = truncated product of a (n_a coefficients) and b (n_b coefficients)
KNN_CERT_INLINE void multiply(const double* a, int n_a, const double* b, int n_b, double* out, int n_out) {
    for (int r = 0; r < n_out; ++r) {
        Lanes sum = Lanes::all(0.0);
        const int first = r >= n_b ? r - n_b + 1 : 0;
        const int last = r < n_a ? r : n_a - 1;
        for (int i = first; i <= last; ++i) sum += Lanes::load(a + i * kLanes) * Lanes::load(b + (r - i) * kLanes);
        sum.store(out + r * kLanes);
    }
}

KNN_CERT_INLINE Lanes coefficient(const double* a, int n_a, const double* b, int n_b, int r) {
    Lanes sum = Lanes::all(0.0);
    const int first = r >= n_b ? r - n_b + 1 : 0;
    const int last = r < n_a ? r : n_a - 1;
    for (int i = first; i <= last; ++i) sum += Lanes::load(a + i * kLanes) * Lanes::load(b + (r - i) * kLanes);
    return sum;
}

inline int smaller_of(int a, int b) { return a < b ? a : b; }

KNN_CERT_INLINE void set_one(double* to, int n) {
    Lanes::all(1.0).store(to);
    for (int i = 1; i < n; ++i) Lanes::all(0.0).store(to + i * kLanes);
}

// out = in times the counting polynomial of a list that is capped, or in where the list is left out; n coefficients.
KNN_CERT_INLINE void multiply_capped(const double* in, int n, const double* G, int n_capped, bool left_out, double* out) {
    if (!left_out) return multiply(in, n, G, n_capped, out, n);
    for (int i = 0; i < n * kLanes; ++i) out[i] = in[i];
}

// W[y * K + k], all y, k < K; G of list c at G + c * stride (K coefficients). boundary = b is left out of the products.
// work: (2 n + 2)(K + 1) + (K + 1) Lanes.
inline void winner_weights(int n_lists, int K, int boundary, const double* G, std::int64_t stride, double* work, double* W) {
    const std::int64_t span = static_cast<std::int64_t>(K + 1) * kLanes;
    const std::int64_t weights = static_cast<std::int64_t>(K) * kLanes;  // of a list
    double* const left = work;                                           // left[c]: product over lists < c
    double* const right = work + (n_lists + 1) * span;                   // right[c]: product over lists >= c
    double* const others = right + (n_lists + 1) * span;
    for (std::int64_t i = 0; i < n_lists * weights; ++i) W[i] = 0.0;
    for (int g = (K + n_lists - 1) / n_lists; g <= K; ++g) {
        const int n = K - g + 1;  // coefficients that matter
        set_one(left, n);
        for (int c = 0; c < n_lists; ++c)
            multiply_capped(left + c * span, n, G + c * stride, smaller_of(g, K), c == boundary, left + (c + 1) * span);
        set_one(right + n_lists * span, n);
        for (int c = n_lists - 1; c >= 0; --c)
            multiply_capped(right + (c + 1) * span, n, G + c * stride, smaller_of(g + 1, K), c == boundary, right + c * span);
        for (int y = 0; y < n_lists; ++y) {
            const double* const below = left + y * span;
            const double* const above = right + (y + 1) * span;
            if (y == boundary) {
                coefficient(below, n, above, n, K - g).store(W + y * weights + (g - 1) * kLanes);
                continue;
            }
            if (g == K) continue;
            multiply(below, n, above, n, others, n - 1);
            const Lanes votes = Lanes::load(G + y * stride + g * kLanes);
            const int cap = boundary < y ? g - 1 : g;  // the boundary class holds k + 1 rows
            for (int k = 0; k + 1 <= cap && k < K - g; ++k) {
                double* const to = W + y * weights + k * kLanes;
                (Lanes::load(to) + votes * Lanes::load(others + (K - g - k - 1) * kLanes)).store(to);
            }
        }
    }
}

KNN_CERT_INLINE Lanes sum_of(const double* G, int n) {
    Lanes sum = Lanes::all(0.0);
    for (int k = 0; k < n; ++k) sum += Lanes::load(G + k * kLanes);
    return sum;
}

// Products of pairs (P, Q): of all P, and of all P but one in turn with the Q of that one, added up. n coefficients each.
// out = in times (P, Q), P of n_p coefficients, Q = A z with n_q of them.
KNN_CERT_INLINE void multiply_pair(const double* in, int n, const double* P, int n_p, const double* A, int n_q, double* out) {
    const double* const in_q = in + n * kLanes;
    double* const out_q = out + n * kLanes;
    for (int r = 0; r < n; ++r) {
        Lanes p = Lanes::all(0.0);
        Lanes q = p;
        for (int i = r >= n_p ? r - n_p + 1 : 0; i <= r; ++i) {
            const Lanes factor = Lanes::load(P + (r - i) * kLanes);
            p += Lanes::load(in + i * kLanes) * factor;
            q += Lanes::load(in_q + i * kLanes) * factor;
        }
        for (int i = r > n_q ? r - n_q : 0; i < r; ++i) q += Lanes::load(in + i * kLanes) * Lanes::load(A + (r - i - 1) * kLanes);
        p.store(out + r * kLanes);
        q.store(out_q + r * kLanes);
    }
}

// The K-th row is at the node and belongs to the winner, who has g votes with it, or to another class b, which has k + 1 with it:
// the sum over b is one coefficient of a product of pairs (capped G, capped A z), never taken class by class.
// work: 4 (n + 1)(K + 1) Lanes.
inline void combine_votes(int n_lists, int K, const Record* lists, double* work, double* density) {
    const std::int64_t span = static_cast<std::int64_t>(K + 1) * 2 * kLanes;
    double* const left = work;                          // left[c]: lists < c, at most g - 1 votes each
    double* const right = work + (n_lists + 1) * span;  // right[c]: lists >= c, at most g votes each
    for (int y = 0; y < n_lists; ++y) Lanes::all(0.0).store(density + y * kLanes);
    for (int g = (K + n_lists - 1) / n_lists; g <= K; ++g) {
        const int n = K - g + 1;  // coefficients that matter
        for (int i = 0; i < 2 * n; ++i) {
            Lanes::all(i == 0 ? 1.0 : 0.0).store(left + i * kLanes);
            Lanes::all(i == 0 ? 1.0 : 0.0).store(right + n_lists * span + i * kLanes);
        }
        for (int c = 0; c + 1 < n_lists; ++c) multiply_pair(left + c * span, n, lists[c].G, g, lists[c].A, g - 1, left + (c + 1) * span);
        for (int c = n_lists - 1; c > 0; --c)
            multiply_pair(right + (c + 1) * span, n, lists[c].G, smaller_of(g + 1, K), lists[c].A, g, right + c * span);
        for (int y = 0; y < n_lists; ++y) {
            const double* const below = left + y * span;
            const double* const above = right + (y + 1) * span;
            Lanes sum = Lanes::load(lists[y].A + (g - 1) * kLanes) * coefficient(below, n, above, n, K - g);
            if (g < K)
                sum += Lanes::load(lists[y].G + g * kLanes) *
                       (coefficient(below + n * kLanes, n, above, n, K - g) + coefficient(below, n, above + n * kLanes, n, K - g));
            (Lanes::load(density + y * kLanes) + sum).store(density + y * kLanes);
        }
    }
}

// The K-th row is at the node: of A, B or the others. i votes for A and j for B leave K - i - j to the others, whoever has the row.
inline void combine_pair(int K, int lead, const Record* lists, double* density) {
    const Lanes none = Lanes::all(0.0);
    const auto inside = [&](int c, int k) { return k < K ? Lanes::load(lists[c].G + k * kLanes) : none; };  // K inside: none is left
    const auto at_node = [&](int c, int k) { return k > 0 ? Lanes::load(lists[c].A + (k - 1) * kLanes) : none; };
    Lanes sums[2] = {none, none};
    for (int i = 0; i <= K; ++i) {
        Lanes with_a[2] = {none, none};  // sums over j of what the factors of A multiply: inside, and at the node
        Lanes of_node[2] = {none, none};
        for (int j = 0; i + j <= K; ++j) {
            const int wins = i - j + lead <= 0 ? 1 : 0;
            const Lanes b = inside(1, j);
            const Lanes others = inside(2, K - i - j);
            with_a[wins] += at_node(1, j) * others + b * at_node(2, K - i - j);
            of_node[wins] += b * others;
        }
        for (int wins = 0; wins < 2; ++wins) sums[wins] += inside(0, i) * with_a[wins] + at_node(0, i) * of_node[wins];
    }
    for (int wins = 0; wins < 2; ++wins) sums[wins].store(density + wins * kLanes);
}

void combine(const Contest& contest, const Record* lists, double* work, double* density) {
    if (contest.pair) return combine_pair(contest.n_neighbors, contest.lead, lists, density);
    if (contest.race) {  // A_A[m-1] H_B, H_B = sum_{k < m'} G_B[k], and the other way round
        for (int c = 0; c < 2; ++c) {
            const int m = contest.degree[c];
            const int other = contest.degree[1 - c];
            (Lanes::load(lists[c].A + (m - 1) * kLanes) * sum_of(lists[1 - c].G, other)).store(density + c * kLanes);
        }
        return;
    }
    combine_votes(contest.n_lists, contest.n_neighbors, lists, work, density);
}

void standings(const Contest& contest, const double* G, const double* T, std::int64_t stride, const int* limit, double* work, double* out) {
    if (contest.race) {
        for (int c = 0; c < 2; ++c) sum_of(G + (1 - c) * stride, limit[c] + 1).store(out + c * kLanes);
        (Lanes::load(out) * Lanes::load(out + kLanes)).store(out + 2 * kLanes);
        (Lanes::load(T) + Lanes::load(T + kLanes)).store(out + 3 * kLanes);
        return;
    }
    const int n = contest.n_lists;
    const int K = contest.n_neighbors;
    const std::int64_t span = static_cast<std::int64_t>(K) * kLanes;
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

}  // namespace
}  // namespace knn_cert
