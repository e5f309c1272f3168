// How the direct kernels lay out weights.
//
//   packed   [k block][sum][tap][channel][width]
#pragma once
#include "kernels/direct_layout.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kColumnsAhead = 64;   // of rows of weights, which lie far apart: called in so many ahead
constexpr int64_t kFewLeft = 3;         // so many columns fewer than this are taken one by one

// Columns first, first + 1, ... of the weights, neighbours in memory: a channel's `taps` taps, then the next one's.
// to[(tap * channels + c) * pitch + k] = from[k * stride + column] for k < rows, and 0 from there to width. Where the
// problem takes taps backwards, the last tap is number 0.
template <class T>
void transpose_columns(T* to, int64_t pitch, const T* from, int64_t stride, int64_t rows, int64_t width,
                       int64_t first_channel, int64_t columns, int64_t taps, int64_t channels, bool backwards) {
    constexpr int L = kLanes<T>;
    const int64_t step = (backwards ? -channels : channels) * pitch, back = pitch - taps * step;
    for (int64_t k0 = 0; k0 < width; k0 += L) {
        const int64_t lanes = smaller(L, width - k0), filled = smaller(L, rows - k0);
        T* line = to + (first_channel + (backwards ? taps - 1 : 0) * channels) * pitch + k0;
        int64_t tap = 0;
        const auto next = [&]() __attribute__((always_inline)) {
            line += step;
            if (++tap == taps) tap = 0, line += back;
        };
        for (int64_t j0 = 0; j0 < columns; j0 += L) {
            const int64_t count = smaller(L, columns - j0);
            const T* corner = from + k0 * stride + j0;
            if constexpr (kTuned<T>) {
                for (int64_t i = 0; i < filled; ++i) __builtin_prefetch(corner + i * stride + kColumnsAhead);
                if (count < kFewLeft) {   // a transposition would be the longer way
                    for (int64_t j = 0; j < count; ++j, next())
                        for (int64_t i = 0; i < lanes; ++i) {
                            line[i] = i < filled ? corner[i * stride + j] : T(0);
                            asm volatile("" : : : "memory");   // in a short loop
                        }
                    continue;
                }
            }
            Vec<T> block[L];
#pragma GCC unroll 16
            for (int i = 0; i < L; ++i) block[i] = k0 + i < rows ? load_first(corner + i * stride, count) : Vec<T>{};
            transpose<T>(block);
            if (kTuned<T> && !kMaskedStores && lanes == L) {
#pragma GCC unroll 8
                for (int j = 0; j < L; ++j) {
                    if (j >= count) break;
                    store(line, block[j]);
                    next();
                }
                continue;
            }
            alignas(64) T lines[L][L];
#pragma GCC unroll 16
            for (int j = 0; j < L; ++j) store(lines[j], block[j]);
            for (int64_t j = 0; j < count; ++j, next()) store_first(line, load(lines[j]), lanes);
        }
    }
}

// to[k] = from[k * stride] for k < count, and 0 from there to width
template <class T> void take_apart(T* to, const T* from, int64_t stride, int64_t count, int64_t width) {
    if (stride == 1) {
        copy_run<T>(to, from, nullptr, count);
    } else {
#pragma GCC unroll 8
        for (int64_t k = 0; k < count; ++k) to[k] = from[k * stride];
    }
    for (int64_t k = count; k < width; ++k) to[k] = 0;
}

constexpr int64_t kRowsAhead = 4;   // rows of weights lie far apart: called in so many ahead
constexpr int64_t kRunsAhead = 8;   // those of which one run is taken: 32 share a set too often, at 7x7 0.91 to 0.97

