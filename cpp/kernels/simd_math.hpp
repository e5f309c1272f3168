// exp, log, tanh and sqrt of vectors. Each lane is computed by the same steps wherever it stands: reduce
// the argument to a small interval, sum a Taylor series there, put the power of two back.
// Errors over all arguments, in units of the last place of the result (tests/kernels/test_simd_math.py):
//   exp < 1, log < 1, tanh < 3; sqrt is correctly rounded.
// As in IEEE arithmetic: NaN in, NaN out; exp(-inf) = 0, exp overflows to inf and underflows through the
// denormals; log(0) = -inf, log(x < 0) = NaN; tanh(-0) = -0.
#pragma once
#include "kernels/simd.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace tk {
namespace {

template <class T> struct Format;
template <> struct Format<float> {
    typedef uint32_t Bits __attribute__((vector_size(TK_VECTOR_BYTES)));
    static constexpr uint32_t kOne = 0x3f800000, kSign = 0x80000000;           // bits of 1 and of the sign
    static constexpr uint32_t kSqrtHalf = 0x3f3504f3, kInteger = 0x4b000000;   // sqrt(1/2) and 2^23
    static constexpr int kMantissa = 23, kBias = 127;
    static constexpr float kSmallestNormal = 0x1p-126f;
    static constexpr float kLowestExp = -104, kHighestExp = 89;   // beyond: 0 and inf
    // ln 2 = high + low; high has so few bits that k * high is exact for every exponent k.
    static constexpr float kLn2High = 0x1.63p-1f, kLn2Low = -0x1.bd0106p-13f;
    // |r| <= ln(2)/2: r^8/8! < 2^-27. s^2 < 0.0295: s^10/11 < 2^-28.
    static constexpr int kExpDegree = 7, kLogTerms = 4;
};
template <> struct Format<double> {
    typedef uint64_t Bits __attribute__((vector_size(TK_VECTOR_BYTES)));
    static constexpr uint64_t kOne = 0x3ff0000000000000, kSign = 0x8000000000000000;
    static constexpr uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd, kInteger = 0x4330000000000000;
    static constexpr int kMantissa = 52, kBias = 1023;
    static constexpr double kSmallestNormal = 0x1p-1022;
    static constexpr double kLowestExp = -746, kHighestExp = 710;
    static constexpr double kLn2High = 0x1.62e42fefa4p-1, kLn2Low = -0x1.8432a1b0e2634p-43;
    // r^14/14! < 2^-57, s^22/23 < 2^-60
    static constexpr int kExpDegree = 13, kLogTerms = 10;
};
template <class T> using Bits = typename Format<T>::Bits;

constexpr double kInverseFactorial[] = {
    1.0,        1.0,         1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,       1.0 / 720,
    1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800,
};

template <class T> TK_INLINE Bits<T> bits(Vec<T> v) { return (Bits<T>)v; }
template <class T> TK_INLINE Vec<T> from_bits(Bits<T> b) { return (Vec<T>)b; }
template <class T> TK_INLINE Vec<T> absolute(Vec<T> v) { return from_bits<T>(bits<T>(v) & ~Format<T>::kSign); }

// Adding 1.5 * 2^mantissa rounds to an integer and leaves it in the low bits.
template <class T> constexpr T kRounder = static_cast<T>(int64_t{3} << (Format<T>::kMantissa - 1));

// 2^n for whole n within the exponents of normal numbers
template <class T> TK_INLINE Vec<T> power_of_two(Vec<T> n) {
    return from_bits<T>((bits<T>(n + kRounder<T>) << Format<T>::kMantissa) + Format<T>::kOne);
}

// x = n ln 2 + r with whole n, and expm1(r) = r + r^2 (1/2! + r/3! + ...).
template <class T> struct ReducedExp {
    Vec<T> n, expm1;
};
template <class T> TK_INLINE ReducedExp<T> reduce_exp(Vec<T> x) {
    typedef Format<T> F;
    const Vec<T> n = x * static_cast<T>(1.4426950408889634) + kRounder<T> - kRounder<T>;
    const Vec<T> high = x - n * F::kLn2High, low = n * F::kLn2Low, r = high - low;   // high is exact
    Vec<T> sum = broadcast(static_cast<T>(kInverseFactorial[F::kExpDegree]));
#pragma GCC unroll 16
    for (int i = F::kExpDegree - 1; i >= 2; --i) sum = sum * r + static_cast<T>(kInverseFactorial[i]);
    return {n, high + (r * r * sum - low)};
}

template <class T> TK_INLINE Vec<T> exp(Vec<T> x) {
    typedef Format<T> F;
    x = select<T>(x < F::kLowestExp, broadcast(F::kLowestExp), x);   // NaN passes both
    x = select<T>(x > F::kHighestExp, broadcast(F::kHighestExp), x);
    const ReducedExp<T> e = reduce_exp<T>(x);
    // Two factors: n may lie a little beyond the exponents of normal numbers. Only the second one rounds.
    const Vec<T> half = e.n * static_cast<T>(0.5) + kRounder<T> - kRounder<T>;
    return (1 + e.expm1) * power_of_two<T>(half) * power_of_two<T>(e.n - half);
}

// exp(x) - 1 for x <= 0
template <class T> TK_INLINE Vec<T> expm1_negative(Vec<T> x) {
    x = select<T>(x < -40, broadcast(T{-40}), x);   // exp(-40) is lost beside 1
    const ReducedExp<T> e = reduce_exp<T>(x);
    const Vec<T> scale = power_of_two<T>(e.n);
    return scale * e.expm1 + (scale - 1);
}

// x = 2^n m with sqrt(1/2) <= m < sqrt(2); f = m - 1, s = f / (2 + f); then log m = 2 atanh(s) = f - s (f - R),
// R = 2 s^2/3 + 2 s^4/5 + ..., where f is exact and what is subtracted small.
template <class T> TK_INLINE Vec<T> log(Vec<T> x) {
    typedef Format<T> F;
    constexpr T up = static_cast<T>(int64_t{1} << (F::kMantissa + 2));   // lifts denormals
    const VecMask<T> denormal = x < F::kSmallestNormal;
    const Vec<T> lifted = select<T>(denormal, x * up, x);
    const Bits<T> shifted = bits<T>(lifted) + (F::kOne - F::kSqrtHalf);
    const Vec<T> exponent =
        from_bits<T>((shifted >> F::kMantissa) | F::kInteger) - from_bits<T>(Bits<T>{} + F::kInteger);
    const Vec<T> n = exponent - select<T>(denormal, broadcast(T{F::kBias + F::kMantissa + 2}), broadcast(T{F::kBias}));
    constexpr auto fraction = (decltype(F::kOne){1} << F::kMantissa) - 1;
    const Vec<T> f = from_bits<T>((shifted & fraction) + F::kSqrtHalf) - 1;
    const Vec<T> s = f / (2 + f), square = s * s;
    Vec<T> series = broadcast(static_cast<T>(2.0 / (2 * F::kLogTerms + 1)));
#pragma GCC unroll 16
    for (int i = F::kLogTerms - 1; i >= 1; --i) series = series * square + static_cast<T>(2.0 / (2 * i + 1));
    Vec<T> result = n * F::kLn2High + (f + (n * F::kLn2Low - s * (f - square * series)));
    constexpr T inf = static_cast<T>(__builtin_inf()), nan = static_cast<T>(__builtin_nan(""));
    result = select<T>(x < inf, result, x);   // inf and NaN
    result = select<T>(x < 0, broadcast(nan), result);
    return select<T>(x == 0, broadcast(-inf), result);
}

// With m = expm1(-2 |x|): tanh |x| = -m / (2 + m). Nothing overflows, and small x keep their digits.
template <class T> TK_INLINE Vec<T> tanh(Vec<T> x) {
    const Vec<T> m = expm1_negative<T>(-2 * absolute<T>(x));
    const Vec<T> size = absolute<T>(m) / (2 + m);
    return from_bits<T>(bits<T>(size) | (bits<T>(x) & Format<T>::kSign));
}

#if defined(__AVX512F__)   // maskz: GCC 12 warns of the plain form's own insides
TK_INLINE Vec<float> square_root(Vec<float> v) { return _mm512_maskz_sqrt_ps(0xffff, v); }
TK_INLINE Vec<double> square_root(Vec<double> v) { return _mm512_maskz_sqrt_pd(0xff, v); }
#elif defined(__AVX2__)
TK_INLINE Vec<float> square_root(Vec<float> v) { return _mm256_sqrt_ps(v); }
TK_INLINE Vec<double> square_root(Vec<double> v) { return _mm256_sqrt_pd(v); }
#elif defined(__SSE2__)
TK_INLINE Vec<float> square_root(Vec<float> v) { return _mm_sqrt_ps(v); }
TK_INLINE Vec<double> square_root(Vec<double> v) { return _mm_sqrt_pd(v); }
#else
TK_INLINE Vec<float> square_root(Vec<float> v) {
    for (int i = 0; i < kLanes<float>; ++i) v[i] = __builtin_sqrtf(v[i]);
    return v;
}
TK_INLINE Vec<double> square_root(Vec<double> v) {
    for (int i = 0; i < kLanes<double>; ++i) v[i] = __builtin_sqrt(v[i]);
    return v;
}
#endif

}   // namespace
}   // namespace tk
