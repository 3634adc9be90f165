// law_cells.hpp: the distance law of near rows: polynomials in s on cells, at the eight nodes of a block or the ends of eight buckets.
// No Python, no threads.
//
// For a fixed node t the functions s -> F, U, f are entire, and |F(s + iy)| <= exp(y^2/2) F(s), so for U and f: the noise is
// Gaussian, the bound holds at each of its points. A polynomial through n Chebyshev points of a cell of width 1/4 errs by at most
// 4 M r^(1-n) / (r - 1) with M the supremum on an ellipse of half axes (r +- 1/r) / 16 around it (Trefethen, Approximation Theory
// and Approximation Practice, Theorem 8.2). With the law in ball arithmetic that is, relative to the smallest value in the cell
// and with the best r, at most 2.5e-16 at |z| = 5 and 1.9e-14 at |z| = 7 standard deviations for n = 14, and 2e-32 at |z| = 8 for
// n = 26 (dof 1, 56 and 3072). Rounding is larger: what the cells lose in all is measured (tests) and part of law_error.
#pragma once

#include <initializer_list>
#include <memory>

#include "chebyshev_fit.hpp"
#include "law_block.hpp"

namespace knn_cert {

constexpr double kComplementLimit = 0.75;  // below this a tail's complement is as accurate as the tail

// n: kCellTerms or kLongCellTerms
inline const ChebyshevFit& cell_fit(int n) { return n == kCellTerms ? ChebyshevFit::of<kCellTerms>() : ChebyshevFit::of<kLongCellTerms>(); }

namespace detail {

constexpr int kCellValues = kLongCellTerms * kLanes;

// A fresh cell with the number of its terms. Log F and log U change by less than a factor e over it where all nodes lie within
// 7 standard deviations: by about z s / sqrt(s^2 + d) for each unit of s.
inline std::unique_ptr<Cell> start_cell(const NodeLaw& law, std::size_t index) {
    auto cell = std::make_unique<Cell>();
    const double s = (static_cast<double>(index) + 0.5) / kCellsPerUnit;
    cell->terms = law.farthest_node(std::sqrt(s * s + law.dof())) <= 7.0 ? kCellTerms : kLongCellTerms;
    return cell;
}

inline CellKind kind_of(int n_values, const double* F_first, const double* F_last, const double* U_first, const double* U_last) {
    double F_max = 0.0;
    double U_max = 0.0;
    for (int i = 0; i < n_values; ++i) {
        F_max = std::max({F_max, F_first[i], F_last[i]});
        U_max = std::max({U_max, U_first[i], U_last[i]});
    }
    if (F_max == 0.0) return CellKind::outside;
    if (U_max == 0.0) return CellKind::inside;
    if (F_max <= kComplementLimit) return CellKind::lower;
    if (U_max <= kComplementLimit) return CellKind::upper;
    return CellKind::both;
}

// functions[i][point][lane] -> coef[i][power][lane]
inline void fit_cell(std::initializer_list<const double*> functions, Cell& cell) {
    const ChebyshevFit& fit = cell_fit(cell.terms);
    const std::size_t size = static_cast<std::size_t>(cell.terms) * kLanes;
    cell.coef.resize(functions.size() * size);
    double* to = cell.coef.data();
    for (const double* const function : functions) {
        fit.apply<kLanes>(function, to);
        to += size;
    }
}

// F at the last node and x, in a cell of {f, F}, {f, U} or {f, F, U}.
inline double last_cdf(const Cell& cell, double x) {
    if (cell.kind == CellKind::inside) return 1.0;
    if (cell.kind == CellKind::outside) return 0.0;
    const double* const tail = cell.coef.data() + static_cast<std::size_t>(cell.terms * kLanes) + kLanes - 1;
    double value = 0.0;
    for (int k = cell.terms - 1; k >= 0; --k) value = value * x + tail[k * kLanes];
    return cell.kind == CellKind::upper ? 1.0 - value : value;
}

// f at the last node and x, in such a cell.
inline double last_pdf(const Cell& cell, double x) {
    if (cell.kind == CellKind::inside || cell.kind == CellKind::outside) return 0.0;
    double value = 0.0;
    for (int k = cell.terms - 1; k >= 0; --k) value = value * x + cell.coef[static_cast<std::size_t>(k * kLanes + kLanes - 1)];
    return std::max(0.0, value);
}

// Where the functions of a cell are fitted.
struct CellPoints {
    Split s[kLongCellTerms];

    CellPoints(std::size_t index, int terms) {
        for (int i = 0; i < terms; ++i) s[i] = interval_point(static_cast<double>(index), cell_fit(terms).point(i), kCellsPerUnit);
    }
};

}  // namespace detail

// A cell of the continuous classifier: F, U and the density f at the nodes.
inline std::unique_ptr<Cell> build_cell(NodeLaw& law, std::size_t index) {
    double F[detail::kCellValues];
    double U[detail::kCellValues];
    double f[detail::kCellValues];
    std::unique_ptr<Cell> cell = detail::start_cell(law, index);
    const detail::CellPoints points(index, cell->terms);
    law.evaluate_close(cell->terms, points.s, F, U, f);
    cell->kind = detail::kind_of(cell->terms * kLanes, F, F, U, U);
    if (cell->kind == CellKind::lower) detail::fit_cell({f, F}, *cell);
    if (cell->kind == CellKind::upper) detail::fit_cell({f, U}, *cell);
    if (cell->kind == CellKind::both) detail::fit_cell({f, F, U}, *cell);
    cell->cdf_left = detail::last_cdf(*cell, -1.0);
    cell->cdf_right = detail::last_cdf(*cell, 1.0);
    cell->pdf_left = detail::last_pdf(*cell, -1.0);
    cell->pdf_right = detail::last_pdf(*cell, 1.0);
    return cell;
}

// A cell of the bucketed classifier: both tails at the two ends of eight buckets.
inline std::unique_ptr<Cell> build_bucket_cell(NodeLaw& low, NodeLaw& high, std::size_t index) {
    double F_low[detail::kCellValues];
    double U_low[detail::kCellValues];
    double F_high[detail::kCellValues];
    double U_high[detail::kCellValues];
    double f[detail::kCellValues];
    std::unique_ptr<Cell> cell = detail::start_cell(high, index);
    cell->terms = std::max(cell->terms, detail::start_cell(low, index)->terms);
    const detail::CellPoints points(index, cell->terms);
    low.evaluate_close(cell->terms, points.s, F_low, U_low, f);
    high.evaluate_close(cell->terms, points.s, F_high, U_high, f);
    cell->kind = detail::kind_of(cell->terms * kLanes, F_low, F_high, U_low, U_high);
    if (cell->kind == CellKind::lower) detail::fit_cell({F_low, F_high}, *cell);
    if (cell->kind == CellKind::upper) detail::fit_cell({U_low, U_high}, *cell);
    if (cell->kind == CellKind::both) detail::fit_cell({F_low, U_low, F_high, U_high}, *cell);
    return cell;
}

}  // namespace knn_cert
