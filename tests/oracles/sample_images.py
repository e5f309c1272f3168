"""Images drawn anew, pixel by pixel, in extended precision; and uniform numbers of samples in plain integers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.oracles.dropout import LOW, philox

Array = NDArray[Any]


def source(k: int, size: int, mode: str) -> int | None:
    """Turn back at the ends until the place is in the image."""
    while not 0 <= k < size:
        if mode == "constant":
            return None
        if mode == "edge":
            k = 0 if k < 0 else size - 1
        elif mode == "symmetric":
            k = -1 - k if k < 0 else 2 * size - 1 - k
        else:
            k = 0 if size == 1 else -k if k < 0 else 2 * (size - 1) - k
    return k


def crop(
    x: Array,
    places: Array,
    size: tuple[int, int],
    mean: Array | None = None,
    std: Array | None = None,
    padding_mode: str = "constant",
    fill: float = 0.0,
    samples: Array | None = None,
) -> Array:
    _, channels, height, width = x.shape
    of = range(len(x)) if samples is None else samples.tolist()
    y = np.empty((len(of), channels, *size), np.longdouble)
    for image, c, i, j in np.ndindex(*y.shape):
        row, down, column, across = places[image].tolist()
        r, k = source(row + i * down, height, padding_mode), source(column + j * across, width, padding_mode)
        value = np.longdouble(fill if r is None or k is None else x[of[image], c, r, k])
        y[image, c, i, j] = value if mean is None or std is None else (value - mean[c]) / std[c]
    return y


def warp(x: Array, matrix: Array, displacement: Array | None = None, fill: float = 0.0, nearest: bool = False) -> Array:
    n, channels, height, width = x.shape
    y = np.empty(x.shape, np.longdouble)
    for image, v, u in np.ndindex(n, height, width):
        (a, b, c), (d, e, f) = matrix[image].astype(np.longdouble)
        column, row = a * u + b * v + c, d * u + e * v + f
        if displacement is not None:
            column, row = column + displacement[image, 1, v, u], row + displacement[image, 0, v, u]
        for k in range(channels):

            def pixel(i: int, j: int, plane: Array = x[image, k]) -> Any:
                return np.longdouble(plane[i, j] if 0 <= i < height and 0 <= j < width else fill)

            if nearest:
                y[image, k, v, u] = pixel(math.floor(row + 0.5), math.floor(column + 0.5))
                continue
            top, left = math.floor(row), math.floor(column)
            down, across = row - top, column - left
            y[image, k, v, u] = (1 - down) * (
                (1 - across) * pixel(top, left) + across * pixel(top, left + 1)
            ) + down * ((1 - across) * pixel(top + 1, left) + across * pixel(top + 1, left + 1))
    return y


def uniform(seed: int, path: Sequence[int], indices: Array, count: int) -> Array:
    key = seed & LOW, seed >> 32
    for position, element in enumerate(path):
        key = philox((element & LOW, element >> 32, position, 0x74617461), key)[:2]
    y = np.empty((len(indices), count))
    for i, index in enumerate(indices.tolist()):
        for k in range(count):
            y[i, k] = (philox((k // 4, index & LOW, index >> 32, 0), key)[k % 4] >> 8) / 2**24
    return y
