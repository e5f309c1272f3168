// Rows of two matrices that both lie along k: a tile of c is a few dot products side by side, and nothing is packed.
//
//   c[i][j] = start + sum over k of a[i * a_row + k] * b[j * b_step + k]          i < rows, j < columns
//
// Lane l adds up the terms l, l + L, l + 2 L, ...; then the lanes are added, half to half. That order is the same for
// every row and column, however many of them the tile has. `first`, `last`, bias and ReLU: gemm_tile.hpp.
#pragma once
#include "kernels/gemm_tile.hpp"

namespace tk::TK_ISA {
namespace {

// A tile's sums stay in registers, beside the operands of a step. Loads that straddle two lines cost two: many rows
// share them.
constexpr int kDotRows = kNarrowTiles ? 3 : 4;
constexpr int dot_columns(int rows) { return rows == 1 ? 8 : kNarrowTiles ? 4 : 6; }

// Lane i: the sum over the lanes of v[i % N], in sum_halves()'s order. Each round halves the vectors that are left.
template <class T, int N, int Half = kLanes<T> / 2> TK_INLINE Vec<T> sum_each(Vec<T>* v) {
    constexpr int L = kLanes<T>;
    if constexpr (Half == 0) return v[0];
    else {
        constexpr int kLeft = Half < N ? Half : N;
#pragma GCC unroll 16
        for (int j = 0; j < kLeft; ++j) {
            const Vec<T> a = v[j], b = v[(j + Half) % N];
            v[j] = pick_lanes<T, L>(a, b, [](int i) { return i & Half ? L + i : i; }) +
                   pick_lanes<T, L>(a, b, [](int i) { return i & Half ? L + (i ^ Half) : i ^ Half; });
        }
        return sum_each<T, kLeft, Half / 2>(v);
    }
}

template <class T, int Rows> [[gnu::noinline]] void dot_tile(int64_t rows, const TileArguments<T>& p) {
    constexpr int64_t L = kLanes<T>;
    constexpr int kColumns = dot_columns(Rows), kSums = Rows * kColumns, kWhole = kSums / L * L;
    const T *a[Rows], *b[kColumns];   // beyond the last row and column: that one again, not kept
    for (int i = 0; i < Rows; ++i) a[i] = p.a + smaller(i, rows - 1) * p.a_row;
    for (int j = 0; j < kColumns; ++j) b[j] = p.b + smaller(j, p.columns - 1) * p.b_step;
    Vec<T> acc[kSums] = {};
    const auto step = [&](auto&& read) __attribute__((always_inline)) {
        Vec<T> left[Rows];
#pragma GCC unroll 4
        for (int i = 0; i < Rows; ++i) left[i] = read(a[i]);
#pragma GCC unroll 8
        for (int j = 0; j < kColumns; ++j) {
            const Vec<T> right = read(b[j]);
#pragma GCC unroll 4
            for (int i = 0; i < Rows; ++i) acc[i * kColumns + j] += left[i] * right;
        }
    };
    int64_t k = 0;
    for (; k + L <= p.terms; k += L) step([k](const T* from) __attribute__((always_inline)) { return load(from + k); });
    if (k < p.terms)
        step([k, count = p.terms - k](const T* from)
                 __attribute__((always_inline)) { return load_first(from + k, count); });
    T sums[kSums + L];   // rows are read as vectors
#pragma GCC unroll 8
    for (int i = 0; i < kWhole; i += L) store(sums + i, sum_each<T, L>(acc + i));
    if constexpr (kWhole < kSums) store(sums + kWhole, sum_each<T, kSums - kWhole>(acc + kWhole));
    for (int i = 0; i < rows; ++i)
        for (int64_t j = 0; j < p.columns; j += L) {
            const int64_t count = smaller(L, p.columns - j);
            T* c = p.c + i * p.c_row + j;
            Vec<T> sum = load_first(sums + i * kColumns + j, count);
            if (!p.first) sum += load_first(c, count);
            if (p.last && p.bias) sum += load_first(p.bias + j, count);
            if (p.last && p.relu) sum = rectify<T>(sum);
            store_first(c, sum, count);
        }
}

}   // namespace
}   // namespace tk::TK_ISA
