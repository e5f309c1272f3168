// How tiles along pixels whose output channels are places in windows of two columns are written (docs/adr/0031).
#pragma once
#include "kernels/direct_write.hpp"

namespace tk::TK_ISA {
namespace {

// The eights of outputs that a tile's pixels make where windows are two columns wide: how far from its first one they
// start. The first pixel lies in `column` of its row; `whole`: no row ends within an eight, and all are full.
constexpr int kEight = 8;
struct Eights {
    int64_t at[kPixelVectors * 2 * kLanes<float> / kEight], column;
    bool whole;
};
inline Eights eights_of(const Windows& w, int64_t column, int64_t pixels) {
    const int64_t columns = 2 * w.columns, jump = (w.rows - 1) * columns;
    Eights eights{{}, column, pixels % kLanes<float> == 0};
    int64_t at = 0, left = columns - 2 * column;
    for (int64_t i = 0; i * kEight < 2 * pixels; ++i, at += kEight, left -= kEight) {
        if (left == 0) left = columns, at += jump;
        eights.at[i] = at;
        if (left < kEight) return eights.whole = false, eights;
    }
    return eights;
}

constexpr int64_t kBlocksAhead = 2;   // tiles of one block are short

// f(k, out) for every other one of the first `places` places, where their rows of outputs start.
template <class T, class F> TK_INLINE void for_each_row(T* out, const Destination<T>& to, int64_t places, F&& f) {
    const int64_t columns = 2 * to.windows.columns, rows = to.windows.rows, next = 2 * rows * to.plane - rows * columns;
    int64_t row = to.row;
#pragma GCC unroll 4
    for (int64_t k = 0; k < places; k += 2) {
        f(k, out);
        out += columns;
        if (++row == rows) row = 0, out += next;
    }
}

// A tile whose output channels, `place` and so on, are places in windows; `all`: where those of all tiles start. And
// outputs of a block to come called in.
template <class T> void to_windows(Destination<T>& to, T* all, const Eights& eights, int64_t place, int64_t pixel) {
    const Windows& w = to.windows;
    const int64_t line = (pixel - eights.column) / w.columns;
    to.row = place / 2 % w.rows;
    to.eights = &eights;
    to.out = all + (place - 2 * to.row) * to.plane + 2 * (((w.rows - 1) * line + to.row) * w.columns + pixel);
}
template <class T> void fetch_windows(const Destination<T>& to, const DirectProblem& p) {
    for_each_row(to.out, to, smaller((kBlocksAhead + 1) * p.outputs, to.channels), [&](int64_t k, T* out) {
        if (k >= kBlocksAhead * p.outputs) fetch_to_write(out, 2 * p.tile_pixels);
    });
}

// sums[place][vector][L] of the first `places` places: rows of windows, whose two places alternate along a row. Half a
// vector of pixels makes a vector of outputs, which is written in pieces where a row ends.
template <class T>
[[gnu::noinline]] void write_windows(const T* sums, int64_t places, int64_t vectors, int64_t pixels,
                                     const Destination<T>& given) {
    constexpr int L = kLanes<T>;
    const Destination<T> to = given;
    T* rows[kPixelRows / 2];
    for_each_row(to.out, to, places, [&](int64_t k, T* out) { rows[k / 2] = out; });
    const int64_t columns = 2 * to.windows.columns, jump = (to.windows.rows - 1) * columns, pitch = vectors * L;
    int64_t at = 0, left = columns - 2 * to.eights->column, outputs = 2 * pixels;   // left of a row, and of all
    const auto half = [&](auto joined) __attribute__((always_inline)) {
        const int64_t count = smaller(L, outputs);
        for (int64_t begin = 0; begin < count;) {
            if (left == 0) left = columns, at += jump;
            const int64_t end = smaller(count, begin + left);
            if (end - begin == L) {
                for (int64_t k = 0; 2 * k < places; ++k) {
                    const T* even = sums + 2 * k * pitch;
                    const Vec<T> sum = joined(load(even), load(even + pitch));
                    store(rows[k] + at, to.first ? sum : sum + load(rows[k] + at));
                }
            } else {
                const LaneMask<T, L> lanes = lanes_between<T, L>(begin, end);
                for (int64_t k = 0; 2 * k < places; ++k) {
                    const T* even = sums + 2 * k * pitch;
                    T* out = rows[k] + at;
                    const Vec<T> sum = joined(load(even), load(even + pitch));
                    store_masked(out, to.first ? sum : sum + load_masked(out, lanes), lanes);
                }
            }
            left -= end - begin;
            begin = end;
        }
        at += L;
        outputs -= L;
    };
    for (int64_t v = 0; v < vectors; ++v, sums += L) {
        half([](Vec<T> a, Vec<T> b) { return low_pairs<T, L>(a, b); });
        half([](Vec<T> a, Vec<T> b) { return high_pairs<T, L>(a, b); });
    }
}

}   // namespace
}   // namespace tk::TK_ISA
