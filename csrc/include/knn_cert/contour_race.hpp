// contour_race.hpp: a race of two lists by their contours: window, step, error. No Python, no threads.
//
// q(A) = int (density of the m_A-th row of A) P(B has fewer than m_B rows) dt, and likewise q(B), by the trapezoid rule in u on the
// nodes of quadrature.hpp. With many votes both integrands are bells: the width of a list's arrival is the standard deviation of its count over
// the slope of its mean, and the step a share of the width of both together. What the nodes left out could add is bounded as in
// continuous.hpp; the step's error is judged by sums over parts of the nodes.
#pragma once

#include <array>
#include <map>

#include "arrival.hpp"
#include "contest.hpp"
#include "contour.hpp"
#include "error_of_squares.hpp"
#include "left_out.hpp"
#include "parallel.hpp"
#include "tallies.hpp"

namespace knn_cert {

class ContourRace {
public:
    ContourRace(double dof, const LeafLoops& leaf) : law_(dof, leaf), contours_{Contour(law_, leaf), Contour(law_, leaf)} {}

    // Not settled where the contour cannot justify what it says: the recurrence is to be asked then. Both lists have m rows at least.
    // one_by_one: the same rows, for counts that vary little (contour.hpp); or nulls.
    Outcome solve(const std::array<const ContourRows*, 2>& rows, int m_a, int m_b, const Accuracy& accuracy, const SquareError& sq_error,
                  const std::array<PlacedRows*, 2>& one_by_one = {}) {
        law_.refresh();
        rows_ = rows;
        m_[0] = m_a;
        m_[1] = m_b;
        accuracy_ = accuracy;
        sq_error_ = sq_error;
        settings_ = ContourSettings::of(accuracy.tolerance);
        Outcome out;
        out.settled = false;
        for (std::size_t side = 0; side < 2; ++side) {
            contours_[side].set(*rows[side], m_[side], settings_, one_by_one[side]);
            arrival_[side] = Arrival(*rows[side], m_[side], law_.dof());
        }
        looks_.clear();
        const int level = first_level();
        rule_out(level);
        const double least = accuracy.tolerance >= 1e-4 ? kLeastDeviationIfRough : kLeastDeviation;
        for (std::size_t side = 0; side < 2; ++side) {
            if (!arrival_[side].within_reach && !ruled_out_[side]) return out;
            if (arrival_[side].within_reach && arrival_[side].deviation < least && !one_by_one[side]) return out;
        }
        for (std::size_t y = 0; y < 2; ++y)
            if (!ruled_out_[y] && !find_window(y, level)) return out;
        if (!share_nodes()) return out;
        for (std::size_t y = 0; y < 2; ++y)
            if (!integrate(y)) return out;
        return outcome();
    }

    // About where the race solved last is decided.
    [[nodiscard]] double start() const { return std::min(arrival_[0].t, arrival_[1].t); }

private:
    static constexpr int kMostHalvings = 2;
    static constexpr std::size_t kMostBlocks = 400;
    static constexpr std::int64_t kMostBetween = 16;  // blocks between two arrivals
    // With fewer standard deviations of the count the series is too long, for full accuracy and for little.
    static constexpr double kLeastDeviation = 3.5;
    static constexpr double kLeastDeviationIfRough = 2.4;
    // An outcome whose integrand is this much below the least probability that counts, as logarithms, is bounded only.
    static constexpr double kFarBelow = 60.0;

    struct Look {
        ListCircle circle[2];
        double log_mass[2];  // of the block's largest integrand, by outcome
        bool counted = false;
        double density[2][kLanes], density_error[2][kLanes], few[2][kLanes], many[2][kLanes], count_error[2][kLanes];
        double by_law[kLanes], by_distances[kLanes];
    };

    // A step to look at the integrands with, about twice the one that they need.
    [[nodiscard]] int first_level() const {
        const double joint = 1.0 / std::hypot(1.0 / arrival_[0].width, 1.0 / arrival_[1].width);
        const double in_u = joint / -std::expm1(-std::min(arrival_[0].t, arrival_[1].t));
        int level = kCoarseLevel;
        while (level < kLastLevel && std::ldexp(1.0, -level) > 1.5 * in_u) ++level;
        return level;
    }

