// Matrix product c[b] = op(a[b]) @ op(b[b]), plus perhaps a bias and ReLU. Three paths:
//
// Dots: a as it is, b transposed, so that rows of both lie along k. Dot products, vectorised over k (dot_tile.hpp).
// Nothing is packed; many rows that do not begin at whole vectors are copied to where they do.
// Streamed: few rows or few terms, b as it is. b goes by in registers, vectorised over columns of c.
// Packed: everything else. A unit is a block of c. For each run of kTerms of the inner dimension it packs its rows of
// op(a), tile by tile, as [k][row] and, kPackedPanels at a time, panels of 2 vectors of columns of op(b) as
// [k][column], transposing in registers whatever lies the wrong way; tiles of kTilePixels rows x 2 vectors continue the
// sums that c holds. For few tiles AVX-512 reads b where it lies, a short run of long rows at a time.
//
// Streamed or packed, an element of c is one chain of multiply-adds over k in order; of dots it is a few chains. Which
// of the two depends on k and the transposes: a row of the result depends on that row of op(a) and on b alone.
#include "kernels/dot_tile.hpp"
#include "kernels/positions.hpp"

namespace tk::TK_ISA {
namespace {

enum class Path { dots, streamed, packed };

struct Blocks {
    Path path;
    int64_t unit_rows, unit_columns;   // of one unit
    int64_t row_units, column_units;
    int64_t a_size, scratch;
};

Path path_of(const MatmulShape& s) {
    if (s.transpose_b) return !s.transpose_a && s.k >= kDottedTerms ? Path::dots : Path::packed;
    return s.m <= kStreamedRows || s.k <= kFewTerms ? Path::streamed : Path::packed;
}

// For few tiles of packed rows b is read as it lies.
bool in_place(const MatmulShape& s) { return !s.transpose_b && s.m <= kInPlaceRows; }

template <class T> int64_t whole_vectors(int64_t count) { return ceil_div(count, kLanes<T>) * kLanes<T>; }

// Which rows of c are tile i's.
inline Run tile_rows(int64_t begin, int64_t end, int64_t tiles, int64_t i) {
    return {begin + (end - begin) * i / tiles, begin + (end - begin) * (i + 1) / tiles};
}

// Terms of a dot product at a time: equal runs, of whole vectors.
template <class T> int64_t dot_terms(const MatmulShape& s) { return whole_vectors<T>(even_part(s.k, kDotTerms)); }

template <class T> Blocks cut(const MatmulShape& s) {
    Blocks b{path_of(s), 0, 0, 0, 0, 0, 0};
    const bool packed = b.path == Path::packed, streamed = b.path == Path::streamed;
    const int64_t row_step = packed ? kTilePixels : streamed ? kStreamedRows : kDotRows;
    const int64_t row_steps = ceil_div(s.m, row_step), column_steps = ceil_div(s.n, kBlock<T>);
    int64_t rows = streamed ? row_steps : smaller(row_steps, packed ? kUnitTiles : kDotTiles);
    int64_t columns =
        streamed ? column_steps : smaller(column_steps, packed && in_place(s) ? kInPlaceColumns : kUnitColumns);
    const int64_t few = streamed ? max_threads() : kFewUnits;   // streams are long: each thread has one
    const auto units = [&] {
        b.row_units = ceil_div(row_steps, larger(rows, 1));
        b.column_units = ceil_div(column_steps, larger(columns, 1));
        return s.batch * b.row_units * b.column_units;
    };
    while (units() < few && (rows > 2 || columns > 1)) {   // smaller, so that threads find work
        int64_t& longer = columns > 1 && columns * kBlock<T> >= rows * row_step ? columns : rows;
        longer = ceil_div(longer, 2);
    }
    b.unit_rows = rows * row_step, b.unit_columns = columns * kBlock<T>;
    if (packed) {
        const int64_t terms = smaller(s.k, kTerms);
        b.a_size = terms * rows * kTileRows;
        b.scratch = b.a_size + terms * smaller(columns, kPackedPanels) * kBlock<T>;
    } else if (!streamed && s.m >= kCopiedRows) {
        b.a_size = b.unit_rows * dot_terms<T>(s);
        b.scratch = b.a_size + dot_columns(kDotRows) * dot_terms<T>(s);
    }
    return b;
}

// to[tile][k][0..kTileRows): rows [first, end) of op(a) in tiles, as even as can be, of terms [k0, k0 + terms). Rows
// past a tile's are another's, or zero. a keeps row r, term k at r * pitch + k (along false) or at k * pitch + r (along
// true).
template <class T>
void pack_tiles(T* to, const T* a, int64_t pitch, bool along, int64_t first, int64_t end, int64_t tiles, int64_t k0,
                int64_t terms) {
    constexpr int64_t L = kLanes<T>, W = kTileRows;
    for (int64_t i = 0; i < tiles; ++i, to += terms * W) {
        const Run rows = tile_rows(first, end, tiles, i);
        if (!along) {
            for (int64_t r = rows.end; r < smaller(end, rows.end + kTilePixels); ++r) fetch(a + r * pitch + k0, terms);
            transpose_in(to, W, a + rows.begin * pitch + k0, pitch, rows.end - rows.begin, W, terms);
            continue;
        }
        for (int64_t k = 0; k < terms; ++k)
            for (int64_t r = 0; r < W; r += L)
                store(to + k * W + r,
                      load_first(a + (k0 + k) * pitch + rows.begin + r, larger(0, smaller(L, end - rows.begin - r))));
    }
}

// to[panel][k][0..2 vectors): columns [first, end) of op(b) in panels, columns past the end zero. Rows of b that lie
// along columns are read once, all panels of them: they lie pages apart.
template <class T>
void pack_panels(T* to, const T* b, int64_t pitch, bool along, int64_t first, int64_t end, int64_t k0, int64_t terms) {
    constexpr int64_t L = kLanes<T>, W = kBlock<T>;
    if (!along) {
        for (int64_t n = first; n < end; n += W, to += terms * W)
            transpose_in(to, W, b + n * pitch + k0, pitch, end - n, W, terms);
        return;
    }
    const int64_t whole = (end - first) / W * W;
    for (int64_t k = 0; k < terms; ++k) {
        const T* from = b + (k0 + k) * pitch + first;
        T* row = to + k * W;
        if (k + kRowsAhead < terms) fetch(from + kRowsAhead * pitch, end - first);
        int64_t n = 0;
        for (; n < whole; n += W, row += terms * W)
#pragma GCC unroll 2
            for (int64_t v = 0; v < W; v += L) store(row + v, load(from + n + v));
        for (int64_t v = 0; v < W && n < end - first; v += L)
            store(row + v, load_first(from + n + v, larger(0, smaller(L, end - first - n - v))));
    }
}

// One matrix of the batch, and the part of c that a unit computes.
template <class T> struct Part {
    T* c;
    const T *a, *b, *bias;
    bool relu;
    int64_t m_begin, m_end, n_begin, n_end;
};

// to[row][0..terms): rows that begin at whole vectors.
template <class T> void copy_rows(T* to, int64_t to_pitch, const T* from, int64_t pitch, int64_t rows, int64_t terms) {
    constexpr int64_t L = kLanes<T>;
    for (int64_t row = 0; row < rows; ++row, from += pitch, to += to_pitch) {
        int64_t k = 0;
        for (; k + L <= terms; k += L) store(to + k, load(from + k));
        if (k < terms) store(to + k, load_first(from + k, terms - k));
    }
}

template <class T> void multiply_dots(const MatmulShape& s, const Part<T>& part, T* copied_a, T* copied_b) {
    const int64_t rows = part.m_end - part.m_begin, run = dot_terms<T>(s);
    const int64_t step = dot_columns(s.m == 1 ? 1 : kDotRows);
    // Loads that straddle two lines cost two: of many rows, both operands are copied to where none do.
    const auto misplaced =
        (reinterpret_cast<uintptr_t>(part.a) | reinterpret_cast<uintptr_t>(part.b) | s.k * sizeof(T));
    const bool copied = s.m >= kCopiedRows && misplaced % TK_VECTOR_BYTES;
    TileArguments<T> p{};
    p.c_row = s.n, p.a_row = p.b_step = copied ? run : s.k, p.relu = part.relu;
    for (int64_t k = 0; k < s.k; k += run) {
        p.terms = smaller(run, s.k - k), p.first = k == 0, p.last = k + run >= s.k;
        const T* a = part.a + part.m_begin * s.k + k;
        if (copied) copy_rows(copied_a, run, a, s.k, rows, p.terms), a = copied_a;
        for (int64_t n = part.n_begin; n < part.n_end; n += step) {
            p.columns = smaller(step, part.n_end - n);
            p.b = part.b + n * s.k + k, p.bias = part.bias ? part.bias + n : nullptr;
            if (copied) copy_rows(copied_b, run, p.b, s.k, p.columns, p.terms), p.b = copied_b;
            for (int64_t i = 0; i < rows; i += kDotRows) {
                p.c = part.c + (part.m_begin + i) * s.n + n, p.a = a + i * p.a_row;
                if (s.m == 1) dot_tile<T, 1>(1, p);
                else dot_tile<T, kDotRows>(smaller(kDotRows, rows - i), p);
            }
        }
    }
}

// A single term: each row of c is a multiple of b's.
template <class T> void multiply_outer(const MatmulShape& s, const Part<T>& part) {
    constexpr int64_t L = kLanes<T>;
    for (int64_t m = part.m_begin; m < part.m_end; ++m) {
        const Vec<T> value = broadcast(part.a[m]);
        T* c = part.c + m * s.n;
        int64_t n = part.n_begin;
        for (; n + 4 * L <= part.n_end; n += 4 * L)
#pragma GCC unroll 4
            for (int64_t v = 0; v < 4 * L; v += L) store(c + n + v, value * load(part.b + n + v) + Vec<T>{});
        for (; n < part.n_end; n += L) {
            const int64_t count = smaller(L, part.n_end - n);
            store_first(c + n, value * load_first(part.b + n, count) + Vec<T>{}, count);
        }
    }
}

// c += Terms rows of b, a line of each at a time.
template <class T, int Terms>
void add_rows(const Part<T>& part, const T* a, const T* b, int64_t pitch, bool first, bool last) {
    constexpr int64_t L = kLanes<T>;
    Vec<T> factor[Terms];
#pragma GCC unroll 8
    for (int t = 0; t < Terms; ++t) factor[t] = broadcast(a[t]);
    const auto add = [&](auto vectors, int64_t begin, auto&& read, auto&& write) __attribute__((always_inline)) {
        constexpr int V = decltype(vectors)::value;
        Vec<T> sums[V]{};
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v)
            if (!first) sums[v] = read(part.c + begin + v * L);
#pragma GCC unroll 8
        for (int t = 0; t < Terms; ++t)
#pragma GCC unroll 2
            for (int v = 0; v < V; ++v) sums[v] += factor[t] * read(b + t * pitch + begin + v * L);
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) {
            if (last && part.bias) sums[v] += read(part.bias + begin + v * L);
            write(part.c + begin + v * L, last && part.relu ? rectify<T>(sums[v]) : sums[v]);
        }
    };
    int64_t n = part.n_begin;
    for (; n + 2 * L <= part.n_end; n += 2 * L)
        add(
            std::integral_constant<int, 2>{}, n,
            [](const T* from) __attribute__((always_inline)) { return load(from); },
            [](T* to, Vec<T> v) __attribute__((always_inline)) { store(to, v); });
    for (; n < part.n_end; n += L) {
        const int64_t count = smaller(L, part.n_end - n);
        add(
            std::integral_constant<int, 1>{}, n,
            [=](const T* from) __attribute__((always_inline)) { return load_first(from, count); },
            [=](T* to, Vec<T> v) __attribute__((always_inline)) { store_first(to, v, count); });
    }
}

