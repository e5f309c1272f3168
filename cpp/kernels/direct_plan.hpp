// A convolution as the direct kernels see it, and how its work is cut (conv_direct.hpp).
#pragma once
#include "kernels/conv_algorithms.hpp"
#include "kernels/positions.hpp"
#include "kernels/register_tile.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

// A longer sum is split: it errs less than twice as much as torch's, see docs/adr/0014.
constexpr int64_t kTermsPerSum = 96;
constexpr int64_t kScratchBytes = 192 * 1024;       // a strip stays in L2 beside the weights
constexpr int64_t kWideScratchBytes = 384 * 1024;   // taken where it saves a second visit to the outputs
#if defined(__AVX512F__)
constexpr int64_t kLongScratchBytes = 512 * 1024;   // long runs of input, which the processor foresees; L2 has 1 MB
#else
constexpr int64_t kLongScratchBytes = kScratchBytes;
#endif
constexpr int64_t kManyUnits = 32;                // where that many are left, strips are long
constexpr int64_t kFewUnits = 4;                  // where fewer are left, strips are cut until there are as many, if
constexpr int64_t kReadAgainBytes = 256 * 1024;   // weights, which each of them reads, are no more than this
constexpr int64_t kNearOutputBytes = 4 << 20;     // outputs that are written within the caches
constexpr int64_t kStraightRows = 256;            // rows of input of a tile that are read where they lie, in L1
constexpr int64_t kPackedBytes = 2 << 20;         // more weights than this are packed block by block
constexpr int64_t kStagedBytes = 4 << 20;         // strips that then lie ready for all blocks
constexpr int64_t kPlanesBytes = 384 * 1024;      // of whole planes, read where they lie, again and again
constexpr int64_t kCalledFrom = 1 << 20;          // elements of an input from which on the next image is called in

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

