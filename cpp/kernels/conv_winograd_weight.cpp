// The weight gradient through Winograd's points, the exact adjoint of the forward algorithm:
//
//   sums[point][c][k] = sum over tiles of (B^T d B)[point][tile][c] * (A dy A^T)[point][tile][k]
//   dweight           = G^T sums G
//
// A tap of depth pairs each plane of dy with the plane of x that it sees (winograd_planes.hpp).
//
//   values     [c block][point][plane][tile][2 vectors], as long as a block has both
//   gradients  [k block][point][plane][tile][2 vectors]
//   sums       [point][c][2 vectors] of one pair of blocks and one tap of depth, transformed and added to
//   parts      [k block][c][tap][2 vectors], one such array for each chunk of the batch; of one pair of blocks where
//   there
//              is nothing to add
//
// A register tile is kTilePixels input channels x 2 vectors of output channels. Few pairs of blocks: a chunk of the
// batch is one thread's work, and the chunks' number follows from the shape. Many: all threads share the values of a
// run of tiles and take pairs. A run's sums are added in the order of runs, then those of the chunks in theirs.
#include "kernels/winograd_tiles.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kRunBytes = 1 << 20;   // values and gradients of a thread's own run, in L2
// Of a shared run, about twice as many as the sums that every run adds to.
constexpr int64_t kLeastSharedBytes = 6 << 20, kSharedBytes = 12 << 20;
constexpr int64_t kManyPairs = 16;
constexpr int64_t kMostChunks = 16;

struct WeightProblem {
    int64_t n, groups, ic, oc;   // channels per group
    View x, dy;
    Depth depth;
};

template <class H, class W> WeightProblem problem_of(const ConvShape& s) {
    return {s.n,
            s.groups,
            s.ic / s.groups,
            s.oc / s.groups,
            {{s.ih, -s.ph, H::step, H::inputs, dilation_h(s)}, {s.iw, -s.pw, W::step, W::inputs, s.dil_w}, s.id},
            {{s.oh, 0, H::outputs, H::outputs, dilation_h(s)}, {s.ow, 0, W::outputs, W::outputs, s.dil_w}, s.od},
            forward_depth(s)};
}

struct WeightPlan {
    Bands bands;
    Slabs slabs;
    int64_t c_blocks, k_blocks, run, runs, chunks;   // runs: of a slab
    int64_t value_block, values, gradient_block, gradients, strip, sums, part;
    int64_t x_rows, dy_rows;
    bool shared, once;   // once: nothing to add
};

template <class T> int64_t width_of(int64_t channels, int64_t block) {
    return channels - block * kBlock<T> > kLanes<T> ? kBlock<T> : kLanes<T>;
}
template <class T> int64_t point_pitch(int64_t tiles) {
    return tiles * kBlock<T> + kPointPad / static_cast<int64_t>(sizeof(T));
}

template <class T, class H, class W> WeightPlan plan(const WeightProblem& p) {
    constexpr int64_t points = kPoints<H, W>, size = sizeof(T);
    const int64_t taps = kTaps<H, W> * p.depth.taps;
    WeightPlan q{};
    q.bands = bands_of(p.dy);
    q.c_blocks = ceil_div(p.ic, kBlock<T>);
    q.k_blocks = ceil_div(p.oc, kBlock<T>);
    q.shared = q.c_blocks * q.k_blocks >= kManyPairs;
    const int64_t bands = p.n * q.bands.per_image(), tiles = q.bands.most_tiles();
    const int64_t x_bytes = points * q.c_blocks * kBlock<T> * tiles * size;   // of a band, in one plane
    const int64_t dy_bytes = points * q.k_blocks * kBlock<T> * tiles * size;
    const int64_t sums = points * p.depth.taps * q.c_blocks * q.k_blocks * kBlock<T> * kBlock<T> * size;
    const int64_t run_bytes = q.shared ? smaller(kSharedBytes, larger(kLeastSharedBytes, 2 * sums)) : kRunBytes;
    q.slabs = slabs_of(p.depth, run_bytes, x_bytes, dy_bytes);
    q.run = larger(1, smaller(bands, run_bytes / (q.slabs.in * x_bytes + q.slabs.out * dy_bytes)));
    q.runs = ceil_div(bands, q.run);
    q.chunks = 1;
    if (!q.shared) {
        if (q.runs * q.slabs.count == 1 && bands > 1) q.run = ceil_div(bands, q.runs = 2);
        while (q.chunks < kMostChunks && q.chunks * 2 <= q.runs * q.slabs.count) q.chunks *= 2;
    }
    q.value_block = points * point_pitch<T>(q.run * tiles * q.slabs.in);
    q.gradient_block = points * point_pitch<T>(q.run * tiles * q.slabs.out);
    q.values = q.c_blocks * q.value_block;
    q.gradients = q.k_blocks * q.gradient_block;
    q.x_rows = strip_rows<T>(p.x, q.bands);
    q.dy_rows = strip_rows<T>(p.dy, q.bands);
    q.strip = larger(strip_size<T>(p.x, q.bands, q.x_rows), strip_size<T>(p.dy, q.bands, q.dy_rows));
    q.once = q.shared && q.runs * q.slabs.count == 1;
    q.sums = points * kBlock<T> * kBlock<T> + (q.once ? taps * kBlock<T> * kBlock<T> : 0);
    q.part = q.once ? 0 : q.k_blocks * p.ic * taps * kBlock<T>;
    return q;
}

