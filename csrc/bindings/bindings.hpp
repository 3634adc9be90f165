// bindings.hpp: what the binding files share: array types, the Ctrl-C checkpoint, the register_* declarations.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

namespace knn_cert_python {

namespace py = pybind11;

// knn_cert/gate is the gate: it hands over C-contiguous arrays of these very types, so nothing is converted here.
using Doubles = py::array_t<double, py::array::c_style>;
using Integers = py::array_t<std::int64_t, py::array::c_style>;

// The state of the thread that has given the GIL away to work. (pybind11's own guards ask for it by ways that are gone once the
// interpreter has ended; Python knows that a thread may come back later, by this pointer.)
inline PyThreadState*& state_without_gil() {
    thread_local PyThreadState* state = nullptr;
    return state;
}

// Called by the kernel from the calling thread while the GIL is released.
inline void python_checkpoint() {
    struct Gil {
        Gil() { PyEval_RestoreThread(state_without_gil()); }
        ~Gil() { state_without_gil() = PyEval_SaveThread(); }
    };
    const Gil held;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

// Before Python 3.14 a daemon thread that asks for the GIL while the interpreter ends is ended itself: its stack is unwound by
// something that pybind11's destructors and handlers cannot let pass, and the process aborts. Here it waits for the end instead.
template <class Call>
void waiting_at_exit(Call&& call) {
#if defined(__GLIBCXX__)
    try {
        call();
    } catch (const abi::__forced_unwind&) {
        for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
#else
    call();
#endif
}

// work() without the GIL: it touches no Python object but by python_checkpoint.
template <class Work>
void without_gil(Work&& work) {
    state_without_gil() = PyEval_SaveThread();
    const auto take_it_back = [] { waiting_at_exit([] { PyEval_RestoreThread(state_without_gil()); }); };
    waiting_at_exit([&] {
        try {
            work();
#if defined(__GLIBCXX__)
        } catch (const abi::__forced_unwind&) {
            throw;
#endif
        } catch (...) {
            take_it_back();
            throw;
        }
    });
    take_it_back();
}

// The message is no std::string: one that is made for every number that is looked at takes longer than the look.
inline void expect(bool condition, const char* message) {
    if (!condition) throw std::invalid_argument(message);
}

inline void expect_labels(const Integers& labels, int n_classes) {
    const std::int64_t* const values = labels.data();
    for (py::ssize_t i = 0; i < labels.size(); ++i) expect(values[i] >= 0 && values[i] < n_classes, "labels must be 0 .. n_classes - 1");
}

void register_distance_law(py::module_& module);
void register_votes(py::module_& module);
void register_rivals(py::module_& module);
void register_distances(py::module_& module);
void register_moves(py::module_& module);
void register_summaries(py::module_& module);
void register_build(py::module_& module);

}  // namespace knn_cert_python
