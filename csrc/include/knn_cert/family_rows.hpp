// family_rows.hpp: the rows of one list of a family of races. No Python, no threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace knn_cert {

// Rows of one list, in any order; row i belongs to the members first[i] .. end[i] - 1, where first[i] is 0 or end[i] the number
// of members.
struct FamilyRows {
    std::vector<double> s;  // in units of sigma
    const std::int64_t *first, *end;

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
        return change;
    }
    [[nodiscard]] bool in(std::size_t i, std::size_t member) const {
        return first[i] <= static_cast<std::int64_t>(member) && static_cast<std::int64_t>(member) < end[i];
    }
};

}  // namespace knn_cert
