// Averages of whole planes, and their gradient.
#pragma once
#include "kernels/pool_windows.hpp"

namespace tk::TK_ISA {
namespace {

// One window that is the whole plane: global pooling.
inline bool global(const PoolShape& s) {
    return s.od * s.oh * s.ow == 1 && s.pd == 0 && s.ph == 0 && s.pw == 0 && s.kd == s.id && s.kh == s.ih &&
           s.kw == s.iw;
}

// sum_halves() of kLanes vectors at once: lane i of the result is that of sums[i].
template <class T, int Half = kLanes<T> / 2> TK_INLINE Vec<T> sums_by_halves(Vec<T>* sums) {
    if constexpr (Half == 0) return sums[0];
    else {
        constexpr int L = kLanes<T>;
        const auto side = [](int i, int half) {
            return i / Half % 2 * L + i / (2 * Half) * (2 * Half) + i % Half + half;
        };
#pragma GCC unroll 8
        for (int i = 0; i < Half; ++i) {
            const Vec<T> a = sums[i], b = sums[i + Half];
            sums[i] = pick_lanes<T, L>(a, b, [&](int lane) { return side(lane, 0); }) +
                      pick_lanes<T, L>(a, b, [&](int lane) { return side(lane, Half); });
        }
        return sums_by_halves<T, Half / 2>(sums);
    }
}

// A plane is one run of elements.
template <class T> void average_planes(T* y, const T* x, const PoolShape& s) {
    constexpr int64_t L = kLanes<T>;
    const int64_t size = s.id * s.ih * s.iw, rest = size % L;
    const T divisor = static_cast<T>(s.divisor ? s.divisor : size);
    parallel_chunks(s.planes, ceil_div(pool_grain(size), L) * L, size, [=](int64_t begin, int64_t end) {
        for (int64_t plane = begin; plane < end; plane += L) {
            const int64_t count = smaller(L, end - plane);
            Vec<T> sums[L];
            const T* from = x + plane * size;
            for (int64_t p = 0; p < count; ++p, from += rest) {
                Vec<T> sum{};
                for (const T* stop = from + (size - rest); from != stop; from += L) {
                    if constexpr (L == kCacheLine<T>) fetch(from + 1024, L);   // vectors that share lines lose by it
                    sum += load(from);
                }
                if (rest) sum += load_first(from, rest);
                sums[p] = sum;
            }
            for (int64_t p = count; p < L; ++p) sums[p] = Vec<T>{};
            store_first(y + plane, sums_by_halves<T>(sums) / broadcast(divisor), count);
        }
    });
}
template <class T> void fill_planes(T* dx, const T* dy, const PoolShape& s) {
    const int64_t size = s.id * s.ih * s.iw;
    const T divisor = static_cast<T>(s.divisor ? s.divisor : size);
    for_each_plane(s.planes, size, [&](int64_t plane) {
        const T share = dy[plane] / divisor;
        T* to = dx + plane * size;
        for (int64_t i = 0; i < size; ++i) to[i] = share;
    });
}

}   // namespace
}   // namespace tk::TK_ISA
