#include <algorithm>

#include "bindings/arrays.hpp"

namespace tk::bindings {
namespace {

// kernel(table) is a function of a table. The bound functions are plain ones, so that those of one signature share what
// pybind11 compiles for it.
template <class Pick> void run(py::array& to, const py::array& from, Pick kernel) {
    by_dtype(from, [&](auto t) {
        using T = decltype(t);
        const int64_t count = from.size();
        T* y = out<T>(to, count);
        const T* x = in<T>(from, count);
        const py::gil_scoped_release unlocked;
        kernel(kernels<T>())(y, x, count);
    });
}
template <class Pick> void run(py::array& to, const py::array& gradient, const py::array& saved, Pick kernel) {
    by_dtype(gradient, [&](auto t) {
        using T = decltype(t);
        const int64_t count = gradient.size();
        T* dx = out<T>(to, count);
        const T *dy = in<T>(gradient, count), *y = in<T>(saved, count);
        const py::gil_scoped_release unlocked;
        kernel(kernels<T>())(dx, dy, y, count);
    });
}
#define TK_PICK(name) [](const auto& table) { return table.name; }
#define TK_FORWARD(name) \
    void name(py::array y, const py::array& x) { run(y, x, TK_PICK(name)); }
#define TK_BACKWARD(name) \
    void name(py::array dx, const py::array& dy, const py::array& y) { run(dx, dy, y, TK_PICK(name)); }
TK_FORWARD(relu_forward)
TK_FORWARD(sigmoid_forward)
TK_FORWARD(tanh_forward)
TK_BACKWARD(relu_backward)
TK_BACKWARD(sigmoid_backward)
TK_BACKWARD(tanh_backward)
TK_BACKWARD(add_relu_forward)   // y, a, b

// What `op` computes from a, or from a and b, in a new array, where there is nothing to coerce or to complain of; else,
// and where memory lacks, None: kernels/activation.py takes its time over these.
py::object plain_activation(const std::string& op, const py::handle& a, const py::handle& b) {
    const bool single = plain<float>(a), one = b.is_none();
    if (!(single || plain<double>(a)) || !(one || (single ? plain<float>(b) : plain<double>(b)))) return py::none();
    const auto first = py::reinterpret_borrow<py::array>(a);
    const auto second = py::reinterpret_borrow<py::array>(one ? a : b);
    const auto axes = first.ndim();
    if (second.ndim() != axes || !std::equal(first.shape(), first.shape() + axes, second.shape())) return py::none();
    const char* const names[] = {"relu_forward",     "sigmoid_forward", "tanh_forward",    "relu_backward",
                                 "sigmoid_backward", "tanh_backward",   "add_relu_forward"};
    const auto which = std::find(names, names + 7, op) - names;
    if (one ? which >= 3 : which < 3 || which == 7) return py::none();
    py::object y;
    try {
        y = new_array(first.dtype(), static_cast<int>(axes), first.shape());
    } catch (const std::bad_alloc&) { return py::none(); }
    auto& to = static_cast<py::array&>(y);
    if (one)
        run(to, first, [=](const auto& k) {
            const decltype(k.relu_forward) all[] = {k.relu_forward, k.sigmoid_forward, k.tanh_forward};
            return all[which];
        });
    else
        run(to, first, second, [=](const auto& k) {
            const decltype(k.relu_backward) all[] = {k.relu_backward, k.sigmoid_backward, k.tanh_backward,
                                                     k.add_relu_forward};
            return all[which - 3];
        });
    return y;
}

Activation activation_of(const std::string& kind) {
#define TK_NAME(name) \
    if (kind == #name) return Activation::name;
    TK_ACTIVATIONS(TK_NAME)
#undef TK_NAME
    throw std::logic_error("kernels passed an unknown activation: " + kind);
}

List<py::str> activation_kinds() {
    List<py::str> names;
#define TK_NAME(name) names.append(#name);
    TK_ACTIVATIONS(TK_NAME)
#undef TK_NAME
    return names;
}

int64_t size(const NormShape& s) { return s.n * s.c * s.s; }

void prelu_forward(py::array y, const py::array& x, const py::array& weight, const py::tuple& shape) {
    const auto s = shape_from<NormShape>(shape);
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(y, size(s));
        const T *from = in<T>(x, size(s)), *w = in<T>(weight, s.c);
        const py::gil_scoped_release unlocked;
        kernels<T>().prelu_forward(to, from, w, s);
    });
}
void prelu_backward(py::array dx, py::array dweight, const py::array& dy, const py::array& x, const py::array& weight,
                    const py::tuple& shape) {
    const auto s = shape_from<NormShape>(shape);
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        T *to = out<T>(dx, size(s)), *dw = out<T>(dweight, s.c);
        const T *g = in<T>(dy, size(s)), *from = in<T>(x, size(s)), *w = in<T>(weight, s.c);
        const py::gil_scoped_release unlocked;
        const Workspace<T> workspace(kernels<T>().prelu_backward_workspace(s, max_threads()));
        kernels<T>().prelu_backward(to, dw, g, from, w, s, workspace);
    });
}

