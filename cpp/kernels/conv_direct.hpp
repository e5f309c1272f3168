// Direct convolution.
//
//   out[k, g] = sum over c, t of in[c, origin + g*step + t*reach] * weight[k, c, t]
//
// A thread copies a strip of input rows into zero-padded scratch (direct_layout.hpp), so that the inner loop knows no
// borders, and walks over blocks of packed output channels and, inside, over register tiles (direct_tile.hpp):
// neighbouring outputs of one row. Taps that only see padding are left out, row by row and tile by tile.
//
// Forward convolution is one such problem. So is each sub-pixel part of its input gradient, with output channels as
// input, reversed taps and outputs `step` apart (direct_problems.hpp). Every output's terms are added in the same order
// whatever tile, strip or thread computes it: sums of at most 96 terms in order of their channels, within each tap by
// tap, channel by channel.
#pragma once
#include "kernels/direct_layout.hpp"

namespace tk::TK_ISA {
namespace {

// The operands of a problem. bias, mask (of x's shape) and packed weights may be missing.
template <class T> struct DirectCall {
    T* y;
    const T *x, *mask, *weight, *bias, *packed;
    bool relu;
    T* workspace;
};

// Columns between `begin` and `end`, all within one zone: the middle, where every tap may see input, or a border.
struct Zones {
    int64_t begin[4];   // of the left border, the middle, the right border, and the end
};
inline Zones zones_of(const DirectProblem& p, const Strip& s) {
    Zones z{{0, 0, s.columns, s.columns}};
    if (p.w.taps == 1) return z;
    const int64_t step = p.w.stride * larger(p.w.step, 1), far = p.w.stride * (p.w.taps - 1) * p.w.reach;
    const Run first = positions_inside(p.w.grid, p.w.in, step, p.w.origin);
    const Run last = positions_inside(p.w.grid, p.w.in, step, p.w.origin + far);
    const int64_t left = first.begin - s.w0, right = last.end - s.w0, least = p.tile_pixels / 2;
    if (left >= least && left < s.columns) z.begin[1] = left;
    if (right <= s.columns - least && right > z.begin[1]) z.begin[2] = right;
    return z;
}

// The taps of a row that columns [begin, end) of the strip see.
inline Run taps_seen(const DirectProblem& p, const Strip& s, int64_t begin, int64_t end) {
    const int64_t first = p.w.origin + p.w.stride * (s.w0 + begin) * p.w.step;
    const int64_t last = p.w.origin + p.w.stride * (s.w0 + end - 1) * p.w.step;
    const int64_t reach = p.w.stride * p.w.reach;
    Run run{0, p.w.taps};
    while (run.begin < run.end && last + run.begin * reach < 0) ++run.begin;
    while (run.end > run.begin && first + (run.end - 1) * reach >= p.w.in) --run.end;
    return run;
}

// Output channels [k_begin, k_end) of a strip, whose input lies ready where it is staged.
template <class T, bool AlongPixels>
void compute_strip(const DirectCall<T>& a, const T* packed, const DirectProblem& p, const Strip& s, int64_t k_begin,
                   int64_t k_end, const T* staged, T* workspace) {
    RowTap* lists = reinterpret_cast<RowTap*>(workspace);
    const int64_t list_pitch = p.d.taps * p.h.taps + 1;
    int64_t* columns = reinterpret_cast<int64_t*>(lists + p.rows * list_pitch);
    for (int64_t r = 0; r < s.rows; ++r) list_taps(lists + r * list_pitch, p, s, r);
    list_columns(columns, p);
    const Zones zones = zones_of(p, s);
    TileArguments<T> tile{};
    tile.columns = columns;
    tile.taps = p.taps();
    tile.c_sum = p.c_sum;
    tile.channel_pitch = p.channel_pitch;
    tile.width = p.width;
    for (int64_t c_block = 0; c_block < p.c_blocks; ++c_block) {
        const int64_t c0 = c_block * p.c_block;
        tile.channels = smaller(p.c_block, p.ic - c0);
        const T* scratch = staged ? staged + c_block * p.strip : workspace + p.lists;
        if (!staged) copy_strip(workspace + p.lists, a.x, a.mask, p, s, c0, tile.channels);
        for (int64_t k_block = k_begin; k_block < k_end; ++k_block) {
            tile.packed = packed + (k_block - k_begin) * p.packed_block + c0 * tile.taps * p.width;
            const int64_t k0 = s.group * p.oc + k_block * p.outputs;
            T* out = a.y + (s.image * p.groups * p.oc + k0) * p.out_plane + p.out_offset + s.od * p.out_d;
            tile.to = {
                nullptr,      a.bias ? a.bias + k0 : nullptr,      p.out_plane,  p.out_w, p.oc - k_block * p.outputs,
                c_block == 0, a.relu && c_block == p.c_blocks - 1, p.w_pair != 0};
            for (int zone = 0; zone < 3; ++zone) {
                const int64_t w0 = zones.begin[zone], length = zones.begin[zone + 1] - w0;
                const int64_t unit = AlongPixels ? kLanes<T> : 1, units = ceil_div(length, unit);
                const int64_t tiles = ceil_div(length, p.tile_pixels);
                for (int64_t i = 0; i < tiles; ++i) {
                    const int64_t begin = w0 + units * i / tiles * unit;
                    const int64_t end = w0 + smaller(length, units * (i + 1) / tiles * unit);
                    const Run seen = taps_seen(p, s, begin, end);
                    tile.tap_begin = seen.begin;
                    tile.tap_end = seen.end;
                    tile.pixels = end - begin;
                    tile.in = scratch + begin;
                    const TileFunction<T> run = tile_of<T, AlongPixels>(tile.pixels, p.width);
                    for (int64_t r = 0; r < s.rows; ++r) {
                        tile.rows = lists + r * list_pitch;
                        tile.to.out = out + (s.h0 + r) * p.out_h + (s.w0 + begin) * p.out_w;
                        run(tile);
                    }
                }
            }
        }
    }
}

template <class T> void pack_all(T* packed, const T* weight, const DirectProblem& p) {
    parallel_for(p.groups * p.k_blocks, p.packed, [&](int64_t unit, int) {
        pack(packed + unit * p.packed_block, weight, p, unit / p.k_blocks, unit % p.k_blocks);
    });
}

inline Strip strip_of(const DirectProblem& p, int64_t image, int64_t group, int64_t strip) {
    const int64_t h0 = strip / p.column_strips % p.row_strips * p.rows, w0 = strip % p.column_strips * p.columns;
    const int64_t od = strip / p.column_strips / p.row_strips;
    return {image, group, od, h0, smaller(p.rows, p.h.grid - h0), w0, smaller(p.columns, p.w.grid - w0)};
}

// Weights pass the caches or outweigh the input: strips are staged for all of them, and each block is fetched once, by
// whom it stays with.
template <class T, bool AlongPixels>
void direct_by_blocks(const DirectCall<T>& a, const DirectProblem& p, int64_t work) {
    const int64_t strips = p.strips(), pitch = p.c_blocks * p.strip;
    T *staged = a.workspace, *scratch = staged + ceil_div(p.staged * pitch, 64) * 64;
    const int64_t all = p.n * strips;   // of one group
    for (int64_t group = 0; group < p.groups; ++group)
        for (int64_t first = 0; first < all; first += p.staged) {
            const int64_t count = smaller(p.staged, all - first);
            const auto strip = [&](int64_t i) {
                return strip_of(p, (first + i) / strips, group, (first + i) % strips);
            };
            parallel_for(count * p.c_blocks, work, [&](int64_t unit, int) {
                const int64_t c0 = unit % p.c_blocks * p.c_block;
                copy_strip(staged + unit * p.strip, a.x, a.mask, p, strip(unit / p.c_blocks), c0,
                           smaller(p.c_block, p.ic - c0));
            });
            const int64_t splits = larger(1, smaller(count, ceil_div(8, p.k_blocks)));
            parallel_for(p.k_blocks * splits, work, [&](int64_t unit, int thread) {
                T* own = scratch + thread * p.scratch;
                const int64_t k_block = unit / splits, split = unit % splits, block = group * p.k_blocks + k_block;
                const T* packed = a.packed ? a.packed + block * p.packed_block : own + p.lists;
                if (!a.packed) pack(own + p.lists, a.weight, p, group, k_block);
                for (int64_t i = count * split / splits; i < count * (split + 1) / splits; ++i)
                    compute_strip<T, AlongPixels>(a, packed, p, strip(i), k_block, k_block + 1, staged + i * pitch,
                                                  own);
            });
        }
}

// Runs a planned problem. workspace: direct_workspace() elements.
template <class T, bool AlongPixels> void direct(const DirectCall<T>& a, const DirectProblem& p) {
    const int64_t work = p.n * p.groups * p.oc * p.ic * p.taps() * p.d.grid * p.h.grid * p.w.grid;
    if (work == 0) return;
    const int64_t strips = p.strips();
    if (p.by_blocks) return direct_by_blocks<T, AlongPixels>(a, p, work);
    const T* packed = a.packed;
    T* scratch = a.workspace;
    if (!packed) {
        pack_all(a.workspace, a.weight, p);
        packed = a.workspace;
        scratch += ceil_div(p.packed, 64) * 64;
    }
    parallel_for(p.n * p.groups * strips * p.k_splits, work, [&](int64_t unit, int thread) {
        const int64_t k_split = unit % p.k_splits, strip = unit / p.k_splits % strips;
        const int64_t image = unit / p.k_splits / strips, group = image % p.groups;
        const int64_t k_begin = p.k_blocks * k_split / p.k_splits;
        compute_strip<T, AlongPixels>(a, packed + (group * p.k_blocks + k_begin) * p.packed_block, p,
                                      strip_of(p, image / p.groups, group, strip), k_begin,
                                      p.k_blocks * (k_split + 1) / p.k_splits, nullptr, scratch + thread * p.scratch);
    });
}

// Problems that run together: one's columns of y lie between those of the next. What they need in all.
struct Company {
    int64_t work, packed, scratch, strips;
};
inline Company company_of(const DirectProblem* parts, int64_t count) {
    Company all{};
    for (int64_t i = 0; i < count; ++i) {
        const DirectProblem& p = parts[i];
        all.work += p.n * p.groups * p.oc * p.ic * p.taps() * p.d.grid * p.h.grid * p.w.grid;
        all.packed = larger(all.packed, ceil_div(p.packed, 64) * 64);
        all.scratch = larger(all.scratch, p.scratch);
        all.strips = larger(all.strips, p.row_strips);
    }
    return all;
}
inline int64_t company_workspace(const DirectProblem* parts, int64_t count, int threads) {
    const Company all = company_of(parts, count);
    return count * all.packed + threads * all.scratch;   // weights of each, then scratch of each thread
}

// Whether a strip of `p` holds in scratch what one of `q` has left there.
inline bool same_strips(const DirectProblem& p, const DirectProblem& q) {
    return p.c_blocks == 1 && p.column_strips == 1 && p.rows == q.rows && p.lists == q.lists &&
           p.row_pitch == q.row_pitch && same_input(p.d, q.d) && same_input(p.h, q.h) && same_input(p.w, q.w);
}

// Planned problems, strip by strip: lines of y are visited again while they are near.
template <class T, bool AlongPixels>
void direct_together(const DirectCall<T>& a, const DirectProblem* parts, int64_t count) {
    const Company all = company_of(parts, count);
    const DirectProblem& first = parts[0];   // batch, groups, channels and depth are everybody's
    const int64_t blocks = first.groups * first.k_blocks, strips = first.d.grid * all.strips;
    if (all.work == 0) return;
    parallel_for(count * blocks, count * all.packed, [&](int64_t unit, int) {
        const int64_t block = unit % blocks;
        const DirectProblem& p = parts[unit / blocks];
        pack(a.workspace + unit / blocks * all.packed + block * p.packed_block, a.weight, p, block / p.k_blocks,
             block % p.k_blocks);
    });
    const int64_t images = first.n * first.groups;
    const int64_t k_splits = larger(1, smaller(first.k_blocks, ceil_div(8, images * strips)));
    parallel_for(images * strips * k_splits, all.work, [&](int64_t unit, int thread) {
        const int64_t k_split = unit % k_splits, image = unit / k_splits / strips, group = image % first.groups;
        const int64_t od = unit / k_splits % strips / all.strips, row = unit / k_splits % all.strips;
        const int64_t k_begin = first.k_blocks * k_split / k_splits;
        const int64_t k_end = first.k_blocks * (k_split + 1) / k_splits;
        T* scratch = a.workspace + count * all.packed + thread * all.scratch;
        const DirectProblem* before = nullptr;
        for (int64_t i = 0; i < count; ++i) {
            const DirectProblem& p = parts[i];
            if (row >= p.row_strips) continue;
            const T* packed = a.workspace + i * all.packed + (group * p.k_blocks + k_begin) * p.packed_block;
            const T* staged = before && same_strips(p, *before) ? scratch + p.lists : nullptr;
            before = &p;
            for (int64_t column = 0; column < p.column_strips; ++column) {
                const int64_t strip = (od * p.row_strips + row) * p.column_strips + column;
                compute_strip<T, AlongPixels>(a, packed, p, strip_of(p, image / p.groups, group, strip), k_begin, k_end,
                                              staged, scratch);
            }
        }
    });
}

}   // namespace
}   // namespace tk::TK_ISA
