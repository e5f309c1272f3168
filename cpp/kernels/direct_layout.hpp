// How the direct kernels lay out strips of input rows, in zero-padded scratch.
//
//   scratch  [row][channel][phase][position]   a row split by its phase modulo the step: pixels are neighbours
#pragma once
#include "kernels/direct_company.hpp"
#include "kernels/direct_tile.hpp"

namespace tk::TK_ISA {
namespace {

// to[0..count) = from[0..count), or 0 where there is a mask that is not positive
template <class T> TK_INLINE void copy_run(T* to, const T* from, const T* mask, int64_t count) {
    constexpr int64_t L = kLanes<T>;
    int64_t q = 0;
    for (; q + L <= count; q += L) {
        Vec<T> v = load(from + q);
        if (mask) v = select<T>(load(mask + q) > 0, v, Vec<T>{});
        store(to + q, v);
    }
    if (const int64_t lanes = count - q; lanes > 0) {
        Vec<T> v = load_first(from + q, lanes);
        if (mask) v = select<T>(load_first(mask + q, lanes) > 0, v, Vec<T>{});
        store_first(to + q, v, lanes);
    }
}

// to[i] = from[2 i] for i < count, or 0 where there is a mask that is not positive
template <class T> TK_INLINE void copy_even(T* to, const T* from, const T* mask, int64_t count) {
    constexpr int64_t L = kLanes<T>;
    for (int64_t q = 0; q < count; q += L) {
        // The last vector is whole, too: lanes beyond the end would wait for a line that nobody needs.
        if (count - q < L && count > L) q = count - L;
        const int64_t lanes = smaller(L, count - q), low = smaller(L, 2 * lanes - 1), high = 2 * lanes - 1 - low;
        const auto even = [&](const T* p) {
            return even_lanes<T, L>(load_first(p + 2 * q, low), load_first(p + 2 * q + L, high));
        };
        Vec<T> v = even(from);
        if (mask) v = select<T>(even(mask) > 0, v, Vec<T>{});
        store_first(to + q, v, lanes);
    }
}

template <class T> TK_INLINE void zero_run(T* to, int64_t count) {
    for (int64_t q = 0; q < count; ++q) to[q] = 0;
}
// The same of a few elements, without a call.
template <class T> TK_INLINE void zero_edge(T* to, int64_t count) {
    for (int64_t q = 0; q < count; ++q) {
        to[q] = 0;
        asm volatile("" : : : "memory");
    }
}

// Rows of a strip's input: so much apart from channel to channel and from row to row, in scratch and in the input. mask
// may be nullptr.
template <class T> struct Rows {
    T* to;
    const T *from, *mask;
    int64_t to_channel, from_channel, channels;
    int64_t to_row, from_row, rows;
    int64_t together, ahead;   // channels taken row by row; rows are called in so many channels ahead, unless that is 0

    TK_INLINE void call_in(const T* row, int64_t count) const {
        const T* later = row + ahead * from_channel;
        if (kTuned<T> && ahead) fetch(later, count), fetch(later + count - 1, 1);
    }
    // f(row in scratch, where it starts in the input)
    template <class F> TK_INLINE void each(F&& f) const {
        for (int64_t c0 = 0; c0 < channels; c0 += together)
            for (int64_t r = 0; r < rows; ++r) {
                T* row = to + c0 * to_channel + r * to_row;
                int64_t at = c0 * from_channel + r * from_row;
                for (int64_t n = smaller(together, channels - c0); n > 0; --n, row += to_channel, at += from_channel)
                    f(row, at);
            }
    }
};

// copy_rows() of two phases whose positions alternate: the input is read once, and padding lies under the masks of a
// row's first vectors and of its last, which overlap. False where it reaches further.
template <class T> [[gnu::noinline]] bool copy_two_phases(const Rows<T>& a, int64_t in, int64_t pitch, int64_t first) {
    constexpr int64_t L = kLanes<T>;
    const int64_t lanes = smaller(L, pitch), last = pitch - lanes, inner = (last - 1) / L * L;
    if (inner > 0 && (first + 2 * L < 0 || first + 2 * (inner + L) > in)) return false;
    LaneMask<T, L> inside[4];
    for (int64_t i = 0; i < 4; ++i) inside[i] = lanes_inside<T>(first + i / 2 * 2 * last + i % 2 * L, in);
    const int64_t begin = larger(first, 0), seen = smaller(first + 2 * pitch, in) - begin;
    a.each([&](T* to, int64_t at) {
        const T* from = a.from + at + first;
        a.call_in(from + begin - first, seen);
        const auto deal = [&](int64_t q, Vec<T> low, Vec<T> high) __attribute__((always_inline)) {
            store_first(to + q, even_lanes<T, L>(low, high), lanes);
            store_first(to + pitch + q, odd_lanes<T, L>(low, high), lanes);
        };
        deal(0, load_masked(from, inside[0]), load_masked(from + L, inside[1]));
        for (int64_t q = L; q <= inner; q += L) deal(q, load(from + 2 * q), load(from + 2 * q + L));
        from += 2 * last;
        if (last > 0) deal(last, load_masked(from, inside[2]), load_masked(from + L, inside[3]));
    });
    return true;
}

// copy_rows() of four phases of stride 4 without a mask: whole vectors where all of them lie in the input.
template <class T> void copy_four_phases(const Rows<T>& a, int64_t in, int64_t pitch, int64_t first) {
    constexpr int64_t L = kLanes<T>;
    const int64_t begin = larger(0, ceil_div(-first, 4)), seen = smaller(pitch, (in - first) / 4);
    const int64_t end = seen - begin < L ? begin : seen;
    a.each([&](T* to, int64_t at) {
        const T* from = a.from + at + first;
        a.call_in(from + 4 * begin, 4 * (seen - begin));
        for (int64_t q = 0; q < pitch; ++q) {
            if (q == begin) q = end;
            for (int64_t phase = 0; phase < 4 && q < pitch; ++phase) {
                const int64_t position = 4 * q + phase;
                to[phase * pitch + q] = first + position >= 0 && first + position < in ? from[position] : T(0);
                asm volatile("" : : : "memory");   // few elements, in a short loop
            }
        }
        for (int64_t q = begin; q < end; q += L) {
            q = smaller(q, end - L);
            Vec<T> halves[2][2];   // [even or odd][where]
#pragma GCC unroll 2
            for (int i = 0; i < 2; ++i) {
                const Vec<T> low = load(from + 4 * q + 2 * i * L), high = load(from + 4 * q + (2 * i + 1) * L);
                halves[0][i] = even_lanes<T, L>(low, high), halves[1][i] = odd_lanes<T, L>(low, high);
            }
#pragma GCC unroll 2
            for (int i = 0; i < 2; ++i) {
                store(to + i * pitch + q, even_lanes<T, L>(halves[i][0], halves[i][1]));
                store(to + (i + 2) * pitch + q, odd_lanes<T, L>(halves[i][0], halves[i][1]));
            }
        }
    });
}

// Positions origin + stride*q of each row, q counted from `start`, split by phase q mod step into `phases` runs of
// `pitch` positions. Where the mask is not positive, 0.
template <class T> void copy_rows(const Rows<T>& a, const Axis& w, int64_t phases, int64_t pitch, int64_t start) {
    const int64_t stride = w.stride * larger(w.step, 1), first = w.origin + w.stride * start;
    if constexpr (kTuned<T>)
        if (stride == 2 && phases == 2 && !a.mask && copy_two_phases(a, w.in, pitch, first)) return;
    if (kLargeTiles<T> && stride == 4 && phases == 4 && !a.mask) return copy_four_phases(a, w.in, pitch, first);
    if (phases > 1 && a.rows > 1) {   // phases of a row together, while it is near
        for (int64_t r = 0; r < a.rows; ++r) {
            Rows<T> one = a;
            one.to += r * a.to_row;
            one.from += r * a.from_row;
            if (a.mask) one.mask += r * a.from_row;
            one.rows = 1;
            copy_rows(one, w, phases, pitch, start);
        }
        return;
    }
    for (int64_t phase = 0; phase < phases; ++phase) {
        const int64_t shift = first + w.stride * phase;
        const Run run = positions_inside(pitch, w.in, stride, shift);
        const int64_t begin = shift + run.begin * stride, count = run.end - run.begin;
        a.each([&](T* row, int64_t at) {
            T* to = row + phase * pitch;
            const T* from = a.from + at + begin;
            const T* mask = a.mask ? a.mask + at + begin : nullptr;
            if (phase == 0) a.call_in(from, (count - 1) * stride + 1);
            zero_edge(to, run.begin);
            if (stride == 1) copy_run(to + run.begin, from, mask, count);
            else if (stride == 2) copy_even(to + run.begin, from, mask, count);
            else
                for (int64_t i = 0; i < count; ++i)
                    to[run.begin + i] = !mask || mask[i * stride] > 0 ? from[i * stride] : T(0);
            zero_edge(to + run.end, pitch - run.end);
        });
    }
}

struct Strip {
    int64_t image, group, od, h0, rows, w0, columns;
};

// Where input row of tap (a, b) of output row r lies in scratch: slot of a plane.
inline int64_t slot_of(const DirectProblem& p, int64_t r, int64_t b) { return r * p.h.step + b * p.slot_pitch(); }

// The rows of taps that output row h0 + r of the strip sees, ended by one of index -1; those that lie in the padding
// are left out.
inline void list_taps(RowTap* taps, const DirectProblem& p, const Strip& s, int64_t r, bool straight) {
    for (int64_t a = 0; a < p.d.taps; ++a) {
        const int64_t zd = p.d.origin + p.d.stride * (s.od * p.d.step + a * p.d.reach);
        if (zd < 0 || zd >= p.d.in) continue;
        for (int64_t b = 0; b < p.h.taps; ++b) {
            const int64_t zh = p.h.origin + p.h.stride * ((s.h0 + r) * p.h.step + b * p.h.reach);
            if (zh < 0 || zh >= p.h.in) continue;
            const int64_t staged = (a * p.h_slots + slot_of(p, r, b)) * p.row_pitch;
            *taps++ = {straight ? (zd * p.h.in + zh) * p.w.in : staged, (a * p.h.taps + b) * p.w.taps};
        }
    }
    *taps = {0, -1};
}

// Where rows are taken one after the other, some channels at a time: each is a run, which the processor foresees. One
// channel at a time would write lines far apart, which share sets of the caches.
constexpr int64_t kCopiedChannels = 8;
// Input that comes from memory is called in so many elements ahead, in whole channels, unless those would fill L1; of
// rows taken alone, those so many channels ahead.
constexpr int64_t kElementsAhead = 1024, kFarthestAhead = 4096, kChannelsAhead = 24, kNearInputBytes = 1 << 20;

template <class T>
void copy_strip(T* scratch, const T* x, const T* mask, const DirectProblem& p, const Strip& s, int64_t c0,
                int64_t channels) {
    if (kTuned<T> && p.planes) {
        const int64_t from = ((s.image * p.groups + s.group) * p.ic + c0) * p.in_plane;
        return copy_run(scratch, x + from, mask ? mask + from : nullptr, channels * p.in_plane);
    }
    const int64_t run = (s.rows - 1) * p.h.step + 1;
    const bool apart = p.h.reach > run;   // tap by tap, what lies between is left out
    const int64_t pieces = apart ? p.h.taps : 1, length = apart ? run : run + (p.h.taps - 1) * p.h.reach;
    const int64_t input = p.n * p.groups * p.ic * p.in_plane * static_cast<int64_t>(sizeof(T));
    const int64_t row = p.h.stride * p.w.in;
    const int64_t columns = p.position_pitch - (p.phases == 1 ? p.columns - s.columns : 0);
    const bool alone = p.h.taps == 1;
    const int64_t together = alone ? larger(channels, 1) : kCopiedChannels;
    const bool far = input > kNearInputBytes && (alone || length * row <= kFarthestAhead);
    const int64_t distance = alone ? kChannelsAhead : ceil_div(kElementsAhead, length * row);
    for (int64_t a = 0; a < p.d.taps; ++a) {
        const int64_t zd = p.d.origin + p.d.stride * (s.od * p.d.step + a * p.d.reach);
        if (zd < 0 || zd >= p.d.in) continue;
        for (int64_t b = 0; b < pieces; ++b) {
            const int64_t zh = p.h.origin + p.h.stride * (s.h0 * p.h.step + b * p.h.reach);
            const Run rows = positions_inside(length, p.h.in, p.h.stride, zh);
            const int64_t from = ((s.image * p.groups + s.group) * p.ic + c0) * p.in_plane +
                                 (zd * p.h.in + zh + rows.begin * p.h.stride) * p.w.in;
            T* to = scratch + (a * p.h_slots + b * p.slot_pitch() + rows.begin) * p.row_pitch;
            copy_rows<T>({to, x + from, mask ? mask + from : nullptr, p.channel_pitch, p.in_plane, channels,
                          p.row_pitch, row, rows.end - rows.begin, together, far ? distance : 0},
                         p.w, p.phases, columns, s.w0 * p.w.step);
        }
    }
}

}   // namespace
}   // namespace tk::TK_ISA
