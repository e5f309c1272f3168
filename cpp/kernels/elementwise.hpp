// y[i] = f(a[i], b[i], ...) on whole vectors; the tail runs f on masked lanes. A y larger than the cache is written
// past it.
#pragma once
#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

template <class T, class F, class... In>
TK_INLINE void elementwise(int64_t count, int64_t cost, T* y, F f, const In*... in) {
    constexpr int L = kLanes<T>;
    const bool streams = past_cache(y, count);
    parallel_chunks(count, kElementGrain, cost, [=](int64_t begin, int64_t end) {
        int64_t i = begin;
        if (streams)
            for (; i + L <= end; i += L) store_past_cache(y + i, f(load(in + i)...));
        for (; i + L <= end; i += L) store(y + i, f(load(in + i)...));
        if (i < end) store_first(y + i, f(load_first(in + i, end - i)...), end - i);
    });
}

}   // namespace
}   // namespace tk::TK_ISA
