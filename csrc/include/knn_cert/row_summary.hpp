// row_summary.hpp: one list of rows as a query sees it: its nearest rows one by one, the others as moments. No Python, no threads.
//
// Rows come in any order and any number of portions. The far ones leave nothing but sums over their pieces of s (leaf_interface.hpp), from
// which every smooth function can be summed over them (far_rows.hpp): neither memory nor the work that follows depends on
// their number.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "leaf_interface.hpp"

namespace knn_cert {

// Rows whose expected radius exceeds that of the last near row by this are dropped. R is 1-Lipschitz in the noise: it is off its
// mean by u with probability exp(-u^2 / 2) at most, and its mean off sqrt(s^2 + d) by less than 1. A contest that is open at radius t
// has at least 25 near rows late (four for each of the D powers and 32 at least are near), so that where it is open with probability
// 1e-302 or more, below which no node counts (continuous.hpp), t is less than 8 beyond the mean of the last near row. There a dropped
// row's mean is 27 away: F is below exp(-27^2 / 2) < 1e-158, that of the near ones above 1e-15, and at smaller t the quotient is still
// less (it grows with t): no coefficient changes by a relative 1e-130.
constexpr double kDroppedFrom = 36.0;

// Distances of near rows, in units of sigma, in any order.
struct NearRows {
    const double* s;
    std::size_t n;
    [[nodiscard]] const double* begin() const { return s; }
    [[nodiscard]] const double* end() const { return s + n; }
};

class RowSummary {
public:
    static constexpr std::size_t kAllNear = std::numeric_limits<std::size_t>::max() / 4;

    // n_near: how many of the nearest rows are kept, if there are that many; at most twice as many. kAllNear: all are.
    void start(std::size_t n_near, double dof, const LeafLoops& leaf) {
        n_near_ = n_near;
        dof_ = dof;
        leaf_ = &leaf;
        n_kept_ = 0;
        n_rows_ = recent_rows_ = 0;
        bound_ = far_ = std::numeric_limits<double>::infinity();
        complete_ = true;
    }

    // All rows as moments, none of them near; rows beyond the reach of the pieces are only counted. farthest: of the rows to come, if known.
    void start_moments(double dof, const LeafLoops& leaf, double farthest = 0.0) {
        start(0, dof, leaf);
        bound_ = 0.0;
        recent_.clear();
        settled_.clear();
        reach_to(farthest);
    }

    // Rows at distances[i] * scale, in units of sigma.
    void add(const double* distances, std::int64_t n, double scale) {
        n_rows_ += n;
        while (n > 0) {
            const std::int64_t now = std::min<std::int64_t>(n, kPortion);
            if (near_.size() < n_kept_ + static_cast<std::size_t>(now)) near_.resize(2 * near_.size() + static_cast<std::size_t>(kPortion));
            double* const to = near_.data() + n_kept_;
            if (n_near_ == 0) reach_to(scale * *std::max_element(distances, distances + now));
            if (has_far()) {
                n_kept_ += static_cast<std::size_t>(sort_out(distances, now, scale, to));
            } else {
                for (std::int64_t i = 0; i < now; ++i) to[i] = distances[i] * scale;
                n_kept_ += static_cast<std::size_t>(now);
            }
            if (n_kept_ > 2 * n_near_) shrink();
            distances += now;
            n -= now;
        }
    }

    // After the last row.
    void finish() {
        if (has_far() && n_kept_ > n_near_ + n_near_ / 4) shrink();
        settle();
    }

    [[nodiscard]] NearRows near() const { return {near_.data(), n_kept_}; }
    [[nodiscard]] std::size_t n_rows() const { return static_cast<std::size_t>(n_rows_); }
    [[nodiscard]] bool has_far() const { return bound_ < std::numeric_limits<double>::infinity(); }
    // Where the pieces end, without near rows.
    [[nodiscard]] double far() const { return far_; }
    // False if there are rows that are neither near nor dropped nor in reach of the pieces.
    [[nodiscard]] bool complete() const { return complete_; }
    // Far rows: moments of piece i at moments(i), its first one the number of its rows.
    [[nodiscard]] std::size_t n_pieces() const { return has_far() ? settled_.size() / kMoments - 1 : 0; }
    [[nodiscard]] const double* moments(std::size_t piece) const { return settled_.data() + (1 + piece) * kMoments; }
    // Relative error of the moments: sums of sums, and a few roundings of each term.
    [[nodiscard]] double rounding() const {
        const std::int64_t in_one_sum = std::min(n_rows_, kSettled);
        const std::int64_t n_sums = n_rows_ / kSettled;
        return std::ldexp(2.0, -53) * (static_cast<double>(in_one_sum) + static_cast<double>(n_sums) + 32.0);
    }

private:
    static constexpr std::int64_t kPortion = 512, kSettled = 4096;
    static constexpr double kReach = static_cast<double>(kPieces) / kPiecesPerUnit;

    std::int64_t sort_out(const double* distances, std::int64_t n, double scale, double* near_rows) {
        if (recent_rows_ + n > kSettled) settle();
        recent_rows_ += n;
        return leaf_->sort_out(distances, n, scale, bound_, far_, near_rows, recent_.data());
    }

    // The farthest of the near rows go to the moments.
    void shrink() {
        const auto last = near_.begin() + static_cast<std::ptrdiff_t>(n_near_) - 1;
        std::nth_element(near_.begin(), last, near_.begin() + static_cast<std::ptrdiff_t>(n_kept_));
        const bool first_time = !has_far();
        bound_ = *last;
        const double radius = std::sqrt(bound_ * bound_ + dof_) + kDroppedFrom;
        far_ = std::sqrt(radius * radius - dof_);
        complete_ = complete_ && far_ <= kReach;
        far_ = std::min(far_, kReach);
        if (first_time) {
            recent_.clear();
            settled_.clear();
            make_pieces(far_);
        }
        const std::int64_t excess = static_cast<std::int64_t>(n_kept_ - n_near_);
        n_kept_ = n_near_;
        sort_out(near_.data() + n_near_, excess, 1.0, nullptr);  // none of them is below the bound
    }

    // Pieces for rows up to s, besides those that there are.
    void reach_to(double s) {
        const double needed = std::min(std::max(s + 1.0, 32.0), kReach);
        if (!recent_.empty() && needed <= far_) return;
        make_pieces(needed);
    }
    void make_pieces(double far) {
        far_ = far;
        const std::size_t size = (static_cast<std::size_t>(far * kPiecesPerUnit) + 2) * kMoments;
        recent_.resize(size, 0.0);
        settled_.resize(size, 0.0);
    }

    void settle() {
        if (!has_far()) return;
        for (std::size_t piece = kMoments; piece < recent_.size(); piece += kMoments) {
            if (recent_[piece] == 0.0) continue;  // no rows
            for (std::size_t i = piece; i < piece + kMoments; ++i) {
                settled_[i] += recent_[i];
                recent_[i] = 0.0;
            }
        }
        recent_rows_ = 0;
    }

    std::size_t n_near_ = kAllNear;
    double dof_ = 1.0;
    const LeafLoops* leaf_ = nullptr;
    std::vector<double> near_;  // the first n_kept_ count
    std::size_t n_kept_ = 0;
    std::int64_t n_rows_ = 0, recent_rows_ = 0;
    double bound_ = 0.0, far_ = 0.0;
    bool complete_ = true;
    std::vector<double> recent_, settled_;
};

}  // namespace knn_cert
