// Direct convolution, vectorised over output channels.
//
//   out[k, g] = sum over c, t of in[c, origin + g*step + t*reach] * weight[k, c, t]
//
// A thread copies a strip of input rows into zero-padded scratch, so that the inner loop knows no borders: it holds
// kTilePixels neighbouring outputs of one row x 2 vectors of output channels in registers, broadcasts one input
// element per pixel and multiplies it with packed weights. Tiles are transposed in registers on their way out.
//
//   scratch  [row][channel][phase][position]   a row split by its phase modulo the step: pixels are neighbours
//   packed   [k block][c block][tap][channel][2 vectors]
//
// Forward convolution is one such problem. So is each sub-pixel part of its input gradient, with output channels as
// input, reversed taps and outputs `step` apart (conv.cpp). Every output's terms are added in the same order whatever
// tile, strip or thread computes it: channel blocks in order, within each tap by tap, channel by channel.
#pragma once
#include "kernels/conv_algorithms.hpp"
#include "kernels/positions.hpp"
#include "kernels/register_tile.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kTermsPerSum = 512;           // a longer sum is split: rounding errors stay small
constexpr int64_t kScratchBytes = 192 * 1024;   // a strip stays in L2 beside the weights
constexpr int64_t kPackedBytes = 6 << 20;       // more weights than this are packed by each thread as it goes

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

struct DirectProblem {
    int64_t n, groups, ic, oc;   // channels per group
    Axis d, h, w;
    int64_t in_plane;                                       // elements of one input channel
    int64_t out_plane, out_offset, out_d, out_h, out_w;     // elements between outputs
    int64_t w_origin, w_group, w_oc, w_ic, w_d, w_h, w_w;   // strides of the weight as the user keeps it
    // derived by plan():
    int64_t phases, c_block, c_blocks, k_blocks, rows, row_strips, columns, column_strips, k_splits;
    int64_t position_pitch, channel_pitch, row_pitch, lists, scratch, packed_block, packed;
    bool pack_all;

    void reduce() {
        d.reduce();
        h.reduce();
        w.reduce();
    }
    int64_t taps() const { return d.taps * h.taps * w.taps; }
    int64_t row_slots() const { return d.taps * h.span(rows); }
};

// A tap that a row really sees: where its input starts in scratch, and its number among the weights.
struct Tap {
    int64_t offset, index;
};

// Of the phases modulo the step only those that a tap falls into.
inline int64_t stored_phases(const Axis& w) { return larger(smaller(w.step, (w.taps - 1) * w.reach + 1), 1); }

// Whether one row of one channel with all its taps fits into scratch. Reckoned in double: hostile shapes overflow.
template <class T> bool fits(DirectProblem p) {
    p.reduce();
    const double positions = smaller(p.w.grid, 2 * kTilePixels) + (p.w.taps - 1.0) * p.w.reach / larger(p.w.step, 1);
    return p.d.taps * ((p.h.taps - 1.0) * p.h.reach + 1) * stored_phases(p.w) * positions * sizeof(T) <= kWidestStrip;
}

