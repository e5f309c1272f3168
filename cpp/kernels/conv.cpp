// Convolution: how each direction becomes a direct problem, the ordered lists of algorithms, and the entry points
// that run the first one that does not decline. The choice looks at the layer's shape alone, never at batch size or
// threads: one sample's bits are the same in any batch.
#include "kernels/conv_direct.hpp"
#include "kernels/conv_direct_weight.hpp"
#include "kernels/conv_plain.hpp"

namespace tk::TK_ISA {
namespace {

// ---- problems ---------------------------------------------------------------------------------------------------

Axis forward_axis(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
    return {in, out, kernel, stride, dilation, -pad, 1};
}

// 1x1, stride 1, no padding: all positions form one long row.
bool is_pointwise(const ConvShape& s) {
    return s.kd * s.kh * s.kw == 1 && s.sd * s.sh * s.sw == 1 && s.id == s.od && s.ih == s.oh && s.iw == s.ow &&
           s.pd + s.ph + s.pw == 0;
}

template <class Problem> void set_forward_axes(Problem& p, const ConvShape& s) {
    p.n = s.n;
    p.groups = s.groups;
    p.ic = s.ic / s.groups;
    p.oc = s.oc / s.groups;
    p.in_plane = s.id * s.ih * s.iw;
    p.out_plane = s.od * s.oh * s.ow;
    if (is_pointwise(s)) {
        p.d = p.h = forward_axis(1, 1, 1, 1, 0, 1);
        p.w = forward_axis(p.in_plane, p.in_plane, 1, 1, 0, 1);
        return;
    }
    p.d = forward_axis(s.id, s.od, s.kd, s.sd, s.pd, s.dil_d);
    p.h = forward_axis(s.ih, s.oh, s.kh, s.sh, s.ph, s.dil_h);
    p.w = forward_axis(s.iw, s.ow, s.kw, s.sw, s.pw, s.dil_w);
}

DirectProblem forward_problem(const ConvShape& s) {
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

Part part_of(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation, int64_t first) {
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
DirectProblem backward_input_problem(const ConvShape& s, int64_t fd, int64_t fh, int64_t fw) {
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
        p.d = p.h = forward_axis(1, 1, 1, 1, 0, 1);
        p.w = forward_axis(p.in_plane, p.in_plane, 1, 1, 0, 1);
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

// f(problem) for every part, also those without taps, whose input positions receive nothing.
template <class F> void for_each_part(const ConvShape& s, F&& f) {
    for (int64_t fd = 0; fd < smaller(s.sd, s.id); ++fd)
        for (int64_t fh = 0; fh < smaller(s.sh, s.ih); ++fh)
            for (int64_t fw = 0; fw < smaller(s.sw, s.iw); ++fw) f(backward_input_problem(s, fd, fh, fw));
}

WeightProblem weight_problem(const ConvShape& s) {
    WeightProblem p{};
    set_forward_axes(p, s);
    return p;
}

// ---- algorithms -------------------------------------------------------------------------------------------------

constexpr const char* kTooWide = "the taps lie so far apart that the narrowest strip outgrows its scratch";

const char* never(const ConvShape&) { return nullptr; }
template <class T> const char* forward_declines(const ConvShape& s) {
    if (s.oc / s.groups < 4) return "fewer than 4 output channels per group: most vector lanes would idle";
    return fits<T>(forward_problem(s)) ? nullptr : kTooWide;
}
template <class T> const char* backward_input_declines(const ConvShape& s) {
    if (s.ic / s.groups < 4) return "fewer than 4 input channels per group: most vector lanes would idle";
    bool all_fit = true;
    for_each_part(s, [&](const DirectProblem& p) { all_fit = all_fit && (p.taps() == 0 || fits<T>(p)); });
    return all_fit ? nullptr : kTooWide;
}
template <class T> const char* backward_weight_declines(const ConvShape& s) {
    if (s.oc / s.groups < 4) return "fewer than 4 output channels per group: most vector lanes would idle";
    return fits<T>(weight_problem(s)) ? nullptr : kTooWide;
}
template <class T> int64_t none(const ConvShape&, int) { return 0; }

// Direct kernels multiply the zeros of padding: with an infinite or NaN factor that would spoil outputs which padding
// must not touch. Such rare data take the plain loops, which never read padding.
template <class T> bool all_finite(const T* from, int64_t count) {
    constexpr int64_t L = kLanes<T>;
    Vec<T> sum{};   // v - v is 0, or NaN for what is not finite
    for (int64_t i = 0; i < count; i += L) {
        const Vec<T> v = load_first(from + i, smaller(L, count - i));
        sum += v - v;
    }
    return sum_lanes<T>(sum) == 0;
}
bool pads_columns(const ConvShape& s) { return s.pw > 0 || (s.ow - 1) * s.sw + (s.kw - 1) * s.dil_w - s.pw >= s.iw; }
int64_t weight_size(const ConvShape& s) { return s.oc * (s.ic / s.groups) * s.kd * s.kh * s.kw; }

template <class T, class Problem> Problem planned(Problem p, int threads) {
    plan<T>(p, threads);
    return p;
}

template <class T> int64_t forward_workspace(const ConvShape& s, int threads) {
    return direct_workspace(planned<T>(forward_problem(s), threads), threads);
}
template <class T>
void direct_forward(T* y, const T* x, const T* weight, const T* bias, const ConvShape& s, T* workspace) {
    if (pads_columns(s) && !all_finite(weight, weight_size(s))) return plain_forward(y, x, weight, bias, s, workspace);
    direct(y, x, weight, bias, planned<T>(forward_problem(s), max_threads()), workspace);
}

template <class T> int64_t backward_input_workspace(const ConvShape& s, int threads) {
    int64_t most = 0;
    for_each_part(s, [&](const DirectProblem& p) {
        if (p.taps()) most = larger(most, direct_workspace(planned<T>(p, threads), threads));
    });
    return most;
}
template <class T> void direct_backward_input(T* dx, const T* dy, const T* weight, const ConvShape& s, T* workspace) {
    // Seen from dx, the borders of dy are padding, whatever the layer's own padding.
    if (!all_finite(weight, weight_size(s))) return plain_backward_input(dx, dy, weight, s, workspace);
    bool silent = false;
    for_each_part(s, [&](const DirectProblem& p) { silent = silent || p.taps() == 0; });
    if (silent)
        parallel_chunks(s.n * s.ic * s.id * s.ih * s.iw, 1 << 16, 1, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) dx[i] = 0;
        });
    for_each_part(s, [&](const DirectProblem& p) {
        if (p.taps()) direct<T>(dx, dy, weight, nullptr, planned<T>(p, max_threads()), workspace);
    });
}

template <class T> int64_t backward_weight_workspace(const ConvShape& s, int threads) {
    return weight_workspace(planned<T>(weight_problem(s), threads), threads);
}
template <class T> void direct_backward_weight(T* dweight, const T* dy, const T* x, const ConvShape& s, T* workspace) {
    direct_weight(dweight, dy, x, planned<T>(weight_problem(s), max_threads()), workspace);
    if (pads_columns(s) && !all_finite(dweight, weight_size(s))) plain_backward_weight(dweight, dy, x, s, workspace);
}

// An entry says its name, why it declines a shape (nullptr: it does not), its workspace and how it runs.
template <class Run> struct Algorithm {
    const char* name;
    const char* (*declines)(const ConvShape&);
    int64_t (*workspace)(const ConvShape&, int threads);
    Run run;
};
template <class T> using Forward = void (*)(T*, const T*, const T*, const T*, const ConvShape&, T*);
template <class T> using Backward = void (*)(T*, const T*, const T*, const ConvShape&, T*);

constexpr int kAlgorithms = 2;
template <class T>
constexpr Algorithm<Forward<T>> forward_list[kAlgorithms] = {
    {"direct", forward_declines<T>, forward_workspace<T>, direct_forward<T>},
    {"plain", never, none<T>, plain_forward<T>},
};
template <class T>
constexpr Algorithm<Backward<T>> backward_input_list[kAlgorithms] = {
    {"direct", backward_input_declines<T>, backward_input_workspace<T>, direct_backward_input<T>},
    {"plain", never, none<T>, plain_backward_input<T>},
};
template <class T>
constexpr Algorithm<Backward<T>> backward_weight_list[kAlgorithms] = {
    {"direct", backward_weight_declines<T>, backward_weight_workspace<T>, direct_backward_weight<T>},
    {"plain", never, none<T>, plain_backward_weight<T>},
};

template <class Run> const Algorithm<Run>& choose(const Algorithm<Run> (&list)[kAlgorithms], const ConvShape& s) {
    int i = 0;
    while (list[i].declines(s)) ++i;   // the last one never declines
    return list[i];
}

template <class Run>
AlgorithmReport report(const Algorithm<Run> (&list)[kAlgorithms], int index, const ConvShape& s, int threads) {
    if (index >= kAlgorithms) return {nullptr, nullptr, 0};
    const char* reason = list[index].declines(s);
    return {list[index].name, reason, reason ? 0 : list[index].workspace(s, threads)};
}

bool is_empty(const ConvShape& s) { return s.n == 0 || s.id * s.ih * s.iw == 0; }

}   // namespace

// ---- entry points -----------------------------------------------------------------------------------------------

template <class T> AlgorithmReport conv_algorithm(ConvDirection direction, int index, const ConvShape& s, int threads) {
    switch (direction) {
        case ConvDirection::forward: return report(forward_list<T>, index, s, threads);
        case ConvDirection::backward_input: return report(backward_input_list<T>, index, s, threads);
        default: return report(backward_weight_list<T>, index, s, threads);
    }
}

template <class T> int64_t conv_forward_workspace(const ConvShape& s, int threads) {
    return choose(forward_list<T>, s).workspace(s, threads);
}
template <class T>
void conv_forward(T* y, const T* x, const T* weight, const T* bias, const ConvShape& s, T* workspace) {
    choose(forward_list<T>, s).run(y, x, weight, bias, s, workspace);
}

template <class T> int64_t conv_backward_input_workspace(const ConvShape& s, int threads) {
    return choose(backward_input_list<T>, s).workspace(s, threads);
}
template <class T> void conv_backward_input(T* dx, const T* dy, const T* weight, const ConvShape& s, T* workspace) {
    if (!is_empty(s)) choose(backward_input_list<T>, s).run(dx, dy, weight, s, workspace);
}

template <class T> int64_t conv_backward_weight_workspace(const ConvShape& s, int threads) {
    return is_empty(s) ? 0 : choose(backward_weight_list<T>, s).workspace(s, threads);
}
template <class T> void conv_backward_weight(T* dweight, const T* dy, const T* x, const ConvShape& s, T* workspace) {
    if (is_empty(s)) {
        for (int64_t i = 0; i < s.oc * (s.ic / s.groups) * s.kd * s.kh * s.kw; ++i) dweight[i] = 0;
        return;
    }
    choose(backward_weight_list<T>, s).run(dweight, dy, x, s, workspace);
}

// dbias[k] = sum over n and positions; per channel the images are added in order, each summed in kLanes
// interleaved parts.
template <class T> void conv_backward_bias(T* dbias, const T* dy, const ConvShape& s) {
    const int64_t plane = s.od * s.oh * s.ow;
    constexpr int L = kLanes<T>;
    parallel_for(s.oc, s.n * s.oc * plane, [&](int64_t k, int) {
        T total = 0;
        for (int64_t n = 0; n < s.n; ++n) {
            const T* from = dy + (n * s.oc + k) * plane;
            Vec<T> sum{};
            int64_t i = 0;
            for (; i + L <= plane; i += L) sum += load(from + i);
            if (i < plane) sum += load_first(from + i, plane - i);
            total += sum_lanes<T>(sum);
        }
        dbias[k] = total;
    });
}

TK_EMIT(conv_algorithm)
TK_EMIT(conv_forward)
TK_EMIT(conv_forward_workspace)
TK_EMIT(conv_backward_input)
TK_EMIT(conv_backward_input_workspace)
TK_EMIT(conv_backward_weight)
TK_EMIT(conv_backward_weight_workspace)
TK_EMIT(conv_backward_bias)

}   // namespace tk::TK_ISA
