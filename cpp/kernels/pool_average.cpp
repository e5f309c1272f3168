// Average-pooling.
//   y[o] = sum over the taps of window o inside the input / divisor[o]
// divisor: pool_divisor.hpp. The taps are added in their order, for every output alike, so that an edge needs no masks:
// a tap in the padding would add zero. Where windows are wider than rows of outputs a vector holds neighbouring taps
// instead, and where one window is the whole plane (global pooling) neighbouring elements; the shape alone decides.
#include "kernels/pool_average_gradient.hpp"
#include "kernels/pool_average_pairs.hpp"
#include "kernels/pool_global.hpp"

namespace tk::TK_ISA {
namespace {

// A window that may hang over the edge.
template <class T> T sum_window(const T* plane, const OutputRow& r, int64_t start_w, const PoolShape& s) {
    const Run w = taps_inside(start_w, s.iw, s.kw, 1);
    T sum = 0;
    for_each_window_row(r, s, [&](int64_t row) {
        for (int64_t c = w.begin; c < w.end; ++c) sum += plane[row + start_w + c];
    });
    return sum;
}

// A wide window: kLanes interleaved parts, added in a fixed order.
template <class T> T sum_wide_window(const T* plane, const OutputRow& r, int64_t start_w, const PoolShape& s) {
    constexpr int L = kLanes<T>;
    const Run w = taps_inside(start_w, s.iw, s.kw, 1);
    Vec<T> sum{};
    for_each_window_row(r, s, [&](int64_t row) {
        const T* from = plane + (row + start_w);
        int64_t c = w.begin;
        for (; c + L <= w.end; c += L) sum += load(from + c);
        if (c < w.end) sum += load_first(from + c, w.end - c);
    });
    return sum_lanes<T>(sum);
}

// `count` neighbouring windows without padding in their columns.
template <class T, int Stride, bool Full>
TK_INLINE void average_vector(T* y, const T* plane, const OutputRow& r, int64_t start_w, T divisor, int64_t count,
                              const PoolShape& s) {
    Vec<T> sum{};
    for_each_window_row(r, s, [&](int64_t row) {
        for (int64_t c = 0; c < s.kw; ++c)
            sum += load_strided<T, Stride, Full>(plane + (row + start_w + c), s.sw, count);
    });
    store_vector<Full>(y, sum / broadcast<T>(divisor), count);
}

template <class T, int Stride> void average_rows(T* y, const T* x, const PoolShape& s) {
    const bool wide = wide_windows(s);
    const Run whole = wide ? Run{s.ow, s.ow} : whole_windows(s);
    for_each_output_row(s, [&](const OutputRow& r) {
        const T* plane = x + r.plane * s.id * s.ih * s.iw;
        const int64_t dh = divisor_dh(r.start_d, r.start_h, s);
        T* to = y + r.row * s.ow;
        const auto edge = [&](int64_t begin, int64_t end) {
            for (int64_t o = begin; o < end; ++o) {
                const int64_t start_w = o * s.sw - s.pw;
                const T sum = wide ? sum_wide_window(plane, r, start_w, s) : sum_window(plane, r, start_w, s);
                to[o] = sum / divisor_at<T>(dh, start_w, s);
            }
        };
        edge(0, whole.begin);
        const T divisor = divisor_at<T>(dh, 0, s);
        for_each_vector<T>(whole, [&](int64_t o, int64_t count, auto full) {
            average_vector<T, Stride, full>(to + o, plane, r, o * s.sw - s.pw, divisor, count, s);
        });
        edge(whole.end, s.ow);
    });
}

// Rows, then columns, then the division. False where the lines do not fit.
template <class T> bool average_lines(T* y, const T* x, const PoolShape& s) {
    const T divisor = common_divisor<T>(s);
    const Lines<T> lines(s, divisor != 0);
    if (!lines.fit()) return false;
    const auto sum = [](Vec<T> a, Vec<T> b) { return a + b; };
    const auto divided = [&](Vec<T> v, int64_t row, int64_t o, int64_t count) {
        if (divisor != 0) return v / broadcast(divisor);
        const OutputRow r = OutputRows(s, row).next();
        const int64_t dh = divisor_dh(r.start_d, r.start_h, s);
        Vec<T> divisors = broadcast(T{1});
        for (int64_t i = 0; i < count; ++i) divisors[i] = divisor_at<T>(dh, (o + i) * s.sw - s.pw, s);
        return v / divisors;
    };
    if (s.sw == 1) lines.template reduce<1>(y, x, 0, sum, divided);
    else if (s.sw == 2) lines.template reduce<2>(y, x, 0, sum, divided);
    else lines.template reduce<0>(y, x, 0, sum, divided);
    return true;
}

}   // namespace

template <class T> void avg_pool_forward(T* y, const T* x, const PoolShape& shape) {
    if (global(shape)) return average_planes(y, x, shape);
    const PoolShape s = flatten(shape);
    if (average_of_pairs(y, x, s)) return;
    if (!wide_windows(s) && average_lines(y, x, s)) return;
    if (s.sw == 1) return average_rows<T, 1>(y, x, s);
    if (s.sw == 2) return average_rows<T, 2>(y, x, s);
    return average_rows<T, 0>(y, x, s);
}

// dx[i] = sum of dy[o] / divisor[o] over the windows o that see i
template <class T> void avg_pool_backward(T* dx, const T* dy, const PoolShape& shape) {
    if (global(shape)) return fill_planes(dx, dy, shape);
    if (pairs(shape) && shape.ih == 2 * shape.oh && shape.iw == 2 * shape.ow) return spread_pairs(dx, dy, shape);
    const PoolShape s = flatten(shape);
    if (!wide_windows(s) && (s.sw == 1   ? gather_lines<T, 1>(dx, dy, s)
                             : s.sw == 2 ? gather_lines<T, 2>(dx, dy, s)
                                         : gather_lines<T, 0>(dx, dy, s)))
        return;
    spread_outputs(dx, dy, s);
}

TK_EMIT(avg_pool_forward)
TK_EMIT(avg_pool_backward)

}   // namespace tk::TK_ISA
