// continuous.hpp: the integral behind race and vote of the continuous smoothed K-NN classifier. No Python, no threads.
//
// q(y) = int density of "the K-th nearest row is at t and y wins" dt, by the trapezoid rule in u
// (quadrature.hpp). The trapezoid rule speaks of the sum over all nodes of the line, so that what counts is what the nodes left
// out would add. Write the integrand at t as sum over rows i of f_i P(i stands at t, K - 1 others within, y wins), and let
//     T_y = P(N_y >= min_own_y),  H_y = P(N_y < degree_y),  O_y = P(others hold at most max_others_y),
//     S = P(contest open),  C = P(closed).
// * Count i as within: f_i = (f_i / F_i) F_i, and each configuration with K rows within is met K times. So the integrand is at most
//   K max(f / F) P(K within, y wins), and with f / F <= d / t + s (from f(rt) / f(t) >= r^(d-1+st), r < 1: the logarithm of
//   L(z) = 0F1(; d/2; z^2/4) has a slope in [0, 1] for d >= 1) at most K (d / t + s) O_y T_y and K (d / t + s) C.
// * Count i as outside: f_i = (f_i / U_i) U_i. The integrand is at most sum(f / U) P(K - 1 within, y wins with i), and with
//   f / U <= t + 1 (f(t + w) / f(t) >= exp(-tw - w^2/2), and Mills' ratio is at least 2 / (t + sqrt(t^2 + 4))) at most
//   n (t + 1) O_y H_y and n (t + 1) S.
// In a cell from u_j to u_{j+1} = u_j + 1/2, T and C are largest at its end, H, O and S at its beginning, and step times dt/du
// adds up to min(1, t) / 2 at most. (Rows more than 40 beyond t have f < exp(-800): s <= t + 40.) Cells whose bound is negligible
// against q(y) for every y are left out, wherever they lie, and their bounds are part of the error.
#pragma once

#include <cmath>
#include <cstdlib>
#include <iomanip>
#include <limits>
#include <sstream>
#include <vector>

#include "contest.hpp"
#include "left_out.hpp"
#include "parallel.hpp"
#include "tallies.hpp"

namespace knn_cert {

// Contests that are decided within this, in units of sigma, share one integral; farther apart the window would not close.
constexpr double kOneWindow = 1000.0;

class ContinuousIntegral {
public:
    // Not settled where the tallies leave too much doubt: far rows are to be tallied one by one then.
    Outcome solve(Tallies& tallies, const Accuracy& accuracy = {}) {
        tallies_ = &tallies;
        accuracy_ = accuracy;
        lanes_.assign(tallies.n_outcomes() * kLanes, 0.0);
        doubt_.assign(tallies.n_outcomes(), 0.0);
        by_law_.assign(tallies.n_outcomes(), 0.0);
        coarse_.clear();
        first_block_ = static_cast<std::int64_t>(std::floor(position_of(tallies.start()) / (kLanes * 0.5)));
        coarse_.push_back(coarse_block(first_block_));
        cell_done_.assign(kLanes, 0);

        std::vector<double> q(tallies.n_outcomes(), 0.0);
        std::vector<double> target(q.size(), accuracy.first_target());
        extend(target);
        int level = first_level();
        for (bool again = true; again;) {
            again = work_out_cells(level, target);
            q = totals();
            for (std::size_t y = 0; y < q.size(); ++y) target[y] = std::max(accuracy.relative_target() * q[y], accuracy.floor());
            again = extend(target) || again;
        }
        if (!settled(q)) return {q, {}, false};
        std::vector<double> ripple = step_ripple(q);
        while (*std::max_element(ripple.begin(), ripple.end()) > accuracy.largest_ripple() && level < kLastLevel) {
            ++level;  // twice the nodes: everything that was worked out is worked out anew
            std::fill(lanes_.begin(), lanes_.end(), 0.0);
            std::fill(doubt_.begin(), doubt_.end(), 0.0);
            std::fill(by_law_.begin(), by_law_.end(), 0.0);
            const std::vector<char> done = cell_done_;
            for (std::size_t j = 0; j < done.size(); ++j)
                if (done[j]) work_out_cell(static_cast<std::int64_t>(j), level);
            q = totals();
            ripple = step_ripple(q);
        }
        if (!settled(q)) return {q, {}, false};
        return {q, errors(q, ripple)};
    }

private:
    // A block of coarse nodes is 4 units of u long. A contest is decided within some tens of units; contests share a window if they
    // are decided within kOneWindow, 250 blocks; and down to u = -2 log(1e300 n), 380 blocks for n = 1e9, a row can be
    // the nearest of all in one dimension. A window of more than twice all that does not close.
    static constexpr std::size_t kMostBlocks = 2000;
    // A cell is left out if it adds no more than this share of the target to any outcome. Bounds fall off so fast to either side that
    // few cells count; whatever they add up to is part of the error.
    static constexpr double kNegligibleCell = 1.0 / 16.0;

