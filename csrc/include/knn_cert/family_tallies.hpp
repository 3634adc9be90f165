// family_tallies.hpp: a family of races whose lists are made of the same rows. No Python, no threads.
//
// Worst cases of tampering differ by a few rows from one another: with r flipped labels the target keeps a_{r+1}, a_{r+2}, ...
// and the others get a_1 .. a_r. So every row belongs to the first members, up to some, or to the last, from some on. Each row
// is tallied once, in one record with those that end, or begin, at the same member. The record of a member is the product of the
// records that it has, as counts of disjoint sets of rows add up: running products over the members, from the first on for rows that
// begin and from the last on for rows that end, give the tallies of each: many races for the price of a few.
#pragma once

#include <array>

#include "contest_tallies.hpp"
#include "family_rows.hpp"

namespace knn_cert {

class FamilyTallies final : public Tallies {
public:
    FamilyTallies(double dof, const LeafLoops& leaf) : law_(dof, leaf), leaf_(leaf) {}

    // Where the race of a member is decided without noise; it has m_a rows of A and m_b rows of B at least.
    static double decided(const std::array<FamilyRows, 2>& rows, std::size_t member, int m_a, int m_b) {
        std::vector<double> list;
        double first = std::numeric_limits<double>::infinity();
        for (std::size_t c = 0; c < 2; ++c) {
            list.clear();
            for (std::size_t i = 0; i < rows[c].s.size(); ++i)
                if (rows[c].in(i, member)) list.push_back(rows[c].s[i]);
            first = std::min(first, distance_of(list, c == 0 ? m_a : m_b));
        }
        return first;
    }

    // Every member has m_a rows of A and m_b rows of B at least. more_near: times the usual number of near rows; kAllNear: no rows by
    // moments.
    void set(const std::array<FamilyRows, 2>& rows, std::size_t n_members, int m_a, int m_b, std::size_t more_near) {
        law_.refresh();
        n_members_ = n_members;
        contest_ = Contest::of_race(m_a, m_b);
        const std::size_t all_rows = rows[0].s.size() + rows[1].s.size();
        start_ = expected_radius(decided(rows, n_members / 2, m_a, m_b), law_.dof());
        const bool one_by_one = without_tables(all_rows, start_);
        n_rows_ = 0;
        for (std::size_t c = 0; c < 2; ++c) {
            Side& side = sides_[c];
            const int degree = contest_.degree[c];
            const bool all_near = one_by_one || more_near == RowSummary::kAllNear;
            side.summary.start(all_near ? RowSummary::kAllNear : more_near * near_rows_for(degree), law_.dof(), leaf_);
            side.set(rows[c], n_members, degree, one_by_one);
            n_rows_ += side.shared.n_near() + side.rows.size();
        }
    }

    // Whether the rows summed by moments are all within their reach.
    [[nodiscard]] bool complete() const { return sides_[0].summary.complete() && sides_[1].summary.complete(); }

    [[nodiscard]] std::size_t n_members() const override { return n_members_; }
    [[nodiscard]] std::size_t per_member() const override { return 2; }
    [[nodiscard]] bool possible(std::size_t) const override { return true; }
    [[nodiscard]] double start() const override { return start_; }
    [[nodiscard]] double deciding_arrival(std::size_t) const override { return contest_.deciding_arrival(); }
    [[nodiscard]] double closing_distance(std::size_t) const override { return std::min(sides_[0].horizon.s, sides_[1].horizon.s); }
    [[nodiscard]] std::size_t n_rows() const override { return n_rows_; }
    [[nodiscard]] std::size_t n_all_rows() const override {
        return static_cast<std::size_t>(sides_[0].horizon.n_rows + sides_[1].horizon.n_rows);
    }
    [[nodiscard]] double dof() const override { return law_.dof(); }
    [[nodiscard]] int max_degree() const override { return std::max(contest_.degree[0], contest_.degree[1]); }

