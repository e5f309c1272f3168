"""Convolution in one, two and three dimensions.

A convolution is linear in its input and in its weight, so three bilinear maps close under differentiation:
y(x, w), dx(dy, w) and dw(dy, x), each of whose gradients are the other two.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor, is_grad_enabled, where
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_value
from tatamikomi.functional.inputs import TensorLike, as_input, batched, frozen, own_names, unbatched
from tatamikomi.geometry import Padding, Size
from tatamikomi.kernels import PackedWeight
from tatamikomi.kernels.arrays import Array, empty
from tatamikomi.kernels.scalars import is_relu

_Pair = tuple[Tensor | None, Tensor | None]
_Options = tuple[Size, Padding, Size, int]  # stride, padding, dilation, groups

_AS_IT_IS = nullcontext()


class _Bilinear(Function):
    """One of the three maps: its geometry, and the algorithm asked for by name, or None."""

    saves = ((1,), (0,))
    fresh = True

    def __init__(self, options: _Options, algorithm: str | None, shape: tuple[int, ...] = ()) -> None:
        self.options, self.algorithm, self.shape = options, algorithm, shape

    def preference(self) -> AbstractContextManager[None]:
        """Backward passes run what was asked for wherever it can."""
        return _AS_IT_IS if self.algorithm is None else kernels.set_conv_algorithm(self.algorithm)


class _Conv(_Bilinear):
    """y from x (N, IC, *sizes), weight (OC, IC / groups, *kernel) and perhaps a bias (OC,)."""

    activation: ClassVar[str | None] = None

    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        stride, padding, dilation, groups = self.options
        how = self.algorithm
        return kernels.conv_forward(
            x, weight, bias, stride, padding, dilation, groups, activation=self.activation, algorithm=how
        )

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        dy = dy.contiguous()
        y = self.output().data if self.activation else None
        gradients = self._composed(dy, y) if is_grad_enabled() else self._fused(dy.data, y)
        return gradients[: len(self.needs)]

    def _composed(self, dy: Tensor, y: Array | None) -> tuple[Tensor | None, ...]:
        """In operations that have gradients themselves."""
        if y is not None:
            dy = where(y > 0, dy, 0.0)
        dx = dweight = dbias = None
        if self.needs[0]:
            dx = _ConvBackwardInput(self.options, self.algorithm, self._input_shape(0))(dy, self.saved(1))
        if self.needs[1]:
            dweight = _ConvBackwardWeight(self.options, self.algorithm, self._input_shape(1))(dy, self.saved(0))
        if True in self.needs[2:]:
            dbias = dy.sum((0, *range(2, dy.ndim)))
        return dx, dweight, dbias

    def _fused(self, dy: Array, y: Array | None) -> tuple[Tensor | None, ...]:
        """ReLU's mask, and the gradient of the bias beside the weight's, in the passes over dy that are made anyway."""
        dx = dweight = None
        dbias = empty("conv", dy.shape[1:2], dy.dtype) if True in self.needs[2:] else None
        with self.preference():
            if self.needs[0]:
                weight, shape = self.saved(1)._data, self._input_shape(0)
                dx = wrap(kernels.conv_backward_input(dy, weight, shape, *self.options, y=y))
            if self.needs[1]:
                x, shape = self.saved(0)._data, self._input_shape(1)
                dweight = wrap(kernels.conv_backward_weight(dy, x, shape, *self.options, y=y, dbias=dbias))
            elif dbias is not None:
                kernels.conv_backward_bias(dy, dbias, y=y)
        return dx, dweight, None if dbias is None else wrap(dbias)


class _ConvRelu(_Conv):
    """max(y, 0) in the same pass."""

    saves_output = True
    activation = "relu"


class _ConvBackwardInput(_Bilinear):
    """dx of `shape` from dy (N, OC, *outputs) and weight."""

    def forward(self, dy: Array, weight: Array) -> Array:
        with self.preference():
            return kernels.conv_backward_input(dy, weight, self.shape, *self.options)

    def backward(self, ddx: Tensor) -> _Pair:
        d_dy = d_weight = None
        if self.needs[0]:
            d_dy = _Conv(self.options, self.algorithm)(ddx, self.saved(1))
        if self.needs[1]:
            d_weight = _ConvBackwardWeight(self.options, self.algorithm, self._input_shape(1))(self.saved(0), ddx)
        return d_dy, d_weight


class _ConvBackwardWeight(_Bilinear):
    """dweight of `shape` from dy (N, OC, *outputs) and x."""

    def forward(self, dy: Array, x: Array) -> Array:
        with self.preference():
            return kernels.conv_backward_weight(dy, x, self.shape, *self.options)

    def backward(self, ddweight: Tensor) -> _Pair:
        d_dy = d_x = None
        if self.needs[0]:
            d_dy = _Conv(self.options, self.algorithm)(self.saved(1), ddweight)
        if self.needs[1]:
            d_x = _ConvBackwardInput(self.options, self.algorithm, self._input_shape(1))(self.saved(0), ddweight)
        return d_dy, d_x


_NAMES = ("", "conv1d", "conv2d", "conv3d")


def _conv(
    axes: int,
    input: TensorLike,
    weight: TensorLike | PackedWeight,
    bias: TensorLike | None,
    options: _Options,
    activation: str | None,
    algorithm: str | None,
) -> Tensor:
    op = _NAMES[axes]
    x, single = batched(op, input, axes)
    if isinstance(weight, PackedWeight):
        return unbatched(_packed(op, x, weight, bias, options, activation, algorithm), single)
    w = as_input(op, "weight", weight)
    if w._data.ndim != axes + 2:
        rule = f"(out_channels, in_channels / groups, {axes} kernel sizes)"
        raise bad_value(op, "weight", f"shape {w.shape}", rule)
    call = (_Conv if activation is None or not is_relu(op, activation) else _ConvRelu)(frozen(options), algorithm)
    y = call(x, w) if bias is None else call(x, w, as_input(op, "bias", bias))
    return unbatched(y, True) if single else y


def _packed(
    op: str,
    x: Tensor,
    weight: PackedWeight,
    bias: TensorLike | None,
    options: _Options,
    activation: str | None,
    algorithm: str | None,
) -> Tensor:
    b = None if bias is None else as_input(op, "bias", bias)
    if is_grad_enabled() and (x.requires_grad or (b is not None and b.requires_grad)):
        raise bad_value(op, "weight", "a packed weight", "an array or Tensor where a gradient is wanted")
    bias_data = None if b is None else b.data
    return wrap(kernels.conv_forward(x.data, weight, bias_data, *options, activation=activation, algorithm=algorithm))


@own_names(half=True)
def conv1d(
    input: TensorLike,
    weight: TensorLike | PackedWeight,
    bias: TensorLike | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    *,
    activation: str | None = None,
    algorithm: str | None = None,
) -> Tensor:
    """Convolve sequences (N, C, L) or (C, L) with weight (OC, C / groups, K); see `conv2d`.

    >>> import tatamikomi as tk
    >>> tk.functional.conv1d([[1.0, 2.0, 3.0]], [[[1.0, 10.0]]])
    tensor([[21., 32.]])
    """
    options = stride, padding, dilation, groups
    return _conv(1, input, weight, bias, options, activation, algorithm)


@own_names(half=True)
def conv2d(
    input: TensorLike,
    weight: TensorLike | PackedWeight,
    bias: TensorLike | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    *,
    activation: str | None = None,
    algorithm: str | None = None,
) -> Tensor:
    """Convolve images with kernels (a cross-correlation, as neural networks call it).

        y[n, k, o] = bias[k] + sum over c, r of input[n, c, o * stride + r * dilation - padding] * weight[k, c, r]

    with o and r running over both axes, and c over the channels of k's group.

    Args:
        input: (N, C, H, W) or (C, H, W), float32 or float64.
        weight: (OC, C / groups, KH, KW), dtype of input; or, where no gradient is wanted, what
            `kernels.conv_pack_weight` made of it.
        bias: (OC,) or None.
        stride: a positive integer, or one per axis.
        padding: zeros around the input: an integer, one per axis, ((before, after), ...), "valid" (none), or "same"
            (an output of ceil(size / stride), the odd zero after; TensorFlow's rule).
        dilation: a positive integer, or one per axis: the distance between taps.
        groups: divides the channels into groups that do not see each other.
        activation: None, or "relu": max(y, 0), both ways in the same passes over memory; same bits as `relu` after.
        algorithm: instead of the policy in force (`tk.set_conv_algorithm`); one that is named must take this shape
            in the forward pass, and runs wherever it can in the backward ones.

    Returns:
        (N, OC, OH, OW) or (OC, OH, OW), OH = floor((H + pads - dilation * (KH - 1) - 1) / stride) + 1.

    Raises:
        TypeError: other or mixed dtypes, or an option of another kind.
        ValueError: shapes or options that do not fit together.

    Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    >>> import numpy as np, tatamikomi as tk
    >>> image = np.arange(9, dtype="float32").reshape(1, 3, 3)
    >>> tk.functional.conv2d(image, np.ones((1, 1, 2, 2), "float32"), stride=2, padding="same")
    tensor([[[ 8.,  7.],
             [13.,  8.]]])
    """
    options = stride, padding, dilation, groups
    return _conv(2, input, weight, bias, options, activation, algorithm)


@own_names(half=True)
def conv3d(
    input: TensorLike,
    weight: TensorLike | PackedWeight,
    bias: TensorLike | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    *,
    activation: str | None = None,
    algorithm: str | None = None,
) -> Tensor:
    """Convolve volumes (N, C, D, H, W) or (C, D, H, W) with weight (OC, C / groups, KD, KH, KW); see `conv2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.functional.conv3d(np.ones((1, 2, 2, 2)), np.ones((1, 1, 2, 2, 2))).item()
    8.0
    """
    options = stride, padding, dilation, groups
    return _conv(3, input, weight, bias, options, activation, algorithm)


@own_names(half=True)
def true_conv2d(
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution as mathematics defines it, its kernel turned by 180 degrees: `conv2d` of weight[..., ::-1, ::-1].

    Arguments, result and errors as in `conv2d`, which is a cross-correlation.

    >>> import tatamikomi as tk
    >>> tk.functional.true_conv2d([[[0.0, 1.0, 0.0]]], [[[[1.0, 2.0, 3.0]]]], padding=(0, 1))
    tensor([[[1., 2., 3.]]])
    """
    w = as_input("true_conv2d", "weight", weight)
    if w.ndim != 4:
        raise bad_value("true_conv2d", "weight", f"shape {w.shape}", "(out_channels, in_channels / groups, KH, KW)")
    return _conv(2, input, w[:, :, ::-1, ::-1], bias, (stride, padding, dilation, groups), None, None)
