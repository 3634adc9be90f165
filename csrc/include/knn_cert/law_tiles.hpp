// law_tiles.hpp: the distance law of rows whose distance is large, as polynomials in two variables. No Python.
//
// With T = sqrt(s^2 + d), R is about T and its deviation within a factor of sqrt(2) of 1. As functions of v = asinh(s / sqrt(d)) and w = t - T,
// log f and the smaller tail over f are analytic and change slowly: in v singular at +-i pi / 2, in w at t = 0 and, the quotient, nowhere. A
// tile holds both as polynomials where v is within an interval of width 1/8 and w within one of width 1, through twelve and sixteen
// Chebyshev points: the ellipse that reaches 1 beyond an interval of v has r = 32, and r^-11 is 3e-17. What tiles lose in all is measured
// (tests) and part of law_error. They are made of single evaluations (ncx2.hpp) on first use, and depend on d alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>

#include "chebyshev_fit.hpp"
#include "lazy_row.hpp"
#include "leaf_interface.hpp"
#include "ncx2.hpp"

namespace knn_cert {

// Where a distance stands in the tiles: T, the interval of v and the place in it.
struct TilePlace {
    double T, x;
    std::size_t interval;
};

class LawTiles {
public:
    explicit LawTiles(double dof) : dof_(dof), root_(std::sqrt(dof)), tiles_(static_cast<std::size_t>(kIntervals) * 2 * kReach) {}

    [[nodiscard]] double dof() const { return dof_; }

    // False where T is too small for tiles, or too large.
    [[nodiscard]] bool place(double s, TilePlace& to) const {
        to.T = std::sqrt(s * s + dof_);
        if (!(to.T >= kLeast)) return false;
        const double v = std::asinh(s / root_) * kPerUnit;
        if (!(v < kIntervals)) return false;
        to.interval = static_cast<std::size_t>(v);
        to.x = 2.0 * (v - static_cast<double>(to.interval)) - 1.0;
        return true;
    }

    // The law is not certain there (law_reach.hpp): |w| is below kReach.
    const LawTile* tile(const TilePlace& place, double w) {
        const int row = std::clamp(static_cast<int>(std::floor(w)), -kReach, kReach - 1);
        const std::size_t at = place.interval * (2 * kReach) + static_cast<std::size_t>(row + kReach);
        return tiles_.get(at, bytes_, [&] { return build(place.interval, row); });
    }

    // The tiles that all with this dof share.
    static std::shared_ptr<LawTiles> shared(double dof) {
        static std::mutex& mutex = *new std::mutex;  // never destroyed, as in law_table.hpp
        static std::shared_ptr<LawTiles>& recent = *new std::shared_ptr<LawTiles>;
        std::lock_guard<std::mutex> lock(mutex);
        if (!recent || recent->dof() != dof) recent = std::make_shared<LawTiles>(dof);
        return recent;
    }

    static constexpr int kReach = 39;                            // of w, to both sides
    static constexpr double kLeast = 28.0, kLeastRadius = 14.0;  // of T and t

private:
    static constexpr int kIntervals = 192;
    static constexpr double kPerUnit = 8.0;

    [[nodiscard]] std::unique_ptr<LawTile> build(std::size_t interval, int row) const {
        const auto& in_v = ChebyshevFit::of<kTileTermsV>();
        const auto& in_w = ChebyshevFit::of<kTileTermsW>();
        auto tile = std::make_unique<LawTile>();
        // R has variance (s^2 + d / 2) / (s^2 + d) about
        const double middle = std::sinh((static_cast<double>(interval) + 0.5) / kPerUnit);
        tile->curvature = 0.5 * (middle * middle + 1.0) / (middle * middle + 0.5);
        for (int i = 0; i < kTileTermsV; ++i)
            for (int j = 0; j < kTileTermsW; ++j) {
                const double v = (static_cast<double>(interval) + 0.5 + 0.5 * in_v.point(i)) / kPerUnit;
                const double s = root_ * std::sinh(v);
                const double w = row + 0.5 + 0.5 * in_w.point(j);
                const Split s2 = split_square(s);
                // t^2 = s^2 + d + w (2 T + w)
                const Split gap = split_sum(dof_, w * (2.0 * std::sqrt(s2.value + dof_) + w));
                const Split t2 = split_sum(s2.value, gap.value);
                const ScaledLaw law = distance_law(dof_, s2, {t2.value, t2.rest + (gap.rest + s2.rest)});
                tile->coef[i][0][j] = law.log_scale + std::log(law.density) + tile->curvature * (w * w);
                tile->coef[i][1][j] = law.tail / law.density;
            }
        double* const coef = tile->coef[0][0];
        for (int i = 0; i < 2 * kTileTermsV; ++i) in_w.apply<1>(coef + i * kTileTermsW, coef + i * kTileTermsW);
        in_v.apply<2 * kTileTermsW>(coef, coef);
        tile->middle = row + 0.5;
        return tile;
    }

    double dof_, root_;
    LazyRow<LawTile> tiles_;  // by interval and row
    std::atomic<std::size_t> bytes_{0};
};

}  // namespace knn_cert
