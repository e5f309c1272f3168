// Blocks of columns for register tiles, and the transposition that lays operands out for them.
#pragma once
#include "kernels/integers.hpp"
#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

template <class T> constexpr int64_t kBlock = 2 * kLanes<T>;   // columns of a tile: output channels, or n
// Those that tiles of a block compute: the last one may do with one vector.
template <class T> int64_t width_of(int64_t channels, int64_t block) {
    return channels - block * kBlock<T> > kLanes<T> ? kBlock<T> : kLanes<T>;
}

// to[position][0..width) = from[channel * plane + position] for the first `channels` of `width` channels
template <class T>
void transpose_in(T* to, int64_t pitch, const T* from, int64_t plane, int64_t channels, int64_t width,
                  int64_t positions) {
    constexpr int L = kLanes<T>;
    for (int64_t c = 0; c < width; c += L)
        for (int64_t o = 0; o < positions; o += L) {
            const int64_t count = smaller(L, positions - o);
            Vec<T> rows[L];
#pragma GCC unroll 16
            for (int i = 0; i < L; ++i)
                rows[i] = c + i < channels ? load_first(from + (c + i) * plane + o, count) : Vec<T>{};
            transpose<T>(rows);
#pragma GCC unroll 16
            for (int i = 0; i < L; ++i)
                if (i < count) store(to + (o + i) * pitch + c, rows[i]);
        }
}

// to[k][i] = every third element, from the k-th on, of three vectors that follow each other: from[j] of stride `step`.
template <class T> TK_INLINE void deal_thirds(Vec<T>* to, const Vec<T>* from, int step) {
    constexpr int L = kLanes<T>;
#pragma GCC unroll 3
    for (int k = 0; k < 3; ++k) {
        const auto source = [k](int i) { return 3 * i + k; };
        const Vec<T> two = pick_lanes<T, L>(from[0], from[step], [&](int i) { return source(i) % (2 * L); });
        to[k] = pick_lanes<T, L>(two, from[2 * step], [&](int i) { return source(i) < 2 * L ? i : source(i) - L; });
    }
}

// to(position)[0..L) = from[channel * 9 + position] for 9 positions of L channels
template <class T, class To> TK_INLINE void deal_nine(const T* from, To&& to) {
    constexpr int L = kLanes<T>;
    Vec<T> in[9], thirds[9], out[9];
#pragma GCC unroll 9
    for (int i = 0; i < 9; ++i) in[i] = load(from + i * L);
#pragma GCC unroll 3
    for (int i = 0; i < 3; ++i) deal_thirds<T>(thirds + 3 * i, in + 3 * i, 1);
#pragma GCC unroll 3
    for (int i = 0; i < 3; ++i) {   // positions i, i + 3, i + 6
        deal_thirds<T>(out + 3 * i, thirds + i, 3);
#pragma GCC unroll 3
        for (int k = 0; k < 3; ++k) store(to(3 * k + i), out[3 * i + k]);
    }
}

}   // namespace
}   // namespace tk::TK_ISA
