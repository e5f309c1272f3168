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

// y [m][n], float32, of x [m][k] and weight [n][k] as bits
template <class Kernel, class Size>
void linear(py::array& y, const py::array& x, const py::array& weight, const py::object& bias, const py::tuple& shape,
            bool relu, Kernel kernel, Size size) {
    const auto s = shape_from<MatmulShape>(shape);
    float* to = out<float>(y, s.m * s.n);
    const auto *left = in<uint16_t>(x, s.m * s.k), *right = in<uint16_t>(weight, s.n * s.k);
    const float* added = optional_in<float>(bias, s.n);
    const py::gil_scoped_release unlocked;
    const Workspace<float> workspace(size(s, max_threads()));
    kernel(to, left, right, added, s, relu, workspace);
}

}   // namespace

void bind_half(py::module_& m) {
#define TK_CONVERSION(name, To, From)                                                                             \
    m.def(                                                                                                        \
        #name, [](py::array y, const py::array& x) { run<To, From>(y, x, kernels<float>().name); }, py::arg("y"), \
        py::arg("x"));
    TK_CONVERSION(half_to_float, float, uint16_t)
    TK_CONVERSION(float_to_half, uint16_t, float)
    TK_CONVERSION(bfloat16_to_float, float, uint16_t)
    TK_CONVERSION(float_to_bfloat16, uint16_t, float)
#undef TK_CONVERSION
#define TK_LINEAR(name)                                                                                              \
    m.def(                                                                                                           \
        #name,                                                                                                       \
        [](py::array y, const py::array& x, const py::array& weight, const py::object& bias, const py::tuple& shape, \
           bool relu) {                                                                                              \
            const Kernels<float>& table = kernels<float>();                                                          \
            linear(y, x, weight, bias, shape, relu, table.name, table.name##_workspace);                             \
        },                                                                                                           \
        py::arg("y"), py::arg("x"), py::arg("weight"), py::arg("bias"), py::arg("shape"), py::arg("relu"));
    TK_LINEAR(linear_half)
    TK_LINEAR(linear_bfloat16)
#undef TK_LINEAR
}

}   // namespace tk::bindings
