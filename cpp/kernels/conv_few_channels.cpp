// Convolution of few channels per group, and its input gradient, vectorised over pixels: its entries.
//
// Results of one part, first + stride*q (few_plan.hpp), are sums over the taps that hit them, each at one shift of q.
// A strip of the input is copied, channel by channel as it lies in memory, to [channel][phase][row][pitch]: split by
// its phase modulo the step, rows padded with zeros, so that the pixels of several rows are one long run, and a tap is
// one offset. A tile holds some vectors of pixels for up to four channels of results, loads pixels and broadcasts
// weights as the user keeps them. The parts of a strip are gathered in scratch and interleaved on their way out
// (few_strips.hpp), but for groups of 3x3 with stride 2 on AVX2: their tiles write rows of dx (few_pairs.hpp).
//
// The terms of an element are added block of channels by block, within it channel by channel, tap by tap, wherever a
// strip begins. Gradients of one group that sum over many channels go by few_products.hpp instead.
#include "kernels/few_planes.hpp"
#include "kernels/few_products.hpp"
#include "kernels/few_strips.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kFewResults = 8;            // with more, vectors of channels are the faster
constexpr int64_t kFilledResults = 16;        // of each of several groups: as many fill vectors
constexpr int64_t kFewestTerms = 16;          // of a product
constexpr int64_t kFewLines = 6;              // of signals: with fewer, and more than so many terms, vectors of
constexpr int64_t kManyTerms = 32;            // the signal's pixels are the faster
constexpr int64_t kWidestScratch = 4 << 20;   // bytes of a thread: beyond, strips are cut in columns too
constexpr int64_t kFewChannels = 32;          // per group of several: tiles along channels gain nothing from so few

const char* cannot(const ConvShape& s) {
    const double rows = 1.0 + (s.kh - 1.0) * s.dil_h / s.sh + 2,
                 columns = smaller(larger(s.iw, s.ow), kMostColumns) + (s.kw - 1.0) * s.dil_w / s.sw + 2;
    const int64_t strides = smaller(s.sh, s.ih) * smaller(s.sw, s.iw);
    if (strides > 64) return "strides so long that hardly a position meets a tap";
    return rows * columns * strides * kMostSummed * sizeof(double) <= kWidestStrip
               ? nullptr
               : "the taps lie so far apart that a strip of the input outgrows its scratch";
}
// Strided groups: deinterleaving their input, or interleaving what comes of it, costs as much as their products, and is
// done once per plane here. Forward, output channels that fill vectors repay it with tiles that run at the peak.
const char* declines_groups(const ConvShape& s) {
    if (s.sh * s.sw == 1) return "stride 1: vectors of a row's pixels are the faster";
    return smaller(s.ic, s.oc) / s.groups < kMostResults || larger(s.ic, s.oc) / s.groups > kFewChannels
               ? "for groups of 4 to 32 channels"
               : nullptr;
}
template <class T> const char* forward_declines(const ConvShape& s) {
    if (s.groups == 1) return "one group: vectors of output channels, or of a row's pixels, are the faster";
    if (kTuned<T> && s.oc / s.groups >= kFilledResults)
        return "16 or more output channels per group: they fill vectors";
    return declines_groups(s);
}
const char* backward_input_declines(const ConvShape& s) {
    const int64_t results = s.ic / s.groups;
    if (s.groups == 1 && s.id * s.ih == 1 && s.ic * taps_of(s) < kFewLines && s.oc > kManyTerms)
        return "a signal, few taps, many output channels: blocks of them cost more than they meet";
    if (s.groups == 1) return results <= kFewResults ? nullptr : "more than 8 input channels: they fill vectors";
    return results < kMostResults ? nullptr : declines_groups(s);
}
bool always(const ConvShape&) { return true; }   // zeros lie around the input, and around dy whatever the padding
// How a gradient goes: by few_products.hpp where enough terms outweigh the sums of what the product meets, or by
// few_planes.hpp where its lines stay in cache, and g is copied for several groups of them.
template <class T> struct GradientPlan {
    bool multiplies, small;
    ProductProblem rows;
    PlaneProblem planes;

    int64_t workspace(int threads) const {
        const ProductProblem& p = small ? planes : rows;
        return p.lists + threads * p.scratch;
    }
};
template <class T> [[gnu::noinline]] GradientPlan<T> gradient_plan(const ConvShape& s) {
    constexpr int64_t size = sizeof(T);
    GradientPlan<T> plan{};
    if (s.id * s.kd * s.od * s.groups > 1 || s.oc < kFewestTerms || s.ic * s.kh * s.kw < kTilePixels) return plan;
    plan.rows = product_problem<T>(s);
    plan.multiplies = plan.rows.scratch * size <= kWidestScratch;
    if (!plan.multiplies || s.sh * s.sw > 1 || s.oh == 1) return plan;
    plan.planes = plane_problem<T>(plan.rows);
    plan.small = plan.planes.groups > 1 && plan.planes.product * size <= kLinesBytes;
    return plan;
}
template <class T, bool Gradient> int64_t workspace(const ConvShape& s, int threads, bool) {
    if constexpr (Gradient && kTuned<T>)
        if (const GradientPlan<T> plan = gradient_plan<T>(s); plan.multiplies) return plan.workspace(threads);
    const FewProblem p = few_problem<T>(s, Gradient);
    return p.packed + p.lists + threads * p.scratch;
}
template <class T> void forward(const ForwardCall<T>& a, const ConvShape& s) {
    few_channels<T>({a.y, a.x, nullptr, a.weight, a.bias, a.relu, a.workspace}, few_problem<T>(s, false),
                    multiply_adds(s));
}
template <class T> void backward_input(const BackwardInputCall<T>& a, const ConvShape& s) {
    if constexpr (kTuned<T>)
        if (const GradientPlan<T> plan = gradient_plan<T>(s); plan.multiplies) {
            const ProductCall<T> call{a.dx, a.dy, a.y, a.weight, a.workspace};
            if (plan.small) return few_planes<T>(call, plan.planes, multiply_adds(s));
            return few_products<T>(call, plan.rows, multiply_adds(s));
        }
    few_channels<T>({a.dx, a.dy, a.y, a.weight, nullptr, false, a.workspace}, few_problem<T>(s, true),
                    multiply_adds(s));
}

}   // namespace

template <class T> const ForwardAlgorithm<T>& few_channels_forward() {
    static constexpr ForwardAlgorithm<T> entry = {{ConvAlgorithm::few_channels, true, always, false, false, cannot,
                                                   forward_declines<T>, workspace<T, false>, forward_error},
                                                  forward<T>,
                                                  no_pack,
                                                  pack_nothing<T>};
    return entry;
}
template <class T> const BackwardInputAlgorithm<T>& few_channels_backward_input() {
    static constexpr BackwardInputAlgorithm<T> entry = {
        {ConvAlgorithm::few_channels, true, always, true, false, cannot, backward_input_declines, workspace<T, true>,
         backward_input_error},
        backward_input<T>};
    return entry;
}
TK_EMIT(few_channels_forward)
TK_EMIT(few_channels_backward_input)

}   // namespace tk::TK_ISA
