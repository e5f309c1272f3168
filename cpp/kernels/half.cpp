// Floats of 16 bits as storage: widened to float to compute with, narrowed to be kept.
//   float16   1 sign, 5 exponent, 10 fraction bits (IEEE 754)      bfloat16   the upper half of a float
// Widening is exact. Narrowing rounds to the nearest, ties to even; what is too large becomes infinity, subnormal
// numbers are kept, and a NaN stays one. In integer lanes, so that one text serves every instruction set.
#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int L = kLanes<float>;
typedef uint32_t Bits __attribute__((vector_size(TK_VECTOR_BYTES)));
typedef uint16_t Halves __attribute__((vector_size(TK_VECTOR_BYTES / 2)));
typedef uint16_t LooseHalves __attribute__((vector_size(TK_VECTOR_BYTES / 2), aligned(2), may_alias));
constexpr int64_t kGrain = 8192;
constexpr uint32_t kInfinity = 0x7f800000;

TK_INLINE Bits bits_of(Vec<float> v) { return reinterpret_cast<Bits>(v); }
TK_INLINE Vec<float> floats_of(Bits b) { return reinterpret_cast<Vec<float>>(b); }

// y[i] = f(x[i]) over vectors of 16-bit numbers on one side or the other; tails go through a full vector's worth of
// room.
template <class To, class From, class Step> TK_INLINE void convert(To* y, const From* x, int64_t count, Step step) {
    parallel_chunks(
        count, kGrain, 1,
        [=](int64_t begin, int64_t end) {
            int64_t i = begin;
            for (; i + L <= end; i += L) step(y + i, x + i);
            if (i == end) return;
            From from[L] = {};
            To to[L];
            __builtin_memcpy(from, x + i, (end - i) * sizeof(From));
            step(to, from);
            __builtin_memcpy(y + i, to, (end - i) * sizeof(To));
        },
        Schedule::even);
}

TK_INLINE Bits load_halves(const uint16_t* x) {
    return __builtin_convertvector(static_cast<Halves>(*reinterpret_cast<const LooseHalves*>(x)), Bits);
}
TK_INLINE void store_halves(uint16_t* y, Bits b) {
    *reinterpret_cast<LooseHalves*>(y) = __builtin_convertvector(b, Halves);
}

// The exponent is rebased by a multiplication, which makes normal numbers of subnormal ones by the way.
TK_INLINE Vec<float> from_half(Bits h) {
    const Bits magnitude = (h & 0x7fff) << 13;
    const Bits finite = bits_of(floats_of(magnitude) * 0x1p112f);
    return floats_of((magnitude >= (0x7c00 << 13) ? (magnitude | kInfinity) : finite) | (h & 0x8000) << 16);
}

// Below 2^-14 an addition of 0.5, whose last bit is 2^-24, rounds to the spacing of the subnormal numbers.
TK_INLINE Bits to_half(Bits b) {
    const Bits a = b & 0x7fffffff;
    const Bits normal = (a + 0xc8000fffu + ((a >> 13) & 1)) >> 13;
    const Bits small = bits_of(floats_of(a) + 0.5f) - 0x3f000000u;
    const Bits large = a > kInfinity ? (((a >> 13) & 0x3ff) | 0x7e00) : (a & 0) + 0x7c00;
    const Bits magnitude = a >= 0x47800000u ? large : (a < 0x38800000u ? small : normal);
    return magnitude | ((b >> 16) & 0x8000);
}

TK_INLINE Bits to_bfloat(Bits b) {
    const Bits rounded = (b + 0x7fffu + ((b >> 16) & 1)) >> 16;
    return (b & 0x7fffffff) > kInfinity ? (b >> 16) | 0x40 : rounded;
}

}   // namespace

template <class T> void half_to_float(float* y, const uint16_t* x, int64_t count) {
    convert(y, x, count, [](float* to, const uint16_t* from) { store(to, from_half(load_halves(from))); });
}
template <class T> void float_to_half(uint16_t* y, const float* x, int64_t count) {
    convert(y, x, count, [](uint16_t* to, const float* from) { store_halves(to, to_half(bits_of(load(from)))); });
}
template <class T> void bfloat16_to_float(float* y, const uint16_t* x, int64_t count) {
    convert(y, x, count, [](float* to, const uint16_t* from) { store(to, floats_of(load_halves(from) << 16)); });
}
template <class T> void float_to_bfloat16(uint16_t* y, const float* x, int64_t count) {
    convert(y, x, count, [](uint16_t* to, const float* from) { store_halves(to, to_bfloat(bits_of(load(from)))); });
}

TK_EMIT(half_to_float)
TK_EMIT(float_to_half)
TK_EMIT(bfloat16_to_float)
TK_EMIT(float_to_bfloat16)

}   // namespace tk::TK_ISA
