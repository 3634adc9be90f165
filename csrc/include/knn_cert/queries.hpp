// queries.hpp: many queries against one set of rows: the three entry points of the kernel. No Python.
//
// Each query is worked out alone and in the same way whatever the number of threads.
#pragma once

#include <memory>
#include <vector>

#include "bucketed.hpp"
#include "continuous.hpp"
#include "parallel.hpp"

namespace knn_cert {

struct VoteRequest {
    const double* sq_distances;   // [n_queries][n_rows]
    std::int64_t n_queries, n_rows;
    const std::int64_t* labels;   // [n_rows], 0 .. n_classes - 1
    int n_classes, n_neighbors;
    double sigma, dof;
    int n_threads;
    Checkpoint checkpoint;
};

namespace detail {

// Classes that have rows, in the order of their index, become the lists of the contest.
struct ClassLists {
    std::vector<std::int32_t> list_of_class;
    std::vector<int> class_of_list;
    BoundedContest contest;
    int certain_winner = -1;

    explicit ClassLists(const VoteRequest& request) : list_of_class(static_cast<std::size_t>(request.n_classes), -1) {
        std::vector<std::int64_t> count(list_of_class.size(), 0);
        for (std::int64_t i = 0; i < request.n_rows; ++i) ++count[static_cast<std::size_t>(request.labels[i])];
        for (std::size_t c = 0; c < count.size(); ++c)
            if (count[c] > 0) {
                list_of_class[c] = static_cast<std::int32_t>(class_of_list.size());
                class_of_list.push_back(static_cast<int>(c));
            }
        if (class_of_list.size() == 1 || request.n_neighbors == request.n_rows)  // ties to the lowest class
            certain_winner = static_cast<int>(std::max_element(count.begin(), count.end()) - count.begin());
        contest = BoundedContest::of_vote(static_cast<int>(class_of_list.size()), request.n_neighbors);
    }
    std::int32_t list(std::int64_t label) const { return list_of_class[static_cast<std::size_t>(label)]; }
    // All rows vote, or all have one class: the noise decides nothing.
    bool certain() const { return certain_winner >= 0; }

    void write(const Outcome& outcome, double* probability, double* error) const {
        for (std::size_t c = 0; c < list_of_class.size(); ++c) probability[c] = error[c] = 0.0;
        if (certain()) {
            probability[certain_winner] = 1.0;
            return;
        }
        for (std::size_t i = 0; i < class_of_list.size(); ++i) {
            probability[class_of_list[i]] = outcome.probability[i];
            error[class_of_list[i]] = outcome.error[i];
        }
    }
};

// What a thread keeps from query to query of the continuous classifier.
class ContinuousWorkers {
public:
    struct Worker {
        ContinuousSolver solver;
        Lists lists;
    };

    ContinuousWorkers(int n_threads, double dof) : workers_(static_cast<std::size_t>(n_threads)), dof_(dof), leaf_(leaf_loops()) {}

