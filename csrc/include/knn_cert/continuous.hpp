// continuous.hpp: race and vote of the continuous smoothed K-NN classifier. No Python, no threads.
//
// q(y) = int density of "the K-th nearest row is at t and y wins" dt (DESIGN section 2), by the trapezoid rule in u
// (quadrature.hpp). Which nodes are needed is decided by proven bounds. For coarse nodes u_j (step 1/2) let
//     T_y = P(N_y >= least_y),  H_y = P(N_y < degree_y),  O_y = P(others hold at most rest_y),  S = P(contest still open).
// y wins with the K-th row in (u_j, u_{j+1}] only if N_y(u_{j+1}) >= least_y while at u_j neither is its own count complete
// nor do the others hold too much: at most O_y(u_j) min(T_y(u_{j+1}), H_y(u_j)), since classes are independent; and only if the
// contest is open at u_j and closed at u_{j+1}. A cell whose
// bound is negligible against q(y) for every y is left out, wherever it lies, and the bounds left out are part of the error.
#pragma once

#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

#include "contest.hpp"
#include "law_table.hpp"

namespace knn_cert {

class ContinuousSolver {
public:
    ContinuousSolver(double dof, const LeafLoops& leaf) : dof_(dof), leaf_(leaf) {}

    Outcome solve(const Lists& lists, const BoundedContest& bounded) {
        table_ = LawTable::shared(dof_);
        lists_ = &lists;
        bounded_ = &bounded;
        n_lists_ = bounded.contest.n_lists;
        stride_ = static_cast<std::int64_t>(kLanes) * bounded.max_degree();
        const double start = position_of(starting_radius());
        one_by_one_ = n_rows() <= kFewRows || start > kLastTabledRadius - 200.0;
        place_rows();
        G_.resize(static_cast<std::size_t>(n_lists_ * stride_));
        A_.resize(G_.size());
        work_.resize(static_cast<std::size_t>(winner_work_size(bounded.contest)));
        lanes_.assign(static_cast<std::size_t>(n_lists_) * kLanes, 0.0);
        coarse_.clear();
        cell_done_.clear();

        first_block_ = static_cast<std::int64_t>(std::floor(start / (kLanes * 0.5)));
        coarse_.resize(1);
        coarse_[0] = coarse_block(first_block_);
        cell_done_.assign(kLanes, 0);

        std::vector<double> q(static_cast<std::size_t>(n_lists_), 0.0);
        std::vector<double> target(q.size(), kFirstTarget);
        extend(target);
        int level = first_level();
        for (bool again = true; again;) {
            again = work_out_cells(level, target);
            q = totals();
            for (std::size_t y = 0; y < q.size(); ++y) target[y] = std::max(kRelativeTarget * q[y], kFloor);
            again = extend(target) || again;
        }
        std::vector<double> ripple = step_ripple(q);
        while (*std::max_element(ripple.begin(), ripple.end()) > kLargestRipple && level < kLastLevel) {
            ++level;  // twice the nodes: everything that was worked out is worked out anew
            std::fill(lanes_.begin(), lanes_.end(), 0.0);
            const std::vector<char> done = cell_done_;
            for (std::size_t j = 0; j < done.size(); ++j)
                if (done[j]) work_out_cell(static_cast<std::int64_t>(j), level);
            q = totals();
            ripple = step_ripple(q);
        }
        return {q, errors(q, ripple)};
    }

private:
    // Cells with bounds below this are left out at first, when nothing is known about q.
    static constexpr double kFirstTarget = 1e-16;
    // Left out in the end: this share of each q(y), or this much.
    static constexpr double kRelativeTarget = 1e-14;
    static constexpr double kFloor = 1e-300;
    // The largest relative error that the trapezoid rule of four times the step may have; that of the step is its fourth power.
    static constexpr double kLargestRipple = 1.5e-3;
    static constexpr std::size_t kFewRows = 48;  // up to here rows are evaluated one by one, without tables
    static constexpr double kSkip = 1e-15;  // relative change by the rows left out of a tally
    static constexpr double kLawError = 1e-12;   // relative error of F, U, f: measured below 4e-13 (tests)