template <class Problem> void set_forward_axes(Problem& p, const ConvShape& s) {
    p.n = s.n;
    p.groups = s.groups;
    p.ic = s.ic / s.groups;
    p.oc = s.oc / s.groups;
    p.in_plane = s.id * s.ih * s.iw;
    p.out_plane = s.od * s.oh * s.ow;
    if (is_pointwise(s)) {
        p.d = p.h = forward_axis(1, 1, 1, 1, 0, 1);
        p.w = forward_axis(p.in_plane, p.in_plane, 1, 1, 0, 1);
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

// Columns beyond an output's own that its taps reach.
inline int64_t overhang_of(const Axis& w) { return (w.taps - 1) * w.reach / larger(w.step, 1) + 1; }

// Channels in scratch, as many as `budget` elements hold. False where that is not all. Decides the order of sums: it
// knows nothing of the batch.
inline bool cut_channels(DirectProblem& p, int64_t budget) {
    const int64_t overhang = overhang_of(p.w), least = smaller(p.w.grid, larger(2 * p.tile_pixels, overhang));
    p.rows = 1;
    const int64_t narrow = p.row_slots() * p.phases * (least + overhang);
    p.c_block = larger(1, smaller(p.c_sums, 2 * budget / (narrow * p.c_sum))) * p.c_sum;
    p.c_blocks = ceil_div(p.ic, p.c_block);
    p.c_block = smaller(p.c_block, p.ic);
    return p.c_blocks == 1;
}

inline void cut_rows(DirectProblem& p, int64_t strips) {
    p.cut_rows = p.h.grid;
    p.row_strips = strips;
    p.rows = ceil_div(p.h.grid, strips);
}

inline void cut_columns(DirectProblem& p, int64_t strips) {
    p.cut_columns = ceil_div(p.w.grid, p.column_unit);
    p.column_strips = strips;
    p.columns = smaller(p.w.grid, ceil_div(p.cut_columns, strips) * p.column_unit);
}

// Of 1x1, whose strips are long rows: a power of two or a multiple of 8, so that few of them are even shares.
inline int64_t even_strips(const DirectProblem& p, int64_t strips) {
    if (!p.in_place || p.n * p.groups * strips >= kManyUnits) return strips;
    int64_t even = 1;
    while (even < smaller(strips, 8)) even *= 2;
    return ceil_div(strips, even) * even;
}

// Then columns, then rows.
inline void cut_strips(DirectProblem& p, int64_t budget) {
    const int64_t overhang = overhang_of(p.w);
    p.rows = 1;
    const int64_t room = budget / (p.row_slots() * p.c_block * p.phases) - overhang;
    const int64_t widest = larger(2 * p.tile_pixels, room / p.tile_pixels * p.tile_pixels);
    const int64_t most = ceil_div(p.w.grid, larger(p.tile_pixels, p.column_unit));
    cut_columns(p, smaller(even_strips(p, ceil_div(p.w.grid, widest)), most));
    p.position_pitch = p.columns + overhang - 1;
    p.channel_pitch = p.phases * p.position_pitch;
    if (p.channel_pitch % 64 == 0) p.channel_pitch += 16;   // channels must not share one set of the cache
    p.row_pitch = p.c_block * p.channel_pitch;
    while (p.rows < p.h.grid) {
        ++p.rows;
        if (p.row_slots() * p.row_pitch > budget) {
            --p.rows;
            break;
        }
    }
    cut_rows(p, ceil_div(p.h.grid, p.rows));
}

// Whole planes, of as many channels as stay in L2 in even shares of whole sums.
inline void take_planes(DirectProblem& p, int64_t budget) {
    p.c_blocks = ceil_div(p.c_sums, larger(1, budget / (p.c_sum * p.in_plane)));
    p.c_block = ceil_div(p.c_sums, p.c_blocks) * p.c_sum;
    p.c_blocks = ceil_div(p.ic, p.c_block);
    cut_columns(p, 1);
    p.channel_pitch = p.in_plane;
    cut_rows(p, 1);
}

// Numbers of a packed line of block `k_block`: along channels the last block may do with one vector.
template <class T> int64_t width_of(const DirectProblem& p, int64_t k_block) {
    const bool narrow = !p.along_pixels && !p.w_pair && p.oc - k_block * p.outputs <= kLanes<T>;
    return narrow ? kLanes<T> : p.width;
}

// Where the taps of a row and of the columns lie: elements of T for so many integers.
template <class T> int64_t elements_of(int64_t integers) {
    return integers * static_cast<int64_t>(sizeof(int64_t) / sizeof(T));
}

template <class T> void cut_into_strips(DirectProblem& p) {
    constexpr int64_t bytes = sizeof(T);
    const bool wide = !cut_channels(p, kScratchBytes / bytes);
    if (wide) cut_channels(p, kWideScratchBytes / bytes);
    const int64_t usual = wide ? kWideScratchBytes : kScratchBytes;
    cut_strips(p, larger(kLongScratchBytes, usual) / bytes);
    if (p.n * p.groups * p.strips() < kManyUnits) cut_strips(p, usual / bytes);
}

template <class T> void plan(DirectProblem& p) {
    constexpr int64_t L = kLanes<T>, bytes = sizeof(T);
    p.reduce();
    const int64_t taps = p.taps();
    const bool row = p.w.in == p.in_plane && p.d.grid * p.h.grid == 1 && p.d.origin == 0 && p.h.origin == 0;
    const bool same = p.out_plane == p.in_plane || p.lattice.columns;
    const bool pointwise = taps == 1 && p.w.origin == 0 && p.w.grid == p.in_plane && same;
    const bool signal = p.along_pixels && taps > 1 && taps == p.w.taps && p.w.step == 1 && p.out_w == 1;
    p.in_place = kTuned<T> && row && p.w.stride == 1 && (pointwise || signal);
    p.far_outputs = p.n * p.groups * p.oc * p.out_plane * bytes > kNearOutputBytes;
    p.blocks_first = p.oc >= 2 * p.ic && !p.far_outputs;
    p.tile_pixels = tile_pixels<T>(p);
    if (takes_rows<T>(p, 0)) p.tile_pixels = larger(p.tile_pixels, kFewColumns);
    p.column_unit = p.lattice.columns ? p.lattice.columns : p.in_place && p.along_pixels ? L : p.tile_pixels;
    const int64_t together = p.windows.rows ? 2 : 1;   // both columns of a window
    if (p.along_pixels) p.width = ceil_div(p.oc / together, ceil_div(p.oc, kPixelRows)) * together;
    else p.width = p.w_pair || p.oc > L ? kBlock<T> : L;
    p.outputs = p.w_pair ? p.width / 2 : p.width;
    p.k_blocks = ceil_div(p.oc, p.outputs);
    p.phases = stored_phases(p.w);
    p.c_sums = smaller(p.ic, ceil_div(p.ic * taps, larger(kTermsPerSum, taps)));
    p.c_sum = ceil_div(p.ic, p.c_sums);
    p.rows = 1;
    // Very wide reaches: fewer channels at a time.
    const int64_t narrow = p.row_slots() * p.phases * (smaller(p.w.grid, 2 * p.tile_pixels) + overhang_of(p.w));
    p.c_sum = larger(1, smaller(p.c_sum, 8 * kScratchBytes / bytes / narrow));
    p.c_sums = ceil_div(p.ic, p.c_sum);
    p.planes = kTuned<T> && !p.along_pixels && p.d.in == 1 && p.out_w == 1 && parts_cleanly(p.w, p.tile_pixels / 2) &&
               p.in_plane % 64 != 0 && p.c_sum * p.in_plane * bytes <= kPlanesBytes &&
               p.ic * p.in_plane * bytes <= kStagedBytes;
    if (kTuned<T> && p.planes) take_planes(p, kPlanesBytes / bytes);
    else cut_into_strips<T>(p);
    p.packed_block = p.ic * taps * p.width;
    const int64_t others = larger(p.n * p.groups * p.d.grid * p.column_strips * p.k_blocks, 1);
    const int64_t wanted = smaller(ceil_div(kFewUnits, others), ceil_div(p.h.grid, 2));
    if (p.row_strips < wanted && p.k_blocks * p.packed_block * bytes <= kReadAgainBytes) cut_rows(p, wanted);
    p.straight = kTuned<T> && !p.along_pixels && p.w.stride * p.w.step == 2 && p.out_w == 1 && p.d.taps == 1 &&
                 is_inside(p.d) && is_inside(p.h) && is_inside(p.w) && is_read_once(p.h) && is_read_once(p.w) &&
                 p.ic * p.h.taps <= (kFlat<T> && taps == 1 ? kStraightRows / 2 : kStraightRows) &&
                 p.c_blocks * p.column_strips == 1 && p.w.grid >= p.tile_pixels &&
                 8 * ceil_div(p.w.grid, p.tile_pixels) * p.tile_pixels <= 9 * p.w.grid &&
                 width_of<T>(p, p.k_blocks - 1) == kBlock<T>;
    p.flat = kFlat<T> && !p.along_pixels && !p.straight && taps == 1 && p.w.stride > 1 && p.d.grid == 1 &&
             p.column_strips == 1 && p.out_w == 1 && p.out_h == p.w.grid && is_inside(p.h) && is_inside(p.w);
    if (kFlat<T> && p.flat) {
        p.row_pitch = p.w.grid;
        p.channel_pitch = p.rows * p.w.grid;
        if (p.channel_pitch % 64 == 0) p.channel_pitch += 16;
    }
    p.h_slots = p.slots();
    const int64_t image = p.ic * p.in_plane, tiles = p.h.grid * ceil_div(p.w.grid, p.tile_pixels) * p.k_blocks;
    if (kTuned<T> && p.strips() == 1 && p.n * p.groups * image >= kCalledFrom && image * bytes <= kScratchBytes)
        p.called_in = ceil_div(image, larger(1, tiles * p.c_blocks));
    // The row taps of each row, the offsets of column taps; then a strip.
    p.lists = ceil_div(elements_of<T>(p.rows * (p.d.taps * p.h.taps + 1) * 2 + p.w.taps * 2), 16) * 16;
    const int64_t strip = kTuned<T> && p.planes ? p.c_block * p.in_plane
                          : kFlat<T> && p.flat  ? p.c_block * p.channel_pitch
                                                : p.row_slots() * p.row_pitch + kPixelVectors * L;
    p.strip = ceil_div(strip, 16) * 16;
}

}   // namespace
}   // namespace tk::TK_ISA
