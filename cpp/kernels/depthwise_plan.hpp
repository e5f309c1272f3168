// What convolution of groups of few channels knows of a layer before it runs (conv_depthwise.hpp): its axes, by phases
// of the stride, and how planes are cut into strips, vectors and units.
#pragma once
#include "kernels/conv_algorithms.hpp"
#include "kernels/positions.hpp"
#include "kernels/register_tile.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int kTileRows = 8;
constexpr int kColumnTaps = 4;              // a column of more taps is cut
constexpr int64_t kUnitWork = 1 << 16;      // multiply-adds of a unit of the parallel loop, where planes are small
constexpr int64_t kStripWork = 1 << 20;     // planes of more are cut into strips of rows
constexpr int64_t kStridedReach = 4;        // of a fan, where that costs lanes
constexpr int64_t kCalledIn = 1 << 22;      // numbers read and written, from which on input is fetched ahead
constexpr int64_t kFoldedAhead = 1024;      // elements of a folded row
constexpr int64_t kSquareStrip = 1 << 12;   // elements of the input that a vector running down planes meets at once
constexpr int64_t kWidestRow = int64_t{1} << 30;   // elements, of which a vector of 32 bits tells the lanes inside
constexpr int64_t kMostPointers = 1 << 14;         // a shape whose table of rows is longer is declined

// Whether registers of T have their lanes permuted in one instruction: columns share loads then.
#if defined(__AVX512F__)
template <class T> constexpr bool kFans = sizeof(T) == 4;
#else
template <class T> constexpr bool kFans = false;
#endif

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
    bool pads() const { return origin < 0 || (grid - 1 + span) * step + origin > in; }
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

// Taps under each other: `taps` of them. The first reads table entry `row` and has weight `weight`, the next ones
// follow one row and `weight_step` apart. Output 0 of a row reads element `shift` of it.
struct Column {
    int64_t shift;
    int32_t row, weight, weight_step, taps;
    int32_t fan;   // columns from this one on that lie over the same rows, `reach` elements apart at most
};

struct RowProblem {
    int64_t n, groups, sources, targets;   // channels of a group that are read and written
    RowAxis d, h, w;
    int64_t in_plane, out_plane;
    int64_t w_source, w_target;   // elements of the weight from a channel to the next
    // derived by plan_rows():
    bool half, folded, called_in;
    int64_t ahead;          // elements by which a folded row is called in ahead, or 0
    int64_t lanes, reach;   // outputs of a vector, elements between the columns of a fan
    int64_t work;           // multiply-adds of a group's planes
    int64_t rows, strips;   // h positions of a strip, strips of a plane
    int64_t planes_per_unit;
    int64_t slots, height;             // the table of rows: slots of `height` for each channel
    int64_t zeros, tables, pointers;   // elements of the workspace; pointers: for each thread

    int64_t combinations() const { return d.out_phases * h.out_phases * w.out_phases; }
    int64_t taps() const { return d.kernel * h.kernel * w.kernel; }
};

// Forward, or the input gradient: what is read and what is written exchange their places.
inline RowProblem row_problem(const ConvShape& s, bool back) {
    const auto axis = [back](auto... sizes) { return back ? backward_rows(sizes...) : forward_rows(sizes...); };
    const int64_t icg = s.ic / s.groups, ocg = s.oc / s.groups, taps = taps_of(s);
    RowProblem p{};
    p.n = s.n;
    p.groups = s.groups;
    p.sources = back ? ocg : icg;
    p.targets = back ? icg : ocg;
    p.d = axis(s.id, s.od, s.kd, s.sd, s.pd, s.dil_d);
    p.h = axis(s.ih, s.oh, s.kh, s.sh, s.ph, s.dil_h);
    p.w = axis(s.iw, s.ow, s.kw, s.sw, s.pw, s.dil_w);
    p.in_plane = back ? out_plane(s) : in_plane(s);
    p.out_plane = back ? in_plane(s) : out_plane(s);
    p.w_source = back ? icg * taps : taps;
    p.w_target = back ? taps : icg * taps;
    return p;
}

// Whether the table of rows and the columns stay small. Reckoned in double: hostile shapes overflow.
inline bool rows_fit(const RowProblem& p) {
    const double rows = 1.0 * p.sources * p.d.phases * p.d.span * p.h.phases * (p.h.span + kTileRows - 1.0);
    return rows <= kMostPointers && 1.0 * p.d.out_phases * p.h.out_phases * p.w.out_phases <= 4096 &&
           p.taps() <= 1 << 16;
}

template <class T, class Element> int64_t elements_for(int64_t count) {
    return apart<T>(ceil_div(count * static_cast<int64_t>(sizeof(Element)), static_cast<int64_t>(sizeof(T))));
}

// Whether rows are loaded once for a fan of columns, 2 L elements of each: where lanes of two vectors permute.
template <class T> bool fans(int64_t step) { return kFans<T> && step <= 4; }

template <class T> RowProblem plan_rows(RowProblem p) {
    p.half = p.w.grid <= kHalfLanes<T>;
    const int64_t L = p.half ? kHalfLanes<T> : kLanes<T>;
    p.lanes = L;
    if (fans<T>(p.w.step)) {
        p.reach = smaller((p.w.kernel - 1) * p.w.dilation, p.w.step == 1 ? L : kStridedReach);
        p.lanes = smaller(L, (2 * L - 1 - p.reach) / p.w.step + 1);
    }
    p.folded = p.h.grid == 1 && p.h.span == 1;
    const bool outgrows = p.n * p.groups * (p.sources * p.in_plane + p.targets * p.out_plane) > kCalledIn;
    p.called_in = outgrows && !p.folded && !p.half;
    p.ahead = outgrows && p.folded ? kFoldedAhead : 0;
    p.slots = p.d.phases * p.d.span * p.h.phases;
    p.work = p.sources * p.targets * p.taps() * p.d.grid * p.h.grid * p.w.grid;
    const int64_t tiles = ceil_div(p.h.grid, kTileRows);
    const int64_t most = (kMostPointers / (p.sources * p.slots) - p.h.span + 1) / kTileRows;   // at least 1
    p.rows = smaller(ceil_div(tiles, smaller(ceil_div(p.work, kStripWork), tiles)), most) * kTileRows;
    p.strips = ceil_div(p.h.grid, p.rows);
    p.height = p.rows + p.h.span - 1;
    p.planes_per_unit = p.strips > 1 ? 1 : ceil_div(kUnitWork, p.work);
    p.zeros = p.d.pads() || p.h.pads() ? elements_for<T, T>(p.w.in) : 0;
    p.tables = elements_for<T, int64_t>(p.combinations() + 1) + elements_for<T, Column>(p.taps());
    p.pointers = elements_for<T, const T*>(p.sources * p.slots * p.height);
    return p;
}

}   // namespace
}   // namespace tk::TK_ISA
