// im2col: every window of x as a column; col2im: its adjoint, which adds overlapping windows up.
//   cols[n][(c, a, b, r)][(d, h, w)] = x[n, c, d*sd + a*dil_d - pd, h*sh + b*dil_h - ph, w*sw + r*dil_w - pw]
// and zero where that lies in the padding. The layout is that of unfold: columns are windows.
#include "kernels/positions.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {

// One unit is one row of cols: a channel and a tap.
template <class T> void im2col(T* cols, const T* x, const ConvShape& s) {
    const int64_t taps = s.kd * s.kh * s.kw, in_plane = s.id * s.ih * s.iw, out_plane = s.od * s.oh * s.ow;
    parallel_for(s.n * s.ic * taps, s.n * s.ic * taps * out_plane, [&](int64_t unit, int) {
        const int64_t tap = unit % taps;
        const T* image = x + unit / taps * in_plane;
        T* to = cols + unit * out_plane;
        const int64_t a = tap / (s.kh * s.kw), b = tap / s.kw % s.kh, shift = tap % s.kw * s.dil_w - s.pw;
        const Run run = positions_inside(s.ow, s.iw, s.sw, shift);
        for (int64_t d = 0; d < s.od; ++d)
            for (int64_t h = 0; h < s.oh; ++h, to += s.ow) {
                const int64_t zd = d * s.sd + a * s.dil_d - s.pd, zh = h * s.sh + b * s.dil_h - s.ph;
                const bool inside = zd >= 0 && zd < s.id && zh >= 0 && zh < s.ih;
                const Run r = inside ? run : Run{0, 0};
                const T* in = image + (zd * s.ih + zh) * s.iw + shift;
                for (int64_t o = 0; o < r.begin; ++o) to[o] = 0;
                for (int64_t o = r.begin; o < r.end; ++o) to[o] = in[o * s.sw];
                for (int64_t o = r.end; o < s.ow; ++o) to[o] = 0;
            }
    });
}

// One unit is one channel of one image: windows that overlap meet in it, in the order of the taps.
template <class T> void col2im(T* x, const T* cols, const ConvShape& s) {
    const int64_t taps = s.kd * s.kh * s.kw, in_plane = s.id * s.ih * s.iw, out_plane = s.od * s.oh * s.ow;
    parallel_for(s.n * s.ic, s.n * s.ic * taps * out_plane, [&](int64_t unit, int) {
        T* image = x + unit * in_plane;
        for (int64_t i = 0; i < in_plane; ++i) image[i] = 0;
        for (int64_t d = 0; d < s.od; ++d)
            for (int64_t h = 0; h < s.oh; ++h)
                for_each_row_tap(s, d, h, [&](int64_t to, int64_t tap, int64_t shift) {
                    const T* from = cols + (unit * taps + tap) * out_plane + (d * s.oh + h) * s.ow;
                    const Run run = positions_inside(s.ow, s.iw, s.sw, shift);
                    T* out = image + to + shift;
                    for (int64_t o = run.begin; o < run.end; ++o) out[o * s.sw] += from[o];
                });
    });
}

TK_EMIT(im2col)
TK_EMIT(col2im)

}   // namespace tk::TK_ISA
