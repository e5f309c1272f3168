// How normalisation walks over x [n][c][s]. A unit of work is a few neighbouring channels:
//   s > 1    one channel, or as many short ones as fill about 2 KB of an image (7x7: eight), so that memory is read
//            in long runs, or 8 KB of all images, so that the sums of one are taken while another's wait for their
//            constants; a vector holds positions of one channel, its constants are broadcast
//   s == 1   kLanes channels: lane i of every vector belongs to channel i of the unit
// A unit goes through all stages of a kernel while it is in the cache. Only where there are few channels is one cut
// into chunks. Units and chunks follow from the shape alone.
#pragma once
#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

#define TK_ONCE __attribute__((noinline))   // a loop that several callers would each get a copy of

namespace tk::TK_ISA {
namespace {

constexpr int64_t kMostChannels = 16;   // of a unit
static_assert(kMostChannels >= kLanes<float>);

// kLanes<T> doubles.
template <class T> struct Sums {
    static constexpr int kParts = static_cast<int>(sizeof(double) / sizeof(T));
    Vec<double> part[kParts];
};

// `count` lanes, all of them or the first.
template <class T> TK_INLINE Vec<T> read(const T* p, int64_t count) {
    return count == kLanes<T> ? load(p) : load_first(p, count);
}

template <class T> TK_INLINE void add(Sums<T>& to, const Sums<T>& from) {
    for (int i = 0; i < Sums<T>::kParts; ++i) to.part[i] += from.part[i];
}

TK_INLINE Sums<double> widen(Vec<double> v) { return {{v}}; }
TK_INLINE Sums<float> widen(Vec<float> v) {
#if defined(__AVX512F__)
    return {{_mm512_cvtps_pd(_mm512_castps512_ps256(v)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1))}};
#elif defined(__AVX2__)   // GCC takes three detours over halves of halves
    return {{_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))}};
#else
    typedef float Half __attribute__((vector_size(TK_VECTOR_BYTES / 2), may_alias));
    const Half* halves = reinterpret_cast<const Half*>(&v);
    return {{__builtin_convertvector(halves[0], Vec<double>), __builtin_convertvector(halves[1], Vec<double>)}};
#endif
}

template <class T> TK_INLINE VecMask<T> first_lanes(int64_t count) {
    VecMask<T> numbers{};
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i) numbers[i] = i;
    return numbers < static_cast<int>(count);
}

// The first `count` lanes, the others zero.
template <class T> TK_INLINE Vec<T> keep_first(Vec<T> v, int64_t count) {
    return count == kLanes<T> ? v : select<T>(first_lanes<T>(count), v, Vec<T>{});
}

// Per channel and chunk, two sums in double.
struct Pair {
    double first, second;
};
// Pairs of workspace as elements of T.
template <class T> int64_t elements_of(int64_t pairs) { return pairs * static_cast<int64_t>(sizeof(Pair) / sizeof(T)); }

template <class T> TK_INLINE T value_or(const T* array, int64_t i, T otherwise) { return array ? array[i] : otherwise; }
// to[0..count) from array[first..), or of one value. Not by value_or() in a loop: GCC makes masked loads of that, and
// one from no array at all takes hundreds of cycles.
template <class T> TK_INLINE void values_or(T* to, const T* array, int64_t first, int64_t count, T otherwise) {
    constexpr int64_t L = kLanes<T>;
    for (int64_t i = 0; i < count; i += L) {
        if (array) store(to + i, load_first(array + first + i, count - i < L ? count - i : L));
        else store(to + i, broadcast(otherwise));
    }
}

template <class T> T inverse_deviation(double var, double eps) { return static_cast<T>(1 / __builtin_sqrt(var + eps)); }

// The median, 0 where it is not finite.
template <class T> TK_INLINE Vec<T> median_of(Vec<T> a, Vec<T> b, Vec<T> c) {
    const VecMask<T> ordered = a <= b;
    const Vec<T> low = select<T>(ordered, a, b), high = select<T>(ordered, b, a);
    const Vec<T> below = select<T>(c < high, c, high), median = select<T>(below < low, low, below);
    return select<T>(median - median == 0, median, Vec<T>{});
}

