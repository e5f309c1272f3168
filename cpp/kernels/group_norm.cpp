// Group normalisation of x [n][groups][c][s], per group over its m = c*s elements. With s == 1 and one group it is
// layer normalisation, with c == 1 instance normalisation; not centred, mean 0 and no term for it: RMS normalisation.
//   mean = sum x / m,  var = sum (x - mean)^2 / m,  invstd = 1 / sqrt(var + eps)
//   y = (x - mean) * invstd * weight + bias                        weight, bias [groups][c]
//   dbias = sum dy,  dweight = sum dy*(x - mean)*invstd            over n and s
//   dx = invstd * (weight*dy - sum(weight*dy)/m - (x - mean) * invstd^2 * sum(weight*dy*(x - mean))/m)
// A group of one image is a row. Statistics are taken as in batch_norm.cpp: one pass around the median of three
// elements, two in double where that cannot be trusted; sums run in T over 32 vectors, then in double. Rows are cut
// into chunks, and images into blocks for dweight and dbias, by the shape of a row alone: y, mean, invstd and dx of an
// image have the same bits in any batch.
#include "kernels/group_norm_loops.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kChunk = 8192;   // elements, a multiple of every vector's lanes
constexpr int64_t kBlock = 32;     // images whose gradients of parameters add up in T

template <class T> struct Rows {
    int64_t n, groups, c, s, rows, size;
    int64_t width, chunks;   // channels of a chunk, chunks of a row
    double m;

    explicit Rows(const GroupNormShape& g)
        : n(g.n), groups(g.groups), c(g.c), s(g.s), rows(g.n * g.groups), size(g.c * g.s), m(size ? size : 1) {
        width = s < kChunk && s ? kChunk / s : 1;
        chunks = (c + width - 1) / width;
        if (chunks < 1) chunks = 1;
    }
    int64_t channels(int64_t chunk) const { return c - chunk * width < width ? c - chunk * width : width; }
    int64_t parameters() const { return groups * c; }
    const T* of(const T* parameter, int64_t row, int64_t channel) const {
        return parameter ? parameter + row % groups * c + channel : nullptr;
    }
    bool streams(const T* y) const { return (s == 1 ? size : s) % kLanes<T> == 0 && past_cache(y, rows * size); }
    template <class F> void for_each_part(int64_t cost, F&& f) const {
        parallel_for(rows * chunks, rows * size * cost, [&](int64_t item, int) { f(item / chunks, item % chunks); });
    }

    // parts(row, chunk), then finish(row), then apply(row, chunk). Many rows go one by one, each from the cache; of few
    // the chunks are shared among threads. Either way the same sums.
    template <class Parts, class Finish, class Apply>
    void run(int64_t cost, const Parts& parts, const Finish& finish, const Apply& apply) const {
        if (chunks > 1 && rows < 16) {
            for_each_part(cost, parts);
            for (int64_t row = 0; row < rows; ++row) finish(row);
            for_each_part(cost, apply);
            return;
        }
        parallel_for(rows, rows * size * cost, [&](int64_t row, int) {
            for (int64_t chunk = 0; chunk < chunks; ++chunk) parts(row, chunk);
            finish(row);
            for (int64_t chunk = 0; chunk < chunks; ++chunk) apply(row, chunk);
        });
    }
};

