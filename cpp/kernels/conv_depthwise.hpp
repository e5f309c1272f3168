// Convolution of groups of few channels (depthwise: one), vectorised along the pixels of a row, in place.
//
//   out[k, g] = sum over c of the group, t of in[c, position(g, t)] * weight[k, c, t]
//
// A tile is up to kTileRows neighbouring output rows x one vector of pixels. Taps that lie under each other (a Column)
// share the rows they load: a row of the input serves each of the column's taps, in one output row each. Lanes beyond
// the row's ends are masked, rows beyond the plane's ends are read from a row of zeros: nothing is copied, a row is
// found through a table of pointers
//
//   rows [channel][d phase][d][h phase][row]
//
// where phases are those modulo the stride, so that a column's taps meet neighbouring entries. It is made once for a
// strip of rows; from plane to plane its pointers move on: planes are read and written from front to back. With stride
// 2 along a row a vector is the even lanes of two loads. With AVX-512 the columns over the same rows (a fan) share two
// loads of each row, whose lanes are permuted for each column; fewer outputs than lanes are then computed where the
// stride leaves no room. Rows of at most half a vector are computed in half vectors. A signal (one row) is folded: the
// tile's rows are then neighbouring vectors of it.
//
// The input gradient is the same problem: it reads dy, by flipped taps, and computes dx by phases modulo the stride,
// each with the taps that meet it; two phases along a row are computed side by side and stored interleaved.
// Every output adds its products in the same order wherever it lies: channel by channel, column by column, downwards.
// Of float32, on AVX2 and AVX-512, taps of 3x3, 5x5 and 7x7 have kernels of their own, which run down planes
// (depthwise_square.hpp, depthwise_wide.hpp, depthwise_spread.hpp) or, 7x7 on AVX2, by tiles of copied lines
// (depthwise_tiles.hpp).
#pragma once
#include "kernels/depthwise_plan.hpp"

