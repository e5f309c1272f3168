// The weight gradient of a convolution, vectorised over output channels.
//
//   dweight[k, c, t] = sum over images and positions o of dy[k, o] * x[c, origin + o*step + t*reach]
//
// A strip of output rows is laid out anew, channels innermost: dy as [k block][position][2 vectors], x as
// [row][position][channel], zero-padded. A register tile then holds the gradients of kTilePixels channels x 2 vectors
// of output channels for one tap, and walks over the strip's positions. With few input channels the strip of x is
// laid out as [position][channel and tap] instead (a strip's im2col, never more), so that tiles are full.
//
// Strips are dealt to a fixed number of chunks, each with sums of its own, which are added in the order of the chunks:
// the same bits for every number of threads.
#include "kernels/conv_direct.hpp"
#include "kernels/register_tile.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kSumsBytes = 16 << 20;   // all chunks' sums together
constexpr int64_t kMostChunks = 16;
constexpr int64_t kFewChannels = 6;   // up to here taps and channels share a tile

struct WeightProblem {
    int64_t n, groups, ic, oc;   // channels per group
    Axis d, h, w;
    int64_t in_plane, out_plane;
    bool lowered;                       // few channels: [position][channel and tap]
    int64_t lanes_in, taps, k_blocks;   // what a tile sees: channels (or channels x taps), taps (or 1)
    int64_t images, rows, columns;      // of a strip
    int64_t image_strips, row_strips, column_strips, strips, chunks, k_splits;
    int64_t phases, position_pitch, padded;   // lowered: the strip of x with its padding, from which windows are cut
    int64_t x_pitch, x_row, x_image, dy_image, dy_block, sums, scratch;

    void reduce() {
        d.reduce();
        h.reduce();
        w.reduce();
    }
    int64_t kernel_taps() const { return d.taps * h.taps * w.taps; }
    int64_t span_columns() const { return lowered ? columns : w.span(columns); }
    int64_t span_rows() const { return lowered ? rows : d.taps * h.span(rows); }
};

constexpr double kWidestWeightStrip = 64 << 20;   // bytes; a shape whose narrowest strip is wider is declined

template <class T> bool fits(WeightProblem p) {
    p.reduce();
    const double columns = (smaller(p.w.grid, 64) - 1.0) * p.w.step + (p.w.taps - 1.0) * p.w.reach + 1;
    return p.d.taps * ((p.h.taps - 1.0) * p.h.reach + 1) * columns * (p.ic + kLanes<T>)*sizeof(T) <= kWidestWeightStrip;
}

template <class T> void plan(WeightProblem& p, int threads) {
    constexpr int64_t L = kLanes<T>;
    p.reduce();
    const int64_t taps = p.kernel_taps(), budget = kScratchBytes / static_cast<int64_t>(sizeof(T));
    p.lowered = p.ic <= kFewChannels && taps > 1;
    p.lanes_in = p.lowered ? p.ic * taps : p.ic;
    p.taps = p.lowered ? 1 : taps;
    p.k_blocks = ceil_div(p.oc, kBlock<T>);
    p.x_pitch = ceil_div(p.lanes_in, L) * L;
    const auto measure = [&] {
        p.x_row = p.span_columns() * p.x_pitch;
        p.x_image = p.span_rows() * p.x_row;
        p.dy_image = p.rows * p.columns * kBlock<T>;
        return p.x_image + p.k_blocks * p.dy_image;
    };
    // Columns, rows, then images, as many as the budget holds.
    p.rows = p.images = 1;
    p.column_strips = 0;
    do { p.columns = ceil_div(p.w.grid, ++p.column_strips); } while (measure() > budget && p.columns > 64);
    while (p.rows < p.h.grid && (++p.rows, measure() > budget) == false) {}
    if (measure() > budget && p.rows > 1) --p.rows;
    p.row_strips = ceil_div(p.h.grid, p.rows);
    p.rows = ceil_div(p.h.grid, p.row_strips);
    if (p.row_strips * p.column_strips * p.d.grid == 1) p.images = larger(1, smaller(p.n, budget / measure()));
    measure();
    p.dy_block = p.images * p.dy_image;
    p.image_strips = ceil_div(p.n, p.images);
    p.strips = p.image_strips * p.d.grid * p.row_strips * p.column_strips;
    p.sums = p.k_blocks * p.taps * p.lanes_in * kBlock<T>;
    p.chunks = 1;
    const int64_t all_sums = p.groups * p.sums * static_cast<int64_t>(sizeof(T));
    while (p.chunks < kMostChunks && p.chunks * 2 <= p.strips && p.chunks * 2 * all_sums <= kSumsBytes) p.chunks *= 2;
    p.k_splits = smaller(p.k_blocks, ceil_div(8, p.groups * p.chunks));
    p.phases = stored_phases(p.w);
    p.position_pitch = p.columns + (p.w.taps - 1) * p.w.reach / larger(p.w.step, 1);
    p.padded = p.lowered ? p.d.taps * p.h.span(p.rows) * p.ic * p.phases * p.position_pitch : 0;
    p.scratch = ceil_div(p.images * p.x_image + p.k_blocks * p.dy_block + p.padded, 64) * 64;
    (void)threads;
}