template <class T> struct Forward {
    const Rows<T> r;
    T *y, *mean, *invstd;
    const T *x, *weight, *bias;
    double eps;
    bool centred, streams;
    Pair* sums;   // [rows][chunks], around the shift

    T shift(int64_t row) const {
        if (!centred || !r.size) return 0;
        const T* from = x + row * r.size;
        return median_of<T>(broadcast(from[r.size / 6]), broadcast(from[r.size / 2]),
                            broadcast(from[r.size * 5 / 6]))[0];
    }
    TK_ONCE void parts(int64_t row, int64_t chunk) const {
        const T *from = x + row * r.size + chunk * r.width * r.s, around = shift(row);
        sums[row * r.chunks + chunk] = sum_products<T>(from, around, from, around, nullptr, r.channels(chunk) * r.s);
    }
    TK_ONCE void finish(int64_t row) const {
        const T* from = x + row * r.size;
        Pair sum{0, 0};
        for (int64_t chunk = 0; chunk < r.chunks; ++chunk) {
            sum.first += sums[row * r.chunks + chunk].first;
            sum.second += sums[row * r.chunks + chunk].second;
        }
        if (!centred) sum.first = 0;
        double centre, var;
        if (!moments_of<T>(sum, static_cast<double>(shift(row)), r.m, centre, var)) {
            centre = centred ? sum_in_double(from, r.size, 0, false) / r.m : 0;
            var = sum_in_double(from, r.size, centre, true) / r.m;
        }
        mean[row] = static_cast<T>(centre);
        invstd[row] = inverse_deviation<T>(var, eps);
    }
    TK_ONCE void apply(int64_t row, int64_t chunk) const {
        const int64_t first = chunk * r.width, channels = r.channels(chunk), at = row * r.size + first * r.s;
        const bool each = r.s == 1;
        for (int64_t i = 0; i < (each ? 1 : channels); ++i)
            normalise(y + at + i * r.s, x + at + i * r.s, mean[row], invstd[row], r.of(weight, row, first + i),
                      r.of(bias, row, first + i), each, each ? channels : r.s, streams);
    }
};

template <class T> struct Backward {
    const Rows<T> r;
    T *dx, *dweight, *dbias;
    const T *dy, *x, *mean, *invstd, *weight;
    bool centred, streams;
    Pair* sums;   // s == 1: [rows][chunks] of weight*dy and weight*dy*(x - mean); else [rows][c] without weight
    RowGradient<T>* rows;   // [rows]
    T* partial;             // s == 1: [blocks][2][groups*c], dweight and dbias of a block

    static int64_t blocks(const Rows<T>& r) { return (r.n + kBlock - 1) / kBlock; }
    static int64_t slots(const Rows<T>& r) { return r.s == 1 ? r.chunks : r.c; }
    static int64_t workspace(const Rows<T>& r) {
        return elements_of<T>(r.rows * slots(r)) + 2 * r.rows + (r.s == 1 ? 2 * blocks(r) * r.parameters() : 0);
    }
    void place(T* memory) {
        sums = reinterpret_cast<Pair*>(memory);
        rows = reinterpret_cast<RowGradient<T>*>(sums + r.rows * slots(r));
        partial = reinterpret_cast<T*>(rows + r.rows);
    }

    TK_ONCE void parts(int64_t row, int64_t chunk) const {
        const int64_t first = chunk * r.width, channels = r.channels(chunk), at = row * r.size + first * r.s;
        if (r.s == 1) {
            sums[row * r.chunks + chunk] =
                sum_products<T>(dy + at, 0, x + at, mean[row], r.of(weight, row, first), channels);
            return;
        }
        for (int64_t i = 0; i < channels; ++i)
            sums[row * r.c + first + i] =
                sum_products<T>(dy + at + i * r.s, 0, x + at + i * r.s, mean[row], nullptr, r.s);
    }
    TK_ONCE void finish(int64_t row) const {
        const T* w = r.s == 1 ? nullptr : r.of(weight, row, 0);
        const int64_t count = slots(r);
        Pair total{0, 0};
        for (int64_t i = 0; i < count; ++i) {
            const double factor = w ? static_cast<double>(w[i]) : 1;
            total.first += factor * sums[row * count + i].first;
            total.second += factor * sums[row * count + i].second;
        }
        const double d = static_cast<double>(invstd[row]);
        rows[row] = {static_cast<T>(centred ? d * total.first / r.m : 0),
                     static_cast<T>(d * d * d * total.second / r.m)};
    }

    // s > 1
    TK_ONCE void apply(int64_t row, int64_t chunk) const {
        const int64_t first = chunk * r.width, channels = r.channels(chunk), at = row * r.size + first * r.s;
        const T* w = r.of(weight, row, first);
        for (int64_t i = 0; i < channels; ++i)
            distribute(dx + at + i * r.s, dy + at + i * r.s, x + at + i * r.s, mean[row],
                       invstd[row] * value_or<T>(w, i, 1), rows[row].offset, rows[row].slope, r.s, streams);
    }
    // s == 1: a chunk of the rows of one group in a block of images; the sums of short rows come right before.
    TK_ONCE void apply_block(int64_t block, int64_t group, int64_t chunk) const {
        const int64_t begin = block * kBlock, end = begin + kBlock < r.n ? begin + kBlock : r.n;
        const int64_t first = chunk * r.width, stride = r.groups * r.size;
        T* to = partial + 2 * block * r.parameters() + group * r.c + first;
        for (int64_t image = begin, many; image < end; image += many) {
            many = image + 2 <= end ? 2 : 1;   // more would not stay in the first cache
            const int64_t row = image * r.groups + group, at = row * r.size + first;
            for (int64_t i = 0; i < many && r.chunks == 1; ++i) {
                parts(row + i * r.groups, 0);
                finish(row + i * r.groups);
            }
            const int64_t ahead = r.chunks == 1 ? many * stride : 0;   // the next images, if their sums come next
            const auto run = many == 2 ? distribute_images<T, 2> : distribute_images<T, 1>;
            run(dx + at, to, dy + at, x + at, r.of(weight, row, first), mean + row, invstd + row, rows + row, r.groups,
                stride, r.parameters(), r.channels(chunk), image == begin, ahead);
        }
    }
    // dweight and dbias from `begin` to `end`, in double.
    TK_ONCE void parameters(int64_t begin, int64_t end) const {
        const int64_t all = r.parameters();
        if (r.s == 1) {
            sum_parts(dweight + begin, partial + begin, blocks(r), 2 * all, end - begin);
            sum_parts(dbias + begin, partial + all + begin, blocks(r), 2 * all, end - begin);
            return;
        }
        for (int64_t p = begin; p < end; ++p) {
            double product = 0, sum = 0;
            for (int64_t i = 0; i < r.n; ++i) {
                product += sums[i * all + p].second * static_cast<double>(invstd[i * r.groups + p / r.c]);
                sum += sums[i * all + p].first;
            }
            dweight[p] = static_cast<T>(product);
            dbias[p] = static_cast<T>(sum);
        }
    }
    void per_element() const {
        if (r.chunks > 1) {
            r.for_each_part(4, [&](int64_t row, int64_t chunk) { parts(row, chunk); });
            for (int64_t row = 0; row < r.rows; ++row) finish(row);
        }
        parallel_for(blocks(r) * r.groups * r.chunks, r.rows * r.size * 4, [&](int64_t item, int) {
            const int64_t unit = item / r.chunks;
            apply_block(unit / r.groups, unit % r.groups, item % r.chunks);
        });
    }
};

}   // namespace

