// The one SIMD header: a vector of T as wide as the ISA's registers, and the few operations kernels need; what moves
// lanes stands in simd_lanes.hpp, which it includes.
// Written with the compiler's vector extensions, so that one text serves SSE2, AVX2, AVX-512 and NEON.
// Tails run the same arithmetic on masked lanes (load_first / store_first): no result depends on its position.
#pragma once
#include <cstdint>
#include <type_traits>
#include "kernels/integers.hpp"

#if defined(__AVX512F__)
#include <immintrin.h>
#define TK_VECTOR_BYTES 64
#elif defined(__AVX2__)
#include <immintrin.h>
#define TK_VECTOR_BYTES 32
#else
#if defined(__SSE2__)
#include <immintrin.h>
#endif
#define TK_VECTOR_BYTES 16
#endif

// The constraint of a vector that inline assembly changes.
#if defined(TK_REGISTER)   // tests/emulation
#elif defined(__AVX512F__)
#define TK_REGISTER "+v"
#else
#define TK_REGISTER "+x"
#endif

#define TK_INLINE inline __attribute__((always_inline))

namespace tk {
namespace {   // local to each file: the linker must never share code between ISAs

template <class T> using LaneInt = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;   // of T's width

template <class T> struct VectorOf;
template <> struct VectorOf<float> {
    typedef float Type __attribute__((vector_size(TK_VECTOR_BYTES)));
    typedef float Loose __attribute__((vector_size(TK_VECTOR_BYTES), aligned(4), may_alias));
    typedef int32_t Mask __attribute__((vector_size(TK_VECTOR_BYTES)));
};
template <> struct VectorOf<double> {
    typedef double Type __attribute__((vector_size(TK_VECTOR_BYTES)));
    typedef double Loose __attribute__((vector_size(TK_VECTOR_BYTES), aligned(8), may_alias));
    typedef int64_t Mask __attribute__((vector_size(TK_VECTOR_BYTES)));
};

template <class T> using Vec = typename VectorOf<T>::Type;
template <class T> using VecMask = typename VectorOf<T>::Mask;   // integer lanes of T's width
template <class T> constexpr int kLanes = TK_VECTOR_BYTES / static_cast<int>(sizeof(T));
// What is tuned: code for float64 and narrow vectors alone would outweigh its worth.
template <class T> constexpr bool kTuned = sizeof(T) == 4 && TK_VECTOR_BYTES > 16;

// Calls in the lines of `count` elements; what runs past an array does no harm. Inlined: a call of a function that does
// nothing else is left out by GCC.
template <class T> constexpr int64_t kCacheLine = 64 / static_cast<int64_t>(sizeof(T));
template <class T> TK_INLINE void fetch(const T* from, int64_t count) {
    for (int64_t i = 0; i < count; i += kCacheLine<T>) __builtin_prefetch(from + i);
}
template <class T> TK_INLINE void fetch_to_write(const T* to, int64_t count) {
    for (int64_t i = 0; i < count; i += kCacheLine<T>) __builtin_prefetch(to + i, 1);
}

// Registers an accumulator tile may fill: kTilePixels x 2 vectors, leaving room for the operands.
#if defined(__AVX512F__)
constexpr int kTilePixels = 14;
#else
constexpr int kTilePixels = 6;
#endif

template <class T> TK_INLINE Vec<T> load(const T* p) {
    return *reinterpret_cast<const typename VectorOf<T>::Loose*>(p);
}
template <class T> TK_INLINE void store(T* p, Vec<T> v) { *reinterpret_cast<typename VectorOf<T>::Loose*>(p) = v; }
template <class T> TK_INLINE Vec<T> broadcast(T x) { return x - Vec<T>{}; }   // x - 0 is x, -0 and NaN included

#if !defined(__AVX512F__)
#if defined(__AVX2__)
alignas(64) constexpr int32_t kMaskSource[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
TK_INLINE Vec<float> load_first(const float* p, int64_t count) {
    const auto mask = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMaskSource + 8 - count));
    return _mm256_maskload_ps(p, mask);
}
TK_INLINE Vec<double> load_first(const double* p, int64_t count) {
    const auto mask = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMaskSource + 8 - 2 * count));
    return _mm256_maskload_pd(p, mask);
}
#else
// The first `count` lanes (0 <= count <= kLanes), the others zero.
template <class T> TK_INLINE Vec<T> load_first(const T* p, int64_t count) {
    if (count == kLanes<T>) return load(p);
    Vec<T> v{};
    for (int64_t i = 0; i < count; ++i) v[i] = p[i];
    return v;
}
#endif
// In pieces of 4, 2 and 1: AVX2's masked stores are slow on some processors.
template <class T> TK_INLINE void store_first(T* p, Vec<T> v, int64_t count) {
    if (count == kLanes<T>) return store(p, v);
    T lanes[kLanes<T>];
    store(lanes, v);
    const T* from = lanes;
    if constexpr (kLanes<T> > 4)
        if (count & 4) __builtin_memcpy(p, from, 4 * sizeof(T)), p += 4, from += 4;
    if constexpr (kLanes<T> > 2)
        if (count & 2) __builtin_memcpy(p, from, 2 * sizeof(T)), p += 2, from += 2;
    if (count & 1) *p = *from;
}
#endif

