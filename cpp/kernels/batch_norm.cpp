// Batch normalisation of x [n][c][s], per channel over m = n*s elements.
//   mean = sum x / m,  var = sum (x - mean)^2 / m,  invstd = 1 / sqrt(var + eps)
//   y = (x - mean) * invstd * weight + bias
//   dbias = sum dy,  dweight = invstd * sum dy*(x - mean)
//   dx = weight * invstd * (dy - dbias/m - (x - mean) * invstd * dweight/m)
// Statistics take two passes in double: no cancellation. The sums of the gradient, whose terms are centred, run in T
// over 16 vectors, then in double. The shape alone fixes the order of every sum. Elementwise steps run in T.
#include "kernels/norm_units.hpp"

namespace tk::TK_ISA {
namespace {

// Doubles of workspace as elements of T.
template <class T> int64_t elements_of(int64_t doubles) {
    return doubles * static_cast<int64_t>(sizeof(double) / sizeof(T));
}

template <class T> TK_INLINE T value_or(const T* array, int64_t i, T otherwise) { return array ? array[i] : otherwise; }

template <class T> T inverse_deviation(double var, double eps) { return static_cast<T>(1 / __builtin_sqrt(var + eps)); }

// y = (x - mean) * scale + shift over a chunk; constants per lane.
template <class T>
TK_INLINE void normalise(T* y, const T* x, const T* mean, const T* scale, const T* shift, const Units<T>& u,
                         int64_t unit, int64_t chunk) {
    const Vec<T> m = load(mean), a = load(scale), b = load(shift);
    u.for_each_vector(unit, chunk,
                      [&](int64_t at, int64_t count) { write<T>(y + at, (read(x + at, count) - m) * a + b, count); });
}

// running = (1 - momentum) * running + momentum * statistic
template <class T> void update(T* running, int64_t channel, double statistic, double momentum) {
    if (running) running[channel] = static_cast<T>((1 - momentum) * running[channel] + momentum * statistic);
}

}   // namespace

template <class T> int64_t batch_norm_forward_workspace(const NormShape& s, int) {
    return elements_of<T>(2 * Units<T>(s).slots());
}

// Statistics of no element are mean 0 and var 0, and leave the running ones alone.
template <class T>
void batch_norm_forward(T* y, T* mean, T* invstd, T* running_mean, T* running_var, const T* x, const T* weight,
                        const T* bias, const NormShape& s, double momentum, double eps, T* workspace) {
    constexpr int L = kLanes<T>, Parts = Sums<T>::kParts;
    const Units<T> u(s);
    double* sums = reinterpret_cast<double*>(workspace);
    double* squares = sums + u.slots();
    const double m = u.positions ? static_cast<double>(u.positions) : 1;

    const auto sum = [&](int64_t unit, int64_t chunk) {
        sum_chunk<T, Sums<T>, 1>(
            sums + u.slot(unit, chunk), 0, u, unit, chunk,
            [&](int64_t at, int64_t count, Sums<T>* to) { add<T>(to[0], widen(read(x + at, count))); });
    };
    const auto square = [&](int64_t unit, int64_t chunk) {
        double centre[L];
        for (int i = 0; i < L; ++i) centre[i] = u.single && i ? centre[0] : total<T>(sums + u.slot(unit, 0), u, i) / m;
        sum_chunk<T, Sums<T>, 1>(squares + u.slot(unit, chunk), 0, u, unit, chunk,
                                 [&](int64_t at, int64_t count, Sums<T>* to) {
                                     Sums<T> d = widen(read(x + at, count));
                                     for (int i = 0; i < Parts; ++i) d.part[i] -= load(centre + i * kLanes<double>);
                                     if (count < L) keep_first<T>(d, count);
                                     for (int i = 0; i < Parts; ++i) to[0].part[i] += d.part[i] * d.part[i];
                                 });
    };
    const auto apply = [&](int64_t unit, int64_t chunk) {
        T centre[L], deviation[L], scale[L], shift[L];
        fill_lanes<T>(centre, u, unit, [&](int64_t channel, int64_t lane) {
            const double value = total<T>(sums + u.slot(unit, 0), u, lane) / m;
            if (chunk == 0) mean[channel] = static_cast<T>(value);
            if (chunk == 0 && u.positions) update(running_mean, channel, value, momentum);
            return static_cast<T>(value);
        });
        fill_lanes<T>(deviation, u, unit, [&](int64_t channel, int64_t lane) {
            const double moment = total<T>(squares + u.slot(unit, 0), u, lane);
            const T value = inverse_deviation<T>(moment / m, eps);
            if (chunk == 0) invstd[channel] = value;
            if (chunk == 0 && u.positions) update(running_var, channel, moment / (m - 1), momentum);
            return value;
        });
        fill_lanes<T>(scale, u, unit,
                      [&](int64_t channel, int64_t lane) { return deviation[lane] * value_or<T>(weight, channel, 1); });
        fill_lanes<T>(shift, u, unit, [&](int64_t channel, int64_t) { return value_or<T>(bias, channel, 0); });
        normalise(y, x, centre, scale, shift, u, unit, chunk);
    };
    u.run(3, sum, square, apply);
}

template <class T>
void batch_norm_inference(T* y, const T* x, const T* mean, const T* var, const T* weight, const T* bias,
                          const NormShape& s, double eps) {
    constexpr int L = kLanes<T>;
    const Units<T> u(s);
    u.run(1, [&](int64_t unit, int64_t chunk) {
        T centre[L], scale[L], shift[L];
        fill_lanes<T>(centre, u, unit, [&](int64_t channel, int64_t) { return mean[channel]; });
        fill_lanes<T>(scale, u, unit, [&](int64_t channel, int64_t) {
            return inverse_deviation<T>(var[channel], eps) * value_or<T>(weight, channel, 1);
        });
        fill_lanes<T>(shift, u, unit, [&](int64_t channel, int64_t) { return value_or<T>(bias, channel, 0); });
        normalise(y, x, centre, scale, shift, u, unit, chunk);
    });
}

template <class T> int64_t batch_norm_backward_workspace(const NormShape& s, int) {
    return elements_of<T>(2 * Units<T>(s).slots());
}

template <class T>
void batch_norm_backward(T* dx, T* dweight, T* dbias, const T* dy, const T* x, const T* mean, const T* invstd,
                         const T* weight, const NormShape& s, T* workspace) {
    constexpr int L = kLanes<T>;
    const Units<T> u(s);
    double* sums = reinterpret_cast<double*>(workspace);   // of dy
    double* products = sums + u.slots();                   // of dy * (x - mean)
    const double m = u.positions ? static_cast<double>(u.positions) : 1;

    const auto sum = [&](int64_t unit, int64_t chunk) {
        T centre[L];
        fill_lanes<T>(centre, u, unit, [&](int64_t channel, int64_t) { return mean[channel]; });
        const Vec<T> c = load(centre);
        sum_chunk<T, Vec<T>, 2>(sums + u.slot(unit, chunk), u.slots(), u, unit, chunk,
                                [&](int64_t at, int64_t count, Vec<T>* to) {
                                    const Vec<T> g = read(dy + at, count);
                                    to[0] += g;
                                    to[1] += g * (read(x + at, count) - c);
                                });
    };
    const auto apply = [&](int64_t unit, int64_t chunk) {
        T centre[L], scale[L], offset[L], slope[L];
        fill_lanes<T>(centre, u, unit, [&](int64_t channel, int64_t) { return mean[channel]; });
        fill_lanes<T>(scale, u, unit,
                      [&](int64_t channel, int64_t) { return invstd[channel] * value_or<T>(weight, channel, 1); });
        fill_lanes<T>(offset, u, unit, [&](int64_t channel, int64_t lane) {
            const double value = total<T>(sums + u.slot(unit, 0), u, lane);
            if (chunk == 0) dbias[channel] = static_cast<T>(value);
            return static_cast<T>(value / m);
        });
        fill_lanes<T>(slope, u, unit, [&](int64_t channel, int64_t lane) {
            const double value = total<T>(products + u.slot(unit, 0), u, lane) * invstd[channel];
            if (chunk == 0) dweight[channel] = static_cast<T>(value);
            return static_cast<T>(value * invstd[channel] / m);
        });
        const Vec<T> c = load(centre), a = load(scale), b = load(offset), k = load(slope);
        u.for_each_vector(unit, chunk, [&](int64_t at, int64_t count) {
            const Vec<T> g = read(dy + at, count) - b, d = read(x + at, count) - c;
            write<T>(dx + at, a * (g - d * k), count);
        });
    };
    u.run(3, sum, apply);
}

TK_EMIT(batch_norm_forward_workspace)
TK_EMIT(batch_norm_forward)
TK_EMIT(batch_norm_inference)
TK_EMIT(batch_norm_backward_workspace)
TK_EMIT(batch_norm_backward)

}   // namespace tk::TK_ISA
