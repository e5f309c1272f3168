// Sampling planes at points of their own: every point is a weighted sum of some elements, the same of each channel.
//   y[n, c, p] = sum over t of weights[n, t, p] * x[n, c, index[n, t, p]]
// and its gradients in x and in the weights, each of which is linear again. Sums run over taps, points and channels in
// their order.
#include "kernels/integers.hpp"
#include "kernels/kernels.hpp"

// A loop's body is compiled once, not for each of the two ways in which parallel_for() calls it.
#define TK_ONCE __attribute__((noinline))

namespace tk::TK_ISA {
namespace {

constexpr int64_t kChannels = 8;    // that share a look at the table
constexpr int64_t kPoints = 1024;   // of a unit

// f(image, first channel, channels, first point, end) over all channels and points; points_per_unit 0: all of them
template <class F> void for_each_block(const SampleShape& s, int64_t points_per_unit, F&& f) {
    const int64_t blocks = (s.c + kChannels - 1) / kChannels, grain = points_per_unit ? points_per_unit : s.points;
    const int64_t chunks = grain ? (s.points + grain - 1) / grain : 0;
    parallel_for(s.n * blocks * chunks, s.n * s.c * s.points * s.taps, [&](int64_t unit, int) TK_ONCE {
        const int64_t block = unit / chunks, c = block % blocks * kChannels, p = unit % chunks * grain;
        f(block / blocks, c, smaller(kChannels, s.c - c), p, smaller(p + grain, s.points));
    });
}

}   // namespace

template <class T> void sample_forward(T* y, const T* x, const T* weights, const int64_t* index, const SampleShape& s) {
    for_each_block(s, kPoints, [&](int64_t n, int64_t c, int64_t channels, int64_t begin, int64_t end) {
        const T* from = x + (n * s.c + c) * s.size;
        T* to = y + (n * s.c + c) * s.points;
        for (int64_t p = begin; p < end; ++p) {
            T sums[kChannels] = {};
            for (int64_t t = 0; t < s.taps; ++t) {
                const int64_t at = (n * s.taps + t) * s.points + p, i = index[at];
                if (i < 0) continue;
                for (int64_t k = 0; k < channels; ++k) sums[k] += weights[at] * from[k * s.size + i];
            }
            for (int64_t k = 0; k < channels; ++k) to[k * s.points + p] = sums[k];
        }
    });
}

template <class T>
void sample_backward_input(T* dx, const T* dy, const T* weights, const int64_t* index, const SampleShape& s) {
    parallel_chunks(s.n * s.c * s.size, 1 << 16, 1,
                    [&](int64_t begin, int64_t end) { __builtin_memset(dx + begin, 0, (end - begin) * sizeof(T)); });
    for_each_block(s, 0, [&](int64_t n, int64_t c, int64_t channels, int64_t begin, int64_t end) {
        T* to = dx + (n * s.c + c) * s.size;
        const T* from = dy + (n * s.c + c) * s.points;
        for (int64_t p = begin; p < end; ++p)
            for (int64_t t = 0; t < s.taps; ++t) {
                const int64_t at = (n * s.taps + t) * s.points + p, i = index[at];
                if (i < 0) continue;
                for (int64_t k = 0; k < channels; ++k) to[k * s.size + i] += weights[at] * from[k * s.points + p];
            }
    });
}

template <class T>
void sample_backward_weights(T* dweights, const T* dy, const T* x, const int64_t* index, const SampleShape& s) {
    const int64_t chunks = (s.points + kPoints - 1) / kPoints;
    parallel_for(s.n * chunks, s.n * s.c * s.points * s.taps, [&](int64_t unit, int) TK_ONCE {
        const int64_t n = unit / chunks, begin = unit % chunks * kPoints, end = smaller(begin + kPoints, s.points);
        for (int64_t t = 0; t < s.taps; ++t) {
            const int64_t row = (n * s.taps + t) * s.points;
            for (int64_t p = begin; p < end; ++p) dweights[row + p] = 0;
            for (int64_t c = 0; c < s.c; ++c) {
                const T *from = x + (n * s.c + c) * s.size, *g = dy + (n * s.c + c) * s.points;
                for (int64_t p = begin; p < end; ++p)
                    if (index[row + p] >= 0) dweights[row + p] += g[p] * from[index[row + p]];
            }
        }
    });
}

TK_EMIT(sample_forward)
TK_EMIT(sample_backward_input)
TK_EMIT(sample_backward_weights)

}   // namespace tk::TK_ISA
