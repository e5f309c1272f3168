// Matrix product c[b] = op(a[b]) @ op(b[b]), plus perhaps a bias and ReLU. Three paths:
//
// Dots: a as it is, b transposed, so that rows of both lie along k. Dot products, vectorised over k (dot_tile.hpp).
// Nothing is packed; many rows that do not begin at whole vectors are copied to where they do.
// Streamed: few rows or few terms, b as it is. b goes by in registers, vectorised over columns of c.
// Packed: everything else. A unit is a block of c. For each run of kTerms of the inner dimension it packs its rows of
// op(a) as [k][row] (a transposed a lies like that already) and, one after the other, panels of 2 vectors of columns of
// op(b) as [k][column], transposing in registers whatever lies the wrong way; tiles of kTilePixels rows x 2 vectors
// continue the sums that c holds. For few tiles b is read where it lies, a short run of long rows at a time.
//
// Streamed or packed, an element of c is one chain of multiply-adds over k in order; of dots it is a few chains. Which
// of the two depends on k and the transposes: a row of the result depends on that row of op(a) and on b alone.
#include "kernels/dot_tile.hpp"

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
        b.a_size = terms * whole_vectors<T>(b.unit_rows);
        b.scratch = b.a_size + terms * kBlock<T>;
    } else if (!streamed && s.m >= kCopiedRows) {
        b.a_size = b.unit_rows * dot_terms<T>(s);
        b.scratch = b.a_size + dot_columns(kDotRows) * dot_terms<T>(s);
    }
    return b;
}

// to[k][0..width) = op(matrix)[first + 0..width)[k0 + k]; rows past the end are zero. The matrix keeps row r,
// term k at r * pitch + k (along false) or at k * pitch + r (along true).
template <class T>
void pack_rows(T* to, int64_t width, const T* matrix, int64_t pitch, bool along, int64_t first, int64_t rows,
               int64_t k0, int64_t terms) {
    if (!along) return transpose_in(to, width, matrix + first * pitch + k0, pitch, rows - first, width, terms);
    const int64_t count = smaller(width, rows - first);
    for (int64_t k = 0; k < terms; ++k, to += width) {
        const T* from = matrix + (k0 + k) * pitch + first;
        for (int64_t i = 0; i < width; i += kLanes<T>) {
            const int64_t lanes = smaller(kLanes<T>, count - i);
            store(to + i, lanes > 0 ? load_first(from + i, lanes) : Vec<T>{});
        }
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
    for (int64_t row = 0; row < rows; ++row, from += pitch, to += to_pitch)
        for (int64_t k = 0; k < terms; k += kLanes<T>)
            store(to + k, load_first(from + k, smaller(kLanes<T>, terms - k)));
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

template <class T> void multiply_streamed(const MatmulShape& s, const Part<T>& part) {
    const int64_t run = s.k * s.n <= kNear ? kTerms : kStreamedTerms;
    TileArguments<T> p{};
    p.c_row = s.n, p.b_step = s.n, p.relu = part.relu, p.far = run < kTerms;
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

template <class T> void multiply_packed(const MatmulShape& s, const Part<T>& part, T* packed_a, T* panel) {
    const int64_t rows = part.m_end - part.m_begin, tiles = ceil_div(rows, kTilePixels);
    const int64_t a_pitch = whole_vectors<T>(rows);
    const bool as_it_lies = in_place(s);
    const int64_t run = as_it_lies ? kShortRun : kTerms;
    for (int64_t k = 0; k < s.k || k == 0; k += run) {
        const int64_t terms = smaller(run, s.k - k);
        pack_rows(packed_a, a_pitch, part.a, s.transpose_a ? s.m : s.k, s.transpose_a, part.m_begin, part.m_end, k,
                  terms);
        for (int64_t n = part.n_begin; n < part.n_end; n += kBlock<T>) {
            const int64_t columns = smaller(kBlock<T>, part.n_end - n);
            const int vectors = columns > kLanes<T> ? 2 : 1;
            const int64_t width = vectors * kLanes<T>;
            const bool packed = !as_it_lies || columns < width;
            const T* b = packed ? panel : part.b + k * s.n + n;
            const int64_t b_step = packed ? width : s.n;
            if (packed) pack_rows(panel, width, part.b, s.transpose_b ? s.k : s.n, !s.transpose_b, n, s.n, k, terms);
            for (int64_t i = 0; i < tiles; ++i) {
                const int64_t begin = rows * i / tiles, end = rows * (i + 1) / tiles;
                multiply_rows<T, kTilePixels, true>(
                    end - begin, vectors,
                    {part.c + (part.m_begin + begin) * s.n + n, s.n, columns, packed_a + begin, 1, a_pitch, b, b_step,
                     terms, part.bias ? part.bias + n : nullptr, part.relu, k == 0, k + run >= s.k, false});
            }
        }
    }
}

}   // namespace

template <class T> int64_t matmul_workspace(const MatmulShape& s, int threads) { return threads * cut<T>(s).scratch; }

template <class T>
void matmul(T* c, const T* a, const T* b, const T* bias, const MatmulShape& s, bool relu, T* workspace) {
    const Blocks cuts = cut<T>(s);
    const int64_t work = s.batch * s.m * s.n * larger(s.k, 1) / kProductsPerOperation;
    parallel_for(s.batch * cuts.row_units * cuts.column_units, work, [&](int64_t unit, int thread) {
        const int64_t column_unit = unit % cuts.column_units, row_unit = unit / cuts.column_units % cuts.row_units;
        const int64_t batch = unit / cuts.column_units / cuts.row_units;
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
            if (s.k == 1 && cuts.path == Path::streamed && !bias && !relu) return multiply_outer(s, part);
        if (cuts.path == Path::streamed) return multiply_streamed(s, part);
        multiply_packed(s, part, packed_a, panel);
    });
}

TK_EMIT(matmul_workspace)
TK_EMIT(matmul)

}   // namespace tk::TK_ISA