// sums[lane][v] = sum over planes and tiles of values[plane][tile][lane] * gradients[plane][tile][v]
template <class T> struct ProductArguments {
    T* sums;
    const T *values, *gradients;
    int64_t tiles, values_pitch, planes, values_plane;   // from one tile, from one plane to the next
};

template <class T, int Lanes, int Vectors> [[gnu::noinline]] void product_tile(const ProductArguments<T>& a) {
    constexpr int L = kLanes<T>;
    Vec<T> acc[Lanes][Vectors];
    TK_UNROLL
    for (int i = 0; i < Lanes; ++i) TK_UNROLL
    for (int v = 0; v < Vectors; ++v) acc[i][v] = Vec<T>{};
    const T* g = a.gradients;
    for (int64_t plane = 0; plane < a.planes; ++plane)
        for (int64_t tile = 0; tile < a.tiles; ++tile, g += Vectors * L) {
            const T* x = a.values + plane * a.values_plane + tile * a.values_pitch;
            Vec<T> factor[Vectors];
            TK_UNROLL
            for (int v = 0; v < Vectors; ++v) factor[v] = load(g + v * L);
            TK_UNROLL
            for (int i = 0; i < Lanes; ++i) {
                const Vec<T> value = broadcast(x[i]);
                TK_UNROLL
                for (int v = 0; v < Vectors; ++v) acc[i][v] += value * factor[v];
            }
        }
    TK_UNROLL
    for (int i = 0; i < Lanes; ++i) TK_UNROLL
    for (int v = 0; v < Vectors; ++v) store(a.sums + (i * Vectors + v) * L, acc[i][v]);
}

template <class T, int Lanes> void product_tile_of(int64_t lanes, int64_t vectors, const ProductArguments<T>& a) {
    if constexpr (Lanes > 0) {
        if (lanes == Lanes) return vectors == 2 ? product_tile<T, Lanes, 2>(a) : product_tile<T, Lanes, 1>(a);
        product_tile_of<T, Lanes - 1>(lanes, vectors, a);
    }
}

