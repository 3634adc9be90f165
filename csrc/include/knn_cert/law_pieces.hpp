// law_pieces.hpp: the distance law of far rows: values at the Chebyshev points of pieces of s, and bounds on ellipses around them.
// No Python, no threads.
#pragma once

#include <memory>

#include "law_block.hpp"

namespace knn_cert {

// The Chebyshev points of a piece of width 2, and the way from moments to the weights of a sum over them.
class PiecePoints {
public:
    static const PiecePoints& get() {
        static const PiecePoints points;
        return points;
    }
    [[nodiscard]] double point(int i) const { return point_[i]; }

    // sum_i weights[i] p(point(i)) = sum over the rows of p(x), for every polynomial p of degree 15
    void weights(const double* moments, double* to) const {
        for (int i = 0; i < kMoments; ++i) to[i] = 0.0;
        for (int m = 0; m < kMoments; ++m)
            for (int i = 0; i < kMoments; ++i) to[i] += moments[m] * from_moment_[m][i];
    }

private:
    PiecePoints() {
        // T_j by the moments' products: T_{h+r} = 2 T_h T_r - T_{h-r}, h the highest power of 2 in j
        double chebyshev[kMoments][kMoments] = {};
        chebyshev[0][0] = 1.0;
        for (int h = 1; h < kMoments; h *= 2) {
            chebyshev[h][h] = 1.0;
            for (int r = 1; r < h; ++r)
                for (int m = 0; m < kMoments; ++m) chebyshev[h + r][m] = (m & h ? 2.0 * chebyshev[r][m ^ h] : 0.0) - chebyshev[h - r][m];
        }
        const double pi = 3.14159265358979323846;
        for (int i = 0; i < kMoments; ++i) {
            point_[i] = std::cos(pi * (i + 0.5) / kMoments);
            for (int m = 0; m < kMoments; ++m) {
                double sum = 0.0;
                for (int j = 0; j < kMoments; ++j)
                    sum += (j == 0 ? 1.0 : 2.0) / kMoments * std::cos(pi * j * (i + 0.5) / kMoments) * chebyshev[j][m];
                from_moment_[m][i] = sum;
            }
        }
    }
    double point_[kMoments], from_moment_[kMoments][kMoments];
};

namespace detail {

// I_{d/2}(z) / I_{d/2-1}(z) from below and above, d >= 1 (Amos). rho solves rho' = 1 - 2c rho / z - rho^2, c = (d-1)/2; rho' is a
// variance, so >= 0, which gives the upper bound; the lower one is a solution from below, with the same slope 1/d at 0.
inline double bessel_quotient_lower(double d, double z) {
    const double c = 0.5 * (d - 1.0);
    return z / (c + std::sqrt((c + 1.0) * (c + 1.0) + z * z));
}
inline double bessel_quotient_upper(double d, double z) {
    const double c = 0.5 * (d - 1.0);
    return z > 0.0 ? z / (c + std::sqrt(c * c + z * z)) : 0.0;
}

// A bound from below of |U(s + iy)| / U(s) for |y| <= reach and s in [from, to], given g = f / U at from, the largest, and at to, the
// least: 0 where there is none. U(s + iy) = exp(y^2/2) U(s) E exp(iyN), N the noise along the row given that R > t, and |E exp(iyN)|
// is at least the mean of cos(y (N - E N)), 1 - y^2 V / 2. Here V = 1 + U''/U - (U'/U)^2 = 1 + g (t - rho (s + (d-1)/s)) - g^2
// rho^2 with U' = rho f, rho at st; rho s grows with s, rho / s falls. With V the bound has its least value at an end of [0, reach].
inline double least_share(double d, double t, double from, double to, double g_from, double g_to, double reach) {
    const double rho_from = bessel_quotient_lower(d, from * t);
    const double rho_to = bessel_quotient_lower(d, to * t);
    const double slope = t - rho_from * from - (to > 0.0 ? (d - 1.0) * rho_to / to : 0.0);
    const double V = 1.0 + g_from * std::max(0.0, slope) - g_to * rho_from * (g_to * rho_from);
    const double y2 = reach * reach;
    const double at_reach = std::exp(0.5 * y2) * (1.0 - 0.5 * y2 * std::max(0.0, V));
    return std::max(0.0, std::min(1.0, at_reach));
}

// The supremum of f over s in [from, to] from its values at the ends: d log f / ds = t rho(st) - s.
inline double supremum(double d, double t, double from, double to, double f_from, double f_to) {
    const double rise = std::max(0.0, t * bessel_quotient_upper(d, to * t) - from);
    const double fall = std::max(0.0, to - t * bessel_quotient_lower(d, from * t));
    return std::max({f_from, f_to, std::min(f_from * std::exp(rise * (to - from)), f_to * std::exp(fall * (to - from)))});
}

}  // namespace detail

namespace detail {

// The law at the nodes around a piece that starts at `left`: at left - 1, left - 1/2, ..., left + 3/2. The ellipses reach no farther.
struct PieceSurroundings {
    static constexpr int kSamples = 6, kLeft = 2, kRight = 3;
    static_assert(kPiecesPerUnit == 2.0 && kEllipseReach[1] == 1.0, "samples are 1/2 apart and as far as the ellipses");

