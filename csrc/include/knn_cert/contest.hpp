// contest.hpp: what a vote, or a race of two lists, asks of the counts of each list of rows. No Python, no threads.
#pragma once

#include <algorithm>
#include <sstream>
#include <vector>

#include "simd.hpp"
#include "status.hpp"

namespace knn_cert {

// A contest with what bounds its outcomes: list y wins with at least least[y] rows and at most rest[y] rows of the others.
struct BoundedContest {
    Contest contest;
    std::vector<int> least, rest;

    int max_degree() const { return std::max(contest.degree_of(0), contest.degree_of(1)); }

    // The m_a-th row of list 0 against the m_b-th row of list 1.
    static BoundedContest of_race(int m_a, int m_b) {
        BoundedContest out;
        out.contest = {2, {m_a, m_b}, true, 0};
        out.least = {m_a, m_b};
        out.rest = {m_b - 1, m_a - 1};
        return out;
    }

    // The vote of the K nearest rows among n_lists classes, ties to the lowest. Two classes are a race: the lower one wins with
    // K/2 votes if K is even, both need (K + 1)/2 if it is odd (DESIGN section 2).
    static BoundedContest of_vote(int n_lists, int n_neighbors) {
        if (n_lists == 2) return of_race((n_neighbors + 1) / 2, n_neighbors / 2 + 1);
        BoundedContest out;
        out.contest = {n_lists, {n_neighbors, n_neighbors}, false, n_neighbors};
        for (int y = 0; y < n_lists; ++y) {
            // the smallest g such that g votes for y, g - 1 for each class below and g for each above make K
            int g = 1;
            while (static_cast<long long>(n_lists) * g - y < n_neighbors) ++g;
            out.least.push_back(g);
            out.rest.push_back(n_neighbors - g);
        }
        return out;
    }
};

// What a query's answer is: one entry per list.
struct Outcome {
    std::vector<double> probability, error;
    bool settled = true;  // false: far rows summed by moments leave too much doubt, and nothing else has been worked out
};

// Beyond this s the spacing of doubles is no longer small against the noise of 1.
constexpr double kFarthestNeighbor = 1e11;

inline void check_resolution(double s) {
    if (!(s > kFarthestNeighbor)) return;
    std::ostringstream message;
    message << "sigma is too small against the distances: the K-th nearest row lies at " << s << " sigma, expected at most "
            << kFarthestNeighbor << "; use a larger sigma, or rescale the features";
    throw NotComputable(message.str());
}

}  // namespace knn_cert
