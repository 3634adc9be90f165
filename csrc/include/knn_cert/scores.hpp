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

// [n_caps][n_classes][n_rows]: an upper bound on what the row costs `target` against each rival, see vote_costs.hpp.
inline void rival_scores(const ScoreRequest& request, double* out) {
    const Pulse pulse(request.checkpoint);
    CostContest contest;
    contest.n_classes = request.n_classes;
    contest.n_neighbors = request.n_neighbors;
    contest.target = request.target;
    contest.deletions = request.deletions;
    std::vector<std::vector<double>> lists(static_cast<std::size_t>(request.n_classes));
    std::vector<std::vector<std::int64_t>> places(lists.size());
    for (std::int64_t i = 0; i < request.n_rows; ++i) {
        lists[static_cast<std::size_t>(request.labels[i])].push_back(request.distances[i] / request.sigma);
        places[static_cast<std::size_t>(request.labels[i])].push_back(i);
    }
    for (int c = request.n_classes - 1; c >= 0; --c) {
        if (!lists[static_cast<std::size_t>(c)].empty()) {
            contest.class_of.insert(contest.class_of.begin(), c);
            continue;
        }
        lists.erase(lists.begin() + c);
        places.erase(places.begin() + c);
    }
    std::vector<CostContest> contests;
    for (std::int64_t i = 0; i < request.n_caps; ++i) {
        contest.cap = static_cast<int>(std::min<std::int64_t>(request.caps[i], request.n_rows));
        contests.push_back(contest);
    }
    ScoreTallies tallies(request.dof, leaf_loops());
    tallies.set(lists, contests);
    Accuracy accuracy;
    accuracy.tolerance = 1e-9;  // sums of some hundred scores are set against margins of votes
    ContinuousIntegral integral;
    const Outcome outcome = integral.solve(tallies, accuracy);
    // what nodes left out could add to the density of the (K + 1)-th row is part of each of these, and a row costs twice that at most
    const double left_out = 2.0 * *std::max_element(outcome.error.begin(), outcome.error.end());
    const double relative = tallies.rounding() + accuracy.by_law(request.n_neighbors + 1.0, static_cast<double>(request.n_rows));
    for (std::size_t cap = 0; cap < contests.size(); ++cap)
        for (std::size_t b = 0; b < tallies.n_classes(); ++b)
            for (std::size_t list = 0; list < lists.size(); ++list) {
                const std::vector<std::int64_t>& ranks = tallies.ranks(list);
                double bound = 0.0;
                std::size_t next = 0;
                for (std::size_t i = 0; i < lists[list].size(); ++i) {
                    if (next < ranks.size() && ranks[next] == static_cast<std::int64_t>(i)) {
                        const double* const v = tallies.score(cap, b, list, next++);
                        const double sum = ((v[0] + v[2]) + (v[4] + v[6])) + ((v[1] + v[3]) + (v[5] + v[7]));
                        // the error of four times the step, and of the step: see continuous.hpp
                        const double ripple =
                            sum > 0.0 ? 2.0 * std::hypot((v[0] + v[4]) - (v[2] + v[6]), (v[1] + v[5]) - (v[3] + v[7])) / sum : 0.0;
                        const double by_step = ripple < 0.1 ? std::pow(ripple, 4) : ripple;
                        bound = sum * (1.0 + relative + by_step) + left_out;
                    }
                    const std::size_t place = static_cast<std::size_t>(places[list][i]);
                    out[(cap * tallies.n_classes() + b) * static_cast<std::size_t>(request.n_rows) + place] = bound;
                }
            }
}

}  // namespace knn_cert
