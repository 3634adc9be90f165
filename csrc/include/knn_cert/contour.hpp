// contour.hpp: the count of one list of rows at a block of nodes, for any number of rows wanted: one coefficient of its generating
// function by a contour through the saddle point. No Python, no threads.
//
// With p_i = F_i rho / (U_i + F_i rho), h_i = f_i / (U_i + F_i rho), x_i = 2 p_i - 1 and z = rho e^{i theta},
//     G(z) = prod (U_i + F_i z) = G(rho) prod (1 - p_i + p_i e^{i theta}),   A(z) = G(z) sum h_i / (1 - p_i + p_i e^{i theta}).
// rho solves sum p_i = m - 1/2 about: there the integrands fall off as exp(-V theta^2 / 2), V = sum p_i (1 - p_i). With
// q = tan(theta / 4), and T_k the Chebyshev polynomials,
//     log(1 - p + p e^{i theta}) = i theta / 2 - log(1 + q^2) + 2 sum_{k >= 1} (-1)^{k+1} (i q)^k / k T_k(x),
//     1 / (1 - p + p e^{i theta}) = e^{-i theta / 2} (1 + 2 sum_{k >= 1} (-i q)^k T_k(x)),
// so that sums of T_k(x_i) and h_i T_k(x_i), which are real, give all angles; a row with p = 0 takes T_k(-1) off and adds nothing.
//
// With N angles at midpoints, theta_j = (j + 1/2) 2 pi / N, the mean of G(z) z^{1-m} / (1 - z) is, for rho < 1,
//     sum_l (-1)^l P(count <= m - 1 + l N) rho^{l N},   so that   P(count < m) = mean + c / (1 + c) + aliases,  c = rho^N,
// and for rho >= 1  P(count >= m) = -mean + c / (1 + c) + aliases,  c = rho^-N: no pole at rho = 1, and the small tail is had
// by itself. The aliases are rho^{l N} P(count >= m + l N) and rho^{-l N} P(count <= m - 1 - l N), l >= 1. Deep in a tail, where those are
// nearly c^l, c is not added and the terms of the mean itself are what it has too much.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "contour_counts.hpp"
#include "contour_error.hpp"
#include "contour_rows.hpp"
#include "placed_rows.hpp"

namespace knn_cert {

class Contour {
public:
    Contour(BlockLaw& law, const LeafLoops& leaf) : law_(law), leaf_(leaf) {}

    // The m-th row of a list. The rows must stay where they are. one_by_one: the same rows once more, for nodes at which the count varies
    // too little for the series; or null.
    void set(const ContourRows& rows, double m, const ContourSettings& settings, PlacedRows* one_by_one = nullptr) {
        rows_ = &rows;
        m_ = m;
        settings_ = settings;
        one_by_one_ = one_by_one;
    }

    // near: of a block nearby, or nothing
    ListCircle circle(const NodeBlock& block, const ListCircle* near) {
        select(block, 1e-35, 1e-35);
        ListCircle out;
        out.wanted = m_;
        if (near) std::copy_n(near->log_rho, kLanes, out.log_rho);
        CircleTask task{};
        task.pieces = points_.data();
        task.weights = first_ < last_ ? rows_->circle_weights(first_) : nullptr;
        task.n_pieces = static_cast<std::int64_t>(points_.size());
        task.goal = m_ - 0.5 - inside_;
        task.log_rho = out.log_rho;
        task.deviation = out.deviation;
        task.log_g = out.log_g;
        task.hazard = out.hazard;
        task.mean = out.mean;
        leaf_.circle(task);
        for (int lane = 0; lane < kLanes; ++lane) {
            out.log_g[lane] += inside_ * out.log_rho[lane];
            out.mean[lane] += inside_;
        }
        return out;
    }

    // important: which nodes count most; the others may come out with larger errors
    ListCount count(const NodeBlock& block, const ListCircle& circle, const bool* important) {
        double log_rho[kLanes];
        double deviation[kLanes];
        std::copy_n(circle.log_rho, kLanes, log_rho);
        std::copy_n(circle.deviation, kLanes, deviation);
        for (int attempt = 0;; ++attempt) {
            select_by(block, log_rho);
            choose_angles(deviation, important);
            sum_over_points(log_rho);
            if (attempt == kMostCorrections || !correct(log_rho, deviation, important)) break;
        }
        if (one_by_one_ && !series_suffices(important)) return band(block, log_rho);
        return sum_over_angles(log_rho);
    }

