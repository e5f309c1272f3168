// The linear layer on both kinds of 16-bit floats (linear_half.hpp). Compiled once more, without float16, for
// processors with AVX512_BF16, whose products of pairs read bfloat16 as it is (dispatch/isa.cpp).
#include "kernels/linear_half.hpp"

namespace tk::TK_ISA {

template <class T> int64_t linear_bfloat16_workspace(const MatmulShape& s, int threads) {
    return linear_workspace<Bfloat16>(s, threads);
}
template <class T>
void linear_bfloat16(float* y, const uint16_t* x, const uint16_t* weight, const float* bias, const MatmulShape& s,
                     bool relu, float* workspace) {
    run_linear<Bfloat16>(y, x, weight, bias, s, relu, workspace);
}
TK_EMIT(linear_bfloat16_workspace)
TK_EMIT(linear_bfloat16)

#if !defined(__AVX512BF16__)
template <class T> int64_t linear_half_workspace(const MatmulShape& s, int threads) {
    return linear_workspace<Half>(s, threads);
}
template <class T>
void linear_half(float* y, const uint16_t* x, const uint16_t* weight, const float* bias, const MatmulShape& s,
                 bool relu, float* workspace) {
    run_linear<Half>(y, x, weight, bias, s, relu, workspace);
}
TK_EMIT(linear_half_workspace)
TK_EMIT(linear_half)
#endif

}   // namespace tk::TK_ISA
