// register_summaries.cpp: summaries of rows, put together, and the votes of all rows behind them, for arrays.
#include <numeric>
#include <optional>
#include <vector>

#include "knn_cert/summaries.hpp"
#include "summary_tuples.hpp"

namespace knn_cert_python {
namespace {

py::tuple summarise(const Doubles& queries, const Doubles& rows, const Integers& labels, int n_classes, std::int64_t n_near,
                    const std::string& far_kind, double sigma, double dof, const py::object& before, int n_threads) {
    expect(queries.ndim() == 2 && rows.ndim() == 2 && queries.shape(1) == rows.shape(1) && labels.ndim() == 1 &&
               labels.shape(0) == rows.shape(0),
           "queries (m, d), rows (n, d) and labels (n,) expected");
    expect(n_near >= 1 && n_threads >= 1 && n_classes >= 1, "n_near, n_classes or n_threads out of range");
    expect_labels(labels, n_classes);
    knn_cert::SummaryRequest request;
    request.queries = queries.data();
    request.n_queries = queries.shape(0);
    request.rows = rows.data();
    request.n_rows = rows.shape(0);
    request.dim = rows.shape(1);
    request.labels = labels.data();
    request.n_classes = n_classes;
    request.n_near = n_near;
    request.far_kind = far_kind_of(far_kind);
    request.sigma = sigma;
    request.dof = dof;
    std::optional<HeldSummaries> held;
    if (!before.is_none()) {
        held.emplace(before.cast<py::tuple>());
        expect(held->n_queries(n_classes) == queries.shape(0), "summaries of the same queries and classes expected");
        request.before = held->view();
    }
    request.n_threads = n_threads;
    request.checkpoint = &python_checkpoint;
    knn_cert::WrittenSummaries written;
    without_gil([&] { written = knn_cert::summarise(request); });
    return as_tuple(written);
}

py::tuple merge_summaries(const py::list& parts, std::int64_t n_near, const std::string& far_kind, double dof, int n_threads) {
    expect(parts.size() >= 1 && n_near >= 1 && n_threads >= 1, "parts, n_near or n_threads out of range");
    std::vector<HeldSummaries> held;
    for (const auto& part : parts) held.emplace_back(part.cast<py::tuple>());
    knn_cert::MergeRequest request;
    for (const HeldSummaries& part : held) {
        request.parts.push_back(part.view());
        expect(part.bound.size() == held.front().bound.size(), "summaries of the same lists expected");
    }
    request.n_near = n_near;
    request.far_kind = far_kind_of(far_kind);
    request.dof = dof;
    request.n_threads = n_threads;
    request.checkpoint = &python_checkpoint;
    knn_cert::WrittenSummaries written;
    without_gil([&] { written = knn_cert::merge_summaries(request); });
    return as_tuple(written);
}

py::tuple vote_summaries(const py::tuple& summaries, int n_classes, int n_neighbors, const std::string& far_kind, double dof,
                         std::int64_t dim, int n_threads) {
    const HeldSummaries held(summaries);
    expect(n_neighbors >= 1 && n_threads >= 1, "n_neighbors or n_threads out of range");
    knn_cert::SummaryVoteRequest request;
    request.summaries = held.view();
    request.n_queries = held.n_queries(n_classes);
    request.n_classes = n_classes;
    request.n_neighbors = n_neighbors;
    request.far_kind = far_kind_of(far_kind);
    request.dof = dof;
    request.sq_error = knn_cert::SquareError::of_differences(dim);
    request.n_threads = n_threads;
    request.checkpoint = &python_checkpoint;
    if (request.n_queries > 0)
        expect(n_neighbors <= std::accumulate(held.n_rows.data(), held.n_rows.data() + n_classes, std::int64_t{0}),
               "n_neighbors must be at most the number of rows");
    Doubles probability({request.n_queries, static_cast<std::int64_t>(n_classes)});
    Doubles error({request.n_queries, static_cast<std::int64_t>(n_classes)});
    Integers in_doubt(request.n_queries);
    double* const p = probability.mutable_data();
    double* const e = error.mutable_data();
    std::int64_t* const d = in_doubt.mutable_data();
    without_gil([&] { knn_cert::vote_summaries(request, p, e, d); });
    return py::make_tuple(probability, error, in_doubt);
}

}  // namespace

void register_summaries(py::module_& module) {
    module.def(
        "needs_of_vote",
        [](int n_lists, int n_neighbors) {
            expect(n_lists >= 1 && n_neighbors >= 1, "n_lists and n_neighbors must be at least 1");
            const knn_cert::VoteNeeds needs = knn_cert::needs_of_vote(n_lists, n_neighbors);
            return py::make_tuple(static_cast<std::int64_t>(needs.n_near), needs.by_contours);
        },
        py::arg("n_lists"), py::arg("n_neighbors"));
    module.def(
        "check_summaries", [](const py::tuple& summaries, int n_classes) { return HeldSummaries(summaries).n_queries(n_classes); },
        py::arg("summaries"), py::kw_only(), py::arg("n_classes"));
    module.def("summarise", &summarise, py::arg("queries"), py::arg("rows"), py::arg("labels"), py::kw_only(), py::arg("n_classes"),
               py::arg("n_near"), py::arg("far_kind"), py::arg("sigma"), py::arg("dof"), py::arg("before") = py::none(),
               py::arg("n_threads"));
    module.def("merge_summaries", &merge_summaries, py::arg("parts"), py::kw_only(), py::arg("n_near"), py::arg("far_kind"), py::arg("dof"),
               py::arg("n_threads"));
    module.def("vote_summaries", &vote_summaries, py::arg("summaries"), py::kw_only(), py::arg("n_classes"), py::arg("n_neighbors"),
               py::arg("far_kind"), py::arg("dof"), py::arg("dim"), py::arg("n_threads"));
}

}  // namespace knn_cert_python
