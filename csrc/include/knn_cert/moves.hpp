// moves.hpp: entry point of the kernel: races of which some rows are moved. No Python.
#pragma once

#include "moved_race.hpp"

namespace knn_cert {

// Contest i: the rows of its list A are those from start[2i] to start[2i + 1] - 1, those of B follow until start[2i + 2] - 1, each list in
// increasing order; m_a, m_b: of the race; at most rows[i] of all rows move by at most radius[i]. Filled by name, see VoteRequest.
struct MovesRequest {
    const double* distances = nullptr;
    const std::int64_t *start = nullptr, *m_a = nullptr, *m_b = nullptr, *rows = nullptr;
    const double* radius = nullptr;
    std::int64_t n_contests = 0;
    double sigma = 0.0, dof = 0.0;
    double above = 0.0;  // bounds are 0 where the best attack leaves no more to A
    int n_threads = 1;
    Checkpoint checkpoint = no_checkpoint;

    explicit MovesRequest() = default;
};

// Of each contest: a lower bound on P(A first) over all attacks; P(A first) under the best attack that was found, and its error; and
// which rows that moves (1), in the order of `distances`.
inline void moved_races(const MovesRequest& request, double* lower, double* attack, double* error, std::int64_t* moved) {
    const LeafLoops& leaf = leaf_loops();
    Workers<MovedRace> workers(request.n_threads, [&] { return std::make_unique<MovedRace>(request.dof, leaf); });
    for_each_item(request.n_contests, request.n_threads, request.checkpoint, [&](int w, std::int64_t i) {
        const std::int64_t* const start = request.start + 2 * i;
        MovedContest contest;
        const auto take = [&](std::vector<double>& list, std::int64_t from, std::int64_t to) {
            for (std::int64_t row = from; row < to; ++row) list.push_back(request.distances[row] / request.sigma);
        };
        take(contest.a, start[0], start[1]);
        take(contest.b, start[1], start[2]);
        contest.m_a = static_cast<int>(request.m_a[i]);
        contest.m_b = static_cast<int>(request.m_b[i]);
        contest.moves = request.rows[i];
        contest.eps = request.radius[i] / request.sigma;
        contest.above = request.above;
        const MovedOutcome outcome = workers[w].solve(contest);
        lower[i] = outcome.lower;
        attack[i] = outcome.attack;
        error[i] = outcome.attack_error;
        std::fill(moved + start[0], moved + start[2], 0);
        for (const std::int32_t row : outcome.rows_a) moved[start[0] + row] = 1;
        for (const std::int32_t row : outcome.rows_b) moved[start[1] + row] = 1;
    });
}

}  // namespace knn_cert
