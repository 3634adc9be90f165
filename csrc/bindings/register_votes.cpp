// register_votes.cpp: vote, votes by a scan, bucketed votes, races and families of races, for arrays.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "knn_cert/queries.hpp"
#include "summary_tuples.hpp"

namespace knn_cert_python {
namespace {

knn_cert::VoteRequest make_request(const Doubles& distances, const Integers& labels, int n_classes, int n_neighbors, double sigma,
                                   double dof, bool recurrence, int n_threads) {
    expect(distances.ndim() == 2 && labels.ndim() == 1 && distances.shape(1) == labels.shape(0),
           "distances must be (m, n) and labels (n,)");
    expect(n_neighbors >= 1 && n_neighbors <= labels.shape(0) && n_threads >= 1, "n_neighbors or n_threads out of range");
    expect_labels(labels, n_classes);
    knn_cert::VoteRequest request;
    request.distances = distances.data();
    request.n_queries = distances.shape(0);
    request.n_rows = distances.shape(1);
    request.labels = labels.data();
    request.n_classes = n_classes;
    request.n_neighbors = n_neighbors;
    request.sigma = sigma;
    request.dof = dof;
    request.recurrence = recurrence;
    request.n_threads = n_threads;
    request.checkpoint = &python_checkpoint;
    return request;
}

py::tuple vote(const Doubles& distances, const Integers& labels, int n_classes, int n_neighbors, double sigma, double dof, bool recurrence,
               int n_threads) {
    const knn_cert::VoteRequest request = make_request(distances, labels, n_classes, n_neighbors, sigma, dof, recurrence, n_threads);
    Doubles probability({request.n_queries, static_cast<std::int64_t>(n_classes)});
    Doubles error({request.n_queries, static_cast<std::int64_t>(n_classes)});
    double* const p = probability.mutable_data();
    double* const e = error.mutable_data();
    without_gil([&] {  // worker threads touch no Python object
        knn_cert::vote(request, p, e);
    });
    return py::make_tuple(probability, error);
}

py::tuple vote_scan(const Doubles& queries, const Doubles& rows, const Integers& labels, int n_classes, const Integers& n_neighbors,
                    const Doubles& sigma, double dof, int n_threads) {
    expect(queries.ndim() == 2 && rows.ndim() == 2 && queries.shape(1) == rows.shape(1) && labels.ndim() == 1 &&
               labels.shape(0) == rows.shape(0),
           "queries (m, d), rows (n, d) and labels (n,) expected");
    expect(n_threads >= 1, "n_threads must be at least 1");
    expect_labels(labels, n_classes);
    knn_cert::ScanRequest request;
    request.queries = queries.data();
    request.n_queries = queries.shape(0);
    request.rows.data = rows.data();
    request.rows.n = rows.shape(0);
    request.rows.dim = rows.shape(1);
    request.labels = labels.data();
    request.n_classes = n_classes;
    request.sigmas.assign(sigma.data(), sigma.data() + sigma.size());
    request.dof = dof;
    request.n_threads = n_threads;
    request.checkpoint = &python_checkpoint;
    for (py::ssize_t i = 0; i < n_neighbors.size(); ++i) {
        expect(n_neighbors.data()[i] >= 1 && n_neighbors.data()[i] <= labels.size(), "n_neighbors out of range");
        request.n_neighbors.push_back(static_cast<int>(n_neighbors.data()[i]));
    }
    const std::vector<py::ssize_t> shape = {queries.shape(0), sigma.size(), n_neighbors.size(), static_cast<py::ssize_t>(n_classes)};
    Doubles probability(shape);
    Doubles error(shape);
    double* const p = probability.mutable_data();
    double* const e = error.mutable_data();
    without_gil([&] {  // worker threads touch no Python object
        knn_cert::vote_scan(request, p, e);
    });
    Doubles shift(queries.shape(0));
    std::fill_n(shift.mutable_data(), queries.shape(0), 0.0);  // the errors have the distances' share in them
    return py::make_tuple(probability, error, shift);
}

py::tuple vote_bucketed(const Doubles& distances, const Integers& labels, int n_classes, int n_neighbors, double sigma, double dof,
                        const Doubles& edges, int n_threads) {
    const knn_cert::VoteRequest request = make_request(distances, labels, n_classes, n_neighbors, sigma, dof, true, n_threads);
    const std::vector<double> bounds(edges.data(), edges.data() + edges.size());
    Doubles probability({request.n_queries, static_cast<std::int64_t>(n_classes)});
    Doubles error({request.n_queries, static_cast<std::int64_t>(n_classes)});
    double* const p = probability.mutable_data();
    double* const e = error.mutable_data();
    without_gil([&] {  // worker threads touch no Python object
        knn_cert::vote_bucketed(request, bounds, p, e);
    });
    return py::make_tuple(probability, error);
}

py::tuple race_families(const Doubles& distances, const Integers& first, const Integers& end, const Integers& start,
                        const Integers& n_members, const Integers& m_a, const Integers& m_b, double sigma, double dof, double tolerance,
                        bool recurrence, const py::object& far, const std::string& far_kind, int n_threads) {
    const py::ssize_t n_rows = distances.size();
    const py::ssize_t n_families = n_members.size();
    expect(m_a.size() == n_families && m_b.size() == n_families && n_threads >= 1 && tolerance >= 0.0,
           "m_a, m_b, n_threads or tolerance out of range");
    expect(std::isfinite(sigma) && sigma > 0.0 && std::isfinite(dof) && dof > 0.0, "sigma or dof out of range");
    expect(std::all_of(distances.data(), distances.data() + n_rows, [](double s) { return std::isfinite(s) && s >= 0.0; }),
           "distances must be finite, not negative");
    expect(first.size() == n_rows && end.size() == n_rows && start.size() == 2 * n_families + 1 && start.data()[0] == 0 &&
               start.data()[2 * n_families] == n_rows,
           "every row needs a range of members, and two lists a family");
    knn_cert::FamilyRequest request;
    request.distances = distances.data();
    request.first = first.data();
    request.end = end.data();
    request.start = start.data();
    request.n_members = n_members.data();
    request.m_a = m_a.data();
    request.m_b = m_b.data();
    request.n_families = n_families;
    request.sigma = sigma;
    request.dof = dof;
    request.tolerance = tolerance;
    request.recurrence = recurrence;
    request.n_threads = n_threads;
    request.checkpoint = &python_checkpoint;
    std::unique_ptr<HeldSummaries> held;
    Integers far_of;
    if (!far.is_none()) {
        const auto pair = far.cast<py::tuple>();
        expect(pair.size() == 2, "far must be summaries and the list of each side");
        held = std::make_unique<HeldSummaries>(pair[0].cast<py::tuple>());
        far_of = pair[1].cast<Integers>();
        expect(far_of.size() == 2 * n_families, "far needs a list, or -1, for each side");
        for (py::ssize_t i = 0; i < far_of.size(); ++i) expect(far_of.data()[i] < held->bound.size(), "far names a list that is none");
        request.far = held->view();
        request.far_of = far_of.data();
        request.far_kind = far_kind_of(far_kind);
    }
    std::int64_t total = 0;
    for (std::int64_t f = 0; f < n_families; ++f) {
        expect(request.m_a[f] >= 1 && request.m_b[f] >= 1 && request.n_members[f] >= 1 &&
                   request.start[2 * f] <= request.start[2 * f + 1] && request.start[2 * f + 1] <= request.start[2 * f + 2],
               "a family needs members, m_a and m_b of at least 1, and lists in order");
        for (std::int64_t i = request.start[2 * f]; i < request.start[2 * f + 2]; ++i)
            expect((request.first[i] == 0 && 0 <= request.end[i] && request.end[i] <= request.n_members[f]) ||
                       (request.end[i] == request.n_members[f] && 0 <= request.first[i] && request.first[i] <= request.n_members[f]),
                   "a row must belong to the first members or to the last ones");
        total += request.n_members[f];
    }
    Doubles probability({total, std::int64_t{2}});
    Doubles error({total, std::int64_t{2}});
    double* const p = probability.mutable_data();
    double* const e = error.mutable_data();
    without_gil([&] {  // worker threads touch no Python object
        knn_cert::race_families(request, p, e);
    });
    return py::make_tuple(probability, error);
}

py::tuple race(const Doubles& distances_a, int m_a, const Doubles& distances_b, int m_b, double sigma, double dof, bool recurrence) {
    expect(m_a >= 1 && m_b >= 1, "m_a and m_b must be at least 1");
    knn_cert::RaceRequest request;
    request.distances_a = distances_a.data();
    request.n_a = distances_a.size();
    request.m_a = m_a;
    request.distances_b = distances_b.data();
    request.n_b = distances_b.size();
    request.m_b = m_b;
    request.sigma = sigma;
    request.dof = dof;
    request.recurrence = recurrence;
    request.checkpoint = &python_checkpoint;
    double p[2];
    double e[2];
    without_gil([&] {  // plain arrays from here on
        knn_cert::race(request, p, e);
    });
    return py::make_tuple(p[0], p[1], std::max(e[0], e[1]));
}

}  // namespace

void register_votes(py::module_& module) {
    module.def("vote", &vote, py::arg("distances"), py::arg("labels"), py::kw_only(), py::arg("n_classes"), py::arg("n_neighbors"),
               py::arg("sigma"), py::arg("dof"), py::arg("recurrence") = false, py::arg("n_threads"));
    module.def("vote_scan", &vote_scan, py::arg("queries"), py::arg("rows"), py::arg("labels"), py::kw_only(), py::arg("n_classes"),
               py::arg("n_neighbors"), py::arg("sigma"), py::arg("dof"), py::arg("n_threads"));
    module.def("vote_bucketed", &vote_bucketed, py::arg("distances"), py::arg("labels"), py::kw_only(), py::arg("n_classes"),
               py::arg("n_neighbors"), py::arg("sigma"), py::arg("dof"), py::arg("edges"), py::arg("n_threads"));
    module.def("race", &race, py::arg("distances_a"), py::arg("m_a"), py::arg("distances_b"), py::arg("m_b"), py::kw_only(),
               py::arg("sigma"), py::arg("dof"), py::arg("recurrence") = false);
    module.def("race_families", &race_families, py::arg("distances"), py::arg("first"), py::arg("end"), py::arg("start"),
               py::arg("n_members"), py::arg("m_a"), py::arg("m_b"), py::kw_only(), py::arg("sigma"), py::arg("dof"), py::arg("tolerance"),
               py::arg("recurrence") = false, py::arg("far") = py::none(), py::arg("far_kind") = "counting", py::arg("n_threads"));
}

}  // namespace knn_cert_python
