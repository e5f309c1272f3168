// Winograd convolution, forward and backward-input: the entries of its algorithms.
#include "kernels/winograd_problems.hpp"

namespace tk::TK_ISA {
namespace {

// Elements of weights that lie ready, and of those that they are made of where channels are places.
template <class T> int64_t packed_of(const WinogradProblem<T>& p) {
    const int64_t weights = plan(p).weights;
    return weights * static_cast<int64_t>(sizeof(T)) <= kPackedBytes ? weights + p.dealt() : 0;
}
template <class T> int64_t dealt_in_workspace(const WinogradProblem<T>& p) { return ceil_div(p.dealt(), 16) * 16; }
template <class T, class A> int64_t forward_workspace(const ConvShape& s, int threads, bool packed) {
    const WinogradProblem<T> p = A::template forward<T>(s);
    return winograd_workspace(p, threads, packed) + (packed && packed_of(p) ? 0 : dealt_in_workspace(p));
}
template <class T, class A> int64_t backward_input_workspace(const ConvShape& s, int threads, bool) {
    return winograd_workspace(A::template backward_input<T>(s), threads, false);
}
template <class T, class A> int64_t forward_packed(const ConvShape& s) { return packed_of(A::template forward<T>(s)); }
template <class T, class A> void forward_pack(T* packed, const T* weight, const ConvShape& s) {
    const WinogradProblem<T> p = A::template forward<T>(s);
    if (!packed_of(p)) return;
    if (p.dealt()) {
        T* dealt = packed + plan(p).weights;
        deal_weights(dealt, weight, s, p.deal.taps);
        weight = dealt;
    }
    transform_weights(packed, weight, p);
}
template <class T, class A> void run_forward(const ForwardCall<T>& a, const ConvShape& s) {
    const WinogradProblem<T> p = A::template forward<T>(s);
    const T *packed = packed_of(p) ? a.packed : nullptr, *weight = a.weight;
    T* workspace = a.workspace;
    if (p.dealt() && packed) weight = packed + plan(p).weights;
    else if (p.dealt()) {
        deal_weights(workspace, weight, s, p.deal.taps);
        weight = workspace;
        workspace += dealt_in_workspace(p);
    }
    if (!winograd<T>({a.y, a.x, nullptr, weight, a.bias, packed, a.relu, workspace}, p)) plain_forward<T>().run(a, s);
}
template <class T, class A> void run_backward_input(const BackwardInputCall<T>& a, const ConvShape& s) {
    if (!winograd<T>({a.dx, a.dy, a.y, a.weight, nullptr, nullptr, false, a.workspace},
                     A::template backward_input<T>(s)))
        plain_backward_input<T>().run(a, s);
}

template <class A> const char* forward_cannot(const ConvShape& s) {
    if constexpr (A::id == ConvAlgorithm::winograd_strided) return A::cannot_forward(s);
    else return A::cannot(s);
}
template <class A> const char* forward_declines(const ConvShape& s) { return A::declines(s, s.oh, s.ow); }
template <class A> const char* backward_input_declines(const ConvShape& s) { return A::declines(s, s.ih, s.iw); }
template <class A> double forward_error_of(const ConvShape& s, double roundoff) {
    return A::error(s, s.ic / s.groups * s.kd, roundoff);
}
template <class A> double backward_input_error_of(const ConvShape& s, double roundoff) {
    return A::error(s, s.oc / s.groups * s.kd, roundoff);
}

template <class T, class A> const ForwardAlgorithm<T>& forward_entry() {
    if constexpr (sizeof(T) == 8) return not_in_double<ForwardAlgorithm<T>, A::id>();
    else {
        static constexpr ForwardAlgorithm<T> entry = {
            {A::id, false, nullptr, false, false, forward_cannot<A>, forward_declines<A>, forward_workspace<T, A>,
             forward_error_of<A>},
            run_forward<T, A>,
            forward_packed<T, A>,
            forward_pack<T, A>};
        return entry;
    }
}
template <class T, class A> const BackwardInputAlgorithm<T>& backward_input_entry() {
    if constexpr (sizeof(T) == 8) return not_in_double<BackwardInputAlgorithm<T>, A::id>();
    else {
        static constexpr BackwardInputAlgorithm<T> entry = {
            {A::id, false, nullptr, true, false, A::cannot, backward_input_declines<A>, backward_input_workspace<T, A>,
             backward_input_error_of<A>},
            run_backward_input<T, A>};
        return entry;
    }
}

}   // namespace

template <class T> const ForwardAlgorithm<T>& winograd_f4_forward() { return forward_entry<T, WinogradF4>(); }
template <class T> const ForwardAlgorithm<T>& winograd_f2_forward() { return forward_entry<T, WinogradF2>(); }
template <class T> const ForwardAlgorithm<T>& winograd_strided_forward() { return forward_entry<T, WinogradStrided>(); }
template <class T> const BackwardInputAlgorithm<T>& winograd_f4_backward_input() {
    return backward_input_entry<T, WinogradF4>();
}
template <class T> const BackwardInputAlgorithm<T>& winograd_f2_backward_input() {
    return backward_input_entry<T, WinogradF2>();
}
template <class T> const BackwardInputAlgorithm<T>& winograd_strided_backward_input() {
    return backward_input_entry<T, WinogradStrided>();
}
TK_EMIT(winograd_f4_forward)
TK_EMIT(winograd_f2_forward)
TK_EMIT(winograd_strided_forward)
TK_EMIT(winograd_f4_backward_input)
TK_EMIT(winograd_f2_backward_input)
TK_EMIT(winograd_strided_backward_input)

}   // namespace tk::TK_ISA
