// leaf_contour.hpp: sums over the points of a list, and over the angles of its contour, at eight nodes. No Python, no threads,
// no allocation.
#pragma once

#include "lanes_math.hpp"

namespace knn_cert {
namespace {

// The first estimates of p, and what is needed of rows at one point.
struct TiltedPoint {
    Lanes D, p, rest;  // U + F rho; p and 1 - p

    KNN_CERT_INLINE TiltedPoint(const double* F, const double* U, const Lanes& rho) {
        const Lanes inside = Lanes::load(F) * rho;
        const Lanes outside = Lanes::load(U);
        D = outside + inside;
        const Lanes inverse = Lanes::all(1.0) / D;
        p = inside * inverse;
        rest = outside * inverse;
    }
};

// Newton's method for log rho with sum p = goal, which grows with it, between bounds that close in; what it finds need not be exact
// (contour.hpp): a tenth of a standard deviation is enough.
void circle(const CircleTask& task) {
    constexpr double kFarthest = 60.0;
    constexpr double kLongestStep = 6.0;
    constexpr double kNear = 0.1;  // in standard deviations
    constexpr double kLeast = 0.02;
    constexpr double kClosed = 1e-3;
    constexpr int kMostSteps = 60;
    const Lanes zero = Lanes::all(0.0);
    const Lanes goal = Lanes::all(task.goal);
    Lanes log_rho = Lanes::load(task.log_rho);
    Lanes low = Lanes::all(-kFarthest);
    Lanes high = Lanes::all(kFarthest);
    Lanes variance;
    for (int step = 0; step < kMostSteps; ++step) {
        const Lanes rho = exp_of(log_rho);
        Lanes sum = zero;
        variance = zero;
        for (std::int64_t i = 0; i < task.n_pieces; ++i)
            for (int k = 0; k < 2; ++k) {
                const TiltedPoint point(task.pieces[i]->F[kCirclePoints[k]], task.pieces[i]->U[kCirclePoints[k]], rho);
                const Lanes share = Lanes::all(task.weights[2 * i + k]) * point.p;
                sum += share;
                variance += share * point.rest;
            }
        const Lanes miss = sum - goal;
        high = where_lt(zero, miss, log_rho, high);
        low = where_lt(zero, miss, low, log_rho);
        const Lanes square = miss * miss;
        const Lanes allowed = larger(Lanes::all(kNear * kNear) * variance, Lanes::all(kLeast * kLeast));
        // how far each node is from being done, by its miss and by its bounds
        const Lanes open = smaller(square - allowed, (high - low) - Lanes::all(kClosed));
        if (!any_lt(zero, open)) break;
        const Lanes newton = miss / larger(variance, Lanes::all(1e-300));
        Lanes next = log_rho - larger(smaller(newton, Lanes::all(kLongestStep)), Lanes::all(-kLongestStep));
        const Lanes middle = Lanes::all(0.5) * (low + high);
        next = where_lt(low, next, where_lt(next, high, next, middle), middle);
        log_rho = where_lt(zero, open, next, log_rho);
    }
    const Lanes rho = exp_of(log_rho);
    Lanes log_g = zero;
    Lanes hazard = zero;
    Lanes mean = zero;
    variance = zero;
    for (std::int64_t i = 0; i < task.n_pieces; ++i)
        for (int k = 0; k < 2; ++k) {
            const PointLaw& law = *task.pieces[i];
            const int at = kCirclePoints[k];
            const TiltedPoint point(law.F[at], law.U[at], rho);
            const Lanes weight = Lanes::all(task.weights[2 * i + k]);
            variance += weight * point.p * point.rest;
            log_g += weight * log_of(point.D);
            hazard += weight * (Lanes::load(law.f[at]) / point.D);
            mean += weight * Lanes::load(law.F[at]);
        }
    log_rho.store(task.log_rho);
    for (int lane = 0; lane < kLanes; ++lane) {
        double v[kLanes];
        variance.store(v);
        task.deviation[lane] = v[lane] > 0.0 ? sqrt(v[lane]) : 0.0;
    }
    log_g.store(task.log_g);
    hazard.store(task.hazard);
    mean.store(task.mean);
}

// Points whose sums of T_k are taken together, so that a sum is loaded and stored once for all of them: as many as registers hold.
constexpr int kContourGroup = kLanesPerRegister == 8 ? 4 : 2;

// One part of the lanes of sum k; the types of pointers to unaligned registers must not be deduced.
KNN_CERT_INLINE Register load_part(const double* sums, int k, int part) {
    return *reinterpret_cast<const UnalignedRegister*>(sums + k * kLanes + part * kLanesPerRegister);
}
KNN_CERT_INLINE void store_part(double* sums, int k, int part, const Register& value) {
    *reinterpret_cast<UnalignedRegister*>(sums + k * kLanes + part * kLanesPerRegister) = value;
}

// One part of the lanes of a group: sums of T_j^2, T_j T_{j+1} and h T_{2j}, h T_{2j+1}, j = 0 .. n_terms / 2, in the places of 2 j
// and 2 j + 1.
KNN_CERT_INLINE void add_group(int n_terms, int part, const Lanes* x, const Lanes* h, const double* w, double* C, double* D) {
    Register two_x[kContourGroup];
    Register before[kContourGroup];
    Register now[kContourGroup];
    Register weighted[kContourGroup];
    for (int i = 0; i < kContourGroup; ++i) {
        now[i] = x[i].part[part];
        two_x[i] = now[i] + now[i];
        before[i] = now[i] - now[i] + 1.0;
        weighted[i] = h[i].part[part] * w[i];
    }
    for (int j = 0; j <= n_terms / 2; ++j) {
        Register even = load_part(C, 2 * j, part);
        Register odd = load_part(C, 2 * j + 1, part);
        Register h_even = load_part(D, 2 * j, part);
        Register h_odd = load_part(D, 2 * j + 1, part);
        for (int i = 0; i < kContourGroup; ++i) {
            // T_j and T_{j+1} at before and now
            const Register share = before[i] * w[i];
            const Register h_share = before[i] * weighted[i];
            even += share * before[i];
            odd += share * now[i];
            h_even += h_share * before[i];
            h_odd += h_share * now[i];
            const Register next = two_x[i] * now[i] - before[i];
            before[i] = now[i];
            now[i] = next;
        }
        store_part(C, 2 * j, part, even);
        store_part(C, 2 * j + 1, part, odd);
        store_part(D, 2 * j, part, h_even);
        store_part(D, 2 * j + 1, part, h_odd);
    }
}

// 8 times the last Chebyshev coefficients of a function on a piece from its values at the points: factors (-1)^i sin(pi (i + 1/2) /
// 16) and (-1)^i sin(pi (i + 1/2) / 8).
constexpr double kLastTerm[kMoments / 2] = {0.098017140329560604, 0.29028467725446233, 0.47139673682599764, 0.63439328416364549,
                                            0.77301045336273699,  0.88192126434835494, 0.95694033573220882, 0.99518472667219682};
constexpr double kTermBefore[kMoments / 2] = {0.19509032201612825, 0.55557023301960218, 0.83146961230254512, 0.98078528040323043,
                                              0.98078528040323043, 0.83146961230254524, 0.55557023301960218, 0.19509032201612858};

KNN_CERT_INLINE Lanes last_coefficients(const Lanes* values) {
    const Lanes zero = Lanes::all(0.0);
    Lanes last = zero;
    Lanes before = zero;
    for (int i = 0; i < kMoments; i += 2) {
        // the sines are even and odd about the middle
        const int k = i < kMoments / 2 ? i : kMoments - 1 - i;
        const int next = i < kMoments / 2 ? i + 1 : kMoments - 2 - i;
        const double sign = i < kMoments / 2 ? 1.0 : -1.0;
        last += Lanes::all(kLastTerm[k]) * values[i] - Lanes::all(kLastTerm[next]) * values[i + 1];
        before += Lanes::all(sign * kTermBefore[k]) * values[i] - Lanes::all(sign * kTermBefore[next]) * values[i + 1];
    }
    return Lanes::all(0.125) * (larger(last, zero - last) + larger(before, zero - before));
}

// Sums of T_2j = 2 T_j^2 - 1, T_2j+1 = 2 T_j T_{j+1} - x from those of the products.
KNN_CERT_INLINE void from_products_of_terms(int n_terms, double* sums) {
    const Lanes two = Lanes::all(2.0);
    const Lanes first = Lanes::load(sums);
    const Lanes second = Lanes::load(sums + kLanes);
    for (int j = 1; j <= n_terms / 2; ++j) {
        double* const to = sums + 2 * j * kLanes;
        (two * Lanes::load(to) - first).store(to);
        (two * Lanes::load(to + kLanes) - second).store(to + kLanes);
    }
}

void contour_sums(const ContourTask& task) {
    const Lanes zero = Lanes::all(0.0);
    const Lanes rho = exp_of(Lanes::load(task.log_rho));
    Lanes log_g = zero;
    Lanes size = zero;
    Lanes mean = zero;
    Lanes unresolved_x = zero;
    Lanes unresolved_h = zero;
    Lanes rounded = zero;
    for (int i = 0; i < (task.n_terms + 2) * kLanes; ++i) task.C[i] = task.D[i] = 0.0;
    Lanes x[kMoments];
    Lanes h[kMoments];
    for (std::int64_t piece = 0; piece < task.n_pieces; ++piece) {
        const PointLaw& law = *task.pieces[piece];
        const double* const w = task.weights + piece * kMoments;
        Lanes of_piece = zero;
        Lanes first_log = zero;
        Lanes last_log = zero;
        for (int i = 0; i < kMoments; ++i) {
            const Lanes F = Lanes::load(law.F[i]);
            const Lanes U = Lanes::load(law.U[i]);
            const Lanes inside = F * rho;
            const Lanes D = U + inside;
            const Lanes inverse = Lanes::all(1.0) / D;
            x[i] = (inside - U) * inverse;
            h[i] = Lanes::load(law.f[i]) * inverse;
            const Lanes weight = Lanes::all(w[i]);
            last_log = log_of(D);
            if (i == 0) first_log = last_log;
            const Lanes share = weight * last_log;
            of_piece += share;
            size += larger(share, zero - share);
            mean += weight * F;
        }
        log_g += of_piece;
        const Lanes change = x[0] - x[kMoments - 1];
        const Lanes change_of_log = last_log - first_log;
        rounded += Lanes::all(task.rounding[piece]) * (larger(change, zero - change) + larger(change_of_log, zero - change_of_log));
        const Lanes magnitude = Lanes::all(task.magnitude[piece]);
        unresolved_x += magnitude * last_coefficients(x);
        unresolved_h += magnitude * last_coefficients(h);
        for (int part = 0; part < Lanes::kParts; ++part)
            for (int i = 0; i < kMoments; i += kContourGroup) add_group(task.n_terms, part, x + i, h + i, w + i, task.C, task.D);
    }
    from_products_of_terms(task.n_terms, task.C);
    from_products_of_terms(task.n_terms, task.D);
    log_g.store(task.log_g);
    size.store(task.size_of_log);
    mean.store(task.mean);
    unresolved_x.store(task.unresolved_x);
    unresolved_h.store(task.unresolved_h);
    rounded.store(task.rounded);
}

// Series in q at one angle: log of the product of 1 - p + p e^{i theta} less its share of first order, and the density's factor.
struct AngleSeries {
    Lanes re, im, h_re, h_im;

