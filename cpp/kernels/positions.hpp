// Where a window's taps meet the input along one axis.
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

}   // namespace
}   // namespace tk::TK_ISA
