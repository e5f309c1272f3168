// Depthwise convolution by 5x5 (of stride 2 too, forward) or 7x7 taps, or by 3x3 dilated or with taps of depth, as by
// 3x3 neighbours (depthwise_square.hpp): a vector of outputs runs down a plane. Sums of as many rows as meet a row stay
// in registers, the weight is read as it is added. With AVX-512 two vectors of each row of the input are loaded once
// and permuted for the taps along it. Of a kernel dilated by d every d-th row is a plane by itself.
// An output adds its products row by row downwards, of a row plane by plane, in a plane from left to right.
#pragma once
#include <utility>
#include "kernels/depthwise_square.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kWideDepth = 7;   // taps of depth at most

// Outputs of a vector, or 0: the taps lie too far apart.
template <class T> int64_t wide_lanes(int64_t reach, int64_t step) {
    return kFans<T> ? larger(0, smaller(kLanes<T>, (2 * kLanes<T> - 1 - reach) / step + 1)) : kLanes<T>;
}
inline bool deep(const RowProblem& p) { return p.d.kernel > 1 || p.d.in > 1 || p.d.out > 1; }
// Taps along rows and columns, or 0: such kernels do not run.
template <class T> int wide_taps(const RowProblem& p) {
    const auto fits = [](const RowAxis& a) {
        const bool step = a.stride == 1 || (a.stride == 2 && a.kernel == 5 && !a.back && a.dilation == 1);
        return step && a.pad <= (a.kernel - 1) * a.dilation;
    };
    const bool taps = p.h.kernel == p.w.kernel && (p.h.kernel == 3 || p.h.kernel == 5 || p.h.kernel == 7);
    const bool depth = !deep(p) || (p.h.kernel == 3 && p.d.kernel <= kWideDepth && (p.d.stride == 1 || !p.d.back));
    const bool lanes = 2 * wide_lanes<T>((p.w.kernel - 1) * p.w.dilation, p.w.step) >= kLanes<T>;
    const bool narrow = larger(p.w.in, p.w.out) < kWidestRow;
    const bool one = narrow && p.sources == 1 && (p.targets == 1 || !p.h.back) && p.strips == 1;
    return kTuned<T> && one && taps && depth && lanes && fits(p.h) && fits(p.w) && p.h.stride == p.w.stride
               ? static_cast<int>(p.h.kernel)
               : 0;
}

#if defined(__AVX2__)
#if defined(__AVX512F__)
// A row's lanes as K taps along it meet them, `dilation` elements apart, of outputs Step apart.
template <class T, int K, int Step> struct RowTaps {
    LaneMask<T, kLanes<T>> low, high;
    VecMask<T> lanes[K];
    explicit RowTaps(int64_t dilation) : low{}, high{} {
        for (int c = 0; c < K; ++c)
            for (int i = 0; i < kLanes<T>; ++i) lanes[c][i] = static_cast<LaneInt<T>>(i * Step + c * dilation);
    }
    // From element `at` on; what lies outside of [0, end) is zero.
    TK_INLINE void begin(int64_t at, int64_t end) {
        low = lanes_inside<T>(at, end);
        high = lanes_inside<T>(at + kLanes<T>, end);
    }
    template <class F> TK_INLINE void operator()(const T* x, F&& tap) const {
        read(x, tap, std::make_integer_sequence<int, K>{});
    }

private:
    template <class F, int... C> TK_INLINE void read(const T* x, F&& tap, std::integer_sequence<int, C...>) const {
        const Vec<T> near = load_masked(x, low), far = load_masked(x + kLanes<T>, high);
        (tap(std::integral_constant<int, C>{}, Step > 1 || C > 0 ? permuted_two<T>(near, far, lanes[C]) : near), ...);
    }
};
#else
template <class T, int K, int Step> struct RowTaps {
    int64_t apart;
    LoadMask inside[Step == 1 ? K : K + 1];
    explicit RowTaps(int64_t dilation) : apart(dilation) {}
    // Where a load begins: at each tap, or at stride 2 two vectors at every other one.
    TK_INLINE int64_t shift(int i) const { return Step == 1 ? i * apart : i % 2 ? i - 1 + kLanes<T> : i; }
    TK_INLINE void begin(int64_t at, int64_t end) {
#pragma GCC unroll 8
        for (int i = 0; i < (Step == 1 ? K : K + 1); ++i) inside[i] = lanes_in_row(at + shift(i), end);
    }
    template <class F> TK_INLINE void operator()(const T* x, F&& tap) const {
        read(x, tap, std::make_integer_sequence<int, (K + Step - 1) / Step>{});
    }

private:
    template <class F, int... I> TK_INLINE void read(const T* x, F&& tap, std::integer_sequence<int, I...>) const {
        const auto part = [&](int i) { return load_where(x + shift(i), inside[i]); };
        const auto pass = [&](auto i) {
            constexpr int c = Step * i;
            if constexpr (Step == 1) tap(i, part(i));
            else {
                const Vec<T> near = part(c), far = part(c + 1);
                tap(std::integral_constant<int, c>{}, every_other<0>(near, far));
                if constexpr (c + 1 < K) tap(std::integral_constant<int, c + 1>{}, every_other<1>(near, far));
            }
        };
        (pass(std::integral_constant<int, I>{}), ...);
    }
};
#endif
// sums[i] = sums[i + By]; written out, since GCC calls memmove() for a loop
template <int By, class V, int N, int... I> TK_INLINE void shift_sums(V (&sums)[N], std::integer_sequence<int, I...>) {
    ((sums[I] = sums[I + By]), ...);
    for (int i = N - By; i < N; ++i) sums[i] = V{};
}

