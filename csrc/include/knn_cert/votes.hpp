// votes.hpp: entry points of the kernel: votes of many queries against one set of rows. No Python.
//
// Each query is worked out alone and in the same way whatever the number of threads.
#pragma once

#include <memory>
#include <vector>

#include "bucketed.hpp"
#include "contest_solver.hpp"
#include "distance_scan.hpp"

namespace knn_cert {

// Classes that have rows, in the order of their index, become the lists of the contest.
class ClassLists {
public:
    ClassLists(const std::int64_t* labels, std::int64_t n_rows, int n_classes) : count_(static_cast<std::size_t>(n_classes), 0) {
        for (std::int64_t i = 0; i < n_rows; ++i) ++count_[static_cast<std::size_t>(labels[i])];
        std::vector<std::int32_t> list_of_class(count_.size(), -1);
        for (std::size_t c = 0; c < count_.size(); ++c)
            if (count_[c] > 0) {
                list_of_class[c] = static_cast<std::int32_t>(class_of_list_.size());
                class_of_list_.push_back(static_cast<int>(c));
            }
        for (std::int64_t i = 0; i < n_rows; ++i) list_of_row_.push_back(list_of_class[static_cast<std::size_t>(labels[i])]);
        n_rows_ = n_rows;
    }

    [[nodiscard]] int n_lists() const { return static_cast<int>(class_of_list_.size()); }
    [[nodiscard]] const std::vector<std::int32_t>& list_of_row() const { return list_of_row_; }
    [[nodiscard]] BoundedContest contest(int n_neighbors) const { return BoundedContest::of_vote(n_lists(), n_neighbors); }

    // All rows vote, or all have one class: the noise decides nothing.
    [[nodiscard]] bool certain(int n_neighbors) const { return n_lists() == 1 || n_neighbors == n_rows_; }
    void write_certain(double* probability, double* error) const {
        clear(probability, error);
        probability[std::max_element(count_.begin(), count_.end()) - count_.begin()] = 1.0;  // ties to the lowest class
    }
    // Outcomes first, first + 1, ... are those of the lists.
    void write(const Outcome& outcome, std::size_t first, double* probability, double* error) const {
        clear(probability, error);
        for (std::size_t i = 0; i < class_of_list_.size(); ++i) {
            probability[class_of_list_[i]] = outcome.probability[first + i];
            error[class_of_list_[i]] = outcome.error[first + i];
        }
    }

private:
    void clear(double* probability, double* error) const {
        for (std::size_t c = 0; c < count_.size(); ++c) probability[c] = error[c] = 0.0;
    }

    std::vector<std::int64_t> count_;  // rows of each class
    std::vector<int> class_of_list_;
    std::vector<std::int32_t> list_of_row_;
    std::int64_t n_rows_ = 0;
};

// Adds the rows of one query to their lists, portion by portion; s(i) is the distance of row i in units of sigma.
template <class Distance>
void add_by_list(const std::vector<std::int32_t>& list_of_row, Distance&& s, std::vector<std::vector<double>>& buffers,
                 std::vector<RowSummary>& lists) {
    constexpr std::size_t kPortion = 512;
    buffers.resize(lists.size());
    const auto flush = [&](std::size_t c) {
        lists[c].add(buffers[c].data(), static_cast<std::int64_t>(buffers[c].size()), 1.0);
        buffers[c].clear();
    };
    for (std::size_t i = 0; i < list_of_row.size(); ++i) {
        const std::size_t c = static_cast<std::size_t>(list_of_row[i]);
        buffers[c].push_back(s(i));
        if (buffers[c].size() == kPortion) flush(c);
    }
    for (std::size_t c = 0; c < lists.size(); ++c) flush(c);
}

// Requests are filled field by field, by name (their constructors see to it): two numbers that change places would go unnoticed.
struct VoteRequest {
    const double* distances = nullptr;  // [n_queries][n_rows]
    std::int64_t n_queries = 0, n_rows = 0;
    const std::int64_t* labels = nullptr;  // [n_rows], 0 .. n_classes - 1
    int n_classes = 0, n_neighbors = 0;
    double sigma = 0.0, dof = 0.0;
    bool recurrence = false;  // every row one by one
    int n_threads = 1;
    Checkpoint checkpoint = no_checkpoint;

