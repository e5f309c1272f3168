// Where lanes go: the part of simd.hpp, by which it is included, that permutes, widens, sums and transposes them.
#pragma once
#include "kernels/simd.hpp"

namespace tk {
namespace {

// Of the 2 L lanes of a, b: the even ones, the odd ones. And a0 b0 a1 b1 ...: its first and its second half.
template <class T, int L, class Lane> TK_INLINE VecOf<T, L> pick_lanes(VecOf<T, L> a, VecOf<T, L> b, Lane&& lane) {
#if defined(__clang__)
    VecOf<T, L> picked{};
    for (int i = 0; i < L; ++i) picked[i] = lane(i) < L ? a[lane(i)] : b[lane(i) - L];
    return picked;
#else
    VecOf<LaneInt<T>, L> lanes{};
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) lanes[i] = lane(i);
    return __builtin_shuffle(a, b, lanes);
#endif
}
template <class T, int L> TK_INLINE VecOf<T, L> even_lanes(VecOf<T, L> a, VecOf<T, L> b) {
    return pick_lanes<T, L>(a, b, [](int i) { return 2 * i; });
}
template <class T, int L> TK_INLINE VecOf<T, L> odd_lanes(VecOf<T, L> a, VecOf<T, L> b) {
    return pick_lanes<T, L>(a, b, [](int i) { return 2 * i + 1; });
}
template <class T, int L> TK_INLINE VecOf<T, L> low_pairs(VecOf<T, L> a, VecOf<T, L> b) {
    return pick_lanes<T, L>(a, b, [](int i) { return i / 2 + i % 2 * L; });
}
template <class T, int L> TK_INLINE VecOf<T, L> high_pairs(VecOf<T, L> a, VecOf<T, L> b) {
    return pick_lanes<T, L>(a, b, [](int i) { return (i + L) / 2 + i % 2 * L; });
}
#if defined(__AVX2__) && !defined(__AVX512F__)
// Of floats, whose lanes cross the middle of a register at a price: the even or odd lanes of a, and of b, in another
// order, which crossed() puts right, and back again.
template <int OddA, int OddB = OddA> TK_INLINE VecOf<float, 8> every_other(VecOf<float, 8> a, VecOf<float, 8> b) {
    return _mm256_shuffle_ps(a, b, (OddA ? 0x0d : 0x08) | (OddB ? 0xd0 : 0x80));
}
TK_INLINE VecOf<float, 8> crossed(VecOf<float, 8> v) {
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), 0xd8));
}
#define TK_HALVES(name, result) \
    template <> TK_INLINE VecOf<float, 8> name<float, 8>(VecOf<float, 8> a, VecOf<float, 8> b) { return result; }
TK_HALVES(even_lanes, crossed(every_other<0>(a, b)))
TK_HALVES(odd_lanes, crossed(every_other<1>(a, b)))
TK_HALVES(low_pairs, _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20))
TK_HALVES(high_pairs, _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31))
#undef TK_HALVES
#endif

// Lane i of the result is lane lanes[i] of v, modulo their number. Without AVX2 it is done one by one.
#if defined(__AVX2__)
constexpr bool kPermutes = true;
#else
constexpr bool kPermutes = false;
#endif
template <class T> TK_INLINE Vec<T> permuted(Vec<T> v, VecMask<T> lanes) {
#if defined(__clang__)
    Vec<T> result{};
    for (int i = 0; i < kLanes<T>; ++i) result[i] = v[lanes[i] & (kLanes<T> - 1)];
    return result;
#else
    return __builtin_shuffle(v, lanes);
#endif
}

// The same of the 2 kLanes lanes of a, b.
template <class T> TK_INLINE Vec<T> permuted_two(Vec<T> a, Vec<T> b, VecMask<T> lanes) {
#if defined(__clang__)
    Vec<T> result{};
    for (int i = 0; i < kLanes<T>; ++i) {
        const auto lane = lanes[i] & (2 * kLanes<T> - 1);
        result[i] = lane < kLanes<T> ? a[lane] : b[lane - kLanes<T>];
    }
    return result;
#else
    return __builtin_shuffle(a, b, lanes);
#endif
}

#if defined(__AVX512F__)
// Lane i of the result is lane lanes[i] of the 2 L lanes of a, b: one instruction.
TK_INLINE VecOf<float, 16> permuted(VecOf<float, 16> a, VecOf<int32_t, 16> lanes, VecOf<float, 16> b) {
    return _mm512_permutex2var_ps(a, reinterpret_cast<__m512i>(lanes), b);
}
TK_INLINE VecOf<float, 8> permuted(VecOf<float, 8> a, VecOf<int32_t, 8> lanes, VecOf<float, 8> b) {
    return _mm256_permutex2var_ps(a, reinterpret_cast<__m256i>(lanes), b);
}
#endif

