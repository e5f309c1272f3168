// How a weight gradient is cut: into blocks of output channels, strips of positions and chunks of strips. Everything
// follows from the shape alone.
#pragma once
#include "kernels/conv_algorithms.hpp"
#include "kernels/conv_direct.hpp"
#include "kernels/weight_tile.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kSumsBytes = 16 << 20;   // all chunks' sums together
constexpr int64_t kUnits = 16;             // units of work to look for
// Of a strip. A tile reads and writes its sums once a strip, so strips are long: dy from L2 keeps up with it. Not where
// x is gathered and vectors are short.
constexpr int64_t kMostPositions = 1600, kFewestPositions = 48;
constexpr int64_t kMostGathered = TK_VECTOR_BYTES == 64 ? kMostPositions : 512;
constexpr int64_t kPanelBytes = 400 * 1024;      // dy of the blocks of channels that are laid out together
constexpr int64_t kNearBytes = 160 * 1024;       // what those read of x in turns
constexpr int64_t kRangeBytes = 160 * 1024;      // their sums in one unit
constexpr int64_t kChunkBytes = 48 * 1024;       // dy of one block of a chunk, at least
constexpr int64_t kGatheredBytes = 128 * 1024;   // x, where it is laid out anew
constexpr double kWidestGather = 1 << 20;        // bytes; where the narrowest strip is wider x is read in place
constexpr int64_t kScratchGap = 64 * 1024;       // bytes between threads' panels, past whose end a core reads ahead
constexpr int64_t kManyStrips = 8;               // of a chunk: one more or less does no harm
// Of a sum in registers (docs/adr/0014): others' matrix products add image by image, of groups in shorter sums still.
constexpr int64_t kMostOfSum = 256, kFewestOfSum = 96, kOfGroupsSum = 64, kImagesOfSum = 3;
constexpr int64_t kSmallGroup = 8;    // output channels
constexpr int64_t kFewChannels = 5;   // up to here taps and channels share a tile

// The roles: `dy` gives the vectors, `x` the lanes. For 1x1 kernels with more output than input channels they are
// swapped, since laying out the vectors is what costs; of every other column it leaves out the others on the way. With
// no more positions than output channels writing dweight costs more, and they are swapped so that sums are made in it.
struct WeightProblem {
    int64_t n, groups, ic, oc;   // channels per group, of x and of dy
    Axis d, h, w;
    int64_t in_plane, out_plane;   // of what gives the lanes, and of what gives the vectors
    bool swapped;
    int64_t every_other, every_row;   // swapped, stride 2: columns in a row of positions, elements between rows; or 0
    // derived:
    int64_t fold, fold_blocks;   // groups that share a vector, and how many times so many
    bool gathered;               // x is laid out anew, with its padding; else read in place, padding left out
    int64_t taps, lanes, vectors, k_blocks;   // vectors: of all the blocks
    int64_t images, rows, columns;            // of a strip
    int64_t of_sum;                           // positions, at most
    int64_t image_strips, row_strips, column_strips, strips, chunks, c_splits, k_splits;
    int64_t together, lanes_near;                  // blocks laid out at once, and channels of x they read in turns
    int64_t x_columns, x_pitch, x_row, x_image;    // gathered
    int64_t copy_pitch;                            // swapped: a channel of dy's copy
    bool in_result;                                // swapped, one chunk: sums are what dweight is
    int64_t sums, bias_sums, x_scratch, scratch;   // elements: of one chunk of one fold block, of a thread

    int64_t first_vector(int64_t k_block) const { return vectors * k_block / k_blocks; }
    int64_t positions_in_all() const { return n * d.grid * h.grid * w.grid; }
    int64_t positions() const { return images * rows * columns; }
    int64_t x_rows() const { return (rows - 1) * h.step + (h.taps - 1) * h.reach + 1; }
};

constexpr int64_t kSwappedChannels = 128;    // of x, from which on that gains
constexpr int64_t kSwappedPositions = 512;   // in all, at most, where output channels are as many

// 1x1 without padding, every other column, of channels enough.
template <class T> bool takes_every_other(const ConvShape& s) {
    return kTuned<T> && s.ic / s.groups >= kSwappedChannels && s.kd * s.kh * s.kw == 1 && s.id == 1 && s.od == 1 &&
           s.sw == 2 && s.pd + s.ph + s.pw == 0 && (s.oh - 1) * s.sh < s.ih && (s.ow - 1) * s.sw < s.iw;
}

