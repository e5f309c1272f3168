"""Pooling in one, two and three dimensions: the largest element of every window, or the mean."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias, cast, overload

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor, gather, is_grad_enabled, where
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_value
from tatamikomi.functional.inputs import TensorLike, as_input, batched, frozen, own_names, unbatched
from tatamikomi.geometry import Padding, Size, per_axis
from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.scalars import is_relu

_MaxPooled: TypeAlias = Tensor | tuple[Tensor, Tensor]


class _MaxOptions(NamedTuple):
    kernel_size: Size
    stride: Size | None
    padding: Padding
    dilation: Size
    ceil_mode: bool


class _MaxPool(Function):
    activation: ClassVar[str | None] = None
    fresh = True

    indices: Array

    def __init__(self, options: _MaxOptions, return_indices: bool) -> None:
        self.options, self.return_indices = options, return_indices

    def forward(self, x: Array) -> Array:
        if not (self.needs or self.return_indices):
            return kernels.max_pool_forward(x, *self.options, return_indices=False, activation=self.activation)
        self.input_shape = x.shape
        y, self.indices = kernels.max_pool_forward(x, *self.options, activation=self.activation)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        return MaxPoolGradient(self.indices, self.input_shape)(dy)


class _MaxPoolRelu(_MaxPool):
    """max(y, 0) beside it; the gradient's mask is read off the output."""

    activation = "relu"
    saves_output = True

    def backward(self, dy: Tensor) -> Tensor:
        y = self.output().data
        if is_grad_enabled():
            return super().backward(where(y > 0, dy, 0.0))
        return wrap(kernels.max_pool_backward(dy.data, self.indices, self.input_shape, y=y))


class MaxPoolGradient(Function):
    """dy added where the maxima were; its own gradient reads there."""

    def __init__(self, indices: Array, input_shape: tuple[int, ...]) -> None:
        self.indices, self.input_shape = indices, input_shape

    def forward(self, dy: Array) -> Array:
        return kernels.max_pool_backward(dy, self.indices, self.input_shape)

    def backward(self, ddx: Tensor) -> Tensor:
        planes, shape = self.input_shape[:2], self.indices.shape
        flat = ddx.reshape(*planes, math.prod(self.input_shape[2:]))
        return gather(flat, 2, self.indices.reshape(*planes, math.prod(shape[2:]))).reshape(shape)


class _AvgOptions(NamedTuple):
    kernel_size: Size
    stride: Size | None
    padding: Padding
    ceil_mode: bool
    count_include_pad: bool
    divisor_override: int | None


class _AvgPool(Function):
    fresh = True

    def __init__(self, options: _AvgOptions) -> None:
        self.options = options

    def forward(self, x: Array) -> Array:
        self.input_shape = x.shape
        return kernels.avg_pool_forward(x, *self.options)

    def backward(self, dy: Tensor) -> Tensor:
        return _AvgPoolGradient(self.input_shape, self.options)(dy)


class _AvgPoolGradient(Function):
    """The adjoint of _AvgPool."""

    fresh = True

    def __init__(self, input_shape: tuple[int, ...], options: _AvgOptions) -> None:
        self.input_shape, self.options = input_shape, options

    def forward(self, dy: Array) -> Array:
        return kernels.avg_pool_backward(dy, self.input_shape, *self.options)

    def backward(self, ddx: Tensor) -> Tensor:
        return _AvgPool(self.options)(ddx)


def _checked(op: str, x: Tensor, options: Any) -> Any:
    """Options as torch reads them: stride () is the kernel's size, integers of padding are half of a window at most."""
    if 0 in x.shape[1:]:
        raise bad_value(op, "input", f"shape {x.shape}", "channels and axes of positive size")
    if options.stride == ():
        options = options._replace(stride=None)
    padding = options.padding
    pairs = isinstance(padding, tuple) and any(isinstance(one, tuple) for one in padding)
    if padding == 0 or isinstance(padding, str) or pairs:
        return options
    axes = x.ndim - 2
    pads = per_axis(op, "padding", padding, axes, 0)
    kernel = per_axis(op, "kernel_size", options.kernel_size, axes, 1)
    dilation = per_axis(op, "dilation", getattr(options, "dilation", 1), axes, 1)
    spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    if any(2 * pad > span for pad, span in zip(pads, spans, strict=True)):
        raise bad_value(op, "padding", padding, f"at most half of a window of {spans}")
    return options


