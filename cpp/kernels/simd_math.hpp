// exp, log, log1p on [0, 1], tanh, the normal distribution and sqrt of vectors. Each lane is computed by the same steps
// wherever it stands: reduce the argument to a small interval, sum a series there, put the power of two back.
// Errors over all arguments, in units of the last place of the result (tests/kernels/test_simd_math.py):
//   exp < 1, log < 1, log1p < 2, tanh < 3, normal < 5; sqrt is correctly rounded.
// As in IEEE arithmetic: NaN in, NaN out; exp(-inf) = 0, exp overflows to inf and underflows through the
// denormals; log(0) = -inf, log(x < 0) = NaN; tanh(-0) = -0; normal(-inf) = 0, normal(inf) = 1.
#pragma once
#include "kernels/simd.hpp"

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
    // (exp(r) - 1 - r) / r^2 for |r| <= ln(2)/2, the largest error of exp(r) least: 2^-28
    static constexpr double kExp[] = {0.49999988, 0.1666652, 0.041668389, 0.0083687445, 0.001381454};
    // s^2 < 0.0295: s^10/11 < 2^-28
    static constexpr int kLogTerms = 4;
    // M(x) (x + 4), a polynomial in (x - 4) / (x + 4) through Chebyshev's nodes: off by 2^-26 of itself for x <= 16
    static constexpr int kMillsDegree = 9, kMillsCentre = 4;
    static constexpr double kMills[kMillsDegree + 1] = {
        0.755285139,    -0.607896572,   0.387136708,   -0.186523846,   0.0604054795,
        -0.00752238638, -0.00351591905, 0.00156336997, 0.000179049395, -0.000130122312,
    };
};
template <> struct Format<double> {
    typedef uint64_t Bits __attribute__((vector_size(TK_VECTOR_BYTES)));
    static constexpr uint64_t kOne = 0x3ff0000000000000, kSign = 0x8000000000000000;
    static constexpr uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd, kInteger = 0x4330000000000000;
    static constexpr int kMantissa = 52, kBias = 1023;
    static constexpr double kSmallestNormal = 0x1p-1022;
    static constexpr double kLowestExp = -746, kHighestExp = 710;
    static constexpr double kLn2High = 0x1.62e42fefa4p-1, kLn2Low = -0x1.8432a1b0e2634p-43;
    // The same by Taylor's series: r^14/14! < 2^-57
    static constexpr double kExp[] = {
        1.0 / 2,     1.0 / 6,      1.0 / 24,      1.0 / 120,      1.0 / 720,       1.0 / 5040,
        1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800,
    };
    static constexpr int kLogTerms = 10;   // s^22/23 < 2^-60
    // off by 2^-56 for x <= 40
    static constexpr int kMillsDegree = 22, kMillsCentre = 5;
    static constexpr double kMills[kMillsDegree + 1] = {
        0.769193049750062958,     -0.665382502890056694,   0.495305615969976589,     -0.313533156671305171,
        0.165020366170375025,     -0.0691186387062946795,  0.0207950668000914596,    -0.00299337677064926812,
        -0.000797869400739248787, 0.000544899065037323011, -5.93757138164713118e-5,  -4.97628103779030353e-5,
        1.66811603645866454e-5,   3.98087128566697249e-6,  -2.76914578228227786e-6,  -3.3651220434990695e-7,
        4.32983703741560941e-7,   4.20918333388691458e-8,  -6.58488684007973972e-8,  -9.14450208128917386e-9,
        7.66723610720265331e-9,   1.68910576551537808e-9,  -1.80732120781460434e-10,
    };
};
template <class T> using Bits = typename Format<T>::Bits;

template <class T> TK_INLINE Bits<T> bits(Vec<T> v) { return (Bits<T>)v; }
template <class T> TK_INLINE Vec<T> from_bits(Bits<T> b) { return (Vec<T>)b; }
template <class T> TK_INLINE Vec<T> absolute(Vec<T> v) { return from_bits<T>(bits<T>(v) & ~Format<T>::kSign); }

// Adding 1.5 * 2^mantissa rounds to an integer and leaves it in the low bits; with `Up` more, that integer plus Up.
template <class T, int Up = 0> constexpr T kRounder = static_cast<T>((int64_t{3} << (Format<T>::kMantissa - 1)) + Up);

// 2^n of n + kRounder<T, kBias>, for whole n within the exponents of normal numbers
template <class T> TK_INLINE Vec<T> power_of_two(Vec<T> rounded) {
    return from_bits<T>(bits<T>(rounded) << Format<T>::kMantissa);
}

