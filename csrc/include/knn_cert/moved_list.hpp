// moved_list.hpp: one list of rows of which some are moved: the least, or the most, of its counts at any node. No Python, no threads.
//
// Letters of docs/moved-rows.md. Rows stand near to far. Of the list of the class under attack (outward) each moved row goes from s to
// s + eps, of the other one (inward) to max(s - eps, 0): F and F' are its probabilities to be within t before and after. With
// alpha = P(R = D - 2) and beta = P(R = D - 1) of the count R of all other rows, moving row i is worth at least as much to the attacker as
// moving row k if and only if x_i >= x_k, x = |log kappa(F) - log kappa(F')| / |alpha - beta|, kappa(F) = beta U + alpha F (Lemma 1).
// alpha / beta lies in a bracket whatever p rows are moved (Lemma 2), and there is an optimal set between the first and the last of
// the p best rows by the scores at both ends of it, its hull (Theorem 2). Theorem 2 needs a whole d >= 1.
//
// Rounding. Scores are computed to kUneven, relative to 1 + x. Where two rows are taken in the wrong order for that, an exchange costs the
// attacker no more than 2 kUneven (docs/moved-rows.md): kPerExchange is charged for each moved row.
#pragma once

#include <numeric>
#include <vector>

#include "moved_pair.hpp"
#include "placed_rows.hpp"
#include "records.hpp"
#include "strip.hpp"

namespace knn_cert {

constexpr double kUneven = 3e-12;
constexpr double kPerExchange = 1e-11;

class MovedList {
public:
    explicit MovedList(const LeafLoops& leaf) : leaf_(leaf) {}

    // s: in units of sigma, increasing. D = degree. At most `moves` rows are moved.
    void set(const std::vector<double>& s, double eps, bool outward, int degree, std::int64_t moves, bool one_by_one) {
        outward_ = outward;
        degree_ = degree;
        moves_ = moves;
        kept_ = static_cast<std::int64_t>(s.size());
        s_ = s.data();
        to_.resize(s.size());
        for (std::size_t i = 0; i < s.size(); ++i) to_[i] = outward ? s[i] + eps : std::max(0.0, s[i] - eps);
        still_.place(s.data(), s.size(), one_by_one);
        moved_.place(to_.data(), to_.size(), one_by_one);
        scratch_.resize(4 * static_cast<std::size_t>(degree) * kLanes);
    }

    [[nodiscard]] std::int64_t size() const { return kept_; }
    // Of the rows that are kept, how many may be moved.
    [[nodiscard]] std::int64_t most() const { return std::min(moves_, kept_); }

    void find_laws(const NodeBlock& block, BlockLaw& law, MovedLaws& to) {
        const std::int64_t n_still = write(still_, block, law, to.still);
        const std::int64_t n_moved = write(moved_, block, law, to.moved);
        to.n = std::max(n_still, n_moved);
        none_from(to.still, n_still, to.n);
        none_from(to.moved, n_moved, to.n);
    }

    // From here on splits are counted by those rows alone of which all others arrive within the last node of a block with a probability of at
    // most `price`. Returns what that probability is.
    double keep(const MovedLaws& laws, double price) {
        double left_out = 0.0;
        std::int64_t n = laws.n;
        for (; n > degree_; --n) {
            const double more = std::max(at(laws.still, n - 1, 0)[kLanes - 1], at(laws.moved, n - 1, 0)[kLanes - 1]);
            if (left_out + more > price) break;
            left_out += more;
        }
        kept_ = n;
        return left_out;
    }
    void shorten(MovedLaws& laws) const { laws.n = std::min(laws.n, kept_); }

