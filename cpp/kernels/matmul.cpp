// Matrix product c[b] = op(a[b]) @ op(b[b]), vectorised over columns of c.
//
// A unit is a block of c. For each run of kTerms of the inner dimension it packs its rows of op(a) as [k][row] and its
// columns of op(b) as [column block][k][2 vectors], transposing in registers whichever lies the wrong way, and adds up
// register tiles of kTilePixels rows x 2 vectors. An element of c is one chain of multiply-adds over k in order,
// whatever block or tile it falls into: a row of the result depends on that row of op(a) and on b alone.
#include "kernels/register_tile.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kTerms = 256;   // of the inner dimension packed at a time

struct Blocks {
    int64_t row_tiles, column_blocks;   // of the whole matrix: tiles of kTilePixels rows, blocks of 2 vectors
    int64_t unit_tiles, unit_columns;   // of one unit
    int64_t row_units, column_units;
    int64_t a_pitch, a_size, b_block, sums_tile, scratch;
};

template <class T> Blocks cut(const MatmulShape& s) {
    Blocks b{};
    b.row_tiles = ceil_div(s.m, kTilePixels);
    b.column_blocks = ceil_div(s.n, kBlock<T>);
    b.unit_tiles = 8;
    b.unit_columns = 4;
    const auto units = [&] {
        b.row_units = ceil_div(b.row_tiles, b.unit_tiles);
        b.column_units = ceil_div(b.column_blocks, b.unit_columns);
        return s.batch * b.row_units * b.column_units;
    };
    while (units() < 8 && (b.unit_tiles > 2 || b.unit_columns > 1))   // smaller units, so that threads find work
        (b.unit_columns > 1 ? b.unit_columns : b.unit_tiles) /= 2;
    const int64_t terms = smaller(s.k, kTerms);
    b.a_pitch = ceil_div(b.unit_tiles * kTilePixels, kLanes<T>) * kLanes<T>;
    b.a_size = terms * b.a_pitch;
    b.b_block = terms * kBlock<T>;
    b.sums_tile = kTilePixels * kBlock<T>;
    b.scratch = b.a_size + b.unit_columns * (b.b_block + b.unit_tiles * b.sums_tile);
    return b;
}

// to[k][0..width) = op(matrix)[first row + 0..width)[k0 + k]; rows past the end are zero. The matrix keeps row r,
// term k at r * row + k (along false) or at k * row + r (along true).
template <class T>
void pack_rows(T* to, int64_t width, const T* matrix, int64_t row, bool along, int64_t first, int64_t rows, int64_t k0,
               int64_t terms) {
    if (!along) return transpose_in(to, width, matrix + first * row + k0, row, rows - first, width, terms);
    const int64_t count = smaller(width, rows - first);
    for (int64_t k = 0; k < terms; ++k, to += width) {
        const T* from = matrix + (k0 + k) * row + first;
        for (int64_t i = 0; i < width; i += kLanes<T>) {
            const int64_t lanes = smaller(kLanes<T>, count - i);
            store(to + i, lanes > 0 ? load_first(from + i, lanes) : Vec<T>{});
        }
    }
}

}   // namespace

template <class T> int64_t matmul_workspace(const MatmulShape& s, int threads) { return threads * cut<T>(s).scratch; }

template <class T> void matmul(T* c, const T* a, const T* b, const MatmulShape& s, T* workspace) {
    const Blocks cuts = cut<T>(s);
    const int64_t work = s.batch * s.m * s.n * larger(s.k, 1);
    parallel_for(s.batch * cuts.row_units * cuts.column_units, work, [&](int64_t unit, int thread) {
        const int64_t column_unit = unit % cuts.column_units, row_unit = unit / cuts.column_units % cuts.row_units;
        const int64_t batch = unit / cuts.column_units / cuts.row_units;
        const T *left = a + batch * s.a_stride, *right = b + batch * s.b_stride;
        T* packed_a = workspace + thread * cuts.scratch;
        T* packed_b = packed_a + cuts.a_size;
        T* sums = packed_b + cuts.unit_columns * cuts.b_block;
        const int64_t m0 = row_unit * cuts.unit_tiles * kTilePixels,
                      rows = smaller(cuts.unit_tiles * kTilePixels, s.m - m0);
        const int64_t tiles = ceil_div(rows, kTilePixels), block0 = column_unit * cuts.unit_columns;
        const int64_t blocks = smaller(cuts.unit_columns, cuts.column_blocks - block0);
        for (int64_t i = 0; i < cuts.unit_columns * cuts.unit_tiles * cuts.sums_tile; ++i) sums[i] = 0;
        for (int64_t k0 = 0; k0 < s.k; k0 += kTerms) {
            const int64_t terms = smaller(kTerms, s.k - k0);
            const bool a_along = s.transpose_a, b_along = !s.transpose_b;
            pack_rows(packed_a, cuts.a_pitch, left, a_along ? s.m : s.k, a_along, m0, m0 + rows, k0, terms);
            for (int64_t j = 0; j < blocks; ++j) {
                const int64_t n0 = (block0 + j) * kBlock<T>;
                const int vectors = s.n - n0 > kLanes<T> ? 2 : 1;
                const int64_t width = vectors * kLanes<T>;
                T* columns = packed_b + j * cuts.b_block;
                pack_rows(columns, width, right, b_along ? s.n : s.k, b_along, n0, s.n, k0, terms);
                for (int64_t i = 0; i < tiles; ++i) {
                    const int64_t begin = rows * i / tiles, end = rows * (i + 1) / tiles;
                    sum_tile_of<T, kTilePixels>(end - begin, vectors,
                                                {sums + (j * cuts.unit_tiles + i) * cuts.sums_tile, packed_a + begin,
                                                 columns, 1, 1, terms, 0, 0, cuts.a_pitch, 0});
                }
            }
        }
        for (int64_t j = 0; j < blocks; ++j) {
            const int64_t n0 = (block0 + j) * kBlock<T>, columns = smaller(kBlock<T>, s.n - n0);
            const int64_t width = columns > kLanes<T> ? kBlock<T> : kLanes<T>;
            for (int64_t i = 0; i < tiles; ++i) {
                const int64_t begin = rows * i / tiles, end = rows * (i + 1) / tiles;
                const T* from = sums + (j * cuts.unit_tiles + i) * cuts.sums_tile;
                for (int64_t row = begin; row < end; ++row, from += width)
                    for (int64_t n = 0; n < columns; ++n) c[(batch * s.m + m0 + row) * s.n + n0 + n] = from[n];
            }
        }
    });
}

TK_EMIT(matmul_workspace)
TK_EMIT(matmul)

}   // namespace tk::TK_ISA
