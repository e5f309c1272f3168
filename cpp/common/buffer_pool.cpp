#include "common/buffer_pool.hpp"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
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
constexpr size_t kPage = 4096;   // x86's
constexpr size_t kHugePage = size_t{2} << 20;

// The pool holds at most this many bytes and nine eighths of what was ever in use at once: small networks never give
// memory back, large ones need hardly more than their tensors, and a thousand different shapes leave no more behind.
constexpr int64_t kAlwaysKept = int64_t{32} << 20;

// Classes of sizes of small blocks, eight to the octave: at most an eighth is wasted, and equal shapes meet again. The
// first sixteen are multiples of the alignment.
constexpr int kClasses = 64;
constexpr int size_class(size_t bytes) {
    int octave = 0;
    while (kAlignment << (octave + 4) <= bytes) ++octave;
    const size_t step = kAlignment << octave;
    return 8 * octave + static_cast<int>((bytes + step - 1) / step);
}
constexpr size_t size_of(int size_class) {
    const int octave = size_class < 16 ? 0 : size_class / 8 - 1;
    return static_cast<size_t>(size_class - 8 * octave) * (kAlignment << octave);
}
constexpr size_t kCarved = size_of(kClasses);   // from so many bytes on, whole pages are carved out of mapped memory

using Ranges = std::map<char*, size_t>;
struct Pool {
    std::mutex mutex;
    std::array<std::vector<void*>, kClasses> small;   // released, by class
    Ranges free;                                      // mapped memory that is not in use; no two of them touch
    char* bottom = nullptr;                           // where the latest mapping begins, at a huge page
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

// Below, whoever calls holds the lock.

size_t round_up(size_t bytes, size_t step) { return (bytes + step - 1) / step * step; }

void* in_use(Pool& p, void* address, size_t size) {
    p.stats.in_use_bytes += static_cast<int64_t>(size);
    p.stats.peak_bytes = std::max(p.stats.peak_bytes, p.stats.in_use_bytes);
    return address;
}
void cached(Pool& p, size_t size) { p.stats.cached_bytes += static_cast<int64_t>(size); }
void not_cached(Pool& p, size_t size) { p.stats.cached_bytes -= static_cast<int64_t>(size); }

// ---- mapped memory ------------------------------------------------------------------------------------------------

// Adds free memory, which becomes one range with what it touches.
void join(Pool& p, char* begin, size_t size) {
    cached(p, size);
    const auto after = p.free.lower_bound(begin);
    const auto range = p.free.emplace_hint(after, begin, size);
    if (after != p.free.end() && begin + size == after->first) {
        range->second += after->second;
        p.free.erase(after);
    }
    if (range == p.free.begin()) return;
    const auto before = std::prev(range);
    if (before->first + before->second != begin) return;
    before->second += range->second;
    p.free.erase(range);
}

// The lowest free bytes: what is used again and again stays close together, and in the caches. So does the beginning of
// a workspace that is not needed whole.
void* carve(Pool& p, size_t size) {
    const auto range = std::find_if(p.free.begin(), p.free.end(), [&](auto& one) { return one.second >= size; });
    if (range == p.free.end()) return nullptr;
    auto node = p.free.extract(range);
    char* begin = node.key();
    node.key() += size;
    if (node.mapped() -= size) p.free.insert(std::move(node));
    not_cached(p, size);
    return in_use(p, begin, size);
}

// Gives up to `most` bytes of the highest free memory back to the system.
void unmap_last(Pool& p, size_t most) {
    const auto range = std::prev(p.free.end());
    const size_t size = std::min(range->second, most);
    munmap(range->first + range->second - size, size);
    not_cached(p, size);
    if (!(range->second -= size)) p.free.erase(range);
}

void free_small(Pool& p) {
    for (int i = 0; i < kClasses; ++i) {
        auto& blocks = p.small[static_cast<size_t>(i)];
        for (void* one : blocks) std::free(one);
        not_cached(p, blocks.size() * size_of(i));
        blocks.clear();
    }
}

// Gives memory back to the system until `more` bytes have room.
void make_room(Pool& p, size_t more) {
    const int64_t most = kAlwaysKept + p.stats.peak_bytes + p.stats.peak_bytes / 8;
    const auto excess = [&] { return p.stats.in_use_bytes + p.stats.cached_bytes + static_cast<int64_t>(more) - most; };
    while (excess() > 0 && !p.free.empty()) unmap_last(p, round_up(static_cast<size_t>(excess()), kHugePage));
    if (excess() > 0) free_small(p);
}

void trim(Pool& p) {
    while (!p.free.empty()) unmap_last(p, SIZE_MAX);
    free_small(p);
}

char* map(char* wish, size_t size) {
    void* mapped = mmap(wish, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mapped == MAP_FAILED ? nullptr : static_cast<char*>(mapped);
}

// Makes `size` free bytes side by side: below the latest mapping, of which the free beginning counts, or elsewhere.
// Whole huge pages, so that neighbours share none.
bool map_more(Pool& p, size_t size) {
    make_room(p, round_up(size, kHugePage));
    const bool open = !p.free.empty() && p.free.begin()->first == p.bottom;
    size_t more = round_up(size - (open ? p.free.begin()->second : 0), kHugePage);
    char* const below = reinterpret_cast<uintptr_t>(p.bottom) > more ? p.bottom - more : nullptr;
    char* begin = map(below, more);
    if (!begin || begin != below) {
        if (begin) munmap(begin, more);
        more = round_up(size, kHugePage);
        if (!(begin = map(nullptr, more + kHugePage))) return false;
        const size_t before = kHugePage - reinterpret_cast<uintptr_t>(begin) % kHugePage;
        munmap(begin, before);
        begin += before;
        if (before < kHugePage) munmap(begin + more, kHugePage - before);
    }
    madvise(begin, more, MADV_HUGEPAGE);
    p.bottom = begin;
    join(p, begin, more);
    return true;
}

void* acquire_small(Pool& p, int wanted) {
    auto& blocks = p.small[static_cast<size_t>(wanted)];
    const size_t size = size_of(wanted);
    void* block = nullptr;
    if (!blocks.empty()) {
        p.stats.hits += 1;
        block = blocks.back();
        blocks.pop_back();
        not_cached(p, size);
        return in_use(p, block, size);
    }
    make_room(p, size);
    if (posix_memalign(&block, kAlignment, size) != 0) {
        trim(p);
        if (posix_memalign(&block, kAlignment, size) != 0) return nullptr;
    }
    p.stats.misses += 1;
    return in_use(p, block, size);
}

void* acquire_pages(Pool& p, size_t size) {
    if (void* block = carve(p, size)) {
        p.stats.hits += 1;
        return block;
    }
    if (!map_more(p, size)) {
        trim(p);
        if (!map_more(p, size)) return nullptr;
    }
    p.stats.misses += 1;
    return carve(p, size);
}

}   // namespace

Block pool_acquire(size_t bytes) {
    if (bytes > SIZE_MAX / 2) return {nullptr, 0};
    const int wanted = size_class(bytes ? bytes : 1);
    const size_t size = wanted < kClasses ? size_of(wanted) : round_up(bytes, kPage);
    Pool& p = pool();
    const std::lock_guard<std::mutex> guard(p.mutex);
    void* address = wanted < kClasses ? acquire_small(p, wanted) : acquire_pages(p, size);
    return {address, address ? size : 0};
}

void pool_release(const Block& block) {
    Pool& p = pool();
    const std::lock_guard<std::mutex> guard(p.mutex);
    p.stats.in_use_bytes -= static_cast<int64_t>(block.size);
    if (block.size >= kCarved) return join(p, static_cast<char*>(block.address), block.size);
    cached(p, block.size);
    p.small[static_cast<size_t>(size_class(block.size))].push_back(block.address);
}

void pool_trim() {
    Pool& p = pool();
    const std::lock_guard<std::mutex> guard(p.mutex);
    trim(p);
}

PoolStats pool_stats() {
    Pool& p = pool();
    const std::lock_guard<std::mutex> guard(p.mutex);
    return p.stats;
}

int64_t workspace_limit() { return limit; }
void set_workspace_limit(int64_t bytes) { limit = bytes; }

}   // namespace tk
