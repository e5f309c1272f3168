// What max- and average-pooling share: the taps of a window that lie inside the input, the outputs whose windows
// lie inside as a whole, and vector loads, strided ones too. Windows of one output row differ by their column alone, so
// a vector holds neighbouring outputs of a row.
#pragma once
#include "kernels/positions.hpp"

namespace tk::TK_ISA {
namespace {

// Taps t in [0, kernel) with 0 <= start + t*dilation < size.
inline Run taps_inside(int64_t start, int64_t size, int64_t kernel, int64_t dilation) {
    if (start >= 0 && start + (kernel - 1) * dilation < size) return {0, kernel};   // the common case: no division
    return positions_inside(kernel, size, dilation, start);
}

// Outputs o of a row whose taps all lie inside: 0 <= o*sw - pw and o*sw - pw + (kw-1)*dil_w < iw.
[[gnu::noinline]] inline Run whole_windows(const PoolShape& s) {
    return positions_inside(s.ow, s.iw - (s.kw - 1) * s.dil_w, s.sw, -s.pw);
}

// A window that covers all of its rows, or its planes, is one long row: global pooling runs along memory.
inline PoolShape flatten(PoolShape s) {
    if (s.ow == 1 && s.kw == s.iw && s.oh == 1 && s.dil_h == 1 && s.dil_w == 1 && s.pw + s.qw + s.ph + s.qh == 0) {
        s.iw *= s.ih;
        s.kw *= s.kh;
        s.ih = s.kh = 1;
    }
    if (s.ow == 1 && s.kw == s.iw && s.kh == s.ih && s.od == 1 && s.oh == 1 && s.dil_d == 1 && s.dil_h == 1 &&
        s.dil_w == 1 && s.pw + s.qw + s.ph + s.qh + s.pd + s.qd == 0) {
        s.iw *= s.id;
        s.kw *= s.kd;
        s.id = s.kd = 1;
    }
    return s;
}

// One row of outputs: its plane of the input, where its windows start, and which of their rows lie inside.
struct OutputRow {
    int64_t row, plane;   // numbers in y and in x
    int64_t start_d, start_h;
    Run d, h;
};

// The rows of y from one on: only the first costs divisions.
struct OutputRows {
    const PoolShape& s;
    int64_t row, h, d, plane;

