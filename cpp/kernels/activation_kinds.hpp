// The formulas of TK_ACTIVATIONS: y(x) and dx = dy y'(x), with parameters a and b. `cost`: elementary operations of an
// element, roughly. A NaN stays NaN in y; where y' is 0 on a whole side, dx is 0 whatever dy is.
#pragma once
#include "kernels/normal_table.hpp"
#include "kernels/simd_math.hpp"

namespace tk {
namespace {
namespace kinds {

template <class T> TK_INLINE Vec<T> one() { return broadcast(T{1}); }
template <class T> TK_INLINE Vec<T> held(Vec<T> x, Vec<T> low, Vec<T> high) { return greater(low, lesser(high, x)); }

// s = 1 / (1 + exp(-x)) is below / whole, 1 - s is above / whole, neither by subtraction; whole lies from 1 to 2.
template <class T> struct Logistic {
    Vec<T> below, above, whole;
};
template <class T> TK_INLINE Logistic<T> logistic(Vec<T> x) {
    const Vec<T> e = exp_negative<T>(-absolute<T>(x));
    const VecMask<T> negative = x < 0;
    return {select<T>(negative, e, one<T>()), select<T>(negative, one<T>(), e), 1 + e};
}

// y = x above 0, else a (exp(x / a) - 1)
template <class T> struct celu {
    static constexpr int cost = 16;
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T> a, Vec<T>) {
        return select<T>(x > 0, x, a * expm1_negative<T>(x / a));
    }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T> a, Vec<T>) {
        return select<T>(x > 0, dy, dy * exp_negative<T>(lesser(Vec<T>{}, x / a)));
    }
};

// y = a x above 0, else b (exp(x) - 1)
template <class T> struct elu {
    static constexpr int cost = 16;
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T> a, Vec<T> b) {
        return select<T>(x > 0, a * x, b * expm1_negative<T>(x));
    }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T> a, Vec<T> b) {
        return dy * select<T>(x > 0, a, b * exp_negative<T>(lesser(Vec<T>{}, x)));
    }
};

// y = x P(x), P the normal distribution, which is max(x, 0) - |x| (1 - P(|x|)); y' = P + x exp(-x^2 / 2) / sqrt(2 pi).
// Few vectors have a lane so far from 0 that it takes an exponential; the others of its lanes do without all the same.
template <class T> struct gelu {
    static constexpr int cost = 32;
    static TK_INLINE Vec<T> anywhere(Vec<T> x) {
        const Normal<T> p = normal<T>(x);
        return greater(Vec<T>{}, x) - p.size * p.beyond;
    }
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T>, Vec<T>) {
        if constexpr (kPermutes && sizeof(T) == 4) {
            const Vec<T> size = absolute<T>(x), y = greater(Vec<T>{}, x) - size * normal_beyond(size);
            const VecMask<T> far = !(size < kBeyondEnd);   // or NaN
            if (__builtin_expect(any_lane(far), 0)) return select<T>(far, anywhere(x), y);
            return y;
        } else {
            return anywhere(x);
        }
    }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T>, Vec<T>) {
        const Normal<T> p = normal<T>(x);
        return dy * (normal_below<T>(x, p) + x * p.bell * static_cast<T>(0.39894228040143268));
    }
};

// y = x / (1 + exp(-u)), u = 2 sqrt(2 / pi) (x + 0.044715 x^3), which is x (1 + tanh(u / 2)) / 2. Beyond +-64, where
// u' might overflow, y' is 0 or 1 anyhow.
template <class T> struct gelu_tanh {
    static constexpr int cost = 24;
    static constexpr T kSlope = static_cast<T>(1.5957691216057308), kCube = static_cast<T>(0.044715);
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T>, Vec<T>) {
        const Logistic<T> s = logistic<T>(kSlope * x * (1 + kCube * x * x));
        return x * s.below / s.whole;
    }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T>, Vec<T>) {
        x = held<T>(x, broadcast(T{-64}), broadcast(T{64}));
        const Vec<T> square = kCube * x * x;
        const Logistic<T> s = logistic<T>(kSlope * x * (1 + square));
        return dy * (s.below * (s.whole + x * s.above * (kSlope * (1 + 3 * square))) / (s.whole * s.whole));
    }
};

// y = 0 from -a to a, else x
template <class T> struct hardshrink {
    static constexpr int cost = 1;
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T> a, Vec<T>) { return select<T>((x >= -a) & (x <= a), Vec<T>{}, x); }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T> a, Vec<T>) {
        return select<T>((x < -a) | (x > a), dy, Vec<T>{});
    }
};

// y = (x + 3) / 6 held from 0 to 1
template <class T> struct hardsigmoid {
    static constexpr int cost = 1;
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T>, Vec<T>) {
        return held<T>(x + 3, Vec<T>{}, broadcast(T{6})) * static_cast<T>(1.0 / 6);
    }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T>, Vec<T>) {
        return select<T>((x > -3) & (x < 3), dy * static_cast<T>(1.0 / 6), Vec<T>{});
    }
};

