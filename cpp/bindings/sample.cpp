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

int64_t crop(py::array y, const py::array& x, const py::object& samples, const py::array& places,
             const py::object& mean, const py::object& std, const py::tuple& shape, int padding, double fill) {
    const auto s = shape_from<ImageShape>(shape);
    int64_t wrong = 0;
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(y, s.n * s.c * s.oh * s.ow);
        const int64_t* of = optional_in<int64_t>(samples, s.n);
        const int64_t count = of ? x.shape(0) : s.n;
        const T* from = in<T>(x, count * s.c * s.ih * s.iw);
        const int64_t* at = in<int64_t>(places, s.n * 4);
        const T *centre = optional_in<T>(mean, s.c), *scale = optional_in<T>(std, s.c);
        const py::gil_scoped_release unlocked;
        wrong = kernels<T>().crop(to, from, of, count, at, centre, scale, s, padding, fill);
    });
    return wrong;
}

void warp(py::array y, const py::array& x, const py::array& matrix, const py::object& displacement,
          const py::tuple& shape, double fill, bool nearest) {
    const auto s = shape_from<ImageShape>(shape);
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(y, s.n * s.c * s.oh * s.ow);
        const T* from = in<T>(x, s.n * s.c * s.ih * s.iw);
        const T *map = in<T>(matrix, s.n * 6), *moved = optional_in<T>(displacement, s.n * 2 * s.oh * s.ow);
        const py::gil_scoped_release unlocked;
        const auto& k = kernels<T>();
        const Workspace<T> workspace(k.warp_workspace(s, max_threads()));
        k.warp(to, from, map, moved, s, fill, nearest, workspace);
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
    m.def("crop", &crop, py::arg("y"), py::arg("x"), py::arg("samples"), py::arg("places"), py::arg("mean"),
          py::arg("std"), py::arg("shape"), py::arg("padding"), py::arg("fill"));
    m.def("warp", &warp, py::arg("y"), py::arg("x"), py::arg("matrix"), py::arg("displacement"), py::arg("shape"),
          py::arg("fill"), py::arg("nearest"));
}

}   // namespace tk::bindings
