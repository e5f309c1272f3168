// A convolution as the direct kernels see it (conv_direct.hpp).
#pragma once
#include "kernels/conv_algorithms.hpp"
#include "kernels/positions.hpp"
#include "kernels/register_tile.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

constexpr double kWidestStrip = 2 << 20;   // bytes; a shape whose narrowest strip is wider is declined

inline int64_t gcd(int64_t a, int64_t b) { return b ? gcd(b, a % b) : a; }

// One axis: input position of output g at tap t is origin + g*step + t*reach.
struct Axis {
    int64_t in, grid, taps, step, reach, origin;
    int64_t stride;   // positions that lie in scratch: origin + stride * q
    void reduce() {   // step and reach in units of their common stride
        if (grid == 1) step = 0;
        if (taps == 1) reach = 0;
        stride = larger(gcd(step, reach), 1);
        step /= stride;
        reach /= stride;
    }
    int64_t span(int64_t outputs) const { return (outputs - 1) * step + (taps - 1) * reach + 1; }
};

inline bool same_input(const Axis& a, const Axis& b) {
    return a.in == b.in && a.grid == b.grid && a.taps == b.taps && a.step == b.step && a.reach == b.reach &&
           a.origin == b.origin && a.stride == b.stride;
}

inline Axis forward_axis(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
    return {in, out, kernel, stride, dilation, -pad, 1};
}

// 1x1, stride 1, no padding: all positions form one long row.
inline bool is_pointwise(const ConvShape& s) {
    return s.kd * s.kh * s.kw == 1 && s.sd * s.sh * s.sw == 1 && s.id == s.od && s.ih == s.oh && s.iw == s.ow &&
           s.pd + s.ph + s.pw == 0;
}

template <class Problem> void set_one_row(Problem& p) {
    p.d = p.h = forward_axis(1, 1, 1, 1, 0, 1);
    p.w = forward_axis(p.in_plane, p.in_plane, 1, 1, 0, 1);
}

template <class Problem> void set_forward_axes(Problem& p, const ConvShape& s) {
    p.n = s.n;
    p.groups = s.groups;
    p.ic = s.ic / s.groups;
    p.oc = s.oc / s.groups;
    p.in_plane = s.id * s.ih * s.iw;
    p.out_plane = s.od * s.oh * s.ow;
    if (is_pointwise(s)) {
        set_one_row(p);
        return;
    }
    p.d = forward_axis(s.id, s.od, s.kd, s.sd, s.pd, s.dil_d);
    p.h = forward_axis(s.ih, s.oh, s.kh, s.sh, s.ph, s.dil_h);
    p.w = forward_axis(s.iw, s.ow, s.kw, s.sw, s.pw, s.dil_w);
}

inline bool pads_columns(const ConvShape& s) {
    return s.pw > 0 || (s.ow - 1) * s.sw + (s.kw - 1) * s.dil_w - s.pw >= s.iw;
}

constexpr const char* kTooWide = "the taps lie so far apart that the narrowest strip outgrows its scratch";

// Tiles along pixels hold this many output channels, and up to so many vectors of pixels of each.
#if defined(__AVX512F__)
constexpr int kPixelRows = 8, kPixelVectors = 3;
#else
constexpr int kPixelRows = 4, kPixelVectors = 3;
#endif

// Where a vector is a piece of a cache line, not one of its own.
template <class T> constexpr bool kPieces = kTuned<T> && kLanes<T> < kCacheLine<T>;

// How strips of input lie in scratch.
struct StripLayout {
    int64_t rows, row_strips, columns, column_strips;
    int64_t cut_rows, column_unit, cut_columns;   // of all strips, as even as can be: rows, and columns by the unit
    int64_t c_block, c_blocks;                    // channels that lie in scratch together: whole sums
    int64_t h_slots, position_pitch, channel_pitch, row_pitch;
    int64_t lists, strip;   // elements of where taps lie, and of a strip
};

// Along pixels, windows of `rows` x 2 outputs that cover a plane: their places are a problem's output channels, an
// input row's `columns` pixels make `rows` rows of outputs, and a channel's plane is that of all of its places.
struct Windows {
    int64_t rows, columns;
};

template <class T, bool AlongPixels> constexpr bool kWindows = kTuned<T> && AlongPixels;

// Along channels, outputs of a plane that is read in place: `columns` pixels make a row, two apart, in a plane of
// out_rows x out_columns whose rows lie `step` apart. What lies between them is 0, and written on the way.
struct Lattice {
    int64_t columns, step, out_rows, out_columns;
};

template <class T, bool AlongPixels> constexpr bool kLattice = kTuned<T> && !AlongPixels;

