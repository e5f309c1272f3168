// Depth, under Winograd's tiles: tiles lie within planes, and a tap of depth sees the tiles of another plane.
//
//   sums[plane d]  =  sum over taps t and channels of values[plane z(d, t)] * weights[t]
//
// A plane's values at the points are computed once and serve every plane and tap that sees them; planes of padding are
// left out. A run of bands holds the planes of a slab, of all the depth where it is not long:
//
//   values  [c vector][point][plane z][tile][L]       sums  [point][plane d][tile][2 vectors]
#pragma once
#include "kernels/positions.hpp"
#include "kernels/register_tile.hpp"

namespace tk::TK_ISA {
namespace {

constexpr int64_t kMostDepthTaps = 16;
constexpr int64_t kMostSights = 512;   // of the planes of a slab

// Plane d sees plane z = (d*stride + origin + t*dilation) / spacing by tap t, where that is whole and within [0, in).
struct Depth {
    int64_t in, out, taps, origin, dilation, stride, spacing;
};
inline Depth forward_depth(const ConvShape& s) { return {s.id, s.od, s.kd, -s.pd, s.dil_d, s.sd, 1}; }
// Of taps in reverse.
inline Depth backward_input_depth(const ConvShape& s) {
    return {s.od, s.id, s.kd, s.pd - (s.kd - 1) * s.dil_d, s.dil_d, 1, s.sd};
}
inline const char* cannot_depth(const ConvShape& s) {
    if (s.kd > kMostDepthTaps) return "for at most 16 taps of depth";
    return s.sd > s.kd ? "the stride of depth leaps over planes" : nullptr;
}

// The planes that one sees, counted from `first`.
struct Sight {
    int64_t tap, plane;
};
inline int64_t sights_of(Sight* to, const Depth& v, int64_t d, int64_t first) {
    int64_t count = 0;
    for (int64_t t = 0; t < v.taps; ++t) {
        const int64_t at = d * v.stride + v.origin + t * v.dilation;
        if (at >= 0 && at % v.spacing == 0 && at / v.spacing < v.in) to[count++] = {t, at / v.spacing - first};
    }
    return count;
}

// Planes that hold all which the planes [d.begin, d.end) see.
inline Run planes_seen(const Depth& v, const Run& d) {
    const int64_t lowest = d.begin * v.stride + v.origin;
    const int64_t highest = (d.end - 1) * v.stride + v.origin + (v.taps - 1) * v.dilation;
    const int64_t begin = smaller(larger(ceil_div(lowest, v.spacing), 0), v.in);
    return {begin, larger(begin, smaller(highest / v.spacing + 1, v.in))};
}

// Depth is cut into `count` slabs.
struct Slabs {
    int64_t count, out, in;   // the most planes of one, computed and seen
    Run planes(const Depth& v, int64_t slab) const { return {v.out * slab / count, v.out * (slab + 1) / count}; }
};
// Such that so many bytes hold a slab, at `in` bytes for each plane seen and `out` for each computed; or of one plane.
inline Slabs slabs_of(const Depth& v, int64_t bytes, int64_t in, int64_t out) {
    const auto seen = [&](int64_t planes) {
        return smaller(v.in, ((planes - 1) * v.stride + (v.taps - 1) * v.dilation) / v.spacing + 1);
    };
    int64_t most = smaller(v.out, kMostSights / v.taps);
    while (most > 1 && seen(most) * in + most * out > bytes) --most;
    const int64_t count = ceil_div(v.out, most), planes = ceil_div(v.out, count);
    return {count, planes, seen(planes)};
}

// Bands [start, start + count) over planes d of a group, which see planes z; `tiles` in each of these.
struct TileRun {
    int64_t group, start, count, tiles;
    Run d, z;
};

}   // namespace
}   // namespace tk::TK_ISA
