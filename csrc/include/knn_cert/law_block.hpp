// law_block.hpp: the distance law at eight nodes at once, for any row. No Python, no threads.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "law_reach.hpp"
#include "law_tiles.hpp"
#include "leaf_interface.hpp"
#include "ncx2.hpp"

namespace knn_cert {

// Sums of F, U and f at eight nodes share the Poisson weights of the row and the gamma tails of the nodes:
//     F = sum_j p_j P_j,   U = sum_j p_j Q_j,   f = t sum_j p_j g_{j-1}     (ncx2.hpp, here both tails as sums).
class NodeLaw {
public:
    // nodes: eight increasing radii in units of sigma; 0 and infinity are allowed.
    void set_nodes(double dof, const double* nodes, const LeafLoops& leaf) {
        dof_ = dof;
        leaf_ = &leaf;
        if (!tiles_ || tiles_->dof() != dof) tiles_ = LawTiles::shared(dof);
        first_chunk_ = end_chunk_ = 0;
        terms_.clear();
        for (int l = 0; l < kLanes; ++l) {
            t_[l] = nodes[l];
            y_[l] = half(split_square(t_[l]));
            if (!(t_[l] < kInfinity)) y_[l].rest = 0.0;
        }
    }

    [[nodiscard]] double dof() const { return dof_; }
    [[nodiscard]] double node(int lane) const { return t_[lane]; }
    // How far from a radius the nodes reach; nodes at 0 and infinity do not count.
    [[nodiscard]] double farthest_node(double radius) const {
        double farthest = 0.0;
        for (int l = 0; l < kLanes; ++l)
            if (t_[l] > 0.0 && t_[l] < kInfinity) farthest = std::max(farthest, std::fabs(t_[l] - radius));
        return farthest;
    }

    // F, U, f: eight values each.
    void evaluate(double s, double* F, double* U, double* f) {
        const Split exact{s};
        evaluate_points(1, &exact, F, U, f);
    }

    // F, U, f of n points, eight values each; the points lie close together.
    void evaluate_close(int n, const Split* s, double* F, double* U, double* f) {
        for (int i = 0; i < n;) {
            const int now = n - i >= kLawPoints ? kLawPoints : 1;
            evaluate_points(now, s + i, F + i * kLanes, U + i * kLanes, f + i * kLanes);
            i += now;
        }
    }

private:
    void evaluate_points(int n, const Split* s, double* F, double* U, double* f) {
        if (by_tiles(n, s, F, U, f) || by_reach(n, s, F, U, f) || by_sums(n, s, F, U, f)) return;
        for (int i = 0; i < n; ++i) one_by_one(s[i], F + i * kLanes, U + i * kLanes, f + i * kLanes);
    }

    // False where T or a node is too small for tiles.
    bool by_tiles(int n, const Split* s, double* F, double* U, double* f) {
        for (int i = 0; i < n; ++i) {
            TilePlace place;
            if (!tiles_->place(s[i].value, place) || !by_tiles(s[i], place, F + i * kLanes, U + i * kLanes, f + i * kLanes)) return false;
        }
        return true;
    }
    bool by_tiles(const Split& s, const TilePlace& place, double* F, double* U, double* f) {
        const LawReach reach(dof_, s.value);
        const Split s2 = squared(s);
        const LawTile* tiles[kLanes] = {};
        double w[kLanes];
        const LawTile* some = nullptr;
        for (int l = 0; l < kLanes; ++l) {
            if (reach.within(t_[l]) || reach.outside(t_[l])) continue;
            if (t_[l] < LawTiles::kLeastRadius) return false;
            // t - T as a quotient of differences of squares that keep every digit
            const Split gap = split_sum(2.0 * y_[l].value, -s2.value);
            const Split off = split_sum(gap.value, -dof_);
            w[l] = (off.value + (off.rest + (gap.rest + (2.0 * y_[l].rest - s2.rest)))) / (t_[l] + place.T);
            some = tiles[l] = tiles_->tile(place, w[l]);
        }
        if (!some) return by_reach(1, &s, F, U, f);
        bool certain[kLanes];
        for (int l = 0; l < kLanes; ++l) {
            certain[l] = !tiles[l];
            if (certain[l]) tiles[l] = some, w[l] = some->middle;
        }
        leaf_->tile_law(tiles, w, place.x, F, U, f);
        for (int l = 0; l < kLanes; ++l)
            if (certain[l]) F[l] = reach.within(t_[l]) ? 1.0 : 0.0, U[l] = 1.0 - F[l], f[l] = 0.0;
        return true;
    }

    // The node nearest to the middle of the law of a row at s: its largest term is the largest of all.
    [[nodiscard]] int nearest_node(double s) const {
        const double middle = std::sqrt(s * s + dof_);
        int nearest = 0;
        for (int l = 1; l < kLanes; ++l)
            if (std::fabs(t_[l] - middle) < std::fabs(t_[nearest] - middle)) nearest = l;
        return nearest;
    }