template <class T> int64_t group_norm_forward_workspace(const GroupNormShape& s, int) {
    const Rows<T> r(s);
    return elements_of<T>(r.rows * r.chunks);
}

template <class T>
void group_norm_forward(T* y, T* mean, T* invstd, const T* x, const T* weight, const T* bias, const GroupNormShape& s,
                        double eps, bool centred, T* workspace) {
    const Rows<T> r(s);
    const Forward<T> f{
        r, y, mean, invstd, x, weight, bias, eps, centred, r.streams(y), reinterpret_cast<Pair*>(workspace)};
    r.run(
        3, [&](int64_t row, int64_t chunk) { f.parts(row, chunk); }, [&](int64_t row) { f.finish(row); },
        [&](int64_t row, int64_t chunk) { f.apply(row, chunk); });
}

template <class T> int64_t group_norm_backward_workspace(const GroupNormShape& s, int) {
    return Backward<T>::workspace(Rows<T>(s));
}

template <class T>
void group_norm_backward(T* dx, T* dweight, T* dbias, const T* dy, const T* x, const T* mean, const T* invstd,
                         const T* weight, const GroupNormShape& s, bool centred, T* workspace) {
    const Rows<T> r(s);
    Backward<T> b{r,      dx,     dweight, dbias,         dy,      x,       mean,
                  invstd, weight, centred, r.streams(dx), nullptr, nullptr, nullptr};
    b.place(workspace);
    if (r.s == 1) b.per_element();
    else
        r.run(
            4, [&](int64_t row, int64_t chunk) { b.parts(row, chunk); }, [&](int64_t row) { b.finish(row); },
            [&](int64_t row, int64_t chunk) { b.apply(row, chunk); });
    parallel_chunks(r.parameters(), 64, 4 * r.n, [&](int64_t begin, int64_t end) { b.parameters(begin, end); });
}

TK_EMIT(group_norm_forward_workspace)
TK_EMIT(group_norm_forward)
TK_EMIT(group_norm_backward_workspace)
TK_EMIT(group_norm_backward)

}   // namespace tk::TK_ISA
