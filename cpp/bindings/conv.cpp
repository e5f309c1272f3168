#include <algorithm>
#include <cstring>
#include <optional>

#include "bindings/arrays.hpp"

namespace tk::bindings {
namespace {

int64_t x_size(const ConvShape& s) { return s.n * s.ic * s.id * s.ih * s.iw; }
int64_t y_size(const ConvShape& s) { return s.n * s.oc * s.od * s.oh * s.ow; }
int64_t weight_size(const ConvShape& s) { return s.oc * (s.ic / s.groups) * s.kd * s.kh * s.kw; }
template <class T> int64_t packed_size(const ConvShape& s, const ConvPolicy& p) {
    for (int i = 0;; ++i) {
        const AlgorithmReport r = kernels<T>().conv_algorithm(ConvDirection::forward, i, s, p, 1);
        if (!r.name || !r.declined) return r.packed;
    }
}
int64_t cols_size(const ConvShape& s) { return s.n * s.ic * s.kd * s.kh * s.kw * s.od * s.oh * s.ow; }

// How to choose among the algorithms, as Python's kernels/algorithm.py encodes it: bit 0 exact, bit 1 fastest, then one
// bit for each preferred algorithm. The limit is the process's.
ConvPolicy policy_from(int64_t code) {
    return {(code & 1) != 0, (code & 2) != 0, static_cast<uint32_t>(code >> 2), workspace_limit()};
}

void convolve(py::array& y, const py::array& x, const py::array& weight, const py::object& bias,
              const py::object& packed, const ConvShape& s, bool relu, const ConvPolicy& p) {
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(y, y_size(s));
        const T *from = in<T>(x, x_size(s)), *w = in<T>(weight, weight_size(s)), *b = optional_in<T>(bias, s.oc);
        const T* held = optional_in<T>(packed, packed.is_none() ? 0 : packed_size<T>(s, p));
        const py::gil_scoped_release unlocked;
        const Workspace<T> workspace(kernels<T>().conv_forward_workspace(s, p, max_threads(), held != nullptr));
        kernels<T>().conv_forward(to, from, w, b, held, s, relu, p, workspace);
    });
}
void conv_forward(py::array y, const py::array& x, const py::array& weight, const py::object& bias,
                  const py::object& packed, const py::tuple& shape, bool relu, int64_t policy) {
    auto p = policy_from(policy);
    if (!packed.is_none()) p.limit = INT64_MAX;   // the choice was made when the weight was packed
    convolve(y, x, weight, bias, packed, shape_from<ConvShape>(shape), relu, p);
}

// One integer of Python's own for each axis, of low to 2**20, or one for all of them. False for anything else.
bool plain_axes(const py::handle& value, py::ssize_t axes, int64_t low, int64_t* to) {
    const bool each = PyTuple_CheckExact(value.ptr());
    if (each && PyTuple_GET_SIZE(value.ptr()) != axes) return false;
    for (py::ssize_t i = 0; i < axes; ++i) {
        PyObject* one = each ? PyTuple_GET_ITEM(value.ptr(), i) : value.ptr();
        int beyond = 0;
        to[i] = PyLong_CheckExact(one) ? PyLong_AsLongLongAndOverflow(one, &beyond) : -1;
        if (beyond || to[i] < low || to[i] >> 20) return false;
    }
    return true;
}

