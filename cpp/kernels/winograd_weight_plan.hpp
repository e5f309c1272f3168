// The weight gradient through Winograd's points (conv_winograd_weight.hpp): the problem, how it is cut, and the
// products.
#pragma once
#include "kernels/winograd_tiles.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kRunBytes = 1 << 20;   // values and gradients of a thread's own run, in L2
// Of a shared run, about twice as many as the sums that every run adds to.
constexpr int64_t kLeastSharedBytes = 6 << 20, kSharedBytes = 12 << 20;
constexpr int64_t kManyPairs = 16;
constexpr int64_t kMostChunks = 16;

// The transforms of a filter along both axes. The loops are the same for all. Several points of x, one of each phase of
// its tile, meet the same point of dy: number p meets p % dy_points.
template <class T> struct WeightFilter {
    int64_t points, dy_points, taps;
    TileSizes h, w;
    void (*input)(const Points<T>& to, const T* strip, const View&, const Patch&);
    void (*gradient)(const Points<T>& to, const T* strip, const View&, const Patch&);
    void (*add)(T* to, int64_t pitch, const T* sums, int64_t sums_pitch, int64_t width, int64_t channels, bool set);
};

template <class T> struct WeightProblem {
    const WeightFilter<T>& filter;
    int64_t n, groups, ic, oc;   // channels per group
    View x, dy;
    Depth depth;
    int64_t taps() const { return filter.taps * depth.taps; }
};

template <class T> WeightProblem<T> problem_of(const WeightFilter<T>& f, const ConvShape& s) {
    const int64_t ic = s.ic / s.groups, oc = s.oc / s.groups;
    return {f, s.n, s.groups, ic, oc, view_of_x(s, f.h, f.w), view_of_y(s, f.h, f.w), forward_depth(s)};
}

struct WeightPlan {
    Bands bands;
    Slabs slabs;
    int64_t c_blocks, k_blocks, run, runs, chunks;   // runs: of a slab
    int64_t value_block, values, gradient_block, gradients, strip, sums, part;
    int64_t x_rows, dy_rows;
    bool shared, once;   // once: nothing to add
};

template <class T> int64_t point_pitch(int64_t tiles) { return point_pitch<T>(tiles, kBlock<T>); }

template <class T> WeightPlan plan(const WeightProblem<T>& p) {
    constexpr int64_t size = sizeof(T);
    const int64_t points = p.filter.points, taps = p.taps();
    WeightPlan q{};
    q.bands = bands_of(p.dy);
    q.c_blocks = ceil_div(p.ic, kBlock<T>);
    q.k_blocks = ceil_div(p.oc, kBlock<T>);
    q.shared = q.c_blocks * q.k_blocks >= kManyPairs;
    const int64_t bands = p.n * q.bands.per_image(), tiles = q.bands.most_tiles();
    const int64_t x_bytes = points * q.c_blocks * kBlock<T> * tiles * size;   // of a band, in one plane
    const int64_t dy_bytes = p.filter.dy_points * q.k_blocks * kBlock<T> * tiles * size;
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
    q.gradient_block = p.filter.dy_points * point_pitch<T>(q.run * tiles * q.slabs.out);
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

// Up to as many values and gradients of a pair of blocks lie in L1 beside the sums of some input channels: those are
// made point after point, and transformed at once. Else each point's meet all channels while they are near.
constexpr int64_t kNearBytes = 64 * 1024, kNearChannels = 8;

// sums[lane][v] = sum over planes and tiles of values[plane][tile][lane] * gradients[plane][tile][v], at some points
template <class T> struct ProductArguments {
    T* sums;
    const T *values, *gradients;
    int64_t tiles, values_pitch, planes, values_plane;           // from one tile, from one plane to the next
    int64_t points, sums_point, values_point, gradients_point;   // from one point to the next
};

template <class T, int Lanes, int Vectors> [[gnu::noinline]] void product_tile(const ProductArguments<T>& a) {
    constexpr int L = kLanes<T>;
    for (int64_t point = 0; point < a.points; ++point) {
        Vec<T> acc[Lanes][Vectors];
        TK_UNROLL
        for (int i = 0; i < Lanes; ++i) TK_UNROLL
        for (int v = 0; v < Vectors; ++v) acc[i][v] = Vec<T>{};
        const T *values = a.values + point * a.values_point, *g = a.gradients + point * a.gradients_point;
        for (int64_t plane = 0; plane < a.planes; ++plane, values += a.values_plane) {
            const T* x = values;
            for (int64_t tile = 0; tile < a.tiles; ++tile, g += Vectors * L, x += a.values_pitch) {
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
        }
        T* sums = a.sums + point * a.sums_point;
        TK_UNROLL
        for (int i = 0; i < Lanes; ++i) TK_UNROLL
        for (int v = 0; v < Vectors; ++v) store(sums + (i * Vectors + v) * L, acc[i][v]);
    }
}

template <class T, int Lanes> void product_tile_of(int64_t lanes, int64_t vectors, const ProductArguments<T>& a) {
    if constexpr (Lanes > 0) {
        if (lanes == Lanes) return vectors == 2 ? product_tile<T, Lanes, 2>(a) : product_tile<T, Lanes, 1>(a);
        product_tile_of<T, Lanes - 1>(lanes, vectors, a);
    }
}

}   // namespace
}   // namespace tk::TK_ISA
