"""Sampling planes at points, one tap at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.geometry import SampleShape

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
