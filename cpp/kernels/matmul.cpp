// Matrix product c[b] = op(a[b]) @ op(b[b]), plus perhaps a bias and ReLU, vectorised over columns of c.
//
// Many rows: a unit is a block of c. For each run of kTerms of the inner dimension it packs its rows of op(a) as
// [k][row] (a transposed a lies like that already) and, one after the other, panels of 2 vectors of columns of op(b) as
// [k][column], transposing in registers whatever lies the wrong way; tiles of kTilePixels rows x 2 vectors continue
// the sums that c holds.
// Few rows: a unit is a range of columns; b is streamed through registers, past L1, and nothing is packed.
//
// An element of c is one chain of multiply-adds over k in order, whatever block, tile or path it falls into: a row of
// the result depends on that row of op(a) and on b alone.
#include "kernels/gemm_tile.hpp"

namespace tk::TK_ISA {
namespace {

struct Blocks {
    bool streamed;
    int64_t row_tiles, column_blocks;   // of the whole matrix: tiles of kTilePixels rows, blocks of 2 vectors
    int64_t unit_tiles, unit_columns;   // of one unit
    int64_t row_units, column_units;
    int64_t a_pitch, a_size, scratch;
};

template <class T> Blocks cut(const MatmulShape& s) {
    Blocks b{};
    b.streamed = s.m <= kStreamedRows;
    b.row_tiles = ceil_div(s.m, kTilePixels);
    b.column_blocks = ceil_div(s.n, kBlock<T>);
    b.unit_tiles = smaller(b.row_tiles, kUnitTiles);
    b.unit_columns = smaller(b.column_blocks, kUnitColumns);
    const auto units = [&] {
        b.row_units = ceil_div(b.row_tiles, larger(b.unit_tiles, 1));
        b.column_units = ceil_div(b.column_blocks, larger(b.unit_columns, 1));
        return s.batch * b.row_units * b.column_units;
    };
    while (units() < kFewUnits && (b.unit_tiles > 2 || b.unit_columns > 1)) {   // smaller, so that threads find work
        int64_t& longer = b.unit_columns > 1 && b.unit_columns * 2 >= b.unit_tiles ? b.unit_columns : b.unit_tiles;
        longer = ceil_div(longer, 2);
    }
    const int64_t terms = smaller(s.k, kTerms);
    b.a_pitch = ceil_div(b.unit_tiles * kTilePixels, kLanes<T>) * kLanes<T>;
    b.a_size = b.streamed ? 0 : terms * b.a_pitch;
    b.scratch = b.a_size + terms * kBlock<T>;
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

// Columns [begin, end) of few rows.
template <class T>
void stream_columns(T* c, const T* a, const T* b, const T* bias, bool relu, const MatmulShape& s, int64_t begin,
                    int64_t end, T* panel) {
    constexpr int64_t L = kLanes<T>;
    TileArguments<T> p{};
    p.c_row = s.n, p.a = a, p.relu = relu;
    p.a_row = s.transpose_a ? 1 : s.k, p.a_step = s.transpose_a ? s.m : 1;
    for (int64_t n = begin; n < end; n += p.columns) {
        p.c = c + n, p.bias = bias ? bias + n : nullptr, p.terms = s.k, p.first = p.last = true;
        if (s.transpose_b) {
            p.columns = smaller(L, end - n), p.b = b + n * s.k, p.b_step = s.k;
            transposed_rows<T, kStreamedRows>(s.m, p);
        } else if (end - n >= L) {
            const int64_t most = streamed_vectors(s.m), whole = (end - n) / L;
            const int vectors = static_cast<int>(whole >= most ? most : whole >= 2 ? 2 : 1);
            p.columns = vectors * L, p.b = b + n, p.b_step = s.n;
            multiply_rows<T, kStreamedRows, false>(s.m, vectors, p);
        } else {   // less than a vector is left: packed, so that whole vectors can be read
            p.columns = end - n, p.b = panel, p.b_step = L;
            for (int64_t k = 0; k < s.k || k == 0; k += kTerms) {
                p.terms = smaller(kTerms, s.k - k), p.first = k == 0, p.last = k + kTerms >= s.k;
                p.a = a + k * p.a_step;
                pack_rows(panel, L, b, s.n, true, n, end, k, p.terms);
                multiply_rows<T, kStreamedRows, false>(s.m, 1, p);
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
        const T *left = a + batch * s.a_stride, *right = b + batch * s.b_stride;
        T* packed_a = workspace + thread * cuts.scratch;
        T* panel = packed_a + cuts.a_size;
        const int64_t n_begin = column_unit * cuts.unit_columns * kBlock<T>;
        const int64_t n_end = smaller(s.n, n_begin + cuts.unit_columns * kBlock<T>);
        if (cuts.streamed)
            return stream_columns(c + batch * s.m * s.n, left, right, bias, relu, s, n_begin, n_end, panel);
        const int64_t m0 = row_unit * cuts.unit_tiles * kTilePixels;
        const int64_t rows = smaller(cuts.unit_tiles * kTilePixels, s.m - m0), tiles = ceil_div(rows, kTilePixels);
        for (int64_t k0 = 0; k0 < s.k || k0 == 0; k0 += kTerms) {
            const int64_t terms = smaller(kTerms, s.k - k0);
            const int64_t a_pitch = ceil_div(rows, kLanes<T>) * kLanes<T>;
            pack_rows(packed_a, a_pitch, left, s.transpose_a ? s.m : s.k, s.transpose_a, m0, m0 + rows, k0, terms);
            for (int64_t n0 = n_begin; n0 < n_end; n0 += kBlock<T>) {
                const int64_t columns = smaller(kBlock<T>, n_end - n0);
                const int vectors = columns > kLanes<T> ? 2 : 1;
                const int64_t width = vectors * kLanes<T>;
                pack_rows(panel, width, right, s.transpose_b ? s.k : s.n, !s.transpose_b, n0, s.n, k0, terms);
                for (int64_t i = 0; i < tiles; ++i) {
                    const int64_t begin = rows * i / tiles, end = rows * (i + 1) / tiles;
                    multiply_rows<T, kTilePixels, true>(
                        end - begin, vectors,
                        {c + (batch * s.m + m0 + begin) * s.n + n0, s.n, columns, packed_a + begin, 1, a_pitch, panel,
                         width, terms, bias ? bias + n0 : nullptr, relu, k0 == 0, k0 + kTerms >= s.k});
                }
            }
        }
    });
}

TK_EMIT(matmul_workspace)
TK_EMIT(matmul)

}   // namespace tk::TK_ISA
