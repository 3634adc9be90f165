// score_tallies.hpp: what single rows may cost a vote on average, worked out on the nodes of its integral. No Python, no threads.
//
// The integral is that of "the (K + 1)-th nearest row is at t, and class y has won among the K before it". At each node every row adds
// what it costs there (vote_costs.hpp): an integral of its own with the same nodes, at most twice the density of the (K + 1)-th row.
//
// Of one class a nearer row costs no less: let r_1 < r_2 be where two of its rows come to lie. The nearer one is at r_1 with a probability
// of 1/2 at least (non-central chi laws have a monotone likelihood ratio), the tally is the same either way, and a row costs no less
// among the K nearest than as the next one, nor than beyond. So not every row is scored, and the last scored one before it bounds a row.
#pragma once

#include "contest_tallies.hpp"
#include "vote_costs.hpp"

namespace knn_cert {

class ScoreTallies final : public Tallies {
public:
    ScoreTallies(double dof, const LeafLoops& leaf) : law_(dof, leaf), leaf_(leaf) {}

    // Increasing distances of the rows of each list, in units of sigma, K + 1 of them at least. One pass for the caps of all contests,
    // which do not differ otherwise.
    void set(const std::vector<std::vector<double>>& lists, const std::vector<CostContest>& contests) {
        law_.refresh();
        contest_ = contests[0];
        tallies_.set(contest_.n_lists(), contest_.n_neighbors);
        costs_.resize(contests.size());
        for (std::size_t i = 0; i < contests.size(); ++i) VoteCosts::fill(contests[i], tallies_, costs_[i]);
        std::vector<double> all;
        for (const std::vector<double>& list : lists) all.insert(all.end(), list.begin(), list.end());
        n_rows_ = all.size();
        closing_ = distance_of(all, degree());
        start_ = expected_radius(closing_, law_.dof());
        const bool one_by_one = without_tables(n_rows_, start_);
        all_.place(all.data(), all.size(), one_by_one);
        classes_.resize(lists.size());
        n_ranks_ = 0;
        for (std::size_t c = 0; c < lists.size(); ++c) {
            Class& of_class = classes_[c];
            of_class.rows.place(lists[c].data(), lists[c].size(), one_by_one);
            of_class.set_ranks(lists[c].size());
            of_class.first_rank = n_ranks_;
            n_ranks_ += of_class.ranks.size();
            of_class.prefixes.resize(of_class.ranks.size() * 2 * size());
        }
        const std::size_t coefficients = n_classes() * lists.size() * size();
        within_own_.resize(coefficients);
        within_other_.resize(coefficients);
        at_node_.resize(coefficients);
        records_.resize(lists.size(), degree());
        of_all_.resize(1, degree());
        work_.resize(std::max((4 * lists.size() + 1) * kLanes, 4 * size()));  // of either, one after the other
        density_.resize(lists.size() * kLanes);
        level_ = -1;
    }

    [[nodiscard]] std::size_t n_caps() const { return costs_.size(); }
    [[nodiscard]] std::size_t n_classes() const { return static_cast<std::size_t>(contest_.n_classes); }
    [[nodiscard]] const std::vector<std::int64_t>& ranks(std::size_t list) const { return classes_[list].ranks; }
    // Sums of a scored row over every eighth node, [8]; cap_and_rival = cap n_classes + rival.
    [[nodiscard]] const double* score(std::size_t cap_and_rival, std::size_t list, std::size_t rank) const {
        return sums_.data() + (cap_and_rival * n_ranks_ + classes_[list].first_rank + rank) * kLanes;
    }
    // Of what is not rounding of the law: sums of positive terms.
    [[nodiscard]] double rounding() const {
        return std::ldexp(1.0, -53) * (6.0 * static_cast<double>(n_rows_) + 8.0 * static_cast<double>(tallies_.size()) + 200.0);
    }

    [[nodiscard]] std::size_t n_members() const override { return 1; }
    [[nodiscard]] std::size_t per_member() const override { return classes_.size(); }
    [[nodiscard]] bool possible(std::size_t) const override { return true; }
    [[nodiscard]] double start() const override { return start_; }
    [[nodiscard]] double deciding_arrival(std::size_t) const override { return degree(); }
    [[nodiscard]] double closing_distance(std::size_t) const override { return closing_; }
    [[nodiscard]] std::size_t n_rows() const override { return n_rows_; }
    [[nodiscard]] std::size_t n_all_rows() const override { return n_rows_; }
    [[nodiscard]] double dof() const override { return law_.dof(); }
    [[nodiscard]] int max_degree() const override { return degree(); }

