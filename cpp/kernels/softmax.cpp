// softmax and log_softmax over the middle axis of [outer][axis][inner]; m is the row's largest element.
//   softmax      y = exp(x - m) / sum(exp(x - m))            dx = y (dy - sum(dy y))
//   log_softmax  y = (x - m) - log(sum(exp(x - m)))          dx = dy - exp(y) sum(dy)
// A row that holds NaN or +inf, or nothing but -inf, becomes NaN.
#include "kernels/softmax_lines.hpp"

namespace tk::TK_ISA {

template <class T> void softmax_forward(T* y, const T* x, const SoftmaxShape& s) {
    for_each_line<T>(s, 20, [&](const Line<T>& line) {
        const Vec<T> most = largest(x, line);
        Vec<T> sum{};
        line.for_each([&](int64_t at, int64_t count) {
            const Vec<T> e = exp_negative<T>(load_first(x + at, count) - most);
            store_first(y + at, e, count);
            sum += keep_first<T>(e, count, 0);
        });
        sum = line.total(sum);
        line.for_each([&](int64_t at, int64_t count) { store_first(y + at, load_first(y + at, count) / sum, count); });
    });
}

template <class T> void softmax_backward(T* dx, const T* dy, const T* y, const SoftmaxShape& s) {
    for_each_line<T>(s, 4, [&](const Line<T>& line) {
        Vec<T> sum{};   // missing lanes are loaded as zeros
        line.for_each(
            [&](int64_t at, int64_t count) { sum += load_first(dy + at, count) * load_first(y + at, count); });
        sum = line.total(sum);
        line.for_each([&](int64_t at, int64_t count) {
            store_first(dx + at, load_first(y + at, count) * (load_first(dy + at, count) - sum), count);
        });
    });
}

template <class T> void log_softmax_forward(T* y, const T* x, const SoftmaxShape& s) {
    for_each_line<T>(s, 20, [&](const Line<T>& line) { log_softmax_line(y, x, line); });
}

template <class T> void log_softmax_backward(T* dx, const T* dy, const T* y, const SoftmaxShape& s) {
    for_each_line<T>(s, 20, [&](const Line<T>& line) {
        Vec<T> sum{};
        line.for_each([&](int64_t at, int64_t count) { sum += load_first(dy + at, count); });
        sum = line.total(sum);
        line.for_each([&](int64_t at, int64_t count) {
            store_first(dx + at, load_first(dy + at, count) - exp<T>(load_first(y + at, count)) * sum, count);
        });
    });
}

TK_EMIT(softmax_forward)
TK_EMIT(softmax_backward)
TK_EMIT(log_softmax_forward)
TK_EMIT(log_softmax_backward)

}   // namespace tk::TK_ISA
