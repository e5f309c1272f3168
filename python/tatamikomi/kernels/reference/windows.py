"""Windows over a padded input, tap by tap: what convolution and pooling share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tatamikomi.geometry import ConvShape, PoolShape

Block = tuple[slice, slice, slice]


def taps(s: ConvShape | PoolShape) -> Iterator[tuple[tuple[int, int, int], Block]]:
    """Each tap with the strided block of the padded input that it sees, one input per output position."""
    for a, b, c in np.ndindex(s.kd, s.kh, s.kw):
        d, h, w = a * s.dil_d, b * s.dil_h, c * s.dil_w
        yield (
            (a, b, c),
            (
                slice(d, d + (s.od - 1) * s.sd + 1, s.sd),
                slice(h, h + (s.oh - 1) * s.sh + 1, s.sh),
                slice(w, w + (s.ow - 1) * s.sw + 1, s.sw),
            ),
        )


def padded_sizes(s: ConvShape | PoolShape) -> tuple[int, int, int]:
    """What the windows reach, at least the input with its padding before."""
    return (
        max((s.od - 1) * s.sd + (s.kd - 1) * s.dil_d + 1, s.pd + s.id),
        max((s.oh - 1) * s.sh + (s.kh - 1) * s.dil_h + 1, s.ph + s.ih),
        max((s.ow - 1) * s.sw + (s.kw - 1) * s.dil_w + 1, s.pw + s.iw),
    )


def inside(s: ConvShape | PoolShape) -> Block:
    """Where the input lies in the padded input."""
    return slice(s.pd, s.pd + s.id), slice(s.ph, s.ph + s.ih), slice(s.pw, s.pw + s.iw)
