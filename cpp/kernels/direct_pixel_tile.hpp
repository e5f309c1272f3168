// The register tile along pixels of the direct kernels (direct_tile.hpp): whole vectors of a row, or of several.
#pragma once
#include "kernels/direct_tile.hpp"

namespace tk::TK_ISA {
namespace {

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

// Where a tile's input lies: in scratch; in a row, where the user keeps it, and is called in ahead; there as well, and
// copied for the blocks of output channels to come; in that copy, one vector after the other.
enum Reads { kScratch, kInPlace, kCopies, kCopy };

// Copied where vectors are pieces of a line; with AVX-512's it gained nothing.
template <class T, bool AlongPixels> constexpr bool kCopied = kPieces<T> && AlongPixels;

template <class T, int Rows, int Vectors>
TK_INLINE void add_pixels(Vec<T> (&sums)[Rows][Vectors], const Vec<T> (&value)[Vectors], const T* w) {
#pragma GCC unroll 8
    for (int k = 0; k < Rows; ++k) {
        const Vec<T> factor = broadcast(w[k]);
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) sums[k][v] += value[v] * factor;
    }
}

// The sums of a tile whose input is copied, or the copy. Input to come is called in evenly: as it is needed, in bursts,
// memory would keep the tile waiting.
template <class T, bool Copies, int Rows, int Vectors>
TK_INLINE void accumulate_copied(Vec<T> (&acc)[Rows][Vectors], const TileArguments<T>& a) {
    constexpr int L = kLanes<T>;
    T* copies = a.copies;
    const T* later = a.later;
    accumulate(acc, a, Rows,
               [&](Vec<T>(&sums)[Rows][Vectors], const T* x, const T* w, int64_t count) __attribute__((always_inline)) {
                   while (count > 0) {
                       fetch(later, Vectors * L);
                       later += a.later_pitch;
                       int64_t left = smaller(count, a.every);
                       count -= left;
                       do {
                           asm volatile("" : "+r"(x), "+r"(w));
                           Vec<T> value[Vectors];
#pragma GCC unroll 4
                           for (int v = 0; v < Vectors; ++v) {
                               value[v] = load(x + v * L);
                               if (Copies) store(copies + v * L, value[v]);
                           }
                           add_pixels(sums, value, w);
                           copies += Vectors * L;
                           x += a.channel_pitch, w += Rows;
                       } while (--left);
                   }
               });
}

// The one sum of a tile whose terms are listed.
template <class T, int Rows, int Vectors>
TK_INLINE void add_listed(Vec<T> (&acc)[Rows][Vectors], const TileArguments<T>& a, const int64_t (&places)[Vectors]) {
#pragma GCC unroll 8
    for (int k = 0; k < Rows; ++k)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) acc[k][v] = Vec<T>{};
    const T *from[Vectors], *w = a.packed + (a.rows->index + a.tap_begin) * a.channels * Rows;
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) from[v] = a.in + places[v];
    const int64_t *term = a.terms, *const end = term + a.term_count;
    do {
        Vec<T> value[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) value[v] = load(from[v] + *term);
        add_pixels(acc, value, w);
        w += Rows;
    } while (++term < end);
}

// Both columns of windows lie in pairs of channels: interleaved, pieces of whole rows.
template <class T, int Rows, int Vectors>
TK_INLINE void write_whole_windows(const Vec<T> (&acc)[Rows][Vectors], const Destination<T>& to) {
    constexpr int L = kLanes<T>;
    for_each_row(to.out, to, Rows, [&](int64_t k, T* out) __attribute__((always_inline)) {
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            const int64_t* at = to.eights->at + v * (2 * L / kEight);
            store_eights(out, at, low_pairs<T, L>(acc[k][v], acc[k + 1][v]));
            store_eights(out, at + L / kEight, high_pairs<T, L>(acc[k][v], acc[k + 1][v]));
        }
    });
}

