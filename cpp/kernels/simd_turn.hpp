// Up to six vectors as columns of memory, out of registers: AVX2, whose masked stores are slow.
#pragma once
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

// out[k * pitch + 0..Pixels) = lane k of each of the first `Pixels` vectors, 2 to 6, for the first `rows` lanes.
#if defined(__AVX2__) && !defined(__AVX512F__)
constexpr bool kTurns = true;

// The first Count lanes of the low or the high half of four.
template <int Count> TK_INLINE void store_half(float* out, __m128 v, bool high) {
    if constexpr (Count == 1) *out = high ? v[2] : v[0];
    else if (high) _mm_storeh_pi(reinterpret_cast<__m64*>(out), v);
    else _mm_storel_pi(reinterpret_cast<__m64*>(out), v);
}
template <int Pixels> TK_INLINE void store_turned(float* out, int64_t pitch, const Vec<float> (&p)[6], int64_t rows) {
    const __m256 a = _mm256_unpacklo_ps(p[0], p[1]), b = _mm256_unpackhi_ps(p[0], p[1]);
    const __m256 c = _mm256_unpacklo_ps(p[2], p[3]), d = _mm256_unpackhi_ps(p[2], p[3]);
    const __m256 more[2] = {_mm256_unpacklo_ps(p[4], p[5]), _mm256_unpackhi_ps(p[4], p[5])};   // two rows each half
    const auto join = [](__m256 u, __m256 v, bool high) __attribute__((always_inline)) {
        return high ? _mm256_shuffle_ps(u, v, 0xee) : _mm256_shuffle_ps(u, v, 0x44);
    };
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k, out += pitch) {
        if (k >= rows) break;
        const __m256 wide = k & 2 ? join(b, d, k & 1) : join(a, c, k & 1), rest = more[k / 2 % 2];
        const __m128 four = k < 4 ? _mm256_castps256_ps128(wide) : _mm256_extractf128_ps(wide, 1);
        if constexpr (Pixels >= 4) _mm_storeu_ps(out, four);
        else store_half<2>(out, four, false);
        if constexpr (Pixels == 3) store_half<1>(out + 2, four, true);
        if constexpr (Pixels > 4)
            store_half<Pixels - 4>(out + 4, k < 4 ? _mm256_castps256_ps128(rest) : _mm256_extractf128_ps(rest, 1),
                                   k & 1);
    }
}
#else
constexpr bool kTurns = false;
template <int Pixels, class T> void store_turned(T* out, int64_t pitch, const Vec<T> (&p)[6], int64_t rows) = delete;
#endif

}   // namespace
}   // namespace tk::TK_ISA
