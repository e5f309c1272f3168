// What the machine can do at most: FMA peak, bandwidths, first touch. Prints a JSON object. Takes the threads.
// Compiled for one instruction set by machine.py, outside the extension module: nobody computes with this.
#include <immintrin.h>
#include <omp.h>
#include <sys/mman.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int VL = TK_VECTOR / sizeof(float);
using Vec = float __attribute__((vector_size(TK_VECTOR)));

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

constexpr int CHAINS = 12;   // sums that do not wait for each other: more than latency times units
constexpr long ROUNDS = 1000000;

// FLOPs a second, all threads together.
double fma_peak(int repeats) {
    double best = 0;
    for (int repeat = 0; repeat < repeats; ++repeat) {
        const double start = now();
#pragma omp parallel
        {
            Vec sum[CHAINS];
            Vec factor = Vec{} + 0.5f, term = Vec{} + 1.0f;
#pragma GCC unroll 12
            for (int i = 0; i < CHAINS; ++i) sum[i] = Vec{} + float(i);
            for (long round = 0; round < ROUNDS; ++round) {
                asm volatile("" : "+x"(factor), "+x"(term));   // not known before: every round is computed
#pragma GCC unroll 12
                for (int i = 0; i < CHAINS; ++i) sum[i] = sum[i] * factor + term;
            }
#pragma GCC unroll 12
            for (int i = 0; i < CHAINS; ++i) asm volatile("" ::"x"(sum[i]));
        }
        const double rate = 2.0 * VL * CHAINS * ROUNDS * omp_get_max_threads() / (now() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

// Seconds of body(begin, end) over `count` vectors shared out among the threads, the best of some.
template <class Body> double sweep(ptrdiff_t count, int repeats, Body body) {
    double best = 1e30;
    for (int repeat = 0; repeat < repeats; ++repeat) {
        const double start = now();
#pragma omp parallel
        {
            const ptrdiff_t threads = omp_get_num_threads(), me = omp_get_thread_num();
            body(count * me / threads, count * (me + 1) / threads);
        }
        const double seconds = now() - start;
        best = seconds < best ? seconds : best;
    }
    return best;
}

void stream(Vec* to, Vec value) {
    float* address = reinterpret_cast<float*>(to);
#if TK_VECTOR == 64
    _mm512_stream_ps(address, reinterpret_cast<__m512>(value));
#elif TK_VECTOR == 32
    _mm256_stream_ps(address, reinterpret_cast<__m256>(value));
#else
    _mm_stream_ps(address, reinterpret_cast<__m128>(value));
#endif
}

Vec* fresh(size_t bytes, int advice) {
    void* block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) std::exit(1);
    madvise(block, bytes, advice);
    return static_cast<Vec*>(block);
}

}   // namespace

int main(int, char** arguments) {
    omp_set_num_threads(std::atoi(arguments[1]));
    constexpr size_t BYTES = size_t(96) << 20;   // an array: three times a large cache
    constexpr ptrdiff_t COUNT = BYTES / sizeof(Vec);
    constexpr int REPEATS = 5;
    fma_peak(1);
    const double peak = fma_peak(REPEATS);

    Vec* a = fresh(BYTES, MADV_NOHUGEPAGE);
    Vec* b = fresh(BYTES, MADV_HUGEPAGE);
    const auto fill = [](Vec* to) {
        return [to](ptrdiff_t begin, ptrdiff_t end) {
            for (ptrdiff_t i = begin; i < end; ++i) to[i] = Vec{} + 1.0f;
        };
    };
    const double touch = sweep(COUNT, 1, fill(a)), touch_huge = sweep(COUNT, 1, fill(b));
    Vec* c = fresh(BYTES, MADV_HUGEPAGE);
    sweep(COUNT, 1, fill(c));
    munmap(a, BYTES);
    a = fresh(BYTES, MADV_HUGEPAGE);
    sweep(COUNT, 1, fill(a));

    const double read = sweep(COUNT, REPEATS, [&](ptrdiff_t begin, ptrdiff_t end) {
        Vec sum[4] = {};
        for (ptrdiff_t i = begin; i + 4 <= end; i += 4)
            for (int j = 0; j < 4; ++j) sum[j] += a[i + j];
        Vec all = sum[0] + sum[1] + sum[2] + sum[3];
        asm volatile("" : "+x"(all));
    });
    const double copy = sweep(COUNT, REPEATS, [&](ptrdiff_t begin, ptrdiff_t end) {
        for (ptrdiff_t i = begin; i < end; ++i) {
            Vec value = a[i];
            asm volatile("" : "+x"(value));   // no call of memcpy, which streams by itself
            b[i] = value;
        }
    });
    const double copy_stream = sweep(COUNT, REPEATS, [&](ptrdiff_t begin, ptrdiff_t end) {
        for (ptrdiff_t i = begin; i < end; ++i) stream(b + i, a[i]);
        _mm_sfence();
    });
    const double triad = sweep(COUNT, REPEATS, [&](ptrdiff_t begin, ptrdiff_t end) {
        for (ptrdiff_t i = begin; i < end; ++i) c[i] = a[i] + 3.0f * b[i];
    });
    std::printf(
        "{\"gflops\": %.4g, \"read\": %.4g, \"copy\": %.4g, \"copy_stream\": %.4g, \"triad\": %.4g, "
        "\"first_touch\": %.4g, \"first_touch_huge\": %.4g}\n",
        peak / 1e9, BYTES / read / 1e9, 2 * BYTES / copy / 1e9, 2 * BYTES / copy_stream / 1e9, 3 * BYTES / triad / 1e9,
        BYTES / touch / 1e9, BYTES / touch_huge / 1e9);
}
