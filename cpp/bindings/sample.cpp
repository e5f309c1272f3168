#include "bindings/arrays.hpp"

namespace tk::bindings {
namespace {

int64_t x_size(const SampleShape& s) { return s.n * s.c * s.size; }
int64_t y_size(const SampleShape& s) { return s.n * s.c * s.points; }
int64_t table_size(const SampleShape& s) { return s.n * s.taps * s.points; }

void sample_forward(py::array y, const py::array& x, const py::array& weights, const py::array& index,
                    const py::tuple& shape) {
    const auto s = shape_from<SampleShape>(shape);
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(y, y_size(s));
        const T *from = in<T>(x, x_size(s)), *w = in<T>(weights, table_size(s));
        const int64_t* places = in<int64_t>(index, table_size(s));
        const py::gil_scoped_release unlocked;
        kernels<T>().sample_forward(to, from, w, places, s);
    });
}

void sample_backward_input(py::array dx, const py::array& dy, const py::array& weights, const py::array& index,
                           const py::tuple& shape) {
    const auto s = shape_from<SampleShape>(shape);
    by_dtype(dy, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(dx, x_size(s));
        const T *from = in<T>(dy, y_size(s)), *w = in<T>(weights, table_size(s));
        const int64_t* places = in<int64_t>(index, table_size(s));
        const py::gil_scoped_release unlocked;
        kernels<T>().sample_backward_input(to, from, w, places, s);
    });
}

void sample_backward_weights(py::array dweights, const py::array& dy, const py::array& x, const py::array& index,
                             const py::tuple& shape) {
    const auto s = shape_from<SampleShape>(shape);
    by_dtype(dy, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(dweights, table_size(s));
        const T *g = in<T>(dy, y_size(s)), *from = in<T>(x, x_size(s));
        const int64_t* places = in<int64_t>(index, table_size(s));
        const py::gil_scoped_release unlocked;
        kernels<T>().sample_backward_weights(to, g, from, places, s);
    });
}

}   // namespace

void bind_sample(py::module_& m) {
    m.def("sample_forward", &sample_forward, py::arg("y"), py::arg("x"), py::arg("weights"), py::arg("index"),
          py::arg("shape"));
    m.def("sample_backward_input", &sample_backward_input, py::arg("dx"), py::arg("dy"), py::arg("weights"),
          py::arg("index"), py::arg("shape"));
    m.def("sample_backward_weights", &sample_backward_weights, py::arg("dweights"), py::arg("dy"), py::arg("x"),
          py::arg("index"), py::arg("shape"));
}

}   // namespace tk::bindings
