// module.cpp: the compiled module knn_cert._core; one register_<topic>.cpp a topic.
#include "bindings.hpp"

// The kernel shares nothing between threads but tables behind locks and atomic pointers: it needs no GIL.
#if PYBIND11_VERSION_HEX >= 0x020D0000
PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used()) {
#else
PYBIND11_MODULE(_core, module) {
#endif
    module.doc() = "Compiled kernel of knn_cert; private, see knn_cert.kernels.";
    knn_cert_python::register_distance_law(module);
    knn_cert_python::register_votes(module);
    knn_cert_python::register_rivals(module);
    knn_cert_python::register_distances(module);
    knn_cert_python::register_moves(module);
    knn_cert_python::register_summaries(module);
    knn_cert_python::register_build(module);
}
