// The two register tiles of the direct kernels. Both add, for an output, sum after sum, each tap by tap, channel by
// channel.
//
//   along channels   acc[pixel][2 vectors of output channels] += broadcast(input) * packed weights
//   along pixels     acc[output channel][vectors of pixels]   += broadcast(packed weight) * input
//
// The first is transposed in registers on its way out. The second is the better where output channels do not fill a
// vector, and where a transposition weighs: few terms, long rows.
#pragma once
#include "kernels/direct_windows.hpp"

namespace tk::TK_ISA {
namespace {

// A row of taps that an output row sees: where its input starts in scratch, and its number among the weights.
struct RowTap {
    int64_t offset, index;
};

// Where a vector of pixels lies, from a tile's first: in scratch, and in the output.
struct Place {
    int64_t in, out;
};

template <class T> struct TileArguments {
    const T *in, *packed;
    const RowTap* rows;       // ended by one of index -1
    const int64_t* columns;   // offsets of the taps of a row, of which [tap_begin, tap_end) see input
    int64_t tap_begin, tap_end, taps;
    uint32_t
        seen;   // of a tile that takes a row's taps at once: bit q where position q of its input is none of padding
    int64_t channels, c_sum, channel_pitch, row_pitch;   // row_pitch: between the input of a tile's rows
    int64_t width, pixels;
    int64_t ahead;   // along pixels: the input so many elements on is called in
    Destination<T> to;
    Place places[kPixelVectors];   // along pixels
};

template <class T> TK_INLINE void place_in_a_row(TileArguments<T>& a) {
    for (int64_t v = 0; v < kPixelVectors; ++v) a.places[v] = {v * kLanes<T>, v * kLanes<T>};
}

#if defined(__AVX512F__)
constexpr bool kMaskedStores = true;
#else
constexpr bool kMaskedStores = false;
#endif

// acc = all terms, sum by sum; add(acc, in, packed, count) adds those of `count` channels
template <class T, int Rows, int Columns, class Add>
TK_INLINE void accumulate(Vec<T> (&acc)[Rows][Columns], const TileArguments<T>& a, int64_t width, Add&& add) {
    alignas(64) T totals[Rows * Columns * kLanes<T>];
    for (int64_t c = 0;;) {
        const int64_t count = smaller(a.c_sum, a.channels - c);
        const T* in = a.in + c * a.channel_pitch;
        const T* packed = a.packed + c * a.taps * width;
#pragma GCC unroll 32
        for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
            for (int j = 0; j < Columns; ++j) acc[i][j] = Vec<T>{};
        add(acc, in, packed, count);
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

// acc = the terms tap by tap, channel by channel; step(acc, x, w) adds one
template <class T, int Rows, int Columns, class Step>
TK_INLINE void accumulate_taps(Vec<T> (&acc)[Rows][Columns], const TileArguments<T>& a, int64_t width, Step&& step) {
    accumulate(
        acc, a, width,
        [&](Vec<T>(&sums)[Rows][Columns], const T* in, const T* packed, int64_t count) __attribute__((always_inline)) {
            for (const RowTap* row = a.rows; row->index >= 0; ++row)
                for (int64_t tap = a.tap_begin; tap < a.tap_end; ++tap) {
                    const T* x = in + row->offset + a.columns[tap];
                    const T* w = packed + (row->index + tap) * count * width;
                    asm volatile("" : "+r"(x), "+r"(w));   // keeps loads from being hoisted across taps, then spilled
                    for (int64_t i = 0; i < count; ++i, x += a.channel_pitch, w += width) step(sums, x, w);
                }
        });
}

// ---- along channels -----------------------------------------------------------------------------------------------

// Channels ahead whose input and weights are called into the nearest cache; what runs past the end does no harm.
constexpr int kInputAhead = 8, kWeightsAhead = 16;

// Tiles of so few pixels are rare, and what they cost besides their sums matters less than their code.
template <class T> constexpr int kCalledPixels = kTuned<T> ? kTilePixels / 4 : kLanes<T>;

template <class T, int Pixels, int Vectors>
TK_INLINE void write_called(const Vec<T> (&acc)[Pixels][Vectors], const TileArguments<T>& a, int64_t pixels,
                            int64_t across) {
    constexpr int L = kLanes<T>;
    alignas(64) T sums[L][Vectors][L];
#pragma GCC unroll 32
    for (int p = 0; p < Pixels; ++p)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) store(sums[p][v], acc[p][v]);
    write_tile(sums[0][0], Vectors, pixels, across, a.to);
}

// Pixels lie `Apart` from each other in the input, `Across` of them in a row.
template <class T, int Pixels, int Vectors, int Apart = 1, int Across = Pixels>
[[gnu::noinline]] void channel_tile(const TileArguments<T>& a) {
    constexpr int L = kLanes<T>;
    Vec<T> acc[Pixels][Vectors];
    accumulate_taps(acc, a, Vectors * L,
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
                            const Vec<T> value = broadcast(x[p / Across * a.row_pitch + p % Across * Apart]);
#pragma GCC unroll 2
                            for (int v = 0; v < Vectors; ++v) sums[p][v] += value * factor[v];
                        }
                    });
    const Destination<T> to = a.to;   // a copy, which no store can change
    if constexpr (Vectors == 2 && Apart == 1 && Across == Pixels)
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
    if constexpr (Across < Pixels || Pixels <= kCalledPixels<T>) return write_called(acc, a, Pixels, Across);
    if constexpr (kTuned<T> && kTurns) {
        if (to.pixel_stride != 1 || !to.first) return write_called(acc, a, Pixels, Across);
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) {
            const int64_t channels = smaller(L, to.channels - v * L);
            Vec<T> sums[kTilePixels]{};
#pragma GCC unroll 8
            for (int p = 0; p < Pixels; ++p) sums[p] = acc[p][v];
            if (to.bias) {
                const Vec<T> bias = load_first(to.bias + v * L, channels);
#pragma GCC unroll 8
                for (int p = 0; p < Pixels; ++p) sums[p] += bias;
            }
            if (to.relu)
#pragma GCC unroll 8
                for (int p = 0; p < Pixels; ++p) sums[p] = rectify<T>(sums[p]);
            store_turned<Pixels>(to.out + v * L * to.plane, to.plane, sums, channels);
        }
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

// Of several rows that see the same taps, where columns are too few for a tile.
constexpr int64_t kTallColumns = kTilePixels < 12 ? 3 : 4, kTallRows = kTilePixels / kTallColumns;
template <class T, bool AlongPixels> TileFunction<T> tall_tile() {
    if constexpr (kTuned<T> && !AlongPixels) return channel_tile<T, kTallColumns * kTallRows, 2, 1, kTallColumns>;
    else return nullptr;
}

// ---- along pixels -------------------------------------------------------------------------------------------------

// Elements of each channel that a tile calls in: two make a tile of pixels.
template <class T> constexpr int64_t kCalledIn = 2 * kLanes<T>;

// The sums of a tile of whole vectors, [output channel][vector][L]. Called, so that tiles stay short.
template <class T> [[gnu::noinline]] void write_past_cache(const T* sums, int64_t vectors, const TileArguments<T>& a) {
    const Destination<T> to = a.to;
    T* out = to.out;
    for (int64_t k = 0; k < kPixelRows; ++k, out += to.plane)
        for (int64_t v = 0; v < vectors; ++v, sums += kLanes<T>) {
            Vec<T> sum = load(sums);
            if (to.bias) sum += broadcast(to.bias[k]);
            store_past_cache(out + a.places[v].out, to.relu ? rectify<T>(sum) : sum);
        }
}

// InPlace: the input lies in a row, where the user keeps it, and is called in ahead.
template <class T, int Rows, int Vectors, bool InPlace = false>
[[gnu::noinline]] void pixel_tile(const TileArguments<T>& a) {
    constexpr int L = kLanes<T>;
    constexpr bool kPlaced = kTuned<T> && !InPlace;
    Vec<T> acc[Rows][Vectors];
    int64_t places[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) places[v] = kPlaced && v > 0 ? a.places[v].in : v * L;
    accumulate_taps(acc, a, Rows,
                    [&](Vec<T>(&sums)[Rows][Vectors], const T* x, const T* w) __attribute__((always_inline)) {
                        if constexpr (InPlace) fetch(x + a.ahead, kCalledIn<T>);
                        Vec<T> value[Vectors];
#pragma GCC unroll 4
                        for (int v = 0; v < Vectors; ++v) value[v] = load(x + places[v]);
#pragma GCC unroll 8
                        for (int k = 0; k < Rows; ++k) {
                            const Vec<T> factor = broadcast(w[k]);
#pragma GCC unroll 4
                            for (int v = 0; v < Vectors; ++v) sums[k][v] += value[v] * factor;
                        }
                    });
    const Destination<T> to = a.to;   // a copy, which no store can change
    if constexpr (kTuned<T> && Rows == kPixelRows && Vectors == kPixelVectors)
        if (to.windows.rows && to.first && to.eights->whole && to.channels >= Rows) {
            for_each_row(to.out, to, Rows, [&](int64_t k, T* out) __attribute__((always_inline)) {
#pragma GCC unroll 4
                for (int v = 0; v < Vectors; ++v) {
                    const int64_t* at = to.eights->at + v * (2 * L / kEight);
                    store_eights(out, at, low_pairs<T, L>(acc[k][v], acc[k + 1][v]));
                    store_eights(out, at + L / kEight, high_pairs<T, L>(acc[k][v], acc[k + 1][v]));
                }
            });
            return;
        }
    // Without masks, vectors that are not whole are written elsewhere.
    if (to.pixel_stride != 1 || to.streams || (!kMaskedStores && a.pixels < Vectors * L)) {
        alignas(64) T sums[Rows][Vectors][L];
#pragma GCC unroll 8
        for (int k = 0; k < Rows; ++k)
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) store(sums[k][v], acc[k][v]);
        if constexpr (kTuned<T> && Rows == kPixelRows)
            if (to.streams) return write_past_cache(sums[0][0], Vectors, a);
        if constexpr (kTuned<T> && Rows % 2 == 0)
            if (to.windows.rows) return write_windows(sums[0][0], smaller(Rows, to.channels), Vectors, a.pixels, a.to);
        return write_rows(sums[0][0], smaller(Rows, to.channels), Vectors, a.pixels, to.out, to.bias, a.to);
    }
    int64_t counts[Vectors];
    T* outs[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
        counts[v] = kMaskedStores ? smaller(L, a.pixels - v * L) : L;
        outs[v] = to.out + (kPlaced && v > 0 ? a.places[v].out : v * L);
    }
    int64_t plane = 0;
#pragma GCC unroll 8
    for (int k = 0; k < Rows; ++k, plane += to.plane) {
        if (k >= to.channels) break;
        const T bias = to.bias ? to.bias[k] : T(0);
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) write_near<T>(outs[v] + plane, acc[k][v], counts[v], bias, to);
    }
}

template <class T, int Rows, bool InPlace> TileFunction<T> pixel_tile_of(int64_t pixels, int64_t rows) {
    if constexpr (Rows > 0) {
        if (rows != Rows) return pixel_tile_of<T, Rows - 1, InPlace>(pixels, rows);
        if (pixels > 2 * kLanes<T>) return pixel_tile<T, Rows, kPixelVectors, InPlace>;
        return pixels > kLanes<T> ? pixel_tile<T, Rows, 2> : pixel_tile<T, Rows, 1>;
    }
    return nullptr;
}

template <class T, bool AlongPixels, bool InPlace = false> TileFunction<T> tile_of(int64_t pixels, int64_t width) {
    if constexpr (AlongPixels) return pixel_tile_of<T, kPixelRows, InPlace>(pixels, width);
    else return channel_tile_of<T, kChannelPixels<T>>(pixels, width);
}

}   // namespace
}   // namespace tk::TK_ISA
