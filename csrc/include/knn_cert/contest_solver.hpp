// contest_solver.hpp: contests of one query, with as many rows one by one as it takes. No Python.
#pragma once

#include <limits>
#include <vector>

#include "contest_tallies.hpp"
#include "continuous.hpp"
#include "parallel.hpp"

namespace knn_cert {

// Near rows enough for these contests.
inline std::size_t near_rows_for(const std::vector<BoundedContest>& contests) {
    int degree = 1;
    for (const BoundedContest& bounded : contests) degree = std::max(degree, bounded.max_degree());
    return near_rows_for(degree);
}

// Where far rows leave too much doubt, the next attempt keeps this many times the near rows.
constexpr std::size_t kMoreNear = 8;

class ContestSolver {
public:
    ContestSolver(double dof, const LeafLoops& leaf) : tallies_(dof, leaf), leaf_(leaf), dof_(dof) {}

    // Lists whose rows have been added and finished. The outcome is not settled if the error bound of far rows is too large, unless
    // `any_doubt`, or unless nothing could make it smaller: no far rows, and distances by differences.
    Outcome solve(const std::vector<RowSummary>& lists, const std::vector<BoundedContest>& contests, const SquareError& sq_error,
                  bool any_doubt = false) {
        bool complete = true;
        bool far = false;
        for (const RowSummary& list : lists) {
            complete = complete && list.complete();
            far = far || list.has_far();
        }
        if (!complete) return unsettled();
        if (contests.size() > 1 && far_apart(lists, contests)) return one_by_one(lists, contests, sq_error, any_doubt);
        tallies_.set(lists, contests, sq_error);
        Accuracy accuracy;
        accuracy.any_doubt = any_doubt || (!far && sq_error.is_least());
        return integral_.solve(tallies_, accuracy);
    }

    // fill(lists) adds the rows to their lists. They are filled with more near rows each time, until the outcome is settled, at last with
    // all rows near; if `recurrence`, at once with all of them.
    template <class Fill>
    Outcome solve_filled(std::size_t n_lists, const std::vector<BoundedContest>& contests, const SquareError& sq_error, bool recurrence,
                         Fill&& fill) {
        const std::size_t few = near_rows_for(contests);
        lists_.resize(n_lists);
        Outcome outcome = unsettled();
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
    static Outcome unsettled() {
        Outcome out;
        out.settled = false;
        return out;
    }

    bool far_apart(const std::vector<RowSummary>& lists, const std::vector<BoundedContest>& contests) {
        double first = std::numeric_limits<double>::infinity();
        double last = 0.0;
        for (const BoundedContest& bounded : contests) {
            const double decided = tallies_.decided(lists, bounded.contest);
            first = std::min(first, decided);
            last = std::max(last, decided);
        }
        return last - first > kOneWindow;
    }

    // The same with an integral for each contest.
    Outcome one_by_one(const std::vector<RowSummary>& lists, const std::vector<BoundedContest>& contests, const SquareError& sq_error,
                       bool any_doubt) {
        Outcome all;
        for (const BoundedContest& bounded : contests) {
            const Outcome one = solve(lists, {bounded}, sq_error, any_doubt);
            if (!one.settled) return one;
            all.probability.insert(all.probability.end(), one.probability.begin(), one.probability.end());
            all.error.insert(all.error.end(), one.error.begin(), one.error.end());
        }
        return all;
    }

    ContestTallies tallies_;
    ContinuousIntegral integral_;
    std::vector<RowSummary> lists_;
    const LeafLoops& leaf_;
    double dof_;
};

}  // namespace knn_cert
