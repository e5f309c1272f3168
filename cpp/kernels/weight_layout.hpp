// Laying out a strip for the weight gradient: dy of a block as [image][position][vectors], masked by y and summed for
// the bias on the way; x, where it is gathered, as [row][channel][position] with zeros for padding, or with several
// groups in a vector as [row][position][channel][group].
#pragma once
#include "kernels/register_tile.hpp"
#include "kernels/weight_plan.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kDyAhead = 128;   // elements of each row of dy, called in while it is laid out

struct WeightStrip {
    int64_t image, images, fold_block, od, h0, rows, w0, columns;
};

// Lane i of a vector: from[offsets[i]], from[offsets[i] + 1] ..; negative: zeros.
template <class T> struct LaneRows {
    const T *from, *y;   // y: keeps what of `from` has a positive y; or nullptr
    int64_t ahead;       // calls in what lies so many elements further; 0: nothing
    int64_t offsets[kLanes<T>];
    bool full;   // every lane has a row
};

// to[position * pitch + lane]; adds each lane's elements to *sum unless it is nullptr.
template <class T> void transpose_rows(T* to, int64_t pitch, const LaneRows<T>& a, int64_t positions, Vec<T>* sum) {
    constexpr int L = kLanes<T>;
    Vec<T> total = sum ? *sum : Vec<T>{};
    for (int64_t o = 0; o < positions; o += L) {
        const int64_t count = smaller(L, positions - o);
        Vec<T> rows[L];
        if (a.ahead)
            for (int i = 0; i < L; ++i) __builtin_prefetch(a.from + a.offsets[i] + o + a.ahead, 0, 2);
        if (a.full && count == L && !a.y) {
#pragma GCC unroll 16
            for (int i = 0; i < L; ++i) rows[i] = load(a.from + a.offsets[i] + o);
        } else {
#pragma GCC unroll 16
            for (int i = 0; i < L; ++i) {
                const int64_t lane_count = a.offsets[i] < 0 ? 0 : count, at = a.offsets[i] < 0 ? 0 : a.offsets[i] + o;
                rows[i] = load_first(a.from + at, lane_count);
                if (a.y) rows[i] = select<T>(load_first(a.y + at, lane_count) > 0, rows[i], Vec<T>{});
            }
        }
        transpose<T>(rows);
        if (count == L) {
#pragma GCC unroll 16
            for (int i = 0; i < L; ++i) store(to + (o + i) * pitch, rows[i]);
        } else {
#pragma GCC unroll 16
            for (int i = 0; i < L; ++i)
                if (i < count) store(to + (o + i) * pitch, rows[i]);
        }
        if (sum) {
#pragma GCC unroll 16
            for (int i = 0; i < L; ++i) total += rows[i];   // positions past the end are zero
        }
    }
    if (sum) *sum = total;
}

// Block k. bias: its sums of dy, [vectors of all blocks], or nullptr.
template <class T>
void lay_out_dy(T* to, T* bias, const T* dy, const T* y, const WeightProblem& p, const WeightStrip& s, int64_t k) {
    constexpr int64_t L = kLanes<T>;
    const bool whole = s.columns == p.w.grid;   // rows follow each other in memory
    const int64_t runs = whole ? 1 : s.rows, length = whole ? s.rows * s.columns : s.columns;
    const int64_t start = (s.od * p.h.grid + s.h0) * p.w.grid + s.w0, group = s.fold_block * p.fold;
    const int64_t begin = p.first_vector(k), vectors = p.first_vector(k + 1) - begin;
    for (int64_t v = 0; v < vectors; ++v) {
        LaneRows<T> lanes{dy, y, kDyAhead, {}, true};
        for (int64_t i = 0; i < L; ++i) {
            const int64_t channel = (begin + v) * L / p.fold + i / p.fold, g = group + i % p.fold;
            const bool exists = channel < p.oc && g < p.groups;
            lanes.offsets[i] = exists ? (g * p.oc + channel) * p.out_plane + start : -1;
            lanes.full = lanes.full && exists;
        }
        Vec<T> sum{};
        for (int64_t n = 0; n < s.images; ++n) {
            LaneRows<T> image = lanes;
            for (int64_t i = 0; i < L; ++i)
                if (image.offsets[i] >= 0) image.offsets[i] += (s.image + n) * p.groups * p.oc * p.out_plane;
            for (int64_t r = 0; r < runs; ++r) {
                transpose_rows(to + ((n * runs + r) * length * vectors + v) * L, vectors * L, image, length,
                               bias ? &sum : nullptr);
                for (int64_t i = 0; i < L; ++i)
                    if (image.offsets[i] >= 0) image.offsets[i] += p.w.grid;
            }
        }
        if (bias) store(bias + (begin + v) * L, load(bias + (begin + v) * L) + sum);
    }
}

