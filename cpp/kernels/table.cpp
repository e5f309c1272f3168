// The table of this ISA, filled from kernels.def.
#include "kernels/kernels.hpp"

namespace tk::TK_ISA {

#define KERNEL(result, name, arguments) &name<T>,
template <class T> static constexpr Kernels<T> fill() {
    return {
#include "kernels/kernels.def"
    };
}
#undef KERNEL

extern const IsaTable table;
const IsaTable table = {fill<float>(), fill<double>()};

}   // namespace tk::TK_ISA
