// summary_tuples.hpp: summaries as Python hands them over, a tuple of flat arrays, and as it gets them back.
#pragma once

#include <cmath>

#include "bindings.hpp"
#include "knn_cert/summary_arrays.hpp"

namespace knn_cert_python {

// The arrays of a tuple, which have to stay alive beside the view of them.
struct HeldSummaries {
    Doubles near, bound, squares, moments;
    Integers near_start, n_rows, n_merged, complete, piece, piece_start;

    explicit HeldSummaries(const py::tuple& arrays)
        : near(take<Doubles>(arrays, 0)),
          bound(take<Doubles>(arrays, 2)),
          squares(take<Doubles>(arrays, 9)),
          moments(take<Doubles>(arrays, 8)),
          near_start(take<Integers>(arrays, 1)),
          n_rows(take<Integers>(arrays, 3)),
          n_merged(take<Integers>(arrays, 4)),
          complete(take<Integers>(arrays, 5)),
          piece(take<Integers>(arrays, 6)),
          piece_start(take<Integers>(arrays, 7)) {
        const py::ssize_t n = bound.size();
        expect(n_rows.size() == n && n_merged.size() == n && complete.size() == n && squares.size() == n,
               "summaries need one number a list");
        check_starts(near_start, n, near.size());
        check_starts(piece_start, n, piece.size());
        expect(moments.size() == piece.size() * knn_cert::kMoments, "summaries need sixteen moments a piece");
        for (py::ssize_t list = 0; list < n; ++list) check_list(list);
    }

    // How many queries there are, if every query sees the same rows of each class.
    [[nodiscard]] std::int64_t n_queries(int n_classes) const {
        expect(n_classes >= 1 && bound.size() % n_classes == 0, "summaries need a list for each query and class");
        for (py::ssize_t list = n_classes; list < bound.size(); ++list)
            expect(n_rows.data()[list] == n_rows.data()[list - n_classes], "all queries of a summary must see the same number of rows");
        return bound.size() / n_classes;
    }

    [[nodiscard]] knn_cert::SummaryArrays view() const {
        knn_cert::SummaryArrays out;
        out.n_lists = bound.size();
        out.near = near.data();
        out.near_start = near_start.data();
        out.bound = bound.data();
        out.squares = squares.data();
        out.n_rows = n_rows.data();
        out.n_merged = n_merged.data();
        out.complete = complete.data();
        out.piece = piece.data();
        out.piece_start = piece_start.data();
        out.moments = moments.data();
        return out;
    }

private:
    template <class Array>
    static Array take(const py::tuple& arrays, std::size_t i) {
        expect(arrays.size() == 10, "a summary is a tuple of ten arrays");
        return arrays[i].cast<Array>();
    }

    // What no rows can leave is refused: whoever works with it would read beyond an array, or never end.
    void check_list(py::ssize_t list) const {
        constexpr double kRounded = 1.0 + 1e-9;
        constexpr std::int64_t kMostRows = std::int64_t{1} << 53;
        const double farthest = bound.data()[list];
        const std::int64_t n_near = near_start.data()[list + 1] - near_start.data()[list];
        const std::int64_t n_far = n_rows.data()[list] - n_near;
        expect(farthest >= 0.0, "bounds of a summary must not be negative");
        expect(n_far >= 0 && n_rows.data()[list] <= kMostRows, "a summary must have as many rows as near ones, or more");
        expect(n_far == 0 || std::isfinite(farthest), "far rows of a summary need a bound");
        expect(n_merged.data()[list] >= 0 && n_merged.data()[list] <= kMostRows, "summaries cannot be merged less than never");
        expect(complete.data()[list] == 0 || complete.data()[list] == 1, "a summary is complete (1) or not (0)");
        expect(std::isfinite(squares.data()[list]) && squares.data()[list] >= 0.0, "squares of a summary must be finite, not negative");
        for (std::int64_t i = near_start.data()[list]; i < near_start.data()[list + 1]; ++i) {
            const double s = near.data()[i];
            expect(std::isfinite(s) && s >= 0.0 && s <= farthest * kRounded, "near rows of a summary must lie between 0 and its bound");
        }
        double in_pieces = 0.0;
        for (std::int64_t i = piece_start.data()[list]; i < piece_start.data()[list + 1]; ++i) {
            const std::int64_t before = i > piece_start.data()[list] ? piece.data()[i - 1] : -1;
            expect(before < piece.data()[i] && piece.data()[i] <= knn_cert::kPieces, "pieces of a summary must increase");
            const double* const of_piece = moments.data() + i * knn_cert::kMoments;
            expect(of_piece[0] >= 1.0, "pieces of a summary hold a row at least");
            for (int k = 0; k < knn_cert::kMoments; ++k)
                expect(std::abs(of_piece[k]) <= of_piece[0] * kRounded, "moments of a piece must not exceed the number of its rows");
            in_pieces += of_piece[0];
        }
        expect(in_pieces <= static_cast<double>(n_far), "pieces of a summary hold more rows than are far");
    }

    static void check_starts(const Integers& starts, py::ssize_t n_lists, py::ssize_t size) {
        expect(starts.size() == n_lists + 1 && starts.data()[0] == 0 && starts.data()[n_lists] == size, "starts of a summary do not fit");
        for (py::ssize_t i = 0; i < n_lists; ++i) expect(starts.data()[i] <= starts.data()[i + 1], "starts of a summary must not decrease");
    }
};

inline knn_cert::FarKind far_kind_of(const std::string& name) {
    if (name == "counting") return knn_cert::FarKind::counting;
    if (name == "all") return knn_cert::FarKind::all;
    expect(name == "none", "far rows are counting, all or none");
    return knn_cert::FarKind::none;
}

template <class Array, class Value>
Array as_array(const std::vector<Value>& values) {
    Array out(static_cast<py::ssize_t>(values.size()));
    std::copy(values.begin(), values.end(), out.mutable_data());
    return out;
}

inline py::tuple as_tuple(const knn_cert::WrittenSummaries& written) {
    return py::make_tuple(as_array<Doubles>(written.near), as_array<Integers>(written.near_start), as_array<Doubles>(written.bound),
                          as_array<Integers>(written.n_rows), as_array<Integers>(written.n_merged), as_array<Integers>(written.complete),
                          as_array<Integers>(written.piece), as_array<Integers>(written.piece_start), as_array<Doubles>(written.moments),
                          as_array<Doubles>(written.squares));
}

}  // namespace knn_cert_python
