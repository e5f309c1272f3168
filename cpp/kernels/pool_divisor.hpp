// What the sum of an average-pooling window is divided by: the given divisor; else the window's size clipped to the
// padded input (count_include_pad), or the number of its taps inside of the input. Along each axis by itself.
#pragma once
#include "kernels/pool_windows.hpp"

namespace tk::TK_ISA {
namespace {

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

}   // namespace
}   // namespace tk::TK_ISA