int64_t size(const SoftmaxShape& s) { return s.outer * s.axis * s.inner; }

template <class Pick> void run(py::array& to, const py::array& from, const py::tuple& shape, Pick kernel) {
    const auto s = shape_from<SoftmaxShape>(shape);
    by_dtype(from, [&](auto t) {
        using T = decltype(t);
        T* y = out<T>(to, size(s));
        const T* x = in<T>(from, size(s));
        const py::gil_scoped_release unlocked;
        kernel(kernels<T>())(y, x, s);
    });
}
template <class Pick>
void run(py::array& to, const py::array& gradient, const py::array& saved, const py::tuple& shape, Pick kernel) {
    const auto s = shape_from<SoftmaxShape>(shape);
    by_dtype(gradient, [&](auto t) {
        using T = decltype(t);
        T* dx = out<T>(to, size(s));
        const T *dy = in<T>(gradient, size(s)), *y = in<T>(saved, size(s));
        const py::gil_scoped_release unlocked;
        kernel(kernels<T>())(dx, dy, y, s);
    });
}

#define TK_FORWARD_AXIS(name) \
    void name(py::array y, const py::array& x, const py::tuple& shape) { run(y, x, shape, TK_PICK(name)); }
#define TK_BACKWARD_AXIS(name)                                                                 \
    void name(py::array dx, const py::array& dy, const py::array& y, const py::tuple& shape) { \
        run(dx, dy, y, shape, TK_PICK(name));                                                  \
    }
TK_FORWARD_AXIS(softmax_forward)
TK_FORWARD_AXIS(log_softmax_forward)
TK_BACKWARD_AXIS(softmax_backward)
TK_BACKWARD_AXIS(log_softmax_backward)

void activation_forward(py::array y, const py::array& x, const std::string& kind, double a, double b) {
    run(y, x, [=, which = activation_of(kind)](const auto& k) {
        return
            [=, &k](auto* to, const auto* from, int64_t count) { k.activation_forward(to, from, count, which, a, b); };
    });
}
void activation_backward(py::array dx, const py::array& dy, const py::array& x, const std::string& kind, double a,
                         double b) {
    run(dx, dy, x, [=, which = activation_of(kind)](const auto& k) {
        return [=, &k](auto* to, const auto* gradient, const auto* from, int64_t count) {
            k.activation_backward(to, gradient, from, count, which, a, b);
        };
    });
}

}   // namespace

void bind_activation(py::module_& m) {
    const auto forward = [&](const char* name, auto function) { m.def(name, function, py::arg("y"), py::arg("x")); };
    const auto backward = [&](const char* name, auto function) {
        m.def(name, function, py::arg("dx"), py::arg("dy"), py::arg("y"));
    };
    forward("relu_forward", &relu_forward);
    forward("sigmoid_forward", &sigmoid_forward);
    forward("tanh_forward", &tanh_forward);
    backward("relu_backward", &relu_backward);
    backward("sigmoid_backward", &sigmoid_backward);
    backward("tanh_backward", &tanh_backward);
    m.def("add_relu_forward", &add_relu_forward, py::arg("y"), py::arg("a"), py::arg("b"));
    m.def("plain_activation", &plain_activation, py::arg("op"), py::arg("a"), py::arg("b"));
    m.def("activation_kinds", &activation_kinds);
    m.def("activation_forward", &activation_forward, py::arg("y"), py::arg("x"), py::arg("kind"), py::arg("a"),
          py::arg("b"));
    m.def("activation_backward", &activation_backward, py::arg("dx"), py::arg("dy"), py::arg("x"), py::arg("kind"),
          py::arg("a"), py::arg("b"));
    m.def("prelu_forward", &prelu_forward, py::arg("y"), py::arg("x"), py::arg("weight"), py::arg("shape"));
    m.def("prelu_backward", &prelu_backward, py::arg("dx"), py::arg("dweight"), py::arg("dy"), py::arg("x"),
          py::arg("weight"), py::arg("shape"));
    const auto forward_axis = [&](const char* name, auto function) {
        m.def(name, function, py::arg("y"), py::arg("x"), py::arg("shape"));
    };
    const auto backward_axis = [&](const char* name, auto function) {
        m.def(name, function, py::arg("dx"), py::arg("dy"), py::arg("y"), py::arg("shape"));
    };
    forward_axis("softmax_forward", &softmax_forward);
    forward_axis("log_softmax_forward", &log_softmax_forward);
    backward_axis("softmax_backward", &softmax_backward);
    backward_axis("log_softmax_backward", &log_softmax_backward);
}

}   // namespace tk::bindings