    // Chernoff's bounds of the small tail and of the density alone, at a fraction of the price.
    ListCount bounds(const NodeBlock& block, const ListCircle& circle) {
        select_by(block, circle.log_rho);
        angles_.clear();
        n_terms_ = 6;
        sum_over_points(circle.log_rho);
        ListCount out;
        out.spread = spread();
        for (int lane = 0; lane < kLanes; ++lane) by_bounds(lane, circle.log_rho[lane], out);
        return out;
    }

private:
    static constexpr int kMostTerms = 48, kMostCorrections = 2;
    static constexpr double kPi = 3.14159265358979323846;
    // Below this variance the series says nothing: the bounds of Chernoff alone do.
    static constexpr double kLeastVariance = 1.0;

    void select_by(const NodeBlock& block, const double* log_rho) {
        const auto [least, most] = std::minmax_element(log_rho, log_rho + kLanes);
        select(block, settings_.negligible * std::exp(std::min(0.0, *least)), settings_.negligible * std::exp(-std::max(0.0, *most)));
    }
    // The pieces of which some rows may be outside, or some within: [first_, last_) of those of the list, with the law at their points. The
    // rows before them are within but for `outside`, the rows behind them outside but for `within`.
    void select(const NodeBlock& block, double outside, double within) {
        BlockRows& table = law_.rows(block);
        const double t = radius_of(block.position(0));
        largest_hazard_ = law_.dof() / t + t + block.step() * kLanes + 41.0;
        points_.clear();
        inside_ = 0.0;
        std::size_t i = 0;
        const double last = radius_of(block.position(kLanes - 1));
        const double log_within = within > 0.0 ? std::log(within / rows_->n_rows()) : -kInfinity;
        for (; i < rows_->size(); ++i) {
            if (rows_->piece(i) >= table.points.size()) break;
            const double left = static_cast<double>(rows_->piece(i)) / kPiecesPerUnit;
            if (LawReach(law_.dof(), left).log_lower(last) <= log_within) break;
            const double right = left + 1.0 / kPiecesPerUnit;
            if (points_.empty() && std::exp(LawReach(law_.dof(), right).log_upper(t)) * rows_->count(i) <= outside) {
                inside_ += rows_->count(i);
                continue;
            }
            const PointLaw* const points = law_.points(block, table, rows_->piece(i));
            if (points_.empty() && points->U[0][0] * rows_->count(i) <= outside) {
                inside_ += rows_->count(i);
                continue;
            }
            if (points->F[kMoments - 1][kLanes - 1] * rows_->n_rows() <= within) break;
            if (points_.empty()) first_ = i;
            points_.push_back(points);
        }
        if (points_.empty()) first_ = i;
        last_ = first_ + points_.size();
        active_ = magnitude_ = rounding_ = 0.0;
        for (i = first_; i < last_; ++i) {
            active_ += rows_->count(i);
            magnitude_ += *rows_->magnitude(i);
            rounding_ = std::max(rounding_, *rows_->rounding(i) / rows_->count(i));
        }
    }