// expm1(r) = r + r^2 kExp(r) for r = high - low, |r| <= ln(2)/2, with the digits of low that r has lost. Terms in
// pairs, so that few wait for each other.
template <class T> TK_INLINE Vec<T> series_of_expm1(Vec<T> high, Vec<T> low) {
    constexpr auto& c = Format<T>::kExp;
    constexpr int last = static_cast<int>(sizeof c / sizeof c[0]) - 1;
    const Vec<T> r = high - low, square = r * r;
    Vec<T> sum = broadcast(static_cast<T>(c[last]));
    if constexpr (last % 2) sum = sum * r + static_cast<T>(c[last - 1]);
#pragma GCC unroll 8
    for (int i = (last & ~1) - 2; i >= 0; i -= 2)
        sum = sum * square + (r * static_cast<T>(c[i + 1]) + static_cast<T>(c[i]));
    return high + (square * sum - low);
}
// x = n ln 2 + r with whole n; `rounded` is n + kRounder<T, Up>.
template <class T> struct ReducedExp {
    Vec<T> rounded, n, expm1;
};
// Of the sum of x and the rest, if any
template <class T, int Up, class... Rest> TK_INLINE ReducedExp<T> reduce_exp(Vec<T> x, Rest... rest) {
    typedef Format<T> F;
    const Vec<T> rounded = x * static_cast<T>(1.4426950408889634) + kRounder<T, Up>, n = rounded - kRounder<T, Up>;
    const Vec<T> high = x - n * F::kLn2High;   // exact
    return {rounded, n, series_of_expm1<T>(high, ((n * F::kLn2Low) - ... - rest))};
}

// (1 + expm1) 2^n, rounded once: restore_exp() for n a little beyond the exponents of normal numbers,
// restore_small_exp() for n <= 0 and Up = kSmall, by which 2^n is lifted out of the denormals.
template <class T> constexpr int kSmall = Format<T>::kBias + Format<T>::kBias / 2 + 1;
#if defined(__AVX512F__)
TK_INLINE Vec<float> restore_exp(ReducedExp<float> e) { return _mm512_maskz_scalef_ps(0xffff, 1 + e.expm1, e.n); }
TK_INLINE Vec<double> restore_exp(ReducedExp<double> e) { return _mm512_maskz_scalef_pd(0xff, 1 + e.expm1, e.n); }
template <class T> TK_INLINE Vec<T> restore_small_exp(ReducedExp<T> e) { return restore_exp(e); }
#else
template <class T> TK_INLINE Vec<T> restore_exp(ReducedExp<T> e) {   // two factors, of which only the second rounds
    constexpr T up = kRounder<T, Format<T>::kBias>;
    const Vec<T> half = e.n * static_cast<T>(0.5) + kRounder<T> - kRounder<T>;
    return (1 + e.expm1) * power_of_two<T>(half + up) * power_of_two<T>(e.n - half + up);
}
template <class T> TK_INLINE Vec<T> restore_small_exp(ReducedExp<T> e) {
    constexpr T back = sizeof(T) == 4 ? 0x1p-64 : 0x1p-512;
    const Vec<T> lifted = power_of_two<T>(e.rounded);
    return (lifted * e.expm1 + lifted) * back;
}
#endif

template <class T> TK_INLINE Vec<T> exp(Vec<T> x) {
    typedef Format<T> F;
    x = lesser(broadcast(F::kHighestExp), greater(broadcast(F::kLowestExp), x));   // NaN passes both
    return restore_exp(reduce_exp<T, 0>(x));
}

// exp(x) for x <= 0
template <class T> TK_INLINE Vec<T> exp_negative(Vec<T> x) {
    x = greater(broadcast(Format<T>::kLowestExp), x);   // NaN passes
    return restore_small_exp<T>(reduce_exp<T, kSmall<T>>(x));
}

// exp(x) - 1 for x <= 0
template <class T> TK_INLINE Vec<T> expm1_negative(Vec<T> x) {
    x = greater(broadcast(T{-40}), x);   // exp(-40) is lost beside 1; NaN passes
    const ReducedExp<T> e = reduce_exp<T, Format<T>::kBias>(x);
    const Vec<T> scale = power_of_two<T>(e.rounded);
    return scale * e.expm1 + (scale - 1);
}