    struct CoarseNode {
        std::vector<double> T, H, O;  // per list
        double open = 0.0, closed = 0.0;  // S, and P(contest closed)
        double mean = 0.0;            // expected number of rows within
    };
    using CoarseBlock = std::vector<CoarseNode>;

    // ------------------------------------------------------------------------------------------------ rows in a block

    std::size_t n_rows() const {
        std::size_t n = 0;
        for (const std::vector<double>& s : lists_->s) n += s.size();
        return n;
    }

    struct PlacedRows {
        std::vector<double> s;            // one by one: sorted
        std::vector<std::int32_t> cell;   // else: the cell and the place in it
        std::vector<double> x;
    };

    // Rows by increasing cell, or fully sorted where they are evaluated one by one.
    void place_rows() {
        n_rows_ = n_rows();
        placed_.resize(static_cast<std::size_t>(n_lists_));
        for (int c = 0; c < n_lists_; ++c) {
            const std::vector<double>& s = lists_->s[static_cast<std::size_t>(c)];
            PlacedRows& placed = placed_[static_cast<std::size_t>(c)];
            placed.cell.resize(s.size());
            placed.x.resize(s.size());
            if (one_by_one_) {
                placed.s = s;
                std::sort(placed.s.begin(), placed.s.end());
                continue;
            }
            const auto cell_of = [](double value) {  // beyond the last cell that any block has, all in one
                return static_cast<std::size_t>(std::min(value, kLastTabledRadius + 41.0) * kCellsPerUnit);
            };
            std::size_t n_cells = 0;
            for (const double value : s) n_cells = std::max(n_cells, cell_of(value) + 1);
            starts_.assign(n_cells + 1, 0);
            for (const double value : s) ++starts_[cell_of(value) + 1];
            for (std::size_t i = 0; i < n_cells; ++i) starts_[i + 1] += starts_[i];
            for (const double value : s) {
                const std::size_t cell = cell_of(value), to = static_cast<std::size_t>(starts_[cell]++);
                placed.cell[to] = static_cast<std::int32_t>(cell);
                placed.x[to] = 2.0 * (value * kCellsPerUnit - static_cast<double>(cell)) - 1.0;
            }
        }
    }

    // Adds the rows of list c to the task. Rows that are left out are so far that with D = degree, w = F/U and the D-th row's
    // w_D the elementary symmetric sums e_1 .. e_D change by less than a relative D sum(w left out) / w_D <= kSkip:
    // every product of fewer than D factors can be continued by one of the D nearest rows.
    void tally_list(const NodeBlock& block, int c, TallyTask& task) {
        const PlacedRows& placed = placed_[static_cast<std::size_t>(c)];
        const std::size_t n = lists_->s[static_cast<std::size_t>(c)].size();
        const std::size_t dth = static_cast<std::size_t>(task.degree) - 1;
        task.cells = nullptr;
        task.values = nullptr;
        if (one_by_one_) {
            const std::vector<double>& s = placed.s;
            use_nodes(block);
            values_.clear();
            double reference = 0.0;
            std::size_t i = 0;
            for (; i < n; ++i) {
                double at[3 * kLanes];
                law_.evaluate(s[i], at, at + kLanes, at + 2 * kLanes);
                const double F = at[kLanes - 1];
                if (F == 0.0 || (i > dth && F <= reference)) break;
                values_.insert(values_.end(), at, at + 3 * kLanes);
                if (i == dth) reference = F * kSkip / (static_cast<double>(n) * task.degree);
            }
            task.values = values_.data();
            task.n_rows = static_cast<std::int64_t>(i);
        } else {
            CellRow& row = table_->row(block);
            const std::vector<std::int32_t>& cell_of = placed.cell;
            pointers_.resize(n);
            const Cell* cell = nullptr;
            std::int32_t last = -1;
            double reference = 0.0;
            std::size_t i = 0;
            for (; i < n; ++i) {
                if (cell_of[i] != last) {
                    last = cell_of[i];
                    if (static_cast<std::size_t>(last) >= row.size()) break;
                    cell = row_cell(block, row, static_cast<std::size_t>(last));
                    if (cell->kind == CellKind::outside || (i > dth && cell->cdf_left <= reference)) break;
                }
                if (i == dth) reference = cell->cdf_right * kSkip / (static_cast<double>(n) * task.degree);
                pointers_[i] = cell;
            }
            task.cells = pointers_.data();
            task.x = placed.x.data();
            task.n_rows = static_cast<std::int64_t>(i);
        }
        leaf_.tally(task);
    }

