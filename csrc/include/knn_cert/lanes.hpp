// lanes.hpp: eight doubles at a time, as plain vector code. No Python, no threads, no allocation.
//
// Everything is internal to its translation unit (unnamed namespace): the same source is compiled once per
// instruction set, and a linker that merged two such copies would run AVX-512 code on a machine without it.
#pragma once

#include "leaf_interface.hpp"

namespace knn_cert {
namespace {

#if defined(__GNUC__) || defined(__clang__)
#if defined(__AVX512F__)
constexpr int kLanesPerRegister = 8;
#elif defined(__AVX__)
constexpr int kLanesPerRegister = 4;
#else
constexpr int kLanesPerRegister = 2;
#endif
typedef double Register __attribute__((vector_size(sizeof(double) * kLanesPerRegister)));
typedef double UnalignedRegister __attribute__((vector_size(sizeof(double) * kLanesPerRegister), aligned(8)));
#define KNN_CERT_INLINE inline __attribute__((always_inline))
#else
constexpr int kLanesPerRegister = 1;
typedef double Register;
typedef double UnalignedRegister;
#define KNN_CERT_INLINE inline
#endif

struct Lanes {
    static constexpr int kParts = kLanes / kLanesPerRegister;
    Register part[kParts];

    static KNN_CERT_INLINE Lanes load(const double* from) {
        Lanes out;
        for (int p = 0; p < kParts; ++p) out.part[p] = *reinterpret_cast<const UnalignedRegister*>(from + p * kLanesPerRegister);
        return out;
    }
    static KNN_CERT_INLINE Lanes all(double value) {
        Lanes out;
        for (int p = 0; p < kParts; ++p) out.part[p] = value - Register{};
        return out;
    }
    KNN_CERT_INLINE void store(double* to) const {
        for (int p = 0; p < kParts; ++p) *reinterpret_cast<UnalignedRegister*>(to + p * kLanesPerRegister) = part[p];
    }
    [[nodiscard]] KNN_CERT_INLINE double sum() const {
        double values[kLanes];
        store(values);
        return ((values[0] + values[1]) + (values[2] + values[3])) + ((values[4] + values[5]) + (values[6] + values[7]));
    }
};

#define KNN_CERT_LANES_OPERATOR(OP)                                                   \
    KNN_CERT_INLINE Lanes operator OP(const Lanes& a, const Lanes& b) {               \
        Lanes out;                                                                    \
        for (int p = 0; p < Lanes::kParts; ++p) out.part[p] = a.part[p] OP b.part[p]; \
        return out;                                                                   \
    }
KNN_CERT_LANES_OPERATOR(+)
KNN_CERT_LANES_OPERATOR(-)
KNN_CERT_LANES_OPERATOR(*)
KNN_CERT_LANES_OPERATOR(/)
#undef KNN_CERT_LANES_OPERATOR

KNN_CERT_INLINE Lanes& operator+=(Lanes& a, const Lanes& b) { return a = a + b; }

KNN_CERT_INLINE Lanes smaller(const Lanes& a, const Lanes& b) {
    Lanes out;
    for (int p = 0; p < Lanes::kParts; ++p) out.part[p] = a.part[p] < b.part[p] ? a.part[p] : b.part[p];
    return out;
}

KNN_CERT_INLINE Lanes larger(const Lanes& a, const Lanes& b) {
    Lanes out;
    for (int p = 0; p < Lanes::kParts; ++p) out.part[p] = a.part[p] < b.part[p] ? b.part[p] : a.part[p];
    return out;
}

// a where x <= y, b elsewhere
KNN_CERT_INLINE Lanes where_le(const Lanes& x, const Lanes& y, const Lanes& a, const Lanes& b) {
    Lanes out;
    for (int p = 0; p < Lanes::kParts; ++p) out.part[p] = x.part[p] <= y.part[p] ? a.part[p] : b.part[p];
    return out;
}

// a where x < y, b elsewhere
KNN_CERT_INLINE Lanes where_lt(const Lanes& x, const Lanes& y, const Lanes& a, const Lanes& b) {
    Lanes out;
    for (int p = 0; p < Lanes::kParts; ++p) out.part[p] = x.part[p] < y.part[p] ? a.part[p] : b.part[p];
    return out;
}

// Whether x < y anywhere.
KNN_CERT_INLINE bool any_lt(const Lanes& x, const Lanes& y) {
    double at[kLanes];
    where_lt(x, y, Lanes::all(1.0), Lanes::all(0.0)).store(at);
    double any = 0.0;
    for (int i = 0; i < kLanes; ++i) any += at[i];
    return any > 0.0;
}

#if defined(__GNUC__) || defined(__clang__)
// Lanes of a and b in turn, kSpan at a time: the first halves of the pairs (kHigh: the second halves).
template <int kSpan, bool kHigh>
KNN_CERT_INLINE Register interleave(const Register& a, const Register& b) {
#if defined(__clang__)
    Register out;
    for (int l = 0; l < kLanesPerRegister; ++l) out[l] = (l & kSpan) ? b[kHigh ? l : l - kSpan] : a[kHigh ? l + kSpan : l];
    return out;
#else
    typedef long long Pick __attribute__((vector_size(sizeof(Register))));
    Pick pick;
    for (int l = 0; l < kLanesPerRegister; ++l)
        pick[l] = (l & kSpan) ? kLanesPerRegister + (kHigh ? l : l - kSpan) : (kHigh ? l + kSpan : l);
    return __builtin_shuffle(a, b, pick);
#endif
}

template <int kSpan>
KNN_CERT_INLINE void transpose_registers(Register* row) {
    if constexpr (kSpan < kLanesPerRegister) {
        for (int i = 0; i < kLanesPerRegister; ++i)
            if (!(i & kSpan)) {
                const Register a = row[i];
                const Register b = row[i + kSpan];
                row[i] = interleave<kSpan, false>(a, b);
                row[i + kSpan] = interleave<kSpan, true>(a, b);
            }
        transpose_registers<2 * kSpan>(row);
    }
}
#else
template <int kSpan>
KNN_CERT_INLINE void transpose_registers(Register*) {}
#endif

// Lane i of row[j] and lane j of row[i] change places.
KNN_CERT_INLINE void transpose(Lanes* row) {
    constexpr int kPer = kLanesPerRegister;
    constexpr int kBlocks = kLanes / kPer;
    Lanes out[kLanes];
    for (int i = 0; i < kBlocks; ++i)
        for (int j = 0; j < kBlocks; ++j) {
            Register block[kPer];
            for (int r = 0; r < kPer; ++r) block[r] = row[i * kPer + r].part[j];
            transpose_registers<1>(block);
            for (int r = 0; r < kPer; ++r) out[j * kPer + r].part[i] = block[r];
        }
    for (int i = 0; i < kLanes; ++i) row[i] = out[i];
}

}  // namespace
}  // namespace knn_cert
