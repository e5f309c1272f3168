#include "bindings/arrays.hpp"

namespace tk::bindings {
namespace {

void matmul(py::array c, const py::array& a, const py::array& b, const py::object& bias, const py::tuple& shape,
            bool relu) {
    const auto s = shape_from<MatmulShape>(shape);
    by_dtype(c, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(c, s.batch * s.m * s.n);
        const T* left = in<T>(a, (s.a_stride ? s.batch : 1) * s.m * s.k);
        const T* right = in<T>(b, (s.b_stride ? s.batch : 1) * s.k * s.n);
        const T* added = optional_in<T>(bias, s.n);
        const py::gil_scoped_release unlocked;
        const Workspace<T> workspace(kernels<T>().matmul_workspace(s, max_threads()));
        kernels<T>().matmul(to, left, right, added, s, relu, workspace);
    });
}

}   // namespace

void bind_linear(py::module_& m) {
    m.def("matmul", &matmul, py::arg("c"), py::arg("a"), py::arg("b"), py::arg("bias"), py::arg("shape"),
          py::arg("relu"));
}

}   // namespace tk::bindings
