// contest.hpp: what a vote, or a race of two lists, asks of the counts of each list of rows. No Python, no threads.
#pragma once

#include <algorithm>
#include <sstream>
#include <vector>

#include "status.hpp"

namespace knn_cert {

// What decides, by the counts of each list (winner.hpp).
struct Contest {
    int n_lists = 0;         // lists of rows: the classes that have rows, in the order of their index
    int degree[2] = {0, 0};  // race: powers kept for each of the two lists; vote: degree[0] = K for all
    bool race = false;       // two lists: list 0 wins iff its degree[0]-th row comes before the degree[1]-th of list 1
    int n_neighbors = 0;     // K, for the vote and the pair
    // three lists, A, B and all others: list 1 wins iff, of the K nearest rows, A has no more than B less `lead`; else list 0 does
    bool pair = false;
    int lead = 0;  // 1 where B needs more votes than A has, 0 where as many will do

    // The m_a-th row of list 0 against the m_b-th row of list 1.
    static Contest of_race(int m_a, int m_b) {
        Contest out;
        out.n_lists = 2;
        out.degree[0] = m_a;
        out.degree[1] = m_b;
        out.race = true;
        return out;
    }
    static Contest of_vote(int n_lists, int n_neighbors) {
        Contest out;
        out.n_lists = n_lists;
        out.degree[0] = out.degree[1] = out.n_neighbors = n_neighbors;
        return out;
    }

    static Contest of_pair(int n_neighbors, int lead) {
        Contest out = of_vote(3, n_neighbors);
        out.pair = true;
        out.lead = lead;
        return out;
    }

    [[nodiscard]] int degree_of(int list) const { return race ? degree[list] : degree[0]; }
    // K: of all rows, the one that decides at the latest
    [[nodiscard]] int deciding_arrival() const { return race ? degree[0] + degree[1] - 1 : n_neighbors; }
};

// A contest with what bounds its outcomes: list y wins with at least min_own[y] rows and at most max_others[y] rows of the others.
struct BoundedContest {
    Contest contest;
    std::vector<int> min_own, max_others;

    [[nodiscard]] int max_degree() const { return std::max(contest.degree_of(0), contest.degree_of(1)); }

    static BoundedContest of_race(int m_a, int m_b) {
        BoundedContest out;
        out.contest = Contest::of_race(m_a, m_b);
        out.min_own = {m_a, m_b};
        out.max_others = {m_b - 1, m_a - 1};
        return out;
    }

    // The vote of the K nearest rows among n_lists classes, ties to the lowest. Two classes are a race: one wins as soon as it has so
    // many rows that the other cannot have more of the K. The lower one needs K/2 of them if K is even, as ties go to it, and the
    // other one more; both need (K + 1)/2 if K is odd.
    static BoundedContest of_vote(int n_lists, int n_neighbors) {
        if (n_lists == 2) return of_race((n_neighbors + 1) / 2, n_neighbors / 2 + 1);
        BoundedContest out;
        out.contest = Contest::of_vote(n_lists, n_neighbors);
        for (int y = 0; y < n_lists; ++y) {
            // the smallest g such that g votes for y, g - 1 for each class below and g for each above make K
            int g = 1;
            while (static_cast<long long>(n_lists) * g - y < n_neighbors) ++g;
            out.min_own.push_back(g);
            out.max_others.push_back(n_neighbors - g);
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
