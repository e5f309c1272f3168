// Averages of 2x2, stride 2, and their gradient.
#pragma once
#include "kernels/pool_pairs.hpp"

namespace tk::TK_ISA {
namespace {

// Rows, then columns, then the division.
template <class T, Packing P> void average_pairs(T* y, const T* x, const PoolShape& s) {
    const PairTaps<T, P> taps(s);
    const T divisor = static_cast<T>(s.divisor ? s.divisor : 4);
    for_each_pair_vector<T, P>(x, s, [=](const PairOutputs<T>& o) __attribute__((always_inline)) {
        taps.fetch_ahead(o.first);
        const Vec<T> v = taps.sum(o) / broadcast(divisor);
        if (o.whole) store(y + o.at, v);
        else store_first(y + o.at, v, o.count);
    });
}
// False where windows are others, or rows too short.
template <class T> bool average_of_pairs(T* y, const T* x, const PoolShape& s) {
    const Packing packing = packing_of<T>(s);
    if (packing == Packing::kRow) average_pairs<T, Packing::kRow>(y, x, s);
    if constexpr (kPacksTwoRows<T>)
        if (packing == Packing::kTwoRows) average_pairs<T, Packing::kTwoRows>(y, x, s);
    return packing != Packing::kNone;
}

// Their gradient, where they hold all of x: every share goes to two neighbours of two rows.
template <class T> void spread_pairs(T* dx, const T* dy, const PoolShape& s) {
    constexpr int64_t L = kLanes<T>;
    const int64_t ow = s.ow, cost = 4 * ow;
    const T divisor = static_cast<T>(s.divisor ? s.divisor : 4);
    parallel_chunks(s.planes * s.oh, pool_grain(cost), cost, [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row)
            for_each_vector<T>({0, ow}, [&](int64_t o, int64_t count, auto full) {
                const Vec<T> share = load_vector<full>(dy + row * ow + o, count) / broadcast(divisor);
                const Vec<T> low = low_pairs<T, L>(share, share), high = high_pairs<T, L>(share, share);
                T* to = dx + 4 * row * ow + 2 * o;
                for (int64_t i = 0; i < 2; ++i, to += 2 * ow) {
                    if constexpr (full) store(to, low), store(to + L, high);
                    else {
                        store_first(to, low, smaller(L, 2 * count));
                        if (2 * count > L) store_first(to + L, high, 2 * count - L);
                    }
                }
            });
    });
}

}   // namespace
}   // namespace tk::TK_ISA