    CoarseBlock coarse(const NodeBlock& block, const Accuracy& accuracy) override {
        CoarseBlock nodes(n_outcomes(), n_members_);
        for (std::size_t side = 0; side < 2; ++side) tally_side(block, accuracy, side, false);
        for (std::size_t i = 0; i < n_members_; ++i) {
            double* T[2];
            double* H[2];
            for (std::size_t side = 0; side < 2; ++side) {
                const Record& record = sides_[side].of_member[i];
                T[side] = nodes.T.data() + (2 * i + side) * kLanes;
                H[side] = nodes.H.data() + (2 * i + side) * kLanes;
                list_bounds(record, contest_.degree[side], contest_.degree[side], contest_.degree[side], T[side], H[side]);
                for (std::size_t lane = 0; lane < kLanes; ++lane) nodes.mean[i * kLanes + lane] += record.mean()[lane];
            }
            for (std::size_t lane = 0; lane < kLanes; ++lane) {
                nodes.O[2 * i * kLanes + lane] = H[1][lane];
                nodes.O[(2 * i + 1) * kLanes + lane] = H[0][lane];
                nodes.open[i * kLanes + lane] = H[0][lane] * H[1][lane];
                nodes.closed[i * kLanes + lane] = std::min(1.0, T[0][lane] + T[1][lane]);
            }
        }
        return nodes;
    }

    void fine(const NodeBlock& block, const Accuracy& accuracy, const double* weight, double* lanes, double* doubt) override {
        double relative[2][kLanes];
        double density[2 * kLanes];
        const FarDoubt doubts[2] = {tally_side(block, accuracy, 0, true), tally_side(block, accuracy, 1, true)};
        for (int lane = 0; lane < kLanes; ++lane)
            for (int side = 0; side < 2; ++side)
                relative[side][lane] = both(doubts[side].any_coefficient[lane], doubts[1 - side].below_degree[lane]);
        for (std::size_t i = 0; i < n_members_; ++i) {
            const Record lists[2] = {sides_[0].of_member[i], sides_[1].of_member[i]};
            leaf_.combine(contest_, lists, nullptr, density);
            for (std::size_t side = 0; side < 2; ++side)
                add_density(density + side * kLanes, weight, relative[side], lanes + (2 * i + side) * kLanes, doubt + 2 * i + side);
        }
    }

private:
    struct Side {
        RowSummary summary;  // rows of every member
        ListTallies shared;
        PlacedRows rows;  // rows of some members
        PlacedRows::Horizon horizon;
        std::vector<std::int32_t> record_of;  // each row: e - 1 for the members 0 .. e - 1, n_members + f for f .. n_members - 1
        std::vector<char> used;               // whether a record takes any row
        Records records;
        Records root, merged;  // rows of every member; products of records, three at most for each member
        std::size_t n_merged = 0;
        std::vector<Record> of_member;  // the tallies of each member at the block tallied last

        void set(const FamilyRows& from, std::size_t n_members, int degree, bool one_by_one) {
            std::vector<double> of_all;
            std::vector<double> of_some;
            std::vector<std::int32_t> records_of_some;
            std::vector<Span> nearest;  // no other row is nearer than those of all members among them
            const std::int64_t n = static_cast<std::int64_t>(n_members);
            used.assign(2 * n_members, 0);
            for (std::size_t i = 0; i < from.s.size(); ++i) {
                if (from.first[i] >= from.end[i]) continue;
                if (from.first[i] == 0 && from.end[i] == n) {
                    of_all.push_back(from.s[i]);
                    continue;
                }
                const std::int64_t record = from.first[i] == 0 ? from.end[i] - 1 : n + from.first[i];
                of_some.push_back(from.s[i]);
                nearest.push_back({from.s[i], from.first[i], from.end[i]});
                records_of_some.push_back(static_cast<std::int32_t>(record));
                used[static_cast<std::size_t>(record)] = 1;
            }
            std::vector<std::int32_t> order;
            summary.add(of_all.data(), static_cast<std::int64_t>(of_all.size()), 1.0);
            summary.finish();
            shared.set(summary, degree, one_by_one);
            rows.place(of_some.data(), of_some.size(), one_by_one, &order);
            record_of.clear();
            for (const std::int32_t i : order) record_of.push_back(records_of_some[static_cast<std::size_t>(i)]);
            horizon.degree = degree;
            horizon.n_rows = static_cast<double>(of_all.size() + of_some.size());
            for (const double s : summary.near()) nearest.push_back({s, 0, n});
            horizon.s = last_needed(nearest, n_members, degree);
        }

