// The gradient of max pooling by 2x2, stride 2, element by element of dx: each looks at the one window that it lies in.
#pragma once
#include "kernels/pool_best.hpp"
#include "kernels/pool_windows.hpp"

namespace tk::TK_ISA {
namespace {

// Whether windows may be 2x2, of stride 2: each element of dx then lies in one of them. Element by element a mask costs
// the most, a branch that nobody foresees; without one, short rows are as fast so, and all on AVX2.
template <class T> bool may_be_pairs(const PoolShape& s, bool masked) {
    const bool pays = masked || (kLanes<T> >= 16 && s.ow >= 8);
    return pays && s.id == s.od && s.ih == 2 * s.oh && s.iw == 2 * s.ow && s.id * s.ih * s.iw < int64_t{1} << 31;
}

// A plane of dx: to[i] = from[o] where i is the place of the window o that it lies in, else 0; if y is given, where
// y[o] > 0. False, and some of the plane written, where a place is not in such a window; mostly the first row tells.
template <class T> bool spread_pairs(T* to, const T* from, const int64_t* index, const T* y, const PoolShape& s) {
    constexpr int64_t L = kLanes<T>, half = L / 2;
    VecMask<T> column{}, twice{}, low{}, found{};
    for (int64_t i = 0; i < L; ++i) {
        column[i] = static_cast<LaneInt<T>>(i);
        twice[i] = static_cast<LaneInt<T>>(i / 2);
        low[i] = static_cast<LaneInt<T>>(i / 2 * 2);
    }
    IndexVec bits{};
    const int64_t count = smaller(half, s.ow), vectors = ceil_div(s.ow, half);
    const auto put = [&](T* p, Vec<T> v)
                         __attribute__((always_inline)) { count == half ? store(p, v) : store_first(p, v, 2 * count); };
    for (int64_t row = 0; row < s.od * s.oh; ++row, from += s.ow, index += s.ow) {
        const int64_t start = (row / s.oh * s.ih + row % s.oh * 2) * s.iw;
        for (int64_t next = 0; next < s.ow; next += half) {
            const int64_t o = smaller(next, s.ow - count), at = start + 2 * o;   // the last one moves back
            Vec<T> value = load_first(from + o, count);
            if (y) value = select<T>(load_first(y + row * s.ow + o, count) > 0, value, Vec<T>{});
            value = permuted<T>(value, twice) + Vec<T>{};   // as in a sum, -0 becomes 0
            const auto places = load_first(reinterpret_cast<const double*>(index + o), count);
            bits |= reinterpret_cast<IndexVec>(places);
            const auto place = reinterpret_cast<VecMask<T>>(permuted<T>(reinterpret_cast<Vec<T>>(places), low));
            const VecMask<T> upper = place == column + static_cast<LaneInt<T>>(at);
            const VecMask<T> lower = place == column + static_cast<LaneInt<T>>(at + s.iw);
            found -= upper | lower;
            put(to + at, select<T>(upper, value, Vec<T>{}));
            put(to + at + s.iw, select<T>(lower, value, Vec<T>{}));
        }
        if (row > 0 && row + 1 < s.od * s.oh) continue;
        int64_t all = 0, high = 0;
        for (int64_t i = 0; i < L; ++i) all += found[i];
        for (int64_t i = 0; i < kIndices; ++i) high |= bits[i] >> 32;
        if (high || all != (row + 1) * vectors * count) return false;
    }
    return true;
}

}   // namespace
}   // namespace tk::TK_ISA
