// family_rows.hpp: the rows of one list of a family of races. No Python, no threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "row_summary.hpp"

namespace knn_cert {

// Rows of one list, in any order; row i belongs to the members first[i] .. end[i] - 1, where first[i] is 0 or end[i] the number
// of members. More rows of every member may be known by their moments alone: those of `far`, which has no near ones.
struct FamilyRows {
    std::vector<double> s;  // in units of sigma
    const std::int64_t *first, *end;
    SummaryView far;

    // rows of each member
    [[nodiscard]] std::vector<std::int64_t> sizes(std::size_t n_members) const {
        std::vector<std::int64_t> change(n_members + 1, 0);
        for (std::size_t i = 0; i < s.size(); ++i)
            if (first[i] < end[i]) {
                ++change[static_cast<std::size_t>(first[i])];
                --change[static_cast<std::size_t>(end[i])];
            }
        for (std::size_t m = 1; m < change.size(); ++m) change[m] += change[m - 1];
        change.pop_back();
        for (std::int64_t& size : change) size += far.n_rows;
        return change;
    }
    [[nodiscard]] std::size_t n_all() const { return s.size() + static_cast<std::size_t>(far.n_rows); }
    [[nodiscard]] bool in(std::size_t i, std::size_t member) const {
        return first[i] <= static_cast<std::int64_t>(member) && static_cast<std::int64_t>(member) < end[i];
    }
};

}  // namespace knn_cert
