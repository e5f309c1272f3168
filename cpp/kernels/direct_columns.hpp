// How the columns of a strip are cut into tiles of the direct kernels (conv_direct.hpp), and which taps a tile sees.
#pragma once
#include "kernels/direct_layout.hpp"

namespace tk::TK_ISA {
namespace {

// Columns between `begin` and `end`, all within one zone: the middle, where every tap may see input, or a border.
struct Zones {
    int64_t begin[4];   // of the left border, the middle, the right border, and the end
};
inline Zones zones_of(const DirectProblem& p, const Strip& s) {
    Zones z{{0, 0, s.columns, s.columns}};
    if (p.w.taps == 1) return z;
    const int64_t step = p.w.stride * larger(p.w.step, 1), far = p.w.stride * (p.w.taps - 1) * p.w.reach;
    const Run first = positions_inside(p.w.grid, p.w.in, step, p.w.origin);
    const Run last = positions_inside(p.w.grid, p.w.in, step, p.w.origin + far);
    const int64_t left = first.begin - s.w0, right = last.end - s.w0, least = p.tile_pixels / 2;
    if (left >= least && left < s.columns) z.begin[1] = left;
    if (right <= s.columns - least && right > z.begin[1]) z.begin[2] = right;
    return z;
}

// The taps of a row that columns [begin, end) of the strip see.
inline Run taps_seen(const DirectProblem& p, const Strip& s, int64_t begin, int64_t end) {
    const int64_t first = p.w.origin + p.w.stride * (s.w0 + begin) * p.w.step;
    const int64_t last = p.w.origin + p.w.stride * (s.w0 + end - 1) * p.w.step;
    const int64_t reach = p.w.stride * p.w.reach;
    Run run{0, p.w.taps};
    while (run.begin < run.end && last + run.begin * reach < 0) ++run.begin;
    while (run.end > run.begin && first + (run.end - 1) * reach >= p.w.in) --run.end;
    return run;
}

// Where the taps of a row start, from its first, and what columns [begin, end) leave out.
[[gnu::noinline]] inline void list_columns(ColumnTap* columns, const DirectProblem& p, const Strip& s, bool straight,
                                           int64_t begin, int64_t end) {
    const int64_t step = larger(p.w.step, 1), pixel = p.w.stride * p.w.step;
    const int64_t first = p.w.origin + (s.w0 + begin) * pixel, last = p.w.origin + (s.w0 + end - 1) * pixel;
    for (int64_t e = 0; e < p.w.taps; ++e) {
        const int64_t q = e * p.w.reach, at = q * p.w.stride;
        columns[e].offset = straight ? p.w.origin + at : q % step * p.position_pitch + q / step;
        columns[e].edges = (first + at < 0) * kFirst + (first + at + pixel < 0) * kSecond +
                           (last + at >= p.w.in) * kLast + (last + at - pixel >= p.w.in) * kLastButOne;
    }
}

// Bit q: whether position `begin` + q of a row's first tap, on to the last of column end - 1, lies in the input.
inline uint32_t positions_seen(const DirectProblem& p, const Strip& s, int64_t begin, int64_t end) {
    const int64_t first = p.w.origin + s.w0 + begin, last = smaller(end - begin + kRowTaps - 1, p.w.in - first);
    const int64_t begin_seen = smaller(larger(0, -first), 31), end_seen = larger(last, 0);
    return ((uint32_t{1} << end_seen) - 1) & -(uint32_t{1} << begin_seen);
}

// `length` columns in `count` tiles, as even as whole vectors let them be: of `each` of them, the first `more` of one
// more.
struct Cut {
    int64_t length, count, each, more;
};
template <class T, bool AlongPixels> constexpr int64_t kColumnUnit = AlongPixels ? kLanes<T> : 1;
template <class T, bool AlongPixels> Cut cut_of(const DirectProblem& p, int64_t length) {
    const int64_t units = ceil_div(length, kColumnUnit<T, AlongPixels>), count = ceil_div(length, p.tile_pixels);
    return {length, count, units / larger(count, 1), units % larger(count, 1)};
}
template <class T, bool AlongPixels> TK_INLINE Run tile_run(const Cut& cut, int64_t i) {
    const auto begin = [&](int64_t tile) {
        return (cut.each * tile + smaller(tile, cut.more)) * kColumnUnit<T, AlongPixels>;
    };
    return {begin(i), smaller(cut.length, begin(i + 1))};
}

// The same in whole tiles, the last of which overlaps the one before.
inline Run whole_tile(const DirectProblem& p, int64_t length, int64_t i) {
    const int64_t begin = smaller(i * p.tile_pixels, length - p.tile_pixels);
    return {begin, begin + p.tile_pixels};
}

// Whether vectors of so many columns are whole, if the last may overlap the one before: an output that is added to may
// not be met twice.
template <class T> bool is_whole(const DirectProblem& p, int64_t length) {
    constexpr int64_t L = kLanes<T>;
    return length >= L && p.out_w == 1 && (p.c_blocks == 1 || length % L == 0);
}

// How many rows of `left`, from the first on, see the same taps.
inline int64_t rows_alike(const RowTap* rows, int64_t pitch, int64_t left) {
    for (int64_t alike = 1; alike < left; ++alike) {
        const RowTap* other = rows + alike * pitch;
        for (int64_t i = 0; rows[i].index >= 0 || other[i].index >= 0; ++i)
            if (rows[i].index != other[i].index) return alike;
    }
    return left;
}

}   // namespace
}   // namespace tk::TK_ISA
