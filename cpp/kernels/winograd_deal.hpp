// A convolution of stride h x w is one of stride 1, whose channels are the places in blocks of h x w of the input: of
// output o, tap h*i + a meets position h*(o + i) + a - pad, which is position o + i of the places a.
//
//   channel (c*h + a)*w + b, position (i, j)   is   x[c][h*i + a - ph][w*j + b - pw]
//
// Neighbouring lanes of a vector are neighbours in the image, w at a time.
#pragma once
#include "kernels/winograd_tiles.hpp"

namespace tk::TK_ISA {
namespace {

struct Deal {
    int64_t h, w, taps;                      // of a block, 0: none; blocks of a window along either axis
    int64_t planes, rows, columns, ph, pw;   // of the input
};

// rows[W * i] = lanes [W * i, W * i + W) of each row W * j, in order of j.
template <class T, int W> TK_INLINE void transpose_pieces(Vec<T> (&rows)[kLanes<T>]) {
    if constexpr (W < kLanes<T>) {
        transpose_round<W, T>(rows);
        transpose_pieces<T, 2 * W>(rows);
    }
}

// strip[row][column][L] of a patch of plane z: channels [first, first + L) of `channels`, of those that start at
// channel `image` of all. Rows of the next patch are called in.
template <class T, int W>
void load_dealt(T* strip, const T* in, const Deal& d, int64_t image, int64_t first, int64_t channels, int64_t z,
                const View& v, const Patch& p) {
    constexpr int64_t L = kLanes<T>, together = L / W;
    const int64_t rows = v.h.extent(p.rows), columns = v.w.extent(p.columns), h0 = v.h.first(p.row) * d.h - d.ph;
    const int64_t w0 = v.w.first(p.column) * W - d.pw, ahead = p.rows * v.h.step * d.h * d.columns;
    for (int64_t r = 0; r < rows; ++r, strip += columns * L) {
        const T* lines[together];
        for (int64_t i = 0; i < together; ++i) {
            const int64_t line = (image + first) / W + i, plane = line / d.h * d.planes + z;
            const int64_t row = h0 + r * d.h + line % d.h;
            const bool inside = row >= 0 && row < d.rows && first + i * W < channels;
            lines[i] = inside ? in + (plane * d.rows + row) * d.columns + w0 : nullptr;
            if (inside) fetch(lines[i] + ahead, columns * W);
        }
        for (int64_t j = 0; j < columns; j += together) {
            const int64_t at = W * j;
            const bool whole = w0 + at >= 0 && w0 + at + L <= d.columns;
            Vec<T> pieces[L]{};
            TK_UNROLL
            for (int64_t i = 0; i < together; ++i)
                if (lines[i])
                    pieces[W * i] =
                        whole ? load(lines[i] + at) : load_masked(lines[i] + at, lanes_inside<T>(w0 + at, d.columns));
            transpose_pieces<T, W>(pieces);
            TK_UNROLL
            for (int64_t i = 0; i < together; ++i)
                if (j + i < columns) store(strip + (j + i) * L, pieces[W * i]);
        }
    }
}

// The shape of stride 1 with windows of taps x taps.
inline ConvShape dealt_shape(ConvShape s, int64_t taps) {
    s.ic *= s.sh * s.sw;
    s.kh = s.kw = taps;
    s.ih = s.oh + taps - 1, s.iw = s.ow + taps - 1;
    s.sh = s.sw = 1;
    s.ph = s.pw = 0;
    return s;
}

// Its weights. Taps that the kernel has not are 0.
template <class T> void deal_weights(T* to, const T* weight, const ConvShape& s, int64_t taps) {
    const int64_t ic = s.ic / s.groups, lines = ic * s.sh * s.sw * s.kd * taps;
    parallel_for(s.oc, s.oc * lines * taps, [&](int64_t k, int) {
        T* line = to + k * lines * taps;
        for (int64_t c = 0; c < ic; ++c)
            for (int64_t a = 0; a < s.sh; ++a)
                for (int64_t b = 0; b < s.sw; ++b)
                    for (int64_t d = 0; d < s.kd; ++d)
                        for (int64_t i = a; i < taps * s.sh; i += s.sh)
                            for (int64_t j = b; j < taps * s.sw; j += s.sw) {
                                const int64_t at = (((k * ic + c) * s.kd + d) * s.kh + i) * s.kw + j;
                                *line++ = i < s.kh && j < s.kw ? weight[at] : T(0);
                            }
    });
}

}   // namespace
}   // namespace tk::TK_ISA
