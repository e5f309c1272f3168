#include "bindings/arrays.hpp"

namespace tk::bindings {
namespace {

int64_t x_size(const ConvShape& s) { return s.n * s.ic * s.id * s.ih * s.iw; }
int64_t y_size(const ConvShape& s) { return s.n * s.oc * s.od * s.oh * s.ow; }
int64_t weight_size(const ConvShape& s) { return s.oc * (s.ic / s.groups) * s.kd * s.kh * s.kw; }
int64_t cols_size(const ConvShape& s) { return s.n * s.ic * s.kd * s.kh * s.kw * s.od * s.oh * s.ow; }

void conv_forward(py::array y, const py::array& x, const py::array& weight, const py::object& bias,
                  const py::tuple& shape) {
    const auto s = shape_from<ConvShape>(shape);
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(y, y_size(s));
        const T *from = in<T>(x, x_size(s)), *w = in<T>(weight, weight_size(s)), *b = optional_in<T>(bias, s.oc);
        const py::gil_scoped_release unlocked;
        const Workspace<T> workspace(kernels<T>().conv_forward_workspace(s, max_threads()));
        kernels<T>().conv_forward(to, from, w, b, s, workspace);
    });
}

void conv_backward_input(py::array dx, const py::array& dy, const py::array& weight, const py::tuple& shape) {
    const auto s = shape_from<ConvShape>(shape);
    by_dtype(dy, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(dx, x_size(s));
        const T *from = in<T>(dy, y_size(s)), *w = in<T>(weight, weight_size(s));
        const py::gil_scoped_release unlocked;
        const Workspace<T> workspace(kernels<T>().conv_backward_input_workspace(s, max_threads()));
        kernels<T>().conv_backward_input(to, from, w, s, workspace);
    });
}

void conv_backward_weight(py::array dweight, const py::array& dy, const py::array& x, const py::tuple& shape) {
    const auto s = shape_from<ConvShape>(shape);
    by_dtype(dy, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(dweight, weight_size(s));
        const T *g = in<T>(dy, y_size(s)), *from = in<T>(x, x_size(s));
        const py::gil_scoped_release unlocked;
        const Workspace<T> workspace(kernels<T>().conv_backward_weight_workspace(s, max_threads()));
        kernels<T>().conv_backward_weight(to, g, from, s, workspace);
    });
}

void conv_backward_bias(py::array dbias, const py::array& dy, const py::tuple& shape) {
    const auto s = shape_from<ConvShape>(shape);
    by_dtype(dy, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(dbias, s.oc);
        const T* g = in<T>(dy, y_size(s));
        const py::gil_scoped_release unlocked;
        kernels<T>().conv_backward_bias(to, g, s);
    });
}

void im2col(py::array cols, const py::array& x, const py::tuple& shape) {
    const auto s = shape_from<ConvShape>(shape);
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(cols, cols_size(s));
        const T* from = in<T>(x, x_size(s));
        const py::gil_scoped_release unlocked;
        kernels<T>().im2col(to, from, s);
    });
}

void col2im(py::array x, const py::array& cols, const py::tuple& shape) {
    const auto s = shape_from<ConvShape>(shape);
    by_dtype(cols, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(x, x_size(s));
        const T* from = in<T>(cols, cols_size(s));
        const py::gil_scoped_release unlocked;
        kernels<T>().col2im(to, from, s);
    });
}

// The ordered list of one direction: (name, why it declines or None, workspace bytes in float32).
using Algorithms = List<Tuple<py::str, py::typing::Optional<py::str>, py::int_>>;
Algorithms conv_algorithms(const std::string& direction, const py::tuple& shape) {
    const auto s = shape_from<ConvShape>(shape);
    const auto d = direction == "forward"          ? ConvDirection::forward
                   : direction == "backward_input" ? ConvDirection::backward_input
                                                   : ConvDirection::backward_weight;
    Algorithms list;
    for (int i = 0;; ++i) {
        const AlgorithmReport report = kernels<float>().conv_algorithm(d, i, s, max_threads());
        if (!report.name) return list;
        list.append(py::make_tuple(report.name, report.declined, report.workspace * sizeof(float)));
    }
}

}   // namespace

void bind_conv(py::module_& m) {
    m.def("conv_forward", &conv_forward, py::arg("y"), py::arg("x"), py::arg("weight"), py::arg("bias").none(true),
          py::arg("shape"));
    m.def("conv_backward_input", &conv_backward_input, py::arg("dx"), py::arg("dy"), py::arg("weight"),
          py::arg("shape"));
    m.def("conv_backward_weight", &conv_backward_weight, py::arg("dweight"), py::arg("dy"), py::arg("x"),
          py::arg("shape"));
    m.def("conv_backward_bias", &conv_backward_bias, py::arg("dbias"), py::arg("dy"), py::arg("shape"));
    m.def("conv_algorithms", &conv_algorithms, py::arg("direction"), py::arg("shape"),
          "(name, why it declines or None, workspace bytes) of each algorithm, in the order of preference");
    m.def("im2col", &im2col, py::arg("cols"), py::arg("x"), py::arg("shape"));
    m.def("col2im", &col2im, py::arg("x"), py::arg("cols"), py::arg("shape"));
}

}   // namespace tk::bindings