// Mean and var of m elements out of sum d and sum d^2 around a shift; false where they cannot be trusted.
template <class T> TK_INLINE bool moments_of(Pair sums, double shift, double m, double& mean, double& var) {
    const double off = sums.first / m;
    mean = shift + off;
    var = sums.second / m - off * off;
    constexpr double most = sizeof(T) == 4 ? 1e38 : 1e300;
    return off * off <= 4 * var && sums.second < most && var > 1 / most;
}

template <bool Value> struct Flag {
    static constexpr bool value = Value;
};
// f(Flag<condition>)
template <class F> TK_INLINE void with_flag(bool condition, F&& f) {
    if (condition) f(Flag<true>{});
    else f(Flag<false>{});
}

template <class T> struct Units {
    static constexpr int64_t L = kLanes<T>;
    int64_t n, c, s;
    bool rows;   // s == 1
    int64_t width, units, positions, chunks;
    int64_t probes[3];   // elements of channel 0, spread over its positions

    explicit Units(const NormShape& shape) : n(shape.n), c(shape.c), s(shape.s), rows(shape.s == 1) {
        positions = n * s;
        const auto filling = [](int64_t elements, int64_t each) { return (elements - 1 + each) / larger(each, 1); };
        const int64_t wanted = larger(filling(512, s), filling(2048, positions)), most = c / 16;   // 16 units at least
        width = rows ? L : larger(1, smaller(8, smaller(wanted, most)));
        units = (c + width - 1) / width;
        const int64_t parts = positions * (rows ? L : 1) / 32768;
        chunks = units >= 16 || parts < 2 ? 1 : parts > 32 ? 32 : parts;
        for (int k = 0; k < 3 && positions; ++k) {
            const int64_t position = positions * (2 * k + 1) / 6;
            probes[k] = position / s * c * s + position % s;
        }
    }
    int64_t first(int64_t unit) const { return unit * width; }
    int64_t channels(int64_t unit) const { return c - first(unit) < width ? c - first(unit) : width; }
    int64_t elements() const { return n * c * s; }
    // A constant of channel `i` of a unit, from an array of all its channels, for every lane that it goes with.
    TK_INLINE Vec<T> constant(const T* values, int64_t i) const { return rows ? load(values) : broadcast(values[i]); }

    // f(offset in x, length) for each run of a chunk of a unit's first channel; that of channel i begins i * s further.
    template <class F> TK_INLINE void for_each_run(int64_t unit, int64_t chunk, F&& f) const {
        const int64_t begin = chunk ? positions * chunk / chunks : 0, count = channels(unit);
        if (!positions) return;
        int64_t from = begin ? begin % s : 0, left = chunks == 1 ? positions : positions * (chunk + 1) / chunks - begin;
        for (int64_t start = (begin ? begin / s * c + first(unit) : first(unit)) * s; left > 0;
             start += c * s, from = 0) {
            const int64_t length = left < s - from ? left : s - from;
            f(start + from, rows ? count : length);
            left -= length;
        }
    }
    int64_t run_channels(int64_t unit) const { return rows ? 1 : channels(unit); }   // with runs of their own

    // The median of three elements of a channel; of each lane's channel where lanes are channels. Finite.
    TK_INLINE Vec<T> median_of_three(const T* x, int64_t unit, int64_t i) const {
        if (!positions) return Vec<T>{};
        Vec<T> three[3];
        for (int k = 0; k < 3; ++k) {
            const T* from = x + probes[k] + (first(unit) + i) * s;
            three[k] = rows ? load_first(from, channels(unit)) : broadcast(*from);
        }
        return median_of<T>(three[0], three[1], three[2]);
    }

    // Runs stage(unit, chunk) for all of them, stage after stage.
    template <class... Stages> void run(int64_t cost, Stages&&... stages) const {
        if (chunks == 1) {
            parallel_for(units, elements() * cost, [&](int64_t unit, int) { (stages(unit, int64_t{0}), ...); });
            return;
        }
        (parallel_for(units * chunks, elements() * cost,
                      [&](int64_t item, int) { stages(item / chunks, item % chunks); }),
         ...);
    }
};

template <class T> TK_INLINE Pair* slot(Pair* pairs, const Units<T>& u, int64_t unit, int64_t chunk) {
    return pairs + chunk * u.c + u.first(unit);
}

