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

// An error of a probability that is borne where the far rows themselves are not at hand: certificates hardly notice it.
constexpr double kBearableOfFar = 1e-6;

// Distances of near rows, in units of sigma, in any order.
struct NearRows {
    const double* s;
    std::size_t n;
    [[nodiscard]] const double* begin() const { return s; }
    [[nodiscard]] const double* end() const { return s + n; }
};

// What rows that are not near leave: moments of those that count beside the near ones and the number of the others, moments of all of
// them, or their number alone.
enum class FarKind : std::int32_t { counting, all, none };

// What a summary is made of, for whoever keeps it and puts it together again with others: near rows are not farther than `bound`, far ones
// not nearer. Of the pieces those that hold rows, in order, their moments side by side. n_merged: how many summaries are in it but one.
// squares: the sum of all s^2.
struct SummaryView {
    NearRows near{nullptr, 0};
    double bound = std::numeric_limits<double>::infinity();
    std::int64_t n_rows = 0, n_merged = 0;
    double squares = 0.0;
    bool complete = true;
    const std::int64_t* piece = nullptr;
    const double* moments = nullptr;
    std::int64_t n_pieces = 0;
};

class RowSummary {
public:
    static constexpr std::size_t kAllNear = std::numeric_limits<std::size_t>::max() / 4;

    // n_near: how many of the nearest rows are kept, if there are that many; at most twice as many. kAllNear: all are.
    void start(std::size_t n_near, double dof, const LeafLoops& leaf, FarKind far_kind = FarKind::counting) {
        n_near_ = n_near;
        dof_ = dof;
        leaf_ = &leaf;
        far_kind_ = far_kind;
        n_kept_ = 0;
        n_rows_ = recent_rows_ = n_merged_ = 0;
        squares_ = 0.0;
        bound_ = far_ = std::numeric_limits<double>::infinity();
        complete_ = true;
    }