template <class T> void plan(DirectProblem& p, int threads) {
    p.reduce();
    const int64_t taps = p.taps(), budget = kScratchBytes / static_cast<int64_t>(sizeof(T));
    p.k_blocks = ceil_div(p.oc, kBlock<T>);
    p.c_blocks = ceil_div(p.ic * taps, larger(kTermsPerSum, taps));
    p.c_block = ceil_div(p.ic, p.c_blocks);
    p.phases = stored_phases(p.w);
    const int64_t phases = p.phases, overhang = (p.w.taps - 1) * p.w.reach / larger(p.w.step, 1) + 1;
    // Very wide reaches: fewer channels at a time.
    const int64_t narrow = p.d.taps * p.h.taps * phases * (smaller(p.w.grid, 2 * kTilePixels) + overhang);
    p.c_block = larger(1, smaller(p.c_block, 8 * budget / narrow));
    p.c_blocks = ceil_div(p.ic, p.c_block);
    // Columns, then rows, as many as the budget holds.
    p.rows = 1;
    const int64_t room = budget / (p.row_slots() * p.c_block * phases) - overhang;
    const int64_t widest = larger(2 * kTilePixels, room / kTilePixels * kTilePixels);
    p.column_strips = ceil_div(p.w.grid, widest);
    p.columns = ceil_div(p.w.grid, p.column_strips);
    p.position_pitch = p.columns + overhang - 1;
    p.channel_pitch = phases * p.position_pitch;
    p.row_pitch = p.c_block * p.channel_pitch;
    while (p.rows < p.h.grid) {
        ++p.rows;
        if (p.row_slots() * p.row_pitch > budget) {
            --p.rows;
            break;
        }
    }
    p.row_strips = ceil_div(p.h.grid, p.rows);
    p.rows = ceil_div(p.h.grid, p.row_strips);
    // Few strips: cut the output channels too, so that several threads find work.
    const int64_t units = p.n * p.groups * p.d.grid * p.row_strips * p.column_strips;
    p.k_splits = larger(1, smaller(p.k_blocks, ceil_div(8, larger(units, 1))));
    p.packed_block = p.c_block * taps * kBlock<T>;
    p.packed = p.groups * p.k_blocks * p.c_blocks * p.packed_block;
    p.pack_all = p.packed * static_cast<int64_t>(sizeof(T)) <= kPackedBytes * threads;
    // Per thread: the taps of each row, then scratch, then one packed block.
    p.lists = p.rows * (taps + 1) * static_cast<int64_t>(sizeof(Tap) / sizeof(T));
    p.scratch = ceil_div(p.lists + p.row_slots() * p.row_pitch + (p.pack_all ? 0 : p.packed_block), 64) * 64;
}

template <class T> DirectProblem planned(DirectProblem p, int threads) {
    plan<T>(p, threads);
    return p;
}

inline int64_t direct_workspace(const DirectProblem& p, int threads, bool packed = false) {
    return threads * p.scratch + (p.pack_all && !packed ? p.packed : 0);
}

// ---- the register tile ------------------------------------------------------------------------------------------

// acc[p][v] = sum over taps and channels of scratch[tap + channel + p] * packed[tap][channel][v]
template <class T, int Pixels, int Vectors>
TK_INLINE void accumulate(Vec<T> (&acc)[Pixels][Vectors], const T* in, const T* packed, const Tap* taps,
                          int64_t channels, int64_t channel_pitch) {
    constexpr int L = kLanes<T>;
#pragma GCC unroll 32
    for (int p = 0; p < Pixels; ++p)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) acc[p][v] = Vec<T>{};
    for (; taps->index >= 0; ++taps) {
        const T* x = in + taps->offset;
        const T* w = packed + taps->index * channels * (Vectors * L);
        asm volatile("" : "+r"(x), "+r"(w));   // keeps the compiler from hoisting loads across taps and spilling
        for (int64_t c = 0; c < channels; ++c, x += channel_pitch, w += Vectors * L) {
            Vec<T> factor[Vectors];
#pragma GCC unroll 2
            for (int v = 0; v < Vectors; ++v) factor[v] = load(w + v * L);
#pragma GCC unroll 32
            for (int p = 0; p < Pixels; ++p) {
                const Vec<T> value = broadcast(x[p]);
#pragma GCC unroll 2
                for (int v = 0; v < Vectors; ++v) acc[p][v] += value * factor[v];
            }
        }
    }
}

// Where a tile goes: out[channel * plane + pixel * pixel_stride] = (first ? bias : what is there) + acc, and ReLU of it
// where asked for
template <class T> struct Destination {
    T* out;
    const T* bias;   // nullptr: none
    int64_t plane, pixel_stride, channels;
    bool first, relu;
};

