// The product of few_products.hpp where planes are small: rows of a vector or two would be all edges.
//
// g is copied between zeros, rows as far apart as its padding makes them: a plane is one long run then, and so is each
// line of the product, between zeros of its own. What dx meets of a line is the same run at one offset for each tap.
// Terms are added in the order of few_products.hpp.
#pragma once
#include "kernels/few_products.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kLinesBytes = 68 * 1024;   // of the lines at hand
// Lines at hand are about so many: the last tile of them overlaps the one before by a few.
constexpr int64_t kLinesTogether = kTilePixels > 8 ? 25 : 52;

struct PlaneProblem : ProductProblem {   // pitch: between rows; panel: g
    int64_t run;                         // of g, in panels
    int64_t line;                        // from line to line, zeros before each
    int64_t channels, groups;            // of dx whose lines lie there together, and how many times so many
    int64_t product;                     // elements

    int64_t outputs() const { return (h.out - 1) * pitch + w.out; }
};

template <class T> PlaneProblem plane_problem(const ProductProblem& rows) {
    PlaneProblem p{rows, 0, 0, 0, 0, 0};
    p.pitch = larger(p.w.in + larger(0, -p.w.least), p.w.out + p.w.most);   // zeros for either end of a row
    p.run = ceil_div((p.h.in - 1) * p.pitch + p.w.in, kPanel<T>) * kPanel<T>;
    p.before = ceil_div(larger(0, -(p.h.least * p.pitch + p.w.least)), kLanes<T>) * kLanes<T>;
    const int64_t after = p.outputs() + p.h.most * p.pitch + p.w.most - p.run;
    p.line = p.run + ceil_div(larger(p.before, after), kLanes<T>) * kLanes<T>;
    p.groups = ceil_div(p.results, ceil_div(kLinesTogether, p.taps));
    p.channels = ceil_div(p.results, p.groups);   // a tile's lines, or more
    p.lists = apart<T>(p.taps * int64_t{8 / sizeof(T)});
    p.panel = apart<T>(p.terms * p.run + p.pitch + kLanes<T>);
    p.product = apart<T>(p.channels * p.taps * p.line + p.before + 4 * kLanes<T>);
    p.scratch = p.panel + p.product + apart<T>(p.outputs() + 4 * kLanes<T>);
    return p;
}

template <class T> void set_zeros(T* to, int64_t count) {
    for (int64_t i = 0; i < count; i += kLanes<T>) store(to + i, Vec<T>{});
}

// Rows of one channel of g, zeros between them. What a row's last vector writes of the next one, and the last row's of
// the next channel, is written after it.
template <class T> void copy_plane(T* to, const T* g, const T* mask, const PlaneProblem& p) {
    constexpr int64_t L = kLanes<T>;
    const int64_t end = p.h.in * p.pitch;
    set_zeros(to + end, p.run - end);
    for (int64_t r = 0; r < p.h.in; ++r, to += p.pitch, g += p.w.in)
        for (int64_t o = 0; o < p.pitch; o += L) {
            const int64_t lanes = larger(0, smaller(L, p.w.in - o));
            const Vec<T> value = load_first(g + o, lanes);
            store(to + o, mask ? select<T>(load_first(mask + r * p.w.in + o, lanes) > 0, value, Vec<T>{}) : value);
        }
}

// Channels of dx of one group. The last one may begin with some of another's, which are not written.
template <class T>
void compute_group(const ProductCall<T>& a, const PlaneProblem& p, int64_t image, int64_t group, T* scratch) {
    constexpr int64_t L = kLanes<T>;
    const int64_t* offsets = reinterpret_cast<const int64_t*>(a.workspace);
    const int64_t k0 = smaller(group * p.channels, p.results - p.channels), lines = p.channels * p.taps;
    T *product = scratch + p.panel + p.before, *row = scratch + p.panel + p.product;
    ProductAhead<T> none{};
    for (int64_t o = 0; o < p.run; o += kPanel<T>)
        for (int64_t i = 0; i < lines; i += kTileLines) {
            const int64_t first = smaller(i, lines - kTileLines);
            for (int64_t c = 0; c < p.terms; c += p.term_block)
                multiply_panel<T>({product + first * p.line + o, p.line, scratch + c * p.run + o, p.run,
                                   a.weight + (c * p.results + k0) * p.taps + first, p.results * p.taps,
                                   smaller(p.term_block, p.terms - c), &none, c == 0});
        }
    for (int64_t k = group * p.channels; k < k0 + p.channels; ++k) {
        const T* from = product + (k - k0) * p.taps * p.line;
        int64_t q = 0;
        for (; q + 3 * L < p.outputs(); q += 4 * L) sum_taps<T, 4>(row + q, from + q, offsets, p.taps);
        for (; q < p.outputs(); q += L) sum_taps<T, 1>(row + q, from + q, offsets, p.taps);
        T* to = a.dx + (image * p.results + k) * p.h.out * p.w.out;
        const bool whole = p.pitch == p.w.out;   // rows follow each other
        write_parts<T>({to, row, whole ? 1 : p.h.out, p.w.out, p.pitch, 0, 1, whole ? p.outputs() : p.w.out});
    }
}

template <class T> void few_planes(const ProductCall<T>& a, const PlaneProblem& p, int64_t work) {
    int64_t* offsets = reinterpret_cast<int64_t*>(a.workspace);
    for (int64_t t = 0; t < p.taps; ++t)
        offsets[t] = t * p.line + p.h.at(0, t / p.w.taps) * p.pitch + p.w.at(0, t % p.w.taps);
    const int64_t shares = p.n < 4 * max_threads() ? smaller(max_threads(), p.groups) : 1;
    parallel_for(p.n * shares, work, [&](int64_t unit, int thread) {
        const int64_t image = unit / shares, share = unit % shares, plane = p.h.in * p.w.in;
        T *scratch = a.workspace + p.lists + thread * p.scratch, *zeros = scratch + p.panel;
        for (int64_t c = 0; c < p.terms; ++c) {
            const int64_t at = (image * p.terms + c) * plane;
            copy_plane<T>(scratch + c * p.run, a.g + at, a.mask ? a.mask + at : nullptr, p);
        }
        set_zeros(zeros, p.before);
        zeros += p.before + p.run;
        for (int64_t i = 0; i < p.channels * p.taps; ++i, zeros += p.line) set_zeros(zeros, p.line - p.run);
        for (int64_t group = p.groups * share / shares; group < p.groups * (share + 1) / shares; ++group)
            compute_group(a, p, image, group, scratch);
    });
}

}   // namespace
}   // namespace tk::TK_ISA
