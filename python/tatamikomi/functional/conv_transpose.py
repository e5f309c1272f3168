"""Transposed convolution: the map that a convolution's input gradient is, as an operation of its own."""

from __future__ import annotations

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Tensor, cat, is_grad_enabled
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.conv import _Bilinear, _Conv, _ConvBackwardWeight
from tatamikomi.functional.inputs import TensorLike, as_input, batched, own_names, unbatched
from tatamikomi.geometry import Size, count_elements, per_axis
from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.scalars import as_integer


class _ConvTranspose(_Bilinear):
    """y of `shape` from x (N, IC, *sizes), weight (IC, OC / groups, *kernel) and perhaps a bias (OC,)."""

    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        self.weight_shape = weight.shape
        y = kernels.conv_backward_input(x, weight, self.shape, *self.options)
        if bias is not None:
            y += bias.reshape(-1, *(1,) * (y.ndim - 2))
        return y

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        dy = dy.contiguous()
        dx = dweight = dbias = None
        if self.needs[0]:
            dx = _Conv(self.options, None)(dy, self.saved(1))
        if self.needs[1]:
            dweight = _ConvBackwardWeight(self.options, None, self.weight_shape)(self.saved(0), dy)
        if True in self.needs[2:]:
            dbias = dy.sum((0, *range(2, dy.ndim))) if is_grad_enabled() else wrap(kernels.conv_backward_bias(dy.data))
        return (dx, dweight, dbias)[: len(self.needs)]


def _conv_transpose(
    axes: int,
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None,
    stride: Size,
    padding: Size,
    output_padding: Size,
    groups: int,
    dilation: Size,
) -> Tensor:
    op = f"conv_transpose{axes}d"
    x, single = batched(op, input, axes)
    w = as_input(op, "weight", weight)
    if w.ndim != axes + 2 or w.shape[0] != x.shape[1] or min(w.shape) < 1:
        rule = f"(in_channels, out_channels / groups, {axes} kernel sizes) for {x.shape[1]} input channels"
        raise bad_value(op, "weight", f"shape {w.shape}", rule)
    if w.dtype != x.dtype:
        raise bad_type(op, "weight", str(w.dtype), str(x.dtype), as_other="input")
    count = as_integer(op, "groups", groups, 1)
    if w.shape[0] % count:
        raise bad_value(op, "groups", groups, f"a divisor of {w.shape[0]} input channels")
    steps = per_axis(op, "stride", stride, axes, 1)
    before = per_axis(op, "padding", padding, axes, 0)
    extra = per_axis(op, "output_padding", output_padding, axes, 0)
    dilations = per_axis(op, "dilation", dilation, axes, 1)
    if not all(e < max(s, d) for e, s, d in zip(extra, steps, dilations, strict=True)):
        raise bad_value(op, "output_padding", output_padding, "less than the stride or the dilation of its axis")
    spans = [d * (k - 1) + 1 for d, k in zip(dilations, w.shape[2:], strict=True)]
    sizes = [
        (size - 1) * s - 2 * p + span + e
        for size, s, p, span, e in zip(x.shape[2:], steps, before, spans, extra, strict=True)
    ]
    if min(x.shape[2:]) < 1 or min(sizes) < 1:
        raise bad_value(op, "input", f"shape {x.shape}", f"one with an output of positive sizes, not {tuple(sizes)}")
    # The convolution whose input gradient this is: it has an output for each element of x and no more, with so much
    # padding after. Elements past the reach of its last window, where there are any, are zeros that are put behind.
    after = [max(p - e, 0) for p, e in zip(before, extra, strict=True)]
    zeros = [max(e - p - (s - 1), 0) for e, p, s in zip(extra, before, steps, strict=True)]
    shape = (x.shape[0], w.shape[1] * count, *(size - zero for size, zero in zip(sizes, zeros, strict=True)))
    count_elements(op, "output", (*shape[:2], *sizes))
    node = _ConvTranspose((steps, tuple(zip(before, after, strict=True)), dilations, count), None, shape)
    b = None if bias is None else as_input(op, "bias", bias)
    if b is not None and b.shape != shape[1:2]:
        raise bad_value(op, "bias", f"shape {b.shape}", f"shape ({shape[1]},), one per output channel")
    if b is not None and b.dtype != x.dtype:
        raise bad_type(op, "bias", str(b.dtype), str(x.dtype), as_other="input")
    if not any(zeros):
        return unbatched(node(x, w) if b is None else node(x, w, b), single)
    y = node(x, w)
    for axis, zero in enumerate(zeros, start=2):
        if zero:
            behind = np.zeros((*y.shape[:axis], zero, *y.shape[axis + 1 :]), y.dtype)
            y = cat([y, wrap(behind)], axis)
    return unbatched(y if b is None else y + b.reshape(-1, *(1,) * axes), single)


@own_names(half=True)
def conv_transpose1d(
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """Transposed convolution of sequences (N, C, L) or (C, L) with weight (C, OC / groups, K); see `conv_transpose2d`.

    >>> import tatamikomi as tk
    >>> tk.functional.conv_transpose1d([[1.0, 2.0]], [[[1.0, 10.0]]])
    tensor([[ 1., 12., 20.]])
    """
    return _conv_transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@own_names(half=True)
def conv_transpose2d(
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """Put a weighted kernel down for every pixel, adding where kernels overlap: the adjoint of `conv2d` in its input.

        y[n, k, o * stride + r * dilation - padding] = bias[k] + sum over c, o, r of input[n, c, o] * weight[c, k, r]

    Args:
        input: (N, C, H, W) or (C, H, W), float32 or float64.
        weight: (C, OC / groups, KH, KW), dtype of input: as the convolution has it that leads back.
        bias: (OC,) or None.
        stride: a positive integer, or one per axis: the distance between kernels.
        padding: what is cut off on either side: an integer, or one per axis.
        output_padding: rows and columns more at the end, where strides leave it open how many: less than the stride or
            the dilation.
        groups: divides the channels into groups that do not see each other.
        dilation: a positive integer, or one per axis: the distance between taps.

    Returns:
        (N, OC, OH, OW) or (OC, OH, OW),
        OH = (H - 1) * stride - 2 * padding + dilation * (KH - 1) + output_padding + 1.

    Raises:
        TypeError: other or mixed dtypes, or an option of another kind.
        ValueError: shapes or options that do not fit together.

    Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    >>> import numpy as np, tatamikomi as tk
    >>> image = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    >>> tk.functional.conv_transpose2d(image, np.ones((1, 1, 2, 2)), stride=2)
    tensor([[[1., 1., 2., 2.],
             [1., 1., 2., 2.],
             [3., 3., 4., 4.],
             [3., 3., 4., 4.]]], dtype=float64)
    """
    return _conv_transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@own_names(half=True)
def conv_transpose3d(
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """Transposed convolution of volumes (N, C, D, H, W) or (C, D, H, W), weight (C, OC / groups, KD, KH, KW).

    See `conv_transpose2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.functional.conv_transpose3d(np.ones((1, 2, 2, 2)), np.ones((1, 1, 2, 2, 2)), stride=2).shape
    (1, 4, 4, 4)
    """
    return _conv_transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)
