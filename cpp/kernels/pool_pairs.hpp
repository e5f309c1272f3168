// Pooling windows of 2x2, stride 2, that no padding touches: the taps of a row come out of two vectors, and rows of
// outputs that fill half a vector or less lie two to a vector.
#pragma once
#include "kernels/pool_best.hpp"

namespace tk::TK_ISA {
namespace {

enum class Packing { kNone, kRow, kTwoRows };   // of outputs in a vector

inline bool pairs(const PoolShape& s) {
    return s.id == 1 && s.od == 1 && s.kd == 1 && s.kh == 2 && s.kw == 2 && s.sh == 2 && s.sw == 2 && s.dil_h == 1 &&
           s.dil_w == 1 && s.ph + s.pw == 0 && 2 * s.oh <= s.ih && 2 * s.ow <= s.iw;
}
template <class T> constexpr bool kPacksTwoRows = kTuned<T> && kLanes<T> >= 16;
template <class T> Packing packing_of(const PoolShape& s) {
    if (!pairs(s) || s.ih * s.iw >= int64_t{1} << 31) return Packing::kNone;
    if (2 * s.ow > kLanes<T>) return Packing::kRow;
    return kPacksTwoRows<T> && 4 * s.ow > kLanes<T> ? Packing::kTwoRows : Packing::kNone;
}

// A vector of outputs, `count` of them from number `at` on; whole: kLanes may be written. The taps of their upper rows
// begin at `first`; those of the second half, or the second row, at `second`. corner: the place in the plane of the
// corner that lane 0 has; second_corner: would have, were all windows in the second row.
template <class T> struct PairOutputs {
    int64_t at, count;
    bool whole;
    const T *first, *second;
    int64_t corner, second_corner;
};

template <class T, Packing P> struct PairTaps {
    static constexpr int64_t L = kLanes<T>;
    typedef LaneInt<T> Offset;
    const int64_t iw, inside, ahead;   // taps of a vector that may not be whole; elements to what is called in
    Offset lanes[L]{};                 // of kTwoRows: where the even taps lie in two rows
    const VecMask<T> others;           // lanes of the second row

    // Rows begin two streams anew, which no processor sees in time.
    explicit PairTaps(const PoolShape& s)
        : iw(s.iw),
          inside(P == Packing::kTwoRows ? 2 * s.ow : smaller(L, 2 * s.ow - L)),
          ahead(iw * larger(4, 2 + 510 / iw / 2 * 2)),
          others(numbers() >= static_cast<Offset>(s.ow)) {
        if constexpr (P == Packing::kTwoRows)
            for (int64_t i = 0; i < L; ++i) lanes[i] = static_cast<Offset>(2 * i + (i < s.ow ? 0 : L - 2 * s.ow));
    }
    static TK_INLINE VecMask<T> numbers() {
        VecMask<T> lane{};
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) lane[i] = i;
        return lane;
    }
    TK_INLINE void fetch_ahead(const T* from) const {
        fetch(from + ahead, 2 * L);
        fetch(from + ahead + (P == Packing::kTwoRows ? 2 * L : iw), 2 * L);
    }

    // f(even taps, odd taps) of the row `below` elements under the upper one, in an order that in_order() puts right.
    template <class F> TK_INLINE auto at(const PairOutputs<T>& o, int64_t below, F&& f) const {
        return split(first(o.first + below), load_first(o.second + below, inside), f);
    }
    // The sum of all four, the rows first.
    TK_INLINE Vec<T> sum(const PairOutputs<T>& o) const {
        const Vec<T> left = first(o.first) + first(o.first + iw);
        const Vec<T> right = load_first(o.second, inside) + load_first(o.second + iw, inside);
        if constexpr (P == Packing::kRow) return even_lanes<T, L>(left, right) + odd_lanes<T, L>(left, right);
        else return split(left, right, [](Vec<T> even, Vec<T> odd) { return even + odd; });
    }
    // Whether a tap of a row may be NaN, or one beside it.
    TK_INLINE VecMask<T> nans(const PairOutputs<T>& o, int64_t below) const {
        return unordered(first(o.first + below), load_first(o.second + below, inside));
    }
    template <class V> static TK_INLINE V in_order(V v) {
#if defined(__AVX2__) && !defined(__AVX512F__)
        if constexpr (sizeof(T) == 4) return (V)crossed((Vec<T>)v);
#endif
        return v;
    }
    // The windows' corners.
    TK_INLINE VecMask<T> corners(const PairOutputs<T>& o) const {
        const VecMask<T> columns = 2 * numbers();
        if constexpr (P == Packing::kRow) return columns + static_cast<Offset>(o.corner);
        return others ? columns + static_cast<Offset>(o.second_corner) : columns + static_cast<Offset>(o.corner);
    }

private:
    TK_INLINE Vec<T> first(const T* from) const {
        return P == Packing::kTwoRows ? load_first(from, inside) : load(from);
    }
    template <class F> TK_INLINE auto split(Vec<T> a, Vec<T> b, F&& f) const {
        if constexpr (P == Packing::kTwoRows) {
            const VecMask<T> even = load_lanes<L>(lanes);
            return f(permuted_two<T>(a, b, even), permuted_two<T>(a, b, even + 1));
        } else {
#if defined(__AVX2__) && !defined(__AVX512F__)
            if constexpr (sizeof(T) == 4) return f(every_other<0>(a, b), every_other<1>(a, b));
            else
#endif
                return f(even_lanes<T, L>(a, b), odd_lanes<T, L>(a, b));
        }
    }
};

// f(PairOutputs) for all vectors of outputs, in ascending order: what lies behind a short row is written again.
template <class T, Packing P, class F> void for_each_pair_vector(const T* x, const PoolShape& shape, F captured) {
    const PoolShape given = shape;
    const int64_t cost = 4 * given.ow;
    parallel_chunks(given.planes * given.oh, pool_grain(cost), cost, [=](int64_t begin, int64_t end) {
        constexpr int64_t L = kLanes<T>;
        const PoolShape s = given;   // what is captured would be read anew after every store
        const F f = captured;
        const int64_t down = 2 * s.iw, height = s.oh * down, stop = end * s.ow;
        const int64_t last = larger(0, s.ow - L);   // where the last vector of a row begins
        int64_t corner = begin % s.oh * down;
        const T* top = x + (begin / s.oh * s.ih * s.iw + corner);
        const auto next_row = [&] {
            top += down, corner += down;
            if (corner == height) corner = 0, top += s.ih * s.iw - height;
        };
        for (int64_t at = begin * s.ow; at < stop; at += s.ow, next_row()) {   // few names: each has a register
            const bool whole = stop - at >= L;
            if constexpr (P == Packing::kTwoRows) {
                PairOutputs<T> outputs{at, s.ow, whole, top, top, corner, 0};
                if (at + s.ow < stop) {
                    at += s.ow, next_row();
                    outputs.count += s.ow;
                    outputs.second = top;
                    outputs.second_corner = corner - 2 * s.ow;
                }
                f(outputs);
            } else {
                for (int64_t o = 0;; o = smaller(o + L, last)) {   // the last one moves back
                    const T* from = top + 2 * o;
                    f(PairOutputs<T>{at + o, s.ow, whole, from, from + L, corner + 2 * o, 0});
                    if (o == last) break;
                }
            }
        }
    });
}

}   // namespace
}   // namespace tk::TK_ISA
