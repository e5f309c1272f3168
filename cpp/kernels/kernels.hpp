// Declares every kernel of kernels.def in the namespace of the ISA being compiled, and its table.
// TK_ISA (baseline | avx2 | avx512) and the -march that goes with it come from CMakeLists.txt.
// Files compiled per ISA hold plain data and local templates only: a weak symbol shared with another ISA
// (std::vector, <algorithm>) could put AVX-512 code into everybody's path. tests/packaging checks this with nm.
#pragma once
#include "common/parallel.hpp"
#include "common/shapes.hpp"
#include "kernels/table.hpp"

namespace tk::TK_ISA {

#define KERNEL(result, name, arguments) template <class T> result name arguments;
#include "kernels/kernels.def"
#undef KERNEL

// At the end of a kernel's file: emit both precisions.
#define TK_EMIT(name)                                                    \
    [[gnu::used]] static auto* const emit_##name##_float = &name<float>; \
    [[gnu::used]] static auto* const emit_##name##_double = &name<double>;

}   // namespace tk::TK_ISA