// Of 1x1 on its way back, whose output channels follow each other: to[c * width + k] = from[c * stride + k] for
// k < width, whole halves of vectors.
template <class T> void take_runs(T* to, const T* from, int64_t stride, int64_t width, int64_t channels) {
    constexpr int64_t half = kLanes<T> / 2;
    for (int64_t c = 0; c < channels; ++c, from += stride, to += width) {
        fetch(from + kRunsAhead * stride, width);
        for (int64_t k = 0; k < width; k += half) __builtin_memcpy(to + k, from + k, half * sizeof(T));
    }
}

// The weights of one block of output channels, channels [c_begin, c_end) of them, sum by sum: `width` numbers of each
// packed line. `block`: the first one.
template <class T>
void pack_lines(T* to, const T* block, const DirectProblem& p, int64_t outputs, int64_t width, int64_t c_begin,
                int64_t c_end) {
    const int64_t taps = p.taps(), pitch = p.w_pair ? p.width : width;
    // Whether all taps of a channel are neighbours, forwards or backwards.
    const int64_t step = taps == 1 ? 1 : p.w.taps > 1 ? p.w_w : 0;
    const bool neighbours = (step == 1 || step == -1) && (p.h.taps == 1 || p.w_h == step * p.w.taps) &&
                            (p.d.taps == 1 || p.w_d == step * p.w.taps * p.h.taps) && (taps > 1 || p.w_ic == 1);
    to += c_begin * taps * pitch;
    for (int64_t c0 = c_begin; c0 < c_end; c0 += p.c_sum) {
        const int64_t channels = smaller(p.c_sum, c_end - c0);
        const T* from = block + c0 * p.w_ic;
        if (neighbours && p.w_oc > 1) {
            if (step < 0) from -= taps - 1;
            if (p.w_ic == taps) {   // and channels follow each other
                transpose_columns(to, pitch, from, p.w_oc, outputs, width, 0, channels * taps, taps, channels,
                                  step < 0);
            } else
                for (int64_t c = 0; c < channels; ++c)
                    transpose_columns(to, pitch, from + c * p.w_ic, p.w_oc, outputs, width, c, taps, taps, channels,
                                      step < 0);
            to += channels * taps * pitch;
            continue;
        }
        if (kTuned<T> && taps == 1 && p.w_oc == 1 && outputs == pitch && pitch % (kLanes<T> / 2) == 0) {
            take_runs(to, from, p.w_ic, pitch, channels);
            to += channels * pitch;
            continue;
        }
        for (int64_t c = 0; c < channels; ++c, from += p.w_ic) {
            fetch(from + kRowsAhead * p.w_ic, outputs * p.w_oc);
            T* line = to + c * pitch;
            for (int64_t a = 0; a < p.d.taps; ++a)
                for (int64_t b = 0; b < p.h.taps; ++b)
                    for (int64_t e = 0; e < p.w.taps; ++e, line += channels * pitch)
                        take_apart(line, from + a * p.w_d + b * p.w_h + e * p.w_w, p.w_oc, outputs, width);
        }
        to += taps * channels * pitch;
    }
}

// Where the weights of a block of output channels start, as the user keeps them.
template <class T> const T* weights_of(const T* weight, const DirectProblem& p, int64_t group, int64_t k_block) {
    return weight + p.w_origin + group * p.w_group + k_block * p.outputs * p.w_oc;
}

// Sums [begin, end) of them.
template <class T>
void pack(T* to, const T* weight, const DirectProblem& p, int64_t group, int64_t k_block, int64_t begin, int64_t end) {
    const int64_t k0 = k_block * p.outputs, outputs = smaller(p.outputs, p.oc - k0);
    const int64_t c_begin = begin * p.c_sum, c_end = smaller(p.ic, end * p.c_sum);
    const T* block = weights_of(weight, p, group, k_block);
    pack_lines(to, block, p, outputs, p.w_pair ? p.outputs : width_of<T>(p, k_block), c_begin, c_end);
    if (p.w_pair) pack_lines(to + p.outputs, block + p.w_pair, p, outputs, p.outputs, c_begin, c_end);
}

}   // namespace
}   // namespace tk::TK_ISA
