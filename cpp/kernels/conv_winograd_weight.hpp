// The weight gradient through Winograd's points, the exact adjoint of the forward algorithm:
//
//   sums[point][c][k] = sum over tiles of (B^T d B)[point][tile][c] * (A dy A^T)[point][tile][k]
//   dweight           = G^T sums G
//
// A tap of depth pairs each plane of dy with the plane of x that it sees (winograd_planes.hpp).
//
//   values     [c block][point][plane][tile][2 vectors], as long as a block has both
//   gradients  [k block][point][plane][tile][2 vectors]
//   sums       [point][c][2 vectors] of one pair of blocks, or some channels of it, and one tap of depth, transformed
//              and added to
//   parts      [k block][c][tap][2 vectors], one such array for each chunk of the batch; of one pair of blocks where
//              there is nothing to add
//
// A register tile is kTilePixels input channels x 2 vectors of output channels. Few pairs of blocks: a chunk of the
// batch is one thread's work, and the chunks' number follows from the shape. Many: all threads share the values of a
// run of tiles and take pairs. A run's sums are added in the order of runs, then those of the chunks in theirs.
#pragma once
#include "kernels/winograd_weight_plan.hpp"

namespace tk::TK_ISA {
namespace {

template <class T> struct WinogradWeight {
    static constexpr int64_t L = kLanes<T>;
    const BackwardWeightCall<T>& a;
    const WeightProblem<T>& p;
    const WeightPlan& q;
    int& spoilt;   // becomes 1 where dweight is not finite
    const int64_t points = p.filter.points, taps = p.taps();

    // Between points: x of planes z, dy of planes d.
    static int64_t x_pitch(const TileRun& run) { return point_pitch<T>(run.tiles * (run.z.end - run.z.begin)); }
    static int64_t dy_pitch(const TileRun& run) { return point_pitch<T>(run.tiles * (run.d.end - run.d.begin)); }
    int64_t all_runs() const { return q.runs * q.slabs.count; }
    TileRun run_at(int64_t group, int64_t index) const {
        const int64_t start = index % q.runs * q.run;
        const int64_t count = smaller(q.run, p.n * q.bands.per_image() - start);
        const Run d = q.slabs.planes(p.depth, index / q.runs);
        return {group, start, count, tiles_in(q.bands, start, count), d, planes_seen(p.depth, d)};
    }

    // One of the products' sides: x, or dy behind its mask.
    struct Side {
        const T *from, *mask;
        const View& view;
        void (*points)(const Points<T>& to, const T* strip, const View&, const Patch&);
        int64_t channels, block, rows, pitch;   // channels of a group; elements of two vectors of them
        Run planes;
    };
    Side side_of_x(const TileRun& run) const {
        return {a.x, nullptr, p.x, p.filter.input, p.ic, q.value_block, q.x_rows, x_pitch(run), run.z};
    }
    Side side_of_dy(const TileRun& run) const {
        return {a.dy, a.y, p.dy, p.filter.gradient, p.oc, q.gradient_block, q.dy_rows, dy_pitch(run), run.d};
    }

    // One vector of channels of a side, of bands [first, first + count) of a run.
    void transform(T* to, T* strip, const TileRun& run, const Side& side, int64_t vector, int64_t first,
                   int64_t count) const {
        const int64_t width = width_of<T>(side.channels, vector / 2);
        to += vector / 2 * side.block + vector % 2 * L + tiles_in(q.bands, run.start, first - run.start) * width;
        for (int64_t plane = side.planes.begin; plane < side.planes.end; ++plane, to += run.tiles * width)
            for_each_patch(q.bands, first, count, side.rows, [&](const Patch& patch) {
                const int64_t channel = (patch.image * p.groups + run.group) * side.channels + vector * L;
                const int64_t at = channel * side.view.channel() + plane * side.view.plane();
                const T* mask = side.mask ? side.mask + at : nullptr;
                load_strip(strip, Source<T>{side.from + at, mask, side.channels - vector * L}, side.view, patch);
                side.points({to, side.pitch, width}, strip, side.view, patch);
            });
    }

    T* pair(T* part, int64_t c_block, int64_t k_block) const {
        return part + (k_block * p.ic + c_block * kBlock<T>)*taps * kBlock<T>;
    }

    // The sums of a pair of blocks over a run, transformed; set in `to`, [c][tap][2 vectors], or added there.
    void multiply(T* to, const T* values, const T* gradients, T* sums, const TileRun& run, int64_t c_block,
                  int64_t k_block, bool set) const {
        const int64_t width = width_of<T>(p.oc, k_block), x_width = width_of<T>(p.ic, c_block);
        for (int64_t t = 0; t < p.depth.taps; ++t, to += p.filter.taps * kBlock<T>) {
            // Planes of dy whose planes of x are no padding.
            const int64_t shift = t * p.depth.dilation + p.depth.origin, stride = p.depth.stride;
            Run d = positions_inside(p.depth.out, p.depth.in, stride, shift);
            d = {larger(d.begin, run.d.begin), smaller(d.end, run.d.end)};
            const int64_t z = d.begin * stride + shift - run.z.begin;
            const int64_t x_plane = run.tiles * x_width, dy_plane = run.tiles * width;
            multiply_planes({sums, values + c_block * q.value_block + z * x_plane,
                             gradients + k_block * q.gradient_block + (d.begin - run.d.begin) * dy_plane, run.tiles,
                             x_width, d.end - d.begin, stride * x_plane, points, 0, x_pitch(run), dy_pitch(run)},
                            to, width, smaller(kBlock<T>, p.ic - c_block * kBlock<T>), set);
        }
    }

    // The sums of one tap of depth, transformed: of some channels at all points while they are near, or of all channels
    // point after point.
    void multiply_planes(const ProductArguments<T>& all, T* to, int64_t width, int64_t lanes, bool set) const {
        const int64_t bytes = points * all.tiles * all.planes * (width + all.values_pitch) * int64_t{sizeof(T)};
        const bool near = bytes <= kNearBytes;
        const int64_t cuts = ceil_div(lanes, near ? smaller(kNearChannels, kTilePixels) : kTilePixels);
        const int64_t at_once = near ? p.filter.dy_points : 1;   // points, of one phase
        const auto multiply = [&](int64_t point, int64_t begin, int64_t count, T* sums, int64_t pitch) {
            ProductArguments<T> a = all;
            a.points = at_once;
            a.sums = sums + point * pitch;
            a.sums_point = pitch;
            a.values += point * a.values_point + begin;
            a.gradients += point % p.filter.dy_points * a.gradients_point;
            product_tile_of<T, kTilePixels>(count, width / L, a);
        };
        const auto add = [&](int64_t begin, int64_t count, int64_t pitch) {
            p.filter.add(to + begin * taps * kBlock<T>, taps * kBlock<T>, all.sums, pitch, width, count, set);
        };
        const auto channels = [&](int64_t cut) { return lanes * cut / cuts; };
        if (near) {
            for (int64_t cut = 0; cut < cuts; ++cut) {
                const int64_t begin = channels(cut), count = channels(cut + 1) - begin;
                for (int64_t point = 0; point < points; point += at_once)
                    multiply(point, begin, count, all.sums, count * width);
                add(begin, count, count * width);
            }
            return;
        }
        for (int64_t point = 0; point < points; ++point)
            for (int64_t cut = 0; cut < cuts; ++cut) {
                const int64_t begin = channels(cut);
                multiply(point, begin, channels(cut + 1) - begin, all.sums + begin * width, lanes * width);
            }
        add(0, lanes, lanes * width);
    }
    void sum_chunks(T* parts, T* scratch, int64_t work) const {
        parallel_for(p.groups * q.chunks, work, [&](int64_t unit, int thread) {
            const int64_t group = unit / q.chunks, chunk = unit % q.chunks;
            T* values = scratch + thread * (q.values + q.gradients + q.strip + q.sums);
            T *gradients = values + q.values, *strip = gradients + q.gradients, *sums = strip + q.strip;
            const int64_t begin = all_runs() * chunk / q.chunks, end = all_runs() * (chunk + 1) / q.chunks;
            for (int64_t index = begin; index < end; ++index) {
                const TileRun run = run_at(group, index);
                for (int64_t c = 0; c < ceil_div(p.ic, L); ++c)
                    transform(values, strip, run, side_of_x(run), c, run.start, run.count);
                for (int64_t k = 0; k < ceil_div(p.oc, L); ++k)
                    transform(gradients, strip, run, side_of_dy(run), k, run.start, run.count);
                for (int64_t k = 0; k < q.k_blocks; ++k)
                    for (int64_t c = 0; c < q.c_blocks; ++c)
                        multiply(pair(parts + unit * q.part, c, k), values, gradients, sums, run, c, k, index == begin);
            }
        });
    }

    void sum_together(T* parts, T* values, int64_t work) const {
        T *gradients = values + q.values, *scratch = gradients + q.gradients;
        const int64_t own = q.strip + q.sums, c_vectors = ceil_div(p.ic, L), vectors = c_vectors + ceil_div(p.oc, L);
        for (int64_t group = 0; group < p.groups; ++group)
            for (int64_t index = 0; index < all_runs(); ++index) {
                const TileRun run = run_at(group, index);
                const int64_t splits = smaller(run.count, 4);
                parallel_for(vectors * splits, work, [&](int64_t unit, int thread) {
                    const int64_t vector = unit / splits, split = unit % splits;
                    const int64_t begin = run.count * split / splits, size = run.count * (split + 1) / splits - begin;
                    T* strip = scratch + thread * own;
                    if (vector < c_vectors)
                        transform(values, strip, run, side_of_x(run), vector, run.start + begin, size);
                    else transform(gradients, strip, run, side_of_dy(run), vector - c_vectors, run.start + begin, size);
                });
                parallel_for(q.k_blocks * q.c_blocks, work, [&](int64_t unit, int thread) {
                    const int64_t c = unit % q.c_blocks, k = unit / q.c_blocks;
                    T* sums = scratch + thread * own + q.strip;
                    T* to = q.once ? sums + q.sums - taps * kBlock<T> * kBlock<T> : pair(parts + group * q.part, c, k);
                    multiply(to, values, gradients, sums, run, c, k, index == 0);
                    if (!q.once) return;
                    const int64_t end = smaller(p.ic, (c + 1) * kBlock<T>);
                    for (int64_t v = 0; v < width_of<T>(p.oc, k) / L; ++v)
                        add_chunks(to + v * L, group, 2 * k + v, c * kBlock<T>, end);
                });
            }
    }

    // dweight of some channels of a vector of output channels: the chunks' parts in order, from the first's on.
    void add_chunks(const T* from, int64_t group, int64_t vector, int64_t c_begin, int64_t c_end) const {
        const int64_t k0 = vector * L, outputs = smaller(L, p.oc - k0);
        T* to = a.dweight + ((group * p.oc + k0) * p.ic + c_begin) * taps;
        const int64_t count = (c_end - c_begin) * taps;
        Vec<T> differences{};
        for (int64_t i = 0; i < count; i += L) {
            Vec<T> rows[L];
            TK_UNROLL
            for (int j = 0; j < L; ++j) {
                rows[j] = Vec<T>{};
                if (i + j >= count) continue;
                rows[j] = load(from + (i + j) * kBlock<T>);
                for (int64_t chunk = 1; chunk < q.chunks; ++chunk)
                    rows[j] += load(from + chunk * q.part + (i + j) * kBlock<T>);
                differences += rows[j] - rows[j];
            }
            transpose<T>(rows);
            TK_UNROLL
            for (int k = 0; k < L; ++k)
                if (k < outputs) store_first(to + k * p.ic * taps + i, rows[k], smaller(L, count - i));
        }
        if (is_spoilt<T>(differences)) raise(spoilt);
    }
};

}   // namespace
}   // namespace tk::TK_ISA
