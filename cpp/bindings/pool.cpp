#include "bindings/arrays.hpp"

namespace tk::bindings {
namespace {

int64_t x_size(const PoolShape& s) { return s.planes * s.id * s.ih * s.iw; }
int64_t y_size(const PoolShape& s) { return s.planes * s.od * s.oh * s.ow; }

void max_forward(py::array& y, py::object& indices, const py::array& x, const py::tuple& shape, bool adaptive,
                 bool relu) {
    const auto s = shape_from<PoolShape>(shape);
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(y, y_size(s));
        int64_t* index = optional_out<int64_t>(indices, y_size(s));
        const T* from = in<T>(x, x_size(s));
        const py::gil_scoped_release unlocked;
        const auto& k = kernels<T>();
        (adaptive ? k.adaptive_max_pool_forward : k.max_pool_forward)(to, index, from, s);
        if (relu) k.relu_forward(to, to, y_size(s));   // a pass over y, which is the smaller for it
    });
}
void max_pool_forward(py::array y, py::object indices, const py::array& x, const py::tuple& shape, bool relu) {
    max_forward(y, indices, x, shape, false, relu);
}
void adaptive_max_pool_forward(py::array y, py::object indices, const py::array& x, const py::tuple& shape) {
    max_forward(y, indices, x, shape, true, false);
}

bool max_pool_backward(py::array dx, const py::array& dy, const py::array& indices, const py::object& y,
                       const py::tuple& shape) {
    const auto s = shape_from<PoolShape>(shape);
    bool inside = false;
    by_dtype(dy, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(dx, x_size(s));
        const T* from = in<T>(dy, y_size(s));
        const int64_t* index = in<int64_t>(indices, y_size(s));
        const T* mask = optional_in<T>(y, y_size(s));
        const py::gil_scoped_release unlocked;
        inside = kernels<T>().max_pool_backward(to, from, index, mask, s) == 0;
    });
    return inside;
}

void average_forward(py::array& y, const py::array& x, const py::tuple& shape, bool adaptive) {
    const auto s = shape_from<PoolShape>(shape);
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(y, y_size(s));
        const T* from = in<T>(x, x_size(s));
        const py::gil_scoped_release unlocked;
        const auto& k = kernels<T>();
        (adaptive ? k.adaptive_avg_pool_forward : k.avg_pool_forward)(to, from, s);
    });
}
void avg_pool_forward(py::array y, const py::array& x, const py::tuple& shape) { average_forward(y, x, shape, false); }
void adaptive_avg_pool_forward(py::array y, const py::array& x, const py::tuple& shape) {
    average_forward(y, x, shape, true);
}

void average_backward(py::array& dx, const py::array& dy, const py::tuple& shape, bool adaptive) {
    const auto s = shape_from<PoolShape>(shape);
    by_dtype(dy, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(dx, x_size(s));
        const T* from = in<T>(dy, y_size(s));
        const py::gil_scoped_release unlocked;
        const auto& k = kernels<T>();
        if (!adaptive) return k.avg_pool_backward(to, from, s);
        const Workspace<T> workspace(k.adaptive_avg_pool_backward_workspace(s, max_threads()));
        k.adaptive_avg_pool_backward(to, from, s, workspace);
    });
}
void avg_pool_backward(py::array dx, const py::array& dy, const py::tuple& shape) {
    average_backward(dx, dy, shape, false);
}
void adaptive_avg_pool_backward(py::array dx, const py::array& dy, const py::tuple& shape) {
    average_backward(dx, dy, shape, true);
}

}   // namespace

void bind_pool(py::module_& m) {
    m.def("max_pool_forward", &max_pool_forward, py::arg("y"), py::arg("indices").none(true), py::arg("x"),
          py::arg("shape"), py::arg("relu"));
    m.def("max_pool_backward", &max_pool_backward, py::arg("dx"), py::arg("dy"), py::arg("indices"),
          py::arg("y").none(true), py::arg("shape"), "False when an index lies outside of its plane");
    m.def("avg_pool_forward", &avg_pool_forward, py::arg("y"), py::arg("x"), py::arg("shape"));
    m.def("avg_pool_backward", &avg_pool_backward, py::arg("dx"), py::arg("dy"), py::arg("shape"));
    m.def("adaptive_max_pool_forward", &adaptive_max_pool_forward, py::arg("y"), py::arg("indices").none(true),
          py::arg("x"), py::arg("shape"));
    m.def("adaptive_avg_pool_forward", &adaptive_avg_pool_forward, py::arg("y"), py::arg("x"), py::arg("shape"));
    m.def("adaptive_avg_pool_backward", &adaptive_avg_pool_backward, py::arg("dx"), py::arg("dy"), py::arg("shape"));
}

}   // namespace tk::bindings
