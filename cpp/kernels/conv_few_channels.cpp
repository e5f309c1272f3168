// Convolution of few channels per group, and its input gradient, vectorised over pixels.
//
// Results of one part, first + stride*q (few_plan.hpp), are sums over the taps that hit them, each at one shift of q.
// A strip of the input is copied, channel by channel as it lies in memory, to [channel][phase][row][pitch]: split by
// its phase modulo the step, rows padded with zeros, so that the pixels of several rows are one long run, and a tap is
// one offset. A tile holds some vectors of pixels for up to four channels of results, loads pixels and broadcasts
// weights as the user keeps them. The parts of a strip are gathered in scratch and interleaved on their way out.
//
// The terms of an element are added block of channels by block, within it channel by channel, tap by tap, wherever a
// strip begins. Gradients of one group that sum over many channels go by few_products.hpp instead.
#include "kernels/few_parts.hpp"
#include "kernels/few_plan.hpp"
#include "kernels/few_planes.hpp"

namespace tk::TK_ISA {
namespace {

// The operands: bias and mask (of the input's shape) or nullptr.
template <class T> struct FewCall {
    T* out;
    const T *in, *mask, *weight, *bias;
    bool relu;
    T* workspace;
};

// ---- the register tile ----------------------------------------------------------------------------------------------

// A tap's way from a run's first pixel in scratch, and from a channel's first weight.
struct FewTap {
    int64_t in, weight;
};

template <class T> struct FewTile {
    T* sums;
    int64_t sums_pitch;   // elements between channels of results
    const T *in, *weight;
    const FewTap* taps;
    int64_t tap_count, channels, channel_pitch, w_ic, w_oc;
    bool first;
    const T* next;   // what is read later: a share is called in with each channel
    int64_t share;
};

template <class T, int Channels, int Vectors> [[gnu::noinline]] void few_tile(const FewTile<T>& a) {
    constexpr int L = kLanes<T>;
    Vec<T> acc[Channels][Vectors];
#pragma GCC unroll 4
    for (int k = 0; k < Channels; ++k)
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) acc[k][v] = Vec<T>{};
    const T *channel = a.in, *of_channel = a.weight;
    for (int64_t c = 0; c < a.channels; ++c, channel += a.channel_pitch, of_channel += a.w_ic) {
        if (kTuned<T> && Channels >= 3) fetch(a.next + c * a.share, a.share);
        for (int64_t t = 0; t < a.tap_count; ++t) {
            const T *x = channel + a.taps[t].in, *w = of_channel + a.taps[t].weight;
            Vec<T> factor[Channels];
#pragma GCC unroll 4
            for (int k = 0; k < Channels; ++k) factor[k] = broadcast(w[k * a.w_oc]);
#pragma GCC unroll 8
            for (int v = 0; v < Vectors; ++v) {
                const Vec<T> value = load(x + v * L);
#pragma GCC unroll 4
                for (int k = 0; k < Channels; ++k) acc[k][v] += factor[k] * value;
            }
        }
    }
    store_sums(a.sums, a.sums_pitch, acc, a.first);
}

template <class T, int Channels, int Vectors = tile_vectors<T>(Channels)>
void few_tile_of(int64_t vectors, const FewTile<T>& a) {
    if constexpr (Vectors > 0) {
        if (vectors == Vectors) return few_tile<T, Channels, Vectors>(a);
        few_tile_of<T, Channels, Vectors - kVectorStep>(vectors, a);
    }
}

template <class T, int Channels = kMostResults>
void few_tile_of_channels(int64_t channels, int64_t vectors, const FewTile<T>& a) {
    if constexpr (Channels > 0) {
        if (channels == Channels) return few_tile_of<T, Channels>(vectors, a);
        few_tile_of_channels<T, Channels - 1>(channels, vectors, a);
    }
}

// ---- a strip --------------------------------------------------------------------------------------------------------

struct FewStrip {
    int64_t image, group, z, h0, rows, w0, columns;   // z: position of the results along the first axis
};

// Rows of one channel, `pitch` apart in scratch and `step` rows of the input apart there, from position `first` on.
template <class T> struct FewRows {
    T* to;
    const T *from, *mask;   // of the first row's position 0; mask or nullptr: where it is not positive, 0
    int64_t count, from_pitch, first;
};

// A vector of all rows after the other: what lies outside of them is reckoned once.
template <class T> void copy_rows(const FewRows<T>& a, const FewProblem& p) {
    constexpr int64_t L = kLanes<T>;
    const int64_t in = p.w.in, step = p.w.step;
    const auto load_row = [&](int64_t at, const LaneMask<T, L>& inside) __attribute__((always_inline)) {
        const Vec<T> v = load_masked(a.from + at, inside);
        return a.mask ? select<T>(load_masked(a.mask + at, inside) > 0, v, Vec<T>{}) : v;
    };
    const int64_t seen = larger(a.first, 0), end = smaller(a.first + step * p.pitch, in);
    for (int64_t r = 0; r < a.count; ++r) fetch(a.from + r * a.from_pitch + seen, end - seen);   // as they lie
    for (int64_t q = 0; step <= 2 && q < p.pitch; q += L) {
        const int64_t position = a.first + step * q, lanes = smaller(L, p.pitch - q);
        if (step == 1 && !a.mask && lanes == L && position >= 0 && position + L <= in) {
            for (int64_t r = 0; r < a.count; ++r)
                store(a.to + r * p.pitch + q, load(a.from + r * a.from_pitch + position));
            continue;
        }
        const auto low = lanes_inside<T>(position, in), high = lanes_inside<T>(position + L, in);
        T* to = a.to + q;
        for (int64_t r = 0, at = position; r < a.count; ++r, at += a.from_pitch, to += p.pitch) {
            const Vec<T> v = load_row(at, low);
            if (step == 1) {
                store_first(to, v, lanes);
                continue;
            }
            const Vec<T> after = load_row(at + L, high);
            store_first(to, even_lanes<T, L>(v, after), lanes);
            store_first(to + p.phase_pitch, odd_lanes<T, L>(v, after), lanes);
        }
    }
    for (int64_t r = 0; step > 2 && r < a.count; ++r)
        for (int64_t phase = 0; phase < step; ++phase)
            for (int64_t q = 0; q < p.pitch; ++q) {
                const int64_t position = a.first + phase + q * step, at = r * a.from_pitch + position;
                const bool seen = position >= 0 && position < in && !(a.mask && !(a.mask[at] > 0));
                a.to[phase * p.phase_pitch + r * p.pitch + q] = seen ? a.from[at] : T(0);
            }
}

// Channels [c0, c0 + count) of plane z of the input, with their padding. What lies right of a plane's last row begins
// the next plane, which is written after it.
template <class T>
void copy_strip(T* to, const FewCall<T>& a, const FewProblem& p, const FewStrip& s, int64_t z, int64_t c0,
                int64_t count) {
    const int64_t rows = s.rows + p.h.halo(), step = p.h.step;
    for (int64_t c = c0; c < c0 + count; ++c, to += p.channel_pitch)
        for (int64_t phase = 0; phase < step; ++phase) {
            T* plane = to + phase * p.w.step * p.phase_pitch;
            const int64_t h0 = (s.h0 + p.h.least) * step + phase;
            const Run run = positions_inside(rows, p.h.in, step, h0);
            for (int64_t q = 0; q < p.w.step; ++q) {
                T* zeros = plane + q * p.phase_pitch;
                for (int64_t i = 0; i < run.begin * p.pitch; ++i) zeros[i] = 0;
                for (int64_t i = run.end * p.pitch; i < rows * p.pitch + p.overlap; ++i) zeros[i] = 0;
            }
            const int64_t channel = ((s.image * p.groups + s.group) * p.ic + c) * p.d.in + z;
            const int64_t from = (channel * p.h.in + h0 + run.begin * step) * p.w.in;
            copy_rows<T>({plane + run.begin * p.pitch, a.in + from, a.mask ? a.mask + from : nullptr,
                          run.end - run.begin, step * p.w.in, (s.w0 + p.w.least) * p.w.step},
                         p);
        }
}

// The parts of a strip side by side, as they follow each other in memory.
template <class T> void write_strip(const FewCall<T>& a, const T* sums, const FewProblem& p, const FewStrip& s) {
    const int64_t across = p.w.parts, left = smaller(p.w.out - s.w0 * across, s.columns * across);
    for (int64_t k = 0; k < p.oc; ++k) {
        const int64_t channel = s.group * p.oc + k, plane = (s.image * p.groups * p.oc + channel) * p.d.out + s.z;
        for (int64_t part = 0; part < p.h.parts; ++part) {
            const int64_t h = s.h0 * p.h.parts + part, rows = smaller(s.rows, ceil_div(p.h.out - h, p.h.parts));
            write_parts<T>({a.out + (plane * p.h.out + h) * p.w.out + s.w0 * across,
                            sums + (part * across * p.oc + k) * p.run, rows, p.h.parts * p.w.out, p.pitch, p.oc * p.run,
                            across, left, a.bias ? a.bias[channel] : T(0), a.relu});
        }
    }
}

// The taps that hit each part, one part's after the other's: ends[part].
inline void list_taps(FewTap* taps, int64_t* ends, const FewProblem& p) {
    const FewTap* begin = taps;
    for (int64_t fh = 0; fh < p.h.parts; ++fh)
        for (int64_t fw = 0; fw < p.w.parts; ++fw, ++ends) {
            for (int64_t b = 0; b < p.h.taps; ++b)
                for (int64_t e = 0; e < p.w.taps; ++e)
                    if (p.h.hits(fh, b) && p.w.hits(fw, e))
                        *taps++ = {(p.h.phase(fh, b) * p.w.step + p.w.phase(fw, e)) * p.phase_pitch +
                                       (p.h.shift(fh, b) - p.h.least) * p.pitch + p.w.shift(fw, e) - p.w.least,
                                   b * p.w.taps + e};
            *ends = taps - begin;
        }
}

// packed: [block of results][tap of the first axis][channel][tap, as listed][kMostResults]
template <class T> void pack(T* to, const T* weight, const FewProblem& p, const FewTap* taps, int64_t count) {
    for (int64_t block = 0; block < p.k_blocks; ++block)
        for (int64_t a = 0; a < p.d.taps; ++a)
            for (int64_t c = 0; c < p.ic; ++c, to += p.plane_taps() * kMostResults)
                for (int64_t t = 0; t < count; ++t)
                    for (int64_t k = p.first_result(block); k < p.first_result(block + 1); ++k)
                        to[t * kMostResults + k - p.first_result(block)] =
                            weight[k * p.w_oc + c * p.w_ic + a * p.plane_taps() + taps[t].weight];
}

template <class T> void compute_strip(const FewCall<T>& a, const FewProblem& p, const FewStrip& s, T* scratch) {
    constexpr int64_t L = kLanes<T>;
    T* sums = scratch + p.strip;
    const FewTap* lists = reinterpret_cast<const FewTap*>(a.workspace + p.packed);
    const int64_t* ends = reinterpret_cast<const int64_t*>(lists + p.plane_taps());
    const int64_t w_oc = p.packed ? 1 : p.w_oc, w_ic = p.packed ? p.plane_taps() * kMostResults : p.w_ic;
    const int64_t steps = ceil_div((s.rows - 1) * p.pitch + s.columns, kVectorStep * L);
    const int64_t widest = tile_vectors<T>(static_cast<int>(ceil_div(p.oc, p.k_blocks)));
    const int64_t tiles = ceil_div(steps * kVectorStep, widest);
    // Each tile calls in a share of the next image's input, and of the lines that this one will write.
    const int64_t calls = p.c_blocks * tiles * p.k_blocks * p.parts(), written = p.called_out / calls + 1;
    const int64_t share = ceil_div(p.called_in, calls * p.c_block * kCacheLine<T>) * kCacheLine<T>;
    const T* next = a.in + (s.image * p.groups + s.group + 1) * p.called_in;
    T* to = a.out + (s.image * p.groups + s.group) * p.called_out;
    bool first = true;
    for (int64_t tap = 0; tap < p.d.taps; ++tap) {
        const int64_t z = s.z / p.d.parts * p.d.step + p.d.at(s.z % p.d.parts, tap);
        if (!p.d.hits(s.z % p.d.parts, tap) || z < 0 || z >= p.d.in) continue;
        for (int64_t c0 = 0; c0 < p.ic; c0 += p.c_block, first = false) {
            const int64_t channels = smaller(p.c_block, p.ic - c0);
            const T* weight = p.packed ? a.workspace + (tap * p.ic + c0) * w_ic
                                       : a.weight + s.group * p.w_group + c0 * w_ic + tap * p.plane_taps();
            copy_strip(scratch, a, p, s, z, c0, channels);
            for (int64_t i = 0; i < tiles; ++i) {
                const int64_t begin = steps * i / tiles * kVectorStep, end = steps * (i + 1) / tiles * kVectorStep;
                for (int64_t block = 0; block < p.k_blocks; ++block) {
                    const int64_t k0 = p.first_result(block), results = p.first_result(block + 1) - k0;
                    const T* of_block = weight + (p.packed ? block * p.d.taps * p.ic * w_ic : k0 * w_oc);
                    for (int64_t part = 0; part < p.parts(); ++part) {
                        const FewTap* taps = lists + (part ? ends[part - 1] : 0);
                        few_tile_of_channels<T>(
                            results, end - begin,
                            {sums + (part * p.oc + k0) * p.run + begin * L, p.run, scratch + begin * L, of_block, taps,
                             lists + ends[part] - taps, channels, p.channel_pitch, w_ic, w_oc, first, next, share});
                        fetch_to_write(to, p.called_out ? written : 0);
                        to += written;
                        next += share * channels;
                    }
                }
            }
        }
    }
    for (int64_t i = 0; first && i < p.sums; ++i) sums[i] = 0;   // no tap of the first axis hits
    write_strip(a, sums, p, s);
}

template <class T> void few_channels(const FewCall<T>& a, const FewProblem& p, int64_t work) {
    const int64_t strips = p.strips();
    T* scratch = a.workspace + p.packed + p.lists;
    FewTap* taps = reinterpret_cast<FewTap*>(a.workspace + p.packed);
    int64_t* ends = reinterpret_cast<int64_t*>(taps + p.plane_taps());
    list_taps(taps, ends, p);
    if (p.packed) {
        pack(a.workspace, a.weight, p, taps, ends[p.parts() - 1]);
        for (int64_t t = 0; t < p.plane_taps(); ++t) taps[t].weight = t * kMostResults;
    }
    parallel_for(p.n * p.groups * strips, work, [&](int64_t unit, int thread) {
        const int64_t image = unit / strips, strip = unit % strips;
        const int64_t h0 = strip / p.column_strips % p.row_strips * p.rows, w0 = strip % p.column_strips * p.columns;
        const FewStrip s{image / p.groups,
                         image % p.groups,
                         strip / p.column_strips / p.row_strips,
                         h0,
                         smaller(p.rows, p.h.grid - h0),
                         w0,
                         smaller(p.columns, p.w.grid - w0)};
        compute_strip(a, p, s, scratch + thread * p.scratch);
    });
}

// ---- the entries ----------------------------------------------------------------------------------------------------

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
// Whether a gradient goes by few_products.hpp: enough terms outweigh the sums of what the product meets.
template <class T> bool multiplies(const ConvShape& s) {
    const bool fits = kTuned<T> && s.id * s.kd * s.od == 1 && s.groups == 1 && s.oc >= kFewestTerms;
    return fits && s.ic * s.kh * s.kw >= kTilePixels &&
           product_problem<T>(s).scratch * static_cast<int64_t>(sizeof(T)) <= kWidestScratch;
}
// And whether by few_planes.hpp: its lines stay in cache, and g is copied for several groups of them.
template <class T> bool is_small(const ConvShape& s) {
    if (s.sh * s.sw > 1 || s.oh == 1) return false;
    const PlaneProblem p = plane_problem<T>(s);
    return p.groups > 1 && p.product * static_cast<int64_t>(sizeof(T)) <= kLinesBytes;
}
template <class T, bool Gradient> int64_t workspace(const ConvShape& s, int threads, bool) {
    if constexpr (Gradient && kTuned<T>)
        if (multiplies<T>(s)) {
            if (is_small<T>(s)) {
                const PlaneProblem p = plane_problem<T>(s);
                return p.lists + threads * p.scratch;
            }
            const ProductProblem p = product_problem<T>(s);
            return p.lists + threads * p.scratch;
        }
    const FewProblem p = few_problem<T>(s, Gradient);
    return p.packed + p.lists + threads * p.scratch;
}
template <class T> void forward(const ForwardCall<T>& a, const ConvShape& s) {
    few_channels<T>({a.y, a.x, nullptr, a.weight, a.bias, a.relu, a.workspace}, few_problem<T>(s, false),
                    multiply_adds(s));
}
template <class T> void backward_input(const BackwardInputCall<T>& a, const ConvShape& s) {
    if constexpr (kTuned<T>)
        if (multiplies<T>(s)) {
            const ProductCall<T> call{a.dx, a.dy, a.y, a.weight, a.workspace};
            if (is_small<T>(s)) return few_planes<T>(call, plane_problem<T>(s), multiply_adds(s));
            return few_products<T>(call, product_problem<T>(s), multiply_adds(s));
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