    // Bounds that cover the errors of rounding and of the law as well.
    CoarseBlock coarse_block(std::int64_t index) {
        heartbeat();
        const NodeBlock block{kCoarseLevel, index};
        CoarseBlock nodes = tallies_->coarse(block, accuracy_);
        block.radii(nodes.radius);
        const std::size_t per_member = tallies_->per_member() * kLanes;
        for (std::size_t i = 0; i < tallies_->n_members() * kLanes; ++i) {
            const double mean = std::min(nodes.mean[i], static_cast<double>(tallies_->n_all_rows()));
            const double grow = 1.0 + Accuracy::tiny(0.0) * accuracy_.by_law(tallies_->deciding_arrival(i / kLanes), mean) + rounding();
            const auto widen = [grow](double& p) { p = std::min(1.0, grow * p); };
            widen(nodes.open[i]), widen(nodes.closed[i]);
            for (std::size_t k = i / kLanes * per_member + i % kLanes; k < (i / kLanes + 1) * per_member; k += kLanes)
                widen(nodes.T[k]), widen(nodes.H[k]), widen(nodes.O[k]);
        }
        return nodes;
    }

    // A value at coarse node j, of outcome or member i.
    template <class Field>
    [[nodiscard]] double at(std::int64_t j, Field CoarseBlock::* field, std::size_t i) const {
        return (coarse_[static_cast<std::size_t>(j / kLanes)].*field)[i * kLanes + static_cast<std::size_t>(j % kLanes)];
    }
    [[nodiscard]] std::int64_t n_nodes() const { return static_cast<std::int64_t>(coarse_.size()) * kLanes; }
    [[nodiscard]] std::size_t member(std::size_t y) const { return y / tallies_->per_member(); }

    [[nodiscard]] double radius_at(std::int64_t j) const { return coarse_[static_cast<std::size_t>(j / kLanes)].radius[j % kLanes]; }
    [[nodiscard]] double n_rows() const { return static_cast<double>(tallies_->n_all_rows()); }

    // What the nodes between coarse nodes j and j + 1 can add to y.
    [[nodiscard]] double bound(std::int64_t j, std::size_t y) const {
        const double from = radius_at(j);
        const double to = radius_at(j + 1);
        const double d = tallies_->dof();
        const double inside = tallies_->deciding_arrival(member(y)) * (d / std::max(1.0, from) + std::min(1.0, to) * (to + 40.0));
        const double outside = n_rows() * (to + 1.0);
        const double own =
            at(j, &CoarseBlock::O, y) * std::min(inside * at(j + 1, &CoarseBlock::T, y), outside * at(j, &CoarseBlock::H, y));
        return 0.5 * std::min({own, outside * at(j, &CoarseBlock::open, member(y)), inside * at(j + 1, &CoarseBlock::closed, member(y))});
    }

