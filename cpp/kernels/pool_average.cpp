// Average-pooling.
//   y[o] = sum over the taps of window o inside the input / divisor[o]
// divisor: the given one; else the window's size clipped to the padded input (count_include_pad), or the number
// of taps inside. The taps are added in their order, for every output alike, so that an edge needs no masks: a tap in
// the padding would add zero. Where windows are wider than rows of outputs a vector holds neighbouring taps instead,
// and where one window is the whole plane (global pooling) neighbouring elements; the shape alone decides.
#include "kernels/pool_average_pairs.hpp"
#include "kernels/pool_global.hpp"
#include "kernels/pool_windows.hpp"

namespace tk::TK_ISA {
namespace {

inline bool wide_windows(const PoolShape& s) { return s.kw > s.ow; }
// The part of the window at `start` on one axis that counts.
inline int64_t counted(int64_t start, int64_t size, int64_t kernel, int64_t after, bool padding) {
    int64_t begin = start, end = start + kernel;
    if (end > size + after) end = size + after;
    if (padding) return end - begin;
    if (begin < 0) begin = 0;
    if (end > size) end = size;
    return end - begin;
}

// The divisor of a window but for its width: of all windows of one output row.
inline int64_t divisor_dh(int64_t start_d, int64_t start_h, const PoolShape& s) {
    return counted(start_d, s.id, s.kd, s.qd, s.count_include_pad) *
           counted(start_h, s.ih, s.kh, s.qh, s.count_include_pad);
}
template <class T> inline T divisor_at(int64_t dh, int64_t start_w, const PoolShape& s) {
    if (s.divisor) return static_cast<T>(s.divisor);
    return static_cast<T>(dh * counted(start_w, s.iw, s.kw, s.qw, s.count_include_pad));
}

// f(offset in the plane) for each row of the windows of r that lies inside.
template <class F> TK_INLINE void for_each_window_row(const OutputRow& r, const PoolShape& s, F&& f) {
    for (int64_t a = r.d.begin; a < r.d.end; ++a)
        for (int64_t b = r.h.begin; b < r.h.end; ++b) f(((r.start_d + a) * s.ih + r.start_h + b) * s.iw);
}

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
    const Vec<T> mean = sum / broadcast<T>(divisor);
    if constexpr (Full) store(y, mean);
    else store_first(y, mean, count);
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
            average_vector<T, Stride, decltype(full)::value>(to + o, plane, r, o * s.sw - s.pw, divisor, count, s);
        });
        edge(whole.end, s.ow);
    });
}

