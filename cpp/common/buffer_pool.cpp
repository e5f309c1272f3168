#include "common/buffer_pool.hpp"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace tk {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;

// The pool holds at most this many bytes and nine eighths of what was ever in use at once: small networks never give a
// block back, large ones need hardly more than their tensors, and a thousand different shapes leave no more behind.
constexpr int64_t kAlwaysKept = int64_t{32} << 20;

// Classes of sizes, eight to the octave: at most an eighth is wasted, and equal shapes meet again. The first sixteen
// are multiples of the alignment.
constexpr int kClasses = 8 * 64;
int size_class(size_t bytes) {
    int octave = 0;
    while (kAlignment << (octave + 4) <= bytes) ++octave;
    const size_t step = kAlignment << octave;
    return 8 * octave + static_cast<int>((bytes + step - 1) / step);
}
size_t size_of(int size_class) {
    const int octave = size_class < 16 ? 0 : size_class / 8 - 1;
    return static_cast<size_t>(size_class - 8 * octave) * (kAlignment << octave);
}

struct Free {
    void* block;
    uint64_t released;   // the later, the larger
};
using FreeBlocks = std::array<std::vector<Free>, kClasses>;   // the oldest first
struct Pool {
    std::mutex mutex;
    FreeBlocks free_blocks;
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
    const int64_t most = kAlwaysKept + p.stats.peak_bytes + p.stats.peak_bytes / 8;
    while (p.stats.cached_bytes > 0 &&
           p.stats.in_use_bytes + p.stats.cached_bytes + static_cast<int64_t>(more) > most) {
        const auto oldest = std::min_element(p.free_blocks.begin(), p.free_blocks.end(), [](auto& a, auto& b) {
            return !a.empty() && (b.empty() || a.front().released < b.front().released);
        });
        const size_t size = size_of(static_cast<int>(oldest - p.free_blocks.begin()));
        give_back(oldest->front().block, size);
        oldest->erase(oldest->begin());
        p.stats.cached_bytes -= static_cast<int64_t>(size);
    }
}

// A block that was released, or none: of the smallest class that is large enough, and not too large. The lock is held.
Block reuse(Pool& p, int wanted) {
    const int most = wanted < 8 ? 2 * wanted : wanted + 8;   // the class of twice the size
    for (int found = wanted; found <= most; ++found) {
        auto& blocks = p.free_blocks[static_cast<size_t>(found)];
        if (blocks.empty()) continue;
        const Block block{blocks.back().block, size_of(found)};
        blocks.pop_back();
        p.stats.cached_bytes -= static_cast<int64_t>(block.size);
        return block;
    }
    return {nullptr, 0};
}

void count_in(Pool& p, const Block& block) {
    p.stats.in_use_bytes += static_cast<int64_t>(block.size);
    p.stats.peak_bytes = std::max(p.stats.peak_bytes, p.stats.in_use_bytes);
}

}   // namespace

Block pool_acquire(size_t bytes) {
    if (bytes > SIZE_MAX / 2) return {nullptr, 0};
    const int wanted = size_class(bytes ? bytes : 1);
    const size_t size = size_of(wanted);
    Pool& p = pool();
    {
        const std::lock_guard<std::mutex> guard(p.mutex);
        const Block block = reuse(p, wanted);
        if (block.address) {
            p.stats.hits += 1;
            count_in(p, block);
            return block;
        }
        make_room(p, size);
    }
    void* address = fresh(size);
    if (!address) {
        pool_trim();
        if (!(address = fresh(size))) return {nullptr, 0};
    }
    const std::lock_guard<std::mutex> guard(p.mutex);
    p.stats.misses += 1;
    count_in(p, {address, size});
    return {address, size};
}

void pool_release(const Block& block) {
    Pool& p = pool();
    const std::lock_guard<std::mutex> guard(p.mutex);
    p.stats.in_use_bytes -= static_cast<int64_t>(block.size);
    p.stats.cached_bytes += static_cast<int64_t>(block.size);
    p.free_blocks[static_cast<size_t>(size_class(block.size))].push_back({block.address, ++p.releases});
}

void pool_trim() {
    Pool& p = pool();
    FreeBlocks blocks;
    {
        const std::lock_guard<std::mutex> guard(p.mutex);
        blocks.swap(p.free_blocks);
        p.stats.cached_bytes = 0;
    }
    for (int i = 0; i < kClasses; ++i)
        for (const Free& one : blocks[static_cast<size_t>(i)]) give_back(one.block, size_of(i));
}

PoolStats pool_stats() {
    Pool& p = pool();
    const std::lock_guard<std::mutex> guard(p.mutex);
    return p.stats;
}

int64_t workspace_limit() { return limit; }
void set_workspace_limit(int64_t bytes) { limit = bytes; }

}   // namespace tk
