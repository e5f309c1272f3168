// What the algorithms of convolution share: the arguments of a call, and the entry that an algorithm has in the ordered
// lists of conv.cpp. One file per algorithm, named in the declarations below.
//
//   y[n, k, o]       = act(bias[k] + sum over c, t of x[n, c, o*stride + t*dilation - pad] * weight[k, c, t])
//   dx[n, c, i]      = sum over k, o, t with o*stride + t*dilation - pad = i of g[n, k, o] * weight[k, c, t]
//   dweight[k, c, t] = sum over n, o of g[n, k, o] * x[n, c, o*stride + t*dilation - pad]
//   dbias[k]         = sum over n, o of g[n, k, o]
//
// act is ReLU or nothing; g is dy, or where the call has an y, ReLU's output, dy masked by it: y > 0 ? dy : 0.
#pragma once
#include "kernels/kernels.hpp"

namespace tk::TK_ISA {

template <class T> struct ForwardCall {
    T* y;                         // [n][oc][od][oh][ow]
    const T *x, *weight, *bias;   // [n][ic][id][ih][iw], [oc][ic / groups][kd][kh][kw], [oc] or nullptr
    bool relu;
    const T* packed;   // what the algorithm's pack() made of the weight, or nullptr: packs by itself
    T* workspace;
};
template <class T> struct BackwardInputCall {
    T* dx;
    const T *dy, *y, *weight;   // y or nullptr
    T* workspace;
};
template <class T> struct BackwardWeightCall {
    T *dweight, *dbias;    // dbias or nullptr
    const T *dy, *y, *x;   // y or nullptr
    T* workspace;
};

// What holds of an algorithm, whatever the direction.
struct AlgorithmTraits {
    ConvAlgorithm id;
    bool exact;   // adds products of the factors themselves: exact on small integers
    // Whether it multiplies padding's zeros, so that factors that are not finite must go to the plain loops; nullptr:
    // never.
    bool (*reads_padding)(const ConvShape&);
    bool masks;                                  // backward: applies y's mask by itself
    bool sums_bias;                              // backward-weight: computes dbias too
    const char* (*cannot)(const ConvShape&);     // why a shape is beyond it, or nullptr
    const char* (*declines)(const ConvShape&);   // why another one is the faster, or nullptr; never asks for threads
    // Elements for so many threads.
    int64_t (*workspace)(const ConvShape&, int threads, bool packed);
    // The error to expect: max |result - exact| / max |exact| on normal data.
    double (*error)(const ConvShape&, double roundoff);
};
template <class T> struct ForwardAlgorithm : AlgorithmTraits {
    void (*run)(const ForwardCall<T>&, const ConvShape&) = nullptr;
    int64_t (*packed)(const ConvShape&) = nullptr;   // elements
    void (*pack)(T* packed, const T* weight, const ConvShape&) = nullptr;
};
template <class T> struct BackwardInputAlgorithm : AlgorithmTraits {
    void (*run)(const BackwardInputCall<T>&, const ConvShape&) = nullptr;
};
template <class T> struct BackwardWeightAlgorithm : AlgorithmTraits {
    void (*run)(const BackwardWeightCall<T>&, const ConvShape&) = nullptr;
};

// What stands in the lists of float64 for an algorithm that trades digits for speed: whoever asks for float64 asks for
// digits, and half of its code is not carried along.
inline const char* float32_only(const ConvShape&) { return "float32 only: its sums of factors cost digits"; }
template <class Entry, ConvAlgorithm id> const Entry& not_in_double() {
    static constexpr Entry entry = {{id, false, nullptr, false, false, float32_only, float32_only, nullptr, nullptr}};
    return entry;
}

// conv_depthwise.cpp, conv_depthwise_weight.cpp
template <class T> const ForwardAlgorithm<T>& depthwise_forward();
template <class T> const BackwardInputAlgorithm<T>& depthwise_backward_input();
template <class T> const BackwardWeightAlgorithm<T>& depthwise_backward_weight();
// conv_matmul.cpp
template <class T> const ForwardAlgorithm<T>& matmul_forward();
template <class T> const BackwardInputAlgorithm<T>& matmul_backward_input();
template <class T> const BackwardWeightAlgorithm<T>& matmul_backward_weight();
// conv_winograd.cpp, conv_winograd_weight.cpp
template <class T> const ForwardAlgorithm<T>& winograd_f4_forward();
template <class T> const ForwardAlgorithm<T>& winograd_f2_forward();
template <class T> const ForwardAlgorithm<T>& winograd_strided_forward();
template <class T> const BackwardInputAlgorithm<T>& winograd_f4_backward_input();
template <class T> const BackwardInputAlgorithm<T>& winograd_f2_backward_input();
template <class T> const BackwardInputAlgorithm<T>& winograd_strided_backward_input();
template <class T> const BackwardWeightAlgorithm<T>& winograd_f4_backward_weight();
template <class T> const BackwardWeightAlgorithm<T>& winograd_f2_backward_weight();
template <class T> const BackwardWeightAlgorithm<T>& winograd_strided_backward_weight();
// conv_fft.cpp
template <class T> const ForwardAlgorithm<T>& fft_forward();
template <class T> const BackwardInputAlgorithm<T>& fft_backward_input();
template <class T> const BackwardWeightAlgorithm<T>& fft_backward_weight();
// conv_direct.cpp, conv_direct_weight.cpp
template <class T> const ForwardAlgorithm<T>& direct_forward();
template <class T> const BackwardInputAlgorithm<T>& direct_backward_input();
template <class T> const BackwardWeightAlgorithm<T>& direct_backward_weight();
// conv_few_channels.cpp
template <class T> const ForwardAlgorithm<T>& few_channels_forward();
template <class T> const BackwardInputAlgorithm<T>& few_channels_backward_input();
// conv_direct_pixels.cpp
template <class T> const ForwardAlgorithm<T>& direct_pixels_forward();
template <class T> const BackwardInputAlgorithm<T>& direct_pixels_backward_input();
// conv_plain.cpp
template <class T> const ForwardAlgorithm<T>& plain_forward();
template <class T> const BackwardInputAlgorithm<T>& plain_backward_input();
template <class T> const BackwardWeightAlgorithm<T>& plain_backward_weight();

namespace {

inline int64_t multiply_adds(const ConvShape& s) {
    return s.n * s.oc * s.od * s.oh * s.ow * (s.ic / s.groups) * s.kd * s.kh * s.kw;
}
inline int64_t taps_of(const ConvShape& s) { return s.kd * s.kh * s.kw; }
inline int64_t weight_size(const ConvShape& s) { return s.oc * (s.ic / s.groups) * taps_of(s); }
inline int64_t in_plane(const ConvShape& s) { return s.id * s.ih * s.iw; }
inline int64_t out_plane(const ConvShape& s) { return s.od * s.oh * s.ow; }
inline const char* never(const ConvShape&) { return nullptr; }
inline int64_t no_pack(const ConvShape&) { return 0; }
template <class T> void pack_nothing(T*, const T*, const ConvShape&) {}

// Sums of `terms` products of normal numbers, rounded one after the other.
inline double error_of_sums(double terms, double roundoff) { return roundoff * (4 + 2 * __builtin_sqrt(terms)); }
inline double forward_error(const ConvShape& s, double roundoff) {
    return error_of_sums(static_cast<double>(s.ic / s.groups * taps_of(s)), roundoff);
}
inline double backward_input_error(const ConvShape& s, double roundoff) {
    return error_of_sums(static_cast<double>(s.oc / s.groups * taps_of(s)), roundoff);
}
inline double backward_weight_error(const ConvShape& s, double roundoff) {
    return error_of_sums(static_cast<double>(s.n * out_plane(s)), roundoff);
}

}   // namespace
}   // namespace tk::TK_ISA
