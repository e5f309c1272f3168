"""Resampling, one axis after the other, one tap at a time over the whole batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.geometry import ResampleShape

Array = NDArray[Any]


def resample(y: Array, x: Array, s: ResampleShape, tables: tuple[tuple[int, Array, Array, Array], ...]) -> None:
    """y (planes, od, oh, ow) from x (planes, id, ih, iw); a pass for each (axis, offsets, index, weights)."""
    array = x.reshape(s.planes, s.id, s.ih, s.iw)
    for axis, offsets, index, weights in tables:
        source = np.moveaxis(array, 1 + axis, -1)
        counts = np.diff(offsets)
        total = np.zeros((*source.shape[:-1], len(counts)), x.dtype)
        for tap in range(counts.max(initial=0)):
            outputs = np.flatnonzero(counts > tap)
            taps = offsets[outputs] + tap
            term = weights[taps] * source[..., index[taps]]
            total[..., outputs] = term if tap == 0 else total[..., outputs] + term
        array = np.moveaxis(total, -1, 1 + axis)
    y.reshape(array.shape)[...] = array
