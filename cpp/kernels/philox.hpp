// Philox4x32-10 (J. K. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011), one counter per
// 64-bit lane: the lanes hold 32-bit words, and what strays into a lane's upper half is never read.
#pragma once
#include <cstdint>

#include "kernels/simd.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace tk {
namespace {

constexpr int kCounters = TK_VECTOR_BYTES / 8;   // counters at a time
constexpr int kWords = 4 * kCounters;            // random words that they give
typedef uint64_t Words __attribute__((vector_size(TK_VECTOR_BYTES), may_alias));

// The 64-bit product of each lane's lower half with `factor`.
TK_INLINE Words multiply_low(Words a, uint32_t factor) {
    const Words b = Words{} + factor;
#if defined(__AVX512F__)   // maskz: GCC 12 warns of the plain form's own insides
    return (Words)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (Words)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (Words)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & 0xffffffff) * b;
#endif
}

TK_INLINE Words lane_numbers() {
    Words numbers{};
#pragma GCC unroll 8
    for (int i = 0; i < kCounters; ++i) numbers[i] = static_cast<uint64_t>(i);
    return numbers;
}

// words (64-byte aligned) [4 i ...] of the counter of lane i, a pair of 64-bit numbers, low words first; key = seed.
TK_INLINE void philox(uint32_t (&words)[kWords], Words low, Words high, uint64_t seed) {
    Words c0 = low, c1 = low >> 32, c2 = high, c3 = high >> 32;
    uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const Words product0 = multiply_low(c0, 0xD2511F53), product1 = multiply_low(c2, 0xCD9E8D57);
        c0 = (product1 >> 32) ^ c1 ^ key0;
        c2 = (product0 >> 32) ^ c3 ^ key1;
        c1 = product1;
        c3 = product0;
        key0 += 0x9E3779B9;
        key1 += 0xBB67AE85;
    }
    // Lane i holds the four words of counter i. Two words to a lane, then the two lanes of a counter side by side.
    const Words first = (c0 & 0xffffffff) | (c1 << 32), second = (c2 & 0xffffffff) | (c3 << 32);
    Words* to = reinterpret_cast<Words*>(words);
#if defined(__clang__)
    for (int i = 0; i < 2 * kCounters; ++i) to[i / kCounters][i % kCounters] = (i % 2 ? second : first)[i / 2];
#else
    const Words numbers = lane_numbers(), order = (numbers >> 1) + (numbers & 1) * kCounters;
    to[0] = __builtin_shuffle(first, second, order);
    to[1] = __builtin_shuffle(first, second, order + kCounters / 2);
#endif
}

// words [4 i ...] of counter (block + i, offset)
TK_INLINE void philox(uint32_t (&words)[kWords], uint64_t block, uint64_t seed, uint64_t offset) {
    philox(words, lane_numbers() + block, Words{} + offset, seed);
}

}   // namespace
}   // namespace tk
