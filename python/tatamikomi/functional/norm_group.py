"""Normalisation of every image by itself: by groups of channels, by layers, by channels, and by root mean squares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor, is_grad_enabled
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.functional.norm import inference
from tatamikomi.geometry import as_shape, flag
from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.scalars import as_integer, as_number


class _GroupNorm(Function):
    """x seen as (n, channels, *sizes): y = xhat * weight + bias, xhat = (x - mean) / sqrt(var + eps) per group."""

    saves: ClassVar[tuple[tuple[int, ...], ...]] = ((0, 1), (0,))
    fresh = True

    def __init__(self, shape: tuple[int, ...], groups: int, eps: float, centred: bool = True) -> None:
        self.shape, self.groups, self.eps, self.centred = shape, groups, eps, centred

    def forward(self, x: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
        flat_weight, flat_bias = (None if one is None else one.reshape(-1) for one in (weight, bias))
        y, self.mean, self.invstd = kernels.group_norm_forward(
            x.reshape(self.shape), self.groups, flat_weight, flat_bias, self.eps, self.centred
        )
        return y.reshape(x.shape)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        if True not in self.needs[:2]:
            seen = dy.reshape(self.shape)
            return None, None, seen.sum((0, *range(2, seen.ndim))).reshape(self.parameters)
        x, weight = self.saved(0), self.saved(1) if 1 in self._kept else None
        if is_grad_enabled():
            return self.composed(dy, x, weight)[: len(self.needs)]
        gradients = kernels.group_norm_backward(
            dy.data.reshape(self.shape),
            x.data.reshape(self.shape),
            self.mean,
            self.invstd,
            self.groups,
            None if weight is None else weight.data.reshape(-1),
            self.centred,
        )
        shapes = (x.shape, self.parameters, self.parameters)
        pairs = zip(gradients, shapes, strict=True)
        return tuple(wrap(one.reshape(shape)) for one, shape in pairs)[: len(self.needs)]

    @property
    def parameters(self) -> tuple[int, ...]:
        """The shape of weight and bias: one per channel."""
        return self.shape[1:2]

    def composed(self, dy: Tensor, x: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """The same gradients in differentiable operations, mean and variance included."""
        n, channels = self.shape[:2]
        rows = n, self.groups, channels // self.groups, math.prod(self.shape[2:])
        x4, g4, dims = x.reshape(rows), dy.reshape(rows), (2, 3)
        centred = x4 - x4.mean(dims, True) if self.centred else x4
        invstd = ((centred * centred).mean(dims, True) + self.eps) ** -0.5
        xhat = centred * invstd
        g = g4 if weight is None else g4 * weight.reshape(rows[1], rows[2], 1)
        inner = g - xhat * (g * xhat).mean(dims, True)
        dx = invstd * (inner - g.mean(dims, True) if self.centred else inner)
        dweight, dbias = (g4 * xhat).sum((0, 3)), g4.sum((0, 3))
        return dx.reshape(x.shape), dweight.reshape(self.parameters), dbias.reshape(self.parameters)


class _LayerNorm(_GroupNorm):
    """Rows of the normalised axes are images, their elements the channels of one group."""

    def __init__(self, normalized: tuple[int, ...], rows: int, eps: float, centred: bool = True) -> None:
        super().__init__((rows, math.prod(normalized)), 1, eps, centred)
        self.normalized = normalized

    @property
    def parameters(self) -> tuple[int, ...]:
        """The shape of weight and bias: that of the normalised axes."""
        return self.normalized


def _parameters(
    op: str, x: Tensor, shape: tuple[int, ...], rule: str, weight: TensorLike | None, bias: TensorLike | None
) -> list[Tensor]:
    """x, weight and bias as far as they are needed, all of one dtype."""
    if weight is None and bias is not None:
        weight = np.ones(shape, x.dtype)
    inputs = [x]
    for argument, value in (("weight", weight), ("bias", bias)):
        if value is None:
            continue
        one = as_input(op, argument, value)
        if one.shape != shape:
            raise bad_value(op, argument, f"shape {one.shape}", f"shape {shape}, {rule}")
        if one.dtype != x.dtype:
            raise bad_type(op, argument, str(one.dtype), str(x.dtype), as_other="input")
        inputs.append(one)
    return inputs


def _channels(op: str, input: TensorLike, least: int, expected: str) -> Tensor:
    x = as_input(op, "input", input)
    if x.ndim < least:
        raise bad_value(op, "input", f"shape {x.shape}", expected)
    return x


@own_names(half=True)
def group_norm(
    input: TensorLike,
    num_groups: int,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise every group of channels of every image: y = (input - mean) / sqrt(var + eps) * weight + bias.

    Groups are neighbouring channels; mean and (biased) var run over the channels of the group and all sizes. Nothing
    depends on the batch: training and evaluation are alike.

    Args:
        input: (N, C, *sizes), float32 or float64.
        num_groups: a divisor of C.
        weight, bias: (C,) or None.
        eps: added to the variance, a finite number; the result is NaN where var + eps < 0.

    Returns:
        A Tensor of the shape of input.

    Raises:
        TypeError: other or mixed dtypes, or an option of another kind.
        ValueError: shapes that do not fit, or groups that do not divide the channels.

    Source: Y. Wu and K. He, "Group normalization", arXiv:1803.08494.

    >>> import tatamikomi as tk
    >>> tk.functional.group_norm([[1.0, 3.0, 10.0, 14.0]], 2, eps=0.0)
    tensor([[-1.,  1., -1.,  1.]])
    """
    op = "group_norm"
    x = _channels(op, input, 2, "(N, C, *sizes)")
    groups = as_integer(op, "num_groups", num_groups, low=1)
    if x.shape[1] % groups:
        raise bad_value(op, "num_groups", groups, f"a divisor of {x.shape[1]} channels")
    inputs = _parameters(op, x, x.shape[1:2], "one per channel", weight, bias)
    return _GroupNorm(x.shape, groups, as_number(op, "eps", eps, -math.inf))(*inputs)


