"""Interpolation: signals, images and volumes in other sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor
from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.geometry import Size, flag, per_axis
from tatamikomi.kernels import AxisTable
from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.resize_tables import antialias_table, area_table, cubic_table, linear_table, nearest_table

#: A number for every axis, or one per axis.
Scale: TypeAlias = float | Sequence[float]


class _Resample(Function):
    """Every axis by its table: linear in x, and its adjoint is the transposed tables."""

    fresh = True

    def __init__(self, tables: tuple[AxisTable, ...]) -> None:
        self.tables = tables

    def forward(self, x: Array) -> Array:
        return kernels.resample(x, self.tables)

    def backward(self, dy: Tensor) -> Tensor:
        return _Resample(tuple([table.transposed for table in self.tables]))(dy)


class _Mode(NamedTuple):
    axes: tuple[int, ...]  # how many there may be
    aligns: bool  # corners can be aligned
    smooths: bool  # has an antialiased form


_MODES = {
    "nearest": _Mode((1, 2, 3), False, False),
    "nearest-exact": _Mode((1, 2, 3), False, False),
    "linear": _Mode((1,), True, False),
    "bilinear": _Mode((2,), True, True),
    "bicubic": _Mode((2,), True, True),
    "trilinear": _Mode((3,), True, False),
    "area": _Mode((1, 2, 3), False, False),
}


def _axis_table(
    size: int, outputs: int, scale: float | None, mode: str, align_corners: bool, antialias: bool
) -> AxisTable:
    if mode == "area":
        return area_table(size, outputs)
    if mode in ("nearest", "nearest-exact"):
        return nearest_table(size, outputs, scale, mode == "nearest-exact")
    if antialias:
        return antialias_table(size, outputs, scale, align_corners, mode == "bicubic")
    return (cubic_table if mode == "bicubic" else linear_table)(size, outputs, scale, align_corners)


def _scales(op: str, scale_factor: object, axes: int) -> tuple[float, ...]:
    expected = f"a positive finite number, or {axes} of them"
    entries = tuple(scale_factor) if isinstance(scale_factor, (list, tuple, np.ndarray)) else (scale_factor,) * axes
    scales = []
    for one in entries:
        if isinstance(one, (bool, np.bool_)) or not isinstance(one, (int, float, np.integer, np.floating)):
            raise bad_type(op, "scale_factor", scale_factor, expected)
        scales.append(float(one))
    if len(scales) != axes or not all(math.isfinite(one) and one > 0 for one in scales):
        raise bad_value(op, "scale_factor", scale_factor, expected)
    return tuple(scales)


def _interpolate(
    op: str,
    input: TensorLike,
    size: Size | None,
    scale_factor: Scale | None,
    mode: str,
    align_corners: bool | None,
    recompute_scale_factor: bool | None,
    antialias: bool,
) -> Tensor:
    x = as_input(op, "input", input)
    if not isinstance(mode, str):
        raise bad_type(op, "mode", mode, "the name of a mode")
    if mode not in _MODES:
        raise unknown_name(op, "mode", mode, _MODES)
    axes, kind = x.ndim - 2, _MODES[mode]
    if axes not in kind.axes or min(x.shape[1:]) < 1:
        sizes = " or ".join(f"(N, C, {('L', 'H, W', 'D, H, W')[count - 1]})" for count in kind.axes)
        raise bad_value(op, "input", f"shape {x.shape}", f"{sizes} of positive sizes for mode {mode!r}")
    if align_corners is not None:
        flag(op, "align_corners", align_corners)
        if not kind.aligns:
            raise bad_value(op, "align_corners", align_corners, f"None for mode {mode!r}")
    if flag(op, "antialias", antialias) and not kind.smooths:
        raise bad_value(op, "antialias", antialias, f"False for mode {mode!r}")
    recompute = recompute_scale_factor is not None and flag(op, "recompute_scale_factor", recompute_scale_factor)
    scales: tuple[float | None, ...] = (None,) * axes
    if (size is None) == (scale_factor is None):
        raise bad_value(op, "size", f"{size} and scale_factor {scale_factor}", "one of them, the other None")
    if size is not None:
        if recompute:
            raise bad_value(op, "recompute_scale_factor", True, "None or False beside size")
        goals = per_axis(op, "size", size, axes, 1)
    else:
        given = _scales(op, scale_factor, axes)
        goals = tuple([math.floor(old * scale) for old, scale in zip(x.shape[2:], given, strict=True)])
        if min(goals) < 1:
            raise bad_value(op, "scale_factor", scale_factor, f"an output of positive sizes, not {goals}")
        if not recompute:
            scales = given
    tables = [
        _axis_table(*axis, mode, bool(align_corners), antialias)
        for axis in zip(x.shape[2:], goals, scales, strict=True)
    ]
    return _Resample(tuple(tables))(x)


@own_names(half=True)
def interpolate(
    input: TensorLike,
    size: Size | None = None,
    scale_factor: Scale | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resize signals, images or volumes; every mode works along one axis after the other.

    Output o of an axis lies at (o + 1/2) * in / out - 1/2 of the input, or at o * (in - 1) / (out - 1) with
    `align_corners`. The linear modes weigh the two elements around it, "bicubic" four (cubic convolution, a = -3/4),
    the edge repeated outside. "nearest" copies floor(o * in / out), "nearest-exact" floor((o + 1/2) * in / out);
    "area" averages all elements from floor(o * in / out) to ceil((o + 1) * in / out).

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W), float32 or float64.
        size: of the output, an integer or one per axis; or else
        scale_factor: a positive number or one per axis, output = floor(in * scale_factor), and 1 / scale_factor stands
            for in / out above, unless
        recompute_scale_factor: is True: then in / out is computed from the sizes.
        mode: "nearest", "nearest-exact" and "area" (1 to 3 axes), "linear" (one), "bilinear" and "bicubic" (two),
            "trilinear" (three).
        align_corners: for the linear modes and "bicubic"; None is False.
        antialias: for "bilinear" and "bicubic": where the axis shrinks, the filter (for "bicubic" with a = -1/2) is
            stretched over all elements that are left out otherwise.

    Returns:
        (N, C, *outputs).

    Raises:
        TypeError: another dtype, or an option of another kind.
        ValueError: shapes or options that do not fit together.

    >>> import tatamikomi as tk
    >>> x = tk.tensor([[[1.0, 3.0]]])
    >>> tk.functional.interpolate(x, 4)
    tensor([[[1., 1., 3., 3.]]])
    >>> tk.functional.interpolate(x, scale_factor=2, mode="linear")
    tensor([[[1. , 1.5, 2.5, 3. ]]])
    >>> tk.functional.interpolate(x, 5, mode="linear", align_corners=True)
    tensor([[[1. , 1.5, 2. , 2.5, 3. ]]])
    """
    options = (size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)
    return _interpolate("interpolate", input, *options)


