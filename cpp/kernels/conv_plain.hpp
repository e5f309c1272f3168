// Convolution by plain loops: no workspace, any shape; it ends every list of algorithms.
//   y[n,k,o] = bias[k] + sum over c, r of x[n, c, o*stride + r*dilation - pad] * weight[k,c,r]
// One output row is the unit; a tap adds weight * (a run of the input row) to a run of the output row, so that
// padding is never read and contributes nothing. Good where a group has few channels (depthwise).
#pragma once
#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

// Positions o in [0, out) whose input o*stride + shift lies in [0, in): the run [begin, end).
struct Run {
    int64_t begin, end;
};
inline Run positions_inside(int64_t out, int64_t in, int64_t stride, int64_t shift) {
    int64_t begin = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
    int64_t end = shift >= in ? 0 : (in - 1 - shift) / stride + 1;
    if (end > out) end = out;
    if (begin > end) begin = end;
    return {begin, end};
}

inline int64_t multiply_adds(const ConvShape& s) {
    return s.n * s.oc * s.od * s.oh * s.ow * (s.ic / s.groups) * s.kd * s.kh * s.kw;
}

// f(input row, output row, weight index, column shift) for each pair of rows that tap (a, b, .) connects.
template <class F> TK_INLINE void for_each_row_tap(const ConvShape& s, int64_t d, int64_t h, F&& f) {
    for (int64_t a = 0; a < s.kd; ++a) {
        const int64_t zd = d * s.sd + a * s.dil_d - s.pd;
        if (zd < 0 || zd >= s.id) continue;
        for (int64_t b = 0; b < s.kh; ++b) {
            const int64_t zh = h * s.sh + b * s.dil_h - s.ph;
            if (zh < 0 || zh >= s.ih) continue;
            for (int64_t c = 0; c < s.kw; ++c)
                f((zd * s.ih + zh) * s.iw, (a * s.kh + b) * s.kw + c, c * s.dil_w - s.pw);
        }
    }
}

template <class T> void plain_forward(T* y, const T* x, const T* weight, const T* bias, const ConvShape& s, T*) {
    const int64_t icg = s.ic / s.groups, ocg = s.oc / s.groups, taps = s.kd * s.kh * s.kw;
    const int64_t in_plane = s.id * s.ih * s.iw, out_plane = s.od * s.oh * s.ow;
    parallel_for(s.n * s.oc, multiply_adds(s), [&](int64_t unit, int) {
        const int64_t n = unit / s.oc, k = unit % s.oc;
        const T* image = x + (n * s.ic + k / ocg * icg) * in_plane;
        const T* w = weight + k * icg * taps;
        T* out = y + unit * out_plane;
        for (int64_t row = 0; row < s.od * s.oh; ++row, out += s.ow) {
            for (int64_t o = 0; o < s.ow; ++o) out[o] = 0;
            for (int64_t c = 0; c < icg; ++c)
                for_each_row_tap(s, row / s.oh, row % s.oh, [&](int64_t from, int64_t tap, int64_t shift) {
                    const Run run = positions_inside(s.ow, s.iw, s.sw, shift);
                    const T* in = image + c * in_plane + from + shift;
                    const T factor = w[c * taps + tap];
                    if (s.sw == 1)
                        for (int64_t o = run.begin; o < run.end; ++o) out[o] += factor * in[o];
                    else
                        for (int64_t o = run.begin; o < run.end; ++o) out[o] += factor * in[o * s.sw];
                });
            if (bias)
                for (int64_t o = 0; o < s.ow; ++o) out[o] += bias[k];
        }
    });
}

// The adjoint of plain_forward: each output row is spread back over the input rows it was made of.
template <class T> void plain_backward_input(T* dx, const T* dy, const T* weight, const ConvShape& s, T*) {
    const int64_t icg = s.ic / s.groups, ocg = s.oc / s.groups, taps = s.kd * s.kh * s.kw;
    const int64_t in_plane = s.id * s.ih * s.iw, out_plane = s.od * s.oh * s.ow;
    parallel_for(s.n * s.ic, multiply_adds(s), [&](int64_t unit, int) {
        const int64_t n = unit / s.ic, c = unit % s.ic, group = c / icg;
        T* image = dx + unit * in_plane;
        for (int64_t i = 0; i < in_plane; ++i) image[i] = 0;
        for (int64_t k = group * ocg; k < (group + 1) * ocg; ++k) {
            const T* w = weight + (k * icg + c % icg) * taps;
            const T* from = dy + (n * s.oc + k) * out_plane;
            for (int64_t row = 0; row < s.od * s.oh; ++row, from += s.ow)
                for_each_row_tap(s, row / s.oh, row % s.oh, [&](int64_t to, int64_t tap, int64_t shift) {
                    const Run run = positions_inside(s.ow, s.iw, s.sw, shift);
                    T* out = image + to + shift;
                    const T factor = w[tap];
                    if (s.sw == 1)
                        for (int64_t o = run.begin; o < run.end; ++o) out[o] += factor * from[o];
                    else
                        for (int64_t o = run.begin; o < run.end; ++o) out[o * s.sw] += factor * from[o];
                });
        }
    });
}

// dweight[k,c,r] = sum over n, o of dy[n,k,o] * x[n, c, o*stride + r*dilation - pad]; row sums run in kLanes
// interleaved parts, which are added in a fixed order.
template <class T> void plain_backward_weight(T* dweight, const T* dy, const T* x, const ConvShape& s, T*) {
    const int64_t icg = s.ic / s.groups, ocg = s.oc / s.groups, taps = s.kd * s.kh * s.kw;
    const int64_t in_plane = s.id * s.ih * s.iw, out_plane = s.od * s.oh * s.ow;
    parallel_for(s.oc * icg, multiply_adds(s), [&](int64_t unit, int) {
        const int64_t k = unit / icg, c = k / ocg * icg + unit % icg;
        T* to = dweight + unit * taps;
        for (int64_t t = 0; t < taps; ++t) to[t] = 0;
        for (int64_t n = 0; n < s.n; ++n) {
            const T* g = dy + (n * s.oc + k) * out_plane;
            const T* image = x + (n * s.ic + c) * in_plane;
            for (int64_t row = 0; row < s.od * s.oh; ++row, g += s.ow)
                for_each_row_tap(s, row / s.oh, row % s.oh, [&](int64_t from, int64_t tap, int64_t shift) {
                    const Run run = positions_inside(s.ow, s.iw, s.sw, shift);
                    const T* in = image + from + shift;
                    constexpr int L = kLanes<T>;
                    T part[L] = {};
                    int64_t o = run.begin;
                    for (; o + L <= run.end; o += L)
                        for (int i = 0; i < L; ++i) part[i] += g[o + i] * in[(o + i) * s.sw];
                    for (int i = 0; o < run.end; ++o, ++i) part[i] += g[o] * in[o * s.sw];
                    T total = part[0];
                    for (int i = 1; i < L; ++i) total += part[i];
                    to[tap] += total;
                });
        }
    });
}

}   // namespace
}   // namespace tk::TK_ISA
