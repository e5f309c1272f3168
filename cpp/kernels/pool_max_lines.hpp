// Max-pooling with places of short rows of outputs, or padded ones of stride 1, in two steps: the columns of every row
// of x, once for all windows that see it, then the rows. The rows of a block follow each other without a gap, `across`
// strides each, and count as one long row; windows that lie across two of them are computed and left. A window that
// reaches into the padding holds the element that is repeated there: before the row its offset is put right, behind the
// row it comes later than its equal.
#pragma once
#include "kernels/pool_best.hpp"

namespace tk::TK_ISA {
namespace {

// A row of x with its padding, which repeats the element beside it; up to a vector more is written behind.
template <class T> TK_INLINE void copy_padded(T* to, const T* from, int64_t before, int64_t columns, int64_t length) {
    constexpr int64_t L = kLanes<T>;
    for (int64_t i = 0; i < before; i += L) store(to + i, broadcast(from[0]));
    for (int64_t i = 0; i < columns; i += L)
        store(to + before + i, columns - i < L ? load_first(from + i, columns - i) : load(from + i));
    for (int64_t i = before + columns; i < length; i += L) store(to + i, broadcast(from[columns - 1]));
}

// How a shape is cut into such blocks.
struct LineBlocks {
    static constexpr int64_t kElements = 2048;
    PoolShape s;
    int64_t reach_h, across, length;   // rows of a window; strides and elements of a row
    int64_t columns;                   // of x in a row
    int64_t planes, rows;              // of a block: whole planes, or some output rows of one
    bool copied, usable;

    // Not usable: a block does not fit, nothing is gained, or planes have a depth, or gaps that may skip the element
    // that padding repeats.
    explicit LineBlocks(const PoolShape& shape) : s(shape) {
        const int64_t reach_w = (s.kw - 1) * s.dil_w + 1;
        reach_h = (s.kh - 1) * s.dil_h + 1;
        across = s.ow + (reach_w - 1) / s.sw;
        length = across * s.sw;
        columns = s.iw < length - s.pw ? s.iw : length - s.pw;
        const bool padded = s.pw > 0 || (s.ow - 1) * s.sw + reach_w > s.iw;
        const bool pays = s.kw <= s.ow && (s.ow <= 16 || (padded && s.sw == 1));
        copied = padded || length != s.iw;
        usable = pays && s.id == 1 && s.od == 1 && !(padded && s.dil_w > 1) && length <= kElements / reach_h;
        planes = usable ? kElements / (length * s.ih) : 0;
        rows = planes ? planes * s.oh : usable ? (kElements / length - reach_h) / s.sh + 1 : 0;
    }
};
template <class T> struct LineScratch {
    T lines[LineBlocks::kElements + kLanes<T>], values[LineBlocks::kElements + kLanes<T>];
    LaneInt<T> offsets[LineBlocks::kElements + kLanes<T>];
};

// values and offsets (within the block) of the best of each row's window, for `seen` rows of the block
template <class T, int Stride>
void reduce_columns(LineScratch<T>& to, const T* line, const LineBlocks& b, int64_t seen) {
    const PoolShape s = b.s;
    VecMask<T> lane{};
    for (int64_t i = 0; i < kLanes<T>; ++i) lane[i] = static_cast<LaneInt<T>>(i * s.sw);
    for_each_vector<T>({0, (seen - 1) * b.across + s.ow}, [&](int64_t o, int64_t lanes, auto full) {
        VecMask<T> tap{};
        const auto at = [&](int64_t offset) {
            const T* from = line + (o * s.sw + offset);
            return Best<T>{load_strided<T, Stride, decltype(full)::value>(from, s.sw, lanes), tap};
        };
        Best<T> best = at(0);
        for (int64_t c = 1; c < s.kw; ++c) {
            tap += static_cast<LaneInt<T>>(s.dil_w);
            best = better<T>(best, at(c * s.dil_w));
        }
        store(to.values + o, best.value);
        store_lanes<kLanes<T>>(to.offsets + o, best.offset + (lane + static_cast<LaneInt<T>>(o * s.sw)));
    });
}

// `count` output rows from `row` on, of such values; the first one's plane begins `above` rows after the block's first,
// its window `start` rows after its plane.
template <class T>
void reduce_rows(T* y, int64_t* indices, const LineScratch<T>& from, const LineBlocks& b, int64_t row, int64_t count,
                 int64_t above, int64_t start) {
    const PoolShape s = b.s;
    for_each_vector<T>({0, s.ow}, [&](int64_t o, int64_t lanes, auto full) {
        int64_t plane = above, window = start;
        for (int64_t r = 0; r < count; ++r, window += s.sh) {
            if (window == s.oh * s.sh - s.ph) {
                window = -s.ph;
                plane += s.ih;
            }
            const Run taps = taps_inside(window, s.ih, s.kh, s.dil_h);
            const auto at = [&](int64_t tap) {
                const int64_t i = plane + window + tap * s.dil_h;
                Best<T> best{load(from.values + i * b.across + o),
                             load_lanes<kLanes<T>>(from.offsets + i * b.across + o)};
                if (b.copied) {
                    const VecMask<T> column = best.offset - static_cast<LaneInt<T>>(i * b.length + s.pw);
                    best.offset = (column > 0 ? column : VecMask<T>{}) + static_cast<LaneInt<T>>(i * s.iw);
                }
                return best;
            };
            Best<T> best = at(taps.begin);
            for (int64_t tap = taps.begin + 1; tap < taps.end; ++tap) best = better<T>(best, at(tap));
            const int64_t to = (row + r) * s.ow + o;
            store_vector<full>(y + to, best.value, lanes);
            store_indices<T>(indices + to, best.offset, -plane * s.iw, 0, lanes);
        }
    });
}

template <class T, int Stride> void max_lines(T* y, int64_t* indices, const T* x, const LineBlocks& blocks) {
    const LineBlocks b = blocks;
    const PoolShape s = b.s;
    const int64_t cost = s.ow * s.kh * s.kw;
    const auto take = [=](int64_t first, int64_t last) {
        LineScratch<T> scratch;
        for (int64_t row = first, count; row < last; row += count) {
            const int64_t h = row % s.oh, begin = row / s.oh * s.ih, start = h * s.sh - s.ph;
            const int64_t room = b.planes ? b.rows - h : s.oh - h < b.rows ? s.oh - h : b.rows;
            count = last - row < room ? last - row : room;
            const int64_t stop = (row + count - 1) % s.oh * s.sh - s.ph + b.reach_h;
            const int64_t top = begin + (start < 0 ? 0 : start);
            const int64_t seen = (row + count - 1) / s.oh * s.ih + (stop < s.ih ? stop : s.ih) - top;
            const T* line = x + top * s.iw;
            if (b.copied) {
                for (int64_t i = 0; i < seen; ++i)
                    copy_padded(scratch.lines + i * b.length, line + i * s.iw, s.pw, b.columns, b.length);
                line = scratch.lines;
            }
            reduce_columns<T, Stride>(scratch, line, b, seen);
            reduce_rows<T>(y, indices, scratch, b, row, count, begin - top, start);
        }
    };
    parallel_chunks(s.planes * s.oh, pool_grain(cost) + b.rows - 1, cost, take);
}

}   // namespace
}   // namespace tk::TK_ISA
