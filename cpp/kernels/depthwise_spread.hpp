// The input gradient of depthwise convolution by 5x5 taps at stride 2: a vector of dy runs down a plane
// (depthwise_wide.hpp). Each row of it adds to as many rows of dx as there are taps, even and odd elements of which lie
// in a vector each, and are interleaved when no more is to come.
#pragma once
#include "kernels/depthwise_wide.hpp"

namespace tk::TK_ISA {
namespace {

template <class T> bool spreads(const RowProblem& p) {
    const auto fits = [](const RowAxis& a) {
        return a.back && a.stride == 2 && a.kernel == 5 && a.pad == 2 && a.dilation == 1 && a.grid == a.in;
    };
    return kTuned<T> && one_by_one(p) && fits(p.h) && fits(p.w) && p.w.out < kWidestRow;
}

#if defined(__AVX2__)
template <class T> struct SpreadBlock {
    SquareLanes<T, false> low, high;
    const T *from, *weight;
    T* to;
    int64_t ahead, out_ahead;
};
// Rows [2 begin, 2 end) of dx.
template <class T, int K>
TK_INLINE void spread_block(const SpreadBlock<T>& a, const RowTaps<T, (K + 1) / 2, 1>& taps, const RowProblem& p,
                            int64_t begin, int64_t end) {
    constexpr int pad = K / 2, L = kLanes<T>;
    Vec<T> even[K]{}, odd[K]{};   // of rows 2 j - pad and on
    const auto put = [&](int64_t row, Vec<T> e, Vec<T> o) __attribute__((always_inline)) {
        if (row < 2 * begin || row >= smaller(2 * end, p.h.out)) return;
        T* to = a.to + row * p.w.out;
        fetch_to_write(to + a.out_ahead, 2 * L);
        a.low.store(to, low_pairs<T, L>(e, o));
        a.high.store(to + L, high_pairs<T, L>(e, o));
    };
    for (int64_t j = begin - pad / 2; 2 * j - pad < 2 * end; ++j) {
        if (j >= 0 && j < p.h.in) {
            const T* dy = a.from + j * p.w.in;
            __builtin_prefetch(dy + a.ahead);
            // Element b + i of dy, counted from the first that output 2 b meets.
            taps(dy, [&](auto i, Vec<T> v) {
                constexpr int at = 2 * (pad / 2 - i) + pad;   // the tap of output 2 b
#pragma GCC unroll 7
                for (int t = 0; t < K; ++t) {
                    if (at >= 0 && at < K) even[t] += v * broadcast(a.weight[t * K + at]);
                    if (at + 1 >= 0 && at + 1 < K) odd[t] += v * broadcast(a.weight[t * K + at + 1]);
                }
            });
        }
        put(2 * j - pad, even[0], odd[0]);
        put(2 * j - pad + 1, even[1], odd[1]);
        shift_sums<2>(even, std::make_integer_sequence<int, K - 2>{});
        shift_sums<2>(odd, std::make_integer_sequence<int, K - 2>{});
    }
}

template <class T, int K>
[[gnu::noinline]] void spread_planes(T* dx, const T* dy, const T* weight, const RowProblem& p, int64_t first,
                                     int64_t end) {
    constexpr int L = kLanes<T>;
    const int64_t width = kFans<T> ? even_part(p.w.in, L) : smaller(p.w.in, L),
                  strip = larger(kSquareStrip / p.w.out, L);
    RowTaps<T, (K + 1) / 2, 1> taps(1);
    for (int64_t plane = first; plane < end; ++plane) {
        T own[K * K];
        for (int i = 0; i < K * K; ++i) own[i] = weight[plane % p.groups * K * K + i];
        for (int64_t row = 0; row < p.h.in; row += strip)
            for (int64_t first_in = 0; first_in < p.w.in; first_in += width) {
                const int64_t o = smaller(first_in, p.w.in - width);
                const int64_t at = o - K / 4, count = smaller(2 * width, p.w.out - 2 * o);
                taps.begin(at, smaller(p.w.in, at + width + K / 2));
                const SpreadBlock<T> block{{p, count, dx + plane * p.out_plane, true},
                                           {p, count - L, dx + plane * p.out_plane, true},
                                           dy + plane * p.in_plane + at,
                                           own,
                                           dx + plane * p.out_plane + 2 * o,
                                           smaller(strip * p.w.in, p.in_plane),
                                           smaller(2 * strip * p.w.out, p.out_plane)};
                spread_block<T, K>(block, taps, p, row, smaller(row + strip, p.h.in));
            }
    }
}
#endif

}   // namespace
}   // namespace tk::TK_ISA
