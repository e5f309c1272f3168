// Forward convolution and input gradient of groups of few channels: tiles of rows (conv_depthwise.hpp).
#include "kernels/conv_depthwise.hpp"
#include "kernels/depthwise_spread.hpp"
#include "kernels/depthwise_tiles.hpp"

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

// What a call reads and writes.
template <class T> struct RowsCall {
    T* out;
    const T *x, *weight, *bias;
    bool relu;
    T* workspace;
};

// Output rows q + step * (j0 .. j0 + rows) of the groups' planes [first, end), for every phase q.
template <class T, int L, bool CalledIn>
void compute_strip(const RowsCall<T>& a, const RowProblem& p, const Tables<T>& tables, const T** found, int64_t first,
                   int64_t end, int64_t jd, int64_t j0) {
    const int64_t paired = p.w.out_step() == 2 && p.w.out_phases == 2 ? 2 : 1;   // phases of a tile
    const int64_t weights = p.sources * p.targets * p.taps(), out_row = p.h.out_step() * p.w.out;
    RowTile<T> tile{};
    tile.sources = p.sources;
    tile.source = p.slots * p.height;
    tile.w_source = p.w_source;
    tile.in_step = p.w.step;
    tile.in = p.w.in;
    tile.out_row = p.folded ? p.lanes * p.w.out_step() : out_row;
    tile.out_step = p.w.out_step();
    tile.lanes = p.lanes;
    tile.relu = a.relu;
    int64_t group = first % p.groups;
    const int64_t strip = smaller(p.rows, p.h.grid - j0);
    const auto band = [&](int64_t plane, int64_t row, int64_t height, int64_t columns, int64_t to) {
        tile.rows = found + row;
        NextBand<T> next;
        if constexpr (CalledIn) next = next_band(found, p, row, height, strip, p.sources * p.in_plane);
        for_each_tile<T>(p, tables.inside, height, columns, [&](int64_t rows, int64_t o, bool inside) {
            tile.at = o * p.w.step;
            if constexpr (CalledIn) next.call_in(tile.at, p.lanes * p.w.step);
            tile.width = p.w.out - o * tile.out_step;
            if (p.ahead) fetch(found[0] + tile.at + p.ahead, rows * p.lanes * p.w.step);
            for (int64_t k = 0; k < p.targets; ++k) {
                tile.weight = a.weight + group * weights + k * p.w_target;
                tile.bias = a.bias ? a.bias + group * p.targets + k : nullptr;
                tile.out = a.out + (plane * p.targets + k) * p.out_plane + to + o * tile.out_step;
                if (p.ahead) fetch_to_write(tile.out + p.ahead, rows * p.lanes * tile.out_step);
                with_height<T>(rows, [&](auto tile_rows) { run_tile<T, L, tile_rows>(tile, paired == 2, inside); });
            }
        });
    };
    for_each_plane<T>(found, a.x, tables.zeros, p, first, end, 1, jd, j0, strip, [&](int64_t plane) {
        for (int64_t qd = 0; qd < p.d.out_phases && jd < p.d.outputs(qd); ++qd)
            for (int64_t qh = 0; qh < p.h.out_phases; ++qh)
                for (int64_t qw = 0; qw < p.w.out_phases; qw += paired) {
                    const int64_t* starts = tables.starts + (qd * p.h.out_phases + qh) * p.w.out_phases + qw;
                    tile.columns = tables.columns + starts[0];
                    tile.next_columns = tables.columns + starts[1];
                    tile.columns_end = tables.columns + starts[paired];
                    tile.phase = qw;
                    const int64_t rows = smaller(strip, p.h.outputs(qh) - j0), columns = p.w.outputs(qw);
                    const int64_t to = ((jd * p.d.out_step() + qd) * p.h.out + j0 * p.h.out_step() + qh) * p.w.out;
                    for (int64_t row = 0, height; row < rows; row += height) {
                        height = tile_height<T>(rows - row);
                        band(plane, row, height, columns, to + row * out_row);
                    }
                }
        if (++group == p.groups) group = 0;
    });
}

