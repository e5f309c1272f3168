// Images drawn anew: pixel (column u, row v) comes from column a u + b v + c and row d u + e v + f, displaced or not,
// between the four pixels around that place, or from the nearest one.
// Products are rounded before they are added, whatever the compiler may otherwise: the bits are NumPy's.
#if defined(__clang__)
#pragma clang fp contract(off)
#else
#pragma GCC optimize("O2", "fp-contract=off")   // the one copy is compiled for speed
#endif
#include "kernels/kernels.hpp"
#include "kernels/sample_rows.hpp"

#if TK_IS(TK_ISA)
namespace tk::baseline {
namespace {

constexpr int kPoints = 64;   // of a row, at a time

template <class T> using Whole = VecOf<int32_t, kLanes<T>>;

// What lies at `count` points of a row: the upper left of the four pixels around each, and how far it is from there.
template <class T> struct Points {
    alignas(64) T across[kPoints], down[kPoints];
    alignas(64) int32_t at[kPoints];
};

// v as a whole number and a part of 1, brought within -1 .. size before; NaN is -1.
template <class T> TK_INLINE Whole<T> split(Vec<T>& v, T size) {
    v = lesser(greater(v, broadcast(T(-1))), broadcast(size));
    Vec<T> below = __builtin_convertvector(__builtin_convertvector(v, Whole<T>), Vec<T>);
    below = select<T>(below > v, below - 1, below);
    v -= below;
    return __builtin_convertvector(below, Whole<T>);
}

}   // namespace

template <class T>
void warp(T* y, const T* x, const T* matrix, const T* displacement, const ImageShape& s, double fill, bool nearest,
          T* workspace) {
    constexpr int L = kLanes<T>;
    // A frame of the fill around every plane, one pixel before and two after: all neighbours of places in -1 .. size.
    const int64_t columns = s.iw + 3, plane = (s.ih + 3) * columns, area = s.oh * s.ow;
    parallel_for(s.n, s.n * s.c * area / kWarpedPixels, [&](int64_t n, int thread) {
        T* const image = workspace + thread * apart<T>(s.c * plane);
        for (int64_t i = 0; i < s.c * plane; ++i) image[i] = static_cast<T>(fill);
        for (int64_t i = 0; i < s.c * s.ih; ++i)
            map_row(image + i / s.ih * plane + (i % s.ih + 1) * columns + 1, x + (n * s.c * s.ih + i) * s.iw, s.iw, 1,
                    [](auto v) { return v; });
        const T* const m = matrix + n * 6;
        Vec<T> lanes{};
        for (int i = 0; i < L; ++i) lanes[i] = static_cast<T>(i);
        Points<T> points;
        for (int64_t p = 0, count; p < area; p += count) {
            const int64_t v = p / s.ow, u = p % s.ow;
            count = smaller(s.ow - u, kPoints);
            for (int64_t j = 0; j < count; j += L) {
                const Vec<T> place = lanes + static_cast<T>(u + j);
                Vec<T> across = m[0] * place + (m[1] * static_cast<T>(v) + m[2]);
                Vec<T> down = m[3] * place + (m[4] * static_cast<T>(v) + m[5]);
                if (displacement) {
                    const T* const moved = displacement + n * 2 * area + p + j;
                    down += load_first(moved, smaller(count - j, L));
                    across += load_first(moved + area, smaller(count - j, L));
                }
                if (nearest) across += T(0.5), down += T(0.5);
                const Whole<T> left = split(across, static_cast<T>(s.iw)), top = split(down, static_cast<T>(s.ih));
                store(points.across + j, across);
                store(points.down + j, down);
                store_lanes<L>(points.at + j, (top + 1) * static_cast<int32_t>(columns) + left + 1);
            }
            T* to = y + n * s.c * area + p;
            for (int64_t c = 0; c < s.c; ++c, to += area)
                for (int64_t j = 0; j < count; ++j) {
                    const T* const corner = image + c * plane + points.at[j];
                    const auto between = [&](const T* q) { return (q[1] - q[0]) * points.across[j] + q[0]; };
                    to[j] = nearest ? corner[0]
                                    : (between(corner + columns) - between(corner)) * points.down[j] + between(corner);
                }
        }
    });
}

template <class T> int64_t warp_workspace(const ImageShape& s, int threads) {
    return threads * apart<T>(s.c * (s.ih + 3) * (s.iw + 3));
}

TK_EMIT(warp)
TK_EMIT(warp_workspace)

}   // namespace tk::baseline
#endif
