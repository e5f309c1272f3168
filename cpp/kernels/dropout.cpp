// Dropout: y[i] = x[i] * (1 / (1 - p) where kept, else 0). Element i is kept when u >= p, where u in [0, 1) is made
// of the upper 24 bits of word i % 4 of Philox at counter (i / 4, offset), key seed: forward and backward find
// the same mask from the same three numbers, and no element depends on how the work was cut.
#include "kernels/elementwise.hpp"
#include "kernels/philox.hpp"

namespace tk::TK_ISA {

template <class T> void dropout_forward(T* y, const T* x, int64_t count, double p, uint64_t seed, uint64_t offset) {
    constexpr int L = kLanes<T>;
    typedef uint32_t LaneWords __attribute__((vector_size(4 * L), may_alias));   // a word for each lane of T
    typedef int32_t LaneMask __attribute__((vector_size(4 * L)));
    // u >= p on whole numbers: u 2^24 >= ceil(p 2^24). With p = 1 none is kept, and `scale` (inf) is never used.
    const uint32_t threshold = static_cast<uint32_t>(__builtin_ceil(p * 0x1p24));
    const T scale = static_cast<T>(1 / (1 - p));
    parallel_chunks(count, kElementGrain, 8, [=](int64_t begin, int64_t end) {
        alignas(64) uint32_t words[kWords];
        for (int64_t i = begin; i < end; i += kWords) {
            philox(words, static_cast<uint64_t>(i) / 4, seed, offset);
            const int64_t stop = end - i < kWords ? end - i : kWords;
            for (int64_t j = 0; j < stop; j += L) {
                const int64_t count = stop - j < L ? stop - j : L;
                const LaneMask kept = *reinterpret_cast<const LaneWords*>(words + j) >> 8 >= threshold;
                const Vec<T> factor = select<T>(__builtin_convertvector(kept, VecMask<T>), broadcast(scale), Vec<T>{});
                store_first(y + i + j, load_first(x + i + j, count) * factor, count);
            }
        }
    });
}

// dx = the same factors times dy
template <class T> void dropout_backward(T* dx, const T* dy, int64_t count, double p, uint64_t seed, uint64_t offset) {
    dropout_forward(dx, dy, count, p, seed, offset);
}

TK_EMIT(dropout_forward)
TK_EMIT(dropout_backward)

}   // namespace tk::TK_ISA