// Vectors of L lanes: as wide as the registers, or half of that for kernels whose rows are short.
template <class T, int L> struct LanesOf {
    typedef T Type __attribute__((vector_size(L * sizeof(T))));
    typedef T Loose __attribute__((vector_size(L * sizeof(T)), aligned(sizeof(T)), may_alias));
};
template <class T, int L> using VecOf = typename LanesOf<T, L>::Type;
#if defined(__AVX512F__)
template <class T> constexpr int kHalfLanes = kLanes<T> / 2;
#else
template <class T> constexpr int kHalfLanes = kLanes<T>;   // narrower registers are short enough
#endif

template <int L, class T> TK_INLINE VecOf<T, L> load_lanes(const T* p) {
    return *reinterpret_cast<const typename LanesOf<T, L>::Loose*>(p);
}
template <int L, class T> TK_INLINE void store_lanes(T* p, VecOf<T, L> v) {
    *reinterpret_cast<typename LanesOf<T, L>::Loose*>(p) = v;
}
template <int L, class T> TK_INLINE VecOf<T, L> broadcast_lanes(T x) { return x - VecOf<T, L>{}; }

// Lanes [begin, end) of L, 0 <= begin, end <= L: what load_masked() reads, the others zero, and store_masked() writes.
#if defined(__AVX512F__)
template <class T, int L> struct LaneMask {
    uint32_t bits;
};
template <class T, int L> TK_INLINE LaneMask<T, L> lanes_between(int64_t begin, int64_t end) {
    return {((1u << end) - 1) & ~((1u << begin) - 1)};
}
#define TK_MASKED(T, L, width, suffix, mask)                                       \
    TK_INLINE VecOf<T, L> load_masked(const T* p, LaneMask<T, L> m) {              \
        return _mm##width##_maskz_loadu_##suffix(static_cast<mask>(m.bits), p);    \
    }                                                                              \
    /* the other lanes are v's */                                                  \
    TK_INLINE VecOf<T, L> load_over(VecOf<T, L> v, const T* p, LaneMask<T, L> m) { \
        return _mm##width##_mask_loadu_##suffix(v, static_cast<mask>(m.bits), p);  \
    }                                                                              \
    TK_INLINE void store_masked(T* p, VecOf<T, L> v, LaneMask<T, L> m) {           \
        _mm##width##_mask_storeu_##suffix(p, static_cast<mask>(m.bits), v);        \
    }
