// Steps divided by what the gradients' squares have added up to; `g` is the Slope of a gradient.
#include "kernels/optimizer.hpp"

namespace tk::TK_ISA {

// s += g^2;  w -= lr g / (sqrt(s) + eps)
template <class T>
void adagrad_step(T* const* params, const T* const* grads, T* const* sums, const int64_t* offsets, int64_t arrays,
                  double lr, double eps, double weight_decay, bool maximize) {
    const T rate = static_cast<T>(lr), small = static_cast<T>(eps);
    const Slope<T> slope{static_cast<T>(weight_decay), maximize};
    Lists<T, 1>{params, grads, offsets, arrays, {sums}}.update(6, [=](Vec<T> w, Vec<T> grad, Vec<T>* state) {
        const Vec<T> g = slope(grad, w);
        state[0] += g * g;
        return w - rate * (g / (square_root(state[0]) + small));
    });
}

// s = rho s + (1 - rho) g^2;  d = g sqrt(a + eps) / sqrt(s + eps);  a = rho a + (1 - rho) d^2;  w -= lr d
template <class T>
void adadelta_step(T* const* params, const T* const* grads, T* const* square_avgs, T* const* acc_deltas,
                   const int64_t* offsets, int64_t arrays, double lr, double rho, double eps, double weight_decay,
                   bool maximize) {
    const T rate = static_cast<T>(lr), keep = static_cast<T>(rho), take = static_cast<T>(1 - rho);
    const T small = static_cast<T>(eps);
    const Slope<T> slope{static_cast<T>(weight_decay), maximize};
    Lists<T, 2>{params, grads, offsets, arrays, {square_avgs, acc_deltas}}.update(
        10, [=](Vec<T> w, Vec<T> grad, Vec<T>* state) {
            const Vec<T> g = slope(grad, w);
            state[0] = keep * state[0] + take * g * g;
            const Vec<T> delta = square_root(state[1] + small) / square_root(state[0] + small) * g;
            state[1] = keep * state[1] + take * delta * delta;
            return w - rate * delta;
        });
}

// s = alpha s + (1 - alpha) g^2;  with a list of means: m += (1 - alpha) (g - m) and s - m^2 below the root
// d = g / (sqrt(s) + eps);  with a list of buffers: d = b = momentum b + d;  w -= lr d
template <class T>
void rmsprop_step(T* const* params, const T* const* grads, T* const* square_avgs, T* const* momentum_buffers,
                  T* const* grad_avgs, const int64_t* offsets, int64_t arrays, double lr, double alpha, double eps,
                  double weight_decay, double momentum, bool maximize) {
    const T rate = static_cast<T>(lr), keep = static_cast<T>(alpha), take = static_cast<T>(1 - alpha);
    const T small = static_cast<T>(eps), friction = static_cast<T>(momentum);
    const Slope<T> slope{static_cast<T>(weight_decay), maximize};
    // The states in this order: squares, buffers, means.
    const auto rule = [=](auto buffers, auto means) {
        return [=](Vec<T> w, Vec<T> grad, Vec<T>* state) {
            const Vec<T> g = slope(grad, w);
            Vec<T> spread = state[0] = keep * state[0] + take * g * g;
            if constexpr (means) {
                Vec<T>& mean = state[buffers ? 2 : 1];
                mean += take * (g - mean);
                spread = spread - mean * mean;
                spread = select<T>(spread < 0, Vec<T>{}, spread);   // a variance; NaN passes
            }
            Vec<T> move = g / (square_root(spread) + small);
            if constexpr (buffers) state[1] = move = friction * state[1] + move;
            return w - rate * move;
        };
    };
    if (momentum_buffers && grad_avgs)
        Lists<T, 3>{params, grads, offsets, arrays, {square_avgs, momentum_buffers, grad_avgs}}.update(
            8, rule(kYes, kYes));
    else if (momentum_buffers)
        Lists<T, 2>{params, grads, offsets, arrays, {square_avgs, momentum_buffers}}.update(8, rule(kYes, kNo));
    else if (grad_avgs)
        Lists<T, 2>{params, grads, offsets, arrays, {square_avgs, grad_avgs}}.update(8, rule(kNo, kYes));
    else Lists<T, 1>{params, grads, offsets, arrays, {square_avgs}}.update(8, rule(kNo, kNo));
}

TK_EMIT(adagrad_step)
TK_EMIT(adadelta_step)
TK_EMIT(rmsprop_step)

}   // namespace tk::TK_ISA
