// The linear layer on bfloat16 (linear_half.hpp). Compiled once more for processors with AVX512_BF16, whose products
// of pairs read 16 bits as they are (isa.cpp).
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

}   // namespace tk::TK_ISA
