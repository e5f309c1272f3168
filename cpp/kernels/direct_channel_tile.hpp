// The register tile along channels of the direct kernels (direct_tile.hpp), transposed on its way out.
#pragma once
#include "kernels/direct_tile.hpp"

namespace tk::TK_ISA {
namespace {

// Channels ahead whose input and weights are called into the nearest cache; what runs past the end does no harm.
constexpr int kInputAhead = 8, kWeightsAhead = 16, kRawAhead = 8;

// Tiles of so few pixels are rare, and what they cost besides their sums matters less than their code.
template <class T> constexpr int kCalledPixels = kTuned<T> ? kTilePixels / 4 : kLanes<T>;

// Tiles that leave out pixels of padding, which is code: the largest ones, and those of a row of seven.
template <class T, int Pixels, int Vectors>
constexpr bool kLeavesOut = kTuned<T> && Vectors > 1 && (Pixels >= kTilePixels - 2 || Pixels == kFewColumns);

template <class T, int Pixels, int Vectors>
TK_INLINE void write_called(const Vec<T> (&acc)[Pixels][Vectors], const Destination<T>& to, int64_t pixels,
                            int64_t across) {
    constexpr int L = kLanes<T>;
    alignas(64) T sums[L][Vectors][L];
#pragma GCC unroll 32
    for (int p = 0; p < Pixels; ++p)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) store(sums[p][v], acc[p][v]);
    write_tile(sums[0][0], Vectors, pixels, across, to);
}

// Pixel by pixel out of registers, where nothing is there yet and pixels are neighbours.
template <class T, int Pixels, int Vectors>
TK_INLINE void write_turned(const Vec<T> (&acc)[Pixels][Vectors], const Destination<T>& to) {
    constexpr int L = kLanes<T>;
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
}

// Pixels lie `Apart` from each other in the input, `Across` of them in a row. Packs: 1x1, whose weights are read where
// the user keeps them, and packed for the tiles to come.
template <class T, int Pixels, int Vectors, int Apart = 1, int Across = Pixels, bool Packs = false>
[[gnu::noinline]] void channel_tile(const TileArguments<T>& a) {
    constexpr int L = kLanes<T>;
    constexpr bool kEdges = kLeavesOut<T, Pixels, Vectors> && Apart == 1 && Across == Pixels && !Packs;
    Vec<T> acc[Pixels][Vectors];
    const T* raw = a.raw;
    T* packs = a.packs;
    accumulate_taps<kEdges>(
        acc, a, Vectors * L,
        [&](Vec<T>(&sums)[Pixels][Vectors], const T* x, const T* w, int64_t edges) __attribute__((always_inline)) {
            if constexpr (Vectors > 1) {   // with one vector, loads are what bounds
                __builtin_prefetch(x + kInputAhead * a.channel_pitch);
                const T* next = Packs ? raw + kRawAhead * a.raw_pitch : w + kWeightsAhead * Vectors * L;
#pragma GCC unroll 4
                for (int i = 0; i < Vectors * L; i += kCacheLine<T>) __builtin_prefetch(next + i);
            }
            if constexpr (Apart > 1) fetch(x + a.ahead, Pixels * Apart);
            Vec<T> factor[Vectors];
#pragma GCC unroll 2
            for (int v = 0; v < Vectors; ++v) factor[v] = load((Packs ? raw : w) + v * L);
            if constexpr (Packs) {
#pragma GCC unroll 2
                for (int v = 0; v < Vectors; ++v) store(packs + v * L, factor[v]);
                raw += a.raw_pitch;
                packs += Vectors * L;
            }
#pragma GCC unroll 32
            for (int p = 0; p < Pixels; ++p) {
                if (p < 2 && edges & kFirst << p) continue;
                if (p >= Pixels - 2 && edges & kLast << (Pixels - 1 - p)) continue;
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
    if constexpr (Across < Pixels || Pixels <= kCalledPixels<T>) return write_called(acc, a.to, Pixels, Across);
    if constexpr (kTuned<T> && kTurns) {
        if (to.pixel_stride != 1 || !to.first) write_called(acc, a.to, Pixels, Across);
        else write_turned(acc, to);
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
                alignas(64) T turned[L + 1][L];   // rows are read in whole vectors
#pragma GCC unroll 16
                for (int k = 0; k < L; ++k) store(turned[k], rows[k]);
                write_turned_rows(turned[0], channels, pixels, base, bias, a.to);
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

// Of the most pixels, which packs weights.
template <class T, bool AlongPixels> TileFunction<T> packing_tile() {
    constexpr int kPixels = kChannelPixels<T>;
    if constexpr (kTuned<T> && !AlongPixels) return channel_tile<T, kPixels, 2, 1, kPixels, true>;
    else return nullptr;
}

// Of several rows that see the same taps, where columns are too few for a tile.
constexpr int64_t kTallColumns = kTilePixels < 12 ? 3 : 4, kTallRows = kTilePixels / kTallColumns;
template <class T, bool AlongPixels> TileFunction<T> tall_tile() {
    if constexpr (kTuned<T> && !AlongPixels) return channel_tile<T, kTallColumns * kTallRows, 2, 1, kTallColumns>;
    else return nullptr;
}

}   // namespace
}   // namespace tk::TK_ISA