template <class T> WeightProblem planned(WeightProblem p, int threads) {
    plan<T>(p, threads);
    return p;
}

inline int64_t weight_workspace(const WeightProblem& p, int threads) {
    return p.groups * p.chunks * p.sums + threads * p.scratch;
}

// ---- laying out -------------------------------------------------------------------------------------------------

struct WeightStrip {
    int64_t image, images, group, od, h0, rows, w0, columns;
};

template <class T> int sum_vectors(const WeightProblem& p, int64_t k_block) {
    return p.oc - k_block * kBlock<T> > kLanes<T> ? 2 : 1;
}

template <class T>
void lay_out_dy(T* to, const T* dy, const WeightProblem& p, const WeightStrip& s, int64_t k_begin, int64_t k_end) {
    for (int64_t k = k_begin; k < k_end; ++k) {
        const int64_t width = sum_vectors<T>(p, k) * kLanes<T>, k0 = k * kBlock<T>;
        for (int64_t i = 0; i < s.images; ++i) {
            const T* from = dy + (((s.image + i) * p.groups + s.group) * p.oc + k0) * p.out_plane;
            from += (s.od * p.h.grid + s.h0) * p.w.grid + s.w0;
            T* block = to + k * p.dy_block + i * s.rows * s.columns * width;
            const bool whole = s.columns == p.w.grid;   // rows follow each other in memory
            const int64_t runs = whole ? 1 : s.rows, length = whole ? s.rows * s.columns : s.columns;
            for (int64_t r = 0; r < runs; ++r)
                transpose_in(block + r * length * width, width, from + r * p.w.grid, p.out_plane, p.oc - k0, width,
                             length);
        }
    }
}

// One row of x, all channels, [position][channel]; positions outside the image are zero.
template <class T> void lay_out_row(T* to, const T* row, const WeightProblem& p, int64_t start, int64_t positions) {
    const int64_t first = p.w.origin + p.w.stride * start;
    const Run run = positions_inside(positions, p.w.in, p.w.stride, first);
    for (int64_t i = 0; i < run.begin * p.x_pitch; ++i) to[i] = 0;
    for (int64_t i = run.end * p.x_pitch; i < positions * p.x_pitch; ++i) to[i] = 0;
    if (p.w.stride == 1)
        return transpose_in(to + run.begin * p.x_pitch, p.x_pitch, row + first + run.begin, p.in_plane, p.ic, p.x_pitch,
                            run.end - run.begin);
    for (int64_t q = run.begin; q < run.end; ++q)
        for (int64_t c = 0; c < p.x_pitch; ++c)
            to[q * p.x_pitch + c] = c < p.ic ? row[c * p.in_plane + first + q * p.w.stride] : T(0);
}

