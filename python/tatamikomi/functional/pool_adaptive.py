"""Adaptive pooling: so many windows as asked for, whatever the size of the input."""

from __future__ import annotations

from typing import Literal, TypeAlias, overload

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor
from tatamikomi.autograd.tensor import wrap
from tatamikomi.functional.inputs import TensorLike, batched, frozen, own_names, unbatched
from tatamikomi.functional.pool import MaxPoolGradient
from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.pool_adaptive import OutputSize

_Pooled: TypeAlias = Tensor | tuple[Tensor, Tensor]


class _AdaptiveAvgPool(Function):
    fresh = True

    def __init__(self, output_size: OutputSize) -> None:
        self.output_size = output_size

    def forward(self, x: Array) -> Array:
        self.input_shape = x.shape
        return kernels.adaptive_avg_pool_forward(x, self.output_size)

    def backward(self, dy: Tensor) -> Tensor:
        return _AdaptiveAvgPoolGradient(self.input_shape)(dy)


class _AdaptiveAvgPoolGradient(Function):
    """The adjoint of _AdaptiveAvgPool."""

    fresh = True

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        self.input_shape = input_shape

    def forward(self, dy: Array) -> Array:
        self.output_size = dy.shape[2:]
        return kernels.adaptive_avg_pool_backward(dy, self.input_shape)

    def backward(self, ddx: Tensor) -> Tensor:
        return _AdaptiveAvgPool(self.output_size)(ddx)


class _AdaptiveMaxPool(Function):
    fresh = True

    indices: Array

    def __init__(self, output_size: OutputSize, return_indices: bool) -> None:
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, x: Array) -> Array:
        if not (self.needs or self.return_indices):
            return kernels.adaptive_max_pool_forward(x, self.output_size, return_indices=False)
        self.input_shape = x.shape
        y, self.indices = kernels.adaptive_max_pool_forward(x, self.output_size)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        return MaxPoolGradient(self.indices, self.input_shape)(dy)


def _average(axes: int, input: TensorLike, output_size: OutputSize) -> Tensor:
    x, single = batched(f"adaptive_avg_pool{axes}d", input, axes)
    return unbatched(_AdaptiveAvgPool(frozen(output_size))(x), single)


def _maximum(axes: int, input: TensorLike, output_size: OutputSize, return_indices: bool) -> _Pooled:
    x, single = batched(f"adaptive_max_pool{axes}d", input, axes)
    node = _AdaptiveMaxPool(frozen(output_size), return_indices)
    y = unbatched(node(x), single)
    return (y, unbatched(wrap(node.indices), single)) if return_indices else y


@own_names(half=True)
def adaptive_avg_pool1d(input: TensorLike, output_size: OutputSize) -> Tensor:
    """The means of `output_size` windows of sequences (N, C, L) or (C, L); see `adaptive_avg_pool2d`.

    >>> import tatamikomi as tk
    >>> tk.functional.adaptive_avg_pool1d([[1.0, 3.0, 5.0]], 2)
    tensor([[2., 4.]])
    """
    return _average(1, input, output_size)


@own_names(half=True)
def adaptive_avg_pool2d(input: TensorLike, output_size: OutputSize) -> Tensor:
    """The means of so many windows of images as are asked for.

    Window i of O over an axis of size I holds the elements from floor(i * I / O) to before ceil((i + 1) * I / O):
    windows cover the axis, and overlap by one element where O does not divide I.

    Args:
        input: (N, C, H, W) or (C, H, W), float32 or float64.
        output_size: (OH, OW), or one integer for both; None is the size of the input.

    Returns:
        (N, C, OH, OW) or (C, OH, OW).

    Raises:
        TypeError: another dtype, or sizes of another kind.
        ValueError: another rank, an axis of size 0, or sizes that are not one per axis and >= 0.

    >>> import tatamikomi as tk
    >>> tk.functional.adaptive_avg_pool2d([[[1.0, 3.0, 5.0], [3.0, 5.0, 7.0]]], (1, 2))
    tensor([[[3., 5.]]])
    """
    return _average(2, input, output_size)


@own_names(half=True)
def adaptive_avg_pool3d(input: TensorLike, output_size: OutputSize) -> Tensor:
    """The means of so many windows of volumes (N, C, D, H, W) or (C, D, H, W); see `adaptive_avg_pool2d`.

    >>> import tatamikomi as tk
    >>> tk.functional.adaptive_avg_pool3d(tk.tensor([1.0, 5.0, 2.0, 0.0]).reshape(1, 1, 2, 2), 1).item()
    2.0
    """
    return _average(3, input, output_size)


@overload
def adaptive_max_pool1d(
    input: TensorLike, output_size: OutputSize, return_indices: Literal[False] = False
) -> Tensor: ...


@overload
def adaptive_max_pool1d(input: TensorLike, output_size: OutputSize, return_indices: bool) -> _Pooled: ...


@own_names(half=True)
def adaptive_max_pool1d(input: TensorLike, output_size: OutputSize, return_indices: bool = False) -> _Pooled:
    """The largest elements of `output_size` windows of sequences (N, C, L) or (C, L); see `adaptive_max_pool2d`.

    >>> import tatamikomi as tk
    >>> tk.functional.adaptive_max_pool1d([[1.0, 3.0, 2.0]], 2)
    tensor([[3., 3.]])
    """
    return _maximum(1, input, output_size, return_indices)


@overload
def adaptive_max_pool2d(
    input: TensorLike, output_size: OutputSize, return_indices: Literal[False] = False
) -> Tensor: ...


@overload
def adaptive_max_pool2d(input: TensorLike, output_size: OutputSize, return_indices: bool) -> _Pooled: ...


@own_names(half=True)
def adaptive_max_pool2d(input: TensorLike, output_size: OutputSize, return_indices: bool = False) -> _Pooled:
    """The largest elements of so many windows of images as are asked for; NaN wins, of equal ones the first.

    Args:
        input: (N, C, H, W) or (C, H, W), float32 or float64.
        output_size: as in `adaptive_avg_pool2d`, and so the windows.
        return_indices: return also where the maxima are.

    Returns:
        (N, C, OH, OW) or (C, OH, OW); with return_indices the pair (y, indices), int64, counted in the flattened
        input plane.

    Raises:
        TypeError, ValueError: as `adaptive_avg_pool2d`.

    >>> import tatamikomi as tk
    >>> tk.functional.adaptive_max_pool2d([[[1.0, 3.0, 5.0], [3.0, 9.0, 7.0]]], (1, 2), return_indices=True)
    (tensor([[[9., 9.]]]), tensor([[[4, 4]]]))
    """
    return _maximum(2, input, output_size, return_indices)


@overload
def adaptive_max_pool3d(
    input: TensorLike, output_size: OutputSize, return_indices: Literal[False] = False
) -> Tensor: ...


@overload
def adaptive_max_pool3d(input: TensorLike, output_size: OutputSize, return_indices: bool) -> _Pooled: ...


@own_names(half=True)
def adaptive_max_pool3d(input: TensorLike, output_size: OutputSize, return_indices: bool = False) -> _Pooled:
    """The largest elements of so many windows of volumes (N, C, D, H, W) or (C, D, H, W); see `adaptive_max_pool2d`.

    >>> import tatamikomi as tk
    >>> tk.functional.adaptive_max_pool3d(tk.tensor([1.0, 5.0, 2.0, 0.0]).reshape(1, 1, 2, 2), 1).item()
    5.0
    """
    return _maximum(3, input, output_size, return_indices)