    // P(fewer than D rows), and P(D or more), of the rows as they are; and bounded rank by rank, whichever are moved.
    void as_it_is(const MovedLaws& laws, double* less, double* at_least) { count(laws, 0, false, less, at_least); }
    void by_ranks(const MovedLaws& laws, double* less, double* at_least) { count(laws, moves_, true, less, at_least); }
    // Of the counts asked for last.
    [[nodiscard]] MovedPair pair() const {
        MovedPair out;
        std::fill_n(out.alpha, kLanes, 0.0);
        if (degree_ > 1) std::copy_n(scratch_.data() + (degree_ - 2) * kLanes, kLanes, out.alpha);
        std::copy_n(scratch_.data() + (degree_ - 1) * kLanes, kLanes, out.beta);
        return out;
    }

    // Bounds in the boxes of a strip; lane: of the node that all of them stand for, or -1.
    [[nodiscard]] StripCounts strip(const MovedLaws& laws, const StripNodes& nodes, int lane, double dof) const {
        StripCounts out;
        StripTask task{};
        task.nodes = &nodes;
        task.still = laws.still.data(), task.moved = laws.moved.data();
        task.s = s_, task.s_moved = to_.data();
        task.n_rows = laws.n, task.n_moved = most();
        task.lane = lane;
        task.degree = degree_;
        task.dof = dof;
        task.less = out.less, task.density = out.density;
        leaf_.strip_counts(task);
        return out;
    }
    // The largest expected count at a node.
    static double mean(const MovedLaws& laws, int lane) {
        double sum = 0.0;
        for (std::int64_t i = 0; i < laws.n; ++i) sum += std::max(at(laws.still, i, 0)[lane], at(laws.moved, i, 0)[lane]);
        return sum;
    }

    // The bound for up to so many moved rows: the fewer, the narrower is the bracket for all of them. least: of the rows as they are
    // (outward), or bounded by ranks with all of them moved (inward).
    void bound_splits(const MovedLaws& laws, const MovedPair& least, std::int64_t n_moved, SplitLanes& lanes) {
        const std::int64_t p_end = n_moved + 1;
        if (lanes.bound.size() < static_cast<std::size_t>(p_end) * kLanes) lanes.bound.resize(static_cast<std::size_t>(p_end) * kLanes);
        const std::int64_t most_here = std::min(n_moved, laws.n);
        all_rows(laws.n);
        left_.resize(static_cast<std::size_t>(most_here + 1) * kLanes);
        right_.resize(left_.size());
        set_hulls(laws, outward_ || n_moved == most() ? bracket_of(least, true) : bracket(laws, n_moved, true), most_here);
        std::int64_t first = laws.n;
        std::int64_t last = 0;
        for (std::size_t i = 0; i < left_.size(); ++i) {
            first = std::min<std::int64_t>(first, left_[i]);
            last = std::max<std::int64_t>(last, right_[i]);
        }
        const std::size_t record = static_cast<std::size_t>(degree_) * kLanes;
        before_.resize(static_cast<std::size_t>(last - first + 1) * record);
        after_.resize(before_.size());
        RunningTask running{};
        running.values = laws.still.data();
        running.n_rows = laws.n;
        running.degree = degree_;
        running.first = first, running.last = last;
        running.scratch = scratch_.data();
        running.out = before_.data();
        leaf_.running(running);
        running.backwards = true;
        running.out = after_.data();
        leaf_.running(running);
        SplitTask task{};
        task.moved = laws.moved.data();
        task.before = before_.data(), task.after = after_.data();
        task.first_before = task.first_after = first;
        task.left = left_.data(), task.right = right_.data();
        task.n_splits = most_here + 1;
        task.degree = degree_;
        task.scratch = scratch_.data();
        task.less = lanes.bound.data();
        leaf_.split_counts(task);
        for (std::int64_t p = most_here + 1; p < p_end; ++p)  // rows that are out of reach here, moved or not
            std::copy_n(lanes.bound.data() + most_here * kLanes, kLanes, lanes.bound.data() + p * kLanes);
    }