    struct Range {
        double least = kInfinity, most = 0.0;
        void include(double x) {
            least = std::min(least, x);
            most = std::max(most, x);
        }
    };

    // False where the sums are too long, or their terms underflow.
    bool by_sums(int n, const Split* s, double* F, double* U, double* f) {
        const int nearest = nearest_node(s[0].value);
        const double t = t_[nearest];
        Range rows;
        Range nodes;  // of the finite nodes
        for (int i = 0; i < n; ++i) rows.include(s[i].value);
        for (int l = 0; l < kLanes; ++l)
            if (t_[l] < kInfinity) nodes.include(t_[l]);
        if (!(t > 0.0 && t < kInfinity && rows.most * nodes.most <= kLongSum && nodes.most <= kFarNode)) return false;
        const double j0 = peak(s[0].value, t);
        double mu[kLawPoints];
        double p_j0[kLawPoints];
        for (int i = 0; i < n; ++i) {
            const Split mean = half(squared(s[i]));
            mu[i] = mean.value;
            const double log_p = log_poisson_weight({j0}, mean);
            p_j0[i] = std::exp(log_p);
            if (!(log_p + log_poisson_weight(0.5 * dof_ + j0, y_[nearest].value) >= kSmallestLogTerm)) return false;
        }
        // F's and U's terms peak between mu and s t / 2 - a / 2 or so; they are below 1e-19 of their sums ten deviations off
        const double low = std::min({0.5 * rows.least * rows.least, j0, peak(rows.least, nodes.least)});
        const double high = std::max({0.5 * rows.most * rows.most, j0, peak(rows.most, nodes.most)});
        const std::int64_t first = std::max<std::int64_t>(0, static_cast<std::int64_t>(low - 11.0 * std::sqrt(low + 20.0) - 40.0));
        const std::int64_t end = static_cast<std::int64_t>(high + 11.0 * std::sqrt(high + 20.0) + 40.0) + 1;
        double sums[3 * kLanes * kLawPoints];
        leaf_->law_sums(n, mu, static_cast<std::int64_t>(j0), p_j0, terms(first, end), first, end, sums);
        for (int i = 0; i < n; ++i) take_sums(sums + 3 * kLanes * i, F + i * kLanes, U + i * kLanes, f + i * kLanes);
        return true;
    }

    // The larger tail as the complement: its sum has a relative error of about 1e-14, the same sign for all rows, and thousands of
    // factors U near 1 would add it up.
    void take_sums(const double* sums, double* F, double* U, double* f) const {
        for (int l = 0; l < kLanes; ++l) {
            const double sum_F = sums[l];
            const double sum_U = sums[kLanes + l];
            const bool lower = sum_F <= sum_U;
            F[l] = lower ? sum_F : 1.0 - sum_U;
            U[l] = lower ? 1.0 - sum_F : sum_U;
            f[l] = t_[l] < kInfinity ? t_[l] * sums[2 * kLanes + l] : 0.0;
        }
    }

    // Where each node is out of each row's reach no sum is needed.
    bool by_reach(int n, const Split* s, double* F, double* U, double* f) const {
        for (int i = 0; i < n; ++i) {
            const LawReach reach(dof_, s[i].value);
            for (int l = 0; l < kLanes; ++l) {
                const int at = i * kLanes + l;
                const bool within = reach.within(t_[l]);
                if (!within && !reach.outside(t_[l])) return false;
                F[at] = within ? 1.0 : 0.0;
                U[at] = within ? 0.0 : 1.0;
                f[at] = 0.0;
            }
        }
        return true;
    }

    // Beyond this s t, or t, one evaluation after the other is faster than the sums and the gamma tails (measured).
    static constexpr double kLongSum = 4e5, kFarNode = 4500.0;
    // The largest term must be well above exp(-745), where numbers end.
    static constexpr double kSmallestLogTerm = -690.0;

    // j with the largest p_j g_j at node t: j (j + a) = mu y
    [[nodiscard]] double peak(double s, double t) const {
        const double a = 0.5 * dof_;
        const double product = 0.25 * s * s * t * t;
        return std::floor(product / (0.5 * a + std::sqrt(0.25 * a * a + product)));
    }

    static Split squared(const Split& s) {
        Split square = split_square(s.value);
        square.rest += 2.0 * s.value * s.rest;
        return square;
    }

    void one_by_one(const Split& s, double* F, double* U, double* f) const {
        for (int l = 0; l < kLanes; ++l) {
            const ScaledLaw law = distance_law(dof_, squared(s), {2.0 * y_[l].value, 2.0 * y_[l].rest});
            F[l] = law.cdf();
            U[l] = law.sf();
            f[l] = law.pdf();
        }
    }

