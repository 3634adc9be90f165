// summaries.hpp: entry points of the kernel: some rows as many queries see them, put together with others, and the vote of them all.
// No Python.
//
// A table that lies in parts needs not come together: each part leaves to a query its nearest rows and moments of the others
// (row_summary.hpp), and these add up in any order.
#pragma once

#include <memory>
#include <vector>

#include "contest_solver.hpp"
#include "summary_arrays.hpp"

namespace knn_cert {

// Filled by name, see VoteRequest.
struct SummaryRequest {
    const double* queries = nullptr;  // [n_queries][dim]
    std::int64_t n_queries = 0;
    const double* rows = nullptr;  // [n_rows][dim]
    std::int64_t n_rows = 0, dim = 0;
    const std::int64_t* labels = nullptr;  // [n_rows], 0 .. n_classes - 1
    int n_classes = 0;
    std::int64_t n_near = 0;
    FarKind far_kind = FarKind::counting;
    double sigma = 0.0, dof = 0.0;
    SummaryArrays before;  // of other rows, to which these are added; no lists: there are none
    int n_threads = 1;
    Checkpoint checkpoint = no_checkpoint;

    explicit SummaryRequest() = default;
};

// How many rows of each class a vote needs near, beside far ones; and whether it is asked of contours, which take all rows by moments.
struct VoteNeeds {
    std::size_t n_near;
    bool by_contours;
};
inline VoteNeeds needs_of_vote(int n_lists, int n_neighbors) {
    const BoundedContest contest = BoundedContest::of_vote(n_lists, n_neighbors);
    return {near_rows_for(std::vector<BoundedContest>{contest}), ContestSolver::many_votes(contest)};
}

namespace detail {

// Parts of the work, in order, as one.
inline WrittenSummaries joined(const std::vector<WrittenSummaries>& parts) {
    WrittenSummaries all;
    for (const WrittenSummaries& part : parts) all.append(part);
    return all;
}

}  // namespace detail

// The summary of list query * n_classes + class. Rows that are farther than those that were near before are far at once.
inline WrittenSummaries summarise(const SummaryRequest& request) {
    const LeafLoops& leaf = leaf_loops();
    const std::size_t n_classes = static_cast<std::size_t>(request.n_classes);
    const std::int64_t bytes = 8 * std::max<std::int64_t>(request.dim, 1);
    const std::int64_t tile = std::max<std::int64_t>(2, (std::int64_t{1} << 17) / bytes);
    std::vector<std::vector<std::int64_t>> of_class(n_classes);  // rows of each class, in order
    for (std::int64_t i = 0; i < request.n_rows; ++i) of_class[static_cast<std::size_t>(request.labels[i])].push_back(i);
    struct Worker {
        std::vector<RowSummary> lists;
        std::vector<std::size_t> next;
        std::vector<double> distances, gathered;
    };
    Workers<Worker> workers(request.n_threads, [] { return std::make_unique<Worker>(); });
    const std::int64_t n_groups = (request.n_queries + kDistanceQueries - 1) / kDistanceQueries;
    std::vector<WrittenSummaries> written(static_cast<std::size_t>(n_groups));
    for_each_item(n_groups, request.n_threads, request.checkpoint, [&](int w, std::int64_t group) {
        Worker& worker = workers[w];
        const std::int64_t first = group * kDistanceQueries;
        const std::int64_t n = std::min<std::int64_t>(kDistanceQueries, request.n_queries - first);
        worker.lists.resize(static_cast<std::size_t>(n) * n_classes);
        for (std::size_t i = 0; i < worker.lists.size(); ++i) {
            worker.lists[i].start(static_cast<std::size_t>(request.n_near), request.dof, leaf, request.far_kind);
            if (request.before.n_lists == 0) continue;
            worker.lists[i].absorb(request.before.list(first * request.n_classes + static_cast<std::int64_t>(i)));
        }
        worker.next.assign(n_classes, 0);
        worker.distances.resize(static_cast<std::size_t>(n * tile));
        for (std::int64_t start = 0; start < request.n_rows; start += tile) {
            heartbeat();
            const std::int64_t now = std::min(tile, request.n_rows - start);
            leaf.sq_distances(request.queries + first * request.dim, n, request.rows + start * request.dim, now, request.dim,
                              worker.distances.data(), tile);
            for (std::size_t c = 0; c < n_classes; ++c) {
                const std::vector<std::int64_t>& rows = of_class[c];
                const std::size_t from = worker.next[c];
                std::size_t& to = worker.next[c];
                while (to < rows.size() && rows[to] < start + now) ++to;
                if (to == from) continue;
                for (std::int64_t q = 0; q < n; ++q) {
                    const double* const distances = worker.distances.data() + q * tile;
                    worker.gathered.clear();
                    double squares = 0.0;
                    for (std::size_t i = from; i < to; ++i) {
                        const double square = distances[rows[i] - start];
                        squares += square;
                        worker.gathered.push_back(std::sqrt(square) / request.sigma);
                    }
                    RowSummary& list = worker.lists[static_cast<std::size_t>(q) * n_classes + c];
                    list.add(worker.gathered.data(), static_cast<std::int64_t>(to - from), 1.0);
                    list.add_squares(squares / request.sigma / request.sigma);
                }
            }
        }
        for (RowSummary& list : worker.lists) {
            list.finish();
            written[static_cast<std::size_t>(group)].add(list);
        }
    });
    return detail::joined(written);
}

// Summaries of the same lists, of other rows each, as one. Filled by name.
struct MergeRequest {
    std::vector<SummaryArrays> parts;
    std::int64_t n_near = 0;
    FarKind far_kind = FarKind::counting;
    double dof = 0.0;
    int n_threads = 1;
    Checkpoint checkpoint = no_checkpoint;

