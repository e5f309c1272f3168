// Group normalisation of x [n][groups][c][s], per group over its m = c*s elements. With s == 1 and one group it is
// layer normalisation, with c == 1 instance normalisation; not centred, mean 0 and no term for it: RMS normalisation.
//   mean = sum x / m,  var = sum (x - mean)^2 / m,  invstd = 1 / sqrt(var + eps)
//   y = (x - mean) * invstd * weight + bias                        weight, bias [groups][c]
//   dbias = sum dy,  dweight = sum dy*(x - mean)*invstd            over n and s
//   dx = invstd * (weight*dy - sum(weight*dy)/m - (x - mean) * invstd^2 * sum(weight*dy*(x - mean))/m)
// A group of one image is a row. Statistics are taken as in batch_norm.cpp: one pass around the median of three
// elements, two in double where that cannot be trusted. Rows are cut into chunks, and images into blocks for dweight
// and dbias, by the shape of a row alone: y, mean, invstd and dx of an image have the same bits in any batch.
#include "kernels/norm_units.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kChunk = 8192;   // elements, a multiple of every vector's lanes
constexpr int64_t kBlock = 32;     // images whose gradients of parameters add up in T

template <class T> struct Rows {
    static constexpr int64_t L = kLanes<T>;
    int64_t n, groups, c, s, rows, size;
    int64_t width, chunks;   // channels of a chunk, chunks of a row
    double m;

    explicit Rows(const GroupNormShape& g)
        : n(g.n), groups(g.groups), c(g.c), s(g.s), rows(g.n * g.groups), size(g.c * g.s), m(size ? size : 1) {
        width = s < kChunk && s ? kChunk / s : 1;
        chunks = (c + width - 1) / width;
        if (chunks < 1) chunks = 1;
    }
    int64_t first(int64_t chunk) const { return chunk * width; }
    int64_t channels(int64_t chunk) const { return c - first(chunk) < width ? c - first(chunk) : width; }
    int64_t elements() const { return rows * size; }
    const T* of_group(const T* parameters, int64_t row) const {
        return parameters ? parameters + row % groups * c : nullptr;
    }
    Vec<T> median(const T* row) const {
        if (!size) return Vec<T>{};
        return median_of<T>(broadcast(row[size / 6]), broadcast(row[size / 2]), broadcast(row[size * 5 / 6]));
    }

    // parts(row, chunk), then finish(row), then apply(row, chunk). Many rows go one by one, each from the cache; of few
    // the chunks are shared among threads. Either way the same sums.
    template <class Parts, class Finish, class Apply>
    void run(int64_t cost, Parts&& parts, Finish&& finish, Apply&& apply) const {
        if (chunks == 1 || rows >= 16) {
            parallel_for(
                rows, elements() * cost,
                [&](int64_t row, int) {
                    for (int64_t chunk = 0; chunk < chunks; ++chunk) parts(row, chunk);
                    finish(row);
                    for (int64_t chunk = 0; chunk < chunks; ++chunk) apply(row, chunk);
                },
                Schedule::even);
            return;
        }
        const auto each = [&](auto&& stage) {
            parallel_for(
                rows * chunks, elements() * cost, [&](int64_t item, int) { stage(item / chunks, item % chunks); },
                Schedule::even);
        };
        each(parts);
        for (int64_t row = 0; row < rows; ++row) finish(row);
        each(apply);
    }
};

// sum (x - centre), or of its squares, in double throughout.
template <class T> double sum_in_double(const T* x, int64_t count, double centre, bool squared) {
    constexpr int64_t L = kLanes<T>;
    Sums<T> sum{};
    for (int64_t at = 0; at < count; at += L) {
        const int64_t left = count - at < L ? count - at : L;
        const Sums<T> v = widen(read(x + at, left)), inside = widen(keep_first<T>(broadcast(T{1}), left));
        for (int p = 0; p < Sums<T>::kParts; ++p) {
            const Vec<double> d = select<double>(inside.part[p] > 0, v.part[p] - centre, Vec<double>{});
            sum.part[p] += squared ? d * d : d;
        }
    }
    for (int p = 1; p < Sums<T>::kParts; ++p) sum.part[0] += sum.part[p];
    return sum_all(sum.part[0]);
}

