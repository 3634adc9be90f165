// moved_race.hpp: the race of two lists of which some rows are moved: its worst case, bounded for every split of their number, and the
// best attack. No Python, no threads.
//
// Letters of docs/moved-rows.md. p rows S of list A move away from the query and q = r - p rows T of list B towards it. At every node
// L <= F_A^S and H >= F_B^T bound the arrivals (moved_list.hpp). With any S0, T0 of as many rows, and sums Q over the nodes (Theorem 1),
//     P(A first) >= Q[(1 - H) f_A^S0] - c_A (1 + e_B) - 3 e - o,     c_A = max (F_A^S0 - L)
//     P(A first) >= 1 - Q[(1 - L) f_B^T0] - c_B (1 + e_A) - 3 e - o,     c_B = max (H - F_B^T0).
// e, e_A, e_B: how far sums over the nodes are from integrals, whichever rows are moved (strip.hpp); o: what happens beyond the window.
// Rows that hardly arrive within the window are left out of both lists: with a probability delta that any of them does the race of the
// others differs from that of all by no more than delta and the probability that it is not decided within the window.
// S0, T0 are the first rows of one order of each list: nearest first, then by what moving each row does to the race to first order, at the
// split that was the worst.
#pragma once

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "contest_tallies.hpp"
#include "moved_contest.hpp"
#include "moved_list.hpp"
#include "parallel.hpp"

namespace knn_cert {

class MovedRace {
public:
    MovedRace(double dof, const LeafLoops& leaf) : law_(dof, leaf), a_(leaf), b_(leaf) {}

    MovedOutcome solve(const MovedContest& contest) {
        contest_ = &contest;
        MovedOutcome out;
        const auto n_a = static_cast<std::int64_t>(contest.a.size());
        const auto n_b = static_cast<std::int64_t>(contest.b.size());
        if (n_a < contest.m_a) {
            out.attack = 0.0;
            return out;
        }
        if (n_b < contest.m_b) {
            out.lower = 1.0;
            return out;
        }
        law_.refresh();
        moves_ = std::min(contest.moves, n_a + n_b);
        out.attack_error = 1.0;  // until more is known
        if (!std::isfinite(contest_->closing_distance())) return out;
        first_split_ = std::max<std::int64_t>(0, moves_ - n_b);
        end_split_ = std::min(moves_, n_a) + 1;
        n_rows_ = static_cast<double>(n_a + n_b);
        price_ = n_rows_ <= kFewRows ? kPriceOfFew : kPrice;
        const bool attack_alone = contest.above >= 1.0;
        for (int level = attack_alone ? kRoughLevel : kFirstMovedLevel; level <= kLastMovedLevel; ++level) {
            start_blocks(level);
            if (is_too_coarse(level, attack_alone ? kRoughGuess : kCloseGuess) && level < kLastMovedLevel) continue;
            if (!extend_blocks(level)) break;
            try_attacks();
            bounded_ = !attack_alone && attack_ + kDoubt > contest.above;
            if (bounded_ && !sums_are_close(level)) {
                if (level < kLastMovedLevel) continue;
                bounded_ = false;  // the attack is all there is
            }
            return outcome();
        }
        return out;
    }

private:
    // Which rows an attack moves needs no exact sums.
    static constexpr int kFirstMovedLevel = 4, kLastMovedLevel = 8, kRoughLevel = 3;
    // What rows that are left out, and the window with either of its ends, may cost; and sums over it for integrals.
    static constexpr double kPrice = 5e-7, kPriceOfFew = 1e-8;
    static constexpr double kShareOfEnd = 0.5, kShareOfSums = 20.0;
    // Logarithms of the errors of sums that are guessed, at most: of those that are bounded afterwards, and of those that are not.
    static constexpr double kCloseGuess = -10.0, kRoughGuess = -5.0;
    // What is said to be the error of an attack at least where no bound is worked out: sums are not bounded there, and guessed to be closer.
    static constexpr double kDoubt = 0.1;
    // The height of the strip: the finer the nodes, the lower it may be, and the less grow the counts of many neighbours.
    static double height_of(int level) { return 0.28 * std::exp2(-0.5 * (level - kFirstMovedLevel)); }
    // Longer windows, more memory than this: no answer, other bounds serve.
    static constexpr std::size_t kMostBlocks = 64, kMostRowsOfBlocks = std::size_t{1} << 18, kMostBytes = std::size_t{1} << 30;
    // Splits that fail are bounded anew, no more than so many; of few rows, whose hulls are wide, all that are the worst.
    static constexpr int kMostRefined = 3, kMostRefinedOfFew = 24;
    static constexpr double kFewRows = 256;
    static constexpr double kClose = 1e-7;  // of the bound to the attack: nothing is left to gain

