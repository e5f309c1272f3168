// What the kernels use of AVX-512, by AVX2's instructions and by loops: included before every file of that instruction
// set where TATAMIKOMI_EMULATE_AVX512 is on, so that its kernels are tested on processors without it. Slow.
//
// Each replacement takes the arguments of Intel's intrinsic. `mask` selects lanes, from bit 0 on; where the kernels
// only ever give a full one (see simd.hpp on maskz), it is ignored. An intrinsic that is missing here fails to compile.
#pragma once
#include <immintrin.h>
#include <cmath>
#include <cstdint>

// Only now: the compiler's own header must not see them.
#define __AVX512F__ 1
#define TK_REGISTER "+m"   // no register is as wide as a vector

namespace tk_emulated {
#define TK_EMULATED static inline __attribute__((always_inline))

template <class Half, class Whole> TK_EMULATED Half half_of(const Whole& v, int i) {
    Half half;
    __builtin_memcpy(&half, reinterpret_cast<const char*>(&v) + i * sizeof(Half), sizeof(Half));
    return half;
}
template <class Whole, class Half> TK_EMULATED Whole joined(Half low, Half high) {
    Whole v;
    __builtin_memcpy(&v, &low, sizeof(Half));
    __builtin_memcpy(reinterpret_cast<char*>(&v) + sizeof(Half), &high, sizeof(Half));
    return v;
}
// f of the low halves, then of the high ones
template <class Whole, class Half, class F, class... Vectors> TK_EMULATED Whole halves(F f, const Vectors&... v) {
    return joined<Whole, Half>(f(half_of<Half>(v, 0)...), f(half_of<Half>(v, 1)...));
}

// ---- masked loads and stores: no lane outside of the mask is touched ------------------------------------------------

template <class V, class T> TK_EMULATED V load_over(V v, uint32_t mask, const T* p) {
    for (int i = 0; i < static_cast<int>(sizeof(V) / sizeof(T)); ++i)
        if (mask >> i & 1) v[i] = p[i];
    return v;
}
template <class V, class T> TK_EMULATED V load_masked(uint32_t mask, const T* p) { return load_over<V>(V{}, mask, p); }
template <class V, class T> TK_EMULATED void store_masked(T* p, uint32_t mask, V v) {
    for (int i = 0; i < static_cast<int>(sizeof(V) / sizeof(T)); ++i)
        if (mask >> i & 1) p[i] = v[i];
}
#define _mm512_maskz_loadu_ps tk_emulated::load_masked<__m512>
#define _mm512_maskz_loadu_pd tk_emulated::load_masked<__m512d>
#define _mm256_maskz_loadu_ps tk_emulated::load_masked<__m256>
#define _mm256_maskz_loadu_pd tk_emulated::load_masked<__m256d>
#define _mm512_mask_loadu_ps tk_emulated::load_over<__m512>
#define _mm512_mask_loadu_pd tk_emulated::load_over<__m512d>
#define _mm256_mask_loadu_ps tk_emulated::load_over<__m256>
#define _mm256_mask_loadu_pd tk_emulated::load_over<__m256d>
#define _mm512_mask_storeu_ps tk_emulated::store_masked<__m512>
#define _mm512_mask_storeu_pd tk_emulated::store_masked<__m512d>
#define _mm256_mask_storeu_ps tk_emulated::store_masked<__m256>
#define _mm256_mask_storeu_pd tk_emulated::store_masked<__m256d>
#define _mm512_mask_storeu_epi64 tk_emulated::store_masked<__m512i>

TK_EMULATED void stream(float* p, __m512 v) {
    _mm256_stream_ps(p, half_of<__m256>(v, 0));
    _mm256_stream_ps(p + 8, half_of<__m256>(v, 1));
}
TK_EMULATED void stream(double* p, __m512d v) {
    _mm256_stream_pd(p, half_of<__m256d>(v, 0));
    _mm256_stream_pd(p + 4, half_of<__m256d>(v, 1));
}
#define _mm512_stream_ps tk_emulated::stream
#define _mm512_stream_pd tk_emulated::stream

// ---- arithmetic -----------------------------------------------------------------------------------------------------

#define TK_ARITHMETIC(name, Whole, Half, op)                                                                 \
    template <class... V> TK_EMULATED Whole name(uint32_t, V... v) {                                         \
        return halves<Whole, Half>([](auto... h) __attribute__((always_inline)) { return op(h...); }, v...); \
    }
TK_ARITHMETIC(min_ps, __m512, __m256, _mm256_min_ps)
TK_ARITHMETIC(max_ps, __m512, __m256, _mm256_max_ps)
TK_ARITHMETIC(sqrt_ps, __m512, __m256, _mm256_sqrt_ps)
TK_ARITHMETIC(fmsub_ps, __m512, __m256, _mm256_fmsub_ps)
TK_ARITHMETIC(min_pd, __m512d, __m256d, _mm256_min_pd)
TK_ARITHMETIC(max_pd, __m512d, __m256d, _mm256_max_pd)
TK_ARITHMETIC(sqrt_pd, __m512d, __m256d, _mm256_sqrt_pd)
TK_ARITHMETIC(fmsub_pd, __m512d, __m256d, _mm256_fmsub_pd)
TK_ARITHMETIC(mul_epu32, __m512i, __m256i, _mm256_mul_epu32)
#undef TK_ARITHMETIC
#define _mm512_maskz_min_ps tk_emulated::min_ps
#define _mm512_maskz_max_ps tk_emulated::max_ps
#define _mm512_maskz_sqrt_ps tk_emulated::sqrt_ps
#define _mm512_maskz_fmsub_ps tk_emulated::fmsub_ps
#define _mm512_maskz_min_pd tk_emulated::min_pd
#define _mm512_maskz_max_pd tk_emulated::max_pd
#define _mm512_maskz_sqrt_pd tk_emulated::sqrt_pd
#define _mm512_maskz_fmsub_pd tk_emulated::fmsub_pd
#define _mm512_maskz_mul_epu32 tk_emulated::mul_epu32

// v * 2^floor(n), rounded once; where either is NaN, NaN
template <class V> TK_EMULATED V scaled(uint32_t, V v, V n) {
    for (int i = 0; i < static_cast<int>(sizeof(V) / sizeof v[0]); ++i) {
        const double power = std::fmin(std::fmax(std::floor(static_cast<double>(n[i])), -1e4), 1e4);
        v[i] = n[i] != n[i] ? n[i] : std::scalbn(v[i], static_cast<int>(power));
    }
    return v;
}
#define _mm512_maskz_scalef_ps tk_emulated::scaled<__m512>
#define _mm512_maskz_scalef_pd tk_emulated::scaled<__m512d>

// ---- comparisons: masks in place of lanes ---------------------------------------------------------------------------

TK_EMULATED uint32_t signs(__m512i v) {
    const auto low = half_of<__m256>(v, 0), high = half_of<__m256>(v, 1);
    return static_cast<uint32_t>(_mm256_movemask_ps(low)) | static_cast<uint32_t>(_mm256_movemask_ps(high)) << 8;
}
TK_EMULATED __m512i lanes_of(uint32_t mask) {
    int32_t lanes[16];
    for (int i = 0; i < 16; ++i) lanes[i] = -static_cast<int32_t>(mask >> i & 1);
    return half_of<__m512i>(lanes, 0);
}
template <int Predicate> TK_EMULATED uint32_t compared(__m512 a, __m512 b) {
    return signs(halves<__m512i, __m256>(
        [](__m256 x, __m256 y) __attribute__((always_inline)) { return _mm256_cmp_ps(x, y, Predicate); }, a, b));
}
#define _mm512_movepi32_mask tk_emulated::signs
#define _mm512_movm_epi32 tk_emulated::lanes_of
#define _mm512_cmp_ps_mask(a, b, predicate) tk_emulated::compared<predicate>(a, b)

// ---- lanes moved, widened, converted --------------------------------------------------------------------------------

// Lane i is lane lanes[i] of the 2 L lanes of a, b.
template <class V, class Lanes> TK_EMULATED V permuted(V a, Lanes lanes, V b) {
    constexpr int L = sizeof(V) / sizeof(float);
    int32_t from[L];
    __builtin_memcpy(from, &lanes, sizeof from);
    V result{};
    for (int i = 0; i < L; ++i) result[i] = from[i] & L ? b[from[i] & (L - 1)] : a[from[i] & (L - 1)];
    return result;
}
#define _mm512_permutex2var_ps tk_emulated::permuted<__m512>
#define _mm256_permutex2var_ps tk_emulated::permuted<__m256>

TK_EMULATED __m512 four_times(uint32_t, __m128 v) {
    const __m256 twice = _mm256_set_m128(v, v);
    return joined<__m512>(twice, twice);
}
TK_EMULATED __m512d twice(uint32_t, __m256d v) { return joined<__m512d>(v, v); }
#define _mm512_maskz_broadcast_f32x4 tk_emulated::four_times
#define _mm512_maskz_broadcast_f64x4 tk_emulated::twice

TK_EMULATED __m512d doubles(__m256 v) {
    return joined<__m512d>(_mm256_cvtps_pd(half_of<__m128>(v, 0)), _mm256_cvtps_pd(half_of<__m128>(v, 1)));
}
TK_EMULATED __m512i long_integers(uint32_t, __m256i v) {
    return joined<__m512i>(_mm256_cvtepi32_epi64(half_of<__m128i>(v, 0)),
                           _mm256_cvtepi32_epi64(half_of<__m128i>(v, 1)));
}
TK_EMULATED __m512 from_half(uint32_t, __m256i v) {
    return joined<__m512>(_mm256_cvtph_ps(half_of<__m128i>(v, 0)), _mm256_cvtph_ps(half_of<__m128i>(v, 1)));
}
#define _mm512_cvtps_pd tk_emulated::doubles
#define _mm512_maskz_cvtepi32_epi64 tk_emulated::long_integers
#define _mm512_maskz_cvtph_ps tk_emulated::from_half
#define _mm512_castps512_ps256(v) tk_emulated::half_of<__m256>((v), 0)
#define _mm512_extractf32x8_ps(v, i) tk_emulated::half_of<__m256>((v), (i))

}   // namespace tk_emulated