def _normalized(
    op: str, input: TensorLike, normalized_shape: int | Sequence[int]
) -> tuple[Tensor, tuple[int, ...], int]:
    """input, the normalised axes and how many rows of them there are."""
    x = as_input(op, "input", input)
    one_axis = isinstance(normalized_shape, (int, np.integer)) and not isinstance(normalized_shape, bool)
    shape = as_shape(op, "normalized_shape", (normalized_shape,) if one_axis else normalized_shape)
    if not shape:
        raise bad_value(op, "normalized_shape", shape, "one axis or more")
    if x.shape[-len(shape) :] != shape:
        raise bad_value(op, "input", f"shape {x.shape}", f"a shape (*, {', '.join(map(str, shape))})")
    return x, shape, math.prod(x.shape[: -len(shape)])


@own_names(half=True)
def layer_norm(
    input: TensorLike,
    normalized_shape: int | Sequence[int],
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last axes: y = (input - mean) / sqrt(var + eps) * weight + bias, element by element.

    Args:
        input: (*, *normalized_shape), float32 or float64.
        normalized_shape: the last axes of input, over which mean and (biased) var run; an integer is one axis.
        weight, bias: of normalized_shape, or None.
        eps: added to the variance, a finite number; the result is NaN where var + eps < 0.

    Returns:
        A Tensor of the shape of input.

    Raises:
        TypeError: other or mixed dtypes, or an option of another kind.
        ValueError: shapes that do not fit.

    Source: J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", arXiv:1607.06450.

    >>> import tatamikomi as tk
    >>> tk.functional.layer_norm([[1.0, 3.0], [10.0, 14.0]], (2,), bias=[0.0, 1.0], eps=0.0)
    tensor([[-1.,  2.],
            [-1.,  2.]])
    """
    op = "layer_norm"
    x, shape, rows = _normalized(op, input, normalized_shape)
    inputs = _parameters(op, x, shape, "normalized_shape", weight, bias)
    return _LayerNorm(shape, rows, as_number(op, "eps", eps, -math.inf))(*inputs)


@own_names(half=True)
def rms_norm(
    input: TensorLike,
    normalized_shape: int | Sequence[int],
    weight: TensorLike | None = None,
    eps: float | None = None,
) -> Tensor:
    """Divide by the root mean square over the last axes: y = input / sqrt(mean of input^2 + eps) * weight.

    Args:
        input: (*, *normalized_shape), float32 or float64.
        normalized_shape: the last axes of input; an integer is one axis.
        weight: of normalized_shape, or None.
        eps: added to the mean square, a finite number; None is the spacing of numbers at 1, 2^-23 or 2^-52.

    Returns:
        A Tensor of the shape of input.

    Raises:
        TypeError: other or mixed dtypes, or an option of another kind.
        ValueError: shapes that do not fit.

    Source: B. Zhang and R. Sennrich, "Root mean square layer normalization", arXiv:1910.07467.

    >>> import tatamikomi as tk
    >>> tk.functional.rms_norm([[3.0, -3.0]], 2, eps=0.0)
    tensor([[ 1., -1.]])
    """
    op = "rms_norm"
    x, shape, rows = _normalized(op, input, normalized_shape)
    floor = float(np.finfo(x.dtype).eps) if eps is None else as_number(op, "eps", eps, -math.inf)
    return _LayerNorm(shape, rows, floor, False)(*_parameters(op, x, shape, "normalized_shape", weight, None))


def _running(op: str, argument: str, value: TensorLike, x: Tensor) -> Array:
    """The array that a pass updates in place."""
    if not isinstance(value, (Tensor, np.ndarray)):
        raise bad_type(op, argument, type(value).__name__, "an array or a Tensor, to be updated in place")
    array: Array = value.data if isinstance(value, Tensor) else value
    if array.dtype != x.dtype:
        raise bad_type(op, argument, str(array.dtype), str(x.dtype), as_other="input")
    if array.shape != x.shape[1:2]:
        raise bad_value(op, argument, f"shape {array.shape}", f"shape {x.shape[1:2]}, one per channel")
    if not array.flags.writeable:
        raise bad_value(op, argument, "a read-only array", "a writable array, which is updated in place")
    return array


def _update(running: Array, statistic: Array, momentum: float) -> None:
    """Towards the mean of the images' statistics."""
    running[...] = (1 - momentum) * running.astype(np.float64) + momentum * statistic.mean(axis=0)


@own_names(half=True, mean="running_mean", var="running_var")
def instance_norm(
    input: TensorLike,
    running_mean: TensorLike | None = None,
    running_var: TensorLike | None = None,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise every channel of every image: y = (input - mean) / sqrt(var + eps) * weight + bias.

    mean and (biased) var run over the sizes of one image's channel. Running statistics, where given, move in place
    towards the means over the batch: running = (1 - momentum) * running + momentum * mean over the images, with the
    unbiased variance. Without use_input_stats they are used instead, as `batch_norm` does.

    Args:
        input: (N, C, *sizes), float32 or float64.
        running_mean, running_var: (C,), both or neither.
        weight, bias: (C,) or None.
        use_input_stats: normalise by the image itself.
        momentum: of the running statistics, a finite number.
        eps: added to the variance, a finite number; the result is NaN where var + eps < 0.

    Returns:
        A Tensor of the shape of input.

    Raises:
        TypeError: other or mixed dtypes, or an option of another kind.
        ValueError: shapes that do not fit, one value per channel and image, one running array without the other, or
            none without use_input_stats.

    Source: D. Ulyanov, A. Vedaldi and V. Lempitsky, "Instance normalization", arXiv:1607.08022.

    >>> import tatamikomi as tk
    >>> tk.functional.instance_norm([[[1.0, 3.0], [10.0, 14.0]]], eps=0.0)
    tensor([[[-1.,  1.],
             [-1.,  1.]]])
    """
    op = "instance_norm"
    x = _channels(op, input, 3, "(N, C, *sizes)")
    rate, floor = as_number(op, "momentum", momentum, -math.inf), as_number(op, "eps", eps, -math.inf)
    inputs = _parameters(op, x, x.shape[1:2], "one per channel", weight, bias)
    if (running_mean is None) != (running_var is None):
        missing = "running_mean" if running_mean is None else "running_var"
        raise bad_value(op, missing, "None", "both running_mean and running_var, or neither")
    if not flag(op, "use_input_stats", use_input_stats):
        if running_mean is None or running_var is None:
            raise bad_value(op, "running_mean and running_var", "None", "both, or use_input_stats=True")
        return inference(op, running_mean, running_var, floor, inputs)
    count = math.prod(x.shape[2:])
    if count == 1:
        raise bad_value(op, "input", f"shape {x.shape}", "more than one value per channel and image")
    node = _GroupNorm(x.shape, x.shape[1], floor)
    if running_mean is None or running_var is None:
        return node(*inputs)
    mean, var = _running(op, "running_mean", running_mean, x), _running(op, "running_var", running_var, x)
    if np.may_share_memory(mean, var):
        raise bad_value(op, "running_var", "memory shared with running_mean", "memory of its own")
    y = node(*inputs)
    if x.numel():
        variance = np.maximum(node.invstd.astype(np.float64) ** -2.0 - floor, 0)
        _update(mean, node.mean, rate)
        _update(var, variance * (count / (count - 1)), rate)
        for value in (running_mean, running_var):
            if isinstance(value, Tensor):
                value.bump()
    return y
