// Weight gradient of groups of few channels, with the bias gradient in the same pass (conv_depthwise.hpp).
//
//   dweight[k, c, t] = sum over images, outputs g of dy[k, g] * x[c, position(g, t)]
//
// A tile holds up to kTileRows rows x one vector of dy in registers; each column of taps loads the rows of x that these
// meet and adds to one vector of sums per tap:
//
//   sums [k][c][tap][lane], [k][lane] for the bias
//
// whose lanes are added at the end. Layers of few groups cut the batch into chunks, whose results are added in order.
#include "kernels/conv_depthwise.hpp"
#include "kernels/depthwise_square_sums.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kUnits = 16;          // as many units at least as the batch allows
constexpr int64_t kSquareBlocks = 32;   // blocks of groups, where there are as many groups, side by side in memory
constexpr int64_t kSquareGroups = 32;   // groups of a block at most, whose sums stay in L1: an even number

struct WeightPlan {
    RowProblem rows;
    SquarePlan square;
    int64_t groups;                  // of a unit
    int64_t chunks, results, sums;   // results: elements of all chunks' sums; sums: of one thread's vectors
};
template <class T> WeightPlan plan_weight(const ConvShape& s) {
    WeightPlan p{plan_rows<T>(row_problem(s, false)), {}, 1, 1, 0, 0};
    if (one_by_one(p.rows)) p.square = plan_square<T>(p.rows);
    p.groups = smaller(ceil_div(kUnitWork, multiply_adds(s) / s.groups + 1), s.groups);
    if (p.square.fits) p.groups = smaller(larger(p.groups, s.groups / kSquareBlocks), kSquareGroups);
    if (p.square.two) p.groups += p.groups % 2;
    p.chunks = larger(smaller(s.n, kUnits / s.groups), 1);
    p.results = p.chunks > 1 ? ceil_div(p.chunks * (weight_size(s) + s.oc), 64) * 64 : 0;
    const int64_t vectors = p.rows.targets * (p.rows.sources * p.rows.taps() + 1);
    p.sums = ceil_div((p.square.fits ? p.groups : 1) * vectors * kLanes<T>, 64) * 64;
    return p;
}

template <class T> struct SumTile {
    T* sums;   // of the channel pair
    const T* const* rows;
    const Column *columns, *columns_end;
    int64_t at, in_step, in;
    const T *dy, *y;
    int64_t dy_row, lanes;
    T* bias;   // or nullptr: another source has counted them
};

template <class T, int L, Load How, int Taps, int Rows>
TK_INLINE void sum_column(const SumTile<T>& a, const Column& column, const VecOf<T, L> (&g)[Rows]) {
    const RowLoad<T, L, How> load(a.at + column.shift, a.in_step, a.in);
    const T* const* rows = a.rows + column.row;
    T* sums = a.sums + column.weight * L;
    const int64_t step = column.weight_step * L;
    VecOf<T, L> acc[Taps];
#pragma GCC unroll 4
    for (int t = 0; t < Taps; ++t) acc[t] = load_lanes<L>(sums + t * step);
#pragma GCC unroll 16
    for (int i = 0; i < Rows + Taps - 1; ++i) {
        const VecOf<T, L> value = load(rows[i]);
#pragma GCC unroll 4
        for (int t = 0; t < Taps; ++t)
            if (i >= t && i - t < Rows) acc[t] += value * g[i - t];
    }
#pragma GCC unroll 4
    for (int t = 0; t < Taps; ++t) store_lanes<L>(sums + t * step, acc[t]);
}

template <class T, int L, Load How, int Rows> [[gnu::noinline]] void sum_rows(const SumTile<T>& a) {
    const LaneMask<T, L> mask = lanes_between<T, L>(0, a.lanes);
    VecOf<T, L> g[Rows];
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
        g[r] = load_masked(a.dy + r * a.dy_row, mask);
        if (a.y) g[r] = load_masked(a.y + r * a.dy_row, mask) > 0 ? g[r] : VecOf<T, L>{};
    }
    if (a.bias) {
        VecOf<T, L> total = load_lanes<L>(a.bias);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) total += g[r];
        store_lanes<L>(a.bias, total);
    }
    for (const Column* i = a.columns; i != a.columns_end; ++i) switch (i->taps) {
            case 1: sum_column<T, L, How, 1>(a, *i, g); break;
            case 2: sum_column<T, L, How, 2>(a, *i, g); break;
            case 3: sum_column<T, L, How, 3>(a, *i, g); break;
            default: sum_column<T, L, How, 4>(a, *i, g); break;
        }
}

