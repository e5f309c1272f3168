// What the register tiles of the direct kernels share. Two add, for an output, sum after sum, each tap by tap, channel
// by channel; a third takes all taps of a row at once (direct_row_tile.hpp).
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

// A tap of a row: where its input starts, and which of a tile's pixels at either end see padding there. They add 0: a
// tile along channels leaves them out.
enum Edge : int64_t { kFirst = 1, kSecond = 2, kLast = 4, kLastButOne = 8 };
struct ColumnTap {
    int64_t offset, edges;
};

// Where a vector of pixels lies, from the first: in scratch, and in the output.
struct Place {
    int64_t in, out;
};

// AVX2's tiles along pixels are short: several are run in one call, and what they add, if it is one sum, is listed once
// for all of them. Not measured with AVX-512.
template <class T> constexpr bool kListed = kPieces<T>;
template <class T> constexpr int64_t kTilesAtOnce = kListed<T> ? 8 : 1;

template <class T> struct TileArguments {
    const T *in, *packed;
    const RowTap* rows;         // ended by one of index -1
    const ColumnTap* columns;   // the taps of a row, of which [tap_begin, tap_end) see input
    int64_t tap_begin, tap_end, taps;
    uint32_t
        seen;   // of a tile that takes a row's taps at once: bit q where position q of its input is none of padding
    int64_t channels, c_sum, channel_pitch, row_pitch;   // row_pitch: between the input of a tile's rows
    int64_t width, pixels;
    int64_t ahead;    // in place along pixels, and of pixels that lie apart: the input so many elements on is called in
    T* copies;        // of tiles whose input is copied: where to, by the first of them,
    const T* later;   // and what is called in, a channel's every so many channels
    int64_t later_pitch, every;
    T* packs;       // of a tile along channels that packs weights on its way: where to, instead of `packed`,
    const T* raw;   // and where they lie, each channel's `raw_pitch` from the last
    int64_t raw_pitch;
    Destination<T> to;
    Place places[kTilesAtOnce<T> * kPixelVectors];   // along pixels
    int64_t tiles;                                   // that follow each other in `places`
    const int64_t* terms;                            // where the input of each of their terms starts; the weights
    int64_t term_count;                              // follow each other. 0: not listed
};

template <class T> TK_INLINE void place_in_a_row(TileArguments<T>& a) {
    for (int64_t v = 0; v < kPixelVectors; ++v) a.places[v] = {v * kLanes<T>, v * kLanes<T>};
    a.tiles = 1;
    a.term_count = 0;
}

template <class T> using TileFunction = void (*)(const TileArguments<T>&);

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

// acc = the terms tap by tap, channel by channel; step(acc, x, w, edges) adds one. Most taps have no edges, and a loop
// without tests.
template <bool Edges, class T, int Rows, int Columns, class Step>
TK_INLINE void accumulate_taps(Vec<T> (&acc)[Rows][Columns], const TileArguments<T>& a, int64_t width, Step&& step) {
    accumulate(
        acc, a, width,
        [&](Vec<T>(&sums)[Rows][Columns], const T* in, const T* packed, int64_t count) __attribute__((always_inline)) {
            for (const RowTap* row = a.rows; row->index >= 0; ++row) {
                const T *const first = in + row->offset, *w = packed + (row->index + a.tap_begin) * count * width;
                const ColumnTap* const end = a.columns + a.tap_end;
                for (const ColumnTap* tap = a.columns + a.tap_begin; tap < end; ++tap) {
                    const T* x = first + tap->offset;
                    asm volatile("" : "+r"(x), "+r"(w));   // keeps loads from being hoisted across taps, then spilled
                    const int64_t edges = Edges ? tap->edges : 0;
                    int64_t left = count;
                    if (__builtin_expect(edges != 0, 0)) do {
                            step(sums, x, w, edges);
                            x += a.channel_pitch, w += width;
                        } while (--left);
                    else do {
                            step(sums, x, w, 0);
                            x += a.channel_pitch, w += width;
                        } while (--left);
                }
            }
        });
}

}   // namespace
}   // namespace tk::TK_ISA
