// Sizes of the matrix product's blocks, in one place. Measured on a Zen 4 (32 KB L1, 1 MB L2) and an
// Intel Xeon with AMX (48 KB, 2 MB), AVX2's on a Zen 3 (32 KB, 512 KB), November 2026. None of them shows in the bits
// of a result, but for kDottedTerms and kDotTerms: they cut an element's sum, by k alone.
#pragma once
#include "kernels/simd.hpp"

namespace tk::TK_ISA {
namespace {

constexpr bool kNarrowTiles = kTilePixels < 14;   // without AVX-512

constexpr int64_t kTerms = 256;                           // KC: of the inner dimension packed at a time
constexpr int64_t kUnitTiles = kNarrowTiles ? 32 : 16;    // MC: of kTilePixels rows; packed they stay in half of L2
constexpr int64_t kTileRows = kTilePixels + 2;            // of a tile as packed: whole vectors
constexpr int64_t kUnitColumns = kNarrowTiles ? 32 : 8;   // NC: of 2 vectors, each of which stays in L1 packed;
constexpr int64_t kPackedPanels = 8;                      // so many are packed at a time, in long runs of rows of b,
constexpr int64_t kRowsAhead = 4;                         // the row so far ahead called in
constexpr int64_t kFewUnits = 8;                          // units are cut smaller until there are as many
constexpr int64_t kStreamedRows = 4;                      // up to as many rows, b is read once and never packed
constexpr int64_t kStreamedTerms = 8;                     // so many rows of b side by side
constexpr int64_t kNear = 1 << 18;     // elements of b that stay in L2: then all of its rows are side by side
constexpr int64_t kFewTerms = 4;       // up to as many, c is what one waits for: nothing is packed
constexpr int64_t kDottedTerms = 64;   // from as many on, rows along k are multiplied as they lie
constexpr int64_t kDotTerms = 768;     // terms of a dot product at a time: tiles stay in L1
constexpr int64_t kDotTiles = kNarrowTiles ? 32 : 16;     // rows of a unit of dot products, in tiles
constexpr int64_t kCopiedRows = 48;                       // from as many on, rows along k are copied to whole vectors
constexpr int64_t kInPlaceRows = kNarrowTiles ? 0 : 28;   // up to as many rows, b is read once and never packed, and
constexpr int64_t kShortRun = 32;                         // so many of its rows at a time
constexpr int64_t kInPlaceColumns = 32;                   // of 2 vectors, that a unit then reads of each row
constexpr int64_t kProductsPerOperation = 8;              // multiply-adds that take as long as one elementary operation

// AVX2 takes one term, and one row, by loops without tiles.
template <class T> constexpr bool kNarrow = kTuned<T> && kNarrowTiles;

}   // namespace
}   // namespace tk::TK_ISA
