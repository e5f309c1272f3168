// Direct convolution.
//
//   out[k, g] = sum over c, t of in[c, origin + g*step + t*reach] * weight[k, c, t]
//
// A thread copies a strip of input rows into zero-padded scratch (direct_layout.hpp), so that the inner loop knows no
// borders, and walks over blocks of packed output channels and, inside, over register tiles (direct_strip.hpp):
// neighbouring outputs of one row. Taps that only see padding are left out, row by row and tile by tile; along channels
// so are a tile's outermost two pixels, of taps at which those see it. What lies in one row, 1x1 and along pixels
// signals, is read where the user keeps it (direct_in_place.hpp), but for columns that see padding.
//
// Forward convolution is one such problem. So is each sub-pixel part of its input gradient, with output channels as
// input, reversed taps and outputs `step` apart (direct_problems.hpp). Every output's terms are added in the same order
// whatever tile, strip or thread computes it: sums of at most 96 terms (of planes, on the average) in order of their
// channels, within each tap by tap, channel by channel; or, of problems that take a row's taps at once
// (direct_row_tile.hpp), row by row.
#pragma once
#include "kernels/direct_in_place.hpp"
#include "kernels/direct_nines.hpp"
#include "kernels/direct_strip.hpp"

namespace tk::TK_ISA {
namespace {

// One block's weights, or one of `cuts` pieces of them.
template <class T, bool AlongPixels>
void pack_block(T* packed, const T* weight, const Company& all, int64_t block, int64_t cut = 0, int64_t cuts = 1) {
    const DirectProblem& first = all.parts[0];
    const int64_t group = block / first.k_blocks, k = block % first.k_blocks;
    if constexpr (kTuned<T> && !AlongPixels)
        if (deals_nine<T>(all, k))
            return pack_nines(packed, weight + group * first.w_group + k * first.outputs * first.w_oc, all,
                              width_of<T>(first, k), first.ic * cut / cuts, first.ic * (cut + 1) / cuts);
    for (int64_t i = 0; i < all.count; ++i) {
        const DirectProblem& p = all.parts[i];
        pack(packed + all.packed_at[i], weight, p, group, k, p.c_sums * cut / cuts, p.c_sums * (cut + 1) / cuts);
    }
}
template <class T, bool AlongPixels> void pack_all(T* packed, const T* weight, const Company& all) {
    const int64_t blocks = all.frame.groups * all.parts[0].k_blocks, cuts = ceil_div(8, blocks);
    parallel_for(blocks * cuts, all.packed, [&](int64_t unit, int) {
        pack_block<T, AlongPixels>(packed + unit / cuts * all.packed_block, weight, all, unit / cuts, unit % cuts,
                                   cuts);
    });
}

[[gnu::noinline]] inline Strip strip_of(const DirectProblem& p, int64_t image, int64_t group, int64_t strip) {
    const int64_t across = strip % p.column_strips, down = strip / p.column_strips % p.row_strips;
    const int64_t od = strip / p.column_strips / p.row_strips;
    const int64_t h0 = p.cut_rows * down / p.row_strips, w0 = p.cut_columns * across / p.column_strips * p.column_unit;
    const int64_t h1 = p.cut_rows * (down + 1) / p.row_strips;
    const int64_t w1 = p.cut_columns * (across + 1) / p.column_strips * p.column_unit;
    return {image, group, od, h0, smaller(p.h.grid, h1) - h0, w0, smaller(p.w.grid, w1) - w0};
}

// Columns [begin, end) of a strip.
inline Strip columns_of(Strip s, const Run& columns) {
    s.w0 += columns.begin;
    s.columns = columns.end - columns.begin;
    return s;
}

// Strip `strip`, counted over the images of a group.
inline Strip place_of(const DirectProblem& p, int64_t group, int64_t strip) {
    return strip_of(p, strip / p.strips(), group, strip % p.strips());
}

// Whether a strip is copied once, by each thread that takes output channels of it: for several parts, or channels that
// are dealt out.
template <class T> bool copies_once(const DirectCall<T>& a, const Company& all) {
    const DirectProblem& f = all.frame;
    const bool in_x = kTuned<T> && !a.mask && (f.straight || f.planes);
    return all.count > 1 || (all.k_splits > 1 && f.c_blocks == 1 && !f.in_place && !in_x);
}

// Output channels [k_begin, k_end) of strip `strip`, counted over the images of a group. Parts take turns block by
// block: lines of y are visited again while they are near. packs: where the weights are packed on the way, or nullptr.
template <class T, bool AlongPixels>
void compute_parts(const DirectCall<T>& a, const T* packed, const Company& all, int64_t group, int64_t strip,
                   int64_t k_begin, int64_t k_end, const T* staged, T* own, T* packs = nullptr) {
    const DirectProblem& f = all.frame;
    const int64_t image = strip / f.strips(), number = strip % f.strips(), step = all.count > 1 ? 1 : k_end - k_begin;
    if (!staged && copies_once(a, all)) {
        int64_t& last = strip_in(own, all);
        if (last != strip * f.groups + group)
            copy_strip(own + f.lists, a.x, a.mask, f, strip_of(f, image, group, number), 0, f.ic);
        last = strip * f.groups + group;
        staged = own + f.lists;
    }
    for (int64_t k = k_begin; k < k_end; k += step, packed += step * all.packed_block)
        for (int64_t i = 0; i < all.count; ++i) {
            const DirectProblem& p = all.parts[i];
            const Strip s = strip_of(p, image, group, number);
            if (s.rows <= 0 || s.columns <= 0) continue;   // the last row and column may be some parts' alone
            const Run near = staged ? Run{0, 0} : columns_in_place<T, AlongPixels>(a, p, s);
            if constexpr (kTuned<T>)
                if (near.end > 0)
                    compute_in_place<T, AlongPixels>(a, packed, all.packed_block, p, columns_of(s, near), k, k + step,
                                                     packs, reinterpret_cast<ColumnTap*>(own),
                                                     all.by_blocks ? nullptr : own + f.lists);
            for (bool left = kTuned<T> && AlongPixels;; left = false) {   // of what is left and right of them
                const Run rest = left ? Run{0, near.begin} : Run{near.end, s.columns};
                if (rest.begin < rest.end)
                    compute_strip<T, AlongPixels>(a, packed + all.packed_at[i], all.packed_block, p,
                                                  columns_of(s, rest), k, k + step, staged, own);
                if (!left) break;
            }
        }
}

// Weights pass the caches or outweigh the input: strips are staged for all of them, and each block is fetched once, by
// whom it stays with.
template <class T, bool AlongPixels> void direct_by_blocks(const DirectCall<T>& a, const Company& all) {
    const DirectProblem& f = all.frame;
    const int64_t strips = f.n * f.strips(), pitch = f.c_blocks * f.strip, k_blocks = all.parts[0].k_blocks;
    T *staged = a.workspace, *scratch = staged + ceil_div(all.staged * pitch, 64) * 64;
    for (int64_t group = 0; group < f.groups; ++group)
        for (int64_t first = 0; first < strips; first += all.staged) {
            const int64_t count = smaller(all.staged, strips - first);
            parallel_for(count * f.c_blocks, all.work, [&](int64_t unit, int) {
                const int64_t c0 = unit % f.c_blocks * f.c_block;
                const Strip s = place_of(f, group, first + unit / f.c_blocks);
                if (needs_no_copy<T, AlongPixels>(a, f, s)) return;
                copy_strip(staged + unit * f.strip, a.x, a.mask, f, s, c0, smaller(f.c_block, f.ic - c0));
            });
            // Units that share a block pack it each: none where blocks alone are even shares.
            const int64_t units = k_blocks % max_threads() == 0 ? k_blocks : 8;
            const int64_t splits = larger(1, smaller(count, ceil_div(units, k_blocks)));
            parallel_for(k_blocks * splits, all.work, [&](int64_t unit, int thread) {
                T* own = scratch + thread * all.scratch;
                const int64_t k = unit / splits, split = unit % splits, block = group * k_blocks + k;
                const T* packed = a.packed ? a.packed + block * all.packed_block : own + f.lists;
                const int64_t begin = count * split / splits, end = count * (split + 1) / splits;
                const bool on_its_way =
                    !a.packed && packs_on_its_way<T, AlongPixels>(a, f, place_of(f, group, first + begin), k);
                if (!a.packed && !on_its_way) pack_block<T, AlongPixels>(own + f.lists, a.weight, all, block);
                for (int64_t i = begin; i < end; ++i) {
                    const bool in_x = needs_no_copy<T, AlongPixels>(a, f, place_of(f, group, first + i));
                    compute_parts<T, AlongPixels>(a, packed, all, group, first + i, k, k + 1,
                                                  in_x ? nullptr : staged + i * pitch, own,
                                                  i == begin && on_its_way ? own + f.lists : nullptr);
                }
            });
        }
}

// Runs planned problems. workspace: direct_workspace() elements.
template <class T, bool AlongPixels> void direct(const DirectCall<T>& a, const Company& all) {
    if (all.work == 0) return;
    if (all.by_blocks) return direct_by_blocks<T, AlongPixels>(a, all);
    const DirectProblem& f = all.frame;
    const T* packed = a.packed;
    T* scratch = a.workspace;
    if (!packed) {
        pack_all<T, AlongPixels>(a.workspace, a.weight, all);
        packed = a.workspace;
        scratch += ceil_div(all.packed, 64) * 64;
    }
    const int64_t k_blocks = all.parts[0].k_blocks;
    for (int64_t thread = 0; thread < max_threads(); ++thread) strip_in(scratch + thread * all.scratch, all) = -1;
    parallel_for(all.units * all.k_splits, all.work, [&](int64_t unit, int thread) {
        const int64_t k_split = unit % all.k_splits, strip = unit / all.k_splits % f.strips();
        const int64_t image = unit / all.k_splits / f.strips(), group = image % f.groups;
        const int64_t k_begin = k_blocks * k_split / all.k_splits;
        compute_parts<T, AlongPixels>(a, packed + (group * k_blocks + k_begin) * all.packed_block, all, group,
                                      image / f.groups * f.strips() + strip, k_begin,
                                      k_blocks * (k_split + 1) / all.k_splits, nullptr, scratch + thread * all.scratch);
    });
}

}   // namespace
}   // namespace tk::TK_ISA
