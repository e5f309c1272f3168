"""Sampling from its definition, point after point, in extended precision."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

EXACT = np.longdouble


def forward(x: Any, weights: Any, index: Any) -> Any:
    y = np.zeros((*x.shape[:2], index.shape[2]), EXACT)
    for n, t, p in np.ndindex(*index.shape):
        if index[n, t, p] >= 0:
            y[n, :, p] += EXACT(weights[n, t, p]) * x[n, :, index[n, t, p]]
    return y


def backward_input(dy: Any, weights: Any, index: Any, size: int) -> Any:
    dx = np.zeros((*dy.shape[:2], size), EXACT)
    for n, t, p in np.ndindex(*index.shape):
        if index[n, t, p] >= 0:
            dx[n, :, index[n, t, p]] += EXACT(weights[n, t, p]) * dy[n, :, p]
    return dx


def backward_weights(dy: Any, x: Any, index: Any) -> Any:
    dweights = np.zeros(index.shape, EXACT)
    for n, t, p in np.ndindex(*index.shape):
        if index[n, t, p] >= 0:
            for c in range(x.shape[1]):
                dweights[n, t, p] += EXACT(dy[n, c, p]) * x[n, c, index[n, t, p]]
    return dweights


def position(point: Any, size: int, align: Any) -> Any:
    return (point + 1) / 2 * (size - 1) if align else ((point + 1) * size - 1) / 2


def _inside(place: Any, size: int, padding: str, align: Any) -> Any:
    """A position as the padding has it."""
    if padding == "reflection":
        low, high = (0, size - 1) if align else (EXACT(-0.5), EXACT(size) - EXACT(0.5))
        if low == high:
            return EXACT(0)
        while not low <= place <= high:
            place = 2 * low - place if place < low else 2 * high - place
    return place if padding == "zeros" else min(max(place, 0), size - 1)


def _cubic(d: Any) -> Any:
    d, a = abs(d), EXACT(-0.75)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else EXACT(0)


def _taps(place: Any, size: int, mode: str, padding: str, align: Any) -> list[tuple[int, Any]]:
    if mode == "bicubic":
        below = math.floor(place)
        near = [(below + step, _cubic(below + step - place)) for step in (-1, 0, 1, 2)]
        taps = [(round(_inside(EXACT(i), size, padding, align)), w) for i, w in near]
    else:
        place = _inside(place, size, padding, align)
        below = math.floor(place)
        taps = [(below, 1 - (place - below)), (below + 1, place - below)]
        if mode == "nearest":
            taps = [(round(float(place)), EXACT(1))]
    return [(i, w) for i, w in taps if 0 <= i < size]


def grid_sample(
    x: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: Any = None
) -> Any:
    axes = x.ndim - 2
    y = np.zeros((*x.shape[:2], *grid.shape[1:-1]), EXACT)
    for n, *at in np.ndindex(*grid.shape[:-1]):
        point = grid[(n, *at)].astype(EXACT)
        each = [
            _taps(position(point[axes - 1 - axis], size, align_corners), size, mode, padding_mode, align_corners)
            for axis, size in enumerate(x.shape[2:])
        ]
        for taps in itertools.product(*each):
            place = tuple(i for i, _ in taps)
            y[(n, slice(None), *at)] += math.prod(w for _, w in taps) * x[(n, slice(None), *place)]
    return y


def affine_grid(theta: Any, size: Any, align_corners: Any = None) -> Any:
    axes = len(size) - 2
    grid = np.zeros((size[0], *size[2:], axes), EXACT)
    for n, *at in np.ndindex(*grid.shape[:-1]):
        point = []
        for i, length in zip(reversed(at), reversed(size[2:]), strict=True):
            if align_corners:
                point.append(EXACT(2 * i) / (length - 1) - 1 if length > 1 else EXACT(0))
            else:
                point.append(EXACT(2 * i + 1) / length - 1)
        grid[(n, *at)] = theta[n].astype(EXACT) @ np.array([*point, 1], EXACT)
    return grid