    // Bounds of the density of the (K + 1)-th row, whoever has won.
    CoarseBlock coarse(const NodeBlock& block, const Accuracy&) override {
        CoarseBlock nodes(n_outcomes(), 1);
        TallyTask task{};
        const Record record = of_all_[0];
        set_no_rows(record, degree(), false);
        task.degree = degree();
        task.G = record.G;
        task.at_least = record.at_least();
        task.mean = record.mean();
        all_.prepare(block, law_, PlacedRows::Horizon{}, task);
        tally_in_portions(leaf_, task);
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            double open = 0.0;
            for (std::size_t k = first_size(degree()); k > 0; k -= kLanes) open += record.G[k - kLanes + lane];
            nodes.open[lane] = std::min(1.0, open);
            nodes.closed[lane] = std::min(1.0, record.at_least()[lane]);
            nodes.mean[lane] = record.mean()[lane];
            for (std::size_t y = 0; y < n_outcomes(); ++y) {
                nodes.T[y * kLanes + lane] = nodes.closed[lane];
                nodes.H[y * kLanes + lane] = nodes.open[lane];
                nodes.O[y * kLanes + lane] = 1.0;
            }
        }
        return nodes;
    }

    void fine(const NodeBlock& block, const Accuracy&, const double* weight, double* lanes, double*) override {
        if (block.level != level_) sums_.assign(n_caps() * n_classes() * n_ranks_ * kLanes, 0.0);  // all anew at each step
        level_ = block.level;
        for (std::size_t c = 0; c < classes_.size(); ++c) classes_[c].take(block, law_, leaf_, degree(), records_[c], work_.data());
        for (std::size_t cap = 0; cap < n_caps(); ++cap) {
            add_costs(cap);
            if (cap == 0)
                for (std::size_t i = 0; i < n_outcomes() * kLanes; ++i) lanes[i] += weight[i % kLanes] * density_[i];
            for (std::size_t c = 0; c < classes_.size(); ++c) add_scores(cap, c, weight);
            heartbeat();
        }
    }

private:
    // The rows of one list.
    struct Class {
        PlacedRows rows;
        std::vector<std::int64_t> ranks;
        std::size_t first_rank = 0;
        std::vector<double> values, prefixes;
        ScoredRows task{};  // of the block taken last

        // Each of the nearest rows, then ever fewer, so that a row's rank exceeds that of the scored one before it by 1/32 of it at most.
        void set_ranks(std::size_t n) {
            ranks.clear();
            for (std::int64_t rank = 0, step = 1; rank < static_cast<std::int64_t>(n); rank += step) {
                if (rank >= 64 * step) step *= 2;
                ranks.push_back(rank);
            }
        }

        void take(const NodeBlock& block, BlockLaw& law, const LeafLoops& leaf, int degree, const Record& record, double* scratch) {
            TallyTask at_block{};
            rows.prepare(block, law, PlacedRows::Horizon{}, at_block);
            values.resize(static_cast<std::size_t>(at_block.n_rows) * 3 * kLanes);
            leaf.laws(at_block, values.data());
            task.values = values.data();
            task.n_rows = at_block.n_rows;
            task.ranks = ranks.data();
            task.n_ranks = static_cast<std::int64_t>(ranks.size());
            task.degree = degree;
            task.prefixes = prefixes.data();
            task.G = record.G;
            task.A = record.A;
            task.scratch = scratch;
            leaf.score_prefixes(task);
        }
    };

    [[nodiscard]] int degree() const { return contest_.n_neighbors + 1; }
    [[nodiscard]] std::size_t size() const { return first_size(degree()); }

    // Coefficients of what rows cost at the block, and the density of the vote.
    void add_costs(std::size_t cap) {
        CostTask task{};
        task.n_classes = contest_.n_classes;
        task.n_lists = contest_.n_lists();
        task.degree = degree();
        task.tallies = tallies_.votes.data();
        task.winners = tallies_.winners.data();
        task.n_tallies = static_cast<std::int64_t>(tallies_.size());
        task.class_of = contest_.class_of.data();
        task.costs = costs_[cap].data();
        task.n_next = contest_.n_next();
        task.next_counts = contest_.deletions;
        task.lists = &records_[0];
        task.work = work_.data();
        task.density = cap == 0 ? density_.data() : nullptr;
        task.within_own = within_own_.data();
        task.within_other = within_other_.data();
        task.at_node = at_node_.data();
        leaf_.costs(task);
    }

    void add_scores(std::size_t cap, std::size_t list, const double* weight) {
        ScoreTask task{};
        task.rows = classes_[list].task;
        task.n_classes = contest_.n_classes;
        task.next_counts = contest_.deletions;
        task.within_own = within_own_.data() + list * size();
        task.within_other = within_other_.data() + list * size();
        task.at_node = at_node_.data() + list * size();
        task.rival_stride = static_cast<std::int64_t>(classes_.size() * size());
        task.weight = weight;
        task.sums = sums_.data() + (cap * n_classes() * n_ranks_ + classes_[list].first_rank) * kLanes;
        task.stride = static_cast<std::int64_t>(n_ranks_);
        leaf_.scores(task);
    }

    BlockLaw law_;
    const LeafLoops& leaf_;
    CostContest contest_;
    AllTallies tallies_;
    std::vector<std::vector<double>> costs_;  // of each cap
    std::size_t n_rows_ = 0, n_ranks_ = 0;
    double start_ = 0.0, closing_ = 0.0;
    int level_ = -1;
    PlacedRows all_;
    std::vector<Class> classes_;
    Records records_, of_all_;
    std::vector<double> within_own_, within_other_, at_node_, work_, density_, sums_;
};

}  // namespace knn_cert
