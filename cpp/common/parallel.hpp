// Fixed-chunk parallel loops: the work is cut into numbered units that depend on the shape alone; any thread may take
// any unit, so nothing a unit computes may depend on who runs it.
#pragma once
#include <cstdint>

namespace tk {

int max_threads();   // threads a region may use now (1 in a forked child)
void set_max_threads(int count);
void compute_alone();    // from here on the calling thread's regions are its own: others are at work beside it
int default_threads();   // OMP_NUM_THREADS, else the processors this process may use
bool has_openmp();

// Runs body(context, unit, thread) for each unit in [0, units); thread < max_threads().
void parallel_units(int64_t units, void* context, void (*body)(void*, int64_t unit, int thread));

// Below this many elementary operations a region costs more than it saves.
constexpr int64_t kSerialWork = 32768;

// Elements of an elementwise loop's chunk: a multiple of every vector's lanes, so that only the last chunk has a tail.
constexpr int64_t kElementGrain = 8192;

// Bytes between what two threads write all the time: a core fetches lines around one that it uses, and takes them from
// the other core's cache. Depthwise kernels whose tables lay 128 bytes apart gained nothing from a second thread.
constexpr int64_t kApart = 512;

namespace {

// So many elements of T, and room: what follows them lies apart.
template <class T> constexpr int64_t apart(int64_t elements) {
    constexpr int64_t step = kApart / static_cast<int64_t>(sizeof(T));
    return (elements + step - 1) / step * step;
}

// f(unit, thread) for each unit; `work` is the number of elementary operations of the whole loop.
template <class F> inline void parallel_for(int64_t units, int64_t work, F&& f) {
    struct Call {   // not inlined: one copy of the body serves both ways
        static __attribute__((noinline)) void run(void* context, int64_t unit, int thread) {
            (*static_cast<decltype(&f)>(context))(unit, thread);
        }
    };
    if (units > 1 && work >= kSerialWork) return parallel_units(units, &f, &Call::run);
    for (int64_t unit = 0; unit < units; ++unit) Call::run(&f, unit, 0);
}

// f(begin, end) over [0, total) in chunks of `grain` elements; `cost` elementary operations per element.
template <class F> inline void parallel_chunks(int64_t total, int64_t grain, int64_t cost, F&& f) {
    const int64_t units = (total + grain - 1) / grain;
    parallel_for(units, total * cost, [&](int64_t unit, int) {
        const int64_t begin = unit * grain;
        f(begin, begin + grain < total ? begin + grain : total);
    });
}

}   // namespace
}   // namespace tk