    OutputRows(const PoolShape& shape, int64_t first)
        : s(shape), row(first), h(first % s.oh), d(first / s.oh % s.od), plane(first / s.oh / s.od) {}
    TK_INLINE OutputRow next() {
        const int64_t start_d = d * s.sd - s.pd, start_h = h * s.sh - s.ph;
        const OutputRow r{row,
                          plane,
                          start_d,
                          start_h,
                          taps_inside(start_d, s.id, s.kd, s.dil_d),
                          taps_inside(start_h, s.ih, s.kh, s.dil_h)};
        ++row;
        if (++h == s.oh) h = 0, ++d;
        if (d == s.od) d = 0, ++plane;
        return r;
    }
};

// f(offset in the plane) for each row of the windows of r that lies inside.
template <class F> TK_INLINE void for_each_window_row(const OutputRow& r, const PoolShape& s, F&& f) {
    for (int64_t a = r.d.begin; a < r.d.end; ++a)
        for (int64_t b = r.h.begin; b < r.h.end; ++b) f(((r.start_d + a) * s.ih + r.start_h + b) * s.iw);
}

// Whether a vector holds more of a window's row than of the rows of outputs.
inline bool wide_windows(const PoolShape& s) { return s.kw > s.ow; }

// Elements of cost `cost` that make a unit: so small that two threads share evenly what is just worth a second one.
inline int64_t pool_grain(int64_t cost) { return 8192 / (cost + 1) + 1; }

// f(OutputRow) for every row of y; a chunk of rows is the unit, and rows know nothing of each other.
template <class F> void for_each_output_row(const PoolShape& s, F&& f) {
    const int64_t cost = s.ow * s.kd * s.kh * s.kw, rows = s.od * s.oh;
    parallel_chunks(s.planes * rows, pool_grain(cost), cost, [&](int64_t begin, int64_t end) {
        OutputRows following(s, begin);
        for (int64_t row = begin; row < end; ++row) f(following.next());
    });
}

// f(plane) for every plane, for work that scatters within one; a chunk of planes is the unit.
template <class F> void for_each_plane(int64_t planes, int64_t cost, F&& f) {
    parallel_chunks(planes, pool_grain(cost), cost, [&](int64_t begin, int64_t end) {
        for (int64_t plane = begin; plane < end; ++plane) f(plane);
    });
}

// `count` elements of a vector, all of them where Full.
template <bool Full, class T> TK_INLINE Vec<T> load_vector(const T* p, int64_t count) {
    if constexpr (Full) return load(p);
    else return load_first(p, count);
}
template <bool Full, class T> TK_INLINE void store_vector(T* p, Vec<T> v, int64_t count) {
    if constexpr (Full) store(p, v);
    else store_first(p, v, count);
}

// p[0], p[stride], ... : `count` lanes (all of them when Full), the others zero. Stride 0: known at run time only.
// Nothing beyond the last element asked for is read.
template <class T, int Stride, bool Full> TK_INLINE Vec<T> load_strided(const T* p, int64_t stride, int64_t count) {
    constexpr int L = kLanes<T>;
    if constexpr (Stride == 1) return load_vector<Full>(p, count);
#if !defined(__clang__)
    if constexpr (Stride == 2) {
        VecMask<T> even{};   // of p[0 .. L-1] and p[L-1 .. 2L-2]
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) even[i] = 2 * i < L ? 2 * i : 2 * i + 1;
        if constexpr (Full) return __builtin_shuffle(load(p), load(p + L - 1), even);
        const int64_t last = 2 * count - 1;
        const Vec<T> low = load_first(p, last < L ? last : L);
        const Vec<T> high = last > L - 1 ? load_first(p + L - 1, last - L + 1) : Vec<T>{};
        return __builtin_shuffle(low, high, even);
    }
#endif
    const int64_t step = Stride ? Stride : stride;
    Vec<T> v{};
    for (int64_t i = 0; i < (Full ? L : count); ++i) v[i] = p[i * step];
    return v;
}

// f(std::integral_constant<int, Stride>) for the strides that loads know when they are compiled; 0: any other.
template <class F> TK_INLINE auto with_stride(int64_t stride, F&& f) {
    if (stride == 1) return f(std::integral_constant<int, 1>{});
    if (stride == 2) return f(std::integral_constant<int, 2>{});
    return f(std::integral_constant<int, 0>{});
}

// f(begin, count, full) over the columns of a range in vectors. A last partial vector moves back over finished
// columns where the range has room for that, and runs on masked lanes where it has not.
template <class T, class F> TK_INLINE void for_each_vector(Run columns, F&& f) {
    constexpr int L = kLanes<T>;
    const int64_t length = columns.end - columns.begin;
    if (length <= 0) return;
    if (length < L) return f(columns.begin, length, std::false_type{});
    for (int64_t o = columns.begin; o < columns.end; o += L)
        f(o + L <= columns.end ? o : columns.end - L, int64_t{L}, std::true_type{});
}

// Windows that reduce in two steps: the rows of a window into one line, padded, then its columns. Lines of several
// output rows are made before any is read again; where windows do not overlap they follow each other without a gap and
// count as one long row. combine(a, b) of vectors; finish(vector, row, o, count) makes results of them. Rows of the
// padded input longer than kLine do not fit.
constexpr int64_t kLine = 4096;

template <class T> struct Lines {
    static constexpr int64_t L = kLanes<T>;
    const PoolShape& s;
    int64_t reach, length, columns, rows;   // of a window's columns; of a line; of x in it; lines at a time
    bool joined;

    Lines(const PoolShape& shape, bool join) : s(shape), reach((s.kw - 1) * s.dil_w + 1) {
        joined = join && reach <= s.sw;
        length = joined ? s.ow * s.sw : (s.ow - 1) * s.sw + reach;
        columns = s.iw < length - s.pw ? s.iw : length - s.pw;
        rows = length ? kLine / length : 0;
    }
    bool fit() const { return rows > 0; }

    template <int Stride, class Combine, class Finish>
    void reduce(T* y, const T* x, T identity, Combine combine, Finish finish) const {
        const int64_t planes = s.od * s.oh, cost = s.ow * s.kd * s.kh * s.kw;
        parallel_chunks(s.planes * planes, pool_grain(cost) + rows - 1, cost, [&](int64_t first, int64_t last) {
            T lines[kLine + 2 * L];
            const int64_t filled = rows * length + 2 * L;
            for (int64_t i = 0; i < filled; ++i) lines[i] = identity;
            OutputRows following(s, first);
            for (int64_t row = first; row < last; row += rows) {
                const int64_t count = last - row < rows ? last - row : rows;
                for (int64_t i = 0; i < count; ++i) fill(lines + i * length + s.pw, x, following.next(), combine);
                if (joined) {
                    columns_of<Stride>(y + row * s.ow, lines, row, count * s.ow, combine, finish);
                    continue;
                }
                for (int64_t i = 0; i < count; ++i)
                    columns_of<Stride>(y + (row + i) * s.ow, lines + i * length, row + i, s.ow, combine, finish);
            }
        });
    }

private:
    template <class Combine> TK_INLINE void fill(T* line, const T* x, const OutputRow& r, Combine combine) const {
        const T* corner = x + ((r.plane * s.id + r.start_d) * s.ih + r.start_h) * s.iw;
        const auto at = [&](int64_t i, int64_t count) {
            Vec<T> sum{};
            bool first = true;
            for (int64_t a = r.d.begin; a < r.d.end; ++a)
                for (int64_t b = r.h.begin; b < r.h.end; ++b, first = false) {
                    const T* from = corner + ((a * s.dil_d * s.ih + b * s.dil_h) * s.iw + i);
                    const Vec<T> v = count == L ? load(from) : load_first(from, count);
                    sum = first ? v : combine(sum, v);
                }
            return sum;
        };
        if (columns < L) return store_first(line, at(0, columns), columns);
        int64_t i = 0;
        for (; i + L <= columns; i += L) store(line + i, at(i, L));
        if (i < columns) store(line + columns - L, at(columns - L, L));
    }
    template <int Stride, class Combine, class Finish>
    TK_INLINE void columns_of(T* y, const T* line, int64_t row, int64_t count, Combine combine, Finish finish) const {
        const auto at = [&](int64_t o, int64_t lanes, auto full) {
            constexpr bool kFull = decltype(full)::value;
            Vec<T> sum = load_strided<T, Stride, kFull>(line + o * s.sw, s.sw, lanes);
            for (int64_t c = 1; c < s.kw; ++c)
                sum = combine(sum, load_strided<T, Stride, kFull>(line + o * s.sw + c * s.dil_w, s.sw, lanes));
            store_vector<kFull>(y + o, finish(sum, row, o, lanes), lanes);
        };
        for_each_vector<T>({0, count}, at);
    }
};

}   // namespace
}   // namespace tk::TK_ISA