def _max_pool(
    axes: int, input: TensorLike, options: tuple[object, ...], return_indices: bool, activation: str | None = None
) -> _MaxPooled:
    op = f"max_pool{axes}d"
    x, single = batched(op, input, axes)
    kind = _MaxPoolRelu if is_relu(op, activation) else _MaxPool
    node = kind(_checked(op, x, _MaxOptions(*map(frozen, options))), return_indices)
    y = unbatched(node(x), single)
    return (y, unbatched(wrap(node.indices), single)) if return_indices else y


def _avg_pool(axes: int, input: TensorLike, *options: object) -> Tensor:
    op = f"avg_pool{axes}d"
    x, single = batched(op, input, axes)
    return unbatched(_AvgPool(_checked(op, x, _AvgOptions(*map(frozen, options))))(x), single)


@overload
def max_pool1d(
    input: TensorLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
    *,
    activation: str | None = None,
) -> Tensor: ...


@overload
def max_pool1d(
    input: TensorLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    *,
    return_indices: bool,
    activation: str | None = None,
) -> _MaxPooled: ...


@own_names(half=True)
def max_pool1d(
    input: TensorLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    activation: str | None = None,
) -> _MaxPooled:
    """The largest element of every window of sequences (N, C, L) or (C, L); see `max_pool2d`.

    >>> import tatamikomi as tk
    >>> tk.functional.max_pool1d([[1.0, 3.0, 2.0, 0.0]], 2)
    tensor([[3., 2.]])
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool(1, input, options, return_indices, activation)


@overload
def max_pool2d(
    input: TensorLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
    *,
    activation: str | None = None,
) -> Tensor: ...


@overload
def max_pool2d(
    input: TensorLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    *,
    return_indices: bool,
    activation: str | None = None,
) -> _MaxPooled: ...


@own_names(half=True)
def max_pool2d(
    input: TensorLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    activation: str | None = None,
) -> _MaxPooled:
    """The largest element of every window of images; NaN wins, padding never does.

    Args:
        input: (N, C, H, W) or (C, H, W), float32 or float64.
        kernel_size: a positive integer, or one per axis.
        stride: a positive integer, or one per axis; None and () mean kernel_size.
        padding: as in `conv2d`; integers at most half of the dilated kernel.
        dilation: a positive integer, or one per axis: the distance between taps.
        ceil_mode: let a last window start that does not fit entirely.
        return_indices: return also where the maxima are.
        activation: None, or "relu": max(y, 0), with the bits of `relu` before the pool or after it. Before it costs a
            pass over all elements, and its gradient another; the pool's own meets the maxima only.

    Returns:
        y (N, C, OH, OW) or (C, OH, OW), OH = floor((H + pads - dilation * (KH - 1) - 1) / stride) + 1, with ceil for
        floor in ceil_mode; with return_indices the pair (y, indices), int64, counted in the flattened input plane.

    Raises:
        TypeError: another dtype, or an option of another kind.
        ValueError: shapes or options that do not fit together, or an unknown activation.

    >>> import tatamikomi as tk
    >>> x = tk.tensor([[[1.0, 2.0], [4.0, 3.0]]])
    >>> tk.functional.max_pool2d(x, 2, return_indices=True)
    (tensor([[[4.]]]), tensor([[[2]]]))
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool(2, input, options, return_indices, activation)


@overload
def max_pool3d(
    input: TensorLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
    *,
    activation: str | None = None,
) -> Tensor: ...


@overload
def max_pool3d(
    input: TensorLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    *,
    return_indices: bool,
    activation: str | None = None,
) -> _MaxPooled: ...