    explicit VoteRequest() = default;
};

// The continuous classifier; probability and error are [n_queries][n_classes].
inline void vote(const VoteRequest& request, double* probability, double* error) {
    const ClassLists classes(request.labels, request.n_rows, request.n_classes);
    const std::vector<BoundedContest> contests = {classes.contest(request.n_neighbors)};
    struct Worker {
        ContestSolver solver;
        std::vector<std::vector<double>> buffers;
        Worker(double dof, const LeafLoops& leaf) : solver(dof, leaf) {}
    };
    const LeafLoops& leaf = leaf_loops();
    Workers<Worker> workers(request.n_threads, [&] { return std::make_unique<Worker>(request.dof, leaf); });
    for_each_item(request.n_queries, request.n_threads, request.checkpoint, [&](int w, std::int64_t query) {
        double* const p = probability + query * request.n_classes;
        double* const e = error + query * request.n_classes;
        if (classes.certain(request.n_neighbors)) return classes.write_certain(p, e);
        Worker& worker = workers[w];
        const double* const row = request.distances + query * request.n_rows;
        const auto s = [&](std::size_t i) { return row[i] / request.sigma; };
        const Outcome outcome = worker.solver.solve_filled(
            static_cast<std::size_t>(classes.n_lists()), contests, SquareError::of_roots(), request.recurrence,
            [&](std::vector<RowSummary>& lists) { add_by_list(classes.list_of_row(), s, worker.buffers, lists); });
        classes.write(outcome, 0, p, e);
    });
}

// Queries against rows, for every sigma and number of neighbours from one scan of the distances.
struct ScanRequest {
    const double* queries = nullptr;  // [n_queries][rows.dim]
    std::int64_t n_queries = 0;
    DenseRows rows;
    const std::int64_t* labels = nullptr;  // [rows.n], 0 .. n_classes - 1
    int n_classes = 0;
    std::vector<int> n_neighbors;
    std::vector<double> sigmas;
    double dof = 0.0;
    int n_threads = 1;
    Checkpoint checkpoint = no_checkpoint;

    explicit ScanRequest() = default;
};

namespace detail {

// A near row more for each 2500 far ones takes next to no time beside their scan.
constexpr std::size_t kFarPerNear = 2500;

// The queries of one thread, a group at a time.
class ScanWorker {
public:
    ScanWorker(const ScanRequest& request, const ClassLists& classes, const ScanRows& rows, const std::vector<BoundedContest>& contests,
               const LeafLoops& leaf)
        : request_(request),
          classes_(classes),
          rows_(rows),
          contests_(contests),
          leaf_(leaf),
          scan_(rows, leaf),
          solver_(request.dof, leaf) {
        for (const BoundedContest& contest : contests)
            (ContestSolver::many_votes(contest) ? by_contours_ : by_integral_).push_back(contest);
    }

    // Queries first .. first + n - 1. Where far rows leave too much doubt, those queries are scanned once more for more near rows,
    // and at last, or where the distances alone do, one by one.
    template <class Write>
    void solve(std::int64_t first, std::int64_t n, Write&& write) {
        std::vector<std::int64_t> queries;
        std::vector<std::int64_t> unsettled;
        std::vector<std::int64_t> direct;
        for (std::int64_t query = first; query < first + n; ++query) queries.push_back(query);
        // beside many far rows some more near ones cost nothing, and spare a second scan
        const std::size_t usual = near_rows_for(by_integral_);
        const std::size_t many = kMoreNear * usual;
        const std::size_t few = std::clamp(static_cast<std::size_t>(request_.rows.n) / kFarPerNear, usual, many);
        for (const std::size_t n_near : {few, many}) {
            scan_group(queries, n_near);
            unsettled.clear();
            for (std::size_t i = 0; i < queries.size(); ++i) {
                heartbeat();
                const auto write_of_query = [&](std::size_t sigma, const Outcome& outcome) { write(queries[i], sigma, outcome); };
                if (settle(i, write_of_query)) continue;
                (has_far(i) ? unsettled : direct).push_back(queries[i]);
            }
            queries.swap(unsettled);
            if (queries.empty()) break;
        }
        direct.insert(direct.end(), queries.begin(), queries.end());
        for (const std::int64_t query : direct) by_direct_distances(query, write);
    }

private:
    // Writes what is settled of query i of the group; whether that is all.
    template <class Write>
    bool settle(std::size_t i, Write&& write) {
        bool settled = true;
        for (std::size_t sigma = 0; sigma < request_.sigmas.size(); ++sigma) {
            const SquareError sq_error = rows_.sq_error(scan_.query_norm(static_cast<std::int64_t>(i)), request_.sigmas[sigma]);
            const Outcome outcome = solver_.solve_scanned(summaries_[i * request_.sigmas.size() + sigma],
                                                          moments_[i * request_.sigmas.size() + sigma], contests_, sq_error);
            settled = settled && outcome.settled;
            if (outcome.settled) write(sigma, outcome);
        }
        return settled;
    }

