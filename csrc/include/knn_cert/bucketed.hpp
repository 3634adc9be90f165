// bucketed.hpp: Theorem 3 of RAB for any K and any number of classes. No Python, no threads.
//
// Distances are known only by their bucket [b_{l-1}, b_l); ties in a bucket go to the lower row index. For bucket l and a row i
// in it that is the K-th nearest, rows before i count if their bucket is <= l, rows behind it if it is < l (eqs (74)-(80)):
// one pass backwards and one forwards over the rows give all boundary events of eight buckets, O(n L K^2 C) in all. Buckets
// are worked out from the likely ones outwards; what lies beyond is bounded as in continuous.hpp.
#pragma once

#include <cmath>
#include <memory>
#include <vector>

#include "contest.hpp"
#include "law_table.hpp"
#include "parallel.hpp"
#include "tallies.hpp"

namespace knn_cert {

// The cells of all blocks of eight buckets for one (dof, sigma, edges).
class BucketTable {
public:
    // edges: on the squared distance, increasing, positive
    BucketTable(double dof, double sigma, const std::vector<double>& edges) : dof_(dof) {
        nodes_.push_back(0.0);
        for (const double edge : edges) nodes_.push_back(std::sqrt(edge) / sigma);
        while ((nodes_.size() - 1) % kLanes != 0 || nodes_.size() == 1 || nodes_.back() < kInfinity) nodes_.push_back(kInfinity);
        fresh();
    }

    // The table that calls with these buckets share.
    static std::shared_ptr<BucketTable> shared(double dof, double sigma, const std::vector<double>& edges) {
        // never destroyed: a thread may still be at work when the process ends
        static std::mutex& mutex = *new std::mutex;
        static std::shared_ptr<BucketTable>& recent = *new std::shared_ptr<BucketTable>;
        const auto fresh = std::make_shared<BucketTable>(dof, sigma, edges);
        std::lock_guard<std::mutex> lock(mutex);
        if (!recent || recent->dof_ != dof || recent->nodes_ != fresh->nodes_) recent = fresh;
        return recent;
    }

    [[nodiscard]] double dof() const { return dof_; }
    [[nodiscard]] std::int64_t n_blocks() const { return static_cast<std::int64_t>(nodes_.size() - 1) / kLanes; }
    [[nodiscard]] const double* low(std::int64_t block) const { return nodes_.data() + block * kLanes; }
    [[nodiscard]] const double* high(std::int64_t block) const { return low(block) + 1; }
    // the largest finite node of the block (0 if there is none)
    [[nodiscard]] double last_finite(std::int64_t block) const {
        double t = low(block)[0] < kInfinity ? low(block)[0] : 0.0;
        for (int lane = 0; lane < kLanes; ++lane)
            if (high(block)[lane] < kInfinity) t = high(block)[lane];
        return t;
    }

    struct Cells {
        std::vector<std::unique_ptr<LazyRow<Cell>>> rows;
        std::atomic<std::size_t> bytes{0};
    };
    // Cells that have outgrown their budget are left to their present users and replaced.
    std::shared_ptr<Cells> cells() {
        std::lock_guard<std::mutex> lock(mutex_);
        if (cells_->bytes.load() > kTableBytes) fresh();
        return cells_;
    }

private:
    void fresh() {
        cells_ = std::make_shared<Cells>();
        for (std::int64_t b = 0; b < n_blocks(); ++b)
            cells_->rows.push_back(std::make_unique<LazyRow<Cell>>(intervals(last_finite(b), kCellsPerUnit)));
    }

    double dof_;
    std::vector<double> nodes_;  // t_0 = 0, sqrt(b_l)/sigma, infinity (repeated to fill the last block)
    std::mutex mutex_;
    std::shared_ptr<Cells> cells_;
};

class BucketedSolver {
public:
    BucketedSolver(BucketTable& table, const LeafLoops& leaf) : table_(table), leaf_(leaf) {}

