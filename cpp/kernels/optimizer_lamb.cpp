// LAMB: Adam's direction, scaled for each array by the ratio of two norms. Sums are made per chunk, chunks beginning
// where arrays do, and added in order: the same bits in any company and for any number of threads.
#include "kernels/optimizer.hpp"

namespace tk::TK_ISA {

// Two numbers per chunk, and one rate per array.
template <class T> int64_t lamb_step_workspace(const int64_t* offsets, int64_t arrays) {
    return offsets[arrays] / kElementGrain * 2 + arrays;
}

// m += (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2;  u = unbias1 m / (sqrt(v) unbias2 + eps) + weight_decay w
// w -= lr |w| / |u| u, the ratio 1 where one of the norms is 0
template <class T>
void lamb_step(T* const* params, const T* const* grads, T* const* exp_avgs, T* const* exp_avg_sqs, const int64_t* sizes,
               const int64_t* offsets, int64_t arrays, double lr, double beta1, double beta2, double unbias1,
               double unbias2, double eps, double weight_decay, bool maximize, T* workspace) {
    constexpr int L = kLanes<T>;
    const T take1 = static_cast<T>(1 - beta1), keep2 = static_cast<T>(beta2), take2 = static_cast<T>(1 - beta2);
    const T scale1 = static_cast<T>(unbias1), scale2 = static_cast<T>(unbias2), small = static_cast<T>(eps);
    const T decay = static_cast<T>(weight_decay);
    const Slope<T> slope{0, maximize};
    const auto direction = [=](Vec<T> w, Vec<T> m, Vec<T> v) {
        return scale1 * m / (square_root(v) * scale2 + small) + decay * w;
    };
    T* rates = workspace + offsets[arrays] / kElementGrain * 2;
    for_each_piece(offsets, arrays, 10, [=](int64_t array, int64_t begin, int64_t end) {
        end = sizes[array] < end ? sizes[array] : end;
        T *mean = exp_avgs[array], *square = exp_avg_sqs[array];
        Vec<T> weights{}, moves{};   // sums of squares; lanes beyond the end add (0 / eps)^2 or are cleared
        for (int64_t i = begin; i < end; i += L) {
            const int64_t count = end - i < L ? end - i : L;
            const Vec<T> w = load_first(params[array] + i, count);
            const Vec<T> g = slope(load_first(grads[array] + i, count), w);
            Vec<T> m = load_first(mean + i, count);
            m += take1 * (g - m);
            const Vec<T> v = keep2 * load_first(square + i, count) + take2 * g * g;
            store_first(mean + i, m, count);
            store_first(square + i, v, count);
            Vec<T> u = direction(w, m, v);
            for (int64_t lane = count; lane < L; ++lane) u[lane] = 0;
            weights += w * w;
            moves += u * u;
        }
        T* sums = workspace + (offsets[array] + begin) / kElementGrain * 2;
        sums[0] = sum_lanes<T>(weights);
        sums[1] = sum_lanes<T>(moves);
    });
    for (int64_t array = 0; array < arrays; ++array) {
        double weights = 0, moves = 0;
        for (int64_t at = offsets[array] / kElementGrain; at < offsets[array + 1] / kElementGrain; ++at) {
            weights += static_cast<double>(workspace[2 * at]);
            moves += static_cast<double>(workspace[2 * at + 1]);
        }
        const bool scales = weights != 0 && moves != 0;
        rates[array] = static_cast<T>(scales ? lr * (__builtin_sqrt(weights) / __builtin_sqrt(moves)) : lr);
    }
    for_each_piece(offsets, arrays, 10, [=](int64_t array, int64_t begin, int64_t end) {
        end = sizes[array] < end ? sizes[array] : end;
        for (int64_t i = begin; i < end; i += L) {
            const int64_t count = end - i < L ? end - i : L;
            const Vec<T> w = load_first(params[array] + i, count);
            const Vec<T> u =
                direction(w, load_first(exp_avgs[array] + i, count), load_first(exp_avg_sqs[array] + i, count));
            store_first(params[array] + i, w - rates[array] * u, count);
        }
    });
}

TK_EMIT(lamb_step_workspace)
TK_EMIT(lamb_step)

}   // namespace tk::TK_ISA
