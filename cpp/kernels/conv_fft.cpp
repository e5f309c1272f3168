// Long 1-D convolution by Fourier transforms, and its gradients: the entries.
//
//   y      spectra of x times conjugate spectra of the weights, turned back block by block
//   dx     the same of dy with the spectra themselves, whose taps run the other way
//   dweight conjugate spectra of dy times those of x, summed over all blocks, turned back once
//
// Vectors of all channels are held some at a time (fft_plan.hpp): transformed channel by channel, multiplied pair of
// points by pair of points, turned back channel by channel. The first and the last are shared out by channels, the
// products by points. What is not finite reaches all of its block and of the one beside it in its lane.
#include "kernels/fft_products.hpp"
#include "kernels/fft_signals.hpp"

namespace tk::TK_ISA {
namespace {

template <class T> int64_t spectra_size(const FftPlan& q) {
    return ceil_div(roots_size(q.size), 16) * 16 + q.halves() * q.row;
}
template <class T> int64_t held_size(const FftProblem& p, const FftPlan& q) {
    return q.at_once * (p.sources + p.results) * q.pitch;
}

template <class T> struct Fft {
    const FftProblem& p;
    const FftPlan& q;
    T *roots, *kernels, *sources, *results, *scratch;   // scratch: a vector for each thread
    // packed: the roots and kernels, or nullptr: they have room behind what is held.
    [[gnu::noinline]] Fft(const FftProblem& problem, const FftPlan& plan, T* packed, T* workspace)
        : p(problem), q(plan) {
        sources = workspace, results = sources + q.at_once * p.sources * q.pitch;
        T* const behind = workspace + held_size<T>(p, q);
        roots = packed ? packed : behind, kernels = roots + ceil_div(roots_size(q.size), 16) * 16;
        scratch = behind + spectra_size<T>(q);
    }

    int64_t units() const { return q.row / (4 * kLanes<T>); }
    // f(unit, scratch) for each unit of kernels.
    template <class F> void each_kernel(F&& f) const {
        parallel_for(units(), units() * q.size * 64,
                     [&](int64_t unit, int thread) { f(unit, scratch + thread * apart<T>(q.pitch)); });
    }
    // f(vector, channel) for each of `channels` of `vectors` vectors.
    template <class F> void each_channel(int64_t vectors, int64_t channels, F&& f) const {
        parallel_for(vectors * channels, vectors * channels * q.size * 64,
                     [&](int64_t unit, int) { f(unit / channels, unit % channels); });
    }
    // f(group, begin, end) for all pairs of points of all groups.
    template <class F> void each_half(int64_t vectors, F&& f) const {
        const int64_t cuts = ceil_div(q.halves(), kHalvesPerUnit);
        parallel_for(p.groups * cuts, vectors * p.kernels() * q.size * 2, [&](int64_t unit, int) {
            const int64_t begin = unit % cuts * kHalvesPerUnit;
            f(unit / cuts, begin, smaller(q.halves(), begin + kHalvesPerUnit));
        });
    }
    [[gnu::noinline]] void transform_blocks(T* to, const Channel<T>& from, int64_t first, int64_t vectors) const {
        each_channel(vectors, from.channels, [&](int64_t vector, int64_t channel) {
            T* const z = to + (vector * from.channels + channel) * q.pitch;
            take_blocks(z, from, channel, first + vector, q);
            transform<false>(z, q.size, roots);
        });
    }

    [[gnu::noinline]] void transform_kernels(const T* weight) const {
        find_roots(roots, q.size);
        each_kernel([&](int64_t unit, T* z) { take_kernels(kernels, z, weight, unit, p, q, roots); });
    }
    // y = act(bias + the sum of products)
    [[gnu::noinline]] void convolve(T* y, const T* x, const T* bias, bool relu) const {
        const Channel<T> from{x, p.n, p.sources, p.from, p.start, q.size};
        for (int64_t first = 0; first < q.vectors; first += q.at_once) {
            const int64_t vectors = smaller(q.at_once, q.vectors - first);
            transform_blocks(sources, from, first, vectors);
            each_half(vectors, [&](int64_t group, int64_t begin, int64_t end) {
                multiply_kernels(results, sources, kernels, group, begin, end, vectors, p, q);
            });
            each_channel(vectors, p.results, [&](int64_t vector, int64_t channel) {
                T* const z = results + (vector * p.results + channel) * q.pitch;
                transform<true>(z, q.size, roots);
                put_blocks(y, z, channel, first + vector, p, q, bias ? bias[channel] : T(0), relu);
            });
        }
    }
    void correlate(T* dweight, const T* dy, const T* x) const {
        find_roots(roots, q.size);
        const Channel<T> from{x, p.n, p.sources, p.from, p.start, q.size};
        const Channel<T> gradient{dy, p.n, p.results, p.to, 0, q.hop};
        for (int64_t first = 0; first < q.vectors; first += q.at_once) {
            const int64_t vectors = smaller(q.at_once, q.vectors - first);
            transform_blocks(sources, from, first, vectors);
            transform_blocks(results, gradient, first, vectors);
            each_half(vectors, [&](int64_t group, int64_t begin, int64_t end) {
                multiply_gradients(kernels, results, sources, group, begin, end, vectors, first == 0, p, q);
            });
        }
        each_kernel([&](int64_t unit, T* z) { put_kernels(dweight, z, kernels, unit, p, q, roots); });
    }
};

template <class T, FftProblem problem(const ConvShape&)>
int64_t workspace(const ConvShape& s, int threads, bool packed) {
    const FftProblem p = problem(s);
    const FftPlan q = fft_plan<T>(p);
    return held_size<T>(p, q) + (packed ? 0 : threads * apart<T>(q.pitch) + spectra_size<T>(q));
}
template <class T> int64_t forward_packed(const ConvShape& s) {
    const FftPlan q = fft_plan<T>(forward_of(s));
    return spectra_size<T>(q) + q.pitch;
}
template <class T> void forward_pack(T* packed, const T* weight, const ConvShape& s) {
    const FftProblem p = forward_of(s);
    const FftPlan q = fft_plan<T>(p);
    const Fft<T> self(p, q, packed, nullptr);
    find_roots(self.roots, q.size);
    for (int64_t unit = 0; unit < self.units(); ++unit)
        take_kernels(self.kernels, packed + spectra_size<T>(q), weight, unit, p, q, self.roots);
}
template <class T> void run_forward(const ForwardCall<T>& a, const ConvShape& s) {
    const FftProblem p = forward_of(s);
    const FftPlan q = fft_plan<T>(p);
    // A pack is read alone.
    const Fft<T> self(p, q, const_cast<T*>(a.packed), a.workspace);
    if (!a.packed) self.transform_kernels(a.weight);
    self.convolve(a.y, a.x, a.bias, a.relu);
}
template <class T> void run_backward_input(const BackwardInputCall<T>& a, const ConvShape& s) {
    const FftProblem p = backward_input_of(s);
    const FftPlan q = fft_plan<T>(p);
    const Fft<T> self(p, q, nullptr, a.workspace);
    self.transform_kernels(a.weight);
    self.convolve(a.dx, a.dy, nullptr, false);
}
template <class T> void run_backward_weight(const BackwardWeightCall<T>& a, const ConvShape& s) {
    const FftProblem p = forward_of(s);
    const FftPlan q = fft_plan<T>(p);
    const Fft<T> self(p, q, nullptr, a.workspace);
    self.correlate(a.dweight, a.dy, a.x);
}

// ---- what it takes ------------------------------------------------------------------------------------------------

const char* cannot(const ConvShape& s) {
    if (s.id * s.ih * s.kd * s.kh > 1 || s.od * s.oh > 1) return "for signals of one axis alone";
    if (s.sw > 1) return "for stride 1 alone";
    if (s.kw > kMostPoints / 2 || (s.kw - 1) * s.dil_w >= kMostPoints / 2)
        return "the kernel spans so many samples that a block of them outgrows its scratch";
    return nullptr;
}
// Beside the direct kernels at their best, two multiply-adds of vectors a cycle, and by a factor for the roughness of
// both estimates: taken, it measured 1.7 to 60 times as fast; where it declines with 24 taps or more, 0.5 to 2 times.
// The weight gradient adds up lanes, too.
constexpr int64_t kFewestTaps = 24;
constexpr double kWorth = 2, kCyclesOfLanes = 4;
template <class T, FftProblem problem(const ConvShape&), bool Weight> const char* declines(const ConvShape& s) {
    if (s.kw < kFewestTaps) return "fewer than 24 taps: transforms would outweigh the products saved";
    const FftProblem p = problem(s);
    const FftPlan q = fft_plan<T>(p);
    const double lanes = Weight ? kCyclesOfLanes * static_cast<double>(q.size * p.kernels()) : 0;
    const double products = static_cast<double>(multiply_adds(s)) / static_cast<double>(s.n * 2 * kLanes<T>);
    return kWorth * (q.work + lanes) < products ? nullptr : "few products for so many transforms";
}
bool always(const ConvShape&) { return true; }   // what is not finite among the weights would spoil all

// Rounding of the transforms, which grows with their passes, and of sums over channels: a little more than the worst of
// 250 random shapes shows, twice what most of them do.
template <class T, FftProblem problem(const ConvShape&), bool Weight>
double error(const ConvShape& s, double roundoff) {
    const FftProblem p = problem(s);
    const int passes = __builtin_ctzll(static_cast<uint64_t>(fft_plan<T>(p).size));
    const double terms = Weight ? 1 : static_cast<double>(p.sources / p.groups);
    return roundoff * (6 + 0.3 * passes + 0.2 * __builtin_sqrt(terms));
}

template <class T, FftProblem problem(const ConvShape&), bool Weight = false> constexpr AlgorithmTraits traits() {
    return {ConvAlgorithm::fft,
            false,
            always,
            false,
            false,
            cannot,
            declines<T, problem, Weight>,
            workspace<T, problem>,
            error<T, problem, Weight>};
}

}   // namespace

template <class T> const ForwardAlgorithm<T>& fft_forward() {
    if constexpr (sizeof(T) == 8) return not_in_double<ForwardAlgorithm<T>, ConvAlgorithm::fft>();
    else {
        static constexpr ForwardAlgorithm<T> entry = {traits<T, forward_of>(), run_forward<T>, forward_packed<T>,
                                                      forward_pack<T>};
        return entry;
    }
}
template <class T> const BackwardInputAlgorithm<T>& fft_backward_input() {
    if constexpr (sizeof(T) == 8) return not_in_double<BackwardInputAlgorithm<T>, ConvAlgorithm::fft>();
    else {
        static constexpr BackwardInputAlgorithm<T> entry = {traits<T, backward_input_of>(), run_backward_input<T>};
        return entry;
    }
}
template <class T> const BackwardWeightAlgorithm<T>& fft_backward_weight() {
    if constexpr (sizeof(T) == 8) return not_in_double<BackwardWeightAlgorithm<T>, ConvAlgorithm::fft>();
    else {
        static constexpr BackwardWeightAlgorithm<T> entry = {traits<T, forward_of, true>(), run_backward_weight<T>};
        return entry;
    }
}
TK_EMIT(fft_forward)
TK_EMIT(fft_backward_input)
TK_EMIT(fft_backward_weight)

}   // namespace tk::TK_ISA
