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

    Windows(int64_t in, int64_t windows) : out(windows), step(in / windows), rest(in % windows), begin(0), over(0) {}
    TK_INLINE Run next() {
        const int64_t from = begin;
        begin += step;
        over += rest;
        if (over >= out) over -= out, ++begin;
        return {from, begin + (over > 0)};
    }
};
inline int64_t length(const Run& r) { return r.end - r.begin; }

// The rows of y from one on: what each sees of its plane.
struct LineWindows {
    int64_t plane;
    Run d, h;
};
struct AdaptiveLines {
    const Windows top, front;
    const int64_t oh, od;
    Windows height, depth;
    int64_t b, a, plane;
    Run d;

    AdaptiveLines(const PoolShape& s, int64_t row)
        : top(s.ih, s.oh),
          front(s.id, s.od),
          oh(s.oh),
          od(s.od),
          height(top),
          depth(front),
          b(0),
          a(0),
          d(depth.next()) {
        plane = row / (oh * od);
        for (row -= plane * oh * od; row > 0; --row) next();
    }
    TK_INLINE LineWindows next() {
        const LineWindows line{plane, d, height.next()};
        if (++b < oh) return line;
        b = 0;
        height = top;
        if (++a == od) a = 0, ++plane, depth = front;
        d = depth.next();
        return line;
    }
};

// f(first, last) over the rows of y, whole blocks of lines at a time.
template <class T, class F> void for_each_line_block(const PoolShape& s, F&& f) {
    const int64_t cost = s.iw * (s.ih / s.oh + 1) * (s.id / s.od + 1) + 4 * s.ow;
    parallel_chunks(s.planes * s.od * s.oh, kLanes<T> * (32768 / (kLanes<T> * cost) + 1), cost, f);
}

// Calls in what the line after the next one sees: rows of lines begin too many streams for the processor.
template <class T> TK_INLINE void fetch_line(const T* line, int64_t elements) {
    if (elements <= 4096) fetch(line + 2 * elements, elements);
}

// Whether windows share tiles. Where not, none is narrower: each fills vectors by itself.
constexpr int64_t kNarrow = 16;
inline bool narrow(const PoolShape& s) { return s.iw <= kNarrow * s.ow; }

