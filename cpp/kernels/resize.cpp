// Resampling along axes by tables of taps: every kind of interpolation but a nonseparable one, and its adjoint, which
// is the transposed table. Each axis is a pass (resize_pass.hpp); planes that a core's cache holds go through all of
// them at once.
#include "kernels/resize_pass.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kCachedPlane = 1 << 17;   // elements of the largest array of a plane that goes through all passes
constexpr int64_t kUnitWork = 1 << 14;      // elements of a parallel unit, about
constexpr int64_t kNearInput = 1 << 20;     // bytes of input that lie in the caches
constexpr int64_t kCalledIn = 4096;         // elements of rows that are called in at once, at most

// The passes, and where what they make lies between them.
template <class T> struct Plan {
    Pass<T> passes[3];
    int count = 0;
    int64_t in = 1, out = 1;                   // elements of a plane of x, of y
    int64_t between[2] = {0, 0};               // of what the first and the second pass make
    int64_t listed = 0, lanes = 0, work = 0;   // listed: of all Neighbours
    int64_t planes;   // that one unit takes through all passes; 0: the passes are made one by one

    Plan(const ResampleShape& s, const AxisTable<T>* tables, int tables_count) {
        int64_t sizes[3] = {s.id, s.ih, s.iw};
        const int64_t goals[3] = {s.od, s.oh, s.ow};
        const auto product = [&](int64_t begin, int64_t end) {
            int64_t total = 1;
            for (int64_t i = begin; i < end; ++i) total *= sizes[i];
            return total;
        };
        in = product(0, 3);
        for (int i = 0; i < tables_count; ++i) {
            const int64_t axis = tables[i].axis;
            Pass<T> pass{tables[i], product(0, axis), sizes[axis], goals[axis], product(axis + 1, 3)};
            pass.find_near();
            pass.calls_in = kByTwo<T> && i == 0 && s.planes * in * static_cast<int64_t>(sizeof(T)) > kNearInput &&
                            pass.read_at_once() <= kCalledIn;
            sizes[axis] = goals[axis];
            work += pass.outer * pass.taps() * pass.inner;
            if (count && passes[count - 1].takes_after(pass)) passes[count - 1].take_rows(pass, false);
            else {
                if (count && pass.takes_before(passes[count - 1])) pass.take_rows(passes[--count], true);
                passes[count++] = pass;
            }
        }
        out = product(0, 3);
        int64_t largest = larger(in, out), rows = kLanes<T>;
        for (int i = 0; i < count; ++i) {
            const Pass<T>& pass = passes[i];
            if (i + 1 < count) between[i] = pass.made();
            largest = larger(largest, pass.made());
            lanes = larger(lanes, pass.lanes());
            listed += pass.listed();
            if (pass.last()) rows = smaller(rows, pass.outer);
        }
        // enough planes that the lanes are filled
        planes = count < 2 || largest > kCachedPlane ? 0
                 : rows < kLanes<T>                  ? kLanes<T>
                                                     : larger(1, kUnitWork / larger(largest, 1));
        if (planes > s.planes) planes = larger(s.planes, 1);
    }

    // Of the workspace: first the Neighbours, then the lanes of every thread, then what lies between the passes, of
    // every thread or of all.
    int64_t workspace(const ResampleShape& s, int threads) const {
        return listed + threads * lanes + (planes ? threads * planes : s.planes) * (between[0] + between[1]);
    }
};

}   // namespace

template <class T>
void resample(T* y, const T* x, const ResampleShape& s, const AxisTable<T>* tables, int count, T* workspace) {
    Plan<T> plan(s, tables, count);
    for (int i = 0; i < plan.count; ++i) {   // several end in rows of one element
        Pass<T>& pass = plan.passes[i];
        if (pass.near) pass.list(workspace);
        workspace += pass.listed();
    }
    T* const between = workspace + max_threads() * plan.lanes;
    if (plan.planes == 0) {
        T* held[2] = {between, between + s.planes * plan.between[0]};
        const T* from = x;
        for (int i = 0; i < plan.count; ++i) {
            const Pass<T>& pass = plan.passes[i];
            T* to = i + 1 == plan.count ? y : held[i];
            const int64_t units = pass.units(s.planes), grain = larger(1, kUnitWork / larger(1, pass.unit_elements()));
            parallel_for(ceil_div(units, grain), s.planes * plan.work, [&](int64_t unit, int thread) {
                pass.run(to, from, s.planes, unit * grain, smaller((unit + 1) * grain, units),
                         workspace + thread * plan.lanes);
            });
            from = to;
        }
        return;
    }
    parallel_for(ceil_div(s.planes, plan.planes), s.planes * plan.work, [&](int64_t unit, int thread) {
        const int64_t first = unit * plan.planes, planes = smaller(plan.planes, s.planes - first);
        T* own = between + thread * plan.planes * (plan.between[0] + plan.between[1]);
        T* held[2] = {own, own + plan.planes * plan.between[0]};
        const T* from = x + first * plan.in;
        for (int i = 0; i < plan.count; ++i) {
            T* to = i + 1 == plan.count ? y + first * plan.out : held[i];
            plan.passes[i].run(to, from, planes, 0, plan.passes[i].units(planes), workspace + thread * plan.lanes);
            from = to;
        }
    });
}

template <class T>
int64_t resample_workspace(const ResampleShape& s, const AxisTable<T>* tables, int count, int threads) {
    return Plan<T>(s, tables, count).workspace(s, threads);
}

TK_EMIT(resample)
TK_EMIT(resample_workspace)

}   // namespace tk::TK_ISA