// Of a block of outputs: `planes` planes of the input under each other, `plane` elements apart, and the same of taps.
template <class T> struct WideBlock {
    SquareLanes<T, false> written;
    const T *from, *weight;
    T* to;
    int64_t planes, plane, ahead, out_ahead;
    int64_t height, width, out_width, dilation;
};
// Output rows `dilation` apart, [begin, end) of them; the first of all meets input rows from `top` on.
template <bool Deep, class T, int K, int Step>
TK_INLINE void wide_block(const WideBlock<T>& a, const RowTaps<T, K, Step>& taps, const SquareFinish<T>& finish,
                          int64_t top, int64_t begin, int64_t end) {
    constexpr int kSums = (K + Step - 1) / Step;
    Vec<T> sums[kSums]{};
    // Row Step * k + First of those that meet taps adds to outputs k, k - 1, ...: the last ones of the sums.
    const auto add = [&](int64_t k, auto first) {
        const int64_t r = top + (Step * k + first) * a.dilation;
        if (r < 0 || r >= a.height) return;
        const T *x = a.from + r * a.width, *w = a.weight;
        __builtin_prefetch(x + a.ahead);
        if (Step == 2) __builtin_prefetch(x + a.ahead + kLanes<T>);
        for (int64_t i = 0; i < (Deep ? a.planes : 1); ++i, x += a.plane, w += K * K)
            taps(x, [&](auto c, Vec<T> v) {
#pragma GCC unroll 7
                for (int t = first; t < K; t += Step) sums[kSums - 1 - first - t / Step] += v * broadcast(w[t * K + c]);
            });
    };
    for (int64_t k = begin; k < end + kSums - 1; ++k) {
        add(k, std::integral_constant<int, 0>{});
        if (k >= begin + kSums - 1) {
            T* to = a.to + (k - kSums + 1) * a.out_width * a.dilation;
            __builtin_prefetch(to + a.out_ahead, 1);
            a.written.store(to, in_order<Step, T>(finish(sums[0])));
        }
        shift_sums<1>(sums, std::make_integer_sequence<int, kSums - 1>{});
        if (Step == 2 && k < end + kSums - 2) add(k, std::integral_constant<int, 1>{});
    }
}

// Planes [first, end): forward, or at stride 1 the input gradient. Deep: by taps of depth, or of planes of it.
template <class T, int K, int Step, bool Deep>
[[gnu::noinline]] void wide_planes(T* out, const T* in, const T* weight, const T* bias, bool relu, const RowProblem& p,
                                   int64_t first, int64_t end) {
    const int64_t reach = (K - 1) * p.w.dilation, taps = p.taps();
    const int64_t most = wide_lanes<T>(reach, Step);
    const int64_t width = kFans<T> ? even_part(p.w.out, most) : smaller(p.w.out, most);
    const int64_t strip = larger(kSquareStrip / p.w.in, kLanes<T>);
    const int64_t in_plane = p.h.in * p.w.in, out_plane = p.h.out * p.w.out, apart = p.d.dilation * in_plane;
    const int64_t ahead = smaller(strip * Step * p.w.in, in_plane), out_ahead = smaller(strip * p.w.out, out_plane);
    RowTaps<T, K, Step> row_taps(p.w.dilation);
    const T* last_plane = out + (end - 1) * p.out_plane;   // after which none is written
    T turned[(Deep ? kWideDepth : 1) * K * K];
    for (int64_t plane = first; plane < end; ++plane) {
        const int64_t target = plane % (p.groups * p.targets);
        for (int64_t i = 0; i < taps; ++i) turned[i] = weight[target * taps + (p.h.back ? taps - 1 - i : i)];
        const SquareFinish<T> finish{broadcast(bias ? bias[target] : T(0)), relu};
        const T* x = in + plane / p.targets * p.in_plane;
        T* y = out + plane * p.out_plane;
        for (int64_t d = 0; d < p.d.out; ++d, y += out_plane) {
            const int64_t z = d * p.d.step + p.d.origin;
            const Run met = Deep ? positions_inside(p.d.kernel, p.d.in, p.d.dilation, z) : Run{0, 1};
            const T* from = x + (Deep ? z + met.begin * p.d.dilation : 0) * in_plane;
            const int64_t planes = met.end - met.begin, last = ahead + (planes - 1) * apart;
            for (int64_t phase = 0; phase < smaller(p.h.dilation, p.h.out); ++phase) {
                const int64_t rows = (p.h.out - phase - 1) / p.h.dilation + 1;
                for (int64_t row = 0; row < rows; row += strip)
                    for (int64_t first_out = 0; first_out < p.w.out; first_out += width) {
                        const int64_t o = smaller(first_out, p.w.out - width);
                        const int64_t at = o * Step + p.w.origin;
                        const int64_t until = smaller(p.w.in, at + (width - 1) * Step + reach + 1);
                        row_taps.begin(at, until);
                        const WideBlock<T> block{{p, width, p.h.dilation == 1 ? last_plane : nullptr, true},
                                                 from + at,
                                                 turned + met.begin * K * K,
                                                 y + phase * p.w.out + o,
                                                 planes,
                                                 apart,
                                                 last,
                                                 out_ahead,
                                                 p.h.in,
                                                 p.w.in,
                                                 p.w.out,
                                                 p.h.dilation};
                        wide_block<Deep>(block, row_taps, finish, phase + p.h.origin, row, smaller(row + strip, rows));
                    }
            }
        }
    }
}
#endif

}   // namespace
}   // namespace tk::TK_ISA
