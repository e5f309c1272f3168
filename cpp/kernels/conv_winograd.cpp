// Winograd convolution with stride 1, forward and backward-input: F(4x4, 3x3), F(2x2, 3x3), and F(4, 3) along rows.
//
// The input gradient is such a convolution itself: dy as input, weights with their two channels exchanged and their
// taps reversed.
#include "kernels/conv_winograd.hpp"

namespace tk::TK_ISA {
namespace {

template <class H, class W> WinogradProblem forward_problem(const ConvShape& s) {
    const int64_t ic = s.ic / s.groups, oc = s.oc / s.groups, taps = kTaps<H, W>;
    return {s.n,
            s.groups,
            ic,
            oc,
            {{s.ih, -s.ph, H::step, H::inputs, dilation_h(s)}, {s.iw, -s.pw, W::step, W::inputs, s.dil_w}},
            {{s.oh, 0, H::outputs, H::outputs, dilation_h(s)}, {s.ow, 0, W::outputs, W::outputs, s.dil_w}},
            oc * ic * taps,
            ic * taps,
            taps,
            false};
}
template <class H, class W> WinogradProblem backward_input_problem(const ConvShape& s) {
    const int64_t ic = s.ic / s.groups, oc = s.oc / s.groups, taps = kTaps<H, W>, dil_h = dilation_h(s);
    return {s.n,
            s.groups,
            oc,
            ic,
            {{s.oh, s.ph - (s.kh - 1) * dil_h, H::step, H::inputs, dil_h},
             {s.ow, s.pw - (s.kw - 1) * s.dil_w, W::step, W::inputs, s.dil_w}},
            {{s.ih, 0, H::outputs, H::outputs, dil_h}, {s.iw, 0, W::outputs, W::outputs, s.dil_w}},
            oc * ic * taps,
            taps,
            ic * taps,
            true};
}

// ---- what they take -----------------------------------------------------------------------------------------------

bool is_square(const ConvShape& s) { return s.kh == 3; }

const char* cannot_f4(const ConvShape& s) {
    if (s.kd * s.id != 1 || s.od != 1 || s.kw != 3 || (s.kh != 3 && s.kh != 1)) return "for kernels of 3x3 and 3 alone";
    if (s.sh * s.sw != 1) return "for stride 1 alone";
    return cannot_dilated(s, 1);
}
const char* cannot_f2(const ConvShape& s) { return s.kh == 3 ? cannot_f4(s) : "for kernels of 3x3 alone"; }

const char* kFewChannels = "fewer than 16 channels per group: transforms would outweigh the products saved";
const char* declines_channels(const ConvShape& s) {
    if (s.ic / s.groups < 16 || s.oc / s.groups < 16) return kFewChannels;
    if (s.ic / s.groups > 1024 || s.oc / s.groups > 1024)
        return "more than 1024 channels per group: the transformed weights would outgrow the caches";
    return nullptr;
}
const char* forward_f4_declines(const ConvShape& s) {
    const char* why = declines_channels(s);
    return why ? why : declines_f4_tiles(s, s.oh, s.ow);
}
const char* forward_f2_declines(const ConvShape& s) {
    const char* why = declines_channels(s);
    return why ? why : declines_f2_tiles(s, s.oh, s.ow);
}
const char* backward_input_f4_declines(const ConvShape& s) {
    const char* why = declines_channels(s);
    return why ? why : declines_f4_tiles(s, s.ih, s.iw);
}
const char* backward_input_f2_declines(const ConvShape& s) {
    const char* why = declines_channels(s);
    return why ? why : declines_f2_tiles(s, s.ih, s.iw);
}

// Rounding of the transforms, and of sums over channels, which grows with the root of their number: about twice what
// random shapes show.
double f4_error(const ConvShape& s, int64_t channels, double roundoff) {
    const double axes = s.kh == 3 ? 1 : 0.7;
    return axes * roundoff * (32 + 5 * __builtin_sqrt(static_cast<double>(channels)));
}
double f2_error(int64_t channels, double roundoff) {
    return roundoff * (8 + __builtin_sqrt(static_cast<double>(channels)));
}
double forward_f4_error(const ConvShape& s, double roundoff) { return f4_error(s, s.ic / s.groups, roundoff); }
double backward_input_f4_error(const ConvShape& s, double roundoff) { return f4_error(s, s.oc / s.groups, roundoff); }
double forward_f2_error(const ConvShape& s, double roundoff) { return f2_error(s.ic / s.groups, roundoff); }
double backward_input_f2_error(const ConvShape& s, double roundoff) { return f2_error(s.oc / s.groups, roundoff); }

// ---- entries, templates over the filter along rows and columns ----------------------------------------------------

template <class T> WinogradCall<T> call_of(const ForwardCall<T>& a) {
    return {a.y, a.x, nullptr, a.weight, a.bias, a.packed, a.relu, a.workspace};
}
template <class T> WinogradCall<T> call_of(const BackwardInputCall<T>& a) {
    return {a.dx, a.dy, a.y, a.weight, nullptr, nullptr, false, a.workspace};
}

// f(H{}, W{}) for the layer's window
template <class Filter, class F> auto with_axes(const ConvShape& s, F&& f) {
    if constexpr (Filter::points == F4::points)
        if (!is_square(s)) return f(Single{}, Filter{});
    return f(Filter{}, Filter{});
}

template <class T, class Filter> int64_t forward_workspace(const ConvShape& s, int threads, bool packed) {
    return with_axes<Filter>(s, [&](auto h, auto w) {
        return winograd_workspace<T, decltype(h), decltype(w)>(forward_problem<decltype(h), decltype(w)>(s), threads,
                                                               packed);
    });
}
template <class T, class Filter> int64_t backward_input_workspace(const ConvShape& s, int threads, bool) {
    return with_axes<Filter>(s, [&](auto h, auto w) {
        return winograd_workspace<T, decltype(h), decltype(w)>(backward_input_problem<decltype(h), decltype(w)>(s),
                                                               threads, false);
    });
}
template <class T, class Filter> int64_t forward_packed(const ConvShape& s) {
    return with_axes<Filter>(s, [&](auto h, auto w) {
        return plan<T, decltype(h), decltype(w)>(forward_problem<decltype(h), decltype(w)>(s)).weights;
    });
}
template <class T, class Filter> void forward_pack(T* packed, const T* weight, const ConvShape& s) {
    with_axes<Filter>(s, [&](auto h, auto w) {
        transform_weights<T, decltype(h), decltype(w)>(packed, weight, forward_problem<decltype(h), decltype(w)>(s));
    });
}
template <class T, class Filter> void run_forward(const ForwardCall<T>& a, const ConvShape& s) {
    with_axes<Filter>(s, [&](auto h, auto w) {
        if (!winograd<T, decltype(h), decltype(w)>(call_of(a), forward_problem<decltype(h), decltype(w)>(s)))
            plain_forward<T>().run(a, s);
    });
}
template <class T, class Filter> void run_backward_input(const BackwardInputCall<T>& a, const ConvShape& s) {
    with_axes<Filter>(s, [&](auto h, auto w) {
        if (!winograd<T, decltype(h), decltype(w)>(call_of(a), backward_input_problem<decltype(h), decltype(w)>(s)))
            plain_backward_input<T>().run(a, s);
    });
}

}   // namespace

template <class T> const ForwardAlgorithm<T>& winograd_f4_forward() {
    if constexpr (sizeof(T) == 8) return not_in_double<ForwardAlgorithm<T>, ConvAlgorithm::winograd_f4>();
    else {
        static constexpr ForwardAlgorithm<T> entry = {
            {ConvAlgorithm::winograd_f4, false, nullptr, false, false, cannot_f4, forward_f4_declines,
             forward_workspace<T, F4>, forward_f4_error},
            run_forward<T, F4>,
            forward_packed<T, F4>,
            forward_pack<T, F4>};
        return entry;
    }
}
template <class T> const BackwardInputAlgorithm<T>& winograd_f4_backward_input() {
    if constexpr (sizeof(T) == 8) return not_in_double<BackwardInputAlgorithm<T>, ConvAlgorithm::winograd_f4>();
    else {
        static constexpr BackwardInputAlgorithm<T> entry = {
            {ConvAlgorithm::winograd_f4, false, nullptr, true, false, cannot_f4, backward_input_f4_declines,
             backward_input_workspace<T, F4>, backward_input_f4_error},
            run_backward_input<T, F4>};
        return entry;
    }
}
template <class T> const ForwardAlgorithm<T>& winograd_f2_forward() {
    if constexpr (sizeof(T) == 8) return not_in_double<ForwardAlgorithm<T>, ConvAlgorithm::winograd_f2>();
    else {
        static constexpr ForwardAlgorithm<T> entry = {
            {ConvAlgorithm::winograd_f2, false, nullptr, false, false, cannot_f2, forward_f2_declines,
             forward_workspace<T, F2>, forward_f2_error},
            run_forward<T, F2>,
            forward_packed<T, F2>,
            forward_pack<T, F2>};
        return entry;
    }
}
template <class T> const BackwardInputAlgorithm<T>& winograd_f2_backward_input() {
    if constexpr (sizeof(T) == 8) return not_in_double<BackwardInputAlgorithm<T>, ConvAlgorithm::winograd_f2>();
    else {
        static constexpr BackwardInputAlgorithm<T> entry = {
            {ConvAlgorithm::winograd_f2, false, nullptr, true, false, cannot_f2, backward_input_f2_declines,
             backward_input_workspace<T, F2>, backward_input_f2_error},
            run_backward_input<T, F2>};
        return entry;
    }
}
TK_EMIT(winograd_f4_forward)
TK_EMIT(winograd_f4_backward_input)
TK_EMIT(winograd_f2_forward)
TK_EMIT(winograd_f2_backward_input)

}   // namespace tk::TK_ISA
