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

// The last elements of arrays, fewer than a vector of each: to whole vectors, and back.
template <class T>
__attribute__((noinline)) void take_last(T* to, const T* const* from, int64_t arrays, int64_t count) {
    for (int64_t k = 0; k < arrays; ++k) store(to + k * kLanes<T>, load_first(from[k], count));
}
template <class T> __attribute__((noinline)) void put_last(T* const* to, const T* from, int64_t arrays, int64_t count) {
    for (int64_t k = 0; k < arrays; ++k) store_first(to[k], load(from + k * kLanes<T>), count);
}

// Parameters, gradients and what the method keeps of each parameter, `States` arrays of its size.
template <class T, int States> struct Lists {
    T* const* params;
    const T* const* grads;
    const int64_t* offsets;
    int64_t arrays;
    T* const* states[States > 0 ? States : 1];

    // w = rule(w, grad, state) on vectors; the rule changes the states where they are.
    template <class Rule> TK_INLINE void update(int64_t cost, Rule rule) const {
        constexpr int64_t L = kLanes<T>;
        for_each_piece(offsets, arrays, cost, [=, *this](int64_t array, int64_t begin, int64_t end) {
            const int64_t left = (end - begin) % L, whole = end - begin - left;
            T* changed[1 + States];
            const T* grad = grads[array] + begin;
            for (int k = 0; k <= States; ++k) changed[k] = (k ? states[k - 1] : params)[array] + begin;
            update_vectors(rule, changed, grad, whole);
            if (left == 0) return;
            T last[(2 + States) * L], *lasts[1 + States];
            for (int k = 0; k <= States; ++k) changed[k] += whole, lasts[k] = last + k * L;
            grad += whole;
            take_last<T>(last, changed, 1 + States, left);
            take_last<T>(last + (1 + States) * L, &grad, 1, left);
            update_vectors(rule, lasts, last + (1 + States) * L, L);
            put_last<T>(changed, last, 1 + States, left);
        });
    }

private:
    // The rule by value: what the loop writes does not change it.
    template <class Rule>
    static __attribute__((noinline)) void update_vectors(Rule rule, T* const* arrays, const T* grad, int64_t count) {
        T *w = arrays[0], *kept[States > 0 ? States : 1];
        for (int k = 0; k < States; ++k) kept[k] = arrays[1 + k];
        for (int64_t i = 0; i < count; i += kLanes<T>) {
            Vec<T> state[States > 0 ? States : 1];
#pragma GCC unroll 3
            for (int k = 0; k < States; ++k) state[k] = load(kept[k] + i);
            store(w + i, rule(load(w + i), load(grad + i), state));
#pragma GCC unroll 3
            for (int k = 0; k < States; ++k) store(kept[k] + i, state[k]);
        }
    }
};

}   // namespace
}   // namespace tk::TK_ISA
