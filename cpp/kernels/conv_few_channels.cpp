// The input gradient of a convolution with few input channels, vectorised over pixels.
//
//   dx[n, c, i] = sum over k, o, t with o*stride + t*dilation - pad = i of g[n, k, o] * weight[k, c, t]
//
// The input positions first + stride*q of one phase receive from the taps that hit them, each through dy at q + shift.
// A strip of dy is copied with its padding to [k][row][pitch]; with rows so padded the pixels of several rows are one
// long run, and a tap is one offset. A tile holds kTileVectors vectors of pixels for all the channels of a block, loads
// dy and broadcasts weights, [phase][channel block][k][tap][channel]. The phases of a strip are gathered in scratch and
// interleaved on their way into dx.
//
// The terms of an element are added block of k by block, k by k, tap by tap, wherever a strip begins.
#include "kernels/conv_algorithms.hpp"
#include "kernels/positions.hpp"
#include "kernels/register_tile.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int kMostChannels = 4;              // of a block
constexpr int64_t kFewChannels = 8;           // per group; with more, vectors of channels are the faster
constexpr int64_t kStripBytes = 256 * 1024;   // dy of a strip
constexpr int64_t kMostK = 16;                // channels of dy in a strip
constexpr int64_t kAhead = 512;               // elements of dy fetched ahead
constexpr int64_t kFewestPixels = 1024;       // of a strip
constexpr int64_t kMostColumns = 1024;
constexpr double kWidestStrip = 4 << 20;   // bytes; a shape whose narrowest strip is wider is declined

// Vectors of pixels per channel, so that accumulators, weights and a vector of dy fit into the registers.
constexpr int tile_vectors(int channels) {
#if defined(__AVX512F__)
    return channels == 4 ? 6 : 8;
#else
    return channels == 1 ? 8 : channels == 2 ? 5 : channels == 3 ? 3 : 2;
#endif
}

// One axis: input in, output out, kernel taps, and what the shifts of all taps range over.
struct FewAxis {
    int64_t in, out, taps, stride, pad, dilation;
    int64_t grid;          // positions of the largest phase
    int64_t least, most;   // shift
    int64_t phases() const { return smaller(stride, in); }
    bool hits(int64_t phase, int64_t tap) const { return (phase + pad - tap * dilation) % stride == 0; }
    int64_t shift(int64_t phase, int64_t tap) const { return (phase + pad - tap * dilation) / stride; }
    int64_t halo() const { return most - least; }
};

inline FewAxis few_axis(int64_t in, int64_t out, int64_t taps, int64_t stride, int64_t pad, int64_t dilation) {
    FewAxis a{in, out, taps, stride, pad, dilation, 0, 0, 0};
    a.grid = ceil_div(in, stride);
    // Bounds of the shift: largest for the last phase and tap 0, smallest for phase 0 and the last tap.
    a.most = (a.phases() - 1 + pad) / stride;
    const int64_t lowest = pad - (taps - 1) * dilation;
    a.least = lowest >= 0 ? lowest / stride : -((-lowest + stride - 1) / stride);
    return a;
}

struct FewProblem {
    int64_t n, groups, ic, oc;   // channels per group
    FewAxis d, h, w;
    int64_t taps, k_block, k_blocks, c_blocks;
    int64_t rows, row_strips, columns, column_strips;   // of a strip, in positions of a phase
    int64_t pitch, channel_pitch, run;                  // of scratch: a row, a channel; pixels of a strip, padded
    int64_t strip, sums, lists, scratch, packed;        // elements

    int64_t first_channel(int64_t block) const { return ic * block / c_blocks; }
};

