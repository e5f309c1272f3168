"""Batch normalisation."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor, is_grad_enabled, where
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.scalars import is_relu


def _all_but_channels(x: Tensor) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _per_channel(v: Tensor, x: Tensor) -> Tensor:
    """(C,) as (1, C, 1, ...), to go with x (N, C, *sizes)."""
    return v.reshape(1, -1, *(1,) * (x.ndim - 2))


class _BatchNorm(Function):
    """Training: y = xhat * weight + bias, xhat = (x - mean) / sqrt(var + eps) with the batch's own mean and var."""

    saves: ClassVar[tuple[tuple[int, ...], ...]] = ((0, 1), (0,))
    fresh = True
    activation: ClassVar[str | None] = None

    def __init__(self, running_mean: Array | None, running_var: Array | None, momentum: float, eps: float) -> None:
        self.running = (running_mean, running_var, momentum)
        self.eps = eps

    def forward(self, x: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
        options = (*self.running, self.eps, self.activation)
        y, self.mean, self.invstd = kernels.batch_norm_forward(x, weight, bias, *options)
        return y

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        if self.activation is None and True not in self.needs[:2]:
            return None, None, dy.sum(_all_but_channels(dy))
        x = self.saved(0)
        weight, bias = (self.saved(i) if i in self._kept else None for i in (1, 2))
        if is_grad_enabled():
            return self.composed(dy, x, weight, bias)[: len(self.needs)]
        scale, shift = (None if one is None else one.data for one in (weight, bias))
        statistics = self.mean, self.invstd
        gradients = kernels.batch_norm_backward(dy.data, x.data, *statistics, scale, shift, self.activation)
        return tuple(wrap(one) for one in gradients[: len(self.needs)])

    def composed(
        self, dy: Tensor, x: Tensor, weight: Tensor | None, bias: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The same gradients in differentiable operations, mean and variance included."""
        dims = _all_but_channels(x)
        centred = x - x.mean(dims, True)
        invstd = ((centred * centred).mean(dims, True) + self.eps) ** -0.5
        xhat = centred * invstd
        if self.activation:
            y = xhat.data if weight is None else xhat.data * _per_channel(weight, x).data
            dy = where(y + (0 if bias is None else _per_channel(bias, x).data) > 0, dy, 0.0)
        g = dy if weight is None else dy * _per_channel(weight, x)
        dx = invstd * (g - g.mean(dims, True) - xhat * (g * xhat).mean(dims, True))
        return dx, (dy * xhat).sum(dims), dy.sum(dims)


class _BatchNormRelu(_BatchNorm):
    """max(y, 0) in the same pass; going back y's sign is found again from x."""

    saves = ((0, 1, 2), (0, 1, 2), (0, 1, 2))
    activation = "relu"


class _BatchNormInference(Function):
    """Evaluation: the same with given mean and var, which makes it linear in x."""

    saves = ((1,), (0,))
    activation: ClassVar[str | None] = None

    def __init__(self, mean: Array, var: Array, eps: float) -> None:
        self.mean, self.var, self.eps = mean, var, eps

    def forward(self, x: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
        return kernels.batch_norm_inference(x, self.mean, self.var, weight, bias, self.eps, activation=self.activation)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        if self.activation:
            dy = where(self.output().data > 0, dy, 0.0)
        dims = _all_but_channels(dy)
        invstd = _per_channel(wrap(1 / np.sqrt(self.var + self.var.dtype.type(self.eps))), dy)
        dx = dweight = dbias = None
        if self.needs[0]:
            dx = dy * (invstd * _per_channel(self.saved(1), dy) if len(self.needs) > 1 else invstd)
        if len(self.needs) > 1 and self.needs[1]:
            dweight = (dy * ((self.saved(0) - _per_channel(wrap(self.mean), dy)) * invstd)).sum(dims)
        if len(self.needs) > 2 and self.needs[2]:
            dbias = dy.sum(dims)
        return (dx, dweight, dbias)[: len(self.needs)]


class _BatchNormInferenceRelu(_BatchNormInference):
    """max(y, 0) in the same pass."""

    saves_output = True
    activation = "relu"


def inference(
    op: str, running_mean: TensorLike, running_var: TensorLike, eps: float, inputs: list[Tensor], relu: bool = False
) -> Tensor:
    """x, weight and bias as `inputs`, normalised by the running statistics, of which it keeps a copy."""
    mean = as_input(op, "running_mean", running_mean).data
    var = as_input(op, "running_var", running_var).data
    return (_BatchNormInferenceRelu if relu else _BatchNormInference)(mean.copy(), var.copy(), eps)(*inputs)


def _running(argument: str, value: TensorLike | None) -> Array | None:
    """The array that a training pass updates in place."""
    if value is None or isinstance(value, np.ndarray):
        return value
    if not isinstance(value, Tensor):
        raise bad_type("batch_norm", argument, type(value).__name__, "an array or a Tensor, to be updated in place")
    return value.data


@own_names(half=True, mean="running_mean", var="running_var")
def batch_norm(
    input: TensorLike,
    running_mean: TensorLike | None,
    running_var: TensorLike | None,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    activation: str | None = None,
) -> Tensor:
    """Normalise every channel: y = (input - mean) / sqrt(var + eps) * weight + bias.

    In training mean and (biased) variance are those of the batch, over all dimensions but the channels, and the
    running statistics move towards them in place: running = (1 - momentum) * running + momentum * batch, with the
    unbiased variance. Otherwise the running statistics themselves are used.

    Args:
        input: (N, C) or (N, C, *sizes), float32 or float64.
        running_mean, running_var: (C,), or None in training (nothing is kept).
        weight, bias: (C,) or None.
        training: normalise by the batch.
        momentum: of the running statistics, a finite number.
        eps: added to the variance, a finite number; the result is NaN where var + eps < 0.
        activation: None, or "relu": max(y, 0), both ways in the same passes over memory; same bits as `relu` after.

    Returns:
        A Tensor of the shape of input.

    Raises:
        TypeError: other or mixed dtypes.
        ValueError: shapes that do not fit, one value per channel in training, no running statistics otherwise,
            an unknown activation.

    Source: S. Ioffe and C. Szegedy, "Batch normalization", arXiv:1502.03167.

    >>> import tatamikomi as tk
    >>> tk.functional.batch_norm([[1.0], [3.0]], None, None, training=True, eps=0.0)
    tensor([[-1.],
            [ 1.]])
    """
    op = "batch_norm"
    relu = is_relu(op, activation)
    x = as_input(op, "input", input)
    if x.ndim < 2:
        raise bad_value(op, "input", f"shape {x.shape}", "(N, C) or (N, C, *sizes)")
    if weight is None and bias is not None:
        weight = np.ones(x.shape[1], x.dtype)
    inputs = [x]
    for argument, value in (("weight", weight), ("bias", bias)):
        if value is not None:
            inputs.append(as_input(op, argument, value))
    if not training:
        if running_mean is None or running_var is None:
            raise bad_value(op, "running_mean and running_var", "None", "both, or training=True")
        return inference(op, running_mean, running_var, eps, inputs, relu)
    if x.numel() == x.shape[1]:
        raise bad_value(op, "input", f"shape {x.shape}", "more than one value per channel in training")
    mean_array, var_array = _running("running_mean", running_mean), _running("running_var", running_var)
    y = (_BatchNormRelu if relu else _BatchNorm)(mean_array, var_array, momentum, eps)(*inputs)
    for value in (running_mean, running_var):
        if isinstance(value, Tensor):
            value.bump()
    return y
