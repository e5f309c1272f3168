#include "bindings/arrays.hpp"

namespace tk::bindings {
namespace {

int64_t rows(const LossShape& s) { return s.n * s.inner; }
int64_t size(const LossShape& s) { return s.n * s.classes * s.inner; }

// Whether every label is one of the classes; Python finds the one that is not.
bool within(const int64_t* labels, const LossShape& s) {
    for (int64_t i = 0; i < rows(s); ++i)
        if (labels[i] < 0 || labels[i] >= s.classes) return false;
    return true;
}

bool softmax_cross_entropy_forward(py::array losses, py::array log_probs, const py::array& logits,
                                   const py::array& labels, const py::tuple& shape) {
    const auto s = shape_from<LossShape>(shape);
    const int64_t* targets = in<int64_t>(labels, rows(s));
    if (!within(targets, s)) return false;
    by_dtype(logits, [&](auto t) {
        using T = decltype(t);
        T *per_row = out<T>(losses, rows(s)), *logs = out<T>(log_probs, size(s));
        const T* x = in<T>(logits, size(s));
        const py::gil_scoped_release unlocked;
        kernels<T>().softmax_cross_entropy_forward(per_row, logs, x, targets, s);
    });
    return true;
}

bool softmax_cross_entropy_backward(py::array dlogits, const py::array& dlosses, const py::array& log_probs,
                                    const py::array& labels, const py::tuple& shape) {
    const auto s = shape_from<LossShape>(shape);
    const int64_t* targets = in<int64_t>(labels, rows(s));
    if (!within(targets, s)) return false;
    by_dtype(log_probs, [&](auto t) {
        using T = decltype(t);
        T* dx = out<T>(dlogits, size(s));
        const T *dy = in<T>(dlosses, rows(s)), *logs = in<T>(log_probs, size(s));
        const py::gil_scoped_release unlocked;
        kernels<T>().softmax_cross_entropy_backward(dx, dy, logs, targets, s);
    });
    return true;
}

}   // namespace

void bind_loss(py::module_& m) {
    m.def("softmax_cross_entropy_forward", &softmax_cross_entropy_forward, py::arg("losses"), py::arg("log_probs"),
          py::arg("logits"), py::arg("labels"), py::arg("shape"));
    m.def("softmax_cross_entropy_backward", &softmax_cross_entropy_backward, py::arg("dlogits"), py::arg("dlosses"),
          py::arg("log_probs"), py::arg("labels"), py::arg("shape"));
}

}   // namespace tk::bindings