// A tile whose vectors lie at `at`.
template <class T, int Rows, int Vectors, Reads How>
TK_INLINE void one_pixel_tile(const TileArguments<T>& a, const Place* at) {
    constexpr int L = kLanes<T>;
    constexpr bool kPlaced = kTuned<T> && How == kScratch;
    Vec<T> acc[Rows][Vectors];
    int64_t places[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) places[v] = kPlaced && (v > 0 || kListed<T>) ? at[v].in : v * L;
    if constexpr (How >= kCopies) accumulate_copied<T, How == kCopies>(acc, a);
    else if (kListed<T> && kPlaced && Rows == kPixelRows && Vectors > 1 && a.term_count) add_listed(acc, a, places);
    else
        accumulate_taps<false>(acc, a, Rows,
                               [&](Vec<T>(&sums)[Rows][Vectors], const T* x, const T* w, int64_t)
                                   __attribute__((always_inline)) {
                                       if constexpr (How == kInPlace) fetch(x + a.ahead, kCalledIn<T>);
                                       Vec<T> value[Vectors];
#pragma GCC unroll 4
                                       for (int v = 0; v < Vectors; ++v) value[v] = load(x + places[v]);
                                       add_pixels(sums, value, w);
                                   });
    const Destination<T> to = a.to;   // a copy, which no store can change
    if constexpr (kTuned<T> && Rows == kPixelRows && Vectors == kPixelVectors && How < kCopies)
        if (to.windows.rows && to.first && to.eights->whole && to.channels >= Rows) return write_whole_windows(acc, to);
    // Without masks, vectors that are not whole are written elsewhere.
    if (to.pixel_stride != 1 || to.streams || (!kMaskedStores && a.pixels < Vectors * L)) {
        alignas(64) T sums[Rows][Vectors][L];
#pragma GCC unroll 8
        for (int k = 0; k < Rows; ++k)
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) store(sums[k][v], acc[k][v]);
        if constexpr (kTuned<T> && Rows == kPixelRows)
            if (to.streams) return write_past_cache(sums[0][0], Vectors, a);
        if constexpr (kTuned<T> && Rows % 2 == 0 && How < kCopies)
            if (to.windows.rows) return write_windows(sums[0][0], smaller(Rows, to.channels), Vectors, a.pixels, a.to);
        return write_rows(sums[0][0], smaller(Rows, to.channels), Vectors, a.pixels, to.out, to.bias, a.to);
    }
    int64_t counts[Vectors];
    T* outs[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
        counts[v] = kMaskedStores ? smaller(L, a.pixels - v * L) : L;
        outs[v] = to.out + (kPlaced && (v > 0 || kListed<T>) ? at[v].out : v * L);
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

template <class T, int Rows, int Vectors, Reads How = kScratch>
[[gnu::noinline]] void pixel_tile(const TileArguments<T>& a) {
    if constexpr (kTilesAtOnce<T> > 1 && How == kScratch && Vectors == kPixelVectors)
        for (int64_t tile = 0; tile < a.tiles; ++tile)
            one_pixel_tile<T, Rows, Vectors, How>(a, a.places + tile * Vectors);
    else one_pixel_tile<T, Rows, Vectors, How>(a, a.places);
}

// Of the most pixels and output channels; the first one copies.
template <class T, bool AlongPixels> TileFunction<T> copied_tile(bool first) {
    if constexpr (kCopied<T, AlongPixels>)
        return first ? pixel_tile<T, kPixelRows, kPixelVectors, kCopies>
                     : pixel_tile<T, kPixelRows, kPixelVectors, kCopy>;
    else return nullptr;
}

template <class T, int Rows, bool InPlace> TileFunction<T> pixel_tile_of(int64_t pixels, int64_t rows) {
    if constexpr (Rows > 0) {
        if (rows != Rows) return pixel_tile_of<T, Rows - 1, InPlace>(pixels, rows);
        if (pixels > 2 * kLanes<T>) return pixel_tile < T, Rows, kPixelVectors, InPlace ? kInPlace : kScratch > ;
        return pixels > kLanes<T> ? pixel_tile<T, Rows, 2> : pixel_tile<T, Rows, 1>;
    }
    return nullptr;
}

}   // namespace
}   // namespace tk::TK_ISA
