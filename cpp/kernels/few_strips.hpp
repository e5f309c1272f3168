// Few channels, strip by strip: each is copied to scratch with its padding, computed tile by tile, part by part, and
// its parts interleaved on their way out (conv_few_channels.cpp).
#pragma once
#include "common/parallel.hpp"
#include "kernels/few_pairs.hpp"
#include "kernels/few_tile.hpp"

namespace tk::TK_ISA {
namespace {

// The operands: bias and mask (of the input's shape) or nullptr.
template <class T> struct FewCall {
    T* out;
    const T *in, *mask, *weight, *bias;
    bool relu;
    T* workspace;
};

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

// What the tiles of a strip have in common: lists of taps, strides of weights, and how its vectors are dealt out.
struct StripTiles {
    const FewTap* taps;
    const int64_t* ends;   // [part], as listed
    int64_t w_oc, w_ic;
    int64_t steps, count;   // steps of kVectorStep vectors, tiles
};
template <class T> StripTiles strip_tiles(const FewCall<T>& a, const FewProblem& p, const FewStrip& s) {
    const FewTap* taps = reinterpret_cast<const FewTap*>(a.workspace + p.packed);
    const int64_t steps = ceil_div((s.rows - 1) * p.pitch + s.columns, kVectorStep * kLanes<T>);
    const int64_t widest = tile_vectors<T>(static_cast<int>(ceil_div(p.oc, p.k_blocks)));
    return {taps,
            reinterpret_cast<const int64_t*>(taps + p.plane_taps()),
            p.packed ? 1 : p.w_oc,
            p.packed ? p.plane_taps() * kMostResults : p.w_ic,
            steps,
            ceil_div(steps * kVectorStep, widest)};
}

// What each tile calls in: a share of the next image's input, and of the lines that this one will write.
template <class T> struct StripAhead {
    const T* next;
    T* to;
    int64_t share, written;
};
template <class T>
StripAhead<T> strip_ahead(const FewCall<T>& a, const FewProblem& p, const FewStrip& s, int64_t tiles) {
    const int64_t calls = p.c_blocks * tiles * p.k_blocks * p.parts(), image = s.image * p.groups + s.group;
    return {a.in + (image + 1) * p.called_in, a.out + image * p.called_out,
            ceil_div(p.called_in, calls * p.c_block * kCacheLine<T>) * kCacheLine<T>,
            p.called_out ? p.called_out / calls + 1 : 0};
}

// Channels [c0, c0 + count) of a plane, which lie in scratch, and the weights of the tap of the first axis that sees
// it.
struct StripBlock {
    int64_t tap, c0, count;
    bool first;   // of a strip's sums
};
template <class T>
TK_INLINE void add_block(const FewCall<T>& a, const FewProblem& p, int64_t group, const StripBlock& b,
                         const StripTiles& tiles, T* scratch, StripAhead<T>& ahead) {
    constexpr int64_t L = kLanes<T>;
    const T* weight = p.packed ? a.workspace + (b.tap * p.ic + b.c0) * tiles.w_ic
                               : a.weight + group * p.w_group + b.c0 * tiles.w_ic + b.tap * p.plane_taps();
    for (int64_t i = 0; i < tiles.count; ++i) {
        const int64_t begin = tiles.steps * i / tiles.count * kVectorStep;
        const int64_t end = tiles.steps * (i + 1) / tiles.count * kVectorStep;
        T* sums = scratch + p.strip + begin * L;
        for (int64_t block = 0; block < p.k_blocks; ++block) {
            const int64_t k0 = p.first_result(block), results = p.first_result(block + 1) - k0;
            const T* of_block = weight + (p.packed ? block * p.d.taps * p.ic * tiles.w_ic : k0 * tiles.w_oc);
            for (int64_t part = 0; part < p.parts(); ++part) {
                const FewTap* taps = tiles.taps + (part ? tiles.ends[part - 1] : 0);
                few_tile_of_channels<T>(results, end - begin,
                                        {sums + (part * p.oc + k0) * p.run, p.run, scratch + begin * L, of_block, taps,
                                         tiles.taps + tiles.ends[part] - taps, b.count, p.channel_pitch, tiles.w_ic,
                                         tiles.w_oc, b.first, ahead.next, ahead.share});
                fetch_to_write(ahead.to, ahead.written);
                ahead.to += ahead.written;
                ahead.next += ahead.share * b.count;
            }
        }
    }
}

template <class T> void compute_strip(const FewCall<T>& a, const FewProblem& p, const FewStrip& s, T* scratch) {
    const StripTiles tiles = strip_tiles(a, p, s);
    StripAhead<T> ahead = strip_ahead(a, p, s, tiles.count);
    T* sums = scratch + p.strip;
    bool first = true;
    for (int64_t tap = 0; tap < p.d.taps; ++tap) {
        const int64_t z = s.z / p.d.parts * p.d.step + p.d.at(s.z % p.d.parts, tap);
        if (!p.d.hits(s.z % p.d.parts, tap) || z < 0 || z >= p.d.in) continue;
        for (int64_t c0 = 0; c0 < p.ic; c0 += p.c_block, first = false) {
            const StripBlock block{tap, c0, smaller(p.c_block, p.ic - c0), first};
            copy_strip(scratch, a, p, s, z, c0, block.count);
            add_block(a, p, s.group, block, tiles, scratch, ahead);
        }
    }
    for (int64_t i = 0; first && i < p.sums; ++i) sums[i] = 0;   // no tap of the first axis hits
    write_strip(a, sums, p, s);
}

// A strip whose tiles write dx. Each calls in a share of the next image's input, and of the lines of the channels that
// come next.
template <class T> void compute_pairs(const FewCall<T>& a, const FewProblem& p, const FewStrip& s, T* scratch) {
    constexpr int64_t L = kLanes<T>, R = kPairResults;
    copy_strip(scratch, a, p, s, 0, 0, p.ic);
    const int64_t across = ceil_div(s.columns, L), vectors = s.rows * across, blocks = ceil_div(p.oc, R);
    const int64_t tiles = ceil_div(vectors, kPairVectors), image = s.image * p.groups + s.group;
    const int64_t share = ceil_div(p.called_in, blocks * tiles * kCacheLine<T>) * kCacheLine<T>;
    const int64_t plane = p.h.out * p.w.out, written = p.called_out ? ceil_div(R * plane, tiles) : 0;
    const T* next = a.in + (image + 1) * p.called_in;
    PairTile<T> tile{scratch, nullptr, nullptr, {}, p.pitch, p.ic, p.channel_pitch, p.w_ic, p.w_oc, p.w.out, plane};
    for (int64_t block = 0; block < blocks; ++block) {
        const int64_t k = smaller(block * R, p.oc - R);   // the last ones compute some again
        tile.weight = a.weight + s.group * p.w_group + k * p.w_oc;
        tile.out = a.out + (image * p.oc + k) * plane + 2 * s.h0 * p.w.out;
        for (int64_t i = 0; i < tiles; ++i) {
            for (int64_t v = 0; v < kPairVectors; ++v) {
                const int64_t at = smaller(i * kPairVectors + v, vectors - 1), row = at / across;
                const int64_t q = smaller(at % across * L, s.columns - L);
                tile.places[v] = {row * p.pitch + q, 2 * (row * p.w.out + q)};
            }
            fetch(next, share);
            next += share;
            fetch_to_write(tile.out + R * plane + i * written, written);
            pair_tile<T, 0>(tile);
            pair_tile<T, 1>(tile);
        }
    }
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
        T* own = scratch + thread * p.scratch;
        if constexpr (kPairs<T>)
            if (p.pairs) return compute_pairs(a, p, s, own);
        compute_strip(a, p, s, own);
    });
}

}   // namespace
}   // namespace tk::TK_ISA
