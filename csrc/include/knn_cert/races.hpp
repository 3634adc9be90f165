// races.hpp: entry points of the kernel: one race of two lists, and families of races. No Python.
#pragma once

#include "contest_solver.hpp"
#include "contour_families.hpp"
#include "family_tallies.hpp"
#include "summary_arrays.hpp"

namespace knn_cert {

// One race: the m_a-th nearest row of list A against the m_b-th nearest of list B; lists in any order. A list that is too short
// never arrives. Filled by name, see VoteRequest.
struct RaceRequest {
    const double* distances_a = nullptr;
    std::int64_t n_a = 0;
    int m_a = 1;
    const double* distances_b = nullptr;
    std::int64_t n_b = 0;
    int m_b = 1;
    double sigma = 0.0, dof = 0.0;
    bool recurrence = false;  // every row one by one
    Checkpoint checkpoint = no_checkpoint;

    explicit RaceRequest() = default;
};

// probability and error: A first, B first.
inline void race(const RaceRequest& request, double* probability, double* error) {
    const bool a_arrives = request.n_a >= request.m_a;
    const bool b_arrives = request.n_b >= request.m_b;
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
    const Outcome outcome =
        solver.solve_filled(2, {contest}, SquareError::of_roots(), request.recurrence, [&](std::vector<RowSummary>& lists) {
            add(request.distances_a, request.n_a, lists[0]);
            add(request.distances_b, request.n_b, lists[1]);
        });
    std::copy_n(outcome.probability.begin(), 2, probability);
    std::copy_n(outcome.error.begin(), 2, error);
}

// Families of races (family_tallies.hpp). Family f has n_members[f] members; the rows of its list A are those from start[2f] to
// start[2f + 1] - 1, those of B follow until start[2f + 2] - 1; row i belongs to the members first[i] .. end[i] - 1, and first[i]
// is 0 or end[i] the number of members. Filled by name, see VoteRequest.
struct FamilyRequest {
    const double* distances = nullptr;
    const std::int64_t *first = nullptr, *end = nullptr, *start = nullptr;
    const std::int64_t *n_members = nullptr, *m_a = nullptr, *m_b = nullptr;  // of each family
    std::int64_t n_families = 0;
    double sigma = 0.0, dof = 0.0;
    double tolerance = 0.0;   // absolute error that is good enough; 0: full relative accuracy
    bool recurrence = false;  // every row one by one
    // Further rows of every member, by moments alone: list far_of[k] of these summaries goes to list k, none if that is negative; without
    // far_of none at all.
    SummaryArrays far;
    const std::int64_t* far_of = nullptr;
    FarKind far_kind = FarKind::counting;
    int n_threads = 1;
    Checkpoint checkpoint = no_checkpoint;

    explicit FamilyRequest() = default;
};

namespace detail {

// The families of one thread, one after the other.
class FamilyWorker {
public:
    FamilyWorker(const FamilyRequest& request, const LeafLoops& leaf)
        : request_(request), tallies_(request.dof, leaf), contours_(request.dof, leaf) {}

    // probability and error of the family's members, [n_members][2]
    void solve(std::int64_t family, double* probability, double* error) {
        probability_ = probability;
        error_ = error;
        take_rows(family);
        write_certain();
        // Far rows by moments need no near ones there; the recurrence does, and they may be missing.
        if (!request_.recurrence && (has_far() ? request_.far_kind == FarKind::all : many_votes())) write_by_contours();
        if (open_.empty()) return;
        if (!near_enough()) return write_unknown(0, open_.size());
        const bool apart = far_apart();
        if (!apart && open_.size() == n_members_) return integrate(0, n_members_);
        integrate_some_at_a_time(apart ? 1 : open_.size());
    }

private:
    void take_rows(std::int64_t family) {
        n_members_ = static_cast<std::size_t>(request_.n_members[family]);
        m_[0] = static_cast<int>(request_.m_a[family]);
        m_[1] = static_cast<int>(request_.m_b[family]);
        for (std::size_t side = 0; side < 2; ++side) {
            const std::int64_t* const start = request_.start + 2 * family + static_cast<std::int64_t>(side);
            rows_[side].first = request_.first + start[0];
            rows_[side].end = request_.end + start[0];
            rows_[side].s.resize(static_cast<std::size_t>(start[1] - start[0]));
            for (std::size_t i = 0; i < rows_[side].s.size(); ++i)
                rows_[side].s[i] = request_.distances[start[0] + static_cast<std::int64_t>(i)] / request_.sigma;
            const std::int64_t far = request_.far_of ? request_.far_of[2 * family + static_cast<std::int64_t>(side)] : -1;
            rows_[side].far = far < 0 ? SummaryView{} : request_.far.list(far);
            rows_[side].far.near = {nullptr, 0};
        }
    }

