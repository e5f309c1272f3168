// Blocks of columns for register tiles, and the transposition that lays operands out for them.
#pragma once
#include "kernels/integers.hpp"
#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

template <class T> constexpr int64_t kBlock = 2 * kLanes<T>;   // columns of a tile: output channels, or n

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

}   // namespace
}   // namespace tk::TK_ISA
