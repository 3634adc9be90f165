// leaf_tallies.hpp: counting polynomials of rows one by one, and of two sets of rows together. No Python, no threads, no allocation.
#pragma once

#include "leaf_law.hpp"
#include "winner.hpp"

namespace knn_cert {
namespace {

// Numbers below this are dropped now and then where thousands of rows are counted one by one: on their way to zero they would be subnormal,
// which costs a hundred cycles each, and nothing that is asked for there is small.
constexpr double kDropped = 1e-290;
constexpr std::int64_t kRowsPerDrop = 8;

KNN_CERT_INLINE Lanes without_tiny(const Lanes& x) { return where_lt(x, Lanes::all(kDropped), Lanes::all(0.0), x); }

// The counting polynomials of a tally. One row more: A[k] <- U A[k] + F A[k-1] + f G[k],  G[k] <- U G[k] + F G[k-1]; all terms
// positive. kDegree > 0: they stay in registers; 0: any degree, in memory.
template <int kDegree, bool kDensity>
struct TalliedPolynomials {
    Lanes G[kDegree], A[kDensity ? kDegree : 1];

    KNN_CERT_INLINE explicit TalliedPolynomials(const TallyTask& task) {
        for (int k = 0; k < kDegree; ++k) {
            G[k] = Lanes::load(task.G + k * kLanes);
            if (kDensity) A[k] = Lanes::load(task.A + k * kLanes);
        }
    }
    [[nodiscard]] KNN_CERT_INLINE Lanes last() const { return G[kDegree - 1]; }
    KNN_CERT_INLINE void add(const Lanes& F, const Lanes& U, const Lanes& f) {
        for (int k = kDegree - 1; k >= 1; --k) {
            if (kDensity) A[k] = U * A[k] + (F * A[k - 1] + f * G[k]);
            G[k] = U * G[k] + F * G[k - 1];
        }
        if (kDensity) A[0] = U * A[0] + f * G[0];
        G[0] = U * G[0];
    }
    KNN_CERT_INLINE void drop_tiny() {
        for (int k = 0; k < kDegree; ++k) {
            G[k] = without_tiny(G[k]);
            if (kDensity) A[k] = without_tiny(A[k]);
        }
    }
    KNN_CERT_INLINE void write(const TallyTask& task) const {
        for (int k = 0; k < kDegree; ++k) {
            G[k].store(task.G + k * kLanes);
            if (kDensity) A[k].store(task.A + k * kLanes);
        }
    }
};

// Powers below `low` and above `high` are 0: with little noise `low` rows are certainly within (records.hpp).
template <bool kDensity>
struct TalliedPolynomials<0, kDensity> {
    double *G, *A;
    int degree, low = 0, high;

