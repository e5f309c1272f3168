// The two register tiles of the direct kernels. Both add, for an output, sum after sum, each tap by tap, channel by
// channel.
//
//   along channels   acc[pixel][2 vectors of output channels] += broadcast(input) * packed weights
//   along pixels     acc[output channel][vectors of pixels]   += broadcast(packed weight) * input
//
// The first is transposed in registers on its way out. The second is the better where output channels do not fill a
// vector, and where a transposition weighs: few terms, long rows.
#pragma once
#include "kernels/direct_plan.hpp"

namespace tk::TK_ISA {
namespace {

// A row of taps that an output row sees: where its input starts in scratch, and its number among the weights.
struct RowTap {
    int64_t offset, index;
};

// Where a tile goes: out[channel * plane + pixel * pixel_stride] = (first ? bias : what is there) + acc, and ReLU of it
// where asked for
template <class T> struct Destination {
    T* out;
    const T* bias;   // nullptr: none
    int64_t plane, pixel_stride, channels;
    bool first, relu;
    bool pairs;   // vectors of one tile alternate along a row: pixel_stride is 2
};

template <class T> struct TileArguments {
    const T *in, *packed;
    const RowTap* rows;       // ended by one of index -1
    const int64_t* columns;   // offsets of the taps of a row, of which [tap_begin, tap_end) see input
    int64_t tap_begin, tap_end, taps;
    int64_t channels, c_sum, channel_pitch;
    int64_t width, pixels;
    Destination<T> to;
};

#if defined(__AVX512F__)
constexpr bool kMaskedStores = true;
#else
constexpr bool kMaskedStores = false;
#endif

// acc = the terms of channels [c, c + count), tap by tap; step(acc, x, w) adds one term
template <class T, int Rows, int Columns, class Step>
TK_INLINE void accumulate(Vec<T> (&acc)[Rows][Columns], const TileArguments<T>& a, int64_t width, Step&& step) {
    alignas(64) T totals[Rows * Columns * kLanes<T>];
    for (int64_t c = 0;;) {
        const int64_t count = smaller(a.c_sum, a.channels - c);
        const T* in = a.in + c * a.channel_pitch;
        const T* packed = a.packed + c * a.taps * width;
#pragma GCC unroll 32
        for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
            for (int j = 0; j < Columns; ++j) acc[i][j] = Vec<T>{};
        for (const RowTap* row = a.rows; row->index >= 0; ++row)
            for (int64_t tap = a.tap_begin; tap < a.tap_end; ++tap) {
                const T* x = in + row->offset + a.columns[tap];
                const T* w = packed + (row->index + tap) * count * width;
                asm volatile("" : "+r"(x), "+r"(w));   // keeps loads from being hoisted across taps, then spilled
                for (int64_t i = 0; i < count; ++i, x += a.channel_pitch, w += width) step(acc, x, w);
            }
        T* sums = totals;
        asm volatile("" : "+r"(sums) : : "memory");   // sums stay in memory, accumulators in registers
        if (c > 0)
#pragma GCC unroll 32
            for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
                for (int j = 0; j < Columns; ++j) acc[i][j] += load(sums + (i * Columns + j) * kLanes<T>);
        c += a.c_sum;
        if (c >= a.channels) return;
#pragma GCC unroll 32
        for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
            for (int j = 0; j < Columns; ++j) store(sums + (i * Columns + j) * kLanes<T>, acc[i][j]);
        asm volatile("" : : "r"(sums) : "memory");
    }
}

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

// ---- along channels -----------------------------------------------------------------------------------------------

// Channels ahead whose input and weights are called into the nearest cache; what runs past the end does no harm.
constexpr int kInputAhead = 8, kWeightsAhead = 16;

// Pixels lie `Apart` from each other in the input.
template <class T, int Pixels, int Vectors, int Apart = 1>
[[gnu::noinline]] void channel_tile(const TileArguments<T>& a) {
    constexpr int L = kLanes<T>;
    Vec<T> acc[Pixels][Vectors];
    accumulate(acc, a, Vectors * L,
               [&](Vec<T>(&sums)[Pixels][Vectors], const T* x, const T* w) __attribute__((always_inline)) {
                   if constexpr (Vectors > 1) {   // with one vector, loads are what bounds
                       __builtin_prefetch(x + kInputAhead * a.channel_pitch);
#pragma GCC unroll 4
                       for (int i = 0; i < Vectors * L; i += kCacheLine<T>)
                           __builtin_prefetch(w + kWeightsAhead * Vectors * L + i);
                   }
                   Vec<T> factor[Vectors];
#pragma GCC unroll 2
                   for (int v = 0; v < Vectors; ++v) factor[v] = load(w + v * L);
#pragma GCC unroll 32
                   for (int p = 0; p < Pixels; ++p) {
                       const Vec<T> value = broadcast(x[p * Apart]);
#pragma GCC unroll 2
                       for (int v = 0; v < Vectors; ++v) sums[p][v] += value * factor[v];
                   }
               });
    const Destination<T> to = a.to;   // a copy, which no store can change
    if constexpr (Vectors == 2 && Apart == 1)
        if (to.pairs) {
            alignas(64) T sums[2][Pixels][L];
#pragma GCC unroll 2
            for (int v = 0; v < 2; ++v)
#pragma GCC unroll 32
                for (int p = 0; p < Pixels; ++p) store(sums[v][p], acc[p][v]);
            for (int p = 0; p < Pixels; p += L)
                write_pairs(sums[0][p], Pixels * L, Pixels - p < L ? Pixels - p : L, to.out + 2 * p, a.to);
            return;
        }
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) {
        const int64_t channels = smaller(L, to.channels - v * L);
#pragma GCC unroll 4
        for (int p0 = 0; p0 < Pixels; p0 += L) {
            const int pixels = Pixels - p0 < L ? Pixels - p0 : L;
            Vec<T> rows[L];
#pragma GCC unroll 16
            for (int i = 0; i < L; ++i) rows[i] = p0 + i < Pixels ? acc[p0 + i < Pixels ? p0 + i : 0][v] : Vec<T>{};
            transpose<T>(rows);
            T* base = to.out + v * L * to.plane + p0 * to.pixel_stride;
            const T* bias = to.bias ? to.bias + v * L : nullptr;
            if (to.pixel_stride != 1) {
                alignas(64) T turned[L][L];
#pragma GCC unroll 16
                for (int k = 0; k < L; ++k) store(turned[k], rows[k]);
                write_rows(turned[0], channels, 1, pixels, base, bias, a.to);
                continue;
            }
#pragma GCC unroll 16
            for (int k = 0; k < L; ++k) {
                if (k >= channels) break;
                write_near<T>(base + k * to.plane, rows[k], pixels, bias ? bias[k] : T(0), to);
            }
        }
    }
}

template <class T> using TileFunction = void (*)(const TileArguments<T>&);

template <class T, int Pixels> TileFunction<T> channel_tile_of(int64_t pixels, int64_t width) {
    if constexpr (Pixels > 0) {
        if (pixels == Pixels) return width > kLanes<T> ? channel_tile<T, Pixels, 2> : channel_tile<T, Pixels, 1>;
        return channel_tile_of<T, Pixels - 1>(pixels, width);
    }
    return nullptr;
}

// Of the most pixels, two apart.
template <class T, bool AlongPixels> TileFunction<T> strided_tile() {
    if constexpr (kTuned<T> && !AlongPixels) return channel_tile<T, kChannelPixels<T>, 2, 2>;
    else return nullptr;
}

// ---- along pixels -------------------------------------------------------------------------------------------------

template <class T, int Rows, int Vectors> [[gnu::noinline]] void pixel_tile(const TileArguments<T>& a) {
    constexpr int L = kLanes<T>;
    Vec<T> acc[Rows][Vectors];
    accumulate(acc, a, Rows, [&](Vec<T>(&sums)[Rows][Vectors], const T* x, const T* w) __attribute__((always_inline)) {
        Vec<T> value[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) value[v] = load(x + v * L);
#pragma GCC unroll 8
        for (int k = 0; k < Rows; ++k) {
            const Vec<T> factor = broadcast(w[k]);
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) sums[k][v] += value[v] * factor;
        }
    });
    const Destination<T> to = a.to;   // a copy, which no store can change
    // Without masks, vectors that are not whole are written elsewhere.
    if (to.pixel_stride != 1 || (!kMaskedStores && a.pixels < Vectors * L)) {
        alignas(64) T sums[Rows][Vectors][L];
#pragma GCC unroll 8
        for (int k = 0; k < Rows; ++k)
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) store(sums[k][v], acc[k][v]);
        return write_rows(sums[0][0], smaller(Rows, to.channels), Vectors, a.pixels, to.out, to.bias, a.to);
    }
    int64_t counts[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) counts[v] = kMaskedStores ? smaller(L, a.pixels - v * L) : L;
#pragma GCC unroll 8
    for (int k = 0; k < Rows; ++k) {
        if (k >= to.channels) break;
        const T bias = to.bias ? to.bias[k] : T(0);
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) write_near<T>(to.out + k * to.plane + v * L, acc[k][v], counts[v], bias, to);
    }
}

template <class T, int Rows> TileFunction<T> pixel_tile_of(int64_t pixels, int64_t rows) {
    if constexpr (Rows > 0) {
        if (rows != Rows) return pixel_tile_of<T, Rows - 1>(pixels, rows);
        if (pixels > 2 * kLanes<T>) return pixel_tile<T, Rows, 3>;
        return pixels > kLanes<T> ? pixel_tile<T, Rows, 2> : pixel_tile<T, Rows, 1>;
    }
    return nullptr;
}

template <class T, bool AlongPixels> TileFunction<T> tile_of(int64_t pixels, int64_t width) {
    if constexpr (AlongPixels) return pixel_tile_of<T, kPixelRows>(pixels, width);
    else return channel_tile_of<T, kChannelPixels<T>>(pixels, width);
}

}   // namespace
}   // namespace tk::TK_ISA