    // s[i] = distance / sigma and list[i] of row i, in the order of the row index
    Outcome solve(const std::vector<double>& s, const std::vector<std::int32_t>& list, const BoundedContest& bounded) {
        cells_ = table_.cells();
        s_ = &s;
        list_ = &list;
        bounded_ = &bounded;
        n_lists_ = bounded.contest.n_lists;
        stride_ = static_cast<std::int64_t>(kLanes) * bounded.max_degree();
        rank_rows();
        const std::size_t state = static_cast<std::size_t>(n_lists_ * stride_);
        before_.resize(state);
        after_.resize(state);
        work_.resize(static_cast<std::size_t>(winner_work_size(bounded.contest)));
        lanes_.assign(static_cast<std::size_t>(n_lists_) * kLanes, 0.0);
        tail_lanes_ = lanes_;
        by_law_.assign(static_cast<std::size_t>(n_lists_), 0.0);
        above_.assign(static_cast<std::size_t>(n_lists_), 0.0);
        below_.assign(static_cast<std::size_t>(n_lists_), 0.0);

        std::int64_t first = starting_block();
        std::int64_t last = first;
        work_out_block(first, true, true);
        for (;;) {
            const std::vector<double> q = totals(lanes_);
            bool up = false;
            bool down = false;
            for (std::size_t y = 0; y < q.size(); ++y) {
                const double target = std::max(1e-14 * q[y], 1e-300);
                up = up || (last + 1 < table_.n_blocks() && above_[y] > target);
                down = down || (first > 0 && below_[y] > target);
            }
            if (up) work_out_block(++last, true, false);
            if (down) work_out_block(--first, false, true);
            if (!up && !down) return {q, errors(q, first, last)};
        }
    }

private:
    static constexpr std::size_t kFewRows = 48;  // up to here rows are evaluated one by one, without cells

    // Rows per list, and the distance of the nearest D-th row of any list.
    void rank_rows() {
        count_.assign(static_cast<std::size_t>(n_lists_), 0);
        std::vector<std::vector<double>> by_list(static_cast<std::size_t>(n_lists_));
        for (std::size_t i = 0; i < s_->size(); ++i) by_list[static_cast<std::size_t>((*list_)[i])].push_back((*s_)[i]);
        start_ = kInfinity;
        for (int c = 0; c < n_lists_; ++c) {
            std::vector<double>& s = by_list[static_cast<std::size_t>(c)];
            count_[static_cast<std::size_t>(c)] = s.size();
            const std::size_t at = std::min<std::size_t>(static_cast<std::size_t>(bounded_->contest.degree_of(c)), s.size()) - 1;
            std::nth_element(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(at), s.end());
            start_ = std::min(start_, s[at]);
        }
        check_resolution(start_);
    }

    [[nodiscard]] std::int64_t starting_block() const {
        const double t = std::sqrt(start_ * start_ + table_.dof());
        std::int64_t block = 0;
        while (block + 1 < table_.n_blocks() && table_.high(block)[kLanes - 1] < t) ++block;
        return block;
    }

    const Cell* cell(std::int64_t block, std::size_t index) {
        return cells_->rows[static_cast<std::size_t>(block)]->get(index, cells_->bytes, [&] {
            use_nodes(block);
            return build_bucket_cell(low_, high_, index);
        });
    }

    void use_nodes(std::int64_t block) {
        if (block == nodes_of_) return;
        low_.set_nodes(table_.dof(), table_.low(block), leaf_);
        high_.set_nodes(table_.dof(), table_.high(block), leaf_);
        nodes_of_ = block;
    }

    // The rows that can be in or below the block, in their order, with their cells; laws where there is no cell. (Far rows with
    // a low index cannot be dropped for being far: they win ties that near rows with a high index lose.)
    void choose_rows(std::int64_t block) {
        const bool one_by_one = s_->size() <= kFewRows;
        const bool open_ended = table_.high(block)[kLanes - 1] == kInfinity;
        const double finite = table_.last_finite(block);
        const std::size_t n_cells = cells_->rows[static_cast<std::size_t>(block)]->size();
        const auto index_of = [](double s) { return static_cast<std::size_t>(s * kCellsPerUnit); };
        chosen_cells_.clear();
        chosen_x_.clear();
        chosen_list_.clear();
        chosen_laws_.clear();
        for (std::size_t i = 0; i < s_->size(); ++i) {
            const double s = (*s_)[i];
            const std::size_t c = static_cast<std::size_t>((*list_)[i]);
            const Cell* at = nullptr;
            if (!one_by_one && s * kCellsPerUnit + 1.0 < static_cast<double>(n_cells)) {
                at = cell(block, index_of(s));
                if (!open_ended && at->kind == CellKind::outside) continue;
            } else if (!open_ended && s > finite + 40.0) {
                continue;  // F < Phi(-40), zero in binary64
            }
            chosen_cells_.push_back(at);
            const double place = s * kCellsPerUnit;
            chosen_x_.push_back(2.0 * (place - std::floor(place)) - 1.0);
            chosen_list_.push_back(static_cast<std::int32_t>(c));
            chosen_laws_.push_back(at ? -1 : static_cast<std::int64_t>(i));
        }
    }