#if defined(__AVX2__)
template <class T, bool Two> void run_square(const RowsCall<T>& a, const RowProblem& p, const SquarePlan& plan) {
    const int64_t planes = p.n * p.groups * p.targets, per_unit = p.planes_per_unit + p.planes_per_unit % 2;
    parallel_for(ceil_div(planes, per_unit), p.n * p.groups * p.work, [&](int64_t unit, int) {
        auto compute = p.h.stride == 1 ? square_planes<T, 1, false, Two>
                       : p.h.back      ? square_planes<T, 1, true, Two>
                                       : square_planes<T, 2, false, Two>;
        const int64_t first = unit * per_unit;
        compute(a.out, a.x, a.weight, a.bias, a.relu, p, plan, first, smaller(first + per_unit, planes));
    });
}
// compute(first, end, thread) for units of `planes` planes
template <class F> void run_planes(const RowProblem& p, int64_t planes, F&& compute) {
    parallel_for(ceil_div(planes, p.planes_per_unit), p.n * p.groups * p.work, [&](int64_t unit, int thread) {
        const int64_t first = unit * p.planes_per_unit;
        compute(first, smaller(first + p.planes_per_unit, planes), thread);
    });
}
template <class T> void run_wide(const RowsCall<T>& a, const RowProblem& p, int taps) {
    const int64_t planes = p.n * p.groups * p.targets;
#if !defined(__AVX512F__)
    if (sum_tiles(p))
        return run_planes(p, planes, [&](int64_t first, int64_t end, int thread) {
            tile_planes(a.out, a.x, a.weight, a.bias, a.relu, p, a.workspace + thread * kCopied<T>, first, end);
        });
#endif
    const auto run = taps == 3       ? deep(p) ? wide_planes<T, 3, 1, true> : wide_planes<T, 3, 1, false>
                     : taps == 7     ? wide_planes<T, 7, 1, false>
                     : p.h.step == 2 ? wide_planes<T, 5, 2, false>
                                     : wide_planes<T, 5, 1, false>;
    run_planes(p, planes,
               [&](int64_t first, int64_t end, int) { run(a.out, a.x, a.weight, a.bias, a.relu, p, first, end); });
}
#endif

template <class T> void run_rows(const RowsCall<T>& a, const RowProblem& p) {
#if defined(__AVX2__)
    if constexpr (kTuned<T>) {
        if (const SquarePlan plan = plan_square<T>(p); plan.fits) {
            if constexpr (kFans<T>)
                if (plan.two) return run_square<T, true>(a, p, plan);
            return run_square<T, false>(a, p, plan);
        }
        if (const int taps = wide_taps<T>(p)) return run_wide<T>(a, p, taps);
        if (spreads<T>(p))
            return run_planes(p, p.n * p.groups, [&](int64_t first, int64_t end, int) {
                spread_planes<T, 5>(a.out, a.x, a.weight, p, first, end);
            });
    }
#endif
    const Tables<T> tables = tables_in(a.workspace, p);
    const int64_t planes = p.n * p.groups, slices = p.d.grid * p.strips;
    parallel_for(ceil_div(planes, p.planes_per_unit) * slices, planes * p.work, [&](int64_t unit, int thread) {
        const T** found = reinterpret_cast<const T**>(tables.pointers + thread * p.pointers);
        const int64_t slice = unit % slices, first = unit / slices * p.planes_per_unit;
        const int64_t jd = slice / p.strips, j0 = slice % p.strips * p.rows;
        auto compute = p.half ? compute_strip<T, kHalfLanes<T>, false> : compute_strip<T, kLanes<T>, false>;
        if constexpr (kTuned<T>)
            if (p.called_in) compute = compute_strip<T, kLanes<T>, true>;
        compute(a, p, tables, found, first, smaller(first + p.planes_per_unit, planes), jd, j0);
    });
}

const char* forward_cannot(const ConvShape& s) { return rows_fit(row_problem(s, false)) ? nullptr : kTooApart; }
const char* backward_input_cannot(const ConvShape& s) { return rows_fit(row_problem(s, true)) ? nullptr : kTooApart; }
template <class T> int64_t workspace_of(const RowProblem& p, int threads) {
    if (wide_taps<T>(p) && sum_tiles(p)) return threads * kCopied<T>;
    return p.tables + p.zeros + threads * p.pointers;
}
template <class T> int64_t forward_workspace(const ConvShape& s, int threads, bool) {
    return workspace_of<T>(plan_rows<T>(row_problem(s, false)), threads);
}
template <class T> int64_t backward_input_workspace(const ConvShape& s, int threads, bool) {
    return workspace_of<T>(plan_rows<T>(row_problem(s, true)), threads);
}
template <class T> void run_forward(const ForwardCall<T>& a, const ConvShape& s) {
    run_rows<T>({a.y, a.x, a.weight, a.bias, a.relu, a.workspace}, plan_rows<T>(row_problem(s, false)));
}
template <class T> void run_backward_input(const BackwardInputCall<T>& a, const ConvShape& s) {
    run_rows<T>({a.dx, a.dy, a.weight, nullptr, false, a.workspace}, plan_rows<T>(row_problem(s, true)));
}

}   // namespace

template <class T> const ForwardAlgorithm<T>& depthwise_forward() {
    static constexpr ForwardAlgorithm<T> entry = {{ConvAlgorithm::depthwise, true, pads, false, false, forward_cannot,
                                                   many_channels, forward_workspace<T>, forward_error},
                                                  run_forward<T>,
                                                  no_pack,
                                                  pack_nothing<T>};
    return entry;
}
template <class T> const BackwardInputAlgorithm<T>& depthwise_backward_input() {
    static constexpr BackwardInputAlgorithm<T> entry = {
        {ConvAlgorithm::depthwise, true, always_pads, false, false, backward_input_cannot, many_channels,
         backward_input_workspace<T>, backward_input_error},
        run_backward_input<T>};
    return entry;
}
TK_EMIT(depthwise_forward)
TK_EMIT(depthwise_backward_input)

}   // namespace tk::TK_ISA
