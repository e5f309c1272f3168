// Depthwise convolution by 5x5 or 7x7 neighbouring taps at stride 1, as by 3x3 (depthwise_square.hpp): a vector of
// outputs runs down a plane. Two vectors of each row of the input are loaded once and permuted for the taps along it;
// the sums of as many rows as there are taps under each other stay in registers, the weight is read as it is added.
#pragma once
#include <utility>
#include "kernels/depthwise_square.hpp"

namespace tk::TK_ISA {
namespace {

// Taps along each axis, or 0: such kernels do not run.
template <class T> int wide_taps(const RowProblem& p) {
    const auto fits = [](const RowAxis& a) { return a.dilation == 1 && a.stride == 1 && a.pad < a.kernel; };
    const bool taps = p.h.kernel == p.w.kernel && (p.h.kernel == 5 || p.h.kernel == 7);
    return kFans<T> && one_by_one(p) && taps && fits(p.h) && fits(p.w) ? static_cast<int>(p.h.kernel) : 0;
}

#if defined(__AVX512F__)
// 2 vectors of a row, whose lanes move by `by`.
template <class T, int By> TK_INLINE Vec<T> moved(Vec<T> near, Vec<T> far) {
    return By ? pick_lanes<T, kLanes<T>>(near, far, [](int i) { return i + By; }) : near;
}
// sums[i] += the products of row K - 1 - i of the weight
template <class T, int K, int... C>
TK_INLINE void add_row(Vec<T> (&sums)[K], Vec<T> near, Vec<T> far, const T* weight, std::integer_sequence<int, C...>) {
    const auto add_tap = [&](auto c) {
        const Vec<T> x = moved<T, c>(near, far);
        const auto to = [&](int i) { sums[i] += x * broadcast(weight[(K - 1 - i) * K + c]); };
        (to(C), ...);
    };
    (add_tap(std::integral_constant<int, C>{}), ...);
}
template <class T, int K, int... I> TK_INLINE void shift_sums(Vec<T> (&sums)[K], std::integer_sequence<int, I...>) {
    ((sums[I] = sums[I + 1]), ...);
    sums[K - 1] = Vec<T>{};
}

// Planes [first, end): forward, or the input gradient.
template <class T, int K>
[[gnu::noinline]] void wide_planes(T* out, const T* in, const T* weight, const T* bias, bool relu, const RowProblem& p,
                                   int64_t first, int64_t end) {
    constexpr int L = kLanes<T>;
    const int64_t pad_h = p.h.back ? K - 1 - p.h.pad : p.h.pad, pad_w = p.w.back ? K - 1 - p.w.pad : p.w.pad;
    const int64_t width = ceil_div(p.w.out, ceil_div(p.w.out, L));
    const int64_t strip = larger(kSquareStrip / p.w.in, L), ahead = smaller(strip * p.w.in, p.in_plane);
    const int64_t out_ahead = smaller(strip * p.w.out, p.out_plane);
    T turned[K * K];
    for (int64_t plane = first; plane < end; ++plane) {
        const int64_t group = plane % p.groups;
        for (int i = 0; i < K * K; ++i) turned[i] = weight[group * K * K + (p.h.back ? K * K - 1 - i : i)];
        const SquareFinish<T> finish{broadcast(bias ? bias[group] : T(0)), relu};
        for (int64_t row = 0; row < p.h.out; row += strip)
            for (int64_t o = 0; o < p.w.out; o += width) {
                const int64_t at = o - pad_w, reach = o + width + K - 1 - pad_w;
                const LaneMask<T, L> low = lanes_inside<T>(at, p.w.in),
                                     high = lanes_inside<T>(at + L, smaller(p.w.in, reach));
                const LaneMask<T, L> written = lanes_inside<T>(0, smaller(width, p.w.out - o));
                const T* from = in + plane * p.in_plane + at;
                T* to = out + plane * p.out_plane + row * p.w.out + o;
                const int64_t until = smaller(row + strip, p.h.out) + K - 1 - pad_h;
                Vec<T> sums[K]{};
                for (int64_t r = row - pad_h; r < until; ++r) {
                    if (r >= 0 && r < p.h.in) {
                        const T* x = from + r * p.w.in;
                        __builtin_prefetch(x + ahead);
                        add_row<T, K>(sums, load_masked(x, low), load_masked(x + L, high), turned,
                                      std::make_integer_sequence<int, K>{});
                    }
                    if (r + pad_h - (K - 1) >= row) {
                        __builtin_prefetch(to + out_ahead, 1);
                        store_masked(to, finish(sums[0]), written);
                        to += p.w.out;
                    }
                    shift_sums<T, K>(sums, std::make_integer_sequence<int, K - 1>{});
                }
            }
    }
}
#endif

}   // namespace
}   // namespace tk::TK_ISA
