// Max-pooling by windows of 3x3, stride 1 or 2, down the rows of a plane: the columns of a row of x are compared once,
// for all windows that see them. Windows hang over an edge by one element at most; what lies there is its neighbour
// again, which never beats it. NaNs are looked for, not compared: rows that see one are done again with care.
#pragma once
#include "kernels/pool_best.hpp"
#include "kernels/pool_windows.hpp"

namespace tk::TK_ISA {
namespace {

// Vectors of taps of kLanes windows, in an order of lanes that in_order() puts right; lane 0 is the first. Left, right:
// the first tap, or the last one, lies beyond the row.
template <class T, int Stride> struct RowTaps {
    static constexpr int64_t L = kLanes<T>;
    Vec<T> tap[3];

    TK_INLINE RowTaps(const T* from, bool left, bool right) {
        const auto repeats = [](Vec<T> v, int by) {
            return pick_lanes<T, L>(v, v, [=](int i) { return i + by < 0 ? 0 : i + by < L ? i + by : int{L} - 1; });
        };
        const Vec<T> first = left ? repeats(load(from + 1), -1) : load(from);
        const T* end = from + (Stride == 1 ? 2 : L + 1);
        const Vec<T> last = right ? repeats(load(end - 1), 1) : load(end);
        if constexpr (Stride == 1) tap[0] = first, tap[1] = load(from + 1), tap[2] = last;
        else {
            const Vec<T> middle = load(from + L), second = load(from + 2);
#if defined(__AVX2__) && !defined(__AVX512F__)
            tap[0] = every_other<0>(first, middle), tap[1] = every_other<1>(first, middle);
            tap[2] = every_other<0, 1>(second, last);
#else
            tap[0] = even_lanes<T, L>(first, middle), tap[1] = odd_lanes<T, L>(first, middle);
            tap[2] = pick_lanes<T, L>(second, last, [](int i) { return 2 * i < L ? 2 * i : 2 * i + 1; });
#endif
        }
    }
    static TK_INLINE Vec<T> in_order(Vec<T> v) {
#if defined(__AVX2__) && !defined(__AVX512F__)
        if constexpr (Stride == 2) return crossed(v);
#endif
        return v;
    }
};

// Of a row of outputs the first row of x that it sees was held by the rows before, of stride 1 the second one too.
template <class T, int Stride> struct Threes {
    static constexpr int64_t L = kLanes<T>, kOutputs = 1024;   // of a row at most
    typedef LaneInt<T> Offset;
    const PoolShape s;
    const int64_t vectors;
    const bool hangs;   // over the right edge

    explicit Threes(const PoolShape& shape)
        : s(shape), vectors(ceil_div(s.ow, L)), hangs((s.ow - 1) * Stride + 3 - s.pw > s.iw) {}
    static bool fit(const PoolShape& s) {
        const auto fits = [](int64_t size, int64_t windows, int64_t kernel, int64_t stride, int64_t padding) {
            return kernel == 3 && stride == Stride && padding <= 1 && (windows - 1) * stride + 2 - padding <= size;
        };
        return s.id == 1 && s.od == 1 && s.kd == 1 && s.dil_h == 1 && s.dil_w == 1 && s.ow >= L && s.ow <= kOutputs &&
               fits(s.ih, s.oh, s.kh, s.sh, s.ph) && fits(s.iw, s.ow, s.kw, s.sw, s.pw);
    }

    // careful(row of y): what compares NaNs.
    template <class F> void run(T* y, int64_t* indices, const T* x, F careful) const {
        const int64_t cost = 9 * s.ow;
        const Threes self = *this;
        parallel_chunks(s.planes * s.oh, pool_grain(cost), cost, [=](int64_t begin, int64_t end) {
            Held held[3 - Stride];
            int64_t h = begin % s.oh;
            const T* plane = x + begin / s.oh * s.ih * s.iw;
            for (int64_t row = begin; row < end; ++row) {
                const int64_t start = h * Stride - s.ph;
                const int64_t rows[3] = {larger(0, start), start + 1, smaller(start + 2, s.ih - 1)};
                for (int i = 0; i < 3 - Stride; ++i) {
                    Held& early = held[(start + 1 + i) % (3 - Stride)];
                    const T* from = plane + rows[i] * s.iw;
                    if (early.row != from) self.hold(early, from);
                }
                if (!self.outputs(y + row * s.ow, indices + row * s.ow, plane, rows, held, (start + 1) % (3 - Stride)))
                    careful(row);
                if (++h == s.oh) h = 0, plane += s.ih * s.iw;
            }
        });
    }

private:
    // The best of the columns of a row of x, a vector of outputs after the other: values, and how far from the first
    // tap.
    struct Held {
        T values[kOutputs + L];
        Offset columns[kOutputs + L];
        const T* row = nullptr;
        bool nans = false;
    };
    struct Taps {   // of a vector of outputs
        int64_t o;
        bool left, right;
    };
    TK_INLINE Taps taps(int64_t vector) const {
        return {smaller(vector * L, s.ow - L), vector == 0 && s.pw > 0, vector + 1 == vectors && hangs};
    }
    static TK_INLINE VecMask<T> first_nan(const T* row) {
        return broadcast(row[0]) != broadcast(row[0]) ? ~VecMask<T>{} : VecMask<T>{};
    }
    TK_INLINE Best<T> best_of(const T* row, const Taps& at, VecMask<T>& nans) const {
        const RowTaps<T, Stride> row_taps(row + at.o * Stride - s.pw, at.left, at.right);
        const Vec<T>* tap = row_taps.tap;
        nans |= unordered(tap[1], tap[2]);   // each but the row's first is one of these
        VecMask<T> column{};
        column[0] = at.left;
        const Best<T> best = larger_of<T>({tap[0], column}, {tap[1], VecMask<T>{} + 1});
        return larger_of<T>(best, {tap[2], VecMask<T>{} + 2});
    }
    static TK_INLINE void keep(Held& held, int64_t vector, const Best<T>& best) {
        store(held.values + vector * L, best.value);
        store_lanes<L>(held.columns + vector * L, best.offset);
    }
    static TK_INLINE Best<T> kept(const Held& held, int64_t vector) {
        return {load(held.values + vector * L), load_lanes<L>(held.columns + vector * L)};
    }
    __attribute__((noinline)) void hold(Held& held, const T* row) const {
        VecMask<T> nans = first_nan(row);
        for (int64_t v = 0; v < vectors; ++v) keep(held, v, best_of(row, taps(v), nans));
        held.row = row, held.nans = any_lane(nans);
    }
    // One row of y; false where it may not lack NaNs.
    TK_INLINE bool outputs(T* y, int64_t* indices, const T* plane, const int64_t (&rows)[3], Held* held,
                           int64_t first) const {
        const T *const below = plane + rows[1] * s.iw, *const last = plane + rows[2] * s.iw;
        Held &early = held[first], &middle = held[2 - Stride - first];
        const bool nans_above = early.nans || middle.nans;
        VecMask<T> nans = first_nan(last), nans_below = Stride == 2 ? first_nan(below) : VecMask<T>{};
        const int64_t corner = rows[0] * s.iw - s.pw;
        const VecMask<T> down = VecMask<T>{} + static_cast<Offset>((rows[1] - rows[0]) * s.iw);
        const VecMask<T> down_two = VecMask<T>{} + static_cast<Offset>((rows[2] - rows[0]) * s.iw);
        for (int64_t v = 0; v < vectors; ++v) {
            const Taps at = taps(v);
            fetch(last + at.o * Stride + 512, Stride * L);
            if constexpr (Stride == 2) fetch(below + at.o * Stride + 512, Stride * L);
            Best<T> second = Stride == 2 ? best_of(below, at, nans_below) : kept(middle, v);
            Best<T> third = best_of(last, at, nans), best = kept(early, v);
            keep(early, v, third);
            second.offset += down, third.offset += down_two;
            best = larger_of<T>(larger_of<T>(best, second), third);
            store(y + at.o, RowTaps<T, Stride>::in_order(best.value));
            const VecMask<T> offset = (VecMask<T>)RowTaps<T, Stride>::in_order((Vec<T>)best.offset);
            store_indices<T>(indices + at.o, offset, corner + at.o * Stride, Stride, L);
        }
        early.row = last, early.nans = any_lane(nans);
        return !(nans_above || early.nans || any_lane(nans_below));
    }
};

}   // namespace
}   // namespace tk::TK_ISA
