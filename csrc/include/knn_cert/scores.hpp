// scores.hpp: entry point of the kernel: what each row of a table may cost the vote of a query, at most. No Python.
#pragma once

#include "continuous.hpp"
#include "parallel.hpp"
#include "score_tallies.hpp"

namespace knn_cert {

// One query: rows at increasing distances, the tampered ones flipped or deleted, no more than caps[i] of them. Filled by name, see
// VoteRequest.
struct ScoreRequest {
    const double* distances = nullptr;
    const std::int64_t* labels = nullptr;  // classes sorted as ties are broken; some may have no rows
    std::int64_t n_rows = 0;               // K + 1 at least
    int n_classes = 2, n_neighbors = 1, target = 0;
    bool deletions = false;
    const std::int64_t* caps = nullptr;
    std::int64_t n_caps = 1;
    double sigma = 0.0, dof = 0.0;
    Checkpoint checkpoint = no_checkpoint;

    explicit ScoreRequest() = default;
};

namespace detail {

// The rows of each class that has any: their distances in units of sigma, and where they stand.
struct RowsByClass {
    std::vector<std::vector<double>> s;
    std::vector<std::vector<std::size_t>> places;
    std::vector<std::int32_t> class_of;

    explicit RowsByClass(const ScoreRequest& request) {
        for (int c = 0; c < request.n_classes; ++c) {
            std::vector<double> rows;
            std::vector<std::size_t> at;
            for (std::int64_t i = 0; i < request.n_rows; ++i)
                if (request.labels[i] == c) {
                    rows.push_back(request.distances[i] / request.sigma);
                    at.push_back(static_cast<std::size_t>(i));
                }
            if (rows.empty()) continue;
            s.push_back(std::move(rows));
            places.push_back(std::move(at));
            class_of.push_back(c);
        }
    }
};

// An upper bound on a score from its sums over every eighth node; the trapezoid rule as in continuous.hpp.
inline double score_bound(const double* v, double relative, double left_out) {
    const double sum = ((v[0] + v[2]) + (v[4] + v[6])) + ((v[1] + v[3]) + (v[5] + v[7]));
    if (!(sum > 0.0)) return left_out;
    const double ripple = 2.0 * std::hypot((v[0] + v[4]) - (v[2] + v[6]), (v[1] + v[5]) - (v[3] + v[7])) / sum;  // at four times the step
    return sum * (1.0 + relative + (ripple < 0.1 ? std::pow(ripple, 4) : ripple)) + left_out;
}

}  // namespace detail

// [n_caps][n_classes][n_rows]: an upper bound on what the row costs `target` against each rival, see vote_costs.hpp.
inline void rival_scores(const ScoreRequest& request, double* out) {
    const Pulse pulse(request.checkpoint);
    const detail::RowsByClass rows(request);
    CostContest contest;
    contest.n_classes = request.n_classes;
    contest.n_neighbors = request.n_neighbors;
    contest.target = request.target;
    contest.class_of = rows.class_of;
    contest.deletions = request.deletions;
    std::vector<CostContest> contests;
    for (std::int64_t i = 0; i < request.n_caps; ++i) {
        contest.cap = static_cast<int>(std::min<std::int64_t>(request.caps[i], request.n_rows));
        contests.push_back(contest);
    }
    ScoreTallies tallies(request.dof, leaf_loops());
    tallies.set(rows.s, contests);
    Accuracy accuracy;
    accuracy.tolerance = 1e-9;  // sums of some hundred scores are set against margins of votes
    ContinuousIntegral integral;
    const Outcome outcome = integral.solve(tallies, accuracy);
    // what nodes left out could add to the density of the (K + 1)-th row is part of each of these, and a row costs twice that at most
    const double left_out = 2.0 * *std::max_element(outcome.error.begin(), outcome.error.end());
    const double relative = tallies.rounding() + accuracy.by_law(request.n_neighbors + 1.0, static_cast<double>(request.n_rows));
    for (std::size_t cap_and_rival = 0; cap_and_rival < contests.size() * tallies.n_classes(); ++cap_and_rival)
        for (std::size_t list = 0; list < rows.s.size(); ++list) {
            const std::vector<std::int64_t>& ranks = tallies.ranks(list);
            double bound = 0.0;
            std::size_t next = 0;
            for (std::size_t i = 0; i < rows.s[list].size(); ++i) {
                if (next < ranks.size() && ranks[next] == static_cast<std::int64_t>(i))
                    bound = detail::score_bound(tallies.score(cap_and_rival, list, next++), relative, left_out);
                out[cap_and_rival * static_cast<std::size_t>(request.n_rows) + rows.places[list][i]] = bound;
            }
        }
}

}  // namespace knn_cert
