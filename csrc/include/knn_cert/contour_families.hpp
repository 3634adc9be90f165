// contour_families.hpp: the races of a family by their contours, one member after the other. No Python, no threads.
//
// Members differ by a few rows, and rows count by moments, which are sums: from one member to the next those of the rows that begin are
// added and those of the rows that end taken off.
#pragma once

#include "contour_race.hpp"
#include "family_rows.hpp"

namespace knn_cert {

class ContourFamily {
public:
    ContourFamily(double dof, const LeafLoops& leaf) : race_(dof, leaf), leaf_(leaf), dof_(dof) {}

    // The rows must stay where they are.
    void set(const std::array<FamilyRows, 2>& rows, std::size_t n_members) {
        for (std::size_t side = 0; side < 2; ++side) {
            rows_[side] = &rows[side];
            sides_[side].set(rows[side], static_cast<std::int64_t>(n_members), dof_, leaf_);
        }
    }

    // Members in increasing order; each has m_a rows of A and m_b rows of B at least. As ContourRace::solve.
    Outcome solve(std::size_t member, int m_a, int m_b, const Accuracy& accuracy) {
        for (Side& side : sides_) side.move_to(static_cast<std::int64_t>(member), leaf_);
        const std::array<const ContourRows*, 2> points = {&sides_[0].points, &sides_[1].points};
        Outcome outcome = race_.solve(points, m_a, m_b, accuracy, SquareError::of_roots());
        if (outcome.settled) return outcome;
        if (rows_[0]->far.n_rows > 0 || rows_[1]->far.n_rows > 0) {  // an error that is known is better than rows that nobody has
            Accuracy borne;
            borne.bearable = std::max(kBearableOfFar, accuracy.tolerance);
            return race_.solve(points, m_a, m_b, borne, SquareError::of_roots());
        }
        for (std::size_t side = 0; side < 2; ++side) sides_[side].place(*rows_[side], member, race_.start());
        const std::array<PlacedRows*, 2> placed = {&sides_[0].placed, &sides_[1].placed};
        outcome = race_.solve(points, m_a, m_b, accuracy, SquareError::of_roots(), placed);
        if (outcome.settled || accuracy.tolerance == 0.0) return outcome;
        // full accuracy takes less than the recurrence does for little
        Accuracy full;
        full.bearable = accuracy.tolerance;
        return race_.solve(points, m_a, m_b, full, SquareError::of_roots(), placed);
    }

private:
    // A row that begins or ends at a member.
    struct Change {
        std::int64_t member;
        double s;
        bool begins;
    };

    struct Side {
        ContourRows points;
        PlacedRows placed;
        RowSummary summary;
        std::vector<double> moments, of_changes;  // [n_pieces][kMoments]; a slot before them
        std::vector<double> changing;
        std::vector<Change> changes;
        std::size_t next = 0;
        std::int64_t n_rows = 0;

        void set(const FamilyRows& rows, std::int64_t n_members, double dof, const LeafLoops& leaf) {
            double farthest = 0.0;
            changes.clear();
            changing.clear();
            for (std::size_t i = 0; i < rows.s.size(); ++i) {
                if (rows.first[i] >= rows.end[i]) continue;
                farthest = std::max(farthest, rows.s[i]);
                if (rows.first[i] == 0) changing.push_back(rows.s[i]);
                if (rows.first[i] > 0) changes.push_back({rows.first[i], rows.s[i], true});
                if (rows.end[i] < n_members) changes.push_back({rows.end[i], rows.s[i], false});
            }
            std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) { return a.member < b.member; });
            next = 0;
            summary.start_moments(dof, leaf, farthest);
            if (rows.far.n_rows > 0) summary.absorb(rows.far);
            summary.add(changing.data(), static_cast<std::int64_t>(changing.size()), 1.0);
            summary.finish();
            n_rows = static_cast<std::int64_t>(summary.n_rows());
            const std::size_t n_pieces = summary.n_pieces();
            moments.assign(summary.moments(0), summary.moments(0) + n_pieces * kMoments);
            of_changes.assign((n_pieces + 1) * kMoments, 0.0);
            points.set(moments.data(), n_pieces, summary.n_rows(), summary.n_merged());
        }

        void move_to(std::int64_t member, const LeafLoops& leaf) {
            const std::size_t before = next;
            while (next < changes.size() && changes[next].member <= member) ++next;
            if (next == before) return;
            for (const bool begins : {true, false}) {
                changing.clear();
                for (std::size_t i = before; i < next; ++i)
                    if (changes[i].begins == begins) changing.push_back(changes[i].s);
                change(begins ? 1.0 : -1.0, leaf);
            }
            points.set_n_rows(static_cast<std::size_t>(n_rows));
            points.gather();
        }

        // The rows of a member one by one; start: the radius at which its race is decided.
        void place(const FamilyRows& rows, std::size_t member, double start) {
            changing.clear();
            for (std::size_t i = 0; i < rows.s.size(); ++i)
                if (rows.in(i, member)) changing.push_back(rows.s[i]);
            placed.place(changing.data(), changing.size(), without_tables(changing.size(), start));
        }

        // Adds the rows of `changing`, or takes them off.
        void change(double sign, const LeafLoops& leaf) {
            const std::int64_t n = static_cast<std::int64_t>(changing.size());
            if (n == 0) return;
            n_rows += sign > 0.0 ? n : -n;
            leaf.sort_out(changing.data(), n, 1.0, 0.0, summary.far(), nullptr, of_changes.data());
            for (std::size_t piece = 0; piece < moments.size() / kMoments; ++piece) {
                double* const from = of_changes.data() + (piece + 1) * kMoments;
                double* const to = moments.data() + piece * kMoments;
                if (from[0] == 0.0) continue;
                const bool empty = to[0] + sign * from[0] == 0.0;
                for (int i = 0; i < kMoments; ++i) {
                    to[i] = empty ? 0.0 : to[i] + sign * from[i];
                    from[i] = 0.0;
                }
                points.set_piece(piece, to);
            }
        }
    };

    ContourRace race_;
    const LeafLoops& leaf_;
    double dof_;
    std::array<const FamilyRows*, 2> rows_{};
    std::array<Side, 2> sides_;
};

}  // namespace knn_cert
