// PReLU of x [n][c][s], a weight per channel: y = x where x > 0, else w x.
//   dx = dy where x > 0, else w dy        dweight = sum over n and s of dy x where x <= 0
// A plane of s elements is cut into segments; each adds up its part of dweight, and the parts of a channel are added in
// their order, so that nothing depends on threads.
#include "kernels/elementwise.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kSegment = kElementGrain;

int64_t segments(const NormShape& s) { return (s.s + kSegment - 1) / kSegment; }

// f(first element, past the last one, channel, unit) for each segment of each plane
template <class F> TK_INLINE void each_segment(const NormShape& s, F f) {
    const int64_t parts = segments(s), units = s.n * s.c * parts;
    parallel_for(units, s.n * s.c * s.s, [=](int64_t unit, int) {
        const int64_t plane = unit / parts, begin = unit % parts * kSegment;
        const int64_t end = begin + kSegment < s.s ? begin + kSegment : s.s;
        f(plane * s.s + begin, plane * s.s + end, plane % s.c, unit);
    });
}

}   // namespace

template <class T> void prelu_forward(T* y, const T* x, const T* weight, const NormShape& s) {
    const bool streams = s.s % kLanes<T> == 0 && past_cache(y, s.n * s.c * s.s);
    each_segment(s, [=](int64_t begin, int64_t end, int64_t channel, int64_t) {
        const Vec<T> w = broadcast(weight[channel]);
        each_vector<at_once<T>(1)>(y, begin, end, streams, [=](int64_t i, int64_t left) {
            const Vec<T> v = read(x + i, left);
            return select<T>(v > 0, v, w * v);
        });
    });
}

template <class T> int64_t prelu_backward_workspace(const NormShape& s, int) { return s.n * s.c * segments(s); }

template <class T>
void prelu_backward(T* dx, T* dweight, const T* dy, const T* x, const T* weight, const NormShape& s, T* workspace) {
    const bool streams = s.s % kLanes<T> == 0 && past_cache(dx, s.n * s.c * s.s);
    each_segment(s, [=](int64_t begin, int64_t end, int64_t channel, int64_t unit) {
        const Vec<T> w = broadcast(weight[channel]);
        Vec<T> sum{};
        each_vector<at_once<T>(1)>(dx, begin, end, streams, [=, &sum](int64_t i, int64_t left) {
            const Vec<T> v = read(x + i, left), g = read(dy + i, left);
            sum += select<T>(v > 0, Vec<T>{}, g * v);
            return select<T>(v > 0, g, w * g);
        });
        workspace[unit] = sum_lanes<T>(sum);
    });
    const int64_t parts = segments(s);
    for (int64_t channel = 0; channel < s.c; ++channel) {
        double total = 0;
        for (int64_t n = 0; n < s.n; ++n)
            for (int64_t part = 0; part < parts; ++part) total += workspace[(n * s.c + channel) * parts + part];
        dweight[channel] = static_cast<T>(total);
    }
}

TK_EMIT(prelu_forward)
TK_EMIT(prelu_backward)
TK_EMIT(prelu_backward_workspace)

}   // namespace tk::TK_ISA
