// Between images and Winograd's tiles: how a convolution is cut into rows of tiles, and the loops that load them.
//
//   image                    a strip of it, a vector of channels deep      values at the points, per vector of channels
//   [channel][row][column]   [row][column][L], padding is zeros            [point][tile][L]
//
// Taps that lie apart see the image in phases, each as if they were neighbours: a block holds a tile of every phase of
// both axes. Without dilation it is one tile.
//
// A band is one row of blocks of one image, or a part of it where rows are long. Bands are numbered over the whole
// batch and handed out as runs; the neighbours of one image in a run share a strip.
#pragma once
#include <limits>
#include "kernels/positions.hpp"
#include "kernels/winograd.hpp"
#include "kernels/winograd_planes.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kLongRow = 64;             // tiles; longer rows are cut
constexpr int64_t kStripBytes = 64 * 1024;   // of one vector of channels
constexpr int64_t kAheadBytes = 256;         // of each channel called in: more streams than processors foresee

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

// Whether `spoilt`, sums of v * 0, tells of a v that was not finite.
template <class T> bool is_spoilt(Vec<T> spoilt) { return !(sum_lanes<T>(spoilt) == 0); }
inline void raise(int& flag) { __atomic_store_n(&flag, 1, __ATOMIC_RELAXED); }

// ---- loading ------------------------------------------------------------------------------------------------------

// An image's channels: x, and ReLU's output y that masks it where given.
template <class T> struct Source {
    const T *x, *y;
    int64_t channels;   // at x; a vector's other lanes are zero
};

// f(position, vector of L channels) for positions [0, count) of a plane; channels lie `pitch` apart.
template <class T, class F>
TK_INLINE void load_transposed(const Source<T>& from, int64_t offset, int64_t pitch, int64_t count, F&& f) {
    constexpr int L = kLanes<T>;
    for (int64_t o = 0; o < count; o += L) {
        const int64_t positions = smaller(L, count - o);
        Vec<T> rows[L];
        TK_UNROLL
        for (int i = 0; i < L; ++i) {
            rows[i] = Vec<T>{};
            if (i >= from.channels) continue;
            const int64_t at = offset + i * pitch + o;
            rows[i] = load_first(from.x + at, positions);
            __builtin_prefetch(from.x + at + kAheadBytes / static_cast<int64_t>(sizeof(T)));
            if (from.y) rows[i] = select<T>(load_first(from.y + at, positions) > 0, rows[i], Vec<T>{});
        }
        transpose<T>(rows);
        TK_UNROLL
        for (int i = 0; i < L; ++i)
            if (i < positions) f(rows[i]);
    }
}

template <class T> TK_INLINE void zero(T* to, int64_t vectors) {
    for (int64_t i = 0; i < vectors; ++i) store(to + i * kLanes<T>, Vec<T>{});
}

// strip[row][column][L] of a patch. `from` points to that plane of the first of L channels.
template <class T> void load_strip(T* strip, const Source<T>& from, const View& v, const Patch& p) {
    constexpr int L = kLanes<T>;
    const int64_t rows = v.h.extent(p.rows), columns = v.w.extent(p.columns), pitch = columns * L;
    const int64_t h0 = v.h.first(p.row), w0 = v.w.first(p.column);
    const Run row = positions_inside(rows, v.h.size, 1, h0), column = positions_inside(columns, v.w.size, 1, w0);
    const int64_t inside = column.end - column.begin;
    if (inside <= 0 || row.begin >= row.end) return zero(strip, rows * columns);
    zero(strip, row.begin * columns);
    zero(strip + row.end * pitch, (rows - row.end) * columns);
    for (int64_t r = row.begin; r < row.end; ++r) {
        zero(strip + r * pitch, column.begin);
        zero(strip + r * pitch + column.end * L, columns - column.end);
    }
    T* to = strip + row.begin * pitch + column.begin * L;
    const int64_t offset = (h0 + row.begin) * v.w.size + w0 + column.begin;
    // Whole rows follow each other in memory.
    const int64_t runs = inside == v.w.size ? 1 : row.end - row.begin;
    const int64_t length = runs == 1 ? (row.end - row.begin) * inside : inside;
    int64_t left = inside;
    for (int64_t r = 0; r < runs; ++r)
        load_transposed(from, offset + r * v.w.size, v.channel(), length, [&](Vec<T> value) {
            store(to, value);
            to += L;
            if (--left == 0) {
                to += pitch - inside * L;
                left = inside;
            }
        });
}

