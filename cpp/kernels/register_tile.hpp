// A tile of sums of products held in registers, and the transposition that lays operands out for it. The weight
// gradient and the matrix product are loops around these two.
#pragma once
#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

template <class T> constexpr int64_t kBlock = 2 * kLanes<T>;   // columns of a tile: output channels, or n

// Sums of products over up to three nested runs of positions:
//   sums[j][v] += sum over images, rows and columns of x[.. + j] * dy[.. + v]
template <class T> struct SumArguments {
    T* sums;   // [lane][vectors]
    const T *x, *dy;
    int64_t images, rows, columns, x_image, x_row, x_step, dy_image;
};

template <class T, int Lanes, int Vectors> [[gnu::noinline]] void sum_tile(const SumArguments<T>& a) {
    constexpr int L = kLanes<T>;
    Vec<T> acc[Lanes][Vectors];
#pragma GCC unroll 32
    for (int j = 0; j < Lanes; ++j)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) acc[j][v] = load(a.sums + (j * Vectors + v) * L);
    for (int64_t i = 0; i < a.images; ++i) {
        const T* g = a.dy + i * a.dy_image;
        for (int64_t r = 0; r < a.rows; ++r) {
            const T* x = a.x + i * a.x_image + r * a.x_row;
            for (int64_t o = 0; o < a.columns; ++o, x += a.x_step, g += Vectors * L) {
                Vec<T> factor[Vectors];
#pragma GCC unroll 2
                for (int v = 0; v < Vectors; ++v) factor[v] = load(g + v * L);
#pragma GCC unroll 32
                for (int j = 0; j < Lanes; ++j) {
                    const Vec<T> value = broadcast(x[j]);
#pragma GCC unroll 2
                    for (int v = 0; v < Vectors; ++v) acc[j][v] += value * factor[v];
                }
            }
        }
    }
#pragma GCC unroll 32
    for (int j = 0; j < Lanes; ++j)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) store(a.sums + (j * Vectors + v) * L, acc[j][v]);
}

template <class T, int Lanes> void sum_tile_of(int64_t lanes, int vectors, const SumArguments<T>& a) {
    if constexpr (Lanes > 0) {
        if (lanes == Lanes) return vectors == 2 ? sum_tile<T, Lanes, 2>(a) : sum_tile<T, Lanes, 1>(a);
        sum_tile_of<T, Lanes - 1>(lanes, vectors, a);
    }
}

// to[position][0..width) = from[channel * plane + position] for the first `channels` of `width` channels
template <class T>
void transpose_in(T* to, int64_t pitch, const T* from, int64_t plane, int64_t channels, int64_t width,
                  int64_t positions) {
    constexpr int L = kLanes<T>;
    for (int64_t c = 0; c < width; c += L)
        for (int64_t o = 0; o < positions; o += L) {
            const int64_t count = smaller(L, positions - o);
            Vec<T> rows[L];
#pragma GCC unroll 16
            for (int i = 0; i < L; ++i)
                rows[i] = c + i < channels ? load_first(from + (c + i) * plane + o, count) : Vec<T>{};
            transpose<T>(rows);
#pragma GCC unroll 16
            for (int i = 0; i < L; ++i)
                if (i < count) store(to + (o + i) * pitch + c, rows[i]);
        }
}

}   // namespace
}   // namespace tk::TK_ISA
