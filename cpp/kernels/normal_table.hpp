// The normal distribution near 0 without an exponential: for every whole n below kLanes a polynomial in v = x - n step
// of the probability of more than x, its coefficients a vector of one lane for each n.
#pragma once
#include "kernels/simd_math.hpp"

namespace tk {
namespace {

// Over all arguments the probability is off by less than 3 units in the last place (tests/kernels/test_simd_math.py).
#if defined(__AVX512F__)
constexpr int kBeyondDegree = 7;
constexpr float kBeyondStep = 0.3125f;
#else
constexpr int kBeyondDegree = 8;
constexpr float kBeyondStep = 0.5f;
#endif
constexpr float kBeyondEnd = kBeyondStep * (kLanes<float> - 0.5f);

struct BeyondTable {
    alignas(TK_VECTOR_BYTES) float coefficients[kBeyondDegree + 1][kLanes<float>];   // of v^k, for each n
};

// Taylor's series about each n step, where (k + 1) b[k+1] = -(x b[k] + b[k-1]) for the density and a[k+1] = -b[k] / (k
// + 1) for the probability; then made shorter: Chebyshev's polynomial of degree d over |v| <= step / 2 takes v^d away.
constexpr BeyondTable beyond_table() {
    constexpr int kTerms = 32;
    constexpr double half = kBeyondStep / 2;
    BeyondTable table{};
    double probability = 0.5, density = 0.39894228040143268;
    for (int n = 0; n < kLanes<float>; ++n) {
        double a[kTerms] = {probability}, b[kTerms] = {density, -n * double{kBeyondStep} * density};
        for (int k = 1; k + 1 < kTerms; ++k) b[k + 1] = -(n * double{kBeyondStep} * b[k] + b[k - 1]) / (k + 1);
        for (int k = 0; k + 1 < kTerms; ++k) a[k + 1] = -b[k] / (k + 1);
        probability = density = 0;
        for (int k = kTerms - 1; k >= 0; --k) {
            probability = probability * kBeyondStep + a[k];
            density = density * kBeyondStep + b[k];
        }
        for (int d = kTerms - 1; d > kBeyondDegree; --d) {
            double term = a[d];   // of v^d, v^(d-2), ... in that multiple of Chebyshev's polynomial
            for (int k = d; k >= 0; k -= 2) {
                a[k] -= term;
                term *= -half * half * k * (k - 1) / (4.0 * ((d - k) / 2 + 1) * ((d + k) / 2 - 1));
            }
        }
        for (int k = 0; k <= kBeyondDegree; ++k) table.coefficients[k][n] = static_cast<float>(a[k]);
    }
    return table;
}

// The probability of more than x, for 0 <= x < kBeyondEnd
TK_INLINE Vec<float> normal_beyond(Vec<float> x) {
    static constexpr BeyondTable table = beyond_table();
    const Vec<float> rounded = x * (1 / kBeyondStep) + kRounder<float>, v = x - (rounded - kRounder<float>)*kBeyondStep;
    const VecMask<float> n = (VecMask<float>)rounded;   // in its low bits, the only ones that are read
    Vec<float> sum = permuted<float>(load(table.coefficients[kBeyondDegree]), n);
#pragma GCC unroll 8
    for (int k = kBeyondDegree - 1; k >= 0; --k) sum = sum * v + permuted<float>(load(table.coefficients[k]), n);
    return sum;
}

}   // namespace
}   // namespace tk
