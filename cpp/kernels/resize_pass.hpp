// One pass of a resampling: along one axis of planes, by a table of taps (resize.cpp).
//   y[.., o, ..] = sum of weights[t] * x[.., index[t], ..] over the taps t of o, in their order
// Along an axis that is not the last, vectors lie along the elements after it. Along the last one a vector holds an
// element of each of kLanes rows: rows are transposed in registers on their way in and out; or, where neighbouring
// outputs have one tap or two that lie near each other, as all have that enlarge, the outputs of a row. Lanes never
// meet, so that no result depends on its neighbours.
#pragma once
#include "kernels/integers.hpp"
#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

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

// kLanes neighbouring outputs of a row: all taps lie within two vectors from base on.
constexpr int kNearTaps = 2;
template <class T> struct Neighbours {
    int64_t base = -1;
    VecMask<T> lane[kNearTaps] = {}, two = {};   // two: outputs of two taps, the others have one
    Vec<T> weight[kNearTaps] = {};
    int taps = 0;                     // of the output of the most
    bool near = true, wide = false;   // wide: one vector is too short

    Neighbours(const AxisTable<T>& table, int64_t first, int64_t count) {
        const int64_t* const offsets = table.offsets + first;
        int64_t high = -1;
        for (int64_t i = 0; i < count; ++i) {
            const int64_t own = offsets[i + 1] - offsets[i];
            if (own < 1 || own > kNearTaps) near = false;
            taps = static_cast<int>(larger(taps, own));
            for (int64_t t = offsets[i]; t < offsets[i + 1]; ++t) {
                const int64_t at = table.index[t];
                base = base < 0 ? at : smaller(base, at);
                high = larger(high, at);
            }
        }
        wide = high - base >= kLanes<T>;
        if (high - base >= 2 * kLanes<T>) near = false;
        for (int64_t i = 0; near && i < count; ++i)
            for (int64_t k = 0, t = offsets[i]; t < offsets[i + 1]; ++k, ++t) {
                lane[k][i] = static_cast<LaneInt<T>>(table.index[t] - base);
                weight[k][i] = table.weights[t];
                if (k == 1) two[i] = -1;
            }
    }
};

// Of what a row of outputs is made: wa a, or wa a + wb b.
template <class T> struct Rows {
    const T *a, *b;   // b: may be nullptr
    T wa, wb;
};

