// Measures cpp/kernels/simd_math.hpp and normal_table.hpp: for each function and precision the largest error over a
// walk through all bit patterns, in units of the last place of the result, against the C library in a wider format.
//   simd_math_errors <step float> <step double>    prints lines "exp float <ulp> <argument>"
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <limits>

#include "kernels/normal_table.hpp"
#include "kernels/simd_math.hpp"

namespace {

// What one unit in the last place is worth at `exact`.
template <class T> long double unit(long double exact) {
    int exponent;
    std::frexp(exact, &exponent);
    const int lowest = std::numeric_limits<T>::min_exponent;
    return std::ldexp(1.0L, (exponent < lowest ? lowest : exponent) - std::numeric_limits<T>::digits);
}

template <class T> double error(T computed, long double exact) {
    if (std::isnan(exact)) return std::isnan(computed) ? 0 : HUGE_VAL;
    const T rounded = static_cast<T>(exact);
    if (std::isinf(rounded) || std::isinf(computed)) return computed == rounded ? 0 : HUGE_VAL;
    if (std::signbit(rounded) != std::signbit(computed)) return HUGE_VAL;
    return static_cast<double>(std::fabs(static_cast<long double>(computed) - exact) / unit<T>(exact));
}

template <class T, class Word, class F, class Exact>
void measure(const char* name, const char* type, unsigned long long step, F f, Exact exact) {
    constexpr int L = tk::kLanes<T>;
    double worst = 0;
    T where = 0;
    T x[L] = {}, y[L];
    int filled = 0;
    const auto flush = [&] {
        tk::store(y, f(tk::load(x)));
        for (int i = 0; i < filled; ++i) {
            const double e = error<T>(y[i], exact(x[i]));
            if (!(e <= worst)) worst = e, where = x[i];
        }
        filled = 0;
    };
    const auto visit = [&](Word word) {
        T value;
        std::memcpy(&value, &word, sizeof value);
        x[filled++] = value;
        if (filled == L) flush();
    };
    Word word = 0;
    do visit(word);
    while ((word += static_cast<Word>(step)) >= step);
    for (T value : {T(0), T(-0.0), T(1), T(-1), std::numeric_limits<T>::infinity(), -std::numeric_limits<T>::infinity(),
                    std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::denorm_min(),
                    std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), std::numeric_limits<T>::lowest()}) {
        std::memcpy(&word, &value, sizeof word);
        visit(word);
    }
    flush();
    std::printf("%s %s %.4f %a\n", name, type, worst, static_cast<double>(where));
}

// The normal distribution below x. t^2 = x^2 / 2 + d, where d comes of rounding t; it counts in the tail alone, which
// falls as exp(-t^2).
template <class Wide, class T> Wide normal(T x) {
    if (!(std::fabs(x) < 100)) return std::isnan(x) ? x : x > 0;
    const Wide t = -x * std::sqrt(Wide(0.5)), square = t * t, half = Wide(x) * x / 2;
    const Wide d = square - half + (std::fma(t, t, -square) - std::fma(Wide(x) / 2, Wide(x), -half));
    return std::erfc(t) / 2 * (t > 1 ? std::exp(d) : 1);
}

template <class T, class Word, class Wide> void measure_all(const char* type, unsigned long long step) {
    using V = tk::Vec<T>;
    measure<T, Word>("exp", type, step, [](V v) { return tk::exp<T>(v); }, [](T x) { return std::exp(Wide(x)); });
    measure<T, Word>(
        "exp_negative", type, step, [](V v) { return v > 0 ? v - v : tk::exp_negative<T>(v); },
        [](T x) { return x > 0 ? Wide(x) - x : std::exp(Wide(x)); });
    measure<T, Word>("log", type, step, [](V v) { return tk::log<T>(v); }, [](T x) { return std::log(Wide(x)); });
    measure<T, Word>(
        "log1p", type, step, [](V v) { return v < 0 || v > 1 ? v - v : tk::log1p_unit<T>(v); },
        [](T x) { return x >= 0 && x <= 1 ? std::log1p(Wide(x) + 0) : Wide(x) - x; });
    measure<T, Word>(
        "normal", type, step, [](V v) { return tk::normal_below<T>(v, tk::normal<T>(v)); }, normal<Wide, T>);
    measure<T, Word>("tanh", type, step, [](V v) { return tk::tanh<T>(v); }, [](T x) { return std::tanh(Wide(x)); });
    measure<T, Word>(
        "sqrt", type, step, [](V v) { return tk::square_root(v); }, [](T x) { return std::sqrt(Wide(x)); });
}

}   // namespace

int main(int, char** arguments) {
    measure_all<float, unsigned, double>("float", std::strtoull(arguments[1], nullptr, 10));
    measure<float, unsigned>(
        "beyond", "float", std::strtoull(arguments[1], nullptr, 10),
        [&](tk::Vec<float> v) { return v >= 0 && v < tk::kBeyondEnd ? tk::normal_beyond(v) : v - v; },
        [](float x) { return x >= 0 && x < tk::kBeyondEnd ? normal<double, float>(-x) : double(x) - x; });
    measure_all<double, unsigned long long, long double>("double", std::strtoull(arguments[2], nullptr, 10));
}
