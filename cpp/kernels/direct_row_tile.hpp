// A third register tile of the direct kernels, along channels: all taps of a row at once. They lie side by side, so
// that each position of the input is broadcast once, for every pixel that sees it, and one of padding not at all. Tap
// by tap, one vector of outputs would take as many broadcasts as multiply-adds, and a few columns would be mostly
// borders. Of a row, terms are added channel by channel, in it tap by tap.
#pragma once
#include "kernels/direct_channel_tile.hpp"

namespace tk::TK_ISA {
namespace {

// The terms of one channel of one row, into Vectors sums of each pixel from `first` on. Bit q of `seen`: whether
// position q of the input is no padding.
template <class T, int Vectors, int Taps, bool InRegisters, int Pixels, int Sums>
TK_INLINE void add_row(Vec<T> (&acc)[Pixels][Sums], int first, const T* x, const T* w, int64_t tap_pitch,
                       uint32_t seen) {
    constexpr int L = kLanes<T>;
    Vec<T> weights[Taps][Vectors];
    if constexpr (InRegisters) {
#pragma GCC unroll 8
        for (int tap = 0; tap < Taps; ++tap)
#pragma GCC unroll 2
            for (int v = 0; v < Vectors; ++v) weights[tap][v] = load(w + tap * tap_pitch + v * L);
        asm volatile("" : : : "memory");   // and there they stay
    }
#pragma GCC unroll 32
    for (int q = 0; q < Pixels + Taps - 1; ++q) {
        if (!(seen >> q & 1)) continue;
        if constexpr (!InRegisters) asm volatile("" : "+r"(w));   // weights are read where they are used
        const Vec<T> value = broadcast(x[q]);
#pragma GCC unroll 8
        for (int tap = 0; tap < Taps; ++tap)
            if (q >= tap && q - tap < Pixels)
#pragma GCC unroll 2
                for (int v = 0; v < Vectors; ++v)
                    acc[q - tap][first + v] +=
                        value * (InRegisters ? weights[tap][v] : load(w + tap * tap_pitch + v * L));
    }
}

// Up to `Pixels` pixels. Few sums are two for each output, of even and odd channels: that hides the latency of a
// multiply-add.
template <class T, int Pixels, int Vectors, int Taps> [[gnu::noinline]] void row_tile(const TileArguments<T>& a) {
    constexpr int W = Vectors * kLanes<T>, Chains = Pixels * Vectors < 8 ? 2 : 1, Sums = Vectors * Chains;
    constexpr bool in_registers = Pixels * Sums + Taps * Vectors < 2 * kLanes<T>;   // of which there are as many
    Vec<T> acc[Pixels][Sums];
    const uint32_t seen = a.seen;
    accumulate(acc, a, W,
               [&](Vec<T>(&sums)[Pixels][Sums], const T* in, const T* packed, int64_t count)
                   __attribute__((always_inline)) {
                       const int64_t pitch = count * W;
                       for (const RowTap* row = a.rows; row->index >= 0; ++row) {
                           const T *x = in + row->offset, *w = packed + row->index * pitch;
                           for (int64_t c = 0; c < count; c += Chains, x += Chains * a.channel_pitch, w += Chains * W) {
                               add_row<T, Vectors, Taps, in_registers>(sums, 0, x, w, pitch, seen);
                               if (Chains > 1 && c + 1 < count)
                                   add_row<T, Vectors, Taps, in_registers>(sums, Sums - Vectors, x + a.channel_pitch,
                                                                           w + W, pitch, seen);
                           }
                       }
                   });
    Vec<T> out[Pixels][Vectors];
#pragma GCC unroll 32
    for (int p = 0; p < Pixels; ++p)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) out[p][v] = Chains > 1 ? acc[p][v] + acc[p][Sums - Vectors + v] : acc[p][v];
    write_called(out, a.to, a.pixels, Pixels);
}

// Pixels [begin, begin + Pixels) of a tile, in three vectors each: their sums, the weights of a tap and one broadcast
// are all of AVX2's registers.
template <class T, int Pixels, int Taps>
[[gnu::noinline]] void wide_row_part(const TileArguments<T>& a, int64_t begin) {
    constexpr int L = kLanes<T>, Vectors = 3, W = Vectors * L;
    Vec<T> acc[Pixels][Vectors];
    const uint32_t seen = a.seen >> begin;
    accumulate(acc, a, W,
               [&](Vec<T>(&sums)[Pixels][Vectors], const T* in, const T* packed, int64_t count)
                   __attribute__((always_inline)) {
                       const int64_t pitch = count * W;
                       for (const RowTap* row = a.rows; row->index >= 0; ++row) {
                           const T *x = in + row->offset + begin, *w = packed + row->index * pitch;
                           for (int64_t c = 0; c < count; ++c, x += a.channel_pitch, w += W)
#pragma GCC unroll 8
                               for (int tap = 0; tap < Taps; ++tap) {
                                   Vec<T> weights[Vectors];
#pragma GCC unroll 4
                                   for (int v = 0; v < Vectors; ++v) weights[v] = load(w + tap * pitch + v * L);
                                   asm volatile("" : : : "memory");   // and there they stay
#pragma GCC unroll 8
                                   for (int p = 0; p < Pixels; ++p) {
                                       if (!(seen >> (p + tap) & 1)) continue;
                                       const Vec<T> value = broadcast(x[p + tap]);
#pragma GCC unroll 4
                                       for (int v = 0; v < Vectors; ++v) sums[p][v] += value * weights[v];
                                   }
                               }
                       }
                   });
    Destination<T> to = a.to;
    to.out += begin * to.pixel_stride;
    write_called(acc, to, smaller(Pixels, a.pixels - begin), Pixels);
}
template <class T> void wide_row_tile(const TileArguments<T>& a) {
    constexpr int kFirstPixels = 4;
    wide_row_part<T, kFirstPixels, kRowTaps>(a, 0);
    if (a.pixels > kFirstPixels) wide_row_part<T, kFewColumns - kFirstPixels, kRowTaps>(a, kFirstPixels);
}

// Chosen by the problem, not by the tile: it decides the order of sums.
template <class T, bool AlongPixels> TileFunction<T> row_tile_of(const DirectProblem& p, int64_t width) {
    if constexpr (kTuned<T> && !AlongPixels) {
        if constexpr (kWideRows<T>)
            if (width > kBlock<T>) return wide_row_tile<T>;
        if (width > kLanes<T>) return row_tile<T, kFewColumns, 2, kRowTaps>;
        if constexpr (kLargeTiles<T>)
            if (p.w.grid > kFewColumns) return row_tile<T, kChannelPixels<T>, 1, kRowTaps>;
        return row_tile<T, kFewColumns, 1, kRowTaps>;
    }
    return nullptr;
}

}   // namespace
}   // namespace tk::TK_ISA
