// Every activation of activation_kinds.hpp through one loop, chosen by its kind.
#include "kernels/activation_kinds.hpp"
#include "kernels/elementwise.hpp"

namespace tk::TK_ISA {
namespace {

// elementwise() with one copy of f for whole vectors and tails: there are many kinds, and f is long.
template <class T, class F, class... In>
TK_INLINE void compact(int64_t count, int64_t cost, T* y, F f, const In*... in) {
    constexpr int L = kLanes<T>;
    const bool streams = past_cache(y, count);
    parallel_chunks(
        count, kElementGrain, cost,
        [=](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; i += L) {
                const int64_t left = end - i;
                const Vec<T> v = f((left < L ? load_first(in + i, left) : load(in + i))...);
                if (left < L) store_first(y + i, v, left);
                else if (streams) store_past_cache(y + i, v);
                else store(y + i, v);
            }
        },
        Schedule::even);
}

}   // namespace

template <class T> void activation_forward(T* y, const T* x, int64_t count, Activation kind, double a, double b) {
    const Vec<T> first = broadcast(static_cast<T>(a)), second = broadcast(static_cast<T>(b));
    switch (kind) {
#define TK_CASE(name)      \
    case Activation::name: \
        return compact(    \
            count, kinds::name<T>::cost, y, [=](Vec<T> v) { return kinds::name<T>::value(v, first, second); }, x);
        TK_ACTIVATIONS(TK_CASE)
#undef TK_CASE
    }
}

template <class T>
void activation_backward(T* dx, const T* dy, const T* x, int64_t count, Activation kind, double a, double b) {
    const Vec<T> first = broadcast(static_cast<T>(a)), second = broadcast(static_cast<T>(b));
    switch (kind) {
#define TK_CASE(name)                        \
    case Activation::name:                   \
        return compact(                      \
            count, kinds::name<T>::cost, dx, \
            [=](Vec<T> g, Vec<T> v) { return kinds::name<T>::gradient(g, v, first, second); }, dy, x);
        TK_ACTIVATIONS(TK_CASE)
#undef TK_CASE
    }
}

TK_EMIT(activation_forward)
TK_EMIT(activation_backward)

}   // namespace tk::TK_ISA