template <class T, int Pixels, int Vectors>
TK_INLINE void write(Vec<T> (&acc)[Pixels][Vectors], const Destination<T>& to) {
    constexpr int L = kLanes<T>;
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) {
        const int64_t channels = smaller(L, to.channels - v * L);
#pragma GCC unroll 4
        for (int p0 = 0; p0 < Pixels; p0 += L) {
            constexpr int last = Pixels;
            const int pixels = last - p0 < L ? last - p0 : L;
            Vec<T> rows[L];
#pragma GCC unroll 16
            for (int i = 0; i < L; ++i) rows[i] = p0 + i < Pixels ? acc[p0 + i < Pixels ? p0 + i : 0][v] : Vec<T>{};
            transpose<T>(rows);
            T* base = to.out + v * L * to.plane + p0 * to.pixel_stride;
            const T* bias = to.bias ? to.bias + v * L : nullptr;
#pragma GCC unroll 16
            for (int k = 0; k < L; ++k) {
                if (k >= channels) break;
                T* out = base + k * to.plane;
                if (to.pixel_stride == 1) {
                    Vec<T> sum = rows[k];
                    if (!to.first) sum += load_first(out, pixels);
                    else if (bias) sum += broadcast(bias[k]);
                    store_first(out, to.relu ? rectify<T>(sum) : sum, pixels);
                } else {
                    for (int i = 0; i < pixels; ++i) {
                        T* one = out + i * to.pixel_stride;
                        const T before = to.first ? (bias ? bias[k] : T(0)) : *one;
                        const T sum = rows[k][i] + before;
                        *one = to.relu ? rectify_one(sum) : sum;
                    }
                }
            }
        }
    }
}

template <class T> struct TileArguments {
    const T *in, *packed;
    const Tap* taps;
    int64_t channels, channel_pitch;
    Destination<T> to;
};

template <class T, int Pixels, int Vectors> [[gnu::noinline]] void tile(const TileArguments<T>& a) {
    Vec<T> acc[Pixels][Vectors];
    accumulate<T, Pixels, Vectors>(acc, a.in, a.packed, a.taps, a.channels, a.channel_pitch);
    write<T, Pixels, Vectors>(acc, a.to);
}

template <class T, int Pixels> void tile_of(int64_t pixels, int vectors, const TileArguments<T>& a) {
    if constexpr (Pixels > 0) {
        if (pixels == Pixels) return vectors == 2 ? tile<T, Pixels, 2>(a) : tile<T, Pixels, 1>(a);
        tile_of<T, Pixels - 1>(pixels, vectors, a);
    }
}

// ---- packing and copying ----------------------------------------------------------------------------------------

// Output channels k0.. of a block that holds one vector only when one suffices.
template <class T> inline int vectors_of(const DirectProblem& p, int64_t k_block) {
    return p.oc - k_block * kBlock<T> > kLanes<T> ? 2 : 1;
}

template <class T>
void pack(T* to, const T* weight, const DirectProblem& p, int64_t group, int64_t k_block, int64_t c_block) {
    const int64_t k0 = k_block * kBlock<T>, c0 = c_block * p.c_block;
    const int64_t width = vectors_of<T>(p, k_block) * kLanes<T>;
    const int64_t channels = smaller(p.c_block, p.ic - c0), outputs = smaller(width, p.oc - k0);
    const T* from = weight + p.w_origin + group * p.w_group + k0 * p.w_oc + c0 * p.w_ic;
    for (int64_t a = 0; a < p.d.taps; ++a)
        for (int64_t b = 0; b < p.h.taps; ++b)
            for (int64_t e = 0; e < p.w.taps; ++e)
                for (int64_t c = 0; c < channels; ++c, to += width) {
                    const T* w = from + a * p.w_d + b * p.w_h + e * p.w_w + c * p.w_ic;
                    for (int64_t k = 0; k < outputs; ++k) to[k] = w[k * p.w_oc];
                    for (int64_t k = outputs; k < width; ++k) to[k] = 0;
                }
}