template <class T, class H, class W> struct WinogradWeight {
    static constexpr int64_t points = kPoints<H, W>, L = kLanes<T>;
    const BackwardWeightCall<T>& a;
    const WeightProblem& p;
    const WeightPlan& q;
    int& spoilt;   // becomes 1 where dweight is not finite
    const int64_t taps = kTaps<H, W> * p.depth.taps;

    // Bands [start, start + count) of a slab: of planes d of dy, which see planes z of x.
    struct TileRun {
        int64_t group, start, count, tiles;
        Run d, z;
        int64_t x_pitch() const { return point_pitch<T>(tiles * (z.end - z.begin)); }
        int64_t dy_pitch() const { return point_pitch<T>(tiles * (d.end - d.begin)); }
    };
    int64_t all_runs() const { return q.runs * q.slabs.count; }
    TileRun run_at(int64_t group, int64_t index) const {
        const int64_t start = index % q.runs * q.run;
        const int64_t count = smaller(q.run, p.n * q.bands.per_image() - start);
        const Run d = q.slabs.planes(p.depth, index / q.runs);
        return {group, start, count, tiles_in(q.bands, start, count), d, planes_seen(p.depth, d)};
    }

    // One vector of channels of x, of bands [first, first + count) of a run.
    void transform_x(T* values, T* strip, const TileRun& run, int64_t vector, int64_t first, int64_t count) const {
        const int64_t width = width_of<T>(p.ic, vector / 2), before = tiles_in(q.bands, run.start, first - run.start);
        T* to = values + vector / 2 * q.value_block + vector % 2 * L + before * width;
        for (int64_t z = run.z.begin; z < run.z.end; ++z, to += run.tiles * width)
            for_each_patch(q.bands, first, count, q.x_rows, [&](const Patch& patch) {
                const int64_t channel = (patch.image * p.groups + run.group) * p.ic + vector * L;
                const T* from = a.x + channel * p.x.channel() + z * p.x.plane();
                load_strip(strip, Source<T>{from, nullptr, p.ic - vector * L}, p.x, patch);
                transform_strip<T, H, W>({to, run.x_pitch(), width}, strip, p.x, patch);
            });
    }
    void transform_dy(T* gradients, T* strip, const TileRun& run, int64_t vector, int64_t first, int64_t count) const {
        const int64_t width = width_of<T>(p.oc, vector / 2), before = tiles_in(q.bands, run.start, first - run.start);
        T* to = gradients + vector / 2 * q.gradient_block + vector % 2 * L + before * width;
        for (int64_t d = run.d.begin; d < run.d.end; ++d, to += run.tiles * width)
            for_each_patch(q.bands, first, count, q.dy_rows, [&](const Patch& patch) {
                const int64_t channel = (patch.image * p.groups + run.group) * p.oc + vector * L;
                const int64_t at = channel * p.dy.channel() + d * p.dy.plane();
                load_strip(strip, Source<T>{a.dy + at, a.y ? a.y + at : nullptr, p.oc - vector * L}, p.dy, patch);
                transform_gradient<T, H, W>({to, run.dy_pitch(), width}, strip, p.dy, patch);
            });
    }

    T* pair(T* part, int64_t c_block, int64_t k_block) const {
        return part + (k_block * p.ic + c_block * kBlock<T>)*taps * kBlock<T>;
    }

    // The sums of a pair of blocks over a run, transformed; set in `to`, [c][tap][2 vectors], or added there.
    void multiply(T* to, const T* values, const T* gradients, T* sums, const TileRun& run, int64_t c_block,
                  int64_t k_block, bool set) const {
        for (int64_t t = 0; t < p.depth.taps; ++t, to += kTaps<H, W> * kBlock<T>) {
            // Planes of dy whose planes of x are no padding.
            const int64_t shift = t * p.depth.dilation + p.depth.origin, stride = p.depth.stride;
            Run d = positions_inside(p.depth.out, p.depth.in, stride, shift);
            d = {larger(d.begin, run.d.begin), smaller(d.end, run.d.end)};
            const int64_t z = d.begin * stride + shift - run.z.begin;
            multiply_planes(sums, values + c_block * q.value_block, gradients + k_block * q.gradient_block, run, z,
                            d.begin - run.d.begin, d.end - d.begin, c_block, k_block);
            add_sums(to, sums, c_block, k_block, set);
        }
    }
    void multiply_planes(T* sums, const T* values, const T* gradients, const TileRun& run, int64_t z, int64_t d,
                         int64_t planes, int64_t c_block, int64_t k_block) const {
        const int64_t width = width_of<T>(p.oc, k_block), x_width = width_of<T>(p.ic, c_block);
        const int64_t lanes = smaller(kBlock<T>, p.ic - c_block * kBlock<T>), cuts = ceil_div(lanes, kTilePixels);
        for (int64_t point = 0; point < points; ++point)
            for (int64_t cut = 0; cut < cuts; ++cut) {
                const int64_t begin = lanes * cut / cuts, end = lanes * (cut + 1) / cuts;
                product_tile_of<T, kTilePixels>(end - begin, width / L,
                                                {sums + (point * kBlock<T> + begin) * width,
                                                 values + point * run.x_pitch() + z * run.tiles * x_width + begin,
                                                 gradients + point * run.dy_pitch() + d * run.tiles * width, run.tiles,
                                                 x_width, planes, p.depth.stride * run.tiles * x_width});
            }
    }
    void add_sums(T* to, const T* sums, int64_t c_block, int64_t k_block, bool set) const {
        const int64_t width = width_of<T>(p.oc, k_block), lanes = smaller(kBlock<T>, p.ic - c_block * kBlock<T>);
        for (int64_t c = 0; c < lanes; ++c, to += taps * kBlock<T>)
            for (int64_t v = 0; v < width / L; ++v)
                adjoint_weight_both<T, H, W>(
                    [&](int i, int j)
                        TK_ALWAYS { return load(sums + ((i * W::points + j) * kBlock<T> + c) * width + v * L); },
                    [&](int i, int j, Vec<T> value) TK_ALWAYS {
                        T* tap = to + (i * W::taps + j) * kBlock<T> + v * L;
                        store(tap, set ? value : load(tap) + value);
                    });
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
                    transform_x(values, strip, run, c, run.start, run.count);
                for (int64_t k = 0; k < ceil_div(p.oc, L); ++k)
                    transform_dy(gradients, strip, run, k, run.start, run.count);
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
                    if (vector < c_vectors) transform_x(values, strip, run, vector, run.start + begin, size);
                    else transform_dy(gradients, strip, run, vector - c_vectors, run.start + begin, size);
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

template <class T, class H, class W> int64_t weight_workspace(const ConvShape& s, int threads) {
    const WeightProblem p = problem_of<H, W>(s);
    const WeightPlan q = plan<T, H, W>(p);
    const int64_t own = q.strip + q.sums, shared = q.values + q.gradients;
    return p.groups * q.chunks * q.part + (q.shared ? shared + threads * own : threads * (shared + own));
}

template <class T, class H, class W> void weight_gradient(const BackwardWeightCall<T>& a, const ConvShape& s) {
    const WeightProblem p = problem_of<H, W>(s);
    const WeightPlan q = plan<T, H, W>(p);
    int spoilt = 0;
    const WinogradWeight<T, H, W> self{a, p, q, spoilt};
    const int64_t work =
        p.n * p.groups * q.bands.all_tiles() * kPoints<H, W> * p.ic * p.oc * p.depth.out * p.depth.taps;
    T *parts = a.workspace, *scratch = parts + p.groups * q.chunks * q.part;
    if (q.shared) self.sum_together(parts, scratch, work);
    else self.sum_chunks(parts, scratch, work);
    const int64_t vectors = ceil_div(p.oc, kLanes<T>), cuts = ceil_div(p.ic, 32);
    parallel_for(q.once ? 0 : p.groups * vectors * cuts, p.groups * q.chunks * q.part, [&](int64_t unit, int) {
        const int64_t cut = unit % cuts, vector = unit / cuts % vectors, group = unit / cuts / vectors;
        const int64_t begin = p.ic * cut / cuts, end = p.ic * (cut + 1) / cuts;
        const T* from = parts + group * q.chunks * q.part + (vector / 2 * p.ic + begin) * self.taps * kBlock<T>;
        self.add_chunks(from + vector % 2 * kLanes<T>, group, vector, begin, end);
    });
    if (spoilt) plain_backward_weight<T>().run(a, s);   // padding's zeros times what is not finite
}

// ---- what they take -----------------------------------------------------------------------------------------------

const char* declines_f4(const ConvShape& s) {
    const char* why = declines_channels(s);
    return why ? why : declines_f4_tiles(s, s.oh, s.ow);
}
const char* declines_f2(const ConvShape& s) {
    if (const char* why = declines_channels(s)) return why;
    if (s.ow == 1) return "maps of one column: half of every tile would lie beside it";
    return declines_f2_tiles(s, s.oh, s.ow);
}

// Rounding of the transforms, and of sums over tiles within a run; for F(4x4) a little more than the worst of 400
// random shapes shows, four times what most of them do.
double error_of(const ConvShape& s, double transforms, double sums, double roundoff) {
    return roundoff * (transforms + sums * __builtin_sqrt(static_cast<double>(s.n * out_plane(s))));
}
double error_f4(const ConvShape& s, double roundoff) { return error_of(s, 36, 0.6, roundoff); }
double error_f2(const ConvShape& s, double roundoff) { return error_of(s, 8, 0.5, roundoff); }

template <class T> int64_t workspace_f4(const ConvShape& s, int threads, bool) {
    return s.kh == 3 ? weight_workspace<T, F4, F4>(s, threads) : weight_workspace<T, Single, F4>(s, threads);
}
template <class T> int64_t workspace_f2(const ConvShape& s, int threads, bool) {
    return weight_workspace<T, F2, F2>(s, threads);
}
template <class T> void run_f4(const BackwardWeightCall<T>& a, const ConvShape& s) {
    s.kh == 3 ? weight_gradient<T, F4, F4>(a, s) : weight_gradient<T, Single, F4>(a, s);
}
template <class T> void run_f2(const BackwardWeightCall<T>& a, const ConvShape& s) { weight_gradient<T, F2, F2>(a, s); }

}   // namespace

template <class T> const BackwardWeightAlgorithm<T>& winograd_f4_backward_weight() {
    if constexpr (sizeof(T) == 8) return not_in_double<BackwardWeightAlgorithm<T>, ConvAlgorithm::winograd_f4>();
    else {
        static constexpr BackwardWeightAlgorithm<T> entry = {{ConvAlgorithm::winograd_f4, false, nullptr, true, false,
                                                              cannot_f4, declines_f4, workspace_f4<T>, error_f4},
                                                             run_f4<T>};
        return entry;
    }
}
template <class T> const BackwardWeightAlgorithm<T>& winograd_f2_backward_weight() {
    if constexpr (sizeof(T) == 8) return not_in_double<BackwardWeightAlgorithm<T>, ConvAlgorithm::winograd_f2>();
    else {
        static constexpr BackwardWeightAlgorithm<T> entry = {{ConvAlgorithm::winograd_f2, false, nullptr, true, false,
                                                              cannot_f2, declines_f2, workspace_f2<T>, error_f2},
                                                             run_f2<T>};
        return entry;
    }
}
TK_EMIT(winograd_f4_backward_weight)
TK_EMIT(winograd_f2_backward_weight)

}   // namespace tk::TK_ISA
