// A strip of a direct convolution whose input is read where it lies (conv_direct.hpp).
#pragma once
#include "kernels/direct_call.hpp"
#include "kernels/direct_pack.hpp"

namespace tk::TK_ISA {
namespace {

// Tiles along pixels, whose pixels are known here; the input of the tile so many ahead is called in meanwhile.
constexpr int64_t kTilesAhead = 2;
template <class T> constexpr int64_t kPixels = kPixelVectors * kLanes<T>;

// Whether a tile of 1x1 does not stay in the nearest cache: as many channels as that has ways lie at one place of a
// page, and so in one set. Of 112x112 from 48 channels on, of 56x56 from 192. Copied by the first block of output
// channels they are read 1.07 to 1.8 times as fast; of half as many channels 0.96, of 12 alone 0.95. Many channels are
// taken in shares whose copy stays there (docs/adr/0045).
constexpr int64_t kPageBytes = 4096, kWays = 12;
template <class T> bool is_crowded(const DirectProblem& p) {
    const int64_t apart = gcd(p.in_plane * static_cast<int64_t>(sizeof(T)), kPageBytes);
    return p.w.taps == 1 && !p.windows.rows && p.width == kPixelRows && p.ic > kWays && p.columns >= kPixels<T> &&
           (p.shares || p.ic * apart >= kWays * kPageBytes);
}

// Output channels [k_begin, k_end) of a strip that is read where it lies; their weights lie `pitch` apart. A tile along
// pixels meets all of them while its input is in L1; along channels it is their weights that stay, and where few inputs
// make many outputs that are written within the caches, each block's long runs. What one tile does is short, as are
// tiles of few terms.
// packs: where the first tile packs the weights of one block, or nullptr. room: where a tile's input may be copied to.
template <class T, bool AlongPixels>
void compute_in_place(const DirectCall<T>& a, const T* packed, int64_t pitch, const DirectProblem& p, const Strip& s,
                      int64_t k_begin, int64_t k_end, T* packs, ColumnTap* columns, T* room) {
    constexpr RowTap row[] = {{0, 0}, {0, -1}};
    list_columns(columns, p, s, true, 0, s.columns);
    const int64_t packing = !AlongPixels && packs ? p.tile_pixels : 0;   // pixels of the first tile
    const Cut cut = cut_of<T, AlongPixels>(p, s.columns - packing);
    const int64_t tiles = cut.count, blocks = k_end - k_begin;
    const bool tiles_first = AlongPixels && !p.blocks_first, windows = kWindows<T, AlongPixels> && p.windows.rows;
    const bool streams = writes_past_cache<T, AlongPixels>(a, p) && (s.w0 | s.columns) % kLanes<T> == 0;
    const bool far = !streams && (AlongPixels || p.far_outputs);
    const int64_t tile_pixels = AlongPixels ? kPixels<T> : p.tile_pixels, plane = s.image * p.groups + s.group;
    T *const image = a.y + plane * p.oc * p.out_plane, *const first = image + s.w0;
    const T* const bias = a.bias ? a.bias + s.group * p.oc : nullptr;
    const bool copies = kCopied<T, AlongPixels> && room && tiles_first && blocks > 2 && is_crowded<T>(p);
    Eights eights{};
    TileArguments<T> tile{};
    tile.rows = row;
    tile.columns = columns;
    tile.taps = tile.tap_end = p.w.taps;
    tile.c_sum = p.c_sum;
    place_in_a_row(tile);
    for (int64_t c_block = 0; c_block < p.c_blocks; ++c_block) {
        const int64_t c0 = c_block * p.c_block;
        const T* const in = a.x + (plane * p.ic + c0) * p.in_plane + s.w0;
        tile.channels = smaller(p.c_block, p.ic - c0);
        tile.to = destination_of(a, p, c_block);
        tile.to.eights = &eights;
        tile.to.streams = streams;
        const int64_t share = ceil_div(tile.channels, blocks);   // channels of which a tile calls in input
        tile.every = tile.channels / share;
        tile.copies = room;
        int64_t pixel = 0;
        const auto take_pixels = [&](int64_t i) {
            const Run range = i < 0 ? Run{-packing, 0} : tile_run<T, AlongPixels>(cut, i);
            pixel = packing + range.begin;
            tile.pixels = range.end - range.begin;
            tile.in = in + pixel, tile.channel_pitch = p.in_plane;
            if (windows) eights = eights_of(p.windows, (s.w0 + pixel) % p.windows.columns, tile.pixels);
        };
        const auto run = [&](int64_t block) __attribute__((always_inline)) {
            const int64_t k = (k_begin + block) * p.outputs;
            tile.width = width_of<T>(p, k_begin + block);
            tile.packed = packed + block * pitch + c0 * tile.taps * tile.width;
            tile.to.out = first + k * p.out_plane + pixel;
            tile.to.bias = bias ? bias + k : nullptr;
            tile.to.channels = p.oc - k;
            if (kLattice<T, AlongPixels> && p.lattice.columns) {
                to_lattice(tile.to, image + k * p.out_plane, s.w0 + pixel, pixel + tile.pixels == s.columns);
            } else if (windows) {
                to_windows(tile.to, image, eights, k, s.w0 + pixel);
                fetch_windows(tile.to, p);
            } else if (far) fetch_outputs(tile.to.out + tile_pixels, p, tile.to.channels, tile_pixels);
            if (!AlongPixels && pixel < packing) {
                tile.packs = packs + c0 * tile.width;
                tile.raw = weights_of(a.weight, p, s.group, k_begin) + c0 * p.w_ic;
                tile.raw_pitch = p.w_ic;
                packing_tile<T, AlongPixels>()(tile);
            } else if (copies && tile.pixels > kPixels<T> - kLanes<T>) {
                copied_tile<T, AlongPixels>(block == 0)(tile);
                tile.in = room, tile.channel_pitch = kPixels<T>;
            } else tile_of<T, AlongPixels, true>(tile.pixels, tile.width)(tile);
        };
        if (tiles_first) {
            for (int64_t i = 0; i < tiles; ++i) {
                take_pixels(i);
                for (int64_t block = 0; block < blocks; ++block) {
                    tile.ahead = block < 2 ? kTilesAhead * kPixels<T> + block * kCalledIn<T> : 0;
                    if (copies) {
                        const bool some = block * share < tile.channels;
                        tile.later = in + pixel + (some ? block * share * p.in_plane + kTilesAhead * kPixels<T> : 0);
                        tile.later_pitch = some ? p.in_plane : 0;
                    }
                    run(block);
                }
            }
        } else
            for (int64_t block = 0; block < blocks; ++block)
                for (int64_t i = packs ? -1 : 0; i < tiles; ++i) {
                    take_pixels(i);
                    run(block);
                }
    }
}

// Whether the first tile of output channels `k_block` of a strip that is read where it lies can pack their weights, of
// 1x1 on its way back. It is of the most pixels; on a lattice others may not be of fewer than half as many.
template <class T, bool AlongPixels>
bool packs_on_its_way(const DirectCall<T>& a, const DirectProblem& p, const Strip& s, int64_t k_block) {
    const int64_t rest = s.columns - p.tile_pixels;
    return kTuned<T> && !AlongPixels && columns_in_place<T, AlongPixels>(a, p, s).end == s.columns && p.w_oc == 1 &&
           p.oc - k_block * p.outputs >= kBlock<T> && rest >= 0 &&
           (!p.lattice.columns || rest == 0 || 2 * rest >= p.tile_pixels);
}

}   // namespace
}   // namespace tk::TK_ISA
