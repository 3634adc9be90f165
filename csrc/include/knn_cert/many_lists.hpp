// many_lists.hpp: the counting polynomials of many short lists (classes) in one pass over their rows. No Python, no threads.
#pragma once

#include <cstdint>
#include <vector>

#include "list_tallies.hpp"

namespace knn_cert {

class ManyLists {
public:
    // Where there are many lists, each of some rows only, what is done list by list costs more than the rows do.
    static bool suits(const std::vector<RowSummary>& lists) {
        std::size_t n_rows = 0;
        for (const RowSummary& list : lists) {
            if (list.has_far()) return false;
            n_rows += list.n_rows();
        }
        return lists.size() > 8 && n_rows <= 16 * lists.size();
    }

    // All lists keep the same number of powers.
    void set(const std::vector<RowSummary>& lists, int degree, bool one_by_one) {
        std::vector<double> s;
        std::vector<std::int32_t> list_of;
        std::vector<std::int32_t> order;
        for (std::size_t c = 0; c < lists.size(); ++c)
            for (const double row : lists[c].near()) {
                s.push_back(row);
                list_of.push_back(static_cast<std::int32_t>(c));
            }
        rows_.place(s.data(), s.size(), one_by_one, &order);
        list_of_row_.clear();
        for (const std::int32_t i : order) list_of_row_.push_back(list_of[static_cast<std::size_t>(i)]);
        n_lists_ = lists.size();
        degree_ = degree;
    }

    [[nodiscard]] std::size_t n_rows() const { return rows_.size(); }

    // The records of all lists at a block, as ListTallies::tally writes them. No row is left out but those that are nowhere within
    // reach.
    void tally(const NodeBlock& block, BlockLaw& law, const LeafLoops& leaf, const Accuracy& accuracy, bool density, Records& records) {
        for (std::size_t c = 0; c < n_lists_; ++c) set_no_rows(records[c], degree_, density);
        ScatterTask task{};
        task.rows.rough = accuracy.rough();
        rows_.prepare(block, law, PlacedRows::Horizon{}, task.rows);
        task.rows.degree = degree_;
        task.record_of = list_of_row_.data();
        task.first = records[0];
        task.stride = records.stride();
        task.density = density;
        leaf.scatter(task);
    }

private:
    PlacedRows rows_;
    std::vector<std::int32_t> list_of_row_;
    std::size_t n_lists_ = 0;
    int degree_ = 1;
};

}  // namespace knn_cert
