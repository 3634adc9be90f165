// races.hpp: entry points of the kernel: one race of two lists, and families of races. No Python.
#pragma once

#include "contest_solver.hpp"
#include "family_tallies.hpp"

namespace knn_cert {

namespace detail {

// Members of a family that are decided within this share one window of the integral.
constexpr double kOneWindow = 1000.0;

inline bool far_apart(const std::array<FamilyRows, 2>& rows, const std::vector<std::size_t>& members, int m_a, int m_b) {
    double farthest = 0.0, first = std::numeric_limits<double>::infinity(), last = 0.0;
    for (const FamilyRows& side : rows)
        for (const double s : side.s) farthest = std::max(farthest, s);
    if (farthest <= kOneWindow) return false;
    for (const std::size_t member : members) {
        const double decided = FamilyTallies::decided(rows, member, m_a, m_b);
        first = std::min(first, decided);
        last = std::max(last, decided);
    }
    return last - first > kOneWindow;
}

struct FamilyWorker {
    FamilyTallies tallies;
    ContinuousIntegral integral;
    std::array<FamilyRows, 2> rows;
    std::array<std::vector<std::int64_t>, 2> first, end;

    FamilyWorker(double dof, const LeafLoops& leaf) : tallies(dof, leaf) {}
};

}  // namespace detail

// One race: the m_a-th nearest row of list A against the m_b-th nearest of list B; lists in any order. A list that is too short
// never arrives.
struct RaceRequest {
    const double* distances_a;
    std::int64_t n_a;
    int m_a;
    const double* distances_b;
    std::int64_t n_b;
    int m_b;
    double sigma, dof;
    bool recurrence;  // every row one by one
    Checkpoint checkpoint = no_checkpoint;
};

// probability and error: A first, B first.
inline void race(const RaceRequest& request, double* probability, double* error) {
    const bool a_arrives = request.n_a >= request.m_a, b_arrives = request.n_b >= request.m_b;
    probability[0] = a_arrives ? 1.0 : 0.0;
    probability[1] = b_arrives ? 1.0 : 0.0;
    error[0] = error[1] = 0.0;
    if (!a_arrives || !b_arrives) return;
    const Pulse pulse(request.checkpoint);
    const BoundedContest contest = BoundedContest::of_race(request.m_a, request.m_b);
    ContestSolver solver(request.dof, leaf_loops());
    std::vector<double> s;
    const auto add = [&](const double* distances, std::int64_t n, RowSummary& list) {
        s.clear();
        for (std::int64_t i = 0; i < n; ++i) s.push_back(distances[i] / request.sigma);
        list.add(s.data(), n, 1.0);
    };
    const Outcome outcome = solver.solve_filled(2, {contest}, SquareError::of_roots(), request.recurrence, [&](std::vector<RowSummary>& lists) {
        add(request.distances_a, request.n_a, lists[0]);
        add(request.distances_b, request.n_b, lists[1]);
    });
    std::copy_n(outcome.probability.begin(), 2, probability);
    std::copy_n(outcome.error.begin(), 2, error);
}

// Families of races (family_tallies.hpp). Family f has n_members[f] members; the rows of its list A are those from start[2f] to
// start[2f + 1] - 1, those of B follow until start[2f + 2] - 1; row i belongs to the members first[i] .. end[i] - 1, and first[i]
// is 0 or end[i] the number of members.
struct FamilyRequest {
    const double* distances;
    const std::int64_t *first, *end, *start;
    const std::int64_t *n_members, *m_a, *m_b;  // of each family
    std::int64_t n_families;
    double sigma, dof;
    double tolerance;  // absolute error that is good enough; 0: full relative accuracy
    bool recurrence;   // every row one by one
    int n_threads;
    Checkpoint checkpoint;
};

// probability and error are [members of all families][2]: A first, B first. A list that is too short never arrives.
inline void race_families(const FamilyRequest& request, double* probability, double* error) {
    std::vector<std::size_t> first_member(static_cast<std::size_t>(request.n_families) + 1, 0);
    for (std::size_t f = 0; f + 1 < first_member.size(); ++f)
        first_member[f + 1] = first_member[f] + static_cast<std::size_t>(request.n_members[f]);
    Workers<detail::FamilyWorker> workers(request.n_threads, request.dof);
    for_each_item(request.n_families, request.n_threads, request.checkpoint, [&](int w, std::int64_t family) {
        detail::FamilyWorker& worker = workers[w];
        FamilyTallies& tallies = worker.tallies;
        ContinuousIntegral& integral = worker.integral;
        std::array<FamilyRows, 2>& rows = worker.rows;
        std::array<std::vector<std::int64_t>, 2>&first = worker.first, &end = worker.end;
        const std::size_t n_members = static_cast<std::size_t>(request.n_members[family]);
        const std::int64_t m[2] = {request.m_a[family], request.m_b[family]};
        for (std::size_t side = 0; side < 2; ++side) {
            const std::int64_t from = request.start[2 * family + static_cast<std::int64_t>(side)];
            const std::int64_t to = request.start[2 * family + static_cast<std::int64_t>(side) + 1];
            rows[side].first = request.first + from;
            rows[side].end = request.end + from;
            rows[side].s.resize(static_cast<std::size_t>(to - from));
            for (std::int64_t i = from; i < to; ++i) rows[side].s[static_cast<std::size_t>(i - from)] = request.distances[i] / request.sigma;
        }
        const std::vector<std::int64_t> sizes[2] = {rows[0].sizes(n_members), rows[1].sizes(n_members)};
        double* const p = probability + 2 * first_member[static_cast<std::size_t>(family)];
        double* const e = error + 2 * first_member[static_cast<std::size_t>(family)];
        std::vector<std::size_t> open;  // members that the noise decides
        std::vector<std::int64_t> open_before(n_members + 1, 0);
        for (std::size_t i = 0; i < n_members; ++i) {
            for (std::size_t side = 0; side < 2; ++side) {
                p[2 * i + side] = sizes[side][i] >= m[side] ? 1.0 : 0.0;
                e[2 * i + side] = 0.0;
            }
            if (p[2 * i] + p[2 * i + 1] == 2.0) open.push_back(i);
            open_before[i + 1] = static_cast<std::int64_t>(open.size());
        }
        if (open.empty()) return;
        const auto solve = [&](std::size_t from, std::size_t n_now) {  // open[from] .. open[from + n_now - 1]
            Outcome outcome;
            outcome.settled = false;
            for (const std::size_t more : {std::size_t{1}, kMoreNear, RowSummary::kAllNear}) {
                const bool all_near = more == RowSummary::kAllNear;
                if (outcome.settled || (request.recurrence && !all_near)) continue;
                tallies.set(rows, n_now, static_cast<int>(m[0]), static_cast<int>(m[1]), more);
                if (tallies.complete()) outcome = integral.solve(tallies, {request.tolerance, all_near});
            }
            for (std::size_t j = 0; j < n_now; ++j)
                for (std::size_t side = 0; side < 2; ++side) {
                    p[2 * open[from + j] + side] = outcome.probability[2 * j + side];
                    e[2 * open[from + j] + side] = outcome.error[2 * j + side];
                }
        };
        // One integral for all open members, unless they are decided so far from one another that its window would not close:
        // then one for each.
        const bool apart = detail::far_apart(rows, open, static_cast<int>(m[0]), static_cast<int>(m[1]));
        if (open.size() == n_members && !apart) return solve(0, n_members);
        const std::array<FamilyRows, 2> all = rows;
        const std::size_t at_a_time = apart ? 1 : open.size();
        for (std::size_t from = 0; from < open.size(); from += at_a_time) {
            const std::size_t n_now = std::min(at_a_time, open.size() - from);
            const auto among_these = [&](std::int64_t member) {  // how many of these members come before
                return std::clamp<std::int64_t>(open_before[static_cast<std::size_t>(member)] - static_cast<std::int64_t>(from), 0,
                                                static_cast<std::int64_t>(n_now));
            };
            for (std::size_t side = 0; side < 2; ++side) {
                first[side].clear();
                end[side].clear();
                for (std::size_t i = 0; i < rows[side].s.size(); ++i) {
                    first[side].push_back(among_these(all[side].first[i]));
                    end[side].push_back(among_these(all[side].end[i]));
                }
                rows[side].first = first[side].data();
                rows[side].end = end[side].data();
            }
            solve(from, n_now);
        }
    });
}

}  // namespace knn_cert
