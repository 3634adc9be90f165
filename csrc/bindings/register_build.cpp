// register_build.cpp: what was built and what runs here, for show_config() and the tests of every instruction set.
#include <pybind11/stl.h>

#include "bindings.hpp"
#include "knn_cert/leaf_interface.hpp"

namespace knn_cert_python {

void register_build(py::module_& module) {
    module.def("simd_level", [] { return std::string(knn_cert::leaf_loops().name); });
    module.def("simd_levels", &knn_cert::simd_levels);
    module.def("force_simd_level", &knn_cert::force_simd_level, py::arg("name"));
    module.def("compiler", [] {
#if defined(__VERSION__)
        return std::string(__VERSION__);
#else
        return std::string("unknown");
#endif
    });
}

}  // namespace knn_cert_python
