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
thread_local bool alone = false;    // this thread takes no others to help

const int fork_handler = pthread_atfork(nullptr, nullptr, [] { forked = true; });

int usable_processors() {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    return 1;
}

// The units dealt out evenly: neighbours to one thread, the same ones in every loop of as many units, so that loops
// bound by memory find in a core's cache what the loop before left there. A thread that is done takes what others have
// not begun yet.
constexpr int kShares = 32;   // more threads than that share them
struct alignas(kApart) Share {
    std::atomic<int64_t> next;
    int64_t end;
};

struct Shares {
    Share shares[kShares];
    int count;

    Shares(int64_t units, int threads) : count(threads < kShares ? threads : kShares) {
        for (int i = 0; i < count; ++i) {
            shares[i].next.store(units * i / count, std::memory_order_relaxed);
            shares[i].end = units * (i + 1) / count;
        }
    }
    void run(void* context, void (*body)(void*, int64_t, int), int thread) {
        for (int i = 0; i < count; ++i) {
            Share& share = shares[(thread + i) % count];
            for (int64_t unit; (unit = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;)
                body(context, unit, thread);
        }
    }
};

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
    if (forked || alone || !has_openmp()) return 1;
    int limit = thread_limit;
    if (limit == 0) thread_limit = limit = default_threads();
    return limit;
}

void set_max_threads(int count) { thread_limit = count; }
void compute_alone() { alone = true; }

void parallel_units(int64_t units, void* context, void (*body)(void*, int64_t, int)) {
    [[maybe_unused]] const int threads = static_cast<int>(units < max_threads() ? units : max_threads());
#ifdef TK_STD_THREADS
    Shares shares(units, threads);
    std::vector<std::thread> others;
    for (int thread = 1; thread < threads; ++thread)
        others.emplace_back([&, thread] { shares.run(context, body, thread); });
    shares.run(context, body, 0);
    for (std::thread& one : others) one.join();
#else
#ifdef _OPENMP
    if (threads > 1 && !omp_in_parallel()) {
        Shares shares(units, threads);
#pragma omp parallel num_threads(threads)
        shares.run(context, body, omp_get_thread_num());
        return;
    }
#endif
    for (int64_t unit = 0; unit < units; ++unit) body(context, unit, 0);
#endif
}

}   // namespace tk
