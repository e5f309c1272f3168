// How the tiles of the direct kernels (direct_tile.hpp) write their sums. What they do not write themselves is called,
// so that they stay short.
#pragma once
#include "kernels/direct_plan.hpp"

namespace tk::TK_ISA {
namespace {

struct Eights;   // direct_windows.hpp

// Where a tile goes: out[channel * plane + pixel * pixel_stride] = (first ? bias : what is there) + acc, and ReLU of it
// where asked for
template <class T> struct Destination {
    T* out;
    const T* bias;                                      // nullptr: none
    int64_t plane, row_pitch, pixel_stride, channels;   // row_pitch: between rows of a tile that has several
    bool first, relu;
    bool pairs;        // vectors of one tile alternate along a row: pixel_stride is 2
    Windows windows;   // of any rows: output channels are their places, the first of which lies in `row` of its window
    int64_t row;
    const Eights* eights;   // of its pixels
    bool streams;           // vectors are whole lines, written past the cache
};

template <class T> TK_INLINE void write_near(T* out, Vec<T> sum, int64_t count, T bias, const Destination<T>& to) {
    if (!to.first) sum += load_first(out, count);
    else if (to.bias) sum += broadcast(bias);
    store_first(out, to.relu ? rectify<T>(sum) : sum, count);
}

// Outputs two apart from each other. What lies between them is written back as it is: no other thread writes there
// meanwhile, since the pixels of a tile lie in one row of one sub-pixel part.
template <class T>
TK_INLINE void write_every_other(T* out, Vec<T> sum, int64_t count, T bias, const Destination<T>& to) {
    constexpr int L = kLanes<T>;
    const int64_t low = smaller(L, 2 * count - 1), high = 2 * count - 1 - low;
    const Vec<T> before = load_first(out, low), after = load_first(out + L, high);
    sum += to.first ? broadcast(bias) : even_lanes<T, L>(before, after);
    if (to.relu) sum = rectify<T>(sum);
    const Vec<T> between = odd_lanes<T, L>(before, after);
    store_first(out, low_pairs<T, L>(sum, between), low);
    store_first(out + L, high_pairs<T, L>(sum, between), high);
}

template <class T> TK_INLINE void write_apart(T* out, Vec<T> sum, int64_t count, T bias, const Destination<T>& to) {
    alignas(64) T lanes[kLanes<T>];
    store(lanes, sum);
    for (int64_t i = 0; i < count; ++i) {
        T* one = out + i * to.pixel_stride;
        const T total = lanes[i] + (to.first ? bias : *one);
        *one = to.relu ? rectify_one(total) : total;
    }
}

// sums[channel][vector][L] of the first `channels` channels, from `out` and `bias` on: what tiles do not write
// themselves, so that they stay short.
template <class T>
[[gnu::noinline]] void write_rows(const T* sums, int64_t channels, int64_t vectors, int64_t pixels, T* out,
                                  const T* bias, const Destination<T>& given) {
    constexpr int L = kLanes<T>;
    const Destination<T> to = given;
    for (int64_t v = 0; v < vectors; ++v, sums += L, out += L * to.pixel_stride) {
        const int64_t count = smaller(L, pixels - v * L);
        for (int64_t k = 0; k < channels; ++k) {
            const Vec<T> sum = load(sums + k * vectors * L);
            const T shift = bias ? bias[k] : T(0);
            if (to.pixel_stride == 1) write_near(out + k * to.plane, sum, count, shift, to);
            else if (to.pixel_stride == 2) write_every_other(out + k * to.plane, sum, count, shift, to);
            else write_apart(out + k * to.plane, sum, count, shift, to);
        }
    }
}

// The first L pixels of a tile along channels whose two vectors alternate: sums[vector][pixel][L], vectors `pitch`
// apart. Called, so that tiles stay short.
template <class T>
[[gnu::noinline]] void write_pairs(const T* sums, int64_t pitch, int64_t pixels, T* out, const Destination<T>& to) {
    constexpr int L = kLanes<T>;
    alignas(64) T turned[2][L][L];
    for (int v = 0; v < 2; ++v) {
        Vec<T> rows[L];
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) rows[i] = i < pixels ? load(sums + v * pitch + i * L) : Vec<T>{};
        transpose<T>(rows);
#pragma GCC unroll 16
        for (int k = 0; k < L; ++k) store(turned[v][k], rows[k]);
    }
    const int64_t channels = smaller(L, to.channels), low = smaller(L, 2 * pixels), high = 2 * pixels - low;
    for (int64_t k = 0; k < channels; ++k, out += to.plane) {
        const T bias = to.bias ? to.bias[k] : T(0);
        const Vec<T> even = load(turned[0][k]), odd = load(turned[1][k]);
        write_near(out, low_pairs<T, L>(even, odd), low, bias, to);
        write_near(out + L, high_pairs<T, L>(even, odd), high, bias, to);
    }
}

#if defined(__AVX2__) && !defined(__AVX512F__)
// The first Count lanes of the low or the high half of four.
template <int Count> TK_INLINE void store_half(float* out, __m128 v, bool high) {
    if constexpr (Count == 1) *out = high ? v[2] : v[0];
    else if (high) _mm_storeh_pi(reinterpret_cast<__m64*>(out), v);
    else _mm_storel_pi(reinterpret_cast<__m64*>(out), v);
}
// The sums of 2 to 6 pixels, a vector of output channels each: channel by channel from registers, four pixels and what
// is left. Nothing is there yet, and the pixels are neighbours.
template <int Pixels> TK_INLINE void write_turned(Vec<float> (&p)[6], float* out, int64_t channels, int64_t plane) {
    const __m256 a = _mm256_unpacklo_ps(p[0], p[1]), b = _mm256_unpackhi_ps(p[0], p[1]);
    const __m256 c = _mm256_unpacklo_ps(p[2], p[3]), d = _mm256_unpackhi_ps(p[2], p[3]);
    const __m256 more[2] = {_mm256_unpacklo_ps(p[4], p[5]), _mm256_unpackhi_ps(p[4], p[5])};   // two channels each half
    const auto join = [](__m256 u, __m256 v, bool high) __attribute__((always_inline)) {
        return high ? _mm256_shuffle_ps(u, v, 0xee) : _mm256_shuffle_ps(u, v, 0x44);
    };
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k, out += plane) {
        if (k >= channels) break;
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
#endif

// The sums of a tile along channels, [pixel][vector][L] of up to L pixels, `across` of them in a row. Called, so that
// tiles stay short.
template <class T>
[[gnu::noinline]] void write_tile(const T* sums, int64_t vectors, int64_t pixels, int64_t across,
                                  const Destination<T>& to) {
    constexpr int L = kLanes<T>;
    for (int64_t v = 0; v < vectors; ++v) {
        Vec<T> rows[L];
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i)
            rows[i] = load(sums + (i * vectors + v) * L);   // those past the last pixel are not written
        transpose<T>(rows);
        alignas(64) T turned[L + 1][L];   // rows are read in whole vectors
#pragma GCC unroll 16
        for (int k = 0; k < L; ++k) store(turned[k], rows[k]);
        for (int64_t p = 0; p < pixels; p += across)
            write_rows(turned[0] + p, smaller(L, to.channels - v * L), 1, smaller(across, pixels - p),
                       to.out + v * L * to.plane + p / across * to.row_pitch, to.bias ? to.bias + v * L : nullptr, to);
    }
}

}   // namespace
}   // namespace tk::TK_ISA