template <class T> FewProblem few_problem(const ConvShape& s) {
    FewProblem p{};
    p.n = s.n;
    p.groups = s.groups;
    p.ic = s.ic / s.groups;
    p.oc = s.oc / s.groups;
    p.d = few_axis(s.id, s.od, s.kd, s.sd, s.pd, s.dil_d);
    p.h = few_axis(s.ih, s.oh, s.kh, s.sh, s.ph, s.dil_h);
    p.w = few_axis(s.iw, s.ow, s.kw, s.sw, s.pw, s.dil_w);
    p.taps = s.kd * s.kh * s.kw;
    p.c_blocks = ceil_div(p.ic, kMostChannels);
    p.column_strips = ceil_div(p.w.grid, kMostColumns);
    p.columns = ceil_div(p.w.grid, p.column_strips);
    p.pitch = p.columns + p.w.halo();
    const int64_t row_bytes = p.pitch * static_cast<int64_t>(sizeof(T));
    p.k_block = smaller(p.oc, kMostK);
    const int64_t fitting = kStripBytes / (row_bytes * p.k_block) - p.h.halo();
    p.k_blocks = ceil_div(p.oc, p.k_block);
    // Large images are cut at least in four: one alone occupies several threads.
    const int64_t pixels = larger(ceil_div(p.h.grid, 4), ceil_div(kFewestPixels, p.pitch));
    p.rows = larger(1, smaller(smaller(p.h.grid, pixels), fitting));
    p.row_strips = ceil_div(p.h.grid, p.rows);
    p.rows = ceil_div(p.h.grid, p.row_strips);
    constexpr int64_t L = kLanes<T>, overrun = 8 * L;   // the last tile of a run reads and writes past its end
    p.run = ceil_div(p.rows * p.pitch, L) * L + overrun;
    p.channel_pitch = (p.rows + p.h.halo()) * p.pitch;
    p.strip = ceil_div(p.k_block * p.channel_pitch + overrun + p.h.halo() + p.w.halo(), 64) * 64;
    p.sums = p.h.phases() * p.w.phases() * p.ic * p.run;
    p.lists = ceil_div((p.h.taps * p.w.taps + p.h.phases() * p.w.phases()) * int64_t{8 / sizeof(T)}, 64) * 64;
    p.scratch = ceil_div(p.strip + p.sums + p.lists, 64) * 64;
    p.packed = ceil_div(p.groups * p.oc * p.ic * p.taps, 64) * 64;
    return p;
}

// ---- weights ------------------------------------------------------------------------------------------------------

// Where the weights of tap row a, phase (fh, fw) begin within a group's block of channels: all taps are listed in this
// order, those of a phase together.
template <class F> void for_each_tap(const FewProblem& p, int64_t fh, int64_t fw, F&& f) {
    for (int64_t b = 0; b < p.h.taps; ++b)
        if (p.h.hits(fh, b))
            for (int64_t e = 0; e < p.w.taps; ++e)
                if (p.w.hits(fw, e)) f(b, e);
}
inline int64_t count_taps(const FewProblem& p, int64_t fh, int64_t fw) {
    int64_t count = 0;
    for_each_tap(p, fh, fw, [&](int64_t, int64_t) { ++count; });
    return count;
}

// packed: [group][channel block][tap of the first axis][phase][k][tap][channel]
template <class T> void pack(T* to, const T* weight, const FewProblem& p) {
    const int64_t plane = p.h.taps * p.w.taps;
    for (int64_t g = 0; g < p.groups; ++g)
        for (int64_t block = 0; block < p.c_blocks; ++block)
            for (int64_t a = 0; a < p.d.taps; ++a)
                for (int64_t fh = 0; fh < p.h.phases(); ++fh)
                    for (int64_t fw = 0; fw < p.w.phases(); ++fw)
                        for (int64_t k = 0; k < p.oc; ++k)
                            for_each_tap(p, fh, fw, [&](int64_t b, int64_t e) {
                                for (int64_t c = p.first_channel(block); c < p.first_channel(block + 1); ++c)
                                    *to++ =
                                        weight[(((g * p.oc + k) * p.ic + c) * p.d.taps + a) * plane + b * p.w.taps + e];
                            });
}

// ---- the register tile ----------------------------------------------------------------------------------------------

template <class T> struct FewTile {
    T* sums;
    int64_t sums_pitch;   // elements between channels
    const T *dy, *weight;
    const int64_t* offsets;   // of the taps
    int64_t taps, k, channel_pitch;
    bool first;
};

template <class T, int Channels, int Vectors> [[gnu::noinline]] void few_tile(const FewTile<T>& a) {
    constexpr int L = kLanes<T>;
    Vec<T> acc[Channels][Vectors];
#pragma GCC unroll 4
    for (int c = 0; c < Channels; ++c)
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) acc[c][v] = a.first ? Vec<T>{} : load(a.sums + c * a.sums_pitch + v * L);
    const T* w = a.weight;
    const T* channel = a.dy;
    for (int64_t k = 0; k < a.k; ++k, channel += a.channel_pitch)
        for (int64_t t = 0; t < a.taps; ++t, w += Channels) {
            const T* g = channel + a.offsets[t];
            Vec<T> factor[Channels];
#pragma GCC unroll 4
            for (int c = 0; c < Channels; ++c) factor[c] = broadcast(w[c]);
#pragma GCC unroll 8
            for (int v = 0; v < Vectors; ++v) {
                const Vec<T> value = load(g + v * L);
#pragma GCC unroll 4
                for (int c = 0; c < Channels; ++c) acc[c][v] += factor[c] * value;
            }
        }
#pragma GCC unroll 4
    for (int c = 0; c < Channels; ++c)
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) store(a.sums + c * a.sums_pitch + v * L, acc[c][v]);
}

template <class T, int Channels, int Vectors = tile_vectors(Channels)>
void few_tile_of(int64_t vectors, const FewTile<T>& a) {
    if constexpr (Vectors > 0) {
        if (vectors == Vectors) return few_tile<T, Channels, Vectors>(a);
        few_tile_of<T, Channels, Vectors - 1>(vectors, a);
    }
}