// kLanes rows of y at most, and kLanes windows of each at a time. Their columns lie in tiles of kLanes: a line in each
// row of a tile, in each lane once it is transposed. A wide window's columns are added up to one tile before, every
// kLanes-th in one. Max: the first maximum and its place; else the mean.
template <class T, bool Max> struct LineBlock {
    static constexpr int64_t L = kLanes<T>, kTile = L * L;
    typedef LaneInt<T> Offset;
    const PoolShape s;
    const bool wide;
    int64_t lines = 0, count = 0;   // of y; windows
    int64_t left = 0;               // where their columns begin
    LineWindows seen[L];
    Run windows[L], inside[L];   // in x; in the tiles
    alignas(64) T values[(kNarrow + 2) * kTile], results[kTile] = {};
    alignas(64) Offset offsets[Max ? (kNarrow + 2) * kTile : 1], places[Max ? kTile : 1] = {};   // from a line's corner

    explicit LineBlock(const PoolShape& shape) : s(shape), wide(!narrow(s)) {}

    // Rows [first, last) of y
    void run(T* y, int64_t* indices, const T* x, int64_t first, int64_t last) {
        AdaptiveLines following(s, first);
        for (int64_t row = first; row < last; row += L) {
            lines = last - row < L ? last - row : L;
            for (int64_t i = 0; i < lines; ++i) seen[i] = following.next();
            Windows across(s.iw, s.ow);
            for (int64_t o = 0; o < s.ow; o += L) {
                count = s.ow - o < L ? s.ow - o : L;
                for (int64_t i = 0; i < count; ++i) {
                    const Run w = windows[i] = across.next();
                    if (i == 0) left = w.begin;
                    inside[i] = {w.begin - left, w.end - left};
                    if (wide) inside[i] = {i * L, (i + 1) * L};
                }
                const Run all{left, windows[count - 1].end};
                for (int64_t i = 0; i < lines; ++i) {
                    if (!wide) reduce_rows(i, x, all, 0);
                    else
                        for (int64_t w = 0; w < count; ++w) reduce_rows(i, x, windows[w], w * kTile);
                }
                for (int64_t c = 0; c < inside[count - 1].end; c += L) transpose_both(values, offsets, c * L);
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

    static TK_INLINE Best<T> joined(const Best<T>& left, const Best<T>& right) {
        if constexpr (Max) return better_of_columns<T>(left, right);
        else return {left.value + right.value, left.offset};
    }

    __attribute__((noinline)) void reduce_rows(int64_t line, const T* x, Run across, int64_t tile) {
        VecMask<T> lane{};
        for (int64_t i = 0; i < L; ++i) lane[i] = static_cast<Offset>(i);
        const int64_t before = across.begin - left, iw = s.iw;
        const T* from = x + (seen[line].plane * s.id * s.ih * iw + corner(line));
        const int64_t deep = length(seen[line].d), high = length(seen[line].h);
        if (before == 0 && high * iw >= 256) fetch_line(from, high * iw);   // for shorter ones it costs more
        Best<T> sum{};
        for (int64_t c = before; c < across.end - left; c += 2 * L) {   // two vectors: their loops end together
            const int64_t rest = across.end - left - c;
            const int64_t lanes[2] = {rest < L ? rest : L, rest < L ? 0 : rest - L < L ? rest - L : L};
            constexpr T nothing = Max ? -0.0 : 0;   // a maximum stays -0, a sum does not
            Best<T> best[2];
#pragma GCC unroll 2
            for (int64_t i = 0; i < 2; ++i)
                best[i] = {load_first(from + c + i * L, lanes[i]) + broadcast(nothing), VecMask<T>{}};
            for (int64_t a = 0; a < deep; ++a) {
                const int64_t first = a == 0;   // the first row of all is there already
                int64_t row = (a * s.ih + first) * iw;
                VecMask<T> place = VecMask<T>{} + static_cast<Offset>(row);
                for (int64_t b = first; b < high; ++b, row += iw, place += static_cast<Offset>(iw))
#pragma GCC unroll 2
                    for (int64_t i = 0; i < 2; ++i) {
                        const Vec<T> v = load_first(from + row + c + i * L, lanes[i]);
                        if constexpr (Max) best[i] = better<T>(best[i], {v, place});
                        else best[i].value += v;
                    }
            }
            if constexpr (Max)
#pragma GCC unroll 2
                for (int64_t i = 0; i < 2; ++i) best[i].offset += lane + static_cast<Offset>(c + i * L);
#pragma GCC unroll 2
            for (int64_t i = 0; i < 2; ++i) {
                if (!wide) store_best(values, offsets, tile + (c + i * L + line) * L, best[i]);
                else if (c == before && i == 0) sum = best[0];
                else {
                    constexpr T lowest = -static_cast<T>(__builtin_inf());
                    if constexpr (Max)
                        best[i].value =
                            select<T>(lane < static_cast<Offset>(lanes[i]), best[i].value, broadcast(lowest));
                    sum = joined(sum, best[i]);
                }
            }
        }
        if (wide) store_best(values, offsets, tile + line * L, sum);
    }
    TK_INLINE void reduce_columns() {
        Vec<T> rows = broadcast(T{1});   // of each line's windows
        if constexpr (!Max)
            for (int64_t i = 0; i < lines; ++i) rows[i] = static_cast<T>(length(seen[i].d) * length(seen[i].h));
        for (int64_t i = 0; i < count; ++i) {
            Best<T> best = load_best(values, offsets, inside[i].begin * L);
            for (int64_t c = inside[i].begin + 1; c < inside[i].end; ++c)
                best = joined(best, load_best(values, offsets, c * L));
            if constexpr (!Max) best.value /= rows * static_cast<T>(length(windows[i]));
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
