// How the work of a direct convolution is cut (conv_direct.hpp).
#pragma once
#include "kernels/direct_shape.hpp"

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
constexpr int64_t kNearChannels = 192;            // whose pixels of a tile are copied to stay in L1
constexpr int64_t kManyUnits = 32;                // where that many are left, strips are long
constexpr int64_t kFewUnits = 4;                  // where fewer are left, strips are cut until there are as many, if
constexpr int64_t kReadAgainBytes = 256 * 1024;   // weights, which each of them reads, are no more than this
constexpr int64_t kNearOutputBytes = 4 << 20;     // outputs that are written within the caches
constexpr int64_t kStraightRows = 256;            // rows of input of a tile that are read where they lie, in L1
constexpr int64_t kPackedBytes = 2 << 20;         // more weights than this are packed block by block
constexpr int64_t kStagedBytes = 4 << 20;         // strips that then lie ready for all blocks
// Of whole planes, read where they lie. To visit outputs again costs more than input from beyond L2; but 3.8 MB at
// once, whose weights pass L2 too, were 0.95 times as fast as shares of 384 KB, and are as fast in two.
constexpr int64_t kPlanesBytes = 2 << 20;
constexpr int64_t kCalledFrom = 1 << 20;   // elements of an input from which on the next image is called in

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