    double left;
    Split s[kSamples];  // the law depends on |s|
    double F[kSamples][kLanes], U[kSamples][kLanes], f[kSamples][kLanes];

    PieceSurroundings(NodeLaw& law, double left_end) : left(left_end) {
        for (int i = 0; i < kSamples; ++i) s[i] = {std::fabs(left + 0.5 * (i - kLeft))};
        law.evaluate(s[0].value, F[0], U[0], f[0]);
        law.evaluate_close(kSamples - 1, s + 1, F[1], U[1], f[1]);
    }

    // First and last sample of the ellipse e.
    static int first(int e) { return static_cast<int>(kLeft - 2.0 * kEllipseReach[e]); }
    static int last(int e) { return static_cast<int>(kRight + 2.0 * kEllipseReach[e]); }
    // The sample of it that is nearest to the query, where F is largest: the ellipse may reach beyond s = 0.
    [[nodiscard]] int nearest(int e) const { return left >= kEllipseReach[e] ? first(e) : kLeft - static_cast<int>(2.0 * left); }
    [[nodiscard]] double hazard(int i, int lane) const { return U[i][lane] > 0.0 ? f[i][lane] / U[i][lane] : 0.0; }

    [[nodiscard]] double largest_density(int e, int lane, double d, double t) const {
        double largest = 0.0;
        for (int i = first(e); i < last(e); ++i) {
            const bool rises = s[i].value < s[i + 1].value;
            const int nearer = rises ? i : i + 1;
            const int farther = rises ? i + 1 : i;
            largest = std::max(largest, supremum(d, t, s[nearer].value, s[farther].value, f[nearer][lane], f[farther][lane]));
        }
        return largest;
    }
};

// Where nothing is known about U a piece holds nothing: its bounds are this, its values 0.
constexpr double kInvalidPiece = 1e300;

// Bounds of |w| and |log U|, and of |g|, on an ellipse.
//
// For complex s, |F(s + iy)| <= exp(y^2 / 2) F(s), and so for f and U (the noise is Gaussian: the bound holds at each of its points).
// With F falling in s, F on an ellipse is at most exp(y^2 / 2) F(left end - reach), y its half axis, and |U| at least 1 less
// that, or least_share of U(left end - reach). In the first case |log U| <= |F| / |U|. In the second |log U| is at most
// log(1 / |U|), or y^2 / 2 where |U| > 1, and the angle of U at most y E N + pi / 2, as the mean of cos(y (N - E N)) is positive;
// E N = rho g <= g. (The law is needed for d >= 1 alone: the gate sees to it.)
inline void bound_on_ellipse(const PieceSurroundings& around, int e, int lane, double d, double t, double* sup_odds, double* sup_hazard) {
    // half axes y of the ellipses, sqrt(reach (reach + 1/2)) with foci 1/2 apart, rounded up; and exp(y^2 / 2)
    constexpr double kHalfAxis[2] = {0.70711, 1.22475};
    constexpr double kGrowth[2] = {1.28404, 2.11702};
    constexpr double kLargest = 1e100;  // of a quotient |F| / |U|: beyond, nothing is known about U
    constexpr double kAngle = 1.5708;   // pi / 2, rounded up
    const int nearest = around.nearest(e);
    const int last = PieceSurroundings::last(e);
    const double cdf = kGrowth[e] * around.F[nearest][lane];
    const double g = around.hazard(nearest, lane);
    const double by_share = around.U[nearest][lane] *
                            least_share(d, t, around.s[nearest].value, around.s[last].value, g, around.hazard(last, lane), kHalfAxis[e]);
    const double sf = std::max(1.0 - cdf, by_share);
    const bool safe = sf > 0.0 && cdf <= kLargest * sf;
    *sup_odds = safe ? cdf / sf : kInvalidPiece;
    if (safe && by_share > 1.0 - cdf)
        *sup_odds = std::max(*sup_odds, std::hypot(std::max(-std::log(sf), 0.5 * kHalfAxis[e] * kHalfAxis[e]), kHalfAxis[e] * g + kAngle));
    *sup_hazard = safe ? kGrowth[e] * around.largest_density(e, lane, d, t) / sf : kInvalidPiece;
}

}  // namespace detail

// The law at the points of a piece.
inline std::unique_ptr<PointLaw> build_points(NodeLaw& law, std::size_t index) {
    auto points = std::make_unique<PointLaw>();
    Split s[kMoments];
    for (int i = 0; i < kMoments; ++i) s[i] = interval_point(static_cast<double>(index), PiecePoints::get().point(i), kPiecesPerUnit);
    law.evaluate_close(kMoments, s, points->F[0], points->U[0], points->f[0]);
    return points;
}

// A piece for far rows.
inline std::unique_ptr<Piece> build_piece(NodeLaw& law, std::size_t index) {
    using Around = detail::PieceSurroundings;
    const Around around(law, static_cast<double>(index) / kPiecesPerUnit);
    auto piece = std::make_unique<Piece>();
    piece->cdf_left = around.F[Around::kLeft][kLanes - 1];
    piece->pdf_left = around.f[Around::kLeft][kLanes - 1];
    piece->cdf_right = around.F[Around::kRight][kLanes - 1];
    const std::unique_ptr<PointLaw> points = build_points(law, index);
    for (int lane = 0; lane < kLanes; ++lane) {
        for (int e = 0; e < 2; ++e)
            detail::bound_on_ellipse(around, e, lane, law.dof(), law.node(lane), &piece->sup_odds[e][lane], &piece->sup_hazard[e][lane]);
        const double F_left = around.F[Around::kLeft][lane];
        const double U_left = around.U[Around::kLeft][lane];
        const bool valid = std::min(piece->sup_odds[0][lane], piece->sup_odds[1][lane]) < detail::kInvalidPiece && U_left > 0.0;
        piece->odds_left[lane] = valid ? F_left / U_left : detail::kInvalidPiece;
        piece->hazard_left[lane] = std::min(piece->sup_hazard[0][lane], piece->sup_hazard[1][lane]);
        for (int i = 0; i < kMoments; ++i) {
            piece->log_sf[i][lane] = !valid                     ? 0.0
                                     : points->F[i][lane] < 0.5 ? std::log1p(-points->F[i][lane])
                                                                : std::log(points->U[i][lane]);
            piece->odds[i][lane] = valid ? points->F[i][lane] / points->U[i][lane] : 0.0;
            piece->hazard[i][lane] = valid ? points->f[i][lane] / points->U[i][lane] : 0.0;
        }
    }
    return piece;
}

}  // namespace knn_cert
