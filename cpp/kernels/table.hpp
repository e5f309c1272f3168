// One table of function pointers per ISA and precision; the dispatcher hands out the chosen one.
#pragma once
#include "common/shapes.hpp"

namespace tk {

template <class T> struct Kernels {
#define KERNEL(result, name, arguments) result(*name) arguments;
#include "kernels/kernels.def"
#undef KERNEL
};

}   // namespace tk
