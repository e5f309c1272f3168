// Winograd's transforms of windows with stride 2, along an axis: even inputs and odd ones are convolutions of stride 1,
// whose products lie one after the other. Of 3 taps even inputs meet taps 0 and 2, as F(4, 2), and odd ones tap 1.
#pragma once
#include "kernels/winograd.hpp"

namespace tk::TK_ISA {
namespace {

struct F42 {   // F(4, 2), a part of those below: points 0, 1/2, -1, 3/2, infinity
    static constexpr int inputs = 5, points = 5, outputs = 4, taps = 2, step = 4;
    template <class V> static TK_INLINE void input(V* to, const V* d) { input(to, d[0], d[1], d[2], d[3], d[4]); }
    template <class V, class T = std::remove_reference_t<decltype(V{}[0])>>
    static TK_INLINE void input(V* to, V d0, V d1, V d2, V d3, V d4) {
        to[0] = (d3 - d2) + (T(0.75) * d0 - T(1.25) * d1);
        to[1] = d3 - (T(0.5) * d2 + T(1.5) * d1);
        to[2] = d3 - (2 * d2 - T(0.75) * d1);
        to[3] = d3 + T(0.5) * (d2 - d1);
        to[4] = (d4 - d3) + (T(0.75) * d1 - T(1.25) * d2);
    }
    template <class V, class T = std::remove_reference_t<decltype(V{}[0])>>
    static TK_INLINE void weight(V* to, V w0, V w1) {
        constexpr T third(4.0 / 3), fifth(4.0 / 15);
        to[0] = third * w0;
        to[1] = -third * (w0 + T(0.5) * w1);
        to[2] = fifth * (w1 - w0);
        to[3] = fifth * (w0 + T(1.5) * w1);
        to[4] = w1;
    }
    template <class V, class T = std::remove_reference_t<decltype(V{}[0])>>
    static TK_INLINE void output(V* to, const V* m) {
        to[0] = (m[0] + m[1]) + (m[2] + m[3]);
        to[1] = (T(0.5) * m[1] - m[2]) + T(1.5) * m[3];
        to[2] = (T(0.25) * m[1] + m[2]) + T(2.25) * m[3];
        to[3] = (T(0.125) * m[1] - m[2]) + (T(3.375) * m[3] + m[4]);
    }
    template <class V, class T = std::remove_reference_t<decltype(V{}[0])>>
    static TK_INLINE void adjoint_output(V* to, const V* y) {
        to[0] = y[0];
        to[1] = (y[0] + T(0.5) * y[1]) + (T(0.25) * y[2] + T(0.125) * y[3]);
        to[2] = (y[0] - y[1]) + (y[2] - y[3]);
        to[3] = (y[0] + T(1.5) * y[1]) + (T(2.25) * y[2] + T(3.375) * y[3]);
        to[4] = y[3];
    }
    template <class V, class T = std::remove_reference_t<decltype(V{}[0])>>
    static TK_INLINE void adjoint_weight(V* to, const V* m) {
        constexpr T third(4.0 / 3), fifth(4.0 / 15);
        to[0] = third * (m[0] - m[1]) + fifth * (m[3] - m[2]);
        to[1] = (fifth * (m[2] + T(1.5) * m[3]) - T(2.0 / 3) * m[1]) + m[4];
    }
};

// to = first[0], second[0], first[1], second[1], ... of 4 each
template <class V> TK_INLINE void alternate(V* to, const V* first, const V* second) {
    for (int i = 0; i < 4; ++i) {
        to[2 * i] = first[i];
        to[2 * i + 1] = second[i];
    }
}

// 4 outputs of 3 taps with stride 2.
struct Strided3 {
    static constexpr int inputs = 9, points = 9, outputs = 4, taps = 3, step = 8;
    template <class V> static TK_INLINE void input(V* to, const V* d) {
        F42::input(to, d[0], d[2], d[4], d[6], d[8]);
        for (int i = 0; i < 4; ++i) to[5 + i] = d[2 * i + 1];
    }
    template <class V> static TK_INLINE void output(V* to, const V* m) {
        F42::output(to, m);
        for (int i = 0; i < 4; ++i) to[i] += m[5 + i];
    }
};

// The weights of both: the last serve all points from there on.
struct Strided3Weights {
    static constexpr int points = 6, taps = 3;
    template <class V> static TK_INLINE void weight(V* to, const V* w) {
        F42::weight(to, w[0], w[2]);
        to[5] = w[1];
    }
};

// Its input gradient: 5 neighbours of dy give 8 of dx. Those of odd number receive tap 1 of one element of dy, the even
// ones after them taps 2 and 0 of two.
struct Strided3Backward {
    static constexpr int inputs = 5, points = 9, outputs = 8, taps = 3, step = 4;
    template <class V> static TK_INLINE void input(V* to, const V* d) {
        F42::input(to, d[0], d[1], d[2], d[3], d[4]);
        for (int i = 0; i < 4; ++i) to[5 + i] = d[i];
    }
    template <class V> static TK_INLINE void output(V* to, const V* m) {
        V even[4];
        F42::output(even, m);
        alternate(to, m + 5, even);
    }
};

// 4 outputs of 4 taps with stride 2: even inputs meet taps 0 and 2, odd ones taps 1 and 3.
struct Strided4 {
    static constexpr int inputs = 10, points = 10, outputs = 4, taps = 4, step = 8;
    template <class V> static TK_INLINE void input(V* to, const V* d) {
        F42::input(to, d[0], d[2], d[4], d[6], d[8]);
        F42::input(to + 5, d[1], d[3], d[5], d[7], d[9]);
    }
    template <class V> static TK_INLINE void weight(V* to, const V* w) {
        F42::weight(to, w[0], w[2]);
        F42::weight(to + 5, w[1], w[3]);
    }
    template <class V> static TK_INLINE void output(V* to, const V* m) {
        V sum[5];
        for (int i = 0; i < 5; ++i) sum[i] = m[i] + m[5 + i];
        F42::output(to, sum);
    }
};

// Its input gradient: 6 neighbours of dy give 8 of dx. Those of odd number receive taps 3 and 1, the even ones after
// them taps 2 and 0, one element of dy further.
struct Strided4Backward {
    static constexpr int inputs = 6, points = 10, outputs = 8, taps = 4, step = 4;
    template <class V> static TK_INLINE void input(V* to, const V* d) {
        F42::input(to, d[0], d[1], d[2], d[3], d[4]);
        F42::input(to + 5, d[1], d[2], d[3], d[4], d[5]);
    }
    template <class V> static TK_INLINE void output(V* to, const V* m) {
        V odd[4], even[4];
        F42::output(odd, m);
        F42::output(even, m + 5);
        alternate(to, odd, even);
    }
};

}   // namespace
}   // namespace tk::TK_ISA