    // Where the lists arrive so far apart that the later one cannot come first, its integrand has no window to be found.
    void rule_out(int level) {
        const std::size_t later = arrival_[0].t < arrival_[1].t ? 1 : 0;
        ruled_out_[0] = ruled_out_[1] = wanted_[0] = wanted_[1] = false;
        top_[0] = top_[1] = 0.0;
        level_[later] = level;
        const double apart = arrival_[later].t - arrival_[1 - later].t;
        constexpr double kHopeless = 37.0;  // standard deviations: exp(-37^2 / 2) is 1e-297
        if (apart > kHopeless * std::hypot(arrival_[0].width, arrival_[1].width)) ruled_out_[later] = negligible(later);
    }

    // ---- blocks

    using Place = std::pair<int, std::int64_t>;  // level and index of a block
    static NodeBlock block(const Place& place) { return {place.first, place.second}; }

    Look& look(int level, std::int64_t index) {
        const Place place{level, index};
        const auto after = looks_.lower_bound(place);
        if (after != looks_.end() && after->first == place) return after->second;
        const Look* near = nullptr;
        if (after != looks_.end() && after->first == Place{level, index + 1}) near = &after->second;
        if (after != looks_.begin() && std::prev(after)->first == Place{level, index - 1}) near = &std::prev(after)->second;
        return looks_.emplace(place, look_at(place, near)).first->second;
    }
    Look look_at(const Place& place, const Look* near) {
        heartbeat();
        Look fresh;
        for (std::size_t side = 0; side < 2; ++side)
            fresh.circle[side] = contours_[side].circle(block(place), near ? &near->circle[side] : nullptr);
        for (std::size_t y = 0; y < 2; ++y) {
            fresh.log_mass[y] = -1e300;
            for (int lane = 0; lane < kLanes; ++lane) fresh.log_mass[y] = std::max(fresh.log_mass[y], log_integrand(fresh, y, lane));
        }
        return fresh;
    }
    static double log_integrand(const Look& at, std::size_t y, int lane) {
        return at.circle[y].log_density(lane) + at.circle[1 - y].log_few(lane);
    }

    // Both lists counted at the nodes of a block.
    Look& counted(int level, std::int64_t index) {
        Look& at = look(level, index);
        if (!at.counted) count(at, {level, index});
        return at;
    }
    void count(Look& at, const Place& place) {
        heartbeat();
        bool important[kLanes] = {};
        bool any = false;
        for (int lane = 0; lane < kLanes; ++lane) {
            for (std::size_t y = 0; y < 2; ++y) important[lane] = important[lane] || log_integrand(at, y, lane) > top_[y] - settings_.drop;
            any = any || important[lane];
        }
        if (!any) std::fill_n(important, kLanes, true);
        ListCount lists[2];
        for (std::size_t side = 0; side < 2; ++side) lists[side] = contours_[side].count(block(place), at.circle[side], important);
        take_counts(at, block(place), lists);
        at.counted = true;
    }
    void take_counts(Look& at, const NodeBlock& nodes, const ListCount* lists) {
        for (std::size_t side = 0; side < 2; ++side) {
            std::copy_n(lists[side].density, kLanes, at.density[side]);
            std::copy_n(lists[side].density_error, kLanes, at.density_error[side]);
            std::copy_n(lists[side].few, kLanes, at.few[side]);
            std::copy_n(lists[side].many, kLanes, at.many[side]);
            std::copy_n(lists[side].count_error, kLanes, at.count_error[side]);
        }
        const double spread = std::max(lists[0].spread, lists[1].spread);
        for (int lane = 0; lane < kLanes; ++lane) {
            const double mean = std::max(0.0, lists[0].mean[lane]) + std::max(0.0, lists[1].mean[lane]);
            at.by_law[lane] = std::expm1(spread * std::log1p(Accuracy{}.by_law(deciding_arrival(), mean)));  // the law is exact here
            at.by_distances[lane] = distance_error(nodes, lane, lists[0].hazard[lane] + lists[1].hazard[lane]);
        }
    }
    // A probability of a list with all its errors.
    static double up(const Look& at, const double* values, std::size_t side, int lane) {
        const double grow = 1.0 + Accuracy::tiny(0.0) * at.by_law[lane] + at.by_distances[lane];
        return std::min(1.0, grow * (values[lane] + at.count_error[side][lane]));
    }

