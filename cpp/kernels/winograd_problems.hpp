// How a layer becomes a problem of Winograd's (conv_winograd.hpp), which layers an algorithm takes, and how far it
// errs.
//
// Stride 1: F(4x4, 3x3), F(2x2, 3x3), and F(4, 3) along rows. The input gradient is such a convolution itself: dy as
// input, weights with their two channels exchanged and their taps reversed.
//
// Stride 2: 3x3 and 4x4, by phases. Along an axis, with even[j] = x[2j] and odd[j] = x[2j + 1] from the window's origin
// on, and w3 = 0 where there are three taps:
//
//   y[o] = (even[o] w0 + even[o + 1] w2)  +  (odd[o] w1 + odd[o + 1] w3)
//
// Two taps are F(4, 2), one is a plain product: 5 + 5 products for 4 outputs of 4 taps, 100 instead of 256 in two axes,
// or 5 + 4, 81 instead of 144. The input gradient has the same halves: dx[2j + 1] = dy[j] w1 + dy[j - 1] w3 and
// dx[2j + 2] = dy[j + 1] w0 + dy[j] w2.
//
// Wider windows of a stride go forward as windows of stride 1 over the places in its blocks (winograd_deal.hpp).
#pragma once
#include "kernels/conv_winograd.hpp"
#include "kernels/winograd_choice.hpp"