@own_names(half=True)
def max_pool3d(
    input: TensorLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    activation: str | None = None,
) -> _MaxPooled:
    """The largest element of every window of volumes (N, C, D, H, W) or (C, D, H, W); see `max_pool2d`.

    >>> import tatamikomi as tk
    >>> tk.functional.max_pool3d(tk.tensor([1.0, 5.0, 2.0, 0.0]).reshape(1, 1, 2, 2), (1, 2, 2)).item()
    5.0
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool(3, input, options, return_indices, activation)


@own_names(half=True)
def avg_pool1d(
    input: TensorLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of every window of sequences (N, C, L) or (C, L); see `avg_pool2d`.

    >>> import tatamikomi as tk
    >>> tk.functional.avg_pool1d([[1.0, 3.0, 2.0, 0.0]], 2)
    tensor([[2., 1.]])
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@own_names(half=True)
def avg_pool2d(
    input: TensorLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of every window of images.

    Args:
        input: (N, C, H, W) or (C, H, W), float32 or float64.
        kernel_size: a positive integer, or one per axis.
        stride: a positive integer, or one per axis; None and () mean kernel_size.
        padding: zeros around the input, as in `conv2d`; integers at most half of the kernel.
        ceil_mode: let a last window start that does not fit entirely.
        count_include_pad: divide by the taps in the padded input (not beyond it) instead of those in the input.
        divisor_override: divide by this integer instead, which is not 0.

    Returns:
        (N, C, OH, OW) or (C, OH, OW), sizes as in `max_pool2d`.

    Raises:
        TypeError: another dtype, or an option of another kind.
        ValueError: shapes or options that do not fit together.

    >>> import tatamikomi as tk
    >>> tk.functional.avg_pool2d(tk.tensor([[[1.0, 2.0], [4.0, 3.0]]]), 2)
    tensor([[[2.5]]])
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@own_names(half=True)
def avg_pool3d(
    input: TensorLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of every window of volumes (N, C, D, H, W) or (C, D, H, W); see `avg_pool2d`.

    >>> import tatamikomi as tk
    >>> tk.functional.avg_pool3d(tk.tensor([1.0, 5.0, 2.0, 0.0]).reshape(1, 1, 2, 2), (1, 2, 2)).item()
    2.0
    """
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _sizes(op: str, input: TensorLike) -> tuple[Tensor, tuple[int, ...]]:
    x = as_input(op, "input", input)
    if not 3 <= x.ndim <= 5:
        raise bad_value(op, "input", f"shape {x.shape}", "(N, C, *sizes) with 1 to 3 axes")
    return x, x.shape[2:]


@own_names(half=True)
def global_avg_pool(input: TensorLike) -> Tensor:
    """The mean of every channel: (N, C, *sizes) to (N, C, 1, ...), one 1 per axis.

    Raises:
        TypeError: another dtype.
        ValueError: other than 1 to 3 axes, or an axis of size 0.

    Source: M. Lin, Q. Chen and S. Yan, "Network in network", arXiv:1312.4400.

    >>> import tatamikomi as tk
    >>> tk.functional.global_avg_pool(tk.tensor([[[1.0, 2.0, 6.0]]]))
    tensor([[[3.]]])
    """
    x, sizes = _sizes("global_avg_pool", input)
    return _avg_pool(len(sizes), x, sizes, None, 0, False, True, None)


@own_names(half=True)
def global_max_pool(input: TensorLike) -> Tensor:
    """The largest element of every channel: (N, C, *sizes) to (N, C, 1, ...), one 1 per axis; NaN wins.

    Raises:
        TypeError: another dtype.
        ValueError: other than 1 to 3 axes, or an axis of size 0.

    >>> import tatamikomi as tk
    >>> tk.functional.global_max_pool(tk.tensor([[[1.0, 2.0, 6.0]]]))
    tensor([[[6.]]])
    """
    x, sizes = _sizes("global_max_pool", input)
    return cast(Tensor, _max_pool(len(sizes), x, (sizes, None, 0, 1, False), False))