    const Cell* row_cell(const NodeBlock& block, CellRow& row, std::size_t index) {
        return table_->cell(row, index, [&]() -> NodeLaw& {
            use_nodes(block);
            return law_;
        });
    }

    void use_nodes(const NodeBlock& block) {
        if (block.level == law_block_.level && block.index == law_block_.index) return;
        double t[kLanes];
        block.radii(t);
        law_.set_nodes(dof_, t, leaf_);
        law_block_ = block;
    }

    // ---------------------------------------------------------------------------------------------------- coarse nodes

    CoarseBlock coarse_block(std::int64_t index) {
        const NodeBlock block{kCoarseLevel, index};
        const Contest& contest = bounded_->contest;
        std::fill(G_.begin(), G_.end(), 0.0);
        std::vector<double> T(static_cast<std::size_t>(n_lists_) * kLanes, 0.0);
        double mean[kLanes] = {};
        for (int c = 0; c < n_lists_; ++c) {
            double* const G = G_.data() + c * stride_;
            for (int lane = 0; lane < kLanes; ++lane) G[lane] = 1.0;
            TallyTask task{};
            task.degree = contest.degree_of(c);
            task.G = G;
            task.T = T.data() + c * kLanes;
            task.mean = mean;
            tally_list(block, c, task);
        }
        std::vector<double> O(static_cast<std::size_t>(n_lists_ + 2) * kLanes);
        leaf_.standings(contest, G_.data(), T.data(), stride_, bounded_->rest.data(), work_.data(), O.data());
        CoarseBlock nodes(kLanes);
        for (int lane = 0; lane < kLanes; ++lane) {
            CoarseNode& node = nodes[static_cast<std::size_t>(lane)];
            node.mean = mean[lane];
            node.open = std::min(1.0, O[static_cast<std::size_t>(n_lists_ * kLanes + lane)]);
            node.closed = std::min(1.0, O[static_cast<std::size_t>((n_lists_ + 1) * kLanes + lane)]);
            for (int c = 0; c < n_lists_; ++c) {
                const double* const G = G_.data() + c * stride_ + lane;
                double least = T[static_cast<std::size_t>(c * kLanes + lane)], open = 0.0;
                const int degree = contest.degree_of(c);
                for (int k = degree - 1; k >= bounded_->least[static_cast<std::size_t>(c)]; --k) least += G[k * kLanes];
                for (int k = degree - 1; k >= 0; --k) open += G[k * kLanes];
                node.T.push_back(std::min(1.0, least));
                node.H.push_back(std::min(1.0, open));
                node.O.push_back(std::min(1.0, O[static_cast<std::size_t>(c * kLanes + lane)]));
            }
        }
        return nodes;
    }

    std::int64_t n_nodes() const { return static_cast<std::int64_t>(coarse_.size()) * kLanes; }
    const CoarseNode& node(std::int64_t j) const {
        return coarse_[static_cast<std::size_t>(j / kLanes)][static_cast<std::size_t>(j % kLanes)];
    }

    double bound(std::int64_t j, std::size_t y) const {
        const double own = node(j).O[y] * std::min(node(j + 1).T[y], node(j).H[y]);
        return std::min({own, node(j).open, node(j + 1).closed});
    }
    double bound_above(std::size_t y) const {
        const CoarseNode& last = node(n_nodes() - 1);
        return possible(y) ? std::min(last.O[y] * last.H[y], last.open) : 0.0;
    }
    double bound_below(std::size_t y) const { return std::min(node(0).T[y], node(0).closed); }
    // a list with too few rows never wins: probability zero, no error
    bool possible(std::size_t y) const {
        return lists_->s[y].size() >= static_cast<std::size_t>(bounded_->least[y]);
    }

