// Forward convolution and input gradient of groups of few channels: tiles of rows (conv_depthwise.hpp).
#include "kernels/conv_depthwise.hpp"

namespace tk::TK_ISA {
namespace {

// out[r * out_row + lane * out_step + phase] for each row r of a tile
template <class T> struct RowTile {
    const T *in, *weight;
    const Column *columns, *columns_end;
    int64_t sources, source, row, w_source;
    T* out;
    int64_t out_row, out_step, phase, lanes, width;   // width: elements of the row from out on
    const T* bias;                                    // or nullptr
    bool relu;
};

template <class T, int Taps, int Rows>
TK_INLINE void add_column(ShortVec<T> (&acc)[Rows], const T* x, int64_t row, const T* weight, int64_t weight_step) {
    ShortVec<T> factor[Taps];
#pragma GCC unroll 4
    for (int t = 0; t < Taps; ++t) factor[t] = broadcast_short(weight[t * weight_step]);
#pragma GCC unroll 16
    for (int i = 0; i < Rows + Taps - 1; ++i, x += row) {
        const ShortVec<T> value = load_short(x);
#pragma GCC unroll 4
        for (int t = 0; t < Taps; ++t)
            if (i >= t && i - t < Rows) acc[i - t] += value * factor[t];
    }
}

// v to every other of the `width` elements at out: phase 0 writes them all, phase 1 leaves the even ones.
template <class T> TK_INLINE void spread(T* out, ShortVec<T> v, int64_t phase, int64_t width) {
    constexpr int64_t L = kShortLanes<T>;
    const int64_t low = smaller(L, width), high = smaller(L, width - low);
    if (phase == 0) {
        store_short_first(out, low_pairs<T>(v, v), low);
        store_short_first(out + L, high_pairs<T>(v, v), high);
    } else {
        const ShortVec<T> evens = even_lanes<T>(load_short_first(out, low), load_short_first(out + L, high));
        store_short_first(out, low_pairs<T>(evens, v), low);
        store_short_first(out + L, high_pairs<T>(evens, v), high);
    }
}

template <class T, int Rows> [[gnu::noinline]] void row_tile(const RowTile<T>& a) {
    ShortVec<T> acc[Rows];
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) acc[r] = ShortVec<T>{};
    const T *in = a.in, *weight = a.weight;
    for (int64_t c = 0; c < a.sources; ++c, in += a.source, weight += a.w_source)
        for (const Column* column = a.columns; column != a.columns_end; ++column) {
            const T *x = in + column->offset, *w = weight + column->weight;
            switch (column->taps) {
                case 1: add_column<T, 1, Rows>(acc, x, a.row, w, column->weight_step); break;
                case 2: add_column<T, 2, Rows>(acc, x, a.row, w, column->weight_step); break;
                case 3: add_column<T, 3, Rows>(acc, x, a.row, w, column->weight_step); break;
                default: add_column<T, 4, Rows>(acc, x, a.row, w, column->weight_step); break;
            }
        }
    T* out = a.out;
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r, out += a.out_row) {
        ShortVec<T> v = acc[r];
        if (a.bias) v += broadcast_short(*a.bias);
        if (a.relu) v = v <= 0 ? ShortVec<T>{} : v;
        if (a.out_step == 1) {
            if (a.lanes == kShortLanes<T>) store_short(out, v);
            else store_short_first(out, v, a.lanes);
        } else if (a.out_step == 2) {
            spread(out, v, a.phase, a.width);
        } else {
            for (int64_t i = 0; i < a.lanes; ++i) out[i * a.out_step + a.phase] = v[i];
        }
    }
}

template <class T, int Rows = kTileRows> void row_tile_of(int64_t rows, const RowTile<T>& a) {
    if constexpr (Rows > 0) {
        if (rows == Rows) return row_tile<T, Rows>(a);
        row_tile_of<T, Rows - 1>(rows, a);
    }
}

// What a call reads and writes: y masks x, or is nullptr.
template <class T> struct RowsCall {
    T* out;
    const T *x, *y, *weight, *bias;
    bool relu;
    T* workspace;
};

