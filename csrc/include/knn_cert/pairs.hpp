// pairs.hpp: entry point of the kernel: families of pairs, in which a rival beats a class. No Python.
#pragma once

#include "contest_solver.hpp"
#include "pair_tallies.hpp"

namespace knn_cert {

// Families of pairs (pair_tallies.hpp). Family f has n_members[f] members; the rows of its lists are those from start[3f] to
// start[3f + 1] - 1 (A), until start[3f + 2] - 1 (the rival), until start[3f + 3] - 1 (all others); row i belongs to the members
// first[i] .. end[i] - 1, and first[i] is 0 or end[i] the number of members. Filled by name, see VoteRequest.
struct PairRequest {
    const double* distances = nullptr;
    const std::int64_t *first = nullptr, *end = nullptr, *start = nullptr;
    const std::int64_t *n_members = nullptr, *lead = nullptr;  // of each family
    std::int64_t n_families = 0;
    int n_neighbors = 1;
    double sigma = 0.0, dof = 0.0;
    double tolerance = 0.0;  // absolute error that is good enough; 0: full relative accuracy
    int n_threads = 1;
    Checkpoint checkpoint = no_checkpoint;

    explicit PairRequest() = default;
};

namespace detail {

// The families of one thread, one after the other.
class PairWorker {
public:
    PairWorker(const PairRequest& request, const LeafLoops& leaf) : request_(request), tallies_(request.dof, leaf) {}

    // probability and error of the family's members, [n_members][2]. A member with fewer than K rows has no K nearest: all is the rival's.
    void solve(std::int64_t family, double* probability, double* error) {
        const std::size_t n_members = static_cast<std::size_t>(request_.n_members[family]);
        std::vector<std::int64_t> sizes(n_members, 0);
        for (std::size_t list = 0; list < PairTallies::kLists; ++list) {
            take_rows(family, list);
            const std::vector<std::int64_t> of_list = rows_[list].sizes(n_members);
            for (std::size_t i = 0; i < n_members; ++i) sizes[i] += of_list[i];
        }
        std::vector<std::size_t> open;
        for (std::size_t i = 0; i < n_members; ++i) {
            probability[2 * i] = error[2 * i] = error[2 * i + 1] = 0.0;
            probability[2 * i + 1] = 1.0;
            if (sizes[i] >= request_.n_neighbors) open.push_back(i);
        }
        if (open.empty()) return;
        // members of a family are decided near one another, or a window for all of them would not close
        if (open.size() == n_members && farthest() <= kOneWindow) return integrate(family, n_members, probability, error);
        const std::array<FamilyRows, PairTallies::kLists> all = rows_;
        for (const std::size_t i : open) {
            for (std::size_t list = 0; list < PairTallies::kLists; ++list) {
                std::vector<double> s;
                for (std::size_t row = 0; row < all[list].s.size(); ++row)
                    if (all[list].in(row, i)) s.push_back(all[list].s[row]);
                first_[list].assign(s.size(), 0);
                end_[list].assign(s.size(), 1);
                rows_[list] = {std::move(s), first_[list].data(), end_[list].data(), {}};
            }
            integrate(family, 1, probability + 2 * i, error + 2 * i);
        }
    }

private:
    void take_rows(std::int64_t family, std::size_t list) {
        const std::int64_t* const start =
            request_.start + static_cast<std::int64_t>(PairTallies::kLists) * family + static_cast<std::int64_t>(list);
        rows_[list].first = request_.first + start[0];
        rows_[list].end = request_.end + start[0];
        rows_[list].s.resize(static_cast<std::size_t>(start[1] - start[0]));
        for (std::size_t i = 0; i < rows_[list].s.size(); ++i)
            rows_[list].s[i] = request_.distances[start[0] + static_cast<std::int64_t>(i)] / request_.sigma;
    }

    [[nodiscard]] double farthest() const {
        double farthest = 0.0;
        for (const FamilyRows& list : rows_)
            for (const double s : list.s) farthest = std::max(farthest, s);
        return farthest;
    }

    // One integral for the first n members of rows_: with more near rows each time, until it is settled, at last with all rows near.
    void integrate(std::int64_t family, std::size_t n, double* probability, double* error) {
        Outcome outcome;
        outcome.settled = false;
        for (const std::size_t more_near : {std::size_t{1}, kMoreNear, RowSummary::kAllNear}) {
            Accuracy accuracy;
            accuracy.tolerance = request_.tolerance;
            accuracy.any_doubt = more_near == RowSummary::kAllNear;
            if (outcome.settled) continue;
            tallies_.set(rows_, n, request_.n_neighbors, static_cast<int>(request_.lead[family]), more_near);
            if (tallies_.complete()) outcome = integral_.solve(tallies_, accuracy);
        }
        std::copy_n(outcome.probability.begin(), 2 * n, probability);
        std::copy_n(outcome.error.begin(), 2 * n, error);
    }

    const PairRequest& request_;
    PairTallies tallies_;
    ContinuousIntegral integral_;
    std::array<FamilyRows, PairTallies::kLists> rows_;
    std::array<std::vector<std::int64_t>, PairTallies::kLists> first_, end_;
};

}  // namespace detail

// probability and error are [members of all families][2]: A stays ahead of the rival, the rival beats it.
inline void pair_families(const PairRequest& request, double* probability, double* error) {
    std::vector<std::int64_t> first_member(static_cast<std::size_t>(request.n_families) + 1, 0);
    for (std::size_t f = 0; f + 1 < first_member.size(); ++f) first_member[f + 1] = first_member[f] + request.n_members[f];
    const LeafLoops& leaf = leaf_loops();
    Workers<detail::PairWorker> workers(request.n_threads, [&] { return std::make_unique<detail::PairWorker>(request, leaf); });
    for_each_item(request.n_families, request.n_threads, request.checkpoint, [&](int w, std::int64_t family) {
        const std::int64_t first = 2 * first_member[static_cast<std::size_t>(family)];
        workers[w].solve(family, probability + first, error + first);
    });
}

}  // namespace knn_cert