    // The angles of all eight nodes, and the terms of the series, by the least and largest deviation.
    void choose_angles(const double* deviation, const bool* important) {
        double least = 1e300;
        double most = 1.0;
        for (int lane = 0; lane < kLanes; ++lane) {
            if (!important[lane]) continue;
            least = std::min(least, deviation[lane]);
            most = std::max(most, deviation[lane]);
        }
        least = std::clamp(least, 1.0, most);
        const double drop = settings_.drop;
        n_angles_ = 2.0 * std::ceil(0.5 * (std::sqrt(2.0 * drop) * most + 0.5 * drop + 2.0));
        angles_.clear();
        const double V = least * least;
        for (double j = 0.5; j < 0.5 * n_angles_; ++j) {
            const double theta = j * 2.0 * kPi / n_angles_;
            const double sine = std::sin(0.5 * theta);
            const double cosine = std::cos(0.5 * theta);
            angles_.push_back({theta, sine / (1.0 + cosine), sine, cosine, 0.0, 0.0});
            if (2.0 * V * sine * sine > drop + 2.0) break;
        }
        // the fewest terms whose remainder, times what the integrand has fallen to, is negligible at every angle
        for (n_terms_ = 6; n_terms_ < kMostTerms; n_terms_ += n_terms_ < 16 ? 2 : 8)
            if (largest_remainder(V) < -drop) break;
        for (ContourAngle& angle : angles_) {
            angle.remainder = std::exp(std::min(10.0, log_remainder(angle.q)));
            angle.of_hazard = 2.0 * std::pow(angle.q, n_terms_ + 1) / (1.0 - angle.q);
        }
    }
    // What the series lacks at any angle, times what the integrand has fallen to there, as a logarithm.
    [[nodiscard]] double largest_remainder(double V) const {
        double largest = -1e300;
        for (const ContourAngle& angle : angles_) largest = std::max(largest, log_remainder(angle.q) - 2.0 * V * angle.sine * angle.sine);
        return largest;
    }
    [[nodiscard]] bool series_suffices(const bool* important) const {
        double least = 1e300;
        for (int lane = 0; lane < kLanes; ++lane)
            if (important[lane]) least = std::min(least, variance_[lane]);
        return largest_remainder(least) < 2.0 - settings_.drop;
    }

    // of the sum over rows of 2 sum_{k > M} q^k / k |T_k(x) - T_k(-1)|
    [[nodiscard]] double log_remainder(double q) const {
        const double M = n_terms_ + 1.0;
        return std::log(4.0 * std::max(1.0, magnitude_) / (M * (1.0 - q))) + M * std::log(q);
    }

    void sum_over_points(const double* log_rho) {
        C_.resize(static_cast<std::size_t>(n_terms_ + 2) * kLanes);
        D_.resize(C_.size());
        ContourTask task{};
        task.pieces = points_.data();
        task.weights = first_ < last_ ? rows_->weights(first_) : nullptr;
        task.magnitude = first_ < last_ ? rows_->magnitude(first_) : nullptr;
        task.rounding = first_ < last_ ? rows_->rounding(first_) : nullptr;
        task.n_pieces = static_cast<std::int64_t>(points_.size());
        task.log_rho = log_rho;
        task.n_terms = n_terms_;
        task.C = C_.data();
        task.D = D_.data();
        task.log_g = log_g_;
        task.size_of_log = size_of_log_;
        task.mean = mean_;
        task.unresolved_x = unresolved_x_;
        task.unresolved_h = unresolved_h_;
        task.rounded = rounded_;
        leaf_.contour_sums(task);
        for (int lane = 0; lane < kLanes; ++lane) {
            inner_[lane] = 0.5 * (C_[kLanes + static_cast<std::size_t>(lane)] + active_);
            offset_[lane] = inner_[lane] + (inside_ - (m_ - 1.0));
            variance_[lane] = 0.125 * (active_ - C_[2 * kLanes + static_cast<std::size_t>(lane)]);
        }
    }

    // Moves circles that are too far from the saddle point, by more than a standard deviation. True if any moved.
    bool correct(double* log_rho, double* deviation, const bool* important) const {
        bool moved = false;
        for (int lane = 0; lane < kLanes; ++lane) {
            if (!important[lane] || variance_[lane] < kLeastVariance) continue;
            const double miss = offset_[lane] - 0.5;
            deviation[lane] = std::sqrt(variance_[lane]);
            if (std::fabs(miss) <= deviation[lane]) continue;
            log_rho[lane] -= std::clamp(miss / variance_[lane], -2.0, 2.0);
            moved = true;
        }
        return moved;
    }

