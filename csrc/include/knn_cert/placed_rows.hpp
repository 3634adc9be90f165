// placed_rows.hpp: the rows of one list, ready to be tallied at any block of nodes. No Python, no threads.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <vector>

#include "contest.hpp"
#include "law_table.hpp"

namespace knn_cert {

// The law at the nodes of any block: cells of the table that all share, or one row at a time.
class BlockLaw {
public:
    BlockLaw(double dof, const LeafLoops& leaf) : dof_(dof), leaf_(leaf) {}

    [[nodiscard]] double dof() const { return dof_; }
    // Once per query: a table that has outgrown its budget is replaced.
    void refresh() { table_ = LawTable::shared(dof_); }
    BlockRows& rows(const NodeBlock& block) { return table_->rows(block); }
    const Cell* cell(const NodeBlock& block, BlockRows& rows, std::size_t index) {
        return table_->cell(rows, index, [&]() -> NodeLaw& { return at(block); });
    }
    const Piece* piece(const NodeBlock& block, BlockRows& rows, std::size_t index) {
        return table_->piece(rows, index, [&]() -> NodeLaw& { return at(block); });
    }
    const PointLaw* points(const NodeBlock& block, BlockRows& rows, std::size_t index) {
        return table_->points(rows, index, [&]() -> NodeLaw& { return at(block); });
    }
    NodeLaw& at(const NodeBlock& block) {
        if (block.level != block_.level || block.index != block_.index) {
            double t[kLanes];
            block.radii(t);
            law_.set_nodes(dof_, t, leaf_);
            block_ = block;
        }
        return law_;
    }

private:
    double dof_;
    const LeafLoops& leaf_;
    std::shared_ptr<LawTable> table_;
    NodeLaw law_;
    NodeBlock block_{-1000, 0};
};

// beyond the last cell that any block has, all in one
inline std::int32_t cell_of(double s) { return static_cast<std::int32_t>(std::min(s, kLastTabledRadius + 41.0) * kCellsPerUnit); }

// Rows beyond the horizon whose F and f at the last node of a block are at most these do not count, if they lie at `from` or beyond.
// From there on (s >= t) both fall in s: d log f / ds = -s + t I_{d/2}(st) / I_{d/2-1}(st) < t - s.
struct Negligible {
    double cdf = 0.0, pdf = 0.0, from = std::numeric_limits<double>::infinity();

    [[nodiscard]] bool covers(double s, double F, double f) const { return s >= from && F <= cdf && f <= pdf; }
};

// Whether rows are evaluated one by one: few of them, for which tables of cells do not pay, or rows near the end of the tables. A contest that starts 200 before it is decided within the tables.
// And rows far out, as with little noise, if they are fewer than a cell is worth when spread evenly up to there: each query comes to blocks of
// its own, for which its cells would be built once and used once; nearer, cells serve many queries.
inline bool without_tables(std::size_t n_rows, double start) {
    constexpr std::size_t kFewRows = 48;
    constexpr double kOwnBlocks = 60.0;
    constexpr double kRowsOfCell = 40.0;  // what it takes to make one, in rows by tiles (measured)
    const bool sparse = static_cast<double>(n_rows) < kRowsOfCell * kCellsPerUnit * start;
    return n_rows <= kFewRows || start > kLastTabledRadius - 200.0 || (sparse && start > kOwnBlocks);
}

class PlacedRows {
public:
    // Which rows cannot be left out: those up to s, the D-th row of the list (D powers are kept) or beyond it. Let w = F / U, g =
    // f / U, F_D and f_D be those of the D-th row at the last node, and leave out rows with F <= F_D skip / (n D) and f <= f_D skip / n
    // there; at earlier nodes the quotients are smaller still (f_s(t) / f_D(t) falls as t does, s > s_D, since z I'(z) / I(z)
    // grows, and with it F_s / F_D). Every product of k < D factors w can be continued by one of the D nearest rows, so that
    // (D - k + 1) w_D e_{k-1} <= k e_k: with sum(w left out) <= skip w_D / D, each coefficient of G = prod U (1 + w z) changes by a
    // factor between e^-skip and e^skip. A, with one row at the node, changes by that and gains the rows left out at the node: at
    // most sum(g left out) / g_D <= skip of it, since each of the D nearest rows has g >= g_D.
    struct Horizon {
        double s = std::numeric_limits<double>::infinity();
        double n_rows = 1.0;  // of the whole list
        int degree = 1;
        double skip = 0.0;
    };

    [[nodiscard]] std::size_t size() const { return n_; }

    // Rows in any order. Few rows, or far ones, are evaluated one by one, without tables. order: which row stands where.
    void place(const double* s, std::size_t n, bool one_by_one, std::vector<std::int32_t>* order = nullptr) {
        n_ = n;
        one_by_one_ = one_by_one;
        s_.resize(n_);
        if (order) order->resize(n_);
        if (one_by_one) {
            std::vector<std::int32_t> sorted(n_);
            std::iota(sorted.begin(), sorted.end(), 0);
            std::sort(sorted.begin(), sorted.end(),
                      [&](std::int32_t i, std::int32_t j) { return s[static_cast<std::size_t>(i)] < s[static_cast<std::size_t>(j)]; });
            for (std::size_t i = 0; i < n_; ++i) s_[i] = s[static_cast<std::size_t>(sorted[i])];
            if (order) *order = std::move(sorted);
            return;
        }
        std::size_t n_cells = 0;
        for (std::size_t i = 0; i < n_; ++i) n_cells = std::max(n_cells, static_cast<std::size_t>(cell_of(s[i])) + 1);
        starts_.assign(n_cells + 1, 0);
        for (std::size_t i = 0; i < n_; ++i) ++starts_[static_cast<std::size_t>(cell_of(s[i])) + 1];
        for (std::size_t i = 0; i < n_cells; ++i) starts_[i + 1] += starts_[i];
        cell_.resize(n_);
        x_.resize(n_);
        for (std::size_t i = 0; i < n_; ++i) {
            const std::int32_t cell = cell_of(s[i]);
            const std::size_t to = static_cast<std::size_t>(starts_[static_cast<std::size_t>(cell)]++);
            s_[to] = s[i];
            cell_[to] = cell;
            x_[to] = 2.0 * (s[i] * kCellsPerUnit - static_cast<double>(cell)) - 1.0;
            if (order) (*order)[to] = static_cast<std::int32_t>(i);
        }
    }