// One scratch row of one channel: positions origin + stride*q, q counted from `start`, split by phase q mod step into
// `phases` runs of `pitch` positions.
template <class T> void copy_row(T* to, const T* row, const Axis& w, int64_t phases, int64_t pitch, int64_t start) {
    const int64_t stride = w.stride * larger(w.step, 1), first = w.origin + w.stride * start;
    for (int64_t phase = 0; phase < phases; ++phase, to += pitch) {
        const Run run = positions_inside(pitch, w.in, stride, first + w.stride * phase);
        const T* from = row + first + w.stride * phase;
        for (int64_t q = 0; q < run.begin; ++q) to[q] = 0;
        if (stride == 1)
            for (int64_t q = run.begin; q < run.end; ++q) to[q] = from[q];
        else
            for (int64_t q = run.begin; q < run.end; ++q) to[q] = from[q * stride];
        for (int64_t q = run.end; q < pitch; ++q) to[q] = 0;
    }
}

// ---- one strip --------------------------------------------------------------------------------------------------

struct Strip {
    int64_t image, group, od, h0, rows, w0, columns;
};

// The taps that output row h0 + r of the strip sees, ended by one of index -1; taps of rows that lie in the
// padding are left out.
inline void list_taps(Tap* taps, const DirectProblem& p, const Strip& s, int64_t r) {
    const int64_t step = larger(p.w.step, 1);
    for (int64_t a = 0; a < p.d.taps; ++a) {
        const int64_t zd = p.d.origin + p.d.stride * (s.od * p.d.step + a * p.d.reach);
        if (zd < 0 || zd >= p.d.in) continue;
        for (int64_t b = 0; b < p.h.taps; ++b) {
            const int64_t slot = r * p.h.step + b * p.h.reach;
            const int64_t zh = p.h.origin + p.h.stride * (s.h0 * p.h.step + slot);
            if (zh < 0 || zh >= p.h.in) continue;
            const int64_t row = (a * p.h.span(p.rows) + slot) * p.row_pitch;
            for (int64_t e = 0; e < p.w.taps; ++e) {
                const int64_t q = e * p.w.reach;
                *taps++ = {row + q % step * p.position_pitch + q / step, (a * p.h.taps + b) * p.w.taps + e};
            }
        }
    }
    *taps = {0, -1};
}

template <class T>
void copy_strip(T* scratch, const T* x, const DirectProblem& p, const Strip& s, int64_t c0, int64_t channels) {
    const int64_t span = p.h.span(s.rows);
    for (int64_t a = 0; a < p.d.taps; ++a) {
        const int64_t zd = p.d.origin + p.d.stride * (s.od * p.d.step + a * p.d.reach);
        if (zd < 0 || zd >= p.d.in) continue;
        for (int64_t slot = 0; slot < span; ++slot) {
            const int64_t zh = p.h.origin + p.h.stride * (s.h0 * p.h.step + slot);
            if (zh < 0 || zh >= p.h.in) continue;
            T* to = scratch + (a * p.h.span(p.rows) + slot) * p.row_pitch;
            const T* from = x + ((s.image * p.groups + s.group) * p.ic + c0) * p.in_plane + (zd * p.h.in + zh) * p.w.in;
            for (int64_t c = 0; c < channels; ++c)
                copy_row(to + c * p.channel_pitch, from + c * p.in_plane, p.w, p.phases, p.position_pitch,
                         s.w0 * p.w.step);
        }
    }
}

// The operands of a problem: out, in, weight; bias or nullptr.
template <class T> struct DirectCall {
    T* y;
    const T *x, *weight, *bias, *packed;
    bool relu;
    T* workspace;
};

