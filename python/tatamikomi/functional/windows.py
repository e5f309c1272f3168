"""Windows as columns and back: what `im2col` and `col2im` do, on the tape, each the other's gradient."""

from __future__ import annotations

import math
from collections.abc import Sized
from typing import NamedTuple

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.inputs import TensorLike, batched, frozen, own_names, unbatched
from tatamikomi.geometry import Padding, Size, per_axis
from tatamikomi.kernels.arrays import Array


class _Window(NamedTuple):
    kernel_size: Size
    dilation: Size
    padding: Padding
    stride: Size


class _Unfold(Function):
    """Windows of x (N, C, *sizes) as columns (N, C * prod(kernel_size), windows)."""

    fresh = True

    def __init__(self, window: _Window) -> None:
        self.window = window

    def forward(self, x: Array) -> Array:
        self.input_shape = x.shape
        return kernels.im2col(x, *self.window)

    def backward(self, dy: Tensor) -> Tensor:
        return _Fold(self.input_shape, self.window)(dy)


class _Fold(Function):
    """The adjoint of _Unfold."""

    fresh = True

    def __init__(self, input_shape: tuple[int, ...], window: _Window) -> None:
        self.input_shape, self.window = input_shape, window

    def forward(self, cols: Array) -> Array:
        return kernels.col2im(cols, self.input_shape, *self.window)

    def backward(self, dy: Tensor) -> Tensor:
        return _Unfold(self.window)(dy)


def _window(kernel_size: Size, dilation: Size, padding: Padding, stride: Size) -> _Window:
    return _Window(*map(frozen, (kernel_size, dilation, padding, stride)))


def axes_of(op: str, argument: str, size: Size) -> int:
    """How many axes windows of a size have: an integer means two."""
    if isinstance(size, (int, np.integer)):
        return 2
    if isinstance(size, (str, bytes)) or not isinstance(size, Sized):
        raise bad_type(op, argument, size, "an integer or one per axis")
    return len(size)


@own_names()
def unfold(input: TensorLike, kernel_size: Size, dilation: Size = 1, padding: Padding = 0, stride: Size = 1) -> Tensor:
    """Every window of the input as a column.

    Args:
        input: (N, C, *sizes) or (C, *sizes), with as many axes as kernel_size has entries (an integer means two).
        kernel_size, dilation, padding, stride: as in `conv2d`.

    Returns:
        (N, C * prod(kernel_size), windows), without N for an unbatched input; rows run over channels, then taps.

    Raises:
        TypeError, ValueError: as `conv2d`.

    >>> import tatamikomi as tk
    >>> tk.functional.unfold([[1.0, 2.0, 3.0]], (2,))
    tensor([[1., 2.],
            [2., 3.]])
    """
    axes = axes_of("unfold", "kernel_size", kernel_size)
    x, single = batched("unfold", input, axes)
    return unbatched(_Unfold(_window(kernel_size, dilation, padding, stride))(x), single)


@own_names(cols="input", input_shape="output_size")
def fold(
    input: TensorLike,
    output_size: Size,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Padding = 0,
    stride: Size = 1,
) -> Tensor:
    """Put every column back where `unfold` took it from, adding where windows overlap: the adjoint of `unfold`.

    Args:
        input: (N, C * prod(kernel_size), windows), or the same without N.
        output_size: the sizes of the result's axes (an integer means two of that size).
        kernel_size, dilation, padding, stride: as in `conv2d`.

    Returns:
        (N, C, *output_size), without N for an unbatched input.

    Raises:
        TypeError, ValueError: as `conv2d`; the number of rows or columns does not fit.

    >>> import tatamikomi as tk
    >>> tk.functional.fold([[1.0, 2.0], [2.0, 3.0]], (3,), (2,))
    tensor([[1., 4., 3.]])
    """
    cols, single = batched("fold", input, 1)
    axes = axes_of("fold", "output_size", output_size)
    sizes = per_axis("fold", "output_size", output_size, axes, 1)
    taps = math.prod(per_axis("fold", "kernel_size", kernel_size, axes, 1))
    if cols.shape[1] % taps:
        raise bad_value("fold", "input", f"shape {cols.shape}", f"a multiple of prod(kernel_size) = {taps} rows")
    shape = (cols.shape[0], cols.shape[1] // taps, *sizes)
    return unbatched(_Fold(shape, _window(kernel_size, dilation, padding, stride))(cols), single)
