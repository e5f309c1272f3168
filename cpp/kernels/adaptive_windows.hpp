// The windows of adaptive pooling. Window o of `out` over an axis of `in` elements holds
//   [floor(o * in / out), ceil((o + 1) * in / out))
// so windows overlap by one element at most where there are fewer of them than elements. Element i lies in the windows
// [floor(i * out / in), ceil((i + 1) * out / in)): the same rule with in and out exchanged.
// A line is the rows of x that one row of y sees, reduced to one; or a row of dy, spread to dx's width. Lines are
// transposed as many at a time as a vector has lanes, so that windows of every width and place are reduced and spread
// by whole vectors, a line in each lane.
#pragma once
#include "kernels/pool_best.hpp"
#include "kernels/pool_windows.hpp"

namespace tk::TK_ISA {
namespace {

// The windows of an axis one after the other, without a division each.
struct Windows {
    int64_t out, step, rest, begin, over;   // begin = floor(o * in / out), over = o * in - begin * out

    Windows(int64_t in, int64_t windows, int64_t first = 0)
        : out(windows),
          step(in / windows),
          rest(in % windows),
          begin(first * in / windows),
          over(first * in % windows) {}
    TK_INLINE Range next() {
        const int64_t from = begin;
        begin += step;
        over += rest;
        if (over >= out) over -= out, ++begin;
        return {from, begin + (over > 0)};
    }
};
inline int64_t length(const Range& r) { return r.end - r.begin; }

// The rows of y from one on: what each sees of its plane.
struct LineWindows {
    int64_t plane;
    Range d, h;
};
struct AdaptiveLines {
    const Windows top, front;
    int64_t oh, od, b, a, plane;
    Windows height, depth;
    Range d;