// Elements from one point to the next: an odd number of lines, so that points share no set of a cache.
template <class T> int64_t point_pitch(int64_t tiles, int64_t width) {
    constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(T));
    return (ceil_div(tiles * width, line) | 1) * line;
}
// Where the values at the points go: point * point_pitch + tile * tile_pitch.
template <class T> struct Points {
    T* at;
    int64_t point_pitch, tile_pitch;
};

// f(row, column) of the first position of each tile of a patch, from the patch's first; phase after phase.
template <class F> TK_INLINE void for_each_tile(const View& v, const Patch& p, F&& f) {
    for (int64_t r = 0; r < p.rows; ++r)
        for (int64_t row = 0; row < v.h.dilation; ++row)
            for (int64_t c = 0; c < p.columns; ++c)
                for (int64_t column = 0; column < v.w.dilation; ++column)
                    f(r * v.h.step * v.h.dilation + row, c * v.w.step * v.w.dilation + column);
}

// The input transform of a strip's tiles. Positions of a tile that lie `Phases` apart along both axes make a tile of
// their own, whose points follow each other: the even ones, then those of odd columns, of odd rows, of both.
template <class T, class H, class W, int Phases = 1>
void transform_strip(const Points<T>& to, const T* strip, const View& v, const Patch& p) {
    constexpr int L = kLanes<T>;
    const int64_t pitch = v.w.extent(p.columns) * L, down = v.h.dilation * pitch, right = v.w.dilation * L;
    T* out = to.at + p.tile * to.tile_pitch;
    for_each_tile(v, p, [&](int64_t row, int64_t column) TK_ALWAYS {
        T* at = out;
        for (int phase = 0; phase < Phases * Phases; ++phase, at += kPoints<H, W> * to.point_pitch) {
            const T* tile = strip + (row * pitch + column * L) + phase / Phases * down + phase % Phases * right;
            input_both<T, H, W>([&](int i, int j) TK_ALWAYS { return load(tile + Phases * (i * down + j * right)); },
                                [&](int i, int j, Vec<T> value)
                                    TK_ALWAYS { store(at + (i * W::points + j) * to.point_pitch, value); });
        }
        out += to.tile_pitch;
    });
}

// The same of dy by the adjoint of the output transform.
template <class T, class H, class W>
void transform_gradient(const Points<T>& to, const T* strip, const View& v, const Patch& p) {
    constexpr int L = kLanes<T>;
    const int64_t pitch = v.w.extent(p.columns) * L, down = v.h.dilation * pitch, right = v.w.dilation * L;
    T* out = to.at + p.tile * to.tile_pitch;
    for_each_tile(v, p, [&](int64_t row, int64_t column) TK_ALWAYS {
        const T* tile = strip + row * pitch + column * L;
        adjoint_output_both<T, H, W>([&](int i, int j) TK_ALWAYS { return load(tile + i * down + j * right); },
                                     [&](int i, int j, Vec<T> value)
                                         TK_ALWAYS { store(out + (i * W::points + j) * to.point_pitch, value); });
        out += to.tile_pitch;
    });
}

// ---- storing ------------------------------------------------------------------------------------------------------

