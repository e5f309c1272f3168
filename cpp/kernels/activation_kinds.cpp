// Every activation of activation_kinds.hpp: a kind is a function over one chunk, and all of them share the loop over
// chunks. There are many, so each is compiled once: whole vectors and the masked tail take the same way.
#include "kernels/activation_kinds.hpp"
#include "kernels/elementwise.hpp"

namespace tk::TK_ISA {
namespace {

template <class T> struct Arrays {
    T* to;
    const T *dy, *x;   // dy: nullptr forward
    T a, b;
    bool streams;   // `to` is written past the cache
};

// What one kind does to the elements [begin, end), and the elementary operations of one.
template <class T> struct Entry {
    void (*chunk)(const Arrays<T>& arrays, int64_t begin, int64_t end);
    int64_t cost;
};

template <class T, class Kind> void forward_chunk(const Arrays<T>& arrays, int64_t begin, int64_t end) {
    const Vec<T> a = broadcast(arrays.a), b = broadcast(arrays.b);
    each_vector<at_once<T>(Kind::cost)>(
        arrays.to, begin, end, arrays.streams,
        [=, x = arrays.x](int64_t i, int64_t left) { return Kind::value(read(x + i, left), a, b); });
}
template <class T, class Kind> void backward_chunk(const Arrays<T>& arrays, int64_t begin, int64_t end) {
    const Vec<T> a = broadcast(arrays.a), b = broadcast(arrays.b);
    each_vector<at_once<T>(Kind::cost)>(arrays.to, begin, end, arrays.streams,
                                        [=, x = arrays.x, dy = arrays.dy](int64_t i, int64_t left) {
                                            return Kind::gradient(read(dy + i, left), read(x + i, left), a, b);
                                        });
}

// In the order of TK_ACTIVATIONS
#define TK_ENTRY(name) {&forward_chunk<T, kinds::name<T>>, kinds::name<T>::cost},
template <class T> constexpr Entry<T> kForward[] = {TK_ACTIVATIONS(TK_ENTRY)};
#undef TK_ENTRY
#define TK_ENTRY(name) {&backward_chunk<T, kinds::name<T>>, kinds::name<T>::cost},
template <class T> constexpr Entry<T> kBackward[] = {TK_ACTIVATIONS(TK_ENTRY)};
#undef TK_ENTRY

template <class T> void run(const Entry<T>& entry, const Arrays<T>& arrays, int64_t count) {
    parallel_chunks(count, kElementGrain, entry.cost,
                    [&](int64_t begin, int64_t end) { entry.chunk(arrays, begin, end); });
}

}   // namespace

template <class T> void activation_forward(T* y, const T* x, int64_t count, Activation kind, double a, double b) {
    run(
        kForward<T>[static_cast<int>(kind)],
        { y, nullptr, x, static_cast<T>(a), static_cast<T>(b), past_cache(y, count) }, count);
}
template <class T>
void activation_backward(T* dx, const T* dy, const T* x, int64_t count, Activation kind, double a, double b) {
    run(
        kBackward<T>[static_cast<int>(kind)],
        { dx, dy, x, static_cast<T>(a), static_cast<T>(b), past_cache(dx, count) }, count);
}

TK_EMIT(activation_forward)
TK_EMIT(activation_backward)

}   // namespace tk::TK_ISA