template <class T> void lay_out_x(T* to, const T* x, const WeightProblem& p, const WeightStrip& s) {
    const int64_t span = p.h.span(s.rows), positions = p.w.span(s.columns);
    for (int64_t i = 0; i < s.images; ++i)
        for (int64_t a = 0; a < p.d.taps; ++a)
            for (int64_t slot = 0; slot < span; ++slot) {
                const int64_t zd = p.d.origin + p.d.stride * (s.od * p.d.step + a * p.d.reach);
                const int64_t zh = p.h.origin + p.h.stride * (s.h0 * p.h.step + slot);
                if (zd < 0 || zd >= p.d.in || zh < 0 || zh >= p.h.in) continue;   // no tap sees these rows
                const T* from = x + ((s.image + i) * p.groups + s.group) * p.ic * p.in_plane;
                lay_out_row(to + i * p.x_image + (a * p.h.span(p.rows) + slot) * p.x_row,
                            from + (zd * p.h.in + zh) * p.w.in, p, s.w0 * p.w.step, positions);
            }
}

// The rows of one image's strip with their padding: [row][channel][phase][position].
template <class T> void pad_strip(T* to, const T* x, const WeightProblem& p, const WeightStrip& s, int64_t image) {
    const int64_t channel_pitch = p.phases * p.position_pitch;
    const T* from = x + (image * p.groups + s.group) * p.ic * p.in_plane;
    for (int64_t a = 0; a < p.d.taps; ++a)
        for (int64_t slot = 0; slot < p.h.span(s.rows); ++slot) {
            const int64_t zd = p.d.origin + p.d.stride * (s.od * p.d.step + a * p.d.reach);
            const int64_t zh = p.h.origin + p.h.stride * (s.h0 * p.h.step + slot);
            const bool inside = zd >= 0 && zd < p.d.in && zh >= 0 && zh < p.h.in;
            T* row = to + (a * p.h.span(p.rows) + slot) * p.ic * channel_pitch;
            for (int64_t c = 0; c < p.ic; ++c, row += channel_pitch)
                if (inside)
                    copy_row(row, from + c * p.in_plane + (zd * p.h.in + zh) * p.w.in, p.w, p.phases, p.position_pitch,
                             s.w0 * p.w.step);
                else
                    for (int64_t i = 0; i < channel_pitch; ++i) row[i] = 0;
        }
}

// Where lane (channel, tap) of the strip's first window lies in the padded strip.
inline int64_t lane_offset(const WeightProblem& p, int64_t lane) {
    const int64_t e = lane % p.w.taps, b = lane / p.w.taps % p.h.taps, a = lane / p.w.taps / p.h.taps % p.d.taps;
    const int64_t c = lane / p.kernel_taps(), q = e * p.w.reach, step = larger(p.w.step, 1);
    const int64_t row = a * p.h.span(p.rows) + b * p.h.reach;
    return ((row * p.ic + c) * p.phases + q % step) * p.position_pitch + q / step;
}

// [position][channel and tap]: the windows of the strip, transposed kLanes lanes at a time.
template <class T> void lower_x(T* to, T* padded, const T* x, const WeightProblem& p, const WeightStrip& s) {
    constexpr int L = kLanes<T>;
    const int64_t row_step = p.h.step * p.ic * p.phases * p.position_pitch;
    for (int64_t i = 0; i < s.images; ++i) {
        pad_strip(padded, x, p, s, s.image + i);
        for (int64_t lane = 0; lane < p.lanes_in; lane += L) {
            const T* from[L];
            for (int j = 0; j < L; ++j) from[j] = padded + lane_offset(p, smaller(lane + j, p.lanes_in - 1));
            for (int64_t r = 0; r < s.rows; ++r)
                for (int64_t o = 0; o < s.columns; o += L) {
                    const int64_t count = smaller(L, s.columns - o);
                    Vec<T> rows[L];
#pragma GCC unroll 16
                    for (int j = 0; j < L; ++j) rows[j] = load_first(from[j] + r * row_step + o, count);
                    transpose<T>(rows);
                    T* window = to + i * p.x_image + r * p.x_row + o * p.x_pitch + lane;
#pragma GCC unroll 16
                    for (int j = 0; j < L; ++j)
                        if (j < count) store(window + j * p.x_pitch, rows[j]);
                }
        }
    }
}

