// A kernel that covers its whole input is a matrix: images are rows of ic * taps numbers, and so are output channels.
//
//   y = x @ weight^T      dx = g @ weight      dweight = g^T @ x
//
// Nothing is copied: x (n, ic * taps), weight (oc, ic * taps) and y (n, oc) lie in memory as the product reads them.
// 1x1 kernels on maps of one pixel are such, fully connected layers written as convolutions, and what
// conv_live_taps.hpp leaves of larger kernels on the last maps of a network for small images.
#include "kernels/conv_algorithms.hpp"

namespace tk::TK_ISA {
namespace {

enum Factor { plain_factor = 0, transposed = 1 };

MatmulShape product(int64_t rows, int64_t columns, int64_t terms, Factor left, Factor right) {
    return {1, rows, columns, terms, left, right, 0, 0};
}
int64_t row_size(const ConvShape& s) { return s.ic * taps_of(s); }
MatmulShape forward_product(const ConvShape& s, int64_t n) {
    return product(n, s.oc, row_size(s), plain_factor, transposed);
}
MatmulShape backward_input_product(const ConvShape& s, int64_t n) {
    return product(n, row_size(s), s.oc, plain_factor, plain_factor);
}
MatmulShape backward_weight_product(const ConvShape& s) {
    return product(s.oc, row_size(s), s.n, transposed, plain_factor);
}

const char* cannot(const ConvShape& s) {
    if (s.groups > 1) return "groups: one matrix takes all channels";
    const bool covered = s.kd == s.id && s.kh == s.ih && s.kw == s.iw && out_plane(s) == 1 && s.pd + s.ph + s.pw == 0;
    const bool spread = (s.dil_d > 1 && s.kd > 1) || (s.dil_h > 1 && s.kh > 1) || (s.dil_w > 1 && s.kw > 1);
    return covered && !spread ? nullptr : "the kernel does not cover the whole input";
}

constexpr int64_t kManyRows = 1 << 20;   // no batch wants more workspace than this one

template <class T> int64_t forward_workspace(const ConvShape& s, int threads, bool) {
    return matmul_workspace<T>(forward_product(s, kManyRows), threads);
}
template <class T> int64_t backward_input_workspace(const ConvShape& s, int threads, bool) {
    return matmul_workspace<T>(backward_input_product(s, kManyRows), threads);
}
template <class T> int64_t backward_weight_workspace(const ConvShape& s, int threads, bool) {
    return matmul_workspace<T>(backward_weight_product(s), threads);
}

template <class T> void run_forward(const ForwardCall<T>& a, const ConvShape& s) {
    matmul<T>(a.y, a.x, a.weight, a.bias, forward_product(s, s.n), a.relu, a.workspace);
}
template <class T> void run_backward_input(const BackwardInputCall<T>& a, const ConvShape& s) {
    matmul<T>(a.dx, a.dy, a.weight, nullptr, backward_input_product(s, s.n), false, a.workspace);
}
template <class T> void run_backward_weight(const BackwardWeightCall<T>& a, const ConvShape& s) {
    matmul<T>(a.dweight, a.dy, a.x, nullptr, backward_weight_product(s), false, a.workspace);
}

int64_t no_pack(const ConvShape&) { return 0; }
template <class T> void pack_nothing(T*, const T*, const ConvShape&) {}

constexpr AlgorithmTraits traits(int64_t (*workspace)(const ConvShape&, int, bool),
                                 double (*error)(const ConvShape&, double)) {
    return {ConvAlgorithm::matmul, true, nullptr, false, false, cannot, never, workspace, error};
}

}   // namespace

template <class T> const ForwardAlgorithm<T>& matmul_forward() {
    static constexpr ForwardAlgorithm<T> entry = {traits(forward_workspace<T>, forward_error), run_forward<T>, no_pack,
                                                  pack_nothing<T>};
    return entry;
}
template <class T> const BackwardInputAlgorithm<T>& matmul_backward_input() {
    static constexpr BackwardInputAlgorithm<T> entry = {traits(backward_input_workspace<T>, backward_input_error),
                                                        run_backward_input<T>};
    return entry;
}
template <class T> const BackwardWeightAlgorithm<T>& matmul_backward_weight() {
    static constexpr BackwardWeightAlgorithm<T> entry = {traits(backward_weight_workspace<T>, backward_weight_error),
                                                         run_backward_weight<T>};
    return entry;
}
TK_EMIT(matmul_forward)
TK_EMIT(matmul_backward_input)
TK_EMIT(matmul_backward_weight)

}   // namespace tk::TK_ISA
