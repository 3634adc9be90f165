// law_table.hpp: cells of the distance law, built on first use and shared by queries and threads. No Python.
//
// What a cell holds depends only on (dof, block, cell index), never on who asked first: results do not depend on threads.
#pragma once

#include <atomic>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>

#include "law_block.hpp"
#include "quadrature.hpp"

namespace knn_cert {

constexpr double kComplementLimit = 0.75;     // below this a tail's complement is as accurate as the tail
constexpr double kLastTabledRadius = 2000.0;  // beyond, rows are few: evaluated one by one
constexpr std::size_t kTableBytes = std::size_t{64} << 20;

// A pointer per cell of s in [0, t_max + 40]: further rows have F < Phi(-40) = 0 at every node.
class CellRow {
public:
    explicit CellRow(double t_max)
        : n_(static_cast<std::size_t>((std::min(t_max, kLastTabledRadius) + 40.0) * kCellsPerUnit) + 2),
          cells_(new std::atomic<Cell*>[n_]) {
        for (std::size_t i = 0; i < n_; ++i) cells_[i].store(nullptr, std::memory_order_relaxed);
    }
    ~CellRow() {
        for (std::size_t i = 0; i < n_; ++i) delete cells_[i].load(std::memory_order_relaxed);
    }
    CellRow(const CellRow&) = delete;
    CellRow& operator=(const CellRow&) = delete;

    std::size_t size() const { return n_; }
    std::size_t bytes() const { return n_ * sizeof(std::atomic<Cell*>); }