    // All rows as moments, none of them near; rows beyond the reach of the pieces are only counted. farthest: of the rows to come, if known.
    void start_moments(double dof, const LeafLoops& leaf, double farthest = 0.0) {
        start(0, dof, leaf, FarKind::all);
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
            if (has_far()) {
                if (far_kind_ == FarKind::all) reach_to(scale * *std::max_element(distances, distances + now));
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

    // The squares of rows that are added; nobody else needs them.
    void add_squares(double sum) { squares_ += sum; }

    // Rows that another summary stands for, of as many near rows and more, and of the same kind of far ones or of all. Near rows that
    // rounding has moved a little beyond the bound stay near: they lie in the first piece of the far ones or at its very beginning.
    void absorb(const SummaryView& other) {
        constexpr double kRoundedOver = 1.0 + 1e-9;
        n_merged_ += 1 + other.n_merged;
        n_rows_ += other.n_rows;
        squares_ += other.squares;
        complete_ = complete_ && other.complete;
        if (other.bound < bound_) lower_bound(other.bound);
        add_moments(other);
        beyond_.clear();
        for (const double s : other.near) {
            if (n_near_ == 0 || s > bound_ * kRoundedOver) {
                beyond_.push_back(s);
                continue;
            }
            if (near_.size() == n_kept_) near_.resize(2 * near_.size() + static_cast<std::size_t>(kPortion));
            near_[n_kept_++] = s;
        }
        go_far(beyond_.data(), beyond_.size());
        if (n_kept_ > 2 * n_near_) shrink();
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
    // Whether n rows are near, or all.
    [[nodiscard]] bool has_near(std::size_t n) const { return !has_far() || n_kept_ >= n; }
    [[nodiscard]] double bound() const { return bound_; }
    [[nodiscard]] std::int64_t n_merged() const { return n_merged_; }
    [[nodiscard]] double squares() const { return squares_; }
    // Far rows: moments of piece i at moments(i), its first one the number of its rows.
    [[nodiscard]] std::size_t n_pieces() const { return has_far() && !settled_.empty() ? settled_.size() / kMoments - 1 : 0; }
    [[nodiscard]] const double* moments(std::size_t piece) const { return settled_.data() + (1 + piece) * kMoments; }
    // Relative error of the moments: sums of sums, and a few roundings of each term.
    [[nodiscard]] double rounding() const {
        const std::int64_t in_one_sum = std::min(n_rows_, kSettled);
        const std::int64_t n_sums = n_rows_ / kSettled + n_merged_;
        return std::ldexp(2.0, -53) * (static_cast<double>(in_one_sum) + static_cast<double>(n_sums) + 32.0);
    }

private:
    static constexpr std::int64_t kPortion = 512, kSettled = 4096;
    static constexpr double kReach = static_cast<double>(kPieces) / kPiecesPerUnit;

    std::int64_t sort_out(const double* distances, std::int64_t n, double scale, double* near_rows) {
        if (far_kind_ == FarKind::none) return nearer(distances, n, scale, near_rows);
        if (recent_rows_ + n > kSettled) settle();
        recent_rows_ += n;
        return leaf_->sort_out(distances, n, scale, bound_, far_, near_rows, recent_.data());
    }

    std::int64_t nearer(const double* distances, std::int64_t n, double scale, double* near_rows) const {
        std::int64_t n_near = 0;
        for (std::int64_t i = 0; i < n; ++i)
            if (distances[i] * scale < bound_) near_rows[n_near++] = distances[i] * scale;
        return n_near;
    }

    // The farthest of the near rows go to the moments.
    void shrink() {
        const auto last = near_.begin() + static_cast<std::ptrdiff_t>(n_near_) - 1;
        std::nth_element(near_.begin(), last, near_.begin() + static_cast<std::ptrdiff_t>(n_kept_));
        set_bound(*last);
        const std::size_t excess = n_kept_ - n_near_;
        n_kept_ = n_near_;
        go_far(near_.data() + n_near_, excess);
    }

    void lower_bound(double bound) {
        set_bound(bound);
        const auto end = near_.begin() + static_cast<std::ptrdiff_t>(n_kept_);
        const auto middle = std::partition(near_.begin(), end, [bound](double s) { return s <= bound; });
        const std::size_t excess = static_cast<std::size_t>(end - middle);
        n_kept_ -= excess;
        go_far(near_.data() + n_kept_, excess);
    }

    // Smaller than the one before.
    void set_bound(double bound) {
        const bool first_time = !has_far();
        bound_ = bound;
        if (far_kind_ == FarKind::none) return;
        const double radius = std::sqrt(bound_ * bound_ + dof_) + kDroppedFrom;
        const double dropped_from = std::sqrt(radius * radius - dof_);
        complete_ = complete_ && dropped_from <= kReach;
        if (first_time) {
            recent_.clear();
            settled_.clear();
            far_ = 0.0;
        }
        if (far_kind_ == FarKind::all) return reach_to(0.0);
        if (first_time)
            make_pieces(std::min(dropped_from, kReach));
        else
            far_ = std::min(far_, dropped_from);
    }

    // None of these rows is below the bound.
    void go_far(const double* rows, std::size_t n) {
        for (std::size_t done = 0; done < n; done += kPortion) {
            const std::size_t now = std::min<std::size_t>(n - done, kPortion);
            if (far_kind_ == FarKind::all) reach_to(*std::max_element(rows + done, rows + done + now));
            sort_out(rows + done, static_cast<std::int64_t>(now), 1.0, nullptr);
        }
    }

    void add_moments(const SummaryView& other) {
        if (other.n_pieces == 0) return;
        const std::size_t size = (static_cast<std::size_t>(other.piece[other.n_pieces - 1]) + 2) * kMoments;
        if (recent_.size() < size) {
            recent_.resize(size, 0.0);
            settled_.resize(size, 0.0);
            if (far_kind_ == FarKind::all) far_ = static_cast<double>(size / kMoments - 1) / kPiecesPerUnit;
        }
        for (std::int64_t i = 0; i < other.n_pieces; ++i)
            for (std::size_t k = 0; k < kMoments; ++k)
                settled_[(static_cast<std::size_t>(other.piece[i]) + 1) * kMoments + k] +=
                    other.moments[static_cast<std::size_t>(i) * kMoments + k];
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
    std::int64_t n_rows_ = 0, recent_rows_ = 0, n_merged_ = 0;
    FarKind far_kind_ = FarKind::counting;
    double squares_ = 0.0;
    double bound_ = 0.0, far_ = 0.0;
    bool complete_ = true;
    std::vector<double> recent_, settled_, beyond_;
};

}  // namespace knn_cert