    // The D-th row, or one that shares its cell; infinite where there are fewer.
    [[nodiscard]] double row(std::size_t index) const { return index < n_ ? s_[index] : std::numeric_limits<double>::infinity(); }

    // Finds the law of the rows first .. first + most - 1 at the nodes of a block and hands those that count to the task; the others are left
    // out.
    void prepare(const NodeBlock& block, BlockLaw& law, const Horizon& horizon, TallyTask& task, std::size_t first = 0,
                 std::size_t most = std::numeric_limits<std::size_t>::max()) {
        first = std::min(first, n_);
        most = std::min(most, n_ - first);
        const std::size_t end = one_by_one_ ? prepare_values(block, law, horizon, first, first + most)
                                            : prepare_cells(block, law, horizon, first, first + most);
        task.cells = one_by_one_ ? nullptr : pointers_.data() + first;
        task.x = one_by_one_ ? nullptr : x_.data() + first;
        task.values = one_by_one_ ? values_.data() : nullptr;
        task.n_rows = static_cast<std::int64_t>(end - first);
    }
    // How many rows are within, as binary64 knows, at every node of a block: the first ones.
    [[nodiscard]] std::size_t within(const NodeBlock& block, double dof) const {
        const double t = radius_of(block.position(0));
        // a cell of rows in no order is within if its far end is
        const auto is_within = [&](std::size_t i) { return LawReach(dof, one_by_one_ ? s_[i] : (cell_[i] + 1) / kCellsPerUnit).within(t); };
        std::size_t low = 0;
        std::size_t high = n_;
        while (low < high) {
            const std::size_t middle = low + (high - low) / 2;
            is_within(middle) ? low = middle + 1 : high = middle;
        }
        return low;
    }

    // ... at the block prepared last
    [[nodiscard]] const Negligible& negligible() const { return negligible_; }

private:
    void set_negligible(const NodeBlock& block, const Horizon& horizon, double F, double f) {
        const double share = horizon.skip / horizon.n_rows;
        negligible_.cdf = F * share / horizon.degree;
        negligible_.pdf = f * share;
        negligible_.from = radius_of(block.position(kLanes - 1));
    }

    std::size_t prepare_values(const NodeBlock& block, BlockLaw& law, const Horizon& horizon, std::size_t first, std::size_t end) {
        NodeLaw& at_nodes = law.at(block);
        double at[3 * kLanes];
        negligible_ = {};
        if (std::isfinite(horizon.s)) {
            at_nodes.evaluate(horizon.s, at, at + kLanes, at + 2 * kLanes);
            set_negligible(block, horizon, at[kLanes - 1], at[3 * kLanes - 1]);
        }
        values_.clear();
        std::size_t i = first;
        for (; i < end; ++i) {
            at_nodes.evaluate(s_[i], at, at + kLanes, at + 2 * kLanes);
            const double F = at[kLanes - 1];
            if (F == 0.0 || (s_[i] > horizon.s && negligible_.covers(s_[i], F, at[3 * kLanes - 1]))) break;
            values_.insert(values_.end(), at, at + 3 * kLanes);
        }
        return i;
    }

    std::size_t prepare_cells(const NodeBlock& block, BlockLaw& law, const Horizon& horizon, std::size_t first, std::size_t end) {
        BlockRows& rows = law.rows(block);
        pointers_.resize(n_);
        const std::int32_t sure = cell_of(horizon.s);
        negligible_ = {};
        if (static_cast<std::size_t>(sure) < rows.cells.size()) {
            const Cell* const last_sure = law.cell(block, rows, static_cast<std::size_t>(sure));
            // f, which in s grows first and then falls, is least at an end
            set_negligible(block, horizon, last_sure->cdf_right, std::min(last_sure->pdf_left, last_sure->pdf_right));
        }
        const Cell* cell = nullptr;
        std::int32_t last = -1;
        std::size_t i = first;
        for (; i < end; ++i) {
            if (cell_[i] != last) {
                last = cell_[i];
                if (static_cast<std::size_t>(last) >= rows.cells.size()) break;
                cell = law.cell(block, rows, static_cast<std::size_t>(last));
                if (cell->kind == CellKind::outside) break;
                if (last > sure && negligible_.covers(last / kCellsPerUnit, cell->cdf_left, cell->pdf_left)) break;
            }
            pointers_[i] = cell;
        }
        return i;
    }

    std::size_t n_ = 0;
    bool one_by_one_ = false;
    std::vector<double> s_;           // by cell, or sorted
    std::vector<std::int32_t> cell_;  // of each row
    std::vector<double> x_;           // its place in the cell
    std::vector<std::int64_t> starts_;
    std::vector<const Cell*> pointers_;  // of the block prepared last
    std::vector<double> values_;
    Negligible negligible_;
};

}  // namespace knn_cert