    // The relative error of the integrand by that of the distances: contest_tallies.hpp, with the sum of h, which is the mean of A over G about
    // the saddle point, for the quotients of their coefficients; twice, as these may differ.
    [[nodiscard]] double distance_error(const NodeBlock& nodes, int lane, double hazard) const {
        if (!sq_error_.any()) return 0.0;
        const double t = radius_of(nodes.position(lane));
        return t < sq_error_.from ? 0.0 : std::expm1(std::min(60.0, effect_of_squares(sq_error_, law_.dof(), t, 2.0 * hazard)));
    }

    [[nodiscard]] double deciding_arrival() const { return m_[0] + m_[1] - 1.0; }
    [[nodiscard]] double n_rows() const { return rows_[0]->n_rows() + rows_[1]->n_rows(); }

    // ---- windows

    // The step of outcome y, at this level or beyond, and its blocks from the largest integrand on to both sides. False if it does not close.
    bool find_window(std::size_t y, int level) {
        // where the integrand of a normal arrival, with the other list still late, would be largest
        const Arrival& own = arrival_[y];
        const Arrival& other = arrival_[1 - y];
        double t = own.t;
        if (t > other.t) {
            const double a = 1.0 / (own.width * own.width);
            const double b = 1.0 / (other.width * other.width);
            t = (own.t * a + other.t * b) / (a + b);
        }
        for (level_[y] = level;; ++level_[y]) {
            first_[y] = last_[y] = static_cast<std::int64_t>(std::floor(position_of(t) / (kLanes * block({level_[y], 0}).step())));
            if (!close_window(y)) return false;
            wanted_[y] = top_[y] > std::log(accuracy_.floor()) - kFarBelow;
            if (!wanted_[y] || level_[y] == kLastLevel || !too_coarse(y)) return true;
        }
    }

    // Where the windows overlap, nodes of one step for both outcomes may be fewer than those of two. False if a window does not close.
    bool share_nodes() {
        const std::size_t y = level_[0] < level_[1] ? 0 : 1;  // the one with the larger step
        if (level_[0] == level_[1] || !wanted_[0] || !wanted_[1]) return true;
        const std::int64_t times = std::int64_t{1} << (level_[1 - y] - level_[y]);
        const std::int64_t first = times * first_[y];
        const std::int64_t last = times * (last_[y] + 1) - 1;
        const std::int64_t common = std::min(last, last_[1 - y]) - std::max(first, first_[1 - y]) + 1;
        if (last - first + 1 - std::max<std::int64_t>(0, common) >= last_[y] - first_[y] + 1) return true;
        return find_window(y, level_[1 - y]);
    }

    bool close_window(std::size_t y) {
        top_[y] = look(level_[y], first_[y]).log_mass[y];
        const auto negligible = [&](std::int64_t end, std::int64_t inner) {
            const double mass = look(level_[y], end).log_mass[y];
            top_[y] = std::max(top_[y], mass);
            return mass < top_[y] - settings_.drop && mass <= look(level_[y], inner).log_mass[y];
        };
        for (bool more = true; more;) {
            more = false;
            if (first_[y] == last_[y] || !negligible(first_[y], first_[y] + 1)) --first_[y], more = true;
            if (!negligible(last_[y], last_[y] - 1)) ++last_[y], more = true;
            if (looks_.size() > kMostBlocks) return false;
        }
        ++first_[y], --last_[y];  // those at the ends are negligible
        return true;
    }