TK_MASKED(float, 16, 512, ps, __mmask16)
TK_MASKED(float, 8, 256, ps, __mmask8)
TK_MASKED(double, 8, 512, pd, __mmask8)
TK_MASKED(double, 4, 256, pd, __mmask8)
#undef TK_MASKED
template <class T> TK_INLINE Vec<T> load_first(const T* p, int64_t count) {
    return load_masked(p, lanes_between<T, kLanes<T>>(0, count));
}
template <class T> TK_INLINE void store_first(T* p, Vec<T> v, int64_t count) {
    store_masked(p, v, lanes_between<T, kLanes<T>>(0, count));
}
#else
template <class T, int L> struct LaneMask {
#if defined(__AVX2__)
    __m256i lanes;
#endif
    int32_t begin, end;
};
#if defined(__AVX2__)
template <class T, int L> TK_INLINE LaneMask<T, L> lanes_between(int64_t begin, int64_t end) {
    constexpr int kWords = sizeof(T) / 4;
    const auto first = [](int64_t count) {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMaskSource + 8 - kWords * count));
    };
    return {_mm256_andnot_si256(first(begin), first(end)), static_cast<int32_t>(begin), static_cast<int32_t>(end)};
}
TK_INLINE VecOf<float, 8> load_masked(const float* p, const LaneMask<float, 8>& m) {
    return _mm256_maskload_ps(p, m.lanes);
}
TK_INLINE VecOf<double, 4> load_masked(const double* p, const LaneMask<double, 4>& m) {
    return _mm256_maskload_pd(p, m.lanes);
}
#else
template <class T, int L> TK_INLINE LaneMask<T, L> lanes_between(int64_t begin, int64_t end) {
    return {static_cast<int32_t>(begin), static_cast<int32_t>(end)};
}
template <class T, int L> TK_INLINE VecOf<T, L> load_masked(const T* p, const LaneMask<T, L>& m) {
    if (m.begin == 0 && m.end == L) return load_lanes<L>(p);
    VecOf<T, L> v{};
    for (int i = m.begin; i < m.end; ++i) v[i] = p[i];
    return v;
}
#endif
template <class T, int L> TK_INLINE void store_masked(T* p, Vec<T> v, const LaneMask<T, L>& m) {
    if (m.begin == 0) return store_first(p, v, m.end);
    for (int i = m.begin; i < m.end; ++i) p[i] = v[i];
}
#endif
// Lanes of a vector at `position` that lie in [0, size).
template <class T, int L = kLanes<T>> TK_INLINE LaneMask<T, L> lanes_inside(int64_t position, int64_t size) {
    const auto lane = [](int64_t at) { return larger(0, smaller(L, at)); };
    return lanes_between<T, L>(lane(-position), lane(size - position));
}

#if defined(__AVX2__) && !defined(__AVX512F__)
// Which lanes of a vector at `position` lie in [0, width), both below 2^31: with no detour over memory.
typedef __m256i LoadMask;
TK_INLINE LoadMask lanes_in_row(int64_t position, int64_t width) {
    const __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i at = _mm256_add_epi32(numbers, _mm256_set1_epi32(static_cast<int32_t>(position)));
    const __m256i before_end = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int32_t>(width)), at);
    return _mm256_andnot_si256(at, before_end);   // what is negative has the bit set that a load looks at
}
TK_INLINE Vec<float> load_where(const float* p, LoadMask lanes) { return _mm256_maskload_ps(p, lanes); }
#endif

// Stores eight lanes from p + at[0] on, and where there are more the next eight from p + at[1] on.
#if defined(__AVX512F__)
TK_INLINE void store_eights(float* p, const int64_t* at, Vec<float> v) {
    store_lanes<8>(p + at[0], __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7));
    store_lanes<8>(p + at[1], __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
}
#elif defined(__AVX2__)
TK_INLINE void store_eights(float* p, const int64_t* at, Vec<float> v) { store(p + at[0], v); }
#endif

// Lane-wise choice.
template <class T> TK_INLINE Vec<T> select(VecMask<T> mask, Vec<T> yes, Vec<T> no) { return mask ? yes : no; }

// v, loaded as a whole: of a select() between it and zero GCC makes a masked load, which waits for its mask.
// What is computed of it is not taken for the same as what is computed of v.
template <class T> TK_INLINE Vec<T> whole(Vec<T> v) {
#if defined(__AVX2__)
    asm("" : TK_REGISTER(v));
#endif
    return v;
}

