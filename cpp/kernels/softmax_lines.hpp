// Softmax works on lines of [outer][axis][inner]. With inner = 1 a line is one row and its vectors lie along the
// row: lanes are reduced together. With inner > 1 a line is up to kLanes neighbouring rows, a lane each, and its
// vectors lie `inner` apart: lanes never meet. One text serves both, and no row sees another. Rows of a few elements
// are turned for log_softmax: kLanes of them become one line of the second kind.
#pragma once
#include "kernels/kernels.hpp"
#include "kernels/simd_math.hpp"
#include "kernels/tile_sizes.hpp"

namespace tk::TK_ISA {
namespace {

template <class T> struct Line {
    int64_t start;           // first element
    int64_t steps, stride;   // vectors, and the distance from one to the next
    int64_t lanes, last;     // lanes in use, and those of the last vector
    bool joined;             // the lanes belong to one row

    // f(element, lanes in use) for each vector
    template <class F> TK_INLINE void for_each(F&& f) const {
        for (int64_t i = 0; i < steps; ++i) f(start + i * stride, i + 1 < steps ? lanes : last);
    }
    TK_INLINE Vec<T> total(Vec<T> sum) const { return joined ? broadcast(sum_lanes<T>(sum)) : sum; }
};

// f(line) for each line, in parallel; `cost` elementary operations per element.
template <class T, class F> TK_INLINE void for_each_line(const SoftmaxShape& s, int64_t cost, F&& f) {
    constexpr int L = kLanes<T>;
    if (s.axis == 0) return;
    const int64_t groups = (s.inner + L - 1) / L;   // lines of one outer index
    const int64_t elements = s.axis * (s.inner < L ? s.inner : L);
    const int64_t grain = 1 + 8191 / (elements ? elements : 1);
    parallel_chunks(s.outer * groups, grain, elements * cost, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            if (s.inner == 1) {
                const int64_t steps = (s.axis + L - 1) / L;
                f(Line<T>{i * s.axis, steps, L, L, s.axis - (steps - 1) * L, true});
            } else {
                const int64_t first = i % groups * L, lanes = s.inner - first < L ? s.inner - first : L;
                f(Line<T>{i / groups * s.axis * s.inner + first, s.axis, s.inner, lanes, lanes, false});
            }
        }
    });
}

template <class T> TK_INLINE VecMask<T> lane_numbers() {
    VecMask<T> numbers{};
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i) numbers[i] = i;
    return numbers;
}
// v in the first `count` lanes, `rest` in the others
template <class T> TK_INLINE Vec<T> keep_first(Vec<T> v, int64_t count, T rest) {
    return select<T>(lane_numbers<T>() < static_cast<int>(count), v, broadcast(rest));
}

// Each row's largest element in the lanes that belong to the row. NaN is passed over: exp(NaN - largest) will
// carry it into the sum.
template <class T> TK_INLINE Vec<T> largest(const T* x, const Line<T>& line) {
    constexpr T lowest = -static_cast<T>(__builtin_inf());
    Vec<T> most = broadcast(lowest);
    line.for_each([&](int64_t at, int64_t count) {
        const Vec<T> v = keep_first<T>(load_first(x + at, count), count, lowest);
        most = select<T>(v > most, v, most);
    });
    if (line.joined) {
        T top = most[0];
        for (int i = 1; i < kLanes<T>; ++i) top = most[i] > top ? most[i] : top;
        most = broadcast(top);
    }
    return most;
}

// y = (x - m) - log(sum of exp(x - m)), m the row's largest element
template <class T> [[gnu::noinline]] void log_softmax_line(T* y, const T* x, const Line<T>& line) {
    const Vec<T> most = largest(x, line);
    Vec<T> sum{};
    line.for_each([&](int64_t at, int64_t count) {
        const Vec<T> shifted = load_first(x + at, count) - most;
        sum += keep_first<T>(exp_negative<T>(shifted), count, 0);
    });
    const Vec<T> scale = log<T>(line.total(sum));
    line.for_each(
        [&](int64_t at, int64_t count) { store_first(y + at, load_first(x + at, count) - most - scale, count); });
}

// Elements of rows that are turned. On AVX-512 most of them are one vector.
template <class T> constexpr int64_t kShortRow = kNarrow<T> ? 2 * kLanes<T> : 0;

// log_softmax_line of `rows` whole rows, at most kLanes, of up to kShortRow elements each.
template <class T> void log_softmax_turned(T* y, const T* x, int64_t axis, int64_t rows) {
    constexpr int64_t L = kLanes<T>;
    alignas(64) T turned[kShortRow<T> * L] = {};   // [element][row]
    for (int64_t first = 0; first < axis; first += L) {
#pragma GCC unroll 1
        for (int64_t i = 0; i < rows; ++i)
            store(turned + (first + i) * L, load_first(x + i * axis + first, smaller(L, axis - first)));
        transpose_tile(turned + first * L);
    }
    log_softmax_line(turned, turned, Line<T>{0, axis, L, L, L, false});
    for (int64_t first = 0; first < axis; first += L) {
        transpose_tile(turned + first * L);
#pragma GCC unroll 1
        for (int64_t i = 0; i < rows; ++i)
            store_first(y + i * axis + first, load(turned + (first + i) * L), smaller(L, axis - first));
    }
}

// log_softmax of all lines; f(first element, rows, elements from one row to the next) after those of each.
template <class T, class F> TK_INLINE void log_softmax(T* y, const T* x, const SoftmaxShape& s, F&& f) {
    constexpr int64_t L = kLanes<T>, cost = 20;
    if constexpr (kShortRow<T> > 0)
        if (s.inner == 1 && 0 < s.axis && s.axis <= kShortRow<T>) {
            const int64_t elements = s.axis * L, groups = ceil_div(s.outer, L);
            return parallel_chunks(groups, 1 + 8191 / elements, elements * cost, [&](int64_t begin, int64_t end) {
                for (int64_t i = begin * L; i < smaller(end * L, s.outer); i += L) {
                    const int64_t rows = smaller(L, s.outer - i);
                    log_softmax_turned(y + i * s.axis, x + i * s.axis, s.axis, rows);
                    f(i * s.axis, rows, s.axis);
                }
            });
        }
    for_each_line<T>(s, cost, [&](const Line<T>& line) {
        log_softmax_line(y, x, line);
        f(line.start, line.joined ? 1 : line.lanes, 1);
    });
}

}   // namespace
}   // namespace tk::TK_ISA
