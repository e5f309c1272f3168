// Convolution: the ordered lists of algorithms, and the entry points that run the first one that does not
// decline. The choice looks at the layer's shape alone, never at batch size or threads: one sample's bits are
// the same in any batch.
#include "kernels/simd.hpp"
#include "kernels/conv_plain.hpp"

namespace tk::TK_ISA {

template <class T> void conv_forward(T* y, const T* x, const T* weight, const T* bias, const ConvShape& s, T* workspace) {
    plain_forward(y, x, weight, bias, s, workspace);
}
template <class T> int64_t conv_forward_workspace(const ConvShape&, int) { return 0; }
template <class T> void conv_backward_input(T* dx, const T* dy, const T* weight, const ConvShape& s, T* workspace) {
    plain_backward_input(dx, dy, weight, s, workspace);
}
template <class T> int64_t conv_backward_input_workspace(const ConvShape&, int) { return 0; }
template <class T> void conv_backward_weight(T* dweight, const T* dy, const T* x, const ConvShape& s, T* workspace) {
    plain_backward_weight(dweight, dy, x, s, workspace);
}
template <class T> int64_t conv_backward_weight_workspace(const ConvShape&, int) { return 0; }

// dbias[k] = sum over n and positions; per channel the images are added in order, each summed in kLanes
// interleaved parts.
template <class T> void conv_backward_bias(T* dbias, const T* dy, const ConvShape& s) {
    const int64_t plane = s.od * s.oh * s.ow;
    constexpr int L = kLanes<T>;
    parallel_for(s.oc, s.n * s.oc * plane, [&](int64_t k, int) {
        T total = 0;
        for (int64_t n = 0; n < s.n; ++n) {
            const T* from = dy + (n * s.oc + k) * plane;
            Vec<T> sum{};
            int64_t i = 0;
            for (; i + L <= plane; i += L) sum += load(from + i);
            if (i < plane) sum += load_first(from + i, plane - i);
            total += sum_lanes<T>(sum);
        }
        dbias[k] = total;
    });
}

TK_EMIT(conv_forward)
TK_EMIT(conv_forward_workspace)
TK_EMIT(conv_backward_input)
TK_EMIT(conv_backward_input_workspace)
TK_EMIT(conv_backward_weight)
TK_EMIT(conv_backward_weight_workspace)
TK_EMIT(conv_backward_bias)

}  // namespace tk::TK_ISA