    struct Block {
        NodeBlock nodes{0, 0};
        double t[kLanes], weight[kLanes];
        MovedLaws a, b;
        SplitLanes of_a, of_b;
        double arrived_a[kLanes], arrived_b[kLanes];  // P(m rows or more), at most
        MovedPair least_a, least_b;

        [[nodiscard]] std::size_t bytes() const { return 6 * kLanes * sizeof(double) * static_cast<std::size_t>(a.n + b.n); }
    };

    std::unique_ptr<Block> make_block(int level, std::int64_t index) {
        heartbeat();
        std::unique_ptr<Block> made = std::make_unique<Block>();
        if (!spare_.empty()) made = std::move(spare_.back()), spare_.pop_back();
        Block& block = *made;
        block.nodes = {level, index};
        block.nodes.radii(block.t);
        block.nodes.weights(block.weight);
        a_.find_laws(block.nodes, law_, block.a);
        b_.find_laws(block.nodes, law_, block.b);
        double unused[kLanes];
        a_.as_it_is(block.a, unused, block.arrived_a);
        block.least_a = a_.pair();
        b_.by_ranks(block.b, unused, block.arrived_b);
        block.least_b = b_.pair();
        a_.shorten(block.a), b_.shorten(block.b);
        bytes_ += block.bytes();
        return made;
    }

    // The first block, where the race is decided.
    void start_blocks(int level) {
        const MovedContest& c = *contest_;
        const double start = expected_radius(c.closing_distance(), law_.dof());
        const bool one_by_one = without_tables(c.a.size() + c.b.size(), start);
        a_.set(c.a, c.eps, true, c.m_a, moves_, one_by_one);
        b_.set(c.b, c.eps, false, c.m_b, moves_, one_by_one);
        for (std::unique_ptr<Block>& block : blocks_) spare_.push_back(std::move(block));
        blocks_.clear();
        bytes_ = 0;
        const double per_unit = std::ldexp(1.0, level) / kLanes;
        blocks_.push_back(make_block(level, static_cast<std::int64_t>(std::floor(position_of(start) * per_unit))));
        find_open();
    }
    // The window: what lies beyond it costs no more than the price. False where it does not close.
    bool extend_blocks(int level) {
        const bool attack_alone = contest_->above >= 1.0;
        const auto farther = [&] {
            blocks_.push_back(make_block(level, blocks_.back()->nodes.index + 1));
            find_open();
            return !too_long();
        };
        while (open_ > price_)
            if (!farther()) return false;
        while (!attack_alone && end_errors(level, true).largest() > kShareOfEnd * price_)
            if (!farther()) return false;
        rows_left_out_ = a_.keep(blocks_.back()->a, price_) + b_.keep(blocks_.back()->b, price_);
        for (const auto& block : blocks_) a_.shorten(block->a), b_.shorten(block->b);
        find_open();
        while (arrived() > price_ || (!attack_alone && end_errors(level, false).largest() > kShareOfEnd * price_)) {
            blocks_.insert(blocks_.begin(), make_block(level, blocks_.front()->nodes.index - 1));
            if (too_long()) return false;
        }
        return true;
    }
    // Whether sums of this step cannot be close: the expected count of a list at its arrival grows so fast with u. A guess, which the
    // boxes check; about what they say of the K-th arrival of a stream.
    [[nodiscard]] bool is_too_coarse(int level, double most) const {
        constexpr double kLeastShare = 0.1, kLeastSlope = 0.1;
        const Block& block = *blocks_.front();
        const double units = block.nodes.position(kLanes - 1) - block.nodes.position(0);
        const auto guess = [&](const MovedLaws& laws, int m) {
            const double last = MovedList::mean(laws, kLanes - 1);
            const double slope = std::max(kLeastSlope, std::log(last / std::max(MovedList::mean(laws, 0), 1e-300)) / units);
            return last < kLeastShare * m ? most : log_trapezoid_error(m, 2.0 * 3.14159265358979 / (std::ldexp(slope, -level)));
        };
        return std::max(guess(block.a, contest_->m_a), guess(block.b, contest_->m_b)) > most;
    }
    [[nodiscard]] bool too_long() const {
        const std::size_t rows = blocks_.size() * (contest_->a.size() + contest_->b.size());
        return (blocks_.size() > kMostBlocks && rows > kMostRowsOfBlocks) || bytes_ > kMostBytes;
    }