// ---- one strip --------------------------------------------------------------------------------------------------

// f(tap, offset of its input in the strip, first row, end row): rows of the strip whose input is not padding
template <class F> TK_INLINE void for_each_tap(const WeightProblem& p, const WeightStrip& s, F&& f) {
    if (p.lowered) return f(0, 0, 0, s.rows);
    for (int64_t a = 0; a < p.d.taps; ++a) {
        const int64_t zd = p.d.origin + p.d.stride * (s.od * p.d.step + a * p.d.reach);
        if (zd < 0 || zd >= p.d.in) continue;
        for (int64_t b = 0; b < p.h.taps; ++b) {
            const int64_t slot = b * p.h.reach, zh = p.h.origin + p.h.stride * (s.h0 * p.h.step + slot);
            const Run run = positions_inside(s.rows, p.h.in, larger(p.h.stride * p.h.step, 1), zh);
            if (run.begin >= run.end) continue;
            for (int64_t e = 0; e < p.w.taps; ++e)
                f((a * p.h.taps + b) * p.w.taps + e,
                  (a * p.h.span(p.rows) + slot) * p.x_row + e * p.w.reach * p.x_pitch, run.begin, run.end);
        }
    }
}

template <class T>
void sum_strip(T* sums, const T* x, const T* dy, const WeightProblem& p, const WeightStrip& s, int64_t k_begin,
               int64_t k_end) {
    const int64_t tiles = ceil_div(p.lanes_in, kTilePixels);
    const int64_t x_step = p.lowered ? p.x_pitch : p.w.step * p.x_pitch;
    const int64_t row_step = p.lowered ? p.x_row : p.h.step * p.x_row;
    for (int64_t k = k_begin; k < k_end; ++k) {
        const int vectors = sum_vectors<T>(p, k);
        const int64_t width = vectors * kLanes<T>;
        for (int64_t i = 0; i < tiles; ++i) {
            const int64_t begin = p.lanes_in * i / tiles, end = p.lanes_in * (i + 1) / tiles;
            for_each_tap(p, s, [&](int64_t tap, int64_t offset, int64_t first, int64_t last) {
                sum_tile_of<T, kTilePixels>(
                    end - begin, vectors,
                    {sums + (k * p.taps + tap) * p.lanes_in * kBlock<T> + begin * width,
                     x + offset + first * row_step + begin, dy + k * p.dy_block + first * s.columns * width, s.images,
                     last - first, s.columns, p.x_image, row_step, x_step, s.rows * s.columns * width});
            });
        }
    }
}

template <class T> void add_chunks(T* dweight, const T* sums, const WeightProblem& p, int64_t group, int64_t k_block) {
    constexpr int L = kLanes<T>;
    const int vectors = sum_vectors<T>(p, k_block);
    const int64_t taps = p.kernel_taps(), outputs = smaller(kBlock<T>, p.oc - k_block * kBlock<T>);
    T* to = dweight + (group * p.oc + k_block * kBlock<T>)*p.ic * taps;
    for (int64_t tap = 0; tap < p.taps; ++tap)
        for (int64_t lane = 0; lane < p.lanes_in; ++lane)
            for (int v = 0; v < vectors; ++v) {
                const T* from = sums + group * p.chunks * p.sums + (k_block * p.taps + tap) * p.lanes_in * kBlock<T> +
                                (lane * vectors + v) * L;
                Vec<T> total = load(from);
                for (int64_t chunk = 1; chunk < p.chunks; ++chunk) total += load(from + chunk * p.sums);
                const int64_t element = p.lowered ? lane : lane * taps + tap;
                for (int64_t k = v * L; k < smaller(outputs, (v + 1) * L); ++k)
                    to[k * p.ic * taps + element] = total[k - v * L];
            }
}

