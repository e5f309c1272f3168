// Local response normalisation of x [n][c][s] across channels.
//   base[i] = k + alpha * mean over the window of x^2,  window i = channels i - size/2 .. i + (size - 1)/2, always /
//   size y = x * base^-beta dx[i] = dy[i] * base[i]^-beta - 2 alpha beta / size * x[i] * sum over the windows j that
//   hold i of t[j], t = dy * x * base^(-beta - 1)
// A unit is a few vectors of positions of one image, all their channels, which stay in the cache while windows move.
// The power is exp(-beta * log(base)).
#include "kernels/simd_math.hpp"

#include "kernels/norm_units.hpp"

namespace tk::TK_ISA {
namespace {

template <class T> __attribute__((noinline)) Vec<T> power(Vec<T> base, T exponent) {
    return exp<T>(exponent * log<T>(base));
}

template <class T> struct Channels {
    static constexpr int64_t L = kLanes<T>, kVectors = 4;
    NormShape s;
    int64_t before, after;   // channels of a window beside its own
    int64_t blocks;          // of positions, per image
    T alpha, beta, k;        // alpha of the sum, not of the mean

    Channels(const NormShape& shape, int64_t size, double alpha, double beta, double k)
        : s(shape),
          before(size / 2),
          after((size - 1) / 2),
          blocks((shape.s + kVectors * L - 1) / (kVectors * L)),
          alpha(static_cast<T>(alpha / static_cast<double>(size))),
          beta(static_cast<T>(beta)),
          k(static_cast<T>(k)) {}

    // f(offset of channel 0, positions, thread) for every block.
    template <class F> void for_each_block(F&& f) const {
        parallel_for(s.n * blocks, s.n * s.c * s.s * (8 + before + after), [&](int64_t unit, int thread) {
            const int64_t at = unit % blocks * kVectors * L, left = s.s - at;
            f(unit / blocks * s.c * s.s + at, left < kVectors * L ? left : kVectors * L, thread);
        });
    }
    // The sum of term(channel) over the channels from - `back` to + `ahead`.
    template <class Term> TK_INLINE Vec<T> window(int64_t channel, int64_t back, int64_t ahead, Term&& term) const {
        const int64_t first = channel < back ? 0 : channel - back;
        const int64_t last = s.c - 1 - channel < ahead ? s.c - 1 : channel + ahead;
        Vec<T> sum = term(first);
        for (int64_t i = first + 1; i <= last; ++i) sum += term(i);
        return sum;
    }
    TK_INLINE Vec<T> base(const T* x, int64_t channel, int64_t count) const {
        return k + alpha * window(channel, before, after, [&](int64_t i) {
                       const Vec<T> v = read(x + i * s.s, count);
                       return v * v;
                   });
    }
};

}   // namespace

template <class T>
void local_response_norm_forward(T* y, const T* x, const NormShape& s, int64_t size, double alpha, double beta,
                                 double k) {
    const Channels<T> c(s, size, alpha, beta, k);
    c.for_each_block([&](int64_t offset, int64_t positions, int) {
        for (int64_t channel = 0; channel < s.c; ++channel)
            for (int64_t at = 0; at < positions; at += kLanes<T>) {
                const int64_t count = positions - at < kLanes<T> ? positions - at : kLanes<T>;
                const T* from = x + offset + at;
                const Vec<T> v = read(from + channel * s.s, count) * power<T>(c.base(from, channel, count), -c.beta);
                store_first(y + offset + channel * s.s + at, v, count);
            }
    });
}

template <class T> int64_t local_response_norm_backward_workspace(const NormShape& s, int threads) {
    return threads * s.c * Channels<T>::kVectors * kLanes<T>;
}

template <class T>
void local_response_norm_backward(T* dx, const T* dy, const T* x, const NormShape& s, int64_t size, double alpha,
                                  double beta, double k, T* workspace) {
    constexpr int64_t L = kLanes<T>, kRow = Channels<T>::kVectors * L;
    const Channels<T> c(s, size, alpha, beta, k);
    const T factor = 2 * c.alpha * c.beta;
    c.for_each_block([&](int64_t offset, int64_t positions, int thread) {
        T* terms = workspace + thread * s.c * kRow;   // [c][kRow]
        const auto each = [&](auto&& body) __attribute__((always_inline)) {
            for (int64_t channel = 0; channel < s.c; ++channel)
                for (int64_t at = 0; at < positions; at += L)
                    body(channel, at, offset + channel * s.s + at, positions - at < L ? positions - at : L);
        };
        each([&](int64_t channel, int64_t at, int64_t place, int64_t count) __attribute__((always_inline)) {
            const Vec<T> base = c.base(x + offset + at, channel, count),
                         scaled = read(dy + place, count) * power<T>(base, -c.beta);
            store_first(dx + place, scaled, count);
            store(terms + channel * kRow + at, scaled * read(x + place, count) / base);
        });
        each([&](int64_t channel, int64_t at, int64_t place, int64_t count) __attribute__((always_inline)) {
            const Vec<T> sum =
                c.window(channel, c.after, c.before, [&](int64_t i) { return load(terms + i * kRow + at); });
            store_first(dx + place, read(dx + place, count) - factor * read(x + place, count) * sum, count);
        });
    });
}

TK_EMIT(local_response_norm_forward)
TK_EMIT(local_response_norm_backward_workspace)
TK_EMIT(local_response_norm_backward)

}   // namespace tk::TK_ISA
