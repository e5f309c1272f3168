// Convolution of groups of few channels (depthwise: one), vectorised along the pixels of a row.
//
//   out[k, g] = sum over c of the group, t of in[c, position(g, t)] * weight[k, c, t]
//
// A thread copies a strip of its group's input rows into scratch, padded with zeros and split by phase modulo the
// stride, so that a tap is nothing but a shift of a row:
//
//   scratch [channel][d phase][d][h phase][row][w phase][position]
//
// A tile is up to kTileRows neighbouring output rows x one vector. Taps that lie under each other (a Column) share the
// rows they load: a row of scratch serves each of the column's taps, in one output row each. Vectors of 32 bytes even
// under AVX-512: shifted loads of 64 bytes would nearly all meet two cache lines, and 7 pixels fill 8 lanes.
//
// The input gradient is the same problem: it reads dy, without phases, by flipped taps, and computes dx by phases
// modulo the stride, each with the taps that meet it. Every output adds its products in the same order wherever it
// lies: channel by channel, column by column, downwards.
#pragma once
#include "kernels/conv_algorithms.hpp"
#include "kernels/positions.hpp"
#include "kernels/register_tile.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int kTileRows = 8;
constexpr int kColumnTaps = 4;               // a column of more taps is cut
constexpr int64_t kStripBytes = 24 * 1024;   // a strip stays in L1, or in L2's nearest part
constexpr int64_t kUnitWork = 1 << 16;       // multiply-adds of a unit of the parallel loop, where planes are small
constexpr double kWidestSlice = 2 << 20;     // bytes; a shape whose narrowest strip is wider is declined

inline int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

// One axis. Position i of input phase p is in[i*step + p + origin]; output j of output phase q is out[j*out_step + q].
struct RowAxis {
    int64_t in, out, kernel, stride, pad, dilation;
    bool back;
    int64_t step, origin, phases, span, grid, out_phases;
    int64_t out_step() const { return back ? stride : 1; }
    // Whether tap r meets outputs of phase q; if so output j reads position j + shift of input phase p.
    bool tap(int64_t r, int64_t q, int64_t* p, int64_t* shift) const {
        const int64_t at = r * dilation;
        if (!back) {
            *p = at % stride;
            *shift = at / stride;
            return true;
        }
        const int64_t distance = q + pad - at;
        *p = 0;
        *shift = floor_div(distance, stride) - origin;
        return (*shift + origin) * stride == distance;
    }
    int64_t outputs(int64_t q) const { return back ? (out - q - 1) / stride + 1 : out; }
};
inline RowAxis forward_rows(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
    const int64_t reach = (kernel - 1) * dilation;
    return {
        in,  out, kernel, stride, pad, dilation, false, stride, -pad, smaller(stride, reach + 1), reach / stride + 1,
        out, 1};
}
inline RowAxis backward_rows(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
    const int64_t q = smaller(stride, in), origin = floor_div(pad - (kernel - 1) * dilation, stride);
    return {out,
            in,
            kernel,
            stride,
            pad,
            dilation,
            true,
            1,
            origin,
            1,
            floor_div(q - 1 + pad, stride) - origin + 1,
            ceil_div(in, stride),
            q};
}

// Taps under each other: `taps` of them, rows apart by one; the first reads scratch at `offset` and has weight
// `weight`, the next ones follow `weight_step` apart.
struct Column {
    int64_t offset;
    int32_t weight, weight_step, taps;
};

struct RowProblem {
    int64_t n, groups, sources, targets;   // channels of a group that are read and written
    RowAxis d, h, w;
    int64_t in_plane, out_plane;
    int64_t w_source, w_target;   // elements of the weight from a channel to the next
    // derived by plan_rows():
    int64_t rows, strips, pitch, row, slice, source, columns, tables, scratch, groups_per_unit;

    int64_t combinations() const { return d.out_phases * h.out_phases * w.out_phases; }
    int64_t taps() const { return d.kernel * h.kernel * w.kernel; }
};

