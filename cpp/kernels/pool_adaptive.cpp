// Adaptive pooling: the number of windows is given (adaptive_windows.hpp says which they are).
//   average: y[o] = sum of the window / its size          max: the first maximum, a NaN beats every number
#include "kernels/adaptive_windows.hpp"

namespace tk::TK_ISA {
namespace {

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

// Whether a vector holds a row of dy, and an element of dx lies in two windows at most: shares are permuted to it.
template <class T> bool permutes(const PoolShape& s) {
    return kTuned<T> && kPermutes && s.ow <= kLanes<T> && s.ow <= s.iw;
}

// Elements of a thread's scratch: kLanes lines of shares, transposed, or what permutes them; and the lines of dx that
// rows of dy are spread to.
template <class T> struct SpreadLines {
    static constexpr int64_t L = kLanes<T>;
    int64_t rows, planes, width, shares;   // of dy in a plane; planes at a time; elements

    explicit SpreadLines(const PoolShape& s)
        : rows(s.od * s.oh),
          planes(rows < L && !permutes<T>(s) ? L / rows : 1),
          width(ceil_div(s.iw, L) * L),
          shares(permutes<T>(s) ? 2 * width : ceil_div(s.ow, L) * L * L) {}
    int64_t elements() const { return apart<T>(shares + planes * rows * width); }
};

// Rows of dx, each the sum of the lines that hold it: those of neighbours that the same lines hold are equal.
template <class T>
__attribute__((noinline)) void write_planes(T* dx, const T* wide, const PoolShape& s, int64_t width, int64_t planes,
                                            const Windows& front, const Windows& top) {
    constexpr int64_t L = kLanes<T>, kMany = L < 16 ? 4 : 2;   // vectors at a time
    for (int64_t plane = 0; plane < planes; ++plane, wide += s.od * s.oh * width) {
        Windows depth = front;
        for (int64_t i = 0; i < s.id; ++i) {
            const Run d = depth.next();
            Windows height = top;
            Run h = height.next();
            for (int64_t j = 0, equal; j < s.ih; j += equal, dx += equal * s.iw) {
                const Run same = h;
                for (equal = 1; j + equal < s.ih; ++equal) {
                    h = height.next();
                    if (h.begin != same.begin || h.end != same.end) break;
                }
                for (int64_t k = 0; k < s.iw; k += kMany * L) {
                    Vec<T> sums[kMany];
                    int64_t at[kMany];   // the last ones move back
#pragma GCC unroll 4
                    for (int64_t v = 0; v < kMany; ++v)
                        sums[v] = Vec<T>{}, at[v] = larger(0, smaller(k + v * L, s.iw - L));
                    for (int64_t a = d.begin; a < d.end; ++a)
                        for (int64_t b = same.begin; b < same.end; ++b)
#pragma GCC unroll 4
                            for (int64_t v = 0; v < kMany; ++v) sums[v] += load(wide + (a * s.oh + b) * width + at[v]);
                    T* to = dx;
                    for (int64_t row = 0; row < equal; ++row, to += s.iw) {
                        if (s.iw < L) {
                            store_first(to, sums[0], s.iw);
                            continue;
                        }
#pragma GCC unroll 4
                        for (int64_t v = 0; v < kMany; ++v) store(to + at[v], sums[v]);
                    }
                }
            }
        }
    }
}

// Planes [first, last) where permutes().
template <class T>
__attribute__((noinline)) void permute_planes(T* dx, const T* dy, T* scratch, const PoolShape& s, int64_t first,
                                              int64_t last) {
    constexpr int64_t L = kLanes<T>;
    typedef LaneInt<T> Lane;
    const SpreadLines<T> sizes(s);
    Lane* lanes = reinterpret_cast<Lane*>(scratch);   // of the first window and the last one of every element
    const Windows front(s.od, s.id), top(s.oh, s.ih);
    Windows holding(s.ow, s.iw), across(s.iw, s.ow);
    for (int64_t k = 0; k < sizes.width; ++k) {
        const Run w = k < s.iw ? holding.next() : Run{0, 1};
        lanes[k] = static_cast<Lane>(w.begin);
        lanes[sizes.width + k] = static_cast<Lane>(w.end - 1);
    }
    T widths[L];
    for (int64_t o = 0; o < L; ++o) widths[o] = static_cast<T>(o < s.ow ? length(across.next()) : 1);
    T* wide = scratch + sizes.shares;
    AdaptiveLines following(s, 0);
    for (int64_t plane = first; plane < last; ++plane) {
        for (int64_t row = 0; row < sizes.rows; ++row) {
            const LineWindows seen = following.next();
            const T rows = static_cast<T>(length(seen.d) * length(seen.h));
            const Vec<T> shares = load_first(dy + (plane * sizes.rows + row) * s.ow, s.ow) / (rows * load(widths));
            for (int64_t k = 0; k < sizes.width; k += L) {
                const VecMask<T> a = load_lanes<L>(lanes + k), b = load_lanes<L>(lanes + sizes.width + k);
                const Vec<T> one = permuted<T>(shares, a);
                store(wide + row * sizes.width + k, select<T>(a == b, one, one + permuted<T>(shares, b)));
            }
        }
        write_planes(dx + plane * s.id * s.ih * s.iw, wide, s, sizes.width, 1, front, top);
    }
}

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
                const Run w = holding.next();
                Vec<T> sum = load(shares + w.begin * L);
                for (int64_t o = w.begin + 1; o < w.end; ++o) sum += load(shares + o * L);
                store(tile + j * L, sum);
            }
            transpose_tile(tile);
            for (int64_t i = 0; i < lines; ++i) store(wide + (row + i) * sizes.width + k, load(tile + i * L));
        }
    }
    write_planes(dx, wide, s, sizes.width, last - first, Windows(s.od, s.id), Windows(s.oh, s.ih));
}

