// far_rows.hpp: the far rows of one list at any block of nodes, whatever their number. No Python, no threads.
//
// With w = F / U and g = f / U, prod (U + F z) = exp(S_0 + sum_m (-1)^(m+1) z^m S_m / m) for S_0 = sum log U, S_m = sum w^m, and
// with one row exactly at the node that times sum_m (-z)^m T_m, T_m = sum g w^m. A sum over rows of a smooth
// function of s is, on each piece, a sum over its Chebyshev points with weights that only the moments determine. The signs
// alternate: there must be near rows enough, kNearPerDegree for each power kept, beside the far ones.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "placed_rows.hpp"
#include "row_summary.hpp"

namespace knn_cert {

constexpr std::size_t kNearPerDegree = 4, kFewestNear = 32;

// How many rows a list must keep one by one if its polynomials have `degree` powers. For many powers more than in proportion: high
// powers of w are interpolated badly, and matter the less the more near rows there are.
inline std::size_t near_rows_for(int degree) {
    const std::size_t powers = static_cast<std::size_t>(degree);
    return std::max(kFewestNear, kNearPerDegree * powers + powers * powers / 10);
}

class FarRows {
public:
    void set(const RowSummary& rows) {
        pieces_.clear();
        counts_.clear();
        weights_.clear();
        rounding_ = rows.rounding();
        for (std::size_t i = 0; i < rows.n_pieces(); ++i) {
            const double* const moments = rows.moments(i);
            if (moments[0] == 0.0) continue;
            pieces_.push_back(i);
            counts_.push_back(moments[0]);
            weights_.resize(weights_.size() + kMoments);
            PiecePoints::get().weights(moments, weights_.data() + weights_.size() - kMoments);
        }
    }

    [[nodiscard]] bool any() const { return !pieces_.empty(); }

    // The record of the far rows that count at this block, written to `out`; false if there are none. `negligible`: rows that do not
    // count, all of them together.
    bool tally(const NodeBlock& block, BlockLaw& law, const LeafLoops& leaf, int degree, bool density, const Negligible& negligible,
               const Record& out) {
        BlockRows& rows = law.rows(block);
        at_block_.clear();
        powers_.clear();
        FarTask task{};
        task.n_powers = std::max(1, degree - 1);
        double nearest = 0.0;  // odds at the far end of the first piece; no near row has less
        for (std::size_t i = 0; i < pieces_.size() && pieces_[i] < rows.pieces.size(); ++i) {
            const Piece* const piece = law.piece(block, rows, pieces_[i]);
            if (i > 0 && negligible.covers(static_cast<double>(pieces_[i]) / kPiecesPerUnit, piece->cdf_left, piece->pdf_left)) break;
            if (i == 0) nearest = piece->cdf_right / (1.0 - piece->cdf_right);
            at_block_.push_back(piece);
            powers_.push_back(powers(counts_[i], piece->cdf_left / (1.0 - piece->cdf_left) / nearest, task.n_powers));
        }
        if (at_block_.empty()) return false;
        task.pieces = at_block_.data();
        task.weights = weights_.data();
        task.count = counts_.data();
        task.powers = powers_.data();
        task.n_pieces = static_cast<std::int64_t>(at_block_.size());
        task.rounding = rounding_;
        task.density = density;
        const std::size_t size = kLanes * (static_cast<std::size_t>(task.n_powers) + 1);
        sums_.resize(4 * size);
        task.S = sums_.data();
        task.S_error = task.S + size;
        task.T = task.S_error + size;
        task.T_error = task.T + size;
        leaf.far_sums(task);
        leaf.far_polynomials(task, degree, out);
        task_ = task;
        return true;
    }

    // What the far rows tallied last leave in doubt in the record of all rows of the list, tallied with density or without; `error`
    // gets the errors of its coefficients.
    [[nodiscard]] FarDoubt doubt(const LeafLoops& leaf, int degree, const Record& record, const Record& error) const {
        FarDoubt out;
        leaf.far_error(task_, degree, record, error, &out);
        return out;
    }

private:
    // With k <= degree and near rows 4 for each power, G[k - m] / G[k] <= (3 w)^-m, w the least odds of a near row: S_m / m of n
    // rows of odds at most r w changes G[k] by a relative n (r / 3)^m at most. T_m of these rows, with g no larger than the least
    // g of a near row (g falls in s), adds to A[k] n g (r / 3)^m G[k] at most, and A[k] is at least g times the near rows
    // outside, 3 for each power, times G[k]. All pieces together leave out less than 1e-14, which errors() has in its 200 roundings.
    static int powers(double n, double r, int most) {
        if (!(r < 1.5)) return most;
        const double needed = std::log(n * 1e18) / std::log(static_cast<double>(kNearPerDegree - 1) / r);
        return std::max(1, std::min(most, static_cast<int>(std::min(needed, 1e6)) + 1));
    }

    std::vector<std::size_t> pieces_;
    std::vector<double> counts_, weights_;
    double rounding_ = 0.0;
    std::vector<const Piece*> at_block_;  // of the block tallied last
    std::vector<int> powers_;
    std::vector<double> sums_;
    FarTask task_{};
};

}  // namespace knn_cert
