// The micro-kernels of the matrix product: a tile of c in registers and one run over k.
//
//   c[i][j] = start[i][j] + sum over k of a[i * a_row + k * a_step] * b[k][j]          i < Rows, j < columns
//
// The sum is one chain of multiply-adds in the order of k, on any path: start is 0 (`first`) or what c holds, and
// `last` applies the epilogue (+ bias[j], then ReLU; a NaN stays a NaN). b has
// rows b_step apart, of Vectors whole vectors: all of them are read, columns or not, but for a single vector that is
// not packed. c has rows c_row apart and overlaps neither operand; nothing is asked of alignment.
#pragma once
#include "kernels/register_tile.hpp"
#include "kernels/tile_sizes.hpp"

namespace tk::TK_ISA {
namespace {

template <class T> struct TileArguments {
    T* c;
    int64_t c_row, columns;
    const T* a;
    int64_t a_row, a_step;
    const T* b;
    int64_t b_step, terms;
    const T* bias;   // of the tile's columns, or nullptr
    bool relu, first, last;
};

template <class T, int Rows, int Vectors>
TK_INLINE void start_tile(Vec<T> (&acc)[Rows][Vectors], const TileArguments<T>& p) {
    constexpr int64_t L = kLanes<T>;
#pragma GCC unroll 32
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) acc[i][v] = Vec<T>{};
    if (p.first) return;
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
        const int64_t lanes = smaller(L, p.columns - v * L);
        if (lanes <= 0) break;
#pragma GCC unroll 32
        for (int i = 0; i < Rows; ++i) acc[i][v] = load_first(p.c + i * p.c_row + v * L, lanes);
    }
}

template <class T, int Rows, int Vectors>
TK_INLINE void finish_tile(Vec<T> (&acc)[Rows][Vectors], const TileArguments<T>& p) {
    constexpr int64_t L = kLanes<T>;
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
        const int64_t lanes = smaller(L, p.columns - v * L);
        if (lanes <= 0) break;
        if (p.last && p.bias) {
            const Vec<T> bias = load_first(p.bias + v * L, lanes);
#pragma GCC unroll 32
            for (int i = 0; i < Rows; ++i) acc[i][v] += bias;
        }
        if (p.last && p.relu) {
#pragma GCC unroll 32
            for (int i = 0; i < Rows; ++i) acc[i][v] = rectify<T>(acc[i][v]);
        }
#pragma GCC unroll 32
        for (int i = 0; i < Rows; ++i) store_first(p.c + i * p.c_row + v * L, acc[i][v], lanes);
    }
}

// Packed: a_row is 1, and b may be read beyond its columns.
template <class T, int Rows, int Vectors, bool Packed> [[gnu::noinline]] void multiply_tile(const TileArguments<T>& p) {
    constexpr int64_t L = kLanes<T>;
    Vec<T> acc[Rows][Vectors];
    start_tile<T, Rows, Vectors>(acc, p);
    const T *a = p.a, *b = p.b;
    const int64_t a_row = Packed ? 1 : p.a_row, columns = smaller(L, p.columns);
    for (int64_t k = 0; k < p.terms; ++k, a += p.a_step, b += p.b_step) {
        Vec<T> factor[Vectors];
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) {
            factor[v] = Packed || Vectors > 1 ? load(b + v * L) : load_first(b, columns);
        }
#pragma GCC unroll 32
        for (int i = 0; i < Rows; ++i) {
            const Vec<T> value = broadcast(a[i * a_row]);
#pragma GCC unroll 8
            for (int v = 0; v < Vectors; ++v) acc[i][v] += value * factor[v];
        }
    }
    finish_tile<T, Rows, Vectors>(acc, p);
}

// Vectors of c that streamed rows hold in registers at a time: long runs of each row of b, and enough sums to hide how
// long one takes.
template <class T> constexpr int streamed_vectors(int64_t rows) { return (kNarrowTiles ? 4 : 8) / (rows > 2 ? 2 : 1); }

// By the number of rows, at most Rows; vectors: 1 or 2, or any other number for streamed_vectors().
template <class T, int Rows, bool Packed> void multiply_rows(int64_t rows, int vectors, const TileArguments<T>& p) {
    if constexpr (Rows > 0) {
        if (rows == Rows) {
            if (vectors == 1) return multiply_tile<T, Rows, 1, Packed>(p);
            if (vectors == 2) return multiply_tile<T, Rows, 2, Packed>(p);
            if constexpr (!Packed) return multiply_tile<T, Rows, streamed_vectors<T>(Rows), Packed>(p);
        }
        multiply_rows<T, Rows - 1, Packed>(rows, vectors, p);
    }
}

}   // namespace
}   // namespace tk::TK_ISA
