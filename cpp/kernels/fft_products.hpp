// Products of spectra, a pair of points at a time: its kernels' numbers are read once for both, the second conjugate.
#pragma once
#include "kernels/fft_plan.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kHalvesPerUnit = 32;   // pairs of points that a thread takes at once

// Where the two points of a pair lie in a vector's memory.
template <class T> struct TwoPoints {
    int64_t first, second;
    explicit TwoPoints(PointPair at) : first(at.first * kPoint<T>), second(at.second * kPoint<T>) {}
};

// results[r] = sum over s of kernel[r, s] * sources[s], at both points; channels lie `pitch` elements apart.
template <int Count, class T>
TK_INLINE void add_sources(T* results, const T* sources, const T* kernel, const FftProblem& p, const FftPlan& q,
                           TwoPoints<T> at) {
    Complex<T> sums[Count][2]{};
    const int64_t count = p.sources / p.groups;
    for (int64_t s = 0; s < count; ++s, sources += q.pitch, kernel += p.by_source) {
        const Complex<T> x = load_point(sources + at.first), mirror = load_point(sources + at.second);
#pragma GCC unroll 2
        for (int r = 0; r < Count; ++r) {
            const T* const k = kernel + r * p.by_result;
            const Vec<T> re = broadcast(k[0]), im = broadcast(k[q.row / 2]);
            sums[r][0].re += re * x.re, sums[r][0].im += re * x.im;
            sums[r][1].re += re * mirror.re, sums[r][1].im += re * mirror.im;
            sums[r][0].re -= im * x.im, sums[r][0].im += im * x.re;
            sums[r][1].re += im * mirror.im, sums[r][1].im -= im * mirror.re;
        }
    }
#pragma GCC unroll 2
    for (int r = 0; r < Count; ++r) {
        store_point(results + r * q.pitch + at.first, sums[r][0]);
        store_point(results + r * q.pitch + at.second, sums[r][1]);
    }
}
// Of `vectors` vectors of all channels, [vector][channel], the pairs of points in [begin, end) of a group.
template <class T>
void multiply_kernels(T* results, const T* sources, const T* kernels, int64_t group, int64_t begin, int64_t end,
                      int64_t vectors, const FftProblem& p, const FftPlan& q) {
    const int64_t count = p.results / p.groups, inner = p.sources / p.groups;
    sources += group * inner * q.pitch, results += group * count * q.pitch, kernels += group * inner * count;
    for (int64_t half = begin; half < end; ++half) {
        const TwoPoints<T> at(pair_of(half, q.size));
        const T* const row = kernels + half * q.row;
        for (int64_t v = 0; v < vectors; ++v) {
            const T* const x = sources + v * p.sources * q.pitch;
            T* const y = results + v * p.results * q.pitch;
            int64_t r = 0;
            for (; r + 2 <= count; r += 2) add_sources<2>(y + r * q.pitch, x, row + r * p.by_result, p, q, at);
            if (r < count) add_sources<1>(y + r * q.pitch, x, row + r * p.by_result, p, q, at);
        }
    }
}

// kernel[k, c] (+)= sum over vectors and their lanes of conj(dy[k]) * x[c] at the first point, plus the conjugate of
// the same at the second one: twice the spectrum of what is real of the gradient. For `Count` rows k.
template <int Count, class T>
TK_INLINE void add_vectors(T* kernel, const T* dy, const T* x, int64_t vectors, bool set, const FftProblem& p,
                           const FftPlan& q, TwoPoints<T> at) {
    Complex<T> sums[Count]{};
    for (int64_t v = 0; v < vectors; ++v, dy += p.results * q.pitch, x += p.sources * q.pitch) {
        const Complex<T> a = load_point(x + at.first), b = load_point(x + at.second);
#pragma GCC unroll 2
        for (int k = 0; k < Count; ++k) {
            const Complex<T> g = load_point(dy + k * q.pitch + at.first), h = load_point(dy + k * q.pitch + at.second);
            sums[k].re += g.re * a.re, sums[k].im += g.re * a.im;
            sums[k].re += g.im * a.im, sums[k].im -= g.im * a.re;
            sums[k].re += h.re * b.re, sums[k].im -= h.re * b.im;
            sums[k].re += h.im * b.im, sums[k].im += h.im * b.re;
        }
    }
#pragma GCC unroll 2
    for (int k = 0; k < Count; ++k) {
        T *const re = kernel + k * p.by_result, *const im = re + q.row / 2;
        const T real = sum_halves<T>(sums[k].re), imaginary = sum_halves<T>(sums[k].im);
        *re = set ? real : *re + real;
        *im = set ? imaginary : *im + imaginary;
    }
}
template <class T>
void multiply_gradients(T* kernels, const T* dy, const T* x, int64_t group, int64_t begin, int64_t end, int64_t vectors,
                        bool set, const FftProblem& p, const FftPlan& q) {
    const int64_t rows = p.results / p.groups, columns = p.sources / p.groups;
    x += group * columns * q.pitch, dy += group * rows * q.pitch, kernels += group * columns * rows;
    for (int64_t half = begin; half < end; ++half) {
        const TwoPoints<T> at(pair_of(half, q.size));
        for (int64_t k = 0; k < rows; k += 2) {
            const T* const g = dy + k * q.pitch;
            for (int64_t c = 0; c < columns; ++c) {
                T* const to = kernels + half * q.row + k * p.by_result + c;
                const T* const a = x + c * q.pitch;
                if (k + 1 < rows) add_vectors<2>(to, g, a, vectors, set, p, q, at);
                else add_vectors<1>(to, g, a, vectors, set, p, q, at);
            }
        }
    }
}

}   // namespace
}   // namespace tk::TK_ISA
