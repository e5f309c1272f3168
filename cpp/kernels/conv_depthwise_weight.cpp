// Weight gradient of groups of few channels, with the bias gradient in the same pass (conv_depthwise.hpp).
//
//   dweight[k, c, t] = sum over images, outputs g of dy[k, g] * scratch[c, shift(t) + g]
//
// A tile holds up to kTileRows rows x one vector of dy in registers; each column of taps loads the rows of x that these
// meet and adds to one vector of sums per tap:
//
//   sums [k][c][tap][lane], [k][lane] for the bias
//
// whose lanes are added at the end. Layers of few groups cut the batch into chunks, whose results are added in order.
#include "kernels/conv_depthwise.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kUnits = 16;   // as many units at least as the batch allows

struct WeightPlan {
    RowProblem rows;
    int64_t chunks, results, sums;   // results: elements of a chunk's partial sums
};
template <class T> WeightPlan plan_weight(const ConvShape& s) {
    WeightPlan p{plan_rows<T>(forward_rows(s)), 1, 0, 0};
    p.chunks = larger(smaller(s.n, kUnits / s.groups), 1);
    p.results = p.chunks > 1 ? p.chunks * (weight_size(s) + s.oc) : 0;
    const int64_t targets = p.rows.targets;
    p.sums = targets * (p.rows.sources * p.rows.taps() + 1) * kShortLanes<T>;
    p.rows.scratch = ceil_div(p.rows.scratch + p.sums, 64) * 64;
    return p;
}

template <class T> struct SumTile {
    T* sums;   // of the channel pair
    const T *in, *dy, *y;
    int64_t row, dy_row, lanes;
    const Column *columns, *columns_end;
    T* bias;   // or nullptr: another source has counted them
};

template <class T, int Taps, int Rows>
TK_INLINE void sum_column(T* sums, int64_t step, const ShortVec<T> (&g)[Rows], const T* x, int64_t row) {
    ShortVec<T> acc[Taps];
#pragma GCC unroll 4
    for (int t = 0; t < Taps; ++t) acc[t] = load_short(sums + t * step);
#pragma GCC unroll 16
    for (int i = 0; i < Rows + Taps - 1; ++i, x += row) {
        const ShortVec<T> value = load_short(x);
#pragma GCC unroll 4
        for (int t = 0; t < Taps; ++t)
            if (i >= t && i - t < Rows) acc[t] += value * g[i - t];
    }
#pragma GCC unroll 4
    for (int t = 0; t < Taps; ++t) store_short(sums + t * step, acc[t]);
}

template <class T, int Rows> [[gnu::noinline]] void sum_rows(const SumTile<T>& a) {
    constexpr int64_t L = kShortLanes<T>;
    ShortVec<T> g[Rows];
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
        g[r] = load_short_first(a.dy + r * a.dy_row, a.lanes);
        if (a.y) g[r] = masked_by<T>(g[r], load_short_first(a.y + r * a.dy_row, a.lanes));
    }
    if (a.bias) {
        ShortVec<T> total = load_short(a.bias);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) total += g[r];
        store_short(a.bias, total);
    }
    for (const Column* column = a.columns; column != a.columns_end; ++column) {
        const T* x = a.in + column->offset;
        T* sums = a.sums + column->weight * L;
        const int64_t step = column->weight_step * L;
        switch (column->taps) {
            case 1: sum_column<T, 1, Rows>(sums, step, g, x, a.row); break;
            case 2: sum_column<T, 2, Rows>(sums, step, g, x, a.row); break;
            case 3: sum_column<T, 3, Rows>(sums, step, g, x, a.row); break;
            default: sum_column<T, 4, Rows>(sums, step, g, x, a.row); break;
        }
    }
}
template <class T, int Rows = kTileRows> void sum_rows_of(int64_t rows, const SumTile<T>& a) {
    if constexpr (Rows > 0) {
        if (rows == Rows) return sum_rows<T, Rows>(a);
        sum_rows_of<T, Rows - 1>(rows, a);
    }
}

template <class T> TK_INLINE T sum_of(const T* lanes) {
    T total = lanes[0];
    for (int i = 1; i < kShortLanes<T>; ++i) total += lanes[i];
    return total;
}

