// Between memory and transforms: what lies in rows, a signal's samples or a kernel's taps, becomes a lane, and back.
#pragma once
#include "kernels/fft_plan.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

// Samples first, first + 1, ... of a row: those in [0, end) as they lie, the others zero.
template <class T> struct Samples {
    const T* row;
    int64_t first, end;
};
// z[i * step], one part of a point, for i < points: sample i of each lane. Points up to a whole vector's are written.
template <class T> [[gnu::noinline]] void take_lanes(T* z, const Samples<T>* lanes, int64_t points, int64_t step) {
    constexpr int64_t L = kLanes<T>;
    alignas(64) T tile[L * L];
    for (int64_t i = 0; i < points; i += L) {
        for (int64_t l = 0; l < L; ++l) {
            const int64_t at = lanes[l].first + i, end = lanes[l].end;
            const T* const from = lanes[l].row + at;
            store(tile + l * L, at >= 0 && at + L <= end ? load(from) : load_masked(from, lanes_inside<T>(at, end)));
        }
        transpose_tile(tile);
        for (int64_t l = 0; l < smaller(L, points - i); ++l) store(z + (i + l) * step * kPoint<T>, load(tile + l * L));
    }
}

// to[0..count) of each lane, which are its elements of z[i * step].
template <class T> struct Row {
    T* to;
    int64_t count;
};
template <class T>
[[gnu::noinline]] void put_lanes(const Row<T>* lanes, const T* z, int64_t points, int64_t step, T bias, bool relu) {
    constexpr int64_t L = kLanes<T>;
    alignas(64) T tile[L * L] = {};
    for (int64_t i = 0; i < points; i += L) {
        const int64_t count = smaller(L, points - i);
        for (int64_t l = 0; l < count; ++l) store(tile + l * L, load(z + (i + l) * step * kPoint<T>));
        transpose_tile(tile);
        for (int64_t l = 0; l < L; ++l) {
            const int64_t wanted = smaller(count, lanes[l].count - i);
            const Vec<T> v = load(tile + l * L) + bias;
            if (wanted > 0) store_first(lanes[l].to + i, relu ? rectify<T>(v) : v, wanted);
        }
    }
}

// Where a lane of a vector stands: an image, and the first of its two blocks.
struct Place {
    int64_t image, block;
};
template <class T> Place place_of(const FftPlan& q, int64_t vector, int64_t lane) {
    const int64_t pair = vector * kLanes<T> + lane;
    return {pair / q.pairs, 2 * (pair % q.pairs)};
}

// Blocks of a channel of `x`, [n][channels][length]; a block is the samples from start + block * hop on, `seen` of
// them.
template <class T> struct Channel {
    const T* x;
    int64_t n, channels, length, start, seen;
};
template <class T> void take_blocks(T* z, const Channel<T>& from, int64_t channel, int64_t vector, const FftPlan& q) {
    constexpr int64_t L = kLanes<T>;
    Samples<T> lanes[2][L];
    for (int64_t l = 0; l < L; ++l) {
        const auto [image, block] = place_of<T>(q, vector, l);
        const bool there = image < from.n;
        for (int part = 0; part < 2; ++part) {
            const int64_t first = from.start + (block + part) * q.hop;
            lanes[part][l] = {there ? from.x + (image * from.channels + channel) * from.length : from.x, first,
                              there ? smaller(from.length, first + from.seen) : 0};
        }
    }
    for (int part = 0; part < 2; ++part) take_lanes(z + part * L, lanes[part], q.size, 1);
}
template <class T>
void put_blocks(T* y, const T* z, int64_t channel, int64_t vector, const FftProblem& p, const FftPlan& q, T bias,
                bool relu) {
    constexpr int64_t L = kLanes<T>;
    Row<T> lanes[2][L];
    for (int64_t l = 0; l < L; ++l) {
        const auto [image, block] = place_of<T>(q, vector, l);
        for (int part = 0; part < 2; ++part) {
            const int64_t first = (block + part) * q.hop;
            lanes[part][l] = {y + (image * p.results + channel) * p.to + first,
                              image < p.n ? smaller(q.hop, p.to - first) : 0};
        }
    }
    for (int part = 0; part < 2; ++part)
        put_lanes(lanes[part], z + p.skip * kPoint<T> + part * L, q.hop, 1, bias, relu);
}