        // A row and the members that have it.
        struct Span {
            double s;
            std::int64_t first, end;
        };

        // A distance within which every member has that many rows, not much larger than needed.
        static double last_needed(std::vector<Span>& rows, std::size_t n_members, int degree) {
            std::vector<std::int64_t> change(n_members + 1, 0);
            const auto nearer = [](const Span& a, const Span& b) { return a.s < b.s; };
            for (std::size_t done = 0, upto = static_cast<std::size_t>(degree); done < rows.size(); upto *= 2) {
                upto = std::min(upto, rows.size());
                const auto last = rows.begin() + static_cast<std::ptrdiff_t>(upto) - 1;
                std::nth_element(rows.begin() + static_cast<std::ptrdiff_t>(done), last, rows.end(), nearer);
                for (; done < upto; ++done) {
                    ++change[static_cast<std::size_t>(rows[done].first)];
                    --change[static_cast<std::size_t>(rows[done].end)];
                }
                std::int64_t count = 0;
                std::int64_t fewest = degree;
                for (std::size_t m = 0; m < n_members; ++m) fewest = std::min(fewest, count += change[m]);
                if (fewest >= degree) return last->s;
            }
            return std::numeric_limits<double>::infinity();
        }
    };

    // Returns what the far rows leave in doubt in the tallies of every member.
    FarDoubt tally_side(const NodeBlock& block, const Accuracy& accuracy, std::size_t c, bool density) {
        Side& side = sides_[c];
        const int degree = contest_.degree[c];
        side.root.resize(1, degree);
        const FarDoubt doubt = side.shared.tally(block, law_, leaf_, accuracy, density, side.root[0]);
        side.horizon.skip = accuracy.skip();
        side.records.resize(2 * n_members_, degree);
        for (std::size_t k = 0; k < 2 * n_members_; ++k)
            if (side.used[k]) set_no_rows(side.records[k], degree, density);
        ScatterTask some{};
        some.rows.rough = accuracy.rough();
        side.rows.prepare(block, law_, side.horizon, some.rows);
        some.rows.degree = degree;
        some.record_of = side.record_of.data();
        some.first = side.records[0];
        some.stride = side.records.stride();
        some.density = density;
        leaf_.scatter(some);
        merge_members(side, degree, density);
        return doubt;
    }

    // Member i has the rows that all have, those of the records n + 0 .. n + i, and those of the records i .. n - 1.
    void merge_members(Side& side, int degree, bool density) {
        side.merged.resize(3 * n_members_, degree);
        side.n_merged = 0;
        const auto merge = [&](const Record& first, const Record& second) {
            const Record out = side.merged[side.n_merged++];
            leaf_.merge(degree, density, first, second, out);
            return out;
        };
        side.of_member.resize(n_members_);
        Record begun = side.root[0];
        for (std::size_t i = 0; i < n_members_; ++i) {
            if (side.used[n_members_ + i]) begun = merge(begun, side.records[n_members_ + i]);
            side.of_member[i] = begun;
        }
        Record unended{};                    // the product of the records i .. n - 1, if any of them takes rows
        const double* last_begun = nullptr;  // G of the other factor of the member after this one
        for (std::size_t i = n_members_; i-- > 0;) {
            if (side.used[i]) {
                unended = unended.G ? merge(unended, side.records[i]) : side.records[i];
                last_begun = nullptr;
            }
            if (!unended.G) continue;
            if (side.of_member[i].G == last_begun) {  // the same two as the member after it
                side.of_member[i] = side.of_member[i + 1];
            } else {
                last_begun = side.of_member[i].G;
                side.of_member[i] = merge(side.of_member[i], unended);
            }
        }
    }

    BlockLaw law_;
    const LeafLoops& leaf_;
    Contest contest_{};
    std::size_t n_rows_ = 0, n_members_ = 0;
    double start_ = 0.0;
    std::array<Side, 2> sides_;
};

}  // namespace knn_cert