// Whether a lane of a comparison holds.
#if defined(__AVX512F__)
TK_INLINE bool any_lane(VecMask<float> mask) { return _mm512_movepi32_mask((__m512i)mask) != 0; }
#elif defined(__AVX2__)
TK_INLINE bool any_lane(VecMask<float> mask) { return _mm256_movemask_ps((__m256)mask) != 0; }
#endif

// Lanes where a or b is NaN.
#if defined(__AVX512F__)
TK_INLINE VecMask<float> unordered(Vec<float> a, Vec<float> b) {
    return (VecMask<float>)_mm512_movm_epi32(_mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q));
}
#elif defined(__AVX2__)
TK_INLINE VecMask<float> unordered(Vec<float> a, Vec<float> b) {
    return (VecMask<float>)_mm256_cmp_ps(a, b, _CMP_UNORD_Q);
}
#endif

// a < b ? a : b and a > b ? a : b; b where either is NaN. One instruction on x86-64.
#if defined(__SSE2__)
#if defined(__AVX512F__)   // maskz: GCC 12 warns of the plain form's own insides
#define TK_CHOICE(T, name, op, suffix, mask) \
    TK_INLINE Vec<T> name(Vec<T> a, Vec<T> b) { return _mm512_maskz_##op##_##suffix(mask, a, b); }
#elif defined(__AVX2__)
#define TK_CHOICE(T, name, op, suffix, mask) \
    TK_INLINE Vec<T> name(Vec<T> a, Vec<T> b) { return _mm256_##op##_##suffix(a, b); }
#else
#define TK_CHOICE(T, name, op, suffix, mask) \
    TK_INLINE Vec<T> name(Vec<T> a, Vec<T> b) { return _mm_##op##_##suffix(a, b); }
#endif
TK_CHOICE(float, lesser, min, ps, 0xffff)
TK_CHOICE(double, lesser, min, pd, 0xff)
TK_CHOICE(float, greater, max, ps, 0xffff)
TK_CHOICE(double, greater, max, pd, 0xff)
#undef TK_CHOICE
#else
template <class V> TK_INLINE V lesser(V a, V b) { return a < b ? a : b; }
template <class V> TK_INLINE V greater(V a, V b) { return a > b ? a : b; }
#endif

// Stores whole lines past the cache; p lies on a vector's boundary. Pays for arrays that the cache cannot hold anyway:
// a line is not read before it is written. It costs twice a plain store where they would have stayed there.
constexpr int64_t kStreamBytes = int64_t{24} << 20;
#if defined(__AVX512F__)
TK_INLINE void store_past_cache(float* p, Vec<float> v) { _mm512_stream_ps(p, v); }
TK_INLINE void store_past_cache(double* p, Vec<double> v) { _mm512_stream_pd(p, v); }
#elif defined(__AVX2__)
TK_INLINE void store_past_cache(float* p, Vec<float> v) { _mm256_stream_ps(p, v); }
TK_INLINE void store_past_cache(double* p, Vec<double> v) { _mm256_stream_pd(p, v); }
#else
template <class T> TK_INLINE void store_past_cache(T* p, Vec<T> v) { store(p, v); }
#endif

// Whether an output of `count` elements is written past the cache.
template <class T> TK_INLINE bool past_cache(const T* y, int64_t count) {
    return count * static_cast<int64_t>(sizeof(T)) >= kStreamBytes &&
           reinterpret_cast<uintptr_t>(y) % TK_VECTOR_BYTES == 0;
}

// ReLU: max(v, 0); NaN stays NaN, and -0 becomes 0.
template <class T> TK_INLINE Vec<T> rectify(Vec<T> v) { return v <= 0 ? Vec<T>{} : v; }
template <class T> TK_INLINE T rectify_one(T x) { return x <= 0 ? T(0) : x; }

}   // namespace
}   // namespace tk

#include "kernels/simd_lanes.hpp"
