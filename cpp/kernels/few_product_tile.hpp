// The product of few_products.hpp and few_planes.hpp: a tile of it, and sums of its shifted lines.
#pragma once
#include "kernels/few_parts.hpp"

namespace tk::TK_ISA {
namespace {

// A tile: lines of the product by vectors of positions. With 16 registers more positions than lines: to 3 channels, the
// lines are a multiple of 3, and no tile overlaps another.
constexpr int kTileLines = kTilePixels > 8 ? kTilePixels : 3, kTileVectors = kTilePixels > 8 ? 2 : 4;
template <class T> constexpr int64_t kPanel = kTileVectors * kLanes<T>;   // positions

// What is wanted next of g, plane after plane: lines are called in one by one, so that none is waited for.
template <class T> struct ProductAhead {
    const T* at;
    int64_t left, run, plane;   // elements of this plane, of each, and between planes
    int64_t planes, every;      // every so many calls
    int64_t wait = 0;

    TK_INLINE void call_in() {
        if (planes == 0 || --wait > 0) return;
        wait = every;
        __builtin_prefetch(at);
        at += kCacheLine<T>;
        left -= kCacheLine<T>;
        if (left > 0) return;
        at += plane - run + left;
        left = run;
        --planes;
    }
};

template <class T> struct ProductTile {
    T* to;   // the first line, `pitch` elements apart
    int64_t pitch;
    T* panel;   // [terms], panel_pitch elements apart
    int64_t panel_pitch;
    const T* weight;   // [terms] lines apart
    int64_t lines, terms;
    ProductAhead<T>* ahead;
    bool first;
    const T* copied = nullptr;   // [terms], copied_pitch elements apart
    int64_t copied_pitch = 0;
};

// Copies: what lies in the panel is read where `copied` begins, and kept in the panel for the next tiles.
template <class T, bool Copies = false> [[gnu::noinline]] void multiply_panel(const ProductTile<T>& a) {
    constexpr int64_t L = kLanes<T>;
    Vec<T> acc[kTileLines][kTileVectors];
#pragma GCC unroll 14
    for (int i = 0; i < kTileLines; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < kTileVectors; ++v) acc[i][v] = Vec<T>{};
    const T *x = Copies ? a.copied : a.panel, *w = a.weight;
    const int64_t x_pitch = Copies ? a.copied_pitch : a.panel_pitch;
    T* panel = a.panel;
    T* const to = a.to;   // kept from what stores might change
    const int64_t pitch = a.pitch, lines = a.lines, terms = a.terms;
    const bool first = a.first;
    ProductAhead<T> ahead = *a.ahead;
    const auto value_at = [&](int v) __attribute__((always_inline)) {
        const Vec<T> value = load(x + v * L);
        if (Copies) store(panel + v * L, value);
        return value;
    };
    for (int64_t c = 0; c < terms; ++c, x += x_pitch, w += lines, panel += kPanel<T>) {
        ahead.call_in();
        if constexpr (kTileLines > kTileVectors) {   // what are fewer wait in registers
            const Vec<T> low = value_at(0), high = value_at(1);
#pragma GCC unroll 14
            for (int i = 0; i < kTileLines; ++i) {
                const Vec<T> factor = broadcast(w[i]);
                acc[i][0] += factor * low;
                acc[i][1] += factor * high;
            }
        } else {
            Vec<T> factor[kTileLines];
#pragma GCC unroll 3
            for (int i = 0; i < kTileLines; ++i) factor[i] = broadcast(w[i]);
#pragma GCC unroll 4
            for (int v = 0; v < kTileVectors; ++v) {
                const Vec<T> value = value_at(v);
#pragma GCC unroll 3
                for (int i = 0; i < kTileLines; ++i) acc[i][v] += factor[i] * value;
            }
        }
    }
    *a.ahead = ahead;
    store_sums(to, pitch, acc, first);
}

template <class T, int Vectors> TK_INLINE void sum_taps(T* to, const T* lines, const int64_t* offsets, int64_t taps) {
    constexpr int64_t L = kLanes<T>;
    Vec<T> sum[Vectors] = {};
    for (int64_t t = 0; t < taps; ++t)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) sum[v] += load(lines + offsets[t] + v * L);
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) store(to + v * L, sum[v]);
}

// A row of `count` elements whose Parts parts lie side by side, each the sum of what it meets of the lines.
template <class T, int Parts>
[[gnu::noinline]] void sum_parts(T* to, int64_t count, const T* lines, const int64_t* offsets, const int64_t* counts) {
    constexpr int64_t L = kLanes<T>;
    constexpr int kVectors = 4 / Parts;
    for (int64_t i = 0; i < count; i += kVectors * Parts * L, lines += kVectors * L) {
        Vec<T> sum[kVectors][Parts] = {};
        const int64_t* offset = offsets;
#pragma GCC unroll 2
        for (int part = 0; part < Parts; ++part)
            for (int64_t t = 0; t < counts[part]; ++t, ++offset)
#pragma GCC unroll 4
                for (int v = 0; v < kVectors; ++v) sum[v][part] += load(lines + *offset + v * L);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            side_by_side<T, Parts>(sum[v]);
#pragma GCC unroll 2
            for (int part = 0; part < Parts; ++part) {
                const int64_t at = i + (v * Parts + part) * L;
                store_first(to + at, sum[v][part], larger(0, smaller(L, count - at)));
            }
        }
    }
}

}   // namespace
}   // namespace tk::TK_ISA