// One row. More of each row of b at a time, or lines called in ahead, are what the processor foresees worse.
template <class T> void multiply_row(const MatmulShape& s, const Part<T>& part) {
    for (int64_t k = 0, terms; k < s.k; k += terms) {
        terms = s.k - k < kStreamedTerms ? 1 : kStreamedTerms;
        const auto add = terms == 1 ? add_rows<T, 1> : add_rows<T, kStreamedTerms>;
        add(part, part.a + k, part.b + k * s.n, s.n, k == 0, k + terms == s.k);
    }
}

template <class T> void multiply_streamed(const MatmulShape& s, const Part<T>& part) {
    const int64_t run = s.k * s.n <= kNear ? kTerms : kStreamedTerms;
    TileArguments<T> p{};
    p.c_row = s.n, p.b_step = s.n, p.relu = part.relu;
    p.a_row = s.transpose_a ? 1 : s.k, p.a_step = s.transpose_a ? s.m : 1;
    for (int64_t m = part.m_begin; m < part.m_end; m += kStreamedRows) {
        const int64_t rows = smaller(kStreamedRows, part.m_end - m), most = streamed_vectors<T>(rows);
        for (int64_t k = 0; k < s.k || k == 0; k += run) {
            p.terms = smaller(run, s.k - k), p.first = k == 0, p.last = k + run >= s.k;
            p.a = part.a + m * p.a_row + k * p.a_step;
            for (int64_t n = part.n_begin; n < part.n_end; n += p.columns) {
                const int64_t whole = (part.n_end - n) / kLanes<T>;
                const int vectors = static_cast<int>(whole >= most ? most : whole >= 2 ? 2 : 1);
                p.columns = smaller(vectors * kLanes<T>, part.n_end - n);
                p.c = part.c + m * s.n + n, p.b = part.b + k * s.n + n, p.bias = part.bias ? part.bias + n : nullptr;
                multiply_rows<T, kStreamedRows, false>(rows, vectors, p);
            }
        }
    }
}

