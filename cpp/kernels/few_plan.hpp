// A convolution of few channels per group, or its input gradient, as conv_few_channels.cpp sees it, and how its work is
// cut.
#pragma once
#include "kernels/conv_algorithms.hpp"
#include "kernels/positions.hpp"
#include "kernels/register_tile.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int kMostResults = 4;               // channels of a tile
constexpr int64_t kMostSummed = 16;           // channels in scratch, and of one sum
constexpr int64_t kStripBytes = 256 * 1024;   // what is read of a strip
constexpr int64_t kFewestPixels = 1024;       // of a strip
constexpr int64_t kMostColumns = 1024;
constexpr int64_t kCalledFrom = 1 << 21;   // numbers read and written, from which on lines are called in
constexpr double kWidestStrip = 4 << 20;   // bytes; a shape whose narrowest strip is wider is declined

// Tiles of pairs (few_pairs.hpp), of so many channels. Longer vectors leave rows half full.
template <class T> constexpr bool kPairs = kTuned<T> && TK_VECTOR_BYTES == 32;
constexpr int kPairResults = 2;

constexpr int kVectorStep = 2;   // of tiles: half the code, and one vector too many at most for a strip

// Channels of a tile. On AVX2 three of them by four vectors are the faster where results are many or apart: four by two
// keep too few multiply-adds under way.
template <class T> int64_t tile_results(int64_t groups, int64_t results, bool gradient) {
    constexpr bool narrow = kTuned<T> && TK_VECTOR_BYTES == 32;
    return narrow && groups > 1 && (gradient || results > 16) ? 3 : kMostResults;
}

// Vectors of pixels per channel, so that accumulators, weights and vectors of pixels fit into the registers.
template <class T> constexpr int tile_vectors(int channels) {
    if (!kTuned<T>) return channels > 2 ? 2 : 4;
#if defined(__AVX512F__)
    return channels == 4 ? 6 : 8;
#else
    return channels == 1 ? 8 : channels == 2 ? 6 : channels == 3 ? 4 : 2;
#endif
}

// One axis. Results of one part, part + parts*g, are sums over the taps that hit it, which see position g*step + at.
// A forward convolution has one part and as many steps as its stride, its gradient as many parts and steps of 1.
struct FewAxis {
    int64_t in, out, taps, stride, pad, dilation;
    bool gradient;
    int64_t parts, step;
    int64_t grid;          // results of the largest part
    int64_t least, most;   // shift

    bool hits(int64_t part, int64_t tap) const { return !gradient || (part + pad - tap * dilation) % stride == 0; }
    int64_t at(int64_t part, int64_t tap) const {
        return gradient ? (part + pad - tap * dilation) / stride : tap * dilation - pad;
    }
    // at = shift*step + phase
    int64_t shift(int64_t part, int64_t tap) const { return floor_div(at(part, tap), step); }
    int64_t phase(int64_t part, int64_t tap) const { return at(part, tap) - shift(part, tap) * step; }
    int64_t halo() const { return most - least; }
};

inline FewAxis few_axis(int64_t in, int64_t out, int64_t taps, int64_t stride, int64_t pad, int64_t dilation,
                        bool gradient) {
    const int64_t far = (taps - 1) * dilation;
    if (!gradient)
        return {in,
                out,
                taps,
                stride,
                pad,
                dilation,
                false,
                1,
                stride,
                out,
                floor_div(-pad, stride),
                floor_div(far - pad, stride)};
    const int64_t parts = smaller(stride, in);
    // Bounds of the shift: largest for the last part and tap 0, smallest for part 0 and the last tap.
    return {out,
            in,
            taps,
            stride,
            pad,
            dilation,
            true,
            parts,
            1,
            ceil_div(in, stride),
            floor_div(pad - far, stride),
            (parts - 1 + pad) / stride};
}

struct FewProblem {
    int64_t n, groups, ic, oc;   // channels per group that are summed over, and that are results
    FewAxis d, h, w;
    int64_t w_group, w_oc, w_ic;                          // strides of the weight
    int64_t c_block, c_blocks, k_blocks;                  // channels that lie in scratch together; blocks of results
    int64_t rows, row_strips, columns, column_strips;     // of a strip, in results of a part
    int64_t overlap, pitch, phase_pitch, channel_pitch;   // of scratch: a row, a phase, a channel
    int64_t run;                                          // results of a strip, padded
    bool pairs;                                           // whether results leave tiles as pairs of columns
    int64_t called_in, called_out;   // of an image's group: what its tiles call in of the next one, and will write
    int64_t strip, sums, scratch, lists, packed;   // elements; packed: 0 where weights are read as the user keeps them

    int64_t parts() const { return h.parts * w.parts; }
    int64_t plane_taps() const { return h.taps * w.taps; }
    int64_t strips() const { return d.out * row_strips * column_strips; }
    int64_t first_result(int64_t block) const { return oc * block / k_blocks; }
};

