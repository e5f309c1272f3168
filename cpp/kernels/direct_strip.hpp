// A strip of a direct convolution whose input lies in scratch, or as far apart as its tiles read it (conv_direct.hpp):
// register tiles (direct_tile.hpp), row by row or over rows.
#pragma once
#include "kernels/direct_call.hpp"

namespace tk::TK_ISA {
namespace {

// Zeros in a strip's rows, and in what lies between them and the next, of the first `channels` planes.
template <class T> void clear(T* plane, const DirectProblem& p, const Strip& s, int64_t channels) {
    const int64_t begin = s.h0 * p.out_h, last = s.h0 + s.rows;
    const int64_t end = last == p.h.grid ? p.out_plane : last * p.out_h;
    for (int64_t c = 0; c < channels; ++c) zero_run(plane + c * p.out_plane + begin, end - begin);
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

// Lists the terms of outputs that see `tile.rows`, if they are one sum whose weights follow each other.
template <class T> void list_terms(TileArguments<T>& tile, int64_t* terms) {
    const int64_t seen = tile.tap_end - tile.tap_begin;
    tile.term_count = 0;
    if (tile.channels > tile.c_sum || tile.taps * tile.channels > kTermsPerSum) return;
    int64_t count = 0;
    for (const RowTap* row = tile.rows; row->index >= 0; ++row) {
        if (row > tile.rows && row->index != row[-1].index + seen) return;
        for (int64_t tap = tile.tap_begin; tap < tile.tap_end; ++tap)
            for (int64_t c = 0; c < tile.channels; ++c)
                terms[count++] = row->offset + tile.columns[tap].offset + c * tile.channel_pitch;
    }
    tile.terms = terms;
    tile.term_count = count;
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
    int64_t terms[kTermsPerSum];
    for (int64_t r = 0, alike; r < s.rows; r += alike) {
        T* const first_out = out + (s.h0 + r) * p.out_h + s.w0 + begin;
        tile.rows = lists + r * pitch;
        alike = rows_alike(tile.rows, pitch, s.rows - r);
        if (kListed<T>) list_terms(tile, terms);
        Place row{0, 0};
        int64_t column = 0;
        for (int64_t left = alike * across, count; left > 0; left -= count) {
            tile.tiles = larger(1, smaller(kTilesAtOnce<T>, (left - 2) / kPixelVectors));
            count = left == 4 ? 2 : smaller(left, kPixelVectors);   // a lone vector has too few sums
            tile.pixels = count * L;
            count *= tile.tiles;
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
            fetch(next, p.called_in * tile.tiles);
            next += p.called_in * tile.tiles;
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
    const Zones zones = zones_of(p, s);
    TileArguments<T> tile{};
    tile.columns = columns;
    tile.taps = p.taps();
    tile.c_sum = p.c_sum;
    tile.row_pitch = p.h.step * (straight ? p.h.stride * p.w.in : p.row_pitch);
    tile.ahead = tile.row_pitch;
    tile.channel_pitch = straight ? p.in_plane : p.channel_pitch;
    const auto see = [&](int64_t begin, int64_t end) {   // which taps meet input in these columns, and where
        const Run seen = flat ? Run{0, 1} : taps_seen(p, s, begin, end);
        if (flat) columns[0] = {0, 0};
        else list_columns(columns, p, s, straight, begin, end);
        tile.tap_begin = seen.begin;
        tile.tap_end = seen.end;
    };
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
            tile.to = destination_of(a, p, c_block);
            tile.to.bias = a.bias ? a.bias + k0 : nullptr;
            tile.to.channels = p.oc - k_block * p.outputs;
            tile.to.pairs = p.w_pair != 0;
            for (int zone = 0; zone < 3; ++zone) {
                const int64_t w0 = zones.begin[zone], length = zones.begin[zone + 1] - w0;
                tile.to.streams = streams && w0 % kLanes<T> == 0 && length % kLanes<T> == 0;
                if (AlongPixels && kTuned<T> && is_whole<T>(p, length)) {
                    see(w0, w0 + length);
                    tile.in = scratch + w0;
                    run_across<T, AlongPixels>(tile, p, s, lists, w0, length, out, next);
                    continue;
                }
                const Cut cut = cut_of<T, AlongPixels>(p, length);
                for (int64_t i = 0; i < cut.count; ++i) {
                    const Run range = strided ? whole_tile(p, length, i) : tile_run<T, AlongPixels>(cut, i);
                    const int64_t begin = w0 + range.begin, end = w0 + range.end;
                    see(begin, end);
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
