// The loops over a row or a chunk of it of group normalisation (group_norm.cpp), in functions of their own, once each:
// what is chosen within them is the same for a whole run.
#pragma once
#include "kernels/norm_units.hpp"

namespace tk::TK_ISA {
namespace {

template <class T> TK_INLINE void put(T* to, Vec<T> v, int64_t count, bool streams) {
    if (count < kLanes<T>) return store_first(to, v, count);
    if (streams) store_past_cache(to, v);
    else store(to, v);
}

// body(at, count) over `count` elements in vectors, the last one perhaps in part.
template <class T, class F> TK_INLINE void for_each_vector(int64_t count, F&& body) {
    constexpr int64_t L = kLanes<T>;
    int64_t at = 0;
    for (; at + L <= count; at += L) body(at, L);
    if (at < count) body(at, count - at);
}

// The sums of a and of a*b, a = (g - shift) * w, b = x - centre; w may be null.
template <class T> TK_ONCE Pair sum_products(const T* g, T shift, const T* x, T centre, const T* w, int64_t count) {
    constexpr int64_t L = kLanes<T>, kVectors = 32, kSets = 4;   // sets hide the latency of addition
    Sums<T> all[2] = {};
    for (int64_t begin = 0; begin < count; begin += kVectors * L) {
        const int64_t end = count - begin < kVectors * L ? count : begin + kVectors * L;
        Vec<T> sum[kSets] = {}, product[kSets] = {};
        int64_t at = begin;
        const auto term = [&](int64_t set, int64_t place, Vec<T> a, int64_t length) __attribute__((always_inline)) {
            if (w) a *= read(w + place, length);
            sum[set] += a;
            product[set] += a * (read(x + place, length) - centre);
        };
        for (; at + kSets * L <= end; at += kSets * L) {
#pragma GCC unroll 4
            for (int64_t k = 0; k < kSets; ++k) term(k, at + k * L, load(g + at + k * L) - shift, L);
        }
        for (; at + L <= end; at += L) term(0, at, load(g + at) - shift, L);
        if (at < end) term(1, at, keep_first<T>(load_first(g + at, end - at) - shift, end - at), end - at);
        add<T>(all[0], widen((sum[0] + sum[1]) + (sum[2] + sum[3])));
        add<T>(all[1], widen((product[0] + product[1]) + (product[2] + product[3])));
    }
    for (int k = 0; k < 2; ++k)
        for (int part = 1; part < Sums<T>::kParts; ++part) all[k].part[0] += all[k].part[part];
    return {sum_halves<double>(all[0].part[0]), sum_halves<double>(all[1].part[0])};
}

// sum (x - centre), or of its squares, in double throughout.
template <class T> TK_ONCE double sum_in_double(const T* x, int64_t count, double centre, bool squared) {
    Sums<T> sum{};
    for_each_vector<T>(count, [&](int64_t at, int64_t length) {
        const Sums<T> v = widen(read(x + at, length)), inside = widen(keep_first<T>(broadcast(T{1}), length));
        for (int p = 0; p < Sums<T>::kParts; ++p) {
            const Vec<double> d = select<double>(inside.part[p] > 0, v.part[p] - centre, Vec<double>{});
            sum.part[p] += squared ? d * d : d;
        }
    });
    for (int p = 1; p < Sums<T>::kParts; ++p) sum.part[0] += sum.part[p];
    return sum_halves<double>(sum.part[0]);
}

// to[i] = the sum of from[i] of `parts` arrays, `pitch` elements apart, in double.
template <class T> TK_ONCE void sum_parts(T* to, const T* from, int64_t parts, int64_t pitch, int64_t count) {
    for_each_vector<T>(count, [&](int64_t at, int64_t length) {
        Sums<T> sum{};
        for (int64_t i = 0; i < parts; ++i) add<T>(sum, widen(read(from + i * pitch + at, length)));
        for (int64_t lane = 0; lane < length; ++lane)
            to[at + lane] = static_cast<T>(sum.part[lane / kLanes<double>][lane % kLanes<double>]);
    });
}

// y = (x - centre) * deviation * w + b; w and b, or null, hold one number for each element, or one for all.
template <class T>
TK_ONCE void normalise(T* y, const T* x, T centre, T deviation, const T* w, const T* b, bool each, int64_t count,
                       bool streams) {
    Vec<T> scale = broadcast(deviation * (w && !each ? *w : 1)), shift = broadcast(b && !each ? *b : 0);
    for_each_vector<T>(count, [&](int64_t at, int64_t length) {
        if (w && each) scale = deviation * read(w + at, length);
        if (b && each) shift = read(b + at, length);
        put(y + at, (read(x + at, length) - centre) * scale + shift, length, streams);
    });
}

// dx = dy * scale - offset - (x - centre) * slope
template <class T>
TK_ONCE void distribute(T* dx, const T* dy, const T* x, T centre, T scale, T offset, T slope, int64_t count,
                        bool streams) {
    for_each_vector<T>(count, [&](int64_t at, int64_t length) {
        const Vec<T> d = read(x + at, length) - centre;
        put(dx + at, read(dy + at, length) * scale - offset - d * slope, length, streams);
    });
}

// Constants of a row's dx: offset = invstd * sum(weight*dy)/m, slope = invstd^3 * sum(weight*dy*(x - mean))/m.
template <class T> struct RowGradient {
    T offset, slope;
};

// The same for `Count` images, `stride` elements apart, whose weight has a number for each element, and their shares of
// dweight and dbias: added to dw[0] and dw[all], or there anew. The lines `ahead` elements further are called in.
template <class T, int Count>
TK_ONCE void distribute_images(T* dx, T* dw, const T* dy, const T* x, const T* w, const T* mean, const T* invstd,
                               const RowGradient<T>* rows, int64_t groups, int64_t stride, int64_t all, int64_t count,
                               bool begins, int64_t ahead) {
    Vec<T> centre[Count], deviation[Count], offset[Count], slope[Count];
    for (int i = 0; i < Count; ++i) {
        centre[i] = broadcast(mean[i * groups]), deviation[i] = broadcast(invstd[i * groups]);
        offset[i] = broadcast(rows[i * groups].offset), slope[i] = broadcast(rows[i * groups].slope);
    }
    for_each_vector<T>(count, [&](int64_t at, int64_t length) __attribute__((always_inline)) {
        const Vec<T> factor = w ? read(w + at, length) : broadcast(T{1});
        Vec<T> product{}, sum{};
        if (!begins) product = read(dw + at, length), sum = read(dw + all + at, length);
#pragma GCC unroll 2
        for (int i = 0; i < Count; ++i) {
            const int64_t next = i * stride + ahead + at;
            fetch(dy + next, kLanes<T>);
            fetch(x + next, kLanes<T>);
            fetch_to_write(dx + next, kLanes<T>);
            const Vec<T> g = read(dy + i * stride + at, length), scaled = g * deviation[i];
            const Vec<T> d = read(x + i * stride + at, length) - centre[i];
            product += scaled * d;
            sum += g;
            put(dx + i * stride + at, scaled * factor - offset[i] - d * slope[i], length, false);
        }
        put(dw + at, product, length, false);
        put(dw + all + at, sum, length, false);
    });
}

}   // namespace
}   // namespace tk::TK_ISA
