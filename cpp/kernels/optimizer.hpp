// Optimizer steps over lists of arrays, in place. The arrays are taken as one long array, cut in chunks that many
// small parameters share: a step costs one parallel region whatever the model.
#pragma once
#include "kernels/elementwise.hpp"
#include "kernels/simd_math.hpp"

namespace tk::TK_ISA {
namespace {

// f(array, begin, end) over pieces of all arrays; array i holds elements offsets[i] to offsets[i + 1] of the whole.
template <class F> TK_INLINE void for_each_piece(const int64_t* offsets, int64_t arrays, int64_t cost, F&& f) {
    parallel_chunks(offsets[arrays], kElementGrain, cost, [&](int64_t begin, int64_t end) {
        int64_t array = 0;
        for (int64_t beyond = arrays; beyond - array > 1;) {   // the last array that starts at or before `begin`
            const int64_t middle = (array + beyond) / 2;
            if (offsets[middle] <= begin) array = middle;
            else beyond = middle;
        }
        for (; begin < end; ++array) {
            const int64_t stop = offsets[array + 1] < end ? offsets[array + 1] : end;
            if (begin < stop) f(array, begin - offsets[array], stop - offsets[array]);
            begin = stop;
        }
    });
}

// The gradient to go down: turned round to go up, with the weights' own pull added.
template <class T> struct Slope {
    T decay;
    bool maximize;

    TK_INLINE Vec<T> operator()(Vec<T> grad, Vec<T> w) const {
        if (maximize) grad = -grad;
        if (decay != 0) grad += decay * w;
        return grad;
    }
};

// For rules that differ in what they keep: `if constexpr (flag)`.
constexpr std::true_type kYes{};
constexpr std::false_type kNo{};

// Parameters, gradients and what the method keeps of each parameter, `States` arrays of its size.
template <class T, int States> struct Lists {
    T* const* params;
    const T* const* grads;
    const int64_t* offsets;
    int64_t arrays;
    T* const* states[States > 0 ? States : 1];

    // w = rule(w, grad, state) on vectors; the rule changes the states where they are.
    template <class Rule> TK_INLINE void update(int64_t cost, Rule rule) const {
        constexpr int L = kLanes<T>;
        for_each_piece(offsets, arrays, cost, [=, *this](int64_t array, int64_t begin, int64_t end) {
            T* w = params[array];
            const T* grad = grads[array];
            T* kept[States > 0 ? States : 1];
            for (int k = 0; k < States; ++k) kept[k] = states[k][array];
            for (int64_t i = begin; i < end; i += L) {
                const int64_t count = end - i < L ? end - i : L;
                Vec<T> state[States > 0 ? States : 1];
                for (int k = 0; k < States; ++k) state[k] = load_first(kept[k] + i, count);
                const Vec<T> moved = rule(load_first(w + i, count), load_first(grad + i, count), state);
                for (int k = 0; k < States; ++k) store_first(kept[k] + i, state[k], count);
                store_first(w + i, moved, count);
            }
        });
    }
};

}   // namespace
}   // namespace tk::TK_ISA