namespace tk::TK_ISA {
namespace {

// H, W: the filters along both axes; TapsH, TapsW: those whose weights they take.
template <class T, class H, class W = H, class TapsH = H, class TapsW = W>
constexpr Filter<T> kFilter = {kPoints<H, W>,
                               W::points,
                               TapsH::points,
                               TapsW::points,
                               kTaps<TapsH, TapsW>,
                               kTileSizes<H>,
                               kTileSizes<W>,
                               transform_strip<T, H, W>,
                               transform_taps<T, TapsH, TapsW>,
                               transform_outputs<T, H, W>};

template <class T> WinogradProblem<T> forward_problem(const Filter<T>& f, const ConvShape& s) {
    const int64_t ic = s.ic / s.groups, oc = s.oc / s.groups, taps = taps_of(s);
    const View x = view_of_x(s, f.h, f.w), y = view_of_y(s, f.h, f.w);
    return {f, s.n, s.groups, ic, oc, x, y, forward_depth(s), oc * ic * taps, ic * taps, taps, false, {}};
}

// Where the first tile lies along an axis: the positions in dy and in dx.
struct Start {
    int64_t in, out;
};
template <class T> WinogradProblem<T> backward_input_problem(const Filter<T>& f, const ConvShape& s, Start h, Start w) {
    const int64_t ic = s.ic / s.groups, oc = s.oc / s.groups, taps = taps_of(s), dil_h = dilation_h(s);
    const View dy = {f.h.in(s.oh, h.in, dil_h), f.w.in(s.ow, w.in, s.dil_w), s.od};
    const View dx = {f.h.out(s.ih, h.out, dil_h), f.w.out(s.iw, w.out, s.dil_w), s.id};
    return {f, s.n, s.groups, oc, ic, dy, dx, backward_input_depth(s), oc * ic * taps, taps, ic * taps, true, {}};
}

// Rounding of the transforms, and of sums over channels and taps of depth, which grows with the root of their number:
// about twice what random shapes show.
inline double winograd_error(double transforms, double sums, int64_t terms, double roundoff) {
    return roundoff * (transforms + sums * __builtin_sqrt(static_cast<double>(terms)));
}

// ---- stride 1 -----------------------------------------------------------------------------------------------------

inline Start start_of_gradient(int64_t pad, int64_t kernel, int64_t dilation) {
    return {pad - (kernel - 1) * dilation, 0};
}

struct WinogradF4 {
    static constexpr ConvAlgorithm id = ConvAlgorithm::winograd_f4;
    static bool is_square(const ConvShape& s) { return s.kh == 3; }
    template <class T> static const Filter<T>& filter(const ConvShape& s) {
        return is_square(s) ? kFilter<T, F4> : kFilter<T, Single, F4>;
    }
    template <class T> static WinogradProblem<T> forward(const ConvShape& s) {
        return forward_problem(filter<T>(s), s);
    }
    template <class T> static WinogradProblem<T> backward_input(const ConvShape& s) {
        const Start h = start_of_gradient(s.ph, s.kh, dilation_h(s)), w = start_of_gradient(s.pw, s.kw, s.dil_w);
        return backward_input_problem(filter<T>(s), s, h, w);
    }
    static const char* cannot(const ConvShape& s) { return cannot_f4(s); }
    static const char* declines(const ConvShape& s, int64_t height, int64_t width) {
        const char* why = declines_channels(s);
        return why ? why : declines_f4_tiles(s, height, width);
    }
    static double error(const ConvShape& s, int64_t terms, double roundoff) {
        return (is_square(s) ? 1 : 0.7) * winograd_error(32, 5, terms, roundoff);
    }
};

struct WinogradF2 {
    static constexpr ConvAlgorithm id = ConvAlgorithm::winograd_f2;
    template <class T> static WinogradProblem<T> forward(const ConvShape& s) {
        return forward_problem(kFilter<T, F2>, s);
    }
    template <class T> static WinogradProblem<T> backward_input(const ConvShape& s) {
        return backward_input_problem(kFilter<T, F2>, s, start_of_gradient(s.ph, s.kh, dilation_h(s)),
                                      start_of_gradient(s.pw, s.kw, s.dil_w));
    }
    static const char* cannot(const ConvShape& s) { return cannot_f2(s); }
    static const char* declines(const ConvShape& s, int64_t height, int64_t width) {
        const char* why = declines_channels(s);
        return why ? why : declines_f2_tiles(s, height, width);
    }
    static double error(const ConvShape&, int64_t terms, double roundoff) {
        return winograd_error(8, 1, terms, roundoff);
    }
};

// ---- stride 2 -----------------------------------------------------------------------------------------------------

template <class T, class F> constexpr auto& kThree = kFilter<T, F, F, Strided3Weights, Strided3Weights>;

struct WinogradStrided {
    static constexpr ConvAlgorithm id = ConvAlgorithm::winograd_strided;
    // Windows of three or four blocks of stride x stride go by the places in those.
    static int64_t blocks(const ConvShape& s) { return larger(ceil_div(s.kh, s.sh), ceil_div(s.kw, s.sw)); }
    static bool deals(const ConvShape& s) { return blocks(s) > 2; }
    template <class T> static WinogradProblem<T> forward(const ConvShape& s) {
        if (!deals(s)) return forward_problem(s.kh == 3 ? kThree<T, Strided3> : kFilter<T, Strided4>, s);
        const int64_t taps = blocks(s);
        WinogradProblem<T> p = forward_problem(taps == 3 ? kFilter<T, F4> : kFilter<T, F44>, dealt_shape(s, taps));
        p.deal = {s.sh, s.sw, taps, s.id, s.ih, s.iw, s.ph, s.pw};
        return p;
    }
    // Tiles of dx begin at a position that is odd from the window's origin on, -1 or 0 in the image.
    static Start start(int64_t pad, int64_t taps) {
        const int64_t first = (pad + 1) / 2 - 1;
        return {first - (taps - 3), 2 * first + 1 - pad};
    }
    template <class T> static WinogradProblem<T> backward_input(const ConvShape& s) {
        const Start h = start(s.ph, s.kh), w = start(s.pw, s.kw);
        constexpr auto& three = kThree<T, Strided3Backward>;
        constexpr auto& four = kFilter<T, Strided4Backward, Strided4Backward, Strided4, Strided4>;
        return backward_input_problem(s.kh == 3 ? three : four, s, h, w);
    }
    static const char* cannot_forward(const ConvShape& s) {
        if (!deals(s)) return cannot(s);
        if (s.sh != s.sw || (s.sh != 2 && s.sh != 4)) return "for strides of 2 and 4 alone";
        if (blocks(s) > 4) return "for windows of at most 4 strides alone";
        const char* why = cannot_dilated(s, 2);
        return why ? why : cannot_depth(s);
    }
    static const char* cannot(const ConvShape& s) {
        if (s.kh != s.kw || s.kh < 3 || s.kh > 4) return "for kernels of 3x3 and 4x4 alone";
        if (s.sh != 2 || s.sw != 2) return "for stride 2 alone";
        const char* why = cannot_dilated(s, 2);
        return why ? why : cannot_depth(s);
    }
    static const char* declines(const ConvShape& s, int64_t height, int64_t width) {
        if (deals(s)) return declines_dealt(s, blocks(s) == 3 ? kPoints<F4, F4> : kPoints<F44, F44>);
        if (s.ic / s.groups < 32 || s.oc / s.groups < 32)
            return "fewer than 32 channels per group: transforms would outweigh the products saved";
        if (s.ic / s.groups > 512 || s.oc / s.groups > 512)
            return "more than 512 channels per group: the transformed weights would outgrow the caches";
        if (s.kh == 3) return declines_strided3_tiles(s);
        // At 4x4 forward gains at a batch of 16 what it loses at 1. Tiles that cover 2.56 times the outputs (5x5)
        // take 1.2 times direct's time, 1.44 times (10x10) as much, 1.31 times (7x7) 0.7.
        if (height < 7 || width < 7) return "maps smaller than 7x7: transforms would outweigh the products saved";
        return declines_strided_tiles(s);
    }
    static double error(const ConvShape& s, int64_t terms, double roundoff) {
        if (!deals(s)) return winograd_error(24, 5, terms, roundoff);
        const int64_t places = s.sh * s.sw * terms;
        return blocks(s) == 3 ? winograd_error(32, 5, places, roundoff) : winograd_error(40, 9, places, roundoff);
    }
};

}   // namespace
}   // namespace tk::TK_ISA
