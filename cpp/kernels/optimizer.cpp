// Steps along the gradient, along running means of it, and along their signs; `g` is the Slope of a gradient.
#include "kernels/optimizer.hpp"

namespace tk::TK_ISA {

// v = g at the first step, else momentum v + (1 - dampening) g
// w -= lr (g without momentum, g + momentum v with nesterov, else v)
template <class T>
void sgd_step(T* const* params, const T* const* grads, T* const* velocities, const int64_t* offsets, int64_t arrays,
              double lr, double momentum, double dampening, double weight_decay, bool nesterov, bool first,
              bool maximize) {
    const T rate = static_cast<T>(lr), keep = static_cast<T>(momentum), take = static_cast<T>(1 - dampening);
    const Slope<T> slope{static_cast<T>(weight_decay), maximize};
    if (momentum == 0) {
        Lists<T, 0>{params, grads, offsets, arrays, {}}.update(
            2, [=](Vec<T> w, Vec<T> grad, Vec<T>*) { return w - rate * slope(grad, w); });
        return;
    }
    Lists<T, 1>{params, grads, offsets, arrays, {velocities}}.update(2, [=](Vec<T> w, Vec<T> grad, Vec<T>* state) {
        const Vec<T> g = slope(grad, w);
        const Vec<T> v = first ? g : keep * state[0] + take * g;
        state[0] = v;
        return w - rate * (nesterov ? g + keep * v : v);
    });
}

// m += (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2;  with a list of largest: v = largest = max(largest, v)
// w = shrink w - rate (mean_part m + grad_part g) / (sqrt(v) unbias + eps), without the divisor where unbias = 0
template <class T>
void adam_step(T* const* params, const T* const* grads, T* const* exp_avgs, T* const* exp_avg_sqs,
               T* const* max_exp_avg_sqs, const int64_t* offsets, int64_t arrays, double rate, double mean_part,
               double grad_part, double beta1, double beta2, double unbias, double eps, double shrink,
               double weight_decay, bool maximize) {
    const T step = static_cast<T>(rate), of_mean = static_cast<T>(mean_part), of_grad = static_cast<T>(grad_part);
    const T take1 = static_cast<T>(1 - beta1), keep2 = static_cast<T>(beta2), take2 = static_cast<T>(1 - beta2);
    const T scale = static_cast<T>(unbias), small = static_cast<T>(eps), remain = static_cast<T>(shrink);
    const Slope<T> slope{static_cast<T>(weight_decay), maximize};
    const auto rule = [=](auto largest) {
        return [=](Vec<T> w, Vec<T> grad, Vec<T>* state) {
            w = remain * w;
            const Vec<T> g = slope(grad, w);
            state[0] += take1 * (g - state[0]);
            Vec<T> v = state[1] = keep2 * state[1] + take2 * g * g;
            if constexpr (largest) v = state[2] = select<T>(state[2] >= v, state[2], v);   // NaN in v passes
            Vec<T> move = of_mean * state[0];
            if (of_grad != 0) move += of_grad * g;
            if (scale != 0) move /= square_root(v) * scale + small;
            return w - step * move;
        };
    };
    if (max_exp_avg_sqs)
        Lists<T, 3>{params, grads, offsets, arrays, {exp_avgs, exp_avg_sqs, max_exp_avg_sqs}}.update(8, rule(kYes));
    else Lists<T, 2>{params, grads, offsets, arrays, {exp_avgs, exp_avg_sqs}}.update(8, rule(kNo));
}

// m += (1 - beta1) (g - m);  u = max(beta2 u, |g| + eps);  w -= rate m / u
template <class T>
void adamax_step(T* const* params, const T* const* grads, T* const* exp_avgs, T* const* exp_infs,
                 const int64_t* offsets, int64_t arrays, double rate, double beta1, double beta2, double eps,
                 double weight_decay, bool maximize) {
    const T step = static_cast<T>(rate), take1 = static_cast<T>(1 - beta1), keep2 = static_cast<T>(beta2);
    const T small = static_cast<T>(eps);
    const Slope<T> slope{static_cast<T>(weight_decay), maximize};
    Lists<T, 2>{params, grads, offsets, arrays, {exp_avgs, exp_infs}}.update(
        6, [=](Vec<T> w, Vec<T> grad, Vec<T>* state) {
            const Vec<T> g = slope(grad, w);
            state[0] += take1 * (g - state[0]);
            const Vec<T> faded = keep2 * state[1], size = absolute<T>(g) + small;
            state[1] = select<T>(faded >= size, faded, size);
            return w - step * (state[0] / state[1]);
        });
}

// c = m + (1 - beta1) (g - m);  w = (1 - lr weight_decay) w - lr sign(c);  m += (1 - beta2) (g - m)
template <class T>
void lion_step(T* const* params, const T* const* grads, T* const* exp_avgs, const int64_t* offsets, int64_t arrays,
               double lr, double beta1, double beta2, double weight_decay, bool maximize) {
    const T rate = static_cast<T>(lr), take1 = static_cast<T>(1 - beta1), take2 = static_cast<T>(1 - beta2);
    const T remain = static_cast<T>(1 - lr * weight_decay);
    const Slope<T> slope{0, maximize};
    Lists<T, 1>{params, grads, offsets, arrays, {exp_avgs}}.update(4, [=](Vec<T> w, Vec<T> grad, Vec<T>* state) {
        const Vec<T> g = slope(grad, w), ahead = g - state[0], c = state[0] + take1 * ahead;
        state[0] += take2 * ahead;
        const Vec<T> down = select<T>(c < 0, broadcast(-rate), c);   // 0 and NaN stay
        return remain * w - select<T>(c > 0, broadcast(rate), down);
    });
}

TK_EMIT(sgd_step)
TK_EMIT(adam_step)
TK_EMIT(adamax_step)
TK_EMIT(lion_step)

}   // namespace tk::TK_ISA
