// Convolution by plain loops: no workspace, any shape; it ends every list of algorithms.
//   y[n,k,o] = bias[k] + sum over c, r of x[n, c, o*stride + r*dilation - pad] * weight[k,c,r]
// A tap adds weight * (a run of the input row) to a run of the output row, so that padding is never read and adds
// nothing. A unit is an output channel of an image; backwards an input channel, or a pair of both channels.
#include "kernels/conv_algorithms.hpp"
#include "kernels/positions.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

template <class T> void run_forward(const ForwardCall<T>& a, const ConvShape& s) {
    const int64_t icg = s.ic / s.groups, ocg = s.oc / s.groups, taps = taps_of(s);
    parallel_for(s.n * s.oc, multiply_adds(s), [&](int64_t unit, int) {
        const int64_t n = unit / s.oc, k = unit % s.oc;
        const T* image = a.x + (n * s.ic + k / ocg * icg) * in_plane(s);
        const T* w = a.weight + k * icg * taps;
        T* out = a.y + unit * out_plane(s);
        for (int64_t row = 0; row < s.od * s.oh; ++row, out += s.ow) {
            for (int64_t o = 0; o < s.ow; ++o) out[o] = 0;
            for (int64_t c = 0; c < icg; ++c)
                for_each_row_tap(s, row / s.oh, row % s.oh, [&](int64_t from, int64_t tap, int64_t shift) {
                    const Run run = positions_inside(s.ow, s.iw, s.sw, shift);
                    const T* in = image + c * in_plane(s) + from + shift;
                    const T factor = w[c * taps + tap];
                    if (s.sw == 1)
                        for (int64_t o = run.begin; o < run.end; ++o) out[o] += factor * in[o];
                    else
                        for (int64_t o = run.begin; o < run.end; ++o) out[o] += factor * in[o * s.sw];
                });
            if (a.bias)
                for (int64_t o = 0; o < s.ow; ++o) out[o] += a.bias[k];
            if (a.relu)
                for (int64_t o = 0; o < s.ow; ++o) out[o] = rectify_one(out[o]);
        }
    });
}

// dy where ReLU's output y is positive.
template <bool Masked, class T> TK_INLINE T kept(T dy, T y) { return Masked && !(y > 0) ? T(0) : dy; }

// The adjoint of run_forward: each output row is spread back over the input rows it was made of.
template <class T, bool Masked> void spread_back(const BackwardInputCall<T>& a, const ConvShape& s) {
    const int64_t icg = s.ic / s.groups, ocg = s.oc / s.groups, taps = taps_of(s);
    parallel_for(s.n * s.ic, multiply_adds(s), [&](int64_t unit, int) {
        const int64_t n = unit / s.ic, c = unit % s.ic, group = c / icg;
        T* image = a.dx + unit * in_plane(s);
        for (int64_t i = 0; i < in_plane(s); ++i) image[i] = 0;
        for (int64_t k = group * ocg; k < (group + 1) * ocg; ++k) {
            const T* w = a.weight + (k * icg + c % icg) * taps;
            const T* from = a.dy + (n * s.oc + k) * out_plane(s);
            const T* y = Masked ? a.y + (n * s.oc + k) * out_plane(s) : from;
            for (int64_t row = 0; row < s.od * s.oh; ++row, from += s.ow, y += s.ow)
                for_each_row_tap(s, row / s.oh, row % s.oh, [&](int64_t to, int64_t tap, int64_t shift) {
                    const Run run = positions_inside(s.ow, s.iw, s.sw, shift);
                    T* out = image + to + shift;
                    const T factor = w[tap];
                    if (s.sw == 1)
                        for (int64_t o = run.begin; o < run.end; ++o) out[o] += factor * kept<Masked>(from[o], y[o]);
                    else
                        for (int64_t o = run.begin; o < run.end; ++o)
                            out[o * s.sw] += factor * kept<Masked>(from[o], y[o]);
                });
        }
    });
}

template <class T> void run_backward_input(const BackwardInputCall<T>& a, const ConvShape& s) {
    return a.y ? spread_back<T, true>(a, s) : spread_back<T, false>(a, s);
}

// dweight[k,c,r] = sum over n, o of dy[n,k,o] * x[n, c, o*stride + r*dilation - pad]; row sums run in kLanes
// interleaved parts, which are added in a fixed order.
template <class T, bool Masked> void correlate(const BackwardWeightCall<T>& a, const ConvShape& s) {
    const int64_t icg = s.ic / s.groups, ocg = s.oc / s.groups, taps = taps_of(s);
    parallel_for(s.oc * icg, multiply_adds(s), [&](int64_t unit, int) {
        const int64_t k = unit / icg, c = k / ocg * icg + unit % icg;
        T* to = a.dweight + unit * taps;
        for (int64_t t = 0; t < taps; ++t) to[t] = 0;
        for (int64_t n = 0; n < s.n; ++n) {
            const T* g = a.dy + (n * s.oc + k) * out_plane(s);
            const T* y = Masked ? a.y + (n * s.oc + k) * out_plane(s) : g;
            const T* image = a.x + (n * s.ic + c) * in_plane(s);
            for (int64_t row = 0; row < s.od * s.oh; ++row, g += s.ow, y += s.ow)
                for_each_row_tap(s, row / s.oh, row % s.oh, [&](int64_t from, int64_t tap, int64_t shift) {
                    const Run run = positions_inside(s.ow, s.iw, s.sw, shift);
                    const T* in = image + from + shift;
                    constexpr int L = kLanes<T>;
                    T part[L] = {};
                    int64_t o = run.begin;
                    for (; o + L <= run.end; o += L)
                        for (int i = 0; i < L; ++i) part[i] += kept<Masked>(g[o + i], y[o + i]) * in[(o + i) * s.sw];
                    for (int i = 0; o < run.end; ++o, ++i) part[i] += kept<Masked>(g[o], y[o]) * in[o * s.sw];
                    T total = part[0];
                    for (int i = 1; i < L; ++i) total += part[i];
                    to[tap] += total;
                });
        }
    });
}

template <class T> void run_backward_weight(const BackwardWeightCall<T>& a, const ConvShape& s) {
    return a.y ? correlate<T, true>(a, s) : correlate<T, false>(a, s);
}

int64_t no_workspace(const ConvShape&, int, bool) { return 0; }

constexpr AlgorithmTraits traits(double (*error)(const ConvShape&, double)) {
    return {ConvAlgorithm::plain, true, nullptr, true, false, never, never, no_workspace, error};
}

}   // namespace

template <class T> const ForwardAlgorithm<T>& plain_forward() {
    static constexpr ForwardAlgorithm<T> entry = {traits(forward_error), run_forward<T>, no_pack, pack_nothing<T>};
    return entry;
}
template <class T> const BackwardInputAlgorithm<T>& plain_backward_input() {
    static constexpr BackwardInputAlgorithm<T> entry = {traits(backward_input_error), run_backward_input<T>};
    return entry;
}
template <class T> const BackwardWeightAlgorithm<T>& plain_backward_weight() {
    static constexpr BackwardWeightAlgorithm<T> entry = {traits(backward_weight_error), run_backward_weight<T>};
    return entry;
}
TK_EMIT(plain_forward)
TK_EMIT(plain_backward_input)
TK_EMIT(plain_backward_weight)

}   // namespace tk::TK_ISA
