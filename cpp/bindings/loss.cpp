#include "bindings/arrays.hpp"

namespace tk::bindings {
namespace {

int64_t rows(const LossShape& s) { return s.n * s.inner; }
int64_t size(const LossShape& s) { return s.n * s.classes * s.inner; }

const int64_t* checked(const py::array& labels, const LossShape& s) {
    const int64_t* values = in<int64_t>(labels, rows(s));
    for (int64_t i = 0; i < rows(s); ++i)
        if (values[i] < 0 || values[i] >= s.classes) throw std::logic_error("kernels passed an unchecked label");
    return values;
}

void softmax_cross_entropy_forward(py::array losses, py::array log_probs, const py::array& logits,
                                   const py::array& labels, const py::tuple& shape) {
    const auto s = shape_from<LossShape>(shape);
    by_dtype(logits, [&](auto t) {
        using T = decltype(t);
        T *per_row = out<T>(losses, rows(s)), *logs = out<T>(log_probs, size(s));
        const T* x = in<T>(logits, size(s));
        const int64_t* targets = checked(labels, s);
        const py::gil_scoped_release unlocked;
        kernels<T>().softmax_cross_entropy_forward(per_row, logs, x, targets, s);
    });
}

void softmax_cross_entropy_backward(py::array dlogits, const py::array& dlosses, const py::array& log_probs,
                                    const py::array& labels, const py::tuple& shape) {
    const auto s = shape_from<LossShape>(shape);
    by_dtype(log_probs, [&](auto t) {
        using T = decltype(t);
        T* dx = out<T>(dlogits, size(s));
        const T *dy = in<T>(dlosses, rows(s)), *logs = in<T>(log_probs, size(s));
        const int64_t* targets = checked(labels, s);
        const py::gil_scoped_release unlocked;
        kernels<T>().softmax_cross_entropy_backward(dx, dy, logs, targets, s);
    });
}

}   // namespace

void bind_loss(py::module_& m) {
    m.def("softmax_cross_entropy_forward", &softmax_cross_entropy_forward, py::arg("losses"), py::arg("log_probs"),
          py::arg("logits"), py::arg("labels"), py::arg("shape"));
    m.def("softmax_cross_entropy_backward", &softmax_cross_entropy_backward, py::arg("dlogits"), py::arg("dlosses"),
          py::arg("log_probs"), py::arg("labels"), py::arg("shape"));
}

}   // namespace tk::bindings