    // What the nodes beyond the last one can add.
    [[nodiscard]] double bound_above(std::size_t y) const {
        if (!tallies_->possible(y)) return 0.0;
        const std::int64_t last = n_nodes() - 1;
        const double still = std::min(at(last, &CoarseBlock::O, y) * at(last, &CoarseBlock::H, y), at(last, &CoarseBlock::open, member(y)));
        return left_above(0.5 * static_cast<double>(first_block_ * kLanes + last), radius_at(last), tallies_->closing_distance(member(y)),
                          tallies_->dof(), n_rows(), tallies_->deciding_arrival(member(y)), still);
    }

    // What the nodes before the first one can add.
    [[nodiscard]] double bound_below(std::size_t y) const {
        const double some = std::min(at(0, &CoarseBlock::T, y), at(0, &CoarseBlock::closed, member(y)));
        return left_below(0.5 * static_cast<double>(first_block_ * kLanes), radius_at(0), tallies_->dof(), n_rows(),
                          tallies_->deciding_arrival(member(y)), some);
    }

    // Adds coarse blocks until what lies beyond them is below target for every list. True if any was added.
    bool extend(const std::vector<double>& target) {
        bool added = false;
        for (bool more = true; more;) {
            bool above = false;
            bool below = false;
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
            if (coarse_.size() > kMostBlocks) throw NotComputable("the window of the integral does not close; please report this table");
        }
        return added;
    }

    // Cell j lies between coarse nodes j and j + 1.
    void work_out_cell(std::int64_t j, int level) {
        const std::int64_t per_cell = std::int64_t{1} << (level - kFirstLevel);
        const std::int64_t cell = first_block_ * kLanes + j;
        before_ = totals();
        cell_doubt_.assign(before_.size(), 0.0);
        for (std::int64_t b = 0; b < per_cell; ++b) {
            heartbeat();
            const NodeBlock block{level, cell * per_cell + b};
            double weight[kLanes];
            block.weights(weight);
            tallies_->fine(block, accuracy_, weight, lanes_.data(), cell_doubt_.data());
        }
        // what the nodes should have added and what they have lie between 0 and the larger of the latter and the bound
        const std::vector<double> after = totals();
        for (std::size_t y = 0; y < after.size(); ++y) {
            const double added = after[y] - before_[y];
            if (!(cell_doubt_[y] <= 0.0)) doubt_[y] += std::min(std::max(bound(j, y), added), cell_doubt_[y]);
            const double mean = std::min(at(j + 1, &CoarseBlock::mean, member(y)), n_rows());
            by_law_[y] += added * accuracy_.by_law(tallies_->deciding_arrival(member(y)), mean);
        }
        cell_done_[static_cast<std::size_t>(j)] = 1;
    }

    bool work_out_cells(int level, const std::vector<double>& target) {
        bool any = false;
        for (std::int64_t j = 0; j + 1 < n_nodes(); ++j) {
            if (cell_done_[static_cast<std::size_t>(j)]) continue;
            bool wanted = false;
            for (std::size_t y = 0; y < target.size() && !wanted; ++y) wanted = bound(j, y) > kNegligibleCell * target[y];
            if (!wanted) continue;
            work_out_cell(j, level);
            any = true;
        }
        return any;
    }

