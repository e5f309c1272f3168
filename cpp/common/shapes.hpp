// Shape structs: plain integers, in the order in which Python's geometry/shapes.py lists them.
// Each list is written once; the struct, its field names and the conversion from a Python tuple follow from it.
#pragma once
#include <cstdint>

namespace tk {

// clang-format off
// n images, ic -> oc channels in `groups` groups; input id ih iw, output od oh ow, kernel kd kh kw,
// stride sd sh sw, padding before pd ph pw, dilation dil_*. What lies after the input is padding as needed.
#define TK_CONV_SHAPE(F)                                                                 \
    F(n) F(ic) F(oc) F(groups) F(id) F(ih) F(iw) F(od) F(oh) F(ow) F(kd) F(kh) F(kw)     \
    F(sd) F(sh) F(sw) F(pd) F(ph) F(pw) F(dil_d) F(dil_h) F(dil_w)

// planes = n * c; q*: padding after. divisor 0 means "the size of the window".
#define TK_POOL_SHAPE(F)                                                                 \
    F(planes) F(id) F(ih) F(iw) F(od) F(oh) F(ow) F(kd) F(kh) F(kw) F(sd) F(sh) F(sw)    \
    F(pd) F(ph) F(pw) F(qd) F(qh) F(qw) F(dil_d) F(dil_h) F(dil_w) F(count_include_pad) F(divisor)
// clang-format on

// c[b] = op(a[b]) @ op(b[b]); op(a) is m x k, op(b) is k x n; a_stride, b_stride: elements from one matrix
// of the batch to the next, 0 where all share one.
#define TK_MATMUL_SHAPE(F) F(batch) F(m) F(n) F(k) F(transpose_a) F(transpose_b) F(a_stride) F(b_stride)

#define TK_NORM_SHAPE(F) F(n) F(c) F(s)                   // [n][c][s], statistics over n and s
#define TK_GROUP_NORM_SHAPE(F) F(n) F(groups) F(c) F(s)   // [n][groups][c][s], statistics over c and s
#define TK_SOFTMAX_SHAPE(F) F(outer) F(axis) F(inner)     // [outer][axis][inner], normalised over axis
#define TK_LOSS_SHAPE(F) F(n) F(classes) F(inner)         // logits [n][classes][inner], labels [n][inner]

// planes = n * c, resampled from id ih iw to od oh ow
#define TK_RESAMPLE_SHAPE(F) F(planes) F(id) F(ih) F(iw) F(od) F(oh) F(ow)

// x [n][c][size], y [n][c][points]; every point of an image is a weighted sum of `taps` elements of a plane
#define TK_SAMPLE_SHAPE(F) F(n) F(c) F(size) F(taps) F(points)

// n images of c planes, from ih x iw to oh x ow
#define TK_IMAGE_SHAPE(F) F(n) F(c) F(ih) F(iw) F(oh) F(ow)

#define TK_FIELD(name) int64_t name;
struct ConvShape {
    TK_CONV_SHAPE(TK_FIELD)
};
struct PoolShape {
    TK_POOL_SHAPE(TK_FIELD)
};
struct MatmulShape {
    TK_MATMUL_SHAPE(TK_FIELD)
};
struct NormShape {
    TK_NORM_SHAPE(TK_FIELD)
};
struct GroupNormShape {
    TK_GROUP_NORM_SHAPE(TK_FIELD)
};
struct SoftmaxShape {
    TK_SOFTMAX_SHAPE(TK_FIELD)
};
struct LossShape {
    TK_LOSS_SHAPE(TK_FIELD)
};
struct ResampleShape {
    TK_RESAMPLE_SHAPE(TK_FIELD)
};
struct SampleShape {
    TK_SAMPLE_SHAPE(TK_FIELD)
};
struct ImageShape {
    TK_IMAGE_SHAPE(TK_FIELD)
};
#undef TK_FIELD

// How one axis (0 depth, 1 height, 2 width) is resampled: y[o] = sum of weights[t] * x[index[t]] over the taps
// offsets[o] <= t < offsets[o + 1].
template <class T> struct AxisTable {
    int64_t axis;
    const int64_t *offsets, *index;
    const T* weights;
};

enum class ConvDirection { forward, backward_input, backward_weight };

// Every algorithm of convolution, by name; cpp/kernels/conv.cpp orders them, a list for each direction.
#define TK_CONV_ALGORITHMS(F) \
    F(depthwise)              \
    F(matmul)                 \
    F(winograd_f4) F(winograd_f2) F(winograd_strided) F(fft) F(few_channels) F(direct_pixels) F(direct) F(plain)

enum class ConvAlgorithm {
#define TK_ID(name) name,
    TK_CONV_ALGORITHMS(TK_ID)
#undef TK_ID
};

// How to choose among them.
struct ConvPolicy {
    bool exact;     // none but those that add products of the factors themselves
    bool fastest;   // by the true batch size; otherwise by a nominal one, so that a sample's bits do not depend on it
    uint32_t preferred;   // bits of algorithms to take where they can run, before all others
    int64_t limit;        // bytes of workspace for one thread
};

// Activations of one element with two parameters at most, by name; cpp/kernels/activation_kinds.hpp has their formulas.
// Python reads the names from activation_kinds().
// clang-format off: it never comes to rest here
#define TK_ACTIVATIONS(F)                                                                                           \
    F(celu) F(elu) F(gelu) F(gelu_tanh) F(hardshrink) F(hardsigmoid) F(hardswish) F(hardtanh) F(leaky_relu) F(mish) \
    F(silu) F(softplus) F(softshrink) F(softsign) F(step) F(tanhshrink) F(threshold)
// clang-format on

enum class Activation {
#define TK_ID(name) name,
    TK_ACTIVATIONS(TK_ID)
#undef TK_ID
};

// One entry of an ordered list of algorithms. name: nullptr past the end; declined: why, nullptr when it does not.
struct AlgorithmReport {
    const char *name, *declined;
    int64_t workspace, packed;   // elements
    double error;                // to expect: max |result - exact| / max |exact|
    int64_t taps;                // of the kernel, without those that meet nothing but padding
};

}   // namespace tk
