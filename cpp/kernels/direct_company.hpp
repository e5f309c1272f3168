// Direct problems that share strips: the sub-pixel parts of a strided input gradient read one input, and their outputs
// lie between each other's. How strips, weights and output channels are dealt out among threads.
#pragma once
#include "kernels/direct_plan.hpp"

namespace tk::TK_ISA {
namespace {

// Such problems, with whatever depends on none but the shape. Their strips are those of a problem, the frame, that
// reads what any of them does.
constexpr int64_t kTogether = 4;
struct Company {
    DirectProblem parts[kTogether], frame;   // the frame's channels are the input's
    int64_t count;
    int64_t packed_at[kTogether];   // where a part's weights start in a block
    int64_t packed_block, packed;   // elements: of one block of output channels, of all of them
    int64_t work, units, k_splits;
    // Many weights, or half as many and more than input: strips are staged, then a unit packs one block of output
    // channels and takes them all, or a share of them.
    bool by_blocks;
    int64_t staged;    // strips at a time
    int64_t scratch;   // of a thread
};

// The axis that reads what `a` and `b` read.
inline Axis around(const Axis& a, const Axis& b) {
    const auto end = [](const Axis& w) { return w.origin + (w.taps - 1) * w.reach; };
    const int64_t origin = smaller(a.origin, b.origin), last = larger(end(a), end(b));
    return {a.in, larger(a.grid, b.grid), last - origin + 1, 1, 1, origin, 1};
}
inline bool side_by_side(const Axis& w) { return w.step == 1 && (w.taps == 1 || w.reach == 1); }

// Whether `parts`, not planned yet and of one plane of outputs, can share strips.
template <class T> bool share(DirectProblem& frame, const DirectProblem* parts, int64_t count) {
    frame = parts[0];
    bool sides = true;
    for (int64_t i = 0; i < count; ++i) {
        sides = sides && side_by_side(parts[i].h) && side_by_side(parts[i].w);
        frame.h = around(frame.h, parts[i].h), frame.w = around(frame.w, parts[i].w);
    }
    if (!sides) return false;
    plan<T>(frame);
    return frame.c_blocks == 1;
}

// parts: not planned yet; several of them only where they share.
template <class T> Company company_of(const DirectProblem* parts, int64_t count) {
    constexpr int64_t bytes = sizeof(T);
    Company all{};
    all.count = count;
    if (count > 1) share<T>(all.frame, parts, count);
    for (int64_t i = 0; i < count; ++i) {
        DirectProblem& p = all.parts[i] = parts[i];
        plan<T>(p);
        if (count == 1) all.frame = p;
        else {
            static_cast<StripLayout&>(p) = all.frame;
            p.lead = (parts[i].h.origin - all.frame.h.origin) * p.row_pitch + parts[i].w.origin - all.frame.w.origin;
        }
        all.packed_at[i] = all.packed_block;
        all.packed_block += p.packed_block;
        all.work += p.n * p.groups * p.oc * p.ic * p.taps() * p.d.grid * p.h.grid * p.w.grid;
    }
    const DirectProblem& f = all.frame;
    const int64_t k_blocks = all.parts[0].k_blocks, strip = f.c_blocks * f.strip;
    all.packed = f.groups * k_blocks * all.packed_block;
    // 1x1 with more weights than input: those are fetched once, the input is what threads share.
    const bool row = f.taps() == 1 && f.w.grid == f.in_plane, heavy = count == 1 && row && f.oc >= f.n * f.w.grid;
    const bool many = f.groups == 1 && f.taps() > 1 && k_blocks >= kFewUnits;
    const bool outweigh = many && all.packed * bytes > kPackedBytes / 2 && f.n * f.strips() * strip <= all.packed;
    all.by_blocks = !f.shares && (heavy || outweigh || all.packed * bytes > kPackedBytes);
    // Few strips: cut the output channels too, so that several threads find work.
    all.units = f.n * f.groups * f.strips();
    all.k_splits = larger(1, smaller(k_blocks, ceil_div(8, larger(all.units, 1))));
    all.staged = all.by_blocks ? larger(1, smaller(f.n * f.strips(), kStagedBytes / bytes / strip)) : 0;
    all.scratch = ceil_div(f.lists + (all.by_blocks ? all.packed_block : f.strip + elements_of<T>(1)), 64) * 64;
    return all;
}
template <class T> Company company_of(const DirectProblem& p) { return company_of<T>(&p, 1); }

// The number of the strip that lies in a thread's scratch, at the end of it.
template <class T> int64_t& strip_in(T* own, const Company& all) {
    return *reinterpret_cast<int64_t*>(own + all.scratch - elements_of<T>(1));
}

inline int64_t direct_workspace(const Company& all, int threads, bool packed) {
    const int64_t shared = all.by_blocks ? all.staged * all.frame.c_blocks * all.frame.strip : packed ? 0 : all.packed;
    return threads * all.scratch + ceil_div(shared, 64) * 64;
}

}   // namespace
}   // namespace tk::TK_ISA