    [[nodiscard]] std::vector<double> totals() const {
        std::vector<double> q(tallies_->n_outcomes());
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
    [[nodiscard]] std::vector<double> step_ripple(const std::vector<double>& q) const {
        std::vector<double> ripple(q.size(), 0.0);
        const double negligible = std::max(1e-290, 1e-2 * accuracy_.tolerance);
        for (std::size_t y = 0; y < q.size(); ++y) {
            const double* const v = lanes_.data() + y * kLanes;
            if (q[y] > negligible) ripple[y] = 2.0 * std::hypot((v[0] + v[4]) - (v[2] + v[6]), (v[1] + v[5]) - (v[3] + v[7])) / q[y];
        }
        return ripple;
    }

    [[nodiscard]] bool settled(const std::vector<double>& q) const {
        for (std::size_t y = 0; y < q.size(); ++y)
            if (!accuracy_.settled(q[y], doubt_[y], tallies_->max_degree())) return false;
        return true;
    }

    // The step at which the K-th arrival, at the growth rate of the expected count there, should pass the check above.
    [[nodiscard]] int first_level() const {
        int level = kFirstLevel;
        const double accepted = std::log(0.5 * accuracy_.largest_ripple());
        for (std::size_t member = 0; member < tallies_->n_members(); ++member) {
            const double k = tallies_->deciding_arrival(member);
            double slope = 1.0;
            for (std::int64_t j = 0; j + 1 < n_nodes(); ++j) {
                const double here = at(j, &CoarseBlock::mean, member);
                const double next = at(j + 1, &CoarseBlock::mean, member);
                if (here > 0.0 && here <= 2.0 * k && next >= 0.5 * k)
                    slope = std::max(slope, 2.0 * std::log(std::min(next, 4.0 * k) / here));
            }
            while (level < kLastLevel && log_trapezoid_error(k, 6.28318530717958647692 * std::ldexp(1.0, level - 2) / slope) > accepted)
                ++level;
        }
        return level;
    }

    // Relative, of sums of products of the law of all rows: three roundings a row for each of two polynomials, all terms positive.
    [[nodiscard]] double rounding() const { return std::ldexp(1.0, -53) * (6.0 * static_cast<double>(tallies_->n_rows()) + 200.0); }

    [[nodiscard]] std::vector<double> errors(const std::vector<double>& q, const std::vector<double>& ripple) const {
        check_totals(q);
        std::vector<double> error(q.size());
        // each list's polynomials by skip, the one with a row at the node by twice that
        const double relative = rounding() + 2.0 * (static_cast<double>(tallies_->per_member()) + 1.0) * accuracy_.skip();
        for (std::size_t y = 0; y < q.size(); ++y) {
            double left_out = bound_above(y) + bound_below(y);
            for (std::int64_t j = 0; j + 1 < n_nodes(); ++j)
                if (!cell_done_[static_cast<std::size_t>(j)]) left_out += bound(j, y);
            const double unseen = q[y] < 1e-2 * accuracy_.tolerance ? 1e-2 * accuracy_.tolerance : 0.0;  // its ripple
            const double by_law = Accuracy::tiny(q[y]) * by_law_[y];
            const double by_step = q[y] * std::pow(ripple[y], 4);
            error[y] = tallies_->possible(y) ? left_out + unseen + doubt_[y] + by_law + by_step + q[y] * relative + 1e-305 : 0.0;
        }
        return error;
    }

    // One of the lists wins for certain (a race of lists that are both too short has no winner). The limit is far above the errors of
    // all parts together, so that only a defect of the kernel goes beyond it; where the caller bears an error, above a hundred of those.
    void check_totals(const std::vector<double>& q) const {
        const std::size_t lists = tallies_->per_member();
        const double limit = std::max(1e-9, 100.0 * accuracy_.tolerance);
        for (std::size_t member = 0; member < tallies_->n_members(); ++member) {
            double total = 0.0;
            bool complete = false;
            for (std::size_t y = member * lists; y < (member + 1) * lists; ++y) {
                total += q[y];
                complete = complete || tallies_->possible(y);
            }
            if (complete && !(std::fabs(total - 1.0) <= limit)) throw_not_one(total, limit);
        }
    }

    static void throw_not_one(double total, double limit) {
        std::ostringstream message;
        message << "the class probabilities add up to " << std::setprecision(12) << total << ", not to 1 within " << limit
                << ": no certificate is issued; please report this table";
        throw NotComputable(message.str());
    }

    Tallies* tallies_ = nullptr;
    Accuracy accuracy_;
    std::int64_t first_block_ = 0;
    std::vector<CoarseBlock> coarse_;
    std::vector<char> cell_done_;
    std::vector<double> lanes_, doubt_, by_law_, cell_doubt_, before_;
};

}  // namespace knn_cert
