// How a convolution is cut into Winograd's tiles.
//
// Taps that lie apart see the image in phases, each as if they were neighbours: a block holds a tile of every phase of
// both axes. Without dilation it is one tile.
//
// A band is one row of blocks of one image, or a part of it where rows are long. Bands are numbered over the whole
// batch and handed out as runs; the neighbours of one image in a run share a strip.
#pragma once
#include "kernels/positions.hpp"
#include "kernels/winograd.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kLongRow = 64;             // tiles; longer rows are cut
constexpr int64_t kStripBytes = 64 * 1024;   // of one vector of channels

// One axis of an image seen through tiles: that of a block's phase meets positions
// origin + (block*step + i)*dilation + phase for i in [0, span).
struct Tiling {
    int64_t size, origin, step, span, dilation;
    int64_t first(int64_t block) const { return origin + block * step * dilation; }
    int64_t extent(int64_t blocks) const { return ((blocks - 1) * step + span) * dilation; }
};
struct View {
    Tiling h, w;
    int64_t planes;
    int64_t plane() const { return h.size * w.size; }
    int64_t channel() const { return planes * plane(); }
};

// What a filter's tile measures along an axis: from one tile to the next and all that it reads, and what it computes.
struct TileSizes {
    int64_t step, inputs, outputs;
    Tiling in(int64_t size, int64_t origin, int64_t dilation) const { return {size, origin, step, inputs, dilation}; }
    Tiling out(int64_t size, int64_t origin, int64_t dilation) const {
        return {size, origin, outputs, outputs, dilation};
    }
};
template <class F> constexpr TileSizes kTileSizes = {F::step, F::inputs, F::outputs};

// Blocks that together reach from an axis's origin past its end.
inline int64_t blocks_over(const Tiling& t) { return ceil_div(t.size - t.origin, t.step * t.dilation); }

// ---- a convolution through a filter's tiles ----------------------------------------------------------------------

inline int64_t dilation_h(const ConvShape& s) { return s.kh > 1 ? s.dil_h : 1; }

// The views of a convolution's x and y.
inline View view_of_x(const ConvShape& s, const TileSizes& h, const TileSizes& w) {
    return {h.in(s.ih, -s.ph, dilation_h(s)), w.in(s.iw, -s.pw, s.dil_w), s.id};
}
inline View view_of_y(const ConvShape& s, const TileSizes& h, const TileSizes& w) {
    return {h.out(s.oh, 0, dilation_h(s)), w.out(s.ow, 0, s.dil_w), s.od};
}

// ---- tiles --------------------------------------------------------------------------------------------------------

// Bands of one image: `rows` rows of `columns` blocks of `phases` tiles, each row cut into `cuts` parts.
struct Bands {
    int64_t rows, columns, phases, cuts;
    int64_t per_image() const { return rows * cuts; }
    int64_t all_tiles() const { return rows * columns * phases; }
    int64_t most_columns() const { return ceil_div(columns, cuts); }
    int64_t most_tiles() const { return most_columns() * phases; }
    int64_t begin(int64_t band) const { return columns * (band % cuts) / cuts; }
    int64_t columns_of(int64_t band) const { return columns * (band % cuts + 1) / cuts - begin(band); }
    int64_t tiles_before(int64_t band) const { return (band / cuts * columns + begin(band)) * phases; }
};
inline Bands bands_of(const View& out) {
    const int64_t columns = blocks_over(out.w), phases = out.h.dilation * out.w.dilation;
    return {blocks_over(out.h), columns, phases, smaller(columns, ceil_div(columns * phases, kLongRow))};
}

// Neighbouring rows of blocks of one image.
struct Patch {
    int64_t image, row, rows, column, columns;
    int64_t tile;   // number of its first tile within the run
};

// f(patch) over bands [first, first + count); none has more than `most_rows` rows.
template <class F> void for_each_patch(const Bands& b, int64_t first, int64_t count, int64_t most_rows, F&& f) {
    for (int64_t band = first, tile = 0; band < first + count;) {
        const int64_t image = band / b.per_image(), row = band % b.per_image() / b.cuts;
        int64_t rows = 1;
        if (b.cuts == 1) rows = smaller(smaller(most_rows, b.rows - row), first + count - band);
        const Patch patch{image, row, rows, b.begin(band), b.columns_of(band), tile};
        f(patch);
        tile += rows * patch.columns * b.phases;
        band += rows;
    }
}
inline int64_t tiles_in(const Bands& b, int64_t first, int64_t count) {
    return b.tiles_before(first + count) - b.tiles_before(first);
}

// Rows of blocks that a strip holds, and the elements of the strip.
template <class T> int64_t strip_size(const View& v, const Bands& b, int64_t rows) {
    return v.h.extent(rows) * v.w.extent(b.most_columns()) * kLanes<T>;
}
template <class T> int64_t strip_rows(const View& v, const Bands& b) {
    int64_t rows = 1;
    while (rows < b.rows && strip_size<T>(v, b, rows + 1) * static_cast<int64_t>(sizeof(T)) <= kStripBytes) ++rows;
    return rows;
}

}   // namespace
}   // namespace tk::TK_ISA
