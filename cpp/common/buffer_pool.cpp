#include "common/buffer_pool.hpp"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <unordered_map>
#include <vector>

namespace tk {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;

// Beside this many bytes the pool holds at most twice what was ever in use at once: two sets of shapes may alternate
// without a page fault, and a thousand different ones leave no more behind.
constexpr int64_t kAlwaysKept = int64_t{32} << 20;

struct Free {
    void* block;
    uint64_t released;   // the later, the larger
};
struct Pool {
    std::mutex mutex;
    std::map<size_t, std::vector<Free>> free_blocks;   // by size class, the oldest first
    std::unordered_map<void*, size_t> handed_out;      // blocks in use, and their classes
    uint64_t releases = 0;
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

// Large blocks are mapped by themselves, so that giving one back lowers the process's memory at once; those of several
// huge pages begin at one.
constexpr size_t kMapped = size_t{1} << 20;

void* fresh(size_t bytes) {
    if (bytes < kMapped) {
        void* block = nullptr;
        return posix_memalign(&block, kAlignment, bytes) == 0 ? block : nullptr;
    }
    const size_t slack = bytes >= 2 * kHugePage ? kHugePage : 0;
    if (bytes > SIZE_MAX - slack) return nullptr;
    void* mapped = mmap(nullptr, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return nullptr;
    if (!slack) return mapped;
    char* begin = static_cast<char*>(mapped);
    const size_t before = (kHugePage - reinterpret_cast<uintptr_t>(begin) % kHugePage) % kHugePage;
    if (before) munmap(begin, before);
    if (slack > before) munmap(begin + before + bytes, slack - before);
    madvise(begin + before, bytes, MADV_HUGEPAGE);
    return begin + before;
}

void give_back(void* block, size_t bytes) {
    if (bytes < kMapped) std::free(block);
    else munmap(block, bytes);
}

// Gives the blocks that have waited longest back to the system until `more` bytes have room. The lock is held.
void make_room(Pool& p, size_t more) {
    const int64_t most = kAlwaysKept + 2 * p.stats.peak_bytes;
    while (p.stats.cached_bytes > 0 &&
           p.stats.in_use_bytes + p.stats.cached_bytes + static_cast<int64_t>(more) > most) {
        auto oldest = p.free_blocks.end();
        for (auto it = p.free_blocks.begin(); it != p.free_blocks.end(); ++it)
            if (oldest == p.free_blocks.end() || it->second.front().released < oldest->second.front().released)
                oldest = it;
        give_back(oldest->second.front().block, oldest->first);
        oldest->second.erase(oldest->second.begin());
        p.stats.cached_bytes -= static_cast<int64_t>(oldest->first);
        if (oldest->second.empty()) p.free_blocks.erase(oldest);
    }
}

}   // namespace

void* pool_acquire(size_t bytes) {
    if (bytes > SIZE_MAX / 2) return nullptr;
    size_t size = size_class(bytes ? bytes : 1);
    Pool& p = pool();
    void* block = nullptr;
    {
        const std::lock_guard<std::mutex> guard(p.mutex);
        const auto found = p.free_blocks.lower_bound(size);   // the smallest that is large enough, and not too large
        if (found != p.free_blocks.end() && found->first <= 2 * size) {
            size = found->first;
            block = found->second.back().block;
            found->second.pop_back();
            if (found->second.empty()) p.free_blocks.erase(found);
            p.stats.cached_bytes -= static_cast<int64_t>(size);
            p.stats.hits += 1;
        } else {
            make_room(p, size);
        }
    }
    const bool missed = !block;
    if (missed && !(block = fresh(size))) {
        pool_trim();
        if (!(block = fresh(size))) return nullptr;
    }
    const std::lock_guard<std::mutex> guard(p.mutex);
    p.handed_out[block] = size;
    p.stats.misses += missed;
    p.stats.in_use_bytes += static_cast<int64_t>(size);
    if (p.stats.in_use_bytes > p.stats.peak_bytes) p.stats.peak_bytes = p.stats.in_use_bytes;
    return block;
}

void pool_release(void* block) {
    Pool& p = pool();
    const std::lock_guard<std::mutex> guard(p.mutex);
    const auto held = p.handed_out.find(block);
    const size_t size = held->second;
    p.handed_out.erase(held);
    p.stats.in_use_bytes -= static_cast<int64_t>(size);
    p.stats.cached_bytes += static_cast<int64_t>(size);
    p.free_blocks[size].push_back({block, ++p.releases});
}

void pool_trim() {
    Pool& p = pool();
    std::map<size_t, std::vector<Free>> blocks;
    {
        const std::lock_guard<std::mutex> guard(p.mutex);
        blocks.swap(p.free_blocks);
        p.stats.cached_bytes = 0;
    }
    for (auto& [size, list] : blocks)
        for (const Free& one : list) give_back(one.block, size);
}

PoolStats pool_stats() {
    Pool& p = pool();
    const std::lock_guard<std::mutex> guard(p.mutex);
    return p.stats;
}

int64_t workspace_limit() { return limit; }
void set_workspace_limit(int64_t bytes) { limit = bytes; }

}   // namespace tk
