"""Adaptive pooling and unpooling by plain loops."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def out_sizes(output_size: Any, sizes: Sequence[int]) -> tuple[int, ...]:
    entries = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * len(sizes)
    return tuple(size if one is None else one for one, size in zip(entries, sizes, strict=True))


def windows(sizes: Sequence[int], out: Sequence[int]) -> Iterator[tuple[tuple[int, ...], list[tuple[int, ...]]]]:
    """Every output with the elements that it sees, in order: those whose unit interval meets [o, o + 1) size / out."""

    def seen(o: int, size: int, count: int) -> list[int]:
        begin, end = Fraction(o * size, count), Fraction((o + 1) * size, count)
        return [i for i in range(size) if i + 1 > begin and i < end]

    for at in np.ndindex(*out):
        axes = [seen(*one) for one in zip(at, sizes, out, strict=True)]
        yield at, [tuple(axes[i][j] for i, j in enumerate(place)) for place in np.ndindex(*map(len, axes))]


def avg_forward(x: Array, output_size: Any) -> Array:
    out = out_sizes(output_size, x.shape[2:])
    y = np.empty((*x.shape[:2], *out), np.longdouble)
    for at, places in windows(x.shape[2:], out):
        for n, c in np.ndindex(*x.shape[:2]):
            y[(n, c, *at)] = sum(np.longdouble(x[(n, c, *place)]) for place in places) / len(places)
    return y


def avg_backward(dy: Array, input_shape: Sequence[int]) -> Array:
    dx = np.zeros(input_shape, np.longdouble)
    for at, places in windows(input_shape[2:], dy.shape[2:]):
        for n, c in np.ndindex(*dy.shape[:2]):
            for place in places:
                dx[(n, c, *place)] += np.longdouble(dy[(n, c, *at)]) / len(places)
    return dx


def max_forward(x: Array, output_size: Any) -> tuple[Array, Array]:
    """The first of the largest, a NaN before all numbers."""
    sizes = x.shape[2:]
    out = out_sizes(output_size, sizes)
    y = np.empty((*x.shape[:2], *out), x.dtype)
    indices = np.empty(y.shape, np.int64)
    for at, places in windows(sizes, out):
        for n, c in np.ndindex(*x.shape[:2]):
            best = places[0]
            for place in places[1:]:
                old, new = x[(n, c, *best)], x[(n, c, *place)]
                if not math.isnan(old) and (math.isnan(new) or new > old):
                    best = place
            y[(n, c, *at)] = x[(n, c, *best)]
            indices[(n, c, *at)] = np.ravel_multi_index(best, sizes)
    return y, indices


def unpool(x: Array, indices: Array, sizes: Sequence[int]) -> Array:
    """Values go where they came from, one after the other."""
    y = np.zeros((*x.shape[:2], *sizes), x.dtype)
    for at in np.ndindex(*x.shape):
        y[(*at[:2], *np.unravel_index(indices[at], sizes))] = x[at]
    return y
