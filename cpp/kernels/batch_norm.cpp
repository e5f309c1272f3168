// Batch normalisation of x [n][c][s], per channel over m = n*s elements, perhaps with ReLU on top.
//   mean = sum x / m,  var = sum (x - mean)^2 / m,  invstd = 1 / sqrt(var + eps)
//   y = (x - mean) * invstd * weight + bias,  with relu max(y, 0)
//   dbias = sum dy,  dweight = invstd * sum dy*(x - mean)        with relu dy counts where y > 0
//   dx = weight * invstd * (dy - dbias/m - (x - mean) * invstd * dweight/m)
// Statistics take one pass around a shift, the median of three elements: d = x - shift, mean = shift + sum d / m,
// var = sum d^2 / m - (sum d / m)^2. Where the shift lies more than two deviations from the mean, or squares leave the
// range of T, two passes in double answer. Sums run in T over 32 vectors, then in double, in an order that the shape
// alone fixes. Elementwise steps run in T.
// A channel group passes from memory once; normalising reads it from the cache. y's sign is found again from x rather
// than read: one stream of memory less.
#include "kernels/norm_units.hpp"

namespace tk::TK_ISA {
namespace {

// Constants of a unit's channels, d = x - mean in y = d * scale + shift.
template <class T> struct Affine {
    T mean[kMostChannels], scale[kMostChannels], shift[kMostChannels];

    // Of `count` channels: the scale still lacks their deviations.
    Affine(const T* weight, const T* bias, int64_t first, int64_t count) {
        store(mean, Vec<T>{});   // lanes of no channel
        values_or<T>(scale, weight, first, count, 1);
        values_or<T>(shift, bias, first, count, 0);
    }
};

// Before ReLU: forward and backward must agree on its sign to the bit.
template <class T> TK_INLINE Vec<T> affine(Vec<T> centred, Vec<T> scale, Vec<T> shift) {
    return centred * scale + shift;
}

template <class T>
TK_ONCE void normalise(T* y, const T* x, const Affine<T>& constants, bool relu, const Units<T>& u, int64_t unit,
                       int64_t chunk) {
    with_flag(relu, [&](auto rectified) {
        map_chunk(y, u, unit, chunk, [&](int64_t i) {
            const Vec<T> m = u.constant(constants.mean, i), a = u.constant(constants.scale, i);
            const Vec<T> b = u.constant(constants.shift, i);
            return [=](int64_t at, int64_t count) {
                const Vec<T> v = affine<T>(read(x + at, count) - m, a, b);
                return decltype(rectified)::value ? rectify<T>(v) : v;
            };
        });
    });
}

// sum (x - centre), or of its squares, in double throughout; a centre for each channel of the unit. Rarely needed.
template <class T>
TK_ONCE void sum_in_double(Pair* to, const T* x, const double* centre, bool squared, const Units<T>& u, int64_t unit,
                           int64_t chunk) {
    constexpr int64_t L = kLanes<T>, kWide = kLanes<double>;
    for (int64_t i = 0; i < u.run_channels(unit); ++i) {
        Sums<T> centres, sum{};
        for (int64_t lane = 0; lane < L; ++lane) centres.part[lane / kWide][lane % kWide] = centre[u.rows ? lane : i];
        u.for_each_run(unit, chunk, [&](int64_t start, int64_t length) {
            for (int64_t at = 0; at < length; at += L) {
                const int64_t count = length - at < L ? length - at : L;
                const Sums<T> v = widen(load_first(x + start + i * u.s + at, count));
                const Sums<T> inside = widen(keep_first<T>(broadcast(T{1}), count));
                for (int p = 0; p < Sums<T>::kParts; ++p) {
                    const Vec<double> d =
                        select<double>(inside.part[p] > 0, v.part[p] - centres.part[p], Vec<double>{});
                    sum.part[p] += squared ? d * d : d;
                }
            }
        });
        if (u.rows) {
            for (int64_t lane = 0; lane < u.channels(unit); ++lane)
                to[lane] = {sum.part[lane / kWide][lane % kWide], 0};
            continue;
        }
        for (int part = 1; part < Sums<T>::kParts; ++part) sum.part[0] += sum.part[part];
        to[i] = {sum_halves<double>(sum.part[0]), 0};
    }
}

// running = (1 - momentum) * running + momentum * statistic
template <class T> void update(T* running, int64_t channel, double statistic, double momentum) {
    if (running) running[channel] = static_cast<T>((1 - momentum) * running[channel] + momentum * statistic);
}

// sum d and sum d^2 around a shift, and around the exact mean: what statistics are made of.
template <class T> struct Moments {
    Pair *shifted, *plain, *centred;   // per chunk and channel
    T* shift;                          // per channel
    double m;

    Moments(T* workspace, const Units<T>& u) : m(u.positions ? static_cast<double>(u.positions) : 1) {
        shifted = reinterpret_cast<Pair*>(workspace);
        plain = shifted + u.chunks * u.c;
        centred = plain + u.chunks * u.c;
        shift = reinterpret_cast<T*>(centred + u.chunks * u.c);
    }
    static int64_t workspace(const Units<T>& u) { return elements_of<T>(3 * u.chunks * u.c) + u.c; }

    // Var and mean of a channel out of the shifted sums; false where they cannot be trusted.
    bool quick(const Units<T>& u, int64_t channel, double& mean, double& var) const {
        return moments_of<T>(total(shifted, u, channel), static_cast<double>(shift[channel]), m, mean, var);
    }
    bool trusted(const Units<T>& u, int64_t unit) const {
        double mean, var;
        bool all = true;
        for (int64_t i = 0; i < u.channels(unit); ++i) all &= quick(u, u.first(unit) + i, mean, var);
        return all;
    }
    void exact(const Units<T>& u, int64_t channel, double& mean, double& var) const {
        mean = total(plain, u, channel).first / m;
        var = total(centred, u, channel).first / m;
    }
};

}   // namespace

template <class T> int64_t batch_norm_forward_workspace(const NormShape& s, int) {
    return Moments<T>::workspace(Units<T>(s));
}

// Statistics of no element are mean 0 and var 0, and leave the running ones alone.
template <class T>
void batch_norm_forward(T* y, T* mean, T* invstd, T* running_mean, T* running_var, const T* x, const T* weight,
                        const T* bias, const NormShape& s, double momentum, double eps, bool relu, T* workspace) {
    const Units<T> u(s);
    const Moments<T> moments(workspace, u);
    const double m = moments.m, unbiased = m / (m - 1);

    const auto shifted = [&](int64_t unit, int64_t chunk) TK_ONCE {
        Vec<T> shift[kMostChannels];
        const int64_t first = u.first(unit), channels = u.channels(unit);
        if (u.rows) {
            shift[0] = u.median_of_three(x, unit, 0);
            if (chunk == 0) store_first(moments.shift + first, shift[0], channels);
        } else {
            for (int64_t i = 0; i < channels; ++i) {
                shift[i] = u.median_of_three(x, unit, i);
                if (chunk == 0) moments.shift[first + i] = shift[i][0];
            }
        }
        sum_chunk(slot(moments.shifted, u, unit, chunk), u, unit, chunk, [&](int64_t i) {
            return [=, centre = shift[i]](int64_t at, int64_t count, TwoSums<T>& to) {
                const Vec<T> d = keep_first<T>(read(x + at, count) - centre, count);
                to.first += d;
                to.second += d * d;
            };
        });
    };
    const auto plain = [&](int64_t unit, int64_t chunk) TK_ONCE {
        if (moments.trusted(u, unit)) return;
        const double centre[kMostChannels] = {};
        sum_in_double(slot(moments.plain, u, unit, chunk), x, centre, false, u, unit, chunk);
    };
    const auto centred = [&](int64_t unit, int64_t chunk) TK_ONCE {
        if (moments.trusted(u, unit)) return;
        double centre[kMostChannels] = {};
        for (int64_t i = 0; i < u.channels(unit); ++i) centre[i] = total(moments.plain, u, u.first(unit) + i).first / m;
        sum_in_double(slot(moments.centred, u, unit, chunk), x, centre, true, u, unit, chunk);
    };
    const auto apply = [&](int64_t unit, int64_t chunk) TK_ONCE {
        double centre[kMostChannels], var[kMostChannels];
        bool trusted = true;
        for (int64_t i = 0; i < u.channels(unit); ++i)
            trusted &= moments.quick(u, u.first(unit) + i, centre[i], var[i]);
        if (!trusted) {
            if (u.chunks == 1) plain(unit, 0), centred(unit, 0);
            for (int64_t i = 0; i < u.channels(unit); ++i) moments.exact(u, u.first(unit) + i, centre[i], var[i]);
        }
        Affine<T> constants(weight, bias, u.first(unit), u.channels(unit));
        for (int64_t i = 0; i < u.channels(unit); ++i) {
            const int64_t channel = u.first(unit) + i;
            const T deviation = inverse_deviation<T>(var[i], eps);
            constants.mean[i] = static_cast<T>(centre[i]);
            constants.scale[i] *= deviation;
            if (chunk) continue;
            mean[channel] = constants.mean[i];
            invstd[channel] = deviation;
            if (!u.positions) continue;
            update(running_mean, channel, centre[i], momentum);
            update(running_var, channel, var[i] * unbiased, momentum);
        }
        normalise(y, x, constants, relu, u, unit, chunk);
    };
    if (u.chunks == 1) u.run(3, shifted, apply);
    else u.run(3, shifted, plain, centred, apply);
}

template <class T>
void batch_norm_inference(T* y, const T* x, const T* mean, const T* var, const T* weight, const T* bias,
                          const NormShape& s, double eps, bool relu) {
    const auto apply = [=](T* to, const T* from, const Units<T>& u, int64_t unit, int64_t chunk) TK_ONCE {
        Affine<T> constants(weight, bias, u.first(unit), u.channels(unit));
        for (int64_t i = 0; i < u.channels(unit); ++i) {
            const int64_t channel = u.first(unit) + i;
            constants.mean[i] = mean[channel];
            constants.scale[i] *= inverse_deviation<T>(var[channel], eps);
        }
        normalise(to, from, constants, relu, u, unit, chunk);
    };
    const Units<T> u(s);
    // Maps so large that a channel's constants cost nothing are taken as they lie in memory.
    if (kTuned<T> && s.s >= 512 && u.chunks == 1 && !past_cache(y, u.elements())) {
        Units<T> image = u;
        image.n = 1, image.positions = s.s, image.width = 1;
        return parallel_chunks(s.n * s.c, larger(1, kElementGrain / s.s), s.s, [&](int64_t begin, int64_t end) {
            for (int64_t map = begin; map < end; ++map) {
                const int64_t start = map / s.c * s.c * s.s;
                apply(y + start, x + start, image, map % s.c, 0);
            }
        });
    }
    u.run(1, [&](int64_t unit, int64_t chunk) { apply(y, x, u, unit, chunk); });
}

template <class T> int64_t batch_norm_backward_workspace(const NormShape& s, int) {
    const Units<T> u(s);
    return elements_of<T>(u.chunks * u.c);
}

template <class T>
void batch_norm_backward(T* dx, T* dweight, T* dbias, const T* dy, const T* x, const T* mean, const T* invstd,
                         const T* weight, const T* bias, const NormShape& s, bool relu, T* workspace) {
    const Units<T> u(s);
    Pair* sums = reinterpret_cast<Pair*>(workspace);   // of dy and of dy * (x - mean)
    const double m = u.positions ? static_cast<double>(u.positions) : 1;

    const auto constants_of = [&](int64_t unit) {
        Affine<T> constants(weight, bias, u.first(unit), u.channels(unit));
        for (int64_t i = 0; i < u.channels(unit); ++i) {
            const int64_t channel = u.first(unit) + i;
            constants.mean[i] = mean[channel];
            constants.scale[i] *= invstd[channel];
        }
        return constants;
    };
    const auto sum = [&](int64_t unit, int64_t chunk) TK_ONCE {
        const Affine<T> constants = constants_of(unit);
        with_flag(relu, [&](auto masked) {
            sum_chunk(slot(sums, u, unit, chunk), u, unit, chunk, [&](int64_t i) {
                const Vec<T> c = u.constant(constants.mean, i), a = u.constant(constants.scale, i);
                const Vec<T> b = u.constant(constants.shift, i);
                return [=](int64_t at, int64_t count, TwoSums<T>& to) {
                    const Vec<T> d = read(x + at, count) - c;
                    Vec<T> g = read(dy + at, count);
                    if constexpr (decltype(masked)::value) g = select<T>(affine<T>(d, a, b) > 0, g, Vec<T>{});
                    to.first += g;
                    to.second += g * d;
                };
            });
        });
    };
    const auto apply = [&](int64_t unit, int64_t chunk) TK_ONCE {
        const Affine<T> constants = constants_of(unit);
        T offset[kMostChannels], slope[kMostChannels];
        store(offset, Vec<T>{}), store(slope, Vec<T>{});
        for (int64_t i = 0; i < u.channels(unit); ++i) {
            const int64_t channel = u.first(unit) + i;
            const Pair both = total(sums, u, channel);
            const double product = both.second * invstd[channel];
            offset[i] = static_cast<T>(both.first / m);
            slope[i] = static_cast<T>(product * invstd[channel] / m);
            if (chunk) continue;
            dbias[channel] = static_cast<T>(both.first);
            dweight[channel] = static_cast<T>(product);
        }
        with_flag(relu, [&](auto masked) {
            map_chunk(dx, u, unit, chunk, [&](int64_t i) {
                const Vec<T> c = u.constant(constants.mean, i), a = u.constant(constants.scale, i);
                const Vec<T> b = u.constant(constants.shift, i), f = u.constant(offset, i), k = u.constant(slope, i);
                return [=](int64_t at, int64_t count) {
                    const Vec<T> d = read(x + at, count) - c;
                    Vec<T> g = read(dy + at, count);
                    if constexpr (decltype(masked)::value) g = select<T>(affine<T>(d, a, b) > 0, g, Vec<T>{});
                    return a * (g - f - d * k);
                };
            });
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
