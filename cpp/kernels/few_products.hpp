// The gradient to few input channels as a product of all taps, and sums of what of it meets:
//
//   product[k, b, e][o] = sum over c of weight[c, k, b, e] * g[c, o]           o: a position of g's plane
//   dx[k, i]            = sum over (b, e), o with o*stride + (b, e)*dilation - pad = i of product[k, b, e][o]
//
// g is read once and as it lies; a vector of it meets all taps, and no zeros of a stride. A ring holds the product of
// as many rows of g as the rows of dx at hand see; what their ends see of the next row or the one before is zeros where
// it can be, and masked where it cannot. The terms of an element are added channel by channel for each tap,
// then tap by tap, wherever a share of the rows begins.
#pragma once
#include "common/parallel.hpp"
#include "kernels/few_parts.hpp"
#include "kernels/few_plan.hpp"
#include "kernels/few_product_tile.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kMostTerms = 96;        // of one sum
constexpr int64_t kRingBytes = 1 << 20;   // of a ring whose rows are taken together
constexpr int64_t kPanelWaste = 32;       // rows are taken together until a panel wastes less than one in so many

struct ProductProblem {
    int64_t n, terms, results;   // channels that are summed over, and that are results
    FewAxis h, w;
    int64_t lines, taps;   // of the product: results * taps
    int64_t term_block;
    int64_t rows, slots;      // rows of g that are multiplied together, and that the ring holds
    int64_t pitch, columns;   // of a line of the product, of a part's row of dx
    bool clears;              // whether zeros stand where dx looks beyond a row's ends, which nothing else looks at
    int64_t before;           // elements before the first line
    int64_t lists, ring, panel, row, scratch;   // elements
};

template <class T> ProductProblem product_problem(const ConvShape& s) {
    ProductProblem p{};
    p.n = s.n;
    p.terms = s.oc;
    p.results = s.ic;
    p.h = few_axis(s.ih, s.oh, s.kh, s.sh, s.ph, s.dil_h, true);
    p.w = few_axis(s.iw, s.ow, s.kw, s.sw, s.pw, s.dil_w, true);
    p.taps = s.kh * s.kw;
    p.lines = p.results * p.taps;
    p.term_block = even_part(p.terms, kMostTerms);
    // The last panel of some rows runs over what follows them.
    const int64_t overrun = ceil_div(kPanel<T> - 1, p.w.in);
    const auto slots = [&](int64_t rows) {
        return rows < p.h.in ? ceil_div(rows + p.h.halo() + overrun, rows) * rows : rows;
    };
    const auto waste = [&](int64_t rows) { return ceil_div(rows * p.w.in, kPanel<T>) * kPanel<T> - rows * p.w.in; };
    p.rows = 1;
    for (int64_t rows = 2; rows <= p.h.in && waste(p.rows) * kPanelWaste > p.rows * p.w.in; ++rows) {
        if (slots(rows) * p.w.in * p.lines * static_cast<int64_t>(sizeof(T)) > kRingBytes) break;
        if (waste(rows) * p.rows < waste(p.rows) * rows) p.rows = rows;
    }
    p.slots = slots(p.rows);
    // Of the next row, and of the one before, a tap sees as many columns as it sees none of its own.
    p.clears = p.w.grid <= p.w.in && larger(-p.w.least, p.w.most) <= p.w.in;
    p.before = apart<T>(larger(0, -p.w.least));
    p.pitch =
        ceil_div(p.slots * p.w.in, kLanes<T>) * kLanes<T> + larger(kPanel<T>, apart<T>(larger(0, p.w.most))) + p.before;
    p.columns = ceil_div(p.w.grid, kLanes<T>) * kLanes<T>;
    const int64_t word = int64_t{8 / sizeof(T)};
    p.lists = apart<T>(2 * word * (p.h.parts * p.h.taps + p.w.parts * p.w.taps));
    p.ring = p.before + apart<T>(p.lines * p.pitch);
    p.panel = apart<T>(p.terms * kPanel<T>);
    p.row = apart<T>(p.w.parts * p.columns);
    p.scratch = p.ring + p.panel + p.row + apart<T>(word * (2 * p.taps + p.w.parts));
    return p;
}

// The operands: mask (of g's shape) or nullptr.
template <class T> struct ProductCall {
    T* dx;
    const T *g, *mask, *weight;
    T* workspace;
};

// A tap that hits a part of dx's positions along an axis, and at which shift.
struct ProductHit {
    int64_t tap, shift;
};

// A thread's own. What a row of dx meets, part by part: offsets of the first channel's lines of the product, shifts.
template <class T> struct ProductScratch {
    T *ring, *panel, *row;           // [lines][pitch], [terms][kPanel], [part][columns]
    int64_t *met, *shifts, *count;   // [taps], [taps], [part]
};

// An image.
template <class T> struct ProductPlanes {
    const T *g, *mask, *weight;
    T* dx;
    const ProductHit *down, *right;   // [part][tap]
    ProductScratch<T> scratch;
    int64_t begin, end;   // rows of g that are multiplied
};