// Spectra of real kernels, two of which are one complex signal: kernel i of a unit of 2 * kLanes and kernel i + kLanes.
// Of each pair of points one: [half][real parts of all kernels, imaginary parts].
//
// The spectra of a unit's kernels, over size, conjugate but where they convolve.
template <class T>
[[gnu::noinline]] void take_kernels(T* spectra, T* z, const T* weight, int64_t unit, const FftProblem& p,
                                    const FftPlan& q, const T* roots) {
    constexpr int64_t L = kLanes<T>;
    for (int64_t i = 0; i < q.size * kPoint<T>; i += L) store(z + i, Vec<T>{});
    for (int part = 0; part < 2; ++part) {
        Samples<T> lanes[L];
        for (int64_t l = 0; l < L; ++l) {
            const int64_t kernel = (2 * unit + part) * L + l;
            const bool there = kernel < p.kernels();
            lanes[l] = {there ? weight + kernel * p.taps : weight, 0, there ? p.taps : 0};
        }
        take_lanes(z + part * L, lanes, p.taps, p.dilation);
    }
    transform<false>(z, q.size, roots);
    const T scale = T(0.5) / static_cast<T>(q.size), turn = p.convolves ? scale : -scale;
    for (int64_t half = 0; half < q.halves(); ++half) {
        const auto [first, second] = pair_of(half, q.size);
        const Complex<T> a = load_point(z + first * kPoint<T>), b = load_point(z + second * kPoint<T>);
        T* const to = spectra + half * q.row + 2 * unit * L;
        store(to, (a.re + b.re) * scale), store(to + L, (a.im + b.im) * scale);
        store(to + q.row / 2, (a.im - b.im) * turn), store(to + q.row / 2 + L, (b.re - a.re) * turn);
    }
}
// dweight of a unit's kernels from spectra that are twice theirs.
template <class T>
void put_kernels(T* dweight, T* z, const T* spectra, int64_t unit, const FftProblem& p, const FftPlan& q,
                 const T* roots) {
    constexpr int64_t L = kLanes<T>;
    const T scale = T(0.5) / static_cast<T>(q.size);
    int64_t count[2];   // the other lanes of a row were never written
    for (int part = 0; part < 2; ++part) count[part] = larger(0, smaller(L, p.kernels() - (2 * unit + part) * L));
    for (int64_t half = 0; half < q.halves(); ++half) {
        const auto [first, second] = pair_of(half, q.size);
        const T* const from = spectra + half * q.row + 2 * unit * L;
        const T* const imaginary = from + q.row / 2;
        const auto kernels = [&](int part) -> Complex<T> {
            return {load_first(from + part * L, count[part]) * scale,
                    load_first(imaginary + part * L, count[part]) * scale};
        };
        const Complex<T> a = kernels(0), b = kernels(1);
        store_point(z + first * kPoint<T>, Complex<T>{a.re - b.im, a.im + b.re});
        store_point(z + second * kPoint<T>, Complex<T>{a.re + b.im, b.re - a.im});
    }
    transform<true>(z, q.size, roots);
    for (int part = 0; part < 2; ++part) {
        Row<T> lanes[L];
        for (int64_t l = 0; l < L; ++l) {
            const int64_t kernel = (2 * unit + part) * L + l;
            lanes[l] = {dweight + kernel * p.taps, kernel < p.kernels() ? p.taps : 0};
        }
        put_lanes(lanes, z + part * L, p.taps, p.dilation, T(0), false);
    }
}

}   // namespace
}   // namespace tk::TK_ISA