template <class T> void multiply_packed(const MatmulShape& s, const Part<T>& part, T* packed_a, T* panels) {
    constexpr int64_t W = kBlock<T>;
    const int64_t tiles = ceil_div(part.m_end - part.m_begin, kTilePixels);
    const int64_t a_pitch = s.transpose_a ? s.m : s.k, b_pitch = s.transpose_b ? s.k : s.n;
    const bool as_it_lies = in_place(s);
    const int64_t run = as_it_lies ? kShortRun : kTerms;
    const auto multiply = [&](const T* b, int64_t b_step, int64_t n, int64_t k, int64_t terms) {
        const int64_t columns = smaller(W, part.n_end - n);
        for (int64_t i = 0; i < tiles; ++i) {
            const Run rows = tile_rows(part.m_begin, part.m_end, tiles, i);
            for (int64_t r = rows.end; r < smaller(part.m_end, rows.end + kTilePixels); ++r)
                fetch(part.c + r * s.n + n, columns);   // of the next tile
            multiply_rows<T, kTilePixels, true>(
                rows.end - rows.begin, columns > kLanes<T> ? 2 : 1,
                {part.c + rows.begin * s.n + n, s.n, columns, packed_a + i * terms * kTileRows, 1, kTileRows, b, b_step,
                 terms, part.bias ? part.bias + n : nullptr, part.relu, k == 0, k + run >= s.k});
        }
    };
    for (int64_t k = 0; k < s.k || k == 0; k += run) {
        const int64_t terms = smaller(run, s.k - k);
        pack_tiles(packed_a, part.a, a_pitch, s.transpose_a, part.m_begin, part.m_end, tiles, k, terms);
        int64_t n = part.n_begin;
        for (; as_it_lies && n + W <= part.n_end; n += W) multiply(part.b + k * s.n + n, s.n, n, k, terms);
        while (n < part.n_end) {
            const int64_t end = smaller(n + kPackedPanels * W, part.n_end);
            pack_panels(panels, part.b, b_pitch, !s.transpose_b, n, end, k, terms);
            for (const T* panel = panels; n < end; n += W, panel += terms * W) multiply(panel, W, n, k, terms);
        }
    }
}

}   // namespace