template <class T>
void compute_strip(const DirectCall<T>& a, const T* packed, const DirectProblem& p, const Strip& s, int64_t k_begin,
                   int64_t k_end, T* workspace) {
    Tap* lists = reinterpret_cast<Tap*>(workspace);
    T* scratch = workspace + p.lists;
    T* own_pack = scratch + p.row_slots() * p.row_pitch;
    const int64_t tiles = ceil_div(s.columns, kTilePixels), list_pitch = p.taps() + 1;
    for (int64_t r = 0; r < s.rows; ++r) list_taps(lists + r * list_pitch, p, s, r);
    for (int64_t c_block = 0; c_block < p.c_blocks; ++c_block) {
        const int64_t c0 = c_block * p.c_block, channels = smaller(p.c_block, p.ic - c0);
        copy_strip(scratch, a.x, p, s, c0, channels);
        for (int64_t k_block = k_begin; k_block < k_end; ++k_block) {
            const T* w = own_pack;
            if (packed) w = packed + ((s.group * p.k_blocks + k_block) * p.c_blocks + c_block) * p.packed_block;
            else pack(own_pack, a.weight, p, s.group, k_block, c_block);
            const int64_t k0 = s.group * p.oc + k_block * kBlock<T>;
            const int vectors = vectors_of<T>(p, k_block);
            T* out = a.y + (s.image * p.groups * p.oc + k0) * p.out_plane + p.out_offset + s.od * p.out_d;
            for (int64_t r = 0; r < s.rows; ++r) {
                for (int64_t i = 0; i < tiles; ++i) {
                    const int64_t begin = s.columns * i / tiles, end = s.columns * (i + 1) / tiles;
                    T* to = out + (s.h0 + r) * p.out_h + (s.w0 + begin) * p.out_w;
                    const Destination<T> destination{to,
                                                     a.bias ? a.bias + k0 : nullptr,
                                                     p.out_plane,
                                                     p.out_w,
                                                     p.oc - k_block * kBlock<T>,
                                                     c_block == 0,
                                                     a.relu && c_block == p.c_blocks - 1};
                    tile_of<T, kTilePixels>(
                        end - begin, vectors,
                        {scratch + begin, w, lists + r * list_pitch, channels, p.channel_pitch, destination});
                }
            }
        }
    }
}

template <class T> void pack_all(T* packed, const T* weight, const DirectProblem& p) {
    parallel_for(p.groups * p.k_blocks * p.c_blocks, p.packed, [&](int64_t unit, int) {
        pack(packed + unit * p.packed_block, weight, p, unit / (p.k_blocks * p.c_blocks),
             unit / p.c_blocks % p.k_blocks, unit % p.c_blocks);
    });
}

// Runs a planned problem. workspace: direct_workspace() elements.
template <class T> void direct(const DirectCall<T>& a, const DirectProblem& p) {
    const int64_t work = p.n * p.groups * p.oc * p.ic * p.taps() * p.d.grid * p.h.grid * p.w.grid;
    if (work == 0) return;
    const T* packed = a.packed;
    T* scratch = a.workspace;
    if (!packed && p.pack_all) {
        pack_all(a.workspace, a.weight, p);
        packed = a.workspace;
        scratch += p.packed;
    }
    const int64_t strips = p.d.grid * p.row_strips * p.column_strips;
    parallel_for(p.n * p.groups * strips * p.k_splits, work, [&](int64_t unit, int thread) {
        const int64_t k_split = unit % p.k_splits, strip = unit / p.k_splits % strips;
        const int64_t image = unit / p.k_splits / strips;
        const int64_t h0 = strip / p.column_strips % p.row_strips * p.rows, w0 = strip % p.column_strips * p.columns;
        const Strip s{image / p.groups,
                      image % p.groups,
                      strip / p.column_strips / p.row_strips,
                      h0,
                      smaller(p.rows, p.h.grid - h0),
                      w0,
                      smaller(p.columns, p.w.grid - w0)};
        compute_strip(a, packed, p, s, p.k_blocks * k_split / p.k_splits, p.k_blocks * (k_split + 1) / p.k_splits,
                      scratch + thread * p.scratch);
    });
}

}   // namespace
}   // namespace tk::TK_ISA