    ListCount sum_over_angles(const double* log_rho) {
        double density[kLanes];
        double count[kLanes];
        double sizes[2][kLanes];
        double doubts[2][kLanes];
        AngleTask task{};
        task.angles = angles_.data();
        task.n_angles = static_cast<int>(angles_.size());
        task.n_terms = n_terms_;
        task.C = C_.data();
        task.D = D_.data();
        task.offset = offset_;
        task.inner = inner_;
        task.log_rho = log_rho;
        task.variance = variance_;
        task.active = active_;
        task.density = density;
        task.count = count;
        task.size_of_density = sizes[0];
        task.size_of_count = sizes[1];
        task.doubt_of_density = doubts[0];
        task.doubt_of_count = doubts[1];
        leaf_.contour_angles(task);
        ListCount out;
        out.spread = spread();
        for (int lane = 0; lane < kLanes; ++lane) {
            if (!(variance_[lane] >= kLeastVariance)) {
                by_bounds(lane, log_rho[lane], out);
                continue;
            }
            out.mean[lane] = mean_[lane] + inside_;
            out.hazard[lane] = std::max(0.0, D_[static_cast<std::size_t>(lane)]);
            const double log_scale = log_scale_of(lane, log_rho[lane]);
            const double scale = std::exp(log_scale);
            const double share = 2.0 / n_angles_ * scale;
            const double relative = relative_error(lane, log_rho[lane]);
            const AnglesLeftOut left({n_angles_, static_cast<double>(angles_.size()), angles_.back().sine, m_, variance_[lane],
                                      offset_[lane], log_rho[lane], log_scale, out.hazard[lane]});
            const double by_h = unresolved(lane);
            out.density[lane] = std::max(0.0, share * density[lane]);
            out.density_error[lane] =
                share * (sizes[0][lane] * (relative + by_h) + doubts[0][lane]) + left.density + scale * certain_density();
            const double sign = log_rho[lane] < 0.0 ? 1.0 : -1.0;
            const double tail = std::clamp(sign * share * count[lane] + left.correction, 0.0, 1.0);
            out.few[lane] = log_rho[lane] < 0.0 ? tail : 1.0 - tail;
            out.many[lane] = log_rho[lane] < 0.0 ? 1.0 - tail : tail;
            out.count_error[lane] =
                std::min(1.0, share * (sizes[1][lane] * relative + doubts[1][lane]) + left.count + std::ldexp(8.0, -53) * tail);
        }
        return out;
    }

    // All terms are positive: three roundings a row each for G and A, and what lies beyond the band after each row.
    ListCount band(const NodeBlock& block, const double* log_rho) {
        constexpr double kBeyond = 12.0;  // the band is wider than the angles need, by e^12 rows
        BandTask task{};
        const auto skipped = static_cast<std::int64_t>(inside_);  // the nearest rows, by cells of which pieces are made
        one_by_one_->prepare(block, law_, PlacedRows::Horizon{}, task.rows, static_cast<std::size_t>(skipped),
                             static_cast<std::size_t>(active_));
        const std::size_t size = static_cast<std::size_t>(task.rows.n_rows + 4) * kLanes;
        if (band_G_.size() < size) {
            band_G_.resize(size);
            band_A_.resize(size);
        }
        task.G = band_G_.data();
        task.A = band_A_.data();
        task.log_rho = log_rho;
        task.drop = settings_.drop + kBeyond;
        leaf_.band(task);
        const double n_rows = static_cast<double>(task.rows.n_rows);
        const double lost = 4.0 * (n_rows + 1.0) * std::exp(-task.drop);
        const auto wanted = static_cast<std::int64_t>(m_ - 1.0) - skipped;
        ListCount out;
        out.spread = spread();
        for (int lane = 0; lane < kLanes; ++lane) {
            const auto at = [lane](const double* values, std::int64_t k) { return values[k * kLanes + lane]; };
            const double scale = std::exp(log_scale_of(lane, log_rho[lane]));
            const double relative = relative_error(lane, log_rho[lane]) + std::ldexp(8.0 * n_rows + 64.0, -53);
            const bool below = log_rho[lane] < 0.0;
            // sums of G(rho) rho^-k P(k within) over k <= m - 1, or over k >= m
            double tail = 0.0;
            const std::int64_t step = below ? -1 : 1;
            for (std::int64_t k = below ? std::min(wanted, task.high) : std::max(wanted + 1, task.low); task.low <= k && k <= task.high;
                 k += step)
                tail += at(task.G, k) * std::exp(-std::fabs(log_rho[lane]) * static_cast<double>(std::llabs(k - wanted)));
            tail *= scale;
            const double beyond = scale * lost * static_cast<double>(task.high - task.low + 2);
            out.mean[lane] = mean_[lane] + inside_;
            out.hazard[lane] = std::max(0.0, D_[static_cast<std::size_t>(lane)]);
            out.few[lane] = std::clamp(below ? tail : 1.0 - tail, 0.0, 1.0);
            out.many[lane] = std::clamp(below ? 1.0 - tail : tail, 0.0, 1.0);
            out.count_error[lane] = std::min(1.0, tail * relative + beyond + std::ldexp(8.0, -53) * tail);
            const bool on_band = task.low <= wanted && wanted <= task.high;
            out.density[lane] = on_band ? scale * at(task.A, wanted) : 0.0;
            out.density_error[lane] = out.density[lane] * relative + scale * (lost * out.hazard[lane] + certain_density());
        }
        return out;
    }

