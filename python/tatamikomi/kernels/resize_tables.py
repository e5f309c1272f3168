"""Tables that say how an axis is resampled: which elements each output is a weighted sum of.

With `ratio` = in / out, or 1 / scale where a scale was asked for, output o lies at these positions of the input:

    nearest          floor(o * ratio)
    nearest-exact    floor((o + 1/2) * ratio)
    linear, cubic    (o + 1/2) * ratio - 1/2, or o * (in - 1) / (out - 1) where corners are aligned
    area             all elements of [o * in / out, (o + 1) * in / out)

Linear and cubic interpolation weigh the 2 or 4 elements around the position, the edge repeated outside; antialiased,
their filters are stretched by the ratio where that is more than 1, cut at the edges and normalised.

Source: R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29 (1981), for
the cubic filter, with a = -3/4 (-1/2 antialiased).
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.geometry import count_elements
from tatamikomi.kernels.arrays import Array, as_integers

_REMEMBERED = 256  # tables: a network asks for its own at every step


def _frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array


class AxisTable:
    """y[o] = sum of weights[t] * x[index[t]] over offsets[o] <= t < offsets[o + 1].

    Args:
        size: elements of x along the axis.
        offsets: (outputs + 1,), integers that begin at 0 and never fall.
        index: (taps,), integers, 0 <= index < size.
        weights: (taps,), floats.

    Raises:
        TypeError, ValueError: an array is of another kind, shape or range.

    >>> import numpy as np, tatamikomi as tk
    >>> table = tk.kernels.AxisTable(3, [0, 1, 3], [0, 1, 2], [1.0, 0.5, 0.5])
    >>> table.size, table.outputs
    (3, 2)
    >>> tk.kernels.resample(np.array([[[1.0, 2.0, 4.0]]]), [table])
    array([[[1., 3.]]])
    """

    def __init__(self, size: int, offsets: ArrayLike, index: ArrayLike, weights: ArrayLike) -> None:
        op = "AxisTable"
        if type(size) is not int:
            raise bad_type(op, "size", size, "an integer")
        self.size = size
        self.offsets = _frozen(as_integers(op, "offsets", offsets).copy())
        self.index = _frozen(as_integers(op, "index", index).copy())
        try:
            self.weights = _frozen(np.array(weights, np.float64))
        except (TypeError, ValueError):
            raise bad_type(op, "weights", weights, "an array of numbers") from None
        taps = self.index.shape
        if len(taps) != 1:
            raise bad_value(op, "index", f"shape {taps}", "one dimension")
        if self.weights.shape != taps:
            raise bad_value(op, "weights", f"shape {self.weights.shape}", f"shape {taps} as index has")
        if self.offsets.ndim != 1 or not len(self.offsets) or np.any(np.diff(self.offsets) < 0):
            raise bad_value(op, "offsets", self.offsets.tolist(), "(outputs + 1,) integers that never fall")
        if self.offsets[0] != 0 or self.offsets[-1] != taps[0]:
            raise bad_value(op, "offsets", self.offsets.tolist(), f"integers from 0 to the number of taps, {taps[0]}")
        if np.any((self.index < 0) | (self.index >= size)):
            raise bad_value(op, "index", self.index.tolist(), f"0 <= index < {size}")
        self._weights: dict[Any, Array] = {self.weights.dtype: self.weights}

    @property
    def outputs(self) -> int:
        """Elements of y along the axis."""
        return len(self.offsets) - 1

    @cached_property
    def copies(self) -> bool:
        """Whether y is x."""
        every = np.arange(self.size)
        return (
            np.array_equal(self.index, every)
            and np.array_equal(self.offsets[:-1], every)
            and bool(np.all(self.weights == 1))
        )

    @cached_property
    def transposed(self) -> AxisTable:
        """The table of the adjoint: by elements of x, each with the outputs that it is a part of, in order."""
        outputs = np.repeat(np.arange(self.outputs), np.diff(self.offsets))
        order = np.argsort(self.index, kind="stable")
        counts = np.bincount(self.index, minlength=self.size)
        table = AxisTable(self.outputs, np.concatenate([[0], np.cumsum(counts)]), outputs[order], self.weights[order])
        table.__dict__["transposed"] = self
        return table

    def weights_as(self, dtype: DTypeLike) -> Array:
        """The weights, rounded to dtype."""
        kind = np.dtype(dtype)
        if kind not in self._weights:
            self._weights[kind] = _frozen(self.weights.astype(kind))
        return self._weights[kind]


def _table(size: int, index: Array, weights: Array) -> AxisTable:
    """From index and weights (outputs, taps); a tap of weight 0 is none, and whatever x holds there is not seen."""
    there = weights != 0
    offsets = np.concatenate([[0], np.cumsum(there.sum(1))])
    return AxisTable(size, offsets, index[there], weights[there])


def _ratio(size: int, outputs: int, scale: float | None) -> float:
    return size / outputs if scale is None else 1 / scale


def _check(op: str, size: int, outputs: int, scale: float | None = None) -> None:
    if min(size, outputs) < 1:
        raise bad_value(op, "size", (size, outputs), "sizes of at least 1, before and after")
    if scale is not None and not (math.isfinite(scale) and scale > 0):
        raise bad_value(op, "scale", scale, "a positive finite number or None")


@lru_cache(_REMEMBERED)
def nearest_table(size: int, outputs: int, scale: float | None = None, exact: bool = False) -> AxisTable:
    """Each output copies one element: the one below its position, or with `exact` the one its centre lies in.

    >>> from tatamikomi.kernels.resize_tables import nearest_table
    >>> nearest_table(2, 5).index.tolist(), nearest_table(2, 5, exact=True).index.tolist()
    ([0, 0, 0, 1, 1], [0, 0, 1, 1, 1])
    """
    _check("nearest_table", size, outputs, scale)
    count_elements("nearest_table", "table", (outputs, 1))
    twice = 2 * np.arange(outputs) + int(exact)
    if scale is None:
        index = twice * size // (2 * outputs)  # exact
    else:  # what is a whole number but for float32's rounding is one
        index = np.floor(twice * (0.5 / scale) * (1 + 2.0**-25)).astype(np.int64)
    index = np.minimum(index, size - 1)
    return _table(size, index[:, None], np.ones((outputs, 1)))


def _positions(size: int, outputs: int, scale: float | None, align_corners: bool) -> Array:
    if align_corners:
        return np.arange(outputs) * ((size - 1) / (outputs - 1) if outputs > 1 else 0.0)
    return (np.arange(outputs) + 0.5) * _ratio(size, outputs, scale) - 0.5


def _around(size: int, positions: Array, taps: int, weigh: Any) -> AxisTable:
    """The elements around each position, `taps` / 2 on either side; outside, the edge is repeated."""
    below = np.floor(positions)
    index = below[:, None].astype(np.int64) + np.arange(1 - taps // 2, 1 + taps // 2)
    return _table(size, np.clip(index, 0, size - 1), weigh(index - positions[:, None]))


def _linear(distance: Array) -> Array:
    weights: Array = np.maximum(1 - np.abs(distance), 0)
    return weights


def _cubic(distance: Array, a: float = -0.75) -> Array:
    d = np.abs(distance)
    inner = ((a + 2) * d - (a + 3)) * d * d + 1
    outer = a * (((d - 5) * d + 8) * d - 4)
    return np.where(d <= 1, inner, np.where(d < 2, outer, 0))


@lru_cache(_REMEMBERED)
def linear_table(size: int, outputs: int, scale: float | None = None, align_corners: bool = False) -> AxisTable:
    """Linear interpolation between the two elements around each position; outside, the edge.

    >>> from tatamikomi.kernels.resize_tables import linear_table
    >>> table = linear_table(2, 4)
    >>> table.index.tolist(), table.weights.tolist()
    ([0, 0, 1, 0, 1, 1], [1.0, 0.75, 0.25, 0.25, 0.75, 1.0])
    """
    _check("linear_table", size, outputs, scale)
    count_elements("linear_table", "table", (outputs, 2))
    positions = np.clip(_positions(size, outputs, scale, align_corners), 0, size - 1)
    return _around(size, positions, 2, _linear)


@lru_cache(_REMEMBERED)
def cubic_table(size: int, outputs: int, scale: float | None = None, align_corners: bool = False) -> AxisTable:
    """Cubic convolution over the four elements around each position.

    >>> from tatamikomi.kernels.resize_tables import cubic_table
    >>> cubic_table(4, 2).weights.tolist()
    [-0.09375, 0.59375, 0.59375, -0.09375, -0.09375, 0.59375, 0.59375, -0.09375]
    """
    _check("cubic_table", size, outputs, scale)
    count_elements("cubic_table", "table", (outputs, 4))
    return _around(size, _positions(size, outputs, scale, align_corners), 4, _cubic)


@lru_cache(_REMEMBERED)
def antialias_table(
    size: int, outputs: int, scale: float | None = None, align_corners: bool = False, cubic: bool = False
) -> AxisTable:
    """The linear or cubic filter, stretched by the ratio where the axis shrinks, cut at the edges and normalised.

    >>> from tatamikomi.kernels.resize_tables import antialias_table
    >>> (7 * antialias_table(4, 2).weights).tolist()
    [3.0, 3.0, 1.0, 1.0, 3.0, 3.0]
    """
    _check("antialias_table", size, outputs, scale)
    ratio = _ratio(size, outputs, scale)
    if align_corners:
        ratio = (size - 1) / (outputs - 1) if outputs > 1 else 0.0
    stretch = max(ratio, 1.0)
    reach = stretch * (2 if cubic else 1)
    count_elements("antialias_table", "table", (outputs, int(min(2 * reach + 2, size))))
    centres = (np.arange(outputs) + 0.5) * ratio
    first = np.maximum(np.floor(centres - reach + 0.5), 0).astype(np.int64)
    end = np.minimum(np.floor(centres + reach + 0.5), size).astype(np.int64)
    index = first[:, None] + np.arange(max(int((end - first).max()), 1))
    distance = (index - centres[:, None] + 0.5) / stretch
    weights = np.where(index < end[:, None], _cubic(distance, -0.5) if cubic else _linear(distance), 0)
    total = weights.sum(1, keepdims=True)
    return _table(size, np.minimum(index, size - 1), weights / np.where(total == 0, 1, total))


@lru_cache(_REMEMBERED)
def area_table(size: int, outputs: int) -> AxisTable:
    """The mean of all elements that an output's share of the axis touches: adaptive average pooling.

    >>> from tatamikomi.kernels.resize_tables import area_table
    >>> area_table(3, 2).index.tolist(), area_table(3, 2).weights.tolist()
    ([0, 1, 1, 2], [0.5, 0.5, 0.5, 0.5])
    """
    _check("area_table", size, outputs)
    count_elements("area_table", "table", (outputs, size // outputs + 2))
    first = np.arange(outputs) * size // outputs
    end = -(-np.arange(1, outputs + 1) * size // outputs)
    index = first[:, None] + np.arange((end - first).max())
    counts = (end - first)[:, None]
    return _table(size, np.minimum(index, size - 1), np.where(index < end[:, None], 1 / counts, 0))
