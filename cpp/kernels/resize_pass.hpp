// One pass of a resampling: along one axis of planes, by a table of taps (resize.cpp).
//   y[.., o, ..] = sum of weights[t] * x[.., index[t], ..] over the taps t of o, in their order
// Along an axis that is not the last, vectors lie along the elements after it. Along the last one a vector holds an
// element of each of kLanes rows: rows are transposed in registers on their way in and out; or, where neighbouring
// outputs have one tap or two that lie near each other, as all have that enlarge (resize_near.hpp), or rows are doubled
// or halved (resize_by_two.hpp), the outputs of a row. Lanes never meet, so that no result depends on its neighbours.
#pragma once
#include "kernels/resize_by_two.hpp"

namespace tk::TK_ISA {
namespace {

// weights[t] * term(t) added up over begin <= t < end, the first product alone: a tap of weight 1 copies.
template <class T, class F> TK_INLINE Vec<T> sum_taps(const T* weights, int64_t begin, int64_t end, F&& term) {
    if (begin == end) return Vec<T>{};
    Vec<T> sum = broadcast(weights[begin]) * term(begin);
    if (end - begin == 2) return sum + broadcast(weights[begin + 1]) * term(begin + 1);   // mostly
    for (int64_t t = begin + 1; t < end; ++t) sum += broadcast(weights[t]) * term(t);
    return sum;
}

constexpr int64_t kLoneRows = 64, kNearRowBytes = 64 << 10;   // what is written again stays near

// One axis of a plane: [outer][in][inner] to [outer][out][inner]. Its units are rows of outputs [outer][out], or
// kLanes rows where inner is 1. A pass along the last axis whose outputs are all Neighbours may take one of rows in
// that adds two at most: the one before, rows are added as they are loaded; or the one after it, then outputs of two
// rows are, each row's being computed once.
template <class T> struct Pass {
    AxisTable<T> table;
    int64_t outer, in, out, inner;
    bool near = false;              // along the last axis: a row's outputs lie side by side
    WholeRows<T> whole = nullptr;   // then: what makes them, or all are Neighbours
    bool calls_in = false;          // along another: rows to come are called in, from memory
    const Neighbours<T>* neighbours = nullptr;
    // Of the pass that is taken in: rows_in rows to rows_out. Without one, some rows as they are.
    AxisTable<T> rows = {};
    int64_t rows_in = kLoneRows, rows_out = kLoneRows;
    RowSums sums = RowSums::copies;
    const RowSum<T>* row_sums = nullptr;
    NearFunction<T> function = {};

    int64_t start(int64_t o) const { return larger(0, smaller(o, out - kLanes<T>)); }
    Neighbours<T> neighbours_from(int64_t o) const { return {table, in, start(o), smaller(out, kLanes<T>)}; }
    void find_near() {
        near = kPermutes && last();
        whole = near ? whole_rows(table, in, out) : nullptr;
        for (int64_t o = 0; near && !whole && o < out; o += kLanes<T>) near = neighbours_from(o).near;
    }
    // Of passes of the same plane, one before or after the other.
    bool adds_two_rows() const {
        bool adds = !last() && out > 0;
        for (int64_t o = 0; adds && o < out; ++o) {
            const int64_t own = table.offsets[o + 1] - table.offsets[o];
            adds = own == 1 || own == 2;
        }
        return adds;
    }
    bool alone() const { return rows.offsets == nullptr; }
    bool takes_before(const Pass& one) const {
        return near && one.inner == in && one.out <= one.in && one.adds_two_rows();
    }
    bool takes_after(const Pass& one) const {
        return near && !(whole && out < in) && kTuned<T> && alone() && one.inner == out && one.adds_two_rows();
    }
    void take_rows(const Pass& one, bool before) {
        rows = one.table, rows_in = one.in, rows_out = one.out;
        outer = one.outer * one.out;
        sums = before ? RowSums::before : RowSums::copies;
        for (int64_t t = 0; t < rows.offsets[rows_out]; ++t)
            if (!before && (rows.offsets[rows_out] > rows_out || rows.weights[t] != 1)) sums = RowSums::after;
    }
    int64_t made() const { return outer * out * inner; }
    int64_t read_at_once() const { return ceil_div(in, larger(out, 1)) * inner; }   // for a row of outputs, about
    int64_t blocks() const { return whole ? 0 : ceil_div(out, kLanes<T>); }         // Neighbours of a row
    int64_t listed() const {   // elements that its Neighbours and RowSums take
        const int64_t bytes =
            blocks() * static_cast<int64_t>(sizeof(Neighbours<T>)) + rows_out * static_cast<int64_t>(sizeof(RowSum<T>));
        return near ? ceil_div(bytes, 64) * (64 / static_cast<int64_t>(sizeof(T))) : 0;
    }
    void list(T* to) {
        auto* const list = reinterpret_cast<Neighbours<T>*>(to);
        bool wide = false;
        int taps = 1;
        for (int64_t i = 0; i < blocks(); ++i) {
            list[i] = neighbours_from(i * kLanes<T>);
            wide = wide || list[i].wide, taps = static_cast<int>(larger(taps, list[i].taps));
        }
        function = near_function<T>(wide, taps, sums, in);
        auto* const sums_of_rows = reinterpret_cast<RowSum<T>*>(list + blocks());
        for (int64_t o = 0; o < rows_out; ++o) {
            sums_of_rows[o] = {o * in, -1, 1, 0};
            if (alone()) continue;
            const int64_t first = rows.offsets[o], last = rows.offsets[o + 1] - 1;
            sums_of_rows[o] = {rows.index[first] * in, last > first ? rows.index[last] * in : -1, rows.weights[first],
                               rows.weights[last]};
        }
        neighbours = list, row_sums = sums_of_rows;
    }
    // A plane's rows of outputs that are computed together.
    int64_t cuts() const { return larger(1, rows_out * out * static_cast<int64_t>(sizeof(T)) / kNearRowBytes); }
    bool last() const { return inner == 1; }
    int64_t units(int64_t planes) const {
        if (near) return ceil_div(planes * outer, rows_out) * cuts();
        return last() ? ceil_div(planes * outer, kLanes<T>) : planes * outer * out;
    }
    int64_t unit_elements() const {
        if (near) return ceil_div(rows_out, cuts()) * larger(in, out);
        return last() ? kLanes<T> * larger(in, out) : inner;
    }
    int64_t lanes() const { return last() ? ceil_div(in, kLanes<T>) * kLanes<T> * kLanes<T> : 0; }
    int64_t taps() const { return table.offsets[out]; }

    void run(T* y, const T* x, int64_t planes, int64_t begin, int64_t end, T* lanes) const {
        if (near) {
            for (int64_t unit = begin; unit < end; ++unit) along(y, x, planes * outer, unit);
            return;
        }
        if (last()) {
            for (int64_t unit = begin; unit < end; ++unit)
                columns(y, x, unit * kLanes<T>, smaller(kLanes<T>, planes * outer - unit * kLanes<T>), lanes);
            return;
        }
        if (begin >= end) return;   // there may be no outputs at all
        x += begin / out * in * inner;
        for (int64_t unit = begin, o = begin % out; unit < end; ++unit) {
            row(y + unit * inner, x, o);
            if (++o == out) o = 0, x += in * inner;
        }
    }

private:
    // y[0..inner) of the output o from x [in][inner]
    void row(T* y, const T* x, int64_t o) const {
        const int64_t first = table.offsets[o], end = table.offsets[o + 1];
        const auto source = [&](int64_t t) { return x + table.index[t] * inner; };
        if (calls_in && first < end) fetch(source(end - 1) + ceil_div(kAhead, inner) * inner, read_at_once());
        // sum(at), where at(p) is the vector at p + i
        const auto each = [&](auto&& sum) {
            int64_t i = 0;
            for (; i + kLanes<T> <= inner; i += kLanes<T>) store(y + i, sum([&](const T* p) { return load(p + i); }));
            const int64_t left = inner - i;
            if (left && inner >= kLanes<T>) {
                i = inner - kLanes<T>;
                store(y + i, sum([&](const T* p) { return load(p + i); }));
            } else if (left) store_first(y + i, sum([&](const T* p) { return load_first(p + i, left); }), left);
        };
        if (end - first == 1) {
            const T* const a = source(first);
            const Vec<T> wa = broadcast(table.weights[first]);
            each([=](auto&& at) { return wa * at(a); });
        } else if (end - first == 2) {
            const T *const a = source(first), *const b = source(first + 1);
            const Vec<T> wa = broadcast(table.weights[first]), wb = broadcast(table.weights[first + 1]);
            each([=](auto&& at) { return two_rows<T>(wa, at(a), wb, at(b)); });
        } else if (end - first == 4) {   // mostly, where sizes are halved
            const T *const a = source(first), *const b = source(first + 1);
            const T *const c = source(first + 2), *const d = source(first + 3);
            const T* const w = table.weights + first;
            const Vec<T> wa = broadcast(w[0]), wb = broadcast(w[1]), wc = broadcast(w[2]), wd = broadcast(w[3]);
            each([=](auto&& at) { return two_rows<T>(wb, at(b), wa, at(a)) + wc * at(c) + wd * at(d); });
        } else {
            each([&](auto&& at) {
                return sum_taps(table.weights, first, end, [&](int64_t t) { return at(source(t)); });
            });
        }
    }

    // unit `unit` of y [all rows][out] from x
    void along(T* y, const T* x, int64_t all_rows, int64_t unit) const {
        const int64_t plane = unit / cuts(), cut = unit % cuts(), above = plane * rows_out;
        const int64_t begin = rows_out * cut / cuts(), end = smaller(rows_out * (cut + 1) / cuts(), all_rows - above);
        const NearRows<T> call{
            y + (above + begin) * out, x + plane * rows_in * in, row_sums + begin, end - begin, in, out};
        if (begin >= end) return;
        if (whole) return whole(call, table);
        const int64_t read = row_sums[end - 1].a - row_sums[begin].a + in;
        // What the next unit reads.
        fetch(call.x + row_sums[begin].a + read, smaller(read, kNearRowBytes / static_cast<int64_t>(sizeof(T))));
        if constexpr (kTuned<T>)
            if (!function.run) return copy_rows(call, neighbours);
        for (int64_t block = 0; block < blocks(); block += function.vectors) {
            int64_t w[kMostVectors];
            const Neighbours<T>* outputs[kMostVectors];
            for (int i = 0; i < function.vectors; ++i) {
                const int64_t at = smaller(block + i, blocks() - 1);
                w[i] = start(at * kLanes<T>), outputs[i] = neighbours + at;
            }
            function.run(call, w, outputs);
        }
    }

    // rows first .. first + count of y [rows][out] from those of x [rows][in]
    void columns(T* y, const T* x, int64_t first, int64_t count, T* lanes) const {
        constexpr int64_t L = kLanes<T>;
        Vec<T> rows[L];
        for (int64_t i = 0; i < in; i += L) {
            const T* from = x + (first * in + i);
            const int64_t left = in - i;
            if (count == L && left >= L)
                for (int64_t r = 0; r < L; ++r) rows[r] = load(from + r * in);
            else
                for (int64_t r = 0; r < L; ++r)
                    rows[r] = r < count ? load_first(from + r * in, smaller(left, L)) : Vec<T>{};
            transpose<T>(rows);
            for (int64_t r = 0; r < L; ++r) store(lanes + (i + r) * L, rows[r]);
        }
        for (int64_t o = 0; o < out; o += L) {
            const int64_t left = smaller(out - o, L);
            for (int64_t j = 0; j < left; ++j) {
                const int64_t* taps = table.offsets + (o + j);
                rows[j] = sum_taps(table.weights, taps[0], taps[1],
                                   [&](int64_t t) { return load(lanes + table.index[t] * L); });
            }
            for (int64_t j = left; j < L; ++j) rows[j] = Vec<T>{};
            transpose<T>(rows);
            T* to = y + (first * out + o);
            if (left == L)
                for (int64_t r = 0; r < count; ++r) store(to + r * out, rows[r]);
            else
                for (int64_t r = 0; r < count; ++r) store_first(to + r * out, rows[r], left);
        }
    }
};

}   // namespace
}   // namespace tk::TK_ISA