    KNN_CERT_INLINE AngleSeries(const AngleTask& task, double q) {
        const Lanes zero = Lanes::all(0.0);
        const Lanes active = Lanes::all(task.active);
        re = im = h_im = zero;
        h_re = Lanes::load(task.D);
        double power = 1.0;
        double sign = -1.0;  // of i^k: + for k = 1 and 2, then - for two, and so on, of the logarithm
        for (int k = 1; k <= task.n_terms; k += 2) {
            sign = -sign;
            const double odd = 2.0 * sign * (power *= q);
            const double even = 2.0 * sign * (power *= q);
            const Lanes D_odd = Lanes::load(task.D + k * kLanes);
            const Lanes D_even = Lanes::load(task.D + (k + 1) * kLanes);
            h_im = h_im - Lanes::all(odd) * D_odd;
            h_re = h_re - Lanes::all(even) * D_even;
            if (k > 1) im += Lanes::all(odd / k) * (Lanes::load(task.C + k * kLanes) + active);
            re += Lanes::all(even / (k + 1)) * (Lanes::load(task.C + (k + 1) * kLanes) - active);
        }
    }
};

void contour_angles(const AngleTask& task) {
    const Lanes zero = Lanes::all(0.0);
    const Lanes one = Lanes::all(1.0);
    const Lanes offset = Lanes::load(task.offset);
    const Lanes inner = Lanes::load(task.inner);
    const Lanes variance = Lanes::load(task.variance);
    double log_rho[kLanes];
    double less[kLanes];
    Lanes::load(task.log_rho).store(log_rho);
    for (int lane = 0; lane < kLanes; ++lane) less[lane] = -expm1(log_rho[lane]);
    const Lanes one_less = Lanes::load(less);  // 1 - rho
    const Lanes rho = one - one_less;
    const Lanes hazard = Lanes::load(task.D);
    Lanes density = zero;
    Lanes count = zero;
    Lanes size_of_density = zero;
    Lanes size_of_count = zero;
    Lanes doubt_of_density = zero;
    Lanes doubt_of_count = zero;
    for (int j = 0; j < task.n_angles; ++j) {
        const ContourAngle& angle = task.angles[j];
        const AngleSeries series(task, angle.q);
        const Lanes sine = Lanes::all(angle.sine);
        const Lanes cosine = Lanes::all(angle.cosine);
        const Lanes size = exp_of(series.re);
        Lanes im = series.im + Lanes::all(angle.theta) * offset + Lanes::all(4.0 * angle.q - angle.theta) * inner;
        Lanes e_re;
        Lanes e_im;
        sine_and_cosine_of(im, e_im, e_re);
        e_re = e_re * size;
        e_im = e_im * size;
        // times e^{-i theta / 2} and the factor of the density
        const Lanes half_re = e_re * cosine + e_im * sine;
        const Lanes half_im = e_im * cosine - e_re * sine;
        density += half_re * series.h_re - half_im * series.h_im;
        // over 1 - z
        const Lanes z_re = one_less + Lanes::all(2.0 * angle.sine * angle.sine) * rho;
        const Lanes z_im = zero - Lanes::all(2.0 * angle.sine * angle.cosine) * rho;
        const Lanes inverse = one / (z_re * z_re + z_im * z_im);
        count += (e_re * z_re + e_im * z_im) * inverse;
        // sizes: |a| + |b| for a modulus, within a factor of sqrt(2) from above
        const auto absolute = [zero](const Lanes& value) { return larger(value, zero - value); };
        const Lanes factor = absolute(series.h_re) + absolute(series.h_im);
        const Lanes pole = (absolute(z_re) + absolute(z_im)) * inverse;
        size_of_density += size * factor;
        size_of_count += size * pole;
        // The remainder R multiplies the integrand by e^R, |R| <= 1/2: by 1.3 R at most. Else both the value and what it
        // should be, exp(-2 V sin^2(theta / 2)) at most, are counted whole.
        Lanes doubt = Lanes::all(1.3 * angle.remainder) * size;
        if (angle.remainder > 0.5) doubt = size + exp_of(Lanes::all(-2.0 * angle.sine * angle.sine) * variance);
        doubt_of_count += doubt * pole;
        doubt_of_density += doubt * (factor + Lanes::all(angle.of_hazard) * hazard) + Lanes::all(angle.of_hazard) * size * hazard;
    }
    density.store(task.density);
    count.store(task.count);
    size_of_density.store(task.size_of_density);
    size_of_count.store(task.size_of_count);
    doubt_of_density.store(task.doubt_of_density);
    doubt_of_count.store(task.doubt_of_count);
}

}  // namespace
}  // namespace knn_cert
