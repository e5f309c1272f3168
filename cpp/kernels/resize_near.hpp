// Rows of outputs that lie side by side in a vector (resize_pass.hpp): of neighbouring outputs all taps lie near each
// other, and are permuted out of one vector, or two. Rows of such a pass are added on the way, two at most: as they are
// loaded, or as outputs, each row's being computed once.
#pragma once
#include "kernels/integers.hpp"
#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

// kLanes neighbouring outputs of a row: all taps lie within one vector from base on, or within two. Where the row is as
// long as those, base is such that they do not pass its end.
constexpr int kNearTaps = 2;
template <class T> struct Neighbours {
    int64_t base = -1;
    VecMask<T> lane[kNearTaps] = {}, two = {};   // two: outputs of two taps, the others have one
    Vec<T> weight[kNearTaps] = {};
    int taps = 0;                     // of the output of the most
    bool near = true, wide = false;   // wide: one vector is too short

    Neighbours(const AxisTable<T>& table, int64_t in, int64_t first, int64_t count) {
        const int64_t* const offsets = table.offsets + first;
        int64_t high = -1;
        for (int64_t i = 0; i < count; ++i) {
            const int64_t own = offsets[i + 1] - offsets[i];
            if (own < 1 || own > kNearTaps) near = false;
            taps = static_cast<int>(larger(taps, own));
            for (int64_t t = offsets[i]; t < offsets[i + 1]; ++t) {
                const int64_t at = table.index[t];
                base = base < 0 ? at : smaller(base, at);
                high = larger(high, at);
            }
        }
        wide = high - base >= kLanes<T>;
        if (high - base >= 2 * kLanes<T>) near = false;
        base = larger(0, smaller(base, in - (wide ? 2 : 1) * kLanes<T>));
        for (int64_t i = 0; near && i < count; ++i)
            for (int64_t k = 0, t = offsets[i]; t < offsets[i + 1]; ++k, ++t) {
                lane[k][i] = static_cast<LaneInt<T>>(table.index[t] - base);
                weight[k][i] = table.weights[t];
                if (k == 1) two[i] = -1;
            }
    }
};

// wa a + wb b, rounded the same wherever rows are added: the second product by itself, the first where it is added.
template <class T> TK_INLINE Vec<T> two_rows(Vec<T> wa, Vec<T> a, Vec<T> wb, Vec<T> b) {
    return wa * whole<T>(a) + whole<T>(wb * b);
}

// A row of outputs: wa * row a, or wa * row a + wb * row b of a plane.
template <class T> struct RowSum {
    int64_t a, b;   // elements from the plane's first; b < 0: there is none
    T wa, wb;
};
// How rows are added: before they are permuted, after it, or not at all, being copies of one row.
enum class RowSums { before, after, copies };

template <class T> struct NearRows {
    T* y;         // of the first row; they are `out` apart
    const T* x;   // of the plane
    const RowSum<T>* rows;
    int64_t count, in, out;
};

// The first `count` elements of a row, mostly all: a mask of AVX2's goes through memory.
template <class T> TK_INLINE Vec<T> load_inside(const T* p, int64_t count) {
    if (TK_VECTOR_BYTES < 64 && count == kLanes<T>) return load(p);
    return load_first(p, count);
}

// One vector of a row of outputs.
template <class T, int Most, bool Wide> struct NearVector {
    static constexpr int64_t L = kLanes<T>;
    VecMask<T> lane[2], two;
    Vec<T> weight[2];
    const T* x;
    int64_t inside, more;   // elements of the row in the first vector, in the second

    // of the row whose vectors are at(p, elements inside of the row)
    template <class At> TK_INLINE Vec<T> sum_of(At&& at) const {
        const Vec<T> a = at(x, inside);
        Vec<T> b{};
        if constexpr (Wide) b = at(x + L, more);
        const auto term = [&](int k) {
            if constexpr (Wide) return weight[k] * permuted_two<T>(a, b, lane[k]);
            else return weight[k] * permuted<T>(a, lane[k]);
        };
        Vec<T> sum = term(0);
        if constexpr (Most == 2) sum = select<T>(two, sum + term(1), sum);
        return sum;
    }
    TK_INLINE Vec<T> of_row(int64_t row) const {
        constexpr bool kWhole = TK_VECTOR_BYTES < 64 && !Wide;   // see near_function()
        return sum_of([=](const T* p, int64_t count) { return kWhole ? load(p + row) : load_inside(p + row, count); });
    }
};

