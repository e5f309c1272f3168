// Max-pooling.
//   y[o] = max over the taps of window o inside the input, indices[o] = where in the plane (d, h, w flattened)
// The first maximum in the order of the taps wins; a NaN beats every number and the first NaN wins. Padding has no
// value at all. Comparing rounds nothing, so vectors and scalars agree to the bit; lanes carry the offset of
// the best tap from the window's corner, which geometry/pooling.py keeps below 2^31.
#include "kernels/pool_max_lines.hpp"
#include "kernels/pool_pairs.hpp"
#include "kernels/pool_spread.hpp"
#include "kernels/pool_threes.hpp"

namespace tk::TK_ISA {
namespace {

// `count` neighbouring windows without padding in their columns; corner: the offset of the first one's corner.
// Kw, Stride: 0 when known at run time only.
template <class T, int Kw, int Stride, bool Full>
TK_INLINE void max_vector(T* y, int64_t* indices, const T* plane, const OutputRow& r, int64_t corner, int64_t count,
                          const PoolShape& s) {
    using Offset = LaneInt<T>;
    const int64_t kw = Kw ? Kw : s.kw, dil_w = Kw ? 1 : s.dil_w, stride = Stride ? Stride : s.sw;
    const auto at = [&](int64_t tap) {
        return Best<T>{load_strided<T, Stride, Full>(plane + (corner + tap), stride, count),
                       VecMask<T>{} + static_cast<Offset>(tap)};
    };
    const auto best_of_row = [&](int64_t row) {   // rows first: their comparisons do not wait for each other
        Best<T> best = at(row);
#pragma GCC unroll 3
        for (int64_t c = 1; c < kw; ++c) best = better<T>(best, at(row + c * dil_w));
        return best;
    };
    const int64_t first = (r.d.begin * s.dil_d * s.ih + r.h.begin * s.dil_h) * s.iw;
    Best<T> best = best_of_row(first);
    for (int64_t a = r.d.begin; a < r.d.end; ++a)
        for (int64_t b = r.h.begin; b < r.h.end; ++b) {
            const int64_t row = (a * s.dil_d * s.ih + b * s.dil_h) * s.iw;
            if (row != first) best = better<T>(best, best_of_row(row));
        }
    store_vector<Full>(y, best.value, count);
    if (indices) store_indices<T>(indices, best.offset, corner, stride, count);
}

// A row of y; whole: its windows without padding in their columns.
template <class T, int Kw, int Stride>
__attribute__((noinline)) void max_row(T* y, int64_t* indices, const T* x, const OutputRow& r, Run whole,
                                       const PoolShape& s) {
    const T* plane = x + r.plane * s.id * s.ih * s.iw;
    T* to = y + r.row * s.ow;
    int64_t* index = indices ? indices + r.row * s.ow : nullptr;
    for (int64_t o = 0; o < whole.begin; ++o)
        max_window(to + o, index ? index + o : nullptr, plane, r, o * s.sw - s.pw, s);
    for_each_vector<T>(whole, [&](int64_t o, int64_t count, auto full) {
        const int64_t corner = (r.start_d * s.ih + r.start_h) * s.iw + o * s.sw - s.pw;
        max_vector<T, Kw, Stride, full>(to + o, index ? index + o : nullptr, plane, r, corner, count, s);
    });
    for (int64_t o = whole.end; o < s.ow; ++o)
        max_window(to + o, index ? index + o : nullptr, plane, r, o * s.sw - s.pw, s);
}
template <class T, int Kw, int Stride> void max_rows(T* y, int64_t* indices, const T* x, const PoolShape& s) {
    Run whole = whole_windows(s);
    if (whole.end - whole.begin == 1) whole.end = whole.begin;   // a vector of one lane is no gain
    for_each_output_row(s, [&](const OutputRow& r) { max_row<T, Kw, Stride>(y, indices, x, r, whole, s); });
}

template <class T, int Stride> bool max_of_threes(T* y, int64_t* indices, const T* x, const PoolShape& s) {
    if (!Threes<T, Stride>::fit(s)) return false;
    Threes<T, Stride>(s).run(y, indices, x, [y, indices, x, &s](int64_t row) {
        max_row<T, 0, Stride>(y, indices, x, OutputRows(s, row).next(), whole_windows(s), s);
    });
    return true;
}

template <class T, Packing P> void max_pairs(T* y, int64_t* indices, const T* x, const PoolShape& s) {
    const PairTaps<T, P> taps(s);
    for_each_pair_vector<T, P>(x, s, [=](const PairOutputs<T>& o) __attribute__((always_inline)) {
        taps.fetch_ahead(o.first);
        const auto best_by = [&](auto&& wins) __attribute__((always_inline)) {
            const auto best_of_row = [&](int64_t below) __attribute__((always_inline)) {
                const VecMask<T> tap = VecMask<T>{} + static_cast<LaneInt<T>>(below);
                return taps.at(o, below, [&](Vec<T> even, Vec<T> odd) __attribute__((always_inline)) {
                    return wins(Best<T>{even, tap}, Best<T>{odd, tap + 1});
                });
            };
            const Best<T> best = wins(best_of_row(0), best_of_row(taps.iw));
            return Best<T>{taps.in_order(best.value), taps.in_order(best.offset)};
        };
        Best<T> best;
        if constexpr (kTuned<T> && TK_VECTOR_BYTES == 64) {
            best = best_by(larger_of<T>);
            if (any_lane(taps.nans(o, 0) | taps.nans(o, taps.iw))) best = best_by(better<T>);
        } else best = best_by(better<T>);
        best.offset += taps.corners(o);
        if (o.whole) {
            store(y + o.at, best.value);
            store_indices<T>(indices + o.at, best.offset, 0, 0, kLanes<T>);
        } else {
            store_first(y + o.at, best.value, o.count);
            store_indices<T>(indices + o.at, best.offset, 0, 0, o.count);
        }
    });
}
// False where windows are others, or rows too short.
template <class T> bool max_of_pairs(T* y, int64_t* indices, const T* x, const PoolShape& s) {
    const Packing packing = packing_of<T>(s);
    if (packing == Packing::kRow) max_pairs<T, Packing::kRow>(y, indices, x, s);
    if constexpr (kPacksTwoRows<T>)
        if (packing == Packing::kTwoRows) max_pairs<T, Packing::kTwoRows>(y, indices, x, s);
    return packing != Packing::kNone;
}

template <class T> bool max_values(T* y, const T* x, const PoolShape& s) {
    const Lines<T> lines(s, true);
    if (!lines.fit()) return false;
    const auto larger = [](Vec<T> early, Vec<T> late) {
        return select<T>(~(late <= early) & (early == early), late, early);
    };
    const auto as_it_is = [](Vec<T> v, int64_t, int64_t, int64_t) { return v; };
    constexpr T lowest = -static_cast<T>(__builtin_inf());
    with_stride(s.sw, [&](auto stride) { lines.template reduce<stride>(y, x, lowest, larger, as_it_is); });
    return true;
}

// to[index[o]] += from[o], if Masked where y[o] > 0; false when an index lies outside of `size`. Aligned: a comparison
// that lies across two cache lines, as the linker may have it, costs this loop a quarter.
template <class T, bool Masked>
__attribute__((noinline, aligned(64))) bool add_at(T* to, int64_t size, const T* from, const int64_t* index, const T* y,
                                                   int64_t count) {
    bool inside = true;
    for (int64_t o = 0; o < count; ++o) {
        if (static_cast<uint64_t>(index[o]) >= static_cast<uint64_t>(size)) inside = false;
        else to[index[o]] += Masked && !(y[o] > 0) ? 0 : from[o];
    }
    return inside;
}

}   // namespace

template <class T> void max_pool_forward(T* y, int64_t* indices, const T* x, const PoolShape& shape) {
    const PoolShape s = flatten(shape);
    if (!indices && max_values(y, x, s)) return;
    if (indices && max_of_pairs(y, indices, x, s)) return;
    if constexpr (kTuned<T>)
        if (indices && (max_of_threes<T, 1>(y, indices, x, s) || max_of_threes<T, 2>(y, indices, x, s))) return;
    if (const LineBlocks blocks(s); indices && blocks.usable)
        return with_stride(s.sw, [&](auto stride) { max_lines<T, stride>(y, indices, x, blocks); });
    if constexpr (!kTuned<T>)
        if (s.sw == 2 && s.dil_w == 1 && s.kw == 3) return max_rows<T, 3, 2>(y, indices, x, s);
    with_stride(s.sw, [&](auto stride) { max_rows<T, 0, stride>(y, indices, x, s); });
}

// dx[indices[o]] += dy[o], plane by plane, outputs in order; where y is given, only those with y[o] > 0.
// Returns 0, or 1 when an index lies outside of its plane; it is then skipped.
template <class T>
int64_t max_pool_backward(T* dx, const T* dy, const int64_t* indices, const T* y, const PoolShape& s) {
    const int64_t in_plane = s.id * s.ih * s.iw, out_plane = s.od * s.oh * s.ow;
    const bool pairs = may_be_pairs<T>(s, y);
    int64_t outside = 0;
    for_each_plane(s.planes, in_plane + 4 * out_plane, [&](int64_t plane) {
        T* to = dx + plane * in_plane;
        const T* from = dy + plane * out_plane;
        const int64_t* index = indices + plane * out_plane;
        const T* mask = y ? y + plane * out_plane : nullptr;
        if constexpr (kTuned<T>)
            if (pairs && spread_pairs(to, from, index, mask, s)) return;
        for (int64_t i = 0; i < in_plane; ++i) to[i] = 0;
        const auto add = y ? add_at<T, true> : add_at<T, false>;
        if (!add(to, in_plane, from, index, mask, out_plane)) __atomic_store_n(&outside, int64_t{1}, __ATOMIC_RELAXED);
    });
    return outside;
}

TK_EMIT(max_pool_forward)
TK_EMIT(max_pool_backward)

}   // namespace tk::TK_ISA
