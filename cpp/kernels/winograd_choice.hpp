// Which layers Winograd's filters take, and which of those they are the faster on.
#pragma once
#include "kernels/winograd_strided.hpp"
#include "kernels/winograd_tiles.hpp"

namespace tk::TK_ISA {
namespace {

inline const char* cannot_dilated(const ConvShape& s, int64_t stride) {
    if (stride > 1 && (dilation_h(s) > 1 || s.dil_w > 1)) return "for taps side by side alone";
    if (dilation_h(s) > kLongRow || s.dil_w > kLongRow || dilation_h(s) * s.dil_w > kLongRow)
        return "the taps lie so far apart that a block of tiles outgrows its scratch";
    return nullptr;
}

// ---- what the filters of stride 1 take ----------------------------------------------------------------------------

inline const char* cannot_f4(const ConvShape& s) {
    if (s.kw != 3 || (s.kh != 3 && s.kh != 1)) return "for kernels of 3x3 and 3 alone";
    if (s.sh * s.sw != 1) return "for stride 1 alone";
    const char* why = cannot_dilated(s, 1);
    return why ? why : cannot_depth(s);
}
inline const char* cannot_f2(const ConvShape& s) { return s.kh == 3 ? cannot_f4(s) : "for kernels of 3x3 alone"; }

inline const char* declines_channels(const ConvShape& s) {
    if (s.ic / s.groups < 16 || s.oc / s.groups < 16)
        return "fewer than 16 channels per group: transforms would outweigh the products saved";
    if (s.ic / s.groups > 1024 || s.oc / s.groups > 1024)
        return "more than 1024 channels per group: the transformed weights would outgrow the caches";
    return nullptr;
}

// ---- small maps ---------------------------------------------------------------------------------------------------

// Tiles of Filter over a plane of what is computed, y or dx.
template <class Filter> int64_t tiles_over(int64_t height, int64_t width) {
    return ceil_div(height, Filter::outputs) * ceil_div(width, Filter::outputs);
}
// F(4x4) saves more products than F(2x2) on large maps. On small ones its tiles reach past the end, and with as many
// products F(2x2) is the faster by a fifth: its weights are fewer. At 5x9, with 1.11 times as many, still by a tenth.
constexpr double kWorthOfF2 = 1.15;
inline bool prefers_f2(int64_t height, int64_t width) {
    const auto products = [](int64_t tiles, int64_t points) { return static_cast<double>(tiles * points * points); };
    return products(tiles_over<F2>(height, width), F2::points) <=
           kWorthOfF2 * products(tiles_over<F4>(height, width), F4::points);
}
// Dilated maps of which tiles cover 2.04 times the outputs are 1.4, 1.6 and 1.1 times as fast as direct in the three
// directions, at 2.56 times 1.1, 1.2 and 0.86 times.
constexpr double kMostCovered = 2.25;
inline const char* declines_f4_tiles(const ConvShape& s, int64_t height, int64_t width) {
    const int64_t phases_h = dilation_h(s), phases_w = s.dil_w;
    if (phases_h * phases_w > 1) {
        const int64_t block_h = s.kh > 1 ? F4::outputs * phases_h : 1, block_w = F4::outputs * phases_w;
        const double covered = static_cast<double>(ceil_div(height, block_h) * block_h) *
                               static_cast<double>(ceil_div(width, block_w) * block_w);
        return covered > kMostCovered * static_cast<double>(height * width)
                   ? "the taps lie so far apart that tiles reach past the outputs"
                   : nullptr;
    }
    if (s.kh == 1) return width > 2 ? nullptr : "two outputs of three taps are as few products";
    return prefers_f2(height, width) ? "its tiles reach so far past the map that winograd_f2 needs as few products"
                                     : nullptr;
}
inline const char* declines_f2_tiles(const ConvShape& s, int64_t height, int64_t width) {
    if (dilation_h(s) * s.dil_w > 1 || !prefers_f2(height, width)) return "winograd_f4 saves more products";
    return height == 1 ? "maps of one row: half of every tile would lie beside it" : nullptr;
}

// Of 3x3, stride 2. With 8 lanes, maps of 14x14 to 27x27 gain 1.04 to 1.5 from 64 channels on, but not where tiles
// cover 1.38 times the outputs (17x17). With 16, products are less of the time: 3x3x3 gains 1.16 to 1.2 from 128
// channels on, others 0.8 to 1.15.
inline const char* declines_strided3_tiles(const ConvShape& s) {
    constexpr bool wide = kLanes<float> > 8;
    constexpr int64_t tile = Strided3::outputs, least = wide ? 128 : 64;
    if (s.oh >= 28 && s.ow >= 28) return nullptr;
    const int64_t covered = ceil_div(s.oh, tile) * tile * ceil_div(s.ow, tile) * tile;
    const bool few = s.ic / s.groups < least || s.oc / s.groups < least || (wide && s.kd == 1);
    return few || s.oh < 14 || s.ow < 14 || 3 * covered > 4 * s.oh * s.ow
               ? "outputs smaller than 28x28: transforms would outweigh the products saved"
               : nullptr;
}

// Of windows dealt out into places, with so many products for 4x4 outputs. Taken, it is 1.1 to 3 times as fast as
// direct, at batch 1 and outputs of 28x28 0.95 to 2; where it declines, 0.6 to 1.4 (14x14, batch 1), 0.8 to 1.2 (5x5 of
// 3 channels), 0.6 to 1.0 (7x7 of one, 0.9 on AVX2).
constexpr double kDealtCost = 20, kWorthDealing = 1.7;
constexpr int64_t kMostDealt = 1 << 14;   // weights for each tap of places: 3 MB when they are transformed
inline const char* declines_dealt(const ConvShape& s, int64_t products) {
    constexpr int64_t outputs = F4::outputs * F4::outputs, least = 28;
    const int64_t ic = s.ic / s.groups, oc = s.oc / s.groups, places = ic * s.sh * s.sw;
    if (oc < 16 || s.oh < least || s.ow < least)
        return "fewer than 16 channels or outputs smaller than 28x28: transforms would outweigh the products saved";
    if (places * s.kd * oc > kMostDealt) return "so many channels and places that their weights outgrow the caches";
    const double tiles = static_cast<double>(places * products) / outputs;
    return static_cast<double>(ic * s.kh * s.kw) < kWorthDealing * (tiles + kDealtCost)
               ? "tiles would save few products: the transforms outweigh them"
               : nullptr;
}

// Of 4x4, stride 2.
inline const char* declines_strided_tiles(const ConvShape& s) {
    constexpr int64_t tile = Strided4::outputs;
    const int64_t covered = ceil_div(s.oh, tile) * tile * ceil_div(s.ow, tile) * tile;
    return 5 * covered > 7 * s.oh * s.ow ? "its tiles reach so far past the map that direct saves as much" : nullptr;
}

}   // namespace
}   // namespace tk::TK_ISA
