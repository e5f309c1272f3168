// Adaptive pooling: the number of windows is given (adaptive_windows.hpp says which they are).
//   average: y[o] = sum of the window / its size          max: the first maximum, a NaN beats every number
#include "kernels/adaptive_windows.hpp"

namespace tk::TK_ISA {
namespace {

// No window wider; a wider one fills vectors by itself.
inline bool narrow(const PoolShape& s) { return (s.iw + s.ow - 1) / s.ow < kNarrow; }
// Where every axis divides evenly the windows are those of the other pools. They are faster at pairs of columns, at
// windows that hold whole rows, and at wide ones.
inline bool plain(const PoolShape& s) {
    const bool even = s.id % s.od == 0 && s.ih % s.oh == 0 && s.iw % s.ow == 0;
    return even && (s.ow == 1 || s.iw / s.ow <= 2 || !narrow(s));
}
inline bool empty(const PoolShape& s) { return s.planes * s.od * s.oh * s.ow == 0; }
inline PoolShape windowed(PoolShape s) {
    s.kd = s.sd = s.id / s.od;
    s.kh = s.sh = s.ih / s.oh;
    s.kw = s.sw = s.iw / s.ow;
    return s;
}

// f(output, plane, d, h, w) for every window of every plane, output counted in y.
template <class F> void for_each_adaptive_window(const PoolShape& s, F&& f) {
    const int64_t outputs = s.od * s.oh * s.ow;
    const auto take = [&](int64_t plane) __attribute__((noinline)) {
        int64_t output = plane * outputs;
        Windows depth(s.id, s.od);
        for (int64_t a = 0; a < s.od; ++a) {
            const Range d = depth.next();
            Windows height(s.ih, s.oh);
            for (int64_t b = 0; b < s.oh; ++b) {
                const Range h = height.next();
                Windows width(s.iw, s.ow);
                for (int64_t c = 0; c < s.ow; ++c) f(output++, plane, d, h, width.next());
            }
        }
    };
    for_each_plane(s.planes, s.id * s.ih * s.iw + 4 * outputs, take);
}

// Elements of a thread's scratch: kLanes lines of shares, transposed, and the lines of dx that rows of dy are spread
// to.
template <class T> struct SpreadLines {
    static constexpr int64_t L = kLanes<T>;
    int64_t rows, planes, shares, width;   // of dy in a plane; planes at a time; elements

    explicit SpreadLines(const PoolShape& s)
        : rows(s.od * s.oh),
          planes(rows < L ? L / rows : 1),
          shares((s.ow + L - 1) / L * L * L),
          width((s.iw + L - 1) / L * L) {}
    int64_t elements() const { return apart<T>(shares + planes * rows * width); }
};

// Planes [first, last) of dx: rows of dy, divided, are spread to lines as wide as dx, kLanes of them at a time, a line
// in each lane; a row of dx is the sum of the lines that hold it.
template <class T>
__attribute__((noinline)) void spread_planes(T* dx, const T* dy, T* scratch, const PoolShape& s, int64_t first,
                                             int64_t last) {
    constexpr int64_t L = kLanes<T>;
    const SpreadLines<T> sizes(s);
    T *shares = scratch, *wide = scratch + sizes.shares;
    const int64_t rows = (last - first) * sizes.rows;
    dy += first * sizes.rows * s.ow;
    dx += first * s.id * s.ih * s.iw;
    AdaptiveLines following(s, 0);
    for (int64_t row = 0; row < rows; row += L) {
        const int64_t lines = rows - row < L ? rows - row : L;
        T sizes_dh[L];
        for (int64_t i = 0; i < lines; ++i) {
            const LineWindows seen = following.next();
            sizes_dh[i] = static_cast<T>(length(seen.d) * length(seen.h));
        }
        Windows across(s.iw, s.ow);
        for (int64_t o = 0; o < s.ow; o += L) {
            const int64_t count = s.ow - o < L ? s.ow - o : L;
            Vec<T> widths = broadcast(T{1});
            for (int64_t i = 0; i < count; ++i) widths[i] = static_cast<T>(length(across.next()));
            for (int64_t i = 0; i < lines; ++i)
                store(shares + o * L + i * L, load_first(dy + (row + i) * s.ow + o, count) / (sizes_dh[i] * widths));
            transpose_tile(shares + o * L);
        }
        Windows holding(s.ow, s.iw);
        for (int64_t k = 0; k < s.iw; k += L) {
            alignas(64) T tile[L * L];
            for (int64_t j = 0; j < L && k + j < s.iw; ++j) {
                const Range w = holding.next();
                Vec<T> sum = load(shares + w.begin * L);
                for (int64_t o = w.begin + 1; o < w.end; ++o) sum += load(shares + o * L);
                store(tile + j * L, sum);
            }
            transpose_tile(tile);
            for (int64_t i = 0; i < lines; ++i) store(wide + (row + i) * sizes.width + k, load(tile + i * L));
        }
    }
    for (int64_t plane = first; plane < last; ++plane, wide += sizes.rows * sizes.width) {
        Windows depth(s.od, s.id);
        for (int64_t i = 0; i < s.id; ++i) {
            const Range d = depth.next();
            Windows height(s.oh, s.ih);
            for (int64_t j = 0; j < s.ih; ++j, dx += s.iw) {
                const Range h = height.next();
                for_each_vector<T>({0, s.iw}, [&](int64_t k, int64_t count, auto full) {
                    Vec<T> sum{};
                    for (int64_t a = d.begin; a < d.end; ++a)
                        for (int64_t b = h.begin; b < h.end; ++b) sum += load(wide + (a * s.oh + b) * sizes.width + k);
                    if constexpr (decltype(full)::value) store(dx + k, sum);
                    else store_first(dx + k, sum, count);
                });
            }
        }
    }
}

// Whether a beats b, which comes at another place: a NaN beats every number, of equals the earlier one wins.
template <class T> TK_INLINE bool beats(T a, int64_t at, T b, int64_t than) {
    if (b != b) return a != a && at < than;
    return a != a || a > b || (a == b && at < than);
}

}   // namespace

template <class T> void adaptive_avg_pool_forward(T* y, const T* x, const PoolShape& s) {
    if (empty(s)) return;
    if (plain(s)) return avg_pool_forward(y, x, windowed(s));
    if (narrow(s))
        return for_each_line_block<T>(
            s, [=](int64_t first, int64_t last) { LineBlock<T, false>(s).run(y, nullptr, x, first, last); });
    constexpr int64_t L = kLanes<T>;
    for_each_adaptive_window(s, [&](int64_t output, int64_t plane, Range d, Range h, Range w) {
        Vec<T> sum{};
        for (int64_t a = d.begin; a < d.end; ++a)
            for (int64_t b = h.begin; b < h.end; ++b) {
                const T* row = x + ((plane * s.id + a) * s.ih + b) * s.iw;
                int64_t c = w.begin;
                for (; c + L <= w.end; c += L) sum += load(row + c);
                if (c < w.end) sum += load_first(row + c, w.end - c);
            }
        y[output] = sum_halves<T>(sum) / static_cast<T>(length(d) * length(h) * length(w));
    });
}

template <class T> int64_t adaptive_avg_pool_backward_workspace(const PoolShape& s, int threads) {
    return empty(s) ? 0 : threads * SpreadLines<T>(s).elements();
}

template <class T> void adaptive_avg_pool_backward(T* dx, const T* dy, const PoolShape& s, T* workspace) {
    const int64_t in_plane = s.id * s.ih * s.iw, out_plane = s.od * s.oh * s.ow;
    if (empty(s)) {
        for (int64_t i = 0; i < s.planes * in_plane; ++i) dx[i] = 0;
        return;
    }
    if (plain(s)) return avg_pool_backward(dx, dy, windowed(s));
    const SpreadLines<T> sizes(s);
    const int64_t units = (s.planes + sizes.planes - 1) / sizes.planes;
    parallel_for(units, s.planes * (in_plane + 4 * out_plane), [&](int64_t unit, int thread) {
        const int64_t first = unit * sizes.planes, last = first + sizes.planes;
        spread_planes(dx, dy, workspace + thread * sizes.elements(), s, first, last < s.planes ? last : s.planes);
    });
}

template <class T> void adaptive_max_pool_forward(T* y, int64_t* indices, const T* x, const PoolShape& s) {
    if (empty(s)) return;
    if (plain(s)) return max_pool_forward(y, indices, x, windowed(s));
    if (narrow(s))
        return for_each_line_block<T>(
            s, [=](int64_t first, int64_t last) { LineBlock<T, true>(s).run(y, indices, x, first, last); });
    constexpr int64_t L = kLanes<T>;
    const int64_t in_plane = s.id * s.ih * s.iw;
    VecMask<T> lane{};
    for (int i = 0; i < L; ++i) lane[i] = i;
    for_each_adaptive_window(s, [&](int64_t output, int64_t plane, Range d, Range h, Range w) {
        // Lanes see one column each, or every L-th; what lies beyond the window repeats its first element.
        const T* from = x + plane * in_plane;
        const int64_t corner = (d.begin * s.ih + h.begin) * s.iw + w.begin, lanes = length(w) < L ? length(w) : L;
        Vec<T> best = broadcast(from[corner]);
        VecMask<T> where{};   // offset from the corner: geometry.py keeps it below 2^31
        for (int64_t a = d.begin; a < d.end; ++a)
            for (int64_t b = h.begin; b < h.end; ++b)
                for (int64_t c = w.begin; c < w.end; c += L) {
                    const int64_t at = (a * s.ih + b) * s.iw + c, count = w.end - c < L ? w.end - c : L;
                    const Vec<T> v = load_first(from + at, count);
                    const VecMask<T> later = ~(v <= best) & (best == best) & (lane < static_cast<LaneInt<T>>(count));
                    best = select<T>(later, v, best);
                    where = later ? lane + static_cast<LaneInt<T>>(at - corner) : where;
                }
        T value = best[0];
        int64_t place = where[0];
        for (int64_t i = 1; i < lanes; ++i)
            if (beats<T>(best[i], where[i], value, place)) value = best[i], place = where[i];
        y[output] = value;
        if (indices) indices[output] = corner + place;
    });
}

TK_EMIT(adaptive_avg_pool_forward)
TK_EMIT(adaptive_avg_pool_backward)
TK_EMIT(adaptive_avg_pool_backward_workspace)
TK_EMIT(adaptive_max_pool_forward)

}   // namespace tk::TK_ISA
