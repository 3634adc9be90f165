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

}  // namespace detail

// The continuous classifier; probability and error are [n_queries][n_classes].
inline void vote(const VoteRequest& request, double* probability, double* error) {
    const detail::ClassLists classes(request);
    const LeafLoops& leaf = leaf_loops();
    struct Worker {
        ContinuousSolver solver;
        Lists lists;
    };
    std::vector<std::unique_ptr<Worker>> workers(static_cast<std::size_t>(request.n_threads));
    for_each_item(request.n_queries, request.n_threads, request.checkpoint, [&](int w, std::int64_t query) {
        Outcome outcome;
        if (!classes.certain()) {
            std::unique_ptr<Worker>& worker = workers[static_cast<std::size_t>(w)];
            if (!worker) worker.reset(new Worker{ContinuousSolver(request.dof, leaf), {}});
            std::vector<std::vector<double>>& s = worker->lists.s;
            s.resize(classes.class_of_list.size());
            for (std::vector<double>& list : s) list.clear();
            const double* const row = request.sq_distances + query * request.n_rows;
            for (std::int64_t i = 0; i < request.n_rows; ++i)
                s[static_cast<std::size_t>(classes.list(request.labels[i]))].push_back(scaled_distance(row[i], request.sigma));
            outcome = worker->solver.solve(worker->lists, classes.contest);
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

struct RaceOutcome {
    double p_a, p_b, error_a, error_b;
};

// The m_a-th nearest row of list A against the m_b-th nearest of list B. A list that is too short never arrives.
inline RaceOutcome race(const std::vector<double>& sq_distances_a, int m_a, const std::vector<double>& sq_distances_b, int m_b,
                        double sigma, double dof) {
    const bool a_arrives = sq_distances_a.size() >= static_cast<std::size_t>(m_a);
    const bool b_arrives = sq_distances_b.size() >= static_cast<std::size_t>(m_b);
    if (!a_arrives || !b_arrives) return {a_arrives ? 1.0 : 0.0, b_arrives ? 1.0 : 0.0, 0.0, 0.0};
    Lists lists;
    lists.s.resize(2);
    for (const double sq : sq_distances_a) lists.s[0].push_back(scaled_distance(sq, sigma));
    for (const double sq : sq_distances_b) lists.s[1].push_back(scaled_distance(sq, sigma));
    const Outcome out = ContinuousSolver(dof, leaf_loops()).solve(lists, BoundedContest::of_race(m_a, m_b));
    return {out.probability[0], out.probability[1], out.error[0], out.error[1]};
}

}  // namespace knn_cert