@own_names(half=True)
def upsample(
    input: TensorLike,
    size: Size | None = None,
    scale_factor: Scale | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate` under its older name.

    >>> import tatamikomi as tk
    >>> tk.functional.upsample([[[1.0, 3.0]]], scale_factor=2)
    tensor([[[1., 1., 3., 3.]]])
    """
    return _interpolate("upsample", input, size, scale_factor, mode, align_corners, None, False)


@own_names(half=True)
def upsample_nearest(input: TensorLike, size: Size | None = None, scale_factor: Scale | None = None) -> Tensor:
    """`interpolate` with mode "nearest".

    >>> import tatamikomi as tk
    >>> tk.functional.upsample_nearest([[[1.0, 3.0]]], 3)
    tensor([[[1., 1., 3.]]])
    """
    return _interpolate("upsample_nearest", input, size, scale_factor, "nearest", None, None, False)


@own_names(half=True)
def upsample_bilinear(input: TensorLike, size: Size | None = None, scale_factor: Scale | None = None) -> Tensor:
    """`interpolate` of images with mode "bilinear" and aligned corners.

    >>> import tatamikomi as tk
    >>> tk.functional.upsample_bilinear([[[[1.0, 3.0]]]], (1, 3))
    tensor([[[[1., 2., 3.]]]])
    """
    return _interpolate("upsample_bilinear", input, size, scale_factor, "bilinear", True, None, False)