// One axis of a plane: [outer][in][inner] to [outer][out][inner]. Its units are rows of outputs [outer][out], or
// kLanes rows where inner is 1. A pass along the last axis whose outputs are all Neighbours may take the one before in,
// if that adds two rows at most: rows are added as they are loaded.
template <class T> struct Pass {
    AxisTable<T> table;
    int64_t outer, in, out, inner;
    bool near = false;   // along the last axis: all outputs are Neighbours
    const Neighbours<T>* neighbours = nullptr;
    AxisTable<T> rows = {};   // of the pass that is taken in: rows_in rows to rows_out
    int64_t rows_in = 0, rows_out = 0;

    int64_t start(int64_t o) const { return larger(0, smaller(o, out - kLanes<T>)); }
    Neighbours<T> neighbours_from(int64_t o) const { return {table, start(o), smaller(out, kLanes<T>)}; }
    void find_near() {
        near = kPermutes && last();
        for (int64_t o = 0; near && o < out; o += kLanes<T>) near = neighbours_from(o).near;
    }
    // Of passes of the same plane, one after the other.
    bool takes_in(const Pass& before) const {
        bool takes = near && !before.last() && before.inner == in && before.out > 0 && before.out <= before.in;
        for (int64_t o = 0; takes && o < before.out; ++o) {
            const int64_t own = before.table.offsets[o + 1] - before.table.offsets[o];
            takes = own == 1 || own == 2;
        }
        return takes;
    }
    void take_in(const Pass& before) { rows = before.table, rows_in = before.in, rows_out = before.out; }
    int64_t made() const { return outer * out * inner; }
    int64_t listed() const {   // elements that its Neighbours take
        return near ? ceil_div(out, kLanes<T>) * static_cast<int64_t>(sizeof(Neighbours<T>) / sizeof(T)) : 0;
    }
    void list_neighbours(T* to) {
        auto* const list = reinterpret_cast<Neighbours<T>*>(to);
        for (int64_t o = 0; o < out; o += kLanes<T>) list[o / kLanes<T>] = neighbours_from(o);
        neighbours = list;
    }
    bool last() const { return inner == 1; }
    int64_t units(int64_t planes) const { return last() ? ceil_div(planes * outer, kLanes<T>) : planes * outer * out; }
    int64_t unit_elements() const { return last() ? kLanes<T> * larger(in, out) : inner; }
    int64_t lanes() const { return last() ? ceil_div(in, kLanes<T>) * kLanes<T> * kLanes<T> : 0; }
    int64_t taps() const { return table.offsets[out]; }

    void run(T* y, const T* x, int64_t planes, int64_t begin, int64_t end, T* lanes) const {
        if (near) return along(y, x, begin * kLanes<T>, smaller(end * kLanes<T>, planes * outer));
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
            each([=](auto&& at) { return wa * at(a) + wb * at(b); });
        } else {
            each([&](auto&& at) {
                return sum_taps(table.weights, first, end, [&](int64_t t) { return at(source(t)); });
            });
        }
    }

    // rows [begin, end) of y [rows][out] from those of x [rows][in], outputs side by side: a few rows at a time, so
    // that lines of y are filled while they are near
    void along(T* y, const T* x, int64_t begin, int64_t end) const {
        constexpr int64_t kFew = 64;
        Rows<T> from[kFew];
        int64_t o = rows_out ? begin % rows_out : 0;
        x += (rows_out ? begin / rows_out * rows_in : begin) * in;
        for (int64_t r = begin; r < end; r += kFew) {
            const int64_t few = smaller(kFew, end - r);
            for (int64_t i = 0; i < few; ++i) {
                from[i] = {x, nullptr, 1, 0};
                if (!rows_out) {
                    x += in;
                    continue;
                }
                const int64_t first = rows.offsets[o], last = rows.offsets[o + 1] - 1;
                from[i] = {x + rows.index[first] * in, nullptr, rows.weights[first], rows.weights[last]};
                if (last > first) from[i].b = x + rows.index[last] * in;
                if (++o == rows_out) o = 0, x += rows_in * in;
            }
            for (int64_t w = 0; w < out; w += kLanes<T>) {
                const Neighbours<T>& outputs = neighbours[w / kLanes<T>];
                const auto run = outputs.wide       ? &Pass::neighbours_in_rows<2, true>
                                 : outputs.taps > 1 ? &Pass::neighbours_in_rows<2, false>
                                                    : &Pass::neighbours_in_rows<1, false>;
                (this->*run)(y + r * out + start(w), from, few, outputs);
            }
        }
    }
    template <int Most, bool Wide>
    void neighbours_in_rows(T* y, const Rows<T>* rows, int64_t count, const Neighbours<T>& outputs) const {
        constexpr int64_t L = kLanes<T>;
        const VecMask<T> lane[2] = {outputs.lane[0], outputs.lane[1]}, two = outputs.two;
        const Vec<T> weight[2] = {outputs.weight[0], outputs.weight[1]};
        const int64_t base = outputs.base, left = in - base, pitch = out;
        for (int64_t r = 0; r < count; ++r, y += pitch) {
            const Rows<T>& from = rows[r];
            const Vec<T> wa = broadcast(from.wa), wb = broadcast(from.wb);
            const auto at = [&](int64_t offset, int64_t inside) {
                const Vec<T> v = load_first(from.a + offset, inside);
                if (!from.b) return wa * v;
                return wa * whole<T>(v) + wb * load_first(from.b + offset, inside);   // rounded as in row()
            };
            const Vec<T> a = at(base, smaller(left, L));
            Vec<T> b{};
            if constexpr (Wide) b = at(base + L, smaller(larger(left - L, 0), L));
            const auto term = [&](int k) {
                if constexpr (Wide) return weight[k] * permuted_two<T>(a, b, lane[k]);
                else return weight[k] * permuted<T>(a, lane[k]);
            };
            Vec<T> sum = term(0);
            if constexpr (Most == 2) sum = select<T>(two, sum + term(1), sum);
            if (pitch >= L) store(y, sum);
            else store_first(y, sum, pitch);
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
