// How a forward convolution and its input gradient become direct problems (conv_direct.hpp), and the entries of the two
// algorithms that solve them: vectors of output channels, or of pixels.
#pragma once
#include "kernels/conv_direct.hpp"

namespace tk::TK_ISA {
namespace {

inline DirectProblem forward_problem(const ConvShape& s) {
    DirectProblem p{};
    set_forward_axes(p, s);
    p.out_w = 1;
    p.out_h = p.w.grid;
    p.out_d = p.h.grid * p.w.grid;
    const int64_t taps = s.kd * s.kh * s.kw;
    p.w_group = p.oc * p.ic * taps;
    p.w_oc = p.ic * taps;
    p.w_ic = taps;
    p.w_d = s.kh * s.kw;
    p.w_h = s.kw;
    p.w_w = 1;
    return p;
}

// One axis of one sub-pixel part: the input positions first, first + stride, ... They receive from the taps r with
// r * dilation = first + pad modulo stride, which lie stride/g apart (g = gcd(stride, dilation)); in dy these taps lie
// dilation/g apart. Taps are taken backwards so that dy is read forwards.
struct Part {
    Axis axis;
    int64_t last_tap, tap_step;   // the kernel index of its tap 0, and from a tap to the next (downwards)
};

inline Part part_of(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation,
                    int64_t first) {
    const int64_t g = gcd(stride, dilation), tap_step = stride / g, residue = (first + pad) % stride;
    const int64_t positions = (in - first - 1) / stride + 1;
    int64_t tap = 0;
    while (tap < kernel && tap * dilation % stride != residue) ++tap;
    const int64_t taps = tap < kernel ? (kernel - 1 - tap) / tap_step + 1 : 0;
    const int64_t last_tap = tap + (taps - 1) * tap_step;
    const int64_t origin = taps ? (first + pad - last_tap * dilation) / stride : 0;   // divides without remainder
    return {{out, positions, taps, 1, dilation / g, origin, 1}, last_tap, tap_step};
}

// The sub-pixel part whose first input position is (fd, fh, fw) as a direct problem that reads dy and writes dx.
[[gnu::noinline]] inline DirectProblem backward_input_problem(const ConvShape& s, int64_t fd, int64_t fh, int64_t fw) {
    DirectProblem p{};
    p.n = s.n;
    p.groups = s.groups;
    p.ic = s.oc / s.groups;
    p.oc = s.ic / s.groups;
    p.in_plane = s.od * s.oh * s.ow;
    p.out_plane = s.id * s.ih * s.iw;
    const int64_t taps = s.kd * s.kh * s.kw;
    p.w_group = p.ic * p.oc * taps;
    p.w_oc = taps;
    p.w_ic = p.oc * taps;
    if (is_pointwise(s)) {
        set_one_row(p);
        p.out_w = 1;
        return p;
    }
    const Part d = part_of(s.id, s.od, s.kd, s.sd, s.pd, s.dil_d, fd);
    const Part h = part_of(s.ih, s.oh, s.kh, s.sh, s.ph, s.dil_h, fh);
    const Part w = part_of(s.iw, s.ow, s.kw, s.sw, s.pw, s.dil_w, fw);
    p.d = d.axis;
    p.h = h.axis;
    p.w = w.axis;
    p.out_offset = (fd * s.ih + fh) * s.iw + fw;
    p.out_d = s.sd * s.ih * s.iw;
    p.out_h = s.sh * s.iw;
    p.out_w = s.sw;
    p.w_origin = (d.last_tap * s.kh + h.last_tap) * s.kw + w.last_tap;
    p.w_d = -d.tap_step * s.kh * s.kw;
    p.w_h = -h.tap_step * s.kw;
    p.w_w = -w.tap_step;
    return p;
}

// ---- which of the two ---------------------------------------------------------------------------------------------

// Multiply-adds of vectors per output vector, with what a tile costs besides: a transposition, or stores alone.
constexpr double kChannelTileCost = 10, kPixelTileCost = 3;

// In place, tiles along pixels read all input once for every few output channels: of planes so small, of which many
// channels pass the nearest cache, that costs so many times the rest.
constexpr int64_t kSmallPlane = 512;
constexpr double kReadOften = 1.1;

// Windows are read so as well: of no more channels than the nearest cache holds a tile of. Channels whose planes are
// whole pages share a few of its sets.
constexpr int64_t kWindowChannels = 256, kPage = 4096 / sizeof(float), kPagedChannels = kLanes<float> > 8 ? 128 : 32;
inline bool stays_near(const DirectProblem& p) {
    return p.ic <= (p.in_plane % kPage == 0 ? kPagedChannels : kWindowChannels);
}

// Tiles of fewer than 8 sums cannot hide a multiply-add's latency.
constexpr double kFewSums = 1.2;

// What a problem costs either way: vectors of output channels, or of pixels, leave lanes idle where those do not fill
// them.
struct TileCosts {
    double channels, pixels;
};
inline TileCosts tile_costs(const DirectProblem& p) {
    constexpr int64_t L = kLanes<float>;
    const double terms = static_cast<double>(p.ic * p.taps()), rows = static_cast<double>(p.d.grid * p.h.grid);
    const double channels =
        (terms + kChannelTileCost) * (ceil_div(p.oc, L) * L) * p.w.grid * (kTilePixels < 8 && p.oc <= L ? kFewSums : 1);
    const bool often = p.taps() == 1 && p.w.step == 1 && p.w.grid == p.in_plane && p.in_plane < kSmallPlane;
    const double pixels = (terms + kPixelTileCost) * (ceil_div(p.w.grid, L) * L) * p.oc * (often ? kReadOften : 1);
    return {rows * channels, rows * (p.windows.rows && !stays_near(p) ? 2 * pixels : pixels)};
}

inline const char* loser(bool along_pixels, const TileCosts& costs) {
    if (along_pixels == (costs.pixels < costs.channels)) return nullptr;
    return along_pixels ? "vectors of output channels are the faster" : "vectors of pixels are the faster";
}

// ---- forward ----------------------------------------------------------------------------------------------------

template <bool AlongPixels> DirectProblem forward(const ConvShape& s) {
    DirectProblem p = forward_problem(s);
    p.along_pixels = AlongPixels;
    return p;
}
template <class T, bool AlongPixels> const char* forward_cannot(const ConvShape& s) {
    return fits<T>(forward<AlongPixels>(s)) ? nullptr : kTooWide;
}
// Not where planes are read as they lie.
template <class T> [[gnu::noinline]] bool reads_padding(const DirectProblem& p) {
    return !parts_cleanly(p.w, 1) || !company_of<T>(p).frame.planes;
}
template <class T, bool AlongPixels> bool pads_forward(const ConvShape& s) {
    if constexpr (kTuned<T> && !AlongPixels)
        if (!reads_padding<T>(forward_problem(s))) return false;
    return pads_columns(s);
}
template <bool AlongPixels> const char* forward_declines(const ConvShape& s) {
    return loser(AlongPixels, tile_costs(forward_problem(s)));
}
template <class T, bool AlongPixels> int64_t forward_workspace(const ConvShape& s, int threads, bool packed) {
    return direct_workspace(company_of<T>(forward<AlongPixels>(s)), threads, packed);
}
template <class T, bool AlongPixels> int64_t forward_packed(const ConvShape& s) {
    return company_of<T>(forward<AlongPixels>(s)).packed;
}
template <class T, bool AlongPixels> void forward_pack(T* packed, const T* weight, const ConvShape& s) {
    pack_all<T, AlongPixels>(packed, weight, company_of<T>(forward<AlongPixels>(s)));
}
template <class T, bool AlongPixels> void run_forward(const ForwardCall<T>& a, const ConvShape& s) {
    direct<T, AlongPixels>({a.y, a.x, nullptr, a.weight, a.bias, a.packed, a.relu, a.workspace},
                           company_of<T>(forward<AlongPixels>(s)));
}
template <class T, bool AlongPixels> constexpr ForwardAlgorithm<T> forward_entry(ConvAlgorithm id) {
    return {{id, true, pads_forward<T, AlongPixels>, false, false, forward_cannot<T, AlongPixels>,
             forward_declines<AlongPixels>, forward_workspace<T, AlongPixels>, forward_error},
            run_forward<T, AlongPixels>,
            forward_packed<T, AlongPixels>,
            forward_pack<T, AlongPixels>};
}

// ---- backward-input ---------------------------------------------------------------------------------------------

// Whether even and odd columns of dx are sums over the same elements of dy, and as many: 2x2 of stride 2 is such.
inline bool columns_pair(const ConvShape& s) {
    if (s.sw != 2 || s.iw % 2) return false;
    const auto part = [&](int64_t first) { return part_of(s.iw, s.ow, s.kw, s.sw, s.pw, s.dil_w, first).axis; };
    return part(0).taps > 0 && same_input(part(0), part(1));
}
// Parts of a row. Along channels, columns that pair are one.
template <bool AlongPixels> int64_t parts_of_row(const ConvShape& s) {
    return !AlongPixels && columns_pair(s) ? 1 : smaller(s.sw, s.iw);
}

// Whether windows two columns wide cover dx without overlap, each pixel of dy making one: along pixels, their places
// are output channels of a 1x1 convolution.
template <class T> bool has_windows(const ConvShape& s) {
    return kTuned<T> && s.kd == 1 && s.id == s.od && s.pd + s.ph + s.pw == 0 && s.sd == 1 && s.kh == s.sh &&
           s.ih == s.kh * s.oh && (s.kh == 1 || s.dil_h == 1) && s.kw == 2 && s.sw == 2 && s.iw == 2 * s.ow &&
           s.dil_w == 1;
}
// Whether every pixel of dy meets one of a plane of dx, in columns two apart: a 1x1 convolution along channels, too.
template <class T> bool has_lattice(const ConvShape& s) {
    return kTuned<T> && s.kd * s.kh * s.kw == 1 && s.pd + s.ph + s.pw == 0 && s.id == 1 && s.sw == 2;
}
// Either as one problem that is read in place.
template <class T, bool AlongPixels> bool is_one(const ConvShape& s) {
    return AlongPixels ? has_windows<T>(s) : has_lattice<T>(s);
}
template <bool AlongPixels> [[gnu::noinline]] DirectProblem whole_problem(const ConvShape& s) {
    ConvShape pointwise = s;
    pointwise.ih = s.oh, pointwise.iw = s.ow;
    pointwise.kh = pointwise.kw = pointwise.sh = pointwise.sw = 1;
    if (AlongPixels) pointwise.ic *= s.kh * s.kw;
    DirectProblem p = backward_input_problem(pointwise, 0, 0, 0);
    p.out_w = 2;
    if (AlongPixels) p.windows = {s.kh, s.ow};
    else p.lattice = {s.ow, s.sh, s.ih, s.iw}, p.out_plane = s.ih * s.iw;
    return p;
}

// f(problem) for every part, also those without taps; windows are one, as is a lattice.
template <class T, bool AlongPixels, class F> void for_each_part(const ConvShape& s, F&& f) {
    const bool pair = !AlongPixels && columns_pair(s), one = is_one<T, AlongPixels>(s);
    for (int64_t fd = 0; fd < smaller(s.sd, s.id); ++fd)
        for (int64_t fh = 0; fh < (one ? 1 : smaller(s.sh, s.ih)); ++fh)
            for (int64_t fw = 0; fw < (one ? 1 : parts_of_row<AlongPixels>(s)); ++fw) {
                DirectProblem p = one ? whole_problem<AlongPixels>(s) : backward_input_problem(s, fd, fh, fw);
                p.along_pixels = AlongPixels;
                if (pair) p.w_pair = backward_input_problem(s, fd, fh, 1).w_origin - p.w_origin;
                f(p);
            }
}
template <class T, bool AlongPixels> const char* backward_input_cannot(const ConvShape& s) {
    bool all_fit = true;
    for_each_part<T, AlongPixels>(s,
                                  [&](const DirectProblem& p) { all_fit = all_fit && (p.taps() == 0 || fits<T>(p)); });
    return all_fit ? nullptr : kTooWide;
}
template <class T, bool AlongPixels> const char* backward_input_declines(const ConvShape& s) {
    TileCosts all{};
    for_each_part<T, true>(s, [&](const DirectProblem& p) {
        const TileCosts part = p.taps() ? tile_costs(p) : TileCosts{};
        all = {all.channels + part.channels, all.pixels + part.pixels};
    });
    return loser(AlongPixels, all);
}
// Seen from dx, the borders of dy are padding, whatever the layer's own padding, unless one tap meets each output.
template <class T, bool AlongPixels> bool pads_back(const ConvShape& s) {
    if constexpr (kTuned<T> && !AlongPixels)
        if (s.sd * s.sh * s.sw == 1 && !reads_padding<T>(backward_input_problem(s, 0, 0, 0))) return false;
    return s.kw > 1 || s.pw > 0;
}

// Whether some positions of dx receive nothing, their parts being without taps; and whether the one part that has some
// writes those zeros on its way.
struct Silence {
    bool some, alone;
};
template <class T, bool AlongPixels> Silence silence_of(const ConvShape& s) {
    Silence silence{false, s.id == 1};
    bool heard = false;
    for_each_part<T, AlongPixels>(s, [&](const DirectProblem& p) {
        if (p.taps() == 0) silence.some = true;
        else silence.alone = silence.alone && !heard && company_of<T>(p).frame.column_strips == 1, heard = true;
    });
    silence.alone = silence.alone && silence.some && heard;
    return silence;
}

// The parts with taps: f(company). Those that write one plane of dx come together where they can, up to kTogether.
template <class T, bool AlongPixels, class F> void for_each_company(const ConvShape& s, F&& f) {
    DirectProblem parts[kTogether], frame;
    const bool one = is_one<T, AlongPixels>(s);
    const int64_t of_plane = one ? 1 : smaller(s.sh, s.ih) * parts_of_row<AlongPixels>(s);
    int64_t count = 0, left = of_plane;
    for_each_part<T, AlongPixels>(s, [&](const DirectProblem& part) {
        if (part.taps()) parts[count++] = part;
        if (--left > 0 && count < kTogether) return;
        if (count > 1 && share<T>(frame, parts, count)) f(company_of<T>(parts, count));
        else
            for (int64_t i = 0; i < count; ++i) f(company_of<T>(parts[i]));
        if (left == 0) left = of_plane;
        count = 0;
    });
}
template <class T, bool AlongPixels> int64_t backward_input_workspace(const ConvShape& s, int threads, bool) {
    int64_t most = 0;
    for_each_company<T, AlongPixels>(
        s, [&](const Company& all) { most = larger(most, direct_workspace(all, threads, false)); });
    return most;
}
template <class T, bool AlongPixels> void run_backward_input(const BackwardInputCall<T>& a, const ConvShape& s) {
    const Silence silence = silence_of<T, AlongPixels>(s);
    if (silence.some && !silence.alone)
        parallel_chunks(s.n * s.ic * in_plane(s), 1 << 16, 1,
                        [&](int64_t begin, int64_t end) { zero_run(a.dx + begin, end - begin); });
    const DirectCall<T> call{a.dx, a.dy, a.y, a.weight, nullptr, nullptr, false, a.workspace};
    for_each_company<T, AlongPixels>(s, [&](Company all) {
        all.parts[0].alone = silence.alone;
        direct<T, AlongPixels>(call, all);
    });
}
template <class T, bool AlongPixels> constexpr BackwardInputAlgorithm<T> backward_input_entry(ConvAlgorithm id) {
    return {{id, true, pads_back<T, AlongPixels>, true, false, backward_input_cannot<T, AlongPixels>,
             backward_input_declines<T, AlongPixels>, backward_input_workspace<T, AlongPixels>, backward_input_error},
            run_backward_input<T, AlongPixels>};
}

}   // namespace
}   // namespace tk::TK_ISA
