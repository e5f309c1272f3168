// Weight gradient of depthwise convolution by 3x3 neighbouring taps, a vector of pixels running down a plane as forward
// (depthwise_square.hpp): one vector of sums per tap stays in a register over a plane.
#pragma once
#include "kernels/depthwise_square.hpp"

namespace tk::TK_ISA {
namespace {

#if defined(__AVX2__)
// The lanes of a plane of dy added up, where y > 0 if there is one.
template <class T> TK_INLINE Vec<T> plane_sum(const T* dy, const T* y, int64_t count) {
    constexpr int L = kLanes<T>;
    Vec<T> sums[4]{};
    for (int64_t i = 0; i < count; i += 4 * L)
#pragma GCC unroll 4
        for (int64_t part = 0; part < 4; ++part) {
            const int64_t at = smaller(i + part * L, count), lanes = smaller(count - at, L);
            const Vec<T> g = load_first(dy + at, lanes);
            sums[part] += y ? load_first(y + at, lanes) > 0 ? g : Vec<T>{} : g;
        }
    return sums[0] + sums[1] + (sums[2] + sums[3]);
}

// add(b, row of dy, row of x) for every pair of rows that meet at the taps of row b, down a strip [begin, end) of a
// block: of rows of dy, or at stride 1 of x. row_of(i, again): row i of dy, which has been read before.
template <class T, int Step, bool Strips, class Read, class RowOf, class Add>
TK_INLINE void add_rows(const RowProblem& p, const Read& read, int64_t begin, int64_t end, const RowOf& row_of,
                        const Add& add) {
    if constexpr (Step == 1) {
        Vec<T> above = row_of(begin + p.h.pad - 2, begin > 0), v = row_of(begin + p.h.pad - 1, begin > 0);
        const int64_t until = end < p.h.out ? smaller(end, p.h.in) : p.h.in;
        for (int64_t r = begin; r < (Strips ? until : p.h.in); ++r) {
            const Vec<T> below = row_of(r + p.h.pad, false);
            const Neighbours<T> n = read(r);
            add(0, below, n);
            add(1, v, n);
            add(2, above, n);
            above = v;
            v = below;
        }
    } else {
        int64_t r = 2 * begin - p.h.pad;
        Neighbours<T> n{};
        if (read.holds(r)) n = read(r);
        for (int64_t i = begin; i < (Strips ? end : p.h.out); ++i, r += 2) {
            const Vec<T> v = row_of(i, false);
            add(0, v, n);
            if (read.holds(r + 1)) add(1, v, read(r + 1));
            n = read.holds(r + 2) ? read(r + 2) : Neighbours<T>{};
            add(2, v, n);
        }
    }
}

// The weight gradient of `groups` neighbours from `group` on, over images [begin, end): to sums[tap][lane] of each, or
// of each two, and then, if it is wanted, the bias's. Strips: a plane is run down in more than one.
template <class T, int Step, bool Two, bool Strips>
[[gnu::noinline]] void square_sums(T* sums, const BackwardWeightCall<T>& a, const RowProblem& p, const SquarePlan& plan,
                                   int64_t group, int64_t groups, int64_t begin, int64_t end) {
    constexpr int64_t side = Two ? 2 : 1;
    Ahead<T, false> ahead{nullptr, Two ? 2 * p.w.in : plan.lanes * Step};
    Ahead<T, false> of_dy{nullptr, Two ? 2 * p.w.out : plan.lanes};
    const auto reader = [&](int64_t o, bool both) {
        return SquareReader<T, Step, Two>(p, o * Step - p.w.pad, &ahead, p.in_plane, both);
    };
    const auto writer = [&](int64_t o, bool both) {
        return SquareLanes<T, Two>(p, smaller(plan.lanes, p.w.out - o), nullptr, both);
    };
    auto read = reader(0, true);
    auto lanes = writer(0, true);
    const bool one_block = plan.lanes >= p.w.out;
    bool pair = true;   // whether these are of two planes
    const auto add_planes = [&](int64_t plane, int64_t g) {
        const T *x = a.x + plane * p.in_plane, *dy = a.dy + plane * p.out_plane;
        const T* y = a.y ? a.y + plane * p.out_plane : nullptr;
        const int64_t next = g + side < groups ? side : p.groups - g;
        const bool both = g + 1 < groups;
        T* own = sums + g / side * 10 * kLanes<T>;
        Vec<T> acc[3][3], bias = load(own + 9 * kLanes<T>);
#pragma GCC unroll 9
        for (int i = 0; i < 9; ++i) acc[i / 3][i % 3] = load(own + i * kLanes<T>);
        const auto add = [&](int b, Vec<T> v, const Neighbours<T>& n) {
            acc[b][0] += v * n.tap[0];
            acc[b][1] += v * n.tap[1];
            acc[b][2] += v * n.tap[2];
        };
        if (Two && both != pair) {
            pair = both;
            read = reader(0, both);
            lanes = writer(0, both);
        }
        const auto add_blocks = [&](int64_t row, int64_t until) __attribute__((always_inline)) {
            for (int64_t o = 0; o < (Two ? 1 : p.w.out); o += plan.lanes) {
                if (!Two && !one_block) {
                    read = reader(o, true);
                    lanes = writer(o, true);
                }
                read.from = x + (Two && Step == 1 ? o : o * Step - p.w.pad);
                const auto row_of = [&](int64_t i, bool again) {
                    if (i < 0 || i >= p.h.out) return Vec<T>{};
                    const int64_t at = i * p.w.out + o;
                    of_dy.template call_in<1>();
                    Vec<T> v = lanes.load(dy + at);
                    if (y) v = lanes.load(y + at) > 0 ? v : Vec<T>{};
                    if (kFans<T> && !again) bias += v;
                    return in_order<Step, T>(v);
                };
                add_rows<T, Step, Strips>(p, read, row, until, row_of, add);
            }
        };
        if constexpr (Strips) {
            for (int64_t row = 0; row < p.h.out; row += plan.rows) {
                const int64_t until = smaller(row + plan.rows, p.h.out);
                const bool last = until == p.h.out;
                ahead.next = x + (last ? next * p.in_plane : until * Step * p.w.in);
                of_dy.next = dy + (last ? next * p.out_plane : until * p.w.out);
                add_blocks(row, until);
            }
        } else {
            ahead.next = x + next * p.in_plane;
            of_dy.next = dy + next * p.out_plane;
            add_blocks(0, p.h.out);
        }
#pragma GCC unroll 9
        for (int i = 0; i < 9; ++i) store(own + i * kLanes<T>, acc[i / 3][i % 3]);
        if (!kFans<T> && a.dbias) bias += plane_sum(dy, y, p.out_plane);   // there is no register for it above
        store(own + 9 * kLanes<T>, bias);
    };
    for (int64_t n = begin; n < end; ++n)
        for (int64_t g = 0; g < groups; g += side) add_planes(n * p.groups + group + g, g);
}
#endif

}   // namespace
}   // namespace tk::TK_ISA
