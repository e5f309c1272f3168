// Pooling windows of 2x2, stride 2, that no padding touches: the taps of a row come out of two vectors, and rows of
// outputs that are shorter than a vector lie two to a vector where they fit.
#pragma once
#include "kernels/pool_windows.hpp"

namespace tk::TK_ISA {
namespace {

inline bool pairs(const PoolShape& s) {
    return s.id == 1 && s.kh == 2 && s.kw == 2 && s.sh == 2 && s.sw == 2 && s.dil_h == 1 && s.dil_w == 1 &&
           s.ph + s.pw == 0 && 2 * s.oh <= s.ih && 2 * s.ow <= s.iw;
}

enum class Packing { kNone, kVectors, kRow, kTwoRows };   // of outputs in a vector

template <class T> constexpr bool kPacksTwoRows = kTuned<T> && kLanes<T> >= 16;   // rows of half a vector or less
template <class T> Packing packing_of(const PoolShape& s) {
    constexpr int64_t L = kLanes<T>;
    if (!pairs(s)) return Packing::kNone;
    if (s.ow >= L) return Packing::kVectors;
    if (!kTuned<T> || s.ih * s.iw >= int64_t{1} << 31) return Packing::kNone;
    if (2 * s.ow > L) return Packing::kRow;
    return kPacksTwoRows<T> && 4 * s.ow > L ? Packing::kTwoRows : Packing::kNone;
}

// A vector of outputs, `count` of them from number `at` on; whole: L may be written. The taps of their upper rows begin
// at `first` and, of the second half or the second row, at `second`. corner: the place in the plane of the corner that
// lane 0 has, second_corner: would have, were all windows in the second row.
template <class T> struct PairOutputs {
    int64_t at, count;
    const T *first, *second;
    int64_t corner, second_corner;
    bool whole;
};

// Calls in what comes a few vectors of outputs later. Rows of many vectors are two streams that begin anew with every
// row, which no processor sees in time.
template <class T, Packing P> TK_INLINE void fetch_pairs(const T* from, int64_t iw) {
    constexpr int64_t L = kLanes<T>;
    if constexpr (P == Packing::kVectors) fetch(from + 4 * iw, 2 * L), fetch(from + 5 * iw, 2 * L);
    else fetch(from + 512, 4 * L);
}

template <class T, Packing P> struct PairTaps {
    static constexpr int64_t L = kLanes<T>;
    typedef LaneInt<T> Offset;
    const int64_t inside;      // taps of a vector that is not whole
    Offset lanes[L];           // of kTwoRows: where the even taps lie in two rows
    const VecMask<T> second;   // lanes of the second row

    explicit PairTaps(const PoolShape& s)
        : inside(P == Packing::kTwoRows ? 2 * s.ow : 2 * s.ow - L), second(numbers() >= static_cast<Offset>(s.ow)) {
        for (int64_t i = 0; i < L; ++i) lanes[i] = static_cast<Offset>(2 * i + (i < s.ow ? 0 : L - 2 * s.ow));
    }
    static TK_INLINE VecMask<T> numbers() {
        VecMask<T> lane{};
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) lane[i] = i;
        return lane;
    }
    // f(even taps, odd taps) of the row `below` elements under the upper one.
    template <class F> TK_INLINE auto at(const PairOutputs<T>& o, int64_t below, F&& f) const {
        const Vec<T> a = P == Packing::kTwoRows ? load_first(o.first + below, inside) : load(o.first + below);
        const Vec<T> b = P == Packing::kVectors ? load(o.second + below) : load_first(o.second + below, inside);
        if constexpr (P == Packing::kTwoRows) {
            const VecMask<T> even = load_lanes<L>(lanes);
            return f(permuted_two<T>(a, b, even), permuted_two<T>(a, b, even + 1));
        } else {
            return f(even_lanes<T, L>(a, b), odd_lanes<T, L>(a, b));
        }
    }
    // The windows' corners within the plane.
    TK_INLINE VecMask<T> corners(const PairOutputs<T>& o) const {
        const VecMask<T> columns = 2 * numbers() + static_cast<Offset>(o.corner);
        if constexpr (P != Packing::kTwoRows) return columns;
        const VecMask<T> others = 2 * numbers() + static_cast<Offset>(o.second_corner);
        return second ? others : columns;
    }
};

// f(PairOutputs) for all vectors of outputs. Short rows in ascending order: what lies behind a vector's outputs is
// written again.
template <class T, Packing P, class F> void for_each_pair_vector(const T* x, const PoolShape& shape, F f) {
    const PoolShape s = shape;
    const int64_t cost = 4 * s.ow;
    parallel_chunks(s.planes * s.oh, pool_grain(cost), cost, [=](int64_t begin, int64_t end) {
        constexpr int64_t L = kLanes<T>;
        int64_t h = begin % s.oh;
        const T* top = x + (begin / s.oh * s.ih + 2 * h) * s.iw;
        const auto next_row = [&] {
            top += 2 * s.iw;
            if (++h == s.oh) h = 0, top += (s.ih - 2 * s.oh) * s.iw;
        };
        for (int64_t row = begin; row < end; ++row, next_row()) {
            const int64_t at = row * s.ow, corner = 2 * h * s.iw;
            if constexpr (P == Packing::kVectors)
                for (int64_t next = 0; next < s.ow; next += L) {
                    const int64_t o = next + L < s.ow ? next : s.ow - L;   // the last one moves back
                    const T* from = top + 2 * o;
                    f(PairOutputs<T>{at + o, L, from, from + L, corner + 2 * o, 0, true});
                }
            else {
                PairOutputs<T> outputs{at, s.ow, top, top + L, corner, 0, (end - row) * s.ow >= L};
                if constexpr (P == Packing::kTwoRows) {
                    outputs.second = top;
                    if (row + 1 < end) {
                        ++row, next_row();
                        outputs.count += s.ow;
                        outputs.second = top;
                        outputs.second_corner = 2 * h * s.iw - 2 * s.ow;
                    }
                }
                f(outputs);
            }
        }
    });
}

}   // namespace
}   // namespace tk::TK_ISA
