// How kernels whose vectors run down planes (depthwise_square.hpp, depthwise_wide.hpp) read and write a row of a block.
// With AVX-512 a row is loaded once or twice and its lanes are permuted for the taps along it; with AVX2, whose vectors
// would lose a fourth of their lanes so, it is loaded for each tap, and whole vectors are stored.
#pragma once
#include "kernels/depthwise_plan.hpp"

namespace tk::TK_ISA {
namespace {

#if defined(__AVX2__)
// What is read or written after this strip, called in by `step` elements with each row of a block.
template <class T, bool Write> struct Ahead {
    const T* next;
    int64_t step;
    template <int Lines> TK_INLINE void call_in() {
        for (int i = 0; i < Lines; ++i) __builtin_prefetch(next + i * kCacheLine<T>, Write);
        next += step;
    }
};

// A row's lanes as the three taps along it meet them.
template <class T> struct Neighbours {
    Vec<T> tap[3];
};

#if defined(__AVX512F__)
// A vector in memory: lanes of one row, or where it holds Two those of a row in each half, `second` elements apart.
template <class T, bool Two> struct SquareLanes {
    LaneMask<T, kLanes<T>> low, high;
    int64_t second;
    // `count` elements of each row of a plane of the output; `both`: whether there is a second one
    SquareLanes(const RowProblem& p, int64_t count, const T*, bool both)
        : low(lanes_inside<T>(0, count)), high{low.bits << kLanes<T> / 2}, second(p.out_plane - kLanes<T> / 2) {
        if (!both) high.bits = 0;
    }
    TK_INLINE Vec<T> load(const T* p) const {
        const Vec<T> v = load_masked(p, low);
        if constexpr (Two) return load_over(v, p + second, high);
        return v;
    }
    TK_INLINE void store(T* p, Vec<T> v) const {
        store_masked(p, v, low);
        if constexpr (Two) store_masked(p + second, v, high);
    }
};

// Reads the rows of a block of a plane.
template <class T, int Step, bool Two, bool Spread = false> struct SquareReader {
    const T* from;   // of row 0
    int64_t height, width;
    Ahead<T, false>* ahead;
    SquareLanes<T, Two> lanes;
    // Two planes `apart` elements from each other, if `both`; the block's taps begin at column `at`.
    SquareReader(const RowProblem& p, int64_t at, Ahead<T, false>* next, int64_t apart, bool both)
        : from(nullptr), height(p.h.in), width(p.w.in), ahead(next), lanes(p, width, nullptr, both) {
        lanes.second = apart - kLanes<T> / 2;
        if constexpr (Step == 2) {
            lanes.low = lanes_inside<T>(at, width);
            lanes.high = Two ? both ? lanes.low : lanes_inside<T>(0, 0) : lanes_inside<T>(at + kLanes<T>, width);
            lanes.second = Two ? apart : kLanes<T>;
        } else if constexpr (!Two) {
            lanes.low = lanes_inside<T>(at, width);
        }
    }
    TK_INLINE bool holds(int64_t row) const { return static_cast<uint64_t>(row) < static_cast<uint64_t>(height); }
    TK_INLINE Neighbours<T> operator()(int64_t row) const {
        constexpr int L = kLanes<T>;
        const T* p = from + row * width;
        ahead->template call_in<Two || Step == 2 ? 2 : 1>();
        if constexpr (Step == 2) {
            const Vec<T> near = load_masked(p, lanes.low), far = load_masked(p + lanes.second, lanes.high);
            return {even_lanes<T, L>(near, far), odd_lanes<T, L>(near, far),
                    pick_lanes<T, L>(near, far, [](int i) { return (2 * i + 2) % (2 * L); })};
        }
        const Vec<T> v = lanes.load(p);
        const Vec<T> right = pick_lanes<T, L>(v, v, [](int i) { return (i + 1) % L; });
        // Between the halves lies a zero: what the outer taps meet beyond either end.
        if constexpr (Two && !Spread) return {pick_lanes<T, L>(v, v, [](int i) { return (i + L - 1) % L; }), v, right};
        return {v, right, pick_lanes<T, L>(v, v, [](int i) { return (i + 2) % L; })};
    }
};
#else
// A vector of one row in memory. What is less than a vector is the end of its row: its other lanes run into the row
// below or the next plane, which are written after it, but for what ends the last plane.
template <class T, bool Two> struct SquareLanes {
    LoadMask inside;
    int64_t count;
    const T* last;   // where a whole vector may be stored
    // `size` elements of each row; the last plane that is written, or nullptr: rows do not follow downwards
    SquareLanes(const RowProblem& p, int64_t size, const T* plane, bool)
        : inside(lanes_in_row(0, size)), count(larger(0, smaller(size, kLanes<T>))), last(nullptr) {
        if (plane && p.w.grid <= kLanes<T>) last = plane + p.out_plane - kLanes<T>;
    }
    TK_INLINE Vec<T> load(const T* p) const { return load_where(p, inside); }
    TK_INLINE void store(T* p, Vec<T> v) const {
        if (count == kLanes<T> || p <= last) tk::store(p, v);
        else store_first(p, v, count);
    }
};

// Reads the rows of a block of a plane.
template <class T, int Step, bool Two, bool Spread = false> struct SquareReader {
    static constexpr int kLoads = Step == 2 ? 4 : 3;
    const T* from;   // of row 0
    int64_t height, width;
    Ahead<T, false>* ahead;
    LoadMask inside[kLoads];
    // The block's taps begin at column `at`.
    SquareReader(const RowProblem& p, int64_t at, Ahead<T, false>* next, int64_t, bool)
        : from(nullptr), height(p.h.in), width(p.w.in), ahead(next) {
#pragma GCC unroll 4
        for (int i = 0; i < kLoads; ++i) inside[i] = lanes_in_row(at + shift(i), width);
    }
    // Where a load begins: at each tap, or at stride 2 two vectors from the first and from the second one on.
    static constexpr int shift(int i) { return Step == 2 ? i / 2 + i % 2 * kLanes<T> : i; }
    TK_INLINE bool holds(int64_t row) const { return static_cast<uint64_t>(row) < static_cast<uint64_t>(height); }
    // At stride 2 lanes are in another order: see in_order().
    TK_INLINE Neighbours<T> operator()(int64_t row) const {
        const T* p = from + row * width;
        ahead->template call_in<1>();
        const auto part = [&](int i) { return load_where(p + shift(i), inside[i]); };
        if constexpr (Step == 2) {
            const Vec<T> near = part(0), far = part(1), next = part(2), beyond = part(3);
            return {every_other<0>(near, far), every_other<1>(near, far), every_other<1>(next, beyond)};
        }
        return {part(0), part(1), part(2)};
    }
};
#endif

// Outputs whose input rows were read at this step, as they lie in memory; the same the other way round.
template <int Step, class T> TK_INLINE Vec<T> in_order(Vec<T> v) {
#if defined(__AVX512F__)
    return v;
#else
    return Step == 2 ? crossed(v) : v;
#endif
}
#endif

}   // namespace
}   // namespace tk::TK_ISA
