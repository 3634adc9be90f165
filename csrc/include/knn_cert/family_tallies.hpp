// family_tallies.hpp: a family of races whose lists are made of the same rows. No Python, no threads.
//
// How rows are shared by the members stands in family_side.hpp.
#pragma once

#include <array>

#include "contest_tallies.hpp"
#include "family_side.hpp"

namespace knn_cert {

class FamilyTallies final : public Tallies {
public:
    FamilyTallies(double dof, const LeafLoops& leaf) : law_(dof, leaf), leaf_(leaf) {}

    // Where the race of a member is decided without noise; it has m_a rows of A and m_b rows of B at least.
    static double decided(const std::array<FamilyRows, 2>& rows, std::size_t member, int m_a, int m_b) {
        std::vector<double> list;
        double first = std::numeric_limits<double>::infinity();
        for (std::size_t c = 0; c < 2; ++c) {
            list.clear();
            for (std::size_t i = 0; i < rows[c].s.size(); ++i)
                if (rows[c].in(i, member)) list.push_back(rows[c].s[i]);
            first = std::min(first, distance_of(list, c == 0 ? m_a : m_b));
        }
        return first;
    }

    // Every member has m_a rows of A and m_b rows of B at least. more_near: times the usual number of near rows; kAllNear: no rows by
    // moments.
    void set(const std::array<FamilyRows, 2>& rows, std::size_t n_members, int m_a, int m_b, std::size_t more_near) {
        law_.refresh();
        n_members_ = n_members;
        contest_ = Contest::of_race(m_a, m_b);
        const std::size_t all_rows = rows[0].n_all() + rows[1].n_all();
        start_ = expected_radius(decided(rows, n_members / 2, m_a, m_b), law_.dof());
        const bool one_by_one = without_tables(all_rows, start_);
        n_rows_ = 0;
        for (std::size_t c = 0; c < 2; ++c) {
            sides_[c].set(rows[c], n_members, contest_.degree[c], more_near, one_by_one, law_.dof(), leaf_);
            n_rows_ += sides_[c].n_one_by_one();
        }
    }

    // Whether the rows summed by moments are all within their reach.
    [[nodiscard]] bool complete() const { return sides_[0].complete() && sides_[1].complete(); }

    [[nodiscard]] std::size_t n_members() const override { return n_members_; }
    [[nodiscard]] std::size_t per_member() const override { return 2; }
    [[nodiscard]] bool possible(std::size_t) const override { return true; }
    [[nodiscard]] double start() const override { return start_; }
    [[nodiscard]] double deciding_arrival(std::size_t) const override { return contest_.deciding_arrival(); }
    [[nodiscard]] double closing_distance(std::size_t) const override { return std::min(sides_[0].last_power(), sides_[1].last_power()); }
    [[nodiscard]] std::size_t n_rows() const override { return n_rows_; }
    [[nodiscard]] std::size_t n_all_rows() const override { return sides_[0].n_all() + sides_[1].n_all(); }
    [[nodiscard]] double dof() const override { return law_.dof(); }
    [[nodiscard]] int max_degree() const override { return std::max(contest_.degree[0], contest_.degree[1]); }

    CoarseBlock coarse(const NodeBlock& block, const Accuracy& accuracy) override {
        CoarseBlock nodes(n_outcomes(), n_members_);
        for (FamilySide& side : sides_) side.tally(block, law_, leaf_, accuracy, false);
        for (std::size_t i = 0; i < n_members_; ++i) {
            double* T[2];
            double* H[2];
            for (std::size_t side = 0; side < 2; ++side) {
                const Record& record = sides_[side].of_member(i);
                T[side] = nodes.T.data() + (2 * i + side) * kLanes;
                H[side] = nodes.H.data() + (2 * i + side) * kLanes;
                list_bounds(record, contest_.degree[side], contest_.degree[side], contest_.degree[side], T[side], H[side]);
                for (std::size_t lane = 0; lane < kLanes; ++lane) nodes.mean[i * kLanes + lane] += record.mean()[lane];
            }
            for (std::size_t lane = 0; lane < kLanes; ++lane) {
                nodes.O[2 * i * kLanes + lane] = H[1][lane];
                nodes.O[(2 * i + 1) * kLanes + lane] = H[0][lane];
                nodes.open[i * kLanes + lane] = H[0][lane] * H[1][lane];
                nodes.closed[i * kLanes + lane] = std::min(1.0, T[0][lane] + T[1][lane]);
            }
        }
        return nodes;
    }

    void fine(const NodeBlock& block, const Accuracy& accuracy, const double* weight, double* lanes, double* doubt) override {
        double relative[2][kLanes];
        double density[2 * kLanes];
        const FarDoubt doubts[2] = {sides_[0].tally(block, law_, leaf_, accuracy, true),
                                    sides_[1].tally(block, law_, leaf_, accuracy, true)};
        for (int lane = 0; lane < kLanes; ++lane)
            for (int side = 0; side < 2; ++side)
                relative[side][lane] = both(doubts[side].any_coefficient[lane], doubts[1 - side].below_degree[lane]);
        for (std::size_t i = 0; i < n_members_; ++i) {
            const Record lists[2] = {sides_[0].of_member(i), sides_[1].of_member(i)};
            leaf_.combine(contest_, lists, nullptr, density);
            for (std::size_t side = 0; side < 2; ++side)
                add_density(density + side * kLanes, weight, relative[side], lanes + (2 * i + side) * kLanes, doubt + 2 * i + side);
        }
    }

private:
    BlockLaw law_;
    const LeafLoops& leaf_;
    Contest contest_{};
    std::size_t n_rows_ = 0, n_members_ = 0;
    double start_ = 0.0;
    std::array<FamilySide, 2> sides_;
};

}  // namespace knn_cert