    // Whether the step is larger than a share of the standard deviation of the integrand: a bell is above exp(-a) of its top on 2 sqrt(2 a)
    // standard deviations.
    [[nodiscard]] bool too_coarse(std::size_t y) {
        const double share = accuracy_.tolerance >= 1e-4 ? 0.85 : 0.5;
        double n = 1.0;
        for (std::int64_t index = first_[y]; index <= last_[y]; ++index)
            for (int lane = 0; lane < kLanes; ++lane)
                n += log_integrand(look(level_[y], index), y, lane) > top_[y] - settings_.drop ? 1.0 : 0.0;
        return 2.0 * std::sqrt(2.0 * settings_.drop) > share * n;
    }

    // False if the window does not close, or the sums do not settle.
    bool integrate(std::size_t y) {
        wanted_[y] = wanted_[y] || !(ruled_out_[y] || negligible(y));
        if (!wanted_[y]) return true;
        for (int halving = 0; halving <= kMostHalvings && level_[y] <= kLastLevel; ++halving) {
            if (!sum(y)) return false;
            if (step_suffices(y)) return true;
            if (!find_window(y, level_[y] + 1)) return false;
        }
        return false;
    }

    // The sum over the window, which grows until what lies beyond it is negligible.
    bool sum(std::size_t y) {
        for (;;) {
            std::fill_n(parts_[y], kLanes, 0.0);
            doubt_[y] = by_law_[y] = 0.0;
            for (std::int64_t index = first_[y]; index <= last_[y]; ++index) add(counted(level_[y], index), block({level_[y], index}), y);
            q_[y] = ((parts_[y][0] + parts_[y][2]) + (parts_[y][4] + parts_[y][6])) +
                    ((parts_[y][1] + parts_[y][3]) + (parts_[y][5] + parts_[y][7]));
            const double target = std::max(accuracy_.relative_target() * q_[y], accuracy_.floor());
            const double above = beyond_window(y, true);
            const double below = beyond_window(y, false);
            left_out_[y] = above + below;
            if (above <= target && below <= target) return true;
            if (above > target) ++last_[y];
            if (below > target) --first_[y];
            if (looks_.size() > kMostBlocks) return false;
        }
    }

    void add(const Look& at, const NodeBlock& nodes, std::size_t y) {
        double weight[kLanes];
        nodes.weights(weight);
        for (int lane = 0; lane < kLanes; ++lane) {
            const double a = at.density[y][lane];
            const double H = at.few[1 - y][lane];
            const double mass = weight[lane] * a * H;
            const double error =
                weight[lane] * (a * at.count_error[1 - y][lane] + at.density_error[y][lane] * (H + at.count_error[1 - y][lane]));
            parts_[y][lane] += mass;
            doubt_[y] += error + (mass + error) * at.by_distances[lane];
            by_law_[y] += mass * at.by_law[lane];
        }
    }

    // What the nodes beyond an end of the window can add to y.
    double beyond_window(std::size_t y, bool above) {
        const std::int64_t index = above ? last_[y] : first_[y];
        const int lane = above ? kLanes - 1 : 0;
        const Look& at = counted(level_[y], index);
        const double u = block({level_[y], index}).position(lane);
        const double t = radius_of(u);
        if (!above) return left_below(u, t, law_.dof(), n_rows(), deciding_arrival(), up(at, at.many[y], y, lane));
        const double s = std::min(rows_[0]->within(m_[0]), rows_[1]->within(m_[1]));
        return left_above(u, t, s, law_.dof(), n_rows(), deciding_arrival(), up(at, at.few[0], 0, lane) * up(at, at.few[1], 1, lane));
    }