    template <class Build>
    const Cell* get(std::size_t i, std::atomic<std::size_t>& bytes, Build&& build) {
        Cell* cell = cells_[i].load(std::memory_order_acquire);
        if (cell) return cell;
        std::unique_ptr<Cell> fresh = build();
        Cell* expected = nullptr;
        if (!cells_[i].compare_exchange_strong(expected, fresh.get(), std::memory_order_acq_rel)) return expected;
        bytes.fetch_add(sizeof(Cell) + fresh->coef.size() * sizeof(double), std::memory_order_relaxed);
        return fresh.release();
    }

private:
    std::size_t n_;
    std::unique_ptr<std::atomic<Cell*>[]> cells_;
};

namespace detail {

constexpr int kCellValues = kLongCellTerms * kLanes;

// The larger change of log F or log U over the cell, at any node where both ends can be told from zero.
inline double log_change(const double* left, const double* right) {
    double largest = 0.0;
    for (int lane = 0; lane < kLanes; ++lane)
        if (left[lane] > 0.0 && right[lane] > 0.0)
            largest = std::max(largest, std::fabs(std::log(left[lane] / right[lane])));
        else if (left[lane] != right[lane])
            largest = kInfinity;
    return largest;
}

// A fresh cell with its ends and the number of its terms.
inline std::unique_ptr<Cell> start_cell(NodeLaw& law, std::size_t index) {
    double F_left[kLanes], U_left[kLanes], F_right[kLanes], U_right[kLanes], f[kLanes];
    law.evaluate(static_cast<double>(index) / kCellsPerUnit, F_left, U_left, f);
    law.evaluate(static_cast<double>(index + 1) / kCellsPerUnit, F_right, U_right, f);
    auto cell = std::make_unique<Cell>();
    cell->cdf_left = F_left[kLanes - 1];
    cell->cdf_right = F_right[kLanes - 1];
    const bool short_one = log_change(F_left, F_right) <= 1.0 && log_change(U_left, U_right) <= 1.0;
    cell->terms = short_one ? kCellTerms : kLongCellTerms;
    return cell;
}

inline CellKind kind_of(int n_values, const double* F_first, const double* F_last, const double* U_first, const double* U_last) {
    double F_max = 0.0, U_max = 0.0;
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
    const CellFit& fit = CellFit::of(cell.terms);
    const std::size_t size = static_cast<std::size_t>(cell.terms) * kLanes;
    cell.coef.resize(functions.size() * size);
    double* to = cell.coef.data();
    for (const double* const function : functions) {
        for (int lane = 0; lane < kLanes; ++lane) fit(function + lane, kLanes, to + lane);
        to += size;
    }
}

inline double cell_point(std::size_t index, int terms, int point) {
    return (static_cast<double>(index) + 0.5 + 0.5 * CellFit::of(terms).point(point)) / kCellsPerUnit;
}

}  // namespace detail

// A cell of the continuous classifier: F, U and the density f at the nodes.
inline std::unique_ptr<Cell> build_cell(NodeLaw& law, std::size_t index) {
    double F[detail::kCellValues], U[detail::kCellValues], f[detail::kCellValues];
    std::unique_ptr<Cell> cell = detail::start_cell(law, index);
    for (int i = 0; i < cell->terms; ++i)
        law.evaluate(detail::cell_point(index, cell->terms, i), F + i * kLanes, U + i * kLanes, f + i * kLanes);
    cell->kind = detail::kind_of(cell->terms * kLanes, F, F, U, U);
    if (cell->kind == CellKind::lower) detail::fit_cell({f, F}, *cell);
    if (cell->kind == CellKind::upper) detail::fit_cell({f, U}, *cell);
    if (cell->kind == CellKind::both) detail::fit_cell({f, F, U}, *cell);
    return cell;
}

// A cell of the bucketed classifier: both tails at the two ends of eight buckets.
inline std::unique_ptr<Cell> build_bucket_cell(NodeLaw& low, NodeLaw& high, std::size_t index) {
    double F_low[detail::kCellValues], U_low[detail::kCellValues], F_high[detail::kCellValues], U_high[detail::kCellValues];
    double f[kLanes];
    std::unique_ptr<Cell> cell = detail::start_cell(high, index);
    cell->terms = std::max(cell->terms, detail::start_cell(low, index)->terms);
    for (int i = 0; i < cell->terms; ++i) {
        const double s = detail::cell_point(index, cell->terms, i);
        low.evaluate(s, F_low + i * kLanes, U_low + i * kLanes, f);
        high.evaluate(s, F_high + i * kLanes, U_high + i * kLanes, f);
    }
    cell->kind = detail::kind_of(cell->terms * kLanes, F_low, F_high, U_low, U_high);
    if (cell->kind == CellKind::lower) detail::fit_cell({F_low, F_high}, *cell);
    if (cell->kind == CellKind::upper) detail::fit_cell({U_low, U_high}, *cell);
    if (cell->kind == CellKind::both) detail::fit_cell({F_low, U_low, F_high, U_high}, *cell);
    return cell;
}

// The cells of all node blocks for one dof.
class LawTable {
public:
    explicit LawTable(double dof) : dof_(dof) {}

    double dof() const { return dof_; }
    std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

    CellRow& row(const NodeBlock& block) {
        std::lock_guard<std::mutex> lock(mutex_);
        std::unique_ptr<CellRow>& row = rows_[{block.level, block.index}];
        if (!row) {
            row = std::make_unique<CellRow>(radius_of(block.position(kLanes - 1)));
            bytes_.fetch_add(row->bytes(), std::memory_order_relaxed);
        }
        return *row;
    }

    // law() gives the law at the row's nodes; it is called only where the cell is not there yet
    template <class Law>
    const Cell* cell(CellRow& row, std::size_t index, Law&& law) {
        return row.get(index, bytes_, [&] { return build_cell(law(), index); });
    }

    // The table that calls with this dof share. One that has outgrown its budget is left to its present users and replaced.
    static std::shared_ptr<LawTable> shared(double dof) {
        static std::mutex mutex;
        static std::shared_ptr<LawTable> recent;
        std::lock_guard<std::mutex> lock(mutex);
        if (!recent || recent->dof() != dof || recent->bytes() > kTableBytes) recent = std::make_shared<LawTable>(dof);
        return recent;
    }

private:
    double dof_;
    std::mutex mutex_;
    std::map<std::pair<int, std::int64_t>, std::unique_ptr<CellRow>> rows_;
    std::atomic<std::size_t> bytes_{0};
};

}  // namespace knn_cert
