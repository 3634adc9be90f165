// contest_tallies.hpp: the rows of one contest, a vote of any number of lists or a race of two. No Python, no threads.
#pragma once

#include "placed_rows.hpp"
#include "tallies.hpp"

namespace knn_cert {

// Up to here rows are evaluated one by one, without tables; so are rows beyond the tables.
inline bool without_tables(std::size_t n_rows, double start) { return n_rows <= 48 || start > kLastTabledRadius - 200.0; }

// Where the k-th of the rows lies; `rows` is reordered.
inline double distance_of(std::vector<double>& rows, int k) {
    const auto at = rows.begin() + (std::min<std::ptrdiff_t>(k, static_cast<std::ptrdiff_t>(rows.size())) - 1);
    std::nth_element(rows.begin(), at, rows.end());
    return *at;
}

// The radius at which a row at s is expected, in units of sigma.
inline double expected_radius(double s, double dof) {
    check_scale(s);
    return std::sqrt(s * s + dof);
}

class ContestTallies final : public Tallies {
public:
    ContestTallies(double dof, const LeafLoops& leaf) : law_(dof, leaf), leaf_(leaf) {}

    void set(const Lists& lists, const BoundedContest& bounded) {
        law_.refresh();
        bounded_ = &bounded;
        n_lists_ = static_cast<std::size_t>(bounded.contest.n_lists);
        stride_ = static_cast<std::int64_t>(kLanes) * bounded.max_degree();
        all_.clear();
        for (const std::vector<double>& s : lists.s) all_.insert(all_.end(), s.begin(), s.end());
        // Without noise the contest is decided where the first list is complete, or by the K-th of all rows.
        double decided = distance_of(all_, static_cast<int>(deciding_arrival()));
        if (bounded.contest.race)
            for (std::size_t c = 0; c < 2; ++c) {
                list_ = lists.s[c];
                if (list_.size() >= static_cast<std::size_t>(bounded.contest.degree[c]))
                    decided = std::min(decided, distance_of(list_, bounded.contest.degree[c]));
            }
        start_ = expected_radius(decided, law_.dof());
        placed_.resize(n_lists_);
        for (std::size_t c = 0; c < n_lists_; ++c) placed_[c].place(lists.s[c], without_tables(all_.size(), start_));
        G_.resize(n_lists_ * static_cast<std::size_t>(stride_));
        A_.resize(G_.size());
        work_.resize(static_cast<std::size_t>(winner_work_size(bounded.contest)));
    }

    std::size_t n_members() const override { return 1; }
    std::size_t per_member() const override { return n_lists_; }
    bool possible(std::size_t y) const override { return placed_[y].size() >= static_cast<std::size_t>(bounded_->least[y]); }
    double start() const override { return start_; }
    double deciding_arrival() const override {
        return bounded_->contest.race ? bounded_->contest.degree[0] + bounded_->contest.degree[1] - 1 : bounded_->contest.n_neighbors;
    }
    std::size_t n_rows() const override { return all_.size(); }
    int max_degree() const override { return bounded_->max_degree(); }

    CoarseBlock coarse(const NodeBlock& block, const Accuracy& accuracy) override {
        const Contest& contest = bounded_->contest;
        CoarseBlock nodes(n_lists_, 1);
        T_.assign(n_lists_ * kLanes, 0.0);
        std::fill(G_.begin(), G_.end(), 0.0);
        for (std::size_t c = 0; c < n_lists_; ++c) {
            TallyTask task{};
            task.T = T_.data() + c * kLanes;
            task.mean = nodes.mean.data();
            tally_list(block, accuracy, c, task);
        }
        std::vector<double> standings((n_lists_ + 2) * kLanes);
        leaf_.standings(contest, G_.data(), T_.data(), stride_, bounded_->rest.data(), work_.data(), standings.data());
        for (std::size_t c = 0; c < n_lists_; ++c)
            list_bounds(G_.data() + static_cast<std::int64_t>(c) * stride_, T_.data() + c * kLanes, contest.degree_of(static_cast<int>(c)),
                        bounded_->least[c], nodes.T.data() + c * kLanes, nodes.H.data() + c * kLanes);
        for (std::size_t i = 0; i < n_lists_ * kLanes; ++i) nodes.O[i] = std::min(1.0, standings[i]);
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            nodes.open[lane] = std::min(1.0, standings[n_lists_ * kLanes + lane]);
            nodes.closed[lane] = std::min(1.0, standings[(n_lists_ + 1) * kLanes + lane]);
        }
        return nodes;
    }

    void fine(const NodeBlock& block, const Accuracy& accuracy, const double* weight, double* lanes) override {
        std::fill(G_.begin(), G_.end(), 0.0);
        std::fill(A_.begin(), A_.end(), 0.0);
        for (std::size_t c = 0; c < n_lists_; ++c) {
            TallyTask task{};
            task.A = A_.data() + static_cast<std::int64_t>(c) * stride_;
            tally_list(block, accuracy, c, task);
        }
        leaf_.combine(bounded_->contest, G_.data(), A_.data(), stride_, weight, work_.data(), lanes);
    }

private:
    void tally_list(const NodeBlock& block, const Accuracy& accuracy, std::size_t c, TallyTask& task) {
        PlacedRows& rows = placed_[c];
        task.degree = bounded_->contest.degree_of(static_cast<int>(c));
        task.rough = accuracy.rough();
        task.G = G_.data() + static_cast<std::int64_t>(c) * stride_;
        for (int lane = 0; lane < kLanes; ++lane) task.G[lane] = 1.0;
        PlacedRows::Horizon horizon;
        horizon.s = rows.row(static_cast<std::size_t>(task.degree) - 1);
        horizon.n_rows = static_cast<double>(rows.size());
        horizon.degree = task.degree;
        horizon.skip = accuracy.skip();
        rows.prepare(block, law_, horizon, task);
        leaf_.tally(task);
    }

    BlockLaw law_;
    const LeafLoops& leaf_;
    const BoundedContest* bounded_ = nullptr;
    std::size_t n_lists_ = 0;
    std::int64_t stride_ = 0;
    double start_ = 0.0;
    std::vector<PlacedRows> placed_;
    std::vector<double> all_, list_, G_, A_, T_, work_;
};

}  // namespace knn_cert
