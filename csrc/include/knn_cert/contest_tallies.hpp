// contest_tallies.hpp: the rows of one query, for one contest or several (numbers of neighbours) at once. No Python, no threads.
#pragma once

#include "error_of_squares.hpp"
#include "list_tallies.hpp"
#include "many_lists.hpp"

namespace knn_cert {

// Where the k-th of the rows lies; `rows` is reordered.
inline double distance_of(std::vector<double>& rows, int k) {
    const auto at = rows.begin() + (std::min<std::ptrdiff_t>(k, static_cast<std::ptrdiff_t>(rows.size())) - 1);
    std::nth_element(rows.begin(), at, rows.end());
    return *at;
}

// The radius at which a row at s is expected, in units of sigma.
inline double expected_radius(double s, double dof) {
    check_resolution(s);
    return std::sqrt(s * s + dof);
}

class ContestTallies final : public Tallies {
public:
    ContestTallies(double dof, const LeafLoops& leaf) : law_(dof, leaf), leaf_(leaf) {}

    // Without noise a contest is decided where the first list is complete, or by the K-th of all rows.
    double decided(const std::vector<RowSummary>& lists, const Contest& contest) {
        all_.clear();
        for (const RowSummary& list : lists) all_.insert(all_.end(), list.near().begin(), list.near().end());
        double where = distance_of(all_, contest.deciding_arrival());
        if (!contest.race) return where;
        for (std::size_t c = 0; c < 2; ++c) {
            all_.assign(lists[c].near().begin(), lists[c].near().end());
            if (all_.size() >= static_cast<std::size_t>(contest.degree[c])) where = std::min(where, distance_of(all_, contest.degree[c]));
        }
        return where;
    }

    // One summary a list; contests of these lists, all votes or all races. Near rows enough for the largest degree. sq_error: how far
    // the distances may be wrong.
    void set(const std::vector<RowSummary>& lists, const std::vector<BoundedContest>& contests, const SquareError& sq_error) {
        law_.refresh();
        contests_ = &contests;
        sq_error_ = sq_error;
        n_lists_ = lists.size();
        std::int64_t work = 0;
        degree_.assign(n_lists_, 1);
        for (const BoundedContest& bounded : contests) {
            work = std::max(work, winner_work_size(bounded.contest));
            for (std::size_t c = 0; c < n_lists_; ++c) degree_[c] = std::max(degree_[c], bounded.contest.degree_of(static_cast<int>(c)));
        }
        sizes_.clear();
        std::size_t n_rows = 0;
        for (const RowSummary& list : lists) {
            sizes_.push_back(list.n_rows());
            n_rows += list.n_rows();
        }
        n_all_ = n_rows;
        decided_.clear();
        for (const BoundedContest& bounded : contests) decided_.push_back(decided(lists, bounded.contest));
        start_ = expected_radius(decided_[contests.size() / 2], law_.dof());
        together_ = ManyLists::suits(lists);
        n_near_ = 0;
        if (together_) {
            many_.set(lists, degree_[0], without_tables(n_rows, start_));
            n_near_ = many_.n_rows();
        } else {
            tallies_.resize(n_lists_);
            for (std::size_t c = 0; c < n_lists_; ++c) {
                tallies_[c].set(lists[c], degree_[c], without_tables(n_rows, start_));
                n_near_ += tallies_[c].n_near();
            }
        }
        records_.resize(n_lists_, max_degree());
        upper_.resize(n_lists_, max_degree());
        T_.resize(n_lists_ * kLanes);
        work_.resize(static_cast<std::size_t>(work));
        density_.resize(n_lists_ * kLanes);
        standings_.resize((n_lists_ + 2) * kLanes);
    }

    [[nodiscard]] std::size_t n_members() const override { return contests_->size(); }
    [[nodiscard]] std::size_t per_member() const override { return n_lists_; }
    [[nodiscard]] bool possible(std::size_t y) const override {
        return sizes_[y % n_lists_] >= static_cast<std::size_t>((*contests_)[y / n_lists_].min_own[y % n_lists_]);
    }
    [[nodiscard]] double start() const override { return start_; }
    [[nodiscard]] double deciding_arrival(std::size_t member) const override { return (*contests_)[member].contest.deciding_arrival(); }
    [[nodiscard]] double closing_distance(std::size_t member) const override { return decided_[member]; }
    [[nodiscard]] std::size_t n_rows() const override { return n_near_; }
    [[nodiscard]] std::size_t n_all_rows() const override { return n_all_; }
    [[nodiscard]] double dof() const override { return law_.dof(); }
    [[nodiscard]] int max_degree() const override { return *std::max_element(degree_.begin(), degree_.end()); }

