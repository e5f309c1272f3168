// Between images and Winograd's tiles: the loops that load and store them.
//
//   image                    a strip of it, a vector of channels deep      values at the points, per vector of channels
//   [channel][row][column]   [row][column][L], padding is zeros            [point][tile][L]
#pragma once
#include <limits>
#include "kernels/winograd_bands.hpp"
#include "kernels/winograd_planes.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kAheadBytes = 256;   // of each channel called in: more streams than processors foresee

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