// y = x hardsigmoid(x); y' = 0 up to -3, x / 3 + 1 / 2 up to 3, 1 from there on
template <class T> struct hardswish {
    static constexpr int cost = 1;
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T> a, Vec<T> b) { return x * hardsigmoid<T>::value(x, a, b); }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T>, Vec<T>) {
        const Vec<T> inner = dy * (x * static_cast<T>(1.0 / 3) + static_cast<T>(0.5));
        return select<T>(x <= -3, Vec<T>{}, select<T>(x < 3, inner, dy));
    }
};

// y = x held from a to b
template <class T> struct hardtanh {
    static constexpr int cost = 1;
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T> a, Vec<T> b) { return held<T>(x, a, b); }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T> a, Vec<T> b) {
        return select<T>((x > a) & (x < b), dy, Vec<T>{});
    }
};

// y = x above 0, else a x
template <class T> struct leaky_relu {
    static constexpr int cost = 1;
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T> a, Vec<T>) { return select<T>(x > 0, x, a * x); }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T> a, Vec<T>) { return select<T>(x > 0, dy, a * dy); }
};

// y = x t, t = tanh(log(1 + w)) = (w^2 + 2 w) / (w^2 + 2 w + 2), w = exp(x), by e = exp(-|x|): both sides of the bar
// are divided by w^2 where x >= 0. y' = t + x (1 - t^2) / (1 + exp(-x)).
template <class T> struct mish {
    static constexpr int cost = 24;
    struct Parts {
        Vec<T> above, below;   // t = above / (above + below)
    };
    static TK_INLINE Parts parts(Vec<T> x, Vec<T> e) {
        const VecMask<T> negative = x < 0;
        return {select<T>(negative, e * (e + 2), 1 + 2 * e), select<T>(negative, broadcast(T{2}), 2 * e * e)};
    }
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T>, Vec<T>) {
        const Parts p = parts(x, exp_negative<T>(-absolute<T>(x)));
        return x * (p.above / (p.above + p.below));
    }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T>, Vec<T>) {
        const Vec<T> e = exp_negative<T>(-absolute<T>(x));
        const Parts p = parts(x, e);
        const Vec<T> inverse = 1 / (p.above + p.below), t = p.above * inverse;
        const Vec<T> logistic = select<T>(x < 0, e, one<T>()) / (1 + e);
        return dy * (t + x * (p.below * inverse * (1 + t)) * logistic);
    }
};

// y = x s, s = 1 / (1 + exp(-x)); y' = s (1 + x (1 - s))
template <class T> struct silu {
    static constexpr int cost = 20;
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T>, Vec<T>) {
        const Logistic<T> s = logistic<T>(x);
        return x * s.below / s.whole;
    }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T>, Vec<T>) {
        const Logistic<T> s = logistic<T>(x);
        return dy * (s.below * (s.whole + x * s.above) / (s.whole * s.whole));
    }
};

// y = log(1 + exp(a x)) / a, and x where a x > b; y' = 1 / (1 + exp(-a x))
template <class T> struct softplus {
    static constexpr int cost = 32;
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T> a, Vec<T> b) {
        const Vec<T> z = a * x;
        const Vec<T> y = greater(Vec<T>{}, z) + log1p_unit<T>(exp_negative<T>(-absolute<T>(z)));
        return select<T>(z > b, x, y / a);
    }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T> a, Vec<T> b) {
        const Vec<T> z = a * x;
        const Logistic<T> s = logistic<T>(z);
        return select<T>(z > b, dy, dy * s.below / s.whole);
    }
};

// y = 0 from -a to a, beyond it x less a, towards 0
template <class T> struct softshrink {
    static constexpr int cost = 1;
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T> a, Vec<T>) {
        return select<T>(x > a, x - a, select<T>(x < -a, x + a, x - x));   // x - x: 0, or NaN
    }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T> a, Vec<T> b) {
        return hardshrink<T>::gradient(dy, x, a, b);
    }
};

// y = x / (1 + |x|); y' = 1 / (1 + |x|)^2
template <class T> struct softsign {
    static constexpr int cost = 4;
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T>, Vec<T>) { return x / (1 + absolute<T>(x)); }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T>, Vec<T>) {
        const Vec<T> root = 1 + absolute<T>(x);
        return dy / (root * root);
    }
};

// y = 0 below 0, a at 0, 1 above; y' = 0
template <class T> struct step {
    static constexpr int cost = 1;
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T> a, Vec<T>) {
        return select<T>(x > 0, one<T>(), select<T>(x < 0, Vec<T>{}, select<T>(x == 0, a, x)));
    }
    static TK_INLINE Vec<T> gradient(Vec<T>, Vec<T>, Vec<T>, Vec<T>) { return Vec<T>{}; }
};

// y = x - tanh(x); y' = tanh(x)^2
template <class T> struct tanhshrink {
    static constexpr int cost = 16;
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T>, Vec<T>) { return x - tanh<T>(x); }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T>, Vec<T>) {
        const Vec<T> t = tanh<T>(x);
        return dy * (t * t);
    }
};

// y = b up to a, else x
template <class T> struct threshold {
    static constexpr int cost = 1;
    static TK_INLINE Vec<T> value(Vec<T> x, Vec<T> a, Vec<T> b) { return select<T>(x <= a, b, x); }
    static TK_INLINE Vec<T> gradient(Vec<T> dy, Vec<T> x, Vec<T> a, Vec<T>) { return select<T>(x <= a, Vec<T>{}, dy); }
};

}   // namespace kinds
}   // namespace
}   // namespace tk