template <class T> int64_t matmul_workspace(const MatmulShape& s, int threads) { return threads * cut<T>(s).scratch; }

template <class T>
void matmul(T* c, const T* a, const T* b, const T* bias, const MatmulShape& s, bool relu, T* workspace) {
    const Blocks cuts = cut<T>(s);
    const int64_t work = s.batch * s.m * s.n * larger(s.k, 1) / kProductsPerOperation;
    const bool rows_first = s.m <= s.n;   // what is larger is read once
    const int64_t units = cuts.row_units * cuts.column_units;
    parallel_for(s.batch * units, work, [&](int64_t unit, int thread) {
        const int64_t batch = unit / units, rest = unit % units;
        const int64_t row_unit = rows_first ? rest % cuts.row_units : rest / cuts.column_units;
        const int64_t column_unit = rows_first ? rest / cuts.row_units : rest % cuts.column_units;
        const int64_t m = row_unit * cuts.unit_rows, n = column_unit * cuts.unit_columns;
        const Part<T> part{c + batch * s.m * s.n,
                           a + batch * s.a_stride,
                           b + batch * s.b_stride,
                           bias,
                           relu,
                           m,
                           smaller(s.m, m + cuts.unit_rows),
                           n,
                           smaller(s.n, n + cuts.unit_columns)};
        T *packed_a = workspace + thread * cuts.scratch, *panel = packed_a + cuts.a_size;
        if (cuts.path == Path::dots) return multiply_dots(s, part, packed_a, panel);
        if constexpr (kNarrow<T>)
            if (cuts.path == Path::streamed) {
                if (s.m == 1 && s.k > 0) return multiply_row(s, part);
                if (s.k == 1 && !bias && !relu) return multiply_outer(s, part);
            }
        if (cuts.path == Path::streamed) return multiply_streamed(s, part);
        multiply_packed(s, part, packed_a, panel);
    });
}

TK_EMIT(matmul_workspace)
TK_EMIT(matmul)

}   // namespace tk::TK_ISA
