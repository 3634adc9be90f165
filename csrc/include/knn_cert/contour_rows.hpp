// contour_rows.hpp: all rows of one list as weighted points, piece by piece. No Python, no threads.
//
// A sum over rows of a smooth function of s is, on each piece, a sum over its Chebyshev points with weights that only the moments
// determine (far_rows.hpp). Here every row goes that way, near or far, and the weights may be negative. Two of the points, with the
// rows' number and mean, say where the circles of contour.hpp go.
#pragma once

#include <cmath>
#include <vector>

#include "law_pieces.hpp"
#include "row_summary.hpp"

namespace knn_cert {

class ContourRows {
public:
    // Moments of piece i at moments[kMoments i]; n_rows: of the list, those beyond the pieces too; n_merged: sums more that are in them.
    void set(const double* moments, std::size_t n_pieces, std::size_t n_rows, std::int64_t n_merged = 0) {
        n_rows_ = static_cast<double>(n_rows);
        n_merged_ = static_cast<double>(n_merged);
        dense_.resize(n_pieces);
        pieces_.clear();
        counted_ = 0.0;
        for (std::size_t i = 0; i < n_pieces; ++i) set_piece(i, moments + i * kMoments);
        gather();
    }
    void set(const RowSummary& rows) { set(rows.moments(0), rows.n_pieces(), rows.n_rows(), rows.n_merged()); }

    // One piece anew, among those of the call of `set`; then `gather`.
    void set_piece(std::size_t i, const double* moments) {
        Dense& piece = dense_[i];
        piece.count = moments[0];
        if (piece.count == 0.0) return;
        PiecePoints::get().weights(moments, piece.weights);
        piece.magnitude = 0.0;
        for (const double w : piece.weights) piece.magnitude += std::fabs(w);
        piece.mean = moments[1] / piece.count;
    }
    void set_n_rows(std::size_t n_rows) { n_rows_ = static_cast<double>(n_rows); }
    void gather() {
        pieces_.clear();
        weights_.clear();
        circle_weights_.clear();
        magnitude_.clear();
        count_.clear();
        rounding_.clear();
        counted_ = 0.0;
        const double place = PiecePoints::get().point(kCirclePoints[0]);
        for (std::size_t i = 0; i < dense_.size(); ++i) {
            const Dense& piece = dense_[i];
            if (piece.count == 0.0) continue;
            pieces_.push_back(i);
            weights_.insert(weights_.end(), piece.weights, piece.weights + kMoments);
            magnitude_.push_back(piece.magnitude);
            count_.push_back(piece.count);
            rounding_.push_back(rounding_of(piece.count));
            counted_ += piece.count;
            circle_weights_.push_back(0.5 * piece.count * (1.0 + piece.mean / place));
            circle_weights_.push_back(0.5 * piece.count * (1.0 - piece.mean / place));
        }
    }

    [[nodiscard]] std::size_t size() const { return pieces_.size(); }  // pieces that hold rows
    [[nodiscard]] std::size_t piece(std::size_t i) const { return pieces_[i]; }
    [[nodiscard]] const double* weights(std::size_t i) const { return weights_.data() + i * kMoments; }
    [[nodiscard]] const double* circle_weights(std::size_t i) const { return circle_weights_.data() + 2 * i; }
    [[nodiscard]] const double* magnitude(std::size_t i) const { return magnitude_.data() + i; }
    [[nodiscard]] double count(std::size_t i) const { return count_[i]; }
    [[nodiscard]] double n_rows() const { return n_rows_; }
    // whether rows lie beyond the last piece
    [[nodiscard]] bool any_beyond() const { return counted_ < n_rows_; }
    // where the rows of the pieces end
    [[nodiscard]] double reach() const { return static_cast<double>(dense_.size()) / kPiecesPerUnit; }
    // the mean of the rows of a piece
    [[nodiscard]] double centre(std::size_t i) const {
        return (static_cast<double>(pieces_[i]) + 0.5 + 0.5 * dense_[pieces_[i]].mean) / kPiecesPerUnit;
    }
    // A distance within which there are k rows, at most a piece beyond the k-th; infinite if there are fewer in the pieces.
    [[nodiscard]] double within(double k) const {
        double sum = 0.0;
        for (std::size_t i = 0; i < size(); ++i) {
            sum += count_[i];
            if (sum >= k) return static_cast<double>(pieces_[i] + 1) / kPiecesPerUnit;
        }
        return std::numeric_limits<double>::infinity();
    }
    // The error of a sum over the rows of piece i, from the roundings of its moments, for a function that changes by 1 over the piece.
    [[nodiscard]] const double* rounding(std::size_t i) const { return rounding_.data() + i; }

private:
    // Row after row in up to 4096 terms, then of these sums (row_summary.hpp); the number of rows is exact.
    [[nodiscard]] double rounding_of(double n) const {
        return std::ldexp(n, -53) * (std::min(n, 4096.0) + n / 4096.0 + 32.0 + std::min(n, n_merged_));
    }

    struct Dense {
        double count = 0.0, mean = 0.0, magnitude = 0.0;
        double weights[kMoments];
    };
    std::vector<Dense> dense_;  // of every piece
    double n_rows_ = 0.0, counted_ = 0.0, n_merged_ = 0.0;
    // of the pieces that hold rows, in order of s
    std::vector<std::size_t> pieces_;
    std::vector<double> weights_, circle_weights_, magnitude_, rounding_, count_;
};

}  // namespace knn_cert
