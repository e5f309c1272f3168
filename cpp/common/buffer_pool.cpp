#include "common/buffer_pool.hpp"

#include <pthread.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

namespace tk {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kCacheLimit = size_t{1} << 30;   // bytes kept for reuse; more goes back to the system

struct Pool {
    std::mutex mutex;
    std::map<size_t, std::vector<void*>> free_blocks;   // by size class
    PoolStats stats{};
};

// Never destroyed: arrays may outlive the interpreter's shutdown.
Pool& pool() {
    static Pool* instance = new Pool;
    return *instance;
}

std::atomic<int64_t> limit{INT64_MAX};

// The lock may be held by another thread at the moment of a fork: take it before, renew it in the child.
const int fork_handler =
    pthread_atfork([] { pool().mutex.lock(); }, [] { pool().mutex.unlock(); }, [] { new (&pool().mutex) std::mutex; });

// Eight classes to the octave: at most an eighth is wasted, and equal shapes meet again.
size_t size_class(size_t bytes) {
    size_t step = kAlignment;
    while (step * 16 <= bytes) step *= 2;
    return (bytes + step - 1) / step * step;
}

void* fresh(size_t bytes) {
    const size_t alignment = bytes >= 2 * kHugePage ? kHugePage : kAlignment;
    if (bytes > SIZE_MAX - alignment) return nullptr;
    void* block = nullptr;
    if (posix_memalign(&block, alignment, bytes) != 0) return nullptr;
    if (alignment == kHugePage) madvise(block, bytes, MADV_HUGEPAGE);
    return block;
}

}   // namespace

void* pool_acquire(size_t bytes) {
    if (bytes > SIZE_MAX / 2) return nullptr;
    const size_t size = size_class(bytes ? bytes : 1);
    Pool& p = pool();
    void* block = nullptr;
    {
        const std::lock_guard<std::mutex> guard(p.mutex);
        auto found = p.free_blocks.find(size);
        if (found != p.free_blocks.end() && !found->second.empty()) {
            block = found->second.back();
            found->second.pop_back();
            p.stats.cached_bytes -= static_cast<int64_t>(size);
            p.stats.hits += 1;
        }
    }
    const bool missed = !block;
    if (missed && !(block = fresh(size))) {
        pool_trim();
        if (!(block = fresh(size))) return nullptr;
    }
    const std::lock_guard<std::mutex> guard(p.mutex);
    p.stats.misses += missed;
    p.stats.in_use_bytes += static_cast<int64_t>(size);
    if (p.stats.in_use_bytes > p.stats.peak_bytes) p.stats.peak_bytes = p.stats.in_use_bytes;
    return block;
}

void pool_release(void* block, size_t bytes) {
    const size_t size = size_class(bytes ? bytes : 1);
    Pool& p = pool();
    {
        const std::lock_guard<std::mutex> guard(p.mutex);
        p.stats.in_use_bytes -= static_cast<int64_t>(size);
        if (p.stats.cached_bytes + static_cast<int64_t>(size) <= static_cast<int64_t>(kCacheLimit)) {
            p.free_blocks[size].push_back(block);
            p.stats.cached_bytes += static_cast<int64_t>(size);
            return;
        }
    }
    std::free(block);
}

void pool_trim() {
    Pool& p = pool();
    std::map<size_t, std::vector<void*>> blocks;
    {
        const std::lock_guard<std::mutex> guard(p.mutex);
        blocks.swap(p.free_blocks);
        p.stats.cached_bytes = 0;
    }
    for (auto& [size, list] : blocks)
        for (void* block : list) std::free(block);
}

PoolStats pool_stats() {
    Pool& p = pool();
    const std::lock_guard<std::mutex> guard(p.mutex);
    return p.stats;
}

int64_t workspace_limit() { return limit; }
void set_workspace_limit(int64_t bytes) { limit = bytes; }

}   // namespace tk
