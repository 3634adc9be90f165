// contest_solver.hpp: contests of one query, with as many rows one by one as it takes. No Python.
#pragma once

#include <limits>
#include <vector>

#include "contest_tallies.hpp"
#include "continuous.hpp"
#include "contour_race.hpp"
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
// From so many votes on the contours are tried first.
constexpr int kManyVotes = 61;
// From so many on, where the contours' series does not do, bands of powers are; below, the recurrence takes no longer.
constexpr int kManyForBand = 101;

class ContestSolver {
public:
    ContestSolver(double dof, const LeafLoops& leaf) : tallies_(dof, leaf), contours_(dof, leaf), leaf_(leaf), dof_(dof) {}

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

    // fill(lists) adds the rows to their lists. Contests of many votes are asked of the contours first. If `recurrence`, every row is
    // tallied one by one.
    template <class Fill>
    Outcome solve_filled(std::size_t n_lists, const std::vector<BoundedContest>& contests, const SquareError& sq_error, bool recurrence,
                         Fill&& fill) {
        lists_.resize(n_lists);
        std::vector<Outcome> outcomes(contests.size(), unsettled());
        if (!recurrence && std::any_of(contests.begin(), contests.end(), many_votes)) {
            for (RowSummary& list : lists_) list.start_moments(dof_, leaf_);
            fill(lists_);
            for (RowSummary& list : lists_) list.finish();
            take_moments(lists_);
            for (std::size_t i = 0; i < contests.size(); ++i)
                if (many_votes(contests[i])) outcomes[i] = by_contours(contests[i], sq_error);
            by_bands(contests, sq_error, fill, outcomes);
        }
        return with_others(contests, outcomes, [&](const std::vector<BoundedContest>& others) {
            return by_integral(others, sq_error, recurrence, std::forward<Fill>(fill));
        });
    }

    // Lists whose rows have been added and finished: all as moments for contests of many votes, with near rows for the others. Not settled
    // where either cannot answer.
    Outcome solve_scanned(const std::vector<RowSummary>& lists, const std::vector<RowSummary>& moments,
                          const std::vector<BoundedContest>& contests, const SquareError& sq_error, const Accuracy& accuracy = {}) {
        if (moments.empty()) return solve(lists, contests, sq_error);
        take_moments(moments);
        std::vector<Outcome> outcomes(contests.size(), unsettled());
        for (std::size_t i = 0; i < contests.size(); ++i) {
            if (!many_votes(contests[i])) continue;
            outcomes[i] = by_contours(contests[i], sq_error, {}, accuracy);
            if (!outcomes[i].settled) return unsettled();
        }
        return with_others(contests, outcomes, [&](const std::vector<BoundedContest>& others) { return solve(lists, others, sq_error); });
    }

    // Whether the contours are asked about a contest: for fewer votes the recurrence takes less time (measured).
    static bool many_votes(const BoundedContest& bounded) {
        return bounded.contest.race && bounded.contest.deciding_arrival() >= kManyVotes;
    }

private:
    // The rows of two lists, all of them as moments, for by_contours.
    void take_moments(const std::vector<RowSummary>& lists) {
        for (std::size_t i = 0; i < 2; ++i) points_[i].set(lists[i]);
    }
    Outcome by_contours(const BoundedContest& bounded, const SquareError& sq_error, const std::array<PlacedRows*, 2>& one_by_one = {},
                        const Accuracy& accuracy = {}) {
        const int* const m = bounded.contest.degree;
        const bool arrives[2] = {points_[0].n_rows() >= m[0], points_[1].n_rows() >= m[1]};
        if (arrives[0] && arrives[1]) return contours_.solve({&points_[0], &points_[1]}, m[0], m[1], accuracy, sq_error, one_by_one);
        Outcome out;  // the only list that is long enough comes first
        for (const bool wins : arrives) out.probability.push_back(wins ? 1.0 : 0.0);
        out.error = {0.0, 0.0};
        return out;
    }

    // All outcomes in the order of the contests: those that are not settled by solve(contests that are not).
    template <class Solve>
    static Outcome with_others(const std::vector<BoundedContest>& contests, const std::vector<Outcome>& outcomes, Solve&& solve) {
        std::vector<BoundedContest> others;
        for (std::size_t i = 0; i < contests.size(); ++i)
            if (!outcomes[i].settled) others.push_back(contests[i]);
        Outcome rest;
        if (!others.empty()) rest = solve(others);
        if (others.size() == contests.size() || !rest.settled) return rest;
        const std::size_t n_lists = static_cast<std::size_t>(contests[0].contest.n_lists);
        Outcome all;
        std::ptrdiff_t taken = 0;
        for (const Outcome& one : outcomes) {
            const auto n = static_cast<std::ptrdiff_t>(n_lists);
            const auto p = one.settled ? one.probability.begin() : rest.probability.begin() + taken;
            const auto e = one.settled ? one.error.begin() : rest.error.begin() + taken;
            all.probability.insert(all.probability.end(), p, p + n);
            all.error.insert(all.error.end(), e, e + n);
            if (!one.settled) taken += n;
        }
        return all;
    }

    // Where counts vary little and very many votes count: with all rows one by one beside their moments.
    template <class Fill>
    void by_bands(const std::vector<BoundedContest>& contests, const SquareError& sq_error, Fill&& fill, std::vector<Outcome>& outcomes) {
        bool placed = false;
        for (std::size_t i = 0; i < contests.size(); ++i) {
            if (outcomes[i].settled || !many_votes(contests[i]) || contests[i].contest.deciding_arrival() < kManyForBand) continue;
            if (!placed) {
                for (RowSummary& list : lists_) list.start(RowSummary::kAllNear, dof_, leaf_);
                fill(lists_);
                for (std::size_t side = 0; side < 2; ++side) {
                    const auto rows = lists_[side].near();
                    placed_[side].place(rows.s, rows.n, without_tables(rows.n, contours_.start()));
                }
                placed = true;
            }
            outcomes[i] = by_contours(contests[i], sq_error, {&placed_[0], &placed_[1]});
        }
    }

    // Lists are filled with more near rows each time, until the outcome is settled, at last with all rows near; if `recurrence`, at once
    // with all of them.
    template <class Fill>
    Outcome by_integral(const std::vector<BoundedContest>& contests, const SquareError& sq_error, bool recurrence, Fill&& fill) {
        const std::size_t few = near_rows_for(contests);
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
    ContourRace contours_;
    std::array<ContourRows, 2> points_;
    std::array<PlacedRows, 2> placed_;
    const LeafLoops& leaf_;
    double dof_;
};

}  // namespace knn_cert