// Lays x out for the columns, rows and images of a strip, where it is gathered; its bytes.
template <class T> int64_t lay_out_x(WeightProblem& p) {
    if (!p.gathered) return 0;
    p.x_columns = (p.columns - 1) * p.w.step + (p.w.taps - 1) * p.w.reach + 1;
    p.x_row = p.x_columns * (p.fold > 1 ? p.x_pitch : p.ic);
    p.x_image = p.d.taps * p.x_rows() * p.x_row;
    return p.images * p.x_image * static_cast<int64_t>(sizeof(T));
}

// Who computes what: ranges of lanes whose sums stay in cache; blocks of output channels that are laid out together,
// all of them where x is gathered; and until there are units enough chunks of strips, each with sums of its own, then
// fewer blocks. x is read once for each such group of blocks whoever computes it.
// block: bytes of a position of dy, for one block of output channels.
template <class T> void choose_splits(WeightProblem& p, int64_t block) {
    constexpr int64_t L = kLanes<T>, size = sizeof(T);
    p.together = smaller(p.k_blocks, larger(1, kPanelBytes / (block * kMostPositions)));
    const int64_t range = p.every_other ? 2 * kRangeBytes : kRangeBytes;   // laying those out again costs more
    p.c_splits = p.gathered ? 1 : smaller(p.ic, ceil_div(p.lanes * block * p.together, range));
    const int64_t bytes = p.fold_blocks * p.vectors * L * p.lanes * size;
    const int64_t wanted = ceil_div(kUnits, p.fold_blocks * p.c_splits),
                  most = p.positions_in_all() * block / kChunkBytes;
    int64_t blocks = p.gathered ? p.k_blocks : larger(p.together, ceil_div(p.k_blocks, wanted));
    for (;; blocks = ceil_div(blocks, 2)) {
        p.k_splits = ceil_div(p.k_blocks, blocks);
        p.chunks = 1;
        while (p.chunks * p.k_splits < wanted && p.chunks * 2 * bytes <= kSumsBytes && p.chunks * 2 <= most)
            p.chunks *= 2;
        if (blocks == 1 || p.chunks * p.k_splits >= wanted) break;
    }
}

// Positions: columns, then rows, then images, until a strip is long enough or each chunk has one.
template <class T> void cut_strips(WeightProblem& p) {
    constexpr int64_t L = kLanes<T>;
    const int64_t of_chunk = ceil_div(p.positions_in_all(), p.chunks);
    const int64_t most = larger(kFewestPositions, smaller(p.gathered ? kMostGathered : kMostPositions, of_chunk));
    p.rows = p.images = 1;
    // Of few strips every chunk has to have as many, or threads wait: how many, each at most 5/4 as long. `others`: of
    // how many parts each is cut into so many.
    const auto even = [&](int64_t strips, int64_t others, int64_t most_strips) {
        int64_t step = p.gathered || strips * others >= kManyStrips * p.chunks ? 1 : p.chunks;
        for (; step > 1 && others % 2 == 0; others /= 2) step /= 2;
        return step == 1 ? strips : smaller(most_strips, ceil_div(4 * strips, 5 * step) * step);
    };
    p.column_strips = ceil_div(p.w.grid, most);
    if (p.column_strips > 1) p.column_strips = even(p.column_strips, p.n * p.d.grid * p.h.grid, p.w.grid);
    p.columns = ceil_div(p.w.grid, p.column_strips);
    while (lay_out_x<T>(p) > kGatheredBytes && p.columns > L) p.columns = ceil_div(p.w.grid, ++p.column_strips);
    const auto full = [&] { return p.positions() > most || lay_out_x<T>(p) > kGatheredBytes; };
    if (p.column_strips == 1)
        while (p.rows < p.h.grid && (++p.rows, full()) == false) {}
    if (p.rows > 1 && full()) --p.rows;
    p.row_strips = ceil_div(p.h.grid, p.rows);
    if (p.rows > 1 && p.row_strips > 1) p.row_strips = even(p.row_strips, p.n * p.d.grid, p.h.grid);
    p.rows = ceil_div(p.h.grid, p.row_strips);
    if (p.row_strips * p.column_strips * p.d.grid == 1)
        while (p.images < p.n && (++p.images, full()) == false) {}
    if (p.images > 1 && full()) --p.images;
    p.image_strips = ceil_div(p.n, p.images);
    if (p.images > 1) p.image_strips = smaller(p.n, ceil_div(p.image_strips, p.chunks) * p.chunks);
    p.images = ceil_div(p.n, larger(p.image_strips, 1));
    lay_out_x<T>(p);
    p.strips = p.image_strips * p.d.grid * p.row_strips * p.column_strips;
}

