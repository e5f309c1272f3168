// Winograd's minimal filtering, one axis at a time: the transforms that turn a convolution into products.
//
// A tile of `inputs` neighbours d gives `outputs` results y with one product for each of `points` numbers:
//
//   y = A^T [ (G w) * (B^T d) ]        input: B^T    weight: G    output: A^T
//
// Two axes nest: every product becomes points x points of them, each a small matrix product over the channels. The
// weight gradient is the adjoint, G^T [ (A dy) * (B^T d) ] (adjoint_output: A, adjoint_weight: G^T).
//
// d and w are polynomials, * evaluates their product at `points` places. For F(4, 3) those are 0, +-5/8, +-3/2 and
// infinity: four times as accurate as the usual 0, +-1, +-2, whose powers spread wider, and the squares are exact.
//
//               products   taps x outputs
//   F(4, 3)     6          12                36 for 144 in two axes
//   F(2, 3)     4          6                 16 for 36
//   F(4, 4)     7          16                49 for 256; of windows by places (winograd_deal.hpp)
//   stride 2    9          12                81 for 144 (winograd_strided.hpp)
#pragma once
#include <type_traits>
#include "kernels/conv_algorithms.hpp"
#include "kernels/register_tile.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

// An axis that is no part of the window: one tap, one output.
struct Single {
    static constexpr int inputs = 1, points = 1, outputs = 1, taps = 1, step = 1;
    template <class V> static TK_INLINE void input(V* to, const V* d) { to[0] = d[0]; }
    template <class V> static TK_INLINE void weight(V* to, const V* w) { to[0] = w[0]; }
    template <class V> static TK_INLINE void output(V* to, const V* m) { to[0] = m[0]; }
    template <class V> static TK_INLINE void adjoint_output(V* to, const V* y) { to[0] = y[0]; }
    template <class V> static TK_INLINE void adjoint_weight(V* to, const V* m) { to[0] = m[0]; }
};

struct F2 {   // points 0, 1, -1, infinity
    static constexpr int inputs = 4, points = 4, outputs = 2, taps = 3, step = 2;
    template <class V> static TK_INLINE void input(V* to, const V* d) {
        to[0] = d[0] - d[2];
        to[1] = d[1] + d[2];
        to[2] = d[2] - d[1];
        to[3] = d[3] - d[1];
    }
    template <class V> static TK_INLINE void weight(V* to, const V* w) {
        const V even = (w[0] + w[2]) / 2, odd = w[1] / 2;
        to[0] = w[0];
        to[1] = even + odd;
        to[2] = even - odd;
        to[3] = w[2];
    }
    template <class V> static TK_INLINE void output(V* to, const V* m) {
        to[0] = m[0] + (m[1] + m[2]);
        to[1] = (m[1] - m[2]) + m[3];
    }
    template <class V> static TK_INLINE void adjoint_output(V* to, const V* y) {
        to[0] = y[0];
        to[1] = y[0] + y[1];
        to[2] = y[0] - y[1];
        to[3] = y[1];
    }
    template <class V> static TK_INLINE void adjoint_weight(V* to, const V* m) {
        const V sum = (m[1] + m[2]) / 2;
        to[0] = m[0] + sum;
        to[1] = (m[1] - m[2]) / 2;
        to[2] = sum + m[3];
    }
};

