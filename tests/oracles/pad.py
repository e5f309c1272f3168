"""Padding and shuffling, element after element."""

from __future__ import annotations

from typing import Any

import numpy as np


def _source(place: int, size: int, before: int, after: int, mode: str) -> int | None:
    """The element that lies at `place`, counted from the first one of the axis; None: the constant."""
    if mode == "circular":
        left = range(max(-before, 0), size - max(-after, 0))
        while place < left.start:
            place += len(left)
        while place >= left.stop:
            place -= len(left)
        return place
    if 0 <= place < size:
        return place
    if mode == "constant":
        return None
    if mode == "replicate":
        return 0 if place < 0 else size - 1
    return -place if place < 0 else size - 1 - (place - (size - 1))


def pad(x: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    axes = len(pad) // 2
    pairs = [(0, 0)] * (x.ndim - axes) + [(pad[2 * i], pad[2 * i + 1]) for i in reversed(range(axes))]
    y = np.zeros([size + sum(pair) for size, pair in zip(x.shape, pairs, strict=True)], x.dtype)
    for index in np.ndindex(*y.shape):
        sources = [_source(i - pair[0], size, *pair, mode) for i, size, pair in zip(index, x.shape, pairs, strict=True)]
        y[index] = (value or 0) if None in sources else x[tuple(sources)]
    return y


def pixel_shuffle(x: Any, r: int) -> Any:
    *lead, channels, height, width = x.shape
    y = np.zeros((*lead, channels // r**2, height * r, width * r), x.dtype)
    for c, i, j in np.ndindex(*y.shape[-3:]):
        y[..., c, i, j] = x[..., (c * r + i % r) * r + j % r, i // r, j // r]
    return y


def pixel_unshuffle(x: Any, r: int) -> Any:
    *lead, channels, height, width = x.shape
    y = np.zeros((*lead, channels * r**2, height // r, width // r), x.dtype)
    for c, i, j in np.ndindex(channels, height, width):
        y[..., (c * r + i % r) * r + j % r, i // r, j // r] = x[..., c, i, j]
    return y


def channel_shuffle(x: Any, groups: int) -> Any:
    y = np.zeros_like(x)
    each = x.shape[1] // groups
    for channel in range(x.shape[1]):
        y[:, channel % each * groups + channel // each] = x[:, channel]
    return y
