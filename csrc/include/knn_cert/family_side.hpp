// family_side.hpp: one list of every member of a family, whose rows the members share. No Python, no threads.
//
// Worst cases of tampering differ by a few rows from one another: with r flipped labels the target keeps a_{r+1}, a_{r+2}, ...
// and the others get a_1 .. a_r. So every row belongs to the first members, up to some, or to the last, from some on. Each row
// is tallied once, in one record with those that end, or begin, at the same member. The record of a member is the product of the
// records that it has, as counts of disjoint sets of rows add up: running products over the members, from the first on for rows that
// begin and from the last on for rows that end, give the tallies of each: many contests for the price of a few.
#pragma once

#include "family_rows.hpp"
#include "list_tallies.hpp"

namespace knn_cert {

// A row and the members that have it.
struct MemberSpan {
    double s;
    std::int64_t first, end;
};

// A distance within which every member has that many rows, not much larger than needed; `rows` is reordered.
inline double last_needed(std::vector<MemberSpan>& rows, std::size_t n_members, int degree) {
    std::vector<std::int64_t> change(n_members + 1, 0);
    const auto nearer = [](const MemberSpan& a, const MemberSpan& b) { return a.s < b.s; };
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

class FamilySide {
public:
    // more_near: times the usual number of near rows; kAllNear: no rows by moments.
    void set(const FamilyRows& from, std::size_t n_members, int degree, std::size_t more_near, bool one_by_one, double dof,
             const LeafLoops& leaf) {
        const bool all_near = one_by_one || more_near == RowSummary::kAllNear;
        summary_.start(all_near ? RowSummary::kAllNear : more_near * near_rows_for(degree), dof, leaf);
        n_members_ = n_members;
        std::vector<double> of_all;
        std::vector<double> of_some;
        std::vector<std::int32_t> records_of_some;
        spans_.clear();
        const std::int64_t n = static_cast<std::int64_t>(n_members);
        used_.assign(2 * n_members, 0);
        for (std::size_t i = 0; i < from.s.size(); ++i) {
            if (from.first[i] >= from.end[i]) continue;
            if (from.first[i] == 0 && from.end[i] == n) {
                of_all.push_back(from.s[i]);
                continue;
            }
            const std::int64_t record = from.first[i] == 0 ? from.end[i] - 1 : n + from.first[i];
            of_some.push_back(from.s[i]);
            spans_.push_back({from.s[i], from.first[i], from.end[i]});
            records_of_some.push_back(static_cast<std::int32_t>(record));
            used_[static_cast<std::size_t>(record)] = 1;
        }
        std::vector<std::int32_t> order;
        if (from.far.n_rows > 0) {
            summary_.absorb(from.far);
            SummaryView near;
            near.near = {of_all.data(), of_all.size()};
            near.n_rows = static_cast<std::int64_t>(of_all.size());
            summary_.absorb(near);
        } else {
            summary_.add(of_all.data(), static_cast<std::int64_t>(of_all.size()), 1.0);
        }
        summary_.finish();
        complete_ = summary_.complete() && summary_.has_near(near_rows_for(degree));
        shared_.set(summary_, degree, one_by_one);
        rows_.place(of_some.data(), of_some.size(), one_by_one, &order);
        record_of_.clear();
        for (const std::int32_t i : order) record_of_.push_back(records_of_some[static_cast<std::size_t>(i)]);
        horizon_.degree = degree;
        horizon_.n_rows = static_cast<double>(of_all.size() + of_some.size()) + static_cast<double>(from.far.n_rows);
        for (const double s : summary_.near()) spans_.push_back({s, 0, n});
        horizon_.s = last_needed(spans_, n_members, degree);
    }

    // Whether the rows summed by moments are all within their reach, and near rows enough beside them.
    [[nodiscard]] bool complete() const { return complete_; }
    // rows that are tallied one by one, and all rows
    [[nodiscard]] std::size_t n_one_by_one() const { return shared_.n_near() + rows_.size(); }
    [[nodiscard]] std::size_t n_all() const { return static_cast<std::size_t>(horizon_.n_rows); }
    // A distance within which every member has as many rows as powers are kept.
    [[nodiscard]] double last_power() const { return horizon_.s; }
    // No other row is nearer than those of all members among these.
    [[nodiscard]] const std::vector<MemberSpan>& nearest() const { return spans_; }
    // The tallies of a member at the block tallied last.
    [[nodiscard]] const Record& of_member(std::size_t i) const { return of_member_[i]; }

    // Returns what the far rows leave in doubt in the tallies of every member.
    FarDoubt tally(const NodeBlock& block, BlockLaw& law, const LeafLoops& leaf, const Accuracy& accuracy, bool density) {
        const int degree = horizon_.degree;
        root_.resize(1, degree);
        const FarDoubt doubt = shared_.tally(block, law, leaf, accuracy, density, root_[0]);
        horizon_.skip = accuracy.skip();
        records_.resize(2 * n_members_, degree);
        for (std::size_t k = 0; k < 2 * n_members_; ++k)
            if (used_[k]) set_no_rows(records_[k], degree, density);
        ScatterTask some{};
        some.rows.rough = accuracy.rough();
        rows_.prepare(block, law, horizon_, some.rows);
        some.rows.degree = degree;
        some.record_of = record_of_.data();
        some.first = records_[0];
        some.stride = records_.stride();
        some.density = density;
        leaf.scatter(some);
        merge_members(leaf, degree, density);
        return doubt;
    }

    // Raises the tallies of every member, with density, by what the far rows leave in doubt, coefficient by coefficient.
    void raise(const LeafLoops& leaf) {
        const int degree = horizon_.degree;
        const Record error = shared_.error();
        for (std::size_t k = 0; k < first_size(degree); ++k) {
            root_[0].G[k] += error.G[k];
            root_[0].A[k] += error.A[k];
        }
        merge_members(leaf, degree, true);
    }

private:
    // Member i has the rows that all have, those of the records n + 0 .. n + i, and those of the records i .. n - 1.
    void merge_members(const LeafLoops& leaf, int degree, bool density) {
        merged_.resize(3 * n_members_, degree);
        n_merged_ = 0;
        const auto merge = [&](const Record& first, const Record& second) {
            const Record out = merged_[n_merged_++];
            leaf.merge(degree, density, first, second, out);
            return out;
        };
        of_member_.resize(n_members_);
        Record begun = root_[0];
        for (std::size_t i = 0; i < n_members_; ++i) {
            if (used_[n_members_ + i]) begun = merge(begun, records_[n_members_ + i]);
            of_member_[i] = begun;
        }
        Record unended{};                    // the product of the records i .. n - 1, if any of them takes rows
        const double* last_begun = nullptr;  // G of the other factor of the member after this one
        for (std::size_t i = n_members_; i-- > 0;) {
            if (used_[i]) {
                unended = unended.G ? merge(unended, records_[i]) : records_[i];
                last_begun = nullptr;
            }
            if (!unended.G) continue;
            if (of_member_[i].G == last_begun) {  // the same two as the member after it
                of_member_[i] = of_member_[i + 1];
            } else {
                last_begun = of_member_[i].G;
                of_member_[i] = merge(of_member_[i], unended);
            }
        }
    }

    RowSummary summary_;  // rows of every member
    bool complete_ = true;
    ListTallies shared_;
    PlacedRows rows_;  // rows of some members
    PlacedRows::Horizon horizon_;
    std::vector<std::int32_t> record_of_;  // each row: e - 1 for the members 0 .. e - 1, n_members + f for f .. n_members - 1
    std::vector<char> used_;               // whether a record takes any row
    std::vector<MemberSpan> spans_;
    Records records_;
    Records root_, merged_;  // rows of every member; products of records, three at most for each member
    std::size_t n_members_ = 0, n_merged_ = 0;
    std::vector<Record> of_member_;
};

}  // namespace knn_cert