// One group over images [begin, end): to dweight and dbias of that group. cleared: padding is, by the group before.
template <class T>
void sum_group(const BackwardWeightCall<T>& a, const WeightPlan& plan, const Tables& tables, T* scratch, int64_t group,
               int64_t begin, int64_t end, bool cleared, T* dweight, T* dbias) {
    constexpr int64_t L = kShortLanes<T>;
    const RowProblem& p = plan.rows;
    T* sums = scratch + plan.rows.scratch - plan.sums;
    T* bias = sums + p.targets * p.sources * p.taps() * L;
    for (int64_t i = 0; i < plan.sums; i += L) store_short(sums + i, ShortVec<T>{});
    const int64_t slices = p.d.grid * p.strips;
    for (int64_t n = begin; n < end; ++n)
        for (int64_t jd = 0; jd < p.d.grid; ++jd)
            for (int64_t j0 = 0; j0 < p.h.grid; j0 += p.rows) {
                const int64_t rows = smaller(p.rows, p.h.grid - j0), height = ceil_div(rows, ceil_div(rows, kTileRows));
                const Strip strip{jd, j0, rows};
                if (!cleared || slices > 1) clear_padding(scratch, p, tables, strip);
                cleared = true;
                copy_group(scratch, a.x + (n * p.groups + group) * p.sources * p.in_plane,
                           static_cast<const T*>(nullptr), p, tables, strip);
                for (int64_t k = 0; k < p.targets; ++k) {
                    const int64_t from =
                        ((n * p.groups + group) * p.targets + k) * p.out_plane + (jd * p.h.out + j0) * p.w.out;
                    for (int64_t top = 0; top < rows; top += height) {
                        for (int64_t o = 0; o < p.w.out; o += L)
                            for (int64_t c = 0; c < p.sources; ++c) {
                                const int64_t at = from + top * p.w.out + o;
                                sum_rows_of<T>(
                                    smaller(height, rows - top),
                                    {sums + (k * p.sources + c) * p.taps() * L,
                                     scratch + c * p.source + top * p.row + o, a.dy + at, a.y ? a.y + at : nullptr,
                                     p.row, p.w.out, smaller(L, p.w.out - o), tables.columns,
                                     tables.columns + tables.starts[1], c == 0 ? bias + k * L : nullptr});
                            }
                    }
                }
            }
    for (int64_t i = 0; i < p.targets * p.sources * p.taps(); ++i) dweight[i] = sum_of(sums + i * L);
    if (dbias)
        for (int64_t k = 0; k < p.targets; ++k) dbias[k] = sum_of(bias + k * L);
}

template <class T> const char* cannot(const ConvShape& s) {
    return rows_fit<T>(forward_rows(s)) && weight_size(s) / s.groups <= 1 << 16 ? nullptr : kTooApart;
}
template <class T> int64_t workspace(const ConvShape& s, int threads, bool) {
    const WeightPlan p = plan_weight<T>(s);
    return p.rows.tables + threads * p.rows.scratch + p.results;
}

template <class T> void run_backward_weight(const BackwardWeightCall<T>& a, const ConvShape& s) {
    const WeightPlan plan = plan_weight<T>(s);
    const RowProblem& p = plan.rows;
    const Tables tables = tables_in(a.workspace, p);
    fill_tables(tables, p);
    T* partial = a.workspace + p.tables;
    T* scratch = partial + plan.results;
    const int64_t per_group = weight_size(s) / s.groups, size = weight_size(s) + s.oc;
    const int64_t per_unit = smaller(ceil_div(kUnitWork, multiply_adds(s) / s.groups + 1), s.groups);
    const int64_t blocks = ceil_div(s.groups, per_unit);
    parallel_for(
        blocks * plan.chunks, multiply_adds(s),
        [&](int64_t unit, int thread) {
            const int64_t chunk = unit % plan.chunks, first = unit / plan.chunks * per_unit;
            const int64_t begin = s.n * chunk / plan.chunks, end = s.n * (chunk + 1) / plan.chunks;
            T* dweight = plan.results ? partial + chunk * size : a.dweight;
            T* dbias = plan.results ? dweight + weight_size(s) : a.dbias;
            for (int64_t group = first; group < smaller(first + per_unit, s.groups); ++group)
                sum_group(a, plan, tables, scratch + thread * p.scratch, group, begin, end, group > first,
                          dweight + group * per_group, dbias ? dbias + group * p.targets : nullptr);
        },
        Schedule::even);
    if (!plan.results) return;
    for (int64_t i = 0; i < size; ++i) {
        T total = partial[i];
        for (int64_t chunk = 1; chunk < plan.chunks; ++chunk) total += partial[chunk * size + i];
        if (i < weight_size(s)) a.dweight[i] = total;
        else if (a.dbias) a.dbias[i - weight_size(s)] = total;
    }
}

}   // namespace

template <class T> const BackwardWeightAlgorithm<T>& depthwise_backward_weight() {
    static constexpr BackwardWeightAlgorithm<T> entry = {
        {ConvAlgorithm::depthwise, true, always_pads, true, true, cannot<T>, many_channels, workspace<T>,
         backward_weight_error},
        run_backward_weight<T>};
    return entry;
}
TK_EMIT(depthwise_backward_weight)

}   // namespace tk::TK_ISA