// Two sums over `count` elements in a row.
template <class T, class Term> TK_INLINE Pair sum_run(int64_t count, Term&& term) {
    Sums<T> all[2] = {};
    sum_runs<Vec<T>>(all, [&](auto&& run) __attribute__((always_inline)) { run(int64_t{0}, count); }, term);
    return all_lanes<T>(all);
}

}   // namespace

template <class T> int64_t group_norm_forward_workspace(const GroupNormShape& s, int) {
    const Rows<T> r(s);
    return elements_of<T>(r.rows * r.chunks);
}

template <class T>
void group_norm_forward(T* y, T* mean, T* invstd, const T* x, const T* weight, const T* bias, const GroupNormShape& s,
                        double eps, bool centred, T* workspace) {
    const Rows<T> r(s);
    Pair* sums = reinterpret_cast<Pair*>(workspace);   // [rows][chunks], around the median
    const auto shift_of = [&](int64_t row) { return centred ? r.median(x + row * r.size) : Vec<T>{}; };

    const auto parts = [&](int64_t row, int64_t chunk) {
        const T* from = x + row * r.size + r.first(chunk) * r.s;
        const Vec<T> shift = shift_of(row);
        sums[row * r.chunks + chunk] = sum_run<T>(r.channels(chunk) * r.s, [=](int64_t at, int64_t count, Vec<T>* to) {
            const Vec<T> d = keep_first<T>(read(from + at, count) - shift, count);
            to[0] += d;
            to[1] += d * d;
        });
    };
    const auto finish = [&](int64_t row) {
        Pair sum{0, 0};
        for (int64_t chunk = 0; chunk < r.chunks; ++chunk) {
            sum.first += sums[row * r.chunks + chunk].first;
            sum.second += sums[row * r.chunks + chunk].second;
        }
        if (!centred) sum.first = 0;
        double centre, var;
        if (!moments_of<T>(sum, static_cast<double>(shift_of(row)[0]), r.m, centre, var)) {
            centre = centred ? sum_in_double(x + row * r.size, r.size, 0, false) / r.m : 0;
            var = sum_in_double(x + row * r.size, r.size, centre, true) / r.m;
        }
        mean[row] = static_cast<T>(centre);
        invstd[row] = inverse_deviation<T>(var, eps);
    };
    const bool whole = r.s == 1 ? r.size % kLanes<T> == 0 : r.s % kLanes<T> == 0;
    with_flag(whole && past_cache(y, r.elements()), [&](auto streams) {
        const auto apply = [&](int64_t row, int64_t chunk) {
            const int64_t begin = r.first(chunk), channels = r.channels(chunk), at_first = row * r.size + begin * r.s;
            const T *from = x + at_first, *w = r.of_group(weight, row), *b = r.of_group(bias, row);
            T* to = y + at_first;
            const Vec<T> centre = broadcast(mean[row]), deviation = broadcast(invstd[row]), one = broadcast(T{1});
            if (r.s == 1) {
                map_run<decltype(streams)>(to, channels, [&](int64_t at, int64_t count) {
                    const Vec<T> scale = deviation * (w ? read(w + begin + at, count) : one);
                    const Vec<T> shift = b ? read(b + begin + at, count) : Vec<T>{};
                    return (read(from + at, count) - centre) * scale + shift;
                });
                return;
            }
            for (int64_t i = 0; i < channels; ++i, from += r.s, to += r.s) {
                const Vec<T> scale = broadcast(invstd[row] * value_or<T>(w, begin + i, 1));
                const Vec<T> shift = broadcast(value_or<T>(b, begin + i, 0));
                map_run<decltype(streams)>(to, r.s, [&](int64_t at, int64_t count) {
                    return (read(from + at, count) - centre) * scale + shift;
                });
            }
        };
        r.run(3, parts, finish, apply);
    });
}