    // The probability that neither list has arrived at the last node, at most.
    void find_open() {
        const Block& block = *blocks_.back();
        double a[kLanes];
        double b[kLanes];
        double unused[kLanes];
        a_.by_ranks(block.a, a, unused);
        b_.as_it_is(block.b, b, unused);
        open_ = std::min(1.0, a[kLanes - 1] * b[kLanes - 1]);
    }
    // The probability that either list arrives before the first node, at most.
    [[nodiscard]] double arrived() const { return blocks_.front()->arrived_a[0] + blocks_.front()->arrived_b[0]; }

    // Sums for integrals, whichever rows are moved (strip.hpp): what an end of the window adds to their errors, and everything.
    [[nodiscard]] Strip strip(int level) const { return {law_.dof(), level, height_of(level)}; }
    [[nodiscard]] StripErrors end_errors(int level, bool last) const {
        const Strip boxes = strip(level);
        const Block& block = last ? *blocks_.back() : *blocks_.front();
        const int lane = last ? kLanes - 1 : 0;
        const double position = block.nodes.position(lane);
        const StripNodes nodes = boxes.end(position);
        StripErrors errors;
        boxes.add_end(position, a_.strip(block.a, nodes, lane, law_.dof()), b_.strip(block.b, nodes, lane, law_.dof()), errors);
        return errors;
    }
    bool sums_are_close(int level) {
        const Strip boxes = strip(level);
        errors_ = end_errors(level, true);
        errors_ += end_errors(level, false);
        for (const std::unique_ptr<Block>& block : blocks_) {
            heartbeat();
            const StripNodes nodes = boxes.over(block->nodes);
            boxes.add_block(block->nodes, a_.strip(block->a, nodes, -1, law_.dof()), b_.strip(block->b, nodes, -1, law_.dof()), errors_);
        }
        return errors_.largest() <= kShareOfSums * price_;
    }

    // The attack of all splits, by both orders.
    void try_attacks() {
        attack_ = std::numeric_limits<double>::infinity();
        nearest_first(a_.size(), order_a_);
        nearest_first(b_.size(), order_b_);
        try_orders();
        order_by_effect(split_);
        try_orders();
    }

    // Bounds for up to so many moved rows of each list, from how many the worst attack moves.
    template <class UpTo>
    void bound_splits(UpTo&& up_to) {
        for (const std::unique_ptr<Block>& block : blocks_) {
            heartbeat();
            a_.bound_splits(block->a, block->least_a, up_to(a_, of_a(split_)), block->of_a);
            b_.bound_splits(block->b, block->least_b, up_to(b_, of_b(split_)), block->of_b);
        }
    }
    // Near the worst split, where every bit counts.
    void bound_splits_closely() {
        bound_splits([](const MovedList& list, std::int64_t rows) { return std::min(list.most(), rows + rows / 4 + 4); });
    }

    static void nearest_first(std::int64_t n, std::vector<std::int32_t>& order) {
        order.resize(static_cast<std::size_t>(n));
        std::iota(order.begin(), order.end(), 0);
    }