// `Count` elements, repeated over the vector's lanes
template <int Count, class T> TK_INLINE Vec<T> repeat(const T* p) {
    if constexpr (Count == 1) {
        return broadcast(*p);
    } else if constexpr (Count == kLanes<T>) {
        return load(p);
    } else if constexpr (Count * sizeof(T) == 8) {
        typedef int64_t Pairs __attribute__((vector_size(TK_VECTOR_BYTES)));
        int64_t pair;
        __builtin_memcpy(&pair, p, 8);
        return reinterpret_cast<Vec<T>>(pair - Pairs{});
#if defined(__AVX512F__)
    } else if constexpr (Count * sizeof(T) == 16) {
        return reinterpret_cast<Vec<T>>(
            _mm512_maskz_broadcast_f32x4(0xffff, _mm_loadu_ps(reinterpret_cast<const float*>(p))));
    } else if constexpr (Count * sizeof(T) == 32) {
        return reinterpret_cast<Vec<T>>(
            _mm512_maskz_broadcast_f64x4(0xff, _mm256_loadu_pd(reinterpret_cast<const double*>(p))));
#elif defined(__AVX2__)
    } else if constexpr (Count * sizeof(T) == 16) {
        const __m128 quarter = _mm_loadu_ps(reinterpret_cast<const float*>(p));
        return reinterpret_cast<Vec<T>>(_mm256_broadcast_ps(&quarter));
#endif
    } else {
        Vec<T> v{};
        for (int i = 0; i < kLanes<T>; ++i) v[i] = p[i % Count];
        return v;
    }
}

// ---- indices: lanes of 64 bits --------------------------------------------------------------------------------------

typedef int64_t IndexVec __attribute__((vector_size(TK_VECTOR_BYTES)));
constexpr int kIndices = TK_VECTOR_BYTES / 8;

TK_INLINE void store_first_indices(int64_t* p, IndexVec v, int64_t count) {
#if defined(__AVX512F__)
    _mm512_mask_storeu_epi64(p, static_cast<__mmask8>((1u << count) - 1), reinterpret_cast<__m512i>(v));
#else
    for (int64_t i = 0; i < count; ++i) p[i] = v[i];
#endif
}

// Offsets of half a vector; GCC takes two steps for it, or five.
#if defined(__AVX512F__)
typedef int32_t NarrowVec __attribute__((vector_size(TK_VECTOR_BYTES / 2), may_alias));
TK_INLINE IndexVec widen_indices(NarrowVec v) {
    return reinterpret_cast<IndexVec>(_mm512_maskz_cvtepi32_epi64(0xff, reinterpret_cast<__m256i>(v)));
}
TK_INLINE IndexVec widen_indices(IndexVec v) { return v; }
#else
template <class V> TK_INLINE IndexVec widen_indices(V v) {
#if defined(__AVX2__)
    if constexpr (sizeof(V) == 16)
        return reinterpret_cast<IndexVec>(_mm256_cvtepi32_epi64(reinterpret_cast<__m128i>(v)));
    else
#endif
        return __builtin_convertvector(v, IndexVec);
}
#endif

// ---- sums and transpositions ----------------------------------------------------------------------------------------

// sum over the lanes, in a fixed order
template <class T> TK_INLINE T sum_lanes(Vec<T> v) {
    T total = v[0];
    for (int i = 1; i < kLanes<T>; ++i) total += v[i];
    return total;
}

// sum_lanes() halves at a time: where every few loads end in one. Another order of the sum.
template <class T, int Half = kLanes<T> / 2> TK_INLINE T sum_halves(Vec<T> v) {
    if constexpr (Half == 0) return v[0];
    else return sum_halves<T, Half / 2>(v + pick_lanes<T, kLanes<T>>(v, v, [](int i) { return i ^ Half; }));
}

// Transpose kLanes rows of kLanes columns in registers: log2(lanes) rounds, each swapping the off-diagonal
// blocks of twice the size of the round before.
template <int Block, class T> TK_INLINE void transpose_round(Vec<T> (&rows)[kLanes<T>]) {
    constexpr int L = kLanes<T>;
    VecMask<T> low{}, high{};
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) {
        const bool second = i & Block;
        low[i] = second ? L + i - Block : i;    // row a keeps its first block, takes b's first
        high[i] = second ? L + i : i + Block;   // row b takes a's second block, keeps its second
    }
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) {
        if (i & Block) continue;
        const Vec<T> a = rows[i], b = rows[i + Block];
#if defined(__clang__)
        for (int j = 0; j < L; ++j) {
            rows[i][j] = low[j] < L ? a[low[j]] : b[low[j] - L];
            rows[i + Block][j] = high[j] < L ? a[high[j]] : b[high[j] - L];
        }
#else
        rows[i] = __builtin_shuffle(a, b, low);
        rows[i + Block] = __builtin_shuffle(a, b, high);
#endif
    }
}
template <class T> TK_INLINE void transpose(Vec<T> (&rows)[kLanes<T>]) {
    constexpr int L = kLanes<T>;
    if constexpr (L >= 2) transpose_round<1, T>(rows);
    if constexpr (L >= 4) transpose_round<2, T>(rows);
    if constexpr (L >= 8) transpose_round<4, T>(rows);
    if constexpr (L >= 16) transpose_round<8, T>(rows);
}
// The same in memory, rows that follow each other.
template <class T> [[gnu::noinline]] void transpose_tile(T* tile) {
    constexpr int64_t L = kLanes<T>;
    Vec<T> rows[L];
#pragma GCC unroll 16
    for (int64_t i = 0; i < L; ++i) rows[i] = load(tile + i * L);
    transpose<T>(rows);
#pragma GCC unroll 16
    for (int64_t i = 0; i < L; ++i) store(tile + i * L, rows[i]);
}

}   // namespace
}   // namespace tk
