#include "bindings/arrays.hpp"

namespace tk::bindings {
namespace {

int64_t x_size(const NormShape& s) { return s.n * s.c * s.s; }

void batch_norm_forward(py::array y, py::array mean, py::array invstd, py::object running_mean, py::object running_var,
                        const py::array& x, const py::object& weight, const py::object& bias, const py::tuple& shape,
                        double momentum, double eps, bool relu) {
    const auto s = shape_from<NormShape>(shape);
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        T *to = out<T>(y, x_size(s)), *centre = out<T>(mean, s.c), *deviation = out<T>(invstd, s.c);
        T *average = optional_out<T>(running_mean, s.c), *variance = optional_out<T>(running_var, s.c);
        const T *from = in<T>(x, x_size(s)), *w = optional_in<T>(weight, s.c), *b = optional_in<T>(bias, s.c);
        const py::gil_scoped_release unlocked;
        const Workspace<T> workspace(kernels<T>().batch_norm_forward_workspace(s, max_threads()));
        kernels<T>().batch_norm_forward(to, centre, deviation, average, variance, from, w, b, s, momentum, eps, relu,
                                        workspace);
    });
}

void batch_norm_inference(py::array y, const py::array& x, const py::array& mean, const py::array& var,
                          const py::object& weight, const py::object& bias, const py::tuple& shape, double eps,
                          bool relu) {
    const auto s = shape_from<NormShape>(shape);
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(y, x_size(s));
        const T *from = in<T>(x, x_size(s)), *centre = in<T>(mean, s.c), *variance = in<T>(var, s.c);
        const T *w = optional_in<T>(weight, s.c), *b = optional_in<T>(bias, s.c);
        const py::gil_scoped_release unlocked;
        kernels<T>().batch_norm_inference(to, from, centre, variance, w, b, s, eps, relu);
    });
}

void batch_norm_backward(py::array dx, py::array dweight, py::array dbias, const py::array& dy, const py::array& x,
                         const py::array& mean, const py::array& invstd, const py::object& weight,
                         const py::object& bias, const py::tuple& shape, bool relu) {
    const auto s = shape_from<NormShape>(shape);
    by_dtype(dy, [&](auto t) {
        using T = decltype(t);
        T *to = out<T>(dx, x_size(s)), *dw = out<T>(dweight, s.c), *db = out<T>(dbias, s.c);
        const T *g = in<T>(dy, x_size(s)), *from = in<T>(x, x_size(s)), *centre = in<T>(mean, s.c);
        const T *deviation = in<T>(invstd, s.c), *w = optional_in<T>(weight, s.c), *b = optional_in<T>(bias, s.c);
        const py::gil_scoped_release unlocked;
        const Workspace<T> workspace(kernels<T>().batch_norm_backward_workspace(s, max_threads()));
        kernels<T>().batch_norm_backward(to, dw, db, g, from, centre, deviation, w, b, s, relu, workspace);
    });
}

void group_norm_forward(py::array y, py::array mean, py::array invstd, const py::array& x, const py::object& weight,
                        const py::object& bias, const py::tuple& shape, double eps, bool centred) {
    const auto s = shape_from<GroupNormShape>(shape);
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        const int64_t size = s.n * s.groups * s.c * s.s, rows = s.n * s.groups, channels = s.groups * s.c;
        T *to = out<T>(y, size), *centre = out<T>(mean, rows), *deviation = out<T>(invstd, rows);
        const T *from = in<T>(x, size), *w = optional_in<T>(weight, channels), *b = optional_in<T>(bias, channels);
        const py::gil_scoped_release unlocked;
        const Workspace<T> workspace(kernels<T>().group_norm_forward_workspace(s, max_threads()));
        kernels<T>().group_norm_forward(to, centre, deviation, from, w, b, s, eps, centred, workspace);
    });
}