    // The attack of each split by the present orders; the best of all that were tried is kept.
    void try_orders() {
        bool better = false;
        for (const std::unique_ptr<Block>& made : blocks_) {
            Block& block = *made;
            heartbeat();
            a_.attack_splits(block.a, order_a_, block.of_a);
            b_.attack_splits(block.b, order_b_, block.of_b);
        }
        for (std::int64_t p = first_split_; p < end_split_; ++p) {
            const double value =
                sum(p, [](const SplitLanes& a, const SplitLanes& b, std::size_t i, std::size_t k) { return a.density[i] * b.less[k]; });
            if (value < attack_) attack_ = value, split_ = p, step_error_ = trapezoid_error(lanes_, 1.0), better = true;
        }
        if (!better) return;
        rows_a_.assign(order_a_.begin(), order_a_.begin() + of_a(split_));
        rows_b_.assign(order_b_.begin(), order_b_.begin() + of_b(split_));
    }

    // How many of the kept rows of each list are moved by a split.
    [[nodiscard]] std::int64_t of_a(std::int64_t p) const { return std::min(p, a_.most()); }
    [[nodiscard]] std::int64_t of_b(std::int64_t p) const { return std::min(moves_ - p, b_.most()); }

    // The sum over all nodes of a product of values of both lists at a split.
    template <class Product>
    [[nodiscard]] double sum(std::int64_t p, Product&& product) const {
        const std::size_t i = static_cast<std::size_t>(of_a(p)) * kLanes;
        const std::size_t k = static_cast<std::size_t>(of_b(p)) * kLanes;
        double lanes[kLanes] = {};
        for (const std::unique_ptr<Block>& block : blocks_)
            for (std::size_t lane = 0; lane < kLanes; ++lane)
                lanes[lane] += block->weight[lane] * product(block->of_a, block->of_b, i + lane, k + lane);
        std::copy_n(lanes, kLanes, lanes_);
        return ((lanes[0] + lanes[2]) + (lanes[4] + lanes[6])) + ((lanes[1] + lanes[3]) + (lanes[5] + lanes[7]));
    }

    void order_by_effect(std::int64_t p) {
        effect_a_.assign(static_cast<std::size_t>(a_.size()), 0.0);
        effect_b_.assign(static_cast<std::size_t>(b_.size()), 0.0);
        const std::size_t i = static_cast<std::size_t>(of_a(p)) * kLanes;
        const std::size_t k = static_cast<std::size_t>(of_b(p)) * kLanes;
        for (const std::unique_ptr<Block>& made : blocks_) {
            const Block& block = *made;
            double weight_a[kLanes];
            double weight_b[kLanes];
            for (std::size_t lane = 0; lane < kLanes; ++lane) {
                weight_a[lane] = block.weight[lane] * block.of_b.density[k + lane] * block.of_a.last[i + lane];
                weight_b[lane] = block.weight[lane] * block.of_a.density[i + lane] * block.of_b.last[k + lane];
            }
            a_.add_effects(block.a, weight_a, effect_a_);
            b_.add_effects(block.b, weight_b, effect_b_);
        }
        by_effect(effect_a_, order_a_);
        by_effect(effect_b_, order_b_);
    }
    static void by_effect(const std::vector<double>& effect, std::vector<std::int32_t>& order) {
        nearest_first(static_cast<std::int64_t>(effect.size()), order);
        std::stable_sort(order.begin(), order.end(), [&](std::int32_t i, std::int32_t j) {
            return effect[static_cast<std::size_t>(i)] > effect[static_cast<std::size_t>(j)];
        });
    }

    // Theorem 1, errors not yet taken off.
    [[nodiscard]] double bound(std::int64_t p) const {
        const std::size_t i = static_cast<std::size_t>(of_a(p)) * kLanes;
        const std::size_t k = static_cast<std::size_t>(of_b(p)) * kLanes;
        double c_a = 0.0;
        double c_b = 0.0;
        for (const std::unique_ptr<Block>& block : blocks_)
            for (std::size_t lane = 0; lane < kLanes; ++lane) {
                c_a = std::max(c_a, block->of_a.bound[i + lane] - block->of_a.less[i + lane]);
                c_b = std::max(c_b, block->of_b.less[k + lane] - block->of_b.bound[k + lane]);
            }
        const double one =
            sum(p, [](const SplitLanes& a, const SplitLanes& b, std::size_t i, std::size_t k) { return a.density[i] * b.bound[k]; }) -
            c_a * (1.0 + errors_.b_mass);
        const double two =
            1.0 - c_b * (1.0 + errors_.a_mass) -
            sum(p, [](const SplitLanes& a, const SplitLanes& b, std::size_t i, std::size_t k) { return a.bound[i] * b.density[k]; });
        return std::max(one, two);
    }

