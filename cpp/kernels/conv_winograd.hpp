// Winograd convolution: outputs of tiles as products of transformed inputs and weights, added up over input channels.
//
//   values[point][tile][c] = B^T d B       weights[point][c][k] = G w G^T
//   sums[point][tile][k]   = sum over c of values[point][tile][c] * weights[point][c][k]
//   y = A^T sums A
//
//   values   [c vector][point][plane][tile][L]
//   weights  [k block][point][c vector][tap of depth][c of it][2 vectors], as long as a block has both
//   sums     [point][plane][tile][2 vectors], of one block of output channels at a time
//
// A register tile is kTilePixels tiles x 2 vectors of output channels: one element of values is broadcast per tile.
// A run of bands, over a slab of planes (winograd_planes.hpp), is either one thread's work from beginning to end, its
// values and sums in that thread's cache; or, where runs are few or the weights are many, all threads share the values
// of a long run and each takes blocks of output channels, whose weights it transforms just then. An output's terms are
// added channel by channel in order either way: which way it goes, and what else is in the run, does not show in the
// bits.
#pragma once
#include "kernels/winograd_products.hpp"
#include "kernels/winograd_tiles.hpp"

namespace tk::TK_ISA {
namespace {

// Values and sums of a thread's own run, about twice as many as the weights that every run reads: few stay in L2.
constexpr int64_t kLeastRunBytes = 1 << 20, kRunBytes = 4 << 20;
constexpr int64_t kSharedBytes = 6 << 20;        // values of a shared run
constexpr int64_t kLongSharedBytes = 16 << 20;   // where weights are transformed anew for each
constexpr int64_t kSumsBytes = 512 * 1024;       // sums of a block over a part of a shared run
// Weights are transformed before all else where they are so few, or somewhat more and groups or runs of bands many;
// else as they are used, so many at a time, which stay in L2 until then.
constexpr int64_t kFewBytes = 3 << 20, kHeldBytes = 12 << 20, kManyRuns = 4;
constexpr int64_t kUsedBytes = 640 * 1024;
// More are not worth a pack: it takes longer to read from memory than the weights to transform.
constexpr int64_t kPackedBytes = 48 << 20;

// The transforms of a filter along both axes. The loops are the same for all.
template <class T> struct Filter {
    int64_t points, taps;
    TileSizes h, w;
    void (*input)(const Points<T>& to, const T* strip, const View&, const Patch&);
    void (*weight)(T* to, int64_t pitch, int64_t width, const T* from, int64_t from_pitch, int64_t channels, bool flip);
    void (*output)(T* strip, const Points<const T>& from, Vec<T> bias, bool relu, Vec<T>& spoilt, const View&,
                   const Patch&);
};

// A convolution that reads `in` and writes `out`: forward, or backward-input with the roles exchanged.
template <class T> struct WinogradProblem {
    const Filter<T>& filter;
    int64_t n, groups, ic, oc;   // channels per group
    View in, out;
    Depth depth;
    int64_t w_group, w_oc, w_ic;   // strides of the weight as the user keeps it
    bool flip;                     // taps in reverse
};

struct WinogradPlan {
    Bands bands;
    Slabs slabs;
    int64_t k_blocks, c_vectors, weight_block, weights;
    int64_t run, shared_run, part;   // bands
    int64_t rows_in, rows_out, strip, sums;
    int64_t run_values, shared_values;
    bool held;
    int64_t chunks, used;   // of a block's input channels where weights are not held, and the elements of one
};

template <class T> int64_t width_of(int64_t channels, int64_t block) {
    return channels - block * kBlock<T> > kLanes<T> ? kBlock<T> : kLanes<T>;
}
template <class T> int64_t point_pitch(int64_t tiles, int64_t width) {
    return tiles * width + kPointPad / static_cast<int64_t>(sizeof(T));
}

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
    q.weight_block = points * point_pitch<T>(p.ic * p.depth.taps, kBlock<T>);
    q.weights = p.groups * q.k_blocks * q.weight_block;
    const int64_t in = points * q.c_vectors * L, out = points * kBlock<T>;   // of a tile in one plane
    const int64_t run_bytes = smaller(kRunBytes, larger(kLeastRunBytes, 2 * q.weights / p.groups * size));
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
    const auto tiles = [&](int64_t bands) { return bands * q.bands.most_tiles(); };
    q.sums = points * point_pitch<T>(tiles(q.held ? larger(q.run, q.part) : q.part) * q.slabs.out, kBlock<T>);
    q.chunks = 1;
    if (!q.held) q.chunks = smaller(q.c_vectors, ceil_div(q.weight_block * size, kUsedBytes));
    q.used = points * point_pitch<T>(ceil_div(q.c_vectors, q.chunks) * L * p.depth.taps, kBlock<T>);
    q.run_values = q.c_vectors * points * point_pitch<T>(tiles(q.run) * q.slabs.in, L);
    q.shared_values = q.c_vectors * points * point_pitch<T>(tiles(q.shared_run) * q.slabs.in, L);
    return q;
}

// How the runs of a problem go: each is one thread's work from beginning to end, or all threads share them.
struct Runs {
    bool own, many;   // many: groups, which a thread takes one by one, so that their weights stay near
    int64_t count;    // of own runs, in each slab and group
};
template <class T> Runs runs_of(const WinogradProblem<T>& p, const WinogradPlan& q, int64_t threads) {
    // As many runs for each thread, two at least while they fill register tiles.
    const int64_t bands = p.n * q.bands.per_image(), slabs = q.slabs.count;
    const bool many = p.groups >= 4 * threads;
    const int64_t rounds = larger(ceil_div(bands * slabs, q.run * threads), threads == 1 ? 1 : 2);
    const int64_t least = ceil_div(bands, q.run);
    const int64_t runs = many ? least : smaller(bands, larger(least, ceil_div(rounds * threads, slabs)));
    const int64_t tiles = ceil_div(bands, larger(1, runs)) * q.bands.most_tiles() * q.slabs.out;   // none: no batch
    return {q.held && (threads == 1 || many || tiles >= 2 * kTilePixels), many, runs};
}

template <class T> int64_t winograd_workspace(const WinogradProblem<T>& p, int threads, bool packed) {
    const WinogradPlan q = plan(p);
    const int64_t weights = q.held && !packed ? q.weights : 0, scratch = q.sums + q.strip;
    if (runs_of(p, q, threads).own) return weights + threads * (q.run_values + scratch);
    return weights + q.shared_values + threads * (scratch + (q.held ? 0 : q.used));
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
                for (int64_t c = 0; c < count; ++c) deal_nine(lanes + c * taps * L, L, from + c * p.w_ic);
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

// ---- one run ------------------------------------------------------------------------------------------------------

// The operands of a problem.
template <class T> struct WinogradCall {
    T* out;
    const T *in, *mask, *weight, *bias, *packed;   // mask, bias, packed: or nullptr
    bool relu;
    T* workspace;
};

// Bands [start, start + count) over planes d of a group, which see planes z; `tiles` in each of these.
struct TileRun {
    int64_t group, start, count, tiles;
    Run d, z;
};

template <class T> struct Winograd {
    static constexpr int64_t L = kLanes<T>;
    const WinogradCall<T>& a;
    const WinogradProblem<T>& p;
    const WinogradPlan& q;
    int& spoilt;   // becomes 1 where outputs are not finite
    const int64_t points = p.filter.points;

    TileRun run_of(int64_t group, int64_t slab, int64_t start, int64_t count) const {
        const Run d = q.slabs.planes(p.depth, slab);
        return {group, start, count, tiles_in(q.bands, start, count), d, planes_seen(p.depth, d)};
    }
    int64_t values_pitch(const TileRun& run) const { return point_pitch<T>(run.tiles * (run.z.end - run.z.begin), L); }
    int64_t sums_pitch(const TileRun& run, int64_t own, int64_t width) const {
        return point_pitch<T>(own * (run.d.end - run.d.begin), width);
    }

    // values of one vector of channels, of bands [first, first + count) of plane z
    void transform_inputs(T* values, T* strip, const TileRun& run, int64_t vector, int64_t z, int64_t first,
                          int64_t count) const {
        const int64_t pitch = values_pitch(run), before = tiles_in(q.bands, run.start, first - run.start);
        const Points<T> to{values + vector * points * pitch + ((z - run.z.begin) * run.tiles + before) * L, pitch, L};
        for_each_patch(q.bands, first, count, q.rows_in, [&](const Patch& patch) {
            const int64_t channel = (patch.image * p.groups + run.group) * p.ic + vector * L;
            const int64_t at = channel * p.in.channel() + z * p.in.plane();
            const Source<T> from{a.in + at, a.mask ? a.mask + at : nullptr, p.ic - vector * L};
            load_strip(strip, from, p.in, patch);
            p.filter.input(to, strip, p.in, patch);
        });
    }

    // sums of one block of output channels, of bands [first, first + count) of all planes, over channels
    // [c_begin, c_end)
    void multiply(const T* values, const T* weights, T* sums, const TileRun& run, int64_t k_block, int64_t first,
                  int64_t count, int64_t c_begin, int64_t c_end) const {
        const int64_t width = width_of<T>(p.oc, k_block), vectors = width / L, taps = p.depth.taps;
        const int64_t before = tiles_in(q.bands, run.start, first - run.start), own = tiles_in(q.bands, first, count);
        const int64_t pitch = values_pitch(run), to_pitch = sums_pitch(run, own, width);
        const int64_t weights_pitch = point_pitch<T>((c_end - c_begin) * taps, width),
                      cuts = ceil_div(own, kTilePixels);
        Sight sights[kMostSights];
        int64_t seen[kMostSights];
        for (int64_t d = run.d.begin, i = 0; d < run.d.end; ++d, ++i)
            seen[i] = sights_of(sights + i * taps, p.depth, d, run.z.begin);
        values += c_begin / L * points * pitch;
        for (int64_t point = 0; point < points; ++point)
            for (int64_t d = 0; d < run.d.end - run.d.begin; ++d)
                for (int64_t cut = 0; cut < cuts; ++cut) {
                    const int64_t begin = own * cut / cuts, end = own * (cut + 1) / cuts;
                    product_tile_of<T, kTilePixels>(end - begin, vectors,
                                                    {sums + point * to_pitch + (d * own + begin) * width,
                                                     values + point * pitch + (before + begin) * L,
                                                     weights + point * weights_pitch, c_end - c_begin, points * pitch,
                                                     run.tiles * L, sights + d * taps, seen[d], taps, c_begin == 0});
                }
    }

    // out of that block and those bands
    void write_outputs(const T* sums, T* strip, const TileRun& run, int64_t k_block, int64_t first,
                       int64_t count) const {
        const int64_t width = width_of<T>(p.oc, k_block), vectors = width / L, own = tiles_in(q.bands, first, count);
        const int64_t pitch = sums_pitch(run, own, width);
        for (int64_t v = 0; v < vectors; ++v) {
            const int64_t k0 = k_block * kBlock<T> + v * L, channels = p.oc - k0;
            Vec<T> differences{};
            const Vec<T> bias = a.bias ? load_first(a.bias + run.group * p.oc + k0, smaller(L, channels)) : Vec<T>{};
            for (int64_t d = run.d.begin; d < run.d.end; ++d) {
                const Points<const T> from{sums + (d - run.d.begin) * own * width + v * L, pitch, width};
                for_each_patch(q.bands, first, count, q.rows_out, [&](const Patch& patch) {
                    p.filter.output(strip, from, bias, a.relu, differences, p.out, patch);
                    const int64_t channel = (patch.image * p.groups + run.group) * p.oc + k0;
                    store_strip(a.out + channel * p.out.channel() + d * p.out.plane(), strip, channels, p.out, patch);
                });
            }
            if (is_spoilt<T>(differences)) raise(spoilt);
        }
    }

    // Each thread takes runs from beginning to end; where `own` is given, it transforms a group's weights into its part
    // of that as it comes to them.
    void run_own(const T* weights, T* own, T* scratch, int64_t runs, int64_t work) const {
        const int64_t bands = p.n * q.bands.per_image(), size = q.k_blocks * q.weight_block;
        parallel_for(runs * q.slabs.count * p.groups, work, [&](int64_t unit, int thread) {
            const int64_t group = unit % p.groups, slab = unit / p.groups % q.slabs.count;
            const int64_t index = unit / p.groups / q.slabs.count, start = bands * index / runs;
            const TileRun run = run_of(group, slab, start, bands * (index + 1) / runs - start);
            T* values = scratch + thread * (q.run_values + q.sums + q.strip);
            T *sums = values + q.run_values, *strip = sums + q.sums;
            const T* of_group = own ? own + thread * size : weights + group * size;
            for (int64_t k = 0; own && k < q.k_blocks; ++k)
                transform_weight<T>(own + thread * size + k * q.weight_block,
                                    point_pitch<T>(p.ic * p.depth.taps, width_of<T>(p.oc, k)), a.weight, p, group, k, 0,
                                    p.ic);
            for (int64_t c = 0; c < q.c_vectors; ++c)
                for (int64_t z = run.z.begin; z < run.z.end; ++z)
                    transform_inputs(values, strip, run, c, z, start, run.count);
            for (int64_t k = 0; k < q.k_blocks; ++k) {
                multiply(values, of_group + k * q.weight_block, sums, run, k, start, run.count, 0, p.ic);
                write_outputs(sums, strip, run, k, start, run.count);
            }
        });
    }

    // All threads share the values of a run; weights: nullptr where each block's are transformed as they are used.
    void share(const T* weights, T* values, const TileRun& run, int64_t work) const {
        const int64_t own_size = q.sums + q.strip + (q.held ? 0 : q.used), start = run.start, count = run.count;
        T* scratch = values + q.shared_values;
        const int64_t splits = smaller(count, ceil_div(run.tiles, 2 * kTilePixels)), planes = run.z.end - run.z.begin;
        // Whoever transforms a block's weights uses them for the whole run.
        const int64_t parts = weights ? smaller(count, larger(ceil_div(count, q.part), ceil_div(4, q.k_blocks))) : 1;
        parallel_for(q.c_vectors * planes * splits, work, [&](int64_t unit, int thread) {
            const int64_t split = unit % splits, z = run.z.begin + unit / splits % planes;
            const int64_t begin = start + count * split / splits, end = start + count * (split + 1) / splits;
            transform_inputs(values, scratch + thread * own_size + q.sums, run, unit / splits / planes, z, begin,
                             end - begin);
        });
        parallel_for(q.k_blocks * parts, work, [&](int64_t unit, int thread) {
            const int64_t k = unit / parts, part = unit % parts;
            const int64_t begin = start + count * part / parts, size = start + count * (part + 1) / parts - begin;
            T *sums = scratch + thread * own_size, *strip = sums + q.sums, *own = strip + q.strip;
            const int64_t chunks = weights ? 1 : q.chunks, width = width_of<T>(p.oc, k);
            for (int64_t chunk = 0; chunk < chunks; ++chunk) {
                const int64_t c_begin = q.c_vectors * chunk / chunks * L;
                const int64_t c_end = smaller(p.ic, q.c_vectors * (chunk + 1) / chunks * L);
                const T* block = weights + (run.group * q.k_blocks + k) * q.weight_block;
                if (!weights) {
                    transform_weight<T>(own, point_pitch<T>((c_end - c_begin) * p.depth.taps, width), a.weight, p,
                                        run.group, k, c_begin, c_end);
                    block = own;
                }
                multiply(values, block, sums, run, k, begin, size, c_begin, c_end);
            }
            write_outputs(sums, strip, run, k, begin, size);
        });
    }
    void run_shared(const T* weights, T* values, int64_t work) const {
        const int64_t bands = p.n * q.bands.per_image(), runs = ceil_div(bands, q.shared_run) * q.slabs.count;
        for (int64_t slab = 0; slab < q.slabs.count; ++slab)
            for (int64_t start = 0; start < bands; start += q.shared_run)
                for (int64_t group = 0; group < p.groups; ++group)
                    share(weights, values, run_of(group, slab, start, smaller(q.shared_run, bands - start)),
                          work / runs);
    }
};

// Runs a problem. workspace: winograd_workspace() elements. False where weights are not finite: padding's zeros times
// those are NaN in every output, and the plain loops must write them anew.
template <class T> bool winograd(const WinogradCall<T>& a, const WinogradProblem<T>& p) {
    WinogradPlan q = plan(p);
    int spoilt = 0;
    const Winograd<T> self{a, p, q, spoilt};
    const Runs runs = runs_of(p, q, max_threads());
    const int64_t bands = p.n * q.bands.per_image();
    q.shared_run = ceil_div(bands, ceil_div(bands, q.shared_run));
    const int64_t work =
        p.n * p.groups * q.bands.all_tiles() * p.filter.points * p.ic * p.oc * p.depth.out * p.depth.taps;
    const T* weights = a.packed;
    T *scratch = a.workspace, *of_groups = nullptr;
    if (!weights && q.held) {
        if (runs.own && runs.many) of_groups = scratch;
        else transform_weights(scratch, a.weight, p);
        weights = scratch;
        scratch += q.weights;
    }
    if (runs.own) self.run_own(weights, of_groups, scratch, runs.count, work);
    else self.run_shared(weights, scratch, work);
    for (int64_t i = 0; spoilt && i < p.groups * p.w_group; ++i)
        if (!(a.weight[i] - a.weight[i] == 0)) return false;
    return true;
}

}   // namespace
}   // namespace tk::TK_ISA
