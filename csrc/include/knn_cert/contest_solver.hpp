// contest_solver.hpp: contests of one query, with as many rows one by one as it takes. No Python.
#pragma once

#include <memory>
#include <vector>

#include "contest_tallies.hpp"
#include "continuous.hpp"
#include "parallel.hpp"

namespace knn_cert {

// What each thread keeps from query to query of the continuous classifier, made on first use.
template <class Worker>
class Workers {
public:
    Workers(int n_threads, double dof) : workers_(static_cast<std::size_t>(n_threads)), dof_(dof), leaf_(leaf_loops()) {}
    Worker& operator[](int w) {
        std::unique_ptr<Worker>& worker = workers_[static_cast<std::size_t>(w)];
        if (!worker) worker.reset(new Worker(dof_, leaf_));
        return *worker;
    }

private:
    std::vector<std::unique_ptr<Worker>> workers_;
    double dof_;
    const LeafLoops& leaf_;
};

// Near rows enough for these contests.
inline std::size_t near_rows_for(const std::vector<BoundedContest>& contests) {
    int degree = 1;
    for (const BoundedContest& bounded : contests) degree = std::max(degree, bounded.max_degree());
    return near_rows_for(degree);
}

// So many times the near rows are tried once more where far rows leave too much doubt.
constexpr std::size_t kMoreNear = 8;

class ContestSolver {
public:
    ContestSolver(double dof, const LeafLoops& leaf) : tallies_(dof, leaf), leaf_(leaf), dof_(dof) {}

    // Lists whose rows have been added and finished. Not settled where they leave too much doubt, unless any will do or nothing could
    // be done about it.
    Outcome solve(const std::vector<RowSummary>& lists, const std::vector<BoundedContest>& contests, const SquareError& sq_error,
                  bool any_doubt = false) {
        bool complete = true, far = false;
        for (const RowSummary& list : lists) {
            complete = complete && list.complete();
            far = far || list.has_far();
        }
        if (!complete) return {{}, {}, false};
        tallies_.set(lists, contests, sq_error);
        Accuracy accuracy;
        accuracy.any_doubt = any_doubt || (!far && sq_error.is_least());
        return integral_.solve(tallies_, accuracy);
    }

    // Lists that fill(lists) adds rows to: more near rows each time until it is settled, at last all of them. recurrence: all from the
    // beginning.
    template <class Fill>
    Outcome solve_filled(std::size_t n_lists, const std::vector<BoundedContest>& contests, const SquareError& sq_error, bool recurrence,
                         Fill&& fill) {
        const std::size_t few = near_rows_for(contests);
        lists_.resize(n_lists);
        Outcome outcome;
        outcome.settled = false;
        for (const std::size_t n_near : {few, kMoreNear * few, RowSummary::kAllNear}) {
            if (outcome.settled || (recurrence && n_near < RowSummary::kAllNear)) continue;
            for (RowSummary& list : lists_) list.start(n_near, dof_, leaf_);
            fill(lists_);
            for (RowSummary& list : lists_) list.finish();
            outcome = solve(lists_, contests, sq_error, n_near == RowSummary::kAllNear);
        }
        return outcome;
    }

private:
    ContestTallies tallies_;
    ContinuousIntegral integral_;
    std::vector<RowSummary> lists_;
    const LeafLoops& leaf_;
    double dof_;
};

}  // namespace knn_cert