template <class T, int Channels = kMostChannels>
void few_tile_of_channels(int64_t channels, int64_t vectors, const FewTile<T>& a) {
    if constexpr (Channels > 0) {
        if (channels == Channels) return few_tile_of<T, Channels>(vectors, a);
        few_tile_of_channels<T, Channels - 1>(channels, vectors, a);
    }
}

// ---- a strip --------------------------------------------------------------------------------------------------------

struct FewStrip {
    int64_t image, group, z, h0, rows, w0, columns;   // z: position along the first axis of the input
};

// dy's channels [k0, k0 + count) of plane od, masked by y, with its padding.
template <class T>
void copy_dy(T* to, const T* dy, const T* y, const FewProblem& p, const FewStrip& s, int64_t od, int64_t k0,
             int64_t count) {
    constexpr int64_t L = kLanes<T>;
    const int64_t start = s.w0 + p.w.least, width = s.columns + p.w.halo();
    const Run run = positions_inside(width, p.w.out, 1, start);
    for (int64_t k = k0; k < k0 + count; ++k, to += p.channel_pitch)
        for (int64_t r = 0; r < s.rows + p.h.halo(); ++r) {
            T* row = to + r * p.pitch;
            const int64_t h = s.h0 + p.h.least + r;
            const Run inside = h >= 0 && h < p.h.out ? run : Run{0, 0};
            const int64_t from =
                (((s.image * p.groups + s.group) * p.oc + k) * p.d.out + od) * p.h.out * p.w.out + h * p.w.out + start;
            int64_t i = 0;
            for (; i < inside.begin; ++i) row[i] = 0;
            if (!y)
                for (; i + L <= inside.end; i += L) {
                    __builtin_prefetch(dy + from + i + kAhead);
                    store(row + i, load(dy + from + i));
                }
            for (; i < inside.end; i += L) {
                const int64_t lanes = smaller(L, inside.end - i);
                Vec<T> g = load_first(dy + from + i, lanes);
                if (y) g = select<T>(load_first(y + from + i, lanes) > 0, g, Vec<T>{});
                store_first(row + i, g, lanes);
            }
            for (i = inside.end; i < p.pitch; ++i) row[i] = 0;
        }
}

// The phases of a strip side by side into dx.
template <class T> void write_strip(T* dx, const T* sums, bool any, const FewProblem& p, const FewStrip& s) {
    const int64_t step = p.w.phases();
    for (int64_t c = 0; c < p.ic; ++c)
        for (int64_t fh = 0; fh < p.h.phases(); ++fh)
            for (int64_t r = 0; r < s.rows; ++r) {
                const int64_t h = (s.h0 + r) * p.h.stride + fh;
                if (h >= p.h.in) continue;
                const int64_t plane = ((s.image * p.groups + s.group) * p.ic + c) * p.d.in + s.z;
                T* row = dx + (plane * p.h.in + h) * p.w.in + s.w0 * p.w.stride;
                const int64_t left = smaller(p.w.in - s.w0 * p.w.stride, s.columns * p.w.stride);
                const auto phase = [&](int64_t fw) {
                    return sums + ((fh * step + fw) * p.ic + c) * p.run + r * p.pitch;
                };
                if (!any) {
                    for (int64_t i = 0; i < left; ++i) row[i] = 0;
                } else if (p.w.stride == 1) {
                    const T* from = phase(0);
                    for (int64_t i = 0; i < left; ++i) row[i] = from[i];
                } else if (p.w.stride == 2 && step == 2) {
                    const T *even = phase(0), *odd = phase(1);
                    for (int64_t i = 0; i < left / 2; ++i) {
                        row[2 * i] = even[i];
                        row[2 * i + 1] = odd[i];
                    }
                    if (left % 2) row[left - 1] = even[left / 2];
                } else {
                    for (int64_t fw = 0; fw < step; ++fw) {
                        const T* from = phase(fw);
                        for (int64_t i = 0; i * p.w.stride + fw < left; ++i) row[i * p.w.stride + fw] = from[i];
                    }
                }
            }
}

