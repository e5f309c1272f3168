// The register tile of the weight gradient: the sums of some lanes (an input channel at a tap) x some vectors of output
// channels, over the positions of a strip.
//
//   sums[lane][v] = (first ? 0 : what is there) + sum over images, rows, columns of x[lane][position] * dy[position][v]
//
// Registers are added to the sums after so many rows, that errors of rounding stay small (docs/adr/0014).
// Each lane has a pointer of its own, so that any lanes may share a tile. With Fold > 1 a vector of dy holds the output
// channels of Fold groups, [channel][group], and a lane's x holds the Fold groups' elements side by side.
#pragma once
#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

// Lanes x vectors that leave room for the operands among the registers.
#if defined(__AVX512F__)
constexpr int kMostVectors = 4;
constexpr int most_lanes(int vectors) { return vectors == 4 ? 6 : vectors == 3 ? 8 : 10; }
#else
constexpr int kMostVectors = 2;
constexpr int most_lanes(int vectors) { return vectors == 2 ? 6 : 10; }
#endif
constexpr int kMostLanes = 10;

template <class T> struct WeightTile {
    T* sums;
    int64_t lane_pitch;   // elements between the sums of two lanes
    const T *x, *dy;
    int64_t offsets[kMostLanes];   // of the lanes' first elements in x
    int64_t images, rows, columns, x_image, x_row, x_step, dy_image, dy_row;
    int64_t x_next, dy_next;   // from the row past an image's last to the next image
    int64_t rows_of_sum;       // of all images, whose sum is in registers
    bool first;
};

template <class T, int Fold, int Lanes, int Vectors> [[gnu::noinline]] void sum_tile(const WeightTile<T>& a) {
    constexpr int L = kLanes<T>;
    const int64_t step = a.x_step;
    const T *base = a.x, *dy = a.dy;
    T* to = a.sums;
#pragma GCC unroll 10
    for (int j = 0; j < Lanes; ++j, to += a.lane_pitch)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) __builtin_prefetch(to + v * L, 1);
    const T zeros[Vectors * L]{}, *from = a.first ? zeros : a.sums;
    int64_t from_pitch = a.first ? 0 : a.lane_pitch;
    int64_t left = a.images * a.rows, row = a.rows;   // row: those left of an image
    do {
        Vec<T> acc[Lanes][Vectors]{};
        const int64_t after = larger(left - a.rows_of_sum, 0);
        do {
            const T* x[Lanes];
#pragma GCC unroll 10
            for (int j = 0; j < Lanes; ++j) x[j] = base + a.offsets[j];
            const T* g = dy;
            const T* const end = g + a.columns * (Vectors * L);
            for (int64_t at = 0; g != end; at += step, g += Vectors * L) {
                Vec<T> factor[Vectors];
#pragma GCC unroll 4
                for (int v = 0; v < Vectors; ++v) factor[v] = load(g + v * L);
#pragma GCC unroll 10
                for (int j = 0; j < Lanes; ++j) {
                    const Vec<T> value = repeat<Fold>(x[j] + at);
#pragma GCC unroll 4
                    for (int v = 0; v < Vectors; ++v) acc[j][v] += value * factor[v];
                }
            }
            base += a.x_row;
            dy += a.dy_row;
            if (--row == 0) {
                row = a.rows;
                base += a.x_next;
                dy += a.dy_next;
            }
        } while (--left > after);
        to = a.sums;
#pragma GCC unroll 10
        for (int j = 0; j < Lanes; ++j, to += a.lane_pitch, from += from_pitch)
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) store(to + v * L, load(from + v * L) + acc[j][v]);
        from = a.sums;
        from_pitch = a.lane_pitch;
    } while (left > 0);
}

// The tile of so many lanes and vectors, or of one vector of so many groups.
template <class T> using SumTile = void (*)(const WeightTile<T>&);
template <class T, int Fold, int Vectors, int Lanes = most_lanes(Vectors)> SumTile<T> tile_of_lanes(int64_t lanes) {
    if constexpr (Lanes > 1)
        if (lanes < Lanes) return tile_of_lanes<T, Fold, Vectors, Lanes - 1>(lanes);
    return sum_tile<T, Fold, Lanes, Vectors>;
}
template <class T, int Fold = kLanes<T>> SumTile<T> folded_tile(int64_t fold, int64_t lanes) {
    if constexpr (Fold > 2)
        if (fold < Fold) return folded_tile<T, Fold / 2>(fold, lanes);
    return tile_of_lanes<T, Fold, 1>(lanes);
}
template <class T, int Vectors = kMostVectors> SumTile<T> wide_tile(int64_t vectors, int64_t lanes) {
    if constexpr (Vectors > 1)
        if (vectors < Vectors) return wide_tile<T, Vectors - 1>(vectors, lanes);
    return tile_of_lanes<T, 1, Vectors>(lanes);
}

}   // namespace
}   // namespace tk::TK_ISA