template <class T> WeightProblem weight_problem(const ConvShape& s) {
    constexpr int64_t L = kLanes<T>;
    WeightProblem p{};
    set_forward_axes(p, s);
    p.swapped = (is_pointwise(s) && s.n * p.in_plane <= smaller(kSwappedPositions, p.oc)) ||
                ((is_pointwise(s) || takes_every_other<T>(s)) && p.oc > p.ic);
    if (p.swapped) {
        const int64_t channels = p.ic;
        p.ic = p.oc;
        p.oc = channels;
        if (!is_pointwise(s)) {
            p.every_other = s.ow;
            p.every_row = s.sh * s.iw;
            p.out_plane = p.in_plane;
            p.in_plane = s.oh * s.ow;
            set_one_row(p);
        }
    }
    p.taps = p.d.taps * p.h.taps * p.w.taps;
    p.lanes = p.ic * p.taps;
    p.fold = 1;
    if (!p.swapped)
        while (p.fold * 2 * p.oc <= L && p.fold < p.groups) p.fold *= 2;
    p.gathered = p.fold > 1 || (p.ic <= kFewChannels && p.taps > 1);
    // Where x is gathered one strip row, of at least a vector's positions, has to be short enough.
    const double narrow = p.d.taps * ((p.h.taps - 1.0) * p.h.reach + 1) * p.ic * p.fold *
                          ((smaller(p.w.grid, L) - 1.0) * p.w.step + (p.w.taps - 1.0) * p.w.reach + 1) * sizeof(T);
    if (narrow > kWidestGather) {
        p.gathered = false;
        p.fold = 1;
    }
    p.fold_blocks = ceil_div(p.groups, p.fold);
    p.vectors = p.fold > 1 ? 1 : ceil_div(p.oc, L);
    p.of_sum = kMostOfSum;
    if (p.taps == 1)
        p.of_sum = smaller(kMostOfSum, larger(kFewestOfSum, kImagesOfSum * p.d.grid * p.h.grid * p.w.grid));
    if (p.groups > 1 && p.oc <= kSmallGroup) p.of_sum = kOfGroupsSum;
    p.k_blocks = ceil_div(p.vectors, kMostVectors);
    p.x_pitch = p.fold > 1 ? ceil_div(p.ic * p.fold, L) * L : 1;

    const int64_t block = ceil_div(p.vectors, p.k_blocks) * L * sizeof(T);   // bytes of a position of dy
    choose_splits<T>(p, block);
    cut_strips<T>(p);
    while (p.chunks > p.strips) p.chunks /= 2;
    p.in_result = p.swapped && p.chunks == 1 && p.oc % L == 0;
    p.sums = p.in_result ? 0 : p.vectors * L * p.lanes;
    p.bias_sums = p.swapped ? p.ic : p.vectors * L;
    constexpr int64_t tile = most_lanes(kMostVectors);
    const int64_t of_tile = tile * larger(1, p.positions() * p.w.step) * static_cast<int64_t>(sizeof(T));
    p.lanes_near = larger(1, kNearBytes / of_tile) * tile;
    p.copy_pitch = ceil_div(p.positions(), L) * L + L;
    p.x_scratch = p.swapped ? larger(smaller(p.ic, p.lanes_near), L) * p.copy_pitch : 0;
    if (p.gathered) p.x_scratch = p.images * p.x_image;
    p.x_scratch = ceil_div(p.x_scratch + L, 16) * 16;
    p.scratch = ceil_div(p.x_scratch + smaller(p.vectors, p.together * kMostVectors) * L * p.positions(), 64) * 64 +
                kScratchGap / static_cast<int64_t>(sizeof(T));
    return p;
}

inline int64_t all_sums(const WeightProblem& p) {
    return ceil_div(p.fold_blocks * p.chunks * (p.sums + p.bias_sums), 64) * 64;
}

}   // namespace
}   // namespace tk::TK_ISA
