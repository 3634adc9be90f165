// register_distance_law.cpp: the non-central chi-square law for arrays.
#include "bindings.hpp"
#include "knn_cert/ncx2.hpp"

namespace knn_cert_python {
namespace {

template <knn_cert::Ncx2 kWhat>
Doubles evaluate(const Doubles& x, const Doubles& dof, const Doubles& nonc) {
    const py::ssize_t n = x.size();
    expect(dof.size() == n && nonc.size() == n, "x, dof and nonc must have one length");
    Doubles out(n);
    const double* const px = x.data();
    const double* const pd = dof.data();
    const double* const pn = nonc.data();
    double* const po = out.mutable_data();
    without_gil([&] {  // plain arrays from here on
        for (py::ssize_t i = 0; i < n; ++i) {
            if (i % 4096 == 4095) python_checkpoint();
            po[i] = knn_cert::ncx2(kWhat, px[i], pd[i], pn[i]);
        }
    });
    return out;
}

}  // namespace

void register_distance_law(py::module_& module) {
    using knn_cert::Ncx2;
    module.def("ncx2_cdf", &evaluate<Ncx2::cdf>, py::arg("x"), py::arg("dof"), py::arg("nonc"));
    module.def("ncx2_sf", &evaluate<Ncx2::sf>, py::arg("x"), py::arg("dof"), py::arg("nonc"));
    module.def("ncx2_logcdf", &evaluate<Ncx2::logcdf>, py::arg("x"), py::arg("dof"), py::arg("nonc"));
    module.def("ncx2_logsf", &evaluate<Ncx2::logsf>, py::arg("x"), py::arg("dof"), py::arg("nonc"));
}

}  // namespace knn_cert_python
