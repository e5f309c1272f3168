// Depthwise convolution by 7x7 taps of stride 1 on AVX2, whose 16 registers hold too few sums for vectors that run down
// planes (depthwise_wide.hpp) to hide the latency of a multiply-add, and whose unaligned loads straddle lines. What a
// block of one vector of outputs meets of a row, 14 elements, is copied to a line of its own, zeros where there is
// padding, from which all taps are loaded; two tiles of five rows of a block share the weights of a column of taps.
// An output adds the products of four rows of taps and then those of three, column by column, downwards.
#pragma once
#include "kernels/depthwise_wide.hpp"

namespace tk::TK_ISA {
namespace {

// Of the problems with wide_taps(): whether they run by tiles.
inline bool sum_tiles(const RowProblem& p) {
#if defined(__AVX2__) && !defined(__AVX512F__)
    return p.h.kernel == 7 && p.h.dilation == 1 && p.w.dilation == 1;
#else
    static_cast<void>(p);
    return false;
#endif
}
constexpr int kSumRows = 5;          // of a tile
constexpr int64_t kTileStrip = 64;   // rows of outputs, of which what they meet is copied
// Elements of a copy: [block][row][2 L] of two blocks.
template <class T> constexpr int64_t kCopied = 2 * (kTileStrip + 6) * 2 * kLanes<T>;

#if defined(__AVX2__) && !defined(__AVX512F__)
// Some rows of outputs and up to two neighbouring blocks of them, the last of which may overlap the one before it.
struct TileStrip {
    int64_t row, rows, blocks, at[2];   // at: a block's first output
};
// Copies what the outputs meet of a plane.
template <class T> TK_INLINE void copy_strip(T* copy, const T* plane, const RowProblem& p, const TileStrip& strip) {
    constexpr int64_t L = kLanes<T>;
    const int64_t top = strip.row + p.h.origin;
    for (int64_t block = 0; block < strip.blocks; ++block) {
        const int64_t at = strip.at[block] + p.w.origin;
        const LoadMask near = lanes_in_row(at, p.w.in), far = lanes_in_row(at + L, p.w.in);
        T* to = copy + block * (kTileStrip + 6) * 2 * L;
        for (int64_t r = top; r < top + strip.rows + 6; ++r, to += 2 * L) {
            const bool inside = r >= 0 && r < p.h.in;
            const T* from = plane + r * p.w.in + at;
            __builtin_prefetch(from + p.in_plane);
            store(to, inside ? load_where(from, near) : Vec<T>{});
            store(to + L, inside ? load_where(from + L, far) : Vec<T>{});
        }
    }
}

// acc[tile][r] += the products of Taps rows of taps of both tiles
template <class T, int Taps>
TK_INLINE void add_taps(Vec<T> (&acc)[2][kSumRows], const T* one, const T* other, const T* weight) {
#pragma GCC unroll 1
    for (int c = 0; c < 7; ++c, ++weight, ++one, ++other) {
        Vec<T> factor[Taps];
#pragma GCC unroll 4
        for (int t = 0; t < Taps; ++t) factor[t] = broadcast(weight[t * 7]);
#pragma GCC unroll 2
        for (int side = 0; side < 2; ++side)
#pragma GCC unroll 8
            for (int i = 0; i < kSumRows + Taps - 1; ++i) {
                const Vec<T> v = load((side ? other : one) + i * 2 * kLanes<T>);
#pragma GCC unroll 4
                for (int t = 0; t < Taps; ++t)
                    if (i >= t && i - t < kSumRows) acc[side][i - t] += v * factor[t];
            }
    }
}

// Two tiles of a copied strip, each at x[i] to be written to out[i]: `count` rows of them.
template <class T> struct TilePair {
    const T* x[2];
    T* out[2];
    const T* weight;
    int64_t count, out_row, ahead;
};
template <class T>
[[gnu::noinline]] void tile_pair(const TilePair<T>& a, const SquareFinish<T>& finish,
                                 const SquareLanes<T, false>& lanes) {
    constexpr int64_t below = 4 * 2 * kLanes<T>;
    Vec<T> acc[2][kSumRows]{};
    add_taps<T, 4>(acc, a.x[0], a.x[1], a.weight);
    add_taps<T, 3>(acc, a.x[0] + below, a.x[1] + below, a.weight + 4 * 7);
#pragma GCC unroll 2
    for (int side = 0; side < 2; ++side) {
        T* to = a.out[side];
#pragma GCC unroll 5
        for (int r = 0; r < kSumRows; ++r, to += a.out_row) {
            if (r >= a.count) break;
            __builtin_prefetch(to + a.ahead, 1);
            lanes.store(to, finish(acc[side][r]));
        }
    }
}

// The outputs of a copied strip, to a plane.
template <class T>
TK_INLINE void tile_strip(T* plane, const T* copy, const T* weight, const SquareFinish<T>& finish,
                          const SquareLanes<T, false>& lanes, const RowProblem& p, const TileStrip& strip) {
    const int64_t rows = strip.rows;
    TilePair<T> pair{{}, {}, weight, smaller(rows, kSumRows), p.w.out, p.out_plane};
    int64_t first = 0, block = 0;   // of the next tile; the last ones overlap those above
    const auto next = [&](int side) {
        const int64_t row = larger(0, smaller(first, rows - kSumRows));
        pair.x[side] = copy + (block * (kTileStrip + 6) + row) * 2 * kLanes<T>;
        pair.out[side] = plane + (strip.row + row) * p.w.out + strip.at[block];
        if (++block < strip.blocks) return;
        block = 0;
        first += kSumRows;
    };
    while (first < rows) {
        next(0);
        if (first < rows) next(1);
        else pair.x[1] = pair.x[0], pair.out[1] = pair.out[0];
        tile_pair(pair, finish, lanes);
    }
}

// Planes [first, end): forward, or the input gradient. copy: kCopied elements, from a line's beginning on.
template <class T>
[[gnu::noinline]] void tile_planes(T* out, const T* in, const T* weight, const T* bias, bool relu, const RowProblem& p,
                                   T* copy, int64_t first, int64_t end) {
    constexpr int64_t L = kLanes<T>;
    const SquareLanes<T, false> lanes(p, smaller(p.w.out, L), out + (end - 1) * p.out_plane, true);
    const int64_t last = larger(0, p.w.out - L);   // first output of the last block
    for (int64_t plane = first; plane < end; ++plane) {
        const int64_t target = plane % (p.groups * p.targets);
        T own[49];
        for (int i = 0; i < 49; ++i) own[i] = weight[target * 49 + (p.h.back ? 48 - i : i)];
        const SquareFinish<T> finish{broadcast(bias ? bias[target] : T(0)), relu};
        for (int64_t row = 0; row < p.h.out; row += kTileStrip)
            for (int64_t o = 0; o < p.w.out; o += 2 * L) {
                const TileStrip strip{row,
                                      smaller(kTileStrip, p.h.out - row),
                                      o + L < p.w.out ? 2 : 1,
                                      {smaller(o, last), smaller(o + L, last)}};
                copy_strip(copy, in + plane / p.targets * p.in_plane, p, strip);
                tile_strip(out + plane * p.out_plane, copy, own, finish, lanes, p, strip);
            }
    }
}
#endif

}   // namespace
}   // namespace tk::TK_ISA
