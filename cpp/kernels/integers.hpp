// Whole numbers: sizes, and how often one fits into another.
#pragma once
#include <cstdint>

namespace tk {
namespace {

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
// a / b downwards, of a positive b.
inline int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }
inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
// The size of parts, near-equal, at most `most` each, that make up `size`.
inline int64_t even_part(int64_t size, int64_t most) {
    return size <= most ? size : ceil_div(size, ceil_div(size, most));
}

}   // namespace
}   // namespace tk
