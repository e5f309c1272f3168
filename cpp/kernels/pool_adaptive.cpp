// Adaptive pooling: the number of windows is given. Window o of `out` over an axis of `in` elements holds
//   [floor(o * in / out), ceil((o + 1) * in / out))
// so windows overlap by one element at most where there are fewer of them than elements. Element i lies in the windows
// [floor(i * out / in), ceil((i + 1) * out / in)): the same rule with in and out exchanged. Where every axis divides
// evenly, 1 output included, the windows are those of the other pools, which answer.
//   average: y[o] = sum of the window / its size          max: the first maximum, a NaN beats every number
#include "kernels/pool_windows.hpp"

namespace tk::TK_ISA {
namespace {

// The windows of an axis one after the other, without a division each.
struct Windows {
    int64_t out, step, rest, begin, over;   // begin = floor(o * in / out), over = o * in - begin * out

    Windows(int64_t in, int64_t windows) : out(windows), step(in / windows), rest(in % windows), begin(0), over(0) {}
    TK_INLINE Range next() {
        const int64_t from = begin;
        begin += step;
        over += rest;
        if (over >= out) over -= out, ++begin;
        return {from, begin + (over > 0)};
    }
};
inline int64_t length(const Range& r) { return r.end - r.begin; }
inline int64_t window_length(int64_t o, int64_t in, int64_t out) {
    return ((o + 1) * in + out - 1) / out - o * in / out;
}

inline bool even(const PoolShape& s) { return s.id % s.od == 0 && s.ih % s.oh == 0 && s.iw % s.ow == 0; }
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

// A row of dx: the rows of dy whose windows hold it, each divided, are added up in a line; an element is the sum of the
// windows that hold it there. A row that the same windows hold as the one before is its copy. Scratch: the line, and
// the widths of its windows.
template <class T>
__attribute__((noinline)) void gather_plane(T* dx, const T* dy, T* line, T* widths, const PoolShape& s) {
    constexpr int64_t L = kLanes<T>;
    Windows columns(s.iw, s.ow);
    for (int64_t o = 0; o < s.ow; ++o) widths[o] = static_cast<T>(length(columns.next()));
    for (int64_t o = s.ow; o < s.ow + L; ++o) widths[o] = 1;
    Windows depth(s.od, s.id);
    for (int64_t i = 0; i < s.id; ++i) {
        const Range d = depth.next();
        Windows height(s.oh, s.ih);
        Range last{0, 0};
        for (int64_t j = 0; j < s.ih; ++j, dx += s.iw) {
            const Range h = height.next();
            if (h.begin == last.begin && h.end == last.end) {
                __builtin_memcpy(dx, dx - s.iw, static_cast<uint64_t>(s.iw) * sizeof(T));
                continue;
            }
            last = h;
            for (int64_t o = 0; o < s.ow; o += L) store(line + o, Vec<T>{});
            for (int64_t a = d.begin; a < d.end; ++a)
                for (int64_t b = h.begin; b < h.end; ++b) {
                    const T* from = dy + (a * s.oh + b) * s.ow;
                    const T size = static_cast<T>(window_length(a, s.id, s.od) * window_length(b, s.ih, s.oh));
                    for (int64_t o = 0; o < s.ow; o += L) {
                        const Vec<T> v = load_first(from + o, s.ow - o < L ? s.ow - o : L);
                        store(line + o, load(line + o) + v / (size * load(widths + o)));
                    }
                }
            Windows holding(s.ow, s.iw);
            for (int64_t k = 0; k < s.iw; ++k) {
                const Range w = holding.next();
                T sum = line[w.begin];
                for (int64_t o = w.begin + 1; o < w.end; ++o) sum += line[o];
                dx[k] = sum;
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
    if (even(s)) return avg_pool_forward(y, x, windowed(s));
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

// Elements of a thread's two lines
template <class T> int64_t own_lines(const PoolShape& s) { return apart<T>(2 * (s.ow + kLanes<T>)); }
template <class T> int64_t adaptive_avg_pool_backward_workspace(const PoolShape& s, int threads) {
    return threads * own_lines<T>(s);
}

template <class T> void adaptive_avg_pool_backward(T* dx, const T* dy, const PoolShape& s, T* workspace) {
    const int64_t in_plane = s.id * s.ih * s.iw, out_plane = s.od * s.oh * s.ow, line = s.ow + kLanes<T>;
    if (empty(s)) {
        for (int64_t i = 0; i < s.planes * in_plane; ++i) dx[i] = 0;
        return;
    }
    if (even(s)) return avg_pool_backward(dx, dy, windowed(s));
    parallel_for(s.planes, s.planes * (in_plane + 4 * out_plane), [&](int64_t plane, int thread) {
        T* scratch = workspace + thread * own_lines<T>(s);
        gather_plane(dx + plane * in_plane, dy + plane * out_plane, scratch, scratch + line, s);
    });
}

template <class T> void adaptive_max_pool_forward(T* y, int64_t* indices, const T* x, const PoolShape& s) {
    if (empty(s)) return;
    if (even(s)) return max_pool_forward(y, indices, x, windowed(s));
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