    // Everything that any of these numbers may be wrong by.
    [[nodiscard]] double error() const {
        const double mean = MovedList::mean(blocks_.back()->a, kLanes - 1) + MovedList::mean(blocks_.back()->b, kLanes - 1);
        const double rounding = std::ldexp(1.0, -53) * (6.0 * n_rows_ + 200.0);
        const double law = Accuracy{}.by_law(static_cast<double>(contest_->m_a + contest_->m_b), mean);
        const double sums = bounded_ ? errors_.largest() : step_error_;
        return 3.0 * (sums + law + rounding) + rows_left_out_ + 3.0 * open_ + arrived() + static_cast<double>(moves_) * kPerExchange;
    }

    MovedOutcome outcome() {
        const double e = error();
        MovedOutcome out;
        if (bounded_) out.lower = std::max(0.0, lowest(e) - e);
        out.attack = attack_;
        out.attack_error = bounded_ ? e : std::max(e, kDoubt);
        out.rows_a = rows_a_, out.rows_b = rows_b_;
        return out;
    }

    // The smallest bound of all splits; the errors say which are worth refining.
    double lowest(double e) {
        std::vector<double> bounds(static_cast<std::size_t>(end_split_ - first_split_));
        const auto bound_all = [&] {
            for (std::int64_t p = first_split_; p < end_split_; ++p) bounds[static_cast<std::size_t>(p - first_split_)] = bound(p);
            return *std::min_element(bounds.begin(), bounds.end());
        };
        bound_splits([](const MovedList& list, std::int64_t) { return list.most(); });
        const double first = bound_all();
        if (first - e <= 0.5 && attack_ > 0.5) {
            bound_splits_closely();
            bound_all();
        }
        std::vector<char> refined(bounds.size(), 0);
        const int most = n_rows_ <= kFewRows ? kMostRefinedOfFew : kMostRefined;
        for (int n = 0; n < most; ++n) {
            const std::size_t worst = static_cast<std::size_t>(std::min_element(bounds.begin(), bounds.end()) - bounds.begin());
            const bool undecided = bounds[worst] - e <= 0.5 && attack_ > 0.5;
            if (refined[worst] || attack_ - bounds[worst] <= kClose || !(undecided || n_rows_ <= kFewRows)) break;
            refined[worst] = 1;
            const std::int64_t p = first_split_ + static_cast<std::int64_t>(worst);
            for (const std::unique_ptr<Block>& made : blocks_) {
                Block& block = *made;
                heartbeat();
                a_.bound_one(block.a, of_a(p), block.of_a.bound.data() + of_a(p) * kLanes);
                b_.bound_one(block.b, of_b(p), block.of_b.bound.data() + of_b(p) * kLanes);
            }
            bounds[worst] = std::max(bounds[worst], bound(p));
            if (undecided && bounds[worst] - e > 0.5) continue;
            order_by_effect(p);
            try_orders();
            bounds[worst] = std::max(bounds[worst], bound(p));
            if (bounds[worst] - e <= 0.5 && n_rows_ > kFewRows) break;  // one split that fails is enough
        }
        return *std::min_element(bounds.begin(), bounds.end());
    }

    BlockLaw law_;
    MovedList a_, b_;
    const MovedContest* contest_ = nullptr;
    std::int64_t moves_ = 0, first_split_ = 0, end_split_ = 1, split_ = 0;
    std::vector<std::unique_ptr<Block>> blocks_, spare_;
    std::size_t bytes_ = 0;
    bool bounded_ = false;
    double n_rows_ = 0.0, price_ = kPrice, open_ = 1.0, rows_left_out_ = 0.0, step_error_ = 0.0, attack_ = 1.0;
    StripErrors errors_;
    std::vector<std::int32_t> order_a_, order_b_, rows_a_, rows_b_;
    std::vector<double> effect_a_, effect_b_;
    mutable double lanes_[kLanes] = {};
};

}  // namespace knn_cert
