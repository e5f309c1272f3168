// Optimizer steps over lists of arrays, in place. The arrays are taken as one long array, cut in chunks that many
// small parameters share: a step costs one parallel region whatever the model.
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

}   // namespace

// g = grad + weight_decay w;  v = g at the first step, else momentum v + (1 - dampening) g;
// w -= lr (g without momentum, g + momentum v with nesterov, else v)
template <class T>
void sgd_step(T* const* params, const T* const* grads, T* const* velocities, const int64_t* offsets, int64_t arrays,
              double lr, double momentum, double dampening, double weight_decay, bool nesterov, bool first) {
    constexpr int L = kLanes<T>;
    const T rate = static_cast<T>(lr), keep = static_cast<T>(momentum), take = static_cast<T>(1 - dampening);
    const T decay = static_cast<T>(weight_decay);
    for_each_piece(offsets, arrays, 2, [=](int64_t array, int64_t begin, int64_t end) {
        T* w = params[array];
        const T* grad = grads[array];
        T* velocity = momentum != 0 ? velocities[array] : nullptr;
        for (int64_t i = begin; i < end; i += L) {
            const int64_t count = end - i < L ? end - i : L;
            const Vec<T> old = load_first(w + i, count);
            Vec<T> g = load_first(grad + i, count);
            if (weight_decay != 0) g += decay * old;
            if (velocity) {
                const Vec<T> v = first ? g : keep * load_first(velocity + i, count) + take * g;
                store_first(velocity + i, v, count);
                g = nesterov ? g + keep * v : v;
            }
            store_first(w + i, old - rate * g, count);
        }
    });
}

// g = grad, + weight_decay w unless decoupled; decoupled: w *= 1 - lr weight_decay first
// m += (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2;  w -= lr / correction1 m / (sqrt(v / correction2) + eps)
// with correction = 1 - beta^step.
template <class T>
void adam_step(T* const* params, const T* const* grads, T* const* exp_avgs, T* const* exp_avg_sqs,
               const int64_t* offsets, int64_t arrays, double lr, double beta1, double beta2, double eps,
               double weight_decay, bool decoupled, double correction1, double correction2) {
    constexpr int L = kLanes<T>;
    const T rate = static_cast<T>(lr / correction1), unbias = static_cast<T>(1 / __builtin_sqrt(correction2));
    const T take1 = static_cast<T>(1 - beta1), keep2 = static_cast<T>(beta2), take2 = static_cast<T>(1 - beta2);
    const T small = static_cast<T>(eps), decay = static_cast<T>(decoupled ? 0 : weight_decay);
    const T shrink = static_cast<T>(decoupled ? 1 - lr * weight_decay : 1);
    for_each_piece(offsets, arrays, 8, [=](int64_t array, int64_t begin, int64_t end) {
        T *w = params[array], *mean = exp_avgs[array], *square = exp_avg_sqs[array];
        const T* grad = grads[array];
        for (int64_t i = begin; i < end; i += L) {
            const int64_t count = end - i < L ? end - i : L;
            const Vec<T> old = shrink * load_first(w + i, count);
            Vec<T> g = load_first(grad + i, count);
            if (decay != 0) g += decay * old;
            Vec<T> m = load_first(mean + i, count);
            m += take1 * (g - m);
            const Vec<T> v = keep2 * load_first(square + i, count) + take2 * g * g;
            store_first(mean + i, m, count);
            store_first(square + i, v, count);
            store_first(w + i, old - rate * (m / (square_root(v) * unbias + small)), count);
        }
    });
}

TK_EMIT(sgd_step)
TK_EMIT(adam_step)

}   // namespace tk::TK_ISA