    explicit MergeRequest() = default;
};

inline WrittenSummaries merge_summaries(const MergeRequest& request) {
    constexpr std::int64_t kListsAtOnce = 16;
    const LeafLoops& leaf = leaf_loops();
    const std::int64_t n_lists = request.parts.front().n_lists;
    const std::int64_t n_groups = (n_lists + kListsAtOnce - 1) / kListsAtOnce;
    std::vector<WrittenSummaries> written(static_cast<std::size_t>(n_groups));
    Workers<RowSummary> workers(request.n_threads, [] { return std::make_unique<RowSummary>(); });
    for_each_item(n_groups, request.n_threads, request.checkpoint, [&](int w, std::int64_t group) {
        const std::int64_t last = std::min(n_lists, (group + 1) * kListsAtOnce);
        for (std::int64_t list = group * kListsAtOnce; list < last; ++list) {
            workers[w].start(static_cast<std::size_t>(request.n_near), request.dof, leaf, request.far_kind);
            for (const SummaryArrays& part : request.parts) workers[w].absorb(part.list(list));
            workers[w].finish();
            written[static_cast<std::size_t>(group)].add(workers[w]);
        }
    });
    return detail::joined(written);
}

// The vote of all rows that summaries stand for. sq_error: how far the distances behind them may be wrong. Filled by name.
struct SummaryVoteRequest {
    SummaryArrays summaries;  // of list query * n_classes + class
    std::int64_t n_queries = 0;
    int n_classes = 0, n_neighbors = 0;
    FarKind far_kind = FarKind::counting;
    double dof = 0.0;
    SquareError sq_error;
    int n_threads = 1;
    Checkpoint checkpoint = no_checkpoint;

    explicit SummaryVoteRequest() = default;
};

namespace detail {

// The votes of one thread, one query after the other.
class SummaryVoter {
public:
    SummaryVoter(const SummaryVoteRequest& request, const LeafLoops& leaf) : request_(request), leaf_(leaf), solver_(request.dof, leaf) {}