// Whether a gradient leaves its tiles as pairs of columns: 1.1 times as fast already where a row of dy is a vector and
// a lane.
template <class T> bool leaves_pairs(const ConvShape& s) {
    constexpr int64_t L = kLanes<T>;
    const auto halves = [](int64_t in, int64_t out, int64_t taps, int64_t stride, int64_t pad, int64_t dilation) {
        return taps == 3 && stride == 2 && pad == 1 && dilation == 1 && in == 2 * out;
    };
    return kPairs<T> && s.groups > 1 && s.ic / s.groups >= kPairResults && s.oc / s.groups <= kMostSummed &&
           s.id * s.kd * s.od == 1 && halves(s.ih, s.oh, s.kh, s.sh, s.ph, s.dil_h) &&
           halves(s.iw, s.ow, s.kw, s.sw, s.pw, s.dil_w) && s.ow >= L && s.ow <= kMostColumns;
}

template <class T> FewProblem few_problem(const ConvShape& s, bool gradient) {
    constexpr int64_t L = kLanes<T>, overrun = 8 * L;   // the last tile of a run reads and writes past its end
    FewProblem p{};
    p.n = s.n;
    p.groups = s.groups;
    p.ic = (gradient ? s.oc : s.ic) / s.groups;
    p.oc = (gradient ? s.ic : s.oc) / s.groups;
    p.d = few_axis(s.id, s.od, s.kd, s.sd, s.pd, s.dil_d, gradient);
    p.h = few_axis(s.ih, s.oh, s.kh, s.sh, s.ph, s.dil_h, gradient);
    p.w = few_axis(s.iw, s.ow, s.kw, s.sw, s.pw, s.dil_w, gradient);
    p.pairs = gradient && leaves_pairs<T>(s);
    if (p.pairs) p.h.least = p.w.least = 0;   // of taps that hit: rows of scratch begin on a line
    const int64_t taps = taps_of(s);
    p.w_group = p.ic * p.oc * taps;
    p.w_oc = gradient ? taps : p.ic * taps;
    p.w_ic = gradient ? p.oc * taps : taps;
    p.k_blocks = ceil_div(p.oc, tile_results<T>(s.groups, p.oc, gradient));
    p.c_blocks = ceil_div(p.ic, kMostSummed);
    p.c_block = ceil_div(p.ic, p.c_blocks);
    p.c_blocks = ceil_div(p.ic, p.c_block);
    p.column_strips = ceil_div(p.w.grid, kMostColumns);
    p.columns = ceil_div(p.w.grid, p.column_strips);
    // The zeros right of a row are those left of the next.
    const int64_t width = p.columns + p.w.halo(), inside = ceil_div(p.w.in, p.w.step) - p.w.least;
    if (p.column_strips == 1) p.overlap = larger(0, smaller(-p.w.least, width - inside));
    p.pitch = width - p.overlap;
    if (p.pairs) p.pitch = ceil_div(width, L) * L;   // few vectors lie across two lines
    const int64_t phases = p.h.step * p.w.step;
    const int64_t fitting = kStripBytes / (p.pitch * phases * p.c_block * static_cast<int64_t>(sizeof(T))) - p.h.halo();
    // Large images are cut at least in four: one alone occupies several threads.
    const int64_t pixels = larger(ceil_div(p.h.grid, 4), ceil_div(kFewestPixels, p.pitch));
    p.rows = larger(1, smaller(smaller(p.h.grid, pixels), fitting));
    p.row_strips = ceil_div(p.h.grid, p.rows);
    p.rows = ceil_div(p.h.grid, p.row_strips);
    p.run = ceil_div(p.rows * p.pitch, L) * L + overrun;
    p.phase_pitch = (p.rows + p.h.halo()) * p.pitch;
    p.channel_pitch = phases * p.phase_pitch;
    p.strip = ceil_div(p.c_block * p.channel_pitch + overrun + p.h.halo() + p.w.halo(), 64) * 64;
    p.sums = p.pairs ? 0 : p.parts() * p.oc * p.run;
    const int64_t inputs = p.ic * p.d.in * p.h.in * p.w.in, results = p.oc * p.d.out * p.h.out * p.w.out;
    const int64_t images = p.n * p.groups;
    if (kTuned<T> && p.strips() == 1 && images * (inputs + results) >= kCalledFrom)
        p.called_in = inputs, p.called_out = results;
    const int64_t lists = 2 * p.plane_taps() + p.parts();
    // One group's weights are packed: all strips read them. Those of many groups are read once or twice.
    if (p.groups == 1) p.packed = ceil_div(p.k_blocks * taps * p.ic * kMostResults, 64) * 64;
    p.scratch = apart<T>(p.strip + p.sums);
    p.lists = apart<T>(lists * int64_t{8 / sizeof(T)});
    return p;
}

}   // namespace
}   // namespace tk::TK_ISA
