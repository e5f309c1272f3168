// The gradient of average-pooling: dx[i] = sum of dy[o] / divisor[o] over the windows o that see i.
//
// Gathered: a row of dx is made of the rows of dy whose windows hold it, rows first, then columns. Spread: where
// windows are wider than rows of outputs, or a line does not fit, every output goes to its window.
#pragma once
#include "kernels/pool_divisor.hpp"

namespace tk::TK_ISA {
namespace {

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

// Every output is spread over its window, rows of outputs in order, so that each dx sums in an order that the shape
// alone fixes.
template <class T> void spread_outputs(T* dx, const T* dy, const PoolShape& s) {
    constexpr int64_t kBlock = 64;   // outputs whose quotients are held at a time
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
                    Vec<T> v = load_vector<full>(from, count);
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
                    store_vector<full>(row + at, columns(at, 0), count);
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
                        store_vector<full>(row + at, load_vector<full>(row + at - s.iw, count), count);
                    });
            }
        }
    });
    return true;
}

}   // namespace
}   // namespace tk::TK_ISA
