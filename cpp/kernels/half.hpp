// Floats of 16 bits in registers: widened to float to compute with, narrowed to be kept.
//   float16   1 sign, 5 exponent, 10 fraction bits (IEEE 754)      bfloat16   the upper half of a float
// Widening is exact. Narrowing rounds to the nearest, ties to even; what is too large becomes infinity, subnormal
// numbers are kept, and a NaN stays one. In integer lanes, so that one text serves every instruction set.
#pragma once
#include "kernels/simd.hpp"

namespace tk {
namespace {

typedef uint32_t WideBits __attribute__((vector_size(TK_VECTOR_BYTES)));
typedef uint16_t Halves __attribute__((vector_size(TK_VECTOR_BYTES / 2)));
typedef uint16_t LooseHalves __attribute__((vector_size(TK_VECTOR_BYTES / 2), aligned(2), may_alias));
constexpr uint32_t kInfinity = 0x7f800000;

TK_INLINE WideBits bits_of(Vec<float> v) { return reinterpret_cast<WideBits>(v); }
TK_INLINE Vec<float> floats_of(WideBits b) { return reinterpret_cast<Vec<float>>(b); }

TK_INLINE WideBits load_halves(const uint16_t* x) {
    return __builtin_convertvector(static_cast<Halves>(*reinterpret_cast<const LooseHalves*>(x)), WideBits);
}
TK_INLINE void store_halves(uint16_t* y, WideBits b) {
    *reinterpret_cast<LooseHalves*>(y) = __builtin_convertvector(b, Halves);
}

// The exponent is rebased by a multiplication, which makes normal numbers of subnormal ones by the way.
TK_INLINE Vec<float> from_half(WideBits h) {
    const WideBits magnitude = (h & 0x7fff) << 13;
    const WideBits finite = bits_of(floats_of(magnitude) * 0x1p112f);
    return floats_of((magnitude >= (0x7c00 << 13) ? (magnitude | kInfinity) : finite) | (h & 0x8000) << 16);
}
TK_INLINE Vec<float> from_bfloat16(WideBits h) { return floats_of(h << 16); }

// Below 2^-14 an addition of 0.5, whose last bit is 2^-24, rounds to the spacing of the subnormal numbers.
TK_INLINE WideBits to_half(WideBits b) {
    const WideBits a = b & 0x7fffffff;
    const WideBits normal = (a + 0xc8000fffu + ((a >> 13) & 1)) >> 13;
    const WideBits small = bits_of(floats_of(a) + 0.5f) - 0x3f000000u;
    const WideBits large = a > kInfinity ? (((a >> 13) & 0x3ff) | 0x7e00) : (a & 0) + 0x7c00;
    const WideBits magnitude = a >= 0x47800000u ? large : (a < 0x38800000u ? small : normal);
    return magnitude | ((b >> 16) & 0x8000);
}
TK_INLINE WideBits to_bfloat16(WideBits b) {
    const WideBits rounded = (b + 0x7fffu + ((b >> 16) & 1)) >> 16;
    return (b & 0x7fffffff) > kInfinity ? (b >> 16) | 0x40 : rounded;
}

}   // namespace
}   // namespace tk
