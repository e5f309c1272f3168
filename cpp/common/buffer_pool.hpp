// A process-wide pool of 64-byte aligned blocks. First writes to fresh memory cost page faults, several times
// the price of the computation on large outputs; a block that comes back is handed out again as it is.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tk {

struct PoolStats {
    int64_t in_use_bytes, cached_bytes, peak_bytes;   // peak of in_use
    int64_t hits, misses;                             // blocks reused, blocks fresh from the system
};

struct Block {
    void* address;   // nullptr when the system has no such memory
    size_t size;     // at least what was asked for
};

Block pool_acquire(size_t bytes);
void pool_release(const Block& block);
void pool_trim();   // give cached blocks back to the system
PoolStats pool_stats();

// Bytes of workspace that an algorithm may ask for one thread; one that asks for more is not chosen.
int64_t workspace_limit();
void set_workspace_limit(int64_t bytes);

// Workspace for the length of a call.
class Lease {
public:
    explicit Lease(size_t bytes) : bytes_(bytes), block_(bytes ? pool_acquire(bytes) : Block{nullptr, 0}) {}
    ~Lease() {
        if (block_.address) pool_release(block_);
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    bool failed() const { return bytes_ && !block_.address; }
    template <class T> T* as() const { return static_cast<T*>(block_.address); }

private:
    size_t bytes_;
    Block block_;
};

}   // namespace tk
