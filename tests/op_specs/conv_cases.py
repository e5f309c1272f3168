"""The geometries that convolution is tried on, one list for every direction: small ones, one number filled at a time,
hostile sizes, tiles and their tails, groups of one channel, and big ones that several threads share."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.oracles import conv as oracle


class Case(NamedTuple):
    label: str
    x: tuple[int, ...]
    weight: tuple[int, ...]
    options: dict[str, Any] = {}  # noqa: RUF012 (never written to)
    bias: bool = True
    big: bool = False

    @property
    def kernel(self) -> tuple[int, ...]:
        return self.weight[2:]

    @property
    def window(self) -> dict[str, Any]:
        return {name: value for name, value in self.options.items() if name != "groups"}

    @property
    def y(self) -> tuple[int, ...]:
        get = self.options.get
        options = get("stride", 1), get("padding", 0), get("dilation", 1)
        sizes, _ = oracle.meetings(self.x[2:], self.kernel, *options)
        return (self.x[0], self.weight[0], *sizes)


EVERYTHING_2D = {"stride": (2, 3), "padding": ((2, 1), (0, 3)), "dilation": (2, 1), "groups": 2}
EVERYTHING_3D = {"stride": (1, 2, 2), "padding": ((0, 1), (1, 0), (2, 1)), "dilation": (2, 1, 1), "groups": 2}

SMALL = [
    Case("1d", (2, 3, 11), (4, 3, 3)),
    Case("1d everything", (3, 4, 13), (6, 2, 3), {"stride": 2, "padding": ((3, 1),), "dilation": 2, "groups": 2}),
    Case("1d same strided", (2, 1, 10), (2, 1, 4), {"stride": 3, "padding": "same"}),
    Case("2d", (2, 3, 6, 7), (4, 3, 3, 3), bias=False),
    Case("stride", (2, 2, 9, 8), (3, 2, 3, 2), {"stride": (2, 3)}),
    Case("padding", (1, 2, 4, 5), (3, 2, 3, 3), {"padding": (1, 2)}),
    Case("asymmetric padding", (2, 2, 4, 5), (3, 2, 3, 2), {"padding": ((1, 2), (0, 3))}, bias=False),
    Case("same", (2, 2, 5, 6), (3, 2, 4, 3), {"padding": "same"}),
    Case("same strided", (2, 2, 7, 8), (3, 2, 3, 4), {"padding": "same", "stride": (2, 3)}),
    Case("same dilated", (1, 2, 7, 6), (3, 2, 3, 2), {"padding": "same", "dilation": (2, 3), "stride": 2}),
    Case("valid", (1, 2, 5, 6), (3, 2, 2, 3), {"padding": "valid"}),
    Case("dilation", (2, 2, 9, 8), (3, 2, 3, 3), {"dilation": (3, 2)}),
    Case("groups", (2, 6, 5, 4), (9, 2, 3, 2), {"groups": 3}),
    Case("depthwise", (2, 5, 6, 7), (5, 1, 3, 3), {"groups": 5, "padding": 1}),
    Case("depthwise multiplied", (1, 3, 6, 7), (6, 1, 3, 3), {"groups": 3, "stride": 2, "padding": 1}),
    Case("everything", (3, 4, 8, 9), (6, 2, 3, 2), EVERYTHING_2D),
    Case("3d", (1, 2, 4, 5, 6), (3, 2, 2, 3, 3)),
    Case("3d everything", (2, 4, 5, 4, 6), (2, 2, 2, 3, 2), EVERYTHING_3D),
]


def _filled(case: Case) -> Case:
    """The same geometry with channels enough, and a vector's tail of them, for kernels that want vectors of them."""
    groups = case.options.get("groups", 1)
    x, weight = (case.x[0], 5 * groups, *case.x[2:]), (9 * groups, 5, *case.kernel)
    return case._replace(label=f"{case.label}, filled", x=x, weight=weight, bias=not case.bias)