    // The bound for one number of moved rows, by hulls within hulls and ranks within the last one.
    void bound_one(const MovedLaws& laws, std::int64_t n_moved, double* less) {
        constexpr int kRounds = 6;
        const std::int64_t p = std::min(n_moved, laws.n);
        all_rows(laws.n);
        for (int round = 0; round < kRounds && 0 < p && p < laws.n; ++round) {
            bool narrower = false;
            narrow(laws, p, narrower);
            if (!narrower) break;
        }
        double at_least[kLanes];
        below(laws, p, true, less, at_least);
    }

    // The counts of the list when the first rows of an order are moved, for every number of them.
    void attack_splits(const MovedLaws& laws, const std::vector<std::int32_t>& order, SplitLanes& lanes) {
        const std::size_t record = 2 * static_cast<std::size_t>(degree_) * kLanes;
        const std::int64_t p_end = most() + 1;
        // rows that are out of reach here count for nothing: they stay where they are in the order of the others
        here_.clear();
        reached_.assign(static_cast<std::size_t>(p_end), 0);
        for (std::size_t i = 0; i < order.size(); ++i) {
            if (order[i] < laws.n) here_.push_back(order[i]);
            if (static_cast<std::int64_t>(i) + 1 < p_end) reached_[i + 1] = static_cast<std::int64_t>(here_.size());
        }
        const std::int64_t last = reached_[static_cast<std::size_t>(p_end) - 1];
        forwards_.resize(static_cast<std::size_t>(last + 1) * record);
        backwards_.resize(forwards_.size());
        RunningTask running{};
        running.values = laws.moved.data();
        running.order = here_.data();
        running.n_rows = laws.n;
        running.density = true;
        running.degree = degree_;
        running.last = last;
        running.scratch = scratch_.data();
        running.out = forwards_.data();
        leaf_.running(running);
        running.values = laws.still.data();
        running.backwards = true;
        running.out = backwards_.data();
        leaf_.running(running);
        JoinTask task{};
        task.moved = forwards_.data(), task.still = backwards_.data();
        task.n_splits = last + 1;
        task.degree = degree_;
        const std::size_t size = static_cast<std::size_t>(p_end) * kLanes;
        for (std::vector<double>* const values : {&lanes.density, &lanes.less, &lanes.last}) values->resize(size);
        joined_.resize(3 * static_cast<std::size_t>(last + 1) * kLanes);
        task.density = joined_.data();
        task.less = task.density + (last + 1) * kLanes;
        task.last = task.less + (last + 1) * kLanes;
        leaf_.join_counts(task);
        for (std::int64_t p = 0; p < p_end; ++p) {
            const std::int64_t from = reached_[static_cast<std::size_t>(p)] * kLanes;
            std::copy_n(task.density + from, kLanes, lanes.density.data() + p * kLanes);
            std::copy_n(task.less + from, kLanes, lanes.less.data() + p * kLanes);
            std::copy_n(task.last + from, kLanes, lanes.last.data() + p * kLanes);
        }
    }

    void add_effects(const MovedLaws& laws, const double* weight, std::vector<double>& effect) const {
        leaf_.move_effects(laws.still.data(), laws.moved.data(), laws.n, weight, effect.data());
    }

private:
    static const double* at(const std::vector<double>& values, std::int64_t row, int which) {
        return values.data() + (row * 3 + which) * kLanes;
    }
    // Memory is kept from query to query: asking for it anew costs more than filling it.
    static void make_room(std::vector<double>& values, std::int64_t n) {
        const std::size_t wanted = static_cast<std::size_t>(n) * 3 * kLanes;
        if (values.size() < wanted) values.resize(wanted);
    }
    static void none_from(std::vector<double>& values, std::int64_t from, std::int64_t to) {
        make_room(values, to);
        for (std::int64_t i = from; i < to; ++i) {
            double* const row = values.data() + i * 3 * kLanes;
            std::fill_n(row, 3 * kLanes, 0.0);
            std::fill_n(row + kLanes, kLanes, 1.0);
        }
    }

