// Winograd convolution 3x3 with stride 2, forward and backward-input, by phases.
//
// Along an axis, outputs o and their inputs 2o, 2o + 1, 2o + 2 from the window's origin on:
//
//   y[o] = (even[o] w0 + even[o + 1] w2)  +  odd[o] w1        even[j] = x[2j], odd[j] = x[2j + 1]
//
// a convolution of 2 taps, as F(4, 2), and a plain product: 5 + 4 products for 4 outputs, 81 instead of 144 in two
// axes. The input gradient has the same halves: dx[2j + 1] = dy[j] w1, dx[2j + 2] = dy[j + 1] w0 + dy[j] w2.
#include "kernels/conv_winograd.hpp"

namespace tk::TK_ISA {
namespace {

WinogradProblem forward_problem(const ConvShape& s) {
    const int64_t ic = s.ic / s.groups, oc = s.oc / s.groups;
    constexpr int step = Strided::step, inputs = Strided::inputs, outputs = Strided::outputs;
    return {s.n,
            s.groups,
            ic,
            oc,
            {{s.ih, -s.ph, step, inputs, 1}, {s.iw, -s.pw, step, inputs, 1}},
            {{s.oh, 0, outputs, outputs, 1}, {s.ow, 0, outputs, outputs, 1}},
            oc * ic * 9,
            ic * 9,
            9,
            false};
}

// Tiles of dx begin at a position that is odd from the window's origin on, -1 or 0 in the image.
WinogradProblem backward_input_problem(const ConvShape& s) {
    const int64_t ic = s.ic / s.groups, oc = s.oc / s.groups;
    constexpr int step = StridedBackward::step, inputs = StridedBackward::inputs, outputs = StridedBackward::outputs;
    const int64_t h = (s.ph + 1) / 2 - 1, w = (s.pw + 1) / 2 - 1;   // dy's position of the first tile
    return {s.n,
            s.groups,
            oc,
            ic,
            {{s.oh, h, step, inputs, 1}, {s.ow, w, step, inputs, 1}},
            {{s.ih, 2 * h + 1 - s.ph, outputs, outputs, 1}, {s.iw, 2 * w + 1 - s.pw, outputs, outputs, 1}},
            oc * ic * 9,
            9,
            ic * 9,
            false};
}

const char* cannot(const ConvShape& s) {
    if (s.kd * s.id != 1 || s.od != 1 || s.kh != 3 || s.kw != 3) return "for kernels of 3x3 alone";
    if (s.sh != 2 || s.sw != 2) return "for stride 2 alone";
    return cannot_dilated(s, 2);
}
const char* declines(const ConvShape& s) {
    if (s.ic / s.groups < 32 || s.oc / s.groups < 32)
        return "fewer than 32 channels per group: transforms would outweigh the products saved";
    if (s.ic / s.groups > 512 || s.oc / s.groups > 512)
        return "more than 512 channels per group: the transformed weights would outgrow the caches";
    if (s.oh < 28 || s.ow < 28) return "outputs smaller than 28x28: transforms would outweigh the products saved";
    return nullptr;
}
double error(int64_t channels, double roundoff) {
    return roundoff * (24 + 5 * __builtin_sqrt(static_cast<double>(channels)));
}
double forward_error_here(const ConvShape& s, double roundoff) { return error(s.ic / s.groups, roundoff); }
double backward_input_error_here(const ConvShape& s, double roundoff) { return error(s.oc / s.groups, roundoff); }

template <class T> int64_t forward_workspace(const ConvShape& s, int threads, bool packed) {
    return winograd_workspace<T, Strided, Strided>(forward_problem(s), threads, packed);
}
template <class T> int64_t backward_input_workspace(const ConvShape& s, int threads, bool) {
    return winograd_workspace<T, StridedBackward, StridedBackward>(backward_input_problem(s), threads, false);
}
template <class T> int64_t forward_packed(const ConvShape& s) {
    return plan<T, Strided, Strided>(forward_problem(s)).weights;
}
template <class T> void forward_pack(T* packed, const T* weight, const ConvShape& s) {
    transform_weights<T, Strided, Strided>(packed, weight, forward_problem(s));
}
template <class T> void run_forward(const ForwardCall<T>& a, const ConvShape& s) {
    if (!winograd<T, Strided, Strided>({a.y, a.x, nullptr, a.weight, a.bias, a.packed, a.relu, a.workspace},
                                       forward_problem(s)))
        plain_forward<T>().run(a, s);
}
template <class T> void run_backward_input(const BackwardInputCall<T>& a, const ConvShape& s) {
    if (!winograd<T, StridedBackward, StridedBackward>(
            {a.dx, a.dy, a.y, a.weight, nullptr, nullptr, false, a.workspace}, backward_input_problem(s)))
        plain_backward_input<T>().run(a, s);
}

}   // namespace

template <class T> const ForwardAlgorithm<T>& winograd_strided_forward() {
    if constexpr (sizeof(T) == 8) return not_in_double<ForwardAlgorithm<T>, ConvAlgorithm::winograd_strided>();
    else {
        static constexpr ForwardAlgorithm<T> entry = {{ConvAlgorithm::winograd_strided, false, nullptr, false, false,
                                                       cannot, declines, forward_workspace<T>, forward_error_here},
                                                      run_forward<T>,
                                                      forward_packed<T>,
                                                      forward_pack<T>};
        return entry;
    }
}
template <class T> const BackwardInputAlgorithm<T>& winograd_strided_backward_input() {
    if constexpr (sizeof(T) == 8) return not_in_double<BackwardInputAlgorithm<T>, ConvAlgorithm::winograd_strided>();
    else {
        static constexpr BackwardInputAlgorithm<T> entry = {
            {ConvAlgorithm::winograd_strided, false, nullptr, true, false, cannot, declines,
             backward_input_workspace<T>, backward_input_error_here},
            run_backward_input<T>};
        return entry;
    }
}
TK_EMIT(winograd_strided_forward)
TK_EMIT(winograd_strided_backward_input)

}   // namespace tk::TK_ISA