    // For outcome y list y must be complete while the other one is not: with any radii t_0 < t_1 < ... that is at most P(y complete at t_0) +
    // sum P(other incomplete at t_j) P(y complete at t_{j+1}) + P(other incomplete at the last one). Those of one block between the
    // arrivals may do, else those of some blocks between them. False if what Chernoff's bounds say is not negligible.
    bool negligible(std::size_t y) {
        int level = level_[y];
        const double from = position_of(std::min(arrival_[y].t, arrival_[1 - y].t));
        const double to = position_of(std::max(arrival_[y].t, arrival_[1 - y].t));
        while (level > kCoarseLevel && to - from > 2.0 * kLanes * block({level, 0}).step()) --level;
        const double length = kLanes * block({level, 0}).step();
        const auto first = static_cast<std::int64_t>(std::floor(from / length));
        const auto last = static_cast<std::int64_t>(std::floor(to / length));
        const double total = arrival_[0].width + arrival_[1].width;
        const auto middle = static_cast<std::int64_t>(std::floor((from + (to - from) * arrival_[1 - y].width / total) / length));
        std::fill_n(parts_[y], kLanes, 0.0);
        q_[y] = by_law_[y] = doubt_[y] = 0.0;
        left_out_[y] = bound_between(y, level, middle, middle, 1);
        const std::int64_t stride = 1 + (last - first) / kMostBetween;
        if (left_out_[y] > accuracy_.floor() && last > first) left_out_[y] = bound_between(y, level, first, last, stride);
        return left_out_[y] <= accuracy_.floor();
    }
    double bound_between(std::size_t y, int level, std::int64_t first, std::int64_t last, std::int64_t stride) {
        double bound = 0.0;
        double incomplete = 1.0;
        for (std::int64_t index = first; index <= last; index += stride) {
            Look at = look_at({level, index}, nullptr);
            ListCount lists[2];
            for (std::size_t side = 0; side < 2; ++side) lists[side] = contours_[side].bounds(block({level, index}), at.circle[side]);
            take_counts(at, block({level, index}), lists);
            for (int lane = 0; lane < kLanes; ++lane) {
                bound += incomplete * up(at, at.many[y], y, lane);
                incomplete = up(at, at.few[1 - y], 1 - y, lane);
            }
        }
        return bound + incomplete;
    }

    // ---- errors

    // Relative error of the trapezoid rule.
    [[nodiscard]] double step_error(std::size_t y) const {
        if (!wanted_[y] || q_[y] <= std::max(1e-290, 1e-2 * accuracy_.tolerance)) return 0.0;
        return trapezoid_error(parts_[y], q_[y]);
    }
    [[nodiscard]] bool step_suffices(std::size_t y) const { return step_error(y) <= std::max(3e-12, 0.1 * accuracy_.tolerance); }

    [[nodiscard]] Outcome outcome() const {
        Outcome out;
        out.settled = true;
        double total_error = 0.0;
        const int degree = static_cast<int>(std::max(m_[0], m_[1]));
        for (std::size_t y = 0; y < 2; ++y) {
            const double unseen = q_[y] < 1e-2 * accuracy_.tolerance ? 1e-2 * accuracy_.tolerance : 0.0;
            const double rounding = std::ldexp(64.0, -53) * q_[y];
            const double numerical = left_out_[y] + doubt_[y];
            const double error = numerical + Accuracy::tiny(q_[y]) * by_law_[y] + q_[y] * step_error(y) + unseen + rounding + 1e-305;
            const bool good = std::isfinite(q_[y]) && std::isfinite(error) &&
                              (numerical <= 2.0 * accuracy_.floor() || accuracy_.settled(q_[y], numerical, degree));
            out.settled = out.settled && good;
            out.probability.push_back(std::clamp(q_[y], 0.0, 1.0));
            out.error.push_back(error);
            total_error += error;
        }
        // one of them comes first: what does not add up to one within its own errors is no answer
        if (!(std::fabs(q_[0] + q_[1] - 1.0) <= total_error)) out.settled = false;
        return out;
    }

    BlockLaw law_;
    std::array<Contour, 2> contours_;
    std::array<const ContourRows*, 2> rows_{};
    double m_[2] = {1.0, 1.0};
    Accuracy accuracy_;
    SquareError sq_error_;
    ContourSettings settings_;
    Arrival arrival_[2];
    int level_[2] = {};
    std::map<Place, Look> looks_;
    std::int64_t first_[2] = {}, last_[2] = {};
    double top_[2] = {};
    bool wanted_[2] = {}, ruled_out_[2] = {};
    double parts_[2][kLanes] = {}, q_[2] = {}, doubt_[2] = {}, by_law_[2] = {}, left_out_[2] = {};
};

}  // namespace knn_cert
