// How normalisation walks over x [n][c][s]. The unit of work is a group of channels that one vector's constants
// serve:
//   s > 1    one channel: n runs of s elements, every lane belongs to it
//   s == 1   kLanes channels side by side: n runs of kLanes elements, lane i belongs to channel i of the group
// Either way a lane's constant is a vector, and statistics are kept per lane in double; only the last step of a
// reduction differs: the lanes of a single channel are added up.
#pragma once
#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

// kLanes<T> doubles.
template <class T> struct Sums {
    static constexpr int kParts = static_cast<int>(sizeof(double) / sizeof(T));
    Vec<double> part[kParts];
};

template <class T> TK_INLINE Sums<T> widen(const Sums<T>& sums) { return sums; }

// `count` lanes, all of them or the first.
template <class T> TK_INLINE Vec<T> read(const T* p, int64_t count) {
    return count == kLanes<T> ? load(p) : load_first(p, count);
}
template <class T> TK_INLINE void write(T* p, Vec<T> v, int64_t count) {
    if (count == kLanes<T>) store(p, v);
    else store_first(p, v, count);
}

template <class T> TK_INLINE void add(Sums<T>& to, const Sums<T>& from) {
    for (int i = 0; i < Sums<T>::kParts; ++i) to.part[i] += from.part[i];
}

TK_INLINE Sums<double> widen(Vec<double> v) { return {{v}}; }
TK_INLINE Sums<float> widen(Vec<float> v) {
    typedef float Half __attribute__((vector_size(TK_VECTOR_BYTES / 2), may_alias));
    const Half* halves = reinterpret_cast<const Half*>(&v);
    return {{__builtin_convertvector(halves[0], Vec<double>), __builtin_convertvector(halves[1], Vec<double>)}};
}

// The first `count` lanes, the others zero.
template <class T> TK_INLINE void keep_first(Sums<T>& sums, int64_t count) {
    for (int i = 0; i < Sums<T>::kParts; ++i)
        for (int j = 0; j < kLanes<double>; ++j)
            if (i * kLanes<double> + j >= count) sums.part[i][j] = 0;
}

template <class T> struct Units {
    static constexpr int L = kLanes<T>;
    int64_t n, c, s;
    bool single;   // a unit is one channel
    int64_t units, positions, chunks;

    explicit Units(const NormShape& shape) : n(shape.n), c(shape.c), s(shape.s), single(shape.s != 1) {
        units = single ? c : (c + L - 1) / L;
        positions = n * s;
        // Enough units keep every thread busy and a channel in its cache. Few are cut: by the shape alone.
        const int64_t parts = positions * (single ? 1 : L) / 32768;
        chunks = units >= 16 || parts < 2 ? 1 : parts > 32 ? 32 : parts;
    }
    int64_t slot(int64_t unit, int64_t chunk) const { return (unit * chunks + chunk) * L; }   // of a chunk's sums
    int64_t slots() const { return units * chunks * L; }
    int64_t elements() const { return n * c * s; }
    int64_t first(int64_t unit) const { return single ? unit : unit * L; }
    int64_t channels(int64_t unit) const {
        if (single) return 1;
        return c - unit * L < L ? c - unit * L : L;
    }

    // f(offset in x, length) for each run of a chunk of a unit.
    template <class F> TK_INLINE void for_each_run(int64_t unit, int64_t chunk, F&& f) const {
        const int64_t begin = positions * chunk / chunks, end = positions * (chunk + 1) / chunks;
        if (begin == end) return;
        if (!single) {
            const int64_t width = channels(unit);
            for (int64_t row = begin; row < end; ++row) f(row * c + unit * L, width);
            return;
        }
        int64_t from = begin % s, left = end - begin;   // left: elements to go
        for (int64_t start = (begin / s * c + unit) * s; left > 0; start += c * s, from = 0) {
            const int64_t length = left < s - from ? left : s - from;
            f(start + from, length);
            left -= length;
        }
    }

    // f(offset in x, count): each run in vectors, the last of them on `count` lanes.
    template <class F> TK_INLINE void for_each_vector(int64_t unit, int64_t chunk, F&& f) const {
        for_each_run(unit, chunk, [&](int64_t offset, int64_t length) {
            int64_t i = 0;
            for (; i + L <= length; i += L) f(offset + i, int64_t{L});
            if (i < length) f(offset + i, length - i);
        });
    }

    // Runs stage(unit, chunk) for all of them, stage after stage. Uncut, a unit goes through all stages while it is in
    // the cache.
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

// N sums over a chunk, to[k * step ...]: term(offset, count, sums) adds a vector to them. The sums it sees are of
// type Sum and last for kBlock vectors: Sums<T> adds in double throughout, Vec<T> adds a block in T. Two sets of
// them hide the latency of addition.
template <class T, class Sum, int N, class Term>
TK_INLINE void sum_chunk(double* to, int64_t step, const Units<T>& u, int64_t unit, int64_t chunk, Term&& term) {
    constexpr int64_t L = kLanes<T>, kBlock = 16;
    Sums<T> all[N] = {};
    u.for_each_run(unit, chunk, [&](int64_t offset, int64_t length) {
        for (int64_t begin = 0; begin < length; begin += kBlock * L) {
            const int64_t end = length - begin < kBlock * L ? length : begin + kBlock * L;
            Sum even[N] = {}, odd[N] = {};
            int64_t i = begin;
            for (; i + 2 * L <= end; i += 2 * L) {
                term(offset + i, L, even);
                term(offset + i + L, L, odd);
            }
            if (i + L <= end) {
                term(offset + i, L, even);
                i += L;
            }
            if (i < end) term(offset + i, end - i, odd);
            for (int k = 0; k < N; ++k) {
                add<T>(all[k], widen(even[k]));
                add<T>(all[k], widen(odd[k]));
            }
        }
    });
    for (int k = 0; k < N; ++k)
        for (int i = 0; i < Sums<T>::kParts; ++i) store(to + k * step + i * kLanes<double>, all[k].part[i]);
}

// A lane's total over the chunks, in their order; of a single channel, over its lanes as well.
template <class T> TK_INLINE double total(const double* sums, const Units<T>& u, int64_t lane) {
    double sum = 0;
    for (int64_t chunk = 0; chunk < u.chunks; ++chunk, sums += kLanes<T>) {
        if (!u.single) sum += sums[lane];
        else
            for (int i = 0; i < kLanes<T>; ++i) sum += sums[i];
    }
    return sum;
}

// value(channel, lane) for the lanes of a unit; lanes that belong to no channel are zero.
template <class T, class F> TK_INLINE void fill_lanes(T* lanes, const Units<T>& u, int64_t unit, F&& value) {
    const int64_t channels = u.channels(unit);
    for (int64_t i = 0; i < channels; ++i) lanes[i] = value(u.first(unit) + i, i);
    for (int64_t i = channels; i < kLanes<T>; ++i) lanes[i] = u.single ? lanes[0] : 0;
}

}   // namespace
}   // namespace tk::TK_ISA
