// moved_contest.hpp: a race of which some rows may be moved, and what is found about it. No Python, no threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace knn_cert {

// A race and what may be done to its rows: at most `moves` of them move by at most eps. Distances increase, in units of sigma.
struct MovedContest {
    std::vector<double> a, b;
    int m_a = 1, m_b = 1;
    std::int64_t moves = 0;
    double eps = 0.0;
    double above = 0.0;  // no bound is wanted where the best attack leaves no more to A

    // Where the race is decided at the latest without noise: some m rows of A, or of B, lie no farther whichever rows are moved.
    [[nodiscard]] double closing_distance() const {
        const auto m = static_cast<std::size_t>(m_a);
        double farthest = a[m - 1] + eps;
        if (m + static_cast<std::size_t>(moves) <= a.size()) farthest = std::min(farthest, a[m + static_cast<std::size_t>(moves) - 1]);
        return std::min(farthest, b[static_cast<std::size_t>(m_b) - 1]);
    }
};

struct MovedOutcome {
    double lower = 0.0;                        // no attack leaves less to A: errors are taken off; 0 where it is not wanted
    double attack = 1.0;                       // what the best attack found leaves to A
    double attack_error = 0.0;                 // estimated where no bound is wanted
    std::vector<std::int32_t> rows_a, rows_b;  // the rows of A and of B that it moves
};

}  // namespace knn_cert