    CoarseBlock coarse(const NodeBlock& block, const Accuracy& accuracy) override {
        CoarseBlock nodes(n_outcomes(), n_members());
        double mean[kLanes] = {};
        tally(block, accuracy, false);
        for (std::size_t c = 0; c < n_lists_; ++c)
            for (std::size_t lane = 0; lane < kLanes; ++lane) mean[lane] += records_[c].mean()[lane];
        for (std::size_t i = 0; i < n_members(); ++i) {
            const BoundedContest& bounded = (*contests_)[i];
            const std::size_t first = i * n_lists_ * kLanes;
            for (std::size_t c = 0; c < n_lists_; ++c) {
                const int degree = bounded.contest.degree_of(static_cast<int>(c));
                double* const T = nodes.T.data() + first + c * kLanes;
                double* const H = nodes.H.data() + first + c * kLanes;
                list_bounds(records_[c], degree_[c], degree, degree, T_.data() + c * kLanes, H);
                list_bounds(records_[c], degree_[c], bounded.min_own[c], degree, T, H);
            }
            leaf_.standings(bounded.contest, records_[0].G, T_.data(), records_.stride(), bounded.max_others.data(), work_.data(),
                            standings_.data());
            for (std::size_t k = 0; k < n_lists_ * kLanes; ++k) nodes.O[first + k] = std::min(1.0, standings_[k]);
            for (std::size_t lane = 0; lane < kLanes; ++lane) {
                nodes.open[i * kLanes + lane] = std::min(1.0, standings_[n_lists_ * kLanes + lane]);
                nodes.closed[i * kLanes + lane] = std::min(1.0, standings_[(n_lists_ + 1) * kLanes + lane]);
                nodes.mean[i * kLanes + lane] = mean[lane];
            }
        }
        if (sq_error_.any()) widen_by_distances(block, nodes);
        return nodes;
    }

    void fine(const NodeBlock& block, const Accuracy& accuracy, const double* weight, double* lanes, double* doubt) override {
        tally(block, accuracy, true);
        has_upper_ = false;
        double by_distances[kLanes];
        double by_coefficients[kLanes] = {};
        double relative[kLanes];
        for (const FarDoubt& of_list : doubts_)
            for (int lane = 0; lane < kLanes; ++lane) by_coefficients[lane] = both(by_coefficients[lane], of_list.any_coefficient[lane]);
        distance_errors(block, by_distances);
        for (std::size_t i = 0; i < n_members(); ++i) {
            const Contest& contest = (*contests_)[i].contest;
            combine(contest, records_, density_);
            bool has_upper_density = false;
            for (std::size_t y = 0; y < n_lists_; ++y) {
                double* const density = density_.data() + y * kLanes;
                for (int lane = 0; lane < kLanes; ++lane)
                    relative[lane] =
                        contest.race ? both(doubts_[y].any_coefficient[lane], doubts_[1 - y].below_degree[lane]) : by_coefficients[lane];
                // A list that is far has large relative errors in coefficients that do not count: ask the vote itself.
                if (!contest.race && counts(density, weight, relative)) {
                    if (!has_upper_density) combine_upper(contest);
                    has_upper_density = true;
                    relative_to_upper(density, density_upper_.data() + y * kLanes, relative);
                }
                for (int lane = 0; lane < kLanes; ++lane) relative[lane] = both(relative[lane], by_distances[lane]);
                add_density(density, weight, relative, lanes + (i * n_lists_ + y) * kLanes, doubt + i * n_lists_ + y);
            }
        }
    }

private:
    // The records of all lists; what their far rows leave in doubt, none where there are none, to doubts_.
    void tally(const NodeBlock& block, const Accuracy& accuracy, bool density) {
        doubts_.clear();
        if (together_) return many_.tally(block, law_, leaf_, accuracy, density, records_);
        for (std::size_t c = 0; c < n_lists_; ++c) doubts_.push_back(tallies_[c].tally(block, law_, leaf_, accuracy, density, records_[c]));
    }

