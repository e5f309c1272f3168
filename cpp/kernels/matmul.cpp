// Matrix product.
#include "kernels/simd.hpp"
#include "kernels/kernels.hpp"

namespace tk::TK_ISA {

template <class T> int64_t matmul_workspace(const MatmulShape&, int) { return 0; }

template <class T> void matmul(T* c, const T* a, const T* b, const MatmulShape& s, T*) {
    for (int64_t i = 0; i < s.batch; ++i)
        for (int64_t m = 0; m < s.m; ++m)
            for (int64_t n = 0; n < s.n; ++n) {
                T sum = 0;
                for (int64_t k = 0; k < s.k; ++k)
                    sum += a[i * s.a_stride + (s.transpose_a ? k * s.m + m : m * s.k + k)] *
                           b[i * s.b_stride + (s.transpose_b ? n * s.k + k : k * s.n + n)];
                c[(i * s.m + m) * s.n + n] = sum;
            }
}

TK_EMIT(matmul_workspace)
TK_EMIT(matmul)

}  // namespace tk::TK_ISA
