"""Pooling, one tap at a time over the whole batch.

Padding is marked, not valued: max-pooling carries the index of every element beside it, -1 in the padding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.geometry import PoolShape
from tatamikomi.kernels.reference.windows import inside, padded_sizes, taps

Array = NDArray[Any]


def max_pool_forward(y: Array, indices: Array | None, x: Array, s: PoolShape, relu: bool) -> None:
    """y, indices (planes, od, oh, ow) from x (planes, id, ih, iw); the first maximum wins, NaN beats numbers.

    With relu max(y, 0), which moves no index.
    """
    values = np.zeros((s.planes, *padded_sizes(s)), x.dtype)
    values[(..., *inside(s))] = x.reshape(s.planes, s.id, s.ih, s.iw)
    places = np.full(padded_sizes(s), -1, np.int64)
    places[inside(s)] = np.arange(s.id * s.ih * s.iw).reshape(s.id, s.ih, s.iw)
    best = y.reshape(s.planes, s.od, s.oh, s.ow)
    where = (np.empty(best.shape, np.int64) if indices is None else indices).reshape(best.shape)
    where[...] = -1
    for _, block in taps(s):
        value, place = values[(..., *block)], places[block]
        beats = (value > best) | (np.isnan(value) & ~np.isnan(best))
        better = (place >= 0) & ((where < 0) | beats)
        np.copyto(best, value, where=better)
        np.copyto(where, place, where=better)
    if relu:
        np.maximum(best, 0, out=best)


def max_pool_backward(dx: Array, dy: Array, indices: Array, y: Array | None, s: PoolShape) -> bool:
    """dx[indices] += dy, plane by plane; where y is given, only dy with y > 0. False when an index is outside."""
    size = s.id * s.ih * s.iw
    places = indices.reshape(s.planes, s.od * s.oh * s.ow)
    if np.any((places < 0) | (places >= size)):
        return False
    dx[...] = 0
    rows = np.arange(s.planes)[:, None]
    counted = dy if y is None else np.where(y > 0, dy, 0)
    np.add.at(dx.reshape(s.planes, size), (rows, places), counted.reshape(places.shape))
    return True


def _divisors(s: PoolShape) -> Array:
    """(od, oh, ow): how many elements each window counts."""
    if s.divisor:
        return np.full((s.od, s.oh, s.ow), s.divisor)
    axes = (
        (s.od, s.id, s.kd, s.sd, s.pd, s.qd),
        (s.oh, s.ih, s.kh, s.sh, s.ph, s.qh),
        (s.ow, s.iw, s.kw, s.sw, s.pw, s.qw),
    )
    counts = []
    for outputs, size, kernel, stride, before, after in axes:
        start = np.arange(outputs) * stride - before
        end = np.minimum(start + kernel, size + after)
        if not s.count_include_pad:
            start, end = np.maximum(start, 0), np.minimum(end, size)
        counts.append(end - start)
    d, h, w = counts
    return d[:, None, None] * h[:, None] * w


def avg_pool_forward(y: Array, x: Array, s: PoolShape) -> None:
    """y (planes, od, oh, ow) = the sum of each window / its divisor."""
    padded = np.zeros((s.planes, *padded_sizes(s)), x.dtype)
    padded[(..., *inside(s))] = x.reshape(s.planes, s.id, s.ih, s.iw)
    total = y.reshape(s.planes, s.od, s.oh, s.ow)
    total[...] = 0
    for _, block in taps(s):
        total += padded[(..., *block)]
    total /= _divisors(s).astype(x.dtype)


def avg_pool_backward(dx: Array, dy: Array, s: PoolShape) -> None:
    """Each window spreads dy / divisor over its elements."""
    padded = np.zeros((s.planes, *padded_sizes(s)), dy.dtype)
    share = dy.reshape(s.planes, s.od, s.oh, s.ow) / _divisors(s).astype(dy.dtype)
    for _, block in taps(s):
        padded[(..., *block)] += share
    dx.reshape(s.planes, s.id, s.ih, s.iw)[...] = padded[(..., *inside(s))]


def _adaptive_windows(s: PoolShape) -> Iterator[tuple[tuple[int, int, int], tuple[slice, slice, slice]]]:
    """Each output with its window: floor(o * in / out) to ceil((o + 1) * in / out) on every axis."""
    axes = [
        [slice(o * size // outputs, -(-(o + 1) * size // outputs)) for o in range(outputs)]
        for outputs, size in ((s.od, s.id), (s.oh, s.ih), (s.ow, s.iw))
    ]
    for at in np.ndindex(s.od, s.oh, s.ow):
        yield at, (axes[0][at[0]], axes[1][at[1]], axes[2][at[2]])


def adaptive_avg_pool_forward(y: Array, x: Array, s: PoolShape) -> None:
    """y (planes, od, oh, ow) = the mean of each window."""
    planes, means = x.reshape(s.planes, s.id, s.ih, s.iw), y.reshape(s.planes, s.od, s.oh, s.ow)
    for at, window in _adaptive_windows(s):
        means[(..., *at)] = planes[(..., *window)].mean(axis=(1, 2, 3))


def adaptive_avg_pool_backward(dx: Array, dy: Array, s: PoolShape) -> None:
    """Each window spreads dy / its size over its elements."""
    planes, shares = dx.reshape(s.planes, s.id, s.ih, s.iw), dy.reshape(s.planes, s.od, s.oh, s.ow)
    planes[...] = 0
    for at, window in _adaptive_windows(s):
        block = planes[(..., *window)]
        block += shares[(..., *at)][:, None, None, None] / dy.dtype.type(math.prod(block.shape[1:]))


def adaptive_max_pool_forward(y: Array, indices: Array | None, x: Array, s: PoolShape) -> None:
    """y (planes, od, oh, ow) = the first maximum of each window, a NaN before all; indices flat in the plane."""
    planes = x.reshape(s.planes, s.id, s.ih, s.iw)
    places = np.arange(s.id * s.ih * s.iw).reshape(s.id, s.ih, s.iw)
    best = y.reshape(s.planes, s.od, s.oh, s.ow)
    where = (np.empty(best.shape, np.int64) if indices is None else indices).reshape(best.shape)
    for at, window in _adaptive_windows(s):
        values = planes[(..., *window)].reshape(s.planes, places[window].size)
        first = values.argmax(axis=1)  # the first NaN, if there is one
        best[(..., *at)] = np.take_along_axis(values, first[:, None], axis=1)[:, 0]
        where[(..., *at)] = places[window].ravel()[first]