    void combine(const Contest& contest, const Records& records, std::vector<double>& density) {
        leaf_.combine(contest, &records[0], work_.data(), density.data());
    }

    // The densities if every coefficient is as large as it may be: they grow with each of them.
    void combine_upper(const Contest& contest) {
        if (!has_upper_)
            for (std::size_t c = 0; c < n_lists_; ++c) {
                const Record record = records_[c];
                const Record error = tallies_[c].error();
                const Record upper = upper_[c];
                for (std::size_t k = 0; k < first_size(degree_[c]); ++k) {
                    upper.G[k] = record.G[k] + error.G[k];
                    upper.A[k] = record.A[k] + error.A[k];
                }
            }
        has_upper_ = true;
        density_upper_.resize(density_.size());
        combine(contest, upper_, density_upper_);
    }

    // The relative errors of the densities by those of the squared distances (error_of_squares.hpp). Since A[k] sums f G without the row,
    // G[k] errs by e a (A[k - 1] + A[k]); so does G without a row, within a factor of 2 (there are four rows a power at least).
    void distance_errors(const NodeBlock& block, double* relative) {
        std::fill_n(relative, kLanes, 0.0);
        if (!sq_error_.any()) return;
        const double d = law_.dof();
        for (int lane = 0; lane < kLanes; ++lane) {
            const double t = radius_of(block.position(lane));
            if (t < sq_error_.from) continue;
            double rates = 0.0;
            for (std::size_t c = 0; c < n_lists_; ++c) {
                const double* const G = records_[c].G + lane;
                const double* const A = records_[c].A + lane;
                double largest = 0.0;
                for (int k = 0; k < degree_[c]; ++k)
                    if (G[k * kLanes] > 1e-290)
                        largest = std::max(largest, ((k > 0 ? A[(k - 1) * kLanes] : 0.0) + A[k * kLanes]) / G[k * kLanes]);
                rates += largest;
            }
            relative[lane] = std::expm1(std::min(60.0, effect_of_squares(sq_error_, d, t, rates)));
        }
    }

    // Errors e of the squared distances change P(N >= k) and P(N < k) at most by e t / (2 d) A[k - 1], see above, and A[k - 1] is at
    // most K (d / t + t + 40) times the former and n (t + 1) times the latter (continuous.hpp).
    void widen_by_distances(const NodeBlock& block, CoarseBlock& nodes) {
        const double d = law_.dof();
        double grow[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) {
            const double t = radius_of(block.position(lane));
            const double reach = std::sqrt(std::max(1.0, (t + 10.0) * (t + 10.0) - (d - 1.0)));
            const double rates = std::max(max_degree() * (d + t * (t + 40.0)), static_cast<double>(n_all_) * t * (t + 1.0)) / (2.0 * d);
            grow[lane] = std::exp(std::min(60.0, static_cast<double>(n_lists_) * sq_error_.within(reach) * rates));
        }
        for (std::vector<double>* values : {&nodes.T, &nodes.H, &nodes.O, &nodes.open, &nodes.closed})
            for (std::size_t i = 0; i < values->size(); ++i) (*values)[i] = std::min(1.0, grow[i % kLanes] * (*values)[i]);
    }

    BlockLaw law_;
    const LeafLoops& leaf_;
    const std::vector<BoundedContest>* contests_ = nullptr;
    std::size_t n_lists_ = 0, n_near_ = 0, n_all_ = 0;
    double start_ = 0.0;
    SquareError sq_error_;
    std::vector<int> degree_;  // powers kept of each list
    std::vector<std::size_t> sizes_;
    bool together_ = false;  // all lists in one pass, by many_; else each by its tallies_
    ManyLists many_;
    std::vector<ListTallies> tallies_;
    std::vector<FarDoubt> doubts_;
    Records records_;
    Records upper_;  // the same with the errors of the far sums added; if has_upper_
    bool has_upper_ = false;
    std::vector<double> T_, work_, density_, density_upper_, standings_, all_;
    std::vector<double> decided_;  // of each contest
};

}  // namespace knn_cert