namespace {

// What both backward passes share: dx = a * dy - offset - (x - mean) * slope with a = invstd * weight.
template <class T> struct GradientOfRow {
    T offset, slope;
};

template <class T> struct Gradients {
    const Rows<T> r;
    const T *dy, *x, *mean, *invstd, *weight;
    bool centred;
    Pair* sums;               // [rows][chunks] of weight*dy and weight*dy*(x - mean); [rows][c] without weight if s > 1
    GradientOfRow<T>* rows;   // [rows]
    T* partial;               // s == 1: [blocks][2][groups*c], dweight and dbias of a block

    static int64_t blocks(const Rows<T>& r) { return (r.n + kBlock - 1) / kBlock; }
    static int64_t slots(const Rows<T>& r) { return r.s == 1 ? r.chunks : r.c; }
    static int64_t workspace(const Rows<T>& r) {
        return elements_of<T>(r.rows * slots(r)) + 2 * r.rows + (r.s == 1 ? 2 * blocks(r) * r.groups * r.c : 0);
    }
    void place(T* memory) {
        sums = reinterpret_cast<Pair*>(memory);
        rows = reinterpret_cast<GradientOfRow<T>*>(sums + r.rows * slots(r));
        partial = reinterpret_cast<T*>(rows + r.rows);
    }

    void parts(int64_t row, int64_t chunk) const {
        const int64_t begin = r.first(chunk), channels = r.channels(chunk), at_first = row * r.size + begin * r.s;
        const T *gradient = dy + at_first, *from = x + at_first, *w = r.of_group(weight, row);
        const Vec<T> centre = broadcast(mean[row]);
        if (r.s == 1) {
            sums[row * r.chunks + chunk] = sum_run<T>(channels, [=](int64_t at, int64_t count, Vec<T>* to) {
                Vec<T> g = read(gradient + at, count);
                if (w) g *= read(w + begin + at, count);
                to[0] += g;
                to[1] += g * (read(from + at, count) - centre);
            });
            return;
        }
        for (int64_t i = 0; i < channels; ++i, gradient += r.s, from += r.s)
            sums[row * r.c + begin + i] = sum_run<T>(r.s, [=](int64_t at, int64_t count, Vec<T>* to) {
                const Vec<T> g = read(gradient + at, count);
                to[0] += g;
                to[1] += g * (read(from + at, count) - centre);
            });
    }
    void finish(int64_t row) const {
        const T* w = r.s == 1 ? nullptr : r.of_group(weight, row);
        Pair total{0, 0};
        for (int64_t i = 0; i < slots(r); ++i) {
            const double factor = static_cast<double>(value_or<T>(w, i, 1));
            total.first += factor * sums[row * slots(r) + i].first;
            total.second += factor * sums[row * slots(r) + i].second;
        }
        const double d = static_cast<double>(invstd[row]);
        rows[row] = {static_cast<T>(centred ? d * total.first / r.m : 0),
                     static_cast<T>(d * d * d * total.second / r.m)};
    }

    // s > 1
    void apply(T* dx, int64_t row, int64_t chunk) const {
        const int64_t begin = r.first(chunk), channels = r.channels(chunk), at_first = row * r.size + begin * r.s;
        const T *gradient = dy + at_first, *from = x + at_first, *w = r.of_group(weight, row);
        T* to = dx + at_first;
        const Vec<T> centre = broadcast(mean[row]), f = broadcast(rows[row].offset), k = broadcast(rows[row].slope);
        for (int64_t i = 0; i < channels; ++i, gradient += r.s, from += r.s, to += r.s) {
            const Vec<T> a = broadcast(invstd[row] * value_or<T>(w, begin + i, 1));
            map_run<Flag<false>>(to, r.s, [&](int64_t at, int64_t count) {
                return a * read(gradient + at, count) - f - (read(from + at, count) - centre) * k;
            });
        }
    }
    void parameters(T* dweight, T* dbias) const {
        const int64_t count = r.groups * r.c;
        parallel_chunks(count, 64, 4 * r.n, [&](int64_t begin, int64_t end) {
            for (int64_t p = begin; p < end; ++p) {
                Pair total{0, 0};
                for (int64_t image = 0; image < r.n; ++image) {
                    const Pair& one = sums[image * count + p];
                    total.first += one.first;
                    total.second += one.second * static_cast<double>(invstd[image * r.groups + p / r.c]);
                }
                dbias[p] = static_cast<T>(total.first);
                dweight[p] = static_cast<T>(total.second);
            }
        });
    }

    // s == 1: a chunk of the rows of one group in Count images from `image` on, `stride` elements apart. dweight and
    // dbias of these are added to `to`, or begin it.
    template <int Count>
    void apply_images(T* dx, T* to, int64_t image, int64_t group, int64_t chunk, bool begins) const {
        constexpr int64_t L = kLanes<T>;
        const int64_t channels = r.channels(chunk), first = r.first(chunk), stride = r.groups * r.size;
        const int64_t row = image * r.groups + group, all = r.groups * r.c;
        const T *gradient = dy + row * r.size + first, *from = x + row * r.size + first;
        const T* w = weight ? weight + group * r.c + first : nullptr;
        T *out = dx + row * r.size + first, *dw = to + group * r.c + first;
        for (int64_t at = 0; at < channels; at += L) {
            const int64_t count = channels - at < L ? channels - at : L;
            const Vec<T> factor = w ? read(w + at, count) : broadcast(T{1});
            Vec<T> product = begins ? Vec<T>{} : read(dw + at, count),
                   sum = begins ? Vec<T>{} : read(dw + all + at, count);
#pragma GCC unroll 4
            for (int i = 0; i < Count; ++i) {
                const int64_t one = row + i * r.groups;
                const Vec<T> g = read(gradient + i * stride + at, count);
                const Vec<T> d = read(from + i * stride + at, count) - mean[one];
                const Vec<T> scaled = g * invstd[one];
                product += scaled * d;
                sum += g;
                store_first(out + i * stride + at, scaled * factor - rows[one].offset - d * rows[one].slope, count);
            }
            store_first(dw + at, product, count);
            store_first(dw + all + at, sum, count);
        }
    }
    void apply_block(T* dx, int64_t block, int64_t group, int64_t chunk, bool sum_first) const {
        constexpr int kTogether = 4;
        const int64_t begin = block * kBlock, end = begin + kBlock < r.n ? begin + kBlock : r.n;
        T* to = partial + 2 * block * r.groups * r.c;
        const auto prepare = [&](int64_t image, int64_t many) {
            for (int64_t row = image; sum_first && row < image + many; ++row) {
                parts(row * r.groups + group, 0);
                finish(row * r.groups + group);
            }
        };
        int64_t image = begin;
        for (; image + kTogether <= end; image += kTogether) {
            prepare(image, kTogether);
            apply_images<kTogether>(dx, to, image, group, chunk, image == begin);
        }
        for (; image < end; ++image) {
            prepare(image, 1);
            apply_images<1>(dx, to, image, group, chunk, image == begin);
        }
    }
    void per_element(T* dx, T* dweight, T* dbias) const {
        const int64_t count = r.groups * r.c, all = blocks(r) * r.groups, cost = r.elements() * 4;
        if (r.chunks > 1) {
            parallel_for(
                r.rows * r.chunks, cost, [&](int64_t item, int) { parts(item / r.chunks, item % r.chunks); },
                Schedule::even);
            for (int64_t row = 0; row < r.rows; ++row) finish(row);
        }
        parallel_for(
            all * r.chunks, cost,
            [&](int64_t item, int) {
                const int64_t unit = item / r.chunks;
                apply_block(dx, unit / r.groups, unit % r.groups, item % r.chunks, r.chunks == 1);
            },
            Schedule::even);
        parallel_chunks(count, 256, 2 * blocks(r), [&](int64_t begin, int64_t end) {
            for (int64_t p = begin; p < end; ++p) {
                double product = 0, sum = 0;
                for (int64_t block = 0; block < blocks(r); ++block) {
                    product += static_cast<double>(partial[2 * block * count + p]);
                    sum += static_cast<double>(partial[(2 * block + 1) * count + p]);
                }
                dweight[p] = static_cast<T>(product);
                dbias[p] = static_cast<T>(sum);
            }
        });
    }
};

}   // namespace

template <class T> int64_t group_norm_backward_workspace(const GroupNormShape& s, int) {
    return Gradients<T>::workspace(Rows<T>(s));
}

template <class T>
void group_norm_backward(T* dx, T* dweight, T* dbias, const T* dy, const T* x, const T* mean, const T* invstd,
                         const T* weight, const GroupNormShape& s, bool centred, T* workspace) {
    Gradients<T> g{Rows<T>(s), dy, x, mean, invstd, weight, centred, nullptr, nullptr, nullptr};
    g.place(workspace);
    if (g.r.s == 1) return g.per_element(dx, dweight, dbias);
    g.r.run(
        4, [&](int64_t row, int64_t chunk) { g.parts(row, chunk); }, [&](int64_t row) { g.finish(row); },
        [&](int64_t row, int64_t chunk) { g.apply(dx, row, chunk); });
    g.parameters(dweight, dbias);
}

TK_EMIT(group_norm_forward_workspace)
TK_EMIT(group_norm_forward)
TK_EMIT(group_norm_backward_workspace)
TK_EMIT(group_norm_backward)

}   // namespace tk::TK_ISA