inline RowProblem forward_rows(const ConvShape& s) {
    RowProblem p{};
    p.n = s.n;
    p.groups = s.groups;
    p.sources = s.ic / s.groups;
    p.targets = s.oc / s.groups;
    p.d = forward_rows(s.id, s.od, s.kd, s.sd, s.pd, s.dil_d);
    p.h = forward_rows(s.ih, s.oh, s.kh, s.sh, s.ph, s.dil_h);
    p.w = forward_rows(s.iw, s.ow, s.kw, s.sw, s.pw, s.dil_w);
    p.in_plane = in_plane(s);
    p.out_plane = out_plane(s);
    p.w_source = taps_of(s);
    p.w_target = p.sources * taps_of(s);
    return p;
}
inline RowProblem backward_rows(const ConvShape& s) {
    RowProblem p{};
    p.n = s.n;
    p.groups = s.groups;
    p.sources = s.oc / s.groups;
    p.targets = s.ic / s.groups;
    p.d = backward_rows(s.id, s.od, s.kd, s.sd, s.pd, s.dil_d);
    p.h = backward_rows(s.ih, s.oh, s.kh, s.sh, s.ph, s.dil_h);
    p.w = backward_rows(s.iw, s.ow, s.kw, s.sw, s.pw, s.dil_w);
    p.in_plane = out_plane(s);
    p.out_plane = in_plane(s);
    p.w_source = p.targets * taps_of(s);
    p.w_target = taps_of(s);
    return p;
}

template <class T> int64_t pitch_of(const RowAxis& w) {
    return ceil_div(ceil_div(w.grid, kShortLanes<T>) * kShortLanes<T> + w.span - 1, kShortLanes<T>) * kShortLanes<T>;
}

// Whether a strip of one row fits. Reckoned in double: hostile shapes overflow.
template <class T> bool rows_fit(const RowProblem& p) {
    const double rows = 1.0 * p.sources * p.d.phases * p.d.span * p.h.phases * p.h.span * p.w.phases;
    return rows * (2.0 * kShortLanes<T> + p.w.grid + p.w.span) * sizeof(T) <= kWidestSlice &&
           1.0 * p.d.out_phases * p.h.out_phases * p.w.out_phases <= 4096 && p.taps() <= 1 << 16;
}

template <class T> RowProblem plan_rows(RowProblem p) {
    p.pitch = pitch_of<T>(p.w);
    p.row = p.w.phases * p.pitch;
    const int64_t slots = p.sources * p.d.phases * p.d.span * p.h.phases;
    const int64_t room = kStripBytes / static_cast<int64_t>(sizeof(T)) / (slots * p.row) - p.h.span + 1;
    p.rows = smaller(larger(room / kTileRows, 1) * kTileRows, p.h.grid);
    while (p.rows > 1 && 1.0 * slots * p.row * (p.rows + p.h.span - 1) * sizeof(T) > kWidestSlice) --p.rows;
    p.strips = ceil_div(p.h.grid, p.rows);
    p.rows = ceil_div(p.h.grid, p.strips);
    p.slice = (p.rows + p.h.span - 1) * p.row;
    p.source = p.d.phases * p.d.span * p.h.phases * p.slice;
    p.columns = p.taps();
    constexpr int64_t per = sizeof(Column) / sizeof(int64_t);
    p.tables = ceil_div((p.combinations() + 1 + 2 * p.w.phases + p.columns * per) *
                            static_cast<int64_t>(sizeof(int64_t) / sizeof(T)),
                        64) *
               64;
    p.scratch = ceil_div(p.sources * p.source + kShortLanes<T>, 64) * 64;
    const int64_t work = p.sources * p.targets * p.taps() * p.d.grid * p.h.grid * p.w.grid;
    p.groups_per_unit = p.strips * p.d.grid > 1 ? 1 : smaller(ceil_div(kUnitWork, larger(work, 1)), p.groups);
    return p;
}