// The same of every other column of x, where the roles are swapped: an image's rows are copied to lines of their own,
// while the next channels are called in. lines: L of copy_pitch.
template <class T>
void lay_out_every_other(T* to, T* lines, const T* x, const WeightProblem& p, const WeightStrip& s, int64_t k) {
    constexpr int64_t L = kLanes<T>;
    const int64_t column = s.w0 % p.every_other, start = s.w0 / p.every_other * p.every_row + 2 * column;
    const int64_t begin = p.first_vector(k), vectors = p.first_vector(k + 1) - begin;
    for (int64_t v = 0; v < vectors; ++v)
        for (int64_t n = 0; n < s.images; ++n) {
            const int64_t first = (begin + v) * L, channels = smaller(L, p.oc - first);
            const T* from = x + (((s.image + n) * p.groups + s.fold_block) * p.oc + first) * p.out_plane;
            LaneRows<T> lanes{lines, nullptr, 0, {}, channels == L};
            for (int64_t i = 0; i < L; ++i) lanes.offsets[i] = i < channels ? i * p.copy_pitch : -1;
            for (int64_t i = 0; i < channels; ++i, from += p.out_plane) {
                const T* at = from + start;
                int64_t left = p.every_other - column;
                for (int64_t o = 0, count; o < s.columns; o += count, left = p.every_other) {
                    count = smaller(left, s.columns - o);
                    fetch(at + L * p.out_plane, 2 * count);
                    copy_even<T>(lines + i * p.copy_pitch + o, at, nullptr, count);
                    at += p.every_row - 2 * (p.every_other - left);   // from a row's middle to the next one's start
                }
            }
            transpose_rows<T>(to + (n * s.columns * vectors + v) * L, vectors * L, lanes, s.columns, nullptr);
        }
}

// The vectors of block k of a strip, whoever gives them. lines: as above.
template <class T>
void lay_out_block(const BackwardWeightCall<T>& a, const WeightProblem& p, const WeightStrip& s, int64_t k, T* panel,
                   T* lines, T* bias) {
    if (p.every_other) {
        if constexpr (kTuned<T>) lay_out_every_other(panel, lines, a.x, p, s, k);
    } else if (p.swapped) lay_out_dy<T>(panel, nullptr, a.x, nullptr, p, s, k);
    else lay_out_dy(panel, bias, a.dy, a.y, p, s, k);
}

// One row of all channels with its padding.
template <class T>
void gather_row(T* to, const T* x, int64_t row, const WeightProblem& p, const WeightStrip& s, int64_t image) {
    constexpr int64_t L = kLanes<T>;
    const int64_t start = p.w.origin + s.w0 * p.w.step, group = s.fold_block * p.fold;
    const Run run = positions_inside(p.x_columns, p.w.in, 1, start);
    const T* from = x + (image * p.groups + group) * p.ic * p.in_plane;
    const int64_t first = row * p.w.in + start + run.begin;
    if (p.fold == 1) {
        for (int64_t c = 0; c < p.ic; ++c, to += p.x_columns) {
            const T* source = from + c * p.in_plane + first - run.begin;
            zero_run(to, run.begin);
            copy_run<T>(to + run.begin, source + run.begin, nullptr, run.end - run.begin);
            zero_run(to + run.end, p.x_columns - run.end);
        }
        return;
    }
    for (int64_t i = 0; i < run.begin * p.x_pitch; ++i) to[i] = 0;
    for (int64_t i = run.end * p.x_pitch; i < p.x_row; ++i) to[i] = 0;
    for (int64_t lane = 0; lane < p.x_pitch; lane += L) {
        LaneRows<T> lanes{from, nullptr, 0, {}, true};
        for (int64_t i = 0; i < L; ++i) {
            const int64_t c = (lane + i) / p.fold, g = (lane + i) % p.fold;
            const bool exists = c < p.ic && group + g < p.groups;
            lanes.offsets[i] = exists ? (g * p.ic + c) * p.in_plane + first : -1;
            lanes.full = lanes.full && exists;
        }
        transpose_rows<T>(to + run.begin * p.x_pitch + lane, p.x_pitch, lanes, run.end - run.begin, nullptr);
    }
}

template <class T> void gather_x(T* to, const T* x, const WeightProblem& p, const WeightStrip& s) {
    for (int64_t i = 0; i < s.images; ++i)
        for (int64_t a = 0; a < p.d.taps; ++a)
            for (int64_t slot = 0; slot < (s.rows - 1) * p.h.step + (p.h.taps - 1) * p.h.reach + 1; ++slot) {
                const int64_t zd = p.d.origin + s.od * p.d.step + a * p.d.reach;
                const int64_t zh = p.h.origin + s.h0 * p.h.step + slot;
                T* row = to + i * p.x_image + (a * p.x_rows() + slot) * p.x_row;
                if (zd >= 0 && zd < p.d.in && zh >= 0 && zh < p.h.in)
                    gather_row(row, x, zd * p.h.in + zh, p, s, s.image + i);
                else
                    for (int64_t j = 0; j < p.x_row; ++j) row[j] = 0;
            }
}

// Swapped roles: what is really dy of some channels, summed for the bias and, where y masks it, copied:
// [channel][image][position].
template <class T>
void copy_lanes(T* to, T* bias, const T* dy, const T* y, const WeightProblem& p, const WeightStrip& s, int64_t c_begin,
                int64_t c_end) {
    constexpr int64_t L = kLanes<T>;
    for (int64_t c = c_begin; c < c_end; ++c, to += p.copy_pitch) {
        Vec<T> sum{};
        for (int64_t n = 0; n < s.images; ++n) {
            const int64_t from = (((s.image + n) * p.groups + s.fold_block) * p.ic + c) * p.in_plane + s.w0;
            for (int64_t o = 0; o < s.columns; o += L) {
                const int64_t count = smaller(L, s.columns - o);
                Vec<T> g = load_first(dy + from + o, count);
                if (y) {
                    g = select<T>(load_first(y + from + o, count) > 0, g, Vec<T>{});
                    store_first(to + n * s.columns + o, g, count);
                }
                sum += g;
            }
        }
        if (bias) bias[c] += sum_lanes<T>(sum);
    }
}

}   // namespace
}   // namespace tk::TK_ISA
