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
}

}   // namespace tk::bindings
