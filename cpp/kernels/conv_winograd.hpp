// Winograd convolution: outputs of tiles as products of transformed inputs and weights, added up over input channels.
//
//   values[point][tile][c] = B^T d B       weights[point][c][k] = G w G^T
//   sums[point][tile][k]   = sum over c of values[point][tile][c] * weights[point][c][k]
//   y = A^T sums A
//
//   values   [c vector][point][plane][tile][L]
//   weights  [k block][distinct point][c vector][tap of depth][c of it][2 vectors], as long as a block has both
//   sums     [point][plane][tile][2 vectors], of one block of output channels at a time
//
// A register tile is kTilePixels tiles x 2 vectors of output channels: one element of values is broadcast per tile.
// A run of bands, over a slab of planes (winograd_planes.hpp), is either one thread's work from beginning to end, its
// values and sums in that thread's cache; or, where runs are few or the weights are many, all threads share the values
// of a long run and each takes blocks of output channels, whose weights it transforms just then. An output's terms are
// added channel by channel in order either way: which way it goes, and what else is in the run, does not show in the
// bits.
#pragma once
#include "kernels/winograd_plan.hpp"

namespace tk::TK_ISA {
namespace {

// The operands of a problem.
template <class T> struct WinogradCall {
    T* out;
    const T *in, *mask, *weight, *bias, *packed;   // mask, bias, packed: or nullptr
    bool relu;
    T* workspace;
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
            const int64_t image = (patch.image * p.groups + run.group) * p.ic, channel = image + vector * L;
            const int64_t at = channel * p.in.channel() + z * p.in.plane();
            const Source<T> from{a.in + at, a.mask ? a.mask + at : nullptr, p.ic - vector * L};
            if (p.deal.w)
                (p.deal.w == 4 ? load_dealt<T, 4> : load_dealt<T, 2>)(strip, a.in, p.deal, image, vector * L, p.ic, z,
                                                                      p.in, patch);
            else load_strip(strip, from, p.in, patch);
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
        // Few lanes are done with a vector of channels before the next arrives from beyond L2: there, the next tiles'
        // are called in.
        const bool far = L <= 8 && q.c_vectors * points * pitch * static_cast<int64_t>(sizeof(T)) > kNearRunBytes;
        values += c_begin / L * points * pitch;
        for (int64_t point = 0; point < points; ++point)
            for (int64_t d = 0; d < run.d.end - run.d.begin; ++d)
                for (int64_t cut = 0; cut < cuts; ++cut) {
                    const int64_t begin = own * cut / cuts, end = own * (cut + 1) / cuts;
                    product_tile_of<T, kTilePixels>(
                        end - begin, vectors,
                        {sums + point * to_pitch + (d * own + begin) * width,
                         values + point * pitch + (before + begin) * L,
                         weights + p.filter.weights_of(point) * weights_pitch, c_end - c_begin, points * pitch,
                         run.tiles * L, sights + d * taps, seen[d], taps, c_begin == 0,
                         far ? (end - begin) * L : points * pitch});
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

    // Each thread takes runs from beginning to end; where `own` is given, it transforms each block's weights into its
    // part of that as it comes to them.
    void run_own(const T* weights, T* own, T* scratch, int64_t runs, int64_t work) const {
        const int64_t bands = p.n * q.bands.per_image();
        parallel_for(runs * q.slabs.count * p.groups, work, [&](int64_t unit, int thread) {
            const int64_t group = unit % p.groups, slab = unit / p.groups % q.slabs.count;
            const int64_t index = unit / p.groups / q.slabs.count, start = bands * index / runs;
            const TileRun run = run_of(group, slab, start, bands * (index + 1) / runs - start);
            T* values = scratch + thread * (q.run_values + q.sums + q.strip);
            T *sums = values + q.run_values, *strip = sums + q.sums;
            T* const of_thread = own ? own + thread * q.weight_block : nullptr;
            for (int64_t c = 0; c < q.c_vectors; ++c)
                for (int64_t z = run.z.begin; z < run.z.end; ++z)
                    transform_inputs(values, strip, run, c, z, start, run.count);
            for (int64_t k = 0; k < q.k_blocks; ++k) {
                if (of_thread)
                    transform_weight<T>(of_thread, point_pitch<T>(p.ic * p.depth.taps, width_of<T>(p.oc, k)), a.weight,
                                        p, group, k, 0, p.ic);
                const T* block = of_thread ? of_thread : weights + (group * q.k_blocks + k) * q.weight_block;
                multiply(values, block, sums, run, k, start, run.count, 0, p.ic);
                write_outputs(sums, strip, run, k, start, run.count);
            }
        });
    }

    // All threads share the values of a run; weights: nullptr where each block's are transformed as they are used.
    void share(const T* weights, T* values, const TileRun& run, int64_t work) const {
        const int64_t own_size = q.sums + q.strip + (weights ? 0 : q.used), start = run.start, count = run.count;
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
    const Runs runs = runs_of(p, q, max_threads(), a.packed);
    const int64_t bands = p.n * q.bands.per_image();
    q.shared_run = even_part(bands, q.shared_run);
    const int64_t work =
        p.n * p.groups * q.bands.all_tiles() * p.filter.points * p.ic * p.oc * p.depth.out * p.depth.taps;
    const T* weights = a.packed;
    T *scratch = a.workspace, *own = nullptr;
    if (!weights && !runs.once) {
        if (runs.apart) own = scratch;
        else transform_weights(scratch, a.weight, p);
        weights = scratch;
        scratch += runs.weights(q);
    }
    if (runs.own) self.run_own(weights, own, scratch, runs.count, work);
    else self.run_shared(weights, scratch, work);
    for (int64_t i = 0; spoilt && i < p.groups * p.w_group; ++i)
        if (!(a.weight[i] - a.weight[i] == 0)) return false;
    return true;
}

}   // namespace
}   // namespace tk::TK_ISA
