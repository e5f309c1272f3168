// The weight gradients of Winograd's filters as entries of the list: their transforms, the call, what they take.
#include "kernels/conv_winograd_weight.hpp"
#include "kernels/winograd_choice.hpp"

namespace tk::TK_ISA {
namespace {

// Sums of one tap of depth, [point][c][width], transformed; set in `to`, [c][tap][2 vectors], or added there.
template <class T, class H, class W, int Phases>
void add_sums(T* to, int64_t pitch, const T* sums, int64_t sums_pitch, int64_t width, int64_t channels, bool set) {
    for (int64_t c = 0; c < channels; ++c, to += pitch, sums += width)
        for (int64_t v = 0; v < width; v += kLanes<T>)
            for (int phase = 0; phase < Phases * Phases; ++phase) {
                const T* from = sums + phase * kPoints<H, W> * sums_pitch + v;
                T* const first = to + (phase / Phases * Phases * W::taps + phase % Phases) * kBlock<T> + v;
                adjoint_weight_both<T, H, W>([&](int i, int j)
                                                 TK_ALWAYS { return load(from + (i * W::points + j) * sums_pitch); },
                                             [&](int i, int j, Vec<T> value) TK_ALWAYS {
                                                 T* tap = first + Phases * (i * Phases * W::taps + j) * kBlock<T>;
                                                 store(tap, set ? value : load(tap) + value);
                                             });
            }
}
// H, W: the filters of a phase; TilesH, TilesW: those whose tiles hold all phases.
template <class T, class H, class W, class TilesH = H, class TilesW = W, int Phases = 1>
constexpr WeightFilter<T> kWeightFilter = {Phases * Phases * kPoints<H, W>,
                                           kPoints<H, W>,
                                           Phases * Phases * kTaps<H, W>,
                                           kTileSizes<TilesH>,
                                           kTileSizes<TilesW>,
                                           transform_strip<T, H, W, Phases>,
                                           transform_gradient<T, H, W>,
                                           add_sums<T, H, W, Phases>};

template <class T> int64_t weight_workspace(const WeightFilter<T>& f, const ConvShape& s, int threads) {
    const WeightProblem<T> p = problem_of(f, s);
    const WeightPlan q = plan(p);
    const int64_t own = q.strip + q.sums, shared = q.values + q.gradients;
    return p.groups * q.chunks * q.part + (q.shared ? shared + threads * own : threads * (shared + own));
}

template <class T> void weight_gradient(const WeightFilter<T>& f, const BackwardWeightCall<T>& a, const ConvShape& s) {
    const WeightProblem<T> p = problem_of(f, s);
    const WeightPlan q = plan(p);
    int spoilt = 0;
    const WinogradWeight<T> self{a, p, q, spoilt};
    const int64_t work =
        p.n * p.groups * q.bands.all_tiles() * p.filter.points * p.ic * p.oc * p.depth.out * p.depth.taps;
    T *parts = a.workspace, *scratch = parts + p.groups * q.chunks * q.part;
    if (q.shared) self.sum_together(parts, scratch, work);
    else self.sum_chunks(parts, scratch, work);
    const int64_t vectors = ceil_div(p.oc, kLanes<T>), cuts = ceil_div(p.ic, 32);
    parallel_for(q.once ? 0 : p.groups * vectors * cuts, p.groups * q.chunks * q.part, [&](int64_t unit, int) {
        const int64_t cut = unit % cuts, vector = unit / cuts % vectors, group = unit / cuts / vectors;
        const int64_t begin = p.ic * cut / cuts, end = p.ic * (cut + 1) / cuts;
        const T* from = parts + group * q.chunks * q.part + (vector / 2 * p.ic + begin) * self.taps * kBlock<T>;
        self.add_chunks(from + vector % 2 * kLanes<T>, group, vector, begin, end);
    });
    if (spoilt) plain_backward_weight<T>().run(a, s);   // padding's zeros times what is not finite
}

// ---- what they take -----------------------------------------------------------------------------------------------

// Rounding of the transforms, and of sums over tiles within a run; for F(4x4) a little more than the worst of 400
// random shapes shows, four times what most of them do.
double error_of(const ConvShape& s, double transforms, double sums, double roundoff) {
    return roundoff * (transforms + sums * __builtin_sqrt(static_cast<double>(s.n * out_plane(s))));
}

struct WeightF4 {
    static constexpr ConvAlgorithm id = ConvAlgorithm::winograd_f4;
    template <class T> static const WeightFilter<T>& filter(const ConvShape& s) {
        return s.kh == 3 ? kWeightFilter<T, F4, F4> : kWeightFilter<T, Single, F4>;
    }
    static const char* cannot(const ConvShape& s) { return cannot_f4(s); }
    static const char* declines(const ConvShape& s) {
        const char* why = declines_channels(s);
        return why ? why : declines_f4_tiles(s, s.oh, s.ow);
    }
    static double error(const ConvShape& s, double roundoff) { return error_of(s, 36, 0.6, roundoff); }
};

struct WeightF2 {
    static constexpr ConvAlgorithm id = ConvAlgorithm::winograd_f2;
    template <class T> static const WeightFilter<T>& filter(const ConvShape&) { return kWeightFilter<T, F2, F2>; }
    static const char* cannot(const ConvShape& s) { return cannot_f2(s); }
    static const char* declines(const ConvShape& s) {
        if (const char* why = declines_channels(s)) return why;
        if (s.ow == 1) return "maps of one column: half of every tile would lie beside it";
        return declines_f2_tiles(s, s.oh, s.ow);
    }
    static double error(const ConvShape& s, double roundoff) { return error_of(s, 8, 0.5, roundoff); }
};

struct WeightStrided {
    static constexpr ConvAlgorithm id = ConvAlgorithm::winograd_strided;
    template <class T> static const WeightFilter<T>& filter(const ConvShape&) {
        return kWeightFilter<T, F42, F42, Strided4, Strided4, 2>;
    }
    static const char* cannot(const ConvShape& s) {
        if (s.kh != 4 || s.kw != 4) return "for kernels of 4x4 alone";
        if (s.sh != 2 || s.sw != 2) return "for stride 2 alone";
        const char* why = cannot_dilated(s, 2);
        return why ? why : cannot_depth(s);
    }
    static const char* declines(const ConvShape& s) {
        if (const char* why = declines_channels(s)) return why;
        // Batch 16 gains 1.3 times at 7x7, 1.7 to 1.9 at 8x8; batch 1 takes 1.1 to 2 times as long there.
        if (s.oh < 8 || s.ow < 8) return "outputs smaller than 8x8: transforms would outweigh the products saved";
        return declines_strided_tiles(s);
    }
    static double error(const ConvShape& s, double roundoff) { return error_of(s, 24, 0.6, roundoff); }
};

template <class T, class A> int64_t workspace(const ConvShape& s, int threads, bool) {
    return weight_workspace(A::template filter<T>(s), s, threads);
}
template <class T, class A> void run(const BackwardWeightCall<T>& a, const ConvShape& s) {
    weight_gradient(A::template filter<T>(s), a, s);
}
template <class T, class A> const BackwardWeightAlgorithm<T>& entry() {
    if constexpr (sizeof(T) == 8) return not_in_double<BackwardWeightAlgorithm<T>, A::id>();
    else {
        static constexpr BackwardWeightAlgorithm<T> entry = {
            {A::id, false, nullptr, true, false, A::cannot, A::declines, workspace<T, A>, A::error}, run<T, A>};
        return entry;
    }
}

}   // namespace

template <class T> const BackwardWeightAlgorithm<T>& winograd_f4_backward_weight() { return entry<T, WeightF4>(); }
template <class T> const BackwardWeightAlgorithm<T>& winograd_f2_backward_weight() { return entry<T, WeightF2>(); }
template <class T> const BackwardWeightAlgorithm<T>& winograd_strided_backward_weight() {
    return entry<T, WeightStrided>();
}
TK_EMIT(winograd_f4_backward_weight)
TK_EMIT(winograd_f2_backward_weight)
TK_EMIT(winograd_strided_backward_weight)

}   // namespace tk::TK_ISA
