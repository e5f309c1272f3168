#include "common/parallel.hpp"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cstdlib>

#ifdef TK_STD_THREADS   // under ThreadSanitizer
#include <thread>
#include <vector>
#elif defined(_OPENMP)
#include <omp.h>
#endif

namespace tk {
namespace {

std::atomic<int> thread_limit{0};   // 0: not set yet
std::atomic<bool> forked{false};    // libgomp's pool does not survive a fork: the child computes serially

const int fork_handler = pthread_atfork(nullptr, nullptr, [] { forked = true; });

int usable_processors() {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    return 1;
}

}   // namespace

bool has_openmp() {
#if defined(_OPENMP) || defined(TK_STD_THREADS)
    return true;
#else
    return false;
#endif
}

int default_threads() {
    if (!has_openmp()) return 1;
    if (const char* text = std::getenv("OMP_NUM_THREADS")) {
        const int count = std::atoi(text);
        if (count > 0) return count;
    }
    return usable_processors();
}

int max_threads() {
    if (forked || !has_openmp()) return 1;
    int limit = thread_limit;
    if (limit == 0) thread_limit = limit = default_threads();
    return limit;
}

void set_max_threads(int count) { thread_limit = count; }

void parallel_units(int64_t units, void* context, void (*body)(void*, int64_t, int), Schedule schedule) {
#ifdef TK_STD_THREADS
    (void)schedule;   // units are dealt out one by one
    std::atomic<int64_t> next{0};
    const auto work = [&](int thread) {
        for (int64_t unit; (unit = next++) < units;) body(context, unit, thread);
    };
    std::vector<std::thread> others;
    for (int thread = 1; thread < max_threads() && thread < units; ++thread) others.emplace_back(work, thread);
    work(0);
    for (std::thread& one : others) one.join();
#else
#ifdef _OPENMP
    const int threads = static_cast<int>(units < max_threads() ? units : max_threads());
    if (threads > 1 && !omp_in_parallel()) {
#pragma omp parallel num_threads(threads)
        {
            const int thread = omp_get_thread_num();
            if (schedule == Schedule::even) {
                const int64_t of = omp_get_num_threads(), end = units * (thread + 1) / of;
                for (int64_t unit = units * thread / of; unit < end; ++unit) body(context, unit, thread);
            } else
#pragma omp for schedule(dynamic, 1) nowait
                for (int64_t unit = 0; unit < units; ++unit) body(context, unit, thread);
        }
        return;
    }
#endif
    for (int64_t unit = 0; unit < units; ++unit) body(context, unit, 0);
#endif
}

}   // namespace tk