// ---- columns ----------------------------------------------------------------------------------------------------

// The columns of every combination of output phases: those of combination i are columns[starts[i]] to
// columns[starts[i + 1]].
struct Tables {
    int64_t* starts;
    Run* runs;   // for each input phase along w: the positions that lie in a row
    Column* columns;
};
template <class T> Tables tables_in(T* workspace, const RowProblem& p) {
    int64_t* starts = reinterpret_cast<int64_t*>(workspace);
    Run* runs = reinterpret_cast<Run*>(starts + p.combinations() + 1);
    return {starts, runs, reinterpret_cast<Column*>(runs + p.w.phases)};
}

inline void fill_tables(const Tables& to, const RowProblem& p) {
    for (int64_t i = 0; i < p.w.phases; ++i) to.runs[i] = positions_inside(p.pitch, p.w.in, p.w.step, i + p.w.origin);
    int64_t count = 0, combination = 0;
    for (int64_t qd = 0; qd < p.d.out_phases; ++qd)
        for (int64_t qh = 0; qh < p.h.out_phases; ++qh)
            for (int64_t qw = 0; qw < p.w.out_phases; ++qw) {
                to.starts[combination++] = count;
                for (int64_t a = 0; a < p.d.kernel; ++a)
                    for (int64_t e = 0; e < p.w.kernel; ++e) {
                        int64_t pd, sd, pw, sw;
                        if (!p.d.tap(a, qd, &pd, &sd) || !p.w.tap(e, qw, &pw, &sw)) continue;
                        for (int64_t hp = 0; hp < p.h.phases; ++hp) {
                            int64_t before = -2, before_tap = 0;   // shift and number of the last tap
                            for (int64_t i = 0; i < p.h.kernel; ++i) {
                                const int64_t b = p.h.back ? p.h.kernel - 1 - i : i;   // downwards
                                int64_t ph, sh;
                                if (!p.h.tap(b, qh, &ph, &sh) || ph != hp) continue;
                                Column* last = to.columns + count - 1;
                                const int64_t step = (b - before_tap) * p.w.kernel;
                                if (sh == before + 1 && last->taps < kColumnTaps) {
                                    last->weight_step = static_cast<int32_t>(step);
                                    ++last->taps;
                                } else {
                                    to.columns[count++] = {((pd * p.d.span + sd) * p.h.phases + ph) * p.slice +
                                                               sh * p.row + pw * p.pitch + sw,
                                                           static_cast<int32_t>((a * p.h.kernel + b) * p.w.kernel + e),
                                                           0, 1};
                                }
                                before = sh;
                                before_tap = b;
                            }
                        }
                    }
            }
    to.starts[combination] = count;
}

// ---- the copy ---------------------------------------------------------------------------------------------------

template <class T> TK_INLINE ShortVec<T> masked_by(ShortVec<T> g, ShortVec<T> y) { return y > 0 ? g : ShortVec<T>{}; }

// The L elements at p, p + 2, ... of which the first `count` elements from p on may be read; 0 beyond.
template <class T> TK_INLINE ShortVec<T> every_other(const T* p, int64_t count) {
    constexpr int64_t L = kShortLanes<T>;
    if (count >= 2 * L) return even_lanes<T>(load_short(p), load_short(p + L));
    return even_lanes<T>(load_short_first(p, smaller(L, count)),
                         load_short_first(p + L, larger(smaller(count - L, L), 0)));
}

