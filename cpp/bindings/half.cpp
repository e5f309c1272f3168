#include "bindings/arrays.hpp"

namespace tk::bindings {
namespace {

// Both kinds of 16-bit floats come and go as uint16, their bits.
template <class To, class From> using Conversion = void (*)(To*, const From*, int64_t);

template <class To, class From> void run(py::array& to, const py::array& from, Conversion<To, From> convert) {
    const int64_t count = from.size();
    To* y = out<To>(to, count);
    const From* x = in<From>(from, count);
    const py::gil_scoped_release unlocked;
    convert(y, x, count);
}
#define TK_CONVERSION(name, To, From) \
    void name(py::array y, const py::array& x) { run<To, From>(y, x, kernels<float>().name); }
TK_CONVERSION(half_to_float, float, uint16_t)
TK_CONVERSION(float_to_half, uint16_t, float)
TK_CONVERSION(bfloat16_to_float, float, uint16_t)
TK_CONVERSION(float_to_bfloat16, uint16_t, float)

// y [m][n], float32, of x [m][k] and weight [n][k] as bits
using Linear = decltype(Kernels<float>::linear_half);
using LinearSize = decltype(Kernels<float>::linear_half_workspace);
void run(py::array& y, const py::array& x, const py::array& weight, const py::object& bias, const py::tuple& shape,
         bool relu, Linear linear, LinearSize size) {
    const auto s = shape_from<MatmulShape>(shape);
    float* to = out<float>(y, s.m * s.n);
    const auto *left = in<uint16_t>(x, s.m * s.k), *right = in<uint16_t>(weight, s.n * s.k);
    const float* added = optional_in<float>(bias, s.n);
    const py::gil_scoped_release unlocked;
    const Workspace<float> workspace(size(s, max_threads()));
    linear(to, left, right, added, s, relu, workspace);
}
#define TK_LINEAR(name)                                                                                 \
    void name(py::array y, const py::array& x, const py::array& weight, const py::object& bias,         \
              const py::tuple& shape, bool relu) {                                                      \
        run(y, x, weight, bias, shape, relu, kernels<float>().name, kernels<float>().name##_workspace); \
    }
TK_LINEAR(linear_half)
TK_LINEAR(linear_bfloat16)

}   // namespace

void bind_half(py::module_& m) {
    const auto conversion = [&](const char* name, auto function) { m.def(name, function, py::arg("y"), py::arg("x")); };
    conversion("half_to_float", &half_to_float);
    conversion("float_to_half", &float_to_half);
    conversion("bfloat16_to_float", &bfloat16_to_float);
    conversion("float_to_bfloat16", &float_to_bfloat16);
    const auto linear = [&](const char* name, auto function) {
        m.def(name, function, py::arg("y"), py::arg("x"), py::arg("weight"), py::arg("bias"), py::arg("shape"),
              py::arg("relu"));
    };
    linear("linear_half", &linear_half);
    linear("linear_bfloat16", &linear_bfloat16);
}

}   // namespace tk::bindings
