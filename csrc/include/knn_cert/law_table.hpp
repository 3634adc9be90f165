// law_table.hpp: cells, pieces and points of the distance law, built on first use and shared by queries and threads. No Python.
//
// What a cell holds depends only on (dof, block, cell index), never on who asked first: results do not depend on threads.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "law_cells.hpp"
#include "law_pieces.hpp"
#include "lazy_row.hpp"
#include "quadrature.hpp"

namespace knn_cert {

constexpr double kLastTabledRadius = 2000.0;  // beyond, rows are few: evaluated one by one
// Searches with many votes visit many radii, and a table that is thrown away costs more than all their sums.
constexpr std::size_t kTableBytes = std::size_t{256} << 20;

// Intervals of s in [0, t_max + 40]: further rows have F < Phi(-40) = 0 at every node up to t_max.
inline std::size_t intervals(double t_max, double per_unit) {
    return static_cast<std::size_t>((std::min(t_max, kLastTabledRadius) + 40.0) * per_unit) + 2;
}

// What is known about one block of nodes.
struct BlockRows {
    LazyRow<Cell> cells;
    LazyRow<Piece> pieces;
    LazyRow<PointLaw> points;

    explicit BlockRows(double t_max)
        : cells(intervals(t_max, kCellsPerUnit)), pieces(intervals(t_max, kPiecesPerUnit)), points(intervals(t_max, kPiecesPerUnit)) {}
    [[nodiscard]] std::size_t bytes() const { return cells.bytes() + pieces.bytes() + points.bytes(); }
};

// The cells and pieces of all node blocks for one dof.
class LawTable {
public:
    explicit LawTable(double dof) : dof_(dof) {}

    [[nodiscard]] double dof() const { return dof_; }
    [[nodiscard]] std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

    BlockRows& rows(const NodeBlock& block) {
        std::lock_guard<std::mutex> lock(mutex_);
        std::unique_ptr<BlockRows>& rows = rows_[{block.level, block.index}];
        if (!rows) {
            rows = std::make_unique<BlockRows>(radius_of(block.position(kLanes - 1)));
            bytes_.fetch_add(rows->bytes(), std::memory_order_relaxed);
        }
        return *rows;
    }

    // law() gives the law at the block's nodes; it is called only where the entry is not there yet
    template <class Law>
    const Cell* cell(BlockRows& rows, std::size_t index, Law&& law) {
        return rows.cells.get(index, bytes_, [&] { return build_cell(law(), index); });
    }
    template <class Law>
    const Piece* piece(BlockRows& rows, std::size_t index, Law&& law) {
        return rows.pieces.get(index, bytes_, [&] { return build_piece(law(), index); });
    }
    template <class Law>
    const PointLaw* points(BlockRows& rows, std::size_t index, Law&& law) {
        return rows.points.get(index, bytes_, [&] { return build_points(law(), index); });
    }

    // The table that calls with this dof share. One that has outgrown its budget is left to its present users and replaced.
    static std::shared_ptr<LawTable> shared(double dof) {
        // never destroyed: a thread may still be at work when the process ends
        static std::mutex& mutex = *new std::mutex;
        static std::shared_ptr<LawTable>& recent = *new std::shared_ptr<LawTable>;
        std::lock_guard<std::mutex> lock(mutex);
        if (!recent || recent->dof() != dof || recent->bytes() > kTableBytes) recent = std::make_shared<LawTable>(dof);
        return recent;
    }

private:
    double dof_;
    std::mutex mutex_;
    std::map<std::pair<int, std::int64_t>, std::unique_ptr<BlockRows>> rows_;
    std::atomic<std::size_t> bytes_{0};
};

}  // namespace knn_cert
