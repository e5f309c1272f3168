// Convolution: the ordered lists of algorithms and the entry points that run the chosen one (conv_choice.hpp).
//
// What an algorithm does not do by itself is done here: taps that only see padding are left out, y's mask laid over dy,
// the bias gradient summed beside the weight's, and factors that are not finite, which padding's zeros would turn into
// NaN, given to the plain loops.
#include "kernels/conv_choice.hpp"
#include "kernels/register_tile.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

template <class T> auto forward_list() {
    return in_order(fft_forward<T>(), depthwise_forward<T>(), matmul_forward<T>(), winograd_f4_forward<T>(),
                    winograd_f2_forward<T>(), winograd_strided_forward<T>(), few_channels_forward<T>(),
                    direct_pixels_forward<T>(), direct_forward<T>(), plain_forward<T>());
}
template <class T> auto backward_input_list() {
    return in_order(fft_backward_input<T>(), depthwise_backward_input<T>(), matmul_backward_input<T>(),
                    winograd_f4_backward_input<T>(), winograd_f2_backward_input<T>(),
                    winograd_strided_backward_input<T>(), few_channels_backward_input<T>(),
                    direct_pixels_backward_input<T>(), direct_backward_input<T>(), plain_backward_input<T>());
}
template <class T> auto backward_weight_list() {
    return in_order(fft_backward_weight<T>(), depthwise_backward_weight<T>(), matmul_backward_weight<T>(),
                    winograd_f4_backward_weight<T>(), winograd_f2_backward_weight<T>(),
                    winograd_strided_backward_weight<T>(), direct_backward_weight<T>(), plain_backward_weight<T>());
}

// ---- what is done beside the algorithms ---------------------------------------------------------------------------

constexpr int64_t kGrain = 1 << 15;   // elements of a chunk in passes over arrays

template <class T> bool all_finite(const T* from, int64_t count) {
    constexpr int64_t L = kLanes<T>;
    int spoilt = 0;
    parallel_chunks(count, kGrain, 1, [&](int64_t begin, int64_t end) {
        Vec<T> sums[4]{};   // v - v is 0, or NaN for what is not finite; four, so that none waits for the one before
        int64_t i = begin;
        for (; i + 4 * L <= end; i += 4 * L)
#pragma GCC unroll 4
            for (int k = 0; k < 4; ++k) {
                const Vec<T> v = load(from + i + k * L);
                sums[k] += v - v;
            }
        for (; i < end; i += L) {
            const Vec<T> v = load_first(from + i, smaller(L, end - i));
            sums[0] += v - v;
        }
        if (!(sum_lanes<T>(sums[0] + sums[1] + (sums[2] + sums[3])) == 0))
            __atomic_store_n(&spoilt, 1, __ATOMIC_RELAXED);
    });
    return !spoilt;
}

bool reads_padding(const AlgorithmTraits& entry, const ConvShape& s) {
    return entry.reads_padding && entry.reads_padding(s);
}

int64_t y_size(const ConvShape& s) { return s.n * s.oc * out_plane(s); }
bool no_input(const ConvShape& s) { return s.n == 0 || in_plane(s) == 0; }

// Elements that hold dy masked by y, for an algorithm that does not mask by itself.
int64_t mask_size(const AlgorithmTraits& entry, const ConvShape& s, bool masked) {
    return masked && !entry.masks ? ceil_div(y_size(s), 64) * 64 : 0;
}
template <class T> void mask(T* to, const T* dy, const T* y, int64_t count) {
    constexpr int64_t L = kLanes<T>;
    parallel_chunks(count, kGrain, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i += L) {
            const int64_t lanes = smaller(L, end - i);
            const Vec<T> g = load_first(dy + i, lanes);
            store_first(to + i, select<T>(load_first(y + i, lanes) > 0, g, Vec<T>{}), lanes);
        }
    });
}
// The call with dy masked in its workspace, or as it is.
template <class Call> Call masked(Call a, const AlgorithmTraits& entry, const ConvShape& s) {
    if (!a.y || entry.masks) return a;
    mask(a.workspace, a.dy, a.y, y_size(s));
    a.dy = a.workspace;
    a.y = nullptr;
    a.workspace += mask_size(entry, s, true);
    return a;
}

}   // namespace

// ---- entry points -----------------------------------------------------------------------------------------------

template <class T>
AlgorithmReport conv_algorithm(ConvDirection direction, int index, const ConvShape& s, const ConvPolicy& policy,
                               int threads) {
    const LiveTaps live = live_taps(s);
    switch (direction) {
        case ConvDirection::forward: {
            AlgorithmReport r = report<T>(forward_list<T>(), index, live, policy, threads);
            if (!r.name) return r;
            const auto& entry = *forward_list<T>().entries[index];
            if (!barred(entry, live.shape)) r.packed = entry.packed(live.shape) + copy_size(entry, live);
            return r;
        }
        case ConvDirection::backward_input: return report<T>(backward_input_list<T>(), index, live, policy, threads);
        default: return report<T>(backward_weight_list<T>(), index, live, policy, threads);
    }
}

