"""Spatial transformers: images and volumes sampled at points that are computed themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from itertools import product
from operator import mul
from typing import NamedTuple

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor, matmul, stack
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.geometry import as_shape, count_elements, flag
from tatamikomi.kernels.arrays import Array

_Pair = tuple[Tensor | None, Tensor | None]
_MODES = ("bilinear", "nearest", "bicubic")
_PADDING_MODES = ("zeros", "border", "reflection")
_CUBIC = -0.75


class _Sampled(Function):
    """One of three bilinear maps, y(x, weights), dx(dy, weights), dweights(dy, x): the gradients are the other two."""

    saves = ((1,), (0,))
    fresh = True

    def __init__(self, index: Array, size: int) -> None:
        self.index, self.size = index, size  # index (N, taps, points), size of a plane


class _Sample(_Sampled):
    """y (N, C, points) from x (N, C, size) and weights (N, taps, points)."""

    def forward(self, x: Array, weights: Array) -> Array:
        return kernels.sample_forward(x, weights, self.index)

    def backward(self, dy: Tensor) -> _Pair:
        dx = _SampleBackwardInput(self.index, self.size)(dy, self.saved(1)) if self.needs[0] else None
        dweights = _SampleBackwardWeights(self.index, self.size)(dy, self.saved(0)) if self.needs[1] else None
        return dx, dweights


class _SampleBackwardInput(_Sampled):
    """dx (N, C, size) from dy (N, C, points) and weights."""

    def forward(self, dy: Array, weights: Array) -> Array:
        return kernels.sample_backward_input(dy, weights, self.index, self.size)

    def backward(self, ddx: Tensor) -> _Pair:
        d_dy = _Sample(self.index, self.size)(ddx, self.saved(1)) if self.needs[0] else None
        d_weights = _SampleBackwardWeights(self.index, self.size)(self.saved(0), ddx) if self.needs[1] else None
        return d_dy, d_weights


class _SampleBackwardWeights(_Sampled):
    """dweights (N, taps, points) from dy (N, C, points) and x."""

    def forward(self, dy: Array, x: Array) -> Array:
        return kernels.sample_backward_weights(dy, x, self.index)

    def backward(self, ddweights: Tensor) -> _Pair:
        d_dy = _Sample(self.index, self.size)(self.saved(1), ddweights) if self.needs[0] else None
        d_x = _SampleBackwardInput(self.index, self.size)(self.saved(0), ddweights) if self.needs[1] else None
        return d_dy, d_x


class _Piecewise(Function):
    """A function of slope -1, 0 or 1 everywhere: its values and slopes at x."""

    def __init__(self, values: Array, slopes: Array) -> None:
        self.values, self.slopes = values, slopes

    def forward(self, x: Array) -> Array:
        return self.values.astype(x.dtype)

    def backward(self, dy: Tensor) -> Tensor:
        return dy * wrap(self.slopes.astype(dy.dtype))


class _Axis(NamedTuple):
    """How points see one axis: `size` elements, the rule for what lies outside, where -1 and 1 are."""

    size: int
    padding: str
    align_corners: bool

    def position(self, point: Tensor) -> Tensor:
        """From [-1, 1] to elements: the outermost elements' centres lie there, or their outer edges."""
        if self.align_corners:
            return (point + 1.0) * 0.5 * float(self.size - 1)
        return ((point + 1.0) * float(self.size) - 1.0) * 0.5

    def inside(self, positions: Array) -> tuple[Array, Array]:
        """Positions as the padding has them, and the slopes of that; zeros leaves them alone."""
        values, slopes = positions, np.ones_like(positions)
        if self.padding == "zeros":
            return values, slopes
        if self.padding == "reflection":
            low = 0.0 if self.align_corners else -0.5
            span = self.size - 1 - 2 * low
            distance = np.abs(values - low)
            turns = np.floor(distance / span) if span else np.zeros_like(values)
            rest = distance - turns * span if span else np.zeros_like(values)
            odd = turns % 2 == 1
            slopes = np.where(values < low, -1.0, 1.0) * np.where(odd, -1.0, 1.0)
            values = np.where(odd, span - rest, rest) + low
        values = np.where(np.isnan(values), 0.0, values)
        slopes = np.where((values > 0) & (values < self.size - 1), slopes, 0.0)
        return np.clip(values, 0, self.size - 1), slopes

    def places(self, positions: Array) -> Array:
        """Whole positions as indices, -1 outside."""
        there = (positions >= 0) & (positions < self.size)
        return np.where(there, positions, -1).astype(np.int64)

    def taps(self, point: Tensor, mode: str) -> list[tuple[Array, Tensor]]:
        """The elements that each point sees and their weights."""
        position = self.position(point)
        if mode == "bicubic":  # the four elements around it, each of which may lie outside
            below = np.floor(position.data)
            seen = [self.places(self.inside(below + step)[0]) for step in (-1, 0, 1, 2)]
            return list(zip(seen, _cubic(position - wrap(below)), strict=True))
        values, slopes = self.inside(position.data)
        if mode == "nearest":  # halves go to the even one
            return [(self.places(np.rint(values)), _Piecewise(np.ones_like(values), 0 * slopes)(position))]
        if self.padding != "zeros":
            position = _Piecewise(values, slopes)(position)
        below = np.floor(position.data)
        after = position - wrap(below)
        return [(self.places(below), 1.0 - after), (self.places(below + 1), after)]


def _cubic(after: Tensor) -> list[Tensor]:
    """Weights of the four elements around a position that lies `after` the second: cubic convolution."""

    def inner(d: Tensor) -> Tensor:
        return ((_CUBIC + 2) * d - (_CUBIC + 3)) * d * d + 1.0

    def outer(d: Tensor) -> Tensor:
        return ((_CUBIC * d - 5 * _CUBIC) * d + 8 * _CUBIC) * d - 4 * _CUBIC

    before = 1.0 - after
    return [outer(after + 1.0), inner(after), inner(before), outer(before + 1.0)]


