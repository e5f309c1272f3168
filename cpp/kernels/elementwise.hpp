// y[i] = f(a[i], b[i], ...) on whole vectors; the tail runs f on masked lanes. A y larger than the cache is written
// past it.
#pragma once
#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

// Vectors that a loop takes at once: several where they cost less than its step does.
template <class T> constexpr int at_once(int64_t cost) { return kTuned<T> && cost <= 4 ? 4 : 1; }

// Elements of a chunk: fewer where each costs more, so that two threads share a map of 16 x 28x28 evenly.
constexpr int64_t element_grain(int64_t cost) { return cost > 4 ? kElementGrain / 4 : kElementGrain; }

// Elements of maps whose lines are called in ahead: those come from the third cache. 1.2 million took 0.85 to 0.9 of
// the time; smaller ones lose up to a tenth on AVX2, 3.2 million as well.
constexpr struct {
    int64_t begin, end;
} kFetched{1 << 19, 1 << 21};
constexpr int64_t kReadAhead = 1024, kWrittenAhead = 256;   // elements

// Cost: elementary operations per element. Whether a second thread pays goes by the time of a vector: sigmoid of 12,544
// elements takes 2.2 microseconds on AVX-512, and to wake a thread 0.7 to 2.
template <int Cost, class T, class F, class... In>
TK_INLINE void elementwise(int64_t count, T* y, F f, const In*... in) {
    constexpr int L = kLanes<T>, kAtOnce = at_once<T>(Cost), kWork = Cost > L / 2 ? 2 * Cost / L : 1;
    const bool streams = past_cache(y, count), fetched = count >= kFetched.begin && count < kFetched.end;
    parallel_chunks(count, element_grain(Cost), kWork, [=](int64_t begin, int64_t end) {
        int64_t i = begin;
        if (streams)
            for (; i + L <= end; i += L) store_past_cache(y + i, f(whole<T>(load(in + i))...));
        const auto vectors = [&](auto ahead) __attribute__((always_inline)) {
            for (; i + kAtOnce * L <= end; i += kAtOnce * L)
#pragma GCC unroll 4
                for (int j = 0; j < kAtOnce; ++j) {
                    if (decltype(ahead)::value && j * L % kCacheLine<T> == 0) {
                        (fetch(in + i + j * L + kReadAhead, 1), ...);
                        fetch_to_write(y + i + j * L + kWrittenAhead, 1);
                    }
                    store(y + i + j * L, f(whole<T>(load(in + i + j * L))...));
                }
        };
        if constexpr (kAtOnce > 1) {
            if (fetched) vectors(std::true_type{});
            else vectors(std::false_type{});
        }
        for (; i + L <= end; i += L) store(y + i, f(whole<T>(load(in + i))...));
        if (i < end) store_first(y + i, f(load_first(in + i, end - i)...), end - i);
    });
}

// The same with y[i ..] = f(i, elements left), whose vectors are read(): one loop for whole vectors and the tail.
// Before it, whole vectors AtOnce by AtOnce.
template <int AtOnce, class T, class F>
TK_INLINE void each_vector(T* y, int64_t begin, int64_t end, bool streams, F f) {
    constexpr int L = kLanes<T>;
    int64_t i = begin;
    if constexpr (AtOnce > 1)
        for (; !streams && i + AtOnce * L <= end; i += AtOnce * L)
#pragma GCC unroll 4
            for (int j = 0; j < AtOnce; ++j) store(y + i + j * L, f(i + j * L, L));
    for (; i < end; i += L) {
        const int64_t left = end - i;
        const Vec<T> v = f(i, left);
        if (left < L) store_first(y + i, v, left);
        else if (streams) store_past_cache(y + i, v);
        else store(y + i, v);
    }
}
template <class T> TK_INLINE Vec<T> read(const T* from, int64_t left) {
    return left < kLanes<T> ? load_first(from, left) : whole<T>(load(from));
}

}   // namespace
}   // namespace tk::TK_ISA
