// row_summary.hpp: one list of rows as a query sees it: its nearest rows one by one, the others as moments. No Python, no threads.
//
// Rows come in any order and any number of portions. The far ones leave nothing but sums over their pieces of s (simd.hpp), from
// which every smooth function can be summed over them (far_rows.hpp): neither memory nor the work that follows depends on
// their number.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "simd.hpp"

namespace knn_cert {

// Rows whose expected radius exceeds that of the last near row by this are dropped ...
constexpr double kDroppedFrom = 30.0;
// ... which changes no coefficient of a counting polynomial by more than a relative n exp(-50) at radii up to this beyond it:
// R is 1-Lipschitz in the noise, so P(R <= E R - u) <= exp(-u^2 / 2), and F of a far row over F of a near one grows with t.
constexpr double kDroppedValid = 19.5;

class RowSummary {
public:
    static constexpr std::size_t kAllNear = std::numeric_limits<std::size_t>::max() / 4;

    // n_near: so many rows are kept at least, if there are so many, and at most twice as many. kAllNear: all.
    void start(std::size_t n_near, double dof, const LeafLoops& leaf) {
        n_near_ = n_near;
        dof_ = dof;
        leaf_ = &leaf;
        near_.clear();
        n_rows_ = recent_rows_ = 0;
        bound_ = far_ = std::numeric_limits<double>::infinity();
        complete_ = true;
    }

    // Rows at distances[i] * scale, in units of sigma.
    void add(const double* distances, std::int64_t n, double scale) {
        n_rows_ += n;
        while (n > 0) {
            const std::size_t kept = near_.size();
            const std::int64_t now = std::min<std::int64_t>(n, kPortion);
            near_.resize(kept + static_cast<std::size_t>(now));
            if (bound_ == std::numeric_limits<double>::infinity()) {
                for (std::int64_t i = 0; i < now; ++i) near_[kept + static_cast<std::size_t>(i)] = distances[i] * scale;
            } else {
                near_.resize(kept + static_cast<std::size_t>(sort_out(distances, now, scale, near_.data() + kept)));
            }
            if (near_.size() > 2 * n_near_) shrink();
            distances += now;
            n -= now;
        }
    }

    // After the last row.
    void finish() {
        if (has_far() && near_.size() > n_near_ + n_near_ / 4) shrink();
        settle();
    }

    const std::vector<double>& near() const { return near_; }
    std::size_t n_rows() const { return static_cast<std::size_t>(n_rows_); }
    bool has_far() const { return bound_ < std::numeric_limits<double>::infinity(); }
    // False if there are rows that are neither near nor dropped nor in reach of the pieces.
    bool complete() const { return complete_; }
    // All rows below this are near; the radius up to which the dropped rows do not count.
    double bound() const { return bound_; }
    double valid_to() const { return has_far() ? std::sqrt(bound_ * bound_ + dof_) + kDroppedValid : std::numeric_limits<double>::infinity(); }

    // Far rows: moments of piece i at moments(i), its first one the number of its rows.
    std::size_t n_pieces() const { return has_far() ? settled_.size() / kMoments - 1 : 0; }
    const double* moments(std::size_t piece) const { return settled_.data() + (1 + piece) * kMoments; }
    // Relative error of the moments: sums of sums, and a few roundings of each term.
    double rounding() const {
        return std::ldexp(2.0, -53) * (static_cast<double>(std::min(n_rows_, kSettled)) + static_cast<double>(n_rows_ / kSettled) + 32.0);
    }

private:
    static constexpr std::int64_t kPortion = 512, kSettled = 1024;

    std::int64_t sort_out(const double* distances, std::int64_t n, double scale, double* near_rows) {
        if (recent_rows_ + n > kSettled) settle();
        recent_rows_ += n;
        return leaf_->sort_out(distances, n, scale, bound_, far_, near_rows, recent_.data());
    }

    // The farthest of the near rows go to the moments.
    void shrink() {
        const auto last = near_.begin() + static_cast<std::ptrdiff_t>(n_near_) - 1;
        std::nth_element(near_.begin(), last, near_.end());
        const bool first_time = !has_far();
        bound_ = *last;
        const double radius = std::sqrt(bound_ * bound_ + dof_) + kDroppedFrom;
        far_ = std::sqrt(radius * radius - dof_);
        const double reach = static_cast<double>(kPieces) / kPiecesPerUnit;
        complete_ = complete_ && far_ <= reach;
        far_ = std::min(far_, reach);
        if (first_time) {
            const std::size_t size = (static_cast<std::size_t>(far_ * kPiecesPerUnit) + 2) * kMoments;
            recent_.assign(size, 0.0);
            settled_.assign(size, 0.0);
        }
        const std::vector<double>::const_iterator beyond = last + 1;
        excess_.assign(beyond, near_.cend());
        near_.resize(n_near_);
        // none of them is below the bound
        sort_out(excess_.data(), static_cast<std::int64_t>(excess_.size()), 1.0, nullptr);
    }

    void settle() {
        if (!has_far()) return;
        for (std::size_t i = kMoments; i < recent_.size(); ++i) {
            settled_[i] += recent_[i];
            recent_[i] = 0.0;
        }
        recent_rows_ = 0;
    }

    std::size_t n_near_ = kAllNear;
    double dof_ = 1.0;
    const LeafLoops* leaf_ = nullptr;
    std::vector<double> near_, excess_;
    std::int64_t n_rows_ = 0, recent_rows_ = 0;
    double bound_ = 0.0, far_ = 0.0;
    bool complete_ = true;
    std::vector<double> recent_, settled_;
};

}  // namespace knn_cert