template <class T>
int64_t conv_forward_workspace(const ConvShape& s, const ConvPolicy& policy, int threads, bool packed) {
    const auto [live, found] = chosen<T>(forward_list<T>, s, policy);
    const auto& entry = *found;
    return entry.workspace(live.shape, threads, packed) + (packed ? 0 : copy_size(entry, live));
}
// The algorithm's pack, and after it the live weights where some are left out.
template <class T> void conv_pack_weight(T* packed, const T* weight, const ConvShape& s, const ConvPolicy& policy) {
    const auto [live, found] = chosen<T>(forward_list<T>, s, policy);
    const auto& entry = *found;
    if (copy_size(entry, live)) {
        T* copy = packed + entry.packed(live.shape);
        take_live(copy, weight, s, live);
        weight = copy;
    }
    entry.pack(packed, weight, live.shape);
}
template <class T>
void conv_forward(T* y, const T* x, const T* weight, const T* bias, const T* packed, const ConvShape& s, bool relu,
                  const ConvPolicy& policy, T* workspace) {
    const auto [live, found] = chosen<T>(forward_list<T>, s, policy);
    const auto& entry = *found;
    const int64_t copy = copy_size(entry, live);
    ForwardCall<T> a{y, x, weight, bias, relu, packed, workspace};
    if (copy && packed) {
        a.weight = packed + entry.packed(live.shape);
    } else if (copy) {
        take_live(workspace, weight, s, live);
        a.weight = workspace, a.workspace += copy;
    }
    const ConvShape& shape = shape_for(entry, live, s);
    if (no_input(s) || (reads_padding(entry, shape) && !all_finite(a.weight, weight_size(shape))))
        plain_forward<T>().run(a, shape);
    else entry.run(a, shape);
}

template <class T>
int64_t conv_backward_input_workspace(const ConvShape& s, const ConvPolicy& policy, int threads, bool masked) {
    const auto [live, found] = chosen<T>(backward_input_list<T>, s, policy);
    const auto& entry = *found;
    return entry.workspace(live.shape, threads, false) + mask_size(entry, s, masked) + copy_size(entry, live);
}
template <class T>
void conv_backward_input(T* dx, const T* dy, const T* y, const T* weight, const ConvShape& s, const ConvPolicy& policy,
                         T* workspace) {
    if (no_input(s)) return;
    const auto [live, found] = chosen<T>(backward_input_list<T>, s, policy);
    const auto& entry = *found;
    BackwardInputCall<T> a = masked(BackwardInputCall<T>{dx, dy, y, weight, workspace}, entry, s);
    if (const int64_t copy = copy_size(entry, live)) {
        take_live(a.workspace, weight, s, live);
        a.weight = a.workspace, a.workspace += copy;
    }
    const ConvShape& shape = shape_for(entry, live, s);
    if (reads_padding(entry, shape) && !all_finite(a.weight, weight_size(shape)))
        plain_backward_input<T>().run(a, shape);
    else entry.run(a, shape);
}

template <class T>
int64_t conv_backward_weight_workspace(const ConvShape& s, const ConvPolicy& policy, int threads, bool masked) {
    if (no_input(s)) return 0;
    const auto [live, found] = chosen<T>(backward_weight_list<T>, s, policy);
    const auto& entry = *found;
    return entry.workspace(live.shape, threads, false) + mask_size(entry, s, masked) + copy_size(entry, live);
}
template <class T>
void conv_backward_weight(T* dweight, T* dbias, const T* dy, const T* y, const T* x, const ConvShape& s,
                          const ConvPolicy& policy, T* workspace) {
    if (no_input(s)) {
        for (int64_t i = 0; i < weight_size(s); ++i) dweight[i] = 0;
        if (dbias) conv_backward_bias(dbias, dy, y, s);
        return;
    }
    const auto [live, found] = chosen<T>(backward_weight_list<T>, s, policy);
    const auto& entry = *found;
    BackwardWeightCall<T> a = masked(BackwardWeightCall<T>{dweight, dbias, dy, y, x, workspace}, entry, s);
    const int64_t copy = copy_size(entry, live);
    const ConvShape& shape = shape_for(entry, live, s);
    if (copy) a.dweight = a.workspace, a.workspace += copy;
    entry.run(a, shape);
    if (dbias && !entry.sums_bias) conv_backward_bias(dbias, a.dy, a.y, s);
    if (reads_padding(entry, shape) && !all_finite(a.dweight, weight_size(shape)))
        plain_backward_weight<T>().run(a, shape);
    if (copy) put_live(dweight, a.dweight, s, live);
}

// dbias[k] = sum over n and positions; per channel the images are added in order, each summed in kLanes
// interleaved parts.
template <class T> void conv_backward_bias(T* dbias, const T* dy, const T* y, const ConvShape& s) {
    const int64_t plane = out_plane(s);
    constexpr int L = kLanes<T>;
    parallel_for(s.oc, y_size(s), [&](int64_t k, int) {
        T total = 0;
        for (int64_t n = 0; n < s.n; ++n) {
            const int64_t from = (n * s.oc + k) * plane;
            Vec<T> sum{};
            for (int64_t i = 0; i < plane; i += L) {
                const int64_t lanes = smaller(L, plane - i);
                const Vec<T> g = load_first(dy + from + i, lanes);
                sum += y ? select<T>(load_first(y + from + i, lanes) > 0, g, Vec<T>{}) : g;
            }
            total += sum_lanes<T>(sum);
        }
        dbias[k] = total;
    });
}

TK_EMIT(conv_algorithm)
TK_EMIT(conv_forward)
TK_EMIT(conv_forward_workspace)
TK_EMIT(conv_pack_weight)
TK_EMIT(conv_backward_input)
TK_EMIT(conv_backward_input_workspace)
TK_EMIT(conv_backward_weight)
TK_EMIT(conv_backward_weight_workspace)
TK_EMIT(conv_backward_bias)

}   // namespace tk::TK_ISA