// Outputs of a patch that exist, as rows and columns of the image.
struct Outputs {
    int64_t row, rows, column, columns;
};
inline Outputs outputs_of(const View& v, const Patch& p) {
    const auto clip = [](const Tiling& t, int64_t block, int64_t blocks, int64_t& from, int64_t& count) {
        from = larger(t.first(block), 0);
        count = smaller(t.first(block + blocks), t.size) - from;
    };
    Outputs o{};
    clip(v.h, p.row, p.rows, o.row, o.rows);
    clip(v.w, p.column, p.columns, o.column, o.columns);
    return o;
}

// strip[row][column][L] of the outputs that exist, from values[point][tile][..]; bias and ReLU on the way. `spoilt`
// becomes NaN where an output is not finite. Tiles that reach past the end are computed apart, then copied.
template <class T, class H, class W>
void transform_outputs(T* strip, const Points<const T>& from, Vec<T> bias, bool relu, Vec<T>& spoilt, const View& v,
                       const Patch& p) {
    constexpr int L = kLanes<T>;
    alignas(64) T apart[H::outputs * W::outputs * L];
    const Outputs o = outputs_of(v, p);
    const T* in = from.at + p.tile * from.tile_pitch;
    const int64_t h = v.h.dilation, w = v.w.dilation, row0 = v.h.first(p.row) - o.row;
    const int64_t column0 = v.w.first(p.column) - o.column;
    const Vec<T> least = broadcast(relu ? T(0) : -std::numeric_limits<T>::infinity());
    Vec<T> zeros[2] = {};   // in registers: through memory, each sum would wait for the one before
    for_each_tile(v, p, [&](int64_t r, int64_t c) TK_ALWAYS {
        const int64_t row = row0 + r, column = column0 + c;
        T* tile = strip + (row * o.columns + column) * L;
        const bool whole =
            row >= 0 && row + (H::outputs - 1) * h < o.rows && column >= 0 && column + (W::outputs - 1) * w < o.columns;
        const int64_t down = h * o.columns * L, right = w * L;
        T* to = whole ? tile : apart;
        const int64_t to_down = whole ? down : W::outputs * L, to_right = whole ? right : L;
        output_both<T, H, W>([&](int i, int j) TK_ALWAYS { return load(in + (i * W::points + j) * from.point_pitch); },
                             [&](int i, int j, Vec<T> value) TK_ALWAYS {
                                 value += bias;
                                 zeros[j % 2] += value * Vec<T>{};
                                 store(to + i * to_down + j * to_right, value <= least ? least : value);
                             });
        if (!whole)
            for (int64_t i = 0; i < H::outputs; ++i)
                for (int64_t j = 0; j < W::outputs; ++j) {
                    const int64_t at_row = row + i * h, at_column = column + j * w;
                    if (at_row >= 0 && at_row < o.rows && at_column >= 0 && at_column < o.columns)
                        store(tile + i * down + j * right, load(apart + (i * W::outputs + j) * L));
                }
        in += from.tile_pitch;
    });
    spoilt += zeros[0] + zeros[1];
}

// The image's channels from such a strip. `to` points to that plane of the first of `channels`.
template <class T> void store_strip(T* to, const T* strip, int64_t channels, const View& v, const Patch& p) {
    constexpr int L = kLanes<T>;
    const Outputs o = outputs_of(v, p);
    const int64_t runs = o.columns == v.w.size ? 1 : o.rows, length = runs == 1 ? o.rows * o.columns : o.columns;
    for (int64_t r = 0; r < runs; ++r, strip += length * L) {
        T* line = to + (o.row + r) * v.w.size + o.column;
        for (int64_t position = 0; position < length; position += L) {
            const int64_t count = smaller(L, length - position);
            Vec<T> rows[L];
            TK_UNROLL
            for (int i = 0; i < L; ++i) rows[i] = i < count ? load(strip + (position + i) * L) : Vec<T>{};
            transpose<T>(rows);
            TK_UNROLL
            for (int i = 0; i < L; ++i)
                if (i < channels) store_first(line + i * v.channel() + position, rows[i], count);
        }
    }
}

}   // namespace
}   // namespace tk::TK_ISA
