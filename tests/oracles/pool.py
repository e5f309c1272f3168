"""Pooling by plain loops, window by window; shares nothing with the reference backend."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Pads = Sequence[tuple[int, int]]


def starts(size: int, kernel: int, stride: int, before: int, after: int, dilation: int, ceil: bool) -> list[int]:
    """Where windows start on one axis, counted from the input's first element."""
    span = dilation * (kernel - 1) + 1
    places = []
    at = -before
    while at + span <= size + after:
        places.append(at)
        at += stride
    covered = at - stride + span  # the end of the last window, or of one that would have come before the first
    if ceil and covered < size + after and at < size:
        places.append(at)
    return places


def same_pads(sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Pads:
    pads = []
    for size, k, step, d in zip(sizes, kernel, stride, dilation, strict=True):
        total = max(0, (math.ceil(size / step) - 1) * step + d * (k - 1) + 1 - size)
        pads.append((total // 2, total - total // 2))
    return pads


def windows(
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    pads: Pads,
    dilation: Sequence[int],
    ceil: bool,
) -> tuple[tuple[int, ...], Iterator[tuple[tuple[int, ...], tuple[int, ...], list[tuple[int, ...]]]]]:
    """The output's sizes, and (output position, start, the input positions seen, in order) for every window."""
    axes = [
        starts(*axis, ceil)
        for axis in zip(sizes, kernel, stride, [p[0] for p in pads], [p[1] for p in pads], dilation, strict=True)
    ]

    def each() -> Iterator[tuple[tuple[int, ...], tuple[int, ...], list[tuple[int, ...]]]]:
        for out in np.ndindex(*(len(axis) for axis in axes)):
            start = tuple(axis[o] for axis, o in zip(axes, out, strict=True))
            seen = []
            for tap in itertools.product(*(range(k) for k in kernel)):
                place = tuple(s + t * d for s, t, d in zip(start, tap, dilation, strict=True))
                if all(0 <= p < size for p, size in zip(place, sizes, strict=True)):
                    seen.append(place)
            yield out, start, seen

    return tuple(len(axis) for axis in axes), each()


def max_pool_forward(
    x: Array, kernel: Sequence[int], stride: Sequence[int], pads: Pads, dilation: Sequence[int], ceil: bool
) -> tuple[Array, Array]:
    sizes = x.shape[2:]
    out_sizes, each = windows(sizes, kernel, stride, pads, dilation, ceil)
    y = np.empty((*x.shape[:2], *out_sizes), x.dtype)
    indices = np.empty(y.shape, np.int64)
    for out, _, seen in each:
        for n, c in np.ndindex(*x.shape[:2]):
            best = seen[0]
            for place in seen[1:]:
                old, new = x[(n, c, *best)], x[(n, c, *place)]
                if not math.isnan(old) and (math.isnan(new) or new > old):
                    best = place
            y[(n, c, *out)] = x[(n, c, *best)]
            indices[(n, c, *out)] = np.ravel_multi_index(best, sizes)
    return y, indices


def max_pool_backward(dy: Array, indices: Array, input_shape: Sequence[int]) -> Array:
    dx = np.zeros(input_shape, dy.dtype)
    for at in np.ndindex(*dy.shape):
        dx[(*at[:2], *np.unravel_index(indices[at], input_shape[2:]))] += dy[at]
    return dx


def divisor(
    start: Sequence[int],
    seen: int,
    sizes: Sequence[int],
    kernel: Sequence[int],
    pads: Pads,
    count_include_pad: bool,
    override: int | None,
) -> int:
    if override is not None:
        return override
    if not count_include_pad:
        return seen
    ends = (min(s + k, size + p[1]) for s, k, size, p in zip(start, kernel, sizes, pads, strict=True))
    return math.prod(end - s for end, s in zip(ends, start, strict=True))


def avg_pool_forward(
    x: Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    pads: Pads,
    ceil: bool,
    count_include_pad: bool,
    override: int | None,
) -> tuple[Array, Array]:
    """y, and what bounds its rounding: the averages of |x| (both float64)."""
    sizes = x.shape[2:]
    out_sizes, each = windows(sizes, kernel, stride, pads, (1,) * len(sizes), ceil)
    y = np.empty((*x.shape[:2], *out_sizes))
    size = np.empty_like(y)
    for out, start, seen in each:
        count = divisor(start, len(seen), sizes, kernel, pads, count_include_pad, override)
        for n, c in np.ndindex(*x.shape[:2]):
            values = [float(x[(n, c, *place)]) for place in seen]
            y[(n, c, *out)] = math.fsum(values) / count
            size[(n, c, *out)] = math.fsum(map(abs, values)) / count
    return y, size


def avg_pool_backward(
    dy: Array,
    input_shape: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    pads: Pads,
    ceil: bool,
    count_include_pad: bool,
    override: int | None,
) -> tuple[Array, Array]:
    """dx, and what bounds its rounding: the same sum of |dy| (both float64)."""
    sizes = input_shape[2:]
    _, each = windows(sizes, kernel, stride, pads, (1,) * len(sizes), ceil)
    dx, size = np.zeros(input_shape), np.zeros(input_shape)
    for out, start, seen in each:
        count = divisor(start, len(seen), sizes, kernel, pads, count_include_pad, override)
        for n, c in np.ndindex(*dy.shape[:2]):
            share = float(dy[(n, c, *out)]) / count
            for place in seen:
                dx[(n, c, *place)] += share
                size[(n, c, *place)] += abs(share)
    return dx, size