namespace tk::TK_ISA {
namespace {

// ---- tables -----------------------------------------------------------------------------------------------------

// What a call knows before it meets an array. The columns of combination i of output phases are
// columns[starts[i]] to columns[starts[i + 1]].
template <class T> struct Tables {
    int64_t* starts;
    Column* columns;
    T* zeros;      // a row of them, or nullptr: no row lies outside
    Run inside;    // outputs along w whose every tap lies in the row, whatever their phase
    T* pointers;   // what is left of the workspace
};

// The columns over the rows of `run`, one for each tap along w.
inline int64_t fill_fans(Column* columns, const RowProblem& p, int64_t qw, const Column& run) {
    int64_t count = 0;
    Column* fan = columns;
    for (int64_t e = 0; e < p.w.kernel; ++e) {
        int64_t pw, sw;
        if (!p.w.tap(e, qw, &pw, &sw)) continue;
        Column* c = columns + count++;
        *c = run;
        c->shift = sw * p.w.step + pw + p.w.origin;
        c->weight += static_cast<int32_t>(e);
        const int64_t apart = c->shift - fan->shift;
        if (larger(apart, -apart) > p.reach) fan = c;
        ++fan->fan;
    }
    return count;
}
inline int64_t fill_columns(Column* columns, int64_t* starts, const RowProblem& p) {
    int64_t count = 0, combination = 0;
    for (int64_t qd = 0; qd < p.d.out_phases; ++qd)
        for (int64_t qh = 0; qh < p.h.out_phases; ++qh)
            for (int64_t qw = 0; qw < p.w.out_phases; ++qw) {
                starts[combination++] = count;
                for (int64_t a = 0; a < p.d.kernel; ++a) {
                    int64_t pd, sd;
                    if (!p.d.tap(a, qd, &pd, &sd)) continue;
                    for (int64_t hp = 0; hp < p.h.phases; ++hp) {
                        Column run{};
                        int64_t before = 0, before_tap = 0;   // shift and number of the last tap
                        for (int64_t i = 0; i < p.h.kernel; ++i) {
                            const int64_t b = p.h.back ? p.h.kernel - 1 - i : i;   // downwards
                            int64_t ph, sh;
                            if (!p.h.tap(b, qh, &ph, &sh) || ph != hp) continue;
                            if (run.taps && sh == before + 1 && run.taps < kColumnTaps) {
                                run.weight_step = static_cast<int32_t>((b - before_tap) * p.w.kernel);
                            } else {
                                if (run.taps) count += fill_fans(columns + count, p, qw, run);
                                run = {0,
                                       static_cast<int32_t>(((pd * p.d.span + sd) * p.h.phases + ph) * p.height + sh),
                                       static_cast<int32_t>((a * p.h.kernel + b) * p.w.kernel),
                                       0,
                                       0,
                                       0};
                            }
                            ++run.taps;
                            before = sh;
                            before_tap = b;
                        }
                        if (run.taps) count += fill_fans(columns + count, p, qw, run);
                    }
                }
            }
    starts[combination] = count;
    return count;
}

template <class T> Tables<T> tables_in(T* workspace, const RowProblem& p) {
    Tables<T> to{
        reinterpret_cast<int64_t*>(workspace), nullptr, nullptr, {0, p.w.outputs(p.w.out_phases - 1)}, nullptr};
    workspace += elements_for<T, int64_t>(p.combinations() + 1);
    to.columns = reinterpret_cast<Column*>(workspace);
    workspace += elements_for<T, Column>(p.taps());
    if (p.zeros) to.zeros = workspace;
    for (int64_t i = 0; i < p.zeros; ++i) to.zeros[i] = 0;
    to.pointers = workspace + p.zeros;
    const int64_t count = fill_columns(to.columns, to.starts, p);
    const int64_t in = p.w.in - (p.w.step == 2);   // two loads reach one element further than the last position
    for (const Column* c = to.columns; c != to.columns + count; ++c) {
        const Run run = positions_inside(p.w.grid, in, p.w.step, c->shift);
        to.inside = {larger(to.inside.begin, run.begin), smaller(to.inside.end, run.end)};
    }
    return to;
}

// The rows of x that outputs (jd, j0 .. j0 + rows) of a group read, or their phases.
template <class T>
void find_rows(const T** to, const T* x, const T* zeros, const RowProblem& p, int64_t jd, int64_t j0, int64_t rows) {
    for (int64_t c = 0; c < p.sources; ++c, x += p.in_plane)
        for (int64_t dp = 0; dp < p.d.phases; ++dp)
            for (int64_t dd = 0; dd < p.d.span; ++dd) {
                const int64_t zd = (jd + dd) * p.d.step + dp + p.d.origin;
                const bool inside = zd >= 0 && zd < p.d.in;
                for (int64_t hp = 0; hp < p.h.phases; ++hp, to += p.height) {
                    int64_t zh = j0 * p.h.step + hp + p.h.origin;
                    for (int64_t r = 0; r < rows + p.h.span - 1; ++r, zh += p.h.step)
                        to[r] = inside && zh >= 0 && zh < p.h.in ? x + (zd * p.h.in + zh) * p.w.in : zeros;
                }
            }
}
// A folded problem's rows: vectors of outputs, one after the other.
template <class T> void fold_rows(const T** to, const RowProblem& p, int64_t step) {
    for (int64_t slot = 0; slot < p.sources * p.slots; ++slot, to += p.height)
        for (int64_t r = 1; r < kTileRows; ++r) to[r] = to[0] + r * step;
}
// The same rows of another plane, `step` elements on.
template <class T>
TK_INLINE void move_rows(const T** rows, const T* zeros, const RowProblem& p, int64_t count, int64_t step) {
    for (int64_t slot = 0; slot < p.sources * p.slots; ++slot, rows += p.height)
        for (int64_t r = 0; r < count + p.h.span - 1; ++r) rows[r] += rows[r] == zeros ? 0 : step;
}
// f(plane) for planes first, first + apart, ... below end, with the rows that outputs (jd, row .. row + count) read.
template <class T, class F>
TK_INLINE void for_each_plane(const T** found, const T* x, const T* zeros, const RowProblem& p, int64_t first,
                              int64_t end, int64_t apart, int64_t jd, int64_t row, int64_t count, F&& f) {
    const int64_t step = p.sources * p.in_plane;
    for (int64_t plane = first; plane < end; plane += apart) {
        if (plane == first || p.folded) find_rows(found, x + plane * step, zeros, p, jd, row, count);
        else move_rows(found, zeros, p, count, apart * step);
        if (p.folded) fold_rows(found, p, p.lanes * p.w.step);
        f(plane);
    }
}

// How many of `left` rows the next tile takes: sevens where they come out even, as in maps of 7, 14 and 28 rows.
// Code for other heights would outweigh its worth.
template <class T> int64_t tile_height(int64_t left) {
    if (kTuned<T> && left % 7 == 0 && left % 8 != 0) return 7;
    return kTuned<T> && left >= 8 ? 8 : left >= 3 ? 3 : 1;
}
// f(std::integral_constant<int, rows>) for the heights that tile_height() gives
template <class T, class F> TK_INLINE void with_height(int64_t rows, F&& f) {
    if constexpr (kTuned<T>) {
        if (rows == 8) return f(std::integral_constant<int, 8>{});
        if (rows == 7) return f(std::integral_constant<int, 7>{});
    }
    if (rows == 3) f(std::integral_constant<int, 3>{});
    else f(std::integral_constant<int, 1>{});
}
// f(rows, first output along w, inside) for each tile of a band of `height` rows.
template <class T, class F>
TK_INLINE void for_each_tile(const RowProblem& p, const Run& inside, int64_t height, int64_t columns, F&& f) {
    for (int64_t o = 0, vectors; o < columns; o += vectors * p.lanes) {
        const bool in = o >= inside.begin && o + p.lanes <= inside.end;
        vectors = in && p.folded ? tile_height<T>((inside.end - o) / p.lanes) : 1;
        f(p.folded ? vectors : height, o, in);
    }
}

// What the next band reads, called in tile by tile: processors that follow a stream of lines by themselves lose it
// among a tile's rows, and wait for memory at every band.
template <class T> struct NextBand {
    const T* const* rows;                // new ones, in each slot of the table
    int64_t slots, pitch, count, step;   // step: elements to the plane that holds them
    TK_INLINE void call_in(int64_t at, int64_t width) const {
        for (int64_t slot = 0; slot < slots; ++slot)
            for (int64_t r = 0; r < count; ++r) fetch(rows[slot * pitch + r] + step + at, width);
    }
};
// That of `height` rows after `row`, which may begin the plane `step` elements on.
template <class T>
NextBand<T> next_band(const T* const* found, const RowProblem& p, int64_t row, int64_t height, int64_t rows,
                      int64_t step) {
    const int64_t slots = p.sources * p.slots, after = row + height, seam = p.h.span - 1;
    if (after >= rows) return {found, slots, p.height, smaller(height, rows) + seam, step};
    return {found + after + seam, slots, p.height, smaller(height, rows - after), 0};
}

// ---- loads ------------------------------------------------------------------------------------------------------

#if defined(__AVX512F__)
// first, first + step, first + 2 step, ...
template <class T, int L> TK_INLINE VecOf<LaneInt<T>, L> lane_numbers(int64_t step, int64_t first) {
    VecOf<LaneInt<T>, L> lanes{};
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) lanes[i] = i;
    return lanes * static_cast<LaneInt<T>>(step) + static_cast<LaneInt<T>>(first);
}
#endif

// fan: the way of a whole tile, whose columns share their loads.
enum class Load { row, row_inside, pairs, pairs_inside, gather, fan };

// The elements row[at + lane * step]; 0 where they lie outside [0, in).
template <class T, int L, Load How> struct RowLoad {
    LaneMask<T, L> low, high;
    int64_t at, step, begin, end;
    RowLoad(int64_t first, int64_t stride, int64_t in) : at(first), step(stride) {
        if constexpr (How == Load::row) low = lanes_inside<T, L>(at, in);
        if constexpr (How == Load::pairs) {
            low = lanes_inside<T, L>(at, in);
            high = lanes_inside<T, L>(at + L, in);
        }
        if constexpr (How == Load::gather) {
            begin = at >= 0 ? 0 : smaller(ceil_div(-at, step), L);
            end = in > at ? smaller(ceil_div(in - at, step), L) : 0;
        }
    }
    TK_INLINE VecOf<T, L> operator()(const T* row) const {
        row += at;
        if constexpr (How == Load::row) return load_masked(row, low);
        if constexpr (How == Load::row_inside) return load_lanes<L>(row);
        if constexpr (How == Load::pairs) return even_lanes<T, L>(load_masked(row, low), load_masked(row + L, high));
        if constexpr (How == Load::pairs_inside) return even_lanes<T, L>(load_lanes<L>(row), load_lanes<L>(row + L));
        T lanes[L] = {};
#pragma GCC unroll 1
        for (int64_t i = begin; i < end; ++i) lanes[i] = row[i * step];
        return load_lanes<L>(lanes);
    }
};
// f(std::integral_constant<Load, ...>) for the way in which rows of this step are read; masks cost nothing where lanes
// permute.
template <class T, class F> TK_INLINE void with_load(int64_t step, bool inside, F&& f) {
    if constexpr (!kFans<T>) {
        if (step == 1 && inside) return f(std::integral_constant<Load, Load::row_inside>{});
        if (step == 2 && inside) return f(std::integral_constant<Load, Load::pairs_inside>{});
    }
    if (step == 1) f(std::integral_constant<Load, Load::row>{});
    else if (step == 2) f(std::integral_constant<Load, Load::pairs>{});
    else f(std::integral_constant<Load, Load::gather>{});
}

constexpr const char* kTooApart = "the taps lie so far apart that the table of their rows outgrows its scratch";

const char* many_channels(const ConvShape& s) {
    return s.ic / s.groups < 4 && s.oc / s.groups < 4
               ? nullptr
               : "groups of 4 channels or more: vectors of channels are the faster";
}
// Whether a forward convolution multiplies padding's zeros.
bool pads(const ConvShape& s) {
    const auto beyond = [](int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
        return pad > 0 || (out - 1) * stride + (kernel - 1) * dilation - pad >= in;
    };
    return beyond(s.id, s.od, s.kd, s.sd, s.pd, s.dil_d) || beyond(s.ih, s.oh, s.kh, s.sh, s.ph, s.dil_h) ||
           beyond(s.iw, s.ow, s.kw, s.sw, s.pw, s.dil_w);
}
bool always_pads(const ConvShape&) { return true; }

}   // namespace
}   // namespace tk::TK_ISA
