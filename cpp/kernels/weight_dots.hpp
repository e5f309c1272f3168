// The weight gradient of few input channels as dot products along rows: nothing is laid out anew but the rows of x.
//
//   dweight[k, lane] = sum over images and positions of dy[k, position] * x[lane, position]
//
// A lane is an input channel at a tap. Vectors hold neighbouring positions of a row, of dy as it lies in memory and of
// x copied between its zeros; a register tile holds some output channels by some lanes. The vectors' own lanes are
// added at the end, after the sums of all chunks.
#pragma once
#include "common/parallel.hpp"
#include "kernels/weight_layout.hpp"

namespace tk::TK_ISA {
namespace {

// A tile: outputs by lanes. With 16 registers two of the kind, for numbers of them that one of both fits better.
#if defined(__AVX512F__)
constexpr int kDotOutputs = 3, kDotLanes = 9, kOtherOutputs = 3, kOtherLanes = 9;
#else
constexpr int kDotOutputs = 4, kDotLanes = 3, kOtherOutputs = 3, kOtherLanes = 4;
#endif
constexpr int kMostDotLanes = 9;
constexpr int64_t kDotBytes = 56 * 1024;   // of a strip of x: a tile is called for as many positions as this allows
constexpr int64_t kDotColumns = 512;       // of a strip
constexpr int64_t kDotShort = 64;          // rows of fewer outputs are taken as one run, if x has one channel
constexpr int64_t kDotChannels = 3;        // of x, at most
constexpr int64_t kDotPositions = 512;     // of a plane, at least
constexpr int64_t kDotWaste = 16;          // longer rows waste less than one in so many lanes
constexpr int64_t kDotChunks = 16;         // units of work, too

struct DotProblem {
    int64_t n, ic, oc, ih, iw, oh, ow, lanes;
    int64_t tile_outputs, tile_lanes;
    int64_t k_tiles, lane_tiles, k_splits, chunks, strips;
    int64_t rows, row_strips, columns, column_strips;   // of a strip
    // x's copy: a plane for each channel, or where rows are short for each tap of a row, shifted by it and as long as
    // rows of dy: its strip is one run then, as dy's is.
    bool one_run;
    int64_t planes, halo, x_row, x_plane;   // halo: rows beyond an output's own
    int64_t sums, bias_sums;                // elements: of a chunk
    int64_t x, g, scratch;                  // elements: of a thread

