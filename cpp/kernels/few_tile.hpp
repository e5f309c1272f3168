// Few channels, vectorised over pixels: the register tile, some vectors of pixels for up to four channels of results.
// It loads pixels and broadcasts weights as the user keeps them, or packed.
#pragma once
#include "kernels/few_parts.hpp"
#include "kernels/few_plan.hpp"

namespace tk::TK_ISA {
namespace {

// A tap's way from a run's first pixel in scratch, and from a channel's first weight.
struct FewTap {
    int64_t in, weight;
};

template <class T> struct FewTile {
    T* sums;
    int64_t sums_pitch;   // elements between channels of results
    const T *in, *weight;
    const FewTap* taps;
    int64_t tap_count, channels, channel_pitch, w_ic, w_oc;
    bool first;
    const T* next;   // what is read later: a share is called in with each channel
    int64_t share;
};

template <class T, int Channels, int Vectors> [[gnu::noinline]] void few_tile(const FewTile<T>& a) {
    constexpr int L = kLanes<T>;
    Vec<T> acc[Channels][Vectors];
#pragma GCC unroll 4
    for (int k = 0; k < Channels; ++k)
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) acc[k][v] = Vec<T>{};
    const T *channel = a.in, *of_channel = a.weight;
    for (int64_t c = 0; c < a.channels; ++c, channel += a.channel_pitch, of_channel += a.w_ic) {
        if (kTuned<T> && Channels >= 3) fetch(a.next + c * a.share, a.share);
        for (int64_t t = 0; t < a.tap_count; ++t) {
            const T *x = channel + a.taps[t].in, *w = of_channel + a.taps[t].weight;
            Vec<T> factor[Channels];
#pragma GCC unroll 4
            for (int k = 0; k < Channels; ++k) factor[k] = broadcast(w[k * a.w_oc]);
#pragma GCC unroll 8
            for (int v = 0; v < Vectors; ++v) {
                const Vec<T> value = load(x + v * L);
#pragma GCC unroll 4
                for (int k = 0; k < Channels; ++k) acc[k][v] += factor[k] * value;
            }
        }
    }
    store_sums(a.sums, a.sums_pitch, acc, a.first);
}

template <class T, int Channels, int Vectors = tile_vectors<T>(Channels)>
void few_tile_of(int64_t vectors, const FewTile<T>& a) {
    if constexpr (Vectors > 0) {
        if (vectors == Vectors) return few_tile<T, Channels, Vectors>(a);
        few_tile_of<T, Channels, Vectors - kVectorStep>(vectors, a);
    }
}

template <class T, int Channels = kMostResults>
void few_tile_of_channels(int64_t channels, int64_t vectors, const FewTile<T>& a) {
    if constexpr (Channels > 0) {
        if (channels == Channels) return few_tile_of<T, Channels>(vectors, a);
        few_tile_of_channels<T, Channels - 1>(channels, vectors, a);
    }
}

}   // namespace
}   // namespace tk::TK_ISA
