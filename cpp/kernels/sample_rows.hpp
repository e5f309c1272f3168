// Rows of images, copied by vectors: the last vector of a row overlaps the one before it.
#pragma once
#include "kernels/integers.hpp"
#include "kernels/simd.hpp"

namespace tk {
namespace {

// Pixels that count as one operation of a parallel loop: what takes less than a millisecond runs on the calling thread.
// A second thread would halve it, but where its core is busy, a region waits for milliseconds.
constexpr int64_t kCroppedPixels = 32, kWarpedPixels = 16;

// to[j] = f(from[step j]) for 0 <= j < count, step 1 or -1; f takes a number, or a vector of them
template <class T, class F> TK_INLINE void map_row(T* to, const T* from, int64_t count, int64_t step, F&& f) {
    constexpr int L = kLanes<T>;
    if (count < L) {
        for (int64_t j = 0; j < count; ++j) to[j] = f(from[step * j]);
        return;
    }
    for (int64_t j = 0;; j = smaller(j + L, count - L)) {
        Vec<T> v = load(step > 0 ? from + j : from - j - (L - 1));
        if (step < 0) v = pick_lanes<T, L>(v, v, [](int i) { return kLanes<T> - 1 - i; });
        store(to + j, f(v));
        if (j == count - L) return;
    }
}

}   // namespace
}   // namespace tk
