"""The way back from max-pooling: every value to the place that it came from, zeros elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tatamikomi.autograd import Function, Tensor, gather
from tatamikomi.errors import bad_value
from tatamikomi.functional.inputs import TensorLike, batched, own_names, unbatched
from tatamikomi.geometry import Size, as_shape, count_elements, per_axis
from tatamikomi.kernels.arrays import Array, as_integers


class _MaxUnpool(Function):
    """Values written where `indices` say, flat within a plane; the gradient reads there."""

    fresh = True

    def __init__(self, indices: Array, sizes: tuple[int, ...]) -> None:
        self.indices, self.sizes = indices, sizes  # [n][c][places]

    def forward(self, x: Array) -> Array:
        self.input_shape = x.shape
        y = np.zeros((*x.shape[:2], math.prod(self.sizes)), x.dtype)
        np.put_along_axis(y, self.indices, x.reshape(self.indices.shape), 2)
        return y.reshape(*x.shape[:2], *self.sizes)

    def backward(self, dy: Tensor) -> Tensor:
        planes = dy.reshape(*self.indices.shape[:2], math.prod(self.sizes))
        return gather(planes, 2, self.indices).reshape(self.input_shape)


def _sizes(
    op: str, pooled: tuple[int, ...], kernel_size: Size, stride: Size | None, padding: Size, output_size: object
) -> tuple[int, ...]:
    """The sizes that pooling began with: what is asked for, if it lies within a stride of the smallest ones."""
    axes = len(pooled)
    kernel = per_axis(op, "kernel_size", kernel_size, axes, 1)
    step = kernel if stride is None else per_axis(op, "stride", stride, axes, 1)
    pads = per_axis(op, "padding", padding, axes, 0)
    usual = tuple((n - 1) * s - 2 * p + k for n, s, p, k in zip(pooled, step, pads, kernel, strict=True))
    if output_size is None:
        wanted = usual
        if min(wanted) < 1:
            raise bad_value(op, "padding", padding, f"sizes of at least 1, not {usual}")
        return wanted
    given = as_shape(op, "output_size", output_size)
    if not axes <= len(given) <= axes + 2:
        raise bad_value(op, "output_size", given, f"{axes} sizes, or a shape that ends with them")
    wanted = given[-axes:]
    for size, middle, s in zip(wanted, usual, step, strict=True):
        if not middle - s < size < middle + s:
            raise bad_value(op, "output_size", given, f"sizes less than a stride of {step} away from {usual}")
    return wanted


def _max_unpool(
    axes: int,
    input: TensorLike,
    indices: TensorLike,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    output_size: Sequence[int] | None,
) -> Tensor:
    op = f"max_unpool{axes}d"
    x, single = batched(op, input, axes)
    places = as_integers(op, "indices", indices.data if isinstance(indices, Tensor) else indices)
    expected = x.shape[1:] if single else x.shape
    if places.shape != expected:
        raise bad_value(op, "indices", f"shape {places.shape}", f"the input's shape {expected}")
    sizes = _sizes(op, x.shape[2:], kernel_size, stride, padding, output_size)
    count_elements(op, "output_size", (*x.shape[:2], *sizes))
    plane = math.prod(sizes)
    if places.size and not (places.min() >= 0 and places.max() < plane):
        wrong = f"indices from {places.min()} to {places.max()}"
        raise bad_value(op, "indices", wrong, f"positions in a plane of {plane} elements")
    flat = places.reshape(*x.shape[:2], math.prod(x.shape[2:])).copy()  # nobody else's to change
    return unbatched(_MaxUnpool(flat, sizes)(x), single)


@own_names()
def max_unpool1d(
    input: TensorLike,
    indices: TensorLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The inverse of `max_pool1d` as far as there is one, for (N, C, L) or (C, L); see `max_unpool2d`.

    >>> import tatamikomi as tk
    >>> tk.functional.max_unpool1d([[3.0, 2.0]], [[1, 2]], 2)
    tensor([[0., 3., 2., 0.]])
    """
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


@own_names()
def max_unpool2d(
    input: TensorLike,
    indices: TensorLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The inverse of `max_pool2d` as far as there is one: maxima go back to their places, all else is 0.

    Where windows overlapped, one place may be named several times: the last value named is written, and the
    gradient of the output there goes to all of them.

    Args:
        input: (N, C, H, W) or (C, H, W), float32 or float64.
        indices: of the same shape, integers, as `max_pool2d(..., return_indices=True)` returned them.
        kernel_size, stride, padding: as the pooling had them.
        output_size: (OH, OW), or a shape that ends with them: the sizes before pooling, where they are not the usual
            ones.

    Returns:
        (N, C, OH, OW) or (C, OH, OW), usually OH = (H - 1) * stride - 2 * padding + kernel.

    Raises:
        TypeError: another dtype, or an option of another kind.
        ValueError: shapes or options that do not fit together, an output_size a stride or more away from the usual one,
            or an index outside of the output's plane.

    >>> import tatamikomi as tk
    >>> x = tk.tensor([[[1.0, 2.0], [4.0, 3.0]]])
    >>> tk.functional.max_unpool2d(*tk.functional.max_pool2d(x, 2, return_indices=True), 2)
    tensor([[[0., 0.],
             [4., 0.]]])
    """
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


@own_names()
def max_unpool3d(
    input: TensorLike,
    indices: TensorLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The inverse of `max_pool3d` as far as there is one, for (N, C, D, H, W) or (C, D, H, W); see `max_unpool2d`.

    >>> import tatamikomi as tk
    >>> x = tk.tensor([3.0]).reshape(1, 1, 1, 1)
    >>> tk.functional.max_unpool3d(x, [[[[2]]]], (1, 2, 2)).numpy().tolist()
    [[[[0.0, 0.0], [3.0, 0.0]]]]
    """
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