// Runs a planned problem. workspace: weight_workspace() elements.
template <class T> void direct_weight(T* dweight, const T* dy, const T* x, const WeightProblem& p, T* workspace) {
    T* sums = workspace;
    T* scratch = workspace + p.groups * p.chunks * p.sums;
    const int64_t work = p.n * p.groups * p.oc * p.ic * p.kernel_taps() * p.d.grid * p.h.grid * p.w.grid;
    parallel_for(p.groups * p.chunks * p.k_splits, work, [&](int64_t unit, int thread) {
        const int64_t split = unit % p.k_splits, chunk = unit / p.k_splits % p.chunks;
        const int64_t group = unit / p.k_splits / p.chunks;
        const int64_t k_begin = p.k_blocks * split / p.k_splits, k_end = p.k_blocks * (split + 1) / p.k_splits;
        T* own = sums + (group * p.chunks + chunk) * p.sums;
        T* x_strip = scratch + thread * p.scratch;
        T* dy_strip = x_strip + p.images * p.x_image;
        const int64_t k_sums = p.taps * p.lanes_in * kBlock<T>;
        for (int64_t i = k_begin * k_sums; i < k_end * k_sums; ++i) own[i] = 0;
        for (int64_t strip = p.strips * chunk / p.chunks; strip < p.strips * (chunk + 1) / p.chunks; ++strip) {
            const int64_t image = strip / (p.strips / p.image_strips) * p.images;
            const int64_t h0 = strip / p.column_strips % p.row_strips * p.rows;
            const int64_t w0 = strip % p.column_strips * p.columns;
            const WeightStrip s{
                image, smaller(p.images, p.n - image), group, strip / (p.column_strips * p.row_strips) % p.d.grid,
                h0,    smaller(p.rows, p.h.grid - h0), w0,    smaller(p.columns, p.w.grid - w0)};
            if (p.lowered) lower_x(x_strip, dy_strip + p.k_blocks * p.dy_block, x, p, s);
            else lay_out_x(x_strip, x, p, s);
            lay_out_dy(dy_strip, dy, p, s, k_begin, k_end);
            sum_strip(own, x_strip, dy_strip, p, s, k_begin, k_end);
        }
    });
    parallel_for(p.groups * p.k_blocks, p.groups * p.chunks * p.sums,
                 [&](int64_t unit, int) { add_chunks(dweight, sums, p, unit / p.k_blocks, unit % p.k_blocks); });
}

WeightProblem weight_problem(const ConvShape& s) {
    WeightProblem p{};
    set_forward_axes(p, s);
    return p;
}

template <class T> const char* cannot(const ConvShape& s) { return fits<T>(weight_problem(s)) ? nullptr : kTooWide; }
const char* declines(const ConvShape& s) {
    return s.oc / s.groups < 4 ? "fewer than 4 output channels per group: most vector lanes would idle" : nullptr;
}
template <class T> int64_t workspace(const ConvShape& s, int threads, bool) {
    return weight_workspace(planned<T>(weight_problem(s), threads), threads);
}
template <class T> void run(const BackwardWeightCall<T>& a, const ConvShape& s) {
    direct_weight(a.dweight, a.dy, a.x, planned<T>(weight_problem(s), max_threads()), a.workspace);
}

}   // namespace

template <class T> const BackwardWeightAlgorithm<T>& direct_backward_weight() {
    static constexpr BackwardWeightAlgorithm<T> entry = {{ConvAlgorithm::direct, true, pads_columns, false, false,
                                                          cannot<T>, declines, workspace<T>, backward_weight_error},
                                                         run<T>};
    return entry;
}
TK_EMIT(direct_backward_weight)

}   // namespace tk::TK_ISA