    // Answers the members of which a list is too short to arrive; the others, which the noise decides, are open.
    void write_certain() {
        const std::vector<std::int64_t> sizes[2] = {rows_[0].sizes(n_members_), rows_[1].sizes(n_members_)};
        open_.clear();
        for (std::size_t i = 0; i < n_members_; ++i) {
            bool both_arrive = true;
            for (std::size_t side = 0; side < 2; ++side) {
                const bool arrives = sizes[side][i] >= m_[side];
                probability_[2 * i + side] = arrives ? 1.0 : 0.0;
                error_[2 * i + side] = 0.0;
                both_arrive = both_arrive && arrives;
            }
            if (both_arrive) open_.push_back(i);
        }
    }

    // Whether there are rows that are not listed one by one: all by moments, or of some only the number is known.
    [[nodiscard]] bool has_far() const { return rows_[0].far.n_rows + rows_[1].far.n_rows > 0; }

    // Whether every member has near rows enough beside those that are not listed: the recurrence begins with these.
    [[nodiscard]] bool near_enough() const {
        for (std::size_t side = 0; side < 2; ++side) {
            const FamilyRows& rows = rows_[side];
            if (rows.far.n_rows == 0) continue;
            std::size_t n_near = 0;
            for (std::size_t i = 0; i < rows.s.size(); ++i)
                n_near += rows.first[i] == 0 && rows.end[i] == static_cast<std::int64_t>(n_members_) ? 1 : 0;
            if (n_near < near_rows_for(m_[side])) return false;
        }
        return true;
    }

    // The recurrence shares most of its work among members, so that more of them pay for it up to more votes (measured).
    [[nodiscard]] bool many_votes() const {
        constexpr double kVotes = 75.0;
        constexpr double kVotesPerMember = 0.5;
        return m_[0] + m_[1] - 1 >= kVotes + kVotesPerMember * static_cast<double>(open_.size());
    }

    // Answers the members for which the contours can; the others stay open.
    void write_by_contours() {
        if (open_.empty()) return;
        contours_.set(rows_, n_members_);
        Accuracy accuracy;
        accuracy.tolerance = request_.tolerance;
        std::vector<std::size_t> left;
        for (const std::size_t member : open_) {
            const Outcome outcome = contours_.solve(member, m_[0], m_[1], accuracy);
            if (outcome.settled)
                write(member, outcome, 0);
            else
                left.push_back(member);
        }
        open_.swap(left);
    }

    void write(std::size_t member, const Outcome& outcome, std::size_t first) {
        for (std::size_t side = 0; side < 2; ++side) {
            probability_[2 * member + side] = outcome.probability[first + side];
            error_[2 * member + side] = outcome.error[first + side];
        }
    }

    void write_unknown(std::size_t from, std::size_t n) {
        Outcome unknown;
        unknown.probability = {0.0, 0.0};
        unknown.error = {1.0, 1.0};
        for (std::size_t j = from; j < from + n; ++j) write(open_[j], unknown, 0);
    }

    // Whether open members are decided so far from one another that one window for all of them would not close.
    [[nodiscard]] bool far_apart() const {
        double farthest = 0.0;
        double first = std::numeric_limits<double>::infinity();
        double last = 0.0;
        for (const FamilyRows& side : rows_)
            for (const double s : side.s) farthest = std::max(farthest, s);
        if (farthest <= kOneWindow) return false;
        for (const std::size_t member : open_) {
            const double decided = FamilyTallies::decided(rows_, member, m_[0], m_[1]);
            first = std::min(first, decided);
            last = std::max(last, decided);
        }
        return last - first > kOneWindow;
    }

