// Arrays of 16-bit floats widened and narrowed, vector by vector (half.hpp).
#include "kernels/half.hpp"
#include "kernels/kernels.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int L = kLanes<float>;
constexpr int64_t kGrain = 8192;

// y[i] = f(x[i]) over vectors of 16-bit numbers on one side or the other; tails go through a full vector's worth of
// room.
template <class To, class From, class Step> TK_INLINE void convert(To* y, const From* x, int64_t count, Step step) {
    parallel_chunks(count, kGrain, 1, [=](int64_t begin, int64_t end) {
        int64_t i = begin;
        for (; i + L <= end; i += L) step(y + i, x + i);
        if (i == end) return;
        From from[L] = {};
        To to[L];
        __builtin_memcpy(from, x + i, (end - i) * sizeof(From));
        step(to, from);
        __builtin_memcpy(y + i, to, (end - i) * sizeof(To));
    });
}

}   // namespace

template <class T> void half_to_float(float* y, const uint16_t* x, int64_t count) {
    convert(y, x, count, [](float* to, const uint16_t* from) { store(to, from_half(load_halves(from))); });
}
template <class T> void float_to_half(uint16_t* y, const float* x, int64_t count) {
    convert(y, x, count, [](uint16_t* to, const float* from) { store_halves(to, to_half(bits_of(load(from)))); });
}
template <class T> void bfloat16_to_float(float* y, const uint16_t* x, int64_t count) {
    convert(y, x, count, [](float* to, const uint16_t* from) { store(to, from_bfloat16(load_halves(from))); });
}
template <class T> void float_to_bfloat16(uint16_t* y, const float* x, int64_t count) {
    convert(y, x, count, [](uint16_t* to, const float* from) { store_halves(to, to_bfloat16(bits_of(load(from)))); });
}

TK_EMIT(half_to_float)
TK_EMIT(float_to_half)
TK_EMIT(bfloat16_to_float)
TK_EMIT(float_to_bfloat16)

}   // namespace tk::TK_ISA
