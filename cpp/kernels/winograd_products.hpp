// The products of Winograd's (conv_winograd.hpp): register tiles of some tiles by two vectors of output channels.
#pragma once
#include "kernels/winograd.hpp"
#include "kernels/winograd_planes.hpp"

namespace tk::TK_ISA {
namespace {

// sums[tile][v] = (first ? 0 : what is there) + sum over c and seen planes of values[plane][tile][c] * weights[c][v]
//
// The weights of a vector of channels are [tap][c][v]; per vector the taps are added in order.
template <class T> struct ProductArguments {
    T* sums;
    const T *values, *weights;
    int64_t channels, vector_pitch, plane_pitch;   // from one vector of channels, and from one plane to the next
    const Sight* sights;
    int64_t seen, taps;
    bool first;
    int64_t ahead;   // from a tile's values of a vector of channels to those called in meanwhile
};

template <class T, int Tiles, int Vectors> [[gnu::noinline]] void product_tile(const ProductArguments<T>& a) {
    constexpr int L = kLanes<T>;
    Vec<T> acc[Tiles][Vectors];
    TK_UNROLL
    for (int t = 0; t < Tiles; ++t) TK_UNROLL
    for (int v = 0; v < Vectors; ++v) acc[t][v] = Vec<T>{};
    if (!a.first) {
        TK_UNROLL
        for (int t = 0; t < Tiles; ++t) TK_UNROLL
        for (int v = 0; v < Vectors; ++v) acc[t][v] = load(a.sums + (t * Vectors + v) * L);
    }
    for (int64_t c = 0; c < a.channels; c += L)
        for (int64_t i = 0; i < a.seen; ++i) {
            const int64_t lanes = smaller(L, a.channels - c);
            const T* x = a.values + c / L * a.vector_pitch + a.sights[i].plane * a.plane_pitch;
            const T* w = a.weights + (c * a.taps + a.sights[i].tap * lanes) * Vectors * L;
            TK_UNROLL
            for (int t = 0; t < Tiles; ++t) __builtin_prefetch(x + a.ahead + t * L);
            asm volatile("" : "+r"(x), "+r"(w));   // keeps the compiler from hoisting loads and spilling
            for (int64_t lane = 0; lane < lanes; ++lane, ++x, w += Vectors * L) {
                Vec<T> factor[Vectors];
                TK_UNROLL
                for (int v = 0; v < Vectors; ++v) factor[v] = load(w + v * L);
                TK_UNROLL
                for (int t = 0; t < Tiles; ++t) {
                    const Vec<T> value = broadcast(x[t * L]);
                    TK_UNROLL
                    for (int v = 0; v < Vectors; ++v) acc[t][v] += value * factor[v];
                }
            }
        }
    TK_UNROLL
    for (int t = 0; t < Tiles; ++t) TK_UNROLL
    for (int v = 0; v < Vectors; ++v) store(a.sums + (t * Vectors + v) * L, acc[t][v]);
}

template <class T, int Tiles> void product_tile_of(int64_t tiles, int64_t vectors, const ProductArguments<T>& a) {
    if constexpr (Tiles > 0) {
        if (tiles == Tiles) return vectors == 2 ? product_tile<T, Tiles, 2>(a) : product_tile<T, Tiles, 1>(a);
        product_tile_of<T, Tiles - 1>(tiles, vectors, a);
    }
}

}   // namespace
}   // namespace tk::TK_ISA
