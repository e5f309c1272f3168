// Fourier transforms of kLanes complex signals at once, one in each lane.
//
//   forward   Z[f] = sum over p of z[p] * w^(f * p), w = exp(-2 pi i / size); Z[f] lies at f with its bits reversed
//   inverse   from there, with w's conjugate: size times z, in natural order
//
// A point is two vectors, real and imaginary parts. Four points meet at a time, in place; a quarter is transformed to
// its end before the next one, so that large signals pass each cache once. In reversed order the points of f and -f
// mirror each other: those that share their highest bit lie in a run, and a run turned around is that of the
// conjugates.
#pragma once
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kLeastPoints = 16, kMostPoints = 1 << 17;

template <class T> struct Complex {
    Vec<T> re, im;
};
template <class T> TK_INLINE Complex<T> operator+(Complex<T> a, Complex<T> b) { return {a.re + b.re, a.im + b.im}; }
template <class T> TK_INLINE Complex<T> operator-(Complex<T> a, Complex<T> b) { return {a.re - b.re, a.im - b.im}; }
template <class T> constexpr int64_t kPoint = 2 * kLanes<T>;   // elements
template <class T> TK_INLINE Complex<T> load_point(const T* z) { return {load(z), load(z + kLanes<T>)}; }
template <class T> TK_INLINE void store_point(T* z, Complex<T> v) {
    store(z, v.re);
    store(z + kLanes<T>, v.im);
}

// Of the roots of unity: for each quarter of a pass, ascending, w^j, w^2j, w^3j of its points. In double precision
// until they are rounded, each the product of the roots of j's bits, which halve a right angle again and again.
inline int64_t least_quarter(int64_t size) { return __builtin_ctzll(static_cast<uint64_t>(size)) % 2 ? 2 : 1; }
inline int64_t roots_size(int64_t size) { return 2 * size; }
template <class T> [[gnu::noinline]] void find_roots(T* roots, int64_t size) {
    double cosines[64] = {1, -1, 0}, sines[64] = {0, 0, -1};   // of -2 pi / 2^k
    for (int k = 3; int64_t{1} << k <= size; ++k) {
        cosines[k] = __builtin_sqrt((1 + cosines[k - 1]) / 2);
        sines[k] = sines[k - 1] / (2 * cosines[k]);
    }
    for (int64_t quarter = least_quarter(size); 4 * quarter <= size; quarter *= 4) {
        const int whole = __builtin_ctzll(static_cast<uint64_t>(4 * quarter));
        for (int64_t j = 0; j < quarter; ++j, roots += 6) {
            double re = 1, im = 0;
            for (int bit = 0; j >> bit; ++bit) {
                if (!(j >> bit & 1)) continue;
                const double c = cosines[whole - bit], s = sines[whole - bit], turned = re * c - im * s;
                im = re * s + im * c;
                re = turned;
            }
            const double re2 = re * re - im * im, im2 = 2 * re * im;
            const double all[6] = {re, im, re2, im2, re2 * re - im2 * im, re2 * im + im2 * re};
            for (int i = 0; i < 6; ++i) roots[i] = static_cast<T>(all[i]);
        }
    }
}

// v times a root, or its conjugate.
template <bool Inverse, class T> TK_INLINE Complex<T> turned(Complex<T> v, const T* root) {
    const Vec<T> c = broadcast(root[0]), s = broadcast(Inverse ? -root[1] : root[1]);
    return {v.re * c - v.im * s, v.re * s + v.im * c};
}
template <bool Inverse, bool Turns, class T> TK_INLINE void meet_four(T* z, int64_t quarter, const T* root) {
    T *z1 = z + quarter * kPoint<T>, *z2 = z1 + quarter * kPoint<T>, *z3 = z2 + quarter * kPoint<T>;
    Complex<T> a = load_point(z), b = load_point(z1), c = load_point(z2), d = load_point(z3);
    if constexpr (Inverse) {
        if constexpr (Turns) {
            b = turned<true>(b, root + 2), c = turned<true>(c, root), d = turned<true>(d, root + 4);
        }
        const Complex<T> s = a + b, t = a - b, u = c + d, v = c - d, iv = {-v.im, v.re};
        store_point(z, s + u), store_point(z1, t + iv), store_point(z2, s - u), store_point(z3, t - iv);
    } else {
        const Complex<T> s = a + c, t = a - c, u = b + d, v = b - d, iv = {-v.im, v.re};
        b = s - u, c = t - iv, d = t + iv;
        if constexpr (Turns) b = turned<false>(b, root + 2), c = turned<false>(c, root), d = turned<false>(d, root + 4);
        store_point(z, s + u), store_point(z1, b), store_point(z2, c), store_point(z3, d);
    }
}
template <bool Inverse, class T> TK_INLINE void pass(T* z, int64_t quarter, const T* root) {
    for (int64_t j = 0; j < quarter; ++j, z += kPoint<T>, root += 6) meet_four<Inverse, true>(z, quarter, root);
}
template <class T> TK_INLINE void meet_pairs(T* z) {   // of eight points
    for (int i = 0; i < 4; ++i, z += 2 * kPoint<T>) {
        const Complex<T> a = load_point(z), b = load_point(z + kPoint<T>);
        store_point(z, a + b), store_point(z + kPoint<T>, a - b);
    }
}
// roots: find_roots() of a size that is a power of 4 times this one.
template <bool Inverse, class T> void transform(T* z, int64_t size, const T* roots) {
    if (size == 4) return meet_four<Inverse, false>(z, 1, roots);
    const int64_t quarter = size / 4;
    const T* root = roots + 2 * (quarter - least_quarter(size));
    if constexpr (!Inverse) pass<false>(z, quarter, root);
    if (size == 8) meet_pairs(z);
    else
        for (int i = 0; i < 4; ++i) transform<Inverse>(z + i * quarter * kPoint<T>, quarter, roots);
    if constexpr (Inverse) pass<true>(z, quarter, root);
}

}   // namespace
}   // namespace tk::TK_ISA