    // The first output of a tile: the last one overlaps the one before. Where output k's sums are.
    int64_t output(int64_t slot) const { return smaller(slot, oc - tile_outputs); }
    int64_t slot(int64_t k) const { return k < (k_tiles - 1) * tile_outputs ? k : k + k_tiles * tile_outputs - oc; }
};

template <class T> [[gnu::noinline]] DotProblem dot_problem(const ConvShape& s) {
    constexpr int64_t L = kLanes<T>;
    DotProblem p{};
    p.n = s.n;
    p.ic = s.ic;
    p.oc = s.oc;
    p.ih = s.ih;
    p.iw = s.iw;
    p.oh = s.oh;
    p.ow = s.ow;
    p.lanes = s.ic * s.kh * s.kw;
    const auto products = [&](int64_t outputs, int64_t lanes) {
        return ceil_div(p.oc, outputs) * outputs * ceil_div(p.lanes, lanes) * lanes;
    };
    const bool other = products(kOtherOutputs, kOtherLanes) < products(kDotOutputs, kDotLanes);
    p.tile_outputs = other ? kOtherOutputs : kDotOutputs;
    p.tile_lanes = other ? kOtherLanes : kDotLanes;
    p.k_tiles = ceil_div(p.oc, p.tile_outputs);
    p.lane_tiles = ceil_div(p.lanes, p.tile_lanes);
    p.halo = (s.kh - 1) * s.dil_h;
    p.column_strips = ceil_div(p.ow, kDotColumns);
    p.columns = ceil_div(ceil_div(p.ow, p.column_strips), L) * L;
    p.column_strips = ceil_div(p.ow, p.columns);
    p.one_run = p.ow < kDotShort;
    p.planes = p.one_run ? s.kw : p.ic;
    p.x_row = p.one_run ? p.ow : ceil_div(p.columns + (s.kw - 1) * s.dil_w, L) * L;
    const int64_t fitting = kDotBytes / (p.planes * p.x_row * static_cast<int64_t>(sizeof(T))) - p.halo;
    p.row_strips = ceil_div(p.oh, larger(1, fitting));
    p.rows = ceil_div(p.oh, p.row_strips);
    p.row_strips = ceil_div(p.oh, p.rows);
    p.x_plane = ceil_div((p.rows + p.halo) * p.x_row, L) * L + L;
    p.strips = p.n * p.row_strips * p.column_strips;
    p.chunks = larger(1, smaller(kDotChunks, p.strips));
    p.k_splits = smaller(p.k_tiles, ceil_div(kDotChunks, 8 * p.chunks));
    p.sums = p.k_tiles * p.tile_outputs * p.lane_tiles * p.tile_lanes * L;
    p.bias_sums = p.k_tiles * p.tile_outputs * L;
    p.x = p.planes * p.x_plane + L;
    p.g = p.tile_outputs * p.rows * p.columns;   // of whole vectors
    p.scratch = apart<T>(p.x + p.g);
    return p;
}
inline int64_t all_dots(const DotProblem& p) { return p.chunks * (p.sums + p.bias_sums); }

template <class T> struct DotTile {
    T* sums;               // [output][lane], vectors
    int64_t sums_output;   // elements between outputs
    const T *x, *g;
    int64_t offsets[kMostDotLanes];
    int64_t rows, columns, x_row, g_output, g_row, ahead;
    bool first;
};

// acc += a vector of positions of each output times one of each lane; whichever are fewer wait in registers.
template <class T, int Outputs, int Lanes>
TK_INLINE void add_dots(Vec<T> (&acc)[Outputs][Lanes], const T* g, int64_t g_output, const T* const (&x)[Lanes],
                        int64_t o) {
    const auto of_output = [&](int k) __attribute__((always_inline)) { return whole<T>(load(g + k * g_output)); };
    const auto of_lane = [&](int j) __attribute__((always_inline)) { return whole<T>(load(x[j] + o)); };
    if constexpr (Outputs < Lanes) {
        Vec<T> held[Outputs];
#pragma GCC unroll 4
        for (int k = 0; k < Outputs; ++k) held[k] = of_output(k);
#pragma GCC unroll 9
        for (int j = 0; j < Lanes; ++j) {
            const Vec<T> value = of_lane(j);
#pragma GCC unroll 4
            for (int k = 0; k < Outputs; ++k) acc[k][j] += held[k] * value;
        }
    } else {
        Vec<T> held[Lanes];
#pragma GCC unroll 9
        for (int j = 0; j < Lanes; ++j) held[j] = of_lane(j);
#pragma GCC unroll 4
        for (int k = 0; k < Outputs; ++k) {
            const Vec<T> value = of_output(k);
#pragma GCC unroll 9
            for (int j = 0; j < Lanes; ++j) acc[k][j] += held[j] * value;
        }
    }
}

template <class T, int Outputs, int Lanes> [[gnu::noinline]] void dot_tile(const DotTile<T>& a) {
    constexpr int64_t L = kLanes<T>;
    Vec<T> acc[Outputs][Lanes];
#pragma GCC unroll 4
    for (int k = 0; k < Outputs; ++k)
#pragma GCC unroll 9
        for (int j = 0; j < Lanes; ++j) acc[k][j] = Vec<T>{};
    for (int64_t r = 0; r < a.rows; ++r) {
        const T *x[Lanes], *g = a.g + r * a.g_row;
#pragma GCC unroll 9
        for (int j = 0; j < Lanes; ++j) {
            x[j] = a.x + r * a.x_row + a.offsets[j];
            asm("" : "+r"(x[j]));   // or GCC keeps their distances
        }
        T last[Outputs * L];   // what is left of a row, and zeros: a mask would take a register
        int64_t g_output = a.g_output, o = 0, end = a.columns - a.columns % L;
        while (true) {
            for (; o < end; o += L, g += L) {
                __builtin_prefetch(g + a.ahead);
                add_dots<T, Outputs, Lanes>(acc, g, g_output, x, o);
            }
            if (o >= a.columns) break;
            for (int k = 0; k < Outputs; ++k) store(last + k * L, load_first(g + k * a.g_output, a.columns - o));
            g = last;
            g_output = L;
            end = a.columns;
        }
    }
#pragma GCC unroll 4
    for (int k = 0; k < Outputs; ++k)
#pragma GCC unroll 9
        for (int j = 0; j < Lanes; ++j) {
            T* to = a.sums + k * a.sums_output + j * L;
            store(to, a.first ? acc[k][j] : load(to) + acc[k][j]);
        }
}

struct DotStrip {
    int64_t image, h0, w0, rows, columns;
};
inline DotStrip dot_strip(const DotProblem& p, int64_t index) {
    const int64_t h0 = index / p.column_strips % p.row_strips * p.rows, w0 = index % p.column_strips * p.columns;
    return {index / p.column_strips / p.row_strips, h0, w0, smaller(p.rows, p.oh - h0), smaller(p.columns, p.ow - w0)};
}

// The rows of x that a strip meets, between zeros: [plane][row][x_row]. A row's last vector begins the next one, which
// is written after it.
template <class T> void copy_x(T* to, const T* x, const DotProblem& p, const ConvShape& s, const DotStrip& strip) {
    constexpr int64_t L = kLanes<T>;
    const int64_t rows = strip.rows + p.halo;
    for (int64_t i = 0; i < p.planes; ++i, to += p.x_plane) {
        store(to + rows * p.x_row, Vec<T>{});
        for (int64_t r = 0; r < rows; ++r) {
            const int64_t h = strip.h0 + r - s.ph, at = ((strip.image * p.ic + (p.one_run ? 0 : i)) * p.ih + h) * p.iw;
            const bool inside = h >= 0 && h < p.ih;
            for (int64_t o = 0; o < p.x_row; o += L) {
                const int64_t w = strip.w0 + o + (p.one_run ? i * s.dil_w : 0) - s.pw;
                store(to + r * p.x_row + o, inside ? load_masked(x + at + w, lanes_inside<T>(w, p.iw)) : Vec<T>{});
            }
        }
    }
}

// The tile's dy, masked by y: [output][row][columns].
template <class T> void copy_masked(T* to, const T* y, const DotTile<T>& a, int64_t outputs) {
    constexpr int64_t L = kLanes<T>;
    for (int64_t k = 0; k < outputs; ++k)
        for (int64_t r = 0; r < a.rows; ++r)
            for (int64_t o = 0; o < a.columns; o += L, to += L) {
                const int64_t at = k * a.g_output + r * a.g_row + o, lanes = smaller(L, a.columns - o);
                store(to, select<T>(load_first(y + at, lanes) > 0, load_first(a.g + at, lanes), Vec<T>{}));
            }
}

template <class T>
void sum_dots(const BackwardWeightCall<T>& a, const DotProblem& p, const ConvShape& s, const DotStrip& strip,
              int64_t k_begin, int64_t k_end, T* sums, T* bias, bool first, T* scratch) {
    constexpr int64_t L = kLanes<T>;
    const int64_t plane = p.oh * p.ow;
    copy_x(scratch, a.x, p, s, strip);
    DotTile<T> tile{};
    tile.sums_output = p.lane_tiles * p.tile_lanes * L;
    tile.rows = p.one_run ? 1 : strip.rows;
    tile.columns = p.one_run ? strip.rows * p.ow : strip.columns;
    tile.x = scratch;
    tile.x_row = p.x_row;
    tile.first = first;
    for (int64_t k = k_begin; k < k_end; k += p.tile_outputs) {
        const int64_t at = (strip.image * p.oc + p.output(k)) * plane + strip.h0 * p.ow + strip.w0;
        tile.g = a.dy + at;
        tile.g_row = p.ow;
        tile.g_output = plane;
        if (a.y) {
            copy_masked(scratch + p.x, a.y + at, tile, p.tile_outputs);
            tile.g = scratch + p.x;
            tile.g_row = ceil_div(tile.columns, L) * L;
            tile.g_output = tile.rows * tile.g_row;
        }
        for (int64_t lane = 0; lane < p.lane_tiles * p.tile_lanes; lane += p.tile_lanes) {
            for (int j = 0; j < p.tile_lanes; ++j) {
                const int64_t tap = smaller(lane + j, p.lanes - 1), e = tap % s.kw, b = tap / s.kw % s.kh;
                const int64_t c = tap / s.kw / s.kh;
                tile.offsets[j] = b * s.dil_h * p.x_row + (p.one_run ? e * p.x_plane : c * p.x_plane + e * s.dil_w);
            }
            tile.sums = sums + k * tile.sums_output + lane * L;
            const int64_t i = lane / p.tile_lanes;   // calls in an output's rows of the next tile
            tile.ahead = a.y || i >= p.tile_outputs ? 0 : (p.tile_outputs + i) * plane;
            if (kOtherLanes != kDotLanes && p.tile_lanes == kOtherLanes) dot_tile<T, kOtherOutputs, kOtherLanes>(tile);
            else dot_tile<T, kDotOutputs, kDotLanes>(tile);
        }
        for (int i = 0; bias && i < p.tile_outputs; ++i) {
            Vec<T> sum{};
            for (int64_t r = 0; r < tile.rows; ++r)
                for (int64_t o = 0; o < tile.columns; o += L)
                    sum += load_first(tile.g + i * tile.g_output + r * tile.g_row + o, smaller(L, tile.columns - o));
            T* to = bias + (k + i) * L;
            store(to, first ? sum : load(to) + sum);
        }
    }
}

// The sums of all chunks, `pitch` elements apart, and of their lanes.
template <class T> T total_of(const T* sums, int64_t chunks, int64_t pitch) {
    Vec<T> total = load(sums);
    for (int64_t i = 1; i < chunks; ++i) total += load(sums + i * pitch);
    return sum_halves<T>(total);
}

template <class T> void run_dots(const BackwardWeightCall<T>& a, const ConvShape& s) {
    constexpr int64_t L = kLanes<T>;
    const DotProblem p = dot_problem<T>(s);
    T *all_bias = a.workspace + p.chunks * p.sums, *scratch = a.workspace + apart<T>(all_dots(p));
    parallel_for(p.chunks * p.k_splits, multiply_adds(s), [&](int64_t unit, int thread) {
        const int64_t chunk = unit / p.k_splits, split = unit % p.k_splits;
        const int64_t begin = p.k_tiles * split / p.k_splits, end = p.k_tiles * (split + 1) / p.k_splits;
        const int64_t first = p.strips * chunk / p.chunks, last = p.strips * (chunk + 1) / p.chunks;
        T* bias = a.dbias ? all_bias + chunk * p.bias_sums : nullptr;
        for (int64_t i = first; i < last; ++i)
            sum_dots(a, p, s, dot_strip(p, i), begin * p.tile_outputs, end * p.tile_outputs,
                     a.workspace + chunk * p.sums, bias, i == first, scratch + thread * p.scratch);
    });
    parallel_for(p.oc, p.chunks * p.sums, [&](int64_t k, int) {
        for (int64_t lane = 0; lane < p.lanes; ++lane)
            a.dweight[k * p.lanes + lane] =
                total_of(a.workspace + (p.slot(k) * p.lane_tiles * p.tile_lanes + lane) * L, p.chunks, p.sums);
        if (a.dbias) a.dbias[k] = total_of(all_bias + p.slot(k) * L, p.chunks, p.bias_sums);
    });
}

// Larger maps of so few channels that a new layout of dy would be used too little; rows that fill their vectors.
template <class T> bool takes_dots(const ConvShape& s) {
    constexpr int64_t L = kLanes<T>;
    if (s.groups > 1 || s.oc < kDotOutputs || s.id * s.kd * s.od > 1 || s.sh * s.sw > 1) return false;
    if (s.kh * s.kw == 1 || s.oh * s.ow < kDotPositions) return false;
    const int64_t waste = ceil_div(s.ow, L) * L - s.ow;
    if (s.ow < kDotShort ? s.ic > 1 : s.ic > kDotChannels || kDotWaste * waste > s.ow) return false;
    const double wide = (s.kw - 1.0) * s.dil_w + s.ow, tall = (s.kh - 1.0) * s.dil_h + 1;
    return larger(s.ic, s.kw) * wide * tall * sizeof(T) <= kWidestGather;
}

}   // namespace
}   // namespace tk::TK_ISA
