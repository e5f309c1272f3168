// Input gradients of 3x3 with stride 2 to few channels per group, on AVX2: a strip's tiles write rows of dx at once.
//
// Two columns of dx, 2q and 2q + 1, see dy at q and q + 1, and so do two rows. A tile holds both columns of some
// vectors of q for two channels, in every other row of dx: odd rows are sums over six taps, even ones over three. Its
// vectors are those of the strip's rows, one after the other; the last of a row begins early where it would not be
// whole, and computes some outputs again.
#pragma once
#include "kernels/few_plan.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int kPairVectors = 3;

// Where a vector's first q lies in scratch, and its columns of dx in a channel's plane.
struct PairPlace {
    int64_t in, out;
};

template <class T> struct PairTile {
    const T *in, *weight;
    T* out;
    PairPlace places[kPairVectors];
    int64_t pitch, channels, channel_pitch, w_ic, w_oc;   // as in FewProblem
    int64_t out_columns, out_plane;
};

// sum += a * b in the register that holds it: GCC moves sums about, for which no registers are left.
#if defined(__AVX2__) && !defined(__AVX512F__)
TK_INLINE void add_product(Vec<float>& sum, Vec<float> a, Vec<float> b) {
    asm volatile("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
}
#endif

// Row: of dx's rows 2h + Row.
template <class T, int Row> [[gnu::noinline]] void pair_tile(const PairTile<T>& a) {
    constexpr int L = kLanes<T>, R = kPairResults, V = kPairVectors;
    Vec<T> acc[R][2][V];
#pragma GCC unroll 12
    for (int i = 0; i < R * 2 * V; ++i) acc[i / (2 * V)][i / V % 2][i % V] = Vec<T>{};
    const T *x[V], *w = a.weight;
#pragma GCC unroll 3
    for (int v = 0; v < V; ++v) x[v] = a.in + a.places[v].in;
    for (int64_t c = 0; c < a.channels; ++c, w += a.w_ic) {
#pragma GCC unroll 2
        for (int down = Row; down >= 0; --down)
#pragma GCC unroll 2
            for (int right = 1; right >= 0; --right) {
                Vec<T> values[V];
#pragma GCC unroll 3
                for (int v = 0; v < V; ++v) values[v] = load(x[v] + down * a.pitch + right);
#pragma GCC unroll 2
                for (int column = right; column < 2; ++column)
#pragma GCC unroll 2
                    for (int k = 0; k < R; ++k) {
                        const int tap = (Row + 1 - 2 * down) * 3 + column + 1 - 2 * right;
                        const Vec<T> factor = broadcast(w[k * a.w_oc + tap]);
#pragma GCC unroll 3
                        for (int v = 0; v < V; ++v) add_product(acc[k][column][v], factor, values[v]);
                    }
            }
#pragma GCC unroll 3
        for (int v = 0; v < V; ++v) x[v] += a.channel_pitch;
    }
#pragma GCC unroll 3
    for (int v = 0; v < V; ++v) {
        T* to = a.out + a.places[v].out + Row * a.out_columns;
#pragma GCC unroll 2
        for (int k = 0; k < R; ++k, to += a.out_plane) {
            store(to, low_pairs<T, L>(acc[k][0][v], acc[k][1][v]));
            store(to + L, high_pairs<T, L>(acc[k][0][v], acc[k][1][v]));
        }
    }
}

}   // namespace
}   // namespace tk::TK_ISA