    // Where the count is as good as certain: G(rho) rho^(1-m) bounds the small tail, and times the sum of h the density.
    void by_bounds(int lane, double log_rho, ListCount& out) const {
        const double scale = std::exp(log_scale_of(lane, log_rho)) * (1.0 + relative_error(lane, log_rho));
        out.mean[lane] = mean_[lane] + inside_;
        out.hazard[lane] = std::max(0.0, D_[static_cast<std::size_t>(lane)]);
        out.density[lane] = 0.0;
        out.density_error[lane] = scale * (out.hazard[lane] * (1.0 + unresolved(lane)) + certain_density());
        out.few[lane] = log_rho < 0.0 ? 0.0 : 1.0;
        out.many[lane] = 1.0 - out.few[lane];
        out.count_error[lane] = std::min(1.0, scale);
    }
    // log of G(rho) rho^(1-m)
    [[nodiscard]] double log_scale_of(int lane, double log_rho) const { return log_g_[lane] + (inside_ - (m_ - 1.0)) * log_rho; }
    [[nodiscard]] double spread() const { return active_ > 0.0 ? std::max(1.0, magnitude_ / active_) : 1.0; }
    // the relative error of the sum of h
    [[nodiscard]] double unresolved(int lane) const {
        return unresolved_h_[lane] / std::max(D_[static_cast<std::size_t>(lane)], 1e-300) + rounding_;
    }

    // The relative error of every term of a sum over angles: interpolation on the pieces, measured by the last two Chebyshev coefficients of
    // x (those of log(U + F rho) are less); rounding of the moments, of sums over points and over pieces; rows taken for certain.
    [[nodiscard]] double relative_error(int lane, double log_rho) const {
        const double u = std::ldexp(1.0, -53);
        const double q = angles_.empty() ? 0.0 : angles_.back().q;
        const double n_sums = static_cast<double>(points_.size()) + 24.0;
        const double sums = n_sums * u * (size_of_log_[lane] + 2.0 * q * magnitude_);
        const double scale = 4.0 * u * std::fabs(log_rho) * (m_ + inside_);
        return std::expm1(std::min(50.0, unresolved_x_[lane] + rounded_[lane] + sums + scale + 4.0 * certain()));
    }
    // How likely any of the rows taken for certain is not; and what they lack in the sum of h: f / U <= t + 1 of rows within, f / F <= d / t
    // + t + 40 of rows outside (continuous.hpp).
    [[nodiscard]] double certain() const { return settings_.negligible * (static_cast<double>(rows_->size()) + 1.0); }
    [[nodiscard]] double certain_density() const { return certain() * largest_hazard_; }

    BlockLaw& law_;
    const LeafLoops& leaf_;
    const ContourRows* rows_ = nullptr;
    PlacedRows* one_by_one_ = nullptr;
    double m_ = 1.0;
    ContourSettings settings_;
    // of the block at hand
    std::vector<const PointLaw*> points_;
    std::size_t first_ = 0, last_ = 0;
    double inside_ = 0.0, active_ = 0.0, magnitude_ = 0.0, rounding_ = 0.0, largest_hazard_ = 0.0;
    double n_angles_ = 0.0;
    std::vector<ContourAngle> angles_;
    int n_terms_ = 6;
    std::vector<double> C_, D_, band_G_, band_A_;
    double log_g_[kLanes], size_of_log_[kLanes], mean_[kLanes], unresolved_x_[kLanes], unresolved_h_[kLanes], rounded_[kLanes];
    double inner_[kLanes], offset_[kLanes], variance_[kLanes];
};

}  // namespace knn_cert