// The sum over all chunks of a channel, in their order.
template <class T> TK_INLINE Pair total(const Pair* pairs, const Units<T>& u, int64_t channel) {
    Pair sum = pairs[channel];
    for (int64_t chunk = 1; chunk < u.chunks; ++chunk) {
        sum.first += pairs[chunk * u.c + channel].first;
        sum.second += pairs[chunk * u.c + channel].second;
    }
    return sum;
}

template <class T> struct TwoSums {
    Vec<T> first, second;
};
// Two sums over a chunk of a unit, one Pair per channel. of_channel(i) gives term(offset, count, sums), which adds a
// vector to both. They run in T for kBlock vectors or a run more, in four sets that hide the latency of addition, and
// in double from there.
template <class T, class OfChannel>
TK_INLINE void sum_chunk(Pair* to, const Units<T>& u, int64_t unit, int64_t chunk, OfChannel&& of_channel) {
    constexpr int64_t L = kLanes<T>, kBlock = 32;
    for (int64_t i = 0; i < u.run_channels(unit); ++i) {
        const auto term = of_channel(i);
        Sums<T> first = widen(Vec<T>{}), second = first;
        TwoSums<T> a{}, b{}, c{}, d{};
        int64_t vectors = 0;
        const auto flush = [&]() __attribute__((always_inline)) {
            add<T>(first, widen((a.first + b.first) + (c.first + d.first)));
            add<T>(second, widen((a.second + b.second) + (c.second + d.second)));
            a = b = c = d = TwoSums<T>{};
            vectors = 0;
        };
        u.for_each_run(unit, chunk, [&](int64_t start, int64_t length) __attribute__((always_inline)) {
            const int64_t offset = start + i * u.s;
            for (int64_t begin = 0; begin < length; begin += kBlock * L) {
                const int64_t end = length - begin < kBlock * L ? length : begin + kBlock * L;
                int64_t at = begin;
                for (; at + 4 * L <= end; at += 4 * L) {
                    term(offset + at, L, a);
                    term(offset + at + L, L, b);
                    term(offset + at + 2 * L, L, c);
                    term(offset + at + 3 * L, L, d);
                }
                if (at + 2 * L <= end) {
                    term(offset + at, L, a);
                    term(offset + at + L, L, b);
                    at += 2 * L;
                }
                if (at + L <= end) {
                    term(offset + at, L, c);
                    at += L;
                }
                if (at < end) term(offset + at, end - at, d);
                vectors += (end - begin + L - 1) / L;
                if (vectors >= kBlock) flush();
            }
        });
        flush();
        if (u.rows) {
            for (int64_t lane = 0; lane < u.channels(unit); ++lane)
                to[lane] = {first.part[lane / kLanes<double>][lane % kLanes<double>],
                            second.part[lane / kLanes<double>][lane % kLanes<double>]};
        } else {
            for (int part = 1; part < Sums<T>::kParts; ++part) {
                first.part[0] += first.part[part];
                second.part[0] += second.part[part];
            }
            to[i] = {sum_halves<double>(first.part[0]), sum_halves<double>(second.part[0])};
        }
    }
}

// y[...] of a chunk: of_channel(i) gives value(offset, count), a vector of results. A last partial vector moves
// back over finished elements where the run has room for that. Lines go past the cache where they are whole and y is
// larger than it.
template <class T, class OfChannel>
TK_INLINE void map_chunk(T* y, const Units<T>& u, int64_t unit, int64_t chunk, OfChannel&& of_channel) {
    constexpr int64_t L = kLanes<T>;
    const bool streams = u.chunks == 1 && u.s % L == 0 && past_cache(y, u.elements());
    with_flag(streams, [&](auto stream) {
        u.for_each_run(unit, chunk, [&](int64_t start, int64_t length) {
            for (int64_t i = 0; i < u.run_channels(unit); ++i) {
                const auto value = of_channel(i);
                const int64_t offset = start + i * u.s;
                if (length < L) {
                    store_first(y + offset, value(offset, length), length);
                    continue;
                }
                int64_t at = 0;
#pragma GCC unroll 4
                for (; at + L <= length; at += L) {
                    if constexpr (decltype(stream)::value) store_past_cache(y + offset + at, value(offset + at, L));
                    else store(y + offset + at, value(offset + at, L));
                }
                if (at < length) store(y + offset + length - L, value(offset + length - L, L));
            }
        });
    });
}

}   // namespace
}   // namespace tk::TK_ISA