struct F4 {   // points 0, +-p, +-q, infinity
    static constexpr int inputs = 6, points = 6, outputs = 4, taps = 3, step = 4;
    static constexpr double p = 0.625, q = 1.5, pp = p * p, qq = q * q;
    static constexpr double at_0 = 1 / (pp * qq), at_p = 1 / (2 * pp * (pp - qq)), at_q = 1 / (2 * qq * (qq - pp));
    template <class V, class T = std::remove_reference_t<decltype(V{}[0])>>
    static TK_INLINE void input(V* to, const V* d) {
        constexpr T sum(pp + qq), product(pp * qq), a(p), b(q), aa(pp), bb(qq);
        const V even_p = d[4] - bb * d[2], odd_p = a * (d[3] - bb * d[1]);
        const V even_q = d[4] - aa * d[2], odd_q = b * (d[3] - aa * d[1]);
        to[0] = (d[4] - sum * d[2]) + product * d[0];
        to[1] = even_p + odd_p;
        to[2] = even_p - odd_p;
        to[3] = even_q + odd_q;
        to[4] = even_q - odd_q;
        to[5] = (d[5] - sum * d[3]) + product * d[1];
    }
    template <class V, class T = std::remove_reference_t<decltype(V{}[0])>>
    static TK_INLINE void weight(V* to, const V* w) {
        const V even_p = T(at_p) * (w[0] + T(pp) * w[2]), odd_p = T(at_p * p) * w[1];
        const V even_q = T(at_q) * (w[0] + T(qq) * w[2]), odd_q = T(at_q * q) * w[1];
        to[0] = T(at_0) * w[0];
        to[1] = even_p + odd_p;
        to[2] = even_p - odd_p;
        to[3] = even_q + odd_q;
        to[4] = even_q - odd_q;
        to[5] = w[2];
    }
    template <class V, class T = std::remove_reference_t<decltype(V{}[0])>>
    static TK_INLINE void output(V* to, const V* m) {
        const V even_p = m[1] + m[2], odd_p = m[1] - m[2], even_q = m[3] + m[4], odd_q = m[3] - m[4];
        to[0] = m[0] + (even_p + even_q);
        to[1] = T(p) * odd_p + T(q) * odd_q;
        to[2] = T(pp) * even_p + T(qq) * even_q;
        to[3] = (T(pp * p) * odd_p + T(qq * q) * odd_q) + m[5];
    }
    template <class V, class T = std::remove_reference_t<decltype(V{}[0])>>
    static TK_INLINE void adjoint_output(V* to, const V* y) {
        const V even_p = y[0] + T(pp) * y[2], odd_p = T(p) * (y[1] + T(pp) * y[3]);
        const V even_q = y[0] + T(qq) * y[2], odd_q = T(q) * (y[1] + T(qq) * y[3]);
        to[0] = y[0];
        to[1] = even_p + odd_p;
        to[2] = even_p - odd_p;
        to[3] = even_q + odd_q;
        to[4] = even_q - odd_q;
        to[5] = y[3];
    }
    template <class V, class T = std::remove_reference_t<decltype(V{}[0])>>
    static TK_INLINE void adjoint_weight(V* to, const V* m) {
        const V even_p = T(at_p) * (m[1] + m[2]), even_q = T(at_q) * (m[3] + m[4]);
        to[0] = T(at_0) * m[0] + (even_p + even_q);
        to[1] = T(at_p * p) * (m[1] - m[2]) + T(at_q * q) * (m[3] - m[4]);
        to[2] = (T(pp) * even_p + T(qq) * even_q) + m[5];
    }
};

