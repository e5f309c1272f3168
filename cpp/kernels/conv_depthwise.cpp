// Forward convolution and input gradient of groups of few channels (conv_depthwise.hpp): strips of planes by tiles of
// rows (depthwise_row_tile.hpp), or by the kernels that common layers have of their own.
#include "kernels/depthwise_row_tile.hpp"
#include "kernels/depthwise_spread.hpp"
#include "kernels/depthwise_tiles.hpp"

namespace tk::TK_ISA {
namespace {

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
