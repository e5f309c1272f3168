// Whole numbers: sizes, and how often one fits into another.
#pragma once
#include <cstdint>

namespace tk {
namespace {

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

}   // namespace
}   // namespace tk
