// Rows of few channels: their parts are laid side by side.
#pragma once
#include "kernels/register_tile.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

// A tile's sums, rows of them `pitch` apart: there anew, or added to what is there.
template <class T, int Rows, int Vectors>
TK_INLINE void store_sums(T* to, int64_t pitch, const Vec<T> (&acc)[Rows][Vectors], bool first) {
#pragma GCC unroll 14
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) {
            T* sum = to + i * pitch + v * kLanes<T>;
            store(sum, first ? acc[i][v] : load(sum) + acc[i][v]);
        }
}

// Rows of the parts of an axis, `step` of them `part_pitch` apart:
//   to[r][i] = act(bias + from[i % step][r][i / step])          i < count
template <class T> struct PartRows {
    T* to;
    const T* from;
    int64_t rows, to_pitch, from_pitch, part_pitch, step, count;
    T bias = 0;
    bool relu = false;
};

// A vector of each of Step parts, Step a power of 2, laid side by side.
template <class T, int Step> TK_INLINE void side_by_side(Vec<T> (&v)[Step]) {
    constexpr int64_t L = kLanes<T>;
    if constexpr (Step == 4) {
        const Vec<T> even = low_pairs<T, L>(v[0], v[2]), later = high_pairs<T, L>(v[0], v[2]);
        v[2] = low_pairs<T, L>(v[1], v[3]), v[3] = high_pairs<T, L>(v[1], v[3]);
        v[0] = even, v[1] = v[2], v[2] = later;
    }
#pragma GCC unroll 2
    for (int half = 0; half < Step; half += 2)
        if constexpr (Step > 1) {
            const Vec<T> even = v[half];
            v[half] = low_pairs<T, L>(even, v[half + 1]);
            v[half + 1] = high_pairs<T, L>(even, v[half + 1]);
        }
}

// Side by side: a vector of every part of all rows after the other.
template <class T, int Step> void interleave(const PartRows<T>& a) {
    constexpr int64_t L = kLanes<T>;
    for (int64_t i = 0; i < a.count; i += Step * L) {
        const T* from = a.from + i / Step;
        T* to = a.to + i;
        for (int64_t r = 0; r < a.rows; ++r, from += a.from_pitch, to += a.to_pitch) {
            Vec<T> v[Step];
#pragma GCC unroll 4
            for (int part = 0; part < Step; ++part) {
                v[part] = load(from + part * a.part_pitch) + broadcast(a.bias);
                if (a.relu) v[part] = rectify<T>(v[part]);
            }
            side_by_side<T, Step>(v);
#pragma GCC unroll 4
            for (int part = 0; part < Step; ++part)
                store_first(to + part * L, v[part], larger(0, smaller(L, a.count - i - part * L)));
        }
    }
}

template <class T> [[gnu::noinline]] void write_parts(const PartRows<T>& a) {
    if (a.step == 1) return interleave<T, 1>(a);
    if (a.step == 2) return interleave<T, 2>(a);
    if constexpr (kTuned<T>)
        if (a.step == 4) return interleave<T, 4>(a);
    for (int64_t r = 0; r < a.rows; ++r)
        for (int64_t i = 0; i < a.count; ++i) {
            const T sum = a.from[i % a.step * a.part_pitch + r * a.from_pitch + i / a.step] + a.bias;
            a.to[r * a.to_pitch + i] = a.relu ? rectify_one(sum) : sum;
        }
}

}   // namespace
}   // namespace tk::TK_ISA
