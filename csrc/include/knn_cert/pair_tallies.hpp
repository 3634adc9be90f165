// pair_tallies.hpp: a family of pairs whose lists are made of the same rows: A, a rival, all others. No Python, no threads.
//
// Of more than two classes a rival B beats class A by their counts among the K nearest rows; the other classes matter by how many of the K
// they take, not by which of them takes a vote. So three lists decide, whatever the number of classes.
#pragma once

#include <array>

#include "contest_tallies.hpp"
#include "family_side.hpp"

namespace knn_cert {

class PairTallies final : public Tallies {
public:
    static constexpr std::size_t kLists = 3;

    PairTallies(double dof, const LeafLoops& leaf) : law_(dof, leaf), leaf_(leaf) {}

    // Every member has K rows at least, all lists together. more_near: as for FamilySide.
    void set(const std::array<FamilyRows, kLists>& rows, std::size_t n_members, int n_neighbors, int lead, std::size_t more_near) {
        law_.refresh();
        n_members_ = n_members;
        contest_ = Contest::of_pair(n_neighbors, lead);
        start_ = expected_radius(decided(rows, n_members / 2), law_.dof());
        std::size_t all_rows = 0;
        for (const FamilyRows& list : rows) all_rows += list.s.size();
        const bool one_by_one = without_tables(all_rows, start_);
        n_rows_ = n_all_ = 0;
        std::vector<MemberSpan> nearest;
        for (std::size_t c = 0; c < kLists; ++c) {
            sides_[c].set(rows[c], n_members, n_neighbors, more_near, one_by_one, law_.dof(), leaf_);
            n_rows_ += sides_[c].n_one_by_one();
            n_all_ += sides_[c].n_all();
            nearest.insert(nearest.end(), sides_[c].nearest().begin(), sides_[c].nearest().end());
        }
        closing_ = last_needed(nearest, n_members, n_neighbors);
        of_list_.resize(kLists, n_neighbors);
        T_.resize(kLists * kLanes);
        work_.resize(static_cast<std::size_t>(winner_work_size(contest_)));
        standings_.resize((kLists + 2) * kLanes);
    }

    // Whether the rows summed by moments are all within their reach.
    [[nodiscard]] bool complete() const { return sides_[0].complete() && sides_[1].complete() && sides_[2].complete(); }

    [[nodiscard]] std::size_t n_members() const override { return n_members_; }
    [[nodiscard]] std::size_t per_member() const override { return 2; }
    [[nodiscard]] bool possible(std::size_t) const override { return true; }
    [[nodiscard]] double start() const override { return start_; }
    [[nodiscard]] double deciding_arrival(std::size_t) const override { return contest_.deciding_arrival(); }
    [[nodiscard]] double closing_distance(std::size_t) const override { return closing_; }
    [[nodiscard]] std::size_t n_rows() const override { return n_rows_; }
    [[nodiscard]] std::size_t n_all_rows() const override { return n_all_; }
    [[nodiscard]] double dof() const override { return law_.dof(); }
    [[nodiscard]] int max_degree() const override { return contest_.n_neighbors; }

    // Both outcomes are bounded by what bounds either: the K-th row has come, or it has not.
    CoarseBlock coarse(const NodeBlock& block, const Accuracy& accuracy) override {
        CoarseBlock nodes(n_outcomes(), n_members_);
        for (FamilySide& side : sides_) side.tally(block, law_, leaf_, accuracy, false);
        const int K = contest_.n_neighbors;
        const int no_limit[kLists] = {0, 0, 0};
        for (std::size_t i = 0; i < n_members_; ++i) {
            for (std::size_t c = 0; c < kLists; ++c) {
                const Record& record = sides_[c].of_member(i);
                std::copy_n(record.G, first_size(K), of_list_[c].G);
                for (std::size_t lane = 0; lane < kLanes; ++lane) {
                    T_[c * kLanes + lane] = std::min(1.0, record.at_least()[lane]);
                    nodes.mean[i * kLanes + lane] += record.mean()[lane];
                }
            }
            leaf_.standings(contest_, of_list_[0].G, T_.data(), of_list_.stride(), no_limit, work_.data(), standings_.data());
            for (std::size_t lane = 0; lane < kLanes; ++lane) {
                const double open = std::min(1.0, standings_[kLists * kLanes + lane]);
                const double closed = std::min(1.0, standings_[(kLists + 1) * kLanes + lane]);
                nodes.open[i * kLanes + lane] = open;
                nodes.closed[i * kLanes + lane] = closed;
                for (std::size_t y = 2 * i; y < 2 * i + 2; ++y) {
                    nodes.T[y * kLanes + lane] = closed;
                    nodes.H[y * kLanes + lane] = open;
                    nodes.O[y * kLanes + lane] = 1.0;
                }
            }
        }
        return nodes;
    }

    void fine(const NodeBlock& block, const Accuracy& accuracy, const double* weight, double* lanes, double* doubt) override {
        double relative[kLanes] = {};
        for (FamilySide& side : sides_) {
            const FarDoubt of_list = side.tally(block, law_, leaf_, accuracy, true);
            for (int lane = 0; lane < kLanes; ++lane) relative[lane] = both(relative[lane], of_list.any_coefficient[lane]);
        }
        combine(density_);
        bool matters = false;
        for (std::size_t y = 0; y < n_outcomes(); ++y) matters = matters || counts(density_.data() + y * kLanes, weight, relative);
        // A list that is far has large relative errors in coefficients that do not count: ask the pairs themselves.
        if (matters) {
            for (FamilySide& side : sides_) side.raise(leaf_);
            combine(upper_);
        }
        for (std::size_t y = 0; y < n_outcomes(); ++y) {
            const double* const density = density_.data() + y * kLanes;
            if (matters) relative_to_upper(density, upper_.data() + y * kLanes, relative);
            add_density(density, weight, relative, lanes + y * kLanes, doubt + y);
        }
    }

private:
    // The density of every outcome.
    void combine(std::vector<double>& density) {
        density.resize(n_outcomes() * kLanes);
        for (std::size_t i = 0; i < n_members_; ++i) {
            const Record lists[kLists] = {sides_[0].of_member(i), sides_[1].of_member(i), sides_[2].of_member(i)};
            leaf_.combine(contest_, lists, work_.data(), density.data() + 2 * i * kLanes);
        }
    }

    // Where a member is decided without noise: at the K-th of all rows.
    [[nodiscard]] double decided(const std::array<FamilyRows, kLists>& rows, std::size_t member) const {
        std::vector<double> all;
        for (const FamilyRows& list : rows)
            for (std::size_t i = 0; i < list.s.size(); ++i)
                if (list.in(i, member)) all.push_back(list.s[i]);
        return distance_of(all, contest_.n_neighbors);
    }

    BlockLaw law_;
    const LeafLoops& leaf_;
    Contest contest_{};
    std::size_t n_rows_ = 0, n_all_ = 0, n_members_ = 0;
    double start_ = 0.0, closing_ = 0.0;
    std::array<FamilySide, kLists> sides_;
    Records of_list_;
    std::vector<double> T_, work_, standings_, density_, upper_;
};

}  // namespace knn_cert
