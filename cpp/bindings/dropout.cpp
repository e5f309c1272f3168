#include "bindings/arrays.hpp"

namespace tk::bindings {
namespace {

void dropout_forward(py::array y, const py::array& x, double p, uint64_t seed, uint64_t offset) {
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        const int64_t count = x.size();
        T* to = out<T>(y, count);
        const T* from = in<T>(x, count);
        const py::gil_scoped_release unlocked;
        kernels<T>().dropout_forward(to, from, count, p, seed, offset);
    });
}

void dropout_backward(py::array dx, const py::array& dy, double p, uint64_t seed, uint64_t offset) {
    by_dtype(dy, [&](auto t) {
        using T = decltype(t);
        const int64_t count = dy.size();
        T* to = out<T>(dx, count);
        const T* from = in<T>(dy, count);
        const py::gil_scoped_release unlocked;
        kernels<T>().dropout_backward(to, from, count, p, seed, offset);
    });
}

int64_t uniform(py::array y, const py::array& indices, uint64_t key) {
    const int64_t n = indices.size(), count = n ? y.size() / n : 0;
    double* to = out<double>(y, n * count);
    const int64_t* from = in<int64_t>(indices, n);
    const py::gil_scoped_release unlocked;
    return kernels<float>().uniform(to, from, n, count, key);
}

}   // namespace

void bind_dropout(py::module_& m) {
    m.def("dropout_forward", &dropout_forward, py::arg("y"), py::arg("x"), py::arg("p"), py::arg("seed"),
          py::arg("offset"));
    m.def("dropout_backward", &dropout_backward, py::arg("dx"), py::arg("dy"), py::arg("p"), py::arg("seed"),
          py::arg("offset"));
    m.def("uniform", &uniform, py::arg("y"), py::arg("indices"), py::arg("key"));
}

}   // namespace tk::bindings