// Vectors of rows of outputs: those that begin at starts[i]. They share what a row costs, and may overlap.
constexpr int kMostVectors = 4;
template <class T, int Most, bool Wide, bool Before, int Vectors>   // Before: rows are added before they are permuted
void near_rows(const NearRows<T>& call, const int64_t* starts, const Neighbours<T>* const* outputs) {
    constexpr int64_t L = kLanes<T>;
    NearVector<T, Most, Wide> v[Vectors];
    int64_t w[Vectors];
#pragma GCC unroll 4
    for (int i = 0; i < Vectors; ++i) {
        const Neighbours<T>& n = *outputs[i];
        w[i] = starts[i];
        const int64_t left = call.in - n.base;
        v[i] = {{n.lane[0], n.lane[1]},         n.two, {n.weight[0], n.weight[1]}, call.x + n.base, smaller(left, L),
                smaller(larger(left - L, 0), L)};
    }
    const int64_t pitch = call.out;
    T* to = call.y;
    const RowSum<T>*row = call.rows, *const end = row + call.count;
    // sum_of(i) for a vector i of the row
    const auto write = [&](auto&& sum_of) {
        Vec<T> sum[Vectors];
#pragma GCC unroll 4
        for (int i = 0; i < Vectors; ++i) sum[i] = sum_of(i);
        if (pitch < L) store_first(to, sum[0], pitch);   // then all vectors are the same
        else
#pragma GCC unroll 4
            for (int i = 0; i < Vectors; ++i) store(to + w[i], sum[i]);
        to += pitch;
    };
    if constexpr (Before) {
        for (; row < end; ++row) {
            const Vec<T> wa = broadcast(row->wa), wb = broadcast(row->wb);
            write([&](int i) {
                return v[i].sum_of([&](const T* p, int64_t count) {
                    const Vec<T> first = load_inside(p + row->a, count);
                    if (row->b < 0) return wa * first;
                    return two_rows<T>(wa, first, wb, load_inside(p + row->b, count));
                });
            });
        }
    } else {
        Vec<T> sum_a[Vectors] = {}, sum_b[Vectors] = {};   // of the rows that came last
        int64_t a = -1, b = -1;
        while (row < end) {
            if (row->a != a) {
#pragma GCC unroll 4
                for (int i = 0; i < Vectors; ++i) sum_a[i] = row->a == b ? sum_b[i] : v[i].of_row(row->a);
                a = row->a;
            }
            if (row->b < 0) {
                const Vec<T> wa = broadcast(row->wa);
                write([&](int i) { return wa * sum_a[i]; });
                ++row;
                continue;
            }
            if (row->b != b) {
#pragma GCC unroll 4
                for (int i = 0; i < Vectors; ++i) sum_b[i] = v[i].of_row(row->b);
                b = row->b;
            }
            do {
                const Vec<T> wa = broadcast(row->wa), wb = broadcast(row->wb);
                write([&](int i) { return wa * sum_a[i] + whole<T>(wb * sum_b[i]); });
            } while (++row < end && row->a == a && row->b == b);
        }
    }
}

// Copies of rows, each row as a whole: lines that are written in their order are called in by the processor. Where two
// rows are copies of one, both at once. outputs: a vector's after the other.
template <class T> void copy_rows(const NearRows<T>& call, const Neighbours<T>* outputs) {
    constexpr int64_t L = kLanes<T>;
    const int64_t pitch = call.out, inside = smaller(call.in, L), last = larger(0, pitch - L);
    T* to = call.y;
    for (int64_t i = 0, equal; i < call.count; i += equal, to += equal * pitch) {
        const T* const from = call.x + call.rows[i].a;
        equal = i + 1 < call.count && call.rows[i + 1].a == call.rows[i].a ? 2 : 1;
        const Neighbours<T>* n = outputs;
        for (int64_t o = 0; o < pitch; o += L, ++n) {
            const Vec<T> v = n->weight[0] * permuted<T>(load_inside(from + n->base, inside), n->lane[0]);
            T* const at = to + smaller(o, last);
            if (pitch < L) {
                store_first(at, v, pitch);
                if (equal == 2) store_first(at + pitch, v, pitch);
            } else {
                store(at, v);
                if (equal == 2) store(at + pitch, v);
            }
        }
    }
}

// In float64 rows are added before, or in a pass of their own.
template <class T> struct NearFunction {
    void (*run)(const NearRows<T>&, const int64_t*, const Neighbours<T>* const*);   // nullptr: copy_rows()
    int vectors;
};
template <class T> NearFunction<T> near_function(bool wide, int taps, RowSums sums, int64_t in) {
    using S = RowSums;
    if constexpr (kTuned<T>) {
        if (sums == S::copies && taps == 1 && !wide) return {nullptr, 1};
        if (TK_VECTOR_BYTES < 64 && in < kLanes<T>) wide = true;   // its loads look where a row ends
        if (sums != S::before && !wide) return {near_rows<T, 2, false, false, 4>, 4};
        if (sums != S::before) return {near_rows<T, 2, true, false, 2>, 2};
    }
    if constexpr (!kPermutes) return {nullptr, 1};
    else return {wide ? near_rows<T, 2, true, true, 1> : near_rows<T, 2, false, true, 1>, 1};
}

}   // namespace
}   // namespace tk::TK_ISA