// Whether averages are permuted out of a line's columns: few vectors hold them, and windows are narrow.
constexpr int64_t kGathered = 32, kFewColumns = 7;
template <class T> bool gathers(const PoolShape& s) {
    return kTuned<T> && kPermutes && s.ow <= kLanes<T> && s.iw <= kGathered && s.iw < kFewColumns * s.ow;
}

// Lane i of the result is lane lanes[i] of all vectors.
template <class T, int64_t Vectors> TK_INLINE Vec<T> permuted_of(const Vec<T> (&v)[Vectors], VecMask<T> lanes) {
    const Vec<T> first = permuted_two<T>(v[0], v[1], lanes);
    if constexpr (Vectors == 2) return first;
    else return select<T>(lanes < LaneInt<T>{2 * kLanes<T>}, first, permuted_two<T>(v[2], v[3], lanes));
}

// Rows [first, last) of y where gathers(): the first columns of all windows, a window in each lane, then the second
// ones, and 0 in windows that have no more.
template <class T>
__attribute__((noinline)) void gather_lines(T* y, const T* x, const PoolShape& s, int64_t first, int64_t last) {
    constexpr int64_t L = kLanes<T>, kVectors = kGathered / L;
    VecMask<T> begin{}, width = VecMask<T>{} + 1;
    int64_t widest = 0;
    Windows across(s.iw, s.ow);
    for (int64_t o = 0; o < s.ow; ++o) {
        const Run w = across.next();
        begin[o] = static_cast<LaneInt<T>>(w.begin);
        width[o] = static_cast<LaneInt<T>>(length(w));
        widest = larger(widest, length(w));
    }
    const Vec<T> widths = __builtin_convertvector(width, Vec<T>);
    LaneMask<T, L> held[kVectors];
    for (int64_t i = 0; i < kVectors; ++i) held[i] = lanes_inside<T>(i * L, s.iw);
    AdaptiveLines following(s, first);
    for (int64_t row = first; row < last; ++row) {
        const LineWindows seen = following.next();
        const T* from = x + ((seen.plane * s.id + seen.d.begin) * s.ih + seen.h.begin) * s.iw;
        const int64_t deep = length(seen.d), high = length(seen.h);
        fetch_line(from, high * s.iw);
        Vec<T> columns[kVectors]{};
        for (int64_t a = 0; a < deep; ++a) {
            const T* line = from + a * s.ih * s.iw;
            for (int64_t b = 0; b < high; ++b, line += s.iw)
#pragma GCC unroll 4
                for (int64_t i = 0; i < kVectors; ++i) columns[i] += load_masked(line + i * L, held[i]);
        }
        Vec<T> sum = permuted_of<T>(columns, begin);
        for (LaneInt<T> t = 1; t < widest; ++t)
            sum += select<T>(t < width, permuted_of<T>(columns, begin + t), Vec<T>{});
        store_first(y + row * s.ow, sum / (static_cast<T>(deep * high) * widths), s.ow);
    }
}

template <class T, bool Max> void reduce(T* y, int64_t* indices, const T* x, const PoolShape& s) {
    for_each_line_block<T>(s, [=](int64_t first, int64_t last)
                                  __attribute__((noinline)) { LineBlock<T, Max>(s).run(y, indices, x, first, last); });
}

}   // namespace

template <class T> void adaptive_avg_pool_forward(T* y, const T* x, const PoolShape& s) {
    if (empty(s)) return;
    if (plain(s)) return avg_pool_forward(y, x, windowed(s));
    if constexpr (kTuned<T> && kPermutes)
        if (gathers<T>(s))
            return for_each_line_block<T>(s, [=](int64_t first, int64_t last) { gather_lines(y, x, s, first, last); });
    reduce<T, false>(y, nullptr, x, s);
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
    const int64_t step = permutes<T>(s) ? pool_grain(in_plane) : sizes.planes;
    parallel_for(ceil_div(s.planes, step), s.planes * (in_plane + 4 * out_plane), [&](int64_t unit, int thread) {
        const int64_t first = unit * step, last = smaller(first + step, s.planes);
        T* scratch = workspace + thread * sizes.elements();
        if constexpr (kTuned<T> && kPermutes)
            if (permutes<T>(s)) return permute_planes(dx, dy, scratch, s, first, last);
        spread_planes(dx, dy, scratch, s, first, last);
    });
}

template <class T> void adaptive_max_pool_forward(T* y, int64_t* indices, const T* x, const PoolShape& s) {
    if (empty(s)) return;
    if (plain(s)) return max_pool_forward(y, indices, x, windowed(s));
    reduce<T, true>(y, indices, x, s);
}

TK_EMIT(adaptive_avg_pool_forward)
TK_EMIT(adaptive_avg_pool_backward)
TK_EMIT(adaptive_avg_pool_backward_workspace)
TK_EMIT(adaptive_max_pool_forward)

}   // namespace tk::TK_ISA
