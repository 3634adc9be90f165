// register_rivals.cpp: a class against its rivals: families of pairs, and what rows may cost, for arrays.
#include "bindings.hpp"
#include "knn_cert/queries.hpp"

namespace knn_cert_python {
namespace {

py::tuple pair_families(const Doubles& distances, const Integers& first, const Integers& end, const Integers& start,
                        const Integers& n_members, const Integers& lead, int n_neighbors, double sigma, double dof, double tolerance,
                        int n_threads) {
    const py::ssize_t n_rows = distances.size();
    const py::ssize_t n_families = n_members.size();
    expect(lead.size() == n_families && n_neighbors >= 1 && n_threads >= 1 && tolerance >= 0.0,
           "lead, n_neighbors, n_threads or tolerance out of range");
    expect(first.size() == n_rows && end.size() == n_rows && start.size() == 3 * n_families + 1 && start.data()[0] == 0 &&
               start.data()[3 * n_families] == n_rows,
           "every row needs a range of members, and three lists a family");
    knn_cert::PairRequest request;
    request.distances = distances.data();
    request.first = first.data();
    request.end = end.data();
    request.start = start.data();
    request.n_members = n_members.data();
    request.lead = lead.data();
    request.n_families = n_families;
    request.n_neighbors = n_neighbors;
    request.sigma = sigma;
    request.dof = dof;
    request.tolerance = tolerance;
    request.n_threads = n_threads;
    request.checkpoint = &python_checkpoint;
    std::int64_t total = 0;
    for (std::int64_t f = 0; f < n_families; ++f) {
        expect((request.lead[f] == 0 || request.lead[f] == 1) && request.n_members[f] >= 1, "a family needs members, and a lead of 0 or 1");
        for (std::int64_t list = 3 * f; list < 3 * f + 3; ++list)
            expect(request.start[list] <= request.start[list + 1], "lists must stand in order");
        for (std::int64_t i = request.start[3 * f]; i < request.start[3 * f + 3]; ++i)
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
        knn_cert::pair_families(request, p, e);
    });
    return py::make_tuple(probability, error);
}

// One query: distances (n,) increasing, labels (n,) -> scores (caps, n_classes, n).
Doubles rival_scores(const Doubles& distances, const Integers& labels, const Integers& caps, int n_classes, int n_neighbors, int target,
                     bool deletions, double sigma, double dof) {
    expect(distances.ndim() == 1 && labels.ndim() == 1 && distances.size() == labels.size(), "distances and labels must be (n,)");
    expect(n_neighbors >= 1 && n_neighbors < 127 && n_neighbors < distances.size(),
           "n_neighbors must be below the number of rows, and 127");
    expect(n_classes >= 2 && target >= 0 && target < n_classes && caps.size() >= 1, "n_classes, target or caps out of range");
    for (py::ssize_t i = 0; i < labels.size(); ++i)
        expect(labels.data()[i] >= 0 && labels.data()[i] < n_classes && (i == 0 || distances.data()[i - 1] <= distances.data()[i]),
               "labels must be 0 .. n_classes - 1, and distances increase");
    knn_cert::ScoreRequest request;
    request.distances = distances.data();
    request.labels = labels.data();
    request.n_rows = distances.size();
    request.n_classes = n_classes;
    request.n_neighbors = n_neighbors;
    request.target = target;
    request.deletions = deletions;
    request.caps = caps.data();
    request.n_caps = caps.size();
    request.sigma = sigma;
    request.dof = dof;
    request.checkpoint = &python_checkpoint;
    Doubles scores({caps.size(), static_cast<py::ssize_t>(n_classes), distances.size()});
    double* const out = scores.mutable_data();
    without_gil([&] {  // the arrays are plain memory from here on
        knn_cert::rival_scores(request, out);
    });
    return scores;
}

}  // namespace

void register_rivals(py::module_& module) {
    module.def("pair_families", &pair_families, py::arg("distances"), py::arg("first"), py::arg("end"), py::arg("start"),
               py::arg("n_members"), py::arg("lead"), py::kw_only(), py::arg("n_neighbors"), py::arg("sigma"), py::arg("dof"),
               py::arg("tolerance"), py::arg("n_threads"));
    module.def("rival_scores", &rival_scores, py::arg("distances"), py::arg("labels"), py::arg("caps"), py::kw_only(), py::arg("n_classes"),
               py::arg("n_neighbors"), py::arg("target"), py::arg("deletions"), py::arg("sigma"), py::arg("dof"));
}

}  // namespace knn_cert_python
