"""Sampling planes at points, one tap at a time; and images drawn anew, whole batches at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.geometry import PADDING_MODES, ImageShape, SampleShape

Array = NDArray[Any]


def _seen(x: Array, index: Array) -> Array:
    """(n, c, points): x (n, c, size) at index (n, points), 0 where that is negative."""
    there = (index >= 0)[:, None]
    return np.where(there, np.take_along_axis(x, np.where(there, index[:, None], 0), 2) if x.shape[2] else 0, 0)


def sample_forward(y: Array, x: Array, weights: Array, index: Array, s: SampleShape) -> None:
    """y (n, c, points): the weighted sum over the taps (n, taps, points)."""
    y[...] = 0
    for tap in range(s.taps):
        y += np.where((index[:, tap] >= 0)[:, None], weights[:, tap, None] * _seen(x, index[:, tap]), 0)


def sample_backward_input(dx: Array, dy: Array, weights: Array, index: Array, s: SampleShape) -> None:
    """Every tap adds its weight times dy to the element that it saw."""
    dx[...] = 0
    for n, tap in np.ndindex(s.n, s.taps):
        points = np.flatnonzero(index[n, tap] >= 0)
        products = weights[n, tap, points] * dy[n][:, points]
        np.add.at(dx[n].T, index[n, tap, points], products.T)


def sample_backward_weights(dweights: Array, dy: Array, x: Array, index: Array, s: SampleShape) -> None:
    """The sum over the channels of dy times what the tap saw."""
    for tap in range(s.taps):
        dweights[:, tap] = (dy * _seen(x, index[:, tap])).sum(1)


def _source(places: Array, count: int, size: int, padding: int) -> Array:
    """(n, count): which of `size` rows or columns each one of a part is, from (n, 2) first ones and steps; -1: none."""
    k = places[:, :1] + places[:, 1:] * np.arange(count)
    mode = PADDING_MODES[padding]
    if mode == "constant" or not size:
        return np.where((k >= 0) & (k < size), k, -1)
    if mode == "edge" or size == 1:
        return k.clip(0, size - 1)
    there_and_back = np.concatenate([np.arange(size), np.arange(size)[::-1]])
    if mode == "reflect":
        there_and_back = np.delete(there_and_back, [size, 2 * size - 1])
    return there_and_back[k % len(there_and_back)]


def crop(
    y: Array,
    x: Array,
    samples: Array | None,
    places: Array,
    mean: Array | None,
    std: Array | None,
    s: ImageShape,
    padding: int,
    fill: float,
) -> int:
    """y (n, c, oh, ow): the part of each image, and what pads it, then normalised; 1 where a place, 2 where a sample is
    none, else 0."""
    if (abs(places[:, 1::2]) != 1).any() or not ((places[:, ::2] > -1 << 40) & (places[:, ::2] < 1 << 40)).all():
        return 1
    if samples is not None:
        if not ((samples >= 0) & (samples < len(x))).all():
            return 2
        x = x[samples]
    rows, columns = _source(places[:, :2], s.oh, s.ih, padding), _source(places[:, 2:], s.ow, s.iw, padding)
    y[...] = fill
    image, i, j = np.nonzero((rows[:, :, None] >= 0) & (columns[:, None, :] >= 0))
    y[image, :, i, j] = x[image, :, rows[image, i], columns[image, j]]
    if mean is not None and std is not None:
        np.divide(np.subtract(y, mean[:, None, None], out=y), std[:, None, None], out=y)
    return 0


def warp(
    y: Array, x: Array, matrix: Array, displacement: Array | None, s: ImageShape, fill: float, nearest: bool
) -> None:
    """y (n, c, oh, ow): x at the places that a map gives for its pixels; every operation is rounded once."""
    with np.errstate(all="ignore"):
        _warp(y, x, matrix, displacement, s, fill, nearest)


def _warp(
    y: Array, x: Array, matrix: Array, displacement: Array | None, s: ImageShape, fill: float, nearest: bool
) -> None:
    # A frame of `fill`, one pixel before and two after, holds all neighbours of places in -1 .. size.
    frame = np.full((s.n, s.c, s.ih + 3, s.iw + 3), fill, y.dtype)
    frame[:, :, 1:-2, 1:-2] = x
    u, v = np.arange(s.ow, dtype=y.dtype), np.arange(s.oh, dtype=y.dtype)[:, None]
    a, b, c, d, e, f = (matrix[:, i, j, None, None] for i in range(2) for j in range(3))
    across, down = a * u + (b * v + c), d * u + (e * v + f)
    if displacement is not None:
        across, down = across + displacement[:, 1], down + displacement[:, 0]
    if nearest:
        across, down = across + y.dtype.type(0.5), down + y.dtype.type(0.5)
    across, down = np.fmin(np.fmax(across, -1), s.iw), np.fmin(np.fmax(down, -1), s.ih)  # NaN is -1
    left, top = np.floor(across), np.floor(down)
    across, down = (across - left)[:, None], (down - top)[:, None]
    images, planes = np.arange(s.n)[:, None, None, None], np.arange(s.c)[:, None, None]
    rows, columns = top[:, None].astype(np.intp) + 1, left[:, None].astype(np.intp) + 1
    p, q, r, t = (frame[images, planes, rows + i, columns + j] for i in range(2) for j in range(2))
    upper, lower = (q - p) * across + p, (t - r) * across + r
    y[...] = p if nearest else (lower - upper) * down + upper