// The geometry of x and weight as they are (geometry/windows.py), or nothing where there is a fault to tell.
std::optional<ConvShape> plain_geometry(const py::array& x, const py::array& weight, const py::handle& options) {
    struct {   // ConvShape, which names every axis
        int64_t n, ic, oc, groups, in[3], out[3], kernel[3], step[3], pad[3], reach[3];
    } s{0, 0, 0, 0, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}};
    static_assert(sizeof s == sizeof(ConvShape));
    const py::ssize_t axes = x.ndim() - 2, first = 3 - axes;
    const auto option = [&](int i) { return PyTuple_GET_ITEM(options.ptr(), i); };
    if (!PyTuple_CheckExact(options.ptr()) || PyTuple_GET_SIZE(options.ptr()) != 4 || axes < 1 || axes > 3 ||
        weight.ndim() != axes + 2 || !plain_axes(option(0), axes, 1, s.step + first) ||
        !plain_axes(option(1), axes, 0, s.pad + first) || !plain_axes(option(2), axes, 1, s.reach + first) ||
        !PyLong_CheckExact(option(3)) || !plain_axes(option(3), 1, 1, &s.groups))
        return std::nullopt;
    s.n = x.shape(0), s.ic = x.shape(1), s.oc = weight.shape(0);
    if (s.n < 1 || s.ic < 1 || s.oc < 1 || s.oc % s.groups || weight.shape(1) * s.groups != s.ic) return std::nullopt;
    for (py::ssize_t i = 0; i < axes; ++i) {
        const py::ssize_t at = first + i;
        s.in[at] = x.shape(2 + i), s.kernel[at] = weight.shape(2 + i);
        const int64_t room = s.in[at] + 2 * s.pad[at] - s.reach[at] * (s.kernel[at] - 1) - 1;
        if (s.kernel[at] < 1 || room < 0) return std::nullopt;
        s.out[at] = room / s.step[at] + 1;
    }
    ConvShape shape;
    std::memcpy(&shape, &s, sizeof s);
    return shape;
}

// The same into a new array, where there is nothing to coerce or to complain of; else, and where memory lacks, None:
// kernels/conv.py takes its time over these.
py::object plain_conv_forward(const py::handle& x, const py::handle& weight, const py::handle& options,
                              const py::handle& activation, const py::object& bias, const py::handle& policy) {
    const auto plain_arrays = [&](auto t) {
        using T = decltype(t);
        return plain<T>(x) && plain<T>(weight) && (bias.is_none() || plain<T>(bias, 1));
    };
    const std::optional<bool> relu = plain_relu(activation);
    if (!relu || !(plain_arrays(float{}) || plain_arrays(double{}))) return py::none();
    const auto from = py::reinterpret_borrow<py::array>(x), w = py::reinterpret_borrow<py::array>(weight);
    const std::optional<ConvShape> s = plain_geometry(from, w, options);
    if (!s || !(bias.is_none() || py::len(bias) == static_cast<size_t>(s->oc))) return py::none();
    py::ssize_t sizes[] = {s->n, s->oc, s->od, s->oh, s->ow};
    std::copy(sizes + 7 - from.ndim(), sizes + 5, sizes + 2);   // the axes that there are
    try {
        py::array y = new_array(from.dtype(), static_cast<int>(from.ndim()), sizes);
        convolve(y, from, w, bias, py::none(), *s, *relu, policy_from(policy.cast<int64_t>()));
        return std::move(y);
    } catch (const std::bad_alloc&) { return py::none(); }
}

void conv_pack_weight(py::array packed, const py::array& weight, const py::tuple& shape, int64_t policy) {
    const auto s = shape_from<ConvShape>(shape);
    auto p = policy_from(policy);
    p.limit = INT64_MAX;
    by_dtype(weight, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(packed, packed_size<T>(s, p));
        const T* w = in<T>(weight, weight_size(s));
        const py::gil_scoped_release unlocked;
        kernels<T>().conv_pack_weight(to, w, s, p);
    });
}

void conv_backward_input(py::array dx, const py::array& dy, const py::object& y, const py::array& weight,
                         const py::tuple& shape, int64_t policy) {
    const auto s = shape_from<ConvShape>(shape);
    const auto p = policy_from(policy);
    by_dtype(dy, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(dx, x_size(s));
        const T *from = in<T>(dy, y_size(s)), *mask = optional_in<T>(y, y_size(s)), *w = in<T>(weight, weight_size(s));
        const py::gil_scoped_release unlocked;
        const Workspace<T> workspace(kernels<T>().conv_backward_input_workspace(s, p, max_threads(), mask != nullptr));
        kernels<T>().conv_backward_input(to, from, mask, w, s, p, workspace);
    });
}

