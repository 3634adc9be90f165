// list_tallies.hpp: the counting polynomials of one list of rows, the near ones one by one and the far ones by moments.
// No Python, no threads.
#pragma once

#include "far_rows.hpp"
#include "parallel.hpp"
#include "records.hpp"
#include "tallies.hpp"

namespace knn_cert {

// Row by row, but with a heartbeat after some milliseconds of work.
inline void tally_in_portions(const LeafLoops& leaf, TallyTask task) {
    const std::int64_t n_rows = task.n_rows;
    const std::int64_t portion = std::max<std::int64_t>(64, 1000000 / task.degree);
    for (std::int64_t done = 0; done < n_rows || done == 0; done += portion) {
        task.n_rows = std::min(portion, n_rows - done);
        leaf.tally(task);
        if (task.n_rows == n_rows) return;
        heartbeat();
        if (task.cells) task.cells += task.n_rows;
        if (task.x) task.x += task.n_rows;
        if (task.values) task.values += 3 * kLanes * task.n_rows;
    }
}

class ListTallies {
public:
    // D = degree powers are kept. one_by_one: without tables.
    void set(const RowSummary& rows, int degree, bool one_by_one) {
        near_.place(rows.near().s, rows.near().n, one_by_one);
        far_.set(rows);
        horizon_.s = near_.row(static_cast<std::size_t>(degree) - 1);
        horizon_.n_rows = static_cast<double>(rows.n_rows());
        horizon_.degree = degree;
    }

    [[nodiscard]] std::size_t n_near() const { return near_.size(); }

    // The list's record at a block, to `out`. Without density all of it is a bound from above (G for sums of its first coefficients),
    // whatever the far rows leave in doubt. Returns what they leave in doubt; error() has it coefficient by coefficient.
    FarDoubt tally(const NodeBlock& block, BlockLaw& law, const LeafLoops& leaf, const Accuracy& accuracy, bool density,
                   const Record& out) {
        const int degree = horizon_.degree;
        Record near = out;
        if (far_.any()) {
            scratch_.resize(2, degree);
            near = scratch_[0];
        }
        const std::size_t within = near_.within(block, law.dof());
        set_rows_within(within, near, degree, density);
        TallyTask task{};
        task.degree = degree;
        task.rough = accuracy.rough();
        task.G = near.G;
        if (density) {
            task.A = near.A;
        } else {
            task.at_least = near.at_least();
            task.mean = near.mean();
        }
        horizon_.skip = accuracy.skip();
        near_.prepare(block, law, horizon_, task, within);
        tally_in_portions(leaf, task);
        error_.resize(1, degree);
        std::fill_n(error_[0].G, first_size(degree), 0.0);
        std::fill_n(error_[0].A, second_size(degree, density), 0.0);
        if (!far_.any()) return {};
        const Record far = scratch_[1];
        if (!far_.tally(block, law, leaf, degree, density, near_.negligible(), far)) {
            copy_record(near, degree, density, out);
            return {};
        }
        leaf.merge(degree, density, near, far, out);
        const FarDoubt doubt = far_.doubt(leaf, degree, out, error_[0]);
        if (!density) bound_from_above(doubt, near, far, out);
        return doubt;
    }

    [[nodiscard]] const Record& error() const { return error_[0]; }

private:
    // G grows by its doubt. Where that is large the near rows alone bound P(count < k) for every k, and P(count >= degree) is left at 1.
    // Else that is at most the sum over k of P(k near rows) P(D - k far ones or more), and the latter at most mean^j / j!, j = D - k.
    void bound_from_above(const FarDoubt& doubt, const Record& near, const Record& far, const Record& out) const {
        constexpr double kLargeDoubt = 1e-3;
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            const bool known = doubt.any_coefficient[lane] <= kLargeDoubt;
            const double mean = far.mean()[lane];
            double at_least = near.at_least()[lane];
            double power = 1.0;
            for (int j = 1; j <= horizon_.degree; ++j) {
                power *= mean / j;
                at_least += near.G[static_cast<std::size_t>(horizon_.degree - j) * kLanes + lane] * std::min(1.0, power);
            }
            for (std::size_t k = 0; k < static_cast<std::size_t>(horizon_.degree); ++k)
                out.G[k * kLanes + lane] =
                    known ? (1.0 + doubt.any_coefficient[lane]) * out.G[k * kLanes + lane] : near.G[k * kLanes + lane];
            out.at_least()[lane] = known ? std::min(1.0, at_least) : 1.0;
        }
    }

    PlacedRows near_;
    FarRows far_;
    PlacedRows::Horizon horizon_;
    Records scratch_, error_;
};

}  // namespace knn_cert