    // Whether query i of the group has far rows, for any sigma.
    [[nodiscard]] bool has_far(std::size_t i) const {
        for (std::size_t sigma = 0; sigma < request_.sigmas.size(); ++sigma)
            for (const RowSummary& list : summaries_[i * request_.sigmas.size() + sigma])
                if (list.has_far()) return true;
        return false;
    }

    void scan_group(const std::vector<std::int64_t>& queries, std::size_t n_near) {
        const std::size_t n_sigmas = request_.sigmas.size();
        std::vector<const double*> group;
        group.reserve(queries.size());
        for (const std::int64_t query : queries) group.push_back(request_.queries + query * request_.rows.dim);
        start_lists(queries.size() * n_sigmas, n_near);
        scan_(group, classes_.n_lists(), [&](std::int64_t query, std::int32_t list, const double* distances, std::int64_t n) {
            if (query == 0) heartbeat();
            for (std::size_t sigma = 0; sigma < n_sigmas; ++sigma)
                for (auto* const lists : {&summaries_, &moments_}) {
                    std::vector<RowSummary>& of_query = (*lists)[static_cast<std::size_t>(query) * n_sigmas + sigma];
                    if (!of_query.empty()) of_query[static_cast<std::size_t>(list)].add(distances, n, 1.0 / request_.sigmas[sigma]);
                }
        });
        for (std::size_t i = 0; i < queries.size() * n_sigmas; ++i)
            for (auto* const lists : {&summaries_, &moments_})
                for (RowSummary& list : (*lists)[i]) list.finish();
    }

    void start_lists(std::size_t n, std::size_t n_near) {
        const std::size_t n_lists = static_cast<std::size_t>(classes_.n_lists());
        summaries_.resize(std::max(summaries_.size(), n));
        moments_.resize(summaries_.size());
        for (std::size_t i = 0; i < n; ++i) {
            summaries_[i].resize(by_integral_.empty() ? 0 : n_lists);
            moments_[i].resize(by_contours_.empty() ? 0 : n_lists);
            for (RowSummary& list : summaries_[i]) list.start(n_near, request_.dof, leaf_);
            for (RowSummary& list : moments_[i]) list.start_moments(request_.dof, leaf_);
        }
    }

    template <class Write>
    void by_direct_distances(std::int64_t query, Write&& write) {
        const std::int64_t n = request_.rows.n;
        const std::int64_t dim = request_.rows.dim;
        distances_.resize(static_cast<std::size_t>(n));
        leaf_.sq_distances(request_.queries + query * dim, 1, request_.rows.data, n, dim, distances_.data(), n);
        for (double& distance : distances_) distance = std::sqrt(distance);
        for (std::size_t sigma = 0; sigma < request_.sigmas.size(); ++sigma) {
            heartbeat();
            const auto s = [&](std::size_t i) { return distances_[i] / request_.sigmas[sigma]; };
            write(query, sigma,
                  solver_.solve_filled(static_cast<std::size_t>(classes_.n_lists()), contests_, SquareError::of_differences(dim), false,
                                       [&](std::vector<RowSummary>& lists) { add_by_list(classes_.list_of_row(), s, buffers_, lists); }));
        }
    }

