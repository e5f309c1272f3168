// Rows that are halved or doubled (resize_pass.hpp), what the one gives back being the other: even and odd elements of
// two vectors are two taps of a vector of outputs, or its outputs.
//   halved    y[o]       = w[0] x[2 o - edge] + w[1] x[2 o - edge + 1] + ..., of two weights (edge 0), or four (edge 1)
//   doubled   y[2 i]     = e[0] x[i - 1] + e[1] x[i],   y[2 i + 1] = o[0] x[i] + o[1] x[i + 1]
// The first and the last output may have other weights. Each row is read and written as a whole, so that lines come in
// their order and are called in by it.
#pragma once
#include "kernels/resize_near.hpp"

namespace tk::TK_ISA {
namespace {

// Not measured with AVX-512, whose outputs are permuted out of a vector as all others are.
template <class T> constexpr bool kByTwo = kTuned<T> && kPermutes && TK_VECTOR_BYTES < 64;

// Whether output o is w[0] x[first] + w[1] x[first + 1] + ...
template <class T> bool is_sum(const AxisTable<T>& table, int64_t o, int64_t first, int64_t taps, const T* w) {
    const int64_t begin = table.offsets[o];
    if (table.offsets[o + 1] - begin != taps) return false;
    for (int64_t k = 0; k < taps; ++k)
        if (table.index[begin + k] != first + k || table.weights[begin + k] != w[k]) return false;
    return true;
}

// The weights of every output of a row that is halved, 2 or 4. 0: it is no such row, or shorter than a vector.
template <class T> int64_t halving_taps(const AxisTable<T>& table, int64_t in, int64_t out) {
    if (in < 2 * out || out < kLanes<T>) return 0;
    const int64_t begin = table.offsets[out / 2], taps = table.offsets[out / 2 + 1] - begin, edge = taps == 4;
    if ((taps != 2 && taps != 4) || out < kLanes<T> + 2 * edge) return 0;
    for (int64_t o = edge; o < out - edge; ++o)
        if (!is_sum(table, o, 2 * o - edge, taps, table.weights + begin)) return 0;
    return taps;
}

// Whether a row is doubled, its first and last output copies but for a weight.
template <class T> bool doubles(const AxisTable<T>& table, int64_t in, int64_t out) {
    if (out != 2 * in || in < kLanes<T> + 2) return false;
    const T* const w = table.weights;
    for (int64_t o = 1; o < out - 1; ++o)
        if (!is_sum(table, o, (o - 1) / 2, 2, w + table.offsets[2 - o % 2])) return false;
    return is_sum(table, 0, 0, 1, w) && is_sum(table, out - 1, in - 1, 1, w + table.offsets[out - 1]);
}

constexpr int64_t kAhead = 1024;   // elements so far ahead are called in

// A row of sums of rows, by vectors from an element on and by elements. called_in: what is to come.
template <class T, bool Two> struct SummedRow {
    const T *a, *b;
    T wa, wb;
    Vec<T> all_wa, all_wb;
    TK_INLINE Vec<T> vector(int64_t i, bool called_in = false) const {
        if (called_in) fetch(a + i + kAhead, kLanes<T>);
        if (called_in && Two) fetch(b + i + kAhead, kLanes<T>);
        if constexpr (Two) return two_rows<T>(all_wa, load(a + i), all_wb, load(b + i));
        else return all_wa * load(a + i);
    }
    TK_INLINE T element(int64_t i) const { return Two ? wa * a[i] + wb * b[i] : wa * a[i]; }
};

// f(row of y, SummedRow) of each row.
template <class T, class F> TK_INLINE void for_each_row(const NearRows<T>& call, F&& f) {
    T* y = call.y;
    for (const RowSum<T>*row = call.rows, *const end = row + call.count; row < end; ++row, y += call.out) {
        const T *const a = call.x + row->a, *const b = call.x + row->b;
        if (row->b < 0) f(y, SummedRow<T, false>{a, a, row->wa, 0, broadcast(row->wa), {}});
        else f(y, SummedRow<T, true>{a, b, row->wa, row->wb, broadcast(row->wa), broadcast(row->wb)});
    }
}

template <class T, int Taps> void halved_rows(const NearRows<T>& call, const AxisTable<T>& table) {
    constexpr int64_t L = kLanes<T>, edge = Taps == 4;
    const int64_t out = call.out;
    const T* const weights = table.weights + table.offsets[out / 2];
    Vec<T> w[Taps];
#pragma GCC unroll 4
    for (int k = 0; k < Taps; ++k) w[k] = broadcast(weights[k]);
    for_each_row(call, [&](T* y, const auto& x) __attribute__((always_inline)) {
        for (int64_t o = edge; o < out - edge; o += L) {
            const int64_t first = smaller(o, out - edge - L), at = 2 * first - edge;
            Vec<T> sum{};
#pragma GCC unroll 4
            for (int k = 0; k < Taps; k += 2) {
                // Four weights mostly follow a pass of rows, whose outputs are near.
                const Vec<T> low = x.vector(at + k, Taps == 2), high = x.vector(at + k + L, Taps == 2);
                const Vec<T> even = w[k] * even_lanes<T, L>(low, high);
                sum = (k ? sum + even : even) + w[k + 1] * odd_lanes<T, L>(low, high);
            }
            store(y + first, sum);
        }
        for (int64_t o = 0; edge && o < out; o += out - 1) {
            T sum = 0;
            for (int64_t t = table.offsets[o]; t < table.offsets[o + 1]; ++t)
                sum += table.weights[t] * x.element(table.index[t]);
            y[o] = sum;
        }
    });
}

template <class T> void doubled_rows(const NearRows<T>& call, const AxisTable<T>& table) {
    constexpr int64_t L = kLanes<T>;
    const int64_t last = call.in - 1, out = call.out;
    const T *const w = table.weights, *const odd = w + table.offsets[1], *const even = w + table.offsets[2];
    const T first_weight = w[0], last_weight = w[table.offsets[out - 1]];
    const Vec<T> e0 = broadcast(even[0]), e1 = broadcast(even[1]), o0 = broadcast(odd[0]), o1 = broadcast(odd[1]);
    for_each_row(call, [&](T* y, const auto& x) __attribute__((always_inline)) {
        for (int64_t i = 1; i < last; i += L) {
            const int64_t first = smaller(i, last - L);
            const Vec<T> left = x.vector(first - 1), here = x.vector(first), right = x.vector(first + 1);
            const Vec<T> evens = e0 * left + e1 * here, odds = o0 * here + o1 * right;
            store(y + 2 * first, low_pairs<T, L>(evens, odds));
            store(y + 2 * first + L, high_pairs<T, L>(evens, odds));
        }
        y[0] = first_weight * x.element(0);
        y[1] = odd[0] * x.element(0) + odd[1] * x.element(1);
        y[out - 2] = even[0] * x.element(last - 1) + even[1] * x.element(last);
        y[out - 1] = last_weight * x.element(last);
    });
}

// What takes rows of such a table, or nullptr.
template <class T> using WholeRows = void (*)(const NearRows<T>&, const AxisTable<T>&);
template <class T> WholeRows<T> whole_rows(const AxisTable<T>& table, int64_t in, int64_t out) {
    if constexpr (kByTwo<T>) {
        if (doubles(table, in, out)) return doubled_rows<T>;
        const int64_t taps = halving_taps(table, in, out);
        if (taps) return taps == 2 ? halved_rows<T, 2> : halved_rows<T, 4>;
    }
    return nullptr;
}

}   // namespace
}   // namespace tk::TK_ISA
