// Parts of images, turned round or not, with padding where they reach beyond the image:
//   y[n, c, i, j] = x[sample[n], c, row + i * its step, column + j * its step], then (y - mean[c]) / std[c]
#if !defined(__clang__)
#pragma GCC optimize("O2")   // the one copy is compiled for speed
#endif
#include "kernels/kernels.hpp"
#include "kernels/sample_rows.hpp"

#if TK_IS(TK_ISA)
namespace tk::baseline {
namespace {

enum Padding { constant, edge, reflect, symmetric };

// Which of n >= 1 elements stands at k, wherever that is; -1: the fill.
inline int64_t within(int64_t k, int64_t n, int padding) {
    if (k >= 0 && k < n) return k;
    if (padding == constant) return -1;
    if (padding == edge || n == 1) return k < 0 ? 0 : n - 1;
    // There and back again, the ends once (reflect) or twice.
    const int64_t ends = padding == reflect ? 1 : 0, period = 2 * (n - ends);
    k = (k % period + period) % period;
    return k < n ? k : 2 * n - 1 - ends - k;
}

}   // namespace

template <class T>
int64_t crop(T* y, const T* x, const int64_t* samples, int64_t count, const int64_t* places, const T* mean,
             const T* std, const ImageShape& s, int padding, double fill) {
    constexpr int64_t far = int64_t{1} << 40;
    for (int64_t i = 0; i < 2 * s.n; ++i) {
        const int64_t first = places[2 * i], step = places[2 * i + 1];
        if ((step != 1 && step != -1) || first <= -far || first >= far) return 1;
    }
    for (int64_t i = 0; samples && i < s.n; ++i)
        if (samples[i] < 0 || samples[i] >= count) return 2;
    // Where plane `plane` of y comes from.
    const auto source = [&](int64_t plane) {
        const int64_t image = plane / s.c;
        return x + ((samples ? samples[image] : image) * s.c + plane % s.c) * s.ih * s.iw;
    };
    parallel_for(s.n * s.c, s.n * s.c * s.oh * s.ow / kCroppedPixels, [&](int64_t plane, int) {
        const int64_t* const place = places + plane / s.c * 4;
        const int64_t first = place[2], step = place[3];
        const T centre = mean ? mean[plane % s.c] : 0, scale = mean ? std[plane % s.c] : 1;
        const auto finish = [=](auto v) { return mean ? (v - centre) / scale : v; };
        const T outside = finish(static_cast<T>(fill));
        // 0 <= first + j step < iw for begin <= j < end
        const int64_t begin = smaller(larger(step > 0 ? -first : first - s.iw + 1, 0), s.ow);
        const int64_t end = smaller(larger(step > 0 ? s.iw - first : first + 1, begin), s.ow);
        const T *const image = source(plane), *const next = source(smaller(plane + 1, s.n * s.c - 1));
        T* to = y + plane * s.oh * s.ow;
        for (int64_t i = 0; i < s.oh; ++i, to += s.ow) {
            const int64_t row = within(place[0] + i * place[1], s.ih, padding);
            const T* from = image + row * s.iw;
            // The next plane may lie anywhere: 1.4 times as fast on 1 x 28 x 28.
            if (i < s.ih) __builtin_prefetch(next + i * s.iw);
            const int64_t copied = row < 0 ? 0 : end - begin;
            if (copied) map_row(to + begin, from + first + begin * step, copied, step, finish);
            for (int64_t j = copied && !begin ? end : 0; j < s.ow; j = copied && j + 1 == begin ? end : j + 1)
                to[j] = padding == constant ? outside : finish(from[within(first + j * step, s.iw, padding)]);
        }
    });
    return 0;
}

TK_EMIT(crop)

}   // namespace tk::baseline
#endif