    AdaptiveLines(const PoolShape& s, int64_t row)
        : top(s.ih, s.oh),
          front(s.id, s.od),
          oh(s.oh),
          od(s.od),
          b(row % s.oh),
          a(row / s.oh % s.od),
          plane(row / s.oh / s.od),
          height(s.ih, s.oh, b),
          depth(s.id, s.od, a),
          d(depth.next()) {}
    TK_INLINE LineWindows next() {
        const LineWindows line{plane, d, height.next()};
        if (++b == oh) {
            b = 0;
            height = top;
            if (++a == od) a = 0, ++plane, depth = front;
            d = depth.next();
        }
        return line;
    }
};

template <class T> __attribute__((noinline)) void transpose_tile(T* tile) {
    constexpr int64_t L = kLanes<T>;
    Vec<T> rows[L];
#pragma GCC unroll 16
    for (int64_t i = 0; i < L; ++i) rows[i] = load(tile + i * L);
    transpose<T>(rows);
#pragma GCC unroll 16
    for (int64_t i = 0; i < L; ++i) store(tile + i * L, rows[i]);
}

// f(first, last) over the rows of y, whole blocks of lines at a time.
template <class T, class F> void for_each_line_block(const PoolShape& s, F&& f) {
    const int64_t cost = s.iw * (s.ih / s.oh + 1) * (s.id / s.od + 1) + 4 * s.ow;
    parallel_chunks(s.planes * s.od * s.oh, kLanes<T> * (32768 / (kLanes<T> * cost) + 1), cost, f);
}

// A wider window fills vectors by itself.
constexpr int64_t kNarrow = 16;

// kLanes rows of y at most, and kLanes windows of each at a time. Their columns lie in tiles of kLanes: a line in each
// row of a tile, in each lane once it is transposed. Max: the first maximum and its place; else the mean.
template <class T, bool Max> struct LineBlock {
    static constexpr int64_t L = kLanes<T>, kTile = L * L;
    typedef LaneInt<T> Offset;
    const PoolShape s;
    int64_t lines = 0, count = 0, left = 0, columns = 0;   // of y; windows; where their columns begin, and how many
    LineWindows seen[L];
    Range windows[L];
    alignas(64) T values[(kNarrow + 2) * kTile], results[kTile] = {};
    alignas(64) Offset offsets[Max ? (kNarrow + 2) * kTile : 1], places[Max ? kTile : 1] = {};   // from a line's corner

    explicit LineBlock(const PoolShape& shape) : s(shape) {}

    // Rows [first, last) of y
    void run(T* y, int64_t* indices, const T* x, int64_t first, int64_t last) {
        AdaptiveLines following(s, first);
        for (int64_t row = first; row < last; row += L) {
            lines = last - row < L ? last - row : L;
            for (int64_t i = 0; i < lines; ++i) seen[i] = following.next();
            Windows across(s.iw, s.ow);
            for (int64_t o = 0; o < s.ow; o += L) {
                count = s.ow - o < L ? s.ow - o : L;
                for (int64_t i = 0; i < count; ++i) windows[i] = across.next();
                left = windows[0].begin;
                columns = windows[count - 1].end - left;
                for (int64_t i = 0; i < lines; ++i) reduce_rows(i, x);
                for (int64_t c = 0; c < columns; c += L) transpose_both(values, offsets, c * L);
                reduce_columns();
                transpose_both(results, places, 0);
                for (int64_t i = 0; i < lines; ++i) write(i, y, indices, (row + i) * s.ow + o);
            }
        }
    }

private:
    int64_t corner(int64_t line) const { return (seen[line].d.begin * s.ih + seen[line].h.begin) * s.iw + left; }
    static TK_INLINE void transpose_both(T* tiles, Offset* beside, int64_t at) {
        transpose_tile(tiles + at);
        if constexpr (Max) transpose_tile(reinterpret_cast<T*>(beside + at));
    }
    static TK_INLINE Best<T> load_best(const T* from, const Offset* beside, int64_t at) {
        Best<T> best{load(from + at), {}};
        if constexpr (Max) best.offset = load_lanes<L>(beside + at);
        return best;
    }
    static TK_INLINE void store_best(T* to, Offset* beside, int64_t at, const Best<T>& best) {
        store(to + at, best.value);
        if constexpr (Max) store_lanes<L>(beside + at, best.offset);
    }

    TK_INLINE void reduce_rows(int64_t line, const T* x) {
        VecMask<T> lane{};
        for (int64_t i = 0; i < L; ++i) lane[i] = static_cast<Offset>(i);
        const T* from = x + (seen[line].plane * s.id * s.ih * s.iw + corner(line));
        const int64_t deep = length(seen[line].d), high = length(seen[line].h), iw = s.iw;
        for (int64_t c = 0; c < columns; c += 2 * L) {   // two vectors: their loops end together
            const int64_t rest = columns - c, lanes[2] = {rest < L ? rest : L, rest < L       ? 0
                                                                               : rest - L < L ? rest - L
                                                                                              : L};
            Best<T> best[2]{};
            for (int64_t a = 0; a < deep; ++a)
                for (int64_t b = 0, row = a * s.ih * iw + c; b < high; ++b, row += iw)
#pragma GCC unroll 2
                    for (int64_t i = 0; i < 2; ++i) {
                        const int64_t at = row + i * L;
                        const Vec<T> v = load_first(from + at, lanes[i]);
                        if constexpr (!Max) best[i].value += v;
                        else {
                            const Best<T> late{v, lane + static_cast<Offset>(at)};
                            best[i] = row == c ? late : better<T>(best[i], late);
                        }
                    }
#pragma GCC unroll 2
            for (int64_t i = 0; i < 2; ++i) store_best(values, offsets, (c + i * L + line) * L, best[i]);
        }
    }
    TK_INLINE void reduce_columns() {
        Vec<T> rows = broadcast(T{1});   // of each line's windows
        if constexpr (!Max)
            for (int64_t i = 0; i < lines; ++i) rows[i] = static_cast<T>(length(seen[i].d) * length(seen[i].h));
        for (int64_t i = 0; i < count; ++i) {
            const int64_t begin = windows[i].begin - left, end = windows[i].end - left;
            Best<T> best = load_best(values, offsets, begin * L);
            for (int64_t c = begin + 1; c < end; ++c) {
                const Best<T> column = load_best(values, offsets, c * L);
                if constexpr (Max) best = better_of_columns<T>(best, column);
                else best.value += column.value;
            }
            if constexpr (!Max) best.value /= rows * static_cast<T>(end - begin);
            store_best(results, places, i * L, best);
        }
    }
    TK_INLINE void write(int64_t line, T* y, int64_t* indices, int64_t at) const {
        const Best<T> best = load_best(results, places, line * L);
        store_first(y + at, best.value, count);
        if constexpr (Max)
            if (indices) store_indices<T>(indices + at, best.offset, corner(line), 0, count);
    }
};

}   // namespace
}   // namespace tk::TK_ISA