template <class T> void fill_panel(const ProductPlanes<T>& a, const ProductProblem& p, int64_t from, int64_t count) {
    constexpr int64_t L = kLanes<T>;
    T* to = a.scratch.panel;
    for (int64_t c = 0; c < p.terms; ++c, from += p.h.in * p.w.in)
        for (int64_t v = 0; v < kPanel<T>; v += L, to += L) {
            const int64_t lanes = larger(0, smaller(L, count - v));
            const Vec<T> value = load_first(a.g + from + v, lanes);
            store(to, a.mask ? select<T>(load_first(a.mask + from + v, lanes) > 0, value, Vec<T>{}) : value);
        }
}

// Zeros beyond the ends of `rows` rows of the ring from slot `slot` on.
template <class T> void clear_ends(const ProductPlanes<T>& a, const ProductProblem& p, int64_t slot, int64_t rows) {
    for (int64_t i = 0; i < p.w.parts * p.w.taps; ++i) {
        const int64_t tap = a.right[i].tap, shift = a.right[i].shift, begin = smaller(shift, 0);
        for (int64_t o = begin; tap >= 0 && o < begin + larger(shift, -shift); ++o)
            for (int64_t line = tap; line < p.lines; line += p.w.taps) {
                T* at = a.scratch.ring + line * p.pitch + slot * p.w.in + o;
                for (int64_t row = 0; row <= rows; ++row, at += p.w.in) *at = 0;
            }
    }
}

// The product of `rows` rows of g from `row` on. Whole panels are copied by the first tile that reads them.
template <class T> void multiply_lines(const ProductPlanes<T>& a, const ProductProblem& p, int64_t row, int64_t rows) {
    const int64_t begin = row * p.w.in, end = begin + rows * p.w.in, plane = p.h.in * p.w.in;
    const int64_t run = smaller(p.rows, a.end - row - rows) * p.w.in;
    const int64_t slot = (row - a.begin) % p.slots;
    T* to = a.scratch.ring + slot * p.w.in;
    const int64_t tiles = ceil_div(end - begin, kPanel<T>) * ceil_div(p.lines, kTileLines);
    ProductAhead<T> ahead{a.g + end, run, run, plane, run > 0 ? p.terms : 0, tiles / (run / kCacheLine<T> + 1)};
    for (int64_t o = begin; o < end; o += kPanel<T>, to += kPanel<T>) {
        const bool copies = !a.mask && end - o >= kPanel<T>;
        if (!copies) fill_panel(a, p, o, end - o);
        for (int64_t line = 0; line < p.lines; line += kTileLines) {
            const int64_t first = smaller(line, p.lines - kTileLines);   // the last one overlaps
            for (int64_t c = 0; c < p.terms; c += p.term_block) {
                const ProductTile<T> tile{to + first * p.pitch,
                                          p.pitch,
                                          a.scratch.panel + c * kPanel<T>,
                                          kPanel<T>,
                                          a.weight + c * p.lines + first,
                                          p.lines,
                                          smaller(p.term_block, p.terms - c),
                                          &ahead,
                                          c == 0,
                                          a.g + c * plane + o,
                                          plane};
                if (copies && line == 0) multiply_panel<T, true>(tile);
                else multiply_panel<T>(tile);
            }
        }
    }
    if (p.clears) clear_ends(a, p, slot, rows);
}

// What row q of a part of dx's rows meets.
template <class T> void list_met(const ProductPlanes<T>& a, const ProductProblem& p, int64_t q, int64_t h_part) {
    auto [ring, panel, row, met, shifts, count] = a.scratch;
    const int64_t first = (q - a.begin) % p.slots;
    for (int64_t part = 0; part < p.w.parts; ++part, ++count) {
        *count = 0;
        for (int64_t i = 0; i < p.h.taps; ++i) {
            const auto down = a.down[h_part * p.h.taps + i];
            const int64_t g_row = q + down.shift;
            if (down.tap < 0 || g_row < a.begin || g_row >= a.end) continue;
            int64_t slot = first + down.shift;   // modulo their number, of which a shift is seldom beyond
            while (slot < 0) slot += p.slots;
            while (slot >= p.slots) slot -= p.slots;
            const int64_t line = slot * p.w.in + down.tap * p.w.taps * p.pitch;
            for (int64_t j = 0; j < p.w.taps; ++j) {
                const auto right = a.right[part * p.w.taps + j];
                if (right.tap < 0) continue;
                *met++ = line + right.tap * p.pitch + right.shift;
                *shifts++ = right.shift;
                ++*count;
            }
        }
    }
}

// A vector of a part's row, at column q: without what lies beyond the ends of g's rows.
template <class T>
[[gnu::noinline]] void sum_inside(T* to, const T* lines, const int64_t* offsets, const int64_t* shifts, int64_t taps,
                                  int64_t q, int64_t in) {
    Vec<T> sum{};
    for (int64_t t = 0; t < taps; ++t) {
#if defined(__AVX2__) && !defined(__AVX512F__)
        sum += load_where(lines + offsets[t], lanes_in_row(q + shifts[t], in));
#else
        sum += load_masked(lines + offsets[t], lanes_inside<T>(q + shifts[t], in));
#endif
    }
    store(to, sum);
}