    // Rows that are in reach of the block's nodes; the others have F = 0.
    std::int64_t write(PlacedRows& rows, const NodeBlock& block, BlockLaw& law, std::vector<double>& values) const {
        TallyTask task{};
        rows.prepare(block, law, {}, task);
        make_room(values, task.n_rows);
        leaf_.laws(task, values.data());
        return task.n_rows;
    }

    void all_rows(std::int64_t n) {
        std::fill_n(from_, kLanes, 0.0);
        std::fill_n(to_lanes_, kLanes, static_cast<double>(n));
    }

    // The counting polynomial, to scratch: of the rows, within the hull rank by rank or as they are.
    void run(const MovedLaws& laws, std::int64_t n_moved, bool ranks, bool without_two, double* at_least) {
        std::fill_n(scratch_.data(), first_size(degree_), 0.0);
        std::fill_n(scratch_.data(), kLanes, 1.0);
        HullTask task{};
        task.still = laws.still.data(), task.moved = laws.moved.data();
        task.n_rows = laws.n;
        task.n_moved = n_moved;
        task.outward = outward_;
        task.ranks = ranks;
        task.without_two = without_two;
        task.from = from_, task.to = to_lanes_;
        task.degree = degree_;
        task.G = scratch_.data();
        task.at_least = at_least;
        leaf_.hull_counts(task);
    }
    void below(const MovedLaws& laws, std::int64_t n_moved, bool ranks, double* less, double* at_least) {
        run(laws, n_moved, ranks, false, at_least);
        for (int lane = 0; lane < kLanes; ++lane) {
            less[lane] = 0.0;
            for (int k = degree_ - 1; k >= 0; --k) less[lane] += scratch_[static_cast<std::size_t>(k * kLanes + lane)];
        }
    }
    void count(const MovedLaws& laws, std::int64_t n_moved, bool ranks, double* less, double* at_least) {
        all_rows(laws.n);
        below(laws, n_moved, ranks, less, at_least);
    }

    // alpha / beta is the smaller the likelier rows arrive: least with the rows as they are (outward) or bounded by ranks (inward), most the
    // other way round and without the two nearest.
    MovedPair bracket(const MovedLaws& laws, std::int64_t n_moved, bool least) {
        double at_least[kLanes];
        run(laws, n_moved, least != outward_, !least, at_least);
        return bracket_of(pair(), least);
    }

    // Scores at one end of the bracket, and whether each lane's are unimodal.
    void scores(const MovedLaws& laws, const MovedPair& end, bool* unimodal) {
        x_.resize(static_cast<std::size_t>(laws.n) * kLanes);
        envelope_.resize(x_.size());
        double above[kLanes];
        MoveScoreTask task{};
        task.still = laws.still.data(), task.moved = laws.moved.data();
        task.n_rows = laws.n;
        task.alpha = end.alpha, task.beta = end.beta;
        task.from = from_, task.to = to_lanes_;
        task.x = x_.data(), task.envelope = envelope_.data();
        task.above = above, task.peak = peak_;
        leaf_.move_scores(task);
        for (int lane = 0; lane < kLanes; ++lane) unimodal[lane] = above[lane] <= kUneven;
    }