    void law_of(std::int64_t block, double s, BucketLaw& law) {
        if (s > table_.last_finite(block) + 40.0) {
            for (int lane = 0; lane < kLanes; ++lane) {
                law.F_low[lane] = table_.low(block)[lane] == kInfinity ? 1.0 : 0.0;
                law.F_high[lane] = table_.high(block)[lane] == kInfinity ? 1.0 : 0.0;
                law.U_low[lane] = 1.0 - law.F_low[lane];  // exact: these are 0 and 1
                law.U_high[lane] = 1.0 - law.F_high[lane];
            }
        } else {
            double f[kLanes];
            use_nodes(block);
            low_.evaluate(s, law.F_low, law.U_low, f);
            high_.evaluate(s, law.F_high, law.U_high, f);
        }
    }

    // A run of chosen rows [begin, end) as a task for the leaf loops.
    BucketTask run_task(std::int64_t block, std::int64_t begin, std::int64_t end) {
        heartbeat();
        const std::size_t n = static_cast<std::size_t>(end - begin);
        const std::size_t from = static_cast<std::size_t>(begin);
        laws_.resize(std::max(laws_.size(), n));
        saved_.resize(std::max(saved_.size(), n * static_cast<std::size_t>(stride_)));
        for (std::size_t i = 0; i < n; ++i)
            if (chosen_laws_[from + i] >= 0) law_of(block, (*s_)[static_cast<std::size_t>(chosen_laws_[from + i])], laws_[i]);
        BucketTask task{};
        task.contest = &bounded_->contest;
        task.cells = chosen_cells_.data() + from;
        task.x = chosen_x_.data() + from;
        task.list = chosen_list_.data() + from;
        task.n_rows = end - begin;
        task.stride = stride_;
        task.laws = laws_.data();
        task.saved = saved_.data();
        task.before = before_.data();
        task.after = after_.data();
        task.work = work_.data();
        task.q = lanes_.data();
        task.q_of_tails = tail_lanes_.data();
        below_rows_.resize(std::max(below_rows_.size(), n));
        task.below = below_rows_.data();
        return task;
    }

    void empty_state(std::vector<double>& state) const {
        std::fill(state.begin(), state.end(), 0.0);
        for (int c = 0; c < n_lists_; ++c)
            for (int lane = 0; lane < kLanes; ++lane) state[static_cast<std::size_t>(c * stride_ + lane)] = 1.0;
    }

    void work_out_block(std::int64_t block, bool is_last, bool is_first) {
        choose_rows(block);
        const std::int64_t n = static_cast<std::int64_t>(chosen_list_.size());
        const std::int64_t run = std::max<std::int64_t>(64, static_cast<std::int64_t>(std::sqrt(static_cast<double>(n))));
        const std::int64_t n_runs = (n + run - 1) / run;
        const std::size_t state = after_.size();
        checkpoints_.resize(static_cast<std::size_t>(n_runs) * state);
        std::vector<double> mean(static_cast<std::size_t>(n_lists_), 0.0);  // expected rows below the block
        empty_state(after_);
        for (std::int64_t r = n_runs - 1; r >= 0; --r) {
            std::copy(after_.begin(), after_.end(),
                      checkpoints_.begin() + static_cast<std::ptrdiff_t>(r * static_cast<std::int64_t>(state)));
            const BucketTask task = run_task(block, r * run, std::min(n, (r + 1) * run));
            leaf_.bucket_suffix(task);
            for (std::int64_t i = 0; i < task.n_rows; ++i) mean[static_cast<std::size_t>(task.list[i])] += task.below[i];
        }
        empty_state(before_);
        const std::vector<double> lanes_before = lanes_;
        double within_low[kLanes] = {};
        double within_high[kLanes] = {};  // expected rows below the ends of each bucket
        for (std::int64_t r = 0; r < n_runs; ++r) {
            const auto from = checkpoints_.begin() + static_cast<std::ptrdiff_t>(r * static_cast<std::int64_t>(state));
            std::copy(from, from + static_cast<std::ptrdiff_t>(state), after_.begin());
            const BucketTask task = run_task(block, r * run, std::min(n, (r + 1) * run));
            leaf_.bucket_rows(task);
            for (std::int64_t i = 0; i < task.n_rows; ++i)
                for (int lane = 0; lane < kLanes; ++lane) {
                    within_low[lane] += task.laws[i].F_low[lane];
                    within_high[lane] += task.laws[i].F_high[lane];
                }
        }
        for (int lane = 0; lane < kLanes; ++lane) {
            // rows within the last bucket of all are within it exactly
            const double within = table_.high(block)[lane] < kInfinity ? within_high[lane] : within_low[lane];
            const double share = Accuracy{}.by_law(bounded_->contest.deciding_arrival(), within);
            for (std::size_t y = 0; y < by_law_.size(); ++y) {
                const std::size_t at = y * kLanes + static_cast<std::size_t>(lane);
                by_law_[y] += share * (lanes_[at] - lanes_before[at]);
            }
        }
        if (is_last) bound_above();
        if (is_first) bound_below(mean);
    }

