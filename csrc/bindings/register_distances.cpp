// register_distances.cpp: distances, dense and compressed sparse rows.
#include "bindings.hpp"
#include "knn_cert/distance.hpp"

namespace knn_cert_python {
namespace {

Doubles distances(const Doubles& queries, const Doubles& rows, int n_threads) {
    expect(queries.ndim() == 2 && rows.ndim() == 2 && queries.shape(1) == rows.shape(1), "queries (m, d) and rows (n, d) expected");
    Doubles out({queries.shape(0), rows.shape(0)});
    const double* const q = queries.data();
    const double* const r = rows.data();
    double* const o = out.mutable_data();
    const std::int64_t m = queries.shape(0);
    const std::int64_t n = rows.shape(0);
    const std::int64_t dim = rows.shape(1);
    without_gil([&] {  // plain arrays from here on
        knn_cert::distances(q, m, r, n, dim, o, n_threads, &python_checkpoint);
    });
    return out;
}

knn_cert::SparseRows sparse_rows(const Integers& indptr, const Integers& indices, const Doubles& data) {
    const std::int64_t n = indptr.size() - 1;
    expect(n >= 0 && indices.size() == data.size() && indptr.data()[0] == 0 && indptr.data()[n] == indices.size(),
           "indptr, indices and data do not fit together");
    for (std::int64_t i = 0; i < n; ++i) expect(indptr.data()[i] <= indptr.data()[i + 1], "indptr must not decrease");
    return {indptr.data(), indices.data(), data.data(), n};
}

Doubles distances_csr(const Integers& q_indptr, const Integers& q_indices, const Doubles& q_data, const Integers& r_indptr,
                      const Integers& r_indices, const Doubles& r_data, int n_threads) {
    const knn_cert::SparseRows queries = sparse_rows(q_indptr, q_indices, q_data);
    const knn_cert::SparseRows rows = sparse_rows(r_indptr, r_indices, r_data);
    Doubles out({queries.n, rows.n});
    double* const o = out.mutable_data();
    without_gil([&] {  // plain arrays from here on
        knn_cert::distances_sparse(queries, rows, o, n_threads, &python_checkpoint);
    });
    return out;
}

}  // namespace

void register_distances(py::module_& module) {
    module.def("distances", &distances, py::arg("queries"), py::arg("rows"), py::kw_only(), py::arg("n_threads"));
    module.def("distances_csr", &distances_csr, py::arg("q_indptr"), py::arg("q_indices"), py::arg("q_data"), py::arg("r_indptr"),
               py::arg("r_indices"), py::arg("r_data"), py::kw_only(), py::arg("n_threads"));
}

}  // namespace knn_cert_python
