// A Winograd problem: what it reads and writes, how its bands and weights are cut, and its transformed weights
// (conv_winograd.hpp has the formula and the layouts).
#pragma once
#include "kernels/winograd_deal.hpp"
#include "kernels/winograd_products.hpp"
#include "kernels/winograd_tiles.hpp"

namespace tk::TK_ISA {
namespace {

// Values and sums of a thread's own run: in L2 where the weights that every run reads are few, else half as many as
// those. Where two runs hold all, weights are read but once.
constexpr int64_t kNearRunBytes = 1 << 20, kRunBytes = 4 << 20, kOnceBytes = 2 << 20;
constexpr int64_t kSharedBytes = 6 << 20;        // values of a shared run
constexpr int64_t kLongSharedBytes = 16 << 20;   // where weights are transformed anew for each
constexpr int64_t kSumsBytes = 512 * 1024;       // sums of a block over a part of a shared run
// Weights are transformed before all else where they are so few, or somewhat more and groups or runs of bands many;
// else as they are used, so many at a time, which stay in L2 until then.
constexpr int64_t kFewBytes = 3 << 20, kHeldBytes = 12 << 20, kManyRuns = 4;
constexpr int64_t kUsedBytes = 640 * 1024;
// A thread with one run of so many tiles transforms weights for itself: what one core writes and another reads takes
// up to ten times as long where they share no cache.
constexpr int64_t kApartTiles = 24;
constexpr int64_t kFewBands = 8;   // fewer are halved, to be even shares
// More are not worth a pack: it takes longer to read from memory than the weights to transform.
constexpr int64_t kPackedBytes = 48 << 20;

// The transforms of a filter along both axes. The loops are the same for all.
template <class T> struct Filter {
    int64_t points, row_points, weight_rows, weight_columns, taps;
    TileSizes h, w;
    void (*input)(const Points<T>& to, const T* strip, const View&, const Patch&);
    void (*weight)(T* to, int64_t pitch, int64_t width, const T* from, int64_t from_pitch, int64_t channels, bool flip);
    void (*output)(T* strip, const Points<const T>& from, Vec<T> bias, bool relu, Vec<T>& spoilt, const View&,
                   const Patch&);
    int64_t weights() const { return weight_rows * weight_columns; }
    // Whose weights a point takes: the last of an axis serve all points from there on.
    int64_t weights_of(int64_t point) const {
        return smaller(point / row_points, weight_rows - 1) * weight_columns +
               smaller(point % row_points, weight_columns - 1);
    }
};

// A convolution that reads `in` and writes `out`: forward, or backward-input with the roles exchanged.
template <class T> struct WinogradProblem {
    const Filter<T>& filter;
    int64_t n, groups, ic, oc;   // channels per group
    View in, out;
    Depth depth;
    int64_t w_group, w_oc, w_ic;   // strides of the weight as the user keeps it
    bool flip;                     // taps in reverse
    Deal deal;                     // how `in` lies, if its channels are places in blocks of the input
    // Elements of the weights of those channels.
    int64_t dealt() const { return deal.w ? groups * w_group : 0; }
};

struct WinogradPlan {
    Bands bands;
    Slabs slabs;
    int64_t k_blocks, c_vectors, weight_block, weights;
    int64_t run, shared_run, part;   // bands
    int64_t rows_in, rows_out, strip, sums;
    int64_t run_values, shared_values;
    bool held;
    int64_t chunks, used;   // of a block's input channels whose weights are transformed as they are used; elements
};

// Bands of which `elements` of each tile fill so many bytes; at least one.
template <class T> int64_t bands_in(const Bands& b, int64_t bytes, int64_t elements) {
    return larger(1, bytes / (elements * b.most_tiles() * static_cast<int64_t>(sizeof(T))));
}

template <class T> WinogradPlan plan(const WinogradProblem<T>& p) {
    constexpr int64_t L = kLanes<T>, size = sizeof(T);
    const int64_t points = p.filter.points;
    WinogradPlan q{};
    q.bands = bands_of(p.out);
    q.k_blocks = ceil_div(p.oc, kBlock<T>);
    q.c_vectors = ceil_div(p.ic, L);
    q.weight_block = p.filter.weights() * point_pitch<T>(p.ic * p.depth.taps, kBlock<T>);
    q.weights = p.groups * q.k_blocks * q.weight_block;
    const int64_t in = points * q.c_vectors * L, out = points * kBlock<T>;   // of a tile in one plane
    const int64_t planes = p.n * p.groups * p.depth.out, tiles = planes * q.bands.all_tiles();
    if (planes * q.bands.per_image() < kFewBands && tiles >= 2 * kApartTiles && q.weights * size <= kFewBytes)
        q.bands.cuts = larger(q.bands.cuts, smaller(q.bands.columns, 2));
    const int64_t weight_bytes = q.weights / p.groups * size;
    int64_t run_bytes = weight_bytes <= kFewBytes ? kNearRunBytes : smaller(kRunBytes, weight_bytes / 2);
    if (tiles * (in + out) * size <= 2 * kOnceBytes) run_bytes = larger(run_bytes, kOnceBytes);
    const int64_t tile_bytes = q.bands.most_tiles() * size;
    q.slabs = slabs_of(p.depth, run_bytes, in * tile_bytes, out * tile_bytes);
    q.run = bands_in<T>(q.bands, run_bytes, in * q.slabs.in + out * q.slabs.out);
    const bool many = p.groups > 1 || p.n * q.slabs.count * q.bands.per_image() > kManyRuns * q.run;
    q.held = q.weights * size <= (many ? kHeldBytes : kFewBytes);
    if (!q.held) q.slabs = slabs_of(p.depth, kLongSharedBytes, in * tile_bytes, 0);
    q.shared_run = bands_in<T>(q.bands, q.held ? kSharedBytes : kLongSharedBytes, in * q.slabs.in);
    q.part = q.shared_run;
    if (q.held) q.part = smaller(q.part, bands_in<T>(q.bands, kSumsBytes, out * q.slabs.out));
    q.rows_in = strip_rows<T>(p.in, q.bands);
    q.rows_out = strip_rows<T>(p.out, q.bands);
    q.strip = larger(strip_size<T>(p.in, q.bands, q.rows_in), strip_size<T>(p.out, q.bands, q.rows_out));
    const auto most = [&](int64_t bands) { return bands * q.bands.most_tiles(); };
    q.sums = points * point_pitch<T>(most(q.held ? larger(q.run, q.part) : q.part) * q.slabs.out, kBlock<T>);
    q.chunks = smaller(q.c_vectors, ceil_div(q.weight_block * size, kUsedBytes));
    q.used = p.filter.weights() * point_pitch<T>(ceil_div(q.c_vectors, q.chunks) * L * p.depth.taps, kBlock<T>);
    q.run_values = q.c_vectors * points * point_pitch<T>(most(q.run) * q.slabs.in, L);
    q.shared_values = q.c_vectors * points * point_pitch<T>(most(q.shared_run) * q.slabs.in, L);
    return q;
}

// How the runs of a problem go: each is one thread's work from beginning to end, or all threads share them.
struct Runs {
    bool own;
    int64_t count;   // of own runs, in each slab and group
    bool once;       // threads share the values, and each transforms the weights of its blocks as it uses them
    int64_t apart;   // threads that each transform a block's weights for themselves, as they come to them
    // Elements transformed before all else, or of the threads apart.
    int64_t weights(const WinogradPlan& q) const { return once ? 0 : apart ? apart * q.weight_block : q.weights; }
};
// packed: weights lie ready.
template <class T> Runs runs_of(const WinogradProblem<T>& p, const WinogradPlan& q, int64_t threads, bool packed) {
    // As many runs for each thread, two at least while they fill register tiles.
    const int64_t bands = p.n * q.bands.per_image(), slabs = q.slabs.count;
    const bool many = p.groups >= 4 * threads;   // which a thread takes one by one, so that their weights stay near
    const int64_t least = ceil_div(bands, q.run);
    const int64_t all_tiles = p.n * q.bands.all_tiles() * p.depth.out;
    Runs runs{};
    // Few tiles, and blocks that are even shares: the values that threads share are fewer than the weights.
    const bool even = threads > 1 && p.groups * slabs == 1 && q.part >= bands && q.k_blocks % threads == 0;
    runs.once = !packed && (!q.held || (even && all_tiles < kApartTiles * threads));
    if (runs.once) return runs;
    for (int64_t rounds = threads == 1 ? 1 : 2; rounds > 0 && !runs.own; --rounds) {
        const int64_t all = larger(ceil_div(bands * slabs, q.run * threads), rounds) * threads;
        runs.count = many ? least : smaller(bands, larger(least, ceil_div(all, slabs)));
        const int64_t tiles = ceil_div(bands, larger(1, runs.count)) * q.bands.most_tiles() * q.slabs.out;
        runs.own = q.held && (threads == 1 || many || tiles >= rounds * kTilePixels);
    }
    const int64_t units = runs.count * slabs * p.groups;
    const bool lone = threads > 1 && units <= threads && all_tiles >= kApartTiles * units;
    runs.apart = runs.own && (many || lone) ? threads : 0;
    return runs;
}

template <class T> int64_t winograd_workspace(const WinogradProblem<T>& p, int threads, bool packed) {
    const WinogradPlan q = plan(p);
    const Runs runs = runs_of(p, q, threads, packed);
    const int64_t weights = packed ? 0 : runs.weights(q), scratch = q.sums + q.strip;
    if (runs.own) return weights + threads * (q.run_values + scratch);
    return weights + q.shared_values + threads * (scratch + (runs.once ? q.used : 0));
}

// ---- weights ------------------------------------------------------------------------------------------------------

// to[point][c][width] from the taps [c][tap][L] of one vector of output channels; points lie `pitch` apart, channels
// `from_pitch`.
template <class T, class H, class W>
void transform_taps(T* to, int64_t pitch, int64_t width, const T* from, int64_t from_pitch, int64_t channels,
                    bool flip) {
    constexpr int L = kLanes<T>, taps = kTaps<H, W>;
    const int64_t first = flip ? taps - 1 : 0, step = flip ? -L : L;
    for (int64_t c = 0; c < channels; ++c, from += from_pitch, to += width)
        weight_both<T, H, W>([&](int i, int j) TK_ALWAYS { return load(from + first * L + (i * W::taps + j) * step); },
                             [&](int i, int j, Vec<T> value)
                                 TK_ALWAYS { store(to + (i * W::points + j) * pitch, value); });
}

// weights[point][c vector][tap of depth][c][vectors] of channels [c_begin, c_end), the first of a vector on, of one
// block of output channels; points lie `pitch` apart.
template <class T>
void transform_weight(T* to, int64_t pitch, const T* weight, const WinogradProblem<T>& p, int64_t group,
                      int64_t k_block, int64_t c_begin, int64_t c_end) {
    constexpr int64_t L = kLanes<T>, most = 16 * kMostTaps;
    const int64_t width = width_of<T>(p.oc, k_block), depth = p.depth.taps, taps = p.filter.taps * depth;
    T lanes[most * L];   // [c][tap][L]
    for (int64_t v = 0; v < width / L; ++v)
        for (int64_t c0 = c_begin, count; c0 < c_end; c0 += count) {
            count = smaller(most / taps, smaller(L - c0 % L, c_end - c0));   // of one vector of channels
            const int64_t k0 = k_block * kBlock<T> + v * L;
            const T* from = weight + group * p.w_group + k0 * p.w_oc + c0 * p.w_ic;
            if (p.w_ic == taps) {   // channels follow each other in memory
                transpose_in(lanes, L, from, p.w_oc, p.oc - k0, L, count * taps);
            } else if (taps == 9 && p.w_oc == 9 && p.oc - k0 >= L) {   // so do the vector's, 9 taps apart
                for (int64_t c = 0; c < count; ++c)
                    deal_nine(from + c * p.w_ic, [&](int tap) { return lanes + (c * taps + tap) * L; });
            } else {
                for (int64_t c = 0; c < count; ++c)
                    transpose_in(lanes + c * taps * L, L, from + c * p.w_ic, p.w_oc, p.oc - k0, L, taps);
            }
            const int64_t vector = c0 - c0 % L, channels = smaller(L, p.ic - vector);
            for (int64_t t = 0; t < depth; ++t) {
                const int64_t at = (vector - c_begin) * depth + t * channels + c0 % L;
                p.filter.weight(to + at * width + v * L, pitch, width,
                                lanes + (p.flip ? depth - 1 - t : t) * p.filter.taps * L, taps * L, count, p.flip);
            }
        }
}

template <class T> void transform_weights(T* to, const T* weight, const WinogradProblem<T>& p) {
    const WinogradPlan q = plan(p);
    const int64_t cuts = ceil_div(p.ic, 64);
    parallel_for(p.groups * q.k_blocks * cuts, q.weights, [&](int64_t unit, int) {
        const int64_t cut = unit % cuts, block = unit / cuts, k_block = block % q.k_blocks;
        const int64_t width = width_of<T>(p.oc, k_block), begin = q.c_vectors * cut / cuts * kLanes<T>;
        const int64_t end = smaller(p.ic, q.c_vectors * (cut + 1) / cuts * kLanes<T>);
        transform_weight<T>(to + block * q.weight_block + begin * p.depth.taps * width,
                            point_pitch<T>(p.ic * p.depth.taps, width), weight, p, block / q.k_blocks, k_block, begin,
                            end);
    });
}

}   // namespace
}   // namespace tk::TK_ISA
