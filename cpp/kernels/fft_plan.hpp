// How a long 1-D convolution is cut into blocks for Fourier transforms.
//
//   a block          `size` samples that a run of `hop` = size - span + 1 results sees; the next begins `hop` later
//   a lane           two blocks that follow each other, real and imaginary part: the kernel is real, and so each part
//                    meets it as if alone
//   a vector         kLanes such pairs, of one channel, image after image
//   a pair of points f and -f, of which a real kernel needs one
//
// The size is the one of least work for one image, whatever the batch.
#pragma once
#include "kernels/conv_algorithms.hpp"
#include "kernels/fft.hpp"
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

// Results of `to` samples in `results` channels, from `from` samples in `sources` channels.
struct FftProblem {
    int64_t n, groups, sources, results;   // channels of all groups
    int64_t from, to, taps, dilation;
    int64_t start;                  // the sample at which the first block begins
    int64_t skip;                   // the point at which a block's results begin
    bool convolves;                 // the kernel's taps run against the signal: its spectrum as it is; else, conjugate
    int64_t by_result, by_source;   // elements from one kernel to the next of a group
    int64_t span() const { return (taps - 1) * dilation + 1; }
    int64_t kernels() const { return sources / groups * results; }
};
inline FftProblem forward_of(const ConvShape& s) {
    return {s.n, s.groups, s.ic, s.oc, s.iw, s.ow, s.kw, s.dil_w, -s.pw, 0, false, s.ic / s.groups, 1};
}
inline FftProblem backward_input_of(const ConvShape& s) {
    FftProblem p{s.n, s.groups, s.oc, s.ic, s.ow, s.iw, s.kw, s.dil_w, s.pw, 0, true, 1, s.ic / s.groups};
    p.skip = p.span() - 1;
    p.start -= p.skip;
    return p;
}

struct FftPlan {
    int64_t size, hop, pairs;   // pairs of blocks of a signal
    int64_t vectors, at_once;   // of all images, and those that are held
    int64_t row;                // elements of a point of all kernels' spectra: real parts, imaginary parts
    int64_t pitch;              // elements of a transformed vector; a point more, so that channels part in the caches
    double work;                // in cycles, of one image
    int64_t halves() const { return size / 2 + 1; }   // pairs of points
};

constexpr int64_t kHeldBytes = 4 << 20;

// Cycles of AVX2, roughly: a transform and its way in or out, and the products of a point of a vector.
inline double fft_cycles(int64_t size) {
    const int bits = __builtin_ctzll(static_cast<uint64_t>(size));
    return static_cast<double>(size) * (1.9 * bits + 5);
}
template <class T> double fft_work(const FftProblem& p, int64_t size) {
    const int64_t hop = size - p.span() + 1, pairs = ceil_div(ceil_div(p.to, hop), 2);
    const double kernels = static_cast<double>(ceil_div(p.kernels(), 2 * kLanes<T>));
    const double vectors = static_cast<double>(ceil_div(pairs, kLanes<T>));
    return (kernels + vectors * static_cast<double>(p.sources + p.results)) * fft_cycles(size) +
           2 * vectors * static_cast<double>(size) * static_cast<double>(p.kernels());
}
template <class T> [[gnu::noinline]] FftPlan fft_plan(const FftProblem& p) {
    FftPlan q{};
    int64_t size = kLeastPoints;
    while (size < p.span()) size *= 2;
    for (;; size *= 2) {
        const double work = fft_work<T>(p, size);
        if (q.size == 0 || work < q.work) q.work = work, q.size = size;
        if (size - p.span() + 1 >= p.to || size >= kMostPoints) break;
    }
    q.hop = q.size - p.span() + 1;
    q.pairs = ceil_div(ceil_div(p.to, q.hop), 2);
    q.vectors = ceil_div(p.n * q.pairs, kLanes<T>);
    q.pitch = (q.size + 1) * kPoint<T>;
    const int64_t bytes = (p.sources + p.results) * q.pitch * static_cast<int64_t>(sizeof(T));
    q.at_once = larger(1, smaller(q.vectors, kHeldBytes / bytes));
    q.row = 2 * ceil_div(p.kernels(), 2 * kLanes<T>) * 2 * kLanes<T>;
    return q;
}

// The two points of pair `half`: 0 and the one of size / 2 meet themselves.
struct PointPair {
    int64_t first, second;
};
inline PointPair pair_of(int64_t half, int64_t size) {
    if (half == 0) return {0, 0};
    if (2 * half == size) return {1, 1};
    const int64_t top = int64_t{1} << (63 - __builtin_clzll(static_cast<uint64_t>(half)));
    return {half + top, 5 * top - 1 - half};
}

}   // namespace
}   // namespace tk::TK_ISA
