// A kernel that covers its whole input is a matrix: images are rows of ic * taps numbers, and so are output channels.
//
//   y = x @ weight^T      dx = g @ weight      dweight = g^T @ x
//
// x (n, ic * taps), weight (oc, ic * taps) and y (n, oc) lie in memory as the product reads them, and are not copied,
// but for the weights of a long sum to the input: turned, they make dot products of it, which keep several sums side by
// side, where one chain over oc errs up to four times as much as other engines do. 1x1 kernels on maps of one pixel are
// such, fully connected layers written as convolutions, and what conv_live_taps.hpp leaves of larger kernels on the
// last maps of a network for small images.
#include "kernels/conv_algorithms.hpp"
#include "kernels/register_tile.hpp"
#include "kernels/simd.hpp"

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
bool sums_are_long(const ConvShape& s) { return s.oc > 96; }   // as those of the direct kernels are cut
MatmulShape backward_input_product(const ConvShape& s, int64_t n) {
    return product(n, row_size(s), s.oc, plain_factor, sums_are_long(s) ? transposed : plain_factor);
}
int64_t turned_size(const ConvShape& s) { return sums_are_long(s) ? ceil_div(weight_size(s), 64) * 64 : 0; }

// to (columns, rows) = from (rows, columns), a strip of columns at a time
template <class T> void turn(T* to, const T* from, int64_t rows, int64_t columns) {
    constexpr int64_t L = kLanes<T>;
    parallel_for(ceil_div(columns, L), rows * columns, [&](int64_t unit, int) {
        const int64_t column = unit * L, wide = smaller(L, columns - column);
        for (int64_t row = 0; row < rows; row += L) {
            const int64_t high = smaller(L, rows - row);
            Vec<T> block[L];
#pragma GCC unroll 16
            for (int64_t i = 0; i < L; ++i)
                block[i] = i < high ? load_first(from + (row + i) * columns + column, wide) : Vec<T>{};
            transpose<T>(block);
            alignas(64) T lines[L][L];
#pragma GCC unroll 16
            for (int64_t i = 0; i < L; ++i) store(lines[i], block[i]);
            for (int64_t i = 0; i < wide; ++i) store_first(to + (column + i) * rows + row, load(lines[i]), high);
        }
    });
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

const char* declines_to_input(const ConvShape& s) {
    return turned_size(s) > 1 << 20 ? "a turned copy of the weights would outgrow the caches" : nullptr;
}

constexpr int64_t kManyRows = 1 << 20;   // no batch wants more workspace than this one

template <class T> int64_t forward_workspace(const ConvShape& s, int threads, bool) {
    return matmul_workspace<T>(forward_product(s, kManyRows), threads);
}
template <class T> int64_t backward_input_workspace(const ConvShape& s, int threads, bool) {
    return turned_size(s) + matmul_workspace<T>(backward_input_product(s, kManyRows), threads);
}
template <class T> int64_t backward_weight_workspace(const ConvShape& s, int threads, bool) {
    return matmul_workspace<T>(backward_weight_product(s), threads);
}

template <class T> void run_forward(const ForwardCall<T>& a, const ConvShape& s) {
    matmul<T>(a.y, a.x, a.weight, a.bias, forward_product(s, s.n), a.relu, a.workspace);
}
template <class T> void run_backward_input(const BackwardInputCall<T>& a, const ConvShape& s) {
    const T* weight = a.weight;
    if (sums_are_long(s)) turn(a.workspace, weight, s.oc, row_size(s)), weight = a.workspace;
    matmul<T>(a.dx, a.dy, weight, nullptr, backward_input_product(s, s.n), false, a.workspace + turned_size(s));
}
template <class T> void run_backward_weight(const BackwardWeightCall<T>& a, const ConvShape& s) {
    matmul<T>(a.dweight, a.dy, a.x, nullptr, backward_weight_product(s), false, a.workspace);
}

constexpr AlgorithmTraits traits(int64_t (*workspace)(const ConvShape&, int, bool),
                                 double (*error)(const ConvShape&, double),
                                 const char* (*declines)(const ConvShape&) = never) {
    return {ConvAlgorithm::matmul, true, nullptr, false, false, cannot, declines, workspace, error};
}

}   // namespace

template <class T> const ForwardAlgorithm<T>& matmul_forward() {
    static constexpr ForwardAlgorithm<T> entry = {traits(forward_workspace<T>, forward_error), run_forward<T>, no_pack,
                                                  pack_nothing<T>};
    return entry;
}
template <class T> const BackwardInputAlgorithm<T>& matmul_backward_input() {
    static constexpr BackwardInputAlgorithm<T> entry = {
        traits(backward_input_workspace<T>, backward_input_error, declines_to_input), run_backward_input<T>};
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
