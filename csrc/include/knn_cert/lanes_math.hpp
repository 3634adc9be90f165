// lanes_math.hpp: exp, log, sine and cosine of eight doubles at a time. No Python, no threads, no allocation.
//
// Power series after a reduction of the argument, whose remainders are below 2^-54 of the result: relative errors of exp and log, and
// absolute ones of sine and cosine, are within 4 x 2^-53 (tests). No special values: exp is clipped at +-700, log is asked for positive
// normal numbers, sine and cosine for arguments up to 1e5.
#pragma once

#include <math.h>

#include "lanes.hpp"

namespace knn_cert {
namespace {

#if defined(__GNUC__) || defined(__clang__)

typedef long long RegisterBits __attribute__((vector_size(sizeof(Register))));

// 1.5 * 2^52: adding it to a number of size below 2^51 rounds that to an integer, which the last bits of the sum then hold.
constexpr double kRounder = 6755399441055744.0;
constexpr double kLn2High = 0.693147180369123816490, kLn2Low = 1.90821492927058770002e-10;  // the first has 33 bits

KNN_CERT_INLINE Register all_of(double value) { return value - Register{}; }
// the same bits, by a cast of vectors; pointers of the two types must not meet
KNN_CERT_INLINE RegisterBits bits_of(const Register& x) { return (RegisterBits)x; }
KNN_CERT_INLINE Register number_of(const RegisterBits& x) { return (Register)x; }

KNN_CERT_INLINE Register exp_of(Register x) {
    constexpr int kTerms = 13;  // |r| <= log(2) / 2: r^14 / 14! is 4e-18
    x = x < -700.0 ? all_of(-700.0) : x;
    x = x > 700.0 ? all_of(700.0) : x;
    const Register shifted = x * 1.44269504088896340736 + kRounder;
    const Register n = shifted - kRounder;
    const Register r = (x - n * kLn2High) - n * kLn2Low;
    Register sum = all_of(1.0);
    for (int k = kTerms; k >= 1; --k) sum = sum * (r * (1.0 / k)) + 1.0;
    return sum * number_of((bits_of(shifted) << 52) + bits_of(all_of(1.0)));
}

KNN_CERT_INLINE Register log_of(const Register& x) {
    constexpr int kTerms = 10;  // |s| <= 0.1716: s^22 / 23 is 6e-19
    const RegisterBits bits = bits_of(x);
    const RegisterBits mantissa = bits & 0xFFFFFFFFFFFFFLL;
    Register m = number_of(mantissa | bits_of(all_of(1.0)));
    // the exponent, by way of the last bits of 2^52 and more
    Register e = number_of(((bits - mantissa) >> 52) | bits_of(all_of(4503599627370496.0))) - (4503599627370496.0 + 1023.0);
    const RegisterBits large = m > 1.41421356237309504880;
    m = large ? m * 0.5 : m;
    e = large ? e + 1.0 : e;
    const Register s = (m - 1.0) / (m + 1.0);
    const Register s2 = s * s;
    Register sum = all_of(1.0 / (2 * kTerms + 1));
    for (int k = kTerms - 1; k >= 1; --k) sum = sum * s2 + 1.0 / (2 * k + 1);
    const Register twice = s + s;
    return e * kLn2High + (twice + (twice * s2 * sum + e * kLn2Low));
}

KNN_CERT_INLINE void sine_and_cosine_of(const Register& x, Register& sine, Register& cosine) {
    constexpr int kTerms = 8;  // |r| <= pi / 4: r^18 / 18! is 2e-18
    // pi / 2; 33 bits each
    constexpr double kHigh = 1.57079632673412561417;
    constexpr double kMiddle = 6.07710050630396597660e-11;
    constexpr double kLow = 2.02226624879595063154e-21;
    const Register shifted = x * 0.63661977236758134308 + kRounder;
    const Register n = shifted - kRounder;
    const Register r = ((x - n * kHigh) - n * kMiddle) - n * kLow;
    const Register r2 = r * r;
    Register s = all_of(1.0);
    Register c = all_of(1.0);
    for (int k = kTerms; k >= 1; --k) {
        s = 1.0 - s * (r2 * (1.0 / (2 * k * (2 * k + 1))));
        c = 1.0 - c * (r2 * (1.0 / (2 * k * (2 * k - 1))));
    }
    s = s * r;
    const RegisterBits quadrant = bits_of(shifted);
    const RegisterBits swapped = (quadrant & 1) != 0;
    sine = swapped ? c : s;
    cosine = swapped ? s : c;
    sine = (quadrant & 2) != 0 ? -sine : sine;
    cosine = ((quadrant + 1) & 2) != 0 ? -cosine : cosine;
}

#else

KNN_CERT_INLINE Register exp_of(Register x) { return ::exp(x < -700.0 ? -700.0 : x > 700.0 ? 700.0 : x); }
KNN_CERT_INLINE Register log_of(const Register& x) { return ::log(x); }
KNN_CERT_INLINE void sine_and_cosine_of(const Register& x, Register& sine, Register& cosine) { sine = ::sin(x), cosine = ::cos(x); }

#endif

KNN_CERT_INLINE Lanes exp_of(const Lanes& x) {
    Lanes out;
    for (int p = 0; p < Lanes::kParts; ++p) out.part[p] = exp_of(x.part[p]);
    return out;
}
KNN_CERT_INLINE Lanes log_of(const Lanes& x) {
    Lanes out;
    for (int p = 0; p < Lanes::kParts; ++p) out.part[p] = log_of(x.part[p]);
    return out;
}
KNN_CERT_INLINE void sine_and_cosine_of(const Lanes& x, Lanes& sine, Lanes& cosine) {
    for (int p = 0; p < Lanes::kParts; ++p) sine_and_cosine_of(x.part[p], sine.part[p], cosine.part[p]);
}

}  // namespace
}  // namespace knn_cert