// The sum of L lanes, by halves.
template <int L, class T> TK_INLINE T sum_of(const T* lanes) {
    if constexpr (L == 1) return lanes[0];
    else {
        T halves[L / 2];
        for (int i = 0; i < L / 2; ++i) halves[i] = lanes[i] + lanes[i + L / 2];
        return sum_of<L / 2>(halves);
    }
}

// What a thread works with.
template <class T> struct Scratch {
    const T** found;
    T* sums;
};

// Calls in what a tile of folded rows at output o reads of a plane: the next image's.
template <class T>
TK_INLINE void fetch_folded(const BackwardWeightCall<T>& a, const RowProblem& p, int64_t plane, int64_t rows,
                            int64_t o) {
    fetch(a.x + plane * p.sources * p.in_plane + o * p.w.step, rows * p.lanes * p.w.step);
    fetch(a.dy + plane * p.targets * p.out_plane + o, rows * p.lanes);
}

// One group over images [begin, end): to dweight and dbias of that group.
template <class T, int L, bool CalledIn>
void sum_group(const BackwardWeightCall<T>& a, const WeightPlan& plan, const Tables<T>& tables,
               const Scratch<T>& scratch, int64_t group, int64_t begin, int64_t end, T* dweight, T* dbias) {
    const RowProblem& p = plan.rows;
    const int64_t weights = p.targets * p.sources * p.taps();
    T *sums = scratch.sums, *bias = sums + weights * L;
    for (int64_t i = 0; i < weights + p.targets; ++i) store_lanes<L>(sums + i * L, VecOf<T, L>{});
    SumTile<T> tile{};
    tile.columns = tables.columns;
    tile.columns_end = tables.columns + tables.starts[1];
    tile.in_step = p.w.step;
    tile.in = p.w.in;
    tile.dy_row = p.folded ? p.lanes : p.w.out;
    const auto band = [&](int64_t plane, int64_t jd, int64_t row, int64_t height) {
        NextBand<T> next;
        int64_t dy_ahead = 0;
        if constexpr (CalledIn) {
            const int64_t first = row % p.rows, strip = smaller(p.rows, p.h.out - (row - first));
            next = next_band(scratch.found, p, first, height, strip, p.groups * p.sources * p.in_plane);
            dy_ahead = first + height < strip ? height * tile.dy_row
                                              : p.groups * p.targets * p.out_plane - first * tile.dy_row;
        }
        for_each_tile<T>(p, tables.inside, height, p.w.out, [&](int64_t rows, int64_t o, bool inside) {
            tile.at = o * p.w.step;
            if constexpr (CalledIn) next.call_in(tile.at, p.lanes * p.w.step);
            tile.lanes = smaller(p.lanes, p.w.out - o);
            if (p.ahead) fetch_folded(a, p, plane + p.groups, rows, o);
            for (int64_t k = 0; k < p.targets; ++k)
                for (int64_t c = 0; c < p.sources; ++c) {
                    const int64_t from = (plane * p.targets + k) * p.out_plane + (jd * p.h.out + row) * p.w.out + o;
                    tile.sums = sums + (k * p.sources + c) * p.taps() * L;
                    tile.rows = scratch.found + c * p.slots * p.height + row % p.rows;
                    tile.dy = a.dy + from;
                    tile.y = a.y ? a.y + from : nullptr;
                    tile.bias = c == 0 ? bias + k * L : nullptr;
                    if (CalledIn && c == 0)
                        for (int64_t r = 0; r < rows; ++r) {
                            __builtin_prefetch(tile.dy + dy_ahead + r * tile.dy_row);
                            if (a.y) __builtin_prefetch(tile.y + dy_ahead + r * tile.dy_row);
                        }
                    with_height<T>(rows, [&](auto tile_rows) {
                        with_load<T>(p.w.step, inside, [&](auto how) { sum_rows<T, L, how, tile_rows>(tile); });
                    });
                }
        });
    };
    for (int64_t jd = 0; jd < p.d.grid; ++jd)
        for (int64_t j0 = 0; j0 < p.h.out; j0 += p.rows) {
            const int64_t rows = smaller(p.rows, p.h.out - j0);
            for_each_plane<T>(scratch.found, a.x, tables.zeros, p, begin * p.groups + group, end * p.groups, p.groups,
                              jd, j0, rows, [&](int64_t plane) {
                                  for (int64_t row = 0, height; row < rows; row += height) {
                                      height = tile_height<T>(rows - row);
                                      band(plane, jd, j0 + row, height);
                                  }
                              });
        }
    for (int64_t i = 0; i < weights; ++i) dweight[i] = sum_of<L>(sums + i * L);
    if (dbias)
        for (int64_t k = 0; k < p.targets; ++k) dbias[k] = sum_of<L>(bias + k * L);
}