    // The worker of thread w, with n_lists empty lists.
    Worker& get(int w, std::size_t n_lists) {
        std::unique_ptr<Worker>& worker = workers_[static_cast<std::size_t>(w)];
        if (!worker) worker.reset(new Worker{ContinuousSolver(dof_, leaf_), {}});
        worker->lists.s.resize(n_lists);
        for (std::vector<double>& list : worker->lists.s) list.clear();
        return *worker;
    }

private:
    std::vector<std::unique_ptr<Worker>> workers_;
    double dof_;
    const LeafLoops& leaf_;
};

}  // namespace detail

// The continuous classifier; probability and error are [n_queries][n_classes].
inline void vote(const VoteRequest& request, double* probability, double* error) {
    const detail::ClassLists classes(request);
    detail::ContinuousWorkers workers(request.n_threads, request.dof);
    for_each_item(request.n_queries, request.n_threads, request.checkpoint, [&](int w, std::int64_t query) {
        Outcome outcome;
        if (!classes.certain()) {
            auto& [solver, lists] = workers.get(w, classes.class_of_list.size());
            const double* const row = request.sq_distances + query * request.n_rows;
            for (std::int64_t i = 0; i < request.n_rows; ++i)
                lists.s[static_cast<std::size_t>(classes.list(request.labels[i]))].push_back(scaled_distance(row[i], request.sigma));
            outcome = solver.solve(lists, classes.contest);
        }
        classes.write(outcome, probability + query * request.n_classes, error + query * request.n_classes);
    });
}

// The bucketed classifier of Theorem 3; edges on the squared distance, increasing.
inline void vote_bucketed(const VoteRequest& request, const std::vector<double>& edges, double* probability, double* error) {
    const detail::ClassLists classes(request);
    const LeafLoops& leaf = leaf_loops();
    BucketTable table(request.dof, request.sigma, edges);
    std::vector<std::int32_t> lists(static_cast<std::size_t>(request.n_rows));
    for (std::size_t i = 0; i < lists.size(); ++i) lists[i] = classes.list(request.labels[i]);
    struct Worker {
        BucketedSolver solver;
        std::vector<double> s;
    };
    std::vector<std::unique_ptr<Worker>> workers(static_cast<std::size_t>(request.n_threads));
    for_each_item(request.n_queries, request.n_threads, request.checkpoint, [&](int w, std::int64_t query) {
        Outcome outcome;
        if (!classes.certain()) {
            std::unique_ptr<Worker>& worker = workers[static_cast<std::size_t>(w)];
            if (!worker) worker.reset(new Worker{BucketedSolver(table, leaf), {}});
            worker->s.resize(lists.size());
            const double* const row = request.sq_distances + query * request.n_rows;
            for (std::size_t i = 0; i < lists.size(); ++i) worker->s[i] = scaled_distance(row[i], request.sigma);
            outcome = worker->solver.solve(worker->s, lists, classes.contest);
        }
        classes.write(outcome, probability + query * request.n_classes, error + query * request.n_classes);
    });
}

// Races of two lists each, one a query: the m_a-th nearest row of list A against the m_b-th nearest of list B. The lists of query
// q are sq_a[start_a[q] .. start_a[q + 1]) and likewise for B, in any order; a list that is too short never arrives.
struct RaceRequest {
    const double* sq_a;
    const std::int64_t* start_a;
    int m_a;
    const double* sq_b;
    const std::int64_t* start_b;
    int m_b;
    std::int64_t n_queries;
    double sigma, dof;
    int n_threads;
    Checkpoint checkpoint;
};

// probability and error are [n_queries][2]: A first, B first.
inline void races(const RaceRequest& request, double* probability, double* error) {
    const BoundedContest contest = BoundedContest::of_race(request.m_a, request.m_b);
    detail::ContinuousWorkers workers(request.n_threads, request.dof);
    for_each_item(request.n_queries, request.n_threads, request.checkpoint, [&](int w, std::int64_t query) {
        const std::int64_t a = request.start_a[query], a_end = request.start_a[query + 1];
        const std::int64_t b = request.start_b[query], b_end = request.start_b[query + 1];
        const bool a_arrives = a_end - a >= request.m_a, b_arrives = b_end - b >= request.m_b;
        double* const p = probability + 2 * query;
        double* const e = error + 2 * query;
        e[0] = e[1] = 0.0;
        if (!a_arrives || !b_arrives) {
            p[0] = a_arrives ? 1.0 : 0.0;
            p[1] = b_arrives ? 1.0 : 0.0;
            return;
        }
        auto& [solver, lists] = workers.get(w, 2);
        for (std::int64_t i = a; i < a_end; ++i) lists.s[0].push_back(scaled_distance(request.sq_a[i], request.sigma));
        for (std::int64_t i = b; i < b_end; ++i) lists.s[1].push_back(scaled_distance(request.sq_b[i], request.sigma));
        const Outcome outcome = solver.solve(lists, contest);
        for (std::size_t y = 0; y < 2; ++y) {
            p[y] = outcome.probability[y];
            e[y] = outcome.error[y];
        }
    });
}

}  // namespace knn_cert
