// lanes.hpp: eight doubles at a time, as plain vector code. No Python, no threads, no allocation.
//
// Everything is internal to its translation unit (unnamed namespace): the same source is compiled once per
// instruction set, and a linker that merged two such copies would run AVX-512 code on a machine without it.
#pragma once

#include "simd.hpp"

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
typedef double UnalignedRegister
    __attribute__((vector_size(sizeof(double) * kLanesPerRegister), aligned(8)));
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
        for (int p = 0; p < kParts; ++p)
            out.part[p] = *reinterpret_cast<const UnalignedRegister*>(from + p * kLanesPerRegister);
        return out;
    }
    static KNN_CERT_INLINE Lanes all(double value) {
        Lanes out;
        for (int p = 0; p < kParts; ++p) out.part[p] = value - Register{};
        return out;
    }
    KNN_CERT_INLINE void store(double* to) const {
        for (int p = 0; p < kParts; ++p)
            *reinterpret_cast<UnalignedRegister*>(to + p * kLanesPerRegister) = part[p];
    }
    KNN_CERT_INLINE double sum() const {
        double values[kLanes];
        store(values);
        return ((values[0] + values[1]) + (values[2] + values[3])) + ((values[4] + values[5]) + (values[6] + values[7]));
    }
};

#define KNN_CERT_LANES_OPERATOR(OP)                                      \
    KNN_CERT_INLINE Lanes operator OP(const Lanes& a, const Lanes& b) {  \
        Lanes out;                                                       \
        for (int p = 0; p < Lanes::kParts; ++p) out.part[p] = a.part[p] OP b.part[p]; \
        return out;                                                      \
    }
KNN_CERT_LANES_OPERATOR(+)
KNN_CERT_LANES_OPERATOR(-)
KNN_CERT_LANES_OPERATOR(*)
#undef KNN_CERT_LANES_OPERATOR

KNN_CERT_INLINE Lanes& operator+=(Lanes& a, const Lanes& b) { return a = a + b; }

KNN_CERT_INLINE Lanes smaller(const Lanes& a, const Lanes& b) {
    Lanes out;
    for (int p = 0; p < Lanes::kParts; ++p) out.part[p] = a.part[p] < b.part[p] ? a.part[p] : b.part[p];
    return out;
}

// a where x <= y, b elsewhere
KNN_CERT_INLINE Lanes where_le(const Lanes& x, const Lanes& y, const Lanes& a, const Lanes& b) {
    Lanes out;
    for (int p = 0; p < Lanes::kParts; ++p) out.part[p] = x.part[p] <= y.part[p] ? a.part[p] : b.part[p];
    return out;
}

}  // namespace
}  // namespace knn_cert