// log(2^n (1 + f)) with 1 + f from sqrt(1/2) to sqrt(2): for s = f / (2 + f), log(1 + f) = 2 atanh(s) = f - s (f - R),
// R = 2 s^2/3 + 2 s^4/5 + ..., where f is exact and what is subtracted small.
template <class T> TK_INLINE Vec<T> series_of_log(Vec<T> n, Vec<T> f) {
    typedef Format<T> F;
    const Vec<T> s = f / (2 + f), square = s * s;
    Vec<T> series = broadcast(static_cast<T>(2.0 / (2 * F::kLogTerms + 1)));
#pragma GCC unroll 16
    for (int i = F::kLogTerms - 1; i >= 1; --i) series = series * square + static_cast<T>(2.0 / (2 * i + 1));
    return n * F::kLn2High + (f + (n * F::kLn2Low - s * (f - square * series)));
}

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
    Vec<T> result = series_of_log<T>(n, f);
    constexpr T inf = static_cast<T>(__builtin_inf()), nan = static_cast<T>(__builtin_nan(""));
    result = select<T>(x < inf, result, x);   // inf and NaN
    result = select<T>(x < 0, broadcast(nan), result);
    return select<T>(x == 0, broadcast(-inf), result);
}

// log(1 + e) for 0 <= e <= 1: f is e itself, or exactly (e - 1) / 2 where 1 + e lies above sqrt(2). No digit of a small
// e is lost.
template <class T> TK_INLINE Vec<T> log1p_unit(Vec<T> e) {
    const VecMask<T> upper = e > static_cast<T>(0.41421356237309503);
    return series_of_log<T>(select<T>(upper, broadcast(T{1}), Vec<T>{}),
                            select<T>(upper, (e - 1) * static_cast<T>(0.5), e));
}

// a b - p, where p is a b rounded
#if defined(__AVX512F__)
TK_INLINE Vec<float> rest_of_product(Vec<float> a, Vec<float> b, Vec<float> p) {
    return _mm512_maskz_fmsub_ps(0xffff, a, b, p);
}
TK_INLINE Vec<double> rest_of_product(Vec<double> a, Vec<double> b, Vec<double> p) {
    return _mm512_maskz_fmsub_pd(0xff, a, b, p);
}
#elif defined(__AVX2__)
TK_INLINE Vec<float> rest_of_product(Vec<float> a, Vec<float> b, Vec<float> p) { return _mm256_fmsub_ps(a, b, p); }
TK_INLINE Vec<double> rest_of_product(Vec<double> a, Vec<double> b, Vec<double> p) { return _mm256_fmsub_pd(a, b, p); }
#else
// Each factor in halves whose products are exact (T. J. Dekker, Numer. Math. 18, 1971).
template <class T> TK_INLINE Vec<T> upper_half(Vec<T> v) {
    return from_bits<T>(bits<T>(v) & ~((decltype(Format<T>::kOne){1} << (Format<T>::kMantissa / 2 + 1)) - 1));
}
template <class V> TK_INLINE V rest_of_product(V a, V b, V p) {
    typedef std::remove_reference_t<decltype(a[0])> T;
    const V ah = upper_half<T>(a), bh = upper_half<T>(b), al = a - ah, bl = b - bh;
    return ah * bh - p + ah * bl + al * bh + al * bl;
}
#endif

// Of the normal distribution, at x: `size` is |x| as far as the rest is not 0, `bell` exp(-x^2 / 2), and `beyond` the
// probability of more than |x|: bell M(|x|), where Mills' ratio M(x) (x + c) is a polynomial in (x - c) / (x + c). What
// rounding takes from x^2 / 2 is put back, so that a small bell has all its digits.
template <class T> struct Normal {
    Vec<T> size, bell, beyond;
};
template <class T> TK_INLINE Normal<T> normal(Vec<T> x) {
    typedef Format<T> F;
    constexpr T end = sizeof(T) == 4 ? 16 : 40;   // exp(-end^2 / 2) is 0
    const Vec<T> size = lesser(broadcast(end), absolute<T>(x)), half = size * static_cast<T>(-0.5);   // NaN passes
    const Vec<T> square = half * size;
    const Vec<T> bell = restore_small_exp<T>(reduce_exp<T, kSmall<T>>(square, rest_of_product(half, size, square)));
    const Vec<T> twice = 2 / (size + F::kMillsCentre), w = size * twice - 1;
    Vec<T> mills = broadcast(static_cast<T>(F::kMills[F::kMillsDegree] / 2));
#pragma GCC unroll 32
    for (int i = F::kMillsDegree - 1; i >= 0; --i) mills = mills * w + static_cast<T>(F::kMills[i] / 2);
    return {size, bell, bell * (mills * twice)};
}
// The probability of less than x
template <class T> TK_INLINE Vec<T> normal_below(Vec<T> x, const Normal<T>& p) {
    return select<T>(x > 0, 1 - p.beyond, p.beyond);
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