// The divisor of every window, where they are all equal; else 0.
template <class T> T common_divisor(const PoolShape& s) {
    if (s.divisor) return static_cast<T>(s.divisor);
    const auto whole = [&](int64_t outputs, int64_t size, int64_t kernel, int64_t stride, int64_t before,
                           int64_t after) {
        return counted(-before, size, kernel, after, s.count_include_pad) == kernel &&
               counted((outputs - 1) * stride - before, size, kernel, after, s.count_include_pad) == kernel;
    };
    const bool all = whole(s.od, s.id, s.kd, s.sd, s.pd, s.qd) && whole(s.oh, s.ih, s.kh, s.sh, s.ph, s.qh) &&
                     whole(s.ow, s.iw, s.kw, s.sw, s.pw, s.qw);
    return all ? static_cast<T>(s.kd * s.kh * s.kw) : 0;
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

// line[c] += share for the taps inside of one window.
template <class T> TK_INLINE void spread_window(T* line, T share, int64_t start_w, const PoolShape& s) {
    const Run w = taps_inside(start_w, s.iw, s.kw, 1);
    T* to = line + start_w;
    for (int64_t c = w.begin; c < w.end; c += kLanes<T>) {
        const int64_t count = w.end - c < kLanes<T> ? w.end - c : kLanes<T>;
        store_first(to + c, load_first(to + c, count) + broadcast<T>(share), count);
    }
}

// The same for `count` windows that lie inside as a whole, the first of them at `to`.
template <class T> TK_INLINE void spread_windows(T* to, const T* share, int64_t count, const PoolShape& s) {
    if (s.kw == 2 && s.sw == 2) {
        for (int64_t o = 0; o < count; ++o) {
            to[2 * o] += share[o];
            to[2 * o + 1] += share[o];
        }
        return;
    }
    for (int64_t c = 0; c < s.kw; ++c, ++to) {
        if (s.sw == 1)
            for (int64_t o = 0; o < count; ++o) to[o] += share[o];
        else
            for (int64_t o = 0; o < count; ++o) to[o * s.sw] += share[o];
    }
}

// From the outputs along one axis whose windows hold the element before i to those that hold i.
inline void advance(Run& held, int64_t i, int64_t outputs, int64_t kernel, int64_t stride, int64_t before) {
    while (held.end < outputs && held.end * stride - before <= i) ++held.end;
    while (held.begin < held.end && held.begin * stride - before + kernel <= i) ++held.begin;
}

// A row of dx: the rows of outputs that hold it are added up in a line with zeros around it, then its columns. A row
// that the same outputs hold as the one before is its copy. False where a line does not fit.
template <class T, int Stride> bool gather_lines(T* dx, const T* dy, const PoolShape& shape) {
    const PoolShape s = shape;
    const int64_t sw = Stride ? Stride : s.sw, before = (s.kw - 1) / sw;
    const int64_t length = before + (s.iw + s.pw) / sw + 2 * kLanes<T> + 1;
    if (length > kLine) return false;
    const T divisor = common_divisor<T>(s);
    const int64_t in_plane = s.id * s.ih * s.iw, out_plane = s.od * s.oh * s.ow;
    for_each_plane(s.planes, in_plane + out_plane * (s.kd * s.kh + s.kw), [=](int64_t plane) {
        constexpr int64_t L = kLanes<T>;
        T line[kLine + L], widths[kLine + L];
        for (int64_t i = 0; i < length; i += L) store(line + i, Vec<T>{});
        if (divisor == 0)
            for (int64_t o = 0; o < s.ow + L; ++o) widths[o] = divisor_at<T>(1, o * s.sw - s.pw, s);
        Run a{0, 0}, b{0, 0};   // the planes and rows of outputs in the line
        const auto add_rows = [&](int64_t o, int64_t count, auto full) {
            Vec<T> sum{};
            for (int64_t d = a.begin; d < a.end; ++d)
                for (int64_t h = b.begin; h < b.end; ++h) {
                    const T* from = dy + (plane * out_plane + (d * s.oh + h) * s.ow + o);
                    Vec<T> v = decltype(full)::value ? load(from) : load_first(from, count);
                    if (divisor == 0)
                        v /= load(widths + o) * static_cast<T>(divisor_dh(d * s.sd - s.pd, h * s.sh - s.ph, s));
                    sum += v;
                }
            store(line + before + o, divisor == 0 ? sum : sum / broadcast(divisor));
        };
        // dx of the columns m*sw + phase, (m + 1)*sw + phase, ...
        const auto columns = [&](int64_t m, int64_t phase) {
            const T* from = line + (before + m + (phase + s.pw) / sw);
            Vec<T> sum{};
            for (int64_t c = (phase + s.pw) % sw; c < s.kw; c += sw) sum += load(from--);
            return sum;
        };
        const auto write_row = [&](T* row) {
            for_each_vector<T>({0, s.ow}, add_rows);
            if constexpr (Stride == 1) {
                for_each_vector<T>({0, s.iw}, [&](int64_t at, int64_t count, auto full) {
                    if constexpr (decltype(full)::value) store(row + at, columns(at, 0));
                    else store_first(row + at, columns(at, 0), count);
                });
            } else if constexpr (Stride == 2) {
                for (int64_t at = 0; at < s.iw; at += 2 * L) {
                    const Vec<T> even = columns(at / 2, 0), odd = columns(at / 2, 1);
                    const int64_t left = s.iw - at, second = left - L < L ? left - L : L;
                    store_first(row + at, low_pairs<T, kLanes<T>>(even, odd), left < L ? left : L);
                    if (second > 0) store_first(row + at + L, high_pairs<T, kLanes<T>>(even, odd), second);
                }
            } else {
                for (int64_t phase = 0; phase < sw; ++phase)
                    for (int64_t at = phase, m = 0; at < s.iw; m += L) {
                        const Vec<T> v = columns(m, phase);
                        for (int64_t lane = 0; lane < L && at < s.iw; ++lane, at += sw) row[at] = v[lane];
                    }
            }
        };
        T* row = dx + plane * in_plane;
        for (int64_t d = 0; d < s.id; ++d) {
            advance(a, d, s.od, s.kd, s.sd, s.pd);
            b = {0, 0};
            for (int64_t h = 0; h < s.ih; ++h, row += s.iw) {
                const Run last = b;
                advance(b, h, s.oh, s.kh, s.sh, s.ph);
                if (h == 0 || b.begin != last.begin || b.end != last.end) write_row(row);
                else
                    for_each_vector<T>({0, s.iw}, [&](int64_t at, int64_t count, auto full) {
                        if constexpr (decltype(full)::value) store(row + at, load(row + at - s.iw));
                        else store_first(row + at, load_first(row + at - s.iw, count), count);
                    });
            }
        }
    });
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

// dx[i] = sum of dy[o] / divisor[o] over the windows o that see i: every output is spread over its window, rows of
// outputs in order, so that each dx sums in an order that the shape alone fixes.
template <class T> void avg_pool_backward(T* dx, const T* dy, const PoolShape& shape) {
    if (global(shape)) return fill_planes(dx, dy, shape);
    if (pairs(shape) && shape.ih == 2 * shape.oh && shape.iw == 2 * shape.ow) return spread_pairs(dx, dy, shape);
    constexpr int64_t kBlock = 64;   // outputs whose quotients are held at a time
    const PoolShape s = flatten(shape);
    if (!wide_windows(s) && (s.sw == 1   ? gather_lines<T, 1>(dx, dy, s)
                             : s.sw == 2 ? gather_lines<T, 2>(dx, dy, s)
                                         : gather_lines<T, 0>(dx, dy, s)))
        return;
    const int64_t in_plane = s.id * s.ih * s.iw, rows = s.od * s.oh;
    const Run inner = wide_windows(s) ? Run{s.ow, s.ow} : whole_windows(s);
    for_each_plane(s.planes, in_plane + rows * s.ow * s.kd * s.kh * s.kw, [&](int64_t plane) {
        T* to = dx + plane * in_plane;
        for (int64_t i = 0; i < in_plane; ++i) to[i] = 0;
        for (int64_t row = 0; row < rows; ++row) {
            const int64_t start_d = row / s.oh * s.sd - s.pd, start_h = row % s.oh * s.sh - s.ph;
            const OutputRow r{
                row, plane, start_d, start_h, taps_inside(start_d, s.id, s.kd, 1), taps_inside(start_h, s.ih, s.kh, 1)};
            const int64_t dh = divisor_dh(r.start_d, r.start_h, s);
            const T* from = dy + (plane * rows + row) * s.ow;
            const auto edge = [&](int64_t begin, int64_t end) {
                for (int64_t o = begin; o < end; ++o) {
                    const int64_t start_w = o * s.sw - s.pw;
                    const T share = from[o] / divisor_at<T>(dh, start_w, s);
                    for_each_window_row(r, s, [&](int64_t line) { spread_window(to + line, share, start_w, s); });
                }
            };
            edge(0, inner.begin);
            const T divisor = divisor_at<T>(dh, 0, s);
            for (int64_t begin = inner.begin; begin < inner.end; begin += kBlock) {
                const int64_t count = inner.end - begin < kBlock ? inner.end - begin : kBlock;
                T share[kBlock];
                for (int64_t o = 0; o < count; ++o) share[o] = from[begin + o] / divisor;
                for_each_window_row(
                    r, s, [&](int64_t line) { spread_windows(to + (line + begin * s.sw - s.pw), share, count, s); });
            }
            edge(inner.end, s.ow);
        }
    });
}

TK_EMIT(avg_pool_forward)
TK_EMIT(avg_pool_backward)

}   // namespace tk::TK_ISA
