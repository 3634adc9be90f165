// strip.hpp: how far sums over the nodes of a window are from their integrals, for all races of two lists at once. No Python, no threads.
//
// Docs/moved-rows.md, "Sums for integrals". g(u), the integrand, is analytic. With q = exp(2 pi i u / h) and ends u_0, u_1 half a step
// beyond the nodes, Cauchy's theorem for g cot(pi u / h) on the rectangle of height v above the window and that below it gives
//     |h sum g - integral of g over (u_0, u_1)| <= 2 / (e^(2 pi v / h) - 1) (integral of |g(u + iv)| over (u_0, u_1))
//         + 2 sum over both ends of the integral of |g(u_e + iy)| e^(-2 pi y / h) / (1 + e^(-2 pi y / h)) over (0, v).
// |g| is bounded box by box by leaf_strip.hpp. Along Im u = w the radius t = log(1 + e^u) = x + iy has y = w - arcsin(e^-x sin w),
// which grows with x, while y / x falls; and |dt/du| = |e^u / (1 + e^u)| = e^(Re u - x).
#pragma once

#include <cmath>
#include <limits>

#include "leaf_interface.hpp"
#include "quadrature.hpp"

namespace knn_cert {

// Logarithms of bounds of one list, in eight boxes: leaf_strip.hpp.
struct StripCounts {
    double less[kLanes], density[kLanes];
};

// Errors of the sums over f_A P(N_B < m'), over f_B P(N_A < m), and over f_A and f_B alone.
struct StripErrors {
    double a_first = 0.0, b_first = 0.0, a_mass = 0.0, b_mass = 0.0;

    [[nodiscard]] double largest() const { return std::max(a_first, b_first); }
    StripErrors& operator+=(const StripErrors& more) {
        a_first += more.a_first, b_first += more.b_first;
        a_mass += more.a_mass, b_mass += more.b_mass;
        return *this;
    }
};

class Strip {
public:
    // Nodes of step h in u.
    Strip(double dof, int level, double height) : dof_(dof), h_(std::ldexp(1.0, -level)), v_(height) {}

    // The boxes over the cells of width h about the nodes of a block.
    [[nodiscard]] StripNodes over(const NodeBlock& block) const {
        StripNodes out;
        for (int lane = 0; lane < kLanes; ++lane) set(out, lane, block.position(lane), v_);
        return out;
    }
    // The boxes over the end of the window at a node, to eight heights.
    [[nodiscard]] StripNodes end(double position) const {
        StripNodes out;
        for (int lane = 0; lane < kLanes; ++lane) set(out, lane, position, height(lane));
        return out;
    }

    // What the boxes over a block add to the errors.
    void add_block(const NodeBlock& block, const StripCounts& a, const StripCounts& b, StripErrors& errors) const {
        const double share = 2.0 / std::expm1(2.0 * kPi * v_ / h_) * h_;
        for (int lane = 0; lane < kLanes; ++lane) add(block.position(lane), share, a, b, lane, v_, errors);
    }
    // What the end of the window at a node adds.
    void add_end(double position, const StripCounts& a, const StripCounts& b, StripErrors& errors) const {
        const double rate = 2.0 * kPi / h_;
        double before = std::log(2.0);
        for (int lane = 0; lane < kLanes; ++lane) {
            const double after = std::log1p(std::exp(-rate * height(lane)));
            add(position, 2.0 * (before - after) / rate, a, b, lane, height(lane), errors);
            before = after;
        }
    }

private:
    static constexpr double kPi = 3.14159265358979323846;
    // For the rounding of bounds: they are sums of some thousands of terms, with relative errors of 1e-12 at most.
    static constexpr double kRounding = 1.0 + 1e-6;

    [[nodiscard]] double height(int lane) const { return v_ * (lane + 1) / kLanes; }
    static double height_of(double x, double w) { return w - std::asin(std::exp(-x) * std::sin(w)); }

    // From t(u) the real part x of t(u + iw) is -log(1 - q) / 2 away, q = 2 (1 - cos w) p (1 - p), p = 1 - e^-t, and no farther for
    // smaller w. The logarithm of p (1 - p) has a slope of at most 1 in u: over a cell it is at most e^(h / 2) times what it is at one end.
    [[nodiscard]] double lag(double t, double w) const {
        const double sine = std::sin(0.5 * w);
        return -0.5 * std::log1p(-4.0 * sine * sine * std::exp(0.5 * h_ - t) * -std::expm1(-t));
    }

    void set(StripNodes& out, int lane, double u, double w) const {
        const double t = radius_of(u);
        const double above = radius_of(u + 0.5 * h_);
        const double below = radius_of(u - 0.5 * h_);
        const double delta = std::max(above - t, t - below + lag(t, w));
        const double left = t - delta;
        const double right = t + delta;
        const double y = height_of(right, w);
        const double slope = height_of(left, w) / left;
        const double stretch = 0.5 * y * y + 0.5 * (dof_ - 1.0) * std::log1p(slope * slope);
        out.y[lane] = y, out.delta[lane] = delta, out.left[lane] = left, out.right[lane] = right;
        out.slope_left[lane] = (dof_ - 1.0) / left - left;
        out.slope_right[lane] = (dof_ - 1.0) / right - right;
        out.bend[lane] = 1.0 + (dof_ - 1.0) / (left * left);
        out.B[lane] = std::exp(std::min(stretch, kMostStretch));
        out.C[lane] = out.B[lane] * std::sqrt(1.0 + slope * slope);
        out.rate_F[lane] = dof_ / left + right + kReach;
        out.rate_U[lane] = right + 1.0;
        out.grow_F[lane] = std::exp(std::min(kMostStretch, delta * out.rate_F[lane]));
        out.grow_U[lane] = std::exp(std::min(kMostStretch, delta * out.rate_U[lane]));
    }

    // f / F <= d / t + s, and of rows that lie farther beyond t than this F is below exp(-1200), nothing.
    static constexpr double kReach = 50.0;
    // A factor beyond exp(kMostStretch) is not bounded, see add.
    static constexpr double kMostStretch = 300.0;

    void add(double u, double share, const StripCounts& a, const StripCounts& b, int lane, double w, StripErrors& errors) const {
        StripNodes box;
        set(box, lane, u, w);
        const double most = std::exp(0.999 * kMostStretch);
        const bool bounded = box.left[lane] > 0.0 && box.C[lane] < most && box.grow_F[lane] < most && box.grow_U[lane] < most;
        // |dt/du| at most: e^(Re u) = e^t(Re u) - 1
        const double above = radius_of(u + 0.5 * h_);
        const double factor =
            bounded ? kRounding * share * std::exp(above - box.left[lane]) * -std::expm1(-above) : std::numeric_limits<double>::infinity();
        const auto times = [factor](double log_size) {
            const double size = factor * std::exp(std::min(log_size, 700.0));
            return size >= 0.0 ? size : std::numeric_limits<double>::infinity();  // NaN is no bound
        };
        errors.a_first += times(a.density[lane] + b.less[lane]);
        errors.b_first += times(a.less[lane] + b.density[lane]);
        errors.a_mass += times(a.density[lane]);
        errors.b_mass += times(b.density[lane]);
    }

    double dof_, h_, v_;
};

}  // namespace knn_cert