    // probability and error of the classes; whether more near rows would leave less in doubt.
    bool solve(std::int64_t query, double* probability, double* error) {
        find_classes(query);
        std::fill_n(probability, request_.n_classes, 0.0);
        std::fill_n(error, request_.n_classes, 0.0);
        if (classes_.size() == 1 || request_.n_neighbors == n_rows_) {
            probability[largest_] = 1.0;
            return false;
        }
        const int n_lists = static_cast<int>(classes_.size());
        const std::vector<BoundedContest> contests = {BoundedContest::of_vote(n_lists, request_.n_neighbors)};
        fill(query, lists_, false);
        const std::size_t needed = near_rows_for(contests);
        const bool has_near = std::all_of(lists_.begin(), lists_.end(), [&](const RowSummary& list) { return list.has_near(needed); });
        Outcome outcome;
        outcome.settled = false;
        if (request_.far_kind == FarKind::all && ContestSolver::many_votes(contests[0])) {
            fill(query, moments_, true);
            outcome = solver_.solve_scanned(lists_, moments_, contests, request_.sq_error);
            if (!outcome.settled) {  // an error that is known is better than rows that nobody has
                Accuracy accuracy;
                accuracy.bearable = kBearableOfFar;
                outcome = solver_.solve_scanned(lists_, moments_, contests, request_.sq_error, accuracy);
            }
        }
        if (!outcome.settled && has_near) outcome = solver_.solve(lists_, contests, request_.sq_error);
        const bool in_doubt = !outcome.settled;
        if (in_doubt && has_near) outcome = solver_.solve(lists_, contests, request_.sq_error, true);
        for (std::size_t i = 0; i < classes_.size(); ++i) {
            const bool known = i < outcome.probability.size();
            probability[classes_[i]] = known ? outcome.probability[i] : 0.0;
            error[classes_[i]] = known ? outcome.error[i] : 1.0;
        }
        return in_doubt;
    }

private:
    // Classes that have rows, in the order of their index, are the lists of the contest.
    void find_classes(std::int64_t query) {
        classes_.clear();
        n_rows_ = 0;
        std::int64_t most = 0;
        for (int c = 0; c < request_.n_classes; ++c) {
            const std::int64_t n = request_.summaries.n_rows[query * request_.n_classes + c];
            if (n > 0) classes_.push_back(c);
            if (n > most) largest_ = c;  // ties to the lowest class
            most = std::max(most, n);
            n_rows_ += n;
        }
    }

    void fill(std::int64_t query, std::vector<RowSummary>& lists, bool as_moments) {
        lists.resize(classes_.size());
        for (std::size_t i = 0; i < classes_.size(); ++i) {
            if (as_moments)
                lists[i].start_moments(request_.dof, leaf_);
            else
                lists[i].start(RowSummary::kAllNear, request_.dof, leaf_);
            lists[i].absorb(request_.summaries.list(query * request_.n_classes + classes_[i]));
            lists[i].finish();
        }
    }

    const SummaryVoteRequest& request_;
    const LeafLoops& leaf_;
    ContestSolver solver_;
    std::vector<RowSummary> lists_, moments_;
    std::vector<int> classes_;
    int largest_ = 0;
    std::int64_t n_rows_ = 0;
};

}  // namespace detail

// probability and error are [n_queries][n_classes]; in_doubt[query]: whether more near rows would make the error smaller. An error of 1
// says that nothing is known.
inline void vote_summaries(const SummaryVoteRequest& request, double* probability, double* error, std::int64_t* in_doubt) {
    const LeafLoops& leaf = leaf_loops();
    Workers<detail::SummaryVoter> workers(request.n_threads, [&] { return std::make_unique<detail::SummaryVoter>(request, leaf); });
    for_each_item(request.n_queries, request.n_threads, request.checkpoint, [&](int w, std::int64_t query) {
        in_doubt[query] = workers[w].solve(query, probability + query * request.n_classes, error + query * request.n_classes) ? 1 : 0;
    });
}

}  // namespace knn_cert
