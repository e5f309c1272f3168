// Activations of single elements, and their gradients from the output y.
//   relu     y = max(x, 0), NaN stays NaN      dx = dy where y > 0, else 0
//   add_relu y = max(a + b, 0)                 the same, for a and b
//   sigmoid  y = 1 / (1 + exp(-x))             dx = dy y (1 - y)
//   tanh                                       dx = dy (1 - y) (1 + y), which keeps its digits where |y| is near 1
#include "kernels/elementwise.hpp"
#include "kernels/simd_math.hpp"

namespace tk::TK_ISA {

template <class T> void relu_forward(T* y, const T* x, int64_t count) {
    elementwise<1>(count, y, [](Vec<T> v) { return rectify<T>(v); }, x);
}
template <class T> void add_relu_forward(T* y, const T* a, const T* b, int64_t count) {
    elementwise<1>(count, y, [](Vec<T> v, Vec<T> w) { return rectify<T>(v + w); }, a, b);
}
template <class T> void relu_backward(T* dx, const T* dy, const T* y, int64_t count) {
    elementwise<1>(count, dx, [](Vec<T> g, Vec<T> v) { return select<T>(v > 0, g, Vec<T>{}); }, dy, y);
}

// With e = exp(-|x|) nothing overflows, and far below zero the result goes on through the denormals:
// sigmoid(x) = 1 / (1 + e) where x >= 0 and e / (1 + e) below.
template <class T> void sigmoid_forward(T* y, const T* x, int64_t count) {
    elementwise<16>(
        count, y,
        [](Vec<T> v) {
            const Vec<T> e = exp_negative<T>(-absolute<T>(v));
            return select<T>(v < 0, e, broadcast(T{1})) / (1 + e);
        },
        x);
}
template <class T> void sigmoid_backward(T* dx, const T* dy, const T* y, int64_t count) {
    elementwise<1>(count, dx, [](Vec<T> g, Vec<T> v) { return g * v * (1 - v); }, dy, y);
}

template <class T> void tanh_forward(T* y, const T* x, int64_t count) {
    elementwise<16>(count, y, [](Vec<T> v) { return tanh<T>(v); }, x);
}
template <class T> void tanh_backward(T* dx, const T* dy, const T* y, int64_t count) {
    elementwise<1>(count, dx, [](Vec<T> g, Vec<T> v) { return g * ((1 - v) * (1 + v)); }, dy, y);
}

TK_EMIT(relu_forward)
TK_EMIT(add_relu_forward)
TK_EMIT(relu_backward)
TK_EMIT(sigmoid_forward)
TK_EMIT(sigmoid_backward)
TK_EMIT(tanh_forward)
TK_EMIT(tanh_backward)

}   // namespace tk::TK_ISA