    // Adds coarse blocks until what lies beyond them is below target for every list. True if any was added.
    bool extend(const std::vector<double>& target) {
        bool added = false;
        for (bool more = true; more;) {
            bool above = false, below = false;
            for (std::size_t y = 0; y < target.size(); ++y) {
                above = above || bound_above(y) > target[y];
                below = below || bound_below(y) > target[y];
            }
            if (above) {
                coarse_.push_back(coarse_block(first_block_ + static_cast<std::int64_t>(coarse_.size())));
                cell_done_.insert(cell_done_.end(), kLanes, 0);
            }
            if (below) {
                --first_block_;
                coarse_.insert(coarse_.begin(), coarse_block(first_block_));
                cell_done_.insert(cell_done_.begin(), kLanes, 0);
            }
            more = above || below;
            added = added || more;
            if (coarse_.size() > 2000) throw NotComputable("the window of the integral does not close; please report this table");
        }
        return added;
    }

    // -------------------------------------------------------------------------------------------------------- fine nodes

    // Cell j lies between coarse nodes j and j + 1.
    void work_out_cell(std::int64_t j, int level) {
        const std::int64_t per_cell = std::int64_t{1} << (level - kFirstLevel);
        const std::int64_t cell = first_block_ * kLanes + j;
        for (std::int64_t b = 0; b < per_cell; ++b) {
            const NodeBlock block{level, cell * per_cell + b};
            std::fill(G_.begin(), G_.end(), 0.0);
            std::fill(A_.begin(), A_.end(), 0.0);
            for (int c = 0; c < n_lists_; ++c) {
                TallyTask task{};
                task.degree = bounded_->contest.degree_of(c);
                task.G = G_.data() + c * stride_;
                task.A = A_.data() + c * stride_;
                for (int lane = 0; lane < kLanes; ++lane) task.G[lane] = 1.0;
                tally_list(block, c, task);
            }
            double weight[kLanes];
            block.weights(weight);
            leaf_.combine(bounded_->contest, G_.data(), A_.data(), stride_, weight, work_.data(), lanes_.data());
        }
        cell_done_[static_cast<std::size_t>(j)] = 1;
    }

    bool work_out_cells(int level, const std::vector<double>& target) {
        bool any = false;
        for (std::int64_t j = 0; j + 1 < n_nodes(); ++j) {
            if (cell_done_[static_cast<std::size_t>(j)]) continue;
            bool wanted = false;
            for (std::size_t y = 0; y < target.size(); ++y) wanted = wanted || bound(j, y) > target[y] / 64.0;
            if (!wanted) continue;
            work_out_cell(j, level);
            any = true;
        }
        return any;
    }

    std::vector<double> totals() const {
        std::vector<double> q(static_cast<std::size_t>(n_lists_));
        for (std::size_t y = 0; y < q.size(); ++y) {
            const double* const v = lanes_.data() + y * kLanes;
            q[y] = ((v[0] + v[2]) + (v[4] + v[6])) + ((v[1] + v[3]) + (v[5] + v[7]));
        }
        return q;
    }

    // Relative error of the trapezoid rule of step 4h, per list. The sum over every fourth node from node r on, times 4, is
    // q + c cos(pi r / 2 + angle) + terms of half the period; the differences of opposite sums give both components of c,
    // whatever the angle. (The even sum less the odd one shows only one component of the error at 2h, which may vanish by
    // accident.) The Fourier transform of the integrand falls at least exponentially: the error at step h is at most c^4.
    std::vector<double> step_ripple(const std::vector<double>& q) const {
        std::vector<double> ripple(q.size(), 0.0);
        for (std::size_t y = 0; y < q.size(); ++y) {
            const double* const v = lanes_.data() + y * kLanes;
            if (q[y] > 1e-290)
                ripple[y] = 2.0 * std::hypot((v[0] + v[4]) - (v[2] + v[6]), (v[1] + v[5]) - (v[3] + v[7])) / q[y];
        }
        return ripple;
    }

