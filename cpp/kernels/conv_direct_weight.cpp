// The weight gradient of a convolution, vectorised over output channels.
//
//   dweight[k, c, t] = sum over images and positions o of dy[k, o] * x[c, origin + o*step + t*reach]
//
// A strip of dy is laid out anew, output channels innermost. A register tile (weight_tile.hpp) holds the gradients of a
// few lanes x some vectors of output channels and walks over the strip: it loads vectors of dy and broadcasts x, which
// it reads where it lies, one tap at a time, only where the tap meets the image. Three kinds of shape differ:
//   few channels    lanes are channels and taps together; the strip of x is copied with its padding
//                   (up to 3, larger maps, stride 1: weight_dots.hpp instead)
//   small groups    several groups share a vector of output channels; x is laid out with their channels side by side
//   1x1             one long row; where there are more output channels than input channels the two change roles, and
//                   of stride 2 x is laid out without the columns between; one chunk's sums are made in dweight
//
// Strips are dealt to a fixed number of chunks, each with sums of its own, which are added in the order of the chunks:
// the same bits for every number of threads.
#include "kernels/weight_dots.hpp"

namespace tk::TK_ISA {
namespace {

template <class T> struct WeightOperands {
    const T* x;               // the image, what was gathered of it, or a masked copy
    int64_t channel, image;   // elements of x between channels, between images
    const T* dy;
    T* sums;
    int64_t c_begin, c_end;   // channels of x
    bool first;
};
constexpr int64_t kLanesOfPiece = 64;   // of a block whose chunks are added
constexpr int64_t kLanesAhead = 32;     // of rows of dweight, which lie far apart: called in so many ahead

// A tile of so many vectors by so many lanes, part by part of at most p.of_sum positions: some whole rows, or of a
// longer row some columns. The parts of a lone row are the tile's rows.
template <class T> void run_tile(const WeightTile<T>& tile, const WeightProblem& p, int64_t vectors, int64_t lanes) {
    const SumTile<T> sum = p.fold > 1 ? folded_tile<T>(p.fold, lanes) : wide_tile<T>(vectors, lanes);
    const int64_t width = vectors * kLanes<T>, rows = tile.images * tile.rows;
    WeightTile<T> part = tile;
    part.x_next = tile.x_image - tile.rows * tile.x_row;
    part.dy_next = tile.dy_image - tile.rows * tile.dy_row;
    part.rows_of_sum = rows;
    if (rows * tile.columns <= p.of_sum) return sum(part);
    const int64_t columns = even_part(tile.columns, p.of_sum);
    part.rows_of_sum = even_part(rows, p.of_sum / columns);
    if (rows == 1) {
        part.x_row = columns * tile.x_step;
        part.dy_row = columns * width;
    }
    for (int64_t c = 0, step; c < tile.columns; c += step) {
        step = part.columns = smaller(columns, tile.columns - c);
        if (rows == 1) {
            part.rows = (tile.columns - c) / step;
            step *= part.rows;
        }
        part.x = tile.x + c * tile.x_step;
        part.dy = tile.dy + c * width;
        sum(part);
        part.first = false;
    }
}

// x read in place: tiles of neighbouring channels, tap by tap; what lies in the padding is left out.
template <class T>
void sum_in_place(const WeightOperands<T>& a, const WeightProblem& p, const WeightStrip& s, int64_t vectors) {
    const int64_t width = vectors * kLanes<T>, pitch = p.in_result ? p.oc : width, channels = a.c_end - a.c_begin;
    const int64_t tiles = ceil_div(channels, most_lanes(static_cast<int>(vectors)));
    WeightTile<T> tile{};
    tile.lane_pitch = p.taps * pitch;
    tile.images = s.images;
    tile.x_image = a.image;
    tile.x_row = p.h.step * p.w.in;
    tile.x_step = p.w.step;
    tile.dy_row = s.columns * width;
    tile.dy_image = s.rows * tile.dy_row;
    tile.first = a.first;
    for (int64_t j = 0; j < kMostLanes; ++j) tile.offsets[j] = j * a.channel;
    for (int64_t i = 0; i < tiles; ++i) {
        const int64_t begin = a.c_begin + channels * i / tiles, end = a.c_begin + channels * (i + 1) / tiles;
        for (int64_t tap = 0; tap < p.taps; ++tap) {
            const int64_t e = tap % p.w.taps, b = tap / p.w.taps % p.h.taps, d = tap / p.w.taps / p.h.taps;
            const int64_t zd = p.d.origin + s.od * p.d.step + d * p.d.reach;
            const int64_t zh = p.h.origin + s.h0 * p.h.step + b * p.h.reach;
            const int64_t zw = p.w.origin + s.w0 * p.w.step + e * p.w.reach;
            const Run rows = positions_inside(zd >= 0 && zd < p.d.in ? s.rows : 0, p.h.in, p.h.step, zh);
            const Run columns = positions_inside(s.columns, p.w.in, p.w.step, zw);
            tile.rows = larger(1, rows.end - rows.begin);
            tile.columns = rows.begin < rows.end ? larger(0, columns.end - columns.begin) : 0;
            if (tile.columns == 0 && !a.first) continue;
            tile.sums = a.sums + (begin * p.taps + tap) * pitch;
            tile.x = a.x + begin * a.channel;
            tile.dy = a.dy;
            if (tile.columns) {
                tile.x += (zd * p.h.in + zh + rows.begin * p.h.step) * p.w.in + zw + columns.begin * p.w.step;
                tile.dy += rows.begin * tile.dy_row + columns.begin * width;
            }
            run_tile(tile, p, vectors, end - begin);
        }
    }
}

// Where lane (channel, tap) of the first position lies in gathered x.
inline int64_t lane_offset(const WeightProblem& p, int64_t lane) {
    const int64_t e = lane % p.w.taps, b = lane / p.w.taps % p.h.taps, d = lane / p.w.taps / p.h.taps % p.d.taps;
    const int64_t c = lane / p.taps, row = (d * p.x_rows() + b * p.h.reach) * p.x_row;
    return p.fold > 1 ? row + e * p.w.reach * p.x_pitch + c * p.fold : row + c * p.x_columns + e * p.w.reach;
}

template <class T>
void sum_gathered(const WeightOperands<T>& a, const WeightProblem& p, const WeightStrip& s, int64_t vectors) {
    const int64_t width = vectors * kLanes<T>, tiles = ceil_div(p.lanes, most_lanes(static_cast<int>(vectors)));
    WeightTile<T> tile{};
    tile.lane_pitch = width;
    tile.x = a.x;
    tile.dy = a.dy;
    tile.images = s.images;
    tile.rows = s.rows;
    tile.columns = s.columns;
    tile.x_image = p.x_image;
    tile.x_row = p.h.step * p.x_row;
    tile.x_step = p.w.step * p.x_pitch;
    tile.dy_row = s.columns * width;
    tile.dy_image = s.rows * tile.dy_row;
    tile.first = a.first;
    for (int64_t i = 0; i < tiles; ++i) {
        const int64_t begin = p.lanes * i / tiles, end = p.lanes * (i + 1) / tiles;
        for (int64_t j = 0; j < end - begin; ++j) tile.offsets[j] = lane_offset(p, begin + j);
        tile.sums = a.sums + begin * width;
        run_tile(tile, p, vectors, end - begin);
    }
}

// dweight of block k: the chunks' sums, [lane][vectors], added and transposed.
template <class T>
void write_block(T* dweight, const T* sums, const WeightProblem& p, int64_t fold_block, int64_t k_block,
                 int64_t first_lane, int64_t last_lane) {
    constexpr int L = kLanes<T>;
    const int64_t begin = p.first_vector(k_block), width = (p.first_vector(k_block + 1) - begin) * L;
    const T* block = sums + begin * L * p.lanes;
    const auto total = [&](int64_t lane, int64_t v) {
        Vec<T> sum = load(block + lane * width + v);
        for (int64_t chunk = 1; chunk < p.chunks; ++chunk) sum += load(block + chunk * p.sums + lane * width + v);
        return sum;
    };
    for (int64_t v = 0; v < width; v += L) {
        if (p.swapped) {   // lanes are output channels
            const int64_t c0 = begin * L + v, count = smaller(L, p.oc - c0);
            for (int64_t k = first_lane; k < last_lane; ++k)
                store_first(dweight + (fold_block * p.ic + k) * p.oc + c0, total(k, v), count);
            continue;
        }
        for (int64_t lane = first_lane; lane < last_lane; lane += L) {
            const int64_t count = smaller(L, last_lane - lane);
            Vec<T> rows[L];
#pragma GCC unroll 16
            for (int i = 0; i < L; ++i) rows[i] = i < count ? total(lane + i, v) : Vec<T>{};
            transpose<T>(rows);
#pragma GCC unroll 16
            for (int i = 0; i < L; ++i) {
                const int64_t k = (begin * L + v) / p.fold + i / p.fold, g = fold_block * p.fold + i % p.fold;
                if (k >= p.oc || g >= p.groups) continue;
                T* to = dweight + (g * p.oc + k) * p.lanes + lane;
                store_first(to, rows[i], count);
                __builtin_prefetch(to + kLanesAhead, 1);
            }
        }
    }
}

template <class T> void write_bias(T* dbias, const T* sums, const WeightProblem& p, int64_t fold_block) {
    const int64_t channels = p.swapped ? p.ic : p.oc;
    for (int64_t g = fold_block * p.fold; g < smaller(p.groups, (fold_block + 1) * p.fold); ++g)
        for (int64_t k = 0; k < channels; ++k) {
            const T* from = sums + k * p.fold + g % p.fold;
            T total = from[0];
            for (int64_t chunk = 1; chunk < p.chunks; ++chunk) total += from[chunk * p.bias_sums];
            dbias[g * channels + k] = total;
        }
}

// What one thread does at a time: a chunk of strips for some blocks of output channels and a range of lanes' channels.
struct WeightUnit {
    int64_t fold_block, chunk, k_begin, k_end, c_begin, c_end;
    bool sums_bias;   // one of the units that see the same dy
};

inline WeightUnit unit_of(const WeightProblem& p, int64_t unit) {
    const int64_t k = unit % p.k_splits, c = unit / p.k_splits % p.c_splits, rest = unit / p.k_splits / p.c_splits;
    return {rest / p.chunks,
            rest % p.chunks,
            p.k_blocks * k / p.k_splits,
            p.k_blocks * (k + 1) / p.k_splits,
            p.ic * c / p.c_splits,
            p.ic * (c + 1) / p.c_splits,
            (p.swapped ? k : c) == 0};
}

inline WeightStrip strip_of(const WeightProblem& p, int64_t strip, int64_t fold_block) {
    const auto cut = [](int64_t size, int64_t part, int64_t parts) {
        return Run{size * part / parts, size * (part + 1) / parts};
    };
    const Run images = cut(p.n, strip / (p.strips / p.image_strips), p.image_strips);
    const Run rows = cut(p.h.grid, strip / p.column_strips % p.row_strips, p.row_strips);
    const Run columns = cut(p.w.grid, strip % p.column_strips, p.column_strips);
    const int64_t od = strip / (p.column_strips * p.row_strips) % p.d.grid;
    return {images.begin, images.end - images.begin, fold_block,    od,
            rows.begin,   rows.end - rows.begin,     columns.begin, columns.end - columns.begin};
}

// Blocks laid out together take turns at the channels of x that are near; so they do at a masked copy.
template <class T>
void sum_strip(const BackwardWeightCall<T>& a, const WeightProblem& p, const WeightUnit& unit, const WeightStrip& s,
               T* sums, T* bias, bool first, T* scratch) {
    constexpr int64_t L = kLanes<T>;
    const int64_t positions = s.images * s.rows * s.columns;
    const T* x = p.swapped ? a.dy : a.x;
    if (p.gathered) gather_x(scratch, x, p, s);
    x = p.gathered ? scratch : x + (s.image * p.groups + s.fold_block) * p.ic * p.in_plane;
    for (int64_t k0 = unit.k_begin, k1; k0 < unit.k_end; k0 = k1) {
        k1 = smaller(k0 + p.together, unit.k_end);
        const auto panel = [&](int64_t k) {
            return scratch + p.x_scratch + (p.first_vector(k) - p.first_vector(k0)) * L * positions;
        };
        for (int64_t k = k0; k < k1; ++k) lay_out_block(a, p, s, k, panel(k), scratch, bias);
        const bool copies = p.swapped && a.y, sums_lanes = p.swapped && bias && k0 == unit.k_begin;
        const int64_t step = (k1 > k0 + 1 && !p.gathered) || copies ? p.lanes_near : unit.c_end - unit.c_begin;
        for (int64_t c = unit.c_begin, end; c < unit.c_end; c = end) {
            end = smaller(c + step, unit.c_end);
            WeightOperands<T> o{x, p.in_plane, p.groups * p.ic * p.in_plane, nullptr, nullptr, c, end, first};
            if (copies || sums_lanes) copy_lanes(scratch, sums_lanes ? bias : nullptr, a.dy, a.y, p, s, c, end);
            if (copies) {
                o.x = scratch - c * p.copy_pitch - s.w0;
                o.channel = p.copy_pitch;
                o.image = s.columns;
            }
            for (int64_t k = k0; k < k1; ++k) {
                const int64_t begin = p.first_vector(k), vectors = p.first_vector(k + 1) - begin;
                o.dy = panel(k);
                o.sums = sums + begin * L * (p.in_result ? 1 : p.lanes);
                if (p.gathered) sum_gathered(o, p, s, vectors);
                else sum_in_place(o, p, s, vectors);
            }
        }
    }
}

template <class T> void run(const BackwardWeightCall<T>& a, const ConvShape& shape) {
    if constexpr (kTuned<T>)
        if (takes_dots<T>(shape)) return run_dots(a, shape);
    const WeightProblem p = weight_problem<T>(shape);
    T* all = a.workspace;
    T* all_bias = all + p.fold_blocks * p.chunks * p.sums;
    T* scratch = a.workspace + all_sums(p);
    const int64_t work = multiply_adds(shape), split_units = p.c_splits * p.k_splits;
    parallel_for(p.fold_blocks * p.chunks * split_units, work, [&](int64_t index, int thread) {
        const WeightUnit unit = unit_of(p, index);
        T* sums = p.in_result ? a.dweight + unit.fold_block * p.ic * p.oc
                              : all + (unit.fold_block * p.chunks + unit.chunk) * p.sums;
        T* bias = nullptr;
        if (a.dbias && unit.sums_bias) {
            bias = all_bias + (unit.fold_block * p.chunks + unit.chunk) * p.bias_sums;
            const int64_t from = p.swapped ? unit.c_begin : p.first_vector(unit.k_begin) * kLanes<T>;
            const int64_t to = p.swapped ? unit.c_end : p.first_vector(unit.k_end) * kLanes<T>;
            for (int64_t i = from; i < to; ++i) bias[i] = 0;
        }
        const int64_t first = p.strips * unit.chunk / p.chunks, last = p.strips * (unit.chunk + 1) / p.chunks;
        for (int64_t strip = first; strip < last; ++strip)
            sum_strip(a, p, unit, strip_of(p, strip, unit.fold_block), sums, bias, strip == first,
                      scratch + thread * p.scratch);
        if (p.chunks == 1 && !p.in_result)
            for (int64_t k = unit.k_begin; k < unit.k_end; ++k)
                write_block(a.dweight, sums, p, unit.fold_block, k, unit.c_begin * p.taps, unit.c_end * p.taps);
    });
    const int64_t pieces = ceil_div(p.lanes, kLanesOfPiece);
    if (p.chunks > 1)
        parallel_for(p.fold_blocks * p.k_blocks * pieces, p.fold_blocks * p.chunks * p.sums, [&](int64_t index, int) {
            const int64_t fold_block = index / pieces / p.k_blocks, begin = index % pieces * kLanesOfPiece;
            write_block(a.dweight, all + fold_block * p.chunks * p.sums, p, fold_block, index / pieces % p.k_blocks,
                        begin, smaller(begin + kLanesOfPiece, p.lanes));
        });
    if (a.dbias)
        for (int64_t i = 0; i < p.fold_blocks; ++i) write_bias(a.dbias, all_bias + i * p.chunks * p.bias_sums, p, i);
}

// Lanes of channels and taps together: padding is multiplied as zeros.
template <class T> bool reads_padding(const ConvShape& s) {
    if constexpr (kTuned<T>)
        if (takes_dots<T>(s)) return true;   // a row's last vector meets zeros of dy
    return weight_problem<T>(s).gathered &&
           (pads_columns(s) || s.ph > 0 || s.pd > 0 || (s.oh - 1) * s.sh + (s.kh - 1) * s.dil_h - s.ph >= s.ih ||
            (s.od - 1) * s.sd + (s.kd - 1) * s.dil_d - s.pd >= s.id);
}
const char* declines(const ConvShape& s) {
    if (s.oc / s.groups >= 4 || (s.groups > 1 && s.oc >= 8)) return nullptr;
    return "fewer than 4 output channels per group, few groups: most vector lanes would idle";
}
template <class T> int64_t workspace(const ConvShape& s, int threads, bool) {
    if constexpr (kTuned<T>)
        if (takes_dots<T>(s)) {
            const DotProblem p = dot_problem<T>(s);
            return apart<T>(all_dots(p)) + threads * p.scratch;
        }
    const WeightProblem p = weight_problem<T>(s);
    return all_sums(p) + threads * p.scratch;
}

}   // namespace

template <class T> const BackwardWeightAlgorithm<T>& direct_backward_weight() {
    static constexpr BackwardWeightAlgorithm<T> entry = {{ConvAlgorithm::direct, true, reads_padding<T>, true, true,
                                                          never, declines, workspace<T>, backward_weight_error},
                                                         run<T>};
    return entry;
}
TK_EMIT(direct_backward_weight)

}   // namespace tk::TK_ISA
