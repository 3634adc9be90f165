// register_votes.cpp: vote, bucketed vote and race for arrays of squared distances.
#include <vector>

#include "bindings.hpp"
#include "knn_cert/queries.hpp"

namespace knn_cert_python {
namespace {

knn_cert::VoteRequest make_request(const Doubles& sq_distances, const Integers& labels, int n_classes, int n_neighbors,
                                   double sigma, double dof, int n_threads) {
    expect(sq_distances.ndim() == 2 && labels.ndim() == 1 && sq_distances.shape(1) == labels.shape(0),
           "sq_distances must be (m, n) and labels (n,)");
    expect(n_neighbors >= 1 && n_neighbors <= labels.shape(0) && n_threads >= 1, "n_neighbors or n_threads out of range");
    const std::int64_t* const values = labels.data();
    for (py::ssize_t i = 0; i < labels.size(); ++i)
        expect(values[i] >= 0 && values[i] < n_classes, "labels must be 0 .. n_classes - 1");
    return {sq_distances.data(), sq_distances.shape(0), sq_distances.shape(1), values,    n_classes, n_neighbors,
            sigma,               dof,                   n_threads,             &python_checkpoint};
}

py::tuple vote(const Doubles& sq_distances, const Integers& labels, int n_classes, int n_neighbors, double sigma, double dof,
               int n_threads) {
    const knn_cert::VoteRequest request =
        make_request(sq_distances, labels, n_classes, n_neighbors, sigma, dof, n_threads);
    Doubles probability({request.n_queries, static_cast<std::int64_t>(n_classes)});
    Doubles error({request.n_queries, static_cast<std::int64_t>(n_classes)});
    double* const p = probability.mutable_data();
    double* const e = error.mutable_data();
    {
        py::gil_scoped_release release;  // worker threads touch no Python object
        knn_cert::vote(request, p, e);
    }
    return py::make_tuple(probability, error);
}

py::tuple vote_bucketed(const Doubles& sq_distances, const Integers& labels, int n_classes, int n_neighbors, double sigma,
                        double dof, const Doubles& edges, int n_threads) {
    const knn_cert::VoteRequest request =
        make_request(sq_distances, labels, n_classes, n_neighbors, sigma, dof, n_threads);
    const std::vector<double> bounds(edges.data(), edges.data() + edges.size());
    Doubles probability({request.n_queries, static_cast<std::int64_t>(n_classes)});
    Doubles error({request.n_queries, static_cast<std::int64_t>(n_classes)});
    double* const p = probability.mutable_data();
    double* const e = error.mutable_data();
    {
        py::gil_scoped_release release;  // worker threads touch no Python object
        knn_cert::vote_bucketed(request, bounds, p, e);
    }
    return py::make_tuple(probability, error);
}

const std::int64_t* check_starts(const Integers& starts, const Doubles& values) {
    const py::ssize_t n = starts.size();
    expect(n >= 1 && starts.data()[0] == 0 && starts.data()[n - 1] == values.size(), "starts must run from 0 to the number of distances");
    for (py::ssize_t i = 0; i + 1 < n; ++i) expect(starts.data()[i] <= starts.data()[i + 1], "starts must not decrease");
    return starts.data();
}

py::tuple races(const Doubles& sq_a, const Integers& start_a, int m_a, const Doubles& sq_b, const Integers& start_b, int m_b,
                double sigma, double dof, int n_threads) {
    expect(m_a >= 1 && m_b >= 1 && n_threads >= 1, "m_a, m_b and n_threads must be at least 1");
    expect(start_a.size() == start_b.size(), "both lists must have one start a query");
    const knn_cert::RaceRequest request{
        sq_a.data(), check_starts(start_a, sq_a), m_a, sq_b.data(), check_starts(start_b, sq_b), m_b, start_a.size() - 1, sigma, dof,
        n_threads,   &python_checkpoint};
    Doubles probability({request.n_queries, std::int64_t{2}});
    Doubles error({request.n_queries, std::int64_t{2}});
    double* const p = probability.mutable_data();
    double* const e = error.mutable_data();
    {
        py::gil_scoped_release release;  // worker threads touch no Python object
        knn_cert::races(request, p, e);
    }
    return py::make_tuple(probability, error);
}

py::tuple race(const Doubles& sq_distances_a, int m_a, const Doubles& sq_distances_b, int m_b, double sigma, double dof) {
    expect(m_a >= 1 && m_b >= 1, "m_a and m_b must be at least 1");
    const std::int64_t start_a[2] = {0, sq_distances_a.size()}, start_b[2] = {0, sq_distances_b.size()};
    const knn_cert::RaceRequest request{sq_distances_a.data(), start_a, m_a, sq_distances_b.data(), start_b, m_b, 1, sigma, dof, 1,
                                        &python_checkpoint};
    double p[2], e[2];
    {
        py::gil_scoped_release release;  // plain arrays from here on
        knn_cert::races(request, p, e);
    }
    return py::make_tuple(p[0], p[1], std::max(e[0], e[1]));
}

}  // namespace

void register_votes(py::module_& module) {
    module.def("vote", &vote, py::arg("sq_distances"), py::arg("labels"), py::kw_only(), py::arg("n_classes"),
               py::arg("n_neighbors"), py::arg("sigma"), py::arg("dof"), py::arg("n_threads"));
    module.def("vote_bucketed", &vote_bucketed, py::arg("sq_distances"), py::arg("labels"), py::kw_only(), py::arg("n_classes"),
               py::arg("n_neighbors"), py::arg("sigma"), py::arg("dof"), py::arg("edges"), py::arg("n_threads"));
    module.def("race", &race, py::arg("sq_distances_a"), py::arg("m_a"), py::arg("sq_distances_b"), py::arg("m_b"), py::kw_only(),
               py::arg("sigma"), py::arg("dof"));
    module.def("races", &races, py::arg("sq_a"), py::arg("start_a"), py::arg("m_a"), py::arg("sq_b"), py::arg("start_b"),
               py::arg("m_b"), py::kw_only(), py::arg("sigma"), py::arg("dof"), py::arg("n_threads"));
}

}  // namespace knn_cert_python