// Output rows q + step * (j0 .. j0 + rows) of one output channel, for every phase q; scratch holds what they read.
template <class T>
void compute_rows(const RowsCall<T>& a, const RowProblem& p, const Tables& tables, const T* scratch, T* out,
                  const T* weight, const T* bias, int64_t jd, int64_t j0, int64_t rows) {
    constexpr int64_t L = kShortLanes<T>;
    int64_t combination = 0;
    for (int64_t qd = 0; qd < p.d.out_phases; ++qd)
        for (int64_t qh = 0; qh < p.h.out_phases; ++qh)
            for (int64_t qw = 0; qw < p.w.out_phases; ++qw, ++combination) {
                if (jd >= p.d.outputs(qd)) continue;
                const int64_t count = smaller(rows, p.h.outputs(qh) - j0), columns = p.w.outputs(qw);
                const int64_t tiles = ceil_div(count, kTileRows), step = p.h.out_step() * p.w.out;
                const int64_t height = ceil_div(count, larger(tiles, 1));
                T* to = out + ((jd * p.d.out_step() + qd) * p.h.out + j0 * p.h.out_step() + qh) * p.w.out;
                RowTile<T> tile{};
                tile.weight = weight;
                tile.columns = tables.columns + tables.starts[combination];
                tile.columns_end = tables.columns + tables.starts[combination + 1];
                tile.sources = p.sources;
                tile.source = p.source;
                tile.row = p.row;
                tile.w_source = p.w_source;
                tile.out_row = step;
                tile.out_step = p.w.out_step();
                tile.phase = qw;
                tile.bias = bias;
                tile.relu = a.relu;
                for (int64_t begin = 0; begin < count; begin += height)
                    for (int64_t o = 0; o < columns; o += L) {
                        tile.in = scratch + begin * p.row + o;
                        tile.out = to + begin * step + o * tile.out_step;
                        tile.lanes = smaller(L, columns - o);
                        tile.width = p.w.out - o * tile.out_step;
                        row_tile_of<T>(smaller(height, count - begin), tile);
                    }
            }
}

template <class T> void run_rows(const RowsCall<T>& a, const RowProblem& p) {
    const int64_t work = p.n * p.groups * p.sources * p.targets * p.taps() * p.d.grid * p.h.grid * p.w.grid;
    const Tables tables = tables_in(a.workspace, p);
    fill_tables(tables, p);
    const int64_t blocks = ceil_div(p.n * p.groups, p.groups_per_unit), slices = p.d.grid * p.strips;
    parallel_for(
        blocks * slices, work,
        [&](int64_t unit, int thread) {
            T* scratch = a.workspace + p.tables + thread * p.scratch;
            const int64_t slice = unit % slices, first = unit / slices * p.groups_per_unit;
            const int64_t jd = slice / p.strips, j0 = slice % p.strips * p.rows, rows = smaller(p.rows, p.h.grid - j0);
            const Strip strip{jd, j0, rows};
            clear_padding(scratch, p, tables, strip);
            for (int64_t i = first; i < smaller(first + p.groups_per_unit, p.n * p.groups); ++i) {
                const int64_t group = i % p.groups, from = i * p.sources * p.in_plane;
                copy_group(scratch, a.x + from, a.y ? a.y + from : nullptr, p, tables, strip);
                for (int64_t k = 0; k < p.targets; ++k)
                    compute_rows(a, p, tables, scratch, a.out + (i * p.targets + k) * p.out_plane,
                                 a.weight + group * p.sources * p.targets * p.taps() + k * p.w_target,
                                 a.bias ? a.bias + group * p.targets + k : nullptr, jd, j0, rows);
            }
        },
        Schedule::even);
}

template <class T> const char* forward_cannot(const ConvShape& s) {
    return rows_fit<T>(forward_rows(s)) ? nullptr : kTooApart;
}
template <class T> const char* backward_input_cannot(const ConvShape& s) {
    return rows_fit<T>(backward_rows(s)) ? nullptr : kTooApart;
}
int64_t workspace_of(const RowProblem& p, int threads) { return p.tables + threads * p.scratch; }
template <class T> int64_t forward_workspace(const ConvShape& s, int threads, bool) {
    return workspace_of(plan_rows<T>(forward_rows(s)), threads);
}
template <class T> int64_t backward_input_workspace(const ConvShape& s, int threads, bool) {
    return workspace_of(plan_rows<T>(backward_rows(s)), threads);
}
template <class T> void run_forward(const ForwardCall<T>& a, const ConvShape& s) {
    run_rows<T>({a.y, a.x, nullptr, a.weight, a.bias, a.relu, a.workspace}, plan_rows<T>(forward_rows(s)));
}
template <class T> void run_backward_input(const BackwardInputCall<T>& a, const ConvShape& s) {
    run_rows<T>({a.dx, a.dy, a.y, a.weight, nullptr, false, a.workspace}, plan_rows<T>(backward_rows(s)));
}

int64_t no_pack(const ConvShape&) { return 0; }
template <class T> void pack_nothing(T*, const T*, const ConvShape&) {}

}   // namespace

template <class T> const ForwardAlgorithm<T>& depthwise_forward() {
    static constexpr ForwardAlgorithm<T> entry = {{ConvAlgorithm::depthwise, true, pads, true, false, forward_cannot<T>,
                                                   many_channels, forward_workspace<T>, forward_error},
                                                  run_forward<T>,
                                                  no_pack,
                                                  pack_nothing<T>};
    return entry;
}
template <class T> const BackwardInputAlgorithm<T>& depthwise_backward_input() {
    static constexpr BackwardInputAlgorithm<T> entry = {
        {ConvAlgorithm::depthwise, true, always_pads, true, false, backward_input_cannot<T>, many_channels,
         backward_input_workspace<T>, backward_input_error},
        run_backward_input<T>};
    return entry;
}
TK_EMIT(depthwise_forward)
TK_EMIT(depthwise_backward_input)

}   // namespace tk::TK_ISA