void conv_backward_weight(py::array dweight, py::object dbias, const py::array& dy, const py::object& y,
                          const py::array& x, const py::tuple& shape, int64_t policy) {
    const auto s = shape_from<ConvShape>(shape);
    const auto p = policy_from(policy);
    by_dtype(dy, [&](auto t) {
        using T = decltype(t);
        T *to = out<T>(dweight, weight_size(s)), *db = optional_out<T>(dbias, s.oc);
        const T *g = in<T>(dy, y_size(s)), *mask = optional_in<T>(y, y_size(s)), *from = in<T>(x, x_size(s));
        const py::gil_scoped_release unlocked;
        const Workspace<T> workspace(kernels<T>().conv_backward_weight_workspace(s, p, max_threads(), mask != nullptr));
        kernels<T>().conv_backward_weight(to, db, g, mask, from, s, p, workspace);
    });
}

void conv_backward_bias(py::array dbias, const py::array& dy, const py::object& y, const py::tuple& shape) {
    const auto s = shape_from<ConvShape>(shape);
    by_dtype(dy, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(dbias, s.oc);
        const T *g = in<T>(dy, y_size(s)), *mask = optional_in<T>(y, y_size(s));
        const py::gil_scoped_release unlocked;
        kernels<T>().conv_backward_bias(to, g, mask, s);
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

// The ordered list of one direction: (name, why it does not run or None, workspace bytes, pack's elements, error, taps
// that meet the input).
using Algorithms = List<Tuple<py::str, py::typing::Optional<py::str>, py::int_, py::int_, py::float_, py::int_>>;
Algorithms conv_algorithms(const std::string& direction, const py::dtype& dtype, const py::tuple& shape,
                           int64_t policy) {
    const auto s = shape_from<ConvShape>(shape);
    const auto p = policy_from(policy);
    const auto d = direction == "forward"          ? ConvDirection::forward
                   : direction == "backward_input" ? ConvDirection::backward_input
                                                   : ConvDirection::backward_weight;
    const bool twice = dtype.itemsize() == sizeof(double);
    Algorithms list;
    for (int i = 0;; ++i) {
        const AlgorithmReport r = twice ? kernels<double>().conv_algorithm(d, i, s, p, max_threads())
                                        : kernels<float>().conv_algorithm(d, i, s, p, max_threads());
        if (!r.name) return list;
        list.append(py::make_tuple(r.name, r.declined, r.workspace * dtype.itemsize(), r.packed, r.error, r.taps));
    }
}

// Names of all algorithms, in the order of their policy bits.
List<py::str> conv_algorithm_names() {
    List<py::str> names;
#define TK_ID(name) names.append(#name);
    TK_CONV_ALGORITHMS(TK_ID)
#undef TK_ID
    return names;
}

}   // namespace

void bind_conv(py::module_& m) {
    m.def("conv_forward", &conv_forward, py::arg("y"), py::arg("x"), py::arg("weight"), py::arg("bias").none(true),
          py::arg("packed").none(true), py::arg("shape"), py::arg("relu"), py::arg("policy"));
    m.def("plain_conv_forward", &plain_conv_forward, py::arg("x"), py::arg("weight"), py::arg("options"),
          py::arg("activation"), py::arg("bias"), py::arg("policy"));
    m.def("conv_pack_weight", &conv_pack_weight, py::arg("packed"), py::arg("weight"), py::arg("shape"),
          py::arg("policy"));
    m.def("conv_backward_input", &conv_backward_input, py::arg("dx"), py::arg("dy"), py::arg("y").none(true),
          py::arg("weight"), py::arg("shape"), py::arg("policy"));
    m.def("conv_backward_weight", &conv_backward_weight, py::arg("dweight"), py::arg("dbias").none(true), py::arg("dy"),
          py::arg("y").none(true), py::arg("x"), py::arg("shape"), py::arg("policy"));
    m.def("conv_backward_bias", &conv_backward_bias, py::arg("dbias"), py::arg("dy"), py::arg("y").none(true),
          py::arg("shape"));
    m.def("conv_algorithms", &conv_algorithms, py::arg("direction"), py::arg("dtype"), py::arg("shape"),
          py::arg("policy"),
          "(name, why it does not run or None, workspace bytes, elements of a pack, error, live taps), best first");
    m.def("conv_algorithm_names", &conv_algorithm_names, "all of them, in the order of their policy bits");
    m.def("im2col", &im2col, py::arg("cols"), py::arg("x"), py::arg("shape"));
    m.def("col2im", &col2im, py::arg("x"), py::arg("cols"), py::arg("shape"));
}

}   // namespace tk::bindings