void group_norm_backward(py::array dx, py::array dweight, py::array dbias, const py::array& dy, const py::array& x,
                         const py::array& mean, const py::array& invstd, const py::object& weight,
                         const py::tuple& shape, bool centred) {
    const auto s = shape_from<GroupNormShape>(shape);
    by_dtype(dy, [&](auto t) {
        using T = decltype(t);
        const int64_t size = s.n * s.groups * s.c * s.s, rows = s.n * s.groups, channels = s.groups * s.c;
        T *to = out<T>(dx, size), *dw = out<T>(dweight, channels), *db = out<T>(dbias, channels);
        const T *g = in<T>(dy, size), *from = in<T>(x, size), *centre = in<T>(mean, rows);
        const T *deviation = in<T>(invstd, rows), *w = optional_in<T>(weight, channels);
        const py::gil_scoped_release unlocked;
        const Workspace<T> workspace(kernels<T>().group_norm_backward_workspace(s, max_threads()));
        kernels<T>().group_norm_backward(to, dw, db, g, from, centre, deviation, w, s, centred, workspace);
    });
}

void local_response_norm_forward(py::array y, const py::array& x, const py::tuple& shape, int64_t size, double alpha,
                                 double beta, double k) {
    const auto s = shape_from<NormShape>(shape);
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(y, x_size(s));
        const T* from = in<T>(x, x_size(s));
        const py::gil_scoped_release unlocked;
        kernels<T>().local_response_norm_forward(to, from, s, size, alpha, beta, k);
    });
}

void local_response_norm_backward(py::array dx, const py::array& dy, const py::array& x, const py::tuple& shape,
                                  int64_t size, double alpha, double beta, double k) {
    const auto s = shape_from<NormShape>(shape);
    by_dtype(dy, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(dx, x_size(s));
        const T *g = in<T>(dy, x_size(s)), *from = in<T>(x, x_size(s));
        const py::gil_scoped_release unlocked;
        const Workspace<T> workspace(kernels<T>().local_response_norm_backward_workspace(s, max_threads()));
        kernels<T>().local_response_norm_backward(to, g, from, s, size, alpha, beta, k, workspace);
    });
}

}   // namespace

void bind_norm(py::module_& m) {
    m.def("batch_norm_forward", &batch_norm_forward, py::arg("y"), py::arg("mean"), py::arg("invstd"),
          py::arg("running_mean").none(true), py::arg("running_var").none(true), py::arg("x"),
          py::arg("weight").none(true), py::arg("bias").none(true), py::arg("shape"), py::arg("momentum"),
          py::arg("eps"), py::arg("relu"));
    m.def("batch_norm_inference", &batch_norm_inference, py::arg("y"), py::arg("x"), py::arg("mean"), py::arg("var"),
          py::arg("weight").none(true), py::arg("bias").none(true), py::arg("shape"), py::arg("eps"), py::arg("relu"));
    m.def("batch_norm_backward", &batch_norm_backward, py::arg("dx"), py::arg("dweight"), py::arg("dbias"),
          py::arg("dy"), py::arg("x"), py::arg("mean"), py::arg("invstd"), py::arg("weight").none(true),
          py::arg("bias").none(true), py::arg("shape"), py::arg("relu"));
    m.def("group_norm_forward", &group_norm_forward, py::arg("y"), py::arg("mean"), py::arg("invstd"), py::arg("x"),
          py::arg("weight").none(true), py::arg("bias").none(true), py::arg("shape"), py::arg("eps"),
          py::arg("centred"));
    m.def("group_norm_backward", &group_norm_backward, py::arg("dx"), py::arg("dweight"), py::arg("dbias"),
          py::arg("dy"), py::arg("x"), py::arg("mean"), py::arg("invstd"), py::arg("weight").none(true),
          py::arg("shape"), py::arg("centred"));
    m.def("local_response_norm_forward", &local_response_norm_forward, py::arg("y"), py::arg("x"), py::arg("shape"),
          py::arg("size"), py::arg("alpha"), py::arg("beta"), py::arg("k"));
    m.def("local_response_norm_backward", &local_response_norm_backward, py::arg("dx"), py::arg("dy"), py::arg("x"),
          py::arg("shape"), py::arg("size"), py::arg("alpha"), py::arg("beta"), py::arg("k"));
}

}   // namespace tk::bindings