@own_names()
def grid_sample(
    input: TensorLike,
    grid: TensorLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The input at the points of a grid, interpolated; with gradients for both.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W), float32 or float64.
        grid: (N, OH, OW, 2) of points (x, y), or (N, OD, OH, OW, 3) of points (x, y, z), dtype of input; -1 and 1 are
            the two ends of an axis.
        mode: "bilinear" (also of volumes), "nearest", or "bicubic" (images only; a = -3/4).
        padding_mode: what lies outside: "zeros", the "border", or the input mirrored ("reflection").
        align_corners: whether -1 and 1 are the centres of the outermost elements, or (False, None) their outer edges;
            axes are mirrored there too.

    Returns:
        (N, C, OH, OW) or (N, C, OD, OH, OW).

    Raises:
        TypeError: other or mixed dtypes, or an option of another kind.
        ValueError: shapes or options that do not fit together.

    Source: M. Jaderberg et al., "Spatial transformer networks", arXiv:1506.02025.

    >>> import tatamikomi as tk
    >>> x = tk.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> points = tk.tensor([[[[0.0, 0.0], [1.0, -1.0]]]])
    >>> tk.functional.grid_sample(x, points, align_corners=True)
    tensor([[[[2.5, 2. ]]]])
    """
    op = "grid_sample"
    x, points = as_input(op, "input", input), as_input(op, "grid", grid)
    axes = x.ndim - 2
    if axes not in (2, 3) or min(x.shape[1:]) < 1:
        raise bad_value(op, "input", f"shape {x.shape}", "(N, C, H, W) or (N, C, D, H, W) of positive sizes")
    if points.ndim != x.ndim or points.shape[0] != x.shape[0] or points.shape[-1] != axes:
        rule = f"({x.shape[0]}, {axes} sizes, {axes}) for an input of {axes} axes"
        raise bad_value(op, "grid", f"shape {points.shape}", rule)
    if points.dtype != x.dtype:
        raise bad_type(op, "grid", str(points.dtype), str(x.dtype), as_other="input")
    for argument, value, known in (("mode", mode, _MODES), ("padding_mode", padding_mode, _PADDING_MODES)):
        if not isinstance(value, str):
            raise bad_type(op, argument, value, "the name of a mode")
        if value not in known:
            raise unknown_name(op, argument, value, known)
    if mode == "bicubic" and axes != 2:
        raise bad_value(op, "mode", mode, "'bilinear' or 'nearest' for volumes")
    align = align_corners is not None and flag(op, "align_corners", align_corners)
    n, count = x.shape[0], math.prod(points.shape[1:-1])
    flat = points.reshape(n, count, axes)
    steps = [math.prod(x.shape[3 + axis :]) for axis in range(axes)]
    index, weights = [], []
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinite points lie outside, or on the border
        each = [
            _Axis(size, padding_mode, align).taps(flat[:, :, axes - 1 - axis], mode)
            for axis, size in enumerate(x.shape[2:])
        ]
        for taps in product(*each):
            places = [place for place, _ in taps]
            there = np.logical_and.reduce([place >= 0 for place in places])
            index.append(np.where(there, sum(map(mul, places, steps)), -1))
            weights.append(reduce(mul, [weight for _, weight in taps]))
    size = math.prod(x.shape[2:])
    y = _Sample(np.stack(index, 1), size)(x.reshape(n, x.shape[1], size), stack(weights, 1))
    return y.reshape(n, x.shape[1], *points.shape[1:-1])


@own_names()
def affine_grid(theta: TensorLike, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The points that an affine map sends the elements of an output to: a grid for `grid_sample`.

        grid[n, h, w] = theta[n] @ (x of w, y of h, 1), with x and y from -1 to 1

    Args:
        theta: (N, 2, 3) for images or (N, 3, 4) for volumes, float32 or float64.
        size: (N, C, H, W) or (N, C, D, H, W), the output's.
        align_corners: as in `grid_sample`.

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3).

    Raises:
        TypeError: another dtype, or an option of another kind.
        ValueError: shapes that do not fit together.

    >>> import tatamikomi as tk
    >>> tk.functional.affine_grid([[[1.0, 0.0, 0.5], [0.0, 2.0, 0.0]]], (1, 1, 1, 2), align_corners=True)
    tensor([[[[-0.5,  0. ],
              [ 1.5,  0. ]]]])
    """
    op = "affine_grid"
    maps, sizes = as_input(op, "theta", theta), as_shape(op, "size", size, 1)
    axes = len(sizes) - 2
    if axes not in (2, 3):
        raise bad_value(op, "size", sizes, "(N, C, H, W) or (N, C, D, H, W)")
    if maps.shape != (sizes[0], axes, axes + 1):
        raise bad_value(op, "theta", f"shape {maps.shape}", f"shape {(sizes[0], axes, axes + 1)} for size {sizes}")
    align = align_corners is not None and flag(op, "align_corners", align_corners)
    count_elements(op, "output", (sizes[0], *sizes[2:], axes))
    lines = []
    for length in sizes[2:]:
        line = np.linspace(-1.0, 1.0, length) if length > 1 else np.zeros(1)
        lines.append(line if align else line * ((length - 1) / length))
    mesh = np.meshgrid(*lines, indexing="ij")[::-1]  # x runs along the last axis
    base = np.stack([*map(np.ravel, mesh), np.ones(math.prod(sizes[2:]))], 1).astype(maps.dtype)
    return matmul(wrap(base), maps.transpose(1, 2)).reshape(sizes[0], *sizes[2:], axes)
