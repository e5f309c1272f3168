// Rows of few channels: which lanes lie inside, and parts laid side by side.
#pragma once
#include "kernels/register_tile.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

// Lanes [position, position + L) that lie in [0, in).
template <class T> TK_INLINE LaneMask<T, kLanes<T>> lanes_inside(int64_t position, int64_t in) {
    constexpr int64_t L = kLanes<T>;
    const auto lane = [](int64_t at) { return larger(0, smaller(L, at)); };
    return lanes_between<T, L>(lane(-position), lane(in - position));
}

// to[i] = from[i % step * pitch + i / step] for the first `count` elements, + bias, then ReLU.
template <class T>
[[gnu::noinline]] void write_parts(T* to, const T* from, int64_t pitch, int64_t step, int64_t count, T bias,
                                   bool relu) {
    constexpr int64_t L = kLanes<T>;
    const auto read = [&](int64_t part, int64_t at) __attribute__((always_inline)) {
        const Vec<T> sum = load(from + part * pitch + at) + broadcast(bias);
        return relu ? rectify<T>(sum) : sum;
    };
    const auto write = [&](int64_t at, Vec<T> v) __attribute__((always_inline)) {
        const int64_t lanes = smaller(L, count - at);
        if (lanes > 0) store_first(to + at, v, lanes);
    };
    for (int64_t i = 0, q = 0; step == 1 && i < count; i += L, q += L) write(i, read(0, q));
    for (int64_t i = 0, q = 0; step == 2 && i < count; i += 2 * L, q += L) {
        const Vec<T> even = read(0, q), odd = read(1, q);
        write(i, low_pairs<T, L>(even, odd));
        write(i + L, high_pairs<T, L>(even, odd));
    }
    for (int64_t i = 0, q = 0; step == 4 && i < count; i += 4 * L, q += L) {
        const Vec<T> a = read(0, q), b = read(1, q), c = read(2, q), d = read(3, q);
        const Vec<T> even = low_pairs<T, L>(a, c), odd = low_pairs<T, L>(b, d);
        const Vec<T> later = high_pairs<T, L>(a, c), last = high_pairs<T, L>(b, d);
        write(i, low_pairs<T, L>(even, odd));
        write(i + L, high_pairs<T, L>(even, odd));
        write(i + 2 * L, low_pairs<T, L>(later, last));
        write(i + 3 * L, high_pairs<T, L>(later, last));
    }
    if (step == 1 || step == 2 || step == 4) return;
    for (int64_t part = 0; part < step; ++part)
        for (int64_t i = part, q = part * pitch; i < count; i += step, ++q) {
            const T sum = from[q] + bias;
            to[i] = relu ? rectify_one(sum) : sum;
        }
}

}   // namespace
}   // namespace tk::TK_ISA
