// The operands of a direct convolution (conv_direct.hpp), and what its ways through a strip share: which tile takes so
// many pixels, what of the input needs no copy, how outputs are met.
#pragma once
#include "kernels/direct_columns.hpp"
#include "kernels/direct_pixel_tile.hpp"
#include "kernels/direct_row_tile.hpp"

namespace tk::TK_ISA {
namespace {

template <class T, bool AlongPixels, bool InPlace = false> TileFunction<T> tile_of(int64_t pixels, int64_t width) {
    if constexpr (AlongPixels) return pixel_tile_of<T, kPixelRows, InPlace>(pixels, width);
    else return channel_tile_of<T, kChannelPixels<T>>(pixels, width);
}

// The operands of a problem. bias, mask (of x's shape) and packed weights may be missing.
template <class T> struct DirectCall {
    T* y;
    const T *x, *mask, *weight, *bias, *packed;
    bool relu;
    T* workspace;
};

// The columns of a strip that are read where they lie: all of their taps meet input. Vectors of pixels run on into the
// next channel, but not past the last one.
template <class T, bool AlongPixels>
Run columns_in_place(const DirectCall<T>& a, const DirectProblem& p, const Strip& s) {
    if (!kTuned<T> || !p.in_place || a.mask) return {0, 0};
    const int64_t far = (p.w.taps - 1) * p.w.reach, end = smaller(s.w0 + s.columns, p.w.in - p.w.origin - far);
    const int64_t begin = larger(s.w0, -p.w.origin), unit = AlongPixels ? kLanes<T> : 1, length = end - begin;
    const int64_t channel = (s.image * p.groups + s.group + 1) * p.ic - 1;
    const int64_t last = channel * p.in_plane + p.w.origin + far + begin + ceil_div(length, unit) * unit;
    const int64_t vectors = far || p.shares ? length / unit * unit : 0;   // those that do not pass the end
    const int64_t inside = last <= p.n * p.groups * p.ic * p.in_plane ? length : vectors;
    return inside > 0 ? Run{begin - s.w0, begin - s.w0 + inside} : Run{0, 0};
}

// Whether a strip needs no copy.
template <class T, bool AlongPixels>
bool needs_no_copy(const DirectCall<T>& a, const DirectProblem& p, const Strip& s) {
    const Run in_place = columns_in_place<T, AlongPixels>(a, p, s);
    return kTuned<T> && p.planes ? !a.mask : in_place.end - in_place.begin == s.columns;
}

// Where the tiles of a block of input channels go: the first block sets, the last one's sums are rectified.
template <class T> Destination<T> destination_of(const DirectCall<T>& a, const DirectProblem& p, int64_t c_block) {
    Destination<T> to{};
    to.plane = p.out_plane;
    to.row_pitch = p.out_h;
    to.pixel_stride = p.out_w;
    to.first = c_block == 0;
    to.relu = a.relu && c_block == p.c_blocks - 1;
    to.windows = p.windows;
    to.lattice = p.lattice;
    return to;
}

// Whether tiles along pixels write an output past the cache, each vector a whole line.
template <class T, bool AlongPixels> bool writes_past_cache(const DirectCall<T>& a, const DirectProblem& p) {
    constexpr int64_t L = kLanes<T>;
    return kTuned<T> && L == kCacheLine<T> && AlongPixels && !p.windows.rows && p.out_w == 1 && p.c_blocks == 1 &&
           p.width == kPixelRows && p.oc % kPixelRows == 0 && p.w.grid % L == 0 && p.out_h % L == 0 &&
           p.out_plane % L == 0 && past_cache(a.y, p.n * p.groups * p.oc * p.out_plane);
}

// Calls in the `count` elements of a tile's outputs from `out` on, in each channel.
template <class T> TK_INLINE void fetch_outputs(T* out, const DirectProblem& p, int64_t channels, int64_t count) {
    for (int64_t n = smaller(p.outputs, channels); n > 0; --n, out += p.out_plane) fetch_to_write(out, count);
}

// Of a tile whose first pixel is this one; the first channel's plane starts at `plane`.
template <class T> TK_INLINE void to_lattice(Destination<T>& to, T* plane, int64_t pixel, bool ends) {
    to.out = plane;
    to.pixel = pixel;
    to.ends = ends;
}

}   // namespace
}   // namespace tk::TK_ISA
