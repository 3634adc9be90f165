// continuous.hpp: the integral behind race and vote of the continuous smoothed K-NN classifier. No Python, no threads.
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
#include <string>
#include <vector>

#include "contest.hpp"
#include "parallel.hpp"
#include "tallies.hpp"

namespace knn_cert {

class ContinuousIntegral {
public:
    // Not settled where the tallies leave too much doubt: far rows are to be tallied one by one then.
    Outcome solve(Tallies& tallies, const Accuracy& accuracy = {}) {
        tallies_ = &tallies;
        accuracy_ = accuracy;
        lanes_.assign(tallies.n_outcomes() * kLanes, 0.0);
        doubt_.assign(tallies.n_outcomes(), 0.0);
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
    CoarseBlock coarse_block(std::int64_t index) {
        heartbeat();
        return tallies_->coarse({kCoarseLevel, index}, accuracy_);
    }

    // A value at coarse node j, of outcome or member i.
    template <class Field>
    double at(std::int64_t j, Field CoarseBlock::*field, std::size_t i) const {
        return (coarse_[static_cast<std::size_t>(j / kLanes)].*field)[i * kLanes + static_cast<std::size_t>(j % kLanes)];
    }
    std::int64_t n_nodes() const { return static_cast<std::int64_t>(coarse_.size()) * kLanes; }
    std::size_t member(std::size_t y) const { return y / tallies_->per_member(); }

    double bound(std::int64_t j, std::size_t y) const {
        const double own = at(j, &CoarseBlock::O, y) * std::min(at(j + 1, &CoarseBlock::T, y), at(j, &CoarseBlock::H, y));
        return std::min({own, at(j, &CoarseBlock::open, member(y)), at(j + 1, &CoarseBlock::closed, member(y))});
    }
    double bound_above(std::size_t y) const {
        const std::int64_t last = n_nodes() - 1;
        if (!tallies_->possible(y)) return 0.0;
        return std::min(at(last, &CoarseBlock::O, y) * at(last, &CoarseBlock::H, y), at(last, &CoarseBlock::open, member(y)));
    }
    double bound_below(std::size_t y) const {
        return std::min(at(0, &CoarseBlock::T, y), at(0, &CoarseBlock::closed, member(y)));
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
        // the truth and what has been added lie between 0 and the larger of the latter and the bound
        const std::vector<double> after = totals();
        for (std::size_t y = 0; y < after.size(); ++y)
            if (cell_doubt_[y] > 0.0) doubt_[y] += std::min(cell_doubt_[y], std::max(bound(j, y), after[y] - before_[y]));
        cell_done_[static_cast<std::size_t>(j)] = 1;
    }

    bool work_out_cells(int level, const std::vector<double>& target) {
        bool any = false;
        for (std::int64_t j = 0; j + 1 < n_nodes(); ++j) {
            if (cell_done_[static_cast<std::size_t>(j)]) continue;
            bool wanted = false;
            for (std::size_t y = 0; y < target.size() && !wanted; ++y) wanted = bound(j, y) > target[y] / 64.0;
            if (!wanted) continue;
            work_out_cell(j, level);
            any = true;
        }
        return any;
    }

    std::vector<double> totals() const {
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
    std::vector<double> step_ripple(const std::vector<double>& q) const {
        std::vector<double> ripple(q.size(), 0.0);
        const double negligible = std::max(1e-290, 1e-2 * accuracy_.tolerance);
        for (std::size_t y = 0; y < q.size(); ++y) {
            const double* const v = lanes_.data() + y * kLanes;
            if (q[y] > negligible)
                ripple[y] = 2.0 * std::hypot((v[0] + v[4]) - (v[2] + v[6]), (v[1] + v[5]) - (v[3] + v[7])) / q[y];
        }
        return ripple;
    }

    bool settled(const std::vector<double>& q) const {
        for (std::size_t y = 0; y < q.size(); ++y)
            if (!accuracy_.settled(q[y], doubt_[y], tallies_->max_degree())) return false;
        return true;
    }

    // The step at which the K-th arrival, at the growth rate of the expected count there, should pass the check above.
    int first_level() const {
        int level = kFirstLevel;
        const double accepted = std::log(0.5 * accuracy_.largest_ripple());
        for (std::size_t member = 0; member < tallies_->n_members(); ++member) {
            const double k = tallies_->deciding_arrival(member);
            double slope = 1.0;
            for (std::int64_t j = 0; j + 1 < n_nodes(); ++j) {
                const double here = at(j, &CoarseBlock::mean, member), next = at(j + 1, &CoarseBlock::mean, member);
                if (here > 0.0 && here <= 2.0 * k && next >= 0.5 * k)
                    slope = std::max(slope, 2.0 * std::log(std::min(next, 4.0 * k) / here));
            }
            while (level < kLastLevel && log_trapezoid_error(k, 6.28318530717958647692 * std::ldexp(1.0, level - 2) / slope) > accepted)
                ++level;
        }
        return level;
    }

    std::vector<double> errors(const std::vector<double>& q, const std::vector<double>& ripple) const {
        check_totals(q);
        std::vector<double> error(q.size());
        const double unit = std::ldexp(1.0, -53);
        const double degree = static_cast<double>(tallies_->max_degree());
        const double relative =
            unit * (6.0 * static_cast<double>(tallies_->n_rows()) + 200.0) + (4.0 * degree + 4.0) * accuracy_.law_error() + 4.0 * accuracy_.skip();
        for (std::size_t y = 0; y < q.size(); ++y) {
            double left_out = bound_above(y) + bound_below(y);
            for (std::int64_t j = 0; j + 1 < n_nodes(); ++j)
                if (!cell_done_[static_cast<std::size_t>(j)]) left_out += bound(j, y);
            const double unseen = q[y] < 1e-2 * accuracy_.tolerance ? 1e-2 * accuracy_.tolerance : 0.0;  // its ripple
            error[y] = tallies_->possible(y) ? left_out + unseen + doubt_[y] + q[y] * (relative + std::pow(ripple[y], 4)) + 1e-305 : 0.0;
        }
        return error;
    }

    // One of the lists wins for certain (a race of lists that are both too short has no winner).
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
            if (complete && !(std::fabs(total - 1.0) <= limit))
                throw NotComputable("the class probabilities add up to " + std::to_string(total) +
                                    ", not to 1 within 1e-9: no certificate is issued; please report this table");
        }
    }

    Tallies* tallies_ = nullptr;
    Accuracy accuracy_;
    std::int64_t first_block_ = 0;
    std::vector<CoarseBlock> coarse_;
    std::vector<char> cell_done_;
    std::vector<double> lanes_, doubt_, cell_doubt_, before_;
};

}  // namespace knn_cert