    // y wins beyond the block only if at its end neither its own count is complete nor the others hold too much.
    void bound_above() {
        std::vector<double> O(static_cast<std::size_t>(n_lists_ + 2) * kLanes);
        const std::vector<double> unused(static_cast<std::size_t>(n_lists_) * kLanes, 0.0);  // P(closed) is not asked for
        leaf_.standings(bounded_->contest, before_.data(), unused.data(), stride_, bounded_->max_others.data(), work_.data(), O.data());
        for (int c = 0; c < n_lists_; ++c) {
            double open = 0.0;
            for (int k = 0; k < bounded_->contest.degree_of(c); ++k)
                open += before_[static_cast<std::size_t>(c * stride_ + k * kLanes + kLanes - 1)];
            const std::size_t y = static_cast<std::size_t>(c);
            const bool possible = count_[y] >= static_cast<std::size_t>(bounded_->min_own[y]);
            above_[y] = possible ? std::min(std::min(1.0, open) * std::min(1.0, O[y * kLanes + kLanes - 1]),
                                            O[static_cast<std::size_t>(n_lists_ * kLanes + kLanes - 1)])
                                 : 0.0;
        }
    }

    // y wins below the block only with g = min_own rows there: at most e_g(F) <= (sum F)^g / g!.
    void bound_below(const std::vector<double>& mean) {
        for (std::size_t y = 0; y < mean.size(); ++y) {
            double bound = 1.0;
            for (int k = 1; k <= bounded_->min_own[y]; ++k) bound *= mean[y] / k;
            below_[y] = std::min(1.0, bound);
        }
    }

    [[nodiscard]] std::vector<double> totals(const std::vector<double>& lanes) const {
        std::vector<double> q(static_cast<std::size_t>(n_lists_));
        for (std::size_t y = 0; y < q.size(); ++y) {
            const double* const v = lanes.data() + y * kLanes;
            q[y] = ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
        }
        return q;
    }

    [[nodiscard]] std::vector<double> errors(const std::vector<double>& q, std::int64_t first, std::int64_t last) const {
        double total = 0.0;
        for (const double value : q) total += value;
        if (std::fabs(total - 1.0) > 1e-9)
            throw NotComputable("the class probabilities add up to " + std::to_string(total) +
                                ", not to 1 within 1e-9: no certificate is issued; please report this table and these edges");
        const std::vector<double> q_of_tails = totals(tail_lanes_);
        const double rounding = std::ldexp(1.0, -53) * (6.0 * static_cast<double>(s_->size()) + 200.0);
        std::vector<double> error(q.size());
        for (std::size_t y = 0; y < q.size(); ++y) {
            const double left_out = (first > 0 ? below_[y] : 0.0) + (last + 1 < table_.n_blocks() ? above_[y] : 0.0);
            // What is left out is widened by 1 % for the error of the law in its bounds. A bucket's probability is a difference of two
            // tails and carries the errors of both.
            const double by_law = Accuracy::tiny(q[y]) * (by_law_[y] + 2.0 * Accuracy{}.law_error() * q_of_tails[y]);
            error[y] = 1.01 * left_out + q[y] * rounding + by_law + (q[y] > 0.0 ? 1e-305 : 0.0);
        }
        return error;
    }

    BucketTable& table_;
    const LeafLoops& leaf_;
    std::shared_ptr<BucketTable::Cells> cells_;
    NodeLaw low_, high_;
    std::int64_t nodes_of_ = -1;

    const std::vector<double>* s_ = nullptr;
    const std::vector<std::int32_t>* list_ = nullptr;
    const BoundedContest* bounded_ = nullptr;
    int n_lists_ = 0;
    std::int64_t stride_ = 0;
    std::vector<std::size_t> count_;
    double start_ = 0.0;
    std::vector<const Cell*> chosen_cells_;
    std::vector<double> chosen_x_;
    std::vector<std::int32_t> chosen_list_;
    std::vector<std::int64_t> chosen_laws_;  // row whose law is evaluated directly, or -1
    std::vector<BucketLaw> laws_;
    std::vector<double> below_rows_, saved_, checkpoints_, before_, after_, work_, lanes_, tail_lanes_, above_, below_, by_law_;
};

}  // namespace knn_cert
