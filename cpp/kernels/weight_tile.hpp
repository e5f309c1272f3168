// The register tile of the weight gradient: the sums of some lanes (an input channel at a tap) x some vectors of output
// channels, over the positions of a strip.
//
//   sums[lane][v] = (first ? 0 : what is there) + sum over images, rows, columns of x[lane][position] * dy[position][v]
//
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
    bool first;
};

template <class T, int Fold, int Lanes, int Vectors> [[gnu::noinline]] void sum_tile(const WeightTile<T>& a) {
    constexpr int L = kLanes<T>;
    Vec<T> acc[Lanes][Vectors];
#pragma GCC unroll 10
    for (int j = 0; j < Lanes; ++j)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            acc[j][v] = Vec<T>{};
            __builtin_prefetch(a.sums + j * a.lane_pitch + v * L, 1);
        }
    const int64_t step = a.x_step;
    for (int64_t i = 0; i < a.images; ++i)
        for (int64_t r = 0; r < a.rows; ++r) {
            const T* base = a.x + i * a.x_image + r * a.x_row;
            const T* x[Lanes];
#pragma GCC unroll 10
            for (int j = 0; j < Lanes; ++j) x[j] = base + a.offsets[j];
            const T* g = a.dy + i * a.dy_image + r * a.dy_row;
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
        }
#pragma GCC unroll 10
    for (int j = 0; j < Lanes; ++j)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            T* to = a.sums + j * a.lane_pitch + v * L;
            store(to, a.first ? acc[j][v] : load(to) + acc[j][v]);
        }
}

template <class T, int Fold, int Vectors, int Lanes = most_lanes(Vectors)>
void sum_tile_of(int64_t lanes, const WeightTile<T>& a) {
    if constexpr (Lanes > 0) {
        if (lanes == Lanes) return sum_tile<T, Fold, Lanes, Vectors>(a);
        sum_tile_of<T, Fold, Vectors, Lanes - 1>(lanes, a);
    }
}
template <class T, int Fold = kLanes<T>> void sum_folded_tile(int64_t fold, int64_t lanes, const WeightTile<T>& a) {
    if constexpr (Fold > 1) {
        if (fold == Fold) return sum_tile_of<T, Fold, 1>(lanes, a);
        sum_folded_tile<T, Fold / 2>(fold, lanes, a);
    }
}
template <class T, int Vectors = kMostVectors>
void sum_wide_tile(int64_t vectors, int64_t lanes, const WeightTile<T>& a) {
    if constexpr (Vectors > 0) {
        if (vectors == Vectors) return sum_tile_of<T, 1, Vectors>(lanes, a);
        sum_wide_tile<T, Vectors - 1>(vectors, lanes, a);
    }
}

}   // namespace
}   // namespace tk::TK_ISA
