"""Normalisation by what lies near: local response normalisation, and vectors brought to length 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor, amax, amin, is_grad_enabled, where
from tatamikomi.autograd.reductions import normalise_dims
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.functional.pool import avg_pool1d, avg_pool2d, avg_pool3d
from tatamikomi.geometry import flag
from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.scalars import as_integer, as_number


def _channel_means(values: Tensor, back: int, ahead: int) -> Tensor:
    """The means over the channels from - back to + ahead, missing ones counted as 0."""
    n, channels = values.shape[:2]
    plane = values.reshape(n, 1, channels, math.prod(values.shape[2:]))
    size = back + ahead + 1
    return avg_pool2d(plane, (size, 1), 1, ((back, ahead), (0, 0)), divisor_override=size).reshape(values.shape)


class _LocalResponseNorm(Function):
    """x / base^beta, base = k + alpha * mean of x^2 over neighbouring channels."""

    saves = ((0,),)
    fresh = True

    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        self.options = size, alpha, beta, k

    def forward(self, x: Array) -> Array:
        return kernels.local_response_norm_forward(x, *self.options)

    def backward(self, dy: Tensor) -> Tensor:
        x = self.saved(0)
        if not is_grad_enabled():
            return wrap(kernels.local_response_norm_backward(dy.data, x.data, *self.options))
        size, alpha, beta, k = self.options
        back, ahead = size // 2, (size - 1) // 2
        base = _channel_means(x * x, back, ahead) * alpha + k
        scaled = dy * base**-beta
        return scaled - 2 * alpha * beta * (x * _channel_means(scaled * x / base, ahead, back))


@own_names(half=True)
def local_response_norm(
    input: TensorLike,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    *,
    within_channel: bool = False,
) -> Tensor:
    """Divide by a power of the mean square around: y = input / (k + alpha * mean of input^2 over a window)^beta.

    The window of channel c holds the channels c - size // 2 to c + (size - 1) // 2; with within_channel it holds as
    many places on every axis of the same channel. What a window lacks at the edge counts as 0, and the mean always
    divides by the whole window.

    Args:
        input: (N, C, *sizes) with one axis or more, one to three with within_channel; float32 or float64.
        size: channels of a window, or places on each of its axes; >= 1.
        alpha, beta, k: finite numbers.
        within_channel: windows over places instead of channels.

    Returns:
        A Tensor of the shape of input.

    Raises:
        TypeError: another dtype, or an option of another kind.
        ValueError: another rank, or a size < 1.

    Source: A. Krizhevsky, I. Sutskever and G. E. Hinton, "ImageNet classification with deep convolutional neural
    networks", NIPS 2012, section 3.3, with alpha / size for alpha; within a channel as "same map" normalisation of
    A. Krizhevsky's cuda-convnet, with alpha / size^2 in two dimensions.

    >>> import tatamikomi as tk
    >>> x = [[[3.0, 4.0], [4.0, 3.0]]]
    >>> tk.functional.local_response_norm(x, 3, alpha=3.0, beta=0.5, k=0.0).numpy().round(3).tolist()[0]
    [[0.6..., 0.8...], [0.8..., 0.6...]]
    >>> tk.functional.local_response_norm(x, 3, 3.0, 0.5, 0.0, within_channel=True).numpy().round(3).tolist()[0]
    [[0.6..., 0.8...], [0.8..., 0.6...]]
    """
    op = "local_response_norm"
    x = as_input(op, "input", input)
    places = flag(op, "within_channel", within_channel)
    if x.ndim < 3 or (places and x.ndim > 5):
        raise bad_value(op, "input", f"shape {x.shape}", f"(N, C, *sizes) with {'1 to 3 axes' if places else 'axes'}")
    width = as_integer(op, "size", size, low=1)
    a, b, c = (as_number(op, name, v, -math.inf) for name, v in (("alpha", alpha), ("beta", beta), ("k", k)))
    if not places:
        return _LocalResponseNorm(width, a, b, c)(x)
    axes = x.ndim - 2
    pool: Any = (avg_pool1d, avg_pool2d, avg_pool3d)[axes - 1]
    pads = ((width // 2, (width - 1) // 2),) * axes
    means: Tensor = pool(x * x, width, 1, pads, divisor_override=width**axes)
    return x * (means * a + c) ** -b


def _root(total: Tensor, p: float) -> Tensor:
    """total ** (1 / p), which is 0 and has the derivative 0 where total is."""
    positive = total.data > 0
    return where(positive, where(positive, total, 1.0) ** (1 / p), 0.0)


def _norm(x: Tensor, p: float, dims: tuple[int, ...]) -> Tensor:
    """(sum |x|^p)^(1/p) over `dims`, which stay; at 0 the derivative is 0, as torch has it."""
    if math.isinf(p):
        return (amax if p > 0 else amin)(x.abs(), dims, True)
    if p == 0:
        return wrap((x.data != 0).sum(axis=dims, keepdims=True).astype(x.dtype))
    if p == 1:
        return x.abs().sum(dims, True)
    if p == 2:
        return _root((x * x).sum(dims, True), 2.0)
    size = x.abs()
    inside = size.data > 0
    return _root(where(inside, where(inside, size, 1.0) ** p, 0.0 if p > 0 else math.inf).sum(dims, True), p)


@own_names(half=True)
def normalize(input: TensorLike, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12) -> Tensor:
    """Vectors of length 1: y = input / max(norm, eps), norm = (sum |input|^p)^(1/p) over `dim`.

    Args:
        input: any shape, float32 or float64.
        p: the exponent; infinity is the largest |input|, -infinity the smallest, 0 the number of elements other
            than 0.
        dim: the axis, or axes, along which vectors lie.
        eps: a finite number, the least divisor.

    Returns:
        A Tensor of the shape of input.

    Raises:
        TypeError: another dtype, or an option of another kind.
        ValueError: an axis that does not exist, or an option out of range.

    >>> import tatamikomi as tk
    >>> tk.functional.normalize([[3.0, 4.0]]).numpy().round(3).tolist()
    [[0.6..., 0.8...]]
    """
    op = "normalize"
    x = as_input(op, "input", input)
    if isinstance(p, (bool, np.bool_)) or not isinstance(p, (int, float, np.integer, np.floating)):
        raise bad_type(op, "p", p, "a number")
    if math.isnan(p):
        raise bad_value(op, "p", p, "a number, or infinity")
    least = as_number(op, "eps", eps, -math.inf)
    if x.ndim == 0:  # one axis that is not there, as torch has it
        return normalize(x.reshape(1), p, dim, eps).reshape(())
    return x / _norm(x, float(p), normalise_dims(op, dim, x.ndim)).clip(least)
