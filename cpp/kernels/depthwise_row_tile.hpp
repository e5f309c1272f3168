// The register tile of depthwise convolution (conv_depthwise.hpp): up to kTileRows rows x one vector of pixels of one
// channel, for a phase of the outputs or two of them, interleaved on their way out.
//
//   acc[row] += broadcast(weight of a tap) * (row of the input, shifted by the tap)      column by column, downwards
//
// A row that was loaded serves each tap of its column; of a fan, each of the fan's columns.
#pragma once
#include "kernels/conv_depthwise.hpp"

namespace tk::TK_ISA {
namespace {

// out[r * out_row + lane * out_step + phase] for each row r of a tile
template <class T> struct RowTile {
    const T* const* rows;
    int64_t sources, source, w_source;   // from a channel to the next: entries of rows, elements of the weight
    const T* weight;
    const Column *columns, *next_columns, *columns_end;   // of the phase; next to columns_end: of the one interleaved
    int64_t at, in_step, in;                              // position of output 0 at shift 0; the row's elements
    T* out;
    int64_t out_row, out_step, phase, width;   // width: elements of the row from out on
    int64_t lanes;
    const T* bias;   // or nullptr
    bool relu;
};

template <class T, int L, Load How, int Taps, int Rows>
TK_INLINE void add_column(VecOf<T, L> (&acc)[Rows], const RowTile<T>& a, const Column& column, const T* const* rows,
                          const T* weight) {
    const RowLoad<T, L, How> load(a.at + column.shift, a.in_step, a.in);
    VecOf<T, L> factor[Taps];
#pragma GCC unroll 4
    for (int t = 0; t < Taps; ++t) factor[t] = broadcast_lanes<L>(weight[t * column.weight_step]);
#pragma GCC unroll 16
    for (int i = 0; i < Rows + Taps - 1; ++i) {
        const VecOf<T, L> value = load(rows[i]);
#pragma GCC unroll 4
        for (int t = 0; t < Taps; ++t)
            if (i >= t && i - t < Rows) acc[i - t] += value * factor[t];
    }
}
#if defined(__AVX512F__)
// A fan: 2 L elements of every row are loaded once, and permuted for each of its columns.
template <class T, int L, int Taps, int Rows>
TK_INLINE void add_fan(VecOf<T, L> (&acc)[Rows], const RowTile<T>& a, const Column* fan, const T* const* rows,
                       const T* weight) {
    const Column* end = fan + fan->fan;
    const int64_t first = smaller(fan->shift, end[-1].shift);
    const int64_t at = a.at + first, reach = larger(fan->shift, end[-1].shift) - first;
    const int64_t read = at + (a.lanes - 1) * a.in_step + reach + 1;   // up to there: a folded row ends within a tile
    const RowLoad<T, L, Load::row> low(at, 1, a.in), high(at + L, 1, smaller(a.in, read));
    VecOf<T, L> near[Rows + Taps - 1], far[Rows + Taps - 1];
#pragma GCC unroll 16
    for (int i = 0; i < Rows + Taps - 1; ++i) {
        near[i] = low(rows[i]);
        far[i] = high(rows[i]);
    }
    for (const Column* c = fan; c != end; ++c) {
        const VecOf<LaneInt<T>, L> lanes = lane_numbers<T, L>(a.in_step, c->shift - first);
        VecOf<T, L> factor[Taps];
#pragma GCC unroll 4
        for (int t = 0; t < Taps; ++t) factor[t] = broadcast_lanes<L>(weight[c->weight + t * c->weight_step]);
#pragma GCC unroll 16
        for (int i = 0; i < Rows + Taps - 1; ++i) {
            const VecOf<T, L> value = permuted(near[i], lanes, far[i]);
#pragma GCC unroll 4
            for (int t = 0; t < Taps; ++t)
                if (i >= t && i - t < Rows) acc[i - t] += value * factor[t];
        }
    }
}
#endif

// A column, or the columns of a fan.
template <class T, int L, Load How, int Taps, int Rows>
TK_INLINE void add_next(VecOf<T, L> (&acc)[Rows], const RowTile<T>& a, const Column* column, const T* const* rows,
                        const T* weight) {
#if defined(__AVX512F__)
    if constexpr (How == Load::fan) return add_fan<T, L, Taps>(acc, a, column, rows, weight);
#endif
    add_column<T, L, How, Taps>(acc, a, *column, rows, weight + column->weight);
}
template <class T, int L, Load How, int Rows>
TK_INLINE void add_columns(VecOf<T, L> (&acc)[Rows], const RowTile<T>& a, const Column* column, const Column* end) {
    const T* const* rows = a.rows;
    const T* weight = a.weight;
    for (int64_t c = 0; c < a.sources; ++c, rows += a.source, weight += a.w_source)
        for (const Column* i = column; i != end; i += How == Load::fan ? i->fan : 1) {
            switch (i->taps) {
                case 1: add_next<T, L, How, 1>(acc, a, i, rows + i->row, weight); break;
                case 2: add_next<T, L, How, 2>(acc, a, i, rows + i->row, weight); break;
                case 3: add_next<T, L, How, 3>(acc, a, i, rows + i->row, weight); break;
                default: add_next<T, L, How, 4>(acc, a, i, rows + i->row, weight); break;
            }
        }
}

template <class T, int L> TK_INLINE void store_row(T* out, VecOf<T, L> v, const LaneMask<T, L>& mask, bool full) {
    if (full) store_lanes<L>(out, v);
    else store_masked(out, v, mask);
}

template <class T, int L> [[gnu::noinline]] void scatter(T* out, VecOf<T, L> v, int64_t step, int64_t count) {
    T lanes[L];
    store_lanes<L>(lanes, v);
#pragma GCC unroll 1
    for (int64_t i = 0; i < count; ++i) out[i * step] = lanes[i];
}

template <class T, int L, Load How, int Rows> [[gnu::noinline]] void row_tile(const RowTile<T>& a) {
    VecOf<T, L> acc[Rows]{};
    add_columns<T, L, How>(acc, a, a.columns, a.next_columns);
    const VecOf<T, L> bias = broadcast_lanes<L>(a.bias ? *a.bias : T(0));
    if (a.bias)
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) acc[r] += bias;
    if (a.relu)
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) acc[r] = acc[r] <= 0 ? VecOf<T, L>{} : acc[r];
    T* out = a.out;
    if (a.out_step != 1) {
        const int64_t lanes = smaller(ceil_div(a.width - a.phase, a.out_step), a.lanes);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r, out += a.out_row) scatter<T, L>(out + a.phase, acc[r], a.out_step, lanes);
        return;
    }
    const int64_t lanes = smaller(a.width, a.lanes);
    const LaneMask<T, L> mask = lanes_between<T, L>(0, lanes);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r, out += a.out_row) store_row<T, L>(out, acc[r], mask, lanes == L);
}
// Two phases of outputs, interleaved.
template <class T, int L, Load How, int Rows> [[gnu::noinline]] void two_phase_tile(const RowTile<T>& a) {
    VecOf<T, L> even[Rows]{}, odd[Rows]{};
    add_columns<T, L, How>(even, a, a.columns, a.next_columns);
    add_columns<T, L, How>(odd, a, a.next_columns, a.columns_end);
    const int64_t low = smaller(a.width, L), high = smaller(a.width - low, L);
    const LaneMask<T, L> low_mask = lanes_between<T, L>(0, low), high_mask = lanes_between<T, L>(0, high);
    T* out = a.out;
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r, out += a.out_row) {
        store_row<T, L>(out, low_pairs<T, L>(even[r], odd[r]), low_mask, low == L);
        store_row<T, L>(out + L, high_pairs<T, L>(even[r], odd[r]), high_mask, high == L);
    }
}

// The tile of the phases of a combination: a single one by fans where the registers' lanes permute.
template <class T, int L, int Rows> TK_INLINE void run_tile(const RowTile<T>& a, bool paired, bool inside) {
    if constexpr (kFans<T>) {
        if (paired) two_phase_tile<T, L, Load::row, Rows>(a);
        else if (fans<T>(a.in_step)) row_tile<T, L, Load::fan, Rows>(a);
        else row_tile<T, L, Load::gather, Rows>(a);
    } else if (!paired) {
        with_load<T>(a.in_step, inside, [&](auto how) { row_tile<T, L, how, Rows>(a); });
    } else if (inside) {
        two_phase_tile<T, L, Load::row_inside, Rows>(a);
    } else {
        two_phase_tile<T, L, Load::row, Rows>(a);
    }
}

}   // namespace
}   // namespace tk::TK_ISA