// A row's positions of one phase that lie in `run`; writes zeros up to one vector past them.
template <class T, int Step, bool Masked>
TK_INLINE void copy_positions(T* to, const T* from, const T* y, Run run, int64_t step, int64_t readable) {
    constexpr int64_t L = kShortLanes<T>;
    int64_t i = run.begin;
    if constexpr (Step == 1) {
        for (; i + L <= run.end; i += L) {
            const ShortVec<T> v = load_short(from + i);
            store_short(to + i, Masked ? masked_by<T>(v, load_short(y + i)) : v);
        }
        if (i < run.end) {
            const ShortVec<T> v = load_short_first(from + i, run.end - i);
            store_short(to + i, Masked ? masked_by<T>(v, load_short_first(y + i, run.end - i)) : v);
        }
    } else if constexpr (Step == 2) {
        for (; i < run.end; i += L) store_short(to + i, every_other(from + 2 * i, readable - 2 * i));
    } else {
        for (; i < run.end; ++i) to[i] = from[i * step];
    }
}

// Outputs (jd, j0 .. j0 + rows) of one group, or one phase of them.
struct Strip {
    int64_t jd, j0, rows;
};

// f(row of scratch, where the row begins in the group or -1) for every row that a strip reads
template <class T, class F> TK_INLINE void for_each_row(T* scratch, const RowProblem& p, const Strip& s, F&& f) {
    for (int64_t c = 0; c < p.sources; ++c)
        for (int64_t dp = 0; dp < p.d.phases; ++dp)
            for (int64_t dd = 0; dd < p.d.span; ++dd) {
                const int64_t zd = (s.jd + dd) * p.d.step + dp + p.d.origin;
                const bool inside = zd >= 0 && zd < p.d.in;
                const int64_t plane = c * p.in_plane + zd * p.h.in * p.w.in;
                for (int64_t hp = 0; hp < p.h.phases; ++hp, scratch += p.slice) {
                    int64_t zh = s.j0 * p.h.step + hp + p.h.origin;
                    T* to = scratch;
                    for (int64_t r = 0; r < s.rows + p.h.span - 1; ++r, zh += p.h.step, to += p.row)
                        f(to, inside && zh >= 0 && zh < p.h.in ? plane + zh * p.w.in : -1);
                }
            }
}

// What copy_group() does not write: padding. The same for every group, so that it is written once for many.
template <class T> void clear_padding(T* scratch, const RowProblem& p, const Tables& tables, const Strip& s) {
    constexpr int64_t L = kShortLanes<T>;
    for_each_row(scratch, p, s, [&](T* to, int64_t from) {
        for (int64_t i = 0; i < p.w.phases; ++i, to += p.pitch) {
            const Run run = from < 0 ? Run{p.pitch, p.pitch} : tables.runs[i];
            for (int64_t j = 0; j < run.begin; j += L) store_short(to + j, ShortVec<T>{});   // begin <= pitch
            for (int64_t j = run.end / L * L; j < p.pitch; j += L) store_short(to + j, ShortVec<T>{});
        }
    });
}

// The rows of x that lie in the strip, where y, if there is one, is positive. May write one vector past the end.
template <class T, int Step, bool Masked>
void copy_rows(T* scratch, const T* x, const T* y, const RowProblem& p, const Tables& tables, const Strip& s) {
    for_each_row(scratch, p, s, [&](T* to, int64_t row) {
        if (row < 0) return;
        for (int64_t i = 0; i < p.w.phases; ++i, to += p.pitch) {
            const int64_t first = i + p.w.origin;
            copy_positions<T, Step, Masked>(to, x + row + first, y + row + first, tables.runs[i], p.w.step,
                                            p.w.in - first);
        }
    });
}
template <class T>
void copy_group(T* scratch, const T* x, const T* y, const RowProblem& p, const Tables& tables, const Strip& s) {
    if (y) copy_rows<T, 1, true>(scratch, x, y, p, tables, s);   // dy: always of step 1
    else if (p.w.step == 1) copy_rows<T, 1, false>(scratch, x, x, p, tables, s);
    else if (p.w.step == 2) copy_rows<T, 2, false>(scratch, x, x, p, tables, s);
    else copy_rows<T, 0, false>(scratch, x, x, p, tables, s);
}

constexpr const char* kTooApart = "the taps lie so far apart that the narrowest strip outgrows its scratch";

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
