// Uniform numbers of samples: number k of an index is made of the upper 24 bits of word k % 4 of Philox at the counter
// (k / 4, index low, index high, 0), so that it depends on (key, index, k) alone.
#include "kernels/kernels.hpp"
#include "kernels/philox.hpp"

#if TK_IS(TK_ISA)
namespace tk::baseline {
namespace {

int64_t draw(double* y, const int64_t* indices, int64_t n, int64_t count, uint64_t key) {
    for (int64_t i = 0; i < n; ++i)
        if (indices[i] < 0) return 1;
    alignas(64) uint32_t words[kWords];
    for (int64_t first = 0; first < n; first += kCounters) {
        const int64_t rows = n - first < kCounters ? n - first : kCounters;
        Words index{};
        __builtin_memcpy(&index, indices + first, rows * sizeof(int64_t));
        for (int64_t k = 0; k < count; ++k) {
            if (k % 4 == 0) philox(words, (index << 32) + static_cast<uint64_t>(k / 4), index >> 32, key);
            for (int64_t i = 0; i < rows; ++i) y[(first + i) * count + k] = (words[4 * i + k % 4] >> 8) * 0x1p-24;
        }
    }
    return 0;
}

}   // namespace

template <class T> int64_t uniform(double* y, const int64_t* indices, int64_t n, int64_t count, uint64_t key) {
    return draw(y, indices, n, count, key);
}

TK_EMIT(uniform)

}   // namespace tk::baseline
#endif
