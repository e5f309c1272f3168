// Maxima with their places: a NaN beats every number, of equals the earlier tap wins.
#pragma once
#include "kernels/pool_windows.hpp"

namespace tk::TK_ISA {
namespace {

// A window that may hang over the edge.
template <class T>
__attribute__((noinline)) void max_window(T* y, int64_t* index, const T* plane, const OutputRow& r, int64_t start_w,
                                          const PoolShape& s) {
    const Run w = taps_inside(start_w, s.iw, s.kw, s.dil_w);
    T best = 0;
    int64_t where = -1;
    for (int64_t a = r.d.begin; a < r.d.end; ++a)
        for (int64_t b = r.h.begin; b < r.h.end; ++b) {
            const int64_t row = ((r.start_d + a * s.dil_d) * s.ih + r.start_h + b * s.dil_h) * s.iw + start_w;
            for (int64_t c = w.begin; c < w.end; ++c) {
                const T v = plane[row + c * s.dil_w];
                if (where < 0 || (!(v <= best) && best == best)) {
                    best = v;
                    where = row + c * s.dil_w;
                }
            }
        }
    *y = best;
    if (index) *index = where;
}

template <class T> struct Best {
    Vec<T> value;
    VecMask<T> offset;
};

// `late` where it beats `early`.
template <class T> TK_INLINE Best<T> better(const Best<T>& early, const Best<T>& late) {
    const VecMask<T> beats = ~(late.value <= early.value) & (early.value == early.value);
    return {select<T>(beats, late.value, early.value), beats ? late.offset : early.offset};
}

// better() of numbers.
template <class T> TK_INLINE Best<T> larger_of(const Best<T>& early, const Best<T>& late) {
    const VecMask<T> beats = late.value > early.value;
    return {greater(late.value, early.value), beats ? late.offset : early.offset};
}

// Of two columns of the same rows, whose taps come in any order: the earlier one of equals, and of NaNs.
template <class T> TK_INLINE Best<T> better_of_columns(const Best<T>& left, const Best<T>& right) {
    const VecMask<T> earlier = right.offset < left.offset;
    const VecMask<T> behind = ~(right.value <= left.value) & (left.value == left.value);
    const VecMask<T> before = (left.value <= right.value) | (right.value != right.value);
    const VecMask<T> beats = (earlier & before) | (~earlier & behind);
    return {select<T>(beats, right.value, left.value), beats ? right.offset : left.offset};
}

// indices[i] = corner + i*stride + offsets[i], `count` of them
template <class T>
TK_INLINE void store_indices(int64_t* indices, VecMask<T> offsets, int64_t corner, int64_t stride, int64_t count) {
    constexpr int kParts = kLanes<T> / kIndices;
    typedef LaneInt<T> Part __attribute__((vector_size(TK_VECTOR_BYTES / kParts), may_alias));
    const Part* parts = reinterpret_cast<const Part*>(&offsets);
    IndexVec lane{};
#pragma GCC unroll 8
    for (int i = 0; i < kIndices; ++i) lane[i] = i;
#pragma GCC unroll 2
    for (int p = 0; p < kParts; ++p) {
        const int64_t room = count - p * kIndices, many = room < kIndices ? room : kIndices;
        if (many <= 0) return;
        const IndexVec wide = widen_indices(parts[p]);
        store_first_indices(indices + p * kIndices, wide + lane * stride + (corner + p * kIndices * stride), many);
    }
}

}   // namespace
}   // namespace tk::TK_ISA
