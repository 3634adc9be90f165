// summary_arrays.hpp: many summaries of rows side by side in flat arrays, as they are sent and kept. No Python, no threads.
#pragma once

#include <cstdint>
#include <vector>

#include "row_summary.hpp"

namespace knn_cert {

// Summaries of lists 0 .. n_lists - 1, one after the other (SummaryView): list i has the near rows near_start[i] .. near_start[i + 1] - 1 and
// the pieces piece_start[i] .. piece_start[i + 1] - 1. Filled by name.
struct SummaryArrays {
    std::int64_t n_lists = 0;
    const double* near = nullptr;
    const std::int64_t* near_start = nullptr;  // [n_lists + 1]
    const double *bound = nullptr, *squares = nullptr;
    const std::int64_t *n_rows = nullptr, *n_merged = nullptr, *complete = nullptr;
    const double* moments = nullptr;  // [pieces of all lists][kMoments]
    const std::int64_t *piece = nullptr, *piece_start = nullptr;

    [[nodiscard]] SummaryView list(std::int64_t i) const {
        SummaryView out;
        out.near = {near + near_start[i], static_cast<std::size_t>(near_start[i + 1] - near_start[i])};
        out.bound = bound[i];
        out.n_rows = n_rows[i];
        out.n_merged = n_merged[i];
        out.squares = squares[i];
        out.complete = complete[i] != 0;
        out.piece = piece + piece_start[i];
        out.moments = moments + piece_start[i] * kMoments;
        out.n_pieces = piece_start[i + 1] - piece_start[i];
        return out;
    }
};

// The same, as they are written, list by list.
struct WrittenSummaries {
    std::vector<double> near, bound, squares, moments;
    std::vector<std::int64_t> n_rows, n_merged, complete, piece;
    std::vector<std::int64_t> near_start = {0}, piece_start = {0};

    void add(const RowSummary& list) {
        near.insert(near.end(), list.near().begin(), list.near().end());
        near_start.push_back(static_cast<std::int64_t>(near.size()));
        bound.push_back(list.bound());
        squares.push_back(list.squares());
        n_rows.push_back(static_cast<std::int64_t>(list.n_rows()));
        n_merged.push_back(list.n_merged());
        complete.push_back(list.complete() ? 1 : 0);
        for (std::size_t i = 0; i < list.n_pieces(); ++i) {
            const double* const of_piece = list.moments(i);
            if (of_piece[0] == 0.0) continue;
            piece.push_back(static_cast<std::int64_t>(i));
            moments.insert(moments.end(), of_piece, of_piece + kMoments);
        }
        piece_start.push_back(static_cast<std::int64_t>(piece.size()));
    }

    void append(const WrittenSummaries& other) {
        const auto more = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
        const auto starts = [](std::vector<std::int64_t>& to, const std::vector<std::int64_t>& from) {
            const std::int64_t last = to.back();
            for (std::size_t i = 1; i < from.size(); ++i) to.push_back(last + from[i]);
        };
        more(near, other.near);
        more(bound, other.bound);
        more(squares, other.squares);
        more(moments, other.moments);
        more(n_rows, other.n_rows);
        more(n_merged, other.n_merged);
        more(complete, other.complete);
        more(piece, other.piece);
        starts(near_start, other.near_start);
        starts(piece_start, other.piece_start);
    }
};

}  // namespace knn_cert
