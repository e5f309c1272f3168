// Rows of outputs half as many as their inputs (resize_pass.hpp): what enlarging by two gives back, and means of two.
//   y[o] = w[0] x[2 o - edge] + w[1] x[2 o - edge + 1] + ..., of two weights (edge 0), or of four (edge 1)
// Even and odd elements of two vectors are two taps of a vector of outputs. Rows are read and written one after the
// other, so that lines come in their order and are called in by it.
#pragma once
#include "kernels/resize_near.hpp"

namespace tk::TK_ISA {
namespace {

template <class T> constexpr bool kHalves = kTuned<T> && kPermutes;

// The weights of every output of such a row of a vector and more: 2 or 4, but for the first and the last output of 4.
// 0: it is no such row.
template <class T> int64_t halving_taps(const AxisTable<T>& table, int64_t in, int64_t out) {
    if (!kHalves<T> || in < 2 * out || out < kLanes<T>) return 0;
    const int64_t middle = table.offsets[out / 2], taps = table.offsets[out / 2 + 1] - middle, edge = taps == 4;
    if ((taps != 2 && taps != 4) || out < kLanes<T> + 2 * edge) return 0;
    for (int64_t o = edge; o < out - edge; ++o) {
        const int64_t first = table.offsets[o];
        if (table.offsets[o + 1] != first + taps) return 0;
        for (int64_t k = 0; k < taps; ++k)
            if (table.index[first + k] != 2 * o - edge + k || table.weights[first + k] != table.weights[middle + k])
                return 0;
    }
    return taps;
}

constexpr int64_t kAhead = 1024;   // elements so far ahead are called in

// y[0..out) from a row x of sums: vector(i) is kLanes of them from element i on.
template <class T, int Taps, class Vector, class Element>
TK_INLINE void halved_row(T* y, int64_t out, const AxisTable<T>& table, Vector&& vector, Element&& element) {
    constexpr int64_t L = kLanes<T>, edge = Taps == 4;
    const T* const weights = table.weights + table.offsets[out / 2];
    Vec<T> w[Taps];
#pragma GCC unroll 4
    for (int k = 0; k < Taps; ++k) w[k] = broadcast(weights[k]);
    for (int64_t o = edge; o < out - edge; o += L) {
        const int64_t first = smaller(o, out - edge - L), at = 2 * first - edge;
        Vec<T> sum{};
#pragma GCC unroll 4
        for (int k = 0; k < Taps; k += 2) {
            const Vec<T> near = vector(at + k), far = vector(at + k + L);
            const Vec<T> even = w[k] * even_lanes<T, L>(near, far);
            sum = (k ? sum + even : even) + w[k + 1] * odd_lanes<T, L>(near, far);
        }
        store(y + first, sum);
    }
    for (int64_t o = 0; edge && o < out; o += out - 1) {
        T sum = 0;
        for (int64_t t = table.offsets[o]; t < table.offsets[o + 1]; ++t)
            sum += table.weights[t] * element(table.index[t]);
        y[o] = sum;
    }
}

template <class T, int Taps> void halved_rows(const NearRows<T>& call, const AxisTable<T>& table) {
    T* y = call.y;
    for (const RowSum<T>*row = call.rows, *const end = row + call.count; row < end; ++row, y += call.out) {
        const T *const a = call.x + row->a, *const b = call.x + row->b, wa = row->wa, wb = row->wb;
        const Vec<T> all_wa = broadcast(wa), all_wb = broadcast(wb);
        const auto ahead = [](const T* p) __attribute__((always_inline)) {
            if (Taps == 2) fetch(p + kAhead, kLanes<T>);   // four follow a pass of rows, and are near
            return load(p);
        };
        if (row->b < 0)
            halved_row<T, Taps>(
                y, call.out, table, [&](int64_t i) { return all_wa * ahead(a + i); },
                [&](int64_t i) { return wa * a[i]; });
        else
            halved_row<T, Taps>(
                y, call.out, table, [&](int64_t i) { return two_rows<T>(all_wa, ahead(a + i), all_wb, ahead(b + i)); },
                [&](int64_t i) { return wa * a[i] + wb * b[i]; });
    }
}

}   // namespace
}   // namespace tk::TK_ISA
