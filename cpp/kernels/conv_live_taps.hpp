// Taps that see nothing but padding, whatever the output, are left out before an algorithm is chosen: a 3x3 kernel with
// padding 1 over a map of one pixel is its middle tap, and one with stride 2 over 2x2 pixels is 2x2 of its taps.
//
//   per axis   begin  the first tap that the last output brings to pixel 0 or beyond
//              end    past the last tap that the first output keeps below the input's size
//
// The convolution over what is left is the same one, on a copy of the weights without the others, whose gradient is 0.
// The plain loops alone need no copy: they step over padding by themselves.
//
// Where rows are of one pixel then, columns take their place: the algorithms run along rows.
#pragma once
#include "kernels/conv_algorithms.hpp"
#include "kernels/positions.hpp"
#include "kernels/register_tile.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

struct LiveTaps {
    ConvShape shape;   // with none but these taps, along rows
    Run d, h, w;       // the taps, of the whole kernel
    int64_t copy;      // elements for the copy of the weights; 0 where every tap lives
};

inline Run live_taps(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t dilation, int64_t pad) {
    const int64_t lowest = ceil_div(pad - (out - 1) * stride, dilation);
    const Run run{larger(0, smaller(lowest, pad / dilation)), smaller(kernel, (in - 1 + pad) / dilation + 1)};
    return run.begin < run.end ? run : Run{0, kernel};
}

inline LiveTaps live_taps(const ConvShape& s) {
    LiveTaps live{s, {0, s.kd}, {0, s.kh}, {0, s.kw}, 0};
    if (in_plane(s) == 0 || out_plane(s) == 0) return live;
    live.d = live_taps(s.id, s.od, s.kd, s.sd, s.dil_d, s.pd);
    live.h = live_taps(s.ih, s.oh, s.kh, s.sh, s.dil_h, s.ph);
    live.w = live_taps(s.iw, s.ow, s.kw, s.sw, s.dil_w, s.pw);
    ConvShape& left = live.shape;
    left.kd = live.d.end - live.d.begin, left.kh = live.h.end - live.h.begin, left.kw = live.w.end - live.w.begin;
    left.pd -= live.d.begin * s.dil_d, left.ph -= live.h.begin * s.dil_h, left.pw -= live.w.begin * s.dil_w;
    if (taps_of(left) < taps_of(s)) live.copy = ceil_div(weight_size(left), 64) * 64;
    if (left.iw == 1 && left.ow == 1 && left.kw == 1 && left.pw == 0) {
        left.iw = left.ih, left.ow = left.oh, left.kw = left.kh;
        left.sw = left.sh, left.pw = left.ph, left.dil_w = left.dil_h;
        left.ih = left.oh = left.kh = left.sh = left.dil_h = 1, left.ph = 0;
    }
    return live;
}

// f(tap of the whole kernel, tap of those that live)
template <class F> TK_INLINE void for_each_live_tap(const LiveTaps& live, const ConvShape& whole, F&& f) {
    int64_t left = 0;
    for (int64_t a = live.d.begin; a < live.d.end; ++a)
        for (int64_t b = live.h.begin; b < live.h.end; ++b)
            for (int64_t c = live.w.begin; c < live.w.end; ++c) f((a * whole.kh + b) * whole.kw + c, left++);
}

// A unit is one output channel's weights, small enough that each tap may run through them by itself.
template <class T> void take_live(T* to, const T* weight, const ConvShape& whole, const LiveTaps& live) {
    const int64_t channels = whole.ic / whole.groups, taps = taps_of(whole), kept = taps_of(live.shape);
    parallel_for(whole.oc, weight_size(whole), [&](int64_t k, int) {
        for_each_live_tap(live, whole, [&](int64_t tap, int64_t at) {
            const T* in = weight + k * channels * taps + tap;
            T* out = to + k * channels * kept + at;
            for (int64_t c = 0; c < channels; ++c) out[c * kept] = in[c * taps];
        });
    });
}
template <class T> void put_live(T* dweight, const T* from, const ConvShape& whole, const LiveTaps& live) {
    const int64_t channels = whole.ic / whole.groups, taps = taps_of(whole), kept = taps_of(live.shape);
    parallel_for(whole.oc, weight_size(whole), [&](int64_t k, int) {
        T* const row = dweight + k * channels * taps;
        for (int64_t i = 0; i < channels * taps; ++i) row[i] = 0;
        for_each_live_tap(live, whole, [&](int64_t tap, int64_t at) {
            const T* in = from + k * channels * kept + at;
            for (int64_t c = 0; c < channels; ++c) row[c * taps + tap] = in[c * kept];
        });
    });
}

}   // namespace
}   // namespace tk::TK_ISA