    const ScanRequest& request_;
    const ClassLists& classes_;
    const ScanRows& rows_;
    const std::vector<BoundedContest>& contests_;
    const LeafLoops& leaf_;
    DistanceScan scan_;
    ContestSolver solver_;
    std::vector<BoundedContest> by_contours_, by_integral_;  // contests of many votes, and the others
    // [query of the group][sigma][list], for the latter and for the former; without lists where there are none of these
    std::vector<std::vector<RowSummary>> summaries_, moments_;
    std::vector<double> distances_;
    std::vector<std::vector<double>> buffers_;
};

}  // namespace detail

// probability and error are [n_queries][sigmas][n_neighbors][n_classes].
inline void vote_scan(const ScanRequest& request, double* probability, double* error) {
    const ClassLists classes(request.labels, request.rows.n, request.n_classes);
    const LeafLoops& leaf = leaf_loops();
    const std::int64_t n_sigmas = static_cast<std::int64_t>(request.sigmas.size());
    const std::int64_t n_numbers = static_cast<std::int64_t>(request.n_neighbors.size());
    const auto at = [&](std::int64_t query, std::int64_t sigma, std::int64_t number) {
        return ((query * n_sigmas + sigma) * n_numbers + number) * request.n_classes;
    };
    std::vector<BoundedContest> contests;
    std::vector<std::int64_t> open;  // numbers of neighbours that the noise decides
    for (std::int64_t k = 0; k < n_numbers; ++k) {
        const int n_neighbors = request.n_neighbors[static_cast<std::size_t>(k)];
        if (!classes.certain(n_neighbors)) {
            contests.push_back(classes.contest(n_neighbors));
            open.push_back(k);
            continue;
        }
        for (std::int64_t query = 0; query < request.n_queries; ++query)
            for (std::int64_t i = 0; i < n_sigmas; ++i) classes.write_certain(probability + at(query, i, k), error + at(query, i, k));
    }
    if (contests.empty()) return;
    const ScanRows rows(request.rows, classes.list_of_row(), classes.n_lists(), request.n_threads, request.checkpoint);
    // A group shares each tile of rows; all threads should have one.
    std::int64_t group = (request.n_queries + request.n_threads - 1) / request.n_threads;
    group = std::clamp<std::int64_t>((group + 15) / 16 * 16, 16, kTileQueries);
    const std::int64_t n_groups = (request.n_queries + group - 1) / group;
    Workers<detail::ScanWorker> workers(request.n_threads,
                                        [&] { return std::make_unique<detail::ScanWorker>(request, classes, rows, contests, leaf); });
    for_each_item(n_groups, request.n_threads, request.checkpoint, [&](int w, std::int64_t item) {
        const std::int64_t first = item * group;
        workers[w].solve(first, std::min(group, request.n_queries - first),
                         [&](std::int64_t query, std::size_t sigma, const Outcome& outcome) {
                             for (std::size_t k = 0; k < open.size(); ++k) {
                                 const std::int64_t to = at(query, static_cast<std::int64_t>(sigma), open[k]);
                                 classes.write(outcome, k * static_cast<std::size_t>(classes.n_lists()), probability + to, error + to);
                             }
                         });
    });
}

// The bucketed classifier of Theorem 3; edges on the squared distance, increasing.
inline void vote_bucketed(const VoteRequest& request, const std::vector<double>& edges, double* probability, double* error) {
    const ClassLists classes(request.labels, request.n_rows, request.n_classes);
    const BoundedContest contest = classes.contest(request.n_neighbors);
    const LeafLoops& leaf = leaf_loops();
    const std::shared_ptr<BucketTable> table = BucketTable::shared(request.dof, request.sigma, edges);
    const std::vector<std::int32_t>& lists = classes.list_of_row();
    struct Worker {
        BucketedSolver solver;
        std::vector<double> s;
        Worker(BucketTable& table, const LeafLoops& leaf) : solver(table, leaf) {}
    };
    Workers<Worker> workers(request.n_threads, [&] { return std::make_unique<Worker>(*table, leaf); });
    for_each_item(request.n_queries, request.n_threads, request.checkpoint, [&](int w, std::int64_t query) {
        double* const p = probability + query * request.n_classes;
        double* const e = error + query * request.n_classes;
        if (classes.certain(request.n_neighbors)) return classes.write_certain(p, e);
        Worker& worker = workers[w];
        worker.s.resize(lists.size());
        const double* const row = request.distances + query * request.n_rows;
        for (std::size_t i = 0; i < lists.size(); ++i) worker.s[i] = row[i] / request.sigma;
        classes.write(worker.solver.solve(worker.s, lists, contest), 0, p, e);
    });
}

}  // namespace knn_cert