    // Of one lane: [first, end) from the first to the last of the p best rows, for p = 1 .. n_moved.
    template <class Take>
    void windows(const MovedLaws& laws, int lane, bool unimodal, std::int64_t n_moved, Take&& take) {
        const auto from = static_cast<std::int64_t>(from_[lane]);
        const auto to = static_cast<std::int64_t>(to_lanes_[lane]);
        if (unimodal) {
            const double* const X = envelope_.data() + lane;
            auto first = static_cast<std::int64_t>(peak_[lane]);
            std::int64_t end = first;
            for (std::int64_t p = 1; p <= n_moved; ++p) {
                const bool farther = first == from || (end < to && !(X[(first - 1) * kLanes] > X[end * kLanes]));
                farther ? ++end : --first;
                take(p, first, end);
            }
            return;
        }
        const double* const x = x_.data() + lane;
        sorted_.resize(static_cast<std::size_t>(to - from));
        std::iota(sorted_.begin(), sorted_.end(), from);
        std::stable_sort(sorted_.begin(), sorted_.end(), [x](std::int64_t i, std::int64_t j) { return x[i * kLanes] > x[j * kLanes]; });
        std::int64_t first = laws.n;
        std::int64_t end = 0;
        std::size_t taken = 0;
        for (std::int64_t p = 1; p <= n_moved; ++p) {
            const double last = x[sorted_[static_cast<std::size_t>(p) - 1] * kLanes];
            for (; taken < sorted_.size() && x[sorted_[taken] * kLanes] >= last - kUneven * (1.0 + last); ++taken) {
                first = std::min(first, sorted_[taken]);
                end = std::max(end, sorted_[taken] + 1);
            }
            take(p, first, end);
        }
    }

    // Hulls of 0 .. n_moved rows.
    void set_hulls(const MovedLaws& laws, const MovedPair& lowest, std::int64_t n_moved) {
        for (const bool least : {true, false}) {
            bool unimodal[kLanes];
            scores(laws, least ? lowest : bracket(laws, n_moved, false), unimodal);
            for (int lane = 0; lane < kLanes; ++lane)
                windows(laws, lane, unimodal[lane], n_moved, [&](std::int64_t p, std::int64_t first, std::int64_t end) {
                    std::int32_t& left = left_[static_cast<std::size_t>(p * kLanes + lane)];
                    std::int32_t& right = right_[static_cast<std::size_t>(p * kLanes + lane)];
                    left = least ? static_cast<std::int32_t>(first) : std::min(left, static_cast<std::int32_t>(first));
                    right = least ? static_cast<std::int32_t>(end) : std::max(right, static_cast<std::int32_t>(end));
                });
        }
        for (std::size_t lane = 0; lane < kLanes; ++lane) left_[lane] = right_[lane] = n_moved > 0 ? left_[kLanes + lane] : 0;
    }

    // The hull of p rows within the hull.
    void narrow(const MovedLaws& laws, std::int64_t p, bool& narrower) {
        double from[kLanes];
        double to[kLanes];
        std::fill_n(from, kLanes, static_cast<double>(laws.n));
        std::fill_n(to, kLanes, 0.0);
        for (const bool least : {true, false}) {
            bool unimodal[kLanes];
            scores(laws, bracket(laws, p, least), unimodal);
            for (int lane = 0; lane < kLanes; ++lane)
                windows(laws, lane, unimodal[lane], p, [&](std::int64_t moved, std::int64_t first, std::int64_t end) {
                    if (moved < p) return;
                    from[lane] = std::min(from[lane], static_cast<double>(first));
                    to[lane] = std::max(to[lane], static_cast<double>(end));
                });
        }
        for (int lane = 0; lane < kLanes; ++lane) {
            narrower = narrower || from[lane] > from_[lane] || to[lane] < to_lanes_[lane];
            from_[lane] = from[lane];
            to_lanes_[lane] = to[lane];
        }
    }

    const LeafLoops& leaf_;
    bool outward_ = true;
    int degree_ = 1;
    std::int64_t moves_ = 0, kept_ = 0;
    const double* s_ = nullptr;
    std::vector<double> to_;
    PlacedRows still_, moved_;
    double from_[kLanes] = {}, to_lanes_[kLanes] = {};  // the hull of each lane
    double peak_[kLanes] = {};                          // of the scores asked for last
    std::vector<std::int32_t> left_, right_, here_;
    std::vector<std::int64_t> sorted_, reached_;
    std::vector<double> scratch_, x_, envelope_, before_, after_, forwards_, backwards_, joined_;
};

}  // namespace knn_cert
