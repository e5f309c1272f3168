// Direct convolution in vectors of output channels.
#include "kernels/direct_problems.hpp"

namespace tk::TK_ISA {

template <class T> const ForwardAlgorithm<T>& direct_forward() {
    static constexpr ForwardAlgorithm<T> entry = forward_entry<T, false>(ConvAlgorithm::direct);
    return entry;
}
template <class T> const BackwardInputAlgorithm<T>& direct_backward_input() {
    static constexpr BackwardInputAlgorithm<T> entry = backward_input_entry<T, false>(ConvAlgorithm::direct);
    return entry;
}
TK_EMIT(direct_forward)
TK_EMIT(direct_backward_input)

}   // namespace tk::TK_ISA