struct DirectProblem : StripLayout {
    int64_t n, groups, ic, oc;   // channels per group
    Axis d, h, w;
    int64_t in_plane;                                       // elements of one input channel
    int64_t out_plane, out_offset, out_d, out_h, out_w;     // elements between outputs
    int64_t w_origin, w_group, w_oc, w_ic, w_d, w_h, w_w;   // strides of the weight as the user keeps it
    bool along_pixels;                                      // what vectors hold: pixels, or output channels
    int64_t w_pair;      // not 0: a pair of problems whose outputs alternate along a row; to the other's weights
    Windows windows;     // of any rows: output channels are places in windows
    Lattice lattice;     // of any columns: how outputs lie
    bool alone;          // what lies between its outputs is 0, and written on the way
    bool in_place;       // a plane is one row, read where it lies: 1x1 of stride 1, and along pixels signals, but for
                         // their ends
    bool far_outputs;    // they outgrow the caches
    bool straight;       // along channels, pixels two apart, each input met once at most: rows need no copy
    bool shares;         // in place, along pixels, of 1x1: shares of channels, whose pixels of a tile are copied
    bool blocks_first;   // in place, along pixels: blocks of output channels before tiles
    bool flat;           // 1x1 of a stride: rows of a strip are copied end to end, and are one
    bool planes;         // along channels: no tile's taps meet padding; strips are planes as they lie
    // derived by plan():
    int64_t width, outputs, tile_pixels;   // of a tile: numbers of a packed line, output channels in it, and pixels
    int64_t phases, k_blocks;
    int64_t c_sum, c_sums;   // channels of one sum, sums of an output
    int64_t packed_block;
    int64_t called_in;   // of an image's group: what each tile calls in of the next one, staged when this one is done
    int64_t lead;        // where its input starts in a strip that lies in scratch

    void reduce() {
        d.reduce();
        h.reduce();
        w.reduce();
    }
    int64_t taps() const { return d.taps * h.taps * w.taps; }
    // Input rows of a strip lie in scratch as they follow each other, or tap by tap where taps lie further apart.
    int64_t slot_pitch() const { return smaller(h.reach, (rows - 1) * h.step + 1); }
    int64_t slots() const { return (rows - 1) * h.step + 1 + (h.taps - 1) * slot_pitch(); }
    int64_t row_slots() const { return d.taps * slots(); }
    int64_t strips() const { return d.grid * row_strips * column_strips; }
};

// Whether no tap of any output lies beside the input, and whether none meets what another output's meets.
inline bool is_inside(const Axis& w) {
    return w.origin >= 0 && w.origin + w.stride * ((w.grid - 1) * w.step + (w.taps - 1) * w.reach) < w.in;
}
// Whether taps lie so far apart that columns part into those at the left border, the middle, and those at the right, in
// each of which a tap meets input in all columns or in none: of 3x3 with padding as wide as its reach.
inline bool parts_cleanly(const Axis& w, int64_t least) {
    const int64_t inside = w.in - w.reach;   // outputs whose first tap meets input, and those whose last one does
    return w.taps == 3 && w.stride == 1 && w.step == 1 && w.origin == -w.reach && w.grid == w.in && w.reach >= least &&
           inside >= w.reach;
}
inline bool is_read_once(const Axis& w) { return (w.taps - 1) * w.reach < larger(w.step, 1); }

// Of the phases modulo the step only those that a tap falls into.
inline int64_t stored_phases(const Axis& w) { return larger(smaller(w.step, (w.taps - 1) * w.reach + 1), 1); }

// Pixels of a tile along channels. In double a vector's lanes, one transposition: larger tiles gain little there, and
// each size is code of its own.
template <class T> constexpr int kChannelPixels = sizeof(T) == 8 && kTilePixels > 8 ? 8 : kTilePixels;

template <class T> constexpr bool kLargeTiles = kTuned<T> && kChannelPixels<T> >= 12;

// Whether tiles are so small that they run over ends of rows instead of being cut there, if taps do not differ: a row
// of 14 or 7 pixels holds few. 1x1 of 256 channels at 56x56 is 1.12 times as fast so, too; of 64, 0.77 to 0.97.
template <class T> constexpr bool kFlat = kTuned<T> && !kLargeTiles<T>;

// Where a tile takes all taps of a row at once (direct_row_tile.hpp): in blocks of one vector of output channels,
// `width`, if there are registers for that, and where outputs are of a few columns, most of which see padding.
constexpr int kRowTaps = 5, kFewColumns = 7;
template <class T> bool takes_rows(const DirectProblem& p, int64_t width) {
    if (!kTuned<T> || p.along_pixels || p.w_pair || p.w.taps != kRowTaps || p.w.step * p.w.reach != 1) return false;
    return p.w.stride == 1 && (p.w.grid <= kFewColumns || (kLargeTiles<T> && width == kLanes<T>));
}

// Where such a tile is of three vectors: registers are too few to hold the weights of two, which would be loaded for
// each multiply-add, and the blocks of two are more by half, an odd share of them for each thread.
template <class T> constexpr bool kWideRows = kTuned<T> && !kLargeTiles<T>;
template <class T> bool takes_wide_rows(const DirectProblem& p) {
    return kWideRows<T> && p.oc % (3 * kLanes<T>) == 0 && takes_rows<T>(p, 0);
}

template <class T> int64_t tile_pixels(const DirectProblem& p) {
    if (p.along_pixels) return kPixelVectors * kLanes<T>;
    return kChannelPixels<T>;
}

// Whether one row of one channel with all its taps fits into scratch. Reckoned in double: hostile shapes overflow.
template <class T> bool fits(DirectProblem p) {
    p.reduce();
    const double positions =
        smaller(p.w.grid, 2 * tile_pixels<T>(p)) + (p.w.taps - 1.0) * p.w.reach / larger(p.w.step, 1);
    return static_cast<double>(p.d.taps) * p.h.taps * stored_phases(p.w) * positions * sizeof(T) <= kWidestStrip;
}

}   // namespace
}   // namespace tk::TK_ISA