#if defined(__AVX2__)
// By 3x3 neighbouring taps: `groups` neighbours from `group` on, whose planes are read as they lie.
template <class T, int Step, bool Two>
void square_groups(const BackwardWeightCall<T>& a, const WeightPlan& plan, T* sums, int64_t group, int64_t groups,
                   int64_t begin, int64_t end, T* dweight, T* dbias) {
    constexpr int64_t side = Two ? 2 : 1, lanes = kLanes<T> / side, of_group = 10 * kLanes<T>;
    const RowProblem& p = plan.rows;
    for (int64_t i = 0; i < ceil_div(groups, side) * of_group; i += kLanes<T>) store(sums + i, Vec<T>{});
    // AVX2 is bound by instructions, not by the caches that strips spare.
    constexpr bool cuts = !Two && kFans<T>;
    auto sum = square_sums<T, Step, Two, false>;
    if (cuts && plan.square.rows < p.h.out) sum = square_sums<T, Step, Two, cuts>;
    sum(sums, a, p, plan.square, group, groups, begin, end);
    for (int64_t g = 0; g < groups; ++g) {
        const T* own = sums + g / side * of_group + g % side * lanes;
        for (int64_t i = 0; i < 9; ++i) dweight[g * 9 + i] = sum_of<lanes>(own + i * kLanes<T>);
        if (dbias) dbias[g] = sum_of<lanes>(own + 9 * kLanes<T>);
    }
}
#endif

const char* cannot(const ConvShape& s) {
    if (weight_size(s) / s.groups > 1 << 16) return "the sums of a group's weights outgrow their scratch";
    return rows_fit(row_problem(s, false)) ? nullptr : kTooApart;
}
template <class T> int64_t workspace(const ConvShape& s, int threads, bool) {
    const WeightPlan p = plan_weight<T>(s);
    return p.rows.tables + p.rows.zeros + threads * (p.rows.pointers + p.sums) + p.results;
}

template <class T> void run_backward_weight(const BackwardWeightCall<T>& a, const ConvShape& s) {
    const WeightPlan plan = plan_weight<T>(s);
    const RowProblem& p = plan.rows;
    const Tables<T> tables = tables_in(a.workspace, p);
    T* partial = tables.pointers;
    T* scratch = partial + plan.results;
    const int64_t per_group = weight_size(s) / s.groups, size = weight_size(s) + s.oc;
    const int64_t blocks = ceil_div(s.groups, plan.groups);
    parallel_for(blocks * plan.chunks, multiply_adds(s), [&](int64_t unit, int thread) {
        T* own = scratch + thread * (p.pointers + plan.sums);
        const Scratch<T> with{reinterpret_cast<const T**>(own), own + p.pointers};
        const int64_t chunk = unit % plan.chunks, first = unit / plan.chunks * plan.groups;
        const int64_t begin = s.n * chunk / plan.chunks, end = s.n * (chunk + 1) / plan.chunks;
        T* dweight = plan.results ? partial + chunk * size : a.dweight;
        T* dbias = plan.results ? dweight + weight_size(s) : a.dbias;
        const int64_t until = smaller(first + plan.groups, s.groups);
#if defined(__AVX2__)
        if constexpr (kTuned<T>)
            if (plan.square.fits) {
                auto sum = p.w.step == 1 ? square_groups<T, 1, false> : square_groups<T, 2, false>;
                if constexpr (kFans<T>)
                    if (plan.square.two) sum = p.w.step == 1 ? square_groups<T, 1, true> : square_groups<T, 2, true>;
                return sum(a, plan, with.sums, first, until - first, begin, end, dweight + first * 9,
                           dbias ? dbias + first : nullptr);
            }
#endif
        for (int64_t group = first; group < until; ++group) {
            auto sum = p.half ? sum_group<T, kHalfLanes<T>, false> : sum_group<T, kLanes<T>, false>;
            if constexpr (kTuned<T>)
                if (p.called_in) sum = sum_group<T, kLanes<T>, true>;
            sum(a, plan, tables, with, group, begin, end, dweight + group * per_group,
                dbias ? dbias + group * p.targets : nullptr);
        }
    });
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
    static constexpr BackwardWeightAlgorithm<T> entry = {{ConvAlgorithm::depthwise, true, always_pads, true, true,
                                                          cannot, many_channels, workspace<T>, backward_weight_error},
                                                         run_backward_weight<T>};
    return entry;
}
TK_EMIT(depthwise_backward_weight)

}   // namespace tk::TK_ISA