HOSTILE = [
    Case("input < stride, grouped", (1, 2, 1), (8, 1, 2), {"stride": 2, "padding": ((0, 1),), "groups": 2}),
    Case("one element", (1, 1, 1, 1), (1, 1, 1, 1)),
    Case("kernel = image", (3, 2, 5, 4), (7, 2, 5, 4)),
    Case("stride > kernel", (2, 3, 9, 11), (4, 3, 2, 2), {"stride": (4, 5)}),
    Case("padding > kernel", (1, 2, 3, 3), (3, 2, 2, 2), {"padding": 4}),
    Case("dilation > image", (1, 2, 3, 4), (3, 2, 2, 2), {"padding": 3, "dilation": (5, 6)}),
    Case("1x1", (3, 5, 4, 7), (6, 5, 1, 1)),
    Case("1x1 strided", (2, 5, 7, 6), (4, 5, 1, 1), {"stride": 2, "padding": 1}),
    Case("5x5 same", (1, 3, 9, 10), (5, 3, 5, 5), {"padding": "same"}),
    Case("row", (2, 3, 5, 12), (4, 3, 1, 7), {"padding": ((0, 0), (3, 3))}),
    Case("column", (2, 3, 12, 5), (4, 3, 7, 1), {"padding": ((3, 3), (0, 0))}),
    Case("padding 2 around 3x3", (1, 4, 7, 7), (4, 4, 3, 3), {"padding": 2}),
    Case("primes", (3, 5, 11, 13), (7, 5, 3, 5), {"padding": (1, 2)}),
    Case("empty batch", (0, 3, 6, 7), (4, 3, 3, 3), {"padding": 1}),
    Case("wide channels", (2, 37, 6, 19), (65, 37, 3, 3), {"padding": 1}),
    Case("wide grouped", (1, 34, 5, 9), (66, 17, 3, 3), {"padding": 1, "groups": 2}),
    # Several sums of 96 terms, forward and backward; rows and planes that no scratch of 192 KB holds.
    Case("long sums", (2, 61, 4, 5), (5, 61, 3, 3), {"padding": 1}),
    Case("long sums backward", (1, 5, 6, 7), (131, 5, 3, 3), {"stride": 2, "padding": 1}),
    Case("long rows", (1, 40, 1300), (5, 40, 2), {"padding": 1}),
    Case("tall planes", (2, 32, 50, 40), (5, 32, 2, 1)),
    # By Fourier transforms: blocks and their pairs in several vectors, odd ones, gaps, more padding than taps.
    Case("long kernel", (2, 3, 700), (5, 3, 40), {"padding": 12}),
    Case("long kernel, groups", (3, 6, 350), (10, 3, 31), {"padding": ((0, 41),), "groups": 2}, bias=False),
    Case("long kernel apart", (2, 4, 420), (6, 2, 26), {"padding": "same", "dilation": 3, "groups": 2}),
    Case("long kernel, one signal", (1, 1, 1700), (1, 1, 150), {"padding": 75}),
    Case("long kernel, one position", (3, 2, 90), (3, 2, 90)),
    Case("long kernels of their own", (2, 5, 500), (5, 1, 64), {"padding": 20, "groups": 5}),
    # Along pixels of several rows: sums in blocks of channels, tiles of fewer than four, odd sizes.
    Case("strided groups of five", (3, 15, 9, 12), (21, 5, 3, 3), {"groups": 3, "stride": 2, "padding": 1}),
    Case("strided groups of 32", (2, 64, 6, 7), (64, 32, 3, 3), {"groups": 2, "stride": 2, "padding": 1}),
    Case("strided groups, everything", (2, 12, 9, 23), (18, 6, 2, 5), {**EVERYTHING_2D, "stride": (3, 2)}),
    # Winograd's: more groups than there are shares for threads.
    Case("many groups", (2, 160, 8, 9), (160, 16, 3, 3), {"groups": 10, "padding": 1}),
    # The weight gradient: roles swapped, several groups in a vector, the last block of groups not full.
    Case("1x1 to more channels", (2, 70, 9, 10), (90, 70, 1, 1)),
    Case("1x1 to fewer channels, few positions", (1, 96, 5, 7), (41, 96, 1, 1)),
    Case("1x1 to fewer channels, few positions, tails", (2, 150, 3, 5), (66, 75, 1, 1), {"groups": 2}),
    # Strips that are lengthened so that chunks have as many, strips of three images and of four.
    Case("1x1 of long rows", (1, 17, 3500), (30, 17, 1)),
    Case("strips of several images", (7, 20, 9, 10), (30, 20, 3, 3), {"padding": 1}),
    # And of every other column: whole vectors and a tail of channels, strips that begin within a row.
    Case("1x1 strided to more channels", (3, 144, 9, 11), (150, 144, 1, 1), {"stride": 2}),
    Case("1x1 strided, tails", (2, 260, 5, 9), (262, 130, 1, 1), {"groups": 2, "stride": (1, 2)}, bias=False),
    Case("1x1 strided, rows cut", (2, 128, 41, 26), (130, 128, 1, 1), {"stride": 2}),
    # More weights than input: 1x1 takes block after block of them, in whole vectors and a tail.
    Case("1x1 of many weights", (2, 70, 3, 5), (110, 70, 1, 1)),
    Case("1x1 of many weights, grouped", (1, 140, 3, 5), (220, 70, 1, 1), {"groups": 2}, bias=False),
    Case("groups of four", (2, 24, 7, 9), (24, 4, 3, 3), {"padding": 1, "groups": 6}),
    Case("groups of four, everything", (2, 12, 9, 11), (12, 4, 3, 2), {**EVERYTHING_2D, "groups": 3}),
    # The input gradient with few channels: strips of rows, of columns, four phases a row.
    Case("tall first layer", (1, 3, 70, 70), (17, 3, 3, 3), {"padding": 1}, big=True),
    # The same as one product: tails of lines and positions, rows that a ring holds in turn, sums cut in two.
    Case("first layer, long sums", (2, 3, 9, 63), (101, 3, 3, 3), {"padding": 1}),
    Case("first layer, stem", (2, 3, 31, 75), (17, 3, 7, 7), {"stride": 2, "padding": 3}),
    Case("first layer, stride 4", (1, 3, 47, 52), (16, 3, 11, 11), {"stride": 4, "padding": 2}),
    # Places of blocks of a stride as Winograd's channels: three and four blocks, groups, depth, tails of all, no room.
    Case("dealt, groups", (2, 12, 23, 30), (38, 6, 5, 6), {"stride": 2, "padding": ((1, 2), (0, 3)), "groups": 2}),
    Case("dealt, four blocks", (3, 5, 18, 21), (17, 5, 7, 8), {"stride": 2, "padding": ((7, 0), (2, 6))}),
    Case("dealt by four", (2, 5, 37, 50), (18, 5, 9, 12), {"stride": 4, "padding": ((0, 5), (4, 1))}, bias=False),
    Case("dealt by four, groups", (1, 6, 41, 40), (34, 3, 16, 13), {"stride": 4, "padding": 6, "groups": 2}),
    Case("dealt, depth", (2, 3, 5, 17, 19), (19, 3, 3, 7, 5), {"stride": (2, 2, 2), "padding": (1, 3, 2)}),
    Case("dealt, one row", (2, 3, 6, 31), (17, 3, 1, 5), {"stride": 2, "padding": ((1, 0), (2, 2))}),
    Case("dealt, small", (2, 3, 3, 2), (5, 3, 6, 5), {"stride": 2, "padding": 4}),
    Case("first layer apart", (2, 2, 25, 23), (18, 2, 4, 3), {"stride": 3, "padding": ((4, 1), (0, 3)), "dilation": 2}),
    Case("first layer, far taps", (2, 3, 5, 80), (16, 3, 2, 2), {"padding": ((0, 1), (40, 0)), "dilation": (1, 40)}),
    Case("first layer, unpadded", (2, 3, 20, 75), (17, 3, 3, 9)),
    Case("long first layer", (2, 2, 1100), (18, 2, 3), {"padding": 1}),
    # Small maps of several groups of channels, the last one overlapping; zeros before and after each plane.
    Case("few channels, small maps", (2, 7, 9, 14), (17, 7, 3, 3), {"padding": 1}),
    Case("few channels, small maps, pushed right", (2, 7, 9, 14), (17, 7, 3, 5), {"padding": ((0, 1), (4, 1))}),
    Case("few channels, small maps, long sums", (2, 6, 14, 14), (101, 6, 5, 5)),
    Case("few channels, small maps apart", (2, 8, 12, 5), (18, 8, 3, 4), {"padding": ((7, 1), (0, 5)), "dilation": 2}),
    # The weight gradient as dot products: strips of rows and of columns, tails, rows as one run; outputs that overlap.
    Case("first layer, wide maps", (2, 3, 60, 94), (7, 3, 3, 3), {"padding": 1}),
    Case("first layer, long signals", (2, 1, 1100), (5, 1, 3)),
    Case("first layer, one run", (3, 1, 21, 27), (5, 1, 4, 3), {"padding": ((2, 1), (0, 3)), "dilation": (1, 2)}),
    Case("signal to many channels", (2, 1, 150), (40, 1, 2), {"padding": 1}),
    Case("strided first layer", (1, 3, 40, 90), (20, 3, 5, 5), {"stride": 4, "padding": 2}),
    # Five taps of a row at once: maps of seven columns, odd numbers of channels, whole tiles and tails between borders.
    Case("5x5 of seven columns", (3, 9, 6, 7), (40, 9, 5, 5), {"padding": 2}),
    Case("5x5 of few columns, unevenly", (2, 7, 8, 5), (13, 7, 5, 5), {"padding": ((4, 1), (0, 3))}),
    Case("5x5 of one vector", (2, 11, 7, 33), (16, 11, 5, 5), {"padding": ((2, 1), (4, 2))}),
    # Taps further apart than a tile is wide: planes as they lie, four columns of several rows, blocks of channels.
    Case("taps far apart", (2, 11, 17, 20), (37, 11, 3, 3), {"padding": 8, "dilation": 8}),
    Case(
        "taps far apart, strided rows",
        (2, 9, 23, 20),
        (35, 9, 3, 3),
        {"padding": (3, 8), "dilation": (3, 8), "stride": (2, 1)},
    ),
    Case("taps far apart, many channels", (1, 61, 40, 52), (33, 61, 3, 3), {"padding": 24, "dilation": 24}),
    # Rows of three or four columns taken together, within borders and beyond; phases whose nine taps are dealt out.
    Case("few columns of many rows", (2, 48, 13, 8), (61, 48, 3, 3), {"padding": 1, "stride": 2}),
    Case("few columns, groups", (1, 96, 9, 14), (66, 48, 3, 3), {"padding": 1, "stride": 2, "groups": 2}),
    *(Case(f"oc {oc}", (1, 4, 3, 4), (oc, 4, 2, 2)) for oc in (1, 7, 8, 9, 15, 16, 17, 31, 33)),
    *(Case(f"ic {ic}", (1, ic, 4, 3), (4, ic, 3, 2)) for ic in (1, 7, 8, 9, 16, 17, 33)),
    *(Case(f"width {w}", (1, 4, 3, w), (5, 4, 3, 3), {"padding": 1}) for w in (1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 65)),
    *(Case(f"width {w} strided", (1, 4, 4, w), (5, 4, 3, 3), {"padding": 1, "stride": 2}) for w in (15, 16, 17, 33)),
]
# Groups of one input channel; widths around a vector of 32 bytes, the maps of small networks, whole tiles and tails.
DEPTHWISE = [
    Case("depthwise 1d", (2, 3, 29), (3, 1, 5), {"groups": 3, "padding": 2}),
    Case(
        "depthwise 1d dilated", (2, 3, 21), (6, 1, 3), {"groups": 3, "padding": ((4, 1),), "dilation": 2, "stride": 2}
    ),
    Case("depthwise 3d", (2, 3, 4, 5, 6), (3, 1, 3, 3, 3), {"groups": 3, "padding": 1}),
    Case("depthwise 3d strided", (1, 2, 5, 6, 7), (4, 1, 2, 3, 3), {"groups": 2, "stride": (2, 1, 2)}),
    Case("depthwise same", (2, 3, 7, 9), (3, 1, 4, 3), {"groups": 3, "padding": "same"}),
    Case("depthwise same strided", (2, 3, 9, 8), (3, 1, 3, 5), {"groups": 3, "padding": "same", "stride": 2}),
    Case(
        "depthwise everything",
        (3, 4, 11, 13),
        (8, 1, 3, 5),
        {"groups": 4, "stride": (2, 3), "padding": ((2, 1), (0, 3)), "dilation": (2, 1)},
    ),
    Case("depthwise rows dilated", (1, 3, 12, 11), (3, 1, 3, 3), {"groups": 3, "padding": (3, 1), "dilation": (3, 1)}),
    Case("depthwise = image", (2, 5, 7, 7), (5, 1, 7, 7), {"groups": 5}),
    Case("depthwise stride > kernel", (2, 3, 11, 13), (3, 1, 2, 2), {"groups": 3, "stride": (4, 5)}),
    Case("depthwise few outputs", (2, 8, 6, 7), (4, 2, 3, 3), {"groups": 4, "padding": 1}),
    Case("depthwise empty axis", (2, 3, 0, 7), (3, 1, 3, 3), {"groups": 3, "padding": 2}),
    Case("empty axis", (2, 3, 0, 7), (5, 3, 3, 3), {"padding": 2}),
    Case("depthwise long row strided", (1, 2, 1203), (2, 1, 5), {"groups": 2, "padding": 2, "stride": 2}),
    Case("depthwise long row, stride 3", (1, 2, 203), (2, 1, 5), {"groups": 2, "padding": 2, "stride": 3}),
    Case("depthwise wide, stride 3", (1, 2, 23, 103), (2, 1, 5, 5), {"groups": 2, "padding": 2, "stride": 3}),
    Case("depthwise empty batch", (0, 3, 6, 7), (3, 1, 3, 3), {"groups": 3, "padding": 1}),
    Case("depthwise tall", (1, 2, 300, 40), (2, 1, 3, 3), {"groups": 2, "padding": 1}, big=True),
    Case("depthwise long row", (1, 2, 9001), (2, 1, 3), {"groups": 2, "padding": 1}, big=True),
    *(
        Case(
            f"depthwise {k}x{k} s{s}, map {w}",
            (2, 3, w, w),
            (3, 1, k, k),
            {"groups": 3, "padding": k // 2, "stride": s},
        )
        for k, s, w in (
            (3, 1, 7),
            (3, 2, 7),
            (3, 1, 14),
            (3, 2, 14),
            (3, 1, 28),
            (3, 2, 28),
            (5, 1, 7),
            (5, 2, 14),
            (7, 1, 14),
        )
    ),
    *(
        Case(f"depthwise width {w}", (2, 3, 5, w), (3, 1, 3, 3), {"groups": 3, "padding": 1})
        for w in (1, 2, 3, 8, 9, 15, 16, 17, 31, 32, 33)
    ),
    *(
        Case(f"depthwise width {w} strided", (2, 3, 19, w), (3, 1, 3, 5), {"groups": 3, "padding": 1, "stride": 2})
        for w in (15, 16, 17, 32, 33, 34, 66, 80, 129)
    ),
    # Two maps side by side in a vector, the last of which has none beside it; what taps meet of a row is not symmetric.
    Case("depthwise odd maps", (3, 67, 7, 7), (67, 1, 3, 3), {"groups": 67, "padding": 1}),
    Case("depthwise odd maps strided", (3, 35, 15, 13), (35, 1, 3, 3), {"groups": 35, "padding": 1, "stride": 2}),
    *(
        Case(f"depthwise padded {name}, s{s}", (2, 3, 9, 13), (3, 1, 3, 3), {"groups": 3, "padding": pad, "stride": s})
        for name, pad in (("by 0", 0), ("by 2", 2), ("unevenly", ((1, 0), (1, 2))), ("by 3", 3))
        for s in (1, 2)
    ),
    Case("depthwise 5x5 unevenly", (2, 3, 9, 37), (3, 1, 5, 5), {"groups": 3, "padding": ((4, 1), (0, 3))}),
    Case("depthwise 7x7 unevenly", (3, 3, 5, 33), (3, 1, 7, 7), {"groups": 3, "padding": ((6, 2), (2, 5))}),
    Case("depthwise 7x7 tall", (3, 3, 71, 5), (3, 1, 7, 7), {"groups": 3, "padding": 3}),
    Case("depthwise 7x7 dilated", (1, 2, 14, 17), (2, 1, 7, 7), {"groups": 2, "padding": 6, "dilation": 2}),
    Case("depthwise 5x5 tall", (1, 2, 220, 20), (2, 1, 5, 5), {"groups": 2, "padding": 2}),
    *(
        Case(f"depthwise 5x5 s2, width {w}", (2, 3, 11, w), (3, 1, 5, 5), {"groups": 3, "padding": 2, "stride": 2})
        for w in (5, 15, 27, 33, 58)
    ),
    *(
        Case(
            f"depthwise dilated by {d}, width {w}",
            (2, 3, 11, w),
            (3, 1, 3, 3),
            {"groups": 3, "padding": 2, "dilation": d},
        )
        for d, w in ((2, 7), (2, 28), (2, 37), ((3, 1), 13), ((1, 3), 35))
    ),
    *(
        Case(f"depthwise 3d, width {w}", (2, 3, 5, 6, w), (6, 1, 3, 3, 3), {"groups": 3, "padding": 1})
        for w in (7, 8, 28, 37)
    ),
    Case(
        "depthwise 3d unevenly", (2, 3, 7, 6, 13), (3, 1, 2, 3, 3), {"groups": 3, "padding": ((1, 0), (2, 0), (0, 1))}
    ),
    Case(
        "depthwise 3d in depth",
        (2, 3, 9, 6, 13),
        (3, 1, 3, 3, 3),
        {"groups": 3, "stride": (2, 1, 1), "dilation": (2, 1, 1)},
    ),
    Case("depthwise tall strided", (1, 2, 131, 70), (2, 1, 3, 3), {"groups": 2, "padding": 1, "stride": 2}),
    *(Case(f"depthwise rows {h}", (1, 2, h, 9), (2, 1, 3, 3), {"groups": 2, "padding": 1}) for h in (1, 8, 9, 16, 17)),
]
BIG = [
    Case("big 3x3", (5, 8, 30, 31), (24, 8, 3, 3), {"padding": 1}, big=True),
    Case("big first layer", (7, 1, 28, 28), (16, 1, 3, 3), {"padding": 1}, big=True),
    Case("big strided", (5, 6, 29, 33), (17, 6, 5, 3), {"stride": 2, "padding": "same"}, big=True),
    Case("big grouped", (5, 16, 25, 27), (32, 4, 3, 3), {"groups": 4, "dilation": 2}, big=True),
    Case("big depthwise 5x5", (5, 20, 28, 27), (40, 1, 5, 5), {"groups": 20, "padding": 2, "stride": 2}, big=True),
    Case("big few groups", (9, 2, 50, 60), (2, 1, 3, 3), {"groups": 2, "padding": 1}, big=True),
    Case("big depthwise", (5, 33, 25, 27), (33, 1, 3, 3), {"groups": 33, "padding": 1}, big=True),
    Case("big 1x1", (5, 40, 14, 14), (70, 40, 1, 1), big=True),
    # More weights than input forward, and to the input where the batch is cut.
    Case("big 1x1 of many weights", (5, 130, 7, 7), (260, 130, 1, 1), big=True),
    Case("big 3d", (3, 5, 9, 13, 15), (9, 5, 3, 3, 3), {"padding": 1}, big=True),
    Case("big weights", (2, 512, 4, 4), (512, 512, 3, 3), {"padding": 1}, big=True),
    Case("many small images", (97, 16, 7, 7), (32, 16, 3, 3), {"padding": 1}, big=True),
]
FILLED = [_filled(case) for case in SMALL]
# Windows of 3, channels past a vector or two, and maps that tiles of 2 and 4 outputs do not fill.
UNEVEN = {"padding": ((2, 1), (0, 3))}
TILES = [
    Case("tiles", (3, 19, 13, 11), (35, 19, 3, 3), UNEVEN),
    Case("tiles 7x7", (3, 33, 7, 7), (17, 33, 3, 3), {"padding": 1}),
    Case("tiles 14x14", (3, 16, 14, 14), (40, 16, 3, 3), {"padding": 1}, bias=False),
    Case("tiles 28x29", (2, 20, 28, 29), (18, 20, 3, 3), {"padding": "same"}),
    Case("tiles grouped", (3, 34, 9, 10), (38, 17, 3, 3), {**UNEVEN, "groups": 2}),
    Case("tiles 1d", (3, 36, 37), (38, 18, 3), {"padding": ((3, 1),), "groups": 2}),
    Case("tiles 1d, long", (2, 5, 600), (7, 5, 3), {"padding": "same"}),
    Case("tiles in rows", (2, 17, 5, 21), (18, 17, 1, 3), {"padding": ((1, 0), (1, 2))}),
    Case("tiles dilated", (3, 19, 21, 18), (35, 19, 3, 3), {**UNEVEN, "dilation": (2, 3)}),
    Case("tiles dilated, phases past the end", (2, 17, 5, 9), (16, 17, 3, 3), {"padding": 4, "dilation": (4, 2)}),
    Case(
        "tiles dilated grouped", (2, 32, 11, 30), (36, 16, 3, 3), {"padding": "same", "dilation": (1, 5), "groups": 2}
    ),
    Case("tiles dilated 1d", (2, 17, 90), (18, 17, 3), {"padding": ((14, 3),), "dilation": 7}),
    Case("tiles dilated 1d, long", (1, 16, 700), (16, 16, 3), {"padding": "same", "dilation": 16}),
    Case("tiles strided", (3, 38, 13, 15), (36, 19, 3, 3), {"stride": 2, "padding": ((1, 0), (2, 1)), "groups": 2}),
    Case("tiles strided same", (2, 20, 30, 15), (35, 20, 3, 3), {"stride": 2, "padding": "same"}),
    Case("tiles strided 14x14", (3, 17, 28, 29), (18, 17, 3, 3), {"stride": 2, "padding": 1}),
    Case("tiles strided, no padding", (1, 16, 9, 12), (16, 16, 3, 3), {"stride": 2}),
    Case("tiles strided, wide padding", (2, 16, 5, 6), (16, 16, 3, 3), {"stride": 2, "padding": (3, 2)}),
    Case("tiles strided 4x4", (3, 38, 14, 19), (36, 19, 4, 4), {"stride": 2, "padding": 1, "groups": 2}),
    Case("tiles strided 4x4, odd", (2, 17, 17, 22), (33, 17, 4, 4), {"stride": 2, "padding": ((1, 2), (0, 1))}),
    Case("tiles strided 4x4, wide padding", (2, 16, 5, 6), (16, 16, 4, 4), {"stride": 2, "padding": (3, 2)}),
    Case("tiles strided 4x4, same", (1, 17, 12, 21), (18, 17, 4, 4), {"stride": 2, "padding": "same"}),
    # Depth: planes of padding, taps and strides of depth, slabs of long ones, groups, kernels of one plane.
    Case("tiles 3d", (3, 19, 5, 9, 7), (35, 19, 3, 3, 3), {"padding": 1}),
    Case("tiles 3d, one plane and two", (2, 17, 2, 7, 7), (18, 17, 3, 3, 3), {"padding": (2, 1, 1)}, bias=False),
    Case(
        "tiles 3d grouped, uneven",
        (2, 34, 4, 6, 9),
        (38, 17, 2, 3, 3),
        {"padding": ((1, 3), (2, 1), (0, 3)), "groups": 2},
    ),
    Case("tiles 3d dilated", (2, 16, 7, 9, 8), (20, 16, 3, 3, 3), {"padding": (3, 2, 1), "dilation": (3, 2, 1)}),
    Case("tiles 3d in rows", (2, 17, 6, 3, 13), (18, 17, 3, 1, 3), {"padding": ((1, 2), (0, 1), (1, 0))}),
    Case("tiles of planes", (2, 17, 3, 6, 10), (18, 17, 1, 3, 3), {"padding": 1}),
    Case("tiles 3d, stride of depth", (2, 18, 8, 6, 7), (17, 18, 3, 3, 3), {"stride": (2, 1, 1), "padding": (2, 1, 1)}),
    Case(
        "tiles 3d everything",
        (2, 34, 9, 8, 9),
        (36, 17, 3, 3, 3),
        {"stride": (2, 1, 1), "padding": ((1, 4), (0, 3), (2, 1)), "dilation": (2, 2, 1), "groups": 2},
    ),
    Case("tiles 3d, long", (1, 16, 190, 4, 3), (16, 16, 3, 3, 3), {"padding": 1}),
    Case("tiles 3d strided, long", (1, 16, 150, 5, 4), (16, 16, 3, 3, 3), {"stride": 2, "padding": 1}),
    Case("tiles 3d strided", (2, 20, 6, 11, 9), (34, 20, 3, 3, 3), {"stride": 2, "padding": 1}),
    Case(
        "tiles 3d strided, uneven",
        (2, 17, 9, 12, 9),
        (18, 17, 4, 4, 4),
        {"stride": (3, 2, 2), "padding": ((1, 2), (0, 1), (2, 1))},
    ),
]
# Taps that see nothing but padding, columns, and kernels that cover what is left of the input, with tails of vectors.
LIVE = [
    Case("live middle", (3, 19, 1, 1), (35, 19, 3, 3), {"padding": 1}),
    Case("live middle, same", (2, 5, 1, 1), (9, 5, 3, 5), {"padding": "same"}),
    Case("live one of nine", (3, 19, 1, 1), (9, 19, 3, 3), {"padding": ((2, 3), (4, 0)), "dilation": 2, "stride": 2}),
    Case("kernel = image, 1d", (3, 19, 2), (9, 19, 4), {"padding": 1}),
    Case("kernel = image, 3d", (3, 5, 2, 1, 3), (9, 5, 2, 1, 3)),
    Case("live quarter", (2, 20, 2, 2), (35, 20, 3, 3), {"stride": 2, "padding": 1}),
    Case("live row", (2, 17, 1, 21), (18, 17, 3, 3), {"padding": 1}, bias=False),
    Case("live 3x3 of 5x5", (2, 34, 2, 3), (36, 17, 5, 5), {"padding": ((2, 3), (2, 1)), "groups": 2}),
    Case("live middle, far apart", (2, 17, 4, 5), (18, 17, 3, 3), {"padding": 6, "dilation": 6}),
    Case("live end, far apart", (1, 5, 6, 4), (9, 5, 2, 3), {"padding": ((7, 0), (3, 5)), "dilation": (7, 4)}),
    Case("live 3d", (2, 5, 1, 2, 3), (9, 5, 3, 3, 3), {"padding": 1}),
    Case("live depthwise", (2, 5, 1, 2), (10, 1, 3, 5), {"padding": (1, 2), "groups": 5}),
    Case(
        "column of pixels",
        (2, 17, 37, 1),
        (18, 17, 5, 1),
        {"padding": ((2, 1), (0, 0)), "stride": (2, 3), "dilation": (3, 2)},
    ),
    Case("column, dead", (2, 17, 5, 1), (18, 17, 3, 1), {"padding": ((1, 1), (1, 0)), "stride": (1, 2)}),
    Case("live column", (2, 17, 3, 29, 1), (18, 17, 1, 3, 3), {"padding": (0, 1, 1)}, bias=False),
    Case("kernel = image, filled", (40, 19, 3, 4), (70, 19, 3, 4)),
    Case("kernel = image, one image", (1, 130, 1, 2), (33, 130, 1, 2), bias=False),
]
BIG += [
    Case("big kernel = image", (33, 66, 3, 3), (130, 66, 3, 3), big=True),
    Case("big tiles", (20, 40, 28, 28), (36, 40, 3, 3), {"padding": 1}, big=True),
    Case("big tiles dilated", (6, 40, 28, 28), (36, 40, 3, 3), {"padding": 2, "dilation": 2}, big=True),
    Case("big tiles strided", (9, 33, 30, 31), (35, 33, 3, 3), {"stride": 2, "padding": 1}, big=True),
    Case("big tiles strided 4x4", (9, 128, 17, 20), (130, 128, 4, 4), {"stride": 2, "padding": 1}, big=True),
    Case("big tiles 3d", (3, 40, 6, 28, 28), (36, 40, 3, 3, 3), {"padding": 1}, big=True),
    Case("big tiles 3d, many pairs", (2, 128, 3, 14, 14), (130, 128, 3, 3, 3), {"padding": 1}, big=True),
    Case("big tiles, many pairs", (9, 128, 14, 14), (130, 128, 3, 3), {"padding": 1}, big=True),
]
# The input gradient of strides: parts whose rows and columns are not as many, in strips and with weights that pass the
# caches; zeros between the outputs of one part, in strips of rows and of columns.
STRIDED = [
    Case("parts in strips", (2, 66, 61, 43), (68, 66, 3, 3), {"stride": 2}, bias=False, big=True),
    Case(
        "parts of many weights", (3, 260, 7, 6), (250, 260, 3, 3), {"stride": 2, "padding": ((1, 0), (0, 1))}, big=True
    ),
    Case("parts of stride 3", (2, 18, 14, 13), (35, 18, 4, 5), {"stride": 3, "padding": ((3, 0), (1, 2))}),
    Case("zeros in strips", (2, 64, 57, 34), (72, 64, 1, 1), {"stride": 2, "padding": ((1, 0), (0, 1))}),
    Case(
        "zeros in strips, wide", (2, 70, 57, 90), (72, 70, 1, 1), {"stride": 2, "padding": ((1, 0), (0, 1))}, big=True
    ),
    Case("zeros in strips of columns", (1, 70, 5000), (20, 70, 1), {"stride": 3}, bias=False),
    Case("read in place", (2, 18, 7, 57), (64, 9, 2, 2), {"stride": 2, "groups": 2}),
    Case("read in place, overlapping tiles", (2, 17, 5, 82), (32, 17, 1, 1), {"stride": 2}),
    Case("read in place, were a row a tile", (2, 18, 9, 26), (32, 18, 2, 2), {"stride": 2}),
    Case("read in place, 1d", (1, 70, 111), (32, 70, 1), {"stride": 2}, bias=False),
    Case("zeros, 3d", (2, 20, 5, 6, 7), (18, 20, 1, 1, 1), {"stride": 2}),
]
CASES = STRIDED + SMALL + FILLED + HOSTILE + TILES + DEPTHWISE + LIVE + BIG
