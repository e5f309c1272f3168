// Direct convolution in vectors of pixels: for few output channels, small groups, and long rows with few terms.
#include "kernels/direct_problems.hpp"

namespace tk::TK_ISA {

template <class T> const ForwardAlgorithm<T>& direct_pixels_forward() {
    static constexpr ForwardAlgorithm<T> entry = forward_entry<T, true>(ConvAlgorithm::direct_pixels);
    return entry;
}
template <class T> const BackwardInputAlgorithm<T>& direct_pixels_backward_input() {
    static constexpr BackwardInputAlgorithm<T> entry = backward_input_entry<T, true>(ConvAlgorithm::direct_pixels);
    return entry;
}
TK_EMIT(direct_pixels_forward)
TK_EMIT(direct_pixels_backward_input)

}   // namespace tk::TK_ISA
