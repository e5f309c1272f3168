// Declares every kernel of kernels.def in the namespace of the ISA being compiled, and its table.
// TK_ISA (baseline | avx2 | avx512 | avx512_bf16) and the -march that goes with it come from CMakeLists.txt here.
// Files compiled per ISA hold plain data and local templates only: a weak symbol shared with another ISA
// (std::vector, <algorithm>) could put AVX-512 code into everybody's path. tests/packaging checks this with nm.
#pragma once
#include "common/parallel.hpp"
#include "common/shapes.hpp"
#include "kernels/table.hpp"

// Kernels that wide registers speed up little: the copy of `baseline` serves every ISA. The body of their files stands
// between `#if TK_IS(TK_ISA)` and `#endif`.
#define TK_IS_baseline 1
#define TK_JOINED(a, b) a##b
#define TK_IS(isa) TK_JOINED(TK_IS_, isa)

namespace tk::baseline {
#define KERNEL(result, name, arguments)
#define COMMON_KERNEL(result, name, arguments) template <class T> result name arguments;
#include "kernels/kernels.def"
#undef KERNEL
}   // namespace tk::baseline

namespace tk::TK_ISA {

#define KERNEL(result, name, arguments) template <class T> result name arguments;
#define COMMON_KERNEL(result, name, arguments)
#include "kernels/kernels.def"
#undef KERNEL

// At the end of a kernel's file: emit the precisions that this ISA has.
#define TK_EMIT_OF(name, T) [[gnu::used]] static auto* const emit_##name##_##T = &name<T>;
#ifdef TK_SINGLE_ONLY
#define TK_EMIT(name) TK_EMIT_OF(name, float)
#else
#define TK_EMIT(name) TK_EMIT_OF(name, float) TK_EMIT_OF(name, double)
#endif

}   // namespace tk::TK_ISA