    KNN_CERT_INLINE explicit TalliedPolynomials(const TallyTask& task) : G(task.G), A(task.A), degree(task.degree), high(degree - 1) {
        while (low < high && is_zero(low)) ++low;
        while (high > low && is_zero(high)) --high;
    }
    [[nodiscard]] KNN_CERT_INLINE bool is_zero(int k) const { return !any_lt(Lanes::all(0.0), Lanes::load(G + k * kLanes)); }
    [[nodiscard]] KNN_CERT_INLINE Lanes last() const { return Lanes::load(G + (degree - 1) * kLanes); }
    KNN_CERT_INLINE void add(const Lanes& F, const Lanes& U, const Lanes& f) {
        if (high < degree - 1) ++high;
        for (int k = high; k >= low; --k) {
            const Lanes g = Lanes::load(G + k * kLanes);
            const Lanes g_less = k > low ? Lanes::load(G + (k - 1) * kLanes) : Lanes::all(0.0);
            if (kDensity) {
                const Lanes a = Lanes::load(A + k * kLanes);
                const Lanes a_less = k > low ? Lanes::load(A + (k - 1) * kLanes) : Lanes::all(0.0);
                (U * a + (F * a_less + f * g)).store(A + k * kLanes);
            }
            (U * g + F * g_less).store(G + k * kLanes);
        }
    }
    KNN_CERT_INLINE void drop_tiny() {
        for (int k = low; k <= high; ++k) {
            without_tiny(Lanes::load(G + k * kLanes)).store(G + k * kLanes);
            if (kDensity) without_tiny(Lanes::load(A + k * kLanes)).store(A + k * kLanes);
        }
    }
    KNN_CERT_INLINE void write(const TallyTask&) const {}
};

template <int kDegree, bool kDensity>
void tally_rows(const TallyTask& task) {
    TalliedPolynomials<kDegree, kDensity> polynomials(task);
    Lanes absorbed = Lanes::all(0.0);
    Lanes mean = absorbed;
    if (task.at_least) absorbed = Lanes::load(task.at_least);
    for (std::int64_t i = 0; i < task.n_rows; ++i) {
        Lanes F;
        Lanes U;
        Lanes f;
        row_law(task, i, F, U, f);
        if (!kDensity) {
            mean += F;
            absorbed += F * polynomials.last();
        }
        polynomials.add(F, U, f);
    }
    polynomials.write(task);
    if (!kDensity && task.at_least) absorbed.store(task.at_least);
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

// Like tally_rows, but each row goes into its record, in memory. kDegree > 0: the degree is known to the compiler.
template <int kDegree, bool kDensity>
void scatter_rows(const ScatterTask& task) {
    const int degree = kDegree > 0 ? kDegree : task.rows.degree;
    for (std::int64_t i = 0; i < task.rows.n_rows; ++i) {
        Lanes F;
        Lanes U;
        Lanes f;
        row_law(task.rows, i, F, U, f);
        const std::int64_t place = task.record_of[i] * task.stride;
        const Record record{task.first.G + place, task.first.A + place};
        double* const G = record.G;
        double* const A = record.A;
        Lanes g = Lanes::load(G + (degree - 1) * kLanes);
        Lanes a = g;
        if (kDensity) {
            a = Lanes::load(A + (degree - 1) * kLanes);
        } else {
            (Lanes::load(record.at_least()) + F * g).store(record.at_least());
            (Lanes::load(record.mean()) + F).store(record.mean());
        }
        for (int k = degree - 1; k >= 1; --k) {
            const Lanes g_less = Lanes::load(G + (k - 1) * kLanes);
            if (kDensity) {
                const Lanes a_less = Lanes::load(A + (k - 1) * kLanes);
                (U * a + (F * a_less + f * g)).store(A + k * kLanes);
                a = a_less;
            }
            (U * g + F * g_less).store(G + k * kLanes);
            g = g_less;
        }
        if (kDensity) (U * a + f * g).store(A);
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

// G = G1 G2, A = A1 G2 + G1 A2; P(count >= D) = P(count1 >= D) + sum_k G1[k] P(count2 >= D - k). All terms positive.
void merge(int degree, bool density, const Record& a, const Record& b, const Record& out) {
    multiply(a.G, degree, b.G, degree, out.G, degree);
    if (density) {
        for (int r = 0; r < degree; ++r) {
            Lanes sum = Lanes::all(0.0);
            for (int i = 0; i <= r; ++i)
                sum += Lanes::load(a.A + i * kLanes) * Lanes::load(b.G + (r - i) * kLanes) +
                       Lanes::load(a.G + i * kLanes) * Lanes::load(b.A + (r - i) * kLanes);
            sum.store(out.A + r * kLanes);
        }
        return;
    }
    Lanes at_least = Lanes::load(b.at_least());
    Lanes beyond = Lanes::load(a.at_least());
    for (int k = 0; k < degree; ++k) {
        beyond += Lanes::load(a.G + k * kLanes) * at_least;
        at_least += Lanes::load(b.G + (degree - 1 - k) * kLanes);
    }
    beyond.store(out.at_least());
    (Lanes::load(a.mean()) + Lanes::load(b.mean())).store(out.mean());
}

}  // namespace
}  // namespace knn_cert