// In even shares of whole sums, of about so many channels.
inline void take_channels(DirectProblem& p, int64_t channels) {
    p.c_blocks = ceil_div(p.c_sums, larger(1, channels / p.c_sum));
    p.c_block = ceil_div(p.c_sums, p.c_blocks) * p.c_sum;
    p.c_blocks = ceil_div(p.ic, p.c_block);
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

// Whole planes, of as many channels as `budget` elements hold.
inline void take_planes(DirectProblem& p, int64_t budget) {
    take_channels(p, budget / p.in_plane);
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
    if (p.shares) take_channels(p, kNearChannels);
    cut_strips(p, larger(kLongScratchBytes, usual) / bytes);
    if (p.n * p.groups * p.strips() < kManyUnits) cut_strips(p, usual / bytes);
}

// Whether planes are read as they lie, and in which order.
template <class T> void choose_reading(DirectProblem& p) {
    const int64_t taps = p.taps();
    const bool row = p.w.in == p.in_plane && p.d.grid * p.h.grid == 1 && p.d.origin == 0 && p.h.origin == 0;
    const bool same = p.out_plane == p.in_plane || p.lattice.columns;
    const bool pointwise = taps == 1 && p.w.origin == 0 && p.w.grid == p.in_plane && same;
    const bool signal = p.along_pixels && taps > 1 && taps == p.w.taps && p.w.step == 1 && p.out_w == 1;
    p.in_place = kTuned<T> && row && p.w.stride == 1 && (pointwise || signal);
    p.far_outputs = p.n * p.groups * p.oc * p.out_plane * static_cast<int64_t>(sizeof(T)) > kNearOutputBytes;
    p.shares = kPieces<T> && pointwise && p.in_place && p.along_pixels && p.ic > kNearChannels &&
               p.oc > 2 * kPixelRows && !p.windows.rows;
    p.blocks_first = p.oc >= 2 * p.ic && !p.far_outputs && !p.shares;
}

template <class T> void choose_tiles(DirectProblem& p) {
    constexpr int64_t L = kLanes<T>;
    p.tile_pixels = tile_pixels<T>(p);
    if (takes_rows<T>(p, 0)) p.tile_pixels = larger(p.tile_pixels, kFewColumns);
    p.column_unit = p.lattice.columns ? p.lattice.columns : p.in_place && p.along_pixels ? L : p.tile_pixels;
    const int64_t together = p.windows.rows ? 2 : 1;   // both columns of a window
    if (p.along_pixels) p.width = ceil_div(p.oc / together, ceil_div(p.oc, kPixelRows)) * together;
    else p.width = takes_wide_rows<T>(p) ? 3 * L : p.w_pair || p.oc > L ? kBlock<T> : L;
    p.outputs = p.w_pair ? p.width / 2 : p.width;
    p.k_blocks = ceil_div(p.oc, p.outputs);
    p.packed_block = p.ic * p.taps() * p.width;
}

// Whether strips are whole planes, and of how many channels a sum is then: most outputs see fewer taps than there are,
// and terms are counted on the average.
template <class T> [[gnu::noinline]] void choose_planes(DirectProblem& p) {
    constexpr int64_t bytes = sizeof(T);
    if (p.along_pixels || p.d.in > 1 || p.out_w > 1 || !parts_cleanly(p.w, p.tile_pixels / 2)) return;
    const auto met = [](const Axis& a) { return parts_cleanly(a, 1) ? 3 * a.in - 2 * a.reach : a.taps * a.grid; };
    const int64_t sums = ceil_div(p.ic * met(p.h) * met(p.w), kTermsPerSum * p.h.grid * p.w.grid);
    p.planes = p.in_plane % 64 != 0 && p.ic * p.in_plane * bytes <= kStagedBytes;
    if (p.planes) p.c_sums = smaller(p.c_sums, sums);
}

template <class T> void choose_sums(DirectProblem& p) {
    const int64_t taps = p.taps();
    p.phases = stored_phases(p.w);
    p.c_sums = smaller(p.ic, ceil_div(p.ic * taps, larger(kTermsPerSum, taps)));
    if constexpr (kTuned<T>) choose_planes<T>(p);
    p.c_sum = ceil_div(p.ic, p.c_sums);
    p.rows = 1;
    // Very wide reaches: fewer channels at a time.
    const int64_t narrow = p.row_slots() * p.phases * (smaller(p.w.grid, 2 * p.tile_pixels) + overhang_of(p.w));
    p.c_sum = larger(1, smaller(p.c_sum, 8 * kScratchBytes / static_cast<int64_t>(sizeof(T)) / narrow));
    p.c_sums = ceil_div(p.ic, p.c_sum);
}

template <class T> void choose_strips(DirectProblem& p) {
    constexpr int64_t bytes = sizeof(T);
    if (kTuned<T> && p.planes) take_planes(p, kPlanesBytes / bytes);
    else cut_into_strips<T>(p);
    const int64_t others = larger(p.n * p.groups * p.d.grid * p.column_strips * p.k_blocks, 1);
    const int64_t wanted = smaller(ceil_div(kFewUnits, others), ceil_div(p.h.grid, 2));
    if (p.row_strips < wanted && p.k_blocks * p.packed_block * bytes <= kReadAgainBytes) cut_rows(p, wanted);
    p.straight = kTuned<T> && !p.along_pixels && p.w.stride * p.w.step == 2 && p.out_w == 1 && p.d.taps == 1 &&
                 is_inside(p.d) && is_inside(p.h) && is_inside(p.w) && is_read_once(p.h) && is_read_once(p.w) &&
                 p.ic * p.h.taps <= (kFlat<T> && p.taps() == 1 ? kStraightRows / 2 : kStraightRows) &&
                 p.c_blocks * p.column_strips == 1 && p.w.grid >= p.tile_pixels &&
                 8 * ceil_div(p.w.grid, p.tile_pixels) * p.tile_pixels <= 9 * p.w.grid &&
                 width_of<T>(p, p.k_blocks - 1) == kBlock<T>;
    p.flat = kFlat<T> && !p.along_pixels && !p.straight && p.taps() == 1 && p.w.stride > 1 && p.d.grid == 1 &&
             p.column_strips == 1 && p.out_w == 1 && p.out_h == p.w.grid && is_inside(p.h) && is_inside(p.w);
    if (kFlat<T> && p.flat) {
        p.row_pitch = p.w.grid;
        p.channel_pitch = p.rows * p.w.grid;
        if (p.channel_pitch % 64 == 0) p.channel_pitch += 16;
    }
    p.h_slots = p.slots();
}

template <class T> void plan(DirectProblem& p) {
    constexpr int64_t L = kLanes<T>, bytes = sizeof(T);
    p.reduce();
    choose_reading<T>(p);
    choose_tiles<T>(p);
    choose_sums<T>(p);
    choose_strips<T>(p);
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
