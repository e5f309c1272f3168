// The linear layer on float16 (linear_half.hpp).
#include "kernels/linear_half.hpp"

namespace tk::TK_ISA {

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

}   // namespace tk::TK_ISA
