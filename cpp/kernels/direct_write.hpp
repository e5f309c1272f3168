// How the tiles of the direct kernels (direct_tile.hpp) write their sums. What they do not write themselves is called,
// so that they stay short.
#pragma once
#include "kernels/direct_plan.hpp"
#include "kernels/simd_turn.hpp"

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
    Lattice lattice;        // of any columns: `out` is where a channel's plane starts, `pixel` the tile's first
    int64_t pixel;
    bool ends;   // no tile of the strip comes after
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

// sums[channel][L] of the first `channels` channels on a lattice, and the zeros between. Vectors are whole and run on
// into what a later tile of the strip writes, which has half a tile's pixels at least, or zeros again.
template <class T>
void write_lattice(const T* sums, int64_t channels, int64_t pixels, T* out, const Destination<T>& to) {
    constexpr int64_t L = kLanes<T>;
    const Lattice g = to.lattice;
    int64_t row = to.pixel / g.columns, column = to.pixel % g.columns;
    for (int64_t begin = 0, count; begin < pixels; begin += count, ++row, column = 0) {
        count = smaller(pixels - begin, g.columns - column);
        const int64_t width = smaller(2 * count, g.out_columns - 2 * column);
        const int64_t zeros = smaller(g.step, g.out_rows - row * g.step) - 1;
        const LaneMask<T, L> lanes = lanes_between<T, L>(0, count);
        T* line = out + row * g.step * g.out_columns + 2 * column;
        for (int64_t k = 0; k < channels; ++k, line += to.plane) {
            const Vec<T> sum = load_masked(sums + k * L + begin, lanes), zero{};
            const Vec<T> low = low_pairs<T, L>(sum, zero), high = high_pairs<T, L>(sum, zero);
            if (to.ends || !to.first) {
                alignas(64) T pairs[2][2 * L]{};
                store(pairs[0], low), store(pairs[0] + L, high);
                for (int64_t i = 0; i <= zeros; ++i)
                    for (int64_t q = 0; q < width; q += L) {
                        T* at = line + i * g.out_columns + q;
                        const int64_t count = smaller(L, width - q);
                        const Vec<T> before = to.first ? zero : load_first(at, count);
                        store_first(at, before + load(pairs[i > 0] + q), count);
                    }
                continue;
            }
            store(line, low);
            if (width > L) store(line + L, high);
            for (int64_t i = 1; i <= zeros; ++i) {
                store(line + i * g.out_columns, zero);
                if (width > L) store(line + i * g.out_columns + L, zero);
            }
        }
    }
}

// The same of a tile along channels, of one vector of pixels: rows[channel][L]. Called, so that tiles stay short.
template <class T>
[[gnu::noinline]] void write_turned_rows(const T* rows, int64_t channels, int64_t pixels, T* out, const T* bias,
                                         const Destination<T>& to) {
    if constexpr (kTuned<T>)
        if (to.lattice.columns) return write_lattice(rows, channels, pixels, out, to);
    write_rows(rows, channels, 1, pixels, out, bias, to);
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
            write_turned_rows(turned[0] + p, smaller(L, to.channels - v * L), smaller(across, pixels - p),
                              to.out + v * L * to.plane + p / across * to.row_pitch,
                              to.bias ? to.bias + v * L : nullptr, to);
    }
}

}   // namespace
}   // namespace tk::TK_ISA
