// register_moves.cpp: races of which some rows are moved, for arrays.
#include "bindings.hpp"
#include "knn_cert/moves.hpp"

namespace knn_cert_python {
namespace {

py::tuple moved_races(const Doubles& distances, const Integers& start, const Integers& m_a, const Integers& m_b, const Integers& rows,
                      const Doubles& radius, double sigma, double dof, double above, int n_threads) {
    const py::ssize_t n = m_a.size();
    expect(m_b.size() == n && rows.size() == n && radius.size() == n && n_threads >= 1, "m_a, m_b, rows, radius or n_threads out of range");
    expect(start.size() == 2 * n + 1 && start.data()[0] == 0 && start.data()[2 * n] == distances.size(), "two lists a race expected");
    for (py::ssize_t i = 0; i < n; ++i) {
        expect(m_a.data()[i] >= 1 && m_b.data()[i] >= 1 && rows.data()[i] >= 0 && radius.data()[i] >= 0.0,
               "m_a, m_b, rows or radius out of range");
        for (py::ssize_t side = 2 * i; side < 2 * i + 2; ++side) {
            expect(start.data()[side] <= start.data()[side + 1], "lists in order expected");
            for (std::int64_t row = start.data()[side] + 1; row < start.data()[side + 1]; ++row)
                expect(distances.data()[row - 1] <= distances.data()[row], "increasing distances expected");
        }
    }
    knn_cert::MovesRequest request;
    request.distances = distances.data();
    request.start = start.data();
    request.m_a = m_a.data();
    request.m_b = m_b.data();
    request.rows = rows.data();
    request.radius = radius.data();
    request.n_contests = n;
    request.sigma = sigma;
    request.dof = dof;
    request.above = above;
    request.n_threads = n_threads;
    request.checkpoint = &python_checkpoint;
    Doubles lower(n);
    Doubles attack(n);
    Doubles error(n);
    Integers moved(distances.size());
    double* const to_lower = lower.mutable_data();
    double* const to_attack = attack.mutable_data();
    double* const to_error = error.mutable_data();
    std::int64_t* const to_moved = moved.mutable_data();
    without_gil([&] {  // worker threads touch no Python object
        knn_cert::moved_races(request, to_lower, to_attack, to_error, to_moved);
    });
    return py::make_tuple(lower, attack, error, moved);
}

}  // namespace

void register_moves(py::module_& module) {
    module.def("moved_races", &moved_races, py::arg("distances"), py::arg("start"), py::arg("m_a"), py::arg("m_b"), py::arg("rows"),
               py::arg("radius"), py::kw_only(), py::arg("sigma"), py::arg("dof"), py::arg("above"), py::arg("n_threads"));
}

}  // namespace knn_cert_python
