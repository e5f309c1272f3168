// The tables of this ISA, filled from kernels.def.
#include "kernels/kernels.hpp"

namespace tk::TK_ISA {

#define KERNEL(result, name, arguments) &name<T>,
template <class T> static constexpr Kernels<T> fill() {
    return {
#define COMMON_KERNEL(result, name, arguments) &baseline::name<T>,
#include "kernels/kernels.def"
    };
}
#undef KERNEL

extern const Kernels<float> single;
const Kernels<float> single = fill<float>();
#ifndef TK_SINGLE_ONLY
extern const Kernels<double> twice;
const Kernels<double> twice = fill<double>();
#endif

}   // namespace tk::TK_ISA