    // ------------------------------------------------------------------------------------------------------------ choices

    double starting_radius() const {
        std::vector<double> all;
        int k = bounded_->contest.n_neighbors;
        if (bounded_->contest.race) k = bounded_->contest.degree[0] + bounded_->contest.degree[1] - 1;
        for (int c = 0; c < n_lists_; ++c) {
            const std::vector<double>& s = lists_->s[static_cast<std::size_t>(c)];
            all.insert(all.end(), s.begin(), s.end());
        }
        const std::size_t at = std::min<std::size_t>(static_cast<std::size_t>(k), all.size()) - 1;
        std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(at), all.end());
        check_scale(all[at]);
        return std::sqrt(all[at] * all[at] + dof_);
    }

    // The step at which the K-th arrival, at the growth rate of the expected count there, should pass the check above.
    int first_level() const {
        const double k = bounded_->contest.race ? bounded_->contest.degree[0] + bounded_->contest.degree[1] - 1
                                                : bounded_->contest.n_neighbors;
        double slope = 1.0;
        for (std::int64_t j = 0; j + 1 < n_nodes(); ++j)
            if (node(j).mean > 0.0 && node(j).mean <= 2.0 * k && node(j + 1).mean >= 0.5 * k)
                slope = std::max(slope, 2.0 * std::log(std::min(node(j + 1).mean, 4.0 * k) / node(j).mean));
        int level = kFirstLevel;
        while (level < kLastLevel &&
               log_trapezoid_error(k, 6.28318530717958647692 * std::ldexp(1.0, level - 2) / slope) > std::log(0.5 * kLargestRipple))
            ++level;
        return level;
    }

    std::vector<double> errors(const std::vector<double>& q, const std::vector<double>& ripple) const {
        double total = 0.0;
        for (const double value : q) total += value;
        if (std::fabs(total - 1.0) > 1e-9 && complete())
            throw NotComputable("the class probabilities add up to " + std::to_string(total) +
                                ", not to 1 within 1e-9: no certificate is issued; please report this table");
        std::vector<double> error(q.size());
        const double unit = std::ldexp(1.0, -53);
        const double degree = static_cast<double>(bounded_->max_degree());
        const double rounding = unit * (6.0 * static_cast<double>(n_rows_) + 200.0) + (4.0 * degree + 4.0) * kLawError;
        for (std::size_t y = 0; y < q.size(); ++y) {
            double left_out = bound_above(y) + bound_below(y);
            for (std::int64_t j = 0; j + 1 < n_nodes(); ++j)
                if (!cell_done_[static_cast<std::size_t>(j)]) left_out += bound(j, y);
            error[y] = possible(y) ? left_out + q[y] * (rounding + std::pow(ripple[y], 4)) + 1e-305 : 0.0;
        }
        return error;
    }

    // Whether one of the lists wins for certain (a race of lists that are both too short has no winner).
    bool complete() const {
        if (!bounded_->contest.race) return true;
        return possible(0) || possible(1);
    }

    double dof_;
    const LeafLoops& leaf_;
    std::shared_ptr<LawTable> table_;
    NodeLaw law_;
    NodeBlock law_block_{-1000, 0};

    const Lists* lists_ = nullptr;
    const BoundedContest* bounded_ = nullptr;
    int n_lists_ = 0;
    std::int64_t stride_ = 0;
    std::size_t n_rows_ = 0;
    std::int64_t first_block_ = 0;
    std::vector<CoarseBlock> coarse_;
    std::vector<char> cell_done_;
    bool one_by_one_ = false;
    std::vector<PlacedRows> placed_;
    std::vector<std::int64_t> starts_;
    std::vector<double> G_, A_, work_, lanes_, values_;
    std::vector<const Cell*> pointers_;
};

}  // namespace knn_cert
