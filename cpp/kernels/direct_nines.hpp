// Weights of nine taps that lie side by side, and their output channels 9 apart: of a 3x3 kernel's input gradient. One
// sweep deals them out to the parts that take them, so that each line is fetched once.
#pragma once
#include "kernels/direct_pack.hpp"

namespace tk::TK_ISA {
namespace {

// Whether each of the nine taps has its part, and block `k_block` of output channels fills whole vectors.
template <class T> bool deals_nine(const Company& all, int64_t k_block) {
    const DirectProblem& p = all.parts[0];
    int64_t taps = 0;
    for (int64_t i = 0; i < all.count; ++i) taps += all.parts[i].taps();
    const int64_t width = width_of<T>(p, k_block);
    return taps == 9 && p.w_oc == 9 && !p.w_pair && width % kLanes<T> == 0 && p.oc - k_block * p.outputs >= width;
}

// Channels [begin, end) of a block. `block`: its first weight.
template <class T>
void pack_nines(T* packed, const T* block, const Company& all, int64_t width, int64_t begin, int64_t end) {
    const int64_t w_ic = all.parts[0].w_ic;
    T* to[9];   // where the next channel of each tap goes
    for (int64_t c = begin; c < end; ++c) {
        for (int64_t i = 0; i < all.count; ++i) {
            const DirectProblem& p = all.parts[i];
            const int64_t c0 = c - c % p.c_sum, channels = smaller(p.c_sum, p.ic - c0);
            if (c > begin && c > c0) continue;   // within a sum
            T* line = packed + all.packed_at[i] + (c0 * p.taps() + c - c0) * width;
            for (int64_t a = 0; a < p.d.taps; ++a)
                for (int64_t b = 0; b < p.h.taps; ++b)
                    for (int64_t e = 0; e < p.w.taps; ++e, line += channels * width)
                        to[p.w_origin + a * p.w_d + b * p.w_h + e * p.w_w] = line;
        }
        const T* row = block + c * w_ic;
        fetch(row + kRowsAhead * w_ic, width * 9);
        for (int64_t k = 0; k < width; k += kLanes<T>) deal_nine(row + 9 * k, [&](int tap) { return to[tap] + k; });
        for (T*& line : to) line += width;
    }
}

}   // namespace
}   // namespace tk::TK_ISA
