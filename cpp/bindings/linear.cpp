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

template <class T>
py::object multiply_plain(const py::handle& a, const py::handle& b, bool transpose_a, bool transpose_b,
                          const py::object& bias, bool relu) {
    if (!plain<T>(a, 2) || !plain<T>(b, 2) || !(bias.is_none() || plain<T>(bias, 1))) return py::none();
    const auto left = py::reinterpret_borrow<py::array>(a), right = py::reinterpret_borrow<py::array>(b);
    const int64_t m = left.shape(transpose_a), k = left.shape(!transpose_a), n = right.shape(!transpose_b);
    if (right.shape(transpose_b) != k || !(bias.is_none() || py::len(bias) == static_cast<size_t>(n)))
        return py::none();
    const MatmulShape s{1, m, n, k, transpose_a, transpose_b, 0, 0};
    const py::ssize_t sizes[] = {m, n};
    py::array c = new_array(left.dtype(), 2, sizes);
    T* to = static_cast<T*>(c.mutable_data());
    const T *from = in<T>(left, m * k), *by = in<T>(right, k * n), *added = optional_in<T>(bias, n);
    const py::gil_scoped_release unlocked;
    const Workspace<T> workspace(kernels<T>().matmul_workspace(s, max_threads()));
    kernels<T>().matmul(to, from, by, added, s, relu, workspace);
    return c;
}

// The product of two matrices in a new array, where there is nothing to coerce, to broadcast or to complain of; else,
// and where memory lacks, None: kernels/linear.py takes its time over these.
py::object plain_matmul(const py::handle& a, const py::handle& b, const py::handle& transpose_a,
                        const py::handle& transpose_b, const py::object& bias, const py::handle& activation) {
    const std::optional<bool> relu = plain_relu(activation);
    if (!PyBool_Check(transpose_a.ptr()) || !PyBool_Check(transpose_b.ptr()) || !relu) return py::none();
    const bool ta = transpose_a.ptr() == Py_True, tb = transpose_b.ptr() == Py_True;
    try {
        const py::object c = multiply_plain<float>(a, b, ta, tb, bias, *relu);
        return c.is_none() ? multiply_plain<double>(a, b, ta, tb, bias, *relu) : c;
    } catch (const std::bad_alloc&) { return py::none(); }
}

}   // namespace

void bind_linear(py::module_& m) {
    m.def("matmul", &matmul, py::arg("c"), py::arg("a"), py::arg("b"), py::arg("bias"), py::arg("shape"),
          py::arg("relu"));
    m.def("plain_matmul", &plain_matmul, py::arg("a"), py::arg("b"), py::arg("transpose_a"), py::arg("transpose_b"),
          py::arg("bias"), py::arg("activation"));
}

}   // namespace tk::bindings
