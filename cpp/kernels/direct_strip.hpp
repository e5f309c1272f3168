// One strip of a direct convolution (conv_direct.hpp): its register tiles (direct_tile.hpp), read where the input lies,
// or out of scratch, row by row or over rows.
#pragma once
#include "kernels/direct_columns.hpp"
#include "kernels/direct_pack.hpp"
#include "kernels/direct_pixel_tile.hpp"
#include "kernels/direct_row_tile.hpp"

namespace tk::TK_ISA {
namespace {

template <class T, bool AlongPixels, bool InPlace = false> TileFunction<T> tile_of(int64_t pixels, int64_t width) {
    if constexpr (AlongPixels) return pixel_tile_of<T, kPixelRows, InPlace>(pixels, width);
    else return channel_tile_of<T, kChannelPixels<T>>(pixels, width);
}

// The operands of a problem. bias, mask (of x's shape) and packed weights may be missing.
template <class T> struct DirectCall {
    T* y;
    const T *x, *mask, *weight, *bias, *packed;
    bool relu;
    T* workspace;
};

// Zeros in a strip's rows, and in what lies between them and the next, of the first `channels` planes.
template <class T> void clear(T* plane, const DirectProblem& p, const Strip& s, int64_t channels) {
    const int64_t begin = s.h0 * p.out_h, last = s.h0 + s.rows;
    const int64_t end = last == p.h.grid ? p.out_plane : last * p.out_h;
    for (int64_t c = 0; c < channels; ++c) zero_run(plane + c * p.out_plane + begin, end - begin);
}

// The columns of a strip that are read where they lie: all of their taps meet input. Vectors of pixels run on into the
// next channel, but not past the last one.
template <class T, bool AlongPixels>
Run columns_in_place(const DirectCall<T>& a, const DirectProblem& p, const Strip& s) {
    if (!kTuned<T> || !p.in_place || a.mask) return {0, 0};
    const int64_t far = (p.w.taps - 1) * p.w.reach, end = smaller(s.w0 + s.columns, p.w.in - p.w.origin - far);
    const int64_t begin = larger(s.w0, -p.w.origin), unit = AlongPixels ? kLanes<T> : 1, length = end - begin;
    const int64_t channel = (s.image * p.groups + s.group + 1) * p.ic - 1;
    const int64_t last = channel * p.in_plane + p.w.origin + far + begin + ceil_div(length, unit) * unit;
    const int64_t inside = last <= p.n * p.groups * p.ic * p.in_plane ? length : far ? length / unit * unit : 0;
    return inside > 0 ? Run{begin - s.w0, begin - s.w0 + inside} : Run{0, 0};
}

// Whether a strip needs no copy.
template <class T, bool AlongPixels>
bool needs_no_copy(const DirectCall<T>& a, const DirectProblem& p, const Strip& s) {
    const Run in_place = columns_in_place<T, AlongPixels>(a, p, s);
    return kTuned<T> && p.planes ? !a.mask : in_place.end - in_place.begin == s.columns;
}

// Whether tiles along pixels write an output past the cache, each vector a whole line.
template <class T, bool AlongPixels> bool writes_past_cache(const DirectCall<T>& a, const DirectProblem& p) {
    constexpr int64_t L = kLanes<T>;
    return kTuned<T> && L == kCacheLine<T> && AlongPixels && !p.windows.rows && p.out_w == 1 && p.c_blocks == 1 &&
           p.width == kPixelRows && p.oc % kPixelRows == 0 && p.w.grid % L == 0 && p.out_h % L == 0 &&
           p.out_plane % L == 0 && past_cache(a.y, p.n * p.groups * p.oc * p.out_plane);
}

// Tiles along pixels, whose pixels are known here; the input of the tile so many ahead is called in meanwhile.
constexpr int64_t kTilesAhead = 2;
template <class T> constexpr int64_t kPixels = kPixelVectors * kLanes<T>;

// Calls in the `count` elements of a tile's outputs from `out` on, in each channel.
template <class T> TK_INLINE void fetch_outputs(T* out, const DirectProblem& p, int64_t channels, int64_t count) {
    for (int64_t n = smaller(p.outputs, channels); n > 0; --n, out += p.out_plane) fetch_to_write(out, count);
}

// Of a tile whose first pixel is this one; the first channel's plane starts at `plane`.
template <class T> TK_INLINE void to_lattice(Destination<T>& to, T* plane, int64_t pixel, bool ends) {
    to.out = plane;
    to.pixel = pixel;
    to.ends = ends;
}

// Output channels [k_begin, k_end) of a strip that is read where it lies; their weights lie `pitch` apart. A tile along
// pixels meets all of them while its input is in L1; along channels it is their weights that stay, and where few inputs
// make many outputs that are written within the caches, each block's long runs. What one tile does is short, as are
// tiles of few terms.
// packs: where the first tile packs the weights of one block, or nullptr.
template <class T, bool AlongPixels>
void compute_in_place(const DirectCall<T>& a, const T* packed, int64_t pitch, const DirectProblem& p, const Strip& s,
                      int64_t k_begin, int64_t k_end, T* packs, ColumnTap* columns) {
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
    Eights eights{};
    TileArguments<T> tile{};
    tile.rows = row;
    tile.columns = columns;
    tile.taps = tile.tap_end = p.w.taps;
    tile.c_sum = p.c_sum;
    tile.channel_pitch = p.in_plane;
    place_in_a_row(tile);
    for (int64_t c_block = 0; c_block < p.c_blocks; ++c_block) {
        const int64_t c0 = c_block * p.c_block;
        const T* const in = a.x + (plane * p.ic + c0) * p.in_plane + s.w0;
        tile.channels = smaller(p.c_block, p.ic - c0);
        const bool last = c_block == p.c_blocks - 1;
        tile.to = {nullptr,   nullptr, p.out_plane, 0,       p.out_w,   0, c_block == 0, a.relu && last, false,
                   p.windows, 0,       &eights,     streams, p.lattice, 0, false};
        int64_t pixel = 0;
        const auto take_pixels = [&](int64_t i) {
            const Run range = i < 0 ? Run{-packing, 0} : tile_run<T, AlongPixels>(cut, i);
            pixel = packing + range.begin;
            tile.pixels = range.end - range.begin;
            tile.in = in + pixel;
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
            } else tile_of<T, AlongPixels, true>(tile.pixels, tile.width)(tile);
        };
        if (tiles_first) {
            for (int64_t i = 0; i < tiles; ++i) {
                take_pixels(i);
                for (int64_t block = 0; block < blocks; ++block) {
                    tile.ahead = block < 2 ? kTilesAhead * kPixels<T> + block * kCalledIn<T> : 0;
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
// 1x1 on its way back.
template <class T, bool AlongPixels>
bool packs_on_its_way(const DirectCall<T>& a, const DirectProblem& p, const Strip& s, int64_t k_block) {
    return kTuned<T> && !AlongPixels && columns_in_place<T, AlongPixels>(a, p, s).end == s.columns && p.w_oc == 1 &&
           p.oc - k_block * p.outputs >= kBlock<T> && s.columns >= p.tile_pixels;
}

inline int64_t list_length(const DirectProblem& p) { return p.d.taps * p.h.taps + 1; }

// Runs a tile, whose columns begin at `begin` and whose output channels at `k`, in each row of a strip. out: of the
// first output of these channels, image: of the image, next: what tiles call in.
template <class T, bool AlongPixels>
void run_down(TileArguments<T>& tile, const DirectProblem& p, const Strip& s, const RowTap* lists, int64_t begin,
              int64_t k, T* out, T* image, bool strided, const T*& next) {
    place_in_a_row(tile);
    const bool windows = kWindows<T, AlongPixels> && p.windows.rows;
    // Outputs two apart are read before they are written, unless their lines have just been cleared.
    const bool apart = kTuned<T> && p.out_w == 2 && !p.alone && !windows && !p.lattice.columns;
    const bool tall = kTuned<T> && !AlongPixels && !takes_rows<T>(p, tile.width) && !p.w_pair &&
                      tile.pixels == kTallColumns && tile.width == kBlock<T>;
    Eights eights{};
    if (windows) eights = eights_of(p.windows, (s.w0 + begin) % p.windows.columns, tile.pixels);
    TileFunction<T> run;
    if (!AlongPixels && takes_rows<T>(p, tile.width)) {
        tile.seen = positions_seen(p, s, begin, begin + tile.pixels);
        run = row_tile_of<T, AlongPixels>(p, tile.width);
    } else if (strided) run = strided_tile<T, AlongPixels>();
    else run = tile_of<T, AlongPixels>(tile.pixels, tile.width);
    const int64_t pitch = list_length(p);
    for (int64_t r = 0, taken = 1; r < s.rows; r += taken) {
        tile.rows = lists + r * pitch;
        taken = 1;
        if (tall && rows_alike(tile.rows, pitch, smaller(kTallRows, s.rows - r)) == kTallRows) taken = kTallRows;
        tile.to.out = out + (s.h0 + r) * p.out_h + (s.w0 + begin) * p.out_w;
        if (apart) fetch_outputs(tile.to.out, p, tile.to.channels, 2 * tile.pixels);
        if (windows) to_windows(tile.to, image, eights, k, s.w0 + begin);
        if (kLattice<T, AlongPixels> && p.lattice.columns)
            to_lattice(tile.to, out, s.w0 + begin, begin + tile.pixels == s.columns);
        if (kTuned<T>) fetch(next, p.called_in * taken);
        next += p.called_in * taken;
        (taken > 1 ? tall_tile<T, AlongPixels>() : run)(tile);
    }
}

// Runs tiles along pixels over `length` columns from `begin` on: vectors of rows that see the same taps follow each
// other, so that they fill tiles whatever a row's width. The last of a row begins early where it would not be whole.
// next: what tiles call in.
template <class T, bool AlongPixels>
void run_across(TileArguments<T>& tile, const DirectProblem& p, const Strip& s, const RowTap* lists, int64_t begin,
                int64_t length, T* out, const T*& next) {
    constexpr int64_t L = kLanes<T>;
    const int64_t pitch = list_length(p), across = ceil_div(length, L);
    const T* const in = tile.in;
    for (int64_t r = 0, alike; r < s.rows; r += alike) {
        T* const first_out = out + (s.h0 + r) * p.out_h + s.w0 + begin;
        tile.rows = lists + r * pitch;
        alike = rows_alike(tile.rows, pitch, s.rows - r);
        Place row{0, 0};
        int64_t column = 0;
        for (int64_t left = alike * across, count; left > 0; left -= count) {
            count = left == 4 ? 2 : smaller(left, kPixelVectors);   // a lone vector has too few sums
            Place first;
            for (int64_t v = 0; v < count; ++v) {
                const int64_t at = smaller(column, length - L);
                if (v == 0) first = {row.in + at, row.out + at};
                tile.places[v] = {row.in + at - first.in, row.out + at - first.out};
                column += L;
                if (column >= length) column = 0, row.in += p.h.step * p.row_pitch, row.out += p.out_h;
            }
            tile.in = in + first.in;
            tile.to.out = first_out + first.out;
            tile.pixels = count * L;
            fetch(next, p.called_in);
            next += p.called_in;
            tile_of<T, AlongPixels>(tile.pixels, tile.width)(tile);
        }
    }
}

// Output channels [k_begin, k_end) of a strip, whose input lies ready where it is staged; their weights lie `pitch`
// apart.
template <class T, bool AlongPixels>
void compute_strip(const DirectCall<T>& a, const T* packed, int64_t pitch, const DirectProblem& p, const Strip& given,
                   int64_t k_begin, int64_t k_end, const T* staged, T* workspace) {
    const bool flat = kFlat<T> && !AlongPixels && p.flat;
    Strip s = given;
    if (flat) s.columns *= s.rows, s.rows = 1;
    RowTap* lists = reinterpret_cast<RowTap*>(workspace);
    const int64_t list_pitch = list_length(p);
    ColumnTap* columns = reinterpret_cast<ColumnTap*>(lists + p.rows * list_pitch);
    const bool planes = kTuned<T> && p.planes, strided = kTuned<T> && !staged && p.straight && !a.mask;
    const bool straight = strided || planes, in_x = strided || (planes && !a.mask);
    const bool streams = writes_past_cache<T, AlongPixels>(a, p);
    const int64_t pixel = strided ? 2 : 1;   // from one to the next
    T* const image = a.y + (s.image * p.groups + s.group) * p.oc * p.out_plane;
    const T* next = a.x + (s.image * p.groups + s.group + 1) * p.ic * p.in_plane;
    for (int64_t r = 0; r < s.rows; ++r) list_taps(lists + r * list_pitch, p, s, r, straight);
    columns[0] = {0, 0};   // of rows end to end, whose one tap meets no padding
    const Zones zones = zones_of(p, s);
    TileArguments<T> tile{};
    tile.columns = columns;
    tile.taps = p.taps();
    tile.c_sum = p.c_sum;
    tile.row_pitch = p.h.step * (straight ? p.h.stride * p.w.in : p.row_pitch);
    tile.ahead = tile.row_pitch;
    tile.channel_pitch = straight ? p.in_plane : p.channel_pitch;
    for (int64_t c_block = 0; c_block < p.c_blocks; ++c_block) {
        const int64_t c0 = c_block * p.c_block;
        tile.channels = smaller(p.c_block, p.ic - c0);
        const T* scratch = staged ? staged + p.lead + c_block * p.strip : workspace + p.lists;
        if (in_x) scratch = a.x + ((s.image * p.groups + s.group) * p.ic + c0) * p.in_plane + s.w0 * pixel;
        else if (!staged) copy_strip(workspace + p.lists, a.x, a.mask, p, given, c0, tile.channels);
        for (int64_t k_block = k_begin; k_block < k_end; ++k_block) {
            tile.width = width_of<T>(p, k_block);
            tile.packed = packed + (k_block - k_begin) * pitch + c0 * tile.taps * tile.width;
            const int64_t k0 = s.group * p.oc + k_block * p.outputs;
            T* const plane = a.y + (s.image * p.groups * p.oc + k0) * p.out_plane;
            T* out = plane + p.out_offset + s.od * p.out_d;
            if (p.alone && c_block == 0) clear(plane, p, s, smaller(p.outputs, p.oc - k_block * p.outputs));
            tile.to = {nullptr,
                       a.bias ? a.bias + k0 : nullptr,
                       p.out_plane,
                       p.out_h,
                       p.out_w,
                       p.oc - k_block * p.outputs,
                       c_block == 0,
                       a.relu && c_block == p.c_blocks - 1,
                       p.w_pair != 0,
                       p.windows,
                       0,
                       nullptr,
                       false,
                       p.lattice,
                       0,
                       false};
            for (int zone = 0; zone < 3; ++zone) {
                const int64_t w0 = zones.begin[zone], length = zones.begin[zone + 1] - w0;
                tile.to.streams = streams && w0 % kLanes<T> == 0 && length % kLanes<T> == 0;
                if (AlongPixels && kTuned<T> && is_whole<T>(p, length)) {
                    const Run seen = taps_seen(p, s, w0, w0 + length);
                    list_columns(columns, p, s, straight, w0, w0 + length);
                    tile.tap_begin = seen.begin;
                    tile.tap_end = seen.end;
                    tile.in = scratch + w0;
                    run_across<T, AlongPixels>(tile, p, s, lists, w0, length, out, next);
                    continue;
                }
                const Cut cut = cut_of<T, AlongPixels>(p, length);
                for (int64_t i = 0; i < cut.count; ++i) {
                    const Run range = strided ? whole_tile(p, length, i) : tile_run<T, AlongPixels>(cut, i);
                    const int64_t begin = w0 + range.begin, end = w0 + range.end;
                    const Run seen = flat ? Run{0, 1} : taps_seen(p, s, begin, end);
                    if (!flat) list_columns(columns, p, s, straight, begin, end);
                    tile.tap_begin = seen.begin;
                    tile.tap_end = seen.end;
                    tile.pixels = end - begin;
                    tile.in = scratch + begin * pixel;
                    run_down<T, AlongPixels>(tile, p, s, lists, begin, k_block * p.outputs, out, image, strided, next);
                }
            }
        }
    }
}

}   // namespace
}   // namespace tk::TK_ISA
