// Depthwise convolution by 3x3 neighbouring taps, a vector of pixels running down a plane: each row of the input is
// read once (depthwise_lanes.hpp), and what taps of other rows are to add stays in registers.
//
// With AVX-512 a block is up to 14 outputs along a row at stride 1 (16 elements of the input), 15 at stride 2 (32
// elements) and, of the input gradient at stride 2, 15 elements of dy, which make 30 of dx, interleaved. Of maps of up
// to 7 outputs along a row, two planes run down side by side, each in half of the lanes. With AVX2 it is a whole vector
// of 8, the last of a row laid over the one before it, or all of a shorter row. Lanes beyond a row are loaded as zeros,
// rows beyond a plane are left out. Planes run in strips of rows; while one is computed the lines of the next are
// called in, in their order in memory: processors see no stream of lines down a block. An output adds its products row
// by row downwards, in a row from left to right.
#pragma once
#include "kernels/depthwise_lanes.hpp"

namespace tk::TK_ISA {
namespace {

// Whether a channel is made of one, and a thread makes a whole plane of it.
inline bool of_one(const RowProblem& p) {
    return p.strips == 1 && p.sources == 1 && p.d.kernel == 1 && p.d.in == 1 && p.d.out == 1;
}
inline bool one_by_one(const RowProblem& p) { return of_one(p) && p.targets == 1; }

// How planes are cut: blocks of `lanes` positions along the rows that vectors run along, or two planes side by side.
struct SquarePlan {
    bool fits, two;
    int64_t lanes, rows;   // rows: of a strip
};
template <class T> SquarePlan plan_square(const RowProblem& p) {
    constexpr int64_t L = kLanes<T>;
    const auto square = [](const RowAxis& a) {
        const bool spread = a.back && a.stride == 2;
        return a.kernel == 3 && a.dilation == 1 && a.stride <= 2 && a.pad <= 2 &&
               (!spread || (a.pad == 1 && a.grid == a.in));
    };
    if (!kTuned<T> || !of_one(p) || !square(p.h) || !square(p.w) || p.h.stride != p.w.stride) return {};
    if (larger(p.w.in, p.w.out) >= kWidestRow) return {};
    const int64_t blocks = ceil_div(p.w.grid, p.w.stride == 1 ? L - 2 : L - 1);
    const bool two = kFans<T> && p.targets == 1 && larger(p.w.grid, p.w.in / p.w.step) < L / 2 && p.w.pad == 1;
    const int64_t strips = ceil_div(p.h.grid, larger(kSquareStrip / (p.w.in * p.w.step), L));
    const int64_t lanes = kFans<T> ? ceil_div(p.w.grid, blocks) : smaller(p.w.grid, L);
    return {true, two, lanes, ceil_div(p.h.grid, strips)};
}

#if defined(__AVX2__)
// v with x in the upper half of its lanes
template <class T> TK_INLINE Vec<T> upper(Vec<T> v, T x) {
    constexpr int L = kLanes<T>;
    return pick_lanes<T, L>(v, broadcast(x), [](int i) { return i < L / 2 ? i : L + i; });
}

template <class T> struct SquareWeight {
    Vec<T> tap[3][3];
    // Tap i of one channel is weight[i * step], and in the other half of the lanes other[i * step] of another.
    template <bool Two>
    static TK_INLINE SquareWeight of(const T* weight, const T* other, int64_t step, std::bool_constant<Two>) {
        const auto tap = [&](int i) {
            const Vec<T> all = broadcast(weight[i * step]);
            return Two ? upper<T>(all, other[i * step]) : all;
        };
        return {{{tap(0), tap(1), tap(2)}, {tap(3), tap(4), tap(5)}, {tap(6), tap(7), tap(8)}}};
    }
    // sum + the products of row b's taps
    TK_INLINE Vec<T> add(Vec<T> sum, int b, const Neighbours<T>& x) const {
        return sum + tap[b][0] * x.tap[0] + tap[b][1] * x.tap[1] + tap[b][2] * x.tap[2];
    }
};

// What outputs become on their way out.
template <class T> struct SquareFinish {
    Vec<T> bias;
    bool relu;
    TK_INLINE Vec<T> operator()(Vec<T> v) const {
        v += bias;
        return relu ? rectify<T>(v) : v;
    }
};

// A block of output rows [begin, end), from out on.
template <class T, int Step, bool Two>
TK_INLINE void square_block(T* out, const SquareReader<T, Step, Two>& read, const SquareWeight<T>& w,
                            const SquareFinish<T>& finish, const SquareLanes<T, Two>& lanes, int64_t width,
                            Ahead<T, true>& ahead, int64_t pad, int64_t begin, int64_t end) {
    Vec<T> sum{}, next{};   // of the row that ends next, and of the one after it
    const auto put = [&](int64_t i, Vec<T> v) {
        T* to = out + i * width;
        if (!Two) ahead.template call_in<1>();
        lanes.store(to, in_order<Step, T>(finish(v)));
    };
    if constexpr (Step == 1) {
        const auto add = [&](int64_t r) __attribute__((always_inline)) {
            Vec<T> begun{};
            if (read.holds(r)) {
                const Neighbours<T> x = read(r);
                sum = w.add(sum, 2, x);
                next = w.add(next, 1, x);
                begun = w.add(begun, 0, x);
            }
            return begun;
        };
        const auto step = [&](Vec<T> begun) __attribute__((always_inline)) {
            sum = next;
            next = begun;
        };
        int64_t i = begin - 2;   // outputs that end with a row; the two before the first are not of this block
        if constexpr (!Two)
            for (; i < begin; ++i) step(add(i + 2 - pad));
        for (; i < end; ++i) {
            const Vec<T> begun = add(i + 2 - pad);
            if (!Two || i >= begin) put(i, sum);
            step(begun);
        }
    } else {
        int64_t r = 2 * begin - pad;
        if (read.holds(r)) sum = w.add(sum, 0, read(r));
        for (int64_t i = begin; i < end; ++i, r += 2, sum = next) {
            if (read.holds(r + 1)) sum = w.add(sum, 1, read(r + 1));
            next = Vec<T>{};
            if (read.holds(r + 2)) {
                const Neighbours<T> x = read(r + 2);
                sum = w.add(sum, 2, x);
                next = w.add(next, 0, x);
            }
            put(i, sum);
        }
    }
}
// The input gradient at stride 2 and padding 1: of rows [begin, end) of dy, from dx on.
template <class T, bool Two>
TK_INLINE void spread_block(T* dx, const SquareReader<T, 1, Two, true>& read, const SquareWeight<T>& w,
                            const RowProblem& p, const SquareLanes<T, false>& low, const SquareLanes<T, false>& high,
                            Ahead<T, true>& ahead, int64_t begin, int64_t end) {
    constexpr int L = kLanes<T>;
    const int64_t second = Two ? p.out_plane : L;
    const auto put = [&](int64_t row, Vec<T> even, Vec<T> odd) __attribute__((always_inline)) {
        T* to = dx + row * p.w.out;
        if (!Two) ahead.template call_in<2>();
        low.store(to, low_pairs<T, L>(even, odd));
        high.store(to + second, high_pairs<T, L>(even, odd));
    };
    Neighbours<T> g = read(begin);
    for (int64_t a = begin; a < end; ++a) {
        put(2 * a, w.tap[1][1] * g.tap[0], w.tap[1][2] * g.tap[0] + w.tap[1][0] * g.tap[1]);
        if (2 * a + 1 == p.h.out) break;
        Vec<T> even = w.tap[2][1] * g.tap[0], odd = w.tap[2][2] * g.tap[0] + w.tap[2][0] * g.tap[1];
        if (read.holds(a + 1)) {
            g = read(a + 1);
            even += w.tap[0][1] * g.tap[0];
            odd += w.tap[0][2] * g.tap[0];
            odd += w.tap[0][0] * g.tap[1];
        }
        put(2 * a + 1, even, odd);
    }
}

// Planes [first, end): forward, or the input gradient (Spread: at stride 2).
template <class T, int Step, bool Spread, bool Two>
[[gnu::noinline]] void square_planes(T* out, const T* in, const T* weight, const T* bias, bool relu,
                                     const RowProblem& p, const SquarePlan& plan, int64_t first, int64_t end) {
    const bool flipped = p.h.back && !Spread;
    const int64_t pad_h = flipped ? 2 - p.h.pad : p.h.pad, pad_w = flipped ? 2 - p.w.pad : p.w.pad;
    Ahead<T, false> ahead{in, Two ? 2 * p.w.in : plan.lanes * Step};
    Ahead<T, true> out_ahead{out, plan.lanes * p.w.out_step()};
    const auto reader = [&](int64_t o, bool both) {
        return SquareReader<T, Step, Two, Spread>(p, o * Step - (Spread ? 0 : pad_w), &ahead, p.in_plane, both);
    };
    auto read = reader(0, true);
    const bool one_block = plan.lanes == p.w.grid;
    const T* last = out + (end - 1) * p.out_plane;   // the plane after which none is written
    const int64_t groups = Two ? p.groups : p.groups * p.targets;
    int64_t group = first % groups;
    const auto next_group = [&] {
        const int64_t now = group++;
        if (group == groups) group = 0;
        return now;
    };
    for (int64_t plane = first; plane < end; plane += Two ? 2 : 1) {
        const bool both = plane + 1 < end;
        if (Two && !both) read = reader(0, false);
        const int64_t one = next_group(), other = Two && both ? next_group() : one;
        const T* own = weight + (flipped ? 8 : 0);
        const auto w = SquareWeight<T>::of(own + one * 9, own + other * 9, flipped ? -1 : 1, std::bool_constant<Two>{});
        SquareFinish<T> finish{broadcast(bias ? bias[one] : T(0)), relu};
        if (Two && bias) finish.bias = upper<T>(finish.bias, bias[other]);
        T* to = out + plane * p.out_plane;
        const T* from = in + (Two ? plane : plane / p.targets) * p.in_plane;
        for (int64_t row = 0; row < p.h.grid; row += plan.rows) {
            const int64_t until = smaller(row + plan.rows, p.h.grid);
            ahead.next = from + (Two ? 2 * p.in_plane : until * Step * p.w.in);
            out_ahead.next = to + until * p.h.out_step() * p.w.out;
            for (int64_t begin = 0; begin < p.w.grid; begin += plan.lanes) {
                const int64_t o = smaller(begin, p.w.grid - plan.lanes);   // the last block overlaps the one before it
                if (!Two && !one_block) read = reader(o, true);
                read.from = from + (Spread || (Two && Step == 1) ? o : o * Step - pad_w);
                if constexpr (Spread) {
                    const int64_t count = smaller(2 * plan.lanes, p.w.out - 2 * o);
                    const SquareLanes<T, false> low(p, count, last, true),
                        high(p, Two ? both ? count : 0 : count - kLanes<T>, last, true);
                    spread_block<T, Two>(to + 2 * o, read, w, p, low, high, out_ahead, row, until);
                } else {
                    const SquareLanes<T, Two> lanes(p, plan.lanes, last, both);
                    square_block<T, Step, Two>(to + o, read, w, finish, lanes, p.w.out, out_ahead, pad_h, row, until);
                }
            }
        }
    }
}
#endif

}   // namespace
}   // namespace tk::TK_ISA