template <class T>
void compute_strip(const BackwardInputCall<T>& a, const T* packed, const FewProblem& p, const FewStrip& s, T* scratch) {
    constexpr int64_t L = kLanes<T>;
    T* sums = scratch + p.strip;
    int64_t* offsets = reinterpret_cast<int64_t*>(sums + p.sums);
    const int64_t vectors = ceil_div((s.rows - 1) * p.pitch + s.columns, L), phases = p.h.phases() * p.w.phases();
    const int64_t tiles = ceil_div(vectors, tile_vectors(static_cast<int>(ceil_div(p.ic, p.c_blocks))));
    int64_t *next = offsets, *ends = offsets + p.h.taps * p.w.taps;   // of the phases' lists
    for (int64_t phase = 0; phase < phases; ++phase) {
        const int64_t fh = phase / p.w.phases(), fw = phase % p.w.phases();
        for_each_tap(p, fh, fw, [&](int64_t b, int64_t e) {
            *next++ = (p.h.shift(fh, b) - p.h.least) * p.pitch + p.w.shift(fw, e) - p.w.least;
        });
        ends[phase] = next - offsets;
    }
    // Weights of a tap of the first axis, per channel; phases past the input's end have none.
    const int64_t of_tap = p.oc * ends[phases - 1];
    bool first = true;
    for (int64_t tap = 0; tap < p.d.taps; ++tap) {
        if (!p.d.hits(s.z % p.d.stride, tap)) continue;
        const int64_t od = (s.z + p.d.pad - tap * p.d.dilation) / p.d.stride;
        if (s.z + p.d.pad < tap * p.d.dilation || od >= p.d.out) continue;
        for (int64_t k_block = 0; k_block < p.k_blocks; ++k_block, first = false) {
            const int64_t k0 = k_block * p.k_block, k = smaller(p.k_block, p.oc - k0);
            copy_dy(scratch, a.dy, a.y, p, s, od, k0, k);
            for (int64_t i = 0; i < tiles; ++i) {
                const int64_t begin = vectors * i / tiles, end = vectors * (i + 1) / tiles;
                for (int64_t block = 0; block < p.c_blocks; ++block) {
                    const int64_t c0 = p.first_channel(block), channels = p.first_channel(block + 1) - c0;
                    const T* weight = packed + ((s.group * p.ic + c0) * p.d.taps + tap * channels) * of_tap;
                    for (int64_t phase = 0; phase < phases; ++phase) {
                        const int64_t* list = offsets + (phase ? ends[phase - 1] : 0);
                        const int64_t taps = offsets + ends[phase] - list;
                        few_tile_of_channels<T>(
                            channels, end - begin,
                            {sums + (phase * p.ic + c0) * p.run + begin * L, p.run, scratch + begin * L,
                             weight + k0 * taps * channels, list, taps, k, p.channel_pitch, first});
                        weight += p.oc * taps * channels;
                    }
                }
            }
        }
    }
    write_strip(a.dx, sums, !first, p, s);
}

template <class T> void run(const BackwardInputCall<T>& a, const ConvShape& shape) {
    const FewProblem p = few_problem<T>(shape);
    pack(a.workspace, a.weight, p);
    const T* packed = a.workspace;
    T* scratch = a.workspace + p.packed;
    const int64_t strips = p.d.in * p.row_strips * p.column_strips;
    parallel_for(p.n * p.groups * strips, multiply_adds(shape), [&](int64_t unit, int thread) {
        const int64_t image = unit / strips, strip = unit % strips;
        const int64_t h0 = strip / p.column_strips % p.row_strips * p.rows, w0 = strip % p.column_strips * p.columns;
        const FewStrip s{image / p.groups,
                         image % p.groups,
                         strip / p.column_strips / p.row_strips,
                         h0,
                         smaller(p.rows, p.h.grid - h0),
                         w0,
                         smaller(p.columns, p.w.grid - w0)};
        compute_strip(a, packed, p, s, scratch + thread * p.scratch);
    });
}

const char* cannot(const ConvShape& s) {
    const double rows = 1.0 + (s.kh - 1.0) * s.dil_h / s.sh + 2,
                 columns = smaller(s.iw, kMostColumns) + (s.kw - 1.0) * s.dil_w / s.sw + 2;
    if (smaller(s.sh, s.ih) * smaller(s.sw, s.iw) > 64) return "strides so long that hardly a position meets a tap";
    return rows * columns * kMostK * sizeof(double) <= kWidestStrip ? nullptr
                                                                    : "the taps lie so far apart that a strip of "
                                                                      "dy outgrows its scratch";
}
const char* declines(const ConvShape& s) {
    return s.ic / s.groups > kFewChannels ? "more than 8 input channels per group: they fill vectors" : nullptr;
}
bool always(const ConvShape&) { return true; }   // seen from dx, what lies around dy is padding
template <class T> int64_t workspace(const ConvShape& s, int threads, bool) {
    const FewProblem p = few_problem<T>(s);
    return p.packed + threads * p.scratch;
}

}   // namespace

template <class T> const BackwardInputAlgorithm<T>& few_channels_backward_input() {
    static constexpr BackwardInputAlgorithm<T> entry = {
        {ConvAlgorithm::few_channels, true, always, true, false, cannot, declines, workspace<T>, backward_input_error},
        run<T>};
    return entry;
}
TK_EMIT(few_channels_backward_input)

}   // namespace tk::TK_ISA