    // One integral for the members of rows_, which are open_[from], ..., open_[from + n - 1]: with more near rows each time, until it is
    // settled, at last with all rows near.
    void integrate(std::size_t from, std::size_t n) {
        Outcome outcome;
        outcome.settled = false;
        for (const std::size_t more_near : {std::size_t{1}, kMoreNear, RowSummary::kAllNear}) {
            Accuracy accuracy;
            accuracy.tolerance = request_.tolerance;
            accuracy.any_doubt = more_near == RowSummary::kAllNear;
            if (outcome.settled || (request_.recurrence && !accuracy.any_doubt)) continue;
            tallies_.set(rows_, n, m_[0], m_[1], more_near);
            if (tallies_.complete()) outcome = integral_.solve(tallies_, accuracy);
        }
        if (outcome.probability.empty()) return write_unknown(from, n);  // far rows beyond the reach of their moments
        for (std::size_t j = 0; j < n; ++j) write(open_[from + j], outcome, 2 * j);
    }

    // Families of some open members only: their rows with the members counted anew.
    void integrate_some_at_a_time(std::size_t at_a_time) {
        const std::array<FamilyRows, 2> all = rows_;
        open_before_.assign(n_members_ + 1, 0);
        for (const std::size_t member : open_) ++open_before_[member + 1];
        for (std::size_t i = 0; i < n_members_; ++i) open_before_[i + 1] += open_before_[i];
        for (std::size_t from = 0; from < open_.size(); from += at_a_time) {
            const std::size_t n = std::min(at_a_time, open_.size() - from);
            const auto among_these = [&](std::int64_t member) {  // how many of these members come before
                return std::clamp<std::int64_t>(open_before_[static_cast<std::size_t>(member)] - static_cast<std::int64_t>(from), 0,
                                                static_cast<std::int64_t>(n));
            };
            for (std::size_t side = 0; side < 2; ++side) {
                first_[side].clear();
                end_[side].clear();
                for (std::size_t i = 0; i < rows_[side].s.size(); ++i) {
                    first_[side].push_back(among_these(all[side].first[i]));
                    end_[side].push_back(among_these(all[side].end[i]));
                }
                rows_[side].first = first_[side].data();
                rows_[side].end = end_[side].data();
            }
            integrate(from, n);
        }
    }

    const FamilyRequest& request_;
    FamilyTallies tallies_;
    ContinuousIntegral integral_;
    ContourFamily contours_;
    // of the present family
    std::size_t n_members_ = 0;
    int m_[2] = {1, 1};
    std::array<FamilyRows, 2> rows_;
    std::array<std::vector<std::int64_t>, 2> first_, end_;
    std::vector<std::size_t> open_;          // members that the noise decides
    std::vector<std::int64_t> open_before_;  // how many of these come before a member
    double *probability_ = nullptr, *error_ = nullptr;
};

}  // namespace detail

// probability and error are [members of all families][2]: A first, B first. A list that is too short never arrives.
inline void race_families(const FamilyRequest& request, double* probability, double* error) {
    std::vector<std::int64_t> first_member(static_cast<std::size_t>(request.n_families) + 1, 0);
    for (std::size_t f = 0; f + 1 < first_member.size(); ++f) first_member[f + 1] = first_member[f] + request.n_members[f];
    const LeafLoops& leaf = leaf_loops();
    Workers<detail::FamilyWorker> workers(request.n_threads, [&] { return std::make_unique<detail::FamilyWorker>(request, leaf); });
    for_each_item(request.n_families, request.n_threads, request.checkpoint, [&](int w, std::int64_t family) {
        const std::int64_t first = 2 * first_member[static_cast<std::size_t>(family)];
        workers[w].solve(family, probability + first, error + first);
    });
}

}  // namespace knn_cert