// Row h of channel k of dx: where zeros stand beyond rows' ends straight from registers, else part by part in scratch.
template <class T> void write_row(const ProductPlanes<T>& a, const ProductProblem& p, int64_t k, int64_t h) {
    constexpr int64_t L = kLanes<T>;
    const auto& [scratch, panel, row, all_met, all_shifts, counts] = a.scratch;
    const T* ring = scratch + k * p.taps * p.pitch;
    T* to_row = a.dx + (k * p.h.out + h) * p.w.out;
    if (p.clears && p.w.parts == 1) return sum_parts<T, 1>(to_row, p.w.out, ring, all_met, counts);
    if (p.clears && p.w.parts == 2) return sum_parts<T, 2>(to_row, p.w.out, ring, all_met, counts);
    const int64_t *met = all_met, *shifts = all_shifts;
    const int64_t inside = p.clears ? p.columns : smaller(p.columns, p.w.in - p.w.most);   // up to here
    for (int64_t part = 0; part < p.w.parts; ++part) {
        const int64_t count = counts[part];
        T* to = row + part * p.columns;
        for (int64_t q = 0; q < p.columns;) {
            if (!p.clears && (q + p.w.least < 0 || q + L > inside)) {
                sum_inside(to + q, ring + q, met, shifts, count, q, p.w.in);
                q += L;
            } else if (q + kPanel<T> <= inside) {
                sum_taps<T, kTileVectors>(to + q, ring + q, met, count);
                q += kPanel<T>;
            } else {
                sum_taps<T, 1>(to + q, ring + q, met, count);
                q += L;
            }
        }
        met += count;
        shifts += count;
    }
    write_parts<T>({to_row, row, 1, 0, 0, p.columns, p.w.parts, p.w.out});
}

// Rows [h0, h1) of dx's grid, all parts of each, of one image.
template <class T> void compute_rows(const ProductPlanes<T>& a, const ProductProblem& p, int64_t h0, int64_t h1) {
    const auto write = [&](int64_t begin, int64_t end) {
        for (int64_t q = begin; q < end; ++q)
            for (int64_t part = 0; part < smaller(p.h.parts, p.h.out - q * p.h.parts); ++part) {
                list_met(a, p, q, part);
                for (int64_t k = 0; k < p.results; ++k) write_row(a, p, k, q * p.h.parts + part);
            }
    };
    if (p.clears) clear_ends(a, p, 0, p.slots);
    int64_t written = h0;
    for (int64_t row = a.begin; row < a.end; row += p.rows) {
        const int64_t end = smaller(row + p.rows, a.end);
        multiply_lines(a, p, row, end - row);
        const int64_t seen = smaller(h1, end - p.h.most);   // rows that see no later row of g
        if (end == a.end || seen <= written) continue;
        write(written, seen);
        written = seen;
    }
    write(written, h1);
}

// What hits each part along an axis; -1: a tap that does not.
inline void list_hits(ProductHit* hits, const FewAxis& axis) {
    for (int64_t part = 0; part < axis.parts; ++part)
        for (int64_t tap = 0; tap < axis.taps; ++tap, ++hits) {
            const bool met = axis.hits(part, tap);
            *hits = {met ? tap : -1, met ? axis.at(part, tap) : 0};
        }
}

template <class T> void few_products(const ProductCall<T>& a, const ProductProblem& p, int64_t work) {
    ProductHit* down = reinterpret_cast<ProductHit*>(a.workspace);
    ProductHit* right = down + p.h.parts * p.h.taps;
    list_hits(down, p.h);
    list_hits(right, p.w);
    // Where images are fewer than threads want, their rows are dealt out too.
    const int64_t threads = max_threads();
    const int64_t shares = p.n < 4 * threads ? smaller(threads, p.h.grid) : 1;
    parallel_for(p.n * shares, work, [&](int64_t unit, int thread) {
        const int64_t image = unit / shares, share = unit % shares;
        const int64_t h0 = p.h.grid * share / shares, h1 = p.h.grid * (share + 1) / shares;
        const int64_t g = image * p.terms * p.h.in * p.w.in;
        T* scratch = a.workspace + p.lists + thread * p.scratch;
        T* row = scratch + p.ring + p.panel;
        int64_t* met = reinterpret_cast<int64_t*>(row + p.row);
        compute_rows<T>({a.g + g,
                         a.mask ? a.mask + g : nullptr,
                         a.weight,
                         a.dx + image * p.results * p.h.out * p.w.out,
                         down,
                         right,
                         {scratch + p.before, scratch + p.ring, row, met, met + p.taps, met + 2 * p.taps},
                         smaller(p.h.in, larger(0, h0 + p.h.least)),
                         larger(0, smaller(p.h.in, h1 + p.h.most))},
                        p, h0, h1);
    });
}

}   // namespace
}   // namespace tk::TK_ISA
