// bindings.hpp: what the binding files share: array types, the Ctrl-C checkpoint, the register_* declarations.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <stdexcept>
#include <string>

namespace knn_cert_python {

namespace py = pybind11;

// knn_cert/_validation.py is the gate: it hands over C-contiguous arrays of these very types, so nothing is converted here.
using Doubles = py::array_t<double, py::array::c_style>;
using Integers = py::array_t<std::int64_t, py::array::c_style>;

// Called by the kernel from the calling thread while the GIL is released.
inline void python_checkpoint() {
    py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

inline void expect(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument(message);
}

void register_distance_law(py::module_& module);
void register_votes(py::module_& module);
void register_distances(py::module_& module);
void register_build(py::module_& module);

}  // namespace knn_cert_python
