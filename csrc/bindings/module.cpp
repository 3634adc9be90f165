// module.cpp: the compiled module knn_cert._core; one register_<topic>.cpp a topic.
#include "bindings.hpp"

PYBIND11_MODULE(_core, module) {
    module.doc() = "Compiled kernel of knn_cert; private, see knn_cert.kernels.";
    knn_cert_python::register_distance_law(module);
    knn_cert_python::register_votes(module);
    knn_cert_python::register_distances(module);
    knn_cert_python::register_build(module);
}