// 4 outputs of 4 taps: points 0, +-a, +-b, +-c. Forward alone.
struct F44 {
    static constexpr int inputs = 7, points = 7, outputs = 4, taps = 4, step = 4;
    static constexpr double squares[3] = {0.625 * 0.625, 1.125 * 1.125, 4}, places[3] = {0.625, 1.125, 2};
    // The squares of the other two pairs.
    static constexpr double other(int i) { return squares[i == 0 ? 1 : 0]; }
    static constexpr double last(int i) { return squares[i == 2 ? 1 : 2]; }
    template <class V, class T = std::remove_reference_t<decltype(V{}[0])>>
    static TK_INLINE void input(V* to, const V* d) {
        constexpr double aa = squares[0], bb = squares[1], cc = squares[2];
        constexpr T sum(aa + bb + cc), pairs(aa * bb + aa * cc + bb * cc), product(aa * bb * cc);
        to[0] = (d[6] - sum * d[4]) + (pairs * d[2] - product * d[0]);
#pragma GCC unroll 3
        for (int i = 0; i < 3; ++i) {
            const T both(other(i) + last(i)), times(other(i) * last(i));
            const V even = (d[6] - both * d[4]) + times * d[2], odd = (d[5] - both * d[3]) + times * d[1];
            to[2 * i + 1] = even + T(places[i]) * odd;
            to[2 * i + 2] = even - T(places[i]) * odd;
        }
    }
    template <class V, class T = std::remove_reference_t<decltype(V{}[0])>>
    static TK_INLINE void weight(V* to, const V* w) {
        to[0] = T(-1 / (squares[0] * squares[1] * squares[2])) * w[0];
#pragma GCC unroll 3
        for (int i = 0; i < 3; ++i) {
            const double square = squares[i];
            const T scale(1 / (2 * square * (square - other(i)) * (square - last(i))));
            const V even = scale * (w[0] + T(square) * w[2]), odd = T(scale * places[i]) * (w[1] + T(square) * w[3]);
            to[2 * i + 1] = even + odd;
            to[2 * i + 2] = even - odd;
        }
    }
    template <class V, class T = std::remove_reference_t<decltype(V{}[0])>>
    static TK_INLINE void output(V* to, const V* m) {
        V even[3], odd[3];
#pragma GCC unroll 3
        for (int i = 0; i < 3; ++i) {
            even[i] = m[2 * i + 1] + m[2 * i + 2];
            odd[i] = T(places[i]) * (m[2 * i + 1] - m[2 * i + 2]);
        }
        to[0] = (m[0] + even[0]) + (even[1] + even[2]);
        to[1] = odd[0] + (odd[1] + odd[2]);
        to[2] = T(squares[0]) * even[0] + (T(squares[1]) * even[1] + T(squares[2]) * even[2]);
        to[3] = T(squares[0]) * odd[0] + (T(squares[1]) * odd[1] + T(squares[2]) * odd[2]);
    }
};

// ---- two axes -----------------------------------------------------------------------------------------------------

#define TK_ALWAYS __attribute__((always_inline))
#define TK_UNROLL _Pragma("GCC unroll 16")

constexpr int kMostUnrolled = 36;   // numbers; more than that lie in memory between the axes, in loops

// to(i, j, value) for each element of P x Q numbers `from(i, j)` of R x S: first along columns, then along rows.
template <class T, int R, int S, int P, int Q, class From, class Columns, class Rows, class To>
TK_INLINE void along_both(From&& from, Columns&& columns, Rows&& rows, To&& to) {
    Vec<T> half[P][S];
    const auto down = [&](int j) TK_ALWAYS {
        Vec<T> column[R], turned[P];
        TK_UNROLL
        for (int i = 0; i < R; ++i) column[i] = from(i, j);
        columns(turned, column);
        TK_UNROLL
        for (int i = 0; i < P; ++i) half[i][j] = turned[i];
    };
    const auto across = [&](int i) TK_ALWAYS {
        Vec<T> turned[Q];
        rows(turned, half[i]);
        TK_UNROLL
        for (int j = 0; j < Q; ++j) to(i, j, turned[j]);
    };
    if constexpr (R * S > kMostUnrolled || P * Q > kMostUnrolled) {
#pragma GCC unroll 1
        for (int j = 0; j < S; ++j) down(j);
#pragma GCC unroll 1
        for (int i = 0; i < P; ++i) across(i);
    } else {
        TK_UNROLL
        for (int j = 0; j < S; ++j) down(j);
        TK_UNROLL
        for (int i = 0; i < P; ++i) across(i);
    }
}

#define TK_ALONG(name, from_count, to_count)                                                                      \
    template <class T, class H, class W, class From, class To> TK_INLINE void name##_both(From&& from, To&& to) { \
        along_both<T, H::from_count, W::from_count, H::to_count, W::to_count>(                                    \
            from, [](Vec<T>* a, const Vec<T>* b) TK_ALWAYS { H::name(a, b); },                                    \
            [](Vec<T>* a, const Vec<T>* b) TK_ALWAYS { W::name(a, b); }, to);                                     \
    }
TK_ALONG(input, inputs, points)
TK_ALONG(weight, taps, points)
TK_ALONG(output, points, outputs)
TK_ALONG(adjoint_output, outputs, points)
TK_ALONG(adjoint_weight, points, taps)
#undef TK_ALONG

template <class H, class W> constexpr int kPoints = H::points * W::points;
template <class H, class W> constexpr int kTaps = H::taps * W::taps;
constexpr int kMostTaps = 16;

}   // namespace
}   // namespace tk::TK_ISA
