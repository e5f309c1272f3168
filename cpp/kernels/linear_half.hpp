// The linear layer on operands of 16 bits, sums in float32: y[i][j] = x[i] . weight[j] + bias[j], then perhaps ReLU.
//
// x [m][k] and weight [n][k] both lie along k, so an element of y is a dot product: lane l adds up the terms l, l + L,
// l + 2 L, ... (pairs of terms where the processor multiplies pairs), and the lanes are added at the end. That order is
// the same for every number of rows: a row of y depends on that row of x and on weight alone.
//
// One row: weights are widened in registers as they stream by: memory is what one waits for.
// More rows: x is widened once, and kColumns rows of weight at a time into scratch, which all rows of x then share.
// Products that read 16 bits as they are (bfloat16 with AVX512_BF16) need neither.
#pragma once
#include "kernels/half.hpp"
#include "kernels/register_tile.hpp"
#include "kernels/tile_sizes.hpp"

namespace tk::TK_ISA {
namespace {

// A kind of operand: Element as stored, Operand as multiplied, kTerms of them at once. The last terms of a row come
// through a buffer that is zero beyond them.
template <class E> struct Terms {
    typedef E Element;
    template <class Kind> static TK_INLINE typename Kind::Operand first(const E* from, int64_t count) {
        E room[Kind::kTerms] = {};
        __builtin_memcpy(room, from, count * sizeof(E));
        return Kind::read(room);
    }
};
struct Single : Terms<float> {
    typedef Vec<float> Operand;
    static constexpr int kTerms = kLanes<float>;
    static TK_INLINE Operand read(const float* from) { return load(from); }
    static TK_INLINE Vec<float> add(Vec<float> sum, Operand a, Operand b) { return sum + a * b; }
};
struct Half : Terms<uint16_t> {
    typedef Vec<float> Operand;
    static constexpr int kTerms = kLanes<float>;
    static constexpr bool kWidens = true;
    static TK_INLINE Operand read(const uint16_t* from) {
#if defined(__AVX512F__)   // maskz: GCC 12 warns of the plain form's own insides
        return _mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
#elif defined(__F16C__)
        return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#else
        return from_half(load_halves(from));
#endif
    }
    static TK_INLINE Vec<float> add(Vec<float> sum, Operand a, Operand b) { return sum + a * b; }
};
#if defined(__AVX512BF16__)
struct Bfloat16 : Terms<uint16_t> {
    typedef __m512bh Operand;
    static constexpr int kTerms = 2 * kLanes<float>;
    static constexpr bool kWidens = false;
    static TK_INLINE Operand read(const uint16_t* from) { return (Operand)_mm512_loadu_si512(from); }
    static TK_INLINE Vec<float> add(Vec<float> sum, Operand a, Operand b) { return _mm512_dpbf16_ps(sum, a, b); }
};
#else
struct Bfloat16 : Terms<uint16_t> {
    typedef Vec<float> Operand;
    static constexpr int kTerms = kLanes<float>;
    static constexpr bool kWidens = true;
    static TK_INLINE Operand read(const uint16_t* from) { return from_bfloat16(load_halves(from)); }
    static TK_INLINE Vec<float> add(Vec<float> sum, Operand a, Operand b) { return sum + a * b; }
};
#endif

// Rows of x and of weight of a tile: kRows * kColumns sums stay in registers.
#if defined(__AVX512F__)
constexpr int kRows = 4, kColumns = 6;
#else
constexpr int kRows = 2, kColumns = 4;
#endif
constexpr int64_t kUnitRows = 32, kUnitWeights = 4 * kColumns;   // rows of x and of weight of a unit

struct LinearArguments {
    float* y;
    const float* bias;
    int64_t n, k;   // of the whole matrices
    bool relu;
};

// Rows x kColumns of y from row i0, column j0; x, weight: those rows. What lies beyond `rows` and `columns` is
// computed from the last valid ones and not kept.
template <class Kind, int Rows>
TK_INLINE void dot_tile(const LinearArguments& p, const typename Kind::Element* x, int64_t i0, int64_t rows,
                        const typename Kind::Element* weight, int64_t j0, int64_t columns) {
    const typename Kind::Element *left[Rows], *right[kColumns];
    for (int i = 0; i < Rows; ++i) left[i] = x + smaller(i, rows - 1) * p.k;
    for (int j = 0; j < kColumns; ++j) right[j] = weight + smaller(j, columns - 1) * p.k;
    Vec<float> sums[Rows][kColumns] = {};
    const auto step = [&](auto&& read) __attribute__((always_inline)) {
        typename Kind::Operand b[kColumns];
#pragma GCC unroll 6
        for (int j = 0; j < kColumns; ++j) b[j] = read(right[j]);
#pragma GCC unroll 6
        for (int i = 0; i < Rows; ++i) {
            const typename Kind::Operand a = read(left[i]);
#pragma GCC unroll 6
            for (int j = 0; j < kColumns; ++j) sums[i][j] = Kind::add(sums[i][j], a, b[j]);
        }
    };
    int64_t k = 0;
    for (; k + Kind::kTerms <= p.k; k += Kind::kTerms)
        step([k](const auto* from) __attribute__((always_inline)) { return Kind::read(from + k); });
    if (k < p.k)
        step([k, left_over = p.k - k](const auto* from) { return Kind::template first<Kind>(from + k, left_over); });
    for (int i = 0; i < smaller(Rows, rows); ++i)
#pragma GCC unroll 1
        for (int j = 0; j < smaller(kColumns, columns); ++j) {
            const float sum = sum_halves<float>(sums[i][j]) + (p.bias ? p.bias[j0 + j] : 0.0f);
            p.y[(i0 + i) * p.n + j0 + j] = p.relu ? rectify_one(sum) : sum;
        }
}

// Any number of rows beside kColumns columns
template <class Kind, int Rows>
[[gnu::noinline]] void dot_rows(const LinearArguments& p, const typename Kind::Element* x, int64_t begin, int64_t end,
                                const typename Kind::Element* weight, int64_t j0, int64_t columns) {
    for (int64_t i = begin; i < end; i += Rows)
        dot_tile<Kind, Rows>(p, x + i * p.k, i, smaller(Rows, end - i), weight, j0, columns);
}

template <class Kind> void widen(float* to, const uint16_t* from, int64_t count) {
    int64_t k = 0;
    for (; k + kLanes<float> <= count; k += kLanes<float>) store(to + k, Kind::read(from + k));
    if (k < count) store_first(to + k, Kind::template first<Kind>(from + k, count - k), count - k);
}

template <class Kind> bool shares_widened(const MatmulShape& s) { return Kind::kWidens && s.m > 1; }

template <class Kind> int64_t linear_workspace(const MatmulShape& s, int threads) {
    return shares_widened<Kind>(s) ? (s.m + threads * kColumns) * s.k : 0;
}

template <class Kind>
[[gnu::noinline]] void run_linear(float* y, const uint16_t* x, const uint16_t* weight, const float* bias,
                                  const MatmulShape& s, bool relu, float* workspace) {
    const LinearArguments p{y, bias, s.n, s.k, relu};
    const bool shared = shares_widened<Kind>(s);
    if constexpr (Kind::kWidens)
        if (shared)
            parallel_for(s.m, s.m * s.k, [=](int64_t i, int) { widen<Kind>(workspace + i * s.k, x + i * s.k, s.k); });
    const int64_t row_units = ceil_div(s.m, kUnitRows), column_units = ceil_div(s.n, kUnitWeights);
    const int64_t work = s.m * s.n * larger(s.k, 1) / kProductsPerOperation;
    parallel_for(row_units * column_units, work, [&](int64_t unit, int thread) {
        const int64_t i0 = unit / column_units * kUnitRows, i1 = smaller(i0 + kUnitRows, s.m);
        const int64_t j0 = unit % column_units * kUnitWeights, j1 = smaller(j0 + kUnitWeights, s.n);
        for (int64_t j = j0; j < j1; j += kColumns) {
            const int64_t columns = smaller(kColumns, j1 - j);
            if (!shared) {
                constexpr int kMany = Kind::kWidens ? 1 : kRows;
                const auto rows = s.m == 1 ? dot_rows<Kind, 1> : dot_rows<Kind, kMany>;
                rows(p, x, i0, i1, weight + j * s.k, j, columns);
            } else if constexpr (Kind::kWidens) {
                float* wide = workspace + (s.m + thread * kColumns) * s.k;
                for (int64_t c = 0; c < columns; ++c) widen<Kind>(wide + c * s.k, weight + (j + c) * s.k, s.k);
                dot_rows<Single, kRows>(p, workspace, i0, i1, wide, j, columns);
            }
        }
    });
}

}   // namespace
}   // namespace tk::TK_ISA