    // P_j, Q_j and g_{j-1} at the eight nodes for first <= j < end, 3 x 8 numbers each. They are made in chunks that depend on
    // nothing but the nodes: what a cell holds must not depend on what was asked for before it.
    const double* terms(std::int64_t first, std::int64_t end) {
        const std::int64_t from = first / kChunk;
        const std::int64_t to = (end + kChunk - 1) / kChunk;
        if (end_chunk_ == first_chunk_) first_chunk_ = end_chunk_ = from;
        if (from < first_chunk_) {
            terms_.insert(terms_.begin(), static_cast<std::size_t>((first_chunk_ - from) * kChunk * kTerm), 0.0);
            for (std::int64_t c = from; c < first_chunk_; ++c) make_chunk(c, terms_.data() + (c - from) * kChunk * kTerm);
            first_chunk_ = from;
        }
        if (to > end_chunk_) {
            terms_.resize(static_cast<std::size_t>((to - first_chunk_) * kChunk * kTerm));
            for (std::int64_t c = end_chunk_; c < to; ++c) make_chunk(c, terms_.data() + (c - first_chunk_) * kChunk * kTerm);
            end_chunk_ = to;
        }
        return terms_.data() + (first - first_chunk_ * kChunk) * kTerm;
    }

    void make_chunk(std::int64_t chunk, double* to) const {
        for (int l = 0; l < kLanes; ++l) {
            double* const P = to + l;
            double* const Q = P + kLanes;
            double* const g = Q + kLanes;
            if (y_[l].value == 0.0 || y_[l].value == kInfinity) {
                for (std::int64_t j = 0; j < kChunk; ++j) {
                    P[j * kTerm] = y_[l].value == 0.0 ? 0.0 : 1.0;
                    Q[j * kTerm] = y_[l].value == 0.0 ? 1.0 : 0.0;
                    g[j * kTerm] = 0.0;
                }
                continue;
            }
            const double a = 0.5 * dof_ + static_cast<double>(chunk * kChunk);  // the order of the first term
            const double y = y_[l].value;
            const double rest = y_[l].rest;
            for (std::int64_t from = 0; from < kChunk; from += kRun) make_weights(a, y_[l], from, g);
            P[(kChunk - 1) * kTerm] = gamma_tails(a + static_cast<double>(kChunk - 1), y, rest).p;
            for (std::int64_t j = kChunk - 2; j >= 0; --j) P[j * kTerm] = P[(j + 1) * kTerm] + g[(j + 1) * kTerm];
            Q[0] = gamma_tails(a, y, rest).q;
            for (std::int64_t j = 1; j < kChunk; ++j) Q[j * kTerm] = Q[(j - 1) * kTerm] + g[j * kTerm];
        }
    }

    // g_{j-1} = w(a + j - 1, y), from <= j < from + kRun, from the largest of them both ways: errors do not pile up, and nothing starts
    // from a number that has underflowed.
    static void make_weights(double a, const Split& y, std::int64_t from, double* g) {
        const double above_first = std::floor(y.value - (a + static_cast<double>(from)));
        const std::int64_t top = from + static_cast<std::int64_t>(std::min(static_cast<double>(kRun - 1), std::max(0.0, above_first)));
        const Split order = split_sum(a, static_cast<double>(top));
        g[top * kTerm] = order.value >= 1.0 ? std::exp(log_poisson_weight({order.value - 1.0, order.rest}, y))
                                            : std::exp(log_poisson_weight(order, y)) * (order.value / y.value);
        for (std::int64_t j = top + 1; j < from + kRun; ++j)
            g[j * kTerm] = g[(j - 1) * kTerm] * (y.value / (a + static_cast<double>(j - 1)));
        for (std::int64_t j = top - 1; j >= from; --j) g[j * kTerm] = g[(j + 1) * kTerm] * ((a + static_cast<double>(j)) / y.value);
    }

    static constexpr std::int64_t kChunk = 256, kRun = 64, kTerm = 3 * kLanes;
    double dof_ = 1.0;
    std::shared_ptr<LawTiles> tiles_;
    const LeafLoops* leaf_ = nullptr;
    double t_[kLanes] = {};
    Split y_[kLanes] = {};  // t^2 / 2
    std::int64_t first_chunk_ = 0, end_chunk_ = 0;
    std::vector<double> terms_;
};

// The point x in [-1, 1] of an interval of s, exactly: far out the last bit of s would cost F and U several.
inline Split interval_point(double index, double x, double per_unit) {
    const Split sum = split_sum(index + 0.5, 0.5 * x);
    return {sum.value / per_unit, sum.rest / per_unit};  // a power of 2
}

}  // namespace knn_cert
